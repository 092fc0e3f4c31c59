"""Answers: what a look-up found, in a form that tells later whether it is still the same.

Numbers and texts are compared by value, lists, dicts and sets by what is in them, everything else by identity.  What is
in a small NumPy array is asked for by `numbers_of`, where a program does not only read it.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["MOST", "SIMPLE", "Itself", "answer_of", "arrays_in", "asked", "numbers_of"]

SIMPLE = (int, float, complex, str, bytes, type(None))
MOST = 100  # entries of a list that are asked for, each by what is in it
_LONG = 10_000  # entries of a longer one: by which objects they are


class Itself:
    """Equal to nothing but itself; keeps what it stands for alive."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and self.x is other.x

    __hash__ = None  # type: ignore[assignment]


class _Entries:
    """Those of a long list as they were; equal to the same objects, or to equal numbers and texts."""

    def __init__(self, entries: Iterable[Any]) -> None:
        self.entries = tuple(entries)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Entries) or len(self.entries) != len(other.entries):
            return False
        if all(map(operator.is_, self.entries, other.entries)):
            return True
        pairs = zip(self.entries, other.entries, strict=True)
        return all(a is b or answer_of(a) == answer_of(b) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]


def arrays_in(answer: Any) -> Iterator[Any]:
    """The NumPy arrays among the answers."""
    if isinstance(answer, Itself):
        if isinstance(answer.x, np.ndarray):
            yield answer.x
    elif isinstance(answer, (list, tuple)):
        for part in answer:
            yield from arrays_in(part)


def numbers_of(array: Any) -> tuple[Any, ...]:
    """All that is in an array."""
    return array.shape, array.dtype.str, array.tobytes()


def asked(look: Callable[[], Any]) -> Any:
    """What is found there now."""
    return answer_of(look())


def answer_of(value: Any) -> Any:
    """A value in a form that can be compared."""
    if isinstance(value, (float, complex)):
        return type(value), repr(value)  # 0.0 is not -0.0, and NaN is NaN
    if isinstance(value, SIMPLE):
        return type(value), value  # 1 is not True
    if isinstance(value, (list, tuple, deque)) and len(value) <= MOST:
        return type(value), [answer_of(part) for part in value]
    if isinstance(value, dict) and len(value) <= MOST:
        return dict, list(value), [answer_of(part) for part in value.values()]
    if isinstance(value, set) and len(value) <= _LONG:
        return set, frozenset((type(part), part) for part in value)
    if isinstance(value, (list, tuple, deque, dict)) and len(value) <= _LONG:
        return type(value), _Entries(value), _Entries(value.values() if isinstance(value, dict) else ())
    if isinstance(value, (list, tuple, deque, dict, set)):
        return Itself(value), len(value)
    return Itself(value)
