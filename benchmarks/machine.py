"""On what was measured, and with which settings: figures from two kinds of machine must not be compared."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["described", "environment", "processor"]

THREADS = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",  # PyTorch's too
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "BLIS_NUM_THREADS",
    "NPROC",  # JAX: the size of its pool of threads
    "NUM_CPU_THREADS",  # tinygrad
)
PEERS = ("torch", "jax", "mygrad", "autograd", "micrograd", "tinygrad")
KERNELS = "OPENBLAS_CORETYPE"
SET_BY_US = "TINYGRAD_EDU_BENCHMARKS_SET"  # tells the process that measures who set KERNELS


def environment(threads: int) -> dict[str, str]:
    """The variables of a process that measures: libraries read them when they are imported, and only then.

    Where the processor has AVX-512, NumPy's OpenBLAS is told to use its kernels for it, unless you told it something
    else: left alone it takes slower ones on some processors.
    """
    variables = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    variables.setdefault("JAX_PLATFORMS", "cpu")
    variables.setdefault("DEV", "CPU")  # tinygrad's device
    if threads == 1:
        flags = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        variables["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {flags}".strip()
    if KERNELS not in os.environ and _widest() == "avx512f":
        variables[KERNELS] = "SkylakeX"
        variables[SET_BY_US] = "1"
    return variables


def described() -> list[str]:
    """Date, processor, Python, NumPy and the kernels that its BLAS uses in this process, and the peers."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    library = f"BLAS {blas['name']} {blas['version']}{_kernels()}"
    return [
        f"{date.today().isoformat()}, {processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, NumPy {np.__version__}, {library}",
        ", ".join(f"{name} {_version(name)}" for name in PEERS),
    ]


def processor() -> str:
    """Its name, and its widest vector instructions: the class of the machine."""
    return f"{_cpuinfo().get('model name') or platform.processor() or 'unknown processor'} ({_widest()})"


def _cpuinfo() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _widest() -> str:
    flags = _cpuinfo().get("flags", "").split()
    return next((name for name in ("avx512f", "avx2") if name in flags), "no AVX2")


def _kernels() -> str:
    """Which kernels OpenBLAS uses, who chose them, and which ones it would have chosen."""
    used = _architecture()
    if not used:
        return " (kernels unknown: pip install threadpoolctl)"
    if KERNELS not in os.environ:
        return f" ({used} kernels, its own choice)"
    if SET_BY_US not in os.environ:
        return f" ({used} kernels: you set {KERNELS}={os.environ[KERNELS]})"
    left_alone = {k: v for k, v in os.environ.items() if k not in (KERNELS, SET_BY_US)}
    program = "from benchmarks import machine; print(machine._architecture())"
    alone = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[1],
        env=left_alone,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    same = "which is its own choice too" if alone == used else f"for everyone; left alone it takes {alone}"
    return f" ({used} kernels: {KERNELS}={os.environ[KERNELS]} set by this program, {same})"


def _architecture() -> str:
    """The processor that NumPy's OpenBLAS computes for in this process; "" if that cannot be found out."""
    import numpy as np  # loads the library that is asked

    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return ""
    del np
    found = [lib for lib in threadpool_info() if "numpy" in lib["filepath"] and lib["user_api"] == "blas"]
    return found[0].get("architecture", "") if found else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
