"""detect_anomaly: where a NaN or an infinity comes from."""

from __future__ import annotations

import os
import sys
from typing import Any, Self

import numpy as np

from .capture import capturing
from .errors import AnomalyError, JitError
from .graph import Watcher

__all__ = ["detect_anomaly"]

_HERE = os.path.dirname(__file__)


class detect_anomaly(Watcher):
    """Inside `with detect_anomaly():` the first NaN or infinity raises AnomalyError, forward and backward.

    It names the operation, the line that made it, and the first bad entry.  Slow: for looking, not for training.
    Forward, an op is blamed if its inputs were finite; backward, if the gradient that came in was.
    """

    def __init__(self) -> None:
        self.lines: dict[int, str] = {}
        self.alive: list[Any] = []  # so that an id means one Tensor as long as we look

    def __enter__(self) -> Self:
        if capturing() is not None:
            raise JitError(
                "detect_anomaly() inside a function under jit would look at the recorded run only: put it around the "
                "call, which runs without jit then"
            )
        return super().__enter__()

    def made(self, t: Any) -> None:
        """Remember the line, and look at the value."""
        line = _line_outside()
        self.lines[id(t)] = line
        self.alive.append(t)
        if not np.isfinite(t._data).all() and all(np.isfinite(a).all() for a in t._arrays):
            raise AnomalyError(f"{t.op.name} made {_first_bad(t._data)} from finite inputs, at {line}")
        super().made(t)

    def passed(self, t: Any, x: Any, part: Any) -> None:
        """Look at the part of the gradient."""
        values = getattr(part, "_data", part)
        if not np.isfinite(values).all():
            line = self.lines.get(id(t), "a line outside detect_anomaly()")
            raise AnomalyError(
                f"the derivative of {t.op.name} is {_first_bad(values)} in its input {x!r:.80}; "
                f"{t.op.name} was computed at {line}"
            )
        super().passed(t, x, part)


def _line_outside() -> str:
    """file:line of the nearest caller that is not part of this package."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def _first_bad(values: Any) -> str:
    if np.ndim(values) == 0:
        return str(values)
    place = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
    return f"{values[place]} at {list(place)}"
