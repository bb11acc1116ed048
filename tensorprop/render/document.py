"""Documents: the same blocks for a terminal, as Markdown, LaTeX and HTML.

In: headings, paragraphs and displayed lines. Out: a string. What they are about, a derivation or a report, is not known
here, and nothing is worded.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import TypeAlias

from tensorprop.render.derivation.sentences import Math, Sentence
from tensorprop.render.mathml import mathml

__all__ = [
    "Block", "Heading", "Lines", "Paragraph", "Picture", "TextTable", "Verbatim", "html", "latex",
    "markdown", "page", "text",
]  # fmt: skip

NOTHING = Math("", "")
WIDTH = 100  # columns of a terminal that prose may take


# --------------------------------------------------------------------------- blocks
@dataclass(frozen=True)
class Heading:
    """A heading: 1 a section, 2 a step in it, which may have its law beside it, by name and statement; ``pages``: not
    for a terminal."""

    level: int
    text: Sentence
    law: str = ""
    statement: Math = NOTHING
    pages: bool = False


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; ``bullet`` for one of a list, ``lead`` for a question before its answer; ``pages``: not for a
    terminal."""

    text: Sentence
    bullet: bool = False
    lead: str = ""
    pages: bool = False


@dataclass(frozen=True)
class Lines:
    """Equations under one another, each perhaps with its form in matrices beside it; ``pages``: not for a terminal."""

    rows: tuple[tuple[Math, Math | None], ...]
    deep: bool = False
    pages: bool = False


@dataclass(frozen=True)
class TextTable:
    """Rows of cells under a head."""

    head: tuple[Sentence, ...]
    rows: tuple[tuple[Sentence, ...], ...]
    again: bool = False  # a table with the same head stands before: a terminal needs none


@dataclass(frozen=True)
class Picture:
    """A drawing: as SVG, and in characters; ``pages``: not for a terminal."""

    svg: str
    text: str
    pages: bool = False


@dataclass(frozen=True)
class Verbatim:
    """Lines that stand as they are, each character as wide as every other."""

    text: str


Block: TypeAlias = Heading | Paragraph | Lines | TextTable | Picture | Verbatim


# --------------------------------------------------------------------------- terminal
def text(blocks: Iterable[Block], width: int = WIDTH) -> str:
    """For a terminal: prose within so many columns, lines of mathematics as long as they are."""
    out: list[str] = []
    for b in blocks:
        match b:
            case Heading(pages=True) | Lines(pages=True) | Picture(pages=True) | Paragraph(pages=True):
                pass
            case Heading(1, words):
                out += ["", words.unicode, "─" * len(words.unicode)]
            case Heading(_, words, law, statement):
                beside = ": ".join(filter(None, (law, statement.unicode)))
                out += ["", f"  {words.unicode.ljust(width - 4 - len(beside))}  {beside}".rstrip()]
            case Picture(_, drawn):
                out += ["", *(f"      {line}".rstrip() for line in drawn.split("\n")), ""]
            case Verbatim(words):
                out += ["", *words.split("\n"), ""]
            case TextTable(head, rows, again):
                out += _columns([[s.unicode for s in row] for row in (*(() if again else (head,)), *rows)])
            case Lines(rows, deep):
                indent = "          " if deep else "    "
                wide = max(len(row[0].unicode) for row in rows)
                for one, other in rows:
                    if other is None:
                        out += _broken(one.unicode, indent, width)
                    elif wide <= 56:
                        out.append(f"{indent}{one.unicode.ljust(wide)}    {other.unicode}")
                    else:
                        out += [
                            *_broken(one.unicode, indent, width),
                            *_broken(other.unicode, f"{indent}    ", width),
                        ]
            case Paragraph(words, bullet, lead):
                first = "      · " if bullet else "      "
                told = f"{lead} {_unbroken(words)}" if lead else _unbroken(words)
                rest = "        " if bullet or lead else "      "
                out += textwrap.wrap(
                    told,
                    width,
                    initial_indent=first,
                    subsequent_indent=rest,
                    break_long_words=False,
                    break_on_hyphens=False,
                )
    return _slim(out).strip("\n").replace(_GLUE, " ")


def _broken(line: str, indent: str, width: int) -> list[str]:
    """A long equation, its further terms under the first one."""
    if len(indent) + len(line) <= width:
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
        if out and len(out[-1]) + 1 + len(piece) <= width:
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
def markdown(blocks: Iterable[Block], level: int = 2) -> str:
    """Markdown with mathematics between dollars; headings begin at ``level``, steps are paragraphs."""
    out: list[str] = []
    step: Heading | None = None
    pending: list[str] = []  # a step's lines, which come after its first sentence
    for b in blocks:
        match b:
            case Heading(1, words):
                out += ["", f"{'#' * level} {words.latex}", ""]
            case Heading(_, words):
                out += _ended(step, pending)
                out += ["", f"**{words.latex}.**"]
                step, pending = b, []
            case Picture(svg, _):
                out += [*_ended(step, pending), "", svg, ""]
                step, pending = None, []
            case Verbatim(words):
                out += [*_ended(step, pending), "", "```text", words, "```", ""]
                step, pending = None, []
            case TextTable(head, rows):
                cells = [[_barless(s.latex) for s in row] for row in (head, *rows)]
                out += [*_ended(step, pending), "", *_grid(cells), ""]
                step, pending = None, []
            case Lines(rows, _) if step is not None:
                pending = [f"$${_row(one, other)}$$" for one, other in rows]
            case Lines(rows, _) if len(rows) > 1 and any(other for _, other in rows):
                out += ["", *_table(rows), ""]
            case Lines(rows, _):
                for one, other in rows:
                    out += ["", f"$${_row(one, other)}$$", ""]
            case Paragraph(words, False, "") if step is not None:
                out[-1] += f" {words.latex}"
                out += _ended(step, pending)
                step, pending = None, []
            case Paragraph(words, True, _):
                out += _ended(step, pending)
                step, pending = None, []
                out.append(f"- {words.latex}")
            case Paragraph(words, _, lead):
                out += _ended(step, pending)
                step, pending = None, []
                out += ["", f"**{lead}** {words.latex}" if lead else words.latex, ""]
    return _slim([*out, *_ended(step, pending)])


def _ended(step: Heading | None, pending: Sequence[str]) -> list[str]:
    """A step's law, which stands in its first paragraph, and its lines."""
    if step is None:
        return []
    name = f"{step.law}: " if step.law else ""
    law = [f"*({name}${step.statement.latex}$)*"] if step.statement.latex else []
    return [*law, *(x for line in pending for x in ("", line, ""))]


def _grid(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown, its first row the head."""
    head, *rest = (f"| {' | '.join(row)} |" for row in rows)
    return [head, "|" + "---|" * len(rows[0]), *rest]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """A table for a terminal: columns under one another, a line under the head."""
    wide = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    lines = ["      " + "   ".join(c.ljust(w) for c, w in zip(row, wide, strict=True)).rstrip() for row in rows]
    return ["", lines[0], *lines[1:], ""]


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
def latex(blocks: Iterable[Block], align: bool = False) -> str:
    """LaTeX for the body of a document: displays one after the other, or with ``align`` in align*."""
    out: list[str] = []
    for b in blocks:
        match b:
            case Picture(_, drawn) | Verbatim(drawn):
                out += [r"\begin{verbatim}", drawn, r"\end{verbatim}", ""]
            case TextTable(head, rows):
                cells = [" & ".join(_tex(s) for s in row) + r" \\" for row in rows]
                top = [" & ".join(_tex(s) for s in head) + r" \\", r"\hline"]
                out += [rf"\begin{{tabular}}{{{'l' * len(rows[0])}}}", *top, *cells, r"\end{tabular}", ""]
            case Heading(n, words, law, statement):
                command = r"\subsection*" if n == 1 else r"\paragraph"
                out += ["", f"{command}{{{_tex(words)}}}"]
                if statement.latex:
                    name = f"{_plain_tex(law)}: " if law else ""
                    out += [rf"\hfill {name}${statement.latex}$", ""]
            case Lines(rows, _):
                if align and len(rows) > 1:
                    body = " \\\\\n".join(f"  {_aligned(one, other)}" for one, other in rows)
                    out += [r"\begin{align*}", body, r"\end{align*}"]
                else:
                    out += [rf"\[ {_row(one, other)} \]" for one, other in rows]
            case Paragraph(words, bullet, lead):
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
STYLE = """
.tensorprop{font:16px/1.5 Georgia,"Times New Roman",serif;color:#1b1b1b;max-width:46em;margin:0 auto;padding:0 1em 2em}
.tensorprop h2{font-size:1.25em;margin:1.6em 0 .4em;border-bottom:1px solid #ccc}
.tensorprop math{font-size:1.06em}
.tensorprop table{border-collapse:collapse;margin:.6em 0}
.tensorprop td,.tensorprop th{padding:.15em .9em .15em 0;text-align:left;vertical-align:baseline}
.tensorprop table.grid td,.tensorprop table.grid th{border-bottom:1px solid #ddd;padding:.2em .9em .2em .2em}
.tensorprop table.grid th{color:#555;font-weight:normal;font-style:italic}
.tensorprop details{margin:.3em 0}
.tensorprop summary{cursor:pointer;color:#333}
.tensorprop .law{color:#666;font-size:.92em;margin-left:1.2em}
.tensorprop .step{margin:.2em 0 .8em 1.6em}
.tensorprop .lead{font-weight:bold}
.tensorprop p{margin:.45em 0}
.tensorprop figure{margin:1em 0}
.tensorprop svg{max-width:100%;height:auto}
.tensorprop{background:#fff;color-scheme:light;overflow-x:auto}
"""


def html(blocks: Iterable[Block]) -> str:
    """One ``<section>`` with its style: mathematics as MathML, steps that fold, everything escaped."""
    return f'<section class="tensorprop"><style>{STYLE}</style>\n' + "\n".join(_html(blocks)) + "\n</section>\n"


def page(blocks: Iterable[Block], title: str) -> str:
    """A whole page in one file, which needs nothing from elsewhere."""
    told = '<meta charset="utf-8"/><meta name="viewport" content="width=device-width,initial-scale=1"/>'
    head = f'<!DOCTYPE html>\n<html lang="en"><head>{told}<title>{escape(title)}</title></head>'
    return f"{head}<body>\n{html(blocks)}</body></html>\n"


def _html(blocks: Iterable[Block]) -> Iterator[str]:
    step = items = False
    for b in blocks:
        bullet = isinstance(b, Paragraph) and b.bullet
        if items and not bullet:
            yield "</ul>"
        ends = step and (isinstance(b, (Heading, TextTable, Picture)) or (isinstance(b, Paragraph) and bool(b.lead)))
        if ends:
            yield "</div></details>"
            step = False
        if bullet and not items:
            yield "<ul>"
        items = bullet
        match b:
            case Heading(1, words):
                yield f"<h2>{_inline(words)}</h2>"
            case Heading(_, words, law, statement):
                name = f"{escape(law)}: " if law else ""
                beside = f'<span class="law">{name}{mathml(statement.latex)}</span>' if statement.latex else ""
                yield f'<details open="open"><summary>{_inline(words)}{beside}</summary><div class="step">'
                step = True
            case Picture(svg, _):
                yield f"<figure>{svg}</figure>"
            case Verbatim(words):
                yield f"<pre>{escape(words)}</pre>"
            case TextTable(head, rows):
                lines = [("th", head), *(("td", row) for row in rows)]
                cells = ("".join(f"<{tag}>{_inline(s)}</{tag}>" for s in row) for tag, row in lines)
                yield f'<table class="grid">{"".join(f"<tr>{c}</tr>" for c in cells)}</table>'
            case Lines(rows, _):
                cells = (f"<td>{mathml(m.latex)}</td>" if m else "<td></td>" for row in rows for m in row)
                pairs = (f"<tr>{one}{other}</tr>" for one, other in zip(cells, cells, strict=True))
                yield f"<table>{''.join(pairs)}</table>"
            case Paragraph(words, _, lead):
                told = f'<span class="lead">{escape(lead)}</span> {_inline(words)}' if lead else _inline(words)
                yield f"<li>{told}</li>" if bullet else f"<p>{told}</p>"
    if items:
        yield "</ul>"
    if step:
        yield "</div></details>"


def _inline(s: Sentence) -> str:
    pieces = s.latex.split("$")
    return "".join(mathml(p) if k % 2 else escape(p) for k, p in enumerate(pieces))
