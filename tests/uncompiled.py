"""Programs that a test runs once are done line by line, which takes less than compiling them.

``TENSORPROP_COMPILED=1`` compiles them all, as a user's call does; what XLA makes of a line is held in
tests/run/test_played.py.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from tensorprop.run.jax_played import Played


def uncompiled(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function of trees of arrays, traced as for ``jax.jit`` and not compiled."""
    if os.environ.get("TENSORPROP_COMPILED"):
        import jax

        return jax.jit(fn)
    return Played(fn)
