"""The same entries in other places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import Traced
from ..ops import shape as s
from .arguments import as_given, axes_of, shape_of

__all__ = ["broadcast_to", "concatenate", "reshape", "stack", "transpose"]


def reshape(x: Any, *shape: Any) -> Any:
    """The same entries in another shape; -1 stands for "what is left"."""
    x = as_given(x)
    new = shape_of(shape)
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
    x = as_given(x)
    n = len(x.shape)
    order = order if axes is None else (axes,)
    if not order or order == (None,):
        return s.transpose(x, axes=tuple(reversed(range(n))))
    places = axes_of(shape_of(order), n)
    if len(places) != n:
        raise ShapeError(f"transpose: {len(places)} axes given for an array of shape {x.shape}: name each one once")
    return s.transpose(x, axes=places)


def broadcast_to(x: Any, *shape: Any) -> Any:
    """x repeated to a larger shape, by NumPy's broadcasting rules."""
    x, new = as_given(x), shape_of(shape)
    old = x.shape
    if len(old) > len(new) or any(n not in (1, m) for n, m in zip(old[::-1], new[::-1], strict=False)):
        raise ShapeError(
            f"broadcast_to: {old} does not become {new}: seen from the right, each size must be 1 or stay as it is"
        )
    return s.broadcast_to(x, shape=new)


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis that they have; axis=None flattens them first."""
    parts = _joined(xs, "concatenate")
    if axis is None:
        parts, axis = [reshape(x, -1) for x in parts], 0
    (axis,) = axes_of(axis, len(parts[0].shape))
    return s.concatenate(*parts, axis=axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    parts = _joined(xs, "stack")
    shape = parts[0].shape
    if any(x.shape != shape for x in parts):
        raise ShapeError(f"stack needs arrays of one shape, and got {', '.join(str(x.shape) for x in parts)}")
    (axis,) = axes_of(axis, len(shape) + 1)
    longer = (*shape[:axis], 1, *shape[axis:])
    return s.concatenate(*(s.reshape(x, shape=longer) for x in parts), axis=axis)


def _joined(xs: Sequence[Any], name: str) -> list[Any]:
    """The inputs as arrays; a plain number takes the dtype of the others, so that it widens nothing."""
    parts = list(xs)
    if not parts:
        raise ShapeError(f"{name} needs at least one array, and got an empty list")
    single = [not isinstance(x, Traced) and np.ndim(x) == 0 for x in parts]
    common = [x.dtype for x, alone in zip(map(as_given, parts), single, strict=True) if not alone]
    dtype = np.result_type(*common) if common else None
    return [np.asarray(x, dtype) if alone else as_given(x) for x, alone in zip(parts, single, strict=True)]
