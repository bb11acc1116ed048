"""Which rule a learner's formula is meant to be: by the name on its left, and by the names that stand in it.

In: a formula as text, and rules. Out: a name, and how alike they are. Whether it is right is not known here.
"""

from __future__ import annotations

import re
from collections import Counter

from tensorprop.check.court import Candidate
from tensorprop.core.equation import System
from tensorprop.core.expr import Call, Expr, Tensor
from tensorprop.core.names import adjoint_name, is_adjoint, primal
from tensorprop.core.walk import postorder, tensors_of
from tensorprop.errors import UnexpectedEnd, UnknownName, near
from tensorprop.render.code import identifier, in_words
from tensorprop.render.reading.formulas import FormulaText
from tensorprop.render.reading.lengths import Known
from tensorprop.render.reading.lexemes import tokens
from tensorprop.render.reading.python import is_code

__all__ = ["asked_of", "deltas_in", "likeness", "mentioned_in"]


def deltas_in(e: Expr) -> set[str]:
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


def mentioned_in(line: FormulaText, names: Known) -> set[str]:
    """The names in a formula, as it is written."""
    if is_code(line.body):
        words = set(re.findall(r"[^\W\d]\w*", line.body))
        coded = {
            n: {identifier(n), in_words(identifier(n))} for name in names.ranks for n in (name, adjoint_name(name))
        }
        coded |= {adjoint_name(n): coded[adjoint_name(n)] | {f"d{one}" for one in coded[n]} for n in names.ranks}
        return {n for n, typed in coded.items() if typed & words}
    found: set[str] = set()
    deltas = ""
    for token in tokens(line.body):
        if token.kind == "name":
            found.add(deltas + token.text)
        deltas = deltas + "δ" if token.kind == "adjoint" else ""
    return found


def likeness(c: Candidate, mentioned: set[str]) -> float:
    own = set(_content(c.eq.value))
    if "δ" in mentioned and len(deltas_in(c.eq.value)) == 1:
        own = (own - deltas_in(c.eq.value)) | {"δ"}
    own = {n.rstrip("′") for n in own}
    return len(own & mentioned) / max(len(own | mentioned), 1)


def asked_of(name: str, rules: System) -> str:
    if name == "δ":
        name = next(iter(rules)).name
    for known in (name, adjoint_name(name), adjoint_name(name[1:]) if name[:1] == "d" else name):
        if known in rules:
            return known
    coded = {identifier(r.name): r.name for r in rules}
    coded |= {f"d{in_words(identifier(primal(r.name)))}": r.name for r in rules}
    if name in coded:
        return coded[name]
    if not name:
        raise UnexpectedEnd("a name is missing on the left side", name, (0, 0))
    close = near(name, [r.name for r in rules])
    raise UnknownName(
        f"no rule for {name} is derived here",
        known=f"rules: {', '.join(r.name for r in rules)}",
        fix=f"did you mean {close[0]}?" if close else "name the tensor in wrt",
    )
