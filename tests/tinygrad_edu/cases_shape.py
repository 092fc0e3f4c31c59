"""The cases of ops/shape.py that op_cases.py has not: reading, writing and finding entries, and constants."""

from typing import Any

import numpy as np
from hypothesis import strategies as st
from op_cases import Array, Call, Case, broadcastable, eighths, keys, picked, puts, scattered, shapes, takes


@st.composite
def writes(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    key = draw(keys(shape))
    (part,) = draw(broadcastable(1, st.just(np.zeros(shape)[key].shape)))
    return Call((draw(eighths(shape)), draw(eighths(part))), {"key": key})


def written(x: Array, y: Array, *, key: Any) -> Array:
    """One entry after the other, in reading order."""
    places = np.arange(x.size).reshape(x.shape)[key]
    z = np.array(list(x.flat), dtype=np.result_type(x, y))
    for i, value in zip(np.ravel(places), np.ravel(y + np.zeros(np.shape(places))), strict=True):
        z[i] = value
    return z.reshape(x.shape)


@st.composite
def constants(draw: st.DrawFn) -> Call:
    value = draw(st.integers(-3, 3))
    return Call((draw(eighths(draw(shapes()))),), {"value": value, "dtype": None, "shape": draw(st.none() | shapes())})


def filled(x: Array, *, value: Any, dtype: Any, shape: Any) -> Array:
    return value + np.zeros(x.shape if shape is None else shape)


def places_of(x: Array) -> Array:
    found = [place for place in np.ndindex(x.shape) if x[place] != 0]
    return np.array(found, dtype=int).reshape(len(found), x.ndim)


@st.composite
def with_zeros(draw: st.DrawFn) -> Call:
    return Call((draw(eighths(draw(shapes(min_dims=1)), limit=1)),))


CASES: dict[str, Case] = {
    "getitem": Case(takes(), picked),
    "scatter_add": Case(puts(), scattered),
    "setitem": Case(writes(), written),
    "full_like": Case(constants(), filled),
    "argwhere": Case(with_zeros(), places_of),
}
