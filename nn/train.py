"""fit: the training loop."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tinygrad_edu import DataError, Tensor, TrainingError

from .data import Dataset, Examples, batches, check_whole
from .init import Seed, as_generator
from .metrics import outputs, predict
from .module import Module

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Epoch", "History", "Optimizer", "fit", "train_step"]


class Optimizer(Protocol):
    """What fit needs of an optimizer."""

    def zero_grad(self) -> None: ...
    def step(self) -> None: ...


@dataclass(frozen=True)
class Epoch:
    """What one pass over the training data brought.  Epoch 0 is the network before any update."""

    number: int
    cost: float  # mean over the epoch's mini-batches, each before its update; epoch 0: over all the training data
    right: int | None  # test examples classified rightly, after the epoch; None without test data
    tested: int
    seconds: float  # of training, without the test
    examples: int  # seen in this epoch

    @property
    def accuracy(self) -> float | None:
        """Fraction of the test examples classified rightly."""
        return None if self.right is None else self.right / self.tested


@dataclass
class History:
    """What happened in training, epoch by epoch."""

    epochs: list[Epoch] = field(default_factory=list)
    interrupted: bool = False  # stopped by Ctrl-C

    @property
    def costs(self) -> list[float]:
        """The cost of every epoch, epoch 0 first."""
        return [epoch.cost for epoch in self.epochs]

    @property
    def accuracies(self) -> list[float]:
        """The test accuracy after every epoch, epoch 0 first; empty without test data."""
        return [epoch.accuracy for epoch in self.epochs if epoch.accuracy is not None]

    def plot(self, ax: Axes | None = None) -> Axes:
        """The cost and accuracy curves; needs matplotlib."""
        from .plot import curves

        return curves(self, ax)


def train_step(net: Module, cost: Module, optimizer: Optimizer, x: Any, y: Any) -> float:
    """One mini-batch: feed forward, propagate the error back, update; the cost before the update.

    x (S, n_in), y (S, n_out): arrays that nobody writes to any more.
    """
    c = cost(net(Tensor(x, copy=False)), Tensor(y, copy=False))
    value = float(c.item())
    if not math.isfinite(value):
        raise TrainingError(
            f"the cost is {value}: the parameters are too large or not finite.  Try a smaller learning rate"
        )
    optimizer.zero_grad()
    c.backward()
    optimizer.step()
    return value


def fit(
    net: Module,
    cost: Module,
    optimizer: Optimizer,
    data: Dataset | Examples,
    epochs: int,
    batch_size: int = 10,
    *,
    test: Examples | None = None,
    rng: Seed = None,
    progress: bool | Callable[[str], None] = True,
) -> History:
    """Train by stochastic gradient descent on shuffled mini-batches; the last, partial one is used too.

    data      examples, or a Dataset: then its training part, tested on its test part
    test      examples to count right answers on, before the first and after every epoch
    rng       a seed or a generator for the order of the examples: the same one, the same run
    progress  True: a line per epoch (and a bar on a terminal); False: silence; or where to send the lines

    Ctrl-C ends the training: the network keeps what it has learned, and the History says so.
    A cost that is not finite raises TrainingError; the parameters are finite then, if they were at the start.
    """
    if isinstance(data, Dataset):
        test = data.test if test is None else test
        data = data.train
    if not isinstance(data, Examples):
        raise DataError(f"fit takes a nn.Dataset or nn.Examples(x, y, labels), not {type(data).__name__}")
    check_whole(epochs, 0, None, "fit: epochs, the passes over the training data,")
    check_whole(batch_size, 1, None, "fit: batch_size, the examples in a mini-batch,")
    if len(data) == 0:
        raise DataError("there are no training examples")
    learned = getattr(optimizer, "parameters", None)
    if isinstance(learned, list) and not {id(p) for p in learned} & {id(p) for p in net.parameters()}:
        raise ValueError("the optimizer learns none of this network's parameters: make it with net.parameters()")
    rng = as_generator(rng)
    say = _speaker(progress)
    history = History()
    place, start = _Place(len(data)), time.perf_counter()
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is found by train_step, which explains
        try:
            history.epochs.append(_first_look(net, cost, data, test))
            say(_line(history.epochs[0], epochs, "before training"))
            net.train()
            for place.number in range(1, epochs + 1):
                begun, total, place.seen = time.perf_counter(), 0.0, 0
                with _safety_net(net, place):
                    for x, y in _bar(batches(data, batch_size, rng), data, batch_size, place.number, epochs, progress):
                        total += train_step(net, cost, optimizer, x, y) * len(x)
                        place.seen += len(x)
                seconds = time.perf_counter() - begun
                right, tested = _tested(net, test)
                history.epochs.append(Epoch(place.number, total / place.seen, right, tested, seconds, place.seen))
                left = (time.perf_counter() - start) / place.number * (epochs - place.number)
                rate = f"{place.seen / max(seconds, 1e-9):,.0f} examples/s"
                say(_line(history.epochs[-1], epochs, f"{seconds:.1f} s  {rate}  left {left:.0f} s"))
        except KeyboardInterrupt:
            history.interrupted = True
            net.train()
            say(f"interrupted in {place}: the network keeps what it learned")
    return history


@dataclass
class _Place:
    """How far the training is."""

    examples: int
    number: int = 0  # of the epoch
    seen: int = 0  # examples in this epoch

    def __str__(self) -> str:
        return f"epoch {self.number}, example {self.seen} of {self.examples}"


@contextmanager
def _safety_net(net: Module, place: _Place) -> Iterator[None]:
    """When the training breaks down, the parameters become again what they were before the epoch."""
    before = [(p, p.data) for p in net.parameters()]
    try:
        yield
        if all(np.isfinite(p.data).all() for p, _ in before):
            return
        trouble = "a gradient was not finite"
    except TrainingError as error:
        trouble = str(error)
    for p, data in before:
        p.assign(data)
    raise TrainingError(f"{place}: {trouble}.  The parameters are those before this epoch")


def _first_look(net: Module, cost: Module, data: Examples, test: Examples | None) -> Epoch:
    """Epoch 0: the network as it is."""
    value = float(cost(Tensor(outputs(net, data.x)), Tensor(data.y, copy=False)).item())
    if not math.isfinite(value):
        raise TrainingError(f"the cost before training is {value}: look for NaN in the parameters")
    return Epoch(0, value, *_tested(net, test), 0.0, 0)


def _tested(net: Module, test: Examples | None) -> tuple[int | None, int]:
    if test is None or len(test) == 0:
        return None, 0
    return int(np.sum(predict(net, test.x) == test.labels)), len(test)


def _line(epoch: Epoch, epochs: int, rest: str) -> str:
    """epoch  1/30  cost 0.0712  test  9129/10000 (91.3 %)   0.4 s  …"""
    parts = [f"epoch {epoch.number:{len(str(epochs))}d}/{epochs}  cost {epoch.cost:.4f}"]
    if epoch.accuracy is not None:
        parts.append(f"test {epoch.right:{len(str(epoch.tested))}d}/{epoch.tested} ({100 * epoch.accuracy:.1f} %)")
    return "  ".join([*parts, " " + rest])


def _speaker(progress: bool | Callable[[str], None]) -> Callable[[str], None]:
    if callable(progress):
        return progress
    return (lambda line: print(line, flush=True)) if progress else (lambda line: None)


def _bar(
    mini_batches: Iterable[Any], data: Examples, size: int, number: int, epochs: int, progress: Any
) -> Iterable[Any]:
    """A progress bar on a terminal, where tqdm is installed; the line per epoch comes either way."""
    if progress is not True or not sys.stderr.isatty():
        return mini_batches
    try:
        from tqdm import tqdm
    except ImportError:
        return mini_batches
    count = -(-len(data) // size)
    return tqdm(mini_batches, f"epoch {number}/{epochs}", count, leave=False, unit=" batches")
