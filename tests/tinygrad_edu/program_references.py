"""Second implementations of the operations in plain NumPy, for complex numbers too, and how near their kinks are.

They share no code with the engine.  Choices (of the larger, of a branch) listen to the real part, so that the
complex step goes through them.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray
Shape = tuple[int, ...]


def apart(*arrays: Any) -> float:
    """The smallest distance of an entry from 0."""
    return min((float(np.min(np.abs(a), initial=np.inf)) for a in arrays), default=np.inf)


def logistic(x: Any) -> Any:
    e = np.exp(np.where(np.real(x) < 0, x, -x))
    return np.where(np.real(x) < 0, e, 1) / (1 + e)


def larger(x: Any, y: Any) -> Any:
    return np.where(np.real(x) > np.real(y), x, y)


def smaller(x: Any, y: Any) -> Any:
    return np.where(np.real(x) < np.real(y), x, y)


def groups(x: Array, axis: Any) -> tuple[Array, Shape]:
    """The axes that stay in front, all others flattened behind them; and the shape with 1s for these."""
    n = np.ndim(x)
    gone = {k % n for k in ((axis,) if isinstance(axis, int) else axis)} if axis is not None else set(range(n))
    kept = [i for i in range(n) if i not in gone]
    flat = np.transpose(x, (*kept, *sorted(gone))).reshape(*(np.shape(x)[i] for i in kept), -1 if np.size(x) else 0)
    return flat, tuple(1 if i in gone else m for i, m in enumerate(np.shape(x)))


def mean(x: Any, axis: Any, keepdims: bool) -> Any:
    flat, ones = groups(np.asarray(x), axis)
    y = np.add.reduce(flat, axis=-1) / np.float64(np.size(x) / max(1, int(np.prod(flat.shape[:-1]))))
    return y.reshape(ones) if keepdims else y


def top(x: Any, axis: Any, keepdims: bool, sign: int = 1) -> Any:
    flat, ones = groups(np.asarray(x), axis)
    best = np.argmax(sign * np.real(flat), axis=-1)
    y = np.take_along_axis(flat, best[..., None], -1)[..., 0]
    return y.reshape(ones) if keepdims else y


def gap(sign: int) -> Callable[..., float]:
    """How far the second largest entry is from the largest."""

    def between(x: Any, axis: Any, keepdims: bool) -> float:
        flat = np.sort(sign * groups(np.asarray(x), axis)[0], axis=-1)
        return apart(flat[..., -1] - flat[..., -2]) if flat.shape[-1] > 1 else np.inf

    return between


def log_sum_exp(x: Any, axis: Any, keepdims: bool) -> Any:
    peak = np.max(np.real(x), axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return y if keepdims else np.squeeze(y, axis=tuple(range(np.ndim(x))) if axis is None else axis)


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(x - np.max(np.real(x), axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def whole_power(x: Any, c: int) -> Any:
    y = 1 + 0 * x
    for _ in range(abs(c)):
        y = y * x
    return y if c >= 0 else 1 / y


def clipped(x: Any, lo: Any, hi: Any) -> Any:
    x = x if lo is None else larger(x, lo)
    return x if hi is None else smaller(x, hi)


def squared_distance(x: Any, y: Any) -> Any:
    if np.shape(x) != np.shape(y):
        raise ValueError("shapes")
    return np.sum((x - y) ** 2) / (2 * (np.shape(x)[0] if np.ndim(x) > 1 else 1))


def weighted_input(x: Any, y: Any, z: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) != 2 or np.shape(x)[-1] != np.shape(y)[1] or np.shape(z) != np.shape(y)[:1]:
        raise ValueError("shapes")
    return np.einsum("...j,ij->...i", x, y) + z


def well_conditioned(x: Array) -> bool:
    return bool(x.size) and bool(np.all(np.isfinite(x))) and float(np.max(np.linalg.cond(x))) < 50


def from_steps(x: Any, shift: float = 0) -> float:
    """How far from the nearest whole number, after a shift."""
    return apart(x - shift - np.round(x - shift))


def whole(x: Any) -> Any:
    """The whole part of a quotient, downwards."""
    return np.floor(np.real(x))


def sine(x: Any) -> Any:
    t = np.tan(x / 2)
    return 2 * t / (1 + t * t)


def error_function(x: Any) -> Any:
    """2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!: all terms have one sign, so none cancel."""
    term = total = x
    for n in range(1, 120):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(np.pi) * np.exp(-x * x) * total


def cube_root(x: Any) -> Any:
    sign = np.where(np.real(x) < 0, -1, 1)
    return sign * np.exp(np.log(sign * x) / 3)


def cardinal_sine(x: Any) -> Any:
    """Viète's product cos(πx/2) cos(πx/4) cos(πx/8) …"""
    y = 1 + 0 * x
    for n in range(1, 50):
        y = y * np.cos(np.pi * x / 2**n)
    return y


def angle(y: Any, x: Any) -> Any:
    flat = np.abs(np.real(y)) < np.abs(np.real(x))
    near = np.arctan(y / np.where(flat, x, 1)) + np.where(np.real(x) < 0, np.pi, 0) * np.where(np.real(y) < 0, -1, 1)
    steep = np.where(np.real(y) < 0, -1, 1) * np.pi / 2 - np.arctan(x / np.where(flat, 1, y))
    return np.where(flat, near, steep)


def angle_kink(y: Any, x: Any) -> float:
    """The origin, and the line left of it where the angle jumps."""
    return apart(np.hypot(x, y), np.where(x < 0, y, 1))


def soft_larger(x: Any, y: Any, base: float = np.e) -> Any:
    first = np.real(x) > np.real(y)
    high, low = np.where(first, x, y), np.where(first, y, x)  # in a tie one each
    part = np.exp((low - high) * np.log(base))
    return high + 2 * np.arctanh(part / (2 + part)) / np.log(base)  # log(1 + part), to the last bit of a small part


def magnitude(x: Any) -> Any:
    return larger(x, -x)


def grouped(combine: Callable[[Any], Any]) -> Callable[..., Any]:
    """combine(all entries of a group, along the last axis), for every group of entries that differ in `axis` only."""

    def function(x: Any, axis: Any, keepdims: bool, **settings: Any) -> Any:
        flat, ones = groups(np.asarray(x), axis)
        y = np.asarray(combine(flat, **settings))
        return y.reshape(ones) if keepdims else y

    return function


def products(x: Any) -> Any:
    y = np.ones(x.shape[:-1], dtype=x.dtype)
    for i in range(x.shape[-1]):
        y = y * x[..., i]
    return y


def variances(x: Any, ddof: int) -> Any:
    n = x.shape[-1]
    if n <= ddof:
        raise ValueError("too few")
    return np.sum((x - np.sum(x, axis=-1, keepdims=True) / n) ** 2, axis=-1) / (n - ddof)


def quantiles(x: Any, q: float) -> Any:
    line = np.take_along_axis(x, np.argsort(np.real(x), axis=-1, kind="stable"), -1)
    at = q * (line.shape[-1] - 1)
    low = int(at)
    if at == low:
        return line[..., low]
    return line[..., low] + (at - low) * (line[..., low + 1] - line[..., low])


def neighbours(x: Any, axis: Any, **others: Any) -> float:
    """How far the nearest two entries of a group are from each other."""
    return apart(np.diff(np.sort(groups(np.asarray(x), axis)[0], axis=-1), axis=-1))


def vector_norms(x: Any, p: float) -> Any:
    if np.isinf(p):
        return top(magnitude(x), -1, False, 1 if p > 0 else -1)
    return np.sum(magnitude(x) ** p if p else 1.0 * (np.real(x) != 0), axis=-1) ** (1 / (p or 1))


def norm_kink(x: Any, p: float, axis: Any, keepdims: bool) -> float:
    return min(apart(x), neighbours(np.abs(x), axis) if np.isinf(p) else np.inf)


def matrix_norm(x: Any, p: Any, axis: Any, keepdims: bool) -> Any:
    if p == "fro":
        return grouped(lambda v: np.sqrt(np.sum(v * v, axis=-1)))(x, axis, keepdims)
    i, j = axis if abs(p) == 1 else axis[::-1]
    y = top(np.sum(magnitude(x), axis=i, keepdims=True), j, True, 1 if p > 0 else -1)
    return y if keepdims else np.squeeze(y, axis=axis)


def matrix_norm_kink(x: Any, p: Any, axis: Any, keepdims: bool) -> float:
    if p == "fro":
        return apart(np.sqrt(np.sum(x * x, axis=axis)))
    i, j = axis if abs(p) == 1 else axis[::-1]
    return min(apart(x), neighbours(np.sum(np.abs(x), axis=i, keepdims=True), j))


def singular_values(x: Any) -> Any:
    """Pairs of columns are turned until they are at right angles (Jacobi, Hestenes); their lengths are left."""
    x = np.swapaxes(x, -1, -2) if x.shape[-2] < x.shape[-1] else x
    columns = [x[..., k] for k in range(x.shape[-1])]
    for _ in range(12):
        for i in range(len(columns)):
            for j in range(i):
                p, q = columns[i], columns[j]
                d, b = (np.sum(part, axis=-1, keepdims=True) for part in (p * p - q * q, p * q))
                whole = d + np.where(np.real(d) < 0, -1, 1) * np.sqrt(d * d + 4 * b * b)
                t = 2 * b / np.where(whole == 0, 1, whole)
                c = 1 / np.sqrt(1 + t * t)
                columns[i], columns[j] = c * (p + t * q), c * (q - t * p)
    lengths = np.array([np.sqrt(np.sum(p * p, axis=-1)) for p in columns]).reshape(-1, *x.shape[:-2])
    order = np.argsort(-np.real(lengths), axis=0)
    return np.moveaxis(np.take_along_axis(lengths, order, 0), 0, -1)


def singular_kink(x: Any, **settings: Any) -> float:
    s = singular_values(np.moveaxis(x, settings.get("axis", (-2, -1)), (-2, -1)))
    return apart(s, np.diff(s))


def singular_norm(x: Any, p: Any, axis: Any, keepdims: bool) -> Any:
    s = singular_values(np.moveaxis(x, axis, (-2, -1)))
    y = np.sum(s, axis=-1) if p == "nuc" else s[..., 0 if p > 0 else -1]
    return np.expand_dims(y, tuple(k % np.ndim(x) for k in axis)) if keepdims else y


def eigenvalues(x: Any) -> Any:
    """Those of x + s, without s: with a shift s that makes it positive definite, they are its singular values."""
    if x.shape[-1] != x.shape[-2]:
        raise ValueError("square")
    x = (x + np.swapaxes(x, -1, -2)) / 2
    shift = 2 * np.max(np.sum(np.abs(x), axis=-1), initial=0) or 1.0  # of the size of x: no digit is lost
    return singular_values(x + shift * np.eye(x.shape[-1]))[..., ::-1] - shift


def eigenvalue_kink(x: Any) -> float:
    return apart(np.diff(np.real(eigenvalues(x))))


def squared_symmetric(x: Any) -> Any:
    """v diag(w²) vᵀ for the eigenvalues w and eigenvectors v of the symmetric part s: s s."""
    if x.shape[-1] != x.shape[-2]:
        raise ValueError("square")
    part = (x + np.swapaxes(x, -1, -2)) / 2
    return np.einsum("...ij,...jk->...ik", part, part)


def differences(x: Any, n: int, axis: int) -> Any:
    x = np.moveaxis(x, axis, 0)
    for _ in range(n):
        x = x[1:] - x[:-1]
    return np.moveaxis(x, 0, axis)


def sampled_slopes(x: Any, h: float, axis: int) -> Any:
    x = np.moveaxis(x, axis, 0)
    if len(x) < 2:
        raise ValueError("two points make a line")
    places = np.arange(len(x))
    after, before = np.minimum(places + 1, len(x) - 1), np.maximum(places - 1, 0)
    return np.moveaxis(np.array([(x[i] - x[j]) / (h * (i - j)) for i, j in zip(after, before, strict=True)]), 0, axis)


def area(x: Any, y: Any, axis: int) -> Any:
    x, y = np.moveaxis(x, axis, 0), np.moveaxis(y, axis, 0)
    return np.sum((y[1:] * x[1:] + y[1:] * x[:-1] - y[:-1] * x[1:] - y[:-1] * x[:-1]) / 2, axis=0)


def between_points(x: Any, points: Any, y: Any) -> Any:
    z = 0 * x + y[0]
    for i in range(len(points) - 1):
        part = (x - points[i]) / (points[i + 1] - points[i])
        inside = (np.real(x) >= points[i]) * 1.0
        z = z + inside * (y[i + 1] - y[i]) * np.where(np.real(part) > 1, 1, part)
    return z


def product_of_polynomials(a: Any, b: Any, mode: str) -> Any:
    a, b = np.ravel(a), np.ravel(b)
    z = np.zeros(len(a) + len(b) - 1, np.result_type(a, b))
    for i, j in np.ndindex(len(a), len(b)):
        z[i + j] += a[i] * b[j]
    long, short = max(len(a), len(b)), min(len(a), len(b))
    return {"full": z, "same": z[(short - 1) // 2 :][:long], "valid": z[short - 1 : long]}[mode]


def polynomial(x: Any, y: Any) -> Any:
    powers = range(len(y) - 1, -1, -1)
    return sum((c * whole_power(x, k) for c, k in zip(y, powers, strict=True)), start=0 * x)


def variances_above_zero(x: Any, ddof: int) -> Any:
    known = np.real(x) > 0
    n = np.sum(known, axis=-1, keepdims=True)
    off = np.where(known, x - np.sum(np.where(known, x, 0), axis=-1, keepdims=True) / n, 0)
    return np.sum(off * off, axis=-1) / np.where(n > ddof, n - ddof, np.nan)[..., 0]


def running(step: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def function(x: Any, axis: Any) -> Any:
        x = np.asarray(x)
        lines = np.ravel(x) if axis is None else np.moveaxis(x, axis, 0)
        found: list[Any] = []
        for entry in lines:
            found.append(step(found[-1], entry) if found else entry)
        y = np.array(found, dtype=x.dtype).reshape(lines.shape)
        return y if axis is None else np.moveaxis(y, 0, axis)

    return function


def in_order(x: Any, axis: Any, falling: bool = False) -> Any:
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis)
    return np.take_along_axis(x, np.argsort((-1 if falling else 1) * np.real(x), axis=axis, kind="stable"), axis)


def order_kink(x: Any, axis: Any, **others: Any) -> float:
    return neighbours(np.ravel(x), 0) if axis is None else neighbours(x, axis)


def set_at(x: Any, places: Any, value: Any) -> Any:
    """One entry after the other, in reading order."""
    flat = np.array(np.ravel(x), dtype=np.result_type(x, value))
    for i, v in zip(np.ravel(places), np.ravel(value + np.zeros(np.shape(places))), strict=True):
        flat[i] = v
    return flat.reshape(np.shape(x))


def add_at(x: Any, places: Any, value: Any) -> Any:
    flat = np.array(np.ravel(x), dtype=np.result_type(x, value))
    for i, v in zip(np.ravel(places), np.ravel(value + np.zeros(np.shape(places))), strict=True):
        flat[i] += v
    return flat.reshape(np.shape(x))


def numbered(x: Any) -> Any:
    """The places of the entries of x."""
    return np.arange(np.size(x)).reshape(np.shape(x))


def kept(x: Any, mask: Any, axis: Any) -> Any:
    if axis is None:
        return kept(np.ravel(x), mask, 0)
    return np.take(x, [k for k, holds in enumerate(mask) if holds] or np.zeros(0, dtype=int), axis)


def framed(x: Any, w: Any, mode: str) -> Any:
    z = np.full([a + n + b for (a, b), n in zip(w, np.shape(x), strict=True)], 0.5, dtype=np.asarray(x).dtype)
    for place in np.ndindex(np.shape(x)):
        z[tuple(a + k for (a, _), k in zip(w, place, strict=True))] = x[place]
    return z


def contracted(x: Any, y: Any, n: int) -> Any:
    """The last n axes of x with the first n of y."""
    m = np.ndim(x) - n
    if np.shape(x)[m:] != np.shape(y)[:n]:
        raise ValueError("sizes")
    first, second = [*range(m + n)], [*range(m, m + np.ndim(y))]
    return np.einsum(x, first, y, second, first[:m] + second[n:])


def chosen(xs: Any, idx: Any) -> Any:
    return np.array([xs[k][place] for place, k in np.ndenumerate(idx)], dtype=np.result_type(*xs)).reshape(idx.shape)


def put_between(x: Any, at: Any, value: Any, axis: Any) -> Any:
    before, after = np.split(x, [at], axis)
    return np.concatenate([before, value, after], axis)


def diagonal_of(x: Any, k: int) -> Any:
    found = [x[i, i + k] for i in range(np.shape(x)[0]) if 0 <= i + k < np.shape(x)[1]]
    return np.stack(found, -1) if found else np.zeros((*np.shape(x)[2:], 0), dtype=np.asarray(x).dtype)


def on_diagonal(x: Any, k: int) -> Any:
    x = np.ravel(x)
    z = np.zeros((x.size + abs(k),) * 2, dtype=x.dtype)
    for i, v in enumerate(x):
        z[i - min(k, 0), i + max(k, 0)] = v
    return z


def triangle(x: Any, k: int, sign: int) -> Any:
    x = np.asarray(x)
    rows, columns = np.ogrid[: x.shape[-2:][0], : x.shape[-1]]
    return x * (sign * (columns - rows - k) >= 0)


def turned_round(x: Any, axis: Any) -> Any:
    for k in range(np.ndim(x)) if axis is None else (axis,) if isinstance(axis, int) else axis:
        x = np.take(x, np.arange(np.shape(x)[k])[::-1], k)
    return x


def rolled_by(x: Any, shift: int, axis: Any) -> Any:
    if axis is None:
        return rolled_by(np.ravel(x), shift, 0).reshape(np.shape(x))
    n = np.shape(x)[axis]
    return np.take(x, (np.arange(n) - shift) % max(n, 1), axis)


def kronecker(x: Any, y: Any) -> Any:
    n = max(np.ndim(x), np.ndim(y))
    x, y = np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)), np.reshape(y, (1,) * (n - np.ndim(y)) + np.shape(y))
    z = np.multiply.outer(x, y)
    order = [k for i in range(n) for k in (i, n + i)]
    return z.transpose(order).reshape([a * b for a, b in zip(x.shape, y.shape, strict=True)])


def right_angles(x: Any, y: Any) -> Any:
    if np.shape(x)[-1] != 3 or np.shape(y)[-1] != 3:
        raise ValueError("three")
    levi = np.zeros((3, 3, 3))
    levi[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = 1
    levi[[0, 1, 2], [2, 0, 1], [1, 2, 0]] = -1
    return np.einsum("kij,...i,...j->...k", levi, x, y)


def minor(x: Any, i: int, j: int) -> Any:
    return np.delete(np.delete(x, i, axis=-2), j, axis=-1)


def determinant(x: Any) -> Any:
    """det x = sum_j (-1)^j x_0j det(x without row 0 and column j)"""
    n = np.shape(x)[-1]
    if np.shape(x)[-2] != n or n > 4:
        raise ValueError("square, and small: n! products")
    if n == 0:
        return np.ones(np.shape(x)[:-2], dtype=x.dtype)
    return sum((-1) ** j * x[..., 0, j] * determinant(minor(x, 0, j)) for j in range(n))


def inverse(x: Any) -> Any:
    d = np.asarray(determinant(x))
    if not np.all(np.isfinite(x)) or apart(d) < 1e-9:
        raise ValueError("singular")
    z = np.zeros(np.shape(x), dtype=x.dtype)
    for i, j in np.ndindex(np.shape(x)[-2:]):
        z[..., j, i] = (-1) ** (i + j) * determinant(minor(x, i, j))
    return z / d[..., None, None]


def by_inverse(x: Any, y: Any) -> Any:
    n = np.shape(x)[-1]
    if np.shape(y)[-2 if np.ndim(y) > 1 else 0] != n:
        raise ValueError("sizes")
    return np.matmul(inverse(x), y)


def pseudo_inverse(x: Any) -> Any:
    t = np.swapaxes(x, -1, -2)
    tall = np.shape(x)[-2] >= np.shape(x)[-1]
    return np.einsum("...ij,...jk->...ik", *((inverse(np.matmul(t, x)), t) if tall else (t, inverse(np.matmul(x, t)))))


def cholesky_factor(x: Any) -> Any:
    """Of (x + xᵀ) / 2, entry by entry."""
    t = np.swapaxes(x, -1, -2)
    if np.shape(x) != np.shape(t) or not np.allclose(np.real(x), np.real(t)):
        raise ValueError("symmetric")
    x = (x + t) / 2
    z = np.zeros(np.shape(x), dtype=x.dtype)
    for i in range(np.shape(x)[-1]):
        for j in range(i + 1):
            rest = x[..., i, j] - np.sum(z[..., i, :j] * z[..., j, :j], axis=-1)
            if i == j and not np.min(np.real(rest), initial=1) > 1e-9:
                raise ValueError("positive")
            z[..., i, j] = np.sqrt(rest) if i == j else rest / z[..., j, j]
    return z


def matrix_powers(x: Any, n: int) -> Any:
    if np.shape(x)[-1] != np.shape(x)[-2]:
        raise ValueError("square")
    if n < 0:
        return matrix_powers(inverse(x), -n)
    y = np.eye(np.shape(x)[-1]) + 0 * x
    for _ in range(n):
        y = np.einsum("...ij,...jk->...ik", y, x)
    return y


def windows(x: Any, size: Any, stride: Any, pad: Any, dil: Any, fill: float = 0) -> Any:
    """The entries of each window: (…, H, W) -> (…, H', W', all in one)."""
    d = len(size)
    rest = np.ndim(x) - d
    x = np.pad(x, [(0, 0)] * rest + [(p, p) for p in pad], constant_values=fill)
    for k in range(d):
        starts = np.arange(0, x.shape[rest] - dil[k] * (size[k] - 1), stride[k])
        if not starts.size:
            raise ValueError("no window")
        x = np.take(x, starts[:, None] + dil[k] * np.arange(size[k]), rest)
        x = np.moveaxis(x, (rest, rest + 1), (-2, -1))  # windows and their entries go to the end
    x = np.transpose(x, (*range(rest), *range(rest, rest + 2 * d, 2), *range(rest + 1, rest + 2 * d, 2)))
    return x.reshape(*x.shape[: rest + d], -1)


def convolved(x: Any, w: Any, bias: Any, stride: Any, pad: Any, dil: Any, groups: int) -> Any:
    d = np.ndim(w) - 2
    out, each = w.shape[:2]
    if x.shape[-d - 1] != groups * each or out % groups:
        raise ValueError("channels")
    p = np.moveaxis(windows(x, w.shape[2:], stride, pad, dil), -d - 2, -1)  # (…, H', W', entries, channels)
    z = [
        np.einsum("...ec,ce->...", p[..., o // (out // groups) * each :][..., :each], w[o].reshape(each, -1)) + bias[o]
        for o in range(out)
    ]
    return np.stack(z, -d - 1)


def highest(x: Any, size: Any, stride: Any, pad: Any, dil: Any) -> Any:
    return top(windows(x, size, stride, pad, dil, -np.inf), -1, False)


def highest_kink(x: Any, size: Any, stride: Any, pad: Any, dil: Any) -> float:
    found = np.sort(windows(x, size, stride, pad, dil, -np.inf), axis=-1)
    return apart(found[..., -1] - found[..., -2]) if found.shape[-1] > 1 else np.inf


def average_of(x: Any, size: Any, stride: Any, pad: Any, pads: bool) -> Any:
    once = (1,) * len(size)
    count = np.sum(windows(np.ones(np.shape(x)), size, stride, pad, once, float(pads)), axis=-1)
    return np.sum(windows(x, size, stride, pad, once), axis=-1) / count
