"""LSTM: a network that reads a sequence step by step, and remembers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ShapeError, Tensor, concatenate, linear, sigmoid, stack, tanh

from ..init import Seed, as_generator
from ..module import as_tensor
from .base import First, Layer, follow, fraction, whole
from .dropout import dropped

__all__ = ["LSTM"]

State = tuple[Tensor, Tensor]


class LSTM(Layer):
    """Long short-term memory: h, the output, and c, the memory, go on from step to step.  (Hochreiter and
    Schmidhuber, 1997; with the forget gate of Gers et al., 2000)

    z   = W_ih x_t + b_ih + W_hh h + b_hh,  in four parts z_i, z_f, z_g, z_o
    c  <- sigma(z_f) c + sigma(z_i) tanh(z_g)      forget some, and write some
    h  <- sigma(z_o) tanh(c)                       show some

    x (L, N, input_size), or (N, L, input_size) with batch_first, or (L, input_size) -> output, (h, c):
    output (L, N, D hidden_size), h of every step of the last layer; h, c (D num_layers, N, hidden_size), those
    of the last step of every layer; D is 2 if bidirectional, else 1.  lstm(x, (h, c)) starts from h and c, not 0.

    weight_ih_l0 (4 hidden_size, input_size), weight_hh_l0 (4 hidden_size, hidden_size), bias_ih_l0, bias_hh_l0
    (4 hidden_size,), in the order i, f, g, o; likewise _l1, …, and _reverse for the way back.
    First values: U(-1, 1) / sqrt(hidden_size).

    dropout  the probability of 0 in the output of every layer but the last, in training; drawn from rng
    """

    settings = ("input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout", "bidirectional")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        init: First | None = None,
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.input_size, self.hidden_size = (
            whole("LSTM", "input_size", input_size),
            whole("LSTM", "hidden_size", hidden_size),
        )
        self.num_layers = whole("LSTM", "num_layers", num_layers)
        self.dropout = fraction("LSTM", "dropout", dropout, 0, 1)
        self.bias, self.batch_first, self.bidirectional = bool(bias), bool(batch_first), bool(bidirectional)
        self.rng = as_generator(rng)
        bound = 1 / math.sqrt(self.hidden_size)
        first = init or (lambda name, shape: self.rng.uniform(-bound, bound, shape))
        rows = 4 * self.hidden_size
        for suffix, inputs in self._passes():
            shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size)}
            if self.bias:
                shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
            for name, shape in shapes.items():
                setattr(self, name + suffix, Tensor(first(name + suffix, shape), requires_grad=True, dtype=dtype))

    def _passes(self) -> list[tuple[str, int]]:
        """For each pass over the sequence, layer by layer, the ending of its parameters' names and its inputs."""
        ways = ("", "_reverse") if self.bidirectional else ("",)
        inputs = [self.input_size] + [len(ways) * self.hidden_size] * (self.num_layers - 1)
        return [(f"_l{k}{way}", inputs[k]) for k in range(self.num_layers) for way in ways]

    def forward(self, x: Any, hx: tuple[Any, Any] | None = None) -> tuple[Tensor, State]:
        """output, (h, c)"""
        x = as_tensor(x)
        if x.ndim not in (2, 3) or x.shape[-1] != self.input_size or 0 in x.shape:
            order = "(N, L, input_size)" if self.batch_first else "(L, N, input_size)"
            raise ShapeError(
                f"{self!r} needs x {order} or (L, input_size), of one step at least, with input_size "
                f"{self.input_size}: got x {x.shape}"
            )
        single = x.ndim == 2
        batch = x if not single else x[None] if self.batch_first else x[:, None]
        steps = [
            batch[:, t] if self.batch_first else batch[t] for t in range(batch.shape[1 if self.batch_first else 0])
        ]
        before = self._start(hx, len(steps[0]), single)
        last: list[State] = []
        passes = iter(self._passes())
        for layer in range(self.num_layers):
            ways = []
            for reverse in (False, True)[: 1 + self.bidirectional]:
                suffix, _ = next(passes)
                outputs, state = self._read(steps[::-1] if reverse else steps, before[len(last)], suffix)
                ways.append(outputs[::-1] if reverse else outputs)
                last.append(state)
            steps = [concatenate(hs, axis=-1) for hs in zip(*ways, strict=True)] if self.bidirectional else ways[0]
            if self.training and layer < self.num_layers - 1:
                steps = [dropped(h, self.dropout, self.rng) for h in steps]
        output = stack(steps, axis=1 if self.batch_first else 0)
        h, c = (stack(states) for states in zip(*last, strict=True))
        if single:
            output, h, c = output[0] if self.batch_first else output[:, 0], h[:, 0], c[:, 0]
        return follow(output, x, "h", self.num_layers), (h, c)

    def _read(self, steps: list[Tensor], state: State, suffix: str) -> tuple[list[Tensor], State]:
        """One pass over the sequence: h of every step, and the last h and c."""
        w_ih, w_hh = getattr(self, "weight_ih" + suffix), getattr(self, "weight_hh" + suffix)
        b_ih, b_hh = (getattr(self, name + suffix, None) for name in ("bias_ih", "bias_hh"))
        h, c = state
        n = self.hidden_size
        outputs = []
        for x in steps:
            z = linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh)
            i, f, g, o = (z[:, k * n : (k + 1) * n] for k in range(4))
            c = sigmoid(f) * c + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
            outputs.append(h)
        return outputs, (h, c)

    def _start(self, hx: tuple[Any, Any] | None, n: int, single: bool) -> list[State]:
        """h and c before the first step, for each pass: (N, hidden_size)."""
        passes = self.num_layers * (1 + self.bidirectional)
        shape = (passes, n, self.hidden_size)
        if hx is None:
            zero = Tensor(np.zeros(shape[1:], self.weight_hh_l0.dtype))
            return [(zero, zero)] * passes
        h, c = (as_tensor(t) for t in hx)
        wanted = (passes, self.hidden_size) if single else shape
        if h.shape != wanted or c.shape != wanted:
            raise ShapeError(f"{self!r} starts from (h, c), each {wanted}: got h {h.shape}, c {c.shape}")
        if single:
            h, c = h[:, None], c[:, None]
        return [(h[k], c[k]) for k in range(passes)]

    weight_hh_l0: Tensor
