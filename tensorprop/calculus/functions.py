"""Elementwise functions: one row each, its slope written in the notation of this library.

In: the name of a function, the place of an argument, the arguments and the result. Out: the partial derivative there,
as an expression. How a function is computed is not known here (see ``run.functions``), nor how a name is read in a text
(see ``core.names``).

In a row, ``x`` is the argument, ``w`` the second one, ``y`` the result: a slope that names its result costs nothing
where the result is at hand. ``where`` has its condition ``c`` in front of them.
"""

from __future__ import annotations

from functools import cache

from tensorprop.core.build import ZERO
from tensorprop.core.expr import Call, Expr
from tensorprop.core.names import FUNCTION_ALIASES, FUNCTION_ARITY
from tensorprop.core.walk import inline
from tensorprop.errors import NotDifferentiable
from tensorprop.text import parse_expression

__all__ = ["ALIASES", "FUNCTIONS", "Function", "is_known", "slope"]

ALIASES: dict[str, str] = FUNCTION_ALIASES

_ARGUMENTS = {0: (), 1: ("x",), 2: ("x", "w"), 3: ("c", "x", "w")}
_PRIMES = "′″‴⁗"  # f′ f″ f‴ f⁗, then f⁗′ …


class Function:
    """``y = name(x)`` with its slopes ∂y/∂x, one per argument, each a string that may name x, w and y.

    ``means`` is the function in terms of simpler ones, ``domain`` where it is real and smooth (everywhere if empty),
    ``kink`` what its slope is taken to be where it has none or two: that of JAX, except for abs.

    >>> FUNCTIONS["tanh"].slopes
    ('1 - y²',)
    """

    __slots__ = ("domain", "kink", "means", "name", "slopes")

    def __init__(self, name: str, *slopes: str, means: str = "", domain: str = "", kink: str = "") -> None:
        self.name = name
        self.slopes = slopes
        self.means = means
        self.domain = domain
        self.kink = kink

    @property
    def arguments(self) -> tuple[str, ...]:
        """The letters that stand for the arguments in the row."""
        return _ARGUMENTS[len(self.slopes)]

    @property
    def also(self) -> tuple[str, ...]:
        """Other spellings."""
        return tuple(other for other, name in ALIASES.items() if name == self.name)

    def __repr__(self) -> str:
        return f"Function({', '.join(map(repr, (self.name, *self.slopes)))})"


# SELU's two constants (Klambauer et al., Self-Normalizing Neural Networks, 2017), and GELU's two smooth steps, the
# normal distribution and what approximates it (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016).
_λ, _α = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
_Φ = "1/2 erfc(-x / sqrt(2))"
_S = "σ(sqrt(8 / π) (x + 0.044715 x³))"

FUNCTIONS: dict[str, Function] = {
    row.name: row
    for row in (
        # powers and exponentials
        Function("exp",        "y"),
        Function("expm1",      "y + 1",                       means="exp(x) - 1"),
        Function("log",        "1 / x",                       domain="x > 0"),
        Function("log1p",      "1 / (1 + x)",                 means="log(1 + x)", domain="x > -1"),
        Function("log2",       "1 / (log(2) x)",              means="log(x) / log(2)", domain="x > 0"),
        Function("log10",      "1 / (log(10) x)",             means="log(x) / log(10)", domain="x > 0"),
        Function("sqrt",       "1/2 / y",                     means="x^(1/2)", domain="x > 0"),
        Function("rsqrt",      "-1/2 y³",                     means="x^(-1/2)", domain="x > 0"),
        Function("square",     "2 x",                         means="x²"),
        Function("reciprocal", "-y²",                         means="1 / x", domain="x ≠ 0"),
        Function("power",      "w x^{w - 1}",
                               "y log(x + [x = 0])",          means="x^w", domain="x > 0, or w whole",
                                                              kink="0^w has the slope 0 in w"),
        # steps
        Function("abs",        "sign(x)",                     means="x [x > 0] - x [x < 0]", kink="0 at 0 (JAX: 1)"),
        Function("sign",       "0",                           means="[x > 0] - [x < 0]", kink="0 at 0"),
        Function("step",       "0",                           means="[x > 0]", kink="0 at 0"),
        Function("max",        "[x > w] + 1/2 [x = w]",
                               "[x < w] + 1/2 [x = w]",       means="x [x ≥ w] + w [x < w]", kink="1/2 each at x = w"),
        Function("min",        "[x < w] + 1/2 [x = w]",
                               "[x > w] + 1/2 [x = w]",       means="x [x ≤ w] + w [x > w]", kink="1/2 each at x = w"),
        Function("where",      "0", "[c ≠ 0]", "[c = 0]",     means="x [c ≠ 0] + w [c = 0]", kink="0 in c"),
        # angles
        Function("sin",        "cos(x)"),
        Function("cos",        "-sin(x)"),
        Function("tan",        "1 + y²",                      means="sin(x) / cos(x)"),
        Function("arcsin",     "rsqrt((1 - x) (1 + x))",      domain="-1 < x < 1"),
        Function("arccos",     "-rsqrt((1 - x) (1 + x))",     domain="-1 < x < 1"),
        Function("arctan",     "1 / (1 + x²)"),
        Function("sinh",       "cosh(x)",                     means="1/2 (exp(x) - exp(-x))"),
        Function("cosh",       "sinh(x)",                     means="1/2 (exp(x) + exp(-x))"),
        Function("tanh",       "1 - y²",                      means="sinh(x) / cosh(x)"),
        Function("arcsinh",    "rsqrt(1 + x²)",               means="log(x + sqrt(x² + 1))"),
        Function("arccosh",    "rsqrt((x - 1) (x + 1))",      means="log(x + sqrt(x² - 1))", domain="x > 1"),
        Function("arctanh",    "1 / ((1 - x) (1 + x))",       means="1/2 log((1 + x) / (1 - x))", domain="-1 < x < 1"),
        # sigmoids
        Function("sigmoid",    "y (1 - y)",                   means="1 / (1 + exp(-x))"),
        Function("logsigmoid", "σ(-x)",                       means="log(σ(x))"),
        Function("softplus",   "σ(x)",                        means="log(1 + exp(x))"),
        Function("softsign",   "(1 + abs(x))^-2",             means="x / (1 + abs(x))"),
        Function("erf",        "2 exp(-x²) / sqrt(π)"),
        Function("erfc",       "-2 exp(-x²) / sqrt(π)",       means="1 - erf(x)"),
        # rectifiers
        Function("relu",       "[x > 0]",                     means="max(x, 0)", kink="0 at 0"),
        Function("leaky_relu", "[x ≥ 0] + 0.01 [x < 0]",      means="max(x, 0.01 x)", kink="1 at 0"),
        Function("elu",        "[x > 0] + [x ≤ 0] (y + 1)",   means="max(x, 0) + expm1(min(x, 0))"),
        Function("selu",      f"{_λ} [x > 0] + [x ≤ 0] (y + {_λ} * {_α})",
                                                              means=f"{_λ} (max(x, 0) + {_α} expm1(min(x, 0)))",
                                                              kink="that of the left side, 1.758…, at 0"),
        Function("silu",       "σ(x) + y (1 - σ(x))",         means="x σ(x)"),
        Function("mish",       "tanh(softplus(x)) + x (1 - tanh(softplus(x))²) σ(x)", means="x tanh(softplus(x))"),
        Function("gelu",      f"{_Φ} + x exp(-x² / 2) / sqrt(2 π)", means="1/2 x erfc(-x / sqrt(2))"),
        Function("gelu_tanh", f"{_S} + y (1 - {_S}) sqrt(8 / π) (1 + 0.134145 x²)",
                                                              means="1/2 x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))"),
        Function("pi"),
    )
}  # fmt: skip


def is_known(name: str) -> bool:
    """Whether the table has the function, under its canonical name; any other is open: ``f``, ``g′``."""
    return name in FUNCTION_ARITY


def slope(name: str, k: int, args: tuple[Expr, ...], result: Expr) -> Expr:
    """``∂y/∂x_k`` of ``y = name(x_0, x_1, …)`` at the given arguments, in terms of them and of the result y.

    ``k`` counts arguments from 0. The slope of an open function f is f′, that of f′ is f″, and so on.
    Raises NotDifferentiable for an open function of several arguments, whose partial derivatives have no name.

    >>> from tensorprop.core.build import number, power, tensor
    >>> x, y = tensor("x", "i"), tensor("y", "i")
    >>> str(slope("tanh", 0, (x,), y))
    '1 - y_i^2'
    >>> str(slope("power", 0, (x, number(3)), power(x, number(3))))
    '3 x_i^2'
    >>> str(slope("f′", 0, (x,), y))
    'f″(x_i)'
    """
    row = FUNCTIONS.get(name)
    if row is None:
        if len(args) == 1:
            return Call(_primed(name), args)
        raise NotDifferentiable(
            f"{name} is an open function of {len(args)} arguments, and its partial derivatives have no names",
            fix=f"write {name} out in terms of known functions",
            about=Call(name, args),
        )
    template = _parsed(row.slopes[k])
    if template is ZERO:
        return ZERO
    values = dict(zip(row.arguments, args, strict=True)) | {"y": result}
    return inline(template, {letter: ((), value) for letter, value in values.items()})


@cache
def _parsed(text: str) -> Expr:
    return parse_expression(text)


def _primed(name: str) -> str:
    """``f`` → ``f′``, ``f′`` → ``f″``: the same function with one prime more."""
    stem = name.rstrip(_PRIMES)
    n = 1 + sum(_PRIMES.index(c) + 1 for c in name[len(stem) :])
    return stem + _PRIMES[-1] * ((n - 1) // 4) + _PRIMES[(n - 1) % 4]
