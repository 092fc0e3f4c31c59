"""Functions composed from the rows, so there are no derivatives here.

Like the rows they take Tensors (and then record) or plain arrays (and then just compute).
They bring NumPy's conveniences: negative axes, keepdims=False, 1-d operands of a matrix product.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ShapeError
from .op import Traced
from .ops import elementwise as e
from .ops import linalg, reduce
from .ops import shape as s

Axis = int | tuple[int, ...] | None


# ---- shapes ------------------------------------------------------------------------------------------


def _as_array(x: Any) -> Any:
    """x itself if it knows its shape, else the array that NumPy makes of it."""
    return x if isinstance(x, (Traced, np.ndarray, np.generic)) else np.asarray(x)


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Positive, distinct axes; None means all of them."""
    if axis is None:
        return tuple(range(ndim))
    given = axis if isinstance(axis, tuple) else (axis,)
    axes = []
    for k in map(operator.index, given):
        if not -ndim <= k < ndim:
            raise ShapeError(f"axis {k} does not exist in an array with {ndim} axes: use {-ndim} … {ndim - 1}")
        axes.append(k % ndim)
    if len(set(axes)) != len(axes):
        raise ShapeError(f"axis {axis} names one axis twice")
    return tuple(axes)


def _shape(shape: Sequence[Any]) -> tuple[int, ...]:
    """(2, 3) from f(2, 3) as well as from f((2, 3))."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    return tuple(operator.index(n) for n in shape)


def reshape(x: Any, *shape: Any) -> Any:
    """The same entries in another shape; -1 stands for "what is left"."""
    x = _as_array(x)
    new = _shape(shape)
    known = math.prod(n for n in new if n >= 0)
    size = math.prod(x.shape)
    if new.count(-1) > 1 or any(n < -1 for n in new):
        raise ShapeError(f"reshape to {new}: one -1 at the most, and no other negative number")
    fits = (known > 0 and size % known == 0) if -1 in new else known == size
    if not fits:
        raise ShapeError(f"reshape: {x.shape} has {size} entries, which do not fill the shape {new}")
    return s.reshape(x, shape=tuple(size // known if n == -1 else n for n in new))


def transpose(x: Any, *axes: Any) -> Any:
    """Axes in the given order; without an order, reversed."""
    x = _as_array(x)
    n = len(x.shape)
    if not axes or axes == (None,):
        return s.transpose(x, axes=tuple(reversed(range(n))))
    order = _axes(_shape(axes), n)
    if len(order) != n:
        raise ShapeError(f"transpose: {len(order)} axes given for an array of shape {x.shape}: name each one once")
    return s.transpose(x, axes=order)


def broadcast_to(x: Any, *shape: Any) -> Any:
    """x repeated to a larger shape, by NumPy's broadcasting rules."""
    return s.broadcast_to(_as_array(x), shape=_shape(shape))


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum x over the axes that were added or stretched on the way from `shape`."""
    added = len(x.shape) - len(shape)
    stretched = tuple(added + i for i, n in enumerate(shape) if n == 1 != x.shape[added + i])
    if stretched:
        x = reduce.sum(x, axis=stretched, keepdims=True)
    return reduce.sum(x, axis=tuple(range(added)), keepdims=False) if added else x


def concatenate(xs: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays along an axis that they have."""
    parts = [_as_array(x) for x in xs]
    if not parts:
        raise ShapeError("concatenate needs at least one array, and got an empty list")
    (axis,) = _axes(axis, len(parts[0].shape))
    return s.concatenate(*parts, axis=axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    parts = [_as_array(x) for x in xs]
    if not parts:
        raise ShapeError("stack needs at least one array, and got an empty list")
    shape = parts[0].shape
    if any(x.shape != shape for x in parts):
        raise ShapeError(f"stack needs arrays of one shape, and got {', '.join(str(x.shape) for x in parts)}")
    (axis,) = _axes(axis, len(shape) + 1)
    longer = (*shape[:axis], 1, *shape[axis:])
    return s.concatenate(*(s.reshape(x, shape=longer) for x in parts), axis=axis)


# ---- reductions --------------------------------------------------------------------------------------


def _reduced(op: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Run a row of ops/reduce.py, which takes positive axes."""
    x = _as_array(x)
    axes = _axes(axis, len(x.shape))
    if op is not reduce.sum and 0 in (x.shape[k] for k in axes):
        raise ShapeError(f"{op.name} of no entries does not exist: x has shape {x.shape}, axis is {axis}")
    return op(x, axis=axes, keepdims=bool(keepdims))


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over the given axes, or over all."""
    return _reduced(reduce.sum, x, axis, keepdims)


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean over the given axes, or over all: the sum, divided by how many there are."""
    x = _as_array(x)
    total = sum(x, axis, keepdims)
    return total / math.prod(x.shape[k] for k in _axes(axis, len(x.shape)))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest entry; entries that tie share the gradient equally."""
    return _reduced(reduce.max, x, axis, keepdims)


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest entry; entries that tie share the gradient equally."""
    return _reduced(reduce.min, x, axis, keepdims)


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log sum e^x, without overflow."""
    return _reduced(reduce.logsumexp, x, axis, keepdims)


def softmax(x: Any, axis: Axis = -1) -> Any:
    """e^x / sum e^x, without overflow: positive numbers that sum to 1 along the axis."""
    return e.exp(log_softmax(x, axis))


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """log softmax(x) = x - logsumexp(x), without overflow."""
    x = _as_array(x)
    return x - logsumexp(x, axis, keepdims=True)


# ---- products ----------------------------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """Matrix product as in NumPy: vectors, matrices, and stacks of matrices that broadcast."""
    x, y = _as_array(x), _as_array(y)
    m, n = len(x.shape), len(y.shape)
    if m > 1 and n > 1:
        return linalg.matmul(x, y)
    if m == 0 or n == 0:
        raise ShapeError(f"matmul: x {x.shape} @ y {y.shape}: a single number has no rows; use x * y")
    if m == 1:
        x = s.reshape(x, shape=(1, *x.shape))  # a row
    if n == 1:
        y = s.reshape(y, shape=(*y.shape, 1))  # a column
    z = linalg.matmul(x, y)
    shape = list(z.shape)
    if n == 1:
        del shape[-1]
    if m == 1:
        del shape[-1 if n == 1 else -2]
    return s.reshape(z, shape=tuple(shape))


def linear(x: Any, w: Any, b: Any) -> Any:
    """The weighted input z_i = b_i + sum_j w_ij x_j:  (…, n_in), (n_out, n_in), (n_out,) -> (…, n_out)."""
    x, w, b = _as_array(x), _as_array(w), _as_array(b)
    given, matrix = x.shape, w.shape
    if len(matrix) != 2 or b.shape != matrix[:1] or not given or given[-1] != matrix[1]:
        raise ShapeError(
            f"linear needs x (…, n_in), w (n_out, n_in), b (n_out,): got x {given}, w {matrix}, b {b.shape}"
        )
    if len(given) > 1:
        return linalg.linear(x, w, b)
    row = linalg.linear(s.reshape(x, shape=(1, *given)), w, b)
    return s.reshape(row, shape=row.shape[1:])


# ---- entry by entry ----------------------------------------------------------------------------------


def where(condition: Any, x: Any, y: Any) -> Any:
    """Entries of x where the condition holds, of y elsewhere."""
    return e.where(condition, x, y)


def clip(x: Any, lo: Any = None, hi: Any = None) -> Any:
    """x kept between lo and hi; the slope is 0 outside, and at the bounds themselves."""
    if isinstance(lo, Traced) or isinstance(hi, Traced):  # then the bounds have gradients too
        x = x if lo is None else e.maximum(x, lo)
        return x if hi is None else e.minimum(x, hi)
    lo = -math.inf if lo is None else lo
    hi = math.inf if hi is None else hi
    if np.any(np.greater(lo, hi)):
        raise ShapeError(f"clip needs lo <= hi, and got lo={lo}, hi={hi}")
    return e.clip(x, lo=lo, hi=hi)
