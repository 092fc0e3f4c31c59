"""For every row of the op table: which calls to draw, and the same function written a second time.

The second forward is plain NumPy, shares no code with the row, and takes complex arrays, so that
f(x + ih) gives its derivative exactly.  Values are eighths: exact in binary, and shrinking to 0.
Kinks and ties are kept 1/16 away by construction; they have a table of their own in test_kinks.py.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray
Shape = tuple[int, ...]


@dataclass
class Call:
    """One use of a row: op(*arrays, **params)."""

    arrays: tuple[Array, ...]
    params: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.arrays = tuple(np.asarray(a) for a in self.arrays)  # NumPy makes scalars of 0-d arrays on the way


@dataclass
class Case:
    """How to test one row."""

    calls: st.SearchStrategy[Call]
    forward: Callable[..., Any]


# ---- shapes and values -----------------------------------------------------------------------------------

SIDES = st.sampled_from((2, 3, 1, 2, 3, 0))
NONZERO_SIDES = st.sampled_from((2, 3, 1))


def shapes(min_dims: int = 0, max_dims: int = 3, sides: st.SearchStrategy[int] = SIDES) -> st.SearchStrategy[Shape]:
    return st.lists(sides, min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcastable(draw: st.DrawFn, count: int, base: st.SearchStrategy[Shape] | None = None) -> list[Shape]:
    """Shapes that broadcast together: parts of one shape, some axes left out or shrunk to 1."""
    whole = draw(shapes() if base is None else base)
    found = []
    for _ in range(count):
        part = whole[draw(st.integers(0, len(whole))) :]
        found.append(tuple(1 if draw(st.booleans()) else n for n in part))
    return found


@st.composite
def eighths(draw: st.DrawFn, shape: Shape, shift: float = 0.0, limit: int = 24) -> Array:
    size = int(np.prod(shape))
    numbers = draw(st.lists(st.integers(-limit, limit), min_size=size, max_size=size))
    return np.array(numbers, dtype=np.float64).reshape(shape) / 8 + shift


def positive(shape: Shape) -> st.SearchStrategy[Array]:
    """Inside the domain of log by construction."""
    return eighths(shape).map(lambda x: x * x + 1 / 8)


def nonzero(shape: Shape) -> st.SearchStrategy[Array]:
    """Of both signs, at least 1/2 away from 0: what one may divide by."""
    return eighths(shape).map(lambda x: np.where(x < 0, x - 1 / 2, x + 1 / 2))


def off_zero(shape: Shape) -> st.SearchStrategy[Array]:
    """Of both signs, 1/16 away from 0."""
    return eighths(shape, shift=1 / 16)


@st.composite
def distinct(draw: st.DrawFn, shape: Shape) -> Array:
    """No two entries are equal."""
    size = int(np.prod(shape))
    return (np.array(draw(st.permutations(range(size))), dtype=np.float64).reshape(shape) - size // 2) / 4


def booleans(shape: Shape) -> st.SearchStrategy[Array]:
    return eighths(shape).map(lambda x: x > 0)


@st.composite
def unary(draw: st.DrawFn, values: Callable[[Shape], Any] = eighths) -> Call:
    return Call((draw(values(draw(shapes()))),))


@st.composite
def binary(draw: st.DrawFn, first: Callable[[Shape], Any] = eighths, second: Callable[[Shape], Any] = eighths) -> Call:
    a, b = draw(broadcastable(2))
    return Call((draw(first(a)), draw(second(b))))


# ---- calls of the rows that need more than values --------------------------------------------------------


@st.composite
def clips(draw: st.DrawFn) -> Call:
    lo, hi = sorted(draw(st.tuples(st.integers(-16, 16), st.integers(-16, 16))))
    return Call((draw(off_zero(draw(shapes()))),), {"lo": lo / 8, "hi": hi / 8})


@st.composite
def choices(draw: st.DrawFn) -> Call:
    c, x, y = draw(broadcastable(3))
    return Call((draw(booleans(c)), draw(eighths(x)), draw(eighths(y))))


@st.composite
def casts(draw: st.DrawFn) -> Call:
    return Call((draw(eighths(draw(shapes()))),), {"dtype": np.dtype(draw(st.sampled_from(("f8", "f4"))))})


@st.composite
def reductions(draw: st.DrawFn, values: Callable[[Shape], Any], sides: st.SearchStrategy[int] = NONZERO_SIDES) -> Call:
    shape = draw(shapes(sides=sides))
    axis = tuple(i for i in range(len(shape)) if draw(st.booleans()))
    return Call((draw(values(shape)),), {"axis": axis, "keepdims": draw(st.booleans())})


@st.composite
def matrices(draw: st.DrawFn) -> Call:
    stack_x, stack_y = draw(broadcastable(2, shapes(max_dims=2)))
    m, k, n = draw(st.tuples(SIDES, SIDES, SIDES))
    return Call((draw(eighths((*stack_x, m, k))), draw(eighths((*stack_y, k, n)))))


@st.composite
def layers(draw: st.DrawFn) -> Call:
    n_in, n_out = draw(st.tuples(SIDES, SIDES))
    x = draw(eighths((*draw(shapes(min_dims=1, max_dims=2)), n_in)))
    return Call((x, draw(eighths((n_out, n_in))), draw(eighths((n_out,)))))


@st.composite
def reshapes(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    ones = [1] * draw(st.integers(0, 2))
    return Call((draw(eighths(shape)),), {"shape": tuple(draw(st.permutations((*shape, *ones))))})


@st.composite
def transposes(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    return Call((draw(eighths(shape)),), {"axes": tuple(draw(st.permutations(range(len(shape)))))})


@st.composite
def broadcasts(draw: st.DrawFn) -> Call:
    whole = draw(shapes())
    (part,) = draw(broadcastable(1, st.just(whole)))
    return Call((draw(eighths(part)),), {"shape": whole})


@st.composite
def keys(draw: st.DrawFn, shape: Shape) -> Any:
    """NumPy's indexing: integers, slices, None, ..., boolean and integer arrays, several at a time."""
    if draw(st.integers(0, 4)) == 0:
        return draw(booleans(shape))
    parts: list[Any] = []
    picked = draw(shapes(max_dims=2, sides=st.sampled_from((2, 1, 3))))  # one shape for all integer arrays
    for n in shape[: draw(st.integers(0, len(shape)))]:
        kind = draw(st.sampled_from(("slice", "integer", "array", "None")))
        if kind == "None":
            parts.append(None)
        if n == 0 or kind in ("slice", "None"):
            parts.append(draw(st.slices(n)))
        elif kind == "integer":
            parts.append(draw(st.integers(-n, n - 1)))
        else:
            flat = draw(st.lists(st.integers(-n, n - 1), min_size=int(np.prod(picked)), max_size=int(np.prod(picked))))
            parts.append(np.array(flat, dtype=np.intp).reshape(picked))
    if draw(st.booleans()):
        parts.append(...)
    return tuple(parts)


@st.composite
def takes(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    return Call((draw(eighths(shape)),), {"key": draw(keys(shape))})


@st.composite
def puts(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    key = draw(keys(shape))
    return Call((draw(eighths(np.zeros(shape)[key].shape)),), {"key": key, "shape": shape})


@st.composite
def joins(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(SIDES, min_size=1, max_size=3))
    return Call(tuple(draw(eighths((*shape[:axis], n, *shape[axis + 1 :]))) for n in sizes), {"axis": axis})


@st.composite
def costs(draw: st.DrawFn) -> Call:
    shape = draw(shapes(max_dims=2, sides=NONZERO_SIDES))
    return Call((draw(eighths(shape)), draw(eighths(shape))))


@st.composite
def along_axes(draw: st.DrawFn) -> Call:
    call = draw(reductions(eighths))
    return Call(call.arrays, {"axis": call.params["axis"]})


# ---- the same functions, written a second time -----------------------------------------------------------


def larger(x: Array, y: Array) -> Array:
    return np.where(np.real(x) > np.real(y), x, y)


def smaller(x: Array, y: Array) -> Array:
    return np.where(np.real(x) > np.real(y), y, x)


def along(axis: tuple[int, ...], keepdims: bool, x: Array, combine: Callable[[Array], Any]) -> Array:
    """combine(all entries of a group), for every group of entries that differ in `axis` only."""
    kept = [i for i in range(x.ndim) if i not in axis]
    size = int(np.prod([x.shape[i] for i in axis]))
    groups = np.transpose(x, (*kept, *axis)).reshape(*(x.shape[i] for i in kept), size)
    values = np.array([combine(groups[i]) for i in np.ndindex(groups.shape[:-1])], dtype=x.dtype)
    return values.reshape([1 if i in axis else n for i, n in enumerate(x.shape) if keepdims or i not in axis])


def spread(x: Array, axis: tuple[int, ...]) -> Array:
    """The sum of each group, in every place of the group."""
    return along(axis, True, np.asarray(x), sum) + np.zeros(np.shape(x))


def reduced(combine: Callable[[Array], Any]) -> Callable[..., Array]:
    return lambda x, *, axis, keepdims: along(axis, keepdims, np.asarray(x), combine)


def picked(x: Array, *, key: Any) -> Array:
    places = np.arange(x.size).reshape(x.shape)[key]
    return np.array([x.flat[i] for i in np.ravel(places)], dtype=x.dtype).reshape(np.shape(places))


def scattered(x: Array, *, key: Any, shape: Shape) -> Array:
    places = np.arange(int(np.prod(shape))).reshape(shape)[key]
    z = np.zeros(int(np.prod(shape)), dtype=x.dtype)
    for i, value in zip(np.ravel(places), np.ravel(x), strict=True):
        z[i] += value
    return z.reshape(shape)


def joined(*xs: Array, axis: int) -> Array:
    ends = np.cumsum([x.shape[axis] for x in xs])
    shape = [ends[-1] if i == axis else n for i, n in enumerate(xs[0].shape)]
    z = np.zeros(shape, dtype=np.result_type(*xs))
    for x, end in zip(xs, ends, strict=True):
        np.moveaxis(z, axis, 0)[end - x.shape[axis] : end] = np.moveaxis(x, axis, 0)
    return z


def permuted(x: Array, *, axes: tuple[int, ...]) -> Array:
    letters = "abc"[: x.ndim]
    return np.einsum(f"{letters}->{''.join(letters[i] for i in axes)}", x)


def squared_distance(a: Array, y: Array) -> Any:
    examples = len(a) if a.ndim > 1 else 1
    return np.asarray(sum((np.ravel(a) - np.ravel(y)) ** 2) / (2 * examples))


def compared(holds: Callable[[Any], Any]) -> Case:
    return Case(binary(), lambda x, y: holds(np.real(x - y)))


CASES: dict[str, Case] = {
    "add": Case(binary(), lambda x, y: x - (-y)),
    "subtract": Case(binary(), lambda x, y: x + (-y)),
    "multiply": Case(binary(), lambda x, y: np.einsum("...,...->...", x, y)),
    "divide": Case(binary(eighths, nonzero), lambda x, y: x * y**-1),
    "power": Case(binary(positive, eighths), lambda x, y: np.exp(y * np.log(x))),
    "maximum": Case(binary(eighths, off_zero), larger),
    "minimum": Case(binary(eighths, off_zero), smaller),
    "negative": Case(unary(), lambda x: 0 - x),
    "absolute": Case(unary(off_zero), lambda x: larger(x, -x)),
    "exp": Case(unary(), lambda x: np.cosh(x) + np.sinh(x)),
    "log": Case(unary(positive), lambda x: np.log2(x) * np.log(2)),
    "sqrt": Case(unary(positive), lambda x: np.exp(np.log(x) / 2)),
    "tanh": Case(unary(), lambda x: (np.exp(2 * x) - 1) / (np.exp(2 * x) + 1)),
    "sigmoid": Case(unary(), lambda x: (1 + np.tanh(x / 2)) / 2),
    "relu": Case(unary(off_zero), lambda x: x * (np.real(x) > 0)),
    "clip": Case(clips(), lambda x, *, lo, hi: smaller(larger(x, lo + 0 * x), hi + 0 * x)),
    "where": Case(choices(), lambda c, x, y: c * x + (1 - c) * y),
    "sign": Case(unary(off_zero), lambda x: 1.0 * (np.real(x) > 0) - 1.0 * (np.real(x) < 0)),
    "zeros_like": Case(unary(), lambda x: 0 * x),
    "equal": compared(lambda d: d == 0),
    "not_equal": compared(lambda d: np.abs(d) > 0),
    "less": compared(lambda d: d < 0),
    "less_equal": compared(lambda d: ~(d > 0)),
    "greater": compared(lambda d: -d < 0),
    "greater_equal": compared(lambda d: ~(-d > 0)),
    "bitwise_and": Case(binary(booleans, booleans), lambda x, y: 1 * x + 1 * y == 2),
    "bitwise_or": Case(binary(booleans, booleans), lambda x, y: 1 * x + 1 * y > 0),
    "invert": Case(unary(booleans), lambda x: 1 * x == 0),
    "isnan": Case(unary(lambda s: eighths(s).map(lambda x: np.where(x > 1, np.nan, x))), lambda x: x != x),
    "astype": Case(casts(), lambda x, *, dtype: x),
    "sum": Case(reductions(eighths, SIDES), reduced(lambda group: sum(group))),
    "max": Case(reductions(distinct), reduced(lambda group: group[np.argmax(np.real(group))])),
    "min": Case(reductions(distinct), reduced(lambda group: group[np.argmin(np.real(group))])),
    "logsumexp": Case(reductions(eighths), reduced(lambda group: np.log(np.sum(np.exp(group))))),
    "softmax": Case(along_axes(), lambda x, *, axis: np.exp(x) / spread(np.exp(x), axis)),
    "log_softmax": Case(along_axes(), lambda x, *, axis: -np.log(spread(np.exp(x), axis) / np.exp(x))),
    "identity": Case(unary(), lambda x: x + 0),
    "matmul": Case(matrices(), lambda x, y: np.einsum("...ij,...jk->...ik", x, y)),
    "linear": Case(layers(), lambda x, w, b: np.einsum("...j,ij->...i", x, w) + b),
    "reshape": Case(reshapes(), lambda x, *, shape: np.array(list(x.flat), dtype=x.dtype).reshape(shape)),
    "transpose": Case(transposes(), permuted),
    "broadcast_to": Case(broadcasts(), lambda x, *, shape: x + np.zeros(shape)),
    "concatenate": Case(joins(), joined),
    "quadratic_cost": Case(costs(), squared_distance),
}
