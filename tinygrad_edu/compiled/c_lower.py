"""Lowering: from the program's ops to steps that are simple enough for C.

An op that only looks at its input becomes a Cell, and no step at all.  An op along axes becomes several steps: a
softmax is a maximum, a difference, an exponential, a sum and a quotient.  What has no form in C stays as it is, and
is run by NumPy in between: a host step.  Here are the ops that work entry by entry; the others are in c_axes.py,
c_matrices.py, c_moves.py and c_conv.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..ops import TABLE
from .c_expressions import computed_in, expression
from .c_memory import Cell, Home, contiguous, viewed
from .c_types import NAMES, Machine
from .program import Derived, Instruction, Program, Value

__all__ = ["Lower", "Lowered", "Step", "lowered", "memory_order", "reordered"]

Shape = tuple[int, ...]
Lower: TypeAlias = "Callable[[Lowered, Instruction, list[Any]], Cell | None]"
"""lower(it, instruction, inputs) -> where its value is, after steps that make it; None: this one has no form in C"""


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
    part_of: Instruction | None = None  # what it was lowered from; None: it copies a result

    def cells(self) -> list[Cell]:
        return [x for x in (*self.inputs, *self.reads) if isinstance(x, Cell)]


@dataclass(eq=False)
class Lowered:
    """The steps of a program, and where its values come from and go to."""

    program: Program
    machine: Machine
    table: dict[str, Lower]  # of the ops that do not work entry by entry
    steps: list[Step] = field(default_factory=list)
    cells: dict[Value, Any] = field(default_factory=dict)  # a Cell, or a number for a 0-d constant
    inputs: list[Cell] = field(default_factory=list)  # arguments, reads, draws: slots 0, 1, …
    constants: list[tuple[Cell, Any]] = field(default_factory=list)  # the slots after those
    derived: list[tuple[int, Cell, Any, Cell]] = field(default_factory=list)  # (constant, its source, make, its Cell)
    outputs: list[Cell] = field(default_factory=list)  # of kept(): the last slots
    names: set[str] = field(default_factory=set)  # of the homes that steps fill
    tops: dict[Home, Any] = field(default_factory=dict)  # largest places of windows: (x, y, one Cell for each place)
    now: Instruction | None = None  # what is being lowered

    def emit(
        self, kind: str, op: str, inputs: tuple[Any, ...], name: str, shape: Shape, dtype: Any, **more: Any
    ) -> Cell:
        """A new step, with a home of its own for its result."""
        dtype = np.dtype(dtype)
        while name in self.names:
            name += "_"
        self.names.add(name)
        out = Cell(Home(name, dtype, math.prod(shape)), shape, contiguous(shape))
        self.steps.append(Step(kind, op, inputs, out, part_of=self.now, **more))
        return out

    def entries(self, op: str, *inputs: Any, name: str, dtype: Any, source: Any = None, **params: Any) -> Cell:
        """A step that works entry by entry, in the dtype of its result."""
        shape = np.broadcast_shapes(*(np.shape(x) if not isinstance(x, Cell) else x.shape for x in inputs))
        return self.spread(op, inputs, name, shape, dtype, cast=np.dtype(dtype), source=source, params=params)

    def spread(self, op: str, inputs: tuple[Any, ...], name: str, shape: Shape, dtype: Any, **more: Any) -> Cell:
        """A step that works entry by entry.  Its result lies in memory as its largest input does."""
        axes = memory_order(inputs, shape)
        own = tuple(shape[k] for k in axes)
        words = tuple(reordered(x, shape, axes) if isinstance(x, Cell) else x for x in inputs)
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


def memory_order(inputs: tuple[Any, ...], shape: Shape) -> list[int]:
    """The axes that are longer than 1, from the one with the largest steps in memory to the one with the smallest."""
    axes = [k for k, n in enumerate(shape) if n != 1]
    for x in inputs:
        if isinstance(x, Cell) and x.size == math.prod(shape):
            strides = x.along(shape)
            if all(strides[k] > 0 for k in axes):
                return sorted(axes, key=lambda k: -strides[k])
    return axes


def reordered(x: Cell, shape: Shape, axes: list[int]) -> Cell:
    """x broadcast to a shape, with its axes in another order."""
    strides = x.along(shape)
    return Cell(x.home, tuple(shape[k] for k in axes), tuple(strides[k] for k in axes), x.offset)


def lowered(program: Program, machine: Machine, table: dict[str, Lower]) -> Lowered:
    """The program as steps."""
    it = Lowered(program, machine, table)
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
    for it.now in program.code:
        it.cells[it.now.out] = _lower(it, it.now)
    it.now = None
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
            source = reordered(x, v.shape, axes) if isinstance(x, Cell) else x
            own = tuple(v.shape[j] for j in axes)
            if v.dtype.name in NAMES:
                home = it.emit("entries", "copy", (source,), f"{v!r}_kept{k}", own, v.dtype, cast=v.dtype).home
            else:  # float16
                home = _host(it, Instruction(TABLE["identity"], (v,), {}, v, (False,)), [x]).home
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
        lower = it.table.get(i.op.name) or (_entries if i.op.elementwise else None)
        found = lower(it, i, inputs) if lower else None
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
    if op == "full_like":
        return _full_like(it, i)
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
        if n == 0.5 and (x.ndim or i.op.name == "float_power"):  # NumPy: (-inf) ** 0.5 is NaN, but of one number
            return it.entries("sqrt", x, **options)
        if n == -1:
            return it.entries("reciprocal", x, **options)
        if n == 3:
            square = it.entries("square", x, name=f"{i.out!r}_square", dtype=dtype)
            return it.entries("multiply", square, x, **options)
    if isinstance(n, Cell) and n.size == 1 and isinstance(x, Cell) and x.ndim:  # the same, as long as n is 0.5
        half = it.spread("equal", (n, 0.5), f"{i.out!r}_half", n.shape, np.bool_, cast=dtype)
        root = it.entries("sqrt", x, name=f"{i.out!r}_root", dtype=dtype)
        return it.entries(
            "where", half, root, it.entries("power", x, n, **options | {"name": f"{i.out!r}_power"}), **options
        )
    return it.entries("power", x, n, **options)


def _full_like(it: Lowered, i: Instruction) -> Cell | None:
    if expression("full_like", [], i.out.dtype, i.params) is None:
        return None
    params = {"value": i.params["value"]}
    return it.spread("full_like", (), repr(i.out), i.out.shape, i.out.dtype, cast=i.out.dtype, source=i, params=params)
