"""`tune=True`: every form gives the same numbers, the fastest is kept on disk, and what is there is not timed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tensorprop as tp
from tensorprop.errors import UsageError
from tensorprop.run import jax_tuned
from tensorprop.run.forms import FORMS, done_as

TEXT = "y_bk = x_bi W_ikj u_bj; p_bk = softmax_k(y_bk); E = -Σ_bk t_bk log(p_bk)"


def drawn() -> tuple[dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(0)
    shapes = {"W": (4, 3, 5), "u": (6, 5), "x": (6, 4), "t": (6, 3)}
    arrays = {n: jnp.asarray(rng.normal(size=shape), jnp.float32) for n, shape in shapes.items()}
    return {n: arrays[n] for n in "Wu"}, {n: arrays[n] for n in "xt"}


def test_every_form_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them chosen in turn; the programs differ, the numbers do not."""
    params, data = drawn()
    plain = tp.value_and_grad(TEXT, "W u", aux="p")(params, **data)
    for form in FORMS:
        monkeypatch.setattr(jax_tuned, "fastest", lambda programs, types, key, name=form.name: name)
        found = tp.value_and_grad(TEXT, "W u", aux="p", tune=True)(params, **data)
        for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(plain), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    g = tp.value_and_grad(TEXT, "W u")
    programs: set[str] = set()
    for form in FORMS:
        with done_as(form):
            programs.add(str(jax.make_jaxpr(lambda p, d: g(p, **d))(params, data)))
            jax.clear_caches()
    assert len(programs) > 1


def test_what_was_timed_is_kept_and_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TENSORPROP_CACHE", str(tmp_path / "kept"))
    params, data = drawn()
    expected = tp.value_and_grad(TEXT, "W u")(params, **data)
    for _ in range(2):
        g = tp.value_and_grad(TEXT, "W u", tune=True)
        value, grads = jax.jit(lambda p, d, g=g: g(p, **d))(params, data)  # timed while somebody else traces
        np.testing.assert_allclose(value, expected[0], rtol=1e-5)
        np.testing.assert_allclose(grads["W"], expected[1]["W"], rtol=1e-4, atol=1e-6)
        (file,) = (tmp_path / "kept").iterdir()
        found = json.loads(file.read_text(encoding="utf-8"))
        assert found["chosen"] in found["milliseconds"]
        monkeypatch.setattr(jax_tuned, "_drawn", lambda *_: pytest.fail("timed again"))
    for kept in (tmp_path / "kept").iterdir():
        kept.write_text("not a record", encoding="utf-8")
    with pytest.raises(pytest.fail.Exception, match="timed again"):  # what cannot be read is made anew
        tp.value_and_grad(TEXT, "W u", tune=True)(params, **data)


def test_one_that_gives_other_numbers_is_left_out() -> None:
    types = {"x": jax.ShapeDtypeStruct((300, 300), jnp.float32)}
    programs: dict[str, Any] = {
        "as planned": lambda a: (a["x"] @ a["x"] @ a["x"],),
        "wrong": lambda a: (a["x"],),
        "faster": lambda a: ((a["x"] @ a["x"]) @ a["x"] + 0.0,),
    }
    assert jax_tuned.fastest(programs, types, None) != "wrong"


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="tune= chooses by time"):
        tp.compile("y = a_i b_i", tune=True, memory="1GB")
    with pytest.raises(UsageError, match="tune='yes'"):
        tp.compile("y = a_i b_i", tune="yes")  # pyright: ignore[reportArgumentType, reportCallIssue]
