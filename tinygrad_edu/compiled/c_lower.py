"""Lowering: from the program's ops to steps that are simple enough for C.

An op that only looks at its input becomes a Cell, and no step at all.  An op along axes becomes several steps: a
softmax is a maximum, a difference, an exponential, a sum and a quotient.  What has no form in C stays as it is, and
is run by NumPy in between: a host step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..ops import TABLE
from .c_expressions import computed_in, expression
from .c_memory import Cell, Home, contiguous, viewed
from .c_types import NAMES, Machine
from .program import Derived, Instruction, Program, Value

__all__ = ["LOWER", "Lowered", "Step", "lowered"]

Shape = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Step:
    """out = op(*inputs, **params).  inputs: Cells, and numbers.

    kind  how it is done: "entries" (one by one, in a loop with others), "reduce", "product", "moves", "host", …
    cast  what all inputs are cast to, of "entries"
    """

    kind: str
    op: str
    inputs: tuple[Any, ...]
    out: Cell
    params: dict[str, Any] = field(default_factory=dict)
    cast: Any = None
    source: Instruction | None = None
    reads: tuple[Cell, ...] = ()  # further Cells that it needs, as an index

    def cells(self) -> list[Cell]:
        return [x for x in (*self.inputs, *self.reads) if isinstance(x, Cell)]


@dataclass(eq=False)
class Lowered:
    """The steps of a program, and where its values come from and go to."""

    program: Program
    machine: Machine
    steps: list[Step] = field(default_factory=list)
    cells: dict[Value, Any] = field(default_factory=dict)  # a Cell, or a number for a 0-d constant
    inputs: list[Cell] = field(default_factory=list)  # arguments, reads, draws: slots 0, 1, …
    constants: list[tuple[Cell, Any]] = field(default_factory=list)  # the slots after those
    derived: list[tuple[int, Cell, Any, Cell]] = field(default_factory=list)  # (constant, its source, make, its Cell)
    outputs: list[Cell] = field(default_factory=list)  # of kept(): the last slots
    names: set[str] = field(default_factory=set)  # of the homes that steps fill
    tops: dict[Home, Any] = field(
        default_factory=dict
    )  # the largest places of windows: (x, y, one Cell for each place)

    def emit(
        self, kind: str, op: str, inputs: tuple[Any, ...], name: str, shape: Shape, dtype: Any, **more: Any
    ) -> Cell:
        """A new step, with a home of its own for its result."""
        dtype = np.dtype(dtype)
        while name in self.names:
            name += "_"
        self.names.add(name)
        out = Cell(Home(name, dtype, math.prod(shape)), shape, contiguous(shape))
        self.steps.append(Step(kind, op, inputs, out, **more))
        return out

    def entries(self, op: str, *inputs: Any, name: str, dtype: Any, source: Any = None, **params: Any) -> Cell:
        """A step that works entry by entry, in the dtype of its result."""
        shape = np.broadcast_shapes(*(np.shape(x) if not isinstance(x, Cell) else x.shape for x in inputs))
        return self.spread(op, inputs, name, shape, dtype, cast=np.dtype(dtype), source=source, params=params)

    def spread(self, op: str, inputs: tuple[Any, ...], name: str, shape: Shape, dtype: Any, **more: Any) -> Cell:
        """A step that works entry by entry.  Its result lies in memory as its largest input does."""
        axes = _memory_order(inputs, shape)
        own = tuple(shape[k] for k in axes)
        words = tuple(_along(x, shape, axes) if isinstance(x, Cell) else x for x in inputs)
        out = self.emit("entries", op, words, name, own, dtype, **more)
        strides = [0] * len(shape)
        for k, s in zip(axes, out.strides, strict=True):
            strides[k] = s
        return Cell(out.home, shape, tuple(strides))

    def whole(self, x: Cell, name: str, source: Any = None) -> Cell:
        """x, in order and in memory of its own."""
        if x.is_whole():
            return x
        return self.emit("entries", "copy", (x,), name, x.shape, x.dtype, cast=x.dtype, source=source)


def _memory_order(inputs: tuple[Any, ...], shape: Shape) -> list[int]:
    """The axes that are longer than 1, from the one with the largest steps in memory to the one with the smallest."""
    axes = [k for k, n in enumerate(shape) if n != 1]
    for x in inputs:
        if isinstance(x, Cell) and x.size == math.prod(shape):
            strides = x.along(shape)
            if all(strides[k] > 0 for k in axes):
                return sorted(axes, key=lambda k: -strides[k])
    return axes


def _along(x: Cell, shape: Shape, axes: list[int]) -> Cell:
    """x broadcast to a shape, with its axes in another order."""
    strides = x.along(shape)
    return Cell(x.home, tuple(shape[k] for k in axes), tuple(strides[k] for k in axes), x.offset)


def lowered(program: Program, machine: Machine) -> Lowered:
    """The program as steps."""
    it = Lowered(program, machine)
    values = [*program.arguments, *(v for v, _ in program.reads), *(v for v, _ in program.draws)]
    carried = {v for v, _ in program.carried()}  # what a run hands on is in C order, as everything that is kept
    for slot, v in enumerate(values):
        it.cells[v] = _from_outside(v, slot, v in carried)
        it.inputs.append(it.cells[v])
    for v in program.constants:
        if not v.shape:
            it.cells[v] = v.sample
        else:
            sample = np.ascontiguousarray(v.sample)
            home = Home(repr(v), sample.dtype, sample.size, slot=len(values) + len(it.constants))
            it.cells[v] = Cell(home, v.shape, contiguous(v.shape))
            it.constants.append((it.cells[v], sample))
    for instruction in program.code:
        it.cells[instruction.out] = _lower(it, instruction)
    _keep(it, len(values) + len(it.constants))
    _drop_unused(it)
    return it


def _drop_unused(it: Lowered) -> None:
    """Steps whose result nobody looks at are left out."""
    needed = {x.home for x in it.outputs}
    steps = []
    for step in reversed(it.steps):
        if step.out.home in needed:
            needed.update(x.home for x in step.cells())
            steps.append(step)
    it.steps = steps[::-1]


def _from_outside(v: Value, slot: int, in_c_order: bool) -> Cell:
    """An input, in the layout that it had in the recording if that is without gaps."""
    strides = contiguous(v.shape)
    if v.shape and v.sample.size and not in_c_order:
        own = tuple(s // v.dtype.itemsize for s in v.sample.strides)
        order = sorted(range(len(own)), key=lambda i: (-own[i], i))
        dense = contiguous(tuple(v.shape[i] for i in order))
        if all(v.shape[i] == 1 or own[i] == s for i, s in zip(order, dense, strict=True)):
            strides = tuple(dense[order.index(i)] for i in range(len(own)))
    return Cell(Home(repr(v), v.dtype, math.prod(v.shape), slot=slot), v.shape, strides)


def _keep(it: Lowered, slot: int) -> None:
    """Every value that outlives the run gets memory of its own."""
    made = {id(step.out.home) for step in it.steps}
    for k, v in enumerate(it.program.kept()):
        x = it.cells[v]
        taken = isinstance(x, Cell) and x.home.slot is not None
        if not isinstance(x, Cell) or taken or id(x.home) not in made or not x.is_whole():
            axes = [j for j, n in enumerate(v.shape) if n != 1]
            source = _along(x, v.shape, axes) if isinstance(x, Cell) else x
            own = tuple(v.shape[j] for j in axes)
            home = it.emit("entries", "copy", (source,), f"{v!r}_kept{k}", own, v.dtype, cast=v.dtype).home
            x = Cell(home, v.shape, contiguous(v.shape))
        x.home.slot = slot + k
        it.outputs.append(x)


def _lower(it: Lowered, i: Instruction) -> Any:
    """The steps of one instruction; returns where its value is."""
    inputs = [it.cells[x] if isinstance(x, Value) else x for x in i.inputs]
    if TABLE.get(i.op.name) is not i.op:
        return _host(it, i, inputs)  # an op of one's own, whatever its name
    if all(d.name in NAMES for d in (i.out.dtype, *(x.dtype for x in inputs if isinstance(x, Cell)))):
        if len(inputs) == 1 and isinstance(inputs[0], Cell) and not _derived(i):
            look = viewed(i.op.name, inputs[0], {**i.params, "shape": i.out.shape} if "shape" in i.params else i.params)
            if look is not None:
                return look
        lower = LOWER.get(i.op.name)
        found = lower(it, i, inputs) if lower else _entries(it, i, inputs) if i.op.elementwise else None
        if found is not None:
            if found.shape != i.out.shape or found.dtype != i.out.dtype:
                raise AssertionError(f"{i.op.name}: {found.shape} {found.dtype}, not {i.out.shape} {i.out.dtype}")
            return found
    return _host(it, i, inputs)


def _derived(i: Instruction) -> list[Derived]:
    return [
        part for p in i.params.values() for part in (p if isinstance(p, tuple) else (p,)) if isinstance(part, Derived)
    ]


def _host(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell:
    """NumPy does it, between two parts in C."""
    needs = tuple(it.cells[d.source] for d in _derived(i))
    reads = tuple(x for x in needs if isinstance(x, Cell))
    return it.emit("host", i.op.name, tuple(inputs), repr(i.out), i.out.shape, i.out.dtype, source=i, reads=reads)


def _entries(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """An elementwise op."""
    op, out = i.op.name, i.out.dtype
    dtype = computed_in(op, inputs, i.weak, out)
    if dtype is None or (op == "astype" and out.kind in "iu" and inputs[0].dtype.kind == "f"):
        return None  # of a real number too large for an integer, C says nothing
    if dtype.kind in "iu" and not all(_fits(x, w, dtype) for x, w in zip(inputs, i.weak, strict=True)):
        return None
    if op == "astype":
        inputs, params = inputs[:1], {"dtype": None}
    elif op == "zeros_like":
        params = {}
    else:
        params = i.params
    if op in ("power", "float_power"):
        return _power(it, i, inputs, dtype)
    words = [f"x{k}" for k in range(len(inputs))]
    if expression(op, words, dtype, params) is None:
        return None
    return it.spread(op, tuple(inputs), repr(i.out), i.out.shape, out, cast=dtype, source=i, params=params)


def _fits(x: Any, weak: bool, dtype: np.dtype[Any]) -> bool:
    """Can the input be cast to this integer dtype without loss?"""
    if isinstance(x, Cell):
        return (not weak and x.dtype.kind in "biu") or x.dtype == dtype
    return isinstance(x, (bool, int, np.integer, np.bool_)) and bool(np.iinfo(dtype).min <= x <= np.iinfo(dtype).max)


def _power(it: Lowered, i: Instruction, inputs: list[Any], dtype: np.dtype[Any]) -> Cell | None:
    """x ^ n, with n a small number as products; NumPy's integers are left to NumPy."""
    if dtype.kind != "f":
        return None
    x, n = inputs
    options: dict[str, Any] = {"name": repr(i.out), "dtype": dtype, "source": i}
    if isinstance(n, (int, float)) and not isinstance(x, (int, float)):
        if n == 2:
            return it.entries("square", x, **options)
        if n == 1:
            return it.entries("copy", x, **options)
        if n == -1:
            return it.entries("reciprocal", x, **options)
        if n == 3:
            square = it.entries("square", x, name=f"{i.out!r}_square", dtype=dtype)
            return it.entries("multiply", square, x, **options)
    return it.entries("power", x, n, **options)


# ---- along axes ------------------------------------------------------------------------------------------------


def _reduced(shape: Shape, axis: Shape, keepdims: bool) -> Shape:
    axis = tuple(a % len(shape) for a in axis)
    if keepdims:
        return tuple(1 if k in axis else n for k, n in enumerate(shape))
    return tuple(n for k, n in enumerate(shape) if k not in axis)


def reduce_step(
    it: Lowered, op: str, x: Cell, axis: Any, keepdims: bool, name: str, dtype: Any, source: Any = None
) -> Cell:
    """sum, max, min or prod of x along axes."""
    axis = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    shape = _reduced(x.shape, axis, keepdims)
    axis = tuple(a % x.ndim for a in axis)
    axes = _memory_order((x,), x.shape)
    summed = tuple(j for j, k in enumerate(axes) if k in axis)
    kept = [k for k in axes if k not in axis]
    own = tuple(x.shape[k] for k in kept)
    out = it.emit("reduce", op, (_along(x, x.shape, axes),), name, own, dtype, params={"axis": summed}, source=source)
    where = dict(zip(kept, out.strides, strict=True))
    strides = [where.get(k, 0) for k in range(x.ndim) if keepdims or k not in axis]
    return Cell(out.home, shape, tuple(strides))


def _reduction(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    x, op = inputs[0], i.op.name
    if not isinstance(x, Cell) or set(i.params) != {"axis", "keepdims"}:
        return None
    if op in ("max", "min") and (x.dtype.kind not in "fiu" or 0 in x.shape):
        return None
    return reduce_step(it, op, x, i.params["axis"], i.params["keepdims"], repr(i.out), i.out.dtype, i)


def _below_top(it: Lowered, x: Cell, axis: Any, name: str, dtype: Any) -> tuple[Cell, Cell]:
    """x - max x, whose exp cannot overflow, and max x; infinite maxima count as 0."""
    if x.dtype != dtype:
        x = it.entries("astype", x, name=f"{name}_x", dtype=dtype)
    top = reduce_step(it, "max", x, axis, True, f"{name}_max", dtype)
    finite = it.spread("isfinite", (top,), f"{name}_finite", top.shape, np.bool_, cast=np.dtype(dtype))
    top = it.entries("where", finite, top, 0.0, name=f"{name}_top", dtype=dtype)
    return it.entries("subtract", x, top, name=f"{name}_below", dtype=dtype), top


def _soft(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """softmax, log_softmax, logsumexp"""
    x, dtype, name, axis = inputs[0], i.out.dtype, repr(i.out), i.params["axis"]
    if not isinstance(x, Cell) or dtype.kind != "f" or 0 in x.shape or x.dtype.kind == "b":
        return None
    below, top = _below_top(it, x, axis, name, dtype)
    e = it.entries("exp", below, name=f"{name}_exp", dtype=dtype)
    total = reduce_step(it, "sum", e, axis, True, f"{name}_sum", dtype)
    if i.op.name == "softmax":
        return it.entries("divide", e, total, name=name, dtype=dtype, source=i)
    log = it.entries("log", total, name=f"{name}_log", dtype=dtype)
    if i.op.name == "log_softmax":
        return it.entries("subtract", below, log, name=name, dtype=dtype, source=i)
    y = it.entries("add", log, top, name=name, dtype=dtype, source=i)
    return y if i.params["keepdims"] else viewed("reshape", y, {"shape": i.out.shape})


def _quadratic(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """(1/S) Σ ½ (a - y)²"""
    a, y = inputs
    dtype, name = i.out.dtype, repr(i.out)
    if dtype.kind != "f" or not isinstance(a, Cell) or np.result_type(a.dtype, getattr(y, "dtype", type(y))) != dtype:
        return None
    examples = a.shape[0] if a.ndim > 1 else 1
    error = it.entries("subtract", a, y, name=f"{name}_error", dtype=dtype)
    square = it.entries("square", error, name=f"{name}_square", dtype=dtype)
    total = reduce_step(it, "sum", square, None, False, f"{name}_sum", dtype)
    return it.entries("multiply", total, 0.5 / examples, name=name, dtype=dtype, source=i)


# ---- products ----------------------------------------------------------------------------------------------------


BLAS_FROM = 1_000_000  # multiplications: fewer are faster in loops of our own


def layout(x: Cell) -> tuple[int, int] | None:
    """How BLAS is told of a matrix: (111, from row to row), or (112, from column to column); None: it cannot be."""
    (m, n), (s, t) = x.shape[-2:], x.strides[-2:]
    if t == 1 and s >= n:
        return 111, s
    if s == 1 and t >= m:
        return 112, t
    return None


def _too_large(it: Lowered, shape: Shape, inner: int) -> bool:
    """A product that only BLAS does well, where it cannot be called: NumPy does it."""
    return not it.machine.blas and math.prod(shape[-2:]) * inner >= 4 * BLAS_FROM


def product_step(it: Lowered, a: Cell, b: Cell, name: str, dtype: Any, source: Any = None) -> Cell:
    """(…, M, K) times (…, K, N)"""
    a, b = (
        x if x.dtype == dtype else it.entries("astype", x, name=f"{name}_{w}", dtype=dtype)
        for x, w in ((a, "x"), (b, "y"))
    )
    (m, k), n = a.shape[-2:], b.shape[-1]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if it.machine.blas and m * n * k >= BLAS_FROM:
        a, b = (x if layout(x) else it.whole(x, f"{name}_{w}") for x, w in ((a, "x"), (b, "y")))
        return it.emit("blas", "matmul", (a, b), name, (*batch, m, n), dtype, source=source)
    if not (b.strides[-1] == 1 or n == 1 or (a.strides[-1] == b.strides[-2] == 1 and k >= 32)):
        b = it.whole(b, f"{name}_y")
    return it.emit("product", "matmul", (a, b), name, (*batch, m, n), dtype, source=source)


def _matmul(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    a, b = inputs
    if i.out.dtype.kind != "f" or not all(isinstance(x, Cell) and x.ndim and x.size for x in inputs):
        return None
    if _too_large(it, i.out.shape, a.shape[-1]):
        return None
    a = Cell(a.home, (1, *a.shape), (0, *a.strides), a.offset) if a.ndim == 1 else a
    b = Cell(b.home, (*b.shape, 1), (*b.strides, 1), b.offset) if b.ndim == 1 else b
    z = product_step(it, a, b, repr(i.out), i.out.dtype, i)
    return z if z.shape == i.out.shape else viewed("reshape", z, {"shape": i.out.shape})


def _linear(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    """x wᵀ + b, one example a row"""
    x, w, b = inputs
    if i.out.dtype.kind != "f" or not all(isinstance(a, Cell) and a.size for a in inputs) or w.ndim != 2:
        return None
    if b.ndim > 1:
        return None
    if _too_large(it, i.out.shape, x.shape[-1]):
        return None
    rows = math.prod(x.shape[:-1])
    if x.ndim != 2:
        flat = viewed("reshape", x, {"shape": (rows, x.shape[-1])})
        x = flat or viewed("reshape", it.whole(x, f"{i.out!r}_x"), {"shape": (rows, x.shape[-1])})
    turned = Cell(w.home, w.shape[::-1], w.strides[::-1], w.offset)
    dtype = np.result_type(x.dtype, w.dtype)
    if dtype.kind != "f":
        return None
    z = product_step(it, x, turned, f"{i.out!r}_product", dtype)
    z = it.entries("add", z, b, name=repr(i.out), dtype=i.out.dtype, source=i)
    return z if z.shape == i.out.shape else viewed("reshape", z, {"shape": i.out.shape})


# ---- entries that move ---------------------------------------------------------------------------------------------
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


def _full_like(it: Lowered, i: Instruction, inputs: list[Any]) -> Cell | None:
    if expression("full_like", [], i.out.dtype, i.params) is None:
        return None
    params = {"value": i.params["value"]}
    return it.spread("full_like", (), repr(i.out), i.out.shape, i.out.dtype, cast=i.out.dtype, source=i, params=params)


LOWER: dict[str, Callable[[Lowered, Instruction, list[Any]], Cell | None]] = {
    "sum": _reduction,
    "prod": _reduction,
    "max": _reduction,
    "min": _reduction,
    "softmax": _soft,
    "log_softmax": _soft,
    "logsumexp": _soft,
    "quadratic_cost": _quadratic,
    "matmul": _matmul,
    "linear": _linear,
    "reshape": _reshape,
    "concatenate": _concatenate,
    "setitem": _setitem,
    "scatter_add": _scatter_add,
    "getitem": _getitem,
    "full_like": _full_like,
}
