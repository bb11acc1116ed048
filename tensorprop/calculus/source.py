"""What a verb may be given: text, an einsum spec, an Equation, a System, a page with rules in any spelling, a layer.

In: any of these. Out: a `Page`, or a System. There are two ways to take a page that has backward rules on it, and every
verb says which is its own: verbs that work on equations as they stand (``compile``, ``plan``, ``formula``,
``simplify``) take every line, verbs that differentiate (``adjoint``, ``derive``, ``explain``, ``value_and_grad``) the
forward lines.
A layer gives its forward equations to both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, cast

from tensorprop.calculus.page import Page, lines_of, read, sides
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Call, Expr, Tensor
from tensorprop.core.names import adjoint_name, labelled, primal
from tensorprop.core.walk import postorder, tensors_of, transform
from tensorprop.errors import CircularDefinition, TensorpropError, UsageError
from tensorprop.text import parse, parse_einsum
from tensorprop.text.specs import is_spec

__all__ = ["Source", "as_forward", "as_page", "as_system", "lone_rules", "names_in"]


class HasSystem(Protocol):
    """A layer, and whatever else has equations."""

    @property
    def system(self) -> System: ...


Source = str | Equation | System | HasSystem | type[HasSystem]


def as_page(x: Any, convention: str = "strict") -> Page:
    """The page that is meant: lines for a δ (or ∂E/∂x) are backward rules, the others the forward pass.

    >>> as_page("z_j = a_i W_ij; δa_i = W_ij δz_j").rules[0].name
    'δa'
    """
    if isinstance(x, str):
        return Page(parse_einsum(x)) if is_spec(x) else read(x, convention=convention)
    if isinstance(x, System):
        return read(x)
    if isinstance(x, Equation):
        return read(system([x]))
    x = _made(x)
    page, forward, rules = (getattr(x, name, None) for name in ("page", "system", "rules"))
    if isinstance(page, Page):
        return page
    if isinstance(forward, System):
        return Page(forward, rules.equations if isinstance(rules, System) else ())
    raise _stranger(x)


def as_system(x: Any, convention: str = "strict") -> System:
    """The equations that are meant, as they stand: every line of a text, also its backward rules.

    A text in the textbook's shorthand has its names spelled out; a layer gives its forward equations.

    >>> print(as_system("z_j = a_i W_ij; a_i = tanh(z_i); δ_i = W_ij δ_j (1 - a_i^2)"))
    z^(k+1)_j = a_i W_ij
    a_i = tanh(z^(k)_i)
    δz^(k)_i = W_ij δz^(k+1)_j (1 - a_i^2)
    """
    if isinstance(x, System):
        return x
    if isinstance(x, Equation):
        return system([x])
    if isinstance(x, str):
        if is_spec(x):
            return parse_einsum(x)
        try:
            return parse(x, convention=convention)
        except CircularDefinition as circle:
            return _spelled(x, convention, circle).whole
    inner = getattr(_made(x), "system", None)
    if isinstance(inner, System):
        return inner
    raise _stranger(x)


def as_forward(x: Any, *named: str | None, convention: str = "strict") -> System:
    """The equations that are differentiated: those of the forward pass, where backward rules stand beside them.

    Where one of the names that are asked for is that of a δ, or of what is made of one, the rules themselves are
    differentiated, and all lines are taken; so they are where there is no forward equation.

    >>> print(as_forward("z_j = a_i W_ij; δa_i = W_ij δz_j"))
    z_j = a_i W_ij
    """
    if isinstance(x, str) and not is_spec(x):
        try:
            s = parse(x, convention=convention)
        except CircularDefinition as circle:
            return _spelled(x, convention, circle).system
    else:
        s = as_system(x)
    if any(name[:1] in "δ∂" for name in named if name):
        return s
    forward, back = sides(s.equations)
    if forward and any(eq.name in named for eq in back):
        return s
    return read(s).system if forward and back else s


def lone_rules(text: str, convention: str = "strict") -> System | None:
    """The backward rules of a text that has no forward pass, their names spelled out; None where it has one.

    A bare δ is that of the tensor of which a slope is taken, and what has other letters is of the next layer.

    >>> print(lone_rules("δ_i = W_ij δ_j f′(z_i)"))
    δz^(k)_i = W_ij δz^(k+1)_j f′(z^(k)_i)
    """
    mine, theirs = sides(lines_of(text, convention))
    return None if mine or not theirs else system([_layered(eq) for eq in theirs])


def _layered(eq: Equation) -> Equation:
    """A rule in which one letter stands for the tensors of two layers, these told apart."""
    slopes = [n for n in postorder(eq.value) if isinstance(n, Call) and "′" in n.function]
    inside = {t.name for n in slopes for t in n.args if isinstance(t, Tensor) and t.letters == eq.letters}
    bare = eq.name == "δ"
    twice = any(t.name == eq.name and t.letters != eq.letters for t in tensors_of(eq.value))
    if not (bare or twice) or (bare and len(inside) != 1):
        return eq
    stem = inside.pop() if bare else primal(eq.name)

    def rule(n: Expr) -> Expr:
        if not isinstance(n, Tensor) or n.name not in ("δ", stem, adjoint_name(stem)):
            return n
        name = labelled(stem, "k" if n.letters == eq.letters else "k+1")
        return Tensor(name if n.name == stem else adjoint_name(name), n.subscripts)

    target = rule(eq.target)
    assert isinstance(target, Tensor)
    return equation(target, transform(eq.value, rule))


def _spelled(text: str, convention: str, circle: CircularDefinition) -> Page:
    """The page of a text that is a circle as it stands; the circle's own error where that does not help."""
    try:
        return read(text, convention=convention)
    except CircularDefinition:
        raise circle from None


def _made(x: Any) -> Any:
    """An object of the class of a layer, where the class is given."""
    return x() if isinstance(x, type) and hasattr(x, "forward") else x


def _stranger(x: Any) -> TensorpropError:
    kind = "the class" if isinstance(x, type) else "the function"
    what = f"{kind} {x.__name__}" if callable(x) and hasattr(x, "__name__") else type(x).__name__
    return UsageError(
        f"equations are needed here, not {what}",
        known=f"given: {x!r:.60}",
        fix='write them as text, "z_j = a_i W_ij", or pass a System, an Equation or a Layer',
    )


def names_in(x: object, option: str = "names") -> tuple[str, ...]:
    """Several names, as every verb takes them: ``"W b"``, ``"W, b"`` or a sequence; subscripts hold together.

    >>> names_in("W, b"), names_in("x_k x[in, out]"), names_in(["W", "b"])
    (('W', 'b'), ('x_k', 'x[in, out]'), ('W', 'b'))

    Errors: UsageError for what is no name.
    """
    if isinstance(x, str):
        return _split(x)
    found: list[str] = []
    for name in cast("Iterable[object]", x) if isinstance(x, Iterable) else (x,):
        if not isinstance(name, str):
            raise UsageError(
                f"{option} names tensors, and {name!r:.40} is no name",
                fix=f'write {option}="W b" or {option}=("W", "b")',
            )
        found.append(name)
    return tuple(found)


def _split(text: str) -> tuple[str, ...]:
    """The words of a text, parted by spaces and commas that stand in no bracket."""
    words, depth = [""], 0
    for c in text:
        depth += (c in "[({") - (c in "])}")
        if depth <= 0 and (c.isspace() or c == ","):
            words.append("")
        else:
            words[-1] += c
    return tuple(word for word in words if word)
