"""What papers print: a table of specs and equations, each right on numbers, nearly all to the letter.

``printed_formulas.json`` says what is written and the formulas that people print for it; with the cases of
``einsum_to_matrix.json`` they are more than 300.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import tensorprop as tp
from tensorprop.render.reading.typst import is_typst
from tests.render.test_formula import ARGUED, plain, same, shown
from tests.render.test_formula import CASES as SPECS

DATA = Path(__file__).parents[1] / "data"
CASES = json.loads((DATA / "printed_formulas.json").read_text(encoding="utf-8"))["cases"]

# Where ours is another, and why it is not mended.
SHORT: dict[str, str] = {}


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["written"])
def test_what_is_printed_is_what_a_paper_prints(case):
    f = tp.formula(case["written"])  # computed, and compared with the equation
    agrees = any(plain(str(f)) == plain(alternative) for alternative in case["printed"])
    assert agrees != (case["written"] in SHORT), str(f)
    assert f.numpy  # executed too
    assert f.kind != "index"


def test_nearly_all_are_to_the_letter():
    """Of this table and of the specs that have a form, 95 in a hundred at least."""
    specs = [c for c in SPECS if c["formula"] is not None]
    wanted = [(c, [c["formula"], *(a["formula"] for a in c.get("alternatives", []))]) for c in specs]
    other = [c for c, texts in wanted if not any(same(str(shown(c)), text) for text in texts)]
    argued = [c for c in other if c["id"] in ARGUED]
    assert len(CASES) + len(specs) >= 300
    assert len(other) == len(argued)
    assert len(SHORT) + len(other) <= 0.05 * (len(CASES) + len(specs))


@pytest.mark.parametrize("case", [c for c in CASES if "->" not in c["written"]], ids=lambda c: c["written"])
def test_a_formula_is_read_back(case):
    """``parse_formula(str(formula(s)))`` is what was written, wherever the formula is one of matrices."""
    s = tp.parse(case["written"])
    f = tp.formula(s)
    coded = [f.numpy] if "np." in f.numpy and "np.diag(np.diag(" not in f.numpy else []  # it asks for a square matrix
    typst = [f.typst] if is_typst(f.typst) else []  # δ W alone may be Unicode, a product
    for text in (f.unicode, f.latex, *typst, *coded):
        assert tp.equivalent(tp.parse_formula(text, s), s), text
