"""Modules made of modules: one after the other, in a list, around a short cut; and the lecture's network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from tinygrad_edu import ShapeError, Tensor

from ..init import Seed, as_generator
from ..module import Module, as_tensor
from .activations import ACTIVATIONS
from .base import follow
from .linear import Linear

__all__ = ["MLP", "ModuleList", "Residual", "Sequential"]


class _Numbered(Module):
    """Modules by their places, "0", "1", …"""

    layers: list[Module]

    def children(self) -> Iterator[tuple[str, Any]]:
        """The modules by their places, then what a subclass holds besides."""
        for i, m in enumerate(self.layers):
            yield str(i), m
        yield from ((name, child) for name, child in super().children() if not name.startswith("layers."))

    def config(self) -> dict[str, Any]:
        """See Module.config."""
        return {"type": type(self).__name__, "layers": [m.config() for m in self.layers]}

    @overload
    def __getitem__(self, i: int) -> Module: ...
    @overload
    def __getitem__(self, i: slice) -> _Numbered: ...
    def __getitem__(self, i: int | slice) -> Module:
        if isinstance(i, slice):
            return self._like(self.layers[i])
        return self.layers[i]

    def _like(self, modules: list[Module]) -> _Numbered:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)


def _module(who: str, m: Any) -> Module:
    if not isinstance(m, Module):
        raise TypeError(f"{who} takes modules, as nn.Sigmoid(), not {m!r:.60}")
    return m


class Sequential(_Numbered):
    """Modules one after the other.  A module can be picked by its place: net[0]; and some of them: net[:-1]."""

    def __init__(self, *modules: Module) -> None:
        self.layers = [_module("Sequential", m) for m in modules]

    def forward(self, x: Any) -> Any:
        """The last module's output."""
        for m in self.layers:
            x = m(x)
        return x

    def _like(self, modules: list[Module]) -> Sequential:
        return Sequential(*modules)


class ModuleList(_Numbered):
    """Modules in a list, for a module of your own that says in its forward what each one does."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.layers = [_module("ModuleList", m) for m in modules]

    def append(self, module: Module) -> ModuleList:
        """One more module at the end."""
        self.layers.append(_module("ModuleList", module))
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """More modules at the end."""
        self.layers += [_module("ModuleList", m) for m in modules]
        return self

    def _like(self, modules: list[Module]) -> ModuleList:
        return ModuleList(modules)


class Residual(Module):
    """y = x + f(x), with f a module that keeps the shape: (…) -> (…).  (He et al., 2015)

    The slope of the short cut is 1, so that the error reaches the first layers of a deep network.
    """

    def __init__(self, module: Module) -> None:
        self.module = _module("Residual", module)

    def forward(self, x: Any) -> Tensor:
        """x + f(x)"""
        x = as_tensor(x)
        f = self.module(x)
        if f.shape != x.shape:
            raise ShapeError(f"Residual adds x and f(x), which need one shape: got x {x.shape}, f(x) {f.shape}")
        return follow(x + f, f, "r")

    def config(self) -> dict[str, Any]:
        """See Module.config."""
        return {"type": type(self).__name__, "module": self.module.config()}


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

    def config(self) -> dict[str, Any]:
        """A file holds the layers, and they are the network: it is loaded as a Sequential."""
        return super().config() | ({"type": "Sequential"} if type(self) is MLP else {})
