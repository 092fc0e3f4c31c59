"""tinygrad_edu: reverse-mode automatic differentiation that people can read, see, check and trust."""

from typing import TYPE_CHECKING, Any

from .anomaly import detect_anomaly
from .errors import (
    AnomalyError,
    DataError,
    DtypeError,
    GradientError,
    MissingExtraError,
    ShapeError,
    TinygradEduError,
    TrainingError,
    missing_extra,
)
from .functions import (
    broadcast_to,
    clip,
    concatenate,
    linear,
    log_softmax,
    logsumexp,
    matmul,
    max,
    mean,
    min,
    quadratic_cost,
    reshape,
    softmax,
    stack,
    sum,
    transpose,
    where,
)
from .graph import is_grad_enabled, no_grad
from .op import Op
from .ops import TABLE
from .ops.elementwise import absolute, exp, log, maximum, minimum, relu, sigmoid, sign, sqrt, tanh
from .recompute import checkpoint
from .tensor import Tensor
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from .visual import draw

__version__ = "0.1.0"

__all__ = [
    "TABLE",
    "AnomalyError",
    "DataError",
    "DtypeError",
    "GradientError",
    "MissingExtraError",
    "Op",
    "ShapeError",
    "Tensor",
    "TinygradEduError",
    "TrainingError",
    "absolute",
    "broadcast_to",
    "checkpoint",
    "clip",
    "concatenate",
    "detect_anomaly",
    "draw",
    "exp",
    "grad",
    "hessian",
    "hvp",
    "is_grad_enabled",
    "jacobian",
    "jvp",
    "linear",
    "log",
    "log_softmax",
    "logsumexp",
    "matmul",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "missing_extra",
    "no_grad",
    "quadratic_cost",
    "relu",
    "reshape",
    "sigmoid",
    "sign",
    "softmax",
    "sqrt",
    "stack",
    "sum",
    "tanh",
    "transpose",
    "value_and_grad",
    "vjp",
    "where",
]


def __getattr__(name: str) -> Any:
    """Pictures are loaded when the first one is drawn: `import tinygrad_edu` stays as fast as NumPy's."""
    if name != "draw":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .visual import draw

    return draw
