"""Python-Markdown: an extension of its own, and functions for SuperFences and InlineHilite (MkDocs, Zensical).

In: fences of the language ``tensorprop``, and `` `tensorprop: …` `` in a line. Out: HTML with MathML, which needs no
script. As an extension, ``extensions = ["tensorprop.markdown"]``; for SuperFences

    custom_fences: [{name: tensorprop, class: tensorprop, validator: tensorprop.markdown.validator,
                     format: tensorprop.markdown.fence}]

and for InlineHilite ``custom_inline: [{name: tensorprop, class: tensorprop, format: tensorprop.markdown.inline}]``. A
request that is wrong, a rule that is not proved, stops the build.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from tensorprop.errors import TensorpropError
from tensorprop.pages.answers import VERBS, as_html
from tensorprop.pages.fenced import filled
from tensorprop.pages.request import Request

__all__ = ["TensorpropExtension", "fence", "inline", "makeExtension", "validator"]


# --------------------------------------------------------------------------- an extension
class _Fences(Preprocessor):
    """Requests of a page become HTML, kept aside until the page is built."""

    def run(self, lines: list[str]) -> list[str]:
        def kept(r: Request) -> str:
            return self.md.htmlStash.store(as_html(r).strip())

        page, wrong = filled("\n".join(lines), kept, bare=True)
        for line, error in wrong:
            error.problem = f"line {line} of the page: {error.problem}"
            raise error
        return page.split("\n")


class TensorpropExtension(Extension):
    """Blocks and formulas of tensorprop in Markdown."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Requests are answered before any other fence is read."""
        md.preprocessors.register(_Fences(md), "tensorprop", 30)


def makeExtension(**options: Any) -> TensorpropExtension:
    """What Python-Markdown calls."""
    return TensorpropExtension(**options)


# --------------------------------------------------------------------------- PyMdown
def validator(
    language: str, inputs: dict[str, str], options: dict[str, Any], attrs: dict[str, Any], md: Markdown
) -> bool:
    """The words behind the language: ``explain wrt=W`` (a verb has no value), as options of the fence."""
    options.update({name: value for name, value in inputs.items() if name not in ("linenums", "hl_lines", "title")})
    return True


def fence(source: str, language: str, css_class: str, options: dict[str, Any], md: Markdown, **_: Any) -> str:
    """A block for SuperFences. Errors: SuperFencesException, which stops the build, with what is wrong."""
    verbs = [name for name in options if name in VERBS]
    said = {name: str(value) for name, value in options.items() if name not in VERBS and name != "verb"}
    return _html(Request(verbs[0] if verbs else options.get("verb", "formula"), said, source, 1), css_class, "div")


def inline(source: str, language: str, css_class: str, md: Markdown) -> str:
    """A formula for InlineHilite."""
    return _html(Request("formula", {}, source, 1, inline=True), css_class, "span")


def _html(r: Request, css_class: str, tag: str) -> str:
    try:
        return f'<{tag} class="{css_class}">{as_html(r).strip()}</{tag}>'
    except TensorpropError as error:
        raise _stop(r, error) from error


def _stop(r: Request, error: TensorpropError) -> Exception:
    """The error in the class that PyMdown does not swallow."""
    told = f"{error}\n  in the block\n" + "\n".join(f"    {line}" for line in r.text.split("\n"))
    from pymdownx import inlinehilite, superfences

    kinds: Sequence[type[Exception]] = [
        getattr(inlinehilite, "InlineHiliteException", RuntimeError) if r.inline else superfences.SuperFencesException
    ]
    return kinds[0](told)
