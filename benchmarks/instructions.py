"""Instructions instead of seconds: a count that a busy machine does not change, so that a regression shows anywhere.

    python -m benchmarks.instructions            count, and print beside the stored counts
    python -m benchmarks.instructions --check    fail where a count is more than 10 % above the stored one
    python -m benchmarks.instructions --write    store the counts (instructions.json)

Each task runs in a process of its own under valgrind --tool=callgrind, with few and with more repetitions; the
difference, divided by their number, is what one repetition costs.  Counting begins after the warm-up: a C function
tells valgrind so.  The processor that valgrind plays has no AVX-512, so NumPy and OpenBLAS take their AVX2 code
everywhere.  Counts of two versions of Python or NumPy cannot be compared.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
STORED = Path(__file__).with_suffix(".json")
FEW, MORE = 10, 60
WORSE = 1.10
REQUESTS = """
#include <valgrind/callgrind.h>
void start(void) { CALLGRIND_START_INSTRUMENTATION; }
void dump(void) { CALLGRIND_DUMP_STATS; }
"""

Task = tuple[Callable[[], Any], int]  # what is repeated, and how many operations of the graph it holds

# ---- the tasks -------------------------------------------------------------------------------------------


def w1(kind: str) -> Callable[[], Task]:
    """The lecture's step of one contestant."""

    def make() -> Task:
        from . import contestants
        from .by_hand import NumPy
        from .w1_lecture_step import ETA, SIZES, S, mini_batches

        who: Any = NumPy if kind == "by hand" else getattr(contestants, kind)
        try:
            contestant = who(SIZES, contestants.first_parameters(SIZES), ETA, S)
        except contestants.Unavailable as reason:
            sys.exit(f"skipped: {reason}")
        ((x, y),) = contestant.prepared(mini_batches(1, S))
        ops = operations(contestant.cost(contestant.net(x), y)) if kind == "Ours" else 0
        return lambda: contestant.step(x, y), ops

    return make


def small(compute: Callable[[Any, Any], Any], backward: bool) -> Callable[[], Task]:
    """One expression of two arrays (2, 2) that need a gradient: all of it is overhead."""

    def make() -> Task:
        import numpy as np

        from tinygrad_edu import Tensor

        a, b = (Tensor(np.ones((2, 2), np.float32), requires_grad=True) for _ in range(2))

        def step() -> None:
            c = compute(a, b)
            if backward:
                a.grad = b.grad = None
                c.sum().backward()

        return step, operations(compute(a, b).sum() if backward else compute(a, b))

    return make


def plain_add() -> Task:
    """The same addition by NumPy alone."""
    import numpy as np

    a, b = np.ones((2, 2), np.float32), np.ones((2, 2), np.float32)
    return lambda: a + b, 0


def chain(a: Any, b: Any) -> Any:
    """Twenty operations, one after the other."""
    for _ in range(10):
        a = (a + b) * b
    return a


TASKS: dict[str, Callable[[], Task]] = {
    "a + b, NumPy": plain_add,
    "a + b": small(lambda a, b: a + b, backward=False),
    "(a + b).sum().backward()": small(lambda a, b: a + b, backward=True),
    "(a @ b).sum().backward()": small(lambda a, b: a @ b, backward=True),
    "20 operations, forward": small(chain, backward=False),
    "20 operations, forward + backward": small(chain, backward=True),
    "W1 step, NumPy by hand": w1("by hand"),
    "W1 step": w1("Ours"),
    "W1 step, jit numpy": w1("OursJitNumPy"),
    "W1 step, jit C": w1("OursJitC"),
}


def operations(root: Any) -> int:
    """How many Tensors of the graph behind `root` were made by ops."""
    from tinygrad_edu import Tensor

    seen, waiting = {root}, [root]
    while waiting:
        for x in waiting.pop().inputs:
            if isinstance(x, Tensor) and x.op is not None and x not in seen:
                seen.add(x)
                waiting.append(x)
    return len(seen)


def repeat(task: str, library: str) -> None:
    """What runs under callgrind: FEW repetitions, then MORE; prints the number of operations."""
    step, ops = TASKS[task]()
    valgrind = ctypes.CDLL(library)
    for _ in range(5):  # fill caches, and let jit record
        step()
    gc.collect()
    gc.disable()  # a collection falls into one of the two by chance
    valgrind.start()
    for n in (1, FEW, MORE):  # the first one also pays for what is done once
        for _ in range(n):
            step()
        valgrind.dump()
    print(ops)


# ---- the counts ------------------------------------------------------------------------------------------


def run(task: str, library: Path) -> dict[str, int]:
    """Instructions of one repetition, and the operations in it."""
    settings = {
        "OPENBLAS_NUM_THREADS": "1",
        "OPENBLAS_CORETYPE": "Haswell",
        "PYTHONHASHSEED": "0",
        "PYTHONNOUSERSITE": "1",
    }
    with tempfile.TemporaryDirectory() as folder:
        callgrind = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={folder}/out"]
        program = [sys.executable, "-m", "benchmarks.instructions", "--repeat", task, str(library)]
        done = subprocess.run(
            [*callgrind, *program], cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True
        )
        if "skipped: " in done.stderr:
            raise LookupError(done.stderr[done.stderr.index("skipped: ") :].splitlines()[0])
        if "Unrecognised instruction" in done.stderr:
            raise LookupError("skipped: it is compiled for this processor, and valgrind does not know its AVX-512")
        if done.returncode != 0:
            raise RuntimeError(f"{task!r} failed under callgrind:\n{done.stderr[-3000:]}")
        parts = [Path(folder, f"out.{i}").read_text(encoding="utf-8") for i in (2, 3)]
    few, more = (int(re.search(r"^(?:summary|totals): (\d+)", part, re.MULTILINE)[1]) for part in parts)  # type: ignore[index]
    return {"instructions": round((more - few) / (MORE - FEW)), "operations": int(done.stdout)}


def counted(tasks: list[str]) -> dict[str, dict[str, int]]:
    """The counts of every task; on all cores, for nobody looks at a clock."""
    counts: dict[str, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        source, library = Path(folder, "requests.c"), Path(folder, "requests.so")
        source.write_text(REQUESTS, encoding="utf-8")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", str(source), "-o", str(library)], check=True)
        futures = {task: pool.submit(run, task, library) for task in tasks}
        for task, future in futures.items():
            try:
                counts[task] = future.result()
            except LookupError as reason:
                print(f"{task}: {reason}", flush=True)
    return counts


def versions() -> dict[str, str]:
    """What the counts depend on."""
    return {"python": platform.python_version(), "numpy": version("numpy"), "machine": platform.machine()}


def main() -> int:
    """Count, print, and check or store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "tasks", nargs="*", metavar="TASK", help=f"which of {', '.join(map(repr, TASKS))}; default: all"
    )
    parser.add_argument(
        "--check", action="store_true", help="fail where a count is more than 10 %% above the stored one"
    )
    parser.add_argument("--write", action="store_true", help="store the counts as the ones to compare with")
    parser.add_argument("--repeat", nargs=2, metavar=("TASK", "LIBRARY"), help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.repeat:
        repeat(*chosen.repeat)
        return 0
    if unknown := [task for task in chosen.tasks if task not in TASKS]:
        parser.error(f"there is no task {unknown[0]!r}: choose from {', '.join(map(repr, TASKS))}")
    for tool, package in (("valgrind", "valgrind"), ("cc", "gcc")):
        if shutil.which(tool) is None:
            sys.exit(f"python -m benchmarks.instructions needs the program {tool}: apt-get install {package}")

    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {"versions": {}, "counts": {}}
    comparable = stored["versions"] == versions()
    if not comparable and not chosen.write:
        print(f"Not compared: the stored counts are of {_said(stored['versions'])}; this is {_said(versions())}.")
        if chosen.check:
            return 0
    counts = counted(chosen.tasks or list(TASKS))
    worse = report(counts, stored["counts"] if comparable else {})
    if chosen.write:
        kept = stored["counts"] if comparable else {}
        new = {"date": date.today().isoformat(), "versions": versions(), "counts": {**kept, **counts}}
        STORED.write_text(json.dumps(new, indent=2) + "\n", encoding="utf-8")
        return 0
    if worse:
        print(f"More than {WORSE - 1:.0%} above the stored counts of {stored['date']}: {', '.join(worse)}.")
        print("Make it cheaper; or, if it is worth it, say why and store the new counts: --write")
    return 1 if chosen.check and worse else 0


def report(counts: dict[str, dict[str, int]], stored: dict[str, dict[str, int]]) -> list[str]:
    """Print a line a task; the tasks that became worse."""
    worse = []
    width = max(map(len, counts), default=0)
    print(f"{'task':{width}}  {'instructions':>12}  {'per operation':>13}  {'stored':>10}  {'change':>7}")
    for task, count in counts.items():
        n, ops = count["instructions"], count["operations"]
        line = f"{task:{width}}  {n:12,}  {f'{n / ops:,.0f}' if ops else '':>13}"
        if task in stored:
            before = stored[task]["instructions"]
            line += f"  {before:10,}  {n / before - 1:+7.1%}"
            if n > WORSE * before:
                worse.append(task)
        print(line.rstrip())
    return worse


def _said(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in versions.items()) or "nothing yet"


if __name__ == "__main__":
    sys.exit(main())
