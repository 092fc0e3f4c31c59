"""Recorder: runs a function as usual, and writes down every operation that it does.

The engine tells the recorder of each op (`instruction`), of each write to a Tensor from outside (`assigning`,
`grad_written`) and of each value that leaves the world of Tensors (`escaped`), which is refused: what Python did
with it could not be done again.  The reverse sweep reads its rules on Tensors meanwhile, so backpropagation and the
optimizer's update are recorded by the same hook as the forward pass.
"""

from __future__ import annotations

import copy
import sys
import types
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np

from ..capture import captures
from ..errors import JitError
from ..op import Op
from ..tensor import Tensor
from .answers import SIMPLE, Itself, asked
from .lookup import looked_up
from .program import Derived, Instruction, Place, Program, Value

__all__ = ["Recorder", "depth_of_ours"]

_OURS = tuple(f"{Path(__file__).parents[2] / package}/" for package in ("tinygrad_edu", "nn"))
_LIBRARIES = (f"{Path(np.__file__).parent}/", f"{Path(copy.__file__).parent}/")


class Recorder:
    """Inside `with Recorder(name) as recorder:` everything that this thread computes with Tensors is written down."""

    def __init__(self, name: str = "f") -> None:
        self.program = Program(name=name)
        self.values: dict[Tensor, Value] = {}  # what every Tensor that was met is called; keeps them all alive
        self.numbers: set[Tensor] = set()  # settings, such as lr, which are weak beside Tensors
        self.assigned: dict[Tensor, None] = {}
        self.gradients: dict[Tensor, Tensor | None] = {}  # whose gradient was written, and what it was before
        self.stores: dict[Any, tuple[Place, Tensor]] = {}  # what was written with `write`
        self.places: dict[Any, tuple[Place, Tensor]] = {}  # what was read with `read`
        self.derived: dict[int, tuple[Any, Derived]] = {}
        self.arrays: dict[Tensor, Any] = {}  # NumPy arrays of which Tensors were made
        self.guarded: dict[int, Any] = {}
        self.watched: list[tuple[partial[Any], Any]] = []  # what is in the small ones of them: see Version.trust
        self.settings: set[Tensor] = set()  # numbers as they were read
        self.checks: dict[Tensor, Callable[[Any], Any]] = {}  # of Tensors of indices
        self.notes: dict[Any, Any] = {}  # what an optimizer has to remember within the run
        self.made: set[Tensor] = set()
        self.asked: set[Tensor] = set()  # whether they require a gradient
        self.own: set[Tensor] = set()  # made in this run from arguments, arrays or other Tensors: nobody outside has it
        self.before: dict[Tensor, Any] = {}  # the values of what was assigned, to go back to
        self.lines: dict[int, str] = {}  # of the constants, by the index of their Value
        self.count = 0

    def __enter__(self) -> Recorder:
        self.thread = get_ident()
        captures.append(self)
        return self

    def __exit__(self, kind: object, *exc: object) -> None:
        captures.remove(self)
        if kind is not None:  # as with a run that fails: nothing has been written
            for t, data in self.before.items():
                t._data = data
            for t, g in self.gradients.items():
                t._grad = g

    # ---- values --------------------------------------------------------------------------------------

    def _value(self, sample: Any, name: str = "", number: bool = False) -> Value:
        v = Value(self.count, sample, name, number)
        self.count += 1
        return v

    def argument(self, t: Tensor) -> None:
        """t is an argument of the function: another one at every run."""
        self.own.add(t)
        self.values[t] = self._value(t._data, t.name or "")
        self.program.arguments.append(self.values[t])

    def made_fresh(self, t: Tensor, make: Callable[[], Any]) -> None:
        """t holds what make() gave: drawn anew at every run."""
        self.values[t] = self._value(t._data, "drawn")
        self.program.draws.append((self.values[t], make))

    def value_of(self, t: Tensor) -> Value:
        """The Value that t is.  A Tensor never met before is from outside, and is read anew at every run."""
        v = self.values.get(t)
        if v is None:
            v = self.values[t] = self._value(t._data, _called(t))
            self.program.reads.append((v, self._place_of(t)))
            self.lines[v.index] = line_outside()
        return v

    def created(self, t: Tensor, data: Any) -> None:
        """t is Tensor(data)."""
        self.own.add(t)
        if isinstance(data, np.ndarray) and not np.may_share_memory(data, t._data):
            self.outside_array(t, data)
        if isinstance(data, Tensor):
            self.alias(t, data if data.dtype == t.dtype else data.detach().astype(t.dtype))

    def outside_array(self, t: Tensor, array: Any) -> None:
        """t was made of a NumPy array, into which somebody may write later: it is read anew at every run."""
        self.arrays[t] = array

    def _place_of(self, t: Tensor) -> Place:
        """Where the values of t come from."""
        if t not in self.arrays:
            return Place(("data", id(t)), _called(t), partial(getattr, t, "_data"), owner=t)
        array, dtype, shape = self.arrays[t], t.dtype, t.shape

        def get() -> Any:
            return np.array(array, dtype).reshape(shape) if shape else np.array(array, dtype)[()]

        seen = array.__array_interface__  # of A[1:] there is a new object at every run, of the same memory
        key = ("array", seen["data"][0], array.shape, array.strides, seen["typestr"])
        return Place(key, _called(t) or "an array", get, owner=array)

    def alias(self, new: Tensor, old: Tensor) -> None:
        """new has the values of old."""
        self.own.add(new)
        self.values[new] = self.value_of(old)
        if old in self.numbers:
            self.numbers.add(new)

    # ---- what the engine tells -----------------------------------------------------------------------

    def instruction(self, op: Op, inputs: tuple[Any, ...], arrays: Any, params: dict[str, Any], t: Tensor) -> None:
        """t = op(*inputs, **params), and `arrays` is what the op was given: t's line of the program."""
        operands = tuple(self.value_of(x) if isinstance(x, Tensor) else x for x in inputs)
        weak = tuple(type(a) in (float, int, bool) for a in arrays)
        z = t._data
        shares = _sharing(z, operands, arrays) if z.ndim else ()
        out = self.values[t] = self._value(z, _called(t))
        self.made.add(t)
        if op.name == "argwhere":
            self.escaped(t, "to look for entries")
        settings = {key: self._setting(p) for key, p in params.items()} if self.derived else dict(params)
        if self.derived and op.name in ("getitem", "setitem") and any(_chosen(p, op.name) for p in settings.values()):
            self.escaped(t, "a mask in a Tensor" if op.name == "getitem" else "at_set at places in a Tensor")
        line = line_outside()
        self.program.code.append(Instruction(op, operands, settings, out, weak, shares, line))
        if self.numbers and not z.ndim and all(not isinstance(x, Tensor) or x in self.numbers for x in inputs):
            self.numbers.add(t)
            out.number = True

    def _setting(self, p: Any) -> Any:
        if isinstance(p, tuple):
            return tuple(map(self._setting, p))
        if isinstance(p, np.ndarray) and id(p) in self.derived:
            return self.derived[id(p)][1]
        return p

    def derive(self, array: Any, t: Tensor, make: Callable[[Any], Any]) -> None:
        """array = make(values of t), about to become a setting of an op, as an index does."""
        if t in self.checks:
            check, plain = self.checks[t], make
            make = lambda values: (check(values), plain(values))[1]  # noqa: E731
        if isinstance(array, np.ndarray):
            self.derived[id(array)] = (array, Derived(self.value_of(t), make))
        else:
            self.escaped(t, "an index of one number")

    def assigning(self, t: Tensor, value: Any) -> Any:
        """t is given new values; returns what to assign."""
        if t.shape != np.shape(getattr(value, "_data", value)):
            return value  # assign explains
        if self.values.get(t) in self.program.arguments:
            raise JitError(
                f"an argument is assigned ({line_outside()}): a function under jit gets copies, so that nobody outside "
                f"would see it.  Return the new values; or use a Tensor from outside"
            )
        self.before.setdefault(t, t._data)
        self.value_of(t)  # a Place of its own, before it is overwritten
        given = value if isinstance(value, Tensor) else Tensor(value)
        if given.dtype != t.dtype and np.can_cast(given.dtype, t.dtype, "same_kind"):
            given = given.detach().astype(t.dtype)
        if given.dtype == t.dtype:
            self.values[t] = self.value_of(given)
            self.assigned[t] = None
        return given

    def grad_read(self, t: Tensor) -> None:
        """Somebody looks at t.grad: is it there from before the run?"""
        if t in self.gradients or t in self.own or t in self.made:
            return
        g = t._grad
        self.guard(partial(_is_none, t), g is None)
        self.gradients[t] = g
        if g is not None and g not in self.made:
            v = self.values[g] = self._value(g._data, f"{_called(t)}.grad")
            self.program.reads.append((v, self._grad_place(t)))

    def asked_for_gradient(self, t: Tensor) -> None:
        """Somebody asks whether t requires a gradient, as net.parameters() does: is it frozen, or no more?"""
        if t.op is None and t not in self.own and t not in self.made and t not in self.asked:
            self.asked.add(t)
            self.guard(partial(getattr, t, "_requires_grad"), t._requires_grad)

    def grad_written(self, t: Tensor) -> None:
        """t.grad is about to change."""
        self.gradients.setdefault(t, t._grad)

    def _grad_place(self, t: Tensor) -> Place:
        def get() -> Any:
            assert t._grad is not None
            return t._grad._data

        return Place(("grad", id(t)), f"{_called(t)}.grad", get, owner=t)

    def escaped(self, t: Tensor, how: str) -> None:
        """The values of t leave the world of Tensors: refused, unless they are a setting that was guarded."""
        if t in self.settings and how.startswith("if"):  # whether it is 0 is looked at before every run
            return
        raise self.escape(how)

    def escape(self, how: str) -> JitError:
        """The error for a value that would be lost."""
        instead = "Return the Tensor, and read it outside, as in float(train_step(x, y))"
        if how.startswith("if"):
            instead = "Write where(condition, a, b); or return the Tensor, and decide outside"
        return JitError(
            f"{how} reads a value while jit records ({line_outside()}): jit runs your Python at the first calls alone, "
            f"so it would be this run's value for ever.  {instead}"
        )

    def guard(self, question: Callable[[], Any], answer: Any) -> None:
        """The program holds as long as question() == answer."""
        self.program.guards.append((question, answer))

    def guard_object(self, owner: Any) -> None:
        """The program holds as long as the object holds what it holds now."""
        if id(owner) in self.guarded:
            return
        self.guarded[id(owner)] = owner
        self.guard_method(getattr(owner, "forward", None))
        for container in (vars(owner), *(x for x in vars(owner).values() if type(x) is list)):
            self.guard_entries(container)

    def guard_entries(self, container: Any) -> None:
        """And as long as the list or dict holds what it holds now."""
        entries = container.items() if isinstance(container, dict) else enumerate(container)
        self.program.held += [(container, None, len(container)), *((container, key, x) for key, x in entries)]

    def guard_method(self, method: Any) -> None:
        """And on what the method, if it is somebody else's, looks up outside, as the function under jit itself."""
        if not isinstance(method, types.MethodType):
            return
        owner = method.__self__
        held = vars(owner) if id(owner) in self.guarded else None  # what it holds is looked at already
        for question, answer, _ in looked_up(method, [])[0]:
            look: Any = question.args[0] if isinstance(question, partial) else None
            if held is None or not isinstance(answer, Itself) or getattr(_func(look), "__self__", None) is not held:
                self.guard(question, answer)

    def without_doubles(self) -> None:
        """Leave out the questions about layers of which guard_object looks at all: they are asked before every run."""
        inside = {id(vars(x)) for x in self.guarded.values()}
        self.program.guards = [(q, a) for q, a in self.program.guards if not self._is_double(q, a, inside)]

    def _is_double(self, question: Any, answer: Any, inside: set[int]) -> bool:
        if not isinstance(question, partial):
            return False
        (look, *_), asks = question.args, question.func
        if asks is not asked or not isinstance(look, partial):
            return getattr(asks, "__name__", "") == "isdisjoint" and id(look) in inside
        if not _is_flat(answer):  # of a dict, or a list in a list, guard_object does not look at the inside
            return False
        if look.func is getattr:  # not of attributes that its class has
            x, name = look.args[:2]
            return id(x) in self.guarded and (name in vars(x) or name == "training")
        return id(getattr(look.func, "__self__", None)) in inside

    # ---- what optimizers and the like tell -----------------------------------------------------------

    def read(self, key: Any, name: str, get: Callable[[], Any], put: Callable[[Any], None] | None = None) -> Tensor:
        """A Tensor of get(), an array or a number that is kept outside of Tensors; read anew at every run."""
        if key in self.stores:
            return self.stores[key][1]
        if key in self.places:
            return self.places[key][1]
        if self.program.actions:
            raise JitError(f"{name} is read after a schedule's step: call schedule.step() last in a function under jit")
        given = get()
        t = Tensor(given)
        v = self.values[t] = self._value(t._data, name, number=isinstance(given, (int, float)))
        place = Place(key, name, get, put)
        self.program.reads.append((v, place))
        self.places[key] = place, t
        if v.number:
            self.numbers.add(t)
            self.settings.add(t)
        return t

    def write(self, key: Any, name: str, put: Callable[[Any], None], value: Any) -> None:
        """At the end of every run, put(value) is called with the array or number that this Tensor has then."""
        t = value if isinstance(value, Tensor) else Tensor(value)
        self.stores[key] = Place(key, name, lambda: None, put), t

    def action(self, function: Callable[[], Any], moment: Callable[[], Callable[[], Any]]) -> None:
        """function() is called after every run, as a schedule's step is.

        moment() -> a function that puts back what function() changes to what it is now: `scan` calls function() before
        the runs, and an error in them is as if nothing had been.
        """
        self.program.actions.append(function)
        self.program.moments.append(moment)

    # ---- the end -------------------------------------------------------------------------------------

    def finish(self, results: list[Tensor]) -> Program:
        """The program, complete with what it returns and what it writes."""
        program = self.program
        for key, (place, t) in self.places.items():
            if key not in self.stores and t in self.settings and not program.actions and place.get() != t._data:
                raise JitError(
                    f"{place.name} is changed inside of the function under jit, to and fro: every run would read what "
                    f"it is at its start.  Change it outside"
                )
        for t, v in self.values.items():  # by now the layers have told their parameters' names
            v.name = v.name or _called(t)
        program.results = [self.value_of(t) for t in results]
        places = {place.key: place for _, place in program.reads}
        for t in self.assigned:
            if t in self.own:
                continue
            program.writes.append((places["data", id(t)], self.values[t]))
        for t, before in self.gradients.items():
            if t._grad is not before and t not in self.own and t not in self.made:
                program.writes.append((self._grad_place(t), None if t._grad is None else self.value_of(t._grad)))
        for place, value in self.stores.values():
            program.writes.append((place, self.value_of(value)))
            assert place.put is not None
            place.put(value._data)
        for v, place in program.reads:
            named = _called(place.owner) if isinstance(place.owner, Tensor) and place.key[0] == "data" else ""
            place.name = place.name or v.name or named or f"v{v.index}"
        return program


def _chosen(p: Any, op: str) -> bool:
    """Is it an index whose values decide how many entries there are, or which of them are written last?"""
    if isinstance(p, tuple):
        return any(_chosen(part, op) for part in p)
    return isinstance(p, Derived) and (p.source.dtype.kind == "b") == (op == "getitem")


def _sharing(z: Any, operands: tuple[Any, ...], arrays: Any) -> tuple[Value, ...]:
    """The operands whose memory z stands in."""
    pairs = zip(operands, arrays, strict=True)
    return tuple(v for v, a in pairs if isinstance(v, Value) and type(a) is np.ndarray and np.may_share_memory(z, a))


def _is_flat(answer: Any) -> bool:
    """Is it about one thing, or a list of such?"""
    if isinstance(answer, tuple) and answer[0] is list and len(answer) == 2 and isinstance(answer[1], list):
        return all(map(_is_one, answer[1]))
    return _is_one(answer)


def _is_one(answer: Any) -> bool:
    return isinstance(answer, Itself) or (isinstance(answer, tuple) and answer[0] in (*SIMPLE, bool))


def _func(look: Any) -> Any:
    return look.func if isinstance(look, partial) else None


def _is_none(t: Tensor) -> bool:
    return t._grad is None


def _called(t: Tensor) -> str:
    return t.name or "".join(map(str, t.role or ()))


@cache
def _of_a_library(file: str) -> bool:
    if file.startswith(_OURS):
        return True
    return file.startswith(_LIBRARIES) and ("site-packages" not in file or file.startswith(_LIBRARIES[0]))


def depth_of_ours() -> int:
    """How many frames up from the caller's the first one is that is not part of these packages."""
    frame, depth = sys._getframe(1), 0
    while frame.f_back is not None and _of_a_library(frame.f_code.co_filename):
        frame, depth = frame.f_back, depth + 1
    return depth


def line_outside() -> str:
    """file:line of the nearest caller that is part of neither package, nor of NumPy or Python's own library."""
    frame = sys._getframe(1)
    while frame.f_back is not None and _of_a_library(frame.f_code.co_filename):
        frame = frame.f_back
    return f"{_name(frame.f_code.co_filename)}:{frame.f_lineno}"


@cache
def _name(file: str) -> str:
    return Path(file).name
