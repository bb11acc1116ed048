"""The page of a derivation: one file that needs nothing from elsewhere, its MathML well formed, its steps foldable."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from tensorprop.check import explain
from tensorprop.cli import main

TEXTS = [
    "z_bj = a_bi W_ij + b_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2",
    "p_bc = softmax_c(z_bc); L = -t_bc log(p_bc); Σ_c t_bc = 1",
    "y_x = mean_u(a[2x+u]); dim(u) = 2",
    "h_tj = tanh(x_ti U_ij + h_{t-1,k} W_kj); h_{-1,j} = g_j",
    "e = r_i inv(S)_ij r_j; spd(S)",
    "z^(k+1)_j = W^(k)_ij a^(k)_i; a^(k)_i = f(z^(k)_i)",
]
ARITY = {"msub": 2, "msup": 2, "mfrac": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3}


def checked(page: str) -> ElementTree.Element:
    """The page as XML; every element of MathML has as many parts as it must, and no LaTeX is left."""
    assert page.startswith("<!DOCTYPE html>\n")
    assert not any(word in page.replace("http://www.w3.org", "") for word in ("http:", "https:", "<script", "<link"))
    body = page.removeprefix("<!DOCTYPE html>\n").replace("&#x2061;", "").replace("&#xa0;", " ")
    root = ElementTree.fromstring(body)
    for math in root.iter("math"):
        for e in math.iter():
            assert len(e) == ARITY.get(e.tag, len(e)), ElementTree.tostring(math)
        shown = "".join(math.itertext())
        assert "\\" not in shown and "operatorname" not in shown and "{" not in shown, shown
    return root


@pytest.mark.parametrize("text", TEXTS)
def test_a_page_is_well_formed_and_whole(text: str) -> None:
    d = explain(text)
    root = checked(d.html)
    folds = list(root.iter("details"))
    assert folds and all(f.find("summary") is not None for f in folds)
    assert len(list(root.iter("math"))) > 20
    assert root.find(".//section") is not None
    shown = {"".join(h.itertext()).strip() for h in root.iter("h2")}
    assert "Forward" in shown and len(shown) > len(d.parts)


def test_the_command_line_writes_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    result = CliRunner().invoke(main, ["explain", TEXTS[0], "--html", str(page)])
    assert result.exit_code == 0, result.output
    assert page.read_text(encoding="utf-8") == explain(TEXTS[0]).html
    assert "Chain rule" in result.output
