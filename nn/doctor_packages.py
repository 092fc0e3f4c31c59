"""What `tinygrad-edu doctor` finds of Python and its packages: each is imported, in a process of its own."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

__all__ = ["BROWSER_TESTS", "PACKAGES", "TIMEOUT", "Finding", "Package", "found_package", "found_python"]

TIMEOUT = 60.0
"""Seconds after which an import, or a program, is taken to hang."""


@dataclass(frozen=True)
class Finding:
    """One line of the table: a package or a program, its state, and what to do."""

    name: str
    kind: str  # python, package or program
    required: bool
    state: str  # ok, missing, old or broken
    version: str
    gives: str
    without: str  # what works without it
    install: str
    trouble: str = ""


@dataclass(frozen=True)
class Package:
    """A Python package: the import that shows that it works, and what it is good for."""

    name: str
    module: str
    oldest: str  # version, as in pyproject.toml; "" for any
    gives: str
    without: str
    required: bool = False


PACKAGES = (
    Package("numpy", "numpy", "2", "every array", "nothing", required=True),
    Package(
        "graphviz",
        "graphviz",
        "0.20.2",
        "writes drawings in DOT",
        "gradients and training; no drawings",
        required=True,
    ),
    Package(
        "scikit-learn",
        "sklearn",
        "1.5",
        "ships the 1,797 digits",
        "train with --data mnist; your own examples with nn.Examples",
    ),
    Package(
        "safetensors",
        "safetensors.numpy",
        "0.5",
        "model files",
        "training in Python with nn.fit; no saved models, so no tinygrad-edu train",
    ),
    Package(
        "matplotlib",
        "matplotlib.figure",
        "3.9",
        "curves, confusion matrix, mistakes",
        "training in Python with nn.fit, drawings and pages; no plots, so no tinygrad-edu train",
    ),
    Package("pillow", "PIL", "10.3", "reads PNG and JPEG", "everything but nn.data.image_folder"),
    Package("tqdm", "tqdm", "4.66", "the progress bar", "everything; training prints its line per epoch all the same"),
    Package(
        "urllib3",
        "urllib3",
        "2.2",
        "downloads MNIST",
        "MNIST from files of yours: tinygrad-edu train --data mnist --data-dir FOLDER",
    ),
    Package("platformdirs", "platformdirs", "4", "knows the system's caches", "everything; the cache is in ~/.cache"),
    Package("notebook", "notebook", "7.2", "opens the lecture's notebook", "everything but the notebook"),
    Package("torch", "torch", "", "benchmarks compare with it", "everything; it is only compared with"),
)
BROWSER_TESTS = Package(
    "playwright", "playwright.sync_api", "1.49", "tests the pages in Chromium", "everything but the tests of the pages"
)


def found_python() -> Finding:
    state = "ok" if sys.version_info >= (3, 11) else "old"
    advice = "https://www.python.org/downloads"
    return Finding("Python", "python", True, state, platform.python_version(), "runs it all", "nothing", advice)


# In a process of its own: an import may print, hang, or end Python.  Here it can do none of that to us.
# -E -P: it starts with Python's own modules, and not with a json.py in the folder where doctor is run.
_IMPORT = """
import importlib, importlib.metadata, json, os, sys
answer, found = os.dup(1), {"version": ""}
os.dup2(2, 1)
name, module, sys.path[:] = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
try:
    found["version"] = importlib.metadata.version(name)
except Exception:
    pass
try:
    importlib.import_module(module)
    found["version"] = str(getattr(sys.modules[module.partition(".")[0]], "__version__", found["version"]))
except BaseException as error:
    found["error"] = f"{type(error).__name__}: {error}"
    found["missing"] = isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]
os.write(answer, json.dumps(found).encode())
os._exit(0)
"""


def found_package(package: Package) -> Finding:
    """What an import of the package brings."""
    found = _imported(package)
    version, error = found.get("version", ""), found.get("error", "")
    requirement = package.name + (f">={package.oldest}" if package.oldest else "")
    if found.get("missing"):
        state, error = "missing", ""
    elif error:
        state = "broken"
    elif version and not _at_least(version, package.oldest):
        state, error = "old", f"version {package.oldest} or newer is needed"
    else:
        state = "ok"
    return Finding(
        package.name,
        "package",
        package.required,
        state,
        "" if state == "missing" else version,
        package.gives,
        package.without,
        f'python -m pip install {"--force-reinstall " * (state == "broken")}"{requirement}"',
        error,
    )


def _imported(package: Package) -> dict[str, Any]:
    words = [package.name, package.module, json.dumps(sys.path, default=str)]
    command = [sys.executable, "-E", "-P", "-c", _IMPORT, *words]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        return {"error": f"the import had not finished after {TIMEOUT:g} seconds"}
    except ValueError:  # no answer
        return {"error": f"the import ended Python, with exit status {done.returncode}"}
    return found


def _at_least(version: str, oldest: str) -> bool:
    """Is 3.10.1 at least 3.9?"""

    def numbers(text: str) -> list[int]:
        return [int(n) for n in re.findall(r"\d+", text)[:3]]

    return numbers(version) >= numbers(oldest)
