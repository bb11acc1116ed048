"""A layer as a JAX function: its own rules under grad, transformations, chosen savings, dtypes, other libraries."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tensorprop.errors import (
    AmbiguousNotation,
    MissingInput,
    OutOfRange,
    RankMismatch,
    SizeMismatch,
    TensorpropError,
    UnknownName,
    UsageError,
)
from tensorprop.layers import Dense, LabelCrossEntropy, Layer, Softmax, SoftmaxCrossEntropy, Tanh, chain
from tensorprop.rule import jax_function as rules
from tensorprop.rule.jax_function import JaxFunction, jax_function
from tensorprop.rule.jax_rule import carries_both
from tests.run.test_jax import near
from tests.strategies import case_number, some
from tests.uncompiled import uncompiled

NORM = """
    m_b = mean_i x_bi; c_bi = x_bi - m_b; v_b = mean_i c_bi^2; r_b = rsqrt(v_b + 1e-5)
    n_bi = c_bi r_b; y_bi = n_bi g_i + h_i
"""
THREE_TERMS = """
    d_bi  = δy_bi g_i
    δx_bi = r_b (d_bi - mean_k(d_bk) - n_bi mean_k(d_bk n_bk))
    δg_i  = Σ_b δy_bi n_bi
    δh_i  = Σ_b δy_bi
"""
ATTENTION = """
    s_tu = q_td k_ud / sqrt(dim(d)); p_tu = softmax_u(s_tu); o_td = p_tu v_ud
"""
FLASH = """
    δv_ud = p_tu δo_td
    δp_tu = δo_td v_ud
    δs_tu = p_tu (δp_tu - Σ_w p_tw δp_tw)
    δq_td = δs_tu k_ud / sqrt(dim(d))
    δk_ud = δs_tu q_td / sqrt(dim(d))
"""
MODEL = chain(Dense(), Tanh(), Dense(), SoftmaxCrossEntropy())


def norm_by_hand(x: Any, g: Any, h: Any) -> Any:
    c = x - x.mean(1, keepdims=True)
    return c * jax.lax.rsqrt((c**2).mean(1, keepdims=True) + 1e-5) * g + h


def attention_by_hand(q: Any, k: Any, v: Any) -> Any:
    return jax.nn.softmax(q @ k.T / np.sqrt(q.shape[1])) @ v


def model_by_hand(a: Any, W1: Any, b1: Any, W2: Any, b2: Any, y: Any) -> Any:
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(jnp.tanh(a @ W1 + b1) @ W2 + b2), 1))


def softmax_by_hand(z: Any) -> Any:
    return jax.nn.softmax(z)


CASES: dict[str, tuple[Any, Callable[..., Any], dict[str, tuple[int, ...]]]] = {
    "dense": (Dense(), lambda a, W, b: a @ W + b, {"a": (4, 3), "W": (3, 5), "b": (5,)}),
    "softmax": (Softmax(), softmax_by_hand, {"z": (5,)}),
    "norm": (Layer(NORM, THREE_TERMS), norm_by_hand, {"x": (4, 6), "g": (6,), "h": (6,)}),
    "attention": (Layer(ATTENTION, FLASH), attention_by_hand, {"q": (4, 3), "k": (5, 3), "v": (5, 2)}),
    "derived": (NORM, norm_by_hand, {"x": (4, 6), "g": (6,), "h": (6,)}),
    "model": (
        MODEL,
        model_by_hand,
        {"a": (4, 3), "W1": (3, 5), "b1": (5,), "W2": (5, 2), "b2": (2,), "y": (4, 2)},
    ),
}


def case(name: str, forward: bool = False) -> tuple[JaxFunction, Callable[..., Any], list[Any]]:
    """Ours, the same by hand, and arrays for both in one order."""
    layer, theirs, shapes = CASES[name]
    ours = jax_function(layer, forward=forward)
    rng = np.random.default_rng(len(name))
    drawn = {n: jnp.asarray(rng.normal(size=shape)) for n, shape in shapes.items()}
    if "y" in drawn:
        drawn["y"] = jax.nn.softmax(drawn["y"])  # the loss's rule relies on rows that add up to 1
    order = list(ours.inputs)
    return ours, lambda *args: theirs(**dict(zip(order, args, strict=True))), [drawn[n] for n in order]


def smooth(f: JaxFunction) -> tuple[int, ...]:
    """The places of what the check of a loss differentiates by: labels are given, and their rule is another."""
    return tuple(k for k, n in enumerate(f.inputs) if n != "y")


def total(f: Callable[..., Any]) -> Callable[..., Any]:
    """A number whose cotangents are not all alike."""
    return lambda *args: jnp.sum(jnp.sin(f(*args) + 0.3))


# --------------------------------------------------------------------------- the rule that was written is the one used
def test_the_written_rule_is_used(x64: None) -> None:
    f = jax_function("a_j = tanh(z_j); δz_j = 7 δa_j")
    assert jax.grad(lambda z: f(z).sum())(jnp.zeros(3)).tolist() == [7.0, 7.0, 7.0]


def test_a_rule_of_an_intermediate_is_used(x64: None) -> None:
    f = jax_function("z_j = a_i W_ij; h_j = tanh(z_j); δz_j = 2 δh_j")
    a, W = jnp.ones(2), jnp.ones((2, 3))
    assert jax.grad(lambda a: f(a, W).sum())(a).tolist() == [6.0, 6.0]


def test_parts_and_a_written_seed(x64: None) -> None:
    f = jax_function("E = 1/2 x_i x_i; t_i = 3 x_i δE; δx_i = t_i")
    assert jax.grad(lambda x: 2 * f(x))(jnp.array([1.0, 2.0])).tolist() == [6.0, 12.0]


def test_a_rule_through_what_has_no_slope(x64: None) -> None:
    """A straight-through estimator: whole numbers forwards, real ones where a rule hands their cotangent on."""
    f = jax_function("y_i = [x_i > 0]; δx_i = δy_i")
    x, w = jnp.array([-1.0, 2.0], jnp.float32), jnp.array([3.0, 5.0])
    assert (f(x).tolist(), f(x).dtype) == ([0.0, 1.0], jnp.float32)
    assert jax.grad(lambda x: f(x).sum())(x).tolist() == [1.0, 1.0]
    assert jnp.issubdtype(jax_function("y_i = [x_i > 0]")(x).dtype, jnp.integer)
    for layer in (
        "h_i = [x_i > 0]; y_i = h_i w_i; δx_i = δh_i",
        Layer("h_i = [x_i > 0]; y_i = h_i w_i", "δx_i = δh_i"),
    ):
        g = jax_function(layer)
        assert jax.grad(lambda x, g=g: g(x=x, w=w).sum())(x).tolist() == [3.0, 5.0]


def same(ours: Callable[..., Any], theirs: Callable[..., Any], args: Any, terms: int | None = None) -> None:
    """Ours compiled as a whole, which is quicker than step by step."""
    more = {} if terms is None else {"terms": terms}
    near(jax.jit(ours)(*args), uncompiled(theirs)(*args), **more)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("forward", [False, True])
def test_value_and_gradient(name: str, forward: bool, x64: None) -> None:
    ours, theirs, args = case(name, forward)
    k = smooth(ours)
    same(*(lambda *args, f=f: (f(*args), jax.grad(total(f), k)(*args)) for f in (ours, theirs)), args)
    assert jax.eval_shape(lambda d: ours(**d), dict(zip(ours.inputs, args, strict=True))).shape == ours(*args).shape


def transformed(f: Callable[..., Any], k: tuple[int, ...], kept: tuple[int, ...]) -> Callable[..., Any]:
    """The gradient under every transformation; arguments at ``kept`` are not scaled."""

    def all_of_them(*args: Any) -> dict[str, Any]:
        grad = jax.grad(total(f), k)
        several = [jnp.stack([a, a if n in kept else 0.5 * a]) for n, a in enumerate(args)]

        def loss(scale: Any) -> Any:
            step = lambda c, x: (c + total(f)(*(a if n in kept else scale * a for n, a in enumerate(x))), None)  # noqa: E731
            return jax.lax.scan(jax.checkpoint(step), jnp.zeros(()), several)[0]

        return {
            "checkpoint": jax.grad(jax.checkpoint(total(f)), k)(*args),
            "vmap": jax.vmap(grad)(*several),
            "grad of vmap": jax.grad(lambda *x: jnp.sum(jax.vmap(total(f))(*x)), k)(*several),
            "scan of grad": jax.lax.scan(lambda c, x: (c, grad(*x)), 0, several)[1],
            "grad of scan of checkpoint": jax.grad(loss)(1.1),
        }

    return all_of_them


@pytest.mark.parametrize("name, forward", [("norm", False), ("attention", False), ("model", False), ("norm", True)])
def test_under_jit_vmap_scan_and_checkpoint(name: str, forward: bool, x64: None) -> None:
    ours, theirs, args = case(name, forward)
    k = smooth(ours)
    kept = tuple(n for n in range(len(args)) if n not in k)
    same(transformed(ours, k, kept), transformed(theirs, k, kept), args)


def test_under_transformations_step_by_step(x64: None) -> None:
    ours, theirs, args = case("softmax")
    near(transformed(ours, (0,), ())(*args), transformed(theirs, (0,), ())(*args))


def test_on_a_mesh(x64: None) -> None:
    """In ``shard_map`` weights are one array on all devices, and are owed the sum over them."""
    mesh = jax.make_mesh((1,), ("x",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, whole = jax.sharding.PartitionSpec("x"), jax.sharding.PartitionSpec()
    ours, theirs, args = case("dense")
    for f in (ours, case("dense", forward=True)[0]):
        spread = jax.shard_map(f, mesh=mesh, in_specs=(rows, whole, whole), out_specs=rows)
        same(jax.grad(total(spread), (0, 1, 2)), jax.grad(total(theirs), (0, 1, 2)), args)


def test_vmap_over_one_argument_only(x64: None) -> None:
    ours, theirs, (a, W, b) = case("dense")
    several = jnp.stack([a, 2 * a])
    per = [jax.vmap(jax.grad(total(f), (0, 1, 2)), (0, None, None))(several, W, b) for f in (ours, theirs)]
    near(*per)


# --------------------------------------------------------------------------- higher orders
def second(f: Callable[..., Any], args: Any) -> Callable[[Any], Any]:
    def at(x: Any) -> Any:
        return total(f)(x, *args[1:])

    return lambda x: {
        "hessian": jax.hessian(at)(x),
        "grad of grad": jax.grad(lambda x: jnp.sum(jax.grad(at)(x) ** 2))(x),
        "jvp of grad": jax.jvp(jax.grad(at), (x,), (x,))[1],
    }


@pytest.mark.parametrize("name, forward", [("norm", False), ("attention", False), ("norm", True)])
def test_second_derivatives(name: str, forward: bool, x64: None) -> None:
    ours, theirs, args = case(name, forward)
    same(second(ours, args), second(theirs, args), args[:1], terms=10**6)


def test_second_derivatives_step_by_step(x64: None) -> None:
    ours, theirs, args = case("softmax")
    near(second(ours, args)(args[0]), second(theirs, args)(args[0]), terms=10**6)
    near(*(jax.jacrev(jax.grad(total(f)))(*args) for f in (ours, theirs)), terms=10**6)


def ahead(f: Callable[..., Any]) -> Callable[..., Any]:
    def all_of_them(*args: Any) -> dict[str, Any]:
        args = list(args)
        moved = [jnp.cos(a) for a in args]
        doubled, pushed = ([jnp.stack([a, n * a]) for a in x] for n, x in ((1, args), (2, moved)))
        return {
            "jvp": jax.jvp(f, args, moved),
            "jacfwd": jax.jacfwd(f)(*args),
            "jacrev": jax.jacrev(f)(*args),
            "linearize": jax.linearize(lambda a: f(a, *args[1:]), args[0])[1](moved[0]),
            "vmap": jax.vmap(lambda p, t: jax.jvp(f, p, t))(doubled, pushed),
        }

    return all_of_them


@pytest.mark.parametrize("name", ["attention", "model"])
def test_forward_mode(name: str, x64: None) -> None:
    ours, theirs, args = case(name, forward=True)
    same(ahead(ours), ahead(theirs), args)


def test_forward_mode_step_by_step(x64: None) -> None:
    ours, theirs, args = case("softmax", forward=True)
    near(ahead(ours)(*args), ahead(theirs)(*args))


def test_the_tangent_is_the_derived_one() -> None:
    rules = jax_function(Softmax(), forward=True).rules
    assert str(rules) == "∂p_j/∂ε = p_j (∂z_j/∂ε - Σ_k p_k ∂z_k/∂ε)"


@pytest.mark.skipif(carries_both(), reason="this JAX has a primitive that carries both rules")
@pytest.mark.parametrize(
    "go",
    [
        lambda f, x: jax.jvp(f, (x,), (x,)),
        lambda f, x: jax.jacfwd(f)(x),
        lambda f, x: jax.vmap(lambda x: jax.jvp(f, (x,), (x,)))(jnp.stack([x, x])),
    ],
)
def test_forward_mode_of_a_reverse_rule_says_what_to_take(go: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"forward=True"):
        go(jax_function(Softmax()), jnp.ones(3))


# --------------------------------------------------------------------------- what is kept
@pytest.mark.parametrize(
    "save, saved",
    [
        (None, ("p", "v", "k", "q")),
        ("p", ("p", "v", "k", "q")),
        ((), ("q", "k", "v")),
        ("s", ("s", "v", "k", "q")),
        ("s p", ("p", "v", "k", "q")),
    ],
)
def test_only_what_is_said_is_saved(save: Any, saved: tuple[str, ...], x64: None) -> None:
    layer, theirs, shapes = CASES["attention"]
    f = jax_function(layer, save=save)
    assert set(f.saved) == set(saved)
    _, _, args = case("attention")
    _, pull = jax.vjp(f, *args)
    kept = sorted(tuple(x.shape) for x in jax.tree.leaves(pull) if hasattr(x, "shape"))
    sizes = {**shapes, "s": (4, 5), "p": (4, 5), "o": (4, 2)}
    assert kept == sorted(sizes[n] for n in saved)
    same(*(jax.grad(total(g), (0, 1, 2)) for g in (f, theirs)), args)
    if save in ((), "s"):  # second derivatives go through what is worked out again
        same(*(jax.hessian(lambda q, g=g: total(g)(q, *args[1:])) for g in (f, theirs)), args[:1], terms=10**6)


def test_what_is_recomputed_is_not_kept_by_the_compiler() -> None:
    f = jax_function(Layer(ATTENTION, FLASH), save=())
    q, k, v = (jnp.ones(s) for s in ((4, 3), (5, 3), (5, 2)))
    text = jax.jit(jax.grad(lambda q: f(q, k, v).sum())).lower(q).as_text()
    assert "optimization_barrier" in text
    assert (
        "optimization_barrier" not in jax.jit(jax.grad(lambda a: jax_function(Tanh())(a).sum())).lower(v[0]).as_text()
    )


def test_nothing_is_saved_for_what_nobody_differentiates_by() -> None:
    f = jax_function(Dense())
    a, W, b = jnp.ones((4, 3)), jnp.ones((3, 5)), jnp.ones(5)
    _, pull = jax.vjp(lambda b: f(a, W, b), b)
    assert [x.shape for x in jax.tree.leaves(pull) if getattr(x, "ndim", 0)] == []


def test_sizes_are_not_saved_as_arrays() -> None:
    f = jax_function("y_i = Σ_j x_ij; δx_ij = δy_i")
    assert f.saved == ()
    assert jax.grad(lambda x: f(x).sum())(jnp.zeros((2, 3))).tolist() == [[1.0] * 3] * 2


def test_equations_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not at every step, also outside of ``jit``."""
    f = jax_function(Softmax())
    lowered, calls = rules._lowered, list[int]()
    monkeypatch.setattr(rules, "_lowered", lambda *args: calls.append(1) or lowered(*args))
    grad = jax.grad(lambda z: f(z)[0])
    grad(jnp.ones(3))
    first = len(calls)
    grad(jnp.zeros(3))
    assert first and len(calls) == first


def test_the_same_equations_are_the_same_function() -> None:
    text = "y_i = tanh(x_i); δx_i = 2 δy_i"
    f = jax_function(text, save="y")
    assert f == jax_function(text, save=("y",)) and hash(f) == hash(jax_function(text, save="y"))
    others = [
        jax_function(text),
        jax_function(text, wrt=()),
        jax_function(text, forward=True),
        jax_function("y_i = x_i"),
    ]
    assert all(f != g for g in others) and f != text
    assert copy.deepcopy(f) is f
    for g in (f, *others):
        read = pickle.loads(pickle.dumps(g))
        assert read == g and read.saved == g.saved
    assert jax.grad(lambda x: pickle.loads(pickle.dumps(f))(x).sum())(jnp.ones(2)).tolist() == [2.0, 2.0]
    assert jax_function(f) == jax_function(text)
    assert jax_function(jax_function(text, forward=True)) == jax_function("y_i = tanh(x_i)")


# --------------------------------------------------------------------------- what JAX expects of cotangents
def test_labels_have_float0() -> None:
    f = jax_function(LabelCrossEntropy())
    s, y = jnp.ones((3, 4)), jnp.array([1, 2, 0])
    _, pull = jax.vjp(f, s, y)
    by_s, by_y = pull(jnp.float32(2.0))
    assert (by_s.shape, by_s.dtype) == ((3, 4), jnp.float32)
    assert (by_y.shape, by_y.dtype) == ((3,), jax.dtypes.float0)
    g = jax_function(LabelCrossEntropy(), forward=True)
    moved = jax.jvp(g, (s, y), (s, np.zeros(3, jax.dtypes.float0)))[1]
    assert moved.shape == ()


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.bool_, jnp.uint8])
def test_whole_numbers_have_no_gradient(dtype: Any) -> None:
    f = jax_function("y_i = n_i x_i")
    x, n = jnp.arange(3.0), jnp.array([1, 0, 1], dtype)
    args = dict(zip(f.inputs, (n, x), strict=True))
    assert jax.grad(lambda x: f(**{**args, "x": x}).sum())(x).tolist() == [1.0, 0.0, 1.0]
    _, pull = jax.vjp(f, n, x)
    assert pull(jnp.ones(3))[0].dtype == jax.dtypes.float0


def test_whole_outputs_have_no_cotangent() -> None:
    f = jax_function(Layer("y_i = 2 x_i; k_b = [z_b > 0]", "δx_i = 2 δy_i"))
    x, z = jnp.arange(3.0), jnp.array([1.0, -1.0])
    assert jax.grad(lambda x: f(x, z)["y"].sum() + f(x, z)["k"].sum())(x).tolist() == [2.0] * 3
    assert jax.grad(lambda z: f(x, z)["k"].sum())(z).tolist() == [0.0, 0.0]


def test_outputs_that_nobody_used(x64: None) -> None:
    f = jax_function("u_j = a_i W_ij; v_i = a_i a_i c_i; δa_i = W_ij δu_j + 2 a_i c_i δv_i")
    a, W, c = jnp.arange(1.0, 3.0), jnp.ones((2, 3)), jnp.ones(2)
    by_name = {"a": a, "W": W, "c": c}

    def grad(take: Callable[[Any], Any]) -> list[float]:
        return jax.grad(lambda a: take(f(**{**by_name, "a": a})))(a).tolist()

    assert grad(lambda out: out["u"].sum()) == [3.0, 3.0]
    assert grad(lambda out: out["v"].sum()) == [2.0, 4.0]
    assert grad(lambda out: out["u"].sum() + out["v"].sum()) == [5.0, 7.0]
    assert jax.grad(lambda c: f(a, W, c)["u"].sum())(c).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16, jnp.float32])
def test_dtypes_are_kept(dtype: Any, forward: bool, x64: None) -> None:
    f = jax_function(Dense(), forward=forward)
    a, W, b = jnp.ones((4, 3), dtype), jnp.ones((3, 5), jnp.bfloat16), jnp.ones(5, dtype)
    out, pull = jax.vjp(f, a, W, b)
    assert out.dtype == jnp.result_type(dtype, jnp.bfloat16)
    assert [g.dtype for g in pull(jnp.ones_like(out))] == [dtype, jnp.bfloat16, dtype]


def test_no_float64_in_a_float32_program(x64: None) -> None:
    f = jax_function(Layer(NORM, THREE_TERMS))
    args = [jnp.ones(s, jnp.float32) for s in ((4, 6), (6,), (6,))]
    order = dict(zip(("x", "g", "h"), args, strict=True))
    text = str(jax.make_jaxpr(jax.grad(lambda x: f(**{**order, "x": x}).sum()))(order["x"]))
    assert "f64" not in text


def test_wrt_leaves_the_others_constant(x64: None) -> None:
    f = jax_function(Dense(), wrt="W b")
    a, W, b = jnp.ones((4, 3)), jnp.ones((3, 5)), jnp.ones(5)
    by = jax.grad(lambda *args: f(*args).sum(), (0, 1, 2))(a, W, b)
    assert float(jnp.abs(by[0]).max()) == 0.0
    assert by[2].tolist() == [4.0] * 5
    g = jax_function(Dense(), wrt="W", forward=True)
    assert float(jnp.abs(jax.jvp(g, (a, W, b), (a, 0 * W, b))[1]).max()) == 0.0


# --------------------------------------------------------------------------- errors
def refused(make: Callable[[], Any], kind: type[TensorpropError], words: str) -> None:
    with pytest.raises(kind, match=words):
        make()


def test_errors_teach() -> None:
    f = jax_function(Dense())
    a, W, b = np.ones((4, 3)), np.ones((3, 5)), np.ones(5)
    refused(lambda: f(a, W), MissingInput, "b")
    refused(lambda: f(a, W, b, b), UsageError, "4 arrays for 3 inputs")
    refused(lambda: f(a, W, b, a=a), UsageError, "given by place and again by name")
    refused(lambda: f(a, W.T, b), SizeMismatch, "index")
    refused(lambda: f(a=a, W=W, bb=b), TensorpropError, "b")
    refused(lambda: jax_function(Dense(), save="q"), UnknownName, "no tensor q to save")
    refused(lambda: jax_function(Dense(), wrt="w"), UnknownName, "inputs: a, W, b")
    refused(lambda: jax_function(Dense(), save="z", forward=True), UsageError, "leave save out")
    refused(lambda: jax_function("δz_j = a_j"), UsageError, "no forward equation")
    refused(lambda: jax_function("z_j = 2 a_j; δq_j = δz_j"), UnknownName, "δq_j")
    refused(lambda: jax_function(3), UsageError, "3")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "text, kind, words",
    [
        ("y_i = tanh(x_i); δx_i = q_i δy_i", UnknownName, "no tensor q"),
        ("y_i = tanh(x_i); δx_i = δq_i", UnknownName, "adjoint of nothing here"),
        ("y_i = tanh(x_i); δx_i = 3 δy_ij w_j", RankMismatch, "y has 1 axis"),
        ("y_i = tanh(x_i); δx_ij = δy_i [i = j]", RankMismatch, "x has 1 axis"),
        ("y_i = tanh(x_i); δy_i = x_i", UsageError, "y is its output"),
        ("y_ij = tanh(x_ij); δx_ij = 3 δ_i", AmbiguousNotation, "adjoint of nothing here"),
        ("y = x_i x_i + w; E = w; ∂E/∂x_i = 4 x_i", UsageError, "not the error"),
    ],
)
def test_rules_that_speak_of_nothing_here(text: str, kind: type[TensorpropError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        jax_function(text)
    assert "^" in str(caught.value)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"save": 3}, "save names tensors"),
        ({"save": (True,)}, "save names tensors"),
        ({"wrt": 3}, "wrt names tensors"),
        ({"wrt": "z"}, "wrt names inputs"),
        ({"wrt": "bias"}, "no input bias"),
    ],
)
def test_options_that_name_nothing(options: Any, words: str) -> None:
    with pytest.raises(TensorpropError, match=words):
        jax_function(Dense(), **options)


def test_lists_and_numbers_are_arrays() -> None:
    f = jax_function("y_i = c x_i")
    assert f(2, [1.0, 2.0]).tolist() == [2.0, 4.0]


# --------------------------------------------------------------------------- in other people's modules
def data() -> tuple[Any, Any, dict[str, Any]]:
    """Points, and labels that a linear map tells apart; a start for the weights."""
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.normal(size=(60, 3)), jnp.float32)
    y = jax.nn.one_hot(jnp.argmax(x @ rng.normal(size=(3, 4)), 1), 4)
    params = {n: jnp.asarray(rng.normal(size=s), jnp.float32) / 2 for n, s in MODEL.shapes(i=3, j=8, k=4).items()}
    return x, y, params


def learns(losses: list[float]) -> None:
    assert losses[-1] < losses[0] / 2, losses


def test_in_an_optax_loop() -> None:
    optax = pytest.importorskip("optax")
    x, y, params = data()
    fn = jax_function(MODEL)
    rule = optax.adam(3e-2)
    state = rule.init(params)

    @jax.jit
    def step(params: Any, state: Any) -> Any:
        loss, grads = jax.value_and_grad(lambda p: jax.checkpoint(fn)(a=x, y=y, **p))(params)
        change, state = rule.update(grads, state)
        return optax.apply_updates(params, change), state, loss

    losses: list[float] = []
    for _ in range(60):
        params, state, loss = step(params, state)
        losses.append(float(loss))
    learns(losses)


def test_in_an_equinox_module() -> None:
    eqx = pytest.importorskip("equinox")
    x, y, params = data()
    affine, act, loss_of = jax_function(Dense()), jax_function(Tanh()), jax_function(SoftmaxCrossEntropy())

    class Net(eqx.Module):
        weights: dict[str, jax.Array]
        dense: Callable[..., Any] = affine

        def __call__(self, x: jax.Array) -> jax.Array:
            w = self.weights
            return self.dense(jax.vmap(act)(self.dense(x, w["W1"], w["b1"])), w["W2"], w["b2"])

    net = Net(params)

    @eqx.filter_jit
    def step(net: Any) -> Any:
        loss, grads = eqx.filter_value_and_grad(lambda n: loss_of(s=n(x), y=y))(net)
        return eqx.apply_updates(net, jax.tree.map(lambda g: -0.8 * g, grads)), loss

    losses: list[float] = []
    for _ in range(80):
        net, loss = step(net)
        losses.append(float(loss))
    learns(losses)


def test_in_a_flax_nnx_module() -> None:
    nnx = pytest.importorskip("flax.nnx")
    x, y, params = data()
    fn = jax_function(MODEL)

    class Net(nnx.Module):
        def __init__(self) -> None:
            self.fn = fn
            self.W1, self.b1, self.W2, self.b2 = (nnx.Param(params[n]) for n in ("W1", "b1", "W2", "b2"))

        def __call__(self, x: Any, y: Any) -> Any:
            return self.fn(a=x, y=y, W1=self.W1[...], b1=self.b1[...], W2=self.W2[...], b2=self.b2[...])

    net = Net()

    @nnx.jit
    def step(net: Any) -> Any:
        loss, grads = nnx.value_and_grad(lambda n: n(x, y))(net)
        nnx.update(net, jax.tree.map(lambda p, g: p - 0.8 * g, nnx.state(net, nnx.Param), grads))
        return loss

    learns([float(step(net)) for _ in range(80)])


# --------------------------------------------------------------------------- random Systems
@pytest.mark.parametrize("start", some(81_000, 81_096, 8, 81_008))
def test_tangents_and_adjoints_are_transposed(start: int, x64: None) -> None:
    """``Σ seeds · (J t) = Σ (Jᵀ seeds) · t`` for every random System, J t by tangents and Jᵀ seeds by adjoints."""
    for number in range(start, start + 8):
        found = case_number(number)
        reverse = jax_function(found.system, wrt=found.wrt)
        forward = jax_function(found.system, wrt=found.wrt, forward=True)
        arrays = {n: jnp.asarray(a) for n, a in found.arrays.items()}
        fixed = {n: a for n, a in arrays.items() if n not in found.wrt}
        moved = {n: arrays[n] for n in found.wrt}
        towards = {n: jnp.cos(7 * a + 1) for n, a in moved.items()}

        def outputs(f: JaxFunction, moved: Any, fixed: Any = fixed) -> dict[str, Any]:
            out = f(**fixed, **moved)
            return out if isinstance(out, dict) else {f.outputs[0]: out}

        shapes = jax.eval_shape(lambda m, f=reverse: outputs(f, m), moved)
        seeds = {n: jnp.asarray(found.seeds.get(n, np.zeros(o.shape))) for n, o in shapes.items()}

        @jax.jit
        def both(moved: Any, towards: Any, seeds: Any, ahead: Any = forward, back: Any = reverse) -> Any:
            _, pushed = jax.jvp(lambda m: outputs(ahead, m), (moved,), (towards,))
            return pushed, jax.vjp(lambda m: outputs(back, m), moved)[1](seeds)[0]

        pushed, pulled = both(moved, towards, seeds)
        terms = [(s, pushed[n]) for n, s in seeds.items()], [(pulled[n], t) for n, t in towards.items()]
        sides = [sum(float(jnp.vdot(a, b)) for a, b in side) for side in terms]
        size = max(sum(float(jnp.vdot(jnp.abs(a), jnp.abs(b))) for a, b in side) for side in terms)
        assert abs(sides[0] - sides[1]) <= 1e-10 * max(size, 1e-3), f"case {number}\n{found.system}"


def test_places_outside_are_refused_outside_of_jit() -> None:
    f, E = jax_function("e_td = E[tok_t, d]"), np.ones((5, 2), np.float32)
    refused(lambda: f(E=E, tok=np.array([0, 5])), OutOfRange, "is 5, outside axis 1 of E")
    assert np.isnan(jax.jit(f)(np.array([0, 5]), E)[1]).all()
