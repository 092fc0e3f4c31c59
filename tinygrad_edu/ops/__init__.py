"""The table of primitives, one row each.  `TABLE` holds them all by name."""

from ..op import Op
from . import conv, cost, elementwise, linalg, reduce, shape

TABLE: dict[str, Op] = {
    op.name: op
    for module in (elementwise, shape, reduce, linalg, conv, cost)
    for op in vars(module).values()
    if isinstance(op, Op)
}

__all__ = ["TABLE", "conv", "cost", "elementwise", "linalg", "reduce", "shape"]
