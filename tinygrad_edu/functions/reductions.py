"""Many entries become one, along axes."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops import elementwise as e
from ..ops import reduce
from .arguments import Axis, as_given, axes_of
from .linear_algebra import svdvals
from .shapes import moveaxis, reshape

__all__ = [
    "all",
    "any",
    "average",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
    "norm",
    "prod",
    "ptp",
    "softmax",
    "std",
    "sum",
    "sum_to",
    "var",
]


def filled(x: Any, axis: Axis, name: str) -> tuple[int, ...]:
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
    if x.dtype == np.float16:
        return _widely(mean, x, axis, keepdims)
    return sum(x, axis, keepdims) / math.prod(x.shape[k] for k in axes_of(axis, len(x.shape)))


def _widely(f: Callable[..., Any], x: Any, *settings: Any) -> Any:
    """f(x) by way of single precision: a sum of half-precision numbers overflows early, and what f makes of it not."""
    return e.astype(f(e.astype(x, dtype=np.float32), *settings), dtype=np.float16)


def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest entry; entries that tie share the gradient equally."""
    x = as_given(x)
    return reduce.max(x, axis=filled(x, axis, "max"), keepdims=bool(keepdims))


def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest entry; entries that tie share the gradient equally."""
    x = as_given(x)
    return reduce.min(x, axis=filled(x, axis, "min"), keepdims=bool(keepdims))


def logsumexp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """log sum e^x, without overflow."""
    x = as_given(x)
    if x.dtype == np.float16:
        return _widely(logsumexp, x, axis, keepdims)
    return reduce.logsumexp(x, axis=filled(x, axis, "logsumexp"), keepdims=bool(keepdims))


def softmax(x: Any, axis: Axis = -1) -> Any:
    """e^x / sum e^x, without overflow: positive numbers that sum to 1 along the axis."""
    x = as_given(x)
    if x.dtype == np.float16:
        return _widely(softmax, x, axis)
    return reduce.softmax(x, axis=filled(x, axis, "softmax"))


def log_softmax(x: Any, axis: Axis = -1) -> Any:
    """log softmax(x) = x - logsumexp(x), without overflow."""
    x = as_given(x)
    if x.dtype == np.float16:
        return _widely(log_softmax, x, axis)
    return reduce.log_softmax(x, axis=filled(x, axis, "log_softmax"))


def prod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product over the given axes, or over all; the slope in an entry is the product of the others, zeros or not."""
    x = as_given(x)
    return reduce.prod(x, axis=axes_of(axis, len(x.shape)), keepdims=bool(keepdims))


def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """From the smallest entry to the largest ("peak to peak"): max x - min x."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Sum of the entries that are not NaN."""
    return sum(without_nan(as_given(x)), axis, keepdims)


def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Mean of the entries that are not NaN."""
    x = as_given(x)
    if x.dtype == np.float16:
        return _widely(nanmean, x, axis, keepdims)
    if x.dtype.kind != "f":
        return mean(x, axis, keepdims)
    return nansum(x, axis, keepdims) / e.astype(sum(~e.isnan(x), axis, keepdims), dtype=x.dtype)


def nanprod(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Product of the entries that are not NaN."""
    return prod(without_nan(as_given(x), 1), axis, keepdims)


def nanmax(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Largest of the entries that are not NaN; NaN where all are."""
    return _nan_extremum(max, -np.inf, x, axis, keepdims)


def nanmin(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Smallest of the entries that are not NaN; NaN where all are."""
    return _nan_extremum(min, np.inf, x, axis, keepdims)


def _nan_extremum(extremum: Any, last: float, x: Any, axis: Axis, keepdims: bool) -> Any:
    x = as_given(x)
    if x.dtype.kind != "f":
        return extremum(x, axis, keepdims)
    return e.where(all(e.isnan(x), axis, keepdims), np.nan, extremum(without_nan(x, last), axis, keepdims))


def nanvar(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: float = 0) -> Any:
    """Variance of the entries that are not NaN."""
    x = as_given(x)
    if x.dtype.kind != "f":
        return var(x, axis, keepdims, ddof=ddof)
    if x.dtype == np.float16:
        return e.astype(nanvar(e.astype(x, dtype=np.float32), axis, keepdims, ddof=ddof), dtype=np.float16)
    deviation = without_nan(x - nanmean(x, axis, keepdims=True))
    n = e.astype(sum(~e.isnan(x), axis, keepdims), dtype=x.dtype) - ddof
    return sum(deviation * deviation, axis, keepdims) / e.where(n > 0, n, np.nan)


def nanstd(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: float = 0) -> Any:
    """Standard deviation of the entries that are not NaN; where they are equal, its gradient is 0."""
    return _root(nanvar(x, axis, keepdims, ddof=ddof))


def without_nan(x: Any, instead: float = 0) -> Any:
    """x with a number in place of NaN, which gets no gradient."""
    return e.where(e.isnan(x), instead, x) if x.dtype.kind == "f" else x


def average(x: Any, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """sum w x / sum w, the mean where some entries count for more; weights have gradients too.

    weights  of x's shape, or one weight for each place along the one axis
    """
    x = as_given(x)
    if weights is None:
        return mean(x, axis, keepdims)
    w = as_given(weights)
    axes = axes_of(axis, len(x.shape))
    if w.shape != x.shape:
        if axis is None or w.shape != tuple(x.shape[k] for k in axes):
            raise ShapeError(
                f"average needs weights of x's shape, or of the given axes: x {x.shape}, axis {axis}, weights {w.shape}"
            )
        if axes != tuple(sorted(axes)):
            raise ShapeError(f"average with weights along {axis}: name the axes in rising order")
        w = reshape(w, tuple(n if k in axes else 1 for k, n in enumerate(x.shape)))
    return sum(x * w, axes, keepdims) / sum(w, axes, keepdims)


def var(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: float = 0) -> Any:
    """Mean square of the deviation from the mean: sum (x - mean x)^2 / (n - ddof).

    ddof  0: of the entries themselves;  1: the unbiased estimate for what they were drawn from
    """
    x = as_given(x)
    if x.dtype == np.float16:  # squares overflow early
        return e.astype(var(e.astype(x, dtype=np.float32), axis, keepdims, ddof=ddof), dtype=np.float16)
    axes = axes_of(axis, len(x.shape))
    deviation = x - mean(x, axes, keepdims=True)
    n = math.prod(x.shape[k] for k in axes) - ddof
    return sum(deviation * deviation, axes, keepdims) / (n if n > 0 else 0)


def std(x: Any, axis: Axis = None, keepdims: bool = False, *, ddof: float = 0) -> Any:
    """Standard deviation √var x, in the unit of x; where all entries are equal, its gradient is 0."""
    x = as_given(x)
    if x.dtype == np.float16:
        return e.astype(std(e.astype(x, dtype=np.float32), axis, keepdims, ddof=ddof), dtype=np.float16)
    return _root(var(x, axis, keepdims, ddof=ddof))


def _root(square: Any) -> Any:
    """√square, and slope 0 where it is 0."""
    flat = square == 0
    return e.where(flat, 0, e.sqrt(e.where(flat, 1, square)))  # twice, for √'(0) is infinite


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:
    """The length of a vector, or the size of a matrix, as NumPy's linalg.norm; where all is 0, so is the gradient.

    vectors   2 (if not given) √(sum x²) · 1 sum |x| · inf largest |x| · -inf smallest |x| · 0 how many are not 0 ·
              p (sum |x|^p)^(1/p)
    matrices  "fro" (if not given) √(sum x²) · 1 largest sum of |column| · inf largest sum of |row| ·
              2 largest singular value · -1, -inf and -2: the smallest one · "nuc" sum of singular values
    axis      one for vectors, two for matrices, None for all of x

    The norm of no entries is 0; but they have no smallest one (ShapeError), and (sum)^(1/p) is infinite for p < 0.
    """
    x = as_given(x)
    axes = axes_of(axis, len(x.shape))
    if x.dtype.kind != "f":
        x = x * 1.0
    if ord is None:
        return reduce.norm(x, axis=axes, keepdims=bool(keepdims), p=2)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, bool(keepdims))
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, bool(keepdims))
    raise ShapeError(f"norm of order {ord} is for vectors (one axis) or matrices (two): x {x.shape}, axis {axis}")


def _vector_norm(x: Any, p: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if not isinstance(p, numbers.Real):
        raise ShapeError(f"the norm of a vector has a number as its order, as 1, 2 or np.inf: got {p!r}")
    if p == np.inf:
        return _largest(e.absolute(x), axes, keepdims)
    if p == -np.inf:
        return min(e.absolute(x), axes, keepdims)
    if p == 0:
        return sum(e.absolute(e.sign(without_nan(x, 1))), axes, keepdims)  # as in NumPy, NaN is not 0
    if p < 1:  # not a norm, but NumPy computes it; the slope in a 0 is infinite on both sides: 0 by policy
        zero = x == 0
        powers = e.where(zero, np.inf if p < 0 else 0, e.absolute(e.where(zero, 1, x)) ** p)  # twice, as in _root
        return sum(powers, axes, keepdims) ** (1 / p)
    return reduce.norm(x, axis=axes, keepdims=keepdims, p=float(p))


def _largest(x: Any, axes: Axis, keepdims: bool = False) -> Any:
    """The largest of numbers of 0 or more; of none, as NumPy's norms have it, 0."""
    none = 0 in [x.shape[k] for k in axes_of(axes, len(x.shape))]
    return (sum if none else max)(x, axes, keepdims)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if order == "fro":
        return reduce.norm(x, axis=axes, keepdims=keepdims, p=2)
    if order not in (1, -1, 2, -2, np.inf, -np.inf, "nuc"):
        raise ShapeError(f'norm of a matrix has the orders "fro", "nuc", 1, -1, 2, -2, inf and -inf: got {order!r}')
    if order in (2, -2, "nuc"):
        y = (sum if order == "nuc" else _largest if order > 0 else min)(svdvals(moveaxis(x, axes, (-2, -1))), -1)
    else:
        summed, compared = axes if abs(order) == 1 else axes[::-1]
        y = (_largest if order > 0 else min)(sum(e.absolute(x), summed, keepdims=True), compared, keepdims=True)
    return reshape(y, tuple(n if k not in axes else 1 for k, n in enumerate(x.shape) if keepdims or k not in axes))


def cumsum(x: Any, axis: int | None = None) -> Any:
    """Running sum: entry i is x_0 + … + x_i along the axis; axis=None flattens x first."""
    x, axis = line_of(x, axis)
    return reduce.cumsum(x, axis=axis, reverse=False)


def cumprod(x: Any, axis: int | None = None) -> Any:
    """Running product: entry i is x_0 · … · x_i along the axis; axis=None flattens x first."""
    x, axis = line_of(x, axis)
    return reduce.cumprod(x, axis=axis, reverse=False)


def line_of(x: Any, axis: int | None) -> tuple[Any, int]:
    """x and the one axis to walk along; axis=None flattens x first."""
    x = as_given(x)
    if axis is None:
        return reshape(x, -1), 0
    (axis,) = axes_of(operator.index(axis), len(x.shape))
    return x, axis


def all(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Is every entry true?  (Every number but 0 is.)"""
    x = as_given(x)
    return reduce.all(x, axis=axes_of(axis, len(x.shape)), keepdims=bool(keepdims))


def any(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """Is some entry true?  (Every number but 0 is.)"""
    x = as_given(x)
    return reduce.any(x, axis=axes_of(axis, len(x.shape)), keepdims=bool(keepdims))


def count_nonzero(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """How many entries are not 0."""
    x = as_given(x)
    return reduce.count_nonzero(x, axis=axes_of(axis, len(x.shape)), keepdims=bool(keepdims))
