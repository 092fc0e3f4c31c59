"""Dice: random draws that a program would repeat for ever, and generators that are put back where they were."""

from __future__ import annotations

import random
import threading
import types
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..errors import JitError
from .answers import Itself
from .lookup import Question

__all__ = ["Dice", "undo_draws"]


class Dice:
    """Were random numbers drawn that the program would keep?  Two draws may be equal: to compare them is not enough.

    questions  what `looked_up` found: the generators that the function uses
    names      the names in its code

    Python's and NumPy's common generators move on when another thread draws, too.  So where there are other threads,
    they are only looked at if the function's code says `random` somewhere.
    """

    def __init__(self, questions: Iterable[Question], names: Iterable[str]) -> None:
        found = [(answer.x, name) for _, answer, name in questions if isinstance(answer, Itself)]
        self.generators = {name: x.bit_generator for x, name in found if isinstance(x, np.random.Generator)}
        self.named = "random" in names or any(_of_a_common_one(x) for x, _ in found)
        self.before = self._states()

    def _states(self) -> dict[str, Any]:
        """Every generator's state, by what it is called."""
        common: Any = np.random.get_state(legacy=True)  # noqa: NPY002
        numbers = common[1].tobytes()  # 624 of them: to compare them one by one would take longer
        states = {"Python's random": random.getstate(), "np.random": (numbers, *common[2:])}
        return states | {name: repr(bits.state) for name, bits in self.generators.items()}

    def check(self, draws: list[Any]) -> None:
        """JitError if one has moved on; those of a Generator are right where there are draws by fresh()."""
        alone = threading.active_count() == 1
        for name, state in self._states().items():
            if state == self.before[name] or (draws and name in self.generators):
                continue
            if name in self.generators or alone or self.named:
                raise JitError(
                    f"{name} drew a number in a function under jit: the program would draw the same for ever.  Write "
                    f"fresh(lambda: rng.random(3)) where it is drawn, or draw outside and pass it as an argument"
                )


def _of_a_common_one(x: Any) -> bool:
    """Is it a function that draws from a common generator, as `shuffle` of `from random import shuffle`?"""
    if not isinstance(x, (types.MethodType, types.BuiltinFunctionType)):
        return False  # another object's attributes are not to be touched
    return isinstance(x.__self__, (random.Random, np.random.RandomState))


def undo_draws(makes: Iterable[Callable[[], Any]]) -> Callable[[], None]:
    """What puts the generators that these functions draw from back to where they are now."""
    bits = {id(g): g.bit_generator for make in makes for g in _generators(make)}
    states = [(b, b.state) for b in bits.values()]

    def undo() -> None:
        for b, state in states:
            b.state = state

    return undo


def _generators(make: Any) -> list[Any]:
    cells = (getattr(cell, "cell_contents", None) for cell in getattr(make, "__closure__", None) or ())
    return [x for x in cells if isinstance(x, np.random.Generator)]
