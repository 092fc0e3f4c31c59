"""What people may write as an axis, a shape or an array."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..capture import captures, capturing
from ..errors import DtypeError, ShapeError
from ..op import Traced

Axis = int | tuple[int, ...] | None

_ARRAYS = (Traced, np.ndarray, np.generic)


def as_given(x: Any) -> Any:
    """x itself if it knows its shape, else the array that NumPy makes of it."""
    return x if isinstance(x, _ARRAYS) else np.asarray(x)


def axes_of(axis: Axis, ndim: int) -> tuple[int, ...]:
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


def shape_of(shape: Sequence[Any]) -> tuple[int, ...]:
    """(2, 3) from f(2, 3) as well as from f((2, 3))."""
    if len(shape) == 1 and isinstance(shape[0], (tuple, list)):
        shape = shape[0]
    return tuple(operator.index(n) for n in shape)


def indices_of(indices: Any, what: str, follow: Callable[[Any], Any] | None = None) -> Any:
    """An integer array of one's own, from whatever says which entries.

    follow  under jit, indices in a Tensor are other ones at every run: follow(array) looks at them and returns
            them; None: what becomes of them here, jit cannot follow
    """
    if isinstance(indices, Traced):
        if captures and (capture := capturing()):
            if follow is None or not indices._data.ndim:
                raise capture.escape(f"{what} with indices in a Tensor")
            array = follow(_whole(indices._data, what))
            capture.derive(array, indices, lambda values: follow(_whole(values, what)))
            return array
        indices = indices._data
    array = _whole(indices, what)
    return array if follow is None else follow(array)


def _whole(indices: Any, what: str) -> Any:
    array = np.array(indices)
    if array.size == 0 and array.dtype.kind == "f" and not isinstance(indices, _ARRAYS):
        return array.astype(np.intp)  # [] picks nothing
    if array.dtype.kind not in "iu":
        raise DtypeError(f"{what} needs integers as indices, and got {array.dtype}.  With a mask, write x[mask]")
    return array.astype(np.intp)


def along(axis: int, key: Any) -> tuple[Any, ...]:
    """x[along(2, key)] is x[:, :, key]."""
    return (*(slice(None),) * axis, key)


def with_axes(x: Any, count: int, name: str) -> Any:
    """x as an array, if it has so many axes at least."""
    x = as_given(x)
    if len(x.shape) < count:
        raise ShapeError(f"{name} needs {count} axes at least: x has shape {x.shape}")
    return x
