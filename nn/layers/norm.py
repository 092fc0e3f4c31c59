"""Normalization: activities with mean 0 and variance 1, then a scale and a shift that are learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ShapeError, Tensor, no_grad, sqrt

from ..module import as_tensor
from .base import First, Layer, follow, fraction, whole

__all__ = ["BatchNorm1d", "BatchNorm2d", "LayerNorm"]


def _ones_and_zeros(name: str, shape: tuple[int, ...]) -> Any:
    """Scales and variances start at 1, shifts and means and the number of batches at 0."""
    if name == "num_batches_tracked":
        return np.zeros(shape, np.int64)
    return np.ones(shape) if name in ("weight", "running_var") else np.zeros(shape)


class _BatchNorm(Layer):
    """What BatchNorm1d and BatchNorm2d share."""

    settings = ("num_features", "eps", "momentum", "affine", "track_running_stats")
    shapes: ClassVar[dict[int, str]]  # by the number of axes

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        init: First | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        me, first = type(self).__name__, init or _ones_and_zeros
        self.num_features, self.eps = whole(me, "num_features", num_features), fraction(me, "eps", eps, 0)
        self.momentum = None if momentum is None else fraction(me, "momentum", momentum, 0, 1)
        self.affine, self.track_running_stats = bool(affine), bool(track_running_stats)
        shape = (self.num_features,)
        self.weight = self.bias = self.running_mean = self.running_var = self.num_batches_tracked = None
        if self.affine:
            self.weight = Tensor(first("weight", shape), requires_grad=True, dtype=dtype)
            self.bias = Tensor(first("bias", shape), requires_grad=True, dtype=dtype)
        if self.track_running_stats:
            self.running_mean = Tensor(first("running_mean", shape), dtype=dtype)
            self.running_var = Tensor(first("running_var", shape), dtype=dtype)
            self.num_batches_tracked = Tensor(first("num_batches_tracked", ()), dtype=np.int64)

    def forward(self, x: Any) -> Tensor:
        """The normalized activities."""
        x = as_tensor(x)
        if x.ndim not in self.shapes or x.shape[1] != self.num_features:
            wanted = " or ".join(s.replace("C", str(self.num_features)) for s in self.shapes.values())
            raise ShapeError(f"{self!r} needs x {wanted}: got x {x.shape}")
        axes = (0, *range(2, x.ndim))  # all but the channels
        channels = (1, -1, *(1,) * (x.ndim - 2))  # one number for each channel, as it broadcasts
        if self.training or self.running_mean is None or self.running_var is None:
            n = x.size // self.num_features
            if self.training and n < 2:
                raise ShapeError(
                    f"{type(self).__name__} in training needs more than one number for each channel, for its "
                    f"variance: got x {x.shape}.  Take a larger mini-batch, or net.eval() to use the network"
                )
            mean = x.mean(axis=axes, keepdims=True)
            centred = x - mean
            var = (centred * centred).mean(axis=axes, keepdims=True)
            if self.training:
                self._remember(mean, var, n)
        else:
            centred = x - self.running_mean.reshape(channels)
            var = self.running_var.reshape(channels)
        y = centred / sqrt(var + self.eps)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.reshape(channels) + self.bias.reshape(channels)
        return follow(y, x, "n")

    def _remember(self, mean: Tensor, var: Tensor, n: int) -> None:
        """running <- (1 - momentum) running + momentum (of this batch); the variance with n - 1 instead of n."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        with no_grad():
            seen = self.num_batches_tracked + 1
            share = 1 / seen if self.momentum is None else self.momentum  # None: the mean over all batches so far
            for running, batch in ((self.running_mean, mean), (self.running_var, var * (n / (n - 1)))):
                running.assign((1 - share) * running + share * batch.reshape(-1))
            self.num_batches_tracked.assign(seen)


class BatchNorm1d(_BatchNorm):
    """y = γ (x - mean) / sqrt(var + eps) + β, mean and variance of each channel over the mini-batch.

    x (N, C) or (N, C, L) -> the same; C is num_features.  (Ioffe and Szegedy, 2015)
    weight γ (C,), bias β (C,); running_mean, running_var (C,) are used in eval, and updated in training:
    running <- (1 - momentum) running + momentum (of the batch), with the unbiased variance;
    momentum=None: their mean over all batches.  A mini-batch of one number a channel has no variance: ShapeError.
    """

    shapes: ClassVar = {2: "(N, C)", 3: "(N, C, L)"}


class BatchNorm2d(_BatchNorm):
    """y = γ (x - mean) / sqrt(var + eps) + β, mean and variance of each channel over mini-batch and image.

    x (N, C, H, W) -> the same; C is num_features; see BatchNorm1d.
    """

    shapes: ClassVar = {4: "(N, C, H, W)"}


class LayerNorm(Layer):
    """y = γ (x - mean) / sqrt(var + eps) + β, mean and variance of each example over its last axes.

    x (…, *normalized_shape) -> the same; weight γ, bias β: normalized_shape.  (Ba, Kiros and Hinton, 2016)
    """

    settings = ("normalized_shape", "eps", "elementwise_affine", "bias")

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        *,
        init: First | None = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        shape = normalized_shape if isinstance(normalized_shape, (tuple, list)) else (normalized_shape,)
        self.normalized_shape = tuple(whole("LayerNorm", "normalized_shape", n) for n in shape)
        if not shape:
            raise ShapeError("LayerNorm: normalized_shape needs one axis or more: got ()")
        self.eps, self.elementwise_affine = fraction("LayerNorm", "eps", eps, 0), bool(elementwise_affine)
        self.weight = self.bias = None
        first = init or _ones_and_zeros
        if self.elementwise_affine:
            self.weight = Tensor(first("weight", self.normalized_shape), requires_grad=True, dtype=dtype)
            if bias:
                self.bias = Tensor(first("bias", self.normalized_shape), requires_grad=True, dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """The normalized activities."""
        x = as_tensor(x)
        k = len(self.normalized_shape)
        if x.shape[-k:] != self.normalized_shape:
            raise ShapeError(f"{self!r} needs x whose last axes are {self.normalized_shape}: got x {x.shape}")
        axes = tuple(range(-k, 0))
        centred = x - x.mean(axis=axes, keepdims=True)
        y = centred / sqrt((centred * centred).mean(axis=axes, keepdims=True) + self.eps)
        if self.weight is not None:
            y = y * self.weight
        if self.bias is not None:
            y = y + self.bias
        return follow(y, x, "n")
