"""W1, the lecture's step: 784-30-10, sigmoid, quadratic cost, mini-batches of 10, eta = 3."""

from __future__ import annotations

from functools import partial

import numpy as np

import nn

from .by_hand import BookLoops, C, NumPy, NumPyBuffers
from .contestants import (
    Batches,
    Contestant,
    Ours,
    OursJitC,
    OursJitNumPy,
    OursJitScan,
    OursTrainStep,
    agree,
    first_parameters,
    installed,
)
from .peers import Autograd, Jax, JaxScan, MyGrad, PyTorch, TinyGrad, TorchCompile, TorchCompileStep
from .report import Goal, Table, compared
from .timing import Settings, in_turns

__all__ = ["mini_batches", "run"]

SIZES, S, ETA = [784, 30, 10], 10, 3.0
CONTESTANTS: list[type[Contestant]] = [
    *(Ours, OursTrainStep, OursJitNumPy, OursJitC, OursJitScan),
    *(C, NumPy, NumPyBuffers, BookLoops),
    *(Jax, JaxScan, PyTorch, TorchCompile, TorchCompileStep, MyGrad, Autograd, TinyGrad),
]
GOALS = [
    Goal(Ours.name, PyTorch.name, 0.55, 0.35),
    Goal(Ours.name, NumPy.name, 2.0, 1.3),
    Goal(Ours.name, MyGrad.name, 0.35, 0.25),
    Goal(Ours.name, Autograd.name, 0.25, 0.15),
    Goal(OursJitNumPy.name, NumPy.name, 1.2, 0.9),
    Goal(OursJitScan.name, JaxScan.name, 1.0, 0.7),
    Goal(OursJitScan.name, PyTorch.name, 0.12, 0.07),
]


def mini_batches(count: int, size: int) -> Batches:
    """Real digits of 8 x 8 pixels, enlarged to 24 x 24 with a margin of 2: 784 inputs, as MNIST has."""
    data = nn.data.digits().train
    images = np.kron(data.x.reshape(-1, 8, 8), np.ones((1, 3, 3)))
    x = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(len(data.x), 784).astype(np.float32)
    rng = np.random.default_rng(0)
    picks = [rng.choice(len(x), size) for _ in range(count)]
    return [(x[pick], data.y[pick].astype(np.float32)) for pick in picks]


def run(settings: Settings) -> list[Table]:
    """Time per step, in the middle of an epoch whose mini-batches lie one after the other in memory."""
    rounds, count = (3, 20) if settings.quick else (31, 500)
    batches = mini_batches(count, S)
    contestants, missing = installed(CONTESTANTS, SIZES, first_parameters(SIZES), ETA, S)
    table = Table("W1: 784-30-10, sigmoid, quadratic cost, S = 10, SGD, one thread; time per step", missing)
    contestants = agree(contestants, batches, table.notes)
    table.notes.append(f"{rounds} rounds of {count} steps each, in turns; every step also computes its cost")
    epochs = {c.name: partial(c.epoch, c.prepared(batches)) for c in contestants}
    compared(table, in_turns(epochs, rounds, settings, warm_up=True), Ours.name, GOALS, "µs", count)
    return [table]
