"""What README and the other pages show is what comes out."""

from __future__ import annotations

import contextlib
import doctest
import io
import re
from pathlib import Path

import numpy as np
import pytest

import tensorprop

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


def test_the_first_two_bash_blocks_are_one_line_each() -> None:
    bash = [body for kind, body in BLOCKS if kind == "bash"]
    assert len(bash) == 2 and all(body.count("\n") == 1 for body in bash)
    assert "examples/digits.py" in bash[0] and "pytest" in bash[1]


def run(page: str, space: dict[str, object]) -> int:
    """Every ``python`` block is run in order; a ``text`` block after it is its output. How many were compared."""
    blocks = re.findall(r"```(\w*)\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    compared = 0
    for (kind, body), (after, shown) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "python" and ">>>" not in body:
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(body, page, "exec"), space)
            if after == "text":
                assert out.getvalue() == shown
                compared += 1
    return compared


def test_the_examples_print_what_is_shown() -> None:
    rng = np.random.default_rng(0)
    names = {"W": rng.normal(size=(3, 4)), "b": np.zeros(4), "a": rng.normal(size=(2, 3)), "y": np.zeros((2, 4))}
    assert run("README.md", {**names, "__name__": "readme"}) >= 6
    assert run("docs/from_jax.md", {"__name__": "page"}) >= 1


def test_the_refusal_is_what_is_shown() -> None:
    source, message = re.findall(r">>> tp\.parse\((.*?)\)\n(.*?)```", README, re.DOTALL)[0]
    with pytest.raises(tensorprop.TensorpropError) as raised:
        tensorprop.parse(source.strip('"'))
    assert str(raised.value) == message.rstrip("\n")


PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in sorted((ROOT / "docs").glob("*.md")))]


@pytest.mark.parametrize("page", [p for p in PAGES if ">>> " in (ROOT / p).read_text(encoding="utf-8")])
def test_sessions_go_as_they_are_shown(page: str) -> None:
    if page != "README.md":  # whose one session is compared above
        flags = doctest.IGNORE_EXCEPTION_DETAIL  # JAX appends notes to what passes through it
        found = doctest.testfile(str(ROOT / page), module_relative=False, encoding="utf-8", optionflags=flags)
        assert found.attempted and not found.failed


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text):
        assert ((ROOT / page).parent / target).exists(), target
