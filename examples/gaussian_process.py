"""Regression by a Gaussian process, with a band of what is not known: python examples/gaussian_process.py [--short]

The kernel is one equation; minus the logarithm of the evidence is a page of the library. How smooth, how large and how
noisy the function is, is learnt by its gradient. With --checkpoints FOLDER a run that was stopped goes on where it was.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from training import curve, options, train

import tensorprop as tp
from tensorprop.layers import GaussianProcess

KERNEL = (
    "K_ij = exp(2 s - 1/2 (x_i - x_j)^2 exp(-2 l)) + [i = j] exp(2 n)"  # s, l, n: logarithms of size, length, noise
)
EVIDENCE = f"{KERNEL}\n{GaussianProcess.forward}"
BAND = """
k_pj = exp(2 s - 1/2 (w_p - x_j)^2 exp(-2 l))
m_p  = k_pi inv(K)_ij y_j
v_p  = exp(2 s) - k_pi inv(K)_ij k_pj
"""
START = {"s": 0.0, "l": 0.0, "n": -1.0}


def data(many: int, dtype: str = "float32") -> dict[str, np.ndarray]:
    """Places x, with a gap, and noisy values y of a function that is known here."""
    draw = np.random.default_rng(0)
    x = np.sort(np.concatenate([draw.uniform(-4, -0.5, many // 2), draw.uniform(1.5, 4, many - many // 2)]))
    return {"x": x.astype(dtype), "y": (truth(x) + draw.normal(0, 0.15, many)).astype(dtype)}


def truth(x: np.ndarray) -> np.ndarray:
    """What is to be found."""
    return np.sin(2 * x) + 0.3 * x


def main() -> None:
    """Learn three numbers, draw the band."""
    given = options("Regression by a Gaussian process.", 300, "gaussian_process.png")
    seen = data(40)
    gradient = tp.value_and_grad(EVIDENCE, wrt="s l n")
    print(f"{gradient.rules}\n")
    optimiser = optax.adam(0.05)

    @jax.jit
    def update(state):
        loss, grads = gradient(state[0], **seen)
        updates, moments = optimiser.update(grads, state[1])
        return (optax.apply_updates(state[0], updates), moments), loss

    params = {name: jnp.float32(value) for name, value in START.items()}
    (params, _), losses = train(
        lambda state, n: update(state), (params, optimiser.init(params)), given.steps, given.checkpoints
    )

    w = np.linspace(-5, 5, 300, dtype="float32")
    found = tp.compile(f"{KERNEL}\n{BAND}", outputs="m v")(w=w, **seen, **params)
    m, sd = np.asarray(found["m"]), np.sqrt(np.maximum(np.asarray(found["v"]), 0))
    inside = np.mean(np.abs(truth(w) - m) < 2 * sd)
    size, length, noise = (float(np.exp(params[name])) for name in "sln")
    print(f"size {size:.2f}, length {length:.2f}, noise {noise:.3f} (it was 0.15)")
    print(f"The function is within two standard deviations on {100 * inside:.0f} % of the line. Picture: {given.plot}")

    figure, right = curve(losses, "minus the logarithm of the evidence")
    right.fill_between(w, m - 2 * sd, m + 2 * sd, alpha=0.25, label="± 2 standard deviations")
    right.plot(w, m, label="mean")
    right.plot(w, truth(w), "k:", label="truth")
    right.plot(seen["x"], seen["y"], "k.", label="seen")
    right.set(title="What is known, and how well")
    right.legend(loc="upper left", fontsize=7)
    figure.savefig(given.plot, dpi=120)


if __name__ == "__main__":
    main()
