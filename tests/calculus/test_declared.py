"""What is declared of a matrix: read, shown, kept, used in rules, formulas and proofs; the gradient's conventions."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from copy import copy
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.numbers.draw import declared
from tensorprop.core.canon import canonical
from tensorprop.core.functions import REDUCTIONS
from tests.corpora.read import SEEDS, arrays, cases, value

_rng = np.random.default_rng(0)
X, x, y = _rng.normal(size=(4, 4)), *_rng.normal(size=(2, 4))
KINDS = {
    "S": ("S_ij = S_ji", frozenset(("symmetric",))),
    "P": ("spd(P)", frozenset(("spd", "symmetric"))),
    "Q": ("orthogonal(Q)", frozenset(("orthogonal",))),
    "D": ("diagonal(D)", frozenset(("diagonal", "symmetric", "lower"))),
    "L": ("lower(L)", frozenset(("lower",))),
}
ARRAYS = {name: declared(X if name != "P" else X @ X.T, what) for name, (_, what) in KINDS.items()}
LINES = "; ".join(line for line, _ in KINDS.values())
EVERY = "o = S_ij P_jk Q_kl D_lm L_mi"


def test_arrays_are_as_declared() -> None:
    S, Q, D, L = (ARRAYS[n] for n in "SQDL")
    assert (S == S.T).all() and (np.diag(np.diag(D)) == D).all() and (np.tril(L) == L).all()
    np.testing.assert_allclose(Q @ Q.T, np.eye(4), atol=1e-14)
    whole = declared(np.round(3 * X), frozenset(("orthogonal",)), whole=True)
    assert (whole @ whole.T == np.eye(4)).all() and (whole == whole.round()).all()


@pytest.mark.parametrize(
    "text",
    [
        f"{EVERY}; {LINES}",
        "E = Σ_b x_i S_bij x_j; S_bij = S_bji",
        "E = Σ[in,out] W[in,out]^2; W[in,out] = W[out,in]",
        "E = x_i W^(k)_ij x_j; W^(k)_ij = W^(k)_ji",
        "E = x_i S_ij x_j; symmetric(S)",
    ],
)
def test_shown_as_read_and_kept(text: str) -> None:
    s = tp.parse(text)
    assert tp.parse(str(s)) is s and tp.parse(tp.show(s, ascii=True)) is s and pickle.loads(pickle.dumps(s)) is s
    rules = tp.adjoint(s)
    assert rules.facts == s.facts and tp.parse(str(rules)) is rules
    assert tp.simplify(s).facts == s.facts and len(tp.batch(s, "n", over=("x",)).facts if "x" in s.inputs else "1") == 1
    assert all(s.declares("symmetric", f.tensor) for f in s.facts if f.kind in ("spd", "diagonal"))  # type: ignore


@pytest.mark.parametrize(
    "text, expected",
    [
        ("o_i = S_ij x_j + S_ji x_j", "o_i = 2 S_ij x_j"),
        ("o = x_i S_ij y_j - y_i S_ij x_j", "o = 0"),
        ("o_i = inv(P)_ij x_j + x_j inv(P)_ji", "o_i = 2 inv(P)_ij x_j"),
        ("o_i = Q_ki Q_kj x_j", "o_i = x_i"),
        ("o_i = Q_ik Q_jk x_j", "o_i = x_i"),
        ("o = Q_ij Q_ij", "o = dim(Q, 1)"),
        ("o_i = inv(Q)_ij x_j", "o_i = Q_ji x_j"),
        ("o_i = D_ij x_j", "o_i = D_ii x_i"),
        ("o_i = x_j D_ji + L_ij x_j + L_ji x_j", "o_i = x_i D_ii + L_ij x_j + L_ji x_j"),
        ("o_i = Q_ki Q_jk x_j", "o_i = Q_ki Q_jk x_j"),
    ],
)
def test_simplified_and_equal_in_value(text: str, expected: str) -> None:
    s = tp.parse(f"{text}; {LINES}")
    short = tp.simplify(s)
    assert str(short["o"]) == expected
    given = {**ARRAYS, "x": x, "y": y}
    values = (tp.compile(e, backend="numpy")(**{n: given[n] for n in e.inputs}) for e in (s, tp.parse(f"{short}")))
    np.testing.assert_allclose(*values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("o_i = S_ij x_j + S_ji x_j", "o = 2Sx"),
        ("o_j = x_i S_ij", "o = Sx"),
        ("o_il = P_ji A_jk P_lk", "o = PAP"),
        ("o_i = Q_ki Q_kj x_j", "o = x"),
        ("o_ij = Q_ik Q_jk", "o = I"),
        ("o_i = D_ij x_j", "o = Dx"),
    ],
)
def test_formulas(text: str, expected: str) -> None:
    assert str(tp.formula(f"{text}; {LINES}")) == expected


def test_the_inverse_of_a_symmetric_matrix_needs_no_transpose() -> None:
    page = "L = -1/2 logdet(S) - 1/2 r_i inv(S)_ij r_j; spd(S)"
    rule = "δS_ij = 1/2 r_k r_l inv(S)_ki inv(S)_jl - inv(S)_ji / 2"
    shown = "δS = ½(S⁻¹rrᵀS⁻¹ − S⁻¹)"
    assert shown in str(tp.formula(f"{page}; {rule}"))
    told = " ".join(str(tp.explain(page, "S")).split())
    assert shown in told and "S is declared symmetric. An inverse is as symmetric as its matrix." in told


def test_derivatives_and_their_steps() -> None:
    assert str(tp.derive("E = x_i S_ij x_j; S_ij = S_ji", wrt="x_k")) == "∂E/∂x_k = 2 S_kj x_j"
    assert str(tp.derive("E = x_i S_ij x_j; spd(S)", wrt="x_k x_l")) == "∂²E/∂x_k∂x_l = 2 S_kl"
    told = str(tp.explain("E = x_i S_ij x_j; S_ij = S_ji", wrt="x"))
    assert "what is declared: S_ij = S_ji" in told and "δx = 2Sx" in told
    assert "what is declared" not in str(tp.explain("E = x_i S_ij y_j; S_ij = S_ji", wrt="x"))


CASES = [
    ("E = x_i S_ij x_j; δx_i = 2 S_ij x_j", "S_ij = S_ji", True),
    ("E = x_i S_ij x_j; δx_i = 2 S_ji x_j", "symmetric(S)", True),
    ("E = x_i S_ij x_j; δx_i = S_ij x_j", "S_ij = S_ji", False),
    ("z_i = D_ij x_j; δx_i = D_ii δz_i", "diagonal(D)", True),
    ("z_i = D_ij x_j; δx_i = D_ij δz_j", "diagonal(D)", True),
    ("z_i = Q_ij x_j; y_i = Q_ji z_j; E = y_i y_i; δx_i = 2 x_i", "orthogonal(Q)", True),
    ("z_i = L_ij x_j; δx_i = Σ_j [j ≥ i] L_ji δz_j", "lower(L)", True),
    ("z_i = L_ij x_j; δx_i = Σ_j [j ≤ i] L_ji δz_j", "lower(L)", False),
    ("E = x_i inv(Q)_ij y_j; δx_i = Q_ji y_j", "orthogonal(Q)", True),
    ("E = x_i inv(Q)_ij y_j; δx_i = Q_ij y_j", "orthogonal(Q)", False),
    ("E = x_i inv(D)_ij y_j; δx_i = y_i / D_ii", "diagonal(D)", True),
    ("E = x_i inv(L)_ij y_j; δx_i = Σ_j [i ≥ j] inv(L)_ij y_j", "lower(L)", True),
    ("E = det(Q)^2 x; δx = 1", "orthogonal(Q)", True),
    ("E = det(Q) x; δx = 1", "orthogonal(Q)", False),
]


@pytest.mark.parametrize("text, line, right", [c for c in CASES if "z_j" not in c[0]])
def test_proofs(text: str, line: str, right: bool) -> None:
    forward, _, rule = text.rpartition("; ")
    s = tp.parse(f"{forward}; {line}")
    (hand,) = tp.parse(rule)
    said = tp.equivalent(f"{hand}; {line}", _only(tp.adjoint(s, wrt="x"), hand.name, line))
    assert said is right
    if right and "inv" not in text and "Q" not in text:  # without the line it does not follow
        assert tp.equivalent(str(hand), _only(tp.adjoint(forward, wrt="x"), hand.name, "")) is False


def _only(rules: tp.System, name: str, line: str) -> str:
    """One rule with what it needs put in."""
    (derived,) = [eq for eq in tp.parse(str(rules)) if eq.name == name]
    others = [str(eq) for eq in rules if eq.name != name]
    return "; ".join([*others, str(derived), *([line] if line else [])])


@pytest.mark.parametrize("text, line, right", [CASES[n] for n in (0, 2, 3, 5, 7, 13)])
def test_check_uses_the_lines(text: str, line: str, right: bool) -> None:
    report = tp.check(f"{text}; {line}")
    assert report.ok is right and (report.proved or not right), str(report)


def test_both_determinants_of_two_orthogonal_matrices() -> None:
    lines = "orthogonal(Q); orthogonal(P)"
    assert tp.equivalent(f"y = det(Q) det(P); {lines}", f"y = 1; {lines}") is False
    assert tp.equivalent(f"y = det(Q)^2 det(P)^2; {lines}", f"y = 1; {lines}") is True
    assert tp.equivalent("y_b = det(Q_b)^3; orthogonal(Q)", "y_b = det(Q_b); orthogonal(Q)") is True
    assert (
        tp.equivalent("y_bc = det(Q_b) det(Q_c); orthogonal(Q)", "y_bc = det(Q_b)^2 det(Q_c)^2; orthogonal(Q)") is False
    )


# --------------------------------------------------------------------------- the gradient's conventions
def _gradient(text: str, name: str, how: str) -> np.ndarray:
    rules = tp.adjoint(text, wrt=name, symmetry=how)
    f = tp.compile(rules, backend="numpy")
    given = {**ARRAYS, "x": x, "y": y}
    return np.asarray(f(**{n: given[n] for n in rules.inputs}))


def _filled(v: jnp.ndarray) -> jnp.ndarray:
    """The symmetric matrix of a lower triangle's entries."""
    low = jnp.zeros((4, 4)).at[jnp.tril_indices(4)].set(v)
    return low + jnp.tril(low, -1).T


def test_conventions_under_symmetry(x64: None) -> None:
    text = "E = x_i P_ij y_j + logdet(P); P_ij = P_ji"

    def f(p: jnp.ndarray) -> jnp.ndarray:
        return x @ p @ y + jnp.linalg.slogdet(p)[1]

    P = ARRAYS["P"]
    free = jax.grad(f)(P)
    np.testing.assert_allclose(_gradient(text, "P", "free"), free, rtol=1e-10)
    np.testing.assert_allclose(_gradient(text, "P", "projected"), (free + free.T) / 2, rtol=1e-10)
    low = jnp.tril_indices(4)
    by_entries = jax.grad(lambda v: f(_filled(v)))(P[low])
    np.testing.assert_allclose(_gradient(text, "P", "triangle")[low], by_entries, rtol=1e-10)
    forgotten = (free * (2 - np.eye(4)))[low]  # the half of a gradient that is not symmetric
    assert not np.allclose(forgotten, by_entries)


@pytest.mark.parametrize(
    "name, basis",
    [
        ("D", [np.diag(e) for e in np.eye(4)]),
        ("L", [np.eye(16)[4 * i + j].reshape(4, 4) for i in range(4) for j in range(i + 1)]),
    ],
)
def test_projected_is_the_derivative_along_each_direction(name: str, basis: list[np.ndarray]) -> None:
    text = f"E = x_i {name}_ij y_j {name}_kk; {KINDS[name][0]}"
    got, free = _gradient(text, name, "projected"), _gradient(text, name, "free")
    for b in basis:
        np.testing.assert_allclose((got * b).sum(), (free * b).sum(), rtol=1e-12)
    assert np.linalg.matrix_rank(np.array([b.ravel() for b in (*basis, got)])) == len(basis)


def test_projected_of_an_orthogonal_matrix_is_tangent() -> None:
    Q, text = ARRAYS["Q"], "E = x_i Q_ij y_j; orthogonal(Q)"
    got, free = _gradient(text, "Q", "projected"), _gradient(text, "Q", "free")
    np.testing.assert_allclose(Q.T @ got + got.T @ Q, np.zeros((4, 4)), atol=1e-13)
    for i in range(4):
        for j in range(i):
            skew = np.zeros((4, 4))
            skew[i, j], skew[j, i] = 1, -1
            np.testing.assert_allclose((got * (Q @ skew)).sum(), (free * (Q @ skew)).sum(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: tp.parse("E = a_i x_i; orthogonal(a)"), "a has 1 axis"),
        (lambda: tp.parse("E = x_i S_ij x_j; dim(i) = 3; S_ij = S_ji; dim(i) = 4"), "stated twice"),
        (lambda: tp.parse("E = x_i S_ij x_j; S_ij = S_ij"), "defined by itself"),
        (lambda: tp.parse("E = x_i S_ij x_j; S_ij = -S_ji"), "defined by itself"),
        (lambda: tp.parse("E = x_i L_ij x_j; lower(L_ij)"), "bare name"),
        (lambda: tp.adjoint("E = x_i S_ij x_j; spd(S)", symmetry="half"), "projected"),
        (lambda: tp.adjoint("E = Q_ii; orthogonal(Q)", wrt="Q", symmetry="triangle"), "not free"),
        (lambda: tp.compile("y_i = S_ij x_j; S_ij = S_ji", backend="numpy")(S=X[:3], x=x), "3 × 4"),
    ],
)
def test_wrong_uses_are_refused(call: object, told: str) -> None:
    with pytest.raises(tp.TensorpropError, match=told):
        call()  # type: ignore[operator]


def test_the_cookbooks_symmetric_determinant() -> None:
    """Equation 141, of X given by its lower triangle: 2 X⁻¹ - X⁻¹ ⊙ I, from a declaration alone."""
    (case,) = [c for c in cases("matrix_cookbook.json") if c["id"] == "mc-141"]
    for seed in SEEDS:
        P = np.tril(arrays(case, seed)["P"])
        rules = tp.adjoint("y = logdet(X); X_ij = X_ji", wrt="X", symmetry="triangle")
        got = tp.compile(rules, backend="numpy")(X=P + np.tril(P, -1).T)
        np.testing.assert_allclose(np.tril(got), np.tril(value(case["df_code"], {"P": P})), rtol=1e-10)


@pytest.mark.parametrize(
    "op, fault",
    [
        ("inv", "-g inv(X)_ua inv(X)_vb"),
        ("inv", "g inv(X)_au inv(X)_vb"),
        ("logdet", "g inv(X)_uv"),
        ("logdet", "1/2 g inv(X)_vu"),
        ("det", "g y inv(X)_uv"),
        ("expm", "g expm′(X)_abvu"),
        ("eigvalsh", "1/2 g eigvecs(X)_ua eigvecs(X)_va"),
    ],
)
def test_planted_faults_are_seen(op: str, fault: str, monkeypatch: pytest.MonkeyPatch, x64: None) -> None:
    """A transposed inverse, a sign, a forgotten half: the gradient differs from JAX's, and the check says so."""
    entry = {"inv": "_ij x_i y_j", "expm": "_ij x_i y_j", "eigvalsh": "_i x_i"}.get(op, "")
    text = f"E = {op}(A){entry}"
    of: dict[str, Callable[..., Any]] = {
        "inv": lambda a: x @ jnp.linalg.inv(a) @ y,
        "logdet": lambda a: jnp.linalg.slogdet(a)[1],
        "det": jnp.linalg.det,
        "expm": lambda a: x @ jax.scipy.linalg.expm(a) @ y,
        "eigvalsh": lambda a: jnp.linalg.eigvalsh((a + a.T) / 2) @ x,
    }
    expected = jax.grad(of[op])(X)

    def ours() -> np.ndarray:
        rules = tp.adjoint(text, wrt="A")
        given = {"A": X, "x": x, "y": y, "E": np.asarray(of[op](X))}
        return np.asarray(tp.compile(rules, backend="numpy")(**{n: given[n] for n in rules.inputs}))

    np.testing.assert_allclose(ours(), expected, rtol=1e-8, atol=1e-10)
    row = copy(REDUCTIONS[op])
    object.__setattr__(row, "pullback", fault)
    monkeypatch.setitem(REDUCTIONS, op, row)  # type: ignore[arg-type]
    assert not np.allclose(ours(), expected, rtol=1e-3)


def test_second_derivatives_of_declared_matrices(x64: None) -> None:
    P = ARRAYS["P"]
    for text, f in (
        ("E = x_i inv(P)_ij x_j; spd(P)", lambda p: x @ jnp.linalg.inv(p) @ x),
        ("E = logdet(P); spd(P)", lambda p: jnp.linalg.slogdet(p)[1]),
    ):
        second = tp.derive(text, wrt=("P", "P"))
        given = {"P": P, "x": x}
        got = tp.compile(second, backend="numpy")(**{n: given[n] for n in second.inputs})
        np.testing.assert_allclose(got, jax.hessian(f)(P), rtol=1e-9, atol=1e-10)


def test_a_line_that_is_pasted_twice_is_said_once() -> None:
    """As in forward equations with their rules below, both of which bring the line along."""
    assert tp.parse("E = x_i S_ij x_j; S_ij = S_ji; dim(i) = 3; S_ij = S_ji; dim(i) = 3") is tp.parse(
        "E = x_i S_ij x_j; S_ij = S_ji; dim(i) = 3"
    )


# --------------------------------------------------------------------------- what is left of an orthogonal matrix
@pytest.mark.parametrize(
    "text, wanted",
    [
        ("A_ik = Q_ij Q_kj; orthogonal(Q)", "A = I"),
        ("A_ik = Q_ji Q_jk; orthogonal(Q)", "A = I"),
        ("A_ik = 2 Q_ij Q_kj; orthogonal(Q)", "A = 2I"),
        ("A_ik = Q_ij Q_kj + a_i a_k; orthogonal(Q)", "A = I + aaᵀ"),
        ("A_ik = Q_ij Q_kj; y_i = A_ik x_k; orthogonal(Q)", "A = I, y = Ax"),
        ("A_ik = Q_ij P_kj; orthogonal(Q)", "A = QPᵀ"),
    ],
)
def test_formula_of_an_orthogonal_matrix(text: str, wanted: str) -> None:
    assert str(tp.formula(text)) == wanted


def test_code_of_an_orthogonal_matrix_has_its_size() -> None:
    assert tp.formula("A_ik = Q_ji Q_jk; orthogonal(Q)").numpy == "A = np.eye(Q.shape[1])"


def test_derivative_of_an_orthogonal_matrix_is_the_identity() -> None:
    eq = tp.derive("y_i = Q_ij Q_kj x_k; orthogonal(Q)", wrt="x")
    assert str(eq) == "∂y_i/∂x_l = δ_il" and str(tp.formula(eq)) == "∂y/∂x = I"
    told = str(tp.explain("y_i = Q_ij Q_kj x_k; orthogonal(Q)", wrt="x"))
    assert "∂y/∂x = QQᵀ" not in told


def test_a_tied_letter_runs_as_far_as_its_bound() -> None:
    """``[i < n] [i = k]``: k has the range that i is told."""
    f = tp.compile("A_ik = [i < dim(Q, 0)] [i = k]", backend="numpy")
    assert f(Q=np.zeros((3, 2))).tolist() == np.eye(3).tolist()
    g = tp.compile("y_m = Σ_ik [i < dim(Q, 0)] [i = k] x_m", backend="numpy")
    assert g(Q=np.zeros((3, 2)), x=np.ones(2)).tolist() == [3.0, 3.0]


# --------------------------------------------------------------------------- conventions, in every verb
@pytest.mark.parametrize("how", ["free", "projected", "triangle"])
@pytest.mark.parametrize(
    "text, name",
    [
        ("y = x_i S_ij z_j; S_ij = S_ji", "S"),
        ("y = x_i S_ij z_j S_kk; S_ij = S_ji", "S"),
        ("y = x_i D_ij z_j; diagonal(D)", "D"),
        ("y = x_i L_ij z_j; lower(L)", "L"),
    ],
)
def test_convention_is_one_in_all_verbs(text: str, name: str, how: str) -> None:
    rng = np.random.default_rng(3)
    m = rng.normal(size=(3, 3))
    m = m + m.T if name == "S" else np.diag(np.diag(m)) if name == "D" else np.tril(m)
    data = {name: m, "x": rng.normal(size=3), "z": rng.normal(size=3)}
    swept = tp.compile(tp.parse(text) + tp.adjoint(text, wrt=name, symmetry=how), "numpy", f"δ{name}")(**data)
    derived = tp.compile(tp.derive(text, wrt=name, symmetry=how), "numpy")(**data)
    assert np.allclose(swept, derived, rtol=1e-13)
    direction = data["x"][:, None] * data["z"][None, :]
    free = direction * (np.trace(m) if "S_kk" in text else 1)
    if "S_kk" in text:
        free = free + np.eye(3) * (data["x"] @ m @ data["z"])
    wanted = {
        "free": free,
        "projected": {"S": (free + free.T) / 2, "D": np.diag(np.diag(free)), "L": np.tril(free)}[name],
        "triangle": {"S": free + free.T - np.diag(np.diag(free)), "D": np.diag(np.diag(free)), "L": np.tril(free)}[
            name
        ],
    }[how]
    assert np.allclose(derived, wanted, rtol=1e-12)


def test_value_and_grad_has_the_convention() -> None:
    data = {"x": np.array([1.0, 2.0]), "z": np.array([3.0, 5.0])}
    g = tp.value_and_grad("y = x_i S_ij z_j; S_ij = S_ji", symmetry="projected")
    assert g({"S": np.eye(2)}, **data)[1]["S"].tolist() == [[3.0, 5.5], [5.5, 10.0]]
    with pytest.raises(tp.TensorpropError, match="no convention"):
        tp.value_and_grad("y = x_i S_ij z_j; S_ij = S_ji", wrt="S", symmetry="halved")


def test_second_derivative_by_a_symmetric_matrix_is_along_symmetric_ones() -> None:
    """The Hessian of logdet along symmetric directions, against differences of the first derivative."""
    first = tp.compile(tp.derive("y = logdet(S); spd(S)", wrt="S", symmetry="projected"), "numpy")
    second = tp.compile(tp.derive("y = logdet(S); spd(S)", wrt=("S", "S"), symmetry="projected"), "numpy")
    rng = np.random.default_rng(0)
    a, e = rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    s, e = a @ a.T + np.eye(3), e + e.T
    d = 1e-5
    along = (first(S=s + d * e) - first(S=s - d * e)) / (2 * d)
    assert np.allclose(np.einsum("ijkl,kl->ij", second(S=s), e), along, rtol=1e-7, atol=1e-9)


def test_what_has_no_convention_is_refused() -> None:
    with pytest.raises(tp.TensorpropError, match="only the first derivative"):
        tp.derive("y = A_ij Q_ij; orthogonal(Q)", wrt=("Q", "Q"), symmetry="projected")
    with pytest.raises(tp.TensorpropError, match="recurrence"):
        tp.derive("h_tj = h_{t-1,k} S_kj; h_{-1,j} = g_j; S_ij = S_ji", wrt="S", symmetry="projected")


# --------------------------------------------------------------------------- functions of declared matrices
ROWS = [
    ("y = logdet(L); lower(L)", "y = Σ_i log(abs(L_ii)); lower(L)"),
    ("y = det(L); lower(L)", "y = prod_i(L_ii); lower(L)"),
    ("y_b = logdet(L_b); lower(L)", "y_b = Σ_i log(abs(L_bii)); lower(L)"),
    ("y_i = inv(D)_ij x_j; diagonal(D)", "y_i = x_i / D_ii; diagonal(D)"),
    ("y = logdet(D) + det(D); diagonal(D)", "y = Σ_i log(abs(D_ii)) + prod_i(D_ii); diagonal(D)"),
    ("y_i = expm(D)_ij x_j; diagonal(D)", "y_i = exp(D_ii) x_i; diagonal(D)"),
    ("y_i = cholesky(D)_ij x_j; diagonal(D)", "y_i = sqrt(D_ii) x_i; diagonal(D)"),
    ("y_i = pinv(Q)_ij x_j; orthogonal(Q)", "y_i = Q_ji x_j; orthogonal(Q)"),
    ("y_i = pinv(S)_ij x_j; spd(S)", "y_i = inv(S)_ij x_j; spd(S)"),
]


@pytest.mark.parametrize(("written", "other"), ROWS)
def test_functions_of_declared_matrices_by_the_table(written: str, other: str, x64: None) -> None:
    """Simplified, proved, and the same number as without the declaration, by NumPy."""
    (one,), (two,) = tp.simplify(tp.parse(written)), tp.simplify(tp.parse(other))
    assert canonical(one.value) is canonical(two.value)
    assert tp.equivalent(written, other) is True
    plain = written.split(";")[0]
    assert tp.equivalent(plain, other.split(";")[0]) is not True
    s = tp.parse(written)
    (name,) = s.declared
    rng = np.random.default_rng(5)
    shape = (2, 3, 3) if s.rank(name) == 3 else (3, 3)
    A = rng.uniform(0.5, 2.0, shape)
    A = A @ A.swapaxes(-1, -2) + np.eye(3) if "spd" in s.declared[name] else A
    arrays = {name: declared(A, s.declared[name]), "x": rng.normal(size=3)}
    arrays = {n: arrays[n] for n in s.inputs}
    wanted = tp.compile(plain, backend="numpy")(**arrays)
    np.testing.assert_allclose(tp.compile(s)(**arrays), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("entry", ["ij", "ji"])
def test_a_triangle_is_its_own_factor(entry: str, x64: None) -> None:
    """``inv(L)_ij b_j`` of a lower L is one triangular solve; values and gradients are those of free entries."""
    text = f"y_i = inv(L)_{entry} b_j; E = y_i w_i + logdet(L)"
    rng = np.random.default_rng(2)
    L = np.tril(rng.uniform(0.5, 1.5, (4, 4)))
    b, w = rng.normal(size=(2, 4))
    g = tp.value_and_grad(text + "; lower(L)", wrt="L b")
    free = tp.value_and_grad(text, wrt="L b")
    (value, grads), (other, wanted) = g({"L": L, "b": b}, w=w), free({"L": L, "b": b}, w=w)
    np.testing.assert_allclose(value, other, rtol=1e-12)
    for n in ("L", "b"):
        np.testing.assert_allclose(grads[n], wanted[n], rtol=1e-11, atol=1e-12)
    f = tp.compile(text + "; lower(L)")
    program = str(jax.make_jaxpr(lambda L, b, w: f(L=L, b=b, w=w))(L, b, w))
    assert "triangular_solve" in program and " lu" not in program and "cholesky" not in program
