"""What reads a loop's tensors entry by entry is worked out in its steps, against loops written out in JAX."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tests.uncompiled import uncompiled

B, T, D, N = 8, 5, 8, 6
Arrays = dict[str, Any]


def _attention(p: Arrays) -> Any:
    S, total = jnp.zeros((B, D, N)), 0.0
    for t in range(T):
        S = jax.nn.sigmoid(p["g"][:, t])[:, :, None] * S + p["k"][:, t, :, None] * p["v"][:, t, None]
        total += jnp.sum(jnp.einsum("bi,bij->bj", p["q"][:, t], S) ** 2)
    return total


def _delta(p: Arrays) -> Any:
    S, total = jnp.zeros((B, D, N)), 0.0
    for t in range(T):
        r = p["v"][:, t] - jnp.einsum("bi,bij->bj", p["k"][:, t], S)
        S = S + p["k"][:, t, :, None] * r[:, None]
        total += jnp.sum(jnp.einsum("bi,bij->bj", p["q"][:, t], S) ** 2)
    return total


def _selective(p: Arrays) -> Any:
    h, total = jnp.zeros((B, D, N)), 0.0
    w = jax.nn.softplus(p["g"])
    for t in range(T):
        h = (
            jnp.exp(-w[:, t, :, None] * jnp.exp(p["A"])) * h
            + w[:, t, :, None] * p["k"][:, t, :, None] * p["v"][:, t, None]
        )
        total += jnp.sum(jnp.einsum("bij,bj->bi", h, p["u"][:, t]) ** 2)
    return total


def _started(p: Arrays) -> Any:
    S, total = p["S"], 0.0
    for t in range(T):
        if t:
            S = S * p["A"] + p["k"][:, t, :, None]
        total += jnp.sum(jnp.einsum("bi,bij->bj", p["q"][:, t], S) ** 2)
    return total


def _back(p: Arrays) -> Any:
    S, total = jnp.zeros((B, D, N)), 0.0
    for t in reversed(range(T)):
        S = S * p["A"] + p["k"][:, t, :, None] * p["v"][:, t, None]
        total += jnp.sum(jnp.einsum("bi,bij->bj", p["q"][:, t], S) ** 2)
    return total


CASES: dict[str, tuple[str, Callable[[Arrays], Any], str, int]] = {  # and how many arrays over time of states there are
    "gated linear attention": (
        "S_btij = σ(g_bti) S[b,t-1,i,j] + k_bti v_btj; S[b,-1,i,j] = 0; o_btj = q_bti S_btij; E = o_btj o_btj",
        _attention, "g k v q", 1,
    ),
    "delta rule": (
        "r_btj = v_btj - k_bti S[b,t-1,i,j]; S_btij = S[b,t-1,i,j] + k_bti r_btj; S[b,-1,i,j] = 0; "
        "o_cuj = q_cui S_cuij; E = o_btj o_btj",
        _delta, "k v q", 1,
    ),
    "selective state space": (
        "w_btd = softplus(g_btd); h_btdn = exp(-w_btd exp(A_dn)) h[b,t-1,d,n] + w_btd k_btd v_btn; h[b,-1,d,n] = 0; "
        "y_btd = h_btdn u_btn; E = y_btd y_btd",
        _selective, "g A k v u", 1,
    ),
    "a start that is the first": (
        "S_btij = S[b,t-1,i,j] A_ij + k_bti; S[b,0,i,j] = S0_bij; o_btj = q_bti S_btij; E = o_btj o_btj",
        _started, "A k q", 1,
    ),
    "time that goes down": (
        "S_btij = S[b,t+1,i,j] A_ij + k_bti v_btj; outside(S) = 0; o_btj = q_bti S_btij; E = o_btj o_btj",
        _back, "A k v q", 1,
    ),
}  # fmt: skip


def _arrays() -> Arrays:
    rng = np.random.default_rng(7)
    shapes = {"g": (B, T, D), "k": (B, T, D), "q": (B, T, D), "v": (B, T, N), "u": (B, T, N)}
    p = {n: jnp.asarray(rng.normal(size=shape)) for n, shape in shapes.items()}
    return {**p, "A": jnp.asarray(rng.normal(size=(D, N)) / 2), "S": jnp.asarray(rng.normal(size=(B, D, N)))}


def _stacks(jaxpr: Any) -> int:
    """How many arrays over all steps of the loops' states are stacked."""
    found = 0
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "scan":
            found += sum(len(v.aval.shape) == 4 and v.aval.shape[1:] == (B, D, N) for v in eqn.outvars)
        for inner in eqn.params.values():
            found += _stacks(inner.jaxpr) if hasattr(inner, "jaxpr") else 0
    return found


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("text", "plain", "names", "stacked"), CASES.values(), ids=CASES)
def test_states_are_not_stacked_for_what_is_made_of_them(
    text: str, plain: Callable[[Arrays], Any], names: str, stacked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = _arrays()
    given, start = {n: p[n] for n in names.split()}, {"S0": p["S"]} if "S0" in text else {}
    g = tp.value_and_grad(text, names)
    traced = jax.make_jaxpr(g)(given, **start)
    assert _stacks(traced.jaxpr) == stacked
    value, slopes = uncompiled(g)(given, **start)
    others = {"S": p["S"]}
    wanted, backs = jax.value_and_grad(lambda given: plain({**others, **given}))(given)
    assert np.isclose(value, wanted, rtol=1e-13)
    for n, slope in slopes.items():
        assert (abs(slope - backs[n]) <= 1e-13 * abs(backs[n]).max()).all()
    monkeypatch.setattr(sys.modules["tensorprop.run.riders"], "_ENTRIES", 10**9)
    apart = jax.make_jaxpr(tp.value_and_grad(text.replace("E =", "L ="), names))(given, **start)
    assert _stacks(apart.jaxpr) == stacked + 1


def test_matrix_products_over_all_steps_stay_after_their_loop() -> None:
    """``δW_kj = Σ_t h_{t-1,k} δh_tj`` is one product: what is owed to all steps is stacked for it."""
    text = "h_tbj = tanh(x_tbj + h[t-1,b,k] W_kj); h[-1,b,j] = 0; c_tb = h_tbj h_tbj; E = c_tb c_tb"
    p = {"W": jnp.ones((64, 64)), "x": jnp.ones((T, 8, 64))}
    program = str(jax.make_jaxpr(tp.value_and_grad(text, "W x"))(p))
    assert program.count("f32[64,64] = dot_general") == 1


def test_what_stands_in_a_loop_is_mapped_and_differentiated_again() -> None:
    text, plain, names, _ = CASES["gated linear attention"]
    p = {n: a for n, a in _arrays().items() if n in names.split()}
    g = tp.value_and_grad(text, names)
    two = {n: jnp.stack([a, a / 2]) for n, a in p.items()}
    values, slopes = jax.vmap(g)(two)
    for k in range(2):
        wanted, backs = jax.value_and_grad(plain)({n: a[k] for n, a in two.items()})
        assert np.isclose(values[k], wanted, rtol=1e-5)
        for n, back in backs.items():
            assert np.allclose(slopes[n][k], back, rtol=1e-4, atol=1e-4 * float(abs(back).max()))

    def length(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda p: sum(jnp.sum(s * s) for s in jax.tree.leaves(f(p)))

    second = jax.grad(length(lambda p: g(p)[1]))(p)
    wanted = jax.grad(length(jax.grad(plain)))(p)
    for n, back in wanted.items():
        assert np.allclose(second[n], back, rtol=1e-3, atol=1e-4 * float(abs(back).max()))


def _bodies(jaxpr: Any) -> list[Any]:
    found: list[Any] = []
    for eqn in jaxpr.eqns:
        for inner in eqn.params.values():
            if hasattr(inner, "jaxpr"):
                found += ([inner.jaxpr] if eqn.primitive.name == "scan" else []) + _bodies(inner.jaxpr)
    return found


@pytest.mark.usefixtures("x64")
def test_what_is_read_at_one_time_is_worked_out_before_the_loop() -> None:
    """Sinkhorn's scaling: a loss of its last vectors is no matrix in each of the steps back, nor is a product of one
    with a vector, whose kernel is compiled once for all of them."""
    n, steps = 70, 6
    text = (
        "u_ti = a_i / Σ_j (K_ij v[t-1,j]); v_tj = b_j / Σ_i (K_ij u_ti); v[-1,j] = 1; dim(t) = 6; "
        "E = u[5,i] K_ij C_ij v[5,j]"
    )
    rng = np.random.default_rng(11)
    K, C, a, b = (jnp.asarray(rng.uniform(0.5, 1.5, size=shape)) for shape in ((n, n), (n, n), n, n))
    g = tp.value_and_grad(text, "K C")
    bodies = _bodies(jax.make_jaxpr(g)({"K": K, "C": C}, a=a, b=b).jaxpr)
    assert len(bodies) == 2
    for body in bodies:
        assert [e.primitive.name for e in body.eqns].count("dot_general") == 2
        assert all(v.aval.shape != (n, n) for e in body.eqns for v in e.outvars)

    def plain(K: Any, C: Any) -> Any:
        v = jnp.ones(n)
        for _ in range(steps):
            u = a / (K @ v)
            v = b / (K.T @ u)
        return u @ (K * C) @ v

    value, slopes = g({"K": K, "C": C}, a=a, b=b)
    wanted, backs = jax.value_and_grad(plain, (0, 1))(K, C)
    assert np.isclose(value, wanted, rtol=1e-13)
    for slope, back in zip((slopes["K"], slopes["C"]), backs, strict=True):
        assert np.allclose(slope, back, rtol=1e-11, atol=1e-13 * float(abs(back).max()))
