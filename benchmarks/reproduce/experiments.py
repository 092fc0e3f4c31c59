"""The experiments: one row each, and what it is beside the book's own number.

The book is Michael Nielsen, Neural Networks and Deep Learning (2015), chapters 1, 3, 5 and 6.  Where its text gives
no number for a row, there is none here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["EXPERIMENTS", "GROUPS", "SHORT", "Experiment", "Group", "Setting", "short"]

NETS = {  # of training.CHAPTER_6, layer by layer: 20C5 is a convolution, 20 windows of 5 x 5, P2 max-pooling by 2 x 2
    "dense": "784-100-softmax 10",
    "conv": "20C5-P2-100-softmax 10",
    "conv-conv": "20C5-P2-40C5-P2-100-softmax 10",
    "conv-conv-relu": "20C5-P2-40C5-P2-100-softmax 10, ReLU",
    "conv-conv-dropout": "20C5-P2-40C5-P2-1000-softmax 10, ReLU, dropout 0.5",
}


@dataclass(frozen=True)
class Setting:
    """All that decides a training, but for its seed: equal settings, equal results, trained once."""

    net: str  # "784-30-10": neurons per layer, all sigmoid; or the name of a net in training.CHAPTER_6
    cost: str  # "quadratic", "cross-entropy" (of sigmoid outputs) or "softmax" (log-likelihood of softmax outputs)
    eta: float
    lmbda: float = 0.0  # lambda of the L2 term lambda/(2n) sum of w², n training images, biases left alone
    epochs: int = 30
    batch: int = 10
    init: str = "standard_normal"  # of nn.init
    images: int = 50_000  # the first ones of the training images
    every: int = 1  # epochs from one look at the test and validation images to the next
    shift: int = 0  # pixels by which each training image is moved at random, anew in every epoch

    def key(self) -> dict[str, Any]:
        """Every field: what a stored result is found by."""
        return asdict(self)

    def text(self) -> str:
        """For the table: the fields that a reader needs."""
        facts = [NETS.get(self.net, self.net), {"softmax": "log-likelihood"}.get(self.cost, self.cost)]
        facts += [f"η {self.eta:g}"]
        facts += [f"λ {self.lmbda:g}"] if self.lmbda else []
        facts += [{"standard_normal": "N(0, 1)", "scaled_normal": "N(0, 1/n_in)"}.get(self.init, self.init)]
        facts += [f"{self.images:,} images"] if self.images != 50_000 else []
        facts += [f"shifted by up to {self.shift} pixel"] if self.shift else []
        return ", ".join([*facts, f"{self.epochs:,} epochs"])


@dataclass(frozen=True)
class Group:
    """Experiments that are read together: a table and a plot."""

    name: str
    title: str
    chapter: int
    text: str  # what they show
    across: str = "epoch"  # what the plot goes along: "epoch", or a field of Setting


@dataclass(frozen=True)
class Experiment:
    """A row of the table: a training, and the number of the book that stands beside it."""

    name: str
    group: str
    label: str  # short, for the plot
    setting: Setting
    book: float | None = None  # percent
    about: str = ""  # "below": the book says "below 87 %"
    counted: str = "best"  # the book's number is that after the best, last or first epoch; "chosen": see Row.counted
    on: str = "test"  # on the test or the validation images
    seeds: int = 99  # no more runs than that: for what takes long
    shortened: bool = False  # on the small digits: table and plots say so


GROUPS = (
    Group(
        "hidden",
        "Hidden neurons",
        1,
        "The lecture's network: sigmoid, quadratic cost. More hidden neurons can do more, "
        "but from standard normal weights they start saturated, and some runs never learn one of the digits.",
    ),
    Group(
        "eta",
        "Learning rates",
        1,
        "Too small a learning rate, and 30 epochs lead nowhere; too large a one, "
        "and every neuron is saturated after the first steps and stays so.",
    ),
    Group(
        "entropy",
        "Cross-entropy",
        3,
        "δ = a − y at the output, without the σ′ that makes a badly wrong neuron learn slowly.",
    ),
    Group(
        "l2",
        "L2 regularization",
        3,
        "Weights that must stay small cannot learn the training images by heart: "
        "most helpful where there are few images.",
    ),
    Group(
        "init",
        "First weights",
        3,
        "Weights divided by √n_in leave no neuron saturated at the start. "
        "Look at the first epoch: later the others catch up.",
    ),
    Group(
        "depth",
        "One to four hidden layers",
        5,
        "More layers do not help: the gradient vanishes on its way back, "
        "and the first layers hardly learn. `examples/vanishing_gradients.py` measures it.",
    ),
    Group(
        "images",
        "Training images",
        3,
        "The same network and the same number of updates on fewer images: "
        "nothing helps as much as more data. The book draws this curve and prints no numbers.",
        across="images",
    ),
    Group(
        "conv",
        "Convolutional nets",
        6,
        "Neurons that see a window and share their weights. "
        "Fewer epochs here than the book's 60 (40 with dropout), and a smaller last net: see docs/reproduce.md.",
    ),
)


def _hidden(eta: float, net: str = "784-30-10", **more: Any) -> Setting:
    """Chapter 1: the quadratic cost and standard normal parameters."""
    return Setting(net, "quadratic", eta, **more)


def _entropy(net: str, eta: float, lmbda: float = 0.0, **more: Any) -> Setting:
    """Chapters 3 and 5: the cross-entropy of sigmoid outputs."""
    return Setting(net, "cross-entropy", eta, lmbda, **more)


def _scaled(hidden_layers: int) -> Setting:
    """Chapter 5: layers of 30, from weights divided by sqrt(n_in)."""
    return _entropy("784" + "-30" * hidden_layers + "-10", 0.1, 5.0, init="scaled_normal")


def _images(n: int) -> Setting:
    """As many updates on n images as in 30 epochs on all; lambda/n stays the same, and so does each update's decay."""
    epochs = 30 * 50_000 // n
    more = {"epochs": epochs, "every": epochs // 30, "images": n, "init": "scaled_normal"}
    return _entropy("784-30-10", 0.5, 5.0 * n / 50_000, **more)


def _conv(net: str, eta: float, epochs: int, **more: Any) -> Setting:
    """Chapter 6: softmax outputs, from weights divided by sqrt(n_in)."""
    return Setting(net, "softmax", eta, epochs=epochs, init="scaled_normal", **more)


E = Experiment
EXPERIMENTS = (
    E("hidden-30", "hidden", "30 hidden", _hidden(3.0), 95.42),
    E("hidden-100", "hidden", "100 hidden", _hidden(3.0, "784-100-10"), 96.59),
    E("eta-0.001", "eta", "η 0.001, 100 hidden", _hidden(0.001, "784-100-10"), 21.42, counted="last"),
    E("eta-0.1", "eta", "η 0.1", _hidden(0.1)),
    E("eta-1", "eta", "η 1", _hidden(1.0)),
    E("eta-3", "eta", "η 3", _hidden(3.0), 95.42),
    E("eta-10", "eta", "η 10", _hidden(10.0)),
    E("eta-100", "eta", "η 100", _hidden(100.0), 9.82, counted="last"),
    E("entropy-30", "entropy", "30 hidden", _entropy("784-30-10", 0.5), 95.49),
    E("entropy-100", "entropy", "100 hidden", _entropy("784-100-10", 0.5), 96.82),
    E("l2-few-0", "l2", "1,000 images, λ 0", _entropy("784-30-10", 0.5, images=1000, epochs=400), 82.27),
    E("l2-few", "l2", "1,000 images, λ 0.1", _entropy("784-30-10", 0.5, 0.1, images=1000, epochs=400), 87.1),
    E("l2-30", "l2", "30 hidden, λ 5", _entropy("784-30-10", 0.5, 5.0), 96.49),
    E("l2-100", "l2", "100 hidden, λ 5", _entropy("784-100-10", 0.5, 5.0), 97.92, on="validation"),
    E("l2-100-60", "l2", "100 hidden, λ 5, η 0.1", _entropy("784-100-10", 0.1, 5.0, epochs=60), 98.04, on="validation"),
    E("init-normal", "init", "N(0, 1)", _entropy("784-30-10", 0.1, 5.0), 87, "below", "first", "validation"),
    E("init-scaled", "init", "N(0, 1/n_in)", _scaled(1), 93, "almost", "first", "validation"),
    E("init-100", "init", "N(0, 1/n_in), 100 hidden", _hidden(3.0, "784-100-10", init="scaled_normal"),
      counted="first"),
    E("depth-1", "depth", "1 hidden layer", _scaled(1), 96.48, on="validation"),
    E("depth-2", "depth", "2 hidden layers", _scaled(2), 96.90, on="validation"),
    E("depth-3", "depth", "3 hidden layers", _scaled(3), 96.57, on="validation"),
    E("depth-4", "depth", "4 hidden layers", _scaled(4), 96.53, on="validation"),
    *(E(f"images-{n}", "images", f"{n:,}", _images(n), counted="last") for n in (100, 500, 2_000, 10_000, 50_000)),
    E("conv-0", "conv", "no convolution", _conv("dense", 0.1, 60), 97.80, counted="chosen"),
    E("conv-1", "conv", "1 convolution", _conv("conv", 0.1, 15), 98.78, counted="chosen", seeds=2),
    E("conv-2", "conv", "2 convolutions", _conv("conv-conv", 0.1, 15), 99.06, counted="chosen", seeds=2),
    # the book's chapter 6 divides its lambda, 0.1, by the 5,000 mini-batches and not by the images: our 1.0
    E("conv-relu", "conv", "2 convolutions, ReLU", _conv("conv-conv-relu", 0.03, 12, lmbda=1.0),
      99.23, counted="chosen", seeds=2),
    E("conv-dropout", "conv", "2, ReLU, dropout, shifts", _conv("conv-conv-dropout", 0.03, 15, shift=1),
      99.60, counted="chosen", seeds=1),
)  # fmt: skip


SHORT = "short form: the small digits, few images, few epochs, one seed; it shows that everything runs, no result"


def short(experiment: Experiment) -> Experiment:
    """The same on the small digits in a second or less: it shows that everything runs, and nothing of the book."""
    setting = experiment.setting
    images, epochs = (300, 2) if "conv" in setting.net else (1_200, 10)
    few = replace(setting, images=min(setting.images, images), epochs=min(setting.epochs, epochs), every=1)
    label = experiment.label.replace(f"{setting.images:,}", f"{few.images:,}")
    return replace(experiment, label=label, setting=few, book=None, seeds=1, shortened=True)
