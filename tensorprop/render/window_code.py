"""Code of convolutions: ``np.correlate``, or windows laid side by side and one ``einsum``.

In: the equation of a convolution and an array library. Out: an expression, or NoCode. Whether it gives what the
equation says is tried elsewhere.
"""

from __future__ import annotations

from tensorprop.core.affine import form
from tensorprop.core.equation import Equation
from tensorprop.core.expr import Index, Sum, Tensor
from tensorprop.core.terms import factors_of
from tensorprop.render.code import identifier
from tensorprop.render.entries_code import NoCode
from tensorprop.render.snippet import ArrayLibrary

__all__ = ["window_code"]


def window_code(eq: Equation, to: ArrayLibrary, real: bool = True) -> str:
    """The right side of a convolution as code.

    >>> from tensorprop.render.snippet import NUMPY
    >>> from tensorprop.text import parse
    >>> window_code(parse("y_x = a[x+u] K_u")["y"], NUMPY)
    'np.correlate(a, K, "valid")'
    >>> window_code(parse("y_bx = a[b, x+u] K_u")["y"], NUMPY)
    'np.einsum("bxu,u->bx", a[:, np.arange(a.shape[1] - K.shape[0] + 1)[:, None] + np.arange(K.shape[0])], K)'

    Errors: NoCode where entries outside of the array are read, or letters are words.
    """
    factors = factors_of(eq.value.body if isinstance(eq.value, Sum) else eq.value)
    a, k = sorted((f for f in factors if isinstance(f, Tensor)), key=lambda t: t.letters is not None)
    own = k.letters or ()
    if any(len(i) > 1 or not i.isascii() for i in (*own, *eq.letters, *a.free)):
        raise NoCode("its letters are words, and an einsum takes single ones")
    image, kernel = identifier(a.name), identifier(k.name)
    spec: list[str] = []
    text = image
    for axis, s in reversed([*enumerate(a.subscripts)]):
        if isinstance(s, Index):
            spec.insert(0, s.name)
            continue
        parts = {p.name: c for p, c in form(s).items() if isinstance(p, Index)}
        if any(c < 0 for c in parts.values()):
            raise NoCode("entries outside of an array are read")
        x, u = sorted(parts, key=lambda i: i in own)
        long = f"{kernel}.shape[{own.index(u)}]"
        places = f"{to.call('arange')}({image}.shape[{axis}] - {long} + 1)[:, None] + {to.call('arange')}({long})"
        text += f"[{':, ' * axis}{places}]"
        spec.insert(0, x + u)
    if len(a.subscripts) == len(own) == 1 and to.prefix != "torch" and real:
        return f'{to.call("correlate")}({image}, {kernel}, "valid")'
    return f'{to.call("einsum")}("{"".join(spec)},{"".join(own)}->{"".join(eq.letters)}", {text}, {kernel})'
