"""The corpora's cases: arrays made from their descriptions, and their code, run on NumPy arrays in float64.

The cases come from public collections of identities (tests/data/*.json, each with its source); their code strings are
part of the repository and were checked against jax when the files were made.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

DATA = Path(__file__).resolve().parent.parent / "data"
SEEDS = (20240917, 20240918)

Case = dict[str, Any]


def cases(name: str, *keys: str) -> list[Case]:
    """The cases of a file, of one or of several of its lists."""
    content = json.loads((DATA / name).read_text(encoding="utf-8"))
    return [case for key in keys or ("cases",) for case in content[key]]


def array(rng: np.random.Generator, spec: Case) -> np.ndarray:
    """An array of the described shape and kind."""
    if "value" in spec:
        return np.array(spec["value"], dtype=spec.get("dtype", "float64"))
    shape = tuple(spec["shape"])
    match spec.get("kind", "general"):
        case "general":
            return rng.normal(size=shape)
        case "small":
            return 0.3 * rng.normal(size=shape)
        case "positive":
            return rng.uniform(0.5, 2.0, size=shape)
        case "unit":
            return rng.uniform(0.05, 0.95, size=shape)
        case "symmetric":
            a = rng.normal(size=shape)
            return (a + np.swapaxes(a, -1, -2)) / 2
        case "spd":
            a = rng.normal(size=shape)
            return a @ np.swapaxes(a, -1, -2) + 0.5 * np.eye(shape[-1])
        case "wellcond":
            a = 0.3 * rng.normal(size=shape) + np.eye(shape[-1])
            return a if np.linalg.det(a) > 0 else array(rng, spec)
        case "int":
            return rng.integers(spec.get("low", 0), spec["high"], size=shape)
        case "mask":
            return (rng.uniform(size=shape) < spec.get("p", 0.6)).astype(float)
        case "sign":
            return np.where(rng.uniform(size=shape) < 0.5, -1.0, 1.0)
        case "prob":
            p = rng.uniform(0.1, 1.0, size=shape)
            return p / p.sum(-1, keepdims=True)
        case "onehot":
            return np.eye(shape[-1])[rng.integers(0, shape[-1], size=shape[:-1])]
        case "wellcond":
            return rng.normal(size=shape) + 2 * shape[-1] * np.eye(shape[-1])
        case "int":
            return rng.integers(spec.get("low", 0), spec["high"], size=shape)
        case kind:
            raise ValueError(f"unknown kind of array: {kind}")


def arrays(case: Case, seed: int) -> dict[str, np.ndarray]:
    """The arrays of a case."""
    rng = np.random.default_rng(seed)
    return {name: array(rng, spec) for name, spec in case["inputs"].items()}


def _names() -> dict[str, Any]:
    return {
        "np": np,
        "expm": scipy.linalg.expm,
        "erf": scipy.special.erf,
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    }


def value(code: str, given: dict[str, np.ndarray]) -> np.ndarray:
    """A code string as an expression."""
    return np.asarray(eval(compile(code.strip(), "<corpus>", "eval"), {**_names(), **given}))


def definition(source: str, name: str) -> Any:
    """A code string as a function."""
    space = _names()
    exec(compile(source, "<corpus>", "exec"), space)
    return space[name]


def close(a: Any, b: Any) -> bool:
    """Equal shapes, and entries equal to what two float64 computations of a small case may differ by."""
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and bool(np.allclose(a, b, rtol=1e-10, atol=1e-11))
