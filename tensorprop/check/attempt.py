"""A learner's formula in vectors and matrices, judged: what it says in index notation, and what is wrong with it.

In: a formula such as ``δz = δ W f′(z)``, the forward System and the derived rules. Out: a `Judgement`. The formula is
read by ``render.reading``; whether it is the rule is decided, and what slip makes it of the rule is diagnosed, by the
same code as for a rule in index notation. Said here is what index notation cannot say: which neighbours do not fit,
and why no other order would do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.page import Given, Page, read
from tensorprop.check.court import Candidate, Court
from tensorprop.check.intended import asked_of, deltas_in, likeness, mentioned_in
from tensorprop.check.prove.decide import Decision
from tensorprop.check.report import Diagnosis, Finding, Report, Verdict, typeset
from tensorprop.core.build import rename
from tensorprop.core.equation import Equation, System, equation
from tensorprop.core.expr import Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.ranges import sized
from tensorprop.errors import AmbiguousNotation, RankMismatch, TensorpropError, UnexpectedEnd, UnknownName
from tensorprop.render.derivation.contents import Judgement
from tensorprop.render.derivation.index_table import patterns
from tensorprop.render.derivation.matrix import MatrixForm, matrix, named_masks
from tensorprop.render.derivation.sentences import Math, Sentence, entry, letter, letters, listed, say, whole
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.masks import as_told
from tensorprop.render.notation import LATEX, UNICODE
from tensorprop.render.reading.formulas import (
    FormulaText,
    ReadFormula,
    every_meant,
    is_indexed,
    lettered,
    read_line,
    split,
    with_told,
)
from tensorprop.render.reading.lengths import Known
from tensorprop.render.reading.lexemes import Lexeme, tokens
from tensorprop.render.reading.python import is_code
from tensorprop.render.reading.statements import OtherLength, is_loop, read_loops
from tensorprop.render.reading.typed import Misfit, Typed, Types

__all__ = ["Judged", "check_formulas", "judge"]

_CANDIDATES = 6  # rules that a formula without a left side is held against


@dataclass(frozen=True)
class Judged:
    """The verdict, the formula in index notation if it has a reading, and what the judges of rules said of it."""

    judgement: Judgement
    rule: Equation
    equation: Equation | None = None
    decision: Decision | None = None
    diagnosis: Diagnosis | None = None


def judge(attempt: str, s: System, rules: System, convention: Convention, given: Given = ()) -> Judged:
    """Whether a formula in matrices is one of the rules, and if not, why.

    It is right in the convention that is asked for, or in another one, which is said then: vectors as rows, samples as
    columns, numerator layout. ``given``: what is known of the inputs. Of several formulas, a line each, the judgement
    is that of the first that is wrong, and has those of all as its ``lines``.

    Errors: ParseError for what is no formula, UnknownName for a name that is not in the equations.
    """
    court = Court(s, rules, given)
    if is_loop(attempt):
        found = _of_loops(attempt, court, convention.over((*s, *rules)))
    else:
        texts = list(split(attempt))
        if not texts:
            raise UnexpectedEnd("the formula ends where a name is needed", attempt, (len(attempt), len(attempt)))
        found = [_judged(line, court, convention, attempt if len(texts) == 1 else "") for line in texts]
    first = next((one for one in found if not one.judgement.right), found[0])
    lines = tuple(one.judgement for one in found)
    return replace(first, judgement=replace(first.judgement, lines=lines)) if len(lines) > 1 else first


def check_formulas(text: str, page: Page, convention: Convention | None = None) -> Report:
    """Backward rules that are written as formulas, one a line, each judged; see `check`."""
    s, labels = page.system, whole_numbers(page.system)
    wanted = [name for name in s.names if name not in s.outputs and name not in labels]
    court = Court(s, adjoint(s, wrt=wanted), page.given)
    verdicts: list[Verdict] = []
    for line in split(text):
        found = _judged(line, court, convention or Convention())
        sentences = found.judgement.sentences
        if found.diagnosis is not None and found.diagnosis.kind != "unknown":  # it is told above
            sentences = (sentences[0], sentences[-1])
        tensor, said = primal(found.rule.name), "\n".join(map(str, sentences))
        finding = None if found.judgement.right else Finding("formula", tensor, note=said, diagnosis=found.diagnosis)
        proved = found.decision is not None and found.decision.proved
        how = found.decision.how if found.decision is not None else ""
        rule = found.equation or found.rule
        verdicts.append(Verdict(rule, found.rule, True, proved, 0, finding, how, found.judgement.formula.unicode))
    given = tuple(f"{left} = {right}" for left, right in page.given)
    return Report("Formulas", s, tuple(verdicts), given)


def _of_loops(text: str, court: Court, convention: Convention) -> list[Judged]:
    """The rules that loops fill in, entry by entry."""
    try:
        found = read_loops(text, Types(court.names.copy(), convention))
    except OtherLength as other:
        name = asked_of(other.tensor, court.rules)
        told = say("The loop over {i} counts axes of different lengths: one of them has another index.", i=other.loop)
        sentences = (told, *_by_name(name, text, court, convention).instead())
        return [Judged(Judgement(whole(name), False, sentences, name), court.rules[name])]
    if not found:
        raise UnknownName("no array of these equations is filled in the loops", text, fix="write dW[i, j] += …")
    return [_by_name(asked_of(eq.name, court.rules), text, court, convention, eq).of_entries(eq) for eq in found]


def _by_name(name: str, text: str, court: Court, convention: Convention, eq: Equation | None = None) -> _Judge:
    """The judge of a rule by its name; of several forms of it by the one that ``eq`` is."""
    forms = [c for c in (*court.candidates, *court.ends) if c.name == name]
    same = (c for c in forms if eq is not None and court.decided(_as(eq, c.eq), c.eq).proved)
    return _Judge(court, next(same, forms[0]), FormulaText(name, "", text), text, convention, "", False)


def _as(eq: Equation, other: Equation) -> Equation:
    """A rule in the letters of another."""
    return eq.rename(dict(zip(eq.letters, other.letters, strict=True)))


def _judged(line: FormulaText, court: Court, convention: Convention, raw: str = "") -> Judged:
    """One formula, held against every rule that it may be; ``raw`` is its text before it was read as a formula."""
    s, rules, attempt = court.system, court.rules, line.text
    named = [as_told(mask) for _, mask in named_masks(s)]
    said = {one.name for one in line.defined}
    more = [one for one in named if one.name not in said and re.search(rf"(?<!\w){one.name}(?![A-Za-z\d_])", line.body)]
    line = replace(line, defined=(*line.defined, *more))
    if not line.body.strip():
        raise UnexpectedEnd("the formula ends where a name is needed", attempt, (len(attempt), len(attempt)))
    if (entries := _entries(line, raw, court)) is not None:
        rule = next((c for c in court.candidates if c.name == entries.name), None)
        if rule is not None:
            return _Judge(court, rule, line, attempt, convention.over((*s, *rules)), "", False).of_entries(entries)
    asked = asked_of(line.left, rules) if line.left is not None else None
    mentioned = mentioned_in(line, court.names)
    chosen = [c for c in (*court.ends, *court.candidates) if asked is None or c.name == asked]
    named = {m for m in mentioned if is_adjoint(m)}
    chosen = [c for c in chosen if named <= deltas_in(c.eq.value)] or chosen
    chosen.sort(key=lambda c: (c not in court.ends, -likeness(c, mentioned)))
    for way, (told, standing) in _ways(convention):
        for c in chosen[:_CANDIDATES]:
            one = _Judge(court, c, line, attempt, way.over((*s, *rules)), told, standing)
            try:
                found = one.judged(search=False)
            except TensorpropError:
                continue  # it can't be read in this convention
            if found.judgement.right:
                return found
    return _Judge(court, chosen[0], line, attempt, convention.over((*s, *rules)), "", False).judged(search=True)


def _entries(line: FormulaText, raw: str, court: Court) -> Equation | None:
    """A line that is a rule in index notation, as `formula` prints what has no form in matrices."""
    if is_code(line.body) or not is_indexed(line.text):
        return None

    def size(found: re.Match[str]) -> str:
        axes = court.names.called(found[1])
        told = court.names.size(axes[0]) if len(axes) == 1 else None
        return found[0] if told is None else str(told)

    words = "|".join({i for i in court.names.letters.values() if len(i) > 1})
    for text in (raw, line.text):
        if words:  # Σ_{out}, where out is an index, and o, u, t are none
            text = re.sub(rf"(?:Σ|\\sum)\s*_\s*{{?(?:\\mathrm{{)?({words})\b}}*", r"Σ[\1]", text)
        try:
            (rule,) = read(court.system, re.sub(r"\|([^\W\d_])\|", size, text), differentiated=True).rules
            return rule
        except (TensorpropError, ValueError):
            continue  # a formula with indices that are carried along, or none
    return None


def _ways(convention: Convention) -> Iterator[tuple[Convention, tuple[str, bool]]]:
    """The convention that is asked for, and others in which people write; what each is called."""
    yield convention, ("", False)
    other = "row" if convention.layout == "column" else "column"
    yield replace(convention, layout=other), (f"for vectors as {other}s", False)
    yield replace(convention, layout="row"), ("for vectors as rows", True)
    place = "columns" if convention.samples == "rows" else "rows"
    yield replace(convention, samples=place), (f"for samples as {place}", False)
    lies = "numerator" if convention.derivative == "denominator" else "denominator"
    yield replace(convention, derivative=lies), (f"in {lies} layout", False)


# --------------------------------------------------------------------------- one formula against one rule
class _Judge:
    """One formula against one rule."""

    def __init__(
        self,
        court: Court,
        c: Candidate,
        line: FormulaText,
        text: str,
        convention: Convention,
        told: str,
        standing: bool,
    ) -> None:
        self._court = court
        self._rule = c.eq
        self._line = replace(line, left=c.name)
        self._text = text
        self._convention = convention
        self._told = told
        self._standing = standing

    def judged(self, search: bool) -> Judged:
        """What is to be said; ``search``: also where it is wrong, and why."""
        head = whole(self._rule.name)
        try:
            read = self._meant()
        except Misfit as misfit:
            body = Math(self._line.body.strip(), _texed(self._line.body))
            formula = Math(f"{head.unicode} = {body.unicode}", f"{head.latex} = {body.latex}")
            sentences = tuple(self._misfit(misfit)) if search else ()
            return Judged(Judgement(formula, False, sentences, self._rule.name), self._rule)
        math = read.typed.math
        formula = Math(f"{head.unicode} = {math.unicode}", f"{head.latex} = {math.latex}")
        return self._compared(read, formula, search)

    def of_entries(self, rule: Equation) -> Judged:
        """What is to be said of a rule in index notation."""
        eq = _as(rule, self._rule)
        lies = Judgement(self._index(rule), False, (), rule.name)
        return self._sentenced(eq, self._decided(eq), lies, search=True)

    def _meant(self) -> ReadFormula:
        """The formula, read; for every value of the letters that it must be meant for, where that is not said."""
        try:
            return self._read(self._line.body)
        except RankMismatch:
            line = every_meant(self._line, self._names())
            if line.carried == self._line.carried:
                raise
            self._line = line
            return self._read(line.body)

    def _read(self, body: str) -> ReadFormula:
        """The right side; Misfit where neighbours do not fit, though not where the whole is of another shape."""
        line = replace(self._line, body=body)
        try:
            return read_line(line, self._names(), self._convention, self._bare, self._standing)
        except Misfit as misfit:
            if misfit.sign != "=":
                raise
            return read_line(replace(line, left=None), self._names(), self._convention, self._bare, self._standing)

    def _decided(self, eq: Equation) -> Decision:
        return self._court.decided(
            eq, self._rule, any(sign in self._line.body for sign in ("*", "convolve", "correlate"))
        )

    def _names(self) -> Known:
        """The names of the page, and those that the formula tells beside it: ``Lᵀ δy  (L_tu = [u ≤ t])``."""
        names = self._court.names.copy()
        names.ranks |= {name: 2 for name, *_ in self._line.defined if names.rank(name) is None}
        return names

    def _bare(self) -> str:
        """What a δ without a name stands for."""
        inside = sorted(deltas_in(self._rule.value))
        if len(inside) != 1:
            raise AmbiguousNotation(
                f"δ could be {' or '.join(inside)}" if inside else "δ stands for nothing in this rule",
                self._text,
                fix="name it: " + ", ".join(inside) if inside else None,
            )
        return inside[0]

    # ----------------------------------------------------------------- what does not fit
    def _misfit(self, misfit: Misfit) -> Iterator[Sentence]:
        a, b = misfit.left, misfit.right
        both = Math(f"{a.math.unicode} {b.math.unicode}", f"{a.math.latex} {b.math.latex}")
        shapes = {
            "A": a.math,
            "B": b.math,
            "sa": self._shape(a, misfit.shown.get),
            "sb": self._shape(b, misfit.shown.get),
        }
        if misfit.sign == "product":
            yield say(
                "{A} and {B} do not fit as neighbours. {A} is {sa} and {B} is {sb}; in {f} the product would sum over "
                "what stands between them, the columns of {A} ({ca}) with the rows of {B} ({rb}), and these are not "
                "the same.",
                f=both,
                ca=self._axis(a.columns, misfit),
                rb=self._axis(b.rows, misfit),
                **shapes,
            )
        elif misfit.sign == "outer":
            yield say("outer takes two vectors, and {A} is {sa}, {B} is {sb}.", **shapes)
        elif misfit.sign in _FUNCTIONS_OF_ONE:
            yield say("{A} is {sa}, and {f} needs a square matrix.", A=a.math, sa=shapes["sa"], f=misfit.sign)
        else:
            sign = Math(misfit.sign, _SIGNS.get(misfit.sign, misfit.sign))
            yield say(
                "{A} {sign} {B} does not fit: {A} is {sa} and {B} is {sb}, and {sign} needs the same indices on both "
                "sides.",
                sign=sign,
                **shapes,
            )
        yield from self._one_turn()
        yield from self.instead()

    def _one_turn(self) -> Iterator[Sentence]:
        """Whether one transpose more, or one fewer, or both on the other factors, makes the formula the rule."""
        if is_code(self._line.body):
            return
        body, words = self._line.body, tokens(self._line.body)
        both = body
        turned: list[Lexeme] = []
        straight: list[Lexeme] = []
        for token, after in reversed(list(zip(words, [*words[1:], None], strict=True))):
            if token.kind != "name" or self._court.names.rank(primal(token.text)) in (None, 0):
                continue
            mark = after if after is not None and after.kind == "raised" and after.text == "ᵀ" else None
            (turned if mark is not None else straight).append(token)
            at, end = mark.span if mark is not None else (token.span[1],) * 2
            put = "" if mark is not None else "ᵀ"
            both = both[:at] + put + both[end:]
            if self._court.names.rank(token.text) == 2 and self._is_rule(body[:at] + put + body[end:]):
                what = "{W} is transposed, and should not be." if mark is not None else _MISSING
                before = words[words.index(token) - 1].kind if token is not words[0] else ""
                yield say(what, W=whole(adjoint_name(token.text) if before == "adjoint" else token.text))
                return
        if len(turned) == len(straight) == 1 and self._is_rule(both):
            one, other = turned[0].text, straight[0].text
            yield say("The transpose stands at {a}, and belongs at {b}.", a=self._named(one), b=self._named(other))

    def _named(self, word: str) -> Math:
        at = self._line.body.find(word)
        return whole(adjoint_name(word) if self._line.body[at - 1 : at] == "δ" else word)

    def _is_rule(self, body: str) -> bool:
        try:
            return self._decided(self._equation(self._read(body))).proved
        except (Misfit, TensorpropError):
            return False

    def instead(self) -> Iterator[Sentence]:
        """What the rule is, and why no other order would do."""
        rule = self._rule
        yield say(
            "In index notation the rule is {rule}. There the factors are numbers, and the order of the chain rule, or "
            "any other, is right.",
            rule=self._index(rule),
        )
        pattern = next(iter(patterns(rule.value, rule.letters)))
        if pattern.summed:
            j = pattern.summed
            verb, sums = ("is" if len(i) == 1 else "are" for i in (pattern.kept or "0", j))
            yield say(
                "Matrices do not commute, because their order says which index is summed: the one that two neighbours "
                "share. Here {j} {sums} summed ({who}), and {left} {verb} left.",
                verb=verb,
                sums=sums,
                j=letters(j),
                who=listed([entry(f, self._court.axes) for f in pattern.factors if f.free & set(j)]),
                left=letters(pattern.kept) if pattern.kept else "nothing",
            )
        kept = [i for i in pattern.kept if len(pattern.having(i)) > 1]
        if kept:
            yield say(
                "{i} {verb} kept by {who} and not summed, so these meet entry by entry: ⊙, and no product of matrices.",
                i=letters(kept),
                verb="is" if len(kept) == 1 else "are",
                who=listed([entry(f, self._court.axes) for f in pattern.having(kept[0])]),
            )
        shown = self._shown()
        if shown.whole is not None:
            yield say("Right is {f}.", f=shown.whole)

    # ----------------------------------------------------------------- what fits, and may be wrong
    def _compared(self, read: ReadFormula, formula: Math, search: bool) -> Judged:
        rule, types = self._rule, read.types
        if read.axes is not None:
            return self._of_higher_order(read, formula, search)
        target = types.tensor(rule.name)
        lies = Judgement(formula, False, (), rule.name)
        mine, theirs = read.typed.letters, target.letters
        if len(mine) != len(theirs) and not read.constant:
            sentences = (self._other_shape(read, target), *self.instead()) if search else ()
            return Judged(replace(lies, sentences=sentences), rule)
        try:
            read.matched(target)
        except Misfit:
            return self._askew(read, target, lies, search)
        eq = self._equation(read)
        decision = self._decided(eq)
        if not decision.proved and search and (crossed := self._crossed(read, target, lies)) is not None:
            return crossed
        return self._sentenced(eq, decision, lies, search)

    def _of_higher_order(self, read: ReadFormula, formula: Math, search: bool) -> Judged:
        """An array of more than two axes, which stand in the order of the tensor's own."""
        rule = self._rule
        lies = Judgement(formula, False, (), rule.name)
        try:
            eq = read.equation(rule.name)
        except RankMismatch as error:
            sentences = (say("{w}.", w=_opened(str(error.problem))), *self.instead()) if search else ()
            return Judged(replace(lies, sentences=sentences), rule)
        eq = eq.rename(dict(zip(eq.letters, rule.letters, strict=True)))
        return self._sentenced(eq, self._decided(eq), lies, search)

    def _sentenced(self, eq: Equation, decision: Decision, lies: Judgement, search: bool) -> Judged:
        """A formula that fits: right, or wrong by which slip."""
        rule, formula = self._rule, lies.formula
        if decision.proved:
            how = f"This is right {self._told}" if self._told else "This is right"
            sentence = say(f"{how}: read entry by entry it says {{f}}, which is the rule.", f=self._index(eq))
            return Judged(Judgement(formula, True, (sentence,), rule.name), rule, eq, decision)
        if not search:
            return Judged(lies, rule, eq, decision)
        slip = self._slip(eq)
        said = [say("It fits, and is wrong. Read entry by entry it says {f}; the rule is {r}.", f=self._index(eq),
                    r=self._index(rule))]  # fmt: skip
        if slip is None:
            text = "Read entry by entry it says {f}: equal to the rule, {r}, wherever it was tried, and not proved."
            said = [say(text, f=self._index(eq), r=self._index(rule))]
            return Judged(Judgement(formula, True, tuple(said), rule.name), rule, eq, decision)
        if slip.kind != "unknown":
            words = slip.words if slip.proved else f"likely: {slip.words}"
            said.append(say("{w}.", w=_opened(typeset(words, self._court.axes))))
        verdict = Judgement(formula, False, (*said, self._right()), rule.name)
        return Judged(verdict, rule, eq, decision, slip)

    def _askew(self, read: ReadFormula, target: Typed, lies: Judgement, search: bool) -> Judged:
        """As many axes as the tensor has, but others, or in another order, or lying where it stands."""
        if search:
            found = self._crossed(read, target, lies)
            if found is not None:
                return found
        sentences = (self._other_shape(read, target), *self.instead()) if search else ()
        return Judged(replace(lies, sentences=sentences), self._rule)

    def _crossed(self, read: ReadFormula, target: Typed, lies: Judgement) -> Judged | None:
        """The right numbers, transposed, or lying down."""
        other = ReadFormula(read.types.turned(read.typed), read.types)
        try:
            other.matched(target)
        except Misfit:
            return None
        if not self._decided(self._equation(other)).proved:
            return None
        rule = self._rule
        if len(target.letters) == 1:
            stands = "a row" if target.rows is not None else "a column"
            said = say(
                f"The right numbers, lying down: the formula gives {stands}, and {{x}} is "
                f"{'a column' if target.rows is not None else 'a row'}.",
                x=whole(rule.name),
            )
        else:
            said = say(
                "The right numbers, transposed: {x} has the indices {i} in this order, and the formula gives them "
                "the other way round.",
                x=entry(rule.target),
                i=letters(rule.letters),
            )
        sentences = (said, *self._one_turn_whole(), self._right())
        return Judged(replace(lies, sentences=sentences), rule)

    def _one_turn_whole(self) -> Iterator[Sentence]:
        """``δz aᵀ`` for ``a δzᵀ``: which factor bears the transpose that the other should."""
        words = [t for t in tokens(self._line.body)] if not is_code(self._line.body) else []
        names = [t for t in words if t.kind == "name"]
        marks = [t for t in words if t.text == "ᵀ"]
        if len(names) == 2 and len(marks) == 1 and all(t.kind in ("name", "adjoint", "raised") for t in words):
            first = names[0].span[1] <= marks[0].span[0] < names[1].span[0]
            a, b = names if first else names[::-1]
            yield say(
                "The transpose stands at {a}, and belongs at {b}: what stands first tells the rows, and the rows of "
                "{x} are those of {r}.",
                a=self._named(a.text),
                b=self._named(b.text),
                x=whole(self._rule.name),
                r=self._named(names[1].text),
            )

    def _equation(self, read: ReadFormula) -> Equation:
        """The formula entry by entry, in the letters of the rule."""
        target = read.types.tensor(self._rule.name)
        fixed = read.matched(target)
        value = rename(read.typed.entry, fixed)
        assert isinstance(target.entry, Tensor)
        eq = with_told(lettered(target.entry, value, read.types), self._line.defined)
        return eq.rename(dict(zip(eq.letters, self._rule.letters, strict=True)))

    def _slip(self, eq: Equation) -> Diagnosis | None:
        from tensorprop.check.slips.diagnose import diagnose  # it imports JAX, which reading does without

        s = self._court.system
        others = {r.name: r for r in self._court.rules}
        return diagnose(eq, self._rule, s, given=self._court.given, others=others)

    def _right(self) -> Sentence:
        shown = self._shown()
        return say("Right is {f}.", f=shown.whole or self._index(self._rule))

    def _shown(self) -> MatrixForm:
        """The rule in matrices, sizes told by the tensors that it has."""
        rule = self._rule
        eq = equation(rule.target, sized(rule.value, rule.target, self._court.axis))
        return matrix(eq, self._convention, self._court.system)

    def _other_shape(self, read: ReadFormula, target: Typed) -> Sentence:
        return say(
            "{f} is {sf}, and {x} is {sx}: the wrong index is summed, or too few are.",
            f=read.typed.math,
            sf=self._shape(read.typed, read.types.shown),
            x=whole(self._rule.name),
            sx=self._shape(target, read.types.shown),
        )

    # ----------------------------------------------------------------- words
    def _shape(self, t: Typed, shown: Callable[[str], str | None]) -> Math:
        rows, columns = ("1" if i is None else f"|{shown(i)}|" for i in (t.rows, t.columns))
        return Math(f"{rows} × {columns}", rf"{rows} \times {columns}")

    def _axis(self, i: str | None, misfit: Misfit) -> Math | str:
        return "there is only one" if i is None else letter(misfit.shown[i])

    def _index(self, eq: Equation) -> Math:
        return Math(UNICODE.equation(eq, self._court.axes), LATEX.equation(eq, self._court.axes))


_MISSING = "{W} should be transposed, and is not."
_FUNCTIONS_OF_ONE = ("diag", "tr", "inverse", "det", "logdet", "shape")
_SIGNS = {"⊙": r"\odot", "⊘": r"\oslash", "−": "-", "≥": r"\geq", "≤": r"\leq", "≠": r"\neq"}


def _opened(words: str) -> str:
    """A sentence's first letter; a symbol that opens one keeps its own."""
    return words[:1].upper() + words[1:] if words.split(" ", 1)[0] in ("the", "no", "this", "one", "likely:") else words


def _texed(body: str) -> str:
    table = {
        "⊙": r"\odot ",
        "*": r"\odot ",
        "ᵀ": r"^\top",
        "⊤": r"\top",
        "δ": r"\delta ",
        "′": "'",
        "−": "-",
        "@": " ",
        "𝟏": r"\mathbf{1}",
    }
    return "".join(table.get(c, c) for c in body.strip().replace("^T", "ᵀ"))
