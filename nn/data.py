"""Examples to learn from: scikit-learn's digits, MNIST, and mini-batches of them."""

import io
import math
import os
import shlex
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_edu import DataError, missing_extra

from .download import KnownFile, cache_folder, locate, unpacked

__all__ = ["Dataset", "Examples", "batches", "digits", "mnist", "one_hot", "read_idx"]

Array: TypeAlias = NDArray[Any]


# --- pairs (x, y(x)) ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Examples:
    """N pairs (x, y(x)), one per row.

    x (N, n_in): the inputs, floats; for images in [0, 1].
    y (N, n_classes): the wanted activities, floats, one-hot.
    labels (N,): the same answers as integers.
    image_shape: x[i].reshape(image_shape) is the picture; None if the inputs are no pictures.
    Lengths or shapes that differ, NaN or inf, a label that y contradicts: DataError with the first bad entry.
    """

    x: Array
    y: Array
    labels: Array
    image_shape: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        check_matrix(self.x, "x")
        check_matrix(self.y, "y")
        check_labels(self.labels, self.y.shape[1], "Examples")
        n, n_in = self.x.shape
        if len(self.y) != n or len(self.labels) != n:
            raise DataError(
                f"Examples: every x needs one y and one label, but x has {n} rows, y has {len(self.y)} "
                f"and labels has {len(self.labels)} entries."
            )
        contradicted = self.y[np.arange(n), self.labels] < self.y.max(axis=1)
        if contradicted.any():
            i = int(contradicted.argmax())
            raise DataError(
                f"Examples: labels[{i}] = {self.labels[i]}, but the largest entry of y[{i}] is number "
                f"{self.y[i].argmax()}.  Write y = one_hot(labels)."
            )
        if self.image_shape is not None and math.prod(self.image_shape) != n_in:
            raise DataError(
                f"Examples: image_shape {self.image_shape} has {math.prod(self.image_shape)} pixels, "
                f"but each row of x has {n_in} numbers."
            )

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: slice | ArrayLike) -> "Examples":
        """Some of the examples: a slice (shares memory), or a list of row numbers or booleans (copies)."""
        if not isinstance(index, slice):
            rows = np.asarray(index) if not isinstance(index, tuple) else np.array(0)
            if rows.ndim != 1:
                raise DataError(
                    f"examples[{index!r}]: give a slice or a list of row numbers: examples[3:4], "
                    "examples[[3, 1, 4]].  One pair: examples.x[3], examples.y[3].  A loop: nn.data.batches."
                )
            index = rows if rows.size else rows.astype(np.int64)  # NumPy takes [] for floats
        return Examples(self.x[index], self.y[index], self.labels[index], self.image_shape)

    def __repr__(self) -> str:
        picture = "" if self.image_shape is None else f", image_shape={self.image_shape}"
        return f"Examples(N={len(self)}, x {self.x.shape} {self.x.dtype}, y {self.y.shape}{picture})"


@dataclass(frozen=True, eq=False)
class Dataset:
    """Examples to learn from (train), to choose settings with (validation, or None), to judge with (test)."""

    name: str
    train: Examples
    validation: Examples | None
    test: Examples


def check_matrix(values: Any, name: str) -> None:
    """One row of finite floats per example; DataError names the first entry that is not."""
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.shape[1] == 0:
        raise DataError(f"Examples: {name} is an array of shape (N, n), one row each, not {described(values)}.")
    if values.dtype.kind != "f":
        raise DataError(f"Examples: {name} has dtype {values.dtype}.  Write {name}.astype(np.float32).")
    extremes = values.min(initial=0), values.max(initial=0)  # they carry NaN on, and need no mask as large as x
    if not np.isfinite(extremes).all():
        i, j = np.argwhere(~np.isfinite(values))[0]
        raise DataError(f"Examples: {name}[{i}, {j}] is {values[i, j]}; learning needs finite numbers.")


def check_labels(labels: Any, classes: int, where: str) -> None:
    """One integer of 0 ... classes - 1 per example; DataError names the first entry that is not."""
    valid = f"integers from 0 to {classes - 1}"
    if not isinstance(labels, np.ndarray) or labels.ndim != 1:
        raise DataError(f"{where}: labels is an array of shape (N,) of {valid}, not {described(labels)}.")
    if labels.dtype.kind not in "iu":
        first = f"labels[0] = {labels[0]!r} of " if labels.size else ""
        raise DataError(f"{where}: labels are {valid}, not {first}{labels.dtype}.  Write labels.astype(np.int64).")
    bad = (labels < 0) | (labels >= classes)
    if bad.any():
        i = int(bad.argmax())
        raise DataError(f"{where}: labels[{i}] = {labels[i]}; the labels of {classes} classes are {valid}.")


def described(values: object) -> str:
    return f"shape {values.shape}" if isinstance(values, np.ndarray) else f"a {type(values).__name__}"


def one_hot(labels: ArrayLike, classes: int = 10, dtype: DTypeLike = np.float32) -> Array:
    """y[n, i] = 1 if i = labels[n], else 0.     (N,) -> (N, classes)

    >>> one_hot([2, 0], classes=3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    labels = np.asarray(labels)
    if labels.shape == (0,):
        labels = labels.astype(np.int64)  # NumPy takes [] for floats
    check_labels(labels, classes, "one_hot")
    y = np.zeros((len(labels), classes), dtype)
    y[np.arange(len(labels)), labels] = 1
    return y


def batches(examples: Examples, size: int, rng: np.random.Generator | None = None) -> Iterator[tuple[Array, Array]]:
    """The mini-batches (x, y) of one epoch: every example once, `size` at a time, the last may be smaller.

    Shuffled if a generator is given (the same state of it gives the same order), else as the examples stand.
    """
    check_whole(size, 1, None, "batches: size, the examples in a mini-batch,")
    x, y, starts = examples.x, examples.y, range(0, len(examples), size)
    if rng is None:
        return ((x[i : i + size], y[i : i + size]) for i in starts)
    if not hasattr(rng, "permutation"):
        raise DataError(f"batches: rng is a generator or None, not {rng!r}.  Write np.random.default_rng(seed).")
    order = rng.permutation(len(examples))
    return ((x[order[i : i + size]], y[order[i : i + size]]) for i in starts)


def check_whole(number: Any, low: int, high: int | None, name: str) -> None:
    """DataError unless low <= number <= high, a whole number."""
    whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
    if not whole or number < low or (high is not None and number > high):
        bounds = f"at least {low}" if high is None else f"from {low} to {high}"
        raise DataError(f"{name} is a whole number, {bounds}, not {number!r}.")


# --- the data sets --------------------------------------------------------------------------------


def digits() -> Dataset:
    """1,797 real handwritten digits of 8 x 8 pixels, bundled with scikit-learn; x = pixels / 16 in [0, 1]^64.

    Shuffled once with default_rng(2018), so always the same split, not stratified: the first 1,437 (80 %) are
    train, the other 360 are test, validation is None.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise missing_extra("scikit-learn", "data", "nn.data.digits()") from error
    pixels, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(2018).permutation(len(labels))
    x, labels = (pixels[order] / 16).astype(np.float32), labels[order].astype(np.int64)
    examples = Examples(x, one_hot(labels), labels, (8, 8))
    return Dataset("digits", examples[:1437], None, examples[1437:])


MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST_FILES = (  # name, size and SHA-256 of the uncompressed file
    KnownFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    KnownFile("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    KnownFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    KnownFile("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)


def mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    validation: int = 10_000,
    download: bool = True,
    mirrors: Sequence[str] = MIRRORS,
) -> Dataset:
    """MNIST: 70,000 handwritten digits of 28 x 28 pixels; x = pixels / 255 in [0, 1]^784.

    As in the book: of the 60,000 training examples the last `validation` are kept apart, the first are train.
    The four IDX files, plain or .gz, lie in `folder`, else in the folder that the environment variable
    TINYGRAD_EDU_MNIST names, else in the user's cache. What is missing is downloaded there and verified by
    SHA-256. A folder of your own may hold other data in MNIST's format (Fashion-MNIST); a damaged cache is
    fetched again.
    """
    own = folder or os.environ.get("TINYGRAD_EDU_MNIST")
    home = Path(own).expanduser().absolute() if own else cache_folder() / "mnist"
    advice = (
        f"By hand: put these four files, with or without .gz, into the folder {home}\n"
        + "".join(f"  {known.name}.gz\n" for known in MNIST_FILES)
        + f"then call nn.data.mnist({str(home)!r}), or run: "
        + f"tinygrad-edu train --data mnist --data-dir {shlex.quote(str(home))}"
    )
    paths = locate(home, MNIST_FILES, mirrors if download else (), own=bool(own), advice=advice)
    train, test = read_pairs(paths[0], paths[1]), read_pairs(paths[2], paths[3])
    check_whole(validation, 0, len(train) - 1, "mnist: validation, the training examples to keep apart,")
    cut = len(train) - validation
    return Dataset("MNIST", train[:cut], train[cut:] if validation else None, test)


def read_pairs(images_path: Path, labels_path: Path) -> Examples:
    """The examples in a file of 28 x 28 images and a file of as many labels from 0 to 9."""
    labels = read_idx(labels_path, expected_shape=(None,)).astype(np.int64)
    check_labels(labels, 10, str(labels_path))
    images = read_idx(images_path, expected_shape=(None, 28, 28))
    n = len(images)
    if n != len(labels):
        raise DataError(f"{images_path}: count: {n} images, but {labels_path} has {len(labels)} labels.")
    x = np.divide(images.reshape(n, 784), 255, dtype=np.float32)  # (N, 28, 28) -> (N, 784), never float64
    return Examples(x, one_hot(labels), labels, (28, 28))


# --- the IDX format: 00 00 type axes, then one big-endian uint32 per axis, then the values --------

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
