"""Loader: the mini-batches of an epoch, which can be stopped anywhere and go on with exactly the rest."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu import DataError

from .examples import Array, Examples, check_whole
from .init import Seed, as_generator
from .prefetch import made_ahead

__all__ = ["Augmentation", "Loader", "Sampler", "balanced"]

Batch: TypeAlias = tuple[Array, Array]
Sampler: TypeAlias = "Callable[[int, np.random.Generator], ArrayLike]"
"""sampler(N, rng) -> the row numbers of an epoch in their order, N of them; any may come twice or not at all."""
Augmentation: TypeAlias = "Callable[[Array, np.random.Generator], Array]"
"""augment(x, rng) -> other inputs with the same answers: (S, …) -> (S, …)"""


@dataclass(frozen=True, eq=False)
class _Epoch:
    """What is drawn when an epoch begins; every mini-batch of the epoch follows from it."""

    order: Array | None  # row numbers; None: as the examples stand
    seed: int  # of the augmentation

    def make(self, k: int, examples: Examples, size: int, augment: Augmentation | None) -> Batch:
        """Mini-batch number k.  It needs none of those before, so an epoch can go on in its middle."""
        rows: Any = slice(k * size, (k + 1) * size)
        if self.order is not None:
            rows = self.order[rows]
        x, y = examples.x[rows], examples.y[rows]
        if self.order is None:  # not copies
            x.flags.writeable = y.flags.writeable = False
        if augment is None:
            return x, y
        pictures = x if x.ndim > 2 or examples.image_shape is None else x.reshape(-1, *examples.image_shape)
        other: Any = augment(pictures.copy(), np.random.default_rng((self.seed, k)))
        if not isinstance(other, np.ndarray) or len(other) != len(x) or other.dtype != x.dtype:
            found = f"{other.shape} {other.dtype}" if isinstance(other, np.ndarray) else f"a {type(other).__name__}"
            raise DataError(f"augment made {found} of {pictures.shape} {x.dtype}: needed one {x.dtype} input for each")
        return (other.reshape(len(x), -1) if x.ndim == 2 else other), y


class Loader:
    """The mini-batches (x, y) of an epoch, each time that one loops over it.

    examples    what to learn from
    batch_size  examples in a mini-batch; the last one has what is left, all of them where batch_size > N
    shuffle     a new order in every epoch; False: as they stand, and the mini-batches are read-only parts of examples
    rng         a seed or a generator; NumPy's global one is never touched
    sampler     sampler(N, rng) -> N row numbers, in place of shuffling: nn.data.balanced(labels), or your own
    augment     augment(x, rng) -> changed x, as nn.data.augment.Shift(2); flat pictures come as pictures
    prefetch    mini-batches that a thread makes ahead; the numbers are the same without
    drop_last   leave out a last mini-batch that is smaller than the others

        for x, y in nn.data.Loader(data.train, 10, rng=0):
            nn.train_step(net, cost, optimizer, x, y)

    No examples: no mini-batch.  A loop that is left early leaves its epoch: the next loop begins a new one.
    Everything random in an epoch is drawn from rng when the epoch begins: first the order (as in nn.data.batches),
    then, if there is an augmentation, one seed, from which each mini-batch has a generator of its own.  So
    mini-batch k is the same whether those before it were made or not, and whichever thread makes it.
    """

    def __init__(
        self,
        examples: Examples,
        batch_size: int = 10,
        *,
        shuffle: bool = True,
        rng: Seed = None,
        sampler: Sampler | None = None,
        augment: Augmentation | None = None,
        prefetch: int = 0,
        drop_last: bool = False,
    ) -> None:
        given: Any = examples
        if not isinstance(given, Examples):
            hint = "  Write data.train." if hasattr(given, "train") else ""
            raise DataError(f"Loader: examples is a nn.Examples(x, y, labels), not a {type(given).__name__}.{hint}")
        check_whole(batch_size, 1, None, "Loader: batch_size, the examples in a mini-batch,")
        check_whole(prefetch, 0, None, "Loader: prefetch, the mini-batches made ahead,")
        for name, function in (("sampler", sampler), ("augment", augment)):
            if function is not None and not callable(function):
                raise DataError(f"Loader: {name} is a function or None, not {function!r:.60}.")
        if drop_last and 0 < len(examples) < batch_size:
            raise DataError(
                f"Loader: drop_last leaves nothing of {len(examples)} examples in mini-batches of {batch_size}.  "
                f"Write batch_size={len(examples)} or less, or drop_last=False."
            )
        self.examples, self.batch_size, self.shuffle = examples, batch_size, shuffle
        self.sampler, self.augment, self.prefetch, self.drop_last = sampler, augment, prefetch, drop_last
        self.rng = as_generator(rng)
        self.epoch = 0  # complete epochs, and those that were left early
        self.cursor = 0  # mini-batches of this epoch that were handed out
        self._now: _Epoch | None = None  # the epoch that is under way
        self._before: dict[str, Any] = {}  # the generator's state before this epoch was drawn
        self._resumed = False

    def __len__(self) -> int:
        """Mini-batches in an epoch."""
        n = len(self.examples)
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def __repr__(self) -> str:
        return f"Loader({self.examples!r}, batch_size={self.batch_size}, {len(self)} mini-batches)"

    def __iter__(self) -> Iterator[Batch]:
        """An epoch: a new one, or, once after load_state_dict, the rest of the one that was under way."""
        if not self._resumed:
            if self._now is not None:
                self.epoch += 1  # that one was left early
            self._draw(0)
        self._resumed = False
        assert self._now is not None
        return self._hand_out(self._now, self.cursor)

    def _draw(self, cursor: int) -> None:
        """Begin an epoch: everything that is random in it."""
        before = dict(copy.deepcopy(self.rng.bit_generator.state))
        n, order = len(self.examples), None
        if self.sampler is not None:
            order = _rows(self.sampler(n, self.rng), n)
        elif self.shuffle:
            order = self.rng.permutation(n)
        seed = 0 if self.augment is None else int(self.rng.integers(1 << 63))
        self._now, self._before, self.cursor = _Epoch(order, seed), before, cursor

    def _hand_out(self, epoch: _Epoch, done: int) -> Iterator[Batch]:
        examples, size, augment = self.examples, self.batch_size, self.augment

        def make(k: int) -> Batch:
            return epoch.make(k, examples, size, augment)

        numbers = range(done, len(self))
        made = made_ahead(make, numbers, self.prefetch) if self.prefetch else map(make, numbers)
        for k, batch in zip(numbers, made, strict=True):
            if self._now is epoch:  # not where another loop has begun another epoch since
                self.cursor = k + 1
            yield batch
        if self._now is epoch:
            self._now, self.cursor, self.epoch = None, 0, self.epoch + 1

    # ---- to go on later --------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Where it is: plain numbers and dicts.

        rng     the generator's state at the start of the epoch that is under way; between two epochs, its state now
        epoch   epochs behind it
        cursor  mini-batches of this epoch that were handed out; all of them, until the loop has asked for one more
        under_way, and examples, batch_size, batches, which a loader that takes the state over must share
        """
        under_way = self._now is not None
        return {
            "rng": copy.deepcopy(self._before if under_way else self.rng.bit_generator.state),
            "epoch": self.epoch,
            "cursor": self.cursor,
            "under_way": under_way,
            **self._kind(),
        }

    def load_state_dict(self, state: Any) -> None:
        """Be where the other loader was: the next loop gives exactly what its loop had left.

        The examples, sampler and augmentation must be those of the other; their number is compared.
        DataError if the state does not fit; nothing has changed then.
        """
        wanted = {"rng", "epoch", "cursor", "under_way", *self._kind()}
        if not isinstance(state, dict) or state.keys() != wanted:
            found = sorted(map(str, state)) if isinstance(state, dict) else f"a {type(state).__name__}"
            raise DataError(f"the state of a Loader is a dict with {sorted(wanted)}, not {found}")
        for name, mine in self._kind().items():
            if state[name] != mine:
                raise DataError(f"this Loader has {name} = {mine}, and the state {state[name]!r:.60}")
        check_whole(state["epoch"], 0, None, "epoch in the state of a Loader")
        check_whole(state["cursor"], 0, len(self) if state["under_way"] else 0, "cursor in the state of a Loader")
        now = copy.deepcopy(self.rng.bit_generator.state)
        before = self._now, self._before, self.cursor
        try:
            self.rng.bit_generator.state = copy.deepcopy(state["rng"])
            if state["under_way"]:
                self._draw(int(state["cursor"]))
            else:
                self._now, self.cursor = None, 0
        except BaseException as error:
            self.rng.bit_generator.state = now
            self._now, self._before, self.cursor = before
            if isinstance(error, (TypeError, ValueError, KeyError, OverflowError)) and not isinstance(error, DataError):
                kind = type(self.rng.bit_generator).__name__
                raise DataError(f"rng in the state is not the state of a {kind} generator: {error}") from error
            raise
        self.epoch, self._resumed = int(state["epoch"]), bool(state["under_way"])

    def _kind(self) -> dict[str, int]:
        return {"examples": len(self.examples), "batch_size": int(self.batch_size), "batches": len(self)}


def balanced(labels: ArrayLike) -> Sampler:
    """A sampler that draws every class equally often, with repetition, however rare it is.

    Loader(data.train, sampler=balanced(data.train.labels))
    """
    kinds, which, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    if len(kinds) == 0:
        raise DataError("balanced: there are no labels")
    probability = 1 / (len(kinds) * counts[which])

    def sampler(n: int, rng: np.random.Generator) -> Array:
        if n != len(probability):
            raise DataError(f"balanced got {len(probability)} labels, and there are {n} examples")
        return rng.choice(n, size=n, p=probability)

    return sampler


def _rows(given: ArrayLike, n: int) -> Array:
    """The row numbers of a sampler, checked."""
    rows = np.array(given)
    if rows.shape != (n,) or (n and rows.dtype.kind not in "iu") or np.any((rows < 0) | (rows >= n)):
        raise DataError(f"a sampler gives {n} row numbers, from 0 to {n - 1}, not {given!r:.60}")
    return rows.astype(np.int64)
