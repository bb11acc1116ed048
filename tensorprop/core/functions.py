"""Elementwise functions and reductions: one row each, in strings, and all that the library knows of them but values.

In: rows. Out: tables by canonical name, and by every spelling that people use. Slopes, pullbacks and meanings are
strings in the notation of this library, read by whoever needs them (`read` hands them to the parser, which tells this
module of itself, since the core does not know it); code for NumPy and JAX is a template. What a function's value is in
arrays is told in ``run.numpy_functions`` and ``run.jax_functions``, and nowhere else.

A row that is added later (`add`) is known to every room at once: names are looked up here each time.

In a row of a function, ``x`` is the argument, ``w`` the second one, ``y`` the result: a slope that names its result
costs nothing where the result is at hand. ``where`` has its condition ``c`` in front of them. What the letters of a
reduction's row stand for is told in ``calculus.reductions``.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import cache
from typing import Any, NoReturn

from tensorprop.core.expr import Expr
from tensorprop.core.matrix_rows import MATRIX_ROWS
from tensorprop.core.rows import ARGUMENTS, Function, Reduction
from tensorprop.errors import UsageError

__all__ = [
    "ALONG",
    "FUNCTIONS",
    "REDUCTIONS",
    "SPELLED",
    "Function",
    "Reduction",
    "add",
    "complete",
    "has_entries",
    "is_known",
    "is_matrix",
    "is_square",
    "keeps",
    "orders",
    "read",
    "remove",
    "runs",
    "set_reader",
    "takes_symmetric_part",
    "turns",
    "watch",
]

FUNCTIONS: dict[str, Function] = {}
REDUCTIONS: dict[str, Reduction] = {}

SPELLED: dict[str, str] = {}
"""Every spelling of an elementwise function, and its canonical name."""

ALONG: dict[str, str] = {"Σ": "sum", "∑": "sum", "sum": "sum"}
"""Every spelling of what goes along indices, and its canonical name; the sum is among them."""

_watching: list[Callable[[], Any]] = []


def watch(changed: Callable[[], Any]) -> None:
    """Have ``changed`` called, now and whenever a row is added or taken away: by whoever remembers what rows say."""
    _watching.append(changed)
    changed()


def add(row: Function | Reduction) -> None:
    """Make a function or a reduction known.

    Errors: UsageError for a name that is taken, for no slope or no row, and for one that says neither what it means
    nor, in ``numpy`` and ``jax``, how it is computed.
    """
    _enter(row)
    for changed in _watching:
        changed()


def remove(name: str) -> None:
    """Take a row that was added away again."""
    if name in FUNCTIONS:
        row = FUNCTIONS.pop(name)
        for spelling in (name, *row.also):
            del SPELLED[spelling]
    else:
        along = REDUCTIONS.pop(name)
        for spelling in (name, *along.also):
            del ALONG[spelling]
    for changed in _watching:
        changed()


def _enter(row: Function | Reduction) -> None:
    name, table = (row.name, SPELLED) if isinstance(row, Function) else (row.op, ALONG)
    spellings = (name, *row.also)
    for s in spellings:
        if s in table:
            _refuse(f"the name {s} is taken", f"it is {table[s]} already; give {name} another name")
    if isinstance(row, Function):
        if len(row.slopes) not in ARGUMENTS or not all(row.slopes):
            _refuse(f"{name} has {len(row.slopes)} slopes", "give one for each argument, and not more than three")
        if not row.means and not (row.numpy and row.jax):
            _refuse(f"nothing says what {name} is", "say what it means in the notation, or give code for NumPy and JAX")
        FUNCTIONS[name] = row
    else:
        if not row.pullback or (row.kind == "normaliser" and not row.entry):
            _refuse(f"{name} has no pullback", "give the cotangent of x_u, and for a normaliser that of one entry too")
        REDUCTIONS[name] = row
    table.update(dict.fromkeys(spellings, name))


def _refuse(what: str, fix: str) -> NoReturn:
    raise UsageError(what, fix=fix)


def complete(values: Container[str], along: Container[str] | None = None) -> None:
    """Hold values against the rows: of each there is one, or the row says what it means.

    Errors: UsageError naming the row that has neither. Whoever holds values asks once, when it is imported.
    """
    lost = [f for f, row in FUNCTIONS.items() if not row.means and f not in values]
    if along is not None:
        lost += [op for op, row in REDUCTIONS.items() if not row.means and op not in along]
    if lost:
        _refuse(f"{lost[0]} is in the table, and nothing says its value", "say what it means in its row, or give one")


def is_known(name: str) -> bool:
    """Whether the table has the function, under its canonical name; any other is open: ``f``, ``g′``."""
    return name in FUNCTIONS


def keeps(op: str) -> bool:
    """Whether the result of a reduction has the indices along which it goes: ``softmax_u``."""
    row = REDUCTIONS.get(op)
    return row is not None and row.kind == "normaliser"


def has_entries(op: str) -> bool:
    """Whether the result of a reduction has entries that are picked outside: ``softmax_u(s_u)[3]``, ``inv(X)_ij``."""
    row = REDUCTIONS.get(op)
    return row is not None and (row.kind == "normaliser" or bool(row.axes))


def is_matrix(op: str) -> bool:
    """Whether ``op`` is a function of a whole matrix: ``det``."""
    row = REDUCTIONS.get(op)
    return row is not None and row.kind == "matrix"


def is_square(op: str) -> bool:
    """Whether ``op`` is a function of a matrix that has as many rows as columns."""
    return is_matrix(op) and REDUCTIONS[op].square


def turns(op: str) -> bool:
    """Whether a function of a whole matrix is turned with it: ``inv(Xᵀ) = inv(X)ᵀ``, ``det(Xᵀ) = det(X)``."""
    return is_matrix(op) and REDUCTIONS[op].turns


def takes_symmetric_part(op: str) -> bool:
    """Whether a function of a whole matrix reads (X + Xᵀ)/2: ``cholesky``."""
    return is_matrix(op) and REDUCTIONS[op].kink == "of the symmetric part"


def orders(op: str) -> bool:
    """Whether entries stand in an order along one index, of which fewer may be read: ``top_u(x_u)[k]``."""
    row = REDUCTIONS.get(op)
    return row is not None and row.single


def runs(op: str, indices: tuple[str, ...]) -> tuple[str, ...]:
    """Over which of its own letters each subscript of an entry runs: ``softmax_u(s_u)[3]``, ``pinv(X)_ij``.

    >>> runs("softmax", ("u",)), runs("pinv", ("u", "v")), runs("det", ("u", "v"))
    (('u',), ('v', 'u'), ())
    """
    return tuple(indices["uv".index(c)] for c in REDUCTIONS[op].axes) if is_matrix(op) else indices


# --------------------------------------------------------------------------- reading rows
_reader: list[Callable[[str, tuple[str, ...]], Expr]] = []


def set_reader(reader: Callable[[str, tuple[str, ...]], Expr]) -> None:
    """How a string of a row is read: text and its free letters in, an expression out. Set by ``text``."""
    _reader[:] = [reader]


def read(text: str, free: tuple[str, ...] = ()) -> Expr:
    """A string of a row as an expression; each is read once."""
    return _read(text, free)


@cache
def _read(text: str, free: tuple[str, ...]) -> Expr:
    (reader,) = _reader
    return reader(text, free)


# --------------------------------------------------------------------------- elementwise functions
# SELU's two constants (Klambauer et al., Self-Normalizing Neural Networks, 2017), and GELU's two smooth steps, the
# normal distribution and what approximates it (Hendrycks and Gimpel, Gaussian Error Linear Units, 2016).
_λ, _α = "1.0507009873554804934193349852946", "1.6732632423543772848170429916717"
_Φ = "1/2 erfc(-x / sqrt(2))"
_S = "σ(sqrt(8 / π) (x + 0.044715 x³))"


for _row in (
    # powers and exponentials
    Function("exp",        "y",                           sign="1", rises=True, primitive="exp", code="exp",
                                                          plane="holomorphic"),
    Function("expm1",      "y + 1",                       means="exp(x) - 1", sign="sign(x)", rises=True,
                                                          primitive="expm1", code="expm1", plane="holomorphic"),
    Function("log",        "1 / x",                       domain="x > 0", rises=True, primitive="log", also="ln",
                                                          code="log", plane="holomorphic"),
    Function("log1p",      "1 / (1 + x)",                 means="log(1 + x)", domain="x > -1", sign="sign(x)",
                                                          rises=True, primitive="log1p", code="log1p",
                                                          plane="holomorphic"),
    Function("log2",       "1 / (log(2) x)",              means="log(x) / log(2)", domain="x > 0", rises=True,
                                                          code="log2"),
    Function("log10",      "1 / (log(10) x)",             means="log(x) / log(10)", domain="x > 0", rises=True,
                                                          code="log10", plane="holomorphic"),
    Function("sqrt",       "1/2 / y",                     means="x^(1/2)", domain="x > 0", rises=True,
                                                          primitive="sqrt", also="√", code="sqrt",
                                                          plane="holomorphic"),
    Function("rsqrt",      "-1/2 y³",                     means="x^(-1/2)", domain="x > 0", primitive="rsqrt",
                                                          numpy="1 / np.sqrt({})", jax="jax.lax.rsqrt({})",
                                                          plane="holomorphic"),
    Function("square",     "2 x",                         means="x²", parity="even", primitive="square",
                                                          code="square", plane="holomorphic"),
    Function("reciprocal", "-y²",                         means="1 / x", domain="x ≠ 0", code="reciprocal",
                                                          plane="holomorphic"),
    Function("power",      "w x^{w - 1}",
                           "y log(x + [x = 0])",          means="x^w", unfolds="-", domain="x > 0, or w whole",
                                                          kink="0^w has the slope 0 in w", also="pow",
                                                          code="power", plane="holomorphic"),
    Function("exp2",       "log(2) y",                    means="exp(log(2) x)", sign="1", rises=True, code="exp2",
                                                          primitive="exp2"),
    Function("logaddexp",  "σ(x - w)", "σ(w - x)",        means="log(exp(x) + exp(w))", code="logaddexp"),
    Function("cbrt",       "1/3 / y²",                    domain="x ≠ 0", parity="odd", sign="sign(x)", rises=True,
                                                          primitive="cbrt", code="cbrt"),
    Function("hypot",      "x / (y + [y = 0])",
                           "w / (y + [y = 0])",           means="sqrt(x² + w²)", kink="0 at 0", code="hypot"),
    Function("logit",      "1 / (x (1 - x))",             means="log(x / (1 - x))", domain="0 < x < 1", rises=True,
                                                          numpy="scipy.special.logit({})",
                                                          jax="jax.scipy.special.logit({})"),
    Function("xlogy",      "log(w)", "x / w",             means="where([x = 0], 0, x log(w))", domain="w > 0",
                                                          numpy="scipy.special.xlogy({})",
                                                          jax="jax.scipy.special.xlogy({})"),
    Function("entr",       "-1 - log(x)",                 means="-xlogy(x, x)", domain="x > 0",
                                                          numpy="scipy.special.entr({})",
                                                          jax="jax.scipy.special.entr({})"),
    Function("copysign",   "(1 - 2 [x < 0]) (1 - 2 [w < 0])", "0",
                                                          means="abs(x) (1 - 2 [w < 0])", kink="that of the right side",
                                                          code="copysign"),
    # of factorials: log Γ(x) and its derivatives
    Function("lgamma",     "digamma(x)",                  domain="x > 0", primitive="lgamma", also="gammaln loggamma",
                                                          numpy="scipy.special.gammaln({})",
                                                          jax="jax.scipy.special.gammaln({})"),
    Function("digamma",    "polygamma(1, x)",             domain="x > 0", rises=True, primitive="digamma", also="psi",
                                                          numpy="scipy.special.digamma({})",
                                                          jax="jax.scipy.special.digamma({})"),
    Function("polygamma",  "0", "polygamma(x + 1, w)",    domain="w > 0", kink="0 in x, which is a whole number",
                                                          primitive="polygamma",
                                                          numpy="scipy.special.polygamma({})",
                                                          jax="jax.scipy.special.polygamma({})"),
    # remainders
    Function("remainder",  "1", "-floor(x / w)",          means="x - w floor(x / w)", domain="w ≠ 0",
                                                          kink="that of the right side", code="remainder"),
    Function("fmod",       "1", "-trunc(x / w)",          means="x - w trunc(x / w)", domain="w ≠ 0",
                                                          kink="that towards 0", primitive="rem", code="fmod"),
    # steps
    Function("floor",      "0",                           kink="0 at whole numbers", primitive="floor", code="floor"),
    Function("ceil",       "0",                           kink="0 at whole numbers", primitive="ceil", code="ceil"),
    Function("round",      "0",                           kink="0 at halves, which go to the even number", parity="odd",
                                                          code="round"),
    Function("clip",       "([c > x] + 1/2 [c = x]) ([max(c, x) < w] + 1/2 [max(c, x) = w])",
                           "([x > c] + 1/2 [c = x]) ([max(c, x) < w] + 1/2 [max(c, x) = w])",
                           "[w < max(c, x)] + 1/2 [max(c, x) = w]",
                                                          means="min(max(c, x), w)", kink="1/2 each at a tie",
                                                          numpy="np.clip({})", jax="jnp.clip({})"),
    Function("trunc",      "0",                           kink="0 at whole numbers", parity="odd", code="trunc"),
    Function("abs",        "sign(x)",                     means="x [x > 0] - x [x < 0]",
                                                          plane="re(g) conj(x) / (y + [y = 0])", onto_reals=True,
                                                          unfolds="2 x [x > 0] - x",
                                                          kink="0 at 0 (JAX: 1)", parity="even", primitive="abs",
                                                          also="absolute fabs", code="abs"),
    Function("sign",       "0",                           means="[x > 0] - [x < 0]",
                                                          unfolds="2 [x > 0] - 1 + [x = 0]",
                                                          kink="0 at 0", parity="odd", sign="sign(x)",
                                                          primitive="sign", also="sgn", code="sign"),
    Function("step",       "0",                           means="[x > 0]", kink="0 at 0", sign="[x > 0]",
                                                          numpy="np.heaviside({}, 0)", jax="jnp.heaviside({}, 0)",
                                                          also="heaviside"),
    Function("max",        "[x > w] + 1/2 [x = w]",
                           "[x < w] + 1/2 [x = w]",       means="x [x ≥ w] + w [x < w]",
                                                          unfolds="x [x > w] + w (1 - [x > w])",
                                                          kink="1/2 each at x = w", primitive="max", also="maximum",
                                                          code="maximum"),
    Function("min",        "[x < w] + 1/2 [x = w]",
                           "[x > w] + 1/2 [x = w]",       means="x [x ≤ w] + w [x > w]",
                                                          unfolds="w [x > w] + x (1 - [x > w])",
                                                          kink="1/2 each at x = w", primitive="min", also="minimum",
                                                          code="minimum"),
    Function("where",      "0", "[c ≠ 0]", "[c = 0]",     means="x [c ≠ 0] + w [c = 0]",
                                                          unfolds="x + (w - x) [c = 0]", kink="0 in c",
                                                          code="where", plane="holomorphic"),
    # of complex numbers; of real ones they do nothing, or are 0
    Function("conj",       "1",                           means="x", sign="sign(x)", rises=True, parity="odd",
                                                          plane="conj(g)", also="conjugate", code="conj",
                                                          primitive="conj"),
    Function("re",         "1",                           means="x", sign="sign(x)", rises=True, parity="odd",
                                                          plane="re(g)", onto_reals=True, also="real", code="real",
                                                          primitive="real"),
    Function("im",         "0",                           means="0 x", plane="-ⅈ re(g)", onto_reals=True, also="imag",
                                                          code="imag", primitive="imag"),
    Function("angle",      "0",                           means="π [x < 0]", domain="x ≠ 0", plane="-ⅈ re(g) / x",
                                                          onto_reals=True, code="angle"),
    Function("imaginary",                                 numpy="1j", jax="1j", plane="holomorphic", also="ⅈ",
                                                          shown="ⅈ"),
    # guards
    Function("finite",     "0",                           sign="finite(x)", numpy="np.isfinite({})",
                                                          jax="jnp.isfinite({})", also="isfinite"),
    Function("isnan",      "0",                           numpy="np.isnan({})", jax="jnp.isnan({})", also="is_nan"),
    Function("stop",       "0",                           unfolds="x", kink="0 everywhere: a constant", sign="sign(x)",
                                                          numpy="({})", jax="jax.lax.stop_gradient({})",
                                                          also="stop_gradient stopgrad", plane="holomorphic"),
    # angles
    Function("sin",        "cos(x)",                      parity="odd", primitive="sin", code="sin",
                                                          plane="holomorphic"),
    Function("cos",        "-sin(x)",                     parity="even", primitive="cos", code="cos",
                                                          plane="holomorphic"),
    Function("tan",        "1 + y²",                      means="sin(x) / cos(x)", parity="odd", primitive="tan",
                                                          code="tan", plane="holomorphic"),
    Function("arcsin",     "rsqrt((1 - x) (1 + x))",      domain="-1 < x < 1", parity="odd", sign="sign(x)", rises=True,
                                                          primitive="asin", also="asin", code="arcsin",
                                                          plane="holomorphic"),
    Function("arccos",     "-rsqrt((1 - x) (1 + x))",     domain="-1 < x < 1", primitive="acos", also="acos",
                                                          code="arccos", plane="holomorphic"),
    Function("arctan",     "1 / (1 + x²)",                parity="odd", sign="sign(x)", rises=True,
                                                          primitive="atan", also="atan", code="arctan",
                                                          plane="holomorphic"),
    Function("arctan2",    "w / (x² + w²)",
                                                          "-x / (x² + w²)", domain="x ≠ 0, or w > 0",
                                                          primitive="atan2", also="atan2", code="arctan2"),
    Function("sinc",       "(cos(π x) - y) / (x + [x = 0])",
                                                          means="where([x = 0], 1, sin(π x) / (π x + [x = 0]))",
                                                          domain="x ≠ 0", kink="0 at 0, of every order", parity="even",
                                                          code="sinc"),
    Function("sinh",       "cosh(x)",                     means="1/2 (exp(x) - exp(-x))", parity="odd", sign="sign(x)",
                                                          rises=True, primitive="sinh", code="sinh",
                                                          plane="holomorphic"),
    Function("cosh",       "sinh(x)",                     means="1/2 (exp(x) + exp(-x))", parity="even", sign="1",
                                                          primitive="cosh", code="cosh", plane="holomorphic"),
    Function("tanh",       "1 - y²",                      means="sinh(x) / cosh(x)", unfolds="2 σ(2 x) - 1",
                                                          parity="odd", sign="sign(x)", rises=True, primitive="tanh",
                                                          code="tanh", plane="holomorphic"),
    Function("arcsinh",    "rsqrt(1 + x²)",               means="log(x + sqrt(x² + 1))", unfolds="-",
                                                          parity="odd", sign="sign(x)", rises=True,
                                                          primitive="asinh", also="asinh arsinh", code="arcsinh",
                                                          plane="holomorphic"),
    Function("arccosh",    "rsqrt((x - 1) (x + 1))",      means="log(x + sqrt(x² - 1))", unfolds="-", domain="x > 1",
                                                          rises=True, primitive="acosh", also="acosh arcosh",
                                                          code="arccosh"),
    Function("arctanh",    "1 / ((1 - x) (1 + x))",       means="1/2 log((1 + x) / (1 - x))", unfolds="-",
                                                          domain="-1 < x < 1", parity="odd", sign="sign(x)", rises=True,
                                                          primitive="atanh", also="atanh artanh", code="arctanh",
                                                          plane="holomorphic"),
    # sigmoids
    Function("sigmoid",    "y (1 - y)",                   means="1 / (1 + exp(-x))", unfolds="-", sign="1", rises=True,
                                                          numpy="1 / (1 + np.exp(-({})))", jax="jax.nn.sigmoid({})",
                                                          primitive="logistic", also="σ sigma expit logistic",
                                                          shown="σ", plane="holomorphic"),
    Function("logsigmoid", "σ(-x)",                       means="log(σ(x))", unfolds="x - log(1 + exp(x))", rises=True,
                                                          numpy="-np.logaddexp(-({}), 0)", jax="jax.nn.log_sigmoid({})",
                                                          also="log_sigmoid"),
    Function("softplus",   "σ(x)",                        means="log(1 + exp(x))", sign="1", rises=True,
                                                          numpy="np.logaddexp({}, 0)", jax="jax.nn.softplus({})"),
    Function("softsign",   "(1 + abs(x))^-2",             means="x / (1 + abs(x))", parity="odd", sign="sign(x)",
                                                          rises=True, numpy="({0}) / (1 + np.abs({0}))",
                                                          jax="jax.nn.soft_sign({})"),
    Function("erf",        "2 exp(-x²) / sqrt(π)",        parity="odd", sign="sign(x)", rises=True, primitive="erf",
                                                          numpy="scipy.special.erf({})",
                                                          jax="jax.scipy.special.erf({})"),
    Function("erfc",       "-2 exp(-x²) / sqrt(π)",       means="1 - erf(x)", sign="1", primitive="erfc",
                                                          numpy="scipy.special.erfc({})",
                                                          jax="jax.scipy.special.erfc({})"),
    # rectifiers
    Function("relu",       "[x > 0]",                     means="max(x, 0)", unfolds="x [x > 0]", kink="0 at 0",
                                                          sign="[x > 0]", numpy="np.maximum({}, 0)",
                                                          jax="jax.nn.relu({})", also="ReLU"),
    Function("leaky_relu", "[x ≥ 0] + 0.01 [x < 0]",      means="max(x, 0.01 x)",
                                                          unfolds="x [x > 0] + 0.01 x (1 - [x > 0])", kink="1 at 0",
                                                          sign="sign(x)", rises=True,
                                                          numpy="np.maximum({0}, 0.01 * ({0}))",
                                                          jax="jax.nn.leaky_relu({})", also="LeakyReLU"),
    Function("relu6",      "[x > 0] [x < 6]",             means="min(max(x, 0), 6)", kink="0 at 0 and at 6",
                                                          sign="[x > 0]", numpy="np.clip({}, 0, 6)",
                                                          jax="jax.nn.relu6({})", also="ReLU6"),
    Function("hard_tanh",  "[x ≥ -1] [x ≤ 1]",            means="min(max(x, -1), 1)", kink="1 at -1 and at 1",
                                                          parity="odd", sign="sign(x)", numpy="np.clip({}, -1, 1)",
                                                          jax="jax.nn.hard_tanh({})", also="hardtanh"),
    Function("hard_sigmoid", "1/6 [x > -3] [x < 3]",      means="1/6 min(max(x + 3, 0), 6)", kink="0 at -3 and at 3",
                                                          numpy="np.clip(({}) / 6 + 0.5, 0, 1)",
                                                          jax="jax.nn.hard_sigmoid({})", also="hardsigmoid"),
    Function("elu",        "[x > 0] + [x ≤ 0] (y + 1)",   means="max(x, 0) + expm1(min(x, 0))",
                                                          unfolds="x [x > 0] + (exp(x) - 1) (1 - [x > 0])",
                                                          sign="sign(x)", rises=True,
                                                          numpy="(np.maximum({0}, 0) + np.expm1(np.minimum({0}, 0)))",
                                                          jax="jax.nn.elu({})", also="ELU"),
    Function("selu",      f"{_λ} [x > 0] + [x ≤ 0] (y + {_λ} * {_α})",
                                                          means=f"{_λ} (max(x, 0) + {_α} expm1(min(x, 0)))",
                                                          unfolds=f"{_λ} (x [x > 0] + {_α} (exp(x) - 1) (1 - [x > 0]))",
                                                          kink="that of the left side, 1.758…, at 0",
                                                          sign="sign(x)", rises=True,
                                                          numpy="1.0507009873554805 * (np.maximum({0}, 0) + "
                                                                "1.6732632423543772 * np.expm1(np.minimum({0}, 0)))",
                                                          jax="jax.nn.selu({})", also="SELU"),
    Function("silu",       "σ(x) + y (1 - σ(x))",         means="x σ(x)", sign="sign(x)",
                                                          numpy="({0}) / (1 + np.exp(-({0})))", jax="jax.nn.silu({})",
                                                          also="swish SiLU", plane="holomorphic"),
    Function("mish",       "tanh(softplus(x)) + x (1 - tanh(softplus(x))²) σ(x)",
                                                          means="x tanh(softplus(x))", sign="sign(x)",
                                                          numpy="({0}) * np.tanh(np.logaddexp({0}, 0))",
                                                          jax="jax.nn.mish({})", also="Mish"),
    Function("gelu",      f"{_Φ} + x exp(-x² / 2) / sqrt(2 π)",
                                                          means="1/2 x erfc(-x / sqrt(2))", sign="sign(x)",
                                                          numpy="0.5 * ({0}) * scipy.special.erfc(-({0}) / np.sqrt(2))",
                                                          jax="jax.nn.gelu({}, approximate=False)", also="GELU"),
    Function("gelu_tanh", f"{_S} + y (1 - {_S}) sqrt(8 / π) (1 + 0.134145 x²)",
                                                          means="1/2 x (1 + tanh(sqrt(2 / π) (x + 0.044715 x³)))",
                                                          unfolds=f"x {_S}", sign="sign(x)",
                                                          numpy="0.5 * ({0}) * (1 + np.tanh(np.sqrt(2 / np.pi) * "
                                                                "(({0}) + 0.044715 * ({0})**3)))",
                                                          jax="jax.nn.gelu({}, approximate=True)"),
    Function("pi",                                        sign="1", numpy="np.pi", jax="jnp.pi", also="π", shown="π"),
):  # fmt: skip
    _enter(_row)


# --------------------------------------------------------------------------- reductions
# Sorted upwards (<) or downwards (>), entry u stands at this place; where two are equal, the one that stands earlier.
_RANK = "(Σ_w ([x_w {1} x_{0}] + [w < {0}] [x_w = x_{0}]))"
# What the median takes of x_u: with Σ_v [x_v < x_u] before it, it holds the place k from 0 on where that is at most k
# and Σ_v [x_v ≤ x_u] more; the two places in the middle are (n - 1) / 2, rounded down, and n / 2, rounded down.
_MIDDLE = (
    "([2 (Σ_v [x_v < x_u]) < n] [n ≤ 2 (Σ_v [x_v ≤ x_u])] + [2 (Σ_v [x_v < x_u]) ≤ n] [n < 2 (Σ_v [x_v ≤ x_u])])"
    " / (Σ_v [x_v = x_u])"
)

# The product's row multiplies all the others anew for each u: work of n², right where x is zero and for derivatives of
# any order. `g y / x_u` is neither.
for _along in (
    Reduction("max",        "g [x_u = y] / Σ_v [x_v = y]",         slope="[x_u = y] / Σ_v [x_v = y]",
                                                                   kink="equal shares"),
    Reduction("min",        "g [x_u = y] / Σ_v [x_v = y]",         slope="[x_u = y] / Σ_v [x_v = y]",
                                                                   kink="equal shares"),
    Reduction("prod",       "g prod_v(where(δ_uv, 1, x_v))",       slope="prod_v(where(δ_uv, 1, x_v))", empty=True,
                                                                   also="∏",
                                                                   holomorphic=True),
    Reduction("mean",       "g / n",                               slope="1 / n", means="Σ_u x_u / n",
                                                                   holomorphic=True),
    Reduction("var",        "2 g (x_u - mean_v(x_v)) / n",         slope="2 (x_u - mean_v(x_v)) / n",
                                                                   means="mean_u((x_u - mean_v(x_v))²)", passes=4),
    Reduction("std",        "g (x_u - mean_v(x_v)) / (n y)",       slope="(x_u - mean_v(x_v)) / (n y)",
                                                                   means="sqrt(mean_u((x_u - mean_v(x_v))²))",
                                                                   kink="0 / 0 where all are equal", passes=4,
                                                                   also="stddev"),
    Reduction("norm",       "g x_u / y",                           slope="x_u / y", means="sqrt(Σ_u x_u²)", empty=True,
                                                                   kink="0 / 0 where all are 0", passes=2),
    Reduction("median",    f"1/2 g {_MIDDLE}",                     slope=f"1/2 {_MIDDLE}",
                                                                   means=f"1/2 Σ_u x_u {_MIDDLE}",
                                                                   kink="of the entry in the middle, or half of each "
                                                                        "of the two; equal shares where equal",
                                                                   passes=4,
                                                                   code="median"),
    Reduction("logsumexp",  "g exp(x_u - y)",                      slope="exp(x_u - y)", means="log(Σ_u exp(x_u))",
                                                                   passes=4, numpy="np.logaddexp.reduce({1}{2})",
                                                                   jax="jax.nn.logsumexp({1}{2})"),
    Reduction("argmax",     "0",                                   kink="0, the first place where equal"),
    Reduction("argmin",     "0",                                   kink="0, the first place where equal"),
    Reduction("softmax",    "y_u (g_u - Σ_v y_v g_v)",             kind="normaliser", entry="g y ([u = a] - y_u)",
                                                                   slope="y_v ([u = v] - y_u)",
                                                                   means="exp(x_u) / Σ_v exp(x_v)", passes=5,
                                                                   numpy="np.exp({0} - np.logaddexp.reduce({1}{2}, "
                                                                         "keepdims=True))",
                                                                   jax="jax.nn.softmax({1}{2})"),
    Reduction("logsoftmax", "g_u - exp(y_u) Σ_v g_v",              kind="normaliser", entry="g ([u = a] - exp(y_u))",
                                                                   slope="[u = v] - exp(y_u)",
                                                                   means="x_u - log(Σ_v exp(x_v))", passes=5,
                                                                   numpy="({0} - np.logaddexp.reduce({1}{2}, "
                                                                         "keepdims=True))",
                                                                   jax="jax.nn.log_softmax({1}{2})",
                                                                   also="log_softmax"),
    Reduction("cumsum",     "Σ_v [u ≤ v] g_v",                     kind="normaliser", entry="g [u ≤ a]",
                                                                   slope="[u ≤ v]", means="Σ_v [v ≤ u] x_v",
                                                                   code="cumsum",
                                                                   holomorphic=True),
    Reduction("cumprod",    "Σ_v g_v [u ≤ v] prod_w(where([w ≤ v], where(δ_uw, 1, x_w), 1))",
                                                                   kind="normaliser",
                                                                   entry="g [u ≤ a] prod_w(where([w ≤ a], "
                                                                         "where(δ_uw, 1, x_w), 1))",
                                                                   slope="[u ≤ v] prod_w(where([w ≤ v], "
                                                                         "where(δ_uw, 1, x_w), 1))",
                                                                   means="prod_v(where([v ≤ u], x_v, 1))",
                                                                   code="cumprod", holomorphic=True),
    Reduction("sort",       "Σ_v g_v [argsort_w(x_w)[v] = u]",     kind="normaliser", single=True,
                                                                   entry="g [argsort_w(x_w)[a] = u]",
                                                                   slope="[argsort_w(x_w)[v] = u]",
                                                                   means=f"Σ_v x_v [{_RANK.format('v', '<')} = u]",
                                                                   kink="that of the permutation; equal ones stay in "
                                                                        "their order", code="sort"),
    Reduction("argsort",    "0",                                   kind="normaliser", single=True, entry="0", slope="0",
                                                                   kink="0; equal ones stay in their order",
                                                                   numpy="np.argsort({1}{2}, kind=\"stable\")",
                                                                   jax="jnp.argsort({1}{2})"),
    Reduction("top",        "Σ_v g_v [argtop_w(x_w)[v] = u]",      kind="normaliser", single=True,
                                                                   entry="g [argtop_w(x_w)[a] = u]",
                                                                   slope="[argtop_w(x_w)[v] = u]",
                                                                   means=f"Σ_v x_v [{_RANK.format('v', '>')} = u]",
                                                                   kink="that of the permutation; equal ones stay in "
                                                                        "their order",
                                                                   passes=3,
                                                                   numpy="-np.sort(-{0}{2})", jax="-jnp.sort(-{0}{2})"),
    Reduction("argtop",     "0",                                   kind="normaliser", single=True, entry="0", slope="0",
                                                                   passes=2,
                                                                   kink="0; equal ones stay in their order",
                                                                   numpy="np.argsort(-{0}{2}, kind=\"stable\")",
                                                                   jax="jnp.argsort(-{0}{2})"),
    *MATRIX_ROWS,
):  # fmt: skip
    _enter(_along)
