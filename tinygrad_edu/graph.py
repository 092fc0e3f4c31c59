"""What is recorded, and the one walk over it.

The graph has no nodes of its own: a Tensor that an op made holds that op and its inputs, and points to
nothing that came after it.  So there are no cycles, and a graph is freed the moment its last Tensor is.
"""

from __future__ import annotations

import inspect
from collections.abc import Container
from contextlib import AbstractContextManager, ContextDecorator
from contextvars import ContextVar
from functools import wraps
from typing import Any, Self

from .op import Traced

__all__ = ["Watcher", "is_grad_enabled", "no_grad", "recording", "toposort"]

recording: ContextVar[bool | Watcher] = ContextVar("tinygrad_edu.recording", default=True)
"""False, True, or a Watcher.  Every thread and every asyncio task has its own."""


differentiating: ContextVar[bool] = ContextVar("tinygrad_edu.differentiating", default=False)
"""Is a function run to be differentiated, by grad, vjp, … ?"""


def is_grad_enabled() -> bool:
    """Are operations being recorded, here and now?"""
    return bool(recording.get())


class Watcher(AbstractContextManager["Watcher"]):
    """Is told, inside `with`, of every Tensor that an op made, and of every part of a gradient.

    A subclass overrides `made` and `passed`, and calls super(), which tells the watcher outside.
    """

    def __enter__(self) -> Self:
        self.outside = recording.get()
        recording.set(self)
        return self

    def __exit__(self, *exc: object) -> None:
        recording.set(self.outside)

    def made(self, t: Any) -> None:
        """The Tensor t was made by an op, and recorded."""
        if isinstance(self.outside, Watcher):
            self.outside.made(t)

    def passed(self, t: Any, x: Any, part: Any) -> None:
        """The sweep passed `part` of a gradient from t on to its input x."""
        if isinstance(self.outside, Watcher):
            self.outside.passed(t, x, part)


class no_grad(ContextDecorator):
    """Inside `with no_grad():` nothing is recorded, and parameters can be changed: w -= eta * w.grad.

    >>> from tinygrad_edu import Tensor, no_grad
    >>> w = Tensor(3.0, requires_grad=True)
    >>> with no_grad():
    ...     print((w * w).requires_grad)
    False
    """

    def __call__(self, function: Any) -> Any:
        """As a decorator: of functions, coroutines and generators; these are inside only while they run."""
        if inspect.isasyncgenfunction(function):
            raise TypeError("@no_grad() cannot decorate an async generator: write `with no_grad():` inside it")
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                with no_grad():
                    return await function(*args, **kwargs)

            return awaited
        if inspect.isgeneratorfunction(function):

            @wraps(function)
            def steps(*args: Any, **kwargs: Any) -> Any:
                return _inside_no_grad(function(*args, **kwargs))

            return steps
        return super().__call__(function)

    def __enter__(self) -> no_grad:
        _outside.set((recording.get(), _outside.get()))
        recording.set(False)
        return self

    def __exit__(self, *exc: object) -> None:
        mode, outside = _outside.get()
        _outside.set(outside)
        recording.set(mode)


_outside: ContextVar[Any] = ContextVar("tinygrad_edu.outside", default=())
"""The modes outside the no_grad() blocks that are open, the innermost first: (mode, (mode, …))."""


def _inside_no_grad(generator: Any) -> Any:
    """The generator's steps, each of them inside no_grad(), and its user's steps outside."""
    step, sent = generator.send, None
    while True:
        try:
            with no_grad():
                value = step(sent)
        except StopIteration as stop:
            return stop.value
        try:
            step, sent = generator.send, (yield value)
        except GeneratorExit:
            with no_grad():
                generator.close()
            raise
        except BaseException as error:
            step, sent = generator.throw, error


def toposort(root: Traced, until: Container[Any] = ()) -> list[Any]:
    """All Tensors made by ops that lead to `root`, each after everything that was made from it.

    Those in `until` are not looked behind, and do not count.

    Depth first, without recursion: a chain of a million nodes is no deeper for Python than one of ten.
    """
    order: list[Any] = []
    seen: set[Any] = set()
    waiting: list[Any] = [root] if root.op is not None and root not in until else []
    while waiting:
        t = waiting.pop()
        if t is None:  # a mark: all that led to the Tensor below it is in order now
            order.append(waiting.pop())
        elif t not in seen:
            seen.add(t)
            waiting += (t, None)
            for x in reversed(t.inputs):
                if isinstance(x, Traced) and x.op is not None and x not in seen and x not in until:
                    waiting.append(x)
    order.reverse()
    return order
