"""Ops along axes as steps: sums and extrema, softmax and its relatives, the quadratic cost."""

from __future__ import annotations

from typing import Any

import numpy as np

from .c_lower import Lower, Lowered, memory_order, reordered
from .c_memory import Cell, viewed
from .program import Instruction

__all__ = ["ALONG_AXES"]

Shape = tuple[int, ...]


def _reduced(shape: Shape, axis: Shape, keepdims: bool) -> Shape:
    axis = tuple(a % len(shape) for a in axis)
    if keepdims:
        return tuple(1 if k in axis else n for k, n in enumerate(shape))
    return tuple(n for k, n in enumerate(shape) if k not in axis)


def reduce_step(
    it: Lowered, op: str, x: Cell, axis: Any, keepdims: bool, name: str, dtype: Any, source: Any = None
) -> Cell:
    """sum, max, min or prod of x along axes."""
    axis = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    shape = _reduced(x.shape, axis, keepdims)
    axis = tuple(a % x.ndim for a in axis)
    axes = memory_order((x,), x.shape)
    summed = tuple(j for j, k in enumerate(axes) if k in axis)
    kept = [k for k in axes if k not in axis]
    own = tuple(x.shape[k] for k in kept)
    out = it.emit(
        "reduce", op, (reordered(x, x.shape, axes),), name, own, dtype, params={"axis": summed}, source=source
    )
    where = dict(zip(kept, out.strides, strict=True))
    strides = [where.get(k, 0) for k in range(x.ndim) if keepdims or k not in axis]
    return Cell(out.home, shape, tuple(strides))


def _reduction(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    x, op = inputs[0], i.op.name
    if not isinstance(x, Cell) or set(i.params) != {"axis", "keepdims"}:
        return None
    if op in ("max", "min") and (x.dtype.kind not in "fiu" or 0 in x.shape):
        return None
    return reduce_step(it, op, x, i.params["axis"], i.params["keepdims"], repr(i.out), i.out.dtype, i)


def _below_top(it: Lowered, x: Cell, axis: Any, name: str, dtype: Any) -> tuple[Cell, Cell]:
    """x - max x, whose exp cannot overflow, and max x; infinite maxima count as 0."""
    if x.dtype != dtype:
        x = it.entries("astype", x, name=f"{name}_x", dtype=dtype)
    top = reduce_step(it, "max", x, axis, True, f"{name}_max", dtype)
    finite = it.spread("isfinite", (top,), f"{name}_finite", top.shape, np.bool_, cast=np.dtype(dtype))
    top = it.entries("where", finite, top, 0.0, name=f"{name}_top", dtype=dtype)
    return it.entries("subtract", x, top, name=f"{name}_below", dtype=dtype), top


def _soft(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """softmax, log_softmax, logsumexp"""
    x, dtype, name, axis = inputs[0], i.out.dtype, repr(i.out), i.params["axis"]
    if not isinstance(x, Cell) or dtype.kind != "f" or 0 in x.shape or x.dtype.kind == "b":
        return None
    below, top = _below_top(it, x, axis, name, dtype)
    e = it.entries("exp", below, name=f"{name}_exp", dtype=dtype)
    total = reduce_step(it, "sum", e, axis, True, f"{name}_sum", dtype)
    if i.op.name == "softmax":
        return it.entries("divide", e, total, name=name, dtype=dtype, source=i)
    log = it.entries("log", total, name=f"{name}_log", dtype=dtype)
    if i.op.name == "log_softmax":
        return it.entries("subtract", below, log, name=name, dtype=dtype, source=i)
    y = it.entries("add", log, top, name=name, dtype=dtype, source=i)
    return y if i.params["keepdims"] else viewed("reshape", y, {"shape": i.out.shape})


def _quadratic(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """(1/S) Σ ½ (a - y)²"""
    a, y = inputs
    dtype, name = i.out.dtype, repr(i.out)
    if dtype.kind != "f" or not isinstance(a, Cell) or np.result_type(a.dtype, getattr(y, "dtype", type(y))) != dtype:
        return None
    examples = a.shape[0] if a.ndim > 1 else 1
    error = it.entries("subtract", a, y, name=f"{name}_error", dtype=dtype)
    square = it.entries("square", error, name=f"{name}_square", dtype=dtype)
    total = reduce_step(it, "sum", square, None, False, f"{name}_sum", dtype)
    return it.entries("multiply", total, 0.5 / examples, name=name, dtype=dtype, source=i)


ALONG_AXES: dict[str, Lower] = {
    **dict.fromkeys(("sum", "prod", "max", "min"), _reduction),
    **dict.fromkeys(("softmax", "log_softmax", "logsumexp"), _soft),
    "quadratic_cost": _quadratic,
}
