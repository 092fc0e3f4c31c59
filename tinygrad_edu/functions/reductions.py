"""Many entries become one, along axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops import elementwise as e
from ..ops import reduce
from .arguments import Axis, as_given, axes_of

__all__ = ["log_softmax", "logsumexp", "max", "mean", "min", "softmax", "sum", "sum_to"]


def _filled(x: Any, axis: Axis, name: str) -> tuple[int, ...]:
    """The axes, for an op that needs one entry at least along them."""
    axes = axes_of(axis, len(x.shape))
    if 0 in (x.shape[k] for k in axes):
        raise ShapeError(f"{name} of no entries does not exist: x has shape {x.shape}, axis is {axis}")
    return axes


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over the given axes, or over all."""
    x = as_given(x)
    return reduce.sum(x, axis=axes_of(axis, len(x.shape)), keepdims=bool(keepdims))


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum x over the axes that were added or stretched on the way from `shape`."""
    added = len(x.shape) - len(shape)
    if added:
        x = reduce.sum(x, axis=tuple(range(added)), keepdims=False)
    if x.shape == shape:
        return x
    stretched = tuple(i for i, (n, m) in enumerate(zip(shape, x.shape, strict=True)) if n != m)
    return reduce.sum(x, axis=stretched, keepdims=True)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean over the given axes, or over all: the sum, divided by how many there are."""
    x = as_given(x)
    if x.dtype == np.float16:  # a sum of half-precision numbers overflows early; their mean does not
        return e.astype(mean(e.astype(x, dtype=np.float32), axis, keepdims), dtype=np.float16)
    return sum(x, axis, keepdims) / math.prod(x.shape[k] for k in axes_of(axis, len(x.shape)))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest entry; entries that tie share the gradient equally."""
    x = as_given(x)
    return reduce.max(x, axis=_filled(x, axis, "max"), keepdims=bool(keepdims))


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest entry; entries that tie share the gradient equally."""
    x = as_given(x)
    return reduce.min(x, axis=_filled(x, axis, "min"), keepdims=bool(keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log sum e^x, without overflow."""
    x = as_given(x)
    return reduce.logsumexp(x, axis=_filled(x, axis, "logsumexp"), keepdims=bool(keepdims))


def softmax(x: Any, axis: Axis = -1) -> Any:
    """e^x / sum e^x, without overflow: positive numbers that sum to 1 along the axis."""
    x = as_given(x)
    return reduce.softmax(x, axis=_filled(x, axis, "softmax"))


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """log softmax(x) = x - logsumexp(x), without overflow."""
    x = as_given(x)
    return reduce.log_softmax(x, axis=_filled(x, axis, "log_softmax"))
