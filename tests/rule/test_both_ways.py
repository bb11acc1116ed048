"""One function for both modes: the rules backwards, the derived tangents forwards, whichever JAX asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import UsageError
from tensorprop.layers import Softmax
from tensorprop.rule import jax_rule
from tensorprop.rule.jax_rule import carries_both
from tests.rule.test_jax_function import ahead, case, same, total
from tests.rule.test_loops import CASES
from tests.run.loops_drawn import recurrence
from tests.run.test_jax import near

both = pytest.mark.skipif(not carries_both(), reason="this JAX has no primitive that carries both rules")
campaign = pytest.mark.campaign
Function = Callable[..., Any]
TURNED = "a_j = tanh(z_j); δz_j = 7 δa_j"  # a rule that is seen when it is used


@both
@pytest.mark.parametrize(
    "name", ["softmax", *(pytest.param(n, marks=campaign) for n in ("attention", "model", "norm"))]
)
def test_forwards_without_a_word(name: str, x64: None) -> None:
    ours, theirs, args = case(name)
    same(ahead(ours), ahead(theirs), args)


@both
@campaign
def test_forwards_step_by_step(x64: None) -> None:
    ours, theirs, args = case("softmax")
    near(ahead(ours)(*args), ahead(theirs)(*args))


def higher(f: Function) -> Function:
    def all_of_them(z: Any) -> dict[str, Any]:
        t, e = jnp.cos(z), total(f)
        return {
            "jacfwd of jacfwd": jax.jacfwd(jax.jacfwd(e))(z),
            "jvp of grad of checkpoint": jax.jvp(jax.grad(jax.checkpoint(e)), (z,), (t,)),
            "grad of linearized": jax.grad(lambda t: jnp.sum(jax.linearize(f, z)[1](t) ** 2))(t),
            "jvp of scan": jax.jvp(lambda z: jax.lax.scan(lambda c, _: (f(c), None), z, None, 2)[0], (z,), (t,)),
        }

    return all_of_them


def higher_still(f: Function) -> Function:
    def all_of_them(z: Any) -> dict[str, Any]:
        t, e = jnp.cos(z), total(f)

        def step(c: Any, _: None) -> tuple[Any, Any]:
            return jnp.tanh(f(c)), e(c)

        return {
            "jacrev of jacfwd": jax.jacrev(jax.jacfwd(e))(z),
            "jacfwd of grad": jax.jacfwd(jax.grad(e))(z),
            "jvp of jvp": jax.jvp(lambda z: jax.jvp(f, (z,), (t,))[1], (z,), (z,)),
            "jvp of checkpoint": jax.jvp(jax.checkpoint(e), (z,), (t,)),
            "transpose of linearized": jax.linear_transpose(jax.linearize(f, z)[1], z)(t),
            "jvp of scan": jax.jvp(lambda z: jax.lax.scan(step, z, None, 2), (z,), (t,)),
            "grad of scan": jax.grad(lambda z: jnp.sum(jax.lax.scan(step, z, None, 2)[1]))(z),
            "jvp of while": jax.jvp(
                lambda z: jax.lax.fori_loop(0, jnp.sum(z > 9) + 2, lambda _, z: f(z), z), (z,), (t,)
            ),
            "jvp of jit of cond": jax.jvp(jax.jit(lambda z: jax.lax.cond(z[0] > 9, lambda z: z, f, z)), (z,), (t,)),
        }

    return all_of_them


@both
@pytest.mark.parametrize("all_of_them", [higher, pytest.param(higher_still, marks=campaign)])
def test_modes_inside_modes(all_of_them: Callable[[Function], Function], x64: None) -> None:
    ours, theirs, args = case("softmax")
    same(all_of_them(ours), all_of_them(theirs), args, terms=10**6)


def mapped(f: Function) -> Function:
    """Along axes that some arguments have, and some in other places."""

    def all_of_them(a: Any, W: Any, b: Any) -> dict[str, Any]:
        e, k = total(f), (0, 1, 2)
        xs, ws = jnp.stack([a, jnp.sin(a), 2 * a], 1), jnp.stack([W, W * W], -1)
        each = jax.vmap(f, (1, None, None))
        return {
            "jvp": jax.jvp(lambda x, W: each(x, W, b), (xs, W), (xs, W)),
            "shared gradient": jax.grad(lambda W, b: jnp.sum(jnp.sin(each(xs, W, b))), (0, 1))(W, b),
            "per example": jax.vmap(jax.grad(e, k), (1, None, None))(xs, W, b),
            "per weight and example": jax.vmap(jax.vmap(jax.grad(e, k), (1, None, None)), (None, 2, None))(xs, ws, b),
            "hessian": jax.vmap(lambda x: jax.hessian(lambda b: e(x, W, b))(b), 1)(xs),
            "jacfwd of mapped": jax.jacfwd(lambda b: each(xs, W, b))(b),
            "checkpoint": jax.grad(lambda W: jnp.sum(jax.vmap(jax.checkpoint(e), (1, None, None))(xs, W, b)))(W),
        }

    return all_of_them


@both
def test_along_axes(x64: None) -> None:
    ours, theirs, args = case("dense")
    same(mapped(ours), mapped(theirs), args, terms=10**4)


@both
def test_what_has_not_the_axis_is_kept_once() -> None:
    f = tp.jax_function("V_ij = sin(W_ij); z_j = a_i V_ij; δa_i = V_ij δz_j; δV_ij = a_i δz_j")
    several, W = jnp.ones((5, 3)), jnp.ones((3, 2))
    _, pull = jax.vjp(
        lambda a: jax.vmap(f, (None, 0))(W, a) if f.inputs[0] == "W" else jax.vmap(f, (0, None))(a, W), several
    )
    assert [x.shape for x in jax.tree.leaves(pull) if getattr(x, "ndim", 0)] == [(3, 2)]


def test_the_written_rule_is_used_wherever_jax_goes_back() -> None:
    f, z = tp.jax_function(TURNED), jnp.zeros(3)
    for back in (
        lambda z: jax.grad(lambda z: f(z).sum())(z),
        lambda z: jax.grad(jax.checkpoint(lambda z: f(z).sum()))(z),
        lambda z: jax.grad(lambda z: jax.vmap(jax.checkpoint(f))(z[None]).sum())(z),
        lambda z: jax.jit(jax.grad(jax.jit(lambda z: f(z).sum())))(z),
    ):
        assert back(z).tolist() == [7.0] * 3
    twice = jax.grad(lambda z: jax.lax.scan(lambda c, _: (f(c), None), z, None, 2)[0].sum())(z)
    assert twice.tolist() == [49.0] * 3


@both
def test_tangents_are_of_the_equations_and_are_transposed_by_the_rule() -> None:
    f, z = tp.jax_function(TURNED), jnp.zeros(3)
    assert jax.jvp(f, (z,), (z + 1,))[1].tolist() == [1.0] * 3
    assert jax.linear_transpose(jax.linearize(f, z)[1], z)(z + 1)[0].tolist() == [7.0] * 3


@both
def test_no_tangent_is_made_up() -> None:
    """A straight-through estimator says what its gradient is, and nothing of its tangent."""
    f, x = tp.jax_function("y_i = [x_i > 0]; δx_i = δy_i"), jnp.array([-1.0, 2.0])
    assert jax.grad(jax.checkpoint(lambda x: f(x).sum()))(x).tolist() == [1.0, 1.0]
    with pytest.raises(UsageError, match="by the equations it does not move"):
        jax.jvp(f, (x,), (x,))
    g, z = tp.jax_function("complex(z); y_i = abs(z_i)"), jnp.array([3 + 4j])
    assert jnp.allclose(jax.grad(jax.checkpoint(lambda z: g(z).sum()))(z), jnp.array([0.6 - 0.8j]))
    assert jax.jvp(g, (z,), (z * 1j,))[1].tolist() == [0.0] and jax.jvp(g, (z,), (z,))[1].tolist() == [5.0]
    holomorphic = tp.jax_function("complex(z); y_i = z_i^2")
    assert jax.jvp(holomorphic, (z,), (z,))[1].tolist() == [2 * (3 + 4j) ** 2]


@both
def test_numbers_and_whole_numbers() -> None:
    cube, scaled = tp.jax_function("y = x^3"), tp.jax_function("y_i = n_i x_i")
    assert (float(jax.jvp(cube, (2.0,), (1.0,))[1]), float(jax.hessian(cube)(2.0))) == (12.0, 12.0)
    n, x = np.arange(3), np.ones(3, np.float32)
    assert jax.jvp(scaled, (n, x), (np.zeros(3, jax.dtypes.float0), x))[1].tolist() == [0.0, 1.0, 2.0]
    several = tp.jax_function("u_j = a_i W_ij; v_i = a_i a_i c_i; k_b = [z_b > 0]")
    a, W, c, z = jnp.ones(2), jnp.ones((2, 3)), jnp.ones(2), jnp.ones(4)
    moved = jax.jvp(lambda W: several(a, W, c, z), (W,), (W,))[1]
    assert (moved["u"].tolist(), moved["v"].tolist()) == ([2.0] * 3, [0.0, 0.0])


@pytest.mark.parametrize("text, arrays, naive", [CASES["depth"], pytest.param(*recurrence(2), marks=campaign)])
def test_recurrences_whose_range_is_stated(text: str, arrays: Any, naive: Function, x64: None) -> None:
    s = tp.parse(text).only(["E"])
    f, given = tp.jax_function(s), {n: jnp.asarray(a) for n, a in arrays.items()}
    at = {n: given[n] for n in f.wrt}
    still = {n: given[n] for n in f.inputs if n not in at}
    ours, theirs = (lambda p: f(**still, **p)), (lambda p: naive({**arrays, **p}))
    found, expected = (jax.jit(jax.grad(e))(at) for e in (ours, theirs))
    for n in at:
        np.testing.assert_allclose(found[n], expected[n], rtol=1e-10, atol=1e-12, err_msg=n)
    if carries_both():
        pushed = [jax.jit(lambda p, e=e: jax.jvp(e, (p,), (p,))[1])(at) for e in (ours, theirs)]
        np.testing.assert_allclose(*pushed, rtol=1e-10, atol=1e-12)


@both
def test_on_a_mesh_forwards(x64: None) -> None:
    mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, whole = jax.sharding.PartitionSpec("x"), jax.sharding.PartitionSpec()
    ours, theirs, args = case("dense")
    spread = jax.shard_map(ours, mesh=mesh, in_specs=(rows, whole, whole), out_specs=rows)
    same(lambda *a: jax.jvp(spread, a, a), lambda *a: jax.jvp(theirs, a, a), args)


@both
def test_nothing_is_dearer_than_with_a_reverse_rule_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiled programs hold the same operations as those of ``jax.custom_vjp``."""
    f = tp.jax_function(Softmax())
    monkeypatch.setattr(jax_rule, "carries_both", lambda: False)
    alone = tp.jax_function(Softmax())

    def operations(call: Any) -> list[str]:
        kept = jax.checkpoint(lambda z: jnp.sum(jnp.sin(call(z))))
        both = jax.jit(lambda z: (jax.value_and_grad(lambda z: jnp.sum(call(z) ** 2))(z), jax.grad(kept)(z)))
        lines = str(both.lower(jnp.ones(5)).compile().as_text()).splitlines()
        return sorted(line.split(" = ")[1].split(" ")[1].split("(")[0] for line in lines if " = " in line)

    assert operations(f) == operations(alone)


@pytest.mark.filterwarnings("ignore:from_jax")
def test_what_carries_its_rules_is_read() -> None:
    f = tp.jax_function(Softmax())
    assert str(tp.from_jax(lambda s: f(s), jnp.ones(3), names="s -> y")) == "y_c = softmax_c(s_c)"
    assert str(tp.from_jax(lambda s: jax.vmap(f)(s), jnp.ones((2, 3)), names="s -> y")) == "y_bc = softmax_c(s_bc)"
