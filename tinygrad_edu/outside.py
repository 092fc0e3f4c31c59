"""What a function under jit takes from outside of its Tensors: draws, settings, checks of values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .capture import captures, capturing
from .errors import DtypeError
from .tensor import Tensor

__all__ = ["checked_index", "fresh", "guard", "guard_object"]


def fresh(make: Callable[[], Any]) -> Any:
    """A Tensor of make(), a number or an array that comes from outside, as a random draw does.

    In a function under jit, make() is called at every run; Tensor(make()) would be the first draw for ever.

    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> fresh(lambda: rng.random(3)).shape
    (3,)
    """
    capture = capturing()
    t = Tensor(make())
    if capture is not None:
        capture.made_fresh(t, make)
    return t


def guard(question: Callable[[], Any]) -> Any:
    """question(), on whose answer a recorded program is built: with another answer, jit records anew.

    For what a function under jit looks up outside of its Tensors, as `self.training`.  Answers are compared by ==.
    """
    answer = question()
    if captures and (capture := capturing()):
        capture.guard(question, answer)
    return answer


def guard_object(owner: Any) -> None:
    """A program that jit records here is built on what the object holds, as a layer its weights and settings.

    With another object as one of its attributes, or as an entry of a list among them, jit records anew.
    """
    if captures and (capture := capturing()):
        capture.guard_object(owner)


def checked_index(t: Any, check: Callable[[Any], Any]) -> Any:
    """The Tensor of indices t, without its graph, after check(array) looked at it, which may raise.

    In a function under jit, the check is made at every run in which t picks something: x[t].
    """
    if not isinstance(t, Tensor):
        raise DtypeError(f"checked_index takes a Tensor of indices, not {t!r:.40}: checked_index(Tensor(labels), …)")
    check(t._data)
    capture = capturing()
    t = t.detach()
    if capture is not None:
        capture.checks[t] = check
    return t
