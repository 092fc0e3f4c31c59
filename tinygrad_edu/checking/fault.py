"""Which op is at fault, and if none is, what else: a failed report, explained."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..graph import toposort
from .diagnosis import summed_to
from .differences import uneven
from .numeric import drawn, numeric_gradients
from .orders import examined
from .problem import Problem
from .report import Report
from .script import script_of_numbers, script_of_op
from .verdict import Tolerance, cause_of, judged, said

__all__ = ["explained"]

Array = npt.NDArray[Any]
READS_ONE_TRIANGLE = {"cholesky"}  # its gradient is that of symmetric matrices: entries do not change alone


def explained(report: Report, problem: Problem) -> Report:
    """The report with the op at fault, the cause as seen there, and a script."""
    fault = _op_at_fault(problem.output(problem.values), report.order)
    if fault is not None:
        t, local = fault
        cause = report.cause if report.cause and report.cause.kind in ("readings", "raised") else local.cause
        script = script_of_op(t.op, [np.asarray(a) for a in t._arrays], t.params, report.order, local.compared)
        return replace(report, cause=cause, op=t.op.name, script=script)
    cause = report.cause
    worst = report.worst
    if report.order == 1 and worst is not None:
        if _right_nearby(problem):
            cause = said("special point")
        elif all(c.mine.shape == c.numeric.shape for c in report.compared):
            cause = said("detached")
    return replace(report, cause=cause, script=script_of_numbers(report.compared))


def _right_nearby(problem: Problem) -> bool:
    """Is the gradient right at a point close by?"""
    moves = [1e-2 * (uneven(x.shape, start=3) - 1.8) * np.maximum(1, np.abs(x)) for x in problem.values]
    nearby = copy(problem)
    nearby.values = [x + m for x, m in zip(problem.values, moves, strict=True)]
    return examined(nearby, 1, Tolerance(), 50, np.random.default_rng(0)).ok


def _op_at_fault(y: Any, order: int) -> tuple[Any, Report] | None:
    """The first op on the way whose rule does not fit its own forward."""
    seen: set[Any] = set()
    for t in reversed(toposort(y)):
        key = (t.op, tuple(np.shape(a) for a in t._arrays), repr(t.params))
        if key in seen or len(seen) > 40:
            continue
        seen.add(key)
        report = _op_checked(t, order)
        if report is not None and not report.ok:
            return t, report
    return None


def _op_checked(t: Any, order: int) -> Report | None:
    """The check of one op at the values that it had in the graph; None if it cannot be done."""
    op, params = t.op, t.params
    if op.name in READS_ONE_TRIANGLE:
        return None
    arrays = [np.asarray(a, np.float64) if np.asarray(a).dtype.kind == "f" else np.asarray(a) for a in t._arrays]
    rules = op.vjps
    wanted = [i for i, a in enumerate(arrays) if a.dtype.kind == "f" and (callable(rules) or rules[i] is not None)]
    if not wanted:
        return None

    def f(*xs: Any) -> Any:
        given = list(arrays)
        for i, x in zip(wanted, xs, strict=True):
            given[i] = x
        return op(*given, **params)

    try:
        problem = Problem(f, [arrays[i] for i in wanted], None, ["xyzuvw"[i] if i < 6 else f"x{i}" for i in wanted])
        if order == 2:
            report = examined(problem, 2, Tolerance(), 60, np.random.default_rng(0))
            return report if report.order == 2 else None
        z = problem.output(problem.values)
        raw = [a if a.ndim else a[()] for a in arrays]
        v = uneven(z.shape) if z.size != 1 else np.ones(z.shape)
        g = np.asarray(v, z.dtype)[()]
        with np.errstate(all="ignore"):
            if callable(rules):
                parts = rules(g, z._data, *raw, **params)
            else:
                parts = [rule(g, z._data, *raw, **params) if rule else None for rule in rules]
        mine = []
        for i in wanted:
            part = np.asarray(parts[i], np.float64)
            fitted = summed_to(part, arrays[i].shape)
            mine.append(part if fitted is None else fitted)
        eps = float(np.finfo(z.dtype).eps)
        picked = [drawn(a.size, 400, np.random.default_rng(0)) for a in problem.values]
        found, exact = numeric_gradients(problem, v, np.asarray(z._data), mine, picked, eps)
        usual = 1e-9 if exact else 1e-6 if eps < 1e-10 else 1e-3
        compared = [
            judged(name, a, s, at, x.shape, Tolerance(), usual)
            for name, a, s, at, x in zip(problem.names, mine, found, picked, problem.values, strict=True)
        ]
    except Exception:
        return None
    whole = [np.asarray(parts[i], np.float64) for i in wanted]  # as the rules gave them, before broadcasting is undone
    sizes = sorted({len(a) for a in (*arrays, np.asarray(z._data)) if a.ndim})
    return Report(1, "", compared, cause=cause_of(compared, sizes, raw=whole))
