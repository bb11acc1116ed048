"""Identity testing: laws are proved, what is not a law is not, and what cannot be evaluated is left open."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tensorprop.check.prove.decide import decide
from tensorprop.check.prove.fields import fields as fields_of
from tensorprop.check.prove.fields import is_prime
from tensorprop.check.prove.identity import identical
from tensorprop.check.prove.relations import COMPOSED, RELATIONS, Relation
from tensorprop.check.prove.unfold import settled, unfolded
from tensorprop.core.build import add, call, mul, number, tensor
from tensorprop.core.canon import canonical
from tensorprop.core.equation import equation, system
from tensorprop.core.expr import Call, Dim, Expr, Tensor
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.run.reference import evaluate
from tensorprop.text import parse, parse_expression

WHERE = {"-1 < x < 1": "|x| < 1", "x ≠ 0": ""}
UNFOLDED = tuple(
    Relation(f"{row.name}({', '.join(row.arguments)}) == {row.unfolds}", WHERE.get(row.domain, row.domain))
    for row in FUNCTIONS.values()
    if row.unfolds
)
"""Functions by what they mean; each left side is one function of letters."""

LAWS = (*UNFOLDED, *RELATIONS, *COMPOSED)
Y = Tensor("y", ())


def sides(law: Relation) -> tuple[Expr, Expr]:
    left, right = map(parse_expression, law.sides)
    return left, right


def numbers(e: Expr, given: dict[str, float]) -> float:
    names = {t.name for t in tensors_of(e)}
    arrays = {name: np.array(x) for name, x in given.items() if name in names}
    return float(evaluate(system([equation(Y, e)]), arrays)["y"])


# --------------------------------------------------------------------------- laws
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_a_law_holds_for_numbers(law: Relation) -> None:
    left, right = sides(law)
    rng = np.random.default_rng(5)
    points = [dict(zip("xwc", rng.normal(size=3), strict=True)) for _ in range(6)]
    points += [{"x": x, "w": w, "c": c} for x in (0.0, 1.0, -2.0) for w in (1.0, -2.0, 0.0) for c in (0.0, 1.0)]
    met = 0
    with np.errstate(all="ignore"):
        for point in points:
            if law.where == "|x| < 1":
                point = {name: np.tanh(x) for name, x in point.items()}
            elif law.where:
                point = {name: abs(x) + (1 if law.where == "x > 1" else 0.13) for name, x in point.items()}
            a, b = numbers(left, point), numbers(right, point)
            if np.isfinite(a) and np.isfinite(b):
                met += 1
                assert a == pytest.approx(b, rel=1e-11, abs=1e-13), point
    assert met >= 6


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.text)
def test_a_law_is_proved(law: Relation) -> None:
    left, right = sides(law)
    found = decide(equation(Y, left), equation(Y, right), numbers=False)
    assert found.status == "proved", str(found)
    assert found.probability < 1e-25


@pytest.mark.parametrize("law", UNFOLDED, ids=lambda law: law.text)
def test_unfolding_goes_from_left_to_right_and_ends(law: Relation) -> None:
    left, _ = sides(law)
    assert isinstance(left, Call)
    once = unfolded(left)
    assert all(not (isinstance(n, Call) and n.function == left.function) for n in postorder(once))
    assert unfolded(once) is once
    form = settled(once, canonical)
    assert settled(form, canonical) is form


def test_every_function_of_the_table_that_has_a_meaning_is_unfolded_or_a_generator() -> None:
    heads = {law.text.partition("(")[0] for law in UNFOLDED}
    meant = {name for name, row in FUNCTIONS.items() if row.means}
    kept = {"power", "sigmoid", "arcsinh", "arccosh", "arctanh", "mish"}
    assert meant - heads - kept == set()


NOT_LAWS = [
    ("sqrt(x²)", "x"),
    ("sqrt(x²)", "-x"),
    ("sqrt(x² + 2 x w + w²)", "x + w"),
    ("sqrt(x) sqrt(x w²)", "x w"),
    ("sqrt(x² w) / sqrt(w)", "x"),
    ("sqrt(exp(x) w²)", "w exp(x / 2)"),
    ("[x > 0]", "[x ≥ 0]"),
    ("[x > 0] + [x < 0]", "1"),
    ("relu(x)", "x"),
    ("relu(x)", "abs(x)"),
    ("relu(x) [x > 1]", "relu(x)"),
    ("max(x, w)", "x [x > w]"),
    ("sign(x)²", "1"),
    ("[x w > 0]", "[x > 0] [w > 0]"),
    ("[x > 0] [w > 0] [x w < 0]", "[x > 0]"),
    ("[x > w]", "[w > x]"),
    ("[x² > 1]", "[x > 1]"),
    ("exp(x w)", "exp(x) exp(w)"),
    ("exp(x)²", "exp(x²)"),
    ("exp(2 x)", "2 exp(x)"),
    ("tanh(x)", "σ(x)"),
    ("tanh(x)", "2 σ(x) - 1"),
    ("1 - tanh(x)²", "1 / (1 + x²)"),
    ("σ(-x)", "-σ(x)"),
    ("sin(2 x)", "sin(x) cos(x)"),
    ("sin(x)² - cos(x)²", "1"),
    ("sin(x + 2 π)", "cos(x)"),
    ("log(x²)", "2 log(abs(x)) + 1e-9"),
    ("log(x + w)", "log(x) + log(w)"),
    ("log(x w)", "log(x) - log(w)"),
    ("softplus(x)", "relu(x)"),
    ("softplus(x) + softplus(-x)", "x"),
    ("erf(x)", "tanh(x)"),
    ("f(x)", "f′(x)"),
    ("f(x + w)", "f(x) + f(w)"),
    ("f(-x)", "-f(x)"),
    ("x^w", "w^x"),
    ("x^{2 w}", "x^w"),
    ("sqrt(x + w)", "sqrt(x) + sqrt(w)"),
    ("x / (1 + x)", "x - x²"),
    ("1.000000001 x", "x"),
    ("x^3 w", "x w^3"),
    ("abs(x + w)", "abs(x) + abs(w)"),
    ("where(c, x, w)", "[c > 0] x + [c ≤ 0] w"),
    ("min(max(x, 0), 1)", "max(x, 0)"),
    ("π", "22 / 7"),
]


@pytest.mark.parametrize("left, right", NOT_LAWS, ids=lambda text: text)
def test_what_is_no_law_is_not_proved(left: str, right: str) -> None:
    one, other = parse_expression(left), parse_expression(right)
    assert decide(equation(Y, one), equation(Y, other), numbers=False).status != "proved"
    assert decide(equation(Y, one), equation(Y, other)).status != "proved"


# --------------------------------------------------------------------------- indices, sums, sizes
@pytest.mark.parametrize(
    "left, right, equal",
    [
        ("y_i = Σ_j f(Σ_k x_k W_kj) V_ij", "y_i = Σ_j V_ij f(Σ_l W_lj x_l)", True),
        ("y_i = Σ_j f(Σ_k x_k W_kj) V_ij", "y_i = Σ_j V_ij f(Σ_l W_jl x_l)", False),
        ("y_i = Σ_j f(Σ_k x_k W_kj) V_ij", "y_i = Σ_j V_ij f(Σ_l W_ll x_l)", False),
        ("y_i = Σ_k (x_i + a_k) + Σ_k c_k", "y_i = Σ_k a_k + Σ_k (x_i + c_k)", False),
        ("y_i = Σ_k (x_i + a_k)", "y_i = dim(a, 0) x_i + Σ_k a_k", True),
        ("y_i = Σ_k (x_i - x_k)", "y_i = dim(x, 0) (x_i - mean_k(x_k))", True),
        ("y_i = Σ_k (x_i - x_k)", "y_i = 3 (x_i - mean_k(x_k))", False),
        ("y = Σ_i (x_i - mean_k(x_k))", "y = 0 x_i x_i", True),
        ("y = mean_i(x_i)", "y = 1/2 Σ_i x_i", False),
        ("y = var_i(x_i)", "y = mean_i(x_i²) - mean_i(x_i)²", True),
        ("y = var_i(x_i)", "y = mean_i(x_i²) - mean_i(x_i)", False),
        ("y_ij = [i = j] x_i w_j", "y_ij = x_i w_j", False),
        ("y_ij = [i = j] x_i w_j", "y_ij = [i = j] x_j w_i", True),
        ("y_ij = [i ≥ j] x_i + [i < j] x_i", "y_ij = x_i [i = j] + x_i [i ≠ j]", True),
        ("y_ij = [i ≥ j] x_i", "y_ij = [i > j] x_i", False),
        ("y_t = Σ_u [t ≥ u] x_u", "y_t = Σ_u x_u - Σ_u [t < u] x_u", True),
        ("y_u = softmax_u(s_u + log(2))", "y_u = softmax_u(s_u)", True),
        ("y_u = softmax_u(2 s_u)", "y_u = softmax_u(s_u)", False),
        ("y_u = softmax_u(2 s_u)", "y_u = softmax_u(s_u)² / Σ_v softmax_v(s_v)²", True),
        ("y = Σ_u softmax_u(s_u)", "y = 1 + 0 s_u s_u", True),
        ("y = logsumexp_u(s_u - c)", "y = logsumexp_u(s_u) - c", True),
        ("y = logsumexp_u(s_u + c)", "y = logsumexp_u(s_u) - c", False),
        ("y_b = prod_i(2 x_bi) / prod_i(x_bi)", "y_b = prod_i(4 x_bi) / prod_i(2 x_bi)", True),
        ("y_b = max_i(x_bi)", "y_b = max_j(x_bj)", True),
        ("y_b = max_i(x_bi)", "y_b = min_i(x_bi)", False),
        ("y = Σ_ijk X_ij X_jk X_ki", "y = Σ_ijk X_ij X_jk X_ik", False),
        ("y = (Σ_i x_i²) (Σ_i w_i²) - (Σ_i x_i w_i)²", "y = 1/2 Σ_ij (x_i w_j - x_j w_i)²", True),
        ("y_t = a[t-1]", "y_t = a[t+1]", False),
        ("y_btd = E[tok_bt, d]", "y_btd = Σ_v [tok_bt = v] E_vd", True),
        ("y_btd = E[tok_bt, d]", "y_btd = E[tok_tb, d]", False),
        ("y = arcsin(x) + arccos(x)", "y = π / 2 + 0 x", None),
    ],
)
def test_rules_with_sums(left: str, right: str, equal: bool | None) -> None:
    (one,), (other,) = parse(left), parse(right)
    found = decide(one, other)
    expected = {True: "proved", False: "refuted", None: "open"}[equal]
    assert found.status == expected, str(found)


def test_both_are_evaluated_without_multiplying_out() -> None:
    """Products that are far too long to be multiplied out are compared all the same."""
    x = [tensor(f"x{k}") for k in range(40)]
    one = mul(*(add(x[k], x[(k + 1) % 40]) for k in range(40)))
    other = mul(*(add(x[(k + 1) % 40], x[k]) for k in reversed(range(40))))
    wrong = mul(*(add(x[k], mul(number(2 if k == 7 else 1), x[(k + 1) % 40])) for k in range(40)))
    assert identical(one, other, Y).equal is True
    assert identical(one, wrong, Y).equal is False


def test_deep_expressions_need_no_stack() -> None:
    one = other = tensor("x")
    for _ in range(3_000):
        one, other = call("f", add(one, tensor("w"))), call("f", add(tensor("w"), other))
    assert identical(one, other, Y).equal is True
    assert identical(one, call("f", other), Y).equal is False
    assert unfolded(call("tanh", one)) is not one


def test_towers_of_exponentials_have_an_end() -> None:
    one = tensor("x")
    for _ in range(30):
        one = call("exp", one)
    found = identical(one, add(one, number(1)), Y)
    assert found.equal is None and "exponentials" in found.why


def test_the_error_is_bounded_by_degree_and_points() -> None:
    left, right = parse_expression("(x + w)^8"), parse_expression("(w + x)^8")
    found = identical(left, right, Y)
    assert found.equal and found.points == 3 and 0 < found.error <= (16 / 2**60) ** 3
    found = identical(*map(parse_expression, ("[x w > 0]", "[w x > 0]")), Y)
    assert found.equal and found.error < 1e-25


def test_a_size_is_an_unknown() -> None:
    """At sizes 1, 2 and 3 alone, (n - 1)(n - 2)(n - 3) would be nothing."""
    n = Dim("x", 0)
    zero = mul(*(add(n, number(-k)) for k in (1, 2, 3)))
    assert identical(mul(zero, tensor("w")), number(0), Y).equal is not True


def test_labels_and_what_is_given() -> None:
    left, right = parse_expression("Σ_c t_c (x_c - m)"), parse_expression("Σ_c t_c x_c - m")
    given = {"t": (frozenset({0}), number(1))}
    assert identical(left, right, Y, sums=given).equal is True
    assert identical(left, right, Y).equal is not True
    one, other = parse_expression("Σ_c x_c [k = c] [k = c]"), parse_expression("Σ_c x_c [c = k]")
    assert identical(one, other, Y, labels=("k",)).equal is True


@pytest.mark.parametrize("circle", [False, True])
@pytest.mark.parametrize("which", [0, 3])
def testfields_of(which: int, circle: bool) -> None:
    fields = fields_of(which, circle)
    assert fields[-1].p > 2**61
    for outer, inner in pairwise(fields):
        assert outer.order == inner.p and pow(outer.g, inner.p, outer.p) == 1 != outer.g
    for f in fields:
        assert is_prime(f.p) and f.positive % 2 == 1
        assert all(f.positive % n for n in (3, 5, 7, 11, 13))  # odd roots are there, and one of each
        if circle:
            assert f.i * f.i % f.p == f.p - 1
        else:
            assert all(pow(n, f.positive, f.p) == 1 for n in (2, 3, 5, 7, 11, 13))
            assert pow(f.p - 1, f.positive, f.p) != 1


def test_primes() -> None:
    small = [n for n in range(2, 100) if all(n % k for k in range(2, n))]
    assert [n for n in range(2, 100) if is_prime(n)] == small
    assert is_prime(2**61 - 1) and not is_prime((2**31 - 1) * (2**61 - 1)) and not is_prime(3215031751)
