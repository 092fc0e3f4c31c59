"""What a gradient check found, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .diagnosis import Cause, Ratios, ratios

__all__ = ["Compared", "Report"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Compared:
    """One input's gradient, mine and numeric (NaN where it was not computed), and the verdict on each entry."""

    name: str
    mine: Array
    numeric: Array
    wrong: Array
    kinks: Array
    unreliable: Array
    checked: int

    @property
    def failed(self) -> bool:
        """Is an entry wrong, or the shape?"""
        return bool(self.wrong.any()) or self.mine.shape != self.numeric.shape


@dataclass(frozen=True)
class Report:
    """What a check found: true if no mistake was found.  str() tells it in words."""

    order: int
    method: str
    compared: list[Compared]
    cause: Cause | None = None
    op: str | None = None  # the op whose rule is wrong
    script: str = ""  # a program of at most 15 lines that shows the failure
    notes: list[str] = field(default_factory=list)
    cost: str = "C"  # what was differentiated

    @property
    def ok(self) -> bool:
        """No mistake, and something could be checked."""
        return self.cause is None or self.cause.kind == "kink"

    def __bool__(self) -> bool:
        return self.ok

    @property
    def worst(self) -> tuple[Compared, tuple[int, ...]] | None:
        """The input and the entry that differ most; () is the place in a single number."""
        found = [c for c in self.compared if c.wrong.any()]
        if not found:
            return None

        def off(c: Compared) -> Array:
            size = np.max(np.abs(c.numeric), initial=1e-300, where=np.isfinite(c.numeric))
            distance = np.abs(c.mine - c.numeric) / size
            return np.where(c.wrong, np.where(np.isfinite(distance), distance, np.inf), -1)

        c = max(found, key=lambda c: float(np.max(off(c))))
        return c, tuple(int(k) for k in np.unravel_index(int(np.argmax(off(c))), c.numeric.shape))

    @property
    def ratios(self) -> Ratios | None:
        """mine / numeric over the input with the worst entry."""
        worst = self.worst
        return None if worst is None else ratios(worst[0].mine, worst[0].numeric)

    def __str__(self) -> str:
        lines = [self._verdict()]
        if self.cause is not None:
            lines[0] += f"  {self.cause}" if self.cause.kind != "kink" else ""
        if self.op is not None:
            lines.append(f"  op: {self.op}")
        for c in self.compared:
            what = f"{c.checked} of {c.numeric.size} entries checked"
            counts = (("wrong", c.wrong), ("at a kink", c.kinks), ("not reliable", c.unreliable))
            what += "".join(f", {int(n.sum())} {word}" for word, n in counts if n.any())
            lines.append(f"  {c.name} {c.numeric.shape}: {what}")
        lines += [f"  {note}" for note in self.notes]
        if self.script:
            lines += ["  To see it again:", "", self.script]
        return "\n".join(lines)

    __repr__ = __str__

    def _verdict(self) -> str:
        d = "dC/d" if self.order == 1 else "d²C/d"
        worst = self.worst
        if worst is not None:
            c, place = worst
            entry = f"{c.name}{list(place) if place else ''}"
            return f"{d}{c.name} differs at {entry}: yours {c.mine[place]:.4f}, numeric {c.numeric[place]:.4f}".replace(
                "yours nan", "yours NaN"
            ) + (f" ({self.ratios})." if self.ratios and self.ratios.count else ".")
        for c in self.compared:
            if c.failed:
                return f"{d}{c.name} has the shape {c.mine.shape}, and {c.name} the shape {c.numeric.shape}."
        if not self.ok:
            return "The gradients could not be checked."
        orders = "first order" if self.order == 1 else "first and second order"
        return f"The gradients are right ({orders}, {self.method})."
