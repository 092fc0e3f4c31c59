"""Matrices, and stacks of them: their parts, inverses, determinants and factors."""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ops import elementwise as e
from ..ops import linalg, reduce
from ..ops import shape as s
from .arguments import as_given, axes_of

__all__ = [
    "EighResult",
    "SlogdetResult",
    "cholesky",
    "det",
    "diag",
    "diagflat",
    "diagonal",
    "eigh",
    "eigvalsh",
    "inv",
    "matrix_power",
    "pinv",
    "slogdet",
    "solve",
    "svdvals",
    "trace",
    "tril",
    "triu",
]


# ---- parts -----------------------------------------------------------------------------------------------


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The entries a[i, i + offset] of the matrices in two axes, along a new last axis."""
    a = as_given(a)
    n = len(a.shape)
    if n < 2:
        raise ShapeError(f"diagonal needs a matrix, and got the shape {a.shape}.  diag(v) puts a vector on a diagonal")
    two = axes_of((axis1, axis2), n)
    rest = tuple(k for k in range(n) if k not in two)
    rows, columns = (a.shape[k] for k in two)
    kept = tuple(a.shape[k] for k in rest)
    flat = s.reshape(s.transpose(a, axes=(*rest, *two)), shape=(*kept, rows * columns))
    return flat[..., _places(rows, columns, offset)]


def _places(rows: int, columns: int, offset: int) -> slice:
    """Where a diagonal stands in the flattened matrix: one row down and one to the right is columns + 1 on."""
    offset = operator.index(offset)
    start = offset if offset >= 0 else -offset * columns
    count = min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns)
    return slice(start, start + (count - 1) * (columns + 1) + 1, columns + 1) if count > 0 else slice(0, 0)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of a diagonal: of the matrices in the first two axes, or in the two that are named."""
    d = diagonal(a, offset, axis1, axis2)
    return reduce.sum(d, axis=(len(d.shape) - 1,), keepdims=False)


def diag(v: Any, k: int = 0) -> Any:
    """A vector on the k-th diagonal of a matrix of zeros; of a matrix, its k-th diagonal."""
    v = as_given(v)
    if len(v.shape) == 2:
        return diagonal(v, k)
    if len(v.shape) != 1:
        raise ShapeError(f"diag takes a vector or a matrix, and got the shape {v.shape}.  For a stack: diagonal(a)")
    n = v.shape[0] + abs(operator.index(k))
    return s.reshape(s.scatter_add(v, key=(_places(n, n, k),), shape=(n * n,)), shape=(n, n))


def diagflat(v: Any, k: int = 0) -> Any:
    """All entries of v, in order, on the k-th diagonal of a matrix of zeros."""
    v = as_given(v)
    return diag(s.reshape(v, shape=(int(np.prod(v.shape)),)), k)


def tril(m: Any, k: int = 0) -> Any:
    """The lower triangle, up to the k-th diagonal; zeros above."""
    m = as_given(m)
    return e.where(_lower(m, k, "tril"), m, False)  # False: the zero of every dtype


def triu(m: Any, k: int = 0) -> Any:
    """The upper triangle, from the k-th diagonal on; zeros below."""
    m = as_given(m)
    return e.where(_lower(m, operator.index(k) - 1, "triu"), False, m)


def _lower(m: Any, k: int, name: str) -> Any:
    """Where the column is at most k more than the row."""
    if not m.shape:
        raise ShapeError(f"{name} needs a matrix, and got a single number")
    return np.tri(m.shape[-2:][0], m.shape[-1], k=operator.index(k), dtype=bool)


# ---- inverses --------------------------------------------------------------------------------------------


def _square(a: Any, name: str) -> Any:
    """a itself, if it is a square matrix or a stack of them, in numbers that NumPy's linear algebra knows."""
    a = as_given(a)
    if len(a.shape) < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"{name} needs a square matrix, or a stack of them (…, n, n): got the shape {a.shape}")
    return _known(a, name)


def _known(a: Any, name: str) -> Any:
    if a.dtype == np.float16:
        raise DtypeError(f"{name} has no half precision in NumPy: use a.astype(np.float32)")
    return a


def inv(a: Any) -> Any:
    """The inverse: inv(a) @ a = 1.  A product inv(a) @ b is faster and more exact as solve(a, b)."""
    return linalg.inv(_square(a, "inv"))


def solve(a: Any, b: Any) -> Any:
    """The x with a @ x = b:  a (…, n, n);  b (n,) -> x (n,),  b (…, n, k) -> x (…, n, k)."""
    a, b = _square(a, "solve"), _known(as_given(b), "solve")
    given, n = b.shape, a.shape[-1]
    if len(given) == 1:
        b = s.reshape(b, shape=(*given, 1))  # a column
    if not given or b.shape[-2] != n:
        hint = ".  For a stack of vectors write b[..., None]" if len(given) > 1 and given[-1] == n else ""
        raise ShapeError(f"solve needs a (…, n, n) and b (n,) or (…, n, k): got a {a.shape}, b {given}{hint}")
    try:
        np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(f"solve: the stacks of a {a.shape} and b {given} do not broadcast together") from None
    x = linalg.solve(a, b)
    return s.reshape(x, shape=x.shape[:-1]) if len(given) == 1 else x


def pinv(a: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse: of all x with the least |a x - 1|, the smallest.  For a square matrix that has one, inv(a).

    rcond: singular values below rcond times the largest count as 0 (NumPy's default if None).
    Its derivative is that along matrices of the same rank; it is complete where a has full rank, (…, m, n) ->
    rank min(m, n).  Elsewhere pinv jumps: the smallest change of a may make an entry as large as you like.
    """
    a = as_given(a)
    if len(a.shape) < 2:
        raise ShapeError(f"pinv needs a matrix, or a stack of them: got the shape {a.shape}")
    return linalg.pinv(_known(a, "pinv"), rcond=rcond if rcond is None else np.array(rcond))


def matrix_power(a: Any, n: int) -> Any:
    """a @ a @ … @ a, n times; for n = 0 the identity, which does not depend on a; for n < 0 the inverse's power."""
    a, n = _square(a, "matrix_power"), operator.index(n)
    if n == 0:
        return e.where(True, np.eye(a.shape[-1], dtype=a.dtype), a)
    if n < 0:
        a, n = linalg.inv(a), -n
    z = None
    while n:  # a, a², a⁴, a⁸ …: those whose bit is set in n
        if n & 1:
            z = a if z is None else linalg.matmul(z, a)
        n >>= 1
        if n:
            a = linalg.matmul(a, a)
    return z


# ---- determinants and factors ----------------------------------------------------------------------------


class SlogdetResult(NamedTuple):
    """det a = sign · e^logabsdet"""

    sign: Any
    logabsdet: Any


def det(a: Any) -> Any:
    """The determinant.  Its slope, the matrix of cofactors, exists everywhere; the slope's slope needs an inverse."""
    return linalg.det(_square(a, "det"))


def slogdet(a: Any) -> SlogdetResult:
    """The sign (constant, without gradient) and the logarithm of |det a|, which does not overflow where det a does."""
    a = _square(a, "slogdet")
    return SlogdetResult(linalg.signdet(a), linalg.logabsdet(a))


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The lower triangle z with z zᵀ = a, for a symmetric, positive definite a; upper=True: zᵀ.

    Only the lower triangle of a is read.  The gradient is symmetric: a_ij and a_ji, which are one number in a
    symmetric matrix, get half of its slope each.
    """
    z = linalg.cholesky(_square(a, "cholesky"))
    n = len(z.shape)
    return s.transpose(z, axes=(*range(n - 2), n - 1, n - 2)) if upper else z


# ---- eigenvalues and singular values ---------------------------------------------------------------------


class EighResult(NamedTuple):
    """a v_j = w_j v_j, for the eigenvalue w_j and the j-th column v_j of the eigenvectors."""

    eigenvalues: Any
    eigenvectors: Any


def eigh(a: Any) -> EighResult:
    """Eigenvalues, in rising order, and eigenvectors, as columns, of a symmetric matrix: a = v diag(w) vᵀ.

    Of (a + aᵀ) / 2, if a is not symmetric; so a_ij and a_ji, one number in a symmetric matrix, get half of its slope
    each.  The sign of an eigenvector is arbitrary: a cost must not depend on it.  Where two eigenvalues are equal,
    their eigenvectors are arbitrary too, and have no derivative: backward() raises LinAlgError.
    """
    a, all_of_them = _square(a, "eigh"), slice(None)
    return EighResult(linalg.eigvalsh(a, which=all_of_them), linalg.eigvectors(a, which=all_of_them))


def eigvalsh(a: Any) -> Any:
    """The eigenvalues of a symmetric matrix (of (a + aᵀ) / 2), in rising order; equal ones share the gradient equally.

    The derivative of their derivative exists where all of them differ; elsewhere it raises LinAlgError.
    """
    return linalg.eigvalsh(_square(a, "eigvalsh"), which=slice(None))


def svdvals(a: Any) -> Any:
    """The singular values, in falling order: (…, m, n) -> (…, min(m, n)).  Equal ones share the gradient equally.

    The eigenvalues of [[0, a], [aᵀ, 0]] are they, their negatives, and zeros.  The gradient of one that is 0 is 0.
    """
    a = as_given(a)
    if len(a.shape) < 2:
        raise ShapeError(f"svdvals needs a matrix, or a stack of them: got the shape {a.shape}")
    a = _known(a, "svdvals")
    a = a if a.dtype.kind == "f" else e.astype(a, dtype=np.float64)
    *stack, m, n = a.shape
    transposed = s.transpose(a, axes=(*range(len(stack)), len(stack) + 1, len(stack)))
    zeros = [np.zeros((*stack, k, k), a.dtype) for k in (m, n)]
    above = s.concatenate(zeros[0], a, axis=len(stack) + 1)
    below = s.concatenate(transposed, zeros[1], axis=len(stack) + 1)
    both = s.concatenate(above, below, axis=len(stack))
    w = linalg.eigvalsh(both, which=slice(max(m, n), None))[..., ::-1]
    top = reduce.max(w, axis=(len(stack),), keepdims=True) if w.shape[-1] else w
    return e.where(w <= top * ((m + n) * np.finfo(a.dtype).eps), 0, w)
