"""Train a language model, written as pages of index notation, on Python's own documentation: [--short] [--steps N]

One character after another: every place guesses the next one, looking back only. The three pages below are new, the
others are of the library; the backward rules are those that the pages state, and derived where they state none.
"""

import argparse
import re
import time
from pydoc_data.topics import topics

import jax
import jax.numpy as jnp
import numpy as np
import optax
from rich.progress import track

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

options = argparse.ArgumentParser(description="Train a small transformer on Python's documentation.")
options.add_argument("--short", action="store_true", help="a few steps, to see that everything works")
options.add_argument("--steps", type=int, default=1500, help="how long to train (default: %(default)s)")
options = options.parse_args()
steps = 5 if options.short else options.steps
layers, places, batch, width, heads = 2, 64, 32, 96, 4

text = "".join(topics[name] for name in sorted(topics))
alphabet = sorted(set(text))
codes = np.array([alphabet.index(c) for c in text], "int32")
train, held_out = codes[: len(codes) * 9 // 10], codes[len(codes) * 9 // 10 :]

attention = tp.Layer(ATTENTION, name="attention", parameters="W^(q) W^(k) W^(v) W^(o)")
block = tp.chain(
    tp.chain(LayerNorm(), attention).residual(),
    tp.chain(LayerNorm(), Dense().rename(W="A", b="u"), Gelu(), Dense().rename(W="B", b="c")).residual(),
)
model = tp.chain(
    Embedding(),
    tp.Layer(PLACES, name="places", parameters="T"),
    *[block] * layers,
    LayerNorm(),
    Unembedding().rename(E="U"),
    tp.Layer(LOSS, name="loss", takes="s"),
)
print(f"{len(model.system)} equations, {len(tuple(model.parameters))} tensors to learn. The first block's:\n")
print("\n".join(map(str, model.system.equations[2:24])), "\n")

head = width // heads
SHAPES = {  # by the name without its number, and how many numbers are added up for one result
    "E": ((len(alphabet), width), 1000),
    "T": ((places, width), 1000),
    "γ": ((width,), 0),
    "β": ((width,), 0),
    **{f"W^({n})": ((width, heads, head), width) for n in "qkv"},
    "W^(o)": ((heads, head, width), width),
    "A": ((width, 4 * width), width),
    "u": ((4 * width,), 0),
    "B": ((4 * width, width), 4 * width),
    "c": ((width,), 0),
    "U": ((len(alphabet), width), width),
}
random = np.random.default_rng(0)
params = {}
for name in model.parameters:
    stem = re.sub(r"\d+", "", name)
    shape, terms = SHAPES[stem]
    params[name] = jnp.full(shape, stem == "γ", "float32") if not terms else random.normal(0, terms**-0.5, shape)
    params[name] = jnp.asarray(params[name], "float32")

gradient = tp.value_and_grad(model, wrt=model.parameters)
loss = tp.compile(model, outputs="E")
scores = tp.compile(model, outputs=next(n for n in model.system.names if re.fullmatch(r"s\d+", n)))
optimiser = optax.chain(
    optax.clip_by_global_norm(1.0),
    optax.adamw(optax.warmup_cosine_decay_schedule(0, 4e-3, steps // 10, steps), 0.9, 0.98),
)
state = optimiser.init(params)


@jax.jit
def step(params, state, n, y):
    error, grads = gradient(params, n=n, y=y)
    updates, state = optimiser.update(grads, state, params)
    return optax.apply_updates(params, updates), state, error


def windows(data, starts):
    rows = data[starts[:, None] + np.arange(places + 1)]
    return {"n": rows[:, :-1], "y": rows[:, 1:]}


began, errors = time.time(), []
for _ in track(range(steps), "Training"):
    params, state, error = step(params, state, **windows(train, random.integers(0, len(train) - places - 1, batch)))
    errors.append(error)
print(f"{steps} steps in {time.time() - began:.0f} s, the last at {float(np.mean(errors[-20:])):.2f} nats a character")

starts = np.arange(0, len(held_out) - places - 1, places)
starts = starts[: (2 if options.short else len(starts) // batch) * batch].reshape(-1, batch)
held = np.mean([float(loss(**params, **windows(held_out, s))) for s in starts])
print(f"held out: {held:.3f} nats a character; evenly guessed it would be {np.log(len(alphabet)):.3f}")

line = list(held_out[:places])
for _ in range(5 if options.short else 200):
    last = scores(**params, n=np.array([line[-places:]], "int32"))[0, -1] / 0.7
    line.append(int(jax.random.categorical(jax.random.key(len(line)), last)))
written = "".join(alphabet[c] for c in line)
print(f"\nIt was given what stands before the bar, and goes on:\n\n{written[:places]}|{written[places:]}")
