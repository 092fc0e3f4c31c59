"""The errors of both packages: each also derives from the built-in that people would catch.

Every message says what was given, what was needed and what to write instead.
"""

import numpy as np

__all__ = [
    "AnomalyError",
    "DataError",
    "DrawingError",
    "DtypeError",
    "GradientCheckError",
    "GradientError",
    "JitError",
    "LinAlgError",
    "MissingExtraError",
    "ShapeError",
    "TinygradEduError",
    "TrainingError",
    "dtype_error",
    "missing_extra",
    "shape_error",
]


class TinygradEduError(Exception):
    """Base class of every error that the project raises on purpose."""


class ShapeError(TinygradEduError, ValueError):
    """Arrays whose shapes do not fit together, or values that do not form an array."""


class DtypeError(TinygradEduError, TypeError):
    """Values of a kind that the operation cannot work with: objects, text, integers with a gradient."""


class GradientError(TinygradEduError, RuntimeError):
    """A derivative that was asked for does not exist, or cannot be computed any more."""


class JitError(TinygradEduError, RuntimeError):
    """A function that jit cannot record, or whose recording does not do what the function does."""


class AnomalyError(TinygradEduError, ArithmeticError):
    """A NaN or an infinity, and where it comes from."""


class GradientCheckError(GradientError, AssertionError):
    """A gradient that differs from the slopes of its function; the message names entry, op and likely mistake."""


class DataError(TinygradEduError, ValueError):
    """A data set or a file that is not what it says it is."""


class LinAlgError(TinygradEduError, np.linalg.LinAlgError):
    """A matrix that has no inverse, or no such factors."""


class TrainingError(TinygradEduError, ArithmeticError):
    """Training cannot go on: the cost is not a finite number any more."""


class DrawingError(TinygradEduError, ValueError):
    """A picture that cannot be drawn, or not in the format that was asked for."""


class MissingExtraError(TinygradEduError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


def missing_extra(package: str, extra: str, purpose: str) -> MissingExtraError:
    """The error for an optional package that is not there: raise missing_extra("matplotlib", "plot", "plots")."""
    return MissingExtraError(
        f"{purpose} needs the package {package!r}, which is not installed.  "
        f"Install the extra {extra!r} in the folder of tinygrad_edu: pip install -e '.[{extra}]'"
    )


def dtype_error(op: str, kinds: set[str]) -> DtypeError | None:
    """The error for dtypes, by NumPy's letters for their kinds, that the op is not for; None if it is for them."""
    if op in ("bitwise_and", "bitwise_or", "invert") and "f" in kinds:
        return DtypeError(f"{op} (& | ~) is for truth values and integers, not real numbers: (x > 0) & (x < 1)")
    if "b" in kinds:
        return DtypeError(f"{op} is not for truth values: x.astype(float) makes 0 and 1 of them; not x is ~x")
    return None


def shape_error(op: str, operands: list[tuple[str, tuple[int, ...]]]) -> ShapeError | None:
    """The error for operands (name, shape) that do not fit the op; None if their shapes are not at fault."""
    given = [f"{name} {shape}" for name, shape in operands]
    shapes = [shape for _, shape in operands]
    if op == "matmul":
        (x, a), (y, b) = operands
        if a[-1] != b[-2]:
            hint = f"  Did you mean {x} @ {y}.T ?" if a[-1] == b[-1] and len(b) == 2 else ""
            hint = hint or (f"  Did you mean {x}.T @ {y} ?" if a[-2] == b[-2] and len(a) == 2 else "")
            return ShapeError(f"matmul needs equal inner sizes: {' @ '.join(given)}: {a[-1]} != {b[-2]}.{hint}")
        shapes = [a[:-2], b[:-2]]
    if op == "concatenate":
        return ShapeError(f"concatenate needs equal shapes but for the joined axis: got {', '.join(given)}")
    for sizes in zip(*(shape[::-1] for shape in shapes), strict=False):
        if len(set(sizes) - {1}) > 1:
            return ShapeError(
                f"{op}: {' and '.join(given)} do not broadcast together: seen from the right, "
                f"two sizes must be equal, or one of them 1, and {' != '.join(map(str, sizes))}"
            )
    return None
