"""Random products: up to six factors of order two and less always get a formula; order three falls back cleanly."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprop.check.verbs import formula
from tensorprop.core.build import mul, sum_over, tensor
from tensorprop.core.equation import System, equation, system


@st.composite
def products(draw: st.DrawFn, order: int = 2, hard: bool = False) -> System:
    """A product of tensors. Not hard: built by joining, so that some order of multiplying needs two indices at most."""
    names = iter("ABCDEFGHJK")
    if hard:
        letters = "ijkl"
        factors = [
            tensor(next(names), *draw(st.lists(st.sampled_from(letters), min_size=1, max_size=order)))
            for _ in range(draw(st.integers(1, 4)))
        ]
        value = mul(*factors)
        free = sorted(value.free)
        kept = draw(st.permutations(free))[: draw(st.integers(0, min(4, len(free))))]
    else:
        chain = [draw(st.sampled_from("ij"))]
        factors = []
        for n in range(draw(st.integers(1, 6))):
            here = chain[-1]
            match draw(st.sampled_from(["step", "back", "vector", "twice", "scalar", "loop"])):
                case "step":
                    chain.append("ijklmnp"[(n + 1) % 7])
                    factors.append(tensor(next(names), here, chain[-1]))
                case "back":
                    chain.append("ijklmnp"[(n + 1) % 7])
                    factors.append(tensor(next(names), chain[-1], here))
                case "vector":
                    factors.append(tensor(next(names), here))
                case "twice" if len(chain) > 1:
                    factors.append(tensor(next(names), chain[-2], here))
                case "loop":
                    factors.append(tensor(next(names), here, here))
                case _:
                    factors.append(tensor(next(names)))
        value = mul(*draw(st.permutations(factors)))
        ends = sorted(value.free & {chain[0], chain[-1]})
        kept = draw(st.permutations(ends))[: draw(st.integers(0, len(ends)))]
    return system([equation(tensor("out", *kept), sum_over(sorted(value.free - set(kept)), value))])


@given(products())
@settings(max_examples=150, deadline=None)
def test_a_product_of_matrices_always_has_a_formula(s):
    found = formula(s)  # raises WrongFormula where it is not the einsum
    assert found.kind == "matrix", (str(s), found.why)
    assert found.latex and found.typst and found.numpy and found.jax


@given(products(order=3, hard=True))
@settings(max_examples=100, deadline=None)
def test_higher_orders_fall_back_cleanly(s):
    found = formula(s)
    assert str(found)
    assert (found.kind == "index") == bool(found.why)


@given(products(), st.sampled_from(["column", "row"]), st.sampled_from(["rows", "columns"]))
@settings(max_examples=100, deadline=None)
def test_every_layout_is_right(s, layout, samples):
    assert str(formula(s, layout, samples=samples))
