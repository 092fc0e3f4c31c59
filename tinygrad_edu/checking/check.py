"""Gradient checking that explains itself: what backward() finds, held against differences of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import GradientCheckError
from .fault import explained
from .orders import examined
from .problem import Problem
from .report import Report
from .verdict import Tolerance

__all__ = ["assert_gradients", "check_gradients"]

PLAIN = ("not deterministic", "unreliable")  # of the function as a whole: no op is to blame


def check_gradients(
    f: Callable[..., Any],
    *inputs: Any,
    parameters: Any = None,
    order: int = 1,
    rtol: float | None = None,
    atol: float | None = None,
    seed: int = 0,
    entries: int = 300,
    names: Iterable[str] | None = None,
) -> Report:
    """Compare backward() with differences of f, entry by entry; the report says what is wrong, and why.

    f           takes the inputs, returns a Tensor; of a larger one, C = Σ v·f with an uneven v is checked
    inputs      Tensors, arrays, numbers.  Whole numbers and booleans are constants, and, if one of the Tensors
                requires a gradient, so are those that do not
    parameters  Tensors that f uses without taking them, as net.parameters(), net.named_parameters(), a dict, or
                the net itself; the inputs are constants then.  They get other values and have them back in the end
    order       2: also the gradient of the gradient, along an uneven direction
    rtol, atol  |mine - numeric| may be rtol·|numeric| + atol + what the differences are unsure of; by default
                as exact as the method: 1e-6 of the entry for differences, 1e-9 for the complex step
    entries     of a larger input, so many are drawn (seed) and checked; all together in one direction

    Float32 values are checked in float64.

    >>> check_gradients(lambda w, x: (w * x).sigmoid(), [1.0, 2.0], 0.5).ok
    True
    """
    if order not in (1, 2):
        raise ValueError(f"order is 1 or 2, not {order!r}")
    problem = Problem(f, inputs, parameters, names)
    rng = np.random.default_rng(seed)
    report = examined(problem, order, Tolerance(rtol, atol), entries, rng)
    return report if report.ok or report.cause is None or report.cause.kind in PLAIN else explained(report, problem)


def assert_gradients(f: Callable[..., Any], *inputs: Any, **settings: Any) -> Report:
    """check_gradients for tests: a mistake is a GradientCheckError, which is an AssertionError, with the report.

    >>> assert_gradients(lambda x: x * x, 3.0).ok
    True
    """
    report = check_gradients(f, *inputs, **settings)
    if not report.ok:
        raise GradientCheckError(str(report))
    return report
