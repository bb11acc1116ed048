"""Products of two arrays that are not handed on as they are, against ``numpy.einsum``."""

from __future__ import annotations

import random
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.run.jax import JaxOperations
from tensorprop.run.jax_dots import as_matrices, as_sum, many_short
from tests.uncompiled import uncompiled


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("seed", range(40))
def test_operands_read_as_matrices_give_the_product(seed: int) -> None:
    r, rng = random.Random(seed), np.random.default_rng(seed)
    counts = [r.randint(0, 3) for _ in range(4)]
    letters = iter("abcdefghijkl")
    kept, summed, left, right = ("".join(next(letters) for _ in range(n)) for n in counts)
    size = {i: r.choice([1, 2, 3]) for i in kept + summed + left + right}
    one, other = (r.sample(part, len(part)) for part in (kept + summed + left, kept + summed + right))
    a, b = (rng.normal(size=[size[i] for i in axes]) for axes in (one, other))
    batch, over = ("".join(r.sample(part, len(part))) for part in (kept, summed))
    (s0, s1), (b0, b1) = ([tuple(map(axes.index, part)) for axes in (one, other)] for part in (over, batch))
    found = uncompiled(lambda a, b: as_matrices(a, b, (s0, s1), (b0, b1)))(a, b)
    own = "".join(i for i in one if i in left) + "".join(i for i in other if i in right)
    wanted = np.einsum(f"{''.join(one)},{''.join(other)}->{batch}{own}", a, b)
    assert np.shape(found) == wanted.shape
    bound = np.einsum(f"{''.join(one)},{''.join(other)}->{batch}{own}", abs(a), abs(b))
    assert (abs(found - wanted) <= (16 + 4 * np.sqrt(27)) * np.finfo(float).eps * bound).all()


def test_axes_are_read_as_one_where_they_are_many_and_short() -> None:
    few, short, long = jnp.ones((4, 4, 4)), jnp.ones((2,) * 6), jnp.ones((8,) * 5)
    assert many_short(few, short) and many_short(short, few)
    assert not many_short(few, few) and not many_short(long, few)
    assert many_short(few, jnp.ones((8, 3, 8, 8))) and not many_short(few, jnp.ones((8,) * 4))  # an index by division
    assert not many_short(few, jnp.ones((8, 3, 8, 8)), batch=True) and many_short(few, short, batch=True)
    program = str(
        jax.make_jaxpr(lambda a, b: JaxOperations().dot(a, b, ((0, 2, 4), (1, 2, 0)), ((), ())))(short, few[:2, :2, :2])
    )
    assert "dimension_numbers=(([2], [1]), ([0], [0]))" in program
    assert program.count("= transpose[") == program.count("= layout_constraint[") > 0


@pytest.mark.usefixtures("x64")
def test_a_matrix_of_few_entries_times_a_vector_is_a_sum_and_others_are_products() -> None:
    rng = np.random.default_rng(3)
    tensor, vector = rng.normal(size=(5, 70, 16)), rng.normal(size=70)
    other = rng.normal(size=(70, 9))
    for one, two, summed in (tensor, vector, ((1,), (0,))), (vector, tensor, ((0,), (1,))):
        made = as_sum(jnp.asarray(one), jnp.asarray(two), summed, ((), ()))
        assert made is not None
        bound = (16 + 4 * np.sqrt(70)) * np.finfo(float).eps * np.einsum("aib,i->ab", abs(tensor), abs(vector))
        assert (abs(np.asarray(made) - np.einsum("aib,i->ab", tensor, vector)) <= bound).all()
    assert as_sum(jnp.asarray(tensor), jnp.asarray(other), ((1,), (0,)), ((), ())) is None
    assert as_sum(jnp.asarray(vector), jnp.asarray(vector), ((0,), (0,)), ((), ())) is None
    for n in 2, 513:  # the one is cheap to compile, the other dear to run
        assert as_sum(jnp.ones((64, n)), jnp.ones(n), ((1,), (0,)), ((), ())) is None
    half = jnp.ones((64, 64), jnp.float16)  # is added up in single precision where it is a product
    assert as_sum(half, half[0], ((1,), (0,)), ((), ())) is None


@pytest.mark.usefixtures("x64")
def test_what_is_laid_as_matrices_is_mapped_and_differentiated() -> None:
    rng = np.random.default_rng(4)
    many, b, owed = rng.normal(size=(2, 3, 4, 2, 5, 3)), rng.normal(size=(3, 2, 3)), rng.normal(size=(4, 5))

    def f(a: Any) -> Any:
        return JaxOperations().dot(a, jnp.asarray(b), ((0, 2, 4), (2, 1, 0)), ((), ()))

    found = jax.vmap(f)(jnp.asarray(many))
    assert np.allclose(found, np.einsum("niajbk,kji->nab", many, b), rtol=1e-13, atol=1e-13)
    slope = jax.vmap(jax.grad(lambda a: jnp.sum(f(a) * owed)))(jnp.asarray(many))
    wanted = np.broadcast_to(np.einsum("ab,kji->iajbk", owed, b), many.shape)
    assert np.allclose(slope, wanted, rtol=1e-13, atol=1e-13)


def test_of_a_batch_of_products_the_larger_operand_is_read_as_it_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Scores and what is owed to them are larger than what they meet: no product of them sums over both their rows."""
    text = "S_bhtu = Q_bthd K_buhd; P_bhtu = softmax_u(S_bhtu); O_bthd = P_bhtu V_buhd; E = O_bthd G_bthd"
    arrays = {n: jnp.zeros((2, 16, 3, 4)) for n in "QKVG"}
    params = {n: arrays[n] for n in "QKV"}
    met: list[tuple[int, int]] = []

    class Asked(JaxOperations):
        def dot(self, a: Any, b: Any, summed: Any, batch: Any) -> Any:
            for side, x in enumerate((a, b)):
                if x.shape == (2, 3, 16, 16):
                    met.append((side, *summed[side]))
            return super().dot(a, b, summed, batch)

    monkeypatch.setattr(sys.modules["tensorprop.run.jax"], "JaxOperations", Asked)
    jax.make_jaxpr(tp.value_and_grad(text, "Q K V"))(params, G=arrays["G"])
    assert sorted(met) == [(0, 3), (0, 3), (1, 2), (1, 2)]
