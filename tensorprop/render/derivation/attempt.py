"""A learner's formula in vectors and matrices, judged: what it says in index notation, and what is wrong with it.

In: a formula such as ``δz = δ W f′(z)``, the forward System and the derived rules. Out: a `Verdict`. The formula is
typed against the System: each name is a column (or a row), a matrix or a scalar, a product sums over what stands
between its two factors, ⊙ keeps what both have. Sizes are not known here: two axes fit if the equations make them
equally long.

    formula = [name "="] sum            product = factor (["@"] factor)*
    sum     = entrywise (± entrywise)*  factor  = atom ("ᵀ" | "^T" | "^⊤" | ".T" | "²")*
    entrywise = product (("⊙" | "*") product)*      atom = number | name | function "(" sum ")" | "(" sum ")"
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from tensorprop.calculus.simplify import simplify_expr
from tensorprop.calculus.slope import slope
from tensorprop.core.build import (
    ONE,
    add,
    bracket,
    call,
    fresh,
    mul,
    negate,
    number,
    power,
    rename,
    substitute,
    sum_over,
)
from tensorprop.core.canon import same
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Call, Expr, Index, Number, Sum, Tensor
from tensorprop.core.functions import SPELLED, is_known
from tensorprop.core.names import Derivative, adjoint_name, is_adjoint, parts_of_name, primal
from tensorprop.core.ranges import infer
from tensorprop.core.terms import factors_of
from tensorprop.core.walk import inline, postorder, tensors_of, transform
from tensorprop.errors import (
    AmbiguousNotation,
    ParseError,
    RankMismatch,
    SpecTooLong,
    TensorpropError,
    UnexpectedChar,
    UnexpectedEnd,
    UnknownName,
    meant,
)
from tensorprop.render.derivation.matrix import Shown, matrix
from tensorprop.render.derivation.passage import axes_of
from tensorprop.render.derivation.reasons import patterns
from tensorprop.render.derivation.sentences import Math, Sentence, entry, letter, letters, listed, say, whole
from tensorprop.render.layout import Convention
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["Verdict", "judge"]

_LIMIT = 2_000  # characters of a formula
_DEPTH = 50  # parentheses inside one another


@dataclass(frozen=True)
class Verdict:
    """``right`` or not, the formula as it was read, and sentences that say why."""

    formula: Math
    right: bool
    sentences: tuple[Sentence, ...]
    target: str

    def __str__(self) -> str:
        return "\n".join(s.unicode for s in self.sentences)


class _Misfit(Exception):
    """Two neighbours that do not fit."""

    def __init__(self, left: _Typed, right: _Typed, sign: str) -> None:
        super().__init__()
        self.left, self.right, self.sign = left, right, sign


@dataclass(frozen=True)
class _Typed:
    """A part of the formula: its entry, the letters of its rows and of its columns, and how it was written."""

    entry: Expr
    rows: str | None
    columns: str | None
    math: Math
    loose: bool = False  # a sum, which needs parentheses in a product

    @property
    def scalar(self) -> bool:
        return self.rows is None and self.columns is None


# --------------------------------------------------------------------------- reading
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<number>\d+(?:\.\d+)?)
    | (?P<name>(?:δ|∂[A-Za-z]*\s*/\s*∂)?[A-Za-zα-γε-ωΑ-Ω][A-Za-z0-9]*(?:\^\([^()]*\))?|δ|𝟏)
    | (?P<turn>ᵀ|\^\{?(?:T|⊤|\\top)\}?|\.T\b)
    | (?P<prime>['′]+)
    | (?P<square>²|\^2)
    | (?P<sign>[-+−=()@*⊙∘·/])
    | (?P<bad>.)
    )""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    span: tuple[int, int]


def _tokens(text: str) -> list[_Token]:
    if len(text) > _LIMIT:
        raise SpecTooLong(f"the formula has {len(text):,} characters; the limit is {_LIMIT:,}")
    found: list[_Token] = []
    end = len(text.rstrip())
    at = 0
    text = text[:end]
    while at < end:
        match = _TOKEN.match(text, at)
        assert match is not None
        kind = match.lastgroup or "bad"
        token = _Token(kind, _spelled(match[kind]) if kind == "name" else match[kind], match.span(kind))
        if kind == "bad":
            raise UnexpectedChar(
                f"{token.text!r} has no meaning in a formula of matrices",
                text,
                token.span,
                fix="write names, juxtaposition or @, ⊙ or *, ᵀ or ^T, + and −, f′(z)",
            )
        found.append(token)
        at = match.end()
    return found


# What people paste from a page, and what they type without Greek letters.
_LATEX = {
    "\\odot": "⊙",
    "\\circ": "⊙",
    "\\delta ": "δ",
    "\\delta": "δ",
    "delta ": "δ",
    "\\partial ": "∂",
    "\\,": " ",
    "\\mathbf{1}": "𝟏",
}


def _spelled(name: str) -> str:
    """``∂E/∂z`` is δz."""
    return adjoint_name(str(made.by[-1])) if isinstance(made := parts_of_name(name), Derivative) else name


class _Reader:
    """A recursive descent; ``name`` and ``function`` give what a name stands for."""

    def __init__(self, text: str, tensor: Callable[[str, _Token], _Typed], types: _Types) -> None:
        self._text = text.rstrip()
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0
        self._tensor = tensor
        self._types = types

    def peek(self) -> _Token | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def _sign(self, *signs: str) -> str | None:
        token = self.peek()
        if token is not None and token.kind == "sign" and token.text in signs:
            self._at += 1
            return token.text
        return None

    def formula(self) -> _Typed:
        value = self._sum()
        rest = self.peek()
        if rest is not None:
            raise UnexpectedChar(f"{rest.text!r} is not expected here", self._text, rest.span)
        return value

    def _sum(self) -> _Typed:
        self._depth += 1
        if self._depth > _DEPTH:
            raise ParseError(f"more than {_DEPTH} parentheses inside one another", self._text)
        lead = self._sign("-", "−", "+")
        value = self._entrywise()
        if lead in ("-", "−"):
            value = _Typed(
                negate(value.entry),
                value.rows,
                value.columns,
                Math(f"−{value.math.unicode}", f"-{value.math.latex}"),
                True,
            )
        while sign := self._sign("+", "-", "−"):
            value = self._types.plus(value, self._entrywise(), sign != "+")
        self._depth -= 1
        return value

    def _entrywise(self) -> _Typed:
        value = self._product()
        while self._sign("⊙", "*", "∘"):
            value = self._types.entrywise(value, self._product())
        return value

    def _product(self) -> _Typed:
        value = self._factor()
        while True:
            self._sign("@", "·")
            token = self.peek()
            if token is not None and token.kind == "sign" and token.text == "/":
                self._at += 1
                under = self._factor()
                if not under.scalar:
                    raise ParseError("only a scalar may stand under a fraction", self._text, token.span)
                value = self._types.times(value, _Typed(power(under.entry, number(-1)), None, None, Math(
                    f"/ {under.math.unicode}", f"/ {under.math.latex}")))  # fmt: skip
                continue
            if token is None or (token.kind not in ("name", "number") and token.text != "("):
                return value
            value = self._types.times(value, self._factor())

    def _factor(self) -> _Typed:
        value = self._atom()
        while (token := self.peek()) is not None and token.kind in ("turn", "square"):
            self._at += 1
            if token.kind == "turn":
                value = _Typed(value.entry, value.columns, value.rows, _after(value, "ᵀ", r"^\top"))
            else:
                value = _Typed(power(value.entry, number(2)), value.rows, value.columns, _after(value, "²", "^2"))
        return value

    def _atom(self) -> _Typed:
        token = self.peek()
        if token is None:
            raise UnexpectedEnd(
                "the formula ends where a name is needed", self._text, (len(self._text), len(self._text))
            )
        self._at += 1
        if token.kind == "number":
            return _Typed(number(token.text), None, None, Math(token.text, token.text))
        if token.kind == "sign" and token.text == "(":
            value = self._sum()
            if not self._sign(")"):
                raise UnexpectedEnd("a parenthesis is not closed", self._text, token.span)
            return _Typed(
                value.entry, value.rows, value.columns, Math(f"({value.math.unicode})", f"({value.math.latex})")
            )
        if token.kind != "name":
            raise UnexpectedChar(f"{token.text!r} is not expected here", self._text, token.span)
        primes = 0
        after = self.peek()
        if after is not None and after.kind == "prime":
            primes, self._at = len(after.text), self._at + 1
        opened = self.peek()
        joined = opened is not None and opened.text == "(" and opened.span[0] == self._tokens[self._at - 1].span[1]
        if primes or (joined and self._types.is_function(token.text)):
            if not self._sign("("):
                raise UnexpectedEnd("a function needs its argument: f′(z)", self._text, token.span)
            value = self._sum()
            if not self._sign(")"):
                raise UnexpectedEnd("a parenthesis is not closed", self._text, token.span)
            return self._types.apply(token.text, primes, value)
        return self._tensor(token.text, token)


def _after(value: _Typed, unicode: str, latex: str) -> Math:
    bare = len(value.math.unicode) <= 3 or value.math.unicode.endswith(")") or " " not in value.math.unicode
    u, x = (value.math.unicode, value.math.latex) if bare else (f"({value.math.unicode})", f"({value.math.latex})")
    return Math(u + unicode, x + latex)


# --------------------------------------------------------------------------- typing
_ANY = ("?", 0)  # the range of a vector of ones, which takes that of its neighbour


class _Types:
    """Which axes a part has, and what a product or ⊙ does with them."""

    def __init__(self, s: System, convention: Convention) -> None:
        self._system = s
        self._ranges = infer(s)
        self._row = convention.layout == "row"
        self.range: dict[str, tuple[str, int]] = {}
        self.names: dict[str, str] = {}  # how a letter is shown: as the forward equations call the axis
        self._count = 0
        self._letters: dict[tuple[str, int], str] = {}
        for eq in s:
            for t in (eq.target, *tensors_of(eq.value)):
                for axis, i in enumerate(t.subscripts):
                    if isinstance(i, Index):
                        self._letters.setdefault((t.name, axis), i.name)

    def is_function(self, name: str) -> bool:
        return name not in self._system.names and not is_adjoint(name)

    def _new(self, axis: tuple[str, int]) -> str:
        self._count += 1
        i = f"·{self._count}"
        self.range[i] = axis
        return i

    def find(self, name: str, axis: int) -> tuple[str, int]:
        """The class of an axis: equal for two that the equations make equally long."""
        stem = primal(name)
        return self._ranges.find(stem, axis)

    def shown(self, i: str) -> str:
        """The letter that the forward equations have for an axis."""
        axis = self.range[i]
        return self._letters.get(axis) or next(
            (x for a, x in self._letters.items() if self._ranges.find(*a) == axis), "?"
        )

    def tensor(self, name: str) -> _Typed:
        stem = primal(name)
        n = self._system.rank(stem)
        if n > 2:
            raise RankMismatch(f"{name} has {n} axes, and a matrix has two", fix="write its rule in index notation")
        own = [self._new(self.find(name, axis)) for axis in range(n)]
        value = Tensor(name, tuple(map(Index, own)))
        if n == 2:
            return _Typed(value, own[0], own[1], whole(name))
        if n == 1:
            return _Typed(value, None, own[0], whole(name)) if self._row else _Typed(value, own[0], None, whole(name))
        return _Typed(value, None, None, whole(name))

    def ones(self) -> _Typed:
        i = self._new(_ANY)
        return (
            _Typed(ONE, None, i, Math("𝟏", r"\mathbf{1}"))
            if self._row
            else _Typed(ONE, i, None, Math("𝟏", r"\mathbf{1}"))
        )

    def apply(self, name: str, primes: int, value: _Typed) -> _Typed:
        if name == "diag" and not primes and (value.rows is None) != (value.columns is None):
            i = value.rows or value.columns
            assert i is not None
            j = self._new(self.range[i])
            math = Math(f"diag({value.math.unicode})", rf"\operatorname{{diag}}({value.math.latex})")
            return _Typed(mul(value.entry, bracket("=", Index(i), Index(j))), i, j, math)
        function = SPELLED.get(name, name)
        if is_known(function):
            e = call(function, value.entry)
            for _ in range(primes):
                e = slope(function, 0, (value.entry,), e)
        else:
            e = call(function + "′" * primes, value.entry)
        shown = name + "′" * primes
        math = Math(f"{shown}({value.math.unicode})", f"{LATEX.function(shown)}({value.math.latex})")
        return _Typed(e, value.rows, value.columns, math)

    def _fit(self, i: str | None, j: str | None) -> bool:
        if i is None or j is None:
            return i is j
        return self.range[i] == self.range[j] or _ANY in (self.range[i], self.range[j])

    def times(self, a: _Typed, b: _Typed) -> _Typed:
        math = Math(f"{a.math.unicode} {b.math.unicode}", f"{a.math.latex} {b.math.latex}")
        if a.scalar or b.scalar:
            keep = b if a.scalar else a
            return _Typed(mul(a.entry, b.entry), keep.rows, keep.columns, math)
        if not self._fit(a.columns, b.rows):
            raise _Misfit(a, b, "product")
        if a.columns is None or b.rows is None:
            return _Typed(mul(a.entry, b.entry), a.rows, b.columns, math)
        kept, gone = (
            (a.columns, b.rows) if self.range[b.rows] == _ANY or self.range[a.columns] != _ANY else (b.rows, a.columns)
        )
        one, other = (substitute(e, {gone: Index(kept)}) for e in (a.entry, b.entry))
        return _Typed(sum_over([kept], mul(one, other)), a.rows, b.columns, math)

    def entrywise(self, a: _Typed, b: _Typed) -> _Typed:
        math = Math(f"{a.math.unicode} ⊙ {b.math.unicode}", rf"{a.math.latex} \odot {b.math.latex}")
        if a.scalar or b.scalar:
            keep = b if a.scalar else a
            return _Typed(mul(a.entry, b.entry), keep.rows, keep.columns, math)
        return _Typed(mul(a.entry, self._like(a, b, "⊙")), a.rows, a.columns, math, True)

    def plus(self, a: _Typed, b: _Typed, minus: bool) -> _Typed:
        sign = "−" if minus else "+"
        math = Math(
            f"{a.math.unicode} {sign} {b.math.unicode}", f"{a.math.latex} {'-' if minus else '+'} {b.math.latex}"
        )
        if a.scalar != b.scalar:  # 1 − h²: the number serves every entry
            keep = b if a.scalar else a
            right = negate(b.entry) if minus else b.entry
            return _Typed(add(a.entry, right), keep.rows, keep.columns, math, True)
        other = self._like(a, b, sign)
        return _Typed(add(a.entry, negate(other) if minus else other), a.rows, a.columns, math, True)

    def _like(self, a: _Typed, b: _Typed, sign: str) -> Expr:
        if not (self._fit(a.rows, b.rows) and self._fit(a.columns, b.columns)):
            raise _Misfit(a, b, sign)
        pairs = [(i, j) for i, j in ((a.rows, b.rows), (a.columns, b.columns)) if i is not None and j is not None]
        return substitute(b.entry, {j: Index(i) for i, j in pairs})


# --------------------------------------------------------------------------- which rule is meant
class _Candidate(NamedTuple):
    """A rule, some of its δ put in."""

    name: str
    eq: Equation


def _candidates(rules: System) -> Iterator[_Candidate]:
    for rule in rules:
        value = rule.value
        yield _Candidate(rule.name, rule)
        for _ in range(8):
            inner = next((t.name for t in tensors_of(value) if t.name in rules), None)
            if inner is None:
                break
            value = simplify_expr(inline(value, {inner: (rules[inner].letters, rules[inner].value)}))
            yield _Candidate(rule.name, equation(rule.target, value))


def _deltas(e: Expr) -> set[str]:
    return {t.name for t in tensors_of(e) if is_adjoint(t.name)}


def _content(e: Expr) -> Counter[str]:
    """The names of tensors and functions in an expression."""
    found: Counter[str] = Counter()
    for n in postorder(e):
        if isinstance(n, Tensor):
            found[n.name] += 1
        elif isinstance(n, Call) and n.function != "power":
            found[n.function] += 1
    return found


def judge(attempt: str, s: System, rules: System, convention: Convention) -> Verdict:
    """Whether a formula in matrices is one of the rules, and if not, why.

    Errors: ParseError for what is no formula, UnknownName for a name that is not in the equations.
    """
    for command, sign in _LATEX.items():
        attempt = attempt.replace(command, sign)
    left, equals, right = attempt.partition("=")
    asked = _asked(left, s, rules) if equals else None
    body = right if equals else attempt
    mentioned = {t.text for t in _tokens(body) if t.kind == "name"}
    chosen = [c for c in _candidates(rules) if asked is None or c.name == asked]
    named = {m for m in mentioned if is_adjoint(m)}
    unknown = [m for m in sorted(named) if primal(m) not in s.names]
    if unknown:
        raise _no_name(unknown[0], attempt, s)
    chosen = [c for c in chosen if named <= _deltas(c.eq.value)] or chosen
    chosen.sort(key=lambda c: -_likeness(c, mentioned))
    tried = [_Judge(c, body, attempt, s, convention) for c in chosen[:6]]
    return next((j.verdict for j in tried if j.verdict.right), tried[0].verdict)


def _likeness(c: _Candidate, mentioned: set[str]) -> float:
    own = set(_content(c.eq.value))
    if "δ" in mentioned and len(_deltas(c.eq.value)) == 1:
        own = (own - _deltas(c.eq.value)) | {"δ"}
    own = {n.rstrip("′") for n in own}
    return len(own & mentioned) / len(own | mentioned)


def _asked(left: str, s: System, rules: System) -> str:
    name = _spelled(left.strip())
    if name == "δ":
        name = next(iter(rules)).name
    if not is_adjoint(name) and adjoint_name(name) in rules:
        name = adjoint_name(name)
    if name not in rules:
        raise UnknownName(
            f"no rule for {name} is derived here",
            known=f"rules: {', '.join(r.name for r in rules)}",
            fix="name the tensor in wrt",
        )
    return name


def _no_name(name: str, text: str, s: System) -> UnknownName:
    at = text.find(name)
    return UnknownName(
        f"no tensor {primal(name)} in these equations",
        text,
        (at, at + len(name)) if at >= 0 else None,
        known=f"known: {', '.join(s.names)}, and the δ of each",
        fix=meant(primal(name), s.names),
    )


class _Judge:
    """One formula against one rule."""

    def __init__(self, c: _Candidate, body: str, text: str, s: System, convention: Convention) -> None:
        self._rule = c.eq
        self._system = s
        self._text = text
        self._body = body
        self._types = _Types(s, convention)
        self._axes = axes_of(s)
        self._shown = matrix(c.eq, convention)
        self._convention = convention
        reader = _Reader(body, self._name, self._types)
        head = whole(c.name)
        try:
            typed = reader.formula()
        except _Misfit as misfit:
            plain = Math(f"{head.unicode} = {body.strip()}", f"{head.latex} = {_texed(body)}")
            self.verdict = Verdict(plain, False, tuple(self._misfit(misfit)), c.name)
            return
        formula = Math(f"{head.unicode} = {typed.math.unicode}", f"{head.latex} = {typed.math.latex}")
        sentences, right = self._compared(typed)
        self.verdict = Verdict(formula, right, tuple(sentences), c.name)

    def _name(self, name: str, token: _Token) -> _Typed:
        if name in ("𝟏", "ones"):
            return self._types.ones()
        if name == "δ":
            inside = sorted(_deltas(self._rule.value))
            if len(inside) != 1:
                raise AmbiguousNotation(
                    f"δ could be {' or '.join(inside)}" if inside else "δ stands for nothing in this rule",
                    self._text,
                    fix="name it: " + ", ".join(inside) if inside else None,
                )
            name = inside[0]
        if primal(name) not in self._system.names:
            raise _no_name(name, self._text, self._system)
        return self._types.tensor(name)

    # ----------------------------------------------------------------- what does not fit
    def _misfit(self, misfit: _Misfit) -> Iterator[Sentence]:
        a, b = misfit.left, misfit.right
        both = Math(f"{a.math.unicode} {b.math.unicode}", f"{a.math.latex} {b.math.latex}")
        if misfit.sign == "product":
            yield say(
                "{A} and {B} do not fit as neighbours. {A} is {sa} and {B} is {sb}; in {f} the product would sum over "
                "what stands between them, the columns of {A} ({ca}) with the rows of {B} ({rb}), and these are not "
                "the same.",
                A=a.math,
                B=b.math,
                sa=self._shape(a),
                sb=self._shape(b),
                f=both,
                ca=self._axis(a.columns),
                rb=self._axis(b.rows),
            )
        else:
            sign = Math(misfit.sign, r"\odot" if misfit.sign == "⊙" else misfit.sign.replace("−", "-"))
            yield say(
                "{A} {sign} {B} does not fit: {A} is {sa} and {B} is {sb}, and {sign} needs the same indices on both "
                "sides.",
                A=a.math,
                B=b.math,
                sign=sign,
                sa=self._shape(a),
                sb=self._shape(b),
            )
        yield from self._one_turn()
        yield from self._instead()

    def _one_turn(self) -> Iterator[Sentence]:
        """Whether one transpose more, or one fewer, makes the formula the rule."""
        tokens = _tokens(self._body)
        for token, after in zip(tokens, [*tokens[1:], None], strict=True):
            known = primal(token.text) in self._system.names
            if token.kind != "name" or not known or self._system.rank(primal(token.text)) != 2:
                continue
            turned_ = after is not None and after.kind == "turn"
            at, end = after.span if after is not None and turned_ else (token.span[1],) * 2
            other = _Judge.__new__(_Judge)
            other.__dict__.update(self.__dict__, _types=_Types(self._system, self._convention))
            try:
                typed = _Reader(
                    self._body[:at] + ("" if turned_ else "ᵀ") + self._body[end:], other._name, other._types
                )
                right = other._compared(typed.formula())[1]
            except (_Misfit, TensorpropError):
                continue
            if right:
                text = "{W} is transposed, and should not be." if turned_ else "{W} should be transposed, and is not."
                yield say(text, W=whole(token.text))
                return

    def _instead(self) -> Iterator[Sentence]:
        """What the rule is, and why no other order would do."""
        rule = self._rule
        yield say(
            "In index notation the rule is {rule}. There the factors are numbers, and the order of the chain rule, or "
            "any other, is right.",
            rule=_line(rule, self._axes),
        )
        pattern = next(iter(patterns(rule.value, rule.letters)))
        if pattern.summed:
            j = pattern.summed
            verb = "is" if len(pattern.kept) == 1 else "are"
            yield say(
                "Matrices do not commute, because their order says which index is summed: the one that two neighbours "
                "share. Here {j} is summed ({who}), and {left} {verb} left.",
                verb=verb,
                j=letters(j),
                who=listed([entry(f, self._axes) for f in pattern.factors if f.free & set(j)]),
                left=letters(pattern.kept) if pattern.kept else "nothing",
            )
        kept = [i for i in pattern.kept if len(pattern.having(i)) > 1]
        if kept:
            yield say(
                "{i} is kept by {who} and not summed, so these meet entry by entry: ⊙, and no product of matrices.",
                i=letters(kept),
                who=listed([entry(f, self._axes) for f in pattern.having(kept[0])]),
            )
        if self._shown.unicode:
            yield say("Right is {f}.", f=Math(self._shown.unicode, self._shown.latex))

    def _shape(self, t: _Typed) -> Math:
        rows, columns = (self._size(i) for i in (t.rows, t.columns))
        return Math(f"{rows} × {columns}", rf"{rows} \times {columns}")

    def _size(self, i: str | None) -> str:
        return "1" if i is None else f"|{self._types.shown(i)}|"

    def _axis(self, i: str | None) -> Math | str:
        return "there is only one" if i is None else letter(self._types.shown(i))

    # ----------------------------------------------------------------- what fits, and may be wrong
    def _compared(self, typed: _Typed) -> tuple[list[Sentence], bool]:
        rule = self._rule
        own = [i for i in (typed.rows, typed.columns) if i is not None]
        axes = [self._types.find(rule.name, axis) for axis in range(len(rule.letters))]
        found = [self._types.range[i] for i in own]
        if len(own) != len(axes):
            return [self._other_shape(typed), *self._instead()], False
        straight = dict(zip(own, rule.letters, strict=True))
        crossed = dict(zip(own, rule.letters[::-1], strict=True))
        if len(own) == 2 and not self._equal(typed.entry, straight) and self._equal(typed.entry, crossed):
            return [
                say(
                    "The right numbers, transposed: {x} has the indices {i} in this order, and the formula gives them "
                    "the other way round.",
                    x=entry(rule.target),
                    i=letters(rule.letters),
                ),
                self._right(),
            ], False
        if found != axes and not all(a == b or _ANY in (a, b) for a, b in zip(found, axes, strict=True)):
            return [self._other_shape(typed), *self._instead()], False
        said = _Said(simplify_expr(rename(typed.entry, straight)), rule, self._types, self._axes)
        if self._equal(typed.entry, straight):
            flat = len(own) == 1 and (typed.rows is None) != (self._convention.layout == "row")
            if flat:
                return [
                    say(
                        "The right numbers, lying down: the formula gives a row, and {x} is a column.",
                        x=whole(rule.name),
                    ),
                    self._right(),
                ], False
            return [
                say("This is right: read entry by entry it says {f}, which is the rule.", f=said.line),
            ], True
        return [say("It fits, and is wrong. Read entry by entry it says {f}; the rule is {r}.", f=said.line,
                    r=_line(rule, self._axes)), *self._difference(said.value), self._right()], False  # fmt: skip

    def _right(self) -> Sentence:
        shown: Shown = self._shown
        return say(
            "Right is {f}.", f=Math(shown.unicode, shown.latex) if shown.unicode else _line(self._rule, self._axes)
        )

    def _other_shape(self, typed: _Typed) -> Sentence:
        target = self._types.tensor(self._rule.name)
        return say(
            "{f} is {sf}, and {x} is {sx}: the wrong index is summed, or too few are.",
            f=typed.math,
            sf=self._shape(typed),
            x=whole(self._rule.name),
            sx=self._shape(target),
        )

    def _equal(self, e: Expr, names: dict[str, str]) -> bool:
        mine, theirs = rename(e, names), self._rule.value
        if same(mine, theirs):
            return True
        full = {eq.name: (eq.letters, eq.value) for eq in self._system}
        for _ in self._system:
            mine, theirs = inline(mine, full), inline(theirs, full)
        return same(mine, theirs)

    def _difference(self, value: Expr) -> Iterator[Sentence]:
        mine, theirs = _content(value), _content(self._rule.value)
        missing, extra = theirs - mine, mine - theirs
        for f, at in _taken(value).items():
            there = _taken(self._rule.value).get(f, at)
            if there != at:
                yield say("{f} is taken at {x}, and should be at {y}.", f=_called(f), x=listed([whole(n) for n in at]),
                          y=listed([whole(n) for n in there]))  # fmt: skip
                return
        if missing:
            yield say("What is missing: {m}.", m=listed([_called(n) for n in missing]))
        if extra:
            yield say("What should not be there: {m}.", m=listed([_called(n) for n in extra]))
        if missing or extra:
            return
        front, wanted = _coefficient(value), _coefficient(self._rule.value)
        if front and front != wanted and same(mul(number(wanted / front), value), self._rule.value):
            if front == -wanted:
                yield say("The sign is wrong.")
            else:
                yield say(
                    "The number in front is {a}, and should be {b}.", a=entry(number(front)), b=entry(number(wanted))
                )
            return
        for t in dict.fromkeys(tensors_of(self._rule.value)):
            there = next((u for u in tensors_of(value) if u.name == t.name), None)
            if there is None or len(t.subscripts) != 2:
                continue
            one, other = _summed_axis(self._rule.value, t), _summed_axis(value, there)
            if one and other and one != other:
                words = {1: "first", 2: "second"}
                yield say(
                    "The rule sums over {W}'s {one} index, the formula over its {other}.",
                    W=whole(t.name),
                    one=words[one],
                    other=words[other],
                )


class _Said:
    """What a formula says entry by entry, in the letters of the rule."""

    def __init__(self, value: Expr, rule: Equation, types: _Types, axes: Mapping[tuple[str, int], str]) -> None:
        taken = set(rule.letters) | {i for i in value.binds if not i.startswith("·")}
        names: dict[str, str] = {}

        def rule_(e: Expr) -> Expr:
            if isinstance(e, Sum) and any(i.startswith("·") for i in e.indices):
                new: dict[str, str] = {}
                for i in e.indices:
                    new[i] = names.setdefault(i, _free(types.shown(i), taken)) if i.startswith("·") else i
                return sum_over(new.values(), rename(e.body, {a: b for a, b in new.items() if a != b}))
            return e

        self.value = transform(value, rule_)
        self.line = _line(equation(rule.target, self.value), axes)


def _free(like: str, taken: set[str]) -> str:
    i = like if like not in taken and like != "?" else fresh("k", taken)
    taken.add(i)
    return i


def _taken(e: Expr) -> dict[str, tuple[str, ...]]:
    """At which tensors every function is taken."""
    return {
        n.function: tuple(dict.fromkeys(t.name for a in n.args for t in tensors_of(a)))
        for n in postorder(e)
        if isinstance(n, Call) and n.function != "power"
    }


def _coefficient(e: Expr) -> Fraction:
    """The number in front."""
    body = e.body if isinstance(e, Sum) else e
    found = Fraction(1)
    for f in factors_of(body):
        if isinstance(f, Number):
            found *= f.value
        elif isinstance(f, Sum):
            found *= _coefficient(f)
    return found


def _summed_axis(value: Expr, t: Tensor) -> int | None:
    """Which axis of a matrix is summed, counted from 1; None for none or both."""
    bound = {i for n in postorder(value) if isinstance(n, Sum) for i in n.indices}
    hits = [k + 1 for k, s in enumerate(t.subscripts) if isinstance(s, Index) and s.name in bound]
    return hits[0] if len(hits) == 1 else None


def _line(eq: Equation, axes: Mapping[tuple[str, int], str]) -> Math:
    return Math(UNICODE.equation(eq, axes), LATEX.equation(eq, axes))


def _called(name: str) -> Math:
    if name.rstrip("′″") != name:
        return Math(name, LATEX.function(name))
    return whole(name) if not is_known(name) else Math(UNICODE.function(name), LATEX.function(name))


def _texed(body: str) -> str:
    table = {
        "⊙": r"\odot ",
        "*": r"\odot ",
        "ᵀ": r"^\top",
        "δ": r"\delta ",
        "′": "'",
        "−": "-",
        "@": " ",
        "𝟏": r"\mathbf{1}",
    }
    return "".join(table.get(c, c) for c in body.strip().replace("^T", "ᵀ"))
