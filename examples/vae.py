"""Train a variational autoencoder on handwritten digits, and draw new ones: python examples/vae.py [--short]

The model is one page of the library, seven equations and eighteen backward rules, all proved. With --checkpoints FOLDER
a run that was stopped goes on where it was.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from training import curve, options, train

import tensorprop as tp
from tensorprop.layers import VariationalAutoencoder

model = VariationalAutoencoder()
SIZES = {"i": 64, "j": 256, "k": 8, "l": 256}  # pixels; hidden units; what is kept of an image; hidden units
BATCH = 128


def main() -> None:
    """Train, draw."""
    given = options("Train a variational autoencoder on handwritten digits.", 4000, "vae.png")
    print(f"{model}\n")
    images = load_digits(return_X_y=True)[0].astype("float32") / 16
    rows = np.random.default_rng(0).permutation(len(images))
    x, x_test = images[rows[300:]], images[rows[:300]]

    gradient = tp.value_and_grad(model, wrt=model.parameters)
    error, decode = tp.compile(model), tp.compile("g_bl = tanh(z_bk V_kl + v_l); y_bi = σ(g_bl D_li + ω_i)")
    optimiser = optax.adam(optax.cosine_decay_schedule(2e-3, given.steps))

    @jax.jit
    def update(state, x, ε):
        loss, grads = gradient(state[0], x=x, ε=ε)
        updates, moments = optimiser.update(grads, state[1])
        return (optax.apply_updates(state[0], updates), moments), loss

    def step(state, n):
        draw = np.random.default_rng(n)
        return update(
            state, x[draw.integers(0, len(x), BATCH)], draw.normal(size=(BATCH, SIZES["k"])).astype("float32")
        )

    params = model.init(jax.random.key(0), dtype=jnp.float32, **SIZES)
    (params, _), losses = train(step, (params, optimiser.init(params)), given.steps, given.checkpoints)

    draw = np.random.default_rng(1)
    noise = draw.normal(size=(len(x_test), SIZES["k"])).astype("float32")
    print(f"held out: {float(error(x=x_test, ε=noise, **params)):.2f} nats an image, a bound of minus log p(x)")
    figure, right = curve(losses, "minus the evidence bound, in nats")
    decoder = {n: params[n] for n in ("V", "v", "D", "ω")}
    new = decode(z=draw.normal(size=(80, SIZES["k"])).astype("float32"), **decoder)
    tiles = np.pad(np.asarray(new).reshape(8, 10, 8, 8), ((0, 0), (0, 0), (1, 1), (1, 1)))
    right.imshow(tiles.swapaxes(1, 2).reshape(80, 100), cmap="gray_r")
    right.set(xticks=[], yticks=[], title="Digits that nobody wrote")
    figure.savefig(given.plot, dpi=120)
    print(f"Picture: {given.plot}")


if __name__ == "__main__":
    main()
