"""The IDX format of MNIST's files: 00 00 type axes, then one big-endian uint32 per axis, then the values."""

import io
import math
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinygrad_edu import DataError

from .download import unpacked

__all__ = ["read_idx"]

FIELDS = {1: ("count",), 3: ("count", "rows", "columns")}
LARGEST = 1 << 30  # bytes; the largest public set in this format, EMNIST, needs 0.6 * 2^30
DEFLATE = 1032  # gzip makes nothing smaller by more than this factor


def read_idx(
    path: str | os.PathLike[str],
    *,
    expected_shape: Sequence[int | None] | None = None,
    largest: int = LARGEST,
) -> NDArray[np.uint8]:
    """The unsigned bytes in an IDX file, plain or gzip: labels (count,) or images (count, rows, columns).

    In expected_shape None stands for any size: (None, 28, 28). What the header promises is held against it,
    against `largest` and the size on disk before memory is taken. DataError names the file and the field.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            on_disk = os.fstat(file.fileno()).st_size
            stream = unpacked(file)
            shape = read_header(stream, path, expected_shape)
            n, promised = math.prod(shape), 4 + 4 * len(shape) + math.prod(shape)
            fits = promised == on_disk if stream is file else promised <= DEFLATE * on_disk
            if promised > largest or not fits:
                limit = f"at most {largest:,} are read" if promised > largest else f"it has {on_disk:,} on disk"
                raise DataError(f"{path}: data: the header's sizes {shape} make {promised:,} bytes, but {limit}.")
            values = np.empty(n, np.uint8)
            filled = 0
            while count := stream.readinto(values.data[filled : filled + (1 << 20)]):
                filled += count
            if filled < n or stream.read(1):  # this last read also lets gzip compare its checksum
                found = f"more than {n:,}" if filled == n else f"only {filled:,}"
                raise DataError(f"{path}: data: {found} bytes follow the header, whose sizes are {shape}.")
    except (EOFError, OSError, zlib.error) as error:  # OSError: no such file, and gzip's BadGzipFile
        raise DataError(f"{path}: data: missing or damaged ({type(error).__name__}: {error}).") from error
    return values.reshape(shape)


def read_header(stream: io.BufferedIOBase, path: Path, expected_shape: Sequence[int | None] | None) -> tuple[int, ...]:
    """The sizes in the header, as expected and at least 1."""
    magic = stream.read(4)
    if magic.lstrip()[:1] == b"<":
        raise DataError(f"{path}: magic: this is a web page, perhaps of a login that stood in the way; not IDX.")
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(f"{path}: magic: IDX begins with 00 00 08 and 01 or 03, not {magic.hex(' ') or 'nothing'}.")
    if magic[2] != 0x08:
        raise DataError(f"{path}: magic: type 0x{magic[2]:02X}; only 0x08, unsigned bytes, is read.")
    wanted = list(FIELDS) if expected_shape is None else [len(expected_shape)]
    axes = magic[3]
    if axes not in wanted or axes not in FIELDS:
        needed = " or ".join(map(str, wanted))
        raise DataError(f"{path}: magic: {axes} axes, needed {needed} (labels have 1, images 3; interchanged?).")
    shape = []
    for field, size in zip(FIELDS[axes], expected_shape or (None,) * axes, strict=True):
        four = stream.read(4)
        if len(four) < 4:
            raise DataError(f"{path}: {field}: the file ends inside its header.")
        shape.append(int.from_bytes(four, "big"))
        if shape[-1] == 0 or size not in (None, shape[-1]):
            raise DataError(f"{path}: {field}: {shape[-1]}, needed {'at least 1' if size is None else size}.")
    return tuple(shape)
