"""Formulas and derivations for people. Nothing here is computed on numbers."""

from __future__ import annotations

from tensorprop.render.formula import Formula
from tensorprop.render.notation import as_latex

__all__ = ["Formula", "as_latex"]
