"""W3, scalars: micrograd's moons network, 2-16-16-1, built neuron by neuron of single float64 numbers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .contestants import Unavailable, jitted, without_fallback
from .report import Goal, Table, compared
from .timing import Settings, in_turns

__all__ = ["moons", "run"]

SIZES = [2, 16, 16, 1]
OURS, MICROGRAD = "tinygrad_edu", "micrograd"
EXECUTORS = {"tinygrad_edu, jit numpy": "numpy", "tinygrad_edu, jit C": "c"}


def moons(n: int, noise: float = 0.1, seed: int = 0) -> tuple[Any, Any]:
    """Two half circles that reach into each other: n points (n, 2), and labels -1 and +1."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, np.pi, n // 2)
    upper = np.column_stack([np.cos(angle), np.sin(angle)])
    lower = np.column_stack([1 - np.cos(angle), 0.5 - np.sin(angle)])
    points = np.concatenate([upper, lower]) + noise * rng.standard_normal((n, 2))
    return points, np.repeat([1, -1], n // 2)


class Scalars:
    """The network of one library's numbers; the code that computes with them is the same for all."""

    def __init__(self, count: int, parameter: Callable[[float], Any], constant: Callable[[float], Any]) -> None:
        rng = np.random.default_rng(1)
        self.layers = [
            [([parameter(v) for v in rng.uniform(-1, 1, n_in).tolist()], parameter(0.0)) for _ in range(n_out)]
            for n_in, n_out in pairwise(SIZES)
        ]
        points, labels = moons(count)
        self.points = [[constant(v) for v in point] for point in points.tolist()]
        self.labels: list[int] = labels.tolist()

    def parameters(self) -> list[Any]:
        return [p for layer in self.layers for w, b in layer for p in (*w, b)]

    def score(self, x: list[Any]) -> Any:
        """The network's answer for one point."""
        for layer in self.layers:
            z = [sum((w_i * x_i for w_i, x_i in zip(w, x, strict=True)), b) for w, b in layer]
            x = z if layer is self.layers[-1] else [z_i.relu() for z_i in z]
        return x[0]

    def cost(self) -> Any:
        """Hinge loss, mean over the points, + 1e-4 sum p^2 over the parameters."""
        losses = [(1 + -y * self.score(x)).relu() for x, y in zip(self.points, self.labels, strict=True)]
        return sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in self.parameters())

    def forward_backward(self) -> Any:
        for p in self.parameters():
            p.grad = None if isinstance(p, Tensor) else 0
        cost = self.cost()
        cost.backward()
        return cost


def run(settings: Settings) -> list[Table]:
    """Forward and backward, and the time to free the graph."""
    points, rounds = (20, 2) if settings.quick else (100, 11)
    table = Table(f"W3: moons, 2-16-16-1, {points} points, of single numbers, one thread; forward + backward")
    nets = {OURS: Scalars(points, parameter, Tensor)}
    steps = {OURS: nets[OURS].forward_backward}
    for who, executor in EXECUTORS.items():
        try:
            nets[who] = Scalars(points, parameter, Tensor)
            steps[who] = jitted(nets[who].forward_backward, executor)
        except Unavailable as reason:
            table.notes.append(f"{who} is skipped: {reason}")
    try:
        from micrograd.engine import Value

        nets[MICROGRAD] = Scalars(points, Value, Value)
        steps[MICROGRAD] = nets[MICROGRAD].forward_backward
    except ModuleNotFoundError as error:
        table.notes.append(f"{MICROGRAD} is skipped ({error.msg}): pip install micrograd")
    table.notes.append(f"{nodes(nets[OURS].cost()):,} nodes made by ops, float64, garbage collector on")
    steps = agree(nets, steps, table.notes)
    compared(table, in_turns(steps, rounds, settings), OURS, [Goal(OURS, MICROGRAD, 0.8, 0.3)], "ms")
    return [table]


def parameter(value: float) -> Tensor:
    """A number that has a gradient."""
    return Tensor(value, requires_grad=True)


def nodes(root: Tensor) -> int:
    """How many Tensors of the graph behind `root` were made by ops."""
    seen, waiting = {root}, [root]
    while waiting:
        for x in waiting.pop().inputs:
            if isinstance(x, Tensor) and x.op is not None and x not in seen:
                seen.add(x)
                waiting.append(x)
    return len(seen)


def agree(
    nets: dict[str, Scalars], steps: dict[str, Callable[[], Any]], notes: list[str]
) -> dict[str, Callable[[], Any]]:
    """The contestants to time: the same cost and the same 337 derivatives, also when a step is run again."""
    there, right = {}, steps[OURS]().item()
    gradients = [number(p.grad) for p in nets[OURS].parameters()]
    for who, step in steps.items():
        try:
            for _ in range(4):  # jit runs its recording from the third time on
                cost = without_fallback(step)
        except Unavailable as reason:
            notes.append(f"{who} is skipped: {reason}")
            continue
        np.testing.assert_allclose(number(cost), right, rtol=1e-9, err_msg=who)
        theirs = [number(p.grad) for p in nets[who].parameters()]
        np.testing.assert_allclose(theirs, gradients, rtol=1e-9, atol=1e-15, err_msg=who)
        there[who] = step
    notes.append(f"checked: all {len(there)} find the same cost and the same {len(gradients)} derivatives (rtol 1e-9)")
    return there


def number(value: Any) -> float:
    """Of a Tensor, of micrograd's Value, or of a plain number."""
    return float(value.item() if isinstance(value, Tensor) else getattr(value, "data", value))
