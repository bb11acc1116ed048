"""Activations: elementwise functions as layers, each a page of one forward and one backward equation.

The index j is kept on both sides, so nothing is summed: in matrix form every backward rule here is a Hadamard product
``δz = δa ⊙ f′(z)``, which is the diagonal Jacobian ``diag(f′(z))`` applied to δa. Shapes: z (j), a (j); further axes
in front are carried along. At a kink the slope is the one that the function's row states, that of JAX.
"""

from __future__ import annotations

from tensorprop.layers.layer import Layer

__all__ = [
    "Elu",
    "Gelu",
    "GeluTanh",
    "LeakyRelu",
    "LogSigmoid",
    "Mish",
    "Relu",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softplus",
    "Softsign",
    "Tanh",
    "activation",
]


class Relu(Layer):
    """``a = max(z, 0)``; ``δz = δa ⊙ [z > 0]``, so 0 at the kink.

    Reference: Nair, Hinton, Rectified linear units improve restricted Boltzmann machines (2010).

    >>> print(Relu().rules)
    δz_j = δa_j [z_j > 0]
    """

    forward = "a_j = relu(z_j)"
    backward = "δz_j = δa_j [z_j > 0]"


class LeakyRelu(Layer):
    """``a = z`` where z ≥ 0, else ``0.01 z``; ``δz = δa ⊙ ([z ≥ 0] + 0.01 [z < 0])``, so 1 at the kink.

    Reference: Maas, Hannun, Ng, Rectifier nonlinearities improve neural network acoustic models (2013).
    """

    forward = "a_j = leaky_relu(z_j)"
    backward = "δz_j = δa_j ([z_j ≥ 0] + 0.01 [z_j < 0])"


class Elu(Layer):
    """``a = z`` where z > 0, else ``exp(z) - 1``; ``δz = δa ⊙ ([z > 0] + [z ≤ 0] (a + 1))``.

    Reference: Clevert, Unterthiner, Hochreiter, Fast and accurate deep network learning by ELUs (2016).
    """

    forward = "a_j = elu(z_j)"
    backward = "δz_j = δa_j ([z_j > 0] + [z_j ≤ 0] (a_j + 1))"


class Selu(Layer):
    """ELU scaled so that mean 0 and variance 1 are kept: ``a = λ z`` where z > 0, else ``λ α (exp(z) - 1)``.

    ``δz = δa ⊙ (λ [z > 0] + [z ≤ 0] (a + λ α))`` with λ = 1.0507…, α = 1.6733….

    Reference: Klambauer, Unterthiner, Mayr, Hochreiter, Self-normalizing neural networks (2017).
    """

    forward = "a_j = selu(z_j)"
    backward = """
        δz_j = δa_j (1.0507009873554804934193349852946 [z_j > 0] + [z_j ≤ 0] (a_j + m))
        m    = 1.0507009873554804934193349852946 * 1.6732632423543772848170429916717
    """


class Tanh(Layer):
    """``a = tanh(z)``; ``δz = δa ⊙ (1 - a²)``: the saved output is all that the way back needs.

    Reference: LeCun, Bottou, Orr, Müller, Efficient BackProp (1998).

    >>> print(Tanh().rules)
    δz_j = δa_j (1 - a_j^2)
    """

    forward = "a_j = tanh(z_j)"
    backward = "δz_j = δa_j (1 - a_j^2)"


class Sigmoid(Layer):
    """``a = 1/(1 + exp(-z))``; ``δz = δa ⊙ a ⊙ (1 - a)``.

    Reference: Rumelhart, Hinton, Williams, Learning representations by back-propagating errors (1986).

    >>> print(Sigmoid().rules)
    δz_j = δa_j a_j (1 - a_j)
    """

    forward = "a_j = σ(z_j)"
    backward = "δz_j = δa_j a_j (1 - a_j)"


class LogSigmoid(Layer):
    """``a = log σ(z)``; ``δz = δa ⊙ σ(-z)``.

    Reference: Goodfellow, Bengio, Courville, Deep Learning (2016), section 3.10.
    """

    forward = "a_j = logsigmoid(z_j)"
    backward = "δz_j = δa_j σ(-z_j)"


class Softplus(Layer):
    """``a = log(1 + exp(z))``; ``δz = δa ⊙ σ(z)``.

    Reference: Dugas, Bengio, Bélisle, Nadeau, Garcia, Incorporating second-order functional knowledge (2001).
    """

    forward = "a_j = softplus(z_j)"
    backward = "δz_j = δa_j σ(z_j)"


class Silu(Layer):
    """``a = z σ(z)``, also called swish; ``δz = δa ⊙ (a + σ(z) ⊙ (1 - a))``.

    Reference: Elfwing, Uchibe, Doya, Sigmoid-weighted linear units (2018).
    """

    forward = "a_j = silu(z_j)"
    backward = "δz_j = δa_j (a_j + σ(z_j) (1 - a_j))"


class Mish(Layer):
    """``a = z tanh(softplus(z))``; with ``t = tanh(softplus(z))``, ``δz = δa ⊙ (t + z ⊙ σ(z) ⊙ (1 - t²))``.

    Reference: Misra, Mish: a self regularized non-monotonic activation function (2020).
    """

    forward = "a_j = mish(z_j)"
    backward = """
        t_j  = tanh(softplus(z_j))
        δz_j = δa_j (t_j + z_j σ(z_j) (1 - t_j^2))
    """


class Gelu(Layer):
    """``a = z Φ(z)`` with the normal distribution Φ; ``δz = δa ⊙ (Φ(z) + z ⊙ φ(z))`` with its density φ.

    Reference: Hendrycks, Gimpel, Gaussian error linear units (2016).
    """

    forward = "a_j = gelu(z_j)"
    backward = """
        Φ_j  = 1/2 erfc(-z_j / sqrt(2))
        φ_j  = exp(-z_j^2 / 2) / sqrt(2 π)
        δz_j = δa_j (Φ_j + z_j φ_j)
    """


class GeluTanh(Layer):
    """``a = z (1 + tanh(√(2/π) (z + 0.044715 z³)))/2``, the quick approximation of GELU.

    As ``(1 + tanh(u))/2 = σ(2 u)``, this is ``a = z s`` with ``s = σ(√(8/π) (z + 0.044715 z³))``, and
    ``δz = δa ⊙ (s + a ⊙ (1 - s) √(8/π) ⊙ (1 + 3·0.044715 z²))``.

    Reference: Hendrycks, Gimpel, Gaussian error linear units (2016), section 2.
    """

    forward = "a_j = gelu_tanh(z_j)"
    backward = """
        s_j  = σ(sqrt(8 / π) (z_j + 0.044715 z_j^3))
        δz_j = δa_j (s_j + a_j (1 - s_j) sqrt(8 / π) (1 + 0.134145 z_j^2))
    """


class Softsign(Layer):
    """``a = z/(1 + |z|)``; ``δz = δa ⊙ (1 + |z|)⁻²``.

    Reference: Glorot, Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
    """

    forward = "a_j = softsign(z_j)"
    backward = "δz_j = δa_j / (1 + abs(z_j))^2"


def activation(function: str) -> Layer:
    """The layer ``a_j = function(z_j)`` of any elementwise function; its backward rule is derived.

    Errors: UnknownFunction for a name too near a known one.

    >>> print(activation("sin").rules)
    δz_j = cos(z_j) δa_j
    """
    return Layer(f"a_j = {function}(z_j)", name=function)
