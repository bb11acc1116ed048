"""A memory budget: indices are cut, the results stay, and what cannot fit is refused before anything is computed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import adjoint
from tensorprop.core.equation import Equation
from tensorprop.core.walk import tensors_of
from tensorprop.errors import PlanTooLarge, UsageError
from tensorprop.run.again import TwoParts
from tests.uncompiled import uncompiled

NET = "z_bj = x_bi W_ij + c_j; h_bj = tanh(z_bj); o_bk = h_bj V_jk"
SIZES = {"b": 24, "i": 4, "j": 12, "k": 3}


@pytest.mark.parametrize(
    "text, wrt",
    [
        (f"{NET}; E = mean_b(Σ_k (o_bk - y_bk)^2) + W_ij W_ij", "W c V"),
        (f"{NET}; L_b = logsumexp_k(o_bk) - [t_b = k] o_bk; E = Σ_b L_b / dim(b)", "W V x"),
        (f"{NET}; s_k = mean_b(o_bk); E = tanh(s_k) Σ_b y_bk", "W V"),  # what is summed is not read again, but for E
        ("p_htu = softmax_u(q_htd k_hud); o_htd = p_htu v_hud; E = o_htd g_htd", "q k v"),  # cut along h
        (f"{NET}; E = sqrt(Σ_bk (o_bk - y_bk)^2)", "W"),
    ],
)
def test_a_cut_changes_no_value(text: str, wrt: str) -> None:
    """Each within half of the memory that it would take, against the uncut program, in float64."""
    rng = np.random.default_rng(0)
    sizes = SIZES | {"h": 8, "t": 24, "u": 24, "d": 2}
    g = tp.value_and_grad(text, wrt=wrt)
    letters = {t.name: t for eq in tp.parse(text) for t in tensors_of(eq.value)}
    arrays: dict[str, Any] = {}
    for n in g.inputs:
        shape = [sizes[str(s)] for s in letters[n].subscripts]
        arrays[n] = rng.integers(0, 3, shape) if n == "t" else rng.normal(size=shape)
    params = {n: arrays.pop(n) for n in wrt.split()}
    shapes = {n: np.shape(a) for n, a in {**params, **arrays}.items()}
    whole = tp.plan(g.system, shapes=shapes, itemsize=8)
    try:
        cut = tp.plan(g.system, shapes=shapes, itemsize=8, memory=int(0.75 * whole.peak))
    except PlanTooLarge:
        assert "sqrt" in text or "tanh(s_k)" in text  # the way back reads what was summed
        return
    assert cut.cut is not None and cut.peak <= 0.75 * whole.peak and "parts" in str(cut)
    with jax.enable_x64(True):
        small = tp.value_and_grad(text, wrt=wrt, memory=int(0.75 * whole.peak))
        mine, theirs = (uncompiled(f)(params, **arrays) for f in (small, g))
        assert "scan" in str(jax.make_jaxpr(lambda p, d: small(p, **d))(params, arrays))
    for a, b in zip(jax.tree.leaves(mine), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_an_output_that_has_the_index_is_put_together() -> None:
    text = "h_bj = tanh(x_bi W_ij); y_jb = h_bj u_j; n = Σ_bj h_bj^2"
    rng = np.random.default_rng(1)
    arrays = {"x": rng.normal(size=(12, 40)), "W": rng.normal(size=(40, 5)), "u": rng.normal(size=5)}
    f = tp.compile(text, outputs=("y", "n"), memory=8000 // 2)
    shapes = {n: a.shape for n, a in arrays.items()}
    assert tp.plan(text, shapes=shapes).peak <= 4000 and tp.plan(text, shapes=shapes, itemsize=8).cut is None
    wide = tp.compile(text, outputs=("y", "n"), memory=tp.plan(text, shapes=shapes).peak - 100)
    for got in (f(**arrays), wide(**arrays)):
        h = np.tanh(arrays["x"] @ arrays["W"])
        np.testing.assert_allclose(got["y"], (h * arrays["u"]).T, rtol=2e-5, atol=1e-5)
        np.testing.assert_allclose(got["n"], np.sum(h * h), rtol=1e-5)


def test_what_cannot_fit_is_refused_with_the_index_to_cut() -> None:
    g = tp.value_and_grad(f"{NET}; E = mean_b(Σ_k (o_bk - y_bk)^2)", wrt="W c V", memory="1KB")
    params = {"W": jnp.zeros((4, 12)), "c": jnp.zeros(12), "V": jnp.zeros((12, 3))}
    with pytest.raises(PlanTooLarge, match="cut along b in 24 parts"):
        g(params, x=jnp.zeros((24, 4)), y=jnp.zeros((24, 3)))
    with pytest.raises(PlanTooLarge, match="reads it whole"):
        tp.plan("G_bc = x_bi x_ci; y = tanh(G_bc)^2", {"b": 100, "c": 100, "i": 3}, memory=5000)
    with pytest.raises(UsageError, match="is said by save="):
        tp.value_and_grad(f"{NET}; E = Σ_bk o_bk", wrt="W", save=(), memory="1GB")
    with pytest.raises(UsageError, match="are for backend"):
        tp.compile("y = a_i b_i", backend="numpy", memory="1GB")
    with pytest.raises(UsageError, match="memory='lots' is no size"):
        tp.compile("y = a_i b_i", memory="lots")


def test_what_the_way_back_reads_is_made_again_functions_before_products() -> None:
    """Batch norm reads the whole batch in every layer. What is planned is what XLA sets aside."""
    lines = "z{k}_bj = h{k}_bi W{k}_ij; m{k}_j = mean_b(z{k}_bj); c{k}_bj = z{k}_bj - m{k}_j"
    lines += "; h{n}_bj = exp(-c{k}_bj^2) + tanh(c{k}_bj); "
    text = "".join(lines.format(k=k, n=k + 1) for k in range(3)) + "E = mean_b(Σ_j h3_bj^2)"
    rng = np.random.default_rng(2)
    params = {f"W{k}": rng.normal(size=(8, 8)) / 3 for k in range(3)}
    x = rng.normal(size=(512, 8))
    g = tp.value_and_grad(text, wrt="W0 W1 W2")
    shapes = {n: a.shape for n, a in {**params, "h0": x}.items()}
    whole = tp.plan(g.system, shapes=shapes)
    budget = int(0.7 * whole.peak)
    found = tp.plan(g.system, shapes=shapes, memory=budget)
    assert found.peak <= budget and found.cut == "c0 made again on the way back"
    with jax.enable_x64(True):
        wide = tp.value_and_grad(text, wrt="W0 W1 W2", memory=2 * budget)
        for a, b in zip(*(jax.tree.leaves(uncompiled(f)(params, h0=x)) for f in (wide, g)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    small = tp.value_and_grad(text, wrt="W0 W1 W2", memory=budget)
    types = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, jnp.float32), (params, x))
    m: Any = jax.jit(lambda p, x: small(p, h0=x)).lower(*types).compile().memory_analysis()
    assert found.peak == pytest.approx(m.argument_size_in_bytes + m.output_size_in_bytes + m.temp_size_in_bytes, 0.1)
    with pytest.raises(PlanTooLarge, match="in 8 parts it takes"):
        tp.plan(g.system, shapes=shapes, memory="40KB")


def test_what_is_made_again_waits_for_what_is_owed() -> None:
    """Each segment of a chain is made again beside its own rules, not all at once before the way back begins."""
    text = "; ".join(f"a{k}_bi = tanh(h{k}_bj U{k}_ji); h{k + 1}_bi = h{k}_bi + a{k}_bj V{k}_ji" for k in range(3))
    s = tp.parse(f"{text}; E = h3_bi h3_bi")
    back = adjoint(s, [n for n in s.inputs if n != "h0"])
    two = TwoParts(s, back, ("E",), tuple(eq.name for eq in back if eq.name[1] in "UV"), frozenset({"h1", "h2", "h3"}))
    assert two.again == ("a0", "a1", "a2")
    order = [b.name for b in two.back.blocks if isinstance(b, Equation)]
    for k, n in enumerate(two.again):
        assert order.index(f"δh{k + 1}") < order.index(n) < order.index(f"δV{k}") < order.index(f"δU{k}")
        assert two.ties[n].after == (f"δh{k + 1}",)
