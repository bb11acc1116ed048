"""Complete images of which half the pixels are hidden: python examples/matrix_factorisation.py [--short]

Every image of a handwritten digit is a row of a matrix; the matrix is taken to be of low rank, ``Y ≈ U Vᵀ``, and is
learnt from the pixels that are shown. With --checkpoints FOLDER a run that was stopped goes on where it was.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from training import curve, options, train

import tensorprop as tp

model = tp.Layer(
    """
    e_ij = M_ij (U_ir V_jr - Y_ij)                                  # M: which pixels j of image i are shown
    E    = 1/2 Σ_ij e_ij^2 + 1/2 λ (Σ_ir U_ir^2 + Σ_jr V_jr^2)
    """,
    """
    δU_ir = M_ij e_ij V_jr + λ U_ir
    δV_jr = M_ij e_ij U_ir + λ V_jr
    """,
    parameters="U V",
)


def start(rows: int, columns: int, rank: int, dtype: str = "float32") -> dict[str, jax.Array]:
    """Small numbers: at 0 both factors would stay where they are."""
    draw = np.random.default_rng(0)
    return {n: jnp.asarray(draw.normal(0, 0.3, (s, rank)), dtype) for n, s in {"U": rows, "V": columns}.items()}


def main() -> None:
    """Hide, learn, complete, draw."""
    given = options("Complete images of digits by matrix factorisation.", 600, "matrix_factorisation.png")
    report = tp.check(model)
    print(report, "\n")
    assert report.proved
    Y = load_digits(return_X_y=True)[0].astype("float32") / 16  # 1,797 images of 8 × 8 pixels
    M = (np.random.default_rng(0).random(Y.shape) < 0.5).astype("float32")
    mean = (M * Y).sum(0) / M.sum(0)  # of every pixel, over the images that show it; U Vᵀ is what is different
    data = {"Y": Y - mean, "M": M, "λ": np.float32(2)}

    gradient = tp.value_and_grad(model, wrt="U V")
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, given.steps))

    @jax.jit
    def update(state):
        loss, grads = gradient(state[0], **data)
        updates, moments = optimiser.update(grads, state[1])
        return (optax.apply_updates(state[0], updates), moments), loss

    params = start(*Y.shape, rank=20)
    (params, _), losses = train(
        lambda state, n: update(state), (params, optimiser.init(params)), given.steps, given.checkpoints
    )

    guess, hidden = np.asarray(mean + params["U"] @ params["V"].T), 1 - M
    rms = [float(np.sqrt((hidden * (y - Y) ** 2).sum() / hidden.sum())) for y in (guess, mean)]
    print(f"hidden pixels: wrong by {rms[0]:.3f} (the mean of every pixel: {rms[1]:.3f}), white 0, black 1")

    figure, right = curve(losses, "squared error")
    figure.axes[0].set_yscale("log")
    shown = np.where(M > 0, Y, np.nan)
    rows = np.vstack([np.hstack([a[n].reshape(8, 8) for n in range(10)]) for a in (Y, shown, guess)])
    right.imshow(rows, cmap="gray_r", vmin=0, vmax=1)
    right.set(xticks=[], yticks=[4, 12, 20], yticklabels=["true", "shown", "completed"], title="Ten images")
    right.set_facecolor("lightblue")
    figure.savefig(given.plot, dpi=120)


if __name__ == "__main__":
    main()
