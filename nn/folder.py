"""Pictures in folders, one folder per class, as examples to learn from."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError

from .examples import Array, Dataset, Examples, check_whole, one_hot
from .images import LARGEST, pillow, read_image, shown
from .init import Seed, as_generator

__all__ = ["image_folder"]

ENDINGS = (".png", ".jpg", ".jpeg")
OF_THE_SYSTEM = ("thumbs.db", "desktop.ini")  # and all whose names begin with a dot
PARTS = ("train", "test", "validation", "val", "valid")


def image_folder(
    path: str | os.PathLike[str],
    size: tuple[int, int] = (32, 32),
    *,
    grey: bool = False,
    flat: bool = False,
    test: float = 0.2,
    rng: Seed = 0,
    skip_bad: bool = False,
    largest: int = LARGEST,
) -> Dataset:
    """A folder of pictures, one subfolder per class: path/cat/1.jpg, path/dog/7.png.  PNG and JPEG, by Pillow.

    size      (rows, columns) that all get: the middle in these proportions, made smaller or larger
    grey      True: brightness only.  False: red, green, blue
    flat      True: x is (N, channels * rows * columns), for a Linear layer.  False: (N, channels, rows, columns)
    test      the part of each class that becomes the test set, drawn with rng; where the folder has train/ and
              test/ (and validation/) inside, with the classes in each, those count; `test` and rng are not used
    skip_bad  True: a file that cannot be read is left out, with a warning that says how many and which.
              False: DataError with their names
    largest   the most pixels that a picture may have

    Values are in [0, 1], float32.  Classes are numbered by name: Dataset.classes.  Hidden files are no pictures.
    Phone pictures are turned upright; what is transparent becomes white.
    """
    pillow()
    check_whole(largest, 1, None, "image_folder: largest, the pixels of a picture,")
    try:
        rows, columns = size
    except (TypeError, ValueError):
        raise DataError(f"image_folder: size is (rows, columns), not {size!r:.60}") from None
    for number in (rows, columns):
        check_whole(number, 1, 4096, "image_folder: size is (rows, columns), each of which")
    _check_part(test)
    home = Path(path).expanduser()
    places = _parts_inside(home) or [home]
    bad: list[str] = []
    files = [_files(place, bad) for place in places]
    classes = tuple(files[0])
    for place, there in zip(places, files, strict=True):
        if tuple(there) != classes:
            raise DataError(f"image_folder: {places[0]} has the classes {list(classes)}, and {place} {list(there)}")
    sets = [_read(there, classes, (rows, columns), grey, flat, largest, bad) for there in files]
    _tell(home, bad, skip_bad)
    for place, examples in zip(places, sets, strict=True):
        _check_classes(place, examples.labels, classes)
    train, tested, *validation = sets if len(sets) > 1 else _split(sets[0], classes, test, rng, home)
    return Dataset(home.resolve().name, train, validation[0] if validation else None, tested, classes)


# --- which files ----------------------------------------------------------------------------------


def _parts_inside(home: Path) -> list[Path]:
    """train/, test/ and, where there is one, the validation set; none where the classes lie here."""
    there = [home / name for name in PARTS if (home / name).is_dir()]
    if there and [part.name for part in there[:2]] != ["train", "test"]:
        raise DataError(
            f"image_folder: {home} has {', '.join(part.name + '/' for part in there)}, but not both train/ and test/: "
            "give the folder with the classes in it, or add what is missing"
        )
    if len(there) > 3:
        raise DataError(f"image_folder: {home} has two validation sets: {there[2].name}/ and {there[3].name}/")
    return there


def _files(home: Path, bad: list[str]) -> dict[str, list[Path]]:
    """The files of each class, all in the order of their names; what is no file is noted in `bad`."""
    try:
        entries = sorted(entry for entry in home.iterdir() if not _hidden(entry))
    except OSError as error:
        raise DataError(f"image_folder: cannot look into {home}: {error.strerror or error}") from error
    folders = [entry for entry in entries if entry.is_dir()]
    if len(folders) < 2:
        raise DataError(
            f"image_folder: {home} has {len(folders)} subfolders, and learning what is what needs two at least: "
            "one per class with its pictures inside, as cat/ and dog/"
        )
    bad += [f"{shown(e)}: lies beside the classes" for e in entries if e not in folders and e.suffix.lower() in ENDINGS]
    return {folder.name: list(_inside(folder, (), bad)) for folder in folders}


def _inside(folder: Path, above: tuple[Path, ...], bad: list[str]) -> Iterator[Path]:
    """The files in a folder and in the folders inside."""
    real = folder.resolve()
    if real in above:
        bad.append(f"{shown(folder)}: a link that leads back to {shown(real)}")
        return
    try:
        entries = sorted(entry for entry in folder.iterdir() if not _hidden(entry))
    except OSError as error:
        bad.append(f"{shown(folder)}: {error.strerror or error}")
        return
    for entry in entries:
        if entry.is_dir():
            yield from _inside(entry, (*above, real), bad)
        elif entry.is_file():
            yield entry
        else:  # a pipe would be waited for
            bad.append(f"{shown(entry)}: " + ("a link that leads nowhere" if entry.is_symlink() else "no file"))


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in OF_THE_SYSTEM


def _tell(home: Path, bad: list[str], skip_bad: bool) -> None:
    """Name the first of what could not be read."""
    if not bad:
        return
    named = "".join(f"\n  {line}" for line in bad[:10]) + (f"\n  and {len(bad) - 10} more" if len(bad) > 10 else "")
    if not skip_bad:
        raise DataError(
            f"image_folder: {len(bad)} in {home} cannot be used:{named}\n"
            "Remove them, or write skip_bad=True to go on without them."
        )
    warnings.warn(f"image_folder: {len(bad)} in {home} left out:{named}", stacklevel=3)


def _check_part(test: Any) -> None:
    if not isinstance(test, int | float) or not 0 < test < 1:
        raise DataError(f"image_folder: test is a part between 0 and 1, not {test!r:.60}")


def _check_classes(where: Path, labels: Array, classes: tuple[str, ...]) -> None:
    for name, count in zip(classes, np.bincount(labels, minlength=len(classes)), strict=True):
        if count == 0:
            raise DataError(
                f"image_folder: there is no picture in {shown(where / name)}: put some in, or remove the folder"
            )


def _split(
    examples: Examples, classes: tuple[str, ...], test: float, rng: Seed, home: Path
) -> tuple[Examples, Examples]:
    """Train and test: the same part of each class, at least one picture."""
    rng = as_generator(rng)
    tested = np.zeros(len(examples), bool)
    for i, name in enumerate(classes):
        rows = rng.permutation(np.flatnonzero(examples.labels == i))
        if len(rows) < 2:
            raise DataError(
                f"image_folder: {shown(home / name)} has one picture, and needs one to learn and one to test"
            )
        tested[rows[: min(max(1, round(test * len(rows))), len(rows) - 1)]] = True
    return examples[~tested], examples[tested]


# --- from files to numbers ------------------------------------------------------------------------


def _read(
    files: dict[str, list[Path]],
    classes: tuple[str, ...],
    size: tuple[int, int],
    grey: bool,
    flat: bool,
    largest: int,
    bad: list[str],
) -> Examples:
    """The pictures of all classes; those that cannot be read are noted in `bad`."""
    pairs = [(path, label) for label, name in enumerate(classes) for path in files[name]]
    shape = size if grey else (3, *size)
    pixels = np.empty((len(pairs), *shape), np.uint8)
    labels: list[int] = []
    for path, label in pairs:
        try:
            pixels[len(labels)] = read_image(path, size, grey=grey, largest=largest)
        except DataError as error:
            bad.append(str(error))
        else:
            labels.append(label)
    x = np.divide(pixels[: len(labels)], 255, dtype=np.float32)
    x = x.reshape(len(x), int(np.prod(shape))) if flat else x.reshape(len(x), -1, *size)
    y = np.array(labels, np.int64)
    return Examples(x, one_hot(y, len(classes)), y, shape)
