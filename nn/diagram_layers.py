"""What net.draw() draws: the layers of a network of Linear layers and activations, with their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DrawingError, ShapeError, Tensor, no_grad
from tinygrad_edu.visual.text import literal, number, subscript, superscript

from .layers import Activation, Linear, ReLU, Sequential, Sigmoid, Tanh
from .module import Module

__all__ = ["Array", "Layer", "activities_of", "linear_layers", "read_layers", "short"]

Array = npt.NDArray[Any]

MOST = 16  # neurons of a layer that are all drawn; of more, the first and the last
FIRST, LAST = 6, 2

Pair = tuple[Linear, Activation | None]


@dataclass(frozen=True)
class Layer:
    """A column of neurons, and what leads to it."""

    number: int
    size: int
    rule: str  # a⁽²⁾ = σ(z⁽²⁾)
    weight: Array | None = None  # (size, size before): the values, or the gradient; None: not computed, or input
    bias: Array | None = None
    biased: bool = False
    activity: Array | None = None

    @property
    def shown(self) -> list[int | None]:
        """The neurons that are drawn, None for those left out."""
        if self.size <= MOST:
            return list(range(self.size))
        return [*range(FIRST), None, *range(self.size - LAST, self.size)]

    def label(self, i: int) -> str:
        return f"{'x' if self.number == 1 else 'a'}{subscript(i + 1)}"


def linear_layers(net: Module, purpose: str = "net.draw() draws") -> list[Pair]:
    """The Linear layers, each with the activation after it; DrawingError for another network, naming the purpose."""
    chain: list[Pair] = []
    for m in _flat(net):
        if isinstance(m, Linear) and type(m).forward is Linear.forward:
            if chain and chain[-1][0].weight.shape[0] != m.weight.shape[1]:
                before, after = chain[-1][0], m
                raise DrawingError(f"{before!r} does not fit before {after!r}: its outputs are the next one's inputs")
            chain.append((m, None))
        elif isinstance(m, Activation) and chain and chain[-1][1] is None:
            chain[-1] = (chain[-1][0], m)
        else:
            where = "has one more activation" if isinstance(m, Activation) else f"has a {_name(m)}"
            raise _undrawable(purpose, f"this {_name(net)} {where}")
    if not chain:
        raise _undrawable(purpose, f"this {_name(net)} has no Linear layer")
    return chain


def _flat(net: Module) -> Iterator[Module]:
    """The modules in the order of the signal, without the Sequentials around them."""
    if isinstance(net, Sequential) and type(net).forward is Sequential.forward:
        for m in net:
            yield from _flat(m)
    else:
        yield net


def _undrawable(purpose: str, reason: str) -> DrawingError:
    return DrawingError(
        f"{purpose} networks of Linear layers with at most one activation after each, as nn.MLP([2, 3, 1]); "
        f"{reason}.  Any computation can be drawn by its cost: tinygrad_edu.draw(cost)"
    )


def _name(m: Module) -> str:
    return literal(type(m).__name__)


def activities_of(chain: list[Pair], x: Any) -> list[Array]:
    """The activities of every layer for one example."""
    array = (x.data if isinstance(x, Tensor) else Tensor(x).data).astype(np.float64)
    n_in = chain[0][0].weight.shape[1]
    if array.size != n_in:
        hint = "  One example of a batch: net.draw(x[0])" if array.ndim > 1 and array.size % n_in == 0 else ""
        raise ShapeError(f"net.draw(x) needs one example of {n_in} numbers; got shape {array.shape}.{hint}")
    found = [array.reshape(n_in)]
    with no_grad():
        a = Tensor(found[0].reshape(1, n_in).astype(chain[0][0].weight.dtype), copy=False)
        for linear, activation in chain:
            z = linear(a)
            a = z if activation is None else activation(z)
            found.append(a.data.reshape(-1))
    return found


def read_layers(chain: list[Pair], activities: list[Array] | None, gradients: bool) -> Iterator[Layer]:
    of: Iterator[Array | None] = repeat(None) if activities is None else iter(activities)
    yield Layer(1, chain[0][0].weight.shape[1], f"a{superscript(1)} = x", activity=next(of))
    for l, (linear, activation) in enumerate(chain, start=2):
        b = linear.bias
        yield Layer(
            l,
            linear.weight.shape[0],
            f"a{superscript(l)} = {_rule(activation, f'z{superscript(l)}')}",
            _numbers(linear.weight, gradients),
            None if b is None else _numbers(b, gradients),
            b is not None,
            next(of),
        )


def _rule(activation: Activation | None, z: str) -> str:
    """The activation in the lecture's symbols."""
    if activation is None:
        return z
    known = {Sigmoid: f"σ({z})", Tanh: f"tanh {z}", ReLU: f"max({z}, 0)"}
    return known.get(type(activation), f"{literal(type(activation).__name__, 16)}({z})")


def _numbers(t: Tensor, gradients: bool) -> Array | None:
    """The values, or the gradient; None if it is not computed."""
    shown = t.grad if gradients else t
    return None if shown is None else shown.data.astype(np.float64)


def short(value: float) -> str:
    return number(value, 3).replace("-", "−").replace("inf", "∞").replace("nan", "NaN")
