"""The check itself: the first order, and if that is right and asked for, the second."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..graph import toposort
from .diagnosis import CAUSES
from .differences import uneven
from .numeric import drawn, numeric_gradients, slopes_of_gradient, wrong_along_a_direction
from .problem import Problem, Weigh
from .report import Report
from .verdict import Tolerance, cause_of, judged, leading_sizes, said

__all__ = ["examined"]

Array = npt.NDArray[Any]


def examined(problem: Problem, order: int, tolerance: Tolerance, entries: int, rng: Any) -> Report:
    """First order; if it is right and asked for, second order."""
    notes = []
    if problem.upcast:
        notes.append(f"{', '.join(problem.upcast)} values were checked in float64")
    y = problem.output(problem.values)
    z = np.asarray(y._data)
    v = uneven(z.shape) if z.size != 1 else np.ones(z.shape)
    eps = max(float(np.finfo(t.dtype).eps) for t in (y, *toposort(y)) if t.dtype.kind == "f")
    if eps > 1e-10:
        notes.append("part of the function computes in less than float64: differences are good to about 3 digits")
    usual = 1e-6 if eps < 1e-10 else 1e-3
    cost = "C = f" if z.size == 1 else "C = Σ v·f, v uneven"
    report = Report(1, "central differences", [], notes=notes, cost=cost)
    if not np.array_equal(problem.value(problem.values), z, equal_nan=True):
        return replace(report, cause=said("not deterministic"))

    try:
        mine = problem.gradient(problem.values, lambda _: v)
    except Exception as error:
        return replace(report, cause=said("raised", error=f"{type(error).__name__}: {error}"))
    picked = [drawn(x.size, entries, rng) for x in problem.values]
    found, exact = numeric_gradients(problem, v, z, mine, picked, eps)
    if exact:
        report = replace(report, method="complex step")
        usual = 1e-9
    compared = [
        judged(name, a, s, at, x.shape, tolerance, usual)
        for name, a, s, at, x in zip(problem.names, mine, found, picked, problem.values, strict=True)
    ]
    if not any(c.failed for c in compared):
        missed = wrong_along_a_direction(problem, v, z, mine, picked, eps, tolerance, usual)
        if missed is not None:
            k, at, s = missed
            c = judged(problem.names[k], mine[k], s, at, mine[k].shape, tolerance, usual)
            compared[k] = replace(c, checked=compared[k].checked + c.checked)
    report = replace(report, compared=compared)
    if any(c.failed for c in compared):
        return replace(report, cause=cause_of(compared, leading_sizes(problem.values, None, y)))
    if sum(int(c.checked - c.unreliable.sum()) for c in compared) == 0 and any(c.checked for c in compared):
        return replace(report, cause=said("unreliable"))
    if any(c.kinks.any() for c in compared):
        report = replace(report, cause=said("kink"), notes=[*notes, CAUSES["kink"]])
    return report if order == 1 else _second(replace(report, order=2), problem, v, eps, tolerance)


def _second(report: Report, problem: Problem, v: Array, eps: float, tolerance: Tolerance) -> Report:
    """Reverse mode over reverse mode against differences of gradients: of C, and of a C whose seed depends on f."""
    along = [uneven(x.shape, start=k + 1) for k, x in enumerate(problem.values)]
    weights: list[tuple[str, Weigh]] = [
        (report.cost, lambda _: v),
        ("C = Σ v·(f² + f), v uneven", lambda y: v * (2 * y + 1)),
    ]
    for cost, weigh in weights:
        try:
            seconds = problem.second(problem.values, weigh, along)
            again = problem.gradient(problem.values, weigh, create_graph=True)
            once = problem.gradient(problem.values, weigh)
        except Exception as error:
            cause = said("raised", error=f"{type(error).__name__}: {error}")
            return replace(report, cause=cause, cost=cost)
        if not all(
            np.allclose(a, b, rtol=1e3 * eps, atol=1e-9, equal_nan=True) for a, b in zip(once, again, strict=True)
        ):
            return replace(report, cause=said("readings"), cost=cost)
        numeric = slopes_of_gradient(problem, weigh, once, along, eps)
        compared = [
            judged(name, a, s, np.arange(x.size), x.shape, tolerance, 1e-5 if eps < 1e-10 else 3e-2)
            for name, a, s, x in zip(problem.names, seconds, numeric, problem.values, strict=True)
        ]
        if any(c.failed for c in compared):
            return replace(report, compared=compared, cause=said("second order"), cost=cost)
    return report
