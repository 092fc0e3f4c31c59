"""What kind of mistake makes a gradient differ like this?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["CAUSES", "Cause", "Ratios", "likely_cause", "ratios", "summed_to"]

Array = npt.NDArray[Any]

# What the report says for each kind; the names in braces are filled in.
CAUSES = {
    "missing 1/2": "A constant ratio of {ratio} often means a missing 1/2 in the cost.{also}",
    "half": "A constant ratio of 1/2 often means a 1/2 too many, or that the 2 of a derived square was lost.{also}",
    "sign": "A constant ratio of -1 means the wrong sign: is it a - y or y - a?",
    "batch": "The constant ratio {ratio} is the size of the mini-batch: summed over the examples instead of averaged.",
    "averaged": "The constant ratio 1/{size} is one over the size of the mini-batch: averaged instead of summed.",
    "scaled": "The ratio is the same everywhere, {ratio}: a constant factor is wrong.{also}",
    "transposed": "The right numbers in transposed places: swap the axes, or the two factors of an outer product.",
    "swapped": "The gradients of {name} and {other} have changed places: swap the operands, or the two rules.",
    "other input": "These are the numbers of dC/d{other}, not of dC/d{name}.",
    "broadcast": "Not summed over the axes along which {name} was broadcast: sum them back to the shape {shape}.",
    "not averaged": "One gradient for every example: take the mean over the mini-batch, axis 0.",
    "not summed": "One gradient for every example: sum over the mini-batch, axis 0.",
    "shape": "The gradient has the shape {given}, and {name} the shape {shape}: they must be the same.",
    "zero": "No gradient arrives at all: is a factor 0, or is this part computed outside the graph (.data, detach())?",
    "nan": "The gradient is not a finite number where the function is smooth: 0/0, 0·inf, or a root or log at 0?",
    "shift": "A constant was added to every entry: {shift:.4g}.",
    "some entries": "Only {wrong} of {count} entries differ: an index, a mask, an edge, or an entry used twice?",
    "float32 step": "The ratios scatter closely around 1: rounding, as from a step that is too small for float32.",
    "missing part": "The difference is the same in each row: is a term missing that does not depend on the column?",
    "unknown": "No simple mistake (factor, sign, transposition, order) explains the difference.",
    "detached": "Every op on the way is right: a part of the function is computed outside the graph (.data, .numpy(), "
    "detach(), no_grad()), so its share of the gradient is missing.",
    "raised": "backward() itself fails: {error}",
    "second order": "The first derivative is right, its derivative is not: a rule computes with values that are "
    "outside the graph (.data, np.*, a constant).",
    "readings": "The rule gives other numbers on Tensors than on arrays: it must use operators, ops and .shape only.",
    "special point": "Close by, the gradient is right: there is a kink, a tie or a special case at this very point.",
    "kink": "The function has a kink here: its slopes from the left and the right differ, so there is no derivative.",
    "unreliable": "Nothing could be checked: the differences do not settle for any step.  Edge of a domain, or noise?",
    "not deterministic": "The function gives other values for the same inputs: fix its seed, or switch dropout off.",
}


@dataclass(frozen=True)
class Cause:
    """The likely mistake: its kind, a key of CAUSES, and what to tell the person who made it."""

    kind: str
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Ratios:
    """mine / numeric: the most usual ratio, and in how many of the entries that have one it holds."""

    value: float
    agreeing: int
    count: int

    @property
    def constant(self) -> bool:
        """Is it the same everywhere?"""
        return self.count > 0 and self.agreeing == self.count

    def __str__(self) -> str:
        return f"ratio {self.value:.3f} in {self.agreeing} of {self.count} entries"


def _close(a: Any, b: Any, scale: float = 0.0) -> bool:
    """Equal to five digits of the largest entry."""
    return np.shape(a) == np.shape(b) and bool(np.all(np.abs(a - b) <= 1e-5 * max(scale, np.max(np.abs(b), initial=0))))


def summed_to(g: Array, shape: tuple[int, ...]) -> Array | None:
    """g summed over the axes along which `shape` was broadcast; None if it cannot have been."""
    try:
        if np.broadcast_shapes(g.shape, shape) != g.shape:
            return None
    except ValueError:
        return None
    added = g.ndim - len(shape)
    g = g.sum(axis=tuple(range(added)))
    return np.asarray(g.sum(axis=tuple(i for i, n in enumerate(shape) if n != g.shape[i]), keepdims=True))


def ratios(mine: Array, numeric: Array) -> Ratios:
    """The statistics of mine / numeric over the entries where numeric is not (nearly) 0; NaN is left out."""
    if mine.shape != numeric.shape:
        return Ratios(np.nan, 0, 0)
    scale = np.max(np.abs(numeric), initial=0, where=np.isfinite(numeric))
    known = np.isfinite(numeric) & np.isfinite(mine) & (np.abs(numeric) > 1e-5 * scale)
    if scale == 0 or not known.any():
        return Ratios(np.nan, 0, int(known.sum()))
    r, size = mine[known] / numeric[known], np.abs(numeric[known])
    near = 1e-5 * scale / size + 1e-6 * max(1.0, float(np.max(np.abs(r))))
    off = np.abs(r - 1) > near
    votes = r[off] if off.any() else r  # what the wrong entries say
    value = float(np.median(votes))
    value = float(votes[np.argmin(np.abs(votes - value))])
    agreeing = int(np.sum(np.abs(r - value) <= 1e-6 * scale / size + 1e-6 * abs(value)))
    return Ratios(value, agreeing, int(known.sum()))


def likely_cause(
    mine: Sequence[Array],
    numeric: Sequence[Array],
    wrong: Sequence[Any],
    i: int,
    names: Sequence[str],
    batch_sizes: Iterable[int] = (),
    by_hand: bool = False,
    raw: Sequence[Array] | None = None,
) -> Cause:
    """The kind of mistake in mine[i], seen beside all the others; NaN in `numeric` stands for "not known".

    wrong[k]     is something wrong with input k?
    batch_sizes  what the number of examples may be
    by_hand      derived on paper, so with examples instead of broadcasting
    raw          the gradients before broadcasting was undone
    """
    a, b = mine[i], numeric[i]
    words = {"name": names[i], "shape": b.shape, "given": a.shape}
    if not np.all(np.isfinite(a[np.isfinite(b)] if a.shape == b.shape else a)):
        return _cause("nan", **words)
    swap = _swapped(mine if raw is None else raw, numeric, wrong, i)
    if swap is not None:
        return _cause("swapped", other=names[swap], **words)
    if a.shape != b.shape:
        return _of_shapes(a, b, words, by_hand)
    known = np.isfinite(b)
    complete = bool(known.all())
    if not np.any(a[known]):
        return _cause("zero", **words)
    zeros_kept = np.all(np.abs(a[known & (b == 0)]) <= 1e-6 * np.max(np.abs(a[known]), initial=0))
    r = ratios(a, b)
    if r.constant and zeros_kept:
        return _of_factor(r.value, sorted(set(batch_sizes)), words)
    if complete and _transposed(a, b):
        return _cause("transposed", **words)
    for j, other in enumerate(numeric):
        if j != i and complete and _close(a, other):
            return _cause("other input", other=names[j], **words)
    difference = (a - b)[known]
    scale = float(np.max(np.abs(b[known]), initial=0))
    if difference.size > 1 and np.ptp(difference) <= 1e-5 * max(scale, float(np.max(np.abs(difference)))):
        return _cause("shift", shift=float(difference[0]), **words)
    off = np.abs(difference) > 1e-5 * scale
    if np.max(np.abs(difference), initial=0) <= 0.05 * scale and off.mean() > 0.3 and _scatters(difference[off]):
        return _cause("float32 step", **words)
    if complete and b.ndim > 1 and b.shape[-1] > 1 and np.all(np.ptp(a - b, axis=-1) <= 1e-5 * scale):
        return _cause("missing part", **words)
    if 0 < off.sum() <= off.size / 2:
        return _cause("some entries", wrong=int(off.sum()), count=off.size, **words)
    return _cause("unknown", **words)


def _cause(kind: str, **words: Any) -> Cause:
    words = {"ratio": "", "also": "", **words}
    return Cause(kind, CAUSES[kind].format(**words))


def _swapped(mine: Sequence[Array], numeric: Sequence[Array], wrong: Sequence[Any], i: int) -> int | None:
    """The other input that has exchanged its gradient with input i."""
    for j in range(len(mine)):
        if j != i and wrong[i] and wrong[j]:
            there, back = summed_to(mine[i], numeric[j].shape), summed_to(mine[j], numeric[i].shape)
            if there is not None and back is not None and _close(there, numeric[j]) and _close(back, numeric[i]):
                return j
    return None


def _of_shapes(a: Array, b: Array, words: dict[str, Any], by_hand: bool) -> Cause:
    total = summed_to(a, b.shape)
    if total is not None and np.all(np.isfinite(b)):
        per_example = a.ndim == b.ndim + 1 and a.shape[1:] == b.shape
        if _close(total, b):
            return _cause("not summed" if per_example and by_hand else "broadcast", **words)
        if per_example and _close(total / len(a), b):
            return _cause("not averaged", **words)
    if _transposed(a, b):
        return _cause("transposed", **words)
    return _cause("shape", **words)


def _transposed(a: Array, b: Array) -> bool:
    """Is b the array a with its axes in another order, or its numbers read in another order?"""
    if a.size != b.size or a.ndim < 2:
        return False
    last_two = (*range(a.ndim - 2), a.ndim - 1, a.ndim - 2)
    for order in permutations(range(a.ndim)) if a.ndim <= 4 else [last_two]:
        if order != tuple(range(a.ndim)):
            t = a.transpose(order)
            if _close(t, b) or (t.shape != b.shape and a.shape == b.shape and _close(t.reshape(b.shape), b)):
                return True
            if a.shape == b.shape and _close(b.transpose(order).reshape(a.shape), a):
                return True
    return False


def _of_factor(r: float, sizes: list[int], words: dict[str, Any]) -> Cause:
    def is_(value: float) -> bool:
        return abs(r - value) <= 1e-4 * abs(value)

    also = "  (The mini-batch has 2 examples too: summed instead of averaged?)" if 2 in sizes else ""
    if is_(2):
        return _cause("missing 1/2", ratio="2", also=also, **words)
    if is_(-1):
        return _cause("sign", **words)
    for size in sizes:
        if size > 2 and is_(size):
            return _cause("batch", ratio=size, **words)
        if size > 2 and is_(1 / size):
            return _cause("averaged", size=size, **words)
    if is_(0.5):
        return _cause("half", also=also.replace("summed instead of averaged", "averaged twice"), **words)
    also = ""
    whole = round(abs(r))
    if whole > 1 and is_(np.sign(r) * whole):
        also = f"  Is {whole} the number of examples, summed instead of averaged?" + ("  And the sign?" * (r < 0))
    elif 0 < abs(r) < 0.9 and is_(np.sign(r) / round(1 / abs(r))):
        also = f"  Is {round(1 / abs(r))} the number of examples, averaged once too often?"
    return _cause("scaled", ratio=f"{r:.8g}", also=also, **words)


def _scatters(difference: Array) -> bool:
    """Are there about as many differences of each sign?"""
    positive = int(np.sum(difference > 0))
    return difference.size >= 4 and 0.2 < positive / difference.size < 0.8
