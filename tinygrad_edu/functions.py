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
from .ops import cost, linalg, reduce
from .ops import elementwise as e
from .ops import shape as s

Axis = int | tuple[int, ...] | None


# ---- shapes ------------------------------------------------------------------------------------------


_ARRAYS = (Traced, np.ndarray, np.generic)


def _as_array(x: Any) -> Any:
    """x itself if it knows its shape, else the array that NumPy makes of it."""
    return x if isinstance(x, _ARRAYS) else np.asarray(x)


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


def transpose(x: Any, *order: Any, axes: Any = None) -> Any:
    """Axes in the given order; without an order, reversed."""
    x = _as_array(x)
    n = len(x.shape)
    order = order if axes is None else (axes,)
    if not order or order == (None,):
        return s.transpose(x, axes=tuple(reversed(range(n))))
    places = _axes(_shape(order), n)
    if len(places) != n:
        raise ShapeError(f"transpose: {len(places)} axes given for an array of shape {x.shape}: name each one once")
    return s.transpose(x, axes=places)


def broadcast_to(x: Any, *shape: Any) -> Any:
    """x repeated to a larger shape, by NumPy's broadcasting rules."""
    x, new = _as_array(x), _shape(shape)
    old = x.shape
    if len(old) > len(new) or any(n not in (1, m) for n, m in zip(old[::-1], new[::-1], strict=False)):
        raise ShapeError(
            f"broadcast_to: {old} does not become {new}: seen from the right, each size must be 1 or stay as it is"
        )
    return s.broadcast_to(x, shape=new)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum x over the axes that were added or stretched on the way from `shape`."""
    added = len(x.shape) - len(shape)
    if added:
        x = reduce.sum(x, axis=tuple(range(added)), keepdims=False)
    if x.shape == shape:
        return x
    stretched = tuple(i for i, (n, m) in enumerate(zip(shape, x.shape, strict=True)) if n != m)
    return reduce.sum(x, axis=stretched, keepdims=True)


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis that they have; axis=None flattens them first."""
    parts = _joined(xs, "concatenate")
    if axis is None:
        parts, axis = [reshape(x, -1) for x in parts], 0
    (axis,) = _axes(axis, len(parts[0].shape))
    return s.concatenate(*parts, axis=axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    parts = _joined(xs, "stack")
    shape = parts[0].shape
    if any(x.shape != shape for x in parts):
        raise ShapeError(f"stack needs arrays of one shape, and got {', '.join(str(x.shape) for x in parts)}")
    (axis,) = _axes(axis, len(shape) + 1)
    longer = (*shape[:axis], 1, *shape[axis:])
    return s.concatenate(*(s.reshape(x, shape=longer) for x in parts), axis=axis)


def _joined(xs: Sequence[Any], name: str) -> list[Any]:
    """The inputs as arrays; a plain number takes the dtype of the others, so that it widens nothing."""
    parts = list(xs)
    if not parts:
        raise ShapeError(f"{name} needs at least one array, and got an empty list")
    single = [not isinstance(x, Traced) and np.ndim(x) == 0 for x in parts]
    common = [x.dtype for x, alone in zip(map(_as_array, parts), single, strict=True) if not alone]
    dtype = np.result_type(*common) if common else None
    return [np.asarray(x, dtype) if alone else _as_array(x) for x, alone in zip(parts, single, strict=True)]


# ---- reductions --------------------------------------------------------------------------------------


def _filled(x: Any, axis: Axis, name: str) -> tuple[int, ...]:
    """The axes, for an op that needs one entry at least along them."""
    axes = _axes(axis, len(x.shape))
    if 0 in (x.shape[k] for k in axes):
        raise ShapeError(f"{name} of no entries does not exist: x has shape {x.shape}, axis is {axis}")
    return axes


def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum over the given axes, or over all."""
    x = _as_array(x)
    return reduce.sum(x, axis=_axes(axis, len(x.shape)), keepdims=bool(keepdims))


def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean over the given axes, or over all: the sum, divided by how many there are."""
    x = _as_array(x)
    if x.dtype == np.float16:  # a sum of half-precision numbers overflows early; their mean does not
        return e.astype(mean(e.astype(x, dtype=np.float32), axis, keepdims), dtype=np.float16)
    return sum(x, axis, keepdims) / math.prod(x.shape[k] for k in _axes(axis, len(x.shape)))


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest entry; entries that tie share the gradient equally."""
    x = _as_array(x)
    return reduce.max(x, axis=_filled(x, axis, "max"), keepdims=bool(keepdims))


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest entry; entries that tie share the gradient equally."""
    x = _as_array(x)
    return reduce.min(x, axis=_filled(x, axis, "min"), keepdims=bool(keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log sum e^x, without overflow."""
    x = _as_array(x)
    return reduce.logsumexp(x, axis=_filled(x, axis, "logsumexp"), keepdims=bool(keepdims))


def softmax(x: Any, axis: Axis = -1) -> Any:
    """e^x / sum e^x, without overflow: positive numbers that sum to 1 along the axis."""
    x = _as_array(x)
    return reduce.softmax(x, axis=_filled(x, axis, "softmax"))


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """log softmax(x) = x - logsumexp(x), without overflow."""
    x = _as_array(x)
    return reduce.log_softmax(x, axis=_filled(x, axis, "log_softmax"))


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


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """The weighted input z_i = b_i + sum_j w_ij x_j:  (…, n_in), (n_out, n_in), (n_out,) -> (…, n_out)."""
    x, w = _as_array(x), _as_array(w)
    b = b if b is None else _as_array(b)
    given, matrix = x.shape, w.shape
    if len(matrix) != 2 or not given or given[-1] != matrix[1] or (b is not None and b.shape != matrix[:1]):
        biases = "" if b is None else f", b {b.shape}"
        raise ShapeError(f"linear needs x (…, n_in), w (n_out, n_in), b (n_out,): got x {given}, w {matrix}{biases}")
    if b is None:
        return matmul(x, transpose(w))
    if len(given) > 1:
        return linalg.linear(x, w, b)
    row = linalg.linear(s.reshape(x, shape=(1, *given)), w, b)
    return s.reshape(row, shape=row.shape[1:])


# ---- entry by entry ----------------------------------------------------------------------------------


def where(condition: Any, x: Any, y: Any) -> Any:
    """Entries of x where the condition holds, of y elsewhere."""
    return e.where(condition, x, y)


def clip(x: Any, lo: Any = None, hi: Any = None) -> Any:
    """x kept between lo and hi; the slope is 0 outside, and at the bounds themselves.

    Bounds that are Tensors have gradients too; there clip is minimum(maximum(x, lo), hi), and ties share.
    """
    if isinstance(lo, Traced) or isinstance(hi, Traced):
        x = x if lo is None else e.maximum(x, lo)
        return x if hi is None else e.minimum(x, hi)
    lo, hi = _bound(lo), _bound(hi)
    if lo is not None and hi is not None and np.any(np.greater(lo, hi)):
        raise ShapeError(f"clip needs lo <= hi, and got lo={lo}, hi={hi}")
    return e.clip(_as_array(x), lo=lo, hi=hi)


def _bound(bound: Any) -> Any:
    """A copy that nobody changes later; a single one as a Python number, which widens nothing."""
    if bound is None or (isinstance(bound, (int, float)) and not isinstance(bound, np.generic)):
        return bound
    array = np.array(bound)
    return array if array.ndim else array.item()


# ---- costs -------------------------------------------------------------------------------------------


def quadratic_cost(a: Any, y: Any) -> Any:
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a_i - y_i)^2: half the sum over the outputs, mean over the S examples.

    a, y (S, n) -> C ();  (n,) is a single example.
    """
    a, y = _as_array(a), _as_array(y)
    if a.shape != y.shape:
        raise ShapeError(
            f"quadratic_cost needs targets of the outputs' shape: outputs a {a.shape}, targets y {y.shape}.  "
            f"Class numbers become targets with nn.data.one_hot(labels, classes)"
        )
    if 0 in a.shape:
        raise ShapeError(f"quadratic_cost of no examples does not exist: a has shape {a.shape}")
    return cost.quadratic_cost(a, y)
