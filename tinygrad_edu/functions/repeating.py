"""The same entries several times, more entries around them, or one value everywhere."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import Traced
from ..ops import elementwise as e
from ..ops import shape as s
from .arguments import along, as_given, axes_of, indices_of, shape_of
from .shapes import reshape

__all__ = [
    "broadcast_arrays",
    "empty_like",
    "full_like",
    "meshgrid",
    "ones_like",
    "pad",
    "repeat",
    "tile",
    "zeros_like",
]


def broadcast_arrays(*xs: Any) -> tuple[Any, ...]:
    """All repeated to the shape that they have together."""
    given = [as_given(x) for x in xs]
    try:
        shape = np.broadcast_shapes(*(x.shape for x in given))
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in given)
        raise ShapeError(
            f"broadcast_arrays: {shapes} do not broadcast together: seen from the right, sizes must be equal, or 1"
        ) from None
    return tuple(x if x.shape == shape else s.broadcast_to(x, shape=shape) for x in given)


def meshgrid(*xs: Any, indexing: str = "xy", sparse: bool = False) -> tuple[Any, ...]:
    """Coordinates of the points of a grid: entry i, j of each output belongs to the point (x_j, y_i).

    indexing="ij": the first input runs along the first axis.  sparse: the outputs only broadcast to the grid.
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f"meshgrid: indexing is 'xy' or 'ij', not {indexing!r}")
    n = len(xs)
    lines = []
    for i, x in enumerate(map(as_given, xs)):
        if len(x.shape) > 1:
            raise ShapeError(f"meshgrid takes vectors, one for each axis of the grid: input {i} has shape {x.shape}")
        place = 1 - i if indexing == "xy" and n > 1 and i < 2 else i
        lines.append(s.reshape(x, shape=tuple(math.prod(x.shape) if k == place else 1 for k in range(n))))
    return tuple(lines) if sparse else broadcast_arrays(*lines)


def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Every entry several times in a row, all as often, or each as often as `repeats` says; None flattens first."""
    x = as_given(x)
    if axis is None:
        x, axis = reshape(x, -1), 0
    (axis,) = axes_of(axis, len(x.shape))
    n = x.shape[axis]
    counts = indices_of(repeats, "repeat")
    if counts.size not in (1, n) or counts.ndim > 1 or np.any(counts < 0):
        raise ShapeError(f"repeat needs one number, or {n} of them, all at least 0: got {counts.tolist()}")
    if counts.size != 1:
        return s.getitem(x, key=along(axis, np.repeat(np.arange(n), counts)))
    before, after, times = x.shape[:axis], x.shape[axis + 1 :], int(counts.reshape(())[()])
    x = s.broadcast_to(s.reshape(x, shape=(*before, n, 1, *after)), shape=(*before, n, times, *after))
    return s.reshape(x, shape=(*before, n * times, *after))


def tile(x: Any, reps: Any) -> Any:
    """The whole array several times along each axis: tile([1, 2], 3) = [1, 2, 1, 2, 1, 2]."""
    x = as_given(x)
    times = tuple(indices_of(reps, "tile").reshape(-1).tolist())
    if any(n < 0 for n in times):
        raise ShapeError(f"tile needs numbers of repetitions that are at least 0: got {reps}")
    n = max(len(times), len(x.shape))
    times = (1,) * (n - len(times)) + times
    shape = (1,) * (n - len(x.shape)) + x.shape
    x = s.reshape(x, shape=tuple(k for size in shape for k in (1, size)))
    x = s.broadcast_to(x, shape=tuple(k for pair in zip(times, shape, strict=True) for k in pair))
    return s.reshape(x, shape=tuple(t * size for t, size in zip(times, shape, strict=True)))


def pad(x: Any, pad_width: Any, mode: str = "constant", *, constant_values: Any = 0) -> Any:
    """More entries before and after those of each axis.

    pad_width  n for all axes, (before, after) for all, or one such pair for each axis
    mode       "constant": constant_values, which are numbers; or entries of x itself:
               "edge" aa[abc]cc, "reflect" cb[abc]ba, "symmetric" ba[abc]cb, "wrap" bc[abc]ab
    """
    x = as_given(x)
    widths = _widths(pad_width, x.shape)
    if not widths:
        return x
    if mode == "constant":
        frame = np.pad(np.zeros(x.shape, x.dtype), widths, constant_values=constant_values)
        inside = tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))
        return s.setitem(frame, x, key=inside)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        raise ShapeError(f"pad: mode is 'constant', 'edge', 'reflect', 'symmetric' or 'wrap', not {mode!r}")
    for axis, (before, after) in enumerate(widths):
        if before or after:
            n = x.shape[axis]
            if n == 0:
                raise ShapeError(f"pad: axis {axis} of {x.shape} has no entry that mode {mode!r} could repeat")
            places = np.pad(np.arange(n), (before, after), mode=mode)  # type: ignore[call-overload]
            x = s.getitem(x, key=along(axis, places))
    return x


def _widths(pad_width: Any, shape: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """(before, after) for each axis, from all that NumPy understands."""
    if isinstance(pad_width, dict):
        given = {axes_of(k, len(shape))[0]: v for k, v in pad_width.items()}
        pad_width = [given.get(i, 0) for i in range(len(shape))]
        pad_width = [(w, w) if np.ndim(w) == 0 else w for w in pad_width]
    try:
        widths = np.broadcast_to(np.asarray(pad_width), (len(shape), 2))
    except ValueError:
        widths = np.array(-1)
    if widths.dtype.kind not in "iu" or np.any(widths < 0):
        raise ShapeError(
            f"pad: widths are n, (before, after), or one such pair for each of the {len(shape)} axes of {shape}, "
            f"all at least 0: got {pad_width}"
        )
    return tuple((int(before), int(after)) for before, after in widths)


# ---- one value everywhere ---------------------------------------------------------------------------------


def full_like(x: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """fill_value everywhere, in the shape and dtype of x; no gradient goes to x, but one to a Tensor as value."""
    x = as_given(x)
    dtype = None if dtype is None else np.dtype(dtype)
    shape = None if shape is None else shape_of((shape,))
    if isinstance(fill_value, Traced):
        return s.broadcast_to(e.astype(fill_value, dtype=dtype or x.dtype), shape=x.shape if shape is None else shape)
    return s.full_like(x, value=np.array(fill_value)[()], dtype=dtype, shape=shape)


def zeros_like(x: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """0 everywhere, in the shape and dtype of x."""
    return full_like(x, 0, dtype, shape=shape)


def ones_like(x: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """1 everywhere, in the shape and dtype of x."""
    return full_like(x, 1, dtype, shape=shape)


def empty_like(x: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """An array in the shape and dtype of x, whose entries nobody should rely on: they are 0."""
    return full_like(x, 0, dtype, shape=shape)
