"""Convolution and pooling as steps: a convolution is a matrix product whose second matrix is looked at, never made.

Images are (H, C, W, N) here, the batch last: the entries of a row of the output, W' N of them, lie in order, and each
weight meets a piece of a row of x that lies in order, too.
"""

from __future__ import annotations

from typing import Any

from .c_lower import Lower, Lowered
from .c_memory import Cell, contiguous, picked, viewed
from .program import Instruction

__all__ = ["CONVOLUTIONS"]

Pair = tuple[int, int]


def _real(i: Instruction, inputs: list[Any]) -> bool:
    """Are all inputs arrays of the same real dtype, and none of them empty?"""
    return i.out.dtype.kind == "f" and all(isinstance(x, Cell) and x.dtype == i.out.dtype and x.size for x in inputs)


def _correlated(
    it: Lowered, x: Cell, w: Cell, grid: Pair, stride: Pair, dilation: Pair, groups: int, name: str, source: Any
) -> Cell:
    """z[a, o, b, n] = sum over c, i, j of w[o, c, i, j] x[s a + d i, c, t b + e j, n]"""
    (down, across), (s, t), (d, e) = grid, stride, dilation
    x = it.whole(x, f"{name}_x")
    (h, c, b, _), n = x.strides, x.shape[3]
    o, own, kh, kw = w.shape[0] // groups, *w.shape[1:]
    v = w.strides
    turned = Cell(w.home, (groups, o, own, kh, kw), (o * v[0], *v), w.offset)
    if t == 1:  # a row of the output is one long run
        batch: tuple[int, ...] = (down, groups)
        left = _with_axis(turned, (0,), down)
        right = Cell(x.home, (*batch, own, kh, kw, across * n), (s * h, own * c, c, d * h, e * b, 1), x.offset)
        z = it.emit(
            "product", "conv", (left, right), name, (*batch, o, across * n), x.dtype, source=source, params={"inner": 3}
        )
        return Cell(z.home, (down, groups * o, across, n), contiguous((down, groups * o, across, n)))
    batch = (down, across, groups)
    left = _with_axis(_with_axis(turned, (0,), across), (0,), down)
    right = Cell(x.home, (*batch, own, kh, kw, n), (s * h, t * b, own * c, c, d * h, e * b, 1), x.offset)
    z = it.emit("product", "conv", (left, right), name, (*batch, o, n), x.dtype, source=source, params={"inner": 3})
    all_o = groups * o
    return Cell(z.home, (down, all_o, across, n), (across * all_o * n, n, all_o * n, 1))


def _with_axis(x: Cell, at: tuple[int], n: int) -> Cell:
    """x, n times along a new first axis."""
    return Cell(x.home, (n, *x.shape), (at[0], *x.strides), x.offset)


def _conv(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    if not _real(i, inputs):
        return None
    x, w = inputs
    p = i.params
    grid = i.out.shape[0], i.out.shape[2]
    return _correlated(it, x, w, grid, p["stride"], p["dilation"], p["groups"], repr(i.out), i)


def _conv_dx(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """The same with the weights turned round, along a g that has zeros around and between its entries."""
    if not _real(i, inputs):
        return None
    g, w = inputs
    (s, t), (d, e), groups, (h, c, width, n) = (i.params[k] for k in ("stride", "dilation", "groups", "shape"))
    kh, kw = w.shape[2:]
    down, across = g.shape[0], g.shape[2]
    top, left = d * (kh - 1), e * (kw - 1)
    shape = (h + top, g.shape[1], width + left, n)
    key = (slice(top, top + s * (down - 1) + 1, s), slice(None), slice(left, left + t * (across - 1) + 1, t))
    wide = it.emit("moves", "pad", (0, g), f"{i.out!r}_g", shape, g.dtype, params={"keys": [(), key]})
    o, own = w.shape[0] // groups, w.shape[1]
    v = w.strides
    turned = Cell(
        w.home,
        (groups, own, o, kh, kw),
        (o * v[0], v[1], v[0], -v[2], -v[3]),
        w.offset + (kh - 1) * v[2] + (kw - 1) * v[3],
    )
    rows = wide.strides
    left_cell = _with_axis(turned, (0,), h)
    right = Cell(
        wide.home, (h, groups, o, kh, kw, width * n), (rows[0], o * rows[1], rows[1], d * rows[0], e * rows[2], 1)
    )
    z = it.emit(
        "product",
        "conv_dx",
        (left_cell, right),
        repr(i.out),
        (h, groups, own, width * n),
        g.dtype,
        source=i,
        params={"inner": 3},
    )
    return Cell(z.home, (h, c, width, n), contiguous((h, c, width, n)))


def _conv_dw(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    if not _real(i, inputs) or i.params["size"][1] > 12:
        return None
    g, x = (it.whole(a, f"{i.out!r}_{who}") for a, who in zip(inputs, "gx", strict=True))
    return it.emit("conv_dw", "conv_dw", (g, x), repr(i.out), i.out.shape, i.out.dtype, source=i, params=i.params)


# ---- pooling -----------------------------------------------------------------------------------------------------


def _seen(x: Cell, grid: Pair, size: Pair, stride: Pair, dilation: Pair) -> list[Cell]:
    """For each entry of a window: x where it is, in all windows at once."""
    (down, across), (s, t), (d, e) = grid, stride, dilation
    views = []
    for a in range(size[0]):
        for b in range(size[1]):
            key = (
                slice(a * d, a * d + s * (down - 1) + 1, s),
                slice(None),
                slice(b * e, b * e + t * (across - 1) + 1, t),
            )
            view = picked(x, key)
            assert view is not None
            views.append(view)
    return views


def _max_pool(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    if not _real(i, inputs):
        return None
    x, p, name = inputs[0], i.params, repr(i.out)
    (top, bottom), (left, right) = p["pad"]
    if top or bottom or left or right:
        shape = (x.shape[0] + top + bottom, x.shape[1], x.shape[2] + left + right, x.shape[3])
        key = (slice(top, top + x.shape[0]), slice(None), slice(left, left + x.shape[2]))
        x = it.emit("moves", "pad", (-float("inf"), x), f"{name}_x", shape, x.dtype, params={"keys": [(), key]})
    views = _seen(x, (i.out.shape[0], i.out.shape[2]), p["size"], p["stride"], p["dilation"])
    y = views[0]
    if len(views) == 1:
        return it.entries("copy", y, name=name, dtype=y.dtype, source=i)
    for k, view in enumerate(views[1:], 1):
        last = k == len(views) - 1
        y = it.entries(
            "maximum", y, view, name=name if last else f"{name}_{k}", dtype=y.dtype, source=i if last else None
        )
    return y


def _is_top(it: Lowered, x: Cell, y: Cell, name: str) -> Cell:
    """Is x the largest of its window, y?  A NaN is."""
    equal = it.spread("equal", (x, y), f"{name}_equal", x.shape, bool, cast=x.dtype)
    nan = it.spread("isnan", (x,), f"{name}_nan", x.shape, bool, cast=x.dtype)
    return it.entries("logical_or", equal, nan, name=name, dtype=bool)


def _top_places(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    if not all(isinstance(x, Cell) and x.size and x.dtype.kind == "f" for x in inputs) or any(
        map(any, i.params["pad"])
    ):
        return None
    (x, y), p, name = inputs, i.params, repr(i.out)
    views = _seen(x, (y.shape[0], y.shape[2]), p["size"], p["stride"], p["dilation"])
    tops = tuple(_is_top(it, view, y, f"{name}_{k}") for k, view in enumerate(views))
    keys = [divmod(k, p["size"][1]) for k in range(len(views))]
    z = it.emit("moves", "top_places", tops, name, i.out.shape, bool, source=i, params={"keys": keys})
    it.tops[z.home] = x, y, tops
    return z


def _share_out(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """Windows that neither overlap nor have a border: each x takes its share, if it is a largest one."""
    g, top = inputs
    if not isinstance(g, Cell) or not isinstance(top, Cell) or top.home not in it.tops or g.dtype.kind != "f":
        return None
    kh, kw = size = top.shape[:2]
    if i.params["stride"] != size or i.params["dilation"] != (1, 1) or any(map(any, i.params["pad"])):
        return None
    x, y, tops = it.tops[top.home]
    name, (down, _, across, n) = repr(i.out), y.shape
    ties = it.entries("astype", tops[0], name=f"{name}_n0", dtype=g.dtype)
    for k, other in enumerate(tops[1:], 1):
        one = it.entries("astype", other, name=f"{name}_m{k}", dtype=g.dtype)
        ties = it.entries("add", ties, one, name=f"{name}_n{k}", dtype=g.dtype)
    share = it.entries("divide", g, ties, name=f"{name}_share", dtype=g.dtype)

    def whole_windows(a: Cell, is_x: bool) -> Cell:
        """a as (down, kh, C, across, kw, N); a number for each window is there for all of its entries."""
        h, c, w, s = a.strides
        strides = (kh * h, h, c, kw * w, w, s) if is_x else (h, 0, c, w, 0, s)
        return Cell(a.home, (down, kh, a.shape[1], across, kw, n), strides, a.offset)

    hit = _is_top(it, whole_windows(x, True), whole_windows(y, False), f"{name}_hit")
    z = it.entries("where", hit, whole_windows(share, False), 0.0, name=f"{name}_inside", dtype=g.dtype, source=i)
    shape = (down * kh, x.shape[1], across * kw, n)
    inside = viewed("reshape", z, {"shape": shape}) or viewed("reshape", it.whole(z, f"{name}_order"), {"shape": shape})
    assert inside is not None
    if shape == i.out.shape:
        return inside
    key = (slice(0, shape[0]), slice(None), slice(0, shape[2]))
    return it.emit("moves", "pad", (0, inside), name, i.out.shape, g.dtype, params={"keys": [(), key]})


CONVOLUTIONS: dict[str, Lower] = {
    "conv": _conv,
    "conv_dx": _conv_dx,
    "conv_dw": _conv_dw,
    "max_pool": _max_pool,
    "top_places": _top_places,
    "share_out": _share_out,
}
