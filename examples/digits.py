"""Train a network, written as index notation, on handwritten digits: python examples/digits.py [--short]"""

import argparse

import jax
import jax.numpy as jnp
import matplotlib.figure
import numpy as np
import optax
from rich.progress import track
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import tensorprop as tp

MODEL = """
z_bj = x_bi W_ij + u_j            # b: image of the batch, i: pixel, j: hidden unit
h_bj = relu(z_bj)
s_bk = h_bj V_jk + v_k            # k: digit
p_bk = softmax_k(s_bk)
E = -mean_b(Σ_k y_bk log(p_bk))   # cross-entropy with one-hot labels y
"""
SHAPES = {"W": (64, 128), "u": (128,), "V": (128, 10), "v": (10,)}


def main() -> None:
    """Train, test, draw."""
    options = argparse.ArgumentParser(description="Train a network on handwritten digits.")
    options.add_argument("--short", action="store_true", help="two epochs, to see that everything works")
    options.add_argument("--plot", default="digits.png", help="where the curves go (default: %(default)s)")
    options = options.parse_args()
    epochs, batch = (2 if options.short else 40), 64

    images, digits = load_digits(return_X_y=True)  # 1,797 images of 8 × 8 pixels; every fifth is held out
    split = train_test_split(images.astype("float32") / 16, digits, test_size=0.2, random_state=0, stratify=digits)
    x, x_test, digit, digit_test = split
    y = np.eye(10, dtype="float32")[digit]

    gradient = tp.value_and_grad(MODEL, wrt=SHAPES)  # backward rules derived, both directions one function
    scores = tp.compile(MODEL, outputs="s")
    print(f"The rules that it uses, derived from the five equations:\n\n{gradient.rules}\n")

    random = np.random.default_rng(0)
    params = {n: jnp.asarray(random.normal(0, 0.15 * (len(s) == 2), s), "float32") for n, s in SHAPES.items()}
    optimiser = optax.adam(optax.cosine_decay_schedule(3e-3, epochs * (len(x) // batch)))
    state = optimiser.init(params)

    @jax.jit
    def step(params, state, x, y):
        loss, grads = gradient(params, x=x, y=y)
        updates, state = optimiser.update(grads, state)
        return optax.apply_updates(params, updates), state, loss

    losses, accuracies = [], []
    for _ in track(range(epochs), "Training"):
        order = random.permutation(len(x))
        for rows in np.split(order[: len(x) // batch * batch], len(x) // batch):
            noise = random.normal(0, 0.1, (batch, 64)).astype("float32")  # so that no image is learnt by heart
            params, state, loss = step(params, state, x[rows] + noise, y[rows])
            losses.append(float(loss))
        accuracies.append(100 * np.mean(np.argmax(scores(x=x_test, **params), axis=1) == digit_test))

    figure = matplotlib.figure.Figure(figsize=(9, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.semilogy(np.linspace(0, epochs, len(losses)), losses, lw=0.8)
    left.set(xlabel="epoch", ylabel="cross-entropy of a batch", title="Loss")
    right.plot(range(1, epochs + 1), accuracies, marker=".")
    right.set(xlabel="epoch", ylabel="held-out images right, in %", title="Accuracy")
    figure.savefig(options.plot, dpi=120)
    print(f"Right on held-out images: {accuracies[-1]:.1f} % of {len(x_test)}. Curves: {options.plot}")
    print("A model of your own: copy this file, change MODEL, SHAPES and the data. Nothing else knows the equations.")


if __name__ == "__main__":
    main()
