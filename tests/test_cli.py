"""The command line: what it prints, how it ends, and that nothing escapes as a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tensorprop.cli import main

DENSE = "z_bj = a_bi W_ij + b_j"


def run(*args: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, args, input=stdin)


@pytest.mark.parametrize(
    "args, lines",
    [
        (["parse", "z_j=a_i*W_ij + b_j"], ["z_j = a_i W_ij + b_j"]),
        (["parse", "y_i = A_ij x_j", "z = y_i w_i"], ["y_i = A_ij x_j", "z = y_i w_i"]),
        (["parse", "--einsum", "s = A_ij"], ["s = Σ_ij A_ij"]),
        (["derive", DENSE, "--wrt", "W"], ["δW_ij = a_bi δz_bj"]),
        (["derive", DENSE, "--wrt", "W", "--wrt", "b"], ["δW_ij = a_bi δz_bj", "δb_j = Σ_b δz_bj"]),
        (["derive", DENSE, "--wrt", "W,b"], ["δW_ij = a_bi δz_bj", "δb_j = Σ_b δz_bj"]),
        (["derive", DENSE, "--wrt", "W b"], ["δW_ij = a_bi δz_bj", "δb_j = Σ_b δz_bj"]),
        (["derive", "y = x_i A_ij x_j", "--wrt", "x_k"], ["∂y/∂x_k = (A_kj + A_jk) x_j"]),
        (["derive", "y = x_i A_ij x_j", "--wrt", "x_k", "--wrt", "x_l"], ["∂²y/∂x_k∂x_l = A_kl + A_lk"]),
        (["derive", "y_i = A_ij x_j", "--wrt", "x", "--jacobian"], ["∂y_i/∂x_k = A_ik"]),
    ],
)
def test_what_is_printed(args: list[str], lines: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == 0, result.output
    assert sorted(result.output.split("\n")[:-1]) == sorted(lines)


def test_equations_come_from_files_and_from_standard_input(tmp_path: Path) -> None:
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text(f"# a layer\n{DENSE}\n", encoding="utf-8-sig")
    other.write_text("h_bj = σ(z_bj)", encoding="utf-8")
    both = f"{DENSE}\nh_bj = σ(z_bj)\n"
    assert run("parse", "-f", str(one), "--file", str(other)).output == both
    assert run("parse", stdin=both).output == both
    assert run("parse", "-", stdin=both).output == both
    assert run("parse", DENSE, "-", stdin="h_bj = σ(z_bj)").output == both
    assert run("parse", "-f", "-", stdin=both).output == both


def test_json() -> None:
    told = json.loads(run("parse", "--json", DENSE).output)
    assert told == {
        "ok": True,
        "equations": [DENSE],
        "inputs": ["a", "W", "b"],
        "outputs": ["z"],
        "axes": {"a": 2, "W": 2, "b": 1, "z": 2},
        "functions": [],
    }
    told = json.loads(run("derive", "--json", DENSE, "--wrt", "b").output)
    assert told == {"ok": True, "equations": ["δb_j = Σ_b δz_bj"], "inputs": ["δz"]}
    told = json.loads(run("plan", "--json", "y_i = A_ij B_jk x_k", *"--size i=9 --size j=9 --size k=9".split()).output)
    assert told["ok"] and told["flops"] == 324 and len(told["steps"]) == 2


def test_plan_is_a_table() -> None:
    sizes = [word for size in ("b=128", "i=784", "j=10") for word in ("--size", size)]
    result = run("plan", DENSE, *sizes)
    assert result.exit_code == 0 and "flops" in result.output and "z_bj" in result.output
    both = run("plan", DENSE, *sizes, "--wrt", "W")
    assert both.exit_code == 0 and "δW_ij" in both.output
    missing = run("plan", DENSE, "--size", "b=128")
    assert missing.exit_code == 1 and "--size" in missing.stderr


def test_check_tells_right_from_wrong() -> None:
    right = run("check", DENSE, "δW_ij = a_bi δz_bj")
    assert right.exit_code == 0 and "proved" in right.output
    wrong = run("check", DENSE, "δa_bi = W_ji δz_bj")
    assert wrong.exit_code == 1 and "WRONG" in wrong.output and "δa[0, 0]" in wrong.output and not wrong.stderr
    told = json.loads(run("check", "--json", DENSE, "δa_bi = W_ji δz_bj").output)
    assert told["ok"] is False and told["findings"][0]["tensor"] == "a" and told["findings"][0]["entry"] == [0, 0]


def test_plan_takes_the_shapes_of_what_no_letter_indexes() -> None:
    missing = run("plan", "e[b,d] = E[tok_b, d]", "--size", "b=3,d=2")
    assert "--shapes E=" in missing.output and missing.exit_code
    assert "⟨" not in run("plan", "l = det(A)").output
    assert "sizes: b = 3, d = 2" in run("plan", "e[b,d] = E[tok_b, d]", "--size", "b=3", "--shapes", "E=100,2").output
    assert "det(A)" in run("plan", "l = det(A)", "--shapes", "A=5,5").output


@pytest.mark.parametrize("verb", ["parse", "derive", "check", "plan"])
def test_wrong_input_ends_with_1_and_a_caret(verb: str) -> None:
    result = run(verb, "z_j == a_j")
    assert result.exit_code == 1 and result.stdout == ""
    assert "UnexpectedChar" in result.stderr and "^^" in result.stderr and "Traceback" not in result.stderr
    result = run(verb, "--json", "z_j == a_j")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told["ok"] is False
    assert told["error"]["kind"] == "UnexpectedChar" and told["error"]["span"] == [4, 6]
    assert told["error"]["text"] == "z_j == a_j" and told["error"]["fix"]


@pytest.mark.parametrize(
    "args",
    [
        ["nothing"],
        ["parse"],
        ["parse", "-f", "/nonexistent/file"],
        ["parse", "--wrong", DENSE],
        ["plan", DENSE, "--size", "b"],
        ["plan", DENSE, "--shapes", "W"],
        ["plan", DENSE, "--size", "b=x"],
        ["derive", DENSE, "--jacobian"],
    ],
)
def test_wrong_usage_ends_with_2(args: list[str]) -> None:
    result = run(*args, stdin="")
    assert result.exit_code == 2 and "Traceback" not in result.output and result.stderr


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xff\xfez_j = a_j")
    assert run("parse", "-f", str(tmp_path / "f")).exit_code == 2
    assert run("parse", "-f", str(tmp_path)).exit_code == 2
    assert run("parse", stdin=b"\xff\xfez").exit_code == 2


@pytest.mark.parametrize(
    "args", [["derive", DENSE, "--wrt", "V"], ["derive", "y_i = x_i", "--wrt", "x_i"], ["derive", DENSE, "--of", "q"]]
)
def test_unknown_names_are_told(args: list[str]) -> None:
    result = run(*args)
    assert result.exit_code == 1 and result.stderr and "Traceback" not in result.output


# --------------------------------------------------------------------------- real processes
def process(*args: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    root = Path(__file__).resolve().parent.parent
    return subprocess.run(
        [sys.executable, "-m", "tensorprop", *args],
        input=stdin,
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(root), "JAX_PLATFORMS": "cpu", **environment},
    )


ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
NO_UTF8 = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("environment", [ASCII, NO_UTF8], ids=["ascii", "C"])
def test_a_terminal_without_unicode(environment: dict[str, str]) -> None:
    made = process("derive", DENSE, "--wrt", "b", **environment)
    assert (made.returncode, made.stdout, made.stderr) == (0, b"delta b_j = sum_b(delta z_bj)\n", b"")
    read = process("parse", "delta b_j = sum_b delta z_bj; h_j = σ(b_j)", **environment)
    assert (read.returncode, read.stdout) == (0, b"delta b_j = sum_b(delta z_bj)\nh_j = sigmoid(b_j)\n")
    wrong = process("check", stdin=f"{DENSE}\nδa_bi = W_ji δz_bj".encode(), **environment)
    assert wrong.returncode == 1 and b"delta a[0, 0]" in wrong.stdout and wrong.stdout.isascii()
    error = process("parse", stdin="σz_j = Σ_k".encode(), **environment)
    assert error.returncode == 1 and error.stderr.isascii() and b"Traceback" not in error.stderr


def test_the_caret_stays_under_its_place_in_ascii() -> None:
    error = process("parse", stdin="δz_j = δa_i W_ij == 3".encode(), **ASCII)
    lines = error.stderr.decode("ascii").split("\n")
    assert lines[1].find("==") == lines[2].find("^^") > 0


def test_help_is_quick_and_imports_no_arrays() -> None:
    code = "import sys; sys.argv = ['tensorprop', '--help']\nfrom tensorprop.cli import main\n"
    code += "try: main()\nexcept SystemExit: pass\nassert not {'jax', 'numpy'} & set(sys.modules), 'arrays'\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for verb in (b"parse", b"derive", b"check", b"plan"):
        assert verb in done.stdout


def test_deep_nesting_is_an_error_not_a_crash() -> None:
    done = process("check", stdin=b"z = " + b"(" * 5000 + b"x" + b")" * 5000)
    assert done.returncode == 1 and b"Traceback" not in done.stderr and b"deep" in done.stderr.lower()


def test_a_mistake_of_ours_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("lost")

    monkeypatch.setattr("tensorprop.text.parse", broken)
    result = run("parse", DENSE)
    assert result.exit_code == 1 and "KeyError" in result.stderr and "Traceback" not in result.output
    assert json.loads(run("parse", "--json", DENSE).stdout)["error"]["kind"] == "TensorpropError"


def test_a_closed_pipe_is_no_crash() -> None:
    command = f"{sys.executable} -m tensorprop parse - | head -c 1"
    text = "\n".join(f"y{n}_i = A_ij x{n}_j" for n in range(5000))
    done = subprocess.run(["sh", "-c", command], input=text.encode(), capture_output=True, check=False)
    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr


def test_an_argument_that_names_a_file_is_read(tmp_path: Path) -> None:
    page = tmp_path / "layer.tp"
    page.write_text("z_j = a_i W_ij", encoding="utf-8")
    result = CliRunner().invoke(main, ["parse", str(page)])
    assert (result.exit_code, result.output) == (0, "z_j = a_i W_ij\n")
