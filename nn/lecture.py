"""Backpropagation by hand: the lecture's four equations in plain NumPy.

The reference that tests, docs and benchmarks hold the autodiff engine against.  Symbols as in the lecture:

    w[l][i, j]   weight from neuron j of layer l-1 to neuron i of layer l
    b[l][i]      bias of neuron i of layer l
    z[l], a[l]   weighted inputs and activities, one example per row: (S, neurons of layer l)
    delta[l]     the error dC_x/dz[l], one example per row
    dC_dw, dC_db mean over the examples of dC_x/dw, dC_x/db

Layers are numbered from 1, the input, to L, the output, so the lists have an empty place 0
(and w, b, z, delta an empty place 1: the input has none).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Backpropagation", "backpropagate", "cost", "feed_forward", "sigma", "sigma_prime", "update"]

Array = npt.NDArray[Any]
Layers = Sequence[Array | None]


def sigma(z: Array) -> Array:
    """sigma(z) = 1 / (1 + e^-z)"""
    with np.errstate(over="ignore"):
        return np.asarray(1 / (1 + np.exp(-z)))


def sigma_prime(z: Array) -> Array:
    """sigma'(z) = sigma(z) (1 - sigma(z))"""
    return sigma(z) * (1 - sigma(z))


def cost(a: Array, y: Array) -> float:
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a^L_i(x) - y_i(x))^2"""
    return float(np.mean(0.5 * np.sum((a - y) ** 2, axis=1)))


def feed_forward(w: Layers, b: Layers, x: Array) -> tuple[list[Any], list[Any]]:
    """Step 1.  a^1 = x;  z^l_i = b^l_i + sum_j w^l_ij a^(l-1)_j;  a^l = sigma(z^l)"""
    z: list[Any] = [None, None]
    a: list[Any] = [None, x]
    for l in range(2, len(w)):
        z.append(a[l - 1] @ w[l].T + b[l])  # type: ignore[union-attr]  # no None from layer 2 on
        a.append(sigma(z[l]))
    return z, a


@dataclass(frozen=True)
class Backpropagation:
    """All that one run of the algorithm finds."""

    z: list[Any]
    a: list[Any]
    delta: list[Any]
    dC_db: list[Any]
    dC_dw: list[Any]


def backpropagate(w: Layers, b: Layers, x: Array, y: Array) -> Backpropagation:
    """The four steps for a mini-batch x (S, n_1), y (S, n_L): every error and every derivative."""
    L, S = len(w) - 1, len(x)
    # 1. feed-forward
    z, a = feed_forward(w, b, x)
    # 2. the error at the output (BP1):  delta^L_i = (a^L_i - y_i) sigma'(z^L_i)
    delta: list[Any] = [None] * (L + 1)
    delta[L] = (a[L] - y) * sigma_prime(z[L])
    # 3. back-propagate the error (BP2):  delta^(l-1)_j = (sum_i delta^l_i w^l_ij) sigma'(z^(l-1)_j)
    for l in range(L, 2, -1):
        delta[l - 1] = (delta[l] @ w[l]) * sigma_prime(z[l - 1])
    # 4. the derivatives (BP3, BP4):  dC_x/db^l_i = delta^l_i,  dC_x/dw^l_ij = delta^l_i a^(l-1)_j; their mean
    dC_db: list[Any] = [None] * (L + 1)
    dC_dw: list[Any] = [None] * (L + 1)
    for l in range(2, L + 1):
        dC_db[l] = delta[l].mean(axis=0)
        dC_dw[l] = delta[l].T @ a[l - 1] / S
    return Backpropagation(z, a, delta, dC_db, dC_dw)


def update(w: list[Any], b: list[Any], found: Backpropagation, eta: float) -> tuple[list[Any], list[Any]]:
    """w <- w - eta dC/dw, b <- b - eta dC/db"""
    new_w = [p if p is None else p - eta * d for p, d in zip(w, found.dC_dw, strict=True)]
    new_b = [p if p is None else p - eta * d for p, d in zip(b, found.dC_db, strict=True)]
    return new_w, new_b
