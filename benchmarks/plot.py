"""The figures as a picture: one panel a work, one bar a contestant, its time beside that of tinygrad_edu."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .report import Bar, Table

__all__ = ["draw"]

INK, QUIET, GRID = "#1B1F24", "#667085", "#E4E7EC"
OURS, PEER, HAND = "#1F5FA8", "#AEB8C6", "#DDA63A"
WIDTH, BAR, HEAD = 11.0, 0.235, 0.66  # inches: of the page, of a bar with its gap, of a panel's title and axis
SHORTEST = 0.05  # a longer bar to the left is cut off, with an arrow: the others would shrink to nothing
TOP, BOTTOM, MARGIN = 0.78, 0.60, 0.2  # inches: what all panels leave free


def draw(tables: list[Table], facts: list[str], file: Path) -> None:
    """Save the panels in two columns: left the first work, right the others; every bar begins at the base's time."""
    from matplotlib.figure import Figure  # without pyplot: no window, no state

    panels = [table for table in tables if table.drawn and len(table.bars) > 1]
    if not panels:
        raise SystemExit("--plot: none of these works compares anything, so there is nothing to draw")
    columns = _columns(panels)
    width = WIDTH if len(columns) > 1 else WIDTH / 2
    height = max(sum(_height(t) for t in column) for column in columns) + TOP + BOTTOM
    figure = Figure(figsize=(width, height), dpi=120, facecolor="white")

    def say(words: str, x: float, y: float, size: float, color: str = QUIET, **settings: Any) -> None:
        """Words at inches from the left and from the top."""
        figure.text(x / width, 1 - y / height, words, fontsize=size, color=color, va="top", **settings)

    say("Time of a step beside tinygrad_edu", MARGIN, 0.15, 14, INK, weight="bold")
    say("Ratio to the contestant in bold, log scale, with quartiles: left of the line is faster.", MARGIN, 0.42, 8.5)
    for i, (name, color) in enumerate((("this project", OURS), ("by hand", HAND), ("other libraries", PEER))):
        say("■", width - 3.1 + 1.05 * i, 0.40, 10, color)
        say(name, width - 2.93 + 1.05 * i, 0.42, 8)
    for i, fact in enumerate(facts[:3]):
        say(fact.replace(" set by this program,", ","), MARGIN, height - 0.52 + 0.15 * i, 6.5)

    every = [bar for table in panels for bar in table.bars]
    limits = max(SHORTEST, min(bar.low for bar in every)), max(bar.high for bar in every)
    share = width / len(columns)
    for c, column in enumerate(columns):
        top = TOP
        for table in column:
            tall, left = len(table.bars) * BAR, c * share + MARGIN
            say(_title(table), left, top, 9, INK)
            # left of the axes stand the names, right of them the times
            axes = figure.add_axes(
                (
                    (left + 2.15) / width,
                    1 - (top + 0.22 + tall) / height,
                    (share - MARGIN - 2.15 - 0.75) / width,
                    tall / height,
                )
            )
            _panel(axes, table, *limits)
            top += _height(table)
    figure.savefig(file)


def _height(table: Table) -> float:
    return len(table.bars) * BAR + HEAD


def _columns(panels: list[Table]) -> list[list[Table]]:
    """The panels in their order, in two columns that are as equal as can be."""
    if len(panels) < 2:
        return [panels]
    heights = [_height(t) for t in panels]
    cut = min(range(1, len(panels)), key=lambda i: max(sum(heights[:i]), sum(heights[i:])))
    return [panels[:cut], panels[cut:]]


def _panel(axes: Any, table: Table, low: float, high: float) -> None:
    """One bar a contestant, the fastest on top; low and high: of all panels, so that bars can be compared."""
    bars = sorted(table.bars, key=lambda bar: bar.ratio, reverse=True)
    axes.set(xscale="log", xlim=(low / 1.15, high * 2), ylim=(-0.5, len(bars) - 0.5))  # right: room for the figures
    for y, bar in enumerate(bars):
        axes.barh(y, bar.ratio - 1, left=1, height=0.66, color=_colour(bar), zorder=2)
        if bar.ratio < low:
            axes.text(low / 1.13, y, "◂", fontsize=9, va="center_baseline", ha="left", color="white", zorder=5)
        elif bar.who != table.base:
            axes.plot([bar.low, bar.high], [y, y], color=INK, linewidth=0.9, zorder=3)
        axes.text(max(1.0, bar.high) * 1.08, y, f"{bar.ratio:.2g}", fontsize=7.5, va="center", color=INK, zorder=5)
        right = axes.get_yaxis_transform()
        axes.text(1.24, y, bar.label, transform=right, fontsize=7, va="center", ha="right", color=QUIET)
    axes.axvline(1, color=INK, linewidth=0.9, zorder=4)
    axes.set_yticks(range(len(bars)), [bar.who for bar in bars], fontsize=8, color=INK)
    for name, bar in zip(axes.get_yticklabels(), bars, strict=True):
        name.set_weight("bold" if bar.who == table.base else "normal")
    ticks = [t for t in (0.05, 0.1, 0.3, 1, 3, 10, 30, 100) if low / 1.15 <= t <= high * 1.5]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks], fontsize=7, color=QUIET)
    axes.set_xticks([], minor=True)
    axes.grid(axis="x", color=GRID, linewidth=0.7, zorder=0)
    axes.tick_params(length=0, pad=3)
    for side in axes.spines.values():
        side.set_visible(False)


def _colour(bar: Bar) -> str:
    """Ours, by hand, and the other libraries: told apart by their names too."""
    ours = bar.who.startswith(("tinygrad_edu", "import tinygrad_edu", "import nn"))
    return OURS if ours else HAND if "by hand" in bar.who else PEER


def _title(table: Table) -> str:
    """What fits above a panel: the works, without what all have in common."""
    words = table.title.replace("; time per step", "").replace(", sigmoid, quadratic cost", "").replace(", SGD", "")
    words = words.replace(", ReLU, max-pool, linear; cross-entropy", "").replace(" of single numbers,", "")
    words = words.replace(", in turns", "").replace("; forward + backward", "")
    return words.replace("one thread", "1 thread").replace("float32 numbers", "numbers")
