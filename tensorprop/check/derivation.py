"""`explain`: derivations of a System, of text in the textbook's shorthand or of a layer, all formulas computed first.

In: text, an Equation, a System or a Layer. Out: a Derivation, every formula in vectors and matrices of which gave, on
random arrays with different sizes, what its line in index notation gives. The derivation is `render`'s.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from tensorprop.check.formula import formula
from tensorprop.core.equation import Equation, System
from tensorprop.layers import Layer, as_layer
from tensorprop.render.derivation.derivation import Derivation
from tensorprop.render.derivation.derivation import explain as derivation

__all__ = ["explain"]


def explain(
    x: Layer | System | Equation | str,
    wrt: str | Iterable[str] | None = None,
    of: str | None = None,
    detail: Literal["full", "short"] = "full",
    *,
    attempt: str | None = None,
    layout: Literal["column", "row"] = "column",
    samples: Literal["rows", "columns"] = "rows",
) -> Derivation:
    """How every backward rule comes about, in numbered steps: for each tensor x between ``wrt`` and the error E

        δx_K = Σ_J δv_J ∂v_J/∂x_K, one such sum for each equation v_J = … that uses x,

    then the local derivatives with their brackets, insertion, elimination of the brackets, and the formula in vectors
    and matrices; each step with its law, and the rule with its reasons: why ⊙, why the transpose, why that order.

    wrt:      one name or several; by default every input. A name without its layer label is enough where one fits.
    of:       the error E; by default the only output, if that is a scalar. Other outputs have a δ that is given.
    detail:   ``"full"``, or ``"short"``: chain rule, rule and reasons.
    attempt:  a formula such as ``"δz = δ W f′(z)"``, to be judged: what it says, and what is wrong with it.
    layout:   vectors are ``"column"``s or ``"row"``s; ``samples``: ``"rows"`` or ``"columns"`` of a matrix.

    The result is a Derivation: ``str`` is for a terminal; ``.markdown``, ``.latex``, ``.tex(align=True)``, ``.html``,
    ``.as_dict()``. The textbook's shorthand is read as in a Layer; a layer's own backward rules are not needed.

    Errors: whatever is wrong with the text; UnknownName for a name that is not there; NotDifferentiable.

    >>> d = explain("z_j = a_i W_ij + b_j", wrt="a", attempt="δa = δz W")
    >>> d.part("a").shown.unicode
    'δa = W δz'
    >>> d.verdict.right
    False
    """
    s = as_layer(x).system
    names = None if wrt is None else [_called(name, s) for name in ((wrt,) if isinstance(wrt, str) else wrt)]
    found = derivation(s, names, of, detail, attempt, layout, samples)
    for eq in (*s, *found.rules):
        formula(eq, layout, samples=samples)  # raises if what is shown computes anything else
    return found


def _called(name: str, s: System) -> str:
    """The name with its layer label, where it was given without and one alone can be meant."""
    if name in s.names:
        return name
    labelled = [n for n in s.inputs if n.partition("^")[0] == name] or [
        n for n in s.names if n.partition("^")[0] == name
    ]
    return labelled[0] if len(labelled) == 1 else name
