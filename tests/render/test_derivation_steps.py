"""Every line of a derivation has the value of the one before, and the last is the rule of the calculus itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tensorprop.calculus import adjoint, derive
from tensorprop.calculus.laws import one_point
from tensorprop.core.build import bracket, mul, sum_over, tensor
from tensorprop.core.canon import canonical
from tensorprop.core.equation import Equation, System, equation, system
from tensorprop.core.expr import Bracket, Index, Tensor
from tensorprop.core.ranges import one_axis
from tensorprop.core.walk import postorder
from tensorprop.render.derivation.derivation import LAWS_OF_CHANGE, Derivation, explain
from tensorprop.render.derivation.passage import moves
from tensorprop.run.reference import evaluate
from tensorprop.text import parse

# Systems with the size of every letter, all different, so that a wrong index cannot hide.
SYSTEMS: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "dense": ("z_j = a_i W_ij + b_j; h_j = tanh(z_j)", {"a": (2,), "W": (2, 3), "b": (3,)}),
    "batch": (
        "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2",
        {"a": (2, 3), "W": (3, 4), "b": (4,), "y": (2, 4)},
    ),
    "square": ("h_i = x_i + W_ij y_j; y_j = sin(x_j)", {"x": (3,), "W": (3, 3)}),
    "softmax": ("p_bj = softmax_j(z_bj); E = -y_bj log(p_bj)", {"z": (2, 3), "y": (2, 3)}),
    "logsoftmax": ("q_bj = logsoftmax_j(z_bj); E = -y_bj q_bj", {"z": (2, 3), "y": (2, 3)}),
    "attention": (
        "S_tu = Q_td K_ud / sqrt(dim(d)); P_tu = softmax_u(S_tu); O_te = P_tu V_ue",
        {"Q": (2, 3), "K": (4, 3), "V": (4, 5)},
    ),
    "attention, letters of tensors": (
        "S_tu = q_td k_ud / sqrt(|d|); P_tu = softmax_u(where(u <= t, S_tu, -1e30)); o_te = P_tu v_ue",
        {"q": (4, 3), "k": (4, 3), "v": (4, 5)},
    ),
    "layer norm": (
        "m_b = mean_i x_bi; v_b = mean_i (x_bi - m_b)^2; y_bi = (x_bi - m_b) / sqrt(v_b + eps); h_bi = g_i y_bi + c_i",
        {"x": (2, 3), "eps": (), "g": (3,), "c": (3,)},
    ),
    "quadratic form": ("y = x_i A_ij x_j", {"x": (3,), "A": (3, 3)}),
    "gram": ("G_ij = X_ki X_kj", {"X": (2, 3)}),
    "trace": ("y = Σ_i X_ii", {"X": (3, 3)}),
    "broadcast and sum": ("s_i = Σ_j X_ij; Y_ik = s_i u_k", {"X": (2, 3), "u": (4,)}),
    "two functions": ("y_i = exp(x_i) sin(x_i) + max(x_i, w_i)", {"x": (3,), "w": (3,)}),
    "power": ("y_i = x_i^3 / (1 + w_i^2)", {"x": (3,), "w": (3,)}),
    "logsumexp": ("y_b = logsumexp_i(x_bi); E = Σ_b y_b w_b", {"x": (2, 3), "w": (2,)}),
    "variance": ("v_b = var_i(x_bi)", {"x": (2, 3)}),
    "maximum": ("y_b = max_i(x_bi)", {"x": (2, 3)}),
    "heads": ("O_bhte = P_bhtu V_bhue", {"P": (2, 3, 4, 5), "V": (2, 3, 5, 6)}),
    "tucker": ("Y_ijk = G_abc U_ia V_jb W_kc", {"G": (2, 3, 4), "U": (3, 2), "V": (4, 3), "W": (5, 4)}),
}  # fmt: skip


def _arrays(s: System, rules: System, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Inputs, every forward value, and every δ."""
    rng = np.random.default_rng(7)
    arrays: dict[str, np.ndarray] = {name: rng.uniform(0.5, 2.0, shape) for name, shape in shapes.items()}
    arrays |= evaluate(s, arrays)
    for name in rules.inputs:
        if name.startswith("δ"):
            arrays[name] = rng.uniform(0.5, 2.0, np.shape(arrays[name[1:]]))
    return arrays | evaluate(rules, {k: arrays[k] for k in rules.inputs})


def _value(eq: Equation, arrays: Mapping[str, np.ndarray], helpers: tuple[Equation, ...] = ()) -> np.ndarray:
    """The value of one line; ``helpers`` define the local derivatives that a chain rule speaks of."""
    s = system([*helpers, eq])
    shapes = {name: arrays[name] for name in s.inputs}
    return np.asarray(evaluate(s, shapes)[eq.name])


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_step_keeps_the_value(name: str) -> None:
    text, shapes = SYSTEMS[name]
    s = parse(text)
    d = explain(s)
    arrays = _arrays(s, d.rules, shapes)
    for part in d.parts:
        expected = arrays[part.rule.name]
        p = part.passage
        helpers = tuple(local.rule for local in p.locals)
        lines = [(p.chain, helpers), (p.inserted, ()), *((eq, ()) for _, eq in p.moves), (p.rule, ())]
        for eq, more in lines:
            np.testing.assert_allclose(_value(eq, arrays, more), expected, rtol=1e-11, atol=1e-12, err_msg=str(eq))


@pytest.mark.parametrize("name", SYSTEMS)
def test_local_derivatives_are_differences(name: str) -> None:
    """∂v/∂x of every part, against central differences of the forward equation alone."""
    text, shapes = SYSTEMS[name]
    s = parse(text)
    d = explain(s)
    arrays = _arrays(s, d.rules, shapes)
    step = 1e-6
    for part in d.parts:
        for local in part.passage.locals:
            found = _value(local.rule, arrays)
            x = arrays[part.name]
            for place in np.ndindex(np.shape(x)):
                shift = np.zeros_like(x)
                shift[place] = step
                up, down = (_value(local.forward, {**arrays, part.name: moved}) for moved in (x + shift, x - shift))
                there = found[(..., *place)]
                np.testing.assert_allclose(there, (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_last_line_is_the_rule_of_the_calculus(name: str) -> None:
    s = parse(SYSTEMS[name][0])
    d, rules = explain(s), adjoint(s)
    assert [part.rule for part in d.parts] == list(rules)
    for part in d.parts:
        assert part.rule is rules[part.rule.name]
        named = [step for step in part.steps if step.equations]
        assert named[-1].equations[-1] is part.rule
        last = part.passage.moves[-1][1] if part.passage.moves else part.passage.inserted
        there = dict(zip(part.passage.letters, part.rule.letters, strict=True))
        axis = one_axis(s)
        assert canonical(last.rename(there).value, axis) is canonical(part.rule.value, axis)


@pytest.mark.parametrize("name", SYSTEMS)
def test_local_derivatives_keep_their_brackets(name: str) -> None:
    """Every index of the variable is told by a bracket, and by nothing else."""
    for part in explain(SYSTEMS[name][0]).parts:
        for local in part.passage.locals:
            outside = local.rule.value.free - set(local.forward.letters)
            assert outside <= set(part.passage.letters)
            nodes = list(postorder(local.rule.value))
            told = {b.right.name for b in nodes if isinstance(b, Bracket) and isinstance(b.right, Index)}
            others = {i for t in nodes if isinstance(t, Tensor) for i in t.free}
            assert told >= set(part.passage.letters) and others.isdisjoint(part.passage.letters), str(local.rule)


def test_letters_of_the_variable_are_fresh() -> None:
    """Neither a letter of the equations nor the k of a layer's label."""
    d = explain("z^(k+1)_j = W_ij a_i; a_i = f(z^(k)_i)", wrt="z^(k)")
    for part in d.parts:
        assert set(part.passage.letters).isdisjoint("ijk")


def test_only_one_law_a_step() -> None:
    d = explain(SYSTEMS["softmax"][0], wrt="z")
    laws = [move.law.apply.__name__ for move, _ in d.part("z").passage.moves]
    assert laws == ["one_point", "meet_bracket", "one_point", "common_factor"]


def test_moves_tell_what_the_brackets_put() -> None:
    e = sum_over("ij", mul(tensor("a", "i"), tensor("W", "i", "j"), bracket("=", Index("i"), Index("k"))))
    (move,) = moves(e, sum_over("j", mul(tensor("a", "k"), tensor("W", "k", "j"))))
    assert move.law is one_point and move.put == (("i", Index("k")),)


def test_a_tensor_that_does_not_matter() -> None:
    d = explain("y_b = argmax_i(x_bi); z_b = sign(w_b) + y_b", wrt=("x", "w"))
    assert all(str(part.rule.value) == "0" for part in d.parts)
    assert "0" in str(d)


def test_a_rule_of_no_index() -> None:
    d = explain("E = c x_i x_i", wrt="c")
    assert str(d.part("c").rule) == "δc = x_i x_i"
    assert isinstance(d, Derivation) and "δc" in str(d)


def test_equations_can_be_read_again() -> None:
    """Each line is in the notation: text and back."""
    for text, _ in SYSTEMS.values():
        for part in explain(text).parts:
            for eq in (part.passage.inserted, *(eq for _, eq in part.passage.moves), part.rule):
                (again,) = parse(str(eq))
                assert equation(again.target, again.value) is eq


@pytest.mark.parametrize("law", ["insertion", "bound_letters"])
def test_the_laws_beside_those_of_simplification_hold(law: str) -> None:
    """Both sides of every law that can be read, on random arrays."""
    rng = np.random.default_rng(3)
    for one in LAWS_OF_CHANGE[law].unicode.split(", "):
        left, right = one.split(" = ")
        s = parse(f"L = {left}; R = {right}")
        shapes = {"a": (3,) * s.rank("a"), "b": (2, 3)[: s.rank("b")]} if "b" in s.names else {"a": (3,)}
        found = evaluate(s, {name: rng.normal(size=shapes[name]) for name in s.inputs})
        np.testing.assert_allclose(found["L"], found["R"])


def test_the_law_of_an_entry_is_that_of_the_calculus() -> None:
    """∂x_j/∂x_k = [j = k], which every local derivative rests on."""
    assert str(derive("y_j = x_j", wrt="x_k").value) == "δ_jk"
    assert LAWS_OF_CHANGE["entry"].unicode == "∂x_j/∂x_k = [j = k]"
