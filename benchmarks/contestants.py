"""One training step of a sigmoid network in every library: the same equations on the same float32 numbers.

Each class takes the sizes of the layers and the first parameters; `prepared` puts a mini-batch into the
library's own arrays, outside the timing; `step` does one step of SGD and returns the cost before it;
`values` are the parameters.  The quadratic cost is half the sum over the outputs, mean over the examples.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import numpy as np

import nn
from tinygrad_edu import Tensor

__all__ = ["PEERS", "Autograd", "MyGrad", "Ours", "OursTrainStep", "PyTorch", "first_parameters", "installed"]

Parameters = list[Any]  # w2, b2, w3, b3 …: weights (n_out, n_in), biases (n_out,)


def first_parameters(sizes: list[int], seed: int = 0) -> Parameters:
    """Standard normal, scaled by 1 / sqrt(n_in), so that no sigmoid is saturated."""
    rng = np.random.default_rng(seed)
    shapes = [s for n_in, n_out in pairwise(sizes) for s in ((n_out, n_in), (n_out,))]
    return [(rng.standard_normal(s) / np.sqrt(s[-1])).astype(np.float32) for s in shapes]


class Ours:
    """What the documentation tells people to write."""

    name = "tinygrad_edu"
    install = ""

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float) -> None:
        self.net = nn.MLP(sizes)
        self.net.load_state_dict(dict(zip(self.net.state_dict(), parameters, strict=True)))
        self.cost = nn.QuadraticCost()
        self.optimizer = nn.optim.SGD(self.net.parameters(), lr=eta)

    def prepared(self, x: Any, y: Any) -> tuple[Any, Any]:
        return Tensor(x, copy=False), Tensor(y, copy=False)

    def step(self, x: Any, y: Any) -> Any:
        cost = self.cost(self.net(x), y)
        self.optimizer.zero_grad()
        cost.backward()
        self.optimizer.step()
        return cost

    def values(self) -> Parameters:
        return [p.data for p in self.net.parameters()]


class OursTrainStep(Ours):
    """What nn.fit does: it also makes the mini-batches Tensors and looks whether the cost is finite."""

    name = "tinygrad_edu, nn.train_step"

    def prepared(self, x: Any, y: Any) -> tuple[Any, Any]:
        return x, y

    def step(self, x: Any, y: Any) -> Any:
        return nn.train_step(self.net, self.cost, self.optimizer, x, y)


class PyTorch:
    """Eager, with its own layers and optimizer."""

    name = "PyTorch eager"
    install = "torch==2.13.0"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float) -> None:
        import torch

        self.torch = torch
        layers: list[Any] = []
        for n_in, n_out in pairwise(sizes):
            layers += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
        self.net = torch.nn.Sequential(*layers)
        self.net.load_state_dict({k: torch.tensor(p) for k, p in zip(self.net.state_dict(), parameters, strict=True)})
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=eta)

    def prepared(self, x: Any, y: Any) -> tuple[Any, Any]:
        return self.torch.from_numpy(x), self.torch.from_numpy(y)

    def step(self, x: Any, y: Any) -> Any:
        error = self.net(x) - y
        cost = (error * error).sum() * (0.5 / len(x))
        self.optimizer.zero_grad()
        cost.backward()
        self.optimizer.step()
        return cost

    def values(self) -> Parameters:
        return [p.detach().numpy() for p in self.net.parameters()]


class MyGrad:
    """Its memory guard, which locks arrays while they are in a graph, is switched off: that is its fast setting."""

    name = "MyGrad"
    install = "mygrad"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float) -> None:
        import mygrad
        from mygrad.nnet.activations import sigmoid

        mygrad.turn_memory_guarding_off()
        self.tensor, self.sigmoid = mygrad.tensor, sigmoid
        self.parameters = [mygrad.tensor(p) for p in parameters]
        self.eta = eta

    def prepared(self, x: Any, y: Any) -> tuple[Any, Any]:
        return self.tensor(x, constant=True), self.tensor(y, constant=True)

    def step(self, x: Any, y: Any) -> Any:
        a = x
        for w, b in zip(self.parameters[::2], self.parameters[1::2], strict=True):
            a = self.sigmoid(a @ w.T + b)
        error = a - y
        cost = (error * error).sum() * np.float32(0.5 / len(x))  # a Python float would make the cost float64
        cost.backward()
        for p in self.parameters:
            p.data -= self.eta * p.grad
            p.null_grad()
        return cost

    def values(self) -> Parameters:
        return [p.data for p in self.parameters]


class Autograd:
    """HIPS autograd: the gradient of a function of plain arrays."""

    name = "HIPS autograd"
    install = "autograd"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float) -> None:
        import autograd
        import autograd.numpy as anp

        self.parameters = [p.copy() for p in parameters]
        self.eta = eta

        def cost(parameters: Parameters, x: Any, y: Any) -> Any:
            a = x
            for w, b in zip(parameters[::2], parameters[1::2], strict=True):
                a = 1 / (1 + anp.exp(-(anp.dot(a, w.T) + b)))
            error = a - y
            return anp.sum(error * error) * (0.5 / len(x))

        self.value_and_grad = autograd.value_and_grad(cost)

    def prepared(self, x: Any, y: Any) -> tuple[Any, Any]:
        return x, y

    def step(self, x: Any, y: Any) -> Any:
        cost, gradients = self.value_and_grad(self.parameters, x, y)
        for p, g in zip(self.parameters, gradients, strict=True):
            p -= self.eta * g
        return cost

    def values(self) -> Parameters:
        return self.parameters


PEERS: list[Any] = [PyTorch, MyGrad, Autograd]


def installed(classes: Iterable[Any], *args: Any) -> tuple[list[Any], list[str]]:
    """The contestants that can be made here, and a line for each one that cannot."""
    there, missing = [], []
    for contestant in classes:
        try:
            there.append(contestant(*args))
        except ModuleNotFoundError as error:
            if not contestant.install:
                raise  # ours and NumPy must be there
            missing.append(f"{contestant.name} is skipped ({error.msg}): pip install {contestant.install}")
    return there, missing
