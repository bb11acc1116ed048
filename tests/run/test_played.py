"""Programs of JAX played line by line: what XLA computes, of the same shapes and dtypes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.run.jax_played import Played

K = np.array([2, 0, 1, 1, 2])
AT = np.array([0, 1, 2, 3, 3])


def spd(x: Any) -> Any:
    return x @ x.T + 2 * jnp.eye(3)


ENTRYWISE: dict[str, Callable[[Any], Any]] = {
    "functions": lambda x: [f(x) for f in (jnp.exp, jnp.expm1, jnp.sin, jnp.tan, jnp.sinh, jnp.tanh, jnp.arcsinh)],
    "of positive numbers": lambda x: [f(abs(x)) for f in (jnp.log, jnp.log1p, jnp.sqrt, jax.lax.rsqrt, jnp.cbrt)],
    "signs": lambda x: (jnp.sign(x), jnp.ceil(x), jnp.floor(x), jnp.trunc(x), jnp.round(2 * x), jax.lax.round(2 * x)),
    "powers": lambda x: (x**3, x**-2, x**5, abs(x) ** 2.5, jnp.exp2(x), jax.lax.pow(jnp.float32(x), np.int32(3))),
    "sigmoid": lambda x: (jax.nn.sigmoid(100 * x), jax.nn.softplus(x), jax.nn.gelu(x), jax.nn.relu(x), jax.nn.silu(x)),
    "special": lambda x: (jax.scipy.special.erf(x), jax.lax.lgamma(abs(x))),
    "whole numbers": lambda x: (lambda k: (k // 2, k % 3, -k, jax.lax.div(k, 0 * k + 2)))(jnp.int32(3 * x)),
    "conversions": lambda x: (jnp.float32(x) * 2, jnp.int32(9 * x), x != 0, jnp.bool_(jnp.round(x)), x % 0.7),
    "choices": lambda x: (jnp.where(x > 0, x, 0), jnp.clip(x, -0.1, 0.4), jnp.select([x > 1, x > 0], [x, 2 * x], -x)),
    "logic": lambda x: (jnp.any(x > 0, 1) & ~jnp.all(x > 0, 1), (x > 0) ^ (x < 1), jnp.isfinite(x / 0)),
    "two": lambda x: (jnp.arctan2(x, x[::-1]), jnp.logaddexp(x, x[0]), jnp.maximum(x, 0.2), jnp.minimum(x, x[1])),
    "complex": lambda x: ((x + 1j * x) * jnp.conj(x * 1j), abs(x + 2j * x), jnp.real((x + 1j) ** 2), jnp.imag(1j * x)),
    "gradient of abs of complex": jax.grad(lambda x: jnp.abs(x + 2j * x).sum()),
    "nan and infinity": lambda x: (jnp.max(x / 0, 1), jnp.maximum(x, jnp.nan), jnp.sign(x - jnp.nan)),
}
SHAPES: dict[str, Callable[[Any], Any]] = {
    "axes": lambda x: (x.T, x.reshape(2, 6), x[::-1], x[:, 1:3], x[::2, ::-1], x[:, None], jnp.squeeze(x[:1])),
    "reshape in an order": lambda x: jax.lax.reshape(x, (2, 6), (1, 0)),
    "put together": lambda x: (jnp.concatenate([x, 2 * x], 1), jnp.stack([x, -x], 1)),
    "taken apart": lambda x: (jnp.unstack(x), jnp.split(x, [1, 1, 3], 1)),
    "pads": lambda x: (jnp.pad(x, ((1, 2), (0, 3)), constant_values=2.0), jnp.pad(x, 1, mode="edge")),
    "pads within": lambda x: [
        jax.lax.pad(x, 0.5, c) for c in (((-1, 2, 1), (2, -3, 2)), ((-3, -1, 2), (-2, -4, 3)), ((0, 0, 1), (-5, 2, 0)))
    ],
    "masks": lambda x: (jnp.tril(x), jnp.triu(x, 1), jnp.eye(3, 4), jnp.arange(4) * x, jax.nn.one_hot(K, 4)),
    "slices that move": lambda x: (
        jax.lax.dynamic_slice(x, (0, 3), (2, 2)), jax.lax.dynamic_update_slice(x, x[:2, :2], (5, -1)),
        jax.lax.dynamic_slice_in_dim(x, jnp.int32(-1), 2),
    ),
}  # fmt: skip
SUMS: dict[str, Callable[[Any], Any]] = {
    "sums": lambda x: (x.sum(), x.sum(0), x.prod(1), x.max(0), x.min(), jnp.var(x), jnp.float32(x).sum()),
    "of nothing": lambda x: (jnp.max(x[:, :0], 1, initial=-1.0), x[:0].sum(0), x[:0].prod(0)),
    "along": lambda x: (jnp.cumsum(x, 1), jnp.cumprod(x, 0), jax.lax.cummax(x, 1), jax.lax.cummin(x, 0, reverse=True)),
    "log-sums along": lambda x: jax.lax.cumlogsumexp(x, 1),
    "places of the largest": lambda x: (jnp.argmax(x, 1), jnp.argmin(x, 0), jnp.argmax(jnp.zeros(3))),
    "products": lambda x: [jnp.einsum(s, x, x) for s in ("ij,kj->ik", "ij,ik->jk", "ij,ij->j", "ij,kl->ijkl")],
    "gradient of tanh": jax.grad(lambda x: jnp.tanh(x).sum()),
    "batches": lambda x: jnp.einsum("aij,akj->kai", jnp.stack([x, x + 1]), jnp.stack([x, 2 * x])),
    "softmax": lambda x: (jax.nn.softmax(x), jax.nn.logsumexp(x, 0), jnp.median(x, 1), jnp.mean(x)),
}
PLACES: dict[str, Callable[[Any], Any]] = {
    "entries": lambda x: (x[K], x[K, AT], x[:, AT], x[jnp.newaxis, K[:2], 1:3], x[-1, K[0]]),
    "entries outside": lambda x: (
        jnp.take(x, jnp.array([0, 7]), 1), jnp.take(x, jnp.array([0, 7, -1]), 0, mode="clip"),
        x.at[jnp.array([0, 9])].get(mode="fill", fill_value=3.0), jnp.int32(x).at[jnp.array([0, 9])].get(mode="fill"),
    ),
    "a row's own": lambda x: jax.vmap(lambda r, i: r[i])(x, jnp.array([0, 2, 1])),
    "gradient of a row's own": jax.grad(lambda x: jax.vmap(lambda r, i: jnp.sin(r[i]))(x, jnp.array([0, 2, 1])).sum()),
    "gradient of entries": jax.grad(lambda x: jnp.sin(x[K] * x[K, AT, None]).sum()),
    "put": lambda x: (x.at[K, AT].add(1.0), x.at[1:3].set(2.0), x.at[K].multiply(2.0), x.at[:, K].max(0.3)),
    "put outside": lambda x: (x.at[jnp.array([0, 9])].add(1.0), x.at[jnp.array([0, 9])].add(1.0, mode="clip")),
    "put the least": lambda x: x.at[K[:3], 1].min(-0.2),
    "sorted": lambda x: (jnp.sort(x), jnp.argsort(x, 0), jax.lax.top_k(x, 2)),
    "sorted with others": lambda x: jax.lax.sort((jnp.round(x), x, -x), num_keys=1),
    "sorted by two": lambda x: jax.lax.sort((jnp.round(x), x, -x), num_keys=2),
    "sorted with no number": lambda x: jnp.sort(x.at[0, 0].set(jnp.nan)),
    "gradient of sorted": jax.grad(lambda x: (jnp.take_along_axis(x, jnp.argsort(x, 1), 1) ** 3).sum()),
}  # fmt: skip
CONTROL: dict[str, Callable[[Any], Any]] = {
    "scan": lambda x: jax.lax.scan(lambda c, a: (c + a, c * a), x[0], x),
    "scan backwards": lambda x: jax.lax.scan(lambda c, a: (c + a, c * a), x[0], x, reverse=True),
    "scan of no rows": lambda x: jax.lax.scan(lambda c, _: (jnp.sin(c), c), x[0], None, length=3),
    "gradient of a scan": jax.grad(lambda x: jax.lax.scan(lambda c, a: (jnp.tanh(c * a + x[1]), c), x[0], x)[0].sum()),
    "count": lambda x: jax.lax.fori_loop(0, 5, lambda i, c: c * x[0, i % 3], x[0]),
    "while": lambda x: jax.lax.while_loop(lambda c: c.sum() < 5, lambda c: c + 1, x),
    "cond": lambda x: (jax.lax.cond(x.sum() < 99, jnp.sin, jnp.cos, x), jax.lax.switch(9, [jnp.sin, jnp.exp], x)),
    "checkpoint": jax.grad(jax.checkpoint(lambda x: jnp.sin(x @ x.T).sum())),
    "jacobian": jax.jacfwd(lambda x: jnp.tanh(x @ x.T)),
    "hessian": jax.hessian(lambda x: jax.nn.logsumexp(x * x)),
    "linear algebra": lambda x: (jnp.linalg.inv(spd(x)), jnp.linalg.cholesky(spd(x)), jnp.linalg.slogdet(spd(x))),
    "gradient of a determinant": jax.grad(lambda x: jnp.linalg.det(spd(x))),
    "windows": lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (2, 2), (1, 1), "VALID"),
    "convolution": lambda x: jnp.convolve(x[0], x[1]),
    "random": lambda x: (jax.random.normal(jax.random.key(0), (3,)), jax.random.normal(jax.random.PRNGKey(1), (9,))),
}
TABLES = {"entrywise": ENTRYWISE, "shapes": SHAPES, "sums": SUMS, "places": PLACES, "control": CONTROL}


@pytest.mark.parametrize("table", TABLES)
def test_what_is_played_is_what_xla_computes(table: str, x64: None) -> None:
    x = np.random.default_rng(0).normal(size=(3, 4))
    compiled = jax.jit(lambda x: {name: f(x) for name, f in TABLES[table].items()})(x)
    for name, f in TABLES[table].items():
        ours, theirs = jax.tree.leaves(Played(f)(x)), jax.tree.leaves(compiled[name])
        for a, b in zip(ours, theirs, strict=True):
            b = np.asarray(b)
            assert isinstance(a, np.ndarray) and (a.dtype, a.shape) == (b.dtype, b.shape), name
            close = 1e-6 if b.dtype == np.float32 else 1e-12
            np.testing.assert_allclose(a, b, rtol=close, atol=close, err_msg=name)


def test_it_is_traced_once_for_each_shape_dtype_and_told_argument() -> None:
    seen: list[Any] = []

    def f(n: int, tree: dict[str, Any]) -> Any:
        seen.append((n, tree["x"].shape, str(tree["x"].dtype)))
        return tree["x"] * n

    played = Played(f, static=1)
    for n, size, dtype in ((2, 3, "float32"), (2, 3, "float32"), (3, 3, "float32"), (2, 4, "float32"), (2, 3, "int32")):
        np.testing.assert_array_equal(played(n, {"x": np.ones(size, dtype)}), n * np.ones(size, dtype))
    assert seen == [(2, (3,), "float32"), (3, (3,), "float32"), (2, (4,), "float32"), (2, (3,), "int32")]


def test_arguments_by_name() -> None:
    assert Played(lambda x, *, y: x - y)(np.float32(3), y=np.float32(1)) == 2


def test_narrow_numbers_are_added_up_in_wide_ones() -> None:
    x = jnp.full((1000,), 0.1, jnp.bfloat16)
    for f in (jnp.sum, jnp.max, jnp.argmax, lambda x: x @ x, jax.grad(lambda x: jnp.tanh(x * x).sum())):
        ours, theirs = Played(f)(x), f(x)
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(np.float32(ours), np.float32(theirs), rtol=2**-7)


def test_a_long_loop_is_handed_on() -> None:
    total = Played(lambda x: jax.lax.fori_loop(0, 30_000, lambda i, c: c + x, 0 * x))(np.float32(1))
    assert total == 30_000


def test_what_the_function_says_is_said() -> None:
    with pytest.raises(TypeError, match="incompatible shapes"):
        Played(lambda x: x[:2] + x)(np.ones(3, np.float32))
