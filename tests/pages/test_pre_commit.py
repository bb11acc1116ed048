"""The hooks under pre-commit itself: a commit with a wrong rule in a page or a layer does not go through."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")
pytest.importorskip("pre_commit")

ROOT = Path(__file__).resolve().parents[2]
PAGE = "# A page\n\n```tensorprop check\nz_bj = a_bi W_ij\nδa_bi = {} δz_bj\n```\n"
LAYER = (
    'import tensorprop as tp\n\n\nclass Gate(tp.Layer):\n    forward = "y_i = x_i^2"\n    backward = "δx_i = {} δy_i"\n'
)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh one with the project's hooks, which call the tensorprop that is tested, not one from an index."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    local = [{**h, "language": "system", "entry": f"{sys.executable} -m {h['entry']}"} for h in hooks]
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "home"))
    there = tmp_path / "there"
    there.mkdir()
    config = {"repos": [{"repo": "local", "hooks": local}]}
    (there / ".pre-commit-config.yaml").write_text(json.dumps(config), encoding="utf-8")
    for line in ("git init -q", "git config user.name n", "git config user.email n@example.org"):
        subprocess.run(line.split(), cwd=there, check=True)
    done = subprocess.run([sys.executable, "-m", "pre_commit", "install"], cwd=there, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return there


def commit(there: Path, files: dict[str, str]) -> Any:
    for name, text in files.items():
        (there / name).write_text(text, encoding="utf-8")
    subprocess.run(["git", "add", "-A"], cwd=there, check=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    return subprocess.run(
        ["git", "commit", "-qm", "x"], cwd=there, env=env, capture_output=True, text=True, check=False
    )


@pytest.mark.campaign
def test_a_commit_with_a_wrong_rule_does_not_go_through(repository: Path) -> None:
    right = {"right.md": PAGE.format("W_ij"), "right.py": LAYER.format("2 x_i")}
    wrong = {"wrong.md": PAGE.format("W_ji"), "wrong.py": LAYER.format("x_i")}
    refused = commit(repository, {**right, **wrong})
    said = refused.stdout + refused.stderr
    assert refused.returncode == 1 and "W is transposed" in said and "wrong.md:4" in said, said
    assert "wrong.py:6" in said and "right.py" not in said and "right.md:" not in said, said
    assert "This rule is proved." in (repository / "right.md").read_text(encoding="utf-8")
    done = commit(repository, {"wrong.md": PAGE.format("W_ij"), "wrong.py": LAYER.format("2 x_i")})
    assert done.returncode == 1 and "files were modified by this hook" in done.stderr, done.stderr  # filled in now
    done = commit(repository, {})
    assert done.returncode == 0 and done.stderr.count("Passed") == 2, done.stderr
