"""Train an LSTM, a page with a recurrence, on Python's own documentation: python examples/lstm.py [--short]

One character after another, each guessed from those before it. The recurrence is one loop of the machine, its backward
rule the recurrence the other way. With --checkpoints FOLDER a run that was stopped goes on where it was.
"""

from pydoc_data.topics import topics

import jax
import jax.numpy as jnp
import numpy as np
import optax
from training import curve, options, train

import tensorprop as tp
from tensorprop.layers import Dense, Embedding, Lstm

LOSS = "l_btv = logsoftmax_v(s_btv); E = -mean_bt(l[b, t, y_bt])"  # y: the character that came next
model = tp.chain(Embedding(), Lstm(), Dense(), tp.Layer(LOSS, name="loss", takes="s"))
LENGTH, BATCH = 64, 32


def start(letters: int, wide: int, kept: int, dtype: str = "float32") -> dict[str, jax.Array]:
    """Weights as large as what is added up allows; the gate that forgets begins open."""
    draw = np.random.default_rng(0)
    shapes = {"E1": (letters, wide), "U2": (4, wide, kept), "W2": (4, kept, kept), "W3": (kept, letters)}
    params = {n: jnp.asarray(draw.normal(0, s[-2] ** -0.5, s), dtype) for n, s in shapes.items()}
    forget = jnp.zeros((4, kept), dtype).at[1].set(1)
    return params | {"β2": forget, "b3": jnp.zeros(letters, dtype)}


def windows(codes: np.ndarray, begin: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Rows of characters from these places on, and for each the one that comes next."""
    rows = codes[begin[:, None] + np.arange(length + 1)]
    return {"n": rows[:, :-1], "y": rows[:, 1:]}


def main() -> None:
    """Train, measure, write."""
    given = options("Train an LSTM on Python's documentation.", 1500, "lstm.png")
    text = "".join(topics[name] for name in sorted(topics))
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(c) for c in text], "int32")
    known, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]
    print(model.system)
    print(f"\nWhat is owed to its states, backwards in time:\n\n{model.rules['δh2']}\n{model.rules['δc2']}\n")

    gradient = tp.value_and_grad(model, wrt=model.parameters)
    error, scores = tp.compile(model, outputs="E"), tp.compile(model, outputs="z3")
    slower = optax.warmup_cosine_decay_schedule(0, 8e-3, max(1, given.steps // 20), given.steps)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(slower))

    @jax.jit
    def update(state, n, y):
        loss, grads = gradient(state[0], n=n, y=y)
        updates, moments = optimiser.update(grads, state[1], state[0])
        return (optax.apply_updates(state[0], updates), moments), loss

    def step(state, n):
        begin = np.random.default_rng(n).integers(0, len(known) - LENGTH - 1, BATCH)
        return update(state, **windows(known, begin, LENGTH))

    params = start(len(alphabet), 48, 192)
    (params, _), losses = train(step, (params, optimiser.init(params)), given.steps, given.checkpoints)

    places = np.arange(0, len(held_out) - LENGTH - 1, LENGTH)
    places = places[: (2 if given.short else len(places) // BATCH) * BATCH].reshape(-1, BATCH)
    held = np.mean([float(error(**params, **windows(held_out, p, LENGTH))) for p in places])
    print(f"held out: {held:.3f} nats a character; evenly guessed it would be {np.log(len(alphabet)):.3f}")

    line = list(held_out[:LENGTH])
    for n in range(5 if given.short else 200):
        last = scores(**params, n=np.array([line[-LENGTH:]], "int32"))[0, -1] / 0.7
        line.append(int(jax.random.categorical(jax.random.key(n), last)))
    written = "".join(alphabet[c] for c in line)
    print(f"\nIt was given what stands before the bar, and goes on:\n\n{written[:LENGTH]}|{written[LENGTH:]}")

    figure, right = curve(losses, "nats a character")
    right.axis("off")
    right.text(0, 1, written[LENGTH:], va="top", family="monospace", size=7)
    figure.savefig(given.plot, dpi=120)


if __name__ == "__main__":
    main()
