"""Loops: a kernel of entry-by-entry steps and reductions, as the text of a C function."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .c_expressions import expression
from .c_kernels import Kernel
from .c_lower import Step
from .c_memory import Cell, Home, contiguous
from .c_types import literal, name

__all__ = ["Body", "Text", "loops", "moved", "sum_of"]

Shape = tuple[int, ...]
# Ops that look at an input once, and without a condition.
_ONCE = {
    "add",
    "subtract",
    "multiply",
    "divide",
    "copy",
    "negative",
    "exp",
    "sigmoid",
    "tanh",
    "sum",
    "astype",
}
_INDICES = "ijklmnabcdefgh"


@dataclass(eq=False)
class Text:
    """The body of a C function, and the homes that it reads and writes."""

    lines: list[str] = field(default_factory=list)
    reads: dict[Home, None] = field(default_factory=dict)
    writes: dict[Home, None] = field(default_factory=dict)
    fails: bool = False  # may it return an error?
    before: list[str] = field(default_factory=list)  # functions that it calls

    def add(self, depth: int, line: str) -> None:
        self.lines.append("  " * depth + line)


def sum_of(words: list[str]) -> str:
    """a + b, without zeros"""
    return " + ".join(w for w in words if w and w != "0") or "0"


def index(strides: Any, variables: list[str], offset: int = 0) -> str:
    """30*i + j + 2"""
    words = [v if s == 1 else f"{s}*{v}" for s, v in zip(strides, variables, strict=True) if s]
    return sum_of([*words, str(offset)])


def merged(space: Shape, accesses: list[Shape]) -> tuple[list[int], list[list[int]], list[int]]:
    """The loop with as few axes as possible: lengths, strides per access, and for each axis the last of the old ones.

    Axes of length 1 are dropped; two become one where every access walks through them in one go.
    """
    axes = [k for k, n in enumerate(space) if n != 1]
    lengths: list[int] = []
    ends: list[int] = []
    for k in axes:
        if ends and all(a[ends[-1]] == a[k] * space[k] for a in accesses):
            lengths[-1] *= space[k]
            ends[-1] = k
        else:
            lengths.append(space[k])
            ends.append(k)
    return lengths, [[a[k] for k in ends] for a in accesses], ends


class Body:
    """The statements for one entry: every step of a kernel as a local variable."""

    def __init__(self, kernel: Kernel, text: Text, strides: dict[Any, list[int]], variables: list[str]) -> None:
        self.kernel, self.text, self.strides, self.variables = kernel, text, strides, variables
        self.loaded: dict[Cell, str] = {}  # what is read from memory more than once is a local variable, too

    def word(self, x: Any, dtype: np.dtype[Any] | None) -> str:
        """An input as C, cast to a dtype."""
        if not isinstance(x, Cell):
            return literal(x, dtype if dtype is not None else np.asarray(x).dtype)
        if self.kernel.is_local(x):
            text = f"{x.home.name}_i"
        else:
            self.text.reads[x.home] = None
            text = self.loaded.get(x) or self._entry(x)
        if dtype is None or dtype == x.dtype:
            return text
        if x.dtype.kind == "b":
            return f"({text} ? {literal(1, dtype)} : {literal(0, dtype)})"
        return f"({text} != 0)" if dtype.kind == "b" else f"({name(dtype)}){text}"

    def _entry(self, x: Cell) -> str:
        return f"{x.home.name}[{index(self.strides[x], self.variables, x.offset)}]"

    def loads(self) -> list[str]:
        """const float v3_at0 = v3[i];  for what is looked at more than once; for everything, where there are conditions

        gcc 12 at -O3 gets "c ? v[i] * w[i] : 0" wrong in short loops, unless both are read before the first condition,
        be it of another step: it moves what is used later into the branches (tests hold it).
        """
        most = 1 if all(step.op in _ONCE for step in self.kernel.steps) else 0
        count: dict[str, int] = {}
        cells: dict[str, list[Cell]] = {}
        for step in self.kernel.steps:
            for x in step.inputs:
                if isinstance(x, Cell) and x in self.strides and not self.kernel.is_local(x):
                    entry = self._entry(x)
                    count[entry] = count.get(entry, 0) + (1 if step.op in _ONCE else 2)
                    cells.setdefault(entry, []).append(x)
        lines: list[str] = []
        for entry, found in cells.items():
            if count[entry] > most:
                home = found[0].home
                self.text.reads[home] = None
                local = f"{home.name}_at{len(lines)}"
                lines.append(f"const {name(home.dtype)} {local} = {entry};")
                self.loaded.update((x, local) for x in found)
        return lines

    def statement(self, step: Step) -> str:
        """const float v4_i = v3_i + v2[j];"""
        words = [self.word(x, step.cast) for x in step.inputs]
        if step.op == "where":
            words[0] = self.word(step.inputs[0], None)
        written = expression(step.op, words, step.cast, step.params)
        assert written is not None, step.op
        kind = "bool" if step.out.dtype.kind == "b" else name(step.out.dtype)
        return f"const {kind} {step.out.home.name}_i = {written};"

    def stored(self, step: Step) -> str | None:
        """v4[i] = v4_i;"""
        home = step.out.home
        if home.slot is None and home.offset is None:
            return None
        self.text.writes[home] = None
        place = index(self.strides[step.out], self.variables)
        return f"{home.name}[{place}] = {home.name}_i;"


def loops(kernel: Kernel) -> Text:
    """A kernel of entries and reductions."""
    text = Text()
    space = kernel.space
    entries = [s for s in kernel.steps if s.kind == "entries"]
    reductions = [s for s in kernel.steps if s.kind == "reduce"]
    cells = list({x: None for s in kernel.steps for x in s.cells() if not kernel.is_local(x)})
    stores = [s.out for s in entries if s.out.home.slot is not None or s.out.home.offset is not None]
    along = [x.along(space) for x in cells]
    along += [contiguous(space)] * bool(stores) + [_kept_strides(s) for s in reductions]
    lengths, strides, _ = merged(space, along)
    variables = list(_INDICES[: len(lengths)])
    places = dict(zip(cells, strides, strict=False))
    places.update((x, strides[len(cells)]) for x in stores)
    body = Body(kernel, text, places, variables)
    sums = [_Reduction(s, own) for s, own in zip(reductions, strides[len(strides) - len(reductions) :], strict=True)]
    for r in sums:
        text.writes[r.home] = None
        if r.in_memory:
            text.add(1, f"for (int i = 0; i < {r.home.size}; i++) {r.home.name}[i] = {r.start};")
    _nest(text, body, 0, lengths, variables, entries, sums)
    return text


def _nest(
    text: Text, body: Body, depth: int, lengths: list[int], variables: list[str], entries: list[Step], sums: list[Any]
) -> None:
    """The loops from axis `depth` on."""
    ending = [r for r in sums if r.axis == depth - 1 and depth < len(lengths)]
    for r in ending:  # begin here, and are complete after the loops inside
        text.add(depth + 1, f"{r.kind(lengths[depth:])} {r.home.name}_all = {r.start};")
    if depth < len(lengths):
        i = variables[depth]
        if depth == len(lengths) - 1:
            adding = [f"{r.home.name}_all" for r in sums if r.axis < depth and r.op == "sum"]
            others = [r for r in sums if r.axis < depth and r.op != "sum"]
            if adding and not others:
                text.add(depth + 1, f"#pragma omp simd reduction(+ : {', '.join(adding)})")
        text.add(depth + 1, f"for (int {i} = 0; {i} < {lengths[depth]}; {i}++) {{")
        _nest(text, body, depth + 1, lengths, variables, entries, sums)
        text.add(depth + 1, "}")
    else:
        for line in body.loads():
            text.add(depth + 1, line)
        for step in entries:
            text.add(depth + 1, body.statement(step))
            stored = body.stored(step)
            if stored:
                text.add(depth + 1, stored)
        for r in sums:
            word = body.word(r.cell, r.dtype)
            inside = r.axis < depth - 1
            place = f"{r.home.name}_all" if inside else f"{r.home.name}[{index(r.strides, variables)}]"
            plain = not inside and not r.in_memory
            text.add(depth + 1, f"{place} = {word if plain else r.combined(place, word)};")
    for r in ending:
        place = f"{r.home.name}[{index(r.strides[:depth], variables[:depth])}]"
        word = f"{r.home.name}_all"
        text.add(depth + 1, f"{place} = {r.combined(place, word) if r.in_memory else word};")


def _kept_strides(step: Step) -> Shape:
    """Where the loop's entry goes in the result of a reduction: 0 along the axes that are summed."""
    axis = step.params["axis"]
    shape = step.inputs[0].shape
    own = contiguous(tuple(1 if k in axis else n for k, n in enumerate(shape)))
    return tuple(0 if k in axis or shape[k] == 1 else s for k, s in enumerate(own))


class _Reduction:
    """A sum, product or extremum over the axes of a loop.

    axis       the last axis of the loop along which the result still changes: -1 if it is one number
    in_memory  is the result gathered in memory?  If axes before that one are summed, too
    """

    def __init__(self, step: Step, strides: list[int]) -> None:
        self.step, self.strides, self.op = step, strides, step.op
        self.cell, self.home, self.dtype = step.inputs[0], step.out.home, step.out.dtype
        self.axis = max((k for k, s in enumerate(strides) if s), default=-1)
        self.in_memory = not all(strides[: self.axis + 1])
        self.start = self._start()

    def _start(self) -> str:
        if self.op in ("sum", "prod"):
            return literal(0 if self.op == "sum" else 1, self.dtype)
        sign = -1 if self.op == "max" else 1
        if self.dtype.kind == "f":
            return literal(sign * np.inf, self.dtype)
        limits = np.iinfo(self.dtype)
        return literal(limits.min if sign < 0 else limits.max, self.dtype)

    def kind(self, lengths: list[int]) -> str:
        """The C type to add up in: many numbers in double."""
        many = self.op == "sum" and self.dtype == np.float32 and int(np.prod(lengths)) > 4096
        return "double" if many else name(self.dtype)

    def combined(self, a: str, b: str) -> str:
        if self.op in ("sum", "prod"):
            written = expression("add" if self.op == "sum" else "multiply", [a, b], self.dtype, {})
            assert written is not None
            return written
        sign = ">" if self.op == "max" else "<"
        nan = f"{b} != {b} ? {b} : " if self.dtype.kind == "f" else ""
        return f"{nan}{b} {sign} {a} ? {b} : {a}"


# ---- entries that move -----------------------------------------------------------------------------------------------


def moved(step: Step) -> Text:
    """Parts of the result, one after the other."""
    from .c_memory import picked

    text = Text()
    out = step.out
    text.writes[out.home] = None
    for key, source in zip(step.params["keys"], step.inputs, strict=True):
        target = picked(out, key)
        assert target is not None
        own = [target.strides]
        if isinstance(source, Cell):
            text.reads[source.home] = None
            own.append(_broadcast_in(source, target.shape))
        lengths, strides, _ = merged(target.shape, own)
        variables = list(_INDICES[: len(lengths)])
        for depth, (i, n) in enumerate(zip(variables, lengths, strict=True)):
            text.add(depth + 1, f"for (int {i} = 0; {i} < {n}; {i}++)")
        place = f"{out.home.name}[{index(strides[0], variables, target.offset)}]"
        if isinstance(source, Cell):
            word = f"{source.home.name}[{index(strides[1], variables, source.offset)}]"
        else:
            word = literal(source, out.dtype)
        text.add(len(lengths) + 1, f"{place} = {word};")
    return text


def _broadcast_in(x: Cell, shape: Shape) -> Shape:
    """Its strides when it is written to a place of this shape: leading axes of length 1 may be missing there."""
    while x.ndim > len(shape):
        x = Cell(x.home, x.shape[1:], x.strides[1:], x.offset)
    return x.along(shape)
