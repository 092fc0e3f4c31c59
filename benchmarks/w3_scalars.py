"""W3, scalars: micrograd's moons network, 2-16-16-1, built neuron by neuron of single float64 numbers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_edu import Tensor

from .report import Goal, Table, compared
from .timing import Settings, in_turns

__all__ = ["moons", "run"]

SIZES = [2, 16, 16, 1]


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
    table = Table(f"W3: moons, 2-16-16-1, {points} points, of single numbers; forward + backward")
    nets = {"tinygrad_edu": Scalars(points, lambda v: Tensor(v, requires_grad=True), Tensor)}
    try:
        from micrograd.engine import Value

        nets["micrograd"] = Scalars(points, Value, Value)
    except ModuleNotFoundError as error:
        table.notes.append(f"micrograd is skipped ({error.msg}): pip install micrograd")
    table.notes.append(f"{nodes(nets['tinygrad_edu'].cost()):,} nodes made by ops, float64, garbage collector on")
    if "micrograd" in nets:
        table.notes.append(agree(nets["tinygrad_edu"], nets["micrograd"]))
    seconds = in_turns({who: net.forward_backward for who, net in nets.items()}, rounds, settings)
    compared(table, seconds, "tinygrad_edu", {"micrograd": Goal(0.8, 0.3)}, "ms")
    return [table]


def nodes(root: Tensor) -> int:
    """How many Tensors of the graph behind `root` were made by ops."""
    seen, waiting = {root}, [root]
    while waiting:
        for x in waiting.pop().inputs:
            if isinstance(x, Tensor) and x.op is not None and x not in seen:
                seen.add(x)
                waiting.append(x)
    return len(seen)


def agree(ours: Scalars, theirs: Scalars) -> str:
    """The same cost and the same 337 derivatives."""
    costs = [ours.forward_backward().item(), theirs.forward_backward().data]
    np.testing.assert_allclose(*costs, rtol=1e-9)
    gradients = [p.grad.item() for p in ours.parameters()], [p.grad for p in theirs.parameters()]
    np.testing.assert_allclose(*gradients, rtol=1e-9, atol=1e-15)
    return f"checked: the same cost and the same {len(gradients[0])} derivatives (rtol 1e-9)"
