"""Several arrays become one, and one becomes several."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..op import Traced
from ..ops import shape as s
from .arguments import along, as_given, axes_of, indices_of, with_axes
from .shapes import atleast_1d, atleast_2d, atleast_3d, reshape

__all__ = [
    "append",
    "array_split",
    "column_stack",
    "concatenate",
    "dsplit",
    "dstack",
    "hsplit",
    "hstack",
    "split",
    "stack",
    "unstack",
    "vsplit",
    "vstack",
]


# ---- joining ---------------------------------------------------------------------------------------------


def concatenate(xs: Sequence[Any], axis: int | None = 0) -> Any:
    """Join arrays along an axis that they have; axis=None flattens them first."""
    parts = _joined(xs, "concatenate")
    if axis is None:
        parts, axis = [reshape(x, -1) for x in parts], 0
    (axis,) = axes_of(axis, len(parts[0].shape))
    return s.concatenate(*parts, axis=axis)


def stack(xs: Sequence[Any], axis: int = 0) -> Any:
    """Join arrays of one shape along a new axis."""
    parts = _joined(xs, "stack")
    shape = parts[0].shape
    if any(x.shape != shape for x in parts):
        raise ShapeError(f"stack needs arrays of one shape, and got {', '.join(str(x.shape) for x in parts)}")
    (axis,) = axes_of(axis, len(shape) + 1)
    longer = (*shape[:axis], 1, *shape[axis:])
    return s.concatenate(*(s.reshape(x, shape=longer) for x in parts), axis=axis)


def hstack(xs: Sequence[Any]) -> Any:
    """Side by side: joined along the second axis, vectors along their only one."""
    parts = [atleast_1d(x) for x in _joined(xs, "hstack")]
    return concatenate(parts, 0 if len(parts[0].shape) == 1 else 1)


def vstack(xs: Sequence[Any]) -> Any:
    """One below the other: joined along the first axis, vectors as rows."""
    return concatenate([atleast_2d(x) for x in _joined(xs, "vstack")], 0)


def dstack(xs: Sequence[Any]) -> Any:
    """One behind the other: joined along the third axis."""
    return concatenate([atleast_3d(x) for x in _joined(xs, "dstack")], 2)


def column_stack(xs: Sequence[Any]) -> Any:
    """Vectors as the columns of a matrix; matrices side by side."""
    parts = _joined(xs, "column_stack")
    return concatenate([x if len(x.shape) > 1 else reshape(x, -1, 1) for x in parts], 1)


def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """x, and `values` behind it; axis=None flattens both first."""
    return concatenate([x, values], axis)


def _joined(xs: Sequence[Any], name: str) -> list[Any]:
    """The inputs as arrays; a plain number takes the dtype of the others, so that it widens nothing."""
    parts = list(xs)
    if not parts:
        raise ShapeError(f"{name} needs at least one array, and got an empty list")
    single = [not isinstance(x, Traced) and np.ndim(x) == 0 for x in parts]
    common = [x.dtype for x, alone in zip(map(as_given, parts), single, strict=True) if not alone]
    dtype = np.result_type(*common) if common else None
    return [np.asarray(x, dtype) if alone else as_given(x) for x, alone in zip(parts, single, strict=True)]


# ---- splitting -------------------------------------------------------------------------------------------


def unstack(x: Any, *, axis: int = 0) -> tuple[Any, ...]:
    """The arrays that stack(..., axis) would join to x."""
    x = as_given(x)
    if not x.shape:
        raise ShapeError("unstack: a single number (0-d) has no axis to take apart")
    (axis,) = axes_of(axis, len(x.shape))
    return tuple(s.getitem(x, key=along(axis, i)) for i in range(x.shape[axis]))


def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """n parts of the same size along an axis, or the parts between the given places."""
    x = as_given(x)
    (k,) = axes_of(axis, len(x.shape))
    parts = indices_or_sections
    if np.ndim(parts) == 0 and operator.index(parts) > 0 and x.shape[k] % operator.index(parts):
        raise ShapeError(
            f"split: {x.shape[k]} entries along axis {k} are not {parts} parts of one size; array_split makes "
            f"parts that differ by one"
        )
    return array_split(x, parts, axis)


def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """n parts along an axis, the first ones by one entry larger if need be, or the parts between given places."""
    x = as_given(x)
    (k,) = axes_of(axis, len(x.shape))
    n = x.shape[k]
    if np.ndim(indices_or_sections) == 0:
        count = operator.index(indices_or_sections)
        if count <= 0:
            raise ShapeError(f"split needs one part at least, and got {count}")
        size, larger = divmod(n, count)
        ends = [(i + 1) * size + min(i + 1, larger) for i in range(count)]
    else:
        ends = [*indices_of(indices_or_sections, "split").tolist(), n]
    return [s.getitem(x, key=along(k, slice(start, end))) for start, end in zip([0, *ends], ends, strict=False)]


def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts that hstack joins again."""
    x = with_axes(x, 1, "hsplit")
    return split(x, indices_or_sections, 0 if len(x.shape) == 1 else 1)


def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts that vstack joins again."""
    return split(with_axes(x, 2, "vsplit"), indices_or_sections, 0)


def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts that dstack joins again."""
    return split(with_axes(x, 3, "dsplit"), indices_or_sections, 2)
