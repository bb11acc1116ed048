"""What a gradient does with parameters that are kept in one vector. How they lie in it is said in `run.jax_packed`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorprop.run.jax_packed import Packed

__all__ = ["Packing"]


class Packing:
    """A callable ``g(params, **data)`` whose parameters may be packed."""

    def packed(self, params: Any) -> Packed:
        """The same function of one vector that holds all parameters, so that a call hands over one array.

        ``params``, any tree of arrays of one dtype, says where each lies. A step of many small parameters spends its
        time on handing them over; one vector takes that once, and an optimiser updates it in one go.

        Errors: UsageError for a leaf that is no array of real numbers, or where they differ in dtype.

        >>> import numpy as np
        >>> from tensorprop.run import value_and_grad
        >>> g = value_and_grad("z_j = x_i W_ij + b_j; E = 1/2 z_j z_j", wrt="W b")
        >>> p = g.packed({"W": np.ones((2, 2)), "b": np.zeros(2)})
        >>> E, slopes = p(p.vector, x=np.array([1.0, 2.0]))
        >>> float(E), slopes.shape, p.unpack(slopes)["W"].tolist()
        (9.0, (6,), [[3.0, 3.0], [6.0, 6.0]])
        """
        from tensorprop.run.jax_packed import Packed

        return Packed(self, params)
