"""W1, the lecture's step: 784-30-10, sigmoid, quadratic cost, mini-batches of 10, eta = 3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import nn

from .by_hand import BookLoops, NumPy, NumPyBuffers
from .contestants import PEERS, Ours, OursTrainStep, first_parameters, installed
from .report import Goal, Table, compared
from .timing import Settings, in_turns

__all__ = ["agree", "mini_batches", "run"]

SIZES, S, ETA = [784, 30, 10], 10, 3.0
GOALS = {
    "NumPy by hand": Goal(2.0, 1.3),
    "PyTorch eager": Goal(0.55, 0.35),
    "MyGrad": Goal(0.35, 0.25),
    "HIPS autograd": Goal(0.25, 0.15),
}


def mini_batches(count: int, size: int) -> list[tuple[Any, Any]]:
    """Real digits of 8 x 8 pixels, enlarged to 24 x 24 with a margin of 2: 784 inputs, as MNIST has."""
    data = nn.data.digits().train
    images = np.kron(data.x.reshape(-1, 8, 8), np.ones((1, 3, 3)))
    x = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(len(data.x), 784).astype(np.float32)
    rng = np.random.default_rng(0)
    picks = [rng.choice(len(x), size) for _ in range(count)]
    return [(x[pick], data.y[pick].astype(np.float32)) for pick in picks]


def agree(contestants: list[Any], batches: list[tuple[Any, Any]], steps: int = 5) -> str:
    """Nobody is timed with a wrong computation: all parameters must be the same after a few steps."""
    first = contestants[0]
    for c in contestants:
        for x, y in batches[:steps]:
            c.step(*c.prepared(x, y))
        for ours, theirs in zip(first.values(), c.values(), strict=True):
            if theirs.dtype != np.float32:
                raise AssertionError(f"{c.name} left float32: its parameters are {theirs.dtype}")
            np.testing.assert_allclose(theirs, ours, rtol=1e-4, atol=1e-6, err_msg=c.name)
    return f"checked: after {steps} steps all {len(contestants)} have the same float32 parameters (rtol 1e-4)"


def repeated(contestant: Any, batches: list[tuple[Any, Any]]) -> Callable[[], None]:
    """What is timed: one step per mini-batch."""
    prepared = [contestant.prepared(x, y) for x, y in batches]

    def steps() -> None:
        step = contestant.step
        for x, y in prepared:
            step(x, y)

    return steps


def run(settings: Settings) -> list[Table]:
    """Time per step."""
    rounds, count = (5, 25) if settings.quick else (60, 50)  # short turns: a busy machine slows neighbours alike
    batches = mini_batches(count, S)
    classes = [Ours, OursTrainStep, NumPy, NumPyBuffers, *PEERS, BookLoops]
    contestants, missing = installed(classes, SIZES, first_parameters(SIZES), ETA)
    table = Table(f"W1 eager: 784-30-10, sigmoid, quadratic cost, S = {S}, SGD; time per step", missing)
    table.notes.append(agree(contestants, batches))
    table.notes.append(f"{rounds} rounds of {count} steps each, in turns; every step also computes its cost")
    seconds = in_turns({c.name: repeated(c, batches) for c in contestants}, rounds, settings, warm_up=True)
    compared(table, seconds, Ours.name, GOALS, "µs", count)
    return [table]
