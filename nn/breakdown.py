"""When training breaks down: everything as before the epoch, and an error that says which operation it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_edu import AnomalyError, Tensor, TrainingError, detect_anomaly

from .callbacks import Run

__all__ = ["not_finite", "safety_net"]


@contextmanager
def safety_net(run: Run, schedule: Any) -> Iterator[None]:
    """When a TrainingError ends the epoch, network, optimizer and schedule become again what they were before it."""
    before = [(t, t.data) for _, t in run.net.named_tensors()]  # a step makes new arrays: these stay
    others = [part for part in (run.optimizer, schedule) if hasattr(part, "load_state_dict")]
    states = [part.state_dict() for part in others]
    when = "before this epoch" if run.seen == 0 else "of the checkpoint"
    try:
        yield
        if (name := not_finite(run)) is None:
            return
        trouble = f"{name} is not finite: a gradient was not"
    except TrainingError as error:
        trouble = str(error)
    place = str(run)
    try:
        culprit = _culprit(run)
    finally:
        for t, data in before:
            t.assign(data)
        for part, state in zip(others, states, strict=True):
            part.load_state_dict(state)
    raise TrainingError(f"{place}: {trouble}{culprit}.  The parameters are those {when}")


def not_finite(run: Run) -> str | None:
    """The name of the first Tensor of the network, or array of the optimizer, with NaN or infinity."""
    for name, t in run.net.named_tensors():
        if t.dtype.kind == "f" and not np.isfinite(t.data).all():
            return name
    for i, state in getattr(run.optimizer, "state", {}).items():
        for name, value in state.items():
            if isinstance(value, np.ndarray) and not np.isfinite(value).all():
                return f"the optimizer's {name} of parameter {i}"
    return None


def _culprit(run: Run) -> str:
    """Which operation made the first NaN or infinity, found by doing the update again; "" if none does.

    It is the last update that began with sound parameters.  (Dropout draws anew, so the second time may go well.)
    """
    for update in reversed(run.updates):
        if all(np.isfinite(data).all() for data in update.before):
            for p, data in zip(run.net.parameters(), update.before, strict=True):
                p.assign(data)
            try:
                with detect_anomaly():
                    run.cost(run.net(Tensor(update.x)), Tensor(update.y)).backward()
            except AnomalyError as error:
                return f".  In step {update.number}, {error}"
            return f".  It began in step {update.number}"
    return ""
