"""Ops that bring axes together.  Axes are a tuple of positive numbers; the rules see them kept as 1s."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import Op
from .elementwise import exp, isnan, where
from .shape import broadcast_to, reshape


def _reduction(name: str, forward: Callable[..., Any], rule: Callable[..., Any], formula: str) -> Op:
    """The row of y = f(x, axis, keepdims), from the rule for keepdims=True."""

    def vjp(g: Any, y: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
        if not keepdims:
            ones = tuple(1 if i in axis else n for i, n in enumerate(x.shape))
            g, y = reshape(g, shape=ones), reshape(y, shape=ones)
        return rule(g, y, x, axis)

    return Op(name, forward, (vjp,), formula)


def _logsumexp(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """log sum e^x, with the largest x taken out first: exp cannot overflow."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    with np.errstate(divide="ignore"):  # log 0 = -inf is right: every x was -inf
        y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)


def _logsumexp_dx(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """softmax(x) = e^(x - y), and 0 where every x is -inf."""
    return g * exp(x - where(y == -np.inf, 0, y))


def _extremum_dx(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The entries that are equal to the extremum share g equally; a NaN is its own extremum."""
    hit = (x == y) | isnan(x)
    return where(hit, g / sum(hit, axis=axis, keepdims=True), 0)


# fmt: off
#                        name         y = f(x)        g . dy/dx                                              formula
sum: Op   = _reduction("sum",       np.add.reduce,  lambda g, y, x, axis: broadcast_to(g, shape=x.shape),  "sum of x")
max       = _reduction("max",       np.max,         _extremum_dx,                                          "largest x")
min       = _reduction("min",       np.min,         _extremum_dx,                                          "smallest x")
logsumexp = _reduction("logsumexp", _logsumexp,     _logsumexp_dx,                                         "log sum e^x")
