"""The reference evaluation against plain Python: one entry at a time, one term at a time, no arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprop.core.build import add, bracket, call, divide, mul, number, power, reduce, sum_over, tensor
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.walk import postorder
from tensorprop.errors import NonNumericDtype, OpenFunction, OutOfRange, PlanTooLarge
from tensorprop.run.reference import evaluate
from tensorprop.text import parse

# --------------------------------------------------------------------------- the oracle
Nested = Any  # nested lists of numbers


class Naive:
    """Entries by recursion over the expression, in Python's own numbers: fractions where all is rational."""

    def __init__(self, arrays: Mapping[str, Nested]) -> None:
        self.arrays = dict(arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        shape: list[int] = []
        rows = self.arrays[name]
        while isinstance(rows, list):
            shape.append(len(rows))
            rows = rows[0] if rows else 0
        return tuple(shape)

    def entry(self, name: str, at: tuple[int, ...]) -> Any:
        rows = self.arrays[name]
        for n in at:
            assert 0 <= n < len(rows)
            rows = rows[n]
        return rows

    def define(self, eq: Equation, sizes: Mapping[str, int]) -> None:
        def rows(letters: tuple[str, ...], at: dict[str, int]) -> Nested:
            if not letters:
                return self.value(eq.value, at)
            return [rows(letters[1:], {**at, letters[0]: n}) for n in range(sizes[letters[0]])]

        self.arrays[eq.name] = rows(eq.letters, {})

    def range(self, letter: str, e: Expr) -> int | None:
        """The length of an axis that the letter indexes in ``e``."""
        found = self.told(letter, e)
        for n in postorder(e) if found is None else ():
            if isinstance(n, Bracket) and n.relation == "=" and letter in n.free:
                for other in n.free - {letter}:
                    found = found or self.told(other, e)
        return found

    def told(self, letter: str, e: Expr) -> int | None:
        if letter not in e.free:
            return None
        if isinstance(e, Tensor):
            for axis, s in enumerate(e.subscripts):
                if isinstance(s, Index) and s.name == letter:
                    return self.shape(e.name)[axis]
        if isinstance(e, Reduce):
            for i, at in zip(e.indices, e.at, strict=False):
                if isinstance(at, Index) and at.name == letter:
                    return self.range(i, e.body)
        for n, c in enumerate(e.children):
            if not (isinstance(e, (Sum, Reduce)) and n == 0 and letter in e.indices):
                found = self.told(letter, c)
                if found is not None:
                    return found
        return None

    def runs(self, e: Sum | Reduce, at: dict[str, int]) -> list[dict[str, int]]:
        lengths = [self.range(i, e.body) for i in e.indices]
        counts = itertools.product(*(range(n) for n in lengths if n is not None))
        return [{**at, **dict(zip(e.indices, c, strict=True))} for c in counts]

    def value(self, e: Expr, at: dict[str, int]) -> Any:
        match e:
            case Number(value=v):
                return v
            case Index(name=i):
                return at[i]
            case Dim(tensor=name, axis=axis):
                return self.shape(name)[axis]
            case Tensor(name=name):
                return self.entry(name, tuple(int(self.value(s, at)) for s in e.subscripts))
            case Bracket(relation=r, left=left, right=right):
                a, b = self.value(left, at), self.value(right, at)
                return int({"=": a == b, "≠": a != b, "<": a < b, "≤": a <= b, ">": a > b, "≥": a >= b}[r])
            case Add(terms=terms):
                total: Any = 0
                for t in terms:
                    total += self.value(t, at)
                return total
            case Mul(factors=factors):
                if any(isinstance(f, Bracket) and not self.value(f, at) for f in factors):
                    return 0
                product: Any = 1
                for f in factors:
                    product *= self.value(f, at)
                return product
            case Sum(body=body):
                total = 0
                for run in self.runs(e, at):
                    total += self.value(body, run)
                return total
            case Reduce():
                return self.reduction(e, at)
            case Call(function=f, args=args):
                return FUNCTIONS[f](*(self.value(a, at) for a in args))
            case _:
                raise AssertionError(e)

    def reduction(self, e: Reduce, at: dict[str, int]) -> Any:
        runs = self.runs(e, at)
        xs = [float(self.value(e.body, run)) for run in runs]
        if e.op in ("softmax", "logsoftmax"):
            entry = [self.value(a, at) for a in e.at]
            x = next(x for x, run in zip(xs, runs, strict=True) if [run[i] for i in e.indices] == entry)
            p = math.exp(x) / sum(math.exp(v) for v in xs)
            return p if e.op == "softmax" else math.log(p)
        mean = sum(xs) / len(xs)
        match e.op:
            case "max":
                return max(xs)
            case "min":
                return min(xs)
            case "prod":
                return math.prod(xs)
            case "mean":
                return mean
            case "var":
                return sum((x - mean) ** 2 for x in xs) / len(xs)
            case "logsumexp":
                return math.log(sum(math.exp(x) for x in xs))
            case "argmax":
                return xs.index(max(xs))
            case "argmin":
                return xs.index(min(xs))
            case _:
                raise AssertionError(e.op)


FUNCTIONS = {
    "tanh": math.tanh,
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
    "sin": math.sin,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "relu": lambda x: max(x, 0),
    "power": lambda x, n: Fraction(x) ** int(n) if n == int(n) and isinstance(x, (int, Fraction)) else x**n,
    "max": max,
    "min": min,
    "where": lambda c, a, b: a if c else b,
    "pi": lambda: math.pi,
}


def compare(s: System, arrays: Mapping[str, np.ndarray], tolerance: float = 1e-12) -> None:
    """Every name, every entry."""
    fast = evaluate(s, arrays)
    naive = Naive({name: a.tolist() for name, a in arrays.items()})
    for eq in s.ordered:
        naive.define(eq, {i: naive.range(i, eq.value) for i in eq.letters})
        expected = np.array(naive.arrays[eq.name], float)
        assert fast[eq.name].shape == expected.shape
        np.testing.assert_allclose(fast[eq.name], expected, rtol=tolerance, atol=tolerance, err_msg=str(eq))


# --------------------------------------------------------------------------- tables
SHAPES = {
    "a": (4, 2), "W": (2, 3), "b": (3,), "x": (3,), "v": (3,), "A": (3, 3), "B": (3, 5), "s": (4, 5), "t": (),
    "K": (2,), "u": (4,), "q": (4,),
}  # fmt: skip
LABELS = {"y": np.array([4, 0, 2, 1]), "n": np.array([2, 0, 1])}


def some(names: tuple[str, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {n: LABELS[n] if n in LABELS else rng.normal(size=SHAPES[n]) for n in names}


@pytest.mark.parametrize(
    "text",
    [
        "z_bj = a_bi W_ij + b_j",
        "z_jb = a_bi W_ij + b_j",
        "h_bj = tanh(a_bi W_ij + b_j)",
        "E = x_i A_ij x_j",
        "y2_i = A_ii x_i",
        "r = A_ii",
        "E = Σ_i x_i x_i + Σ_i K_i K_i",
        "E = 1/2 (x_i - v_i)^2",
        "D_ij = x_i [i = j]",
        "D_ij = x_i δ_ij + A_ij",
        "m_ij = A_ij [i ≥ j]",
        "m_ij = A_ij [i > j] + x_i [i = j]",
        "p_bc = softmax_c(s_bc)",
        "p_bc = logsoftmax_c(s_bc)",
        "L = -Σ_bc [y_b = c] log(softmax_c(s_bc))",
        "c_b = max_j s_bj",
        "c_b = min_j s_bj",
        "c_j = mean_b s_bj",
        "c_j = var_b(s_bj)",
        "c_b = logsumexp_j(s_bj)",
        "c_b = prod_j(s_bj)",
        "c_b = argmax_j(s_bj)",
        "c_b = argmin_j(s_bj)",
        "c = mean_bj(s_bj)",
        "r_b = Σ_j s_bj / dim(j)",
        "z_j = W_{0,j} + W_{1,j} b_j",
        "g_ij = x_i / (1 + v_j^2)",
        "g_j = exp(b_j) / Σ_i exp(b_i)",
        "w_i = where([x_i > 0], x_i, exp(x_i) - 1)",
        "w_i = relu(x_i) + π |i|",
        "o_ij = x_i v_j",
        "e_k = A_ij B_jk x_i",
        "z_b = Σ_u K_u s[b, u+1] + u_b",
        "z_x = Σ_u K_u x[2 - x] [x ≥ 0] v_x",
        "g_kb = A[k, n_k] u_b",
        "z_b = softmax_j(s_bj)[2]",
        "h = t^2 + 3 t - 1/3",
    ],
)
def test_agrees_with_plain_python(text: str) -> None:
    s = parse(text)
    compare(s, some(s.inputs))


def test_a_chain_of_equations() -> None:
    s = parse("E = 1/2 (h_bj - q_b v_j)^2; h_bj = tanh(z_bj); z_bj = a_bi W_ij + b_j; q_b = Σ_i a_bi")
    compare(s, some(s.inputs))


def test_a_false_bracket_is_stronger_than_nan() -> None:
    s = parse("y_i = [x_i > 0] log(x_i)")
    found = evaluate(s, {"x": [-1.0, 0.0, 1.0, math.e]})["y"]
    assert found.tolist() == [0, 0, 0, 1]


def test_whole_numbers_stay_whole() -> None:
    s = parse("c_b = y_b; d_b = 2 y_b; k_b = argmax_j(s_bj)")
    found = evaluate(s, {"y": np.array([2**53 + 1, 3]), "s": np.eye(2)})
    assert found["c"].tolist() == [2**53 + 1, 3]
    assert found["d"].dtype == float
    assert found["k"].dtype.kind == "i"


def test_long_double_is_kept() -> None:
    if np.finfo(np.longdouble).eps >= np.finfo(float).eps:
        pytest.skip("no wider type here")
    third = evaluate(parse("y_i = x_i / 3"), {"x": np.ones(1)}, np.longdouble)["y"]
    assert third.dtype == np.longdouble
    assert abs(third[0] * 3 - 1) < 1e-18


def test_complex_inputs_are_evaluated() -> None:
    assert evaluate(parse("s = z_i z_i"), {"z": np.array([1j, 2])})["s"] == 3


@pytest.mark.parametrize(
    "text, value",
    [
        ("Y_ij = inv(X)_ij", [[2.0, -1.0], [-1.0, 1.0]]),
        ("d = det(X)", 1.0),
        ("d = logdet(X)", 0.0),
    ],
)
def test_whole_matrices(text: str, value: Any) -> None:
    (found,) = evaluate(parse(text), {"X": np.array([[1.0, 1.0], [1.0, 2.0]])}).values()
    np.testing.assert_allclose(found, value, atol=1e-12)


def test_the_same_node_with_two_sizes() -> None:
    """[i = j] stands in both sums, over 2 × 2 and over 3 × 3."""
    s = parse("E = Σ_ij [i = j] a_i b_j + Σ_ij [i = j] c_i d_j")
    a, c = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
    assert evaluate(s, {"a": a, "b": a, "c": c, "d": c})["E"] == 5 + 50


def test_a_summed_letter_may_take_its_range_from_a_bracket() -> None:
    three = sum_over(("i",), mul(number(3), bracket("=", Index("i"), Index("j"))))
    s = system([equation(tensor("y", "j"), mul(tensor("x", "j"), three))])
    assert evaluate(s, {"x": np.array([1.0, 2.0])})["y"].tolist() == [3, 6]


def test_deep_expressions_need_no_recursion() -> None:
    e = tensor("x", "i")
    for _ in range(5000):
        e = call("sin", add(e, tensor("x", "i")))
    assert evaluate(system([equation(tensor("y", "i"), e)]), {"x": np.array([0.0, 1.0])})["y"][0] == 0


@pytest.mark.parametrize(
    "text, arrays, error, words",
    [
        ("y_i = x[i+1] x_i", {"x": [1.0, 2.0]}, OutOfRange, "2, outside axis 1 of x"),
        ("y_i = x[i-1] x_i", {"x": [1.0, 2.0]}, OutOfRange, "-1, outside axis 1 of x"),
        ("y_bd = E[t_b, d] + g_d", {"E": np.eye(2), "t": np.array([0, 2]), "g": [0.0, 0.0]}, OutOfRange, "2, outside"),
        ("y_bd = E[t_b, d] + g_d", {"E": np.eye(2), "t": np.array([0.5]), "g": [0.0, 0.0]}, NonNumericDtype, "whole"),
        ("y_i = f(x_i)", {"x": [1.0]}, OpenFunction, "f is open"),
    ],
)  # fmt: skip
def test_refusals(text: str, arrays: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        evaluate(parse(text), arrays)
    assert "^" in str(caught.value)


def test_too_large_is_refused_before_it_is_made() -> None:
    big = np.broadcast_to(1.0, (10**6,))
    with pytest.raises(PlanTooLarge, match="would hold"):
        evaluate(parse("y_ij = a_i b_j"), {"a": big, "b": big})


# --------------------------------------------------------------------------- any expression
KINDS = (2, 3, 4)  # the sizes of three sorts of axes
LETTERS = "ijklm"


@st.composite
def expressions(draw: st.DrawFn, scope: tuple[tuple[str, int], ...], depth: int = 3) -> Expr:
    """A well-typed expression that depends on no letter outside ``scope``, which says the sort of each."""

    def entry(letters: tuple[tuple[str, int], ...]) -> Expr:
        name = draw(st.sampled_from("ABC")) + "".join(str(kind) for _, kind in letters)
        return tensor(name, *(i for i, _ in letters))

    def some_entry() -> Expr:
        chosen = draw(st.lists(st.sampled_from(scope), max_size=2)) if scope else []
        return entry(tuple(chosen))

    def inner(more: tuple[tuple[str, int], ...] = ()) -> Expr:
        names = {i for i, _ in more}
        return draw(expressions((*(p for p in scope if p[0] not in names), *more), depth - 1))

    if depth == 0:
        return some_entry()
    what = draw(st.sampled_from(("number", "add", "mul", "call", "divide", "mask", "sum", "reduce", "normalise")))
    match what:
        case "number":
            return number(draw(st.fractions(-3, 3, max_denominator=4)))
        case "add":
            return add(inner(), inner(), some_entry())
        case "mul":
            return mul(inner(), inner())
        case "divide":
            return divide(inner(), add(number(1), power(inner(), number(2))))
        case "call":
            return call(draw(st.sampled_from(("tanh", "sin", "sigmoid", "abs"))), inner())
        case "mask":
            relation = draw(st.sampled_from("=≠<≤>≥"))
            same = [(i, j) for (i, m), (j, n) in itertools.combinations(scope, 2) if m == n or relation != "="]
            if not same:
                return mul(bracket(relation, some_entry(), number(0)), inner())
            i, j = draw(st.sampled_from(same))
            return mul(bracket(relation, Index(i), Index(j)), inner())
    letter, kind = draw(st.sampled_from(LETTERS)), draw(st.integers(0, 2))
    body = add(inner(((letter, kind),)), mul(entry(((letter, kind),)), number(2)))
    match what:
        case "sum":
            return sum_over((letter,), body)
        case "reduce":
            op = draw(st.sampled_from(("max", "min", "mean", "var", "logsumexp")))
            return reduce(op, (letter,), call("tanh", body))
        case _:
            outside = [Index(i) for i, k in scope if k == kind] + [number(n) for n in range(KINDS[kind])]
            return reduce("softmax", (letter,), call("tanh", body), (draw(st.sampled_from(outside)),))


@st.composite
def systems(draw: st.DrawFn) -> System:
    """One equation over i and j, each of a sort of its own."""
    scope = tuple((i, draw(st.integers(0, 2))) for i in draw(st.sampled_from(("", "i", "ij"))))
    value = add(draw(expressions(scope)), tensor("T" + "".join(str(k) for _, k in scope), *(i for i, _ in scope)))
    return system([equation(tensor("out", *(i for i, _ in scope)), value)])


@settings(max_examples=150, deadline=None)
@given(systems(), st.integers(0, 2**32 - 1))
def test_any_expression_agrees_with_plain_python(s: System, seed: int) -> None:
    rng = np.random.default_rng(seed)
    compare(s, {n: rng.uniform(-1, 1, [KINDS[int(k)] for k in n[1:]]) for n in s.inputs}, 1e-9)


def test_a_step_of_a_loop_is_no_twin_of_a_letter_with_one_value() -> None:
    """The time of a step has one value, and so has an axis of length 1: they are not the same."""
    text = "h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j"
    for i, j in ((1, 3), (3, 1), (1, 1)):
        arrays = {"x": np.ones((4, i)), "U": np.ones((i, j)), "W": np.ones((j, j)), "g": np.ones(j)}
        found = evaluate(parse(text), arrays)["h"]
        h = arrays["g"]
        for t in range(4):
            h = np.tanh(arrays["x"][t] @ arrays["U"] + h @ arrays["W"])
            np.testing.assert_allclose(found[t], h, rtol=1e-14)
