"""Recurrences of every kind are what naive loops are, and so are their gradients; lost steps are caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.numbers.naive_systems import all_values
from tensorprop.core.expr import Dim
from tensorprop.core.walk import postorder
from tensorprop.errors import CircularDefinition, OutOfRange
from tensorprop.run.jax import JaxOperations
from tests.uncompiled import uncompiled

RNG = np.random.default_rng(5)
T, B, N, J = 5, 2, 3, 4


def normal(*shape: int) -> Any:
    return 0.7 * RNG.normal(size=shape)


def positive(*shape: int) -> Any:
    return np.exp(normal(*shape))


def rnn(p: Any) -> Any:
    h, total = p["g"], 0.0
    for t in range(T):
        h = jnp.tanh(p["x"][t] @ p["U"] + h @ p["W"] + p["b"])
        total = total + h @ p["y"][t]
    return total


def last_state(p: Any, at: int = T - 1) -> Any:
    h = p["g"]
    for t in range(at + 1):
        h = jnp.tanh(p["x"][t] @ p["U"] + h @ p["W"])
    return h @ p["y"]


def stopped(p: Any) -> Any:
    total = 0.0
    for b, n in enumerate((3, 5)):
        h = jnp.zeros(J)
        for t in range(n):
            h = jnp.tanh(p["x"][b, t] @ p["U"] + h @ p["W"])
        total = total + h @ p["y"]
    return total


def ends_with(read: str, back: int = 1) -> Callable[[Any], Any]:
    """A loop that could go on for as long as what was is there, and ends where what is read beside it does."""

    def naive(p: Any) -> Any:
        past, total = [p["c"] ** 2] * back, 0.0
        for t in range(len(p[read])):
            s = past[t] if t < back else p["w"] + p["a"] * p["r"][t - back] ** 2 + p["b"] * past[t - 1]
            past += [s] if t >= back else []
            total = total + jnp.log(s) + p[read][t] ** 2 / s
        return total

    return naive


def backwards(p: Any) -> Any:
    v, total = 0.0, 0.0
    for t in reversed(range(T)):
        v = p["r"][t] + p["γ"] * v
        total = total + v * p["w"][t]
    return total


def scalar(p: Any) -> Any:
    s, total = p["g"], 0.0
    for t in range(T):
        s = p["a"][t] * s + p["x"][t]
        total = total + s * p["w"][t]
    return total


def second_order(p: Any) -> Any:
    before, s, total = p["k"], p["g"], 0.0
    for t in range(T):
        before, s = s, jnp.sin(p["a"][t] * s) + p["c"][t] * before
        total = total + s * p["w"][t]
    return total


def two_states(p: Any) -> Any:
    a, b = p["g"], p["k"]
    for t in range(T):
        a, b = a + b * p["x"][t], b * a + 1
    return a * b


def lstm(p: Any) -> Any:
    h, c, total = jnp.zeros((B, J)), p["c0"], 0.0
    for t in range(T):
        z = jnp.einsum("bi,iqj->bqj", p["x"][t], p["W"]) + jnp.einsum("bk,kqj->bqj", h, p["U"]) + p["b"]
        i, f, o = (jax.nn.sigmoid(z[:, n]) for n in (0, 1, 3))
        c = f * c + i * jnp.tanh(z[:, 2])
        h = o * jnp.tanh(c)
        total = total + jnp.sum(h * p["y"][t])
    return total


def gru(p: Any) -> Any:
    h, total = p["g"], 0.0
    for t in range(T):
        z = jax.nn.sigmoid(p["x"][t] @ p["Uz"] + h @ p["Wz"])
        r = jax.nn.sigmoid(p["x"][t] @ p["Ur"] + h @ p["Wr"])
        n = jnp.tanh(p["x"][t] @ p["Un"] + (r * h) @ p["Wn"])
        h = (1 - z) * h + z * n
        total = total + h @ p["y"][t]
    return total


def kalman(p: Any) -> Any:
    m, v, total = p["m0"], p["v0"], 0.0
    for t in range(T):
        m, v = p["a"] * m, p["a"] ** 2 * v + p["q"]
        k = v / (v + p["r"])
        total = total + 0.5 * jnp.log(v + p["r"]) + 0.5 * (p["y"][t] - m) ** 2 / (v + p["r"])
        m, v = m + k * (p["y"][t] - m), (1 - k) * v
    return total


def forward_algorithm(p: Any) -> Any:
    α = p["π"] + p["o"][0]
    for t in range(1, T):
        α = jax.nn.logsumexp(α[:, None] + p["A"], axis=0) + p["o"][t]
    return jax.nn.logsumexp(α)


def viterbi(p: Any) -> Any:
    v = p["π"] + p["o"][0]
    for t in range(1, T):
        v = jnp.max(v[:, None] + p["A"], axis=0) + p["o"][t]
    return jnp.max(v)


def runge_kutta(p: Any) -> Any:
    def f(x: Any) -> Any:
        return jnp.tanh(p["A"] @ x)

    x, h = p["g"], 0.1
    for _ in range(T):
        k1 = f(x)
        k2 = f(x + h / 2 * k1)
        k3 = f(x + h / 2 * k2)
        k4 = f(x + h * k3)
        x = x + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return x @ p["w"]


def value_iteration(p: Any) -> Any:
    v = p["v0"]
    for _ in range(T):
        v = jnp.max(p["R"] + 0.9 * jnp.einsum("sau,u->sa", p["P"], v), axis=1)
    return v @ p["w"]


def depth(p: Any) -> Any:
    x = p["a"]
    for layer in range(3):
        x = x + jnp.tanh(x @ p["W"][layer] + p["c"][layer])
    return jnp.sum(x * p["y"])


def attention_in_depth(p: Any) -> Any:
    x = p["a"]
    for layer in range(3):
        s = jax.nn.softmax((x @ p["Q"][layer]) @ (x @ p["K"][layer]).T / np.sqrt(N), axis=-1)
        x = x + s @ (x @ p["V"][layer])
    return jnp.sum(x * p["y"])


def masked_by_time(p: Any) -> Any:
    h, total = p["g"], 0.0
    for t in range(T):
        h = h * p["a"] + (p["x"][t] if t >= 2 else 0.0)
        total = total + h * t
    return total


def starts_inside(p: Any) -> Any:
    f = [p["g"], 2 * p["g"]]
    for t in range(2, T):
        f.append(f[t - 1] + p["a"][t] * f[t - 2])
    return jnp.sum(jnp.stack(f) * p["w"])


def two_loops(p: Any) -> Any:
    s, r, back = 0.0, 0.0, []
    for t in reversed(range(T)):
        r = jnp.sin(r + p["x"][t])
        back.append(r)
    back = back[::-1]
    for t in range(T):
        s = jnp.cos(s) * back[t] + back[0]
    return s * p["w"]


RNN = "h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j; "
VARIANCES = {**{n: positive() for n in "wabc"}, "r": normal(7)}

CASES: dict[str, tuple[str, dict[str, Any], Callable[[Any], Any]]] = {
    "rnn": (
        "h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj + b_j); h_{-1,j} = g_j; E = h_tj y_tj",
        {"x": normal(T, N), "U": normal(N, J), "W": normal(J, J), "b": normal(J), "g": normal(J), "y": normal(T, J)},
        rnn,
    ),
    "last state": (
        RNN + "E = h[dim(x,0)-1, j] y_j",
        {"x": normal(T, N), "U": normal(N, J), "W": normal(J, J), "g": normal(J), "y": normal(J)},
        last_state,
    ),
    "stopping length": (
        "h_btj = [t < n_b] tanh(x_bti U_ij + h[b, t-1, k] W_kj) + [t ≥ n_b] h[b, t-1, j]; h[b, -1, j] = 0\n"
        "E = h[b, n_b - 1, j] y_j",
        {"x": normal(B, T, N), "U": normal(N, J), "W": normal(J, J), "y": normal(J), "n": np.array([3, 5])},
        stopped,
    ),
    "backwards": (
        "v_t = r_t + γ v[t+1]; v[dim(r,0)] = 0; E = v_t w_t",
        {"r": normal(T), "γ": normal(), "w": normal(T)},
        backwards,
    ),
    "scalar": (
        "s_{t} = a_t s_{t-1} + x_t; s_{-1} = g; E = s_t w_t",
        {"a": normal(T), "x": normal(T), "g": normal(), "w": normal(T)},
        scalar,
    ),
    "second order": (
        "s_t = sin(a_t s_{t-1}) + c_t s_{t-2}; s_{-1} = g; s_{-2} = k; E = s_t w_t",
        {"a": normal(T), "c": normal(T), "g": normal(), "k": normal(), "w": normal(T)},
        second_order,
    ),
    "a state that reads the past alone": (
        "a_t = a_{t-1} + b_{t-1} x_t; b_t = b_{t-1} a_{t-1} + 1; a_{-1} = g; b_{-1} = k\n"
        "E = a[dim(x,0)-1] b[dim(x,0)-1]",
        {"x": normal(T), "g": normal(), "k": normal()},
        two_states,
    ),
    "the same, the shift on the left": (
        "a_{t+1} = a_t + b_t x_t; b_{t+1} = b_t a_t + 1; a_0 = g; b_0 = k; E = a[dim(x,0)] b[dim(x,0)]",
        {"x": normal(T), "g": normal(), "k": normal()},
        two_states,
    ),
    "lstm": (
        "z_tbqj = x_tbi W_iqj + h[t-1, b, k] U_kqj + b_qj\n"
        "f_tbj = σ(z[t, b, 1, j]); i_tbj = σ(z[t, b, 0, j]); g_tbj = tanh(z[t, b, 2, j]); o_tbj = σ(z[t, b, 3, j])\n"
        "c_tbj = f_tbj c[t-1, b, j] + i_tbj g_tbj; h_tbj = o_tbj tanh(c_tbj)\n"
        "c[-1, b, j] = c0_bj; h[-1, b, j] = 0; E = h_tbj y_tbj",
        {"x": normal(T, B, N), "W": normal(N, 4, J), "U": normal(J, 4, J), "b": normal(4, J), "c0": normal(B, J),
         "y": normal(T, B, J)},
        lstm,
    ),
    "gru": (
        "z_tj = σ(x_ti Uz_ij + h_{t-1,k} Wz_kj); r_tj = σ(x_ti Ur_ij + h_{t-1,k} Wr_kj)\n"
        "n_tj = tanh(x_ti Un_ij + r_tk h_{t-1,k} Wn_kj); h_tj = (1 - z_tj) h_{t-1,j} + z_tj n_tj; h_{-1,j} = g_j\n"
        "E = h_tj y_tj",
        {"x": normal(T, N), **{f"U{n}": normal(N, J) for n in "zrn"}, **{f"W{n}": normal(J, J) for n in "zrn"},
         "g": normal(J), "y": normal(T, J)},
        gru,
    ),
    "kalman": (
        "m_t = a μ[t-1]; v_t = a^2 w[t-1] + q; k_t = v_t / (v_t + r); μ_t = m_t + k_t (y_t - m_t)\n"
        "w_t = (1 - k_t) v_t; μ[-1] = m0; w[-1] = v0\n"
        "E = Σ_t (1/2 log(v_t + r) + 1/2 (y_t - m_t)^2 / (v_t + r))",
        {"a": normal(), "q": positive(), "r": positive(), "m0": normal(), "v0": positive(), "y": normal(T)},
        kalman,
    ),
    "hidden markov": (
        "α_tj = logsumexp_i(α_{t-1,i} + A_ij) + o_tj; α_{0,j} = π_j + o_{0,j}; E = logsumexp_j(α[dim(o,0)-1, j])",
        {"A": normal(J, J), "o": normal(T, J), "π": normal(J)},
        forward_algorithm,
    ),
    "viterbi": (
        "v_tj = max_i(v_{t-1,i} + A_ij) + o_tj; v_{0,j} = π_j + o_{0,j}; E = max_j(v[dim(o,0)-1, j])",
        {"A": normal(J, J), "o": normal(T, J), "π": normal(J)},
        viterbi,
    ),
    "runge kutta": (
        "k1_ni = tanh(A_ij x_nj); k2_ni = tanh(A_ij (x_nj + 0.05 k1_nj)); k3_ni = tanh(A_ij (x_nj + 0.05 k2_nj))\n"
        "k4_ni = tanh(A_ij (x_nj + 0.1 k3_nj))\n"
        "x_{n+1,i} = x_ni + 0.1/6 (k1_ni + 2 k2_ni + 2 k3_ni + k4_ni); x_{0,i} = g_i; dim(n) = 5; E = x[5, i] w_i",
        {"A": normal(J, J), "g": normal(J), "w": normal(J)},
        runge_kutta,
    ),
    "value iteration": (
        "v_{n+1,s} = max_a(R_sa + 0.9 P_sau v_nu); v_{0,s} = v0_s; dim(n) = 5; E = v[5, s] w_s",
        {"R": normal(J, N), "P": positive(J, N, J) / 9, "v0": normal(J), "w": normal(J)},
        value_iteration,
    ),
    "depth": (
        "x_{l+1,b,j} = x_{l,b,j} + tanh(x_{l,b,i} W_lij + c_lj); x_{0,b,j} = a_bj; E = x[dim(W, 0), b, j] y_bj",
        {"a": normal(B, J), "W": normal(3, J, J), "c": normal(3, J), "y": normal(B, J)},
        depth,
    ),
    "attention in depth": (
        "q_ltd = x_lti Q_lid; k_ltd = x_lti K_lid; v_ltd = x_lti V_lid\n"
        "p_ltu = softmax_u(q_ltd k_lud / sqrt(dim(d))); x_{l+1,t,d} = x_ltd + p_ltu v_lud; x_{0,t,d} = a_td\n"
        "E = x[dim(Q, 0), t, d] y_td",
        {"a": normal(T, N), "Q": normal(3, N, N), "K": normal(3, N, N), "V": normal(3, N, N), "y": normal(T, N)},
        attention_in_depth,
    ),
    "masked by time": (
        "h_t = h_{t-1} a + [t ≥ 2] x_t; h_{-1} = g; w_t = Σ_u [u < t]; dim(u) = dim(x, 0); E = h_t w_t",
        {"a": normal(), "x": normal(T), "g": normal()},
        masked_by_time,
    ),
    "starts inside": (
        "f_t = f_{t-1} + a_t f_{t-2}; f_0 = g; f_1 = 2 g; E = f_t w_t",
        {"a": normal(T), "g": normal(), "w": normal(T)},
        starts_inside,
    ),
    "ends with what feeds it": (
        "s_t = w + a r[t-1]^2 + b s[t-1]; s[0] = c^2; E = Σ_t (log(s_t) + r_t^2 / s_t)", VARIANCES, ends_with("r")
    ),
    "ends before what feeds it": (
        "s_t = w + a r[t-1]^2 + b s[t-1]; s[0] = c^2; E = Σ_t (log(s_t) + x_t^2 / s_t)", VARIANCES | {"x": normal(T)},
        ends_with("x")
    ),
    "ends with what feeds it two steps later": (
        "s_t = w + a r[t-2]^2 + b s[t-1]; s[0] = c^2; s[1] = c^2; E = Σ_t (log(s_t) + r_t^2 / s_t)", VARIANCES,
        ends_with("r", 2)
    ),
    "one loop feeds another": (
        "r_t = sin(r[t+1] + x_t); r[dim(x,0)] = 0; s_t = cos(s_{t-1}) r_t + r_0; s_{-1} = 0; E = s[dim(x,0)-1] w",
        {"x": normal(T), "w": normal()},
        two_loops,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_recurrences_and_their_gradients(name: str, x64: None) -> None:
    text, arrays, naive = CASES[name]
    s = tp.parse(text)
    assert tp.parse(str(s)) is s and s.recurrent
    smooth = {n: jnp.asarray(a) for n, a in arrays.items() if np.asarray(a).dtype.kind == "f"}
    labels = {n: a for n, a in arrays.items() if n not in smooth}
    want, slopes = uncompiled(jax.value_and_grad(lambda p: naive({**labels, **p})))(smooth)
    got, rules = uncompiled(lambda p: tp.value_and_grad(s, wrt=tuple(smooth), of="E")(p, **labels))(smooth)
    np.testing.assert_allclose(got, want, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(tp.compile(s, "numpy", outputs="E")(**arrays), want, rtol=1e-13, atol=1e-13)
    f = tp.compile(s, outputs="E")
    through = uncompiled(jax.grad(lambda p: f(**p, **labels)))(smooth)
    for n in smooth:
        np.testing.assert_allclose(rules[n], slopes[n], rtol=1e-11, atol=1e-13, err_msg=f"rule of {n}")
        np.testing.assert_allclose(through[n], slopes[n], rtol=1e-11, atol=1e-13, err_msg=f"jax.grad by {n}")


@pytest.mark.parametrize(
    "text, measured",
    [
        ("δc_t = δh_t o_t + [t+1 < dim(t)] f[t+1] δc[t+1]; δh_t = y_t + [t+1 < dim(t)] δc[t+1] w[t+1]", "o y"),
        ("δc_t = δh_t + [t+1 < dim(t)] f[t+1] δc[t+1]; δh_t = y_t + [t+1 < dim(t)] δc[t+1] w[t+1]", "y"),
        ("c_t = h_t / dim(t) + c_{t-1}; h_t = 2 x_t + c_{t-1}; c_{-1} = 0", "x"),
        ("c_t = h_t / dim(t) + c_{t-1}; h_t = q_t x_t + c_{t-1}; c_{-1} = 0; q_t = 2 x_t", "x"),
        ("c_t = h_t / dim(t) + c_{t-1}; h_t = δq_t q_t + c_{t-1}; c_{-1} = 0; q_t = 2 x_t", "q"),
    ],
)
def test_the_size_of_a_step_is_told_from_outside_of_its_loop(text: str, measured: str) -> None:
    """What is given before what is worked out, adjoints last; no loop waits for the length of its own tensors."""
    s = tp.parse(text)
    assert tp.parse(str(s)) is s
    assert {d.tensor for eq in s for d in postorder(eq.value) if isinstance(d, Dim)} == set(measured.split())


def test_a_loop_that_nothing_outside_measures_is_refused() -> None:
    with pytest.raises(CircularDefinition):
        tp.parse("c_t = h_t / dim(t) + c_{t-1}; h_t = 2 c_{t-1}; c_{-1} = 0")


@pytest.mark.parametrize("start, fits", [("h[j+1]", 3), ("h[2-j]", 4), ("h[2j - 1]", 3)])
def test_a_start_reads_another_loop_shifted(start: str, fits: int) -> None:
    """How far it runs, its tensor's other equation says; what is read outside is refused."""
    s = tp.parse(f"h_t = a_t h_{{t-1}}; h_{{-1}} = g; s_nj = b_n s[n-1, j] c_j; s[-1, j] = {start}; E = Σ_nj s_nj")
    a, b, g = normal(4), normal(2), np.array(0.3)
    h = np.concatenate([np.cumprod(a) * g, [g]])  # h[-1] is g
    for n in (fits, fits + 1):
        c = normal(n)
        given: Any = {"a": a, "b": b, "g": g, "c": c}
        if n > fits:
            with pytest.raises(OutOfRange):
                tp.compile(s, "numpy")(**given)
            continue
        at = np.arange(n)
        first = h[{"h[j+1]": at + 1, "h[2-j]": 2 - at, "h[2j - 1]": 2 * at - 1}[start]]
        want = sum((first * c**k * np.prod(b[:k])).sum() for k in (1, 2))
        np.testing.assert_allclose(tp.compile(s, "numpy")(**given), want, rtol=1e-13)
        np.testing.assert_allclose(all_values(np, s, given, 0)["E"], want, rtol=1e-13)


def test_a_recurrence_that_is_an_output_has_a_seed_and_all_that_is_owed_to_it(x64: None) -> None:
    """δh^(out) comes from outside; δh is that and what later steps owe."""
    text, arrays, _ = CASES["rnn"]
    s = tp.parse(text.split("; E")[0])
    arrays = {n: a for n, a in arrays.items() if n != "y"}
    assert s.outputs == ("h",)
    seed = normal(T, J)
    rules = tp.adjoint(s, wrt="U W g")
    assert "δh^(out)" in rules.inputs
    _, back = jax.vjp(lambda p: tp.compile(s)(**p), arrays)
    f = tp.compile(s + rules, outputs="δU δW δg")
    got = f(**arrays, **{"δh^(out)": seed})
    for n in ("U", "W", "g"):
        np.testing.assert_allclose(got[f"δ{n}"], back(jnp.asarray(seed))[0][n], rtol=1e-12)


def test_transformations_of_jax_apply(x64: None) -> None:
    text, arrays, naive = CASES["scalar"]
    f = tp.compile(text, outputs="E")
    second = jax.hessian(lambda a: f(**{**arrays, "a": a}))(arrays["a"])
    want = jax.hessian(lambda a: naive({**arrays, "a": a}))(arrays["a"])
    np.testing.assert_allclose(second, want, rtol=1e-12, atol=1e-13)
    many = normal(3, T)
    batched = jax.vmap(lambda x: f(**{**arrays, "x": x}))(many)
    np.testing.assert_allclose(batched, [naive({**arrays, "x": x}) for x in many], rtol=1e-12)
    _, moved = jax.jvp(lambda x: f(**{**arrays, "x": x}), (arrays["x"],), (many[0],))
    _, want = jax.jvp(lambda x: naive({**arrays, "x": x}), (arrays["x"],), (many[0],))
    np.testing.assert_allclose(moved, want, rtol=1e-12)


def test_single_precision_stays_single() -> None:
    text, arrays, naive = CASES["gru"]
    p = {n: np.asarray(a, np.float32) for n, a in arrays.items()}
    value, slopes = tp.value_and_grad(text, wrt=tuple(p))(p)
    assert value.dtype == np.float32 and all(g.dtype == np.float32 for g in slopes.values())
    np.testing.assert_allclose(value, naive(p), rtol=1e-5)


def test_two_scans_whatever_the_length_and_the_depth() -> None:
    """One forwards, one backwards; what a step adds to a weight is no part of either."""
    text, arrays, _ = CASES["depth"]
    g = tp.value_and_grad(text, wrt="W c a")
    programs: list[str] = []
    for layers in (3, 12):
        p = {**arrays, "W": np.zeros((layers, J, J)), "c": np.zeros((layers, J))}
        params = {n: p[n] for n in "Wca"}
        programs.append(str(jax.make_jaxpr(lambda q, y: g(q, y=y))(params, p["y"])))
    assert [t.count(" scan[") for t in programs] == [2, 2]
    assert len(set(t.count("\n") for t in programs)) == 1


FAULTS: dict[str, Callable[[Any], Any]] = {
    "the last step is lost": lambda there: there[:-1],
    "the first step is lost": lambda there: there[1:],
    "every step is one later": lambda there: [p + 1 for p in there],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_lost_steps_are_caught(fault: str, x64: None, monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorprop.run.sizes import Steps

    right = Steps.given
    monkeypatch.setattr(Steps, "given", lambda self, eq: FAULTS[fault](right(self, eq)))
    for name in ("scalar", "backwards"):
        text, arrays, naive = CASES[name]
        assert abs(tp.compile(text, outputs="E")(**arrays) - naive(arrays)) > 1e-6


@pytest.mark.parametrize("name", ["rnn", "lstm"])
@pytest.mark.parametrize("save", [None, ()])
def test_rules_of_recurrences_as_jax_functions(name: str, save: tuple[str, ...] | None, x64: None) -> None:
    """What is kept of a recurrence, and its states' starts, are there on the way back."""
    text, arrays, naive = CASES[name]
    smooth = {n: jnp.asarray(a) for n, a in arrays.items()}
    slopes = jax.grad(naive)(smooth)
    whole, states = tp.jax_function(text, save=save), tp.jax_function(text.replace("; E = h", " # E = h"), save=save)
    inner = {n: a for n, a in smooth.items() if n != "y"}
    found = jax.grad(lambda p: whole(**p))(smooth), jax.grad(lambda p: jnp.sum(states(**p) * smooth["y"]))(inner)
    for got in found:
        for n, g in got.items():
            np.testing.assert_allclose(g, slopes[n], rtol=1e-11, atol=1e-13, err_msg=n)


def test_what_every_step_multiplies_by_is_turned_once_before_the_loop() -> None:
    """``W_jl δz[t+1, l]``: the way back reads Wᵀ, laid out before its scan, whose products sum over leading axes."""
    text = "z_tbj = x_tbi U_ij + h[t-1, b, k] W_kj; h_tbj = tanh(z_tbj); h[-1, b, j] = 0; E = h_tbj y_tbj"
    g = tp.value_and_grad(text, "W U")
    p, x = {"W": np.ones((4, 4)), "U": np.ones((3, 4))}, np.ones((6, 2, 3))
    program = jax.make_jaxpr(lambda p: g(p, x=x, y=np.ones((6, 2, 4))))(p)

    def steps(jaxpr: Any) -> list[Any]:
        inner = [(e, v.jaxpr) for e in jaxpr.eqns for v in e.params.values() if hasattr(v, "jaxpr")]
        return [s for e, j in inner for s in ([j] if e.primitive.name == "scan" else steps(j))]

    found = [e for step in steps(program.jaxpr) for e in step.eqns]
    products = [e.params["dimension_numbers"][0] for e in found if e.primitive.name == "dot_general"]
    assert len(products) == 2 and all(tuple(right) == (0,) for _, right in products)
    assert "transpose" in str(program) and not any(e.primitive.name == "transpose" for e in found)


CUMULATIVE = [
    ("s_t = s_{t-1} + x_t; s_{-1} = g", "sum"),
    ("s_tj = s_{t-1,j} x_tj; s_{-1,j} = q_j", "prod"),
    ("s_jt = x_t + s[j, t-1]; s[j, -1] = q_j", "sum"),
    ("s_t = x_t + s[t+1]; s[dim(x,0)] = 0", "sum"),
    ("s_t = max(s_{t-1}, x_t^2); s_{0} = g", "max"),
    ("s_tj = logaddexp(s_{t-1,j}, x_tj w_j); s_{-1,j} = q_j", "logsumexp"),
]
ONLY_LOOPS = ["s_t = a_t s_{t-1} + x_t; s_{-1} = g", "s_tij = s_{t-1,j,i} + x_tij; s_{-1,i,j} = 0"]


@pytest.mark.parametrize("text, op", CUMULATIVE)
def test_a_recurrence_that_only_adds_up_is_a_running_sum(text: str, op: str, x64: None) -> None:
    """Both ways are in the program, the loop for a CPU; they have the same values and the same gradients."""
    s = tp.parse(text)
    shapes = {"x": (6, *(3,) * (s.rank("x") - 1)), "g": (), "q": (3,), "w": (3,)}
    arrays = {n: normal(*shapes[n]) for n in s.inputs}
    want = tp.compile(s, "numpy")(**arrays)
    letters = text[: text.index(" ")]
    loss = tp.parse(f"{text}; E = {letters} {letters}")
    data = {n: a for n, a in arrays.items() if n != "x"}

    def both() -> tuple[Any, Any]:
        f, g = tp.compile(s), tp.value_and_grad(loss, "x")
        program = str(jax.make_jaxpr(lambda a: f(**a))(arrays))
        np.testing.assert_allclose(uncompiled(lambda a: f(**a))(arrays), want, rtol=1e-12)
        return program, uncompiled(lambda x: g({"x": x}, **data)[1]["x"])(arrays["x"])

    program, by_loop = both()
    assert "cum" + op in program and "scan[" in program
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(JaxOperations, "either", lambda self, plain, other: self.elsewhere(other))
        program, by_sum = both()
    assert "cum" + op in program and "scan[" not in program
    np.testing.assert_allclose(by_sum, by_loop, rtol=1e-11)


@pytest.mark.parametrize("text", ONLY_LOOPS)
def test_what_does_more_than_add_up_stays_a_loop(text: str) -> None:
    s = tp.parse(text)
    arrays = {n: np.ones((4, 2, 2)[: s.rank(n)] if s.rank(n) else ()) for n in s.inputs}
    assert "cum" not in str(jax.make_jaxpr(lambda a: tp.compile(s)(**a))(arrays))
