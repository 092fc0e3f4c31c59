"""What is recorded, and the one walk over it.

The graph has no nodes of its own: a Tensor that an op made holds that op and its inputs, and points to
nothing that came after it.  So there are no cycles, and a graph is freed the moment its last Tensor is.
"""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, ContextDecorator
from contextvars import ContextVar
from functools import wraps
from typing import Any, Self

from .op import Traced

__all__ = ["Watcher", "is_grad_enabled", "no_grad", "recording", "toposort"]

recording: ContextVar[bool | Watcher] = ContextVar("tinygrad_edu.recording", default=True)
"""False, True, or a Watcher.  Every thread and every asyncio task has its own."""


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

    def __init__(self) -> None:
        self._before: list[bool | Watcher] = []

    def _recreate_cm(self) -> no_grad:
        return no_grad()  # as a decorator: one of its own for every call

    def __call__(self, function: Any) -> Any:
        """As a decorator; a generator is inside whenever it runs, and outside whenever it waits."""
        if not inspect.isgeneratorfunction(function):
            return super().__call__(function)

        @wraps(function)
        def steps(*args: Any, **kwargs: Any) -> Any:
            with no_grad():
                generator = function(*args, **kwargs)
            sent = None
            while True:
                try:
                    with no_grad():
                        value = generator.send(sent)
                except StopIteration as stop:
                    return stop.value
                sent = yield value

        return steps

    def __enter__(self) -> no_grad:
        self._before.append(recording.get())
        recording.set(False)
        return self

    def __exit__(self, *exc: object) -> None:
        recording.set(self._before.pop())


def toposort(root: Traced) -> list[Any]:
    """All Tensors made by ops that lead to `root`, each after everything that was made from it.

    Depth first, without recursion: a chain of a million nodes is no deeper for Python than one of ten.
    """
    order: list[Any] = []
    seen: set[Any] = set()
    waiting: list[Any] = [root] if root.op is not None else []
    while waiting:
        t = waiting.pop()
        if t is None:  # all that led to the one below is in order
            order.append(waiting.pop())
        elif t not in seen:
            seen.add(t)
            waiting += (t, None)
            for x in reversed(t.inputs):
                if isinstance(x, Traced) and x.op is not None and x not in seen:
                    waiting.append(x)
    order.reverse()
    return order
