"""The C compiler: finds it, calls it, and keeps what it made in the user's cache folder.

A cached library is code that will be run: it is only taken from a folder that nobody else can write to, and only if
its checksum is the one that was noted when it was made.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
import warnings
from functools import lru_cache
from pathlib import Path

from ..errors import TinygradEduError

__all__ = ["CompileError", "compiled", "instructions"]

# Every number is what NumPy would give, NaN and infinities too: no -ffast-math.  Only sums of products may be taken
# in another order, where the text says so.
_FLAGS = (
    "-std=gnu11",
    "-march=native",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fopenmp-simd",
    "-fPIC",
    "-shared",
)
_SECONDS = 600  # a compiler that takes longer has been forgotten by its own machine


class CompileError(TinygradEduError, RuntimeError):
    """A program could not be compiled; the message is one line."""


# ---- the compiler ------------------------------------------------------------------------------------------------


def compiler() -> list[str]:
    """The command of the C compiler: $CC, or the machine's, or that of the ziglang wheel."""
    chosen = os.environ.get("CC", "").strip()
    if chosen:
        try:
            words = shlex.split(chosen)
        except ValueError:
            raise CompileError(f"CC={chosen!r} is not a command") from None
        if shutil.which(words[0]) is None:
            raise CompileError(f"CC={chosen!r} names a compiler that is not there")
        return words
    for name in ("cc", "gcc", "clang"):
        if found := shutil.which(name):
            return [found]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc"]
    raise CompileError("no C compiler was found: install gcc or clang, or pip install ziglang")


@lru_cache(maxsize=8)
def _traits(command: tuple[str, ...]) -> str:
    """What the compiler says of itself and of this processor: its macros, sorted."""
    text = _called([*command, "-march=native", "-dM", "-E", "-x", "c", os.devnull])
    return "\n".join(sorted(text.splitlines()))


def instructions() -> set[str]:
    """The macros that tell what the processor can do: __AVX512F__, __FMA__, …"""
    return {line.split()[1] for line in _traits(tuple(compiler())).splitlines() if line.startswith("#define ")}


def _called(command: list[str]) -> str:
    """The output of a command; CompileError with its first line of complaint."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CompileError(f"the C compiler {command[0]} did not finish in {_SECONDS} seconds") from None
    except OSError as error:
        raise CompileError(f"the C compiler {command[0]} could not be run: {error}") from None
    if done.returncode != 0:
        lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        first = next((line for line in lines if "error" in line), lines[0] if lines else "it says nothing")
        raise CompileError(f"the C compiler {command[0]} failed: {first:.300}")
    return done.stdout


# ---- the cache ---------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where compiled programs are kept, not made yet."""
    if chosen := os.environ.get("TINYGRAD_EDU_CACHE"):
        return Path(chosen)
    if chosen := os.environ.get("XDG_CACHE_HOME"):
        return Path(chosen) / "tinygrad_edu" / "jit"
    with contextlib.suppress(ImportError):
        from platformdirs import user_cache_path

        return Path(user_cache_path("tinygrad_edu", appauthor=False)) / "jit"
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "tinygrad_edu" / "jit"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home)) / "tinygrad_edu" / "jit"
    return home / ".cache" / "tinygrad_edu" / "jit"


def _refusal(folder: Path) -> str:
    """Why code must not be taken from this folder; "" if it may."""
    found = folder.stat()  # of what a link points to
    if not stat.S_ISDIR(found.st_mode):
        return "is not a folder"
    if os.name != "posix":
        return ""
    if found.st_uid != os.geteuid():
        return "belongs to somebody else"
    if folder.is_symlink() and folder.lstat().st_uid != os.geteuid():
        return "is a link that somebody else made"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "can be written to by others (chmod go-w would mend that)"
    return ""


def _usable_folder() -> Path:
    """The cache folder; or, if it cannot be used, one of this process, and a line that says so."""
    try:
        folder = cache_folder().absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _refusal(folder)
        if not reason and not os.access(folder, os.W_OK | os.X_OK):
            reason = "cannot be written to"
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        folder, reason = Path(os.environ.get("TINYGRAD_EDU_CACHE", "the cache folder")), f"cannot be made: {error}"
    return _temporary(f"{folder} {reason}") if reason else folder


_of_this_process: list[Path] = []


def _temporary(why: str) -> Path:
    """A folder of this process alone."""
    if not _of_this_process:
        try:
            folder = Path(tempfile.mkdtemp(prefix="tinygrad_edu_"))  # mode 0700
        except OSError as error:
            raise CompileError(f"{why}; and there is no temporary folder: {error}") from None
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _of_this_process.append(folder)
        warnings.warn(f"compiled programs are not kept: {why}", RuntimeWarning, stacklevel=2)
    return _of_this_process[0]


def compiled(source: str, effort: str = "-O3") -> ctypes.CDLL:
    """The C text as a loaded library.  effort: how much the compiler is to think about it."""
    command = compiler()
    flags = [effort, *_FLAGS]
    if "__clang__" not in instructions():
        flags.append("-fno-tree-pre")  # gcc: with it, a loop that takes several maxima becomes no vector loop
    words = (source, " ".join(command), " ".join(flags), _traits(tuple(command)))
    key = hashlib.sha256("\0".join(words).encode()).hexdigest()
    folder = _usable_folder()
    if library := _cached(folder, key):
        return library
    try:
        return _made(folder, key, source, command, flags)
    except OSError as error:  # the disk is full, or the folder has gone
        other = _temporary(f"{folder}: {error}")
    try:
        return _made(other, key, source, command, flags)
    except OSError as error:
        raise CompileError(f"the compiled program cannot be written to {other}: {error}") from None


def _cached(folder: Path, key: str) -> ctypes.CDLL | None:
    """The library that was made of the same text, by the same compiler, for the same processor; None: there is none.

    <key> holds the checksum of the library, which is part of the library's name: it is written last, and in one go.
    """
    try:
        checksum = (folder / key).read_text("ascii").strip()
        library = folder / f"{checksum[:32]}.so"
        if hashlib.sha256(library.read_bytes()).hexdigest() != checksum:
            return None
    except (OSError, ValueError):
        return None
    return _loaded(library)


def _made(folder: Path, key: str, source: str, command: list[str], flags: list[str]) -> ctypes.CDLL:
    """Compiles, and puts the result into the folder: another process sees all of it, or nothing."""
    with tempfile.TemporaryDirectory(prefix="new_", dir=folder, ignore_cleanup_errors=True) as workshop:
        text, made = Path(workshop) / "program.c", Path(workshop) / "program.so"
        text.write_text(source, "utf-8")
        _called([*command, *flags, str(text), "-o", str(made), *(["-lm"] if os.name == "posix" else [])])
        checksum = hashlib.sha256(made.read_bytes()).hexdigest()
        library = folder / f"{checksum[:32]}.so"
        os.replace(made, library)
        note = Path(workshop) / "checksum"
        note.write_text(checksum, "ascii")
        os.replace(note, folder / key)
    return _loaded(library)


def _loaded(library: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise CompileError(f"the compiled program cannot be loaded: {error}") from None
