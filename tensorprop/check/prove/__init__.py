"""Equal for arrays of all sizes? Canonical forms, the laws of functions, exact evaluation in finite fields."""
