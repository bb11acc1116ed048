"""The LaTeX that people paste, as tokens.

In: a command and its place in the text. Out: the kind, the characters and the end of the token that it stands for. This
file knows no grammar.
"""

from __future__ import annotations

import re

from tensorprop.errors import AmbiguousNotation, UnbalancedBracket, UnexpectedChar
from tensorprop.text.characters import ACCENTS, GREEK, LETTERS, NAME, refuse_character, refuse_transpose
from tensorprop.text.foreign import meant_by
from tensorprop.text.vocabulary import BINDERS, KNOWN

__all__ = ["LIMITS", "SIZES", "latex"]

_COMMANDS = {
    **dict.fromkeys(("odot", "cdot", "times", "ast", "circ"), "*"),
    **dict.fromkeys(("le", "leq", "leqslant"), "≤"),
    **dict.fromkeys(("ge", "geq", "geqslant"), "≥"),
    **dict.fromkeys(("ne", "neq"), "≠"),
    **dict.fromkeys(("frac", "tfrac", "dfrac"), "frac"),
    **dict.fromkeys(("vert", "lvert", "rvert", "mid"), "|"),
    "lt": "<",
    "gt": ">",
    "partial": "∂",
    "nabla": "∇",
    "star": "*",
    **dict.fromkeys(("|", "Vert", "lVert", "rVert"), "‖"),
    "sqrt": "√",
    "prime": "q",
}
_SPACES = frozenset((",", ";", ":", "!", " ", "\n", "quad", "qquad", "displaystyle", "textstyle", "limits", "nolimits"))
LIMITS = frozenset(("limits", "nolimits"))
SIZES = frozenset(
    "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr".split(),
)
_FONTS = frozenset(
    "mathrm mathbf mathit mathsf mathtt mathcal mathbb boldsymbol bm text textrm textbf operatorname vec".split()
)
_NAMES = frozenset("exp log ln sin cos tan sinh cosh tanh arcsin arccos arctan max min det dim".split())

_ACCENTS = {
    **{a: a for a in ACCENTS.values()},
    "widehat": "hat",
    "widetilde": "tilde",
    "overline": "bar",
}
_WORDS = {  # commands that are refused as these words are
    **dict.fromkeys(("land", "wedge"), "and"),
    **dict.fromkeys(("lor", "vee"), "or"),
    **dict.fromkeys(("neg", "lnot"), "not"),
    **dict.fromkeys(("bmod", "mod", "pmod"), "mod"),
    "in": "in",
    "infty": "∞",
}
_FIXES = {
    "arg": "write argmax_i(…) or argmin_i(…)",
    **dict.fromkeys(("begin", "end"), "leave the environment out; equations are separated by new lines, ; or \\\\"),
    **dict.fromkeys(("ldots", "cdots", "dots", "vdots"), "give it in full"),
}
_SIGNS = {  # commands that are refused as these signs are
    **{"otimes": "⊗", "oplus": "⊕", "ominus": "⊖", "oslash": "⊘", "div": "÷", "pm": "±", "mp": "±"},
    **{"bullet": "•", "ast": "∙", "lfloor": "⌊", "lceil": "⌈", "langle": "⟨", "gets": "←", "leftarrow": "←"},
    **{"equiv": "≡", "approx": "≈", "simeq": "≃", "propto": "∝", "forall": "∀", "coloneqq": "≔", "triangleq": "≜"},
}
_ACCENTED = re.compile(r"\s*(?:\{((?:[^{}]|\{[^{}]*\})*)\}|(\\[A-Za-z]+|[A-Za-zℓ]))")
_FONT = re.compile(r"\\(?:" + "|".join(_FONTS) + r")\s*\{([^{}]*)\}")
_ASKS = re.compile(r"\s*(?:_\s*\{([^{}]*)\}|\[([^\[\]]*)\]|\\?\{([^{}]*?)\\?\}|\(([^()]*)\))")  # of an indicator
_GROUP = re.compile(r"\s*\{([^{}]*)\}")


def latex(text: str, command: str, start: int, end: int) -> tuple[str, str, int] | None:
    """Kind, characters and end of the token that a LaTeX command stands for; None where it only spaces."""
    word = command[1:]
    if word in GREEK:
        return "N", GREEK[word], end
    if word in _COMMANDS:
        return _COMMANDS[word], "′" if word == "prime" else _COMMANDS[word], end
    if word in _NAMES:
        return "N", word, end
    if word in ("sum", "prod"):
        return "N", "Σ" if word == "sum" else "∏", end
    if word in _SPACES or word in SIZES:
        return None
    if word == "\\":
        return ";", ";", end
    if word in ("{", "}"):
        raise UnexpectedChar(f'"{command}" groups nothing here', text, (start, end), fix="write ( and )")
    if word in _FONTS:
        m = _GROUP.match(text, end + 1 if text.startswith("*", end) else end)
        if m is None:
            raise UnbalancedBracket(
                f"{command} needs a name in braces", text, (start, end), fix=f"write {command}{{name}}"
            )
        name = re.sub(r"\\([A-Za-z]+)", lambda g: GREEK.get(g[1], g[0]), m[1])
        name = re.sub(r"[\s\\,_]", "", name) if name != "log_softmax" else name
        if word == "mathbb" and name == "E":
            fix = "write the mean over an index, mean_b(…)"
            raise AmbiguousNotation("an expectation, or a tensor called E?", text, (start, m.end()), fix=f"{fix}, or E")
        if name == "1" or (word in ("mathbb", "mathbbm", "mathds") and name == "I" and _ASKS.match(text, m.end())):
            asked = _ASKS.match(text, m.end())
            said = next(g for g in asked.groups() if g) if asked else ""
            fix = f"the bracket alone is 1 where it holds: {f'write `[{said.strip()}]`' if said else '[y_b = c]'}"
            raise UnexpectedChar("an indicator is not in the notation", text, (start, m.end()), fix=fix)
        if not re.fullmatch(NAME, name):
            at = m.start(1)
            for k, c in enumerate(m[1]):
                if not re.match(f"[{LETTERS}0-9\\s\\\\]", c):
                    refuse_character(text, at + k)
            raise UnexpectedChar(f"no name in {command}{{}}", text, (start, m.end()), fix="a name starts with a letter")
        _refuse_word_beside(text, name, start, m.end())
        return "N", name, m.end()
    if word in _ACCENTS:
        return _accented(text, word, start, end)
    if word in ("top", "intercal", "dagger"):  # the sign; what is called top is no command
        refuse_transpose(text, start, end)
    if word in _WORDS or word in KNOWN or word in BINDERS:
        return "N", _WORDS.get(word, word), end
    raise UnexpectedChar(
        f'the LaTeX command "{command}" is not in the notation',
        text,
        (start, max(end, start + 1)),
        fix=_greatest(text[end:])
        if word == "arg"
        else (meant_by(_SIGNS[word], text, start, end) if word in _SIGNS else None)
        or _FIXES.get(
            word, f"a name of several letters is written {word} or \\mathrm{{{word}}}" if word.isalpha() else None
        ),
    )


def _refuse_word_beside(text: str, name: str, start: int, end: int) -> None:
    """``x_{\\text{new}}`` and ``q^{\\text{old}}_i``: a word below or above a name is no index and no power."""
    m = re.search(r"((?:\\?[A-Za-z]+|[A-Za-z]+\s*\{\w+\}))\s*([_^])\s*\{?\s*$", text[:start])
    if m is None or len(name) < 2 or not re.match(r"\s*(?:\}|$|[^\s,\w])", text[end:]):
        return
    base = m[1].lstrip("\\")
    base = GREEK.get(base, base)
    after = re.match(r"\s*\}\s*(_\s*(?:\{[^{}]*\}|\w+))?", text[end:])
    below = (after[1] or "") if after else ""
    if m[2] == "_" and base in ("sum", "prod", "max", "min"):
        fix = f"an index of several letters stands in brackets: write `\\{base}[{name}]`"
        raise AmbiguousNotation(f"{name} below {base} is a word", text, (m.start(), end + 1), fix=fix)
    raise AmbiguousNotation(
        f"{name} {'below' if m[2] == '_' else 'above'} {base} is a word, and no {'index' if m[2] == '_' else 'power'}",
        text,
        (m.start(), end + (len(after[0].rstrip()) if after else 0)),
        fix=f"it is a part of the name: write `{base}{name}{below}`, or "
        + (f"`{base}^({name}){below}`" if below else f"`{base}^{{({name})}}`"),
    )


def _greatest(after: str) -> str:
    """``argmax_j(x_j)`` of ``\\arg\\max_j x_j``."""
    m = re.match(r"\s*\\(max|min)\s*_\s*\{?\s*(\w)\s*\}?\s*(\w+?(?:_\{\w+\}|_\w+))\s*(?=$|[;\n])", after)
    return f"write `arg{m[1]}_{m[2]}({m[3]})`" if m else "write argmax_i(…) or argmin_i(…)"


def _accented(text: str, word: str, start: int, end: int) -> tuple[str, str, int]:
    """``\\hat{x}`` is the name xhat: what stands above a letter tells tensors apart, as the letters of a name do."""
    m = _ACCENTED.match(text, end)
    if m is None:
        raise UnbalancedBracket(
            f"\\{word} needs a letter to stand above", text, (start, end), fix=f"write \\{word}{{x}}_i"
        )
    inner = m[1] if m[1] is not None else m[2]
    inner = _FONT.sub(lambda f: f[1], inner)
    name = re.sub(r"\\([A-Za-z]+)\s*", lambda g: GREEK.get(g[1], g[0]), inner).strip()
    if "_" in name:
        stem, _, below = name.partition("_")
        raise UnexpectedChar(
            f"the subscripts stand inside \\{word}",
            text,
            (start, m.end()),
            fix=f"write \\{word}{{{stem.strip()}}}_{{{below.strip('{} ')}}}",
        )
    if not re.fullmatch(NAME, name):
        raise UnexpectedChar(
            f"\\{word} stands above one name",
            text,
            (start, m.end()),
            fix=f"give what is meant a name, or write \\{word}{{x}}_i",
        )
    return "N", name + _ACCENTS[word], m.end()
