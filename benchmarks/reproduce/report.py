"""From results to the table: mean and spread of ours beside the book's number, as markdown and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from ..machine import processor
from .experiments import GROUPS, SHORT, Experiment
from .runner import Results, Task

__all__ = ["MARKS", "Row", "between", "facts", "machine", "markdown", "rows", "write"]

MARKS = ("<!-- reproduce: begin -->", "<!-- reproduce: end -->")
COUNTED = {"best": "best epoch", "last": "last epoch", "first": "first epoch", "chosen": "epoch chosen by validation"}
HEADS = (
    *("setting", "runs", "last epoch (%)", "best epoch (%)", "as the book counts (%)", "best run (%)", "the book (%)"),
    "seconds a run",
)


class Row:
    """What the runs of one experiment brought.

    runs      the stored results, one per seed
    failures  what went wrong in the other ones
    """

    def __init__(self, experiment: Experiment, tasks: Iterable[Task], results: Results) -> None:
        keys = [task.key() for task in tasks]
        self.experiment = experiment
        self.runs = [results.done[key] for key in keys if key in results.done]
        self.failures = [results.failures[key] for key in keys if key in results.failures]
        self.missing = len(keys) - len(self.runs) - len(self.failures)

    def series(self) -> list[list[float]]:
        """The accuracies (%) of each run, on the images that the book's number is about."""
        return [run[self.experiment.on] for run in self.runs]

    def last(self) -> list[float]:
        """Of each run, after the last epoch."""
        return [accuracies[-1] for accuracies in self.series()]

    def best(self) -> list[float]:
        """Of each run, after its best epoch."""
        return [max(accuracies) for accuracies in self.series()]

    def counted(self) -> list[float]:
        """Of each run, what the book's number is for its runs.

        chosen: on the test images, after the epoch that was the best on the validation images (chapter 6)
        """
        if self.experiment.counted == "chosen":
            return [run["test"][run["validation"].index(max(run["validation"]))] for run in self.runs]
        if self.experiment.counted == "first":
            return [accuracies[0] for accuracies in self.series()]
        return self.best() if self.experiment.counted == "best" else self.last()

    def cells(self) -> list[str]:
        """The table's row."""
        experiment = self.experiment
        head = [experiment.setting.text(), str(len(self.runs))]
        how = f"{COUNTED[experiment.counted]}, {experiment.on}"
        none = "not compared" if experiment.shortened else "–"
        book = none if experiment.book is None else f"{experiment.about} {experiment.book:g} ({how})".strip()
        if not self.runs:
            why = f"failed: {self.failures[0]}" if self.failures else "not run"
            return [*head, why.replace("|", "/").splitlines()[0], "–", "–", "–", book, "–"]
        if self.failures:
            head[1] += f", {len(self.failures)} failed"
        counted = self.counted()
        seconds = statistics.mean(run["seconds"] for run in self.runs)
        ours = [spread(self.last()), spread(self.best()), spread(counted), f"{max(counted):.2f}"]
        return [*head, *ours, book, f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"]

    def json(self) -> dict[str, Any]:
        """All numbers of the row."""
        experiment = self.experiment
        return {
            "name": experiment.name,
            "group": experiment.group,
            "setting": experiment.setting.key(),
            "on": experiment.on,
            "counted": experiment.counted,
            "last": self.last(),
            "best": self.best(),
            "as counted": self.counted(),
            "book": experiment.book,
            "seconds": [run["seconds"] for run in self.runs],
            "failures": self.failures,
            "not run": self.missing,
        }


def spread(values: Sequence[float]) -> str:
    """mean ± standard deviation (of the sample: n - 1)"""
    sd = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{sd}"


def rows(experiments: Iterable[Experiment], todo: Sequence[Task], results: Results) -> list[Row]:
    """A row for each experiment, also for one that has not been run."""
    found = []
    for experiment in experiments:
        mine = [task for task in todo if task.setting == experiment.setting and task.seed <= experiment.seeds]
        found.append(Row(experiment, mine, results))
    return found


def machine() -> str:
    """Date, processor, Python and NumPy."""
    kind = f"{processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
    return f"{date.today().isoformat()}, {kind}, Python {platform.python_version()}, NumPy {np.__version__}"


def facts(table: Sequence[Row], todo: Sequence[Task], results: Results, where: str) -> list[str]:
    """Where and how the table was made, and how long that took."""
    done = [results.done[task.key()] for task in todo if task.key() in results.done]
    minutes = sum(run["seconds"] for run in done) / 60
    data = "MNIST" if todo[0].data == "MNIST" else "the small digits, framed to 28 x 28"
    failed = sum(len(row.failures) > 0 for row in table)
    return [
        where,
        f"data: {data}; seeds 1 to {max(task.seed for task in todo)}, fewer where the column of runs says so",
        f"{len(done)} of {len(todo)} trainings took {minutes:.1f} minutes of one processor core; "
        f"the command ran {results.clock / 60:.1f} minutes on the clock",
        *([f"**{failed} rows failed**"] if failed else []),
    ]


def markdown(table: Sequence[Row], said: Sequence[str], pictures: str = "") -> str:
    """The facts, then a table and a plot for each group; pictures: what their file names begin with."""
    shortened = any(row.experiment.shortened for row in table)
    lines = [f"- {fact}" for fact in ([f"**{SHORT}**"] if shortened else []) + list(said)]
    beside = "in the short form" if shortened else "and the book's"
    lines += ["", f"![Wrong answers of every experiment, {beside}]({pictures}overview.png)"]
    for group in GROUPS:
        mine = [row for row in table if row.experiment.group == group.name]
        if not mine:
            continue
        title = f"### {group.title} (chapter {group.chapter})"
        lines += ["", f"{title}: short form", ""] if shortened else ["", title, "", group.text, ""]
        lines += ["| " + " | ".join(HEADS) + " |", "|---|" + "---:|" * 5 + "---|---:|"]
        lines += ["| " + " | ".join(row.cells()) + " |" for row in mine]
        if any(row.runs for row in mine):
            lines += ["", f"![{group.title}: the accuracies]({pictures}{group.name}.png)"]
    return "\n".join(lines) + "\n"


def write(folder: Path, table: Sequence[Row], said: Sequence[str]) -> None:
    """table.md and table.json, which the plots lie beside."""
    folder.mkdir(parents=True, exist_ok=True)
    shortened = any(row.experiment.shortened for row in table)
    title = "# Does everything run? The short form of the book's trainings" if shortened else "# The book, reproduced"
    (folder / "table.md").write_text(f"{title}\n\n{markdown(table, said)}", encoding="utf-8")
    whole = {"short": shortened, "facts": list(said), "rows": [row.json() for row in table]}
    (folder / "table.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def between(text: str, section: str) -> str:
    """The text of a document with this section between its two marks."""
    begin, end = MARKS
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise ValueError(
            f"the document needs these two lines, once each, for the table to stand between:\n{begin}\n{end}"
        )
    before, rest = text.split(begin)
    return f"{before}{begin}\n\n{section}\n{end}{rest.split(end)[1]}"
