"""Functions held against equations: right ones pass in every dtype, wrong VJPs are refused at every size, and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.function import assert_rule, check_function
from tensorprop.errors import UnknownName, UsageError
from tensorprop.layers import Dense, Gelu, LabelCrossEntropy, SoftmaxCrossEntropy, Tanh
from tensorprop.run import jax_function

DENSE = "z_bj = a_bi W_ij + b_j"
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
@pytest.mark.parametrize("dtype", ["float64", "float32", "bfloat16"])
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
def test_right_functions_pass(fn: Any, against: Any, dtype: str) -> None:
    report = check_function(fn, against, dtype=dtype)
    assert report.ok, str(report)
    assert not report.proved
    assert all(v.samples == 12 for v in report.verdicts)


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [4, 100, 10**4, 10**6])
def test_wrong_at_every_size(n: int, dtype: str) -> None:
    for fn, spec, sizes in faulty(lambda g: g, n):
        assert check_function(fn, spec, sizes=sizes, dtype=dtype, seeds=(0,)).ok, spec
    for name, spoil in FAULTS.items():
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
        (lambda r, g: (*right(r, g)[:2], g[0]), "b", "the sum over b is missing"),
        (lambda r, g: (g @ r[1].T, (r[0].T @ g).at[1, 2].add(0.1), g.sum(0)), "W", "is wrong, the others agree"),
        (lambda r, g: (g @ r[1], *right(r, g)[1:]), "a", "W is transposed"),
        (lambda r, g: (*right(r, g)[:2], g), "b", "float64[3,5]"),
    ],
)  # fmt: skip
def test_the_fault_is_named(backward: Rule, tensor: str, words: str) -> None:
    report = check_function(dense(backward), DENSE)
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
    soft = with_rule(jax.nn.softmax, lambda r, g: ((lambda p: (p * (g - p * g),))(jax.nn.softmax(r[0]))))
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

    assert 'dtype="float32"' in str(check_function(narrow, "p_bj = softmax_j(z_bj)"))
    assert check_function(narrow, "p_bj = softmax_j(z_bj)", dtype="float32").ok


def test_not_a_number_is_wrong() -> None:
    report = check_function(with_rule(jnp.tanh, lambda r, g: (g * jnp.nan,)), Tanh())
    assert [f.kind for f in report.findings] == ["value"]
    assert "nan" in str(report)


# --------------------------------------------------------------------------- how it is called
def test_arguments_by_name_by_place_and_as_told() -> None:
    assert check_function(lambda b, W, a: affine(a, W, b), DENSE).ok
    assert check_function(lambda x, w, bias: affine(x, w, bias), DENSE).ok
    assert check_function(lambda w, x, bias: affine(x, w, bias), DENSE, args="W a b").ok
    assert check_function(lambda **k: affine(k["a"], k["W"], k["b"]), DENSE).ok
    assert check_function(lambda a, W, b, *, scale=1.0: scale * affine(a, W, b), DENSE).ok
    assert check_function(lambda *x: affine(*x), DENSE).ok


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
    with pytest.raises(UsageError, match="2 outputs"):
        check_function(lambda x: 2 * x, spec)
    with pytest.raises(UsageError, match="no v"):
        check_function(lambda x: {"u": 2 * x}, spec)


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
