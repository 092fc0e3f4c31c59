"""The NumPy executor: the program as one Python function of NumPy calls, that write into memory planned beforehand.

Its numbers are the engine's own, bit for bit: the same NumPy functions on arrays of the same layout.  What it saves
is everything around them: looking up rules, making Tensors, walking the graph, and most fresh memory.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .plan import lifetimes
from .program import Derived, Instruction, Program, Value

__all__ = ["NumPyExecutor"]

_UFUNCS = {
    operator.add: np.add,
    operator.sub: np.subtract,
    operator.mul: np.multiply,
    operator.truediv: np.true_divide,
    operator.neg: np.negative,
    operator.abs: np.absolute,
    operator.mod: np.remainder,
    operator.floordiv: np.floor_divide,
    operator.eq: np.equal,
    operator.ne: np.not_equal,
    operator.lt: np.less,
    operator.le: np.less_equal,
    operator.gt: np.greater,
    operator.ge: np.greater_equal,
    operator.and_: np.bitwise_and,
    operator.or_: np.bitwise_or,
    operator.invert: np.invert,
}  # not pow: x ** 2 is x * x in NumPy, and power(x, 2) is not

_SIGNS = {operator.add: "+", operator.sub: "-", operator.mul: "*", operator.truediv: "/", operator.neg: "-"}


class NumPyExecutor:
    """Runs a Program with NumPy.  source: the Python function that it became."""

    def __init__(self, program: Program) -> None:
        self.program = program
        writer = _Writer(program)
        self.source = writer.source()
        self.planned_bytes = writer.pool.nbytes
        exec(compile(self.source, f"<jit of {program.name}>", "exec"), writer.names)
        self._run: Callable[..., Any] = writer.names["run"]

    def run(self, arguments: list[Any], reads: list[Any], draws: list[Any]) -> list[Any]:
        """One run: the values of program.kept(), in new memory."""
        found: list[Any] = self._run(arguments, reads, draws)
        return found

    def scan(
        self, n: int, arguments: list[Any], reads: list[Any], draws: list[Any], tables: dict[int, Any]
    ) -> tuple[list[Any], list[Any]]:
        """n runs, one after the other; see CExecutor.scan."""
        program, reads = self.program, list(reads)
        place = {v: i for i, (v, _) in enumerate(program.reads)}
        kept = program.kept()
        handed_on = [(place[v], kept.index(w)) for v, w in program.carried()]
        rows: list[list[Any]] = [[] for _ in program.results]
        values: list[Any] = []
        for k in range(n):
            for i, table in tables.items():
                reads[i] = table[k]
            values = self._run([a[k] for a in arguments], reads, [d[k] for d in draws])
            for row, value in zip(rows, values, strict=False):
                row.append(value)
            for i, j in handed_on:
                reads[i] = values[j]
        return [np.stack(row) for row in rows], values


class _Pool:
    """Memory that is used again, by size."""

    def __init__(self) -> None:
        self.free: dict[int, list[Any]] = {}
        self.nbytes = 0

    def take(self, v: Value) -> Any:
        """An array of the form of v, and the memory it stands in."""
        n = max(v.nbytes, 1)
        if self.free.get(n):
            memory = self.free[n].pop()
        else:
            memory = np.empty(n + 64, np.uint8)
            start = -memory.__array_interface__["data"][0] % 64  # where a cache line begins
            memory = memory[start : start + n]
            self.nbytes += n
        return np.ndarray(v.shape, v.dtype, memory, strides=v.strides), memory

    def give_back(self, memory: Any) -> None:
        self.free.setdefault(memory.nbytes, []).append(memory)


class _Writer:
    """Writes the Python function."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.pool = _Pool()
        self.names: dict[str, Any] = {"plain": _plain, "empty": np.empty, "ndarray": np.ndarray}
        self.fixed: dict[Value, Any] = {}  # Values that stand in planned memory, and their views
        self.quiet = False
        self.singles: set[str] = set()
        self.lines: list[str] = []

    def source(self) -> str:
        program = self.program
        last = lifetimes(program)
        kept = set(program.kept())
        for v in program.constants:
            self.names[repr(v)] = self.fixed[v] = v.sample
        ending: dict[int, list[Any]] = {}
        stands_in = _shared_with_results(program, last, kept)
        for i, step in enumerate(program.code):
            v, dying = step.out, ending.pop(i, [])
            if _in_place(step):  # the result may stand where a dying input stood
                self._free(dying)
            lines = self._into(step) if _dense(v) and not step.shares else None
            if lines is None:
                stands_in.pop(v, None)
                lines = list(self._called(step))
            elif v in stands_in:
                lines = [f"{stands_in[v]!r} = {v!r} = {self._new(v)}", *lines]
            elif v in kept:
                if v not in stands_in.values():
                    lines.insert(0, f"{v!r} = {self._new(v)}")
            else:
                array, memory = self.pool.take(v)
                self.names[repr(v)] = self.fixed[v] = array
                ending.setdefault(last[v], []).append(memory)
            self._free(dying)
            self.lines += [*lines[:-1], f"{lines[-1]:<60}  # {step.op.name} {list(v.shape)}"]
        return self._assembled()

    def _free(self, memories: list[Any]) -> None:
        for memory in memories:
            self.pool.give_back(memory)
        memories.clear()

    def _into(self, step: Instruction) -> list[str] | None:
        """The lines that write the value into given memory, or None: this op makes its memory itself."""
        words = self._words(step)
        write = _INTO.get(step.op.name, _ufunc_into)
        lines: list[str] | None = write(self, step, words, repr(step.out))
        return lines

    def _new(self, v: Value) -> str:
        """Fresh memory for a value that outlives the run."""
        self.names[f"shape{v.index}"], self.names[f"dtype{v.index}"] = v.shape, v.dtype
        if v.sample.flags.c_contiguous:
            return f"empty(shape{v.index}, dtype{v.index})"
        self.names[f"strides{v.index}"] = v.strides
        return f"ndarray(shape{v.index}, dtype{v.index}, strides=strides{v.index})"

    def _words(self, step: Instruction) -> list[str]:
        """The operands of a ufunc.  A number becomes an array of the others' dtype once, not each time by NumPy."""
        dtypes = {x.dtype for x, weak in zip(step.inputs, step.weak, strict=True) if not weak}
        (dtype,) = dtypes if len(dtypes) == 1 else (None,)
        words = []
        for x, weak in zip(step.inputs, step.weak, strict=True):
            if not weak or dtype is None or dtype.kind != "f":
                words.append(self.operand(x, weak))
            elif not isinstance(x, Value) or x in self.fixed:
                number = x if not isinstance(x, Value) else x.sample.item()
                with np.errstate(over="ignore"):
                    single = np.array(number, dtype)
                fits = math.isfinite(single) or not math.isfinite(number)  # else NumPy has something to say
                words.append(self._named(single, number) if fits else self.operand(x, weak))
            else:
                words.append(self._once(x, dtype))
        return words

    def _named(self, single: Any, number: Any) -> str:
        """The name of a constant."""
        name = "number_" + re.sub(r"\W", "_", f"{number!r}_{single.dtype}")
        self.names[name] = single
        return name

    def _once(self, x: Value, dtype: Any) -> str:
        """The name of a number as an array; the line that makes it comes before the first use."""
        name = f"{x!r}_{dtype}"
        if name not in self.singles:
            self.singles.add(name)
            self.names["array"], self.names[f"{dtype}"] = np.array, dtype
            self.lines.append(f"{name} = array({x!r}, {dtype})")
        return name

    def operand(self, x: Any, weak: bool) -> str:
        if not isinstance(x, Value):
            name = f"n{len(self.names)}"
            if isinstance(x, (bool, int)) or math.isfinite(x):
                return repr(x) if not str(x).startswith("-") else f"({x!r})"
            self.names[name] = x
            return name
        return f"{x!r}.item()" if weak and not x.number else repr(x)

    def _called(self, step: Instruction) -> Iterator[str]:
        """The op's own forward."""
        v = step.out
        words = [self.operand(x, weak) for x, weak in zip(step.inputs, step.weak, strict=True)]
        if not v.shape and step.op.forward in _SIGNS and not step.params:
            sign = _SIGNS[step.op.forward]
            yield f"{v!r} = {sign}{words[0]}" if len(words) == 1 else f"{v!r} = {words[0]} {sign} {words[1]}"
            return
        name = re.sub(r"\W|^(?=\d)", "_", f"{step.op.name}_forward")
        if self.names.setdefault(name, step.op.forward) is not step.op.forward:
            name = f"{name}_{v.index}"
            self.names[name] = step.op.forward
        once = [self.fixed[x] for x in step.inputs if isinstance(x, Value) and x in self.fixed]
        derived = any(True for p in step.params.values() for q in _parts(p) if isinstance(q, Derived))
        if step.op.view and step.shares and len(once) == len(step.inputs) and not derived:
            z = step.op.forward(*once, **step.params)  # a view of planned memory is made once
            if isinstance(z, np.ndarray) and np.may_share_memory(z, once[0]):
                self.names[repr(v)] = self.fixed[v] = z
                yield f"# {v!r} is a view of {step.inputs[0]!r}"
                return
        words += [f"{key}={self._setting(p, f'{key}{v.index}')}" for key, p in step.params.items()]
        call = f"{name}({', '.join(words)})"
        if step.op.name == "quadratic_cost" and _same_floats_of(step.inputs):
            yield from self._quadratic(step, words)
            return
        yield f"{v!r} = {call if v.shape else f'plain({call})'}"

    def _quadratic(self, step: Instruction, words: list[str]) -> Iterator[str]:
        """Half the squared error, its differences in memory that is kept for them."""
        a, v = step.inputs[0], step.out
        error = np.empty(a.shape, a.dtype)
        self.names |= {"subtract": np.subtract, f"error{v.index}": error, f"flat{v.index}": error.reshape(-1)}
        yield f"subtract({words[0]}, {words[1]}, error{v.index})"
        yield f"{v!r} = flat{v.index}.dot(flat{v.index}) * {0.5 / (a.shape[0] if len(a.shape) > 1 else 1)!r}"

    def _setting(self, p: Any, name: str) -> str:
        if isinstance(p, tuple):
            return "(" + "".join(f"{self._setting(part, f'{name}_{i}')}, " for i, part in enumerate(p)) + ")"
        if isinstance(p, Derived):
            self.names[f"{name}_of"] = p.make
            return f"{name}_of({p.source!r})"
        if p is None or isinstance(p, (bool, int, str)):
            return repr(p)
        self.names[name] = p
        return name

    def _assembled(self) -> str:
        program = self.program
        head = []
        for words, values in (
            ("arguments", program.arguments),
            ("reads", [v for v, _ in program.reads]),
            ("draws", [v for v, _ in program.draws]),
        ):
            if values:
                head.append(f"{', '.join(map(repr, values))}, = {words}")
        made = {step.out for step in program.code} - set(self.fixed)
        made -= {step.out for step in program.code if step.shares}  # whose memory is another value's
        own = [repr(v) if v in made else f"copied({v!r})" for v in program.kept()]
        self.names["copied"] = _copied
        body = [*head, *self.lines, f"return [{', '.join(own)}]"]
        if self.quiet:  # e^-x = inf is right in a sigmoid: 1 / (1 + inf) = 0
            self.names["errstate"] = np.errstate
            body = ["with errstate(over='ignore'):", *(f"    {line}" for line in body)]
        local = [n for n in self.names if not n.startswith("v") or n in {repr(v) for v in self.fixed}]
        bound = ", ".join(f"{n}={n}" for n in local)
        return f"def run(arguments, reads, draws, {bound}):\n" + "\n".join(f"    {line}" for line in body) + "\n"


def _parts(p: Any) -> tuple[Any, ...]:
    return p if isinstance(p, tuple) else (p,)


def _plain(z: Any) -> Any:
    """A single number as NumPy's scalar, as a Tensor holds it."""
    return z[()] if isinstance(z, np.ndarray) else z


def _copied(z: Any) -> Any:
    return z.copy(order="K") if isinstance(z, np.ndarray) else z


def _dense(v: Value) -> bool:
    """An array without gaps, in some order of its axes."""
    if not v.shape or 0 in v.shape:
        return False
    sizes = sorted((s, n) for s, n in zip(v.strides, v.shape, strict=True) if n > 1)
    expected = v.dtype.itemsize
    for stride, n in sizes:
        if stride != expected:
            return False
        expected *= n
    return all(s > 0 for s in v.strides)


def _shared_with_results(program: Program, last: dict[Value, int], kept: set[Value]) -> dict[Value, Value]:
    """{v: result}: v may stand in the memory of the result, which is made of it where v dies; as in w - lr g."""
    found: dict[Value, Value] = {}
    made = {step.out: step for step in program.code}
    for i, step in enumerate(program.code):
        if step.out in kept and _in_place(step) and _dense(step.out):
            for x in step.inputs:
                if (
                    isinstance(x, Value)
                    and x in made
                    and x not in kept
                    and last[x] == i
                    and (x.shape, x.strides, x.dtype) == (step.out.shape, step.out.strides, step.out.dtype)
                    and not made[x].shares
                ):
                    found[x] = step.out
                    break
    return found


def _in_place(step: Instruction) -> bool:
    """May it write where a dying input stood?  Entry by entry, in the same order, it may."""
    v = step.out
    return (step.op.elementwise and step.op.name != "where") and all(
        not isinstance(x, Value)
        or not x.shape
        or (x.shape == v.shape and x.strides == v.strides and x.dtype == v.dtype)
        for x in step.inputs
    )


# ---- ops that write into given memory: (writer, step, words of the operands, word of the result) -> lines ---


def _ufunc_into(writer: _Writer, step: Instruction, words: list[str], out: str) -> list[str] | None:
    forward: Any = step.op.forward
    ufunc = _UFUNCS.get(forward, forward if isinstance(forward, np.ufunc) else None)
    if ufunc is None or not step.op.elementwise or step.params:
        return None
    writer.names[ufunc.__name__] = ufunc
    place = f"out={out}" if ufunc in (np.maximum, np.minimum) else out  # by place it is deprecated for these two
    return [f"{ufunc.__name__}({', '.join(words)}, {place})"]


def _sigmoid_into(writer: _Writer, step: Instruction, words: list[str], out: str) -> list[str] | None:
    if step.inputs[0].dtype != step.out.dtype or step.out.dtype == np.float16:
        return None
    writer.quiet = True
    writer.names |= {"multiply": np.multiply, "exp": np.exp, "add": np.add, "divide": np.true_divide}
    minus, one = (writer._named(np.array(k, step.out.dtype), k) for k in (-1.0, 1))
    steps = (f"multiply({minus}, {words[0]}", f"exp({out}", f"add({one}, {out}", f"divide({one}, {out}")
    return [f"{step}, {out})" for step in steps]


def _relu_into(writer: _Writer, step: Instruction, words: list[str], out: str) -> list[str] | None:
    writer.names["maximum"] = np.maximum
    return [f"maximum({words[0]}, 0, out={out})"]


def _same_floats_of(inputs: tuple[Any, ...]) -> bool:
    """Are they arrays of one shape, dtype and order of memory?"""
    a = inputs[0]
    return (
        isinstance(a, Value)
        and len(a.shape) > 0
        and a.dtype.kind == "f"
        and all(
            isinstance(x, Value) and (x.shape, x.dtype) == (a.shape, a.dtype) and x.sample.flags.c_contiguous
            for x in inputs
        )
    )


def _same_floats(step: Instruction) -> bool:
    return step.out.dtype.kind == "f" and all(
        isinstance(x, Value) and x.shape and x.dtype == step.out.dtype for x in step.inputs
    )


def _linear_into(writer: _Writer, step: Instruction, words: list[str], out: str) -> list[str] | None:
    if not _same_floats(step) or len(step.inputs[0].shape) != 2 or not step.out.sample.flags.c_contiguous:
        return None
    writer.names |= {"dot": np.dot, "add": np.add}
    x, w, b = words
    return [f"dot({x}, {w}.T, {out})", f"add({out}, {b}, {out})"]


def _matmul_into(writer: _Writer, step: Instruction, words: list[str], out: str) -> list[str] | None:
    if not _same_floats(step) or not step.out.sample.flags.c_contiguous:
        return None
    writer.names["matmul"] = np.matmul
    return [f"matmul({words[0]}, {words[1]}, {out})"]


def _sum_into(writer: _Writer, step: Instruction, words: list[str], out: str) -> list[str] | None:
    if step.inputs[0].dtype != step.out.dtype or step.out.dtype.kind != "f":
        return None
    writer.names["total"] = np.add.reduce
    return [f"total({words[0]}, {step.params['axis']}, None, {out}, {step.params['keepdims']})"]


_INTO: dict[str, Any] = {
    "sigmoid": _sigmoid_into,
    "relu": _relu_into,
    "linear": _linear_into,
    "matmul": _matmul_into,
    "sum": _sum_into,
}
