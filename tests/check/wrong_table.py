"""Wrong backward rules, each with the name of its fault: some made by seeded edits of right ones, some by hand.

The edits here are those of somebody who is tired, and share nothing with the ones that a diagnosis tries.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np

import tensorprop as tp
from tensorprop import layers
from tensorprop.calculus.page import seed_of
from tensorprop.check.numbers.draw import KINDS, arrays, shapes
from tensorprop.check.numbers.jax_oracle import evaluate
from tensorprop.core.build import add, mul, number, power, remake, rename
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Add, Call, Dim, Expr, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.kinds import whole_numbers
from tensorprop.core.ranges import infer
from tensorprop.core.walk import tensors_of
from tensorprop.errors import TensorpropError
from tensorprop.layers import Layer

SEED = 4
NAMES = (
    *("transposed", "missing sum", "missing term", "second path", "extra term", "sign", "factor", "mean", "slope"),
    *("argument", "tensor", "index", "exchanged", "missing factor", "extra factor", "power"),
)


class Wrong(NamedTuple):
    """A wrong rule for a layer, and what is wrong with it."""

    forward: str
    rule: str
    fault: str
    given: str = ""


# --------------------------------------------------------------------------- right rules
OTHERS: tuple[tuple[str, str], ...] = (
    ("z_j = a_i W_ij + b_j", "δa_i = W_ij δz_j; δW_ij = a_i δz_j"),
    ("z_bj = a_bi W_ij + b_j; h_bj = f(z_bj)", "δz_bj = f′(z_bj) δh_bj; δW_ij = a_bi δz_bj; δa_bi = W_ij δz_bj"),
    ("h_j = f(a_i W_ij + b_j)", "δa_i = W_ij f′(a_k W_kj + b_j) δh_j"),
    (
        "z_bj = a_bi W_ij; h_bj = tanh(z_bj); o_bk = h_bj U_jk; E = 1/2 (o_bk - y_bk)^2",
        "δo_bk = o_bk - y_bk; δh_bj = U_jk δo_bk; δU_jk = h_bj δo_bk; δz_bj = (1 - h_bj^2) δh_bj; δW_ij = a_bi δz_bj",
    ),
    (
        "q_ti = x_tj Q_ji; k_ti = x_tj K_ji; s_tu = q_ti k_ui; p_tu = softmax_u(s_tu); o_ti = p_tu v_ui",
        "δp_tu = δo_ti v_ui; δs_tu = p_tu (δp_tu - Σ_w p_tw δp_tw); δq_ti = δs_tu k_ui; δk_ui = δs_tu q_ti; "
        "δv_ui = p_tu δo_ti; δx_tj = δq_ti Q_ji + δk_ti K_ji",
    ),
    (
        "m_b = mean_i(x_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); r_b = (v_b + 1e-5)^(-1/2); y_bi = g_i c_bi r_b",
        "δg_i = δy_bi c_bi r_b; δr_b = δy_bi g_i c_bi; δc_bi = δy_bi g_i r_b + 2 c_bi δv_b / dim(i); "
        "δv_b = -1/2 δr_b r_b^3; δx_bi = δc_bi - mean_k(δc_bk)",
    ),
    ("E = x_i A_ij x_j", "δx_k = A_ki x_i + A_ik x_i; δA_ij = x_i x_j"),
    ("y_i = W_ij x_j + V_ij x_j", "δx_j = W_ij δy_i + V_ij δy_i; δW_ij = δy_i x_j"),
    ("y_i = x_i / s; s = x_j x_j", "δx_i = δy_i / s + 2 x_i δs; δs = -x_i δy_i / s^2"),
    ("y_k = x_i T_ijk w_j", "δx_i = T_ijk w_j δy_k; δw_j = T_ijk x_i δy_k; δT_ijk = x_i w_j δy_k"),
    ("E = 1/2 Σ_ij (A_ij - Σ_k U_ik V_jk)^2", "δU_ik = -(A_ij - U_il V_jl) V_jk; δV_jk = -(A_ij - U_il V_jl) U_ik"),
    (
        "c_t = f_t p_t + i_t g_t; h_t = o_t tanh(c_t)",
        "δc_t = o_t (1 - tanh(c_t)^2) δh_t; δf_t = p_t δc_t; δo_t = tanh(c_t) δh_t",
    ),
    ("r_bi = x_bi + u_bj W_ji; u_bj = relu(x_bi V_ij)", "δu_bj = W_ji δr_bi; δV_ij = x_bi [u_bj > 0] δu_bj"),
    ("S_ij = X_ib X_jb", "δX_ib = (δS_ij + δS_ji) X_jb"),
    ("y_i = a_i^3 c_i", "δa_i = 3 a_i^2 c_i δy_i; δc_i = a_i^3 δy_i"),
    ("E = Σ_i exp(x_i) sin(x_i)", "δx_i = exp(x_i) sin(x_i) + exp(x_i) cos(x_i)"),
    ("y_b = logsumexp_c(s_bc)", "δs_bc = exp(s_bc - y_b) δy_b"),
    ("d_mn = (x_mk - w_nk)^2", "δx_mk = 2 (x_mk - w_nk) δd_mn; δw_nk = -2 (x_mk - w_nk) δd_mn"),
)


class Right(NamedTuple):
    """A layer's equations, with the rules that are right."""

    forward: str
    rules: tuple[Equation, ...]
    parts: str
    given: str


@cache
def right() -> tuple[Right, ...]:
    """The layers of the library but recurrences, whose slips test_shifts_and_loops has, and other Systems."""
    found: list[Right] = []
    for _, kind in inspect.getmembers(layers, inspect.isclass):
        if issubclass(kind, Layer) and kind is not Layer:
            page = kind().page
            if page.system.recurrent:
                continue
            given = "; ".join(f"{a} = {b}" for a, b in page.given)
            parts = "\n".join(str(eq) for eq in page.parts)
            found.append(Right(str(page.system), page.rules, parts, given))
    for forward, rules in OTHERS:
        page = tp.Layer(forward, rules).page
        found.append(Right(forward, page.rules, "", ""))
    return tuple(found)


# --------------------------------------------------------------------------- tired hands
Path = tuple[int, ...]


def _paths(e: Expr, at: Path = (), scope: frozenset[str] = frozenset()) -> Iterator[tuple[Path, Expr, frozenset[str]]]:
    yield at, e, scope
    if isinstance(e, (Sum, Reduce)):
        scope = scope | frozenset(e.indices)
    for k, c in enumerate(e.children):
        yield from _paths(c, (*at, k), scope)


def _put(e: Expr, at: Path, new: Expr) -> Expr:
    if not at:
        return new
    children = list(e.children)
    children[at[0]] = _put(children[at[0]], at[1:], new)
    return remake(e, tuple(children))


def _inside_call(e: Expr, at: Path) -> bool:
    for k in at[:-1]:
        if isinstance(e, Call) and e.function != "power":
            return True
        e = e.children[k]
    return isinstance(e, Call) and e.function != "power"


Slip = tuple[str, Expr]


def slips(rule: Equation, forward: System, rng: random.Random) -> Iterator[Slip]:
    """Every slip of a tired hand in a rule: the name of the fault, and the right side with it."""
    e, letters = rule.value, frozenset(rule.letters)
    tensor = rule.name.removeprefix("δ")
    yield "sign", mul(number(-1), e)
    for c in ("2", "1/2", "3/2", "1.001"):
        yield "factor", mul(number(c), e)
    for d in {Dim(t.name.removeprefix("δ"), k) for t in tensors_of(e) for k in range(len(t.subscripts))}:
        if d.tensor in forward.names:
            yield "mean", mul(e, power(d, number(rng.choice((1, -1)))))
    uses = sum(str(eq.value).count(tensor + "_") for eq in forward)
    for at, n, scope in _paths(e, (), letters):
        match n:
            case Tensor(name, subscripts) if len(subscripts) == 2 and len(set(subscripts)) == 2:
                yield "transposed", _put(e, at, Tensor(name, subscripts[::-1]))
            case Sum((i,), body) | Reduce("mean", (i,), body, ()):
                for j in sorted(scope):
                    yield "missing sum", _put(e, at, rename(body, {i: j}))
            case _:
                pass
        match n:
            case Tensor(name, subscripts) if not (at and isinstance(_node(e, at[:-1]), Tensor)):
                for other in forward.names:
                    same = forward.rank(other) == len(subscripts) and other != name and f"δ{other}" != rule.name
                    if same and not name.startswith("δ") and _fits(forward, name, other):
                        yield "argument" if _inside_call(e, at) else "tensor", _put(e, at, Tensor(other, subscripts))
                    later = name.startswith("δ") and f"δ{other}" != name and other in _after(forward, tensor)
                    if same and later and _fits(forward, name[1:], other):
                        yield "tensor", _put(e, at, Tensor(f"δ{other}", subscripts))
                bound = [k for k, i in enumerate(subscripts) if isinstance(i, Index) and i.name in scope - letters]
                for k in bound:
                    for j in sorted(scope - {subscripts[k].name}):  # type: ignore[attr-defined]
                        yield "index", _put(e, at, Tensor(name, (*subscripts[:k], Index(j), *subscripts[k + 1 :])))
            case Add(terms):
                for k, t in enumerate(terms):
                    rest = add(*terms[:k], *terms[k + 1 :])
                    if not isinstance(rest, Number):
                        yield "second path" if uses > 1 and not at else "missing term", _put(e, at, rest)
                    if k:
                        yield "sign", _put(e, at, add(*terms[:k], mul(number(-1), t), *terms[k + 1 :]))
            case Mul(factors):
                for k, f in enumerate(factors):
                    if not isinstance(f, (Number, Sum)) and not any(isinstance(m, Dim) for _, m, _ in _paths(f)):
                        yield "missing factor", _put(e, at, mul(*factors[:k], *factors[k + 1 :]))
                    if isinstance(f, Tensor) and not f.name.startswith("δ"):
                        yield "extra factor", _put(e, at, mul(*factors, f))
            case Call("power", (base, Number(value))) if value > 0:
                yield "power", _put(e, at, power(base, number(value + 1)))
            case Call(name, args) if name.endswith("′"):
                yield "slope", _put(e, at, Call(name[:-1], args))
                yield "slope", _put(e, at, Call(name[:-1] + "″", args))
            case _:
                pass
    if isinstance(e, (Add, Mul)):
        some = [t for t in tensors_of(e) if t.free == letters]
        yield from (("extra term", add(e, t)) for t in some[:1])


def _node(e: Expr, at: Path) -> Expr:
    for k in at:
        e = e.children[k]
    return e


def _after(forward: System, tensor: str) -> set[str]:
    found = {tensor}
    for eq in forward.ordered:
        if not found.isdisjoint(eq.inputs):
            found.add(eq.name)
    return found - {tensor}


def _fits(forward: System, one: str, other: str) -> bool:
    r = infer(forward)
    return one in forward.names and all(r.find(one, k) == r.find(other, k) for k in range(forward.rank(one)))


# --------------------------------------------------------------------------- is it wrong?
@cache
def _truth(forward: System, given: str) -> tuple[tuple[dict[str, np.ndarray], int], ...]:
    """True values and adjoints, by the equations and their adjoints as they stand."""
    labels = whole_numbers(forward)
    page = tp.Layer(forward, given=given).page
    back = tp.adjoint(forward, wrt=[n for n in forward.names if n not in labels and n not in forward.outputs])
    found: list[tuple[dict[str, np.ndarray], int]] = []
    for square in (False, True):
        for kind in KINDS:
            inputs = arrays(forward, shapes(forward, square), 5, kind, page.given)
            values = evaluate(forward, inputs, 1)
            rng = np.random.default_rng(0)
            ends = {f"δ{n}": rng.normal(size=values[n].shape) for n in forward.outputs}
            if (last := seed_of(forward)) is not None:
                ends[last] = np.ones(())
            both = system([*forward, *back], dict.fromkeys((*forward.facts, *back.facts)))
            whole = evaluate(both, {**inputs, **ends}, 1) | ends
            if all(np.isfinite(a).all() for a in whole.values()):
                found.append((whole, 1))
                break
    return tuple(found)


def is_wrong(forward: System, given: str, rule: Equation, parts: System) -> bool:
    """Whether some entry differs from the truth, by more than rounding could."""
    for truth, seed in _truth(forward, given):
        try:
            more = evaluate(parts, {n: truth[n] for n in parts.inputs}, seed) if len(parts) else truth
            line = forward.of([rule])
            needed = {n: {**truth, **more}[n] for n in (*line.inputs, rule.name[1:])}
            got = evaluate(line, needed, seed)[rule.name]
        except (TensorpropError, KeyError):
            continue
        want = truth[rule.name]
        if got.shape == want.shape and np.abs(got - want).max() > 1e-7 * max(1e-300, np.abs(want).max()):
            return True
    return False


@cache
def seeded(each: int = 3) -> tuple[Wrong, ...]:
    """Wrong rules made by seeded edits, faults of many names for every right rule."""
    found: list[Wrong] = []
    told: dict[str, int] = dict.fromkeys(NAMES, 0)
    for page in right():
        forward = tp.parse(page.forward)
        parts = tp.parse(page.parts) if page.parts else system(())
        for rule in page.rules:
            rng = random.Random(f"{SEED} {page.forward} {rule}")
            options: dict[str, list[Expr]] = {}
            for fault, value in slips(rule, forward, rng):
                options.setdefault(fault, []).append(value)
            names = sorted(options, key=lambda name: (told[name], rng.random()))
            made = 0
            for fault in names:
                rng.shuffle(options[fault])
                for value in options[fault][:6]:
                    wrong = _accepted(page, rule, value)
                    if wrong is not None and is_wrong(forward, page.given, wrong, parts):
                        text = str(wrong) if not page.parts else f"{page.parts}\n{wrong}"
                        found.append(Wrong(page.forward, text, fault, page.given))
                        told[fault] += 1
                        made += 1
                        break
                if made == each:
                    break
    return (*found, *_exchanged())


def _accepted(page: Right, rule: Equation, value: Expr) -> Equation | None:
    """The rule with this right side, if it is one that the notation and a layer take."""
    try:
        wrong = equation(rule.target, value)
        text = str(wrong)
        back = tp.parse(text)[rule.name]
        tp.Layer(page.forward, text if not page.parts else f"{page.parts}\n{text}")
    except TensorpropError:
        return None
    return wrong if back is wrong and wrong is not rule else None


def _exchanged() -> Iterator[Wrong]:
    """Gradients handed to each other's parameter."""
    for forward, one, other in (
        ("y_i = W_ij x_j; q_i = V_ij x_j", "W", "V"),
        ("y_ij = g_i x_j; q_ij = k_i x_j", "g", "k"),
        ("z_bj = a_bi U_ij; r_bj = c_bi V_ij", "U", "V"),
        ("q_ti = x_tj Q_ji; k_ti = x_tj K_ji; s_tu = q_ti k_ui", "Q", "K"),
    ):
        s = tp.parse(forward)
        derived = tp.adjoint(s, wrt=(one, other))
        a, b = derived[f"δ{one}"], derived[f"δ{other}"]
        swapped = [
            equation(a.target, b.rename(dict(zip(b.letters, a.letters, strict=True))).value),
            equation(b.target, a.rename(dict(zip(a.letters, b.letters, strict=True))).value),
        ]
        yield Wrong(forward, "; ".join(map(str, swapped)), "exchanged")


# --------------------------------------------------------------------------- by hand
HUMAN: tuple[tuple[Wrong, str], ...] = tuple(
    (Wrong(forward, rule, fault), words)
    for forward, rule, fault, words in (
        (
            "z_bj = a_bi W_ij + b_j",
            "δa_bi = δz_bj W_ji",
            "transposed",
            "W is transposed: W_ji stands where W_ij belongs",
        ),
        ("z_j = a_i W_ij", "δW_ij = δz_i a_j", "transposed", "i and j are exchanged in δW"),
        ("s_tu = q_ti k_ui", "δk_ui = δs_ut q_ti", "transposed", "δs is transposed: δs_ut stands where δs_tu belongs"),
        ("y_i = A_ij x_j", "δx_j = -A_ji δy_i", "transposed", "A is transposed"),
        ("z_bj = a_bi W_ij + b_j", "δb_j = mean_b(δz_bj)", "mean", "a mean stands where a sum belongs"),
        ("E = mean_bj((a_bj - y_bj)^2)", "δa_bj = 2 (a_bj - y_bj)", "mean", "1/dim(b)"),
        ("E = mean_bj((a_bj - y_bj)^2)", "δa_bj = 2 (a_bj - y_bj) / dim(b)", "mean", "the mean's 1/dim(j) is missing"),
        ("E = -mean_b(y_bc log(p_bc))", "δp_bc = -y_bc / p_bc / dim(c)", "mean", "dim(c)"),
        ("E = 1/2 (h_bj - y_bj)^2", "δh_bj = y_bj - h_bj", "sign", "the sign is wrong"),
        ("E = (h_j - y_j)^2", "δh_j = h_j - y_j", "factor", "1/2 of what it should be: a factor 2 is missing"),
        ("p_t = softmax_t(s_t)", "δs_t = p_t (1 - p_t) δp_t", "missing sum", "the sum over u is missing"),
        ("p_t = softmax_t(s_t)", "δs_t = p_t δp_t", "missing term", "is missing"),
        ("p_t = softmax_t(s_t)", "δs_t = p_t (δp_t + Σ_u p_u δp_u)", "sign", "the sign of Σ_u p_u δp_u is wrong"),
        ("p_t = softmax_t(s_t)", "δs_t = p_t (δp_t - Σ_u δp_u)", "missing factor", "the factor p_u is missing"),
        ("l_t = logsoftmax_t(s_t)", "δs_t = δl_t - l_t Σ_u δl_u", "function", "exp(l_t)"),
        (
            "l_t = logsoftmax_t(s_t)",
            "δs_t = δl_t - Σ_u exp(l_u) δl_u",
            "index",
            "exp(l_u) stands where exp(l_t) belongs",
        ),
        ("h_j = tanh(z_j)", "δz_j = (1 - z_j^2) δh_j", "tensor", "z_j stands where h_j belongs"),
        ("h_j = tanh(z_j)", "δz_j = (1 + h_j^2) δh_j", "sign", "the sign of h_j^2 is wrong: - belongs there"),
        ("h_j = tanh(z_j)", "δz_j = (1 - h_j) δh_j", "power", "h_j stands where h_j^2 belongs"),
        ("h_j = σ(z_j)", "δz_j = h_j δh_j", "slope", "the slope of sigmoid"),
        ("h_j = f(z_j)", "δz_j = f(z_j) δh_j", "slope", "f stands where f′ belongs"),
        ("h_j = f(z_j)", "δz_j = f′(h_j) δh_j", "argument", "f′ is taken at h, not at z"),
        ("z_j = a_i W_ij; h_j = f(z_j)", "δa_i = W_ij δh_j", "tensor", "δh_j stands where δz_j belongs"),
        ("y_i = x_i + u_i; u_i = W_ij x_j", "δx_j = W_ij δu_i", "second path", "through y"),
        ("E = x_i A_ij x_j", "δx_i = A_ij x_j", "second path", "x stands twice in E"),
        ("S_ij = X_ib X_jb", "δX_ib = δS_ij X_jb", "second path", "X stands twice in S"),
        ("y_i = x_i / s; s = x_j x_j", "δx_i = δy_i / s", "second path", "through s, is missing"),
        (
            "y_i = W_ij x_j; q_i = V_ij x_j",
            "δW_ij = δq_i x_j; δV_ij = δy_i x_j",
            "exchanged",
            "δW and δV are exchanged",
        ),
        ("o_ti = p_tu v_ui", "δv_ui = p_ut δo_ti", "transposed", "p is transposed"),
        (
            "c_bi = x_bi - m_b; m_b = mean_k(x_bk); y_bi = c_bi",
            "δx_bi = δc_bi",
            "second path",
            "through m, is missing",
        ),
        ("a_j = relu(z_j)", "δz_j = δa_j [z_j < 0]", "relation", "[z_j < 0] stands where"),
        ("y_i = a_i^3", "δa_i = 3 a_i^3 δy_i", "power", "a_i^3 stands where a_i^2 belongs"),
        ("y_i = a_i^3", "δa_i = 2 a_i^2 δy_i", "factor", "2/3"),
    )
)

NORM = "m_b = mean_i(x_bi); c_bi = x_bi - m_b; v_b = mean_i(c_bi^2); r_b = 1/sqrt(v_b + 0.001); n_bi = c_bi r_b"
UNIT = "n = sqrt(x_i x_i); y_i = x_i / n"

FARTHER: tuple[tuple[Wrong, str], ...] = tuple(
    (Wrong(forward, rule, fault, given), words)
    for forward, rule, fault, words, given in (
        # one line for what the derived rule does in several
        (
            NORM,
            "δx_bi = r_b (δn_bi - mean_j(δn_bj) - mean_j(n_bj δn_bj))",
            "missing factor",
            "the factor n_bi is missing",
            "",
        ),
        (NORM, "δx_bi = δn_bi - mean_j(δn_bj) - n_bi mean_j(n_bj δn_bj)", "missing factor", "r_b is missing", ""),
        (NORM, "δc_bi = δn_bi r_b + 2 c_bi δv_b", "mean", "the mean's 1/dim(i) is missing", ""),
        (UNIT, "δx_i = (δy_i - y_i Σ_j y_j) / n", "missing factor", "the factor δy_j is missing", ""),
        # a sum along the wrong axis, letters exchanged between two factors
        (UNIT, "δx_i = (δy_i - y_j y_j δy_i) / n", "index", "belongs", ""),
        ("E = Σ_b logsumexp_k(z_bk)", "δz_bk = exp(z_bk) / Σ_c exp(z_ck)", "index", "over the wrong index", ""),
        (
            "p_tu = softmax_u(s_tu)",
            "δs_tu = p_tu (δp_tu - Σ_w p_wu δp_wu)",
            "index",
            "Σ_w p_wu δp_wu stands where Σ_w p_tw δp_tw belongs",
            "",
        ),
        # what stands there is kept in sight
        ("h_j = relu(z_j)", "δz_j = δh_j [h_j ≥ 0]", "relation", "[h_j ≥ 0] stands where", ""),
        ("z_j = W_ji a_i; h_j = f(z_j)", "δa_i = W_ji f′(a_i) δh_j", "argument", "f′ is taken at a_i, not at z_j", ""),
        ("h_j = o_j tanh(c_j)", "δc_j = δh_j o_j (1 - c_j^2)", "function", "c_j stands where tanh(c_j) belongs", ""),
        (
            "y_i = W_ij x_j + V_ij x_j",
            "δx_j = W_ij δy_i - V_ij δy_i",
            "sign",
            "the sign of Σ_i V_ij δy_i is wrong: +",
            "",
        ),
        ("E = Σ_b softplus(s_b)", "δs_b = σ(-s_b)", "sign", "the sign of s_b is wrong", ""),
        (
            "E = -Σ_i logsoftmax_j(s_ij)[i]",
            "δs_ij = softmax_j(s_ij) - 1",
            "missing factor",
            "is missing",
            "",
        ),
        (
            "p_t = softmax_t(s_t)",
            "g = p_t δp_t; δs_t = p_t (δp_t - g p_t)",
            "extra factor",
            "the factor p_t is one too many",
            "",
        ),
        ("E = 1/2 x_i A_ij x_j", "δx_i = (A_ij + A_ji) x_j", "factor", "2", ""),
        # several paths at once, and what is missing in an exponent
        (
            "m_b = mean_i(x_bi); s_b = sqrt(mean_i((x_bi - m_b)^2)); y_bi = (x_bi - m_b) / s_b",
            "δx_bi = δy_bi / s_b",
            "second path",
            "the path through s is missing",
            "",
        ),
        ("y_b = (1 - p_b)^γ", "δp_b = -γ (1 - p_b)^γ δy_b", "missing term", "γ stands where (γ - 1) belongs", ""),
        # right where a matrix is symmetric
        (
            "y = x_i A_ij x_j",
            "δx_i = 2 A_ij x_j δy",
            "transposed",
            "2 A_ij stands where A_ij + A_ji belongs, the same where A",
            "",
        ),
        (
            "y = x_i inv(S)_ij x_j",
            "δx_i = 2 inv(S)_ij x_j",
            "transposed",
            "inv(S)_ij + inv(S)_ji belongs, the same where S",
            "",
        ),
        ("G_ij = X_ik X_jk", "δX_ik = 2 δG_ij X_jk", "transposed", "in one of two terms: 2 δG_ij stands where", ""),
        ("E = x_i A_ij x_j - b_i x_i", "δx_i = 2 (A_ij + A_ji) x_j - b_i", "factor", "the terms", ""),
        # subscripts that are shifted or picked
        ("K_ij = exp(-D_ij / (2 s^2))", "δD_ij = K_ij δK_ij / (2 s^2)", "sign", "the whole should be negated", ""),
        ("y_to = w_ocs x[t+s, c] m_t", "δw_ocs = -x[t+s, c] m_t δy_to", "sign", "the sign is wrong", ""),
        (
            "E = -1/dim(b) Σ_b logsoftmax_k(z_bk)[y_b]",
            "δz_bk = softmax_k(z_bk) - [k = y_b]",
            "mean",
            "the mean's 1/dim(b) is missing",
            "",
        ),
        # nobody has said it
        ("p_bk = softmax_k(z_bk); E = -Σ_bk t_bk log(p_bk)", "δz_bk = p_bk - t_bk", "given", "Σ_k t_bk = 1", ""),
        (
            "p_bk = softmax_k(z_bk); E = -Σ_bk t_bk log(p_bk)",
            "δz_bk = t_bk - p_bk",
            "sign",
            "should be negated",
            "Σ_k t_bk = 1",
        ),
    )
)
"""What was farther to seek: rules in one line, sums along a wrong axis, shifts, what is not given."""
