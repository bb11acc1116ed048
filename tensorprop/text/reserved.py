"""Words that are no tensor's name: of programming, of matrix notation, and reductions that people know from elsewhere.

Each has what to write in its place. A word for which the tables of ``vocabulary`` have a row is not looked up here, so
that a function that is added there is at once a function. This file is data, and a question about a name.
"""

from __future__ import annotations

import re

from tensorprop.text.characters import NAME
from tensorprop.text.vocabulary import BINDERS, KNOWN, SYMBOLS

__all__ = ["ELSEWHERE", "PROGRAMMING", "SPELLED_OUT", "TAKEN_ALONG", "is_name", "programming"]

_INFINITY = (
    "a mask is a factor, exp(s_tu) [u ≤ t], or a large number such as -1e30; what is infinite is log(0), with a minus"
)
_NAN = "not a number is no number here: leave out what is not meant with a bracket, such as [x_i > 0]"
_EITHER = "write one of them as where([c_i > 0], x_i, y_i): x_i where the bracket holds, else y_i"
_LOOP = "an index runs over its whole axis by itself: leave it out; a sum is Σ_i x_i"

# What programs say in words.
PROGRAMMING: dict[str, str] = {
    **dict.fromkeys(("inf", "Inf", "INF", "infinity", "Infinity", "infty", "oo", "∞"), _INFINITY),
    **dict.fromkeys(("nan", "NaN", "NAN"), _NAN),
    **dict.fromkeys(("and", "AND"), "both hold where the product of two brackets is 1: [u ≤ t] [m_u > 0]"),
    **dict.fromkeys(("or", "OR"), "one of two holds where the larger bracket is 1: max([u ≤ t], [m_u > 0])"),
    "xor": "just one of two holds where [a_i > 0] ≠ [b_i > 0]: [[a_i > 0] ≠ [b_i > 0]]",
    **dict.fromkeys(("not", "NOT"), "the contrary of a bracket is another one, [u > t] for [u ≤ t], or 1 - m_u"),
    **dict.fromkeys(("if", "IF", "then", "else", "elif", "otherwise", "unless"), _EITHER),
    **dict.fromkeys(
        ("mod", "MOD", "bmod", "pmod", "rem"),
        "give an input that is 1 at the places that are meant, such as m_t for [t mod 2 = 0]",
    ),
    **dict.fromkeys(("in", "is"), "compare with a relation: [y_b = c]"),
    **dict.fromkeys(("for", "while", "foreach"), _LOOP),
    **dict.fromkeys(("True", "true", "TRUE"), "write 1"),
    **dict.fromkeys(("False", "false", "FALSE"), "write 0"),
    **dict.fromkeys(("None", "null"), "write 0, or leave it out"),
    **dict.fromkeys(("return", "lambda", "def", "import", "class", "let"), "write an equation: y_i = …"),
}

# What matrix notation needs a word for, and indices say.
SPELLED_OUT: dict[str, str] = {
    **dict.fromkeys(("tr", "Tr"), "a trace repeats an index: X_ii"),
    **dict.fromkeys(("transpose",), "a transpose swaps the indices: X_ji"),
    **dict.fromkeys(("matmul", "dot", "einsum", "inner", "vdot"), "a product repeats an index: A_ij B_jk"),
    "diag": "a diagonal is X_ii as a vector v_i = X_ii, and D_ij = v_i [i = j] as a matrix",
    "eye": "the identity is a bracket: [i = j]",
    "glu": "halves of an axis are read by a shifted index: y_i = x_i σ(x[i + dim(x, 0)/2]); dim(i) = dim(x, 0)/2",
    "kron": "a Kronecker product has four indices: A_ij B_kl",
    "diff": "neighbours are subtracted with a shifted index: y_i = x[i+1] - x_i; dim(i) = dim(x, 0) - 1",
    **dict.fromkeys(
        ("conv", "conv1d", "convolve", "correlate"), "a window has a shifted index: y_t = a[t+u] k_u, or a[t-u] k_u"
    ),
    "outer": "an outer product has different indices: a_i b_j",
}

# What people take along an index and the tables have no row for: how it is written. In a template, «a» is what stands
# in the parentheses, «q» the same as a factor, «i» the indices, «u» another letter and «r» the factor with it.
TAKEN_ALONG: dict[str, str] = {
    **dict.fromkeys(("std", "stddev", "stdev", "sd"), "sqrt(var_«i»(«a»))"),
    **dict.fromkeys(("norm", "norm2", "l2norm"), "sqrt(Σ_«i» «q»^2)"),
    **dict.fromkeys(("norm1", "l1norm"), "Σ_«i» abs(«a»)"),
    **dict.fromkeys(("average", "avg", "Mean"), "mean_«i»(«a»)"),
    **dict.fromkeys(("Var", "variance"), "var_«i»(«a»)"),
    **dict.fromkeys(("Sum", "total"), "Σ_«i» «q»"),
    **dict.fromkeys(("amax", "Max"), "max_«i»(«a»)"),
    **dict.fromkeys(("amin", "Min"), "min_«i»(«a»)"),
    **dict.fromkeys(("product",), "prod_«i»(«a»)"),
    **dict.fromkeys(("lse", "LSE", "LogSumExp"), "logsumexp_«i»(«a»)"),
    **dict.fromkeys(("Softmax", "SoftMax"), "softmax_«i»(«a»)"),
    "softmin": "softmax_«i»(-«q»)",
    "cumsum": "Σ_«u» [«u» ≤ «i»] «r»",
    "cumprod": "prod_«u»(where([«u» ≤ «i»], «r», 1))",
    **dict.fromkeys(("normalize", "normalise"), "«q» / sqrt(Σ_«u» «r»^2)"),
    "count": "Σ_«i» «q»",
    "any": "max_«i»(«a»)",
    "all": "min_«i»(«a»)",
}

# What no equation says.
ELSEWHERE: frozenset[str] = frozenset(
    "median quantile percentile mode sort argsort topk unique histogram shuffle permute flip roll reshape flatten"
    " concat concatenate stack split squeeze unsqueeze pad LayerNorm layernorm BatchNorm batchnorm dropout erfinv"
    " probit ndtri sparsemax entmax fft ifft rfft".split()
)


def programming(name: str) -> str | None:
    """What to write for a word of programming; None for a name, or for a word that a table knows."""
    return PROGRAMMING.get(name) if name not in KNOWN and name not in BINDERS else None


def is_name(name: str) -> bool:
    """Whether a tensor may be called so: letters and digits, perhaps a label, and no word of the notation.

    >>> is_name("W"), is_name("W^(k)"), is_name("tanh"), is_name("inf"), is_name("x_i")
    (True, True, False, False, False)
    """
    return (
        re.fullmatch(rf"{NAME}(?:\^\([^()]*\))?", name) is not None
        and (name not in KNOWN or name in SYMBOLS)
        and name not in BINDERS
        and name not in PROGRAMMING
    )
