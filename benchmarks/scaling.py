"""How training scales with the number of ranks, measured here, and what a model says of 64 and 1,024 ranks.

    python -m benchmarks.scaling [--ranks 1 2 4] [--quick] [--markdown FILE]

Strong scaling: the same mini-batch on more ranks.  Weak scaling: the same rows on every rank.

    t(P) = a + b S/P + 2 log2(P) alpha + 2 (P-1)/P n / beta

a         what an update costs every rank: Python, the optimizer; from the times of two sizes of mini-batch on one rank
b         per example
alpha     latency of a message in seconds, beta bandwidth in bytes per second, n bytes of gradients

An all-reduce as a reduce-scatter by recursive halving, then an all-gather by recursive doubling: Rabenseifner's
algorithm, in Thakur, Rabenseifner and Gropp, Optimization of collective communication operations in MPICH (2005);
time alpha + n/beta for a message of n bytes: Hockney, The communication challenge for MPP (1994).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from math import log2
from pathlib import Path
from typing import Any

from .machine import environment, processor

__all__ = ["main"]

SIZES = {"lecture": [784, 30, 10], "wide": [784, 1000, 1000, 10]}
BATCH = {"lecture": 10, "wide": 512}  # strong: on all ranks together
ROWS = {"lecture": 10, "wide": 128}  # weak: on each rank
ALONE = {"lecture": (10, 100), "wide": (64, 512)}  # two sizes on one rank give a and b
MANY = {"lecture": 1024, "wide": 8192}  # the mini-batch for 64 and 1,024 ranks: with fewer rows than ranks some idle
BYTES = (8, 1 << 10, 1 << 17, 1 << 20, 1 << 23)


# ---- what the ranks do -------------------------------------------------------------------------------------


def measure(comm: Any, quick: bool) -> dict[str, Any]:
    """Seconds of an update, and of an all-reduce; every rank takes part, and rank 0's clock counts."""
    found: dict[str, Any] = {"strong": {}, "weak": {}, "alone": {}, "all-reduce": {}}
    for name in SIZES:
        rounds = (20 if quick else 500) if name == "lecture" else (3 if quick else 10)
        found["strong"][name] = update(comm, name, BATCH[name], rounds)
        found["weak"][name] = update(comm, name, ROWS[name] * comm.size, rounds)
        if comm.size == 1:
            found["alone"][name] = [update(comm, name, batch, rounds) for batch in ALONE[name]]
    if comm.size > 1:
        found["all-reduce"] = {n: all_reduce(comm, n, 20 if quick else 200) for n in BYTES}
    return found


def update(comm: Any, name: str, batch: int, rounds: int) -> float:
    """Seconds of an update of this network, with mini-batches of so many rows on all ranks together."""
    import numpy as np

    import nn
    from nn.parallel import Parallel

    rng = np.random.default_rng(1)
    net = nn.MLP(SIZES[name], init="scaled_normal", rng=rng)
    cost, optimizer = nn.QuadraticCost(), nn.optim.SGD(net.parameters(), 0.1)
    x = rng.random((batch, SIZES[name][0]), dtype=np.float32)
    y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, batch)]
    parallel = Parallel(comm)

    def step() -> None:
        if comm.size == 1:
            nn.train_step(net, cost, optimizer, x, y)
        else:
            parallel.step(nn.train_step, net, cost, optimizer, x, y, [parallel.all_reduce])

    return timed(comm, step, rounds)


def all_reduce(comm: Any, n: int, rounds: int) -> float:
    """Seconds of an all-reduce of n bytes."""
    import numpy as np

    mine = np.ones(n // 4, np.float32)
    total = np.empty_like(mine)
    return timed(comm, lambda: comm.Allreduce(mine, total), rounds)


def timed(comm: Any, do: Callable[[], Any], rounds: int) -> float:
    """The shortest time: what else runs on the machine only adds to it, and the more so on many ranks.

    All ranks begin together; the first quarter, in which the caches fill, does not count.
    """
    seconds = []
    for _ in range(rounds + rounds // 3 + 1):
        comm.barrier()
        begun = time.perf_counter()
        do()
        seconds.append(time.perf_counter() - begun)
    return min(seconds[-rounds:])


def child(quick: bool) -> None:
    """One rank."""
    from mpi4py import MPI

    found = measure(MPI.COMM_WORLD, quick)
    if MPI.COMM_WORLD.rank == 0:
        print(json.dumps(found))


# ---- the model ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Network:
    """What connects the ranks."""

    name: str
    latency: float  # seconds
    bandwidth: float  # bytes per second

    def all_reduce(self, ranks: int, n: float) -> float:
        """Seconds to add n bytes of every rank, so that all have the sum."""
        return 2 * log2(ranks) * self.latency + 2 * (ranks - 1) / ranks * n / self.bandwidth


# Round figures of such networks, between two processes: an assumption, not a measurement of ours.
ASSUMED = [Network("InfiniBand, 2 µs, 12 GB/s", 2e-6, 12e9), Network("Ethernet, 30 µs, 1.2 GB/s", 30e-6, 1.2e9)]


def fitted(found: dict[int, Any]) -> Network | None:
    """Latency and bandwidth of this machine, from the all-reduces of the fewest ranks above 1."""
    ranks = min((p for p in found if p > 1), default=None)
    if ranks is None:
        return None
    times = {int(n): t for n, t in found[ranks]["all-reduce"].items()}
    small, large = min(times), max(times)
    latency = times[small] / (2 * log2(ranks))
    rate = 2 * (ranks - 1) / ranks * (large - small) / max(times[large] - times[small], 1e-12)
    return Network(f"this machine's memory, {1e6 * latency:.1f} µs, {rate / 1e9:.1f} GB/s", latency, rate)


def parameters(name: str) -> int:
    """Weights and biases."""
    return sum(n_out * (n_in + 1) for n_in, n_out in zip(SIZES[name], SIZES[name][1:], strict=False))


# ---- the tables ---------------------------------------------------------------------------------------------

Rows = list[tuple[str, ...]]


def tables(found: dict[int, Any]) -> list[tuple[str, Rows]]:
    """Titles and rows, the first of which is the head."""
    network, out = fitted(found), []
    for name in SIZES:
        shape = "-".join(map(str, SIZES[name]))
        n = 4 * parameters(name)
        one, weak_one = found[1]["strong"][name], found[1]["weak"][name]
        (few, some), (short, long) = ALONE[name], found[1]["alone"][name]
        b = max(long - short, 0) / (some - few)
        a = max(short - b * few, 0)
        title = f"{shape}, {n / 1e3:,.0f} kB of gradients; one rank: {ms(a)} and {1e6 * b:.2f} µs for each example"
        rows: Rows = [
            ("ranks", f"strong: {BATCH[name]} rows", "speed-up", f"weak: {ROWS[name]} rows each", "efficiency")
        ]
        for ranks in sorted(found):
            strong, weak = found[ranks]["strong"][name], found[ranks]["weak"][name]
            rows.append((str(ranks), ms(strong), f"{one / strong:.2f}", ms(weak), f"{100 * weak_one / weak:.0f} %"))
        out.append((title, rows))
        batch = MANY[name]
        rows = [
            (
                "ranks",
                "network",
                "all-reduce",
                f"strong: {batch} rows",
                "speed-up",
                f"weak: {ROWS[name]} rows each",
                "efficiency",
            )
        ]
        for ranks in (64, 1024):
            for net in [*([network] if network else []), *ASSUMED]:
                wait = net.all_reduce(ranks, n)
                whole, strong = a + b * batch, a + b * -(-batch // ranks) + wait
                weak_whole = a + b * ROWS[name]
                weak = weak_whole + wait
                rows.append(
                    (
                        str(ranks),
                        net.name,
                        ms(wait),
                        ms(strong),
                        f"{whole / strong:.1f}",
                        ms(weak),
                        f"{100 * weak_whole / weak:.0f} %",
                    )
                )
        out.append((f"{shape}, by the model", rows))
    rows = [("ranks", *(f"{n:,} bytes" for n in BYTES))]
    for ranks in sorted(found):
        if ranks > 1:
            rows.append((str(ranks), *(f"{1e6 * found[ranks]['all-reduce'][str(n)]:,.0f} µs" for n in BYTES)))
    out.append(("all-reduce", rows))
    return out


def ms(seconds: float) -> str:
    """A time in milliseconds."""
    return f"{1e3 * seconds:.3g} ms"


def text(title: str, rows: Rows) -> str:
    """For the terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join([title, *("  " + "  ".join(c.rjust(w) for c, w in zip(r, widths, strict=True)) for r in rows)])


def markdown(title: str, rows: Rows) -> str:
    """For a document."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|" + "---:|" * len(rows[0]))
    return "\n".join([f"**{title}**", "", *lines, ""])


def started(ranks: int, quick: bool) -> Any:
    """What rank 0 of so many measured."""
    program = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        raise SystemExit("there is no mpiexec here: pip install -e '.[mpi]'")
    many = {"OMPI_MCA_rmaps_base_oversubscribe": "1", "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe"}
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}  # Open MPI alone reads these four
    command = [program, "-n", str(ranks), sys.executable, "-m", "benchmarks.scaling", "--child"]
    done = subprocess.run(
        command + ["--quick"] * quick,
        env={**os.environ, **environment(1), **many, **root},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4], help="1 and others (default: 1 2 4)")
    parser.add_argument("--quick", action="store_true", help="a smoke test of some seconds; its figures mean little")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the tables to this file")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.quick)
        return
    facts = [
        f"{date.today().isoformat()}, {processor()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"NumPy {version('numpy')}, mpi4py {version('mpi4py')}",
        "one BLAS thread a rank; the shortest times on the wall",
    ]
    if os.cpu_count() and max(chosen.ranks) > (os.cpu_count() or 1):
        facts.append(f"more than {os.cpu_count()} ranks share the cores: no scaling is to be expected of them")
    if chosen.quick:
        facts.append("--quick: too short a measurement to draw conclusions from")
    print("\n".join(facts), flush=True)
    found = {ranks: started(ranks, chosen.quick) for ranks in sorted({1, *chosen.ranks})}
    for title, rows in tables(found):
        print("\n" + text(title, rows), flush=True)
    if chosen.markdown:
        lines = [*(f"- {fact}" for fact in facts), "", *(markdown(title, rows) for title, rows in tables(found))]
        chosen.markdown.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
