"""Who goes with whom? A graph convolutional network on Zachary's karate club: python examples/karate_club.py [--short]

The club split in two. Of its 34 members the network is told the side of two, the instructor and the president; it
learns that of the others from who meets whom. With --checkpoints FOLDER a run that was stopped goes on where it was.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from training import curve, options, train

import tensorprop as tp
from tensorprop.layers import GraphConvolution, Tanh

# Zachary, An information flow model for conflict and fission in small groups (1977): the friends of each member, those
# with larger numbers, and who went with the president.
FRIENDS = """
1: 2 3 4 5 6 7 8 9 11 12 13 14 18 20 22 32; 2: 3 4 8 14 18 20 22 31; 3: 4 8 9 10 14 28 29 33; 4: 8 13 14; 5: 7 11
6: 7 11 17; 7: 17; 9: 31 33 34; 10: 34; 14: 34; 15: 33 34; 16: 33 34; 19: 33 34; 20: 34; 21: 33 34; 23: 33 34
24: 26 28 30 33 34; 25: 26 28 32; 26: 32; 27: 30 34; 28: 34; 29: 32 34; 30: 33 34; 31: 33 34; 32: 33 34; 33: 34
"""
PRESIDENT = "10 15 16 19 21 23 24 25 26 27 28 29 30 31 32 33 34"

# Only members with M_n = 1 are told, so the page says what of the loss they are.
LOSS = tp.Layer("E = -Σ_n M_n logsoftmax_c(s_nc)[y_n]", takes="s", name="loss")
model = tp.chain(GraphConvolution(), Tanh(), GraphConvolution(), LOSS, shares="A")


def club() -> tuple[np.ndarray, np.ndarray]:
    """Who meets whom, everyone himself too, over the roots of how many both meet; and which side each took."""
    A = np.eye(34)
    for line in FRIENDS.replace("\n", ";").split(";"):
        one, _, others = line.partition(":")
        for other in others.split():
            A[int(one) - 1, int(other) - 1] = A[int(other) - 1, int(one) - 1] = 1
    many = A.sum(1) ** -0.5
    side = np.isin(np.arange(34), [int(n) - 1 for n in PRESIDENT.split()])
    return A * many[:, None] * many, side.astype("int32")


def data(dtype: str = "float32") -> dict[str, np.ndarray]:
    """The graph; nothing is known of a member but who he is; the side of the first and of the last is told."""
    A, side = club()
    return {
        "A": A.astype(dtype),
        "x": np.eye(34, dtype=dtype),
        "y": side,
        "M": np.eye(34)[[0, 33]].sum(0).astype(dtype),
    }


def start(dtype: str = "float32") -> dict[str, jax.Array]:
    """Two features for each member, from which the second layer tells the sides."""
    draw = np.random.default_rng(0)
    return {n: jnp.asarray(draw.normal(0, 0.5, s), dtype) for n, s in {"W1": (34, 4), "W2": (4, 2)}.items()}


def drawing(A: np.ndarray) -> np.ndarray:
    """Places in the plane at which friends are near, and others are not: of least energy, by its derived gradient."""
    energy = "r_nm = Σ_d (p_nd - p_md)^2; E = Σ_nm [A_nm > 0] r_nm - Σ_nm log(r_nm + 0.05)"
    pull = jax.jit(tp.value_and_grad(energy, wrt="p"))
    p = np.random.default_rng(3).normal(size=(34, 2)).astype("float32")
    for _ in range(500):
        p = p - 0.01 * pull({"p": p}, A=A)[1]["p"]
    return np.asarray(p)


def main() -> None:
    """Learn, count, draw."""
    given = options("A graph convolutional network on Zachary's karate club.", 300, "karate_club.png")
    known = data()
    print(f"{model}\n")
    gradient = tp.value_and_grad(model, wrt=model.parameters)
    optimiser = optax.adam(0.02)

    @jax.jit
    def update(state):
        loss, grads = gradient(state[0], **known)
        updates, moments = optimiser.update(grads, state[1])
        return (optax.apply_updates(state[0], updates), moments), loss

    params = start()
    (params, _), losses = train(
        lambda state, n: update(state), (params, optimiser.init(params)), given.steps, given.checkpoints
    )

    inputs = {n: known[n] for n in "Ax"}
    s = np.asarray(tp.compile(model, outputs="z2")(**inputs, **params))
    right_ones = int((s.argmax(1) == known["y"]).sum())
    print(f"{right_ones} of 34 members are put on their side; the side of 2 was told")

    figure, right = curve(losses, "cross-entropy of the two")
    at = drawing(known["A"])
    for n, m in np.argwhere(np.triu(known["A"], 1)):
        right.plot(*at[[n, m]].T, color="lightgray", lw=0.6, zorder=0)
    chance = np.exp(s[:, 1]) / np.exp(s).sum(1)
    right.scatter(*at.T, c=chance, cmap="coolwarm", s=150, edgecolors=np.where(known["y"], "darkred", "darkblue"), lw=2)
    for n in range(34):
        right.annotate(str(n + 1), at[n], ha="center", va="center", size=7)
    right.set(xticks=[], yticks=[], title="Rim: the side taken. Filling: what the network says")
    figure.savefig(given.plot, dpi=120)
    print(f"Picture: {given.plot}")


if __name__ == "__main__":
    main()
