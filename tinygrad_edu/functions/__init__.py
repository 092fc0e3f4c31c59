"""Functions composed from the rows, so there are no derivatives here.

Like the rows they take Tensors (and then record) or plain arrays (and then just compute).
They bring NumPy's conveniences: negative axes, keepdims=False, 1-d operands of a matrix product.
"""

from .arguments import Axis
from .choices import clip, where
from .costs import quadratic_cost
from .products import linear, matmul
from .reductions import log_softmax, logsumexp, max, mean, min, softmax, sum, sum_to
from .shapes import broadcast_to, concatenate, reshape, stack, transpose

__all__ = [
    "Axis",
    "broadcast_to",
    "clip",
    "concatenate",
    "linear",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "mean",
    "min",
    "quadratic_cost",
    "reshape",
    "softmax",
    "stack",
    "sum",
    "sum_to",
    "transpose",
    "where",
]
