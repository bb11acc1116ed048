"""Pages that are filled in: where requests stand, what they come to, what is told of bad ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from tensorprop.cli import main
from tensorprop.errors import TensorpropError
from tensorprop.pages.answers import answer, as_rst
from tensorprop.pages.directives import filled_rst
from tensorprop.pages.fenced import filled, requests
from tensorprop.pages.files import filled_file

RULE = "z_j = a_i W_ij\nδW_ij = a_i δz_j"


def dry(page: str) -> tuple[str, list[tuple[int, TensorpropError]]]:
    """Filled in with what a request is, in brackets."""
    return filled(page, lambda r: f"[{r.verb}|{r.text}]")


# --------------------------------------------------------------------------- where requests stand
@pytest.mark.parametrize(
    "page, after",
    [
        (
            "- one\n\n  ```tensorprop\n  y = x\n  ```\n  two",
            "  <!-- tensorprop\n  y = x\n  -->\n  [formula|y = x]\n  <!-- /",
        ),
        ("- ```tensorprop\n  y = x\n  ```", "- <!-- tensorprop\n  y = x\n  -->\n  [formula|y = x]\n  <!-- /"),
        ("1. a\n   - b\n\n     ```tensorprop\n     y = x\n     ```", "     <!-- tensorprop\n     y = x\n     -->"),
        (
            "> ```tensorprop\n> y = x\n>\n> z = y\n> ```",
            "> <!-- tensorprop\n> y = x\n>\n> z = y\n> -->\n> [formula|y = x",
        ),
        ("- > ```tensorprop\n  > y = x\n  > ```", "- > <!-- tensorprop\n  > y = x\n  > -->\n  > [formula"),
        ("!!! note\n    ```tensorprop\n    y = x\n    ```", "    <!-- tensorprop\n    y = x\n    -->\n    [formula"),
        ("~~~ tensorprop derive wrt=x\ny = x\n~~~", "<!-- tensorprop derive wrt=x\ny = x\n-->\n[derive|y = x]"),
        ("is `tensorprop: y = x`.", "is <!-- tensorprop: y = x -->[formula|y = x]<!-- / -->."),
        ("`tensorprop derive wrt=x: y = x`", "<!-- tensorprop derive wrt=x: y = x -->[derive|y = x]<!-- / -->"),
    ],
)
def test_requests_in_lists_quotes_boxes_and_lines(page: str, after: str) -> None:
    once, wrong = dry(page)
    assert not wrong and after in once
    if "$" not in once and "`" not in page.split("\n")[0][:3]:
        assert len(requests(once)) == len(requests(page))
    real, _ = filled(page, lambda r: f"${r.verb}$" if r.inline else "x")
    assert filled(real, lambda r: f"${r.verb}$" if r.inline else "x")[0] == real


@pytest.mark.parametrize(
    "page",
    [
        "    ```tensorprop\n    y = x\n    ```",
        "````\n```tensorprop\ny = x\n```\n````",
        "```python\n`tensorprop: y = x`\n```",
        "``a `tensorprop: y = x` ``",
        "run `tensorprop docs page.md` or `tensorprop`",
        "- item\n\n        ```tensorprop\n        y = x\n        ```",
        "```{tensorprop} explain\n:wrt: x\n\ny = x\n```",
        "see {tensorprop}`y_i = A_ij x_j`",
    ],
)
def test_what_is_no_request_stays_and_so_does_what_sphinx_answers(page: str) -> None:
    assert dry(page) == (page, [])


def test_live_requests_are_read() -> None:
    asked = []
    filled("```{tensorprop} explain\n:wrt: W b\n\ny = x\n```\n{tensorprop}`z = x`", lambda r: asked.append(r) or "")
    assert [(r.verb, r.options, r.text, r.line) for r in asked] == [
        ("explain", {"wrt": "W b"}, "y = x", 4),
        ("formula", {}, "z = x", 6),
    ]


def test_restructured_text() -> None:
    page = (
        "* item\n\n  .. tensorprop derive wrt=x\n     y_i = A_ij x_j\n\n"
        ".. code-block:: tensorprop\n\n   δW_ij = a_bi δz_bj\n"
        "\n"
        ".. tensorprop:: explain\n   :wrt: x\n\n   y_i = A_ij x_j\n\nSee :tensorprop:`y_i = A_ij x_j`.\n"
    )
    once, wrong = filled_rst(page, as_rst)
    assert not wrong
    assert (
        "     y_i = A_ij x_j\n\n  .. math:: \\delta x_{j} = \\sum_{i} A_{ij} \\delta y_{i}\n\n  .. /tensorprop" in once
    )
    assert ".. tensorprop\n   δW_ij = a_bi δz_bj\n\n.. math:: \\delta W = a^{\\top} \\, \\delta z" in once
    assert once.endswith(page[page.index(".. tensorprop:: explain") :])
    assert filled_rst(once, as_rst) == (once, [])
    bad = ".. tensorprop::\n\ntext\n\n.. tensorprop sing\n   y = x\n\n:tensorprop:`y ==`\n"
    assert [line for line, _ in filled_rst(bad, as_rst)[1]] == [1, 6, 8]


def test_every_verb_in_both_languages() -> None:
    page = "\n".join(
        f"```tensorprop {words}\n{text}\n```\n"
        for words, text in [
            ("", "δW_ij = a_bi δz_bj"),
            ("explain wrt=W detail=short", "z_j = a_i W_ij"),
            ("check", RULE),
            ("derive wrt=x_k", "y = x_i A_ij x_j"),
            ("plan i=3 j=4 wrt=W", "z_j = a_i W_ij"),
            ("equations", "z_j = a_i W_ij"),
        ]
    )
    once, wrong = filled(page, answer)
    assert not wrong and filled(once, answer) == (once, [])
    for words in (
        "$$\\delta W = a^{\\top} \\, \\delta z$$",
        "This rule is proved.",
        "```text\n",
        "\\frac{\\partial y}{\\partial x_{k}}",
    ):
        assert words in once
    assert len(re.findall("<!-- /tensorprop -->", once)) == 6
    rst = "\n".join(
        f".. tensorprop {r.words}\n" + "\n".join(f"   {x}" for x in r.text.split("\n")) + "\n" for r in requests(page)
    )
    done, wrong = filled_rst(rst, as_rst)
    assert not wrong and done.count(".. /tensorprop") == 6 and "::\n\n      makes" in done
    assert filled_rst(done, as_rst) == (done, [])


# --------------------------------------------------------------------------- what is wrong
def test_all_that_can_be_is_filled_and_every_bad_block_told() -> None:
    page = (
        "```tensorprop\ny_i = A_ij x_j\n```\n\n```tensorprop\nz_j = a_i\n```\n\n```tensorprop check\n"
        "z_j = a_i W_ij\nδW_ij = a_j δz_i\n```\n\n```tensorprop explain formula\ny = x\n```\n\n`tensorprop: y ==`\n\n"
        "```tensorprop plan i=x\ny_i = x_i\n```\n\n```tensorprop\ny = x\n"
    )
    once, wrong = filled(page, answer)
    assert "$$y = A x$$" in once and once.count("```tensorprop") == 5
    assert [line for line, _ in wrong] == [6, 10, 14, 18, 21, 24]
    kinds = ["FreeIndexMismatch", "RuleMismatch", "UsageError", "UnexpectedChar", "UsageError", "UnexpectedEnd"]
    assert [error.kind for _, error in wrong] == kinds
    assert "exchanged" in str(wrong[1][1])


@pytest.mark.parametrize(
    "text, words",
    [
        ("z_j = a_i W_ij\nδa_i = W_ij δz_j + a_i", "is WRONG"),
        ("z_j = a_i W_ij", "no backward rule"),
    ],
)
def test_a_rule_must_be_proved(text: str, words: str) -> None:
    _, [(_, error)] = filled(f"```tensorprop check\n{text}\n```", answer)
    assert words in error.problem


def test_too_long_for_a_line() -> None:
    _, [(line, error)] = filled("\n`tensorprop explain: z_j = a_i W_ij`", answer)
    assert line == 2 and "too long" in error.problem


# --------------------------------------------------------------------------- files
def notebook(*cells: str) -> str:
    each = [{"cell_type": "markdown", "metadata": {}, "source": c.splitlines(keepends=True)} for c in cells]
    code = {
        "cell_type": "code",
        "source": ["`tensorprop: y = x`"],
        "outputs": [],
        "metadata": {},
        "execution_count": None,
    }
    return json.dumps({"cells": [*each, code], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1) + "\n"


def test_notebooks() -> None:
    page = notebook("# Title", "Here\n\n```tensorprop\ny_i = A_ij x_j\n```\n", "```tensorprop\ny ==\n```")
    once, wrong = filled_file("a.ipynb", page)
    cells = json.loads(once)["cells"]
    assert (
        cells[1]["source"][2:4] == ["<!-- tensorprop\n", "y_i = A_ij x_j\n"] and "$$y = A x$$\n" in cells[1]["source"]
    )
    assert cells[3] == json.loads(page)["cells"][3] and cells[2] == json.loads(page)["cells"][2]
    assert [w.place for w in wrong] == ["a.ipynb, cell 3, line 2"]
    assert filled_file("a.ipynb", once)[0] == once
    with pytest.raises(TensorpropError, match="no notebook"):
        filled_file("a.ipynb", "{}")


SOURCE = '''def f():
    r"""One.

    ```tensorprop
    y_i = A_ij x_j
    ```
    """


class A:
    """Not raw.

    .. tensorprop derive wrt=x
       y_i = A_ij x_j
    """

    x = "```tensorprop is no docstring"
'''


def test_docstrings() -> None:
    once, wrong = filled_file("a.py", SOURCE)
    want = '    <!-- tensorprop\n    y_i = A_ij x_j\n    -->\n    $$y = A x$$\n    <!-- /tensorprop -->\n    """'
    assert want in once and once.endswith(SOURCE[SOURCE.index("class A") :])
    assert [w.place for w in wrong] == ["a.py:11"] and "not raw" in wrong[0].error.problem
    raw = SOURCE.replace('"""Not', 'r"""Not')
    once, wrong = filled_file("a.py", raw)
    assert not wrong and "    .. math:: \\delta x_{j}" in once and '    .. /tensorprop\n    """' in once
    compile(once, "a.py", "exec")
    assert filled_file("a.py", once) == (once, [])


def test_the_command_fills_a_folder_and_tells_every_place(tmp_path: Path) -> None:
    good, bad, rst = tmp_path / "good.md", tmp_path / "bad.md", tmp_path / "page.rst"
    good.write_text("```tensorprop\ny_i = A_ij x_j\n```\n", encoding="utf-8")
    bad.write_text(
        "```tensorprop\ny ==\n```\n\n```tensorprop\ny_i = A_ij x_j\n```\n\n`tensorprop: y_i = A_jk`\n", encoding="utf-8"
    )
    rst.write_text(".. tensorprop\n   y_i = A_ij x_j\n", encoding="utf-8")
    (tmp_path / "data.json").write_text("```tensorprop", encoding="utf-8")
    check = CliRunner().invoke(main, ["docs", "--check", str(tmp_path)])
    assert check.exit_code == 1 and check.stdout.count("stale") == 3 and "/tensorprop" not in good.read_text()
    result = CliRunner().invoke(main, ["docs", str(tmp_path)])
    assert result.exit_code == 1
    assert f"{bad}:2" in result.stderr and f"{bad}:9" in result.stderr and str(good) not in result.stderr
    assert "$$y = A x$$" in bad.read_text("utf-8") and ".. math:: y = A x" in rst.read_text("utf-8")
    assert CliRunner().invoke(main, ["docs", str(good), str(rst)]).exit_code == 0
    unknown = CliRunner().invoke(main, ["docs", str(tmp_path / "data.json")])
    assert unknown.exit_code == 1 and "no page that is known" in unknown.stderr


def test_the_hooks_call_commands_that_are_there() -> None:
    text = (Path(__file__).resolve().parents[2] / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"^  entry: tensorprop (\S+)$", text, re.M)
    assert len(entries) == 2 and set(entries) <= set(main.commands)  # pyright: ignore[reportAttributeAccessIssue]
    files = re.findall(r"^  files: (.*)$", text, re.M)
    assert all(re.search(files[0], name) for name in ("a.md", "b/c.rst", "d.ipynb")) and not re.search(files[0], "a.py")
