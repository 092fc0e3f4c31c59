"""Callbacks, schedules, validation and clipping in fit: what they see, when, and that they end the training rightly."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nn
from nn import Examples, optim, schedule
from nn.callbacks import Callback, EarlyStopping, KeepBest
from nn.data import Loader, one_hot
from nn.history import Epoch
from nn.module import Module
from tinygrad_edu import DataError, TrainingError


def toy(n: int = 60, seed: int = 0) -> Examples:
    """Points in the plane; the class says which of three corners is nearest."""
    rng = np.random.default_rng(seed)
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    labels = rng.integers(0, 3, n)
    x = (corners[labels] + 0.1 * rng.standard_normal((n, 2))).astype(np.float32)
    return Examples(x, one_hot(labels, 3), labels)


def setting(lr: float = 1.0) -> tuple[Module, Module, optim.SGD]:
    net = nn.MLP([2, 5, 3], rng=1)
    return net, nn.QuadraticCost(), optim.SGD(net.parameters(), lr)


def values(net: Module) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in net.state_dict().items()}


class Noting(Callback):
    """Writes down what is called, and what can be seen then."""

    def __init__(self) -> None:
        self.seen: list[tuple] = []

    def on_fit_begin(self, run):
        self.seen.append(("begin", run.epoch, run.step))

    def on_batch_end(self, run):
        self.seen.append(("batch", run.epoch, run.step, run.seen, len(run.updates[-1].x)))

    def on_epoch_end(self, run):
        self.seen.append(("epoch", run.epoch, run.step, run.last.number))

    def on_fit_end(self, run):
        self.seen.append(("end", run.epoch, run.step))


# ---- what callbacks see ----------------------------------------------------------------------------------


def test_a_callback_is_called_at_the_beginning_after_every_update_and_epoch_and_at_the_end():
    net, cost, optimizer = setting()
    noting = Noting()
    nn.fit(net, cost, optimizer, toy(25), 2, rng=0, progress=False, callbacks=[noting])
    assert noting.seen == [
        ("begin", 0, 0),
        *[("batch", 1, 1, 10, 10), ("batch", 1, 2, 20, 10), ("batch", 1, 3, 25, 5), ("epoch", 1, 3, 1)],
        *[("batch", 2, 4, 10, 10), ("batch", 2, 5, 20, 10), ("batch", 2, 6, 25, 5), ("epoch", 2, 6, 2)],
        ("end", 2, 6),
    ]


def test_callbacks_that_only_look_change_no_bit():
    (one, cost, optimizer), (other, _, second) = setting(), setting()
    nn.fit(one, cost, optimizer, toy(), 3, rng=0, progress=False)
    history = nn.fit(other, cost, second, toy(), 3, rng=0, progress=False, validation=toy(9), callbacks=[Noting()])
    assert values(one) == values(other)
    assert len(history.validation_costs) == len(history.validation_accuracies) == 4


def test_an_update_says_the_values_before_it():
    net, cost, optimizer = setting()
    before, first = [p.data.tobytes() for p in net.parameters()], []

    class First(Callback):
        def on_batch_end(self, run):
            first.append([data.tobytes() for data in run.updates[-1].before])

    nn.fit(net, cost, optimizer, toy(), 1, rng=0, progress=False, callbacks=[First()])
    assert first[0] == before
    assert len({tuple(entry) for entry in first}) == 6


def test_a_callback_can_note_and_stop():
    class Stops(Callback):
        def on_epoch_end(self, run):
            run.last.notes["answer"] = 42.0
            if run.epoch == 2:
                run.stop("it is enough")

    net, cost, optimizer = setting()
    said: list[str] = []
    history = nn.fit(net, cost, optimizer, toy(), 5, rng=0, progress=said.append, callbacks=[Stops()])
    assert [epoch.notes for epoch in history.epochs] == [{}, {"answer": 42.0}, {"answer": 42.0}]
    assert history.stopped == "it is enough"
    assert said[-1] == "stopped after epoch 2: it is enough"


def test_what_is_no_callback_is_explained():
    net, cost, optimizer = setting()
    with pytest.raises(DataError, match=r"class made from nn\.Callback"):
        nn.fit(net, cost, optimizer, toy(), 1, callbacks=[print])


def test_the_last_word_of_a_callback_comes_after_ctrl_c_too():
    class Interrupts(Noting):
        def on_batch_end(self, run):
            super().on_batch_end(run)
            if run.step == 8:
                raise KeyboardInterrupt

    net, cost, optimizer = setting()
    noting = Interrupts()
    history = nn.fit(net, cost, optimizer, toy(), 5, rng=0, progress=False, callbacks=[noting])
    assert history.interrupted
    assert noting.seen[-1] == ("end", 2, 8)


# ---- e8: the history -------------------------------------------------------------------------------------


def test_e8_the_history_records_learning_rate_validation_and_notes():
    net, cost, optimizer = setting()
    held = toy(20, seed=7)
    steps = schedule.StepLR(optimizer, 1, gamma=0.5)
    history = nn.fit(net, cost, optimizer, toy(), 3, rng=0, progress=False, validation=held, schedule=steps)
    assert history.lrs == [1.0, 0.5, 0.25]
    found = nn.metrics.outputs(net, held.x)
    last = history.epochs[-1]
    assert_allclose(last.validation_cost, 0.5 * np.sum((found - held.y) ** 2) / 20, rtol=1e-6)
    assert last.validation_right == int(np.sum(found.argmax(axis=1) == held.labels))
    assert last.validation_accuracy == last.validation_right / 20
    assert history.epochs[0].lr is None


def test_the_line_says_the_validation_too():
    net, cost, optimizer = setting()
    said: list[str] = []
    nn.fit(net, cost, optimizer, toy(), 1, rng=0, progress=said.append, validation=toy(10), test=toy(20))
    assert all("  validation 0." in line and "  test " in line for line in said)


@pytest.mark.parametrize("name", ["validation_cost", "validation_accuracy", "accuracy", "no such thing"])
def test_a_figure_that_is_not_there_is_explained(name):
    net, cost, optimizer = setting()
    with pytest.raises(DataError, match="write fit" if name != "no such thing" else "no figure 'no such thing'"):
        nn.fit(net, cost, optimizer, toy(), 1, rng=0, progress=False, callbacks=[KeepBest(name)])


# ---- early stopping, the best network --------------------------------------------------------------------


class Scripted(Callback):
    """Notes the figures of a list, one per epoch."""

    def __init__(self, figures) -> None:
        self.figures, self.values = figures, {}

    def on_epoch_end(self, run):
        run.last.notes["figure"] = self.figures[run.epoch - 1]
        self.values[run.epoch] = values(run.net)


def scripted(figures, callback, epochs: int = 9):
    net, cost, optimizer = setting()
    script = Scripted(figures)
    history = nn.fit(net, cost, optimizer, toy(), epochs, rng=0, progress=False, callbacks=[script, callback])
    return net, script, history


NAN = math.nan


@pytest.mark.parametrize(
    ("figures", "settings", "best", "last"),
    [
        ([5, 4, 3, 4, 4, 4, 4, 4, 4], {"patience": 2}, 3, 5),
        ([5, 4, 3, 4, 4, 2, 4, 4, 4], {"patience": 3}, 6, 9),
        ([5, 5, 5, 5, 5, 5, 5, 5, 5], {"patience": 1}, 1, 2),
        ([5, 4.95, 4.91, 4.89, 4, 4, 4, 4, 4], {"patience": 3, "min_delta": 0.1}, 5, 8),
        ([1, 2, 3, 2, 2, 2, 2, 2, 2], {"patience": 2, "mode": "max"}, 3, 5),
        ([NAN, 3, NAN, NAN, 2, 1, 1, 1, 1], {"patience": 2}, 2, 4),
    ],
)
def test_early_stopping_waits_and_ends_with_the_best(figures, settings, best, last):
    callback = EarlyStopping("figure", **settings)
    net, script, history = scripted(figures, callback)
    assert [epoch.number for epoch in history.epochs] == list(range(last + 1))
    assert callback.best_epoch == best
    assert values(net) == script.values[best]
    assert history.stopped.startswith(f"figure: nothing better than {figures[best - 1]}")


def test_without_restore_best_the_network_is_the_last_one():
    net, script, _ = scripted([1, 2, 3, 4], EarlyStopping("figure", 2, restore_best=False))
    assert values(net) == script.values[3]


def test_what_is_called_accuracy_is_best_when_high():
    assert KeepBest("validation_accuracy").sign == KeepBest("cost", mode="max").sign == 1
    assert KeepBest("validation_cost").sign == KeepBest("accuracy", mode="min").sign == -1


def test_keep_best_writes_the_best_network_to_a_file(tmp_path):
    path = tmp_path / "best.safetensors"
    net, script, history = scripted([3, 1, 2, 2], KeepBest("figure", restore=False, path=path), epochs=4)
    assert history.stopped is None
    assert values(net) == script.values[4]
    assert values(nn.load(path)) == script.values[2]


@pytest.mark.parametrize("wrong", [{"mode": "best"}, {"min_delta": -1}, {"min_delta": NAN}, {"patience": 0}])
def test_settings_that_are_none_are_explained(wrong):
    with pytest.raises((ValueError, DataError)):
        EarlyStopping(**wrong)


@pytest.mark.parametrize("kind", [KeepBest, EarlyStopping])
def test_the_state_goes_there_and_back(kind):
    one = kind("figure")
    scripted([3, 1, 2, 2], one, epochs=4)
    other = kind("figure")
    other.load_state_dict(one.state_dict())
    assert (other.best, other.best_epoch) == (1, 2)
    assert {k: v.tobytes() for k, v in other.values.items()} == {k: v.tobytes() for k, v in one.values.items()}
    with pytest.raises((DataError, KeyError)):
        other.load_state_dict({"monitor": "figure", "best": "3", "best_epoch": 2, "values": {}, "waited": 0})
    with pytest.raises(DataError, match="monitored 'figure', and now 'cost'"):
        kind("cost").load_state_dict(one.state_dict())


# ---- schedules -------------------------------------------------------------------------------------------


class Rates(Callback):
    """The learning rate that every update was made with, and those after it."""

    def __init__(self) -> None:
        self.used, self.next = [], []

    def on_batch_end(self, run):
        self.used.append(run.lr)
        self.next.append(run.optimizer.lr)


def test_a_schedule_steps_after_every_epoch():
    net, cost, optimizer = setting()
    rates = Rates()
    steps = schedule.ExponentialLR(optimizer, 0.5)
    nn.fit(net, cost, optimizer, toy(20), 3, rng=0, progress=False, schedule=steps, callbacks=[rates])
    assert rates.used == rates.next == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert optimizer.lr == 0.125


@pytest.mark.parametrize("kind", ["one-cycle", "own"])
def test_a_schedule_that_is_per_batch_steps_after_every_update(kind):
    net, cost, optimizer = setting()
    if kind == "own":
        steps = schedule.ExponentialLR(optimizer, 0.5)
        steps.per_batch = True
        expected = [1, 0.5, 0.25, 0.125]
    else:
        steps = schedule.OneCycleLR(optimizer, 1.0, total_steps=4, cycle_momentum=False)
        expected = [steps.at(t, optimizer.param_groups[0]["initial_lr"], 0) for t in range(4)]
    rates = Rates()
    history = nn.fit(net, cost, optimizer, toy(20), 2, rng=0, progress=False, schedule=steps, callbacks=[rates])
    assert rates.used == expected
    assert history.lrs == expected[1::2]


def test_the_plateau_schedule_gets_the_validation_cost_or_else_the_cost():
    for validation in (toy(10), None):
        net, cost, optimizer = setting()
        seen = []
        steps = schedule.ReduceLROnPlateau(optimizer)
        step = steps.step
        steps.step = lambda figure, step=step, seen=seen: seen.append(figure) or step(figure)
        history = nn.fit(net, cost, optimizer, toy(), 2, rng=0, progress=False, validation=validation, schedule=steps)
        assert seen == (history.validation_costs if validation else history.costs)[1:]


# ---- clipping, loaders, what comes between ---------------------------------------------------------------


def test_clip_norm_makes_the_gradient_of_every_update_no_longer():
    net, cost, optimizer = setting(lr=1.0)
    lengths = []

    class Length(Callback):
        def on_batch_end(self, run):
            moved = [p.data - old for p, old in zip(run.net.parameters(), run.updates[-1].before, strict=True)]
            lengths.append(math.sqrt(sum(float((m.astype(float) ** 2).sum()) for m in moved)))

    nn.fit(net, cost, optimizer, toy(), 2, rng=0, progress=False, clip_norm=0.01, callbacks=[Length()])
    assert_allclose(lengths, 0.01, rtol=1e-3)


@pytest.mark.parametrize("wrong", [-1, "1", NAN])
def test_a_clip_norm_that_is_none_is_an_error_before_anything_happens(wrong):
    net, cost, optimizer = setting()
    said: list[str] = []
    with pytest.raises((ValueError, TypeError), match="max_norm"):
        nn.fit(net, cost, optimizer, toy(), 1, clip_norm=wrong, progress=said.append)
    assert said == []


def test_what_comes_between_backward_and_update_can_change_the_gradients():
    net, cost, optimizer = setting()
    before = values(net)
    data, seen = toy(6), []

    def nothing_to_learn(parameters):
        seen.append(len(parameters))
        for p in parameters:
            p.grad = np.zeros(p.shape, p.dtype)

    nn.train_step(net, cost, optimizer, data.x, data.y, between=[nothing_to_learn])
    assert seen == [4]
    assert values(net) == before


def test_a_loader_gives_the_same_run_as_its_examples():
    (one, cost, optimizer), (other, _, second) = setting(), setting()
    first = nn.fit(one, cost, optimizer, toy(25), 2, 10, rng=4, progress=False)
    loader = Loader(toy(25), 10, rng=4)
    again = nn.fit(other, cost, second, loader, 2, progress=False)
    assert values(one) == values(other)
    assert first.costs == again.costs


def test_a_loader_has_its_own_rng():
    net, cost, optimizer = setting()
    with pytest.raises(DataError, match="rng of its own"):
        nn.fit(net, cost, optimizer, Loader(toy(), 10, rng=1), 1, rng=2)


# ---- e7: the culprit is named ----------------------------------------------------------------------------


class Bad(Module):
    """A network that takes the logarithm of what may be negative."""

    def __init__(self) -> None:
        self.inner = nn.MLP([2, 3], output="linear", rng=1)
        self.uses = 0

    def forward(self, x):
        self.uses += self.training
        z = self.inner(x)
        return (z - 1000).log() if self.uses > 2 and self.training else z


@pytest.mark.filterwarnings("ignore:invalid value")
def test_e7_the_operation_and_the_step_are_named():
    net = Bad()
    optimizer = optim.SGD(net.parameters(), 0.1)
    before = values(net)
    with pytest.raises(TrainingError, match=r"epoch 1, example 20 of 60: the cost is nan.*In step 3, log made nan"):
        nn.fit(net, nn.QuadraticCost(), optimizer, toy(), 2, rng=0, progress=False)
    assert values(net) == before


def test_e7_an_update_that_spoils_the_parameters_is_named():
    """sqrt'(0) = inf: the cost 0 + sqrt(0) is a fine number, but its gradient is none."""

    class Root(nn.QuadraticCost):
        def forward(self, a, y):
            return super().forward(a, y) + (net[0].weight * 0).sum().sqrt()

    net, _, optimizer = setting()
    rates = schedule.ExponentialLR(optimizer, 0.5)
    before = values(net)
    with pytest.raises(TrainingError, match=r"In step 1, the derivative of sqrt is inf"), np.errstate(all="ignore"):
        nn.fit(net, Root(), optimizer, toy(), 2, rng=0, progress=False, schedule=rates)
    assert values(net) == before
    assert optimizer.lr == 1.0


def test_e7_optimizer_and_schedule_are_as_before_the_epoch_too():
    """The third cost is NaN, after two updates with momentum, and two steps of the schedule."""

    class Third(nn.QuadraticCost):
        calls = 0

        def forward(self, a, y):
            self.calls += 1
            return super().forward(a, y) * (math.nan if self.calls == 4 else 1)  # the first one looks

    net = nn.MLP([2, 5, 3], rng=1)
    optimizer = optim.Adam(net.parameters(), 0.1)
    rates = schedule.ExponentialLR(optimizer, 0.5)
    rates.per_batch = True
    before = values(net), optimizer.state_dict(), rates.state_dict()
    with pytest.raises(TrainingError, match="before this epoch"):
        nn.fit(net, Third(), optimizer, toy(), 2, rng=0, progress=False, schedule=rates)
    assert (values(net), optimizer.state_dict(), rates.state_dict()) == before


def test_epochs_of_the_first_version_can_be_made_as_before():
    assert Epoch(1, 0.5, 9, 10, 1.0, 60).accuracy == 0.9


# ---- the same callback in another training ---------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: EarlyStopping("cost", 1, min_delta=100.0), lambda: KeepBest("cost")])
def test_a_callback_forgets_the_training_before(make):
    """Else the second network would not be trained at all, and end with the parameters of the first."""
    used = make()
    net, cost, optimizer = setting()
    nn.fit(net, cost, optimizer, toy(), 4, rng=0, progress=False, callbacks=[used])

    def second(callback: Callback) -> tuple[dict[str, bytes], int]:
        other = nn.MLP([2, 5, 3], rng=7)
        sgd = optim.SGD(other.parameters(), 0.5)
        history = nn.fit(other, cost, sgd, toy(seed=3), 4, rng=2, progress=False, callbacks=[callback])
        return values(other), len(history.epochs)

    assert second(used) == second(make())


def test_a_callback_that_is_not_in_a_list_is_explained():
    with pytest.raises(DataError, match=r"write callbacks=\[KeepBest"):
        nn.fit(*setting(), toy(), 1, callbacks=KeepBest("cost"))


def test_a_schedule_of_another_optimizer_is_no_schedule():
    net, cost, optimizer = setting()
    other = schedule.StepLR(optim.SGD(net.parameters(), 0.1), 1)
    with pytest.raises(DataError, match="StepLR is of another optimizer"):
        nn.fit(net, cost, optimizer, toy(), 1, schedule=other)


def test_clipping_does_not_count_the_gradients_of_what_is_not_learned():
    """They pile up, for the optimizer forgets only its own: the steps would become smaller and smaller."""

    def costs(frozen: bool) -> list[float]:
        net = nn.MLP([2, 5, 3], rng=1)
        net[0].weight.requires_grad = net[0].bias.requires_grad = not frozen
        sgd = optim.SGD(net[2].parameters(), 1.0)
        return nn.fit(net, nn.QuadraticCost(), sgd, toy(), 4, rng=0, progress=False, clip_norm=0.05).costs

    assert costs(frozen=False) == costs(frozen=True)


def test_fit_without_a_terminal_at_all(monkeypatch):
    """As under pythonw."""
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.setattr("sys.stdout", None)
    assert len(nn.fit(*setting(), toy(), 1, rng=0).epochs) == 2
