"""A row of the table of functions, and one of the table of reductions: the fields that they have, and what each says.

In: strings in the notation, code for NumPy and JAX. Out: rows, which ``core.functions`` puts into tables.
"""

from __future__ import annotations

__all__ = ["ARGUMENTS", "Function", "Reduction"]

ARGUMENTS = {0: (), 1: ("x",), 2: ("x", "w"), 3: ("c", "x", "w")}


class Function:
    """``y = name(x)`` with its slopes ∂y/∂x, one per argument, each a string that may name x, w and y.

    ``means`` is the function in terms of simpler ones; ``unfolds`` the same for proofs, over the few to which all are
    brought (see ``check.prove.unfold``), where that is another form, and ``-`` for one of the few.
    ``domain`` is where it is real and smooth (everywhere if empty), ``kink`` what its slope is taken to be where it has
    none or two: that of JAX, except for abs.
    ``parity`` is "odd" or "even"; ``sign`` is sign(y), in the notation; ``rises`` says that y grows with x.
    ``numpy`` and ``jax`` are code with {} for the arguments, {0} where there is one; ``code`` is the name that both
    have; where all are empty, the code of what the function means is printed. ``primitive`` is JAX's own name of it in
    a traced program, ``also`` are other spellings, ``shown`` is the sign with which it is printed for people.
    ``plane`` says of complex x: "holomorphic", and the slope is the one of real x; or what x is owed where y is owed g,
    in the pairing Re(g dy) = Re(… dx); refused if empty. ``onto_reals``: y is real also where x is not.

    >>> Function("tanh", "1 - y²", means="sinh(x) / cosh(x)", parity="odd").slopes
    ('1 - y²',)
    """

    __slots__ = (
        *("also", "domain", "jax", "kink", "means", "name", "numpy", "onto_reals", "parity", "plane", "primitive"),
        *("rises", "shown", "sign", "slopes", "unfolds"),
    )

    def __init__(
        self,
        name: str,
        *slopes: str,
        means: str = "",
        unfolds: str = "",
        domain: str = "",
        kink: str = "",
        parity: str = "",
        sign: str = "",
        rises: bool = False,
        code: str = "",
        numpy: str = "",
        jax: str = "",
        primitive: str = "",
        also: str = "",
        shown: str = "",
        plane: str = "",
        onto_reals: bool = False,
    ) -> None:
        self.name = name
        self.plane = plane
        self.onto_reals = onto_reals
        self.slopes = slopes
        self.means = means
        self.unfolds = "" if unfolds == "-" else unfolds or means
        self.domain = domain
        self.kink = kink
        self.parity = parity
        self.sign = sign
        self.rises = rises
        self.numpy = numpy or (f"np.{code}({{}})" if code else "")
        self.jax = jax or (f"jnp.{code}({{}})" if code else "")
        self.primitive = primitive
        self.also = tuple(also.split())
        self.shown = shown or name

    @property
    def arguments(self) -> tuple[str, ...]:
        """The letters that stand for the arguments in the row."""
        return ARGUMENTS[len(self.slopes)]

    def __repr__(self) -> str:
        return f"Function({', '.join(map(repr, (self.name, *self.slopes)))})"


class Reduction:
    """``y = op_u(x_u)`` and the cotangent of x_u, given the cotangent g of y.

    ``kind`` is "reduction", which takes its indices away, "normaliser", which keeps them, or "matrix", a function of a
    whole matrix. ``entry`` is, for a normaliser, the cotangent of x_u given that of the one entry a alone, ``slope``
    the derivative ∂y/∂x_u (∂y_v/∂x_u), for people. ``means`` is the reduction in terms of simpler ones, ``kink`` what
    is done where the derivative has none or two values: what JAX does. ``empty`` says that it has a value of no
    numbers at all, ``single`` that it runs over one index. ``passes`` is how often it goes over its argument.
    ``axes`` says of a function of a matrix X_uv over which of the two each subscript of its entries runs: "uu" for an
    inverse, "vu" for a pseudoinverse, "v" for singular values, none for a determinant. ``square``: X has as many
    rows as columns. ``domain`` is where it is defined and smooth.
    ``numpy`` and ``jax`` are code: {0} and {1} are the argument as a term and alone, {2} the axis. ``holomorphic``: it
    may be taken of complex numbers too. ``turns``: f(Xᵀ) is f(X)ᵀ, which for a number is f(X).

    >>> Reduction("logsumexp", "g exp(x_u - y)", means="log(Σ_u exp(x_u))").pullback
    'g exp(x_u - y)'
    """

    __slots__ = (
        *("also", "axes", "domain", "empty", "entry", "holomorphic", "jax", "kind", "kink", "means"),
        *("numpy", "op", "passes", "pullback", "single", "slope", "square", "turns"),
    )

    def __init__(
        self,
        op: str,
        pullback: str,
        *,
        kind: str = "reduction",
        entry: str = "",
        slope: str = "",
        means: str = "",
        kink: str = "",
        empty: bool = False,
        passes: int = 1,
        single: bool = False,
        axes: str = "",
        square: bool = True,
        domain: str = "",
        code: str = "",
        numpy: str = "",
        jax: str = "",
        also: str = "",
        holomorphic: bool = False,
        turns: bool = False,
    ) -> None:
        self.op = op
        self.turns = turns
        self.holomorphic = holomorphic
        self.pullback = pullback
        self.kind = kind
        self.entry = entry
        self.slope = slope
        self.means = means
        self.kink = kink
        self.empty = empty
        self.passes = passes
        self.single = single
        self.axes = axes
        self.square = square
        self.domain = domain
        self.numpy = numpy or (f"np.{code}({{1}}{{2}})" if code else "")
        self.jax = jax or (f"jnp.{code}({{1}}{{2}})" if code else "")
        self.also = tuple(also.split())

    def __repr__(self) -> str:
        return f"Reduction({self.op!r}, {self.pullback!r})"
