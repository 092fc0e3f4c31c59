"""Gradient clipping: gradients that are too large are made smaller before the step."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from tinygrad_edu import DtypeError, GradientError, Op, Tensor, capturing, no_grad

__all__ = ["clip_grad_norm_", "clip_grad_value_"]


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
) -> Tensor:
    """Scale all gradients together so that their norm is max_norm at most; returns the norm they had before.

    norm = (sum |g|^p)^(1/p) over the entries of all gradients, p = norm_type; math.inf: the largest |g|
    g <- g min(1, max_norm / (norm + 1e-6))

    Parameters without a gradient do not count, one that is listed twice (tied) counts once; no gradients at all
    have norm 0.  A NaN among the gradients makes all of them NaN, an infinity all the others 0 and itself NaN:
    with error_if_nonfinite=True both raise GradientError, and nothing changes.

    Source: Pascanu, Mikolov, Bengio 2013.
    """
    limit = _bound("max_norm", max_norm, least=0.0)
    p = _bound("norm_type", norm_type, least=0.0)
    if p == 0:
        raise ValueError("norm_type is above 0: 2 for the length, 1, math.inf for the largest entry")
    parameters = _with_gradient(parameters)
    if capturing() is not None and parameters:
        return _recorded(parameters, limit, p, error_if_nonfinite)
    gradients = [t.grad.data for t in parameters if t.grad is not None]
    total = _total(*gradients, p=p, finite=error_if_nonfinite)
    factor = _factor(total, limit=limit)
    if factor != 1:  # also when it is NaN
        with np.errstate(invalid="ignore"):  # inf * 0
            _replace(parameters, [g * factor for g in gradients])
    dtype = np.result_type(*gradients) if gradients else np.float32
    with np.errstate(over="ignore"):  # a norm too large for float32 is inf there
        return Tensor(np.asarray(total).astype(dtype))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    """Cut every entry of every gradient off at -clip_value and clip_value; NaN stays NaN.

    g <- max(-clip_value, min(g, clip_value))
    """
    c = _bound("clip_value", clip_value, least=0.0)
    parameters = _with_gradient(parameters)
    if capturing() is not None:
        with no_grad():
            for t in parameters:
                t.grad = t.grad.clip(-c, c)  # type: ignore[union-attr]  # those without are left out
        return
    _replace(parameters, [np.clip(t.grad.data, -c, c) for t in parameters if t.grad is not None])


def _with_gradient(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    """The parameters that have a gradient, each once."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    if not isinstance(parameters, Iterable):
        raise DtypeError(f"clipping takes parameters, as net.parameters(), not {type(parameters).__name__}")
    given: list[Any] = list(parameters)
    for t in given:
        if not isinstance(t, Tensor):
            raise DtypeError(f"clipping takes Tensors, as net.parameters(), not {t!r:.60}")
    return list({id(t): t for t in given if t.grad is not None}.values())


def _total(*gradients: Any, p: float, finite: bool) -> float:
    """The norm of all gradients together, in double precision."""
    total = _norm([_norm(g, p) for g in gradients], p)
    if finite and not math.isfinite(total):
        raise GradientError(
            f"the norm of the gradients is {total}: find where it comes from with tinygrad_edu.detect_anomaly(), or "
            f"try a smaller learning rate.  The gradients are unchanged"
        )
    return total


def _factor(total: float, *, limit: float) -> float:
    """min(1, limit / (total + 1e-6)), and NaN if the total is."""
    factor = limit / (total + 1e-6)
    return 1.0 if factor >= 1 else factor


def _no_rule(g: Any, z: Any, *inputs: Any, **params: Any) -> Any:
    raise GradientError("clipping has no derivative")


_TOTAL = Op("gradient norm", lambda *gs, p, finite: np.float64(_total(*gs, p=p, finite=finite)), _no_rule, "|g|")
_FACTOR = Op(
    "clipping factor",
    lambda total, limit: np.float64(_factor(float(total), limit=limit)),
    _no_rule,
    "min(1, limit / |g|)",
)


def _recorded(parameters: list[Tensor], limit: float, p: float, finite: bool) -> Tensor:
    """clip_grad_norm_ for a function under jit: the same numbers, on Tensors."""
    gradients: list[Any] = [t.grad for t in parameters]
    with no_grad():
        total = _TOTAL(*gradients, p=p, finite=finite)
        factor = _FACTOR(total, limit=limit)
        for t, g in zip(parameters, gradients, strict=True):
            t.grad = g * factor if g.ndim else (g.reshape(1) * factor).reshape(())  # a number would become double
        norm: Tensor = total.astype(np.result_type(*(g.dtype for g in gradients)))
    return norm


def _norm(values: Any, p: float) -> float:
    """(sum |x|^p)^(1/p), of values divided by their largest: 1e30^2 is too large for float32, the norm is not."""
    size = np.abs(values)
    largest = float(size.max(initial=0.0))
    if p == math.inf or largest == 0 or not math.isfinite(largest):
        return largest
    return largest * float(((size / largest) ** p).sum(dtype=np.float64)) ** (1 / p)


def _replace(parameters: list[Tensor], gradients: list[Any]) -> None:
    """Give all parameters their new gradients, or, if something fails, none."""
    before = [t.grad for t in parameters]
    try:
        for t, g in zip(parameters, gradients, strict=True):
            t.grad = Tensor(g, copy=False)
    except BaseException:  # Ctrl-C in the middle
        for t, old in zip(parameters, before, strict=True):
            t.grad = old
        raise


def _bound(name: str, value: Any, least: float) -> float:
    try:
        fits = bool(value >= least) and np.ndim(value) == 0
    except (TypeError, ValueError):
        raise DtypeError(f"{name} is one number: got {value!r:.60}") from None
    if not fits:
        raise ValueError(f"{name} is one number, {least:g} or more: got {value!r:.60}")
    return float(value)
