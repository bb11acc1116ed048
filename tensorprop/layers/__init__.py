"""Layers: pages of equations, and chains of them. Each is read on its first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorprop.package import fetched

if TYPE_CHECKING:
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
    from tensorprop.layers.attention import (
        AdditiveAttention,
        AlibiAttention,
        Attention,
        CausalAttention,
        CausalMultiHeadAttention,
        CrossAttention,
        GroupedQueryAttention,
        LinearAttention,
        MaskedAttention,
        MultiHeadAttention,
        MultiQueryAttention,
        Rope,
        WindowAttention,
    )
    from tensorprop.layers.chain import chain
    from tensorprop.layers.compose import compose
    from tensorprop.layers.factored import CanonicalPolyadic, TensorTrain, Tucker
    from tensorprop.layers.gated import (
        GeGlu,
        Glu,
        Maxout,
        MixtureOfExperts,
        PRelu,
        SwiGlu,
        TopExperts,
    )
    from tensorprop.layers.layer import Layer, as_layer
    from tensorprop.layers.likelihood import (
        BinaryCrossEntropy,
        FocalLoss,
        GaussianNegativeLogLikelihood,
        LogitCrossEntropy,
        PoissonLoss,
        SmoothedCrossEntropy,
    )
    from tensorprop.layers.linear import (
        Bilinear,
        Dense,
        Embedding,
        Film,
        Lora,
        LowRank,
        OneHot,
        Unembedding,
    )
    from tensorprop.layers.loss import (
        CrossEntropy,
        Huber,
        KullbackLeibler,
        LabelCrossEntropy,
        MeanSquaredError,
        SoftmaxCrossEntropy,
    )
    from tensorprop.layers.margin import (
        CosineLoss,
        Hinge,
        InfoNce,
        LogCosh,
        MeanAbsoluteError,
        PreferenceLoss,
        QuantileLoss,
        TripletLoss,
    )
    from tensorprop.layers.model import (
        AffineCoupling,
        Autoencoder,
        DiffusionLoss,
        FactorisationMachine,
        GaussianMixture,
        GaussianProcess,
        GraphAttention,
        GraphConvolution,
        LogisticRegression,
        MatrixFactorisation,
        RidgeRegression,
        SoftmaxRegression,
        VariationalAutoencoder,
        VariationalBottleneck,
    )
    from tensorprop.layers.norm import (
        BatchNorm,
        BatchNormInference,
        BatchNormRunning,
        Dropout,
        GroupNorm,
        InstanceNorm,
        LayerNorm,
        RmsNorm,
        SpectralNorm,
        WeightNorm,
    )
    from tensorprop.layers.process import (
        ConnectionistLoss,
        HiddenMarkovModel,
        KalmanFilter,
        NeuralOde,
    )
    from tensorprop.layers.recurrent import GruCell, LstmCell, RnnCell
    from tensorprop.layers.sequence import (
        CausalLinearAttention,
        Gru,
        LinearRecurrence,
        Lstm,
        Retention,
        Rnn,
        SelectiveStateSpace,
    )
    from tensorprop.layers.softmax import (
        GumbelSoftmax,
        LogSoftmax,
        Softmax,
        Sparsemax,
        TemperatureSoftmax,
    )
    from tensorprop.layers.window import (
        AveragePool,
        AveragePool2d,
        Convolution1d,
        Convolution2d,
        Convolution3d,
        DepthwiseConvolution,
        GlobalAveragePool,
        MaxPool,
        MaxPool2d,
        SeparableConvolution,
        TransposedConvolution,
    )

__all__ = [
    "AdditiveAttention",
    "AffineCoupling",
    "AlibiAttention",
    "Attention",
    "Autoencoder",
    "AveragePool",
    "AveragePool2d",
    "BatchNorm",
    "BatchNormInference",
    "BatchNormRunning",
    "Bilinear",
    "BinaryCrossEntropy",
    "CanonicalPolyadic",
    "CausalAttention",
    "CausalLinearAttention",
    "CausalMultiHeadAttention",
    "ConnectionistLoss",
    "Convolution1d",
    "Convolution2d",
    "Convolution3d",
    "CosineLoss",
    "CrossAttention",
    "CrossEntropy",
    "Dense",
    "DepthwiseConvolution",
    "DiffusionLoss",
    "Dropout",
    "Elu",
    "Embedding",
    "FactorisationMachine",
    "Film",
    "FocalLoss",
    "GaussianMixture",
    "GaussianNegativeLogLikelihood",
    "GaussianProcess",
    "GeGlu",
    "Gelu",
    "GeluTanh",
    "GlobalAveragePool",
    "Glu",
    "GraphAttention",
    "GraphConvolution",
    "GroupNorm",
    "GroupedQueryAttention",
    "Gru",
    "GruCell",
    "GumbelSoftmax",
    "HiddenMarkovModel",
    "Hinge",
    "Huber",
    "InfoNce",
    "InstanceNorm",
    "KalmanFilter",
    "KullbackLeibler",
    "LabelCrossEntropy",
    "Layer",
    "LayerNorm",
    "LeakyRelu",
    "LinearAttention",
    "LinearRecurrence",
    "LogCosh",
    "LogSigmoid",
    "LogSoftmax",
    "LogisticRegression",
    "LogitCrossEntropy",
    "Lora",
    "LowRank",
    "Lstm",
    "LstmCell",
    "MaskedAttention",
    "MatrixFactorisation",
    "MaxPool",
    "MaxPool2d",
    "Maxout",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Mish",
    "MixtureOfExperts",
    "MultiHeadAttention",
    "MultiQueryAttention",
    "NeuralOde",
    "OneHot",
    "PRelu",
    "PoissonLoss",
    "PreferenceLoss",
    "QuantileLoss",
    "Relu",
    "Retention",
    "RidgeRegression",
    "RmsNorm",
    "Rnn",
    "RnnCell",
    "Rope",
    "SelectiveStateSpace",
    "Selu",
    "SeparableConvolution",
    "Sigmoid",
    "Silu",
    "SmoothedCrossEntropy",
    "Softmax",
    "SoftmaxCrossEntropy",
    "SoftmaxRegression",
    "Softplus",
    "Softsign",
    "Sparsemax",
    "SpectralNorm",
    "SwiGlu",
    "Tanh",
    "TemperatureSoftmax",
    "TensorTrain",
    "TopExperts",
    "TransposedConvolution",
    "TripletLoss",
    "Tucker",
    "Unembedding",
    "VariationalAutoencoder",
    "VariationalBottleneck",
    "WeightNorm",
    "WindowAttention",
    "activation",
    "as_layer",
    "chain",
    "compose",
]

fetched(
    __name__,
    {
        "tensorprop.layers.activation": (
            "Elu Gelu GeluTanh LeakyRelu LogSigmoid Mish Relu Selu Sigmoid Silu Softplus Softsign Tanh activation"
        ),
        "tensorprop.layers.attention": (
            "AdditiveAttention AlibiAttention Attention CausalAttention CausalMultiHeadAttention CrossAttention "
            "GroupedQueryAttention LinearAttention MaskedAttention MultiHeadAttention MultiQueryAttention Rope "
            "WindowAttention"
        ),
        "tensorprop.layers.chain": "chain",
        "tensorprop.layers.compose": "compose",
        "tensorprop.layers.factored": "CanonicalPolyadic TensorTrain Tucker",
        "tensorprop.layers.gated": "GeGlu Glu Maxout MixtureOfExperts PRelu SwiGlu TopExperts",
        "tensorprop.layers.layer": "Layer as_layer",
        "tensorprop.layers.likelihood": (
            "BinaryCrossEntropy FocalLoss GaussianNegativeLogLikelihood LogitCrossEntropy PoissonLoss "
            "SmoothedCrossEntropy"
        ),
        "tensorprop.layers.linear": "Bilinear Dense Embedding Film Lora LowRank OneHot Unembedding",
        "tensorprop.layers.loss": (
            "CrossEntropy Huber KullbackLeibler LabelCrossEntropy MeanSquaredError SoftmaxCrossEntropy"
        ),
        "tensorprop.layers.margin": (
            "CosineLoss Hinge InfoNce LogCosh MeanAbsoluteError PreferenceLoss QuantileLoss TripletLoss"
        ),
        "tensorprop.layers.model": (
            "AffineCoupling Autoencoder DiffusionLoss FactorisationMachine GaussianMixture GaussianProcess "
            "GraphAttention GraphConvolution LogisticRegression MatrixFactorisation RidgeRegression SoftmaxRegression "
            "VariationalAutoencoder VariationalBottleneck"
        ),
        "tensorprop.layers.norm": (
            "BatchNorm BatchNormInference BatchNormRunning Dropout GroupNorm InstanceNorm LayerNorm RmsNorm "
            "SpectralNorm WeightNorm"
        ),
        "tensorprop.layers.process": "ConnectionistLoss HiddenMarkovModel KalmanFilter NeuralOde",
        "tensorprop.layers.recurrent": "GruCell LstmCell RnnCell",
        "tensorprop.layers.sequence": (
            "CausalLinearAttention Gru LinearRecurrence Lstm Retention Rnn SelectiveStateSpace"
        ),
        "tensorprop.layers.softmax": "GumbelSoftmax LogSoftmax Softmax Sparsemax TemperatureSoftmax",
        "tensorprop.layers.window": (
            "AveragePool AveragePool2d Convolution1d Convolution2d Convolution3d DepthwiseConvolution "
            "GlobalAveragePool MaxPool MaxPool2d SeparableConvolution TransposedConvolution"
        ),
    },
)
