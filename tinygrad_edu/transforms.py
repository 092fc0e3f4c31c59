"""Functions that turn a function into its derivative."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .backprop import backprop
from .errors import GradientError
from .graph import recording
from .ops.shape import identity
from .tensor import Tensor

__all__ = ["grad", "value_and_grad"]


def value_and_grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., tuple[Any, Any]]:
    """A function that returns f(*args) and its gradient in the arguments numbered `argnums`.

    The gradient is a Tensor with a graph, so it can be differentiated again.

    >>> value_and_grad(lambda x: x**3)(2.0)
    (Tensor(8, grad=—, op=power), Tensor(12, grad=—, op=multiply))
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        wanted = (argnums,) if isinstance(argnums, int) else argnums
        inputs = list(args)
        before = recording.set(True)  # also inside no_grad(): the gradient needs a graph of its own
        try:
            for i in wanted:  # a copy of its own, so that the derivative is in this argument alone
                x = args[i] if isinstance(args[i], Tensor) else Tensor(args[i])
                inputs[i] = identity(x) if x.requires_grad else Tensor(x, requires_grad=True, copy=False)
            y = f(*inputs, **kwargs)
            if not isinstance(y, Tensor) or y.size != 1:
                raise GradientError(f"grad(f) needs an f that returns one number as a Tensor: it returned {y!r:.80}")
            xs = [inputs[i] for i in wanted]
            seed = Tensor(np.ones_like(y.data))
            found = backprop(y, seed, keep=xs, create_graph=True) if y.requires_grad else {}
            gradients = [found[x] if x in found else Tensor(np.zeros_like(x.data)) for x in xs]
        finally:
            recording.reset(before)
        if not recording.get():
            y, gradients = y.detach(), [g.detach() for g in gradients]
        return y, gradients[0] if isinstance(argnums, int) else tuple(gradients)

    return value_and_gradient


def grad(f: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function that returns the gradient of f.

    >>> grad(grad(lambda x: x**3))(2.0).item()
    12.0
    """
    both = value_and_grad(f, argnums)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient
