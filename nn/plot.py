"""Pictures of training, with matplotlib: `ax` in, Axes out, never plt.show()."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import DataError, missing_extra

from .data import Examples
from .metrics import confusion_matrix, predict
from .module import Module

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .train import History

__all__ = ["confusion", "curves", "mistakes"]

BLUE, ORANGE, GREY = "#3366aa", "#cc6633", "#666666"


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The given axes, or new ones in a figure of their own, which no window shows."""
    if ax is not None:
        return ax
    return figure(size).add_subplot()


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
    """The cost of every epoch, and the test accuracy after it."""
    ax = _axes(ax, (7, 4))
    numbers = [epoch.number for epoch in history.epochs]
    ax.plot(numbers, history.costs, color=BLUE, marker="o", markersize=3, label="cost C (training)")
    ax.set(xlabel="epoch", ylim=(0, None))
    ax.set_ylabel("cost C", color=BLUE)
    ax.grid(axis="y", alpha=0.3)
    ax.locator_params(axis="x", integer=True)
    title = "training"
    if history.accuracies:
        right = ax.twinx()
        percent = [100 * p for p in history.accuracies]
        right.plot(numbers, percent, color=ORANGE, marker="s", markersize=3, label="test accuracy")
        right.set_ylabel("test accuracy (%)", color=ORANGE)
        right.set_ylim(0, 100)
        title = f"test accuracy {percent[-1]:.1f} % after epoch {numbers[-1]}"
        right.spines["top"].set_visible(False)
    ax.spines["top"].set_visible(False)
    ax.set_title(title)
    return ax


def confusion(net: Module, examples: Examples, ax: Axes | None = None) -> Axes:
    """How often each class (row) was taken for each (column); right answers on the diagonal."""
    ax = _axes(ax, (6, 5.4))
    classes = examples.y.shape[1]
    counts = confusion_matrix(examples.labels, predict(net, examples.x), classes)
    of_class = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    ax.imshow(counts / of_class, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        if counts[i, j]:
            dark = counts[i, j] > 0.5 * of_class[i, 0]
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
    fig = figure((columns * 1.1, rows * 1.45 + 0.6))
    grid: Any = fig.subplots(rows, columns, squeeze=False)
    for ax in grid.flat:
        ax.axis("off")
    for ax, i in zip(grid.flat, shown, strict=False):
        ax.imshow(examples.x[i].reshape(examples.image_shape), cmap="gray_r", vmin=0, vmax=1)
        ax.set_title(f"is {examples.labels[i]}, said {predicted[i]}", size=9)
    of_all = f"{len(wrong)} of {len(examples)} wrong"
    fig.suptitle(of_all if len(shown) == len(wrong) else f"{of_all}; the first {len(shown)}", color=GREY, size=11)
    return fig
