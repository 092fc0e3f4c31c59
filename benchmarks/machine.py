"""On what was measured: figures from two kinds of machine must not be compared."""

from __future__ import annotations

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["described", "one_thread"]

VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS", "BLIS_NUM_THREADS")
PEERS = ("torch", "mygrad", "autograd", "micrograd")


def one_thread(threads: int) -> None:
    """Everybody computes with that many threads.  Call it before NumPy is imported: it reads this only once."""
    os.environ.update(dict.fromkeys(VARIABLES, str(threads)))


def described() -> list[str]:
    """Date, processor, Python, NumPy and its BLAS, and the peers."""
    import numpy as np

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    library = f"BLAS {blas['name']} {blas['version']}{_kernels()}"
    return [
        f"{date.today().isoformat()}, {_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}",
        f"Python {platform.python_version()}, NumPy {np.__version__}, {library}",
        ", ".join(f"{name} {_version(name)}" for name in PEERS),
    ]


def _processor() -> str:
    try:
        info = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
    facts = {key.strip(): value.strip() for key, value in fields.items()}
    wide = next((name for name in ("avx512f", "avx2") if name in facts.get("flags", "").split()), "no AVX2")
    return f"{facts.get('model name', 'unknown processor')} ({wide})"


def _kernels() -> str:
    """For which processor OpenBLAS chose its kernels; known where threadpoolctl is installed."""
    try:
        from threadpoolctl import threadpool_info
    except ModuleNotFoundError:
        return ""
    found = [lib for lib in threadpool_info() if "numpy" in lib["filepath"] and lib["user_api"] == "blas"]
    return "".join(f" ({lib.get('architecture')} kernels, {lib['num_threads']} threads)" for lib in found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
