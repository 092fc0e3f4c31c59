"""Hooks, detect_anomaly and checkpoint: those who look on while a graph is made, or its gradient found."""

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tinygrad_edu import GradientError, Tensor, is_grad_enabled, log, no_grad, sqrt, where
from tinygrad_edu.anomaly import detect_anomaly
from tinygrad_edu.errors import AnomalyError
from tinygrad_edu.recompute import checkpoint
from tinygrad_edu.transforms import hessian

# ---- hooks -----------------------------------------------------------------------------------------------


def chain() -> tuple[Tensor, Tensor, Tensor]:
    x = Tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    return x, y, (y * np.array([3.0, 5.0])).sum()


def test_a_hook_sees_the_complete_gradient_once():
    x, y, z = chain()
    seen: list[Any] = []
    y.register_hook(lambda g: seen.append(("y", g.tolist())))
    x.register_hook(lambda g: seen.append(("x", g.tolist())))
    (z + (y * 2).sum()).backward()  # two ways from y
    assert seen == [("y", [5, 7]), ("x", [10, 28])]


def test_a_hook_that_returns_a_tensor_replaces_the_gradient():
    x, y, z = chain()
    y.register_hook(lambda g: g * 10)
    y.retain_grad()
    z.backward()
    assert y.grad.tolist() == [30, 50]
    assert x.grad.tolist() == [60, 200]


def test_A21_a_hook_can_be_removed_and_can_remove_itself():
    _, y, z = chain()
    count = []
    remove = y.register_hook(lambda g: count.append("first"))
    remove_itself = y.register_hook(lambda g: (count.append("second"), remove_itself())[0])
    z.backward()
    remove()
    remove()  # once more does no harm
    z.backward()
    assert count == ["first", "second"]


def test_hooks_see_tensors_with_a_graph_in_second_order():
    x, y, z = chain()
    remove = y.register_hook(lambda g: g * y)  # so dz/dx = 2 x c y = 2 c x³
    z.backward(create_graph=True)
    remove()  # it would see the second sweep's gradient of y, too
    first = x.grad
    x.grad = None
    (first * np.array([1.0, 1.0])).sum().backward()
    assert_allclose(x.grad.data, 6 * np.array([3.0, 5.0]) * np.array([1.0, 4.0]))


@pytest.mark.parametrize("wrong", [Tensor([1.0]), Tensor(np.ones(2, np.float32)), np.ones(2), 3], ids=repr)
def test_A21_a_hook_that_returns_the_wrong_thing_is_named_and_nothing_changes(wrong):
    def my_hook(g):
        return wrong

    x, y, z = chain()
    y.register_hook(my_hook)
    with pytest.raises(GradientError, match="my_hook"):
        z.backward()
    assert x.grad is None


def test_A21_a_hook_that_raises_leaves_all_as_it_was():
    def failing(g):
        raise RuntimeError("mine")

    x, _, z = chain()
    z.backward()
    remove = x.register_hook(failing)
    with pytest.raises(RuntimeError, match="mine"):
        z.backward()
    assert x.grad.tolist() == [6, 20]
    remove()
    z.backward()
    assert x.grad.tolist() == [12, 40]


def test_a_hook_needs_a_gradient_and_a_function():
    with pytest.raises(GradientError):
        Tensor(1.0).register_hook(print)
    with pytest.raises(TypeError):
        Tensor(1.0, requires_grad=True).register_hook("print")


# ---- detect_anomaly --------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_C14_the_report_names_the_op_in_the_branch_that_was_not_selected():
    x = Tensor([4.0, -1.0], requires_grad=True)
    with pytest.raises(AnomalyError) as caught, detect_anomaly():
        where(x >= 0, x, sqrt(x))
    assert "sqrt" in str(caught.value)
    assert "[1]" in str(caught.value)
    assert "test_watching.py" in str(caught.value)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_gradient_that_is_infinite_names_the_line_of_the_forward():
    x = Tensor([4.0, 0.0], requires_grad=True)
    with detect_anomaly():
        y = sqrt(x)  # this line
        with pytest.raises(AnomalyError) as caught:
            (y * np.array([1.0, 2.0])).sum().backward()
    here = test_a_gradient_that_is_infinite_names_the_line_of_the_forward.__code__.co_firstlineno
    assert f"test_watching.py:{here + 4}" in str(caught.value)
    assert "inf at [1]" in str(caught.value)
    assert x.grad is None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_only_the_op_that_made_it_is_blamed_and_not_those_after_it():
    with pytest.raises(AnomalyError, match="log made -inf"), detect_anomaly():
        log(Tensor(0.0, requires_grad=True)) * 2 + 1


def test_nothing_bad_nothing_said_and_the_mode_is_restored():
    x = Tensor([1.0, 2.0], requires_grad=True)
    with detect_anomaly():
        with no_grad():
            assert not is_grad_enabled()
        (x * x * np.array([1.0, 2.0])).sum().backward()
    assert x.grad.tolist() == [2, 8]
    assert is_grad_enabled() is True


# ---- checkpoint ------------------------------------------------------------------------------------------

W = np.array([[1.0, -0.5], [0.25, 2.0]])


def block(w: Tensor) -> Any:
    return lambda x: ((x @ w).tanh() @ w).sigmoid()


def both(order: int) -> list[list[Any]]:
    """The gradients with and without checkpoint."""
    found = []
    for way in (lambda f, x: f(x), checkpoint):
        x, w = Tensor([[1.0, 2.0], [0.5, -1.0]], requires_grad=True), Tensor(W, requires_grad=True)
        y = way(block(w), x * 1.5)
        c = (y * np.array([[1.0, 2.0], [-3.0, 0.5]])).sum()
        if order == 2:
            c.backward(create_graph=True)
            c = (x.grad * np.array([[2.0, 1.0], [0.5, 3.0]])).sum()
            x.grad = w.grad = None
        c.backward()
        found.append([y.data, x.grad.data, w.grad.data])
    return found


@pytest.mark.parametrize("order", [1, 2])
def test_checkpoint_changes_no_gradient_not_even_of_what_f_closes_over(order):
    without, with_it = both(order)
    for a, b in zip(without, with_it, strict=True):
        assert_allclose(b, a, rtol=1e-14)


def test_checkpoint_keeps_nothing_of_what_is_inside():
    inner: list[Any] = []

    def f(x):
        t = x * x
        inner.append(weakref.ref(t))
        return t.tanh()

    x = Tensor([0.5, 0.25], requires_grad=True)
    gc.disable()
    try:
        y = checkpoint(f, x)
        assert inner[0]() is None
    finally:
        gc.enable()
    (y * np.array([1.0, 2.0])).sum().backward()
    assert len(inner) == 2  # computed once more


def test_checkpoint_of_something_random_is_refused():
    rng = np.random.default_rng(0)
    y = checkpoint(lambda x: x * rng.standard_normal(2), Tensor([1.0, 2.0], requires_grad=True))
    with pytest.raises(GradientError, match="random"):
        (y * y).sum().backward()


def test_checkpoint_of_weights_changed_before_backward_is_refused():
    w = Tensor([2.0, 3.0], requires_grad=True)
    y = checkpoint(lambda x: x * w, Tensor([1.0, 2.0], requires_grad=True))
    w.assign([5.0, 7.0])
    with pytest.raises(GradientError, match="changed"):
        (y * y).sum().backward()


def test_checkpoint_inside_no_grad_and_inside_hessian():
    with no_grad():
        assert not checkpoint(lambda x: x * x, Tensor(3.0, requires_grad=True)).requires_grad
    assert hessian(lambda x: checkpoint(lambda t: t * t * t, x).sum())([1.0, 2.0]).tolist() == [[6, 0], [0, 12]]


def test_checkpoint_is_swept_inside_no_grad_too():
    x = Tensor([1.0, 2.0], requires_grad=True)
    c = (checkpoint(lambda x: x * x, x) * np.array([1.0, 3.0])).sum()
    with no_grad():
        c.backward()
        assert not is_grad_enabled()
    assert x.grad.tolist() == [2, 12]


@pytest.mark.parametrize("create_graph", [False, True])
def test_checkpoint_gives_an_input_that_f_does_not_use_zeros_of_its_shape(create_graph):
    x, unused = Tensor([1.0, 2.0], requires_grad=True), Tensor(np.ones((2, 3)), requires_grad=True)
    c = (checkpoint(lambda x, unused: x * x, x, unused) * np.array([1.0, 3.0])).sum()
    c.backward(create_graph=create_graph)
    assert x.grad.tolist() == [2, 12]
    assert unused.grad.tolist() == [[0, 0, 0], [0, 0, 0]]
