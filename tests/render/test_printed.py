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

TOPICS = {topic: [c for c in CASES if c["topic"] == topic] for topic in dict.fromkeys(c["topic"] for c in CASES)}


@pytest.mark.parametrize("topic", TOPICS)
def test_what_is_printed_is_what_a_paper_prints(topic):
    for case in TOPICS[topic]:
        f = tp.formula(case["written"])  # computed, and compared with the equation
        assert any(plain(str(f)) == plain(alternative) for alternative in case["printed"]), (case, str(f))
        assert f.numpy  # executed too
        assert f.kind != "index"


def test_nearly_all_are_to_the_letter():
    """Of this table and of the specs that have a form, 95 in a hundred at least."""
    specs = [c for c in SPECS if c["formula"] is not None]
    wanted = [(c, [c["formula"], *(a["formula"] for a in c.get("alternatives", []))]) for c in specs]
    other = [c for c, texts in wanted if not any(same(str(shown(c)), text) for text in texts)]
    argued = [c for c in other if c["id"] in ARGUED]
    assert len(CASES) + len(specs) >= 400
    assert len(other) == len(argued)
    assert len(other) <= 0.05 * (len(CASES) + len(specs))


@pytest.mark.parametrize("topic", [t for t, cases in TOPICS.items() if any("->" not in c["written"] for c in cases)])
def test_a_formula_is_read_back(topic):
    """``parse_formula(str(formula(s)))`` is what was written, wherever the formula is one of matrices."""
    for case in TOPICS[topic]:
        if "->" in case["written"]:
            continue
        s = tp.parse(case["written"])
        f = tp.formula(s)
        square = "np.diag(np.diag(" in f.numpy  # it asks for a square matrix
        coded = [f.numpy] if "np." in f.numpy and not square else []
        typst = [f.typst] if is_typst(f.typst) else []  # δ W alone may be Unicode, a product
        for text in (f.unicode, f.latex, *typst, *coded):
            assert tp.equivalent(tp.parse_formula(text, s), s), text
