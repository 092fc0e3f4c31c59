"""W2, wide nets: 784-512-512-10, where the matrix products should be all that costs time."""

from __future__ import annotations

from functools import partial

from .by_hand import NumPyLayers
from .contestants import OURS, Ours, OursJitC, agree, first_parameters, installed
from .peers import Jax, JaxScan, PyTorch
from .report import Goal, Table, compared
from .timing import Settings, in_turns
from .w1_lecture_step import mini_batches

__all__ = ["run"]

SIZES, ETA = [784, 512, 512, 10], 0.5
CONTESTANTS = [*OURS, NumPyLayers, PyTorch, Jax, JaxScan]
GOALS = [  # for two threads, and mini-batches that are not small
    Goal(OursJitC.name, PyTorch.name, 0.9, 0.6),
    Goal(OursJitC.name, Jax.name, 1.5, 1.0),
]


def run(settings: Settings) -> list[Table]:
    """Time per step."""
    tables = []
    threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
    for size, count in ((32, 5),) if settings.quick else ((32, 40), (128, 20), (1024, 5)):
        rounds = 3 if settings.quick else 15
        batches = mini_batches(count, size)
        contestants, missing = installed(CONTESTANTS, SIZES, first_parameters(SIZES), ETA, size)
        table = Table(f"W2: 784-512-512-10, sigmoid, S = {size}, SGD, {threads}; time per step", missing)
        table.drawn = settings.quick or size == 128
        contestants = agree(contestants, batches, table.notes)
        table.notes.append(f"{rounds} rounds of {count} steps each, in turns; every step also computes its cost")
        epochs = {c.name: partial(c.epoch, c.prepared(batches)) for c in contestants}
        seconds = in_turns(epochs, rounds, settings)
        compared(table, seconds, Ours.name, GOALS if settings.threads == 2 and size >= 128 else [], "ms", count)
        tables.append(table)
    return tables
