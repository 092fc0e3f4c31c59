"""Arrays and symbols as data that JSON can hold: what a trace is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from .formula import Symbol
from .text import plain

__all__ = ["arr", "json_number", "written"]

WHOLE = 4_096  # entries: a larger array travels as statistics, a thumbnail, and its picked rows and columns
THUMB = 32  # rows and columns of a thumbnail
FIRST, LAST = 6, 2  # which rows and columns of a large array are picked


def arr(x: Any) -> dict[str, Any]:
    """An array as data: all of it up to 4,096 entries; else statistics, a thumbnail, picked rows and columns."""
    x = np.asarray(x)
    if x.size <= WHOLE:
        return {"shape": list(x.shape), "data": _numbers(x)}
    known = x[np.isfinite(x)] if x.dtype.kind == "f" else x
    stats = (
        {"min": json_number(known.min()), "mean": json_number(known.mean()), "max": json_number(known.max())}
        if known.size
        else {}
    )
    flat = x.reshape(-1, x.shape[-1])  # rows
    short: dict[str, Any] = {"shape": list(x.shape), "stats": stats | {"unknown": int(x.size - known.size)}}
    short["thumb"] = [_numbers(np.array(row, np.float32)) for row in _thumbnail(flat)]
    if x.ndim == 2:
        if x.shape[1] <= WHOLE:
            short["rows"] = {str(i): _numbers(x[i]) for i in _picked(x.shape[0])}
        if x.shape[0] <= WHOLE:
            short["cols"] = {str(j): _numbers(x[:, j]) for j in _picked(x.shape[1])}
    return short


def _picked(n: int) -> list[int]:
    return list(range(n)) if n <= 16 else [*range(FIRST), *range(n - LAST, n)]


def _thumbnail(flat: Any) -> list[list[float]]:
    """Means of blocks: at most 32 rows and columns."""
    rows = np.array_split(np.arange(flat.shape[0]), min(THUMB, flat.shape[0]))
    columns = np.array_split(np.arange(flat.shape[1]), min(THUMB, flat.shape[1]))
    with np.errstate(all="ignore"):
        return [[float(flat[r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean()) for c in columns] for r in rows]


def _numbers(x: Any) -> list[Any]:
    """The entries in C order: those of float32 as the shortest decimals that give the float32 back."""
    entries = map(str, x.ravel()) if x.dtype == np.float32 else x.ravel().tolist()
    return [json_number(float(v) if isinstance(v, str) else v) for v in entries]


def json_number(x: Any) -> Any:
    """A number that JSON can hold: NaN and the infinities as text."""
    x = x.item() if isinstance(x, np.generic) else x
    if isinstance(x, float) and not np.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    return x


def written(symbol: Symbol) -> dict[str, Any]:
    """A symbol as data: its base, the layer above, the index below, and all of it as text."""
    parts: dict[str, Any] = {"base": symbol.base, "text": str(symbol)}
    if symbol.layer is not None:
        parts["layer"] = symbol.layer
    if symbol.below:
        parts["below"] = plain(symbol.below)
    return parts
