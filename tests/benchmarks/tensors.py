"""Products of several tensors with all their gradients, against jnp.einsum with its default order."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from tests.benchmarks.models import Model, model


class _Row(NamedTuple):
    """A product as einsum has it, its parameters and its data by letters; ``less``: E is of what that is less it."""

    name: str
    operands: str
    sizes: dict[str, int]
    params: dict[str, str]
    data: dict[str, str]
    out: str
    less: str = ""

    def text(self) -> str:
        letters = self.params | self.data
        product = " ".join(f"{n}[{', '.join(letters[n])}]" for n in self.operands.split())
        out = f"[{', '.join(self.out)}]"
        first = f"{self.less}{out} - " if self.less else ""
        return f"y{out} = {first}{product}; E = y{out} y{out}"

    def loss(self, p: Any, d: Any) -> Any:
        letters, arrays = self.params | self.data, {**p, **d}
        names = self.operands.split()
        y = jnp.einsum(",".join(letters[n] for n in names) + "->" + self.out, *(arrays[n] for n in names))
        return jnp.sum((arrays[self.less] - y if self.less else y) ** 2)


_TRAIN = {"G0": "ip", "G1": "pjq", "G2": "qkr", "G3": "rls", "G4": "smt", "G5": "tn"}
_MAPS = {"G0": "iAp", "G1": "pjBq", "G2": "qkCr", "G3": "rlDs", "G4": "smFt", "G5": "tnH"}
_CORES = "x G0 G1 G2 G3 G4 G5"
_FOUR = dict.fromkeys("ijklmnABCDFH", 4) | dict.fromkeys("pqrst", 8) | {"b": 64}
_CP, _TUCKER = {"A": "ir", "B": "jr", "C": "kr"}, {"A": "ip", "B": "jq", "C": "kr"}
_SMALL = dict.fromkeys("ijk", 16) | {"b": 128}
_LARGE = dict.fromkeys("ijk", 100)
_EIGHT = dict.fromkeys("pqr", 8)
_LORA = {"i": 512, "r": 8, "j": 512, "b": 256}
_X = {"x": "bijk"}
_BILINEAR = {"b": 32, "i": 128, "j": 128, "k": 128, "o": 10}
_LAYERS = {"b": 256, "i": 32, "j": 32, "p": 16, "q": 16, "s": 32, "o": 64}
_EIGHTHS = {"b": 32} | dict.fromkeys("ijkl", 8) | dict.fromkeys("ABCD", 8) | dict.fromkeys("pqr", 8)
_TWO, _IN = {"x": "bi", "z": "bj"}, {"x": "bijkl"}
_FEW = {"i": 512, "r": 64, "j": 512, "b": 8}
_FOLDED = {"A": "ip", "B": "jq", "C": "pqs", "D": "so"}
_EIGHT_MAPS = {"G0": "iAp", "G1": "pjBq", "G2": "qkCr", "G3": "rlD"}
ROWS = (
    _Row("tensor train of 6 cores on whole tensors 4⁶, batch 64", _CORES, _FOUR, _TRAIN, {"x": "bijklmn"}, "b"),
    _Row("tensor train of 6 cores, a map 4⁶ → 4⁶, batch 64", _CORES, _FOUR, _MAPS, {"x": "bijklmn"}, "bABCDFH"),
    _Row("CP of rank 64 on 16³, batch 128", "x A B C", {**_SMALL, "r": 64}, _CP, _X, "b"),
    _Row("CP of rank 64 on 16³, batch 128, every component", "x A B C", {**_SMALL, "r": 64}, _CP, _X, "br"),
    _Row("CP of rank 16 of 100³", "A B C", {**_LARGE, "r": 16}, _CP, {"x": "ijk"}, "ijk", "x"),
    _Row("Tucker of rank 8 of 100³", "G A B C", _LARGE | _EIGHT, {"G": "pqr", **_TUCKER}, {"x": "ijk"}, "ijk", "x"),
    _Row("Tucker maps 16³ → 8³, batch 128", "x A B C", _SMALL | _EIGHT, _TUCKER, _X, "bpqr"),
    _Row("LoRA 512-8-512, batch 256", "x A B", _LORA, {"A": "ir", "B": "rj"}, {"x": "bi"}, "bj"),
    _Row("LoRA 512-64-512, batch 8", "x A B", _FEW, {"A": "ir", "B": "rj"}, {"x": "bi"}, "bj"),
    _Row("bilinear 128 × 128 → 128 → 10, batch 32", "x z W V", _BILINEAR, {"W": "ijk", "V": "ko"}, _TWO, "bo"),
    _Row("Tucker layer 32 × 32 → 16 × 16 → 32 → 64, batch 256", "x A B C D", _LAYERS, _FOLDED, {"x": "bij"}, "bo"),
    _Row("tensor train of 4 cores, a map 8⁴ → 8⁴, batch 32", "x G0 G1 G2 G3", _EIGHTHS, _EIGHT_MAPS, _IN, "bABCD"),
)


def tensors() -> list[Model]:
    """Tensor trains, CP, Tucker and a product of low rank, all gradients."""
    rng = np.random.default_rng(7)
    made: list[Model] = []
    for row in ROWS:
        p, d = (
            {n: jnp.asarray(scale * rng.normal(size=[row.sizes[i] for i in of]), jnp.float32) for n, of in part.items()}
            for scale, part in ((0.3, row.params), (1.0, row.data))
        )
        name = f"{row.name}, all gradients"
        made.append(model(name, row.text(), row.loss, p, d))
        made.append(model(f"{name}, tune=True", row.text(), row.loss, p, d, tune=True))
    return made
