"""What a derivation says of complex numbers: how a path counts that leads through a conjugate, and what is agreed.

In: a passage, or a function that is not holomorphic. Out: sentences and laws. Nothing is derived here.
"""

from __future__ import annotations

from collections.abc import Iterator

from tensorprop.calculus.simplify import known
from tensorprop.calculus.wirtinger import wirtinger
from tensorprop.core.build import call
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Call, Tensor
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.names import Derivative, parts_of_name
from tensorprop.core.plane import is_complex
from tensorprop.render.derivation.contents import DerivationStep
from tensorprop.render.derivation.passage import Passage
from tensorprop.render.derivation.sentences import Math, Sentence, entry, say, whole
from tensorprop.render.notation import LATEX, UNICODE

__all__ = ["CHAIN", "TWICE", "both_slopes", "convention_told", "not_holomorphic", "square_told", "ways", "worked_out"]

CHAIN = Math(
    "δz_k = Σ_j (δv_j ∂v_j/∂z_k + conj(δv_j ∂v_j/∂zbar_k))",
    r"\delta z_k = \sum_j \left(\delta v_j \frac{\partial v_j}{\partial z_k} + "
    r"\operatorname{conj}\left(\delta v_j \frac{\partial v_j}{\partial \mathrm{zbar}_k}\right)\right)",
)
"""The chain rule where numbers are complex."""

TWICE = Math("δz_k = 2 ∂E/∂z_k", r"\delta z_k = 2 \frac{\partial E}{\partial z_k}")
"""What is owed to a complex number that stands in the error itself."""


def ways(p: Passage) -> Iterator[Sentence]:
    """How the paths of a passage count, each way once."""
    told: set[str] = set()
    x = whole(p.name)
    for local in p.locals:
        v = entry(local.forward.target)
        if local.way in told:
            continue
        told.add(local.way)
        if local.way == "twice":
            yield say("{v} is real, so that its derivative by the conjugate of {x} is the conjugate of that by {x}: "
                      "the two terms are equal, which gives the factor 2.", v=v, x=x)  # fmt: skip
        elif local.way == "both" and local.mirrored is not None:
            name = parts_of_name(local.mirrored.name)
            other = whole(str(name.by[0])) if isinstance(name, Derivative) else x
            yield say("{v} changes with {x} and with its conjugate, called {other}; what is owed along the second "
                      "way is conjugated.", v=v, x=x, other=other)  # fmt: skip
        elif local.way == "real":
            yield say("{x} is real: of what is owed to it the real part counts.", x=x)


def not_holomorphic(n: Call, plane: frozenset[str]) -> bool:
    """Whether a function has two derivatives: conj, re, im, abs, angle of something complex."""
    row = FUNCTIONS.get(n.function)
    return row is not None and row.plane not in ("", "holomorphic") and is_complex(n.args[0], plane)


def both_slopes(n: Call) -> Sentence:
    """``∂conj(z)/∂z = 0`` and ``∂conj(z)/∂z̄ = 1``, from the function's own row."""
    z = Tensor("z", ())
    plane = frozenset(("z",))
    by, turned = wirtinger(call(n.function, z), plane)[z]
    other = known(call("conj", turned), {}, plane)
    head = Call(n.function, (z,))
    sides = [
        Math(
            f"∂{UNICODE.show(head)}/∂{a} = {UNICODE.show(e)}",
            rf"\partial {LATEX.show(head)} / \partial {b} = {LATEX.show(e)}",
        )
        for a, b, e in (("z", "z", by), ("zbar", r"\mathrm{zbar}", other))
    ]
    return say("Slopes: {a}, {b}.", a=sides[0], b=sides[1])


def square_told() -> Sentence:
    """By which law the square of an absolute value is differentiated."""
    law = Math("abs(z)² = z conj(z)", r"|z|^2 = z \, \operatorname{conj}(z)")
    return say("The square of an absolute value is a product: {law}.", law=law)


def worked_out(eq: Equation) -> DerivationStep:
    """Conjugates and parts, worked out."""
    law = Math("conj(a b) = conj(a) conj(b), re(z) = (z + conj(z))/2",
               r"\operatorname{conj}(a b) = \operatorname{conj}(a) \operatorname{conj}(b), \; "
               r"\operatorname{re}(z) = (z + \operatorname{conj}(z))/2")  # fmt: skip
    text = say("Conjugates are moved to the tensors, and parts that are real are taken out.")
    return DerivationStep("collect", "Work out the conjugates", (eq,), "conjugates", law, text)


def convention_told(error: str, name: str) -> Sentence:
    """What δ is of a complex tensor."""
    z = whole(name)
    law = Math(f"d{error} = re(Σ δ{z.unicode} d{z.unicode})",
               rf"d{error} = \operatorname{{re}}(\sum \delta {z.latex} \, d{z.latex})")  # fmt: skip
    twice = Math(f"2 ∂{error}/∂{z.unicode}", rf"2 \partial {error} / \partial {z.latex}")
    return say("Of complex tensors {law}: δ is {twice}, twice the Wirtinger derivative, which is what jax.grad gives. "
               "Its conjugate points to where {E} grows.", law=law, twice=twice, E=Math(error, error))  # fmt: skip
