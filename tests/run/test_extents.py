"""Sizes: found where they agree, and where they do not, which index, which tensors, which axes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tensorprop.core.build import add, bracket, mul, number, sum_over, tensor
from tensorprop.core.equation import equation, system
from tensorprop.core.expr import Index
from tensorprop.core.ranges import infer
from tensorprop.core.walk import postorder
from tensorprop.errors import (
    MissingInput,
    OpenFunction,
    OutOfRange,
    RankMismatch,
    SizeMismatch,
    SizeOneBroadcast,
    TensorpropError,
    UnknownName,
    UnknownRange,
)
from tensorprop.run.extents import extents, supported
from tensorprop.text import parse

Shapes = Mapping[str, tuple[int, ...]]


def under(error: TensorpropError) -> str:
    """The characters that the caret stands under."""
    assert error.text is not None and error.span is not None, str(error)
    return error.text[slice(*error.span)]


# --------------------------------------------------------------------------- what is found
@pytest.mark.parametrize(
    "text, shapes, found",
    [
        ("z_bj = a_bi W_ij + c_j", {"a": (5, 2), "W": (2, 3), "c": (3,)}, {"z": (5, 3)}),
        ("E = z_i z_i; z_i = A_ij x_j", {"A": (4, 3), "x": (3,)}, {"z": (4,), "E": ()}),
        ("D_ij = x_i [i = j]", {"x": (4,)}, {"D": (4, 4)}),
        ("E = Σ_i a_i a_i + Σ_i b_i b_i", {"a": (2,), "b": (7,)}, {"E": ()}),
        ("y_i = x_i; w_j = v_i M_ij", {"x": (2,), "v": (3,), "M": (3, 4)}, {"y": (2,), "w": (4,)}),
        ("p_bc = softmax_c(s_bc)", {"s": (4, 5)}, {"p": (4, 5)}),
        ("Y_ij = inv(X)_ij", {"X": (3, 3)}, {"Y": (3, 3)}),
        ("w_t = e_t [t ≥ 1]", {"e": (1,)}, {"w": (1,)}),
        ("y_i = x_i W_{0,i}", {"x": (0,), "W": (1, 0)}, {"y": (0,)}),
        ("δx_ij = δy_i; y_i = Σ_j x_ij", {"x": (2, 3), "δy": (2,)}, {"δx": (2, 3), "y": (2,)}),
        ("δz_ij = δE z_ij; z_ij = x_i v_j", {"x": (2,), "v": (3,), "δE": ()}, {"δz": (2, 3), "z": (2, 3)}),
        ("δz_ij = δE; E = Σ_ij z_ij; z_ij = x_i v_j", {"x": (2,), "v": (3,), "δE": ()}, {"δz": (2, 3), "E": ()}),
        ("m_b = |c| y_b + Σ_c s_bc", {"y": (2,), "s": (2, 6)}, {"m": (2,)}),
    ],
)  # fmt: skip
def test_shapes(text: str, shapes: Shapes, found: Shapes) -> None:
    sizes = extents(parse(text), shapes)
    assert {name: sizes.shapes[name] for name in found} == dict(found)


def test_sizes_of_letters() -> None:
    s = parse("E = Σ_i a_i (Σ_j W_ij b_j)")
    sizes = extents(s, {"a": (2,), "W": (2, 3), "b": (3,)})
    (eq,) = s
    assert sizes.letters(eq) == {}
    bound = [(v.sizes, v.bound) for v in sizes.visits(eq) if v.bound]
    assert bound == [({"i": 2}, {"j": 3}), ({}, {"i": 2})]


def test_one_node_in_two_places_is_visited_with_both_sizes() -> None:
    s = parse("E = Σ_ij [i = j] a_i b_j + Σ_ij [i = j] c_i d_j")
    sizes = extents(s, {"a": (2,), "b": (2,), "c": (3,), "d": (3,)})
    (node,) = {e for e in postorder(s["E"].value) if e is bracket("=", Index("i"), Index("j"))}
    assert sorted(v.shape for v in sizes.visits(s["E"]) if v.node is node) == [(2, 2), (3, 3)]


def test_a_summed_letter_may_run_over_the_range_of_one_outside() -> None:
    body = sum_over(("i",), mul(number(2), bracket("=", Index("i"), Index("j"))))
    s = system([equation(tensor("y", "j"), mul(tensor("x", "j"), body))])
    sizes = extents(s, {"x": (5,)})
    assert sizes.bound(body, {"j": 5}) == {"i": 5}


def test_a_long_chain_is_linear() -> None:
    equations = [equation(tensor("z0", "i"), tensor("x", "i"))]
    equations += [
        equation(tensor(f"z{n}", "i"), add(tensor(f"z{n - 1}", "i"), tensor("x", "i"))) for n in range(1, 5000)
    ]
    assert extents(system(equations), {"x": (3,)}).shapes["z4999"] == (3,)


# --------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    "text, shapes, error, place, words",
    [
        ("z_bj = a_bi W_ij", {"a": (5, 2), "W": (4, 3)}, SizeMismatch, "i", "i is 2 on axis 2 of a and 4 on"),
        ("z_bj = a_bi W_ij", {"a": (5, 1), "W": (4, 3)}, SizeOneBroadcast, "i", "1 on axis 2 of a and 4 on axis 1"),
        ("z_ij = x_i v_j + A_ij", {"x": (2,), "v": (3,), "A": (2, 4)}, SizeMismatch, "j", "v and 4 on axis 2 of A"),
        ("t = A_ii", {"A": (2, 3)}, SizeMismatch, "i", "2 on axis 1 of A and 3 on axis 2 of A"),
        ("D_ij = x_i v_j [i = j]", {"x": (2,), "v": (3,)}, SizeMismatch, "", "run over one range"),
        ("d = det(X)", {"X": (2, 3)}, SizeMismatch, "", "X has 2 rows and 3 columns"),
        ("E = z_i b_i; z_j = a_i W_ij", {"a": (2,), "W": (2, 3), "b": (4,)}, SizeMismatch, "i", "z and 4 on axis"),
        ("y_lm = c[dim(W, 1) l + m + 1] W_lm", {"c": (12,), "W": (4, 3)}, OutOfRange, "dim(W, 1) l + m + 1", "is 12"),
        ("y_bv = softmax_u(s_bu)[v] q_v", {"s": (2, 3), "q": (4,)}, SizeMismatch, "v", "3 on axis 2 of s and 4 on"),
        ("D_ij = x_i v_j [i = j]", {"x": (2,), "v": (1,)}, SizeOneBroadcast, "j", "not stretched"),
        ("y_i = x_i", {"x": (2, 3)}, RankMismatch, "x_i", "1 subscript, but the array for x has shape (2, 3): 2 axes"),
        ("E = t^2", {"t": (3,)}, RankMismatch, "t", "0 subscripts, but the array for t has shape (3,): 1 axis"),
        ("y_j = W_{2,j}", {"W": (2, 3)}, OutOfRange, "W_{2,j}", "subscript 2 is outside axis 1 of W, which has size 2"),
        ("y_b = softmax_c(s_bc)[5]", {"s": (2, 5)}, OutOfRange, "", "subscript 5 is outside the range of c"),
        ("y_b = max_c s_bc", {"s": (2, 0)}, OutOfRange, "", "max over c, which has no values"),
        ("y_i = A_ij x_j", {"A": (2, 3)}, MissingInput, "x_j", "no array for x"),
        ("y_i = A_ij x_j", {}, MissingInput, "A_ij", "no array for A, x"),
        ("y_i = x_i", {"x": (2,), "xx": (2,)}, UnknownName, None, "no tensor is called xx"),
        ("y_i = x_i", {"x": (2,), "y": (2,)}, UnknownName, None, "y is no input"),
        ("δx_ij = δy_i", {"x": (3, 4), "δy": (2,)}, SizeMismatch, "", "2 on axis 1 of δy and 3 on axis 1 of x"),
    ],
)  # fmt: skip
def test_refusals(text: str, shapes: Shapes, error: type[TensorpropError], place: str | None, words: str) -> None:
    with pytest.raises(TensorpropError) as caught:
        extents(parse(text), shapes)
    assert type(caught.value) is error
    assert words in str(caught.value)
    if place:
        assert under(caught.value) == place
    elif place is not None:
        assert "^" in str(caught.value)


def test_the_second_place_is_meant() -> None:
    with pytest.raises(SizeMismatch) as caught:
        extents(parse("z_bj = a_bi W_ij"), {"a": (5, 2), "W": (4, 3)})
    assert caught.value.span == (14, 15)
    assert str(caught.value).split("\n") == [
        "SizeMismatch: index i is 2 on axis 2 of a and 4 on axis 1 of W",
        "  z_bj = a_bi W_ij",
        "                ^",
        "  a_bi has shape (5, 2); W_ij has shape (4, 3)",
        "  pass arrays whose axes agree, or give the two axes different letters",
    ]


def test_a_letter_that_nothing_tells() -> None:
    s = system([equation(tensor("y", "j"), mul(tensor("x", "j"), sum_over(("i",), number(2))))])
    with pytest.raises(UnknownRange, match="range of i"):
        extents(s, {"x": (5,)})


@pytest.mark.parametrize(
    "text, place, words",
    [
        ("y_i = f(x_i)", "f(x_i)", "f is open"),
        ("y_i = f′(x_i) + tanh(x_i)", "f′(x_i)", "f′ is open"),
    ],
)
def test_what_cannot_be_compiled(text: str, place: str, words: str) -> None:
    with pytest.raises(OpenFunction, match=words) as caught:
        supported(parse(text))
    assert under(caught.value) == place


@pytest.mark.parametrize(
    "text",
    [
        "y_b = argmax_c s_bc",
        "y_i = W_{0,i} + π",
        "y_i = max(x_i, 0)^2 / 3",
        "y_b = softmax_c(s_bc)[1]",
        "y_x = Σ_u K_u a[x+u] + b_x",
        "y_bd = E[t_b, d]",
        "y_b = softmax_c(s_bc)[k_b]",
    ],
)
def test_what_can(text: str) -> None:
    supported(parse(text))


# --------------------------------------------------------------------------- classes of axes
@pytest.mark.parametrize(
    "text, classes",
    [
        ("z_bj = a_bi W_ij + c_j", ["a0 z0", "a1 W0", "W1 c0 z1"]),
        ("E = Σ_i a_i a_i + Σ_i b_i b_i", ["a0", "b0"]),
        ("D_ij = x_i [i = j]", ["x0 D0 D1"]),
        ("E = Σ_ij [i = j] a_i b_j + Σ_ij [i = j] c_i d_j", ["a0 b0", "c0 d0"]),
        ("y_x = Σ_u K_u a[x+u] + b_x", ["K0", "a0", "b0 y0"]),
        ("y_bd = E[t_b, d]", ["E0", "E1 y1", "t0 y0"]),
        ("δx_ij = δy_i x_ij", ["δy0 x0 δx0", "x1 δx1"]),
        ("p_bv = softmax_u(s_bu)[v]", ["s0 p0", "s1 p1"]),
        ("y_i = a_i; z_i = b_i; w_i = y_i + z_i", ["a0 y0 b0 z0 w0"]),
        ("y_j = W_{0,j}", ["W0", "W1 y0"]),
    ],
)
def test_classes(text: str, classes: list[str]) -> None:
    found = [{f"{name}{axis}" for name, axis in c} for c in infer(parse(text)).classes()]
    assert sorted(map(sorted, found)) == sorted(sorted(c.split()) for c in classes)


def test_ranges_by_letter() -> None:
    s = parse("z_bj = Σ_i a_bi W_ij")
    ranges = infer(s)
    assert ranges.letters(s["z"]) == {"b": ("a", 0), "j": ranges.find("W", 1)}
    assert ranges.bound(s["z"].value) == {"i": ("a", 1)}
    assert ranges.unknown == []


def test_a_range_that_a_tensor_tells_of_itself_is_refused() -> None:
    text = "p_s = max_i(h[2s+i]); dim(i) = 2; dim(s) = dim(p, 0); z_s = p[s-1]; outside(p) = 0"
    with pytest.raises(UnknownRange, match=r"dim\(s\) = dim\(p, 0\) tells the range of s by p"):
        extents(parse(text), {"h": (8,)})


def test_what_nothing_tells_is_listed() -> None:
    body = sum_over(("i",), number(2))
    s = system([equation(tensor("y", "j"), mul(tensor("x", "j"), body))])
    assert infer(s).unknown == [(s["y"], body, "i")]


# --------------------------------------------------------------------------- any system
@st.composite
def products(draw: st.DrawFn) -> tuple[str, dict[str, tuple[int, ...]]]:
    """A contraction of tensors over letters with sizes of their own, and its shapes."""
    sizes = {"i": 2, "j": 3, "k": 4, "l": 5}
    letters = st.lists(st.sampled_from("ijkl"), min_size=1, max_size=3)
    entries = draw(st.lists(letters, min_size=1, max_size=4))
    counts = {i: sum(e.count(i) for e in entries) for i in sizes}
    free = [i for i, n in counts.items() if n and draw(st.booleans())]
    summed = [i for i, n in counts.items() if n and i not in free]
    right = " ".join(f"{name}_{''.join(e)}" for name, e in zip("ABCD", entries, strict=False))
    left = f"y_{''.join(free)}" if free else "y"
    text = f"{left} = {'Σ_' + ''.join(summed) + ' ' if summed else ''}{right}"
    return text, {name: tuple(sizes[i] for i in e) for name, e in zip("ABCD", entries, strict=False)}


@settings(max_examples=60, deadline=None)
@given(products(), st.data())
def test_any_wrong_size_is_found(case: tuple[str, dict[str, tuple[int, ...]]], data: st.DataObject) -> None:
    """Right shapes pass; one axis made longer is refused exactly where its class has another input's axis."""
    text, shapes = case
    s = parse(text)
    extents(s, shapes)
    ranges = infer(s)
    name = data.draw(st.sampled_from(sorted(shapes)))
    axis = data.draw(st.integers(0, len(shapes[name]) - 1))
    broken = {**shapes, name: tuple(n + 5 if k == axis else n for k, n in enumerate(shapes[name]))}
    partners = [
        c for group in ranges.classes() if (name, axis) in group for c in group if c[0] != "y" and c != (name, axis)
    ]
    if not partners:
        extents(s, broken)
        return
    with pytest.raises(SizeMismatch) as caught:
        extents(s, broken)
    assert f"axis {axis + 1} of {name}" in caught.value.problem
    assert caught.value.span is not None
