"""The page on the notation tells the truth: what it shows is read, what it refuses is refused as it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tensorprop.errors import TensorpropError
from tensorprop.text import parse, show
from tensorprop.text.cursor import MAX_DEPTH, MAX_DIGITS, MAX_OPERANDS, MAX_POWER_OF_TEN
from tensorprop.text.scan import MAX_CHARACTERS
from tensorprop.text.show import MAX_SHOWN
from tensorprop.text.vocabulary import KNOWN

PAGE = (Path(__file__).parents[2] / "docs" / "notation.md").read_text()


def lines(language: str) -> list[str]:
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return [line for block in blocks for line in block.strip().split("\n")]


@pytest.mark.parametrize("line", lines("notation"))
def test_what_the_page_shows_is_read(line: str) -> None:
    s = parse(line)
    assert parse(show(s)) is s


@pytest.mark.parametrize("line", lines("refused"))
def test_what_the_page_refuses_is_refused(line: str) -> None:
    kind = line.split("#")[1].split(":")[0].strip()
    with pytest.raises(TensorpropError) as info:
        parse(line)
    assert info.value.kind == kind


def test_the_page_names_every_function_and_limit() -> None:
    words = set(re.findall(r"[A-Za-z_0-9πσ√]+", PAGE))
    told = {name: canonical for name, canonical in KNOWN.items() if name == canonical}
    assert not [name for name in told if name not in words]
    for limit in (MAX_CHARACTERS, MAX_DEPTH, MAX_OPERANDS, MAX_DIGITS, MAX_SHOWN):
        assert f"{limit:,}" in PAGE
    assert f"1e{MAX_POWER_OF_TEN}" in PAGE


def test_the_blocks_are_there() -> None:
    assert len(lines("notation")) > 25 and len(lines("refused")) > 15 and len(lines("ebnf")) > 40
