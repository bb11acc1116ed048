"""What the examples have in common: options, training in steps with a bar and checkpoints, a curve of the losses.

A step draws what it draws from its number, and all else that it needs is in the state. So a run that is stopped at any
moment goes on from its last checkpoint with the same losses, to the bit.
"""

import argparse
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import matplotlib.figure
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import CheckpointManager as Keeper
from rich.progress import track

TWO = ocp.CheckpointManagerOptions(max_to_keep=2)  # an older one stays until the newer is whole


def options(about: str, steps: int, plot: str) -> argparse.Namespace:
    """What can be said on the command line; in the short mode there are five steps."""
    found = argparse.ArgumentParser(description=about)
    found.add_argument("--short", action="store_true", help="a few steps, to see that everything works")
    found.add_argument("--steps", type=int, default=steps, help="how long to train (default: %(default)s)")
    found.add_argument("--plot", default=plot, help="where the picture goes (default: %(default)s)")
    found.add_argument("--checkpoints", help="a folder to keep the state in, and to go on from where it has one")
    given = found.parse_args()
    given.steps = 5 if given.short else given.steps
    return given


def train(
    step: Callable[[Any, int], tuple[Any, Any]], state: Any, steps: int, folder: str | None = None, every: int = 100
) -> tuple[Any, np.ndarray]:
    """``state, loss = step(state, n)`` for every n; the last state, and all losses, those before a restart too."""
    whole, done = {"state": state, "losses": np.full(steps, np.nan, "float32")}, 0
    with Keeper(Path(folder).absolute(), options=TWO) if folder else nullcontext() as kept:
        if kept is not None and (last := kept.latest_step()) is not None:
            done, whole = last, kept.restore(last, args=ocp.args.StandardRestore(whole))
            print(f"{done} steps are done already")
        state, losses = whole["state"], np.array(whole["losses"])
        for n in track(range(done, steps), "Training"):
            state, losses[n] = step(state, n)
            if kept is not None and (n + 1) % every == 0:
                kept.save(n + 1, args=ocp.args.StandardSave({"state": state, "losses": losses}))
    return state, losses


def curve(losses: np.ndarray, what: str) -> tuple[matplotlib.figure.Figure, Any]:
    """A figure with the losses on its left, and room for a picture on its right."""
    figure = matplotlib.figure.Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot(losses, lw=0.5, alpha=0.5)
    some = max(1, len(losses) // 50)
    left.plot(np.arange(len(losses) - some + 1) + some / 2, np.convolve(losses, np.ones(some) / some, "valid"))
    left.set(xlabel="step", ylabel=what, title="Loss")
    return figure, right
