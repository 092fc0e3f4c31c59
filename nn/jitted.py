"""The training step under jit, for fit(..., jit=True): the same numbers, or the plain step and a line that says why."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_edu import JitError, JitWarning, Tensor, TrainingError, jit

from .module import Module

__all__ = ["JittedStep"]


class JittedStep:
    """step(x, y) -> the cost: nn.train_step of this network, cost and optimizer, recorded once and run from then on.

    executor  of tinygrad_edu.jit: "numpy" gives the plain step's numbers to the last bit, "c" to rounding
    plain     the plain step (x, y) -> cost; taken from the first JitError on, after `say` said why
    """

    def __init__(
        self,
        net: Module,
        cost: Module,
        optimizer: Any,
        between: Sequence[Callable[[list[Tensor]], Any]],
        executor: str,
        plain: Callable[[Any, Any], float],
        say: Callable[[str], Any],
    ) -> None:
        self.net, self.optimizer, self.plain, self.say = net, optimizer, plain, say

        def train_step(x: Any, y: Any) -> Tensor:
            c: Tensor = cost(net(x), y)
            optimizer.zero_grad()
            c.backward()
            learned = getattr(optimizer, "parameters", None) or net.parameters()  # a callback may have added a group
            for change in between:
                change(learned)
            optimizer.step()
            return c

        self.step = jit(train_step, executor=executor)
        self.rest = jit(train_step, executor="numpy")  # for the last mini-batch: not worth a compiler's seconds
        self.step.on_record = self.rest.on_record = self._remember
        self.size, self.works = 0, True
        self._remember()

    def __call__(self, x: Any, y: Any) -> float:
        if not self.works:
            return self.plain(x, y)
        try:
            self.size = self.size or len(x)
            step = self.step if len(x) == self.size else self.rest
            value = float(self._said(step, x, y).detach().item())
        except JitError as error:
            self.works = False
            self.say(f"goes on without jit: {error}")
            self.before.restore()
            return self.plain(x, y)
        if not math.isfinite(value):  # fit puts the parameters back
            raise TrainingError(
                f"the cost is {value}: the parameters are too large or not finite.  Try a smaller learning rate"
            )
        return value

    def _said(self, step: Any, x: Any, y: Any) -> Tensor:
        """step(x, y); what jit warns of while it records, as that there is no compiler, is said in a line."""
        if step.latest is not None and step.latest.trusted:
            result: Tensor = step(x, y)
            return result
        start = time.perf_counter()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", JitWarning)
            result = step(x, y)
        if step.latest is not None and step.latest.trusted and step.executor_name == "c":
            self.say(f"jit: the update is recorded and compiled ({time.perf_counter() - start:.1f} s)")
        for warning in caught:
            if issubclass(warning.category, JitWarning):
                self.say(str(warning.message))
            else:
                warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
        return result

    def many(self, batches: list[tuple[Any, Any]]) -> list[float] | None:
        """The costs of one step after the other, without Python in between; None: it has to be done one by one.

        So it is where a cost is not finite: all is as it was, and the single steps find out where it began.
        """
        if not self.works or len(batches) < 3 or len(batches[0][0]) != self.size:
            return None
        before = _Moment(self.net, self.optimizer)
        try:
            costs = self.step.scan(*(np.stack(arrays) for arrays in zip(*batches, strict=True))).detach().data
        except JitError:
            costs = None
        if costs is None or not np.isfinite(costs).all():
            before.restore()
            return None
        return [float(c) for c in costs]

    def _remember(self) -> None:
        """Before the step runs as usual to be recorded."""
        self.before = _Moment(self.net, self.optimizer)


class _Moment:
    """Network and optimizer at one moment, to return to: a recording that fails is as if it had not been."""

    def __init__(self, net: Module, optimizer: Any) -> None:
        self.optimizer = optimizer
        self.tensors = [(t, t.data, t.grad) for _, t in net.named_tensors()]
        self.state = dict(getattr(optimizer, "state", {}))
        rngs = (getattr(module, "rng", None) for module in net.modules())
        self.rngs = [(rng, rng.bit_generator.state) for rng in rngs if isinstance(rng, np.random.Generator)]

    def restore(self) -> None:
        """As it was."""
        for t, data, grad in self.tensors:
            t.assign(data, copy=False)
            if t.requires_grad:
                t.grad = grad
        if hasattr(self.optimizer, "state"):
            self.optimizer.state = self.state
        for rng, state in self.rngs:
            rng.bit_generator.state = state
