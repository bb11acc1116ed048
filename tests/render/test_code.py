"""Code that people would copy: what is printed for NumPy, JAX, PyTorch, as einsum and as loops; all of it executed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.executed import WrongCode, agrees, executed
from tensorprop.render.formula import Formula
from tensorprop.text import parse
from tests.strategies import OPTIONS, layouts

DATA = Path(__file__).parents[1] / "data"

# what is asked → the NumPy of it, and where it is another the PyTorch
NUMPY = [
    ("z_bj = a_bi W_ij + c_j", "z = a @ W + c", ""),
    ("S_bhqk = Q_bhqd K_bhkd / sqrt(dim(Q, 3))", "S = Q @ K.mT / np.sqrt(Q.shape[3])",
     "S = Q @ K.mT / Q.shape[3]**0.5"),
    ("Y_btk = tanh(X_btc W_ck + c_k)", "Y = np.tanh(X @ W + c)", "Y = torch.tanh(X @ W + c)"),
    ("Y_nij = X_nij - m_n", "Y = X - m[:, None, None]", ""),
    ("T_ijk = A_ij + b_k", "T = A[..., None] + b", ""),
    ("B_ij = A_ij - v_j / n", "B = A - v / n", ""),
    ("y_i = d_i A_ij x_j", "y = d * (A @ x)", ""),
    ("Y_ij = d_i A_ij e_j", "Y = d[:, None] * A * e", "Y = d[:, None] * A * e"),
    ("Y_ij = d_i e_j A_ij", "Y = np.outer(d, e) * A", "Y = torch.outer(d, e) * A"),
    ("y = x_i A_ij x_j", "y = x @ A @ x", ""),
    ("C_ij = (x_bi - m_i)(x_bj - m_j) / dim(x, 0)", "C = (x - m).T @ (x - m) / x.shape[0]", ""),
    ("δx_bi = p_bi (δp_bi - Σ_j p_bj δp_bj)", "δx = p * (δp - np.sum(p * δp, axis=1)[:, None])",
     "δx = p * (δp - torch.sum(p * δp, dim=1)[:, None])"),
    ("E = 1/2 (h_bj - y_bj)^2", "E = 0.5 * np.sum((h - y)**2)", "E = 0.5 * torch.sum((h - y)**2)"),
    ("G_ij = b_i c_j", "G = np.outer(b, c)", "G = torch.outer(b, c)"),
    ("L_tu = [t ≥ u] A_tu", "L = np.tril(A)", "L = torch.tril(A)"),
    ("D_ij = d_i [i = j]", "D = np.diag(d)", "D = torch.diag(d)"),
    ("n_bi = c_bi / s_b", "n = c / s[:, None]", ""),
    ("P_bqk = softmax_k(S_bqk)", "P = np.exp(S - np.logaddexp.reduce(S, axis=-1, keepdims=True))",
     "P = torch.softmax(S, dim=-1)"),
    ("y_bi = A_bij x_bj", 'y = np.einsum("bij,bj->bi", A, x)', 'y = torch.einsum("bij,bj->bi", A, x)'),
    ("Y_bqhk = A_bqhd B_bkhd", 'Y = np.einsum("bqhd,bkhd->bqhk", A, B)', 'Y = torch.einsum("bqhd,bkhd->bqhk", A, B)'),
    ("Y_ij = X_bti D_btj", 'Y = np.einsum("bti,btj->ij", X, D)', 'Y = torch.einsum("bti,btj->ij", X, D)'),
    ("Y_btk = X_btc W_ck", "Y = X @ W", ""),
    ("L = -t_bc log(p_bc) / dim(b)", "L = -np.sum(t * np.log(p)) / t.shape[0]",
     "L = -torch.sum(t * torch.log(p)) / t.shape[0]"),
    ("s = Σ_ij f(x_i - y_j)", "s = np.sum(f(x[:, None] - y))", "s = torch.sum(f(x[:, None] - y))"),
    ("q_t = p[t, 2 t] c", "# no matrix form", "# no matrix form"),
]  # fmt: skip


def test_the_diagonal_of_a_product_over_rows_that_are_one_is_added_up_entry_by_entry():
    f = tp.formula("δS_bhtu = P_bhtu (δP_bhtu - Σ_v δP_bhtv P_bhtv)", derivative="numerator")
    assert f.numpy == "δS = P * (δP - np.sum(P * δP, axis=3)[..., None])"  # executed before it is shown


@pytest.mark.parametrize("text, numpy, torch", NUMPY, ids=lambda x: x)
def test_the_code_is_what_people_would_write(text, numpy, torch):
    f = tp.formula(text)
    if numpy.startswith("#"):
        assert f.numpy.startswith("#") and f.torch.startswith("#")
        return
    assert f.numpy == numpy
    assert f.torch == (torch or numpy)
    assert f.jax.replace("jnp.", "np.") == numpy or "jax.nn" in f.jax


@pytest.mark.parametrize(
    "text, einsum",
    [
        ("z_bj = a_bi W_ij", 'z = np.einsum("bi,ij->bj", a, W)'),
        ("y_i = A_ij B_jk x_k", 't1 = np.einsum("jk,k->j", B, x)\ny = np.einsum("ij,j->i", A, t1)'),
        ("z_bj = tanh(a_bi W_ij + c_j)", 'z = np.tanh(np.einsum("bi,ij->bj", a, W) + c)'),
        ("T_ijk = A_ij + b_k", "T = A[..., None] + b"),
    ],
)
def test_einsum_is_a_spec_or_a_chain(text, einsum):
    assert tp.formula(text).einsum == einsum


def test_loops_say_what_an_index_is():
    assert tp.formula("z_bj = a_bi W_ij + c_j").loop == "\n".join(
        [
            "z = np.zeros((a.shape[0], W.shape[1]))",
            "for b in range(a.shape[0]):",
            "    for j in range(W.shape[1]):",
            "        s1 = 0.0",
            "        for i in range(a.shape[1]):",
            "            s1 += a[b, i] * W[i, j]",
            "        z[b, j] = s1 + c[j]",
        ]
    )


@pytest.mark.parametrize("text", ["h_qa = tanh(Q_qd W_da + Σ_d K_qd U_da)", "p_bi = softmax_i(z_bi)", "y_i = x_j A_ji"])
def test_a_letter_may_run_twice_in_a_loop(text):
    assert "for" in tp.formula(text).loop  # executed before it is given


@pytest.mark.parametrize(
    "text, formula, line, form",
    [
        ("y[out] = W[in, out] x[in]", "y = Wᵀx", "s1 += W[in_, out] * x[in_]", "loop"),
        ("a^(k)_i = f^(k)(z^(k)_i)", "a^(k) = f^(k)(z^(k))", "a_k = f_k(z_k)", "numpy"),
        ("δz_i = δa_i f^(k)′(z_i)", "δz = δa ⊙ f^(k)′(z)", "δz = δa * df_k(z)", "jax"),
        (
            "J_ibj = a_bi δ_ij",
            "J = diag(a)  (for every b)",
            "J = (a[..., None] * np.eye(a.shape[-1])).swapaxes(0, 1)",
            "numpy",
        ),
        (
            "z_bki = δ_ik / d_bi",
            "z = diag(d)⁻¹  (for every b)",
            "z = (1 / d)[..., None] * np.eye((1 / d).shape[-1])",
            "numpy",
        ),
        ("y = Σ_m δ_mk T_k", "y = 1ᵀT", 'y = np.einsum("km,k->"', "einsum"),
        ("y = 1e120 x + (1e120 + 3) z", "y = 1e120 x + (1e120 + 3) z", "y = 1e120 * x + (1e120 + 3) * z", "numpy"),
    ],
)
def test_names_and_numbers_that_code_writes_in_another_way(text, formula, line, form):
    f = tp.formula(text)
    assert str(f) == formula and line in getattr(f, form)
    assert tp.equivalent(tp.parse_formula(f.latex, like=text).equations[0].value, tp.parse(text).equations[0].value)


def test_wrong_code_is_never_shown():
    eq = next(iter(parse("z_bj = a_bi W_ij + c_j")))
    assert agrees(eq, "z = a @ W + c")
    for text in ("z = a @ W - c", "z = W @ a", "z = a @ W", "z = np.nothing(a)", "z = missing"):
        with pytest.raises(WrongCode):
            agrees(eq, text)


def test_code_is_computed_as_python_does():
    space = {"A": np.arange(6.0).reshape(2, 3), "x": np.arange(3.0)}
    text = "y = np.zeros((A.shape[0],))\nfor i in range(A.shape[0]):\n    y[i] = A[i] @ x\ny = -y[:, None] ** 2"
    own: dict[str, object] = {}
    exec(text, {"np": np, **space}, own)
    np.testing.assert_array_equal(executed(text, space)["y"], own["y"])


def _texts():
    cases = json.loads((DATA / "einsum_to_matrix.json").read_text())["cases"]
    yield from (c["spec"] for c in cases if "->" in c["spec"] and "..." not in c["spec"])
    for group in json.loads((DATA / "backprop_rules.json").read_text()).values():
        for case in group if isinstance(group, list) else ():
            yield from (v for v in case.values() if isinstance(v, str) and "=" in v and "_" in v)


@pytest.mark.parametrize("layout, samples, derivative", layouts())
def test_code_of_the_tables_computes_what_is_said_in_every_layout(layout, samples, derivative):
    """A line of code that computes something else raises WrongCode."""
    seen = 0
    for text in _texts():
        try:
            f: Formula = tp.formula(text, layout, samples=samples, derivative=derivative)
        except tp.TensorpropError:
            continue
        for code in (f.numpy, f.torch) if layout == "row" else (f.numpy, f.jax, f.torch, f.einsum, f.loop):
            assert "outer(np.ones" not in code and " for " not in code.replace("    ", "").split("\n")[0][4:]
            seen += 1
    assert seen > 150


def test_jax_runs_its_code():
    """What is looked up in a table is what JAX has: some lines, with JAX itself."""
    import jax
    import jax.numpy as jnp

    rng = np.random.default_rng(0)
    arrays = {n: rng.uniform(0.5, 1, s) for n, s in {"a": (4, 3), "W": (3, 2), "c": 2, "S": (2, 3, 4)}.items()}
    for text in ("z_bj = gelu(a_bi W_ij + c_j)", "P_bqk = softmax_k(S_bqk)", "l_bq = logsumexp_k(S_bqk)",
                 "Y_bij = S_bit S_bjt", "n_bi = tanh(a_bi - mean_j(a_bj)) / sqrt(var_j(a_bj) + 1)"):  # fmt: skip
        f = tp.formula(text)
        values: list[object] = []
        for code, space in ((f.numpy, {"np": np}), (f.jax, {"jnp": jnp, "jax": jax})):
            if "scipy" in code:
                import scipy.special

                space["scipy"] = scipy
            made: dict[str, object] = {}
            exec(code, space | arrays, made)
            values += made.values()
        one, other = values
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("name", ["Embedding", "GeluTanh", "BatchNormRunning"])
def test_code_for_layers_is_run_on_arrays_that_fit(name: str) -> None:
    """Labels are whole numbers; a word that a library has for a function of ours is that function."""
    found = tp.formula(getattr(tp.layers, name)())
    assert all((found.numpy, found.jax, found.einsum, found.loop))


def test_windows_run_as_far_as_every_entry_is_inside():
    assert (
        tp.formula("y_x = a[x+u] k_u").loop
        == """
y = np.zeros((a.shape[0] - k.shape[0] + 1,))
for x in range(a.shape[0] - k.shape[0] + 1):
    s1 = 0.0
    for u in range(k.shape[0]):
        s1 += a[x + u] * k[u]
    y[x] = s1
""".strip()
    )
    for code in ("loop", "numpy", "jax", "torch"):  # executed before it is given, on arrays that are long enough
        assert getattr(tp.formula("δk_u = a[x+u] δy_x"), code)
    assert "δy[w - u] if 0 <= w - u < δy.shape[0]" in tp.formula("δa_w = k_u δy[w-u]; outside(δy) = 0").loop


@pytest.mark.parametrize("name", ["Convolution1d", "Maxout", "GlobalAveragePool", "Embedding", "MaxPool"])
def test_code_of_windows_and_maxima_runs_in_every_layout(name: str) -> None:
    for layout, samples, derivative in (OPTIONS[0], OPTIONS[3], OPTIONS[6]):
        found = tp.formula(getattr(tp.layers, name), layout=layout, samples=samples, derivative=derivative)
        assert all((found.numpy, found.jax, found.torch, found.loop))


def test_the_greater_of_two_is_no_reduction():
    assert tp.formula("y_i = max(a_i, b_i)").torch == "y = torch.maximum(a, b)"


@pytest.mark.parametrize(
    "text, torch",
    [
        ("L = Σ_b max(0, 1 - y_b z_b)", "L = torch.sum(torch.clamp(1 - y * z, min=0))"),
        ("y_i = min(x_i, 3)", "y = torch.clamp(x, max=3)"),
        ("l = -1/2 log(2 π) - x x", "l = -0.5 * math.log(2 * torch.pi) - x * x"),
        ("S_ij = q_ik k_jk / sqrt(dim(k))", "S = q @ k.T / q.shape[1]**0.5"),
        ("c_t = [u ≤ t] x_u", "c = torch.tril(torch.ones((x.shape[0], x.shape[0]), dtype=x.dtype)) @ x"),
        ("δE_vd = [t_b = v] δx_bd",
         'δE = torch.einsum("vb,bd->vd", (t == torch.arange(E.shape[0])[:, None]).to(δx.dtype), δx)'),
        ("l_b = logsoftmax_v(z_bv)[y_b]", "l = torch.log_softmax(z, dim=1)[torch.arange(z.shape[0]), y]"),
    ],
)  # fmt: skip
def test_torch_takes_tensors_of_one_type_and_plain_numbers_apart(text: str, torch: str) -> None:
    page = tp.parse(text if "δE" not in text else f"x_bd = E[t_b, d]; {text}")
    assert tp.formula(page).torch.splitlines()[-1] == torch


def test_numbers_are_decimals_and_arguments_bear_no_parentheses():
    assert "0.9 * x[i]" in tp.formula("y_i = 9/10 x_i").loop
    assert tp.formula("p_bc = softmax_c(s_bc)").numpy == "p = np.exp(s - np.logaddexp.reduce(s, axis=1, keepdims=True))"
    assert tp.formula("y_i = σ(x_i)").numpy == "y = 1 / (1 + np.exp(-x))"
    assert tp.formula("y_i = σ(x_i + b)").numpy == "y = 1 / (1 + np.exp(-(x + b)))"


@pytest.mark.parametrize(
    "page, line",
    [
        ("y_x = a[x+u-1] k_u; outside(a) = 0; dim(x) = dim(a, 0)",
         "        s1 += (a[x + u - 1] if 0 <= x + u - 1 < a.shape[0] else 0) * k[u]"),
        ("d_t = x_t - x[t-1]; outside(x) = edge; dim(t) = dim(x, 0)",
         "    d[t] = x[t] - x[min(max(t - 1, 0), x.shape[0] - 1)]"),
        ("d_t = x_t - x[t-1]; outside(x) = wrap; dim(t) = dim(x, 0)", "    d[t] = x[t] - x[(t - 1) % x.shape[0]]"),
        ("y_t = x[t-2] w_t; outside(x) = -inf", "    y[t] = (x[t - 2] if 0 <= t - 2 < x.shape[0] else -np.inf) * w[t]"),
    ],
)  # fmt: skip
def test_loops_ask_whether_an_entry_is_inside(page, line):
    loop = tp.formula(tp.parse(page)).loop  # executed before it is shown
    assert line in loop.splitlines(), loop


@pytest.mark.parametrize("layout, samples, derivative", OPTIONS)
def test_code_where_arrays_and_gradients_are_turned_apart(layout: str, samples: str, derivative: str) -> None:
    """A gradient that lies as its tensor did before both were turned; vectors that functions of matrices give."""
    for text in ("y_bk = x[b, idx_bk] w_k", "y_bx = 1/3 Σ_u a[b, 3x+u]; dim(u) = 3", "y = eigvalsh(S)_i w_i"):
        s = tp.parse(text)
        f = tp.formula(s + tp.adjoint(s), layout, samples=samples, derivative=derivative)
        assert f.numpy and f.jax and f.torch  # executed before they are shown
