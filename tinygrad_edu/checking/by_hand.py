"""A gradient derived by hand, held against the differences of its cost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ShapeError
from ..tensor import Tensor
from .differences import uneven
from .numeric import entry_slopes, exactly
from .problem import Problem, values_of
from .report import Report
from .verdict import Tolerance, cause_of, judged, leading_sizes

__all__ = ["compare"]

Array = npt.NDArray[Any]


def compare(
    mine: Any,
    cost: Any,
    *inputs: Any,
    names: Iterable[str] | None = None,
    batch: int | None = None,
    rtol: float = 1e-5,
    atol: float | None = None,
) -> Report:
    """Compare a gradient that you derived by hand with the differences of its cost, and name the likely mistake.

    mine    your gradient; a list of gradients for several inputs
    cost    the function of the inputs, in plain NumPy or of Tensors; or the right gradients themselves
    batch   how many examples there are, if the cost is their mean (else the sizes of the arrays tell)

    >>> compare([4.0, 8.0], lambda x: (x**2).sum() / 2, np.array([2.0, 4.0])).cause.kind
    'missing 1/2'
    """
    gradients = _list_of(mine, len(inputs))
    if callable(cost):
        if len(gradients) != len(inputs):
            raise ShapeError(f"compare needs one gradient for each input: {len(gradients)} and {len(inputs)}")
        problem = Problem(cost, inputs, None, names, plain=True)
        called = problem.names
        z = problem.value(problem.values)
        v = uneven(z.shape) if z.size != 1 else np.ones(z.shape)
        found = [entry_slopes(problem, v, z, k, np.arange(x.size)) for k, x in enumerate(problem.values)]
        numeric = [s.value.reshape(x.shape) for s, x in zip(found, problem.values, strict=True)]
    else:
        numeric = _list_of(cost, len(inputs))
        found = [exactly(g.ravel()) for g in numeric]
        called = list(names or ["wbxyzuv"[k % 7] for k in range(len(numeric))])
        if len(gradients) != len(numeric):
            raise ShapeError(f"compare needs as many gradients as right ones: {len(gradients)} and {len(numeric)}")
    tolerance = Tolerance(rtol, atol)
    compared = [
        judged(name, a, s, np.arange(b.size), b.shape, tolerance)
        for name, a, b, s in zip(called, gradients, numeric, found, strict=True)
    ]
    sizes = [batch] if batch else leading_sizes(inputs, cost)
    report = Report(1, "central differences" if callable(cost) else "the numbers given", compared)
    return replace(report, cause=cause_of(compared, sizes, by_hand=True))


def _list_of(given: Any, inputs: int) -> list[Array]:
    """One gradient, which may be a list of numbers, or a list of gradients."""
    several = isinstance(given, (list, tuple)) and (
        inputs > 1 or all(isinstance(g, (np.ndarray, np.generic, Tensor)) for g in given)
    )
    return [np.asarray(values_of(g), dtype=np.float64) for g in (given if several else [given])]
