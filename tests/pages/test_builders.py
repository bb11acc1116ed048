"""Sphinx, MyST and Python-Markdown build pages with formulas; a wrong rule fails the build."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

BLOCK = "z_j = a_i W_ij\nδW_ij = a_i δz_j"
WRONG = "z_j = a_i W_ij\nδW_ij = a_j δz_i"


def indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.split("\n"))


RST = f"""Title
=====

Here :tensorprop:`δW_ij = a_bi δz_bj` stands.

.. tensorprop:: explain
   :wrt: W
   :detail: full

   z_j = a_i W_ij

.. tensorprop:: check

{indented(BLOCK)}

.. tensorprop:: plan i=3 j=4

   z_j = a_i W_ij

.. toctree::

   other
"""

MYST = f"""# Other

Here {{tensorprop}}`δW_ij = a_bi δz_bj` stands.

- in a list

  ```{{tensorprop}} explain
  :wrt: W

  z_j = a_i W_ij
  ```

:::{{tensorprop}} check
{BLOCK}
:::
"""

CONF = 'project = "p"\nextensions = ["tensorprop.sphinx", "myst_parser"]\nmyst_enable_extensions = ["colon_fence"]\n'


def sphinx(folder: Path, pages: dict[str, str], builder: str, conf: str = CONF) -> tuple[Path, str]:
    """Build pages; where they lie, and what was warned of."""
    import io

    from sphinx.application import Sphinx

    source, out = folder / "source", folder / builder
    source.mkdir(exist_ok=True)
    (source / "conf.py").write_text(conf, encoding="utf-8")
    for name, text in pages.items():
        (source / name).write_text(text, encoding="utf-8")
    warned = io.StringIO()
    app = Sphinx(source, source, out, folder / "doctrees", builder, status=None, warning=warned, freshenv=True)
    app.build()
    return out, warned.getvalue()


@pytest.fixture
def needs_sphinx() -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_parser")


@pytest.mark.usefixtures("needs_sphinx")
def test_sphinx_and_myst(tmp_path: Path) -> None:
    pages = {"index.rst": RST, "other.md": MYST}
    out, warned = sphinx(tmp_path, pages, "html")
    assert warned == ""
    for name in ("index.html", "other.html"):
        page = (out / name).read_text(encoding="utf-8")
        assert r"\(\delta W = a^{\top} \, \delta z\)" in page  # the role, for MathJax
        assert "Chain rule" in page and page.count('class="math notranslate') > 8 and "proved" in page
        assert "tensorprop::" not in page and "{tensorprop}" not in page
    assert "total" in (out / "index.html").read_text(encoding="utf-8")
    assert r"\delta W" in (sphinx(tmp_path, pages, "latex")[0] / "p.tex").read_text(encoding="utf-8")
    assert "Chain rule" in (sphinx(tmp_path, pages, "text")[0] / "index.txt").read_text(encoding="utf-8")


@pytest.mark.usefixtures("needs_sphinx")
@pytest.mark.parametrize(
    "pages, place, words",
    [
        ({"index.rst": f"T\n=\n\n.. tensorprop:: check\n\n{indented(WRONG)}\n"}, "index.rst:4", "exchanged"),
        ({"index.md": f"# T\n\n```{{tensorprop}} check\n{WRONG}\n```\n"}, "index.md:3", "exchanged"),
        ({"index.rst": "T\n=\n\n:tensorprop:`y ==`\n"}, "index.rst:4", "UnexpectedChar"),
        (
            {"index.rst": "T\n=\n\n.. tensorprop:: explain\n   :colour: red\n\n   y = x\n"},
            "index.rst:4",
            "no option colour",
        ),
    ],
)
def test_a_wrong_rule_fails_the_build_of_sphinx(tmp_path: Path, pages: dict[str, str], place: str, words: str) -> None:
    from sphinx.errors import ExtensionError

    with pytest.raises(ExtensionError) as caught:
        sphinx(tmp_path, pages, "html")
    assert place in str(caught.value) and words in str(caught.value)
    out, warned = sphinx(tmp_path, pages, "html", CONF + "tensorprop_strict = False\n")
    assert words in warned and words in (out / "index.html").read_text(encoding="utf-8")


# --------------------------------------------------------------------------- Python-Markdown
PAGE = f"""# Title

Here `tensorprop: δW_ij = a_bi δz_bj` stands.

- item

    ```tensorprop explain wrt=W
    z_j = a_i W_ij
    ```

> ```tensorprop check
> {BLOCK.replace(chr(10), chr(10) + "> ")}
> ```

```python
x = "`tensorprop: y`"
```
"""


def test_python_markdown() -> None:
    markdown = pytest.importorskip("markdown")
    page = markdown.markdown(PAGE, extensions=["tensorprop.markdown", "fenced_code"])
    assert page.count("<section") == 2 and page.count("<math") > 10 and "proved" in page
    assert "wzxhzdk" not in page and "tensorprop: y" in page
    assert "<li>" in page.split("<section")[0] and "Here <math" in page
    with pytest.raises(Exception, match="line 2 of the page"):
        markdown.markdown(f"```tensorprop check\n{WRONG}\n```", extensions=["tensorprop.markdown"])


def fences() -> dict[str, Any]:
    pytest.importorskip("pymdownx.superfences")
    from tensorprop import markdown as ours

    custom = {"name": "tensorprop", "class": "tensorprop", "validator": ours.validator, "format": ours.fence}
    inline = {"name": "tensorprop", "class": "tensorprop", "format": ours.inline}
    return {"pymdownx.superfences": {"custom_fences": [custom]}, "pymdownx.inlinehilite": {"custom_inline": [inline]}}


def test_superfences_and_inlinehilite() -> None:
    markdown = pytest.importorskip("markdown")
    configs = fences()
    text = '`#!tensorprop y_i = A_ij x_j`\n\n- a\n\n    ```tensorprop explain wrt="W"\n    z_j = a_i W_ij\n    ```\n\n'
    text += f"```tensorprop check\n{BLOCK}\n```\n"
    page = markdown.markdown(text, extensions=list(configs), extension_configs=configs)
    assert page.count("<section") == 2 and "proved" in page and '<span class="tensorprop"><math' in page
    with pytest.raises(Exception, match="exchanged"):
        wrong = f"```tensorprop check\n{WRONG}\n```"
        markdown.markdown(wrong, extensions=list(configs), extension_configs=configs)
