"""Costs: the lecture's formula by hand, cross-entropy by another road, and labels that are none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import nn
from tinygrad_edu import DataError, ShapeError, Tensor

quadratic, cross_entropy = nn.QuadraticCost(), nn.CrossEntropyLoss()
STEP = 1e-20  # of the complex step: so small that the derivative is exact


def complex_step(f, x: np.ndarray) -> np.ndarray:
    """df/dx_ij = Im f(x + i h e_ij) / h, without a difference that could cancel."""
    found = np.empty(x.shape)
    for place in np.ndindex(*x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * STEP
        found[place] = f(moved).imag / STEP
    return found


def quadratic_by_hand(a, y):
    """(1/S) sum_x 1/2 sum_i (a_i - y_i)^2 in plain loops; complex numbers welcome."""
    return sum(sum((a[s][i] - y[s][i]) ** 2 for i in range(len(a[s]))) / 2 for s in range(len(a))) / len(a)


def cross_entropy_by_hand(z, y):
    """-(1/S) sum_x sum_i y_i log(e^z_i / sum_k e^z_k), for logits so small that nothing overflows."""
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return -(y * np.log(p)).sum() / len(z)


@st.composite
def mini_batches(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outputs (S, n), class numbers (S,) and probabilities (S, n)."""
    s, n = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    z = draw(st.sampled_from([0.1, 1.0, 8.0])) * rng.standard_normal((s, n))
    p = rng.uniform(size=(s, n)) + 1e-3
    return z, rng.integers(0, n, s), p / p.sum(axis=1, keepdims=True)


# ---- quadratic cost --------------------------------------------------------------------------------------


def test_quadratic_cost_is_half_the_sum_over_outputs_and_the_mean_over_examples():
    """((0.25 + 1)/2 + (4 + 0.0625)/2) / 2, worked on paper; a mean over the outputs would give half of it."""
    a, y = Tensor([[0.5, 2.0], [1.0, 0.25]]), Tensor([[0.0, 1.0], [3.0, 0.0]])
    assert quadratic(a, y).item() == (1.25 / 2 + 4.0625 / 2) / 2
    assert quadratic(a, y).shape == ()


@given(mini_batches())
def test_quadratic_cost_and_gradients_by_hand(batch):
    """dC/da = (a - y)/S, dC/dy = (y - a)/S, times what comes from above."""
    values, _, y = batch
    a, t = Tensor(values, requires_grad=True), Tensor(y, requires_grad=True)
    c = quadratic(a, t)
    (1.7 * c).backward()
    assert_allclose(c.item(), quadratic_by_hand(values, y), rtol=1e-13)
    assert_allclose(a.grad.data, 1.7 * complex_step(lambda v: quadratic_by_hand(v, y), values), rtol=1e-13)
    assert_allclose(a.grad.data, 1.7 * (values - y) / len(y), rtol=1e-14)
    assert_allclose(t.grad.data, 1.7 * (y - values) / len(y), rtol=1e-14)


def test_a_vector_is_a_single_example():
    a, y = Tensor([0.5, 2.0, 1.0], requires_grad=True), Tensor([0.0, 1.0, 3.0])
    c = quadratic(a, y)
    (c * 1.7).backward()
    assert c.item() == (0.25 + 1 + 4) / 2
    assert_allclose(a.grad.data, [1.7 * 0.5, 1.7 * 1.0, 1.7 * -2.0], rtol=1e-15)


def test_the_gradient_of_an_example_does_not_depend_on_its_mini_batch_but_for_the_mean():
    rows, y = np.array([[0.1, 0.9], [0.4, 0.3], [0.7, 0.2]]), np.eye(3, 2)
    whole = Tensor(rows, requires_grad=True)
    quadratic(whole, Tensor(y)).backward()
    for s in range(3):
        alone = Tensor(rows[s : s + 1], requires_grad=True)
        quadratic(alone, Tensor(y[s : s + 1])).backward()
        assert_allclose(whole.grad.data[s], alone.grad.data[0] / 3, rtol=1e-15)


@pytest.mark.parametrize("given", [lambda y: y.tolist(), lambda y: y, Tensor, lambda y: y.astype(int)])
def test_targets_may_be_lists_arrays_tensors_and_integers(given):
    a, y = Tensor([[0.5, 2.0], [1.0, 0.25]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert quadratic(a, given(y)).item() == quadratic_by_hand(a.tolist(), y.tolist())


@pytest.mark.parametrize("cost", [quadratic, cross_entropy], ids=["quadratic", "cross-entropy"])
@pytest.mark.parametrize("given", [np.array, list], ids=["array", "list"])
def test_outputs_that_are_no_tensor_give_the_same_number(cost, given):
    """To look at the cost of numbers that a learner typed in."""
    a, y = [[0.5, 2.0], [1.0, 0.25]], [[0.0, 1.0], [1.0, 0.0]]
    assert float(cost(given(a), given(y))) == cost(Tensor(a), Tensor(y)).item()


@pytest.mark.parametrize(
    ("a", "y"),
    [
        ((4, 1), (4,)),  # B25: would broadcast to (4, 4)
        ((4,), (4, 1)),
        ((4, 3), (3,)),
        ((4, 3), (1, 3)),
        ((4, 3), (4, 1)),
        ((4, 3), ()),
        ((4, 3), (3, 4)),
    ],
)
def test_b25_targets_of_another_shape_are_an_error_and_never_broadcast(a, y):
    with pytest.raises(ShapeError) as caught:
        quadratic(Tensor(np.zeros(a)), np.zeros(y))
    assert str(a) in str(caught.value)
    assert str(y) in str(caught.value)
    with pytest.raises(ValueError, match="quadratic_cost"):
        quadratic(Tensor(np.zeros(a)), Tensor(np.zeros(y)))


@pytest.mark.parametrize("labels", [[2, 0, 1, 1], np.array([2, 0, 1, 1]), Tensor([2, 0, 1, 1])])
def test_class_numbers_as_targets_say_how_to_make_targets_of_them(labels):
    with pytest.raises(ShapeError, match=r"nn\.data\.one_hot\(labels, classes\)"):
        quadratic(Tensor(np.zeros((4, 3))), labels)


@pytest.mark.parametrize("cost", [quadratic, cross_entropy], ids=["quadratic", "cross-entropy"])
def test_an_empty_mini_batch_has_no_mean(cost):
    with pytest.raises(ValueError, match=r"\(0, 3\)"):
        cost(Tensor(np.zeros((0, 3))), Tensor(np.zeros((0, 3))))


# ---- cross-entropy ---------------------------------------------------------------------------------------


@given(mini_batches())
def test_cross_entropy_and_gradient_against_independent_numpy(batch):
    """dC/dz = (softmax(z) - y)/S for probabilities y, by hand and by the complex step."""
    values, _, y = batch
    z = Tensor(values, requires_grad=True)
    c = cross_entropy(z, Tensor(y))
    (1.7 * c).backward()
    p = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    assert_allclose(c.item(), cross_entropy_by_hand(values, y), rtol=1e-12, atol=1e-14)
    assert_allclose(z.grad.data, 1.7 * (p - y) / len(y), rtol=1e-12, atol=1e-14)
    exact = complex_step(lambda v: cross_entropy_by_hand(v, y), values)
    assert_allclose(z.grad.data, 1.7 * exact, rtol=1e-10, atol=1e-13)


@given(mini_batches())
def test_class_numbers_and_one_hot_targets_are_the_same(batch):
    values, labels, _ = batch
    targets = np.eye(values.shape[1])[labels]
    z, u = Tensor(values, requires_grad=True), Tensor(values, requires_grad=True)
    by_numbers, by_targets = cross_entropy(z, labels), cross_entropy(u, targets)
    (1.7 * by_numbers).backward()
    (1.7 * by_targets).backward()
    assert_allclose(by_numbers.item(), by_targets.item(), rtol=1e-14, atol=1e-15)
    assert_allclose(z.grad.data, u.grad.data, rtol=1e-13, atol=1e-15)
    assert_allclose(by_numbers.item(), cross_entropy_by_hand(values, targets), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("scale", [0.5, 2.0, 0.0])
def test_targets_that_do_not_sum_to_one_are_refused_or_follow_the_formula(scale):
    """-(1/S) sum y_i log softmax(z)_i holds for every y; the short cut logsumexp(z) - z . y only for sum y = 1."""
    values, y = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, 1.0]]), scale * np.array([[0.0, 1.0, 0.0], [0.5, 0.25, 0.25]])
    try:
        found = cross_entropy(Tensor(values), Tensor(y)).item()
    except DataError:
        return
    assert_allclose(found, cross_entropy_by_hand(values, y), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("logits", "label", "loss", "gradient"),
    [
        ([1000, 0], 0, 0, [0, 0]),
        ([1000, 0], 1, 1000, [1, -1]),
        ([-1000, 0], 0, 1000, [-1, 1]),
        ([-1000, -1000], 1, math.log(2), [0.5, -0.5]),
        ([-431, 279, 427], 0, 858, [-1, 0, 1]),
        ([-431, 279, 427], 2, 0, [0, 0, 0]),
        ([3e38, 0], 0, 0, [0, 0]),
    ],
)
def test_c18_cross_entropy_at_extreme_logits(logits, label, loss, gradient, dtype):
    for target in (np.array([label]), np.eye(len(logits), dtype=dtype)[[label]]):
        z = Tensor([logits], requires_grad=True, dtype=dtype)
        c = cross_entropy(z, target)  # a warning would be an error
        (c * 1.5).backward()
        assert_allclose(c.item(), loss, rtol=1e-7, atol=1e-30)
        assert_allclose(z.grad.data[0], 1.5 * np.array(gradient), rtol=1e-6, atol=1e-30)
        assert z.grad.dtype == c.dtype == dtype


LABELS = {
    "negative": ([0, -1], ["label -1", "place 1", "0 … 2"]),
    "as large as the number of classes": ([3, 0], ["label 3", "place 0", "0 … 2"]),
    "unsigned": (np.array([0, 255], np.uint8), ["label 255", "0 … 2"]),
    "floats": ([0.0, 1.0], ["integers", "float64"]),
    "bools": ([True, False], ["integers", "bool"]),
    "a column": ([[0], [1]], ["(2, 3)", "(2, 1)"]),
    "too many": ([0, 1, 2], ["(2, 3)", "(3,)"]),
    "a single number": (1, ["(2, 3)", "()"]),
    "another number of classes": (np.eye(2), ["(2, 3)", "(2, 2)"]),
}


@pytest.mark.parametrize("tensor", [False, True], ids=["array", "Tensor"])
@pytest.mark.parametrize("case", LABELS)
def test_c19_wrong_labels_are_named_with_the_valid_range(case, tensor):
    labels, words = LABELS[case]
    with pytest.raises((DataError, ShapeError)) as caught:
        cross_entropy(Tensor(np.zeros((2, 3))), Tensor(labels) if tensor else labels)
    assert isinstance(caught.value, ValueError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("shape", [(3,), (2, 2, 3), ()])
def test_logits_of_another_rank_are_an_error(shape):
    with pytest.raises(ShapeError, match=r"logits \(S, n\)"):
        cross_entropy(Tensor(np.zeros(shape)), np.zeros(shape))


# ---- both ------------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize("cost", [quadratic, cross_entropy], ids=["quadratic", "cross-entropy"])


@BOTH
def test_float32_in_float32_out(cost):
    a = Tensor([[0.25, -1.0], [0.5, 2.0]], requires_grad=True, dtype=np.float32)
    c = cost(a, Tensor([[1.0, 0.0], [0.0, 1.0]], dtype=np.float32))
    (1.7 * c).backward()
    assert c.dtype == a.grad.dtype == np.float32


@BOTH
def test_cost_and_targets_get_the_lectures_names(cost):
    y, named = Tensor([[1.0, 0.0]]), Tensor([[1.0, 0.0]], name="wanted")
    assert cost(Tensor([[0.5, 0.5]]), y).role == ("cost", 0)
    cost(Tensor([[0.5, 0.5]]), named)
    assert y.role == ("y", 0)
    assert (named.name, named.role) == ("wanted", None)


@BOTH
def test_a_cost_changes_neither_outputs_nor_targets(cost):
    a, y = Tensor([[0.25, -1.0]], requires_grad=True), np.array([[1.0, 0.0]])
    before = a.data.tobytes(), y.tobytes()
    (1.7 * cost(a, y)).backward()
    assert (a.data.tobytes(), y.tobytes()) == before
