"""The function that is checked, the values that it is differentiated in, and what backward() finds there."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from ..backprop import backprop
from ..errors import GradientError
from ..graph import no_grad, recording
from ..op import Op
from ..tensor import Tensor

__all__ = ["Problem", "Weigh", "values_of"]

Array = npt.NDArray[Any]
Weigh = Callable[[Any], Any]  # from the output y to the seed dC/dy


class Problem:
    """f, and the values that it is differentiated in, in float64."""

    def __init__(
        self, f: Callable[..., Any], inputs: Any, parameters: Any, names: Iterable[str] | None, plain: bool = False
    ) -> None:
        self.f, self.inputs, self.plain = f, inputs, plain
        self.parameters, given = _named(parameters) if parameters is not None else ([], [])
        self.places: list[int] = []
        if parameters is None:
            tracked = any(isinstance(x, Tensor) and x.requires_grad for x in inputs)
            for i, x in enumerate(inputs):
                constant = tracked and isinstance(x, Tensor) and not x.requires_grad
                if np.asarray(values_of(x)).dtype.kind == "f" and not constant:
                    self.places.append(i)
        leaves = self.parameters or [inputs[i] for i in self.places]
        if not leaves:
            raise GradientError(
                "there is nothing to check: give check_gradients an input of real numbers, as "
                "check_gradients(f, np.array([1.0, 2.0])), or parameters=net"
            )
        self.upcast = sorted({str(d) for x in leaves if (d := np.asarray(values_of(x)).dtype) != np.float64})
        self.values = [np.array(values_of(x), dtype=np.float64) for x in leaves]
        if self.parameters:
            with no_grad():
                f(*inputs)  # layers tell their parameters w2 and b2 from w3 and b3 when they are first used
            called = [n or p._called() for n, p in zip(given, self.parameters, strict=True)]
            self.names = [f"p{k}" if n == "this Tensor" else n for k, n in enumerate(called)]
        else:
            said = _argument_names(f, len(inputs))
            self.names = [getattr(inputs[i], "name", None) or said[i] for i in self.places]
        self.names = list(names) if names is not None else self.names

    @contextmanager
    def leaves(self, values: list[Array]) -> Iterator[tuple[list[Any], list[Any]]]:
        """The arguments of f and the Tensors to differentiate in, with these values."""
        if not self.parameters:
            args = list(self.inputs)
            for i, a in zip(self.places, values, strict=True):
                args[i] = Tensor(a, requires_grad=True, name=getattr(self.inputs[i], "name", None))
            yield args, [args[i] for i in self.places]
            return
        before = [p._data for p in self.parameters]
        try:
            for p, a in zip(self.parameters, values, strict=True):
                p._data = a.copy() if a.ndim else a[()]  # in float64, which assign() would cast back
            yield list(self.inputs), self.parameters
        finally:
            for p, data in zip(self.parameters, before, strict=True):
                p._data = data

    def value(self, values: list[Array]) -> Array:
        """f, as an array."""
        if self.plain:
            args = list(self.inputs)
            for i, a in zip(self.places, values, strict=True):
                args[i] = a
            try:
                z = self.f(*args)
                if not isinstance(z, Tensor):
                    return np.asarray(z)
            except (AttributeError, TypeError):
                pass
            self.plain = False  # made for Tensors
        with no_grad(), self.leaves(values) as (args, _):
            return np.asarray(_output(self.f(*args))._data)

    def complex_value(self, values: list[Any]) -> Any:
        """f of plain complex arrays; any error says that it does not take them."""
        args = list(self.inputs)
        for i, a in zip(self.places, values, strict=True):
            args[i] = a
        return self.f(*args)

    def output(self, values: list[Array]) -> Any:
        """f as a Tensor with its graph."""
        before = recording.set(True)
        try:
            with self.leaves(values) as (args, _):
                return _output(self.f(*args))
        finally:
            recording.reset(before)

    def gradient(self, values: list[Array], weigh: Weigh, create_graph: bool = False) -> list[Array]:
        """dC/dx for every leaf, where dC/dy = weigh(y)."""
        before = recording.set(True)
        try:
            with self.leaves(values) as (args, leaves):
                y = _output(self.f(*args))
                return [np.asarray(values_of(g)) for g in _gradients(y, leaves, weigh, create_graph)]
        finally:
            recording.reset(before)

    def second(self, values: list[Array], weigh: Weigh, along: list[Array]) -> list[Array]:
        """d<along, dC/dx>/dx: reverse mode over reverse mode."""
        before = recording.set(True)
        try:
            with self.leaves(values) as (args, leaves):
                y = _output(self.f(*args))
                total = [np.zeros(a.shape) for a in values]
                for g, u in zip(_gradients(y, leaves, weigh, True), along, strict=True):
                    if isinstance(g, Tensor) and g.requires_grad:
                        for k, part in enumerate(_gradients(g, leaves, _constant(u), False)):
                            total[k] = total[k] + np.asarray(part)
                return total
        finally:
            recording.reset(before)


def _constant(seed: Array) -> Weigh:
    return lambda _: seed


def _gradients(y: Any, leaves: list[Any], weigh: Weigh, create_graph: bool) -> list[Any]:
    seed = weigh(y if create_graph else y._data)
    if not y.requires_grad:
        return [np.zeros(x.shape) for x in leaves]
    if create_graph:
        seed = seed if isinstance(seed, Tensor) else Tensor(seed, dtype=y.dtype)
        seed = seed if seed.dtype == y.dtype else seed.astype(y.dtype)
    else:
        seed = np.asarray(seed, dtype=y.dtype)[()]
    with np.errstate(all="ignore"):
        found = backprop(y, seed, keep=leaves, create_graph=create_graph)
    return [found[x] if x in found else np.zeros(x.shape) for x in leaves]


def _output(y: Any) -> Any:
    if not isinstance(y, Tensor) or y.dtype.kind != "f":
        raise GradientError(
            f"the function must return a Tensor of real numbers: it returned {y!r:.80}.  "
            f"Was the graph left with .data, .numpy() or .item()?"
        )
    return y


def values_of(x: Any) -> Any:
    return x._data if isinstance(x, Tensor) else x


def _named(parameters: Any) -> tuple[list[Any], list[str | None]]:
    """The parameters of a net, a dict, pairs (name, parameter) or plain Tensors, and their names if given."""
    if hasattr(parameters, "named_parameters"):
        return list(parameters.parameters()), [None] * len(list(parameters.parameters()))
    pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
    pairs = [p if isinstance(p, tuple) else (None, p) for p in ([pairs] if isinstance(pairs, Tensor) else pairs)]
    for _, p in pairs:
        if not isinstance(p, Tensor) or not p.requires_grad or p.op is not None:
            raise GradientError(f"parameters are leaves that require a gradient, not {p!r:.80}")
    return [p for _, p in pairs], [name for name, _ in pairs]


def _argument_names(f: Callable[..., Any], count: int) -> list[str]:
    """x, y as the function calls them."""
    spare = ["xyzuvw"[k] if k < 6 else f"x{k}" for k in range(count)]
    if isinstance(f, Op):
        return spare
    try:
        said = [p.name for p in inspect.signature(f).parameters.values() if p.kind in (0, 1)]
    except (TypeError, ValueError):
        said = []
    return (said + spare[len(said) :])[:count] if len(said) <= count or said else spare
