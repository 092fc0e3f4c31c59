"""trace(cost): one run of backpropagation as data, step by step, for pages, text and tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DrawingError, DtypeError, GradientError
from ..tensor import Tensor
from .recorder import Lines, Recorder
from .text import is_real

__all__ = ["Trace", "trace"]


def trace(
    cost: Tensor | Callable[[], Tensor],
    model: Any = None,
    *,
    eta: float | None = None,
    depth: int | None = None,
    title: str | None = None,
) -> Trace:
    """Record every step of backpropagation from `cost`: forward, output error, back-propagation, derivatives.

    cost   a single number; or a function without arguments that computes it: then each node knows its line
    model  gives its parameters their names (state_dict) where they have none
    eta    also record the update w <- w - eta dC/dw that gradient descent would make
    depth  look only this many operations back from the cost

    Nothing is changed: no .grad, no parameter.  Hooks run as in backward(): what one changes is in the gradient, and
    is no step of its own.  t = trace(cost) shows itself in a notebook; t.save("page.html")
    writes the page; print(t), the same as text.  The engine finds a layer's derivatives as soon as its error is
    known; the steps are listed in the lecture's order, in which they come last.  No number depends on that.

    >>> from tinygrad_edu import Tensor, trace
    >>> w, x = Tensor(3.0, requires_grad=True, name="w"), Tensor(2.0, name="x")
    >>> trace((w * x - 5) ** 2 / 2)
    <Trace of C: 6 nodes, 9 steps>
    """
    lines = Lines()
    if callable(cost) and not isinstance(cost, Tensor):
        with lines:
            cost = cost()
    if not isinstance(cost, Tensor):
        raise DtypeError(f"trace() takes the cost, a Tensor, or a function that computes it; got {type(cost).__name__}")
    if cost.size != 1:
        raise GradientError(
            f"trace() starts from one number, the cost; this Tensor has shape {cost.shape}.  "
            f"The sum of a matrix's diagonal is t.trace() or np.trace(t)"
        )
    if not cost.requires_grad:
        raise GradientError(
            "there is no graph behind the cost: nothing that led to it has requires_grad=True, or it was computed "
            "inside no_grad()"
        )
    if depth is not None and not (is_real(depth) and depth == int(depth) >= 1):
        raise DrawingError(f"depth is how many operations to look back, 1 or more; got {depth!r:.40}")
    if eta is not None and not (is_real(eta) and np.isfinite(eta)):
        raise DrawingError(f"eta is the learning rate, a finite number; got {eta!r:.40}")
    return Trace(Recorder(cost, model, lines).record(eta, depth, title))


class Trace:
    """A recorded run: `.data` is all of it, under the schema tinygrad_edu/trace/1 (visual/trace.schema.json)."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data

    def __repr__(self) -> str:
        root = next(n for n in self.data["nodes"] if n["id"] == self.data["root"])
        return f"<Trace of {root['symbol']['text']}: {len(self.data['nodes'])} nodes, {len(self.data['steps'])} steps>"

    def __str__(self) -> str:
        from .explain import text

        return text(self.data)

    def page(self) -> Any:
        """The stepper: one HTML page that works offline."""
        from .stepper import stepper

        return stepper(self)

    def save(self, path: Any) -> str:
        """Write the stepper page to a file that ends in .html; its path."""
        written: str = self.page().save(path)
        return written

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        bundle: dict[str, str] = self.page()._repr_mimebundle_(include, exclude)
        return bundle
