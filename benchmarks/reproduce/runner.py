"""Run what has not been run yet: several processes, each result written as soon as it is there."""

from __future__ import annotations

import itertools
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .experiments import Experiment, Setting

__all__ = ["Results", "Task", "run", "tasks"]


@dataclass(frozen=True)
class Task:
    """A setting trained with one seed, on one kind of data."""

    setting: Setting
    seed: int
    data: str  # "MNIST" or "digits"
    folder: str | None = None  # where MNIST's files are

    def key(self) -> str:
        """What its result is found by."""
        return json.dumps([self.setting.key(), self.seed, self.data], sort_keys=True)

    def __str__(self) -> str:
        return f"{self.setting.text()}, seed {self.seed}"


class Results:
    """A file of JSON lines, one per training, that only grows: broken off anywhere, it keeps what was done.

    done      results by Task.key()
    failures  what went wrong, by Task.key(), where there is no result
    clock     seconds that the commands took which wrote here
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, str] = {}
        self.clock = 0.0
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        if text and not text.endswith("\n"):  # a line that was broken off must not swallow the next one
            with path.open("a", encoding="utf-8") as file:
                file.write("\n")
        for line in text.splitlines():
            try:
                self._take(json.loads(line))
            except json.JSONDecodeError:
                continue

    def _take(self, entry: dict[str, Any]) -> None:
        self.clock += entry.get("clock", 0.0)
        if "error" in entry:
            self.failures[entry["task"]] = entry["error"]
        elif "task" in entry:
            self.done[entry["task"]] = entry
            self.failures.pop(entry["task"], None)

    def add(self, **entry: Any) -> None:
        """Write a line, and see that it is on the disk."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._take(entry)


def tasks(experiments: Iterable[Experiment], seeds: int, data: str, folder: str | None = None) -> list[Task]:
    """Each setting once, though two rows may show it; seed 1 of all first: a table is there early."""
    found: dict[str, Task] = {}
    chosen = list(experiments)
    for seed in range(1, seeds + 1):
        for experiment in chosen:
            if seed <= experiment.seeds:
                task = Task(experiment.setting, seed, data, folder)
                found.setdefault(task.key(), task)
    return list(found.values())


def attempt(task: Task) -> dict[str, Any]:
    """Train; what goes wrong is a result as well, and no reason for the others to stop."""
    from .training import load, train  # imports NumPy, in each process anew

    try:
        return train(task.setting, task.seed, load(task.data, task.folder))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def run(todo: Sequence[Task], results: Results, jobs: int) -> None:
    """Train what has no result yet.  Ctrl-C: KeyboardInterrupt, when the other processes have ended."""
    missing = [task for task in todo if task.key() not in results.done]
    if len(missing) < len(todo):
        print(f"{len(todo) - len(missing)} of {len(todo)} trainings are there already: {results.path}")
    begun = last = time.perf_counter()
    numbers = itertools.count(1)

    def clock() -> float:
        """Seconds since it was asked before."""
        nonlocal last
        before, last = last, time.perf_counter()
        return last - before

    def note(task: Task, outcome: dict[str, Any]) -> None:
        results.add(task=task.key(), clock=clock(), **outcome)
        place = f"{next(numbers)}/{len(missing)}, {(time.perf_counter() - begun) / 60:.1f} min"
        said = outcome.get("error") or f"test {outcome['test'][-1]:.2f} %, {outcome['seconds']:.0f} s"
        print(f"[{place}] {task}: {said}", flush=True)

    try:
        if jobs == 1:
            for task in missing:
                note(task, attempt(task))
        elif missing:
            _in_processes(missing, jobs, note)
    finally:
        results.add(clock=clock())


def _in_processes(missing: Sequence[Task], jobs: int, note: Callable[[Task, dict[str, Any]], None]) -> None:
    """Each process takes the next task; new processes, not copies: NumPy's threads do not survive a fork."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, mp_context=context, initializer=_leave_interrupts_to_the_command)
    try:
        futures: dict[Future[dict[str, Any]], Task] = {pool.submit(attempt, task): task for task in missing}
        for future in as_completed(futures):
            try:
                outcome = future.result()
            except BrokenProcessPool:
                outcome = {"error": "its process died: was there too little memory?  Run the command again"}
            note(futures[future], outcome)
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    pool.shutdown()


def _leave_interrupts_to_the_command() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
