"""W6, start-up: how long the imports take, each in a fresh process, against NumPy's."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from .report import Goal, Table, compared
from .timing import Settings

__all__ = ["run"]

ROOT = Path(__file__).parents[1]
NUMPY = "import numpy"
OURS = ("import tinygrad_edu", "import nn")


def seconds_of(statement: str, cpu_time: bool, environment: dict[str, str]) -> float:
    """How long one import takes in a Python that has just started; the start itself is not counted."""
    clock = "process_time" if cpu_time else "perf_counter"
    program = f"from time import {clock} as clock\nt = clock()\n{statement}\nprint(clock() - t)"
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout)


def run(settings: Settings) -> list[Table]:
    """Each of ours imports NumPy too, so 1.0 would be nothing beside it."""
    rounds = 2 if settings.quick else 21
    statements = (NUMPY, *OURS)
    seconds: dict[str, list[float]] = {s: [] for s in statements}
    with tempfile.TemporaryDirectory() as cache:
        # Compiled once for all, as after an installation, even where PYTHONDONTWRITEBYTECODE is set.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = cache
        for r in range(rounds + 1):
            for statement in statements:
                taken = seconds_of(statement, settings.cpu_time, environment)
                if r > 0:  # the first round compiles, and fills the file cache
                    seconds[statement].append(taken)
    table = Table(f"W6: start-up; median of {rounds} fresh processes, in turns")
    goals = [Goal(ours, NUMPY, 1.5, 1.2) for ours in OURS]
    compared(table, seconds, NUMPY, goals, "ms")
    return [table]
