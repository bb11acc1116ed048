"""Products of 26 to 200 tensors: the order that is planned, and value and gradients, against jnp.einsum's default."""

from __future__ import annotations

import importlib.util
import math
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from tensorprop.run.path import contraction_path
from tests.benchmarks.models import Model, model


class Contracted(NamedTuple):
    """Letters of operands and result, and sizes; ``most``: the length of axes with which it is run, if it is."""

    name: str
    operands: tuple[tuple[str, ...], ...]
    out: tuple[str, ...]
    sizes: dict[str, int]
    most: int = 0


def _chain(n: int) -> Contracted:
    r = random.Random(1)
    sizes = {f"a{k}": r.choice((21, 30, 64, 100, 128, 200, 256, 400, 511)) for k in range(n + 1)}
    ends = tuple((f"a{k}", f"a{k + 1}") for k in range(n))
    return Contracted(f"chain of {n} matrices", ends, ("a0", f"a{n}"), sizes, 64)


def _states(n: int) -> Contracted:
    """Two matrix product states, one on the other."""
    r, operands = random.Random(2), list[tuple[str, ...]]()
    for s in "bc":
        operands += [(f"p{k}", *([f"{s}{k - 1}"] if k else []), *([f"{s}{k}"] if k < n - 1 else [])) for k in range(n)]
    sizes = {i: 11 if i[0] == "p" else r.randint(11, 127) for o in operands for i in o}
    return Contracted(f"inner product of states on {n} sites", tuple(operands), (), sizes, 12)


def _regular(n: int, degree: int, lengths: Sequence[int], seed: int, most: int = 0) -> Contracted:
    """Every tensor is tied to as many others, chosen at random."""
    r = random.Random(seed)
    while True:
        ends = [v for v in range(n) for _ in range(degree)]
        r.shuffle(ends)
        ties = [*zip(ends[::2], ends[1::2], strict=True)]
        if all(a != b for a, b in ties) and len({frozenset(t) for t in ties}) == len(ties):
            break
    operands: list[tuple[str, ...]] = [()] * n
    for k, tie in enumerate(ties):
        for v in tie:
            operands[v] = (*operands[v], f"x{k}")
    sizes = {f"x{k}": r.choice(lengths) for k in range(len(ties))}
    name = f"random network, {n} tensors of {degree} axes of {min(lengths)} to {max(lengths)}"
    return Contracted(name, tuple(operands), (), sizes, most)


def _lattice(rows: int, columns: int, lengths: Sequence[int], seed: int, most: int = 0) -> Contracted:
    r, near = random.Random(seed), dict[tuple[int, int], list[str]]()
    squares = [(i, j) for i in range(rows) for j in range(columns)]
    for i, j in squares:
        for other in ((i + 1, j), (i, j + 1)):
            if other in squares:
                for at in ((i, j), other):
                    near.setdefault(at, []).append(f"x{i}.{j}.{other[0]}".replace(".", "o"))
    operands = tuple(tuple(near[at]) for at in squares)
    sizes = {i: r.choice(lengths) for o in operands for i in o}
    return Contracted(
        f"lattice {rows} × {columns}, axes of {min(lengths)} to {max(lengths)}", operands, (), sizes, most
    )


def _queens(n: int, colours: int, most: int = 0) -> Contracted:
    """A table for each two squares of a board from which queens see one another; letters stand in many tables."""
    squares = [(i, j) for i in range(n) for j in range(n)]

    def seen(a: tuple[int, int], b: tuple[int, int]) -> bool:
        return a[0] == b[0] or a[1] == b[1] or abs(a[0] - b[0]) == abs(a[1] - b[1])

    pairs = [(a, b) for k, a in enumerate(squares) for b in squares[k + 1 :] if seen(a, b)]
    operands = tuple(tuple(f"x{i}{j}" for i, j in pair) for pair in pairs)
    return Contracted(
        f"queens {n} × {n}, {colours} colours", operands, (), {i: colours for o in operands for i in o}, most
    )


def _sentences(words: int, seed: int, batch: int) -> Contracted:
    """A likelihood: a tree of bilinear maps over words, which have a batch of sentences in common."""
    r, operands, sizes = random.Random(seed), list[tuple[str, ...]](), {"b": batch}
    ends: list[str] = []
    for k in range(words):
        operands.append(("b", f"w{k}"))
        sizes[f"w{k}"] = r.choice((11, 16, 32))
        ends.append(f"w{k}")
    for k in range(words - 1):
        one, other = ends.pop(r.randrange(len(ends))), ends.pop(r.randrange(len(ends)))
        operands.append((f"t{k}", one, other))
        sizes[f"t{k}"] = 16
        ends.append(f"t{k}")
    return Contracted(f"likelihood of {words} words, batch {batch}", (*operands, (ends[0],)), ("b",), sizes, 0)


NETWORKS = (
    _chain(100),
    _states(100),
    _lattice(5, 6, (2, 3, 4), 5, 4),
    _lattice(10, 10, (2, 3), 6),
    _regular(26, 3, (8,), 1, 8),
    _regular(34, 5, (2, 3, 4, 5, 6), 1, 2),
    _regular(40, 3, (5,), 3, 5),
    _regular(75, 4, (2, 3), 2),
    _regular(60, 3, (3,), 5, 3),
    _regular(150, 3, (2, 3, 4, 5), 3),
    _regular(200, 3, (2, 3), 4),
    _queens(4, 5, 4),
    _queens(5, 3),
    _sentences(20, 1, 200),
    _sentences(42, 2, 1900),
)


def multiplications(network: Contracted, path: Iterable[tuple[int, int]], sizes: dict[str, int] | None = None) -> float:
    """Those of all pairs of a path."""
    length = sizes or network.sizes
    now, total = [set(o) for o in network.operands], 0.0
    for one, other in path:
        both = now[one] | now[other]
        rest = [o for k, o in enumerate(now) if k not in (one, other)]
        total += math.prod(float(length[i]) for i in both)
        now = [*rest, both & set(network.out).union(*rest)]
    return total


def _default(network: Contracted) -> float:
    import opt_einsum

    letters = {i: opt_einsum.get_symbol(k) for k, i in enumerate(network.sizes)}
    spec = ",".join("".join(letters[i] for i in o) for o in network.operands)
    spec += "->" + "".join(letters[i] for i in network.out)
    shapes = [tuple(network.sizes[i] for i in o) for o in network.operands]
    path: Any = opt_einsum.contract_path(spec, *shapes, shapes=True, optimize="auto")[0]
    pairs: list[tuple[int, int]] = []
    for step in path:  # several at once are taken from the left
        first, *more = sorted(step)
        pairs += [(first, more[0])] if more else []
    return multiplications(network, pairs)


def _cotengra(network: Contracted, budget: float) -> float | None:
    if importlib.util.find_spec("cotengra") is None:
        return None
    cotengra: Any = __import__("cotengra")
    search = cotengra.HyperOptimizer(
        minimize="flops", max_repeats=10**6, max_time=budget, parallel=False, reconf_opts={}, progbar=False
    )
    tree = search.search(network.operands, network.out, network.sizes)
    return multiplications(network, tree.get_path())


def planning(budget: float = 5.0) -> None:
    """A table: multiplications of the planned orders, jnp.einsum's default and cotengra's over ours."""
    head = ("order of a product", "tensors", "multiplications", "default / ours", "cotengra / ours", "planned in s")
    print("\n| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for n in NETWORKS:
        start = time.perf_counter()
        ours = multiplications(n, contraction_path(n.operands, n.out, n.sizes))
        spent = time.perf_counter() - start
        other = _cotengra(n, budget)
        told = "not installed" if other is None else f"{other / ours:.2f}"
        cells = (n.name, str(len(n.operands)), f"{ours:.3g}", f"{_default(n) / ours:.3g}", told, f"{spent:.1f}")
        print("| " + " | ".join(cells) + " |", flush=True)


def networks() -> list[Model]:
    """Those that are run: value and all gradients."""
    rng = np.random.default_rng(9)
    return [_model(n, rng) for n in NETWORKS if n.most]


def _model(n: Contracted, rng: np.random.Generator) -> Model:
    sizes = {i: min(k, n.most) for i, k in n.sizes.items()}
    names = [f"A{k}" for k in range(len(n.operands))]
    letters = {i: k for k, i in enumerate(sizes)}
    p: dict[str, Any] = {}
    uses = Counter(i for o in n.operands for i in o)
    for name, o in zip(names, n.operands, strict=True):
        shape = [sizes[i] for i in o]
        near_one = 1 + 0.3 * rng.normal(size=shape)  # no sum is nearly nothing, and the whole about 1
        p[name] = jnp.asarray(near_one / math.prod(sizes[i] ** (1 / uses[i]) for i in o), jnp.float32)

    def theirs(p: Any, d: Any) -> Any:
        pairs = [x for name, o in zip(names, n.operands, strict=True) for x in (p[name], [letters[i] for i in o])]
        y = jnp.einsum(*pairs, [letters[i] for i in n.out])
        return jnp.sum(y * y)

    product = " ".join(f"{name}[{', '.join(o)}]" for name, o in zip(names, n.operands, strict=True))
    y = f"y[{', '.join(n.out)}]" if n.out else "y"
    text = f"{y} = {product}; E = {y} {y}"
    return model(f"{n.name} (run with axes of {n.most} at most), all gradients", text, theirs, p, {})
