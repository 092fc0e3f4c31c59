"""Entries that move, as steps: put together, taken apart, picked by an array of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .c_lower import Lower, Lowered
from .c_memory import Cell, Home, contiguous, viewed
from .program import Derived, Instruction

__all__ = ["MOVES"]

# "moves": parts of the result, one after the other: (where, what), with what a Cell or a number


def moves(it: Lowered, i: Instruction, parts: list[tuple[Any, Any]], name: str = "") -> Cell:
    """A result that is put together of parts: each is a pair (key, what), written to result[key]."""
    sources = tuple(what for _, what in parts)
    keys = [key for key, _ in parts]
    return it.emit(
        "moves", i.op.name, sources, name or repr(i.out), i.out.shape, i.out.dtype, source=i, params={"keys": keys}
    )


def _reshape(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """A reshape that is no view: the entries are put in order first."""
    x = inputs[0]
    if not isinstance(x, Cell):
        return None
    whole = it.whole(x, f"{i.out!r}_x", i)
    return viewed("reshape", whole, {"shape": i.out.shape})


def _concatenate(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    axis, start, parts = i.params["axis"], 0, []
    for x in inputs:
        if not isinstance(x, Cell):
            return None
        stop = start + x.shape[axis]
        parts.append(((*(slice(None),) * (axis % x.ndim), slice(start, stop)), x))
        start = stop
    return moves(it, i, parts)


def _is_basic(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return all(k is None or k is Ellipsis or type(k) is int or isinstance(k, slice) for k in parts)


def _setitem(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    x, y = inputs
    key = i.params["key"]
    if not isinstance(x, Cell) or not _is_basic(key) or not _same_kind(y, x.dtype):
        return None
    return moves(it, i, [((), x), (key, y)])


def _same_kind(y: Any, dtype: np.dtype[Any]) -> bool:
    return (isinstance(y, (int, float)) and dtype.kind == "f") or getattr(y, "dtype", None) == dtype


def _scatter_add(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    g, key = inputs[0], i.params["key"]
    if not isinstance(g, Cell):
        return None
    if _is_basic(key):
        return moves(it, i, [((), 0), (key, g)])
    rows = _rows(it, i, len(i.out.shape))
    if rows is None:
        return None
    return it.emit("scatter", "scatter_add", (g,), repr(i.out), i.out.shape, i.out.dtype, source=i, reads=rows)


def _getitem(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    x = inputs[0]
    rows = _rows(it, i, x.ndim) if isinstance(x, Cell) and x.ndim else None
    if rows is None:
        return None
    return it.emit("gather", "getitem", (x,), repr(i.out), i.out.shape, i.out.dtype, source=i, reads=rows)


def _rows(it: Lowered, i: Instruction, ndim: int) -> tuple[Cell, ...] | None:
    """The integer arrays that are the whole key, if it is made of such, of one shape: for the first axis, …"""
    key = i.params["key"]
    parts = key if isinstance(key, tuple) else (key,)
    if not 0 < len(parts) <= ndim:
        return None
    cells = [_index(it, i, k, part) for k, part in enumerate(parts)]
    found = tuple(x for x in cells if x is not None)
    return found if len(found) == len(parts) and len({x.shape for x in found}) == 1 else None


def _index(it: Lowered, i: Instruction, k: int, key: Any) -> Cell | None:
    """An integer array that is part of a key."""
    if isinstance(key, Derived):
        cell = it.cells[key.source]
        if not isinstance(cell, Cell):
            return None
        if key.make is np.array and cell.dtype.kind == "i":
            return cell
        return _made_before(it, i, k, key, cell)
    if not isinstance(key, np.ndarray) or key.dtype.kind != "i" or not key.ndim:
        return None
    home = Home(f"{i.out!r}_key{k}", np.dtype(np.int64), key.size)
    cell = Cell(home, key.shape, contiguous(key.shape))
    home.slot = len(it.inputs) + len(it.constants)
    it.constants.append((cell, np.ascontiguousarray(key, dtype=np.int64)))
    return cell


def _made_before(it: Lowered, i: Instruction, k: int, key: Derived, source: Cell) -> Cell | None:
    """An index that Python makes of an argument, and checks, before the run begins."""
    slot = source.home.slot
    if slot is None or slot >= len(it.inputs) or not source.shape:
        return None
    for _, of, make, cell in it.derived:
        if (
            make is key.make
            and of.home is source.home
            and (of.shape, of.strides, of.offset) == (source.shape, source.strides, source.offset)
        ):
            return cell
    sample = key.make(np.array(key.source.sample))
    if not isinstance(sample, np.ndarray) or sample.dtype.kind != "i" or not sample.ndim:
        return None
    home = Home(f"{i.out!r}_key{k}", np.dtype(np.int64), sample.size)
    cell = Cell(home, sample.shape, contiguous(sample.shape))
    home.slot = len(it.inputs) + len(it.constants)
    it.derived.append((len(it.constants), source, key.make, cell))
    it.constants.append((cell, np.array(sample, np.int64, order="C")))
    return cell


MOVES: dict[str, Lower] = {
    "reshape": _reshape,
    "concatenate": _concatenate,
    "setitem": _setitem,
    "scatter_add": _scatter_add,
    "getitem": _getitem,
}
