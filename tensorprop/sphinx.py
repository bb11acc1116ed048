"""Sphinx: the directive ``tensorprop`` and the role of the same name, in reStructuredText and in MyST.

In: ``extensions = ["tensorprop.sphinx"]`` in conf.py. Out: nodes of a document, formulas as Sphinx's own mathematics,
so that every builder can print them. A request that is wrong, a rule that is not proved, is an error with its place;
the build fails with ``sphinx-build -W``, and without it where ``tensorprop_strict`` is True, which it is by default.

    .. tensorprop:: explain
       :wrt: W

       z_j = a_i W_ij + b_j

Verbs and options are those of `tensorprop.pages.answers`; the role takes a formula, :tensorprop:`δW_ij = a_i δz_j`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.errors import ExtensionError

import tensorprop
from tensorprop.errors import TensorpropError
from tensorprop.pages.answers import blocks, formulas
from tensorprop.pages.request import Request, asked
from tensorprop.pages.restructured import pieces_of
from tensorprop.render.derivation.sentences import Sentence
from tensorprop.render.document import Block, Heading, Lines, Paragraph, Picture, TextTable, Verbatim

__all__ = ["setup"]


class _Any(dict[str, Any]):
    """Options of every name: which of them a verb has is told by the verb."""

    def __contains__(self, name: object) -> bool:
        return True

    def __getitem__(self, name: str) -> Any:
        return lambda text: text or ""

    def get(self, name: str, default: Any = None) -> Any:
        return self[name]

    def __bool__(self) -> bool:
        return True


class TensorpropDirective(Directive):
    """``.. tensorprop:: verb option=value`` with options ``:option: value`` and equations below."""

    has_content = True
    optional_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[Any] = _Any()

    def run(self) -> Sequence[nodes.Node]:
        words = [*self.arguments, *(f'{name}="{value}"' for name, value in self.options.items())]
        try:
            r = asked(" ".join(words), list(self.content), self.content_offset + 1)
            return list(_nodes(blocks(r)))
        except TensorpropError as error:
            return _refused(error, self.state.document, self.lineno)


def _role(
    name: str, rawtext: str, text: str, lineno: int, inliner: Any, options: Any = None, content: Any = ()
) -> tuple[list[nodes.Node], list[nodes.system_message]]:
    """A formula in a line."""
    try:
        found = formulas(Request("formula", {}, nodes.unescape(text), lineno, inline=True))
    except TensorpropError as error:
        return [nodes.literal(rawtext, text), *_refused(error, inliner.document, lineno)], []
    out: list[nodes.Node] = []
    for n, m in enumerate(found):
        out += [nodes.Text(", "), nodes.math(m.latex, m.latex)] if n else [nodes.math(rawtext, m.latex)]
    return out, []


def _refused(error: TensorpropError, document: Any, line: int) -> list[nodes.Node]:
    """The error, told with its place, and shown in the page; the build fails where it is strict."""
    from sphinx.util import logging

    source = document.settings.env.docname if hasattr(document.settings, "env") else document.current_source
    logging.getLogger("tensorprop").warning("%s", error, location=(source, line), type="tensorprop")
    if document.settings.env.config.tensorprop_strict:
        raise ExtensionError(f"{document.settings.env.doc2path(source)}:{line}: {error}")
    return [nodes.literal_block(str(error), str(error), language="text")]


# --------------------------------------------------------------------------- blocks as nodes
def _told(s: Sentence, into: nodes.Element) -> nodes.Element:
    into += [nodes.math(piece, piece) if is_math else nodes.Text(piece) for piece, is_math in pieces_of(s)]
    return into


def _display(latex: str) -> nodes.Node:
    block = nodes.math_block(latex, latex, nowrap=False, number=None, label=None)
    block["no-wrap"] = False
    return block


def _nodes(found: Iterable[Block]) -> Iterator[nodes.Node]:
    """The blocks of an answer, under one another."""
    items: nodes.bullet_list | None = None
    for b in found:
        bullet = isinstance(b, Paragraph) and b.bullet
        if not bullet and items is not None:
            yield items
            items = None
        match b:
            case Heading(level, words, law, statement):
                head = _told(words, nodes.rubric("", "", classes=[f"tensorprop-{level}"]))
                if statement.latex:
                    head += [
                        nodes.Text(f" ({law}: " if law else " ("),
                        nodes.math("", statement.latex),
                        nodes.Text(")"),
                    ]
                yield head
            case Paragraph(words, True, _):
                items = items or nodes.bullet_list()
                items += nodes.list_item("", _told(words, nodes.paragraph()))
            case Paragraph(words, _, lead):
                start = [nodes.strong(lead, lead), nodes.Text(" ")] if lead else []
                yield _told(words, nodes.paragraph("", "", *start))
            case Lines(rows, _):
                for one, other in rows:
                    yield _display(one.latex if other is None else rf"{one.latex} \qquad {other.latex}")
            case TextTable(head, rows):
                yield _grid(head, rows)
            case Verbatim(text):
                yield nodes.literal_block(text, text, language="text")
            case Picture(svg, text):
                yield nodes.raw(svg, f"<figure>{svg}</figure>", format="html")
                yield nodes.raw(text, f"\\begin{{verbatim}}\n{text}\n\\end{{verbatim}}", format="latex")
    if items is not None:
        yield items


def _grid(head: Sequence[Sentence], rows: Iterable[Sequence[Sentence]]) -> nodes.Node:
    """A table, its first row the head."""
    columns = [nodes.colspec(colwidth=1) for _ in head]

    def row(cells: Sequence[Sentence]) -> nodes.row:
        return nodes.row("", *(nodes.entry("", _told(cell, nodes.paragraph())) for cell in cells))

    body = nodes.tbody("", *(row(cells) for cells in rows))
    return nodes.table("", nodes.tgroup("", *columns, nodes.thead("", row(head)), body, cols=len(head)))


def setup(app: Any) -> dict[str, Any]:
    """What Sphinx calls."""
    app.add_config_value("tensorprop_strict", True, "env", types=frozenset({bool}))
    app.add_directive("tensorprop", TensorpropDirective)
    app.add_role("tensorprop", _role)
    return {"version": tensorprop.__version__, "parallel_read_safe": True, "parallel_write_safe": True}
