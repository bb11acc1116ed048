"""Models on paper: each block once, then the lines that use it; what is printed is read as the same model."""

from __future__ import annotations

import pytest

import tensorprop as tp
from tensorprop.errors import DuplicateDefinition, TensorpropError, UnknownName, UsageError
from tensorprop.layers import BatchNorm, Dense, Dropout, Gelu, LayerNorm, SoftmaxCrossEntropy, Tanh

MAPS = tp.chain(Dense(), Gelu(), Dense(), name="Maps")
BLOCK = tp.compose("n = Norm(x); f = Maps(n); y_bi = x_bi + f_bi", {"Norm": LayerNorm(), "Maps": MAPS}, name="Block")
MODELS = {
    "a chain with a loss": tp.chain(Dense(), Tanh(), Dense(), SoftmaxCrossEntropy()),
    "rules with parts": MAPS,
    "residuals": tp.chain(tp.chain(LayerNorm(), Dense()).residual(), tp.chain(LayerNorm(), Dense()).residual()),
    "a row many times": tp.chain(Dense(), Tanh(), repeat=12),
    "a row as its parameters tell, in a chain": tp.chain(tp.chain(Dense(), Tanh(), name="Row", repeat=True), Dense()),
    "a block of blocks, twice": tp.chain(BLOCK, BLOCK, name="two"),
    "residuals, many times": tp.chain(tp.chain(LayerNorm(), Dense(), name="Part").residual(), repeat=12),
    "another page at inference": tp.chain(Dense(), BatchNorm(), Tanh(), Dropout(0.5), Dense()),
    "labels": tp.chain(Dense(), Tanh(), Dense(), names=("in", "", "out")),
    "tied weights": tp.chain(Dense(), Tanh(), Dense(), shares="W"),
    "equations that learn": tp.compose(
        "z = D(x); h_bj = tanh(z_bj V_j); δV_j = Σ_b δh_bj z_bj (1 - h_bj^2); y = D(h)", {"D": Dense}, parameters="V"
    ),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_a_block_is_told_once_and_the_page_is_this_model(model: tp.Layer) -> None:
    text = str(model)
    headings = [line for line in text.splitlines() if line.endswith("):")]
    assert len(headings) > 1 and len({*headings}) == len(headings)
    again = tp.compose(text)
    assert str(again) == text
    assert tuple(again.parameters) == tuple(model.parameters) and set(again.inputs) == set(model.inputs)
    assert [again.numbered.get(p) for p in again.parameters] == [model.numbered.get(p) for p in model.parameters]
    assert {eq.name for eq in again.system} == {eq.name for eq in model.system}
    assert {eq.name for eq in again.written} <= {eq.name for eq in model.written}
    assert (again.for_inference is again) == (model.for_inference is model)


def test_what_is_used_once_is_written_out() -> None:
    assert str(tp.chain(Dense(), Tanh())).startswith("# chain\nz1_bj = a_bi W1_ij + b1_j")


def test_a_page_that_would_be_read_otherwise_is_not_printed() -> None:
    other = tp.chain(Dense(), Tanh(), Tanh(), Dense())
    other.blocks = tp.chain(Dense(), Tanh(), Dense()).blocks
    assert str(other) == other.show(flat=True)


def test_pages_are_told_in_a_text_beside_those_of_uses() -> None:
    model = tp.compose("Twice(x):\n    y_bi = 2 x_bi\n\nu = Twice(a)  # remark\nv = Dense(u)", {"Dense": Dense()})
    assert str(model.system) == "u_bi = 2 a_bi\nv_bj = u_bi W1_ij + b1_j"


@pytest.mark.parametrize(
    "text, error, says",
    [
        ("P(x):\ny = P(x)", UsageError, "nothing stands below P"),
        ("P(x):\n  y_i = x_i\nP(x):\n  y_i = x_i", DuplicateDefinition, "P is told twice"),
        ("P(x):\n  y_i = x_i c_i\nz = P(x)", UsageError, "P takes x, c besides what it learns, and its heading says x"),
        ("P at inference:\n  y_i = x_i", UnknownName, "no page P stands above"),
        ("P(x):\n  y_i = x_i\nz = Q(x)", UsageError, "no line calls P"),
        ("P(x):\n  y_i = x_i\nz = P(x, repeat=often)", UsageError, "repeat=often"),
    ],
)
def test_what_a_heading_cannot_mean_is_refused_at_its_place(text: str, error: type[TensorpropError], says: str) -> None:
    with pytest.raises(error) as caught:
        tp.compose(text)
    assert says in str(caught.value) and ("^" in str(caught.value) or says.startswith("no line"))
