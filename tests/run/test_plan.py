"""Plans: orders, counts worked out by hand, sizes by letter, and a table that people can read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprop.calculus import adjoint
from tensorprop.errors import MissingInput, PlanTooLarge, SizeMismatch, TensorpropError, UnknownName, UsageError
from tensorprop.run.plan import contraction_path, memory, plan
from tensorprop.text import parse

IJ = {"i": 10, "j": 10}
TEN = {**IJ, "k": 10}


# --------------------------------------------------------------------------- counts
@pytest.mark.parametrize(
    "text, sizes, specs, flops",
    [
        ("z_bj = Σ_i a_bi W_ij", {"b": 5, "i": 2, "j": 3}, ["bi,ij->bj"], 2 * 5 * 2 * 3),
        ("y_i = A_ij B_jk x_k", TEN, ["jk,k->j", "ij,j->i"], 2 * 100 + 2 * 100),
        ("y_i = A_ij (Σ_k B_jk x_k)", TEN, ["jk,k->j", "ij,j->i"], 400),
        ("y_ik = (Σ_j A_ij B_jk) x_k", TEN, ["ij,jk->ik", ""], 2000 + 100),
        ("r = A_ii", {"i": 10}, ["ii->"], 10),
        ("s = Σ_ij A_ij", {"i": 10, "j": 7}, ["ij->"], 70),
        ("s_i = Σ_j A_ij x_i", {"i": 10, "j": 7}, ["ij->i", ""], 80),
        ("y_i = tanh(x_i)", {"i": 10}, [""], 10),
        ("y_i = tanh(x_i)^2 + 3 x_i + 1", {"i": 10}, [""], 10 * (1 + 1 + 1 + 2)),
        ("z_bj = a_bi W_ij + c_j", {"b": 5, "i": 2, "j": 3}, ["bi,ij->bj", ""], 60 + 15),
        ("p_bc = softmax_c(s_bc)", {"b": 5, "c": 4}, [""], 5 * 20 + 5),
        ("m_b = max_c s_bc", {"b": 5, "c": 4}, [""], 20),
        ("E = 1/2 (h_bj - y_bj)^2", {"b": 5, "j": 4}, ["bj->"], 20 * (1 + 1 + 1) + 1),
        ("E = Σ_ij x_i A_ij x_j", IJ, ["i,ij->j", "j,j->"], 200 + 20),
        ("y_j = Σ_i x_i A_ij [i = j]", {"i": 10}, None, None),
        ("E = Σ_i a_i (Σ_j A_ij x_j) + Σ_j b_j (Σ_i B_ij c_i)", IJ, ["i,ij->j", "j,j->", "ij,j->i", "i,i->", ""], 441),
    ],
)  # fmt: skip
def test_steps_and_flops(text: str, sizes: dict[str, int], specs: list[str] | None, flops: int | None) -> None:
    p = plan(parse(text), sizes)
    if specs is None:
        assert [(s.by, s.spec) for s in p.steps] == [("x_j A_jj", "")]
        assert p.flops == 10
        return
    assert sorted(s.spec for s in p.steps) == sorted(specs)
    assert p.flops == flops


def test_bytes_and_memory() -> None:
    """x and A are held (10 + 100 numbers), z until h is made, in its place."""
    p = plan(parse("z_i = A_ij x_j; h_i = tanh(z_i)"), {"i": 10, "j": 10}, itemsize=8)
    assert [s.bytes for s in p.steps] == [8 * (100 + 10 + 10), 8 * 20]
    assert [s.held for s in p.steps] == [8 * 120, 8 * 120]
    assert p.peak == 8 * 120
    assert p.bytes == 8 * 140


def test_order_is_what_is_done_step_by_step() -> None:
    p = plan("z_bj = a_bi W_ij + b_j", {"b": 2, "i": 3, "j": 4})
    assert p.order == ("Σ_i a_bi W_ij", "#1_bj + b_j")


def test_memory_is_given_back_after_the_last_use() -> None:
    p = plan(parse("\n".join(f"z{n + 1}_i = tanh(z{n}_i)" for n in range(50))), {"i": 100})
    assert p.peak == 2 * 400  # a chain of functions is one loop, with nothing between in memory


def test_memory_is_held_until_the_last_use() -> None:
    """z1, z2 and what is made of them at one time; of the chain that follows two at a time."""
    p = plan(parse("z_ij = A_ik A_kj; y_ij = z_ik z_kj; x_ij = y_ik y_kj; w_ij = x_ik x_kj"), {"i": 10})
    assert [s.held for s in p.steps] == [800, 1200, 1200, 1200]


def test_what_is_used_twice_is_computed_once() -> None:
    p = plan(parse("y_i = exp(Σ_j A_ij x_j) / (1 + exp(Σ_j A_ij x_j))"), IJ)
    assert [s.spec for s in p.steps].count("ij,j->i") == 1
    assert p.flops == 200 + 10  # and what is written out is a sigmoid


def test_only_what_the_outputs_need() -> None:
    s = parse("z_i = A_ij x_j; w_i = B_ij x_j; E = z_i z_i")
    assert {step.equation for step in plan(s, IJ, outputs=["E"]).steps} == {"z", "E"}
    assert {step.equation for step in plan(s, IJ, outputs="z").steps} == {"z"}


# --------------------------------------------------------------------------- sizes
def test_sizes_by_letter_and_by_tensor() -> None:
    s = parse("z_j = a_i W_ij; y_j = z_i V_ij")
    with pytest.raises(SizeMismatch):
        plan(s, {"i": 784, "j": 512})
    p = plan(s, {"i": 784, "j": 10}, shapes={"W": (784, 512)})
    assert p.shapes["V"] == (512, 10)
    assert p.sizes == {"i": (784, 512), "j": (512, 10)}


@pytest.mark.parametrize(
    "text, sizes, shapes, error, words",
    [
        ("y_i = A_ij x_j", {"i": 3}, {}, MissingInput, "no size for j"),
        ("y_i = A_ij x_j", {}, {}, MissingInput, "no size for i, j"),
        ("y_i = A_ij x_j", {"i": 3, "j": 4, "b": 4}, {}, UnknownName, "no index is called b"),
        ("y_in = A[in, out] x_out", {"inn": 3, "out": 4}, {}, UnknownName, "no index is called inn"),
        ("y_i = W_{0,i}", {"i": 3}, {}, MissingInput, "axis 1 of W"),
        ("l = det(A)", {}, {}, MissingInput, "no size for axis 1 of A"),
        ("l = det(A)", {"⟨row⟩": 3}, {}, UnknownName, "no index is called"),
        ("y_i = A_ij x_j", {"i": 3, "j": 4}, {"A": (3, 5)}, SizeMismatch, "j is to be 4"),
        ("y_i = A_ij x_j", {"i": 3}, {"A": (3, 5), "x": (4,)}, SizeMismatch, "j is 5 on axis 2 of A and 4 on"),
        ("D_ij = x_i [i = j]", {"i": 3, "j": 4}, {}, SizeMismatch, "run over one range"),
        ("y_i = x_i", {"i": 2.5}, {}, UsageError, "2.5"),
        ("y_i = x_i", {"i": -2}, {}, UsageError, "-2"),
        ("y_i = x_i", {"i": 2}, {"Q": (2,)}, UnknownName, "no tensor is called Q"),
    ],
)  # fmt: skip
def test_sizes_are_refused(
    text: str, sizes: dict[str, int], shapes: dict[str, tuple[int, ...]], error: type[Exception], words: str
) -> None:
    text = text.replace("y_in", "y[in]").replace("x_out", "x[out]")
    with pytest.raises(TensorpropError) as caught:
        plan(parse(text), sizes, shapes)
    assert type(caught.value) is error
    assert words in str(caught.value)


# --------------------------------------------------------------------------- limits
@pytest.mark.parametrize(
    "text, more, limit, place",
    [
        ("y_ij = x_i v_j", {}, "1GB", "y_ij"),
        ("y_ik = x_i (Σ_j exp(v_j x_i) A_jk)^2", {"k": 9}, 10**9, "exp(v_j x_i)"),
    ],
)
def test_too_large(text: str, more: dict[str, int], limit: int | str, place: str) -> None:
    with pytest.raises(PlanTooLarge, match="would need") as caught:
        plan(parse(text), {"i": 10**5, "j": 10**5, **more}, memory_limit=limit)
    assert caught.value.text is not None and caught.value.span is not None
    assert caught.value.text[slice(*caught.value.span)] == place


@pytest.mark.parametrize("limit", [0, -1, True, "lots", "", "2 parsecs", "1e9", None])
def test_limits_that_are_none(limit: Any) -> None:
    with pytest.raises(UsageError, match="memory_limit"):
        plan(parse("y_i = x_i"), {"i": 2}, memory_limit=limit)


@pytest.mark.parametrize(
    "limit, fits", [("400", True), ("399", False), ("0.4kB", True), ("0.39 KiB", False), (400, True), ("1 MiB", True)]
)
def test_limits_that_are_one(limit: int | str, fits: bool) -> None:
    s = parse("y_i = x_i + x_i^2")
    if fits:
        plan(s, {"i": 100}, memory_limit=limit)
    else:
        with pytest.raises(PlanTooLarge):
            plan(s, {"i": 100}, memory_limit=limit)


@pytest.mark.parametrize("n, text", [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (10**15 * 8, "7.11 PiB")])
def test_memory_in_words(n: int, text: str) -> None:
    assert memory(n) == text


# --------------------------------------------------------------------------- the table
def test_the_table_fits_and_says_it_all() -> None:
    s = parse("z_bj = a_bi W_ij + c_j; h_bj = tanh(z_bj); p_bk = softmax_k(h_bj V_jk); L = -Σ_bk y_bk log(p_bk)")
    p = plan(s, {"b": 128, "i": 784, "j": 512, "k": 10})
    text = str(p)
    assert max(map(len, text.split("\n"))) <= 100
    for word in ("Σ_i a_bi W_ij", "103 M", "99%", "<1%", "b = 128", "#1_bj + c_j", "tanh(z_bj)"):
        assert word in text
    lines = text.split("\n")
    assert lines[0].split() == ["makes", "by", "flops", "moved", "result"]
    assert json.loads(json.dumps(p.as_dict()))["flops"] == p.flops


def test_long_equations_are_cut() -> None:
    s = parse("y_i = " + " + ".join(f"tanh(x{n}_i)^{n + 2}" for n in range(100)))
    assert max(map(len, str(plan(s, {"i": 3})).split("\n"))) <= 100


# --------------------------------------------------------------------------- orders
@pytest.mark.parametrize(
    "operands, output, path",
    [
        ([("i",)], (), []),
        ([("i",), ("i",)], (), [(0, 1)]),
        ([("i", "j"), ("j", "k"), ("k",)], ("i",), [(1, 2), (0, 1)]),
        ([("i",), ("i", "j"), ("j", "k")], ("k",), [(0, 1), (0, 1)]),
    ],
)  # fmt: skip
def test_paths(operands: list[tuple[str, ...]], output: tuple[str, ...], path: list[tuple[int, int]]) -> None:
    assert contraction_path(operands, output, {"i": 50, "j": 40, "k": 30}) == path


def run(
    path: list[tuple[int, int]], operands: list[str], arrays: list[np.ndarray], output: str
) -> tuple[np.ndarray, int]:
    """Contract along a path; the result, and its flops."""
    work, work_arrays, cost = list(operands), list(arrays), 0
    for first, second in path:
        keep = set(output).union(*(o for k, o in enumerate(work) if k not in (first, second)))
        a, b = work[first], work[second]
        new = "".join(sorted((set(a) | set(b)) & keep))
        sizes: Mapping[str, int] = dict(zip(a + b, work_arrays[first].shape + work_arrays[second].shape, strict=True))
        cost += math.prod(sizes.values()) * (2 if set(a + b) - keep else 1)
        made = np.einsum(f"{a},{b}->{new}", work_arrays[first], work_arrays[second])
        work = [*(o for k, o in enumerate(work) if k not in (first, second)), new]
        work_arrays = [*(o for k, o in enumerate(work_arrays) if k not in (first, second)), made]
    assert len(work) == 1
    return np.einsum(f"{work[0]}->{output}", work_arrays[0]), cost


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text("ijklm", min_size=1, max_size=3), min_size=2, max_size=7), st.data())
def test_any_path_gives_the_contraction(operands: list[str], data: st.DataObject) -> None:
    operands = ["".join(dict.fromkeys(o)) for o in operands]
    sizes = {"i": 2, "j": 3, "k": 4, "l": 5, "m": 2}
    every = sorted(set("".join(operands)))
    output = "".join(i for i in every if data.draw(st.booleans()))
    arrays = [np.arange(1.0, 1 + math.prod(sizes[i] for i in o)).reshape([sizes[i] for i in o]) for o in operands]
    path = contraction_path([tuple(o) for o in operands], tuple(output), sizes)
    found, cost = run(path, operands, arrays, output)
    straight = [(0, 1)] + [(0, n) for n in range(len(operands) - 2, 0, -1)]
    expected, naive = run(straight, operands, arrays, output)
    np.testing.assert_allclose(found, expected)
    if len(operands) <= 5:  # whether a step sums is not always seen rightly where two operands have the same letters
        assert cost <= 2 * naive


@pytest.mark.parametrize("text, sizes", [
    ("h_tj = tanh(x_tj + h_{t-1,k} W_kj); h_{-1,j} = g_j", {"t": 5, "j": 3}),
    ("s_t = a_t s_{t-1} + x_t; s_{-1} = g", {"t": 5}),
    ("v_t = r_t + γ v[t+1]; v[dim(r,0)] = 0", {"t": 4}),
    ("x_{l+1,b,j} = x_lbj + relu(x_lbi W_lij); x_{0,b,j} = a_bj; dim(l) = dim(W, 0)", {"l": 3, "b": 2, "i": 4, "j": 4}),
])  # fmt: skip
def test_a_recurrence_whose_starts_lie_outside_is_planned(text: str, sizes: dict[str, int]) -> None:
    s = parse(text)
    for whole in (s, s + adjoint(s)):
        p = plan(whole, sizes)
        assert p.flops > 0 and p.peak > 0
    assert {step.equation for step in plan(s, sizes).steps} >= set(s.outputs)
