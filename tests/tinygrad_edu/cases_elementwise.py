"""The cases of NumPy's other elementwise functions, of running sums and products, and of order and counting.

As in op_cases.py: what to draw, and the same function written a second time, which takes complex arrays.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from op_cases import (
    NONZERO_SIDES,
    Array,
    Call,
    Case,
    Shape,
    binary,
    booleans,
    eighths,
    larger,
    nonzero,
    off_zero,
    positive,
    reduced,
    reductions,
    shapes,
    smaller,
    unary,
)


def inside(shape: Shape) -> st.SearchStrategy[Array]:
    """Between -1 and 1, and 1/8 away from both."""
    return eighths(shape, limit=7).map(lambda x: x * 7 / 8)


def above_one(shape: Shape) -> st.SearchStrategy[Array]:
    return positive(shape).map(lambda x: x + 1)


def with_infinities(shape: Shape) -> st.SearchStrategy[Array]:
    """Some NaN, some +-inf."""
    return eighths(shape).map(lambda x: np.select([x > 2, x < -2, x == 0], [np.inf, -np.inf, np.nan], x))


@st.composite
def steps(draw: st.DrawFn) -> Call:
    """x off 0 with a slope of its own; or x of -1, 0, 1 that has none, so that the middle shows."""
    call = draw(binary(off_zero))
    x, h = call.arrays
    return Call((np.sign(np.floor(2 * x)).astype(np.int8) if draw(st.booleans()) else x, h))


@st.composite
def nearness(draw: st.DrawFn) -> Call:
    call = draw(binary())
    x, y = (a.reshape(-1) if a.ndim == 0 else a for a in call.arrays)
    settings = {"rtol": draw(st.sampled_from((0.0, 0.25))), "atol": draw(st.sampled_from((0.0, 0.3)))}
    return Call((x, y), {**settings, "equal_nan": draw(st.booleans())})


@st.composite
def norms(draw: st.DrawFn) -> Call:
    call = draw(reductions(off_zero))
    return Call(call.arrays, {**call.params, "p": draw(st.sampled_from((2.0, 1.0, 3.0, 1.5)))})


@st.composite
def lines(draw: st.DrawFn, count: int = 1, sides: Any = None) -> Call:
    """Arrays with an axis to walk along, one way or the other."""
    shape = draw(shapes(min_dims=1) if sides is None else shapes(min_dims=1, sides=sides))
    arrays = tuple(draw(eighths(shape, limit=16)) for _ in range(count))
    return Call(arrays, {"axis": draw(st.integers(0, len(shape) - 1)), "reverse": draw(st.booleans())})


@st.composite
def places(draw: st.DrawFn) -> Call:
    """With ties, and with axis=None for a place in the flattened array."""
    shape = draw(shapes(sides=NONZERO_SIDES))
    axis = draw(st.sampled_from((None, *range(len(shape)))))
    return Call((draw(eighths(shape, limit=3)),), {"axis": axis, "keepdims": draw(st.booleans())})


@st.composite
def orders(draw: st.DrawFn) -> Call:
    call = draw(lines())
    x = np.round(call.arrays[0])  # ties
    return Call((x,), {"axis": call.params["axis"], "descending": draw(st.booleans())})


@st.composite
def insertions(draw: st.DrawFn) -> Call:
    x = np.sort(draw(eighths((draw(st.integers(0, 4)),), limit=4)))
    return Call((x, draw(eighths(draw(shapes()), limit=5))), {"side": draw(st.sampled_from(("left", "right")))})


# ---- the same functions, written a second time -----------------------------------------------------------


def error_function(x: Array) -> Array:
    """2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!: all terms have one sign, so none cancel."""
    term = total = x
    for n in range(1, 120):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(np.pi) * np.exp(-x * x) * total


def cube_root(x: Array) -> Array:
    sign = np.where(np.real(x) < 0, -1, 1)
    return sign * np.exp(np.log(sign * x) / 3)


def stepped(x: Array, h: Array) -> Array:
    return (np.real(x) == 0) * h + (np.real(x) > 0)


def walked(step: Callable[..., Any]) -> Callable[..., Array]:
    """y_i = step(y_(i-1), entries i of the inputs), None before the first."""

    def function(*xs: Array, axis: int, reverse: bool) -> Array:
        turned = [np.moveaxis(x, axis, 0)[:: -1 if reverse else 1] for x in xs]
        found: list[Any] = []
        for entries in zip(*turned, strict=True):
            found.append(step(found[-1] if found else None, *entries))
        stacked = np.array(found).reshape(turned[0].shape)[:: -1 if reverse else 1]
        return np.moveaxis(stacked, 0, axis)

    return function


def first(x: Array, axis: int | None, keepdims: bool, best: Callable[[Any], Any]) -> Array:
    """The first place at which the best value of the group stands."""
    groups = np.moveaxis(x, axis, -1) if axis is not None else np.reshape(x, -1)
    found = np.array([list(groups[i]).index(best(groups[i])) for i in np.ndindex(groups.shape[:-1])], dtype=np.intp)
    found = found.reshape(groups.shape[:-1])
    if keepdims:
        found = np.expand_dims(found, axis) if axis is not None else found.reshape((1,) * x.ndim)
    return found


def ranked(x: Array, *, axis: int, descending: bool) -> Array:
    def order(line: Array) -> list[int]:
        return sorted(range(len(line)), key=lambda i: ((-1 if descending else 1) * line[i], i))

    groups = np.moveaxis(x, axis, -1)
    found = np.zeros(groups.shape, dtype=np.intp)
    for i in np.ndindex(groups.shape[:-1]):
        found[i] = order(groups[i])
    return np.moveaxis(found, -1, axis)


def inserted(x: Array, v: Array, *, side: str) -> Array:
    before = x < v[..., None] if side == "left" else x <= v[..., None]
    return before.sum(-1)


def product(group: Array) -> Any:
    total = 1
    for x in group:
        total = total * x
    return total


def p_norm(x: Array, *, axis: tuple[int, ...], keepdims: bool, p: float) -> Array:
    return reduced(lambda group: np.sum(larger(group, -group) ** p) ** (1 / p))(x, axis=axis, keepdims=keepdims)


def truth(function: Callable[[list[bool]], Any], dtype: Any) -> Callable[..., Array]:
    def counted(x: Array, *, axis: tuple[int, ...], keepdims: bool) -> Array:
        values = reduced(lambda group: function([bool(v) for v in group]))
        return values(np.asarray(x, dtype=float), axis=axis, keepdims=keepdims).astype(dtype)

    return counted


def of_parts(x: Array) -> Array:
    return np.floor(np.real(x)) + 0 * np.imag(x)


Forward = Callable[..., Any]
smooth: dict[str, tuple[Callable[[Shape], Any], Forward]] = {
    "sin": (eighths, lambda x: 2 * np.tan(x / 2) / (1 + np.tan(x / 2) ** 2)),
    "cos": (eighths, lambda x: 1 - 2 * np.sin(x / 2) ** 2),
    "tan": (inside, lambda x: np.sin(x) / np.cos(x)),
    "arcsin": (inside, lambda x: np.arctan(x / np.sqrt(1 - x * x))),
    "arccos": (inside, lambda x: np.pi / 2 - np.arctan(x / np.sqrt(1 - x * x))),
    "arctan": (eighths, lambda x: np.arcsin(x / np.sqrt(1 + x * x))),
    "sinh": (eighths, lambda x: (np.exp(x) - np.exp(-x)) / 2),
    "cosh": (eighths, lambda x: (np.exp(x) + np.exp(-x)) / 2),
    "arcsinh": (eighths, lambda x: np.log(x + np.sqrt(x * x + 1))),
    "arccosh": (above_one, lambda x: np.log(x + np.sqrt(x * x - 1))),
    "arctanh": (inside, lambda x: np.log((1 + x) / (1 - x)) / 2),
    "exp2": (eighths, lambda x: np.exp(x * np.log(2))),
    "expm1": (eighths, lambda x: np.exp(x) - 1),
    "log1p": (positive, lambda x: np.log(1 + x)),
    "log2": (positive, lambda x: np.log(x) / np.log(2)),
    "log10": (positive, lambda x: np.log(x) / np.log(10)),
    "square": (eighths, lambda x: x**2),
    "cbrt": (nonzero, cube_root),
    "reciprocal": (nonzero, lambda x: 1 / x),
    "positive": (eighths, lambda x: x + 0),
    "fabs": (off_zero, lambda x: larger(x, -x)),
    "deg2rad": (eighths, lambda x: x * np.pi / 180),
    "radians": (eighths, lambda x: x * np.pi / 180),
    "rad2deg": (eighths, lambda x: x / np.pi * 180),
    "degrees": (eighths, lambda x: x / np.pi * 180),
    "erf": (eighths, error_function),
    "floor": (off_zero, of_parts),
    "ceil": (off_zero, lambda x: -of_parts(-x)),
    "trunc": (off_zero, lambda x: np.sign(np.real(x)) * of_parts(np.abs(np.real(x)))),
    "rint": (off_zero, lambda x: of_parts(x + 1 / 2)),
}

CASES: dict[str, Case] = {
    **{name: Case(unary(values), forward) for name, (values, forward) in smooth.items()},
    "fmax": Case(binary(eighths, off_zero), larger),
    "fmin": Case(binary(eighths, off_zero), smaller),
    "float_power": Case(binary(positive, eighths), lambda x, y: np.exp(y * np.log(x))),
    "hypot": Case(binary(nonzero, nonzero), lambda x, y: np.sqrt(x * x + y * y)),
    "arctan2": Case(
        binary(nonzero, nonzero), lambda y, x: np.where(np.real(y) > 0, 1, -1) * np.pi / 2 - np.arctan(x / y)
    ),
    "logaddexp": Case(binary(), lambda x, y: np.log(np.exp(x) + np.exp(y))),
    "logaddexp2": Case(binary(), lambda x, y: np.log(2**x + 2**y) / np.log(2)),
    # x is an odd number of sixteenths and y an even one: x / y is never an integer
    "remainder": Case(binary(off_zero, nonzero), lambda x, y: x - y * np.floor(np.real(x) / np.real(y))),
    "fmod": Case(binary(off_zero, nonzero), lambda x, y: x - y * np.trunc(np.real(x) / np.real(y))),
    "floor_divide": Case(binary(off_zero, nonzero), lambda x, y: np.floor(np.real(x) / np.real(y))),
    "heaviside": Case(steps(), stepped),
    "copysign": Case(binary(off_zero, off_zero), lambda x, y: np.where(np.real(x) * np.real(y) > 0, x, -x)),
    "logical_and": Case(binary(), lambda x, y: (x * y) != 0),
    "logical_or": Case(binary(booleans, eighths), lambda x, y: 1 * x + np.abs(y) > 0),
    "logical_xor": Case(binary(booleans, eighths), lambda x, y: x != (np.abs(y) > 0)),
    "logical_not": Case(unary(), lambda x: x == 0),
    "isinf": Case(unary(with_infinities), lambda x: np.abs(x) > 1e300),
    "isfinite": Case(unary(with_infinities), lambda x: np.abs(x) < 1e300),
    "signbit": Case(unary(off_zero), lambda x: x < 0),
    "isclose": Case(nearness(), lambda x, y, *, rtol, atol, equal_nan: np.abs(x - y) <= atol + rtol * np.abs(y)),
    "prod": Case(reductions(lambda shape: eighths(shape, limit=16)), reduced(product)),
    "norm": Case(norms(), p_norm),
    "cumsum": Case(lines(), walked(lambda y, x: x if y is None else y + x)),
    "cumprod": Case(lines(), walked(lambda y, x: x if y is None else y * x)),
    "recurrence": Case(lines(2), walked(lambda y, b, a: b if y is None else b + a * y)),
    "argmax": Case(places(), lambda x, *, axis, keepdims: first(x, axis, keepdims, max)),
    "argmin": Case(places(), lambda x, *, axis, keepdims: first(x, axis, keepdims, min)),
    "argsort": Case(orders(), ranked),
    "searchsorted": Case(insertions(), inserted),
    "all": Case(reductions(eighths), truth(lambda group: sum(group) == len(group), bool)),
    "any": Case(reductions(booleans), truth(lambda group: sum(group) > 0, bool)),
    "count_nonzero": Case(reductions(lambda shape: eighths(shape, limit=2)), truth(sum, int)),
}
