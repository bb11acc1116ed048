"""JAX code read as equations: a function is traced, recognised, and written as a person would."""
