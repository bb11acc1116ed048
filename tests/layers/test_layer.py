"""A Layer as class and constructor, its rules, its shorthand, and what it refuses."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.errors import (
    AmbiguousNotation,
    CircularDefinition,
    NameConflict,
    TensorpropError,
    UnknownName,
    UsageError,
)


class Affine(tp.Layer):
    """z = Wᵀa + b."""

    forward = "z_j = a_i W_ij + b_j"
    backward = """
        δa_i  = W_ij δz_j
        δW_ij = a_i δz_j
    """
    parameters = "W b"


def test_a_class_is_a_page() -> None:
    layer = Affine()
    assert layer.name == "Affine"
    assert layer.inputs == ("a",) and layer.parameters == ("W", "b") and layer.outputs == ("z",)
    assert [str(eq) for eq in layer.written] == ["δa_i = W_ij δz_j", "δW_ij = a_i δz_j"]
    assert [str(eq) for eq in layer.rules] == ["δa_i = W_ij δz_j", "δW_ij = a_i δz_j", "δb_j = δz_j"]
    assert str(layer).endswith("δb_j = δz_j    # derived")
    assert repr(layer) == str(layer)


def test_the_constructor_builds_the_same() -> None:
    layer = tp.Layer(forward=Affine.forward, backward=Affine.backward, name="Affine", parameters="W b")
    assert str(layer) == str(Affine())


def test_a_layer_is_accepted_where_a_system_is() -> None:
    layer = Affine()
    assert tp.adjoint(layer, wrt="W") is tp.adjoint(layer.system, wrt="W")
    assert str(tp.derive(layer, wrt="a_k")) == "∂z_j/∂a_k = W_kj"
    assert tp.equivalent(layer, "z_j = W_ij a_i + b_j") is True


def test_shapes() -> None:
    assert Affine().shapes(i=3, j=2) == {"W": (3, 2), "b": (2,)}
    with pytest.raises(UsageError, match="j"):
        Affine().shapes(i=3)


def test_rename() -> None:
    layer = Affine().rename(a="x", W="U")
    assert [str(eq) for eq in layer.system] == ["z_j = x_i U_ij + b_j"]
    assert [str(eq) for eq in layer.rules] == ["δx_i = U_ij δz_j", "δU_ij = x_i δz_j", "δb_j = δz_j"]
    assert layer.parameters == ("U", "b")
    with pytest.raises(UnknownName):
        Affine().rename(q="x")
    with pytest.raises(NameConflict):
        Affine().rename(a="b")
    swapped = Affine().rename(a="z", z="a")
    assert str(next(iter(swapped.rules))) == "δz_i = W_ij δa_j"


def test_wrong_text_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TensorpropError) as caught:

        class Wrong(tp.Layer):
            forward = "z_j = a_i W_ij + b_k"

    assert "b_k" in str(caught.value) and "^" in str(caught.value)


@pytest.mark.parametrize("options", [{"parameters": "W c"}, {"takes": "x"}])
def test_names_of_inputs_are_checked(options: dict[str, str]) -> None:
    with pytest.raises(UnknownName):
        tp.Layer("z_j = a_i W_ij + b_j", **options)  # type: ignore[arg-type]


def test_a_layer_without_equations_is_refused() -> None:
    with pytest.raises(UsageError, match="forward"):
        tp.Layer()


# --------------------------------------------------------------------------- the textbook's shorthand
TEXTBOOK = "z_j = a_i W_ij + b_j; a_i = f(z_i)"


def test_the_shorthand_is_spelled_out() -> None:
    layer = tp.Layer(TEXTBOOK, "δ_i = W_ij δ_j f′(z_i)", name="textbook")
    assert [str(eq) for eq in layer.system] == ["z^(k+1)_j = a_i W_ij + b_j", "a_i = f(z^(k)_i)"]
    assert [str(eq) for eq in layer.written] == ["δz^(k)_i = W_ij δz^(k+1)_j f′(z^(k)_i)"]
    report = tp.check(layer)
    assert report.ok and report.proved, str(report)


@pytest.mark.parametrize(
    "forward, rules",
    [
        (TEXTBOOK, "δ_i = W_ij δ_j f′(z_i); δW_ij = a_i δ_j; δb_j = δ_j"),
        (TEXTBOOK, "δz_i = W_ij δz_j f'(z_i); δW_ij = a_i δz_j"),
        (TEXTBOOK, "δa_i = W_ij δ_j; δ_i = δa_i f′(z_i)"),
        ("z_bj = a_bi W_ij + b_j; a_bi = f(z_bi)", "δ_bi = W_ij δ_bj f′(z_bi); δb_j = Σ_b δz_bj"),
        ("z_j = a_i W_ij + b_j; a_i = tanh(z_i)", "δ_i = W_ij δ_j (1 - a_i^2)"),
        ("a_j = f(z_j); z_j = a_i W_ij + b_j", "δz_j = δa_j f′(z_j); δa_i = W_ij δz_j; δW_ij = a_i δz_j"),
        ("a_j = f(a_i W_ij + b_j)", "δ_i = W_ij δ_j f′(a^(k)_k W_kj + b_j)"),
    ],
)
def test_rules_in_shorthand_are_proved(forward: str, rules: str) -> None:
    report = tp.check(tp.Layer(forward, rules))
    assert report.ok and report.proved, str(report)


@pytest.mark.parametrize(
    "rules",
    [
        "δ_i = W_ij δ_j f(z_i)",
        "δ_i = W_ji δ_j f′(z_i)",
        "δ_i = W_ij δ_j f′(z_j)",
        "δ_i = -W_ij δ_j f′(z_i)",
        "δW_ij = a_i δ_j f′(z_i)",
    ],
)
def test_wrong_rules_in_shorthand_are_refused(rules: str) -> None:
    assert not tp.check(tp.Layer(TEXTBOOK, rules)).ok


QUESTION = """
    z^(k+1)_j = Σ_i W^(k)_ij a^(k)_i
    a^(k+1)_j = f(z^(k+1)_j)
"""


@pytest.mark.parametrize(
    "rules",
    [
        """
        ∂E/∂z^(k+1)_j = ∂E/∂a^(k+1)_j · f′(z^(k+1)_j)
        ∂E/∂a^(k)_i   = Σ_j ∂E/∂z^(k+1)_j · W^(k)_ij
        ∂E/∂W^(k)_ij  = ∂E/∂z^(k+1)_j · a^(k)_i
        """,
        """
        δz^(k+1)_j = δa^(k+1)_j f′(z^(k+1)_j)
        δa^(k)_i   = δz^(k+1)_j W^(k)_ij
        δW^(k)_ij  = δz^(k+1)_j a^(k)_i
        """,
    ],
)
def test_the_three_lines_of_the_question_are_proved(rules: str) -> None:
    report = tp.check(tp.Layer(QUESTION, rules))
    assert report.ok and report.proved, str(report)
    assert sum(v.written for v in report.verdicts) == 3


@pytest.mark.parametrize(
    "forward, rules, words",
    [
        ("z_j = W_ij a_i; h_j = f(z_j)", "δW_ij = a_i δ_j", ("δz", "δh")),
        (TEXTBOOK, "δ_l = W_lj δ_j f′(z_l)", ("layer k", "layer k+1")),
        ("a_j = f(z_j); z_j = a_i W_ij", "δ_i = W_ij δ_j", ("δa", "δz")),
    ],
)
def test_two_readings_are_both_named(forward: str, rules: str, words: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousNotation) as caught:
        tp.Layer(forward, rules)
    assert all(w in str(caught.value) for w in words) and "^" in str(caught.value)


def test_a_bare_delta_of_the_one_output() -> None:
    layer = tp.Layer("z_j = W_ij a_i + b_j", "δW_ij = a_i δ_j")
    assert str(layer.written[0]) == "δW_ij = a_i δz_j"


def test_a_circle_that_is_no_shorthand_stays_one() -> None:
    with pytest.raises(CircularDefinition) as caught:
        tp.Layer("x_i = y_i; y_i = x_i")
    assert "→" in str(caught.value) and "^" in str(caught.value)


def test_a_class_of_layers_serves_as_a_layer() -> None:
    class Dense(tp.Layer):
        forward = "z_j = a_i W_ij + b_j"
        backward = "δW_ij = a_i δz_j"

    assert tp.check(Dense).proved
    assert tp.adjoint(Dense) is tp.adjoint(Dense())
    assert tp.show(Dense) == tp.show(Dense()) == "z_j = a_i W_ij + b_j"
    for other in (tp.Layer, int):
        with pytest.raises(UsageError):
            tp.adjoint(other)  # pyright: ignore[reportArgumentType]
