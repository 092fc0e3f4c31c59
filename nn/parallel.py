"""Data-parallel training on MPI: every rank learns from its rows of each mini-batch, and all take the same step.

    C = (1/S) sum_x C_x = sum_r (S_r/S) C_r,    C_r the mean over the S_r examples of rank r

So dC/dw is the sum over the ranks of d[(S_r/S) C_r]/dw: one all-reduce of the gradients, and every rank has dC/dw.
Everything else, from the first parameters to the order of the examples, is rank 0's on all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from tinygrad_edu import DataError, Tensor, TrainingError

from .costs import CrossEntropyLoss, NLLLoss
from .module import Module
from .ranks import rows
from .state import generators_of, restore, state_of

__all__ = ["Parallel"]

T = TypeVar("T")


class Parallel:
    """One rank's part of a training; every rank calls the same methods in the same order.

    comm  an mpi4py communicator of two ranks or more
    """

    def __init__(self, comm: Any) -> None:
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        self.local = self.cost = 0.0  # of the last mini-batch: this rank's share of the cost, and all of it
        self.mine = self.all = 0  # examples since the buffers were averaged: this rank's, and everybody's
        self.drawing: list[np.random.Generator] = []  # what has still to leave rank 0's stream in this epoch

    # ---- what is rank 0's -------------------------------------------------------------------------------

    def from_rank_0(self, get: Callable[[], T]) -> T:
        """get() is done by rank 0 alone, and all ranks have the result."""
        return self.comm.bcast(get() if self.rank == 0 else None)

    def as_rank_0(self, parts: Mapping[str, Any]) -> None:
        """Every part, as the network, the optimizer and the generators, becomes what it is on rank 0."""
        states = self.from_rank_0(lambda: {name: state_of(part) for name, part in parts.items()})
        if self.rank > 0:
            for name, part in parts.items():  # the Loader stands before what it may share its generator with
                try:
                    restore(part, states[name], name)
                except (DataError, KeyError) as error:
                    raise DataError(f"the {name} is not as on rank 0: {error}") from error

    def agree(self, name: str, value: Any) -> None:
        """DataError where it is not what it is on rank 0: the ranks would wait for each other at different places."""
        theirs = self.from_rank_0(lambda: value)
        if theirs != value:
            raise DataError(
                f"{name} is {value} here, and {theirs} on rank 0: give fit the same on every rank; rank 0 alone saves"
            )

    @contextmanager
    def callbacks(self, *parts: Any) -> Iterator[None]:
        """What rank 0's callbacks change meanwhile in these parts, all ranks change: a learning rate, Dropout's p.

        These are numbers, texts and switches, as attributes of modules and other parts, and in an optimizer's groups;
        and which Tensors are learned.  Values of Tensors are not: `check` finds those.
        """
        settings, tensors = _settings(parts)
        leads = self.rank == 0
        before = [_plain(s) for s in settings] if leads else []
        learned = [t.requires_grad for t in tensors] if leads else []
        yield
        now = [_plain(s) for s in settings] if leads else []
        changed = [
            {name: value for name, value in new.items() if name not in old or old[name] != value}
            for old, new in zip(before, now, strict=True)
        ]
        flags = [t.requires_grad for t in tensors] if leads else []
        news = self.from_rank_0(lambda: (changed, flags) if any(changed) or flags != learned else None)
        if news is not None and not leads:
            for mine, theirs in zip(settings, news[0], strict=True):
                mine.update(theirs)
            for t, flag in zip(tensors, news[1], strict=True):
                t.requires_grad = flag

    def begin_epoch(self, loader: Any, net: Module) -> None:
        """The order of the examples is the same on all ranks; what modules draw, as Dropout, is not."""
        self.drawing = generators_of(net)
        order = getattr(loader, "rng", None)
        generators = [*self.drawing, *([order] if isinstance(order, np.random.Generator) else [])]
        states = self.from_rank_0(lambda: [g.bit_generator.state for g in generators])
        for g, state in zip(generators, states, strict=True):
            g.bit_generator.state = state

    def _own_stream(self) -> None:
        """The order is drawn: from now on rank r draws where rank 0's stream will be after r 2^127 numbers or so."""
        for g in self.drawing:
            generator: Any = g.bit_generator
            if self.rank > 0:
                generator.state = generator.jumped(self.rank).state
        self.drawing = []

    # ---- an update --------------------------------------------------------------------------------------

    def step(
        self,
        train_step: Callable[..., float],
        net: Module,
        cost: Module,
        optimizer: Any,
        x: Any,
        y: Any,
        between: Sequence[Callable[[list[Tensor]], Any]],
    ) -> float:
        """One mini-batch x (S, …), y (S, …) on all ranks together; its cost before the update.

        between begins with all_reduce.  A rank without a row, where S < size, has gradient 0 and joins in.
        """
        self._own_stream()
        part = rows(len(x), self.rank, self.size)
        n = part.stop - part.start
        self.mine, self.all, self.local = self.mine + n, self.all + len(x), 0.0
        if n > 0:
            train_step(net, _Share(self, cost, y, part), optimizer, x[part], y[part], between=between)
        else:
            optimizer.zero_grad()
            for change in between:
                change(net.parameters())
            optimizer.step()
        return self.cost

    def all_reduce(self, parameters: list[Tensor]) -> None:
        """The sum over the ranks of every gradient and of the cost, as one message: many small ones wait too often.

        (which parameters have a gradient (n,), the cost, gradient 1, gradient 2, …)
        A parameter that has no gradient on any rank has none afterwards: its optimizer leaves it alone.
        """
        n = len(parameters)
        ends = np.cumsum([n + 1, *(p.size for p in parameters)]).tolist()
        places = [slice(*ends[i : i + 2]) for i in range(n)]
        flat = np.zeros(ends[-1], np.result_type(np.float32, *(p.dtype for p in parameters)))
        flat[n] = self.local
        for i, (p, place) in enumerate(zip(parameters, places, strict=True)):
            if p.grad is not None:
                flat[i], flat[place] = 1, p.grad.data.reshape(-1)
        total = np.empty_like(flat)
        self.comm.Allreduce(flat, total)
        self.cost = float(total[n])
        for i, (p, place) in enumerate(zip(parameters, places, strict=True)):
            p.grad = Tensor(total[place].reshape(p.shape).astype(p.dtype, copy=False), copy=False) if total[i] else None

    # ---- after an epoch ---------------------------------------------------------------------------------

    def average_buffers(self, net: Module) -> None:
        """Running statistics, as BatchNorm's, become their mean over the ranks, each by the examples it has seen.

        b <- b_0 + sum_r (examples of r / all examples) (b_r - b_0): what is equal everywhere, as a frozen
        parameter, stays bit for bit.  Counts are rank 0's, which has a part of every mini-batch.
        """
        share, self.mine, self.all = self.mine / max(self.all, 1), 0, 0
        buffers = net.buffers()
        if not buffers:
            return
        base = self.from_rank_0(lambda: [np.asarray(b.data) for b in buffers])
        real = [i for i, b in enumerate(buffers) if b.dtype.kind == "f"]
        flat = np.concatenate([np.zeros(1, np.float32), *((buffers[i].data - base[i]).reshape(-1) for i in real)])
        total = np.empty_like(flat)
        self.comm.Allreduce(flat * flat.dtype.type(share), total)
        ends = np.cumsum([1, *(buffers[i].size for i in real)]).tolist()
        for k, i in enumerate(real):
            base[i] = (base[i] + total[ends[k] : ends[k + 1]].reshape(base[i].shape)).astype(base[i].dtype)
        for b, value in zip(buffers, base, strict=True):
            b.assign(value)

    def check(self, net: Module, when: str) -> None:
        """TrainingError unless every rank holds the same network, bit for bit."""
        import hashlib

        digest = hashlib.sha256()
        for name, t in net.named_tensors():
            digest.update(f"{name} {t.shape} {t.dtype.str}".encode())
            digest.update(np.ascontiguousarray(t.data).data)
        found = self.comm.allgather(digest.hexdigest())
        if others := [rank for rank, other in enumerate(found) if other != found[0]]:
            raise TrainingError(
                f"{when}, the network of rank {', '.join(map(str, others))} is not that of rank 0.  Every rank has to "
                "run the same program: is there something in it that changes parameters on one of them?"
            )


def _settings(parts: Sequence[Any]) -> tuple[list[dict[str, Any]], list[Tensor]]:
    """The dicts in which these parts keep their settings, and the Tensors of the modules among them."""
    modules = [m for part in parts if isinstance(part, Module) for m in part.modules()]
    others = [part for part in parts if not isinstance(part, Module)]
    groups = [group for part in others for group in getattr(part, "param_groups", ())]
    tensors = [t for part in parts if isinstance(part, Module) for _, t in part.named_tensors()]
    return [*(getattr(part, "__dict__", {}) for part in (*modules, *others)), *groups], tensors


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are a number, a text, a switch or None, or a tuple of such, as Adam's betas."""
    kinds = bool | int | float | str | None | np.generic
    return {
        name: value
        for name, value in settings.items()
        if isinstance(value, kinds) or (isinstance(value, tuple) and all(isinstance(entry, kinds) for entry in value))
    }


class _Share(Module):
    """(S_r/S) C_r of this rank's rows; the shares of all ranks add up to the cost of the whole mini-batch."""

    def __init__(self, parallel: Parallel, cost: Module, y: Any, part: slice) -> None:
        self.parallel, self.cost, self.y, self.part = parallel, cost, y, part

    def forward(self, a: Any, y: Any) -> Tensor:
        """The share of the cost of these outputs."""
        c: Tensor = self.cost(a, y)
        if getattr(self.cost, "reduction", "mean") != "sum":
            c = c * self._share(by_class=y.shape != a.shape)
        self.parallel.local = float(c.item())
        return c

    def _share(self, by_class: bool) -> float:
        """S_r/S; of a mean that counts some classes more, their weights / all weights."""
        weight = self.cost.weight if isinstance(self.cost, CrossEntropyLoss | NLLLoss) else None
        if weight is None or not by_class:
            return float((self.part.stop - self.part.start) / len(self.y))
        weights = weight.data[np.asarray(self.y)]
        return float(weights[self.part].sum() / weights.sum())
