"""Costs: how far the outputs are from the targets, as one number C.  The mean over the mini-batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import DataError, ShapeError, Tensor, log_softmax, quadratic_cost

from .module import Module, as_tensor

__all__ = ["CrossEntropyLoss", "QuadraticCost"]


class QuadraticCost(Module):
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a_i - y_i)^2: half the sum over the outputs, mean over the S examples.

    a (S, n), y (S, n) one-hot -> C ();  a (n,), y (n,) is a single example.
    """

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        y = as_tensor(y)
        return _named(quadratic_cost(as_tensor(a), y), y)


class CrossEntropyLoss(Module):
    """C = -(1/S) sum_x sum_i y_i log softmax(z)_i, of logits z: outputs without an activation.

    z (S, n) logits; y (S, n) one-hot or probabilities, or (S,) class numbers 0 … n-1 -> C ()
    """

    def forward(self, z: Any, y: Any) -> Tensor:
        """The cost of the logits z for the targets y."""
        z, y = as_tensor(z), as_tensor(y)
        if z.ndim != 2 or y.shape not in (z.shape, z.shape[:1]) or z.size == 0:
            raise ShapeError(
                f"CrossEntropyLoss needs logits (S, n), of one example at least, and targets (S, n), or class "
                f"numbers (S,): got logits {z.shape}, targets {y.shape}"
            )
        log_p = log_softmax(z, axis=1)
        if y.shape == z.shape:
            cost = -(log_p * y).sum(axis=1).mean()
        else:
            cost = -log_p[np.arange(len(y)), _class_numbers(y.data, z.shape[1])].mean()
        return _named(cost, y)


def _class_numbers(labels: Any, classes: int) -> Any:
    if labels.dtype.kind not in "iu":
        raise DataError(f"class numbers are integers: got dtype {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        i = int(wrong[0])
        raise DataError(f"label {labels[i]} at place {i} is not a class: there are {classes}, 0 … {classes - 1}")
    return labels


def _named(cost: Tensor, y: Tensor) -> Tensor:
    """The lecture's names, for pictures and messages."""
    cost.role = ("cost", 0)
    if y.role is None and y.name is None and y.op is None:
        y.role = ("y", 0)
    return cost
