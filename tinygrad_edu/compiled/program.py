"""Program: a function as a flat list of operations, one a line, with shapes: what jit has written down.

v0  = argument 0                       float32 (10, 784)
v1  = w2                               float32 (30, 784)     read anew at every run
v3  = linear(v0, v1, v2)               float32 (10, 30)
…
w2 <- v29                                                    written when the run is over
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from ..op import Op

__all__ = ["Derived", "Instruction", "Place", "Program", "Value"]


@dataclass(eq=False, slots=True)
class Value:
    """One value of the program, known by its shape, dtype and layout; the numbers differ from run to run.

    sample  the value of the capture: what a constant always is; of the others only the layout is kept (`forget`)
    number  a setting such as lr: beside Tensors it is weak, like a Python number
    """

    index: int
    sample: Any  # an array, or a NumPy scalar for 0-d
    name: str = ""  # for people
    number: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sample.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.sample.dtype

    @property
    def strides(self) -> tuple[int, ...]:
        return self.sample.strides

    @property
    def nbytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    def forget(self) -> None:
        """Free the sample's memory; its layout stays."""
        self.sample = _Layout(self.shape, self.dtype, self.strides)

    def __repr__(self) -> str:
        return f"v{self.index}"


class _Layout(NamedTuple):
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    strides: tuple[int, ...]


@dataclass(eq=False, slots=True)
class Place:
    """Something outside that is read at the start of a run, or written at its end: a parameter, a gradient, a count.

    get() -> an array, a NumPy scalar or a Python number;  put(value) stores one, where no Tensor owns the place.
    Two Places with the same key are the same place.
    """

    key: Any
    name: str
    get: Callable[[], Any]
    put: Callable[[Any], None] | None = None
    owner: Any = None  # the Tensor whose values, or gradient, it is


@dataclass(eq=False, slots=True)
class Derived:
    """A setting of an op that is computed from a value of the program: the index array in x[labels].

    make(value) -> the setting
    """

    source: Value
    make: Callable[[Any], Any]


@dataclass(eq=False, slots=True)
class Instruction:
    """out = op(*inputs, **params).  inputs: Values, and Python numbers.

    weak    for each input: is it taken as a Python number, which adapts to the precision of the others?
    shares  may the memory of `out` be that of an input, of which it is a view?
    line    where the function under jit asked for it, "file.py:12"
    """

    op: Op
    inputs: tuple[Any, ...]
    params: dict[str, Any]  # their values may be, or in a tuple contain, a Derived
    out: Value
    weak: tuple[bool, ...]
    shares: tuple[Value, ...] = ()
    line: str = ""

    def needs(self) -> Iterator[Value]:
        """The Values that it reads, those in its settings too."""
        for x in self.inputs:
            if isinstance(x, Value):
                yield x
        for p in self.params.values():
            for part in p if isinstance(p, tuple) else (p,):
                if isinstance(part, Derived):
                    yield part.source


@dataclass(eq=False, repr=False)
class Program:
    """What a function did once, ready to be done again with other numbers.

    arguments  Values, in the order of the arrays among the function's arguments
    reads      what is read from outside at the start of each run
    draws      Values that make() gives anew at each run, in this order: random draws
    constants  Values that never change
    code       the instructions, in order
    results    Values (or None, for what is no Tensor), in the order of the Tensors among the function's results
    writes     what is written outside at the end of each run; None: it is set to None (a gradient that is forgotten)
    actions    functions that are called after each run, as the step of a schedule
    moments    for each action: moment() gives a function that puts back what the action changes to what it is now
    guards     (question, answer): the program holds as long as question() == answer,
    held       (container, key, object): and as long as container[key] is that object; key None: the container's length
    """

    arguments: list[Value] = field(default_factory=list)
    reads: list[tuple[Value, Place]] = field(default_factory=list)
    draws: list[tuple[Value, Callable[[], Any]]] = field(default_factory=list)
    constants: list[Value] = field(default_factory=list)
    code: list[Instruction] = field(default_factory=list)
    results: list[Value] = field(default_factory=list)
    writes: list[tuple[Place, Value | None]] = field(default_factory=list)
    actions: list[Callable[[], Any]] = field(default_factory=list)
    moments: list[Callable[[], Callable[[], Any]]] = field(default_factory=list)
    guards: list[tuple[Callable[[], Any], Any]] = field(default_factory=list)
    held: list[tuple[Any, Any, Any]] = field(default_factory=list)
    name: str = "f"

    def kept(self) -> list[Value]:
        """The Values that outlive a run."""
        return [*self.results, *(v for _, v in self.writes if v is not None)]

    def carried(self) -> list[tuple[Value, Value]]:
        """(read, written) for each Place that is both: what one run hands on to the next."""
        written = {place.key: v for place, v in self.writes if v is not None}
        return [(v, written[place.key]) for v, place in self.reads if place.key in written]

    def __repr__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"program {self.name}: {len(self.code)} operation{'s' * (len(self.code) != 1)}"
        for i, v in enumerate(self.arguments):
            yield _line(repr(v), v.name or f"argument {i}", v)
        for v, place in self.reads:
            yield _line(repr(v), place.name, v, "read at every run")
        for v, _ in self.draws:
            yield _line(repr(v), v.name or "drawn", v, "drawn at every run")
        for v in self.constants:
            yield _line(repr(v), str(v.sample) if not v.shape else "constant", v)
        for step in self.code:
            yield _line(repr(step.out), _call(step), step.out, step.out.name)
        for place, value in self.writes:
            yield f"{place.name} <- {value!r}"
        yield "return " + ", ".join(map(repr, self.results))


def _line(left: str, right: str, v: Value, remark: str = "") -> str:
    shape = "×".join(map(str, v.shape)) or "1"
    return f"  {left:>5} = {right:<44} {v.dtype!s:<8} {shape:<12} {remark}".rstrip()


def _call(step: Instruction) -> str:
    words = [repr(x) for x in step.inputs]
    words += [f"{key}={_setting(p)}" for key, p in step.params.items()]
    return f"{step.op.name}({', '.join(words)})"


def _setting(p: Any) -> str:
    if isinstance(p, tuple):
        return "(" + ", ".join(map(_setting, p)) + ("," if len(p) == 1 else "") + ")"
    if isinstance(p, Derived):
        return repr(p.source)
    if isinstance(p, np.ndarray):
        return f"array{p.shape}"
    if isinstance(p, slice):
        words = ["" if k is None else str(k) for k in (p.start, p.stop)] + ([str(p.step)] if p.step is not None else [])
        return ":".join(words)
    return str(p)
