"""The command line as people use it: line by line, Python files, JAX functions, layers, colours, widths, its page."""

from __future__ import annotations

import io
import json
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tensorprop.check.linted import found, sources
from tensorprop.cli import main, terminal

ROOT = Path(__file__).resolve().parents[1]
DENSE = "z_bj = a_bi W_ij + b_j"


def run(*args: str, stdin: str | None = None, **env: str) -> Result:
    return CliRunner(env=env).invoke(main, args, input=stdin)


# --------------------------------------------------------------------------- line by line
def test_a_line_in_a_line_out_and_a_bad_one_told_with_its_number() -> None:
    result = run("formula", "ij,jk->ik", "ij,jk>ik", "ii->")
    assert result.exit_code == 1
    assert result.stdout.split("\n") == ["AB", "", "tr(A)", ""]
    assert "line 2" in result.stderr


def test_several_files_line_by_line(tmp_path: Path) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("ij,jk->ik\n# a comment\n\nij->ji\n", encoding="utf-8")
    other.write_text("i,i->\nij,k->\n", encoding="utf-8")
    result = run("formula", str(one), str(other))
    assert result.stdout.split("\n") == ["AB", "", "", "Aᵀ", "xᵀy", "(1ᵀA1)(1ᵀx)", ""]
    other.write_text("i,i->\nij,j->ik\n", encoding="utf-8")
    bad = run("formula", str(one), "-f", str(other))
    assert bad.exit_code == 1 and f"{other}, line 2" in bad.stderr and "xᵀy" in bad.stdout


def test_a_bad_line_with_an_equation_sign_is_told_amid_specs(tmp_path: Path) -> None:
    specs = tmp_path / "specs.txt"
    specs.write_text('C = np.einsum("ij,jk->ik", A, B)  # twice\nij,jk=>ik\nii->\nij->ji\n', encoding="utf-8")
    result = run("formula", "-f", str(specs))
    assert result.exit_code == 1 and f"{specs}, line 2" in result.stderr
    assert result.stdout.split("\n") == ["AB", "", "tr(A)", "Aᵀ", ""]


def test_each_equation_by_itself() -> None:
    result = run("derive", "--each", "--wrt", "x", stdin="y_i = A_ij x_j\ny_i == x_i\ny = x_i x_i\n")
    assert result.stdout.split("\n") == ["δx_j = A_ij δy_i", "", "δx_i = 2 x_i", ""]
    assert result.exit_code == 1 and "standard input, line 2" in result.stderr
    told = [json.loads(line) for line in run("parse", "--each", "--json", DENSE, "y ==", DENSE).stdout.splitlines()]
    assert [t["ok"] for t in told] == [True, False, True] and told[1]["place"] == "line 2"
    checked = run("check", "--each", f"{DENSE}; δW_ij = a_bi δz_bj", "z_j = a_i W_ij; δa_i = W_ji δz_j")
    assert checked.exit_code == 1 and checked.stdout.split("\n") == ["3 rules, proved", "δa_i = W_ji δz_j: WRONG", ""]


def test_thirty_specs_in_under_a_second() -> None:
    specs = [
        f"{a},{b}->{c}" for a, b, c in (("ij", "jk", "ik"), ("bi", "ij", "bj"), ("i", "ij", "j")) for _ in range(10)
    ]
    run("formula", *specs[:2])
    start = time.perf_counter()
    result = run("formula", *specs)
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 30
    assert time.perf_counter() - start < 1


def test_sizes_in_one_word() -> None:
    assert "12 M" not in run("plan", DENSE, "--size", "b=2,i=3", "--size", "j=4").output
    assert run("plan", DENSE, "--size", "b=2,i=3,j=4").exit_code == 0


# --------------------------------------------------------------------------- Python files, as a linter
PAGE = '''
import tensorprop as tp
from tensorprop import Layer
from tensorprop.layers import Dense

F = "z_j = a_i W_ij"


class Good(tp.Layer):
    forward = F
    backward = """
        δa_i = W_ij δz_j
    """


class Bad(Layer):
    forward = "z_j = a_i W_ij"
    backward = """
        δa_i = W_ij δz_j
        δW_ij = a_j δz_i
    """


class Broken(Good):
    backward = """
        δa_i = W_ij δz_j
        δW_ij == a_j δz_i
    """


class Child(Dense):
    backward = "δb_j = mean_b(δz_bj)"


class Plain:
    forward = "not an equation"


square = tp.Layer("y_i = x_i^2", backward="δx_i = x_i δy_i", name="Square")


class Computed(Layer):
    forward = "".join(["z_j = a_j"])


raise RuntimeError("nothing here is run")
'''


def test_layers_in_a_file_are_found_without_running_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PAGE, encoding="utf-8")
    assert [one.name for one in found(file)] == ["Good", "Bad", "Broken", "Child", "Square", "Computed"]
    result = run("check", str(tmp_path))
    assert result.exit_code == 1
    told = [line for line in result.stdout.splitlines() if line.startswith(str(file))]
    lines = PAGE.split("\n")
    numbers = [int(line[len(str(file)) + 1 :].split(":")[0]) for line in told]
    want = ["δW_ij = a_j δz_i", "δW_ij == a_j", "δb_j = mean_b", "square = tp.Layer", "class Computed"]
    assert len(told) == len(want) and all(words in lines[n - 1] for n, words in zip(numbers, want, strict=True))
    assert "exchanged" in told[0] and "UnexpectedChar" in told[1] and "a mean stands" in told[2]
    assert "WRONG" in told[3] and "was not read" in told[4]
    assert result.stdout.splitlines()[-1] == "6 layers in 1 file, 8 rules, 2 proved; 4 things wrong."
    data = json.loads(run("check", "--json", str(file)).stdout)
    assert not data["ok"] and [r["line"] for r in data["remarks"]] == numbers


def test_a_module_is_found_by_name_and_not_imported() -> None:
    assert [p.name for p in sources("tensorprop.layers.gated")] == ["gated.py"]
    assert len(sources("tensorprop.layers")) > 10 and "tensorprop.layers.gated" not in str(sys.path)
    right = run("check", "tensorprop.layers.softmax")
    assert right.exit_code == 0 and right.stdout.endswith("nothing wrong.\n"), right.output
    missing = run("check", "nosuch.module")
    assert missing.exit_code == 1 and "no file, folder or module" in missing.stderr


def test_a_file_that_is_no_python_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("class A(:\n", encoding="utf-8")
    result = run("check", str(tmp_path / "bad.py"))
    assert result.exit_code == 1 and "no Python" in result.stdout


# --------------------------------------------------------------------------- JAX, layers
def test_from_jax(tmp_path: Path) -> None:
    file = tmp_path / "net.py"
    file.write_text(
        "import jax.numpy as jnp\ndef f(x, p):\n    return jnp.tanh(x @ p['W'] + p['b'])\n"
        "def g(x):\n    raise ValueError('mine')\n",
        encoding="utf-8",
    )
    result = run("from-jax", f"{file}:f", "--shapes", "x=5,3 p.W=3,4 p.b=4")
    assert (result.exit_code, result.output) == (0, "z_bj = x_bi W_ij + b_j\ny_bj = tanh(z_bj)\n")
    told = json.loads(run("from-jax", "jax.nn:softmax", "--shapes", "5,3", "--json").stdout)
    assert told["ok"] and told["equations"] == ["y_bc = softmax_c(x_bc)"]


@pytest.mark.parametrize(
    "args, words",
    [
        (["nowhere:f"], "cannot be imported"),
        (["jax.nn"], "names no function"),
        (["jax.nn:sofmax"], "has no sofmax"),
        (["jax.nn:softmax", "--shapes", "5,,3"], "no shape"),
        (["jax.nn:softmax", "--shapes", "z=5"], "no parameter z"),
        (["jax.numpy:dot", "--shapes", "2,3 4,5"], "cannot be traced"),
    ],
)
def test_from_jax_tells_what_is_wrong(args: list[str], words: str) -> None:
    result = run("from-jax", *args)
    assert result.exit_code == 1 and words in result.stderr and "mistake in tensorprop" not in result.stderr


def test_layers_are_listed_and_shown() -> None:
    listed = run("layers").stdout.splitlines()
    assert len(listed) > 90 and any(line.startswith("Dense ") for line in listed) and max(map(len, listed)) <= 100
    page = run("layers", "dense").stdout
    assert page.startswith("# Dense\nz_bj = a_bi W_ij + b_j") and "Reference:" in page and ">>>" not in page
    assert json.loads(run("layers", "Dense", "--json").stdout)["parameters"] == ["W", "b"]
    wrong = run("layers", "Dens")
    assert wrong.exit_code == 1 and "did you mean Dense?" in wrong.stderr


# --------------------------------------------------------------------------- the terminal
def test_colours_are_for_terminals_and_can_be_forbidden(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = (DENSE, "δb_j = mean_b(δz_bj)")
    assert "\x1b[" not in run("check", *wrong).output
    forced = run("check", *wrong, FORCE_COLOR="1").output
    assert "\x1b[31m" in forced and "\x1b[32m" not in forced.split("WRONG")[1]
    assert "\x1b[" not in run("check", *wrong, FORCE_COLOR="1", NO_COLOR="1").output
    assert "\x1b[31m" in run("parse", "z == 1", FORCE_COLOR="1").stderr

    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert terminal.in_colour(Screen()) and not terminal.in_colour(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not terminal.in_colour(Screen())


def test_pages_are_as_wide_as_the_terminal() -> None:
    for width in (60, 80):
        lines = run("explain", "z_j = a_i W_ij + b_j", "--wrt", "W", COLUMNS=str(width)).stdout.splitlines()
        prose = [line for line in lines if line.startswith("      ")]
        assert prose and max(map(len, prose)) <= width
        rows = run("plan", DENSE, "--size", "b=2,i=3,j=4", "--wrt", "W", COLUMNS=str(width)).stdout.splitlines()
        assert max(map(len, rows)) <= width


def test_what_takes_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(terminal, "_SLOW", 0.02)
    monkeypatch.setattr(terminal, "_TICK", 0.01)
    with terminal.progress("at work …") as words:
        time.sleep(0.05)
        words[0] = "3 of 4"
        time.sleep(0.05)
    assert "at work …" in screen.getvalue() and "3 of 4" in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")
    silent = Screen()
    monkeypatch.setattr(sys, "stderr", silent)
    monkeypatch.setattr(terminal, "_SLOW", 2.0)
    with terminal.progress("at work …"):
        pass
    assert silent.getvalue() == ""


def test_help_tells_of_completion_and_names_complete() -> None:
    assert "_TENSORPROP_COMPLETE=bash_source" in run("--help").output
    told = CliRunner().invoke(
        main,
        prog_name="tensorprop",
        env={"_TENSORPROP_COMPLETE": "bash_complete", "COMP_WORDS": "tensorprop layers Dens", "COMP_CWORD": "2"},
    )
    assert told.output.split() == ["plain,Dense"]


def test_the_page_is_what_the_commands_say() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert run("manual").output == page, "write it: python -m tensorprop manual > docs/cli.md"
