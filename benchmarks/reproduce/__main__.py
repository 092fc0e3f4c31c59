"""Train the book's networks anew, over several seeds, and write table and plots beside the book's numbers.

    python -m benchmarks.reproduce                      everything: an hour on two cores
    python -m benchmarks.reproduce --only depth --seeds 5
    python -m benchmarks.reproduce --short              seconds, on the small digits: does everything run?
    python -m benchmarks.reproduce --report --markdown docs/reproduce.md

Ctrl-C loses no finished training: the same command goes on.  To begin anew, remove the folder.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .experiments import EXPERIMENTS, GROUPS, Experiment, short
from .runner import Results, run, tasks

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def main(words: Sequence[str] | None = None, experiments: Sequence[Experiment] = EXPERIMENTS) -> int:
    """0: every row is there; 1: a training failed; 130: Ctrl-C."""
    names = [*(group.name for group in GROUPS), *(experiment.name for experiment in experiments)]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reproduce", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="the small digits, few images, few epochs, one seed")
    parser.add_argument("--only", action="append", metavar="NAME", choices=names, help="a row or a group; repeat it")
    parser.add_argument("--list", action="store_true", help="the names of groups and rows")
    parser.add_argument("--seeds", type=whole, default=3, help="runs of each row (default: 3; slow ones have fewer)")
    parser.add_argument("--jobs", type=whole, default=2, help="trainings at a time, each with one thread (default: 2)")
    parser.add_argument("--data-dir", metavar="FOLDER", help="where MNIST's four files are, or shall be")
    parser.add_argument("--folder", type=Path, help="for results, table and plots (default: runs/reproduce)")
    parser.add_argument("--report", action="store_true", help="train nothing: table and plots of what is there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also put the table between the marks in FILE")
    args = parser.parse_args(words)
    if args.list:
        for experiment in experiments:
            print(f"{experiment.group:9}{experiment.name:14}{experiment.setting.text()}")
        return 0

    chosen = [e for e in experiments if not args.only or e.name in args.only or e.group in args.only]
    if args.short:
        chosen = [short(experiment) for experiment in chosen]
    data = "digits" if args.short else "MNIST"
    folder = args.folder or Path("runs", "reproduce-short" if args.short else "reproduce")
    todo = tasks(chosen, args.seeds, data, args.data_dir)
    results = Results(folder / "results.jsonl")
    interrupted = False
    if not args.report:
        from tinygrad_edu import DataError

        from .training import load

        try:
            load(data, args.data_dir)  # a file that is missing or damaged is said once, and not in every row
            run(todo, results, args.jobs)
        except DataError as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            interrupted = True
            print("\ninterrupted: the same command goes on with what is missing", file=sys.stderr)

    from .plots import draw
    from .report import between, facts, machine, markdown, rows, write

    table = rows(chosen, todo, results)
    said = facts(table, todo, results, machine())
    write(folder, table, said)
    draw(folder, table, data)
    print("\n" + markdown(table, said))
    if args.markdown:
        text = between(args.markdown.read_text(encoding="utf-8"), markdown(table, said, "images/reproduce-"))
        draw(args.markdown.parent / "images", table, data, "reproduce-")
        args.markdown.write_text(text, encoding="utf-8")
    print(f"table and plots: {folder}")
    return 130 if interrupted else int(any(row.failures for row in table))


def whole(text: str) -> int:
    """A whole number, 1 or more."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


if __name__ == "__main__":
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before NumPy is imported, here and in every process
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does, and takes its processes along
    sys.exit(main())
