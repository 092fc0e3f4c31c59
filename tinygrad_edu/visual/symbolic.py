"""The third reading of a row: on symbols.  A rule read on symbols is the formula of the derivative.

A formula is a tree in prefix form, as plain lists: ["multiply", "n3", ["subtract", 1, "n5"]].  A string is the
id of a Tensor in the trace; ["grad", "n5"] is dC/d(that Tensor).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, Traced
from ..operators import Operators
from ..ops import TABLE
from ..ops import elementwise as e

__all__ = ["Math", "head", "local_derivative", "passed_part"]

Math = Any  # list | str | number


class Symbol(Operators):
    """A value that stands for itself in a formula: it has a shape and a dtype, and is written as a tree."""

    __slots__ = ("_data", "_requires_grad", "inputs", "op", "terms", "tree")

    def __init__(self, tree: Math, data: Any, terms: int = 1) -> None:
        self.tree, self._data, self.terms = tree, data, terms
        self.op, self.inputs, self._requires_grad = None, (), False

    def _apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any] | None = None) -> Any:
        params = params or {}
        terms = 1 + sum(x.terms if isinstance(x, Symbol) else 1 for x in inputs)
        if terms > 200:  # a loop in a rule of the user's own: nobody reads such a formula
            raise OverflowError("this formula is too long to be written")
        with np.errstate(all="ignore"):  # a formula may be written down where it cannot be computed
            data = op.forward(*[x._data if isinstance(x, Symbol) else x for x in inputs], **params)
        trees = [x.tree if isinstance(x, Symbol) else _constant(x) for x in inputs]
        settings = [[name, _setting(value)] for name, value in params.items()]
        return Symbol(_simpler([*head(op), *trees, *settings]), data, terms)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.asarray(self._data, dtype)

    __hash__ = object.__hash__


def head(op: Op) -> list[str]:
    """What the tree of an op begins with: its name if it is one of ours, ["call", name] if it is the user's own.

    So a user's op that is called "square" is not written as a square: what it computes is known to the user alone.
    """
    return [op.name] if TABLE.get(op.name) is op else ["call", op.name]


def local_derivative(t: Any, i: int, ids: dict[Any, str]) -> tuple[Math, Any] | None:
    """dz/dx of an op that works entry by entry, z = t and x its i-th input: the formula, and its values.

    None for other ops: there the derivative of an entry has more than one entry.
    """
    if not t.op.elementwise or callable(t.op.vjps) or t.op.vjps[i] is None:
        return None
    one = np.ones_like(t._data)
    try:
        found = t.op.vjps[i](Symbol(1, one), *_symbols(t, ids), **t.params)
    except Exception:  # a rule of the user's own may do what only arrays can: see passed_part
        return None
    tree, values = (found.tree, found._data) if isinstance(found, Symbol) else (_constant(found), found)
    if t.op is e.sigmoid and t.inputs[0] in ids:
        tree = ["dsigma", ids[t.inputs[0]]]
    return tree, np.broadcast_to(values, t.shape)


def passed_part(t: Any, i: int, ids: dict[Any, str]) -> Math:
    """What the sweep passes from t on to its i-th input: the rule, with g = dC/dt written as ["grad", t].

    ["sum_to", part] where the input was broadcast: its entries receive the sum.
    """
    if t.op is e.sigmoid and t.inputs[0] in ids:
        return ["multiply", ["grad", ids[t]], ["dsigma", ids[t.inputs[0]]]]  # the lecture's: times sigma'(z)
    rules, g = t.op.vjps, Symbol(["grad", ids[t]], np.ones_like(t._data))
    symbols = _symbols(t, ids)
    try:
        part = rules(g, *symbols, **t.params)[i] if callable(rules) else rules[i](g, *symbols, **t.params)
    except Exception:  # a rule of the user's own may do what only arrays can; every row of ours reads, see the tests
        return ["derivative", ["grad", ids[t]], ["setting", t.op.name]]
    if not isinstance(part, Symbol):
        return _constant(part)
    broadcast = len(part.shape) > t.inputs[i].ndim or np.prod(part.shape) > t.inputs[i].size
    return ["sum_to", part.tree] if broadcast else part.tree  # the sweep undoes broadcasting


def _symbols(t: Any, ids: dict[Any, str]) -> list[Any]:
    """The arguments of a rule after g: the output, and the inputs as they were; numbers stay numbers."""
    inputs = [
        Symbol(ids.get(x, "…"), a) if isinstance(x, Traced) else a for x, a in zip(t.inputs, t._arrays, strict=True)
    ]
    return [Symbol(ids[t], t._data), *inputs]


def _constant(x: Any) -> Math:
    if np.ndim(x) == 0:
        return _finite(x.item() if isinstance(x, np.generic | np.ndarray) else x)
    return ["array", *np.shape(x)]


def _finite(x: Any) -> Math:
    """A number that JSON can hold: NaN and the infinities as text."""
    if isinstance(x, float) and not np.isfinite(x):
        return "NaN" if x != x else "Infinity" if x > 0 else "-Infinity"
    return x


def _setting(value: Any) -> Math:
    if isinstance(value, (int, float, str)) or value is None:
        return _finite(value)
    if isinstance(value, tuple):
        return ["tuple", *map(_setting, value)]
    return ["setting", f"{value!r:.40}"]


def _simpler(tree: list[Any]) -> Math:
    """The same formula without factors of 1."""
    match tree:
        case ["multiply", 1 | 1.0, x] | ["multiply", x, 1 | 1.0] | ["divide", x, 1 | 1.0]:
            return x
        case ["power", x, 1 | 1.0]:
            return x
        case ["zeros_like", _]:
            return 0
        case ["negative", int() | float() as number]:
            return -number
        case ["multiply", -1 | -1.0, x] | ["multiply", x, -1 | -1.0]:
            return ["negative", x]
        case ["multiply", ["negative", x], y]:
            return ["negative", _simpler(["multiply", x, y])]
        case ["divide", ["negative", x], y]:
            return ["negative", _simpler(["divide", x, y])]
    return tree
