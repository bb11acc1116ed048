"""Derivations of complex pages: every line has the value of the one before, with both terms of the chain rule.

Local derivatives are held against differences of the forward equation along the real and the imaginary axis.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import tensorprop as tp
from tensorprop.calculus import adjoint
from tensorprop.core.equation import Equation, system
from tensorprop.core.plane import complex_names, said_complex, with_adjoints
from tensorprop.render.derivation.derivation import explain
from tensorprop.run.reference import evaluate

PAGES: dict[str, tuple[str, dict[str, tuple[int, ...]]]] = {
    "conjugate": ("w_i = conj(z_i); complex(z)", {"z": (3,)}),
    "square of the size": ("L = Σ_i abs(z_i)^2; complex(z)", {"z": (3,)}),
    "residual": (
        "y_i = A_ij z_j - d_i; L = abs(y_i)^2; complex(A); complex(z); complex(d)",
        {"A": (2, 3), "z": (3,), "d": (2,)},
    ),
    "quadratic form": ("L = re(conj(z_i) A_ij z_j); complex(z); complex(A)", {"z": (3,), "A": (3, 3)}),
    "real amid complex": ("y_i = A_ij z_j; complex(z)", {"A": (2, 3), "z": (3,)}),
    "both ways": ("y_i = x_i z_i + conj(z_i) re(z_i); L = Σ_i abs(y_i); complex(z)", {"x": (3,), "z": (3,)}),
    "real in real": ("L = re(w_i z_i x_i); complex(w); complex(z)", {"w": (3,), "z": (3,), "x": (3,)}),
    "correlations": ("G_ij = conj(A_ki) A_kj; L = Σ_ij abs(G_ij - [i = j])^2; complex(A)", {"A": (2, 3)}),
    "angles": ("y_i = exp(ⅈ angle(z_i)) im(w_i) + z_i w_i; complex(z); complex(w)", {"z": (3,), "w": (3,)}),
    "through an inverse": ("y_i = inv(A)_ij conj(z_j); complex(A); complex(z)", {"A": (2, 2), "z": (2,)}),
    "shifted": ("y_x = conj(a[x+u]) k_u; L = Σ_x abs(y_x)^2; complex(a); complex(k)", {"a": (4,), "k": (2,)}),
}


def _drawn(rng: np.random.Generator, shape: tuple[int, ...], complex_: bool) -> np.ndarray:
    real = rng.uniform(0.5, 2.0, shape)
    return real + 1j * rng.uniform(0.5, 2.0, shape) if complex_ else real


def _value(eq: Equation, arrays: Mapping[str, np.ndarray], *helpers: Equation) -> np.ndarray:
    lines = [*helpers, eq]
    needed = system(lines).inputs
    s = system(lines, said_complex(n for n in needed if np.iscomplexobj(arrays[n])))
    return np.asarray(evaluate(s, {name: arrays[name] for name in s.inputs})[eq.name])


@pytest.mark.parametrize("name", PAGES)
def test_every_line_keeps_the_value_and_the_last_is_the_rule(name: str) -> None:
    text, shapes = PAGES[name]
    s = tp.parse(text)
    plane = with_adjoints(complex_names(s))
    d = explain(s)
    rng = np.random.default_rng(3)
    arrays = {n: _drawn(rng, shape, n in plane) for n, shape in shapes.items()}
    arrays |= evaluate(s, arrays)
    for n in d.rules.inputs:
        if n.startswith("δ"):
            arrays[n] = _drawn(rng, np.shape(arrays[n[1:]]), n in plane)
    arrays |= evaluate(d.rules, {n: arrays[n] for n in d.rules.inputs})
    arrays |= {f"{n}bar": np.conj(arrays[n]) for n in shapes}  # tells how far letters run below ∂zbar
    rules = adjoint(s)
    for part in d.parts:
        p = part.passage
        helpers = [rule for local in p.locals for rule in local.rules]
        assert part.rule is rules[part.rule.name]
        lines = [(p.chain, helpers), (p.inserted, []), *((eq, []) for _, eq in p.moves), (p.rule, [])]
        for eq, more in lines:
            got = _value(eq, arrays, *more)
            np.testing.assert_allclose(got, arrays[part.rule.name], rtol=1e-11, atol=1e-12, err_msg=str(eq))
        for local in p.locals:
            _against_differences(local.forward, part.name, [_value(r, arrays) for r in local.rules], arrays, plane)


def _against_differences(
    eq: Equation, x: str, found: list[np.ndarray], arrays: Mapping[str, np.ndarray], plane: frozenset[str]
) -> None:
    """∂v/∂x = (∂v/∂re x - ⅈ ∂v/∂im x)/2, and by the conjugate with +; of a real x the one difference."""
    step = 1e-6
    for place in np.ndindex(np.shape(arrays[x])):
        along = []
        for unit in (1, 1j) if x in plane else (1,):
            shift = np.zeros(np.shape(arrays[x]), complex if x in plane else float)
            shift[place] = unit * step
            up, down = (_value(eq, {**arrays, x: arrays[x] + k * shift}) for k in (1, -1))
            along.append((up - down) / (2 * step))
        expected = along if x not in plane else [(along[0] - 1j * along[1]) / 2, (along[0] + 1j * along[1]) / 2]
        for got, want in zip(found, expected, strict=False):
            np.testing.assert_allclose(got[(..., *place)], want, rtol=1e-5, atol=1e-7)
        if x in plane and len(found) == 1 and eq.name in plane:
            np.testing.assert_allclose(expected[1], 0, atol=1e-7)  # it is holomorphic, so that one is enough


def test_both_terms_and_the_convention_are_told() -> None:
    told = str(tp.explain("w_i = conj(z_i) z_i x_i; E = Σ_i re(w_i^2); complex(z)", wrt="z x"))
    for line in (
        "δz_j = Σ_i (δw_i ∂w_i/∂z_j + conj(δw_i ∂w_i/∂zbar_j))",
        "∂w_i/∂zbar_j = z_i x_i [i = j]",
        "δx_j = re(Σ_i δw_i ∂w_i/∂x_j)",
        "Slopes: ∂conj(z)/∂z = 0, ∂conj(z)/∂zbar = 1.",
        "dE = re(Σ δw dw)",
    ):
        assert line in told
    text = "y_i = A_ij conj(z_j); E = abs(y_i)^2; complex(z)"
    assert "y_i changes with z and with its conjugate, called zbar" in str(tp.explain(text)).replace("\n      ", " ")
    assert r"\frac{\partial y_{i}}{\partial \mathrm{zbar}_{k}}" in tp.explain(text).latex
    assert "dE = re(Σ δy dy)" in str(tp.explain(text, detail="short"))
    assert "δz = Aᵀ conj(δy)" in str(tp.explain(text, detail="beside"))


def test_a_shift_is_not_told_as_a_law_of_conjugates() -> None:
    text = (
        "h_tj = conj(h_{t-1,k}) W_kj + x_tj; h_{-1,j} = g_j; L = Σ_tj abs(h_tj)^2; complex(W); complex(g); complex(x)"
    )
    d = tp.explain(text)
    assert not any(step.law == "conjugates" for part in d.parts for step in part.steps)
    assert "one term is left, t := u + 1" in " ".join(str(d).split())
    both = tp.explain("y_i = x_i z_i + conj(z_i) re(z_i); L = Σ_i abs(y_i); complex(z)", wrt="z")
    assert any(step.law == "conjugates" for step in both.part("z").steps)


def test_a_tensor_that_is_called_zbar_stays_itself() -> None:
    told = str(tp.explain("w_i = conj(z_i) zbar_i; complex(z)", wrt="z"))
    assert "∂w_i/∂zconj_j = zbar_i [i = j]" in told
