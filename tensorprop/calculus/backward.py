"""The backward rules of a page: as they were written, and derived where nobody wrote one.

In: a page. Out: Systems of rules. Whether a written rule is right is not known here; `tensorprop.check` proves or
refutes it. Sizes are not known here.
"""

from __future__ import annotations

from collections.abc import Iterable

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.page import Page, seed_of
from tensorprop.core.build import ONE
from tensorprop.core.equation import Equation, Loop, System, equation, system
from tensorprop.core.expr import Expr, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.names import adjoint_name, primal
from tensorprop.core.walk import transform
from tensorprop.errors import NotDifferentiable

__all__ = ["completed", "derived"]


def derived(page: Page, wrt: Iterable[str] | None = None) -> System:
    """The rules as the calculus finds them: of ``wrt`` (by default every input that does not hold whole numbers), and
    of the intermediates that were written about.

    >>> from tensorprop.calculus.page import read
    >>> print(derived(read("z_j = a_i W_ij; h_j = tanh(z_j); δz_j = δh_j")))
    δz_j = (1 - h_j^2) δh_j
    δa_i = W_ij δz_j
    δW_ij = a_i δz_j
    """
    s, seed = page.system, seed_of(page.system)
    own = [equation(Tensor(seed, ()), ONE)] if seed is not None and any(eq.name == seed for eq in page.rules) else []
    carried = {eq.name for b in s.blocks if isinstance(b, Loop) for eq in b.body}
    named = [name for eq in page.rules if (name := primal(eq.name)) not in s.outputs or name in carried]
    variables = tuple(dict.fromkeys([*_smooth(s, wrt), *named]))
    found = adjoint(s, wrt=variables) if variables else system(())
    return system([*own, *found], found.facts)


def completed(page: Page, wrt: Iterable[str] | None = None) -> System:
    """The rules of a page: as they were written, and derived where they were not; δE = 1 for the one number at the end.

    An adjoint of an intermediate that no rule uses is left out. Errors: NotDifferentiable.

    >>> from tensorprop.calculus.page import read
    >>> print(completed(read("z_j = a_i W_ij; δa_i = δz_j W_ij")))
    δa_i = δz_j W_ij
    δW_ij = a_i δz_j
    """
    seed, smooth = seed_of(page.system), _smooth(page.system, wrt)
    mine = {eq.name: _seeded(eq, seed) for eq in page.rules}
    try:
        whole = derived(page, smooth)
        found, facts = list(whole), dict.fromkeys((*page.system.facts, *whole.facts))
    except NotDifferentiable:
        if not all(adjoint_name(name) in mine for name in smooth):
            raise
        found, facts = [], dict.fromkeys(page.system.facts)
    names = {eq.name for eq in found}
    merged = system(
        [
            *(_seeded(eq, seed) for eq in page.parts),
            *(mine.get(eq.name, eq) for eq in found),
            *(eq for eq in mine.values() if eq.name not in names),
        ],
        facts,
    )
    return merged.only([*(adjoint_name(name) for name in smooth), *mine])


def _smooth(s: System, wrt: Iterable[str] | None) -> tuple[str, ...]:
    labels = whole_numbers(s)
    return tuple(n for n in s.inputs if n not in labels) if wrt is None else tuple(wrt)


def _seeded(eq: Equation, seed: str | None) -> Equation:
    """The rule with δE = 1, where E is the one number at the end."""
    if seed is None or eq.name == seed:
        return eq

    def rule(n: Expr) -> Expr:
        return ONE if isinstance(n, Tensor) and n.name == seed else n

    return equation(eq.target, transform(eq.value, rule))
