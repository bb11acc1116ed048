"""Functions that people know from elsewhere, and how each is written in the notation.

In: the word, and what stands in its parentheses. Out: a template, filled in with the user's own letters. A word for
which the tables of ``vocabulary`` have a row is looked up here for other numbers of arguments only. This file is data,
and what fills it in; nothing is refused here.
"""

from __future__ import annotations

import re

from tensorprop.core.build import fresh
from tensorprop.core.functions import FUNCTIONS
from tensorprop.text.cursor import Cursor
from tensorprop.text.meant import left, piece
from tensorprop.text.vocabulary import KNOWN

__all__ = ["ALONG_AN_AXIS", "FUNCTIONS_ELSEWHERE", "whole_word", "written"]


def _all(words: str, templates: dict[int, str]) -> dict[str, dict[int, str]]:
    return {word: templates for word in words.split()}


# By the number of arguments. «0», «1» … are the arguments, «f0» the same as factors, «n0» their names; «l» is an index
# of the left side that no argument has, «u» and «v» are letters that are new, «i» is the last letter of the arguments
# that is not on the left.
FUNCTIONS_ELSEWHERE: dict[str, dict[int, str]] = {
    # constants of differentiation
    **_all("sg SG detach no_grad nograd stop_grad stopgradient StopGradient freeze", {1: "stop(«0»)"},
    ),
    # numbers that are none
    "isinf": {1: "1 - finite(«0») - isnan(«0»)"},
    **_all("nan_to_num nantonum", {1: "where(finite(«0»), «0», 0)"}),
    # arithmetic
    **_all("floor_divide floordiv", {2: "floor(«f0» / «f1»)"}),
    **_all("mod modulo", {2: "remainder(«0», «1»)"}),
    **_all("divide true_divide div", {2: "«f0» / «f1»"}),
    **_all("multiply mul", {2: "«f0» «f1»"}),
    "subtract": {2: "«0» - «f1»"},
    **_all("negative neg", {1: "-«f0»"}),
    **_all("inverse recip", {1: "1 / «f0»"}),
    "cube": {1: "«f0»^3"},
    **_all("sqr squared", {1: "«f0»^2"}),
    "log": {2: "log(«0») / log(«1»)"},
    **_all("clamp clip_by_value", {3: "clip(«0», «1», «2»)"}),
    "lerp": {3: "«f0» + «f2» («1» - «f0»)"},
    "xlog1py": {2: "xlogy(«0», 1 + «f1»)"},
    "logit": {2: "logit(clip(«0», «1», 1 - «f1»))"},
    "gamma": {1: "exp(lgamma(«0»))"},
    "log1mexp": {1: "log(1 - exp(-«f0»))"},
    "factorial": {1: "exp(lgamma(«0» + 1))"},
    **_all("binom binomial comb", {2: "exp(lgamma(«0» + 1) - lgamma(«1» + 1) - lgamma(«0» - «f1» + 1))"}),
    **_all("betaln lbeta", {2: "lgamma(«0») + lgamma(«1») - lgamma(«0» + «1»)"}),
    **_all("ndtr normcdf", {1: "1/2 erfc(-«f0» / sqrt(2))"}),
    # angles
    "sec": {1: "1 / cos(«0»)"},
    "csc": {1: "1 / sin(«0»)"},
    **_all("cot cotan", {1: "cos(«0») / sin(«0»)"}),
    "sech": {1: "1 / cosh(«0»)"},
    "csch": {1: "1 / sinh(«0»)"},
    "coth": {1: "cosh(«0») / sinh(«0»)"},
    **_all("deg2rad radians", {1: "π «f0» / 180"}),
    **_all("rad2deg degrees", {1: "180 «f0» / π"}),
    # rectifiers and their like
    **_all("step heaviside", {2: "[«0» > 0] + «f1» [«0» = 0]"}),
    **_all("leaky_relu LeakyReLU prelu PReLU", {2: "max(0, «0») + «f1» min(0, «0»)"}),
    **_all("elu ELU", {2: "max(0, «0») + «f1» min(0, exp(«0») - 1)"}),
    **_all(
        "celu CELU",
        {1: "max(0, «0») + min(0, exp(«0») - 1)", 2: "max(0, «0») + min(0, «f1» (exp(«f0» / «f1») - 1))"},
    ),
    "relu": {2: "min(«1», max(0, «0»))"},
    **_all("hardswish hard_swish hard_silu hardsilu", {1: "«f0» hard_sigmoid(«0»)"}),
    **_all("softplus", {2: "softplus(«f1» «f0») / «f1»"}),
    **_all("silu swish", {2: "«f0» σ(«f1» «f0»)"}),
    **_all("sigmoid σ", {2: "σ(«f1» «f0»)"}),
    "quick_gelu": {1: "«f0» σ(1.702 «f0»)"},
    **_all("squareplus", {1: "1/2 («0» + sqrt(«f0»^2 + 4))", 2: "1/2 («0» + sqrt(«f0»^2 + «1»))"}),
    **_all(
        "softshrink soft_threshold shrink",
        {1: "sign(«0») max(0, abs(«0») - 1/2)", 2: "sign(«0») max(0, abs(«0») - «f1»)"},
    ),
    "hardshrink": {1: "«f0» [abs(«0») > 1/2]", 2: "«f0» [abs(«0») > «1»]"},
    "threshold": {2: "«f0» [«0» > «1»]", 3: "where([«0» > «1»], «0», «2»)"},
    **_all("hard_tanh hardtanh", {3: "clip(«0», «1», «2»)"}),
    **_all("tanhshrink", {1: "«0» - tanh(«0»)"}),
    **_all("log_cosh logcosh", {1: "softplus(2 «f0») - «f0» - log(2)"}),
    # distances and losses of two tensors
    **_all("dot inner vdot inner_product", {2: "Σ_«i» «f0» «f1»"}),
    "outer": {2: "«f0» «f1»"},
    **_all("cosine_similarity cos_sim cosine_sim", {2: "(Σ_«i» «f0» «f1») / (norm_«i»(«0») norm_«i»(«1»))"}),
    **_all("kl KL kl_div kl_divergence", {2: "Σ_«i» «f0» log(«f0» / «f1»)"}),
    **_all("cross_entropy CE crossentropy", {2: "-Σ_«i» «f0» log(«1»)"}),
    **_all("mse MSE mse_loss l2_loss", {2: "mean_«i»((«0» - «f1»)^2)"}),
    **_all("mae MAE l1_loss", {2: "mean_«i»(abs(«0» - «f1»))"}),
    # whole numbers as rows, and products of vectors
    **_all("one_hot onehot", {1: "[«0» = «l»]", 2: "[«0» = «l»]", 3: "[«0» = «l»]"}),
    **_all("cross", {2: "ε_«o»«u»«v» «n0»_«u» «n1»_«v»"}),
}  # fmt: skip


# Of an axis, as another one: «x» is the entry, «x(…)» the entry at another place, «n» the size of its axis; «m», «z(…)»
# those of a second tensor, «k» the size of the axis of the result, «i» its letter.
ALONG_AN_AXIS: dict[str, str] = {
    **dict.fromkeys(
        ("concat", "concatenate", "cat", "hstack", "vstack"),
        "[«i» < «n»] «x(«i»)» + [«i» ≥ «n»] «z(«i» - «n»)»; «k» = «n» + «m»",
    ),
    **dict.fromkeys(("flip", "reverse", "flipud", "fliplr"), "«x(«n» - 1 - «i»)»; «k» = «n»"),
    "roll": "[«i» = 0] «x(«n» - 1)» + [«i» ≥ 1] «x(«i» - 1)»; «k» = «n»",
    "diff": "«x(«i» + 1)» - «x(«i»)»; «k» = «n» - 1",
    "pad": "[«i» ≥ 1] [«i» ≤ «n»] «x(«i» - 1)»; «k» = «n» + 2",
}


def whole_word(c: Cursor, p: int) -> str:
    """The word that begins at token ``p``, with all its underscores: ``nan_to_num``."""
    m = re.match(r"\w+", c.text[c.starts[p] :])
    return m[0] if m else c.texts[p]


def written(c: Cursor, p: int) -> str | None:
    """How the function at token ``p`` and its arguments are written; None where no table says."""
    word = whole_word(c, p)
    end = c.starts[p] + len(word) if c.text.startswith(word, c.starts[p]) else c.ends[p]
    templates = FUNCTIONS_ELSEWHERE.get(word, {})
    if not templates and word not in ALONG_AN_AXIS:
        return None
    start = next((q for q in range(p, len(c.kinds)) if c.starts[q] >= end), p)
    stop = c.closing(start) if c.kinds[start] in ("(", "[") and c.starts[start] == end else None
    if stop is None or stop == start + 1:
        return None
    bounds = _arguments(c, start, stop)
    if word in ALONG_AN_AXIS:
        return _shifted(c, ALONG_AN_AXIS[word], bounds)
    template = templates.get(len(bounds))
    if template is None or (word in KNOWN and len(FUNCTIONS[KNOWN[word]].slopes) == len(bounds)):
        return None
    return _filled(c, template, bounds)


def _arguments(c: Cursor, start: int, stop: int) -> list[tuple[int, int]]:
    """The tokens of each argument between two parentheses."""
    bounds, first, q = list[tuple[int, int]](), start + 1, start + 1
    while q < stop:
        inner = c.closing(q) if c.kinds[q] in ("(", "[", "{") or c.texts[q] == "_{" else None
        if c.kinds[q] == ",":
            bounds.append((first, q))
            first = q + 1
        q = q + 1 if inner is None else inner + 1
    return [*bounds, (first, stop)]


def _filled(c: Cursor, template: str, bounds: list[tuple[int, int]]) -> str | None:
    own = left(c)
    inside = [i for a, b in bounds for i in c.indices_between(a, b)[0]]
    taken = {*own, *c.indices_between(c.first, c.end_of_equation())[0], *c.tensor_names()}
    summed = [i for i in dict.fromkeys(inside) if i not in own]
    under = ""
    if "«i»" in template and not inside and all(b == a + 1 and c.kinds[a] == "N" for a, b in bounds):
        under, summed = "_i", ["i"]  # cos_sim(a, b)
    given = {"o": own[0] if own else "i"}
    given |= {"l": next((i for i in own if i not in inside), "c" if "c" not in inside else fresh("c", {*inside}))}
    given["i"] = "".join(summed) if all(len(i) == 1 for i in summed) else ""
    given["u"] = next(i for i in "jkmnpqrst" if i not in taken)
    given["v"] = next(i for i in "klmnpqrst" if i not in taken and i != given["u"])
    for k, (a, b) in enumerate(bounds):
        whole = piece(c, a, b) + under
        given[str(k)], given[f"f{k}"] = whole, whole if _one(c, a, b) else f"({whole})"
        given[f"n{k}"] = c.texts[a].partition("_")[0] if c.kinds[a] in ("T", "N") and _one(c, a, b) else ""
    wanted = re.findall("«(\\w+)»", template)
    if not all(given[w] for w in wanted):
        return None
    return re.sub("«(\\w+)»", lambda m: given[m[1]], template)


def _shifted(c: Cursor, template: str, bounds: list[tuple[int, int]]) -> str | None:
    """A line with shifted subscripts, and how long the axis is: of entries with one letter an axis."""
    target = c.text[c.starts[c.first] : c.ends[c.first]]
    entries = [c.text[c.starts[a] : c.ends[b - 1]] for a, b in bounds]
    split = [re.fullmatch(r"(\w+?)_\{?([^\W\d_]+)\}?", e) for e in (target, *entries)]
    if len(split) != 2 + ("z(" in template) or any(m is None for m in split):
        return None
    (_, own), *given = [(m[1], m[2]) for m in split if m]
    if any(len(letters) != len(own) for _, letters in given):
        return None
    axis = next((k for k, i in enumerate(own) if any(letters[k] != i for _, letters in given)), len(own) - 1)
    i = own[axis]

    def entry(which: int, place: str) -> str:
        letters = [place if k == axis else j for k, j in enumerate(own)]
        return f"{given[which][0]}[{', '.join(letters)}]"

    sizes = {"«n»": f"dim({given[0][0]}, {axis})", "«m»": f"dim({given[-1][0]}, {axis})", "«k»": f"dim({i})"}
    said = template.replace("«i»", i)
    for sign, size in sizes.items():
        said = said.replace(sign, size)
    return re.sub(r"«([xz])\((.*?)\)»", lambda m: entry("xz".index(m[1]), m[2]), said)


def _one(c: Cursor, start: int, stop: int) -> bool:
    """Whether tokens are one factor."""
    if stop == start + 1:
        return c.kinds[start] in ("T", "N", "n")
    closing = c.closing(start + 1) if c.kinds[start] == "N" and c.kinds[start + 1] in ("(", "[") else None
    return closing == stop - 1 or (
        c.kinds[start] in ("N", "T") and all(k in ("s", "u") for k in c.kinds[start + 1 : stop])
    )
