"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .base import Array, Optimizer, State

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent.

    g <- dC/dw + weight_decay w
    v <- momentum v + (1 - dampening) g         (v = g at the first step)
    w <- w - lr v                               (nesterov: w <- w - lr (g + momentum v))

    The lecture's update is momentum = weight_decay = 0: w <- w - eta dC/dw, with eta = lr.
    v, the velocity, has the shape of w.  The book's L2 term lambda / (2 N) sum w^2 is weight_decay = lambda / N,
    but for the biases, which the book leaves alone.  maximize=True climbs: g <- -dC/dw + weight_decay w.

    Sources: Polyak 1964 (momentum); Nesterov 1983, in the form of Sutskever et al. 2013.
    """

    sometimes = ("momentum_buffer",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "momentum": momentum,
                "dampening": dampening,
                "weight_decay": weight_decay,
                "nesterov": nesterov,
                "maximize": maximize,
            },
        )
        if nesterov and (momentum == 0 or dampening != 0):
            raise ValueError("nesterov looks ahead along the velocity: it needs momentum above 0, and dampening 0")

    def update(
        self,
        w: Array,
        g: Array,
        s: State,
        lr: float,
        momentum: float,
        dampening: float,
        weight_decay: float,
        nesterov: bool,
        maximize: bool,
    ) -> tuple[Array, State]:
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * w
        if momentum and "momentum_buffer" in s:
            v = momentum * s["momentum_buffer"]
            v += (1 - dampening) * g if dampening else g
        else:
            v = g
        new = -lr * (g + momentum * v if nesterov else v)
        new += w  # in place: one array less to make, and this is the step of every lecture
        return new, {"momentum_buffer": v} if momentum else s

    @property
    def velocity(self) -> list[Array | None]:
        """The velocity v of every parameter; None before its first step, and without momentum."""
        return [self.state.get(i, {}).get("momentum_buffer") for i in range(len(self.parameters))]
