"""The C compiler: finds it, calls it, and keeps what it made in the cache folder (c_cache.py).

A kept library is code that will be run: it is only taken if its checksum is the one that was noted when it was made.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from .c_cache import CompileError, temporary_folder, thinned, usable_folder

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


# ---- the library -------------------------------------------------------------------------------------------------


def compiled(source: str, effort: str = "-O3") -> ctypes.CDLL:
    """The C text as a loaded library.  effort: how much the compiler is to think about it."""
    command = compiler()
    flags = [effort, *_FLAGS]
    if "__clang__" not in instructions():
        flags.append("-fno-tree-pre")  # gcc: with it, a loop that takes several maxima becomes no vector loop
        # gcc 12 moves what two conditions share into their branches, and then makes a vector loop of it that is wrong:
        # gradients of ELU were, and a program of tests/fuzz_jit.py (--seed 500 --only 785 --effort=-O3)
        flags.append("-fno-thread-jumps")
    words = (source, " ".join(command), " ".join(flags), _traits(tuple(command)))
    key = hashlib.sha256("\0".join(words).encode()).hexdigest()
    folder = usable_folder()
    if library := _cached(folder, key):
        return library
    try:
        return _made(folder, key, source, command, flags)
    except OSError as error:  # the disk is full, or the folder has gone
        other = temporary_folder(f"{folder}: {error}")
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
        with contextlib.suppress(OSError):
            for used in (folder / key, library):
                os.utime(used)  # it goes last when the folder is thinned
        return ctypes.CDLL(str(library))
    except (OSError, ValueError):  # it is not there, or another process has deleted it by now
        return None


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
    try:
        loaded = ctypes.CDLL(str(library))
    except OSError as error:
        raise CompileError(f"the compiled program cannot be loaded: {error}") from None
    thinned(folder)
    return loaded
