"""Costs that compare each output with its target: the lecture's, the book's cross-entropy, and PyTorch's."""

from __future__ import annotations

from typing import Any

from tinygrad_edu import ShapeError, Tensor, absolute, exp, log, quadratic_cost, softplus, where

from ..module import Module, as_tensor
from .base import Loss, constant, like, named, pair

__all__ = [
    "BCEWithLogitsLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "QuadraticCost",
    "SigmoidCrossEntropy",
    "SmoothL1Loss",
]


# ---- the lecture's and the book's ------------------------------------------------------------------------


class QuadraticCost(Module):
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a_i - y_i)^2: half the sum over the outputs, mean over the S examples.

    a (S, n), y (S, n) one-hot -> C ();  a (n,), y (n,) is a single example.
    """

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        a, y = as_tensor(a), as_tensor(y)
        if a.dtype.kind == "f":
            y = like(y, a)
        return named(quadratic_cost(a, y), y)


class SigmoidCrossEntropy(Module):
    """C = -(1/S) sum_x sum_i [y_i ln a_i + (1 - y_i) ln(1 - a_i)],  a = sigma(z): the book's cross-entropy.

    z (S, n) logits, outputs without their sigmoid; y (S, n) of numbers 0 … 1 -> C ();  (n,) is a single example.
    The error at the output is delta_i = a_i - y_i, without the sigma' that makes a saturated neuron learn
    slowly.  From z and not a, because ln a of an a that was rounded to 0 is -inf.  (Nielsen, chapter 3)

    MLP([784, 30, 10], output="linear") gives logits; the largest one is the answer, as with a.
    """

    def forward(self, z: Any, y: Any) -> Tensor:
        """The cost of the logits z for the targets y."""
        z, y = pair(self, z, y)
        examples = z.shape[0] if z.ndim > 1 else 1
        return named(_sigmoid_cross_entropy(z, y).sum() / examples, y)


# ---- PyTorch's -------------------------------------------------------------------------------------------


class MSELoss(Loss):
    """C = mean of (a - y)^2 over all entries: a, y (…) -> ().  Of the lecture's cost it is the 2/n-fold."""

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        a, y = pair(self, a, y)
        d = a - y
        return self._reduced(d * d, y)


class L1Loss(Loss):
    """C = mean of |a - y| over all entries: a, y (…) -> ().  Its slope is 0 where a = y."""

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        a, y = pair(self, a, y)
        return self._reduced(absolute(a - y), y)


class HuberLoss(Loss):
    """C = mean of h(a - y), h(d) = d^2/2 where |d| <= delta, delta (|d| - delta/2) elsewhere.  (Huber, 1964)

    a, y (…) -> ().  Outliers pull with a bounded force.
    """

    settings = ("reduction", "delta")

    def __init__(self, *, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not delta > 0:
            raise ValueError(f"HuberLoss: delta, where the square ends, is above 0: got {delta}")
        self.delta = float(delta)

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        a, y = pair(self, a, y)
        d = a - y
        size = absolute(d)
        return self._reduced(where(size <= self.delta, d * d * 0.5, (size - 0.5 * self.delta) * self.delta), y)


class SmoothL1Loss(Loss):
    """C = mean of s(a - y), s(d) = d^2/(2 beta) where |d| < beta, |d| - beta/2 elsewhere.  (Girshick, 2015)

    a, y (…) -> ().  HuberLoss with delta = beta, divided by beta; beta=0 is L1Loss.
    """

    settings = ("reduction", "beta")

    def __init__(self, *, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not beta >= 0:
            raise ValueError(f"SmoothL1Loss: beta, where the square ends, is 0 or more: got {beta}")
        self.beta = float(beta)

    def forward(self, a: Any, y: Any) -> Tensor:
        """The cost of the outputs a for the targets y."""
        a, y = pair(self, a, y)
        d = a - y
        size = absolute(d)
        if self.beta == 0:
            return self._reduced(size, y)
        return self._reduced(where(size < self.beta, d * d * (0.5 / self.beta), size - 0.5 * self.beta), y)


class BCEWithLogitsLoss(Loss):
    """C = -mean of w [p y ln a + (1 - y) ln(1 - a)], a = sigma(z), over all entries: z, y (…) -> ().

    z logits, y numbers 0 … 1; weight w for each entry and pos_weight p broadcast to (…).
    Of the book's cost, SigmoidCrossEntropy, it is 1/n-th: the mean over the outputs instead of the sum.
    """

    def __init__(self, weight: Any = None, *, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction=reduction)
        self.weight, self.pos_weight = constant(weight), constant(pos_weight)

    def forward(self, z: Any, y: Any) -> Tensor:
        """The cost of the logits z for the targets y."""
        z, y = pair(self, z, y)
        losses = _sigmoid_cross_entropy(z, y, like(self.pos_weight, z))
        if self.weight is not None:
            losses = losses * like(self.weight, z)
        if losses.shape != z.shape:
            raise ShapeError(f"{type(self).__name__}: the weights do not broadcast to logits {z.shape}")
        return self._reduced(losses, y)


def _sigmoid_cross_entropy(z: Tensor, y: Tensor, positive: Tensor | None = None) -> Tensor:
    """-[y ln a + (1 - y) ln(1 - a)]: softplus(-z) is -ln a, softplus(z) is -ln(1 - a), exact for every z."""
    hit = softplus(-z) * y
    loss: Tensor = (hit if positive is None else hit * positive) + softplus(z) * (1 - y)
    return loss


class KLDivLoss(Loss):
    """C = mean of y (log y - log_p) over all entries: how far the probabilities p are from y.

    log_p, y (…) -> ().  Where y is 0 the loss is 0; where it is negative, which no probability is, the loss is NaN,
    with NumPy's warning.  (Kullback and Leibler, 1951)

    reduction   also "batchmean": the sum, divided by the number of examples, which is the divergence itself
    log_target  True: y is given as log y
    """

    settings = ("reduction", "log_target")
    reductions = (*Loss.reductions, "batchmean")

    def __init__(self, *, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction=reduction)
        self.log_target = bool(log_target)

    def forward(self, log_p: Any, y: Any) -> Tensor:
        """The divergence of the log-probabilities from the targets y."""
        log_p, y = pair(self, log_p, y)
        if self.log_target:
            losses = exp(y) * (y - log_p)
        else:
            none = y == 0
            losses = where(none, 0, y * log(where(none, 1, y))) - y * log_p
        return self._reduced(losses, y, log_p.shape[0] if self.reduction == "batchmean" else None)
