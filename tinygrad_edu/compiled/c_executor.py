"""The C executor: a program as compiled C, called with the addresses of NumPy's arrays."""

from __future__ import annotations

import ctypes
import math
import sys
from functools import cache
from pathlib import Path
from sys import getrefcount
from threading import Lock
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from .c_compile import CompileError, compiled, instructions
from .c_lower import Step
from .c_memory import Cell
from .c_source import planned_source
from .c_types import Machine
from .program import Derived, Program

__all__ = ["CExecutor", "CompileError"]

_EFFORTS = ((3_000, "-O3"), (30_000, "-O1"), (math.inf, "-O0"))  # of the compiler, for texts of so many statements


class CExecutor:
    """Runs a Program as C.

    source         the C text
    planned_bytes  of memory for what is only needed within a run

    CompileError: there is no compiler, or it failed; the message is one line.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        plan = planned_source(program, _machine())
        if any(home.size >= 2**31 for home in _homes(plan)):
            raise CompileError("a value has more than 2^31 entries: C counts them with an int")
        self.source, self.planned_bytes = plan.source, plan.nbytes
        self._plan, self._it = plan, plan.it
        effort = next(flag for most, flag in _EFFORTS if plan.statements <= most)
        library = compiled(plan.source, effort)
        self._library = library  # stays loaded as long as this object lives
        self._parts = [getattr(library, part) if isinstance(part, str) else part for part in plan.parts]
        for f in "sd":
            if hasattr(library, f"use_{f}gemm"):
                getattr(library, f"use_{f}gemm")(ctypes.c_void_p(_blas()[f]))
        self._simple = len(self._parts) == 1
        self._lock = Lock()
        self._prepare()

    def _prepare(self) -> None:
        """The table of addresses, the scratch memory, and the places of single numbers."""
        it = self._it
        self._memory, _ = _aligned((self.planned_bytes,), np.dtype(np.uint8))
        self._memory[:] = 0
        self._table = (ctypes.c_void_p * max(self._plan.slots, 1))()
        self._first = len(it.inputs) + len(it.constants)
        self._seen: list[Any] = [None] * len(it.inputs)  # whose address is in the table already
        self._numbers: dict[int, Any] = {}
        for slot, x in enumerate(it.inputs):
            if not x.shape:
                self._numbers[slot] = place = np.zeros(1, x.dtype)
                self._table[slot] = _address(place)
        self._constants = [array for _, array in it.constants]
        for k, array in enumerate(self._constants):
            self._table[len(it.inputs) + k] = _address(array)
        self._layouts = [(x.shape, x.dtype, _in_bytes(x)) for x in it.inputs]
        self._count = len(it.outputs)
        self._outputs: list[tuple[int, int, list[Any]]] = []  # (k, slot, arrays that were handed out before)
        self._results: dict[int, Any] = {}
        for k, x in enumerate(it.outputs):
            if not x.shape:
                self._results[k] = place = np.zeros(1, x.dtype)
                self._table[self._first + k] = _address(place)
            else:
                self._outputs.append((k, self._first + k, []))
        self._handed_on = self._pairs()
        at = _address(self._memory)
        self._call = self._parts[0]
        if self._simple:
            self._arguments = (ctypes.byref(self._table), ctypes.c_void_p(at), ctypes.c_int(1))
        self._at = ctypes.c_void_p(at)

    def _pairs(self) -> list[tuple[int, int]]:
        """(slot, k): what is read at a slot is what the run before has written as number k of kept()."""
        program = self.program
        k = len(program.results)
        written = {}
        for place, v in program.writes:
            if v is not None:
                written[place.key] = k
                k += 1
        first = len(program.arguments)
        return [(first + i, written[p.key]) for i, (_, p) in enumerate(program.reads) if p.key in written]

    # ---- one run -------------------------------------------------------------------------------------

    def run(self, arguments: list[Any], reads: list[Any], draws: list[Any]) -> list[Any]:
        """One run: the values of program.kept(), in new memory."""
        with self._lock:
            return self._run([*arguments, *reads, *draws])

    def _run(self, inputs: list[Any]) -> list[Any]:
        table, seen, numbers = self._table, self._seen, self._numbers
        for slot, value in enumerate(inputs):
            if slot in numbers:
                numbers[slot][0] = value
            elif value is not seen[slot]:
                seen[slot] = value = self._fitting(slot, value)
                table[slot] = value.__array_interface__["data"][0]
        for k, source, make, _ in self._it.derived:
            self._derive(self._constants[k], make, _seen_as(seen[source.home.slot or 0], source))
        values: list[Any] = [None] * self._count
        for k, slot, made in self._outputs:
            values[k], table[slot] = _unused(made) or self._new(k, made)
        error = self._call(*self._arguments) if self._simple else self._in_parts(inputs, values)
        if error:
            self._failed(error)
        for k, place in self._results.items():
            values[k] = place[0]
        for slot, k in self._handed_on:  # what was written is what will be read
            if slot not in numbers:
                seen[slot] = values[k]
                table[slot] = table[self._first + k]
        return values

    def _derive(self, place: Any, make: Any, value: Any) -> None:
        """place[...] = make(value): an index, checked."""
        made = make(value)
        if np.shape(made) != place.shape:
            raise ValueError(f"an index had shape {place.shape} when it was recorded, and has {np.shape(made)} now")
        place[...] = made

    def _new(self, k: int, made: list[Any]) -> Any:
        """New memory for result k, and its address."""
        x = self._it.outputs[k]
        found = _memory_for(x.shape, x.dtype)
        if _COUNTS:
            made.append(found)
            del made[:-2]
        return found[0].view(), found[1]

    def _fitting(self, slot: int, value: Any) -> Any:
        """The array in the layout that the program was compiled for."""
        shape, dtype, strides = self._layouts[slot]
        if value.shape != shape or value.dtype != dtype:
            raise ValueError(
                f"v{slot} was compiled for shape {shape} and dtype {dtype}: got {value.shape} and {value.dtype}"
            )
        if value.strides == strides or value.size == 0:
            return value
        new = np.ndarray(shape, dtype, strides=strides)
        new[...] = value
        return new

    def _failed(self, error: int) -> None:
        """What NumPy says of an index that does not exist."""
        step = self._plan.failing[error - 1]
        x = step.inputs[0].shape if step.kind == "gather" else step.out.shape
        bad, axis = self._memory[:16].view(np.int64).tolist()
        raise IndexError(f"index {bad} is out of bounds for axis {axis} with size {x[axis]}")

    # ---- with steps by NumPy in between ----------------------------------------------------------------

    def _in_parts(self, inputs: list[Any], values: list[Any]) -> int:
        """Parts in C, and host steps."""
        self._inputs, self._values = inputs, values
        try:
            for part in self._parts:
                if isinstance(part, Step):
                    self._by_numpy(part)
                elif error := part(self._table, self._at, 1):
                    return int(error)
        finally:
            self._inputs, self._values = [], []
        return 0

    def _by_numpy(self, step: Step) -> None:
        """out[...] = op.forward(*inputs, **params)"""
        i = step.source
        assert i is not None
        words = []
        for x, weak in zip(step.inputs, i.weak, strict=True):
            value = self._looked_at(x) if isinstance(x, Cell) else x
            words.append(value.item() if weak and isinstance(value, np.generic) else value)
        params = {key: self._setting(p) for key, p in i.params.items()}
        with np.errstate(all="ignore"):
            z = i.op.forward(*words, **params)
        if np.shape(z) != step.out.shape:
            raise ValueError(f"{i.op.name} gave shape {np.shape(z)}; when it was recorded, {step.out.shape}")
        if step.out.size:
            self._place_of(step.out)[...] = z

    def _setting(self, p: Any) -> Any:
        if isinstance(p, tuple):
            return tuple(map(self._setting, p))
        if isinstance(p, Derived):
            source = self._it.cells[p.source]
            return p.make(self._looked_at(source) if isinstance(source, Cell) else source)
        return p

    def _looked_at(self, x: Cell) -> Any:
        """The value of a Cell, which is not to be written to."""
        array = self._place_of(x)
        if not x.shape:
            return array[()]
        array.flags.writeable = False
        return array

    def _place_of(self, x: Cell) -> Any:
        """The memory of a Cell, as an array."""
        home, size = x.home, x.dtype.itemsize
        if home.slot is None:
            memory, start = self._memory, home.offset or 0
        elif home.slot < len(self._it.inputs):
            memory, start = self._numbers.get(home.slot, self._seen[home.slot]), 0
        elif home.slot < self._first:
            memory, start = self._constants[home.slot - len(self._it.inputs)], 0
        else:
            k = home.slot - self._first
            memory, start = self._values[k] if self._values[k] is not None else self._results[k], 0
        if not x.size:
            return np.empty(x.shape, x.dtype)
        if home.slot is not None:
            return _seen_as(memory, x)
        memory = np.ndarray((home.size,), x.dtype, memory, start)
        return as_strided(memory[x.offset :], x.shape, tuple(s * size for s in x.strides))

    # ---- many runs -------------------------------------------------------------------------------------

    def scan(
        self, n: int, arguments: list[Any], reads: list[Any], draws: list[Any], tables: dict[int, Any]
    ) -> tuple[list[Any], list[Any]]:
        """n runs, one after the other, in one call: the stacked results, and kept() after the last run.

        arguments, draws  stacked: one for each run
        tables            {i: numbers}: read number i is another one at each run
        What a run writes to a place, the next one reads there.
        """
        if n < 1:
            raise ValueError(f"scan needs one run at least: got {n}")
        with self._lock:
            return (
                self._scan(n, arguments, reads, draws, tables)
                if self._simple
                else self._loop(n, arguments, reads, draws, tables)
            )

    def _loop(
        self, n: int, arguments: list[Any], reads: list[Any], draws: list[Any], tables: dict[int, Any]
    ) -> tuple[list[Any], list[Any]]:
        """The same with host steps: the loop is in Python."""
        first = len(arguments)
        stacked = [np.empty((n, *x.shape), x.dtype) for x in self._it.outputs[: len(self.program.results)]]
        reads = list(reads)
        values: list[Any] = []
        for t in range(n):
            for i, table in tables.items():
                reads[i] = table[t]
            values = self._run([*(a[t] for a in arguments), *reads, *(d[t] for d in draws)])
            for stack, value in zip(stacked, values, strict=False):
                stack[t] = value
            for slot, k in self._handed_on:
                if slot - first not in tables:
                    reads[slot - first] = values[k]
        return stacked, values

    def _scan(
        self, n: int, arguments: list[Any], reads: list[Any], draws: list[Any], tables: dict[int, Any]
    ) -> tuple[list[Any], list[Any]]:
        it, program = self._it, self.program
        slots = self._plan.slots
        table = (ctypes.c_void_p * max(slots, 1))(*self._table)
        stride = (ctypes.c_int64 * max(slots, 1))()
        alive: list[Any] = []  # until the call is over
        first = len(arguments)
        inputs = [*arguments, *reads, *draws]
        for slot, (x, value) in enumerate(zip(it.inputs, inputs, strict=True)):
            if slot - first in tables:
                array = np.ascontiguousarray(tables[slot - first], x.dtype)
            elif first <= slot < first + len(reads):
                array = self._fitting(slot, value) if x.shape else np.full(1, value, x.dtype)
            else:
                array = self._stacked(slot, np.asarray(value), n)
            if slot - first in tables or not first <= slot < first + len(reads):
                if array.shape[0] != n:
                    raise ValueError(f"a scan of {n} runs needs {n} values of v{slot}: got {array.shape[0]}")
                stride[slot] = x.home.nbytes
            alive.append(array)
            table[slot] = _address(array)
        for k, source, make, x in it.derived:
            of = alive[source.home.slot or 0]
            array = np.empty((n, *x.shape), x.dtype)
            changes = stride[source.home.slot or 0] > 0
            for t in range(n):
                self._derive(array[t], make, _seen_as(of[t] if changes else of, source))
            alive.append(array)
            table[len(it.inputs) + k] = _address(array)
            stride[len(it.inputs) + k] = x.home.nbytes
        stacked: list[Any] = []
        values: list[Any] = []
        for k, x in enumerate(it.outputs):
            is_result = k < len(program.results)
            array, _ = _aligned((n, *x.shape) if is_result else x.shape or (1,), x.dtype)
            (stacked if is_result else values).append(array)
            table[self._first + k] = _address(array)
            stride[self._first + k] = x.home.nbytes if is_result else 0
        pairs = [(slot, k) for slot, k in self._handed_on if slot - first not in tables]
        places = (ctypes.c_int64 * (2 * max(len(pairs), 1)))()
        spare = (ctypes.c_void_p * max(len(pairs), 1))()
        for j, (slot, k) in enumerate(pairs):
            places[2 * j], places[2 * j + 1] = slot, self._first + k
            memory, _ = _aligned(it.outputs[k].shape or (1,), it.outputs[k].dtype)
            alive.append(memory)
            result, other = table[self._first + k], _address(memory)
            table[self._first + k], spare[j] = (result, other) if n % 2 else (other, result)
        error = self._library.scan(ctypes.c_int64(n), table, stride, ctypes.c_int(len(pairs)), places, spare, self._at)
        if error:
            self._failed(error)
        last = [a[-1].copy() if a.ndim > 1 else a[-1] for a in stacked]
        own = [a if x.shape else a[0] for a, x in zip(values, it.outputs[len(stacked) :], strict=True)]
        return stacked, [*last, *own]

    def _stacked(self, slot: int, value: Any, n: int) -> Any:
        """One array for each run, each in the layout that the program was compiled for."""
        shape, dtype, strides = self._layouts[slot]
        if value.shape != (n, *shape) or value.dtype != dtype:
            raise ValueError(
                f"v{slot} was compiled for {n} times shape {shape} and dtype {dtype}: "
                f"got {value.shape} and {value.dtype}"
            )
        whole = (self._it.inputs[slot].home.nbytes, *strides)
        if value.strides == whole or value.size == 0:
            return value
        new = np.ndarray(value.shape, dtype, strides=whole)
        new[...] = value
        return new


def _unused(made: list[Any]) -> Any:
    """A view of memory that was handed out before and that nobody looks at any more, and its address; or None.

    Fresh memory costs more than the arithmetic of a small network: the system has to clear it.
    """
    for found in made:
        if getrefcount(found[2]) == _ALONE:  # every view of it, and of its views, holds the memory
            return found[0].view(), found[1]
    return None


def _memory_for(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Any, int, Any]:
    """A new array, which is not handed out itself; its address; and the memory that it stands in."""
    array, memory = _aligned(shape, dtype)
    return array, _address(array), memory


def _references() -> int:
    """What getrefcount says of memory that only `made` knows: asked here as it is asked there."""
    count = -1
    for found in [_memory_for((1,), np.dtype(np.int8))]:
        count = getrefcount(found[2])
    return count


def _machine() -> Machine:
    known = instructions()
    vector = 64 if "__AVX512F__" in known else 32 if "__AVX__" in known else 16
    return Machine(vector, blas=bool(_blas()))


@cache
def _blas() -> dict[str, int]:
    """Where NumPy's own BLAS has its products, {"s": address, "d": address}; {} if it is another BLAS."""
    folder = Path(np.__file__).parent
    for path in [
        *folder.parent.glob("numpy.libs/libscipy_openblas64_*"),
        *folder.glob(".dylibs/libscipy_openblas64_*"),
    ]:
        try:
            library = ctypes.CDLL(str(path))  # loaded already: this is the one that NumPy uses
            return {f: ctypes.cast(library[f"scipy_cblas_{f}gemm64_"], ctypes.c_void_p).value or 0 for f in "sd"}
        except (OSError, AttributeError):
            continue
    return {}


def _homes(plan: Any) -> list[Any]:
    return [x.home for x in plan.it.inputs] + [s.out.home for s in plan.it.steps]


def _seen_as(memory: Any, x: Cell) -> Any:
    """The array that holds a home, as a Cell of it."""
    size = x.dtype.itemsize
    whole = as_strided(memory, (x.home.size,), (size,))
    return as_strided(whole[x.offset :], x.shape, tuple(s * size for s in x.strides))


def _in_bytes(x: Cell) -> tuple[int, ...]:
    """The strides in bytes that an input has to have; NumPy's own where an axis of length 1 makes them free."""
    return tuple(s * x.dtype.itemsize for s in x.strides)


def _aligned(shape: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """A new array that begins where a cache line does, and the memory that it stands in."""
    memory = np.empty(math.prod(shape) * dtype.itemsize + 64, np.uint8)
    start = -_address(memory) % 64
    return np.ndarray(shape, dtype, memory, start), memory


def _address(array: Any) -> int:
    return int(array.__array_interface__["data"][0])


_COUNTS = getattr(sys, "_is_gil_enabled", lambda: True)()  # without the GIL the count may be late
_ALONE = _references()
