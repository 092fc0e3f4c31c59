"""Cases of the rows in ops/linalg.py beyond the products: inverses, determinants, factors.

The second forwards expand determinants by rows (Laplace) and work on complex matrices.  Matrices to invert have
a large number in each row and column, so that they are far from singular.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from op_cases import SIDES, Array, Call, Case, Shape, broadcastable, eighths, shapes

# ---- what to draw ----------------------------------------------------------------------------------------


@st.composite
def regular(draw: st.DrawFn, stack: Shape, n: int) -> Array:
    """Square matrices of either sign of det: small numbers, and ±2 … ±3 once in each row and column."""
    small = draw(eighths((*stack, n, n), limit=5))
    order = draw(st.permutations(range(n)))
    signs = np.array(draw(st.lists(st.sampled_from((-2.5, 2.5)), min_size=n, max_size=n)))
    return small + (signs * np.eye(n))[:, order]


@st.composite
def positive_definite(draw: st.DrawFn, stack: Shape, n: int) -> Array:
    """x xᵀ + 1/2, symmetric to the last bit."""
    x = draw(eighths((*stack, n, n), limit=12))
    return np.einsum("...ij,...kj->...ik", x, x) + np.eye(n) / 2


@st.composite
def full_rank(draw: st.DrawFn) -> Call:
    """Tall, square or wide matrices, far from a loss of rank."""
    stack, m, n = draw(shapes(max_dims=1)), draw(SIDES), draw(SIDES)
    return Call((draw(eighths((*stack, m, n), limit=5)) + 2.5 * np.eye(m, n),), {"rcond": None})


@st.composite
def square(draw: st.DrawFn, values: Callable[..., Any] = regular) -> Call:
    return Call((draw(values(draw(shapes(max_dims=2)), draw(SIDES))),))


@st.composite
def any_square(draw: st.DrawFn) -> Call:
    n = draw(SIDES)
    return Call((draw(eighths((*draw(shapes(max_dims=2)), n, n))),))


@st.composite
def spread_out(draw: st.DrawFn) -> Call:
    """Matrices, not quite symmetric, with eigenvalues that differ by 1/2 at least: the diagonal is far apart."""
    stack, n = draw(shapes(max_dims=2)), draw(SIDES)
    x = draw(eighths((*stack, n, n), limit=3)) + np.diag(np.array(draw(st.permutations(range(n))), dtype=float) * 3 - 2)
    start = draw(st.integers(0, n))
    return Call((x,), {"which": slice(start, draw(st.integers(start, n)))})


@st.composite
def systems(draw: st.DrawFn) -> Call:
    of_a, of_b = draw(broadcastable(2, shapes(max_dims=2)))
    n, k = draw(SIDES), draw(SIDES)
    return Call((draw(regular(of_a, n)), draw(eighths((*of_b, n, k)))))


# ---- the same functions, written a second time -----------------------------------------------------------


def without(x: Array, i: int, j: int) -> Array:
    return np.delete(np.delete(x, i, axis=-2), j, axis=-1)


def expanded(x: Array) -> Array:
    """det x = sum_j (-1)^j x_0j det(x without row 0 and column j)"""
    n = x.shape[-1]
    if n == 0:
        return np.ones(x.shape[:-2], x.dtype)
    return np.asarray(sum((-1) ** j * x[..., 0, j] * expanded(without(x, 0, j)) for j in range(n)))


def cofactors(x: Array) -> Array:
    z = np.zeros_like(x)
    for i, j in np.ndindex(x.shape[-2:]):
        z[..., i, j] = (-1) ** (i + j) * expanded(without(x, i, j))
    return z


def inverse(x: Array) -> Array:
    return np.swapaxes(cofactors(x), -1, -2) / expanded(x)[..., None, None]


def sign_of_det(x: Array) -> Array:
    d = np.real(expanded(x))
    return 1.0 * (d > 0) - 1.0 * (d < 0)


def root(x: Array) -> Array:
    """The Cholesky factor of (x + xᵀ) / 2, entry by entry."""
    x = (x + np.swapaxes(x, -1, -2)) / 2
    z = np.zeros_like(x)
    for i in range(x.shape[-1]):
        for j in range(i + 1):
            rest = x[..., i, j] - np.sum(z[..., i, :j] * z[..., j, :j], axis=-1)
            z[..., i, j] = np.sqrt(rest) if i == j else rest / z[..., j, j]
    return z


def spectrum(x: Array) -> tuple[Array, Array]:
    """Eigenvalues and eigenvectors of the symmetric part by Jacobi's rotations, one pair of axes at a time."""
    n = x.shape[-1]
    x = (x + np.swapaxes(x, -1, -2)) / 2
    v = np.broadcast_to(np.eye(n), x.shape).astype(x.dtype)
    for _ in range(8):
        for i in range(n):
            for j in range(i):
                d, b = x[..., i, i] - x[..., j, j], x[..., i, j]
                t = 2 * b / (d + np.where(np.real(d) < 0, -1, 1) * np.sqrt(d * d + 4 * b * b))
                c = 1 / np.sqrt(1 + t * t)
                turn = np.broadcast_to(np.eye(n), x.shape).astype(x.dtype)
                turn[..., i, i] = turn[..., j, j] = c
                turn[..., i, j], turn[..., j, i] = c * t, -c * t
                x, v = turn @ x @ np.swapaxes(turn, -1, -2), v @ np.swapaxes(turn, -1, -2)
    order = np.argsort(np.real(np.diagonal(x, 0, -2, -1)), axis=-1)
    w = np.take_along_axis(np.diagonal(x, 0, -2, -1), order, -1)
    return w, np.take_along_axis(v, order[..., None, :], -1)


def signed(v: Array, x: Array) -> Array:
    """With the signs that LAPACK gives at the nearest eighths, so that they stay when x moves a little."""
    near = np.round(8 * np.real(x)) / 8
    theirs = np.linalg.eigh((near + np.swapaxes(near, -1, -2)) / 2)[1]
    return v * np.where(np.sum(np.real(v) * theirs, axis=-2, keepdims=True) < 0, -1, 1)


def pseudo_inverse(x: Array, *, rcond: Any = None) -> Array:
    """The inverse on the side where there is one, by the normal equations."""
    t = np.swapaxes(x, -1, -2)
    tall = x.shape[-2] >= x.shape[-1]
    return np.einsum("...ij,...jk->...ik", *((inverse(t @ x), t) if tall else (t, inverse(x @ t))))


CASES: dict[str, Case] = {
    "inv": Case(square(), inverse),
    "solve": Case(systems(), lambda a, b: np.einsum("...ij,...jk->...ik", inverse(a), b)),
    "cofactor": Case(square(), cofactors),
    "det": Case(square(), expanded),
    "logabsdet": Case(square(), lambda x: np.log(expanded(x) * sign_of_det(x))),
    "signdet": Case(square(), sign_of_det),
    "cholesky": Case(square(positive_definite), root),
    "eigvalsh": Case(spread_out(), lambda x, *, which: spectrum(x)[0][..., which]),
    "eigvectors": Case(spread_out(), lambda x, *, which: signed(spectrum(x)[1], x)[..., which]),
    "pinv": Case(full_rank(), pseudo_inverse),
}
