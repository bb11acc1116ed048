"""Formulas in vectors and matrices, read: as people write them, in LaTeX, and as NumPy code."""
