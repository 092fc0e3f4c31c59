"""The same entries in another shape, or in another order."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from ..errors import ShapeError
from ..ops import shape as s
from .arguments import Axis, along, as_given, axes_of, shape_of, with_axes

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_to",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "moveaxis",
    "ravel",
    "reshape",
    "roll",
    "rot90",
    "squeeze",
    "swapaxes",
    "transpose",
]


# ---- another shape ---------------------------------------------------------------------------------------


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


def ravel(x: Any) -> Any:
    """All entries along one axis."""
    return reshape(x, -1)


def squeeze(x: Any, axis: Axis = None) -> Any:
    """Without the given axes of size 1; without all of them if none is given."""
    x = as_given(x)
    shape = x.shape
    gone = axes_of(axis, len(shape)) if axis is not None else tuple(i for i, n in enumerate(shape) if n == 1)
    for k in gone:
        if shape[k] != 1:
            raise ShapeError(f"squeeze: axis {k} of {shape} has {shape[k]} entries; only an axis of size 1 can go")
    return s.reshape(x, shape=tuple(n for i, n in enumerate(shape) if i not in gone))


def expand_dims(x: Any, axis: int | tuple[int, ...]) -> Any:
    """With new axes of size 1, which stand at the given places of the result."""
    x = as_given(x)
    count = len(axis) if isinstance(axis, tuple) else 1
    new = axes_of(axis, len(x.shape) + count)
    sizes = iter(x.shape)
    return s.reshape(x, shape=tuple(1 if i in new else next(sizes) for i in range(len(x.shape) + count)))


def atleast_1d(*xs: Any) -> Any:
    """A single number becomes a vector of one entry: () -> (1,)."""
    return _each(lambda x: x if x.shape else s.reshape(x, shape=(1,)), xs)


def atleast_2d(*xs: Any) -> Any:
    """A vector becomes a row: () -> (1, 1), (n,) -> (1, n)."""
    return _each(lambda x: x if len(x.shape) > 1 else s.reshape(x, shape=(1, *(x.shape or (1,)))), xs)


def atleast_3d(*xs: Any) -> Any:
    """Three axes at least: () -> (1, 1, 1), (n,) -> (1, n, 1), (m, n) -> (m, n, 1)."""

    def at_least_3(x: Any) -> Any:
        n = len(x.shape)
        return x if n > 2 else s.reshape(x, shape=(*x.shape, 1) if n == 2 else (1, *(x.shape or (1,)), 1))

    return _each(at_least_3, xs)


def _each(change: Callable[[Any], Any], xs: tuple[Any, ...]) -> Any:
    """change(x) of a single x, a tuple for several, as NumPy's atleast functions give."""
    changed = tuple(change(as_given(x)) for x in xs)
    return changed[0] if len(changed) == 1 else changed


# ---- another order ---------------------------------------------------------------------------------------


def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes change places."""
    x = as_given(x)
    order = list(range(len(x.shape)))
    (i,), (j,) = axes_of(axis1, len(order)), axes_of(axis2, len(order))
    order[i], order[j] = order[j], order[i]
    return s.transpose(x, axes=tuple(order))


def moveaxis(x: Any, source: int | tuple[int, ...], destination: int | tuple[int, ...]) -> Any:
    """Axes move to the given places; the others stay in their order."""
    x = as_given(x)
    n = len(x.shape)
    taken, places = axes_of(_tuple(source), n), axes_of(_tuple(destination), n)
    if len(taken) != len(places):
        raise ShapeError(f"moveaxis: {len(taken)} axes cannot move to {len(places)} places: {source} to {destination}")
    moved = dict(zip(places, taken, strict=True))
    rest = (i for i in range(n) if i not in taken)
    return s.transpose(x, axes=tuple(moved[i] if i in moved else next(rest) for i in range(n)))


def _tuple(axis: Any) -> Any:
    """(0, 1) from the list [0, 1] too."""
    return tuple(axis) if isinstance(axis, list) else axis


def flip(x: Any, axis: Axis = None) -> Any:
    """The entries in reverse order along the given axes, or along all."""
    x = as_given(x)
    axes = axes_of(axis, len(x.shape))
    back = slice(None, None, -1)
    return s.getitem(x, key=tuple(back if i in axes else slice(None) for i in range(len(x.shape))))


def fliplr(x: Any) -> Any:
    """Left becomes right: the second axis in reverse order."""
    return flip(with_axes(x, 2, "fliplr"), 1)


def flipud(x: Any) -> Any:
    """Top becomes bottom: the first axis in reverse order."""
    return flip(with_axes(x, 1, "flipud"), 0)


def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """k quarter turns, from the first of the two axes towards the second."""
    x = with_axes(x, 2, "rot90")
    if len(axes) != 2:
        raise ShapeError(f"rot90 turns in the plane of two axes: got {axes}")
    i, j = axes_of(tuple(axes), len(x.shape))
    k %= 4
    if k == 2:
        return flip(x, (i, j))
    return x if k == 0 else flip(swapaxes(x, i, j), i) if k == 1 else flip(swapaxes(x, i, j), j)


def roll(x: Any, shift: int | tuple[int, ...], axis: Axis = None) -> Any:
    """Entries move on by `shift` places along the axis; those that fall off the end come in at the start."""
    x = as_given(x)
    if axis is None:
        if isinstance(shift, tuple):
            return roll(x, sum(shift))
        return s.reshape(roll(reshape(x, -1), shift, 0), shape=x.shape)
    axes = axis if isinstance(axis, tuple) else (axis,)
    shifts = shift if isinstance(shift, tuple) else (shift,) * len(axes)
    if len(shifts) == 1:
        shifts *= len(axes)
    axes *= len(shifts) if len(axes) == 1 else 1
    if len(shifts) != len(axes):
        raise ShapeError(f"roll: {len(shifts)} shifts for {len(axes)} axes: shift={shift}, axis={axis}")
    for one, by in zip(axes, shifts, strict=True):
        (k,) = axes_of(one, len(x.shape))
        at = -operator.index(by) % x.shape[k] if x.shape[k] else 0
        if at:
            end, start = s.getitem(x, key=along(k, slice(at, None))), s.getitem(x, key=along(k, slice(at)))
            x = s.concatenate(end, start, axis=k)
    return x
