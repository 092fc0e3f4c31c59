"""Ops along axes, given as a tuple of positive numbers; in the rules, reduced axes are still there as 1s."""

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


def _below_top(x: Any, axis: tuple[int, ...]) -> tuple[Any, Any]:
    """x - max x, whose exp cannot overflow, and max x; infinite maxima count as 0."""
    top = np.max(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    return x - top, top


@np.errstate(divide="ignore", over="ignore")  # log 0 = -inf is right where every x is -inf; e^inf = inf too
def _logsumexp(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
    """log sum e^x, with the largest x taken out first."""
    below, top = _below_top(x, axis)
    y = np.log(np.sum(np.exp(below), axis=axis, keepdims=True)) + top
    return y if keepdims else np.squeeze(y, axis)


def _softmax(x: Any, *, axis: tuple[int, ...]) -> Any:
    """e^x / sum e^x"""
    e = np.exp(_below_top(x, axis)[0])
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(x: Any, *, axis: tuple[int, ...]) -> Any:
    """x - log sum e^x, both seen from the largest x: small differences of large numbers stay exact."""
    below = _below_top(x, axis)[0]
    return below - np.log(np.sum(np.exp(below), axis=axis, keepdims=True))


def _softmax_dx(g: Any, y: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    """y_i (g_i - sum_j g_j y_j)"""
    return y * (g - sum(g * y, axis=axis, keepdims=True))


def _log_softmax_dx(g: Any, y: Any, x: Any, *, axis: tuple[int, ...]) -> Any:
    """g_i - softmax_i sum_j g_j"""
    return g - exp(y) * sum(g, axis=axis, keepdims=True)


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

#                    name           y = f(x)       g . dy/dx            along axes, which stay as they are
softmax     = Op("softmax",     _softmax,     (_softmax_dx,),      "e^x / sum e^x")
log_softmax = Op("log_softmax", _log_softmax, (_log_softmax_dx,),  "log softmax x")
