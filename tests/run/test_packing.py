"""One vector in place of many parameters: the same value, the same gradients, in the same places."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.jax_trees import leaves

TEXT = "z_bj = x_bi W_ij + b_j; E = z_bj z_bj c"
X = np.arange(6.0, dtype=np.float32).reshape(3, 2)


def params(scale: float = 1.0) -> dict[str, Any]:
    w = scale * np.array([[1.0, -2.0], [0.5, 3.0]], np.float32)
    return {"dense": {"W": w, "b": np.array([scale, 2.0], np.float32)}, "c": np.float32(2)}


def test_packed_gives_the_value_and_the_gradients_of_the_tree() -> None:
    g = tp.value_and_grad(TEXT, wrt="W b c")
    p = g.packed(params())
    for scale in (1.0, -3.0):
        tree = params(scale)
        E, slopes = p(p.pack(tree), x=X)
        there, grads = g(tree, x=X)
        found = p.unpack(slopes)
        assert float(E) == pytest.approx(float(there), rel=1e-6)
        np.testing.assert_allclose(found["dense"]["W"], grads["dense"]["W"], rtol=1e-6)
        np.testing.assert_allclose(found["dense"]["b"], grads["dense"]["b"], rtol=1e-6)
        np.testing.assert_allclose(found["c"], grads["c"], rtol=1e-6)
        assert found["c"].shape == () and p.unpack(p.pack(tree))["dense"]["W"].tolist() == tree["dense"]["W"].tolist()


def test_a_step_is_one_line_on_the_vector() -> None:
    p = tp.value_and_grad("E = (a_i - 1)^2 + (d_i - 2)^2").packed({"a": np.zeros(2), "d": np.zeros(3)})
    v = p.vector
    for _ in range(60):
        v = v - 0.25 * p(v)[1]
    assert np.allclose(v, [1, 1, 2, 2, 2])


@pytest.mark.parametrize("wrt", ["a d", None])
def test_leaves_that_no_equation_names_have_zeros_where_they_lie(wrt: str | None) -> None:
    g = tp.value_and_grad("E = a_i a_i + 3 d_i d_i", wrt=wrt)
    tree = {n: np.full(k, 2.0, np.float32) for n, k in {"a": 2, "b": 3, "c": 1, "d": 2, "e": 4}.items()}
    p = g.packed(tree)
    assert p(p.vector)[1].tolist() == [4, 4, 0, 0, 0, 0, 12, 12, 0, 0, 0, 0]
    with pytest.raises(tp.TensorpropError, match="a vector of 12 numbers is needed here, not a list"):
        p([2.0] * 12)


def test_what_is_no_vector_of_these_parameters_is_refused() -> None:
    g = tp.value_and_grad(TEXT, wrt="W b c")
    p = g.packed(params())
    with pytest.raises(tp.TensorpropError, match="a vector of 7 numbers"):
        p(jnp.zeros(6), x=X)
    with pytest.raises(tp.TensorpropError, match="do not lie as the vector does"):
        p.pack({**params(), "c": np.zeros(1)})
    with pytest.raises(tp.TensorpropError, match=r"one dtype: .*float16"):
        g.packed({**params(), "c": np.float16(2)})
    with pytest.raises(tp.TensorpropError, match="c of the parameters is no array of real numbers"):
        g.packed({**params(), "c": np.int32(2)})
    with pytest.raises(tp.TensorpropError, match="no parameter W"):
        g.packed({"b": np.zeros(2, np.float32)})(np.zeros(2, np.float32), x=X)


RUNS = {
    "E = W_ij W_ij + c_j c_j + V_ij V_ij": ["V W c"],
    "E = W_ij W_ij + 2 c_j c_j + V_ij V_ij": ["V W"],
    "h_i = tanh(W_ij c_j); E = h_i h_i + 0.1 (W_ij W_ij + V_ij V_ij)": ["V W"],
    "h_i = tanh(W_ij c_j); E = h_i h_i + λ W_ij W_ij + λ V_ij V_ij + Σ_j abs(c_j) + Σ_ij abs(W_ij)": ["V W", "W c"],
    "n = sqrt(W_ij^2 + c_j^2 + V_ij^2); E = n^3": ["V W c"],
    "E = Σ_n x_n (V_ij V_ij + c_j c_j + x_n)": ["V c"],
    "E = W_ij W_ij + V_ij V_ij dim(V, 0)": [],
    "E = W_ij W_ij + V_ij V_ji": [],
    "E = W_ij W_ij + Σ_ij [i < j] V_ij^2": [],
    "E = x_i W_ij^2 + x_i V_ij^2": [],
    "E = W_ij W_ij + V_ij V_ij; lower(V)": [],
}


@pytest.mark.parametrize("text", RUNS)
def test_sums_over_all_entries_are_one_sum_over_the_vector(text: str) -> None:
    rng = np.random.default_rng(3)
    shapes = {"W": (3, 3), "c": (3,), "V": (3, 3), "λ": ()}
    s = tp.parse(text)
    tree = {n: rng.normal(size=shapes[n]).astype(np.float32) for n in s.inputs if n in shapes}
    data = {"x": np.array([1.0, -2.0, 0.5], np.float32)} if "x" in s.inputs else {}
    g = tp.value_and_grad(s, wrt=[*tree])
    found = g.by_runs(leaves(tree), data)
    assert ([] if found is None else [" ".join(of) for of in found.runs.values()]) == RUNS[text]
    p = g.packed(tree)
    (E, slopes), (there, grads) = p(p.vector, **data), g(tree, **data)
    np.testing.assert_allclose(E, there, rtol=1e-6)
    for n, a in p.unpack(slopes).items():
        np.testing.assert_allclose(a, grads[n], rtol=2e-6, atol=1e-6)


def test_of_runs_errors_quote_what_was_written() -> None:
    g = tp.value_and_grad("E = W_ij x_j x_i + W_ij W_ij + V_ij V_ij", wrt="W V")
    p = g.packed({"W": np.eye(2), "V": np.eye(2)})
    with pytest.raises(tp.TensorpropError, match="index j is 2 on axis 2 of W and 3 on axis 1 of x"):
        p(p.vector, x=np.ones(3))
    with pytest.raises(tp.TensorpropError, match="no array for x"):
        p(p.vector)
    with pytest.raises(tp.TensorpropError, match="no parameter V"):
        g.packed({"W": np.eye(2)})(np.ones(4), x=np.ones(2))
