"""jit: a function that is recorded once, and then run from its recording.

    @jit
    def train_step(x, y):
        cost = quadratic(net(x), y)
        optimizer.zero_grad(); cost.backward(); optimizer.step()
        return cost

The first two calls run as usual, and are recorded; from the third on the program is run.  Why two: what differs
between them is what comes from outside, so a random draw or a counter that would be frozen is found.  Before it is
trusted, the program is run on the numbers of the second call, and must give what that call gave.
"""

from __future__ import annotations

import math
import sys
import threading
import types
import warnings
from collections.abc import Callable
from functools import lru_cache, partial, update_wrapper
from html import escape
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any

import numpy as np

from ..capture import capturing
from ..errors import DtypeError, GradientError, JitError, ShapeError
from ..graph import Watcher, differentiating, is_grad_enabled, recording
from ..op import Op
from ..tensor import Tensor, wrapped
from ..tree import leaves, rebuilt
from .binding import Binding
from .lookup import Dice, looked_up
from .numpy_executor import NumPyExecutor
from .plan import Different, settled, simplified
from .program import Program, Value
from .recorder import Recorder

__all__ = ["JitWarning", "jit"]

EXECUTORS = ("c", "numpy")
_MOST = 64  # recordings of one form of arguments, and forms, that are kept
_WAITING = 8  # of those that wait for their second run
_PATIENCE = 5  # calls in a row that may each do something else, before jit gives up


class JitWarning(UserWarning):
    """jit does something slower than it could, and says why."""


def jit(function: Any = None, *, executor: str = "c", check: bool = True) -> Any:
    """The function, recorded at its first calls and run from the recording afterwards; also as a decorator.

    executor  "c": the program becomes C, compiled with this machine's compiler, equal to rounding; without a
              compiler, NumPy, and a JitWarning that says so.  "numpy": NumPy calls, equal to the last bit
    check     compare the program's first run with the function's own; JitError if they differ

    Arguments: arrays, Tensors and floats are data, other at each call; everything else is part of the program, and
    with another one (another int, flag, shape or dtype) the function is recorded anew.  Arrays arrive as Tensors.
    Tensors from outside, as parameters, are read at each run; what is assigned to them is written at its end.

    JitError if the function reads values (`if t > 0`, float(t), t.data), or if something in it would be frozen.
    What Python does besides, as print, happens while recording only.  Results have no graph behind them.

    >>> double = jit(lambda x: 2 * x, executor="numpy")
    >>> [double(x).item() for x in (1.0, 2.0, 3.0, 4.0)]
    [2.0, 4.0, 6.0, 8.0]
    """
    if executor not in EXECUTORS:
        raise ValueError(f"executor is one of {', '.join(EXECUTORS)}: got {executor!r:.60}")
    if function is None:
        return lambda f: Jit(f, executor, check)
    return Jit(function, executor, check)


class Jit:
    """A function under jit.

    train_step(x, y)          as the function
    train_step.scan(xs, ys)   once for every entry along the first axis; the results, stacked
    train_step.program        what was recorded, one operation a line
    train_step.source         what it became: C, or Python
    draw(train_step)          the program as a picture: forward, backward, update
    train_step.latest         the recording that was run last, or None
    train_step.on_record      a function that is called before the function is recorded, or None
    """

    def __init__(self, function: Callable[..., Any], executor: str, check: bool) -> None:
        if not callable(function):
            raise DtypeError(f"jit takes a function, not {function!r:.60}")
        if any(kind(function) for kind in (iscoroutinefunction, isgeneratorfunction, isasyncgenfunction)):
            raise DtypeError("jit takes a function that returns its results: not one with `async` or `yield`")
        self.function, self.executor, self.check = function, executor, check
        self._versions: dict[Any, list[_Version]] = {}
        self._lock = threading.RLock()
        self.latest: _Version | None = None
        self._waiting: list[_Version] = []  # recorded once; they hold every number of their run
        self._recorded = 0  # new programs since the last replay
        self.on_record: Callable[[], Any] | None = None
        self.name: str | None = None  # as a method
        update_wrapper(self, function, updated=())

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: every instance has a recording of its own, which goes when the instance goes."""
        if instance is None:
            return self
        bound = Jit(types.MethodType(self.function, instance), self.executor, self.check)
        bound.on_record = self.on_record
        if (
            hasattr(instance, "__dict__") and self.name and getattr(type(instance), self.name, None) is self
        ):  # no super()
            vars(instance)[self.name] = bound  # found first from now on
        return bound

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        name = getattr(self.function, "__qualname__", "")
        if getattr(sys.modules.get(getattr(self.function, "__module__", "")), name, None) is self:
            return name  # a decorated function is found where it was defined
        return Jit, (self.function, self.executor, self.check)  # a copy records for itself

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if isinstance(recording.get(), Watcher):
            return self.function(*args, **kwargs)  # somebody looks at every op: detect_anomaly()
        if capturing() is not None:
            return self.function(*args, **kwargs)  # part of the function that is being recorded
        if differentiating.get():
            return self.function(*args, **kwargs)  # inside grad(f), which needs the graph
        with self._lock:
            form, arrays = _form(args, kwargs)
            versions = self._versions.get(form)
            if versions is not None:
                for version in versions:
                    if version.trusted and (reads := version.applies()) is not None:
                        self.latest, self._recorded = version, 0
                        return version.run(arrays, reads)
            return self._record(form, args, kwargs)

    def scan(self, *args: Any) -> Any:
        """f for every entry along the first axis of the arguments, one after the other: the results, stacked.

        Like calling f in a loop, without coming back to Python in between: train_step.scan(xs, ys) is an epoch, for
        xs (steps, S, n_in) and ys (steps, S, n_out).
        """
        if capturing() is not None:
            raise JitError("scan inside a function under jit: write a loop there, or scan outside")
        if differentiating.get() or any(isinstance(a, Tensor) and a.requires_grad for a in args):
            raise JitError("scan keeps no graph, so there is no derivative through it: take it inside of the function")
        stacks = [_stack(i, a) for i, a in enumerate(args)]
        lengths = {len(a) for a in stacks}
        if len(lengths) != 1 or 0 in lengths:
            found = [len(a) for a in stacks]
            raise ShapeError(f"scan needs arguments of one length along their first axis, 1 or more: got {found}")
        (n,) = lengths
        parts: list[Any] = []
        with self._lock:
            k = 0
            ran: _Version | None = None
            watched = isinstance(recording.get(), Watcher)
            while k < n:
                rows = [a[k] for a in stacks]
                form, _ = _form(tuple(rows), {})
                version = next((v for v in self._versions.get(form, ()) if v.trusted and v.applies() is not None), None)
                if (
                    watched or version is None or version is not ran
                ):  # does it apply after its own run?  (No: grad was None.)
                    parts.append((k, k + 1, self(*rows)))
                    ran, k = version, k + 1
                    continue
                self.latest = version
                m = min(n - k, version.chunk())
                parts.append((k, k + m, version.scan([a[k : k + m] for a in stacks], m)))
                k += m
        return _joined(parts)

    @property
    def program(self) -> Program:
        """What was recorded at the latest call."""
        return self._known().program

    @property
    def source(self) -> str:
        """The C, or the Python, that the latest program became."""
        return str(self._ready().executor.source)

    @property
    def executor_name(self) -> str:
        """What runs the latest program: "c" or "numpy"."""
        return "numpy" if isinstance(self._ready().executor, NumPyExecutor) else "c"

    def __repr__(self) -> str:
        return f"<jit of {getattr(self.function, '__name__', type(self.function).__name__)}: {self._state()}>"

    def _state(self) -> str:
        if self.latest is None:
            return "not recorded yet"
        if not self.latest.trusted:
            return "recorded once, and once more before it is run"
        n = len(self.program.code)
        return f"{n} operation{'s' * (n != 1)}, {'C' if self.executor_name == 'c' else 'NumPy'}"

    def _repr_html_(self) -> str:
        """In a notebook: the line, the program, and what it became."""
        parts = [f"<code>{escape(repr(self))}</code>"]
        if (latest := self.latest) is not None:
            parts.append(f"<details><summary>program</summary><pre>{escape(str(latest.program))}</pre></details>")
            if latest.trusted:
                language = "C" if self.executor_name == "c" else "Python"
                parts.append(f"<details><summary>{language}</summary><pre>{escape(self.source)}</pre></details>")
        return "\n".join(parts)

    def _thin(self, new: _Version) -> None:
        """Forget the oldest recordings: a counter among the arguments or settings must not fill the memory."""
        self._waiting = [v for v in (*self._waiting, new) if not v.trusted][-_WAITING:]
        alive = {id(v) for v in self._waiting}
        for form, versions in list(self._versions.items()):
            versions[:] = [v for v in versions if v.trusted or id(v) in alive][-_MOST:]
            if not versions:
                del self._versions[form]
        if len(self._versions) > _MOST:
            del self._versions[next(iter(self._versions))]

    def _known(self) -> _Version:
        if self.latest is None:
            raise JitError("nothing was recorded yet: call the function first, twice with arguments of the same shapes")
        return self.latest

    def _ready(self) -> _Version:
        if not self._known().trusted:
            raise JitError("recorded once, and nothing was made of it yet: call the function once more")
        return self._known()

    # ---- recording -----------------------------------------------------------------------------------

    def _record(self, form: Any, args: Any, kwargs: Any) -> Any:
        """Run the function as usual, and write down what it does."""
        if self.on_record is not None:
            self.on_record()
        name = getattr(self.function, "__name__", type(self.function).__name__)
        given = leaves((args, kwargs))
        with Recorder(name) as recorder:
            inputs = []
            for x in given:
                if _is_data(x):
                    x = Tensor(np.array(getattr(x, "_data", x)), name=getattr(x, "name", None))
                    recorder.argument(x)
                inputs.append(x)
            own_leaves = [x for x in inputs if not isinstance(x, Tensor)]
            own_args, own_kwargs = rebuilt((args, kwargs), inputs)
            questions = looked_up(self.function, own_leaves)
            for question, answer in questions:
                recorder.guard(question, answer)
            dice = Dice(answer for _, answer in questions)
            result = self.function(*own_args, **own_kwargs)
            dice.check(recorder.program.draws)
            tensors = [t for t in leaves(result) if isinstance(t, Tensor)]
            program = recorder.finish(tensors)
        new = _Version(program, recorder, result, self)
        versions = self._versions.setdefault(form, [])
        for old in versions:
            if not old.trusted and old.still_applies(new):
                versions.remove(old)
                self._waiting.remove(old)
                new.patience = old.patience
                try:
                    new.trust(old)
                except Different as difference:
                    new.patience -= 1
                    if new.patience == 0:
                        raise JitError(f"{name} does something else at every call: {difference}") from None
                break
        versions.append(new)
        self._thin(new)
        self._recorded += new.patience == _PATIENCE and not new.trusted
        if self._recorded == _WAITING + 1:
            warnings.warn(
                f"jit records {name} again and again, because numbers or objects that it looks up, or arguments that "
                f"are no arrays, keep changing: pass them as arrays", JitWarning, stacklevel=3,
            )  # fmt: skip
        self.latest = new if new.trusted or self.latest is None else self.latest
        return _handed_out(result)


class _Version:
    """One recording, and, once a second one agreed, what runs it."""

    def __init__(self, program: Program, recorder: Recorder, result: Any, owner: Jit) -> None:
        self.program, self.result, self.owner = program, result, owner
        self.lines, self.keep = recorder.lines, list(recorder.values)
        self.trusted, self.patience = False, _PATIENCE
        self.executor: Any = None

    # ---- from recorded to trusted --------------------------------------------------------------------

    def still_applies(self, new: _Version) -> bool:
        """Were the settings of this recording those of the new one?"""
        mine, others = self.program.guards, new.program.guards
        return [answer for _, answer in mine] == [answer for _, answer in others]

    def trust(self, old: _Version) -> None:
        """Both recordings agree, so the program is what the function does: make what runs it."""
        if not _same_result(old.result, self.result):
            raise JitError(
                f"{self.program.name} returned something besides Tensors that differs between two runs: jit would "
                f"return this run's for ever.  Return Tensors"
            )
        program = settled(old.program, self.program, self.lines)
        owners = [place.owner for _, place in program.reads if place.key[0] == "data"]
        program.guards += [(partial(getattr, t, "_requires_grad"), t._requires_grad) for t in owners]  # frozen since?
        program.guards.append((partial(_hooks, owners), _hooks(owners)))
        expected = [v.sample for v in program.kept()]
        program = simplified(program)
        self.executor = self._made()
        if self.owner.check:
            arguments, draws = ([v.sample for v in vs] for vs in (program.arguments, [v for v, _ in program.draws]))
            reads = [v.sample.item() if v.number else v.sample for v, _ in program.reads]
            self._compare(arguments, reads, draws, expected)
        self.binding = Binding(program)
        self.shells = [_shell(t) for t in leaves(self.result) if isinstance(t, Tensor)]
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
                warnings.warn(f"jit runs {self.program.name} with NumPy: {error}", JitWarning, stacklevel=5)
        return NumPyExecutor(self.program)

    def _compare(self, arguments: list[Any], reads: list[Any], draws: list[Any], expected: list[Any]) -> None:
        """The program's first run against what the function gave on the same numbers."""
        found = self.executor.run(arguments, reads, draws)
        exact = isinstance(self.executor, NumPyExecutor)
        if not exact and not all(map(_close, found, expected)):  # noise, as dC/db before a batch norm?
            rng, plain = np.random.default_rng(0), NumPyExecutor(self.program)
            with np.errstate(all="ignore"):
                others = [
                    plain.run(*([_jittered(a, rng) for a in given] for given in (arguments, reads, draws)))
                    for _ in range(4)
                ]
            noise = [100 * max(_distance(other[k], e) for other in others) for k, e in enumerate(expected)]
            found = [e if _distance(a, e) <= n else a for a, e, n in zip(found, expected, noise, strict=True)]
        names = [f"result {i}" for i in range(len(self.program.results))]
        names += [place.name for place, v in self.program.writes if v is not None]
        for name, a, b in zip(names, found, expected, strict=True):
            if not _close(np.asarray(a), np.asarray(b), exact):
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
        values = self.executor.run(arrays, reads, [_as_drawn(make(), v) for v, make in self.program.draws])
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
        made = iter([shell(value) for shell, value in zip(self.shells, values, strict=True)])
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
        stacks = [_stacked_as(a, v) for a, v in zip(stacks, program.arguments, strict=True)]
        tables: dict[int, Any] = {}
        draws: list[list[Any]] = [[] for _ in program.draws]
        if program.actions or program.draws:
            carried = {v for v, _ in program.carried()}
            changing = [i for i, (v, _) in enumerate(program.reads) if v.number and v not in carried]
            rows: list[list[Any]] = [[] for _ in changing]
            for _ in range(n):
                for row, i in zip(rows, changing, strict=True):
                    row.append(program.reads[i][1].get())
                for drawn, (v, make) in zip(draws, program.draws, strict=True):
                    drawn.append(_as_drawn(make(), v))
                for action in program.actions:
                    action()
            if program.actions:
                tables = {i: np.array(row, program.reads[i][0].dtype) for row, i in zip(rows, changing, strict=True)}
        results, values = self.executor.scan(n, stacks, reads, [np.stack(d) for d in draws], tables)
        self._write(values[len(program.results) :], [])  # the actions are done
        return self._result(results)


# ---- arguments --------------------------------------------------------------------------------------------


def _is_data(x: Any) -> bool:
    """Is this argument other at each call?"""
    if isinstance(x, Tensor):
        if x.op is not None and x._requires_grad and is_grad_enabled():
            raise GradientError(
                "a function under jit got a Tensor with a graph behind it, which would be lost: pass x.detach(), or "
                "put what made it into the function too"
            )
        return not x._requires_grad or x.op is not None
    return isinstance(x, (np.ndarray, np.generic, float))


def _form(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """What a recording is known by, and the data among the arguments."""
    form: list[Any] = [is_grad_enabled()]
    arrays: list[Any] = []
    for x in args:
        _add(x, form, arrays)
    if kwargs:
        for name in kwargs:
            form.append(name)
            _add(kwargs[name], form, arrays)
    return tuple(form), arrays


def _add(x: Any, form: list[Any], arrays: list[Any]) -> None:
    kind = type(x)
    if kind is Tensor and _is_data(x):
        x = x._data
        kind = type(x)
    if kind is np.ndarray:
        dense = _c_strides(x.shape, x.itemsize)
        if x.strides != dense or not x.dtype.isnative:  # in the order in which the function gets its copy
            x = np.array(x, x.dtype.newbyteorder("="))
        arrays.append(x if x.ndim else x[()])
        form.append((x.shape, x.dtype, x.strides if x.strides != dense else None))
    elif isinstance(x, (np.generic, float)):
        x = x if isinstance(x, np.generic) else np.float64(x)
        arrays.append(x)
        form.append(((), x.dtype, None))
    elif isinstance(x, (list, tuple)):
        form.append((kind, len(x)))
        for branch in x:
            _add(branch, form, arrays)
    elif isinstance(x, dict):
        form.append((kind, tuple(x)))
        for branch in x.values():
            _add(branch, form, arrays)
    elif x is None or isinstance(x, (int, str, bytes)):
        form.append((kind, x))
    else:
        form.append(_Itself(x))


@lru_cache(maxsize=4096)
def _c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    return (
        np.empty(shape, f"V{itemsize}").strides
        if 0 in shape
        else tuple(itemsize * math.prod(shape[k + 1 :]) for k in range(len(shape)))
    )


class _Itself:
    """An argument that is part of the program: this very object."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


def _hooks(tensors: list[Tensor]) -> list[Any]:
    """Which hooks would see their gradients."""
    return [tuple(notes["hooks"]) for t in tensors if (notes := t._notes) and "hooks" in notes]


def _stack(i: int, a: Any) -> Any:
    if isinstance(a, Tensor):
        _is_data(a)  # raises for one with a graph
    array = np.asarray(a._data if isinstance(a, Tensor) else a)
    if array.dtype.kind not in "fiub" or not array.ndim:
        raise ShapeError(f"scan: argument {i} is an array with one entry for each step: got {a!r:.60}")
    return array


def _stacked_as(a: Any, v: Value) -> Any:
    """The stack in the form that the program was recorded with."""
    return np.ascontiguousarray(a)


def _as_drawn(made: Any, v: Value) -> Any:
    """What was drawn, in the form of the recording."""
    array = made._data if isinstance(made, Tensor) else np.asarray(made)
    if array.shape != v.shape or array.dtype != v.dtype:
        raise JitError(
            f"fresh(…) gave shape {array.shape} and dtype {array.dtype}; when it was recorded, {v.shape} and {v.dtype}"
        )
    return np.ascontiguousarray(array) if array.ndim else array[()]


# ---- results ----------------------------------------------------------------------------------------------


def _no_gradient(g: Any, z: Any, *inputs: Any) -> Any:
    raise GradientError(
        "the results of a function under jit have no graph: call backward() or grad() inside the function, or say "
        "result.detach() where no gradient is wanted"
    )


_RESULT = Op("jit", lambda x: x, _no_gradient, "a result of jit")


def _shell(t: Tensor) -> Callable[[Any], Tensor]:
    """What makes a Tensor of a result: of a derivative through it there is an error, and not silence."""
    if t.op is None and t._requires_grad:
        return lambda value: t  # a parameter: itself
    return _barred if t._requires_grad else wrapped


def _barred(value: Any) -> Tensor:
    t = wrapped(value)
    t._requires_grad = True
    t.op = _RESULT
    return t


def _handed_out(result: Any) -> Any:
    """The results of a recorded call, as those of later ones."""
    return rebuilt(result, [_shell(t)(t._data) if isinstance(t, Tensor) else t for t in leaves(result)])


def _same_result(a: Any, b: Any) -> bool:
    x, y = leaves(a), leaves(b)
    if type(a) is not type(b) or len(x) != len(y):
        return False
    return all(
        isinstance(p, Tensor) == isinstance(q, Tensor)
        and (isinstance(p, Tensor) or p is q or (type(p) is type(q) and bool(np.all(p == q))))
        for p, q in zip(x, y, strict=True)
    )


def _joined(parts: list[tuple[int, int, Any]]) -> Any:
    """The results of the single steps and of the scans, as one stack."""
    columns = [leaves(result) for _, _, result in parts]
    joined = []
    for k, first in enumerate(columns[0]):
        if not isinstance(first, Tensor):
            joined.append(first)
            continue
        rows = []
        for (start, stop, _), column in zip(parts, columns, strict=True):
            data = np.asarray(column[k]._data)
            rows.append(data[None] if data.ndim == np.ndim(first._data) and stop == start + 1 else data)
        whole = wrapped(np.concatenate(rows))
        joined.append(_barred(whole._data) if first._requires_grad else whole)
    return rebuilt(parts[0][2], joined)


def _jittered(a: Any, rng: np.random.Generator) -> Any:
    """The same numbers, off by a few rounding errors."""
    if not isinstance(a, (np.ndarray, np.floating)) or a.dtype.kind != "f":
        return a
    return (a * (1 + 4 * np.finfo(a.dtype).eps * rng.uniform(-1, 1, a.shape))).astype(a.dtype)


def _distance(a: Any, b: Any) -> float:
    """The largest difference of two entries; infinite where one of them is not finite, or no real number."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype or a.dtype.kind != "f":
        return math.inf
    distance = float(np.max(np.abs(a - b), initial=0.0))
    return distance if math.isfinite(distance) else math.inf


def _close(a: Any, b: Any, exact: bool = False) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if exact or a.dtype.kind != "f":
        return bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    tolerance = 2e-4 if a.dtype.itemsize <= 4 else 1e-10
    scale = float(np.max(np.abs(b), where=np.isfinite(b), initial=0.0))
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True))


def _short(a: Any) -> str:
    return f"{a!r:.100}".replace("\n", "")
