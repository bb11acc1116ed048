"""What profiles and checkpoint policies see: the names of the page."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import pytest

import tensorprop as tp


def scopes(fn: object, *args: object) -> set[str]:
    """The names of equations in the compiled program's operations."""
    text = jax.jit(fn).lower(*args).compile().as_text()  # type: ignore[arg-type]
    names = re.findall(r'op_name="([^"]*)"', text)
    read = [n.encode("latin-1").decode("unicode_escape").encode("latin-1").decode("utf-8", "replace") for n in names]
    return {part for name in read for part in re.split(r"[/()]", name)}  # transpose(jvp(δp)) in one JAX, δp in another


def test_operations_bear_the_names_of_equations() -> None:
    page = "z_bj = x_bi W_ij; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2"
    g = tp.value_and_grad(page, wrt="W")
    found = scopes(lambda W, x, y: g({"W": W}, x=x, y=y), jnp.ones((3, 4)), jnp.ones((2, 3)), jnp.ones((2, 4)))
    assert {"z", "h", "E", "δz", "δW"} <= found
    f = tp.jax_function("p_j = softmax_j(z_j); r_j = sin(p_j)")
    assert {"p", "r", "δp", "δz"} <= scopes(jax.value_and_grad(lambda z: f(z).sum()), jnp.ones(3))


def test_checkpoint_policies_know_what_a_rule_saves(capsys: pytest.CaptureFixture[str]) -> None:
    f = tp.jax_function("p_j = softmax_j(z_j); r_j = sin(p_j); δp_j = δr_j cos(p_j); δz_j = δp_j p_j - p_j p_k δp_k")
    assert f.saved == ("p",)
    lines = {}
    for name in ("p", "q"):
        policy = jax.checkpoint_policies.save_only_these_names(name)
        kept = jax.checkpoint(lambda z: jnp.sin(f(z)).sum(), policy=policy)
        jax.ad_checkpoint.print_saved_residuals(kept, jnp.ones(3))
        lines[name] = len(capsys.readouterr().out.strip().split("\n"))
    assert lines == {"p": 2, "q": 1}
