"""The types that functions of arrays give, for annotations: nothing of this is imported while a program runs."""

from __future__ import annotations

from jax import Array

__all__ = ["Array"]
