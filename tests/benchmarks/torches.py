"""The same training steps in PyTorch, where it is installed: eager, and compiled where it can compile.

A loss takes parameters and data by name, as the JAX code of a row does; `torch_steps` finds it by the words with which
a row's name begins, and makes value and gradients of it. Nothing here is needed for anything else.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tests.benchmarks.models import Model
from tests.benchmarks.tensors import ROWS

__all__ = ["installed", "torch_steps"]

_COMPILED = 10  # parameters up to which the step is compiled: more layers take PyTorch minutes

Loss = Callable[[Any, dict[str, Any], dict[str, Any]], Any]


def installed() -> bool:
    """Whether there is a PyTorch to measure."""
    return importlib.util.find_spec("torch") is not None


def torch_steps(m: Model, agrees: Callable[[Any], float]) -> dict[str, Callable[[], Any]]:
    """Steps of the row by name, eager and compiled, that give what ours gives; none where the row has no such code."""
    found = next((loss for words, loss in LOSSES.items() if m.name.startswith(words)), None)
    if found is None or not installed():
        return {}
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # else its threads go on spinning while ours are timed
    import torch

    def arrays(of: dict[str, Any]) -> dict[str, Any]:
        made = {n: torch.from_numpy(np.array(a)) for n, a in of.items()}
        return {n: a if a.is_floating_point() else a.long() for n, a in made.items()}

    p, d = arrays(m.params), arrays(m.data)
    for a in p.values():
        a.requires_grad_(True)

    def step(loss: Any) -> Any:
        value = loss(p, d)
        return value, dict(zip(p, torch.autograd.grad(value, list(p.values())), strict=True))

    eager = partial(found, torch)
    made: dict[str, Callable[[], Any]] = {}
    ways = {"eager": lambda: eager, "compiled": lambda: torch.compile(eager)}
    for name in list(ways)[: 2 if len(p) <= _COMPILED else 1]:
        try:
            run = partial(step, ways[name]())
            value, grads = run()
        except Exception as cause:
            print(f"<!-- {m.name}: PyTorch, {name}: {type(cause).__name__} -->")
            continue
        numbers = value.detach().numpy(), {n: g.numpy() for n, g in grads.items()}
        if agrees(numbers) < 1e-2:
            made[name] = run
        else:
            print(f"<!-- {m.name}: PyTorch, {name}, gives other numbers -->")
    return made


def _mlp(f: str, labels: bool) -> Loss:
    def loss(torch: Any, p: Any, d: Any) -> Any:
        act = getattr(torch, f)
        h = act(d["x"] @ p["W1"] + p["b1"])
        s = act(h @ p["W2"] + p["b2"]) @ p["W3"] + p["b3"]
        if labels:
            return torch.nn.functional.cross_entropy(s, d["y"])
        return -(d["y"] * torch.log_softmax(s, -1)).sum(1).mean()

    return loss


def _cnn(torch: Any, p: Any, d: Any) -> Any:
    F = torch.nn.functional

    def layer(x: Any, k: Any, b: Any) -> Any:
        return F.max_pool2d(torch.relu(F.conv2d(x, k.permute(3, 2, 0, 1), b, padding=1)), 2)

    h = layer(layer(d["a"].permute(0, 3, 1, 2), p["K1"], p["b1"]), p["K2"], p["b2"]).mean((2, 3))
    return F.cross_entropy(h @ p["W"] + p["d"], d["y"])


def _attention(torch: Any, p: Any, d: Any) -> Any:
    q, k, v = (p[n].transpose(1, 2) for n in "QKV")
    return (torch.nn.functional.scaled_dot_product_attention(q, k, v).transpose(1, 2) * d["G"]).sum()


def _masked(torch: Any, p: Any, _: Any) -> Any:
    o = torch.nn.functional.scaled_dot_product_attention(*(p[n][None] for n in "QKV"), is_causal=True)
    return (o * o).sum()


def _norm(torch: Any, p: Any, d: Any) -> Any:
    return (torch.nn.functional.layer_norm(p["x"], p["x"].shape[1:], p["g"], p["c"]) * d["y"]).sum()


def _masked_softmax(torch: Any, p: Any, d: Any) -> Any:
    mask = torch.ones(p["s"].shape[1:], dtype=torch.bool).tril()
    return (torch.softmax(torch.where(mask, p["s"], -torch.inf), -1) * d["g"]).sum()


def _lstm(torch: Any, p: Any, d: Any) -> Any:
    """PyTorch's own LSTM, with the weights in its order; its second bias is zero."""
    n = p["U"].shape[0]
    w, u, b = p["W"].flatten(1).T, p["U"].flatten(1).T, p["b"].flatten()
    start = torch.zeros(1, d["x"].shape[1], n)
    out, _, _ = torch.lstm(d["x"], (start, start), [w, u, b, torch.zeros_like(b)], True, 1, 0.0, False, False, False)
    return (out * d["y"]).sum()


def _residual(axis: int) -> Loss:
    def loss(torch: Any, p: Any, d: Any) -> Any:
        x = d["a"]
        for w in p.values():
            n = (x - x.mean(axis, keepdim=True)) * torch.rsqrt(x.var(axis, keepdim=True, unbiased=False) + 1e-5)
            x = x + torch.relu(n @ w)
        return ((x - d["y"]) ** 2).mean()

    return loss


def _product(row: Any) -> Loss:
    def loss(torch: Any, p: Any, d: Any) -> Any:
        letters, names = row.params | row.data, row.operands.split()
        spec = ",".join(letters[n] for n in names) + "->" + row.out
        y = torch.einsum(spec, *({**p, **d}[n] for n in names))
        return ((d[row.less] - y if row.less else y) ** 2).sum()

    return loss


def _bilinear(torch: Any, p: Any, d: Any) -> Any:
    return (torch.einsum("bi,kij,bj->bk", p["x"], p["W"], p["u"]) * d["y"]).sum()


LOSSES: dict[str, Loss] = {
    **{
        f"MLP {sizes}, {f}, {kind}": _mlp(f, kind == "labels")
        for sizes in ("784-512-512-10, batch 128", "64-128-128-10, batch 64")
        for f in ("relu", "tanh")
        for kind in ("labels", "soft labels")
    },
    "CNN": _cnn,
    "attention, batch": _attention,
    "causal attention by": _masked,
    "layer norm, 2048 rows of 256": _norm,
    "masked softmax by hand": _masked_softmax,
    "LSTM": _lstm,
    "residual MLP with layer norm by hand": _residual(-1),
    "residual MLP with batch norm by hand": _residual(0),
    "bilinear 64": _bilinear,
    **{row.name + ", all gradients": _product(row) for row in ROWS},
}
