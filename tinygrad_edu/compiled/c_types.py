"""NumPy's dtypes and numbers, as C writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["NAMES", "Machine", "literal", "name"]

NAMES = {
    "float32": "float",
    "float64": "double",
    "bool": "uint8_t",  # of C's own bool in memory, gcc makes no vectors
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "uint32": "uint32_t",
    "uint64": "uint64_t",
}


def name(dtype: Any) -> str:
    """float32 -> float"""
    return NAMES[np.dtype(dtype).name]


def literal(x: Any, dtype: Any) -> str:
    """A number as a C constant of a dtype: 0.1 -> 0.1f"""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return "1" if x else "0"
    if dtype.kind in "iu":
        ending = ("u" if dtype.kind == "u" else "") + ("ll" if dtype.itemsize == 8 else "")
        if int(x) == -(2**63):
            return "(-9223372036854775807ll - 1)"
        text = f"{int(x)}{ending}"
        return f"({text})" if int(x) < 0 else text
    with np.errstate(over="ignore"):
        x = dtype.type(x)
    if np.isnan(x):
        return f"({name(dtype)})NAN"
    if np.isinf(x):
        return f"({name(dtype)}){'-' if x < 0 else ''}INFINITY"
    text = repr(float(x)) if dtype.itemsize == 8 else str(x)
    if "." not in text and "e" not in text:
        text += ".0"
    text += "f" if dtype.itemsize == 4 else ""
    return f"({text})" if math.copysign(1, float(x)) < 0 else text


@dataclass(frozen=True, slots=True)
class Machine:
    """What the text is written for.  vector: bytes in a register of the processor; blas: can NumPy's BLAS be called?"""

    vector: int = 32
    blas: bool = False

    @property
    def sums(self) -> int:
        """How many vectors of sums stay in registers: there are 32 of them, or 16."""
        return 25 if self.vector == 64 else 12
