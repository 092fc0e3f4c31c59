"""Matrix products: of matrices, and of stacks of matrices that broadcast."""

import operator
from typing import Any

import numpy as np

from ..op import Op

# fmt: off
#           name      z = f(x, y)        g . dz/dx                       g . dz/dy
matmul = Op("matmul", operator.matmul, (lambda g, z, x, y: g @ y.mT,   lambda g, z, x, y: x.mT @ g), "x y")


def _linear(x: Any, w: Any, b: Any) -> Any:
    """z_i = b_i + sum_j w_ij x_j, one example a row: (…, n_in), (n_out, n_in), (n_out,) -> (…, n_out)"""
    return np.dot(x, w.T) + b


#           fused: the lecture's weighted input z is one node, in the sweep and in the picture
linear = Op("linear", _linear,         (lambda g, z, x, w, b: g @ w,   lambda g, z, x, w, b: g.mT @ x,  lambda g, z, x, w, b: g), "x wᵀ + b")
