"""Ops that work entry by entry: what each one is as a C expression."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .c_types import NAMES, literal, name

__all__ = ["computed_in", "expression"]

Words = list[str]
Writer = Callable[[Words, np.dtype[Any]], str]

_COMPARES = {"equal": "==", "not_equal": "!=", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
_LOGICAL = {"logical_and", "logical_or", "logical_xor", "logical_not"}
_TESTS = {"isnan", "isinf", "isfinite", "signbit"}


def computed_in(op: str, inputs: list[Any], weak: tuple[bool, ...], out: np.dtype[Any]) -> np.dtype[Any] | None:
    """The dtype that all inputs are cast to before the op, as NumPy does it; None if C has no equal."""
    if op not in _COMPARES and op not in _LOGICAL and op not in _TESTS:
        return out if out.name in NAMES else None
    firm = [_dtype(x) for x, w in zip(inputs, weak, strict=True) if not w]
    loose = [_dtype(x) for x, w in zip(inputs, weak, strict=True) if w]
    if not firm:
        dtype = np.result_type(*loose)
    else:
        numbers = {"b": False, "i": 0, "u": 0, "f": 0.0}
        dtype = np.result_type(*firm, *(numbers[d.kind] for d in loose))
    if any(d.kind == "u" for d in firm) and any(d.kind == "i" for d in firm):
        return None  # NumPy compares 64 bits with and without a sign exactly
    return dtype if dtype.name in NAMES else None


def _dtype(x: Any) -> np.dtype[Any]:
    found = getattr(x, "dtype", None)
    return np.dtype(type(x)) if found is None else found


def expression(op: str, words: Words, dtype: np.dtype[Any], params: dict[str, Any]) -> str | None:
    """op(*words) as C, where every word is of this dtype; None if C has no equal."""
    if op in _SPECIAL:
        return _SPECIAL[op](words, dtype, params)
    if dtype.kind == "f":
        writer = _ON_FLOATS.get(op) or _ON_ALL.get(op)
    elif dtype.kind == "b":
        writer = _ON_BOOLS.get(op) or _ON_ALL.get(op)
    else:
        writer = _ON_INTEGERS.get(op) or _ON_ALL.get(op)
    return None if writer is None or params else writer(words, dtype)


def _infix(sign: str) -> Writer:
    return lambda w, t: f"{w[0]} {sign} {w[1]}"


def _call(function: str) -> Writer:
    """f(x, ...): expf for float, exp for double."""
    return lambda w, t: f"{function}{'f' if t.itemsize == 4 else ''}({', '.join(w)})"


def _helper(function: str) -> Writer:
    """A function of c_helpers: maximum_float, maximum_double."""
    return lambda w, t: f"{function}_{name(t)}({', '.join(w)})"


def _scaled(factor: float) -> Writer:
    return lambda w, t: f"{w[0]} * {literal(factor, t)}"


def _same(words: Words, dtype: np.dtype[Any]) -> str:
    return words[0]


_ON_ALL: dict[str, Writer] = {
    **{op: _infix(sign) for op, sign in _COMPARES.items()},
    "where": lambda w, t: f"{w[0]} ? {w[1]} : {w[2]}",
    "copy": _same,
    "zeros_like": lambda w, t: literal(0, t),
    "logical_and": lambda w, t: f"({w[0]} != 0) & ({w[1]} != 0)",
    "logical_or": lambda w, t: f"({w[0]} != 0) | ({w[1]} != 0)",
    "logical_xor": lambda w, t: f"({w[0]} != 0) != ({w[1]} != 0)",
    "logical_not": lambda w, t: f"{w[0]} == 0",
}

_ON_FLOATS: dict[str, Writer] = {
    "add": _infix("+"),
    "subtract": _infix("-"),
    "multiply": _infix("*"),
    "divide": _infix("/"),
    "power": _call("pow"),
    "float_power": _call("pow"),
    "maximum": lambda w, t: f"{w[0]} != {w[0]} ? {w[0]} : {w[0]} > {w[1]} ? {w[0]} : {w[1]}",
    "minimum": lambda w, t: f"{w[0]} != {w[0]} ? {w[0]} : {w[0]} < {w[1]} ? {w[0]} : {w[1]}",
    "fmax": lambda w, t: f"{w[1]} != {w[1]} ? {w[0]} : {w[0]} >= {w[1]} ? {w[0]} : {w[1]}",
    "fmin": lambda w, t: f"{w[1]} != {w[1]} ? {w[0]} : {w[0]} <= {w[1]} ? {w[0]} : {w[1]}",
    "hypot": _call("hypot"),
    "arctan2": _call("atan2"),
    "logaddexp": _helper("logaddexp"),
    "logaddexp2": _helper("logaddexp2"),
    "remainder": _helper("remainder"),
    "floor_divide": _helper("floor_divide"),
    "fmod": _call("fmod"),
    "negative": lambda w, t: f"-{w[0]}",
    "absolute": _call("fabs"),
    "fabs": _call("fabs"),
    "exp": _helper("exp"),
    "log": _call("log"),
    "sqrt": _call("sqrt"),
    "tanh": _helper("tanh"),
    "sin": _call("sin"),
    "cos": _call("cos"),
    "tan": _call("tan"),
    "arcsin": _call("asin"),
    "arccos": _call("acos"),
    "arctan": _call("atan"),
    "sinh": _call("sinh"),
    "cosh": _call("cosh"),
    "arcsinh": _call("asinh"),
    "arccosh": _call("acosh"),
    "arctanh": _call("atanh"),
    "exp2": _call("exp2"),
    "expm1": _call("expm1"),
    "log1p": _call("log1p"),
    "log2": _call("log2"),
    "log10": _call("log10"),
    "square": lambda w, t: f"{w[0]} * {w[0]}",
    "cbrt": _call("cbrt"),
    "reciprocal": lambda w, t: f"1 / {w[0]}",
    "positive": _same,
    "deg2rad": _scaled(math.pi / 180),
    "radians": _scaled(math.pi / 180),
    "rad2deg": _scaled(180 / math.pi),
    "degrees": _scaled(180 / math.pi),
    "erf": lambda w, t: f"({name(t)})erf((double){w[0]})",
    "sigmoid": _helper("sigmoid"),
    "relu": lambda w, t: f"{w[0]} <= 0 ? 0 : {w[0]}",
    "sign": lambda w, t: f"{w[0]} > 0 ? 1 : {w[0]} < 0 ? -1 : {w[0]} == 0 ? 0 : {w[0]}",
    "floor": _call("floor"),
    "ceil": _call("ceil"),
    "trunc": _call("trunc"),
    "rint": _call("rint"),
    "heaviside": lambda w, t: f"{w[0]} > 0 ? 1 : {w[0]} < 0 ? 0 : {w[0]} == 0 ? {w[1]} : {w[0]}",
    "copysign": _call("copysign"),
    "isnan": lambda w, t: f"{w[0]} != {w[0]}",
    "isinf": lambda w, t: f"fabs{'f' if t.itemsize == 4 else ''}({w[0]}) == INFINITY",
    "isfinite": lambda w, t: f"fabs{'f' if t.itemsize == 4 else ''}({w[0]}) < INFINITY",
    "signbit": lambda w, t: f"signbit({w[0]}) != 0",
}


def _wrapping(sign: str) -> Writer:
    """Integers wrap around, as NumPy's do; in C only those without a sign may."""

    def write(w: Words, t: np.dtype[Any]) -> str:
        a, b = w if len(w) == 2 else ("0", w[0])
        if t.kind == "u":
            return f"({name(t)})({a} {sign} {b})"
        return f"({name(t)})((uint64_t){a} {sign} (uint64_t){b})"

    return write


_ON_INTEGERS: dict[str, Writer] = {
    "add": _wrapping("+"),
    "subtract": _wrapping("-"),
    "multiply": _wrapping("*"),
    "maximum": lambda w, t: f"{w[0]} > {w[1]} ? {w[0]} : {w[1]}",
    "minimum": lambda w, t: f"{w[0]} < {w[1]} ? {w[0]} : {w[1]}",
    "fmax": lambda w, t: f"{w[0]} > {w[1]} ? {w[0]} : {w[1]}",
    "fmin": lambda w, t: f"{w[0]} < {w[1]} ? {w[0]} : {w[1]}",
    "negative": _wrapping("-"),
    "absolute": lambda w, t: f"{w[0]} < 0 ? {_wrapping('-')(w, t)} : {w[0]}",
    "square": lambda w, t: _wrapping("*")([w[0], w[0]], t),
    "positive": _same,
    "relu": lambda w, t: f"{w[0]} > 0 ? {w[0]} : 0",
    "sign": lambda w, t: f"({w[0]} > 0) - ({w[0]} < 0)",
    "floor": _same,
    "ceil": _same,
    "trunc": _same,
    "rint": _same,
    "bitwise_and": _infix("&"),
    "bitwise_or": _infix("|"),
    "invert": lambda w, t: f"~{w[0]}",
    "isnan": lambda w, t: "0",
    "isinf": lambda w, t: "0",
    "isfinite": lambda w, t: "1",
    "signbit": lambda w, t: f"{w[0]} < 0",
}

_ON_BOOLS: dict[str, Writer] = {
    "logical_and": _infix("&"),
    "logical_or": _infix("|"),
    "logical_not": lambda w, t: f"!{w[0]}",
    "add": _infix("|"),  # NumPy: True + True is True
    "multiply": _infix("&"),
    "bitwise_and": _infix("&"),
    "bitwise_or": _infix("|"),
    "maximum": _infix("|"),
    "minimum": _infix("&"),
    "fmax": _infix("|"),
    "fmin": _infix("&"),
    "invert": lambda w, t: f"!{w[0]}",
    "isnan": lambda w, t: "0",
    "isinf": lambda w, t: "0",
    "isfinite": lambda w, t: "1",
}


# ---- ops with settings ---------------------------------------------------------------------------------------


def _clip(words: Words, dtype: np.dtype[Any], params: dict[str, Any]) -> str | None:
    text = words[0]
    for key, sign in (("lo", "<"), ("hi", ">")):
        bound = params[key]
        if bound is None:
            continue
        if not isinstance(bound, (int, float)) or (dtype.kind != "f" and not isinstance(bound, int)) or bound != bound:
            return None
        if dtype.kind == "b" or (dtype.kind in "iu" and not np.iinfo(dtype).min <= bound <= np.iinfo(dtype).max):
            return None
        edge = literal(bound, dtype)
        text = f"({text} {sign} {edge} ? {edge} : {text})"
    return text


def _astype(words: Words, dtype: np.dtype[Any], params: dict[str, Any]) -> str | None:
    return words[0]  # every word is cast already


def _full_like(words: Words, dtype: np.dtype[Any], params: dict[str, Any]) -> str | None:
    value = params["value"]
    if np.ndim(value) or not isinstance(value, (bool, int, float, np.generic)):
        return None
    with np.errstate(all="ignore"):
        return literal(np.full((), value, dtype)[()], dtype)


_SPECIAL: dict[str, Any] = {"clip": _clip, "astype": _astype, "full_like": _full_like}
