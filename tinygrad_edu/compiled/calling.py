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

import sys
import threading
import time
import types
from collections.abc import Callable
from dataclasses import replace
from functools import partial, update_wrapper
from html import escape
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from typing import Any

import numpy as np

from ..capture import capturing
from ..errors import DtypeError, JitError, ShapeError
from ..graph import Watcher, differentiating, recording
from ..tensor import Tensor
from ..tree import leaves, rebuilt
from .answers import arrays_in, numbers_of
from .arguments import form_of, handed_out, is_data, joined, one_row, stacked
from .dice import Dice
from .lookup import is_note, looked_up
from .numpy_executor import NumPyExecutor
from .plan import Different, simplified
from .program import Program
from .recorder import Recorder
from .version import PATIENCE, JitWarning, Version, warn

__all__ = ["Jit", "JitWarning", "jit"]

EXECUTORS = ("c", "numpy")
_MOST = 64  # recordings of one form of arguments, and forms, that are kept
_SMALL = 1_000_000  # bytes of an array that is looked at before every run
_PAUSE = 0.5  # seconds
_WAITING = 8  # of those that wait for their second run


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
        self._versions: dict[Any, list[Version]] = {}
        self._lock = threading.RLock()
        self.latest: Version | None = None
        self._waiting: list[Version] = []  # recorded once; they hold every number of their run
        self._changing = False  # did the latest recording change what it looks up?
        self._recorded = 0  # new programs since the last replay
        self.on_record: Callable[[], Any] | None = None
        self.name: str | None = None  # as a method
        update_wrapper(self, function, updated=())

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """As a method: every instance has a recording of its own, which goes when the instance goes."""
        if instance is None:
            return self
        found_by_name = bool(self.name) and getattr(type(instance), self.name or "", None) is self  # and not by super()
        kept = getattr(instance, "__dict__", {}) if found_by_name else {}
        bound = kept.get(f"{self.name} under jit")
        if bound is None or bound.function.__self__ is not instance:  # copy.copy(x) has all that x has
            bound = Jit(types.MethodType(self.function, instance), self.executor, self.check)
            bound.on_record = self.on_record
            kept[f"{self.name} under jit"] = bound
        return bound

    def __set_name__(self, owner: Any, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        name = getattr(self.function, "__qualname__", "")
        if getattr(sys.modules.get(getattr(self.function, "__module__", "")), name, None) is self:
            return name  # a decorated function is found where it was defined
        return Jit, (self.function, self.executor, self.check)  # a copy records for itself

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(recording.get(), bool):
            return self.function(*args, **kwargs)  # a Watcher looks at every op: detect_anomaly()
        if capturing() is not None:
            return self.function(*args, **kwargs)  # part of the function that is being recorded
        if differentiating.get():
            return self.function(*args, **kwargs)  # inside grad(f), which needs the graph
        with self._lock:
            form, arrays = form_of(args, kwargs)
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
        stacks = [stacked(i, a) for i, a in enumerate(args)]
        lengths = {len(a) for a in stacks}
        if len(lengths) != 1 or 0 in lengths:
            found = [len(a) for a in stacks]
            raise ShapeError(f"scan needs arguments of one length along their first axis, 1 or more: got {found}")
        (n,) = lengths
        parts: list[Any] = []
        with self._lock:
            k = 0
            ran: Version | None = None
            at_once = 100  # then as many as take half a second: Ctrl-C is heard in between
            watched = isinstance(recording.get(), Watcher)
            while k < n:
                rows = [a[k] for a in stacks]
                form, _ = form_of(tuple(rows), {})
                version = next((v for v in self._versions.get(form, ()) if v.trusted and v.applies() is not None), None)
                once_more = version is not ran  # does it apply after its own run?  (Not where a gradient was None.)
                if watched or version is None or once_more:
                    parts.append(one_row(self(*rows)))
                    ran, k = version, k + 1
                    continue
                self.latest = version
                m = min(n - k, version.chunk(), at_once)
                start = time.perf_counter()
                parts.append(version.scan([a[k : k + m] for a in stacks], m))
                at_once = max(1, int(m * _PAUSE / max(time.perf_counter() - start, 1e-6)))
                k += m
        return joined(parts)

    @property
    def program(self) -> Program:
        """What was recorded at the latest call."""
        latest = self._known()
        return latest.program if latest.trusted else simplified(replace(latest.program))

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
            parts.append(f"<details><summary>program</summary><pre>{escape(str(self.program))}</pre></details>")
            if latest.trusted:
                language = "C" if self.executor_name == "c" else "Python"
                parts.append(f"<details><summary>{language}</summary><pre>{escape(self.source)}</pre></details>")
        return "\n".join(parts)

    def _check_outside(self, name: str, changed: list[str]) -> None:
        """JitError if the function itself changes what it looks up, and not only once, as a cache does."""
        if changed and self._changing:
            raise JitError(
                f"{name} changes {' and '.join(changed)} outside of its Tensors, at every call: a program has no "
                f"Python in it, and would not.  Return what is wanted, and do it outside: costs.append({name}(x, y))"
            )
        self._changing = bool(changed)

    def _thin(self, new: Version) -> None:
        """Forget the oldest recordings: a counter among the arguments or settings must not fill the memory."""
        self._waiting = [v for v in (*self._waiting, new) if not v.trusted][-_WAITING:]
        alive = {id(v) for v in self._waiting}
        for form, versions in list(self._versions.items()):
            versions[:] = [v for v in versions if v.trusted or id(v) in alive][-_MOST:]
            if not versions:
                del self._versions[form]
        if len(self._versions) > _MOST:
            del self._versions[next(iter(self._versions))]

    def _known(self) -> Version:
        if self.latest is None:
            raise JitError("nothing was recorded yet: call the function first, twice with arguments of the same shapes")
        return self.latest

    def _ready(self) -> Version:
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
                if is_data(x):
                    x = Tensor(np.array(getattr(x, "_data", x)), name=getattr(x, "name", None))
                    recorder.argument(x)
                inputs.append(x)
            own_leaves = [x for x in inputs if not isinstance(x, Tensor)]
            own_args, own_kwargs = rebuilt((args, kwargs), inputs)
            questions, names = looked_up(self.function, own_leaves)
            for question, answer, _ in questions:
                recorder.guard(question, answer)
            dice = Dice(questions, names)
            result = self.function(*own_args, **own_kwargs)
            dice.check(recorder.program.draws)
            read = {id(a) for a in recorder.arrays.values()}  # every run reads these; but is that all?  See trust
            named = {id(a): a for _, answer in recorder.program.guards for a in arrays_in(answer)}
            named |= {id(a): a for _, _, a in recorder.program.held if isinstance(a, np.ndarray)}
            for a in named.values():
                if a.nbytes <= _SMALL:
                    to = recorder.watched if id(a) in read else recorder.program.guards
                    to.append((partial(numbers_of, a), numbers_of(a)))
            self._check_outside(name, [what for q, answer, what in questions if not is_note(q) and q() != answer])
            recorder.without_doubles()
            guards = recorder.program.guards
            recorder.program.guards = [(q, answer) for q, answer in guards if not is_note(q) or q() == answer]
            tensors = [t for t in leaves(result) if isinstance(t, Tensor)]
            program = recorder.finish(tensors)
        new = Version(program, recorder, result, self)
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
        self._recorded += new.patience == PATIENCE and not new.trusted
        if self._recorded == _WAITING + 1:
            warn(
                f"jit records {name} again and again, because numbers or objects that it looks up, or arguments that "
                f"are no arrays, keep changing: pass them as arrays"
            )
        self.latest = new if new.trusted or self.latest is None else self.latest
        return handed_out(result)
