"""Some of the entries: picked out, replaced, left out, found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..capture import captures
from ..errors import DtypeError, ShapeError
from ..op import Traced
from ..ops import elementwise as e
from ..ops import shape as s
from ..values import frozen_key
from .arguments import along, as_given, axes_of, indices_of, with_axes
from .joining import concatenate, stack
from .repeating import broadcast_arrays
from .shapes import broadcast_to, moveaxis, reshape

__all__ = [
    "argwhere",
    "at_add",
    "at_set",
    "choose",
    "compress",
    "delete",
    "embedding",
    "extract",
    "flatnonzero",
    "insert",
    "nonzero",
    "take",
    "take_along_axis",
]


# ---- picked out ------------------------------------------------------------------------------------------


def take(x: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Any:
    """The entries x[..., indices, ...] along an axis; axis=None flattens x first.

    mode  what happens to an index that does not exist: "raise", "wrap" (it goes round) or "clip" (to the nearest)
    """
    x = as_given(x)
    places = indices_of(indices, "take", (lambda array: array) if mode == "raise" else None)
    if axis is None:
        x, axis = reshape(x, -1), 0
    (axis,) = axes_of(axis, len(x.shape))
    n = x.shape[axis]
    if mode not in ("raise", "wrap", "clip"):
        raise ShapeError(f"take: mode is 'raise', 'wrap' or 'clip', not {mode!r}")
    if mode != "raise" and n:
        places = places % n if mode == "wrap" else np.clip(places, 0, n - 1)
    return s.getitem(x, key=along(axis, places) if axis else places if places.ndim else int(places))


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """z[i, j] = x[i, indices[i, j]] for axis=1: in each line of its own, the entries named there.

    x (…, n, …), indices (…, m, …) -> (…, m, …);  what argsort and argmax(keepdims=True) return are such indices.
    """
    x = as_given(x)
    places = indices_of(indices, "take_along_axis", lambda array: array)
    if axis is None:
        x, axis = reshape(x, -1), 0
    (axis,) = axes_of(axis, len(x.shape))
    others = [(m, n) for i, (m, n) in enumerate(zip(places.shape, x.shape, strict=False)) if i != axis]
    if places.ndim != len(x.shape) or any(m != n and 1 not in (m, n) for m, n in others):
        raise ShapeError(
            f"take_along_axis needs as many axes in both, of equal sizes but for axis {axis}: "
            f"x {x.shape}, indices {places.shape}"
        )
    lines = np.ix_(*(np.arange(n) for n in x.shape))
    return s.getitem(x, key=(*lines[:axis], places, *lines[axis + 1 :]))


def compress(condition: Any, x: Any, axis: int | None = None) -> Any:
    """The entries along an axis for which the condition, a vector, holds; axis=None flattens x first."""
    holds = _mask(condition)
    if holds.ndim != 1:
        raise ShapeError(f"compress needs a vector of conditions, and got shape {holds.shape}")
    return take(x, np.flatnonzero(holds), axis)


def extract(condition: Any, x: Any) -> Any:
    """The entries for which the condition holds, along one axis."""
    return compress(_mask(condition).ravel(), x)


def choose(indices: Any, choices: Sequence[Any], *, mode: str = "raise") -> Any:
    """Entry by entry, the one of the choices that the index names: z[i] = choices[indices[i]][i]."""
    places = indices_of(indices, "choose")
    if mode != "raise":
        places = places % len(choices) if mode == "wrap" else np.clip(places, 0, len(choices) - 1)
    elif np.any((places < 0) | (places >= len(choices))):
        raise IndexError(f"choose: an index is one of 0 … {len(choices) - 1}, for there are {len(choices)} choices")
    places, *lines = broadcast_arrays(places, *choices)
    grid = np.ix_(*(np.arange(n) for n in places.shape)) if places.shape else ()
    return s.getitem(stack(lines), key=(frozen_key(places), *grid))


def embedding(weight: Any, indices: Any) -> Any:
    """Rows of a table, one for each index: z[i] = weight[indices[i]].

    weight (n, d), indices (…) of 0 … n - 1 -> (…, d).  A row that is picked several times gets the sum of the
    gradients: the same as one_hot(indices) @ weight, without the products by 0.
    """
    weight = with_axes(weight, 1, "embedding")
    n = weight.shape[0]

    def existing(places: Any) -> Any:
        wrong = places[(places < 0) | (places >= n)]
        if wrong.size:
            raise IndexError(f"embedding: the table has {n} rows, 0 … {n - 1}; there is no row {wrong[0]}")
        return places

    places = indices_of(indices, "embedding", existing)
    return s.getitem(weight, key=places if places.ndim else int(places))


# ---- replaced: a new array each time, for the values of a Tensor cannot be written to ---------------------


def at_set(x: Any, key: Any, value: Any) -> Any:
    """x, but value at [key]:  z = copy of x, z[key] = value.

    Gradients flow to x, except at [key], and to the value.  Where the key names a place several times, the
    last value (in reading order) stays, and it alone has a gradient.
    """
    x, value, key = _written(x, key, value, "at_set")
    return s.setitem(x, value, key=key)


def at_add(x: Any, key: Any, value: Any) -> Any:
    """x, and value added at [key]; where the key names a place several times, it gets all of them.

    Unlike NumPy's z[key] += value, which keeps only the last one, and like np.add.at(z, key, value).
    """
    x, value, key = _written(x, key, value, "at_add")
    return x + s.scatter_add(value, key=key, shape=x.shape)


def _written(x: Any, key: Any, value: Any, name: str) -> Any:
    """x; the value, in x's dtype and of a shape that broadcasts to x[key]; and the key, which nobody can change."""
    x, value, key = as_given(x), as_given(value), frozen_key(key)
    room = np.broadcast_to(np.empty(()), x.shape)[key].shape  # needs no memory
    given = value.shape
    while len(value.shape) > len(room) and value.shape[0] == 1:  # as in NumPy, z[0] = [[1, 2]] is z[0] = [1, 2]
        value = s.reshape(value, shape=value.shape[1:])
    if len(value.shape) > len(room) or any(
        m not in (1, n) for m, n in zip(value.shape[::-1], room[::-1], strict=False)
    ):
        raise ShapeError(f"{name}: values of shape {given} do not fit into x[key] of shape {room}, x has {x.shape}")
    return x, _as_dtype(value, x.dtype), key


def _as_dtype(value: Any, dtype: Any) -> Any:
    """Values to be written among others of this dtype; a fraction among integers would be cut off."""
    if value.dtype == dtype:
        return value
    if "biuf".index(value.dtype.kind) > "biuf".index(dtype.kind):
        raise DtypeError(
            f"values of dtype {value.dtype} do not fit among {dtype}: x.astype({value.dtype.name!r}) first"
        )
    return e.astype(value, dtype=dtype)


def _mask(condition: Any) -> Any:
    """Which entries of a condition hold; a Tensor leaves the graph here, for a condition has no gradient."""
    if captures and isinstance(condition, Traced):
        condition._leaves("a mask in a Tensor")
    return np.asarray(condition._data if isinstance(condition, Traced) else condition) != 0


def _plain(index: Any) -> Any:
    """An index for NumPy's own functions of index vectors: a slice, an integer, or an array."""
    if captures and isinstance(index, Traced):
        index._leaves("an index in a Tensor")
    key = frozen_key(index)
    return np.array(key) if isinstance(key, (tuple, range)) else key


# ---- left out and put between ----------------------------------------------------------------------------


def delete(x: Any, obj: Any, axis: int | None = None) -> Any:
    """x without the entries at an index, a slice, or indices along an axis; axis=None flattens x first."""
    x = as_given(x)
    if axis is None:
        x, axis = reshape(x, -1), 0
    (axis,) = axes_of(axis, len(x.shape))
    return take(x, np.delete(np.arange(x.shape[axis]), _plain(obj)), axis)


def insert(x: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """x with values put before the entries at an index, a slice, or indices along an axis; None flattens x first."""
    x, values = as_given(x), as_given(values)
    if axis is None:
        x, axis = reshape(x, -1), 0
    (axis,) = axes_of(axis, len(x.shape))
    index = _plain(obj)
    n = x.shape[axis]
    others = (*x.shape[:axis], *x.shape[axis + 1 :])
    missing = len(x.shape) - len(values.shape)
    values = reshape(values, (1,) * missing + values.shape) if missing > 0 else values
    count = np.insert(np.arange(n), index, 0).size - n
    if count == 1:  # one place for all of them
        values = moveaxis(values, 0, axis) if np.ndim(index) == 0 and not isinstance(index, slice) else values
        count = values.shape[axis]
    values = broadcast_to(values, (*others[:axis], count, *others[axis:]))
    order = np.insert(np.arange(n), index, np.arange(n, n + count))
    return take(concatenate([x, _as_dtype(values, x.dtype)], axis), order, axis)


# ---- found -----------------------------------------------------------------------------------------------


def argwhere(x: Any) -> Any:
    """The indices of the entries that are not 0, or are True, one a row: (…) -> (how many, axes)."""
    return s.argwhere(as_given(x))


def nonzero(x: Any) -> tuple[Any, ...]:
    """The indices of the entries that are not 0, or are True, one vector for each axis: x[nonzero(x)] are these."""
    rows = argwhere(with_axes(x, 1, "nonzero"))
    return tuple(s.getitem(rows, key=(slice(None), i)) for i in range(rows.shape[1]))


def flatnonzero(x: Any) -> Any:
    """The indices, in x.ravel(), of the entries that are not 0, or are True."""
    return nonzero(reshape(x, -1))[0]
