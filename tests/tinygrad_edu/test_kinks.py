"""The published policy at kinks, ties and zeros, and numbers that overflow nothing.

relu'(0) = abs'(0) = 0; max, min, maximum, minimum share equally among ties; clip has slope 0 at its bounds;
sqrt'(0) = log'(0) = +inf; norm'(0) = std'(constant) = 0; floor, ceil, trunc, rint and // are flat, at their steps
too; % and fmod have slope 1 at their jumps; in order, each entry keeps its own gradient; out of the domain NaN;
NaN in, NaN out.
"""

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import uneven

import tinygrad_edu as te
from tinygrad_edu import Tensor, absolute, clip, exp, log, maximum, minimum, relu, sigmoid, sqrt, tanh, where
from tinygrad_edu.functions import activations as act
from tinygrad_edu.functions import choices, ordering, reductions

inf, nan = np.inf, np.nan
f32 = np.float32


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


def slopes(f: Callable[..., Any], *values: Any, dtype: Any = np.float64, create_graph: bool = False) -> list[Any]:
    """The gradient of f, divided by an uneven seed again: what is left is f's slope, entry by entry."""
    inputs = [leaf(v, dtype=dtype) for v in values]
    y = f(*inputs)
    seed = uneven(y.shape, dtype)
    y.backward(seed, create_graph=create_graph)
    assert all(x.grad.dtype == dtype for x in inputs)
    with np.errstate(invalid="ignore"):
        return [x.grad.data / seed if x.shape == y.shape else x.grad.data for x in inputs]


def check(f: Callable[..., Any], values: list[Any], expected: list[Any]) -> None:
    """The slopes are as expected: as a vector, one by one as numbers, and read on Tensors."""
    for create_graph in (False, True):
        with np.errstate(all="ignore"):
            (found,) = slopes(f, values, create_graph=create_graph)
        np.testing.assert_array_equal(found, expected)
        for value, slope in zip(values, expected, strict=True):
            with np.errstate(all="ignore"):
                (found,) = slopes(f, value, create_graph=create_graph)
            np.testing.assert_array_equal(found, slope)


# ---- C1 … C6: kinks and ties -----------------------------------------------------------------------------


def test_C1_relu() -> None:
    y = relu(leaf([0.0, -0.0, nan, -1.0, 2.0]))
    np.testing.assert_array_equal(y.data, [0, 0, nan, 0, 2])
    check(relu, [0.0, -0.0, -1.0, 2.0, inf, -inf], [0, 0, 0, 1, 1, 0])


@pytest.mark.parametrize("n", [1, 3, 7, 16, 33])
def test_C1_the_slope_at_nan_is_the_same_at_every_position(n: int) -> None:
    (found,) = slopes(relu, [nan] * n)
    assert len({repr(v) for v in found.tolist()}) == 1


@pytest.mark.parametrize("f", [absolute, abs, np.abs, Tensor.abs])
def test_C2_abs(f: Any) -> None:
    check(f, [0.0, -0.0, -3.0, 2.0, -inf, nan], [0, 0, -1, 1, -1, nan])


@pytest.mark.parametrize(("f", "sign"), [(te.max, 1), (te.min, -1)])
@pytest.mark.parametrize(
    ("values", "axis", "seed", "shares"),
    [
        ([2.0, 2.0, 1.0], None, 3.0, [1.5, 1.5, 0]),
        ([1.0, 1.0, 0.0, 1.0], 0, 3.0, [1, 1, 0, 1]),
        ([[1.0, 1.0], [0.0, 1.0]], 1, [3.0, 5.0], [[1.5, 1.5], [0, 5]]),
        ([[1.0, 1.0], [0.0, 1.0]], 0, [3.0, 5.0], [[3, 2.5], [0, 2.5]]),
        ([0.0, -0.0], None, 3.0, [1.5, 1.5]),
        ([inf, 1.0], None, 3.0, [3, 0]),
        ([nan, 1.0], None, 3.0, [3, 0]),  # C5: a NaN is its own extremum, and harms no other entry
        (7.0, None, 3.0, 3),
    ],
)
def test_C3_C5_ties_share_equally(f: Any, sign: int, values: Any, axis: Any, seed: Any, shares: Any) -> None:
    x = leaf(sign * np.array(values))
    y = f(x, axis)
    np.testing.assert_array_equal(y.data, (np.max if f is te.max else np.min)(x.data, axis))  # NaN in, NaN out
    y.backward(seed)
    assert x.grad.tolist() == shares


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_C3_shares_sum_to_one_and_follow_their_entries(values: list[int]) -> None:
    x, y = leaf(np.array(values, float)), leaf(np.array(values[::-1], float))
    te.max(x).backward(1.5)
    te.max(y).backward(1.5)
    assert x.grad.data.sum() == pytest.approx(1.5)
    assert x.grad.tolist() == y.grad.tolist()[::-1]


@pytest.mark.parametrize("f", [maximum, minimum, np.maximum])
def test_C4_a_tie_of_two_is_halved(f: Any) -> None:
    for a, b in slopes(f, [1.0, -0.0], [1.0, 0.0]), slopes(f, 2.0, 2.0), slopes(f, [inf], [inf]):
        assert np.all(a == 0.5)
        assert np.all(b == 0.5)


def test_C4_beside_a_number() -> None:
    check(lambda x: maximum(x, 1.0), [0.0, 1.0, 2.0], [0, 0.5, 1])
    check(lambda x: minimum(1.0, x), [0.0, 1.0, 2.0], [1, 0.5, 0])


def test_C6_clip() -> None:
    check(lambda x: clip(x, 0.0, 1.0), [-1.0, 0.0, 0.5, 1.0, 2.0], [0, 0, 1, 0, 0])
    check(lambda x: clip(x, 0.0), [-1.0, -0.0, 0.0, 5.0], [0, 0, 0, 1])  # as relu
    check(lambda x: clip(x, hi=1.0), [-5.0, 1.0, 2.0], [1, 0, 0])


@pytest.mark.parametrize("shape", [(), (3,)])
def test_C6_clip_between_itself_and_itself_is_constant(shape: tuple[int, ...]) -> None:
    (found,) = slopes(lambda x: clip(x, 1.0, 1.0), np.full(shape, 1.0))
    assert np.all(found == 0)


def test_C6_bounds_in_the_wrong_order() -> None:
    with pytest.raises(ValueError, match=r"lo <= hi.*lo=2.0, hi=1.0"):
        clip(leaf(1.5), 2.0, 1.0)


def test_C6_bounds_that_are_tensors_have_gradients() -> None:
    x, lo, hi = leaf([-1.0, 0.0, 0.5, 2.0]), leaf(0.0), leaf(1.0)
    clip(x, lo, hi).backward([1.0, 2.0, 4.0, 8.0])
    assert (x.grad.tolist(), lo.grad.item(), hi.grad.item()) == ([0, 1, 4, 0], 2, 8)


def test_C6_clip_of_integers_gives_integers() -> None:
    assert clip(Tensor([1, 2, 3]), hi=2).dtype.kind == "i"


def test_sign_is_flat() -> None:
    check(te.sign, [-2.0, 0.0, 3.0], [0, 0, 0])


# ---- C7 … C11: edges of the domain -----------------------------------------------------------------------


def test_C7_sqrt() -> None:
    check(sqrt, [0.0, 4.0, -1.0, inf, nan], [inf, 0.25, nan, 0, nan])


def test_C7_the_square_root_of_a_sum_of_squares_at_zero_is_nan() -> None:
    x = leaf([0.0, 0.0])
    y = sqrt((x * x).sum())
    with np.errstate(all="ignore"):
        y.backward()
    assert np.all(np.isnan(x.grad.data))


def test_C9_log() -> None:
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(log(leaf([0.0, -1.0, 1.0])).data, [-inf, nan, 0])
    check(log, [0.0, 2.0, inf, nan], [inf, 0.5, 0, nan])


def test_C9_x_log_x_at_0_is_nan_and_xlogy_is_not() -> None:
    x = leaf([0.0, 1.0])
    with np.errstate(all="ignore"):
        y = x * log(x)
        y.backward([1.0, 1.5])
    np.testing.assert_array_equal(y.data, [nan, 0])
    np.testing.assert_array_equal(x.grad.data, [nan, 1.5])
    x.zero_grad()
    y = te.xlogy(x, x)
    y.backward([1.0, 1.5])
    assert (y.tolist(), x.grad.tolist()) == ([0, 0], [0, 1.5])


@pytest.mark.parametrize(
    ("n", "values", "expected"),
    [
        (2, [-3.0, 0.0], [-6, 0]),
        (3, [-2.0, 0.0], [12, 0]),
        (0, [-inf, 0.0, inf, 2.0], [0, 0, 0, 0]),
        (1, [-inf, 0.0, 2.0], [1, 1, 1]),
        (0.5, [0.0, 4.0], [inf, 0.25]),
        (-1, [0.0, 2.0], [-inf, -0.25]),
        (-2.0, [-2.0], [0.25]),
        (0.3, [-inf, inf], [0, 0]),  # no logarithm of the base
    ],
)
@pytest.mark.parametrize(
    "exponent", [lambda n: n, Tensor, lambda n: Tensor([float(n)]), leaf], ids=["number", "0-d", "1-d", "tracked"]
)
def test_C10_powers(n: Any, values: Any, expected: Any, exponent: Any) -> None:
    power = exponent(n) if exponent is not leaf else leaf(float(n))
    with np.errstate(all="ignore"):
        for one in (values, *([v] for v in values)):
            x = leaf(one)
            seed = 2.0 ** np.arange(len(one))  # powers of 2: what is divided by them again is exact
            (x**power).backward(seed)
            slope = expected if len(one) > 1 else expected[values.index(one[0])]
            np.testing.assert_array_equal(x.grad.data / seed, slope)


@pytest.mark.parametrize("exponent", [0, 0.0, Tensor(0.0), Tensor([0.0])], ids=repr)
def test_C10_to_the_power_of_zero_warns_of_nothing(exponent: Any) -> None:
    x = leaf([0.0, 1.0, -inf])
    (x**exponent).backward(uneven((3,)))
    assert x.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("base", "n", "slope"), [(0.0, 1.0, 0), (0.0, 0.0, 0), (0.0, -0.3, -inf), (-2.0, 2.0, nan)])
@pytest.mark.parametrize("shape", [(), (2,)])
def test_C11_the_slope_along_the_exponent(base: float, n: float, slope: float, shape: tuple[int, ...]) -> None:
    power = leaf(np.full(shape, n))
    with np.errstate(all="ignore"):
        (base**power).backward(uneven(shape))
        np.testing.assert_array_equal(power.grad.data, slope * uneven(shape))


def test_C11_a_constant_exponent_asks_for_no_logarithm() -> None:
    x = leaf([-2.0, 0.0])
    (x ** Tensor([2.0, 2.0])).backward([1.0, 1.5])  # log(-2) would warn, and warnings are errors here
    assert x.grad.tolist() == [-4, 0]


def test_second_derivative_along_base_and_exponent_where_the_exponent_is_zero() -> None:
    x, n = leaf(2.0), leaf(0.0)
    (x**n).backward(create_graph=True)  # dz/dx = n x^(n-1), and d/dn of it is x^(n-1) (1 + n log x) = 1/2
    first = x.grad
    n.zero_grad()
    first.backward()
    assert n.grad.item() == 0.5


@pytest.mark.parametrize("base", [Tensor([1, 2]), Tensor(2)], ids=repr)
def test_C12_an_integer_to_a_negative_power_is_an_error(base: Tensor) -> None:
    with pytest.raises(ValueError, match="negative"):
        base**-1


# ---- C14, C15: selecting ---------------------------------------------------------------------------------


def test_C14_the_side_that_was_not_selected_can_be_nan() -> None:
    x = leaf(1.0)
    with np.errstate(all="ignore"):
        where(x >= 0, x, sqrt(-x)).backward()
    assert np.isnan(x.grad.item())  # 0 · inf, as in PyTorch and JAX


def test_C14_the_cosine_of_infinity_beside_what_was_selected() -> None:
    x = leaf([0.0, inf])
    with np.errstate(all="ignore"):
        y = where(x < 1, te.cos(x), 0.0)
        y.backward([1.0, 1.5])
    assert y.tolist() == [1, 0]
    np.testing.assert_array_equal(x.grad.data, [0, nan])  # 0 · sin inf


def test_C14_where_twice_is_the_cure() -> None:
    x = leaf(1.0)
    where(x >= 0, x, sqrt(where(x >= 0, 1.0, -x))).backward()
    assert x.grad.item() == 1


def test_C15_selecting_is_not_multiplying() -> None:
    x = leaf([inf, -inf, nan, 2.0])
    mask = [False, False, False, True]
    y = where(mask, x, 0.0)
    assert y.tolist() == [0, 0, 0, 2]
    y.backward([1.0, inf, nan, 8.0])
    assert x.grad.tolist() == [0, 0, 0, 8]
    x.zero_grad()
    x[np.array(mask)].backward([8.0])
    assert x.grad.tolist() == [0, 0, 0, 8]


# ---- C16 … C20: nothing overflows, nothing warns (warnings are errors in these tests) --------------------

BIG = [-1000.0, -100.0, 0.0, 100.0, 1000.0]


@pytest.mark.parametrize("dtype", [np.float16, f32, np.float64])
@pytest.mark.parametrize("shape", [(5,), ()])
@pytest.mark.parametrize(
    ("f", "values", "expected"),
    [
        (sigmoid, [0, 0, 0.5, 1, 1], [0, 0, 0.25, 0, 0]),
        (tanh, [-1, -1, 0, 1, 1], [0, 0, 1, 0, 0]),
        (relu, [0, 0, 0, 100, 1000], [0, 0, 0, 1, 1]),
    ],
)
def test_C16_far_tails(f: Any, values: Any, expected: Any, shape: Any, dtype: Any) -> None:
    for create_graph in (False, True):
        if shape == (5,):
            np.testing.assert_allclose(f(leaf(BIG, dtype=dtype)).data, values, atol=1e-40)
            np.testing.assert_allclose(slopes(f, BIG, dtype=dtype, create_graph=create_graph)[0], expected, atol=1e-40)
        else:
            for x, value, slope in zip(BIG, values, expected, strict=True):
                np.testing.assert_allclose(f(leaf(x, dtype=dtype)).data, value, atol=1e-40)
                found = slopes(f, x, dtype=dtype, create_graph=create_graph)[0]
                np.testing.assert_allclose(found, slope, atol=1e-40)


@pytest.mark.parametrize("f", [sigmoid, tanh, relu, absolute, te.max, te.logsumexp])
@pytest.mark.parametrize("values", [[nan, 1000.0], [nan, nan], [nan, -1000.0]])
def test_nan_in_nan_out_without_a_warning(f: Any, values: Any) -> None:
    y = f(leaf(values))
    assert np.isnan(y.data).any()


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([1000.0, 1000.0], [0.5, 0.5]),
        ([0.0, -inf], [1, 0]),
        ([-1000.0, -1000.0], [0.5, 0.5]),
        ([1000.0, 0.0, -1000.0], [1, 0, 0]),
    ],
)
@pytest.mark.parametrize("dtype", [f32, np.float64])
def test_C17_softmax(x: Any, y: Any, dtype: Any) -> None:
    x = leaf(x, dtype=dtype)
    z = te.softmax(x)
    np.testing.assert_allclose(z.data, y, rtol=1e-6)
    seed = uneven(z.shape, dtype)
    z.backward(seed)
    np.testing.assert_allclose(x.grad.data, y * (seed - (seed * y).sum()), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    ("x", "y", "slope"),
    [
        ([1000.0, 1000.0], 1000 + np.log(2), [0.5, 0.5]),
        ([-1000.0, -1000.0], -1000 + np.log(2), [0.5, 0.5]),
        ([0.0, -inf], 0, [1, 0]),
        ([-inf, -inf], -inf, [0, 0]),
    ],
)
@pytest.mark.parametrize("dtype", [f32, np.float64])
@pytest.mark.parametrize("create_graph", [False, True])
def test_C17_logsumexp(x: Any, y: Any, slope: Any, dtype: Any, create_graph: bool) -> None:
    x = leaf(x, dtype=dtype)
    z = te.logsumexp(x)
    np.testing.assert_allclose(z.data, y, rtol=1e-6)
    z.backward(1.5, create_graph=create_graph)
    np.testing.assert_allclose(x.grad.data, 1.5 * np.array(slope), rtol=1e-4 if dtype is f32 else 1e-12)


def test_C17_logsumexp_of_plus_infinity() -> None:
    assert te.logsumexp(leaf([inf, 1000.0])).item() == inf


def test_C17_softmax_of_plus_infinity_is_nan_there() -> None:
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(te.softmax(leaf([0.0, inf])).data, [0, nan])
        np.testing.assert_array_equal(te.log_softmax(leaf([0.0, inf])).data, [-inf, nan])


@pytest.mark.parametrize(("label", "loss", "slope"), [(0, 0, [0, 0]), (1, 1000, [1, -1])])
def test_C18_cross_entropy_of_sure_answers(label: int, loss: float, slope: Any) -> None:
    x = leaf([[1000.0, 0.0]], dtype=f32)
    y = -te.log_softmax(x)[0, label]
    y.backward()
    assert y.item() == loss
    assert x.grad.tolist() == [slope]


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=6))
def test_C18_log_softmax_is_finite(values: list[int]) -> None:
    x = leaf(values, dtype=f32)
    y = te.log_softmax(x)
    assert np.all(np.isfinite(y.data))
    assert np.all(y.data <= 0)
    y.backward(uneven(y.shape, f32))
    assert np.all(np.isfinite(x.grad.data))


def test_C20_an_overflow_is_reported() -> None:
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert exp(leaf([1000.0])).item() == inf


@pytest.mark.parametrize(("f", "x"), list(itertools.product([sigmoid, tanh], [-40.0, -20.0, 20.0, 40.0])))
def test_tails_are_right_to_rounding(f: Any, x: float) -> None:
    expected = 1 / (1 + np.exp(-np.longdouble(x))) if f is sigmoid else np.tanh(np.longdouble(x))
    assert f(leaf(x)).item() == pytest.approx(float(expected), rel=1e-15)


def test_the_tests_see_warnings_as_errors() -> None:
    with pytest.raises(RuntimeWarning):
        warnings.warn("as from NumPy", RuntimeWarning, stacklevel=1)


# ---- the same policy for the other functions -------------------------------------------------------------

row = te.TABLE.__getitem__


@pytest.mark.parametrize(
    ("f", "slopes"),
    [
        (row("floor"), {-1.0: 0, 0.0: 0, 0.5: 0, 2.0: 0}),  # steps are flat, at the steps themselves too
        (row("ceil"), {-1.0: 0, 0.0: 0, 0.5: 0, 2.0: 0}),
        (row("trunc"), {-1.0: 0, 0.0: 0, 0.5: 0, 2.0: 0}),
        (row("rint"), {-0.5: 0, 0.0: 0, 0.5: 0, 1.5: 0}),
        (lambda x: choices.round(x, 1), {0.05: 0, 0.1: 0}),
        (lambda x: row("floor_divide")(x, 2.0), {-2.0: 0, 0.0: 0, 1.0: 0}),
        (lambda x: row("heaviside")(x, 0.5), {-1.0: 0, 0.0: 0, 1.0: 0}),
        (lambda x: row("remainder")(x, 2.0), {-2.0: 1, 0.0: 1, 1.0: 1, 2.0: 1}),  # of the branch on the right
        (lambda x: row("fmod")(x, 2.0), {-2.0: 1, 0.0: 1, 1.0: 1, 2.0: 1}),
        (lambda y: row("remainder")(6.0, y), {2.0: -3, 4.0: -1, -4.0: 2, 7.0: 0}),
        (lambda y: row("fmod")(6.0, y), {2.0: -3, 4.0: -1, -4.0: 1, 7.0: 0}),
        (row("fabs"), {0.0: 0, -3.0: -1, 2.0: 1, nan: nan}),
        (lambda x: row("copysign")(x, -1.0), {0.0: 0, 2.0: -1, -2.0: 1}),
        (lambda y: row("copysign")(2.0, y), {0.0: 0, 1.0: 0}),
        (lambda x: row("fmax")(x, 1.0), {0.0: 0, 1.0: 0.5, 2.0: 1, nan: 0}),
        (lambda x: row("fmin")(1.0, x), {0.0: 1, 1.0: 0.5, 2.0: 0, nan: 0}),
        (lambda x: row("fmax")(x, nan), {0.0: 1, nan: 0.5}),  # two NaN are a tie
        (lambda x: row("fmin")(nan, x), {0.0: 1, nan: 0.5}),
        (lambda x: row("fmax")(x, x), {1.0: 1, nan: 1}),
        (lambda x: row("hypot")(x, 0.0), {0.0: 0, 3.0: 1, -3.0: -1, 1e300: 1, 1e-300: 1}),
        (lambda y: row("arctan2")(y, 0.0), {0.0: 0, 3.0: 0, -3.0: 0}),
        (lambda y: row("arctan2")(y, 2.0), {0.0: 0.5}),
        (lambda y: row("arctan2")(y, -2.0), {0.0: -0.5}),  # on the cut: as beside it
        (row("cbrt"), {0.0: inf}),
        (row("reciprocal"), {2.0: -0.25, -inf: 0}),
        (row("log1p"), {-1.0: inf, 0.0: 1, 1.0: 0.5}),
        (row("log2"), {0.0: inf}),
        (row("log10"), {0.0: inf}),
        (row("arcsin"), {-1.0: inf, 0.0: 1, 1.0: inf, 2.0: nan}),
        (row("arccos"), {-1.0: -inf, 0.0: -1, 1.0: -inf, 2.0: nan}),
        (row("arccosh"), {1.0: inf, 0.5: nan}),
        (row("arctanh"), {0.0: 1, 1.0: inf}),
        (row("expm1"), {0.0: 1, -inf: 0}),
        (act.leaky_relu, {-2.0: 0.01, 0.0: 0.01, 2.0: 1}),
        (act.elu, {0.0: 1, -inf: 0, 2.0: 1, 1e4: 1}),
        (lambda x: act.elu(x, 0.5), {0.0: 0.5, 2.0: 1}),
        (lambda x: choices.xlogy(x, 0.0), {0.0: 0, 1.0: -inf}),
        (lambda x: choices.xlogy(x, 1.0), {0.0: 0, 1.0: 0}),
        (lambda x: choices.xlogy(x, inf), {0.0: 0}),
        (lambda y: choices.xlogy(0.0, y), {0.0: 0, 2.0: 0}),
        (lambda x: choices.xlogy(x, x), {0.0: 0, 1.0: 1}),  # C9: as the sum of both
        (choices.sinc, {0.0: 0}),
        (choices.nan_to_num, {nan: 0, inf: 0, -inf: 0, 1.0: 1}),
    ],
)
def test_the_slope_at_a_kink_or_an_edge(f: Any, slopes: dict[float, float]) -> None:
    check(f, list(slopes), list(slopes.values()))


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (row("fabs"), 0),
        (lambda y: row("copysign")(2.0, y), 0),
        (lambda y: row("arctan2")(y, -2.0), -0.5),
        (act.leaky_relu, 0.01),
        (act.elu, 1),
        (row("floor"), 0),
        (row("cbrt"), inf),
    ],
)
def test_the_slope_at_minus_zero(f: Any, slope: float) -> None:
    check(f, [-0.0], [slope])


@pytest.mark.parametrize(
    ("f", "x", "second"),
    [
        (choices.sinc, 0.0, -(np.pi**2) / 3),
        (row("erf"), 0.0, 0),
        (act.softplus, 0.0, 0.25),
        (row("arctan"), 1e200, 0),
        (lambda x: row("logaddexp")(x, 1.0), 1.0, 0.25),
        (lambda x: reductions.prod(x * np.array([1.0, 0.0]) + np.array([0.0, 0.0])), 0.0, 0),
        (lambda x: reductions.norm(x * np.array([0.0, 1.0]) + np.array([2.0, 0.0])), 0.0, 0.5),
    ],
)
def test_the_second_derivative_at_a_special_point(f: Any, x: float, second: float) -> None:
    t = leaf(x)
    f(t).backward(create_graph=True)
    first, t.grad = t.grad, None
    if first.requires_grad:
        first.backward()
    assert (0.0 if t.grad is None else t.grad.item()) == pytest.approx(second, rel=1e-14, abs=1e-300)


def test_erf_has_the_right_third_derivative_at_0() -> None:
    x = leaf(0.0)
    y = row("erf")(x)
    for expected in (2 / np.sqrt(np.pi), 0, -4 / np.sqrt(np.pi)):
        x.zero_grad()
        y.backward(create_graph=True)
        y = x.grad
        assert y.item() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, f32, np.float64])
@pytest.mark.parametrize(
    ("f", "values", "expected"),
    [
        (act.softplus, [0, 0, np.log(2), 100, 1000], [0, 0, 0.5, 1, 1]),
        (act.log_sigmoid, [-1000, -100, -np.log(2), 0, 0], [1, 1, 0.5, 0, 0]),
        (act.silu, [0, 0, 0, 100, 1000], [0, 0, 0.5, 1, 1]),
        (act.elu, [-1, -1, 0, 100, 1000], [0, 0, 1, 1, 1]),
        (act.leaky_relu, [-10, -1, 0, 100, 1000], [0.01, 0.01, 0.01, 1, 1]),
        (act.gelu, [0, 0, 0, 100, 1000], [0, 0, 0.5, 1, 1]),
        (lambda x: act.gelu(x, "tanh"), [0, 0, 0, 100, 1000], [0, 0, 0.5, 1, 1]),
        (row("erf"), [-1, -1, 0, 1, 1], [0, 0, 2 / np.sqrt(np.pi), 0, 0]),
        (lambda x: row("logaddexp")(x, 0.0), [0, 0, np.log(2), 100, 1000], [0, 0, 0.5, 1, 1]),
        (lambda x: row("logaddexp2")(x, 0.0), [0, 0, 1, 100, 1000], [0, 0, 0.5, 1, 1]),
        (row("arctan"), np.arctan(BIG), 1 / (1 + np.square(BIG))),
        (row("arcsinh"), np.arcsinh(BIG), 1 / np.hypot(1, BIG)),
    ],
)
def test_C16_far_tails_of_the_other_activations(f: Any, values: Any, expected: Any, dtype: Any) -> None:
    tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": 1e-7 if dtype == np.float16 else 1e-20}
    np.testing.assert_allclose(f(leaf(BIG, dtype=dtype)).data, values, **tolerance)
    for create_graph in (False, True):
        found = slopes(f, BIG, dtype=dtype, create_graph=create_graph)[0]
        np.testing.assert_allclose(found, expected, **tolerance)
        for x, slope in zip(BIG, expected, strict=True):
            np.testing.assert_allclose(slopes(f, x, dtype=dtype, create_graph=create_graph)[0], slope, **tolerance)


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_C17_logaddexp_of_two_impossible_things(name: str) -> None:
    a, b = slopes(row(name), [-inf, -inf, 0.0], [-inf, 1.0, -inf])
    assert (a.tolist(), b.tolist()) == ([0, 0, 1], [0, 1, 0])


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(
    ("values", "expected"),
    [([0.0, 2.0, 3.0], [6, 0, 0]), ([0.0, 0.0, 3.0], [0, 0, 0]), ([4.0, 0.0], [0, 4]), ([0.0], [1]), ([], [])],
)
def test_C13_a_product_with_zeros(values: Any, expected: Any, create_graph: bool) -> None:
    x = leaf(values)
    reductions.prod(x).backward(1.5, create_graph=create_graph)
    assert x.grad.tolist() == [1.5 * v for v in expected]


def test_C13_a_product_with_two_zeros_has_a_second_derivative() -> None:
    x = leaf([0.0, 0.0, 3.0])
    reductions.prod(x).backward(create_graph=True)
    first = x.grad
    x.zero_grad()
    (first * [1.0, 10.0, 100.0]).sum().backward()  # d²/dx0dx1 = x2 = 3; the others contain a zero
    assert x.grad.tolist() == [30, 3, 0]


def test_C13_a_running_product_with_zeros() -> None:
    x = leaf([2.0, 0.0, 3.0, 0.0, 5.0])
    reductions.cumprod(x).backward([1.0, 10.0, 100.0, 1000.0, 10000.0])
    # y = x0, x0 x1, x0 x1 x2, …:  d/dx0 = 1, and all else has a zero;  d/dx1 = 2 · 10 + 2 · 3 · 100
    assert x.grad.tolist() == [1, 620, 0, 0, 0]


def test_B24_a_running_sum_runs_back_along_the_same_axis() -> None:
    x = leaf(np.ones((2, 3)))
    seed = np.array([[1.0, 10.0, 100.0], [2.0, 20.0, 200.0]])
    reductions.cumsum(x, axis=1).backward(seed)
    assert x.grad.tolist() == [[111, 110, 100], [222, 220, 200]]


@pytest.mark.parametrize("ord", [None, 2, 1, 3, 1.5, inf])
def test_C7_the_norm_of_nothing_but_zeros(ord: Any) -> None:
    for create_graph in (False, True):
        x = leaf([0.0, 0.0, 0.0])
        reductions.norm(x, ord).backward(1.5, create_graph=create_graph)
        assert x.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("big", [1e300, 1e-300])
def test_C20_the_norm_of_the_very_large_and_the_very_small(big: float) -> None:
    x = leaf([3 * big, -4 * big])
    y = reductions.norm(x)
    y.backward()
    assert y.item() == pytest.approx(5 * big, rel=1e-15)
    np.testing.assert_allclose(x.grad.data, [0.6, -0.8], rtol=1e-15)
    assert reductions.norm(leaf([3 * big, -4 * big]), 3).item() == pytest.approx(91 ** (1 / 3) * big, rel=1e-14)


@pytest.mark.parametrize("values", [[1.0, 1.0], [0.1] * 3, [0.0], 7.0])
@pytest.mark.parametrize("create_graph", [False, True])
def test_C8_the_standard_deviation_of_equal_entries_is_flat(values: Any, create_graph: bool) -> None:
    x = leaf(values)
    reductions.std(x).backward(1.5, create_graph=create_graph)
    np.testing.assert_allclose(x.grad.data, np.zeros(x.shape), atol=1e-15)


def test_C8_var() -> None:
    x = leaf([1.0, 2.0, 3.0, 4.0])
    reductions.var(x, ddof=1).backward()
    np.testing.assert_allclose(x.grad.data, [-1, -1 / 3, 1 / 3, 1], rtol=1e-15)


@pytest.mark.parametrize("f", [reductions.var, reductions.std])
def test_C8_one_entry_has_no_unbiased_estimate(f: Any) -> None:
    x = leaf([5.0])
    with np.errstate(all="ignore"):
        y = f(x, ddof=1)
        y.backward()
    assert np.isnan(y.item())
    np.testing.assert_array_equal(x.grad.data, [nan])


def test_D5_half_precision_squares_overflow_late() -> None:
    x = leaf(np.array([1000.0, -1000.0] * 50), dtype=np.float16)
    y = reductions.std(x)
    y.backward()
    assert (y.item(), y.dtype, x.grad.dtype) == (1000, np.float16, np.float16)
    np.testing.assert_allclose(x.grad.data, np.sign(x.data) / 100, rtol=1e-3)


def test_C3_in_order_each_entry_keeps_its_own_gradient() -> None:
    x = leaf([2.0, 1.0, 2.0, nan])
    ordering.sort(x).backward([1.0, 10.0, 100.0, 1000.0])
    assert x.grad.tolist() == [10, 1, 100, 1000]  # a tie keeps its order, NaN comes last
    m = leaf([2.0, 1.0, 2.0, 2.0])
    ordering.median(m).backward(2.0)
    assert m.grad.tolist() == [1, 0, 1, 0]
    p = leaf([2.0, 1.0, 2.0])
    reductions.ptp(p).backward(2.0)
    assert p.grad.tolist() == [1, -2, 1]


@pytest.mark.parametrize(
    "f", [ordering.median, lambda x: ordering.quantile(x, 0.6), lambda x: ordering.quantile(x, 0.0)]
)
def test_C5_the_last_nan_receives_the_gradient_of_a_quantile(f: Any) -> None:
    for create_graph in (False, True):
        x = leaf([2.0, nan, nan, -inf])
        y = f(x)
        y.backward(3.0, create_graph=create_graph)
        assert np.isnan(y.item())
        assert x.grad.tolist() == [0, 0, 3, 0]


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [([inf], 0.25, inf), ([inf, inf], 0.25, inf), ([-inf, -inf], 0.5, -inf), ([0.0, inf], 0.6, inf)],
)
def test_a_quantile_beside_infinities(values: Any, q: float, expected: float) -> None:
    assert ordering.quantile(leaf(values), q).item() == expected


@pytest.mark.parametrize(
    ("ord", "values", "norm", "slope"),
    [(0.5, [0.0, 0.0], 0, [0, 0]), (0.5, [4.0, 0.0, -4.0], 16, [2, 0, -2]), (-1, [0.0, 2.0], 0, [0, 0])],
)
@pytest.mark.parametrize("create_graph", [False, True])
def test_C7_norms_of_an_order_below_one(ord: Any, values: Any, norm: float, slope: Any, create_graph: bool) -> None:
    x = leaf(values)
    with np.errstate(all="ignore"):
        y = reductions.norm(x, ord)
        y.backward(1.5, create_graph=create_graph)
        assert y.item() == norm == np.linalg.norm(x.data, ord)
    assert x.grad.tolist() == [1.5 * v for v in slope]


def test_as_in_numpy_nan_is_one_of_the_entries_that_are_not_zero() -> None:
    x = leaf([nan, 0.0, 2.0])
    y = reductions.norm(x, 0)
    y.backward()
    assert y.item() == np.linalg.norm(x.data, 0) == 2
    assert x.grad.tolist() == [0, 0, 0]


@pytest.mark.parametrize("n", [0, Tensor(0.0), Tensor([0.0]), np.zeros(1)], ids=["number", "0-d", "1-d", "array"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_C10_x_to_the_0_is_constant_also_for_a_gradient_that_is_not_finite(n: Any, create_graph: bool) -> None:
    x = leaf([1.0])
    (x**n).backward([nan], create_graph=create_graph)
    assert x.grad.tolist() == [0]


def test_C15_the_sum_without_nan_sends_nothing_to_it() -> None:
    x = leaf([1.0, nan, 3.0])
    reductions.nanmean(x).backward(3.0)
    assert x.grad.tolist() == [1.5, 0, 1.5]
