"""Train a language model, written as pages of index notation, on Python's own documentation: [--short] [--steps N]

One character after another: every place guesses the next one, looking back only. The three pages below are new, the
others are of the library; the backward rules are those that the pages state, and derived where they state none. With
--checkpoints FOLDER a run that was stopped at any moment goes on where it was.
"""

import re
import time
from pydoc_data.topics import topics

import jax
import jax.numpy as jnp
import numpy as np
import optax
from training import curve, options, train

import tensorprop as tp
from tensorprop.layers import Dense, Embedding, Gelu, LayerNorm, Unembedding

PLACES = "y_btd = x_btd + T_td"  # every place t has a vector of its own
ATTENTION = """
Q_bthd = x_btc W^(q)_chd                                     # h: head
K_buhd = x_buc W^(k)_chd
V_buhe = x_buc W^(v)_che
S_bhtu = Q_bthd K_buhd / sqrt(dim(d))
P_bhtu = [u ≤ t] exp(S_bhtu) / Σ_v [v ≤ t] exp(S_bhtv)       # nobody sees what comes later
O_bthe = P_bhtu V_buhe
y_btk  = O_bthe W^(o)_hek
"""
LOSS = """
l_btv = logsoftmax_v(s_btv)
E = -mean_bt(l[b, t, y_bt])                                  # y: the character that came next
"""

LENGTH, BATCH = 64, 32


def language_model(layers: int) -> tp.Layer:
    """Characters to vectors, blocks of attention and of two maps with a way around each, and back to characters."""
    attention = tp.Layer(ATTENTION, name="attention", parameters="W^(q) W^(k) W^(v) W^(o)")
    block = tp.chain(
        tp.chain(LayerNorm(), attention).residual(),
        tp.chain(LayerNorm(), Dense().rename(W="A", b="u"), Gelu(), Dense().rename(W="B", b="c")).residual(),
    )
    return tp.chain(
        Embedding(),
        tp.Layer(PLACES, name="places", parameters="T"),
        *[block] * layers,
        LayerNorm(),
        Unembedding().rename(E="U"),
        tp.Layer(LOSS, name="loss", takes="s"),
    )


def start(
    model: tp.Layer, letters: int, width: int, heads: int, places: int, dtype: str = "float32"
) -> dict[str, jax.Array]:
    """By the name without its number: a shape, and how many numbers are added up for one result."""
    head = width // heads
    shapes = {
        "E": ((letters, width), 1000),
        "T": ((places, width), 1000),
        "γ": ((width,), 0),
        "β": ((width,), 0),
        **{f"W^({n})": ((width, heads, head), width) for n in "qkv"},
        "W^(o)": ((heads, head, width), width),
        "A": ((width, 4 * width), width),
        "u": ((4 * width,), 0),
        "B": ((4 * width, width), 4 * width),
        "c": ((width,), 0),
        "U": ((letters, width), width),
    }
    random, params = np.random.default_rng(0), {}
    for name in model.parameters:
        stem = re.sub(r"\d+", "", name)
        shape, terms = shapes[stem]
        drawn = random.normal(0, terms**-0.5, shape) if terms else np.full(shape, stem == "γ")
        params[name] = jnp.asarray(drawn, dtype)
    return params


def windows(data: np.ndarray, starts: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Rows of characters from these places on, and for each the one that comes next."""
    rows = data[starts[:, None] + np.arange(length + 1)]
    return {"n": rows[:, :-1], "y": rows[:, 1:]}


def main() -> None:
    """Train, measure, write."""
    given = options("Train a small transformer on Python's documentation.", 1500, "transformer.png")
    text = "".join(topics[name] for name in sorted(topics))
    alphabet = sorted(set(text))
    codes = np.array([alphabet.index(c) for c in text], "int32")
    known, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]
    model = language_model(layers=2)
    print(f"{len(model.system)} equations, {len(tuple(model.parameters))} tensors to learn. The first block's:\n")
    print("\n".join(map(str, model.system.equations[2:24])), "\n")

    gradient = tp.value_and_grad(model, wrt=model.parameters)
    loss = tp.compile(model, outputs="E")
    scores = tp.compile(model, outputs=next(n for n in model.system.names if re.fullmatch(r"s\d+", n)))
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(optax.warmup_cosine_decay_schedule(0, 4e-3, given.steps // 10, given.steps), 0.9, 0.98),
    )

    @jax.jit
    def update(state, n, y):
        error, grads = gradient(state[0], n=n, y=y)
        updates, moments = optimiser.update(grads, state[1], state[0])
        return (optax.apply_updates(state[0], updates), moments), error

    def step(state, n):
        begin = np.random.default_rng(n).integers(0, len(known) - LENGTH - 1, BATCH)
        return update(state, **windows(known, begin, LENGTH))

    params, began = start(model, len(alphabet), width=96, heads=4, places=LENGTH), time.time()
    (params, _), losses = train(step, (params, optimiser.init(params)), given.steps, given.checkpoints)
    print(
        f"{given.steps} steps in {time.time() - began:.0f} s, the last at {np.mean(losses[-20:]):.2f} nats a character"
    )

    starts = np.arange(0, len(held_out) - LENGTH - 1, LENGTH)
    starts = starts[: (2 if given.short else len(starts) // BATCH) * BATCH].reshape(-1, BATCH)
    held = np.mean([float(loss(**params, **windows(held_out, s, LENGTH))) for s in starts])
    print(f"held out: {held:.3f} nats a character; evenly guessed it would be {np.log(len(alphabet)):.3f}")

    line = list(held_out[:LENGTH])
    for _ in range(5 if given.short else 200):
        last = scores(**params, n=np.array([line[-LENGTH:]], "int32"))[0, -1] / 0.7
        line.append(int(jax.random.categorical(jax.random.key(len(line)), last)))
    written = "".join(alphabet[c] for c in line)
    print(f"\nIt was given what stands before the bar, and goes on:\n\n{written[:LENGTH]}|{written[LENGTH:]}")

    figure, right = curve(losses, "nats a character")
    right.axis("off")
    right.text(0, 1, written[LENGTH:], va="top", family="monospace", size=7)
    figure.savefig(given.plot, dpi=120)


if __name__ == "__main__":
    main()
