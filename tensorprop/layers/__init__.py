"""Layers: pages of equations, and chains of them."""

from __future__ import annotations

from tensorprop.layers.activation import (
    Elu,
    Gelu,
    GeluTanh,
    LeakyRelu,
    LogSigmoid,
    Mish,
    Relu,
    Selu,
    Sigmoid,
    Silu,
    Softplus,
    Softsign,
    Tanh,
    activation,
)
from tensorprop.layers.chain import chain
from tensorprop.layers.layer import Layer, as_layer
from tensorprop.layers.linear import Dense
from tensorprop.layers.loss import (
    CrossEntropy,
    Huber,
    KullbackLeibler,
    LabelCrossEntropy,
    MeanSquaredError,
    SoftmaxCrossEntropy,
)
from tensorprop.layers.softmax import LogSoftmax, Softmax

__all__ = [
    "CrossEntropy",
    "Dense",
    "Elu",
    "Gelu",
    "GeluTanh",
    "Huber",
    "KullbackLeibler",
    "LabelCrossEntropy",
    "Layer",
    "LeakyRelu",
    "LogSigmoid",
    "LogSoftmax",
    "MeanSquaredError",
    "Mish",
    "Relu",
    "Selu",
    "Sigmoid",
    "Silu",
    "Softmax",
    "SoftmaxCrossEntropy",
    "Softplus",
    "Softsign",
    "Tanh",
    "activation",
    "as_layer",
    "chain",
]
