"""Linear: the lecture's weighted input."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ShapeError, Tensor, linear

from ..init import Seed, first_values
from ..module import as_tensor
from .base import First, Layer, layer_of, name_parameters

__all__ = ["Linear"]


class Linear(Layer):
    """z_i = b_i + sum_j w_ij x_j:  x (…, in_features) -> z (…, out_features).

    weight (out_features, in_features): weight[i, j] is w_ij, from neuron j to neuron i;
    bias (out_features,): bias[i] is b_i.  For a batch, one example a row: Z = X Wᵀ + b.
    init is a name of `nn.init.INITS`, or a function (name, shape) -> array; rng a seed or a generator.
    """

    settings = ("in_features", "out_features", "bias")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        init: str | First = "uniform",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        given: list[Any] = [in_features, out_features]
        if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in given):
            raise ShapeError(
                f"Linear needs one neuron or more on each side, whole ones: "
                f"got in_features={in_features}, out_features={out_features}"
            )
        self.in_features, self.out_features = int(in_features), int(out_features)
        w, b = first_values(init, (self.out_features, self.in_features), bool(bias), rng)
        self.weight = Tensor(w, requires_grad=True, dtype=dtype)
        self.bias = None if b is None else Tensor(b, requires_grad=True, dtype=dtype)

    def forward(self, x: Any) -> Tensor:
        """Z = X Wᵀ + b, one example per row."""
        x = as_tensor(x)
        z: Tensor = linear(x, self.weight, self.bias)
        return name_parameters(z, layer_of(x) + 1, self.weight, self.bias)
