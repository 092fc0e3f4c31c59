"""NumPy's other names for what is here, and its rarer functions: reached as np.amax(t), and not on the menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import ShapeError
from ..ops import elementwise as e
from . import linear_algebra, products
from .arguments import Axis, as_given, axes_of, with_axes
from .calculus import convolve, diff
from .choices import round as around
from .indexing import take
from .joining import concatenate, stack
from .reductions import cumprod, cumsum, mean, norm, without_nan
from .reductions import max as amax
from .reductions import min as amin
from .repeating import ones_like, zeros_like
from .shapes import atleast_2d, flip, moveaxis, reshape, swapaxes

__all__ = [
    "amax",
    "amin",
    "around",
    "block",
    "cond",
    "corrcoef",
    "correlate",
    "cov",
    "cumulative_prod",
    "cumulative_sum",
    "ediff1d",
    "fix",
    "matrix_norm",
    "matrix_transpose",
    "nancumprod",
    "nancumsum",
    "rollaxis",
    "select",
    "vander",
    "vector_norm",
]


def fix(x: Any) -> Any:
    """The number without its fraction; flat, so its gradient is 0."""
    return e.trunc(as_given(x))


def nancumsum(x: Any, axis: int | None = None) -> Any:
    """Running sum of the entries that are not NaN."""
    return cumsum(without_nan(as_given(x), 0), axis)


def nancumprod(x: Any, axis: int | None = None) -> Any:
    """Running product of the entries that are not NaN."""
    return cumprod(without_nan(as_given(x), 1), axis)


def cumulative_sum(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """Running sum; with include_initial it starts with 0, and is one longer."""
    return _cumulative(cumsum, zeros_like, x, axis, include_initial)


def cumulative_prod(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
    """Running product; with include_initial it starts with 1, and is one longer."""
    return _cumulative(cumprod, ones_like, x, axis, include_initial)


def _cumulative(running: Any, first: Any, x: Any, axis: int | None, include_initial: bool) -> Any:
    x = with_axes(x, 1, "a cumulative sum or product")
    if axis is None and len(x.shape) > 1:
        raise ShapeError(f"along which axis?  x has shape {x.shape}")
    axis = 0 if axis is None else axis
    z = running(x, axis)
    return concatenate([first(take(x, [0], axis)), z], axis) if include_initial else z


def ediff1d(x: Any) -> Any:
    """Differences of neighbours in the flattened array."""
    return diff(reshape(x, -1))


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """z_k = Σ_i a_(k+i) v_i, of vectors: a sliding product."""
    a, v = as_given(a), as_given(v)
    if a.shape < v.shape:  # as in NumPy, the longer one stays, and the result runs backwards
        return flip(convolve(v, flip(a), mode))
    return convolve(a, flip(v), mode)


def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """The powers of each entry, one entry a row: x^(N-1) … x 1, or in rising order."""
    x = as_given(x)
    if len(x.shape) != 1:
        raise ShapeError(f"vander needs a vector: got the shape {x.shape}")
    powers = [x**k for k in range(x.shape[0] if N is None else N)]
    return stack(powers if increasing else powers[::-1], 1)


def select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Any:
    """Entry by entry the choice whose condition is the first to hold; the default where none does."""
    if len(conditions) != len(choices) or not conditions:
        raise ShapeError(f"select needs a choice for each condition: got {len(conditions)} and {len(choices)}")
    z = default
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        z = e.where(condition, choice, z)
    return z


def block(arrays: Any) -> Any:
    """Nested lists of arrays, laid side by side: the innermost along the last axis, the next along the one before."""
    depth = _depth(arrays)
    dims = max(depth, *(len(as_given(x).shape) for x in _flat(arrays)))

    def joined(part: Any, axis: int) -> Any:
        if not isinstance(part, list):
            part = as_given(part)
            return reshape(part, (1,) * (dims - len(part.shape)) + part.shape)
        return concatenate([joined(x, axis + 1) for x in part], axis)

    return joined(arrays, -depth)


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays)) if isinstance(arrays, list) else 0


def _flat(arrays: Any) -> list[Any]:
    return [x for part in arrays for x in _flat(part)] if isinstance(arrays, list) else [arrays]


def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """One axis moves to stand before another; moveaxis says it more plainly."""
    x = as_given(x)
    n = len(x.shape)
    (axis,) = axes_of(axis, n)
    start = start + n if start < 0 else start
    return moveaxis(x, axis, start - 1 if axis < start else start)


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: int | None = None) -> Any:
    """Covariances: entry i, j is the mean of (x_i - mean x_i) (x_j - mean x_j) over the observations.

    A row for each variable, a column for each observation; rowvar=False: the other way round.
    """
    x = _variables(m, rowvar)
    x = x if y is None else concatenate([x, _variables(y, rowvar)], 0)
    x = x - mean(x, 1, keepdims=True)
    free = x.shape[1] - ((0 if bias else 1) if ddof is None else ddof)
    if free <= 0 and ddof is not None:
        raise ShapeError(f"cov: ddof must be below the number of observations, {x.shape[1]}: got {ddof}")
    c = products.matmul(x, swapaxes(x, 0, 1)) / free
    return reshape(c, ()) if c.shape == (1, 1) else c


def _variables(m: Any, rowvar: bool) -> Any:
    m = as_given(m)
    if len(m.shape) > 2:
        raise ShapeError(f"cov needs a matrix of observations: got the shape {m.shape}")
    return swapaxes(m, 0, 1) if len(m.shape) == 2 and not rowvar else atleast_2d(m)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True) -> Any:
    """Correlations: covariances divided by both standard deviations."""
    c = cov(x, y, rowvar)
    if not c.shape:
        return c / c
    deviation = e.sqrt(linear_algebra.diagonal(c))
    return c / deviation[:, None] / deviation


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes swapped."""
    return swapaxes(with_axes(x, 2, "matrix_transpose"), -1, -2)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of each matrix in a stack, see norm."""
    return norm(with_axes(x, 2, "matrix_norm"), ord, (-2, -1), keepdims)


def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of all entries, or of those along axes, as one vector, see norm."""
    x = as_given(x)
    axes = tuple(sorted(axes_of(axis, len(x.shape))))
    kept = tuple(k for k in range(len(x.shape)) if k not in axes)
    line = reshape(moveaxis(x, kept, tuple(range(len(kept)))), (*(x.shape[k] for k in kept), -1))
    z = norm(line, ord, -1)
    return reshape(z, tuple(1 if k in axes else n for k, n in enumerate(x.shape))) if keepdims else z


def cond(x: Any, p: Any = None) -> Any:
    """How much a solution of x z = b may change when b does: largest by smallest singular value, or |x| |x⁻¹|."""
    x = with_axes(x, 2, "cond")
    if p in (None, 2, -2):
        s = linear_algebra.svdvals(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(x, p, (-2, -1)) * norm(linear_algebra.inv(x), p, (-2, -1))
