"""Costs: how far the outputs are from the targets, as one number C.  The mean over the mini-batch."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import DataError, ShapeError, Tensor, logsumexp, quadratic_cost

from .module import Module

__all__ = ["CrossEntropyLoss", "QuadraticCost"]


class QuadraticCost(Module):
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a_i - y_i)^2: half the sum over the outputs, mean over the S examples.

    a (S, n), y (S, n) one-hot -> C ();  a (n,), y (n,) is a single example.
    """

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        y = y if isinstance(y, Tensor) else Tensor(y)
        if y.shape != a.shape:
            raise ShapeError(
                f"QuadraticCost needs targets of the outputs' shape: outputs a {a.shape}, targets y {y.shape}.  "
                f"Class numbers become targets with nn.data.one_hot(labels, classes)"
            )
        cost: Tensor = quadratic_cost(a, y)
        _name(cost, y)
        return cost


class CrossEntropyLoss(Module):
    """C = -(1/S) sum_x sum_i y_i log softmax(z)_i, of logits z: outputs without an activation.

    z (S, n) logits; y (S, n) one-hot or probabilities, or (S,) class numbers 0 … n-1 -> C ()
    """

    def forward(self, z: Any, y: Any) -> Tensor:
        """The cost of the logits z for the targets y."""
        labels = y.data if isinstance(y, Tensor) else np.asarray(y)
        if len(z.shape) != 2 or labels.shape not in (z.shape, z.shape[:1]):
            raise ShapeError(
                f"CrossEntropyLoss needs logits (S, n) and targets (S, n), or class numbers (S,): "
                f"got logits {z.shape}, targets {labels.shape}"
            )
        if labels.shape == z.shape:
            right = (z * y).sum(axis=1)
        else:
            right = z[np.arange(len(labels)), _class_numbers(labels, z.shape[1])]
        cost: Tensor = (logsumexp(z, axis=1) - right).mean()
        _name(cost, y)
        return cost


def _class_numbers(labels: Any, classes: int) -> Any:
    if labels.dtype.kind not in "iu":
        raise DataError(f"class numbers are integers: got dtype {labels.dtype}")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        i = int(wrong[0])
        raise DataError(f"label {labels[i]} at place {i} is not a class: there are {classes}, 0 … {classes - 1}")
    return labels


def _name(cost: Tensor, y: Any) -> None:
    """The lecture's names, for pictures and messages."""
    cost.role = ("cost", 0)
    if isinstance(y, Tensor) and y.role is None and y.name is None:
        y.role = ("y", 0)
