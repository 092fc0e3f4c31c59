"""What jit costs and saves:  python -m benchmarks.jit_facts [--steps 1000]

Recording and compiling, with and without a compiled file in the cache; memory that a step plans for itself, beside
the peak of the same step run eagerly; and how far 1,000 steps under jit are from 1,000 eager ones, for every
optimizer and schedule, with both executors.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import nn
from nn import optim, schedule
from tinygrad_edu import Tensor, jit

from .machine import described

OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.5),
    "SGD, momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=1e-4),
    "SGD, Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "RMSprop": lambda p: optim.RMSprop(p, lr=1e-3, momentum=0.9, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=1e-2, lr_decay=1e-3),
    "Adam": lambda p: optim.Adam(p, lr=1e-3),
    "Adam, amsgrad": lambda p: optim.Adam(p, lr=1e-3, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=1e-3),
}
SCHEDULES: dict[str, Callable[[Any], Any]] = {
    "none": lambda o: None,
    "StepLR": lambda o: schedule.StepLR(o, 100, 0.9),
    "ExponentialLR": lambda o: schedule.ExponentialLR(o, 0.999),
    "CosineAnnealingLR": lambda o: schedule.CosineAnnealingLR(o, 2000),
    "LinearLR": lambda o: schedule.LinearLR(o),
    "OneCycleLR": lambda o: schedule.OneCycleLR(o, 0.05, total_steps=5000, cycle_momentum=False),
}


def step_of(net: nn.Module, optimizer: Any, plan: Any = None) -> Callable[[Any, Any], Any]:
    """A whole training step."""
    quadratic = nn.QuadraticCost()

    def train_step(x: Any, y: Any) -> Any:
        cost = quadratic(net(x), y)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        if plan is not None:
            plan.step()
        return cost

    return train_step


def lecture(dtype: Any = np.float32) -> nn.Module:
    return nn.MLP([784, 30, 10], rng=1, dtype=dtype)


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def costs() -> None:
    """Recording, compiling, memory."""
    rng = np.random.default_rng(1)
    x, y = rng.random((10, 784), dtype=np.float32), np.eye(10, dtype=np.float32)
    print("\n784-30-10, mini-batch 10, float32, SGD")
    net = lecture()
    eager = step_of(net, optim.SGD(net.parameters(), lr=0.1))
    tx, ty = Tensor(x), Tensor(y)
    eager(tx, ty)
    tracemalloc.start()
    eager(tx, ty)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"  eager: {peak:,} bytes at the peak of a step")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TINYGRAD_EDU_CACHE"] = folder
        for executor, when in (("numpy", ""), ("c", ", cache empty"), ("c", ", cached")):
            net = lecture()
            step = jit(step_of(net, optim.SGD(net.parameters(), lr=0.1)), executor=executor)
            first, second = seconds(lambda step=step: step(x, y)), seconds(lambda step=step: step(x, y))
            planned = step.latest.executor.planned_bytes
            print(
                f"  {executor + when:<16} first call (recorded) {1e3 * first:.1f} ms, second (recorded, compared, "
                f"compiled) {1e3 * second:.0f} ms; {planned:,} bytes planned, {len(step.program.code)} operations"
            )
        del os.environ["TINYGRAD_EDU_CACHE"]


def equality(steps: int) -> None:
    """The largest relative difference of a parameter after so many steps, and what was asked: 0 with NumPy."""
    print(f"\n{steps:,} steps of 12-16-4 under jit and eagerly: largest difference of a parameter")
    for dtype in (np.float32, np.float64):
        print(f"  {np.dtype(dtype)}: {'optimizer':<16} {'schedule':<18} {'numpy':>8} {'C':>10}")
        for name, optimizer in OPTIMIZERS.items():
            for plan_name, plan in SCHEDULES.items():
                found = [differs(optimizer, plan, steps, dtype, executor) for executor in ("numpy", "c")]
                print(f"           {name:<16} {plan_name:<18} {found[0]:8.1e} {found[1]:10.1e}", flush=True)


def differs(optimizer: Any, plan: Any, steps: int, dtype: Any, executor: str) -> float:
    rng = np.random.default_rng(2)
    xs, ys = rng.random((steps, 8, 12)).astype(dtype), np.eye(4, dtype=dtype)[rng.integers(0, 4, (steps, 8))]
    nets = [nn.MLP([12, 16, 4], rng=1, dtype=dtype) for _ in range(2)]
    made = [optimizer(net.parameters()) for net in nets]
    eager, replayed = (step_of(net, o, plan(o)) for net, o in zip(nets, made, strict=True))
    replayed = jit(replayed, executor=executor)
    for x, y in zip(xs, ys, strict=True):
        eager(Tensor(x), Tensor(y))
        replayed(x, y)
    pairs = [(p.data, q.data) for p, q in zip(*(net.parameters() for net in nets), strict=True)]
    return max(float(np.max(np.abs(p - q)) / np.max(np.abs(p))) for p, q in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jit_facts", description=__doc__)
    parser.add_argument("--steps", type=int, default=1000)
    chosen = parser.parse_args()
    print("\n".join(described()))
    costs()
    equality(chosen.steps)


if __name__ == "__main__":
    main()
