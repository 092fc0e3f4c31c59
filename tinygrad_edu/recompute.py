"""checkpoint: trade time for memory by computing once more what backward() needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .backprop import backprop
from .capture import capturing
from .errors import GradientError
from .graph import Watcher, is_grad_enabled, recording
from .op import Op
from .ops.elementwise import zeros_like
from .tensor import Tensor, record

__all__ = ["checkpoint"]


class _Notebook(Watcher):
    """Which Tensors were made inside, and which from outside they were made from."""

    def __init__(self) -> None:
        self.inside: set[Tensor] = set()
        self.used: dict[Tensor, None] = {}

    def made(self, t: Any) -> None:
        self.inside.add(t)
        for x in t.inputs:
            if isinstance(x, Tensor) and x.requires_grad and x not in self.inside:
                self.used[x] = None
        super().made(t)


def checkpoint(f: Callable[..., Tensor], *inputs: Any) -> Tensor:
    """f(*inputs) without keeping what is inside f: backward() computes it once more when it gets there.

    f takes and returns Tensors, and must do the same again when it is called again (no random draws).  What
    f uses from outside, as the weights of a layer, receives its gradient as usual.
    Source: Chen et al., Training Deep Nets with Sublinear Memory Cost, 2016.
    """
    given = [x if isinstance(x, Tensor) else Tensor(x) for x in inputs]
    if not is_grad_enabled() or capturing():  # jit plans the memory of what it records itself
        return f(*given)
    own = [Tensor(x.detach(), x.requires_grad, copy=False) for x in given]
    with _Notebook() as notebook:
        y = f(*own)
    if not isinstance(y, Tensor):
        raise GradientError(f"checkpoint(f, …) needs an f that returns one Tensor: it returned {y!r:.80}")
    value = y._data
    mine = set(own)
    outside = [x for x in notebook.used if x not in mine]
    n = len(given)
    del notebook, y, own, mine  # the graph inside f is freed here

    def parts(g: Any, z: Any, *xs: Any) -> list[Any]:
        on_tensors = isinstance(g, Tensor)
        arguments = (
            list(xs[:n])
            if on_tensors
            else [Tensor(a, x.requires_grad, copy=False) for a, x in zip(xs, given, strict=False)]
        )
        for x, a in zip(outside, xs[n:], strict=True):
            if not on_tensors and x._data is not a and not np.array_equal(x._data, a, equal_nan=True):
                raise GradientError(f"{x!r} was changed between checkpoint() and backward(): it cannot be recomputed")
        mode = recording.get()
        recording.set(mode or True)  # backward() may be called inside no_grad(); the sweep needs this graph
        try:
            again = f(*arguments)
        finally:
            recording.set(mode)
        if not np.array_equal(again._data, value, equal_nan=True):
            raise GradientError("checkpoint: f gave another value when it was called again; it must not draw at random")
        wanted = [x for x in (*arguments, *outside) if isinstance(x, Tensor) and x.requires_grad]
        found = backprop(again, g, create_graph=on_tensors, wanted=wanted) if again.requires_grad else {}
        return [found[x] if x in found else zeros_like(x if on_tensors else x._data) for x in (*arguments, *outside)]

    op = Op("checkpoint", lambda *_: value, parts, formula=f"{getattr(f, '__name__', 'f')}, computed again when needed")
    return record(op, (*given, *outside))
