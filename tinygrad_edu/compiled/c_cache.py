"""The folder in which compiled programs are kept, for the next process.

It is code that will be run: it is only taken from a folder that nobody else can write to.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import stat
import sys
import tempfile
import time
import warnings
from pathlib import Path

from ..errors import TinygradEduError

__all__ = ["CompileError", "temporary_folder", "thinned", "usable_folder"]

_MOST = 200  # compiled programs that are kept,
_MOST_BYTES = 64_000_000  # and their size together
_DAY = 86_400.0  # seconds


class CompileError(TinygradEduError, RuntimeError):
    """A program could not be compiled; the message is one line."""


def cache_folder() -> Path:
    """Where compiled programs are kept, not made yet."""
    if chosen := os.environ.get("TINYGRAD_EDU_CACHE"):
        return Path(chosen).expanduser()
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


def usable_folder() -> Path:
    """The cache folder; or, if it cannot be used, one of this process, and a line that says so."""
    try:
        folder = cache_folder().absolute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        reason = _refusal(folder)
        if not reason and not os.access(folder, os.W_OK | os.X_OK):
            reason = "cannot be written to"
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        folder, reason = Path(os.environ.get("TINYGRAD_EDU_CACHE", "the cache folder")), f"cannot be made: {error}"
    return temporary_folder(f"{folder} {reason}") if reason else folder


_of_this_process: list[Path] = []


def temporary_folder(why: str) -> Path:
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


def thinned(folder: Path) -> None:
    """Deletes the programs that nobody has asked for longest, if there are too many, and what a killed process left.

    Others may use the folder meanwhile: a file that is gone is compiled anew, and one that is loaded stays loaded.
    """
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # it has just been deleted
                seen = path.stat()
                if stat.S_ISREG(seen.st_mode):
                    found.append((seen.st_mtime, seen.st_size, path))
                elif path.name.startswith("new_") and seen.st_mtime < time.time() - _DAY:
                    shutil.rmtree(path, ignore_errors=True)
    found.sort(reverse=True)
    size = 0
    for k, (_, nbytes, path) in enumerate(found):
        size += nbytes
        if k >= 2 * _MOST or size > _MOST_BYTES:  # a program is two files
            with contextlib.suppress(OSError):  # on Windows, of a program that runs
                path.unlink()
