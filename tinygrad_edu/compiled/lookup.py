"""Lookup: what a function finds by name outside of itself, as questions whose answers a program is built on.

Where the function's code names an attribute, as in self.scale or config.rate, that is asked for too; what it calls is
searched likewise, but nothing that is Python's own or an installed package; of layers and optimizers of `nn`, what the
code names, as net.training, net[0].p and optimizer.lr.  How answers are compared: `answers.py`.
"""

from __future__ import annotations

import functools
import sys
import types
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from .answers import MOST, SIMPLE, answer_of, asked

__all__ = ["Question", "is_note", "looked_up"]

_FAR = 10_000  # things that are searched
_HERE = str(Path(__file__).parents[1])
_PACKAGES = ("tinygrad_edu", "nn", "numpy")
_AT_BIRTH = {"__init__", "__new__", "__init_subclass__", "__post_init__", "__repr__", "__str__", "__del__"}
_MAKING = {"__init__", "__new__", "__post_init__"}
_BY_TEXT = {"getattr", "hasattr", "attrgetter"}
_AS_A_WHOLE = {"vars", "__dict__", "asdict", "astuple"}
_METHODS = (types.FunctionType, staticmethod, classmethod, property, functools.cached_property)

Question = tuple[Callable[[], Any], Any, str]


def looked_up(function: Any, arguments: list[Any]) -> tuple[list[Question], set[str]]:
    """(question, answer, what it is called) for all that the function, called with these arguments, may look up; and
    the names in its code."""
    search = _Search()
    search.thing(function)
    for x in arguments:
        search.thing(x)
    return list(search.questions()), search.names


class _Search:
    def __init__(self) -> None:
        self.names: set[str] = set()  # that the code mentions
        self.met: dict[int, Any] = {}  # functions and objects, by identity
        self.objects: list[Any] = []
        self.absent: dict[int, tuple[Any, set[str]]] = {}  # names that objects do not have themselves, yet
        self.inside: dict[int, Any] = {}
        self.layers: dict[int, Any] = {}  # of which all is looked at
        self.looks: list[tuple[Callable[[], Any], Any, str]] = []  # how to look, what is there, what it is called

    def thing(self, x: Any) -> None:
        """Something that the function uses: if it is, or has, Python code, that is searched."""
        if id(x) in self.met or isinstance(x, SIMPLE) or len(self.met) > _FAR:
            return
        self.met[id(x)] = x
        if isinstance(x, functools._lru_cache_wrapper):
            x = x.__wrapped__
        if isinstance(x, types.MethodType):
            self.thing(x.__self__)
            self.thing(x.__func__)
            self.names.add(getattr(x, "__name__", ""))
        elif isinstance(x, partial):
            for part in (x.func, *x.args, *x.keywords.values()):
                self.look(partial(_kept, part), "a part of partial")
        elif _is_custom(x):
            self.thing(x.forward)  # it holds f and its rules
        elif isinstance(x, staticmethod | classmethod):
            self.thing(x.__func__)
        elif isinstance(x, functools.cached_property):
            self.thing(x.func)
        elif isinstance(x, property):
            self.thing(x.fget)
        elif isinstance(x, types.FunctionType):
            if not _of_ours(x.__module__) and not _of_python(x.__module__):
                self.function(x)
        elif _is_jit(x):  # asked first: another object's attributes are not to be touched
            self.thing(x.function)
        elif _is_of_nn(x) or _is_searched(x):
            self.objects.append(x)
            for layer in x.modules() if _is_of_nn(x, "Module") else ():  # net[0] has no name
                self.thing(layer)
            for kind in x.__mro__ if isinstance(x, type) else ():  # the function may make one
                for name in _MAKING & vars(kind).keys():
                    self.thing(vars(kind)[name])
            for kind in type(x).__mro__:  # __call__, __getitem__, __len__, …: the code does not name them
                if not _of_ours(kind.__module__) and not _of_python(kind.__module__):
                    for name, value in vars(kind).items():
                        if name.startswith("__") and name not in _AT_BIRTH and isinstance(value, types.FunctionType):
                            self.thing(value)

    def function(self, f: types.FunctionType) -> None:
        """What it names: its own cells and globals."""
        names = set(_names(f.__code__))
        self.names |= names
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            self.look(partial(_content, cell), name)
        for value in (*(f.__defaults__ or ()), *(f.__kwdefaults__ or {}).values()):
            self.look(partial(_noted if isinstance(value, list) else _kept, value), f"a default of {f.__name__}")
        if vars(f):
            self.objects.append(f)  # f.k
        for name in sorted(names & f.__globals__.keys()):
            self.look(partial(f.__globals__.get, name), name)

    def look(self, look: Callable[[], Any], name: str) -> None:
        value = look()
        self.looks.append((look, value, name))
        if _BY_TEXT & self.names:  # getattr(x, NAMES[0])
            self.names.update(t for t in _texts(value) if t.isidentifier())
        self.thing(value)
        self.parts(value)

    def parts(self, value: Any) -> None:
        """What is in a list or dict, and in those in it."""
        if isinstance(value, (list, tuple, dict, deque)) and len(value) <= MOST:
            for part in value.values() if isinstance(value, dict) else value:
                self.thing(part)
                if id(part) not in self.inside:
                    self.inside[id(part)] = part
                    self.parts(part)

    def questions(self) -> Iterator[Question]:
        """All of them; what the objects' attributes lead to is searched on the way."""
        done: set[tuple[int, str]] = set()
        while True:
            every = bool(_AS_A_WHOLE & self.names)
            found = [
                (x, name)
                for x in self.objects
                for name in sorted(self.names | (_own_names(x) if every else set()))
                if (id(x), name) not in done
            ]
            if not found:
                break
            for x, name in found:
                done.add((id(x), name))
                self.attribute(x, name)
        for look, value, name in self.looks:
            if isinstance(value, types.ModuleType):
                self.names.add(value.__name__.split(".")[-1])  # `npr`, after `import numpy.random as npr`
                continue
            yield partial(asked, look), answer_of(value), name
        for attributes, names in self.absent.values():
            yield partial(frozenset(names).isdisjoint, attributes), True, "an attribute"

    def attribute(self, x: Any, name: str) -> None:
        """x.name, if that is something stored; a method, or a property, is searched."""
        called = f"{(x if isinstance(x, type) else type(x)).__name__}.{name}"
        if not isinstance(x, type) and _is_of_nn(x, "Optimizer"):
            for i, group in enumerate(x.param_groups):
                if name in group:  # the optimizer's state and its other groups change, and step() looks at them
                    self.look(partial(_setting, x, i, name), called)
            if name in ("param_groups", "state"):
                return
        if name == "get_last_lr" and not isinstance(x, type) and _is_of_nn(x, "LRScheduler"):
            name = "_last_lr"
        if not isinstance(x, type) and name in getattr(x, "__dict__", ()):
            self.look(partial(vars(x).get, name), called)
            return
        for kind in x.__mro__ if isinstance(x, type) else type(x).__mro__:
            if name in vars(kind):
                value = vars(kind)[name]
                if isinstance(value, types.MemberDescriptorType):  # of __slots__
                    if not isinstance(x, type):
                        self.look(partial(getattr, x, name, None), called)
                elif isinstance(value, _METHODS) or _is_jit(value):
                    self.thing(value)
                    if _of_ours(kind.__module__) and _of_ours(type(x).__module__) and name not in ("train", "eval"):
                        self.held(x)
                    continue  # super() leads to the next one
                elif not hasattr(type(value), "__get__"):
                    self.look(partial(getattr, x, name, None), called)
                break
        if not isinstance(x, type) and hasattr(x, "__dict__"):
            self.absent.setdefault(id(x), (vars(x), set()))[1].add(name)

    def held(self, x: Any) -> None:
        """All that a layer of ours holds: the code calls one of its methods, as forward, and not the layer itself."""
        if _is_of_nn(x, "Module") and id(x) not in self.layers:
            self.layers[id(x)] = x
            for name in (*vars(x), "training"):
                self.look(partial(getattr, x, name, None), f"{type(x).__name__}.{name}")


def _names(code: types.CodeType) -> Iterator[str]:
    """The names in the code, and in the functions written inside it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
        else:  # getattr(x, "k"); for name in ("a", "b"): …; case Cfg(k=2)
            parts = constant if isinstance(constant, (tuple, frozenset)) else (constant,)
            yield from (part for part in parts if isinstance(part, str) and part.isidentifier())


def _texts(value: Any) -> Iterator[str]:
    """A text, or those of a list."""
    if isinstance(value, (list, tuple)) and len(value) <= MOST:
        yield from (part for part in value if isinstance(part, str))
    elif isinstance(value, str):
        yield value


def _own_names(x: Any) -> set[str]:
    """What vars(x) and asdict(x) show; of what is ours the code has to name it."""
    if isinstance(x, type) or _is_of_nn(x):
        return set()
    return {*getattr(x, "__dict__", ()), *getattr(type(x), "__dataclass_fields__", ())}


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty, yet or again
        return None


def _kept(x: Any) -> Any:
    return x


def _noted(x: Any) -> Any:
    """A list as a default: the function may note something there, as log.append(...)."""
    return x


def is_note(question: Any) -> bool:
    """Is it about a list that may be where the function notes something?"""
    return isinstance(question, partial) and question.func is asked and getattr(question.args[0], "func", 0) is _noted


def _setting(optimizer: Any, i: int, name: str) -> Any:
    return optimizer.param_groups[i].get(name) if i < len(optimizer.param_groups) else None


def _is_custom(x: Any) -> bool:
    return type(x).__name__ == "_Custom" and _of_ours(type(x).__module__)


def _of_ours(module: str | None) -> bool:
    return (module or "").split(".")[0] in _PACKAGES


def _is_of_nn(x: Any, *kinds: str) -> bool:
    """A layer, a network, a cost, an optimizer or a schedule: ours, or made from ours."""
    wanted = kinds or ("Module", "Optimizer", "LRScheduler")
    return any(kind.__name__ in wanted and _of_ours(kind.__module__) for kind in type(x).__mro__)


def _is_jit(x: Any) -> bool:
    return type(x).__name__ == "Jit" and _of_ours(type(x).__module__)


@functools.cache
def _of_python(module: str | None) -> bool:
    """Is it Python's own, or an installed package?  Those are not searched: one leads to the next without end."""
    name = (module or "").split(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return name in sys.stdlib_module_names or "site-packages" in file or "dist-packages" in file


def _is_searched(x: Any) -> bool:
    """Other people's classes and their objects.  Ours ask for what they need; Tensors and arrays are data."""
    if isinstance(x, types.ModuleType):
        return not _of_ours(x.__name__) and not _of_python(x.__name__)
    if isinstance(x, type):
        return not _of_ours(x.__module__) and not _of_python(x.__module__)
    if _of_ours(type(x).__module__) or type(x).__module__ == "builtins":
        return False
    return hasattr(x, "__dict__") or hasattr(type(x), "__slots__")
