"""Strings in, Systems out.

In: index notation. Out: a System, or one expression, every implicit sum written into it. An error that is found
when the equations are put together is given its place in the text as well. Nothing is evaluated, and no size is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from tensorprop.core.affine import measured
from tensorprop.core.equation import (
    DECLARED,
    SAID,
    SORTED,
    Declared,
    Equation,
    Fact,
    Outside,
    Range,
    System,
    equation,
    system,
)
from tensorprop.core.expr import Dim, Expr, Index, Number, Tensor
from tensorprop.core.names import moved, primal, primal_axes
from tensorprop.core.ranges import axis_of, kept
from tensorprop.core.walk import postorder
from tensorprop.errors import (
    AmbiguousNotation,
    DuplicateDefinition,
    EmptySpec,
    FreeIndexMismatch,
    NameConflict,
    TensorpropError,
    UnexpectedChar,
    UnknownName,
    UsageError,
    among,
)
from tensorprop.text.bold import BOLD, whole_tensors
from tensorprop.text.doubts import bare_indices
from tensorprop.text.elaborate import Builder
from tensorprop.text.implied import Tree, axis_written, written
from tensorprop.text.scan import scan
from tensorprop.text.syntax import Reader

__all__ = ["Spans", "concern", "equations", "parse", "parse_expression"]

CONVENTIONS = ("strict", "einsum")
Spans = dict[object, tuple[int, int]]  # node → where it stands first in its equation


def parse(text: str, convention: str = "strict") -> System:
    """The System that a text in index notation stands for.

    An index that is not on the left is summed over each term in which it stands twice or more. What has two readings
    is refused, with both written out. ``convention="einsum"`` also sums an index that stands once in a term.

    >>> s = parse("z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj)")
    >>> s.inputs, s.outputs
    (('a', 'W', 'b'), ('h',))
    >>> print(s)
    z_bj = a_bi W_ij + b_j
    h_bj = tanh(z_bj)

    Errors: ParseError and what is below it (the text is not in the notation), IndexMismatch (the indices of a term do
    not fit), RankMismatch, NameConflict, DuplicateDefinition, CircularDefinition (the equations do not fit).
    """
    _check(text, convention)
    reader, found = equations(text, convention, None)
    try:
        concern(reader, found)
        s = system(found, facts(reader, found))
    except TensorpropError as e:
        raise _placed(e, text, convention) from None
    if reader.called:
        _no_conflict(reader)
    object.__setattr__(s, "origin", text)
    return s


def parse_expression(text: str, free: Iterable[str] | None = (), convention: str = "strict") -> Expr:
    """One right side. ``free`` are the letters that stay; None: every letter that the rules do not sum.

    >>> print(parse_expression("a_i W_ij", free="j"))
    a_i W_ij

    Errors: those of ``parse``.
    """
    _check(text, convention)
    tokens = scan(text)
    reader = Reader(tokens)
    reader.delta_is_tensor, reader.given = False, frozenset(free or ())
    if tokens.kinds[0] == "end":
        raise EmptySpec("there is no expression", text, (0, 0), fix="write one, such as a_i W_ij")
    if BOLD.search(text):
        whole_tensors(reader, 0, _reads)
    tree = reader.expression()
    if reader.kinds[reader.p] == ";" and reader.kinds[reader.p + 1] == "end":
        reader.p += 1
    if reader.kinds[reader.p] != "end":
        reader.unexpected(reader.p, "the expression should end, or go on with + or a factor")
    bare_indices(reader)
    builder = Builder(text, convention == "einsum", None)
    left = frozenset(tree.open if free is None else free)
    value = builder.right_side(tree, left, "the result")
    if builder.sizes:
        value = builder.rest_sized(value, {})
    if reader.called:
        _no_conflict(reader)
    return value


def equations(text: str, convention: str, spans: list[Spans] | None) -> tuple[Reader, list[Equation]]:
    """The equations of a text; ``spans`` is given a dict for each, filled with the places of its nodes."""
    tokens = scan(text)
    reader = Reader(tokens)
    kinds = tokens.kinds
    found: list[Equation] = []
    if "[" in kinds:
        reader.scalars = _scalar_targets(reader)
    einsum = convention == "einsum"
    bold = BOLD.search(text) is not None
    while True:
        while kinds[reader.p] == ";":
            reader.p += 1
        if kinds[reader.p] == "end":
            break
        line = reader.states()
        if line is not None:
            reader.lines.append((line, *reader.fact(line)))
            if kinds[reader.p] not in (";", "end"):
                reader.finish()
            continue
        where: Spans | None = None
        if spans is not None:
            where = reader.spans = {}
            spans.append(where)
        if bold:
            whole_tensors(reader, reader.p, _reads)
        target, span = reader.target()
        left = target.free
        reader.bare = []
        tree = reader.expression(nested=False)
        kind = kinds[reader.p]
        if kind != ";" and kind != "end":
            reader.finish()
        if reader.bare:
            bare_indices(reader)
        builder = Builder(text, einsum, where)
        if where is not None:
            where[target] = span
        value = builder.right_side(tree, left, target.name)
        if isinstance(value, Tensor) and _transposed(target, value):  # S_ij = S_ji defines nothing
            reader.lines.append(("symmetric", target.name, "", (span[0], reader.ends[reader.p - 1])))
            if spans is not None:
                spans.pop()
            continue
        if builder.sizes:
            value = builder.rest_sized(value, _primal_sizes(target))
        # a derivative has the axes of what it is of, and the start of a recurrence those of the whole
        told = primal_axes(target) is not None or target.letters is None
        if value.free < left and not told:
            value = _spread(value, left - value.free, tree)
        if value.free != left and (not told or value.free - left):
            _mismatch(text, target, span, value, tree)
        if value.binds.isdisjoint(left):
            found.append(Equation(target, value))
        else:
            found.append(equation(target, value))  # a hidden letter, as in det(X), steps aside
    if not found:
        raise EmptySpec("there is no equation", text, (0, 0), fix="write one, such as z_j = a_i W_ij + b_j")
    return reader, found


def _reads(text: str) -> bool:
    """Whether a text is read."""
    try:
        parse(text)
    except TensorpropError:
        return False
    return True


def _transposed(a: Tensor, b: Tensor) -> bool:
    """Whether these are ``S_bij`` and ``S_bji``."""
    one, other = list(a.letters or ()), list(b.letters or ())
    different = len(set(one)) == len(one) == len(other) > 1
    return a.name == b.name and different and [*one[:-2], *one[:-3:-1]] == other


def facts(reader: Reader, found: list[Equation]) -> list[Fact]:
    """What the lines of facts say; ``dim(y)`` in a size is an axis that y runs over in one of the equations."""
    made: list[Fact] = []
    stated = {name for line, name, _, _ in reader.lines if line == "dim"}
    for op, letter, span in reader.placed:
        if letter in stated:  # the letter outside has the range of the one inside
            raise AmbiguousNotation(
                f"{op} along all of its axis, or as far as {letter} runs?",
                reader.text,
                span,
                fix=f"give the {op} an equation of its own, p_i = …, and read p[{letter}], or write {op}_{letter}(…)",
            )
    for line, name, said, _ in reader.lines:
        if isinstance(said, str):
            made.append(Declared(line, name) if line in (*DECLARED, *SAID) else Outside(name, said))
            continue
        builder = Builder(reader.text, False, None)
        value = builder.right_side(said, frozenset(), f"{line}({name})")
        if line == "outside":
            if not isinstance(value, Number):
                raise UnexpectedChar(
                    "what lies outside is a number",
                    reader.text,
                    (said.start, said.end),
                    fix=f"write outside({name}) = 0, another number, -∞, edge, wrap or mirror",
                )
            made.append(Outside(name, value))
            continue
        size = builder.sized_by(value, lambda letter: _axis(letter, found))
        if not measured(size) or (isinstance(size, Number) and (size.value < 0 or size.value.denominator > 1)):
            raise UnexpectedChar(
                "a range is a whole number, or made of sizes by +, -, / and floor",
                reader.text,
                (said.start, said.end),
                fix=f"write dim({name}) = dim(a, 1), dim({name}) = 28 or dim({name}) = 2 dim(a, 1) - 1",
            )
        made.append(Range(name, size))
    for n, (line, name, _, span) in enumerate(reader.lines):
        if any(other[:2] == (line, name) and made[k] is not made[n] for k, other in enumerate(reader.lines[:n])):
            raise DuplicateDefinition(
                f"{'that ' + name + ' is ' + line if line == 'symmetric' else f'{line}({name})'} is stated twice",
                reader.text,
                span,
                fix="keep one of the two lines",
            )
    return list(dict.fromkeys(made))


def concern(reader: Reader, found: Iterable[Equation]) -> None:
    """Refuse ``dim(z) = 3`` and ``outside(b) = 0`` of what stands in no equation. Errors: UnknownName.

    What is declared, ``spd(S)``, may be: one list of declarations can stand before several pages.
    """
    lines = [line for line in reader.lines if line[0] in ("dim", "outside", SORTED)]
    if not lines:
        return
    letters: dict[str, None] = {}
    tensors: dict[str, None] = {}
    for eq in found:
        letters |= dict.fromkeys((*eq.letters, *sorted(eq.value.free | eq.value.binds)))
        for e in (eq.target, *postorder(eq.value)):
            if isinstance(e, (Tensor, Dim)):
                name = e.name if isinstance(e, Tensor) else e.tensor
                tensors[name] = None
    derived = {other for name in tensors for other in (primal(name), moved(name))}  # of δa the facts of a are told
    for line, name, _, (start, end) in lines:
        what, known = ("index", letters) if line == "dim" else ("tensor", tensors)
        if name not in known and (line == "dim" or name not in derived):
            called = "indices" if line == "dim" else "tensors"
            near = among(name, known, called)
            at = reader.text.find(name, start + len(line), end)
            raise UnknownName(
                f"no {what} {name} stands in an equation",
                reader.text,
                (at, at + len(name)) if at >= 0 else (start, end),
                known=near["known"],
                fix=near["fix"] or "correct the name, or drop the line: it speaks of nothing",
            )


def _axis(letter: str, found: list[Equation]) -> Dim | None:
    """The first axis that a letter runs over: on a right side, or else on a left one."""
    for eq in found:
        if letter in eq.value.free | eq.value.binds and (axis := axis_of(eq.value, letter)) is not None:
            return axis
    for eq in found:
        for axis, s in enumerate(eq.target.subscripts):
            if isinstance(s, Index) and s.name == letter:
                return Dim(eq.name, axis)
    return None


def _check(text: object, convention: str) -> None:
    if not isinstance(text, str):
        raise UsageError(
            f"index notation is a string, not {type(text).__name__}", fix='write it in quotes: parse("z_j = a_i W_ij")'
        )
    if convention not in CONVENTIONS:
        raise UsageError(f'no convention "{convention}"', known="conventions: " + ", ".join(CONVENTIONS))


def _spread(value: Expr, lost: frozenset[str], tree: Tree) -> Expr:
    """The value for every one of these letters: what had them is 0, or cancelled, and tells how far they run."""
    sizes: dict[str, Expr | None] = {i: axis_written(tree, i) for i in lost}
    return value if None in sizes.values() else kept(value, sizes)


def _mismatch(text: str, target: Tensor, span: tuple[int, int], value: Expr, tree: Tree) -> None:
    letters = [s.name for s in target.subscripts if isinstance(s, Index)]
    missing = [c for c in letters if c not in value.free]
    if not missing:
        raise FreeIndexMismatch(
            f"{', '.join(sorted(value.free - target.free))} is neither summed nor on the left", text, span
        )
    c = missing[0]
    from_end = text.rfind(c, *span)
    if written(tree, c):
        raise FreeIndexMismatch(
            f"index {c} is on the left, and on the right in no term that is left: what has it is 0, or cancels",
            text,
            (from_end, from_end + len(c)) if from_end >= 0 else span,
            known=f"right side: {value}",
            fix=f"{target.name} is the same for every {c}: remove {c} from its left side",
        )
    has = " ".join(sorted(value.free)) or "none"
    raise FreeIndexMismatch(
        f"index {c} is on the left but in no term on the right",
        text,
        (from_end, from_end + len(c)) if from_end >= 0 else span,
        known=f"left: {' '.join(letters)}    right: {has}",
        fix=f"add {c} to a term on the right, or remove it from {target.name}",
    )


def _primal_sizes(target: Tensor) -> dict[str, Dim]:
    """Axes that the letters of a left side repeat: of what a derivative is of, of what a start is the start of."""
    axes = primal_axes(target)
    if axes is None:
        axes = [(target.name, k) for k in range(len(target.subscripts))] if target.letters is None else []
        return {s.name: Dim(*at) for s, at in zip(target.subscripts, axes, strict=False) if isinstance(s, Index)}
    return {i: Dim(name, k) for (name, k), i in zip(axes, target.letters or (), strict=False)}


def _scalar_targets(reader: Reader) -> frozenset[str]:
    """Names that stand alone on a left side."""
    found: set[str] = set()
    for k, kind in enumerate(reader.kinds[:-1]):
        if kind == "N" and reader.kinds[k + 1] == "=" and (k == 0 or reader.kinds[k - 1] == ";"):
            found.add(reader.texts[k])
    return frozenset(found)


def _no_conflict(reader: Reader) -> None:
    """A name is a tensor or a function, not both."""
    for name, span in reader.called.items():
        at = reader.names.get("δ" if name == "delta" else name)
        if at is not None:
            other = (reader.starts[at], reader.ends[at])
            raise NameConflict(
                f"{name} is used as a function and as a tensor",
                reader.text,
                max(span, other),
                fix=f"give one of them another name; a product is written with a space: {name} (x + y)",
            )


def _placed(e: TensorpropError, text: str, convention: str) -> TensorpropError:
    """The error of a whole System with the place that it speaks of."""
    if e.text is not None or not isinstance(e.about, tuple):
        return e
    number, node, *_ = cast("tuple[object, ...]", e.about)  # pyright: ignore[reportUnknownMemberType]
    spans: list[Spans] = []
    equations(text, convention, spans)
    if isinstance(number, int) and number < len(spans):
        span = spans[number].get(node)
        if span is not None:
            return e.at(text, span)
    return e
