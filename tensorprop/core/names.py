"""The names that the notation knows: elementwise functions, reductions, functions of a whole matrix.

Plain data, for whoever reads or writes text: how a function is called, by which other names people know it, and how
many arguments it takes. What the names mean (slopes, pullbacks, values) is told elsewhere, in the tables of
``calculus.functions``, ``calculus.reductions`` and ``run.functions``, which a test holds against this one.
"""

from __future__ import annotations

__all__ = ["FUNCTION_ALIASES", "FUNCTION_ARITY", "MATRIX_OPS", "NORMALISERS", "REDUCTION_ALIASES", "REDUCTION_OPS"]

# Elementwise functions by canonical name, with the number of their arguments.
FUNCTION_ARITY: dict[str, int] = {
    "pi": 0,
    **dict.fromkeys("exp expm1 log log1p log2 log10 sqrt rsqrt square reciprocal".split(), 1),
    **dict.fromkeys("abs sign step".split(), 1),
    **dict.fromkeys("sin cos tan arcsin arccos arctan".split(), 1),
    **dict.fromkeys("sinh cosh tanh arcsinh arccosh arctanh".split(), 1),
    **dict.fromkeys("sigmoid softplus logsigmoid silu mish softsign erf erfc".split(), 1),
    **dict.fromkeys("relu leaky_relu elu selu gelu gelu_tanh".split(), 1),
    **dict.fromkeys("power max min".split(), 2),
    "where": 3,
}

# Other spellings, each of one canonical name.
FUNCTION_ALIASES: dict[str, str] = {
    "π": "pi",
    "ln": "log",
    "√": "sqrt",
    "pow": "power",
    "maximum": "max",
    "minimum": "min",
    "σ": "sigmoid",
    "sigma": "sigmoid",
    "expit": "sigmoid",
    "logistic": "sigmoid",
    "log_sigmoid": "logsigmoid",
    "swish": "silu",
    "SiLU": "silu",
    "Mish": "mish",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "ELU": "elu",
    "SELU": "selu",
    "GELU": "gelu",
    "heaviside": "step",
    "sgn": "sign",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "arsinh": "arcsinh",
    "acosh": "arccosh",
    "arcosh": "arccosh",
    "atanh": "arctanh",
    "artanh": "arctanh",
}

# Reductions take their indices away; normalisers keep them; functions of a whole matrix take a bare name.
REDUCTION_OPS: tuple[str, ...] = ("max", "min", "prod", "mean", "var", "logsumexp", "argmax", "argmin")
NORMALISERS: tuple[str, ...] = ("softmax", "logsoftmax")
MATRIX_OPS: tuple[str, ...] = ("inv", "det", "logdet")

REDUCTION_ALIASES: dict[str, str] = {"log_softmax": "logsoftmax"}
