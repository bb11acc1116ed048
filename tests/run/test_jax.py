"""Value and gradient as one JAX function: right numbers, every dtype, every transformation, no work per call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.core.build import add, mul, sum_over, tensor
from tensorprop.core.equation import System, equation, system
from tensorprop.core.expr import Expr, Tensor
from tensorprop.errors import (
    ComplexConvention,
    MissingInput,
    NonNumericDtype,
    NumberTooLarge,
    OpenFunction,
    OutOfRange,
    RaggedInput,
    RankMismatch,
    SizeMismatch,
    SizeOneBroadcast,
    TensorpropError,
    UnknownName,
    UsageError,
)
from tensorprop.run.api import compile, value_and_grad
from tensorprop.text import parse
from tests import oracle
from tests.compare import wrong
from tests.strategies import case_number, some
from tests.uncompiled import uncompiled

MLP = """
    z_bj = x_bi W_ij + b_j;  h_bj = tanh(z_bj)
    s_bc = h_bj V_jc + c_c;  L_bc = logsoftmax_c(s_bc)
    E = -Σ_bc [y_b = c] L_bc / dim(b)
"""
WEIGHTS = ("W", "b", "V", "c")


def mlp(dtype: Any = np.float64, seed: int = 0) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and data for MLP."""
    rng = np.random.default_rng(seed)
    shapes = {"W": (3, 4), "b": (4,), "V": (4, 5), "c": (5,)}
    params = {n: jnp.asarray(rng.normal(size=shape), dtype) for n, shape in shapes.items()}
    data = {"x": jnp.asarray(rng.normal(size=(6, 3)), dtype), "y": jnp.asarray(rng.integers(0, 5, 6), jnp.int32)}
    return params, data


def by_hand(params: Any, data: Any) -> Any:
    """MLP as one writes it in JAX."""
    h = jnp.tanh(data["x"] @ params["W"] + params["b"])
    logp = jax.nn.log_softmax(h @ params["V"] + params["c"])
    return -jnp.mean(jnp.take_along_axis(logp, data["y"][:, None], axis=1))


def near(ours: Any, theirs: Any, terms: int = 200) -> None:
    """The same tree, each leaf within (16 + 4√K) eps of its largest entries; dtype and shape the same."""
    assert jax.tree.structure(ours) == jax.tree.structure(theirs)
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        wide = np.asarray(a, np.float64), np.asarray(b, np.float64)
        eps = float(jnp.finfo(b.dtype).eps)
        assert np.all(np.abs(wide[0] - wide[1]) <= (16 + 4 * terms**0.5) * eps * max(1.0, float(np.abs(wide[1]).max())))


# --------------------------------------------------------------------------- numbers
@pytest.mark.parametrize("text", [
    "E = Σ_bj 1/2 (x_bi W_ij + b_j - y_bj)^2",
    "z_bj = x_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2 / dim(b)",
    "z_bj = x_bi W_ij; p_bj = exp(z_bj) / Σ_k exp(z_bk); E = -y_bj log(p_bj)",
    "z_bj = x_bi W_ij; E = mean_b(logsumexp_j(z_bj))",
    "S_tu = Q_tk K_uk / sqrt(dim(k)); P_tu = tanh(S_tu); O_td = P_tu V_ud; E = O_td G_td",
    "S_tu = Q_tk K_uk; P_tu = exp(S_tu) / Σ_v exp(S_tv); O_td = P_tu V_ud; E = O_td G_td",
    "m_b = mean_i x_bi; v_b = var_i x_bi; n_bi = (x_bi - m_b) rsqrt(v_b + 1/100) g_i; E = n_bi n_bi y_bi",
    "E = log(σ(x_i W_ij z_j))",
    "E = u_i A_ijk v_j w_k",
    "z_bj = relu(x_bi W_ij); E = z_bj z_bj",
    "E = max_j(x_bi W_ij) y_b",
    "E = Σ_mn 1/2 (T_mn - U_mk V_nk)^2 + l U_mk U_mk",
])  # fmt: skip
def test_gradients_are_those_of_the_loops(text: str, x64: None) -> None:
    from tests.run.test_compile import arrays_for

    s = parse(text)
    arrays = arrays_for(text)
    wrt = s.inputs
    _, grads = value_and_grad(s, wrt)(arrays)
    assert wrong(grads, oracle.gradients(s, arrays, wrt, {"E": np.ones(())})) == []


@pytest.mark.parametrize("start", some(70_000, 70_090, 30, 70_030))
def test_gradients_of_random_systems(start: int, x64: None) -> None:
    """Thirty Systems are one program."""
    numbered = {number: case_number(number) for number in range(start, start + 30)}
    losses: dict[int, System] = {}
    for number, case in numbered.items():
        terms: list[Expr] = []
        for name in case.seeds:
            letters = case.system[name].letters
            terms.append(sum_over(letters, mul(tensor(f"Seed{name}", *letters), tensor(name, *letters))))
        losses[number] = system([*case.system, equation(tensor("Error"), add(*terms))])

    def gradients(arrays: dict[int, dict[str, Any]], seeds: dict[int, dict[str, Any]]) -> dict[int, dict[str, Any]]:
        return {n: value_and_grad(s, numbered[n].wrt)(arrays[n], **seeds[n])[1] for n, s in losses.items()}

    found = uncompiled(gradients)(
        {n: {x: case.arrays[x] for x in case.wrt} for n, case in numbered.items()},
        {n: {f"Seed{x}": a for x, a in case.seeds.items()} for n, case in numbered.items()},
    )
    for n, case in numbered.items():
        judged = oracle.gradients(case.system, case.arrays, case.wrt, case.seeds)
        assert wrong(found[n], judged) == [], f"case {n}\n{losses[n]}"


def test_same_as_jax_of_idiomatic_code(x64: None) -> None:
    params, data = mlp()
    near(value_and_grad(MLP, WEIGHTS)(params, **data), jax.value_and_grad(by_hand)(params, data))


# --------------------------------------------------------------------------- dtypes
@pytest.fixture(params=[False, True], ids=["x32", "x64"])
def wide(request: pytest.FixtureRequest) -> Iterator[bool]:
    before = bool(jax.config.read("jax_enable_x64"))
    jax.config.update("jax_enable_x64", request.param)
    yield request.param
    jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.float16])
def test_dtype_is_kept(dtype: Any, wide: bool) -> None:
    params, data = mlp(dtype)
    E, grads = value_and_grad(MLP, WEIGHTS)(params, **data)
    assert E.dtype == dtype
    assert {g.dtype for g in grads.values()} == {jnp.dtype(dtype)}
    near((E, grads), jax.value_and_grad(by_hand)(params, data))


def test_no_float64_in_a_float32_program(x64: None) -> None:
    params, data = mlp(np.float32)
    assert "f64" not in str(jax.make_jaxpr(value_and_grad(MLP, WEIGHTS))(params, **data))


def test_gradients_have_their_parameters_dtypes(x64: None) -> None:
    params, data = mlp(np.float32)
    params["W"], params["b"] = params["W"].astype(jnp.bfloat16), params["b"].astype(jnp.float64)
    _, grads = value_and_grad(MLP, WEIGHTS)(params, **data)
    assert {n: g.dtype for n, g in grads.items()} == {n: p.dtype for n, p in params.items()}


def test_whole_numbers_and_truth_values_count() -> None:
    f = compile("y_i = 1/2 n_i + [n_i > 1] + m_i m_i")
    y = f(n=np.array([1, 2, 3]), m=np.array([True, False, True]))
    assert y.dtype == jnp.float32
    assert y.tolist() == [1.5, 2.0, 3.5]
    assert compile("s = m_i m_i")(m=np.array([True, False, True])) == 2
    assert compile("s_i = 2 n_i + 1")(n=np.array([1, 2], np.int32)).dtype == jnp.int32


def test_a_parameter_that_does_nothing_has_gradient_zero() -> None:
    g = value_and_grad("E = x_i x_i; F = W_ij W_ij", wrt=("x", "W"), of="E")
    _, grads = g({"x": jnp.ones(2), "W": jnp.ones((2, 3))})
    assert grads["W"].tolist() == [[0.0] * 3] * 2


# --------------------------------------------------------------------------- transformations
def test_under_jit_vmap_scan_and_grad(x64: None) -> None:
    params, data = mlp()
    g = value_and_grad(MLP, WEIGHTS)
    want = jax.value_and_grad(by_hand)(params, data)
    near(jax.jit(lambda p, d: g(p, **d))(params, data), want)

    batch = jax.tree.map(lambda a: jnp.stack([a, a[::-1]]), data)
    each = jax.vmap(lambda d: g(params, **d))(batch)
    near(jax.tree.map(lambda a: a[0], each), want)

    def step(p: Any, _: None) -> tuple[Any, Any]:
        E, grads = g(p, **data)
        return jax.tree.map(lambda a, d: a - 0.1 * d, p, grads), E

    _, errors = jax.lax.scan(step, params, None, length=20)
    assert errors[-1] < errors[0]

    f = compile(MLP, outputs="E")
    near(jax.grad(lambda p: f(**p, **data))(params), want[1])
    near(jax.jacfwd(lambda W: g({**params, "W": W}, **data)[1]["b"])(params["W"]),
         jax.jacfwd(lambda W: jax.grad(by_hand)({**params, "W": W}, data)["b"])(params["W"]))  # fmt: skip


def test_inlined_under_an_outer_jit() -> None:
    params, data = mlp(np.float32)
    program = jax.jit(lambda p: value_and_grad(MLP, WEIGHTS)(p, **data)).lower(params).as_text()
    main = program[program.index("func.func public @main") :].split("func.func private")[0]
    assert main.count("dot_general") == 5  # z, s, δh, δW, δV: nothing hidden in an inner function
    assert "call @value_and_grad" not in program


def test_traced_once_per_shape() -> None:
    params, data = mlp(np.float32)
    g = value_and_grad("z_bj = x_bi W_ij - t_bj; E = z_bj z_bj", "W")
    f = compile("y_i = A_ij x_j")
    for rows in (6, 6, 6):
        g({"W": params["W"]}, x=data["x"][:rows], t=np.zeros((rows, 4), np.float32))
        f(A=np.ones((rows, 3), np.float32), x=np.ones(3, np.float32))
    assert (g.traces, f.traces) == (1, 1)
    f(A=np.ones((2, 3), np.float32), x=np.ones(3, np.float32))
    assert f.traces == 2


# --------------------------------------------------------------------------- what is emitted
def primitives(f: Callable[..., Any], *args: Any, **named: Any) -> Counter[str]:
    """How often each primitive stands in the traced program, inner functions included."""
    found: Counter[str] = Counter()

    def walk(jaxpr: Any) -> None:
        for e in jaxpr.eqns:
            found[e.primitive.name] += 1
            for v in e.params.values():
                inner = getattr(v, "jaxpr", v)
                if hasattr(inner, "eqns"):
                    walk(inner)

    walk(jax.make_jaxpr(f)(*args, **named).jaxpr)
    return found


def test_common_parts_are_computed_once() -> None:
    params, data = mlp(np.float32)
    found = primitives(value_and_grad(MLP, WEIGHTS), params, **data)
    assert (found["tanh"], found["dot_general"]) == (1, 5)
    x = np.ones(3, np.float32)
    once = primitives(compile("a_i = exp(x_i) + exp(x_i)^2; b_i = tanh(exp(x_i)); c_i = tanh(exp(x_i)) x_i"), x=x)
    assert (once["exp"], once["tanh"]) == (1, 1)


def test_gradients_share_what_the_value_has_made() -> None:
    shapes = {"x": (6, 3), "W": (5, 3, 4), "u": (6, 4), "y": (6, 5)}
    arrays = {n: np.ones(shape, np.float32) for n, shape in shapes.items()}
    g = value_and_grad("z_bk = x_bi W_kij u_bj; E = z_bk y_bk", ("x", "W", "u"))
    assert primitives(g, arrays)["dot_general"] <= 5  # two for z, and one for each gradient
    lowrank = value_and_grad("z_bj = x_bi U_ik V_kj; E = z_bj z_bj", ("U", "V"))
    shapes = {"x": (6, 9), "U": (9, 2), "V": (2, 7)}
    assert primitives(lowrank, {n: np.ones(shape, np.float32) for n, shape in shapes.items()})["dot_general"] == 5


@pytest.mark.parametrize("text, shapes, dots", [
    ("y_i = A_ij x_j",             {"A": (2, 3), "x": (3,)},          1),
    ("s = A_ij B_ij",              {"A": (2, 3), "B": (2, 3)},        0),
    ("r_b = A_bi B_bi",            {"A": (2, 3), "B": (2, 3)},        0),
    ("G_ij = x_i y_j",             {"x": (2,), "y": (3,)},            0),
    ("s = Σ_ij x_i y_j",           {"x": (2,), "y": (3,)},            0),
    ("y_i = A_ij B_jk x_k",        {"A": (2, 3), "B": (3, 4), "x": (4,)}, 2),
    ("y_i = A_ij δ_jk x_k",        {"A": (2, 3), "x": (3,)},          1),
    ("y_i = Σ_j (A_ij x_j + C_ij)", {"A": (2, 3), "x": (3,), "C": (2, 3)}, 0),
    ("y_i = Σ_j (A_ik B_kj + C_ij)", {"A": (2, 5), "B": (5, 3), "C": (2, 3)}, 1),
])  # fmt: skip
def test_only_true_products_are_dots(text: str, shapes: dict[str, tuple[int, ...]], dots: int) -> None:
    arrays = {n: np.ones(shape, np.float32) for n, shape in shapes.items()}
    assert primitives(compile(text), **arrays)["dot_general"] == dots


@pytest.mark.parametrize("text", [
    "p_bc = softmax_c(s_bc); L_bc = log(p_bc)",
    "p_bc = exp(s_bc) / Σ_d exp(s_bd); L_bc = log(p_bc)",
    "e_bc = exp(s_bc); Z_b = Σ_c e_bc; p_bc = e_bc / Z_b; L_bc = log(p_bc)",
])  # fmt: skip
def test_softmax_is_stable_however_it_is_written(text: str) -> None:
    s = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], np.float32)
    got = compile(text, outputs="L")(s=s)
    assert np.asarray(got) == pytest.approx(np.asarray(jax.nn.log_softmax(s)), rel=1e-6)
    E, grads = value_and_grad(text + "; E = -y_bc L_bc", "s")({"s": s}, y=np.eye(3, dtype=np.float32)[:2])
    want = jax.grad(lambda s: -(np.eye(3)[:2] * jax.nn.log_softmax(s)).sum())(s)
    assert np.isfinite(E)
    assert np.asarray(grads["s"]) == pytest.approx(np.asarray(want), abs=1e-6)


@pytest.mark.parametrize("text", [
    "E = -log(softmax_c(s_bc)) [y_b = c]",
    "E = -logsoftmax_c(s_bc) [y_b = c]",
    "p_bc = softmax_c(s_bc); E = -log(p_bc) [y_b = c]",
    "p_bc = exp(s_bc) / Σ_d exp(s_bd); E = -log(p_bc) [y_b = c]",
    "p_bc = softmax_c(s_bc); l_b = -log(p_bc) [y_b = c]; E = Σ_b l_b",
])  # fmt: skip
def test_cross_entropy_of_whole_number_labels(text: str) -> None:
    """Only brackets have the class that the gradient sums over: its range is that of the scores."""
    s = np.array([[1e3, 0.0, -1e3], [1.0, 2.0, 3.0]], np.float32)
    E, grads = value_and_grad(text, "s")({"s": s}, y=np.array([1, 2]))
    want = np.asarray(jax.nn.softmax(s)) - np.eye(3)[[1, 2]]
    assert float(E) == pytest.approx(1000.4076, rel=1e-6)
    assert np.asarray(grads["s"]) == pytest.approx(want, abs=1e-6)


def test_logistic_functions_are_stable_by_hand() -> None:
    x = np.array([-1e4, -50.0, 0.0, 50.0, 1e4], np.float32)
    text = "a_i = log(1 + exp(x_i)); b_i = log(1 / (1 + exp(-x_i))); c_i = log(1 - σ(x_i))"
    got = compile(text)(x=x)
    want = {"a": jax.nn.softplus(x), "b": jax.nn.log_sigmoid(x), "c": jax.nn.log_sigmoid(-x)}
    for name, value in want.items():
        assert np.asarray(got[name]) == pytest.approx(np.asarray(value), rel=1e-5)


def test_a_bracket_is_zero_beside_anything() -> None:
    x = np.array([-1.0, 0.0, np.e], np.float32)
    assert compile("y_i = [x_i > 0] log(x_i)")(x=x).tolist() == pytest.approx([0, 0, 1])
    assert float(compile("s = Σ_i [x_i > 0] log(x_i) log(x_i)")(x=x)) == pytest.approx(1)
    assert float(compile("s = Σ_i [x_i > 0] log(x_i) / x_i")(x=x)) == pytest.approx(1 / np.e)
    A = np.ones((3, 2), np.float32)
    assert compile("y_j = Σ_i [x_i > 0] log(x_i) A_ij")(x=x, A=A).tolist() == pytest.approx([1, 1])


# --------------------------------------------------------------------------- the callables
def test_outputs_by_name_and_in_order() -> None:
    text = "u_i = 2 x_i; w_i = u_i + 1; a = x_i x_i"
    x = np.ones(2, np.float32)
    assert list(compile(text)(x=x)) == ["w", "a"]
    assert compile(text, outputs="u")(x=x).tolist() == [2, 2]
    assert list(compile(text, outputs=("a", "u"))(x=x)) == ["a", "u"]
    assert compile(text, jit=False)(x=x)["w"].tolist() == [3, 3]
    assert compile(text, backend="numpy")(x=x)["w"].dtype == np.float64


def test_aux_and_rules() -> None:
    g = value_and_grad("h_i = tanh(W_ij x_j); E = h_i h_i", "W", aux="h")
    (E, aux), grads = g({"W": jnp.eye(2)}, x=jnp.ones(2))
    assert float(E) == pytest.approx(float((aux["h"] ** 2).sum()))
    assert grads["W"].shape == (2, 2)
    assert g.rules.defines("δW")
    assert "δW_ij" in repr(g)


def test_lists_and_numbers_are_arrays() -> None:
    assert compile("y_i = s x_i")(s=2, x=[1.0, 2.0]).tolist() == [2.0, 4.0]
    E, grads = value_and_grad("E = w x_i x_i", "w")({"w": 3.0}, x=[1.0, 2.0])
    assert (float(E), float(grads["w"])) == (15.0, 5.0)
    assert compile("y_ij = x_ij")(x=[[1, 2], [3, 4]]).shape == (2, 2)


def test_names_that_a_derivative_no_longer_needs() -> None:
    from tensorprop.calculus import derive

    f = compile(derive("y_j = a_i W_ij + b_j", wrt="a_k"))
    W = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(f(W=W, a=np.ones(2)), W.T)
    with pytest.raises(UnknownName):
        f(W=W, q=np.ones(2))


F = "z_bj = a_bi W_ij + b_j"
GOOD = {"a": np.ones((5, 2)), "W": np.ones((2, 3)), "b": np.ones(3)}


@pytest.mark.parametrize("change, error, words", [
    ({"W": np.ones((4, 3))},              SizeMismatch,     ("i", "a", "W", "2", "4")),
    ({"W": np.ones((1, 3))},              SizeOneBroadcast, ("i", "W")),
    ({"W": np.ones(3)},                   RankMismatch,     ("W", "2")),
    ({"W": None},                         NonNumericDtype,  ("W",)),
    ({"W": "weights"},                    NonNumericDtype,  ("W",)),
    ({"W": [["a", "b"], ["c", "d"]]},     NonNumericDtype,  ("W",)),
    ({"W": [[1.0, 2.0, 3.0], [4.0]]},     RaggedInput,      ("W",)),
    ({"W": np.array([["x"] * 3] * 2)},    NonNumericDtype,  ("W",)),
    ({"W": np.array([[object()] * 3] * 2)}, NonNumericDtype, ("W",)),
    ({"W": {"kernel": np.ones((2, 3))}},  NonNumericDtype,  ("W",)),
    ({"W": np.ma.masked_array(np.ones((2, 3)), mask=np.eye(2, 3))}, NonNumericDtype, ("W",)),
    ({"W": [[10**400] * 3] * 2},          NumberTooLarge,   ("W",)),
    ({"W": jax.ShapeDtypeStruct((2, 3), np.float32)}, NonNumericDtype, ("W",)),
    ({"w": np.ones(3)},                   UnknownName,      ("w", "a, W, b")),
    ({"z": np.ones(3)},                   UnknownName,      ("z",)),
    ({"W": ...},                          MissingInput,     ("W",)),
])  # fmt: skip
def test_bad_arrays(change: dict[str, Any], error: type[TensorpropError], words: tuple[str, ...]) -> None:
    arrays = {n: a for n, a in {**GOOD, **change}.items() if a is not ...}
    for f in (compile(F), compile(F, jit=False)):
        with pytest.raises(error) as caught:
            f(**arrays)
        assert all(w in str(caught.value) for w in words)
    loss = value_and_grad(F + "; E = z_bj z_bj", "b")
    with pytest.raises(error):
        loss({"b": arrays.pop("b")}, **arrays)


def test_a_singular_matrix_is_called_so() -> None:
    with pytest.raises(OutOfRange, match="no inverse"):
        compile("Y_ij = inv(X)_ij", backend="numpy")(X=np.ones((2, 2)))


def test_the_place_is_shown() -> None:
    with pytest.raises(SizeMismatch) as caught:
        compile(F)(**{**GOOD, "W": np.ones((4, 3))})
    assert F in str(caught.value)
    assert "^" in str(caught.value)


@pytest.mark.parametrize("call, error", [
    (lambda: compile(F, backend="torch"), UsageError),  # pyright: ignore[reportArgumentType]
    (lambda: compile(F, outputs="q"), UnknownName),
    (lambda: compile(F, outputs=()), UsageError),
    (lambda: compile(F)(np.ones(2)), UsageError),
    (lambda: compile("y_i = f(x_i)"), OpenFunction),
    (lambda: compile("y_i = 10^200 10^200 x_i")(x=np.ones(2)), NumberTooLarge),
    (lambda: value_and_grad(F, "W"), UsageError),
    (lambda: value_and_grad("E = x_i x_i; F = x_i y_i", "x"), UsageError),
    (lambda: value_and_grad("E = x_i x_i", "w"), UnknownName),
    (lambda: value_and_grad("E = x_i x_i", ()), UsageError),
    (lambda: value_and_grad("h_i = 2 x_i; E = h_i h_i", "h"), UsageError),
    (lambda: value_and_grad("E = x_i x_i", "x")(np.ones(2)), UsageError),  # pyright: ignore[reportArgumentType]
    (lambda: value_and_grad("E = x_i y_i", "x")({"x": np.ones(2), "y": np.ones(2)}, y=np.ones(2)), UsageError),
    (lambda: value_and_grad("E = x_i y_i", "x")({"y": np.ones(2)}, x=np.ones(2)), MissingInput),
    (lambda: value_and_grad("E = x_i y_i", "x")({"x": {"a": np.ones(2)}}, y=np.ones(2)), UsageError),
    (lambda: value_and_grad("E = x_i x_i", "x")({"x": np.array([1, 2])}), NonNumericDtype),
    (lambda: value_and_grad("E = x_i x_i", "x")({"x": np.array([1j, 2])}), ComplexConvention),
])  # fmt: skip
def test_bad_use(call: Callable[[], Any], error: type[TensorpropError]) -> None:
    with pytest.raises(error):
        call()


def test_depth_costs_no_stack() -> None:
    deep: Expr = Tensor("x", ())
    from tensorprop.core.build import call

    for _ in range(3000):
        deep = call("sin", deep)
    f = compile(equation(tensor("y"), deep), jit=False)
    assert np.isfinite(f(x=1.0))
