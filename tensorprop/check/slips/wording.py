"""What a slip is called: the words for an edit, for a factor of the whole, for a term that is missing.

In: edits and numbers that the search has found. Out: kinds and words. Whether they are true is not known here: the
search compares, and has the proof.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np

from tensorprop.calculus.slope import slope
from tensorprop.check.prove.monomials import is_about_indices
from tensorprop.check.slips.edits import Edit, Names
from tensorprop.core.affine import difference, form
from tensorprop.core.build import (
    MINUS_ONE,
    ONE,
    ZERO,
    add,
    mul,
    negate,
    number,
    power,
    substitute,
    sum_over,
)
from tensorprop.core.canon import same
from tensorprop.core.english import run_together
from tensorprop.core.equation import Equation, Loop, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.ranges import infer
from tensorprop.core.terms import number_and_rest, sign_and_rest
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.text import show
from tensorprop.text.numerals import decimal, is_decimal

__all__ = ["Wording", "factor_apart", "multiplied", "narrowed", "with_sign", "written_out"]

Arrays = Mapping[str, np.ndarray]


class Wording:
    """Words about one rule: what it is the rule of, as it was written, and what is known of the names."""

    def __init__(
        self, derived: Equation, hand: Equation | None, forward: System, names: Names, source: str | None = None
    ) -> None:
        self.derived = derived
        self.hand = hand
        self.forward = forward
        self.names = names
        self.ranges = infer(forward)
        right = (derived, *forward)
        self.numbers = {abs(n.value) for eq in right for n in postorder(eq.value) if isinstance(n, Number)}
        text = "; ".join(t for t in (source, forward.origin) if t)
        self.source = text
        self.decimals = {Fraction(t): t for t in re.findall(r"\d*\.\d+", text)}
        self.tensor = primal(derived.name)

    def multiple(self, q: Fraction, sizes: tuple[tuple[Dim, int], ...]) -> tuple[str, str]:
        if not sizes:
            if q == -1:
                return "sign", "the sign is wrong: the whole should be negated"
            return "factor", self._instead(q) or f"the whole is {self.multiplied(q)}"
        over = [self.called(d) for d, n in sizes for _ in range(n) if n > 0]
        under = [self.called(d) for d, n in sizes for _ in range(-n) if n < 0]
        more = "" if q == 1 else f", and a factor {in_figures(1 / q)}"
        means = self.hand is not None and any(
            isinstance(n, Reduce) and n.op == "mean" for n in postorder(self.hand.value)
        )
        if over and under:
            return "mean", f"{' '.join(under)} is divided by where {' '.join(over)} belongs{more}"
        if over:
            return "mean", f"the mean's 1/{' 1/'.join(over)} is missing{more}"
        if means:
            return "mean", f"a mean stands where a sum belongs: 1/{' 1/'.join(under)} is one too many{more}"
        return "mean", f"1/{' 1/'.join(under)} is one too many{more}"

    def _instead(self, q: Fraction) -> str | None:
        """The number before the rule that stands where another one belongs: 0.7 for 1.7, not 7/17 too many."""
        here = number_and_rest(self.hand.value)[0] if self.hand is not None else Fraction(1)
        plain = 1 in (abs(q.numerator), q.denominator) or {abs(q), abs(1 / q)} & {*self.numbers, *self.decimals}
        if not self.decimals or plain or abs(here) == 1 or self._divided(abs(q)) is not None:
            return None
        return f"{self.figures(here)} stands where {self.figures(here / q)} belongs"

    def multiplied(self, q: Fraction) -> str:
        """What a factor too many, or too few, has done: one that was lost is a number that the right rule has."""
        lost, text = 1 / q, self.figures(1 / q)
        how = self._divided(abs(q))
        if how is not None:
            return f"{self.figures(q)} times what it should be: {how}"
        if abs(lost) in self.numbers and "." in text:
            return f"{self.figures(q)} times what it should be: the factor {text} is missing"
        return multiplied(q)

    def _divided(self, q: Fraction) -> str | None:
        """A decimal by which the right rule divides: ``x / 0.3`` for ``x / 0.3²``, ``0.7 x`` for ``x / 0.7``."""
        line = next((t for t in re.split(r"[;\n]", self.source) if self._is_of(t)), None)
        for value, text in self.decimals.items() if line is not None else ():
            mine = re.findall(rf"(/ ?)?(?<![\d.]){re.escape(text)}(?!\d)", line or "")
            if q == value and all(mine) and re.search(rf"/ ?{re.escape(text)}", self.source):
                return f"to divide by {text} is missing"
            if q == value**2 and mine and not any(mine):
                return f"{text} stands where 1 / {text} belongs"
        return None

    def _is_of(self, line: str) -> bool:
        return line.strip().startswith(self.derived.name)

    def unwritten(self, n: Expr) -> bool:
        """Whether a number stands nowhere in the rule that was written."""
        if not isinstance(n, Number) or self.hand is None:
            return False
        here = (m for e in postorder(self.hand.value) if isinstance(e, (Mul, Add)) for m in e.children)
        return all(abs(m.value) != abs(n.value) for m in (self.hand.value, *here) if isinstance(m, Number))

    def figures(self, q: Fraction) -> str:
        """A number as the user wrote it, or as a short decimal or fraction."""
        known = self.decimals.get(abs(q)) or (decimal(abs(q)) if abs(q) in self.numbers and is_decimal(q) else None)
        return in_figures(q) if known is None else known if q > 0 else f"-{known}"

    def said(self, words: Sequence[str]) -> str:
        """The words of an explanation, sizes named by letters, and decimals as they were written."""
        words = "; ".join(words)
        fraction = r"(?<!\^\()(?<![\w./^])\d+/\d+(?![\w./]| times)"
        words = re.sub(fraction, lambda m: self._written(Fraction(m[0])), words)
        return re.sub(r"dim\(([^(),]+), (\d+)\)", lambda m: self.called(Dim(m[1], int(m[2]))), words)

    def _written(self, q: Fraction) -> str:
        """A fraction as the decimal that the user wrote, or one over it."""
        return self.decimals.get(q) or (f"1 / {self.decimals[1 / q]}" if 1 / q in self.decimals else str(q))

    def called(self, d: Dim) -> str:
        """``dim(b)``, by a letter that runs along the axis in the rules."""
        ranges = self.ranges
        if primal(d.tensor) not in self.forward.names:
            return show(d)
        d = Dim(primal(d.tensor), d.axis)
        here = ranges.find(d.tensor, d.axis)
        for eq in (self.hand, self.derived, *self.forward):
            if eq is None:
                continue
            for t in (eq.target, *tensors_of(eq.value)):
                name = primal(t.name)
                for k, i in enumerate(t.subscripts):
                    if isinstance(i, Index) and name in self.forward.names and ranges.find(name, k) == here:
                        return f"dim({i.name})"
        return show(d)

    def term(self, t: Expr, c: Expr, one_of: int = 1) -> tuple[str, str]:
        """A term that is c times what it should be, ``one_of`` so many that are wrong."""
        if c is ZERO:
            return self.missing(t, several=one_of > 1)
        if c is MINUS_ONE:
            return "sign", _sign(t)
        return "factor", f"the term {with_sign(t)} is {self.times(c)}"

    def times(self, c: Expr) -> str:
        """What a number too many, or too few, has done: sqrt(2 / π) that got lost leaves one over it."""
        if isinstance(c, Number):
            return self.multiplied(c.value)
        match c:
            case Call("power", (lost, Number(Fraction(numerator=-1, denominator=1)))):
                return f"{show(c)} times what it should be: the factor {show(lost)} is missing"
            case _:
                return f"{show(c)} times what it should be: the factor {show(c)} is one too many"

    def missing(self, t: Expr, whole: Expr | None = None, several: bool = False) -> tuple[str, str]:
        """A term that is not there: one way on which the tensor works.

        ``whole``: with all that it is multiplied by. ``several``: it is not the only one that is missing.
        """
        uses = [n for eq in self.forward for n in _occurrences(eq.value) if n.name == self.tensor]
        if len(uses) < 2:
            return "missing term", f"the term {with_sign(t)} is missing"
        carried = self._carried(t)
        if carried is not None:
            return "carried term", (
                f"the term {with_sign(t)} is missing: it carries back what later steps owe, through {carried}; "
                "without it this is truncated backpropagation through time, and not the derivative"
            )
        there = {n.name for n in tensors_of(t) if is_adjoint(n.name)}
        mine = set() if self.hand is None else {n.name for n in tensors_of(self.hand.value)}
        ways = sorted(primal(name) for name in there - mine)
        if ways:
            through = f"through {' and '.join(ways)}"
            path = f"path {through}" if several else f"second path, {through},"
            return "second path", f"the {path} is missing: {with_sign(t)}"
        users = [eq.name for eq in self.forward if any(n.name == self.tensor for n in _occurrences(eq.value))]
        owed = {n.name for n in tensors_of(self.derived.value) if is_adjoint(n.name)}
        if owed and owed.isdisjoint(map(adjoint_name, users)):  # a rule that was put together has terms of its own
            return "missing term", f"the term {with_sign(t)} is missing"
        return (
            "second path",
            f"the second path is missing: {self.tensor} stands {_times_over(len(uses))} in {' and '.join(users)}, "
            f"and one of the places owes it {with_sign(whole or t)}",
        )

    def _carried(self, t: Expr) -> str | None:
        """The adjoint of a recurrence that a term reads at another step."""
        for loop in (b for b in self.forward.blocks if isinstance(b, Loop)):
            for n in tensors_of(t):
                name = primal(n.name)
                if is_adjoint(n.name) and name in loop.axes and not isinstance(n.subscripts[loop.axes[name]], Index):
                    return show(n)
        return None

    def of(self, e: Edit, repair: bool) -> tuple[str, str]:
        """The kind and the words of the slip that an edit undoes (``repair``), or makes."""
        wrong, right = (e.old, e.new) if repair else (e.new, e.old)
        stands = f"{written_out(wrong)} stands where {written_out(right)} belongs"
        match e.kind:
            case "term dropped":
                if repair:
                    return "extra term", f"the term {with_sign(e.old)} is one too many"
                whole = _within(e)
                if whole is None:  # in an exponent, or in a function's argument
                    one, other = e.steps[0][1], e.steps[0][0]
                    return "missing term", f"{written_out(one)} stands where {written_out(other)} belongs"
                return self.missing(e.old, whole)
            case "factor dropped" | "factor added":
                return self._factor(e, repair)
            case "sum dropped" | "sum added":
                missing = (e.kind == "sum added") == repair
                if missing:
                    letters = e.detail
                    return "missing sum", f"the sum over {letters} is missing: {stands}"
                return "extra sum", f"one sum too many: {stands}"
            case "transposed":
                return "transposed", self._transposed(e, wrong, right, repair)
            case "conjugate" | "part":
                what = "conjugate" if e.kind == "conjugate" else "part"
                missing = isinstance(right, Call) and right.args == (wrong,)
                extra = isinstance(wrong, Call) and wrong.args == (right,)
                if e.kind == "part" and isinstance(right, Call) and right.function in ("re", "im"):
                    what = "real part" if right.function == "re" else "imaginary part"
                state = f"the {what} is missing: " if missing else f"the {what} is one too many: " if extra else ""
                return e.kind, state + stands
            case "conjugate moved":
                return "conjugate", f"the conjugate is at the wrong factor: {stands}"
            case "sign":
                return "sign", _sign(right, self._which(e, wrong))
            case "slope":
                return "slope", self._slope(e, wrong, right)
            case "argument":
                return "argument", self._argument(e, wrong, right)
            case "index" if isinstance(wrong, Index):
                return self._index(e, repair)
            case "shift" | "turned" | "stride" | "shift left out":
                return "stride" if e.kind == "stride" else "shift", self._shift(e, repair)
            case "half" if repair:
                return "half", f"the diagonal counts half, which is forgotten: {stands}"
            case "sideways":
                return "index", f"the sum runs over the wrong index: {stands}"
            case "tensor":
                return "tensor", stands + self._between(wrong, right)
            case "reduction":
                return "reduction", stands
            case "number":
                return self._number(e, wrong, right, stands)
            case _:
                one, other = narrowed(wrong, right)
                factor = factor_apart(one, other)
                if factor is not None:
                    return "factor", f"{factor}: {with_sign(one)} stands where {with_sign(other)} belongs"
                return e.kind, stands

    def _transposed(self, e: Edit, wrong: Expr, right: Expr, repair: bool) -> str:
        """Two indices of a tensor are exchanged, in the whole or in one of two terms that then are alike."""
        name = wrong.name if isinstance(wrong, Tensor) else e.detail
        rank = len(wrong.subscripts) if isinstance(wrong, Tensor) else 2
        what = f"{name} is transposed" if rank == 2 else f"two indices of {name} are exchanged"
        if repair or not _merges(e):
            return f"{what}: {written_out(wrong)} stands where {written_out(right)} belongs"
        twice, both = show(mul(number(2), wrong)), show(add(wrong, right))
        alike = f"the same where {name} is symmetric{'' if rank == 2 else ' in them'}"
        return f"{what} in one of two terms: {twice} stands where {both} belongs, {alike}"

    def _factor(self, e: Edit, repair: bool) -> tuple[str, str]:
        """A factor, or a size that is divided by, is missing or one too many."""
        factor = e.old if e.kind == "factor dropped" else e.new
        if _under(e):
            factor = power(factor, MINUS_ONE)
        extra = (e.kind == "factor dropped") == repair
        if isinstance(factor, Dim):  # a size where one over it was divided by, or the other way
            return "mean", f"{written_out(factor)} is {'one too many' if extra else 'missing'}"
        if _is_size(factor):
            size = written_out(power(factor, MINUS_ONE))
            return "mean", f"1/{size} is one too many" if extra else f"the mean's 1/{size} is missing"
        if extra and isinstance(factor, Bracket) and is_about_indices(factor):
            return "extra factor", f"the bracket {show(factor)} is one too many: it leaves terms out"
        if extra:
            return "extra factor", f"the factor {written_out(factor)} is one too many"
        slope_of = self._slope_of(e.old) if e.kind == "factor dropped" else None
        of = f", the slope of {slope_of}," if slope_of else ""
        return "missing factor", f"the factor {written_out(factor)}{of} is missing"

    def _index(self, e: Edit, repair: bool) -> tuple[str, str]:
        """Another letter in a bracket or a subscript: the whole that has it."""
        one, other = next((pair for pair in e.steps if not isinstance(pair[0], Index)), (e.old, e.new))
        one, other = (one, other) if repair else (other, one)
        if one is ONE:  # [i = i]
            return "missing factor", f"the factor {written_out(other)} is missing"
        return "index", f"{written_out(one)} stands where {written_out(other)} belongs"

    def _between(self, wrong: Expr, right: Expr) -> str:
        """What lies between two adjoints: δh stands where δz belongs, and h = f(z)."""
        match wrong, right:
            case Tensor(name=one, subscripts=places), Tensor(name=other) if is_adjoint(one) and is_adjoint(other):
                eq = self.names.defined.get(primal(one))
                match None if eq is None else eq.value:
                    case Call(function, (Tensor(name=inner),)) if eq is not None and inner == primal(other):
                        there = dict(zip(eq.letters, places, strict=False))
                        at = substitute(eq.value, there)
                        assert isinstance(at, Call)
                        result = Tensor(eq.name, places)
                        return f": {show(slope(function, 0, at.args, result))}, the slope of {function}, is missing"
                    case _:
                        pass
            case _:
                pass
        return ""

    def _shift(self, e: Edit, repair: bool) -> str:
        """What is wrong with a subscript, or a side of a bracket: the entry or bracket that has it."""
        pair = next((p for p in e.steps if isinstance(p[0], (Tensor, Bracket))), (e.old, e.new))
        one, other = pair if repair else pair[::-1]
        stands = f"{show(one)} stands where {show(other)} belongs"
        wrong, right = (e.old, e.new) if repair else (e.new, e.old)
        apart = {p: c for p, c in difference(wrong, right).items() if c}
        if e.kind == "turned":
            return f"the sign of {e.detail} is wrong in the subscript: {stands}"
        if e.kind == "stride":
            step = abs(form(right).get(Index(e.detail), Fraction(0)))
            was = abs(form(wrong).get(Index(e.detail), Fraction(0)))
            lost = (
                f"the step {step} of {e.detail} is lost" if was == 1 else f"the step of {e.detail} is {step}, not {was}"
            )
            return f"{lost}: {stands}"
        if apart.keys() == {ONE}:
            n = abs(apart[ONE])
            return f"the shift is off by {'one' if n == 1 else n}: {stands}"
        return f"the shift by {e.detail} is {'missing' if Index(e.detail) in form(right) else 'one too many'}: {stands}"

    def _number(self, e: Edit, wrong: Expr, right: Expr, stands: str) -> tuple[str, str]:
        if isinstance(wrong, Number) and isinstance(right, Number) and wrong.value == -right.value:
            return "sign", _sign(right)
        within = e.steps[1][0] if len(e.steps) > 1 else None
        if not e.steps:  # at all its places, or in a comparison
            return "factor", stands
        if not isinstance(wrong, Number) or not isinstance(right, Number):
            (c, rest), (d, other) = number_and_rest(wrong), number_and_rest(right)
            if rest is other and c and d and not _under(e):
                return "factor", f"the term {with_sign(wrong)} is {self.multiplied(c / d)}"
        if isinstance(within, Mul) and wrong is ONE:
            return "factor", f"the factor {written_out(right)} is missing"
        if isinstance(within, Mul) and right is ONE:
            return "factor", f"the factor {written_out(wrong)} is one too many"
        if isinstance(wrong, Number) and isinstance(right, Number) and wrong.value and right.value and not _under(e):
            lost = right.value / wrong.value  # 0.797885, of 0.5 for 0.3989425
            for q, how in ((lost, "missing"), (1 / lost, "one too many")):
                if abs(q) in self.numbers and abs(q) != 1:
                    return "factor", f"the factor {self.figures(q)} is {how}: {stands}"
        return "factor", stands

    def _which(self, e: Edit, wrong: Expr) -> str:
        """Where a term stands whose text the rule has elsewhere too: `` in (2 p_i log(p_i) + 1 - p_i)``."""
        around = next(
            (n for pair in e.steps for n in pair if isinstance(n, Add) and n is not e.old and n is not e.new), None
        )
        if self.hand is None or around is None or around is self.hand.value:
            return ""
        text = show(sign_and_rest(wrong)[1])
        return f" in {written_out(around)}" if show(self.hand.value).count(text) > 1 else ""

    def _slope(self, e: Edit, wrong: Expr, right: Expr) -> str:
        match wrong, right:
            case Call(one), Call(other) if one.rstrip("′″‴") == other.rstrip("′″‴"):
                return f"{one} stands where {other} belongs: {show(wrong)} for {show(right)}"
            case _:
                return f"{show(wrong)} stands where {show(right)} belongs, the slope of {e.detail}"

    def _slope_of(self, factor: Expr) -> str | None:
        """The function of the forward pass whose slope this is."""
        for t in self.names.entries:
            eq = self.names.defined.get(t.name)
            if eq is None or not isinstance(eq.value, Call) or len(eq.value.args) != 1 or t.free != factor.free:
                continue
            args = tuple(substitute(a, dict(zip(eq.letters, t.subscripts, strict=True))) for a in eq.value.args)
            if same(slope(eq.value.function, 0, args, t), factor):
                return eq.value.function
        return None

    def _argument(self, e: Edit, wrong: Expr, right: Expr) -> str:
        around = next(
            (show(n).partition("(")[0] for n, _ in e.steps if isinstance(n, Call) and n.function != "power"), None
        )
        if around is None:
            return f"{show(wrong)} stands where {show(right)} belongs"
        if isinstance(wrong, Tensor) and isinstance(right, Tensor) and wrong.subscripts == right.subscripts:
            return f"{around} is taken at {wrong.name}, not at {right.name}"
        return f"{around} is taken at {show(wrong)}, not at {show(right)}"


def narrowed(one: Expr, other: Expr) -> tuple[Expr, Expr]:
    """The smallest parts in which two expressions differ."""
    while type(one) is type(other) and len(one.children) == len(other.children) > 0:
        apart = [(a, b) for a, b in zip(one.children, other.children, strict=True) if a is not b]
        if len(apart) != 1 or isinstance(one, Tensor) or isinstance(apart[0][0], Number):
            break
        one, other = apart[0]
    return one, other


def factor_apart(wrong: Expr, right: Expr) -> str | None:
    """What is said where two expressions are one but for a number in front, a decimal that got lost."""
    (c, rest), (d, same_rest) = number_and_rest(wrong), number_and_rest(right)
    if rest is not same_rest or rest is ONE or not c or not d:
        return None
    q = d / c
    if abs(c) == 1 and abs(q) != 1:
        return f"the factor {show(Number(abs(q)))} is missing"
    return f"the factor {show(Number(abs(1 / q)))} is one too many" if abs(d) == 1 and abs(q) != 1 else None


def written_out(e: Expr) -> str:
    """An expression, its own sum written out."""
    if not isinstance(e, Sum):
        return f"({show(e)})" if isinstance(e, Add) else show(e)
    body = show(e.body)
    return f"Σ_{run_together(e.indices)} " + (f"({body})" if isinstance(e.body, Add) else body)


def with_sign(t: Expr) -> str:
    """A term with its sign in front: ``- a_i b_i``."""
    sign, bare = sign_and_rest(t)
    return f"{'+' if sign > 0 else '-'} {written_out(bare)}"


def _merges(e: Edit) -> bool:
    """Whether an edit makes one of two terms like the other."""
    for old, new in e.steps:
        if isinstance(old, Add):
            now = new.terms if isinstance(new, Add) else (new,)
            lost = [t for t in old.terms if t not in now]
            alike = [t for t in old.terms if t in now and any(same(t, u) for u in _others(t, now))]
            return len(lost) == len(alike) == 1
    return False


def _others(t: Expr, terms: Sequence[Expr]) -> list[Expr]:
    """The terms beside one of them."""
    n = terms.index(t)
    return [*terms[:n], *terms[n + 1 :]]


def _sign(right: Expr, where: str = "") -> str:
    """What is wrong where the sign of this belongs."""
    sign, bare = sign_and_rest(right)
    if isinstance(bare, Add) and sign_and_rest(bare.terms[0])[0] < 0:
        bare, sign = add(*map(negate, bare.terms)), -sign
    here, there = ("+", "-") if sign > 0 else ("-", "+")
    return f"the sign of {written_out(bare)}{where} is wrong: {here} belongs there, not {there}"


def _within(e: Edit) -> Expr | None:
    """The term that an edit takes away, with all that it is multiplied by, and its sums; None where that is no term."""
    term, inside = e.old, e.steps[0][0]
    for around, _ in e.steps[1:]:
        match around:
            case Add():
                pass
            case Mul(factors):
                term = mul(*(term if f is inside else f for f in factors))
            case Sum(indices):
                term = sum_over(indices, term)
            case _:
                return None
        inside = around
    return term


def _under(e: Edit) -> bool:
    """Whether a place stands in a divisor."""
    turns = 0
    for (one, _), (around, _) in pairwise(e.steps):
        match around:
            case Call("power", (base, Number(value))) if base is one and value < 0:
                turns += 1
            case _:
                pass
    return turns % 2 == 1


def _is_size(e: Expr) -> bool:
    """The size of an axis, or one over it."""
    return isinstance(e, Dim) or (isinstance(e, Call) and e.args[1:] == (MINUS_ONE,) and isinstance(e.args[0], Dim))


def _times_over(n: int) -> str:
    return "twice" if n == 2 else f"{n} times"


def multiplied(q: Fraction) -> str:
    """What a factor too many, or too few, has done."""
    if len(str(q)) > 7:
        lost = _decimal(1 / q, 6)
        return f"{in_figures(q)} times what it should be" + (f": the factor {lost} is missing" if lost else "")
    if q.numerator == 1 and q.denominator > 1:
        return f"{q} of what it should be: a factor {1 / q} is missing"
    if q.numerator >= 10 and q.denominator > 1 and (lost := _decimal(1 / q)):  # 0.7 lost leaves 10/7
        return f"{q} times what it should be: the factor {lost} is missing"
    if q.denominator > 10 and (digits := _decimal(q)):
        return f"{digits} times what it should be: the factor {digits} is one too many"
    return f"{q} times what it should be: the factor {q} is one too many"


def _decimal(q: Fraction, figures: int = 4) -> str | None:
    """0.07 for 7/100; None of what has no short decimal."""
    text = f"{float(q):.{figures}g}"
    return text if Fraction(text) == q else None


def in_figures(q: Fraction) -> str:
    """3, 1/2, -2; long ones in digits."""
    text = str(q)
    return text if len(text) <= 7 else f"{float(q):.12g}"


def _occurrences(e: Expr) -> Iterator[Tensor]:
    """The tensor entries of an expression, each as often as it is written, up to some."""
    stack, left = [e], 500
    while stack and left:
        left -= 1
        n = stack.pop()
        if isinstance(n, Tensor):
            yield n
        elif isinstance(n, Call) and n.function == "power" and isinstance(n.args[1], Number):
            stack.append(n.args[0])
        else:
            stack.extend(reversed(n.children))
