"""Convolution and pooling: one small map, or one small question, for every window of an image.

Names, argument order and shapes are PyTorch's.  Pooling differs in one point: entries that tie for the largest share
the gradient equally (the policy of max), where PyTorch gives all of it to the first.

Sources: Dumoulin & Visin, A guide to convolution arithmetic for deep learning (2016), for the sizes;
Chellapilla, Puri & Simard (2006) for convolution as one matrix product ("im2col").
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ops import conv as c
from ..ops import reduce
from ..ops import shape as s
from .arguments import as_given

__all__ = ["avg_pool1d", "avg_pool2d", "conv1d", "conv2d", "max_pool1d", "max_pool2d"]

Pair = tuple[int, int]
Sizes = int | tuple[int, ...]


# ---- convolution -----------------------------------------------------------------------------------------


def conv2d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """z[n, o, a, b] = bias[o] + sum over c, i, j of weight[o, c, i, j] x[n, c, s a + d i - p, s b + d j - p].

    x (N, C_in, H, W), weight (C_out, C_in/groups, kh, kw), bias (C_out,) -> z (N, C_out, H', W'),
    H' = (H + 2p - d (kh - 1) - 1) // s + 1; without the batch axis N, one image.

    stride    s, how far apart the windows are: a number, or one down and one across
    padding   p, zeros around the image: a number, a pair, or "valid" (none) or "same" (H' = H; stride 1 only)
    dilation  d, how far apart the entries of a window are
    groups    output channels in g groups, each of which sees its own g-th part of the input channels

    The windows become the columns of a matrix, w the other one: a matrix product for each row of the output.
    """
    return _convolution("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv1d(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """z[n, o, a] = bias[o] + sum over c, i of weight[o, c, i] x[n, c, s a + d i - p].

    x (N, C_in, L), weight (C_out, C_in/groups, k), bias (C_out,) -> z (N, C_out, L'); see conv2d.
    """
    return _convolution("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def _convolution(
    name: str,
    dims: int,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Sizes,
    padding: Sizes | str,
    dilation: Sizes,
    groups: int,
) -> Any:
    x, weight, bias = as_given(x), as_given(weight), bias if bias is None else as_given(bias)
    groups = operator.index(groups)
    _check_channels(name, dims, x, weight, bias, groups)
    kernel, stride, dilation = _sizes(name, weight.shape[2:], dims, stride, dilation)
    if padding == "same" and stride != (1, 1):
        raise ShapeError(f"{name} with padding='same' needs stride 1, for a larger one has fewer outputs: got {stride}")
    pads = _pads(name, dims, padding, kernel, dilation)
    image, single = _rows_first(x, dims)
    _check_fit(name, dims, image, kernel, dilation, pads)

    if dims == 1:
        weight = s.reshape(weight, shape=(*weight.shape[:2], *kernel))
    z = c.conv(_zero_padded(image, pads), weight, stride=stride, dilation=dilation, groups=groups)
    z = _batch_first(z, dims, single)
    return z if bias is None else z + s.reshape(bias, shape=(*bias.shape, *(1,) * dims))


# ---- pooling ---------------------------------------------------------------------------------------------


def max_pool2d(x: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1) -> Any:
    """The largest entry of each window; entries that tie share the gradient equally.

    x (N, C, H, W) or (C, H, W); stride None: windows side by side.  The padding never is the largest.
    """
    return _max_pool("max_pool2d", 2, x, kernel_size, stride, padding, dilation)


def max_pool1d(x: Any, kernel_size: Sizes, stride: Sizes | None = None, padding: Sizes = 0, dilation: Sizes = 1) -> Any:
    """The largest entry of each window of x (N, C, L) or (C, L); see max_pool2d."""
    return _max_pool("max_pool1d", 1, x, kernel_size, stride, padding, dilation)


def avg_pool2d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    *,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window.

    x (N, C, H, W) or (C, H, W); stride None: windows side by side.
    count_include_pad  does the padding count as zeros?  False: the mean of the entries that are in the image
    """
    return _avg_pool("avg_pool2d", 2, x, kernel_size, stride, padding, count_include_pad)


def avg_pool1d(
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None = None,
    padding: Sizes = 0,
    *,
    count_include_pad: bool = True,
) -> Any:
    """The mean of each window of x (N, C, L) or (C, L); see avg_pool2d."""
    return _avg_pool("avg_pool1d", 1, x, kernel_size, stride, padding, count_include_pad)


def _max_pool(
    name: str, dims: int, x: Any, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes
) -> Any:
    image, single, kernel, stride, dilation, pads = _pooling(name, dims, x, kernel_size, stride, padding, dilation)
    y = c.max_pool(image, size=kernel, stride=stride, dilation=dilation, pad=pads)
    return _batch_first(y, dims, single)


def _avg_pool(
    name: str,
    dims: int,
    x: Any,
    kernel_size: Sizes,
    stride: Sizes | None,
    padding: Sizes,
    count_include_pad: bool,
) -> Any:
    image, single, kernel, stride, dilation, pads = _pooling(name, dims, x, kernel_size, stride, padding, 1)

    def sums(image: Any) -> Any:
        columns = c.windows(_zero_padded(image, pads), size=kernel, stride=stride, dilation=dilation)
        return reduce.sum(columns, axis=(2, 3), keepdims=False)

    count: Any = math.prod(kernel)
    if not count_include_pad:
        count = sums(np.ones((image.shape[0], 1, image.shape[2], 1), image.dtype))
    return _batch_first(sums(image) / count, dims, single)


def _pooling(
    name: str, dims: int, x: Any, kernel_size: Sizes, stride: Sizes | None, padding: Sizes, dilation: Sizes
) -> tuple[Any, bool, Pair, Pair, Pair, tuple[Pair, Pair]]:
    """What all poolings do with their arguments."""
    x = as_given(x)
    if len(x.shape) not in (dims + 1, dims + 2):
        raise ShapeError(f"{name} needs x {_shape_of_x(dims, 'C')}: got x {x.shape}.  {_hint(dims, len(x.shape))}")
    kernel, steps, dilation = _sizes(name, kernel_size, dims, kernel_size if stride is None else stride, dilation)
    pads = _pads(name, dims, padding, kernel, dilation)
    if any(2 * p > k for (p, _), k in zip(pads, kernel, strict=True)):
        raise ShapeError(
            f"{name}: padding {padding} is more than half of the kernel {kernel_size}: some windows would hold "
            f"padding alone.  Use {min(kernel[-dims:]) // 2} at the most"
        )
    image, single = _rows_first(x, dims)
    _check_fit(name, dims, image, kernel, dilation, pads)
    return image, single, kernel, steps, dilation, pads


# ---- the layout: (N, C, H, W) outside, (H, C, W, N) inside -----------------------------------------------


def _rows_first(x: Any, dims: int) -> tuple[Any, bool]:
    """(N, C, H, W) -> (H, C, W, N); a signal (N, C, L) is an image of one row; a single image is a batch of one."""
    single = len(x.shape) == dims + 1
    if single or dims == 1:
        batch = (1, *x.shape) if single else x.shape
        x = s.reshape(x, shape=batch if dims == 2 else (*batch[:2], 1, batch[2]))
    return s.transpose(x, axes=(2, 1, 3, 0)), single


def _batch_first(z: Any, dims: int, single: bool) -> Any:
    """(H, C, W, N) -> (N, C, H, W), or as the input was given."""
    z = s.transpose(z, axes=(3, 1, 0, 2))
    if single or dims == 1:
        n, channels, h, w = z.shape
        z = s.reshape(z, shape=(*(() if single else (n,)), channels, *((h, w) if dims == 2 else (w,))))
    return z


def _zero_padded(x: Any, pads: tuple[Pair, Pair]) -> Any:
    """x (H, C, W, N) with zeros around it."""
    if not any(map(any, pads)):
        return x
    h, channels, w, n = x.shape
    (top, bottom), (left, right) = pads
    inside = (slice(top, top + h), slice(None), slice(left, left + w))
    return s.scatter_add(x, key=inside, shape=(h + top + bottom, channels, w + left + right, n))


# ---- what people may write -------------------------------------------------------------------------------


def _pair(name: str, what: str, value: Any, dims: int, least: int) -> Pair:
    """One number for all directions, or one for each; a signal has one row, whose size is `least` or 1."""
    given = value if isinstance(value, (tuple, list)) else (value,) * dims
    try:
        numbers = tuple(operator.index(n) for n in given)
    except TypeError:
        raise DtypeError(f"{name}: {what} is made of integers: got {value!r}") from None
    if len(numbers) != dims or any(n < least for n in numbers):
        raise ShapeError(f"{name}: {what} is a number, or {dims} of them, from {least} upwards: got {value!r}")
    return numbers if len(numbers) == 2 else (least, numbers[0])


def _sizes(name: str, kernel: Any, dims: int, stride: Any, dilation: Any) -> tuple[Pair, Pair, Pair]:
    return (
        _pair(name, "the kernel's size", kernel, dims, 1),
        _pair(name, "stride", stride, dims, 1),
        _pair(name, "dilation", dilation, dims, 1),
    )


def _pads(name: str, dims: int, padding: Any, kernel: Pair, dilation: Pair) -> tuple[Pair, Pair]:
    """((top, bottom), (left, right)).  "same" puts what is left over at the end."""
    if isinstance(padding, str):
        words = () if "pool" in name else ("same", "valid")
        if padding not in words:
            choice = ", or 'same' or 'valid'" if words else ""
            raise ShapeError(f"{name}: padding is a number or {dims} of them{choice}: got {padding!r}")
        lost = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
        down, across = ((n // 2, n - n // 2) for n in lost)
    else:
        down, across = ((p, p) for p in _pair(name, "padding", padding, dims, 0))
    return down, across


def _shape_of_x(dims: int, channels: str) -> str:
    sides = "H, W" if dims == 2 else "L"
    return f"(N, {channels}, {sides}) or ({channels}, {sides})"


def _hint(dims: int, given: int) -> str:
    """How a missing axis is written."""
    if dims == 2 and given == 2:
        return "An image has a channel too: x.reshape(1, *x.shape); rows of pixels are x.reshape(-1, 1, 28, 28)"
    if given == dims:
        return "One channel is an axis too: x.reshape(1, 1, -1)"
    return f"For {'images' if given > 3 else 'signals'} use the function that ends in {given - 2}d" if given > 2 else ""


def _check_channels(name: str, dims: int, x: Any, weight: Any, bias: Any, groups: int) -> None:
    """Raise what is wrong with the shapes, apart from the sizes of image and kernel."""
    kernel = "kh, kw" if dims == 2 else "k"
    wanted = f"x {_shape_of_x(dims, 'C_in')}, weight (C_out, C_in/groups, {kernel})"
    if len(x.shape) not in (dims + 1, dims + 2):
        raise ShapeError(f"{name} needs {wanted}: got x {x.shape}.  {_hint(dims, len(x.shape))}")
    if len(weight.shape) != dims + 2:
        raise ShapeError(f"{name} needs {wanted}: got weight {weight.shape}")
    channels, outputs = x.shape[-dims - 1], weight.shape[0]
    if groups < 1 or channels % groups or outputs % groups:
        raise ShapeError(
            f"{name}: groups={groups} does not divide both the {channels} channels of x and the {outputs} of "
            f"the output.  Use a common divisor of them, such as {math.gcd(channels, outputs)}"
        )
    if weight.shape[1] != channels // groups:
        each = f"{channels} / {groups} = {channels // groups}" if groups > 1 else str(channels)
        swapped = len(x.shape) == dims + 2 and groups == 1 and x.shape[-1] == weight.shape[1]
        hint = f"  Channels come first: x.transpose({'0, 3, 1, 2' if dims == 2 else '0, 2, 1'})" if swapped else ""
        raise ShapeError(
            f"{name}: x {x.shape} has {channels} channels, so weight needs {each} in its second axis: "
            f"got weight {weight.shape}.{hint}"
        )
    if bias is not None and bias.shape != (outputs,):
        raise ShapeError(
            f"{name} needs one bias for each of the {outputs} output channels, ({outputs},): got {bias.shape}"
        )


def _check_fit(name: str, dims: int, image: Any, kernel: Pair, dilation: Pair, pads: tuple[Pair, Pair]) -> None:
    """Raise if a window is larger than the padded image (H, C, W, N)."""
    sides = zip((image.shape[0], image.shape[2]), kernel, dilation, pads, strict=True)
    spans = [(n, d * (k - 1) + 1, n + sum(p)) for n, k, d, p in sides][-dims:]
    if any(span > room for _, span, room in spans):
        texts = [" x ".join(str(numbers[i]) for numbers in spans) for i in range(3)]
        raise ShapeError(
            f"{name}: a window of {texts[1]} (kernel and dilation) does not fit into x, {texts[0]}, "
            f"or {texts[2]} with its padding.  Use a smaller kernel or more padding"
        )
