"""W2, wide nets: 784-512-512-10, where the matrix products should be all that costs time."""

from __future__ import annotations

from .contestants import PEERS, Ours, first_parameters, installed
from .report import Table, compared
from .timing import Settings, in_turns
from .w1_lecture_step import agree, mini_batches, repeated

__all__ = ["run"]

SIZES, ETA = [784, 512, 512, 10], 0.5


def run(settings: Settings) -> list[Table]:
    """Time per step; the goals of this work are for the recorded step (jit), so there are none here."""
    tables = []
    for size, count in ((32, 2),) if settings.quick else ((32, 40), (128, 20), (1024, 4)):
        rounds = 3 if settings.quick else 9
        batches = mini_batches(count, size)
        contestants, missing = installed([Ours, *PEERS], SIZES, first_parameters(SIZES), ETA)
        table = Table(f"W2 eager: 784-512-512-10, sigmoid, S = {size}; time per step", missing)
        table.notes.append(agree(contestants, batches, steps=2))
        seconds = in_turns({c.name: repeated(c, batches) for c in contestants}, rounds, settings)
        compared(table, seconds, Ours.name, {}, "ms", count)
        tables.append(table)
    return tables
