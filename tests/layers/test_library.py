"""Every layer of the library: its rules are proved, and agree with JAX."""

from __future__ import annotations

import inspect

import pytest

import tensorprop as tp
from tensorprop import layers
from tensorprop.check import check
from tensorprop.layers import Layer

CLASSES = [c for _, c in inspect.getmembers(layers, inspect.isclass) if issubclass(c, Layer) and c is not Layer]


def test_the_library_is_all_here() -> None:
    assert len(CLASSES) == 118
    assert {c.__name__ for c in CLASSES} <= set(layers.__all__)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_every_rule_is_proved(kind: type[Layer]) -> None:
    report = check(kind())
    assert report.ok and report.proved, str(report)
    assert all(v.samples >= 6 for v in report.verdicts)
    assert any(v.written for v in report.verdicts)


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_the_page_can_be_read_again(kind: type[Layer]) -> None:
    made = kind()
    again = tp.Layer(*_halves(str(made)))
    assert again.system is made.system
    assert {eq.name: eq for eq in again.rules} == {eq.name: eq for eq in made.rules}
    again = tp.Layer(*_halves(made.show(ascii=True)))
    assert again.system is made.system


def _halves(page: str) -> list[str]:
    assert page.isprintable() or "\n" in page
    forward, _, backward = page.partition("# backward")
    return [forward, backward.partition("\n")[2]]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda c: c.__name__)
def test_every_docstring_has_the_formula_and_a_source(kind: type[Layer]) -> None:
    text = inspect.getdoc(kind)
    assert text is not None and "``" in text and "Reference:" in text


@pytest.mark.parametrize("threshold, shown", [(1, "1"), (0.5, "1/2"), ("3/4", "3/4")])
def test_huber_takes_its_threshold(threshold: object, shown: str) -> None:
    layer = layers.Huber(threshold=threshold)  # type: ignore[arg-type]
    assert f"≤ {shown}]" in str(layer.system)
    assert check(layer).ok


@pytest.mark.parametrize("threshold", ["x", -1, 0, "nan"])
def test_huber_refuses_what_is_no_threshold(threshold: object) -> None:
    with pytest.raises(tp.TensorpropError, match="threshold"):
        layers.Huber(threshold=threshold)  # type: ignore[arg-type]


def test_any_function_makes_a_layer() -> None:
    layer = layers.activation("arctan")
    assert [str(eq) for eq in layer.system] == ["a_j = arctan(z_j)"]
    assert check(layer).ok


def test_the_published_cross_entropy_needs_what_is_given() -> None:
    page = layers.SoftmaxCrossEntropy
    report = check(tp.Layer(page.forward, page.backward, given=page.given))
    assert report.proved and "Given: Σ_c y_bc = 1." in str(report)
    assert not check(tp.Layer(page.forward, page.backward)).ok
