"""Augmentation: pictures moved, turned, mirrored; the same answer, other numbers.

A picture is the last two axes, (rows, columns): x is (N, rows, columns) or (N, channels, rows, columns), floats.
`shift` and `rotate` say by how much; Shift, Rotate, Flip, Crop and Chain draw that for each picture, and
are what nn.data.Loader(augment=…) takes:

    Loader(data.train, augment=Chain(Rotate(10), Shift(2)))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_edu import DataError

__all__ = ["Chain", "Crop", "Flip", "Rotate", "Shift", "rotate", "shift"]

Array: TypeAlias = NDArray[Any]
BORDERS = ("zero", "edge")


# --- by how much one says -------------------------------------------------------------------------


def shift(x: ArrayLike, down: ArrayLike, right: ArrayLike, border: str = "zero") -> Array:
    """Each picture moved down and right by so many pixels, a number each or one for all; negative: up, left.

    y[i, j] = x[i - down, j - right], between pixels the bilinear mean of the four around.
    Beyond the border is 0, or with border="edge" the nearest pixel.  Whole pixels: exactly the same numbers.
    """
    x = _pictures(x, "shift")
    _check_border(border)
    n, (rows, columns) = len(x), x.shape[-2:]
    row = -_each(down, n, "down", x.dtype).clip(-rows, rows)  # where the upper left pixel comes from
    column = -_each(right, n, "right", x.dtype).clip(-columns, columns)
    top, left = np.floor(row), np.floor(column)
    frame = 1 + int(max(np.abs(top).max(initial=0), np.abs(left).max(initial=0)))
    y = _pieces(_framed(x, frame, "edge" if border == "edge" else "constant"), top, left, frame, 1)
    y = _between(y[:, :, :-1], y[:, :, 1:], (row - top)[:, None, None, None])
    return _between(y[..., :-1], y[..., 1:], (column - left)[:, None, None, None]).reshape(x.shape)


def rotate(x: ArrayLike, degrees: ArrayLike, border: str = "zero") -> Array:
    """Each picture turned anticlockwise about its centre, by an angle each or one for all; the size stays.

    Bilinear as in `shift`.  Square pictures and multiples of 90 degrees: exactly the same numbers, as np.rot90.
    """
    x = _pictures(x, "rotate")
    n, (rows, columns) = len(x), x.shape[-2:]
    angle = np.deg2rad(_each(degrees, n, "degrees", np.dtype(np.float64)))
    # 15 digits: cos 90° is 6e-17 in floating point, and would blur what is exact
    cos, sin = (f(angle).round(15).astype(x.dtype)[:, None, None] for f in (np.cos, np.sin))
    i = (np.arange(rows, dtype=x.dtype) - (rows - 1) / 2)[:, None]  # from the centre
    j = np.arange(columns, dtype=x.dtype) - (columns - 1) / 2
    return _bilinear(x, cos * i + sin * j + (rows - 1) / 2, cos * j - sin * i + (columns - 1) / 2, border)


def _bilinear(x: Array, row: Array, column: Array, border: str) -> Array:
    """y[n, …, i, j] = x[n, …] at (row[n, i, j], column[n, i, j]), the mean of the four pixels around.

    x (N, …, R, C); row and column broadcast to (N, I, J).  Each picture gets a frame of zeros, one wide above
    and left and two below and right, in which every place outside finds its neighbours.
    """
    _check_border(border)
    rows, columns = x.shape[-2:]
    beyond = 0 if border == "edge" else 1
    row, column = row.clip(-beyond, rows - 1 + beyond), column.clip(-beyond, columns - 1 + beyond)
    top, left = np.floor(row), np.floor(column)
    down, right = row - top, column - left  # the fractions, in [0, 1)
    pictures = x.reshape(len(x), math.prod(x.shape[1:-2]), rows, columns)
    framed = np.zeros((*pictures.shape[:2], rows + 3, columns + 3), x.dtype)
    framed[:, :, 1:-2, 1:-2] = pictures
    width = columns + 3
    place = (top.astype(np.intp) + 1) * width + (left.astype(np.intp) + 1)  # (N, I, J): of the upper left neighbour
    first = np.arange(framed.shape[0] * framed.shape[1]).reshape(*framed.shape[:2], 1, 1) * ((rows + 3) * width)
    place = place[:, None] + first  # (N, channels, I, J)
    flat, down, right = framed.reshape(-1), down[:, None], right[:, None]
    upper = _between(flat.take(place), flat.take(place + 1), right)
    lower = _between(flat.take(place + width), flat.take(place + (width + 1)), right)
    return _between(upper, lower, down).reshape(x.shape)


def _framed(x: Array, frame: int, mode: Any) -> Array:
    """(N, …, rows, columns) -> (N, channels, rows + 2 frame, columns + 2 frame)"""
    pictures = x.reshape(len(x), math.prod(x.shape[1:-2]), *x.shape[-2:])
    return np.pad(pictures, ((0, 0), (0, 0), (frame, frame), (frame, frame)), mode)


def _pieces(framed: Array, top: Array, left: Array, frame: int, more: int = 0) -> Array:
    """A piece of each framed picture, `more` pixels larger than it was; its corner is (top, left) of the picture."""
    size = tuple(side - 2 * frame + more for side in framed.shape[-2:])
    top, left = (start.astype(np.intp) + frame for start in (top, left))
    places = np.lib.stride_tricks.sliding_window_view(framed, size, axis=(2, 3))
    return places[np.arange(len(framed)), :, top, left]


def _between(a: Array, b: Array, t: Array) -> Array:
    """a at t = 0, exactly, towards b at t = 1."""
    return a + t * (b - a) if t.any() else a


# --- drawn for each picture -----------------------------------------------------------------------


class Shift:
    """Each picture moved by up to `most` pixels down or up and right or left; whole pixels if `whole`."""

    def __init__(self, most: float, *, whole: bool = False, border: str = "zero") -> None:
        self.most, self.whole, self.border = _positive(most, "Shift: most, in pixels,", whole=whole), whole, border
        _check_border(border)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        x = _pictures(x, "Shift")
        if self.whole:
            down, right = rng.integers(-int(self.most), int(self.most), (2, len(x)), endpoint=True)
        else:
            down, right = rng.uniform(-self.most, self.most, (2, len(x)))
        return shift(x, down, right, self.border)

    def __repr__(self) -> str:
        return f"Shift({self.most}, whole={self.whole}, border={self.border!r})"


class Rotate:
    """Each picture turned by up to `most` degrees, either way."""

    def __init__(self, most: float, *, border: str = "zero") -> None:
        self.most, self.border = _positive(most, "Rotate: most, in degrees,"), border
        _check_border(border)

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        x = _pictures(x, "Rotate")
        return rotate(x, rng.uniform(-self.most, self.most, len(x)), self.border)

    def __repr__(self) -> str:
        return f"Rotate({self.most}, border={self.border!r})"


class Flip:
    """Each picture mirrored, left to right, with probability p.  Not for digits and letters."""

    def __init__(self, p: float = 0.5) -> None:
        self.p = _positive(p, "Flip: p, a probability,")
        if p > 1:
            raise DataError(f"Flip: p, a probability, is at most 1, not {p!r}")

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        x = _pictures(x, "Flip").copy()
        mirrored = rng.random(len(x)) < self.p
        x[mirrored] = x[mirrored, ..., ::-1]
        return x

    def __repr__(self) -> str:
        return f"Flip({self.p})"


class Crop:
    """Each picture framed by `padding` pixels of zeros, or mirrored ones, and a piece of its own size cut out."""

    def __init__(self, padding: int, *, border: str = "zero") -> None:
        self.padding, self.border = int(_positive(padding, "Crop: padding, in pixels,", whole=True)), border
        if border not in ("zero", "mirror"):
            raise DataError(f"Crop: border is one of 'zero', 'mirror', not {border!r}")

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        x = _pictures(x, "Crop")
        shape, p = x.shape, self.padding
        if self.border == "mirror" and p >= min(shape[-2:]):
            raise DataError(
                f"Crop: pictures of {shape[-2:]} cannot be mirrored {p} pixels wide: at most {min(shape[-2:]) - 1}"
            )
        top, left = rng.integers(-p, p, (2, len(x)), endpoint=True)
        return _pieces(_framed(x, p, "reflect" if self.border == "mirror" else "constant"), top, left, p).reshape(shape)

    def __repr__(self) -> str:
        return f"Crop({self.padding}, border={self.border!r})"


class Chain:
    """One augmentation after the other."""

    def __init__(self, *steps: Callable[[Array, np.random.Generator], Array]) -> None:
        for step in steps:
            if not callable(step):
                raise DataError(f"Chain takes augmentations, functions of (x, rng), not {step!r:.60}")
        self.steps = steps

    def __call__(self, x: Array, rng: np.random.Generator) -> Array:
        for step in self.steps:
            x = step(x, rng)
        return x

    def __repr__(self) -> str:
        return f"Chain({', '.join(map(repr, self.steps))})"


# --- what was given -------------------------------------------------------------------------------


def _pictures(x: ArrayLike, what: str) -> Array:
    x = np.asarray(x)
    if x.ndim not in (3, 4) or x.dtype.kind != "f":
        raise DataError(
            f"{what} takes pictures as floats (N, rows, columns) or (N, channels, rows, columns), not "
            f"{x.shape} {x.dtype}.  Flat ones: x.reshape(-1, 28, 28), or Examples(…, image_shape=(28, 28))"
        )
    return x


def _each(values: ArrayLike, n: int, name: str, dtype: np.dtype[Any]) -> Array:
    """One finite number per picture."""
    numbers = np.asarray(values)
    if numbers.shape not in ((), (n,)) or numbers.dtype.kind not in "iuf" or not np.isfinite(numbers).all():
        raise DataError(f"{name} is one finite number, or one for each of {n} pictures, not {values!r:.60}")
    return np.broadcast_to(numbers.astype(dtype), (n,))


def _check_border(border: str) -> None:
    if border not in BORDERS:
        raise DataError(f"border is one of {', '.join(map(repr, BORDERS))}, not {border!r}")


def _positive(value: Any, name: str, *, whole: bool = False) -> float:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not 0 <= value < math.inf or (whole and value != int(value)):
        raise DataError(f"{name} is a {'whole ' if whole else ''}number, 0 or more, not {value!r:.60}")
    return value
