"""Pictures of training, with matplotlib: `ax` in, Axes out (a Figure where there are several), never plt.show().

Without `ax` a new figure is made, where you would look for it: once you have imported matplotlib.pyplot it is
pyplot's current figure, which plt.show() shows and plt.savefig() saves; in a notebook it appears below the cell,
once; in a program without pyplot it belongs to nobody: ax.figure.savefig("plot.png").
A Figure that is returned shows itself in a notebook, as the last line of a cell.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, ShapeError, Tensor, missing_extra, no_grad

from .data import Examples
from .layers import Activation, Linear
from .metrics import confusion_matrix, predict
from .module import Module

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .train import History

__all__ = ["confusion", "curves", "mistakes", "saturation", "weights"]

Array = npt.NDArray[Any]

BLUE, ORANGE, GREY = "#3366aa", "#cc6633", "#666666"
SATURATED = 0.01  # a neuron is saturated if its sigma'(z), the mean over the examples, is below


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The given axes, or new ones in a new figure."""
    return _figure(size).add_subplot() if ax is None else ax


def _figure(size: tuple[float, float], returned: bool = False) -> Figure:
    """A new figure where the user looks for it.  One that is returned shows itself in a notebook: not pyplot's too."""
    own = figure(size)
    pyplot = _pyplot()
    if pyplot is None or (returned and "inline" in pyplot.get_backend()):
        return own
    fig: Figure = pyplot.figure(figsize=size, dpi=120, layout="constrained")
    return fig


def _pyplot() -> Any:
    """pyplot, if you use it or a notebook does; else None, and no program is made to depend on a screen."""
    if "inline" in os.environ.get("MPLBACKEND", ""):  # set by the kernel of a notebook, before anything is imported
        import_module("matplotlib.pyplot")
    return sys.modules.get("matplotlib.pyplot")


def figure(size: tuple[float, float]) -> Figure:
    """A matplotlib figure that belongs to no window; size in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise missing_extra("matplotlib", "plot", "a plot") from None
    fig = Figure(figsize=size, dpi=120, layout="constrained")
    FigureCanvasAgg(fig)
    return fig


def curves(history: History, ax: Axes | None = None) -> Axes:
    """The cost of every epoch, and the accuracy after it; of the validation examples too, dotted, where there are any.

    The cost of training is the mean over the epoch, while the network learned; that of validation comes after it.
    """
    ax = _axes(ax, (7, 4))
    open_marks: dict[str, Any] = {"ls": ":", "mfc": "white", "ms": 4}  # of validation
    costs = [(e.number, e.validation_cost) for e in history.epochs if e.validation_cost is not None]
    numbers = [e.number for e in history.epochs]
    lines = ax.plot(numbers, history.costs, color=BLUE, marker="o", markersize=3, label="cost C (training)")
    if costs:
        lines += ax.plot(*zip(*costs, strict=True), color=BLUE, marker="o", label="cost C (validation)", **open_marks)
    ax.set(xlabel="epoch", ylim=(0, None))
    ax.set_ylabel("cost C", color=BLUE)
    ax.grid(axis="y", alpha=0.3)
    ax.locator_params(axis="x", integer=True)
    title = "training"
    shown = [(kind, found) for kind in ("validation", "test") if (found := accuracies(history, kind))]
    if shown:
        right = ax.twinx()
        for kind, percent in shown:
            style = open_marks if kind == "validation" else {"ms": 3}
            lines += right.plot(
                *zip(*percent, strict=True), color=ORANGE, marker="s", label=f"{kind} accuracy", **style
            )
            title = f"{kind} accuracy {percent[-1][1]:.1f} % after epoch {percent[-1][0]}"
        right.set_ylabel("accuracy (%)" if len(shown) > 1 else f"{shown[0][0]} accuracy (%)", color=ORANGE)
        ranges = [accuracy_range([value for _, value in percent]) for _, percent in shown]
        lows, highs = zip(*ranges, strict=True)
        right.set_ylim(min(lows), max(highs))  # the first epoch may come from below: see the curve, not the jump
        right.spines["top"].set_visible(False)
    if costs or len(shown) > 1:
        ax.legend(handles=lines, loc="center right", fontsize=8)
    ax.spines["top"].set_visible(False)
    ax.set_title(title)
    return ax


def accuracies(history: History, kind: str) -> list[tuple[int, float]]:
    """The epochs that have a test accuracy, or with kind "validation" that of validation, and the percent."""
    name = "accuracy" if kind == "test" else "validation_accuracy"
    found = [(e.number, getattr(e, name)) for e in history.epochs]
    return [(number, 100 * share) for number, share in found if share is not None]


def accuracy_range(percent: Sequence[float]) -> tuple[float, float]:
    """From where to where an axis of accuracies goes, so that progress after the first epoch can be seen.

    From 0, or if every epoch is good, from 60 % or above: epoch 0, before training, may lie below.
    """
    trained = [p for p in (percent[1:] if len(percent) > 2 else percent) if math.isfinite(p)]
    if not trained:
        return 0.0, 100.0
    low, high = 5 * math.floor((min(trained) - 1) / 5), 5 * math.ceil((max(trained) + 1) / 5)
    return float(low if low >= 60 else 0), min(100.0, float(high))


def confusion(net: Module, examples: Examples, ax: Axes | None = None) -> Axes:
    """How often each class (row) was taken for each (column): right answers in blue on the diagonal, mistakes orange.

    The colour is the share of the row; that of the mistakes is on a scale of its own, so that they can be seen.
    """
    ax = _axes(ax, (6, 5.4))
    classes = examples.y.shape[1]
    counts = confusion_matrix(examples.labels, predict(net, examples.x), classes)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    diagonal = np.eye(classes, dtype=bool)
    worst = max(0.05, float(share[~diagonal].max(initial=0)))
    ax.imshow(np.ma.array(share, mask=~diagonal), cmap="Blues", vmin=0, vmax=1)
    ax.imshow(np.ma.array(share, mask=diagonal | (counts == 0)), cmap="Oranges", vmin=0, vmax=1.4 * worst)
    ax.set_facecolor("#f4f5f7")  # where there is nothing
    for i, j in np.ndindex(*counts.shape):
        if counts[i, j]:
            dark = share[i, j] > (0.5 if i == j else 0.8 * worst)
            ax.text(j, i, str(counts[i, j]), ha="center", va="center", size=8, color="white" if dark else "black")
    ax.set(xlabel="answer of the network", ylabel="what it is", xticks=range(classes), yticks=range(classes))
    ax.set_title(f"{np.trace(counts)} of {counts.sum()} right")
    ax.spines[:].set_visible(False)
    return ax


def mistakes(net: Module, examples: Examples, most: int = 24) -> Figure:
    """The first examples that the network gets wrong: what each is, and what the network said."""
    if examples.image_shape is None:
        raise DataError("these examples are no pictures: their image_shape is None")
    predicted = predict(net, examples.x)
    wrong = np.flatnonzero(predicted != examples.labels)
    shown = wrong[:most]
    columns = 8
    rows = max(1, -(-len(shown) // columns))
    fig = _figure((columns * 1.1, rows * 1.45 + 0.6), returned=True)
    grid: Any = fig.subplots(rows, columns, squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for ax, i in zip(grid.flat, shown, strict=False):
        picture = examples.x[i].reshape(examples.image_shape)
        if picture.ndim == 3:  # (channels, rows, columns): red, green and blue, or else their mean
            picture = np.moveaxis(picture, 0, 2) if len(picture) == 3 else picture.mean(axis=0)
        ax.imshow(picture, cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(f"is {examples.labels[i]}, said {predicted[i]}", size=9)
    of_all = f"{len(wrong)} of {len(examples)} wrong"
    fig.suptitle(of_all if len(shown) == len(wrong) else f"{of_all}; the first {len(shown)}", color=GREY, size=11)
    return fig


def weights(net: Module, image_shape: tuple[int, int] | None = None, *, layer: int = 2, most: int = 40) -> Figure:
    """The weights of each neuron of a layer as an image: what it looks for.  Blue is positive, orange negative.

    image_shape  of the examples, as data.train.image_shape; if not given, a square
    layer        which layer's weights: 2, the first that has any, takes its inputs from the image
    most         how many neurons are shown
    All images share one scale, at the right.
    """
    from .diagram import linear_layers

    chain = linear_layers(net, "plot.weights() shows")
    if layer not in range(2, len(chain) + 2):
        raise DataError(f"layer is one of 2 … {len(chain) + 1}, for layer 1 is the input; got {layer!r:.40}")
    w = chain[layer - 2][0].weight.data
    shape = _image_shape(w.shape[1], image_shape)
    shown = w[:most]
    columns = min(10, len(shown))
    rows = -(-len(shown) // columns)
    high = float(np.abs(shown[np.isfinite(shown)]).max(initial=0)) or 1.0
    fig = _figure((columns * 0.95 + 1.1, rows * 1.15 + 0.6), returned=True)
    grid: Any = fig.subplots(rows, columns, squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for i, (ax, row) in enumerate(zip(grid.flat, shown, strict=False), start=1):
        image = ax.imshow(row.reshape(shape), cmap=_signed_colours(), vmin=-high, vmax=high)
        ax.set_title(f"neuron {i}", size=7, color=GREY, pad=3)
    fig.colorbar(image, ax=grid, shrink=min(1.0, 0.6 + 0.1 * rows), aspect=18, pad=0.015).outline.set_visible(False)
    title = f"weights $w^{{({layer})}}$: what each neuron of layer {layer} looks for"
    fig.suptitle(title + ("" if len(shown) == len(w) else f"; the first {len(shown)} of {len(w)}"), color=GREY, size=11)
    return fig


def _image_shape(n: int, wanted: tuple[int, int] | None) -> tuple[int, int]:
    """The shape of an image of n pixels."""
    side = math.isqrt(n)
    shape = (side, side) if wanted is None else tuple(wanted)
    if len(shape) != 2 or math.prod(shape) != n:
        given = "its inputs are no square image" if wanted is None else f"image_shape {wanted} does not fit"
        raise ShapeError(f"the neurons have {n} weights each, and {given}: give image_shape=(rows, columns)")
    return shape[0], shape[1]


def _signed_colours() -> Any:
    """Orange over near white to blue, as in the heat-maps of Tensors; NaN grey."""
    from matplotlib.colors import LinearSegmentedColormap

    from tinygrad_edu.visual.heat import LEVELS, colour

    colours = [colour(share) for share in np.linspace(-1, 1, 2 * LEVELS + 1)]
    return LinearSegmentedColormap.from_list("signed", colours).with_extremes(bad="#888888")


def saturation(net: Module, examples: Examples) -> Figure:
    """Where the network can still learn: for each layer, z of all neurons and examples, and sigma'(z) of each neuron.

    Every error is multiplied by sigma'(z) on its way back (BP1, BP2).  A neuron is called saturated if its
    sigma'(z), the mean over the examples, is below 0.01: it hardly learns, wherever the error comes from.
    """
    from .diagram import linear_layers

    if len(examples) == 0:
        raise DataError("there are no examples to look at")
    chain = linear_layers(net, "plot.saturation() looks at")
    fig = _figure((9, 2.5 * len(chain) + 0.3), returned=True)
    grid: Any = fig.subplots(len(chain), 2, squeeze=False, width_ratios=(1, 1.1))
    for l, ((left, right), (z, slope)) in enumerate(zip(grid, _slopes(chain, examples.x), strict=True), start=2):
        _show_inputs(left, z, slope, l)
        _show_slopes(right, slope, l)
    return fig


def _slopes(chain: list[tuple[Linear, Activation | None]], x: Array) -> Iterator[tuple[Array, Array | None]]:
    """For every layer z (N, neurons) and sigma'(z), found by backpropagation; None where no sigma follows."""
    a = Tensor(x, copy=False)
    for linear, activation in chain:
        with no_grad():
            z = Tensor(linear(a).data, requires_grad=True, copy=False)
        if activation is None:
            yield z.data, None
            a = z.detach()
            continue
        out = activation(z)
        out.sum().backward()
        assert z.grad is not None
        yield z.data, z.grad.data
        a = out.detach()


def _show_inputs(ax: Axes, z: Array, slope: Array | None, layer: int) -> None:
    """The distribution of z, with the part where sigma' is nearly 0 in orange."""
    flat = np.zeros(z.shape, bool) if slope is None else slope < SATURATED
    bins = np.histogram_bin_edges(z[np.isfinite(z)], 40)
    ax.hist([z[~flat], z[flat]], bins=list(bins), stacked=True, color=[BLUE, ORANGE], density=True)
    ax.set(xlabel=f"$z^{{({layer})}}$, of all neurons and examples", yticks=[])
    title = (
        f"{100 * np.mean(flat):.0f} % of the z have σ′(z) < {SATURATED}"
        if slope is not None
        else f"$z^{{({layer})}}$: no σ follows"
    )
    ax.set_title(title, size=10, color=ORANGE if flat.any() else GREY)
    ax.spines[["top", "left", "right"]].set_visible(False)


def _show_slopes(ax: Axes, slope: Array | None, layer: int) -> None:
    """sigma'(z) of each neuron, mean over the examples."""
    ax.spines[["top", "right"]].set_visible(False)
    if slope is None:
        ax.set_title(f"layer {layer} is linear: it cannot saturate", size=11)
        ax.axis("off")
        return
    mean = slope.mean(axis=0)
    low = mean < SATURATED
    ax.bar(np.arange(1, len(mean) + 1), mean, color=np.where(low, ORANGE, BLUE))
    ax.axhline(SATURATED, color=ORANGE, lw=1, ls="--")
    unseen = low & (mean < 0.03 * mean.max())
    ax.plot(np.flatnonzero(unseen) + 1, mean[unseen], "v", color=ORANGE, ms=5)  # for bars of no height
    ax.set(xlabel=f"neuron of layer {layer}", ylabel="mean σ′(z)", ylim=(0, None))
    ax.locator_params(axis="x", integer=True)
    are = "neuron is" if len(mean) == 1 else "neurons is" if low.sum() == 1 else "neurons are"
    ax.set_title(f"layer {layer}: {low.sum()} of {len(mean)} {are} saturated", size=11)
