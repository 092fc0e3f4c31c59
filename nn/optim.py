"""Optimizers: how the parameters follow the gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from tinygrad_edu import GradientError, Tensor

__all__ = ["SGD"]


class SGD:
    """Stochastic gradient descent.

    g <- dC/dp + weight_decay p
    v <- momentum v + g
    p <- p - lr v

    The lecture's update is momentum = weight_decay = 0: w <- w - eta dC/dw, with eta = lr.
    A parameter without a gradient stays as it is.  lr may be changed between steps.  The book's L2 term
    lambda / (2 N) sum w^2 is weight_decay = lambda / N, but for the biases, which the book leaves alone.
    """

    def __init__(
        self, parameters: Iterable[Tensor], lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        given: list[Any] = list(parameters)
        if not given:
            raise ValueError("SGD got no parameters: give it net.parameters()")
        for p in given:
            if not isinstance(p, Tensor) or not p.requires_grad or p.op is not None:
                raise GradientError(f"SGD can only learn leaves that require a gradient, not {p!r:.80}")
        for name, value in (("lr", lr), ("momentum", momentum), ("weight_decay", weight_decay)):
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} is a number, 0 or more: got {value}")
        self.parameters: list[Tensor] = list({id(p): p for p in given}.values())  # a tied one once
        self.lr, self.momentum, self.weight_decay = lr, momentum, weight_decay
        self.velocity: list[Any] = [None] * len(self.parameters)

    def zero_grad(self) -> None:
        """Forget every parameter's gradient, so that the next backward() starts afresh."""
        for p in self.parameters:
            p.grad = None

    def step(self) -> None:
        """Move every parameter that has a gradient; all of them, or, if something fails, none."""
        lr, momentum, weight_decay = float(self.lr), float(self.momentum), float(self.weight_decay)
        updates = []
        for i, p in enumerate(self.parameters):
            if p.grad is not None:
                w, v = p.data, p.grad.data
                if weight_decay:
                    v = v + weight_decay * w
                if momentum and self.velocity[i] is not None:
                    v = momentum * self.velocity[i] + v
                updates.append((i, p, w, v, w - lr * v))
        before = list(self.velocity)
        try:
            for i, p, _, v, new in updates:
                p.assign(new, copy=False)
                self.velocity[i] = v if momentum else None
        except BaseException:  # Ctrl-C in the middle: back to where all were
            self.velocity = before
            for _, p, w, _, _ in updates:
                p.assign(w, copy=False)
            raise
