"""Layers: linear maps and activation functions, and networks made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ShapeError, Tensor, linear, relu, sigmoid, tanh

from .init import Seed, as_generator, init_linear
from .module import Module, as_tensor

__all__ = ["MLP", "Linear", "ReLU", "Sequential", "Sigmoid", "Tanh"]


class Linear(Module):
    """z_i = b_i + sum_j w_ij x_j:  x (…, n_in) -> z (…, n_out).

    weight (n_out, n_in): weight[i, j] is w_ij, from neuron j to neuron i; bias (n_out,): bias[i] is b_i.
    init is a name of `nn.init.INITS`; rng a seed or a generator.
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        bias: bool = True,
        *,
        init: str = "uniform",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        sizes: list[Any] = [n_in, n_out]
        if not all(isinstance(n, (int, np.integer)) and n >= 1 for n in sizes):
            raise ShapeError(
                f"Linear needs one neuron or more on each side, whole ones: got n_in={n_in}, n_out={n_out}"
            )
        w, b = init_linear(init, n_out, n_in, rng)
        self.weight = Tensor(w, requires_grad=True, dtype=dtype)
        self.bias = Tensor(b, requires_grad=True, dtype=dtype) if bias else None

    def forward(self, x: Any) -> Tensor:
        """Z = X Wᵀ + b, one example per row."""
        x = as_tensor(x)
        z: Tensor = linear(x, self.weight, self.bias)
        layer = _layer_of(x) + 1
        z.role = ("z", layer)
        if self.weight.role != ("w", layer):
            self.weight.role = ("w", layer)
            if self.bias is not None:
                self.bias.role = ("b", layer)
        return z

    def config(self) -> dict[str, Any]:
        """See Module.config."""
        n_out, n_in = self.weight.shape
        return {"type": "Linear", "n_in": n_in, "n_out": n_out, "bias": self.bias is not None}

    def __repr__(self) -> str:
        n_out, n_in = self.weight.shape
        return f"Linear({n_in}, {n_out}{'' if self.bias is not None else ', bias=False'})"


def _layer_of(x: Tensor) -> int:
    """The number of the layer whose activities x are.  As in the lecture, the input is layer 1.

    So layers are numbered on the way of the signal: z and a, w and b know theirs, and pictures and messages
    say z2, a2, w2, b2, in every network that a layer is part of.
    """
    if x.role is not None:
        return x.role[1]
    if x.op is None and x.name is None:
        x.role = ("x", 1)
    return 1


class Activation(Module):
    """a = f(z), neuron by neuron."""

    function: Callable[[Any], Any]

    def forward(self, z: Any) -> Tensor:
        """The activity of each neuron."""
        z = as_tensor(z)
        a: Tensor = type(self).function(z)
        if z.role is not None:
            a.role = ("a", z.role[1])
        return a

    def config(self) -> dict[str, Any]:
        """See Module.config."""
        return {"type": type(self).__name__}

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class Sigmoid(Activation):
    """a = sigma(z) = 1 / (1 + e^-z), with sigma' = a (1 - a)."""

    function = sigmoid


class Tanh(Activation):
    """a = tanh z, with derivative 1 - a^2."""

    function = tanh


class ReLU(Activation):
    """a = max(z, 0), with derivative 0 at z = 0."""

    function = relu


class Sequential(Module):
    """Modules one after the other.  A module can be picked by its place: net[0]."""

    def __init__(self, *modules: Module) -> None:
        for m in modules:
            if not isinstance(m, Module):
                raise TypeError(f"Sequential takes modules, as nn.Sigmoid(), not {m!r:.60}")
        self.layers = list(modules)

    def children(self) -> Iterator[tuple[str, Any]]:
        """The modules by their places, "0", "1", …, then what a subclass holds besides."""
        for i, m in enumerate(self.layers):
            yield str(i), m
        yield from ((name, child) for name, child in super().children() if not name.startswith("layers."))

    def forward(self, x: Any) -> Any:
        """The last module's output."""
        for m in self.layers:
            x = m(x)
        return x

    def config(self) -> dict[str, Any]:
        """See Module.config."""
        return {"type": "Sequential", "layers": [m.config() for m in self.layers]}

    def __getitem__(self, i: int) -> Module:
        return self.layers[i]

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)


ACTIVATIONS: dict[str, type[Activation]] = {"sigmoid": Sigmoid, "tanh": Tanh, "relu": ReLU}


class MLP(Sequential):
    """The lecture's network: layers of neurons, each one connected to all of the layer before.

    MLP([784, 30, 10]) has 784 inputs, one hidden layer of 30 neurons and 10 outputs, all sigmoid, and
    starts from standard normal parameters, as the book's first network does.  output="linear" leaves out
    the last activation, for a cost that takes logits.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        activation: str = "sigmoid",
        *,
        output: str | None = None,
        init: str = "standard_normal",
        rng: Seed = None,
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ShapeError(f"MLP needs the number of inputs and of outputs at least, as [784, 30, 10]: got {sizes}")
        output = activation if output is None else output
        for name in (activation, output):
            if name != "linear" and name not in ACTIVATIONS:
                raise ValueError(f"there is no activation {name!r}: choose one of linear, {', '.join(ACTIVATIONS)}")
        rng = as_generator(rng)
        modules: list[Module] = []
        for i, (n_in, n_out) in enumerate(pairwise(sizes)):
            name = output if i == len(sizes) - 2 else activation
            modules.append(Linear(n_in, n_out, init=init, rng=rng, dtype=dtype))
            if name != "linear":
                modules.append(ACTIVATIONS[name]())
        super().__init__(*modules)
