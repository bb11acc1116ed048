"""Functions read at one set of sizes compute the same at every other: nothing of the example's sizes is left."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tensorprop.calculus.adjoint import adjoint
from tensorprop.core.equation import System
from tensorprop.errors import TensorpropError
from tensorprop.run.reference import evaluate
from tensorprop.text import parse, show
from tensorprop.trace.jax_read import from_jax
from tests.uncompiled import uncompiled

F = jax.ShapeDtypeStruct
CASES = {c["id"] for c in json.loads((Path(__file__).parent.parent / "data" / "outside_from_jax.json").read_text())}


def f32(*shape: int) -> Any:
    return F(shape, "float32")


def quiet(fn: Callable[..., Any], *args: Any, **more: Any) -> System:
    """The System, in which text and object are one; no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        s = from_jax(fn, *args, **more)
    assert parse(show(s)) is s
    return s


def same(s: System, fn: Callable[..., Any], given: dict[str, Any], **tables: Any) -> None:
    """The values of the function, at these arrays."""
    got = evaluate(s, {**{n: a for n, a in given.items() if n in s.inputs}, **tables})[s.outputs[0]]
    with jax.enable_x64(True):
        want = np.asarray(uncompiled(fn)(*(jnp.asarray(a) for a in given.values())))
    assert np.allclose(got, want, rtol=1e-5, atol=1e-5), show(s)


def cross_entropy(s, y):
    return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(s), -1))


def squares(W, x, y):
    return jnp.mean((x @ W - y) ** 2)


def centred(x):
    n = x.shape[0]
    return (jnp.eye(n) - 1 / n) @ x


# --------------------------------------------------------------------------- a number that is a size
@pytest.mark.parametrize("fn, shapes, text", [
    (lambda q, k: jax.nn.softmax((q / jnp.sqrt(q.shape[-1])) @ k.T), "td ud",
     "s_bc = q_bi k_ci / sqrt(dim(i)); y_bc = softmax_c(s_bc)"),
    (lambda q, k: (q * q.shape[-1] ** -0.5) @ k.T, "td ud", "y_bj = q_bi k_ji / sqrt(dim(i))"),
    (lambda q, k: q @ k.T / np.sqrt(q.shape[-1]), "td ud", "y_bj = q_bi k_ji / sqrt(dim(i))"),
    (lambda x: jnp.var(x, 0, ddof=1), "bi", "y_i = (Σ_b (x_bi - mean_n(x_ni))^2) / (dim(n) - 1)"),
    (lambda x: jnp.sum(x) / x.shape[0], "bi", "y = (Σ_bi x_bi) / dim(b)"),
    (lambda x: 0.9 * x + 0.1 / x.shape[1], "bi", "y_bi = 0.9 x_bi + 1 / (10 dim(i))"),
    (lambda x: x * np.log(x.shape[0]), "bi", "y_bi = log(dim(b)) x_bi"),
    (lambda x: x - x.shape[1], "bi", "y_bi = x_bi - dim(i)"),
    (lambda x: x * (x.shape[0] * x.shape[1]), "bi", "y_bi = dim(b) dim(i) x_bi"),
    (lambda W: W * np.sqrt(2 / (W.shape[0] + W.shape[1])), "ij", ""),
    (lambda W: W * W.shape[0] / W.shape[1], "ij", "y_ij = dim(i) W_ij / dim(j)"),
    (lambda x: x * (1 - 1 / x.shape[0]), "bi", ""),
    (lambda x: x / (x.shape[0] * (x.shape[0] - 1)), "bi", ""),
    (lambda x: x[:, -1], "bi", "y_b = x[b, dim(x, 1)-1]"),
    (jax.grad(squares), "ij bi bj", "E_ij = 2 (x_bk W_kj - y_bj) / (dim(j) dim(b)) · x_bi"),
    (jax.grad(cross_entropy), "bc bc", "a_bc = -y_bc / dim(b); E_bc = a_bc + (Σ_d (-a_bd)) softmax_c(s_bc)"),
    (jax.grad(lambda x: jnp.mean(jnp.mean(x, 1) ** 2)), "bi",
     "y_bj = 2 [j < dim(i)] mean_i(x_bi) / dim(b) / dim(i)"),
    (jax.grad(lambda x: jnp.mean(jax.nn.logsumexp(x, 1))), "bc", "y_bc = softmax_c(x_bc) / dim(b)"),
    (jax.grad(lambda x: jnp.sum(jax.nn.softmax(x) ** 2)), "bc", ""),
    (jax.grad(lambda x: jnp.var(x)), "bi", ""),
])  # fmt: skip
def test_sizes_are_sizes(fn: Callable[..., Any], shapes: str, text: str) -> None:
    first = dict(zip("bcdijktu", (3, 5, 6, 4, 7, 8, 9, 10), strict=True))
    s = quiet(fn, *(f32(*(first[i] for i in word)) for word in shapes.split()))
    if text:
        assert show(s) == text.replace("; ", "\n")
    rng = np.random.default_rng(0)
    for step in (2, 5, 11):
        sizes = {i: n + step * (k % 3 + 1) for k, (i, n) in enumerate(first.items())}
        names = [f"a{k}" for k in range(len(shapes.split()))]
        given = [rng.uniform(0.2, 1, [sizes[i] for i in word]) for word in shapes.split()]
        again = from_jax(fn, *(f32(*(first[i] for i in word)) for word in shapes.split()), names=names, verify=False)
        same(again, fn, dict(zip(names, given, strict=True)))


def test_constants_of_mathematics() -> None:
    pdf = jax.scipy.stats.norm.logpdf
    assert show(quiet(lambda x, m, s: pdf(x, m, s), f32(3), f32(3), f32(3))) == (
        "r_i = s_i^2\ny_i = -1/2 (log(2 π r_i) + (x_i - m_i)^2 / r_i)"
    )
    assert show(quiet(lambda x: x * np.float32(1 / 3), f32(5))) == "y_i = 1/3 x_i"
    assert show(quiet(lambda x: x * 0.333, f32(5))) == "y_i = 0.333 x_i"
    assert show(quiet(lambda x: x * 3.14159, f32(5))) == "y_i = 3.14159 x_i"
    assert show(quiet(lambda x: x / np.sqrt(2 * np.pi), f32(5))) == "y_i = x_i / sqrt(2 π)"


@pytest.mark.parametrize("fn, shape, words", [
    (lambda x: x * 0.25 * jnp.eye(4), (4, 4), ("0.25", "1/n", "n = 4", "axis 0 of x", "test_from_jax_sizes.py")),
    (lambda x: sum(x[k] ** (k + 1) for k in range(x.shape[0])), (3,), ("axis 0 of x", "size 3 alone", "lines")),
    (lambda x: x * float(x.shape[0] % 7 == 5), (5,), ("axis 0 of x", "nothing tells how it changes")),
])  # fmt: skip
def test_what_is_not_told_is_said(fn: Callable[..., Any], shape: tuple[int, ...], words: tuple[str, ...]) -> None:
    with pytest.warns(UserWarning) as caught:
        from_jax(fn, f32(*shape))
    told = " ".join(str(w.message) for w in caught)
    assert all(w in told for w in words), told


def test_what_is_read_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    from tensorprop.trace.recognise import Recognition

    monkeypatch.setattr(Recognition, "product", lambda self, a, b: a)  # a fault in the reader
    with pytest.raises(TensorpropError) as caught:
        from_jax(lambda x, w: x * w, f32(5), f32(5))
    assert "other values than the function" in str(caught.value) and "entry" in str(caught.value)
    from_jax(lambda x, w: x * w, f32(5), f32(5), verify=False)


# --------------------------------------------------------------------------- guards
AT_THE_ENDS = np.array([-1.0, 0.0, 0.5, 2.0, np.nan, np.inf, -np.inf], "float32")


@pytest.mark.parametrize("fn", [
    lambda x: jnp.where(jnp.isinf(x), 0.0, x),
    lambda x: jnp.nan_to_num(x, nan=1.0, posinf=2.0),
    lambda x: jnp.where(jnp.abs(x) < jnp.inf, x, 0),
    lambda x: jnp.where(x < jnp.inf, x, 7.0) + jnp.where(x >= -jnp.inf, 1.0, 0.0),
    lambda x: jnp.where(jnp.isneginf(x), 1.0, x),
    lambda x: jnp.nanmax(jnp.stack([x, 2 * x]), 0),
    jax.scipy.special.entr,
    jax.scipy.stats.expon.logpdf,
    jax.scipy.stats.uniform.pdf,
    lambda x: jax.nn.logsumexp(jnp.stack([x, x]), axis=0, b=jnp.array([[2.0], [-1.0]])),
    lambda x: x // 0.5 + x % 0.5 + jnp.signbit(x),
])  # fmt: skip
def test_infinities_and_what_is_no_number_are_as_in_the_function(fn: Callable[..., Any]) -> None:
    s = from_jax(fn, f32(7), names="x -> y")
    found = evaluate(s, {"x": AT_THE_ENDS.astype(float), **s.constants})["y"]
    with np.errstate(all="ignore"):
        want = np.asarray(uncompiled(fn)(jnp.asarray(AT_THE_ENDS)))
    assert np.allclose(found, want, rtol=1e-5, equal_nan=True), (s, found, want)


def test_what_is_no_number_is_asked_for() -> None:
    s = from_jax(lambda x: jnp.nansum(x, 1) + jnp.fmax(x[:, 0], x[:, 1]), f32(4, 3))
    x = np.array([[1.0, 2.0, np.nan], [np.nan, 5.0, -1.0]])
    assert "isnan" in show(s) and parse(show(s)) is s
    assert np.array_equal(evaluate(s, {s.inputs[0]: x})[s.outputs[0]], [5, 9])


def test_a_finite_guard_is_written_or_refused() -> None:
    def fn(x):
        return jnp.where(jnp.isfinite(x), x, 0.0).sum()

    try:
        s = from_jax(fn, f32(3))
    except TensorpropError as error:
        assert "finite" in str(error)
    else:
        assert evaluate(s, {"x": np.array([1.0, np.inf, 2.0])})["y"] == 3


def test_no_warning_of_numpy() -> None:
    s = quiet(lambda s: jnp.where(jnp.tril(jnp.ones((4, 4), bool)), s, jnp.finfo(s.dtype).min), f32(4, 4))
    assert show(s).startswith("y_bi = where([b ≥ i], s_bi, -3.4028235e38)")


# --------------------------------------------------------------------------- what depends on no argument
def test_tables_come_along() -> None:
    def every_third(s, m):
        n = s.shape[-1]
        return s + m[:, None] * lax.rem(jnp.arange(n), 3)

    with pytest.warns(UserWarning, match="depends on no argument.*const1.*constants"):
        s = from_jax(every_third, f32(2, 5), f32(2))
    assert show(s) == "y_bi = s_bi + m_b const1_i"
    assert s.inputs == ("s", "m", "const1") and list(s.constants) == ["const1"]
    rng = np.random.default_rng(0)
    same(s, every_third, {"s": rng.normal(size=(2, 5)), "m": rng.normal(size=2)}, **s.constants)
    assert parse("y_i = x_i").constants == {}


def _rope(x):
    t, half = jnp.arange(x.shape[0]), x.shape[1] // 2
    angle = t[:, None] * 10000.0 ** (-jnp.arange(half) / half)
    a, b = jnp.split(x, 2, -1)
    return a * jnp.cos(angle) - b * jnp.sin(angle)


def _distant(q, k):
    return q @ k.T - jnp.abs(jnp.arange(len(q))[:, None] - jnp.arange(len(k)))


def _alibi(s, m):
    t = jnp.arange(s.shape[-1])
    return s + m[:, None, None] * (t - t[:, None])


def _hann(x):
    return x * (0.5 - 0.5 * jnp.cos(2 * jnp.pi * jnp.arange(len(x)) / len(x)))


@pytest.mark.parametrize(
    "fn, at, run",
    [
        (_rope, [(5, 6)], [(7, 4)]),
        (_hann, [(5,)], [(8,)]),
        (lambda x: x * jnp.arange(len(x))[:, None], [(5, 2)], [(3, 4)]),
        (lambda x, w: x[:, None] ** jnp.arange(len(w)) @ w, [(5,), (3,)], [(4,), (6,)]),
        (_distant, [(5, 2), (7, 2)], [(4, 3), (6, 3)]),
        (_alibi, [(2, 5, 5), (2,)], [(3, 4, 4), (3,)]),
        (lambda x: x * jnp.linspace(0.0, 1.0, len(x))[:, None], [(5, 2)], [(7, 3)]),
        (lambda x: jnp.sum(x * 0.9 ** jnp.arange(len(x))), [(5,)], [(9,)]),
        (lambda x: x * jnp.arange(len(x)), [(5,)], [(4,)]),
    ],
)  # fmt: skip
def test_positions_are_numbers_at_every_size(fn: Any, at: Any, run: Any) -> None:
    """Position i is how many places stand before it; nothing of the example's sizes is left."""
    s = quiet(fn, *(f32(*shape) for shape in at), names=[f"a{n}" for n in range(len(at))])
    assert s.constants == {} and not any(n.startswith("const") for n in s.inputs) and "< " in show(s)
    rng = np.random.default_rng(0)
    given = [rng.uniform(0.5, 1, size=shape).astype(np.float32) for shape in run]
    ours = evaluate(s, {f"a{n}": a for n, a in enumerate(given)})["y"]
    np.testing.assert_allclose(ours, uncompiled(fn)(*map(jnp.asarray, given)), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("plus", [0.0, 1.0])
def test_what_a_factored_triangle_is_owed_is_told(plus: float, x64: None) -> None:
    """jax.grad of cho_factor owes a matrix what is not symmetric; its symmetric part is what is owed here."""
    linalg = jax.scipy.linalg

    def f(a, b):
        return b @ linalg.cho_solve(linalg.cho_factor(a + plus * jnp.eye(len(b))), b)

    with pytest.warns(UserWarning, match=r"is taken to be symmetric: .*\(G \+ Gᵀ\)/2 of what jax.grad gives"):
        s = from_jax(f, f32(3, 3), f32(3))
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 4)), rng.normal(size=4)
    a = a @ a.T + np.eye(4)
    both = s + adjoint(s, "a")
    ours = evaluate(both, {"a": a, "b": b})["δa"]
    theirs = np.asarray(jax.grad(f)(a, b))
    np.testing.assert_allclose(ours, (theirs + theirs.T) / 2, rtol=1e-10)
    assert not np.allclose(theirs, theirs.T)


def test_a_matrix_that_is_symmetric_by_itself_is_factored_without_a_word() -> None:
    linalg = jax.scipy.linalg

    def process(x, y):
        k = jnp.exp(-jnp.sum((x[:, None] - x) ** 2, -1)) + 0.1 * jnp.eye(len(x))
        return y @ linalg.cho_solve(linalg.cho_factor(k), y)

    quiet(process, f32(5, 2), f32(5))
    assert (
        show(quiet(lambda a, b: linalg.lu_solve(linalg.lu_factor(a), b, trans=1), f32(3, 3), f32(3)))
        == "y_i = inv(a)_ji b_j"
    )


def test_functions_among_the_leaves_stay() -> None:
    eqx = pytest.importorskip("equinox")
    m = eqx.nn.MLP(4, 3, 5, 2, key=jax.random.PRNGKey(0))
    s = quiet(lambda m, x: jax.vmap(m)(x), m, f32(6, 4))
    assert len(s) == 5 and show(s).startswith("z1_bj = x_bi weight^(layers,0)_ji + bias^(layers,0)_j")


# --------------------------------------------------------------------------- parts of axes
def flat(x):
    return x.reshape(-1)


@pytest.mark.parametrize("fn, shapes, text", [
    (lambda x: x[1:] - x[:-1], ((6, 4),), "y_ij = x[i+1, j] - x_ij; dim(i) = dim(x, 0) - 1"),
    (lambda x: jnp.diff(x), ((6,),), "y_i = x[i+1] - x_i; dim(i) = dim(x, 0) - 1"),
    (lambda x: jax.nn.glu(x), ((3, 6),), "y_bi = x_bi σ(x[b, i+dim(x, 1)/2]); dim(i) = 1/2 dim(x, 1)"),
    (lambda x: x[:, 4:], ((3, 8),), "y_bi = x[b, i+4]; dim(i) = dim(x, 1) - 4"),
    (lambda x: x[::2], ((6,),), "y_i = x[2i]; dim(i) = 1/2 dim(x, 0)"),
    (lambda x: x[::-1], ((6,),), "y_i = x[dim(x, 0)-1-i]; dim(i) = dim(x, 0)"),
    (lambda x, W: jnp.concatenate([x, x**2], 1) @ W, ((3, 5), (10, 4)),
     "y_bj = x_bi W_ij + x_bi^2 W[i+dim(x, 1), j]"),
    (flat, ((5, 3),), "y_j = [j = dim(i) b + i] x_bi; dim(j) = dim(x, 0) dim(x, 1)"),
    (lambda x, k: lax.conv(x, k, (1, 1), "VALID"), ((2, 3, 8, 8), (4, 3, 3, 3)),
     "y_bmik = x[b, t, i+j, k+l] k_mtjl; dim(i) = dim(x, 2) - dim(k, 2) + 1; dim(k) = dim(x, 3) - dim(k, 3) + 1"),
])  # fmt: skip
def test_parts_of_axes(fn: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        s = from_jax(fn, *(f32(*shape) for shape in shapes))
    assert parse(show(s)) is s
    said = [line for line in show(s).split("\n") if not line.startswith("dim(")]
    assert said == [line for line in text.split("; ") if not line.startswith("dim(")]


@pytest.mark.parametrize("fn, shapes", [
    (lambda x: jnp.sort(x), ((5,),)),
    (lambda x, z: jnp.concatenate([x, z]), ((5,), (6,))),
    (lambda x: jnp.block([[x, x**2], [3 * x, x + 1]]).reshape(2 * x.shape[0], 2, -1), ((3, 5),)),
    (centred, ((5, 3),)),
    (lambda K: (jnp.eye(5) - 1 / 5) @ K @ (jnp.eye(5) - 1 / 5), ((5, 5),)),
    (lambda x, W: jnp.mean(jnp.stack(jnp.split(x @ W, 2, -1)) ** 2), ((3, 6), (6, 8))),
    (lambda x: lax.top_k(x, 2)[0], ((5,),)),
    (lambda x, v: x.at[1:3].add(v), ((6,), (2,))),
    (lambda x: x.at[2].set(0.0), ((6,),)),
    (lambda A, b: jnp.linalg.solve(A, b), ((4, 4), (4,))),
    (lambda A: jnp.linalg.slogdet(A)[1], ((4, 4),)),
    (lambda A: jnp.linalg.inv(A), ((4, 4),)),
    (jax.hessian(lambda x: jnp.sum(jnp.tanh(x) ** 2)), ((4,),)),
    (jax.jacfwd(lambda W, x: jnp.tanh(W @ x)), ((4, 3), (3,))),
    (lambda x: jnp.cumprod(x), ((5,),)),
    (lambda x: lax.cummax(x), ((5,),)),
    (jax.grad(lambda A, b: jnp.sum(jnp.linalg.solve(A, b) ** 2)), ((4, 4), (4,))),
    (jax.grad(lambda A: jnp.linalg.slogdet(A)[1]), ((4, 4),)),
    (lambda A, b: jax.scipy.linalg.solve_triangular(A, b, lower=True), ((4, 4), (4,))),
    (lambda x: lax.reduce_window(x, -jnp.inf, lax.max, (1, 2), (1, 2), "VALID"), ((3, 8),)),
    (lambda x: jnp.stack([x, 2 * x]).sum(0), ((5,),)),
])  # fmt: skip
def test_more_is_read(fn: Callable[..., Any], shapes: tuple[tuple[int, ...], ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        s = from_jax(fn, *(f32(*shape) for shape in shapes))
    assert parse(show(s)) is s
    assert s.outputs


# --------------------------------------------------------------------------- a grammar of functions
def drawn(seed: int) -> Callable[..., Any]:
    """A function of x_bi, W_ij and y_bj: products, means, norms, sizes, gradients of these."""
    choices = np.random.default_rng(seed).integers(0, 10**6, 12)

    def fn(x, W, y):
        draw = iter(choices)
        h = x
        for _ in range(int(next(draw)) % 3 + 1):
            kind = int(next(draw)) % 9
            if kind == 0:
                h = h - h.mean(0)
            elif kind == 1:
                h = h / jnp.sqrt(jnp.sum(h**2, -1, keepdims=True) + 1)
            elif kind == 2:
                h = jax.nn.softmax(h)
            elif kind == 3:
                h = h / h.shape[1]
            elif kind == 4:
                h = h * np.log(h.shape[0])
            elif kind == 5:
                h = jnp.tanh(h) + 0.1 / h.shape[1]
            elif kind == 6:
                h = (h - h.mean(1, keepdims=True)) / jnp.sqrt(jnp.var(h, 1, ddof=1, keepdims=True) + 1e-2)
            elif kind == 7:
                h = (h @ h.T / np.sqrt(h.shape[1])) @ h
            else:
                h = h - 1 / (h.shape[0] - 1)
        z = h @ W
        last = int(next(draw)) % 4
        if last == 0:
            return jnp.mean((z - y) ** 2)
        if last == 1:
            return -jnp.mean(jnp.sum(y * jax.nn.log_softmax(z), -1))
        if last == 2:
            return jnp.sum(jnp.abs(z - y)) / z.size
        return jnp.mean(jax.nn.logsumexp(z, 1)) + jnp.sum(z * y) / y.shape[1]

    by = int(choices[-1]) % 4
    return fn if by == 3 else jax.grad(fn, by)


def agrees(seed: int) -> None:
    fn = drawn(seed)
    first = from_jax(fn, f32(4, 6), f32(6, 3), f32(4, 3), names="x W y -> out", verify=False)
    rng = np.random.default_rng(seed)
    for b, i, j in ((3, 5, 7), (6, 4, 2), (9, 11, 5)):
        given = {"x": rng.normal(size=(b, i)), "W": rng.normal(size=(i, j)), "y": rng.uniform(0.1, 1, (b, j))}
        same(first, fn, given)


@pytest.mark.parametrize("seed", range(8))
def test_read_once_and_run_at_three_sizes(seed: int) -> None:
    agrees(seed)


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(8, 200))
def test_read_once_and_run_at_three_sizes_many(seed: int) -> None:
    agrees(seed)


SHORT = {  # ends of an axis that overlap where it is short: read at 8, run at less
    "products": lambda x: jnp.sum((x[2:] * x[:-2])[1:] ** 2),
    "differences": lambda x: jnp.sum(jnp.diff(jnp.roll(x, 1) * x, 2) ** 3),
    "ends set": lambda x: jnp.sum(x.at[:3].set(0.5) * x.at[-3:].set(2.0) * x),
}


@pytest.mark.parametrize("name", SHORT)
def test_places_on_an_axis_that_change_their_order(name: str) -> None:
    for fn in (SHORT[name], jax.grad(SHORT[name])):
        s = quiet(fn, f32(8))
        for n in (3, 4, 5, 6, 7, 11):
            same(s, fn, {"x": np.random.default_rng(n).normal(size=n)})


def test_room_between_entries_of_merged_axes() -> None:
    def fn(x):
        return jnp.repeat(jnp.tanh(x).reshape(-1), 2)[1::2]

    s = quiet(jax.grad(lambda x: jnp.sum(fn(x) ** 3)), f32(3, 4))
    for shape in ((2, 5), (4, 3)):
        same(s, jax.grad(lambda x: jnp.sum(fn(x) ** 3)), {"x": np.random.default_rng(0).normal(size=shape)})


HELD = np.random.default_rng(7).normal(size=(6, 5)).astype(np.float32)


def scored(x):
    return x @ HELD / np.sqrt(HELD.shape[0])


class Slotted:
    __slots__ = ("W",)

    def __call__(self, x):
        return jnp.tanh(x @ self.W) / self.W.shape[1]


def _slotted(W):
    f = Slotted()
    f.W = W
    return lambda x: f(x)


def holding(W):
    """Functions of x that hold W, in the ways in which people hold arrays."""
    params, held = {"dense": [W]}, SimpleNamespace(W=W)
    return {
        "closed over": (lambda x: jnp.tanh(x @ W) / W.shape[1], "tanh(z_bj) / dim(j)"),
        "in a tree": (lambda x: 0.9 * x @ params["dense"][0] + 0.1 / params["dense"][0].shape[1], "1 / (10 dim(j))"),
        "a default": (lambda x, *, V=W: jnp.var(x @ V, 1, ddof=1), "(dim(k) - 1)"),
        "a global, called": (lambda x: scored(x), "sqrt(dim(i))"),
        "attribute": (lambda x: x @ held.W / held.W.shape[1], "/ dim(j)"),
        "in a slot": (_slotted(W), "tanh(z_bj) / dim(j)"),
        "of a class": (type("Shared", (), {"W": W, "f": lambda self, x: x @ self.W / self.W.shape[1]})().f, "/ dim(j)"),
        "compiled": (jax.jit(lambda x: x @ W / W.shape[1]), "/ dim(j)"),
        "a gradient": (jax.grad(lambda x: jnp.mean((x @ W) ** 2)), "(dim(b) dim(j))"),
        "over rows": (jax.vmap(lambda x: x @ W - jnp.log(W.shape[1])), "log(dim(j))"),
    }


@pytest.mark.parametrize("name", holding(HELD))
def test_sizes_of_arrays_that_a_function_holds(name: str) -> None:
    fn, words = holding(HELD)[name]
    with pytest.warns(UserWarning, match="closes over") as told:
        s = from_jax(fn, f32(3, 6))
    assert len(told) == 1 and words in show(s), show(s)
    assert np.array_equal(s.constants["const1"], HELD)
    other = np.random.default_rng(8).normal(size=(4, 9)).astype(np.float32)
    x = np.random.default_rng(9).normal(size=(7, 4))
    global_, globals()["HELD"] = HELD, other
    try:
        same(s, holding(other)[name][0], {"x": x}, const1=other)
    finally:
        globals()["HELD"] = global_


def test_a_size_that_only_an_array_out_of_reach_has_is_told() -> None:
    with pytest.warns(
        UserWarning, match=r"number 5 at .* may be n, n = 5 the size of axis 1 of an array of shape \(6, 5\)"
    ):
        s = from_jax(lambda x: x @ np.arange(30.0).reshape(6, 5) / 5, f32(3, 6))
    assert show(s) == "y_bj = 0.2 x_bi const1_ij"


def grouped(q, k):
    share = q.reshape(k.shape[0], -1, *q.shape[1:])
    return jnp.einsum("gmtd,gud->gmtu", share, k).reshape(q.shape[0], q.shape[1], -1) / jnp.sqrt(q.shape[2])


def test_a_ratio_of_two_sizes() -> None:
    def loss(q, k):
        return jnp.sum(grouped(q, k) ** 2)

    for fn in (grouped, jax.grad(loss), jax.grad(loss, 1)):
        s = quiet(fn, f32(4, 3, 5), f32(2, 7, 5))
        assert "dim(q, 0) / dim(k, 0)" in show(s) and " 2 " not in show(s).replace(" = 2 ", ""), show(s)
        for heads, groups in ((6, 2), (6, 3), (5, 5), (8, 1)):
            rng = np.random.default_rng(heads)
            same(s, fn, {"q": rng.normal(size=(heads, 4, 3)), "k": rng.normal(size=(groups, 5, 3))})


def pooled(window, strides, padding):
    def pool(x):
        return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, padding)

    return jax.grad(lambda x: jnp.sum(pool(jax.nn.relu(x)) ** 2 * 0.5 + pool(x)))


CHOSEN = {  # by what comes: a function, the shapes at which it is read, and at which it is run
    "a branch": (lambda x: lax.cond(jnp.sum(x) > 0, lambda x: x**2, lambda x: -x, x), (3, 4), [(2, 5), (4, 3)]),
    "a branch of a scalar": (lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x[1]), (4,), [(2,), (5,)]),
    "its gradient": (
        jax.grad(lambda x: lax.cond(x[0] > x[1], lambda x: jnp.sum(x**2), lambda x: jnp.sum(x**3), x)),
        (3,),
        [(4,)],
    ),
    "one of three": (lambda x: lax.switch(jnp.argmax(x), [jnp.tanh, jnp.exp, lambda x: x * x], x), (5,), [(4,), (6,)]),
    "windows": (pooled((2,), (2,), "VALID"), (8,), [(6,), (9,)]),
    "windows that overlap": (pooled((3,), (1,), "SAME"), (8,), [(5,), (6,)]),
    "windows in two directions": (pooled((1, 2, 3), (1, 2, 2), ((0, 0), (0, 0), (1, 1))), (2, 4, 7), [(3, 6, 9)]),
    "the middle": (lambda x: jnp.median(x) + x[x.shape[0] // 2], (7,), [(5,), (6,), (8,)]),
    "a quantile": (lambda x: jnp.quantile(x, 0.25), (5,), [(4,), (6,), (7,), (8,), (9,)]),
    "half an axis": (lambda x: x - x[: x.shape[0] // 2].mean(), (6,), [(4,), (5,), (7,)]),
    "every third": (lambda x: x[::3] * x[x.shape[0] // 3], (6,), [(4,), (5,), (7,), (8,)]),
}


def near_by(relation: str) -> Callable[..., Any]:
    def fn(x):
        apart = jnp.abs(jnp.arange(x.shape[0])[:, None] - jnp.arange(x.shape[1]))
        return jnp.where(getattr(jnp, relation)(apart, 2), x, 0.0)

    return fn


for _relation in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal"):
    CHOSEN[f"places apart, {_relation}"] = near_by(_relation), (6, 5), [(4, 7), (3, 3)]


@pytest.mark.parametrize("name", CHOSEN)
def test_branches_windows_and_shares_at_other_sizes(name: str) -> None:
    fn, shape, others = CHOSEN[name]
    s = quiet(fn, f32(*shape))
    for n, other in enumerate(others):
        same(s, fn, {"x": np.random.default_rng(n).normal(size=other)})


def test_every_case_of_the_file_is_here() -> None:
    assert {
        "B-size-early-sqrt", "B-size-flax-attention", "B-size-ddof", "B-size-smooth-labels", "B-size-grad-ce",
        "B-size-grad-mse", "B-isfinite", "B-finfo-warning", "B-stop-gradient", "B-split", "B-slice",
        "B-position-number", "B-constants-both-sides", "B-eqx-arg", "B-reshape-compile", "B-2pi",
    } == CASES  # fmt: skip
