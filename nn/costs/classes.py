"""Costs of answers to "which class is it?": cross-entropy, from logits and from log-probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import DataError, ShapeError, Tensor, argmax, checked_index, log_softmax, moveaxis, where

from ..module import Module, as_tensor
from .base import Loss, constant, like

__all__ = ["CrossEntropyLoss", "NLLLoss"]


class CrossEntropyLoss(Loss):
    """C = -(1/S) sum_x sum_i y_i log softmax(z)_i, of logits z: outputs without an activation.

    z (S, n) logits; y (S, n) one-hot or probabilities, or (S,) class numbers 0 … n-1 -> C ().
    More axes come after the classes, z (S, n, …), y (S, …) or (S, n, …); a single example is z (n,), y () or (n,).
    Integers or booleans of z's shape are one-hot, a 1 and zeros: others are a DataError, for they are more likely
    class numbers of a wrong shape than probabilities.  (PyTorch takes no integers of z's shape.)

    weight           (n,) how much each class counts; the mean over class numbers is then a weighted one
    label_smoothing  e: the target is (1 - e) y + e/n, so that no logit has to grow for ever (Szegedy et al., 2015)
    """

    settings = ("reduction", "label_smoothing")

    def __init__(self, weight: Any = None, *, reduction: str = "mean", label_smoothing: float = 0.0) -> None:
        super().__init__(reduction=reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing is between 0 and 1: got {label_smoothing}")
        self.weight, self.label_smoothing = constant(weight), float(label_smoothing)

    def forward(self, z: Any, y: Any) -> Tensor:
        """The cost of the logits z for the targets y."""
        z, y = as_tensor(z), as_tensor(y)
        axis = _class_axis(self, z, y, "logits", probabilities=True)
        n, weight = z.shape[axis], _class_weights(self.weight, z, axis)
        log_p = log_softmax(z, axis=axis)
        if y.shape != z.shape:
            return _of_classes(self, log_p, y, axis, self.label_smoothing)
        if y.dtype.kind != "f":
            return _of_classes(self, log_p, _from_one_hot(y, axis), axis, self.label_smoothing, one_hot=True)
        target = like(y, z)
        if self.label_smoothing:
            target = target * (1 - self.label_smoothing) + self.label_smoothing / n
        losses = -(log_p * target if weight is None else log_p * target * weight).sum(axis=axis)
        return self._reduced(losses, y)


class NLLLoss(Loss):
    """C = -(1/S) sum_x log p_y, of log-probabilities, as LogSoftmax gives them; y is the class number.

    log_p (S, n), y (S,) class numbers 0 … n-1 -> C ();  more axes and weight as in CrossEntropyLoss.
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.weight = constant(weight)

    def forward(self, log_p: Any, y: Any) -> Tensor:
        """The cost of the log-probabilities for the class numbers y."""
        log_p, y = as_tensor(log_p), as_tensor(y)
        return _of_classes(self, log_p, y, _class_axis(self, log_p, y, "log-probabilities", probabilities=False))


def _of_classes(
    cost: Any, log_p: Tensor, y: Tensor, axis: int, smoothing: float = 0.0, one_hot: bool = False
) -> Tensor:
    """-log p of the right classes; of all of them a little, if the labels are smoothed.

    one_hot: y is of _from_one_hot, so that the mean is one over the examples, as for probabilities.
    """
    n, shape = log_p.shape[axis], y.shape
    check = _check_one_hot if one_hot else _check_class_numbers
    labels = checked_index(y.reshape(-1), lambda numbers: check(numbers, n))
    weight = _class_weights(cost.weight, log_p, axis)
    rows = log_p if log_p.ndim == 2 else log_p.reshape(1, n) if axis == 0 else moveaxis(log_p, 1, -1).reshape(-1, n)
    losses = -rows[np.arange(len(labels)), labels]
    each = None if weight is None else weight.reshape(n)
    counts = None if each is None else each.detach()[labels]
    if counts is not None:
        losses = losses * counts
    if smoothing:
        losses = losses * (1 - smoothing) - (rows if each is None else rows * each).sum(axis=1) * (smoothing / n)
    if shape != losses.shape:
        losses = losses.reshape(shape)
    reduced: Tensor = cost._reduced(losses, y, None if counts is None or one_hot else counts.sum())
    return reduced


def _class_axis(cost: Module, z: Tensor, y: Tensor, what: str, probabilities: bool) -> int:
    """Which axis of z is that of the classes; an error if the targets do not fit."""
    axis = min(1, z.ndim - 1)
    numbers = (*z.shape[:axis], *z.shape[axis + 1 :])
    if z.ndim == 0 or z.size == 0 or not (y.shape == numbers or (probabilities and y.shape == z.shape)):
        also = "targets (S, n), or class numbers (S,)" if probabilities else "class numbers (S,)"
        raise ShapeError(
            f"{type(cost).__name__} needs {what} (S, n), of one example at least, and {also}: "
            f"got {what} {z.shape}, targets {y.shape}"
        )
    return axis


def _from_one_hot(y: Tensor, axis: int) -> Tensor:
    """The class numbers of one-hot integers, (S, n, …) -> (S, …); -1 where there is not one 1 and else zeros."""
    y = y.astype(np.int64)
    one_hot = ((y != 0).sum(axis=axis) == 1) & (y.sum(axis=axis) == 1)
    numbers: Tensor = where(one_hot, argmax(y, axis=axis), -1)
    return numbers


def _check_one_hot(labels: Any, classes: int) -> None:
    if (labels < 0).any():
        raise DataError(
            f"integer targets of the logits' shape are one-hot, a single 1 among {classes} numbers, else 0: those at "
            f"place {int((labels < 0).argmax())} are not.  Class numbers have the logits' shape without the axis of "
            "the classes, (S,); probabilities are floats: y.astype(np.float32)"
        )


def _check_class_numbers(labels: Any, classes: int) -> None:
    if labels.dtype.kind not in "iu":
        raise DataError(f"class numbers are integers: got dtype {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        i = int(wrong[0])
        raise DataError(f"label {labels[i]} at place {i} is not a class: there are {classes}, 0 … {classes - 1}")


def _class_weights(weight: Tensor | None, z: Tensor, axis: int) -> Tensor | None:
    """The weights of the classes, as they broadcast with z."""
    if weight is None:
        return None
    n = z.shape[axis]
    if weight.shape != (n,):
        raise ShapeError(f"the weights are one for each of the {n} classes, ({n},): got {weight.shape}")
    scaled = like(weight, z)
    return None if scaled is None else scaled.reshape(n, *(1,) * (z.ndim - 1 - axis))
