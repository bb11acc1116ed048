"""tensorprop: index notation is the one source of a layer's forward and backward rules.

Stages are verbs, data are nouns; text is accepted wherever a System is. Importing this package imports neither NumPy
nor JAX: every public name is fetched from where it lives when it is first used.

>>> import tensorprop as tp
>>> print(tp.adjoint("z_j = a_i W_ij; h_j = tanh(z_j); E = h_j y_j", wrt="W"))
δh_j = y_j
δz_j = (1 - h_j^2) δh_j
δW_ij = a_i δz_j
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorprop.errors import TensorpropError, public
from tensorprop.package import fetched

if TYPE_CHECKING:
    from tensorprop.calculus import adjoint, batch, derive, simplify
    from tensorprop.check.report import Report
    from tensorprop.check.verbs import assert_rule, check, equivalent, explain, formula
    from tensorprop.core.equation import Equation, System
    from tensorprop.layers import Dense, Layer, chain, compose
    from tensorprop.render.derivation.record import Derivation
    from tensorprop.render.diagram import diagram
    from tensorprop.render.formula import Formula
    from tensorprop.render.reading.formulas import parse_formula
    from tensorprop.rule.jax_function import JaxFunction, jax_function
    from tensorprop.run import compile, plan, value_and_grad
    from tensorprop.run.api import Compiled, Gradient
    from tensorprop.run.jax_init import init
    from tensorprop.run.plan import Plan
    from tensorprop.text import parse, parse_einsum, show
    from tensorprop.trace.jax_read import from_jax

__all__ = [
    "Compiled",
    "Dense",
    "Derivation",
    "Equation",
    "Formula",
    "Gradient",
    "JaxFunction",
    "Layer",
    "Plan",
    "Report",
    "System",
    "TensorpropError",
    "__version__",
    "adjoint",
    "assert_rule",
    "batch",
    "chain",
    "check",
    "compile",
    "compose",
    "derive",
    "diagram",
    "equivalent",
    "explain",
    "formula",
    "from_jax",
    "init",
    "jax_function",
    "parse",
    "parse_einsum",
    "parse_formula",
    "plan",
    "show",
    "simplify",
    "value_and_grad",
]

__version__ = "0.1.0"

# Where each public name lives.
_HOMES: dict[str, str] = {
    "tensorprop.core.equation": "Equation System",
    "tensorprop.check.report": "Report",
    "tensorprop.render.derivation.record": "Derivation",
    "tensorprop.render.formula": "Formula",
    "tensorprop.run.jax_init": "init",
    "tensorprop.run.plan": "Plan",
    "tensorprop.faces": "face",
    "tensorprop.text": "parse parse_einsum show",
    "tensorprop.render.diagram": "diagram",
    "tensorprop.render.reading.formulas": "parse_formula",
    "tensorprop.calculus": "adjoint batch derive simplify",
    "tensorprop.layers": "Dense Layer chain compose",
    "tensorprop.run.api": "Compiled Gradient",
    "tensorprop.run": "compile plan value_and_grad",
    "tensorprop.rule.jax_function": "JaxFunction jax_function",
    "tensorprop.trace.jax_read": "from_jax",
    "tensorprop.check.verbs": "assert_rule check equivalent explain formula",
}
fetched(__name__, _HOMES, public)
