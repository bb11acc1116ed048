"""Compiled equations and rules beside naive JAX code and its ``jax.grad``, entry by entry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp
from tests.uncompiled import uncompiled


def differences(text: str, arrays: dict[str, Any], wrt: str, naive: Callable[..., Any]) -> list[str]:
    """What differs by more than rounding: the value, in two backends, or a gradient by ``wrt``."""
    s = tp.parse(text)
    names = tuple(wrt.split())
    want = uncompiled(naive)(**arrays)
    value = uncompiled(tp.compile(s))(**arrays)
    found = {"value": (value, want), "reference": (tp.compile(s, backend="numpy")(**arrays), want)}
    if names:
        seed = np.cos(1.0 + np.arange(want.size)).reshape(want.shape) if want.shape else np.ones(())
        (out,) = s.outputs
        both = s + tp.adjoint(s, wrt=names)
        asked = {f"δ{out}": seed} if f"δ{out}" in both.inputs else {}
        rules = tp.compile(both, outputs=[out, *(f"δ{n}" for n in names)])
        got = uncompiled(rules)(**arrays, **asked)
        at = {n: jnp.asarray(arrays[n]) for n in names}
        slopes = uncompiled(jax.grad(lambda p: jnp.sum(naive(**{**arrays, **p}) * seed)))(at)
        found.update({n: (got[f"δ{n}"], slopes[n]) for n in names})
    return [n for n, (a, b) in found.items() if not close(a, b)]


def close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    scale = float(np.max(np.abs(b), initial=1.0, where=np.abs(b) < 1e20))
    return a.shape == b.shape and bool(np.all((np.abs(a - b) <= 400 * np.finfo(float).eps * scale) | (a == b)))


def lowered(text: str, arrays: dict[str, Any], wrt: str = "") -> str:
    """The program of the value, or of the rules, as JAX lowers it."""
    s = tp.parse(text)
    if wrt:
        (out,) = s.outputs
        both = s + tp.adjoint(s, wrt=tuple(wrt.split()))
        f = tp.compile(both, outputs=[f"δ{n}" for n in wrt.split()])
        arrays = {**arrays, f"δ{out}": tp.compile(s)(**arrays)} if f"δ{out}" in f.inputs else arrays
    else:
        f = tp.compile(s)
    return jax.jit(lambda d: f(**d)).lower({n: arrays[n] for n in f.inputs}).as_text()
