"""Toy sets: the shapes they are named for, as many of each class, and the seed decides."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from nn.data import circles, moons, spirals, xor
from tinygrad_edu import DataError

ALL = [moons, circles, spirals, xor]


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("n", [1, 2, 101, 500])
def test_shape_dtype_balance_and_seed(make, n):
    a, b, other = make(n, rng=3), make(n, rng=np.random.default_rng(3)), make(n, rng=4)
    assert a.x.shape == (n, 2)
    assert a.x.dtype == a.y.dtype == np.float32
    assert a.y.shape == (n, 2)
    assert_array_equal(a.x, b.x)
    assert_array_equal(a.labels, b.labels)
    assert not np.array_equal(a.x, other.x)
    if make is not xor:
        assert abs(int(a.labels.sum()) - n / 2) <= 0.5
    assert n < 10 or np.any(np.diff(a.labels) < 0)  # mixed


def test_moons_without_noise_lie_on_their_half_circles():
    m = moons(300, noise=0, rng=0)
    x, y = m.x[m.labels == 0].T
    assert_allclose(np.hypot(x, y), 1, atol=1e-6)
    assert y.min() >= -1e-6
    x, y = m.x[m.labels == 1].T
    assert_allclose(np.hypot(x - 1, y - 0.5), 1, atol=1e-6)
    assert y.max() <= 0.5 + 1e-6
    sklearn = pytest.importorskip("sklearn.datasets")
    theirs, labels = sklearn.make_moons(300, noise=None, random_state=0)
    for k in (0, 1):  # their boxes are the same
        assert_allclose(m.x[m.labels == k].min(axis=0), theirs[labels == k].min(axis=0), atol=0.05)
        assert_allclose(m.x[m.labels == k].max(axis=0), theirs[labels == k].max(axis=0), atol=0.05)


def test_circles_without_noise_have_two_radii():
    c = circles(300, factor=0.3, noise=0, rng=0)
    radius = np.hypot(*c.x.T)
    assert_allclose(radius, np.where(c.labels == 0, 1, 0.3), atol=1e-6)
    assert np.abs(c.x.mean(axis=0)).max() < 0.2


@pytest.mark.parametrize(("classes", "turns"), [(2, 1), (3, 0.75), (5, 2)])
def test_spirals_without_noise_turn_with_the_radius(classes, turns):
    s = spirals(400, classes=classes, turns=turns, noise=0, rng=0)
    assert s.y.shape == (400, classes)
    radius, angle = np.hypot(*s.x.T), np.arctan2(s.x[:, 1], s.x[:, 0])
    assert 0.95 < radius.max() <= 1 + 1e-6
    off = (angle - 2 * math.pi * (turns * radius + s.labels / classes)) / (2 * math.pi)
    assert_allclose(np.abs(off - np.round(off))[radius > 0.05], 0, atol=1e-5)


def test_xor_by_the_signs():
    x = xor(400, rng=0)
    assert_array_equal(x.labels, (x.x[:, 0] > 0) != (x.x[:, 1] > 0))
    assert np.abs(x.x).max() <= 1
    assert abs(x.labels.mean() - 0.5) < 0.15


@pytest.mark.parametrize("make", ALL)
def test_noise_has_its_standard_deviation(make):
    """The same draws without it: only the noise differs, for it is drawn last."""
    noisy, clean = make(4000, noise=0.3, rng=1), make(4000, noise=0, rng=1)
    assert_allclose((noisy.x - clean.x).std(axis=0), 0.3, rtol=0.05)
    assert_array_equal(noisy.labels, clean.labels)


@pytest.mark.parametrize("make", ALL)
@pytest.mark.parametrize("wrong", [{"n": 0}, {"n": 2.5}, {"noise": -1}, {"noise": math.nan}])
def test_what_is_wrong_is_a_data_error(make, wrong):
    with pytest.raises(DataError):
        make(**wrong)


def test_other_wrong_settings():
    for wrong in (lambda: circles(factor=1), lambda: spirals(classes=1), lambda: circles(factor=-0.1)):
        with pytest.raises(DataError):
            wrong()
