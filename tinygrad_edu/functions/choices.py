"""Entry by entry, one value or another."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..op import Traced
from ..ops import elementwise as e
from . import reductions
from .arguments import as_given

__all__ = ["allclose", "clip", "isclose", "nan_to_num", "round", "sinc", "where", "xlogy"]


def where(condition: Any, x: Any, y: Any) -> Any:
    """Entries of x where the condition holds, of y elsewhere."""
    return e.where(condition, x, y)


def clip(x: Any, lo: Any = None, hi: Any = None) -> Any:
    """x kept between lo and hi; the slope is 0 outside, and at the bounds themselves.

    Bounds that are Tensors have gradients too; there clip is minimum(maximum(x, lo), hi), and ties share.
    """
    if isinstance(lo, Traced) or isinstance(hi, Traced):
        x = x if lo is None else e.maximum(x, lo)
        return x if hi is None else e.minimum(x, hi)
    lo, hi = _bound(lo), _bound(hi)
    if lo is not None and hi is not None and np.any(np.greater(lo, hi)):
        raise ShapeError(f"clip needs lo <= hi, and got lo={lo}, hi={hi}")
    return e.clip(as_given(x), lo=lo, hi=hi)


def _bound(bound: Any) -> Any:
    """A copy that nobody changes later; a single one as a Python number, which widens nothing."""
    if bound is None or (isinstance(bound, (int, float)) and not isinstance(bound, np.generic)):
        return bound
    array = np.array(bound)
    return array if array.ndim else array.item()


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """x with numbers in place of NaN and ±inf, the largest ones of its precision for ±inf; these have no slope."""
    x = as_given(x)
    if x.dtype.kind != "f":
        return x
    top = float(np.finfo(x.dtype).max)
    x = e.where(e.isnan(x), nan, x)
    x = e.where(x == np.inf, top if posinf is None else posinf, x)
    return e.where(x == -np.inf, -top if neginf is None else neginf, x)


def isclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """Is |x - y| <= atol + rtol |y|, entry by entry?"""
    return e.isclose(as_given(x), as_given(y), rtol=float(rtol), atol=float(atol), equal_nan=bool(equal_nan))


def allclose(x: Any, y: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """Is |x - y| <= atol + rtol |y| everywhere?"""
    return bool(reductions.all(isclose(x, y, rtol, atol, equal_nan)))


def round(x: Any, decimals: int = 0) -> Any:
    """The nearest number with so many decimals, the even one of two; flat, so its gradient is 0."""
    x, decimals = as_given(x), operator.index(decimals)
    if x.dtype.kind != "f":
        if decimals >= 0:
            return x
        raise DtypeError(
            f"round to {decimals} decimals is for real numbers: x has dtype {x.dtype}; use x.astype(float)"
        )
    scale = 10.0 ** abs(decimals)
    if decimals == 0:
        return e.rint(x)
    return e.rint(x * scale) / scale if decimals > 0 else e.rint(x / scale) * scale


def xlogy(x: Any, y: Any) -> Any:
    """x log y, and 0 where x is 0, even if y is 0 or infinite: what entropies are sums of.

    There both slopes are 0 too; elsewhere they are log y and x / y.
    """
    x, y = as_given(x), as_given(y)
    flat = (x == 0) & ((y <= 0) | (y == np.inf))
    return e.where(flat, 0, x) * e.log(e.where(flat, 1, y))


def sinc(x: Any) -> Any:
    """sin(πx) / (πx), and 1 at 0; near 0 by its series in (πx)², so that every derivative is right there."""
    z = math.pi * as_given(x)
    near = e.absolute(z) < 0.5
    far, u = e.where(near, 1, z), e.square(e.where(near, z, 0))
    series = 1.0
    for n in range(8, 0, -1):  # 1 - u/6 (1 - u/20 (1 - u/42 …)); the next term is below 1e-19
        series = 1 - u * series / (2 * n * (2 * n + 1))
    return e.where(near, series, e.sin(far) / far)
