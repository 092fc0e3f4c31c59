"""Embedding: a table of vectors, one for each word, letter or class."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, DtypeError, Tensor, embedding, where

from ..init import Seed, first_values
from ..module import as_tensor
from .base import First, Layer, follow, whole

__all__ = ["Embedding"]


class Embedding(Layer):
    """y[i] = weight[x[i]], one row of the table for each index: x (…) of 0 … num_embeddings - 1 -> (…, embedding_dim).

    weight (num_embeddings, embedding_dim), standard normal at first.  (Bengio et al., 2003)

    padding_idx  the index that stands for nothing: its row starts as zeros, and is never learned
    """

    settings = ("num_embeddings", "embedding_dim", "padding_idx")

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *,
        init: str | First = "standard_normal",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.num_embeddings = whole("Embedding", "num_embeddings", num_embeddings)
        self.embedding_dim = whole("Embedding", "embedding_dim", embedding_dim)
        self.padding_idx = None
        if padding_idx is not None:
            n = whole("Embedding", "padding_idx", padding_idx, -self.num_embeddings)
            if n >= self.num_embeddings:
                raise DataError(f"Embedding: padding_idx={n} is none of the rows 0 … {self.num_embeddings - 1}")
            self.padding_idx = n % self.num_embeddings
        w, _ = first_values(init, (self.num_embeddings, self.embedding_dim), False, rng)
        if self.padding_idx is not None and not callable(init):
            w[self.padding_idx] = 0
        self.weight = Tensor(w, requires_grad=True, dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """The rows that x names."""
        x = as_tensor(x)
        if x.dtype.kind not in "iu":
            raise DtypeError(f"Embedding takes indices, which are integers: got x of dtype {x.dtype}")
        y: Tensor = embedding(self.weight, x)
        if self.padding_idx is not None:
            y = where((x == self.padding_idx).reshape(*x.shape, 1), y.detach(), y)
        return follow(y, x, "e", 1)
