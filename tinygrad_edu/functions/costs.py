"""How far outputs are from targets, as one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops import cost
from ..ops import elementwise as e
from .arguments import as_given

__all__ = ["quadratic_cost"]


def quadratic_cost(a: Any, y: Any) -> Any:
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a_i - y_i)^2: half the sum over the outputs, mean over the S examples.

    a, y (S, n) -> C ();  (n,) is a single example.
    """
    a, y = as_given(a), as_given(y)
    shape, dtype = a.shape, a.dtype
    if shape != y.shape:
        raise ShapeError(
            f"quadratic_cost needs targets of the outputs' shape: outputs a {shape}, targets y {y.shape}.  "
            f"Class numbers become targets with nn.data.one_hot(labels, classes)"
        )
    if 0 in shape:
        raise ShapeError(f"quadratic_cost of no examples does not exist: a has shape {shape}")
    if dtype.kind != "f" and y.dtype.kind != "f":
        a, y = e.astype(a, dtype=np.float64), e.astype(y, dtype=np.float64)  # differences of integers would wrap
    if dtype.type is np.float16:  # the sum over many examples would overflow; its mean does not
        return e.astype(quadratic_cost(e.astype(a, dtype=np.float32), y), dtype=np.float16)
    return cost.quadratic_cost(a, y)
