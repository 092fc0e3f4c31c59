"""MNIST and Fashion-MNIST: four IDX files each, found or downloaded, verified, and read as examples."""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinygrad_edu import DataError

from .download import KnownFile, cache_folder, find, locate, stranger
from .examples import Dataset, Examples, check_labels, check_whole, one_hot
from .idx import read_idx

__all__ = ["MNIST_FILES", "fashion_mnist", "mnist"]

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
    home, own = home_of("mnist", folder, "TINYGRAD_EDU_MNIST")
    command = f"tinygrad-edu train --data mnist --data-dir {shlex.quote(str(home))}"
    advice = by_hand(home, f"nn.data.mnist({str(home)!r}), or run: {command}")
    paths = locate(home, MNIST_FILES, mirrors if download else (), own=own, advice=advice)
    return idx_dataset("MNIST", paths, validation)


def home_of(name: str, folder: str | os.PathLike[str] | None, variable: str) -> tuple[Path, bool]:
    """The folder where a data set's files lie, and whether it is the user's own or the cache."""
    own = folder or os.environ.get(variable)
    return (Path(own).expanduser().absolute(), True) if own else (cache_folder() / name, False)


def by_hand(home: Path, call: str) -> str:
    """What to do where nothing can be downloaded."""
    names = "".join(f"  {known.name}.gz\n" for known in MNIST_FILES)
    return f"By hand: put these four files, with or without .gz, into the folder {home}\n{names}then call {call}"


def idx_dataset(name: str, paths: Sequence[Path], validation: int, classes: tuple[str, ...] = ()) -> Dataset:
    """A data set in four files as MNIST's: training images and labels, test images and labels."""
    train, test = read_pairs(paths[0], paths[1]), read_pairs(paths[2], paths[3])
    check_whole(validation, 0, len(train) - 1, f"{name}: validation, the training examples to keep apart,")
    cut = len(train) - validation
    return Dataset(name, train[:cut], train[cut:] if validation else None, test, classes)


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


CLOTHES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",  # from where Keras loads them
)
# SHA-256 of the .gz: TensorFlow Datasets, url_checksums/fashion_mnist.txt.  The authors' README and torchvision have
# MD5 of the same .gz (8d4fb7e6..., 25c81989..., bef4ecab..., bb300cfd...).  Sizes are those of MNIST.
FASHION_FILES = (
    KnownFile(
        "train-images-idx3-ubyte",
        47_040_016,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        packed=True,
    ),
    KnownFile(
        "train-labels-idx1-ubyte",
        60_008,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        packed=True,
    ),
    KnownFile(
        "t10k-images-idx3-ubyte",
        7_840_016,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        packed=True,
    ),
    KnownFile(
        "t10k-labels-idx1-ubyte",
        10_008,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        packed=True,
    ),
)


def fashion_mnist(
    folder: str | os.PathLike[str] | None = None,
    *,
    validation: int = 10_000,
    download: bool = True,
    mirrors: Sequence[str] = FASHION_MIRRORS,
) -> Dataset:
    """Fashion-MNIST: 70,000 pictures of clothes of ten kinds, in MNIST's format and sizes, and harder.

    Found, downloaded and verified as mnist() is: in `folder`, else in the folder that the environment variable
    TINYGRAD_EDU_FASHION_MNIST names, else in the user's cache.  The files have the names of MNIST's, so the two need
    folders of their own.  Source: github.com/zalandoresearch/fashion-mnist (Xiao, Rasul, Vollgraf 2017).
    """
    home, own = home_of("fashion-mnist", folder, "TINYGRAD_EDU_FASHION_MNIST")
    advice = "They are at github.com/zalandoresearch/fashion-mnist.  " + by_hand(
        home, f"nn.data.fashion_mnist({str(home)!r})"
    )
    labels = find(home, MNIST_FILES[1])
    if labels and not stranger(labels, MNIST_FILES[1]):
        raise DataError(f"fashion_mnist: {home} holds MNIST, the digits.  Give a folder of its own.\n{advice}")
    paths = locate(home, FASHION_FILES, mirrors if download else (), own=own, advice=advice)
    return idx_dataset("Fashion-MNIST", paths, validation, CLOTHES)
