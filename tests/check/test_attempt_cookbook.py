"""The rules of the Matrix Cookbook and of Wikipedia's "Matrix calculus", given back as attempts in three layouts.

Twice: as `explain` prints them, and as the collection writes them, each in Unicode, LaTeX and NumPy code.
"""

from __future__ import annotations

from typing import Any

import pytest

import tensorprop as tp
from tensorprop.core.equation import System
from tests.check.test_attempt_printed import given_back
from tests.corpora.test_identities import COOKBOOK, convention, forward, text_of

UNSAID = {"mc-098F", "wp-sm-trexp"}  # n is Σ_i X_ii / X_ii there; an entry of expm(X) among factors
LAYOUTS: list[dict[str, Any]] = [{}, {"layout": "row"}, {"derivative": "numerator"}]
SYMMETRIC = {"wp-sv-xAx-sym": "A_ij = A_ji", "mc-085": "W_ij = W_ji"}  # what the collection takes for granted
CASES = [c for c in COOKBOOK if text_of(c) is not None]
RULES = [
    c
    for c in CASES
    if c["kind"].startswith("scalar") and c.get("order", 1) == 1 and ";" not in c.get("index_derivative", ";")
]


def page(case: Any) -> System:
    said = SYMMETRIC.get(case["id"], "")
    return forward(case, f"{text_of(case)}\n{said}")


def rule(case: Any, s: System) -> str:
    """``D_ij = 2 X_ij`` as the rule ``δX_ij = 2 X_ij δy``."""
    left, _, right = case["index_derivative"].partition("=")
    return f"δ{case['variable']}{left.strip()[1:]} = ({right.strip()}) δ{s.outputs[-1]}"


def judged(case: Any, layout: dict[str, Any]) -> int:
    """How many spellings of a case's own rule were judged right."""
    s = page(case)
    if s.rank(s.outputs[-1]):
        return 0
    formula = tp.formula(tp.parse(rule(case, s), convention=convention(case)), **layout)
    if formula.kind == "index":
        return 0
    spellings = {formula.unicode, formula.latex, formula.numpy}
    for text in spellings:
        found = tp.explain(s, wrt=case["variable"], attempt=text, detail="short", **layout).verdict
        assert found is not None and found.right, (case["id"], text, str(found))
    return len(spellings)


def test_what_is_written_in_matrices_is_judged() -> None:
    few = [c for k, c in enumerate(RULES) if k % 4 == 0 or c["id"] in ("mc-055", "wp-sm-trexp")]  # of expm
    assert all(judged(c, {"derivative": "numerator"}) for c in few)


def test_as_explain_prints_them() -> None:
    assert all(given_back(page(c), LAYOUTS[k % 3]) for k, c in enumerate(CASES[::8]))


def test_what_is_taken_for_granted_is_needed() -> None:
    (case,) = (c for c in RULES if c["id"] == "mc-085")
    attempt = "δx = 2 δy W(x − s)"
    assert not tp.explain(forward(case, case["index_function"]), wrt="x", attempt=attempt, detail="short").verdict.right
    assert tp.explain(page(case), wrt="x", attempt=attempt, detail="short").verdict.right


@pytest.mark.campaign
@pytest.mark.parametrize("case", RULES, ids=lambda c: c["id"])
def test_as_the_collection_writes_them(case: Any) -> None:
    for layout in LAYOUTS:
        assert judged(case, layout) >= 2


@pytest.mark.campaign
@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_all_as_explain_prints_them(case: Any) -> None:
    for layout in LAYOUTS:
        assert given_back(page(case), layout) or case["id"] in UNSAID
