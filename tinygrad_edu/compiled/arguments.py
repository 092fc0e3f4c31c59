"""What comes in and what goes out: the arguments of a function under jit, and its results."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import GradientError, JitError, ShapeError
from ..graph import is_grad_enabled
from ..op import Op
from ..tensor import Tensor, wrapped
from ..tree import leaves, rebuilt
from .program import Value

__all__ = [
    "as_drawn",
    "barred",
    "form_of",
    "handed_out",
    "in_stack",
    "is_data",
    "joined",
    "one_row",
    "same_result",
    "shell_of",
    "stacked",
    "stacked_as",
]

# ---- arguments --------------------------------------------------------------------------------------------


def is_data(x: Any) -> bool:
    """Is this argument other at each call?"""
    if isinstance(x, Tensor):
        if x.op is not None and x._requires_grad and is_grad_enabled():
            raise GradientError(
                "a function under jit got a Tensor with a graph behind it, which would be lost: pass x.detach(), or "
                "put what made it into the function too"
            )
        return not x._requires_grad or x.op is not None
    return isinstance(x, (np.ndarray, np.generic, float))


def form_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Any]]:
    """What a recording is known by, and the data among the arguments."""
    form: list[Any] = [is_grad_enabled()]
    arrays: list[Any] = []
    for x in args:
        _add(x, form, arrays)
    if kwargs:
        for name in kwargs:
            form.append(name)
            _add(kwargs[name], form, arrays)
    return tuple(form), arrays


def _add(x: Any, form: list[Any], arrays: list[Any]) -> None:
    kind = type(x)
    if kind is Tensor and is_data(x):
        x = x._data
        kind = type(x)
    if isinstance(x, np.ndarray):
        x = np.asarray(x)  # of a subclass, as a memmap, its numbers
        dense = _c_strides(x.shape, x.itemsize)
        if x.strides != dense or not x.dtype.isnative:  # in the order in which the function gets its copy
            x = np.array(x, x.dtype.newbyteorder("="))
        arrays.append(x if x.ndim else x[()])
        form.append((x.shape, x.dtype, x.strides if x.strides != dense else None))
    elif isinstance(x, (np.generic, float)):
        x = x if isinstance(x, np.generic) else np.float64(x)
        arrays.append(x)
        form.append(((), x.dtype, None))
    elif isinstance(x, (list, tuple)):
        form.append((kind, len(x)))
        for branch in x:
            _add(branch, form, arrays)
    elif isinstance(x, dict):
        form.append((kind, tuple(x), tuple(map(type, x))))  # {1: …} is not {1.0: …}
        for branch in x.values():
            _add(branch, form, arrays)
    elif x is None or isinstance(x, (int, str, bytes)):
        form.append((kind, x))
    else:
        form.append(SameObject(x))


@lru_cache(maxsize=4096)
def _c_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    return (
        np.empty(shape, f"V{itemsize}").strides
        if 0 in shape
        else tuple(itemsize * math.prod(shape[k + 1 :]) for k in range(len(shape)))
    )


class SameObject:
    """An argument that is part of the program: this very object."""

    def __init__(self, x: Any) -> None:
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SameObject) and self.x is other.x

    def __hash__(self) -> int:
        return id(self.x)


def stacked(i: int, a: Any) -> Any:
    if isinstance(a, Tensor):
        is_data(a)  # raises for one with a graph
    array = np.asarray(a._data if isinstance(a, Tensor) else a)
    if array.dtype.kind not in "fiub" or not array.ndim:
        raise ShapeError(f"scan: argument {i} is an array with one entry for each step: got {a!r:.60}")
    return array


def stacked_as(a: Any, v: Value) -> Any:
    """The stack in the form that the program was recorded with."""
    return np.ascontiguousarray(a)


def as_drawn(made: Any, v: Value) -> Any:
    """What was drawn, in the form of the recording."""
    array = made._data if isinstance(made, Tensor) else np.asarray(made)
    if array.shape != v.shape or array.dtype != v.dtype:
        raise JitError(
            f"fresh(…) gave shape {array.shape} and dtype {array.dtype}; when it was recorded, {v.shape} and {v.dtype}"
        )
    return np.ascontiguousarray(array) if array.ndim else array[()]


# ---- results ----------------------------------------------------------------------------------------------


def _no_gradient(g: Any, z: Any, *inputs: Any) -> Any:
    raise GradientError(
        "the results of a function under jit have no graph: call backward() or grad() inside the function, or say "
        "result.detach() where no gradient is wanted"
    )


_RESULT = Op("jit", lambda x: x, _no_gradient, "a result of jit")


def shell_of(t: Tensor) -> Callable[[Any], Tensor]:
    """What makes a Tensor of a result: of a derivative through it there is an error, and not silence."""
    if t.op is None and t._requires_grad:
        return lambda value: t  # a parameter: itself
    return barred if t._requires_grad else wrapped


def barred(value: Any) -> Tensor:
    t = wrapped(value)
    t._requires_grad = True
    t.op = _RESULT
    return t


def handed_out(result: Any) -> Any:
    """The results of a recorded call, as those of later ones."""
    return rebuilt(result, [shell_of(t)(t._data) if isinstance(t, Tensor) else t for t in leaves(result)])


def same_result(a: Any, b: Any) -> bool:
    x, y = leaves(a), leaves(b)
    if type(a) is not type(b) or len(x) != len(y):
        return False
    return all(
        isinstance(p, Tensor) == isinstance(q, Tensor)
        and (isinstance(p, Tensor) or p is q or (type(p) is type(q) and bool(np.all(p == q))))
        for p, q in zip(x, y, strict=True)
    )


def in_stack(t: Tensor, value: Any) -> Tensor:
    """Results of a scan, in the place of the Tensor that one step returns; of a parameter, its values at each step."""
    return barred(value) if t._requires_grad else wrapped(value)


def one_row(result: Any) -> Any:
    """The results of one step, as a stack of one."""
    made = [in_stack(t, np.array(t._data)[None]) if isinstance(t, Tensor) else t for t in leaves(result)]
    return rebuilt(result, made)


def joined(parts: list[Any]) -> Any:
    """Stacks, one after the other, as one."""
    columns = zip(*map(leaves, parts), strict=True)
    joined = [
        in_stack(column[0], np.concatenate([t._data for t in column])) if isinstance(column[0], Tensor) else column[0]
        for column in columns
    ]
    return rebuilt(parts[0], joined)
