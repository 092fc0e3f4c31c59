"""The table of results: times of all contestants, and the figures to reach beside the figures reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from .timing import per_round, spread

__all__ = ["Bar", "Goal", "Table", "compared", "plain"]

TIMES = ("contestant", "measured", "quartiles", "relative", "quartiles")
RATIOS = ("ours", "against", "ours / theirs", "quartiles", "reach", "aim", "verdict")
FIGURES = ("ours", "in", "measured", "quartiles", "reach", "aim", "verdict")  # where nobody else takes part


@dataclass(frozen=True)
class Goal:
    """ours / theirs should be at most `reach`, and at best `aim`; smaller is better."""

    ours: str
    theirs: str
    reach: float
    aim: float

    def verdict(self, value: float) -> str:
        """Which of the two was reached."""
        return "aim reached" if value <= self.aim else "reached" if value <= self.reach else "MISSED"


@dataclass(frozen=True)
class Bar:
    """One contestant in the plot: its time divided by that of `base`, with quartiles."""

    who: str
    ratio: float
    low: float
    high: float
    label: str  # its time


@dataclass
class Table:
    """The results of one work."""

    title: str
    notes: list[str] = field(default_factory=list)
    base: str = ""  # the contestant whose time is 1 in the column "relative"
    rows: list[tuple[str, ...]] = field(default_factory=list)
    goals: list[tuple[str, ...]] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    drawn: bool = True  # in the plot

    @classmethod
    def of(cls, plain: dict[str, Any]) -> Table:
        """The table that was sent as JSON by the process that measured."""
        lists = {key: [tuple(row) for row in plain[key]] for key in ("rows", "goals")}
        return cls(**{**plain, **lists, "bars": [Bar(**bar) for bar in plain["bars"]]})

    def add(self, who: str, measured: str, span: str = "", relative: str = "", relative_span: str = "") -> None:
        """A row of the times."""
        self.rows.append((who, measured, span, relative, relative_span))

    def judge(self, goal: Goal, value: float, span: str = "") -> None:
        """A row of the figures to reach."""
        figures = f"{value:.3g}", span, f"{goal.reach:g}", f"{goal.aim:g}", goal.verdict(value)
        self.goals.append((goal.ours, goal.theirs, *figures))

    def _blocks(self) -> Iterable[tuple[Sequence[str], list[tuple[str, ...]]]]:
        heads = list(TIMES)
        if self.base:
            heads[3] = f"{self.base} = 1"
        yield heads, self.rows
        if self.goals:
            yield RATIOS if self.base else FIGURES, self.goals

    def text(self) -> str:
        """For the terminal."""
        lines = [self.title, *(f"  {note}" for note in self.notes)]
        for head, rows in self._blocks():
            used = [i for i in range(len(head)) if any(row[i] for row in rows)]
            cells = [[row[i] for i in used] for row in (head, *rows)]
            widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
            names = 1 if rows is self.rows else 2  # columns of words, the others are figures
            lines += ["    " + "  ".join(_aligned(row, widths, names)).rstrip() for row in cells]
        return "\n".join(lines)

    def markdown(self) -> str:
        """For a document."""
        lines = [f"## {self.title}", "", *(f"- {note}" for note in self.notes), ""]
        for head, rows in self._blocks():
            used = [i for i in range(len(head)) if any(row[i] for row in rows)]
            names = 1 if rows is self.rows else 2
            cells = [[row[i] for i in used] for row in (head, *rows)]
            rule = "|" + "---|" * names + "---:|" * (len(used) - names)
            table = ["| " + " | ".join(row) + " |" for row in cells]
            lines += [table[0], rule, *table[1:], ""]
        return "\n".join(lines)


def plain(value: float) -> str:
    """Three digits, never as 1e+03."""
    return f"{value:,.0f}" if value >= 99.95 else f"{value:.3g}"


def fraction(ratio: float) -> str:
    """Two digits behind the point, or the first two that are not 0."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def _aligned(row: list[str], widths: list[int], names: int) -> list[str]:
    return [c.ljust(w) if i < names else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))]


def compared(
    table: Table,
    seconds: dict[str, list[float]],
    base: str,
    goals: Iterable[Goal] = (),
    unit: str = "µs",
    count: int = 1,
) -> None:
    """A row per contestant, the fastest first: the time of one of `count` steps, and how it relates to that of `base`.

    Every ratio is formed within a round: what slows the machine for a while slows both.
    """
    table.base = base
    scale = {"s": 1, "ms": 1e3, "µs": 1e6}[unit] / count
    for who, times in sorted(seconds.items(), key=lambda item: spread(item[1])):
        middle, low, high = (value * scale for value in spread(times))
        ratio, *span = spread(per_round(times, seconds[base]))
        table.bars.append(Bar(who, ratio, span[0], span[1], f"{plain(middle)} {unit}"))
        measured = f"{plain(middle)} {unit}", f"{plain(low)}–{plain(high)}"
        table.add(who, *measured, fraction(ratio), "" if who == base else "–".join(map(fraction, span)))
    for goal in goals:
        if goal.ours in seconds and goal.theirs in seconds:
            ratio, *span = spread(per_round(seconds[goal.ours], seconds[goal.theirs]))
            table.judge(goal, ratio, "–".join(map(fraction, span)))
