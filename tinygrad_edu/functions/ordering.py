"""Entries in order, and their places: places are integers, which have no gradient."""

from __future__ import annotations

import math
import operator
from typing import Any, Literal

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ops import elementwise as e
from ..ops import reduce
from .arguments import Axis, as_given
from .indexing import take_along_axis
from .joining import stack
from .reductions import filled, line_of
from .shapes import reshape, transpose

__all__ = ["argmax", "argmin", "argsort", "median", "percentile", "quantile", "searchsorted", "sort", "topk"]


def argmax(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the largest entry along an axis, or in the flattened array; the first one in a tie."""
    return _place(reduce.argmax, x, axis, keepdims)


def argmin(x: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The place of the smallest entry along an axis, or in the flattened array; the first one in a tie."""
    return _place(reduce.argmin, x, axis, keepdims)


def _place(op: Any, x: Any, axis: int | None, keepdims: bool) -> Any:
    x = as_given(x)
    axes = filled(x, axis if axis is None else operator.index(axis), op.name)
    return op(x, axis=None if axis is None else axes[0], keepdims=bool(keepdims))


def argsort(x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True, kind: Any = None) -> Any:
    """The places that bring the entries in rising order; ties keep their order, NaN comes last.

    descending=True: falling order, NaN first.  The order is always a stable one, whatever `stable` and `kind` ask for.
    """
    x, axis = line_of(x, axis)
    return reduce.argsort(x, axis=axis, descending=bool(descending))


def sort(x: Any, axis: int | None = -1, *, descending: bool = False, stable: bool = True, kind: Any = None) -> Any:
    """The entries in rising order along an axis; each one's gradient goes back to the place it came from."""
    x, axis = line_of(x, axis)
    return take_along_axis(x, reduce.argsort(x, axis=axis, descending=bool(descending)), axis)


def topk(x: Any, k: int, axis: int = -1, largest: bool = True) -> tuple[Any, Any]:
    """The k largest entries along an axis, the largest first, and their places: (values, indices).

    largest=False: the k smallest, the smallest first.  In a tie the first place comes first.
    """
    x, axis = line_of(x, axis)
    k, n = operator.index(k), x.shape[axis]
    if not 0 <= k <= n:
        raise ShapeError(f"topk: there are {n} entries along axis {axis} of shape {x.shape}, so k is 0 … {n}: got {k}")
    order = reduce.argsort(x, axis=axis, descending=bool(largest))[(*[slice(None)] * axis, slice(0, k))]
    return take_along_axis(x, order, axis), order


def searchsorted(x: Any, v: Any, side: Literal["left", "right"] = "left") -> Any:
    """Before which entry of x, which is in rising order, each v belongs: left or right of those that equal it."""
    x = as_given(x)
    if len(x.shape) != 1:
        raise ShapeError(f"searchsorted needs one line of entries in rising order: x has shape {x.shape}")
    return reduce.searchsorted(x, as_given(v), side=side)


def quantile(x: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """What a share q of the entries is below: between two entries, on the straight line that joins them.

    q is one share or a list of them, which become the first axis.
    q = 0 is the smallest entry, 1/2 the median, 1 the largest.  The gradient goes to the (at most two) entries
    that it is made of; where there is a NaN, the answer is the last one, and so is the gradient.
    """
    if getattr(q, "requires_grad", False):
        raise DtypeError("quantile and percentile have no derivative in the share q: use q.detach()")
    if np.ndim(q) == 1:
        return stack([quantile(x, float(share), axis, keepdims) for share in q])
    if not 0 <= q <= 1:
        raise ShapeError(f"quantile needs one share q between 0 and 1: got {q}")
    x = as_given(x)
    axes = filled(x, axis, "quantile")
    kept = tuple(i for i in range(len(x.shape)) if i not in axes)
    n = math.prod(x.shape[i] for i in axes)
    lines = reshape(transpose(x, (*kept, *axes)), (*(x.shape[i] for i in kept), n))
    order = reduce.argsort(lines, axis=len(kept), descending=False)
    low = math.floor(q * (n - 1))
    part = float(q * (n - 1) - low)
    y = _entry(lines, order, low)
    if part:
        y = y * (1 - part) + _entry(lines, order, low + 1) * part
    last = _entry(lines, order, n - 1)
    y = e.where(e.isnan(last), last, y)  # NaN is the last in order
    return reshape(y, tuple(1 if i in axes else m for i, m in enumerate(x.shape))) if keepdims else y


def percentile(x: Any, q: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """What q per cent of the entries are below: quantile(x, q / 100)."""
    return quantile(x, np.divide(q, 100), axis, keepdims)


def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle entry in order; the mean of the two middle ones if their number is even."""
    return quantile(x, 0.5, axis, keepdims)


def _entry(lines: Any, order: Any, i: int) -> Any:
    """The i-th entry in order of each line: (…, n) -> (…)"""
    return take_along_axis(lines, order[..., i : i + 1], len(lines.shape) - 1)[..., 0]
