"""Code for recurrences: a loop over time, as people write it, run beside loops by hand and ``jax.grad``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
import tensorprop.layers as library
from tensorprop.check.executed import agrees

RNN = "h_btj = tanh(x_bti U_ij + h_{b,t-1,k} W_kj + c_j); h_{b,-1,j} = g_bj"
CODE = [
    (
        RNN,
        """
h = {}
h[-1] = g
for t in range(x.shape[1]):
    h[t] = np.tanh(x[:, t] @ U + h[t - 1] @ W + c)
h = np.stack([h[t] for t in range(x.shape[1])], axis=1)
""",
    ),
    (
        "x_{l+1,b,j} = relu(x_{l,b,i} W[l,i,j]); x_{0,b,j} = a_bj",
        """
x = {}
x[0] = a
for l in range(W.shape[0]):
    x[l + 1] = np.maximum(x[l] @ W[l], 0)
x = np.stack([x[l] for l in range(W.shape[0] + 1)])
""",
    ),
    (
        "s_tj = x_tj + a_j s_{t+1,j}; outside(s) = 0",
        """
s = {x.shape[0]: np.zeros((a.shape[0],))}
for t in reversed(range(x.shape[0])):
    s[t] = x[t] + a * s[t + 1]
s = np.stack([s[t] for t in range(x.shape[0])])
""",
    ),
    (
        "f_t = f_{t-1} + f_{t-2}; f_{0} = a; f_{1} = b; dim(t) = 6",
        """
f = {}
f[0] = a
f[1] = b
for t in range(2, 6):
    f[t] = f[t - 1] + f[t - 2]
f = np.stack([f[t] for t in range(6)])
""",
    ),
    (
        "s_t = a s_{t-1} + x_t; s_{-1} = 2; E = s_t s_t",
        """
s = {}
s[-1] = 2.0
for t in range(x.shape[0]):
    s[t] = a * s[t - 1] + x[t]
s = np.stack([s[t] for t in range(x.shape[0])])
E = np.sum(s * s)
""",
    ),
]


@pytest.mark.parametrize("text, code", CODE)
def test_the_code_is_a_loop_over_time(text: str, code: str) -> None:
    found = tp.formula(text)
    assert found.numpy == code.strip()
    relu = ("jax.nn.relu(x[l] @ W[l])", "np.maximum(x[l] @ W[l], 0)")
    assert found.jax.replace("jnp.", "np.").replace(*relu) == found.numpy
    assert "torch.stack" in found.torch


def test_loops_run_through_time_in_its_direction() -> None:
    assert (
        tp.formula("s_tj = x_tj + a_j s_{t+1,j}; outside(s) = 0").loop
        == """
s = {x.shape[0]: np.zeros((a.shape[0],))}
for t in reversed(range(x.shape[0])):
    s[t] = np.zeros((a.shape[0],))
    for j in range(a.shape[0]):
        s[t][j] = x[t, j] + a[j] * s[t + 1][j]
s = np.stack([s[t] for t in range(x.shape[0])])
""".strip()
    )
    assert "# a page with steps of time is no einsum" in tp.formula(RNN).einsum


def ran(code: str, space: dict[str, Any]) -> dict[str, Any]:
    made = {"np": np, "jnp": jnp, "jax": jax, **space}
    exec(code, made)
    return made


def test_the_code_does_what_loops_by_hand_do_and_its_rules_what_jax_grad_gives() -> None:
    rng = np.random.default_rng(3)
    n, steps, i, j = 3, 4, 2, 5
    x, u, w = rng.normal(size=(n, steps, i)), rng.normal(size=(i, j)), rng.normal(size=(j, j))
    c, g, owed = rng.normal(size=j), rng.normal(size=(n, j)), rng.normal(size=(n, steps, j))

    want = np.zeros((n, steps, j))
    for b in range(n):
        before = g[b]
        for t in range(steps):
            before = np.tanh([sum(x[b, t, p] * u[p, q] for p in range(i)) + before @ w[:, q] + c[q] for q in range(j)])
            want[b, t] = before

    def loss(x: Any, u: Any, w: Any, c: Any, g: Any) -> Any:
        total, before = 0.0, g
        for t in range(steps):
            before = jnp.tanh(x[:, t] @ u + before @ w + c)
            total = total + jnp.sum(before * owed[:, t])
        return total

    with jax.enable_x64(True):
        grads = jax.grad(loss, argnums=(0, 1, 2, 3, 4))(*map(jnp.asarray, (x, u, w, c, g)))
    s = tp.parse(RNN)
    found = tp.formula(s + tp.adjoint(s))
    space = {"x": x, "U": u, "W": w, "c": c, "g": g, "δh_out": owed}
    for code in (found.numpy, found.loop):
        made = ran(code, space)
        np.testing.assert_allclose(made["h"], want, rtol=1e-12)
        for name, grad in zip("xUWcg", grads, strict=True):
            np.testing.assert_allclose(made["δ" + name], grad, rtol=1e-10, atol=1e-12)
    with jax.enable_x64(True):
        made = ran(found.jax, {k: jnp.asarray(v) for k, v in space.items()})
    np.testing.assert_allclose(made["δW"], grads[2], rtol=1e-10)


@pytest.mark.parametrize("name", ["Rnn", "Lstm", "LinearRecurrence", "Retention", "HiddenMarkovModel"])
def test_layers_with_time_have_code(name: str) -> None:
    found = tp.formula(getattr(library, name))  # executed before it is given
    for code in (found.numpy, found.jax, found.loop):
        assert code.count("\nfor ") + code.startswith("for ") >= 2
        assert "no code" not in code


def test_wrong_code_of_a_page_is_never_shown() -> None:
    s = tp.parse(RNN)
    right = tp.formula(RNN).numpy
    assert agrees(s, right)
    for wrong in (right.replace("h[t - 1]", "h[t - 1] * 2"), right.replace("axis=1", "axis=0")):
        assert not agrees(s, wrong)
    shown = replace(tp.formula(RNN), runs=lambda *_: False).numpy
    assert shown.splitlines()[0] == "# no code, since what could be written is not what the equations say:"


def test_a_letter_does_not_hide_an_array() -> None:
    code = tp.formula("h_tj = h_{t-1,k} W_kj + t_j; h_{-1,j} = k_j; dim(t) = 3").loop
    assert "for t_ in range(3):" in code and "for k_ in range" in code


def test_what_has_no_code_says_why() -> None:
    code = tp.formula("r_ts = r_{t-1,s} + r_{t-1,s-1} + x_ts; outside(r) = 0").numpy
    assert code.splitlines()[0].startswith("# no code, since") and all(t.startswith("#") for t in code.splitlines())


@pytest.mark.parametrize(
    "text",
    [
        "a_t = b_{t-1} + x_t; b_t = 2 a_{t-1}; a_{-1} = 1; b_{-1} = 0",
        "h_tij = h_{t-1,i,k} A_kj + B_tij; h_{-1,i,j} = [i = j]",
        "s_t = max(s_{t-1}, x_t); s_{-1} = 0",
        "m_t = softmax_j(q_tj)[k_t] m_{t-1}; m_{-1} = 1",
        "h_tj = tanh(E[tok_t, j] + h_{t-1,k} W_kj); h_{-1,j} = 0",
        "v_{t+1} = v_t - r v_t; v_0 = a; dim(t) = 4",
        "y_t = x_t - x[t-1]",
    ],
)
def test_unusual_pages_have_lines_and_code_or_a_reason(text: str) -> None:
    s = tp.parse(text)
    for page in (s, s + tp.adjoint(s)):
        found = tp.formula(page)
        assert str(found) and found.latex
        for code in (found.numpy, found.jax, found.torch, found.loop):
            assert "no code, since" not in code or code.startswith("# no code, since")
