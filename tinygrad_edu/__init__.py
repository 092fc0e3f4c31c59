"""tinygrad_edu: reverse-mode automatic differentiation that people can read, see, check and trust."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import functions
from .anomaly import detect_anomaly
from .capture import capturing
from .custom_op import custom
from .errors import (
    AnomalyError,
    DataError,
    DrawingError,
    DtypeError,
    GradientCheckError,
    GradientError,
    JitError,
    LinAlgError,
    MissingExtraError,
    ShapeError,
    TinygradEduError,
    TrainingError,
    missing_extra,
)
from .functions import *  # noqa: F403  # the menu of functions/__init__.py
from .graph import is_grad_enabled, no_grad
from .op import Op
from .ops import TABLE
from .ops.elementwise import (
    absolute,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cbrt,
    ceil,
    copysign,
    cos,
    cosh,
    deg2rad,
    degrees,
    erf,
    exp,
    exp2,
    expm1,
    fabs,
    float_power,
    floor,
    floor_divide,
    fmax,
    fmin,
    fmod,
    heaviside,
    hypot,
    isfinite,
    isinf,
    isnan,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    maximum,
    minimum,
    positive,
    rad2deg,
    radians,
    reciprocal,
    relu,
    remainder,
    rint,
    sigmoid,
    sign,
    signbit,
    sin,
    sinh,
    sqrt,
    square,
    tan,
    tanh,
    trunc,
)
from .outside import checked_index, fresh, guard, guard_object
from .recompute import checkpoint
from .tensor import Tensor
from .transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

if TYPE_CHECKING:
    from .checking import Report, assert_gradients, check_gradients, compare
    from .compiled.calling import JitWarning, jit
    from .visual.draw import draw
    from .visual.explain import explain
    from .visual.page import Page
    from .visual.trace import Trace, trace
    from .visual.universal import universal

__version__ = "0.1.0"

__all__ = [
    "TABLE",
    "AnomalyError",
    "DataError",
    "DrawingError",
    "DtypeError",
    "GradientCheckError",
    "GradientError",
    "JitError",
    "JitWarning",
    "LinAlgError",
    "MissingExtraError",
    "Op",
    "Page",
    "Report",
    "ShapeError",
    "Tensor",
    "TinygradEduError",
    "Trace",
    "TrainingError",
    "absolute",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "assert_gradients",
    "capturing",
    "cbrt",
    "ceil",
    "check_gradients",
    "checked_index",
    "checkpoint",
    "compare",
    "copysign",
    "cos",
    "cosh",
    "custom",
    "deg2rad",
    "degrees",
    "detect_anomaly",
    "draw",
    "erf",
    "exp",
    "exp2",
    "explain",
    "expm1",
    "fabs",
    "float_power",
    "floor",
    "floor_divide",
    "fmax",
    "fmin",
    "fmod",
    "fresh",
    "grad",
    "guard",
    "guard_object",
    "heaviside",
    "hessian",
    "hvp",
    "hypot",
    "is_grad_enabled",
    "isfinite",
    "isinf",
    "isnan",
    "jacobian",
    "jit",
    "jvp",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "missing_extra",
    "no_grad",
    "positive",
    "rad2deg",
    "radians",
    "reciprocal",
    "relu",
    "remainder",
    "rint",
    "sigmoid",
    "sign",
    "signbit",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trace",
    "trunc",
    "universal",
    "value_and_grad",
    "vjp",
]
__all__ += functions.__all__


_LATER = {
    **dict.fromkeys(("Page", "Trace", "draw", "explain", "trace", "universal"), "visual"),
    **dict.fromkeys(("JitWarning", "jit"), "compiled"),
    **dict.fromkeys(("Report", "assert_gradients", "check_gradients", "compare"), "checking"),
}


def __getattr__(name: str) -> Any:
    """Pictures and checks are loaded when they are first asked for: `import tinygrad_edu` stays as fast as NumPy's."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __name__), name)
