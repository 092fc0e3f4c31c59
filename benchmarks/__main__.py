"""The command line of the benchmarks:  python -m benchmarks [W1 W2 …] [--quick] [--markdown FILE] [--plot FILE]"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .machine import environment
from .report import Table
from .timing import Settings


@dataclass(frozen=True)
class Work:
    """A module with `run`, and the numbers of threads that it is measured with."""

    module: str
    threads: tuple[int, ...] = (1,)


WORKS = {
    "W1": Work("w1_lecture_step"),
    "W2": Work("w2_wide", threads=(1, 2)),
    "W3": Work("w3_scalars"),
    "W4": Work("w4_depth"),
    "W5": Work("w5_conv"),
    "W6": Work("w6_import"),
}


def main() -> None:
    """Measure, print, and write the tables and the plot."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"which of {', '.join(WORKS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="a smoke test of a minute; its figures mean little")
    parser.add_argument("--cpu-time", action="store_true", help="count only this process's time: for a busy machine")
    parser.add_argument("--threads", type=int, metavar="N", help="for everybody (default: 1; W2 with 1 and with 2)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to this file")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the figures into this file (matplotlib)")
    chosen = parser.parse_args()
    works = [name.upper() for name in chosen.works] or list(WORKS)
    if unknown := [name for name in works if name not in WORKS]:
        parser.error(f"there is no work {', '.join(unknown)}: choose from {', '.join(WORKS)}")
    if chosen.threads is not None and chosen.threads < 1:
        parser.error(f"--threads {chosen.threads}: at least 1")

    facts: list[str] = []
    tables: list[Table] = []
    for name in works:
        for threads in (chosen.threads,) if chosen.threads else WORKS[name].threads:
            settings = Settings(chosen.quick, chosen.cpu_time, threads)
            print(f"{name}, {threads} thread(s) …", file=sys.stderr, flush=True)
            result = measured(WORKS[name].module, settings)
            if not facts:
                facts = [*result["facts"], *how(settings)]
                print("\n".join(facts), flush=True)
            new = [Table.of(plain) for plain in result["tables"]]
            print("\n" + "\n\n".join(table.text() for table in new), flush=True)
            tables += new
    if chosen.markdown:
        lines = ["# Benchmarks", "", *(f"- {fact}" for fact in facts), "", *(table.markdown() for table in tables)]
        chosen.markdown.write_text("\n".join(lines), encoding="utf-8")
    if chosen.plot:
        from .plot import draw  # matplotlib

        draw(tables, facts, chosen.plot)


def measured(module: str, settings: Settings) -> Any:
    """What one work found, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.worker", module, json.dumps(asdict(settings))]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=root, env=environment(settings.threads), stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"python -m benchmarks: {module} failed; what it said stands above")
    return json.loads(done.stdout)


def how(settings: Settings) -> list[str]:
    """What the figures are."""
    clock = "processor time" if settings.cpu_time else "time on the wall"
    lines = [f"{clock}; medians with quartiles, contestants in turns, every ratio formed within a round"]
    if settings.quick:
        lines.append("--quick: too short a measurement to draw conclusions from")
    return lines


if __name__ == "__main__":
    main()
