"""``debug="nan"`` names step, equation, tensor and entry of the first NaN or infinity; ``f.program`` is what runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import NotFinite, UsageError

F32 = np.float32


def raised(call: Callable[[], Any]) -> str:
    with pytest.raises(NotFinite) as caught:
        call()
    return str(caught.value)


def test_an_infinity_is_found_where_it_is_made() -> None:
    page = "p_bj = relu(z_bj); q_bj = 2 log(p_bj); E = q_bj y_bj"
    f = tp.compile(page, debug="nan")
    z = np.array([[1.0, 2], [3, -4]], F32)
    told = raised(lambda: f(z=z, y=np.ones((2, 2), F32)))
    assert "the first infinity is log(p_bj) at b = 1, j = 1, in q_bj" in told and "there p_bj = 0" in told
    line, caret = told.split("\n")[1:3]
    assert line.strip() == page and line[caret.index("^") :].startswith("log(p_bj)") and caret.count("^") == 9
    assert "line 2 of the program: q_bj = 2 log(p_bj)" in told
    right = f(z=np.abs(z), y=np.ones((2, 2), F32))
    assert np.isclose(right, tp.compile(page)(z=np.abs(z), y=np.ones((2, 2), F32)))


def test_what_was_put_in_is_no_fault_but_a_nan_of_it_is() -> None:
    f = tp.compile("q_bj = 2 z_bj; E = q_bj y_bj", debug="nan")
    z, y = np.array([[1.0, np.inf]], F32), np.ones((1, 2), F32)
    assert np.isinf(f(z=z, y=y))
    told = raised(lambda: f(z=z, y=0 * y))
    assert "the first NaN is q_bj y_bj, in E" in told and "q_bj = inf at b = 0, j = 1" in told
    assert "the input z is NaN at [0, 1]" in raised(lambda: f(z=np.array([[0, np.nan]], F32), y=y))
    window = tp.compile("m_t = max_u(x[t+u-1] + k_u); outside(x) = -∞; dim(t) = dim(x, 0)", debug="nan")
    assert np.array_equal(window(x=np.array([1, 3, 2], F32), k=np.zeros(3, F32)), [3, 3, 3])


def test_a_bad_gradient_is_found_in_its_rule() -> None:
    g = tp.value_and_grad("n_b = sqrt(x_bi W_i); E = Σ_b n_b", wrt="W", debug="nan")
    told = raised(lambda: g({"W": np.zeros(2, F32)}, x=np.ones((3, 2), F32)))
    assert "in δW_i" in told and "n_b = 0 at b = 0" in told
    value, grads = g({"W": np.ones(2, F32)}, x=np.ones((3, 2), F32))
    want, other = tp.value_and_grad("n_b = sqrt(x_bi W_i); E = Σ_b n_b", wrt="W")(
        {"W": np.ones(2, F32)}, x=np.ones((3, 2), F32)
    )
    assert np.isclose(value, want) and np.allclose(grads["W"], other["W"])


def test_a_loop_tells_its_step() -> None:
    page = "h_tj = h_{t-1,j} w_j; h_{-1,j} = g_j; y = h_tj v_tj"
    arrays: dict[str, Any] = {"w": np.array([1, 1e15], F32), "g": np.ones(2, F32), "v": np.ones((5, 2), F32)}
    told = raised(lambda: tp.compile(page, debug="nan")(**arrays))
    assert "at j = 1, in h_tj, in step 2 of its loop" in told and "w_j = 1e+15" in told
    w = {"w": np.array([1, 2], F32)}
    data = {n: a for n, a in arrays.items() if n != "w"}
    one, two = (tp.value_and_grad(page, wrt="w", debug=d)(w, **data) for d in ("nan", None))
    assert np.isclose(one[0], two[0]) and np.allclose(one[1]["w"], two[1]["w"])


@pytest.mark.parametrize("page", ["z_bj = x_bi W_ij; p_bj = softmax_j(z_bj); E = -y_bj log(p_bj)", "E = W_ij W_ij"])
def test_a_right_program_gives_the_same_numbers(page: str) -> None:
    r = np.random.default_rng(0)
    data = {"x": r.normal(size=(2, 3)), "y": r.normal(size=(2, 4))} if "x_" in page else {}
    W = {"W": r.normal(size=(3, 4))}
    one, two = (tp.value_and_grad(page, wrt="W", debug=d)(W, **data) for d in ("nan", None))
    assert np.isclose(one[0], two[0]) and np.allclose(one[1]["W"], two[1]["W"])
    assert np.isclose(tp.value_and_grad(page, debug="nan")(W, **data)[0], two[0])


def test_debug_is_told_where_it_cannot_be() -> None:
    f = tp.compile("y_i = exp(x_i)", debug="nan")
    with pytest.raises(UsageError, match="is traced"):
        jax.jit(lambda x: f(x=x))(np.ones(3))
    for options in ({"debug": "inf"}, {"debug": "nan", "backend": "numpy"}):
        with pytest.raises(UsageError, match="debug"):
            tp.compile("y_i = exp(x_i)", **options)  # type: ignore[arg-type]


# --------------------------------------------------------------------------- the program
def test_a_line_for_every_equation_with_shapes_flops_and_what_is_saved() -> None:
    g = tp.value_and_grad("z_bj = x_bi W_ij; h_bj = tanh(z_bj); E = h_bj y_bj", wrt="W")
    before = str(g.program)
    assert "b × j" in before and "sizes are known once it has been called" in before and "yes" in before
    g({"W": np.ones((3, 4), F32)}, x=np.ones((2, 3), F32), y=np.ones((2, 4), F32))
    p = g.program
    assert [line.tensor for line in p.lines] == [eq.name for eq in g.system.ordered]
    assert [line.shape for line in p.lines] == [(2, 4), (2, 4), (), (2, 4), (2, 4), (3, 4)]
    assert p.saved == ("h",) and p.lines[0].flops == 2 * 2 * 3 * 4 and p.lines[-1].flops == 2 * 2 * 3 * 4
    plan = tp.plan(g.system, shapes={"x": (2, 3), "W": (3, 4), "y": (2, 4)})
    assert sum(line.flops or 0 for line in p.lines) == plan.flops
    assert re.search(r"h_bj = tanh\(z_bj\) .* 32 B", str(p)) and "2 × 4" in str(p)
    assert max(map(len, p.show(60).split("\n")[:5])) <= 60


def test_the_program_of_a_loop_and_of_compile() -> None:
    page = "h_tj = tanh(h_{t-1,k} w_kj); h_{-1,j} = g_j; y = h_tj v_tj"
    g = tp.value_and_grad(page, wrt="w")
    g({"w": np.ones((2, 2))}, g=np.ones(2), v=np.ones((5, 2)))
    lines = {line.tensor: line for line in g.program.lines}
    size = np.zeros(1).dtype.itemsize if jax.config.jax_enable_x64 else 4  # type: ignore[attr-defined]
    assert lines["h"].saved == 6 * 2 * size and lines["h"].flops == 10 and lines["y"].saved == 0
    assert lines["h0"].equation == "h0_uj = h[u-1, k] w_kj" and (lines["h0"].saved, lines["h0"].flops) == (0, 40)
    f = tp.compile("z_bj = x_bi W_ij; unused_b = x_bi v_i", outputs="z")
    assert [line.tensor for line in f.program.lines] == ["z"] and "number" not in str(f.program)
    assert f.program == tp.compile("z_bj = x_bi W_ij; unused_b = x_bi v_i", outputs="z").program
