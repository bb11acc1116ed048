"""``parse_formula``: formulas in vectors and matrices, as equations in index notation.

In: lines such as ``δW = aᵀ δz + λ W``, in Unicode, LaTeX or NumPy, and what each letter is. Out: a System. It is the
inverse of `formula`: the same conventions say how a tensor lies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from tensorprop.calculus.source import Source, as_system
from tensorprop.core.build import ZERO, bracket, call, fresh, rename, sum_over
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Expr, Index, Reduce, Sum, Tensor
from tensorprop.core.names import adjoint_name, is_derivative, primal
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import AmbiguousNotation, EmptySpec, RankMismatch, TensorpropError, UnexpectedEnd, UsageError
from tensorprop.render.code import identifier
from tensorprop.render.derivation.sentences import Math
from tensorprop.render.layout import Convention
from tensorprop.render.matrices.masks import ToldMask, definitions
from tensorprop.render.reading.higher import higher, of_slices, without_remark
from tensorprop.render.reading.lengths import Known
from tensorprop.render.reading.lexemes import adjoint_of, plain, tokens
from tensorprop.render.reading.python import is_code, read_code
from tensorprop.render.reading.slid import offset_in
from tensorprop.render.reading.typed import Misfit, Typed, Types
from tensorprop.render.reading.written import FormulaReader

__all__ = [
    "FormulaText",
    "ReadFormula",
    "every_meant",
    "is_formula",
    "is_indexed",
    "parse_formula",
    "read_again",
    "read_line",
    "split",
    "with_told",
]

Kinds = Mapping[str, str]
_RANKS = {"scalar": 0, "number": 0, "vector": 1, "column": 1, "row": 1, "matrix": 2}


def parse_formula(
    text: str,
    like: Source | Kinds | None = None,
    *,
    layout: Literal["column", "row"] = "column",
    samples: Literal["rows", "columns"] = "rows",
    batch: str = "b",
    derivative: Literal["denominator", "numerator"] = "denominator",
) -> System:
    """The equations that formulas in vectors and matrices stand for, one a line.

    ``like`` says what the letters are: equations in which they stand, or ``{"W": "matrix", "a": "vector"}``. Without
    it capital Latin letters are matrices and small ones vectors, and what a left side is follows from its right side.
    Unicode, LaTeX, Typst and NumPy code are read. The other options are those of `formula`: how vectors, samples and
    gradients lie.

    Errors: ParseError for what is no formula, UnknownName, RankMismatch where neighbours do not fit.

    >>> print(parse_formula("δW = aᵀ δz + λ W", like="z_bj = a_bi W_ij; E = λ W_ij W_ij"))
    δW_ij = a_bi δz_bj + λ W_ij
    >>> print(parse_formula(r"z = W^{\\top} a + b"))
    z_j = W_ij a_i + b_j
    >>> print(parse_formula("δa = W @ δz", like={"W": "matrix", "δz": "vector"}))
    δa_i = W_ij δz_j
    """
    convention = Convention(layout=layout, samples=samples, derivative=derivative, batch=batch)
    names, s = _names(like, text)
    return system(_read(text, names, convention if s is None else convention.over(s), implied=True))


def read_again(text: str, names: Known, convention: Convention) -> list[Equation]:
    """What was printed of equations in a convention, as equations."""
    return _read(text, names.copy(), convention)


def every_meant(line: FormulaText, names: Known) -> FormulaText:
    """A line with the letters for every value of which it has to be meant, where it says none."""
    if line.carried or line.joined or is_code(line.text):
        return line
    return replace(line, carried=names.meant(f"{line.left} {line.body}"))


def _read(text: str, names: Known, convention: Convention, implied: bool = False) -> list[Equation]:
    lines = list(split(text))
    found: dict[int, Equation] = {}
    while len(found) < len(lines):
        k = _next(lines, found, names)
        line = lines[k]
        if line.left is None:
            raise UnexpectedEnd("a formula needs a left side", line.text, (0, 0), fix="write δW = …")
        try:
            line = _placed(replace(line, left=_meant(line.left, names, line.shown)), names)
            for name, *_ in line.defined:
                if names.rank(name) is not None:
                    raise AmbiguousNotation(f"{name} is a tensor of the equations, and defined beside the formula")
            here = names.copy() if line.defined else names
            here.ranks |= {name: 2 for name, *_ in line.defined}
            try:
                read = read_line(line, here, convention).equation(str(line.left), line.cut)
            except RankMismatch:
                if not implied or not (line := every_meant(line, names)).carried:
                    raise
                read = read_line(line, here, convention).equation(str(line.left), line.cut)
            found[k] = with_told(read, line.defined)
            if here is not names:
                names.ranks |= {name: rank for name, rank in here.ranks.items() if name == line.left}
        except Misfit as misfit:
            raise _unfit(misfit, line) from None
    if not found:
        raise EmptySpec("there is no formula", text, (0, 0), fix="write one, such as δW = aᵀ δz")
    return [found[k] for k in range(len(lines))]


def with_told(eq: Equation, defined: Iterable[ToldMask]) -> Equation:
    """The equation with the brackets that matrices of ones stand for; log 0 is −∞."""
    masks = {one.name: one for one in defined}

    def rule(e: Expr) -> Expr:
        if not (isinstance(e, Tensor) and e.name in masks):
            return e
        one = masks[e.name]
        at = dict(zip(one.letters, e.subscripts, strict=True))
        true = bracket(one.relation, at[one.left], at[one.right])
        return call("log", true) if one.added else true

    return equation(eq.target, transform(eq.value, rule)) if masks else eq


def _meant(name: str, names: Known, shown: str = "") -> str:
    """The name that a left side means: ``dW`` is δW, ``W_k`` in code is W^(k), ``∂y/∂x`` the Jacobian of the page."""
    plain_name = shown.replace(" ", "")
    for known in names.ranks:
        if is_derivative(known) and known.replace("·", "") == plain_name.replace("·", ""):
            return known
    if names.rank(name) is not None:
        return name
    if name[:1] == "d" and names.rank(name[1:]) is not None:
        return adjoint_name(name[1:])
    coded = {identifier(n).replace("_", ""): n for known in names.ranks for n in (known, adjoint_name(known))}
    return coded.get(name.replace("_", ""), name)


def _placed(line: FormulaText, names: Known) -> FormulaText:
    """``x_0 = a``, where x is a tensor with time, is what it is at time 0."""
    name = str(line.left)
    base = name.rstrip("0123456789")
    if base == name or names.rank(name) is not None or primal(base) not in names.time:
        return line
    return replace(line, left=base, cut=(name[len(base) :],))


def _next(lines: list[FormulaText], found: Mapping[int, Equation], names: Known) -> int:
    """A line all of whose names are known; the first that is left where none is so."""
    left = [k for k in range(len(lines)) if k not in found]
    made = {name for k in left if (name := lines[k].left) is not None and names.rank(name) is None}
    return next((k for k in left if made.isdisjoint(_words(lines[k].body))), left[0])


def is_formula(text: str) -> bool:
    """Whether a text has what formulas in matrices have, and index notation has not.

    >>> is_formula("z = Wᵀa + b"), is_formula("z_j = W_ij a_i")
    (True, False)
    """
    if is_indexed(text):
        return False
    signs = ("for every", "ᵀ", "^T", "^{T}", "\\\\top", "⊙", ".T", "@", "np.", "‖", "𝟏", "⊘")
    return any(sign in text for sign in signs)


def is_indexed(text: str) -> bool:
    """Whether a text has subscripts.

    >>> is_indexed("δW_ij = a_i δz_j"), is_indexed("δW = a δzᵀ")
    (True, False)
    """
    if re.search(r"ᵀ|\^\{?(?:⊤|\\top)|for\s+every", text) is not None:  # what has a transpose has cut slices: Q_h K_hᵀ
        return False
    return re.search(r"[^\W\d_](?:_|\[)\{?[^\W\d]|[ᵢⱼₖₗₘₙₚᵣₛₜᵤᵥₓ]", text) is not None


# --------------------------------------------------------------------------- lines
@dataclass(frozen=True)
class FormulaText:
    """One formula: the name on its left, if there is one, its right side, and the indices carried along."""

    left: str | None
    body: str
    text: str
    carried: tuple[str, ...] = ()
    joined: tuple[tuple[str, ...], ...] = ()
    shown: str = ""  # the left side as it stands
    cut: tuple[str, ...] = ()  # a subscript of the left side that is computed: t - 1
    slid: tuple[int, ...] | None = None  # from where images are read, if the remark says that * is a convolution
    defined: tuple[ToldMask, ...] = ()  # matrices of ones that the remark defines: L_tu = [u ≤ t]


_NABLA = re.compile(r"(^|[;\n])\s*(?:\\nabla|∇)\s*_\s*\{?\s*(\\?[^\W_]+)\s*\}?\s*(?:\\?[^\W\d_]+)?\s*=")
_EVERY = re.compile(r"[,(\s]*for\s*every\s+(?:(?:leading|trailing|other)\s+index\s*)?([^()]*?)\)?\s*$")
_LEGEND = re.compile(
    r"\s*\(\s*((?:rows|columns|entries|\([\w, ]+\)\s+as\s+one|for\s+every|for\s+\w+\s*=|[^()=]+=\s*\S+\s+outside"
    r"|(?:padding|offset)\s+(?=[(\d])|[^\W\d_]_\{?\w ?\w\}?\s*=\s*(?:\[|0\s*where))"
    r"(?:[^()]|\([\w, ]*\)|\^\(\w+\))*)\)\s*$"
)
_TIME = re.compile(r"\bfor\s+(\w+)\s*=\s*(?=[\d…])")
_ONE = re.compile(r"\(([^\W\d]\w*(?:\s*,\s*[^\W\d]\w*)+)\)")


def split(text: str) -> Iterator[FormulaText]:
    """The formulas of a text: one a line, or separated by ``;`` or by a comma before the next left side.

    A remark behind them says what they hold for every value of, and which indices are taken as one.

    >>> [(f.left, f.body, f.carried, f.joined) for f in split("Y = XW  (rows (b,t), for every n)")]
    [('Y', ' XW', ('n',), (('b', 't'),))]
    """
    code = is_code(text)
    text = text if code else plain(_NABLA.sub(r"\1δ\2 =", text))
    whole = text
    text, carried, joined, masks = _told(text)
    for part in _parts(text, code):
        if not part.strip():
            continue
        said, letters, groups, own_masks = _told(part)
        left, equals, right = _sides(said if code else without_remark(said))
        name, own, cut = _carried(adjoint_of(left)) if equals and not code else (adjoint_of(left), (), ())
        every = tuple(dict.fromkeys((*(letters or carried), *own)))
        yield FormulaText(
            name if equals else None,
            right if equals else said,
            said.strip(),
            every,
            groups or joined,
            left.strip(),
            cut,
            offset_in(part + whole[len(text) :]),
            (*masks, *own_masks),
        )


def _told(
    text: str,
) -> tuple[str, tuple[str, ...], tuple[tuple[str, ...], ...], tuple[ToldMask, ...]]:
    """A text without its remark; the indices that are carried, those that are taken as one, and what is defined."""
    legend = _LEGEND.search(text)
    every = _EVERY.search(text)
    if legend is None and every is None:
        return text, (), (), ()
    said = legend[1] if legend is not None else ""
    joined = tuple(tuple(re.split(r"\s*,\s*", found)) for found in _ONE.findall(said))
    carried = re.findall(r"[^\W\d_]\w*", re.sub(r"\band\b", " ", every[1])) if every is not None else []
    carried += _TIME.findall(said)
    start = min(m.start() for m in (legend, every) if m is not None)
    return text[:start], tuple(carried), joined, tuple(definitions(said))


def _carried(left: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A left side without the indices that cut it, and these; last a subscript that is computed.

    >>> _carried("δP_{bh}"), _carried("δx_{·i}"), _carried("z_2"), _carried("x_{l+1}")
    (('δP', ('b', 'h'), ()), ('δx', ('i',), ()), ('z_2', (), ()), ('x', ('l',), ('l+1',)))
    """
    hit = re.fullmatch(r"(.+?)_(?:\{([^{}]*)\}|([^\W\d_]+))(\^.*)?", left)
    if hit is None:
        return left, (), ()
    below = (hit[2] or hit[3]).replace("−", "-")
    cut = tuple(below.split(",")) if re.search(r"[-+]|^\d+$", below) else ()
    return hit[1] + (hit[4] or ""), tuple(c for c in below if c.isalpha()), cut


def _parts(text: str, code: bool) -> Iterator[str]:
    depth, start = 0, 0
    for p, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        new = c in "\n;" and depth <= 0
        if c == "," and depth == 0 and not code:
            new = re.match(r"\s*(?:δ|∂[A-Za-z]*/∂)?\s*[^\W\d_]\w*[^\s=,]*\s*=", text[p + 1 :]) is not None
        if new:
            yield text[start:p]
            start = p + 1
    yield text[start:]


def _sides(text: str) -> tuple[str, str, str]:
    """Both sides of the equals sign that stands outside all brackets."""
    depth = 0
    for p, c in enumerate(text):
        depth += (c in "([{") - (c in ")]}")
        if c == "=" and depth == 0 and text[p - 1 : p] not in ("<", ">", "!", "=") and text[p + 1 : p + 2] != "=":
            return text[:p], "=", text[p + 1 :]
    return text, "", ""


# --------------------------------------------------------------------------- one line, read
@dataclass(frozen=True)
class ReadFormula:
    """A right side with its types, not yet in letters that people read."""

    typed: Typed
    types: Types
    loose: bool = False  # a vector that lies nowhere, as in code
    axes: tuple[str, ...] | None = None  # those of a tensor of higher order

    @property
    def constant(self) -> bool:
        """Whether it is a number that no tensor's entry changes: it may stand for all entries, as 0 does."""
        value = self.typed
        return value.entry is ZERO or (value.scalar and not list(tensors_of(value.entry)))

    def equation(self, name: str, cut: tuple[str, ...] = ()) -> Equation:
        """``name = …``, perhaps at a place that is computed; Misfit where the left side is another kind of thing."""
        types, value = self.types, self.typed
        if self.axes is not None:
            return self._higher(name, self.axes)
        if types.names.rank(name) is None:
            types.names.ranks[name] = len(value.letters)
            if not self.loose and len(value.letters) == 1 and (value.rows is None) != types.row:
                raise RankMismatch(
                    f"{value.math.unicode} lies, and vectors are {'rows' if types.row else 'columns'} here",
                    fix="write its transpose, or choose the other layout",
                )
        target = types.tensor(name, cut)
        pairs = self.matched(target)
        assert isinstance(target.entry, Tensor)
        return lettered(target.entry, rename(value.entry, pairs), types)

    def _higher(self, name: str, axes: tuple[str, ...]) -> Equation:
        """``name = …`` of tensors of higher order."""
        self.types.names.ranks.setdefault(name, len(axes))
        target, stay = self.types.slots(name)
        if len(stay) != len(axes):
            raise RankMismatch(f"{name} has {len(stay)} axes, and the right side {len(axes)}")
        own = tuple(s.name for k, s in enumerate(target.subscripts) if k in stay and isinstance(s, Index))
        if not all(self.types.fits(i, j) for i, j in zip(own, axes, strict=True)):
            raise RankMismatch(f"the right side is not as large as {name}", fix="compare the axes in their order")
        value = rename(self.typed.entry, dict(zip(axes, own, strict=True)))
        return lettered(target, value, self.types)

    def matched(self, target: Typed) -> dict[str, str]:
        """The letters of the right side, and those of the target in their place."""
        types, value = self.types, self.typed
        if self.constant:
            return {}
        mine, theirs = ((value.rows, value.columns), (target.rows, target.columns))
        if self.loose and len(value.letters) == len(target.letters):
            mine, theirs = value.letters, target.letters
        if not all(types.fits(i, j) for i, j in zip(mine, theirs, strict=True)):
            raise Misfit(value, target, "=", types)
        return {k: n for i, j in zip(mine, theirs, strict=True) for k, n in types.pairs(i, j).items()}


def read_line(
    line: FormulaText,
    names: Known,
    convention: Convention,
    bare: Callable[[], str] | None = None,
    standing: bool = False,
) -> ReadFormula:
    """A right side, read: as code where it is code; a factor 1 is a vector of ones where that fits.

    Errors: Misfit where neighbours do not fit, ParseError for what is no formula, UnknownName.
    """
    if is_code(line.body):
        return _tried(line, names, lambda types: _coded(line.body, types), convention, standing)

    def written(ones: bool | None) -> Callable[[Types], ReadFormula]:
        return lambda types: ReadFormula(FormulaReader(line.body, types, bare, ones).formula(), types)

    def coded(types: Types) -> ReadFormula:
        return _coded(line.body, types)

    types = Types(names.copy(), convention, line.carried, standing, line.joined, line.slid)
    tensors = None if line.carried or line.joined else higher(line.body, types)
    tensors = tensors if tensors is not None or line.joined else of_slices(line.body, types)
    if tensors is not None:
        names.__dict__.update(types.names.__dict__)
        types.names = names
        return ReadFormula(Typed(tensors[0], None, None, Math(line.body, line.body)), types, axes=tensors[1])
    first: Exception | None = None
    for way in (written(True), written(False), written(None), coded):
        try:
            return _tried(line, names, way, convention, standing)
        except AmbiguousNotation:
            raise
        except (Misfit, TensorpropError) as error:
            first = first or error
    assert first is not None
    raise first


def _tried(
    line: FormulaText, names: Known, way: Callable[[Types], ReadFormula], convention: Convention, standing: bool
) -> ReadFormula:
    """One way to read a right side; what it settles about ranges is kept if it fits the left side."""
    trial = names.copy()
    read = way(Types(trial, convention, line.carried, standing, line.joined, line.slid))
    if read.axes is None and line.left is not None and trial.rank(line.left) is not None:
        read.matched(read.types.tensor(line.left, line.cut))
    names.__dict__.update(trial.__dict__)
    read.types.names = names
    return read


def _coded(text: str, types: Types) -> ReadFormula:
    array = read_code(text, types)
    if None in array.axes:
        raise Misfit(array.typed, array.typed, "shape", types)
    if len(array.axes) > 2:
        return ReadFormula(array.typed, types, axes=tuple(i for i in array.axes if i is not None))
    return ReadFormula(array.typed, types, len(array.axes) == 1)


def _unfit(misfit: Misfit, line: FormulaText) -> TensorpropError:
    a, b = misfit.left, misfit.right
    known = f"{a.math.unicode} has {_lies(a)}; {b.math.unicode} has {_lies(b)}"
    what = f"{a.math.unicode} and {b.math.unicode} do not fit"
    match misfit.sign:
        case "product":
            fix = "a product sums over the columns of one and the rows of the other: they must be the same index"
        case "=":
            what = f"the right side is not as large as {b.math.unicode}"
            fix = "the wrong index is summed, or a transpose is missing"
        case sign:
            fix = f"{sign} needs the same indices on both sides"
    return RankMismatch(what, line.text, known=known, fix=fix)


def _lies(t: Typed) -> str:
    return {
        (False, False): "rows and columns", (False, True): "rows alone", (True, False): "columns alone",
        (True, True): "neither rows nor columns",
    }[t.rows is None, t.columns is None]  # fmt: skip


# --------------------------------------------------------------------------- letters
_LETTERS = "ijklmnpqrstuvw"


def lettered(target: Tensor, value: Expr, types: Types) -> Equation:
    """The equation in letters as the equations have them: those of the left side first, then what is summed."""
    taken: set[str] = {i for i in (*target.free, *value.free, *value.binds) if not i.startswith("·")}
    names: dict[str, str] = {}
    own: dict[int, str] = {}
    s = types.names.system
    home = primal(target.name)
    if s is not None and home in s.names:
        uses = [s[home].letters] if s.defines(home) else []
        uses += [t.letters for eq in s for t in tensors_of(eq.value) if t.name == home and t.letters is not None]
        own = dict(enumerate(next((u for u in uses if len(set(u)) == len(u)), ())))
    own = {k: i for k, i in own.items() if s is not None}
    for k, i in enumerate(target.subscripts) if s is not None else ():
        if isinstance(i, Index) and i.name.startswith("·"):
            names[i.name] = _free(own.get(k, types.shown(i.name)), taken)
    for i in _reading(value):
        if i.startswith("·") and i not in names:
            names[i] = _free(types.shown(i), taken)
    value = rename(value, names)

    def rule(e: Expr) -> Expr:
        if isinstance(e, Sum) and any(i.startswith("·") for i in e.indices):
            new = {i: names.get(i, i) for i in e.indices}
            return sum_over(new.values(), rename(e.body, {a: b for a, b in new.items() if a != b}))
        if isinstance(e, Reduce) and any(i.startswith("·") for i in e.indices):
            new = {i: names.get(i, i) for i in e.indices}
            return Reduce(e.op, tuple(new.values()), rename(e.body, {a: b for a, b in new.items() if a != b}), e.at)
        return e

    for i in target.letters or ():
        if i.startswith("·") and i not in names:
            names[i] = _free(types.shown(i), taken)
    return equation(rename(target, names), transform(value, rule))


def _reading(e: Expr) -> Iterator[str]:
    for n in postorder(e):
        if isinstance(n, Index):
            yield n.name


def _free(like: str, taken: set[str]) -> str:
    """A letter: this one, or the next that is free."""
    if like == "?" or like in taken:
        like = next((c for c in _LETTERS if c not in taken), fresh("k", taken))
    taken.add(like)
    return like


# --------------------------------------------------------------------------- what the letters are
def _names(like: Any, text: str) -> tuple[Known, System | None]:
    if like is None:
        return _by_case(text), None
    if isinstance(like, Mapping):
        ranks: dict[str, int] = {}
        for name, kind in cast("Kinds", like).items():
            if kind not in _RANKS:
                raise UsageError(f"{name} is a {kind!r}", fix=f"a kind is {', '.join(_RANKS)}")
            ranks[name] = _RANKS[kind]
        return Known(None, ranks), None
    s = as_system(like)
    return Known(s), s


def _by_case(text: str) -> Known:
    """Capital Latin letters are matrices, small ones vectors; what stands on the left follows from the right."""
    lines = list(split(text))
    made = {line.left for line in lines} | {name for line in lines for name, *_ in line.defined}
    ranks: dict[str, int] = {}
    for line in lines:
        for word in _words(line.body):
            for letter in re.findall(r"[^\W\d_]\d*", word):
                if letter in made:
                    continue
                if not letter[0].isascii():
                    raise UsageError(
                        f"nothing says whether {letter} is a number, a vector or a matrix",
                        fix=f'say it: like={{"{letter}": "scalar", …}}',
                    )
                ranks.setdefault(letter, 2 if letter[0].isupper() else 1)
        if not is_code(line.body) and (called := _CALLED.search(line.body)):
            W = called[1]
            raise AmbiguousNotation(
                f"{W}(…) is the function {W} of what stands in parentheses, or the matrix {W} times it",
                line.body,
                called.span(1),
                fix=f"write {W} (…) for the product, or say with like= what {W} is",
            )
        for letter, label in _LABELLED.findall(line.body):
            ranks.setdefault(f"{letter}^({label})", 2 if letter[0].isupper() else 1)
    return Known(None, ranks)


_LABELLED = re.compile(r"([^\W\d_])\s*\^\s*\{?\s*\((?![T⊤H†]\))(\w[\w+−-]*)\)")
"""A letter with the label of a layer, ``W^(2)`` or ``W^{(2)}``: a power has no parentheses."""


_CALLED = re.compile(r"(?<![^\W_]|[\\^{])([A-Z])\(")


def _words(body: str) -> list[str]:
    """The runs of letters in a formula that are no functions and no transposes."""
    if is_code(body):
        text = re.sub(r"\b(?:np|jnp|jax)(?:\.\w+)+|\.\w+", " ", body)
        return [m[1] for m in re.finditer(r"\b([^\W\d_]+\d*)\b(?!\()", text)]
    found: list[str] = []
    words = tokens(body)
    for n, token in enumerate(words):
        after, before = words[n + 1 : n + 2], words[n - 1] if n else None
        called = bool(after) and (after[0].kind == "prime" or (after[0].text == "(" and len(token.text) > 1))
        called = called or (bool(after) and after[0].text == "(" and after[0].span[0] == token.span[1])
        turns = token.text == "T" and before is not None and before.text in ("^", "{")
        if token.kind == "name" and not called and not turns and token.text not in ("𝟏", "ones", "I", "δ"):
            found.append(token.text)
    return found
