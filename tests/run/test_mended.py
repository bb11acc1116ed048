"""Trees of many operands: near the best that is known, the same every time, and never a cost that explodes."""

from __future__ import annotations

import math
import random

import pytest

import tensorprop as tp
from tensorprop.run.mended import mended
from tensorprop.run.path import contraction_path

Network = tuple[list[tuple[str, ...]], tuple[str, ...], dict[str, int]]


def flops(network: Network, path: list[tuple[int, int]]) -> float:
    """Multiplications, pair by pair, worked out on sets of letters."""
    operands, out, sizes = network
    now = [set(o) for o in operands]
    total = 0.0
    for one, other in path:
        pair = now[one] | now[other]
        rest = [o for k, o in enumerate(now) if k not in (one, other)]
        total += math.prod(sizes[i] for i in pair)
        now = [*rest, pair & set(out).union(*rest)]
    assert len(now) == 1
    return total


def train(n: int, batch: int = 256) -> Network:
    """The value of a tensor train at every point of a batch; the best is one core after the other."""
    operands: list[tuple[str, ...]] = []
    for k in range(n):
        operands += [("b", f"p{k}"), (f"p{k}", *([f"r{k - 1}"] if k else []), *([f"r{k}"] if k < n - 1 else []))]
    return operands, ("b",), {i: batch if i == "b" else 6 if i[0] == "p" else 8 for o in operands for i in o}


def regular(n: int, seed: int) -> Network:
    """Tensors with three axes each, tied at random."""
    ends = [v for v in range(n) for _ in range(3)]
    random.Random(seed).shuffle(ends)
    operands: list[tuple[str, ...]] = [()] * n
    for k in range(0, len(ends), 2):
        for v in set(ends[k : k + 2]):
            operands[v] = (*operands[v], f"x{k}")
    return operands, (), {i: 3 for o in operands for i in o}


def test_a_batch_of_a_train_goes_core_by_core() -> None:
    network = train(20)
    best = 256 * (20 * 6 + 18 * 6 * 64)  # the inputs taken in, the chain goes on at 64 a step: the cheaper of two ways
    assert flops(network, contraction_path(*network)) <= 1.15 * best


@pytest.mark.parametrize("seed", range(4))
def test_a_tree_is_made_no_dearer_and_stays_a_tree(seed: int) -> None:
    network = regular(18, seed)
    operands, out, sizes = [frozenset(o) for o in network[0]], frozenset(network[1]), network[2]
    plain = [(0, 1)] * (len(operands) - 1)
    made = mended(operands, out, sizes, plain)
    assert flops(network, made) < 0.5 * flops(network, plain)
    assert made == mended(operands, out, sizes, plain)


def test_an_empty_axis_and_one_of_length_one() -> None:
    operands = [(f"a{k}", f"a{k + 1}") for k in range(12)]
    sizes = {f"a{k}": k % 3 for k in range(13)}
    assert len(contraction_path(operands, ("a0", "a12"), sizes)) == 11


def test_the_matrix_is_read_as_it_lies() -> None:
    g = tp.value_and_grad("y_b = x_bi w_i; E = y_b y_b", wrt="w x")
    assert [s.spec for s in tp.plan(g.system, {"b": 5, "i": 7}).steps if "x" in s.by and s.spec][:1] == ["bi,i->b"]
    assert "b,bi->i" in [s.spec for s in tp.plan(g.system, {"b": 5, "i": 7}).steps]
