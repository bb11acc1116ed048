"""Derivations on paper: for a terminal, as Markdown, LaTeX and HTML, and as plain data.

In: a Derivation. Out: a string, or dicts and lists. Every format is written from the same list of blocks, so that all
say the same. Nothing is derived or worded here beyond headings.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tensorprop.core.equation import Equation
from tensorprop.render.derivation.matrix import Shown
from tensorprop.render.derivation.sentences import Math, Sentence, letter, letters, listed, say, whole

if TYPE_CHECKING:
    from tensorprop.render.derivation.derivation import Derivation, Part, Step

__all__ = ["as_dict", "html", "latex", "markdown", "text"]

WIDTH = 100  # columns of a terminal that prose may take


# --------------------------------------------------------------------------- blocks
@dataclass(frozen=True)
class Heading:
    """A heading: 1 a rule, 2 a step, which has its law beside it."""

    level: int
    text: Sentence
    step: Step | None = None


@dataclass(frozen=True)
class Words:
    """A paragraph; ``bullet`` for one of a list, ``lead`` for a question before its answer."""

    text: Sentence
    bullet: bool = False
    lead: str = ""


@dataclass(frozen=True)
class Lines:
    """Equations under one another, each perhaps with its form in matrices beside it."""

    rows: tuple[tuple[Math, Math | None], ...]
    deep: bool = False


Block = Heading | Words | Lines


def blocks(d: Derivation) -> Iterator[Block]:
    """The whole derivation, format aside."""
    if d.detail == "full":
        yield Heading(1, say("Forward"))
    yield Lines(tuple((d.line(eq), _matrix(shown)) for eq, shown in d.forward))
    yield Words(_conventions(d))
    told: set[str] = set()
    for n, part in enumerate(d.parts, 1):
        yield from _part(d, n, part, told)
    for remark in d.remarks:
        yield Heading(1, say(remark.title))
        yield Words(remark.text)
        shown = remark.shown or (None,) * len(remark.equations)
        if remark.equations:
            yield Lines(
                tuple(
                    (d.line(eq), _matrix(s) if s is not None else _rule_matrix(d, eq))
                    for eq, s in zip(remark.equations, shown, strict=True)
                )
            )
    if len(d.parts) > 1:
        yield Heading(1, say("All rules"))
        yield Lines(tuple((d.line(p.rule, f"∂{d.error}/∂z"), _matrix(p.shown)) for p in d.parts))
    if d.verdict is not None:
        yield Heading(1, say("The attempt: {f}", f=d.verdict.formula))
        for s in d.verdict.sentences:
            yield Words(s)


def _rule_matrix(d: Derivation, eq: Equation) -> Math | None:
    return next((_matrix(p.shown) for p in d.parts if p.rule is eq), None)


def _matrix(shown: Shown) -> Math | None:
    if not shown.unicode:
        return None
    if shown.carried:
        own = letters(shown.carried)
        each = r" \quad (\mathrm{for\ every}\ " + ", ".join(letter(i).latex for i in shown.carried) + ")"
        return Math(f"{shown.unicode}  (for every {own.unicode})", shown.latex + each)
    return Math(shown.unicode, shown.latex)


def _conventions(d: Derivation) -> Sentence:
    """What E is, what δ is, what is given, and how vectors lie; shorter where the derivation is."""
    error = Math(d.error, d.error)
    layout = say("{says}.", says=d.convention.says(True, False).capitalize())
    x = whole(d.parts[0].name if d.parts else "x")
    adjoint = Math(
        f"δ{x.unicode} = ∂{d.error}/∂{x.unicode}", rf"\delta {x.latex} = \partial {d.error} / \partial {x.latex}"
    )
    outputs = [name for name in d.system.outputs if name != d.error or d.system.rank(name)]
    given = listed([whole(f"δ{name}") for name in outputs]) if outputs else None
    told = listed([whole(name) for name in outputs]) if outputs else None
    verb = "is" if len(outputs) == 1 else "are"
    if d.detail == "short":
        first = say("{adj} for the error {E}, and so for every tensor.", adj=adjoint, E=error)
        if given is not None:
            first = first + say("{given} {verb} given.", given=given, verb=verb)
        return first + layout if d.convention.layout == "row" else first
    if given is None or told is None:
        return say("{E} is the error. {adj}, entry by entry, and so for every tensor.", E=error, adj=adjoint) + layout
    text = (
        "{E} is an error, a number that depends on {outs} in a way that is not said here: {given} {verb} given. {adj}, "
        "entry by entry, and so for every tensor."
    )
    return say(text, E=error, outs=told, given=given, verb=verb, adj=adjoint) + layout


_ONCE = frozenset({"order", "jacobian"})  # reasons that say the same of every rule


def _part(d: Derivation, n: int, part: Part, told: set[str]) -> Iterator[Block]:
    yield Heading(1, say("{n}. The rule for {x}", n=str(n), x=whole(part.rule.name)))
    if d.detail == "short":
        if part.passage.moves:
            yield Lines(((d.line(part.passage.chain), None),))
            yield Lines(((d.line(part.passage.inserted), None),))
        yield Lines(((d.line(part.rule), _matrix(part.shown)),))
        for reason in part.reasons:
            if reason.topic not in told:
                yield Words(reason.answer, lead=reason.question)
        told |= {reason.topic for reason in part.reasons} & _ONCE
        yield from _no_matrix(part)
        return
    for k, step in enumerate(part.steps, 1):
        yield Heading(2, say("{n}.{k} {title}", n=str(n), k=str(k), title=step.title), step)
        yield from _step(d, part, step)
    for reason in part.reasons:
        yield Words(reason.answer, lead=reason.question)
    yield from _no_matrix(part)
    if part.dimension is not None:
        yield Words(part.dimension, lead="Dimensions, as a consequence.")


def _no_matrix(part: Part) -> Iterator[Block]:
    why = part.shown.why
    if not part.shown.unicode and why:
        yield Words(say("{why}.", why=why[:1].upper() + why[1:]), lead="Why no matrix form?")


def _step(d: Derivation, part: Part, step: Step) -> Iterator[Block]:
    if step.matrix is not None:
        shown = _matrix(step.matrix)
        if shown is not None:
            yield Lines(((shown, None),), deep=True)
    elif step.equations:
        yield Lines(tuple((d.line(eq), None) for eq in step.equations), deep=True)
    yield Words(step.reason)
    for note in step.notes:
        yield Words(note, bullet=True)


# --------------------------------------------------------------------------- terminal
def text(d: Derivation) -> str:
    """For a terminal: prose within 100 columns, lines of mathematics as long as they are."""
    out: list[str] = []
    for b in blocks(d):
        match b:
            case Heading(_, words, step):
                if step is None:
                    out += ["", words.unicode, "─" * len(words.unicode)]
                else:
                    law = f"{step.law}: {step.statement.unicode}"
                    out += ["", f"  {words.unicode.ljust(WIDTH - 4 - len(law))}  {law}"]
            case Lines(rows, deep):
                indent = "          " if deep else "    "
                wide = max(len(row[0].unicode) for row in rows)
                for one, other in rows:
                    if other is None:
                        out += _broken(one.unicode, indent)
                    elif wide <= 56:
                        out.append(f"{indent}{one.unicode.ljust(wide)}    {other.unicode}")
                    else:
                        out += [*_broken(one.unicode, indent), *_broken(other.unicode, f"{indent}    ")]
            case Words(words, bullet, lead):
                first = "      · " if bullet else "      "
                told = f"{lead} {_unbroken(words)}" if lead else _unbroken(words)
                rest = "        " if bullet or lead else "      "
                out += textwrap.wrap(
                    told,
                    WIDTH,
                    initial_indent=first,
                    subsequent_indent=rest,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
    return "\n".join(out).strip("\n").replace(_GLUE, " ")


def _broken(line: str, indent: str) -> list[str]:
    """A long equation, its further terms under the first one."""
    if len(indent) + len(line) <= WIDTH:
        return [indent + line]
    start = line.find(" = ") + 3
    cuts, depth = [0], 0
    for k, c in enumerate(line):
        depth += (c in "([") - (c in ")]")
        if depth == 0 and k > start and line[k : k + 3] in (" + ", " − "):
            cuts.append(k + 1)
    out: list[str] = []
    for one, end in pairwise([*cuts, len(line)]):
        piece = line[one:end].rstrip()
        if out and len(out[-1]) + 1 + len(piece) <= WIDTH:
            out[-1] += f" {piece}"
        else:
            out.append((indent if not out else indent + " " * start) + piece)
    return out


_GLUE = "\u00a0"  # a space at which no line is broken


def _unbroken(s: Sentence) -> str:
    """The sentence, its formulas not to be broken where they are short."""
    parts = [(k, Math(m.unicode.replace(" ", _GLUE), m.latex) if len(m.unicode) < 40 else m) for k, m in s.places]
    return Sentence(s.text, tuple(parts)).unicode


# --------------------------------------------------------------------------- Markdown
def markdown(d: Derivation, level: int = 2) -> str:
    """Markdown with mathematics between dollars; headings begin at ``level``, steps are paragraphs."""
    out: list[str] = []
    step: Step | None = None
    pending: list[str] = []  # a step's lines, which come after its first sentence
    for b in blocks(d):
        match b:
            case Heading(_, words, None):
                out += ["", f"{'#' * level} {_md(words)}", ""]
            case Heading(_, words, law):
                out += ["", f"**{_md(words)}.**"]
                step = law
            case Lines(rows, _) if step is not None:
                pending = [f"$${one.latex}$$" for one, _ in rows]
            case Lines(rows, _) if len(rows) > 1 and any(other for _, other in rows):
                out += ["", *_table(rows), ""]
            case Lines(rows, _):
                for one, other in rows:
                    out += ["", f"$${_row(one, other)}$$", ""]
            case Words(words, False, "") if step is not None:
                law = f"*({step.law.replace('_', ' ')}: ${step.statement.latex}$)*"
                out[-1] += f" {_md(words)} {law}"
                for line in pending:
                    out += ["", line, ""]
                step, pending = None, []
            case Words(words, True, _):
                out.append(f"- {_md(words)}")
            case Words(words, _, lead):
                out += ["", f"**{lead}** {_md(words)}" if lead else _md(words), ""]
    return _slim(out)


def _barless(latex: str) -> str:
    r"""``|`` and ``\|`` by name."""
    return latex.replace(r"\|", r"\Vert ").replace("|", r"\vert ")


def _table(rows: Sequence[tuple[Math, Math | None]]) -> list[str]:
    """Entry by entry on the left, in vectors and matrices on the right; a bar in a cell would end it."""
    out = ["| entry by entry | in vectors and matrices |", "|---|---|"]
    for one, other in rows:
        cells = (f"${_barless(m.latex)}$" if m is not None else "" for m in (one, other))
        out.append(f"| {' | '.join(cells)} |")
    return out


def _md(s: Sentence) -> str:
    return s.latex


def _row(one: Math, other: Math | None, gap: str = r" \qquad ") -> str:
    return one.latex if other is None else f"{one.latex}{gap}{other.latex}"


def _slim(out: Sequence[str]) -> str:
    """Lines with no two empty ones in a row."""
    kept: list[str] = []
    for line in out:
        if line or (kept and kept[-1]):
            kept.append(line)
    return "\n".join(kept).strip("\n") + "\n"


# --------------------------------------------------------------------------- LaTeX
def latex(d: Derivation, align: bool = False) -> str:
    """LaTeX for the body of a document: displays one after the other, or with ``align`` in align*."""
    out: list[str] = []
    for b in blocks(d):
        match b:
            case Heading(_, words, step):
                command = r"\subsection*" if step is None else r"\paragraph"
                out += ["", f"{command}{{{_tex(words)}}}"]
                if step is not None:
                    out += [rf"\hfill\texttt{{{_plain_tex(step.law)}}}: ${step.statement.latex}$", ""]
            case Lines(rows, _):
                if align and len(rows) > 1:
                    body = " \\\\\n".join(f"  {_aligned(one, other)}" for one, other in rows)
                    out += [r"\begin{align*}", body, r"\end{align*}"]
                else:
                    out += [rf"\[ {_row(one, other)} \]" for one, other in rows]
            case Words(words, bullet, lead):
                head = rf"\emph{{{_plain_tex(lead)}}} " if lead else r"\textbullet\ " if bullet else ""
                out += [f"{head}{_tex(words)}", ""]
    return _slim(out)


def _aligned(one: Math, other: Math | None) -> str:
    left, _, right = one.latex.partition(" = ")
    line = f"{left} &= {right}"
    if other is not None:
        left, _, right = other.latex.partition(" = ")
        line += f" & {left} &= {right}"
    return line


def _tex(s: Sentence) -> str:
    return "".join(piece if k % 2 else _plain_tex(piece) for k, piece in enumerate(_dollars(s.latex)))


def _dollars(text_: str) -> list[str]:
    """Prose and ``$…$``, by turns."""
    pieces = text_.split("$")
    return [f"${p}$" if k % 2 else p for k, p in enumerate(pieces)]


_TEX = {
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "⊙": r"$\odot$",
    "δ": r"$\delta$",
    "′": "'",
    "Σ": r"$\Sigma$",
    "·": r"$\cdot$",
    "ᵀ": r"$^\top$",
}


def _plain_tex(words: str) -> str:
    return "".join(_TEX.get(c, c) for c in words)


# --------------------------------------------------------------------------- HTML
def html(d: Derivation) -> str:
    """One ``<section>``; mathematics between ``\\(…\\)`` and ``\\[…\\]``, everything escaped."""
    out: list[str] = ['<section class="tensorprop-derivation">']
    items = False
    for b in blocks(d):
        bullet = isinstance(b, Words) and b.bullet
        if bullet != items:
            out.append("<ul>" if bullet else "</ul>")
            items = bullet
        match b:
            case Heading(n, words, step):
                out.append(f"<h{n + 2}>{_inline(words)}</h{n + 2}>")
                if step is not None:
                    law = rf"\({_escaped(step.statement.latex)}\)"
                    out.append(f'<p class="law"><code>{_escaped(step.law)}</code>: {law}</p>')
            case Lines(rows, _):
                out += [rf"<p>\[{_escaped(_row(one, other))}\]</p>" for one, other in rows]
            case Words(words, _, lead):
                told = f"<strong>{_escaped(lead)}</strong> {_inline(words)}" if lead else _inline(words)
                out.append(f"<li>{told}</li>" if bullet else f"<p>{told}</p>")
    if items:
        out.append("</ul>")
    out.append("</section>")
    return "\n".join(out) + "\n"


def _inline(s: Sentence) -> str:
    pieces = s.latex.split("$")
    return "".join(rf"\({_escaped(p)}\)" if k % 2 else _escaped(p) for k, p in enumerate(pieces))


def _escaped(words: str) -> str:
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&#x27;")):
        words = words.replace(sign, entity)
    return words


# --------------------------------------------------------------------------- data
def as_dict(d: Derivation) -> dict[str, Any]:
    """The derivation as dicts, lists and strings."""
    return {
        "forward": [{**_both(d.line(eq)), "matrix": _shown(shown)} for eq, shown in d.forward],
        "convention": d.convention.says(True, False),
        "rules": [
            {
                "of": p.name,
                "equation": str(p.rule),
                **_both(d.line(p.rule)),
                "matrix": _shown(p.shown),
                "steps": [
                    {
                        "number": f"{n}.{k}",
                        "kind": step.kind,
                        "title": step.title,
                        "lines": [_both(d.line(eq)) for eq in step.equations],
                        "matrix": _shown(step.matrix) if step.matrix is not None else None,
                        "law": {"name": step.law, "statement": step.statement.unicode},
                        "reason": step.reason.unicode,
                        "notes": [note.unicode for note in step.notes],
                    }
                    for k, step in enumerate(p.steps, 1)
                ],
                "reasons": [{"topic": r.topic, "question": r.question, "answer": r.answer.unicode} for r in p.reasons],
                "dimensions": p.dimension.unicode if p.dimension is not None else None,
            }
            for n, p in enumerate(d.parts, 1)
        ],
        "remarks": [
            {"title": r.title, "text": r.text.unicode, "lines": [_both(d.line(eq)) for eq in r.equations]}
            for r in d.remarks
        ],
        "attempt": None
        if d.verdict is None
        else {
            "formula": d.verdict.formula.unicode,
            "right": d.verdict.right,
            "sentences": [s.unicode for s in d.verdict.sentences],
        },
    }


def _both(m: Math) -> dict[str, str]:
    return {"unicode": m.unicode, "latex": m.latex}


def _shown(s: Shown) -> dict[str, Any]:
    if not s.unicode:
        return {"unicode": None, "latex": None, "why": s.why}
    return {"unicode": s.unicode, "latex": s.latex, "for_every": list(s.carried)}
