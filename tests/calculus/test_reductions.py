"""The table of reductions: every pullback, compiled by the slow reference, against jax.vjp of the same reduction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.calculus import adjoint
from tensorprop.calculus.reductions import pullback
from tensorprop.core.build import ZERO, add, delta, divide, mul, number, reduce, sum_over, tensor
from tensorprop.core.equation import equation, system
from tensorprop.core.expr import Dim, Expr, Index, Reduce, Tensor
from tensorprop.core.functions import ALONG, REDUCTIONS
from tensorprop.core.matrix_rows import ENTRY
from tensorprop.core.ranges import witness
from tensorprop.errors import UnknownRange, UsageError
from tensorprop.run.jax_functions import JAX_REDUCE
from tensorprop.run.numpy_functions import NUMPY_REDUCE
from tensorprop.run.reference import evaluate
from tensorprop.text import parse_expression
from tests.uncompiled import uncompiled

Array = Any
REDUCTION_OPS, NORMALISERS, MATRIX_OPS = (
    tuple(op for op, row in REDUCTIONS.items() if row.kind == kind) for kind in ("reduction", "normaliser", "matrix")
)


def node(op: str, indices: str, body: Expr, at: tuple[Any, ...] = ()) -> Reduce:
    made = reduce(op, tuple(indices), body, tuple(Index(a) if isinstance(a, str) else number(a) for a in at))
    assert isinstance(made, Reduce)
    return made


def cotangent(of: Reduce, arrays: dict[str, Array], letters: str, g: Array, y: Array | None = None) -> Array:
    """δx over ``letters``: the pullback, added over every letter that the body does not have."""
    outer = sorted(of.free)
    name = tensor("y", *outer) if y is not None else None
    e = pullback(of, name, tensor("g", *outer))
    assert e.free <= of.free | frozenset(of.indices)
    missing = sorted(e.free - of.body.free)
    rule = system([equation(tensor("δx", *letters), sum_over(missing, e) if missing else e)])
    given = arrays | {"g": g, "y": y}
    return evaluate(rule, {name: given[name] for name in rule.inputs})["δx"]


_rng = np.random.default_rng(0)
PLAIN = _rng.normal(size=(3, 4))
TIES = np.array([[1.0, 2, 2, 0], [3, 3, 3, 3], [0, -1, 0, -1]])
ZEROS = np.array([[1.0, 2, 3, 4], [0, 2, 3, 4], [0, 2, 0, 4]])


def one_by_one(f: Callable[..., Array]) -> Callable[..., Array]:
    def along(x: Array, axis: Any) -> Array:
        for k in axis if isinstance(axis, tuple) else (axis,):
            x = f(x, axis=k)
        return x

    return along


FORWARD: dict[str, Callable[..., Array]] = {
    "max": jnp.max,
    "min": jnp.min,
    "prod": jnp.prod,
    "mean": jnp.mean,
    "var": jnp.var,
    "std": jnp.std,
    "norm": lambda x, axis: jnp.sqrt(jnp.sum(x * x, axis)),
    "median": jnp.median,
    "cumsum": one_by_one(jnp.cumsum),
    "cumprod": one_by_one(jnp.cumprod),
    "sort": one_by_one(jnp.sort),
    "argsort": one_by_one(lambda x, axis: jnp.argsort(x, axis).astype(float)),
    "top": one_by_one(lambda x, axis: jnp.flip(jnp.sort(x, axis), axis)),
    "argtop": one_by_one(lambda x, axis: jnp.argsort(x, axis, descending=True).astype(float)),
    "logsumexp": jax.scipy.special.logsumexp,
    "softmax": jax.nn.softmax,
    "logsoftmax": jax.nn.log_softmax,
}

x_tu = tensor("x", "t", "u")


def pulled_by_jax(f: Callable[[Any], Array], x: Array) -> tuple[Any, Callable[[Any], Any]]:
    """The value of f at x, and its pullback."""
    return uncompiled(f)(x), lambda g: uncompiled(lambda x, g: jax.vjp(f, x)[1](g)[0])(x, g)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("values", [PLAIN, TIES, ZEROS], ids=["plain", "ties", "zeros"])
@pytest.mark.parametrize("indices", ["u", "t", "tu"])
@pytest.mark.parametrize("op", [op for op in FORWARD if op in REDUCTION_OPS])
def test_reduction(op: str, indices: str, values: Array, named: bool, x64: None) -> None:
    if op == "median" and values is not PLAIN:
        pytest.skip("JAX takes one of the equal ones; see below")
    axes = tuple("tu".index(i) for i in indices)
    y, vjp = pulled_by_jax(lambda x: FORWARD[op](x, axis=axes), values)
    g = _rng.normal(size=y.shape)
    found = cotangent(node(op, indices, x_tu), {"x": values}, "tu", g, np.asarray(y) if named else None)
    np.testing.assert_allclose(found, vjp(g), rtol=1e-13, atol=1e-14)


def test_equal_ones_share_what_the_median_takes() -> None:
    for values, shares in (
        ([1.0, 2, 2, 0], [1 / 2, 1 / 4, 1 / 4, 0]),
        ([3.0, 3, 3, 3], [1 / 4] * 4),
        ([0.0, 5, 0, -1, 9], [1 / 2, 0, 1 / 2, 0, 0]),
        ([2.0], [1.0]),
    ):
        found = cotangent(node("median", "u", tensor("x", "u")), {"x": np.array(values)}, "u", np.array(1.0))
        np.testing.assert_allclose(found, shares, rtol=1e-15)


def test_equal_ones_are_sorted_in_their_order() -> None:
    g = np.array([1.0, 2, 4, 8])
    of = node("sort", "u", tensor("x", "u"), ("u",))
    assert list(cotangent(of, {"x": np.array([2.0, 1, 2, 1])}, "u", g)) == [4, 1, 8, 2]


SINGLE = {op for op, row in REDUCTIONS.items() if row.single}
ALONG_SEVERAL = [(op, i) for op in NORMALISERS for i in ("u", "t", "tu", "ut") if op not in SINGLE or len(i) == 1]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("op, indices", ALONG_SEVERAL)
def test_normaliser(op: str, indices: str, named: bool, x64: None) -> None:
    axes = tuple("tu".index(i) for i in indices)
    y, vjp = pulled_by_jax(lambda x: FORWARD[op](x, axis=axes), PLAIN)
    g = _rng.normal(size=y.shape)
    found = cotangent(node(op, indices, x_tu, tuple(indices)), {"x": PLAIN}, "tu", g, np.asarray(y) if named else None)
    np.testing.assert_allclose(found, vjp(g), rtol=1e-13, atol=1e-14)


SQUARE = _rng.normal(size=(4, 4))
CUBE = _rng.normal(size=(4, 4, 4))

ENTRIES: list[tuple[str, str, tuple[Any, ...], Array, Callable[[Array], Array]]] = [
    # one entry by number, by an outer letter that the body has, or that it does not have
    ("tu", "u", (2,), PLAIN, lambda p: p(1)[:, 2]),
    ("tu", "u", ("t",), SQUARE, lambda p: jnp.diagonal(p(1))),
    ("tu", "tu", (1, 3), PLAIN, lambda p: p(0, 1)[1, 3]),
    # the diagonal of a joint softmax: the outer letter a has the place of both
    ("tu", "tu", ("a", "a"), SQUARE, lambda p: jnp.diagonal(p(0, 1))),
    # an outer letter of the same name as a bound one, beside a number
    ("tu", "tu", ("t", 1), PLAIN, lambda p: p(0, 1)[:, 1]),
    ("tu", "tu", (2, "t"), SQUARE, lambda p: p(0, 1)[2, :]),
    ("tuv", "tuv", ("u", "t", 1), CUBE, lambda p: p(0, 1, 2)[:, :, 1].T),
    ("tuv", "uv", ("t", "u"), CUBE, lambda p: jnp.stack([p(1, 2)[t, t] for t in range(4)])),
    ("tuv", "uv", ("t", "t"), CUBE, lambda p: jnp.stack([p(1, 2)[t, t, t] for t in range(4)])),
    ("tuv", "uv", ("v", "t"), CUBE, lambda p: jnp.stack([p(1, 2)[t, :, t] for t in range(4)])),
]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("letters, indices, at, values, pick", ENTRIES)
@pytest.mark.parametrize("op", [op for op in NORMALISERS if op not in SINGLE])
def test_entry_of_a_normaliser(
    op: str,
    letters: str,
    indices: str,
    at: tuple[Any, ...],
    values: Array,
    pick: Callable[[Any], Array],
    named: bool,
    x64: None,
) -> None:
    of = node(op, indices, tensor("x", *letters), at)

    def forward(x: Array) -> Array:
        return pick(lambda *axes: FORWARD[op](x, axis=axes))

    y, vjp = pulled_by_jax(forward, values)
    # the reference must read the node as we do here
    outer = sorted(of.free)
    again = evaluate(system([equation(tensor("y", *outer), of)]), {"x": values})["y"]
    order = [a for a in ("t", *at) if isinstance(a, str) and a in outer]
    order = list(dict.fromkeys(order))
    np.testing.assert_allclose(again, np.transpose(y, [order.index(i) for i in outer]), rtol=1e-12)
    g = _rng.normal(size=again.shape)
    found = cotangent(of, {"x": values}, letters, g, again if named else None)
    np.testing.assert_allclose(found, vjp(np.transpose(g, [outer.index(i) for i in order])), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("op", FORWARD)
def test_letters_of_a_composite_body_are_not_captured(op: str, x64: None) -> None:
    """The body Σ_v A_tv B_vu binds v, which is also the letter that a second run over u would take."""
    a, b = _rng.normal(size=(3, 2)), _rng.normal(size=(2, 4))
    body = sum_over("v", mul(tensor("A", "t", "v"), tensor("B", "v", "u")))
    of = node(op, "u", body, ("u",) if op in NORMALISERS else ())
    y, vjp = pulled_by_jax(lambda x: FORWARD[op](x, axis=1), a @ b)
    g = _rng.normal(size=y.shape)
    found = cotangent(of, {"A": a, "B": b, "x": a @ b}, "tu", g)
    np.testing.assert_allclose(found, vjp(g), rtol=1e-11, atol=1e-13)


def test_letters_of_the_cotangent_are_not_captured() -> None:
    """g = Σ_v M_tv N_vu: its v is not that of the row."""
    p, g = tensor("p", "t", "u"), sum_over("v", mul(tensor("M", "t", "v"), tensor("N", "v", "u")))
    found = pullback(node("softmax", "u", x_tu, ("u",)), p, g)
    arrays = {"p": PLAIN, "M": _rng.normal(size=(3, 2)), "N": _rng.normal(size=(2, 4))}
    whole = arrays["M"] @ arrays["N"]
    expected = PLAIN * (whole - (PLAIN * whole).sum(1, keepdims=True))
    value = evaluate(system([equation(tensor("δx", "t", "u"), found)]), arrays)["δx"]
    np.testing.assert_allclose(value, expected, rtol=1e-12)


def test_second_derivative_of_a_product_at_zeros() -> None:
    """∂²(x₀ x₁ x₂)/∂x₀∂x₁ = x₂, also where x₀ = x₁ = 0: the row holds for derivatives of any order."""
    from tensorprop.calculus.derive import derive

    hessian = derive("y = prod_i(x_i)", wrt=("x_k", "x_l"))
    value = evaluate(system([hessian]), {"x": np.array([0.0, 0.0, 5.0])})
    np.testing.assert_allclose(*value.values(), [[0, 5, 0], [5, 0, 0], [0, 0, 0]])


# --------------------------------------------------------------------------- as expressions
def test_pullbacks_read_as_they_should() -> None:
    s, p, g = tensor("s", "t", "u"), tensor("p", "t", "u"), tensor("g", "t", "u")
    found = pullback(node("softmax", "u", s, ("u",)), p, g)
    assert found is parse_expression("p_tu (g_tu - Σ_v p_tv g_tv)", free="tu")
    found = pullback(node("logsoftmax", "u", s, ("u",)), p, g)
    assert found is parse_expression("g_tu - exp(p_tu) Σ_v g_tv", free="tu")
    found = pullback(node("softmax", "tu", s, ("t", "u")), p, g)
    assert found is parse_expression("p_tu (g_tu - Σ_vw p_vw g_vw)", free="tu")
    found = pullback(node("mean", "tu", s), None, tensor("g"))
    assert found is divide(tensor("g"), mul(Dim("s", 0), Dim("s", 1)))
    found = pullback(node("logsumexp", "u", s), tensor("m", "t"), tensor("g", "t"))
    assert found is parse_expression("g_t exp(s_tu - m_t)", free="tu")
    assert pullback(node("argmax", "u", s), None, tensor("g", "t")) is ZERO


def test_a_letter_is_not_both_bound_and_free() -> None:
    """logsumexp_u(s_tu) inside the cotangent of s_tu binds another letter than u."""
    found = pullback(node("logsumexp", "u", tensor("s", "t", "u")), None, tensor("g", "t"))
    assert found.free.isdisjoint(found.binds)


def test_an_entry_of_an_inverse_owes_its_column_and_its_row() -> None:
    inverse = Reduce("inv", ("k", "l"), tensor("X", "k", "l"), (Index("i"), Index("j")))
    found = pullback(inverse, None, tensor("g", "i", "j"))
    assert found is parse_expression("-g_ij inv(X)_ik inv(X)_lj", free="ijkl")


def test_a_mean_over_an_unknown_range_is_refused() -> None:
    with pytest.raises(UnknownRange):
        pullback(node("mean", "u", add(delta("u", "t"), number(1))), None, tensor("g", "t"))


@pytest.mark.parametrize(
    "e, letter, axis",
    [
        (mul(tensor("a", "b", "i"), tensor("W", "i", "j")), "i", ("a", 1)),
        (sum_over("k", mul(tensor("A", "i", "k"), tensor("B", "k", "j"))), "j", ("B", 1)),
        (node("softmax", "u", x_tu, ("u",)), "u", ("x", 1)),
        (Reduce("softmax", ("v",), tensor("x", "t", "v"), (Index("i"),)), "i", ("x", 1)),
        (tensor("E", Tensor("tok", (Index("i"),)), "d"), "i", ("tok", 0)),
    ],
)
def test_the_axis_that_tells_a_range(e: Expr, letter: str, axis: tuple[str, int]) -> None:
    found = witness(e, letter)
    assert (found.tensor, found.axis) == axis


# --------------------------------------------------------------------------- values
def test_every_table_has_the_same_reductions() -> None:
    assert set(REDUCTIONS) == {*REDUCTION_OPS, *NORMALISERS, *MATRIX_OPS} == set(NUMPY_REDUCE)
    assert set(NUMPY_REDUCE) == set(JAX_REDUCE)
    assert set(ALONG.values()) - {"sum"} == set(REDUCTIONS)
    assert all(ALONG[other] == row.op for row in REDUCTIONS.values() for other in (row.op, *row.also))
    assert {op for op, row in REDUCTIONS.items() if row.entry} == set(NORMALISERS)


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1), (1, 0)])
@pytest.mark.parametrize("op", [*REDUCTION_OPS, *NORMALISERS])
def test_numpy_and_jax_agree_far_out(op: str, axes: tuple[int, ...], x64: None) -> None:
    x = np.array([[1000.0, -1000, 3], [0, 1000, 1000]])
    if (op.startswith("arg") or op in SINGLE) and len(axes) > 1:
        for table in (NUMPY_REDUCE, JAX_REDUCE):
            with pytest.raises(UsageError, match="runs over one index"):
                table[op](x, axes)
        return
    with np.errstate(all="raise", under="ignore"):
        y = NUMPY_REDUCE[op](x, axes)
    np.testing.assert_allclose(JAX_REDUCE[op](jnp.asarray(x), axes), y, rtol=1e-14)
    total = np.expand_dims(_log_sum(x, axes), axes)
    expected = {
        "logsumexp": np.squeeze(total, axes),
        "logsoftmax": x - total,
        "softmax": np.exp(x - total),
        "norm": np.sqrt(np.sum(np.square(x), axes)),
        "cumsum": one_by_one(np.cumsum)(x, axes),
        "cumprod": one_by_one(np.cumprod)(x, axes),
        "var": np.mean(np.square(x - np.mean(x, axes, keepdims=True)), axes),
    }
    if op in ("top", "argtop"):
        order = np.argsort(-x, axes[0], kind="stable")
        expected |= {"argtop": order, "top": np.take_along_axis(x, order, axes[0])}
    axis = axes if len(axes) > 1 else axes[0]
    np.testing.assert_allclose(y, expected[op] if op in expected else getattr(np, op)(x, axis))


def _log_sum(x: Array, axes: tuple[int, ...]) -> Array:
    for axis in sorted(axes, reverse=True):
        x = np.logaddexp.reduce(x, axis=axis)
    return x


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32"])
@pytest.mark.parametrize("op", [*REDUCTION_OPS, *NORMALISERS])
def test_jax_keeps_the_type(op: str, dtype: str) -> None:
    y = JAX_REDUCE[op](jnp.asarray([[0.25, 0.5], [1.5, 2.0]], dtype), (1,))
    assert jnp.issubdtype(y.dtype, jnp.integer) if op.startswith("arg") else y.dtype == dtype


# --------------------------------------------------------------------------- the page
def rows() -> Iterator[str]:
    """The table of reductions in docs/functions.md."""
    yield "| reduction | cotangent of `x_u` | of one entry a alone | means | where it has no derivative |"
    yield "|---|---|---|---|---|"
    for row in (row for row in REDUCTIONS.values() if row.kind != "matrix"):
        name = f"{row.op}_u(x_u)"
        entry, means = (f"`{text}`" if text else "" for text in (row.entry, row.means))
        yield f"| `{name}` | `{row.pullback}` | {entry} | {means} | {row.kink} |"


def matrix_rows() -> Iterator[str]:
    """The table of functions of whole matrices in docs/functions.md."""
    yield "| function | cotangent of `X_uv` | where it is defined and smooth | note |"
    yield "|---|---|---|---|"
    for row in (row for row in REDUCTIONS.values() if row.kind == "matrix"):
        entry = f"_{ENTRY[: len(row.axes)]}" if row.axes else ""
        pullback = f"`{row.pullback}`" if row.pullback != "-" else "none"
        yield f"| `{row.op}(X){entry}` | {pullback} | {row.domain} | {row.kink} |"


@pytest.mark.parametrize("table", [rows, matrix_rows])
def test_the_page_shows_the_table(table: Callable[[], Iterator[str]]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "functions.md").read_text(encoding="utf-8").splitlines()
    table = list(table())
    start = page.index(table[0])
    assert page[start : start + len(table)] == table


if __name__ == "__main__":
    print(*rows(), *matrix_rows(), sep="\n")


def test_a_letter_that_brackets_alone_have_is_told_with_what_to_write() -> None:
    with pytest.raises(UnknownRange, match=r"the range of t\n  let t stand alone .*, or state its range: dim\(t\) = "):
        adjoint("E = Σ_t log(Σ_r [r ≥ t] exp(z_r))", wrt="z")
