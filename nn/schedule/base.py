"""LRScheduler: what all schedules share."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from tinygrad_edu import DataError, DtypeError, capturing

from ..optim.base import Optimizer

__all__ = ["LRScheduler", "per_group", "real", "whole"]


class LRScheduler:
    """Base class: sets every group's lr to at(t, lr_0, number of the group).

    base_lrs    lr_0 of every group: its "initial_lr", which the first schedule of the optimizer notes
    last_epoch  t, from 0

    A schedule sets lr, whatever it was: what you write into a group is overwritten at the next step().  So one
    optimizer has one schedule, the one made last; another one's step() raises.  For one after the other there is
    SequentialLR, for a product LambdaLR.
    """

    per_batch = False  # nn.fit calls step() after every epoch; True, also on one object: after every mini-batch

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise DtypeError(f"{type(self).__name__} needs an optimizer, not {type(optimizer).__name__}")
        self.optimizer = optimizer
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs: list[float] = [group["initial_lr"] for group in optimizer.param_groups]
        self._take_over()
        self._set(0)

    def at(self, t: int, base_lr: float, group: int) -> float:
        """The learning rate after t steps of the group with that number, whose first one is base_lr."""
        raise TypeError(f"{type(self).__name__} does not say its equation: define at(self, t, base_lr, group)")

    def step(self) -> None:
        """t <- t + 1, and every group's lr <- lr(t)."""
        if (jit := capturing()) is not None:
            jit.action(self.step, self._moment)  # it steps after every run, too
        self._check()
        self._set(self.last_epoch + 1)

    def _moment(self) -> Callable[[], None]:
        """What puts the schedule and every group's lr back to where they are now."""
        state, rates = self.state_dict(), [group["lr"] for group in self.optimizer.param_groups]

        def back() -> None:
            self.load_state_dict(state)
            for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"] = rate

        return back

    def get_last_lr(self) -> list[float]:
        """The learning rate of every group, as this schedule set it."""
        return list(self._last_lr)

    def _set(self, t: int) -> None:
        groups = self.optimizer.param_groups
        rates = [self.at(t, base_lr, i) for i, base_lr in enumerate(self.base_lrs)]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = [group["lr"] for group in groups]
        self.last_epoch = t

    # ---- one optimizer, one schedule -----------------------------------------------------------------

    def _take_over(self) -> None:
        self._turn = self.optimizer.schedule_turn = object()

    def _check(self) -> None:
        """Is this the schedule of the optimizer, and is the optimizer what it was?"""
        if self.optimizer.schedule_turn is not self._turn:
            raise ValueError(
                f"{type(self).__name__}.step(): a schedule that was made later sets this optimizer's learning rate.  "
                f"One after the other: SequentialLR; both at once: LambdaLR with their product"
            )
        if len(self.optimizer.param_groups) != len(self.base_lrs):
            raise ValueError(
                f"the schedule was made for {len(self.base_lrs)} groups of parameters, and the optimizer has "
                f"{len(self.optimizer.param_groups)} now: make the schedule after add_param_group"
            )

    # ---- to save and to load -------------------------------------------------------------------------

    _not_saved: tuple[str, ...] = ("optimizer", "_turn", "per_batch")

    def state_dict(self) -> dict[str, Any]:
        """Its time and its settings, as numbers, text and lists; no functions."""
        return {k: list(v) if isinstance(v, list) else v for k, v in vars(self).items() if k not in self._not_saved}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; all of it, or, if something does not fit (DataError), nothing.

        The optimizer's lr comes from the optimizer's own state_dict, or at the next step().
        """
        new = self._fitting(state_dict)
        before = [(schedule, vars(schedule).copy()) for schedule, _ in new]
        try:
            for schedule, state in new:
                vars(schedule).update(state)
        except BaseException:  # Ctrl-C in the middle
            for schedule, state in before:
                vars(schedule).update(state)
            raise

    def _fitting(self, given: Any) -> list[tuple[LRScheduler, dict[str, Any]]]:
        """The schedules that the state is of, each with its own, copied; DataError if one does not fit."""
        mine = LRScheduler.state_dict(self)
        name = type(self).__name__
        if not isinstance(given, Mapping) or set(given) != set(mine):
            raise DataError(f"the state of {name} holds {', '.join(mine)}: got {given!r:.200}")
        new: dict[str, Any] = {key: list(v) if isinstance(v, list | tuple) else v for key, v in given.items()}
        for key, value in new.items():
            if not _alike(mine[key], value):
                raise DataError(f"state of {name}: {key} is {value!r:.80}, and here it is {mine[key]!r:.80}")
        for key in ("last_epoch", "num_bad_epochs", "cooldown_counter"):
            if key in new and (not isinstance(new[key], int) or new[key] < 0):
                raise DataError(f"state of {name}: {key} counts steps: got {new[key]!r:.80}")
        return [(self, new)]


def _alike(mine: Any, given: Any) -> bool:
    """Could `given` be another value of what is `mine` now?  None and a number are of one kind here."""
    if isinstance(mine, bool | str) or isinstance(given, bool | str):
        return type(mine) is type(given)
    if isinstance(mine, list) or isinstance(given, list):
        both = isinstance(mine, list) and isinstance(given, list) and len(mine) == len(given)
        return both and all(map(_alike, mine, given))
    return given is None or (isinstance(given, int | float) and math.isfinite(given))


# ---- arguments ---------------------------------------------------------------------------------------------


def real(name: str, value: Any, low: float = 0.0, high: float = math.inf) -> float:
    try:
        fits = bool(low <= value <= high) and math.isfinite(value)
    except (TypeError, ValueError):
        raise DtypeError(f"{name} is one number: got {value!r:.60}") from None
    if not fits:
        raise ValueError(
            f"{name} is a number, {low:g} or more{'' if high == math.inf else f', {high:g} at most'}: got {value}"
        )
    return float(value)


def whole(name: str, value: Any, low: int = 0) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise DtypeError(f"{name} is a whole number of steps: got {value!r:.60}")
    if value < low:
        raise ValueError(f"{name} is {low} or more: got {value}")
    return int(value)


def per_group(name: str, value: Any, optimizer: Optimizer) -> list[Any]:
    """One value for every group: the same for all, or a list."""
    if not isinstance(optimizer, Optimizer):
        raise DtypeError(f"a schedule needs an optimizer, not {type(optimizer).__name__}")
    groups = len(optimizer.param_groups)
    if not isinstance(value, list | tuple):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} has {len(value)} entries, and the optimizer has {groups} groups")
    return list(value)
