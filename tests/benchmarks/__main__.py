"""``python -m tests.benchmarks [seconds [words]]``: one table; each pair runs for ``seconds`` (default 5);
with words, only the rows whose names have all of them; PyTorch is a column more where it is installed. ``before`` is
what comes before the first step, ``orders`` the orders that are planned for products of many tensors, ``formulas`` what
a formula takes."""

from __future__ import annotations

import gc
import os
import platform
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

import tensorprop as tp
from tests.benchmarks.clock import best, import_time, interleaved, seconds
from tests.benchmarks.deep import deep
from tests.benchmarks.depth import depth
from tests.benchmarks.experts import experts
from tests.benchmarks.formulas import formulas
from tests.benchmarks.indexed import indexed
from tests.benchmarks.kinds import kinds
from tests.benchmarks.masked import masked
from tests.benchmarks.models import LABELS, Model, models
from tests.benchmarks.networks import networks, planning
from tests.benchmarks.states import states
from tests.benchmarks.tensors import tensors
from tests.benchmarks.torches import installed, torch_steps
from tests.benchmarks.windows import windows
from tests.benchmarks.written import dispatch, front, written


def agreement(model: Model, theirs: Any) -> float:
    """The largest difference of loss and gradients from another's, relative to the largest entry of each."""
    pairs = zip(jax.tree.leaves(model.ours()), jax.tree.leaves(theirs), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / jnp.max(jnp.abs(b))) for a, b in pairs)


def first_calls(model: Model) -> tuple[float, float, float, tuple[int, ...]]:
    """Seconds from nothing to the first result: ours (deriving, tracing, compiling) and JAX's; ours / JAX's memory;
    lines of the compiled programs."""
    programs: list[Any] = []

    def first(f: Any) -> Any:
        program: Any = jax.jit(f).lower(model.params, model.data).compile()
        programs.append(program)
        return program(model.params, model.data)

    def ours() -> Any:
        step = model.fresh()[0]
        return first(lambda p, d: step(p, **d))

    gc.collect()
    gc.freeze()  # what other rows left is not looked at again, as it is not there in a process of its own
    mine, other = seconds(ours), seconds(lambda: first(model.fresh()[1]))
    gc.unfreeze()
    temporary = [p.memory_analysis().temp_size_in_bytes for p in programs]
    lines = (p.as_text().count("\n") for p in programs)
    return mine, other, temporary[0] / max(temporary[1], 1), tuple(lines)


def torched(m: Model, budget: float) -> str:
    """PyTorch's time over ours, eager and compiled, as the other column is measured."""
    found = torch_steps(m, lambda theirs: agreement(m, theirs))
    return ", ".join(f"**{interleaved(m.ours, run, budget).middle:.2f}** {way}" for way, run in found.items())


def steps(budget: float) -> None:
    head = (
        "training step",
        "ours ms",
        "JAX ms",
        "JAX / ours",
        "10–90 %",
        "first call s",
        "JAX's s",
        "memory",
        "HLO lines",
        "difference",
        *(["PyTorch / ours, eager, compiled"] if installed() else []),
    )
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    jax.block_until_ready(jax.jit(jnp.tanh)(jnp.ones(2)))  # what a process sets up to compile is neither's
    every = (models, indexed, tensors, masked, kinds, states, windows, deep, depth, written, networks, experts)
    for m in (m for rows in every for m in rows()):
        if not all(word in m.name for word in sys.argv[2:]):
            continue
        mine, other, memory, lines = first_calls(m)  # before this model has been compiled, which leaves its traces
        difference = agreement(m, m.theirs())
        r = interleaved(m.ours, m.theirs, budget)
        cells = (
            m.name,
            f"{r.ours:.3f}",
            f"{r.theirs:.3f}",
            f"**{r.middle:.3f}**",
            f"{r.low:.2f}–{r.high:.2f}",
            f"{mine:.2f}",
            f"{other:.2f} (**{other / mine:.2f}**)",
            f"{memory:.2f}",
            " / ".join(map(str, lines)),
            f"{difference:.0e}",
            *([torched(m, budget)] if installed() else []),
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def compilation(budget: float) -> None:
    rows: list[tuple[str, str]] = []

    def timed(name: str, f: Callable[[], Any], per: int = 1, unit: str = "ms") -> None:
        scale = {"ms": 1e3, "µs": 1e6}[unit]
        rows.append((name, f"{scale * best(f) / per:.2f} {unit}"))

    fresh = iter(range(10**6))

    def thousand() -> str:
        tag = next(fresh)  # new names each time, so that nothing is known already
        return "\n".join(f"z{n}v{tag}_bj = a{n}_bi W{n}_ij + b{n}_j" for n in range(1000))

    chain = ["h0_i = x_i"]
    chain += [f"h{n}_i = tanh(h{n - 1}_j W{n}_ji + b{n}_i)" for n in range(1, 101)]
    deep = tp.parse("; ".join([*chain, "E = h100_i y_i"]))
    texts = iter([thousand() for _ in range(5)])
    timed("parse, per equation (System of 1,000)", lambda: tp.parse(next(texts)), per=1000, unit="µs")
    timed("derive the Hessian of x_i A_ij x_j", lambda: tp.derive("y = x_i A_ij x_j", wrt=("x_k", "x_l")))
    timed("adjoint of the MLP, 9 equations", lambda: tp.adjoint(LABELS.format(f="tanh")))
    timed("adjoint of a chain of 100 layers", lambda: tp.adjoint(deep))
    shapes = {n: np.zeros((64,) * deep.rank(n), np.float32) for n in deep.inputs}
    wrt = [n for n in deep.inputs if n not in ("x", "y")]
    data = {n: shapes[n] for n in ("x", "y")}
    params = {n: shapes[n] for n in wrt}
    timed("derive and trace its gradient", lambda: jax.make_jaxpr(tp.value_and_grad(deep, wrt))(params, **data))
    parse, derive, plan = (1e3 * s for s in front())
    told = f"{parse:.0f} + {derive:.0f} + {plan:.0f} = {parse + derive + plan:.0f} ms"
    rows.append(("parse, derive and plan a transformer of 12 layers (processor time, fresh names)", told))
    for way, r in dispatch(budget).items():
        told = f"{1e3 * r.ours:.0f} µs; JAX / ours **{r.middle:.2f}** ({r.low:.2f}–{r.high:.2f})"
        rows.append((f"a call with 100 parameters of 4 numbers, {way}, against JAX's of a tree", told))
    rows.append(("import tensorprop (fresh interpreter)", f"{1e3 * import_time('tensorprop'):.0f} ms"))
    rows.append(("import jax, for comparison", f"{1e3 * import_time('jax'):.0f} ms"))
    print("\n| before the first step | |\n|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


def main() -> None:
    budget = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    device = jax.devices()[0]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    print(
        f"{platform.machine()} ({platform.system()}), {cores} cores, {device.platform}; "
        f"Python {platform.python_version()}, JAX {jax.__version__}, NumPy {np.__version__}, "
        f"tensorprop {tp.__version__}; float32\n"
    )
    if sys.argv[2:] not in (["before"], ["orders"], ["formulas"]):
        steps(budget)
    if sys.argv[2:] in ([], ["orders"]):
        planning()
    if sys.argv[2:] in ([], ["before"]):
        compilation(budget)
    if sys.argv[2:] in ([], ["formulas"]):
        told = formulas()
        print("\n| formulas of 1,000 random contractions (processor time) | ms |\n|---|---|")
        print(f"| median; nine in ten under; longest | {told.middle:.1f}; {told.nine_in_ten:.1f}; {told.longest:.0f} |")
        print(f"| without a matrix form | {told.without} |")


main()
