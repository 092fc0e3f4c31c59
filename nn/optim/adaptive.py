"""Optimizers that scale every entry's step by the gradients it has seen: Adagrad, RMSprop, Adam, AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .base import Array, Optimizer, State

__all__ = ["Adagrad", "Adam", "AdamW", "RMSprop"]


class Adagrad(Optimizer):
    """The step shrinks with the sum of all squared gradients so far; t = 1, 2, ... counts the steps.

    g <- dC/dw + weight_decay w
    r <- r + g^2                                      (r = initial_accumulator_value at first)
    w <- w - lr / (1 + (t - 1) lr_decay) g / (sqrt(r) + eps)

    r has the shape of w, and so has every operation: entry by entry.  Source: Duchi, Hazan, Singer 2011.
    """

    always = ("step", "sum")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "lr_decay": lr_decay,
                "weight_decay": weight_decay,
                "initial_accumulator_value": initial_accumulator_value,
                "eps": eps,
                "maximize": maximize,
            },
        )

    def update(
        self,
        w: Array,
        g: Array,
        s: State,
        lr: float,
        lr_decay: float,
        weight_decay: float,
        initial_accumulator_value: float,
        eps: float,
        maximize: bool,
    ) -> tuple[Array, State]:
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * w
        t = s.get("step", 0) + 1
        r = s.get("sum", initial_accumulator_value) + g * g
        rate = lr / (1 + (t - 1) * lr_decay)
        return w - rate * g / (np.sqrt(r) + eps), {"step": t, "sum": r}


class RMSprop(Optimizer):
    """The step is divided by a running root mean square of the gradients.

    g <- dC/dw + weight_decay w
    r <- alpha r + (1 - alpha) g^2                    (r = 0 at first)
    u = g / (sqrt(r) + eps)
    v <- momentum v + u                               (v = 0 at first)
    w <- w - lr v

    centered=True divides by the standard deviation instead, sqrt(r - q^2), with q <- alpha q + (1 - alpha) g.
    r, q and v have the shape of w.  Sources: Hinton's lecture 6e, 2012; centered: Graves 2013.
    """

    always = ("square_avg",)
    sometimes = ("grad_avg", "momentum_buffer")

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "alpha": alpha,
                "eps": eps,
                "weight_decay": weight_decay,
                "momentum": momentum,
                "centered": centered,
                "maximize": maximize,
            },
        )

    def update(
        self,
        w: Array,
        g: Array,
        s: State,
        lr: float,
        alpha: float,
        eps: float,
        weight_decay: float,
        momentum: float,
        centered: bool,
        maximize: bool,
    ) -> tuple[Array, State]:
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * w
        r = alpha * s.get("square_avg", 0.0) + (1 - alpha) * g * g
        new: State = {"square_avg": r}
        if centered:
            q = new["grad_avg"] = alpha * s.get("grad_avg", 0.0) + (1 - alpha) * g
            r = r - q * q
        v = g / (np.sqrt(r) + eps)
        if momentum:
            v = new["momentum_buffer"] = momentum * s.get("momentum_buffer", 0.0) + v
        return w - lr * v, new


class Adam(Optimizer):
    """Running means of the gradient and of its square, corrected for their start at 0; t = 1, 2, ... counts the steps.

    g <- dC/dw + weight_decay w
    m <- beta1 m + (1 - beta1) g                      (m = 0 at first)
    v <- beta2 v + (1 - beta2) g^2                    (v = 0 at first)
    w <- w - lr m' / (sqrt(v') + eps)   with   m' = m / (1 - beta1^t),   v' = v / (1 - beta2^t)

    amsgrad=True takes the largest v so far instead of v in v'.  m and v have the shape of w.
    Sources: Kingma, Ba 2015; amsgrad: Reddi, Kale, Kumar 2018.
    """

    always = ("step", "exp_avg", "exp_avg_sq")
    sometimes = ("max_exp_avg_sq",)

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            {
                "lr": lr,
                "betas": betas,
                "eps": eps,
                "weight_decay": weight_decay,
                "amsgrad": amsgrad,
                "maximize": maximize,
            },
        )

    def update(
        self,
        w: Array,
        g: Array,
        s: State,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        maximize: bool,
    ) -> tuple[Array, State]:
        if maximize:
            g = -g
        if weight_decay:
            g = g + weight_decay * w
        beta1, beta2 = betas
        t = s.get("step", 0) + 1
        m = beta1 * s.get("exp_avg", 0.0) + (1 - beta1) * g
        v = beta2 * s.get("exp_avg_sq", 0.0) + (1 - beta2) * g * g
        new: State = {"step": t, "exp_avg": m, "exp_avg_sq": v}
        if amsgrad:
            v = new["max_exp_avg_sq"] = np.maximum(s.get("max_exp_avg_sq", 0.0), v)
        m_corrected = m / (1 - beta1**t)
        v_corrected = v / (1 - beta2**t)
        return w - lr * m_corrected / (np.sqrt(v_corrected) + eps), new


class AdamW(Adam):
    """Adam whose weight decay acts on w itself, and not through the gradient's running means.

    w <- w - lr weight_decay w,   then Adam's step with g = dC/dw

    Source: Loshchilov, Hutter 2019.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    def update(
        self,
        w: Array,
        g: Array,
        s: State,
        lr: float,
        betas: tuple[float, float],
        eps: float,
        weight_decay: float,
        amsgrad: bool,
        maximize: bool,
    ) -> tuple[Array, State]:
        return super().update(w - lr * weight_decay * w, g, s, lr, betas, eps, 0.0, amsgrad, maximize)
