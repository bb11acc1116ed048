"""A loop takes as many steps as its equations need, puts nothing aside in them, and is what it was."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.extents import extents
from tensorprop.run.reference import evaluate
from tensorprop.run.timing import timed

ODE = """
    k_ni = tanh(x_nj A_ij); l_ni = tanh(A_ij (x_nj + 0.05 k_nj)); x_{n+1,i} = x_ni + 0.05 (k_ni + l_ni); x_{0,i} = g_i
    dim(n) = 5; E = x[5,i]^2
"""
SHAPES = {"A": (3, 3), "g": (3,)}


def loops(s: tp.System, shapes: dict[str, tuple[int, ...]]) -> Any:
    x = extents(s, shapes)
    return [timed(steps, x) for steps in {id(n): n for n in x.steps.values()}.values()]


def test_what_is_written_ahead_takes_no_step_more() -> None:
    s = tp.parse(ODE)
    (found,) = loops(s, SHAPES)
    assert found.length == 5 and found.low == {"k": 0, "l": 0, "x": 1} and not found.first
    assert [eq.name for eq in found.body] == ["k", "l", "x"]


def test_the_way_back_begins_with_what_is_owed_to_the_last_state() -> None:
    s = tp.parse(ODE).only(["E"])
    whole = s + tp.adjoint(s)
    _, back = loops(whole, SHAPES)
    assert back.length == 5 and [(eq.name, p) for eq, p, _ in back.first] == [("δx", 5)]
    assert "[" not in "".join(str(v) for v in back.body.values()).replace("δx[", "")


def test_no_step_puts_anything_aside() -> None:
    g = tp.value_and_grad(ODE, wrt="A g")
    program = str(jax.make_jaxpr(lambda p: g(p))({n: np.ones(shape) for n, shape in SHAPES.items()}))
    assert re.findall(r"length=(\d+)", program) == ["5", "5"]
    assert "select_n" not in program and "gather" not in program


def test_equations_that_do_not_fit_stand_at_one_place() -> None:
    """Each reads the other two steps ahead of where it could stand alone."""
    s = tp.parse("u[t+2] = v_t; v[t+1] = u[t+1] + x_t; u[0] = 0; u[1] = 1; v[0] = 2; E = Σ_a u_a; dim(t) = 4")
    (found,) = loops(s, {"x": (4,)})
    got = tp.compile(s, "numpy", outputs="E")(x=np.arange(4.0))
    np.testing.assert_allclose(got, evaluate(s, {"x": np.arange(4.0)})["E"])
    assert found.length == 4 and found.low == {"u": 2, "v": 1}


@pytest.mark.parametrize("last", ["v[dim(r,0)-1] = 0", "v[4] = 0"])
def test_what_is_written_behind_has_no_entry_before_the_first(last: str, x64: None) -> None:
    """``v_{t-1}`` at t = 0 is no entry of v: it is neither the last one nor owed anything."""
    s = tp.parse(f"v[t-1] = r_t + c v_t; {last}; E = Σ_t v_t^2")

    def naive(p: Any) -> Any:
        v, total = 0.0, 0.0
        for t in range(4, 0, -1):
            v = p["r"][t] + p["c"] * v
            total = total + v**2
        return total

    p = {"r": jnp.arange(1.0, 6), "c": jnp.asarray(0.5)}
    want, slopes = jax.value_and_grad(naive)(p)
    for value in (tp.compile(s, "numpy", outputs="E")(**p), evaluate(s, p)["E"]):
        np.testing.assert_allclose(value, want, rtol=1e-14)
    for n, g in tp.value_and_grad(s, wrt="r c")(p)[1].items():
        np.testing.assert_allclose(g, slopes[n], rtol=1e-13)


def drawn(seed: int) -> str:
    """States written at the time, ahead of it or behind, with brackets on the time and starts inside or not."""
    rng = np.random.default_rng(seed)
    step = 1 if rng.random() < 0.6 else -1
    names = "uvw"[: rng.integers(1, 4)]
    ahead = {x: step * int(rng.integers(0, 3)) if rng.random() < 0.7 else 0 for x in names}
    lines: list[str] = []
    for k, x in enumerate(names):
        terms = ["x_ti" if rng.random() < 0.5 else "[t < 3] x_ti"]
        for m, y in enumerate(names):
            if rng.random() < 0.8:
                back = 1 if rng.random() < 0.8 else 2
                place = ahead[x] - (0 if m < k and rng.random() < 0.4 else back * step)
                read = (
                    f"{y}[t{place:+d},j] {rng.choice(['W', 'V'])}_ij" if rng.random() < 0.6 else f"{y}[t{place:+d},i]"
                )
                guard = rng.choice(["", "", "", "[t < 4] ", "[t > 0] ", "[t = 4] "])
                terms.append(f"{rng.choice(['', '2 ', '0.5 '])}{guard}{read}")
        lines.append(f"{x}[t{ahead[x]:+d},i] = {rng.choice(['tanh', 'sin', ''])}({' + '.join(terms)})")
        if rng.random() < 0.7:
            first = ahead[x] - 1 if step > 0 else ahead[x] + 5
            lines.append(f"{x}[{first + (step if rng.random() < 0.1 else 0)},i] = g_i")
        lines.append(f"outside({x}) = 0")
    sums = " + ".join(f"Σ_{a}i {x}[{a},i] h_i" for x, a in zip(names, "abc", strict=False))
    return "; ".join((*lines, f"E = {sums}", "dim(t) = 5")).replace("t+0", "t")


def held(seed: int) -> bool:
    """Whether the page of a number stands for something; if so, it is what the reference says, and its rules too."""
    rng = np.random.default_rng(seed)
    shapes = {"W": (2, 2), "V": (2, 2), "x": (5, 2), "g": (2,), "h": (2,)}
    try:
        s = tp.parse(drawn(seed))
        p = {n: rng.normal(size=shapes[n]) for n in s.inputs}
        want = evaluate(s, p)
    except tp.TensorpropError:  # no past is read, or an entry is given by nothing
        return False
    try:
        whole = s + tp.adjoint(s.only(["E"]))
        want = evaluate(whole, p)
    except tp.TensorpropError:  # tensors of different lengths beside one another in a rule
        whole = s
    names = [eq.name for eq in whole]
    got = tp.compile(whole, "numpy", outputs=names)(**p)
    for name in names:
        np.testing.assert_allclose(got[name], want[name], rtol=1e-11, atol=1e-11, err_msg=f"{name} of {drawn(seed)}")
    return True


def test_random_recurrences_at_places_of_their_own() -> None:
    assert sum(map(held, range(40))) > 20


@pytest.mark.campaign
def test_many_random_recurrences_at_places_of_their_own() -> None:
    assert sum(map(held, range(40, 800))) > 400
