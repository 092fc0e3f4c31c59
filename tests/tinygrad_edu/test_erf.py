"""erf of arrays, which is a table of Taylor series: held against Python's, entry by entry."""

import math

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tinygrad_edu import TABLE, Tensor, gelu, jit
from tinygrad_edu.ops.elementwise import _erf_of_many

erf = TABLE["erf"].forward
RNG = np.random.default_rng(1)


def pythons(x: np.ndarray) -> np.ndarray:
    return np.array([math.erf(float(v)) for v in x.reshape(-1)]).reshape(x.shape)


RANGES = {
    "the neurons'": 1.5 * RNG.standard_normal(20_000),
    "near 0": 0.02 * RNG.standard_normal(5_000),
    "very near 0": 10.0 ** RNG.uniform(-320, -2, 2_000),
    "half way between two series": np.arange(-6.1, 6.1, 1 / 256) + 1 / 512 * RNG.choice([0.999, 1, 1.001], 3124),
    "at the series": np.arange(-7 * 256, 7 * 256 + 1) / 256,
    "where it is almost 1": RNG.uniform(-7, 7, 5_000),
    "far away": RNG.choice([-1, 1], 500) * 10.0 ** RNG.uniform(0, 308, 500),
}


@pytest.mark.parametrize("x", RANGES.values(), ids=RANGES)
def test_erf_of_many_entries_is_pythons_to_two_ulp(x: np.ndarray) -> None:
    wanted = pythons(x)
    assert np.all(np.abs(erf(x) - wanted) <= 2 * np.spacing(np.abs(wanted)))
    assert_array_equal(erf(-x), -erf(x))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_in_lower_precision_it_is_rounded_once(dtype: type) -> None:
    x = (1.5 * RNG.standard_normal(5_000)).astype(dtype)
    y = erf(x)
    assert y.dtype == dtype
    wanted = pythons(x)
    assert np.all(np.abs(y.astype(float) - wanted) <= 0.5001 * np.spacing(np.abs(y)))


@pytest.mark.parametrize("n", [1, 199, 200, 1000])
def test_what_is_no_common_number_is_as_in_python(n: int) -> None:
    x = np.resize([0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -5e-324, 1.7e308], n)  # a warning would be an error
    y = erf(x)
    assert_array_equal(y, pythons(x))
    assert_array_equal(np.signbit(y[x == 0]), np.signbit(x[x == 0]))
    assert erf(np.zeros(n, np.int64)).dtype == np.float64
    assert_array_equal(erf(np.ones(n, bool)), np.full(n, math.erf(1)))


def test_entries_stay_in_their_places() -> None:
    x = RNG.standard_normal((3, 90, 80))  # more than two blocks
    for view in (x, x.T, x[::-1, :, ::2], x.transpose(1, 0, 2)):
        y = erf(view)
        assert y.shape == view.shape
        assert_array_equal(y.reshape(-1), _erf_of_many(np.ascontiguousarray(view).reshape(-1)))


@pytest.mark.parametrize("executor", ["numpy", "c"])
def test_gelu_under_jit_is_that_without(executor: str) -> None:
    x = Tensor(2 * RNG.standard_normal((40, 30)))
    wanted, found = gelu(x).data, jit(gelu, executor=executor)(x).data
    if executor == "numpy":
        assert_array_equal(found, wanted)
    else:
        assert np.all(np.abs(found - wanted) <= 4e-16 * np.abs(x.data))
