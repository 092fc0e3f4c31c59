"""Composed functions of single entries, of running sums and of order: values, derivatives, kinks, errors."""

from collections.abc import Callable
from typing import Any

import laws
import numpy as np
import pytest
from cases_elementwise import error_function
from hypothesis import given
from hypothesis import strategies as st
from laws import assert_close, few, uneven
from op_cases import (
    NONZERO_SIDES,
    Call,
    Case,
    broadcastable,
    distinct,
    eighths,
    off_zero,
    positive,
    shapes,
    unary,
)

from tinygrad_edu import DtypeError, ShapeError, Tensor
from tinygrad_edu.functions import activations as act
from tinygrad_edu.functions import choices, ordering, reductions

inf, nan = np.inf, np.nan


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


# ---- what to draw ----------------------------------------------------------------------------------------


@st.composite
def along(draw: st.DrawFn, values: Any = eighths, min_dims: int = 0, sides: Any = NONZERO_SIDES, **choice: Any) -> Call:
    """An array, and axis= and keepdims= in all the ways that NumPy understands; and other settings."""
    shape = draw(shapes(min_dims=min_dims, sides=sides))
    n = len(shape)
    one = st.integers(-n, n - 1) if n else st.none()
    many = st.permutations(range(n)).map(lambda p: tuple(k - n * (k % 2) for k in p[: (n + 1) // 2]))
    settings = {name: draw(st.sampled_from(values)) for name, values in choice.items()}
    axis = draw(st.one_of(st.none(), one, many))
    return Call((draw(values(shape)),), {"axis": axis, "keepdims": draw(st.booleans()), **settings})


@st.composite
def vectors(draw: st.DrawFn, values: Any, **choice: Any) -> Call:
    call = draw(along(values, min_dims=1, **choice))
    n = call.arrays[0].ndim
    call.params["axis"] = draw(st.integers(-n, n - 1))
    return call


def apart(shape: Any) -> Any:
    """Of both signs, and no two of the same size."""
    return distinct(shape).map(lambda x: np.where(x < 0, x - 1 / 8, x + 1 / 16))


@st.composite
def lines(draw: st.DrawFn, values: Any = eighths) -> Call:
    shape = draw(shapes(min_dims=1, sides=NONZERO_SIDES))
    return Call((draw(values(shape)),), {"axis": draw(st.sampled_from((None, *range(-len(shape), len(shape)))))})


@st.composite
def weighings(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1, sides=NONZERO_SIDES))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    weights = shape if draw(st.booleans()) else (shape[axis],)
    return Call((draw(eighths(shape)), draw(positive(weights))), {"axis": axis, "keepdims": draw(st.booleans())})


@st.composite
def tops(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1, sides=NONZERO_SIDES))
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return Call((draw(distinct(shape)),), {"k": draw(st.integers(0, shape[axis])), "axis": axis})


@st.composite
def matrices(draw: st.DrawFn) -> Call:
    """Off 0 and all of different size, so that no sum of |entries| ties."""
    shape = draw(shapes(min_dims=2, sides=NONZERO_SIDES))
    size = int(np.prod(shape))
    x = np.array([(-1) ** i * 3.0 ** (i % 11) / 8 for i in draw(st.permutations(range(size)))]).reshape(shape)
    axes = draw(st.permutations(range(len(shape))))[:2]
    order = draw(st.sampled_from(("fro", 1, -1, inf, -inf) if size <= 11 else ("fro",)))
    return Call((x,), {"ord": order, "axis": tuple(axes), "keepdims": draw(st.booleans())})


@st.composite
def with_zeros(draw: st.DrawFn) -> Call:
    """x log y where x is 0 now and then; y is 0 only there."""
    a, b = draw(broadcastable(2))
    return Call((draw(eighths(a)), draw(positive(b))))


# ---- the same functions, written a second time, for complex arrays ---------------------------------------


def by_groups(combine: Callable[..., Any]) -> Callable[..., Any]:
    def function(x: Any, *, axis: Any, keepdims: bool, **settings: Any) -> Any:
        axes = range(x.ndim) if axis is None else [k % x.ndim for k in np.atleast_1d(np.array(axis, dtype=int))]
        kept = [i for i in range(x.ndim) if i not in axes]
        shape = [1 if i in axes else x.shape[i] for i in range(x.ndim) if keepdims or i not in axes]
        groups = np.transpose(x, (*kept, *axes)).reshape(int(np.prod([x.shape[i] for i in kept])), -1)
        return np.array([combine(group, **settings) for group in groups]).reshape(shape)

    return function


def variance(group: Any, ddof: float = 0) -> Any:
    n = len(group)
    pairs = sum((a - b) ** 2 for a in group for b in group) / 2  # n sum (x - mean)^2, without the mean
    return pairs / n / (n - ddof)


def in_order(group: Any) -> Any:
    return group[np.argsort(np.real(group), kind="stable")]


def between(group: Any, q: float) -> Any:
    at = q * (len(group) - 1)
    low = int(at)
    ordered = in_order(group)
    return ordered[low] + (at - low) * (ordered[min(low + 1, len(group) - 1)] - ordered[low])


def size_of(group: Any, ord: Any) -> Any:
    absolute = group * np.sign(np.real(group))
    if np.isinf(ord):
        return in_order(absolute)[-1 if ord > 0 else 0]
    return np.sum(absolute**ord) ** (1 / ord) if ord else np.count_nonzero(group) + 0 * group[0]


def size_of_matrix(x: Any, *, ord: Any, axis: Any, keepdims: bool) -> Any:
    absolute = np.moveaxis(x * np.sign(np.real(x)), axis, (-2, -1))
    if ord == "fro":
        y = np.sqrt(np.einsum("...ij,...ij->...", absolute, absolute))
    else:
        sums = np.einsum("...ij->...j" if abs(ord) == 1 else "...ij->...i", absolute)
        place = np.argmax(np.real(sums) * np.sign(ord), axis=-1)
        y = np.take_along_axis(sums, place[..., None], -1)[..., 0]
    return np.expand_dims(y, sorted(k % x.ndim for k in axis)) if keepdims else y


def weighed(x: Any, w: Any, *, axis: int, keepdims: bool) -> Any:
    """The mean of a line in which each entry stands w times."""
    x = np.moveaxis(x, axis, -1)
    w = np.moveaxis(w, axis, -1) if w.ndim == x.ndim else w
    y = np.einsum("...i,...i->...", x, w + 0 * x) / np.einsum("...i->...", w + 0 * x)
    return np.expand_dims(y, axis) if keepdims else y


def each(step: Callable[[Any], Any]) -> Callable[..., Any]:
    """step on each line."""

    def function(x: Any, *, axis: Any, **settings: Any) -> Any:
        x, axis = (np.reshape(x, -1), 0) if axis is None else (x, axis)
        return np.moveaxis(np.apply_along_axis(step, -1, np.moveaxis(x, axis, -1), **settings), -1, axis)

    return function


def normal_below(x: Any) -> Any:
    return (1 + error_function(x / np.sqrt(2))) / 2


FUNCTIONS: dict[str, tuple[Callable[..., Any], Case]] = {
    "softplus": (act.softplus, Case(unary(), lambda x: np.log(1 + np.exp(x)))),
    "log_sigmoid": (act.log_sigmoid, Case(unary(), lambda x: np.log((1 + np.tanh(x / 2)) / 2))),
    "silu": (act.silu, Case(unary(), lambda x: x / (1 + np.exp(-x)))),
    "leaky_relu": (act.leaky_relu, Case(unary(off_zero), lambda x: x * np.where(np.real(x) > 0, 1, 0.01))),
    "elu": (act.elu, Case(unary(off_zero), lambda x: np.where(np.real(x) > 0, x, np.exp(x) - 1))),
    "gelu": (act.gelu, Case(unary(), lambda x: x * normal_below(x))),
    "gelu of tanh": (
        lambda x: act.gelu(x, "tanh"),
        Case(unary(), lambda x: x / (1 + np.exp(-2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ),
    "xlogy": (choices.xlogy, Case(with_zeros(), lambda x, y: x * np.log(y))),
    "nan_to_num": (choices.nan_to_num, Case(unary(), lambda x: x)),
    "sinc": (
        choices.sinc,
        Case(unary(off_zero), lambda x: np.sin(np.pi * x) / (np.pi * x)),
    ),
    "round": (
        lambda x: choices.round(x, 1),
        Case(unary(off_zero), lambda x: np.round(np.real(x), 1) + 0 * np.imag(x)),
    ),
    "prod": (reductions.prod, Case(along(), by_groups(np.multiply.reduce))),
    "ptp": (reductions.ptp, Case(along(distinct), by_groups(lambda group: in_order(group)[-1] - in_order(group)[0]))),
    "nansum": (reductions.nansum, Case(along(), by_groups(sum))),
    "nanmean": (reductions.nanmean, Case(along(), by_groups(lambda group: sum(group) / len(group)))),
    "var": (reductions.var, Case(along(ddof=(0, -1, 0.5)), by_groups(variance))),
    "std": (
        reductions.std,
        Case(
            along(distinct, min_dims=1, sides=st.sampled_from((2, 3))),
            by_groups(lambda group: np.sqrt(variance(group))),
        ),
    ),
    "average": (
        lambda x, w, axis, keepdims: reductions.average(x, axis, w, keepdims=keepdims),
        Case(weighings(), weighed),
    ),
    "norm": (
        lambda x, ord, axis, keepdims: reductions.norm(x, ord, axis, keepdims),
        Case(vectors(off_zero, ord=(2, 1, 3.5, 0.5, 0)), by_groups(size_of)),
    ),
    "largest norm": (
        lambda x, ord, axis, keepdims: reductions.norm(x, ord, axis, keepdims),
        Case(vectors(apart, ord=(inf, -inf)), by_groups(size_of)),
    ),
    "length": (
        lambda x, axis, keepdims: reductions.norm(x, None, axis, keepdims),
        Case(along(off_zero), by_groups(lambda group: np.sqrt(sum(group**2)))),
    ),
    "norm of matrices": (
        lambda x, ord, axis, keepdims: reductions.norm(x, ord, axis, keepdims),
        Case(matrices(), size_of_matrix),
    ),
    "cumsum": (reductions.cumsum, Case(lines(), each(np.cumsum))),
    "cumprod": (reductions.cumprod, Case(lines(), each(np.cumprod))),
    "sort": (ordering.sort, Case(lines(distinct), each(in_order))),
    "topk": (
        lambda x, k, axis: ordering.topk(x, k, axis)[0],
        Case(tops(), each(lambda line, k: in_order(line)[::-1][:k])),
    ),
    "the smallest k": (
        lambda x, k, axis: ordering.topk(x, k, axis, largest=False)[0],
        Case(tops(), each(lambda line, k: in_order(line)[:k])),
    ),
    "quantile": (
        lambda x, q, axis, keepdims: ordering.quantile(x, q, axis, keepdims),
        Case(along(distinct, q=(0, 0.25, 0.3, 1)), by_groups(between)),
    ),
    "median": (ordering.median, Case(along(distinct), by_groups(lambda group: between(group, 0.5)))),
}

test_D1_the_laws_hold = laws.hold_for(FUNCTIONS)
test_second_derivatives_are_right = laws.hold_in_second_order(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
@few
@given(st.data())
def test_D1_half_precision_stays_half(name: str, data: st.DataObject) -> None:
    function, case = FUNCTIONS[name]
    call = data.draw(case.calls)
    inputs = [leaf(a, dtype=np.float16) for a in call.arrays]
    assert function(*inputs, **call.params).dtype == np.float16
    assert function(*(x.data for x in inputs), **call.params).dtype == np.float16


# ---- the same as NumPy's functions, on plain arrays ------------------------------------------------------

X = np.array([[3.0, -1.0, 2.0, -1.0], [0.5, 4.0, 0.0, -2.5]])
WITH_NAN = np.array([1.0, nan, inf, -inf, 0.0])


@pytest.mark.parametrize("axis", [None, 0, 1, -1])
@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (reductions.prod, np.prod),
        (reductions.ptp, np.ptp),
        (reductions.var, np.var),
        (reductions.std, np.std),
        (lambda x, axis: reductions.var(x, axis, ddof=1), lambda x, axis: np.var(x, axis, ddof=1)),
        (reductions.cumsum, np.cumsum),
        (reductions.cumprod, np.cumprod),
        (reductions.all, np.all),
        (reductions.any, np.any),
        (reductions.count_nonzero, np.count_nonzero),
        (reductions.average, np.average),
        (reductions.norm, lambda x, axis: np.linalg.norm(x, axis=axis)),
        (ordering.argmax, np.argmax),
        (ordering.argmin, np.argmin),
        (ordering.sort, np.sort),
        (ordering.argsort, lambda x, axis: np.argsort(x, axis, stable=True)),
        (ordering.median, np.median),
        (lambda x, axis: ordering.percentile(x, 30, axis), lambda x, axis: np.percentile(x, 30, axis)),
        (lambda x, axis: ordering.quantile(x, [0, 0.4], axis), lambda x, axis: np.quantile(x, [0, 0.4], axis)),
    ],
)
def test_the_same_as_numpy(ours: Any, numpys: Any, axis: Any) -> None:
    for x in (X, X.astype(int)):
        expected = numpys(x, axis=axis)
        for values in (x, Tensor(x)):
            found = ours(values, axis=axis)
            np.testing.assert_allclose(getattr(found, "data", found), expected, rtol=1e-15, atol=1e-15)
            assert found.dtype == expected.dtype


@pytest.mark.parametrize("ord", ["fro", 1, -1, inf, -inf])
def test_the_norm_of_a_matrix_is_numpys(ord: Any) -> None:
    assert reductions.norm(Tensor(X), ord).item() == pytest.approx(np.linalg.norm(X, ord), rel=1e-15)
    stack = np.stack([X, X + 1])
    for axis in [(0, 1), (2, 0), (-1, -2)]:
        np.testing.assert_allclose(reductions.norm(Tensor(stack), ord, axis).data, np.linalg.norm(stack, ord, axis))


def test_of_nan_and_infinity() -> None:
    np.testing.assert_array_equal(choices.nan_to_num(Tensor(WITH_NAN)).data, np.nan_to_num(WITH_NAN))
    np.testing.assert_array_equal(choices.nan_to_num(Tensor(WITH_NAN), True, 1, 2, -2).data, [1, 1, 2, -2, 0])
    assert reductions.nansum(Tensor([1.0, nan, 2.0])).item() == 3
    assert reductions.nanmean(Tensor([1.0, nan, 2.0])).item() == 1.5
    assert np.isnan(ordering.median(Tensor([1.0, nan, 2.0])).item())
    assert ordering.argsort(Tensor([1.0, nan, 2.0])).tolist() == [0, 2, 1]
    assert choices.isclose(Tensor([1.0, nan, inf]), [1 + 1e-9, nan, inf], equal_nan=True).tolist() == [True] * 3
    assert choices.allclose(Tensor([1.0]), 1.0) is True
    assert choices.allclose([1.0, 2.0], [1.0, 2.1]) is False


def test_topk_gives_values_and_places() -> None:
    values, places = ordering.topk(leaf([[1.0, 3.0, 3.0, 2.0], [9.0, 8.0, 7.0, 6.0]]), 2)
    assert (values.tolist(), places.tolist()) == ([[3, 3], [9, 8]], [[1, 2], [0, 1]])
    assert (values.requires_grad, places.requires_grad) == (True, False)


@pytest.mark.parametrize("side", ["left", "right"])
def test_searchsorted(side: Any) -> None:
    x, v = [1.0, 2.0, 2.0, 3.0], [[0.0, 2.0], [2.5, 9.0]]
    assert ordering.searchsorted(Tensor(x), v, side).tolist() == np.searchsorted(x, v, side).tolist()


def test_round_is_numpys() -> None:
    x = np.array([2.5, 3.5, -1.25, 1234.5678])
    for decimals in (0, 2, -2):
        np.testing.assert_allclose(choices.round(Tensor(x), decimals).data, np.round(x, decimals), rtol=1e-15)
    assert choices.round(Tensor([1, 2])).tolist() == [1, 2]


def test_sinc_is_numpys() -> None:
    x = np.linspace(-3, 3, 1001)
    np.testing.assert_allclose(choices.sinc(x), np.sinc(x), rtol=1e-14, atol=1e-15)


@given(st.floats(-6, 6))
def test_a_series_of_activations_agrees_with_their_definitions(x: float) -> None:
    assert_close(act.gelu(np.float64(x), "tanh"), act.gelu(np.float64(x)), rtol=1)
    assert abs(act.gelu(np.float64(x), "tanh") - act.gelu(np.float64(x))) < 5e-4


# ---- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda x: reductions.norm(x, 3, (0, 1)), "orders"),
        (lambda x: reductions.norm(x, "fro", 0), "number as its order"),
        (lambda x: reductions.norm(Tensor(np.ones((2, 2, 2))), 2), r"one axis.*\(2, 2, 2\)"),
        (lambda x: reductions.cumsum(x, 2), "axis 2 does not exist"),
        (lambda x: reductions.average(x, None, [1.0, 2.0, 3.0]), r"x \(2, 3\).*weights \(3,\)"),
        (lambda x: reductions.average(x, 0, [1.0, 2.0, 3.0]), r"x \(2, 3\).*weights \(3,\)"),
        (lambda x: ordering.topk(x, 4), r"k is 0 … 3: got 4"),
        (lambda x: ordering.argmax(Tensor(np.zeros((0, 3)))), r"argmax of no entries.*\(0, 3\)"),
        (lambda x: ordering.median(Tensor(np.zeros(0))), "no entries"),
        (lambda x: ordering.quantile(x, 2), "between 0 and 1: got 2"),
        (lambda x: ordering.searchsorted(x, 1.0), r"one line.*\(2, 3\)"),
        (lambda x: act.gelu(x, "exact"), "'exact'"),
    ],
)
def test_an_error_says_what_was_given(use: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        use(leaf(np.ones((2, 3))))


def test_integers_are_not_rounded_to_tens() -> None:
    with pytest.raises(DtypeError, match="-1 decimals"):
        choices.round(Tensor([12]), -1)


def test_a_product_has_a_slope_of_every_row_and_column() -> None:
    x = leaf(uneven((2, 3, 2)))
    reductions.prod(x, (2, 0)).backward([1.0, 2.0, 4.0])
    expected = x.data.prod((0, 2), keepdims=True) * np.array([1.0, 2.0, 4.0])[:, None] / x.data
    assert_close(x.grad.data, expected, rtol=1e-14)
