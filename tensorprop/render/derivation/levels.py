"""The page of a derivation: which blocks stand on it, at each level of detail, and in which order.

In: a derivation as data. Out: headings, lines, tables and paragraphs for `document`. What was said once is not said
again: a law is stated at its first use, a rule that comes about as an earlier one says so, and a reason whose like has
been given is short.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from tensorprop.core.equation import Equation
from tensorprop.core.expr import Add, Expr, Mul
from tensorprop.core.names import adjoint_name
from tensorprop.core.terms import factors_of
from tensorprop.render.derivation.beside import beside
from tensorprop.render.derivation.contents import Contents, DerivationStep, Remark, RulePart
from tensorprop.render.derivation.index_table import HEAD, Row
from tensorprop.render.derivation.mirrored import convention_told
from tensorprop.render.derivation.reasons import Reason
from tensorprop.render.derivation.sentences import Math, Sentence, join, listed, say, whole
from tensorprop.render.diagram import drawn
from tensorprop.render.document import NOTHING, Block, Heading, Lines, Paragraph, Picture, TextTable
from tensorprop.render.svg import svg

__all__ = ["blocks"]

LAW_NAMES = {
    "chain_rule": "chain rule",
    "entry": "an entry by an entry",
    "insertion": "distributive law",
    "solve_bracket": "sum over a shifted Kronecker delta",
    "one_point": "sum over a Kronecker delta",
    "bracket_once": "a Kronecker delta twice is one",
    "meet_bracket": "distributive law",
    "bound_letters": "renaming",
    "common_factor": "distributive law",
    "common_number": "distributive law",
    "collect": "like terms",
    "declared": "what is declared",
    "conjugates": "laws of conjugates",
    "merge_powers": "powers of one base",
    "matrix_product": "matrix product",
    "outer_product": "outer product",
    "hadamard": "elementwise product",
}
"""Laws as people call them."""


def law_name(key: str) -> str:
    """A law's name in words."""
    return LAW_NAMES.get(key, key.replace("_", " "))


def blocks(d: Contents) -> Iterator[Block]:
    """The whole derivation, format aside."""
    levels = {"short": _Short, "full": _Full, "beside": _Beside}
    return levels[d.detail](d).blocks()


def _pair(line: Math, shown: Math | None) -> tuple[Math, Math | None]:
    """A line and its form in matrices; of numbers alone they are one, which is written once."""
    return line, None if shown is not None and shown.unicode == line.unicode else shown


_MANY = 6  # rules beside which a terminal does without the lines that lead to a rule's end


def _outside(e: Expr) -> int:
    """How many factors stand beside a sum of terms, or are one of several; a sum of terms itself is none."""
    return 0 if isinstance(e, Add) else sum(not isinstance(f, Add) for f in factors_of(e)) + isinstance(e, Mul)


class _Level:
    """What all levels have in common."""

    def __init__(self, d: Contents) -> None:
        self.d = d
        self.told: set[str] = set()
        self.many = len(d.parts) > _FEW

    def blocks(self) -> Iterator[Block]:
        """All blocks in order."""
        d = self.d
        yield from self.opening()
        for n, part in enumerate(d.parts, 1):
            yield from self.part(n, part)
        title = ""
        for remark in d.remarks:  # those of one title stand under one heading
            yield from self.remark(replace(remark, more=True) if remark.title == title else remark)
            title = remark.title
        yield from self.closing()
        for verdict in d.verdict.each if d.verdict is not None else ():
            yield Heading(1, say("The attempt: {f}", f=verdict.formula))
            for s in verdict.sentences:
                yield Paragraph(s)

    def opening(self) -> Iterator[Block]:
        """The forward equations, and what is agreed."""
        rows = [_pair(self.d.line(eq), shown.whole) for eq, shown in self.d.forward]
        if rows:
            yield Lines((*rows, *((stated, None) for stated in self.d.stated)))
        yield Paragraph(self.conventions())

    def closing(self) -> Iterator[Block]:
        """What stands at the end."""
        yield from ()

    def part(self, n: int, part: RulePart) -> Iterator[Block]:
        """One rule."""
        raise NotImplementedError

    def remark(self, remark: Remark) -> Iterator[Block]:
        """One remark."""
        if not remark.equations:
            yield Paragraph(remark.text, lead=f"{remark.title}.", pages=self.many)
            return
        if not remark.more:
            yield Heading(1, say(remark.title))
        yield Paragraph(remark.text)
        pages = len(self.d.parts) > _MANY
        for told, eq in remark.before:
            yield Paragraph(told, pages=pages)
            yield Lines(((self.d.line(eq), None),), pages=pages)
        if remark.before:
            apart = _outside(remark.equations[-1].value) > _outside(remark.before[-1][1].value)
            yield Paragraph(say("What is common, taken out:" if apart else "Multiplied out:"), pages=pages)
        shown = remark.shown or (None,) * len(remark.equations)
        if remark.equations:
            rows = zip(remark.equations, shown, strict=True)
            yield Lines(tuple(_pair(self.d.line(eq), s.whole if s else self._rule_matrix(eq)) for eq, s in rows))

    def _rule_matrix(self, eq: Equation) -> Math | None:
        return next((p.shown.whole for p in self.d.parts if p.rule is eq), None)

    def rule(self, part: RulePart) -> Lines:
        """A rule, and beside it its form in matrices."""
        return Lines((_pair(self.d.line(part.rule), part.shown.whole),))

    def like(self, part: RulePart) -> Sentence:
        """That a rule comes about as an earlier one."""
        assert part.like is not None
        pairs = [
            Math(f"{a.unicode} for {b.unicode}", rf"{a.latex}$ for ${b.latex}")
            for mine, theirs in part.like.instead
            for a, b in [(whole(mine), whole(theirs))]
        ]
        first = whole(adjoint_name(part.like.name))
        if not pairs:
            return say("as for {x}", x=first)
        return say("as for {x} with {pairs}", x=first, pairs=listed(pairs))

    def reason(self, r: Reason) -> Sentence:
        """The answer, or what is new in it where its like was given."""
        if r.topic in self.told:
            return r.brief
        self.told.add(r.topic)
        return r.answer

    def no_matrix(self, part: RulePart) -> Iterator[Block]:
        """Why there is no matrix form."""
        why = part.shown.why
        if not part.shown.unicode and why:
            for (tensor, axis), i in self.d.axes.items():
                why = why.replace(f"dim({tensor}, {axis})", f"|{i}|")
            yield Paragraph(say("{why}.", why=opened(why)), lead="Why no matrix form?")

    def conventions(self) -> Sentence:
        """What E is, what δ is, what is given, and how vectors lie; shorter where the derivation is."""
        d = self.d
        error = whole(d.error)
        real = [part.name for part in d.parts if part.name not in d.convention.plane]
        owed = [part.name for part in d.parts if part.name in d.convention.plane]
        if owed and not real:
            return self._laid(convention_told(error.unicode, owed[0]))
        x = whole(real[0] if real else "x")
        adjoint = Math(
            f"δ{x.unicode} = ∂{d.error}/∂{x.unicode}", rf"\delta {x.latex} = \partial {d.error} / \partial {x.latex}"
        )
        outputs = [name for name in d.system.outputs if name != d.error or d.system.rank(name)]
        first = say("{adj}, and so for every tensor.", adj=adjoint)
        if outputs and d.forward:
            loops = {name for name in outputs if any(name in eq.inputs for eq in d.system)}
            given = listed([whole(adjoint_name(name) + "^(out)" * (name in loops)) for name in outputs])
            told = listed([whole(name) for name in outputs])
            verb = "is" if len(outputs) == 1 else "are"
            first = say("{adj}, and so for every tensor; {E} is an error that depends on {outs}, and {given} {verb} "
                        "given.", adj=adjoint, E=error, outs=told, given=given, verb=verb)  # fmt: skip
        if owed:
            first = join([first, convention_told(error.unicode, owed[0])])
        return self._laid(first)

    def _laid(self, first: Sentence) -> Sentence:
        """What is agreed, and how vectors lie."""
        d = self.d
        plain = d.convention.layout == "column" and d.convention.derivative == "denominator"
        if d.detail == "short" and plain:
            return first
        return first + say("{says}.", says=d.convention.says(True, self.batched()).capitalize())

    def batched(self) -> bool:
        """Whether samples stand as the columns of a matrix, which is worth a word."""
        return bool(self.d.convention.turned)


class _Short(_Level):
    """Every rule on a line, and under it in a sentence why it looks so."""

    def part(self, n: int, part: RulePart) -> Iterator[Block]:
        yield self.rule(part)
        if part.like is not None:
            yield Paragraph(say("as for {x}.", x=whole(adjoint_name(part.like.name))))
            return
        topics = {r.topic for r in part.reasons}
        new = [r for r in part.reasons if r.topic in _GIST and not (r.topic in _ONCE and r.topic in self.told)]
        turned = any(x.mark == "ᵀ" for r in new if r.topic == "transpose" for x in r.signs)
        spare = {"sum"} if "product" in topics else set[str]()
        said = [r.brief for r in new if r.topic not in spare and not (r.topic == "product" and turned)]
        self.told |= topics
        if said:
            yield Paragraph(join(said))
        yield from self.no_matrix(part)

    def remark(self, remark: Remark) -> Iterator[Block]:
        if remark.shown:
            rows = zip(remark.equations, remark.shown, strict=True)
            yield Paragraph(say(remark.title + ":"))
            yield Lines(tuple(_pair(self.d.line(eq), s.whole) for eq, s in rows))


class _Beside(_Level):
    """The derivation entry by entry, and beside it in vectors and matrices."""

    def blocks(self) -> Iterator[Block]:
        yield from self.opening()
        yield from beside(self.d)


_GIST = ("alone", "sum", "product", "inner", "outer", "elementwise", "over", "transpose", "scale", "diagonal", "trace",
         "softmax", "bracket", "tensor")  # fmt: skip


_ONCE = ("alone", "elementwise", "over", "softmax")  # what a short page says once: the sign says it again
_FEW = 4  # rules, beside which a picture and an example have room in a terminal
_TITLED = ("common_factor", "common_number", "collect")  # laws of which a step's title says all
_PLAIN = ("stays as a factor.", "the derivative is 0.")  # what many rules need not be told
_AGAIN = {"insert": "insert", "brackets": "sum", "rename": "rename", "collect": "collect"}
_DOES = {"meet_bracket": "take apart", "declared": "use what is declared", "conjugates": "work out the conjugates",
         "common_factor": "take out",
         "common_number": "take out"}  # fmt: skip
"""Steps that are named on one line where they have been met, and what each does."""


class _Full(_Level):
    """Every step with its law, the table of the indices, and every reason."""

    def opening(self) -> Iterator[Block]:
        if self.d.forward:
            yield Heading(1, say("Forward"))
        yield from super().opening()

    def part(self, n: int, part: RulePart) -> Iterator[Block]:
        heading = say("{n}. {x}", n=str(n), x=whole(part.rule.name))
        if part.like is not None:
            yield Heading(1, join([heading, self.like(part)], ", "))
            yield self.rule(part)
            return
        yield Heading(1, heading)
        yield from self._picture(part)
        yield from self._steps(n, part)
        if part.table:
            again = "table" in self.told
            self.told.add("table")
            yield TextTable(tuple(say(h) for h in HEAD), tuple(map(_cells, part.table)), again)
        met = [r for r in part.reasons if r.topic in self.told]
        fresh = [r for r in part.reasons if r not in met]
        met = [r for r in met if not _in_table(r, part)]
        for reason in fresh:
            yield Paragraph(self.reason(reason), lead=reason.question)
        if met:
            yield Paragraph(join([self.reason(r) for r in met]), lead="And why?" if fresh else "Why?")
        yield from self.no_matrix(part)
        if part.dimension is not None and "dimension" not in self.told:
            self.told.add("dimension")
            yield Paragraph(part.dimension, lead="Dimensions.", pages=self.many)
        if part.example is not None and "example" not in self.told:
            self.told.add("example")
            yield Paragraph(part.example, lead="With numbers.", pages=self.many)

    def _steps(self, n: int, part: RulePart) -> Iterator[Block]:
        """The steps; those that go as in an earlier rule are named, and their last line stands for them."""
        steps = [step for step in part.steps if step.kind != "matrix"]
        if steps[0].kind == "given":
            yield self._lines(steps[0], part)
            return
        if self._met(part, steps):
            yield Lines(tuple(line for step in (*steps[:2], steps[-1]) for line in self._lines(step, part).rows), True)
            yield from self._notes(steps[1])
            return
        k = 0
        if len(steps) > 1 and steps[0].law == "definition":
            steps = [self._defined(*steps[:2]), *steps[2:]]
        while steps:
            step = steps.pop(0)
            k += 1
            same = [step]
            short = len(part.passage.locals) == 1 and self._routine(step)
            while short and steps and self._routine(steps[0]):
                step = steps.pop(0)
                same.append(step)
            if len(same) == 1:
                yield from self._step(f"{n}.{k}", step, part)
            else:
                done = [_DOES.get(s.law, _AGAIN[s.kind]) for s in same]
                told = ", ".join([done[0].capitalize(), *(b for a, b in pairwise(done) if a != b)])
                yield Heading(2, say("{n} {told}", n=f"{n}.{k}", told=told))
                for s in same:
                    if s is same[-1] or s.law == "meet_bracket" or (s.kind == "insert" and len(same) > _FEW):
                        yield self._lines(s, part)

    def _met(self, part: RulePart, steps: list[DerivationStep]) -> bool:
        """Whether a rule comes about by steps that have all been met: of many rules, its lines are enough."""
        kinds = [step.kind for step in steps[:2]]
        known = all(step.law in self.told for step in steps[:2]) and all(map(self._routine, steps[2:]))
        alone = self.many and len(part.passage.locals) == 1 and len(steps) > 2
        return alone and kinds == ["chain", "local"] and known

    def _notes(self, step: DerivationStep) -> Iterator[Block]:
        for s in step.notes:
            if _key(s) not in self.told and not (self.many and s.text.endswith(_PLAIN)):
                self.told.add(_key(s))
                yield Paragraph(s, bullet=True)

    def _picture(self, part: RulePart) -> Iterator[Block]:
        """The forward product with the tensor's node cut out; in a terminal where there are few rules."""
        net = part.picture
        if net is None:
            return
        yield Picture(svg([net]), "\n".join(drawn(net)), self.many)
        if "picture" in self.told:
            return
        self.told.add("picture")
        v = part.passage.locals[0].forward.name
        told = say(
            "{v} with {x} cut out: backward {dv} is joined where {v} has its indices, and the ends where {x} was are "
            "those of {dx}.", v=whole(v), x=whole(part.name), dv=whole(adjoint_name(v)), dx=whole(part.rule.name),
        )  # fmt: skip
        yield Paragraph(told, pages=self.many)

    def _defined(self, first: DerivationStep, local: DerivationStep) -> DerivationStep:
        """Of what stands in the error itself: that δ is a derivative, and which, in one step."""
        self.told.add(local.law)
        return replace(first, equations=(*first.equations, *local.equations), notes=local.notes,
                       brief=local.reason, kind="local")  # fmt: skip

    def _lines(self, step: DerivationStep, part: RulePart) -> Lines:
        """A step's lines; the rule has its form in matrices beside it."""
        return Lines(
            tuple(_pair(self.d.line(eq), part.shown.whole if eq is part.rule else None) for eq in step.equations), True
        )

    def _law(self, statement: Math) -> Math:
        """A law as it is stated; where E is a tensor of the page, by the name that the error has."""
        if "E" not in self.d.system.names or self.d.error == "E":
            return statement
        error = whole(self.d.error)
        return Math(
            statement.unicode.replace("E/", f"{error.unicode}/"), statement.latex.replace(" E}", f" {error.latex}}}")
        )

    def _routine(self, step: DerivationStep) -> bool:
        """Whether a step has been met, and says nothing that is new."""
        plain = self.many and law_name(step.law) == "distributive law"  # its title says it
        return step.kind in _AGAIN and (step.law in self.told or plain)

    def _step(self, number: str, step: DerivationStep, part: RulePart) -> Iterator[Block]:
        new = step.law not in self.told
        title = say("{n} {title}", n=number, title=step.title)
        name = law_name(step.law)
        beside = "" if name.lower() == step.title.lower() or not new else name
        said = self.many and (name in self.told or step.law == "bound_letters")  # its sentence says it, too
        yield Heading(2, title, beside, self._law(step.statement) if new and not said else NOTHING)
        self.told |= {step.law, name}
        if step.equations:
            yield self._lines(step, part)
        for n, s in enumerate((step.reason, *step.notes)):
            if n == 0 and (step.kind in ("local", "insert") or step.law in _TITLED):
                continue  # its title and its line say it
            if n and self.many and s.text.endswith(_PLAIN):
                continue
            if _key(s) not in self.told and (new or n or step.brief is None or step.kind == "start"):
                self.told.add(_key(s))
                yield Paragraph(s, bullet=n > 0)

    def closing(self) -> Iterator[Block]:
        d = self.d
        if len(d.parts) > 1:
            pages = self.many and any(p.like for p in d.parts)  # a terminal has them all in few lines above
            yield Heading(1, say("All rules"), pages=pages)
            style = "δz" if d.system.recurrent or d.convention.plane else f"∂{d.error}/∂z"
            yield Lines(tuple((d.line(p.rule, style), p.shown.whole) for p in d.parts), pages=pages)


def _key(s: Sentence) -> str:
    """By what a sentence is met again: a slope by which it is, any other by what it says of whatever."""
    return s.text + s.places[0][1].unicode if s.text.startswith("Slope") else s.text


def _in_table(r: Reason, part: RulePart) -> bool:
    """Whether the table says what a reason says whose like was given: what is summed, what is kept by all."""
    signs = {row.becomes.unicode for row in part.table}
    match r.topic:
        case "elementwise":
            return "⊙" in signs and len(r.signs) == 1
        case "over":
            return "⊘" in signs
        case "sum":
            return not r.signs and any(row.summed for row in part.table)
        case "product" | "order":
            index = part.shown.index
            return bool(part.table) and index is not None and all(len(index[s.path].factors) == 2 for s in r.signs)
        case _:
            return False


def _cells(r: Row) -> tuple[Sentence, ...]:
    return (
        say("{i}", i=r.sign),
        r.places,
        say("summed" if r.summed else "kept"),
        say(str(r.factors)),
        r.becomes,
    )


def opened(words: str) -> str:
    """A sentence's first letter; a symbol that opens one keeps its own."""
    first = words.split(" ", 1)[0]
    return words[:1].upper() + words[1:] if first.isascii() and first.isalpha() and len(first) > 1 else words
