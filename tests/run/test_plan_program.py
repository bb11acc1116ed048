"""A plan is the price of the program: flops of what JAX is given, and the memory that XLA says it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from jax.extend import core as jaxpr_core

import tensorprop as tp
from tensorprop.calculus import stabilise
from tensorprop.core.functions import FUNCTIONS, is_matrix
from tensorprop.run.count import Count
from tensorprop.run.extents import extents
from tensorprop.run.jax import JaxOperations
from tensorprop.run.jax_functions import JAX, JAX_REDUCE
from tensorprop.run.lower import lower
from tensorprop.run.plan import Plan, plan
from tests.strategies import case_number

# Primitives that move entries about, make them of nothing, or change how they are stored.
MOVES = frozenset(
    "convert_element_type broadcast_in_dim reshape transpose squeeze stop_gradient slice copy iota gather".split()
)
CALLS = frozenset({"pjit", "jit", "closed_call", "custom_jvp_call", "custom_vjp_call"})


def needed(jaxpr: Any) -> Iterator[Any]:
    """The equations that the results need, those of inner functions in place of their calls."""
    live = {v for v in jaxpr.outvars if not isinstance(v, jaxpr_core.Literal)}
    for e in reversed(jaxpr.eqns):
        if live.isdisjoint(e.outvars):
            continue
        live.update(v for v in e.invars if not isinstance(v, jaxpr_core.Literal))
        if e.primitive.name in CALLS:
            inner = e.params.get("jaxpr") or e.params["call_jaxpr"]
            yield from needed(getattr(inner, "jaxpr", inner))
        else:
            yield e


def flops(closed: Any) -> int:
    """Operations of a program: 2 for each product in a contraction, else 1 an entry (a reduction: an entry read)."""
    total = 0
    for e in needed(closed.jaxpr):
        name = e.primitive.name
        if name == "dot_general":
            (summed, _), _ = e.params["dimension_numbers"]
            inner = 1
            for k in summed:
                inner *= e.invars[0].aval.shape[k]
            total += 2 * inner * e.outvars[0].aval.size
        elif name.startswith(("reduce_", "arg")) and name != "reduce_precision":
            total += e.invars[0].aval.size
        elif name == "integer_pow" and e.params["y"] < 0:
            total += 2 * e.outvars[0].aval.size
        elif name not in MOVES:
            total += e.outvars[0].aval.size
    return total


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_flops_of_200_random_systems_are_those_of_the_program(start: int, x64: None) -> None:
    for number in range(start, start + 50):
        case = case_number(70_000 + number)
        program = tp.compile(case.system)
        shapes = {n: jax.ShapeDtypeStruct(a.shape, jnp.float64) for n, a in case.arrays.items() if n in program.inputs}
        closed = jax.make_jaxpr(lambda arrays, f=program: f(**arrays))(shapes)
        found = plan(case.system, shapes={n: a.shape for n, a in case.arrays.items()})
        assert found.flops == flops(closed), f"case {number}\n{case.system}\n{found}\n{closed}"


class Watched:
    """Operations, with every call written down: its name, and the shapes and bytes of what went in and came out."""

    def __init__(self, ops: Any) -> None:
        self.ops = ops
        self.log: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.ops, name)
        if name in ("named", "identity", "constant"):
            return method

        def called(*args: Any) -> Any:
            out = method(*args)
            self.log.append((name, [(a.shape, bytes_of(a)) for a in (*args, out) if hasattr(a, "shape")]))
            return out

        return called


def bytes_of(a: Any) -> int:
    return a.bytes if hasattr(a, "bytes") else a.size * a.dtype.itemsize


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_what_is_counted_is_what_is_done(start: int, x64: None) -> None:
    """Operation for operation, array for array: so the bytes are those of the program too."""
    for number in range(start, start + 50):
        case = case_number(70_000 + number)
        s = stabilise(case.system)
        sizes = extents(s, {n: case.arrays[n].shape for n in s.inputs})
        counted = Watched(Count(8))
        lower(s, {n: counted.ops.given(n, case.arrays[n].shape) for n in s.inputs}, s.outputs, counted, sizes)
        done = Watched(JaxOperations(jnp.float64))

        def program(arrays: Any, s: Any = s, done: Any = done, sizes: Any = sizes) -> Any:
            return lower(s, arrays, s.outputs, done, sizes)

        jax.eval_shape(program, {n: jax.ShapeDtypeStruct(case.arrays[n].shape, jnp.float64) for n in s.inputs})
        assert counted.log == done.log, f"case {number}\n{case.system}"


def test_the_functions_cost_what_their_programs_do() -> None:
    """A function that takes more operations than one is in the table; so is a reduction."""
    x = jnp.ones((7, 5))
    # log2 of old versions divides by log 2, worked out at run time; hypot looks for infinities otherwise
    # what takes a part of a complex number has nothing to do for a real one
    real = dict.fromkeys(("conj", "re", "im", "angle"), (35, 0))
    old = {"log2": (-1, 35), "hypot": (9 * 35,), **real}
    for name, f in JAX.items():
        args = [x] * len(FUNCTIONS[name].arguments)
        if not args:  # π and the imaginary unit
            continue
        counted = Count().call(name, *[Count().given("x", (7, 5))] * len(args)).flops
        assert counted - flops(jax.make_jaxpr(f)(*args)) in (0, *old.get(name, ())), name
    for name, f in JAX_REDUCE.items():
        if is_matrix(name):
            continue
        counted = Count().reduce(name, Count().given("x", (7, 5)), (1,)).flops
        assert counted == flops(jax.make_jaxpr(lambda x, f=f: f(x, (1,)))(x)), name


# --------------------------------------------------------------------------- memory
ATTENTION = "S_htu = Q_htd K_hud / dim(d)^(1/2); P_htu = softmax_u(S_htu); O_htd = P_htu V_hud"
MODELS: dict[str, tuple[str, dict[str, int], str]] = {
    "dense, tanh, softmax, cross entropy": (
        "h_bj = tanh(a_bi W_ij + c_j); p_bk = softmax_k(h_bj V_jk + d_k); E = -Σ_bk y_bk log(p_bk)",
        {"b": 128, "i": 784, "j": 512, "k": 10}, "W c V d",
    ),
    "logistic regression": ("E = -Σ_bk y_bk log(softmax_k(x_bi W_ik))", {"b": 1000, "i": 500, "k": 100}, "W"),
    "softmax by hand": ("p_bk = exp(s_bk) / Σ_j exp(s_bj)", {"b": 1000, "k": 1000}, ""),
    "attention": (ATTENTION, {"h": 4, "t": 512, "u": 512, "d": 64}, ""),
    "attention, its gradient": (f"{ATTENTION}; E = O_htd O_htd", {"h": 4, "t": 512, "u": 512, "d": 64}, "Q K V"),
    "causal attention by hand": (
        "S_htu = Q_htd K_hud; m_ht = max_u(S_htu); P_htu = [u ≤ t] exp(S_htu - m_ht); O_htd = P_htu V_hud / Σ_v P_htv",
        {"h": 4, "t": 512, "u": 512, "d": 64}, "",
    ),
    "matrix factorisation": ("E = Σ_mn 1/2 (T_mn - U_mk V_nk)^2", {"m": 1000, "n": 800, "k": 20}, "U V"),
    "chain of matrices": ("D_il = A_ij B_jk C_kl", {"i": 500, "j": 600, "k": 700, "l": 400}, ""),
    "one function, three sums": (
        "u_bi = exp(x_bi); s_b = Σ_i u_bi; r_b = Σ_i u_bi w_i; q_b = Σ_i u_bi^2", {"b": 1000, "i": 1000}, "",
    ),
    "entrywise chain": ("u_bi = exp(x_bi); v_bi = u_bi + x_bi; w_ib = u_bi v_bi", {"b": 1000, "i": 1000}, ""),
}  # fmt: skip


def with_memory(text: str, sizes: dict[str, int], wrt: str) -> tuple[Plan, int]:
    """The plan, and the bytes that XLA sets aside for arguments, results and what is between."""
    s = tp.parse(text)
    if wrt:
        g = tp.value_and_grad(s, wrt.split())
        found = plan(g.system, sizes, outputs=["E", *(f"δ{w}" for w in wrt.split())])
        shapes = {n: jax.ShapeDtypeStruct(found.shapes[n], jnp.float32) for n in s.inputs}
        params = {n: shapes.pop(n) for n in wrt.split()}
        lowered = jax.jit(lambda p, d: g(p, **d)).lower(params, shapes)
    else:
        f = tp.compile(s)
        found = plan(s, sizes)
        shapes = {n: jax.ShapeDtypeStruct(found.shapes[n], jnp.float32) for n in s.inputs}
        lowered = jax.jit(lambda d: f(**d)).lower(shapes)
    m: Any = lowered.compile().memory_analysis()
    return found, m.argument_size_in_bytes + m.output_size_in_bytes + m.temp_size_in_bytes - m.alias_size_in_bytes


@pytest.mark.parametrize("name", MODELS)
def test_peak_memory_is_what_xla_sets_aside(name: str) -> None:
    found, expected = with_memory(*MODELS[name])
    assert 0.8 <= found.peak / expected <= 1.25, f"{found}\nXLA: {expected}"
