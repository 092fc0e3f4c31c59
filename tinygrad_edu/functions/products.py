"""Products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError
from ..ops import linalg
from ..ops import shape as s
from .arguments import as_given
from .shapes import transpose

__all__ = ["linear", "matmul"]


def matmul(x: Any, y: Any) -> Any:
    """Matrix product as in NumPy: vectors, matrices, and stacks of matrices that broadcast."""
    x, y = as_given(x), as_given(y)
    m, n = len(x.shape), len(y.shape)
    if m > 1 and n > 1:
        return linalg.matmul(x, y)
    if m == 0 or n == 0:
        raise ShapeError(f"matmul: x {x.shape} @ y {y.shape}: a single number has no rows; use x * y")
    if m == 1:
        x = s.reshape(x, shape=(1, *x.shape))  # a row
    if n == 1:
        y = s.reshape(y, shape=(*y.shape, 1))  # a column
    z = linalg.matmul(x, y)
    shape = list(z.shape)
    if n == 1:
        del shape[-1]
    if m == 1:
        del shape[-1 if n == 1 else -2]
    return s.reshape(z, shape=tuple(shape))


def linear(x: Any, w: Any, b: Any = None) -> Any:
    """The weighted input z_i = b_i + sum_j w_ij x_j:  (…, n_in), (n_out, n_in), (n_out,) -> (…, n_out)."""
    x, w = as_given(x), as_given(w)
    b = b if b is None else as_given(b)
    given, matrix = x.shape, w.shape
    if len(matrix) != 2 or not given or given[-1] != matrix[1] or (b is not None and b.shape != matrix[:1]):
        biases = "" if b is None else f", b {b.shape}"
        raise ShapeError(f"linear needs x (…, n_in), w (n_out, n_in), b (n_out,): got x {given}, w {matrix}{biases}")
    if b is None:
        return matmul(x, transpose(w))
    if len(given) > 1:
        return linalg.linear(x, w, b)
    row = linalg.linear(s.reshape(x, shape=(1, *given)), w, b)
    return s.reshape(row, shape=row.shape[1:])
