"""Complex numbers: the convention of the gradient against jax.grad and jax.vjp of code that is written here; what is
refused; what is kept, shown and read; laws that hold for real numbers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus.tangent import tangents
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.plane import complex_names, guarded, is_complex, settled, unguarded
from tensorprop.errors import ComplexConvention
from tensorprop.run.reference import evaluate
from tensorprop.text import parse_expression

_rng = np.random.default_rng(7)


def C(*shape: int) -> Any:
    return _rng.normal(size=shape) + 1j * _rng.normal(size=shape)


def R(*shape: int) -> Any:
    return _rng.normal(size=shape)


def _recurrence(W: Any, x: Any, g: Any) -> Any:
    h, total = g, 0.0
    for now in x:
        h = jnp.conj(h) @ W + now
        total = total + jnp.sum(jnp.abs(h) ** 2)
    return total


LOSSES: list[tuple[str, dict[str, Any], Callable[..., Any]]] = [
    ("y_i = A_ij z_j; L = Σ_i abs(y_i)^2; complex(z)",
     {"A": R(3, 2), "z": C(2)}, lambda A, z: jnp.sum(jnp.abs(A @ z) ** 2)),
    ("y_i = A_ij z_j; L = re(y_i) x_i; complex(z); complex(A)",
     {"A": C(3, 2), "z": C(2), "x": R(3)}, lambda A, z, x: jnp.sum(jnp.real(A @ z) * x)),
    ("G_ij = conj(A_ki) A_kj; L = Σ_ij abs(G_ij - [i = j])^2; complex(A)",
     {"A": C(4, 3)}, lambda A: jnp.sum(jnp.abs(A.conj().T @ A - jnp.eye(3)) ** 2)),
    ("L = Σ_i im(exp(conj(z_i) w) + ⅈ x_i) angle(z_i w); complex(z); complex(w)",
     {"x": R(4), "z": C(4), "w": C()},
     lambda x, z, w: jnp.sum(jnp.imag(jnp.exp(jnp.conj(z) * w) + 1j * x) * jnp.angle(z * w))),
    ("y_i = relu(x_i) z_i; L = Σ_i abs(y_i); complex(z)",
     {"x": R(5), "z": C(5)}, lambda x, z: jnp.sum(jnp.abs(jax.nn.relu(x) * z))),
    ("B_ij = inv(A)_ij; L = re(B_ij conj(D_ij)) + re(det(A)); complex(A); complex(D)",
     {"A": C(3, 3), "D": C(3, 3)},
     lambda A, D: jnp.sum(jnp.real(jnp.linalg.inv(A) * jnp.conj(D))) + jnp.real(jnp.linalg.det(A))),
    ("y = sqrt(z^3); L = abs(y) + re(z^0.3); complex(z)",
     {"z": C()}, lambda z: jnp.abs(jnp.sqrt(z**3)) + jnp.real(z**0.3)),
    ("p = prod_i(z_i); L = abs(p - mean_i(z_i)); complex(z)",
     {"z": C(3)}, lambda z: jnp.abs(jnp.prod(z) - jnp.mean(z))),
    ("y_x = a[x+u] k_u; L = Σ_x abs(y_x)^2; complex(a); complex(k)",
     {"a": C(6), "k": C(3)},
     lambda a, k: jnp.sum(jnp.abs(jnp.convolve(a, k[::-1], mode="valid")) ** 2)),
    ("y_b = z[t_b] w_b; L = Σ_b abs(y_b)^2 [x_b > 0]; complex(z)",
     {"z": C(5), "t": np.array([1, 3, 3]), "w": R(3), "x": R(3)},
     lambda z, t, w, x: jnp.sum(jnp.abs(z[t] * w) ** 2 * (x > 0))),
    ("h_tj = conj(h_{t-1,k}) W_kj + x_tj; h_{-1,j} = g_j; L = Σ_tj abs(h_tj)^2; complex(W); complex(g)",
     {"W": C(2, 2), "x": R(4, 2), "g": C(2)}, _recurrence),
]  # fmt: skip


@pytest.mark.parametrize("text, data, code", LOSSES, ids=[t.partition(";")[0] for t, _, _ in LOSSES])
def test_gradients_are_those_of_jax(text: str, data: dict[str, Any], code: Callable[..., Any], x64: None) -> None:
    """By the reference, entry by entry, and by what is compiled; real tensors have real gradients."""
    wrt = [n for n in data if n != "t"]
    rest = {n: a for n, a in data.items() if n not in wrt}
    value, wanted = jax.value_and_grad(lambda p: code(**p, **rest))({n: jnp.asarray(data[n]) for n in wrt})
    rules = tp.compile(tp.parse(text) + tp.adjoint(text, wrt=wrt), "numpy", ["L", *(f"δ{n}" for n in wrt)])(**data)
    found, grads = tp.value_and_grad(text, wrt=wrt)({n: data[n] for n in wrt}, **rest)
    scale = max(1.0, *(float(jnp.max(jnp.abs(g))) for g in wanted.values()))
    assert abs(found - value) <= 1e-12 * abs(value) and abs(rules["L"] - value) <= 1e-12 * abs(value)
    for n in wrt:
        assert grads[n].dtype == wanted[n].dtype == rules[f"δ{n}"].dtype
        np.testing.assert_allclose(grads[n], wanted[n], rtol=0, atol=1e-13 * scale)
        np.testing.assert_allclose(rules[f"δ{n}"], wanted[n], rtol=0, atol=1e-13 * scale)


HOLOMORPHIC = sorted(f for f, row in FUNCTIONS.items() if row.plane == "holomorphic" and len(row.slopes) == 1)
PARTS = ("conj", "re", "im", "abs", "angle")


def test_every_function_of_the_plane_as_jax_has_it(x64: None) -> None:
    """Value and ``jax.vjp`` at points of all four quadrants, by a cotangent that is complex where the value is."""
    other = {"re": jnp.real, "im": jnp.imag, "sigmoid": jax.nn.sigmoid, "silu": jax.nn.silu, "rsqrt": jax.lax.rsqrt}
    z = np.array([0.3 - 1.2j, -0.7 + 0.4j, 1.5 + 0.2j, -0.6 - 0.9j])
    names = {f"{name}ed": name for name in (*HOLOMORPHIC, *PARTS) if name != "stop"}
    values, backs, owed = {}, {}, {}
    for n, name in names.items():
        values[n], backs[n] = jax.vjp(other.get(name) or getattr(jnp, name), jnp.asarray(z))
        owed[n] = C(4) if jnp.iscomplexobj(values[n]) else R(4)
    lines = [f"{n}_i = {name}(z_i); complex(z)" for n, name in names.items()]
    system = sum((tp.parse(line) for line in lines[1:]), tp.parse(lines[0]))
    found = tp.compile(system, outputs=[*names])(z=z)
    for line, (n, name) in zip(lines, names.items(), strict=True):
        wanted = backs[n](jnp.asarray(owed[n], values[n].dtype))[0]
        rules = tp.compile(tp.parse(line) + tp.adjoint(line, wrt="z"), "numpy", [n, "δz"])(z=z, **{f"δ{n}": owed[n]})
        np.testing.assert_allclose(rules["δz"], wanted, rtol=1e-13, err_msg=name)
        np.testing.assert_allclose(found[n], values[n], rtol=1e-14, err_msg=name)
        np.testing.assert_allclose(rules[n], values[n], rtol=1e-14, err_msg=name)
        assert found[n].dtype == rules[n].dtype == values[n].dtype, name
        assert is_complex(tp.parse(line)[n].value, frozenset("z")) == jnp.iscomplexobj(values[n])


def test_at_zero_the_absolute_value_owes_nothing(x64: None) -> None:
    text = "L = Σ_i abs(z_i); complex(z)"
    assert (tp.value_and_grad(text, wrt="z")({"z": np.zeros(2, complex)})[1]["z"] == 0).all()
    assert str(tp.adjoint("L = Σ_i abs(z_i)^2; complex(z)")) == "δz_i = 2 conj(z_i)\ncomplex(z)"


@pytest.mark.parametrize(
    "text, wrt, rules",
    [
        ("y_i = A_ij z_j; complex(A); complex(z)", "z", "δz_j = A_ij δy_i\ncomplex(A)\ncomplex(z)\ncomplex(δy)"),
        ("y_i = A_ij conj(z_j); complex(z)", "z", "δz_j = A_ij conj(δy_i)\ncomplex(z)\ncomplex(δy)"),
        ("y_i = A_ij z_j; complex(z)", "A", "δA_ij = re(z_j δy_i)\ncomplex(z)\ncomplex(δy)"),
        ("L = im(ⅈ x^2)", "x", "δx = 2 x"),
    ],
)
def test_rules(text: str, wrt: str, rules: str) -> None:
    found = tp.adjoint(text, wrt=wrt)
    assert str(found) == rules and tp.parse(rules) is found and tp.parse(tp.show(found, ascii=True)) is found


def test_the_real_gradient_falls_along_the_conjugate(x64: None) -> None:
    """L falls where z moves along -conj(δz): to first order by |δz|² times the step."""
    text, z = "L = abs(z^2 - 1)^2 + re(z); complex(z)", 0.4 + 0.7j
    value, grad = tp.value_and_grad(text, wrt="z")({"z": np.array(z)})
    step = 1e-6
    moved = tp.compile(text, "numpy")(z=np.array(z - step * np.conj(grad["z"])))
    assert float(value - moved) / step == pytest.approx(float(abs(grad["z"])) ** 2, rel=1e-4)


# --------------------------------------------------------------------------- derive
def test_complex_derivatives_are_those_of_holomorphic_functions() -> None:
    assert str(tp.derive("y = exp(z^2 w); complex(z)", wrt="w")) == "∂y/∂w = z^2 exp(z^2 w)"
    assert str(tp.derive("L = abs(z)^2; complex(z)", wrt="z")) == "∂L/∂z = 2 conj(z)"
    for text, wrt in (
        ("y = conj(z); complex(z)", "z"),
        ("y_i = conj(z_i x_i); complex(z)", "x"),
        ("L = abs(z)^2; complex(z)", ("z", "z")),
    ):
        with pytest.raises(ComplexConvention, match="not holomorphic"):
            tp.derive(text, wrt=wrt)


def test_second_derivative_by_real_numbers(x64: None) -> None:
    text, data = "L = abs(w x^2 + v)^2; complex(w); complex(v)", {"w": C(), "v": C(), "x": np.array(0.7)}
    wanted = jax.grad(jax.grad(lambda x: jnp.abs(data["w"] * x**2 + data["v"]) ** 2))(0.7)
    found = tp.compile(tp.derive(text, wrt=("x", "x")), "numpy")(**data)
    assert found == pytest.approx(float(wanted), rel=1e-12)


# --------------------------------------------------------------------------- refused
@pytest.mark.parametrize(
    "call, told",
    [
        (lambda: tp.adjoint("y_i = relu(z_i); complex(z)"), "no order"),
        (lambda: tp.adjoint("y_i = max(z_i, 0); complex(z)"), "no order"),
        (lambda: tp.adjoint("y_i = [z_i > 0] z_i; complex(z)"), "no order"),
        (lambda: tp.adjoint("y_i = floor(z_i); complex(z)"), "no order"),
        (lambda: tp.adjoint("y_i = erf(z_i); complex(z)"), "not read as a function of complex"),
        (lambda: tp.adjoint("y_i = f(z_i); complex(z)"), "open"),
        (lambda: tp.adjoint("y_i = softmax_i(z_i); complex(z)"), "not read as a function of complex"),
        (lambda: tp.adjoint("y = logdet(A); complex(A)"), "not read as a function of complex"),
        (lambda: tp.adjoint("L = z_i z_i; complex(z)"), "gradient is that of a real number"),
        (lambda: tp.value_and_grad("L = z_i z_i; complex(z)", wrt="z"), "gradient is that of a real number"),
        (lambda: tp.adjoint("y_i = S_ij z_j; complex(S); spd(S)"), "said of real matrices"),
        (lambda: tp.compile("y_i = A_ij z_j; complex(z)")(A=C(2, 2), z=C(2)), "complex\\(A\\)"),
        (lambda: tp.value_and_grad("L = Σ_i abs(z_i)", wrt="z")({"z": C(2)}), "complex\\(z\\)"),
        (lambda: tp.from_jax(lambda z: jax.numpy.sort(z), jax.ShapeDtypeStruct((2,), "complex64")), "complex"),
    ],
)
def test_what_complex_numbers_do_not_have_is_refused(call: Callable[[], Any], told: str) -> None:
    with pytest.raises(tp.TensorpropError, match=told):
        call()


# --------------------------------------------------------------------------- kept, shown, read
def test_a_page_of_real_numbers_has_none_of_it() -> None:
    s = tp.parse("re_ij = im_ij conj_i + angle imaginary_j")
    assert complex_names(s) == frozenset() and set(s.inputs) == {"im", "conj", "angle", "imaginary"}
    assert s.declared == {} and s.complex == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "y_i = A_ij z_j; L = abs(y_i)^2; complex(z)",
        "y = 2 ⅈ conj(z) re(w) im(z) angle(w); complex(z); complex(w)",
        "g_i = exp(-ⅈ x_i)",
    ],
)
def test_shown_as_read_and_kept(text: str) -> None:
    s = tp.parse(text)
    assert tp.parse(str(s)) is s and tp.parse(tp.show(s, ascii=True)) is s and tp.simplify(s).complex == s.complex
    for name in s.complex:
        assert tp.batch(s, "b", over=(name,)).complex == s.complex


def test_real_arrays_are_promoted(x64: None) -> None:
    f = tp.compile("y_i = A_ij z_j; complex(z)")
    assert f(A=np.eye(2), z=np.ones(2)).dtype == np.complex128
    value, grads = tp.value_and_grad("L = Σ_i re(ⅈ z_i w_i); complex(z); complex(w)", wrt="z")(
        {"z": np.ones(2)}, w=np.array([1 + 2j, 3j])
    )
    assert grads["z"].dtype == np.float64 and grads["z"].tolist() == [-2.0, -3.0] and float(value) == -5.0


def test_a_jax_function_has_the_same_rules(x64: None) -> None:
    f = tp.jax_function("y_i = A_ij conj(z_j); complex(z); complex(A)")
    A, z, ct = map(jnp.asarray, (C(3, 2), C(2), C(3)))
    _, back = jax.vjp(f, A, z)
    _, wanted = jax.vjp(lambda A, z: A @ jnp.conj(z), A, z)
    for one, other in zip(back(ct), wanted(ct), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-14)


# --------------------------------------------------------------------------- laws
@pytest.mark.parametrize(
    "text, wanted",
    [
        ("conj(x z + ⅈ conj(z))", "x conj(z) - ⅈ z"),
        ("re(x z) + im(ⅈ z)", "x re(z) + re(z)"),
        ("conj(abs(z)) + re(x) + im(x)", "abs(z) + x"),
        ("ⅈ^3 + ⅈ ⅈ ⅈ z", "-ⅈ - ⅈ z"),
        ("conj(sqrt(z))", "conj(sqrt(z))"),
        ("conj(z^2 / w)", "conj(z)^2 / conj(w)"),
    ],
)
def test_conjugates_and_parts_are_worked_out(text: str, wanted: str) -> None:
    assert str(settled(parse_expression(text), frozenset("zw"))) == wanted


def test_roots_of_complex_numbers_are_not_put_together() -> None:
    e = parse_expression("sqrt(z^3) - z^1.5 + sqrt(x^2)")
    kept = guarded(e, frozenset("z"))
    assert unguarded(kept) is e and kept is not e and guarded(e, frozenset()) is e
    text = "y = sqrt(z^3) - z^1.5"
    assert str(tp.simplify(f"{text}; complex(z)")["y"]) == text


TRUE = """re(z)^2 + im(z)^2 = abs(z)^2; conj(z w) = conj(z) conj(w); abs(z)^2 = z conj(z); conj(exp(z)) = exp(conj(z));
    re(z) = (z + conj(z)) / 2; z = re(z) + ⅈ im(z); re(ⅈ z) = -im(z); abs(z)^4 = (z conj(z))^2; ⅈ^2 = -1;
    exp(z) exp(w) = exp(z + w); re(conj(z) w) = re(z conj(w)); (z + ⅈ w) (z - ⅈ w) = z^2 + w^2; conj(x) = x; re(x) = x;
    abs(z)^3 = abs(z) z conj(z); conj(1 / z) = 1 / conj(z); exp(log(z)) = z"""
FALSE = """sqrt(z^2) = abs(z); conj(z) = z; re(z) = z; log(z w) = log(z) + log(w); abs(z)^2 = z^2; sqrt(z^2) = z;
    sqrt(z w) = sqrt(z) sqrt(w); log(exp(z)) = z; (z^3)^(1/3) = z; sqrt(exp(z)) = exp(z / 2); log(z^2) = 2 log(z);
    abs(z) = z; conj(ⅈ z) = ⅈ conj(z); sqrt(z^3) = z^1.5; re(z w) = re(z) re(w); abs(z + w) = abs(z) + abs(w);
    im(z) = 0 z; (z w)^0.5 = z^0.5 w^0.5; exp(z)^0.5 = exp(0.5 z); angle(z w) = angle(z) + angle(w);
    arcsin(sin(z)) = z; abs(z) = sqrt(z^2); conj(z) z = z^2; re(z)^2 = re(z^2)"""


@pytest.mark.parametrize("claim", [c.strip() for c in TRUE.split(";")])
def test_laws_of_complex_numbers_are_proved(claim: str) -> None:
    left, _, right = claim.partition(" = ")
    assert tp.equivalent(f"y = {left}; complex(z); complex(w)", f"y = {right}; complex(z); complex(w)") is True


@pytest.mark.parametrize("claim", [c.strip() for c in FALSE.split(";")])
def test_laws_of_real_numbers_only_are_not_proved(claim: str) -> None:
    left, _, right = claim.partition(" = ")
    found = tp.equivalent(f"y = {left}; complex(z); complex(w)", f"y = {right}; complex(z); complex(w)")
    assert found is not True
    if claim not in ("log(exp(z)) = z", "sqrt(exp(z)) = exp(z / 2)", "exp(z)^0.5 = exp(0.5 z)"):
        assert found is False  # those three are so in a strip


@pytest.mark.parametrize("claim", ["conj(x) = x", "sqrt(x^2) = abs(x)", "re(x) y = x y", "im(x) = 0 x"])
def test_of_real_numbers_they_are(claim: str) -> None:
    left, _, right = claim.partition(" = ")
    assert tp.equivalent(left, right) is True


# --------------------------------------------------------------------------- check
@pytest.mark.parametrize(
    "forward, rule, right",
    [
        ("y_i = A_ij z_j; complex(A); complex(z)", "δz_j = A_ij δy_i", True),
        ("y_i = A_ij z_j; complex(A); complex(z)", "δz_j = conj(A_ij) δy_i", False),
        ("y_i = A_ij z_j; complex(A); complex(z)", "δz_j = A_ij conj(δy_i)", False),
        ("y_i = A_ij conj(z_j); complex(A); complex(z)", "δz_j = conj(A_ij δy_i)", True),
        ("y_i = A_ij conj(z_j); complex(A); complex(z)", "δz_j = conj(A_ij) δy_i", False),
        ("L = abs(z_i)^2; complex(z)", "δz_i = 2 conj(z_i) δL", True),
        ("L = abs(z_i)^2; complex(z)", "δz_i = 2 z_i δL", False),
        ("y_i = A_ij z_j; complex(z)", "δA_ij = re(z_j δy_i)", True),
        ("y_i = A_ij z_j; complex(z)", "δA_ij = z_j δy_i", False),
        ("y_i = im(z_i); complex(z)", "δz_i = -ⅈ δy_i", True),
        ("y_i = im(z_i); complex(z)", "δz_i = ⅈ δy_i", False),
    ],
)
def test_a_conjugate_in_the_wrong_place_is_found(forward: str, rule: str, right: bool) -> None:
    report = tp.check(tp.Layer(forward=forward, backward=rule))
    assert report.ok is right, str(report)
    if right:
        (written,) = [v for v in report.verdicts if v.written]
        assert written.proved


@pytest.mark.parametrize("fault", ["conj(g)", "g"])
def test_a_planted_fault_in_the_calculus_is_seen(fault: str, monkeypatch: pytest.MonkeyPatch, x64: None) -> None:
    """A row that owes no conjugate, or one too many, gives other gradients than JAX."""
    name, code = ("re", jnp.real) if fault == "conj(g)" else ("conj", jnp.conj)
    monkeypatch.setattr(FUNCTIONS[name], "plane", f"ⅈ {fault}" if name == "re" else fault)
    text, z = f"y_i = {name}(z_i); complex(z)", C(3)
    y, back = jax.vjp(code, jnp.asarray(z))
    ct = C(3) if name == "conj" else R(3)
    found = tp.compile(tp.adjoint(text, wrt="z"), "numpy", "δz")(z=z, δy=ct)
    assert not np.allclose(found, back(jnp.asarray(ct, y.dtype))[0])


# --------------------------------------------------------------------------- formulas
@pytest.mark.parametrize(
    "line, shown, latex, code",
    [
        ("g_j = conj(A_ij) y_i", "g = Aᴴ y", r"g = A^{\mathsf{H}} \, y", "g = np.conj(A).T @ y"),
        ("g_ik = conj(A_ji) B_jk", "g = Aᴴ B", r"g = A^{\mathsf{H}} \, B", "g = np.conj(A).T @ B"),
        ("E = conj(y_i) A_ij z_j", "E = yᴴ Az", None, None),
        ("E = conj(z_i) z_i", "E = zᴴ z", None, None),
        ("E = z_i z_i", "E = zᵀz", r"E = z^{\top} z", "E = z @ z"),
        ("g_i = ⅈ z_i + 2 re(z_i)", "g = ⅈ z + 2 re(z)", None, "g = 1j * z + 2 * np.real(z)"),
        ("y_i = A_ij conj(z_j)", "y = A conj(z)", None, "y = A @ np.conj(z)"),
    ],
)
def test_formulas(line: str, shown: str, latex: str | None, code: str | None) -> None:
    f = tp.formula(f"{line}; complex(A); complex(B); complex(z); complex(y)")
    assert str(f) == shown and latex in (None, f.latex) and code in (None, f.numpy)
    assert (f.jax == f.numpy.replace("np.", "jnp.") and "conj" in f.loop) or "conj" not in line


@pytest.mark.parametrize(
    "text", ["g = Aᴴ y", "g = A^H y", r"g = A^{\mathsf{H}} y", r"g = A^\dagger y", "g = A† y", "g = conj(A)ᵀ y"]
)
def test_formulas_are_read(text: str) -> None:
    like = tp.parse("g_j = conj(A_ij) y_i; complex(A); complex(y)")
    assert str(tp.parse_formula(text, like=like)["g"]) == "g_j = conj(A_ij) y_i"


def test_what_is_holomorphic_is_explained() -> None:
    d = tp.explain("y_i = A_ij z_j; complex(A); complex(z)", wrt="z")
    assert d.part("z").shown.unicode == "δz = Aᵀ δy"


@pytest.mark.parametrize(
    ("text", "fn"),
    [
        ("y_i = conj(z_i) w_i x_i", lambda z, w, x: jnp.conj(z) * w * x),
        ("y = abs(z_i)^2 x_i + re(w_i w_i)", lambda z, w, x: jnp.sum(jnp.abs(z) ** 2 * x) + jnp.sum((w * w).real)),
        (
            "h_i = z_i / abs(z_i); y_i = tanh(x_i) exp(ⅈ angle(w_i)) h_i + im(z_i)",
            lambda z, w, x: jnp.tanh(x) * jnp.exp(1j * jnp.angle(w)) * z / jnp.abs(z) + z.imag,
        ),
        ("m_ij = conj(z_i) w_j; y_i = m_ij m_kj x_k", lambda z, w, x: (m := jnp.outer(jnp.conj(z), w)) @ m.T @ x),
        (
            "y_i = where([abs(z_i) > 0.5], z_i, conj(w_i)) x_i",
            lambda z, w, x: jnp.where(jnp.abs(z) > 0.5, z, w.conj()) * x,
        ),
    ],
)
def test_tangents_through_conjugates_and_parts(text: str, fn: Callable[..., Any]) -> None:
    """Of complex and of real inputs, against jax.jvp of independent code."""
    s = tp.parse(f"{text}; complex(z); complex(w)")
    rng = np.random.default_rng(3)
    at, by = (
        {"z": draw(), "w": draw(), "x": rng.normal(size=4)}
        for draw in [lambda: rng.normal(size=4) + 1j * rng.normal(size=4)] * 2
    )
    moving = {f"∂{n}·/∂ε": a for n, a in by.items()}
    both = s + tangents(s, ("z", "w", "x"))
    assert tp.parse(str(both)) is both
    found = evaluate(both, {n: a for n, a in {**at, **moving}.items() if n in both.inputs})
    with jax.enable_x64(True):
        want = jax.jvp(fn, tuple(map(jnp.asarray, at.values())), tuple(map(jnp.asarray, by.values())))[1]
    name = f"∂y{'·' * s.rank('y')}/∂ε"
    assert np.allclose(found[name], want, rtol=1e-12, atol=1e-12)
