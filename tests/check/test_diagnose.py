"""Wrong rules are refused, all of them, and nearly all are told what is wrong with them; right ones are left alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check.report import Diagnosis, Finding, marked
from tensorprop.check.slips.diagnose import diagnose, diagnose_values
from tensorprop.check.slips.smallest import smallest
from tests.check.wrong_table import FARTHER, HUMAN, NAMES, NORM, OTHERS, Wrong, right, seeded

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


def told(wrong: Wrong) -> list[Diagnosis]:
    """The diagnoses of the rules that are wrong, without the comparison with JAX that `found` has before it."""
    layer = tp.Layer(wrong.forward, wrong.rule, given=wrong.given)
    page, derived = layer.page, {eq.name: eq for eq in layer.derived}
    rivals = {eq.name: eq for eq in page.rules}
    slips = (
        diagnose(
            *(rule, derived[rule.name], page.system),
            parts=page.parts,
            given=page.given,
            others=derived,
            rivals=rivals,
            source=page.origin,
        )
        for rule in page.rules
    )
    return [d for d in slips if d is not None]


def checked(wrong: Wrong) -> list[Diagnosis]:
    """The same from a whole check: every rule must be refused, and told something."""
    slips = [f.diagnosis for f in found(wrong)]
    assert slips and all(d is not None for d in slips), wrong
    return [d for d in slips if d is not None]


def named(wrongs: Sequence[Wrong], diagnoses: Callable[[Wrong], list[Diagnosis]]) -> float:
    """The share of wrong rules whose fault is named; each must be told something."""
    slips = {wrong: diagnoses(wrong) for wrong in wrongs}
    assert all(slips.values())
    return sum(any(names_of(wrong) & {*d.kinds} for d in ds) for wrong, ds in slips.items()) / len(slips)


def names_of(wrong: Wrong) -> set[str]:
    """A term of a rule that is missing may be a second path, one of a subscript is a shift."""
    also = {"missing term": {"second path", "shift"}, "sign": {"shift"}}
    return {wrong.fault, *also.get(wrong.fault, ())}


def test_faults_of_seeded_rules_are_named() -> None:
    layers = list(dict.fromkeys(w.forward for w in seeded()))
    some = [w for w in seeded() if layers.index(w.forward) % 48 == 3]
    some += [next(w for w in seeded() if w.fault == name) for name in NAMES]
    assert len(some) >= 25 and {w.fault for w in some} == set(NAMES)
    assert named(some, told) >= NAMED


def test_seeded_rules_are_refused() -> None:
    some = [w for w in seeded() if len(w.forward) < 60][3::40]  # a whole check compiles each page for JAX
    assert len(some) >= 10 and all(map(checked, some))


@pytest.mark.campaign
def test_every_seeded_rule_is_refused_and_its_fault_named() -> None:
    assert named(seeded(), checked) >= NAMED


TOLD = (*HUMAN, *FARTHER)


@pytest.mark.parametrize("wrong, words", TOLD, ids=[f"{w.fault}: {w.rule}" for w, _ in TOLD])
@pytest.mark.parametrize("diagnoses", [told, pytest.param(checked, marks=pytest.mark.campaign)])
def test_what_a_tired_hand_wrote(wrong: Wrong, words: str, diagnoses: Callable[[Wrong], list[Diagnosis]]) -> None:
    d, *_ = diagnoses(wrong)
    assert wrong.fault in d.kinds and d.proved, d
    assert words in d.words
    assert d.counterexample is not None and d.counterexample.expected != d.counterexample.got


LIBRARY = len(right()) - len(OTHERS)  # these pages are proved in tests/layers too


@pytest.mark.parametrize(
    "n", [pytest.param(n, marks=pytest.mark.campaign if n < LIBRARY else ()) for n in range(len(right()))]
)
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


@pytest.mark.parametrize(
    "more",
    [
        *("[b = i] [i = 5] x_bi", "[dim(b) > 50] x_bi", "[x_bi > 100]", "relu(x_bi - 100)", "[i + 3 = dim(x, 1)] x_bi"),
        *("1e-9 [b = 0] [i = 0] x_bi", "[b = 4] [i = 11]", "0.0000000000001 x_bi"),
    ],
)
def test_what_is_wrong_in_few_places_is_refused(more: str) -> None:
    (finding,) = tp.check(f"h_bj = tanh(x_bi W_ij); δx_bi = W_ij (1 - h_bj^2) δh_bj + {more}").findings
    assert finding.diagnosis is not None and finding.diagnosis.kind == "extra term"


def test_what_is_given_is_no_more_than_that() -> None:
    report = tp.check(tp.Layer("a_j = relu(z_j)", "δz_j = δa_j", given="Σ_j z_j = 1"))  # they may be negative
    assert not report.ok


def test_a_slip_that_no_sample_shows_is_found_exactly() -> None:
    d = slip("m_tu = where([t ≥ u], s_tu, -1000); a_tu = softmax_u(m_tu)", "δs_tu = δm_tu")
    assert d.kind == "missing factor" and d.proved and d.counterexample is None


@pytest.mark.parametrize(
    "forward, rules",
    [
        ("E = -1/dim(b) Σ_b logsoftmax_k(z_bk)[y_b]", "δz_bk = (softmax_k(z_bk) - [k = y_b]) / dim(b)"),
        ("y_to = w_ocs x[t+s, c] m_t", "δw_ocs = x[t+s, c] m_t δy_to"),
        ("y_i = 100000000 x_i + 1e-12 x_i^2", "δx_i = δy_i (1e8 + 2e-12 x_i)"),
        ("y_i = x_i / sqrt(x_i^2 + 1e-12)", "δx_i = 1e-12 δy_i / sqrt(x_i^2 + 1e-12)^3"),
        ("y_i = (x_i + 1e8)^3 - x_i^3", "δx_i = δy_i (6e8 x_i + 3e16)"),
        ("y_i = sqrt(x_i + 1e8) - sqrt(x_i)", "δx_i = 1/2 δy_i (1/sqrt(x_i + 1e8) - 1/sqrt(x_i))"),
        ("y_i = log(1 + exp(1000 x_i))", "δx_i = 1000 δy_i σ(1000 x_i)"),
        ("y_i = 1 - cos(1e-3 x_i)", "δx_i = 1e-3 sin(1e-3 x_i) δy_i"),
    ],
)
def test_no_right_rule_is_refused_for_its_scale_or_its_subscripts(forward: str, rules: str) -> None:
    report = tp.check(tp.Layer(forward, rules))
    assert report.ok, str(report)


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


def test_the_text_of_a_layer_is_kept_as_it_was_written() -> None:
    class Written(tp.Layer):
        forward = "x_i = a_i*c_i"
        backward = "delta c_i\t=\n  c_i*(delta x_i)"

    for layer in (tp.Layer("x_i = a_i*c_i", "delta c_i\t=  c_i*(delta x_i)"), Written(), Written):
        d = tp.check(layer).findings[0].diagnosis
        assert d is not None and d.texts == ("delta c_i = c_i*(delta x_i)", "delta c_i = a_i*(delta x_i)")


def test_a_size_is_called_as_it_was_written() -> None:
    d = slip("s_htu = q_htd k_hud / sqrt(dim(d))", "δk_hud = δs_htu k_htd / sqrt(dim(d))")
    assert str(d.corrected) == "δk_hud = δs_htu q_htd / sqrt(dim(d))"


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
        (DENSE, "δW_ij = 1/2 a_bj δz_bi", {"transposed", "factor"}),
        (NORM, "δc_bi = -δn_bi r_b + c_bi δv_b / dim(i)", {"sign", "factor"}),
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
