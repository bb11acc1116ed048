"""Attention that looks back only, over all that was or over a window: mask, softmax and products written out."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.benchmarks.models import Model, model

ATTENTION = "S_htu = Q_htd K_hud / 8; {weights}; O_htd = P_htu V_hud; E = O_htd O_htd"
CAUSAL = {
    "brackets": "P_htu = [u ≤ t] exp(S_htu) / Σ_v [v ≤ t] exp(S_htv)",
    "where": "P_htu = softmax_u(where([t ≥ u], S_htu, -1e30))",
    "maximum by hand": "m_ht = max_u S_htu; e_htu = [t ≥ u] exp(S_htu - m_ht); Z_ht = Σ_u e_htu; P_htu = e_htu / Z_ht",
}
WINDOW = "P_htu = [u ≤ t] [t - u < 128] exp(S_htu) / Σ_v [v ≤ t] [t - v < 128] exp(S_htv)"


def _attention(p: Any, d: Any, window: int = 10**6) -> Any:
    size = p["Q"].shape[1]
    t, u = np.mgrid[:size, :size]
    scores = jnp.einsum("htd,hud->htu", p["Q"], p["K"]) / 8
    weights = jax.nn.softmax(jnp.where((u <= t) & (t - u < window), scores, -1e30))
    return jnp.sum(jnp.einsum("htu,hud->htd", weights, p["V"]) ** 2)


def masked() -> list[Model]:
    """Causal attention of 8 heads over 512 and 1024 places, in three spellings; a window of 128."""
    rng = np.random.default_rng(4)
    made: list[Model] = []
    for size in (512, 1024):
        p = {n: jnp.asarray(rng.normal(size=(8, size, 64)), jnp.float32) for n in "QKV"}
        for name, weights in CAUSAL.items():
            text = ATTENTION.format(weights=weights)
            made.append(model(f"causal attention by {name}, 8 heads, T {size}, d 64", text, _attention, p, {}))

        def near(p: Any, d: Any) -> Any:
            return _attention(p, d, 128)

        name = f"attention to 128 places, 8 heads, T {size}, d 64"
        made.append(model(name, ATTENTION.format(weights=WINDOW), near, p, {}))
    return made
