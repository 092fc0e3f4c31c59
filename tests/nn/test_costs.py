"""Costs: the lecture's formula by hand, the cross-entropies by another road, the others, and labels that are none."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import nn
from nn import costs
from tinygrad_edu import DataError, ShapeError, Tensor, assert_gradients
from tinygrad_edu import jit as te_jit

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


WRONG_ONE_HOT = {
    "class numbers in the logits' shape": [[2, 0, 1], [0, 1, 0]],
    "no 1": [[0, 1, 0], [0, 0, 0]],
    "two": [[0, 1, 0], [1, 1, 0]],
    "a sum of 1 all the same": [[0, 1, 0], [2, -1, 0]],
    "two booleans": [[False, True, False], [True, True, False]],
}


@pytest.mark.parametrize("case", WRONG_ONE_HOT)
@pytest.mark.parametrize("jit", [False, "numpy", "c"])
def test_integers_of_the_logits_shape_are_one_hot_and_no_probabilities(case, jit):
    y = np.array(WRONG_ONE_HOT[case])
    cost = te_jit(cross_entropy.forward, executor=jit) if jit else cross_entropy
    z = Tensor(np.zeros((2, 3)))
    if jit:  # recorded with targets that are right: the check is made at every run
        cost(z, Tensor(np.eye(3)[:2].astype(y.dtype)))
    wrong = 0 if case.startswith("class") else 1
    with pytest.raises(DataError, match=rf"place {wrong} are not.*\(S,\).*astype\(np\.float32\)"):
        cost(z, Tensor(y))


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.bool_])
@pytest.mark.parametrize("settings", [{}, {"reduction": "sum"}, {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.2}])
def test_one_hot_integers_cost_what_one_hot_floats_cost(kind, settings):
    cost, rng = costs.CrossEntropyLoss(**settings), np.random.default_rng(3)
    for shape in [(4, 3), (3,), (2, 3, 5)]:
        values = rng.standard_normal(shape)
        axis = min(1, len(shape) - 1)
        y = np.moveaxis(np.eye(3)[rng.integers(0, 3, shape[:axis] + shape[axis + 1 :])], -1, axis)
        z, u = Tensor(values, requires_grad=True), Tensor(values, requires_grad=True)
        found, expected = cost(z, y.astype(kind)), cost(u, y)
        (1.7 * found).backward()
        (1.7 * expected).backward()
        assert_allclose(found.item(), expected.item(), rtol=1e-14)
        assert_allclose(z.grad.data, u.grad.data, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("tensor", [False, True], ids=["array", "Tensor"])
@pytest.mark.parametrize("case", LABELS)
def test_c19_wrong_labels_are_named_with_the_valid_range(case, tensor):
    labels, words = LABELS[case]
    with pytest.raises((DataError, ShapeError)) as caught:
        cross_entropy(Tensor(np.zeros((2, 3))), Tensor(labels) if tensor else labels)
    assert isinstance(caught.value, ValueError)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(("z", "y"), [((3,), (2,)), ((2, 2, 3), (2, 2)), ((), ()), ((2, 3, 4), (2, 4, 3))])
def test_logits_and_targets_that_do_not_fit_are_an_error(z, y):
    with pytest.raises(ShapeError, match=r"logits \(S, n\)"):
        cross_entropy(Tensor(np.zeros(z)), np.zeros(y, int))


def test_more_axes_after_the_classes_are_as_many_examples():
    z, y = np.random.default_rng(0).standard_normal((2, 3, 4)), np.array([[0, 2, 1, 1], [2, 2, 0, 1]])
    each = [cross_entropy(z[:, :, k], y[:, k]).item() for k in range(4)]
    assert_allclose(cross_entropy(z, y).item(), np.mean(each), rtol=1e-14)
    assert cross_entropy(z[0, :, 0], 2).item() == cross_entropy(z[:1, :, 0], [2]).item()


def test_label_smoothing_mixes_the_target_with_all_classes():
    z, labels = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, 1.0]]), [2, 0]
    soft = 0.9 * np.eye(3)[labels] + 0.1 / 3
    smooth = costs.CrossEntropyLoss(label_smoothing=0.1)
    assert_allclose(smooth(z, labels).item(), cross_entropy_by_hand(z, soft), rtol=1e-14)
    assert_allclose(smooth(z, np.eye(3)[labels]).item(), cross_entropy_by_hand(z, soft), rtol=1e-14)


def test_weights_of_classes_make_a_weighted_mean():
    z, labels = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, 1.0]]), [2, 0]
    each = costs.CrossEntropyLoss(reduction="none")(z, labels).data
    weighted = costs.CrossEntropyLoss([0.5, 7.0, 2.0])
    assert_allclose(weighted(z, labels).item(), (2.0 * each[0] + 0.5 * each[1]) / 2.5, rtol=1e-14)
    with pytest.raises(ShapeError, match=r"3 classes, \(3,\): got \(2,\)"):
        costs.CrossEntropyLoss([1.0, 2.0])(z, labels)


@pytest.mark.parametrize("case", LABELS)
def test_c19_wrong_class_numbers_of_log_probabilities_are_named(case):
    labels, words = LABELS[case]
    with pytest.raises((DataError, ShapeError)) as caught:
        costs.NLLLoss()(Tensor(np.zeros((2, 3))), labels)
    assert any(word in str(caught.value) for word in words)


# ---- the book's cross-entropy ----------------------------------------------------------------------------


def sigmoid_cross_entropy_by_hand(z, y):
    """-(1/S) sum_x sum_j [y ln a + (1 - y) ln(1 - a)] in plain NumPy; 1 - a without the difference, which cancels."""
    a, rest = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(z))
    return -(y * np.log(a) + (1 - y) * np.log(rest)).sum() / len(z)


@given(mini_batches())
def test_the_books_cross_entropy_and_its_error_at_the_output(batch):
    """delta = (a - y) / S: without the slope of the sigmoid."""
    values, _, y = batch
    z = Tensor(values, requires_grad=True)
    c = costs.SigmoidCrossEntropy()(z, y)
    (1.7 * c).backward()
    a = 1 / (1 + np.exp(-values))
    assert_allclose(c.item(), sigmoid_cross_entropy_by_hand(values, y), rtol=1e-11, atol=1e-14)  # log of almost 1
    assert_allclose(z.grad.data, 1.7 * (a - y) / len(y), rtol=1e-12, atol=1e-15)
    exact = complex_step(lambda v: sigmoid_cross_entropy_by_hand(v, y), values)
    assert_allclose(z.grad.data, 1.7 * exact, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["SigmoidCrossEntropy", "BCEWithLogitsLoss"])
def test_saturated_sigmoids_cost_what_they_should_and_still_learn(name, dtype):
    z = Tensor(np.array([[1000.0], [-1000.0], [1000.0], [-1000.0], [-40.0]]), requires_grad=True, dtype=dtype)
    c = getattr(costs, name)()(z, np.array([[1.0], [0.0], [0.0], [1.0], [0.0]], dtype))
    (5 * c).backward()
    assert_allclose(5 * c.item(), 2000 + math.exp(-40), rtol=1e-6)
    assert z.grad.data.ravel()[:4].tolist() == [0, 0, 1, -1]
    assert_allclose(z.grad.data[4, 0], math.exp(-40), rtol=1e-5)
    assert c.dtype == z.grad.dtype == dtype


# ---- costs entry by entry --------------------------------------------------------------------------------

ENTRYWISE = {
    costs.MSELoss: lambda d: d * d,
    costs.L1Loss: abs,
    costs.HuberLoss: lambda d: d * d / 2 if abs(d) <= 1 else abs(d) - 0.5,
    costs.SmoothL1Loss: lambda d: d * d / 2 if abs(d) < 1 else abs(d) - 0.5,
}
OTHERS = [*ENTRYWISE, costs.BCEWithLogitsLoss, costs.KLDivLoss]
BATCHED = [costs.QuadraticCost, costs.SigmoidCrossEntropy, costs.CrossEntropyLoss]


@pytest.mark.parametrize("kind", ENTRYWISE, ids=lambda kind: kind.__name__)
def test_the_mean_and_the_sum_of_each_entrys_loss(kind):
    a, y = np.array([[0.5, 2.0, -1.0], [2.01, 0.99, 4.0]]), np.array([[0.0, 1.0, 1.5], [1.0, 0.0, 0.0]])
    each = np.vectorize(ENTRYWISE[kind])(a - y)
    assert_allclose(kind(reduction="none")(a, y).data, each, rtol=1e-15)
    assert_allclose(kind(reduction="sum")(a, y).item(), each.sum(), rtol=1e-15)
    assert_allclose(kind()(a, y).item(), each.mean(), rtol=1e-15)


@pytest.mark.parametrize("kind", [*OTHERS, costs.SigmoidCrossEntropy], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("a", "y"), [((4, 1), (4,)), ((4,), (4, 1)), ((4, 3), (3,)), ((4, 3), ()), ((4, 3), (3, 4))])
def test_b25_no_cost_broadcasts_its_targets(kind, a, y):
    with pytest.raises(ShapeError) as caught:
        kind()(np.zeros(a), np.zeros(y))
    for word in (kind.__name__, str(a), str(y)):
        assert word in str(caught.value)


@pytest.mark.parametrize("kind", [*OTHERS, costs.SigmoidCrossEntropy], ids=lambda kind: kind.__name__)
def test_no_examples_have_no_mean(kind):
    with pytest.raises(ShapeError, match=r"\(0, 3\)"):
        kind()(np.zeros((0, 3)), np.zeros((0, 3)))


@pytest.mark.parametrize("targets", [np.int64, np.float32, np.float64, np.bool_], ids=lambda t: t.__name__)
@pytest.mark.parametrize("kind", [*OTHERS, *BATCHED], ids=lambda kind: kind.__name__)
def test_a_float32_net_has_a_float32_cost_whatever_its_targets_are(kind, targets):
    a = Tensor(np.array([[-0.25, -1.0], [-0.5, -2.0]]), requires_grad=True, dtype=np.float32)
    y = np.array([[1, 0], [0, 1]]).astype(targets)
    c = kind()(a, y)
    c.backward()
    assert c.dtype == a.grad.dtype == np.float32
    assert c.role == ("cost", 0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: costs.MSELoss(reduction="average"), ["'average'", "mean, sum, none"]),
        (lambda: costs.CrossEntropyLoss(reduction="batchmean"), ["'batchmean'"]),
        (lambda: costs.CrossEntropyLoss(label_smoothing=1.5), ["between 0 and 1", "1.5"]),
        (lambda: costs.HuberLoss(delta=0), ["delta", "0"]),
        (lambda: costs.SmoothL1Loss(beta=-1), ["beta", "-1"]),
        (lambda: costs.BCEWithLogitsLoss(np.ones((2, 4)))(np.zeros((2, 3)), np.zeros((2, 3))), ["(2, 4)", "(2, 3)"]),
        (lambda: costs.BCEWithLogitsLoss(np.ones((5, 2, 3)))(np.zeros((2, 3)), np.zeros((2, 3))), ["(2, 3)"]),
        (lambda: costs.MSELoss()(np.zeros((4, 1)), np.zeros(4)), ["y.reshape(4, 1)"]),
    ],
)
def test_wrong_settings_say_what_was_given_and_what_there_is(make, words):
    with pytest.raises(ValueError, match=r"\S") as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_repr_is_how_a_cost_was_made():
    for text in ("MSELoss()", "HuberLoss(reduction='sum', delta=0.5)", "CrossEntropyLoss(label_smoothing=0.1)"):
        assert repr(eval(text, vars(costs))) == text


def test_gradients_of_the_costs_by_the_checker():
    a, y = np.array([[0.5, 2.1, -1.3], [1.2, 0.25, 4.0]]), np.array([[0.1, 1.0, 1.5], [1.0, 0.4, 0.0]])
    for kind in OTHERS:
        assert_gradients(lambda t, kind=kind: kind()(t, y), a)
    assert_gradients(lambda t: costs.CrossEntropyLoss([1.0, 2.0, 0.5], label_smoothing=0.2)(t, [2, 0]), a)


def test_a_negative_probability_has_no_divergence():
    kl = costs.KLDivLoss(reduction="none")
    with pytest.warns(RuntimeWarning, match="invalid value"):
        c = kl(Tensor([-1.0, -2.0, -3.0, -4.0]), [-0.1, 0.0, 0.5, 1.0])
    assert_allclose(c.data, [math.nan, 0.0, 1.5 + 0.5 * math.log(0.5), 4.0], rtol=1e-15)


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
