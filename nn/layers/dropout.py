"""Dropout: in training, some neurons are silent."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import Tensor, fresh, where

from ..init import Seed, as_generator
from ..module import as_tensor
from .base import Layer, follow, fraction

__all__ = ["Dropout", "dropped"]


class Dropout(Layer):
    """In training y = x / (1 - p) with probability 1 - p, else 0, entry by entry; in use y = x.

    (…) -> (…).  The mean of y is x, so that nothing has to be scaled in use.  (Srivastava et al., 2014)

    p    the probability of 0, between 0 and 1
    rng  a seed or a generator; the layer draws on it in training alone
    """

    settings = ("p",)

    def __init__(self, p: float = 0.5, *, rng: Seed = None) -> None:
        self.p = fraction("Dropout", "p", p, 0, 1)
        self.rng = as_generator(rng)

    def forward(self, x: Any) -> Tensor:
        """x, with zeros in training."""
        x = as_tensor(x)
        return follow(dropped(x, self.p, self.rng), x, "d") if self.training else x


def dropped(x: Tensor, p: float, rng: np.random.Generator) -> Tensor:
    """x / (1 - p), or 0 with probability p; chosen and not multiplied, for infinity times 0 is NaN."""
    if p == 0:
        return x
    shape = x.shape  # not x, which would be kept alive
    kept = fresh(lambda: rng.random(shape, dtype=np.float32) >= p)
    y: Tensor = where(kept, x * (1 / (1 - p)) if p < 1 else x, 0)
    return y
