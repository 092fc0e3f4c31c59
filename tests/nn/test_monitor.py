"""The monitor's figures against the lecture's equations by hand, and its words."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nn
from nn import Examples, layers, optim
from nn.data import one_hot
from nn.monitor import LayerState, Monitor, look
from tinygrad_edu import DataError


def examples(n: int = 40, n_in: int = 4, seed: int = 0) -> Examples:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    return Examples(rng.standard_normal((n, n_in)), one_hot(labels, 3, np.float64), labels)


def sigma(z):
    return 1 / (1 + np.exp(-z))


def test_the_figures_are_those_of_the_equations():
    """delta of BP1 and BP2 for every example, sigma' of every neuron, and the last update by hand."""
    data = examples()
    net = nn.MLP([4, 5, 3], rng=1, dtype=np.float64)
    before = [p.data for p in net.parameters()]
    nn.train_step(net, nn.QuadraticCost(), optim.SGD(net.parameters(), 0.5), data.x, data.y)
    w2, b2, w3, b3 = (p.data for p in net.parameters())
    z2 = data.x @ w2.T + b2
    z3 = sigma(z2) @ w3.T + b3
    slope2, slope3 = sigma(z2) * (1 - sigma(z2)), sigma(z3) * (1 - sigma(z3))
    delta3 = (sigma(z3) - data.y) * slope3
    delta2 = (delta3 @ w3) * slope2
    found = look(net, nn.QuadraticCost(), data, before)
    assert [(s.layer, s.neurons, s.is_output) for s in found] == [(2, 5, False), (3, 3, True)]
    for state, slope, delta, w, old in zip(
        found, (slope2, slope3), (delta2, delta3), (w2, w3), (before[0], before[2]), strict=True
    ):
        assert_allclose(state.slope, slope.mean(axis=0), rtol=1e-12)
        assert_allclose(state.delta, np.sqrt((delta**2).mean()), rtol=1e-12)
        assert_allclose(state.update, np.linalg.norm(w - old) / np.linalg.norm(old), rtol=1e-12)


NETS = {
    "the lecture's": lambda: nn.MLP([4, 5, 3], rng=1),
    "relu": lambda: nn.MLP([4, 5, 5, 3], "relu", output="linear", rng=1),
    "dropout": lambda: layers.Sequential(
        layers.Linear(4, 6, rng=0), layers.Tanh(), layers.Dropout(0.5, rng=3), layers.Linear(6, 3, rng=1)
    ),
    "batch norm": lambda: layers.Sequential(
        layers.Linear(4, 6, rng=0), layers.BatchNorm1d(6), layers.ReLU(), layers.Linear(6, 3, rng=1)
    ),
    "softmax": lambda: layers.Sequential(layers.Linear(4, 3, rng=0), layers.Softmax(-1)),
}


@pytest.mark.parametrize("name", NETS)
def test_looking_changes_nothing(name):
    net, data = NETS[name](), examples()
    data = Examples(data.x.astype(np.float32), data.y.astype(np.float32), data.labels)
    nn.train_step(net, nn.QuadraticCost(), optim.SGD(net.parameters(), 0.1), data.x, data.y)

    def everything():
        generators = [str(m.rng.bit_generator.state) for m in net.modules() if hasattr(m, "rng")]
        gradients = [p.grad.data.tobytes() for p in net.parameters()]
        modes = [m.training for m in net.modules()]
        return [v.tobytes() for v in net.state_dict().values()], gradients, generators, modes

    before = everything()
    states = look(net, nn.QuadraticCost(), data)
    assert everything() == before
    assert all(state.update is None for state in states)
    assert len(states) == sum(isinstance(m, layers.Linear) for m in net.modules())


def test_pictures_have_a_neuron_for_each_channel():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 10)
    x = rng.standard_normal((10, 1, 6, 6)).astype(np.float32)
    net = layers.Sequential(layers.Conv2d(1, 4, 3, rng=0), layers.ReLU(), layers.Flatten(), layers.Linear(64, 3, rng=1))
    found = look(net, nn.CrossEntropyLoss(), Examples(x, one_hot(labels, 3), labels))
    assert [state.neurons for state in found] == [4, 3]
    assert found[0].slope.shape == (4,)
    assert found[1].slope is None


def test_a_softmax_is_no_sigma_of_one_neuron():
    assert look(NETS["softmax"](), nn.QuadraticCost(), examples())[0].slope is None


def test_nothing_to_look_at():
    with pytest.raises(DataError, match="no examples"):
        look(NETS["relu"](), nn.QuadraticCost(), examples()[:0])


# ---- words -----------------------------------------------------------------------------------------------


def state(**figures) -> LayerState:
    usual = {"layer": 2, "neurons": 30, "slope": np.full(30, 0.2), "delta": 0.1, "update": 1e-3, "relu": False}
    return LayerState(**{**usual, "is_output": False, **figures})


def slopes(small: int) -> np.ndarray:
    return np.array([0.001] * small + [0.2] * (30 - small))


SENTENCES = [
    (
        {"slope": slopes(7)},
        "layer 2: 7 of 30 neurons are saturated (their mean sigma' < 0.01): they hardly learn; "
        "try init='scaled_normal'",
    ),
    (
        {"slope": slopes(7), "is_output": True},
        "layer 2: 7 of 30 neurons are saturated (their mean sigma' < 0.01): they hardly learn; "
        "try a cross-entropy cost or init='scaled_normal'",
    ),
    (
        {"slope": slopes(9), "relu": True},
        "layer 2: 9 of 30 neurons are dead (their z is never positive): they hardly learn; "
        "try a smaller learning rate or LeakyReLU",
    ),
    (
        {"delta": 2e-5},
        "layer 2: its delta is 2e-04 of the output's: the error fades on its way back; "
        "try init='scaled_normal', ReLU, or fewer layers",
    ),
    ({"update": 0.3}, "layer 2: an update changes its weights by 30 %; try a smaller learning rate, or clip_norm"),
    (
        {"update": 3e-7},
        "layer 2: an update changes its weights by 3e-07 of their size: it hardly learns; try a larger learning rate",
    ),
]


@pytest.mark.parametrize(("figures", "sentence"), SENTENCES)
def test_the_sentence_says_what_is_wrong_and_what_to_try(figures, sentence):
    assert [said for _, said in state(**figures).troubles(0.1)] == [sentence]


@pytest.mark.parametrize(
    "figures", [{}, {"slope": None}, {"slope": slopes(2)}, {"update": None}, {"delta": 1e-9, "is_output": True}]
)
def test_a_healthy_layer_has_no_sentence(figures):
    assert list(state(**figures).troubles(0.1)) == []


def test_an_output_neuron_with_the_right_answers_is_in_no_trouble():
    wrong = np.arange(30) < 4
    assert list(state(slope=slopes(7), is_output=True, wrong=np.zeros(30, bool)).troubles(0.1)) == []
    assert "4 of 30" in next(iter(state(slope=slopes(7), is_output=True, wrong=wrong).troubles(0.1)))[1]


def test_a_layer_in_one_line():
    line = "layer 2: 30 neurons  σ′ 0.154, 7 saturated  delta 1.0e-01  update/weight 1.0e-03"
    assert str(state(slope=slopes(7))) == line
    assert str(state(slope=None, update=None)) == "layer 2: 30 neurons  linear  delta 1.0e-01"


# ---- in fit ----------------------------------------------------------------------------------------------


def test_in_fit_it_notes_every_epoch_and_says_a_trouble_once():
    data = examples()
    net = nn.MLP([4, 5, 3], rng=1, dtype=np.float64)
    net[0].bias.assign([50.0, -50, 50, 0, 0])
    optimizer, said, monitor = optim.SGD(net.parameters(), 0.5), [], Monitor()
    history = nn.fit(net, nn.QuadraticCost(), optimizer, data, 3, rng=0, progress=said.append, callbacks=[monitor])
    assert len([line for line in said if "3 of 5 neurons are saturated" in line]) == 1
    for epoch in history.epochs[1:]:
        assert set(epoch.notes) == {f"layer {l} {w}" for l in (2, 3) for w in ("slope", "saturated", "delta", "update")}
        assert epoch.notes["layer 2 saturated"] == 0.6
    assert history.epochs[-1].notes["layer 3 delta"] == monitor.states[1].delta


def test_it_can_be_silent_and_is_monitored_as_any_figure():
    net = nn.MLP([4, 5, 3], rng=1, dtype=np.float64)
    net[0].bias.assign([50.0, -50, 50, 0, 0])
    optimizer, said = optim.SGD(net.parameters(), 0.5), []
    best = nn.callbacks.KeepBest("layer 3 delta")
    callbacks = [Monitor(examples(seed=5), say=False), best]
    nn.fit(net, nn.QuadraticCost(), optimizer, examples(), 2, rng=0, progress=said.append, callbacks=callbacks)
    assert not any("saturated" in line for line in said)
    assert best.best > 0
