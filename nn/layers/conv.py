"""Convolution and pooling: neurons that each see one window of an image, and share their weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ShapeError, Tensor, avg_pool1d, avg_pool2d, conv1d, conv2d, max_pool1d, max_pool2d

from ..init import Seed, first_values
from ..module import as_tensor
from .base import First, Layer, follow, layer_of, name_parameters, sizes, whole

__all__ = ["AvgPool1d", "AvgPool2d", "Conv1d", "Conv2d", "Flatten", "MaxPool1d", "MaxPool2d", "Unflatten"]

Sizes = int | tuple[int, ...]


class _Conv(Layer):
    """What Conv1d and Conv2d share."""

    settings = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias")
    dims: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Sizes,
        stride: Sizes = 1,
        padding: Sizes | str = 0,
        dilation: Sizes = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        init: str | First = "uniform",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        me, dims = type(self).__name__, self.dims
        self.in_channels, self.out_channels = (
            whole(me, "in_channels", in_channels),
            whole(me, "out_channels", out_channels),
        )
        self.kernel_size = sizes(me, "kernel_size", kernel_size, dims)
        self.stride, self.dilation = sizes(me, "stride", stride, dims), sizes(me, "dilation", dilation, dims)
        self.padding = padding if padding in ("same", "valid") else sizes(me, "padding", padding, dims, 0)
        self.groups = whole(me, "groups", groups)
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ShapeError(
                f"{me}: groups={groups} does not divide both in_channels={in_channels} and "
                f"out_channels={out_channels}: take a common divisor, as {math.gcd(in_channels, out_channels)}"
            )
        if self.padding == "same" and self.stride not in (1, (1,) * dims):
            raise ShapeError(f"{me}: padding='same' needs stride 1, for a larger one has fewer outputs: got {stride}")
        window = self.kernel_size if isinstance(self.kernel_size, tuple) else (self.kernel_size,) * dims
        shape = (self.out_channels, self.in_channels // self.groups, *window)
        w, b = first_values(init, shape, bool(bias), rng)
        self.weight = Tensor(w, requires_grad=True, dtype=dtype)
        self.bias = None if b is None else Tensor(b, requires_grad=True, dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """The weighted input of every window."""
        x = as_tensor(x)
        convolution = conv1d if self.dims == 1 else conv2d
        z: Tensor = convolution(x, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups)
        return name_parameters(z, layer_of(x) + 1, self.weight, self.bias)


class Conv1d(_Conv):
    """z[n, o, a] = b[o] + sum over c, i of w[o, c, i] x[n, c, s a + d i - p].

    x (N, in_channels, L) or (in_channels, L) -> z (N, out_channels, L'),  L' = (L + 2p - d (k - 1) - 1) // s + 1
    weight (out_channels, in_channels / groups, k), bias (out_channels,); for the settings see Conv2d.
    """

    dims = 1


class Conv2d(_Conv):
    """z[n, o, a, b] = b[o] + sum over c, i, j of w[o, c, i, j] x[n, c, s a + d i - p, s b + d j - p].

    x (N, in_channels, H, W), or one image without N -> z (N, out_channels, H', W'),
    H' = (H + 2p - d (kh - 1) - 1) // s + 1, W' likewise.  (LeCun et al., 1989)
    weight (out_channels, in_channels / groups, kh, kw), bias (out_channels,)

    kernel_size  kh and kw: one number for both, or a pair; so too stride s, padding p and dilation d
    padding      zeros around the image, or "same" (H' = H; stride 1) or "valid" (none)
    groups       output channels in groups, each of which sees its own part of the input channels
    init, rng    as in Linear; a neuron has kh · kw · in_channels / groups inputs
    """

    dims = 2


# ---- pooling ---------------------------------------------------------------------------------------------


class _MaxPool(Layer):
    settings = ("kernel_size", "stride", "padding", "dilation")
    dims: int

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1
    ) -> None:
        me, dims = type(self).__name__, self.dims
        self.kernel_size = sizes(me, "kernel_size", kernel_size, dims)
        self.stride = self.kernel_size if stride is None else sizes(me, "stride", stride, dims)
        self.padding, self.dilation = sizes(me, "padding", padding, dims, 0), sizes(me, "dilation", dilation, dims)

    def forward(self, x: Any) -> Tensor:
        """The largest of every window."""
        x = as_tensor(x)
        pool = max_pool1d if self.dims == 1 else max_pool2d
        return follow(pool(x, self.kernel_size, self.stride, self.padding, self.dilation), x, "p")


class MaxPool1d(_MaxPool):
    """y[n, c, a] = max over i of x[n, c, s a + d i - p]:  (N, C, L) -> (N, C, L'); see MaxPool2d."""

    dims = 1


class MaxPool2d(_MaxPool):
    """y[n, c, a, b] = max over i, j of x[n, c, s a + d i - p, s b + d j - p]:  (N, C, H, W) -> (N, C, H', W').

    stride None: windows side by side.  The padding never is the largest; entries that tie share the gradient.
    """

    dims = 2


class _AvgPool(Layer):
    settings = ("kernel_size", "stride", "padding", "count_include_pad")
    dims: int

    def __init__(
        self, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, *, count_include_pad: bool = True
    ) -> None:
        me, dims = type(self).__name__, self.dims
        self.kernel_size = sizes(me, "kernel_size", kernel_size, dims)
        self.stride = self.kernel_size if stride is None else sizes(me, "stride", stride, dims)
        self.padding, self.count_include_pad = sizes(me, "padding", padding, dims, 0), bool(count_include_pad)

    def forward(self, x: Any) -> Tensor:
        """The mean of every window."""
        x = as_tensor(x)
        pool = avg_pool1d if self.dims == 1 else avg_pool2d
        y = pool(x, self.kernel_size, self.stride, self.padding, count_include_pad=self.count_include_pad)
        return follow(y, x, "p")


class AvgPool1d(_AvgPool):
    """y[n, c, a] = mean over i of x[n, c, s a + i - p]:  (N, C, L) -> (N, C, L'); see AvgPool2d."""

    dims = 1


class AvgPool2d(_AvgPool):
    """y[n, c, a, b] = mean over i, j of x[n, c, s a + i - p, s b + j - p]:  (N, C, H, W) -> (N, C, H', W').

    stride None: windows side by side.
    count_include_pad  does the padding count as zeros?  False: the mean of the entries that are in the image
    """

    dims = 2


class Flatten(Layer):
    """Many axes become one:  (N, C, H, W) -> (N, C H W), from axis start_dim to axis end_dim."""

    settings = ("start_dim", "end_dim")

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = whole("Flatten", "start_dim", start_dim, -64)
        self.end_dim = whole("Flatten", "end_dim", end_dim, -64)

    def forward(self, x: Any) -> Tensor:
        """The same numbers in the same order."""
        x = as_tensor(x)
        n = x.ndim
        first, last = (k + n if k < 0 else k for k in (self.start_dim, self.end_dim))
        if not 0 <= first <= last < n:
            raise ShapeError(
                f"Flatten joins the axes {self.start_dim} to {self.end_dim}, and x {x.shape} has {n}: "
                f"one example of a batch is x[None]"
            )
        if first == last:
            return x
        return follow(x.reshape(*x.shape[:first], math.prod(x.shape[first : last + 1]), *x.shape[last + 1 :]), x, "f")


class Unflatten(Layer):
    """One axis becomes many:  (N, C H W) -> (N, C, H, W) is Unflatten(1, (C, H, W)), for rows of pixels.

    One of the sizes may be -1: what is left for it.
    """

    settings = ("dim", "unflattened_size")

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        self.dim = whole("Unflatten", "dim", dim, -64)
        self.unflattened_size = tuple(whole("Unflatten", "unflattened_size", n, -1) for n in unflattened_size)
        if self.unflattened_size.count(-1) > 1 or not self.unflattened_size:
            raise ShapeError(f"Unflatten needs sizes, of which one at most is -1: got {self.unflattened_size}")

    def forward(self, x: Any) -> Tensor:
        """The same numbers in the same order."""
        x = as_tensor(x)
        axis = self.dim + x.ndim if self.dim < 0 else self.dim
        known = abs(math.prod(self.unflattened_size))
        fits = 0 <= axis < x.ndim and known and x.shape[axis] % known == 0
        if not fits or (-1 not in self.unflattened_size and x.shape[axis] != known):
            raise ShapeError(f"{self!r} needs x with {known} numbers along axis {self.dim}: got x {x.shape}")
        return follow(x.reshape(*x.shape[:axis], *self.unflattened_size, *x.shape[axis + 1 :]), x, "f")
