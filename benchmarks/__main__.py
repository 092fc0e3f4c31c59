"""The command line of the benchmarks:  python -m benchmarks [W1 W2 …] [--quick] [--markdown FILE]"""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from .machine import described, one_thread

WORKS = {
    "W1": "w1_lecture_step",
    "W2": "w2_wide",
    "W3": "w3_scalars",
    "W4": "w4_depth",
    "W6": "w6_import",
}


def main() -> None:
    """Measure, print, and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("works", nargs="*", metavar="WORK", help=f"which of {', '.join(WORKS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="a smoke test of some seconds; its figures mean little")
    parser.add_argument("--cpu-time", action="store_true", help="count only this process's time: for a busy machine")
    parser.add_argument("--threads", type=int, default=1, help="for NumPy's BLAS and for PyTorch (default: 1)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to this file")
    chosen = parser.parse_args()
    works = [name.upper() for name in chosen.works] or list(WORKS)
    if unknown := [name for name in works if name not in WORKS]:
        parser.error(f"there is no work {', '.join(unknown)}: choose from {', '.join(WORKS)}")

    one_thread(chosen.threads)
    from .timing import Settings  # imports NumPy, which looks at the number of threads now

    settings = Settings(chosen.quick, chosen.cpu_time)
    clock = "processor time" if settings.cpu_time else "time on the wall"
    facts = [*described(), f"{chosen.threads} thread(s), {clock}, medians; a ratio below 1: ours is faster"]
    if settings.quick:
        facts.append("--quick: too short a measurement to draw conclusions from")
    print("\n".join(facts), flush=True)

    tables = []
    for name in works:
        for table in import_module(f".{WORKS[name]}", __package__).run(settings):
            print("\n" + table.text(), flush=True)
            tables.append(table)
    if chosen.markdown:
        lines = ["# Benchmarks", "", *(f"- {fact}" for fact in facts), "", *(table.markdown() for table in tables)]
        chosen.markdown.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
