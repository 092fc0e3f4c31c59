"""What planted mistakes showed that no other test said (docs/mutants.md): one test for each behaviour."""

from typing import Any

import numpy as np
import pytest

from tinygrad_edu import (
    DtypeError,
    ShapeError,
    Tensor,
    checkpoint,
    conv2d,
    eigvalsh,
    grad,
    hessian,
    inv,
    jacobian,
    max_pool2d,
    no_grad,
    value_and_grad,
    vjp,
    where,
)
from tinygrad_edu.op import Op
from tinygrad_edu.ops import TABLE
from tinygrad_edu.tensor import _deliver


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "argsort"])
def test_the_axis_is_the_last_one_if_none_is_given(name: str) -> None:
    t = Tensor(np.random.default_rng(3).normal(size=(2, 3, 4)))
    assert np.array_equal(getattr(t, name)().data, getattr(t, name)(axis=2).data)


def test_backward_with_create_graph_makes_a_graph_inside_no_grad_too() -> None:
    x = Tensor(2.0, requires_grad=True)
    y = x**3
    with no_grad():
        y.backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward()
    assert (first.item(), x.grad.item()) == (12, 12)


def test_an_op_that_is_not_elementwise_receives_its_numbers_as_they_are() -> None:
    seen: list[Any] = []
    op = Op("look", lambda x, y: seen.extend((type(x), type(y))) or x, (None, None))
    op(Tensor(np.ones(2, np.float32)), Tensor(2.0))
    assert seen == [np.ndarray, np.float64]  # an elementwise op would receive a Python float, which widens nothing


def test_out_of_a_matrix_product_is_explained() -> None:
    t = Tensor(np.eye(2))
    with pytest.raises(DtypeError, match=r"np\.matmul with out="):
        np.matmul(t, t, out=np.empty((2, 2)))


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_a_derivative_has_the_name_and_the_docstring_of_its_function(transform: Any) -> None:
    def bowl(x: Any) -> Any:
        """x squared"""
        return x * x

    made = transform(bowl)
    assert (made.__name__, made.__doc__) == ("bowl", "x squared")


def test_removing_a_hook_returns_nothing() -> None:
    remove = Tensor(1.0, requires_grad=True).register_hook(lambda g: None)
    assert (remove(), remove()) == (None, None)


def test_every_hook_is_called_also_after_one_that_returned_nothing() -> None:
    x = Tensor(3.0, requires_grad=True)
    for _ in range(2):
        x.register_hook(lambda g: None)
    x.register_hook(lambda g: g * 10)
    (x * 2).backward()
    assert x.grad.item() == 20


@pytest.mark.parametrize(
    ("data", "words"), [({"a": 1}, r"not dict: \{'a': 1\}"), ([1j], "not values of dtype complex128")]
)
def test_what_is_no_number_is_named_by_its_type_or_its_dtype(data: Any, words: str) -> None:
    with pytest.raises(DtypeError, match=words):
        Tensor(data)


def test_a_small_array_is_shown_with_four_digits() -> None:
    assert repr(Tensor([1 / 3, 2 / 3])) == "Tensor([0.3333, 0.6667], shape=(2,))"


def test_round_takes_a_number_of_digits() -> None:
    t = Tensor(12.34)
    assert [round(t).item(), round(t, 1).item(), round(t, -1).item()] == [12, 12.3, 10]


def test_a_matrix_with_nan_in_a_stack_of_stacks_spoils_only_itself() -> None:
    a = np.tile(np.eye(2), (2, 3, 1, 1))
    a[1, 2] = [[0, np.nan], [0, 0]]  # LAPACK calls it singular
    inverse = inv(Tensor(a)).data
    assert np.isnan(inverse[1, 2]).all()
    assert np.array_equal(inverse[0], a[0])


def test_equal_eigenvalues_share_in_every_matrix_of_a_stack() -> None:
    a = np.stack([np.diag([1.0, 1.0, 5.0]), np.diag([2.0, 7.0, 7.0])])
    g = np.arange(1.0, 7).reshape(2, 3)
    stack = Tensor(a, requires_grad=True)
    eigvalsh(stack).backward(g)
    assert np.allclose(stack.grad.data, [np.diag([1.5, 1.5, 3]), np.diag([4, 5.5, 5.5])])


def test_a_single_number_in_third_place_widens_nothing() -> None:
    chosen = where(Tensor([True, False]), Tensor(np.ones(2, np.float32)), Tensor(2.0))
    assert chosen.dtype == np.float32


def test_a_gradient_that_is_set_keeps_its_graph_and_must_have_the_shape() -> None:
    x = Tensor([1.0, 2.0], requires_grad=True)
    g = x * x
    x.grad = g
    assert x.grad is g
    with pytest.raises(ShapeError):
        x.grad = Tensor(np.ones(3))
    x.grad = Tensor(np.ones(2, np.float32))
    assert x.grad.dtype == np.float64


def test_the_gradients_of_a_matrix_and_of_its_transpose_share_no_memory() -> None:
    a, b = (Tensor(np.ones((2, 2)), requires_grad=True) for _ in "ab")
    (a.T + b).backward(np.arange(4.0).reshape(2, 2))
    assert not np.shares_memory(a.grad.data, b.grad.data)


def test_argnums_counts_from_the_end_down_to_the_first() -> None:
    assert grad(lambda x, y: x * y * y, argnums=-2)(2.0, 3.0).item() == 9


def test_a_whole_number_may_be_differentiated_and_an_array_of_them_not() -> None:
    assert grad(lambda x: x**3)(2).item() == 12
    for wrong in (True, np.array([1, 2])):
        with pytest.raises(DtypeError, match=r"2\.0 instead of 2"):
            grad(lambda x: x.sum())(wrong)


def test_the_vector_of_a_pullback_widens_nothing() -> None:
    _, pullback = vjp(lambda x: x, Tensor(np.ones(2, np.float32)))
    assert pullback(np.ones(2))[0].dtype == np.float32


def test_a_parameter_is_raised_to_a_power_in_place() -> None:
    w = Tensor(3.0, requires_grad=True)
    with no_grad():
        w **= 3
    assert w.item() == 27


def test_trace_and_diagonal_of_numpy_linalg_are_of_the_last_two_axes() -> None:
    a = np.arange(36.0).reshape(4, 3, 3)
    assert np.array_equal(np.linalg.trace(Tensor(a)).data, np.linalg.trace(a))
    assert np.array_equal(np.linalg.diagonal(Tensor(a)).data, np.linalg.diagonal(a))


def test_no_grad_keeps_the_names_of_coroutines_and_generators() -> None:
    @no_grad()
    async def waits() -> None: ...

    @no_grad()
    def steps() -> Any:
        yield

    assert (waits.__name__, steps.__name__) == ("waits", "steps")


def test_ctrl_c_between_two_gradients_takes_the_first_one_back() -> None:
    class Interrupted:
        @property
        def _grad(self) -> None:
            return None

        @_grad.setter
        def _grad(self, value: Any) -> None:
            raise KeyboardInterrupt

    x = Tensor(1.0, requires_grad=True)
    with pytest.raises(KeyboardInterrupt):
        _deliver({x: np.float64(2), Interrupted(): np.float64(3)}, None)
    assert x.grad is None


def test_many_operands_are_named_by_their_places() -> None:
    parts = [Tensor(np.ones((1, 2 + (i == 6)))) for i in range(8)]
    with pytest.raises(ShapeError, match=r"input 7.*\(1, 3\)"):
        TABLE["concatenate"](*parts, axis=0)


def test_rows_picked_many_times_receive_the_sum_of_their_gradients() -> None:
    rng = np.random.default_rng(5)
    rows, g = rng.integers(-30, 30, 60), rng.normal(size=(60, 10))
    x = Tensor(np.zeros((30, 10)), requires_grad=True)
    x[rows].backward(g)
    expected = np.zeros((30, 10))
    np.add.at(expected, rows, g)
    assert np.allclose(x.grad.data, expected)


def test_a_single_number_is_kept_as_a_numpy_scalar_which_is_fast() -> None:
    one, two = Tensor(1.0), Tensor(2.0)
    assert {type(t._data) for t in (one, two, where(one < two, one, two), one.detach())} == {np.float64}


def test_a_window_may_be_too_large_along_one_axis_only() -> None:
    x = Tensor(np.ones((1, 1, 2, 9)))
    with pytest.raises(ShapeError):
        conv2d(x, Tensor(np.ones((1, 1, 3, 3))))


def test_more_ties_in_a_window_than_a_byte_can_count_share_equally() -> None:
    x = Tensor(np.ones((1, 1, 20, 13)), requires_grad=True)
    max_pool2d(x, (20, 13)).backward(np.ones((1, 1, 1, 1)))
    assert np.allclose(x.grad.data, 1 / 260)


def test_the_jacobian_of_one_entry_is_one_row() -> None:
    assert jacobian(lambda x: x[:1] * x[1])([2.0, 3.0]).tolist() == [[3, 2]]


def test_an_integer_beside_an_array_of_shorter_ones_widens_nothing() -> None:
    assert (Tensor(np.ones(2, np.int8)) + Tensor(np.int64(1))).dtype == np.int8


def test_an_array_of_more_than_twelve_is_shown_by_its_first_three_entries() -> None:
    assert repr(Tensor(np.arange(13.0))) == "Tensor([0, 1, 2, …], shape=(13,), float64, min 0, mean 6, max 12)"
    assert repr(Tensor(np.zeros(12))).count("0.") == 12


def test_a_gradient_that_is_set_without_a_graph_is_a_tensor_of_its_own() -> None:
    x, g = Tensor(1.0, requires_grad=True), Tensor(2.0, requires_grad=True)
    x.grad = g
    assert x.grad is not g
    assert not x.grad.requires_grad


def test_checkpoint_of_nan_computes_nan_again() -> None:
    x = Tensor([1.0, np.nan], requires_grad=True)
    checkpoint(lambda y: y * y, x).backward(np.ones(2))
    assert x.grad.data[0] == 2


def test_a_question_of_numpy_about_a_tensor_and_an_array_is_answered() -> None:
    assert np.allclose(Tensor([1.0, 2.0]), np.array([1.0, 2.0]))
    assert not np.allclose(np.array([1.0, 3.0]), Tensor([1.0, 2.0]))


def test_eigenvalues_are_told_apart_at_every_scale() -> None:
    a = Tensor(np.diag([1e-20, 2e-20]), requires_grad=True)
    eigvalsh(a).backward([1.0, 3.0])
    assert np.allclose(a.grad.data, np.diag([1, 3]))
