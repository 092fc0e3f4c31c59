"""What neurons do with their weighted input, composed so that nothing overflows, and no kink has two slopes."""

from __future__ import annotations

import math
from typing import Any, Literal

from ..errors import ShapeError
from ..ops import elementwise as e
from .arguments import as_given

__all__ = ["elu", "gelu", "leaky_relu", "log_sigmoid", "silu", "softplus"]


def softplus(x: Any) -> Any:
    """log(1 + e^x), a relu without the kink; its slope is the sigmoid."""
    return e.logaddexp(as_given(x), 0)


def log_sigmoid(x: Any) -> Any:
    """log sigmoid(x) = -log(1 + e^-x): about x where the sigmoid itself would be 0."""
    return -softplus(-as_given(x))


def silu(x: Any) -> Any:
    """x sigmoid(x), also called swish."""
    x = as_given(x)
    return x * e.sigmoid(x)


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, slope · x elsewhere; at 0 the slope is that of the negative side, as in relu."""
    x = as_given(x)
    return e.where(x <= 0, slope * x, x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha (e^x - 1) elsewhere; the slope at 0 is alpha.  (Clevert et al., 2015)"""
    x = as_given(x)
    below = x <= 0
    return e.where(below, alpha * e.expm1(e.where(below, x, 0)), x)  # twice: e^x of a large x overflows


def gelu(x: Any, approximate: Literal["none", "tanh"] = "none") -> Any:
    """x Φ(x), with Φ(x) = (1 + erf(x/√2)) / 2 how much of the normal distribution is below x.

    approximate="tanh": Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2, to 0.0005, and faster.
    (Hendrycks and Gimpel, 2016)
    """
    x = as_given(x)
    if approximate == "none":
        return x * (0.5 * (1 + e.erf(x * math.sqrt(0.5))))
    if approximate != "tanh":
        raise ShapeError(f'gelu is approximate="none" (exact) or approximate="tanh": got {approximate!r}')
    u = e.clip(x, lo=-30.0, hi=30.0)  # there tanh is ±1 in every precision, and x³ need not overflow
    return x * (0.5 * (1 + e.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * (u * u * u)))))
