"""Random arrays that fit, and the naive evaluation that every comparison trusts."""
