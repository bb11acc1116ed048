"""Reading and showing cost in proportion to what is read and shown: counted in calls, not in seconds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from tensorprop.core.build import add, mul, tensor
from tensorprop.core.equation import equation, system
from tensorprop.errors import TensorpropError
from tensorprop.text import parse, show


def calls(run: Callable[[], Any]) -> int:
    """The number of calls, of Python and of C functions, that ``run`` makes."""
    n = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal n
        n += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        run()
    except TensorpropError:
        pass
    finally:
        sys.setprofile(None)
    return n


LONG = {
    "equations": lambda n: "\n".join(f"z{k}_bj = a{k}_bi W{k}_ij + b{k}_j" for k in range(n)),
    "terms": lambda n: "y = " + " + ".join(f"a{k}_i b_i" for k in range(n)),
    "factors": lambda n: "y = " + " ".join(f"a{k}_i" for k in range(n)),
    "letters": lambda n: "y = f(x) " + " ".join(f"a[i{k}] a[i{k}]" for k in range(n)),
    "closed": lambda n: "y = (" + " + ".join(f"a[i{k}]^2" for k in range(n)) + ") x",
    "brackets": lambda n: "y_t = " + " + ".join(f"[t > {k}] a_t" for k in range(n)),
    "unclosed": lambda n: "y = [x > 1] " + "b[" * 90 + "+ b" * n,
    "labels": lambda n: "y = " + " + ".join(f"W^({k})_i a_i" for k in range(n)),
    "sizes": lambda n: "y = dim(i) " + " ".join(["a_i"] * n),
    "spaces": lambda n: "y = a^(b" + " " * 20 * n,
    "primes": lambda n: "y = f" + "'" * n + "(x)",
    "nothing": lambda n: "; " * n,
}


@pytest.mark.parametrize("kind", LONG)
def test_reading_is_linear(kind: str) -> None:
    parse("y = a")
    small, large = (calls(lambda n=n: parse(LONG[kind](n))) for n in (150, 600))
    assert large < 5.5 * small + 2000


@pytest.mark.parametrize("kind", ["equations", "terms", "factors", "brackets", "labels"])
def test_showing_is_linear(kind: str) -> None:
    systems = [parse(LONG[kind](n)) for n in (150, 600)]
    small, large = (calls(lambda s=s: show(s)) for s in systems)
    assert large < 5.5 * small + 2000


def test_showing_a_shared_chain_is_linear() -> None:
    def chain(n: int) -> object:
        e = tensor("x", "i")
        for _ in range(n):
            e = mul(add(e, tensor("a", "i")), add(e, tensor("b", "i")))
        return system([equation(tensor("y", "i"), e)])

    chains = [chain(n) for n in (40, 160)]
    small, large = (calls(lambda s=s: show(s)) for s in chains)
    assert large < 5.5 * small + 20_000


def test_a_plain_equation_takes_few_calls() -> None:
    text = "\n".join(f"z{k}_bj = a{k}_bi W{k}_ij + b{k}_j" for k in range(200))
    assert calls(lambda: parse(text)) / 200 < 450
