"""Recurrences as JAX functions: their rules, on what was kept of the way forward, against JAX through the program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tests.run.loops_drawn import recurrence
from tests.run.test_recurrences import CASES
from tests.uncompiled import uncompiled

SHAPES = {"x": (4, 3), "U": (3, 2), "W": (2, 2), "b": (2,), "g": (2,), "r": (5,), "γ": (), "p": (), "q": ()}
SHAPES |= {"a": (2, 2), "V": (3, 2, 2)}


def drawn(name: str) -> Any:
    return np.random.default_rng(len(name) + ord(name[0])).normal(size=SHAPES[name])


@pytest.mark.parametrize(
    "text",
    [
        "h_{t,k} = tanh(x_ti U_ik + h_{t-1,j} W_jk + b_k); h_{-1,k} = g_k; E = Σ_tk h_tk^2",
        "h_{t,k} = tanh(x_ti U_ik + h_{t-1,j} W_jk + b_k); h_{-1,k} = g_k",  # all states are given
        "v_t = r_t + γ v[t+1]; v[dim(r,0)] = 0; E = v[0]^2",
        "f_{t} = p f_{t-1} + q f_{t-2} + r_t; f_{-1} = 0; f_{-2} = p; E = Σ_t f_t^2",
        "z_{l+1,b,j} = z_{l,b,j} + tanh(z_{l,b,i} V_lij); z_{0,b,j} = a_bj; y_bj = z[dim(V,0), b, j]; E = y_bj y_bj",
    ],
)
def test_gradients_of_a_recurrence(text: str) -> None:
    rule, program = tp.jax_function(text), tp.compile(text)
    given = {name: drawn(name) for name in rule.inputs}

    def loss(f: Any, p: dict[str, Any]) -> Any:
        return jnp.sum(jnp.sin(f(**p)))

    with jax.enable_x64(True):
        found = uncompiled(jax.grad(lambda p: loss(rule, p)))(given)
        expected = uncompiled(jax.grad(lambda p: loss(program, p)))(given)
    for name in given:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-10, atol=1e-12, err_msg=name)


def held_forwards(text: str, arrays: dict[str, Any], naive: Any) -> None:
    """``jax.jvp`` of a recurrence by all that it is smooth in is that of a loop; so are its gradients."""
    s = tp.parse(text)
    assert tp.parse(str(s)) is s
    s = s.only(["E"])
    f = tp.jax_function(s, forward=True)
    assert tp.parse(str(f.rules)) is f.rules
    given = {n: jnp.asarray(arrays[n]) for n in s.inputs}
    moved = {n: jnp.cos(3.0 + jnp.arange(given[n].size).reshape(given[n].shape)) for n in f.wrt}
    still = {n: a for n, a in given.items() if n not in moved}
    at = {n: given[n] for n in moved}
    found = uncompiled(lambda at, moved: jax.jvp(lambda p: f(**still, **p), (at,), (moved,)))(at, moved)
    expected = uncompiled(lambda at, moved: jax.jvp(lambda p: naive({**arrays, **p}), (at,), (moved,)))(at, moved)
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12, err_msg=text)
    slopes = uncompiled(jax.grad(lambda p: naive({**arrays, **p})))(at)
    for name, slope in uncompiled(tp.value_and_grad(s, wrt=tuple(at)))(at, **still)[1].items():
        np.testing.assert_allclose(slope, slopes[name], rtol=1e-10, atol=1e-12, err_msg=f"{name} of {text}")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_recurrences_forwards(seed: int, x64: None) -> None:
    """One for each way that time goes."""
    held_forwards(*recurrence(seed))


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(3, 60))
def test_many_random_recurrences_forwards(seed: int, x64: None) -> None:
    held_forwards(*recurrence(seed))


def test_depth_forwards(x64: None) -> None:
    """The time of ∂x/∂ε is that of x, one step shorter than the axis: a line says so."""
    text, arrays, naive = CASES["depth"]
    held_forwards(text, arrays, naive)
    assert "dim(l) = dim(W, 0)" in str(tp.jax_function(text, forward=True).rules)


def test_jacobians_and_hessians_forwards(x64: None) -> None:
    text, arrays, naive = CASES["second order"]
    f = tp.jax_function(text.replace("; E = s_t w_t", ""), forward=True)
    a = jnp.asarray(arrays["a"])

    def states(a: Any) -> Any:
        found = [arrays["k"], arrays["g"]]
        for t in range(len(a)):
            found.append(jnp.sin(a[t] * found[-1]) + arrays["c"][t] * found[-2])
        return jnp.stack(found[2:])

    def ours(a: Any) -> Any:
        return f(**{n: arrays[n] for n in f.inputs if n != "a"}, a=a)[-len(a) :]

    np.testing.assert_allclose(jax.jacfwd(ours)(a), jax.jacfwd(states)(a), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(jax.linearize(ours, a)[1](a), jax.jvp(states, (a,), (a,))[1], rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        jax.hessian(lambda a: ours(a) @ arrays["w"])(a), jax.hessian(lambda a: naive({**arrays, "a": a}))(a),
        rtol=1e-11, atol=1e-13,
    )  # fmt: skip


def test_tangents_keep_what_is_stated(x64: None) -> None:
    """What lies outside of a tensor lies outside of its tangent: a number does not move."""
    text = "y_x = a[x+u-1] K_u; outside(a) = 0; dim(x) = dim(a, 0); E = y_x y_x"
    f, g = tp.jax_function(text, forward=True), tp.jax_function(text)
    a, k = jnp.arange(5.0), jnp.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(jax.jacfwd(lambda a: f(a=a, K=k))(a), jax.grad(lambda a: g(a=a, K=k))(a), rtol=1e-12)


def test_a_scan_stacks_what_its_rule_keeps_and_no_parameters() -> None:
    """The weights of all layers are there already: a rule that keeps x alone adds x of every step and nothing else."""
    f = tp.jax_function("y_bj = tanh(x_bi W_ij + b_j)", save=())

    def loss(p: Any, x: Any) -> Any:
        x, _ = jax.lax.scan(lambda x, own: (f(x=x, W=own[0], b=own[1]), None), x, p)
        return jnp.sum(x * x)

    rng = np.random.default_rng(0)
    p, x = (rng.normal(size=(3, 4, 4)), rng.normal(size=(3, 4))), rng.normal(size=(2, 4))
    jaxpr = jax.make_jaxpr(jax.grad(loss))(p, x)
    ahead = next(e for e in jaxpr.eqns if e.primitive.name == "scan")
    assert [v.aval.shape for v in ahead.outvars] == [(2, 4), (3, 2, 4)]

    def plain(p: Any, x: Any) -> Any:
        for W, b in zip(*p, strict=True):
            x = jnp.tanh(x @ W + b)
        return jnp.sum(x * x)

    for mine, theirs in zip(jax.tree.leaves(jax.grad(loss)(p, x)), jax.tree.leaves(jax.grad(plain)(p, x)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
