"""Augmentation: exact where pixels meet pixels, else against SciPy's bilinear mean, and what it draws."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from nn.augment import Chain, Crop, Flip, Rotate, Shift, rotate, shift
from tinygrad_edu import DataError


def pictures(*shape: int, dtype=np.float32) -> np.ndarray:
    return np.random.default_rng(5).random(shape).astype(dtype)


def moved(x: np.ndarray, down: int, right: int) -> np.ndarray:
    """By slices: independent of the code under test."""
    y = np.zeros_like(x)
    rows, columns = x.shape[-2:]
    for i in range(rows):
        for j in range(columns):
            if 0 <= i - down < rows and 0 <= j - right < columns:
                y[..., i, j] = x[..., i - down, j - right]
    return y


# --- shift ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(2, 5, 7), (2, 3, 5, 7), (1, 1, 1, 1), (2, 1, 4)])
@pytest.mark.parametrize(("down", "right"), [(0, 0), (1, 0), (0, -1), (2, 3), (-4, -6), (5, 0), (0, 7), (100, -100)])
def test_whole_pixels_are_moved_exactly(shape, down, right):
    x = pictures(*shape)
    y = shift(x, down, right)
    assert y.dtype == np.float32
    assert_array_equal(y, moved(x, down, right))


def test_each_picture_has_its_own_shift():
    x = pictures(3, 2, 4, 4)
    y = shift(x, [1, 0, -2], [0, 3, 1])
    for n, (down, right) in enumerate([(1, 0), (0, 3), (-2, 1)]):
        assert_array_equal(y[n], moved(x[n], down, right))


def test_half_a_pixel_is_the_mean_of_two_by_hand():
    x = np.array([[[1.0, 3.0], [5.0, 9.0]]], np.float32)
    assert shift(x, 0, 0.5).tolist() == [[[0.5, 2.0], [2.5, 7.0]]]  # at the left: half of what lies beyond, 0
    assert shift(x, 0, 0.5, "edge").tolist() == [[[1.0, 2.0], [5.0, 7.0]]]
    assert shift(x, -0.5, 0).tolist() == [[[3.0, 6.0], [2.5, 4.5]]]
    assert shift(x, 0.5, 0.5).tolist() == [[[0.25, 1.0], [1.5, 4.5]]]
    assert shift(x, -1, 0, "edge").tolist() == [[[5.0, 9.0], [5.0, 9.0]]]
    assert shift(x, 7, -7, "edge").tolist() == [[[3.0, 3.0], [3.0, 3.0]]]


@given(down=st.floats(-12, 12), right=st.floats(-12, 12), border=st.sampled_from(["zero", "edge"]))
def test_shift_is_scipys(down, right, border):
    ndimage = pytest.importorskip("scipy.ndimage")
    x = pictures(2, 6, 9, dtype=np.float64)
    mode = {"zero": "grid-constant", "edge": "nearest"}[border]
    wanted = [ndimage.shift(picture, (down, right), order=1, mode=mode) for picture in x]
    assert_allclose(shift(x, down, right, border), wanted, rtol=0, atol=1e-12)


# --- rotate ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("turns", range(-4, 9))
@pytest.mark.parametrize("side", [1, 2, 5, 28])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_quarter_turns_are_exact(turns, side, dtype):
    x = pictures(3, 2, side, side, dtype=dtype)
    assert_array_equal(rotate(x, 90 * turns), np.rot90(x, turns, axes=(2, 3)))


def test_half_turns_of_oblong_pictures_are_exact_and_quarter_turns_cut_off():
    x = pictures(2, 4, 6)
    assert_array_equal(rotate(x, 180), x[:, ::-1, ::-1])
    y = rotate(x, 90)
    assert y.shape == x.shape
    assert_array_equal(y[:, :, 1:5], np.rot90(x, axes=(1, 2))[:, 1:5])  # the middle
    assert not y[:, :, [0, 5]].any()  # beyond the picture


@pytest.mark.parametrize("border", ["zero", "edge"])
@pytest.mark.parametrize("degrees", [1, 10, -37.5, 45, 200])
def test_rotate_is_scipys(degrees, border):
    ndimage = pytest.importorskip("scipy.ndimage")
    x = pictures(2, 9, 12, dtype=np.float64)
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    matrix, centre = np.array([[c, s], [-s, c]]), np.array([4.0, 5.5])
    mode = {"zero": "grid-constant", "edge": "nearest"}[border]
    wanted = [ndimage.affine_transform(picture, matrix, centre - matrix @ centre, order=1, mode=mode) for picture in x]
    assert_allclose(rotate(x, degrees, border), wanted, rtol=0, atol=1e-12)


@given(angle=st.floats(-720, 720), border=st.sampled_from(["zero", "edge"]))
def test_values_stay_between_the_smallest_and_the_largest(angle, border):
    x = pictures(1, 8, 8)
    y = rotate(x, angle, border)
    assert y.dtype == np.float32
    assert (1 - 1e-6) * min(0 if border == "zero" else 1, x.min()) <= y.min()
    assert y.max() <= x.max() + 1e-6
    if border == "edge":
        assert_allclose(rotate(np.ones_like(x), angle, border), 1, rtol=1e-6)


# --- what is drawn --------------------------------------------------------------------------------

ALL = {
    "shift": Shift(2.5),
    "whole shift": Shift(2, whole=True, border="edge"),
    "rotate": Rotate(20),
    "flip": Flip(),
    "crop": Crop(2),
    "mirrored crop": Crop(2, border="mirror"),
    "chain": Chain(Flip(0.3), Rotate(5), Crop(1)),
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 8, 8), (6, 3, 8, 9), (0, 3, 8, 8), (1, 1, 8, 8)])
def test_shape_and_dtype_stay_the_input_stays_and_the_seed_decides(name, dtype, shape):
    x = pictures(*shape, dtype=dtype)
    before = x.copy()
    a, b, other = (ALL[name](x, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (a.shape, a.dtype) == (x.shape, x.dtype)
    assert_array_equal(x, before)
    assert_array_equal(a, b)
    assert len(x) < 2 or not np.array_equal(a, other)
    assert not np.shares_memory(a, x)
    assert repr(eval(repr(ALL[name]))) == repr(ALL[name])


def test_shift_draws_each_whole_shift_equally_often():
    x = np.zeros((4000, 7, 7), np.float32)
    x[:, 3, 3] = 1  # a dot in the middle tells where it went
    y = Shift(2, whole=True)(x, np.random.default_rng(0))
    counts = y.sum(axis=0)
    assert counts[1:6, 1:6].sum() == counts.sum() == 4000
    assert np.abs(counts[1:6, 1:6] - 160).max() < 5 * math.sqrt(160)


def test_flip_mirrors_half_of_them_whole():
    x = pictures(2000, 2, 3, 4)
    y = Flip()(x, np.random.default_rng(0))
    mirrored = np.all(y == x[..., ::-1], axis=(1, 2, 3))
    untouched = np.all(y == x, axis=(1, 2, 3))
    assert np.all(mirrored ^ untouched)
    assert abs(mirrored.sum() - 1000) < 5 * math.sqrt(500)
    assert_array_equal(Flip(1)(x, np.random.default_rng(0)), x[..., ::-1])
    assert_array_equal(Flip(0)(x, np.random.default_rng(0)), x)


@pytest.mark.parametrize("border", ["zero", "mirror"])
def test_crop_is_a_piece_of_the_framed_picture(border):
    x = pictures(200, 2, 4, 5)
    mode = {"zero": "constant", "mirror": "reflect"}[border]
    framed = np.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)), mode=mode)
    y = Crop(2, border=border)(x, np.random.default_rng(0))
    found = set()
    for n in range(len(x)):
        places = [
            (i, j) for i in range(5) for j in range(5) if np.array_equal(framed[n, :, i : i + 4, j : j + 5], y[n])
        ]
        assert places
        found.add(places[0])
    assert len(found) == 25


def test_nothing_is_done_by_nothing():
    x, rng = pictures(3, 5, 5), np.random.default_rng(0)
    for step in (Shift(0), Shift(0, whole=True), Rotate(0), Crop(0), Chain(), Flip(0)):
        assert_array_equal(step(x, rng), x)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Shift(-1),
        lambda: Shift(1.5, whole=True),
        lambda: Shift(math.nan),
        lambda: Shift("2"),
        lambda: Shift(1, border="wrap"),
        lambda: Rotate(math.inf),
        lambda: Rotate(5, border="mirror"),
        lambda: Flip(1.5),
        lambda: Crop(0.5),
        lambda: Crop(2, border="edge"),
        lambda: Crop(4, border="mirror")(pictures(2, 4, 4), np.random.default_rng(0)),
        lambda: Chain(Flip(), 3),
        lambda: shift(pictures(2, 4), 1, 1),
        lambda: shift(np.zeros((2, 4, 4), np.uint8), 1, 1),
        lambda: shift(pictures(2, 4, 4), [1, 2, 3], 0),
        lambda: shift(pictures(2, 4, 4), math.nan, 0),
        lambda: rotate(pictures(2, 4, 4), "left"),
        lambda: Flip()(pictures(2, 16), np.random.default_rng(0)),
    ],
)
def test_what_is_wrong_is_a_data_error(wrong):
    with pytest.raises(DataError):
        wrong()
