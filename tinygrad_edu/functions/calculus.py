"""Along an axis, as in numerical analysis: differences, slopes, areas, interpolation, convolution, polynomials."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ..capture import captures
from ..errors import ShapeError
from ..op import Traced
from ..ops import elementwise as e
from ..ops import shape as s
from . import reductions
from .arguments import Axis, along, as_given, axes_of, with_axes
from .joining import concatenate
from .repeating import pad
from .shapes import atleast_1d, broadcast_to, flip, reshape

__all__ = ["convolve", "diff", "gradient", "interp", "polyval", "trapezoid"]


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours along an axis, x_(i+1) - x_i, n times over: (…, m, …) -> (…, m - n, …).

    prepend, append  entries to put before and after x first: an array, or one number
    """
    x = with_axes(x, 1, "diff")
    (axis,) = axes_of(axis, len(x.shape))
    if operator.index(n) < 0:
        raise ShapeError(f"diff: n says how often, and is not negative: got {n}")
    one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    ends = [y if y is None or as_given(y).shape else broadcast_to(y, one) for y in (prepend, append)]
    if n and (prepend is not None or append is not None):
        x = concatenate([y for y in (ends[0], x, ends[1]) if y is not None], axis)
    for _ in range(n):
        after, before = x[along(axis, slice(1, None))], x[along(axis, slice(None, -1))]
        x = e.not_equal(after, before) if x.dtype == bool else after - before
    return x


def gradient(f: Any, *spacing: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """The slope of sampled values along each axis, as NumPy's: differences, not derivatives of a function (see grad).

    Inside, the slope of the parabola through three neighbours: (f_(i+1) - f_(i-1)) / 2h where they are equally far
    apart; at both ends, of the line through two.

    spacing  one number h for all axes, or for each axis a number or the coordinates; 1 if not given
    axis     one axis, several, or all; a tuple of slopes for several
    """
    f = with_axes(f, 1, "gradient")
    axes = axes_of(axis, len(f.shape))
    steps = (
        spacing * len(axes) if len(spacing) == 1 and not as_given(spacing[0]).shape else spacing or (1.0,) * len(axes)
    )
    if len(steps) != len(axes):
        raise ShapeError(f"gradient needs one spacing, or one for each of {len(axes)} axes: got {len(spacing)}")
    if edge_order != 1:
        raise ShapeError(f"gradient has edge_order=1, the line through two points: got {edge_order!r}")
    if f.dtype.kind != "f":
        f = f * 1.0
    slopes = tuple(_slope(f, h, k) for h, k in zip(steps, axes, strict=True))
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(f: Any, h: Any, axis: int) -> Any:
    """df/dx along one axis, for the distance h of neighbours, or their coordinates."""
    n, h = f.shape[axis], as_given(h)
    if n < 2:
        raise ShapeError(f"gradient needs two entries at least along each axis: f has shape {f.shape}")
    if h.shape not in ((), (n,)):
        raise ShapeError(f"gradient: the coordinates along axis {axis} must have the shape ({n},): got {h.shape}")
    slope = diff(f, axis=axis)
    if not h.shape:
        inside = (f[along(axis, slice(2, None))] - f[along(axis, slice(None, -2))]) / (2 * h)
        slope = slope / h
    else:
        run = reshape(diff(h), tuple(n - 1 if k == axis else 1 for k in range(len(f.shape))))
        slope = slope / run
        before, after = run[along(axis, slice(None, -1))], run[along(axis, slice(1, None))]
        inside = after * slope[along(axis, slice(None, -1))] + before * slope[along(axis, slice(1, None))]
        inside = inside / (before + after)  # the slope to the nearer neighbour counts for more
    first, last = slope[along(axis, slice(None, 1))], slope[along(axis, slice(-1, None))]
    return concatenate([first, inside, last], axis)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The area under straight lines through the points: sum of (x_(i+1) - x_i) (y_(i+1) + y_i) / 2 along an axis.

    x   the coordinates, of the shape of y or a vector; equally far apart, by dx, if not given
    """
    y = with_axes(y, 1, "trapezoid")
    (axis,) = axes_of(axis, len(y.shape))
    if x is not None:
        x = as_given(x)
        vector = tuple(-1 if k == axis else 1 for k in range(len(y.shape)))
        dx = diff(x, axis=axis) if len(x.shape) > 1 else reshape(diff(x), vector)
    both = y[along(axis, slice(1, None))] + y[along(axis, slice(None, -1))]
    return reductions.sum(dx * both, axis) / 2


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: None = None) -> Any:
    """The straight lines through the points (xp_i, fp_i), at x: xp (n,) rising, fp (n,), x of any shape.

    left, right: the values beyond the first and the last point, theirs if not given.  At a point, where the slope
    jumps, it is that of the line to its right; at the last point, to its left.  All of x, xp, fp have gradients.
    """
    x, xp, fp = as_given(x), as_given(xp), as_given(fp)
    if len(xp.shape) != 1 or xp.shape != fp.shape or not xp.shape[0]:
        raise ShapeError(f"interp needs vectors xp and fp of one length, 1 at least: got {xp.shape} and {fp.shape}")
    for points in (x, xp):
        if captures and isinstance(points, Traced):
            points._leaves("interp")
    if np.any(np.diff(xp._data if isinstance(xp, Traced) else xp) < 0):
        raise ShapeError("interp needs rising points xp: sort them, and fp with them")
    if period is not None:
        raise ShapeError("interp has no period here: write interp(x % period, …)")
    left, right = fp[0] if left is None else left, fp[-1] if right is None else right
    here, points = (v._data if isinstance(v, Traced) else v for v in (x, xp))
    x = e.where((here < points[0]) | (here > points[-1]), points[0], x)
    z = fp[0] + 0 * x
    if len(points) > 1:
        i = np.clip(np.searchsorted(points, here, "right") - 1, 0, len(points) - 2)
        flat = points[i + 1] == points[i]  # only at the last point, where several are at one x
        part = (x - xp[i]) / e.where(flat, 1, xp[i + 1] - xp[i])
        z = e.where(flat, fp[-1], fp[i] + (fp[i + 1] - fp[i]) * part)
    return e.where(here < points[0], left, e.where(here > points[-1], right, z))


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """z_k = Σ_i a_i v_(k-i), of vectors (m,) and (n,): the coefficients of a product of polynomials.

    mode  "full" all of them (m + n - 1,) · "same" the middle ones (max(m, n),) · "valid" those where the shorter
          vector lies inside the longer one (max - min + 1,)
    """
    a, v = atleast_1d(a, v)
    if len(a.shape) != 1 or len(v.shape) != 1 or 0 in (*a.shape, *v.shape):
        raise ShapeError(f"convolve needs two vectors with entries: got {a.shape} and {v.shape}")
    if a.shape[0] < v.shape[0]:
        a, v = v, a
    m, n = a.shape[0], v.shape[0]
    first, count = {"full": (0, m + n - 1), "same": ((n - 1) // 2, m), "valid": (n - 1, m - n + 1)}.get(mode, (0, 0))
    if not count:
        raise ShapeError(f'convolve: mode is "full", "same" or "valid", not {mode!r}')
    windows = np.arange(first, first + count)[:, None] + np.arange(n)  # z_k is window k · v backwards
    return s.getitem(pad(a, n - 1), key=windows) @ flip(v)


def polyval(p: Any, x: Any) -> Any:
    """p_0 x^(n-1) + p_1 x^(n-2) + … + p_(n-1), the highest power first, by Horner's rule; p (n,), x of any shape."""
    p, x = as_given(p), as_given(x)
    if len(p.shape) != 1:
        raise ShapeError(f"polyval needs the coefficients as a vector: got {p.shape}")
    y = 0 * x
    for i in range(p.shape[0]):
        y = y * x + p[i]
    return y
