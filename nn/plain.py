"""Plain data, as numbers, text, arrays, lists, tuples and dicts of them, told as JSON and named arrays.

{"lr": 0.1, "betas": (0.9, 0.99), "state": {0: {"m": array}}} is
{"lr": 0.1, "betas": {"$tuple": [0.9, 0.99]}, "state": {"$pairs": [[0, {"m": {"$array": "state.0.m"}}]]}}
with the array under the name "state.0.m".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu import DataError, DtypeError, Tensor

__all__ = ["flat", "restored"]

_DEEPEST = 50


def flat(value: Any, arrays: dict[str, Any], name: str = "", depth: int = 0) -> Any:
    """The value as JSON can hold it; its arrays go into `arrays`, under a name that says where they were."""
    if depth > _DEEPEST:
        raise DataError(f"{name:.80}: the state is nested more than {_DEEPEST} deep")
    if isinstance(value, Tensor):
        value = value.data
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"$float": repr(value)}
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf":
            raise DtypeError(f"{name}: a checkpoint holds numbers, and not an array of {value.dtype}")
        while name in arrays:
            name += "'"
        arrays[name] = np.ascontiguousarray(value, value.dtype.newbyteorder("=")).reshape(value.shape)
        return {"$array": name}
    if isinstance(value, Mapping):
        prefix = f"{name}." if name else ""
        pairs = [(key, flat(inside, arrays, f"{prefix}{key}", depth + 1)) for key, inside in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key, _ in pairs):
            return dict(pairs)
        return {"$pairs": [[flat(key, arrays, name, depth + 1), inside] for key, inside in pairs]}
    if isinstance(value, (list, tuple)):
        inside = [flat(entry, arrays, f"{name}.{i}", depth + 1) for i, entry in enumerate(value)]
        return inside if isinstance(value, list) else {"$tuple": inside}
    raise DtypeError(f"{name}: a checkpoint holds numbers, text, arrays, lists and dicts, and not {value!r:.60}")


def restored(value: Any, arrays: dict[str, Any], depth: int = 0) -> Any:
    """What flat was given, bit for bit; the arrays are taken out of `arrays`."""
    if depth > 2 * _DEEPEST:
        raise DataError(f"the state is nested more than {_DEEPEST} deep")
    if isinstance(value, list):
        return [restored(entry, arrays, depth + 1) for entry in value]
    if not isinstance(value, dict):
        return value
    if len(value) != 1 or not (kind := next(iter(value))).startswith("$"):
        return {key: restored(inside, arrays, depth + 1) for key, inside in value.items()}
    inside = value[kind]
    if kind == "$array":
        return np.array(arrays.pop(inside))  # each one stands in one place
    if kind == "$float":
        return {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}[inside]
    if kind == "$tuple":
        return tuple(restored(list(inside), arrays, depth + 1))
    if kind == "$pairs":
        return {restored(key, arrays, depth + 1): restored(entry, arrays, depth + 1) for key, entry in inside}
    raise DataError(f"there is no kind of value {kind!r:.60}")
