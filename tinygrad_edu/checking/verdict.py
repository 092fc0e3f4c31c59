"""The verdict on each entry of a gradient, and the likely cause of those that are wrong."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..graph import toposort
from .diagnosis import CAUSES, Cause, likely_cause
from .differences import Slopes
from .problem import values_of
from .report import Compared, Report

__all__ = ["Tolerance", "cause_of", "judged", "leading_sizes", "said"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Tolerance:
    """|mine - numeric| <= rtol·|numeric| + atol; None: as exact as the differences are."""

    rtol: float | None = None
    atol: float | None = None

    def allowed(self, numeric: Array, usual: float) -> Array:
        """How far each entry may be off; `usual` is the rtol of the method."""
        rtol = usual if self.rtol is None else self.rtol
        scale = float(np.max(np.abs(numeric), initial=0, where=np.isfinite(numeric)))
        atol = rtol * 1e-2 * scale + 1e-3 * usual if self.atol is None else self.atol
        return np.asarray(rtol * np.abs(numeric) + atol)


def judged(
    name: str, mine: Array, s: Slopes, at: Array, shape: tuple[int, ...], tolerance: Tolerance, usual: float = 1e-6
) -> Compared:
    """The verdict on each entry: right, wrong, at a kink, or not to be told."""
    numeric = np.full(shape, np.nan)
    numeric.flat[at] = s.value
    wrong, kinks, unreliable = (np.zeros(shape, bool) for _ in range(3))
    if mine.shape == shape:
        a = mine.ravel()[at]
        with np.errstate(all="ignore"):
            allowed = tolerance.allowed(s.value, usual)
            right = np.abs(a - s.value) <= allowed
            low, high = np.minimum(s.left, s.right), np.maximum(s.left, s.right)
            slack = allowed + 1e-3 * (high - low)
            kink = s.kink & (a >= low - slack) & (a <= high + slack)
            unsure = ~np.isfinite(s.error) | (np.abs(a - s.value) <= 10 * s.error)
        kinks.flat[at] = kink
        unreliable.flat[at] = ~right & ~kink & unsure
        wrong.flat[at] = ~right & ~kink & ~unsure
    return Compared(name, mine, numeric, wrong, kinks, unreliable, at.size)


def said(kind: str, **words: Any) -> Cause:
    """A cause of CAUSES, its words filled in."""
    return Cause(kind, CAUSES[kind].format(**words))


def cause_of(
    compared: list[Compared], sizes: Iterable[int], by_hand: bool = False, raw: list[Array] | None = None
) -> Cause | None:
    """The likely mistake in the input that is worst; None if none is wrong."""
    failed = [k for k, c in enumerate(compared) if c.failed]
    if not failed:
        return None
    worst = Report(1, "", compared).worst
    i = failed[0] if worst is None else next(k for k, c in enumerate(compared) if c is worst[0])
    mine, numeric = [c.mine for c in compared], [c.numeric for c in compared]
    return likely_cause(mine, numeric, [c.failed for c in compared], i, [c.name for c in compared], sizes, by_hand, raw)


def leading_sizes(arrays: Iterable[Any], cost: Any = None, y: Any = None) -> list[int]:
    """What the size of a mini-batch may be: the first axes of all that the function uses."""
    used = [values_of(x) for x in arrays]
    if inspect.isfunction(cost):
        seen = inspect.getclosurevars(cost)
        used += [values_of(x) for x in (*seen.nonlocals.values(), *seen.globals.values())]
    if y is not None:
        used += [a for t in toposort(y) for a in t._arrays]
    return sorted({len(x) for x in used if isinstance(x, np.ndarray) and x.ndim})
