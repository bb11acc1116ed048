"""Nodes in, strings out: the exact inverse of ``parse``.

In: an expression, an Equation or a System. Out: its text, so that ``parse(show(s)) is s``. A sum is left unwritten
exactly where the rule of ``implied`` puts it back. Text longer than ``MAX_SHOWN`` characters (a shared expression can
be exponentially long) is abbreviated: its longest parts become ``…``, which does not parse.
This file does not know derivatives, laws or matrix formulas.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

from tensorprop.core.build import fresh, reduce
from tensorprop.core.equation import Declared, Equation, Fact, Outside, Range, System
from tensorprop.core.expr import Add, Bracket, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import FUNCTIONS, REDUCTIONS, has_entries, is_matrix, keeps
from tensorprop.core.names import primal_axes
from tensorprop.core.ranges import axis_of
from tensorprop.core.told import limit
from tensorprop.core.walk import postorder
from tensorprop.errors import UsageError
from tensorprop.text.characters import LETTERS
from tensorprop.text.implied import gathered, places, settled
from tensorprop.text.numerals import decimal, digits, finite
from tensorprop.text.shown import ATOM, MAX_SHOWN, POWER, SUM, TERM, Shown, bare, clear, term
from tensorprop.text.spelled import Spelled, occurrences
from tensorprop.text.vocabulary import COLUMN, ROW, SYMBOLS

__all__ = ["MAX_SHOWN", "show"]

_ASCII_RELATIONS = {"=": "=", "≠": "!=", "<": "<", "≤": "<=", ">": ">", "≥": ">="}
_LABEL_LIKE = re.compile(rf"[{LETTERS}0-9][{LETTERS}0-9+\-, ]*")


def show(x: Any, ascii: bool = False) -> str:
    """The text of an expression, an Equation, a System or a layer, one equation a line; ``parse(show(s)) is s``.

    A text is read first, and comes out as this library writes it.

    ``ascii=True`` writes it with the characters of an ASCII terminal; that parses to the same object too.

    >>> from tensorprop.text import parse
    >>> s = parse("δz_bj = δh_bj f′(z_bj); L = Σ_b x_b")
    >>> print(show(s))
    δz_bj = δh_bj f′(z_bj)
    L = Σ_b x_b
    >>> print(show(s, ascii=True))
    delta z_bj = delta h_bj f'(z_bj)
    L = sum_b(x_b)
    """
    match x:
        case System():
            names = frozenset(x.names)
            defines_delta = any(eq.name == "δ" for eq in x.equations)
            lines = [_equation(eq, ascii, names, defines_delta) for eq in x.equations]
            return "\n".join([*lines, *(_fact(f, ascii, names, x) for f in x.facts)])
        case Equation():
            return _equation(x, ascii, frozenset(x.inputs), x.name == "δ")
        case Expr():
            return _Printer(x, (), ascii, _names(x), False).text()
        case Range() | Outside() | Declared():
            return _fact(x, ascii, frozenset((x.letter if isinstance(x, Range) else x.tensor,)), None)
        case _:
            from tensorprop.text.parse import parse  # no printer needs the parser

            inner = parse(x) if isinstance(x, str) else getattr(x() if isinstance(x, type) else x, "system", None)
            if isinstance(inner, System):
                return show(inner, ascii)
            raise UsageError(
                f"equations are needed here, not {type(x).__name__}",
                fix='write them as text, "z_j = a_i W_ij", or pass a System, an Equation or a Layer',
            )


def _fact(f: Fact, ascii: bool, names: frozenset[str], s: System | None) -> str:
    """``dim(x) = dim(a, 1)``, ``outside(a) = -∞``, ``S_ij = S_ji``."""
    if isinstance(f, Declared) and f.kind == "symmetric" and (s is None or f.tensor in s.names):
        more = s.rank(f.tensor) - 2 if s is not None else 0
        letters = "ijklmnpqrstuvw"[: more + 2]
        one, other = Tensor(f.tensor, tuple(map(Index, letters[2:] + letters[:2]))), letters[2:] + letters[1::-1]
        turned = Tensor(f.tensor, tuple(map(Index, other)))
        printer = _Printer(turned, one.letters or (), ascii, names, False, one)
        return f"{printer.left_side(one)} = {printer.text()}"
    if isinstance(f, Declared):
        return f"{f.kind}({_Printer(Number(Fraction(0)), (), ascii, names, False).name(f)})"
    said = f.size if isinstance(f, Range) else f.value
    printer = _Printer(Number(Fraction(0)) if isinstance(said, str) else said, (), ascii, names, False)
    text = said.replace("∞", "inf" if ascii else "∞") if isinstance(said, str) else printer.text()
    return f"{'dim' if isinstance(f, Range) else 'outside'}({printer.name(f)}) = {text}"


def _names(e: Expr) -> frozenset[str]:
    return frozenset(n.name for n in postorder(e) if isinstance(n, Tensor))


def _equation(eq: Equation, ascii: bool, names: frozenset[str], defines_delta: bool) -> str:
    printer = _Printer(eq.value, eq.letters, ascii, names, defines_delta, eq.target)
    return f"{printer.left_side(eq.target)} = {printer.text()}"


class _Printer(Spelled):
    """Prints one right side. ``letters`` are those of the left side."""

    def __init__(
        self,
        value: Expr,
        letters: Iterable[str],
        ascii: bool,
        names: frozenset[str],
        defines_delta: bool,
        target: Tensor | None = None,
    ) -> None:
        self.value, self.ascii, self.names = value, ascii, names
        self.letters = frozenset(letters) if target is not None else value.free
        self.target = target
        self.delta = not defines_delta
        self.order = list(postorder(value))
        self.explicit = self._explicit()
        self.dims = self._dims()

    def text(self) -> str:
        """The text of the right side."""
        uses: dict[Expr, int] = {}
        for n in self.order:
            for c in n.children:
                uses[c] = uses.get(c, 0) + 1
        done: dict[Expr, Shown] = {}
        for n in self.order:
            done[n] = self.shown(n, [done[c] for c in n.children])
            for c in n.children:
                uses[c] -= 1
                if not uses[c]:
                    del done[c]
        return done[self.value].text()

    # ------------------------------------------------------------------- what the whole equation says
    def _explicit(self) -> dict[Expr, set[str]]:
        """For every sum, the letters that must be written: read in place, they would have a second reading."""
        told: set[str] = set(self.letters)
        compared: set[str] = set()
        for n in self.order:
            match n:
                case Tensor():
                    told.update(i for s in n.subscripts for i in s.free)
                case Reduce():
                    told.update(n.indices)
                case Bracket():
                    if self._is_delta(n):
                        told.update(n.free)
                    else:
                        compared.update(n.free)
                case _:
                    pass
        self.indices = told | compared
        need: dict[Expr, set[str]] = {self.value: compared - told} if compared - told else {}
        for n in reversed(self.order):
            here = need.get(n)
            children = n.children
            if len(children) > 1 and not isinstance(n, (Add, Tensor)):
                seen: set[str] = set()
                clash: set[str] = set()
                for c in children:
                    letters = c.binds | c.free if c.binds else c.free
                    if seen and letters:
                        clash |= seen & letters
                    seen |= letters
                bound = {i for c in children for i in c.binds}
                clash &= bound
                if clash:
                    here = (here or set()) | clash
            if here:
                for c in children:
                    both = here & c.binds
                    if both:
                        need.setdefault(c, set()).update(both)
                        if isinstance(c, Sum):
                            need[c] |= both
        return need

    def _dims(self) -> dict[Dim, str]:
        """The letter by which a size is called, where ``dim(letter)`` reads back to the same size."""
        dims = [n for n in self.order if isinstance(n, Dim)]
        if not dims:
            return {}
        found: dict[Dim, str] = {}
        scopes: dict[str, list[Sum | Reduce]] = {}
        for n in self.order:
            if isinstance(n, (Sum, Reduce)):
                for i in n.indices:
                    scopes.setdefault(i, []).append(n)
        limited = {i for n in self.order if isinstance(n, Bracket) for i in n.free if limit(n, i) is not None}
        for i in sorted(self.letters - limited):  # not [l < dim(l)]
            d = axis_of(self.value, i)
            if d is None and self.target is not None and i in (self.target.letters or ()):
                axes = primal_axes(self.target)
                d = Dim(*axes[(self.target.letters or ()).index(i)]) if axes is not None else None
            if d is not None and all(axis_of(n.children[0], i) in (d, None) for n in scopes.get(i, ())):
                found.setdefault(d, i)
        for i, where in scopes.items():
            if i not in self.letters | limited and len(where) == 1:
                d = axis_of(where[0].children[0], i)
                if d is not None:
                    found.setdefault(d, i)
        return found

    def _is_delta(self, n: Bracket) -> bool:
        return (
            self.delta
            and n.relation == "="
            and isinstance(n.left, Index)
            and isinstance(n.right, Index)
            and n.left is not n.right
        )

    # ------------------------------------------------------------------- nodes
    def shown(self, n: Expr, below: list[Shown]) -> Shown:
        """The text of a node whose children are shown."""
        match n:
            case Number():
                return self._number(n.value)
            case Index():
                return Shown(ATOM, (self._name(n.name),), (n.name,))
            case Tensor():
                return self._tensor(n, below)
            case Add():
                return self._add(n, below)
            case Mul():
                return self._mul(n.factors, below)
            case Sum():
                return self._sum(n, below[0])
            case Call():
                return self._call(n, below)
            case Bracket():
                return self._bracket(n, below)
            case Reduce():
                return self._reduce(n, below)
            case Dim():
                return Shown(ATOM, (self._dim(n),))
            case _:
                raise TypeError(f"no text for {type(n).__name__}")

    def name(self, f: Fact) -> str:
        """What a fact is about."""
        return self._name(f.letter) if isinstance(f, Range) else self._tensor_name(f.tensor, rank=0)

    def left_side(self, target: Tensor) -> str:
        """The text of a left side."""
        return self._tensor(target, [self.shown(s, []) for s in target.subscripts], left=True).text()

    def _number(self, v: Fraction) -> Shown:
        text = digits(abs(v))
        level = TERM if v < 0 or "/" in text else ATOM
        if " " in text:
            level = SUM if v >= 0 else TERM
            text = f"({text})" if v < 0 else text
        s = Shown(level, (text,))
        s.minus = v < 0
        return s

    def _add(self, n: Add, below: list[Shown]) -> Shown:
        parts: list[str | Shown] = []
        terms = [term(self._grouped(t) if t.level == SUM else t if n is self.value else clear(t)) for t in below]
        for k, t in enumerate(terms):
            unsigned = bare(t)
            if t.minus:
                parts += [" - " if k else "-", unsigned]
            else:
                parts += [" + ", unsigned] if k else [unsigned]
        return Shown(SUM, parts, *gathered(terms))

    def _mul(self, factors: Sequence[Expr], below: Sequence[Shown]) -> Shown:
        parts: list[str | Shown] = []
        kept: list[Shown] = []
        under: list[bool] = []
        minus = False
        times = " * " if self.ascii else " · "
        before: Expr | None = None
        for k, (f, t) in enumerate(zip(factors, below, strict=True)):
            if k == 0 and isinstance(f, Number):
                minus = t.minus
                if f.value == -1 and not _divides(factors[1]):
                    continue
                kept.append(Shown(ATOM, (_wrap_sum(t),)))
                under.append(False)
                parts.append(kept[-1])
                before = f
                continue
            if _divides(f):
                if not kept:
                    kept.append(Shown(ATOM, ("1",)))
                    under.append(False)
                    parts.append("1")
                d = t.factors[1]
                last = k == len(factors) - 1
                if last and isinstance(f, Call) and isinstance(f.args[0], Sum) and t.alt is not None:
                    d = t.alt
                kept.append(d)
                under.append(True)
                parts += [" / ", d]
                before = f
                continue
            g = t
            if isinstance(f, Sum) and k == len(factors) - 1:
                g = t.alt or t  # Σ takes what follows, so that at the end nothing need hold it together
            elif t.level < POWER:
                g = self._grouped(clear(t))
            if kept or parts:
                parts.append(times if under[-1] or self._runs_on(before, f, g) else " ")
            kept.append(g)
            under.append(False)
            parts.append(g)
            before = f
        s = Shown(TERM, parts, *settled(kept, under if any(under) else None))
        s.minus = minus
        s.factors, s.under = kept, under if any(under) else None
        return s

    def _runs_on(self, before: Expr | None, f: Expr, g: Shown) -> bool:
        """Whether two factors side by side would be read as something else."""
        if isinstance(before, Tensor) and not before.subscripts:
            return before.name == "δ" or (before.name in SYMBOLS and g.first() == "(")
        return False

    def _grouped(self, t: Shown) -> Shown:
        """A text in parentheses, unless it holds together as a factor."""
        if t.level >= POWER:
            return t
        return Shown(ATOM, ("(", "-" if t.minus else "", bare(t), ")"), t.open, t.closed, t.soft)

    def _sum(self, n: Sum, body: Shown) -> Shown:
        need = self.explicit.get(n, ())
        factors = body.factors
        where = places(factors, body.under, ())
        written = [i for i in n.indices if i in need or where.get(i) != "here"]
        if not written:
            s = Shown(TERM, body.parts if body.level == TERM else (body,), *settled(factors, body.under))
            s.minus = body.minus if body.level == TERM else False
            s.factors, s.under = factors, body.under
            s.alt = self._written_sum(n.indices, body)
            s.raised = any(
                f.raised and sum(i in g.open for g in factors) == 1 for f in factors for i in n.indices if i in f.open
            )
            return s
        return self._written_sum(written, body)

    def _written_sum(self, written: Sequence[str], body: Shown) -> Shown:
        """A sum with its Σ; it binds as a product does, and takes all that follows."""
        body = term(body)
        opened = tuple(i for i in dict.fromkeys(body.open) if i not in written)
        closed = tuple(i for i in body.closed if i not in written and i not in opened)
        if self.ascii:
            return Shown(
                ATOM, (self._indexed("sum", written), "(", "-" if body.minus else "", bare(body), ")"), opened, closed
            )
        inner = self._grouped(body) if body.level == SUM or body.minus else body
        return Shown(TERM, (self._indexed("Σ", written), " ", inner), opened, closed)

    def _call(self, n: Call, below: list[Shown]) -> Shown:
        if n.function == "power":
            return self._power(n, below)
        if n.function in ("pi", "imaginary") and not n.args:
            return Shown(ATOM, (n.function if self.ascii else FUNCTIONS[n.function].shown,))
        below = [term(clear(t)) for t in below]
        parts: list[str | Shown] = [self._function(n.function), "("]
        for k, t in enumerate(below):
            parts += [", "] if k else []
            parts += ["-", bare(t)] if t.minus else [t]
        return Shown(ATOM, (*parts, ")"), *gathered(below)[:2])

    def _power(self, n: Call, below: list[Shown]) -> Shown:
        base, exponent = n.args
        b, x = below
        if _divides(n):
            assert isinstance(exponent, Number)
            divisor = (
                self._raised(base, b, Number(-exponent.value), x) if exponent.value != -1 else self._grouped(clear(b))
            )
            one = Shown(ATOM, ("1",))
            written = (b.alt or b) if exponent.value == -1 and isinstance(base, Sum) else None
            last = written or divisor  # nothing follows a quotient that stands alone
            s = Shown(TERM, (one, " / ", last), *settled((one, last), (False, True)))
            s.factors, s.under, s.alt = (one, divisor), (False, True), written
            return s
        return self._raised(base, b, exponent, x)

    def _raised(self, base: Expr, b: Shown, exponent: Expr, x: Shown) -> Shown:
        """``base^exponent``."""
        tensor = isinstance(base, Tensor)
        b, x = clear(b), term(clear(x))
        held = b
        if b.level != ATOM:
            b = term(b)
            held = Shown(ATOM, ("(", "-" if b.minus else "", bare(b), ")"))
        whole = isinstance(exponent, Number) and exponent.value.denominator == 1
        if isinstance(exponent, Number):
            text = digits(abs(exponent.value))
            if "/" in text and finite(exponent.value):
                text = decimal(abs(exponent.value))
            sign = "-" if exponent.value < 0 else ""
            up: tuple[str | Shown, ...] = (f"^({sign}{text})",) if "/" in text or " " in text else (f"^{sign}{text}",)
            opened, closed, soft = gathered((b,))
        else:
            opened, closed, soft = gathered((b, x))
            inner = x.text() if x.size < 200 else ""
            if isinstance(base, Tensor) and base.name == "e" and not base.subscripts:  # e^x is refused
                held = Shown(ATOM, ("(", held, ")"))
            if isinstance(exponent, Tensor) and not exponent.subscripts and inner.isalnum() and inner != "T":
                up = (f"^{inner}",)
            elif tensor and inner == "T":
                held, up = Shown(ATOM, ("(", held, ")")), ("^T",)
            elif tensor and _LABEL_LIKE.fullmatch(inner):
                up = ("^{", inner, "}")
            else:
                up = ("^(", "-" if x.minus else "", bare(x), ")")
        twice = whole and isinstance(exponent, Number) and exponent.value >= 2
        s = Shown(POWER, (held, *up), opened + opened if twice else opened, closed, soft if twice else ())
        s.raised = twice
        s.shaky = twice and (bool(b.closed) or len(set(b.open)) < len(b.open))
        return s

    def _bracket(self, n: Bracket, below: list[Shown]) -> Shown:
        left, right = below = [term(clear(t)) for t in below]
        if self._is_delta(n):
            letters = tuple(i.name for i in (n.left, n.right) if isinstance(i, Index))
            return Shown(ATOM, (self._indexed("delta" if self.ascii else "δ", letters),), letters)
        opened, closed, _ = gathered(below)
        relation = _ASCII_RELATIONS[n.relation] if self.ascii else n.relation
        signs = ["-" if t.minus else "" for t in below]
        opened += tuple(c for c in opened if c in left.open and c in right.open)
        return Shown(ATOM, ("[", signs[0], bare(left), f" {relation} ", signs[1], bare(right), "]"), opened, closed)

    def _reduce(self, n: Reduce, below: list[Shown]) -> Shown:
        body, at = term(clear(below[0])), below[1:]
        given, indices = occurrences(n.at), n.indices
        if is_matrix(n.op) and isinstance(n.body, Tensor):
            each = n.body.subscripts[:-2]
            plain = Tensor(n.body.name, (*each, Index(ROW), Index(COLUMN)))
            clear_of_entry = all(isinstance(i, Index) for i in each) and (
                len(each) != 2 or (bool(n.at) and not {*occurrences(each)} & {*given})
            )
            if clear_of_entry and reduce(n.op, (ROW, COLUMN), plain, n.at) is n:
                name = self._tensor_name(n.body.name, rank=len(each))
                inner = self._indexed("", [i.name for i in each if isinstance(i, Index)]) if each else ""
                given = (*occurrences(each), *given)
                entry = self._subscripts(n.at, at) if n.at else ""
                return Shown(ATOM, (f"{self._function(n.op)}({name}{inner})", entry), given)
            indices, body = self._lettered(n.body, indices, body)
        opened = tuple(dict.fromkeys([*(i for i in dict.fromkeys(body.open) if i not in indices), *given]))
        closed = tuple(i for i in body.closed if i not in indices and i not in opened)
        op = self._indexed(self._function(n.op), indices)
        parts: list[str | Shown] = [op, "(", "-" if body.minus else "", bare(body), ")"]
        own = tuple(Index(i) for i in indices)
        if n.at and not (n.at == own and (keeps(n.op) or (has_entries(n.op) and REDUCTIONS[n.op].axes == "uu"))):
            parts.append("[" + ", ".join(self._subscript(s, t) for s, t in zip(n.at, at, strict=True)) + "]")
        return Shown(ATOM, parts, opened, closed)

    def _lettered(self, n: Tensor, indices: tuple[str, ...], body: Shown) -> tuple[tuple[str, ...], Shown]:
        """A matrix that is written with letters for its rows and columns, which it has for us alone."""
        letters = n.letters
        if letters is None or ROW not in indices:
            return indices, body
        taken = {*letters, *self.indices}
        row = fresh("h", taken)
        new = (row, fresh(row, {*taken, row}))
        letters = (*letters[:-2], *new)
        return new, Shown(ATOM, (self._indexed(self._tensor_name(n.name, len(letters)), letters),), letters)

    # ------------------------------------------------------------------- tensors and their subscripts


# --------------------------------------------------------------------------- pieces
def _divides(f: Expr) -> bool:
    """Whether a factor is written under a /: a whole negative power."""
    if isinstance(f, Call) and f.function == "power":
        n = f.args[1]
        return isinstance(n, Number) and n.value < 0 and n.value.denominator == 1
    return False


def _wrap_sum(t: Shown) -> str:
    text = bare(t).text()
    return f"({text})" if t.level == SUM else text
