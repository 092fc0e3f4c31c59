"""Attention: each place of a sequence looks at the others, and takes what it needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, ShapeError, Tensor, custom, linear, softmax, where

from ..init import Seed, as_generator, first_values
from ..module import as_tensor
from .base import First, Layer, follow, fraction, whole
from .dropout import dropped
from .linear import Linear

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Layer):
    """In each head, what place l takes from all places s:  (Vaswani et al., 2017)

    q = W_q query + b_q,  k = W_k key + b_k,  v = W_v value + b_v,  each cut into num_heads parts of d entries
    A_ls = softmax over s of (q_l · k_s / sqrt(d)),  head_l = sum_s A_ls v_s,  output = W_o (heads side by side) + b_o

    query (L, N, E), key and value (S, N, E) -> output (L, N, E), A (N, L, S), the mean over the heads;
    with batch_first (N, L, E) and (N, S, E); without a batch no N.  E is embed_dim, d = E / num_heads.

    in_proj_weight (3 E, E) is W_q, W_k and W_v one below the other, in_proj_bias (3 E,); out_proj is a Linear.
    First values: in_proj_weight Xavier uniform, biases 0, out_proj.weight as in Linear.

    dropout  the probability of 0 in A, in training; drawn from rng
    """

    settings = ("embed_dim", "num_heads", "dropout", "bias", "batch_first")

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = False,
        init: str | First = "xavier_uniform",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        me = "MultiheadAttention"
        self.embed_dim, self.num_heads = whole(me, "embed_dim", embed_dim), whole(me, "num_heads", num_heads)
        if self.embed_dim % self.num_heads:
            raise ShapeError(f"{me}: num_heads={num_heads} does not divide embed_dim={embed_dim}")
        self.dropout, self.batch_first = fraction(me, "dropout", dropout, 0, 1), bool(batch_first)
        self.rng = as_generator(rng)
        shape = (3 * self.embed_dim, self.embed_dim)
        w, _ = first_values(init, shape, False, self.rng, "in_proj_weight")
        self.in_proj_weight = Tensor(w, requires_grad=True, dtype=dtype)
        self.in_proj_bias = None
        if bias:
            b = init("in_proj_bias", shape[:1]) if callable(init) else np.zeros(shape[0])
            self.in_proj_bias = Tensor(b, requires_grad=True, dtype=dtype)
        inside = (lambda name, shape: init(f"out_proj.{name}", shape)) if callable(init) else "uniform"
        self.out_proj = Linear(self.embed_dim, self.embed_dim, bias, init=inside, rng=self.rng, dtype=dtype)
        if self.out_proj.bias is not None and not callable(init):
            self.out_proj.bias.assign(np.zeros(self.embed_dim))

    @property
    def bias(self) -> bool:
        """Are there biases?"""
        return self.in_proj_bias is not None

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The output, and A, if need_weights.

        key_padding_mask      (N, S), True: nobody looks at this place of that example
        attn_mask             (L, S) or (N num_heads, L, S), True: l does not look at s; or numbers that are added
        average_attn_weights  False: A for each head, (N, num_heads, L, S)
        is_causal             no place looks at a later one; makes the attn_mask, if none is given
        """
        q, k, v = (as_tensor(t) for t in (query, key, value))
        x = q
        self._check(q, k, v)
        single = q.ndim == 2
        if single:
            q, k, v = q[None], k[None], v[None]
        elif not self.batch_first:
            q, k, v = (t.swapaxes(0, 1) for t in (q, k, v))
        n, length = q.shape[:2]
        e, b = self.embed_dim, self.in_proj_bias
        parts = [slice(i * e, (i + 1) * e) for i in range(3)]  # of in_proj_weight: W_q, W_k, W_v
        q, k, v = (
            self._heads(linear(t, self.in_proj_weight[part], None if b is None else b[part]))
            for t, part in zip((q, k, v), parts, strict=True)
        )
        scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(e // self.num_heads))  # (N, heads, L, S)
        if is_causal and attn_mask is None:
            attn_mask = np.triu(np.ones(scores.shape[-2:], bool), 1)
        if attn_mask is not None:
            scores = self._masked(scores, attn_mask, "attn_mask")
        if key_padding_mask is not None:
            scores = self._masked(scores, key_padding_mask, "key_padding_mask")
        masked = attn_mask is not None or key_padding_mask is not None
        if masked and scores.size:
            scores = _with_something_to_see(scores)
        weights = softmax(scores, axis=-1)
        if self.training:
            weights = dropped(weights, self.dropout, self.rng)
        heads = (weights @ v).swapaxes(1, 2).reshape(n, length, e)
        output = self.out_proj(follow(heads, x, "h"))
        if single:
            output = output[0]
        elif not self.batch_first:
            output = output.swapaxes(0, 1)
        if not need_weights:
            return follow(output, x, "h", 1), None
        if average_attn_weights:
            weights = weights.mean(axis=1)
        return follow(output, x, "h", 1), weights[0] if single else weights

    def _heads(self, t: Tensor) -> Tensor:
        """(N, L, E) -> (N, heads, L, d)"""
        return t.reshape(*t.shape[:2], self.num_heads, -1).swapaxes(1, 2)

    def _masked(self, scores: Tensor, mask: Any, name: str) -> Tensor:
        """Scores (N, heads, L, S), -inf where the mask is True; a mask of numbers is added."""
        mask = as_tensor(mask)
        n, heads, length, places = scores.shape
        shapes = {(length, places): (1, 1, length, places), (n * heads, length, places): (n, heads, length, places)}
        if name == "key_padding_mask":
            shapes = {(n, places): (n, 1, 1, places)} | ({(places,): (1, 1, 1, places)} if n == 1 else {})
        if mask.shape not in shapes:
            raise ShapeError(f"{self!r} needs a {name} {' or '.join(map(str, shapes))}: got {mask.shape}")
        mask = mask.reshape(shapes[mask.shape])
        masked: Tensor = where(mask, -math.inf, scores) if mask.dtype == bool else scores + mask
        return masked

    def _check(self, q: Tensor, k: Tensor, v: Tensor) -> None:
        places, batch = (0, 1) if not self.batch_first else (1, 0)
        fits = (
            q.ndim in (2, 3)
            and q.ndim == k.ndim
            and k.shape == v.shape
            and q.shape[-1] == k.shape[-1] == self.embed_dim
        )
        fits = fits and (q.ndim == 2 or q.shape[batch] == k.shape[batch]) and k.shape[places if q.ndim == 3 else 0] > 0
        if not fits:
            order = ("(N, L, E)", "(N, S, E)") if self.batch_first else ("(L, N, E)", "(S, N, E)")
            raise ShapeError(
                f"{self!r} needs query {order[0]}, key and value {order[1]}, or all without N, with E = "
                f"{self.embed_dim}: got query {q.shape}, key {k.shape}, value {v.shape}"
            )


def _looked_at(scores: Any) -> Any:
    """The scores themselves, if every place may look at something."""
    if scores.max(axis=-1).min() == -math.inf:
        raise DataError(
            "MultiheadAttention: the masks leave a place with nothing to look at, and its A would be 0/0: a mask is "
            "True where no one may look, and attn_mask.all(axis=-1) shows the rows that are all True"
        )
    return scores


_with_something_to_see = custom(_looked_at, lambda g, z, scores: g)
