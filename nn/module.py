"""Module: something with parameters that turns one Tensor into another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, Tensor, guard_object
from tinygrad_edu.capture import captures

if TYPE_CHECKING:
    from .diagram import Diagram

__all__ = ["Module", "as_tensor"]


class Module:
    """Base class of layers and networks: parameters are the Tensors it holds that require a gradient.

    A subclass stores Tensors, Modules, and lists or dicts of them, as attributes, and defines `forward`.
    """

    training: bool = True

    def forward(self, *inputs: Any, **settings: Any) -> Any:
        """What the module computes; a subclass defines it."""
        raise TypeError(f"{type(self).__name__} does not say what it computes: define forward(self, x)")

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        if captures:
            guard_object(self)
        return self.forward(*inputs, **settings)

    # ---- what it holds -------------------------------------------------------------------------------

    def children(self) -> Iterator[tuple[str, Any]]:
        """The Tensors and Modules that it holds itself, with their names."""
        for name, value in vars(self).items():
            yield from _tensors_and_modules(name, value)

    def modules(self) -> Iterator[Module]:
        """Itself and every module inside, each once."""
        seen: set[int] = set()
        waiting = [self]
        while waiting:
            module = waiting.pop()
            if id(module) not in seen:
                seen.add(id(module))
                yield module
                waiting += reversed([child for _, child in module.children() if isinstance(child, Module)])

    def named_tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Every Tensor inside by its path, as "0.weight"; a shared one under each of its names."""
        yield from self._named("", ())

    def _named(self, prefix: str, inside: tuple[Module, ...]) -> Iterator[tuple[str, Tensor]]:
        for name, child in self.children():
            if not isinstance(child, Module):
                yield prefix + name, child
            elif child is not self and all(child is not outer for outer in inside):  # not its own parent
                yield from child._named(f"{prefix}{name}.", (*inside, self))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """The Tensors to be learned, each once, even where it is shared (tied)."""
        seen: set[int] = set()
        for name, t in self.named_tensors():
            if t.requires_grad and id(t) not in seen:
                seen.add(id(t))
                yield name, t

    def parameters(self) -> list[Tensor]:
        """The Tensors to be learned, each once."""
        return [t for _, t in self.named_parameters()]

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """The Tensors that are kept but not learned, as running means, and frozen parameters, each once."""
        seen: set[int] = set()
        for name, t in self.named_tensors():
            if not t.requires_grad and id(t) not in seen:
                seen.add(id(t))
                yield name, t

    def buffers(self) -> list[Tensor]:
        """The Tensors that are kept but not learned, each once."""
        return [t for _, t in self.named_buffers()]

    def zero_grad(self) -> None:
        """Forget every parameter's gradient."""
        for p in self.parameters():
            p.grad = None

    # ---- training or not -----------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Module:
        """Behave as in training (True) or as in use (False), where a module makes a difference; sets .training."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Behave as in use."""
        return self.train(False)

    # ---- its values ----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, npt.NDArray[Any]]:
        """A copy of every value by name, with PyTorch's names and shapes."""
        state: dict[str, npt.NDArray[Any]] = {}
        for name, t in self.named_tensors():
            if name in state:
                raise DataError(f"two Tensors of {type(self).__name__} have the name {name!r}: rename one")
            state[name] = t.numpy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over values by name: all of them, or, if one does not fit, none (DataError)."""
        mine = dict(self.named_tensors())
        missing, unknown = mine.keys() - state.keys(), state.keys() - mine.keys()
        if missing or unknown:
            raise DataError(
                f"the state does not fit {type(self).__name__}: missing {sorted(missing)}, unknown {sorted(unknown)}"
            )
        fitting: dict[int, tuple[Tensor, str, Any]] = {}
        for name, t in mine.items():
            value = _fitting(name, t, state[name])
            _, first, other = fitting.setdefault(id(t), (t, name, value))
            if not np.array_equal(other, value):
                raise DataError(f"{first!r} and {name!r} are one Tensor here (tied), and differ in the state")
        for t, _, value in fitting.values():
            t.assign(value, copy=False)

    def config(self) -> dict[str, Any]:
        """What its constructor needs to make another one of the same shape; a file of a model says this."""
        raise TypeError(f"{type(self).__name__} does not say how it was made: define config(self) to save it")

    def __repr__(self) -> str:
        if not any(True for _ in self.children()):
            return f"{type(self).__name__}()"
        inside = [f"  {name}: {child!r}".replace("\n", "\n  ") for name, child in self.children()]
        return f"{type(self).__name__}(\n" + "\n".join(inside) + "\n)"

    # ---- to look at: repr is how it was made, str and the notebook's display are a table --------------

    def draw(self, x: Any = None, *, gradients: bool = False) -> Diagram:
        """The network as circles and arrows, one arrow per weight; see nn.diagram.draw.

        x          an example (n_in,): the neurons show their activities
        gradients  True: the arrows are dC/dw, once backward() has found it
        """
        from .diagram import draw

        return draw(self, x, gradients=gradients)

    def __str__(self) -> str:
        from .summary import table

        return table(self)

    def _repr_html_(self) -> str:
        from .summary import html

        return html(self)


def _fitting(name: str, t: Tensor, value: Any) -> Any:
    """A copy of the value in the dtype of t; DataError if it does not fit into it."""
    try:
        array = np.array(value.data if isinstance(value, Tensor) else value)
    except ValueError as error:
        raise DataError(f"{name!r} is no array in the state: {error}") from None
    if array.shape != t.shape:
        raise DataError(f"{name!r} has shape {t.shape} here, and {array.shape} in the state")
    if not np.can_cast(array.dtype, t.dtype, "same_kind"):
        raise DataError(f"{name!r} has dtype {t.dtype} here, and {array.dtype} in the state")
    with np.errstate(over="ignore"):
        array = array.astype(t.dtype)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise DataError(f"{name!r} holds NaN or infinity, or a number too large for {t.dtype}, in the state")
    return array


def as_tensor(x: Any) -> Tensor:
    """x itself if it is a Tensor, else a Tensor of its values."""
    return x if isinstance(x, Tensor) else Tensor(x)


def _tensors_and_modules(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Module) or (isinstance(value, Tensor) and value.op is None):  # not what it computed
        yield name, value
    elif isinstance(value, (list, tuple)):
        for i, entry in enumerate(value):
            yield from _tensors_and_modules(f"{name}.{i}", entry)
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _tensors_and_modules(f"{name}.{key}", entry)
