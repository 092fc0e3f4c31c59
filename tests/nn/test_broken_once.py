"""What somebody who tried to break nn found."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nn
from tinygrad_edu import DataError, DtypeError, ShapeError, Tensor, TrainingError


class Headed(nn.Sequential):
    """A learner's network: layers in a row, and something besides."""

    def __init__(self):
        super().__init__(nn.Linear(2, 2, rng=0))
        self.head = nn.Linear(2, 3, rng=1)
        self.scale = Tensor(1.0, requires_grad=True)


def test_a_sequential_of_ones_own_keeps_its_other_attributes():
    names = [name for name, _ in Headed().named_parameters()]
    assert names == ["0.weight", "0.bias", "head.weight", "head.bias", "scale"]


def test_what_a_model_file_cannot_hold_is_refused_when_it_is_saved(tmp_path):
    extra = nn.MLP([2, 2], rng=0)
    extra.scale = Tensor(1.0, requires_grad=True)
    mixed = nn.Linear(2, 2, rng=0)
    mixed.bias = Tensor(np.zeros(2), requires_grad=True)  # float64 beside float32
    for net in (Headed(), extra, mixed):
        with pytest.raises(DataError):
            nn.save(tmp_path / "net", net)
    assert list(tmp_path.iterdir()) == []


def test_a_frozen_parameter_is_frozen_again(tmp_path):
    net = nn.MLP([2, 3, 1], rng=0)
    net[0].weight.requires_grad = False
    again = nn.load(nn.save(tmp_path / "net", net))
    assert [t.requires_grad for _, t in again.named_tensors()] == [False, True, True, True]


def test_two_tensors_of_one_name_are_refused():
    module = nn.Module()
    module.d = {1: Tensor(1.0, requires_grad=True), "1": Tensor(2.0, requires_grad=True)}
    with pytest.raises(DataError, match=r"d\.1"):
        module.state_dict()


def test_a_child_that_knows_its_parent_is_no_endless_way():
    net = nn.Sequential(nn.Linear(2, 2, rng=0))
    net[0].parent = net
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias"]
    net.zero_grad()


def test_training_that_breaks_down_leaves_the_network_of_the_epoch_before():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 40)
    data = nn.Examples(100 * rng.standard_normal((40, 4)), nn.data.one_hot(labels, 2), labels)
    net = nn.MLP([4, 8, 2], "relu", output="linear", rng=1)
    before = [p.tolist() for p in net.parameters()]
    with pytest.raises(TrainingError, match="before this epoch"):
        nn.fit(net, nn.CrossEntropyLoss(), nn.optim.SGD(net.parameters(), 1e30), data, 3, 10, rng=0, progress=False)
    assert [p.tolist() for p in net.parameters()] == before


def test_an_optimizer_of_another_network_is_refused():
    net, other = nn.MLP([64, 10], rng=0), nn.MLP([64, 10], rng=1)
    with pytest.raises(ValueError, match="none of this network"):
        nn.fit(net, nn.QuadraticCost(), nn.optim.SGD(other.parameters(), 1.0), nn.data.digits(), 1, progress=False)


@pytest.mark.parametrize("sizes", [[2, 2.5], [2.0, 3], [2, "3"]])
def test_half_neurons_are_refused(sizes):
    with pytest.raises((ShapeError, TypeError)):
        nn.MLP(sizes)


def test_the_callers_labels_stay_writable():
    labels = np.array([0, 1])
    net = nn.MLP([2, 2], output="linear", rng=0)
    nn.train_step(net, nn.CrossEntropyLoss(), nn.optim.SGD(net.parameters(), 1.0), np.ones((2, 2)), labels)
    labels[0] = 1
    assert labels.tolist() == [1, 1]


def test_a_reader_that_goes_away_is_no_wrong_use(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "nn", "train", "--epochs", "3000", "--out", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(300) == 1
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()


@pytest.mark.parametrize("rng", [1.5, "1", [1.5]])
def test_what_is_no_seed_is_explained(rng):
    with pytest.raises(DtypeError, match="rng is a seed"):
        nn.MLP([2, 2], rng=rng)
    with pytest.raises(ValueError, match="rng is a seed"):
        nn.MLP([2, 2], rng=-1)


@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
@pytest.mark.parametrize("value", ["0.1", None, [0.1, 0.2], np.array([0.1, 0.2])], ids=repr)
def test_a_setting_of_SGD_that_is_no_number_is_explained(name, value):
    with pytest.raises(DtypeError, match=f"{name} is one number"):
        nn.optim.SGD(nn.MLP([2, 2], rng=0).parameters(), **{"lr": 0.1, name: value})


def test_training_that_breaks_down_leaves_the_velocity_of_the_epoch_before():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 40)
    data = nn.Examples(100 * rng.standard_normal((40, 4)), nn.data.one_hot(labels, 2), labels)
    net = nn.MLP([4, 8, 2], "relu", output="linear", rng=1)
    optimizer = nn.optim.SGD(net.parameters(), 1e-5, momentum=0.9)
    nn.fit(net, nn.CrossEntropyLoss(), optimizer, data, 1, 10, rng=0, progress=False)

    def state():
        return [p.tolist() for p in net.parameters()], [v.tolist() for v in optimizer.velocity]

    before = state()
    optimizer.lr = 1e30
    with pytest.raises(TrainingError, match="before this epoch"):
        nn.fit(net, nn.CrossEntropyLoss(), optimizer, data, 3, 10, rng=0, progress=False)
    assert state() == before
    optimizer.lr = 1e-5
    nn.fit(net, nn.CrossEntropyLoss(), optimizer, data, 1, 10, rng=0, progress=False)  # and it goes on


def command(*words, **settings):
    return subprocess.run([sys.executable, "-m", "nn", *words], stderr=subprocess.PIPE, timeout=300, **settings)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_wrong_use():
    with open("/dev/full", "wb") as full:
        done = command("ops", stdout=full)
    assert done.returncode == 1
    assert b"No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="needs limits on the size of files")
def test_a_model_that_cannot_be_saved_is_no_wrong_use(tmp_path):
    import resource

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    words = ("train", "--epochs", "0", "--out", str(tmp_path / "run"))
    done = command(*words, stdout=subprocess.DEVNULL, preexec_fn=small_files)
    assert (done.returncode, b"Traceback" in done.stderr) == (1, False)
    assert b"cannot save the model" in done.stderr
    assert list((tmp_path / "run").iterdir()) == []


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["draw", "--help"], ["ops"]], ids=" ".join)
def test_a_terminal_that_has_no_greek_letters_shows_the_rest(words):
    done = command(*words, stdout=subprocess.PIPE, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii()


def test_a_suffix_in_capitals_is_a_suffix(tmp_path):
    model = nn.save(tmp_path / "model.safetensors", nn.MLP([64, 4, 10], rng=0))
    done = command("draw", str(model), "--out", str(tmp_path / "G.SVG"), stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "G.SVG").read_text(encoding="utf-8").count("<svg") == 1
