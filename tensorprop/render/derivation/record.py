"""A derivation, printed: for a terminal, as Markdown, LaTeX and HTML, and as plain data.

In: what `derivation` found. Out: a Derivation. All formats are written by `document` from the blocks of
`levels`, so that all say the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tensorprop.core.names import adjoint_name
from tensorprop.face import Face
from tensorprop.render import document
from tensorprop.render.derivation import levels
from tensorprop.render.derivation.contents import Contents, Judgement
from tensorprop.render.derivation.matrix import MatrixForm
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.document import Block

__all__ = ["Derivation"]


@dataclass(frozen=True, repr=False)
class Derivation(Face, Contents):
    """Numbered steps from the forward equations to each rule.

    ``str`` is for a terminal; ``markdown``, ``latex`` (``tex(align=True)`` with align*) and ``html`` are for pages,
    ``as_dict`` for JSON. ``parts`` has one entry for every rule.
    """

    def __hash__(self) -> int:
        return hash(tuple(p.rule for p in self.parts))

    def __str__(self) -> str:
        return self.show()

    def show(self, width: int = document.WIDTH) -> str:
        """The derivation for a terminal, its prose within so many columns."""
        return document.text(self.blocks(), width)

    @property
    def markdown(self) -> str:
        """Markdown with ``$…$`` and ``$$…$$``."""
        return document.markdown(self.blocks())

    @property
    def latex(self) -> str:
        """LaTeX, one display after the other, without environments."""
        return self.tex()

    def tex(self, align: bool = False) -> str:
        """LaTeX; with ``align`` the lines of a rule stand under one another in align*."""
        return document.latex(self.blocks(), align)

    @property
    def html(self) -> str:
        """A whole page in one file: MathML, tables and diagrams, steps that fold; it needs nothing from elsewhere."""
        return document.page(self.blocks(), f"Derivation of {', '.join(adjoint_name(p.name) for p in self.parts)}")

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """What a notebook is given: text, Markdown and HTML of the same blocks."""
        return {"text/plain": str(self), "text/markdown": self.markdown, "text/html": document.html(self.blocks())}

    def blocks(self) -> Iterator[Block]:
        """The whole derivation, format aside."""
        return levels.blocks(self)

    def as_dict(self) -> dict[str, Any]:
        """Lists, dicts and strings, for JSON."""
        return {
            "forward": [{**_both(self.line(eq)), "matrix": _shown(shown)} for eq, shown in self.forward],
            "convention": self.convention.says(True, False),
            "rules": [
                {
                    "of": p.name,
                    "equation": str(p.rule),
                    **_both(self.line(p.rule)),
                    "matrix": _shown(p.shown),
                    "steps": [
                        {
                            "number": f"{n}.{k}",
                            "kind": step.kind,
                            "title": step.title,
                            "lines": [_both(self.line(eq)) for eq in step.equations],
                            "matrix": _shown(step.matrix) if step.matrix is not None else None,
                            "law": {"name": step.law, "statement": step.statement.unicode},
                            "reason": step.reason.unicode,
                            "notes": [note.unicode for note in step.notes],
                        }
                        for k, step in enumerate(p.steps, 1)
                    ],
                    "reasons": [
                        {"topic": r.topic, "question": r.question, "answer": r.answer.unicode} for r in p.reasons
                    ],
                    "dimensions": p.dimension.unicode if p.dimension is not None else None,
                }
                for n, p in enumerate(self.parts, 1)
            ],
            "remarks": [
                {"title": r.title, "text": r.text.unicode, "lines": [_both(self.line(eq)) for eq in r.equations]}
                for r in self.remarks
            ],
            "attempt": None
            if self.verdict is None
            else {**_told(self.verdict), "lines": [_told(one) for one in self.verdict.each]},
        }


def _told(j: Judgement) -> dict[str, Any]:
    return {"formula": j.formula.unicode, "right": j.right, "sentences": [s.unicode for s in j.sentences]}


def _both(m: Math) -> dict[str, str]:
    return {"unicode": m.unicode, "latex": m.latex}


def _shown(s: MatrixForm) -> dict[str, Any]:
    if not s.unicode:
        return {"unicode": None, "latex": None, "why": s.why}
    return {"unicode": s.unicode, "latex": s.latex, "for_every": list(s.carried)}
