"""Where values are: a Home is a piece of memory, a Cell a way to look at it.  Views cost nothing: they are Cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Cell", "Home", "contiguous", "viewed"]

Shape = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Home:
    """A piece of memory that one kernel fills, or that is there from the start.

    name    its name in the C text
    slot    its number in the table of pointers, for what comes from outside or is handed back; None: scratch memory
    offset  where in the scratch memory it begins, in bytes; None: it is never stored
    made    the number of the kernel that fills it; -1: it is there from the start
    joins   can the same kernel go on with its entries, one by one?
    """

    name: str
    dtype: np.dtype[Any]
    size: int
    slot: int | None = None
    offset: int | None = None
    made: int = -1
    joins: bool = False
    last_only: bool = False  # nobody reads it but the caller, after the last run

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize


@dataclass(eq=False, slots=True, frozen=True)
class Cell:
    """An array: the entries of a home at offset + sum of index times stride, counted in entries."""

    home: Home
    shape: Shape
    strides: Shape
    offset: int = 0

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.home.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def is_whole(self) -> bool:
        """Is it all of its home, in order?"""
        return self.offset == 0 and self.size == self.home.size and is_contiguous(self.shape, self.strides)

    def along(self, shape: Shape) -> Shape:
        """Its strides when it is broadcast to a shape."""
        missing = len(shape) - self.ndim
        own = (0 if n == 1 else s for n, s in zip(self.shape, self.strides, strict=True))
        return (0,) * missing + tuple(own)


def contiguous(shape: Shape) -> Shape:
    """The strides of entries that lie in order."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def is_contiguous(shape: Shape, strides: Shape) -> bool:
    """Do the entries lie in order?  Axes of length 1 do not count."""
    return all(n == 1 or s == t for n, s, t in zip(shape, strides, contiguous(shape), strict=True))


# ---- ops that only look: shape and strides of the result, or None where entries must be moved ---------------


def _reshaped(x: Cell, *, shape: Any) -> Cell | None:
    if is_contiguous(x.shape, x.strides):
        return Cell(x.home, shape, contiguous(shape), x.offset)
    strides = _split_and_joined(x, shape)
    return None if strides is None else Cell(x.home, shape, strides, x.offset)


def _split_and_joined(x: Cell, shape: Shape) -> Shape | None:
    """Axes of the old and the new shape are matched in runs of equal size; each run must be regular memory."""
    old = [(n, s) for n, s in zip(x.shape, x.strides, strict=True) if n != 1]
    if not all(n for n, _ in old):
        return contiguous(shape)
    strides: list[int] = []
    i = j = 0
    while j < len(shape):
        if shape[j] == 1:
            strides.append(0)
            j += 1
            continue
        start_i, start_j = i, j
        size_i, size_j = old[i][0], shape[j]
        while size_i != size_j:
            if size_i < size_j:
                i += 1
                size_i *= old[i][0]
            else:
                j += 1
                size_j *= shape[j]
        for (_, left), (n, right) in zip(old[start_i:i], old[start_i + 1 : i + 1], strict=True):
            if left != n * right:
                return None
        step, run = old[i][1], []
        for n in reversed(shape[start_j : j + 1]):
            run.append(step if n != 1 else 0)
            step *= n
        strides += reversed(run)
        i, j = i + 1, j + 1
    return tuple(strides)


def _transposed(x: Cell, *, axes: Shape) -> Cell:
    return Cell(x.home, tuple(x.shape[a] for a in axes), tuple(x.strides[a] for a in axes), x.offset)


def _broadcast(x: Cell, *, shape: Shape) -> Cell:
    return Cell(x.home, shape, x.along(shape), x.offset)


def picked(x: Cell, key: Any) -> Cell | None:
    """x[key] for a key of integers, slices, None and ...; None for other keys."""
    parts = key if isinstance(key, tuple) else (key,)
    if not all(k is None or k is Ellipsis or type(k) is int or isinstance(k, slice) for k in parts):
        return None
    if Ellipsis not in parts:
        parts = (*parts, Ellipsis)
    place = parts.index(Ellipsis)
    missing = x.ndim - sum(k is not None and k is not Ellipsis for k in parts)
    parts = (*parts[:place], *(slice(None),) * missing, *parts[place + 1 :])
    shape, strides, offset, axis = [], [], x.offset, 0
    for k in parts:
        if k is None:
            shape.append(1)
            strides.append(0)
            continue
        n, s = x.shape[axis], x.strides[axis]
        axis += 1
        if isinstance(k, slice):
            start, stop, step = k.indices(n)
            count = len(range(start, stop, step))
            shape.append(count)
            strides.append(s * step)
            offset += start * s if count else 0
        else:
            offset += (k + n if k < 0 else k) * s
    return Cell(x.home, tuple(shape), tuple(strides), offset)


def _windows(x: Cell, *, size: Any, stride: Any, dilation: Any) -> Cell:
    (h, c, w, n), (sh, sc, sw, sn) = x.shape, x.strides
    (kh, kw), (s, t), (d, e) = size, stride, dilation
    shape = ((h - d * (kh - 1) - 1) // s + 1, c, kh, kw, (w - e * (kw - 1) - 1) // t + 1, n)
    return Cell(x.home, shape, (s * sh, sc, d * sh, e * sw, t * sw, sn), x.offset)


_VIEWS: dict[str, Any] = {
    "reshape": _reshaped,
    "transpose": _transposed,
    "broadcast_to": _broadcast,
    "identity": lambda x: x,
    "getitem": lambda x, *, key: picked(x, key),
    "windows": _windows,
}


def viewed(op: str, x: Cell, params: dict[str, Any]) -> Cell | None:
    """The result of an op that only looks at x in another way; None if op is not one, or has to move entries."""
    look = _VIEWS.get(op)
    return None if look is None else look(x, **params)
