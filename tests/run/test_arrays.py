"""What is taken for an array of numbers, and what is not; narrow integers; the corpus of bad inputs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.errors import (
    ComplexConvention,
    IntegerOverflowRisk,
    NonNumericDtype,
    RaggedInput,
    TensorpropError,
)
from tensorprop.run.arrays import accept, look
from tensorprop.run.plan import plan
from tensorprop.text import parse, parse_einsum


# --------------------------------------------------------------------------- what is taken
@pytest.mark.parametrize(
    "value, shape, dtype",
    [
        (3, (), "int64"),
        (2.5, (), "float64"),
        (True, (), "bool"),
        ([[1, 2, 3], [4, 5, 6]], (2, 3), "int64"),
        ([[1, 2.5]], (1, 2), "float64"),
        ([], (0,), "float64"),
        ((1.0, 2.0), (2,), "float64"),
        ([np.ones(3, np.float32), np.zeros(3, np.float32)], (2, 3), "float32"),
        (np.ones((2, 0), np.float16), (2, 0), "float16"),
        (np.float32(1), (), "float32"),
        (np.array([True]), (1,), "bool"),
        (jnp.ones((2, 3), jnp.bfloat16), (2, 3), "bfloat16"),
        (jax.ShapeDtypeStruct((4, 5), jnp.float32), (4, 5), "float32"),
        (range(3), (3,), "int64"),
    ],
)  # fmt: skip
def test_taken(value: Any, shape: tuple[int, ...], dtype: str) -> None:
    given = look(value, "x")
    assert given.shape == shape
    assert given.dtype.name == dtype


def test_traced_values_are_not_touched() -> None:
    seen: list[Any] = []

    def f(x: Any) -> Any:
        seen.extend((look(x, "x"), look([x, x], "x")))
        return x

    jax.jit(f)(jnp.ones((2, 3)))
    assert [g.shape for g in seen] == [(2, 3), (2, 2, 3)]


def deep(n: int) -> list[Any]:
    rows: list[Any] = [1.0]
    for _ in range(n):
        rows = [rows]
    return rows


def endless() -> list[Any]:
    rows: list[Any] = []
    rows.append(rows)
    return rows


class Sparse:
    shape, dtype = (2, 2), np.dtype(float)

    def toarray(self) -> Any: ...


@pytest.mark.parametrize(
    "value, error, words",
    [
        (["a", "b"], NonNumericDtype, "x holds text, not numbers: 'a'"),
        ([1.0, None], NonNumericDtype, "x holds None"),
        ("abc", NonNumericDtype, "x is a str"),
        (None, NonNumericDtype, "x is a NoneType"),
        ({"x": 1}, NonNumericDtype, "x is a dict"),
        (np.array(["a"]), NonNumericDtype, "which is text"),
        (np.array([Fraction(1, 2)]), NonNumericDtype, "which is Python objects"),
        (np.array(["2020-01-01"], "M8[D]"), NonNumericDtype, "which is dates"),
        (np.zeros(2, [("a", float)]), NonNumericDtype, "not numbers"),
        (np.ma.masked_array([1.0, 2.0], [0, 1]), NonNumericDtype, "mask"),
        (Sparse(), NonNumericDtype, "sparse"),
        ([[1.0, 2.0], [3.0]], RaggedInput, "the first has length 2, number 2 has length 1"),
        ([[1.0], 2.0], RaggedInput, "the first has length 1, number 2 is a number"),
        ([[[1.0]], [[1.0], [2.0]]], RaggedInput, "the first has shape (1, 1), number 2 has shape (2, 1)"),
        (deep(100), NonNumericDtype, "deep"),
        (endless(), NonNumericDtype, "deep"),
    ],
)
def test_refused(value: Any, error: type[TensorpropError], words: str) -> None:
    s = parse("y_i = x_i")
    with pytest.raises(error) as caught:
        accept(s, {"x": value})
    assert words in caught.value.problem
    assert caught.value.span == (6, 9)


# --------------------------------------------------------------------------- narrow integers
@pytest.mark.parametrize(
    "text, shapes, dtype, reach",
    [
        ("y = x_i w_i", {"x": (300,), "w": (300,)}, "int8", 128 * 128 * 300),
        ("y_i = x_i w_i", {"x": (3,), "w": (3,)}, "uint8", 255 * 255),
        ("y = Σ_i x_i", {"x": (2,)}, "uint8", 510),
        ("y_i = x_i^2", {"x": (2,)}, "int16", 32768**2),
        ("y_i = x_i + w_i", {"x": (2,), "w": (2,)}, "uint16", 2 * 65535),
        ("y_i = 3 x_i", {"x": (2,)}, "uint8", 765),
        ("z_i = x_i; y_i = z_i z_i w_i", {"x": (2,), "w": (2,)}, "uint8", 255**3),
    ],
)  # fmt: skip
def test_narrow_integers_may_overflow(text: str, shapes: dict[str, tuple[int, ...]], dtype: str, reach: int) -> None:
    with pytest.raises(IntegerOverflowRisk) as caught:
        accept(parse(text), {n: np.zeros(shape, dtype) for n, shape in shapes.items()})
    assert f"{reach:,}" in caught.value.problem
    assert "int32 or float" in str(caught.value)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "text, arrays",
    [
        ("y = x_i w_i", {"x": np.zeros(300, "uint8"), "w": np.zeros(300)}),
        ("y = x_i w_i", {"x": np.zeros(300, "int32"), "w": np.zeros(300, "int8")}),
        ("L_c = Σ_b [y_b = c] s_bc", {"y": np.zeros(300, "uint8"), "s": np.zeros((300, 4), "float32")}),
        ("y_i = x_i / 255", {"x": np.zeros(3, "uint8")}),
        ("y_i = tanh(x_i)", {"x": np.zeros(3, "int8")}),
        ("n_c = Σ_b [y_b = c] + k_c", {"y": np.zeros(300, "uint8"), "k": np.zeros(4)}),
        ("y = Σ_i x_i", {"x": np.zeros(300, bool)}),
        ("y_i = x_i", {"x": np.zeros(3, "int8")}),
    ],
)
def test_what_cannot_overflow_is_taken(text: str, arrays: dict[str, Any]) -> None:
    accept(parse(text), arrays)


# --------------------------------------------------------------------------- complex
def test_complex_is_refused_for_derivatives_only() -> None:
    s = parse("s = z_i z_i + t; t = x_i x_i")
    arrays = {"z": np.zeros(2, complex), "x": np.zeros(3)}
    given, _ = accept(s, arrays)
    assert given["z"].dtype == complex
    with pytest.raises(ComplexConvention, match="s is complex, since z is") as caught:
        accept(s, arrays, derivative=True)
    assert caught.value.span == (0, 1)


# --------------------------------------------------------------------------- einsum's own mistakes
def zeros(*shape: int, dtype: str = "float64") -> np.ndarray:
    """An array of any size that takes no memory."""
    return np.broadcast_to(np.zeros((), dtype), shape)


@pytest.mark.parametrize(
    "spec, operands, error, span, words",
    [
        ("ij,jk->ik", [zeros(2, 3), zeros(1, 2)], "SizeOneBroadcast", (3, 4), "3 on axis 2 of A and 1 on axis 1 of B"),
        ("ij,jk->ik", [zeros(2, 3), zeros(4, 2)], "SizeMismatch", (3, 4), "j is 3 on axis 2 of A and 4 on axis 1 of B"),
        ("ijk->i", [zeros(2, 3)], "RankMismatch", (0, 3), "3 subscripts, but the array for A has shape (2, 3): 2 axes"),
        ("i,i->", [zeros(300, dtype="int8")] * 2, "IntegerOverflowRisk", (0, 1), "int8 may overflow"),
        ("i,i->", [["a", "b"], ["c", "d"]], "NonNumericDtype", (0, 1), "A holds text"),
        ("ij->", [[[1.0, 2.0], [3.0]]], "RaggedInput", (0, 2), "the first has length 2, number 2 has length 1"),
    ],
)  # fmt: skip
def test_einsum_is_refused_at_the_place(
    spec: str, operands: list[Any], error: str, span: tuple[int, int], words: str
) -> None:
    s = parse_einsum(spec)
    with pytest.raises(TensorpropError) as caught:
        accept(s, dict(zip(s.inputs, operands, strict=True)))
    assert caught.value.kind == error
    assert words in caught.value.problem
    assert caught.value.text == spec
    assert caught.value.span == span


def test_an_outer_product_of_petabytes_is_refused_at_its_output() -> None:
    s = parse_einsum("a,b,c->abc")
    with pytest.raises(TensorpropError) as caught:
        plan(s, shapes={name: (100_000,) for name in s.inputs}, itemsize=8)
    assert caught.value.kind == "PlanTooLarge"
    assert "7.11 PiB" in caught.value.problem
    assert caught.value.span == (7, 10)


@pytest.mark.parametrize(
    "text, error",
    [
        ("z_j = " + " + ".join(["a_i W_ij"] * 100_000), "SpecTooLong"),
        ("s = 10^10^8", "NumberTooLarge"),
    ],
)
def test_text_without_limits_is_refused(text: str, error: str) -> None:
    with pytest.raises(TensorpropError) as caught:
        parse(text)
    assert caught.value.kind == error
