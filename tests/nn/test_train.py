"""fit: it learns, it is the same every time, and it stops without spoiling anything."""

import contextlib
import gc
import io
import math
import re
import sys
import tracemalloc
from typing import ClassVar

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nn
from nn import Dataset, Examples, progress
from nn.data import one_hot
from nn.module import Module
from nn.optim import SGD
from tinygrad_edu import TABLE, DataError, Tensor, TrainingError, is_grad_enabled


def toy(n: int = 60, seed: int = 0) -> Examples:
    """Points in the plane; the class says which of three corners is nearest. Learnable to the last one."""
    rng = np.random.default_rng(seed)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    labels = rng.integers(0, 3, n)
    x = (corners[labels] + 0.1 * rng.standard_normal((n, 2))).astype(np.float32)
    return Examples(x, one_hot(labels, 3), labels)


def setting(seed: int = 1, lr: float = 1.0, **settings) -> tuple[Module, Module, SGD]:
    net = nn.MLP([2, 5, 3], rng=seed)
    return net, nn.QuadraticCost(), SGD(net.parameters(), lr, **settings)


def values(net: Module) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in net.state_dict().items()}


class Spy(Module):
    """The quadratic cost, which counts its calls, keeps the mini-batches' sizes, and can do something at the k-th."""

    def __init__(self, at: int = 0, do=None) -> None:
        self.calls, self.at, self.do, self.sizes = 0, at, do, []
        self.cost = nn.QuadraticCost()

    def forward(self, a, y):
        self.calls += 1
        self.sizes.append(len(y))
        c = self.cost(a, y)
        return self.do(c) if self.calls == self.at else c


def interrupt(c):
    raise KeyboardInterrupt


# ---- it learns -------------------------------------------------------------------------------------------


def test_fit_lowers_the_cost_and_finds_the_classes():
    data = toy(200)
    net, cost, optimizer = setting(lr=3.0)
    history = nn.fit(net, cost, optimizer, data, epochs=30, test=toy(100, seed=5), rng=0, progress=False)
    assert history.costs[-1] < 0.1 * history.costs[0]
    assert history.accuracies[-1] >= 0.97 > history.accuracies[0]


def test_train_step_returns_the_cost_before_the_update_and_makes_the_update_by_hand():
    data = toy(6)
    net, cost, optimizer = setting(lr=0.5)
    twin = nn.MLP([2, 5, 3], rng=1)
    c = cost(twin(Tensor(data.x)), Tensor(data.y))
    c.backward()
    found = nn.train_step(net, cost, optimizer, data.x, data.y)
    assert found == c.item()
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert p.data.tobytes() == (q.data - 0.5 * q.grad.data).tobytes()


def test_train_step_forgets_the_gradients_of_the_step_before():
    data = toy(6)
    (one, cost, optimizer), (other, _, second) = setting(), setting()
    for p in other.parameters():
        p.grad = np.full(p.shape, 1e6)
    nn.train_step(one, cost, optimizer, data.x, data.y)
    nn.train_step(other, cost, second, data.x, data.y)
    assert values(one) == values(other)


def test_fit_is_the_loop_written_by_hand():
    """Shuffled by the same generator, one train_step per mini-batch; the cost is the mean over the examples."""
    data = toy(25)
    (one, cost, optimizer), (other, _, second) = setting(momentum=0.5), setting(momentum=0.5)
    history = nn.fit(one, cost, optimizer, data, epochs=3, batch_size=10, rng=4, progress=False)
    rng = np.random.default_rng(4)
    for number in range(1, 4):
        order = rng.permutation(25)
        total = 0.0
        for part in (order[:10], order[10:20], order[20:]):
            total += len(part) * nn.train_step(other, cost, second, data.x[part], data.y[part])
        assert_allclose(history.costs[number], total / 25, rtol=1e-12)
    assert values(one) == values(other)


# ---- the same every time ---------------------------------------------------------------------------------


def run(seed: int) -> tuple[dict[str, bytes], list[float]]:
    rng = np.random.default_rng(seed)
    net = nn.MLP([2, 5, 3], rng=rng)
    history = nn.fit(net, nn.QuadraticCost(), SGD(net.parameters(), 1.0), toy(), 3, rng=rng, progress=False)
    return values(net), history.costs


def test_one_seed_gives_one_run_bit_for_bit_and_another_seed_another():
    assert run(1) == run(1)
    one, other = run(1), run(2)
    assert not one[0].items() & other[0].items()
    assert one[1] != other[1]


def test_the_order_of_the_examples_depends_on_the_seed_alone():
    def final(rng) -> dict[str, bytes]:
        net, cost, optimizer = setting()
        nn.fit(net, cost, optimizer, toy(), 2, rng=rng, progress=False)
        return values(net)

    assert final(7) == final(np.random.default_rng(7)) != final(8)


def test_looking_at_test_examples_and_progress_changes_no_parameter():
    def final(**settings) -> dict[str, bytes]:
        net, cost, optimizer = setting()
        nn.fit(net, cost, optimizer, toy(), 2, rng=7, **settings)
        return values(net)

    assert final(progress=False) == final(progress=[].append, test=toy(9))


def test_fit_changes_no_example():
    data = toy()
    before = data.x.tobytes(), data.y.tobytes(), data.labels.tobytes()
    net, cost, optimizer = setting()
    nn.fit(net, cost, optimizer, data, 2, test=data, rng=0, progress=False)
    assert (data.x.tobytes(), data.y.tobytes(), data.labels.tobytes()) == before


# ---- mini-batches (E9) -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "size", "sizes"),
    [(25, 10, [10, 10, 5]), (20, 10, [10, 10]), (3, 10, [3]), (3, 1, [1, 1, 1]), (1, 1, [1]), (7, 7, [7])],
)
def test_e9_every_example_is_used_once_and_the_last_mini_batch_is_what_is_left(n, size, sizes):
    net, _, optimizer = setting()
    cost = Spy()
    history = nn.fit(net, cost, optimizer, toy(n), 2, size, rng=0, progress=False)
    assert cost.sizes == [n, *sizes, *sizes]  # first the look before training
    assert [epoch.examples for epoch in history.epochs] == [0, n, n]


def test_e9_no_examples_is_an_error():
    net, cost, optimizer = setting()
    before = values(net)
    with pytest.raises(DataError, match="no training examples"):
        nn.fit(net, cost, optimizer, toy()[:0], 1)
    assert values(net) == before


@pytest.mark.parametrize("size", [0, -1, 2.5])
def test_e9_a_batch_size_that_is_none_is_an_error_before_anything_happens(size):
    net, cost, optimizer = setting()
    before, said = values(net), []
    with pytest.raises(DataError, match="size"):
        nn.fit(net, cost, optimizer, toy(), 1, size, progress=said.append)
    assert values(net) == before
    assert said == []


@pytest.mark.parametrize("epochs", [-1, 2.5])
def test_epochs_that_are_no_number_of_epochs_are_an_error_before_anything_happens(epochs):
    net, cost, optimizer = setting()
    said = []
    with pytest.raises((ValueError, TypeError), match="epochs"):
        nn.fit(net, cost, optimizer, toy(), epochs, progress=said.append)
    assert said == []


def test_a_pair_of_arrays_is_no_examples_and_the_error_says_what_is():
    net, cost, optimizer = setting()
    data = toy()
    with pytest.raises((TypeError, DataError), match="Examples"):
        nn.fit(net, cost, optimizer, (data.x, data.y), 1, progress=False)


# ---- history ---------------------------------------------------------------------------------------------


def test_history_holds_every_epoch_and_epoch_0_is_before_training():
    data, test = toy(20), toy(12, seed=3)
    net, cost, optimizer = setting()
    twin = nn.MLP([2, 5, 3], rng=1)
    history = nn.fit(net, cost, optimizer, data, 2, test=test, rng=0, progress=False)
    first = history.epochs[0]
    assert [epoch.number for epoch in history.epochs] == [0, 1, 2]
    assert (first.examples, first.seconds, first.tested) == (0, 0.0, 12)
    assert first.cost == cost(twin(Tensor(data.x)), Tensor(data.y)).item()
    assert first.right == int((twin(Tensor(test.x)).data.argmax(axis=1) == test.labels).sum())
    last = history.epochs[-1]
    assert last.right == int((net(Tensor(test.x)).data.argmax(axis=1) == test.labels).sum())
    assert last.accuracy == last.right / 12
    assert last.seconds > 0
    assert history.costs == [epoch.cost for epoch in history.epochs]
    assert history.accuracies == [epoch.right / 12 for epoch in history.epochs]
    assert history.interrupted is False


@pytest.mark.parametrize("test", [None, toy()[:0]], ids=["none", "empty"])
def test_without_test_examples_there_is_no_accuracy(test):
    net, cost, optimizer = setting()
    history = nn.fit(net, cost, optimizer, toy(), 1, test=test, rng=0, progress=False)
    assert [(epoch.right, epoch.tested, epoch.accuracy) for epoch in history.epochs] == [(None, 0, None)] * 2
    assert history.accuracies == []


def test_a_dataset_is_trained_on_its_training_part_and_tested_on_its_test_part():
    dataset = Dataset("toy", toy(20), toy(5), toy(7))
    net, cost, optimizer = setting()
    history = nn.fit(net, cost, optimizer, dataset, 1, rng=0, progress=False)
    assert (history.epochs[1].examples, history.epochs[1].tested) == (20, 7)
    history = nn.fit(net, cost, optimizer, dataset, 1, test=dataset.validation, rng=0, progress=False)
    assert (history.epochs[1].examples, history.epochs[1].tested) == (20, 5)


def test_no_epochs_only_looks():
    net, cost, optimizer = setting()
    before = values(net)
    history = nn.fit(net, cost, optimizer, toy(), 0, test=toy(), progress=False)
    assert len(history.epochs) == 1
    assert history.accuracies == [nn.accuracy(net, toy())]
    assert values(net) == before


def test_training_goes_on_where_it_ended():
    data = toy()
    net, cost, optimizer = setting()
    first = nn.fit(net, cost, optimizer, data, 2, rng=0, progress=False)
    assert nn.fit(net, cost, optimizer, data, 0, progress=False).costs[0] < first.costs[0]


# ---- what it says ----------------------------------------------------------------------------------------

BEFORE = re.compile(r"epoch +0/12  cost \d+\.\d{4}  test +\d+/60 \(\d+\.\d %\)   before training")
LINE = re.compile(
    r"epoch +(\d+)/12  cost (\d+\.\d{4})  test +(\d+)/60 \((\d+\.\d) %\)   "
    r"\d+\.\d s  [\d,]+/s  left \d+ s"
)


def test_a_line_per_epoch_says_what_the_history_holds():
    net, cost, optimizer = setting()
    said: list[str] = []
    history = nn.fit(net, cost, optimizer, toy(), 12, test=toy(), rng=0, progress=said.append)
    assert len(said) == 13
    assert BEFORE.fullmatch(said[0])
    for epoch, line in zip(history.epochs[1:], said[1:], strict=True):
        number, c, right, percent = LINE.fullmatch(line).groups()
        assert (int(number), c, int(right)) == (epoch.number, f"{epoch.cost:.4f}", epoch.right)
        assert percent == f"{100 * epoch.right / 60:.1f}"
    assert len({line.index("cost") for line in said}) == 1  # in columns
    assert said[-1].endswith("left 0 s")


def test_the_line_says_how_long_the_epoch_took_and_how_long_the_rest_will(monkeypatch):
    """By a clock that moves 10 s with each mini-batch: 2 of 10 examples an epoch, 3 epochs."""
    now = 0.0

    class Slow(Module):
        def __init__(self) -> None:
            self.inner = nn.MLP([2, 5, 3], rng=1)

        def forward(self, x):
            nonlocal now
            now += 10 * self.training
            return self.inner(x)

    monkeypatch.setattr("nn.training.time.perf_counter", lambda: now)
    net, said = Slow(), []
    history = nn.fit(net, nn.QuadraticCost(), SGD(net.parameters(), 1.0), toy(20), 3, rng=0, progress=said.append)
    assert [line.partition("   ")[2] for line in said] == [
        "before training",
        *(f"20.0 s  1/s  left {left} s" for left in (40, 20, 0)),
    ]
    assert [epoch.seconds for epoch in history.epochs] == [0, 20, 20, 20]


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.4, "0 s"), (99.6, "100 s"), (599, "599 s"), (600, "10 min"), (35_999, "600 min"), (36_000, "10 h")],
)
def test_a_long_time_is_said_in_minutes_and_hours(seconds, said):
    assert progress.duration(seconds) == said


def test_the_line_of_the_lectures_network_fits_80_columns():
    epoch = nn.Epoch(30, 0.0512, 9542, 10_000, 9.9, 50_000)
    assert len(progress.line(epoch, 30, "9.9 s  99,999/s  left 99 s")) == 80


def test_an_epoch_that_took_no_time_at_all_is_no_division_by_zero(monkeypatch):
    """Clocks of some systems move in steps of 16 ms."""
    monkeypatch.setattr("nn.training.time.perf_counter", lambda: 5.0)
    net, cost, optimizer = setting()
    said: list[str] = []
    nn.fit(net, cost, optimizer, toy(5), 1, rng=0, progress=said.append)
    assert len(said) == 2


def test_without_test_examples_the_line_says_the_cost_alone():
    net, cost, optimizer = setting()
    said: list[str] = []
    nn.fit(net, cost, optimizer, toy(), 1, rng=0, progress=said.append)
    assert re.fullmatch(r"epoch 0/1  cost \d\.\d{4}   before training", said[0])
    assert "test" not in said[1]


def test_progress_false_is_silent_and_true_prints_the_lines(capsys):
    net, cost, optimizer = setting()
    nn.fit(net, cost, optimizer, toy(), 1, rng=0, progress=False)
    assert capsys.readouterr() == ("", "")
    nn.fit(net, cost, optimizer, toy(), 1, rng=0)
    out, err = capsys.readouterr()
    assert [line.split()[:2] for line in out.splitlines()] == [["epoch", "0/1"], ["epoch", "1/1"]]
    assert err == ""  # no terminal, no bar


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("installed", [True, False])
def test_on_a_terminal_a_bar_runs_beside_the_lines_where_tqdm_is_installed(monkeypatch, capsys, installed):
    if installed:
        pytest.importorskip("tqdm")
    else:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    net, _, optimizer = setting()
    cost = Spy()
    nn.fit(net, cost, optimizer, toy(25), 2, 10, rng=0)
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert ("epoch 1/2" in terminal.getvalue()) == installed
    assert cost.sizes == [25, 10, 10, 5, 10, 10, 5]


def test_the_bar_counts_the_examples():
    class Bar(contextlib.nullcontext):
        counted: ClassVar[list[int]] = []

        def update(self, n):
            self.counted.append(n)

    mini_batches = [([1, 2], "y"), ([3], "y")]
    assert list(progress.counted(mini_batches, Bar())) == mini_batches
    assert Bar.counted == [2, 1]


# ---- Ctrl-C ----------------------------------------------------------------------------------------------


def test_ctrl_c_keeps_the_network_and_the_history():
    """6 mini-batches an epoch: call 1 looks, calls 2-7 are epoch 1, call 10 is the third of epoch 2."""
    net, _, optimizer = setting()
    said: list[str] = []
    history = nn.fit(net, Spy(10, interrupt), optimizer, toy(60), 5, rng=3, progress=said.append)
    assert history.interrupted is True
    assert [epoch.number for epoch in history.epochs] == [0, 1]
    assert "interrupted in epoch 2, example 20 of 60" in said[-1]
    twin, cost, second = setting()
    order = np.random.default_rng(3)
    data, steps = toy(60), 0
    for _ in range(2):
        rows = order.permutation(60)
        for i in range(0, 60, 10):
            if steps < 8:
                part = rows[i : i + 10]
                nn.train_step(twin, cost, second, data.x[part], data.y[part])
                steps += 1
    assert values(net) == values(twin)
    assert all(m.training for m in net.modules())
    assert is_grad_enabled()


class Interrupting(Module):
    """A network that is interrupted when it is used, and not trained, for the k-th time."""

    def __init__(self, at: int) -> None:
        self.inner, self.uses, self.at = nn.MLP([2, 5, 3], rng=1), 0, at

    def forward(self, x):
        if not self.training:
            self.uses += 1
            if self.uses == self.at:
                raise KeyboardInterrupt
        return self.inner(x)


@pytest.mark.parametrize(("at", "epochs_done"), [(3, 0), (4, 1)])
def test_e8_ctrl_c_while_the_test_examples_are_looked_at_keeps_the_history_too(at, epochs_done):
    """Use 1 is the cost before training, use 2 the test before it, use 2 + k the test after epoch k."""
    net = Interrupting(at)
    optimizer = SGD(net.parameters(), 1.0)
    try:
        history = nn.fit(net, nn.QuadraticCost(), optimizer, toy(), 5, test=toy(), rng=0, progress=False)
    except KeyboardInterrupt:  # which would end all of the tests
        pytest.fail("Ctrl-C went through fit: the history is lost")
    assert history.interrupted is True
    assert [epoch.number for epoch in history.epochs][: epochs_done + 1] == list(range(epochs_done + 1))
    assert all(m.training for m in net.modules())
    assert is_grad_enabled()


# ---- a cost that is no number ----------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_e7_a_cost_that_is_not_finite_stops_before_the_update(bad):
    data = toy()
    net, _, optimizer = setting(momentum=0.5)
    nn.train_step(net, nn.QuadraticCost(), optimizer, data.x, data.y)
    before, velocity = values(net), [v.tobytes() for v in optimizer.velocity]
    with pytest.raises(TrainingError, match=str(bad)):
        nn.train_step(net, Spy(1, lambda c: c * 0 + bad if math.isinf(bad) else c * bad), optimizer, data.x, data.y)
    assert values(net) == before
    assert [v.tobytes() for v in optimizer.velocity] == velocity


def test_e7_fit_says_the_epoch_and_the_place():
    """Call 1 looks; calls 2-7 are epoch 1; call 9 is the second mini-batch of epoch 2: 10 examples are through."""
    net, _, optimizer = setting()
    with pytest.raises(TrainingError, match=r"epoch 2, example 10 of 60: the cost is nan.*smaller learning rate"):
        nn.fit(net, Spy(9, lambda c: c * math.nan), optimizer, toy(60), 5, rng=3, progress=False)
    twin, _, second = setting()
    with pytest.raises(TrainingError):
        nn.fit(twin, Spy(9, lambda c: c * math.inf), second, toy(60), 5, rng=3, progress=False)
    assert values(net) == values(twin)
    assert all(np.isfinite(p.data).all() for p in net.parameters())


def test_e7_nan_parameters_are_found_before_training():
    net, cost, optimizer = setting()
    net[0].bias.assign(np.full(5, np.nan))
    with pytest.raises(TrainingError, match=r"before training.*parameters"):
        nn.fit(net, cost, optimizer, toy(), 1, progress=False)


def test_e7_a_gradient_that_is_not_finite_spoils_no_parameter():
    """sqrt'(0) = inf: the cost 0 + sqrt(0) is a fine number, but its gradient is none."""
    net, _, optimizer = setting()
    before = values(net)
    root = Spy(2, lambda c: c + (net[0].weight * 0).sum().sqrt())  # use 1 is the look before training
    with pytest.raises(TrainingError, match="gradient"), np.errstate(all="ignore"):
        nn.fit(net, root, optimizer, toy(), 1, 1000, progress=False)
    assert values(net) == before


# ---- modes -----------------------------------------------------------------------------------------------


class Modes(Module):
    """Notes the mode in which it computes, and whether anything is recorded."""

    def __init__(self) -> None:
        self.inner, self.seen = nn.MLP([2, 5, 3], rng=1), []

    def forward(self, x):
        self.seen.append((self.training, is_grad_enabled()))
        return self.inner(x)


def test_training_runs_in_train_mode_and_tests_in_eval_mode_without_recording():
    net = Modes()
    nn.fit(net, nn.QuadraticCost(), SGD(net.parameters(), 1.0), toy(20), 2, test=toy(), rng=0, progress=False)
    look, learn = (False, False), (True, True)
    assert net.seen == [look, look, learn, learn, look, learn, learn, look]
    assert all(m.training for m in net.modules())


def test_a_net_in_eval_mode_is_trained_in_train_mode_and_left_in_it():
    net = Modes()
    net.eval()
    nn.fit(net, nn.QuadraticCost(), SGD(net.parameters(), 1.0), toy(20), 1, rng=0, progress=False)
    assert net.seen == [(False, False), (True, True), (True, True)]
    assert all(m.training for m in net.modules())


# ---- memory and precision --------------------------------------------------------------------------------


def test_ten_thousand_steps_leave_nothing_behind_without_the_garbage_collector():
    data = toy(10)
    net, cost, optimizer = setting(momentum=0.9, lr=0.01)

    def steps(n: int) -> tuple[int, int]:
        for _ in range(n):
            nn.train_step(net, cost, optimizer, data.x, data.y)
        return len(gc.get_objects()), tracemalloc.get_traced_memory()[0]

    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        objects, size = steps(1000)  # until Python has warmed up and filled its own caches
        objects_later, size_later = steps(10_000)
    finally:
        tracemalloc.stop()
        gc.enable()
    assert objects_later - objects < 20  # one object a step would be ten thousand
    assert size_later - size < 5_000  # half a byte a step


def test_a_step_makes_no_cycle_so_its_graph_is_freed_at_once():
    data = toy(10)
    net, cost, optimizer = setting(momentum=0.9)
    nn.train_step(net, cost, optimizer, data.x, data.y)
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            nn.train_step(net, cost, optimizer, data.x, data.y)
        found = gc.collect()
    finally:
        gc.enable()
    assert found == 0


@pytest.mark.parametrize("cost", [nn.QuadraticCost(), nn.CrossEntropyLoss()], ids=["quadratic", "cross-entropy"])
def test_float32_training_makes_no_float64_array(cost, monkeypatch):
    """Every output of an op, every part of a gradient, every new parameter value and velocity over 200 steps."""
    dtypes: dict[str, set[np.dtype]] = {"output": set(), "gradient": set(), "parameter": set(), "state": set()}

    def noting(what, f):
        def noted(*args, **params):
            found = f(*args, **params)
            dtypes[what].add(np.asarray(found if not isinstance(found, Tensor) else found.data).dtype)
            return found

        return noted

    wrapped = []
    for op in TABLE.values():
        wrapped.append((op, op.forward, op.vjps))
        object.__setattr__(op, "forward", noting("output", op.forward))
        if isinstance(op.vjps, tuple):
            object.__setattr__(op, "vjps", tuple(rule and noting("gradient", rule) for rule in op.vjps))
    assign = Tensor.assign

    def noted_assign(self, value, copy=True):
        dtypes["parameter"].add(np.asarray(value).dtype)
        return assign(self, value, copy)

    monkeypatch.setattr(Tensor, "assign", noted_assign)
    try:
        data = toy(40)
        net = nn.MLP([2, 5, 3], "tanh", output="linear", rng=1)
        optimizer = SGD(net.parameters(), np.float64(0.1), momentum=0.9, weight_decay=1e-3)
        for k in range(200):
            optimizer.lr = np.float64(0.1) * np.cos(k / 200)
            part = slice(k % 30, k % 30 + 10)
            nn.train_step(net, cost, optimizer, data.x[part], data.y[part])
            dtypes["state"] |= {np.asarray(v).dtype for v in optimizer.velocity}
            dtypes["state"] |= {p.dtype for p in net.parameters()} | {p.grad.dtype for p in net.parameters()}
    finally:
        for op, forward, vjps in wrapped:
            object.__setattr__(op, "forward", forward)
            object.__setattr__(op, "vjps", vjps)
    assert dtypes == {what: {np.dtype(np.float32)} for what in dtypes}
