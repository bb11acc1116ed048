"""Train a convolutional network, a chain of pages, on handwritten digits: python examples/digits_cnn.py [--short]

With --checkpoints FOLDER the run can be stopped at any moment, and goes on where it was when it is started again.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from training import curve, options, train

import tensorprop as tp
from tensorprop.layers import Convolution2d, LabelCrossEntropy, MaxPool2d, Relu

SCORES = tp.Layer("s_bk = h_bxzc W_xzck + u_k", "δh_bxzc = δs_bk W_xzck", name="scores", parameters="W u")
model = tp.chain(Convolution2d(), Relu(), Convolution2d(), Relu(), MaxPool2d(), SCORES, LabelCrossEntropy())
SHAPES = {"K1": (3, 3, 1, 32), "K2": (3, 3, 32, 64), "W3": (3, 3, 64, 10)}
BATCH = 64


def start(shapes: dict[str, tuple[int, ...]], dtype: str = "float32") -> dict[str, jax.Array]:
    """Kernels as large as what is added up for one entry allows, and shifts of 0."""
    draw = np.random.default_rng(0)
    params = {n: jnp.asarray(draw.normal(0, (2 / np.prod(s[:-1])) ** 0.5, s), dtype) for n, s in shapes.items()}
    return params | {n: jnp.zeros(shapes[of][-1], dtype) for n, of in {"β1": "K1", "β2": "K2", "u3": "W3"}.items()}


def main() -> None:
    """Train, test, draw."""
    given = options("Train a convolutional network on handwritten digits.", 2000, "digits_cnn.png")
    images, digits = load_digits(return_X_y=True)  # 1,797 images of 8 × 8 pixels; every fifth is held out
    images = np.pad(images.reshape(-1, 8, 8, 1).astype("float32") / 16, ((0, 0), (1, 1), (1, 1), (0, 0)))
    split = train_test_split(images, digits.astype("int32"), test_size=0.2, random_state=0, stratify=digits)
    x, x_test, y, y_test = map(np.asarray, split)
    print(f"{model.system}\n")

    gradient = tp.value_and_grad(model, wrt=model.parameters)  # the pages' rules, proved in the library's tests
    last = next(eq.name for eq in model.system if eq.name.startswith("s"))
    scores = tp.compile(model, outputs=last)
    optimiser = optax.adamw(optax.cosine_decay_schedule(2e-3, given.steps), weight_decay=1e-3)

    @jax.jit
    def update(state, a, y):
        loss, grads = gradient(state[0], a=a, y=y)
        updates, moments = optimiser.update(grads, state[1], state[0])
        return (optax.apply_updates(state[0], updates), moments), loss

    def step(state, n):
        draw = np.random.default_rng(n)
        rows = draw.integers(0, len(x), BATCH)
        moved = np.roll(x[rows], draw.integers(-1, 2, 2), (1, 2))  # a digit is the same a pixel further
        return update(state, moved + draw.normal(0, 0.1, moved.shape).astype("float32"), y[rows])

    params = start(SHAPES)
    (params, _), losses = train(step, (params, optimiser.init(params)), given.steps, given.checkpoints)

    guessed = np.argmax(scores(a=x_test, **params), axis=1)
    wrong = np.flatnonzero(guessed != y_test)
    figure, right = curve(losses, "cross-entropy of a batch")
    figure.axes[0].set_yscale("log")
    right.imshow(np.hstack([x_test[n, :, :, 0] for n in wrong[:8]] or [x_test[0, :, :, 0]]), cmap="gray_r")
    told = ", ".join(f"{y_test[n]} as {guessed[n]}" for n in wrong[:8])
    right.set(xticks=[], yticks=[], title=f"Held-out digits taken for others: {told or 'none'}")
    figure.savefig(given.plot, dpi=120)
    print(f"Right on held-out images: {100 * np.mean(guessed == y_test):.2f} % of {len(y_test)}. Picture: {given.plot}")


if __name__ == "__main__":
    main()
