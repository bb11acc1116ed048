"""Parts of a step of a recurrence have names; what the recurrence comes to stays what it is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import stages

STAGED = {
    "h_tj = tanh(x_tj + h[t-1,k] W_kj); h[-1,j] = 0; E = h_tj y_tj": ["h0_tj = x_tj + h[t-1, k] W_kj"],
    "h_tj = tanh(h[t-1,k] W_kj + b_j); h[-1,j] = b_j; dim(t) = 5; E = h[4,j] y_j": ["h0_uj = h[u-1, k] W_kj + b_j"],
    "f_tj = e_tj + logsumexp_i(f[t-1,i] + a_ij); f[0,j] = e[0,j]; E = f_tj y_tj": ["f0_uj = logsumexp_i(f_ui + a_ij)"],
    "f_tj = e_tj + logsumexp_i(f[t-1,i] + a_ij); f[-1,j] = 0; E = f_tj y_tj": ["f0_uj = logsumexp_i(f[u-1, i] + a_ij)"],
    "h_tj = z_tj tanh(x_tj + h[t-1,j]) + σ(h[t-1,j] u_j + x_tj); h[-1,j] = 0; E = h_tj y_tj": [
        "h0_tj = h[t-1, j] u_j + x_tj",
        "h1_tj = x_tj + h[t-1, j]",
    ],
}
ALONE = (
    "h_bj = tanh(x_bi W_ij); E = h_bj y_bj",  # no recurrence
    "z_tj = x_tj + h[t-1,k] W_kj; h_tj = tanh(z_tj); h[-1,j] = 0; E = h_tj y_tj",  # named already
    "y_t = a_t y[t-1] + x_t; y[-1] = 0; E = y_t g_t",  # no function
    "h_tj = tanh(x_tj + h[t-1,j]); h[0,j] = 0; E = h_tj y_tj",  # x is read where the first step is not
    "h_tj = tanh(x_tj + h[t+1,j]); h[dim(x,0),j] = 0; E = h_tj y_tj",  # downwards
)


def drawn(s: tp.System, wrt: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(3)
    sizes = {"t": 5, "i": 3, "j": 3, "k": 3}
    letters = {"x": "tj", "y": "tj", "z": "tj", "e": "tj", "W": "kj", "a": "ij", "u": "j", "b": "j"}
    if "h[4," in str(s):
        letters["y"] = "j"
    arrays = {n: rng.normal(size=[sizes[i] for i in letters[n]]) for n in s.inputs}
    return {n: arrays[n] for n in wrt}, {n: a for n, a in arrays.items() if n not in wrt}


@pytest.mark.parametrize("text", STAGED)
def test_parts_have_names_and_gradients_stay(text: str) -> None:
    s = tp.parse(text)
    made = stages(s)
    assert [str(eq) for eq in made if eq not in s and eq.name not in s] == STAGED[text]
    wrt = [n for n in s.inputs if n != "y"]
    params, data = drawn(s, wrt)
    plain = tp.adjoint(s, wrt)
    names = [f"δ{n}" for n in wrt]
    whole = tp.compile((s + plain).only(names), outputs=names, backend="numpy")(**params, **data)
    there = tp.adjoint(made, wrt)
    staged = tp.compile((made + there).only(names), outputs=names, backend="numpy")(**params, **data)
    for n in names:
        one, other = (f[n] if isinstance(f, dict) else f for f in (whole, staged))
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("text", ALONE)
def test_what_needs_no_name_gets_none(text: str) -> None:
    s = tp.parse(text)
    assert stages(s) is s


def _forward_algorithm(a: Any, e: Any) -> Any:
    """log Σ over paths of exp(Σ_t e[t, path_t] + Σ_t a[path_{t-1}, path_t]), path by path."""
    import itertools

    import jax.numpy as jnp

    paths = itertools.product(range(a.shape[0]), repeat=e.shape[0])
    scores = [sum(e[t, k] for t, k in enumerate(p)) + sum(a[i, j] for i, j in itertools.pairwise(p)) for p in paths]
    return jnp.log(sum(jnp.exp(s) for s in scores))


def test_a_hidden_markov_model_against_all_paths() -> None:
    import jax

    page = "f_tj = e_tj + logsumexp_i(f[t-1,i] + a_ij); f[0,j] = e[0,j]; E = logsumexp_j(f[3,j])"
    rng = np.random.default_rng(5)
    params = {"a": rng.normal(size=(3, 3)), "e": rng.normal(size=(4, 3))}
    with jax.enable_x64(True):
        value, grads = tp.value_and_grad(page, wrt=("a", "e"))(params)
        other, slopes = jax.value_and_grad(lambda p: _forward_algorithm(p["a"], p["e"]))(params)
    np.testing.assert_allclose(value, other, rtol=1e-13)
    for n in params:
        np.testing.assert_allclose(grads[n], slopes[n], rtol=1e-12, atol=1e-14)


WINDOWS = {  # what the arguments are called
    "h_bijf = relu(x[b,i+k,j+l,c] w_klcf + a_f); E = h_bijf h_bijf": ["h0_bijf = x[b, i+k, j+l, c] w_klcf + a_f"],
    "h_t = tanh(Σ_s x[t-2s] f_s) σ(Σ_s x[t-s] g_s); outside(x) = 0; dim(t) = 9; E = h_t h_t": [
        "h0_t = x[t-s] g_s",
        "h1_t = x[t-2s] f_s",
    ],
    "E = Σ_t ((Σ_s x[t+s] f_s) - y_t)^2": ["E0_t = x[t+s] f_s - y_t"],
    "E = Σ_t sqrt((x[t+1] - x_t)^2 + 1); dim(t) = 8": ["E0_t = (x[t+1] - x_t)^2 + 1"],
    "h_t = (Σ_s x[t+s] f_s) (Σ_s x[t+s] g_s); E = h_t h_t": ["h0_t = x[t+s] f_s", "h1_t = x[t+s] g_s"],
}
NO_WINDOWS = (
    "h_bf = relu(x_bi w_if + a_f); E = h_bf h_bf",
    "h_t = Σ_s x[t+s] f_s + a; E = h_t h_t",  # of no function
    "h_t = [t + 2 < dim(x, 0)] tanh(Σ_s x[t+s] f_s); E = h_t y_t; dim(t) = 9",  # the bracket keeps it inside
    "h_t = where(t < 7, tanh(Σ_s x[t+s] f_s), 0); E = h_t y_t; dim(t) = 9",
    "E = Σ_t [t > 0] sqrt((x_t - x[t-1])^2 + 1)",
    "h_t = tanh(x[t+1]); E = h_t h_t",  # one place alone
    "h_ij = tanh(w_ij + w_ji); E = h_ij h_ij",  # the same places
    "h_t = tanh(Σ_s x[t+s] f_s) y_t; E = h_t h_t",  # y tells the range of t
    "h_t = tanh(Σ_s x[t-s] f_s) y_t; outside(x) = 0; E = h_t h_t",
)
OUTER = {
    "e_tu = v_h tanh(a_th + c_uh); E = e_tu e_tu": (None, ["e0_tuh = a_th + c_uh"]),
    "d_ij = Σ_k (x_ik - x_jk)^2 + 0.1; E = Σ_ij 1/d_ij": (None, ["d0_ijk = x_ik - x_jk"]),
    "s_nm = leaky_relu(h_nk a_k + h_mk c_k); E = s_nm s_nm": (["h"], ["s0_nm = h_nk a_k + h_mk c_k"]),
    "d_nk = Σ_i (x_ni - c_ki)^2; E = Σ_n min_k(d_nk)": (["c"], []),  # one side alone is differentiated
    "h_bf = relu(x_bi w_if + a_f); E = h_bf h_bf": (None, []),  # one term has all letters
    "e_t = exp(a + c_t); E = e_t e_t": (None, []),
}
PAIRED = {"a": (3, 2), "c": (4, 2), "v": (2,), "x": (5, 2), "h": (5, 2)}


@pytest.mark.parametrize("text", OUTER)
def test_sums_of_what_has_different_letters_have_names_where_several_are_differentiated(text: str) -> None:
    s = tp.parse(text)
    wrt, names = OUTER[text]
    made = stages(s, wrt)
    assert [str(eq) for eq in made if eq not in s and eq.name not in s] == names
    if not names:
        return
    rng = np.random.default_rng(9)
    p = {n: rng.normal(size=PAIRED[n][-s.rank(n) :]) for n in s.inputs}
    wanted = ["E", *(f"δ{n}" for n in wrt or s.inputs)]
    whole, staged = (
        tp.compile((u + tp.adjoint(u, wrt or s.inputs, of="E")).only(wanted), outputs=wanted, backend="numpy")(**p)
        for u in (s, made)
    )
    for n in wanted:
        np.testing.assert_allclose(staged[n], whole[n], rtol=1e-12, atol=1e-12)


SHAPES = {"x": (9,), "f": (3,), "g": (3,), "y": (7,), "a": (2,), "w": (3, 2, 2, 2)}


@pytest.mark.parametrize("text", WINDOWS)
def test_arguments_that_sum_over_windows_have_names_and_gradients_stay(text: str) -> None:
    s = tp.parse(text)
    made = stages(s)
    assert sorted(str(eq) for eq in made if eq not in s and eq.name not in s) == sorted(WINDOWS[text])
    rng = np.random.default_rng(8)
    p = {n: rng.normal(size=(2, 5, 4, 2) if n == "x" and "b" in text else SHAPES[n]) for n in s.inputs}
    names = ["E", *(f"δ{n}" for n in s.inputs)]
    whole, staged = (
        tp.compile((u + tp.adjoint(u, s.inputs, of="E")).only(names), outputs=names, backend="numpy")(**p)
        for u in (s, made)
    )
    for n in names:
        np.testing.assert_allclose(staged[n], whole[n], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("text", NO_WINDOWS)
def test_what_is_no_window_of_a_function_gets_no_name(text: str) -> None:
    s = tp.parse(text)
    assert stages(s) is s


def test_a_convolution_in_a_function_is_worked_out_once() -> None:
    """The rule of x had worked it out in every place of the window."""
    import jax
    import jax.numpy as jnp

    text = "h_bijf = gelu(x[b,i+k,j+l,c] w_klcf + a_f); g_bijf = relu(h[b,i+k,j+l,c] v_klcf); E = g_bijf g_bijf"
    p = {"x": jnp.ones((2, 9, 8, 5)), "w": jnp.ones((3, 3, 5, 4)), "a": jnp.ones(4), "v": jnp.ones((3, 3, 4, 5))}
    program = str(jax.make_jaxpr(tp.value_and_grad(text, [*p]))(p))
    assert program.count("conv_general_dilated[") == 6  # two there, and two back for each
    assert program.count("f32[2,9,8,5,3") == program.count("f32[3,3,2,") == 0
