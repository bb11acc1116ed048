"""Names that mean something else, or could: refused, with what was meant in the user's own letters.

In: a cursor and the token of the name. Out: an error, or nothing where there is no doubt. The words that are looked up
come from ``reserved`` and ``vocabulary``; this file reads no grammar.
"""

from __future__ import annotations

import re
from typing import NoReturn

from tensorprop.core.build import fresh
from tensorprop.core.expr import Tensor
from tensorprop.core.functions import is_matrix, keeps
from tensorprop.errors import (
    AmbiguousNotation,
    ForbiddenName,
    NameConflict,
    UnexpectedChar,
    UnknownFunction,
    near,
)
from tensorprop.text.characters import HIGH, LETTERS, raised
from tensorprop.text.cursor import Cursor
from tensorprop.text.elsewhere import whole_word, written
from tensorprop.text.foreign import meant_by
from tensorprop.text.implied import Leaf, Power, Tree
from tensorprop.text.meant import (
    argument,
    bracketed,
    chosen,
    entry_end,
    following,
    indexed,
    joined,
    piece,
    written_along,
)
from tensorprop.text.reserved import ELSEWHERE, SPELLED_OUT, TAKEN_ALONG, programming
from tensorprop.text.vocabulary import BINDERS, KNOWN, SYMBOLS

__all__ = [
    "after_subscripts",
    "applied",
    "bare_function",
    "bare_indices",
    "elsewhere",
    "function_subscript",
    "open_function",
    "programming_word",
    "raised_name",
    "unbracketed",
    "value_as_subscript",
]

# a name, in a font perhaps, and what it is raised to
_RAISED = re.compile(
    rf"(\\\w+\s*\{{[^{{}}]*\}}|\\?[{LETTERS}][{LETTERS}0-9]*)\s*"
    rf"(?:\^\s*(\{{[^{{}}]*\}}|-?[{LETTERS}0-9]+)|([{''.join(HIGH)}]+))$"
)
_BY_CUSTOM = frozenset("fghφψ")  # what functions are called
_ELSEWHERE = "nothing in index notation says it: work it out elsewhere and give it as an input"


def elsewhere(c: Cursor, p: int) -> None:
    """Refuse a function that other libraries have under the name at ``p``, with what it is in the notation."""
    told = written(c, p)
    if told is None:
        return
    word = whole_word(c, p)
    span = (c.starts[p], c.starts[p] + len(word))
    problem = f"{word} has another number of arguments" if word in KNOWN else f"{word} has no name of its own here"
    c.fail(UnknownFunction, problem, span, f"write `{told}`")


def bare_function(c: Cursor, p: int) -> NoReturn:
    """``tanh x``, ``tanh (x)``, ``tanh_i``, ``tanh^2(x)``: a known function without its parentheses."""
    name = c.texts[p]
    span = (c.starts[p], c.ends[p])
    after = c.kinds[p + 1]
    if after == "(":
        c.fail(
            AmbiguousNotation,
            f'"{name} (" with a space: the function {name}, or a product?',
            span,
            f"write `{name}(…)` for the function; a tensor called {name} needs another name, or `{name} · (…)`",
        )
    if after in ("s", "u", "["):
        function_subscript(c, p, name)
    if after in ("^", "p"):
        _raised_function(c, p, name)
    acts_on = (following(c, p + 1) if after in ("N", "T") else None) or "z_i"
    if after == "-" and (negated := following(c, p + 2)) is not None:
        acts_on = f"-{negated}"
    closed = c.closing(p + 1) if after == "{" else None
    if closed is not None:
        acts_on = piece(c, p + 2, closed)
    c.fail(UnexpectedChar, f"{name} is a function and needs parentheses", span, f"write {name}({acts_on})")


def _raised_function(c: Cursor, p: int, name: str) -> NoReturn:
    """``tanh^2(z)``, by which people mean the square of tanh(z), and ``sin^{-1}(z)``."""
    q = p + 1
    if c.kinds[q] == "p":
        exponent, q = raised(c.texts[q]), q + 1
    else:
        close = c.closing(q + 1) if c.kinds[q + 1] in ("{", "(") else None
        stop = close if close is not None else q + 2 + (c.kinds[q + 1] == "-")
        exponent, q = piece(c, q + 1 + (close is not None), stop), stop + (close is not None)
    acts_on = following(c, min(q, len(c.kinds) - 1)) or "z_i"
    span = (c.starts[p], c.ends[min(q, len(c.kinds)) - 1])
    if exponent.replace(" ", "") == "-1":
        inverse = next((f for f in (f"arc{name}", f"ar{name}") if f in KNOWN), None)
        c.fail(
            AmbiguousNotation,
            f"the inverse function of {name}, or 1 / {name}?",
            span,
            f"write `{inverse}({acts_on})`, or `1 / {name}({acts_on})`"
            if inverse
            else f"write `1 / {name}({acts_on})`, or a function of another name for the inverse",
        )
    up = exponent if exponent.isalnum() else f"{{{exponent}}}"
    c.fail(
        UnexpectedChar,
        f"{name} is a function and needs parentheses at once; a power stands after its argument",
        span,
        f"write {name}({acts_on})^{up}",
    )


def raised_name(c: Cursor, power: Tree, first: int) -> None:
    """``f^{-1}(x)``, ``σ^2(x)``: a name raised to a power, with a parenthesis at once: a tensor, or a function?"""
    if not isinstance(power, Power) or not isinstance(power.base, Leaf) or not isinstance(power.base.node, Tensor):
        return
    name = power.base.node.name
    shown = c.text[c.starts[first] : c.ends[c.p - 1]]
    inverse = re.search(r"\^[\s{(]*-\s*1[\s)}]*$|⁻¹$", shown) is not None
    if c.names.get(name, first) < first:  # it stood before as a tensor
        return
    if power.base.node.subscripts or c.kinds[first] != "N":
        return
    stands = any(t == name and k not in ("^", "p", "(", "q") for t, k in zip(c.texts, c.kinds[1:], strict=False))
    called = len(name.rstrip("0123456789")) > 1 or name in _BY_CUSTOM
    word = called and not stands and name not in c.tensor_names()  # sech^2(x)
    if not (inverse or word or name in SYMBOLS or name in c.called):
        return
    inside = argument(c, c.p)
    acts_on = piece(c, *inside) if inside else "x_i"
    up = shown[len(c.text[c.starts[first] : c.ends[first]]) :].strip()
    of = f"`1 / {name}({acts_on})`, " if inverse else f"`{name}({acts_on}){up}`, "
    also = f"`{name}inv({acts_on})` for another function, " if inverse else ""
    c.fail(
        AmbiguousNotation,
        f"{shown}({acts_on}): of the function {name}, or the power of a number times what stands in parentheses?",
        (c.starts[first], c.ends[c.p - 1]),
        f"write {of}{also}or `{shown} ({acts_on})` with a space for the product",
    )


def function_subscript(c: Cursor, p: int, name: str) -> NoReturn:
    """``tanh_i``, ``log_2(x)``."""
    elsewhere(c, p)
    stop = entry_end(c, p)
    called = next((q for q in range(p, stop) if c.kinds[q] == "("), None)
    inside = argument(c, called) if called is not None else None
    acts_on = piece(c, *inside) if inside else "z_i"
    base = c.text[c.starts[p] + len(name) : c.starts[called] if called is not None else c.ends[stop - 1]].strip("_{} ")
    other = next((f for f in (name + base, f"{name}_{base}") if base and f in KNOWN), None)
    c.fail(
        NameConflict,
        f"{name} is a function and bears no subscripts",
        (c.starts[p], c.ends[p]),
        f"write {other}({acts_on})"
        if other
        else f"put them inside, {name}({acts_on}), or give the tensor another name",
    )


def open_function(c: Cursor, name: str, span: tuple[int, int]) -> None:
    """Refuse a function's name that was probably meant to be a known one's, or that indices say; ``(`` comes next."""
    elsewhere(c, next(q for q in range(c.p, -1, -1) if c.starts[q] == span[0]))
    if name in SPELLED_OUT:
        c.fail(UnknownFunction, f"{name} has no name of its own in index notation", span, SPELLED_OUT[name])
    if name in TAKEN_ALONG or name in ELSEWHERE:
        inside = argument(c, c.p)
        letters = indexed(c, name, *inside) if inside else None
        along = written_along(c, name, list(letters), *inside) if inside and letters else None
        c.fail(
            UnknownFunction,
            f"{name} is not built in" if name in ELSEWHERE else f"{name} is taken along an index, and is not built in",
            span,
            f"write `{along}`" if along else _ELSEWHERE,
        )
    last = next((f for f in ("σ", *KNOWN) if name.endswith(f) and (len(f) > 2 or f == "σ")), name)
    if last != name:
        _two_names(c, name.removesuffix(last), last, span)
    if len(name.rstrip("0123456789")) > 1 and name not in c.called:
        like = [f for f in KNOWN if f.lower() == name.lower() and len(f) > 2][:1] or near(
            name, [*KNOWN, *BINDERS, "dim"]
        )
        if like:
            c.fail(
                UnknownFunction,
                f'function "{name}" is unknown',
                span,
                f"did you mean {' or '.join(like)}? A function left open needs a name less like a known one",
            )


def _two_names(c: Cursor, name: str, function: str, span: tuple[int, int]) -> None:
    """``Wσ(x)``, ``Wtanh(x)``: a tensor and a known function without a space, or one function?"""
    if not (function == "σ" or len(name) == 1 or name in c.tensor_names()) or name == "d":
        return
    inside = argument(c, c.p)
    acts_on = piece(c, *inside) if inside else "x_i"
    c.fail(
        AmbiguousNotation,
        f"{name}{function}: {name} times {function}(…), or a function that is called so?",
        span,
        f"write `{name} {function}({acts_on})` with a space for the product; an open function needs a name that ends in"
        f" no known one, such as `{name}1({acts_on})`",
    )


def applied(c: Cursor, p: int, name: str, letters: list[str]) -> None:
    """``std_b(x_bj)``: a name with subscripts and at once a parenthesis, unless elsewhere it is a tensor's."""
    if name[0] == "δ" or name in c.tensor_names():
        return
    elsewhere(c, p)
    span = (c.starts[p], c.ends[c.p - 1])
    inside = argument(c, c.p)
    factor = f"({piece(c, *inside)})" if inside else "(…)"
    product = f"`{c.text[span[0] : span[1]]} {factor}` with a space for a product"
    along = written_along(c, name, letters, *inside) if inside else None
    if letters and letters[-1] in SYMBOLS and c.text[span[1] - 1] == letters[-1]:  # W_ijσ(x_j)
        kept, function = c.text[span[0] : span[1] - 1], letters[-1]
        c.fail(
            AmbiguousNotation,
            f"{function} as an index of {name}, or as a function?",
            span,
            f"write `{kept} {function}{factor}` for the function; a name with subscripts takes no parenthesis at once",
        )
    known = "along an index there are " + ", ".join(dict.fromkeys(w for w in BINDERS.values() if not is_matrix(w)))
    if along is not None:
        problem, fix = f"{name} is not built in along an index", f"write `{along}`, or {product}"
    elif name in ELSEWHERE:
        problem, fix = f"{name} is not built in along an index", f"{_ELSEWHERE}; or write {product}"
    else:
        problem = f"{name} with subscripts, and at once a parenthesis: a product, or something taken along an index?"
        like = [w for w in near(name, list(BINDERS)) if not is_matrix(w)] if len(name) > 1 else []
        one = f"did you mean {' or '.join(f'{w}_' + ''.join(letters) for w in like)}? Else " if like else ""
        fix = f"{one}write {product}, or `{name}{factor}` for a function of one number"
    raise UnknownFunction(problem, c.text, span, known=known, fix=fix)


def programming_word(c: Cursor, p: int, name: str) -> None:
    """Refuse a word of programming, but for a name that a table knows, and for an index of this name in a bracket."""
    fix = programming(name)
    if fix is None or (c.in_bracket and name in c.known_indices()[0]):
        return
    elsewhere(c, p)
    written = joined(c, p) if name.lower() in ("and", "or") else chosen(c)
    if c.kinds[p] == "T" or c.kinds[p + 1] in ("=", "s", "u"):
        fix = f"give the tensor another name, such as {name}1"
    c.fail(
        ForbiddenName,
        f'"{name}" is a reserved word, no tensor\'s name',
        (c.starts[p], c.starts[p] + len(name) if c.kinds[p] == "T" else c.ends[p]),
        f"write `{written}`" if written else fix,
    )


def unbracketed(c: Cursor, p: int) -> NoReturn:
    """Refuse a relation that stands in no bracket: a comparison, an argument with its name, an inner product."""
    sign, span = c.text[c.starts[p] : c.ends[p]], (c.starts[p], c.ends[p])
    if sign == "=" and c.kinds[p - 1] == "N" and c.kinds[p - 2] in ("(", ","):
        problem = f"an argument has no name in the notation: {c.texts[p - 1]}"
        c.fail(UnexpectedChar, problem, (c.starts[p - 1], c.ends[p]), "leave it out, or write its value in its place")
    product = meant_by("<", c.text, *span) if sign == "<" else None
    if product is not None and c.kinds[p - 1] in ("=", "*", "+", "-", "("):
        c.fail(UnexpectedChar, "no product is written with < >", span, product)
    problem = f'"{sign}" compares only inside a bracket, [a > b]: 1 where it holds, else 0'
    c.fail(UnexpectedChar, problem, span, f"write {bracketed(c, p)}")


def bare_indices(c: Cursor) -> None:
    """Refuse a scalar that is called as an index of the equation that was just read."""
    indices, _ = c.known_indices()
    for name, span in c.bare:
        if name in indices:
            c.fail(
                AmbiguousNotation,
                f"{name} is an index of this equation, and stands here as a number: its size, or a scalar {name}?",
                span,
                f"write `dim({name})` for the size of the index, `{name}[]` for a scalar that is called {name};\n"
                f"the value of an index is compared in brackets, and elsewhere it is an input, such as pos_{name}",
            )


def after_subscripts(c: Cursor, p: int) -> NoReturn:
    """Subscripts at ``p`` where none can stand: after an underscore in a name, a power, a list, a parenthesis."""
    span = (c.starts[p], c.ends[p])
    token = c.text[span[0] : c.ends[entry_end(c, p - 1) - 1]] if c.starts[p] == c.ends[p - 1] else c.texts[p]
    raised_by = _RAISED.search(c.text[: span[0]])
    if raised_by is not None:
        _layer_or_power(c, p, raised_by, token)
    if c.kinds[p - 1] == "T" and c.kinds[p] == "s":
        name, _, middle = c.texts[p - 1].partition("_")
        middle = middle.strip("{}")
        c.unexpected(
            p,
            "only a name bears subscripts, and one list of them",
            f"a name has no underscore: write `{name}{middle}{token}` or `{name}^({middle}){token}` for a tensor called"
            f" {name}_{middle}, or `{name}_{middle}{token.strip('_{}')}` for one list of subscripts",
        )
    c.unexpected(
        p,
        "only a name bears subscripts, and one list of them",
        "name the expression in an equation of its own, then write its entry",
    )


def value_as_subscript(c: Cursor, p: int) -> None:
    """``x[argmax_u(s_u)]``: where a function's value is meant, it is named in an equation of its own."""
    name = c.texts[p].partition("_")[0]
    stop = entry_end(c, p)
    called = next((q for q in range(p, stop) if c.kinds[q] == "("), None)
    if called is None or not (name in BINDERS or name in KNOWN):
        return
    along = c.indices_between(p, called)[0] if name in BINDERS and not is_matrix(BINDERS[name]) else []
    replaced = along if not keeps(BINDERS.get(name, name)) or (called < stop - 1 and c.kinds[stop - 1] == "]") else []
    letters = [i for i in dict.fromkeys(c.indices_between(called, stop)[0]) if i not in replaced]
    end = c.end_of_equation()
    taken = {*c.texts, *c.indices_between(c.first, end)[0], *c.tensor_names()}
    new = next((n for n in "knmpqrst" if n not in taken), None) or fresh("k", taken)
    short = all(len(i) == 1 for i in letters)
    entry = new + ("[]" if not letters else f"_{''.join(letters)}" if short else f"[{', '.join(letters)}]")
    value = piece(c, p, stop)
    line = f"{entry.removesuffix('[]')} = {value}"
    if "=" in c.kinds[c.first : p]:
        rest = c.text[c.starts[c.first] : c.starts[p]] + entry + c.text[c.ends[stop - 1] : c.ends[end - 1]]
        fix = f"write two equations: `{line}; {rest}`"
    else:
        fix = f"define `{line}`, and write {entry} here"
    c.fail(UnexpectedChar, f"a subscript is an entry, and no value of {name}", (c.starts[p], c.ends[stop - 1]), fix)


def _layer_or_power(c: Cursor, p: int, raised_by: re.Match[str], token: str) -> NoReturn:
    """``A^{k}_ij`` and ``A^{-1}_ij``: a name, what it is raised to, and then the subscripts."""
    name, braced, high = raised_by.groups()
    shown = braced or high
    up = braced.strip("{} ") if braced else raised(high)
    span = (raised_by.start(), c.ends[entry_end(c, p - 1) - 1])
    sign = "^" if braced else ""
    if up.replace(" ", "") == "-1":
        c.fail(
            AmbiguousNotation,
            f"{name}{sign}{shown}{token}: an entry of the inverse of {name}, or one over an entry of {name}?",
            span,
            f"write `inv({name}){token}` for the entry of the inverse, or `{name}{token}{sign}{shown}` for the power",
        )
    label = rf"^{{({up})}}" if shown[0] == "{" else f"^({up})"
    c.fail(
        AmbiguousNotation,
        f"{name}{sign}{shown}{token}: the tensor {name} of layer {up}, or a power?",
        span,
        f"write `{name}{label}{token}` for the tensor of layer {up}, or `{name}{token}{sign}{shown}` for the power",
    )
