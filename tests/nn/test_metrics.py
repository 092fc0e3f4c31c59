"""Metrics: right answers counted by hand, in eval mode, without recording."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nn
from nn import Examples, metrics
from nn.data import one_hot
from nn.module import Module
from tinygrad_edu import DataError, Tensor, is_grad_enabled


class Table(Module):
    """A network whose outputs are its inputs, and which notes how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, bool, bool]] = []

    def forward(self, x):
        self.calls.append((len(x), self.training, is_grad_enabled()))
        return x


def examples(x, labels) -> Examples:
    labels = np.array(labels)
    return Examples(np.array(x, np.float32), one_hot(labels, len(x[0])), labels)


# outputs whose largest entries are 0, 2, 1, 2, 0
X = [[0.9, 0.1, 0.2], [0.1, 0.2, 0.3], [-3.0, -1.0, -2.0], [0.0, 0.4, 0.5], [7.0, 6.9, 0.0]]
LABELS = [0, 2, 2, 1, 0]


def test_accuracy_worked_by_hand():
    assert metrics.predict(Table(), np.array(X)).tolist() == [0, 2, 1, 2, 0]
    assert nn.accuracy(Table(), examples(X, LABELS)) == 3 / 5
    assert nn.accuracy(Table(), examples(X, [0, 2, 1, 2, 0])) == 1.0
    assert nn.accuracy(Table(), examples(X, [1, 0, 0, 0, 2])) == 0.0


def test_equal_outputs_answer_with_the_first_class():
    assert metrics.predict(Table(), np.array([[0.5, 0.5], [0.0, 0.0]])).tolist() == [0, 0]


def test_confusion_matrix_worked_by_hand():
    """Row: what it is; column: what it was taken for."""
    counts = metrics.confusion_matrix(np.array([0, 0, 1, 2, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2, 0]), 3)
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 2]]
    assert counts.dtype.kind == "i"


def test_confusion_matrix_counts_every_example_once():
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 10, (2, 1000))
    counts = metrics.confusion_matrix(labels, predicted)
    assert counts.shape == (10, 10)
    assert_array_equal(counts.sum(axis=1), np.bincount(labels, minlength=10))
    assert_array_equal(counts.sum(axis=0), np.bincount(predicted, minlength=10))
    assert np.trace(counts) == (labels == predicted).sum()


@pytest.mark.parametrize(
    ("labels", "predicted"),
    [([0, -1], [0, 0]), ([0, 0], [0, -1]), ([0, 3], [0, 0]), ([0, 0], [3, 0]), ([0, 1, 2], [1]), ([0.0, 1.0], [0, 0])],
    ids=["negative label", "negative answer", "label 3 of 3", "answer 3 of 3", "one answer for three", "floats"],
)
def test_confusion_matrix_of_what_are_no_classes_is_an_error(labels, predicted):
    """NumPy would count -1 as the last class, and repeat a single answer."""
    with pytest.raises(DataError):
        metrics.confusion_matrix(np.array(labels), np.array(predicted), 3)


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_outputs_in_parts_are_the_outputs_at_once(size):
    net = nn.MLP([4, 6, 3], rng=0, dtype=np.float64)
    x = np.random.default_rng(1).standard_normal((7, 4))
    at_once = net(Tensor(x)).data
    parts = metrics.outputs(net, x, batch_size=size)
    assert parts.shape == (7, 3)
    assert_allclose(parts, at_once, rtol=1e-13)


def test_every_example_goes_through_the_network_once_in_order():
    net = Table()
    x = np.arange(22.0).reshape(11, 2)
    assert_array_equal(metrics.outputs(net, x, batch_size=4), x)
    assert [n for n, _, _ in net.calls] == [4, 4, 3]


def test_many_examples_are_split_without_being_told():
    net = Table()
    x = np.zeros((10_000, 2), np.float32)
    x[np.arange(10_000), np.arange(10_000) % 2] = 1
    assert_array_equal(nn.predict(net, x), np.arange(10_000) % 2)
    assert sum(n for n, _, _ in net.calls) == 10_000
    assert max(n for n, _, _ in net.calls) < 10_000


def test_answers_are_computed_in_eval_mode_without_recording():
    net = Table()
    nn.predict(net, np.array(X))
    assert net.calls == [(5, False, False)]
    assert net.training
    assert is_grad_enabled()


def test_outputs_leave_no_gradient_and_no_graph_and_can_be_written_to():
    net = nn.MLP([2, 3], rng=0)
    found = metrics.outputs(net, np.ones((2, 2), np.float32))
    assert type(found) is np.ndarray
    assert [p.grad for p in net.parameters()] == [None, None]
    found[0, 0] = 7


class Failing(Module):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    def forward(self, x):
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()], ids=["error", "Ctrl-C"])
def test_e8_modes_and_recording_come_back_when_the_network_raises(error):
    """Each module's own mode, also where they differed."""
    net = nn.Sequential(nn.Linear(3, 3, rng=0), nn.Sigmoid(), Failing(error))
    net[1].training = False
    with pytest.raises(type(error)):
        nn.accuracy(net, examples(X, LABELS))
    assert [m.training for m in net.modules()] == [True, True, False, True]
    assert is_grad_enabled()


def test_e8_a_net_in_eval_mode_stays_in_it():
    net = nn.MLP([3, 3], rng=0).eval()
    nn.accuracy(net, examples(X, LABELS))
    assert not any(m.training for m in net.modules())


@pytest.mark.parametrize("what", [metrics.outputs, metrics.predict])
def test_no_examples_is_an_error_and_not_nan(what):
    with pytest.raises(DataError, match="no examples"):
        what(Table(), np.zeros((0, 3)))
    with pytest.raises(DataError, match="no examples"):
        nn.accuracy(Table(), examples(X, LABELS)[:0])


# --- top k, precision, recall, F1 -----------------------------------------------------------------


def test_top_k_worked_by_hand():
    """The right outputs have the ranks 1, 1, 2, 3, 1."""
    assert [metrics.top_k_accuracy(Table(), examples(X, [0, 2, 2, 0, 0]), k) for k in (1, 2, 3)] == [3 / 5, 4 / 5, 1.0]
    with pytest.raises(DataError, match="from 1 to 3"):
        metrics.top_k_accuracy(Table(), examples(X, LABELS), 4)
    with pytest.raises(DataError):
        metrics.top_k_accuracy(Table(), examples(X, LABELS), 0)


def test_top_1_is_the_accuracy_also_where_outputs_are_equal():
    x = np.random.default_rng(0).integers(0, 3, (200, 4)).astype(np.float32)
    found = examples(x, np.random.default_rng(1).integers(0, 4, 200))
    assert metrics.top_k_accuracy(Table(), found, 1) == nn.accuracy(Table(), found)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_top_k_is_scikit_learns(k):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(k)
    x, labels = rng.standard_normal((300, 6)), rng.integers(0, 6, 300)
    wanted = sklearn.top_k_accuracy_score(labels, x, k=k, labels=range(6))
    assert metrics.top_k_accuracy(Table(), examples(x, labels), k) == pytest.approx(wanted, abs=1e-12)


def test_precision_recall_f1_worked_by_hand():
    """Class 0 is right 1 of 2 times, taken 3 times; 1 of 1, taken 2 times; 2 of 4, taken 2 times."""
    labels, predicted = np.array([0, 0, 1, 2, 2, 2, 2]), np.array([0, 1, 1, 0, 2, 2, 0])
    assert_allclose(metrics.precision_score(labels, predicted, 3), [1 / 3, 1 / 2, 1])
    assert_allclose(metrics.recall_score(labels, predicted, 3), [1 / 2, 1, 1 / 2])
    assert_allclose(metrics.f1_score(labels, predicted, 3), [2 / 5, 2 / 3, 2 / 3])


SCORES = ["precision_score", "recall_score", "f1_score"]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("average", [None, "macro", "micro", "weighted"])
@pytest.mark.parametrize("name", SCORES)
def test_scores_are_scikit_learns_also_where_a_class_is_missing(name, average, seed):
    sklearn = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(seed)
    labels, predicted = rng.integers(0, 5 - seed // 2, 40), rng.integers(seed // 3, 6, 40)
    wanted = getattr(sklearn, name)(labels, predicted, labels=range(6), average=average, zero_division=0)
    got = getattr(metrics, name)(labels, predicted, 6, average=average)
    assert_allclose(got, wanted, rtol=1e-12)
    assert isinstance(got, float if average else np.ndarray)


@pytest.mark.parametrize("name", SCORES)
def test_scores_of_nothing_and_of_what_is_no_class(name):
    score = getattr(metrics, name)
    none = np.array([], int)
    assert score(none, none, 3).tolist() == [0, 0, 0]
    for wrong in (
        lambda: score(none, none, 3, average="macro"),
        lambda: score(np.array([3]), np.array([0]), 3),
        lambda: score(np.array([0]), np.array([0]), 3, average="mean"),
    ):
        with pytest.raises(DataError):
            wrong()


# ---- what is no answer -----------------------------------------------------------------------------------


def test_nan_is_a_wrong_answer_and_not_class_0():
    x, labels = np.array(X, np.float32), np.zeros(5, int)
    e = examples(X, labels)

    class Spoilt(Module):
        def forward(self, x):
            return Tensor(np.where(np.arange(5)[:, None] == 4, np.nan, x.data))

    assert nn.accuracy(Table(), e) == 2 / 5
    assert nn.accuracy(Spoilt(), e) == 1 / 5
    assert metrics.predict(Table(), x)[4] == 0


def test_outputs_for_other_classes_are_refused():
    """argmax of 1 output, or of 3 for 5 classes, is a number too."""
    for n in (1, 2, 5):
        e = Examples(np.ones((4, 3), np.float32), one_hot([0] * 4, n), np.zeros(4, int))
        with pytest.raises(DataError, match=rf"outputs \(4, 3\).*one output for each of the {n} classes"):
            nn.accuracy(Table(), e)
        with pytest.raises(DataError, match="one output for each"):
            metrics.top_k_accuracy(Table(), e, 1)


def test_what_are_no_examples_is_explained():
    e = examples(X, LABELS)
    with pytest.raises(DataError, match=r"not a Dataset.  Write data.test"):
        nn.accuracy(Table(), nn.Dataset("toy", e, None, e))
    with pytest.raises(DataError, match=r"Write nn.Examples\(x, y, labels\)"):
        nn.accuracy(Table(), (e.x, e.labels))
    net = nn.MLP([3, 3], rng=0)
    with pytest.raises(DataError, match=r"fit: test needs a nn.Examples"):
        nn.fit(net, nn.QuadraticCost(), nn.optim.SGD(net.parameters(), 1.0), e, 1, test=(e.x, e.labels))


def test_strange_arguments_are_explained():
    class Flat(Module):
        def forward(self, x):
            return x.sum(axis=1)

    x = np.array(X, np.float32)
    with pytest.raises(DataError, match=r"one output for each class, \(N, n\): got outputs \(5,\)"):
        nn.predict(Flat(), x)
    for wrong in (0, -1, 2.5):
        with pytest.raises(DataError, match="batch_size"):
            metrics.outputs(Table(), x, wrong)
    with pytest.raises(DataError, match="classes, how many there are"):
        metrics.confusion_matrix([0], [0], "3")
