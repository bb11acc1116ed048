"""Start values: shapes from the letters, the spread from what is summed with the data."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus.fans import fans
from tensorprop.errors import MissingInput, UnknownName, UsageError

KEY = jax.random.key(7)


@pytest.mark.parametrize(
    "text, name, into, out, kind",
    [
        ("z_bj = a_bi W_ij + c_j", "W", "i", "j", "matrix"),
        ("z_bj = a_bi W_ij + c_j", "c", "", "j", "shift"),
        ("z_j = W_ji a_i", "W", "i", "j", "matrix"),
        ("z_bj = g_j a_bj + c_j", "g", "", "", "scale"),
        ("z_bthj = x_bti W_hij", "W", "i", "hj", "matrix"),
        ("z_bhj = a_bhi W_hij", "W", "i", "j", "matrix"),
        ("z[b,x,o] = Σ_{u,c} a[b,x+u,c] W[u,c,o]", "W", "uc", "uo", "matrix"),
        ("x_btd = E[tok_bt, d]", "E", "", "?d", "matrix"),
        ("z_bj = a_bi U_ir V_rj", "U", "i", "r", "matrix"),
        ("z_bj = a_bi U_ir V_rj", "V", "r", "j", "matrix"),
        ("z_bj = a_bi W_ij; E = 1/2 (tanh(z_bj) - y_bj)^2 + W_ij W_ij", "W", "i", "j", "matrix"),
    ],
)
def test_fans_are_read_off_the_indices(text: str, name: str, into: str, out: str, kind: str) -> None:
    s = tp.parse(text)
    weights = [n for n in s.inputs if n in "WUVEgc"]
    (found,) = fans(s, name, weights)
    letters = [str(i) if i.free and not list(i.children) else "?" for i in _entry(s, name).subscripts]
    assert ("".join(letters[k] for k in found.into), found.kind) == (into, kind)
    assert {letters[k] for k in found.out} >= set(out.replace("?", ""))


def _entry(s: tp.System, name: str) -> object:
    from tensorprop.core.walk import tensors_of

    return next(t for eq in s for t in tensors_of(eq.value) if t.name == name)


@pytest.mark.parametrize(
    "scheme, variance, bound",
    [
        ("glorot", 2 / 700, (6 / 700) ** 0.5),
        ("xavier normal", 2 / 700, None),
        ("he", 2 / 400, None),
        ("kaiming_uniform", 2 / 400, (6 / 400) ** 0.5),
        ("lecun", 1 / 400, None),
        (0.02, 0.0004, None),
        (jax.nn.initializers.normal(0.5), 0.25, None),
    ],
)
def test_schemes_have_their_variance(scheme: object, variance: float, bound: float | None) -> None:
    layer = tp.Layer("z_bj = a_bi W_ij + c_j", parameters="W c")
    p = layer.init(KEY, scheme, i=400, j=300)
    assert p["W"].shape == (400, 300) and p["c"].shape == (300,) and not np.asarray(p["c"]).any()
    n = p["W"].size  # the variance of n numbers is within five of its deviations
    assert abs(float(jnp.mean(p["W"] ** 2)) / variance - 1) < 5 * (2 / n) ** 0.5
    assert bound is None or float(jnp.abs(p["W"]).max()) <= bound


def test_a_tensor_may_have_its_own_scheme_and_its_own_numbers() -> None:
    s = "z_bj = g_j a_bi U_ir V_rj + c_j"
    p = tp.init(s, KEY, {"i": 8, "r": 2, "j": 4}, {"V": "zeros", "c": 1.0})
    assert list(p) == ["g", "U", "V", "c"] and not np.asarray(p["V"]).any() and np.asarray(p["g"]).all()
    assert float(p["g"].min()) == 1 and np.asarray(p["c"]).any()
    alone = tp.init("z_bj = a_bi U_ir V_rj", KEY, {"i": 8, "r": 2, "j": 4}, wrt="U V")
    assert list(alone) == ["U", "V"] and np.array_equal(alone["U"], p["U"])
    assert tp.init("x_btd = E[tok_bt, d]", KEY, {"E": (10, 4), "d": 4}, wrt="E")["E"].shape == (10, 4)


def test_start_values_go_into_a_chain() -> None:
    net = tp.chain(tp.Dense(), tp.Layer("a_j = tanh(z_j)"), tp.Dense())
    p = net.init(KEY, i=6, j=5, k=3)
    assert {n: v.shape for n, v in p.items()} == {"W1": (6, 5), "b1": (5,), "W2": (5, 3), "b2": (3,)}
    assert tp.compile(net)(a=np.ones((2, 6)), **p).shape == (2, 3)


@pytest.mark.parametrize(
    "error, schemes, sizes",
    [
        (MissingInput, "glorot", {"i": 3}),
        (UsageError, "gauss", {"i": 3, "j": 2}),
        (UnknownName, {"V": "zeros"}, {"i": 3, "j": 2}),
        (UnknownName, "glorot", {"i": 3, "j": 2, "q": 2}),
    ],
)
def test_what_is_not_known_is_told(error: type[Exception], schemes: object, sizes: dict[str, int]) -> None:
    with pytest.raises(error):
        tp.Dense().init(KEY, schemes, **sizes)


def test_two_fans_are_refused() -> None:
    with pytest.raises(UsageError, match="2 ways"):
        tp.init("z_j = a_i W_ij; y = W_ij u_i v_j", KEY, {"i": 3, "j": 2}, wrt="W")
