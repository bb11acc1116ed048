"""Systems whose forms have an operation of their own, with arrays: compiled, they are compared with loops."""

from __future__ import annotations

from typing import Any

import numpy as np

from tensorprop.calculus.adjoint import adjoint
from tensorprop.run.api import compile
from tensorprop.text import parse
from tests import oracle
from tests.compare import wrong

_RNG = np.random.default_rng(12)


def normal(*shape: int) -> Any:
    return _RNG.normal(size=shape)


def whole(n: int, *shape: int) -> Any:
    """Whole numbers below n."""
    return _RNG.integers(0, n, shape)


def faults(text: str, arrays: dict[str, Any], wrt: str) -> list[str]:
    """Where the compiled outputs, and the compiled rules, are further from the loops than rounding explains."""
    s = parse(text)
    names = tuple(wrt.split())
    rules = adjoint(s, wrt=names)
    both = s + rules
    values = oracle.values(s, arrays)
    seeds = {n: np.cos(1.0 + np.arange(values[n].value.size)).reshape(values[n].value.shape) for n in s.outputs}
    asked = {f"δ{n}": a for n, a in seeds.items() if f"δ{n}" in both.inputs}
    seeds = {n: a if f"δ{n}" in asked else np.ones(()) for n, a in seeds.items()}
    f = compile(both, outputs=[*s.outputs, *(f"δ{n}" for n in names)])
    out = f(**arrays, **asked)
    judged = {n: j for n, j in values.items() if n in s.outputs}
    slopes = {f"δ{n}": j for n, j in oracle.gradients(s, arrays, names, seeds).items()}
    return wrong(out, {**judged, **slopes})


def program(text: str, arrays: dict[str, Any], wrt: str = "") -> str:
    """The program of the outputs, or of the rules, as JAX lowers it."""
    import jax

    s = parse(text)
    if wrt:
        both = s + adjoint(s, wrt=tuple(wrt.split()))
        values = oracle.values(s, arrays)
        arrays = {**arrays, **{f"δ{n}": values[n].value.astype(float) for n in s.outputs if f"δ{n}" in both.inputs}}
        f = compile(both, outputs=[f"δ{n}" for n in wrt.split()])
    else:
        f = compile(s)
    return jax.jit(lambda d: f(**d)).lower({n: arrays[n] for n in f.inputs}).as_text()
