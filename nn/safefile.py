"""Files of arrays and text: safetensors with a checksum, written whole or not at all, and read without trust.

A safetensors file is the length of a header (8 bytes), the header (JSON: names, dtypes, shapes and places of the
arrays, and text under "__metadata__"), and the arrays.  It has no checksum of its own, so the text has one more
entry, "sha256": of the whole file, with 64 zeros in the place of the digest.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import re
import stat
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, missing_extra

__all__ = ["finite", "pack", "strict_json", "unpack", "write_whole"]

Array = npt.NDArray[Any]

LONGEST_HEADER = 10_000_000  # bytes; as Python objects it takes up to 25 times as much
_KEY, _ZEROS = b'"sha256":"', b"0" * 64


# ---- bytes -----------------------------------------------------------------------------------------------


def pack(arrays: Mapping[str, Array], text: Mapping[str, str]) -> bytes:
    """The bytes of a file with these arrays and this text; the same ones, the same bytes."""
    raw = _safetensors().save(dict(arrays), {**text, "sha256": _ZEROS.decode()})
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))  # the library has them in any order
    line = json.dumps(header, separators=(",", ":")).encode()
    line += b" " * (-len(line) % 8)
    if len(line) > LONGEST_HEADER:
        raise DataError(f"a header of {len(line):,} bytes could not be read again: {LONGEST_HEADER:,} at most")
    blank = len(line).to_bytes(8, "little") + line + raw[8 + size :]
    place = blank.index(_KEY) + len(_KEY)
    return blank[:place] + _digest(blank) + blank[place + 64 :]


def unpack(raw: bytes, known: frozenset[str], needs_checksum: bool = True) -> tuple[dict[str, Array], dict[str, str]]:
    """The arrays and the text in the bytes of a file; DataError for whatever is wrong with them.

    known           the names that the text may have, beside "sha256"; another one may be a damaged one
    needs_checksum  False: a file without one is taken, as from before there were checksums
    """
    st = _safetensors()
    size = int.from_bytes(raw[:8], "little")
    if len(raw) < 8 or not 2 <= size <= min(len(raw) - 8, LONGEST_HEADER):
        raise DataError(f"it has {len(raw)} bytes, and its header would have {size}")
    line = raw[8 : 8 + size]
    header = strict_json(line, whole=True)
    text = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(text, dict) or not all(isinstance(value, str) for value in text.values()):
        raise DataError("its header is no list of arrays and text")
    if unknown := text.keys() - known - {"sha256"}:
        raise DataError(f"its header has {sorted(unknown)[0]!r:.80}, which nothing here knows")
    if "sha256" in text:
        place = 8 + line.find(_KEY) + len(_KEY)
        blank = raw[:place] + _ZEROS + raw[place + 64 :]
        if line.count(_KEY) != 1 or _digest(blank) != raw[place : place + 64] or raw[place + 64 : place + 65] != b'"':
            raise DataError("it is damaged: its bytes do not give the checksum that it was written with")
    elif needs_checksum:
        raise DataError("it has no checksum")
    try:
        return st.load(raw), text
    except MemoryError:
        raise
    except Exception as error:  # the library has no common base class for what can be wrong with a file
        raise DataError(str(error)) from error


def _digest(blank: bytes) -> bytes:
    import hashlib  # here and not above: `import nn` stays fast

    return hashlib.sha256(blank).hexdigest().encode()


def strict_json(text: str | bytes, whole: bool = False) -> Any:
    """What the JSON says; DataError where readers could disagree about it: a name twice, NaN, half a character.

    whole  True: all numbers are whole and 0 or more, written as such: no 1e3
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise DataError("a name is there twice")
        return found

    def number(word: str) -> float:
        value = float(word)
        if whole or not math.isfinite(value):
            raise DataError(f"{word:.60} is no number that can stand there")
        return value

    def whole_number(word: str) -> int:
        if whole and word.startswith("-"):
            raise DataError(f"{word:.60} is negative")
        return int(word)

    try:
        text = text.decode() if isinstance(text, bytes) else text
        found = json.loads(
            text, object_pairs_hook=once, parse_constant=number, parse_float=number, parse_int=whole_number
        )
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half a character (a lone surrogate) has no bytes
        return found
    except RecursionError:
        raise DataError("it is nested too deep") from None
    except ValueError as error:  # also of what is no UTF-8, and of numbers with thousands of digits
        raise DataError(f"it cannot be read: {error}") from error


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise missing_extra("safetensors", "train", "a model file") from None
    return safetensors.numpy


# ---- the disk --------------------------------------------------------------------------------------------

_TEMPORARY = re.compile(r"\.saving\.([0-9a-f]{8})\.(\d{1,10})\.[0-9a-f]{16}")  # computer, process, a random number
_A_DAY = 86_400.0
_AT_A_TIME = 1 << 24  # bytes


def write_whole(path: str | os.PathLike[str], data: bytes, what: str) -> None:
    """Put the bytes into a file: all of them or, whatever happens, none; an older file stays until then.

    They go into a temporary file beside it and from the memory to the disk (fsync); then it gets the name, and the
    name goes to the disk.  A link stays a link: the file it points to is replaced.  What a killed process left is
    removed.  OSError with the path where the disk is full or fails, the folder is missing or may not be written to,
    or the path is a device.
    """
    goal = Path(os.path.realpath(path))
    if goal.exists() and not goal.is_file() and not goal.is_dir():  # /dev/null would become a file, for everybody
        raise OSError(errno.EINVAL, f"cannot save {what} to {path}: it is a device or a pipe, and no file")
    temporary = goal.parent / f".saving.{_this_computer()}.{os.getpid()}.{os.urandom(8).hex()}"
    handle = -1
    try:
        try:
            _remove_orphans(goal.parent)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            if goal.exists():
                os.chmod(temporary, stat.S_IMODE(goal.stat().st_mode))
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(handle, rest[:_AT_A_TIME]) :]
            os.fsync(handle)
            closing, handle = handle, -1
            os.close(closing)
            os.replace(temporary, goal)
        except BaseException:
            try:
                if handle >= 0:
                    os.close(handle)
            finally:
                temporary.unlink(missing_ok=True)
            raise
        _sync_folder(goal.parent)
    except OSError as error:
        raise OSError(error.errno, f"cannot save {what} to {path}: {error.strerror}") from error


def _sync_folder(folder: Path) -> None:
    """Bring the names in the folder to the disk, or a power cut could undo the rename."""
    if os.name == "nt":  # has no such call for folders
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # of file systems that cannot sync a folder
            raise
    finally:
        os.close(handle)


def _remove_orphans(folder: Path) -> None:
    """Remove the temporary files of processes that were killed; those of living ones, also elsewhere, stay."""
    for name in os.listdir(folder):
        if found := _TEMPORARY.fullmatch(name):
            computer, process = found[1], int(found[2])
            here = computer == _this_computer() and os.name != "nt"
            with contextlib.suppress(FileNotFoundError):  # another process removed it at the same time
                path = folder / name
                if (here and not _is_alive(process)) or time.time() - path.lstat().st_mtime > _A_DAY:
                    path.unlink()


def _this_computer() -> str:
    name = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return f"{zlib.crc32(name.encode()):08x}"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)  # asks, and sends nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it is somebody else's
        return True
    return True


def finite(arrays: Mapping[str, Array], prefix: str = "") -> None:
    """DataError that names the first array with NaN or infinity."""
    for name, value in arrays.items():
        if value.dtype.kind == "f" and not np.isfinite(value).all():
            raise DataError(f"{prefix + name!r} holds NaN or infinity: nothing was saved")
