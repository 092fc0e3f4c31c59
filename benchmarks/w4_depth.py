"""W4, depth and size: a chain of a million nodes; a broadcast chain on ten million numbers."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .report import Goal, Table, compared
from .timing import Settings, in_turns, quiet_collector, spread

__all__ = ["run"]

FACTOR = 0.999999


def grown(x: Tensor, n: int) -> Tensor:
    """x · c · c · c …: every node is made from the one before."""
    for _ in range(n):
        x = x * FACTOR
    return x


def bytes_per_node(n: int) -> tuple[float, float]:
    """Held by the graph, and at most while backward() runs; counted by Python's allocator, so without chance."""
    x = Tensor(1.0, requires_grad=True)
    tracemalloc.start()
    y = grown(x, n)
    held, _ = tracemalloc.get_traced_memory()
    y.backward()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return held / n, most / n


def seconds(n: int, settings: Settings) -> list[float]:
    """Of forward, of backward, of freeing the graph, and of all three."""
    x = Tensor(1.0, requires_grad=True)
    with quiet_collector():
        t0 = settings.clock()
        y = grown(x, n)
        t1 = settings.clock()
        y.backward()
        t2 = settings.clock()
        del y
        t3 = settings.clock()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.item(), FACTOR**n, rtol=1e-9)
    return [t1 - t0, t2 - t1, t3 - t2, t3 - t0]


def chain(settings: Settings) -> Table:
    """A graph as deep as it has nodes."""
    n, runs = (20_000, 1) if settings.quick else (1_000_000, 3)
    table = Table(f"W4 chain: {n:,} nodes of single numbers, one after the other; median of {runs}")
    held, most = bytes_per_node(20_000)
    table.add("the graph, per node", f"{held:.0f} B")
    table.judge(Goal("the graph", "bytes per node", 600, 300), held)
    table.add("at most, in backward(), per node", f"{most:.0f} B")
    columns = zip(*(seconds(n, settings) for _ in range(runs)), strict=True)
    for what, column in zip(("forward", "backward", "freeing the graph", "all three"), columns, strict=True):
        middle, low, high = spread(list(column))
        table.add(what, f"{middle:.2f} s", f"{low:.2f}–{high:.2f}")
    if not settings.quick:
        table.judge(Goal("all three", "seconds", 10, 3), middle)
    return table


class Broadcast:
    """C = ½ sum a²,  a = (x w + b) s:  x (N, 1000) does not need a gradient; w, b (1000,) and s (N, 1) do."""

    def __init__(self, rows: int) -> None:
        rng = np.random.default_rng(0)
        shapes = (rows, 1000), (1000,), (1000,), (rows, 1)
        self.x, self.w, self.b, self.s = (rng.standard_normal(shape, np.float32) for shape in shapes)

    def by_hand(self) -> tuple[Any, ...]:
        x, w, b, s = self.x, self.w, self.b, self.s
        z = x * w + b
        a = z * s
        flat = a.ravel()
        cost = 0.5 * (flat @ flat)
        g_s = (a * z).sum(axis=1, keepdims=True)
        g_z = a * s
        g_b = g_z.sum(axis=0)
        g_w = (g_z * x).sum(axis=0)
        return cost, g_w, g_b, g_s

    def ours(self) -> tuple[Any, ...]:
        x = Tensor(self.x, copy=False)
        w, b, s = (Tensor(v, requires_grad=True, copy=False) for v in (self.w, self.b, self.s))
        a = (x * w + b) * s
        cost = (a * a).sum() * 0.5
        cost.backward()
        return cost.data, *(t.grad.data for t in (w, b, s) if t.grad is not None)

    def pytorch(self) -> Callable[[], tuple[Any, ...]]:
        import torch

        def step() -> tuple[Any, ...]:
            x = torch.from_numpy(self.x)
            w, b, s = (torch.from_numpy(v).requires_grad_() for v in (self.w, self.b, self.s))
            a = (x * w + b) * s
            cost = (a * a).sum() * 0.5
            cost.backward()
            return cost.detach().numpy(), *(t.grad.numpy() for t in (w, b, s))

        return step


def broadcast(settings: Settings) -> Table:
    """Bound by memory: what counts is how often the numbers are read and written."""
    rows, rounds = (500, 3) if settings.quick else (10_000, 9)
    work = Broadcast(rows)
    table = Table(
        f"W4 broadcast chain: ½ Σ ((x w + b) s)² on {rows * 1000:,} float32 numbers, one thread; forward + backward"
    )
    steps: dict[str, Callable[[], tuple[Any, ...]]] = {"tinygrad_edu": work.ours, "NumPy by hand": work.by_hand}
    try:
        steps["PyTorch eager"] = work.pytorch()
    except ModuleNotFoundError as error:
        table.notes.append(f"PyTorch is skipped ({error.msg}): pip install torch==2.13.0")
    right = work.by_hand()
    for step in steps.values():
        for mine, theirs in zip(step(), right, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-2)  # float32 sums in another order
    table.notes.append(f"checked: all {len(steps)} find the same cost and derivatives")
    compared(table, in_turns(steps, rounds, settings), "tinygrad_edu", unit="ms")
    return table


def run(settings: Settings) -> list[Table]:
    """Both."""
    return [chain(settings), broadcast(settings)]
