"""The one reverse sweep."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import GradientError
from .functions import sum_to
from .graph import toposort
from .op import Traced
from .ops.elementwise import astype


def backprop(root: Any, seed: Any, keep: Iterable[Any] = (), create_graph: bool = False) -> dict[Any, Any]:
    """Gradients of sum(seed * root) with respect to the leaves that led to `root`, and to those in `keep`.

    From the root to the leaves: the gradient g of a Tensor is complete when all that was made from it has
    passed on its part; then each rule of its op turns g into a part for one input.

    create_graph=False reads the rules on plain arrays; the seed and the gradients are arrays.
    create_graph=True reads them on Tensors: the seed and the gradients are Tensors, with a graph.
    Nothing outside is changed, so an error half way leaves nothing half done.
    """
    kept = dict.fromkeys(keep)
    cotangents = {root: seed}
    for t in toposort(root):
        g = cotangents.pop(t)
        if t in kept or (t._notes is not None and "retain_grad" in t._notes):
            kept[t] = g
        z, values = (t, _unchanged(t)) if create_graph else (t._data, t._arrays)
        rules, params = t.op.vjps, t.params
        parts = rules(g, z, *values, **params) if callable(rules) else None  # any number of inputs: all at once
        for i, x in enumerate(t.inputs):
            if isinstance(x, Traced) and x._requires_grad:
                if parts is not None:
                    part = parts[i]
                elif rules[i] is not None:
                    part = rules[i](g, z, *values, **params)
                else:
                    raise GradientError(f"{t.op.name} has no derivative in its input {x!r}")
                if not _fits(part, x._data):
                    part = _fitted(part, x)
                cotangents[x] = cotangents[x] + part if x in cotangents else part
    return cotangents | {t: g for t, g in kept.items() if g is not None}


def _fits(g: Any, data: Any) -> bool:
    """Has the gradient the shape and dtype of the values already?  (A NumPy scalar's type says both.)"""
    if type(g) is not type(data):
        return False
    return type(g) is not np.ndarray or (g.shape == data.shape and g.dtype is data.dtype)


def _fitted(g: Any, x: Any) -> Any:
    """The gradient g in the shape and dtype of its Tensor x: broadcasting is undone here, and only here."""
    if g.shape != x.shape:
        g = sum_to(g, x.shape)
    return g if g.dtype == x.dtype else astype(g, dtype=x.dtype)


def _unchanged(t: Any) -> tuple[Any, ...]:
    """The inputs of t, if they still have the values that t was made from."""
    for x, array in zip(t.inputs, t._arrays, strict=True):
        if isinstance(x, Traced) and x._data is not array and not np.array_equal(x._data, array, equal_nan=True):
            raise GradientError(
                f"{x!r} was changed after {t.op.name} had used it: a derivative of the derivative would mix "
                f"old and new values.  Compute the cost again after the update."
            )
    return t.inputs
