"""What each slip costs: how far-fetched it is that a hand made it. The cheapest explanation that is proved is told.

One table, so that which of two slips is likelier is read off two lines. Two slips cost the sum of both and two more; a
slip and a constant besides, one and a half to two and a half more; what needs more than algebra, two and a half to
three and a half.
"""

from __future__ import annotations

__all__ = ["COST"]

COST: dict[str, float] = {
    # indices
    "two indices exchanged": 1,
    "two indices exchanged throughout": 1.5,
    "a shift off by one": 1.2,
    "the sign of a shifted letter": 1.4,
    "the step of a letter": 1.4,
    "letters exchanged between shifts": 1.5,
    "a shift left out": 1.6,
    "another letter": 4,
    "another letter throughout a part": 4.5,
    "letters exchanged between factors": 4.3,
    "another relation": 4,
    "half a diagonal": 1.1,
    # complex numbers
    "a conjugate": 1.3,
    "a conjugate of a part": 1.4,
    "a conjugate at another factor": 1.35,
    "a conjugate throughout": 1.6,
    "a real part": 1.6,
    "the other part": 2,
    # sums
    "a sum, its letter another one": 2,
    "a sum, its letter 0": 2.5,
    "a sum along another axis": 2.2,
    "a part along another axis": 2.3,
    "a sum over a part": 2,
    "a sum over an entry": 3.8,
    "a factor outside of its sum": 4,
    "a sum for a reduction": 3.5,
    "another reduction for a sum": 3.5,
    "another reduction": 4,
    # signs
    "the sign of a term": 2.5,
    "the sign of some terms": 2.6,
    "the sign of a product": 3,
    "the sign of an argument": 3.7,
    # terms, factors, numbers
    "a term": 3,
    "a term beside a number": 5,
    "a factor": 3.5,
    "two factors": 5.5,
    "an entry put in": 3.6,
    "a size put in": 3.7,
    "twice or half a term": 4,
    "another number": 4.5,
    "a number, solved for": 4.6,
    "a bound of a comparison": 3.2,
    # powers and functions
    "1 - x for x": 3.2,
    "an entry squared": 3.9,
    "another power": 4.2,
    "a function squared": 5,
    "another prime": 2,
    "the slope of a known function": 3.5,
    "a function left out": 4.4,
    "another function": 5,
    # tensors and arguments
    "another argument": 3.3,
    "an argument that is about": 3.8,
    "another argument in other letters": 4.3,
    "two arguments exchanged": 5,
    "another tensor": 4,
    "another tensor in other letters": 5.2,
    "another tensor of another range": 5,
    "another tensor throughout": 4.2,
    "another tensor of another range throughout": 5.5,
    "a part for another one": 6,
    # the rule as a whole
    "zero": 0,
    "the sign of the whole": 0.3,
    "a number before the whole": 0.6,
    "a size before the whole": 0.8,
    "about a number before the whole": 0.9,
    "the whole transposed": 1,
    "the whole transposed, and a number": 3,
    "two rules exchanged": 1.2,
    "another rule": 4.1,
    "the first or last step": 2.1,
}
