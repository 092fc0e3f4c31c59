"""The table of results: one row per contestant, with the figures to reach beside the figures reached."""

from __future__ import annotations

from dataclasses import dataclass, field

from .timing import per_round, spread

__all__ = ["Goal", "Table", "compared"]

HEAD = ("contestant", "measured", "10–90 %", "ours / theirs", "10–90 %", "reach", "aim", "verdict")


@dataclass(frozen=True)
class Goal:
    """The figure to reach, and the one to aim at beyond it; smaller is better."""

    reach: float
    aim: float

    def verdict(self, value: float) -> str:
        """Which of the two was reached."""
        return "aim reached" if value <= self.aim else "reached" if value <= self.reach else "MISSED"


@dataclass
class Table:
    """The results of one work."""

    title: str
    notes: list[str] = field(default_factory=list)
    rows: list[tuple[str, ...]] = field(default_factory=list)

    def add(self, who: str, measured: str, span: str = "", ratio: str = "", ratio_span: str = "") -> None:
        """A row without a goal."""
        self.rows.append((who, measured, span, ratio, ratio_span, "", "", ""))

    def judge(self, goal: Goal, value: float) -> None:
        """Put a goal, and whether it was reached, into the last row."""
        self.rows[-1] = (*self.rows[-1][:5], f"{goal.reach:g}", f"{goal.aim:g}", goal.verdict(value))

    def text(self) -> str:
        """For the terminal."""
        widths = [max(map(len, column)) for column in zip(HEAD, *self.rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
            for row in (HEAD, *self.rows)
        ]
        return "\n".join([self.title, *(f"  {note}" for note in self.notes), *(f"    {s.rstrip()}" for s in lines)])

    def markdown(self) -> str:
        """For a document."""
        lines = ["| " + " | ".join(row) + " |" for row in (HEAD, *self.rows)]
        lines.insert(1, "|---|" + "---:|" * (len(HEAD) - 1))
        return "\n".join([f"## {self.title}", "", *(f"- {note}" for note in self.notes), "", *lines, ""])


def compared(
    table: Table, seconds: dict[str, list[float]], ours: str, goals: dict[str, Goal], unit: str = "µs", count: int = 1
) -> None:
    """A row per contestant: the time of one of `count` steps, and the ratio ours / theirs of each round."""
    scale = {"s": 1, "ms": 1e3, "µs": 1e6}[unit] / count
    for who, times in seconds.items():
        middle, low, high = (value * scale for value in spread(times))
        table.add(who, f"{middle:.4g} {unit}", f"{low:.4g}–{high:.4g}")
        if who != ours:
            ratio, *span = spread(per_round(seconds[ours], times))
            table.rows[-1] = (*table.rows[-1][:3], f"{ratio:.2f}", "{:.2f}–{:.2f}".format(*span), "", "", "")
            if who in goals:
                table.judge(goals[who], ratio)
