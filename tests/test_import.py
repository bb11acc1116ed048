"""``import tensorprop`` is light: no NumPy, no JAX, under 150 ms."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import tensorprop

HEAVY = ("jax", "jaxlib", "numpy", "opt_einsum", "matplotlib", "rich", "click")
SYMBOLIC = """
import tensorprop as tp
s = tp.parse("z_bj = a_bi W_ij + c_j; h_bj = tanh(z_bj); E = 1/2 (h_bj - y_bj)^2")
str(tp.simplify(tp.adjoint(s, wrt=("W", "c")))), str(tp.derive("y = x_i A_ij x_j", wrt="x_k")), tp.show(s)
"""


def heavy_after(code: str) -> set[str]:
    """The heavy packages that a fresh interpreter has loaded after running ``code``."""
    probe = f"{code}\nimport sys\nprint(*(m for m in {HEAVY!r} if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_loads_nothing_heavy() -> None:
    assert heavy_after("import tensorprop") == set()


def test_parsing_and_deriving_load_nothing_heavy() -> None:
    assert heavy_after(SYMBOLIC) == set()


def test_formulas_and_derivations_load_no_jax() -> None:
    code = "import tensorprop as tp; str(tp.formula('ij,jk->ik')), str(tp.explain('z_j = a_i W_ij', wrt='a'))"
    assert heavy_after(code) == {"numpy"}


def test_the_check_can_fail() -> None:
    assert heavy_after("import numpy") == {"numpy"}
    assert {"jax", "numpy"} <= heavy_after("import tensorprop as tp; tp.compile('y_i = exp(x_i)')")


def test_import_time() -> None:
    code = "import time; t = time.perf_counter(); import tensorprop; print(time.perf_counter() - t)"
    runs = (subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(5))
    times = [float(run.stdout) for run in runs]
    assert min(times) < 0.150, f"import tensorprop took {min(times) * 1000:.0f} ms"


@pytest.mark.parametrize("name", tensorprop.__all__)
def test_public_names_exist(name: str) -> None:
    assert getattr(tensorprop, name) is not None
    assert name in dir(tensorprop)


@pytest.mark.parametrize("package", ["tensorprop", "tensorprop.layers", "tensorprop.run"])
def test_what_is_fetched_is_what_type_checkers_are_told(package: str) -> None:
    """The names that are public, those that checkers import, and those that are fetched on first use, are the same."""
    module = importlib.import_module(package)
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    told = {
        alias.name: n.module
        for block in tree.body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for n in block.body
        if isinstance(n, ast.ImportFrom)
        for alias in n.names
    }
    homes = vars(module)["_homes"]
    assert told and {n: homes.get(n) for n in told} == told
    assert {*told} == {n for n in module.__all__ if n in homes}
    assert all(getattr(module, n) is not None for n in module.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'formulate'"):
        _ = tensorprop.formulate  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("first", ["import tensorprop.check", "from tensorprop.check import report", "tp.check"])
def test_the_verb_check_is_not_hidden_by_the_package_check(first: str) -> None:
    still = "assert callable(tp.check)"
    code = f"import tensorprop as tp\n{first}\n{still}\nimport tensorprop.check\n{still}"
    subprocess.run([sys.executable, "-c", code], check=True)
