"""Fair timing: contestants take turns, a ratio is formed within each round, medians are reported."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Settings", "in_turns", "per_round", "quiet_collector", "spread"]


@dataclass(frozen=True)
class Settings:
    """How much to measure, and by which clock."""

    quick: bool = False  # a smoke test: the figures mean little
    cpu_time: bool = False  # count this process's time only: for a machine that others are using
    threads: int = 1  # of everybody; set before this process began, see machine.py

    def clock(self) -> float:
        """Seconds."""
        return time.process_time() if self.cpu_time else time.perf_counter()


@contextmanager
def quiet_collector() -> Iterator[None]:
    """The garbage collector stays on, as it is for users, but does not look through what was there before."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def in_turns(
    steps: Mapping[str, Callable[[], Any]], rounds: int, settings: Settings, warm_up: bool = False
) -> dict[str, list[float]]:
    """Seconds that each call took, one per round.

    The order shifts from round to round, so that nobody always runs after the same neighbour.  A round
    before the first one is not counted.  warm_up: each turn begins with one that is not counted either, for
    steps so short that what counts is how they run in the middle of an epoch, with the caches full.
    """
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    names = list(steps)
    with quiet_collector():
        for r in range(rounds + 1):
            for name in names[r % len(names) :] + names[: r % len(names)]:
                gc.collect()  # nobody pays for the garbage of the one before
                if warm_up:
                    steps[name]()
                begun = settings.clock()
                steps[name]()
                seconds[name].append(settings.clock() - begun)
    return {name: times[1:] for name, times in seconds.items()}


def per_round(ours: list[float], theirs: list[float]) -> list[float]:
    """The ratio ours / theirs of every round: what slows the machine for a while slows both."""
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def spread(values: list[float]) -> tuple[float, float, float]:
    """The median, and the lower and upper quartile."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return float(middle), float(low), float(high)
