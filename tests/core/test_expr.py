"""Nodes: one object per distinct node, frozen, and free of recursion limits."""

from __future__ import annotations

import copy
import gc
import pickle

import numpy as np
import pytest

from tensorprop.calculus import adjoint, derive, stabilise
from tensorprop.check.numbers.naive_matrices import MATRICES
from tensorprop.core.build import (
    ONE,
    ZERO,
    add,
    bracket,
    call,
    delta,
    divide,
    mul,
    negate,
    number,
    power,
    reduce,
    rename,
    substitute,
    sum_over,
    tensor,
)
from tensorprop.core.equation import equation, system
from tensorprop.core.expr import Add, Call, Index, Mul, Number, Reduce, Sum, Tensor
from tensorprop.core.functions import REDUCTIONS
from tensorprop.core.ranges import witness
from tensorprop.core.walk import freshen, postorder, transform
from tensorprop.errors import (
    CircularDefinition,
    DuplicateDefinition,
    NumberTooLarge,
    RankMismatch,
    UnknownName,
    UnknownRange,
)
from tensorprop.text import parse, show

a, W, x = tensor("a", "i"), tensor("W", "i", "j"), tensor("x")


def test_equal_nodes_are_one_object() -> None:
    assert tensor("W", "i", "j") is W
    assert mul(a, W) is mul(a, W)
    assert mul(a, W) is not mul(W, a)  # written order is kept
    assert Number(True) is Number(1) is ONE  # type: ignore[arg-type]
    assert type(Number(True).value).__name__ == "Fraction"  # type: ignore[arg-type]


def test_nodes_are_frozen_and_survive_copies() -> None:
    with pytest.raises(AttributeError):
        a.name = "b"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        del a.name
    assert copy.deepcopy(W) is W and copy.copy(W) is W
    assert pickle.loads(pickle.dumps(mul(a, W))) is mul(a, W)


def test_forgotten_nodes_free_their_place() -> None:
    from tensorprop.core import expr

    before = len(expr._table)  # pyright: ignore[reportPrivateUsage]
    e = tensor("forgotten")
    for _ in range(1000):
        e = call("tanh", e)
    assert len(expr._table) >= before + 1000  # pyright: ignore[reportPrivateUsage]
    del e
    gc.collect()
    assert len(expr._table) < before + 1000  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize(
    ("made", "is_"),
    [
        (add(), ZERO),
        (mul(), ONE),
        (add(a, ZERO), a),
        (mul(ONE, a), a),
        (mul(ZERO, a), ZERO),
        (add(number(1), a, number(2)), Add((number(3), a))),
        (mul(a, number(2), number("1/2")), a),
        (mul(a, number(3), W), Mul((number(3), a, W))),
        (add(a, add(x, x)), Add((a, x, x))),
        (negate(negate(a)), a),
        (power(a, ONE), a),
        (power(a, ZERO), ONE),
        (power(number(2), number(-2)), number("1/4")),
        (power(power(a, number(2)), number(3)), power(a, number(6))),
        (divide(ONE, a), Call("power", (a, number(-1)))),
        (bracket("=", Index("i"), Index("i")), ONE),
        (bracket("<", number(1), number(1)), ZERO),
        (sum_over((), a), a),
        (sum_over("i", sum_over("j", W)), sum_over("ji", W)),
    ],
)
def test_builders_keep_the_invariants(made: object, is_: object) -> None:
    assert made is is_


def test_a_square_root_of_a_square_is_not_the_number() -> None:
    root = power(power(x, number(2)), number("1/2"))
    assert isinstance(root, Call) and root.args[0] is power(x, number(2))


def test_free_and_bound_letters() -> None:
    z = sum_over("i", mul(a, W))
    assert z.free == {"j"} and z.binds == {"i"}
    p = reduce("softmax", "u", tensor("s", "t", "u"), (Index("u"),))
    assert p.free == {"t", "u"} and p.binds == set()
    assert reduce("max", "u", tensor("s", "t", "u")).free == {"t"}


@pytest.mark.parametrize(
    ("e", "letters", "is_"),
    [
        (sum_over("j", mul(tensor("A", "i", "j"), tensor("x", "j"))), {"i": "j"},
         sum_over("k", mul(tensor("A", "j", "k"), tensor("x", "k")))),
        (mul(W, tensor("V", "j", "i")), {"i": "j", "j": "i"}, mul(tensor("W", "j", "i"), tensor("V", "i", "j"))),
        (reduce("max", "u", tensor("s", "t", "u")), {"t": "u"}, reduce("max", "v", tensor("s", "u", "v"))),
        (reduce("softmax", "u", tensor("s", "t", "u"), (Index("u"),)), {"u": "w"},
         reduce("softmax", "w", tensor("s", "t", "w"), (Index("w"),))),
        (sum_over("i", a), {"i": "j"}, sum_over("i", a)),
    ],
)  # fmt: skip
def test_rename_captures_nothing(e, letters, is_) -> None:
    assert rename(e, letters) is is_


def test_a_normaliser_keeps_apart_the_entry_and_the_run() -> None:
    p = reduce("softmax", "u", tensor("s", "t", "u"), (Index("u"),))
    met = rename(p, {"t": "u"})
    assert isinstance(met, Reduce) and met.indices != ("u",)
    assert met.at == (Index("u"),) and met.body is tensor("s", "u", met.indices[0])
    assert rename(met, {"u": "t"}) is not p and rename(met, {"u": "t"}).free == {"t"}


def test_substitute_puts_any_subscript() -> None:
    shifted = add(Index("x"), Index("u"))
    assert substitute(tensor("a", "w"), {"w": shifted}) is Tensor("a", (shifted,))
    assert substitute(delta("i", "j"), {"i": number(2), "j": number(2)}) is ONE


def test_freshen_moves_bound_letters_away() -> None:
    z = sum_over("i", mul(a, W))
    moved = freshen(z, frozenset("i"))
    assert moved.free == z.free and "i" not in moved.binds
    assert rename(moved.children[0], {"k": "i"}) is z.children[0]


def test_no_letter_is_bound_twice_on_a_path() -> None:
    inner = sum_over("i", a)
    outer = sum_over("i", mul(inner, tensor("b", "i")))
    assert isinstance(outer, Sum) and outer.indices[0] not in inner.binds


def test_a_shared_chain_is_walked_once() -> None:
    e = x
    for _ in range(200):
        e = call("tanh", add(mul(e, e), e))
    assert sum(1 for _ in postorder(e)) < 1000
    assert transform(e, lambda n: n) is e


def test_depth_needs_no_recursion() -> None:
    e = a
    for _ in range(20_000):
        e = call("tanh", e)
    assert rename(e, {"i": "k"}).free == {"k"}


def test_witness_tells_the_range() -> None:
    assert repr(witness(mul(a, W), "j")) == "Dim('W', 1)"
    with pytest.raises(UnknownRange):
        witness(delta("i", "j"), "i")


def test_large_powers_are_refused() -> None:
    with pytest.raises(NumberTooLarge):
        power(number(10), number(10**8))
    with pytest.raises(NumberTooLarge):
        power(power(number(10), number(1000)), number(1000))


# --------------------------------------------------------------------------- Systems
def _step(k: int):
    return equation(tensor(f"x{k + 1}", "i"), call("tanh", tensor(f"x{k}", "i")))


def test_inputs_outputs_and_order() -> None:
    s = system([equation(tensor("E"), sum_over("j", mul(tensor("h", "j"), tensor("h", "j")))),
                equation(tensor("h", "j"), call("tanh", tensor("z", "j"))),
                equation(tensor("z", "j"), sum_over("i", mul(a, W)))])  # fmt: skip
    assert s.inputs == ("a", "W") and s.outputs == ("E",)
    assert [eq.name for eq in s.ordered] == ["z", "h", "E"]
    assert s.rank("W") == 2 and s.functions == ("tanh",)
    assert system(s.equations) is s


def test_a_chain_of_5000_equations_is_ordered_in_any_order() -> None:
    s = system(_step(k) for k in reversed(range(5000)))
    assert [eq.name for eq in s.ordered] == [f"x{k + 1}" for k in range(5000)]


@pytest.mark.parametrize(
    ("equations", "error", "says"),
    [
        ([_step(0), _step(0)], DuplicateDefinition, "x1 is defined twice"),
        ([_step(0), _step(1), equation(tensor("x0", "i"), tensor("x2", "i"))], CircularDefinition, "x1 → x0 → x2 → x1"),
        ([equation(tensor("W", "i"), add(tensor("W", "i"), a))], CircularDefinition, "W is defined by itself"),
        ([equation(tensor("y", "i"), mul(a, sum_over("j", tensor("a", "i", "j"))))], RankMismatch, "a has 1 axis"),
    ],
)
def test_what_a_system_refuses(equations, error, says) -> None:
    with pytest.raises(error) as e:
        system(equations)
    assert says in str(e.value)


def test_unknown_names_are_told() -> None:
    with pytest.raises(UnknownName) as e:
        system([_step(0)])["q"]
    assert "x1" in str(e.value)


@pytest.mark.parametrize(
    ("text", "outputs"),
    [
        ("h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j", ("h",)),
        ("h_tj = tanh(c_tj); c_tj = f_tj c_{t-1,j}; f_tj = σ(h_{t-1,k} B_kj); c_{-1,j} = 0; h_{-1,j} = 0", ("h",)),
    ],
)
def test_recurrences_are_read_and_written_and_derived(text: str, outputs: tuple[str, ...]) -> None:
    s = parse(text)
    assert s.recurrent and parse(show(s)) is s and parse(show(s, ascii=True)) is s
    assert s.outputs == outputs
    assert stabilise(s).recurrent and adjoint(s).recurrent
    derived = derive(s, s.inputs[0])
    assert derived.recurrent and len(derived.outputs) == 1 and parse(show(derived)) is derived


@pytest.mark.parametrize(
    "text", ["h_t = h_{t+1} + h_{t-1}", "h_t = h_t + x_t", "a_t = b_t; b_t = a_t", "h_tj = h_{j-1,t}"]
)
def test_what_is_no_recurrence_is_a_circle(text: str) -> None:
    with pytest.raises(CircularDefinition):
        parse(text)


def test_a_function_of_a_transposed_matrix_is_that_of_the_matrix() -> None:
    """f(Xᵀ)_ij is f(X)_ji where the row says so, and only there."""
    x = np.random.default_rng(0).uniform(0.5, 1.5, (3, 3)) + 3 * np.eye(3)
    for row in REDUCTIONS.values():
        if row.kind != "matrix" or row.axes not in ("", "uu", "vu") or "′" in row.op:
            continue
        of, turned = MATRICES[row.op](np, x), MATRICES[row.op](np, x.T)
        same = np.allclose(np.swapaxes(of, -1, -2) if row.axes else of, turned)
        assert same or not row.turns, row.op
    e = parse("d_ij = inv_ab(A_ba)[i, j]; y = det_ab(A_ba)")
    assert e is parse("d_ij = inv(A)_ji; y = det(A)")
