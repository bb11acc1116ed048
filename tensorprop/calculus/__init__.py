"""Mathematics on expressions: derivatives, adjoints, simplification, batches."""

from tensorprop.calculus.adjoint import adjoint
from tensorprop.calculus.batch import batch
from tensorprop.calculus.derive import derive
from tensorprop.calculus.reuse import reused, unmasked
from tensorprop.calculus.simplify import simplify
from tensorprop.calculus.stable import stabilise
from tensorprop.calculus.stages import stages
from tensorprop.calculus.undone import undone

__all__ = [
    "adjoint",
    "batch",
    "derive",
    "reused",
    "simplify",
    "stabilise",
    "stages",
    "undone",
    "unmasked",
]
