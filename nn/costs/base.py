"""What costs share: the reduction, and targets that fit the outputs."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np

from tinygrad_edu import ShapeError, Tensor

from ..layers import Layer
from ..module import Module, as_tensor

__all__ = ["Loss", "constant", "like", "named", "pair"]


class Loss(Layer):
    """A cost with a reduction."""

    settings: tuple[str, ...] = ("reduction",)
    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none")

    def __init__(self, *, reduction: str = "mean") -> None:
        if reduction not in self.reductions:
            raise ValueError(
                f"{type(self).__name__}: reduction is one of {', '.join(self.reductions)}: got {reduction!r}"
            )
        self.reduction = reduction

    def _reduced(self, losses: Tensor, y: Tensor, count: Any = None) -> Tensor:
        """All the losses, or their sum, or the sum divided by the count."""
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return named(losses.sum(), y)
        return named(losses.mean() if count is None else losses.sum() / count, y)


def pair(cost: Module, a: Any, y: Any) -> tuple[Tensor, Tensor]:
    """Outputs and targets of one shape, and real numbers."""
    a, y = as_tensor(a), as_tensor(y)
    if a.shape != y.shape:
        raise ShapeError(
            f"{type(cost).__name__} needs targets of the outputs' shape: outputs {a.shape}, targets {y.shape}.  "
            f"{_hint(a.shape, y.shape)}"
        )
    if a.size == 0:
        raise ShapeError(f"{type(cost).__name__} of no examples does not exist: outputs of shape {a.shape}")
    if a.dtype.kind != "f":
        a = a.astype(y.dtype if y.dtype.kind == "f" else np.float64)
    return a, like(y, a)


def _hint(a: tuple[int, ...], y: tuple[int, ...]) -> str:
    if math.prod(a) == math.prod(y):
        return f"The same numbers in that shape: y.reshape{a}"
    return "Class numbers become targets with nn.data.one_hot(labels, classes)"


def like(y: Any, a: Tensor) -> Any:
    """y in the precision of a, where y has no gradient to lose; integers would make float64 of float32."""
    if y is None or y.dtype == a.dtype or (y.requires_grad and y.dtype.kind == "f"):
        return y
    cast = y.astype(a.dtype)
    cast.role = y.role
    return cast


def constant(weight: Any) -> Tensor | None:
    return None if weight is None else as_tensor(weight)


def named(cost: Tensor, y: Tensor) -> Tensor:
    """The lecture's names, for pictures and messages."""
    cost.role = ("cost", 0)
    if y.role is None and y.name is None and y.op is None:
        y.role = ("y", 0)
    return cost
