"""Writes docs/gallery.md from the layers: python -m tests.layers.gallery. A test compares the two."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import tensorprop as tp
from tensorprop.layers import Layer

PAGE = Path(__file__).resolve().parents[2] / "docs" / "gallery.md"
ROOMS = {
    "linear": "Linear maps",
    "factored": "Weights as products of small tensors",
    "activation": "Activations",
    "gated": "Gates",
    "softmax": "Softmax",
    "norm": "Normalisation and dropout",
    "attention": "Attention",
    "window": "Convolutions and pooling",
    "recurrent": "Recurrent cells",
    "sequence": "Recurrences over a sequence",
    "process": "Models of what goes on in time",
    "loss": "Losses",
    "likelihood": "Likelihoods",
    "margin": "Distances and margins",
    "model": "Small models, whole",
}
HEAD = """\
# Gallery

Every layer of the library: its equations and backward rules in index notation, and what these are in vectors and
matrices (a recurrence line by line, with the index of its time). Rules marked *derived* are the calculus', the others
are written as they are published, and proved. This page is written by `python -m tests.layers.gallery`, and a test
compares the two.

All are used alike:

```python
>>> import numpy as np
>>> import tensorprop as tp
>>> from tensorprop.layers import Attention
>>> attend = tp.jax_function(Attention())                  # its rules are what jax.grad uses
>>> O = attend(Q=np.ones((3, 2)), K=np.ones((4, 2)), V=np.eye(4))
>>> O.shape, tp.check(Attention()).proved
((3, 4), True)

```
"""


def entries(room: str) -> list[type[Layer]]:
    module = importlib.import_module(f"tensorprop.layers.{room}")
    found = [getattr(module, name) for name in module.__all__]
    return [c for c in found if inspect.isclass(c) and issubclass(c, Layer)]


def entry(kind: type[Layer]) -> str:
    doc = inspect.getdoc(kind)
    assert doc is not None
    about, _, source = doc.partition("\nReference: ")
    reference = " ".join(source.split("\n>>>")[0].split())
    page = str(kind()).partition("\n")[2]
    shown = [page, str(tp.formula(kind()))]
    blocks = "".join(f"```text\n{text}\n```\n\n" for text in shown)
    return f"### {kind.__name__}\n\n{about.strip()}\n\n{blocks}Source: {reference}\n"


def page() -> str:
    parts = [HEAD]
    for room, title in ROOMS.items():
        parts += [f"## {title}\n", *map(entry, entries(room))]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
