"""What may be inside a Tensor: numbers, and the law of their dtypes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from itertools import chain
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .capture import captures, capturing
from .errors import DtypeError, ShapeError
from .op import Traced

Array = npt.NDArray[Any]


def as_array(data: Any, dtype: npt.DTypeLike | None = None, copy: bool = True) -> Array:
    """`data` as an array of bool, integer or real numbers in the machine's byte order."""
    if isinstance(data, Traced):
        data = data._data
    elif isinstance(data, (list, tuple)) and _holds_tensor(data):
        raise DtypeError("a list that holds Tensors would lose their graphs: join them with stack([t1, t2])")
    if dtype is not None:
        dtype = as_dtype(dtype)
    if isinstance(data, np.ma.MaskedArray):
        raise DtypeError("a masked array would lose its mask: fill it first, as with data.filled(0)")
    try:
        array = np.array(data) if copy else np.asarray(data)
    except (ValueError, TypeError) as error:
        if isinstance(data, (list, tuple)):
            raise ShapeError(f"a list must be rectangular and hold numbers only: {error}") from None
        raise DtypeError(f"a Tensor holds numbers, not {type(data).__name__}: {error}") from None
    if array.dtype == object and is_fraction(data):
        array = np.array(float(data))
    if array.dtype.kind not in "fiub":
        kind = f"{type(data).__name__}: {data!r:.60}" if array.dtype == object else f"values of dtype {array.dtype}"
        raise DtypeError(f"a Tensor holds bool, integer or real numbers, not {kind}")
    if dtype is not None:
        array = cast(array, dtype, "the values")
    if array is data:
        array = array.view()  # what is done to its flags is not done to the caller's
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _holds_tensor(data: Sequence[Any]) -> bool:
    """Level by level, and by the types that occur: ten times faster than to ask a million numbers one by one."""
    for _ in range(64):  # NumPy's arrays are no deeper
        kinds = set(map(type, data))
        if any(issubclass(kind, Traced) for kind in kinds):
            return True
        if not any(issubclass(kind, (list, tuple)) for kind in kinds):
            return False
        data = list(chain.from_iterable(x for x in data if isinstance(x, (list, tuple))))
    return False


def as_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """The dtype that NumPy understands, if a Tensor can hold it."""
    try:
        found = np.dtype(dtype)
    except TypeError as error:
        raise DtypeError(f"there is no dtype {dtype!r:.60} ({error}): write np.float64 or 'float32'") from None
    if found.kind not in "fiub":
        raise DtypeError(f"a Tensor holds bool, integer or real numbers, not {found}")
    return found


def is_fraction(x: Any) -> bool:
    """Is it a real number of a kind that NumPy does not know, as Fraction(1, 2)?  (Not an integer: it may be large.)"""
    return isinstance(x, Real) and not isinstance(x, (int, float, np.generic))


def cast(array: Array, dtype: np.dtype[Any], what: str) -> Array:
    """To another precision; not from real numbers to integers, which would lose the fractions."""
    if array.dtype == dtype:
        return array
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise DtypeError(f"{what} must be {dtype}: got {array.dtype}, which does not fit into it")
    with np.errstate(over="ignore"):  # too large for the precision: infinity, as in arithmetic
        return array.astype(dtype)


PYTHONS = frozenset((float, int, bool))
_RANK = {"b": 0, "u": 1, "i": 1, "f": 2}


def weakened(arrays: list[Any]) -> list[Any]:
    """The dtype law: a single number beside an array of its kind, or a higher one, widens nothing.

    Nor does an integer beside a real number.  They become Python numbers, which NumPy lets adapt.
    """
    if len(arrays) == 2 and not PYTHONS.isdisjoint(map(type, arrays)):  # only one has a dtype, and keeps it
        return arrays
    highest = [0, 0]  # the highest kind among single numbers, and among arrays
    for a in arrays:
        if isinstance(a, (np.ndarray, np.generic)):
            place = int(a.ndim > 0)
            highest[place] = max(highest[place], _RANK[a.dtype.kind])
    for i, a in enumerate(arrays):
        if isinstance(a, np.generic):
            rank = _RANK[a.dtype.kind]
            if rank < max(highest) or (rank == highest[1] and rank > 0):
                arrays[i] = a.item()
    return arrays


def frozen_key(key: Any) -> Any:
    """An index that nobody can change later: lists, arrays and Tensors in it become arrays of its own."""
    if isinstance(key, tuple):
        return tuple(frozen_key(k) for k in key)
    if isinstance(key, slice):
        return slice(*(k if k is None else operator.index(k) for k in (key.start, key.stop, key.step)))
    if isinstance(key, Traced):
        if captures and (capture := capturing()):
            array = np.array(key._data)
            if array.ndim and array.dtype.kind in "iub":
                capture.derive(array, key, np.array)
                return array
            capture.escaped(key, "x[t] with a single number t")
        key = key._data
    if key is None or key is Ellipsis or isinstance(key, (bool, int)):
        return key
    if not isinstance(key, (list, np.ndarray, np.generic)) and hasattr(key, "__index__"):
        return operator.index(key)
    array = np.array(key, dtype=np.intp if isinstance(key, list) and not key else None)  # t[[]] picks nothing
    if array.dtype.kind not in "iub":
        raise IndexError(f"an index is made of integers or booleans, not {array.dtype}")
    return array if array.ndim or array.dtype.kind == "b" else int(array)


@np.errstate(all="ignore")
def summary(data: Any) -> str:
    """A number in full, a small array in full, a large one as its first entries, shape and range."""
    if data.ndim == 0:
        return f"{data.item():.6g}" if data.dtype.kind == "f" else str(data.item())
    if data.size <= 12:
        text = np.array2string(data, precision=4, separator=", ").replace("\n", "")
        return " ".join(text.split()) + f", shape={data.shape}"
    first = ", ".join(f"{v:.4g}" for v in data.flat[:3].tolist())
    span = f"min {data.min():.4g}, mean {data.mean():.4g}, max {data.max():.4g}"
    return f"[{first}, …], shape={data.shape}, {data.dtype}, {span}"
