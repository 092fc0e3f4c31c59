"""The one reverse sweep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy import ndarray

from .errors import GradientError
from .functions import sum_to
from .graph import recording, toposort
from .op import Traced
from .ops.elementwise import astype


def backprop(
    root: Any,
    seed: Any,
    keep: Iterable[Any] = (),
    create_graph: bool = False,
    wanted: Iterable[Any] | None = None,
) -> dict[Any, Any]:
    """Gradients of sum(seed * root) with respect to the leaves that led to `root`, and to those in `keep`.

    From the root to the leaves: the gradient g of a Tensor is complete when all that was made from it has
    passed on its part; then each rule of its op turns g into a part for one input.

    create_graph=False reads the rules on plain arrays; the seed and the gradients are arrays.
    create_graph=True reads them on Tensors: the seed and the gradients are Tensors, with a graph.
    wanted=[…] finds the gradients of those Tensors only, as if each were a variable of its own, and takes
    only the ways that lead to them.
    Nothing outside is changed, so an error half way leaves nothing half done.
    """
    order = toposort(root, until=() if wanted is None else set(wanted))
    mode = recording.get()
    watcher = None if isinstance(mode, bool) else mode
    ways = None if wanted is None else _leading_from(wanted, order)
    kept = dict.fromkeys(keep if wanted is None else wanted)
    cotangents = {root: seed} if ways is None or root in ways else {}
    for t in order:
        if ways is not None and t not in ways:
            continue
        g = cotangents.pop(t)
        if t._notes is not None and "hooks" in t._notes:
            g = _hooked(t, g, create_graph)
        if t in kept or (t._notes is not None and "retain_grad" in t._notes):
            kept[t] = g
        known = (g, t, *_unchanged(t)) if create_graph else (g, t._data, *t._arrays)
        rules, params = t.op.vjps, t.params
        parts = rules(*known, **params) if callable(rules) else None  # any number of inputs: all at once
        for i, x in enumerate(t.inputs):
            if isinstance(x, Traced) and x._requires_grad and (ways is None or x in ways):
                if parts is not None:
                    part = parts[i]
                elif rules[i] is not None:
                    part = rules[i](*known, **params)
                else:
                    raise GradientError(f"{t.op.name} has no derivative in its input {x!r}")
                data = x._data
                if type(part) is not type(data) or (  # a NumPy scalar's type says its shape and dtype
                    type(data) is ndarray and (part.shape != data.shape or part.dtype is not data.dtype)
                ):
                    part = _fitted(part, x)
                if watcher is not None:
                    watcher.passed(t, x, part)
                cotangents[x] = cotangents[x] + part if x in cotangents else part
    for x in cotangents:
        if x._notes is not None and "hooks" in x._notes:
            cotangents[x] = _hooked(x, cotangents[x], create_graph)
    found = cotangents | {t: g for t, g in kept.items() if g is not None}
    return found if wanted is None else {t: found[t] for t in kept if t in found}


def _leading_from(wanted: Iterable[Any], order: list[Any]) -> set[Any]:
    """The wanted Tensors, and those in order that were made from them."""
    ways = set(wanted)
    for t in reversed(order):
        if any(isinstance(x, Traced) and x in ways for x in t.inputs):
            ways.add(t)
    return ways


def _hooked(t: Any, g: Any, create_graph: bool) -> Any:
    """The gradient after the hooks of t have seen it, and perhaps replaced it."""
    for hook in list(t._notes["hooks"].values()):  # a copy: a hook may remove itself
        given = g if create_graph else type(t)(g, copy=False)
        answer = hook(given)
        if answer is None:
            continue
        if not isinstance(answer, type(t)) or answer.shape != t.shape or answer.dtype != t.dtype:
            name = getattr(hook, "__qualname__", repr(hook))
            raise GradientError(
                f"the hook {name} must return None, or a gradient as a Tensor of shape {t.shape} and dtype "
                f"{t.dtype}: it returned {answer!r:.80}"
            )
        g = answer if create_graph else answer._data
    return g


def _fitted(g: Any, x: Any) -> Any:
    """The gradient g in the shape and dtype of its Tensor x: broadcasting is undone here, and only here."""
    data = x._data
    if g.shape != data.shape:
        g = sum_to(g, data.shape)
    return g if g.dtype == data.dtype else astype(g, dtype=data.dtype)


def _unchanged(t: Any) -> tuple[Any, ...]:
    """The inputs of t, if they still have the values that t was made from."""
    for x, array in zip(t.inputs, t._arrays, strict=True):
        if isinstance(x, Traced) and x._data is not array and not np.array_equal(x._data, array, equal_nan=True):
            raise GradientError(
                f"{x!r} was changed after {t.op.name} had used it: a derivative of the derivative would mix "
                f"old and new values.  Compute the cost again after the update."
            )
    return t.inputs
