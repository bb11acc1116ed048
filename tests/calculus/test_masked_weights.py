"""The weights of a softmax under a mask are read by their name, and masks beside them are left out, rows without an
entry included."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import stabilise, unmasked

RULE = "δe_ts = p_ts (δp_ts - Σ_u p_tu δp_tu)"
REST = "o_tk = p_ts v_sk; E = o_tk g_tk"
MASKS = {
    "lengths": ("[{s} < n_t]", lambda s, t, d: s < d["n"][t]),
    "a table": ("[m_t{s} = 1]", lambda s, t, d: d["m"][t, s] == 1),
    "two": ("[{s} ≤ t] [t < {s} + 2]", lambda s, t, d: s <= t < s + 2),
    "lengths and order": ("[{s} < n_t] [{s} ≤ t]", lambda s, t, d: s <= t and s < d["n"][t]),
}


@pytest.mark.parametrize("name", MASKS)
def test_rules_of_masked_weights(name: str) -> None:
    mask, holds = MASKS[name]
    page = f"p_ts = {mask.format(s='s')} exp(e_ts) / Σ_u {mask.format(s='u')} exp(e_tu); {REST}"
    s = stabilise(tp.parse(page))
    rules = unmasked(s, tp.adjoint(s, ("e", "v")))
    assert str(rules["δe"]) == RULE
    rng = np.random.default_rng(2)
    T, S, K = 4, 4, 2
    data: dict[str, Any] = {"g": rng.normal(size=(T, K)), "n": np.array([3, 0, 1, 4])}
    data["m"] = np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1]])
    params = {"e": rng.normal(size=(T, S)), "v": rng.normal(size=(S, K))}

    def naive(p: Any) -> Any:
        total = 0.0
        for t in range(T):
            here = [s for s in range(S) if holds(s, t, data)]
            weights = [jnp.exp(p["e"][t, s]) for s in here]
            for s, w in zip(here, weights, strict=True):
                total += jnp.dot(w / sum(weights) * p["v"][s], data["g"][t])
        return total

    given = {n: a for n, a in data.items() if n in s.inputs}
    with jax.enable_x64(True):
        value, grads = tp.value_and_grad(page, wrt=("e", "v"))(params, **given)
        other, slopes = jax.value_and_grad(naive)(params)
    np.testing.assert_allclose(value, other, rtol=1e-13)
    for k in params:
        np.testing.assert_allclose(grads[k], slopes[k], rtol=1e-12, atol=1e-14)


def test_a_mask_inside_alone_stays_where_a_row_may_have_no_entry() -> None:
    s = tp.parse(f"p_ts = softmax_s(where(s < n_t, e_ts, -1e30)); {REST}")
    assert str(unmasked(s, tp.adjoint(s, "e"))["δe"]) == f"δe_ts = [s < n_t] {RULE.removeprefix('δe_ts = ')}"
