"""An Op: a NumPy function and its derivative.  Everything else in the house is built on this row."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Op", "Traced", "elementwise"]

Rule = Callable[..., Any]


class Traced:
    """A value that takes note of the operations done to it: `Tensor`, seen from below."""

    __slots__ = ()
    op: Op | None  # what made it; None for a leaf
    inputs: tuple[Any, ...]  # what it was made from
    _data: Any
    _requires_grad: bool

    def _apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Run `op` on `inputs`, of which this value is one, and take note of it."""
        raise TypeError(f"{type(self).__name__} says that it is Traced, but does not say how: define _apply")

    def _leaves(self, how: str) -> None:
        """Python is about to read the values, in the way that `how` says: a Tensor asks whether jit may lose them."""


@dataclass(frozen=True, eq=False, slots=True)
class Op:
    """A NumPy function and its derivative.  Arrays are positional, settings are keyword.

    forward(*arrays, **params) -> z
    vjps[i](g, z, *inputs, **params) -> g . dz/dinputs[i]      None: no derivative in that input
    vjps(g, z, *inputs, **params) -> all of them in a list     for an op with any number of inputs

    A vjp ("vector-Jacobian product") takes g = dC/dz, the gradient of the cost with respect to the
    output, one step back to the input.  It is written with operators, other ops and `.shape` only, so
    that it reads two ways: on plain arrays (fast) and on Tensors (the derivative is a graph again, and
    can be differentiated, drawn, recorded).  It may leave g broadcast: the sweep sums it back.
    """

    name: str
    forward: Callable[..., Any]
    vjps: tuple[Rule | None, ...] | Rule
    formula: str = ""  # for people: the picture and the docs show it
    elementwise: bool = False  # works entry by entry, and broadcasts
    view: bool = False  # the output may share memory with the input
    differentiable: bool = field(init=False)  # in one of its inputs at least
    most: float = field(init=False)  # so many inputs at most

    def __post_init__(self) -> None:
        rules = self.vjps
        object.__setattr__(self, "differentiable", callable(rules) or any(rules))
        object.__setattr__(self, "most", len(rules) if isinstance(rules, tuple) else math.inf)

    def __call__(self, *inputs: Any, **params: Any) -> Any:
        """On Tensors: run and record.  On plain arrays: just run."""
        for x in inputs:
            if isinstance(x, Traced):
                return x._apply(self, inputs, params)
        return self.forward(*inputs, **params)

    def __repr__(self) -> str:
        return f"<op {self.name}: {self.formula}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} is a row of the op table, not data: name it instead of pickling it")


def elementwise(name: str, forward: Callable[..., Any], *vjps: Rule | None, formula: str) -> Op:
    """A row for an op that works entry by entry and broadcasts like NumPy."""
    return Op(name, forward, vjps, formula, elementwise=True)
