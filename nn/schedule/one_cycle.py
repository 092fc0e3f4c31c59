"""OneCycleLR: up, down, and the momentum the other way round."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..optim.base import Optimizer
from .base import LRScheduler, per_group, real, whole

__all__ = ["OneCycleLR"]


class OneCycleLR(LRScheduler):
    """One rise and one fall of the learning rate; of the momentum (of Adam: beta1) one fall and one rise.

    lr from max_lr / div_factor to max_lr in the first pct_start of the total_steps, then to
    max_lr / (div_factor final_div_factor); momentum from max_momentum to base_momentum and back.
    three_phase=True: up, down again in the same time, and only then to the last learning rate.
    From a to b over a phase, p from 0 to 1:  b + (a - b) (1 + cos(pi p)) / 2, or "linear": b + (a - b) (1 - p).

    step() comes after every mini-batch.  total_steps may be given as epochs and steps_per_epoch.
    Source: Smith, Topin 2018.
    """

    per_batch = True

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | Sequence[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | Sequence[float] = 0.85,
        max_momentum: float | Sequence[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        peaks = per_group("max_lr", max_lr, optimizer)
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
            total_steps = whole("epochs", epochs, 1) * whole("steps_per_epoch", steps_per_epoch, 1)
        self.total_steps = whole("total_steps", total_steps, 1)
        self.pct_start = real("pct_start", pct_start, 0, 1)
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f'anneal_strategy is "cos" or "linear": got {anneal_strategy!r:.60}')
        self.anneal_strategy, self.three_phase = anneal_strategy, bool(three_phase)
        self.cycle_momentum = bool(cycle_momentum)
        if self.cycle_momentum and not {"momentum", "betas"} & set(optimizer.defaults):
            raise ValueError(f"{type(optimizer).__name__} has no momentum to cycle: cycle_momentum=False")
        down, further = real("div_factor", div_factor), real("final_div_factor", final_div_factor)
        if down == 0 or further == 0:
            raise ValueError("div_factor and final_div_factor are above 0: the peak is divided by them")
        self.max_lrs = [real("max_lr", x) for x in peaks]
        self.min_lrs = [x / down / further for x in self.max_lrs]
        self.base_momentums = [real("base_momentum", x) for x in per_group("base_momentum", base_momentum, optimizer)]
        self.max_momentums = [real("max_momentum", x) for x in per_group("max_momentum", max_momentum, optimizer)]
        for group, peak in zip(optimizer.param_groups, self.max_lrs, strict=True):
            group["initial_lr"] = peak / down
        super().__init__(optimizer)

    def at(self, t: int, base_lr: float, group: int) -> float:
        return self._along(t, base_lr, self.max_lrs[group], base_lr, self.min_lrs[group])

    def momentum_at(self, t: int, group: int) -> float:
        """The momentum after t steps of the group with that number."""
        high, low = self.max_momentums[group], self.base_momentums[group]
        return self._along(t, high, low, high, high)

    def _along(self, t: int, first: float, peak: float, back: float, last: float) -> float:
        """The value at t of what goes from first to peak, (to back,) and to last."""
        top, end = self.pct_start * self.total_steps - 1, self.total_steps - 1
        if self.three_phase:
            phases = [(0.0, top, first, peak), (top, 2 * top, peak, back), (2 * top, end, back, last)]
        else:
            phases = [(0.0, top, first, peak), (top, end, peak, last)]
        begin, stop, a, b = next((phase for phase in phases if t <= phase[1]), phases[-1])
        p = min((t - begin) / (stop - begin), 1.0) if stop > begin else 1.0
        return b + (a - b) * (1 - p if self.anneal_strategy == "linear" else (1 + math.cos(math.pi * p)) / 2)

    def _set(self, t: int) -> None:
        if t > self.total_steps:
            raise ValueError(f"OneCycleLR was made for {self.total_steps} steps: this is step {t}")
        if self.cycle_momentum:
            momentums = [self.momentum_at(t, i) for i in range(len(self.base_lrs))]
            for group, momentum in zip(self.optimizer.param_groups, momentums, strict=True):
                if "betas" in group:
                    group["betas"] = (momentum, group["betas"][1])
                else:
                    group["momentum"] = momentum
        super()._set(t)
