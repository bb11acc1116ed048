"""All gradients of a product and the product share one tree: each pair is multiplied once; the values are einsum's."""

from __future__ import annotations

import math
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp

TRAIN = "bijkl,ipv,vjqw,wkrx,xls->bpqrs"
MANY = "bi,ip,bj,pjq,bk,qkr,bl,rls,bm,smt,bn,nt->b"
CASES = [
    (TRAIN, 5),
    ("bijk,ir,jr,kr,or->bo", 5),
    ("bi,bj,ijk,kl->bl", 4),
    ("bi,ij,jk,kl,lo->bo", 5),
    (MANY, 12),
]  # fmt: skip


@pytest.mark.parametrize("spec, n", CASES, ids=[c[0] for c in CASES])
def test_all_gradients_of_a_product(spec: str, n: int, x64: None) -> None:
    left, out = spec.split("->")
    terms = left.split(",")
    names = [f"A{k}" for k in range(n)]
    size = {c: 2 + k % 3 for k, c in enumerate(sorted(set(spec) - set(",->")))}
    rng = np.random.default_rng(0)
    arrays = {a: jnp.asarray(rng.normal(size=[size[c] for c in t])) for a, t in zip(names, terms, strict=True)}
    product = " ".join(f"{a}_{t}" for a, t in zip(names, terms, strict=True))
    text = f"Y_{out} = {product}; E = Σ_{out} tanh(Y_{out})"
    g = tp.value_and_grad(text, wrt=names)
    value, slopes = g(arrays)
    want, expected = jax.value_and_grad(lambda p: jnp.sum(jnp.tanh(jnp.einsum(spec, *(p[a] for a in names)))))(arrays)
    np.testing.assert_allclose(value, want, rtol=1e-12)
    for a in names:
        np.testing.assert_allclose(slopes[a], expected[a], rtol=1e-11, atol=1e-12)
    program = str(jax.make_jaxpr(g)(arrays))
    # a product of n has n - 1 pairs, and the way back two for each of them
    assert program.count("dot_general[") <= 3 * (n - 1)


def test_entries_that_are_moved_count() -> None:
    """The tree of fewest flops (4.0e8) multiplies the large operand four times; one of 5.4e8 only twice."""
    from tensorprop.run.pairs import order
    from tensorprop.run.product import Contraction
    from tensorprop.run.values import Value, Values

    class Apart:
        def identity(self, a: object) -> int:
            return id(a)

    spec, out = "bijklmn,ipv,vjqw,wkrx,xlsy,ymtz,znu->bpqrstu".split("->")
    sizes = {"b": 64, **dict.fromkeys("ijklmnpqrstu", 4), **dict.fromkeys("vwxyz", 8)}
    p = Contraction(frozenset(out), sizes)
    p.sizes = sizes
    axes = [tuple(t) for t in spec.split(",")]
    values = [Value(np.empty([sizes[c] for c in t], bool), t) for t in axes]
    large = frozenset("b")
    touched = 0
    for first, second in order(Values(Apart()), p, values):  # type: ignore[arg-type]
        pair = [axes[first], axes[second]]
        axes = [a for k, a in enumerate(axes) if k not in (first, second)]
        keep = frozenset(out).union(*axes)
        axes.append(tuple(c for c in dict.fromkeys(pair[0] + pair[1]) if c in keep))
        touched += any(large <= set(a) for a in pair)
    assert touched == 2


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(("n", "made"), [(48, False), (24, True)], ids=["a pass over much", "over little"])
def test_what_is_a_number_times_another_is_not_made_for_a_small_product(n: int, made: bool) -> None:
    """δR = 2 R of E = R_ijk R_ijk: the products with it are a fraction of its size, and take the number themselves."""
    rng = np.random.default_rng(2)
    arrays = {name: rng.normal(size=(n, 4)) for name in "ABC"}
    tensor = rng.normal(size=(n, n, n))
    step = tp.value_and_grad("R_ijk = T_ijk - A_ir B_jr C_kr; E = R_ijk R_ijk", wrt=("A", "B", "C"))
    program = jax.jit(lambda p, t: step(p, T=t)).lower(arrays, tensor).compile().as_text()
    numbers = re.findall(r"= f64\[([\d,]+)\]\S* broadcast\(%constant", program)  # of what an array is multiplied by
    wide = [shape for shape in numbers if math.prod(map(int, shape.split(","))) == n**3]
    assert bool(wide) == made
    value, grads = step(arrays, T=tensor)
    rest = tensor - np.einsum("ir,jr,kr->ijk", *arrays.values())
    np.testing.assert_allclose(value, np.sum(rest * rest), rtol=1e-12)
    for name, spec in {"A": "ijk,jr,kr->ir", "B": "ijk,ir,kr->jr", "C": "ijk,ir,jr->kr"}.items():
        others = [a for k, a in arrays.items() if k != name]
        wanted, bound = -2 * np.einsum(spec, rest, *others), 2 * np.einsum(spec, abs(rest), *map(abs, others))
        assert (abs(grads[name] - wanted) <= (16 + 4 * n) * np.finfo(float).eps * bound).all()


def test_what_is_divided_among_many_is_divided_before_it_is_summed() -> None:
    """δR = 2 R / n in half precision: the sum of R itself is beyond its range, and its mean is not."""
    tensor, a, b = (jnp.full(shape, n, jnp.float16) for shape, n in (((64, 4096), 68), ((64, 4), 1), ((4096, 4), 1)))
    step = tp.value_and_grad("R_ij = T_ij - A_ir B_jr; E = mean_ij(R_ij^2)", wrt="A")
    slopes = np.asarray(step({"A": a}, T=tensor, B=b)[1]["A"], float)
    np.testing.assert_allclose(slopes, -2 * 64 / 64, rtol=5e-3)


@pytest.mark.usefixtures("x64")
def test_a_sum_of_outer_products_is_not_spread_over_their_letters() -> None:
    """``(B_ir A_pq + A_ir B_pq) x_r x_p x_q`` had an array of all i, r, p, q; differences of entries stay together."""
    text = "E = Σ_b tanh((Σ_ij x_bi A_ij x_bj) (Σ_ij x_bi B_ij x_bj))"
    rng = np.random.default_rng(12)
    p = {"A": rng.normal(size=(9, 9)) / 9, "B": rng.normal(size=(9, 9)) / 9, "x": rng.normal(size=(4, 9))}
    program = jax.make_jaxpr(tp.value_and_grad(text, [*p]))(p)
    assert "9,9,9" not in str(program)
    value, slopes = tp.value_and_grad(text, [*p])(p)

    def plain(p: Any) -> Any:
        a, b = (jnp.einsum("bi,ij,bj->b", p["x"], p[n], p["x"]) for n in "AB")
        return jnp.sum(jnp.tanh(a * b))

    wanted, backs = jax.value_and_grad(plain)(p)
    assert np.isclose(value, wanted, rtol=1e-14)
    for n in p:
        np.testing.assert_allclose(slopes[n], backs[n], rtol=1e-11, atol=1e-14)
    far = "d_nk = Σ_i (x_ni - c_ki)^2; E = d_nk d_nk"  # of points far away, close to one another
    x, c = (1e6 + rng.normal(size=(n, 3)) for n in (5, 4))
    _, slopes = tp.value_and_grad(far, "c")({"c": c}, x=x)
    back = jax.grad(lambda c: jnp.sum(jnp.sum((x[:, None] - c) ** 2, -1) ** 2))(c)
    np.testing.assert_allclose(slopes["c"], back, rtol=1e-10)
