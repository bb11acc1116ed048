"""The index strings of the corpora: each is read as it is meant, or refused for a reason that the rules state."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tensorprop.errors import TensorpropError
from tensorprop.text import parse, parse_einsum, show

DATA = Path(__file__).parent.parent / "data"

REFUSED = {  # everything that is not read, and why
    "n = (A_ij x_j - y_i)^2": "AmbiguousSum",  # a scalar from a square with a sum inside: Σ_ij (…)^2 or Σ_i (Σ_j …)^2
    "s = (A_ij - C_ik S_kj)^2": "AmbiguousSum",
    "s = (A_ij x_j - b_i)^2": "AmbiguousSum",
}


def strings() -> Iterator[str]:
    for name in ("matrix_cookbook", "backprop_rules", "laue_benchmarks"):
        yield from _strings(json.loads((DATA / f"{name}.json").read_text()))


def _strings(x: Any) -> Iterator[str]:
    if isinstance(x, dict):
        if x.get("index_evaluable") is not False:
            for key in ("index_function", "index_derivative", "index_forward", "index_hessian"):
                if isinstance(x.get(key), str):
                    yield x[key]
        for value in x.values():
            yield from _strings(value)
    elif isinstance(x, list):
        for value in x:
            yield from _strings(value)


def test_every_index_string_is_read_or_refused_for_a_stated_reason() -> None:
    read = refused = 0
    for text in strings():
        why = next((kind for part, kind in REFUSED.items() if part in text), None)
        if why is None:
            s = parse(text)
            assert parse(show(s)) is s and parse(show(s, ascii=True)) is s, text
            read += 1
        else:
            with pytest.raises(TensorpropError) as info:
                parse(text)
            assert info.value.kind == why, text
            refused += 1
    assert (read, refused) == (221, 3)


CASES = json.loads((DATA / "bad_inputs.json").read_text())["cases"]
OF_TEXT = {"syntax", "unicode", "index", "name", "limit"}
LATER = {"B59"}  # found when a plan is made


@pytest.mark.parametrize(
    "case", [c for c in CASES if c["category"] in OF_TEXT and c["id"] not in LATER], ids=lambda c: c["id"]
)
def test_bad_input_is_refused_at_the_right_place(case: dict[str, Any]) -> None:
    text = case["spec"]
    if text is None:
        text = {"B55": "z_j = " + " + ".join(["a_i W_ij"] * 100_000), "B57": "s = 10^10^8"}[case["id"]]
    with pytest.raises(TensorpropError) as info:
        (parse_einsum if case["call"] == "einsum" else parse)(text)
    error = info.value
    assert error.kind == case["expected_kind"]
    if case["span"] is not None:
        assert error.span == tuple(case["span"])
    assert len(str(error).split("\n")) >= 2
    assert error.fix or error.kind == "NumberTooLarge"
