"""The plots: accuracy by epoch, mean and spread of the runs; and all experiments beside the book."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nn.plot import figure

from .experiments import GROUPS, Group
from .report import Row

__all__ = ["draw"]

# Okabe and Ito's colours, which stay apart for colour-blind eyes too; each with a mark and a line of its own
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = "os^vDP"
LINES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (8, 2, 2, 2)), (0, (4, 1)), (0, (1, 1)))
INK, GREY = "#222222", "#8a8f98"


def draw(folder: Path, table: Sequence[Row], data: str, prefix: str = "") -> list[Path]:
    """overview.png, and a plot for each group that has results."""
    folder.mkdir(parents=True, exist_ok=True)
    ran = [row for row in table if row.runs]
    if not ran:
        return []
    figures = {"overview": overview(ran, data)}
    for group in GROUPS:
        mine = [row for row in ran if row.experiment.group == group.name]
        if mine:
            figures[group.name] = (curves if group.across == "epoch" else along)(group, mine, data)
    paths = []
    for name, fig in figures.items():
        paths.append(folder / f"{prefix}{name}.png")
        fig.savefig(paths[-1], dpi=110)
    return paths


def curves(group: Group, table: Sequence[Row], data: str) -> Any:
    """Accuracy by epoch: the mean of the runs in a band from the worst to the best; the book a diamond."""
    fig = figure((8.6, 4.2))
    ax = fig.add_subplot()
    longest = max(row.runs[0]["epochs"][-1] for row in table)
    shortest = min(row.runs[0]["epochs"][-1] for row in table)
    share = longest > 6 * shortest  # 30 epochs beside 400: along the share of each training
    low = 100.0
    for i, row in enumerate(table):
        epochs = np.array(row.runs[0]["epochs"])
        x = epochs / epochs[-1] * 100 if share else epochs
        values = np.array(row.series())  # (runs, looks)
        mean = values.mean(axis=0)
        colour = COLOURS[i % len(COLOURS)]
        ax.fill_between(x, values.min(axis=0), values.max(axis=0), color=colour, alpha=0.18, linewidth=0)
        mark: Any = {"marker": MARKERS[i % len(MARKERS)], "markersize": 4, "markevery": max(1, len(x) // 10)}
        ax.plot(
            x, mean, color=colour, linestyle=LINES[i % len(LINES)], linewidth=1.6, label=row.experiment.label, **mark
        )
        if row.experiment.book is not None:
            where = x[0] if row.experiment.counted == "first" else (103 if share else longest * 1.03)
            ax.plot(where, row.experiment.book, "D", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        low = min(low, *np.quantile(mean, 0.2, keepdims=True), row.experiment.book or 100)
    if any(row.experiment.book is not None for row in table):
        ax.plot([], [], "D", color=GREY, markersize=7, markeredgecolor="white", linestyle="none", label="the book")
    ax.set_ylim(0 if low < 60 else 2 * np.floor((low - 1) / 2), 100)
    ax.set_xlabel("share of the training (%)" if share else "epoch")
    _dress(ax, group.title + _short(table), f"{_judged(table)} on {data}")
    ax.locator_params(axis="x", integer=True)
    fig.legend(frameon=False, loc="outside right center", fontsize=9)
    return fig


def along(group: Group, table: Sequence[Row], data: str) -> Any:
    """The counted accuracy along a field of the setting, on a logarithmic axis; each run a dot."""
    fig = figure((7.2, 4.2))
    ax = fig.add_subplot()
    x = [getattr(row.experiment.setting, group.across) for row in table]
    ax.plot(x, [np.mean(row.counted()) for row in table], color=COLOURS[0], linewidth=1.6, zorder=1)
    for n, row in zip(x, table, strict=True):
        ax.plot([n] * len(row.runs), row.counted(), "o", color=COLOURS[0], alpha=0.55, markersize=6, markeredgewidth=0)
        text = f"{np.mean(row.counted()):.1f} %"
        ax.annotate(text, (n, np.mean(row.counted())), (0, -16), textcoords="offset points", ha="left", fontsize=9)
    ax.set_xscale("log")
    ax.set_xticks(x, [f"{n:,}" for n in x])
    ax.minorticks_off()
    ax.set_xlabel(f"training {group.across}, logarithmic")
    low = min(min(row.counted()) for row in table)
    ax.set_ylim(0 if low < 40 else 10 * np.floor((low - 5) / 10), 100)
    ax.set_xlim(x[0] / 1.4, x[-1] * 1.9)
    _dress(ax, group.title + _short(table), f"{_judged(table)} on {data}")
    return fig


def overview(table: Sequence[Row], data: str) -> Any:
    """Wrong answers on a logarithmic axis: each run a dot, the mean a line, the book a diamond."""
    places: list[tuple[float, Row | Group]] = []
    y = 0.0
    for group in GROUPS:
        mine = [row for row in table if row.experiment.group == group.name]
        entries: list[Row | Group] = [group, *mine] if mine else []
        for entry in entries:
            places.append((y, entry))
            y += 1
        y += 0.4 if mine else 0
    fig = figure((8.4, 0.27 * y + 1.2))
    ax = fig.add_subplot()
    for y, row in places:
        if isinstance(row, Group):
            ax.text(
                -0.015,
                y,
                row.title,
                transform=ax.get_yaxis_transform(),
                ha="right",
                va="center",
                weight="bold",
                fontsize=9,
            )
            continue
        wrong = [max(100 - p, 0.05) for p in row.counted()]
        ax.hlines(y, 0.01, 100, color="#e8eaee", linewidth=0.8, zorder=0)
        ax.plot(wrong, [y] * len(wrong), "o", color=COLOURS[0], alpha=0.5, markersize=6, markeredgewidth=0)
        ax.plot(np.mean(wrong), y, "|", color=COLOURS[0], markersize=13, markeredgewidth=2)
        if row.experiment.book is not None:
            ax.plot(
                100 - row.experiment.book, y, "D", color=COLOURS[1], markersize=6, markeredgecolor="white", zorder=4
            )
        ax.text(
            -0.015, y, row.experiment.label, transform=ax.get_yaxis_transform(), ha="right", va="center", fontsize=9
        )
    ax.plot([], [], "o", color=COLOURS[0], alpha=0.5, label="one run")
    ax.plot([], [], "|", color=COLOURS[0], markersize=13, markeredgewidth=2, linestyle="none", label="mean of the runs")
    if any(row.experiment.book is not None for row in table):
        ax.plot([], [], "D", color=COLOURS[1], markeredgecolor="white", linestyle="none", label="the book")
    ticks = (0.5, 1, 2, 5, 10, 20, 50, 100)
    ax.set_xscale("log")
    ax.set_xlim(0.3, 110)
    ax.set_xticks(ticks, [f"{t:g} %" for t in ticks])
    ax.minorticks_off()
    ax.set_yticks([])
    ax.set_ylim(places[-1][0] + 0.8, -0.8)
    ax.set_xlabel(f"wrong answers on {data}{_short(table) or ', counted as in the book'} (logarithmic: left is better)")
    ax.spines[["top", "right", "left"]].set_visible(False)
    above: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0), "ncols": 3}
    ax.legend(frameon=False, fontsize=9, title=_short(table).removeprefix(", ") or None, **above)
    return fig


def _short(table: Sequence[Row]) -> str:
    """What the titles of the short form end with."""
    return ", short form: no result" if any(row.experiment.shortened for row in table) else ""


def _judged(table: Sequence[Row]) -> str:
    kinds = sorted({row.experiment.on for row in table})
    return f"{' or '.join(kinds)} accuracy (%)"


def _dress(ax: Any, title: str, ylabel: str) -> None:
    ax.set_title(title, loc="left", weight="bold", color=INK)
    ax.set_ylabel(ylabel)
    ax.grid(axis="y", color="#e3e5e9", linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
