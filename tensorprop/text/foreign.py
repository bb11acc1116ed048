"""Signs of other notations: what is meant, with what stands on both sides of them in the user's own letters.

In: a text and the place of a sign. Out: words for an error, or None. This file knows no grammar: what stands beside a
sign is found by its brackets.
"""

from __future__ import annotations

import re

__all__ = ["POSITIVE_PART", "meant_by"]

POSITIVE_PART = re.compile(r"[_^]\s*(?:\{\s*\+\s*\}|\+(?=\s*(?:$|[)\],;\n=*/+-])))")  # of (x_i)_+ and x_i^{+}

# «l» and «r»: the operands beside the sign as factors; «p»: that on the right as a power; «i»: what is inside.
_BETWEEN = {
    "//": "write `floor(«l» / «r»)`",
    "%": "write `remainder(«l», «r»)`",
    "**": "write `«l»^«p»`",
    "÷": "write `«l» / «r»`",
    **dict.fromkeys("∘•∙⋆★⊡◦", "write `«l» «r»`"),
    "⊕": "write `«l» + «r»`",
    "⊖": "write `«l» - «r»`",
    "⊘": "write `«l» / «r»`",
    "±": "write two equations: one with `«l» + «r»`, one with `«l» - «r»`",
    "@": "write the product with its indices: `«l» «r»`",
    "⊗": "write the product; the indices tell that it is an outer one: `«l» «r»`",
}
_BEFORE = {"∛": "write `cbrt(«r»)`", "∜": "write `«r»^(1/4)`", "~": "write `1 - «r»`"}
_AFTER = {"!": "write `exp(lgamma(«l» + 1))`"}
_AROUND = {
    "⌊": (r"⌋|(?:\\right\s*)?\\rfloor", "write `floor(«i»)`"),
    "⌈": (r"⌉|(?:\\right\s*)?\\rceil", "write `ceil(«i»)`"),
    "<": (r">", "write the product: `«i»`"),
    "⟨": (r"⟩|(?:\\right\s*)?\\rangle", "write the product: `«i»`"),
}
_PART = {
    "_": "write `max(0, «l»)`",
    "^": "write `max(0, «l»)` for the positive part, or `pinv(A)_ij` for a pseudoinverse",
}
_EQUATION = {
    **dict.fromkeys(("<-", "←", ":=", "≔", "≡", "≈", "≃", "≜", "⇐", "⟵"), 'write "="'),
    "∝": 'write the factor too: a scalar such as c, with "="',
    "+=": "give the new value a name of its own, and write the sum: y2_i = y_i + …",
    "∀": "leave it out: an index runs over its whole axis by itself",
    "…": "the text was abbreviated when it was printed; give it in full",
}
_FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅙": "1/6", "⅛": "1/8"}
_INDICATORS = "𝟙𝟏𝟭𝕀𝟷"
_CLOSED = {")": "(", "]": "[", "}": "{"}


def meant_by(sign: str, text: str, start: int, end: int) -> str | None:
    """What to write for a sign that stands in ``text[start:end]``.

    >>> meant_by("//", "y_i = f(x_i) // 2", 13, 15)
    'write `floor(f(x_i) / 2)`'
    """
    if sign in _EQUATION:
        return _EQUATION[sign]
    if sign in _FRACTIONS:
        return f"write `{_FRACTIONS[sign]}`"
    if sign == "†":
        return "index notation has no transpose: swap the indices, conj(A_ji)"
    if sign in _INDICATORS:
        m = re.match(r"\s*(?:\[([^\[\]]*)\]|\{([^{}]*)\}|\(([^()]*)\))", text[end:])
        inside = next((g for g in m.groups() if g), None) if m else None
        return f"the bracket alone is 1 where it holds: write `[{(inside or 'y_b = c').strip()}]`"
    if sign == "?":
        return _chosen(text, start, end)
    if sign == "&":
        line_up = text[:start].rstrip().endswith("=") or text[end:].lstrip().startswith("=")
        return "leave it out" if line_up else f"write `{_before(text[:start])} {_after(text[end:])}`"
    if sign == "." and re.match(r"\s*(?:$|[\n;])", text[end:]):
        return "leave it out"
    if sign in _AROUND:
        closer, template = _AROUND[sign]
        m = re.search(closer, text[end:])
        inside = " ".join(text[end : end + m.start()].replace(",", " ").split()) if m else ""
        named = "product" not in template or inside.count("_") > 1
        return template.replace("«i»", inside) if inside and named else "write the product with its indices: a_i b_i"
    if sign in _PART:
        part = _before(text[:start])
        bare = part[1:-1] if part[:1] in ("(", "[") else part
        return _PART[sign].replace("«l»", bare) if bare else None
    template = _BETWEEN.get(sign) or _BEFORE.get(sign) or _AFTER.get(sign)
    if template is None:
        return None
    before, after = _before(text[:start]), _after(text[end:])
    if sign in ("//", "%") and _placed(text[:start]):
        return "a place that is worked out is an input of whole numbers: x[k_t], with k given"
    if sign == "~" and before:
        return "a distribution is no equation: draw the numbers elsewhere, and give them as an input"
    if sign in "@⊗" and not re.search(r"[_\[]", before + after):
        return "write the product with its indices: A_ij B_jk"
    if ("«l»" in template and not before) or (re.search("«[rp]»", template) and not after):
        return None
    power = after if re.fullmatch(r"\d+|\w", after) else f"{{{after.removeprefix('(').removesuffix(')')}}}"
    return template.replace("«l»", before).replace("«r»", after).replace("«p»", power)


def _placed(text: str) -> bool:
    """Whether a text ends among the subscripts of a name."""
    opened = max(text.rfind("["), text.rfind("_{"))
    return (
        opened > max(text.rfind("]"), text.rfind("}"))
        and re.search(r"\w$|_$", text[: opened + 1].rstrip("[")) is not None
    )


def _chosen(text: str, start: int, end: int) -> str | None:
    """``where([c_i ≠ 0], x_i, 0)`` of ``c_i ? x_i : 0``."""
    condition = re.split(r"[=;\n](?![^\[]*\])", text[:start])[-1].strip()
    yes, colon, no = re.split(r"[;\n]", text[end:])[0].partition(":")
    if not condition or not colon:
        return None
    if condition[0] != "[":
        condition = f"[{condition.strip('()')}{'' if re.search('[<>=≤≥≠]', condition) else ' ≠ 0'}]"
    return f"write `where({condition}, {yes.strip()}, {no.strip()})`"


def _before(text: str) -> str:
    """The factor with which a text ends: a name with what it bears, a number, something in brackets."""
    at = stop = len(text.rstrip())
    while at and text[at - 1] in _CLOSED:
        level = 0
        for k in range(at - 1, -1, -1):
            level += (text[k] in ")]}") - (text[k] in "([{")
            if not level:
                break
        else:
            return ""
        at = k
        if at and text[at - 1] in "_^":
            at -= 1
    m = re.search(r"[\w.′']*$", text[:at])
    return text[at - len(m[0]) if m else at : stop].strip()


def _after(text: str) -> str:
    """The factor with which a text begins."""
    m = re.match(r"\s*(-?)\s*((?:\d+(?:\.\d+)?|\w+?(?=_\{)|\w+|(?=[(\[])))", text)
    if m is None:
        return ""
    at = m.end()
    if text.startswith("_{", at):
        at += 1
    while at < len(text) and text[at] in "([{":
        level = 0
        for k in range(at, len(text)):
            level += (text[k] in "([{") - (text[k] in ")]}")
            if not level:
                break
        else:
            return ""
        at = k + 1
        if text.startswith("_{", at):
            at += 1
    found = text[m.start(1) : at].strip()
    return f"({found})" if m[1] else found
