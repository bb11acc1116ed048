"""Errors that are found late get their caret from the text that the System was read from."""

from __future__ import annotations

import pytest

from tensorprop.core.expr import Index, Tensor
from tensorprop.core.walk import tensors_of
from tensorprop.errors import RankMismatch, SizeMismatch, TensorpropError
from tensorprop.layers import Layer
from tensorprop.text import locate, parse, parse_einsum


def marked(error: TensorpropError) -> str:
    assert error.text is not None and error.span is not None
    start, end = error.span
    return error.text[:start] + "«" + error.text[start:end] + "»" + error.text[end:]


def tensors(s: object, n: int) -> list[Tensor]:
    return list(tensors_of(s.equations[n].value))  # type: ignore[attr-defined]


TEXT = "y_btd = E[tok_bt, d] + x[b, t+1, d]; z = Wᵢⱼ V_{ij} f(q_k  q_k)"


@pytest.mark.parametrize(
    "about, place",
    [
        (lambda s: (0, tensors(s, 0)[0]), "tok_bt"),
        (lambda s: (0, tensors(s, 0)[1]), "E[tok_bt, d]"),
        (lambda s: (0, tensors(s, 0)[1], 1), "d"),
        (lambda s: (0, tensors(s, 0)[1], 0), "tok_bt"),
        (lambda s: (0, tensors(s, 0)[2], 1), "t+1"),
        (lambda s: (tensors(s, 0)[2], 1), "t+1"),
        (lambda s: (1, tensors(s, 1)[0]), "Wᵢⱼ"),
        (lambda s: (1, tensors(s, 1)[1], 1), "j"),
        (lambda s: (None, tensors(s, 1)[2]), "q_k"),
        (lambda s: tensors(s, 1)[2], "q_k"),
        (lambda s: "V", "V_{ij}"),
        (lambda s: (0, s["y"].target), "y_btd"),
        (lambda s: s["z"], "z"),
        (lambda s: (0, s["y"].value), "E[tok_bt, d] + x[b, t+1, d]"),
        (lambda s: (1, tensors(s, 1)[2]), "q_k"),
    ],
)
def test_a_node_is_found_in_the_text(about: object, place: str) -> None:
    s = parse(TEXT)
    error = locate(SizeMismatch("sizes differ", about=about(s)), s)  # type: ignore[operator]
    assert error.text == TEXT
    assert marked(error).split("«")[1].split("»")[0] == place


def test_an_index_is_found_where_it_stands_first() -> None:
    s = parse("z_j = a_i W_ij")
    assert marked(locate(SizeMismatch("?", about=(0, Index("i"))), s)) == "z_j = a_«i» W_ij"
    assert marked(locate(SizeMismatch("?", about=(0, Index("j"))), s)) == "z_«j» = a_i W_ij"


@pytest.mark.parametrize(
    "spec, kwargs, axis, place",
    [
        ("ij,jk->ik", {}, 0, "ij,«j»k->ik"),
        ("ij, jk -> ik", {}, 1, "ij, j«k» -> ik"),
        ("ij,jk->ik", {}, None, "ij,«jk»->ik"),
        ("...i,...i->...i", {"ranks": (2, 2)}, 0, "...i,«...»i->...i"),
        ("...i,...j->...", {"ranks": (3, 3)}, 2, "...i,...«j»->..."),
        ("...i,...j->...", {"ranks": (3, 3)}, 1, "...i,«...»j->..."),
    ],
)
def test_an_operand_is_found_in_its_spec(spec: str, kwargs: dict, axis: int | None, place: str) -> None:
    s = parse_einsum(spec, **kwargs)
    second = tensors(s, 0)[1]
    about = (0, second) if axis is None else (0, second, axis)
    assert marked(locate(SizeMismatch("?", about=about), s)) == place


def test_the_output_of_a_spec_is_found() -> None:
    s = parse_einsum("a,b,c->abc")
    assert marked(locate(SizeMismatch("?", about=(0, s["Y"].target)), s)) == "a,b,c->«abc»"


def test_a_system_that_no_text_made_is_shown() -> None:
    s = parse("z_p = shown_q W_qp; y_p = tanh(z_p)").only(["z"])
    assert s.origin is None
    error = locate(SizeMismatch("?", about=(0, tensors(s, 0)[1])), s)
    assert marked(error) == "z_p = shown_q «W_qp»"


def test_the_text_of_a_page_is_not_that_of_its_forward_equations() -> None:
    layer = Layer("z_p = paged_q W_qp; δpaged_q = W_qp δz_p")
    assert layer.system.origin is None


def test_what_is_nowhere_in_the_text_points_at_its_equation() -> None:
    s = parse("c = 2 b; z_j = a_i W_ij")
    error = locate(SizeMismatch("?", about=(1, Tensor("q", (Index("i"),)))), s)
    assert marked(error) == "c = 2 b; «z_j» = a_i W_ij"


def test_an_error_that_has_a_place_keeps_it() -> None:
    s = parse("z = a")
    error = RankMismatch("?", "other text", (0, 5), about=(0, s["z"].target))
    assert locate(error, s) is error and error.text == "other text"
    bare = RankMismatch("?")
    assert locate(bare, s) is bare and bare.text is None


def test_the_convention_of_the_text_is_found_out() -> None:
    s = parse("y = 2 A_ij", convention="einsum")
    assert marked(locate(SizeMismatch("?", about=(0, tensors(s, 0)[0])), s)) == "y = 2 «A_ij»"
