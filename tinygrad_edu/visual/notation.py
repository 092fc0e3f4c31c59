"""A formula as a line of text: the tree ["multiply", ["grad", "n5"], "n3"] becomes ∂C/∂z · w."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .text import literal, number

__all__ = ["infix"]

SUM, PRODUCT, MATRIX, SIGN, POWER, ATOM = range(6)  # how tightly a formula holds together

_BINARY: dict[str, tuple[str, int]] = {
    "add": (" + ", SUM),
    "subtract": (" - ", SUM),
    "multiply": (" · ", PRODUCT),
    "divide": (" / ", PRODUCT),
    "matmul": (" ", MATRIX),
    "equal": (" = ", SUM),
    "less": (" < ", SUM),
    "less_equal": (" ≤ ", SUM),
    "greater": (" > ", SUM),
    "greater_equal": (" ≥ ", SUM),
}
_FUNCTIONS = {
    "sigmoid": "σ",
    "dsigma": "σ'",
    "sqrt": "√",
    "arcsinh": "arsinh",
    "arccosh": "arcosh",
    "arctanh": "artanh",
}


def infix(tree: Any, name: Callable[[str], str], gradient: Callable[[str], str]) -> str:
    """The tree as people write it; name(id) and gradient(id) say how a Tensor and its dC/d(…) are written."""
    return _written(tree, name, gradient)[0]


def _written(tree: Any, name: Callable[[str], str], gradient: Callable[[str], str]) -> tuple[str, int]:
    """The text, and how tightly it holds together."""

    def at_least(tight: int, part: Any) -> str:
        text, own = _written(part, name, gradient)
        return text if own >= tight else f"({text})"

    def argument(part: Any) -> str:
        match part:
            case [str(setting), value] if setting in _SETTINGS:
                return f"{setting}={at_least(SUM, value)}"
        return at_least(SUM, part)

    match tree:
        case bool() | None:
            return str(tree), ATOM
        case int() | float():
            return number(tree, 4), SIGN if tree < 0 else ATOM
        case "NaN":
            return tree, ATOM
        case "Infinity" | "-Infinity":
            return ("-∞", SIGN) if tree[0] == "-" else ("∞", ATOM)
        case str():
            text = name(tree)
            return text, SUM if text.startswith("-") else ATOM
        case ["grad", str(key)]:
            text = gradient(key)
            return text, SUM if text.startswith("-") else PRODUCT if text.endswith("/S") else ATOM if len(
                text
            ) == 1 else POWER
        case [str(op), x, y] if op in _BINARY:
            sign, tight = _BINARY[op]
            right = tight if op == "add" else tight + 1
            return f"{at_least(tight, x)}{sign}{at_least(right, y)}", tight
        case ["negative", x]:
            return f"-{at_least(PRODUCT, x)}", PRODUCT
        case ["linear", x, w, b]:
            return f"{at_least(MATRIX, x)} {at_least(ATOM, w)}ᵀ + {at_least(PRODUCT, b)}", SUM
        case ["quadratic_cost", a, y]:
            return f"½ Σ ({at_least(SUM, a)} - {at_least(PRODUCT, y)})² / S", PRODUCT
        case ["sum" | "sum_to", x, *_]:
            return f"Σ {at_least(PRODUCT, x)}", PRODUCT
        case ["reshape", x, _]:
            return f"{at_least(SUM, x)} reshaped", SUM
        case ["broadcast_to", ["reshape", x, _] | x, _]:
            return f"{at_least(SUM, x)} in every entry", SUM
        case ["power", x, n]:
            return f"{at_least(ATOM, x)}^{at_least(ATOM, n)}", POWER
        case ["square", x]:
            return f"{at_least(ATOM, x)}²", POWER
        case ["exp", x]:
            return f"e^{at_least(SIGN, x)}", POWER
        case ["absolute" | "fabs", x]:
            return f"|{at_least(SUM, x)}|", ATOM
        case ["transpose", x, ["axes", ["tuple", *axes]]] if axes[-2:] == [len(axes) - 1, len(axes) - 2]:
            return f"{at_least(ATOM, x)}ᵀ", ATOM
        case ["where", c, x, y]:
            return f"{at_least(SIGN, x)} if {at_least(SUM, c)} else {at_least(SIGN, y)}", SUM
        case ["array", *shape]:
            return f"array{tuple(shape)}", ATOM
        case ["tuple", *entries]:
            return f"({', '.join(at_least(SUM, x) for x in entries)})", ATOM
        case ["setting", str(text)]:
            return literal(text, 20), ATOM
        case ["call", str(own), *parts]:  # an op of the user's own, whatever it is called
            return f"{literal(own)}({', '.join(map(argument, parts))})", ATOM
        case [str(op), *parts]:
            return f"{_FUNCTIONS.get(op, op)}({', '.join(map(argument, parts))})", ATOM
    return literal(repr(tree), 20), ATOM


# fmt: off
_SETTINGS = frozenset((
    "axes", "axis", "dilation", "dtype", "groups", "hi", "keepdims", "key", "lo",
    "order", "pad", "reverse", "shape", "size", "stride", "value",
))
# fmt: on
