"""Every verb that takes text, given random and mutated strings: an answer or an error of our own, in seconds."""

from __future__ import annotations

import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

import tensorprop as tp
from tensorprop.errors import TensorpropError
from tests.text.test_fuzz import strings

LIMIT = 5.0  # seconds for a string

# What slipped through once, each through the verb in brackets.
SLIPPED = [
    "p_t = exp(s_t) 1e999",
    "p_t = exp(s_t) / 1e999",
    "p_t = exp(s_t) (1e999 + 1/2)",
    r"\frac{a}{b} \sum_{u} W_{uj} z \odot \sigma(x_u)",
    r"y_j = \frac{a}{b} \sum_{u} W_{uj} \odot \sigma(x_u)",
    "m_i = mean_j(A_ij^x2)",
    r"\frac###{((((!(##{((((!(]]]]++->",
    "s_" + "δ" * 60,
    "s = s_" + "δ" * 60,
    "z = s_" + "δ" * 60 + " t_" + "δ" * 60,
    "y_i = 0 x_i + 0.5",
    "delta z_bj = 2 delta h_j",
    r"∂²E/∂x_k∂x_l =\frac{a}{b}kl",
]


def _arrays(s: Any) -> dict[str, Any]:
    import numpy as np

    r = np.random.default_rng(0)
    return {name: r.standard_normal((2,) * s.rank(name)) for name in s.inputs}


def _run(text: str) -> object:
    s = tp.parse(text)
    if max((s.rank(name) for name in s.names), default=0) > 6:
        return None
    return tp.compile(s, backend="numpy")(**_arrays(s))


def _plan(text: str) -> object:
    s = tp.parse(text)
    return tp.plan(text, dict.fromkeys((i for eq in s for i in (*eq.letters, *eq.value.binds)), 3))


def _derive(text: str) -> object:
    s = tp.parse(text)
    return tp.derive(s, wrt=s.inputs[:1] or "x")


VERBS: dict[str, Callable[[str], object]] = {
    "parse": tp.parse,
    "parse einsum": lambda t: tp.parse_einsum(t, names="A B"),
    "show": tp.show,
    "derive": _derive,
    "derive by the text": lambda t: tp.derive("y = x_i A_ij x_j", wrt=t),
    "adjoint": tp.adjoint,
    "adjoint by the text": lambda t: tp.adjoint("z_j = a_i W_ij", wrt=t),
    "simplify": tp.simplify,
    "equivalent": lambda t: tp.equivalent(t, t),
    "formula": lambda t: [getattr(tp.formula(t), style) for style in ("unicode", "latex", "typst", "numpy")],
    "explain": lambda t: str(tp.explain(t)),
    "attempt": lambda t: str(tp.explain("z_j = a_i W_ij", wrt="W", attempt=t)),
    "check": lambda t: str(tp.check(t)),
    "plan": _plan,
    "plan without sizes": lambda t: tp.plan(t, {}),
    "numpy": _run,
    "batch": lambda t: tp.batch(t, "b", over=tp.parse(t).inputs),
    "layer": lambda t: str(tp.Layer(t)),
    "backward": lambda t: str(tp.Layer("z_j = a_i W_ij; h_j = tanh(z_j)", t)),
    "given": lambda t: tp.Layer("z_j = a_i W_ij", given=t),
    "chain": lambda t: str(tp.chain("z_j = a_i W_ij", t)),
}


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Whatever takes longer is interrupted, as a failure of the test."""

    def late(*_: object) -> None:
        raise TimeoutError(f"more than {seconds} s")

    held = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, held)


def refused(verb: str, text: str) -> str:
    """``read``, or the kind of the error; anything but a TensorpropError is raised, with the text."""
    try:
        with limited(LIMIT), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            VERBS[verb](text)
    except TensorpropError as error:
        assert str(error)
        return error.kind
    except BaseException as error:
        raise AssertionError(f"{verb}({text!r}): {type(error).__name__}: {error}") from error
    return "read"


@pytest.mark.parametrize("verb", VERBS)
def test_what_slipped_through_once(verb: str) -> None:
    for text in SLIPPED:
        refused(verb, text)


@pytest.mark.parametrize("verb", VERBS)
def test_only_errors_of_our_own_escape_from_a_verb(verb: str) -> None:
    seen = Counter(refused(verb, text) for text in strings(60, seed=VERBS_SEED + list(VERBS).index(verb)))
    assert seen


VERBS_SEED = 7_000


@pytest.mark.campaign
@pytest.mark.parametrize("verb", VERBS)
def test_campaign(verb: str) -> None:
    faults: list[str] = []
    for text in strings(3_000, seed=Random(verb).randrange(10**6)):
        try:
            refused(verb, text)
        except AssertionError as fault:
            faults.append(str(fault))
    assert not faults, "\n".join(faults[:20])
