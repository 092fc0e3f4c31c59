"""Activation functions: what a neuron does with its weighted input."""

from __future__ import annotations

from typing import Any, Literal

from tinygrad_edu import (
    Tensor,
    elu,
    gelu,
    leaky_relu,
    log_softmax,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    tanh,
    where,
)

from ..module import as_tensor
from .base import Activation, fraction, whole

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "Activation",
    "Identity",
    "LeakyReLU",
    "LogSoftmax",
    "ReLU",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
]


class Sigmoid(Activation):
    """a = sigma(z) = 1 / (1 + e^-z), with sigma' = a (1 - a)."""

    function = sigmoid


class Tanh(Activation):
    """a = tanh z, with derivative 1 - a^2."""

    function = tanh


class ReLU(Activation):
    """a = max(z, 0), with derivative 0 at z = 0.  (Nair and Hinton, 2010)"""

    function = relu


class LeakyReLU(Activation):
    """a = z where z > 0, negative_slope · z elsewhere, so that no neuron is dead.  (Maas et al., 2013)"""

    settings = ("negative_slope",)

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = fraction("LeakyReLU", "negative_slope", negative_slope)

    def activity(self, z: Tensor) -> Tensor:
        """max(z, 0) + negative_slope min(z, 0)"""
        a: Tensor = leaky_relu(z, self.negative_slope)
        return a


class ELU(Activation):
    """a = z where z > 0, alpha (e^z - 1) elsewhere: the mean activity is closer to 0.  (Clevert et al., 2015)"""

    settings = ("alpha",)

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = fraction("ELU", "alpha", alpha)

    def activity(self, z: Tensor) -> Tensor:
        """z, or alpha (e^z - 1)"""
        a: Tensor = elu(z, self.alpha)
        return a


class GELU(Activation):
    """a = z Φ(z), with Φ(z) how much of the normal distribution is below z.  (Hendrycks and Gimpel, 2016)

    approximate  "none", or "tanh": to 0.0005, which is faster in use, and no slower or faster in training
    """

    settings = ("approximate",)

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ValueError(f'GELU is approximate="none" (exact) or approximate="tanh": got {approximate!r:.60}')
        self.approximate = approximate

    def activity(self, z: Tensor) -> Tensor:
        """z Φ(z)"""
        a: Tensor = gelu(z, self.approximate)
        return a


class SiLU(Activation):
    """a = z sigma(z), also called swish.  (Elfwing et al., 2017)"""

    function = staticmethod(silu)


class Softplus(Activation):
    """a = log(1 + e^(beta z)) / beta, a ReLU without the kink; its slope is sigma(beta z).  (Dugas et al., 2001)

    threshold  where beta z is above it, a = z, as in PyTorch: to 1e-9 nothing changes
    """

    settings = ("beta", "threshold")

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta, self.threshold = fraction("Softplus", "beta", beta), fraction("Softplus", "threshold", threshold)
        if self.beta == 0:
            raise ValueError("Softplus divides by beta: beta=0 is not possible")

    def activity(self, z: Tensor) -> Tensor:
        """log(1 + e^(beta z)) / beta, and z where that is the same"""
        a: Tensor = where(z * self.beta > self.threshold, z, softplus(z * self.beta) / self.beta)
        return a


class Softmax(Activation):
    """a_i = e^(z_i) / sum_k e^(z_k) along the axis dim: positive numbers that sum to 1.

    (…) -> (…).  A cost that takes logits, as CrossEntropyLoss, has it inside already.
    """

    settings = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = whole("Softmax", "dim", dim, -64)

    def activity(self, z: Tensor) -> Tensor:
        """e^z / sum e^z"""
        a: Tensor = softmax(z, axis=self.dim)
        return a


class LogSoftmax(Activation):
    """a_i = log softmax(z)_i = z_i - log sum_k e^(z_k) along the axis dim, without overflow; for NLLLoss."""

    settings = ("dim",)

    def __init__(self, dim: int = -1) -> None:
        self.dim = whole("LogSoftmax", "dim", dim, -64)

    def activity(self, z: Tensor) -> Tensor:
        """z - log sum e^z"""
        a: Tensor = log_softmax(z, axis=self.dim)
        return a


class Identity(Activation):
    """a = z: the same Tensor, to stand where a layer may be left out."""

    def forward(self, z: Any) -> Tensor:
        """z itself."""
        return as_tensor(z)


ACTIVATIONS: dict[str, type[Activation]] = {
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
}
"""The activations of neurons that do not look at each other, by the names that MLP takes."""
