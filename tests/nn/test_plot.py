"""Plots: the numbers in the picture are the numbers that were found, and no window is opened."""

import os
import sys

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("matplotlib")
from matplotlib.figure import Figure

import nn
from nn import Examples, plot
from nn.data import one_hot
from nn.module import Module
from nn.train import Epoch, History
from tinygrad_edu import DataError, MissingExtraError


class Same(Module):
    """A network whose outputs are its inputs."""

    def forward(self, x):
        return x


def answered(labels: list[int], answers: list[int], classes: int = 3, shape=None) -> Examples:
    """Examples that `Same` answers as told; x is one-hot, with traces of the row number in it."""
    x = 0.5 * one_hot(answers, classes) + np.linspace(0, 0.2, len(answers), dtype=np.float32)[:, None]
    return Examples(x, one_hot(labels, classes), np.array(labels), shape)


LABELS, ANSWERS = [0, 0, 0, 1, 2, 2, 2, 2], [0, 0, 1, 1, 0, 0, 0, 2]  # taken for: [[2, 1, 0], [0, 1, 0], [3, 0, 1]]


def history(tested: bool = True) -> History:
    right = [3, 6, 9] if tested else [None] * 3
    epochs = zip([0.8, 0.4, 0.1], right, strict=True)
    return History([Epoch(k, c, r, 12 if tested else 0, 0.5, 20) for k, (c, r) in enumerate(epochs)])


@pytest.fixture(autouse=True)
def no_window():
    """No test opens a figure that pyplot would show."""
    from matplotlib import pyplot

    yield
    assert pyplot.get_fignums() == []


def new_axes():
    return Figure().add_subplot()


def by_label(ax) -> dict[str, np.ndarray]:
    """The curves in a figure: label to (2, n) points."""
    lines = [line for axes in ax.figure.axes for line in axes.get_lines()]
    return {line.get_label(): np.array(line.get_data()) for line in lines}


# ---- curves ----------------------------------------------------------------------------------------------


def test_curves_show_the_cost_and_the_test_accuracy_in_percent():
    ax = plot.curves(history())
    lines = by_label(ax)
    assert lines["cost C (training)"].tolist() == [[0, 1, 2], [0.8, 0.4, 0.1]]
    assert lines["test accuracy"].tolist() == [[0, 1, 2], [25.0, 50.0, 75.0]]
    assert len(lines) == 2
    assert ax.get_title() == "test accuracy 75.0 % after epoch 2"
    assert "epoch" in ax.get_xlabel()
    assert ax.get_ylim()[0] == 0


def test_curves_without_test_examples_show_the_cost_alone():
    ax = plot.curves(history(tested=False))
    assert list(by_label(ax)) == ["cost C (training)"]
    assert len(ax.figure.axes) == 1


def test_historys_plot_is_the_same_picture():
    assert by_label(history().plot())["test accuracy"].tolist() == [[0, 1, 2], [25.0, 50.0, 75.0]]


def test_curves_of_a_history_without_epochs_can_be_drawn():
    ax = plot.curves(History())
    ax.figure.canvas.draw()
    assert [list(line.get_xdata()) for line in ax.lines] == [[]]


# ---- confusion -------------------------------------------------------------------------------------------


def test_confusion_writes_each_count_in_its_place_and_none_for_zero():
    ax = plot.confusion(Same(), answered(LABELS, ANSWERS))
    counts = np.zeros((3, 3), int)
    for text in ax.texts:
        j, i = text.get_position()
        counts[i, j] += int(text.get_text())
    assert counts.tolist() == [[2, 1, 0], [0, 1, 0], [3, 0, 1]]
    assert counts.sum() == len(LABELS)
    assert len(ax.texts) == 5
    assert ax.get_title() == "4 of 8 right"


def test_confusion_colours_by_the_share_of_the_row():
    (image,) = plot.confusion(Same(), answered(LABELS, ANSWERS)).images
    assert np.asarray(image.get_array()).tolist() == [[2 / 3, 1 / 3, 0], [0, 1, 0], [3 / 4, 0, 1 / 4]]
    assert image.get_clim() == (0, 1)


def test_confusion_of_a_class_that_does_not_occur_is_a_row_of_zeros():
    ax = plot.confusion(Same(), answered([0, 0], [0, 2]))
    assert np.asarray(ax.images[0].get_array()).tolist() == [[0.5, 0, 0.5], [0, 0, 0], [0, 0, 0]]


def test_confusion_has_a_tick_for_every_class_and_says_what_the_axes_are():
    ax = plot.confusion(Same(), answered(LABELS, ANSWERS))
    assert ax.get_xticks().tolist() == ax.get_yticks().tolist() == [0, 1, 2]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("answer of the network", "what it is")


# ---- axes that are given ---------------------------------------------------------------------------------

PLOTS = {
    "curves": lambda ax=None: plot.curves(history(), ax),
    "History.plot": lambda ax=None: history().plot(ax),
    "confusion": lambda ax=None: plot.confusion(Same(), answered(LABELS, ANSWERS), ax),
}


@pytest.mark.parametrize("name", PLOTS)
def test_given_axes_are_drawn_on_and_given_back(name):
    ax = new_axes()
    assert PLOTS[name](ax) is ax
    assert ax.lines or ax.images
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", PLOTS)
def test_without_axes_there_is_a_new_figure_each_time(name):
    assert PLOTS[name]().figure is not PLOTS[name]().figure


@pytest.mark.parametrize("name", PLOTS)
def test_the_other_axes_in_the_figure_stay_as_they_are(name):
    left, right = Figure().subplots(1, 2)
    PLOTS[name](left)
    assert all(spine.get_visible() for spine in right.spines.values())
    assert right.get_title() == ""
    assert not right.lines


# ---- mistakes --------------------------------------------------------------------------------------------


def shown(fig: Figure) -> list:
    return [ax for ax in fig.axes if ax.images]


def test_mistakes_shows_the_wrong_ones_in_order_with_both_classes():
    examples = answered([0, 1, 2, 3], [0, 2, 2, 0], classes=4, shape=(2, 2))
    fig = plot.mistakes(Same(), examples)
    assert [ax.get_title() for ax in shown(fig)] == ["is 1, said 2", "is 3, said 0"]
    for ax, i in zip(shown(fig), [1, 3], strict=True):
        assert np.array_equal(ax.images[0].get_array(), examples.x[i].reshape(2, 2))
        assert ax.images[0].get_clim() == (0, 1)
    assert fig.get_suptitle() == "2 of 4 wrong"


@pytest.mark.parametrize(("most", "count"), [(1, 1), (8, 8), (9, 9), (24, 10)])
def test_mistakes_shows_the_first_ones_and_says_so(most, count):
    examples = answered([1] * 10, [0] * 10, classes=4, shape=(2, 2))
    fig = plot.mistakes(Same(), examples, most)
    assert len(shown(fig)) == count
    assert fig.get_suptitle() == ("10 of 10 wrong" if most >= 10 else f"10 of 10 wrong; the first {most}")
    for x, ax in zip(examples.x[:count], shown(fig), strict=True):
        assert np.array_equal(ax.images[0].get_array(), x.reshape(2, 2))


def test_no_mistakes_is_an_empty_picture_that_says_so():
    fig = plot.mistakes(Same(), answered([0, 1], [0, 1], classes=4, shape=(2, 2)))
    assert shown(fig) == []
    assert fig.get_suptitle() == "0 of 2 wrong"
    fig.canvas.draw()


def test_mistakes_of_examples_that_are_no_pictures_is_a_teaching_error():
    with pytest.raises(DataError, match="image_shape"):
        plot.mistakes(Same(), answered([0, 1], [1, 0], classes=4))


# ---- files, windows, matplotlib --------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLOTS)
def test_a_plot_can_be_saved(tmp_path, name):
    PLOTS[name]().figure.savefig(tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_plots_of_a_trained_network_from_end_to_end():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 30)
    examples = Examples(one_hot(labels, 3), one_hot(labels, 3), labels)
    net = nn.MLP([3, 3], rng=0)
    optimizer = nn.optim.SGD(net.parameters(), 3.0)
    done = nn.fit(net, nn.QuadraticCost(), optimizer, examples, 3, test=examples, rng=0, progress=False)
    assert by_label(done.plot())["test accuracy"][1].tolist() == [100 * a for a in done.accuracies]
    assert plot.confusion(net, examples).get_title() == f"{round(30 * nn.accuracy(net, examples))} of 30 right"


@pytest.mark.parametrize("name", PLOTS)
def test_without_matplotlib_the_error_says_what_to_install(monkeypatch, name):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"tinygrad_edu\[plot\]"):
        PLOTS[name]()
