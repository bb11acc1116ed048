"""The Matrix Cookbook's derivatives: derived, written as formulas, right on numbers, and no longer than the book's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tensorprop as tp
from tensorprop.check.verbs import formula
from tensorprop.core.equation import Equation
from tensorprop.errors import TensorpropError
from tensorprop.text import parse

FILE = Path(__file__).parents[1] / "data" / "matrix_cookbook.json"
CASES = [
    c
    for c in json.loads(FILE.read_text())["cases"]
    if not c.get("needs") and "index_function" in c and c.get("index_evaluable") is not False
]

# The book's text is not of the same expression: it knows that A = Aᵀ, or it has letters for parts of the result.
NOT_COMPARED = {
    "wp-sv-xAx-sym": "A = Aᵀ is assumed",
    "mc-085": "W = Wᵀ is assumed",
    "mc-087": "W = Wᵀ is assumed",
    "wp-sv-hess-sym": "A = Aᵀ is assumed",
    "mc-038": "X′ and Y′ are left as they are",
    "mc-093": "s, r and their Jacobians are left as they are",
    "mc-137": "U = sin(AX) is a letter",
    "wp-vv-vu": "u, v and their derivatives are left as they are",
    "wp-sv-gu": "u = wᵀx is a letter",
    "wp-vs-Uv": "U′ and v′ are left as they are",
    "mc-090": "a result with four indices, for which the book invents J^{ij}",
    "mc-075": "a result with four indices",
    "mc-079": "a result with four indices",
}

_TOKEN = re.compile(r"[A-Za-zα-ωΑ-Ω]\d*|\d+|[+\-−⊙⊘/∘‖√Σᵀ]|⁻?[²³⁴¹]|\(")
_FUNCTION = re.compile(r"(?:tanh|diag|exp|cos|sin|tr|log|σ)(²?)\(")


def symbols(text: str) -> int:
    """Names, numbers, signs, transposes, powers, pairs of parentheses; a function with its parentheses is one."""
    text = re.sub(r"\^\{∘2\}", "²", text.replace("_F", ""))
    return len(_TOKEN.findall(_FUNCTION.sub(r"f\1 ", text)))


def derived(case: dict[str, str]) -> Equation:
    text = case["index_function"].replace("delta_", "δ_")
    try:
        s = parse(text)
    except TensorpropError:
        s = parse(text, convention="einsum")
    x = case["variable"]
    return tp.derive(s, (x, x) if case["layout"].startswith("H_") else x)


def ours(case: dict[str, str]) -> str:
    layout = "numerator" if case["kind"] == "vector-by-vector" else "denominator"
    return str(formula(derived(case), derivative=layout))  # raises WrongFormula if it does not compute the derivative


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["id"])
def test_the_gradient_has_a_formula_that_is_right(case):
    found = formula(derived(case))
    assert found.kind == ("index" if "four indices" in NOT_COMPARED.get(case["id"], "") else "matrix")
    assert " = " in ours(case)


def test_no_more_symbols_than_the_book():
    longer = []
    compared = [c for c in CASES if c["id"] not in NOT_COMPARED]
    for case in compared:
        mine, book = ours(case).partition(" = ")[2], case["result"].rpartition(" = ")[2]
        if symbols(mine) > symbols(book):
            longer.append((case["id"], mine, book))
    assert len(compared) >= 40
    assert len(longer) <= len(compared) // 10, longer


def test_the_count():
    assert symbols("(A + Aᵀ)x") == 6
    assert symbols("A diag(1 − u^{∘2}) M") == symbols("A diag(1 − u²) M") == 7
    assert symbols("1 − tanh²(Mx)") == symbols("1 − tanh(Mx)^{∘2}") == 6
    assert symbols("2Ax") == 3
