"""Wrong rules are refused, all of them, and nearly all are told what is wrong with them; right ones are left alone."""

from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.diagnose import diagnose, diagnose_values, smallest
from tensorprop.check.report import Diagnosis, Finding, marked
from tests.check.wrong_table import HUMAN, NAMES, Wrong, right, seeded

DENSE = "z_bj = a_bi W_ij + b_j"
NAMED = 0.96  # of the seeded rules, measured


def found(wrong: Wrong) -> list[Finding]:
    report = tp.check(tp.Layer(wrong.forward, wrong.rule, given=wrong.given))
    assert not report.ok and not report.proved, f"accepted: {wrong}"
    return list(report.findings)


def slip(forward: str, rule: str) -> Diagnosis:
    (finding,) = tp.check(f"{forward}\n{rule}").findings
    assert finding.diagnosis is not None
    return finding.diagnosis


def test_the_table_is_long_and_has_every_fault() -> None:
    made = Counter(w.fault for w in seeded())
    assert sum(made.values()) >= 200 and len(HUMAN) >= 30
    assert set(made) == set(NAMES) and min(made.values()) >= 2
    assert len(right()) >= 40


def test_every_seeded_rule_is_refused_and_its_fault_named() -> None:
    named = 0
    for wrong in seeded():
        slips = [f.diagnosis for f in found(wrong)]
        assert all(d is not None for d in slips), wrong
        named += any(d is not None and wrong.fault in d.kinds for d in slips)
    assert named / len(seeded()) >= NAMED


@pytest.mark.parametrize("wrong, words", HUMAN, ids=[f"{w.fault}: {w.rule}" for w, _ in HUMAN])
def test_what_a_tired_hand_wrote(wrong: Wrong, words: str) -> None:
    d = found(wrong)[0].diagnosis
    assert d is not None and wrong.fault in d.kinds, d
    assert words in d.words
    assert d.counterexample is not None and d.counterexample.expected != d.counterexample.got


@pytest.mark.parametrize("n", range(len(right())))
def test_no_right_rule_is_refused(n: int) -> None:
    page = right()[n]
    rules = "\n".join([*page.parts.split("\n"), *map(str, page.rules)])
    report = tp.check(tp.Layer(page.forward, rules, given=page.given))
    assert report.ok, str(report)


# --------------------------------------------------------------------------- honest at every size
RIGHT = {"a": "W_ij δz_bj", "W": "a_bi δz_bj", "b": "Σ_b δz_bj"}
LEFT = {"a": "δa_bi", "W": "δW_ij", "b": "δb_j"}


@pytest.mark.parametrize("tensor", RIGHT)
@pytest.mark.parametrize(
    "change, kind",
    [
        ("0 {}", "zero"),
        ("-{}", "sign"),
        ("1.5 {}", "factor"),
        ("1.001 {}", "factor"),
        ("1.000000001 {}", "factor"),
        ("{} / dim(b)", "mean"),
    ],
)
def test_a_multiple_is_refused(tensor: str, change: str, kind: str) -> None:
    d = slip(DENSE, f"{LEFT[tensor]} = {change.format(RIGHT[tensor])}")
    assert d.kind == kind and d.proved


@pytest.mark.parametrize("entry", [0, 1, 3, 5, 30, 1000, 62_499, 999_999])
def test_one_wrong_entry_is_refused_wherever_it_is(entry: int) -> None:
    (finding,) = tp.check(f"y_j = a_j c_j; δa_j = δy_j c_j [j ≠ {entry}]").findings
    assert finding.entry == (entry,) and finding.got == 0
    if entry < 100_000:  # beyond, no slip is looked for
        assert (
            finding.diagnosis is not None
            and finding.diagnosis.kind == "extra factor"
            and f"[j ≠ {entry}]" in finding.diagnosis.words
        )


# --------------------------------------------------------------------------- what is said
def test_the_report_reads_like_a_teacher() -> None:
    class Slip(tp.Layer):
        forward = "p_t = softmax_t(s_t)"
        backward = "δs_t = p_t (1 - p_t) δp_t"

    text = str(tp.check(Slip()))
    assert (
        """\
  δs_t = p_t (1 - p_t) δp_t  WRONG
      the sum over u is missing: p_t δp_t stands where Σ_u p_u δp_u belongs
      written: δs_t = p_t (1 - p_t) δp_t
                           ^^^^^^^^
      derived: δs_t = p_t (δp_t - Σ_u p_u δp_u)
                                ^^^^^^^^^^^^^^^
      first wrong entry: δs[0] should be """
        in text
    )
    plain = tp.check(Slip()).show(ascii=True)
    assert plain.isascii() and "sum_u p_u delta p_u" in plain


def test_the_correction_is_shown_as_the_user_spells() -> None:
    d = slip("x_i = a_i*c_i", "delta c_i = c_i*(delta x_i)")
    assert d.texts == ("delta c_i = c_i*(delta x_i)", "delta c_i = a_i*(delta x_i)")
    assert d.lines()[1:] == [
        "written: delta c_i = c_i*(delta x_i)",
        "                     ^",
        "correct: delta c_i = a_i*(delta x_i)",
        "                     ^",
    ]


@pytest.mark.parametrize(
    "one, other, below, above",
    [
        ("δa = W_ji δz", "δa = W_ij δz", "       ^^", "       ^^"),
        ("x = a", "x = a + b", "      ^", "      ^^^"),
        ("x = a b c", "x = a c", "      ^", "     ^"),
        ("x = -a", "x = a", "    ^", "   ^"),
        ("x = f′(a)", "x = f′(z)", "       ^", "       ^"),
    ],
)
def test_carets_stand_under_what_differs(one: str, other: str, below: str, above: str) -> None:
    assert marked(one, other) == (below, above)


@pytest.mark.parametrize(
    "forward, rule, kinds",
    [
        (DENSE, "δa_bi = -W_ji δz_bj", {"transposed", "sign"}),
        (DENSE, "δa_bi = 2 W_ji δz_bj", {"transposed", "factor"}),
        ("h_j = f(z_j)", "δz_j = -f(z_j) δh_j", {"slope", "sign"}),
        ("y_i = W_ij x_j + V_ij x_j + U_ij x_j", "δx_j = W_ij δy_i", {"second path"}),
        ("y_i = W_ij x_j + V_ij x_j", "δx_j = W_ij δy_i - V_ji δy_i", {"transposed", "sign"}),
    ],
)
def test_two_slips_at_once(forward: str, rule: str, kinds: set[str]) -> None:
    d = slip(forward, rule)
    assert set(d.kinds) == kinds and len(d.kinds) == 2 and d.proved


def test_the_slip_is_found_in_a_part() -> None:
    d = slip("p_t = softmax_t(s_t)", "m = Σ_u s_u δp_u; δs_t = p_t (δp_t - m)")
    assert d.written is not None and d.written.name == "m" and d.words == "s_u stands where p_u belongs"
    assert str(d.corrected) == "m = p_u δp_u"


def test_the_counterexample_is_the_smallest() -> None:
    c = slip(DENSE, "δb_j = mean_b(δz_bj)").counterexample
    assert c is not None and dict(c.sizes) == {"j": 1, "b": 2} and c.entry == (0,)
    assert c.expected == 2 * c.got == sum(row[0] for row in c.arrays["δz"])
    c = slip("y_i = A_ij x_j", "δx_j = A_ji δy_i").counterexample
    assert c is not None and dict(c.sizes) == {"j": 2, "i": 2}
    assert c.expected == sum(row[c.entry[0]] * d for row, d in zip(c.arrays["A"], c.arrays["δy"], strict=True))


def test_where_nothing_is_near_the_difference_is_told() -> None:
    d = slip("E = x_i A_ij x_j", "δx_k = sin(A_ki) x_i + 3 x_k")
    assert d.kind == "unknown" and d.difference is not None
    report = str(tp.check("E = x_i A_ij x_j\nδx_k = sin(A_ki) x_i + 3 x_k"))
    assert "no single slip explains it" in report and "written - derived:" in report and "derived: δx_i" in report


def test_a_right_rule_has_no_diagnosis() -> None:
    forward = tp.parse("p_t = softmax_t(s_t)")
    derived = tp.adjoint(forward)["δs"]
    hand = tp.parse("δs_t = δp_t p_t - p_t p_u δp_u")["δs"]
    assert diagnose(hand, derived, forward) is None
    assert smallest(hand, derived, forward) is None


def test_numbers_of_a_function_are_explained() -> None:
    forward = tp.parse("z_bj = a_bi W_ij; h_bj = tanh(z_bj)")
    derived = tp.adjoint(forward, wrt=("a", "W"))
    rng = np.random.default_rng(0)
    a, W, g = rng.normal(size=(3, 4)), rng.normal(size=(4, 4)), rng.normal(size=(3, 4))
    z = a @ W
    h = np.tanh(z)
    truth = {"a": a, "W": W, "z": z, "h": h, "δh": g, "δz": g * (1 - h**2)}
    rule = derived["δa"]
    assert diagnose_values(truth["δz"] @ W.T, rule, forward, truth) is None
    for wrong, kind in (
        (truth["δz"] @ W, "transposed"),
        (-truth["δz"] @ W.T, "sign"),
        (truth["δz"] @ W.T / 3, "factor"),
        (g @ W.T, "tensor"),
        (0 * a, "zero"),
    ):
        d = diagnose_values(wrong, rule, forward, truth)
        assert d is not None and (d.kind == kind or (kind == "factor" and d.kind == "mean")), (d, kind)
    assert diagnose_values(rng.normal(size=(3, 4)), rule, forward, truth) is None


def test_the_report_is_data_too() -> None:
    report = tp.check(f"{DENSE}; δa_bi = W_ji δz_bj")
    told = json.loads(json.dumps(report.as_dict()))["findings"][0]["diagnosis"]
    assert told["kind"] == "transposed" and told["proved"] is True
    assert told["written"] == "δa_bi = W_ji δz_bj" and told["corrected"] == "δa_bi = W_ij δz_bj"
    assert told["words"] == "W is transposed: W_ji stands where W_ij belongs"
    assert told["counterexample"]["sizes"]["i"] == 2
