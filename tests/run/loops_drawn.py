"""Random recurrences, each as text and as a naive loop in JAX: several states, two steps back, either direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

T, J = 4, 2
FUNCTIONS: dict[str, Callable[[Any], Any]] = {"tanh": jnp.tanh, "sin": jnp.sin, "σ": jax.nn.sigmoid, "": lambda v: v}
WAYS = ("forwards", "backwards", "left")


class Drawn(NamedTuple):
    """A recurrence: its text, arrays, and the loop that gives its output E."""

    text: str
    arrays: dict[str, Any]
    naive: Callable[[Any], Any]


class _State(NamedTuple):
    function: str
    terms: tuple[tuple[str, str, int], ...]  # what is done, to which state, how many steps back


def recurrence(seed: int) -> Drawn:
    """The recurrence of a number."""
    rng = np.random.default_rng(seed)
    way, count = WAYS[seed % 3], int(rng.integers(1, 4))
    names = "pqr"[:count]
    states: dict[str, _State] = {}
    for k, name in enumerate(names):
        terms = [("input", name, 0)] if rng.random() < 0.8 else []
        for other in rng.permutation(list(names))[: int(rng.integers(1, count + 1))]:
            now = other in names[:k] and way != "left" and rng.random() < 0.4
            terms.append(
                (str(rng.choice(["matrix", "scale", "gate"])), str(other), 0 if now else int(rng.integers(1, 3)))
            )
        if all(back == 0 for _, _, back in terms):
            terms.append(("scale", name, 1))
        states[name] = _State(str(rng.choice(list(FUNCTIONS))), tuple(terms))
    last = bool(rng.random() < 0.4)
    return Drawn(_text(states, way, last), _arrays(states, rng), lambda p: _loop(states, way, last, p))


def _text(states: dict[str, _State], way: str, last: bool) -> str:
    def at(name: str, back: int, letter: str) -> str:
        if way == "backwards":
            return f"{name}[t{f'+{back}' if back else ''}, {letter}]"
        if way == "left":  # s_{t+2} from s_{t+1} and s_t
            return f"{name}[t{f'+{2 - back}' if back < 2 else ''}, {letter}]"
        return f"{name}[t{f'-{back}' if back else ''}, {letter}]"

    lines: list[str] = []
    for name, state in states.items():
        parts: list[str] = []
        for kind, other, back in state.terms:
            read = at(other, back, "k" if kind == "matrix" else "j")
            parts.append(
                {"input": f"x{name}_tj", "matrix": f"{read} W{name}{other}_kj", "scale": f"c{name}_t {read}",
                 "gate": f"tanh({read}) x{name}_tj"}[kind]
            )  # fmt: skip
        lines.append(f"{at(name, 0, 'j')} = {state.function}({' + '.join(parts)})")
        starts = {"forwards": ("-1", "-2"), "backwards": ("dim(y, 0)", "dim(y, 0)+1"), "left": ("1", "0")}[way]
        lines += [f"{name}[{place}, j] = {'g' if n == 0 else '0.5 g'}{name}_j" for n, place in enumerate(starts)]
    first = next(iter(states))
    whole = {"forwards": f"{first}[dim(y, 0)-1, j]", "backwards": f"{first}[0, j]", "left": f"{first}[dim(y, 0)+1, j]"}[
        way
    ]
    lines.append(f"E = Σ_j sin({whole})" if last else f"E = y_tj {at(first, 0, 'j')}")
    return "\n".join([*lines, "dim(t) = dim(y, 0)"])


def _arrays(states: dict[str, _State], rng: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"y": rng.normal(size=(T, J))}
    for name, state in states.items():
        found[f"g{name}"] = rng.normal(size=J)
        for kind, other, _ in state.terms:
            if kind in ("input", "gate"):
                found[f"x{name}"] = rng.normal(size=(T, J))
            elif kind == "scale":
                found[f"c{name}"] = rng.normal(size=T)
            else:
                found[f"W{name}{other}"] = rng.normal(size=(J, J))
    return found


def _loop(states: dict[str, _State], way: str, last: bool, p: Any) -> Any:
    past = {name: [0.5 * p[f"g{name}"], p[f"g{name}"]] for name in states}
    first, total = next(iter(states)), 0.0
    for t in reversed(range(T)) if way == "backwards" else range(T):
        for name, state in states.items():
            v = jnp.zeros(J)
            for kind, other, back in state.terms:
                read = past[other][_back(past, name, other, back)]
                if kind == "input":
                    v = v + p[f"x{name}"][t]
                elif kind == "matrix":
                    v = v + read @ p[f"W{name}{other}"]
                elif kind == "scale":
                    v = v + p[f"c{name}"][t] * read
                else:
                    v = v + jnp.tanh(read) * p[f"x{name}"][t]
            past[name].append(FUNCTIONS[state.function](v))
        total = total + p["y"][t] @ past[first][-1]
    return jnp.sum(jnp.sin(past[first][-1])) if last else total


def _back(past: dict[str, list[Any]], name: str, other: str, back: int) -> int:
    """Where the entry so many steps back stands: of a state of this step already one further from the end."""
    done = len(past[other]) > len(past[name])
    return -back - (1 if done else 0) if back else -1
