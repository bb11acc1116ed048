"""A function to be read, and at which shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A function, and its arguments; ``smooth``: whether it has a gradient that numbers can be compared with."""

    name: str
    fn: Callable[..., Any]
    args: str
    smooth: bool = True
