"""What all layers share: settings that say how they were made, and the lecture's numbers of the layers."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DtypeError, ShapeError, Tensor

from ..module import Module

__all__ = [
    "Activation",
    "Array",
    "First",
    "Layer",
    "follow",
    "fraction",
    "layer_of",
    "name_parameters",
    "sizes",
    "whole",
]

Array = npt.NDArray[Any]
First = Callable[[str, tuple[int, ...]], Array]
"""The first values of a parameter, by its name and shape; what `init=` may be instead of a name."""


class Layer(Module):
    """A module that is made of settings: its constructor's arguments, which it keeps under the same names."""

    settings: tuple[str, ...] = ()

    def config(self) -> dict[str, Any]:
        """See Module.config."""
        return {"type": type(self).__name__, **{name: self._setting(name) for name in self.settings}}

    def _setting(self, name: str) -> Any:
        value = getattr(self, name)
        return value is not None if name == "bias" and not isinstance(value, bool) else value  # a bias is a Tensor

    def __repr__(self) -> str:
        """As it was made: what is left to its default is left out."""
        defaults = {p.name: p.default for p in inspect.signature(type(self)).parameters.values()}
        words = []
        for name in self.settings:
            value, default = self._setting(name), defaults.get(name, inspect.Parameter.empty)
            if default is inspect.Parameter.empty:
                words.append(repr(value))
            elif value != default:
                words.append(f"{name}={value!r}")
        return f"{type(self).__name__}({', '.join(words)})"


class Activation(Layer):
    """a = f(z), neuron by neuron: (…) -> (…)."""

    function: Callable[[Any], Any]

    def forward(self, z: Any) -> Tensor:
        """The activity of each neuron."""
        z = z if isinstance(z, Tensor) else Tensor(z)
        a: Tensor = self.activity(z)
        if (role := z.role) is not None:
            a.role = ("a", role[1])
        return a

    def activity(self, z: Tensor) -> Tensor:
        """f(z); an activation with settings has its own."""
        a: Tensor = type(self).function(z)
        return a


# ---- the lecture's numbers -------------------------------------------------------------------------------


def layer_of(x: Tensor) -> int:
    """The number of the layer whose activities x are.  As in the lecture, the input is layer 1.

    So layers are numbered on the way of the signal: z and a, w and b know theirs, and pictures and messages
    say z2, a2, w2, b2, in every network that a layer is part of.
    """
    if (role := x.role) is not None:
        return role[1]
    if x.op is None and x.name is None:
        x.role = ("x", 1)
    return 1


def name_parameters(z: Tensor, layer: int, weight: Tensor, bias: Tensor | None) -> Tensor:
    """z, with the lecture's symbols for it and for what made it: z2 of w2 and b2."""
    z.role = ("z", layer)
    if weight.role != ("w", layer):
        weight.role = ("w", layer)
        if bias is not None:
            bias.role = ("b", layer)
    return z


def follow(y: Tensor, x: Tensor, symbol: str, further: int = 0) -> Tensor:
    """y, which a layer without a symbol in the lecture made of x: it belongs to the layer of x, or further on.

    The symbols: n for normalized, p for pooled, d after dropout, f for flattened (and back), e for an embedding,
    h for what an LSTM or attention shows, r for the sum of a residual block.
    """
    layer = layer_of(x) + further
    if y is not x:
        y.role = (symbol, layer)
    return y


# ---- settings --------------------------------------------------------------------------------------------


def whole(who: str, what: str, value: Any, least: int = 1) -> int:
    """The setting as an int; an error that names it if it is none, or too small."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise DtypeError(f"{who}: {what} is a whole number: got {what}={value!r:.60}")
    if value < least:
        raise ShapeError(f"{who}: {what} is {least} or more: got {what}={value!r:.60}")
    return int(value)


def sizes(who: str, what: str, value: Any, dims: int, least: int = 1) -> Any:
    """One whole number for all directions, or a tuple with one for each."""
    if not isinstance(value, (tuple, list)):
        return whole(who, what, value, least)
    if len(value) != dims:
        raise ShapeError(f"{who}: {what} is a number, or {dims} of them: got {what}={value!r:.60}")
    return tuple(whole(who, what, n, least) for n in value)


def fraction(who: str, what: str, value: Any, low: float = -math.inf, high: float = math.inf) -> float:
    """The setting as a float between the bounds, which are allowed."""
    if isinstance(value, (bool, str)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise DtypeError(f"{who}: {what} is a number: got {what}={value!r:.60}")
    if not low <= value <= high:  # NaN is not, either
        raise ValueError(f"{who}: {what} is between {low:g} and {high:g}: got {what}={value!r:.60}")
    return float(value)
