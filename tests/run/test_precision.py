"""Mixed precision by a rule per name, against the same casts written by hand in JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

NET = "z_bj = x_bi W_ij + b_j; h_bj = tanh(z_bj); o_bk = h_bj V_jk; L = mean_b((o_bk - t_bk)^2)"
MIXED = {"default": "bfloat16", "L": "float32"}


def data() -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
    draw = np.random.default_rng(0)
    params = {"W": (5, 7), "b": (7,), "V": (7, 3)}
    given = {"x": (4, 5), "t": (4, 3)}
    return (
        {n: jnp.asarray(draw.normal(size=shape), jnp.float32) for n, shape in params.items()},
        {n: jnp.asarray(draw.normal(size=shape), jnp.float32) for n, shape in given.items()},
    )


def by_hand(p: dict[str, jax.Array], x: jax.Array, t: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
    """Every equation reads in its own precision and has its value in it; δz as z."""
    half = jnp.bfloat16
    W, b, V, low = (a.astype(half) for a in (p["W"], p["b"], p["V"], x))
    h = jnp.tanh(low @ W + b)
    o = h @ V
    L = jnp.mean(jnp.sum((o.astype(jnp.float32) - t) ** 2, 1))
    do = 2 * (o - t.astype(half)) / t.shape[0]
    dz = (1 - h * h) * (do @ V.T)
    return L, {"W": low.T @ dz, "b": dz.sum(0), "V": h.T @ do}


def test_values_and_gradients_are_those_of_the_casts_by_hand() -> None:
    params, given = data()
    L, grads = tp.value_and_grad(NET, "W b V", precision=MIXED)(params, **given)
    expected, by = by_hand(params, **given)
    assert L.dtype == jnp.float32 and float(L) == pytest.approx(float(expected), rel=0.01)  # fused steps keep more
    for name, g in grads.items():
        assert g.dtype == jnp.float32  # that of the parameter
        np.testing.assert_allclose(np.asarray(g), np.asarray(by[name], np.float32), rtol=0.03, atol=0.02)


def test_it_is_done_in_the_dtypes_that_are_said() -> None:
    params, given = data()
    arrays = {**params, **given}
    f = tp.compile(NET, outputs="z, h, L", precision={"z": jnp.float16, "L": "float32", "default": "bfloat16"})
    assert {n: str(a.dtype) for n, a in f(**arrays).items()} == {"z": "float16", "h": "bfloat16", "L": "float32"}
    text = str(jax.make_jaxpr(lambda a: f(**a))(arrays))
    assert "f16[4,7] = dot_general" in text and "bf16[4,3] = dot_general" in text
    g = tp.compile(NET, precision="bfloat16")
    assert str(g(**arrays).dtype) == "bfloat16" and "f32[4,7] = dot_general" not in str(
        jax.make_jaxpr(lambda a: g(**a))(arrays)
    )


def test_an_input_that_is_named_is_read_so_by_all() -> None:
    f = tp.compile("y_i = A_ij x_j", precision={"default": "bfloat16", "A": "float32"})
    A = jnp.asarray(np.random.default_rng(1).normal(size=(3, 4)), jnp.float32)
    y = f(A=A, x=jnp.ones(4, jnp.float32))
    assert y.dtype == jnp.bfloat16
    assert "f32[3] = dot_general" in str(jax.make_jaxpr(lambda A: f(A=A, x=jnp.ones(4, jnp.float32)))(A))


def test_recurrences() -> None:
    text = "h_tj = tanh(x_tj + h_{t-1,k} W_kj); h_{-1,j} = g_j; L = Σ_tj h_tj^2"
    draw = np.random.default_rng(2)
    arrays = {
        n: jnp.asarray(draw.normal(size=s), jnp.float32) for n, s in {"x": (6, 3), "W": (3, 3), "g": (3,)}.items()
    }
    f = tp.compile(text, outputs="h, L", precision={"h": "bfloat16", "L": "float32"})
    found = f(**arrays)
    assert str(found["h"].dtype) == "bfloat16" and str(found["L"].dtype) == "float32"
    half = {n: a.astype(jnp.bfloat16) for n, a in arrays.items()}
    h, hs = half["g"], []
    for row in half["x"]:
        h = jnp.tanh(row + h @ half["W"])
        hs.append(h)
    np.testing.assert_allclose(
        np.asarray(found["h"], np.float32), np.asarray(jnp.stack(hs), np.float32), rtol=0.02, atol=0.01
    )
    plain, gradient = tp.value_and_grad(text, "W")(arrays)
    mixed, rounded = tp.value_and_grad(text, "W", precision={"default": "bfloat16", "L": "float32"})(arrays)
    assert float(mixed) == pytest.approx(float(plain), rel=0.02)
    np.testing.assert_allclose(rounded["W"], gradient["W"], rtol=0.1, atol=0.1)


def test_no_precision_is_the_program_that_was() -> None:
    params, given = data()
    one = jax.make_jaxpr(lambda p: tp.value_and_grad(NET, "W b V")(p, **given))(params)
    other = jax.make_jaxpr(lambda p: tp.value_and_grad(NET, "W b V", precision={})(p, **given))(params)
    assert str(one) == str(other)


@pytest.mark.parametrize(
    "precision, error, words",
    [
        ({"q": "float32"}, tp.TensorpropError, "no tensor is called q"),
        ({"z": "int32"}, tp.TensorpropError, "no dtype of real numbers"),
        ("half", tp.TensorpropError, "no dtype of real numbers"),
        ("float64", tp.TensorpropError, "float64 is not enabled"),
    ],
)
def test_what_is_refused(precision: object, error: type[Exception], words: str) -> None:
    params, given = data()
    with pytest.raises(error, match=words):
        tp.value_and_grad(NET, "W", precision=precision)(params, **given)


def test_a_loop_has_one_precision() -> None:
    text = "h_tj = tanh(c_tj + h_{t-1,j}); c_tj = h_{t-1,j} x_tj; h_{-1,j} = g_j"
    f = tp.compile(text, outputs="h", precision={"h": "bfloat16"})
    with pytest.raises(tp.TensorpropError, match="in one precision"):
        f(x=jnp.ones((3, 2)), g=jnp.ones(2))
    with pytest.raises(tp.TensorpropError, match="is for backend"):
        tp.compile(text, "numpy", precision="bfloat16")
