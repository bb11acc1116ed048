"""Pictures of what is cut out, and examples with whole numbers, recomputed from what is printed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.check import explain
from tensorprop.render import document
from tensorprop.render.document import Paragraph, Picture

TEXTS = [
    "z_bj = a_bi W_ij + b_j",
    "z_j = a_i W_ij + b_j; h_j = f(z_j)",
    "z_i = W_ij a_j",
    "S_tu = Q_td K_ud",
    "y_j = A_ij x_i",
]
LAYOUTS: list[dict[str, Any]] = [{}, {"layout": "row"}, {"samples": "columns"}, {"derivative": "numerator"}]


def array(text: str) -> np.ndarray:
    """``[1 2; 3 4]``, ``[1 2]ᵀ``."""
    rows = [[int(n) for n in row.split()] for row in text.strip("ᵀ").strip("[]").split(";")]
    found = np.array(rows)
    return found.T if text.endswith("ᵀ") else found


def value(formula: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
    out = np.eye(1)
    for n, word in enumerate(formula.split()):
        x = arrays[word.rstrip("ᵀ")]
        x = x.T if word.endswith("ᵀ") else x
        out = x if n == 0 else out @ x
    return out


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("text", TEXTS)
def test_an_example_is_what_its_numbers_say(text: str, layout: dict[str, Any]) -> None:
    matrix = r"(\S+) = (\[[^\]]*\]ᵀ?)"
    product = r"(\S+ \S+) = (\[[^\]]*\]ᵀ?)"
    seen = 0
    for part in explain(text, **layout).parts:
        if part.example is None:
            continue
        seen += 1
        said = str(part.example)
        whole, square = said.split(". In a square case, ")
        assert "for every" not in said
        first = dict(re.findall(matrix, whole.split(" the first entry")[0]))
        arrays = {name: array(m) for name, m in first.items()}
        formula, result = re.findall(product, whole.split("as in ")[1])[0]
        np.testing.assert_array_equal(value(formula, arrays), array(result))
        terms, total = re.findall(r": ([\d·+ ]+) = (\d+)", whole)[0]
        assert sum(int(a) * int(b) for a, b in re.findall(r"(\d+)·(\d+)", terms)) == int(total) == array(result)[0, 0]
        arrays = {name: array(m) for name, m in re.findall(matrix, square.split(", the wrong")[0])}
        (good, right), (bad, wrong) = re.findall(product, square.split("numbers: ")[1])
        np.testing.assert_array_equal(value(good, arrays), array(right))
        np.testing.assert_array_equal(value(bad, arrays), array(wrong))
        assert good == formula and not np.array_equal(array(right), array(wrong))
    assert seen


def test_a_node_that_is_cut_out_is_dashed_and_stands_in_brackets() -> None:
    d = explain("z_j = a_i W_ij + b_j; h_j = f(z_j)")
    pictures = [b for b in d.blocks() if isinstance(b, Picture)]
    assert [b.text.splitlines()[0] for b in pictures] == ["z =   [a] ──i── W", "z =   a ──i── [W]"]
    assert all(b.svg.count("stroke-dasharray") == 1 for b in pictures)
    for page in (d.markdown, d.html, d._repr_mimebundle_()["text/html"]):
        assert page.count("<svg") == 2
    assert "[a] ──i── W" in str(d) and "[a] ──i── W" in d.latex


def test_a_terminal_has_pictures_where_there_are_few_rules() -> None:
    d = explain("z_j = x_i W_ij + c_j; h_j = tanh(z_j); u_k = h_j V_jk + d_k; E = 1/2 (u_k - t_k)^2")
    assert "──" not in str(d).replace("─" * 8, "") or "[h]" not in str(d)
    assert "<svg" in d.html and "With numbers" in d.html
    assert document.text([Paragraph(tp.explain("y_i = A_ij x_j").parts[0].steps[0].reason, pages=True)]) == ""


@pytest.mark.parametrize("text", ["h_j = f(z_j)", "y = x_i A_ij x_j", "E = 1/2 (h_i - y_i)^2"])
def test_what_is_no_product_has_no_picture_and_no_example(text: str) -> None:
    part = explain(text).parts[0]
    assert part.picture is None and part.example is None
