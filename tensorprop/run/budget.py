"""What a program does that is to lie in so many bytes: an index cut, or tensors made again on the way back.

In: equations, their sizes, and the budget. Out: the form that fits, or the refusal. What lies in memory is read off the
program over shapes (`run.steps`), inputs included.

A cut does nothing twice, but each part of it is a program of its own; what is made again is done twice. Tensors are
given up in the order of what a byte of them costs, a function of what is kept before a product, until the rest fits.
Where both ways fit, the one that takes less is chosen, by `run.price`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from tensorprop.core.equation import Loop, System
from tensorprop.core.names import is_adjoint
from tensorprop.errors import PlanTooLarge, TensorpropError
from tensorprop.run.again import TwoParts
from tensorprop.run.count import Count
from tensorprop.run.extents import Extents, extents
from tensorprop.run.how import memory
from tensorprop.run.lower import lower
from tensorprop.run.price import START, priced
from tensorprop.run.sliced import InParts, slices
from tensorprop.run.steps import steps

__all__ = ["fitting", "peak"]

_PARTS = 4096  # in which an index is cut at most
_LOOKS = 8  # numbers of tensors given up that are looked at before the least of them is looked for

Form = InParts | TwoParts


class Fitted(NamedTuple):
    """A form of the program, the bytes in which it lies, and what it takes beside the whole, as `price` has it."""

    needs: int
    form: Form
    more: float


def peak(system: System, sizes: Extents, outputs: Sequence[str], itemsize: int, form: Form | None = None) -> int:
    """The bytes that lie in memory at most, inputs included."""
    ops = Count(itemsize)
    given = {n: ops.given(n, sizes.shapes[n]) for n in system.inputs}
    results = (form.lower if form else lower)(system, given, outputs, ops, sizes)
    return max((made.held for made in steps(results, given.values())), default=0)


def fitting(system: System, sizes: Extents, outputs: Sequence[str], itemsize: int, most: int) -> Form | None:
    """None where the program needs no more than so many bytes, else the form that takes the least time and fits.

    Errors: PlanTooLarge if none does: what the least would be, and how.
    """
    whole = peak(system, sizes, outputs, itemsize)
    if whole <= most:
        return None
    found = [_cut(system, sizes, outputs, itemsize, most), _remade(system, sizes, outputs, itemsize, most)]
    fit = [f for f in found if f is not None and f.needs <= most]
    if fit:
        return min(fit, key=lambda f: f.more).form
    least = min((f for f in found if f is not None and f.needs < whole), key=lambda f: f.needs, default=None)
    told = "no cut of an index takes less: what is made along it reads it whole somewhere"
    fix = f"allow {memory(whole)}, or pass smaller arrays"
    if least is not None and isinstance(least.form, InParts):
        told = f"cut along {least.form.slices.letter} in {least.form.parts} parts it takes {memory(least.needs)}"
        fix = f"allow {memory(least.needs)}, or pass fewer of {least.form.slices.letter} at a time"
    elif least is not None:
        told = f"with what is not kept made again it takes {memory(least.needs)}"
        fix = f"allow {memory(least.needs)}, or pass smaller arrays"
    raise PlanTooLarge(
        f"the program takes {memory(whole)}, more than the {memory(most)} that memory= allows", known=told, fix=fix
    )


def _cut(system: System, sizes: Extents, outputs: Sequence[str], itemsize: int, most: int) -> Fitted | None:
    """The cut of fewest parts that fits, else the one that takes the least."""
    least: Fitted | None = None
    for found in slices(system, sizes, outputs):
        for parts in (k for k in range(2, min(found.length, _PARTS) + 1) if found.length % k == 0):
            cut = InParts(found, parts)
            try:
                needs = peak(system, sizes, outputs, itemsize, cut)
            except TensorpropError:  # a form that does not stand cut
                break
            made = Fitted(needs, cut, START * parts * len(found.each))
            if needs <= most:
                return made
            least = made if least is None or needs < least.needs else least
    return least


# --------------------------------------------------------------------------- what is made again
def _remade(system: System, sizes: Extents, outputs: Sequence[str], itemsize: int, most: int) -> Fitted | None:
    """With as few tensors made again as fit, the cheapest first; else what takes the least. None without a way back."""
    back = _back(system)
    if not back:
        return None
    forward = system.of(eq for eq in system if eq.name not in back)
    rules = system.of(eq for eq in system if eq.name in back)
    looped = {eq.name for b in forward.blocks if isinstance(b, Loop) for eq in b.equations}
    read = {n for eq in rules for n in eq.inputs if forward.defines(n)}
    prices = {n: _price(forward, n, sizes, itemsize) for n in read - looped - set(outputs)}
    order = sorted(prices, key=lambda n: (prices[n] / max(prod(sizes.shapes[n]), 1), forward.names.index(n)))
    values, slopes = ([n for n in outputs if (n in back) is way] for way in (False, True))
    tried: dict[int, Fitted] = {}

    def kept(k: int) -> Fitted:
        """What it takes if the first k of the order are given up."""
        if k not in tried:
            form = TwoParts(forward, rules, values, slopes, frozenset(forward.names).difference(order[:k]))
            needs = peak(system, sizes, outputs, itemsize, form)
            tried[k] = Fitted(needs, form, sum(prices.get(n, 0.0) for n in form.again))
        return tried[k]

    low = 0
    for k in sorted({-(-len(order) * n // _LOOKS) for n in range(1, _LOOKS + 1)} - {0}):
        if kept(k).needs <= most:
            while k - low > 1:
                middle = (low + k) // 2
                low, k = (low, middle) if kept(middle).needs <= most else (middle, k)
            return kept(k)
        low = k
    return min(tried.values(), key=lambda f: f.needs, default=None)


def _back(system: System) -> set[str]:
    """The adjoints, and what is made of them."""
    back: set[str] = set()
    for eq in system.ordered:
        if is_adjoint(eq.name) or not back.isdisjoint(eq.inputs):
            back.add(eq.name)
    return back


def _price(forward: System, name: str, sizes: Extents, itemsize: int) -> float:
    """What it takes to make a tensor of those that its equation reads."""
    own = forward.of(eq for eq in forward if eq.name == name)
    ops = Count(itemsize)
    given = {n: ops.given(n, sizes.shapes[n]) for n in own.inputs}
    return priced([*lower(own, given, (name,), ops, extents(own, {n: sizes.shapes[n] for n in own.inputs})).values()])
