"""fit: the training loop."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import DataError

from .callbacks import Callback, Run
from .examples import Dataset, Examples, check_whole
from .history import Epoch, History
from .init import Seed
from .loader import Loader
from .module import Module
from .progress import speaker
from .ranks import leads, several, together
from .training import Optimizer, Training, train_step

if TYPE_CHECKING:
    from .resume import Checkpoint

__all__ = ["Epoch", "History", "Optimizer", "fit", "train_step"]


def fit(
    net: Module,
    cost: Module,
    optimizer: Optimizer,
    data: Dataset | Examples | Loader,
    epochs: int,
    batch_size: int = 10,
    *,
    test: Examples | None = None,
    validation: Examples | None = None,
    rng: Seed = None,
    progress: bool | Callable[[str], None] = True,
    callbacks: Iterable[Callback] = (),
    schedule: Any = None,
    clip_norm: float | None = None,
    checkpoint: Checkpoint | str | os.PathLike[str] | None = None,
    comm: Any = None,
    jit: bool | str = False,
) -> History:
    """Train by stochastic gradient descent on shuffled mini-batches; the last, partial one is used too.

    data        examples, or a Dataset: then its training part, tested on its test part; or a Loader, which has a
                batch_size and an rng of its own
    test        examples to count right answers on, before the first and after every epoch
    validation  examples for the validation cost and accuracy, likewise: to choose settings by, and when to stop
    rng         a seed or a generator for the order of the examples: the same one, the same run
    progress    True: a line per epoch (and a bar on a terminal); False: silence; or where to send the lines
    callbacks   look on, and may end the training: EarlyStopping, KeepBest, Monitor, or your own Callback
    schedule    of nn.schedule: its step() comes after every epoch, but after every update where its per_batch is
                True, as OneCycleLR's; ReduceLROnPlateau's gets the validation cost, or without validation the cost
    clip_norm   the gradient of each mini-batch is made no longer than this (nn.utils.clip_grad_norm_)
    checkpoint  a Checkpoint, or its folder: the training goes on from the newest one there, if there is one
    comm        MPI.COMM_WORLD of mpi4py: each rank learns from its rows of every mini-batch, and all take the same
                step; rank 0 prints, judges, saves and has the callbacks; a rank that fails ends all (docs/parallel.md)
    jit         True: the update is recorded, and run from the recording as C; "numpy": with NumPy, which gives the
                same numbers to the last bit.  Where it cannot be recorded, a line says why, and all goes on without

    Ctrl-C ends the training: the network keeps what it has learned, and the History says so.
    A cost that is not finite raises TrainingError, which names the operation that made it; network, optimizer and
    schedule are then as they were before the epoch, and the checkpoints those of a sound network.
    A checkpoint that cannot be written raises OSError; the older ones are whole, and fit can be called again.
    """
    # what is not finite is found by train_step, which explains; where it happens on one of many ranks, all end
    with together(comm), np.errstate(over="ignore", invalid="ignore"):
        if isinstance(data, Dataset):
            test = data.test if test is None else test
            data = data.train
        loader = _loader(data, batch_size, rng)
        examples: Examples | None = getattr(loader, "examples", None)
        check_whole(epochs, 0, None, "fit: epochs, the passes over the training data,")
        learned = getattr(optimizer, "parameters", None)
        if isinstance(learned, list) and not {id(p) for p in learned} & {id(p) for p in net.parameters()}:
            raise ValueError("the optimizer learns none of this network's parameters: make it with net.parameters()")
        progress = progress if leads(comm) else False
        run, looking_on = Run(net, cost, optimizer, epochs, examples, speaker(progress)), _listed(callbacks)
        training = Training(
            run, loader, looking_on, schedule, clip_norm, test, validation, checkpoint, progress, comm, jit
        )
        try:
            training.begin()
            while run.last.number < epochs and run.history.stopped is None:
                training.one_epoch()
            if run.history.stopped is not None:
                run.say(f"stopped after epoch {run.epoch}: {run.history.stopped}")
            training.end()
        except KeyboardInterrupt:
            if several(comm):
                raise
            run.history.interrupted = True
            net.train()
            again = "" if checkpoint is None else "; run it again to go on from the newest checkpoint"
            run.say(f"interrupted in {run}; what was learned is kept{again}")
            training.tell("on_fit_end")
        return run.history


def _listed(callbacks: Any) -> list[Callback]:
    if isinstance(callbacks, Callback):
        raise DataError(f"callbacks is a list: write callbacks=[{type(callbacks).__name__}(...)]")
    return list(callbacks)


def _loader(data: Any, batch_size: int, rng: Seed) -> Any:
    """Where the mini-batches come from."""
    if isinstance(data, Examples):
        check_whole(batch_size, 1, None, "fit: batch_size, the examples in a mini-batch,")
        data = Loader(data, batch_size, rng=rng)
    elif not all(hasattr(data, name) for name in ("__iter__", "state_dict", "load_state_dict")):
        raise DataError(f"fit takes a nn.Dataset, nn.Examples(x, y, labels) or a Loader, not {type(data).__name__}")
    elif rng is not None:
        raise DataError("a Loader has an rng of its own: write Loader(..., rng=seed) and leave it out of fit")
    if hasattr(data, "examples") and len(data.examples) == 0:
        raise DataError("there are no training examples")
    return data
