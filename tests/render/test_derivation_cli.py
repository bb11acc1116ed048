"""The command line's formula, explain and docs; Markdown pages that are filled in; the page of this project."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from tensorprop.cli import main
from tensorprop.errors import TensorpropError, UnexpectedEnd, UsageError
from tensorprop.pages.answers import answer
from tensorprop.pages.fenced import fill, requests

PAGE = Path(__file__).resolve().parents[2] / "docs" / "derivation.md"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=text)


# --------------------------------------------------------------------------- formula and explain
@pytest.mark.parametrize(
    "style, shown",
    [
        ("unicode", "δW = aᵀ δz"),
        ("latex", r"\delta W = a^{\top} \, \delta z"),
        ("numpy", "@"),
        ("jax", "@"),
        ("typst", "a^(top) δ z"),
    ],
)
def test_formula_in_every_format(style: str, shown: str) -> None:
    result = run("formula", "δW_ij = a_bi δz_bj", "--format", style)
    assert result.exit_code == 0, result.output
    assert shown in result.output


def test_formula_of_an_einsum_spec() -> None:
    assert run("formula", "ij,jk->ik", "--names", "A B").output.strip() == "AB"
    assert run("formula", text="δW_ij = a_bi δz_bj").output.strip() == "δW = aᵀ δz"
    assert run("formula", "δa_i = W_ij δz_j", "--layout", "row").output.strip() == "δa = δz Wᵀ"


def test_explain() -> None:
    result = run("explain", "z_j = a_i W_ij + b_j; a_j = f(z_j)", "--wrt", "W")
    assert result.exit_code == 0, result.output
    assert "δW = a^(k) δzᵀ" in result.output and "Kronecker delta" in result.output


def test_explain_reads_files_and_standard_input(tmp_path: Path) -> None:
    page = tmp_path / "layer.txt"
    page.write_text("z_j = a_i W_ij", encoding="utf-8")
    assert "δa = W δz" in run("explain", "-f", str(page), "--wrt", "a").output
    assert "δa = W δz" in run("explain", "--wrt", "a", "--short", text="z_j = a_i W_ij").output


@pytest.mark.parametrize("style", ["text", "markdown", "latex", "align", "html", "json"])
def test_explain_in_every_format(style: str) -> None:
    result = run("explain", "z_j = a_i W_ij", "--wrt", "a", "--format", style)
    assert result.exit_code == 0
    mark = {"text": "Σ_j W_ij δz_j", "html": "<section", "json": '"steps"', "align": r"\["}.get(style, r"\sum_{j}")
    assert mark in result.output


def test_explain_judges_an_attempt() -> None:
    output = run("explain", "z_j = a_i W_ij", "--wrt", "a", "--attempt", "δa = Wᵀ δz").output
    assert "do not fit as neighbours" in output


def test_wrong_input_leaves_with_1() -> None:
    assert run("explain", "z_j = a_i W_ij", "--wrt", "V").exit_code == 1
    assert run("formula", "z_j = a_i W_i").exit_code == 1
    result = run("explain", "z_j = a_i W_ij", "--wrt", "V", "--json")
    assert result.exit_code == 1 and json.loads(result.output)["error"]["kind"] == "UnknownName"


def test_explain_on_an_ascii_terminal() -> None:
    result = CliRunner(charset="ascii").invoke(main, ["explain", "z_j = a_i W_ij", "--wrt", "a"])
    assert result.exit_code == 0 and result.output.isascii() and "delta a" in result.output


# --------------------------------------------------------------------------- pages
FRESH = "Text\n\n```tensorprop\nδW_ij = a_bi δz_bj\n```\n\nmore text\n"


def test_a_block_becomes_a_formula_and_keeps_its_source() -> None:
    page = fill(FRESH, answer)
    assert "$$\\delta W = a^{\\top} \\, \\delta z$$" in page
    assert "<!-- tensorprop\nδW_ij = a_bi δz_bj\n-->" in page and page.endswith("\n\nmore text\n")


def test_filling_twice_changes_nothing() -> None:
    once = fill(FRESH + PAGE.read_text(encoding="utf-8"), answer)
    assert fill(once, answer) == once


def test_other_fences_are_left_alone() -> None:
    page = "````markdown\n```tensorprop\nthis is no equation\n```\n````\n\n~~~python\nx = 1\n~~~\n    ```tensorprop\n"
    assert fill(page, answer) == page
    assert requests(page) == []


def test_a_source_with_an_arrow_stays_a_comment() -> None:
    page = fill('```tensorprop formula names="A B"\nij,jk->ik\n```', answer)
    assert "$$A B$$" in page and requests(page)[0].text == "ij,jk->ik"
    odd = fill("```tensorprop\na --> b\n```", lambda r: "x")
    assert odd.count("-->") == 2 and requests(odd)[0].text == "a --> b"


def test_options_and_verbs() -> None:
    (r,) = requests('```tensorprop explain wrt=W,b attempt="δW = δz aᵀ"\nz_j = a_i W_ij\n```')
    assert r.verb == "explain" and r.options == {"wrt": "W,b", "attempt": "δW = δz aᵀ"} and r.line == 2
    for words in ("explain colour=red", "sing", "formula layout=diagonal"):
        with pytest.raises(UsageError, match="line 2 of the page"):
            fill(f"```tensorprop {words}\nz_j = a_i W_ij\n```", answer)
    with pytest.raises(UsageError, match="two verbs"):
        requests("```tensorprop explain formula\n```")


@pytest.mark.parametrize(
    "page", ["```tensorprop\nz_j = a_j", "<!-- tensorprop\nz_j = a_j\n", "<!-- tensorprop\ny\n-->\nz"]
)
def test_what_is_never_closed(page: str) -> None:
    with pytest.raises(UnexpectedEnd):
        fill(page, answer)


def test_errors_tell_the_line_of_the_page() -> None:
    with pytest.raises(TensorpropError, match="line 4 of the page"):
        fill("\n\n```tensorprop\nz_j = a_i\n```", answer)


def test_docs_command(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_bytes(FRESH.replace("\n", "\r\n").encode())
    stale = run("docs", "--check", str(page))
    assert stale.exit_code == 1 and "stale" in stale.output and page.read_bytes().startswith(b"Text\r\n\r\n```")
    assert run("docs", str(page)).exit_code == 0
    assert b"\\delta W" in page.read_bytes() and b"\n" not in page.read_bytes().replace(b"\r\n", b"")
    assert run("docs", "--check", str(page)).exit_code == 0
    page.write_text(page.read_text(encoding="utf-8").replace("a_bi", "x_bi"), encoding="utf-8")
    assert run("docs", "--check", str(page)).exit_code == 1
    page.write_text("```tensorprop\nz_j = a_i\n```", encoding="utf-8")
    assert run("docs", str(page)).exit_code == 1
    assert run("docs", str(tmp_path / "none.md")).exit_code == 2


def test_the_page_of_this_project_is_what_is_printed_today() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert len(requests(text)) >= 9
    assert fill(text, answer) == text, "fill it in: python -m tensorprop docs docs/derivation.md"


def test_commands_are_registered() -> None:
    assert isinstance(main, click.Group) and {"formula", "explain", "docs"} <= set(main.commands)
