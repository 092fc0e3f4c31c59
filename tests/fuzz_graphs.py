"""Random graphs against NumPy's complex step, and PyTorch if asked, for as long as you like.

    python -m tests.fuzz_graphs -n 100000 --seed 1
    python -m tests.fuzz_graphs -n 100000 --seed 1 --shard 0/2 --torch        # every second graph
    python -m tests.fuzz_graphs -n 10000 --seed 1 --second-order
    python -m tests.fuzz_graphs -n 10000 --seed 1 --kinks --torch             # ties, zeros, infinities, NaN
    python -m tests.fuzz_graphs -n 100000 --seed 1 --errors                   # calls that may not fit: as NumPy?

Graph k of a seed is the same whatever the rest.  Each mismatch is printed as the smallest script found that
shows it.  The last line is "N graphs, M mismatches …"; the exit code is 1 if there are any.
"""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "tinygrad_edu"))

import numpy as np
from interpreters import Tally, along, directions, failure, leaf_data, parity, quiet, reference
from program_choices import Rolled
from programs import Program, generate, script, shrink, wild


def graph(seed: int, k: int, kinks: bool) -> Program:
    return generate(Rolled(np.random.default_rng([seed, k])), kinks=kinks, empty=k % 20 == 19)


def expected(program: Program) -> dict[int, Any]:
    """What the complex step finds, to be printed beside what the engine finds."""
    found = {i: np.zeros(leaf_data(program, i).shape) for i in program.wanted()}
    for d in directions(program, most=10**9):
        for i, unit in d.items():
            found[i] = found[i] + unit * along(program, d)
    return found


def report(program: Program, law: str, settings: dict[str, Any]) -> None:
    def fails(candidate: Program) -> bool:
        broken = failure(candidate, **settings)
        return broken is not None and broken[0] == law

    with quiet():
        small = shrink(program, fails, lambda p: [np.asarray(v) for v in reference(p)])
        print(script(small, None if settings["kinks"] else expected(small)))
    print("#", failure(small, **settings), flush=True)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_graphs", description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=1000, help="graphs in all shards together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shard", default="0/1", help="i/k: only graphs i, i + k, i + 2k …")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long")
    parser.add_argument("--torch", action="store_true", help="also against PyTorch, which must be installed")
    parser.add_argument("--second-order", action="store_true", help="also second derivatives")
    parser.add_argument("--kinks", action="store_true", help="ties, zeros, infinities and NaN; laws, PyTorch")
    parser.add_argument("--errors", action="store_true", help="calls whose shapes and settings may not fit, as NumPy")
    given = parser.parse_args(words)
    shard, shards = map(int, given.shard.split("/"))

    tally, mismatches, count, start = Tally(), {}, 0, time.perf_counter()
    settings: dict[str, Any] = {"kinks": given.kinks, "torch": given.torch, "tally": tally}
    if not given.kinks:
        settings["second"] = given.second_order
    for k in range(shard, given.n, shards):
        if time.perf_counter() - start > given.seconds:
            break
        count += 1
        if given.errors:
            broken = parity(*wild(Rolled(np.random.default_rng([given.seed, k]))))
        else:
            program = graph(given.seed, k, given.kinks)
            broken = failure(program, **settings)
        if broken is None:
            continue
        law, message = broken
        mismatches[law] = mismatches.get(law, 0) + 1
        print(f"\n# graph {k} of seed {given.seed}: {message}", flush=True)
        if not given.errors and mismatches[law] <= 3:  # of the same kind, three are shrunk
            report(program, law, settings)
    seconds = time.perf_counter() - start
    total = sum(mismatches.values())
    kinds = ", ".join(f"{n} × {law}" for law, n in mismatches.items())
    print(
        f"{count} graphs, {total} mismatches{f' ({kinds})' if kinds else ''}; seed {given.seed}, shard {given.shard}, "
        f"{count / seconds:.0f} graphs/s; rounding explained {tally.ill_conditioned} differences, "
        f"{tally.unreliable} second derivatives could not be judged"
        + (f", {tally.without_torch} have no PyTorch, {tally.left_out} are where it differs" if given.torch else "")
    )
    return 1 if total else 0


if __name__ == "__main__":
    sys.exit(main())
