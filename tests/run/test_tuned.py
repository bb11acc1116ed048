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
from tensorprop.run.forms import FORMS, Choice, Form, done_as, way
from tests.uncompiled import uncompiled

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
        monkeypatch.setattr(jax_tuned, "fastest", lambda make, forms, types, key, form=form: form)
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
    monkeypatch.setattr(jax_tuned, "_SEARCH", 0.0)
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
    programs: dict[Form, Any] = {
        Form("as planned"): lambda a: (a["x"] @ a["x"] @ a["x"],),
        Form("wrong"): lambda a: (a["x"],),
        Form("faster"): lambda a: ((a["x"] @ a["x"]) @ a["x"] + 0.0,),
    }
    assert jax_tuned.fastest(lambda form, _: programs[form], [*programs], types, None).name != "wrong"


def test_every_way_at_every_place_gives_the_same() -> None:
    """Trees without one of their inner products, rows of the other operand, entries multiplied and summed."""
    rng = np.random.default_rng(1)
    shapes = {"A": (5, 3), "B": (5, 4), "C": (3, 4, 6), "D": (6, 2)}
    arrays = {n: rng.normal(size=shape) for n, shape in shapes.items()}
    y = np.einsum("bi,bj,ijk,kl->bl", *arrays.values())
    letters = {"A": "bi", "B": "bj", "C": "ijk", "D": "kl"}
    expected = [np.sum(y * y)]
    for wrt, out in letters.items():
        others = [n for n in letters if n != wrt]
        spec = ",".join(letters[n] for n in others) + ",bl->" + out
        expected.append(2 * np.einsum(spec, *(arrays[n] for n in others), y))
    places: dict[str, Choice] = {}
    traced: list[str] = []

    def run(form: Form, gathered: dict[str, Choice] | None = None) -> None:
        error = f"E{len(form.ways)}{len(traced)}"  # JAX keeps what it has traced of one text
        g = tp.value_and_grad(f"y_bl = A_bi B_bj C_ijk D_kl; {error} = y_bl y_bl", "A B C D")
        with done_as(form, gathered), jax.enable_x64(True):
            traced.append(str(jax.make_jaxpr(g)(arrays)))
            value, grads = uncompiled(g)(arrays)
        for found, true in zip((value, *grads.values()), expected, strict=True):
            np.testing.assert_allclose(found, true, rtol=0, atol=1e-12 * np.max(np.abs(true)))

    run(FORMS[0], places)
    ways = [(place, way) for place, at in places.items() for way in range(1, at.ways)]
    for chosen in ways:
        run(FORMS[0]._replace(ways=(chosen,)))
    assert {place.split()[0] for place in places} == {"tree", "dot"}
    assert len(set(traced)) > len(ways) // 2


def test_what_is_faster_at_a_place_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a clock by which one way of one place takes half, that way is chosen, and read again from the file."""
    monkeypatch.setenv("TENSORPROP_CACHE", str(tmp_path))
    types = {"x": jax.ShapeDtypeStruct((4,), jnp.float32)}

    def make(form: Form, places: dict[str, Choice] | None) -> Any:
        def program(a: dict[str, Any]) -> tuple[Any, ...]:
            with done_as(form, places):
                n = way(lambda: ("here", 3, 1.0))
            return (a["x"] * 2 if n == 0 else a["x"] + a["x"] if n == 1 else a["x"] / 0.5,)

        return program

    ticks = {(): 1.0, (("here", 1),): 0.9, (("here", 2),): 0.5}
    monkeypatch.setattr(jax_tuned, "_seconds", lambda m: ticks[m.form.ways])
    assert jax_tuned.fastest(make, FORMS[:1], types, "2 x").ways == (("here", 2),)
    monkeypatch.setattr(jax_tuned, "_seconds", lambda _: pytest.fail("timed again"))
    assert jax_tuned.fastest(make, FORMS[:1], types, "2 x").ways == (("here", 2),)


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="tune= chooses by time"):
        tp.compile("y = a_i b_i", tune=True, memory="1GB")
    with pytest.raises(UsageError, match="tune='yes'"):
        tp.compile("y = a_i b_i", tune="yes")  # pyright: ignore[reportArgumentType, reportCallIssue]
