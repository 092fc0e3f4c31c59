"""What happened in a training, epoch by epoch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from tinygrad_edu import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Epoch", "History"]


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data brought.  Epoch 0 is the network before any update."""

    number: int
    cost: float  # mean over the epoch's mini-batches, each before its update; epoch 0: over all the training data
    right: int | None  # test examples classified rightly, after the epoch; None without test data
    tested: int
    seconds: float  # of training, without the test
    examples: int  # seen in this epoch
    lr: float | None = None  # learning rate of the last update (of the first group of parameters)
    validation_cost: float | None = None  # mean over the validation examples, after the epoch
    validation_right: int | None = None
    validated: int = 0
    notes: dict[str, float] = field(default_factory=dict)  # what callbacks found, as "layer 2 saturated"

    @property
    def accuracy(self) -> float | None:
        """Fraction of the test examples classified rightly."""
        return None if self.right is None else self.right / self.tested

    @property
    def validation_accuracy(self) -> float | None:
        """Fraction of the validation examples classified rightly."""
        return None if self.validation_right is None else self.validation_right / self.validated

    def figure(self, name: str) -> float:
        """A figure by its name: "cost", "accuracy", "validation_cost", "validation_accuracy", or one of the notes."""
        if name in FIGURES:
            value = getattr(self, name)
            if value is None:
                part = "validation" if name.startswith("validation") else "test"
                raise DataError(f"there is no {name} without {part} examples: write fit(..., {part}=examples)")
            return float(value)
        if name not in self.notes:
            known = ", ".join((*FIGURES, *self.notes))
            raise DataError(f"an epoch has no figure {name!r}: there are {known}")
        return float(self.notes[name])


FIGURES = ("cost", "accuracy", "validation_cost", "validation_accuracy")


@dataclass
class History:
    """What happened in training, epoch by epoch: print(history) writes a line for each, history.plot() draws it."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False  # stopped by Ctrl-C
    stopped: str | None = None  # why a callback ended the training early

    @property
    def costs(self) -> list[float]:
        """The cost of every epoch, epoch 0 first."""
        return [epoch.cost for epoch in self.epochs]

    @property
    def accuracies(self) -> list[float]:
        """The test accuracy after every epoch, epoch 0 first; empty without test data."""
        return [epoch.accuracy for epoch in self.epochs if epoch.accuracy is not None]

    @property
    def validation_costs(self) -> list[float]:
        """The validation cost after every epoch, epoch 0 first; empty without validation data."""
        return [epoch.validation_cost for epoch in self.epochs if epoch.validation_cost is not None]

    @property
    def validation_accuracies(self) -> list[float]:
        """The validation accuracy after every epoch, epoch 0 first; empty without validation data."""
        return [epoch.validation_accuracy for epoch in self.epochs if epoch.validation_accuracy is not None]

    @property
    def lrs(self) -> list[float]:
        """The learning rate of every epoch's last update, from epoch 1."""
        return [epoch.lr for epoch in self.epochs[1:] if epoch.lr is not None]

    def plot(self, ax: Axes | None = None) -> Axes:
        """The cost and accuracy curves; needs matplotlib."""
        from .plot import curves

        return curves(self, ax)

    def __str__(self) -> str:
        """A line per epoch, as fit printed them: print(history)."""
        from .progress import line

        last = self.epochs[-1].number if self.epochs else 0
        ends = [f"{epoch.seconds:.1f} s" if epoch.number else "before training" for epoch in self.epochs]
        lines = [line(epoch, last, end) for epoch, end in zip(self.epochs, ends, strict=True)]
        lines += ["interrupted: what was learned is kept"] * self.interrupted
        lines += [f"stopped: {self.stopped}"] if self.stopped is not None else []
        return "\n".join(lines) or "no epochs yet"

    def _repr_html_(self) -> str:
        """The last epoch and the curves, for notebooks."""
        from .summary import history_html

        return history_html(self)

    def state_dict(self) -> dict[str, Any]:
        """The epochs as plain numbers, for a checkpoint."""
        return {"epochs": [asdict(epoch) for epoch in self.epochs]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        epochs = [Epoch(**epoch) for epoch in state["epochs"]]
        for k, epoch in enumerate(epochs):
            if epoch.number != k or type(epoch.cost) is not float or not isinstance(epoch.notes, dict):
                raise DataError(f"the history's epoch {k} is {epoch!r:.200}")
        self.epochs = epochs
