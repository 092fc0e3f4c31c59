"""The lecture's cost as one row: fused because it is on the way of every training step."""

from typing import Any

from ..op import Op


def _examples(a: Any) -> int:
    """How many examples: the rows of a mini-batch; a single vector, or a number, is one example."""
    shape: Any = getattr(a, "shape", ())  # a Python number has none
    return shape[0] if len(shape) > 1 else 1


def _quadratic(a: Any, y: Any) -> Any:
    """C = (1/S) sum_x C_x,  C_x = 1/2 sum_i (a_i - y_i)^2: half the sum over outputs, mean over S examples."""
    error = (a - y).ravel()
    return error.dot(error) * (0.5 / _examples(a))


# fmt: off
#                   name           C = f(a, y)  g . dC/da                                       g . dC/dy
quadratic_cost = Op("quadratic_cost", _quadratic, (lambda g, c, a, y: (a - y) * (g / _examples(a)), lambda g, c, a, y: (y - a) * (g / _examples(a))), "½ Σ (a - y)² / S")
