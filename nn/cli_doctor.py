"""The command `tinygrad-edu doctor`: what is installed here, and what works without what is not."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import textwrap
import webbrowser
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import __version__
from tinygrad_edu.visual import dot

from .cli_common import FAILED, OK, add_command
from .data import MNIST_FILES
from .download import cache_folder, find, stranger

__all__ = ["add_doctor", "doctor"]

TIMEOUT = 60.0
"""Seconds after which an import, or a program, is taken to hang."""
WIDTH = 80


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


def doctor(args: argparse.Namespace) -> int:
    """Say what is installed, what works without what is not, and the command that installs it.

    The exit code is 0 unless something that is required is missing, too old or broken.
    """
    packages = [*PACKAGES, BROWSER_TESTS] if _in_a_checkout() else [*PACKAGES]
    with ThreadPoolExecutor() as pool:  # each import waits in a process of its own
        found = [_python(), *pool.map(_package, packages), _dot(), _browser(), _compiler()]
        if _in_a_checkout():
            found.append(_chromium())
    healthy = all(f.state == "ok" for f in found if f.required)
    facts = {"MNIST": _mnist(), "cache": _cache(), "BLAS": _blas(), "threads": _threads()}
    if args.json:
        print(json.dumps(_report(found, facts, healthy), indent=2))
    else:
        print("\n".join(_table(found, facts, healthy)))
    return OK if healthy else FAILED


def _in_a_checkout() -> bool:
    """Is this the source with its tests?  Only they need a browser that Python drives."""
    return (Path(__file__).parents[1] / "tests" / "browser").is_dir()


# ---- Python and its packages -----------------------------------------------------------------------------


def _python() -> Finding:
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


def _package(package: Package) -> Finding:
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


# ---- programs --------------------------------------------------------------------------------------------


def _dot() -> Finding:
    """The program `dot`, tried with a graph."""
    trouble = ""
    try:
        dot.run("digraph { a -> b }", "svg")
    except dot.DotFailed as failure:
        trouble = str(failure)
    gives = "lays out drawings; .png and .pdf"
    without = "drawings in a plainer layout, as .svg"
    return _program("dot", "dot", ["-V"], gives, without, _from_the_system("graphviz"), trouble)


def _compiler() -> Finding:
    names = [name for name in ("cc", "gcc", "clang", "cl") if shutil.which(name)]
    name = names[0] if names else "cc"
    install = {"darwin": "xcode-select --install", "win32": "winget install LLVM.LLVM"}.get(sys.platform)
    words = ["--version"] if name != "cl" else []
    return _program(
        "C compiler",
        name,
        words,
        "compiles what jit writes",
        "jit with NumPy, slower",
        install or _from_the_system("gcc"),
    )


def _chromium() -> Finding:
    names = [name for name in ("chromium", "chromium-browser", "google-chrome") if shutil.which(name)]
    return _program(
        "Chromium",
        names[0] if names else "chromium",
        ["--version"],
        "shows the pages to the tests",
        "everything but the tests of the pages",
        _from_the_system("chromium"),
    )


def _program(
    name: str, command: str, words: list[str], gives: str, without: str, install: str, trouble: str = ""
) -> Finding:
    """A program on the PATH, and the version that it says."""
    path = shutil.which(command)
    version = ""
    if path is not None:
        try:
            done = subprocess.run(
                [path, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                check=False,
            )
            said = done.stdout.decode(errors="replace")
            version = (re.findall(r"\d+(?:\.\d+)+", said) or [""])[0]
            if done.returncode != 0:
                trouble = trouble or f"{path} failed with exit status {done.returncode}"
        except (OSError, subprocess.TimeoutExpired) as error:
            trouble = trouble or f"{path} could not be run ({type(error).__name__})"
    state = "missing" if path is None else "broken" if trouble else "ok"
    return Finding(
        name, "program", False, state, version, gives, without, install, trouble if state == "broken" else ""
    )


def _browser() -> Finding:
    """The program that --open shows pages with."""
    state, trouble = "ok", ""
    try:
        webbrowser.get()
    except webbrowser.Error:
        state = "missing"
    except Exception as error:
        state, trouble = "broken", f"{type(error).__name__}: {error}"
    without = "pages are written all the same; open them on another computer"
    return Finding(
        "web browser", "program", False, state, "", "shows pages: --open", without, _from_the_system("firefox"), trouble
    )


def _from_the_system(package: str) -> str:
    """The command that installs a program here."""
    for manager, command in (
        ("apt-get", "sudo apt-get install"),
        ("dnf", "sudo dnf install"),
        ("pacman", "sudo pacman -S"),
        ("brew", "brew install"),
        ("winget", "winget install"),
        ("conda", "conda install -c conda-forge"),
    ):
        if shutil.which(manager):
            return f"{command} {package}"
    return "see https://graphviz.org/download" if package == "graphviz" else f"from your system's programs: {package}"


# ---- data, caches, arithmetic ----------------------------------------------------------------------------


def _mnist() -> dict[str, Any]:
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


def _cache() -> dict[str, str]:
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


def _blas() -> dict[str, str]:
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


def _threads() -> dict[str, Any]:
    """Is the number of BLAS threads set?  By environment variables, which NumPy's library reads when it is loaded."""
    blas = _blas()["name"].lower()
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


# ---- what is said ----------------------------------------------------------------------------------------


def _report(found: list[Finding], facts: dict[str, Any], healthy: bool) -> dict[str, Any]:
    """The same as the table, for programs."""
    report = {
        "schema": "tinygrad_edu/doctor/1",
        "ok": healthy,
        "tinygrad_edu": __version__,
        "system": _system(),
        "found": [asdict(f) for f in found],
        "facts": facts,
    }
    return _everywhere(report, _without_home)


def _table(found: list[Finding], facts: dict[str, Any], healthy: bool) -> Iterable[str]:
    """At most 80 columns, and ASCII: this must come out on every terminal."""
    yield f"tinygrad_edu {__version__}, {_system()}"
    for title, chosen in (
        ("required", [f for f in found if f.required]),
        ("optional packages", [f for f in found if not f.required and f.kind == "package"]),
        ("programs", [f for f in found if f.kind == "program"]),
    ):
        yield ""
        yield f"{title:23s} {'version':14s} what it gives"
        for f in chosen:
            yield f"  {f.state:7s} {f.name:13s} {f.version[:14] or '-':14s} {f.gives}"
            if f.state != "ok":
                if f.trouble:
                    yield from _hanging("trouble", f.trouble)
                yield from _hanging("works without it", f.without)
                yield from _hanging("to get it", f.install)
    yield ""
    yield "data and arithmetic"
    for name, fact in facts.items():
        yield from _hanging(name, fact["said"], 2)
    yield ""
    wrong = [f.name for f in found if f.required and f.state != "ok"]
    lacking = [f.name for f in found if not f.required and f.state != "ok"]
    if not healthy:
        yield from _hanging("NOT READY", f"{', '.join(wrong)} is required", 0)
    elif lacking:
        yield from _hanging("ready", f"all that is required works; optional, and not here: {', '.join(lacking)}", 0)
    else:
        yield "ready: everything is here"


def _hanging(name: str, text: str, indent: int = 10) -> list[str]:
    """`name: text` in lines of 80 columns, those after the first further in."""
    clean = " ".join(_without_home(text).split())[:600].encode("ascii", "backslashreplace").decode()
    lines = textwrap.wrap(
        f"{name}: {clean}",
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"


def _without_home(text: str) -> str:
    """The home directory as ~: what is printed here is sent to others."""
    home = os.path.expanduser("~").rstrip("/\\")
    return re.sub(re.escape(home) + r"(?![\w.-])", "~", text) if home else text


def _everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """value with every text in it changed."""
    if isinstance(value, dict):
        return {key: _everywhere(v, change) for key, v in value.items()}
    if isinstance(value, list):
        return [_everywhere(v, change) for v in value]
    return change(value) if isinstance(value, str) else value


# ---- what may be said to it ------------------------------------------------------------------------------


def add_doctor(commands: Any) -> None:
    """The subcommand and what may be said to it."""
    p = add_command(
        commands,
        "doctor",
        doctor,
        "say what is installed, and what works without the rest",
        ["tinygrad-edu doctor", "tinygrad-edu doctor --json    for programs, and to send with a question"],
    )
    p.add_argument("--json", action="store_true", help="the same as JSON")
