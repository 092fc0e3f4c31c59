"""Windows that slide over images, and the largest entry of each: what convolution and pooling stand on.

Images come here as x (H, C, W, N): rows first, the batch last.  NumPy then works through W N neighbours at a time
instead of a window's two or three: np.max of the 2 x 2 windows of 64 images, 8 x 28 x 28, takes 0.4 ms instead of 8.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..op import Op

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]  # ((top, bottom), (left, right))


def _grid(shape: tuple[int, ...], size: Pair, stride: Pair, dilation: Pair) -> Pair:
    """How many windows there are, down and across."""
    sides = zip((shape[0], shape[2]), size, stride, dilation, strict=True)
    down, across = ((n - d * (k - 1) - 1) // s + 1 for n, k, s, d in sides)
    if down < 1 or across < 1:
        raise ValueError(f"windows of size {size} and dilation {dilation} do not fit into {shape[0]} x {shape[2]}")
    return down, across


def _places(grid: Pair, size: Pair, stride: Pair, dilation: Pair) -> Iterator[tuple[Pair, tuple[slice, ...]]]:
    """For each entry (i, j) of a window: where it is in x, in all windows at once."""
    (n, m), (s, t), (d, e) = grid, stride, dilation
    for i, j in product(*map(range, size)):
        yield (i, j), (slice(i * d, i * d + s * n, s), slice(None), slice(j * e, j * e + t * m, t))


# ---- windows and fold: linear, each one the adjoint of the other -----------------------------------------


def _windows(x: Any, *, size: Pair, stride: Pair, dilation: Pair) -> Any:
    """(H, C, W, N) -> (H', C, kh, kw, W', N): entry [a, c, i, j, b, n] is x[s a + d i, c, t b + e j, n]."""
    (down, across), (s, t), (d, e) = _grid(x.shape, size, stride, dilation), stride, dilation
    x = np.ascontiguousarray(x)
    h, c, w, n = x.strides
    return as_strided(x, (down, x.shape[1], *size, across, x.shape[3]), (s * h, c, d * h, e * w, t * w, n), writeable=False)


def _fold(g: Any, *, stride: Pair, dilation: Pair, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape, to which each window is added where it would have come from."""
    z = np.zeros(shape, g.dtype)
    for (i, j), place in _places((g.shape[0], g.shape[4]), g.shape[2:4], stride, dilation):
        z[place] += g[:, :, i, j]
    return z


# ---- convolution: sum over everything of g (w * x) is linear in g, w and x; the rows are its three slopes ---
# Fused: one row of the output at a time, in memory that is used again, so that no columns are kept for backward.
# Forward and backward of a net with 8 and 16 channels of 3 x 3, on 64 images of 28 x 28, take 6.0 ms of processor
# time; composed of windows and matmul 9.5, of which the fresh memory for all columns is about a third.


def _columns(x: Any, size: Pair, stride: Pair, dilation: Pair, groups: int) -> Iterator[Any]:
    """For each row of the output, the windows as columns: (groups, C/groups kh kw, W' N), each time in the same memory."""
    of_row = _windows(x, size=size, stride=stride, dilation=dilation)  # (H', C, kh, kw, W', N)
    columns = np.empty(of_row.shape[1:], x.dtype)
    for windows in of_row:
        columns[...] = windows
        yield _grouped(columns, groups)


def _grouped(a: Any, groups: int) -> Any:
    """(C, ..., W, N) -> (groups, C/groups ..., W N)"""
    return a.reshape(groups, math.prod(a.shape[:-2]) // groups, a.shape[-2] * a.shape[-1])


def _weights(w: Any, groups: int) -> Any:
    """(C_out, C/groups, kh, kw) -> (groups, C_out/groups, C/groups kh kw)"""
    return w.reshape(groups, w.shape[0] // groups, math.prod(w.shape[1:]))


def _conv(x: Any, w: Any, *, stride: Pair, dilation: Pair, groups: int) -> Any:
    """z[a, o, b, n] = sum over c, i, j of w[o, c, i, j] x[s a + d i, c, t b + e j, n]: (H, C, W, N) -> (H', C_out, W', N)"""
    down, across = _grid(x.shape, w.shape[2:], stride, dilation)
    z = np.empty((down, w.shape[0], across, x.shape[3]), np.result_type(x, w))
    for row, columns in zip(z, _columns(x, w.shape[2:], stride, dilation, groups), strict=True):
        np.matmul(_weights(w, groups), columns, out=_grouped(row, groups))
    return z


def _conv_dx(g: Any, w: Any, *, stride: Pair, dilation: Pair, groups: int, shape: tuple[int, ...]) -> Any:
    """Each window receives w times its g: (H', C_out, W', N) -> (H, C, W, N)"""
    g, size, across = np.ascontiguousarray(g), w.shape[2:], g.shape[2]
    z = np.zeros(shape, np.result_type(g, w))
    columns = np.empty((shape[1], *size, across, shape[3]), z.dtype)
    for a, row in enumerate(g):
        np.matmul(_weights(w, groups).mT, _grouped(row, groups), out=_grouped(columns, groups))
        for (i, j), (_, _, place) in _places((1, across), size, stride, dilation):
            z[a * stride[0] + i * dilation[0], :, place] += columns[:, i, j]
    return z


def _conv_dw(g: Any, x: Any, *, stride: Pair, dilation: Pair, groups: int, size: Pair) -> Any:
    """The sum of g times window over all windows: -> (C_out, C/groups, kh, kw)"""
    g, own = np.ascontiguousarray(g), x.shape[1] // groups
    z = np.zeros((groups, g.shape[1] // groups, own * math.prod(size)), np.result_type(g, x))
    for row, columns in zip(g, _columns(x, size, stride, dilation, groups), strict=True):
        z += _grouped(row, groups) @ columns.mT
    return z.reshape(g.shape[1], own, *size)


# ---- the largest entry of each window --------------------------------------------------------------------


def _inside(shape: tuple[int, ...], pad: Pads) -> tuple[slice, ...]:
    """Where x is within its border."""
    (top, _), (left, _) = pad
    return slice(top, top + shape[0]), slice(None), slice(left, left + shape[2])


def _bordered(shape: tuple[int, ...], pad: Pads) -> tuple[int, ...]:
    """The shape of x with its border."""
    return shape[0] + sum(pad[0]), shape[1], shape[2] + sum(pad[1]), shape[3]


def _padded(x: Any, pad: Pads, value: Any) -> Any:
    """x with a border of `value`."""
    if not any(map(any, pad)):
        return np.ascontiguousarray(x)
    z = np.full(_bordered(x.shape, pad), value, x.dtype)
    z[_inside(x.shape, pad)] = x
    return z


def _lowest(dtype: Any) -> Any:
    """No number of this dtype is smaller."""
    return -np.inf if dtype.kind == "f" else False if dtype.kind == "b" else np.iinfo(dtype).min


def _max_pool(x: Any, *, size: Pair, stride: Pair, dilation: Pair, pad: Pads) -> Any:
    """The largest entry of each window, the border not counted; NaN where there is one."""
    x = _padded(x, pad, _lowest(x.dtype))
    (_, first), *others = _places(_grid(x.shape, size, stride, dilation), size, stride, dilation)
    y = x[first].copy()
    for _, place in others:
        np.maximum(y, x[place], out=y)
    return y


def _top_places(x: Any, y: Any, *, size: Pair, stride: Pair, dilation: Pair, pad: Pads) -> Any:
    """Is entry (i, j) of the window its largest, y?  (kh, kw, H', C, W', N); a NaN is, the border never."""
    inside = _padded(np.ones((x.shape[0], 1, x.shape[2], 1), bool), pad, False)
    x = _padded(x, pad, 0)
    top = np.empty((*size, *y.shape), bool)
    with_nan = np.isnan(y).any()
    for k, place in _places((y.shape[0], y.shape[2]), size, stride, dilation):
        np.equal(x[place], y, out=top[k])
        if with_nan:
            top[k] |= np.isnan(x[place])
        if not inside.all():
            top[k] &= inside[place]
    return top


def _chosen(v: Any, top: Any) -> Any:
    """v where top, 0 elsewhere.  A product is ten times faster than a choice, but inf · 0 is not 0."""
    return v * top if np.isfinite(v).all() else np.where(top, v, v.dtype.type(0))


def _ties(top: Any, dtype: Any) -> Any:
    """How many entries of each window are its largest."""
    return np.add.reduce(top, axis=(0, 1), dtype=np.min_scalar_type(top.shape[0] * top.shape[1])).astype(dtype)


def _share_out(g: Any, top: Any, *, stride: Pair, dilation: Pair, pad: Pads, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape, to which each g is added at the largest entries of its window, in equal shares."""
    z = np.zeros(_bordered(shape, pad), g.dtype)
    share = np.ascontiguousarray(g) / _ties(top, g.dtype)
    apart = all(d * (k - 1) < s for k, s, d in zip(top.shape[:2], stride, dilation, strict=True))
    finite = apart and np.isfinite(share).all()
    for k, place in _places((g.shape[0], g.shape[2]), top.shape[:2], stride, dilation):
        if finite:
            np.multiply(share, top[k], out=z[place])
        else:
            z[place] += _chosen(share, top[k])
    return z[_inside(shape, pad)]


def _share_back(v: Any, top: Any, *, stride: Pair, dilation: Pair, pad: Pads) -> Any:
    """The mean of v over the largest entries of each window."""
    v = _padded(v, pad, 0)
    z = np.zeros(top.shape[2:], v.dtype)
    for k, place in _places((z.shape[0], z.shape[2]), top.shape[:2], stride, dilation):
        z += _chosen(v[place], top[k])
    return z / _ties(top, v.dtype)


# fmt: off
#                   name          z                   g . dz/dx
windows: Op    = Op("windows",    _windows,    (lambda g, z, x, *, size, stride, dilation: fold(g, stride=stride, dilation=dilation, shape=x.shape),),                         "windows of x", view=True)
fold: Op       = Op("fold",       _fold,       (lambda g, z, x, *, stride, dilation, shape: windows(g, size=x.shape[2:4], stride=stride, dilation=dilation),),               "zeros, windows x added")

#                   name          z                   g . dz/d(first)                                                  g . dz/d(second)
conv: Op       = Op("conv",       _conv,       (lambda g, z, x, w, **s: conv_dx(g, w, shape=x.shape, **s),              lambda g, z, x, w, **s: conv_dw(g, x, size=w.shape[2:], **s)),           "w * x")
conv_dx: Op    = Op("conv_dx",    _conv_dx,    (lambda h, z, g, w, *, shape, **s: conv(h, w, **s),                      lambda h, z, g, w, *, shape, **s: conv_dw(g, h, size=w.shape[2:], **s)), "g · d(w * x)/dx")
conv_dw: Op    = Op("conv_dw",    _conv_dw,    (lambda h, z, g, x, *, size, **s: conv(x, h, **s),                       lambda h, z, g, x, *, size, **s: conv_dx(g, h, shape=x.shape, **s)),     "g · d(w * x)/dw")

#                   name          y                   g . dy/dx
max_pool       = Op("max_pool",   _max_pool,   (lambda g, y, x, *, size, stride, dilation, pad: share_out(g, top_places(x, y, size=size, stride=stride, dilation=dilation, pad=pad), stride=stride, dilation=dilation, pad=pad, shape=x.shape),), "largest x of each window")

#                   which x are the largest has no derivative; sharing g among them is linear in g
top_places: Op = Op("top_places", _top_places, (None, None),                                                                                                                   "is x the largest of its window?")
share_out: Op  = Op("share_out",  _share_out,  (lambda h, z, g, top, *, stride, dilation, pad, shape: share_back(h, top, stride=stride, dilation=dilation, pad=pad), None),     "g shared out to the largest")
share_back: Op = Op("share_back", _share_back, (lambda h, z, v, top, *, stride, dilation, pad: share_out(h, top, stride=stride, dilation=dilation, pad=pad, shape=v.shape), None), "mean over the largest")
