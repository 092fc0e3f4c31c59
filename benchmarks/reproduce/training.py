"""One training: data, network, cost, optimizer, and the accuracy after every epoch."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

import nn
from nn.data import Loader

from .experiments import Setting

__all__ = ["CHAPTER_6", "load", "network", "train"]

COSTS: dict[str, Callable[[], nn.Module]] = {
    "quadratic": nn.QuadraticCost,
    "cross-entropy": nn.SigmoidCrossEntropy,
    "softmax": nn.CrossEntropyLoss,
}


@cache
def load(name: str, folder: str | None = None) -> nn.Dataset:
    """MNIST; or the small digits in its shape, each of 8 x 8 pixels as 3 x 3, framed to 28 x 28."""
    if name == "MNIST":
        return nn.data.mnist(folder)
    digits = nn.data.digits()
    return nn.Dataset("digits", _large(digits.train[:1200]), _large(digits.train[1200:]), _large(digits.test))


def _large(examples: nn.Examples) -> nn.Examples:
    """(N, 64) -> (N, 784)"""
    pictures = np.kron(examples.x.reshape(-1, 8, 8), np.ones((1, 3, 3), np.float32))  # (N, 24, 24)
    framed = np.pad(pictures, ((0, 0), (2, 2), (2, 2)))
    return replace(examples, x=framed.reshape(len(examples), 784), image_shape=(28, 28))


def _detectors(activation: Callable[[], nn.Module], layers: int, **how: Any) -> list[nn.Module]:
    """One or two layers of 5 x 5 windows: (S, 1, 28, 28) -> (S, 20 · 12 · 12) or (S, 40 · 4 · 4)."""
    first = [nn.Conv2d(1, 20, 5, **how), activation(), nn.MaxPool2d(2)]
    second = [nn.Conv2d(20, 40, 5, **how), activation(), nn.MaxPool2d(2)]
    return [*first, *(second if layers == 2 else []), nn.Flatten()]


def _logits(hidden: int) -> nn.Linear:
    """(S, hidden) -> (S, 10): the book's softmax layer, whose weights and biases begin at 0."""
    return nn.Linear(hidden, 10, init="zeros")


def _dense(**how: Any) -> nn.Sequential:
    """What the convolutional nets are compared with: 100 hidden neurons, 10 logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 100, **how), nn.Sigmoid(), _logits(100))


def _conv(activation: Callable[[], nn.Module], layers: int, **how: Any) -> nn.Sequential:
    """The book's convolutional nets: detectors, 100 hidden neurons, 10 logits."""
    hidden = [nn.Linear(2880 if layers == 1 else 640, 100, **how), activation(), _logits(100)]
    return nn.Sequential(*_detectors(activation, layers, **how), *hidden)


def _dropout(**how: Any) -> nn.Sequential:
    """As the book's last one, but with one hidden layer of 1,000 neurons in place of two."""
    drop = [nn.Dropout(0.5, rng=how["rng"]) for _ in range(2)]
    hidden = [drop[0], nn.Linear(640, 1000, **how), nn.ReLU(), drop[1], _logits(1000)]
    return nn.Sequential(*_detectors(nn.ReLU, 2, **how), *hidden)


CHAPTER_6: dict[str, Callable[..., nn.Sequential]] = {
    "dense": _dense,
    "conv": lambda **how: _conv(nn.Sigmoid, 1, **how),
    "conv-conv": lambda **how: _conv(nn.Sigmoid, 2, **how),
    "conv-conv-relu": lambda **how: _conv(nn.ReLU, 2, **how),
    "conv-conv-dropout": _dropout,
}


def network(setting: Setting, rng: np.random.Generator) -> nn.Module:
    """The network before training; the cross-entropies take logits, so the last activation is theirs."""
    if setting.net in CHAPTER_6:
        return CHAPTER_6[setting.net](init=setting.init, rng=rng)
    if not setting.net.replace("-", "").isdigit():
        raise ValueError(f"there is no net {setting.net!r}: write 784-30-10, or one of {', '.join(CHAPTER_6)}")
    sizes = [int(n) for n in setting.net.split("-")]
    output = "sigmoid" if setting.cost == "quadratic" else "linear"
    return nn.MLP(sizes, output=output, init=setting.init, rng=rng)


class Look(nn.Callback):
    """The accuracy on the test and the validation images (%), after every so many epochs."""

    def __init__(self, data: nn.Dataset, every: int) -> None:
        self.data, self.every = data, every
        self.epochs: list[int] = []
        self.test: list[float] = []
        self.validation: list[float] = []

    def on_epoch_end(self, run: Any) -> None:
        """Look, and end if the command that began this training is gone."""
        parent = multiprocessing.parent_process()
        if parent is not None and not parent.is_alive():
            os._exit(1)  # an exception would only end this training, and the process would wait for the next for ever
        if run.epoch % self.every == 0:
            assert self.data.validation is not None
            self.epochs.append(run.epoch)
            self.test.append(100 * float(nn.accuracy(run.net, self.data.test)))
            self.validation.append(100 * float(nn.accuracy(run.net, self.data.validation)))


def train(setting: Setting, seed: int, data: nn.Dataset) -> dict[str, Any]:
    """Train with that seed: {"epochs": […], "test": […], "validation": […], "seconds": processor time}."""
    begun = time.process_time()
    rng = np.random.default_rng(seed)  # first weights, order of the examples, dropout, shifts
    net = network(setting, rng)
    if setting.net in CHAPTER_6:
        data = data.images()
    examples = data.train[: setting.images]
    weights = [p for p in net.parameters() if p.ndim > 1]
    biases = [p for p in net.parameters() if p.ndim == 1]
    groups = [{"params": weights, "weight_decay": setting.lmbda / len(examples)}, {"params": biases}]
    look = Look(data, setting.every)
    history = nn.fit(
        net,
        COSTS[setting.cost](),
        nn.optim.SGD(groups, setting.eta),
        Loader(
            examples,
            setting.batch,
            rng=rng,
            augment=nn.data.augment.Shift(setting.shift, whole=True) if setting.shift else None,
        ),
        setting.epochs,
        progress=False,
        callbacks=[look],
        jit=True,
    )
    if history.interrupted:  # fit ends in peace at Ctrl-C; half a training is no result
        raise KeyboardInterrupt
    seconds = time.process_time() - begun
    return {"epochs": look.epochs, "test": look.test, "validation": look.validation, "seconds": seconds}
