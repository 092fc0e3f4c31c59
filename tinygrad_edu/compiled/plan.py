"""From what was recorded to what is done: two recordings become one program, and what is not needed is left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import JitError
from ..op import Op
from .program import Derived, Instruction, Place, Program, Value

__all__ = ["Different", "lifetimes", "settled", "simplified"]


class Different(Exception):
    """Two recordings of one function do different things; the message says what."""


# ---- two recordings, one program --------------------------------------------------------------------------


def settled(first: Program, second: Program, lines: dict[int, str]) -> Program:
    """The second program, if the first is the same but for the numbers that are read, drawn and passed.

    What both made for themselves is a constant.  Different: they do not do the same operations.
    JitError: they do, but with another constant, which comes from outside and would be frozen.
    """
    for name in ("arguments", "reads", "draws", "code", "results", "writes", "actions", "guards", "held"):
        if len(getattr(first, name)) != len(getattr(second, name)):
            raise Different(f"{len(getattr(first, name))} {name}, then {len(getattr(second, name))}")
    _same(all(a[2] is b[2] for a, b in zip(first.held, second.held, strict=True)), "other layers or settings")
    written = {place.key for place, _ in second.writes}
    reads: list[tuple[Value, Place]] = []
    for (v, place), (w, other) in zip(first.reads, second.reads, strict=True):
        _same(v.index == w.index and _alike(v, w), f"{place.name or 'a value'} is read in another form")
        if place.key == other.key:
            reads.append((w, other))
            continue
        _same(
            place.key[0] == other.key[0] in ("data", "array") and other.key not in written,
            f"{other.name} is another Tensor",
        )
        if not np.array_equal(v.sample, w.sample, equal_nan=w.dtype.kind == "f"):
            raise JitError(
                f"a Tensor that was made of numbers from outside had other numbers in the next run "
                f"({lines.get(w.index, 'somewhere')}): jit would use this run's for ever.  Pass it as an argument; "
                f"or, where it is drawn or looked up, write fresh(lambda: rng.random(3)) instead of "
                f"Tensor(rng.random(3))"
            )
        second.constants.append(w)
    for a, b in zip(first.code, second.code, strict=True):
        _same(a.op is b.op, f"{a.op.name} in one run, {b.op.name} in the next, at {b.line}")
        _same(a.out.index == b.out.index and _alike(a.out, b.out), f"{b.op.name} at {b.line} has another shape")
        _same_operands(a, b)
    _same([v.index for v in first.results] == [v.index for v in second.results], "other results")
    for (p, v1), (q, w1) in zip(first.writes, second.writes, strict=True):
        _same(p.key == q.key and (v1 and v1.index) == (w1 and w1.index), f"{q.name} gets another value")
    _same([answer for _, answer in first.guards] == [answer for _, answer in second.guards], "another setting")
    second.reads = reads
    return second


def _same_operands(a: Instruction, b: Instruction) -> None:
    _same(len(a.inputs) == len(b.inputs) and a.weak == b.weak, f"{b.op.name} at {b.line} has other inputs")
    for x, y in zip(a.inputs, b.inputs, strict=True):
        if isinstance(y, Value):
            _same(isinstance(x, Value) and x.index == y.index, f"{b.op.name} at {b.line} has other inputs")
        elif not _equal(x, y):
            raise JitError(
                f"{b.op.name} at {b.line} had the number {x!r} in one run and {y!r} in the next: jit would use it for "
                f"ever.  Pass it as an argument, or write fresh(lambda: …) where it is looked up"
            )
    _same(a.params.keys() == b.params.keys(), f"{b.op.name} at {b.line} has other settings")
    for key, p in a.params.items():
        if not _equal(p, b.params[key]):
            raise JitError(
                f"{b.op.name} at {b.line} had another {key} in the next run: jit would use it for ever.  An index that "
                f"changes is passed as an argument, an array of integers"
            )


def _equal(x: Any, y: Any) -> bool:
    """Are they the same setting?"""
    if isinstance(x, tuple) and isinstance(y, tuple):
        return len(x) == len(y) and all(map(_equal, x, y))
    if isinstance(x, Derived) and isinstance(y, Derived):
        return x.source.index == y.source.index
    if isinstance(x, np.ndarray) and isinstance(y, np.ndarray):
        return x.dtype == y.dtype and np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
    if type(x) is not type(y):
        return False
    return bool(x is y or x == y or x != x)


def _alike(v: Value, w: Value) -> bool:
    return v.shape == w.shape and v.dtype == w.dtype and v.strides == w.strides and v.number == w.number


def _same(condition: bool, what: str) -> None:
    if not condition:
        raise Different(what)


# ---- what need not be done --------------------------------------------------------------------------------


def simplified(program: Program) -> Program:
    """The program without what is known beforehand, done twice, or done for nothing."""
    constants = set(program.constants)
    instead: dict[Value, Value] = {}
    known: dict[Any, Value] = {}
    code: list[Instruction] = []
    for step in program.code:
        inputs = tuple(instead.get(x, x) if isinstance(x, Value) else x for x in step.inputs)
        params = {key: _renamed(p, instead) for key, p in step.params.items()}
        step = Instruction(step.op, inputs, params, step.out, step.weak, step.shares, step.line)
        step.shares = tuple(instead.get(v, v) for v in step.shares)
        if all(v in constants for v in step.needs()) and not step.out.number:
            constants.add(step.out)  # its value is that of the recording
            continue
        key = _identity(step.op, inputs, step.weak, params)
        if key is not None and key in known:
            instead[step.out] = known[key]
            continue
        if key is not None:
            known[key] = step.out
        code.append(step)

    program.results = [instead.get(v, v) for v in program.results]
    program.writes = [(place, v and instead.get(v, v)) for place, v in program.writes]
    needed = set(program.kept())
    program.code = []
    for step in reversed(code):
        if step.out in needed:
            needed.update(step.needs())
            program.code.append(step)
    program.code.reverse()
    written = {place.key for place, _ in program.writes}
    program.reads = [(v, place) for v, place in program.reads if v in needed or place.key in written]
    program.constants = sorted(constants & needed, key=lambda v: v.index)  # the same text each time: it is kept by it
    return program


def _renamed(p: Any, instead: dict[Value, Value]) -> Any:
    if isinstance(p, tuple):
        return tuple(_renamed(part, instead) for part in p)
    return Derived(instead.get(p.source, p.source), p.make) if isinstance(p, Derived) else p


def _identity(op: Op, inputs: tuple[Any, ...], weak: tuple[bool, ...], params: dict[str, Any]) -> Any:
    """Two instructions with the same one compute the same; None where that is not easy to say."""
    words = [x.index if isinstance(x, Value) else (type(x), repr(x)) for x in inputs]
    settings = []
    for key, p in params.items():
        if not _simple(p):
            return None
        settings.append((key, repr(p)))
    return op, tuple(words), weak, tuple(settings)


def _simple(p: Any) -> bool:
    if isinstance(p, tuple):
        return all(map(_simple, p))
    return p is None or p is Ellipsis or isinstance(p, (bool, int, float, str, slice, np.dtype))


# ---- how long a value is needed ---------------------------------------------------------------------------


def lifetimes(program: Program) -> dict[Value, int]:
    """For each Value: the last instruction that looks at its memory, through a view of it too."""
    last: dict[Value, int] = {}
    bases: dict[Value, tuple[Value, ...]] = {}

    def used(v: Value, when: int) -> None:
        last[v] = max(last.get(v, -1), when)
        for base in bases.get(v, ()):
            used(base, when)

    for i, step in enumerate(program.code):
        bases[step.out] = step.shares
        used(step.out, i)
        for v in step.needs():
            used(v, i)
    for v in program.kept():
        used(v, len(program.code))
    return last
