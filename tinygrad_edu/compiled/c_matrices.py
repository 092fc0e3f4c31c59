"""Matrix products as steps: in loops of our own, or by BLAS (c_products.py has the text of both)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .c_lower import Lower, Lowered
from .c_memory import Cell, viewed
from .program import Instruction

__all__ = ["MATRICES", "layout"]

Shape = tuple[int, ...]
BLAS_FROM = 1_000_000  # multiplications: fewer are faster in loops of our own


def layout(x: Cell) -> tuple[int, int] | None:
    """How BLAS is told of a matrix: (111, from row to row), or (112, from column to column); None: it cannot be."""
    (m, n), (s, t) = x.shape[-2:], x.strides[-2:]
    if t == 1 and s >= n:
        return 111, s
    if s == 1 and t >= m:
        return 112, t
    return None


def _too_large(it: Lowered, shape: Shape, inner: int) -> bool:
    """A product that only BLAS does well, where it cannot be called: NumPy does it."""
    return not it.machine.blas and math.prod(shape[-2:]) * inner >= 4 * BLAS_FROM


def product_step(it: Lowered, a: Cell, b: Cell, name: str, dtype: Any, source: Any = None) -> Cell:
    """(…, M, K) times (…, K, N)"""
    a, b = (
        x if x.dtype == dtype else it.entries("astype", x, name=f"{name}_{w}", dtype=dtype)
        for x, w in ((a, "x"), (b, "y"))
    )
    (m, k), n = a.shape[-2:], b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if it.machine.blas and m * n * k >= BLAS_FROM:
        a, b = (x if layout(x) else it.whole(x, f"{name}_{w}") for x, w in ((a, "x"), (b, "y")))
        return it.emit("blas", "matmul", (a, b), name, (*batch, m, n), dtype, source=source)
    if not (b.strides[-1] == 1 or n == 1 or (a.strides[-1] == b.strides[-2] == 1 and k >= 32)):
        b = it.whole(b, f"{name}_y")
    return it.emit("product", "matmul", (a, b), name, (*batch, m, n), dtype, source=source)


def _matmul(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    a, b = inputs
    if i.out.dtype.kind != "f" or not all(isinstance(x, Cell) and x.ndim and x.size for x in inputs):
        return None
    if _too_large(it, i.out.shape, a.shape[-1]):
        return None
    a = Cell(a.home, (1, *a.shape), (0, *a.strides), a.offset) if a.ndim == 1 else a
    b = Cell(b.home, (*b.shape, 1), (*b.strides, 1), b.offset) if b.ndim == 1 else b
    z = product_step(it, a, b, repr(i.out), i.out.dtype, i)
    return z if z.shape == i.out.shape else viewed("reshape", z, {"shape": i.out.shape})


def _linear(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """x wᵀ + b, one example a row"""
    x, w, b = inputs
    if i.out.dtype.kind != "f" or not all(isinstance(a, Cell) and a.size for a in inputs) or w.ndim != 2:
        return None
    if b.ndim > 1:
        return None
    if _too_large(it, i.out.shape, x.shape[-1]):
        return None
    rows = math.prod(x.shape[:-1])
    if x.ndim != 2:
        flat = viewed("reshape", x, {"shape": (rows, x.shape[-1])})
        x = flat or viewed("reshape", it.whole(x, f"{i.out!r}_x"), {"shape": (rows, x.shape[-1])})
    turned = Cell(w.home, w.shape[::-1], w.strides[::-1], w.offset)
    dtype = np.result_type(x.dtype, w.dtype)
    if dtype.kind != "f":
        return None
    z = product_step(it, x, turned, f"{i.out!r}_product", dtype)
    z = it.entries("add", z, b, name=repr(i.out), dtype=i.out.dtype, source=i)
    return z if z.shape == i.out.shape else viewed("reshape", z, {"shape": i.out.shape})


MATRICES: dict[str, Lower] = {"matmul": _matmul, "linear": _linear}
