"""What fit is made of: one update, one epoch, the beginning from the start or from a checkpoint."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from tinygrad_edu import DataError, Tensor, TrainingError

from .breakdown import not_finite, safety_net
from .callbacks import Callback, Run, Update
from .clip import clip_grad_norm_
from .examples import Examples
from .history import Epoch
from .metrics import check_examples, outputs, right
from .module import Module
from .progress import bar, duration, line
from .ranks import leads, several

if TYPE_CHECKING:
    from .jitted import JittedStep
    from .parallel import Parallel
    from .resume import Checkpoint

__all__ = ["Optimizer", "Training", "chunks", "train_step"]


Batch = tuple[Any, Any]
T = TypeVar("T")
TOGETHER = 100  # mini-batches in a scan: Ctrl-C and the bar wait for so many


def chunks(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Mini-batches of equal shapes, `size` at a time; the last one alone, so that one can look at its update.

    One at a time, none is asked for before the one before it is done: a checkpoint may be written in between.
    """
    if size == 1:
        yield from ([batch] for batch in batches)
        return
    waiting: list[Batch] = []
    for batch in batches:
        if waiting and (len(waiting) == size or len(waiting[0][0]) != len(batch[0])):
            yield waiting
            waiting = []
        waiting.append(batch)
    if len(waiting) > 1:
        yield waiting[:-1]
    if waiting:
        yield waiting[-1:]


class Optimizer(Protocol):
    """What fit needs of an optimizer."""

    def zero_grad(self) -> None: ...
    def step(self) -> None: ...


def train_step(
    net: Module,
    cost: Module,
    optimizer: Optimizer,
    x: Any,
    y: Any,
    *,
    between: Sequence[Callable[[list[Tensor]], Any]] = (),
) -> float:
    """One mini-batch: feed forward, propagate the error back, update; the cost before the update.

    x (S, n_in), y (S, n_out): arrays that nobody writes to any more.
    between: functions of net.parameters(), called in order between backward and update: they change the gradients,
    as clipping does, or the mean over several computers.
    """
    c = cost(net(Tensor(x, copy=False)), Tensor(y, copy=False))
    value = float(c.item())
    if not math.isfinite(value):
        raise TrainingError(
            f"the cost is {value}: the parameters are too large or not finite.  Try a smaller learning rate"
        )
    optimizer.zero_grad()
    c.backward()
    learned = getattr(optimizer, "parameters", None) or net.parameters()  # frozen ones keep old gradients: not these
    for change in between:
        change(learned)
    optimizer.step()
    return value


class Training:
    """The run that callbacks see, and what else is needed to bring it forward.

    between: functions of the parameters that change the gradients before each update: clipping, or the mean over the
    gradients of several computers.
    """

    def __init__(
        self,
        run: Run,
        loader: Any,
        callbacks: list[Callback],
        schedule: Any,
        clip_norm: float | None,
        test: Examples | None,
        validation: Examples | None,
        checkpoint: Checkpoint | str | os.PathLike[str] | None,
        progress: Any,
        comm: Any = None,
        jit: bool | str = False,
    ) -> None:
        self.run, self.loader, self.callbacks, self.schedule = run, loader, callbacks, schedule
        self.test, self.validation, self.progress = test, validation, progress
        for name, examples in (("test", test), ("validation", validation)):
            if examples is not None:
                check_examples(examples, f"fit: {name}")
        if getattr(schedule, "optimizer", run.optimizer) is not run.optimizer:
            raise DataError(f"the schedule {type(schedule).__name__} is of another optimizer: make it with this one")
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise DataError(f"a callback is an object of a class made from nn.Callback, not {callback!r:.60}")
        self.parallel: Parallel | None = None
        if several(comm):
            from .parallel import Parallel  # loaded where it is wanted, as checkpoints and jit are

            self.parallel = Parallel(comm)
        self.leads = leads(comm)
        if not self.leads:
            self.callbacks = []
        watched = any(_function(c.on_batch_end) is not Callback.on_batch_end for c in callbacks)
        self.watched: bool = self._judged(lambda: watched)  # does somebody look at every single update?
        self.between: list[Callable[[list[Tensor]], Any]] = []
        if self.parallel is not None:
            self.between.append(self.parallel.all_reduce)
        if clip_norm is not None:
            clip_grad_norm_([], clip_norm)  # is it a number?
            self.between.append(lambda parameters: clip_grad_norm_(parameters, clip_norm))
        self.step: Callable[[Any, Any], float] = self._plain_step
        self.jitted: JittedStep | None = None
        if jit and self.parallel is None:
            from .jitted import JittedStep

            executor = "c" if jit is True else jit
            self.jitted = JittedStep(
                run.net, run.cost, run.optimizer, self.between, executor, self._plain_step, run.say
            )
            self.step = self.jitted
        elif jit:
            run.say("goes on without jit: the ranks average their gradients between backward and update")
        self.checkpoint: Checkpoint | None = None
        if checkpoint is not None:
            from .resume import Checkpoint

            self.checkpoint = checkpoint if isinstance(checkpoint, Checkpoint) else Checkpoint(checkpoint)
        self.parts: dict[str, Any] = {}
        if checkpoint is not None or self.parallel is not None:
            self.parts = self._parts(clip_norm)

    def tell(self, what: str) -> None:
        """Call this method of every callback; what those of rank 0 change, note or decide, all ranks learn."""
        if self.parallel is None:
            for callback in self.callbacks:
                getattr(callback, what)(self.run)
        elif what != "on_batch_end" or self.watched:
            run = self.run
            with self.parallel.callbacks(run.net, run.cost, run.optimizer, self.schedule, self.loader):
                for callback in self.callbacks:
                    getattr(callback, what)(run)
            if what != "on_batch_end":
                run.history = self.parallel.from_rank_0(lambda: run.history)

    # ---- from the start, or from a checkpoint --------------------------------------------------------

    def _parts(self, clip_norm: float | None) -> dict[str, Any]:
        """What a checkpoint holds."""
        from .resume import Setting, fingerprint

        run, rng = self.run, getattr(self.loader, "rng", None)
        kinds: dict[str, Any] = {
            "network": [repr(module) for module in reversed(list(run.net.modules()))],  # innermost first: it is named
            "cost": type(run.cost).__name__,
            "optimizer": type(run.optimizer).__name__,
            "settings": {name: repr(value) for name, value in getattr(run.optimizer, "defaults", {}).items()},
            "schedule": type(self.schedule).__name__,
            "clip_norm": clip_norm,
            "data": None if run.examples is None else fingerprint(run.examples),
        }
        if self.leads:
            kinds["callbacks"] = [type(callback).__name__ for callback in self.callbacks]
        parts = {"setting": Setting(kinds), "loader": self.loader, "rng": rng, "net": run.net}
        parts |= {"optimizer": run.optimizer, "schedule": self.schedule, "run": run}
        for number, callback in enumerate(self.callbacks):
            parts[f"callback {number}"] = callback
        for name, part in parts.items():
            if part is not None and not isinstance(part, np.random.Generator) and not hasattr(part, "state_dict"):
                raise DataError(f"the {name} {part!r:.60} has no state_dict(): it cannot be saved or sent")
        return {name: part for name, part in parts.items() if part is not None}

    def begin(self) -> None:
        """Look at the network before training, or go on from a checkpoint."""
        run = self.run
        if self.leads and self.checkpoint is not None and self.checkpoint.load(**self.parts) is not None:
            run.say(f"goes on from {self.checkpoint.files[-1]}: {run}, {run.step} updates done")
        if self.parallel is not None:
            self.parallel.agree("epochs", run.epochs)
            self.parallel.agree("checkpoint", None if self.checkpoint is None else f"every {self.checkpoint.every}")
            self.parallel.as_rank_0(self.parts)
        if not run.history.epochs:
            run.history.epochs.append(self._judged(self._first_look))
            run.say(line(run.last, run.epochs, "before training"))
        if run.history.epochs and run.last.number >= run.epochs > 0:
            run.say(f"nothing to train: {run.last.number} epochs are done, and {run.epochs} were asked for")
        self.first, self.start = run.epoch - (run.last.number < run.epoch), time.perf_counter()
        run.net.train()
        self.tell("on_fit_begin")

    def end(self) -> None:
        """The last word is that of the callbacks, which may have put back the best network."""
        self.tell("on_fit_end")
        if self.parallel is not None:
            self.parallel.as_rank_0(self.parts)

    def save(self) -> None:
        """Write a checkpoint: of a sound network only."""
        assert self.checkpoint is not None
        if self.parallel is not None:
            self.parallel.average_buffers(self.run.net)
            if not self.leads:
                return
        if name := not_finite(self.run):
            raise TrainingError(f"{name} is not finite: a gradient was not")
        self.checkpoint.save(self.run.step, **self.parts)

    # ---- an epoch ------------------------------------------------------------------------------------

    def one_epoch(self) -> None:
        """One pass over the data, or the rest of one that a checkpoint was in."""
        run = self.run
        if run.last.number == run.epoch:  # the one before is over
            run.epoch, run.seen, run.total, run.seconds = run.epoch + 1, 0, 0.0, 0.0
        self.parameters = run.net.parameters()  # once an epoch, and not at every update: it walks through all modules
        with safety_net(run, self.schedule):
            size = None if run.examples is None else len(run.examples)
            before, begun = run.seconds, time.perf_counter()
            if self.parallel is not None:
                self.parallel.begin_epoch(self.loader, run.net)
            batches = bar(self.loader, size, run.epoch, run.epochs, self.progress)
            for chunk in chunks(batches, TOGETHER if self._may_scan() else 1):
                self._updates(chunk)
                run.seconds = before + time.perf_counter() - begun
                self.tell("on_batch_end")
                if self.checkpoint and self.checkpoint.every and run.step % self.checkpoint.every == 0:
                    self.save()
            run.seconds = before + time.perf_counter() - begun
            if self.parallel is not None:
                self.parallel.average_buffers(run.net)
        if self.parallel is not None:
            self.parallel.check(run.net, f"after epoch {run.epoch}")
        if run.seen == 0:
            raise DataError("the loader gave no mini-batch: there is nothing to learn from")
        run.history.epochs.append(self._judged(lambda: self._epoch(run.total / run.seen)))
        left = (time.perf_counter() - self.start) / (run.epoch - self.first) * (run.epochs - run.epoch)
        rate = f"{run.seen / max(run.seconds, 1e-9):,.0f}/s"  # examples per second
        run.say(line(run.last, run.epochs, f"{run.seconds:.1f} s  {rate}  left {duration(left)}"))
        if self.schedule is not None and not getattr(self.schedule, "per_batch", False):
            self._step_schedule()
        self.tell("on_epoch_end")
        if self.checkpoint is not None:
            self.save()

    def _may_scan(self) -> bool:
        """Does nobody want to see every single update?"""
        per_batch = self.schedule is not None and getattr(self.schedule, "per_batch", False)
        saved = self.checkpoint is not None and self.checkpoint.every
        return self.jitted is not None and not self.watched and not per_batch and not saved

    def _updates(self, batches: list[Batch]) -> None:
        """One update after the other; or, under jit, many at once, where all of them go well."""
        run = self.run
        update = Update(run.step + 1, *batches[0], [p.data for p in self.parameters])
        run.lr = getattr(run.optimizer, "lr", None)
        costs = None if self.jitted is None or len(batches) == 1 else self.jitted.many(batches)
        if costs is None and len(batches) > 1:
            for batch in batches:
                self._updates([batch])
            return
        run.updates.append(update)
        costs = costs or [self.step(*batches[0])]
        for cost, (x, _) in zip(costs, batches, strict=True):
            run.total += cost * len(x)
            run.seen += len(x)
            run.step += 1
        if self.schedule is not None and getattr(self.schedule, "per_batch", False):
            self.schedule.step()

    def _plain_step(self, x: Any, y: Any) -> float:
        run = self.run
        if self.parallel is None:
            return train_step(run.net, run.cost, run.optimizer, x, y, between=self.between)
        return self.parallel.step(train_step, run.net, run.cost, run.optimizer, x, y, self.between)

    def _step_schedule(self) -> None:
        from .schedule import ReduceLROnPlateau

        last = self.run.last
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(last.cost if last.validation_cost is None else last.validation_cost)
        else:
            self.schedule.step()

    def _judged(self, judge: Callable[[], T]) -> T:
        """What judge() says; on several ranks, what it says on rank 0."""
        return judge() if self.parallel is None else self.parallel.from_rank_0(judge)

    def _first_look(self) -> Epoch:
        """Epoch 0: the network as it is."""
        run = self.run
        value = math.nan  # a loader that does not show its examples
        if run.examples is not None:
            value = _mean_cost(run, outputs(run.net, run.examples.x), run.examples)
            if not math.isfinite(value):
                raise TrainingError(f"the cost before training is {value}: look for NaN in the parameters")
        return self._epoch(value)

    def _epoch(self, mean: float) -> Epoch:
        """What this epoch brought, with the test and validation examples judged by the network as it is now."""
        run, test, validation = self.run, self.test, self.validation
        right = validation_right = validation_cost = None
        if test is not None and len(test) > 0:
            right = _right(outputs(run.net, test.x), test)
        if validation is not None and len(validation) > 0:
            found = outputs(run.net, validation.x)
            validation_right, validation_cost = _right(found, validation), _mean_cost(run, found, validation)
        return Epoch(
            number=run.epoch,
            cost=mean,
            right=right,
            tested=0 if right is None or test is None else len(test),
            seconds=run.seconds,
            examples=run.seen,
            lr=run.lr,
            validation_cost=validation_cost,
            validation_right=validation_right,
            validated=0 if validation_right is None or validation is None else len(validation),
        )


def _function(method: Any) -> Any:
    return getattr(method, "__func__", method)


def _right(outputs: Any, examples: Examples) -> int:
    return int(np.sum(right(outputs, examples)))


def _mean_cost(run: Run, outputs: Any, examples: Examples) -> float:
    return float(run.cost(Tensor(outputs), Tensor(examples.y, copy=False)).item())
