"""The numeric gradient of a problem: entry by entry, and along directions where there are too many entries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ..tensor import Tensor
from .differences import PARTS, Slopes, complex_slope, slopes, uneven
from .problem import Problem, Weigh
from .verdict import Tolerance

__all__ = ["drawn", "entry_slopes", "exactly", "numeric_gradients", "slopes_of_gradient", "wrong_along_a_direction"]

Array = npt.NDArray[Any]


def drawn(size: int, entries: int, rng: Any) -> Array:
    """All places of a small array; so many of a large one."""
    return np.arange(size) if size <= entries else np.sort(rng.choice(size, entries, replace=False))


def _moved(values: list[Array], k: int, place: int, step: Any) -> list[Any]:
    x = values[k].astype(complex) if isinstance(step, complex) else values[k].copy()
    x.flat[place] += step
    return [*values[:k], x, *values[k + 1 :]]


def entry_slopes(problem: Problem, v: Array, z: Array, k: int, at: Array, eps: float = 2.2e-16) -> Slopes:
    """dC/dx for the entries `at` of input k, C = Σ v·f."""
    found = []
    magnitude = float(np.sum(np.abs(v * z), where=np.isfinite(z)))
    for place in at.tolist():

        def along(t: float, place: int = place) -> Array:
            return np.asarray(np.sum(v * (problem.value(_moved(problem.values, k, place, t)) - z)))

        size = max(1.0, abs(float(problem.values[k].flat[place])))
        found.append(slopes(along, size, eps, magnitude + size))
    return Slopes(*(np.array([getattr(s, part) for s in found], bool if part == "kink" else float) for part in PARTS))


def numeric_gradients(
    problem: Problem, v: Array, z: Array, mine: list[Array], picked: list[Array], eps: float
) -> tuple[list[Slopes], bool]:
    """The numeric gradients: the complex step where f takes complex numbers; else, or where in doubt, differences."""
    exact = _by_complex_step(problem, v, z, picked) if not problem.parameters and eps < 1e-10 else None
    if exact is None or not all(a.shape == x.shape for a, x in zip(mine, problem.values, strict=True)):
        return [entry_slopes(problem, v, z, k, at, eps) for k, at in enumerate(picked)], False
    found = []
    for k, (value, at) in enumerate(zip(exact, picked, strict=True)):
        s = exactly(value)
        scale = float(np.max(np.abs(value), initial=0))
        doubt = ~(np.abs(mine[k].ravel()[at] - value) <= 1e-9 * np.abs(value) + 1e-11 * scale + 1e-12)
        if doubt.any():  # a second opinion: a kink, or not analytic, or a mistake
            other = entry_slopes(problem, v, z, k, at[doubt], eps)
            agree = np.abs(other.value - value[doubt]) <= 1e-6 * np.abs(value[doubt]) + 1e-8 * scale + 10 * other.error
            agree &= ~other.kink
            for part in PARTS:
                getattr(s, part)[doubt] = np.where(agree, getattr(s, part)[doubt], getattr(other, part))
        found.append(s)
    return found, True


def exactly(value: Array) -> Slopes:
    return Slopes(value.copy(), 1e-14 * np.abs(value), value.copy(), value.copy(), np.zeros(value.shape, bool))


def _by_complex_step(problem: Problem, v: Array, z: Array, picked: list[Array]) -> list[Array] | None:
    """The numeric gradient, if f works on plain complex arrays and agrees with a difference along a direction."""
    values = problem.values
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")

            def slope(move: Callable[[complex], list[Any]]) -> float:
                def c(t: complex) -> Any:
                    w = problem.complex_value(move(t))
                    if isinstance(w, Tensor) or np.shape(w) != z.shape:
                        raise TypeError("not for plain arrays")
                    return np.sum(v * w)

                return float(complex_slope(c))

            exact = [
                np.array([slope(lambda t, k=k, p=p: _moved(values, k, p, t)) for p in at.tolist()])  # type: ignore[misc]
                for k, at in enumerate(picked)
            ]
            us = [np.zeros(x.shape) for x in values]
            for u, at in zip(us, picked, strict=True):
                u.flat[at] = uneven((at.size,), start=2) * (-1.0) ** np.arange(at.size)
            seen = slopes(_along(problem, v, z, us), _size(values), 2.2e-16, float(np.sum(np.abs(v * z))) + 1)
            claimed = sum(float(np.sum(e * u.ravel()[at])) for e, u, at in zip(exact, us, picked, strict=True))
            total = sum(float(np.sum(np.abs(e * u.ravel()[at]))) for e, u, at in zip(exact, us, picked, strict=True))
            if not abs(claimed - float(seen.value)) <= 1e-6 * total + 1e-9 + 10 * float(seen.error):
                return None
            return exact if all(np.all(np.isfinite(e)) for e in exact) else None
    except Exception:  # whatever a function does that was not made for complex numbers
        return None


def _size(values: list[Array]) -> float:
    return max(1.0, *(float(np.max(np.abs(x), initial=0)) for x in values))


def _along(problem: Problem, v: Array, z: Array, us: list[Array]) -> Callable[[float], Array]:
    """C(x + t u) - C(x): forward mode, <v, J u>, is its slope."""

    def difference(t: float) -> Array:
        moved = [x + t * u for x, u in zip(problem.values, us, strict=True)]
        return np.asarray(np.sum(v * (problem.value(moved) - z)))

    return difference


def wrong_along_a_direction(
    problem: Problem,
    v: Array,
    z: Array,
    mine: list[Array],
    picked: list[Array],
    eps: float,
    tolerance: Tolerance,
    usual: float,
) -> tuple[int, Array, Slopes] | None:
    """Forward against reverse, <v, J u> = <J^T v, u>, over the entries that were not drawn; a wrong one, by halving."""
    magnitude = float(np.sum(np.abs(v * z), where=np.isfinite(z))) + 1
    usual = max(usual, 1e-6)
    for k, (g, at) in enumerate(zip(mine, picked, strict=True)):
        rest = np.setdiff1d(np.arange(g.size), at)
        while rest.size:
            halves = [rest] if rest.size == 1 else [rest[: rest.size // 2], rest[rest.size // 2 :]]
            wrong = None
            for half in halves:
                us = [np.zeros(x.shape) for x in problem.values]
                us[k].flat[half] = uneven((half.size,)) * (-1.0) ** np.arange(half.size)
                s = slopes(_along(problem, v, z, us), _size([problem.values[k]]), eps, magnitude)
                terms = g.ravel()[half] * us[k].ravel()[half]
                scale = float(np.sqrt(np.sum(terms**2)))
                allowed = float(tolerance.allowed(np.array([scale]), usual)[0]) + 10 * float(s.error)
                if not s.kink and np.isfinite(s.value) and not abs(float(s.value) - terms.sum()) <= allowed:
                    wrong = half
                    break
            if wrong is None:
                break
            if wrong.size == 1:
                return k, wrong, entry_slopes(problem, v, z, k, wrong, eps)
            rest = wrong
    return None


def slopes_of_gradient(
    problem: Problem, weigh: Weigh, at_x: list[Array], along: list[Array], eps: float
) -> list[Slopes]:
    """The slope of dC/dx along `along`, which is d<along, dC/dx>/dx, for the Hessian is symmetric."""
    ends = np.cumsum([0, *(g.size for g in at_x)])

    def difference(t: float) -> Array:
        moved = [x + t * u for x, u in zip(problem.values, along, strict=True)]
        after = problem.gradient(moved, weigh)
        return np.concatenate([np.ravel(a - b) for a, b in zip(after, at_x, strict=True)])

    flat = np.concatenate([np.ravel(g) for g in at_x])
    s = slopes(difference, _size(problem.values), eps, 1 + np.max(np.abs(flat), initial=0, where=np.isfinite(flat)))
    return [Slopes(*(getattr(s, part)[a:b] for part in PARTS)) for a, b in pairwise(ends)]
