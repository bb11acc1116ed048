"""Functions held against equations: right ones pass in every dtype, wrong VJPs are refused at every size, and named."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop import jax_function
from tensorprop.check.function import check_function
from tensorprop.check.verbs import assert_rule
from tensorprop.core.equation import System
from tensorprop.core.expr import Index
from tensorprop.core.walk import tensors_of
from tensorprop.errors import OpenFunction, UnknownName, UsageError
from tensorprop.layers import Dense, Gelu, LabelCrossEntropy, SoftmaxCrossEntropy, Tanh
from tensorprop.layers.layer import as_layer

DENSE = "z_bj = a_bi W_ij + b_j"
SMALL: Any = {"sizes": {"b": 2, "i": 3, "j": 4}, "seeds": (0,)}
Rule = Callable[[Any, Any], Any]


def with_rule(f: Callable[..., Any], backward: Rule) -> Callable[..., Any]:
    """``f`` with a VJP that is given its arguments and the cotangent."""

    def named(*args: Any) -> Any:
        return f(*args)

    rule = jax.custom_vjp(named)
    rule.defvjp(lambda *args: (f(*args), args), backward)
    return rule


def affine(a: Any, W: Any, b: Any) -> Any:
    return a @ W + b


def right(kept: Any, g: Any) -> tuple[Any, Any, Any]:
    a, W, _ = kept
    return g @ W.T, a.T @ g, g.sum(0)


def dense(backward: Rule) -> Callable[..., Any]:
    return with_rule(affine, backward)


# --------------------------------------------------------------------------- right ones
@pytest.mark.parametrize(
    "fn, against",
    [
        (dense(right), DENSE),
        (affine, Dense()),
        (jax.jit(affine), Dense),
        (jax_function(Dense()), Dense()),
        (jax_function(Dense(), forward=True), Dense()),
        (tp.compile(DENSE), DENSE),
        (jnp.tanh, Tanh()),
        (lambda z: jax.nn.gelu(z, approximate=False), Gelu()),
        (jax_function(SoftmaxCrossEntropy()), SoftmaxCrossEntropy()),
        (
            lambda s, y: -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(s), y[:, None], 1)),
            LabelCrossEntropy(),
        ),
    ],
)
def test_right_functions_pass(fn: Any, against: Any) -> None:
    report = check_function(fn, against, seeds=(0,))
    assert report.ok, str(report)
    assert not report.proved
    assert all(v.samples == 6 for v in report.verdicts)
    small = {i: 2 + n for n, i in enumerate(sorted(letters(as_layer(against).system)))}
    for dtype in ("float32", "bfloat16"):
        report = check_function(fn, against, sizes=small, dtype=dtype, seeds=(0,))
        assert report.ok, str(report)


def letters(s: System) -> set[str]:
    found = (t for eq in s for t in (eq.target, *tensors_of(eq.value)))
    return {i.name for t in found for i in t.subscripts if isinstance(i, Index)}


def test_seeds() -> None:
    report = check_function(affine, DENSE, sizes={"b": 2, "i": 2, "j": 2})
    assert [v.samples for v in report.verdicts] == [4, 4, 4, 4]  # three seeds, and positive numbers


RIGHT: list[tuple[str, Callable[..., Any]]] = [
    (DENSE, affine),
    ("y_i = exp(x_i)", jnp.exp),
    ("p_bj = softmax_j(z_bj)", jax.nn.softmax),
    (
        "m_b = mean_i x_bi; v_b = var_i x_bi; n_bi = (x_bi - m_b) rsqrt(v_b + 1e-5) g_i",
        lambda x, g: (x - x.mean(1, keepdims=True)) * jax.lax.rsqrt(x.var(1, keepdims=True) + 1e-5) * g,
    ),
    (
        "s_tu = q_td k_ud / sqrt(dim(d)); p_tu = softmax_u(s_tu); o_te = p_tu v_ue",
        lambda q, k, v: jax.nn.softmax(q @ k.T / jnp.sqrt(jnp.asarray(q.shape[1], q.dtype))) @ v,
    ),
    ("E = mean_b(Σ_j (a_bj - y_bj)^2)", lambda a, y: jnp.mean(jnp.sum((a - y) ** 2, 1))),
    ("v_b = var_i(x_bi)", lambda x: (x**2).mean(1) - x.mean(1) ** 2),
    ("d_ij = Σ_k (x_ik - y_jk)^2", lambda x, y: (x**2).sum(1)[:, None] + (y**2).sum(1) - 2 * x @ y.T),
    ("u_i = sin(x_i) c; v = Σ_i x_i^2", lambda x, c: (jnp.sin(x) * c, jnp.sum(x**2))),
]


@pytest.mark.campaign
@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
def test_no_right_function_is_refused(number: int, dtype: str) -> None:
    """More than 2,000 draws, of sizes from 1 to 40."""
    rng = np.random.default_rng([number, len(dtype)])
    for spec, fn in RIGHT:
        sizes = {i: int(rng.choice([1, 2, 3, 5, 8, 17, 40])) for i in sorted(letters(tp.parse(spec)))}
        report = check_function(fn, spec, sizes=sizes, dtype=dtype, seeds=range(100 * number, 100 * number + 15))
        assert report.ok, str(report)


def test_nothing_of_jax_is_changed() -> None:
    before = jax.config.read("jax_enable_x64")
    check_function(affine, DENSE)
    assert jax.config.read("jax_enable_x64") == before


# --------------------------------------------------------------------------- wrong VJPs, at every size
FAULTS: dict[str, Callable[[Any], Any]] = {
    "zero": lambda g: 0 * g,
    "negated": lambda g: -g,
    "1.5": lambda g: 1.5 * g,
    "1.001": lambda g: 1.001 * g,
    "one entry": lambda g: g.ravel().at[g.size // 3].multiply(1.01).reshape(g.shape),
}


def faulty(spoil: Callable[[Any], Any], n: int) -> list[tuple[Callable[..., Any], str, dict[str, int]]]:
    """An elementwise function, a product of matrices, a sum, and a number that n entries share."""
    b = int(n**0.5)
    return [
        (with_rule(jnp.tanh, lambda r, g: (spoil(g * (1 - jnp.tanh(r[0]) ** 2)),)), "h_i = tanh(x_i)", {"i": n}),
        (
            with_rule(lambda a, W: a @ W, lambda r, g: (spoil(g @ r[1].T), r[0].T @ g)),
            "z_bj = a_bi W_ij",
            {"b": b, "i": n // b, "j": 8},
        ),
        (with_rule(lambda x: 0.5 * jnp.sum(x * x), lambda r, g: (spoil(g * r[0]),)), "E = 1/2 x_i x_i", {"i": n}),
        (
            with_rule(lambda x, c: x * c, lambda r, g: (g * r[1], spoil(jnp.sum(g * r[0])))),
            "y_i = x_i c",
            {"i": n},
        ),
    ]


HARD = ("1.001", "one entry")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "n, names",
    [
        (4, tuple(FAULTS)),
        (10**4, HARD),
        (10**6, HARD[:1]),
        *(pytest.param(n, tuple(FAULTS), marks=pytest.mark.campaign) for n in (64, 10**3, 10**5, 10**6)),
    ],
)
def test_wrong_at_every_size(n: int, names: tuple[str, ...], dtype: str) -> None:
    """What is as wrong as ``HARD`` is refused at all sizes, right ones pass; the other faults are farther off."""
    for fn, spec, sizes in faulty(lambda g: g, n):
        assert check_function(fn, spec, sizes=sizes, dtype=dtype, seeds=(0,)).ok, spec
    for name in names:
        spoil = FAULTS[name]
        for fn, spec, sizes in faulty(spoil, n):
            report = check_function(fn, spec, sizes=sizes, dtype=dtype, seeds=(0,))
            assert not report.ok, (name, spec)
            assert all(f.kind == "value" for f in report.findings), (name, spec)


@pytest.mark.parametrize("fault", ["zero", "negated", "1.5", "1.001"])
def test_what_passes_the_check_of_jax_is_refused_here(fault: str) -> None:
    """``check_grads`` tests one direction in float32, and allows for a difference that does not shrink with a mean."""
    from jax.test_util import check_grads

    def backward(kept: Any, g: Any) -> tuple[Any]:
        (x,) = kept
        return (FAULTS[fault](g * (1 - jnp.tanh(x) ** 2) / x.size),)

    wrong = with_rule(lambda x: jnp.mean(jnp.tanh(x)), backward)
    n = 10**5
    x = jnp.asarray(np.random.default_rng(0).normal(size=n), jnp.float32)
    check_grads(wrong, (x,), order=1, modes=["rev"])
    assert not check_function(wrong, "E = mean_i(tanh(x_i))", sizes={"i": n}, dtype="float32", seeds=(0,)).ok


# --------------------------------------------------------------------------- what is wrong, in words
@pytest.mark.parametrize(
    "backward, tensor, words",
    [
        (lambda r, g: (-right(r, g)[0], *right(r, g)[1:]), "a", "negated"),
        (lambda r, g: (right(r, g)[0], 1.5 * right(r, g)[1], right(r, g)[2]), "W", "3/2 times"),
        (lambda r, g: (right(r, g)[0], 1.000001 * right(r, g)[1], right(r, g)[2]), "W", "1.000001 times"),
        (lambda r, g: (right(r, g)[0], 0 * r[1], right(r, g)[2]), "W", "zero everywhere"),
        (lambda r, g: (*right(r, g)[:2], g.mean(0)), "b", "divided by dim(b)"),
        (lambda r, g: (right(r, g)[0] * g.shape[1] ** 0.5, *right(r, g)[1:]), "a", "it is sqrt(dim(j)) times"),
        (lambda r, g: (*right(r, g)[:2], g[0]), "b", "the sum over b is missing"),
        (lambda r, g: (g @ r[1].T, (r[0].T @ g).at[1, 2].add(0.1), g.sum(0)), "W", "is wrong, the others agree"),
        (lambda r, g: (*right(r, g)[:2], right(r, g)[2].at[0].add(1e-7)), "b", "is wrong, the others agree"),
        (lambda r, g: (*right(r, g)[:2], right(r, g)[2].at[0].set(jnp.nan)), "b", "is wrong, the others agree"),
        (lambda r, g: (g @ r[1], *right(r, g)[1:]), "a", "W is transposed"),
        (lambda r, g: (*right(r, g)[:2], g), "b", "float64[3,5]"),
    ],
)  # fmt: skip
def test_the_fault_is_named(backward: Rule, tensor: str, words: str) -> None:
    report = check_function(dense(backward), DENSE, seeds=(0,))
    assert [f.tensor for f in report.findings] == [tensor], str(report)
    assert words in str(report)


def test_a_cotangent_that_is_ignored() -> None:
    report = check_function(with_rule(lambda x: jnp.sum(x**2), lambda r, g: (2 * r[0],)), "E = x_i x_i")
    assert "the cotangent is ignored" in str(report)


def test_a_gradient_for_the_wrong_input() -> None:
    fn = with_rule(lambda u, v: u * jnp.sin(v), lambda r, g: (g * r[0] * jnp.cos(r[1]), g * jnp.sin(r[1])))
    report = check_function(fn, "y_i = u_i sin(v_i)")
    assert "it is δv, the gradient by another input" in str(report)


def test_a_slip_inside_the_rule() -> None:
    soft = with_rule(jax.nn.softmax, lambda r, g: (lambda p: (p * (g - p * g),))(jax.nn.softmax(r[0])))
    (finding,) = check_function(soft, "p_bj = softmax_j(z_bj)").findings
    assert finding.diagnosis is not None
    assert "the sum over k is missing" in finding.diagnosis.words


def test_a_wrong_value() -> None:
    report = check_function(lambda a, W, b: a @ W - b, DENSE)
    first = report.findings[0]
    assert (first.kind, first.tensor, first.entry) == ("output", "z", (0, 0))
    assert "z[0, 0] should be" in str(report) and "δb" in str(report)
    report = check_function(lambda a, W, b: 2 * affine(a, W, b), DENSE, wrt="W")
    assert "it is 2 times what it should be" in str(report)


def test_a_wrong_shape() -> None:
    report = check_function(lambda a, W, b: affine(a, W, b).T, DENSE)
    assert "its shape is (5, 3), and should be (3, 5) for b = 3" in str(report)
    assert not report.ok


def test_rounding_of_a_narrow_dtype_is_told() -> None:
    def narrow(z: Any) -> Any:
        return jax.nn.softmax(z.astype(jnp.float32)).astype(z.dtype)

    few: Any = {"sizes": {"b": 3, "j": 4}, "seeds": (0,)}
    assert 'dtype="float32"' in str(check_function(narrow, "p_bj = softmax_j(z_bj)", **few))
    assert check_function(narrow, "p_bj = softmax_j(z_bj)", dtype="float32", **few).ok


def test_not_a_number_is_wrong() -> None:
    report = check_function(with_rule(jnp.tanh, lambda r, g: (g * jnp.nan,)), Tanh())
    assert [f.kind for f in report.findings] == ["value"]
    assert "nan" in str(report)


def test_a_sum_for_a_mean_in_a_loss() -> None:
    """A size is told although the ratio to it is 1 only but for rounding."""
    spec = "l_bc = logsoftmax_c(s_bc); E = -mean_b(Σ_c [y_b = c] l_bc)"

    def summed(s: Any, y: Any) -> Any:
        return -jnp.sum(jnp.take_along_axis(jax.nn.log_softmax(s), y[:, None], 1))

    for dtype in ("float64", "float32"):
        findings = check_function(summed, spec, dtype=dtype, seeds=(0,)).findings
        words = [f.diagnosis.words for f in findings if f.diagnosis is not None]
        assert words == ["it is dim(b) times what it should be"] * 2


def test_a_function_that_gives_a_narrow_dtype_is_held_to_that() -> None:
    report = check_function(lambda x: jnp.tanh(x.astype(jnp.float32)), Tanh(), seeds=(0,))
    assert report.ok and "It gives float32, and was held to the rounding of that." in str(report)


# --------------------------------------------------------------------------- how it is called
def test_arguments_by_name_by_place_and_as_told() -> None:
    assert check_function(lambda b, W, a: affine(a, W, b), DENSE, **SMALL).ok
    assert check_function(lambda x, w, bias: affine(x, w, bias), DENSE, **SMALL).ok
    assert check_function(lambda w, x, bias: affine(x, w, bias), DENSE, args="W a b", **SMALL).ok
    assert check_function(lambda **k: affine(k["a"], k["W"], k["b"]), DENSE, **SMALL).ok
    assert check_function(lambda a, W, b, *, scale=1.0: scale * affine(a, W, b), DENSE, **SMALL).ok
    assert check_function(lambda *x: affine(*x), DENSE, **SMALL).ok


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(UsageError, match="W would be taken for another input"):
        check_function(lambda x, bias, W: affine(x, W, bias), DENSE)
    with pytest.raises(UsageError, match="the parameters do not fit"):
        check_function(lambda params, x: x, DENSE)
    with pytest.raises(UsageError, match="the inputs are a W b"):
        check_function(affine, DENSE, args="a W")
    with pytest.raises(UsageError, match="cannot be called"):
        check_function(lambda x, w, c: x[:, :, None] @ w[0] @ c, DENSE)
    with pytest.raises(UsageError, match="cannot be called"):
        check_function(3, DENSE)  # pyright: ignore[reportArgumentType]
    with pytest.raises(UnknownName, match="no index q"):
        check_function(affine, DENSE, sizes={"q": 3})
    with pytest.raises(UnknownName, match="smooth"):
        check_function(affine, DENSE, wrt="q")


def test_several_outputs() -> None:
    spec = "u_i = 2 x_i; v = x_i x_i"
    assert check_function(lambda x: (2 * x, jnp.sum(x * x)), spec).ok
    assert check_function(lambda x: {"v": jnp.sum(x * x), "u": 2 * x, "more": x}, spec).ok
    assert not check_function(lambda x: {"v": jnp.sum(x * x), "u": 3 * x}, spec).ok
    pair = namedtuple("pair", "v u")
    assert check_function(lambda x: pair(jnp.sum(x * x), 2 * x), spec, seeds=(0,)).ok
    with pytest.raises(UsageError, match="2 outputs"):
        check_function(lambda x: 2 * x, spec)
    with pytest.raises(UsageError, match="no v"):
        check_function(lambda x: {"u": 2 * x}, spec)


@pytest.mark.parametrize("given", [None, "text", {"a": 1}, 1j, jnp.array([1j])])
def test_what_is_no_array_of_real_numbers(given: Any) -> None:
    with pytest.raises(UsageError, match=r"not an array of real numbers|gives no y"):
        check_function(lambda x: given, "y_i = x_i")
    with pytest.raises(UsageError, match="not an array of real numbers"):
        check_function(lambda x: {"y": given}, "y_i = x_i")


def test_an_open_function_cannot_be_compared() -> None:
    with pytest.raises(OpenFunction, match="f is open"):
        check_function(jnp.tanh, "y_i = f(x_i)")


@pytest.mark.parametrize(
    "options",
    [
        *({"dtype": d} for d in ("int32", "complex64", "nothing", 3)),
        *({"seeds": n} for n in ((), ("a",), (-1,), (1.5,))),
        *({"sizes": n} for n in (3, "b", {"b": 0}, {"b": -2}, {"b": 2.5}, {"b": "x"}, {"b": True}, {"b": 10**12})),
        *({name: 3} for name in ("wrt", "args")),
    ],
)
def test_options_that_say_nothing(options: Any) -> None:
    with pytest.raises(UsageError):
        check_function(affine, DENSE, **options)


def test_two_letters_of_one_range_have_one_size() -> None:
    spec = "z_bj = a_bi W_ij; y_bk = z_bi V_ik"
    with pytest.raises(UsageError, match="j = 3 and i = 4, but they run over one range"):
        check_function(lambda a, W, V: a @ W @ V, spec, sizes={"j": 3, "i": 4})


def test_some_gradients_only() -> None:
    wrong = dense(lambda r, g: (0 * r[0], *right(r, g)[1:]))
    assert check_function(wrong, DENSE, wrt="W b").ok
    assert not check_function(wrong, DENSE).ok


def test_data() -> None:
    found = check_function(dense(lambda r, g: (-right(r, g)[0], *right(r, g)[1:])), DENSE).as_dict()
    (finding,) = found["findings"]
    assert (found["ok"], found["proved"], finding["tensor"], finding["entry"]) == (False, False, "a", [0, 0])
    assert finding["diagnosis"]["kind"] == "sign"
    assert finding["expected"] == pytest.approx(-finding["got"])


# --------------------------------------------------------------------------- in a test suite
def test_assert_rule() -> None:
    assert_rule(Dense())
    assert_rule(affine, against=DENSE)
    with pytest.raises(AssertionError, match="δb_j = mean_b"):
        assert_rule("z_bj = a_bi W_ij + b_j; δb_j = mean_b(δz_bj)")
    with pytest.raises(AssertionError, match="negated"):
        assert_rule(dense(lambda r, g: (-right(r, g)[0], *right(r, g)[1:])), against=DENSE, seeds=(0,))
