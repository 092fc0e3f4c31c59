"""Products of vectors, matrices and stacks of matrices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from ..errors import ShapeError
from ..ops import elementwise as e
from ..ops import linalg
from ..ops import shape as s
from .arguments import as_given, axes_of
from .einsum import Labels, contract
from .shapes import reshape, transpose

__all__ = [
    "cross",
    "dot",
    "inner",
    "kron",
    "linear",
    "matmul",
    "matvec",
    "multi_dot",
    "outer",
    "tensordot",
    "vdot",
    "vecdot",
    "vecmat",
]


def matmul(x: Any, y: Any) -> Any:
    """Matrix product as in NumPy: vectors, matrices, and stacks of matrices that broadcast."""
    x, y = as_given(x), as_given(y)
    m, n = len(x.shape), len(y.shape)
    if m > 2 and n == 2:  # one product of all rows: a stack would make one gradient of y for each of its matrices
        rows = s.reshape(x, shape=(math.prod(x.shape[:-1]), x.shape[-1]))
        return s.reshape(linalg.matmul(rows, y), shape=(*x.shape[:-1], y.shape[-1]))
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
    return linalg.linear(x, w, b)


# ---- NumPy's other products ------------------------------------------------------------------------------


def dot(a: Any, b: Any) -> Any:
    """Sum over the last axis of a and the last but one of b (or its only one); with a single number, a product.

    For vectors and matrices the same as a @ b; stacks do not broadcast, each is combined with each.
    """
    a, b = as_given(a), as_given(b)
    if not a.shape or not b.shape:
        return e.multiply(a, b)
    _same_size("dot", a, len(a.shape) - 1, b, max(len(b.shape) - 2, 0))
    return matmul(a, b) if len(b.shape) <= 2 else tensordot(a, b, (-1, -2))


def inner(a: Any, b: Any) -> Any:
    """z[i…, j…] = sum_k a[i…, k] b[j…, k]: sum over the last axes; with a single number, a product."""
    a, b = as_given(a), as_given(b)
    return tensordot(a, b, (-1, -1)) if a.shape and b.shape else e.multiply(a, b)


def vdot(a: Any, b: Any) -> Any:
    """The sum of the products of all entries, in order, whatever the shapes."""
    a, b = as_given(a), as_given(b)
    return inner(reshape(a, -1), reshape(b, -1)) if a.shape or b.shape else e.multiply(a, b)


def outer(a: Any, b: Any) -> Any:
    """z_ij = a_i b_j: each entry of a times each of b; their shapes do not matter."""
    a, b = as_given(a), as_given(b)
    column = reshape(a, -1, 1) if a.shape else a  # a single number stays one, and widens nothing
    row = reshape(b, 1, -1) if b.shape else b
    return reshape(e.multiply(column, row), math.prod(a.shape), math.prod(b.shape))


def kron(a: Any, b: Any) -> Any:
    """Each entry of a replaced by that entry times b:  (m, n), (p, q) -> (m p, n q)."""
    a, b = as_given(a), as_given(b)
    if not a.shape or not b.shape:
        return e.multiply(a, b)
    n = max(len(a.shape), len(b.shape))
    old_a, old_b = ((1,) * (n - len(x.shape)) + x.shape for x in (a, b))
    a = s.reshape(a, shape=tuple(k for size in old_a for k in (size, 1)))  # (m, 1, n, 1)
    b = s.reshape(b, shape=tuple(k for size in old_b for k in (1, size)))  # (1, p, 1, q)
    return s.reshape(e.multiply(a, b), shape=tuple(i * j for i, j in zip(old_a, old_b, strict=True)))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum over pairs of axes: the last `axes` of a with the first of b, or axes=(those of a, those of b), in order."""
    a, b = as_given(a), as_given(b)
    m, n = len(a.shape), len(b.shape)
    if isinstance(axes, int):
        if not 0 <= axes <= min(m, n):
            raise ShapeError(f"tensordot over {axes} axes: a {a.shape} and b {b.shape} must have as many")
        of_a, of_b = tuple(range(m - axes, m)), tuple(range(axes))
    else:
        of_a, of_b = (
            axes_of(k if isinstance(k, int) else tuple(k), size) for k, size in zip(axes, (m, n), strict=True)
        )
    if len(of_a) != len(of_b):
        raise ShapeError(f"tensordot sums over pairs of axes: {len(of_a)} are named for a, {len(of_b)} for b")
    for i, j in zip(of_a, of_b, strict=True):
        _same_size("tensordot", a, i, b, j)
    place = dict(zip(of_b, of_a, strict=True))
    first: Labels = list(range(m))
    second: Labels = [place.get(j, m + j) for j in range(n)]
    return contract([a, b], [first, second], [k for k in first + second if k not in of_a])


def _same_size(name: str, a: Any, i: int, b: Any, j: int) -> None:
    if a.shape[i] != b.shape[j]:
        raise ShapeError(
            f"{name} needs equal sizes along the axes it sums over: axis {i} of a {a.shape}, "
            f"axis {j} of b {b.shape}: {a.shape[i]} != {b.shape[j]}"
        )


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of two or more matrices, in the order of the fewest multiplications; the ends may be vectors."""
    xs = [as_given(x) for x in arrays]
    if len(xs) < 2:
        raise ShapeError(f"multi_dot needs two matrices at least, and got {len(xs)}")
    shapes = [x.shape for x in xs]
    if any(len(shape) != 2 for shape in shapes[1:-1]) or any(len(shapes[k]) not in (1, 2) for k in (0, -1)):
        raise ShapeError(f"multi_dot needs matrices, or vectors at the ends: got {', '.join(map(str, shapes))}")
    rows = [1 if len(shapes[0]) == 1 else shapes[0][0], *(shape[0] for shape in shapes[1:])]
    sizes = [*rows, 1 if len(shapes[-1]) == 1 else shapes[-1][1]]

    @cache
    def fewest(i: int, j: int) -> tuple[int, int]:
        """Multiplications for the product of the matrices i … j, and the last of its left half."""
        return (
            min(
                (fewest(i, k)[0] + fewest(k + 1, j)[0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
            if i < j
            else (0, i)
        )

    def product(i: int, j: int) -> Any:
        if i == j:
            return xs[i]
        k = fewest(i, j)[1]
        return matmul(product(i, k), product(k + 1, j))

    return product(0, len(xs) - 1)


# ---- stacks of vectors -----------------------------------------------------------------------------------


def matvec(x1: Any, x2: Any) -> Any:
    """Matrix times vector, for stacks that broadcast:  (…, m, n), (…, n) -> (…, m)."""
    x1, x2 = _stacks("matvec", x1, 2, x2, 1)
    z = linalg.matmul(x1, s.reshape(x2, shape=(*x2.shape, 1)))
    return s.reshape(z, shape=z.shape[:-1])


def vecmat(x1: Any, x2: Any) -> Any:
    """Vector times matrix, for stacks that broadcast:  (…, m), (…, m, n) -> (…, n)."""
    x1, x2 = _stacks("vecmat", x1, 1, x2, 2)
    z = linalg.matmul(s.reshape(x1, shape=(*x1.shape[:-1], 1, x1.shape[-1])), x2)
    return s.reshape(z, shape=(*z.shape[:-2], z.shape[-1]))


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Vector times vector along an axis, for stacks that broadcast:  (…, n), (…, n) -> (…)."""
    x1, x2 = _stacks("vecdot", x1, 1, x2, 1)
    x1, x2 = _axis_last(x1, axis), _axis_last(x2, axis)
    return matvec(s.reshape(x1, shape=(*x1.shape[:-1], 1, x1.shape[-1])), x2)[..., 0]


def _stacks(name: str, x: Any, m: int, y: Any, n: int) -> tuple[Any, Any]:
    x, y = as_given(x), as_given(y)
    if len(x.shape) < m or len(y.shape) < n:
        raise ShapeError(
            f"{name}: got x {x.shape}, y {y.shape}: a vector has one axis, a matrix two.  Use x * y for numbers"
        )
    return x, y


def _axis_last(x: Any, axis: int) -> Any:
    """The named axis moved to the end."""
    n = len(x.shape)
    (k,) = axes_of(axis, n)
    return x if k == n - 1 else s.transpose(x, axes=(*(i for i in range(n) if i != k), k))


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The vector at right angles to both: z_1 = a_2 b_3 - a_3 b_2, and so on round; axis= names all three axes."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = _stacks("cross", a, 1, b, 1)
    x, y = _axis_last(a, axisa), _axis_last(b, axisb)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ShapeError(
            f"cross needs three entries along axis {axisa} of a {a.shape} and axis {axisb} of b {b.shape}.  "
            f"In the plane write a[0] * b[1] - a[1] * b[0]"
        )
    z = _turned(x * _turned(y) - _turned(x) * y)
    n = len(z.shape)
    (k,) = axes_of(axisc, n)
    return s.transpose(z, axes=(*range(k), n - 1, *range(k, n - 1)))


def _turned(x: Any) -> Any:
    """(x_1, x_2, x_3) -> (x_2, x_3, x_1)"""
    return s.concatenate(x[..., 1:], x[..., :1], axis=len(x.shape) - 1)
