"""Tracebacks end at the user's line, the kind of an error stands once; results have types in a user's script."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tensorprop as tp
from tensorprop import errors

ROOT = Path(__file__).resolve().parents[1]

SCRIPT = """
import numpy as np
import tensorprop as tp
def layer():
    class Bad(tp.Layer):
        forward = "z_j = a_i"
calls = [
    lambda: tp.formula("z_j = a_i"),
    lambda: tp.Layer("z_j = a_i"),
    layer,
    lambda: tp.compile("z_j = a_i W_ij")(a=np.ones(2), W=np.ones((3, 3))),
    lambda: tp.value_and_grad("E = a_i a_i", wrt="a")({"b": 1}),
    lambda: tp.jax_function("y_i = exp(x_i)")(np.ones((2, 2))),
]
import sys, traceback
for call in calls[: int(sys.argv[1])]:
    try:
        call()
    except tp.TensorpropError:
        traceback.print_exc()
        print("===", file=sys.stderr)
calls[int(sys.argv[1])]()
"""


def printed(*args: str, code: str = SCRIPT, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *args], capture_output=True, text=True, check=False, env={**os.environ, **env}
    )
    assert done.returncode == 1
    return done.stderr


def test_the_plain_interpreter_shows_nobody_elses_frames() -> None:
    parts = printed("5").split("===\n")
    assert len(parts) == 6
    for part in parts:
        ours = re.findall(r'File "[^"]*tensorprop[/\\][^"]*"', part)
        assert len(ours) == (0 if sys.version_info >= (3, 12) else 1), part
        kinds = re.findall(r"\b(FreeIndexMismatch|SizeMismatch|MissingInput|RankMismatch)\b", part)
        assert len(kinds) == 1 and f"\ntensorprop.errors: {kinds[0]}: " in part, part
        assert "During handling" not in part and "JAX" not in part
    whole = printed("0", TENSORPROP_TRACEBACK="1")
    assert len(re.findall(r'File "[^"]*tensorprop[/\\][^"]*"', whole)) > 3


def test_pytest_shows_the_line_of_the_test(tmp_path: Path) -> None:
    file = tmp_path / "test_user.py"
    file.write_text('import tensorprop as tp\n\n\ndef test_a():\n    tp.formula("z_j = a_i")\n', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert ">       tp.formula" in done.stdout and "errors.py" not in done.stdout and "package.py" not in done.stdout


def test_ipython_shows_the_line_of_the_cell(tmp_path: Path) -> None:
    pytest.importorskip("IPython")
    code = 'import tensorprop as tp\ntp.formula("z_j = a_i")'
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=nocolor", "--simple-prompt", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)},
    )
    told = done.stdout + done.stderr
    assert "z_j = a_i" in told and told.count("FreeIndexMismatch") == 1
    ours = re.findall(r'File "[^"]*tensorprop[/\\][^"]*"', told)
    assert len(ours) == (0 if sys.version_info >= (3, 12) else 1) and "interactiveshell" not in told


def test_errors_are_pickled_as_what_they_are() -> None:
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, tp.TensorpropError)]
    assert len(kinds) > 40
    for kind in kinds:
        error = kind("problem", "text", (0, 2), fix="mend it")
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is kind and str(again) == str(error) and again.kind == kind.__name__


def test_verbs_stay_functions() -> None:
    import inspect

    assert "layout" in inspect.signature(tp.formula).parameters and "column" in (tp.formula.__doc__ or "")
    assert pickle.loads(pickle.dumps(tp.formula)) is tp.formula
    with pytest.raises(tp.TensorpropError) as caught:
        tp.parse("z_j = a_i")
    assert caught.value.__cause__ is None and caught.value.kind == "FreeIndexMismatch"


TYPED = """
import jax.numpy as jnp
import tensorprop as tp
s = tp.parse("z_bj = a_bi W_ij; E = z_bj z_bj")
f, g = tp.compile(s), tp.value_and_grad(s, wrt="W")
reveal_type(s)
reveal_type(tp.adjoint(s, wrt="W"))
reveal_type(tp.derive("y = x_i x_i", wrt="x"))
reveal_type(tp.simplify("x_i + x_i"))
reveal_type(tp.equivalent(s, s))
reveal_type(tp.formula(s))
reveal_type(tp.explain(s))
reveal_type(tp.check(s))
reveal_type(tp.plan(s))
reveal_type(tp.batch(s, "b", over="a"))
reveal_type(tp.chain("z_j = a_i W_ij"))
reveal_type(tp.diagram(s).svg)
reveal_type(tp.parse_formula("y = Ax"))
reveal_type(tp.from_jax(jnp.exp, jnp.ones(2)))
reveal_type(tp.init(s, 0, {"i": 2}))
reveal_type(f(a=1))
reveal_type(tp.compile(s, outputs=("z", "E"))(a=1))
reveal_type(g({"W": jnp.ones(2)}, a=1))
reveal_type(tp.value_and_grad(s, "W", aux="z")({"W": jnp.ones(2)}, a=1))
reveal_type(tp.jax_function(s)(1))
reveal_type(f.program)
"""


PYRIGHT = shutil.which("pyright", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(PYRIGHT is None, reason="pyright is not there")
def test_a_users_script_has_types(tmp_path: Path) -> None:
    (tmp_path / "user.py").write_text(TYPED, encoding="utf-8")
    settings = f'{{"extraPaths": ["{ROOT.as_posix()}"], "pythonVersion": "3.12"}}'
    (tmp_path / "pyrightconfig.json").write_text(settings, encoding="utf-8")
    command = [str(PYRIGHT), "-p", str(tmp_path), "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = re.findall(r'Type of "(.*)" is "(.*)"', done.stdout)
    assert len(told) == TYPED.count("reveal_type"), done.stdout
    assert [pair for pair in told if "Any" in pair[1] or "Unknown" in pair[1]] == []
    types = dict(told)
    assert types["f(a=1)"] == "Array" and types['tp.compile(s, outputs=("z", "E"))(a=1)'] == "dict[str, Array]"
    assert types['g({ "W": jnp.ones(2) }, a=1)'] == "tuple[Array, dict[str, Array]]"
