"""Entry by entry, one value or another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import Traced
from ..ops import elementwise as e
from .arguments import as_given

__all__ = ["clip", "where"]


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
