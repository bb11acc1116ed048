"""A reason for every sign of a formula, no reason without its sign, claims about indices held by machine.

The formula's tree is written out again in index notation by this file's own rules (`_written`), with the letters that
reasons speak of; what a reason claims to be summed, kept or shared must be so there, and the whole must be the rule.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest

from tensorprop import layers
from tensorprop.calculus import adjoint
from tensorprop.core.build import ONE, add, bracket, call, mul, number, power, reduce, sum_over
from tensorprop.core.equation import Equation, equation, system
from tensorprop.core.expr import Dim, Expr, Index, Tensor
from tensorprop.core.ranges import infer
from tensorprop.errors import TensorpropError
from tensorprop.render import trees as m
from tensorprop.render.derivation.derivation import explain
from tensorprop.render.derivation.facts import facts
from tensorprop.render.derivation.indexed import Indexed, Path
from tensorprop.render.derivation.matrix import MatrixForm, matrix
from tensorprop.render.derivation.reasons import Reason
from tensorprop.render.derivation.signs import Claim, Fact, Sign, signs
from tensorprop.render.layout import Convention
from tensorprop.run.reference import evaluate
from tensorprop.text import parse
from tests.strategies import case_number

CONVENTIONS = [
    Convention(),
    Convention(layout="row"),
    Convention(derivative="numerator"),
    Convention(samples="columns"),
]


# --------------------------------------------------------------------------- a tree, written out in index notation
class _Lost(Exception):
    """Not written out here: functions of a whole matrix."""


def _written(f: Indexed, path: Path = ()) -> Expr:
    s = f[path]
    below = [lambda n=n: _written(f, (*path, n)) for n in range(len(s.tree.children))]
    everything = lambda: [b() for b in below]  # noqa: E731
    match s.tree:
        case m.Name(tensor, slots, order):
            where = dict(zip(order, s.letters, strict=True))
            return Tensor(
                tensor,
                tuple(
                    Index(where[n]) if n in where else Index(x) if isinstance(x, str) else number(x)  # type: ignore[arg-type]
                    for n, x in enumerate(slots)
                ),
            )
        case m.Figure(value):
            return number(value)
        case m.IndexSize(_, axis):
            return Dim(axis.tensor, axis.axis)
        case m.Ones():
            return ONE
        case m.Identity():
            return bracket("=", *map(Index, s.letters))
        case m.Transpose() | m.Diagonal():
            return below[0]()
        case m.Diag():
            i, j = s.letters
            return below[0]() if i == j else mul(below[0](), bracket("=", Index(i), Index(j)))
        case m.Inverse(m.Diag()):
            return power(_written(f, (*path, 0, 0)), number(-1))
        case m.Product():
            return sum_over(s.summed, mul(*everything()))
        case m.MatrixTrace():
            return sum_over(s.summed, below[0]())
        case m.Norm():
            return call("sqrt", sum_over(s.summed, power(below[0](), number(2))))
        case m.Hadamard():
            return mul(*everything())
        case m.TermSum():
            return add(*everything())
        case m.Quotient():
            return mul(below[0](), power(below[1](), number(-1)))
        case m.ScalarPower() | m.ElementPower():
            return power(below[0](), below[1]())
        case m.Entrywise(function):
            return call(function, *everything())
        case m.Indicator(relation):
            return bracket(relation, *everything())
        case m.Along(op, _, _, True):
            bound = _bound(f, path)
            return reduce(op, bound, below[0](), tuple(map(Index, bound)))
        case m.Along(op, _, _, False):
            return reduce(op, s.summed, below[0]())
        case m.Kronecker() | m.KhatriRao() | m.Outer() | m.ModeProduct():
            return sum_over(s.summed, mul(*everything()))
        case m.Mask(part=part, added=False):
            return bracket(part, *map(Index, s.letters))
        case m.Triangle(_, part):
            return mul(below[0](), bracket(part, *map(Index, s.letters)))
        case _:
            raise _Lost(type(s.tree).__name__)


def s_inputs(eq: Equation) -> tuple[str, ...]:
    return system([eq]).inputs


def _bound(f: Indexed, path: Path) -> tuple[str, ...]:
    s = f[path]
    assert isinstance(s.tree, m.Along)
    if s.tree.over == "all":
        return s.letters
    return s.letters[1:] if s.tree.over == "rows" and len(s.letters) == 2 else s.letters[:1]


# --------------------------------------------------------------------------- what is printed
def _printed(text: str) -> dict[str, int]:
    """Signs of a formula counted in its Unicode line."""
    return {
        "ᵀ": text.count("ᵀ"),
        "⊙": text.count(" ⊙ ") > 0,
        "⊘": text.count(" ⊘ ") > 0,
        "diag": text.count("diag("),
        "tr": len(re.findall(r"\btr\(", text)),
        "tri": len(re.findall(r"\btri[lu]\(", text)),
        "‖‖": text.count("‖") // 2,
        "for every": 0,
    }


def _counted(found: list[Sign]) -> dict[str, int]:
    marks = [s.mark for s in found]
    return {
        "ᵀ": marks.count("ᵀ"),
        "⊙": "⊙" in marks,
        "⊘": "⊘" in marks,
        "diag": marks.count("diag") + marks.count("diagonal"),
        "tr": marks.count("tr"),
        "tri": marks.count("triangle"),
        "‖‖": marks.count("‖‖"),
        "for every": 0,
    }


def hold(shown: MatrixForm, said: Sequence[Fact | Reason]) -> None:
    """Every sign has its reason, every reason its sign; every claim is true of the tree as it is written out."""
    f = shown.index
    assert f is not None
    wanted = signs(f)
    told = [x for r in said for x in r.signs]
    assert set(told) == set(wanted), (shown.unicode, sorted(set(wanted) ^ set(told)))
    assert _printed(shown.right.unicode) == _counted(wanted), shown.unicode
    for r in said:
        for claim in r.claims:
            _hold(f, claim)
    for r in said:
        text = r.said if isinstance(r, Fact) else r.answer
        assert "⊙" not in text.unicode or any(x.mark in ("⊙", "⊙_KR") for x in wanted), text.unicode
        assert "{" not in text.unicode.replace("^{∘", "").replace("_{", ""), text.unicode
    assert bool(f.carried) == any(x.mark == "for every" for x in told)


def _hold(f: Indexed, c: Claim) -> None:
    s = f[c.path]
    inside = {i for x in f for i in x.letters if x.path[: len(c.path)] == c.path and x.path != c.path}
    match c.kind:
        case "summed":
            assert set(c.letters) <= inside and not set(c.letters) & set(s.letters), c
            assert not set(c.letters) & set(_free(f, c.path)), c
        case "kept":
            assert set(c.letters) <= set(s.letters), c
        case "shared":
            parts = [x for x in f if x.path[:-1] == c.path and len(x.path) == len(c.path) + 1 and x.letters]
            assert all(set(x.letters) == set(c.letters) for x in parts), c
        case "rows":
            assert c.letters == s.letters[:1] and s.tree.kind in ("matrix", "column"), c
        case "columns":
            assert c.letters == s.letters[-1:] and s.tree.kind in ("matrix", "row"), c
        case "meets":
            assert all(set(c.letters) <= set(f[p].letters) for p in c.others), c
        case "lacks":
            assert not set(c.letters) & set(s.letters), c


def _free(f: Indexed, path: Path) -> frozenset[str]:
    try:
        return _written(f, path).free
    except _Lost:
        return frozenset()


def same_numbers(eq: Equation, f: Indexed, rng: np.random.Generator) -> bool:
    """Whether the tree, written out, is the rule, on random arrays; False where it cannot be written out."""
    try:
        for name in s_inputs(eq):
            system([eq]).rank(name)
        again = equation(eq.target, _written(f))
        s, t = system([eq]), system([again])
    except (_Lost, TensorpropError):
        return False
    ranges = infer(s)
    sizes = {axis: n for n, axes in enumerate(ranges.classes(), 2) for axis in axes}
    arrays = {
        name: rng.uniform(0.3, 0.9, tuple(sizes.get((name, k), 2) for k in range(s.rank(name)))) for name in s.inputs
    }
    if set(t.inputs) - set(s.inputs):
        return False
    try:
        got = evaluate(t, {k: arrays[k] for k in t.inputs})[eq.name]
    except TensorpropError:
        return False  # a sum over ones alone does not tell how far it runs
    want = evaluate(s, arrays)[eq.name]
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-12, err_msg=f"{eq} | {again}")
    return True


# --------------------------------------------------------------------------- random rules
def _rules_of(seed: int) -> list[Equation]:
    case = case_number(seed)
    try:
        return [*case.system, *adjoint(case.system, case.wrt)]
    except TensorpropError:
        return []


def _held(seeds: range) -> tuple[int, int]:
    """Formulas of random rules: how many were held against their signs, and how many as numbers, too."""
    rng = np.random.default_rng(seeds.start)
    shown_, compared = 0, 0
    for seed in seeds:
        for n, eq in enumerate(_rules_of(seed)):
            shown = matrix(eq, CONVENTIONS[(seed + n) % len(CONVENTIONS)])
            if shown.index is not None:
                hold(shown, list(facts(shown.index, shown.part, shown.left)))
                shown_ += 1
                compared += same_numbers(eq, shown.index, rng)
    return shown_, compared


def test_a_reason_for_every_sign_of_random_rules() -> None:
    shown, compared = _held(range(7))
    assert shown > 50 and compared > 0.9 * shown


@pytest.mark.campaign
def test_a_reason_for_every_sign_of_a_thousand_random_rules() -> None:
    shown, compared = _held(range(1000, 1130))
    assert shown > 1000 and compared > 0.95 * shown


# --------------------------------------------------------------------------- rules that people write
RULES = """
    δB_jk = A_ij δD_il C_kl
    δp_i = W_ji (1 - h_j^2) δh_j
    δA_ij = B_ji
    δW_ij = (1 - h_i^2) δh_i p_j
    δy_i = W_ji W_kj δz_k
    δz_i = (W_ij δy_j) f′(z_i)
    y = A_ij B_ji
    y = x_i A_ij x_j
    G_ij = X_ki X_kj
    δX_ki = X_kj δG_ij + X_kj δG_ji
    δg_i = x_bi δy_bi
    δb_j = Σ_b δz_bj
    s_i = Σ_j x_ij
    δx_ij = δs_i
    z_bj = a_bi W_ij + b_j
    S_bqk = Q_bqd K_bkd
    y_i = A_ij u_j B_jk v_k
    δz_bj = p_bj (δp_bj - Σ_k p_bk δp_bk)
    y_i = x_i / (1 + w_i)
    y_ij = A_ij / u_j
    y = x_i x_i
    r_i = inv(S)_ij v_j
    Y_ikjl = A_ij B_kl
    Y_ijp = G_abp U_ia V_jb
    C_ij = A_ik A_kj
    m_i = max_j(A_ij)
    p_ij = softmax_j(s_ij)
    J_ij = [i = j] p_i - p_i p_j
    y_b = g_i x_bi
    y_t = Σ_u [u ≤ t] x_u
    δx_u = Σ_t [u < t] δy_t
    P_tu = softmax_u(where([u <= t], S_tu, -1e30))
"""


@pytest.mark.parametrize("convention", CONVENTIONS, ids=["column", "row", "numerator", "columns"])
@pytest.mark.parametrize("rule", [line.strip() for line in RULES.strip().split("\n")])
def test_a_reason_for_every_sign(rule: str, convention: Convention) -> None:
    (eq,) = parse(rule)
    shown = matrix(eq, convention.over([eq]))
    if shown.index is not None:
        hold(shown, list(facts(shown.index, shown.part, shown.left)))
        same_numbers(eq, shown.index, np.random.default_rng(1))


LAYERS = [n for n in layers.__all__ if isinstance(getattr(layers, n), type) and n != "Layer"]
OPTIONS: tuple[dict[str, str], ...] = ({}, {"layout": "row"}, {"derivative": "numerator"}, {"samples": "columns"})


@pytest.mark.parametrize(
    "name, options",
    [
        *[(name, OPTIONS[k % 4]) for k, name in enumerate(LAYERS)],
        *[
            pytest.param(name, options, marks=pytest.mark.campaign)
            for k, name in enumerate(LAYERS)
            for options in OPTIONS
            if options is not OPTIONS[k % 4]
        ],
    ],
)
def test_a_reason_for_every_sign_of_a_layer(name: str, options: dict[str, str]) -> None:
    for part in explain(getattr(layers, name)().system, **options).parts:  # type: ignore[arg-type]
        if part.shown.index is not None:
            hold(part.shown, part.reasons)


# --------------------------------------------------------------------------- the test can fail
def test_a_missing_reason_a_reason_too_many_and_a_false_claim_are_seen() -> None:
    (eq,) = parse("δa_i = W_ij δz_j")
    shown = matrix(eq, Convention())
    assert shown.index is not None
    found = list(facts(shown.index, shown.part, shown.left))
    hold(shown, found)
    with pytest.raises(AssertionError):
        hold(shown, [f for f in found if f.topic != "order"])
    extra = Fact("over", found[0].said, found[0].said, (Sign("⊘", ()),))
    with pytest.raises(AssertionError):
        hold(shown, [*found, extra])
    lie = Fact("sum", found[0].said, found[0].said, (), (Claim("summed", ("i",), ()),))
    with pytest.raises(AssertionError):
        hold(shown, [*found, lie])
