"""Pairs (x, y(x)) to learn from: Examples, Dataset, one-hot answers, and plain mini-batches."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_edu import DataError

__all__ = ["Dataset", "Examples", "batches", "check_labels", "check_whole", "one_hot"]

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Examples:
    """N pairs (x, y(x)), one per row.

    x (N, n_in): the inputs, floats; for images in [0, 1].  Or pictures (N, channels, rows, columns).
    y (N, n_classes): the wanted activities, floats, one-hot.
    labels (N,): the same answers as integers.
    image_shape: x[i].reshape(image_shape) is the picture, (rows, columns) or (channels, rows, columns); None if
        the inputs are no pictures.
    Lengths or shapes that differ, NaN or inf, a label that y contradicts: DataError with the first bad entry.
    """

    x: Array
    y: Array
    labels: Array
    image_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_floats(self.x, "x")
        check_floats(self.y, "y")
        check_labels(self.labels, self.y.shape[1], "Examples")
        n, n_in = len(self.x), math.prod(self.x.shape[1:])
        if len(self.y) != n or len(self.labels) != n:
            raise DataError(
                f"Examples: every x needs one y and one label, but x has {n} rows, y has {len(self.y)} "
                f"and labels has {len(self.labels)} entries."
            )
        contradicted = self.y[np.arange(n), self.labels] < self.y.max(axis=1)
        if contradicted.any():
            i = int(contradicted.argmax())
            raise DataError(
                f"Examples: labels[{i}] = {self.labels[i]}, but the largest entry of y[{i}] is number "
                f"{self.y[i].argmax()}.  Write y = one_hot(labels)."
            )
        if self.image_shape is not None and math.prod(self.image_shape) != n_in:
            raise DataError(
                f"Examples: image_shape {self.image_shape} has {math.prod(self.image_shape)} pixels, "
                f"but each row of x has {n_in} numbers."
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: slice | ArrayLike) -> Examples:
        """Some of the examples: a slice (shares memory), or a list of row numbers or booleans (copies)."""
        if not isinstance(index, slice):
            rows = np.asarray(index) if not isinstance(index, tuple) else np.array(0)
            if rows.ndim != 1:
                raise DataError(
                    f"examples[{index!r}]: give a slice or a list of row numbers: examples[3:4], "
                    "examples[[3, 1, 4]].  One pair: examples.x[3], examples.y[3].  A loop: nn.data.batches."
                )
            index = rows if rows.size else rows.astype(np.int64)  # NumPy takes [] for floats
        return Examples(self.x[index], self.y[index], self.labels[index], self.image_shape)

    def flat(self) -> Examples:
        """The same with x (N, n_in), one row of numbers each, as a Linear layer takes them; shares memory."""
        return replace(self, x=self.x.reshape(len(self), math.prod(self.x.shape[1:])))

    def images(self) -> Examples:
        """The same with x (N, channels, rows, columns), as a convolution takes them; shares memory."""
        if self.image_shape is None or len(self.image_shape) not in (2, 3):
            raise DataError(
                f"these examples are no pictures: image_shape is {self.image_shape}.  "
                "Write nn.Examples(x, y, labels, image_shape=(28, 28))"
            )
        channels = self.image_shape[:-2] or (1,)
        return replace(self, x=self.x.reshape(len(self), *channels, *self.image_shape[-2:]))

    def __repr__(self) -> str:
        picture = "" if self.image_shape is None else f", image_shape={self.image_shape}"
        return f"Examples(N={len(self)}, x {self.x.shape} {self.x.dtype}, y {self.y.shape}{picture})"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples to learn from (train), to choose settings with (validation, or None), to judge with (test).

    classes: the names of the labels 0, 1, …; () where the labels are their own names, as digits are.
    """

    name: str
    train: Examples
    validation: Examples | None
    test: Examples
    classes: tuple[str, ...] = ()

    def flat(self) -> Dataset:
        """The same with x (N, n_in) in each part, as a Linear layer takes them."""
        return self._each(Examples.flat)

    def images(self) -> Dataset:
        """The same with x (N, channels, rows, columns) in each part, as a convolution takes them."""
        return self._each(Examples.images)

    def _each(self, change: Callable[[Examples], Examples]) -> Dataset:
        kept = None if self.validation is None else change(self.validation)
        return replace(self, train=change(self.train), validation=kept, test=change(self.test))


def check_floats(values: Any, name: str) -> None:
    """Finite floats, one row per example, for x also one array; DataError names the first entry that is not."""
    axes = 2 if name == "y" else 5
    if not isinstance(values, np.ndarray) or not 2 <= values.ndim <= axes or 0 in values.shape[1:]:
        pictures = "" if name == "y" else ", or of pictures (N, channels, rows, columns)"
        raise DataError(
            f"Examples: {name} is an array of shape (N, n), one row each{pictures}, not {described(values)}."
        )
    if values.dtype.kind != "f":
        raise DataError(f"Examples: {name} has dtype {values.dtype}.  Write {name}.astype(np.float32).")
    extremes = values.min(initial=0), values.max(initial=0)  # they carry NaN on, and need no mask as large as x
    if not np.isfinite(extremes).all():
        where = tuple(np.argwhere(~np.isfinite(values))[0])
        entry = ", ".join(map(str, where))
        raise DataError(f"Examples: {name}[{entry}] is {values[where]}; learning needs finite numbers.")


def check_labels(labels: Any, classes: int, where: str) -> None:
    """One integer of 0 ... classes - 1 per example; DataError names the first entry that is not."""
    valid = f"integers from 0 to {classes - 1}"
    if not isinstance(labels, np.ndarray) or labels.ndim != 1:
        raise DataError(f"{where}: labels is an array of shape (N,) of {valid}, not {described(labels)}.")
    if labels.dtype.kind not in "iu":
        first = f"labels[0] = {labels[0]!r} of " if labels.size else ""
        raise DataError(f"{where}: labels are {valid}, not {first}{labels.dtype}.  Write labels.astype(np.int64).")
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(f"{where}: labels[{i}] = {labels[i]}; the labels of {classes} classes are {valid}.")


def described(values: object) -> str:
    return f"shape {values.shape}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"


def one_hot(labels: ArrayLike, classes: int = 10, dtype: DTypeLike = np.float32) -> Array:
    """y[n, i] = 1 if i = labels[n], else 0.     (N,) -> (N, classes)

    >>> one_hot([2, 0], classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    if labels.shape == (0,):
        labels = labels.astype(np.int64)  # NumPy takes [] for floats
    check_labels(labels, classes, "one_hot")
    y = np.zeros((len(labels), classes), dtype)
    y[np.arange(len(labels)), labels] = 1
    return y


def batches(examples: Examples, size: int, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
    """The mini-batches (x, y) of one epoch: every example once, `size` at a time, the last may be smaller.

    Shuffled if a generator is given (the same state of it gives the same order), else as the examples stand: parts of
    their arrays then, and read-only.
    """
    check_whole(size, 1, None, "batches: size, the examples in a mini-batch,")
    x, y, starts = examples.x, examples.y, range(0, len(examples), size)
    if rng is None:
        x, y = x[:], y[:]
        x.flags.writeable = y.flags.writeable = False  # of these views, and of those below
        return ((x[i : i + size], y[i : i + size]) for i in starts)
    if not hasattr(rng, "permutation"):
        raise DataError(f"batches: rng is a generator or None, not {rng!r}.  Write np.random.default_rng(seed).")
    order = rng.permutation(len(examples))
    return ((x[order[i : i + size]], y[order[i : i + size]]) for i in starts)


def check_whole(number: Any, low: int, high: int | None, name: str) -> None:
    """DataError unless low <= number <= high, a whole number."""
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < low or (high is not None and number > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise DataError(f"{name} is a whole number, {bounds}, not {number!r}.")
