"""Functions of the kinds that people write are read: their values and gradients, at the sizes read at and at others."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.calculus.adjoint import adjoint
from tensorprop.core.equation import System
from tensorprop.run.reference import evaluate
from tensorprop.text import parse, show
from tensorprop.trace.jax_read import from_jax
from tests.trace.kinds import KINDS, READ_AT, RUN_AT, Kind
from tests.uncompiled import uncompiled

STAYS = 4e-5  # float32 numbers of a program that are no short decimals


def shape(word: str, sizes: dict[str, int]) -> tuple[int, ...]:
    letters = word.partition("<")[0].replace("!", "").replace("+", "").replace("~", "")
    return tuple(int(i) if i.isdigit() else sizes[i] for i in letters)


def structs(kind: Kind) -> list[Any]:
    words = kind.args.split(" ")
    dtypes = ["int32" if "<" in w else "complex64" if "~" in w else "float32" for w in words]
    return [jax.ShapeDtypeStruct(shape(w, READ_AT), dtype) for w, dtype in zip(words, dtypes, strict=True)]


def arrays(kind: Kind, sizes: dict[str, int], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    out = []
    for w in kind.args.split(" "):
        size = shape(w, sizes)
        below = w.partition("<")[2]
        if below:
            out.append(rng.integers(0, int(below) if below.isdigit() else sizes[below], size).astype(np.int32))
        elif "!" in w:
            a = rng.normal(size=size)
            out.append(a @ a.T + 2 * np.eye(len(a)))
        elif "~" in w:
            out.append(rng.normal(size=size) + 1j * rng.normal(size=size))
        else:
            out.append(rng.uniform(0.2, 1, size) if "+" in w else rng.normal(size=size))
    return out


def read(kind: Kind) -> System:
    words = [f"a{n}" for n in range(len(kind.args.split(" ")))]
    return from_jax(kind.fn, *structs(kind), names=words)


def fitting(kind: Kind, sizes: dict[str, int], s: System, seed: int = 0) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Arrays for the function, and for the System, with the tables that it brings where sizes are those read at."""
    given = arrays(kind, sizes, seed)
    return given, {n: a for n, a in ((f"a{n}", a) for n, a in enumerate(given)) if n in s.inputs} | dict(s.constants)


def near(ours: Any, theirs: Any) -> None:
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    ours = ours.reshape(theirs.shape)  # axes of size 1 are left out of what is read
    assert np.allclose(ours, theirs, rtol=STAYS, atol=STAYS * max(1.0, float(np.abs(theirs).max()))), np.abs(
        ours - theirs
    ).max()


def values(kind: Kind, s: System) -> None:
    """The values of the function: where it was read, and at other sizes, unless it brings arrays of one size."""
    (y,) = s.outputs
    for sizes in (READ_AT, RUN_AT)[: 1 if s.constants else 2]:
        given, mine = fitting(kind, sizes, s)
        with jax.enable_x64(True):
            near(evaluate(s, mine)[y], uncompiled(kind.fn)(*map(jnp.asarray, given)))


def gradients(kind: Kind, s: System) -> None:
    """The gradient of Σ w y, by every argument that is a float."""
    (y,) = s.outputs
    given, mine = fitting(kind, READ_AT if s.constants else RUN_AT, s, seed=1)
    floats = [n for n, a in enumerate(given) if a.dtype.kind in "fc" and f"a{n}" in s.inputs]
    rules = adjoint(s, [f"a{n}" for n in floats], of=y)
    with jax.enable_x64(True):
        some = list(map(jnp.asarray, given))
        out = jax.eval_shape(kind.fn, *some)
        weights = np.random.default_rng(2).normal(size=out.shape) if s.rank(y) else np.ones(out.shape)
        weighted = _weighted(kind.fn, floats, some, jnp.asarray(weights, out.dtype))
        want = uncompiled(weighted)(*(some[n] for n in floats))
    if s.rank(y):
        mine[f"δ{y}"] = mine[f"δ{y}^(out)"] = weights.reshape([n for n in weights.shape if n > 1])
    both = evaluate(s + rules, {n: a for n, a in mine.items() if n in (s + rules).inputs})
    for n, w in zip(floats, want, strict=True):
        near(both[f"δa{n}"] if f"δa{n}" in both else np.zeros(w.shape), w)


def _weighted(fn: Callable[..., Any], at: list[int], given: list[Any], weights: Any) -> Callable[..., Any]:
    """What is owed to some of the arguments of a function, for these weights of its result."""

    def of(*some: Any) -> Any:
        return fn(*(some[at.index(n)] if n in at else a for n, a in enumerate(given)))

    return lambda *some: jax.vjp(of, *some)[1](weights)


def compared(kind: Kind) -> None:
    """The function is read, without a word but for what is known, and does the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="from_jax: " + "|".join(SAID))
        s = read(kind)
    assert s.constants or parse(show(s)) is s
    values(kind, s)
    if kind.smooth:
        gradients(kind, s)


SAID = (
    ".*(is taken to be symmetric|entries to which nothing goes)",
    ".*(has size 1 and is left out|is the input const|a derivative rule of its own)",
    ".*(the last entry of an axis is read as entry 1|axis 0 of a0 over axis 0 of a1 stays 6)",
    ".*axis 0 of a1 is read at its size 3 alone",
)
DAILY = (
    "rotary embedding, pairs", "merged heads", "softmax, but its last", "vae heads", "total variation",
    "concatenated with a cache",
    "gru cell", "rnn", "lstm", "discounted returns", "three steps", "cho_solve", "lu_solve", "triangular", "top_k",
    "rows in order", "ranks", "by two keys", "one of a row set", "greatest at places", "the one before",
    "phase retrieval", "capacity", "eigenvalues", "spectral norm", "copies",
    "sort", "cumsum", "dynamic slice", "strided convolution", "grouped convolution", "segments",
    "padded pooling", "group norm", "own rule",
    "rotary, interleaved", "attention with distances", "whitened by eigenvectors", "kalman step", "groups of heads",
    "the best, weighed", "normed convolution", "lu and solve, transposed", "channel shuffle", "mixture of normals",
)  # fmt: skip


@pytest.mark.parametrize("kind", [k for k in KINDS if k.name in DAILY], ids=[k.name for k in KINDS if k.name in DAILY])
def test_kind(kind: Kind) -> None:
    compared(kind)


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS, ids=[k.name for k in KINDS])
def test_every_kind(kind: Kind) -> None:
    compared(kind)


def test_a_scan_is_a_recurrence() -> None:
    def rnn(x, W, U, h):
        return jax.lax.scan(lambda h, a: (jnp.tanh(a @ W + h @ U),) * 2, h, x)[1]

    f32 = jax.ShapeDtypeStruct
    shapes = ((6, 5), (5, 4), (4, 4), (4,))
    s = from_jax(rnn, *(f32(shape, "float32") for shape in shapes), names="x W U g -> h")
    assert show(s) == "z_tj = x_ti W_ij + h[t-1, k] U_kj\nh_tj = tanh(z_tj)\nh[-1, j] = g_j"
