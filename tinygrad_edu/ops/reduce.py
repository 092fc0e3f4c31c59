"""Ops along axes, given as a tuple of positive numbers; in the rules, reduced axes are still there as 1s."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..op import Op
from .elementwise import absolute, exp, isnan, sign, where, zeros_like
from .shape import broadcast_to, concatenate, getitem, reshape, transpose


def _reduction(name: str, forward: Callable[..., Any], rule: Callable[..., Any], formula: str) -> Op:
    """The row of y = f(x, axis, keepdims), from the rule for keepdims=True."""

    def vjp(g: Any, y: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
        if not keepdims and len(axis) < len(x.shape):  # where all axes were reduced, g and y broadcast as they are
            ones = _ones_along(axis, x)
            g, y = reshape(g, shape=ones), reshape(y, shape=ones)
        return rule(g, y, x, axis)

    return Op(name, forward, (vjp,), formula)


def _below_top(x: Any, axis: tuple[int, ...]) -> tuple[Any, Any]:
    """x - max x, whose exp cannot overflow, and max x; infinite maxima count as 0."""
    x = x if x.dtype.kind == "f" else x.astype(np.float64)  # differences of small integers would wrap
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


def _norm(x: Any, *, axis: tuple[int, ...], keepdims: bool, p: float) -> Any:
    """(sum |x|^p)^(1/p), with the largest |x| taken out first: the powers neither overflow nor vanish."""
    size = np.abs(x)
    top = np.max(size, axis=axis, keepdims=True, initial=0)
    top = np.where((top > 0) & np.isfinite(top), top, 1)
    y = top * np.sum((size / top) ** p, axis=axis, keepdims=True) ** (1 / p)
    return y if keepdims else np.squeeze(y, axis)


def _norm_dx(g: Any, y: Any, x: Any, *, axis: tuple[int, ...], keepdims: bool, p: float) -> Any:
    """sign(x) (|x| / y)^(p-1), for p = 2 that is x / y; and 0 where every x is 0."""
    if not keepdims:
        ones = _ones_along(axis, x)
        g, y = reshape(g, shape=ones), reshape(y, shape=ones)
    y = where(y == 0, 1, y)
    return g * (x / y if p == 2 else sign(x) * (absolute(x) / y) ** (p - 1))


def _ones_along(axis: tuple[int, ...], x: Any) -> tuple[int, ...]:
    """The shape of x with the reduced axes as 1s."""
    return tuple(1 if i in axis else n for i, n in enumerate(x.shape))


def _prod_dx(g: Any, y: Any, x: Any, axis: tuple[int, ...]) -> Any:
    """The product of the others: of those before times of those after, so that a 0 need not be divided by."""
    kept = tuple(i for i in range(len(x.shape)) if i not in axis)
    order = (*kept, *axis)
    moved = transpose(x, axes=order)
    n, last = math.prod(x.shape[i] for i in axis), len(kept)
    line = reshape(moved, shape=(*moved.shape[:last], n))
    before = cumprod(_moved(line, 1, axis=last, reverse=False), axis=last, reverse=False)
    after = cumprod(_moved(line, 1, axis=last, reverse=True), axis=last, reverse=True)
    others = reshape(before * after, shape=moved.shape)
    return g * transpose(others, axes=tuple(order.index(i) for i in range(len(order))))


# ---- one after the other along an axis; reverse=True goes from the last to the first -------------------


def _moved(x: Any, fill: int, *, axis: int, reverse: bool) -> Any:
    """Every entry's predecessor; `fill` for the first one."""
    before = (slice(None),) * axis
    edge = zeros_like(getitem(x, key=(*before, slice(0, 1)))) + fill
    if reverse:
        return concatenate(getitem(x, key=(*before, slice(1, None))), edge, axis=axis)
    return concatenate(edge, getitem(x, key=(*before, slice(0, -1))), axis=axis)


def _accumulated(accumulate: Callable[..., Any]) -> Callable[..., Any]:
    """The forward of a running sum or product, in either direction."""

    def forward(x: Any, *, axis: int, reverse: bool) -> Any:
        return np.flip(accumulate(np.flip(x, axis), axis), axis) if reverse else accumulate(x, axis)

    return forward


def _recurrence(b: Any, a: Any, *, axis: int, reverse: bool) -> Any:
    """y_i = b_i + a_i y_(i-1), from y = 0."""
    y = np.empty(np.broadcast_shapes(b.shape, a.shape), np.result_type(b, a))
    last = np.zeros((), y.dtype)
    steps = [np.moveaxis(np.broadcast_to(x, y.shape), axis, 0) for x in (b, a)]
    out = np.moveaxis(y, axis, 0)
    for i in range(len(out))[:: -1 if reverse else 1]:
        last = out[i] = steps[0][i] + steps[1][i] * last
    return y


def _recurrence_db(g: Any, y: Any, b: Any, a: Any, *, axis: int, reverse: bool) -> Any:
    """s_i = g_i + a_(i+1) s_(i+1): the same recurrence, the other way."""
    return recurrence(g, _moved(a, 0, axis=axis, reverse=not reverse), axis=axis, reverse=not reverse)


def _recurrence_da(g: Any, y: Any, b: Any, a: Any, *, axis: int, reverse: bool) -> Any:
    """s_i y_(i-1)"""
    s = _recurrence_db(g, y, b, a, axis=axis, reverse=reverse)
    return s * _moved(y, 0, axis=axis, reverse=reverse)


def _cumprod_dx(g: Any, y: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """y_(i-1) s_i with s_i = g_i + x_(i+1) s_(i+1): nothing is divided, so a 0 does no harm."""
    s = recurrence(g, _moved(x, 0, axis=axis, reverse=not reverse), axis=axis, reverse=not reverse)
    return s * _moved(y, 1, axis=axis, reverse=reverse)


def _argsort(x: Any, *, axis: int, descending: bool) -> Any:
    """The places of the entries in rising or falling order; NaN counts as the largest, ties keep their order."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    return np.flip(x.shape[axis] - 1 - np.argsort(np.flip(x, axis), axis, kind="stable"), axis)


# fmt: off
#                        name         y = f(x)        g . dy/dx                                              formula
sum: Op   = _reduction("sum",       np.add.reduce,  lambda g, y, x, axis: broadcast_to(g, shape=x.shape),  "sum of x")
max       = _reduction("max",       np.max,         _extremum_dx,                                          "largest x")
min       = _reduction("min",       np.min,         _extremum_dx,                                          "smallest x")
logsumexp = _reduction("logsumexp", _logsumexp,     _logsumexp_dx,                                         "log sum e^x")
prod      = _reduction("prod",      np.multiply.reduce, _prod_dx,                                          "product of x")
norm      = Op("norm",              _norm,          (_norm_dx,),                                           "(sum |x|^p)^(1/p)")

#                    name           y = f(x)       g . dy/dx            along axes, which stay as they are
softmax     = Op("softmax",     _softmax,     (_softmax_dx,),      "e^x / sum e^x")
log_softmax = Op("log_softmax", _log_softmax, (_log_softmax_dx,),  "log softmax x")

#                    name           y = f(x)                   g . dy/dx           along one axis, step by step
cumsum: Op  = Op("cumsum",  _accumulated(np.cumsum),  (lambda g, y, x, *, axis, reverse: cumsum(g, axis=axis, reverse=not reverse),), "running sum of x")
cumprod: Op = Op("cumprod", _accumulated(np.cumprod), (_cumprod_dx,),                   "running product of x")
recurrence: Op = Op("recurrence", _recurrence,        (_recurrence_db, _recurrence_da), "y_i = b_i + a_i y_(i-1)")

#                    name           y = f(x)                                           no derivative: places, counts and truth values
argmax        = Op("argmax", lambda x, *, axis, keepdims: np.argmax(x, axis, keepdims=keepdims), (None,), "place of the largest x")
argmin        = Op("argmin", lambda x, *, axis, keepdims: np.argmin(x, axis, keepdims=keepdims), (None,), "place of the smallest x")
argsort       = Op("argsort", _argsort,                                                          (None,), "places of x in order")
searchsorted  = Op("searchsorted", lambda x, v, *, side: np.searchsorted(x, v, side),            (None, None), "where v belongs in x")
all           = Op("all",    lambda x, *, axis, keepdims: np.all(x, axis, keepdims=keepdims),    (None,), "is every x true?")
any           = Op("any",    lambda x, *, axis, keepdims: np.any(x, axis, keepdims=keepdims),    (None,), "is some x true?")
count_nonzero = Op("count_nonzero", lambda x, *, axis, keepdims: np.count_nonzero(x, axis, keepdims=keepdims), (None,), "how many x are not 0")
