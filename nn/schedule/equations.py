"""Schedules whose equation is one line: lr(t)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from tinygrad_edu import DtypeError

from ..optim.base import Optimizer
from .base import LRScheduler, per_group, real, whole

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "StepLR",
]


class ConstantLR(LRScheduler):
    """lr(t) = lr_0 factor for t < total_iters, then lr_0."""

    def __init__(self, optimizer: Optimizer, factor: float = 1 / 3, total_iters: int = 5) -> None:
        self.factor = real("factor", factor, 0, 1)
        self.total_iters = whole("total_iters", total_iters)
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        return base_lr * (self.factor if t < self.total_iters else 1)


class LinearLR(LRScheduler):
    """Warm-up: lr(t) = lr_0 (start + (end - start) min(t, total_iters) / total_iters), start = start_factor, ..."""

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
    ) -> None:
        self.start_factor = real("start_factor", start_factor, 0, 1)
        self.end_factor = real("end_factor", end_factor, 0, 1)
        self.total_iters = whole("total_iters", total_iters, 1)
        if start_factor == 0:
            raise ValueError("start_factor is above 0: with a learning rate of 0 the first step would learn nothing")
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        way = min(t, self.total_iters) / self.total_iters
        return base_lr * (self.start_factor + (self.end_factor - self.start_factor) * way)


class StepLR(LRScheduler):
    """lr(t) = lr_0 gamma^floor(t / step_size)."""

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size = whole("step_size", step_size, 1)
        self.gamma = real("gamma", gamma)
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        return base_lr * self.gamma ** (t // self.step_size)


class MultiStepLR(LRScheduler):
    """lr(t) = lr_0 gamma^(number of milestones <= t)."""

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones = sorted(whole("a milestone", m) for m in milestones)
        self.gamma = real("gamma", gamma)
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        return base_lr * self.gamma ** bisect_right(self.milestones, t)


class ExponentialLR(LRScheduler):
    """lr(t) = lr_0 gamma^t."""

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = real("gamma", gamma)
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        return base_lr * self.gamma**t


class CosineAnnealingLR(LRScheduler):
    """lr(t) = eta_min + (lr_0 - eta_min) (1 + cos(pi t / T_max)) / 2: down for T_max steps, then up again.

    Source: Loshchilov, Hutter 2017 (without the restarts).
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max = whole("T_max", T_max, 1)
        self.eta_min = real("eta_min", eta_min)
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        return self.eta_min + (base_lr - self.eta_min) * (1 + math.cos(math.pi * t / self.T_max)) / 2


class LambdaLR(LRScheduler):
    """lr(t) = lr_0 f(t), with f = lr_lambda: one function, or a list with one for each group."""

    _not_saved = (*LRScheduler._not_saved, "lr_lambdas")

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Callable[[int], float] | Sequence[Callable[[int], float]]
    ) -> None:
        self.lr_lambdas: list[Any] = per_group("lr_lambda", lr_lambda, optimizer)
        for f in self.lr_lambdas:
            if not callable(f):
                raise DtypeError(f"lr_lambda is a function of t, the number of steps: got {f!r:.60}")
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        rate: float = base_lr * self.lr_lambdas[group](t)
        return rate
