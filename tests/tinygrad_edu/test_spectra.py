"""Eigenvalues and singular values: what holds where some of them are equal, or 0."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import assert_close, assert_same_bits, few, uneven
from op_cases import eighths

import tinygrad_edu as te
from tinygrad_edu import LinAlgError, ShapeError, Tensor, assert_gradients

A = np.array([[2.0, 0.5, 0.125], [0.25, 3.0, -1.0], [-0.5, 1.5, 4.0], [1.0, 0.0, 0.5]])
S = A @ A.T


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


def slope(f: Any, x: Any) -> Any:
    t = leaf(x)
    f(t).backward()
    assert t.grad is not None
    return t.grad.data


# ---- values ----------------------------------------------------------------------------------------------


@few
@given(st.integers(0, 4), st.data())
def test_the_eigenvectors_are_numpys_and_make_the_matrix_again(n: int, data: st.DataObject) -> None:
    x = data.draw(eighths((2, n, n)))
    x = x + x.mT
    w, v = te.eigh(leaf(x))
    assert_same_bits(w.data, np.linalg.eigh(x).eigenvalues)
    assert_same_bits(v.data, np.linalg.eigh(x).eigenvectors)
    assert_same_bits(te.eigvalsh(x), np.linalg.eigh(x).eigenvalues)
    np.testing.assert_allclose((v * w[..., None, :] @ v.mT).data, x, atol=1e-13)


@few
@given(st.integers(0, 4), st.integers(0, 4), st.data())
def test_the_singular_values_are_numpys(m: int, n: int, data: st.DataObject) -> None:
    x = data.draw(eighths((2, m, n)))
    np.testing.assert_allclose(te.svdvals(leaf(x)).data, np.linalg.svdvals(x), atol=1e-13)
    assert te.svdvals(x.astype(np.float32)).dtype == np.float32


def test_of_the_symmetric_part() -> None:
    x = A[:3]
    assert_close(te.eigvalsh(x), np.linalg.eigvalsh(x / 2 + x.T / 2), rtol=1e-14)
    assert_gradients(te.eigvalsh, x, order=2)
    assert_gradients(lambda x: te.eigh(x).eigenvectors ** 2, x, order=2)


def test_nan_in_nan_out() -> None:
    x = np.stack([S, S])
    x[0, 1, 2] = np.nan
    for values in (te.eigvalsh(leaf(x)), te.svdvals(leaf(x))):
        assert np.isnan(values.data[0]).all()
        assert np.isfinite(values.data[1]).all()
    assert np.isnan(te.eigh(leaf(x)).eigenvectors.data[0]).all()


def test_integers() -> None:
    assert te.eigvalsh([[2, 1], [1, 2]]).tolist() == pytest.approx([1, 3])
    assert te.svdvals(Tensor([[3, 0], [0, 4]])).tolist() == pytest.approx([4, 3])


# ---- equal ones ------------------------------------------------------------------------------------------


def test_equal_eigenvalues_share_the_gradient_equally() -> None:
    """Turned any way: the projector on their eigenvectors, over their number."""
    q = np.linalg.qr(A[:3])[0]
    x = q @ np.diag([2.0, 2.0, 5.0]) @ q.T
    one, last = q[:, :2] @ q[:, :2].T / 2, np.outer(q[:, 2], q[:, 2])
    for k, expected in enumerate((one, one, last)):
        np.testing.assert_allclose(slope(lambda x, k=k: te.eigvalsh(x)[k], x), expected, atol=1e-14)
    weights = np.array([1.0, 3.0, 10.0])
    np.testing.assert_allclose(slope(lambda x: (te.eigvalsh(x) * weights).sum(), x), 4 * one + 10 * last, atol=1e-13)
    assert_same_bits(slope(lambda x: te.eigvalsh(x).sum(), np.eye(4)), np.eye(4))


def test_one_of_a_stack_has_equal_ones() -> None:
    x = np.stack([np.eye(2), [[1.0, 0.5], [0.5, 2.0]]])
    np.testing.assert_allclose(slope(lambda x: te.eigvalsh(x)[0, 1], x)[0], np.eye(2) / 2)
    np.testing.assert_allclose(slope(lambda x: te.eigvalsh(x)[1, 1], x)[1], slope(lambda x: te.eigvalsh(x)[1], x[1]))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: te.eigh(x).eigenvectors[0, 0],
        lambda x: te.grad(lambda x: te.eigvalsh(x)[0])(x).sum(),
        lambda x: te.grad(lambda x: (te.eigvalsh(x) ** 2).sum())(x).sum(),
        lambda x: te.grad(lambda x: te.norm(x, 2))(x).sum(),
    ],
)
@pytest.mark.parametrize("x", [np.eye(3), np.diag([1.0, 3.0, 1.0 + 1e-10])])
def test_what_equal_ones_do_not_have_is_an_error(f: Any, x: Any) -> None:
    with pytest.raises(LinAlgError, match="two eigenvalues of the matrix are equal, or nearly so"):
        slope(f, x)


def test_the_error_names_the_matrix_in_a_stack() -> None:
    with pytest.raises(LinAlgError, match=r"matrix \[1\] of the stack"):
        slope(lambda x: te.eigh(x).eigenvectors[..., 0, 0].sum(), np.stack([np.diag([1.0, 2.0]), np.eye(2)]))


# ---- norms of no entries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((0,), None),
        ((3, 0), 1),
        ((0, 3), 1),
        ((2, 0, 3), (1, 2)),
        ((2, 3, 0), (1, 2)),
        ((0, 3), None),
        ((0, 2, 3), (1, 2)),
    ],
)
def test_the_norm_of_no_entries_is_numpys(shape: Any, axis: Any, keepdims: bool) -> None:
    matrix = isinstance(axis, tuple) or (axis is None and len(shape) == 2)
    for order in (None, "fro", "nuc", 1, 2, np.inf) if matrix else (None, 0, 0.5, 1, 2, 3, np.inf):
        x = leaf(np.zeros(shape, np.float32))
        y = te.norm(x, order, axis, keepdims)
        wanted = np.linalg.norm(x.data, order, axis, keepdims)
        assert_same_bits(y.data, np.asarray(wanted))
        (y * 1.5).sum().backward()
        assert x.grad is not None
        assert x.grad.shape == shape


@pytest.mark.parametrize("order", [-np.inf, -2])
def test_of_no_entries_there_is_no_smallest_one(order: Any) -> None:
    for f in (np.linalg.norm, te.norm):
        with pytest.raises(ValueError, match=r"minimum|min of no entries"):
            f(np.zeros((3, 0)) if order == -2 else np.zeros(0), order)


# ---- singular values of 0, and norms ---------------------------------------------------------------------


@pytest.mark.parametrize("order", [2, -2, "nuc"])
def test_norms_by_singular_values(order: Any) -> None:
    for x in (A, A.T, np.stack([A, 2 - A])):
        assert_gradients(lambda x: te.norm(x, order, (-2, -1)), x, order=2)
        np.testing.assert_allclose(te.norm(x, order, (-1, -2)), np.linalg.norm(x, order, (-1, -2)), rtol=1e-14)


def test_a_singular_value_of_0_has_slope_0() -> None:
    u, v = uneven((4,)), uneven((3,), start=1)
    x = np.outer(u, v)
    direction = x / (np.linalg.norm(u) * np.linalg.norm(v))
    assert te.svdvals(x)[1:].tolist() == [0, 0]
    np.testing.assert_allclose(slope(lambda x: te.norm(x, "nuc"), x), direction, atol=1e-14)
    np.testing.assert_allclose(slope(lambda x: te.norm(x, 2), x), direction, atol=1e-14)
    for order in (2, -2, "nuc"):
        assert_same_bits(slope(lambda x, order=order: te.norm(x, order), np.zeros((3, 2))), np.zeros((3, 2)))


def test_equal_singular_values_share() -> None:
    q = np.linalg.qr(A)[0]
    np.testing.assert_allclose(slope(lambda x: te.norm(x, "nuc"), q), q, atol=1e-14)
    np.testing.assert_allclose(slope(lambda x: te.norm(x, 2), q), q / 3, atol=1e-14)


def test_nothing_is_left_of_no_matrix() -> None:
    assert te.norm(leaf(np.zeros((0, 3))), 2).item() == 0
    assert te.norm(leaf(np.zeros((0, 3))), "nuc").item() == 0
    assert_close(te.svdvals(leaf(np.zeros((2, 0, 3)))).data, np.zeros((2, 0)))
    with pytest.raises(ShapeError, match="eigh needs a square matrix"):
        te.eigh(leaf(A))
