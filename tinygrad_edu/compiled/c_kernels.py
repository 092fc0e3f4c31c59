"""Kernels: which steps are done together in one loop, in which order, and where their results are stored.

A value that only the loop which made it looks at is a local variable there: it never touches memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .c_lower import Lowered, Step
from .c_memory import Cell, Home

__all__ = ["Kernel", "kernels", "planned"]

Shape = tuple[int, ...]
_ROOM = {0: 400}  # steps in one kernel: of single numbers many
_LOOPS = ("entries", "product", "conv")  # kernels that further steps of the same shape can join


@dataclass(eq=False, slots=True)
class Kernel:
    """Steps that are done together.

    kind   that of its first step: "entries" (also of reductions), "product", "moves", "host", …
    space  the shape of the loop
    """

    kind: str
    space: Shape
    number: int
    steps: list[Step] = field(default_factory=list)

    def is_local(self, x: Cell) -> bool:
        """Is x made in this kernel, entry by entry, and looked at in the same order?"""
        return x.home.made == self.number and x.home.joins and x.shape == self.space and x.is_whole()


def kernels(it: Lowered) -> list[Kernel]:
    """The steps in kernels.  A step joins the first one that runs over its shape when its inputs are there."""
    found = [Kernel("entries", (), 0)]
    open_for: dict[Shape, list[Kernel]] = {(): [found[0]]}
    for step in it.steps:
        kernel = _home_of(step, found, open_for)
        kernel.steps.append(step)
        step.out.home.made = kernel.number
        step.out.home.joins = step.kind in _LOOPS
    return found


def _home_of(step: Step, found: list[Kernel], open_for: dict[Shape, list[Kernel]]) -> Kernel:
    """The kernel that the step goes to."""
    joins = step.kind in ("entries", "reduce")
    space = step.inputs[0].shape if step.kind == "reduce" else step.out.shape
    if joins:
        earliest = 0
        for x in step.cells():
            together = x.home.joins and x.shape == space and x.is_whole()
            earliest = max(earliest, x.home.made + (0 if together else 1))
        room = _ROOM.get(len(space), 60)
        waiting = open_for.get(space, [])
        while waiting and len(waiting[0].steps) >= room:
            waiting.pop(0)  # full
        for kernel in waiting:
            fits = kernel.kind == "entries" or step.kind == "entries"
            if kernel.number >= earliest and fits and len(kernel.steps) < room:
                return kernel
    kernel = Kernel("entries" if joins else step.kind, space, len(found))
    found.append(kernel)
    if kernel.kind in _LOOPS:
        open_for.setdefault(space, []).append(kernel)
    return kernel


# ---- memory ------------------------------------------------------------------------------------------------------


def planned(it: Lowered, found: list[Kernel], reserved: int) -> int:
    """Gives every value that is stored its place in the scratch memory; returns how many bytes that is."""
    last: dict[Home, int] = {}
    for kernel in found:
        for step in kernel.steps:
            if kernel.kind not in _LOOPS or step.kind == "reduce":
                last.setdefault(step.out.home, kernel.number)
            for x in step.cells():
                if step.kind not in ("entries", "reduce") or not kernel.is_local(x):
                    last[x.home] = max(last.get(x.home, -1), kernel.number)
    carried = _carried_slots(it)
    for kernel in found:
        home = kernel.steps[0].out.home if kernel.kind == "product" else None
        if home is not None and home.slot is not None:
            home.last_only = home not in last and home.slot not in carried
    pool = _Pool(reserved)
    ending: dict[int, list[Home]] = {}
    for kernel in found:
        for step in kernel.steps:
            home = step.out.home
            if home in last and home.slot is None:
                pool.take(home)
                ending.setdefault(last[home], []).append(home)
        for home in ending.pop(kernel.number, ()):
            pool.give_back(home)
    return pool.size


def _carried_slots(it: Lowered) -> set[int]:
    """The slots of results that are stacked, and of what the next run reads."""
    kept, program = it.program.kept(), it.program
    first = len(it.inputs) + len(it.constants)
    carried = {v for _, v in program.carried()}
    return {first + k for k, v in enumerate(kept) if k < len(program.results) or v in carried}


class _Pool:
    """Scratch memory; what is not needed any more is used again."""

    def __init__(self, reserved: int) -> None:
        self.size = reserved
        self.free: list[tuple[int, int]] = []  # (bytes, offset)

    def take(self, home: Home) -> None:
        n = _padded(home.nbytes)
        fitting = [block for block in self.free if block[0] >= n] if n >= 64 else []
        if fitting:
            block = min(fitting)
            self.free.remove(block)
            home.offset = block[1]
            if block[0] > n:
                self.free.append((block[0] - n, block[1] + n))
            return
        if n >= 64:
            self.size = (self.size + 63) // 64 * 64
        home.offset = self.size
        self.size += n

    def give_back(self, home: Home) -> None:
        n = _padded(home.nbytes)
        if n < 64 or home.offset is None:
            return
        start, stop = home.offset, home.offset + n
        for block in list(self.free):  # neighbours become one
            if block[1] + block[0] == start:
                start = block[1]
                self.free.remove(block)
            elif block[1] == stop:
                stop = block[1] + block[0]
                self.free.remove(block)
        self.free.append((stop - start, start))


def _padded(nbytes: int) -> int:
    """Large values begin where a cache line does."""
    return (nbytes + 63) // 64 * 64 if nbytes >= 64 else (max(nbytes, 1) + 7) // 8 * 8
