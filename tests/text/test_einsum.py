"""Einsum specs: einsum's own convention, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tensorprop import errors
from tensorprop.errors import TensorpropError
from tensorprop.text import parse, parse_einsum, show

DATA = Path(__file__).parent.parent / "data"


@pytest.mark.parametrize(
    "spec, names, shown",
    [
        ("bi,ij->bj", "a W", "Y_bj = a_bi W_ij"),
        ("bi,ij->bj", None, "Y_bj = A_bi B_ij"),
        ("bi , ij -> bj", ("a", "W"), "Y_bj = a_bi W_ij"),
        ("ij->ji", None, "Y_ji = A_ij"),
        ("ii->", None, "Y = A_ii"),
        ("ii->i", None, "Y_i = A_ii"),
        ("ijk->i", None, "Y_i = Σ_jk A_ijk"),
        ("i,j->", None, "Y = Σ_ij A_i B_j"),
        ("i,i->", "x x", "Y = x_i x_i"),
        ("i,i,i->i", "x, y, z", "Y_i = x_i y_i z_i"),
        ("->", "s", "Y = s"),
        ("iI,Ij->ij", None, "Y_ij = A_iI B_Ij"),
        ("αβ,β->α", None, "Y_α = A_αβ B_β"),
        ("ij,j->i", "Y x", "Z_i = Y_ij x_j"),
        ("ij,jk->ik", "W^(1) W^(2)", "Y_ik = W^(1)_ij W^(2)_jk"),
    ],
)
def test_a_spec_is_an_equation(spec: str, names: object, shown: str) -> None:
    s = parse_einsum(spec, names)  # type: ignore[arg-type]
    assert show(s) == shown
    assert parse(shown) is s
    assert s.origin == shown or parse(shown).origin == shown


def test_the_output_has_the_name_that_it_is_given() -> None:
    assert show(parse_einsum("ij->", out="total")) == "total = Σ_ij A_ij"
    with pytest.raises(errors.NameConflict):
        parse_einsum("ij->", names="A", out="A")
    with pytest.raises(errors.UsageError):
        parse_einsum("ij->", out="3x")


def test_a_place_without_an_index_is_a_scalar_where_it_is_named() -> None:
    assert show(parse_einsum(",i->i", names="a x")) == "Y_i = a x_i"
    assert show(parse_einsum("i,,j->ij", ranks=(1, 0, 1))) == "Y_ij = A_i B C_j"
    assert show(parse_einsum("ij,->ij", names="A c")) == "Y_ij = A_ij c"


@pytest.mark.parametrize(
    "spec, shown", [(",i->i", "Y_i = A B_i"), (",,i->", "Y = Σ_i A B C_i"), (",->", "Y = A B"), ("->", "Y = A")]
)
def test_a_scalar_in_front_needs_no_name(spec: str, shown: str) -> None:
    assert show(parse_einsum(spec)) == shown


@pytest.mark.parametrize(
    "spec, kwargs, shown",
    [
        ("...i,ij->...j", {"ranks": (3, 2)}, "Y_opj = A_opi B_ij"),
        ("...i,ij->...j", {"ranks": (1, 2)}, "Y_j = A_i B_ij"),
        ("...,...->...", {"ranks": (1, 2)}, "Y_op = A_p B_op"),
        ("i...->...", {"shapes": ((2, 3, 4),)}, "Y_op = Σ_i A_iop"),
        ("o...->...o", {"ranks": (3,)}, "Y_pqo = A_opq"),
        ("ij,jk->ik", {"shapes": ((2, 3), (3, 4))}, "Y_ik = A_ij B_jk"),
        ("ij->i", {"ranks": {"A": 2}}, "Y_i = Σ_j A_ij"),
    ],
)
def test_an_ellipsis_is_written_out_where_ranks_are_told(spec: str, kwargs: dict, shown: str) -> None:
    assert show(parse_einsum(spec, **kwargs)) == shown


@pytest.mark.parametrize(
    "spec, kwargs, kind, span, word",
    [
        ("", {}, "EmptySpec", (0, 0), "i->i"),
        ("  ", {}, "EmptySpec", (0, 0), "i->i"),
        ("ij,jk", {}, "BadArrow", (5, 5), '"ij,jk->ik"'),
        ("ij,jk>ik", {}, "BadArrow", (5, 6), '"ij,jk->ik"'),
        ("ij,jk-ik", {}, "BadArrow", (5, 6), '"ij,jk->ik"'),
        ("ik<-ij,jk", {}, "BadArrow", (2, 4), '"ij,jk->ik"'),
        ("ij-->i", {}, "BadArrow", (2, 5), '"ij->i"'),
        ("ij->>i", {}, "BadArrow", (2, 5), '"ij->i"'),
        ("ij=>i", {}, "BadArrow", (2, 4), '"ij->i"'),
        ("ij→i", {}, "BadArrow", (2, 3), '"ij->i"'),
        ("ij=i", {}, "BadArrow", (2, 3), "index notation"),
        ("ij->i->", {}, "BadArrow", (5, 7), "one arrow"),
        ("ij,->ij", {}, "EmptyOperand", (2, 3), "trailing"),
        ("ij,->ij", {"names": "A"}, "EmptyOperand", (2, 3), "1 operand"),
        (",ij->ij", {"names": "A"}, "EmptyOperand", (0, 1), "leading"),
        (",ij,->ij", {}, "EmptyOperand", (3, 4), "trailing"),
        ("ij,,jk->ik", {}, "EmptyOperand", (3, 4), "doubled"),
        ("i..,j->ij", {}, "InvalidEllipsis", (1, 3), "three dots"),
        ("....i->i", {}, "InvalidEllipsis", (0, 4), "three dots"),
        ("...i...->i", {}, "InvalidEllipsis", (4, 7), "once"),
        ("...i->...", {}, "InvalidEllipsis", (0, 3), "ranks"),
        ("...i->i", {"ranks": (2,)}, "InvalidEllipsis", (6, 7), "output has none"),
        ("(ij),jk->ik", {}, "UnexpectedChar", (0, 1), "grouping"),
        ("i j),jk->ik", {}, "UnbalancedBracket", (3, 4), "no brackets"),
        ("(ij,jk->ik", {}, "UnbalancedBracket", (0, 1), "no brackets"),
        ("i1->i", {}, "UnexpectedChar", (1, 2), "one letter"),
        ("i*j->ij", {}, "UnexpectedChar", (1, 2), "commas"),
        ("ij->i,j", {}, "UnexpectedChar", (5, 6), "one output"),
        ("іj,jk->ik", {}, "ConfusableChar", (0, 1), "U+0456"),
        ("ij\0,jk->ik", {}, "ControlChar", (2, 3), "column 3"),
        ("ij\u200b->i", {}, "ControlChar", (2, 3), "column 3"),
        ("ij->ii", {}, "RepeatedOutputIndex", (5, 6), "diagonal"),
        ("ij->ik", {}, "FreeIndexMismatch", (5, 6), "no operand"),
        ("ij,jk->ik", {"names": "A"}, "OperandCount", (3, 5), "1 name"),
        ("ij->i", {"names": "A B"}, "OperandCount", (0, 2), "2 names"),
        ("ij->i", {"ranks": (2, 3)}, "OperandCount", (0, 2), "2 ranks"),
        ("ijk->i", {"ranks": (2,)}, "RankMismatch", (0, 3), "which has 2 axes"),
        ("ij,j->i", {"names": "A A"}, "RankMismatch", (3, 4), "1 in another"),
        ("...ij->...", {"ranks": (1,)}, "RankMismatch", (0, 5), "1 axis"),
    ],
)
def test_refused_specs(spec: str, kwargs: dict, kind: str, span: tuple[int, int], word: str) -> None:
    with pytest.raises(getattr(errors, kind)) as info:
        parse_einsum(spec, **kwargs)
    assert info.value.kind == kind
    assert (info.value.text, info.value.span) == (spec, span)
    assert word in str(info.value)


def test_arguments_that_do_not_fit() -> None:
    with pytest.raises(errors.UsageError):
        parse_einsum(3)  # type: ignore[arg-type]
    with pytest.raises(errors.UsageError):
        parse_einsum("ij->i", names="tanh")
    with pytest.raises(errors.UsageError):
        parse_einsum("ij->i", names="x y-")
    with pytest.raises(errors.UsageError):
        parse_einsum("ij->i", ranks={"B": 2})
    with pytest.raises(errors.SpecTooLong):
        parse_einsum("i," * 40_000 + "->")
    with pytest.raises(errors.UsageError):
        parse_einsum("...->...", ranks=(60,))


def test_many_operands_get_names_of_their_own() -> None:
    letters = "abcdefghijklmnopqrstuvwxyzABCD"
    s = parse_einsum(",".join(letters) + "->")
    assert len(s.inputs) == 30
    assert parse(show(s)) is s


def test_no_string_brings_it_down() -> None:
    r = Random(7)
    seen = set()
    for _ in range(3000):
        spec = r.choice(("ij,jk->ik", "ii->", "...i,i->...", ""))
        for _ in range(r.randint(1, 4)):
            at = r.randint(0, len(spec))
            new = r.choice(["i", "j", "k", ",", ".", "->", "<", " ", "(", ")", "1", "α", "і", "=", "\0", ""])
            spec = spec[:at] + new + spec[at + r.randint(0, 2) :]
        try:
            s = parse_einsum(spec)
        except TensorpropError as e:
            seen.add(e.kind)
            assert e.problem and e.text == spec and e.span is not None
            assert 0 <= e.span[0] <= e.span[1] <= len(spec)
        else:
            assert parse(show(s)) is s
    assert len(seen) > 9


def test_the_specs_of_other_libraries() -> None:
    cases = [
        ("ij,jk,kl->il", "Y_il = A_ij B_jk C_kl"),
        ("bhqd,bhkd->bhqk", "Y_bhqk = A_bhqd B_bhkd"),
        ("nchw,ockl->nohwkl", "Y_nohwkl = A_nchw B_ockl"),
    ]
    for spec, shown in cases:
        assert show(parse_einsum(spec)) == shown
    facts = json.loads((DATA / "einsum_to_matrix.json").read_text())
    read = 0
    for case in facts["cases"]:
        if "->" not in case["spec"] or "." in case["spec"]:
            continue
        s = parse_einsum(case["spec"], names=case["operands"])
        assert parse(show(s)) is s
        read += 1
    assert read > 50
