"""Rules in JAX: a page of rules as a JAX function that differentiates by them."""
