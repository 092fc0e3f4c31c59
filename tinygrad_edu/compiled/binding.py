"""Binding: a program and the world outside of it.  Written as Python, for it is run before and after every run.

look()         -> what the program reads, or None if a guard does not hold any more
store(values)  writes what the program wrote
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ..tensor import wrapped
from .answers import Itself, asked
from .program import Program, Value

__all__ = ["Binding"]


class Binding:
    """source: the two functions, for those who are curious."""

    def __init__(self, program: Program) -> None:
        self.names: dict[str, Any] = {"wrapped": wrapped, "seen": [None] * len(program.reads), "fitting": self._fitting}
        self.layouts = [(v.number, v.shape, v.dtype, v.strides, v.number and bool(v.sample)) for v, _ in program.reads]
        self.source = "\n".join([*self._look(program), "", *self._store(program), ""])
        exec(compile(self.source, f"<the outside of {program.name}>", "exec"), self.names)
        self.look: Callable[[], list[Any] | None] = self.names["look"]
        self.store: Callable[[list[Any]], None] = self.names["store"]

    def _look(self, program: Program) -> list[str]:
        questions: dict[tuple[str, Any], str] = {}  # each asked once
        for question, answer in program.guards:
            if isinstance(answer, Itself) and isinstance(question, partial) and question.func is asked:
                word = self._asked(question.args[0])
                questions[word, id(answer.x)] = f"{word} is {self._named('answer', answer.x)}"
                continue
            word = self._asked(question)
            questions[word, repr(answer)] = f"{word} == {self._named('answer', answer)}"
        for container, key, x in program.held:
            word = self._named("o", container)
            if key is None:
                questions[word, "length"] = f"len({word}) == {x}"
            else:
                look = f"{word}.get({key!r})" if isinstance(container, dict) else f"{word}[{key}]"
                questions[word, key] = f"{look} is {self._named('answer', x)}"
        lines = ["def look():"]
        for condition in questions.values():
            lines += [f"    if not ({condition}):", "        return None"]
        for i, (_, place) in enumerate(program.reads):
            lines += [
                f"    r{i} = {self._asked(place.get)}",
                f"    if r{i} is not seen[{i}]:",
                f"        r{i} = fitting({i}, r{i})",
                f"        if r{i} is None:",
                "            return None",
            ]
        return [*lines, f"    return [{', '.join(f'r{i}' for i in range(len(program.reads)))}]"]

    def _store(self, program: Program) -> list[str]:
        lines, k = ["def store(values):"], 0
        fits = {place.key: i for i, (v, place) in enumerate(program.reads) if _in_c_order(v)}
        for place, v in program.writes:
            word = f"values[{k}]" if v is not None else "None"
            k += v is not None
            kind = place.key[0] if isinstance(place.key, tuple) else None
            if kind == "data":
                seen = f"seen[{fits[place.key]}] = " if place.key in fits and v is not None and _in_c_order(v) else ""
                lines.append(f"    {seen}{self._named('t', place.owner)}._data = {word}")  # what is written fits again
            elif kind == "grad":
                made = word if v is None else f"wrapped({word})"
                lines.append(f"    {self._named('t', place.owner)}._grad = {made}")
            else:
                lines.append(f"    {self._named('put', place.put)}({word})")
        return [*lines, "    return"]

    def _asked(self, question: Any) -> str:
        """A look at an attribute or an entry, written out; everything else is called."""
        if isinstance(question, partial) and len(question.args) == 2 and not question.keywords:
            owner, name = question.args
            if question.func is getattr and isinstance(name, str) and name.isidentifier():
                return f"{self._named('o', owner)}.{name}"
            if question.func is operator.getitem and isinstance(name, (str, int)):
                return f"{self._named('o', owner)}[{name!r}]"
        if isinstance(question, partial) and len(question.args) == 1 and not question.keywords:
            return f"{self._named('ask', question.func)}({self._named('of', question.args[0])})"
        return f"{self._named('ask', question)}()"

    def _named(self, kind: str, thing: Any) -> str:
        name = f"{kind}{id(thing)}"
        self.names[name] = thing
        return name

    def _fitting(self, i: int, value: Any) -> Any:
        """What was read, if the program was made for its kind; None otherwise.  Another order of memory is mended."""
        number, shape, dtype, strides, truth = self.layouts[i]
        if number:
            if not isinstance(value, (int, float)) or isinstance(value, int) != (dtype.kind == "i"):
                return None
            if bool(value) != truth:
                return None
        elif value.shape != shape or value.dtype != dtype:
            return None
        elif value.strides != strides:
            return _laid_out(value, strides)
        self.names["seen"][i] = value
        return value


def _in_c_order(v: Value) -> bool:
    """Then both executors make it so."""
    return v.strides == np.empty(v.shape, v.dtype).strides


def _laid_out(value: Any, strides: tuple[int, ...]) -> Any:
    """The same numbers in the order of memory that was recorded."""
    new = np.ndarray(value.shape, value.dtype, strides=strides) if min(strides, default=1) > 0 else np.empty_like(value)
    new[...] = value
    return new
