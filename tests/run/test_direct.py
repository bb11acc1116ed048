"""Operations asked of ``lax`` directly are those of ``jax.numpy``: the same program, dtype by dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run import jax_direct
from tensorprop.run.jax import JaxOperations

PAIRS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "multiply": (jax_direct.multiply, jnp.multiply),
    "divide": (jax_direct.divide, jnp.divide),
    "add": (jax_direct.add, jnp.add),
    "subtract": (jax_direct.subtract, jnp.subtract),
}


def operands() -> list[Any]:
    """Arrays of all kinds that meet in a program, weak ones too, and Python's numbers."""
    real = [jnp.ones(shape, jnp.float32) for shape in ((2, 3), (2, 1), (), (3,))]
    wide = [jnp.ones((2, 3), d) for d in (jnp.bfloat16, jnp.float16, jnp.complex64, jnp.int32, jnp.bool_)]
    weak = [jnp.asarray(0.5), jnp.asarray(2)]
    return [*real, *wide, *weak, 2, 0.1, 0, 1e-42, 3e39, 2**31 - 1]


def program(f: Callable[..., Any], *args: Any) -> tuple[str, list[Any]]:
    """What a function of the arrays among its arguments lowers to, and what comes out."""
    arrays = [a for a in args if isinstance(a, jax.Array)]

    def of(*given: Any) -> Any:
        left = iter(given)
        return f(*(next(left) if isinstance(a, jax.Array) else a for a in args))

    traced = jax.jit(of).trace(*arrays)
    kinds = [(v.aval.shape, v.aval.dtype, v.aval.weak_type) for v in traced.jaxpr.jaxpr.outvars]
    return traced.lower().as_text().partition("\n")[2], kinds


@pytest.mark.parametrize("name", PAIRS)
def test_two_operands_come_to_the_program_of_jax_numpy(name: str) -> None:
    direct, promoted = PAIRS[name]
    some, others = operands(), operands()
    taken = 0
    for a in some:
        for b in others:
            if (pair := jax_direct.alike(a, b)) is not None:
                taken += 1
                assert program(direct, a, b) == program(promoted, a, b), (a, b, pair)
    assert taken > 30


def test_what_is_to_be_promoted_is_left_to_jax_numpy() -> None:
    ones = jnp.ones((2, 3), jnp.float32)
    for other in (jnp.ones((2, 3), jnp.bfloat16), jnp.ones(3), jnp.asarray(0.5), jnp.ones((2, 3), int), True, 1j, 3e39):
        assert jax_direct.alike(ones, other) is None and jax_direct.alike(other, ones) is None
    assert jax_direct.alike(ones.astype(jnp.bfloat16), 0.1) is None  # rounded twice by JAX
    assert jax_direct.multiply(ones, ones.astype(jnp.bfloat16)).dtype == jnp.float32


def test_numbers_are_rounded_as_jax_rounds_them(x64: None) -> None:
    for kind in (np.float32, np.float64):
        like = jnp.ones((), kind)
        for c in (0.1, 1 / 3, 2**30 + 1, 123456789, -0.7):
            pair = jax_direct.alike(like, c)
            assert pair is not None and pair[1].dtype == kind and pair[1] == jnp.asarray(c, kind)
    a = jnp.asarray(np.linspace(0.1, 3, 6).reshape(2, 3))
    for name, (direct, promoted) in PAIRS.items():
        assert program(direct, a, 1 / 3)[1] == program(promoted, a, 1 / 3)[1], name
        assert np.array_equal(direct(a, 1 / 3), promoted(a, 1 / 3)), name


def test_sums_products_and_negatives_are_the_programs_of_jax_numpy() -> None:
    ops = JaxOperations(jnp.float32)
    for kind in (jnp.float32, jnp.bfloat16, jnp.float16, jnp.int32, jnp.bool_):
        a = jnp.ones((2, 3, 4), kind)
        assert program(lambda x: ops.sum(x, (0, 2)), a) == program(lambda x: jnp.sum(x, (0, 2)), a)
        if kind != jnp.bool_:
            assert program(ops.negative, a) == program(jnp.negative, a)


def test_a_root_below_is_one_over_it_beside() -> None:
    """`x / sqrt(v)` multiplies by what one array holds; of numbers that are known, and of other powers, is divided."""
    x, v = jnp.arange(1.0, 7.0).reshape(2, 3), jnp.asarray([4.0, 9.0])
    text = "y_bi = x_bi / sqrt(v_b); z_bi = x_bi y_bi / (sqrt(v_b))^3; w_bi = x_bi / sqrt(2) / v_b"
    f = tp.compile(text, outputs=("y", "z", "w"), jit=False)
    program = str(jax.make_jaxpr(lambda x, v: f(x=x, v=v))(x, v))
    assert program.count("= rsqrt ") == 1 and "= sqrt " not in program and program.count("= div ") <= 2
    made = f(x=x, v=v)
    root = np.sqrt(np.asarray(v))[:, None]
    y = np.asarray(x) / root
    for name, wanted in {"y": y, "z": x * y / root**3, "w": x / np.sqrt(2) / v[:, None]}.items():
        np.testing.assert_allclose(made[name], wanted, rtol=1e-6)
    at_zero = f(x=x, v=jnp.zeros(2))["y"]
    assert np.isinf(np.asarray(at_zero)).all()
