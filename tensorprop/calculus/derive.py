"""Derivatives of one output: Jacobians, gradients, Hessians and higher, as one equation.

In: a System and the variables. Out: ``∂y_J/∂x_K = …`` in terms of the System's inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from tensorprop.calculus.outside import within
from tensorprop.calculus.projected import convention, projected
from tensorprop.calculus.pullback import entry, pullback
from tensorprop.calculus.simplify import known
from tensorprop.calculus.source import Source, as_forward, names_in
from tensorprop.calculus.stable import stable_expr
from tensorprop.calculus.tangent import Moved, forwards
from tensorprop.core.affine import difference
from tensorprop.core.build import ONE, ZERO, add, fresh
from tensorprop.core.equation import Equation, Fact, Outside, Range, System, equation, system
from tensorprop.core.expr import Call, Expr, Index, Tensor
from tensorprop.core.functions import FUNCTIONS
from tensorprop.core.names import derivative_name, primal_axes
from tensorprop.core.plane import complex_names, is_complex, real_part, squares
from tensorprop.core.ranges import infer, kept, size, spelled, told, unlimited
from tensorprop.core.terms import factors_of
from tensorprop.core.told import limit
from tensorprop.core.walk import dims_of, freshen, inline, postorder, tensors_of
from tensorprop.errors import ComplexConvention, IndexMismatch, RankMismatch, UnknownName, UsageError, among
from tensorprop.text.parse import parse_expression

__all__ = ["derive", "expanded"]


def derive(s: Source, wrt: str | Iterable[str], of: str | None = None, *, symmetry: str = "free") -> Equation | System:
    """``∂y_J/∂x_K``, with brackets for what only equal indices couple.

    The axes of the result are the function's indices, then each variable's. ``wrt`` is ``"x_k"``, or bare ``"x"``
    (letters are then chosen), or several for higher and mixed derivatives, differentiated from left to right.
    ``of`` names the output where the System has several; intermediates are put into the formula, and what that
    makes of softmaxes and logarithms is written in its stable form.

    A recurrence has no such formula: its derivative is a recurrence too, and the result a System with those of the
    equations that it needs, ``∂h_tj/∂x_k = … ∂h_{t-1,l}/∂x_k …; ∂h_{-1,j}/∂x_k = …``. So is a derivative that needs a
    line beside it: what lies outside of a tensor that it reads shifted, or how far a letter runs that nothing in it
    tells.

    ``symmetry`` says what the derivative by a matrix is of which something is declared, as in `adjoint`: ``"free"``,
    its entries as if they were independent, ``"projected"`` or ``"triangle"``; of each variable in turn.

    So a loss does not end as `explain` ends it, at ``σ(z_b) - t_b``, which loses all digits where σ is near t:

    >>> print(derive("L = -t_b log(σ(z_b)) - (1 - t_b) log(1 - σ(z_b))", wrt="z"))
    ∂L/∂z_k = σ(z_k) (1 - t_k) - σ(-z_k) t_k

    >>> print(derive("y = x_i A_ij x_j", wrt="x_k"))
    ∂y/∂x_k = (A_kj + A_jk) x_j
    >>> print(derive("y = x_i A_ij x_j", wrt=("x_k", "x_l")))
    ∂²y/∂x_k∂x_l = A_kl + A_lk
    >>> print(derive("y = x_i S_ij z_j; S_ij = S_ji", wrt="S", symmetry="projected"))
    ∂y/∂S_kl = 1/2 (x_k z_l + x_l z_k)
    """
    convention(symmetry)
    variables = names_in(wrt, "wrt")
    s = as_forward(s, *variables, of)
    name, whole = _output(s, of), s
    if s.only([name]).recurrent:
        if complex_names(s):
            raise ComplexConvention(
                f"{name} is defined by a recurrence, whose derivative by complex numbers is not written",
                fix="adjoint gives what is owed to them",
            )
        if symmetry != "free":
            raise UsageError(
                f'{name} is defined by a recurrence, of which derive has symmetry="free" alone',
                fix=f'adjoint(…, of="{name}", symmetry="{symmetry}") gives the gradient of a number',
            )
        return _sensitivities(s, name, variables)
    plane = complex_names(s)
    s = spelled(s.only([name]))
    letters, value = s[name].letters, expanded(s, name) if plane else stable_expr(expanded(s, name))
    if not variables:
        raise UsageError("wrt names no variable", fix=f"name one of {', '.join(s.inputs)}")
    done: list[tuple[str, tuple[str, ...]]] = []
    taken = list(letters)
    for text in variables:
        x = _variable(s, text, taken, value)
        axes = x.letters or ()
        taken += axes
        done.append((x.name, axes))
    # letters of the result may not be bound inside
    fixed: tuple[str, ...] = letters
    for x, axes in done:
        value = freshen(value, frozenset(taken))
        real = not plane or not is_complex(value, plane)
        if not real:
            _holomorphic(value, x, name, plane)
        value = squares(value, plane) if plane else value
        shares = pullback(value, ONE, fixed=frozenset(fixed), plane=plane)
        owed = [r for t, g in shares.items() if t.name == x for r in within(t, g, s.outside(x), fixed)]
        terms = [entry(t, g, axes, frozenset(fixed)) for t, g in owed]
        value = freshen(add(*terms), frozenset(taken))
        value = known(real_part(value, plane) if plane and real and x not in plane else value, whole.declared, plane)
        fixed += axes
        if symmetry != "free" and x in whole.declared:
            value = _projected(value, fixed, (x, axes), whole, symmetry, len(done))
    called = derivative_name(name, len(letters), [(x, len(axes)) for x, axes in done])
    target = Tensor(called, tuple(Index(i) for i in fixed))
    made = equation(target, _unlimited(value, target, whole) if whole.declared else value)
    _beside[made] = _beside.get(made, frozenset()) | frozenset(whole.inputs)
    return _told(made, s, name)


def _told(made: Equation, s: System, name: str) -> Equation | System:
    """The derivative of a tensor, with what lies outside of those that it reads shifted, and ranges that nothing tells.

    >>> print(derive("y_i = a_i x[i-1]; outside(x) = 0", wrt="a"))
    ∂y_i/∂a_k = δ_ik x[i-1]
    outside(x) = 0
    >>> print(derive("y_t = Σ_u [u ≤ t] x_u", wrt="x_k"))
    ∂y_t/∂x_k = [k ≤ t]
    dim(t) = dim(x, 0)
    """
    shifted = {t.name for t in tensors_of(made.value) if t.letters is None}
    facts: list[Fact] = [f for f in s.facts if isinstance(f, Outside) and f.tensor in shifted]
    if name not in system([made], facts).inputs:
        return system([made], facts) if facts else made
    ranges, eq = infer(s), s[name]
    others = set(made.letters).difference(eq.letters)
    lost: dict[str, Expr] = {}
    for i in eq.letters:
        far = ranges.reach_left(eq, i)
        tied = any(i in group and not others.isdisjoint(group) for group in told(made.value).ties)
        if far is not None and not tied and size(made.value, i) is None:
            lost |= {i: far} if not any(s.defines(d.tensor) for d in dims_of(far)) else {}
    if facts or not made.value.free.isdisjoint(lost):  # else it is the same all along y, however long that is
        facts += [Range(i, far) for i, far in lost.items()]
    return system([made], facts) if facts else made


def _holomorphic(value: Expr, x: str, name: str, plane: frozenset[str]) -> None:
    """Refuse the derivative of something complex that a complex number does not say: by conj, re, im, abs, angle."""
    for n in postorder(value):
        row = FUNCTIONS.get(n.function) if isinstance(n, Call) else None
        if row is None or row.plane in ("", "holomorphic") or not is_complex(n.children[0], plane):
            continue
        if any(t.name == x for t in tensors_of(n)):
            raise ComplexConvention(
                f"{name} is complex, and {row.name} of {x} in it is not holomorphic: no one number is its derivative",
                fix=f"derive re({name}) and im({name}), or ask adjoint for what is owed to {x}",
                about=n,
            )


def _projected(
    value: Expr, fixed: tuple[str, ...], by: tuple[str, tuple[str, ...]], s: System, how: str, order: int
) -> Expr:
    """A derivative by one variable in a convention; of an orthogonal matrix, whose tangents turn with it, the first."""
    name, axes = by
    if order > 1 and "orthogonal" in s.declared[name]:
        raise UsageError(
            f"along {name} the tangent turns with {name}: only the first derivative has a convention",
            fix='write symmetry="free" for higher ones',
        )
    return projected(equation(Tensor("∂", tuple(map(Index, fixed))), value), name, s, how, axes).value


def _unlimited(value: Expr, target: Tensor, s: System) -> Expr:
    """The value without bounds that say what the left side tells: ``∂y_i/∂x_k = δ_ik``, i as far as y is long."""
    ranges = infer(s)
    said: list[str] = []
    for i, (name, axis) in zip(target.letters or (), primal_axes(target) or (), strict=False):
        bounds = [n for f in factors_of(value) if (n := limit(f, i)) is not None]
        if bounds and not any(difference(ranges.named(n), ranges.size(name, axis)) for n in bounds):
            said.append(i)
    return unlimited(value, said)


def _sensitivities(s: System, name: str, variables: Sequence[str]) -> System:
    """The derivative of every tensor on the way, one equation each, by one variable after the other."""
    work = spelled(s.only([name]))
    taken = sorted({i for eq in work for i in (*eq.letters, *eq.value.free, *eq.value.binds)})
    origin: dict[str, tuple[str, list[tuple[str, int]]]] = {eq.name: (eq.name, []) for eq in work}
    target = work[name].target if work[name].place is None else Tensor(name, ())
    for text in variables:
        x = _variable(s, text, taken, ONE)
        axes = x.letters or ()
        taken = [*taken, *axes]
        work = system([equation(eq.target, freshen(eq.value, frozenset(axes))) for eq in work], work.facts)
        moved: dict[str, Moved] = {}
        for eq in work:
            base, done = origin[eq.name]
            called = derivative_name(base, s.rank(base), [*done, (x.name, len(axes))])
            moved[eq.name] = Moved(called, axes)
            origin[called] = base, [*done, (x.name, len(axes))]

        def own(t: Tensor, g: Expr, fixed: frozenset[str], x: Tensor = x, axes: tuple[str, ...] = axes) -> Expr:
            if t.name != x.name:
                return ZERO
            return add(*(entry(r, h, axes, fixed) for r, h in within(t, g, s.outside(t.name), fixed)))

        made, said = forwards(work, (x.name,), moved, own)
        rules = [eq for eq in made if not work.defines(eq.name)]
        target = moved[target.name].at(target.subscripts)
        if not any(eq.name == target.name for eq in rules):
            rules.append(equation(target, ZERO))
        work = system([*work, *rules], dict.fromkeys((*work.facts, *said)))
    return _needed(work, target)


def _needed(whole: System, target: Tensor) -> System:
    """The equations that the target needs; where one that is left out told how far its letters run, that is stated."""
    work = whole.only([target.name])
    lost = [name for name in work.inputs if whole.defines(name)]
    if not lost:
        return work
    ranges, said = infer(whole), list[Range]()
    for eq in work:
        for (name, axis), i in zip(primal_axes(eq.target) or (), eq.target.subscripts, strict=False):
            far = ranges.size(name, axis)
            if name in lost and isinstance(i, Index) and not any(whole.defines(d.tensor) for d in dims_of(far)):
                said.append(Range(i.name, far))
    clear = all(f.size is g.size for f in said for g in said if f.letter == g.letter)
    stated = system(work, dict.fromkeys((*work.facts, *said))) if clear else work
    left = [name for name in stated.inputs if whole.defines(name)]
    return whole.only([target.name, *left]) if left else stated


_beside: WeakKeyDictionary[Equation, frozenset[str]] = WeakKeyDictionary()


def beside(eq: Equation) -> frozenset[str]:
    """The inputs of the equations from which a derivative came: they may be passed to it, needed or not.

    >>> d = derive("r_i = A_ij x_j - b_i; E = r_i r_i", wrt="x_k x_l")
    >>> print(d, sorted(beside(d)))
    ∂²E/∂x_k∂x_l = 2 A_il A_ik ['A', 'b', 'x']
    """
    return _beside.get(eq, frozenset())


def expanded(s: System, name: str) -> Expr:
    """The right side of ``name`` with every intermediate put in, over its equation's letters."""
    need = s.only([name])
    full: dict[str, tuple[tuple[str, ...], Expr]] = {}
    for eq in need.ordered:
        value = eq.value if eq.name == name else _ranged(eq, s)
        full[eq.name] = (eq.letters, freshen(inline(value, full), frozenset(eq.letters)))
    return full[name][1]


def _ranged(eq: Equation, s: System) -> Expr:
    """The right side, which tells how far the letters of the left run where a line of the System alone does.

    Of ``y_w = [w = 2x+u] a_x K_u; dim(w) = 9`` nothing is left that tells it, once y is put in elsewhere.
    """
    lost = [i for i in eq.letters if size(eq.value, i) is None]
    if not lost:
        return eq.value
    ranges = infer(s)
    far = {i: n for i in lost if (n := ranges.reach_left(eq, i)) is not None}
    return kept(eq.value, {i: n for i, n in far.items() if not any(s.defines(d.tensor) for d in dims_of(n))})


def _output(s: System, of: str | None) -> str:
    if of is not None:
        s[of]
        return of
    if len(s.outputs) != 1:
        raise UsageError(
            f"these equations have {len(s.outputs)} outputs: {', '.join(s.outputs)}",
            fix=f'say which one: of="{s.outputs[-1]}"' if s.outputs else "define something",
        )
    return s.outputs[0]


def _variable(s: System, text: str, taken: list[str], value: Expr) -> Tensor:
    """The variable as a tensor with letters of its own."""
    x = parse_expression(text, free=None) if "_" in text or "[" in text else Tensor(text.strip(), ())
    if not isinstance(x, Tensor):
        raise UsageError(f"{text} is not a tensor with indices", fix='write "x_k", or bare "x"')
    if x.name not in s.names:
        raise UnknownName(
            f"no tensor {x.name} in these equations",
            **among(x.name, s.names),
        )
    if s.defines(x.name):
        raise UsageError(
            f"{x.name} is defined by an equation, and derive() puts it in",
            fix=f"differentiate with respect to an input: {', '.join(s.inputs)}; for ∂E/∂{x.name} use adjoint()",
        )
    rank = s.rank(x.name) if x.name in s.names else 0
    if not x.subscripts and rank:
        avoid = set(taken) | value.free | value.binds
        letters: list[str] = []
        for _ in range(rank):
            letters.append(fresh("j", avoid))
            avoid.add(letters[-1])
        return Tensor(x.name, tuple(Index(i) for i in letters))
    if len(x.subscripts) != rank:
        raise RankMismatch(f"{x.name} has {rank} axes, {text} has {len(x.subscripts)} indices")
    names = x.letters
    if names is None or len(set(names)) != len(names) or set(names) & set(taken):
        raise IndexMismatch(
            f"the variable {text} needs letters of its own",
            known=f"in use: {' '.join(taken)}" if taken else None,
            fix=f'write other letters, or bare "{x.name}" and letters are chosen',
        )
    return x
