"""One training step of a sigmoid network: what every contestant has in common, and ours.

All compute the same equations on the same float32 numbers.  The quadratic cost is half the sum over the outputs, mean
over the examples; SGD; parameters w2, b2, w3, b3 …: weights (n_out, n_in), biases (n_out,).
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

import nn
import tinygrad_edu
from tinygrad_edu import Tensor

__all__ = [
    "OURS",
    "Batches",
    "Contestant",
    "JitC",
    "JitNumPy",
    "JitScan",
    "Ours",
    "OursJitC",
    "OursJitNumPy",
    "OursJitScan",
    "OursTrainStep",
    "Parameters",
    "Unavailable",
    "agree",
    "compiler",
    "first_parameters",
    "installed",
    "jitted",
    "stacked",
    "without_fallback",
]

Parameters = list[Any]
Batches = list[tuple[Any, Any]]


class Unavailable(Exception):
    """Why a contestant cannot run here."""


class Contestant:
    """One library.

    `prepared` puts the mini-batches into the library's own arrays, outside the timing; `step` does one step of SGD
    and returns the cost before it; `epoch` is what is timed: a step per mini-batch, until all is computed; `values`
    are the parameters.
    """

    name: str
    install = ""  # what pip installs

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        raise NotImplementedError

    def prepared(self, batches: Batches) -> Any:
        return batches

    def step(self, x: Any, y: Any) -> Any:
        raise NotImplementedError

    def epoch(self, prepared: Any) -> Any:
        step = self.step
        for x, y in prepared:
            step(x, y)

    def costs(self, prepared: Any) -> list[float]:
        """The cost of every step, to compare with those of the others."""
        costs = []
        for x, y in prepared:
            cost = self.step(x, y)
            costs.append(float(cost.item() if hasattr(cost, "item") else cost))
        return costs

    def values(self) -> Parameters:
        raise NotImplementedError


def first_parameters(sizes: list[int], seed: int = 0) -> Parameters:
    """Standard normal, scaled by 1 / sqrt(n_in), so that no sigmoid is saturated."""
    rng = np.random.default_rng(seed)
    shapes = [s for n_in, n_out in pairwise(sizes) for s in ((n_out, n_in), (n_out,))]
    return [(rng.standard_normal(s) / np.sqrt(s[-1])).astype(np.float32) for s in shapes]


# ---- ours ------------------------------------------------------------------------------------------------


class Ours(Contestant):
    """What the documentation tells people to write."""

    name = "tinygrad_edu"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        self.net = nn.MLP(sizes)
        self.net.load_state_dict(dict(zip(self.net.state_dict(), parameters, strict=True)))
        self.cost = nn.QuadraticCost()
        self.optimizer = nn.optim.SGD(self.net.parameters(), lr=eta)

    def prepared(self, batches: Batches) -> Any:
        return [(Tensor(x, copy=False), Tensor(y, copy=False)) for x, y in batches]

    def step(self, x: Any, y: Any) -> Any:
        cost = self.cost(self.net(x), y)
        self.optimizer.zero_grad()
        cost.backward()
        self.optimizer.step()
        return cost

    def values(self) -> Parameters:
        return [p.data for p in self.net.parameters()]


class OursTrainStep(Ours):
    """What nn.fit does: it also makes the mini-batches Tensors and looks whether the cost is finite."""

    name = "tinygrad_edu, nn.train_step"

    def prepared(self, batches: Batches) -> Any:
        return batches

    def step(self, x: Any, y: Any) -> Any:
        return nn.train_step(self.net, self.cost, self.optimizer, x, y)


class JitNumPy:
    """Before a contestant of ours: the same step under jit, recorded once, then replayed."""

    name = "tinygrad_edu, jit numpy"
    executor = "numpy"

    def __init__(self, *settings: Any) -> None:
        super().__init__(*settings)
        self.step: Any = jitted(super().step, self.executor)  # type: ignore[misc]  # of the contestant after it


class JitC(JitNumPy):
    """Replayed by one C function."""

    name = "tinygrad_edu, jit C"
    executor = "c"


class JitScan(JitC):
    """All steps in one call."""

    name = "tinygrad_edu, jit C, scan"

    def prepared(self, batches: Batches) -> Any:
        return stacked(batches)

    def epoch(self, prepared: Any) -> Any:
        return self.step.scan(*prepared)

    def costs(self, prepared: Any) -> list[float]:
        costs: list[float] = np.asarray(self.epoch(prepared).data).tolist()
        return costs


class OursJitNumPy(JitNumPy, Ours):
    """The lecture's step."""


class OursJitC(JitC, Ours):
    """The lecture's step."""


class OursJitScan(JitScan, Ours):
    """The lecture's epoch."""


OURS: list[type[Contestant]] = [Ours, OursJitNumPy, OursJitC, OursJitScan]


def jitted(step: Callable[..., Any], executor: str) -> Any:
    """`step` under tinygrad_edu.jit; nobody is timed as C who is not."""
    jit = getattr(tinygrad_edu, "jit", None)
    if not callable(jit):
        raise Unavailable("there is no tinygrad_edu.jit yet")
    if executor == "c":
        compiler()
    return jit(step, executor=executor)


def compiler() -> str:
    """The C compiler of this machine."""
    found = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if found is None:
        raise Unavailable("there is no C compiler: cc, gcc or clang")
    return found


def stacked(batches: Batches) -> tuple[Any, Any]:
    """All mini-batches in two arrays: x (steps, S, n_in), y (steps, S, n_out)."""
    xs, ys = zip(*batches, strict=True)
    return np.stack(xs), np.stack(ys)


# ---- before anything is timed ----------------------------------------------------------------------------


def installed(classes: Iterable[type[Contestant]], *args: Any) -> tuple[list[Any], list[str]]:
    """The contestants that can be made here, and a line for each one that cannot."""
    there, missing = [], []
    for contestant in classes:
        try:
            there.append(contestant(*args))
        except Unavailable as reason:
            missing.append(f"{contestant.name} is skipped: {reason}")
        except ModuleNotFoundError as error:
            if not contestant.install:
                raise  # ours and NumPy must be there
            missing.append(f"{contestant.name} is skipped ({error.msg}): pip install {contestant.install}")
    return there, missing


def agree(
    contestants: list[Any], batches: Batches, notes: list[str], steps: int = 5, rtol: float = 1e-4, atol: float = 1e-6
) -> list[Any]:
    """The contestants to time, and in `notes` what was checked; who computes something else is an error.

    After a few steps all costs and parameters must be the same.  jit runs its recording from the third step on, so
    there are more; who is said to run C, but warns that it does not, is left out.
    """
    if not 5 <= steps <= len(batches):
        raise ValueError(f"agree: at least 5 steps, and a mini-batch for each: got {steps} of {len(batches)}")
    there, first = [], contestants[0]
    right = first.costs(first.prepared(batches[:steps]))
    for c in contestants:
        try:
            costs = right if c is first else without_fallback(partial(c.costs, c.prepared(batches[:steps])))
        except Unavailable as reason:
            notes.append(f"{c.name} is skipped: {reason}")
            continue
        np.testing.assert_allclose(costs, right, rtol=rtol, err_msg=f"costs of {c.name}")
        for ours, theirs in zip(first.values(), c.values(), strict=True):
            if theirs.dtype != np.float32:
                raise AssertionError(f"{c.name} left float32: its parameters are {theirs.dtype}")
            np.testing.assert_allclose(theirs, ours, rtol=rtol, atol=atol, err_msg=f"parameters of {c.name}")
        there.append(c)
    notes.append(
        f"checked: {steps} steps of all {len(there)} have the same costs, and lead to the same float32 parameters "
        f"(rtol {rtol:g})"
    )
    return there


def without_fallback(step: Callable[[], Any]) -> Any:
    """step(), where jit may not go on with something slower than it was told."""
    warning = getattr(tinygrad_edu, "JitWarning", None)
    if warning is None:
        return step()
    with warnings.catch_warnings():
        warnings.simplefilter("error", warning)
        try:
            return step()
        except warning as reason:
            raise Unavailable(str(reason)) from reason
