"""grad, vjp, jvp, jacobian, hessian, hvp: against each other, against complex step, and against plain calculus."""

from collections import namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tinygrad_edu import GradientError, ShapeError, Tensor, no_grad
from tinygrad_edu.transforms import grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp


def f(x: Any) -> Any:
    """From 3 numbers to 2, on Tensors and on complex arrays."""
    a, b, c = x[0], x[1], x[2]
    one, two = a * b + c**3, (a - c) * b * b
    return one.reshape(1) * np.array([1.0, 0.0]) + two.reshape(1) * np.array([0.0, 1.0])


def by_hand(x: Any) -> Any:
    a, b, c = x
    return np.array([[b, a, 3 * c * c], [b * b, 2 * (a - c) * b, -b * b]])


def second_by_hand(x: Any, u: Any) -> Any:
    """d²(u . f)/dx²"""
    a, b, c = x
    first = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 6 * c]])
    second = np.array([[0, 2 * b, 0], [2 * b, 2 * (a - c), -2 * b], [0, -2 * b, 0]])
    return u[0] * first + u[1] * second


U, V = np.array([1.0, -0.625]), np.array([0.5, 1.25, -2.0])
points = st.lists(st.integers(-16, 16).map(lambda k: k / 8), min_size=3, max_size=3).map(np.array)


@given(points)
def test_jacobian_is_the_one_derived_by_hand(x):
    assert_allclose(jacobian(f)(x).data, by_hand(x), rtol=1e-14)


@given(points)
def test_vjp_is_a_row_and_jvp_a_column_of_the_jacobian(x):
    y, pullback = vjp(f, x)
    assert_allclose(y.data, f(Tensor(x)).data)
    assert_allclose(pullback(U)[0].data, U @ by_hand(x), rtol=1e-13)
    y, moved = jvp(f, (x,), (V,))
    assert_allclose(y.data, f(Tensor(x)).data)
    assert_allclose(moved.data, by_hand(x) @ V, rtol=1e-13)


@given(points)
def test_hessian_and_hvp_are_those_derived_by_hand(x):
    def number(x):
        return (f(x) * U).sum()

    assert_allclose(hessian(number)(x).data, second_by_hand(x, U), rtol=1e-13, atol=1e-14)
    assert_allclose(hvp(number, (x,), (V,))[0].data, second_by_hand(x, U) @ V, rtol=1e-13, atol=1e-14)


def test_derivatives_of_any_order():
    """d^k/dx^k x^5 at 2"""
    g, expected = (lambda x: x**5), [32, 80, 160, 240, 240, 120, 0]
    for value in expected:
        assert g(Tensor(2.0, requires_grad=True)).item() == value
        g = grad(g)


def test_jvp_of_jvp_and_of_grad():
    def cube(x):
        return x**3

    assert jvp(lambda x: jvp(cube, (x,), (1.0,))[1], (2.0,), (1.0,))[1].item() == 12
    assert jvp(grad(cube), (2.0,), (1.0,))[1].item() == 12
    assert grad(lambda x: jvp(cube, (x,), (1.0,))[1])(2.0).item() == 12


def test_grad_of_trees():
    Layer = namedtuple("Layer", ["w", "b"])

    def cost(p, scale):
        return (p["first"].w * p["first"].b).sum() * p["rest"][0] * scale

    p = {"first": Layer(np.array([1.0, 2.0]), np.array([3.0, 5.0])), "rest": [2.0, (4.0,)]}
    g, by_scale = grad(cost, argnums=(0, 1))(p, 10.0)
    assert type(g["first"]) is Layer
    assert g["first"].w.tolist() == [60, 100]
    assert g["first"].b.tolist() == [20, 40]
    assert g["rest"][0].item() == 130
    assert g["rest"][1][0].item() == 0  # not used: zero, of its shape
    assert by_scale.item() == 26


def test_vjp_and_jvp_of_trees():
    y, pullback = vjp(lambda a, b: {"product": a * b, "sum": (a + b,)}, 2.0, 3.0)
    assert [g.item() for g in pullback({"product": 1.0, "sum": (10.0,)})] == [13, 12]
    assert [g.item() for g in pullback({"product": 1.0, "sum": (0.0,)})] == [3, 2]  # and once more
    assert y["sum"][0].item() == 5
    y, moved = jvp(lambda a, b: {"product": a * b, "sum": (a + b,)}, (2.0, 3.0), (1.0, 100.0))
    assert (moved["product"].item(), moved["sum"][0].item()) == (203, 101)


def test_has_aux_hands_through_what_else_f_returned():
    (value, aux), g = value_and_grad(lambda x: (x * x, "else"), has_aux=True)(3.0)
    assert (value.item(), aux, g.item()) == (9, "else", 6)
    assert grad(lambda x: (x * x, 7), has_aux=True)(3.0)[1] == 7


def test_a_function_that_does_not_use_its_argument_has_zero_derivatives():
    def constant(x):
        return Tensor(5.0)

    assert grad(constant)([1.0, 2.0]).tolist() == [0, 0]
    assert jacobian(lambda x: Tensor([1.0, 2.0]))(3.0).tolist() == [0, 0]
    assert jvp(constant, (2.0,), (1.0,))[1].item() == 0
    assert vjp(constant, 2.0)[1](1.0)[0].item() == 0


def test_closed_over_tensors_keep_their_graph():
    """d/dw of d/dx (w x²) at x = 3: 2 x"""
    w = Tensor(5.0, requires_grad=True)
    grad(lambda x: w * x * x)(3.0).backward()
    assert w.grad.item() == 6


def test_results_carry_no_graph_inside_no_grad_and_are_right():
    with no_grad():
        y, g = value_and_grad(lambda x: x**3)(2.0)
        row = jacobian(lambda x: x * x)([1.0, 2.0])
    assert (y.item(), g.item(), row.tolist()) == (8, 12, [[2, 0], [0, 4]])
    assert [t.requires_grad for t in (y, g, row)] == [False, False, False]


def test_the_arguments_stay_as_they_were():
    x = Tensor([1.0, 2.0], requires_grad=True)
    grad(lambda x: (x * x).sum())(x)
    assert x.grad is None
    assert x.op is None


def test_float32_stays_float32():
    x = np.ones(3, np.float32)
    assert grad(lambda x: (x * x).sum())(x).dtype == np.float32
    assert hessian(lambda x: (x**3).sum())(x).dtype == np.float32
    assert jvp(lambda x: x * 2, (x,), (np.ones(3),))[1].dtype == np.float32


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: grad(lambda x: x * np.ones(2))(1.0), GradientError, "one number"),
        (lambda: grad(lambda x: 3.0)(1.0), GradientError, "3.0"),
        (lambda: jacobian(lambda x: (x, x))(1.0), GradientError, "one Tensor"),
        (lambda: grad(lambda x: x, argnums=1)(1.0), GradientError, "argument 1"),
        (lambda: vjp(lambda x: x, 1.0)[1]([1.0, 2.0]), ShapeError, "(2,)"),
        (lambda: vjp(lambda x: (x, x), 1.0)[1]((1.0,)), ShapeError, "tuple of 2"),
        (lambda: jvp(lambda x: x, (1.0,), ([1.0, 2.0],)), ShapeError, "tangents"),
        (lambda: grad(lambda x: (x, 1))(1.0), GradientError, "one number"),
        (lambda: grad(lambda x: x, has_aux=True)(1.0), GradientError, "has_aux"),
        (lambda: vjp(lambda x: 3.0, 1.0), GradientError, "Tensors"),
        (lambda: jvp(lambda p: p["a"], ({"a": 1.0},), ({"b": 1.0},)), ShapeError, "'a'"),
    ],
)
def test_wrong_use_is_explained(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)
