"""Plots: the numbers in the picture are the numbers that were found, and no window is opened."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("matplotlib")
import matplotlib
from matplotlib.figure import Figure

import nn
from nn import Examples, plot
from nn.data import one_hot
from nn.module import Module
from nn.train import Epoch, History
from tinygrad_edu import DataError, DrawingError, MissingExtraError, ShapeError


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
def no_window(monkeypatch):
    """As in a program without pyplot: no test but those about pyplot opens a figure that it would show."""
    pyplot = importlib.import_module("matplotlib.pyplot")
    monkeypatch.delenv("MPLBACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot")
    yield
    assert pyplot.get_fignums() == []


@pytest.fixture
def pyplot(no_window, monkeypatch):
    """As in a program that has imported pyplot."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", matplotlib.pyplot)
    yield matplotlib.pyplot
    matplotlib.pyplot.close("all")


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


def validated(tested: bool = True) -> History:
    """Cost of validation 0.9, -, 0.3; its accuracy 10, -, 60 %."""
    rows = [(0, 0.8, 3, 0.9, 1), (1, 0.4, 6, None, None), (2, 0.1, 9, 0.3, 6)]
    return History(
        [
            Epoch(k, c, r if tested else None, 12, 0.5, 20, None, vc, vr, 10 if vr is not None else 0)
            for k, c, r, vc, vr in rows
        ]
    )


@pytest.mark.parametrize("tested", [True, False])
def test_curves_show_validation_where_there_is_any(tested):
    ax = plot.curves(validated(tested))
    lines = by_label(ax)
    assert lines["cost C (training)"].tolist() == [[0, 1, 2], [0.8, 0.4, 0.1]]
    assert lines["cost C (validation)"].tolist() == [[0, 2], [0.9, 0.3]]
    assert lines["validation accuracy"].tolist() == [[0, 2], [10.0, 60.0]]
    assert ("test accuracy" in lines) == tested
    assert {text.get_text() for text in ax.get_legend().get_texts()} == set(lines)
    assert ax.get_title() == (
        "test accuracy 75.0 % after epoch 2" if tested else "validation accuracy 60.0 % after epoch 2"
    )
    assert ax.figure.axes[1].get_ylim() == (0, 80 if tested else 65)
    ax.figure.canvas.draw()


def test_curves_of_a_training_that_was_tested_from_the_second_epoch_on():
    """As when it goes on from a checkpoint with test= added: the points stand over their epochs."""
    late = history()
    late.epochs[0] = Epoch(0, 0.8, None, 0, 0.5, 20)
    assert by_label(plot.curves(late))["test accuracy"].tolist() == [[1, 2], [50.0, 75.0]]


def test_two_histories_side_by_side_have_their_own_legends():
    left, right = Figure().subplots(1, 2)
    plot.curves(validated(), left)
    plot.curves(validated(tested=False), right)
    assert [len(ax.get_legend().get_texts()) for ax in (left, right)] == [4, 3]


@pytest.mark.parametrize(
    ("percent", "expected"),
    [
        ([10, 91, 93, 95], (90, 100)),  # epoch 0 comes from below
        ([10, 52, 95, 98], (0, 100)),
        ([10, 20, 38], (0, 40)),
        ([97, 98.5, 99.9], (95, 100)),
        ([91, 95], (90, 100)),  # one epoch: both are shown
        ([100, 100, 100], (95, 100)),
        ([0, 0, 0], (0, 5)),
        ([50], (0, 55)),
        ([], (0, 100)),
    ],
)
def test_the_axis_of_accuracies_shows_the_range_that_matters(percent, expected):
    assert plot.accuracy_range(percent) == expected


def test_curves_use_that_range():
    rates = zip([0.8, 0.4, 0.1], [103, 913, 951], strict=True)
    ax = plot.curves(History([Epoch(k, c, r, 1000, 0.5, 20) for k, (c, r) in enumerate(rates)]))
    assert [axes.get_ylim() for axes in ax.figure.axes][1] == (90, 100)


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


def test_confusion_colours_by_the_share_of_the_row_mistakes_on_a_scale_of_their_own():
    right, wrong = plot.confusion(Same(), answered(LABELS, ANSWERS)).images
    assert right.get_array().filled(-1).tolist() == [[2 / 3, -1, -1], [-1, 1, -1], [-1, -1, 1 / 4]]
    assert wrong.get_array().filled(-1).tolist() == [[-1, 1 / 3, -1], [-1, -1, -1], [3 / 4, -1, -1]]
    assert right.get_clim() == (0, 1)
    assert wrong.get_clim()[0] == 0
    assert 3 / 4 < wrong.get_clim()[1] < 1.2


def test_a_confusion_without_mistakes_can_be_drawn():
    ax = plot.confusion(Same(), answered([0, 1, 2], [0, 1, 2]))
    ax.figure.canvas.draw()
    assert len(ax.texts) == 3


def test_confusion_of_a_class_that_does_not_occur_is_an_empty_row():
    right, wrong = plot.confusion(Same(), answered([0, 0], [0, 2])).images
    assert right.get_array().filled(-1).tolist() == [[0.5, -1, -1], [-1, 0, -1], [-1, -1, 0]]
    assert wrong.get_array().filled(-1).tolist() == [[-1, -1, 0.5], [-1, -1, -1], [-1, -1, -1]]


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


@pytest.mark.parametrize(("channels", "shown_as"), [(3, (2, 2, 3)), (1, (2, 2))])
def test_mistakes_shows_pictures_with_channels(channels, shown_as):
    n = 4 * channels
    examples = answered([1], [0], classes=n, shape=(channels, 2, 2))
    (ax,) = shown(plot.mistakes(Same(), examples))
    wanted = examples.x[0].reshape(channels, 2, 2).transpose(1, 2, 0).reshape(shown_as)
    assert np.array_equal(ax.images[0].get_array(), wanted)
    ax.figure.canvas.draw()


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


# ---- weights ---------------------------------------------------------------------------------------------


def test_weights_are_images_of_one_scale():
    net = nn.MLP([6, 3, 2], rng=0)
    fig = plot.weights(net, (2, 3))
    images = [ax.images[0] for ax in shown(fig)]
    assert len(images) == 3
    w = net[0].weight.data
    for image, row in zip(images, w, strict=True):
        assert np.array_equal(image.get_array(), row.reshape(2, 3))
        assert image.get_clim() == (-np.abs(w).max(), np.abs(w).max())
    assert [ax.get_title() for ax in shown(fig)] == ["neuron 1", "neuron 2", "neuron 3"]
    assert "layer 2" in fig.get_suptitle()
    fig.canvas.draw()


def test_weights_of_another_layer_and_of_a_square():
    net = nn.MLP([9, 4, 12], rng=0)
    assert shown(plot.weights(net))[0].images[0].get_array().shape == (3, 3)
    fig = plot.weights(net, layer=3, most=5)
    assert len(shown(fig)) == 5
    assert np.array_equal(shown(fig)[4].images[0].get_array(), net[2].weight.data[4].reshape(2, 2))
    assert fig.get_suptitle().endswith("; the first 5 of 12")


def test_weights_blue_is_positive_and_orange_negative():
    colours = shown(plot.weights(nn.MLP([4, 1], rng=0)))[0].images[0].get_cmap()
    (r, _, b, _), (r2, _, b2, _) = colours(1.0), colours(0.0)
    assert b > r
    assert r2 > b2


@pytest.mark.parametrize("shape", [None, (2, 2), (6,), (2, 3, 1)])
def test_weights_that_are_no_image_are_a_teaching_error(shape):
    with pytest.raises(ShapeError, match=r"6 weights each.*image_shape=\(rows, columns\)"):
        plot.weights(nn.MLP([6, 2], rng=0), shape)


@pytest.mark.parametrize("layer", [0, 1, 4, "2"])
def test_a_layer_without_weights_is_a_teaching_error(layer):
    with pytest.raises(DataError, match="layer is one of 2 … 3"):
        plot.weights(nn.MLP([4, 3, 2], rng=0), layer=layer)


def test_another_network_has_no_such_weights():
    with pytest.raises(DrawingError, match=r"plot.weights\(\) shows networks of Linear"):
        plot.weights(Same())


# ---- saturation ------------------------------------------------------------------------------------------


def some(x: np.ndarray) -> Examples:
    labels = np.zeros(len(x), int)
    return Examples(x, one_hot(labels, 2), labels)


def test_saturation_counts_the_neurons_whose_slope_is_small():
    net = nn.MLP([2, 3, 2], rng=0, dtype=np.float64)
    net[0].weight.assign([[0.1, 0.1], [9.0, 9.0], [0.0, 0.0]])
    net[0].bias.assign([0.0, 0.0, -20.0])
    x = np.random.default_rng(0).uniform(1, 2, (50, 2))
    fig = plot.saturation(net, some(x))
    left, right, *_ = fig.axes
    assert right.get_title() == "layer 2: 2 of 3 neurons are saturated"
    a = nn.lecture.sigma(x @ net[0].weight.data.T + net[0].bias.data)
    np.testing.assert_allclose([bar.get_height() for bar in right.patches], (a * (1 - a)).mean(axis=0), rtol=1e-9)
    assert left.get_title() == f"{100 * np.mean(a * (1 - a) < 0.01):.0f} % of the z have σ′(z) < 0.01"
    (second,) = [ax for ax in fig.axes if ax.get_title().startswith("layer 3")]
    z = a @ net[2].weight.data.T + net[2].bias.data
    slope = nn.lecture.sigma_prime(z).mean(axis=0)
    np.testing.assert_allclose([bar.get_height() for bar in second.patches], slope, rtol=1e-9)
    fig.canvas.draw()


def test_saturation_of_relu_and_of_a_linear_output():
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.ReLU(), nn.Linear(2, 2, rng=0))
    net[0].weight.assign(np.float32([[1, 1], [-1, -1]]))
    net[0].bias.assign(np.float32([0, 0]))
    titles = [ax.get_title() for ax in plot.saturation(net, some(np.ones((5, 2), np.float32))).axes]
    assert "layer 2: 1 of 2 neurons is saturated" in titles
    assert "layer 3 is linear: it cannot saturate" in titles


def test_saturation_changes_nothing_in_the_network():
    net = nn.MLP([2, 3, 2], rng=0)
    plot.saturation(net, some(np.ones((5, 2), np.float32)))
    assert all(p.grad is None for p in net.parameters())


def test_saturation_needs_examples():
    with pytest.raises(DataError, match="no examples"):
        plot.saturation(nn.MLP([2, 2], rng=0), some(np.ones((5, 2)))[:0])


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
    with pytest.raises(MissingExtraError, match=r"\.\[plot\]"):
        PLOTS[name]()


# ---- where a new figure is looked for --------------------------------------------------------------------

SEVERAL = {
    "mistakes": lambda: plot.mistakes(Same(), answered([1], [0], classes=4, shape=(2, 2))),
    "weights": lambda: plot.weights(nn.MLP([4, 2], rng=0)),
    "saturation": lambda: plot.saturation(nn.MLP([2, 2], rng=0), some(np.ones((5, 2), np.float32))),
}


@pytest.mark.parametrize("name", PLOTS)
def test_with_pyplot_a_new_figure_is_the_one_that_show_and_savefig_take(pyplot, name):
    ax = PLOTS[name]()
    assert pyplot.gcf() is ax.figure
    assert len(pyplot.get_fignums()) == 1


@pytest.mark.parametrize("name", SEVERAL)
def test_with_pyplot_a_returned_figure_is_shown_too(pyplot, name):
    assert SEVERAL[name]() is pyplot.gcf()


@pytest.mark.parametrize("name", PLOTS)
def test_given_axes_make_no_new_figure(pyplot, name):
    PLOTS[name](new_axes())
    assert pyplot.get_fignums() == []


@pytest.mark.parametrize("name", {**PLOTS, **SEVERAL})
def test_in_a_notebook_axes_are_pyplots_and_a_returned_figure_shows_itself(pyplot, monkeypatch, name):
    monkeypatch.setattr(pyplot, "get_backend", lambda: "module://matplotlib_inline.backend_inline")
    {**PLOTS, **SEVERAL}[name]()
    assert len(pyplot.get_fignums()) == (name in PLOTS)


NOTEBOOK = """
import nbclient, nbformat, sys
cells = [
    "import numpy as np, nn; h = nn.History([nn.Epoch(k, 1 / (k + 1), k, 4, 0.1, 4) for k in range(4)])",
    "h.plot()", "h.plot();", "ax = h.plot()", "nn.plot.weights(nn.MLP([4, 2], rng=0))", "h", "nn.MLP([4, 2]).draw()",
    "nn.MLP([4, 2])", "nn.MLP([4, 2])[0].weight", "import matplotlib.pyplot as plt; h.plot(plt.figure().add_subplot())",
]
nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
nbclient.NotebookClient(nb, timeout=300, kernel_name="python3").execute()
for cell in nb.cells:
    found = [mime for out in cell.outputs for mime in out.get("data", {}) if mime != "text/plain"]
    print(*found, sep=",")
"""


@pytest.mark.slow
@pytest.mark.tools
def test_a_real_notebook_shows_each_picture_once():
    if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
        for package in ("nbclient", "ipykernel", "matplotlib_inline"):
            pytest.importorskip(package)
    root = str(Path(nn.__file__).parents[1])
    clean = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"}
    env = {**clean, "PYTHONPATH": os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, timeout=400, check=False, env=env
    )
    png, svg, html = "image/png", "image/svg+xml", "text/html"
    assert done.stdout.splitlines() == ["", png, png, png, png, html, svg, html, html, png], done.stderr[-2000:]
