"""Callbacks: what looks on while fit trains, and may end it; early stopping, and the best network kept."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_edu import DataError

from .examples import Examples, check_whole
from .history import Epoch, History
from .module import Module

__all__ = ["Callback", "EarlyStopping", "KeepBest", "Run", "Update"]


@dataclass(frozen=True, eq=False)
class Update:
    """One update: its number, from 1, its mini-batch, and the values that net.parameters() had before it."""

    number: int
    x: Any
    y: Any
    before: list[Any]


@dataclass(eq=False)
class Run:
    """A training while it runs: what callbacks look at."""

    net: Module
    cost: Module
    optimizer: Any
    epochs: int  # how many were asked for
    examples: Examples | None  # the training examples; None where they come from a loader that does not tell
    say: Callable[[str], None]  # prints a line, if fit was asked to
    history: History = field(default_factory=History)
    epoch: int = 0  # the number of the epoch that runs, from 1
    step: int = 0  # updates since the training began
    seen: int = 0  # examples in this epoch
    total: float = 0.0  # sum of the costs of those examples
    seconds: float = 0.0  # spent on them
    lr: float | None = None  # of the last update (of the first group of parameters)
    updates: deque[Update] = field(default_factory=lambda: deque(maxlen=2))  # the last ones

    @property
    def last(self) -> Epoch:
        """The epoch that ended last."""
        return self.history.epochs[-1]

    def stop(self, why: str) -> None:
        """End the training after this epoch."""
        self.history.stopped = why

    def __str__(self) -> str:
        of = "" if self.examples is None else f" of {len(self.examples)}"
        return f"epoch {self.epoch}, example {self.seen}{of}"

    def state_dict(self) -> dict[str, Any]:
        """Where it is, and what happened so far."""
        return {**{name: getattr(self, name) for name in _PLACE}, "history": self.history.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Be where the other one was."""
        place = {name: state[name] for name in _PLACE}
        for name, value in place.items():
            kinds = (int,) if name in ("epoch", "step", "seen") else (float, type(None))
            if type(value) not in kinds or not (value is None or value >= 0 or name == "total"):
                raise DataError(f"the training was at {name} = {value!r:.60}")
        told = len(state["history"]["epochs"])
        if told not in (place["epoch"], place["epoch"] + 1):  # epoch 0 and those before, and maybe this one
            raise DataError(f"the training was in epoch {place['epoch']}, and its history has {told} epochs")
        self.history.load_state_dict(state["history"])
        vars(self).update(place)


_PLACE = ("epoch", "step", "seen", "total", "seconds", "lr")


class Callback:
    """Base class: define the methods that you need.  fit(..., callbacks=[...]) calls them in order.

    >>> class Weights(Callback):
    ...     def on_epoch_end(self, run):
    ...         run.last.notes["largest weight"] = float(abs(run.net[0].weight.data).max())

    A number in run.last.notes is part of the history, and can be monitored by callbacks after this one.  A
    callback looks at the network and lets it be: one that changes parameters, or draws on the generators of the
    training, makes another training of it.  What it must remember when a checkpoint is taken up again goes into
    state_dict, as numbers, text, arrays, lists and dicts.
    """

    def on_fit_begin(self, run: Run) -> None:
        """Before the first epoch, or where a checkpoint is taken up."""

    def on_batch_end(self, run: Run) -> None:
        """After every update."""

    def on_epoch_end(self, run: Run) -> None:
        """After every epoch; run.last says what it brought."""

    def on_fit_end(self, run: Run) -> None:
        """When the training ends: after the last epoch, stopped early, or by Ctrl-C."""

    def state_dict(self) -> dict[str, Any]:
        """What it must remember."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what state_dict gave."""
        if state:
            raise DataError(f"{type(self).__name__} remembers nothing, and the state holds {sorted(state)}")


class KeepBest(Callback):
    """Remembers the network of the epoch with the best figure, and ends with it.

    monitor    "validation_cost", "validation_accuracy", "cost", "accuracy", or the name of a note
    mode       "min": low is best; "max": high is best; None: "max" for what is called accuracy, else "min"
    min_delta  how much better than the best so far counts as better
    restore    True: when the training ends, the network gets these values back
    path       a file that always holds the best network so far (nn.save)

    best, best_epoch: the figure and the number of its epoch, None before the first one.  A new training, of this
    or another network, forgets them; one that goes on from a checkpoint does not.
    """

    def __init__(
        self,
        monitor: str = "validation_cost",
        *,
        mode: str | None = None,
        min_delta: float = 0.0,
        restore: bool = True,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        if mode not in (None, "min", "max"):
            raise ValueError(f'mode is "min", "max" or None: got {mode!r:.60}')
        given: Any = min_delta
        if not (isinstance(given, (int, float, np.number)) and 0 <= given < math.inf):
            raise ValueError(f"min_delta is a number, 0 or more: got {min_delta!r:.60}")
        self.monitor, self.min_delta, self.restore = monitor, float(min_delta), restore
        self.sign = 1.0 if (mode or ("max" if monitor.endswith("accuracy") else "min")) == "max" else -1.0
        self.path = None if path is None else os.fspath(path)
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.values: dict[str, Any] = {}

    def on_fit_begin(self, run: Run) -> None:
        """A new training begins with nothing, whatever another one, maybe of another network, had reached."""
        if run.step == 0:
            self.best, self.best_epoch, self.values = None, None, {}

    def on_epoch_end(self, run: Run) -> None:
        """Is it the best one?"""
        self.improved(run)

    def improved(self, run: Run) -> bool:
        """Look at the epoch's figure; a better one is remembered, with the network.  NaN is never better."""
        figure = run.last.figure(self.monitor)
        if math.isnan(figure):
            return False
        if self.best is not None and self.sign * (figure - self.best) <= self.min_delta:
            return False
        self.best, self.best_epoch = figure, run.last.number
        if self.restore:
            self.values = run.net.state_dict()
        if self.path is not None:
            from .checkpoint import save

            save(self.path, run.net)
        return True

    def on_fit_end(self, run: Run) -> None:
        """The network gets the best values back."""
        if self.restore and self.values:
            run.net.load_state_dict(self.values)
            run.say(f"the network is that of epoch {self.best_epoch}: {self.monitor} {self.best:.4g}")

    def state_dict(self) -> dict[str, Any]:
        """The best figure, its epoch and its values."""
        return {"monitor": self.monitor, "best": self.best, "best_epoch": self.best_epoch, "values": self.values}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what state_dict gave."""
        best, epoch, values = state["best"], state["best_epoch"], state["values"]
        if state["monitor"] != self.monitor:
            raise DataError(f"{type(self).__name__} monitored {state['monitor']!r:.60}, and now {self.monitor!r}")
        if not isinstance(best, float | None) or not isinstance(epoch, int | None) or not isinstance(values, dict):
            raise DataError(f"{type(self).__name__}: best {best!r:.60}, best_epoch {epoch!r:.60}")
        self.best, self.best_epoch, self.values = best, epoch, dict(values)


class EarlyStopping(KeepBest):
    """Ends the training when `patience` epochs in a row brought nothing better than the best one.

    The other arguments are KeepBest's; restore_best=True ends with the network of the best epoch.
    """

    def __init__(
        self,
        monitor: str = "validation_cost",
        patience: int = 5,
        min_delta: float = 0.0,
        restore_best: bool = True,
        *,
        mode: str | None = None,
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(monitor, mode=mode, min_delta=min_delta, restore=restore_best, path=path)
        check_whole(patience, 1, None, "EarlyStopping: patience, the epochs to wait for a better one,")
        self.patience = int(patience)
        self.waited = 0

    def on_fit_begin(self, run: Run) -> None:
        """A training that had been stopped when its checkpoint was written is not taken up again."""
        super().on_fit_begin(run)
        if run.step == 0:
            self.waited = 0
        self._enough(run)

    def on_epoch_end(self, run: Run) -> None:
        """Is it the best one?  Else one more has been waited for."""
        self.waited = 0 if self.improved(run) else self.waited + 1
        self._enough(run)

    def _enough(self, run: Run) -> None:
        if self.waited >= self.patience:
            best = "nothing" if self.best is None else f"nothing better than {self.best:.4g} of epoch {self.best_epoch}"
            run.stop(f"{self.monitor}: {best} in {self.waited} epochs")

    def state_dict(self) -> dict[str, Any]:
        """What KeepBest remembers, and how long nothing better came."""
        return {**super().state_dict(), "waited": self.waited}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what state_dict gave."""
        waited = state["waited"]
        if type(waited) is not int or waited < 0:
            raise DataError(f"EarlyStopping: waited {waited!r:.60} epochs")
        super().load_state_dict(state)
        self.waited = waited
