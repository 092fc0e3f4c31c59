"""Version: one recording of a function, and, once a second one agreed, what runs it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..errors import JitError
from ..tensor import Tensor, wrapped
from ..tree import leaves, rebuilt
from .arguments import as_drawn, barred, same_result, shell_of, stacked_as
from .binding import Binding
from .dice import undo_draws
from .numpy_executor import NumPyExecutor
from .plan import settled, simplified
from .program import Program
from .recorder import Recorder, depth_of_ours

__all__ = ["PATIENCE", "JitWarning", "Version", "warn"]

PATIENCE = 5  # calls in a row that may each do something else, before jit gives up


class JitWarning(UserWarning):
    """jit does something slower than it could, and says why."""


def warn(message: str) -> None:
    """A JitWarning of the line outside that called."""
    warnings.warn(message, JitWarning, stacklevel=1 + depth_of_ours())


class Version:
    """One recording, and, once a second one agreed, what runs it."""

    def __init__(self, program: Program, recorder: Recorder, result: Any, owner: Any) -> None:
        self.program, self.result, self.owner = program, result, owner
        self.watched = recorder.watched
        self.lines, self.keep = recorder.lines, list(recorder.values)
        self.trusted, self.patience = False, PATIENCE
        self.executor: Any = None

    # ---- from recorded to trusted --------------------------------------------------------------------

    def still_applies(self, new: Version) -> bool:
        """Were the settings of this recording those of the new one?"""
        mine, others = self.program.guards, new.program.guards
        return [answer for _, answer in mine] == [answer for _, answer in others]

    def trust(self, old: Version) -> None:
        """Both recordings agree, so the program is what the function does: make what runs it."""
        if not same_result(old.result, self.result):
            raise JitError(
                f"{self.program.name} returned something besides Tensors that differs between two runs: jit would "
                f"return this run's for ever.  Return Tensors"
            )
        program = settled(old.program, self.program, self.lines)
        owners = [place.owner for _, place in program.reads if place.key[0] == "data"]
        program.guards += [(partial(getattr, t, "_requires_grad"), t._requires_grad) for t in owners]  # frozen since?
        program.guards.append((partial(_hooks, owners), _hooks(owners)))
        # an array that had other numbers in the first recording is only read; else A.sum() may stand beside w * A
        before = {id(q.args[0]): answer for q, answer in old.watched}
        program.guards += [(q, answer) for q, answer in self.watched if before.get(id(q.args[0]), answer) == answer]
        expected = [v.sample for v in program.kept()]
        program = simplified(program)
        self.executor = self._made()
        if self.owner.check:
            arguments, draws = ([v.sample for v in vs] for vs in (program.arguments, [v for v, _ in program.draws]))
            reads = [v.sample.item() if v.number else v.sample for v, _ in program.reads]
            self._compare(arguments, reads, draws, expected)
        self.binding = Binding(program)
        self.shells = [shell_of(t) for t in leaves(self.result) if isinstance(t, Tensor)]
        self.stacks = [barred if t._requires_grad else wrapped for t in leaves(self.result) if isinstance(t, Tensor)]
        self.simple = isinstance(self.result, Tensor)
        place = wrapped(np.float64(0))  # where a Tensor goes; the one of the recording would keep its graph alive
        self.result = rebuilt(self.result, [place if isinstance(t, Tensor) else t for t in leaves(self.result)])
        changing = (
            *program.arguments,
            *(v for v, _ in (*program.reads, *program.draws)),
            *(s.out for s in program.code),
        )
        for v in set(changing) - set(program.constants):
            v.forget()
        self.keep = []
        self.trusted = True

    def _made(self) -> Any:
        """What runs the program."""
        if self.owner.executor == "c":
            from .c_compile import CompileError

            try:
                from .c_executor import CExecutor

                return CExecutor(self.program)
            except CompileError as error:
                warn(f"jit runs {self.program.name} with NumPy: {error}")
        return NumPyExecutor(self.program)

    def _compare(self, arguments: list[Any], reads: list[Any], draws: list[Any], expected: list[Any]) -> None:
        """The program's first run against what the function gave on the same numbers."""
        found = self.executor.run(arguments, reads, draws)
        exact = 0.0
        near = 0.0 if isinstance(self.executor, NumPyExecutor) else _tolerance(self.program)
        if near and not all(_close(a, b, near) for a, b in zip(found, expected, strict=True)):
            # is it noise, as dC/db before a batch norm?
            plain = NumPyExecutor(self.program)
            with np.errstate(all="ignore"):
                again = plain.run(arguments, reads, draws)
                if all(_close(x, e, exact) for x, e in zip(again, expected, strict=True)):
                    found = _without_noise(found, expected, plain, (arguments, reads, draws))
                else:  # an op of the function's own gives other numbers each time
                    found, near = again, exact
        names = [f"result {i}" for i in range(len(self.program.results))]
        names += [place.name for place, v in self.program.writes if v is not None]
        for name, a, b in zip(names, found, expected, strict=True):
            if not _close(a, b, near):
                raise JitError(
                    f"{self.program.name}: {name} is {_short(a)} from the program, and {_short(b)} from the function. "
                    f"Does it draw at random inside an op of its own?  Draw with fresh(lambda: …).  If not, it is a "
                    f"fault of jit: please report it, and go on without jit"
                )

    # ---- runs ----------------------------------------------------------------------------------------

    def applies(self) -> list[Any] | None:
        """What is read for the next run; None if a setting or a form is another one than when it was recorded."""
        return self.binding.look()

    def run(self, arrays: list[Any], reads: list[Any]) -> Any:
        """One run, with all that it writes."""
        values = self.executor.run(arrays, reads, [as_drawn(make(), v) for v, make in self.program.draws])
        n = len(self.program.results)
        self._write(values[n:], self.program.actions)
        return self._result(values[:n])

    def _write(self, values: list[Any], actions: list[Callable[[], Any]]) -> None:
        """All of the writes, then the actions: an interrupt among the writes comes when all is done."""
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                self.binding.store(values)
                break
            except KeyboardInterrupt as error:
                interrupt = error
        for action in actions:
            action()
        if interrupt is not None:
            raise interrupt

    def _result(self, values: list[Any]) -> Any:
        if self.simple:
            return self.shells[0](values[0])
        return self._filled([shell(value) for shell, value in zip(self.shells, values, strict=True)])

    def _filled(self, tensors: list[Tensor]) -> Any:
        """The result, with these in the places of its Tensors."""
        made = iter(tensors)
        return rebuilt(self.result, [next(made) if isinstance(t, Tensor) else t for t in leaves(self.result)])

    # ---- scan ----------------------------------------------------------------------------------------

    def chunk(self) -> int:
        """How many runs at a time: what is drawn for all of them has to be kept."""
        n = sum(v.nbytes for v, _ in self.program.draws)
        return max(1, 64_000_000 // n) if n else 1_000_000_000

    def scan(self, stacks: list[Any], n: int) -> Any:
        """n runs without Python in between."""
        reads = self.applies()
        assert reads is not None
        program = self.program
        stacks = [stacked_as(a, v) for a, v in zip(stacks, program.arguments, strict=True)]
        tables: dict[int, Any] = {}
        draws: list[list[Any]] = [[] for _ in program.draws]
        undo = _undo(program)
        try:
            results, values = self._scanned(stacks, n, reads, tables, draws)
        except BaseException:  # nothing was written: schedules and generators are where they were, too
            undo()
            raise
        self._write(values[len(program.results) :], [])  # the actions are done
        return self._filled([stack(value) for stack, value in zip(self.stacks, results, strict=True)])

    def _scanned(
        self, stacks: list[Any], n: int, reads: list[Any], tables: dict[int, Any], draws: list[list[Any]]
    ) -> Any:
        program = self.program
        if program.actions or program.draws:
            carried = {v for v, _ in program.carried()}
            changing = [i for i, (v, _) in enumerate(program.reads) if v.number and v not in carried]
            rows: list[list[Any]] = [[] for _ in changing]
            for _ in range(n):
                for row, i in zip(rows, changing, strict=True):
                    row.append(program.reads[i][1].get())
                for drawn, (v, make) in zip(draws, program.draws, strict=True):
                    drawn.append(as_drawn(make(), v))
                for action in program.actions:
                    action()
            if program.actions:
                tables = {i: np.array(row, program.reads[i][0].dtype) for row, i in zip(rows, changing, strict=True)}
        return self.executor.scan(n, stacks, reads, [np.stack(d) for d in draws], tables)


def _undo(program: Program) -> Callable[[], None]:
    """What puts generators, and what the actions change, back to where they are now."""
    undos = [undo_draws(make for _, make in program.draws), *(moment() for moment in program.moments)]

    def undo() -> None:
        for back in undos:
            back()

    return undo


def _hooks(tensors: list[Tensor]) -> list[Any]:
    """Which hooks would see their gradients."""
    return [tuple(notes["hooks"]) for t in tensors if (notes := t._notes) and "hooks" in notes]


def _without_noise(found: list[Any], expected: list[Any], plain: NumPyExecutor, given: Any) -> list[Any]:
    """What was found; where it is no further off than after a jitter of what was given, what was expected."""
    rng = np.random.default_rng(0)
    others = [plain.run(*([_jittered(a, rng) for a in values] for values in given)) for _ in range(4)]
    noise = [100 * max(_distance(other[k], e) for other in others) for k, e in enumerate(expected)]
    return [e if _distance(a, e) <= n else a for a, e, n in zip(found, expected, noise, strict=True)]


def _jittered(a: Any, rng: np.random.Generator) -> Any:
    """The same numbers, off by a few rounding errors; a zero may get the other sign."""
    if not isinstance(a, (np.ndarray, np.floating)) or a.dtype.kind != "f":
        return a
    u = rng.uniform(-1, 1, a.shape)
    moved = (a * (1 + 4 * np.finfo(a.dtype).eps * u)).astype(a.dtype)
    return np.where(a == 0, np.copysign(a, u).astype(a.dtype), moved)[()]


def _distance(a: Any, b: Any) -> float:
    """The largest difference of two entries; infinite where one of them is not finite, or no real number."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype or a.dtype.kind != "f":
        return math.inf
    distance = float(np.max(np.abs(a - b), initial=0.0))
    return distance if math.isfinite(distance) else math.inf


def _tolerance(program: Program) -> float:
    """Of a result, relative to its largest number: that of the coarsest numbers in the program."""
    values = [*program.arguments, *(v for v, _ in (*program.reads, *program.draws)), *(s.out for s in program.code)]
    return 2e-4 if any(v.dtype.kind == "f" and v.dtype.itemsize <= 4 for v in values) else 1e-10


def _close(a: Any, b: Any, tolerance: float) -> bool:
    """Are they equal to this tolerance, by the last bit if it is 0?"""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if not tolerance or a.dtype.kind != "f":
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    scale = float(np.max(np.abs(b), where=np.isfinite(b), initial=0.0))
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def _short(a: Any) -> str:
    return f"{a!r:.100}".replace("\n", "")
