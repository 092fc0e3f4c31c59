"""Words and numbers for pictures: any name made safe to show, any array made short."""

from __future__ import annotations

import unicodedata
from numbers import Real
from typing import Any

import numpy as np

__all__ = ["is_real", "literal", "number", "plain", "subscript", "superscript", "values", "width"]

_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")
_SUBSCRIPTS = str.maketrans("0123456789-", "₀₁₂₃₄₅₆₇₈₉₋")


def superscript(n: int) -> str:
    """The layer, in brackets so that it is not taken for a power: 2 -> ⁽²⁾."""
    return f"⁽{str(n).translate(_SUPERSCRIPTS)}⁾"


def subscript(n: int) -> str:
    """The number of an unnamed value: 12 -> ₁₂."""
    return str(n).translate(_SUBSCRIPTS)


def plain(index: str) -> str:
    """The digits of a subscript: ₁₂ -> 12."""
    return unicodedata.normalize("NFKC", index)


def is_real(value: Any) -> bool:
    """Is it a real number, Python's or NumPy's?  True and False are not."""
    return isinstance(value, Real) and not isinstance(value, bool)


def literal(text: str, most: int = 40) -> str:
    """`text` on one line, without control characters and changes of direction; … where it was cut."""
    line = " ".join(text[:1000].split())
    line = "".join([c for c in line if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Cn")]).strip()
    cut = len(text) > 1000 or len(line) > most
    return line[: most - 1].rstrip() + "…" if cut else line


def number(value: Any, digits: int = 6) -> str:
    """A single number in full: six significant digits."""
    if isinstance(value, (bool, np.bool, int, np.integer)):
        size = abs(int(value))
        return str(value) if size < 10**15 else f"{value:.{digits}g}" if size < 10**300 else "a huge integer"
    return f"{value:.{digits}g}"


def values(array: Any) -> str:
    """A number in full; up to four entries as a list; more as their range."""
    if array.ndim == 0:
        return number(array[()])
    if array.size == 0:
        return "no entries"
    if array.size <= 4:
        return _entries(array.tolist())
    nans = np.isnan(array) if array.dtype.kind == "f" else np.zeros(array.shape, bool)
    count = int(nans.sum())
    if count == array.size:
        return "all NaN"
    known = array[~nans] if count else array
    low, high = known.min(), known.max()
    span = f"all {number(low, 4)}" if low == high else f"{number(low, 4)} … {number(high, 4)}"
    return f"{span}, and {count} NaN" if count else span


def _entries(nested: Any) -> str:
    return f"[{', '.join(map(_entries, nested))}]" if isinstance(nested, list) else number(nested, 4)


def width(text: str, size: float, bold: bool = False) -> float:
    """About how wide the text is, in the widest of the usual sans-serif fonts: boxes have room to spare."""
    return sum(map(_em, text)) * size * (1.1 if bold else 1.0)


def _em(c: str) -> float:
    if c in "ijl.,:;|!'()[] ·ft¹":
        return 0.40
    if c in "mwMW@%—…Σ" or c.isupper():
        return 1.0 if c in "mwMW@%—…" else 0.75
    if unicodedata.east_asian_width(c) in "WF":
        return 1.1
    return 0.0 if unicodedata.combining(c) else 0.64
