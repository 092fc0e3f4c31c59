"""The formula of an operation, with its own operands filled in: x + y becomes z = v₃ + b."""

from __future__ import annotations

import inspect
import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..op import Op
from .text import literal, number, superscript

__all__ = ["Symbol", "formula"]

_WORD = re.compile(r"[\w.′'\[\]]{1,12}")  # a name that can stand in a formula without being misread
_PROSE = ("axis", "axes", "shape")  # settings whose names are plain words in a formula
_LETTER = re.compile(r"(?<![A-Za-z])[a-z](?![A-Za-z])")


class Symbol(NamedTuple):
    """What stands for a value: its base; the layer above it and an index below it, if it has them."""

    base: str
    layer: int | None = None
    below: str = ""

    def __str__(self) -> str:
        return self.base + (superscript(self.layer) if self.layer is not None else "") + self.below

    @property
    def short(self) -> bool:
        """Can it stand in a formula?  One word of few letters, written from left to right."""
        rtl = any(unicodedata.bidirectional(c) in ("R", "AL") for c in self.base)
        return _WORD.fullmatch(self.base) is not None and not rtl


def formula(op: Op, operands: Sequence[Symbol | float], params: Mapping[str, Any]) -> str:
    """op.formula with the numbers filled in, and the symbols too if each of them is short."""
    rule = literal(op.formula, 60)
    letters = _letters(op, rule, len(operands))
    if not letters and (not rule or not all(isinstance(x, Symbol) for x in operands)):
        inside = ", ".join(str(x) if isinstance(x, Symbol) else number(x) for x in operands)
        return literal(f"{op.name}({inside})", 60)
    named = all(x.short for x in operands if isinstance(x, Symbol))
    words = {name: _setting(value) for name, value in params.items() if name not in _PROSE}
    symbols = {a: x for a, x in zip(letters, operands, strict=False) if named or not isinstance(x, Symbol)}

    def fill(match: re.Match[str]) -> str:
        word = match[0]
        x = symbols.get(word)
        if isinstance(x, Symbol):  # e^-z, not e^-z²: there the layer would read as a power
            return x.base + x.below if rule[: match.start()].rstrip("-").endswith("^") else str(x)
        if x is not None:
            return f"({number(x)})" if x < 0 else number(x)
        return words.get(word) or word

    return literal(re.sub(r"[A-Za-z]+", fill, rule), 60)


def _letters(op: Op, rule: str, n: int) -> list[str]:
    """The letters of the operands in the formula: those of a derivative rule (g, z, *operands).

    Where the rule has others, the lone letters of the formula in their order; none if that fails, too.
    """
    rules = op.vjps if isinstance(op.vjps, tuple) else ()
    known = set(_LETTER.findall(rule))
    for vjp in rules:
        if vjp is not None:
            kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
            names = [p.name for p in inspect.signature(vjp).parameters.values() if p.kind in kinds]
            if len(names) == n + 2 and known.issuperset(names[2:]):
                return names[2:]
    lone = list(dict.fromkeys(_LETTER.findall(rule)))
    return lone if len(lone) == n else []


def _setting(value: Any) -> str:
    """A setting of an op, if it is a number or a few."""
    if isinstance(value, (bool, int, float)):
        return number(value)
    if isinstance(value, tuple) and len(value) <= 4 and all(type(v) is int for v in value):
        return ", ".join(map(str, value))
    return ""
