"""Slips of complex rules: a conjugate in the wrong place, one that is missing, a part; named, proved and applied."""

from __future__ import annotations

import pytest

import tensorprop as tp

FORWARD = {
    "residual": "y_i = A_ij z_j; E = abs(y_i)^2; complex(z); complex(A)",
    "conjugate": "y_i = conj(z_i) w_i; complex(z); complex(w)",
    "form": "L = re(conj(z_i) A_ij z_j); complex(z); complex(A)",
    "real": "y_i = A_ij z_j; complex(z)",
    "correlations": "G_ij = conj(A_ki) A_kj; complex(A)",
    "modulus": "L = Σ_i abs(z_i); complex(z)",
    "inverse": "y_i = inv(A)_ij z_j; complex(A); complex(z)",
}


@pytest.mark.parametrize(
    ("page", "rule", "kind", "words"),
    [
        ("residual", "δz_j = 2 conj(A_ij) conj(y_i)", "conjugate", "one too many: conj(A_ij) stands where A_ij"),
        ("modulus", "δz_i = conj(z_i)", "missing factor", "the factor 1 / abs(z_i) is missing"),
        ("modulus", "δz_i = z_i / abs(z_i)", "conjugate", "missing: z_i stands where conj(z_i) belongs"),
        ("residual", "δz_j = 2 A_ij y_i", "conjugate", "missing: y_i stands where conj(y_i) belongs"),
        ("residual", "δy_i = 2 y_i", "conjugate", "missing: y_i stands where conj(y_i) belongs"),
        (
            "residual",
            "δz_j = 2 conj(A_ij) y_i",
            "conjugate",
            "at the wrong factor: conj(A_ij) y_i stands where A_ij conj(y_i)",
        ),
        ("residual", "δA_ij = conj(z_j) δy_i", "conjugate", "one too many: conj(z_j) stands where z_j belongs"),
        ("residual", "δz_j = -A_ij δy_i", "sign", "the sign is wrong"),
        ("residual", "δz_j = A_ji δy_i", "transposed", "A is transposed"),
        ("conjugate", "δz_i = w_i δy_i", "conjugate", "missing: w_i δy_i stands where conj(w_i δy_i) belongs"),
        ("conjugate", "δz_i = conj(w_i) δy_i", "conjugate", "missing: δy_i stands where conj(δy_i) belongs"),
        ("conjugate", "δw_i = z_i δy_i", "conjugate", "missing: z_i stands where conj(z_i) belongs"),
        ("form", "δz_i = (A_ij + A_ji) conj(z_j)", "conjugate", "missing: A_ij stands where conj(A_ij) belongs"),
        ("form", "δz_i = A_ji conj(z_j)", "second path", "conj(A_ij)"),
        ("real", "δA_ij = z_j δy_i", "part", "the real part is missing: z_j δy_i stands where re(z_j δy_i) belongs"),
        ("real", "δA_ij = im(z_j δy_i)", "part", "im(z_j δy_i) stands where re(z_j δy_i) belongs"),
        ("correlations", "δA_ki = conj(A_kj) (δG_ij + δG_ji)", "conjugate", "missing: δG_ij stands where conj(δG_ij)"),
        ("inverse", "δz_j = conj(inv(A)_ij) δy_i", "conjugate", "one too many"),
    ],
)
def test_slips_of_conjugates_are_named_and_proved(page: str, rule: str, kind: str, words: str) -> None:
    report = tp.check(tp.Layer(forward=FORWARD[page], backward=rule))
    (found,) = report.findings
    slip = found.diagnosis
    assert slip is not None and slip.proved and slip.kind == kind and words in slip.words
    assert slip.corrected is not None
    assert tp.check(tp.Layer(forward=FORWARD[page], backward=str(slip.corrected))).ok


def test_the_corrected_line_of_an_absolute_value_is_proved() -> None:
    forward = "L = Σ_i abs(z_i); complex(z)"
    assert tp.check(tp.Layer(forward=forward, backward="δz_i = conj(z_i) / abs(z_i)")).ok
    (found,) = tp.check(tp.Layer(forward=forward, backward="δz_i = z_i / abs(z_i)")).findings
    assert found.diagnosis is not None and found.diagnosis.kinds[0] == "conjugate"
