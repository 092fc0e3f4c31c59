"""Slopes without any derivative: differences of values, each with an estimate of its own error."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["PARTS", "Slopes", "complex_slope", "slopes", "uneven"]

Array = npt.NDArray[Any]
RUNGS = (1 / 5, 1 / 3, 1 / 2)  # steps eps^rung: the best for Richardson's, for central, for one-sided differences
TINY = 1e-20  # so small that f(x + i TINY) has no rounding error in its imaginary part


def uneven(shape: tuple[int, ...], start: int = 0) -> Array:
    """A cotangent that no symmetry can hide behind, as ones would be: v[i] = 1 + (7919 i mod 13) / 8."""
    i = np.arange(start, start + math.prod(shape))
    return (1 + (7919 * i % 13) / 8).reshape(shape)


@dataclass(frozen=True)
class Slopes:
    """df/dt at t = 0 for every entry of f(t)."""

    value: Array
    error: Array  # how far the value may be off; infinite where it is not a number
    left: Array  # one-sided: from t < 0
    right: Array  # and from t > 0
    kink: Array  # do the two disagree however small the step?


PARTS = tuple(part.name for part in fields(Slopes))


@np.errstate(all="ignore")
def slopes(f: Callable[[float], Array], size: float, eps: float, magnitude: Any, enough: float = 1e-8) -> Slopes:
    """Central differences with steps h and h/2; where they disagree, again with a smaller h.

    (4 D(h/2) - D(h)) / 3 has an error of order h^4 (Richardson), and is off by less than its distance from
    D(h/2), up to rounding, which is eps · magnitude / h.  One-sided differences of a smooth f disagree by
    f'' h, half as much for half the step; at a kink by the same for every step.

    f          of one number t, with f(0) = 0; gives an array
    size       of the number that t is added to: 1 at least
    eps        the precision that f computes in
    magnitude  of the values whose differences f gives
    """
    best: Slopes | None = None
    for rung in RUNGS:
        h = 2.0 ** round(math.log2(size * eps**rung))  # a power of two, so that x + h is (nearly) exact
        far, near = (f(h), f(-h)), (f(h / 2), f(-h / 2))
        coarse, fine = (far[0] - far[1]) / (2 * h), (near[0] - near[1]) / h
        value = (4 * fine - coarse) / 3
        noise = 4 * eps * magnitude / h
        error = np.abs(value - fine) + noise
        error = np.where(np.isfinite(error), error, np.inf)
        left, right = -near[1] / (h / 2), near[0] / (h / 2)
        jump = 2 * (right - left) - (far[0] + far[1]) / h
        kink = np.abs(jump) > 1e-3 * (np.abs(left) + np.abs(right)) + 50 * noise
        found = Slopes(value, error, left, right, kink)
        best = found if best is None else _better(best, found)
        if not best.kink.any() and np.all(best.error <= enough * (1 + np.abs(best.value))):
            break
    assert best is not None
    return best


def _better(a: Slopes, b: Slopes) -> Slopes:
    """Entry by entry the one without a kink, of those the one with the smaller error; b has the smaller step."""
    take_b = np.where(a.kink == b.kink, (b.error < a.error) | a.kink, a.kink)
    a_parts = (a.value, a.error, a.left, a.right, a.kink)
    b_parts = (b.value, b.error, b.left, b.right, b.kink)
    return Slopes(*(np.where(take_b, y, x) for x, y in zip(a_parts, b_parts, strict=True)))


def complex_slope(f: Callable[[complex], Any]) -> Any:
    """df/dt = Im f(i h) / h: exact to rounding where f is made of analytic functions, and nonsense elsewhere."""
    return np.imag(f(1j * TINY)) / TINY
