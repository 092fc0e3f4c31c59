"""Schedules that follow something else than t: other schedules in turn, or the results of the training."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_edu import DataError, JitError, capturing

from ..optim.base import Optimizer
from .base import LRScheduler, per_group, real, whole

__all__ = ["ReduceLROnPlateau", "SequentialLR"]


class SequentialLR(LRScheduler):
    """One schedule after the other: schedulers[k] from milestones[k - 1] on, with its own t from 0.

    SequentialLR(optimizer, [LinearLR(optimizer, 0.1, total_iters=5), CosineAnnealingLR(optimizer, 25)], [5])
    warms up for 5 epochs and then follows the cosine.
    """

    _not_saved = (*LRScheduler._not_saved, "schedulers")

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        self.schedulers = list(schedulers)
        self.milestones = [whole("a milestone", m) for m in milestones]
        if not self.schedulers or len(self.milestones) != len(self.schedulers) - 1:
            raise ValueError(
                f"{len(self.schedulers)} schedules have {max(len(self.schedulers) - 1, 0)} milestones between them, "
                f"not {len(self.milestones)}"
            )
        if self.milestones != sorted(self.milestones):
            raise ValueError(f"milestones go up: got {self.milestones}")
        for schedule in self.schedulers:
            if isinstance(schedule, ReduceLROnPlateau) or not isinstance(schedule, LRScheduler):
                raise ValueError(f"SequentialLR takes schedules that follow t, not {type(schedule).__name__}")
            if schedule.optimizer is not optimizer:
                raise ValueError(f"{type(schedule).__name__} belongs to another optimizer")
        super().__init__(optimizer)

    def _set(self, t: int) -> None:
        k = bisect_right(self.milestones, t)
        self.schedulers[k]._set(t - (self.milestones[k - 1] if k else 0))
        self._last_lr, self.last_epoch = self.schedulers[k].get_last_lr(), t

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "schedulers": [schedule.state_dict() for schedule in self.schedulers]}

    def _fitting(self, given: Any) -> list[tuple[LRScheduler, dict[str, Any]]]:
        inside = given.get("schedulers") if isinstance(given, Mapping) else None
        if not isinstance(inside, list | tuple) or len(inside) != len(self.schedulers):
            raise DataError(f"the state of this SequentialLR has the states of {len(self.schedulers)} schedules")
        fitting = super()._fitting({name: value for name, value in given.items() if name != "schedulers"})
        for schedule, state in zip(self.schedulers, inside, strict=True):
            fitting += schedule._fitting(state)
        return fitting


class ReduceLROnPlateau(LRScheduler):
    """lr <- max(factor lr, min_lr) after more than `patience` steps without a better value.

    Better than the best so far is, with mode="min" and threshold_mode="rel", a value < best (1 - threshold),
    with "abs" a value < best - threshold; with mode="max", above best (1 + threshold), best + threshold.
    After a reduction `cooldown` steps do not count.  A change of lr below eps is not made.
    NaN and infinity are never better.

    schedule.step(cost) after every epoch, with the cost, or another figure, of the validation data.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | Sequence[float] = 0.0,
        eps: float = 1e-8,
    ) -> None:
        if mode not in ("min", "max") or threshold_mode not in ("rel", "abs"):
            raise ValueError(f'mode is "min" or "max", threshold_mode "rel" or "abs": got {mode!r}, {threshold_mode!r}')
        if not real("factor", factor) < 1:
            raise ValueError(f"factor is below 1, or the learning rate would not fall: got {factor}")
        self.mode, self.threshold_mode = mode, threshold_mode
        self.factor, self.threshold, self.eps = float(factor), real("threshold", threshold), real("eps", eps)
        self.patience, self.cooldown = whole("patience", patience), whole("cooldown", cooldown)
        self.min_lrs = [real("min_lr", x) for x in per_group("min_lr", min_lr, optimizer)]
        self.best: float | None = None
        self.num_bad_epochs = self.cooldown_counter = 0
        super().__init__(optimizer)

    def step(self, metrics: Any) -> None:  # type: ignore[override]
        """Look at the figure of an epoch, and reduce every group's lr if it is time to."""
        self._check()
        if capturing() is not None:
            raise JitError("ReduceLROnPlateau.step(figure) decides by a value: call it outside of the jit")
        value = float(metrics)
        best, bad, cooldown = self.best, self.num_bad_epochs + 1, self.cooldown_counter
        if self._is_better(value):
            best, bad = value, 0
        if cooldown > 0:
            cooldown, bad = cooldown - 1, 0
        if bad > self.patience:
            cooldown, bad = self.cooldown, 0
            for group, least in zip(self.optimizer.param_groups, self.min_lrs, strict=True):
                new = max(group["lr"] * self.factor, least)
                if group["lr"] - new > self.eps:
                    group["lr"] = new
        self.best, self.num_bad_epochs, self.cooldown_counter = best, bad, cooldown
        self._set(self.last_epoch + 1)

    def _is_better(self, value: float) -> bool:
        if not math.isfinite(value):
            return False
        if self.best is None:
            return True
        sign = -1 if self.mode == "min" else 1
        if self.threshold_mode == "rel":
            bar = self.best * (1 + sign * self.threshold)
        else:
            bar = self.best + sign * self.threshold
        return value < bar if sign < 0 else value > bar

    def _set(self, t: int) -> None:
        self._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        self.last_epoch = t
