"""A hand-written backward rule, from the page into JAX and back: python examples/a_rule_in_jax.py

Attention with the rule of fused kernels, which needs the output in place of the sum over all keys. It is proved, then
installed, so that ``jax.grad`` uses it; a function that somebody wrote is held against the same page; and the equations
of a model that is plain JAX are read from it.
"""

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp


class Attention(tp.Layer):
    """Causal attention: position t looks at all u ≤ t. p is made anew on the way back, as kernels do."""

    forward = """
        s_tu = q_td k_ud / sqrt(dim(d))
        p_tu = [u ≤ t] exp(s_tu) / Σ_v [v ≤ t] exp(s_tv)
        o_te = p_tu v_ue
    """
    backward = """
        δv_ue = p_tu δo_te
        δs_tu = p_tu (v_ue δo_te - δo_te o_te)      # the textbook's sum over all keys is δo · o
        δq_td = δs_tu k_ud / sqrt(dim(d))
        δk_ud = δs_tu q_td / sqrt(dim(d))
    """


# 1. Proved for arrays of all sizes, and compared with jax.vjp entry by entry.
report = tp.check(Attention)
print(report, "\n")
assert report.proved

# 2. Installed: jax.grad takes these rules. Only q, k, v and o are kept for the way back, nothing of T × T entries.
attend = tp.jax_function(Attention, save=("q", "k", "v", "o"))
draw = np.random.default_rng(0)
q, k, v = (jnp.asarray(draw.normal(size=(4, 16, 8)), jnp.float32) for _ in range(3))


def loss(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """The mean square of the attention of a batch."""
    return jnp.mean(jax.vmap(lambda q, k, v: attend(q=q, k=k, v=v))(q, k, v) ** 2)


gradients = jax.jit(jax.grad(loss, (0, 1, 2)))(q, k, v)
print("gradients of", *(g.shape for g in gradients), "\n")


# 3. What somebody wrote, held against the page: here a kernel whose rule forgets the scale in δk.
@jax.custom_vjp
def kernel(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
    """Attention as a function of q, k, v."""
    return attend(q=q, k=k, v=v)


def forward(q: jax.Array, k: jax.Array, v: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """The value, and what the way back needs."""
    return kernel(q, k, v), (q, k, v)


def backward(kept: tuple[jax.Array, ...], cotangent: jax.Array) -> tuple[jax.Array, ...]:
    """The rule, with a slip."""
    q, k, v = kept
    dq, dk, dv = jax.vjp(lambda *a: attend(**dict(zip("qkv", a, strict=True))), q, k, v)[1](cotangent)
    return dq, dk * jnp.sqrt(q.shape[-1]), dv


kernel.defvjp(forward, backward)
found = tp.check(kernel, against=Attention)
print(found, "\n")
assert [f.tensor for f in found.findings] == ["k"]


# 4. Existing code as equations, and from there to everything else.
def network(W: jax.Array, b: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """Softmax regression as people write it."""
    logp = jax.nn.log_softmax(x @ W + b)
    return -jnp.mean(jnp.sum(y * logp, axis=-1))


page = tp.from_jax(network, *(jax.ShapeDtypeStruct(s, jnp.float32) for s in ((5, 3), (3,), (7, 5), (7, 3))))
print(page, tp.adjoint(page, wrt=("W", "b")), tp.formula(page), sep="\n\n")
