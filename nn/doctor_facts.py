"""What `tinygrad-edu doctor` tells of this machine: where the data lie, and what multiplies the matrices."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from .download import cache_folder, find, stranger
from .mnist_files import MNIST_FILES

__all__ = ["about_blas", "about_cache", "about_mnist", "about_threads"]


def about_mnist() -> dict[str, Any]:
    """Where nn.data.mnist() looks, and what it finds."""
    own = os.environ.get("TINYGRAD_EDU_MNIST")
    try:
        folder = Path(own).expanduser().absolute() if own else cache_folder() / "mnist"
        paths = {known: find(folder, known) for known in MNIST_FILES}
        there = {known: path for known, path in paths.items() if path is not None}
        other = [path.name for known, path in there.items() if stranger(path, known)]
    except Exception as error:  # a broken platformdirs, a home that cannot be found
        return {"folder": "", "files": 0, "other": [], "said": f"not looked for: {type(error).__name__}: {error}"}
    said = f"{len(there)} of {len(MNIST_FILES)} files in {folder}"
    if own:
        said += " (TINYGRAD_EDU_MNIST)"
    if other:
        said += f"; other data, or damaged: {', '.join(other)}"
    elif not there:
        said += "; downloaded by tinygrad-edu train --data mnist (11 MB)"
    elif len(there) == len(MNIST_FILES):
        said += ", each with the right SHA-256"
    return {"folder": str(folder), "files": len(there), "other": other, "said": said}


def about_cache() -> dict[str, str]:
    try:
        folder = str(cache_folder())
    except Exception as error:
        return {"folder": "", "said": f"not found: {type(error).__name__}: {error}"}
    return {"folder": folder, "said": folder if os.path.isdir(folder) else f"{folder} (not there yet)"}


VARIABLES = {  # which environment variables set the number of threads, by the name of the BLAS
    "openblas": ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"),
    "mkl": ("MKL_NUM_THREADS", "OMP_NUM_THREADS"),
    "blis": ("BLIS_NUM_THREADS", "OMP_NUM_THREADS"),
    "accelerate": ("VECLIB_MAXIMUM_THREADS",),
}


def about_blas() -> dict[str, str]:
    """NumPy's library for products of matrices; for which processor it chose its code, if threadpoolctl tells."""
    try:
        built: Any = np.show_config(mode="dicts")
        blas = built["Build Dependencies"]["blas"]
        name, version = str(blas["name"]), str(blas.get("version", ""))
    except Exception as error:
        return {"name": "", "version": "", "kernels": "", "said": f"unknown: {type(error).__name__}: {error}"}
    kernels = ""
    try:
        libraries = importlib.import_module("threadpoolctl").threadpool_info()
        kernels = next(str(lib.get("architecture", "")) for lib in libraries if lib["user_api"] == "blas")
    except Exception:  # optional, and only for this word
        pass
    said = f"{name} {version}" + (f", code for {kernels}" if kernels else "")
    if kernels in ("Haswell", "Zen") and _has_avx512() and not os.environ.get("OPENBLAS_CORETYPE"):
        said += (
            "; this processor has AVX-512, so large products may be faster with the environment variable "
            "OPENBLAS_CORETYPE=SkylakeX"
        )
    return {"name": name, "version": version, "kernels": kernels, "said": said}


def _has_avx512() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False


def about_threads() -> dict[str, Any]:
    """Is the number of BLAS threads set?  By environment variables, which NumPy's library reads when it is loaded."""
    blas = about_blas()["name"].lower()
    variables = next((v for name, v in VARIABLES.items() if name in blas), VARIABLES["openblas"])
    chosen = {name: os.environ[name] for name in variables if os.environ.get(name)}
    if chosen:
        name, value = next(iter(chosen.items()))
        return {"pinned": True, "by": name, "value": value, "said": f"pinned: {name}={value}"}
    said = (
        f"not pinned ({os.cpu_count()} processors): the last digits of a sum may depend on their number; "
        f"to pin, set the environment variable {variables[0]}=1"
    )
    return {"pinned": False, "by": "", "value": "", "said": said}
