"""The rows of ops/conv.py, written a second time as loops over every window and every entry of it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import strategies as st
from op_cases import Array, Call, Case, booleans, distinct, eighths

FEW = st.sampled_from((2, 1, 1, 0))


@st.composite
def geometry(draw: st.DrawFn, padded: bool = False) -> tuple[tuple[int, ...], dict[str, Any]]:
    """The shape of x (H, C, W, N), and windows that fit into it."""
    size, stride, dilation = (tuple(draw(st.lists(st.integers(1, n), min_size=2, max_size=2))) for n in (2, 3, 2))
    rest = draw(st.lists(st.integers(0, 1), min_size=2, max_size=2))
    h, w = (d * (k - 1) + 1 + r for k, d, r in zip(size, dilation, rest, strict=True))
    params = {"size": size, "stride": stride, "dilation": dilation}
    if padded:
        params["pad"] = tuple((draw(st.integers(0, k // 2)), draw(st.integers(0, k // 2))) for k in size)
    return (h, draw(FEW), w, draw(FEW)), params


def entries(shape: Any, params: dict[str, Any], size: Any = None) -> Iterator[tuple[int, ...]]:
    """(window a, b), (entry i, j), (place r, c) in x, for those places that are inside x."""
    (top, bottom), (left, right) = params.get("pad", ((0, 0), (0, 0)))
    (kh, kw), (s, t), (d, e) = size or params["size"], params["stride"], params["dilation"]
    for a in range(0, 1 + (shape[0] + top + bottom - d * (kh - 1) - 1) // s):
        for b in range(0, 1 + (shape[2] + left + right - e * (kw - 1) - 1) // t):
            for i in range(kh):
                for j in range(kw):
                    r, c = s * a + d * i - top, t * b + e * j - left
                    if 0 <= r < shape[0] and 0 <= c < shape[2]:
                        yield a, b, i, j, r, c


def grid(shape: Any, params: dict[str, Any]) -> tuple[int, int]:
    found = list(entries(shape, params))
    return max(f[0] for f in found) + 1, max(f[1] for f in found) + 1


def windows(x: Array, **params: Any) -> Array:
    down, across = grid(x.shape, params)
    z = np.zeros((down, x.shape[1], *params["size"], across, x.shape[3]), x.dtype)
    for a, b, i, j, r, c in entries(x.shape, params):
        z[a, :, i, j, b] = x[r, :, c]
    return z


def fold(g: Array, *, shape: Any, **params: Any) -> Array:
    z = np.zeros(shape, g.dtype)
    for a, b, i, j, r, c in entries(shape, params, g.shape[2:4]):
        z[r, :, c] += g[a, :, i, j, b]
    return z


def largest(x: Array, **params: Any) -> Array:
    down, across = grid(x.shape, params)
    z = np.full((down, x.shape[1], across, x.shape[3]), -1e9, x.dtype)
    for a, b, _, _, r, c in entries(x.shape, params):
        z[a, :, b] = np.where(x[r, :, c].real > z[a, :, b].real, x[r, :, c], z[a, :, b])
    return z


def places(x: Array, y: Array, **params: Any) -> Array:
    z = np.zeros((*params["size"], *y.shape), bool)
    for a, b, i, j, r, c in entries(x.shape, params):
        z[i, j, a, :, b] = ~(x[r, :, c] < y[a, :, b]) & ~(x[r, :, c] > y[a, :, b])
    return z


def shared_out(g: Array, top: Array, *, shape: Any, **params: Any) -> Array:
    z = np.zeros(shape, g.dtype)
    for a, b, i, j, r, c in entries(shape, params, top.shape[:2]):
        z[r, :, c] += g[a, :, b] * top[i, j, a, :, b] / np.count_nonzero(top[:, :, a, :, b], axis=(0, 1))
    return z


def shared_back(v: Array, top: Array, **params: Any) -> Array:
    z = np.zeros(top.shape[2:], v.dtype)
    for a, b, i, j, r, c in entries(v.shape, params, top.shape[:2]):
        z[a, :, b] += v[r, :, c] * top[i, j, a, :, b] / np.count_nonzero(top[:, :, a, :, b], axis=(0, 1))
    return z


def pairs(x_shape: Any, w_shape: Any, params: dict[str, Any]) -> Iterator[tuple[Any, Any, Any]]:
    """(entry of z, entry of w, entry of x) for every product in a convolution, all images at once."""
    each = w_shape[0] // params["groups"]
    for a, b, i, j, r, c in entries(x_shape, params, w_shape[2:]):
        for o, k in np.ndindex(*w_shape[:2]):
            yield (a, o, b), (o, k, i, j), (r, o // each * w_shape[1] + k, c)


def convolved(x: Array, w: Array, **params: Any) -> Array:
    down, across = grid(x.shape, params | {"size": w.shape[2:]})
    z = np.zeros((down, w.shape[0], across, x.shape[3]), np.result_type(x, w))
    for p, q, r in pairs(x.shape, w.shape, params):
        z[p] += w[q] * x[r]
    return z


def convolved_dx(g: Array, w: Array, *, shape: Any, **params: Any) -> Array:
    z = np.zeros(shape, np.result_type(g, w))
    for p, q, r in pairs(shape, w.shape, params):
        z[r] += w[q] * g[p]
    return z


def convolved_dw(g: Array, x: Array, *, size: Any, **params: Any) -> Array:
    z = np.zeros((g.shape[1], x.shape[1] // params["groups"], *size), np.result_type(g, x))
    for p, q, r in pairs(x.shape, z.shape, params):
        z[q] += np.sum(g[p] * x[r])
    return z


# ---- calls -----------------------------------------------------------------------------------------------


@st.composite
def images(draw: st.DrawFn, padded: bool = False) -> Call:
    shape, params = draw(geometry(padded))
    return Call((draw((distinct if padded else eighths)(shape)),), params)


@st.composite
def folds(draw: st.DrawFn) -> Call:
    shape, params = draw(geometry())
    down, across = grid(shape, params)
    g = draw(eighths((down, shape[1], *params.pop("size"), across, shape[3])))
    return Call((g,), params | {"shape": shape})


@st.composite
def tied(draw: st.DrawFn) -> Call:
    """Images with many equal entries, and the largest of each window."""
    shape, params = draw(geometry(padded=True))
    x = draw(eighths(shape, limit=1))
    return Call((x, largest(x, **params)), params)


@st.composite
def shares(draw: st.DrawFn, back: bool) -> Call:
    """Numbers for the windows (or, back, for x), and which entries of a window are its largest: one at least."""
    shape, params = draw(geometry(padded=True))
    down, across = grid(shape, params)
    outputs = (down, shape[1], across, shape[3])
    top = draw(booleans((*params.pop("size"), *outputs)))
    top[0, 0] |= ~top.any(axis=(0, 1))
    return Call((draw(eighths(shape if back else outputs)), top), params if back else params | {"shape": shape})


@st.composite
def convolutions(draw: st.DrawFn, which: str) -> Call:
    """The two inputs of conv (x, w), conv_dx (g, w) or conv_dw (g, x)."""
    (h, inputs, w, batch), params = draw(geometry())
    params["groups"] = draw(st.sampled_from((1, 1, 2)))
    shape = (h, params["groups"] * inputs, w, batch)
    down, across = grid(shape, params)
    outputs = params["groups"] * draw(st.sampled_from((1, 2)))
    size = params.pop("size")
    arrays = {"x": shape, "w": (outputs, inputs, *size), "g": (down, outputs, across, batch)}
    more = {"xw": {}, "gw": {"shape": shape}, "gx": {"size": size}}[which]
    return Call(tuple(draw(eighths(arrays[name], limit=12)) for name in which), params | more)


CASES: dict[str, Case] = {
    "windows": Case(images(), windows),
    "fold": Case(folds(), fold),
    "conv": Case(convolutions("xw"), convolved),
    "conv_dx": Case(convolutions("gw"), convolved_dx),
    "conv_dw": Case(convolutions("gx"), convolved_dw),
    "max_pool": Case(images(padded=True), largest),
    "top_places": Case(tied(), places),
    "share_out": Case(shares(back=False), shared_out),
    "share_back": Case(shares(back=True), shared_back),
}
