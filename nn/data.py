"""Data to learn from: digits, MNIST, Fashion-MNIST, a folder of pictures, toy sets; and what feeds it to a network."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import missing_extra

from . import augment
from .examples import Dataset, Examples, batches, check_whole, one_hot
from .loader import Loader, balanced
from .toys import circles, moons, spirals, xor

if TYPE_CHECKING:
    from .folder import image_folder
    from .idx import read_idx
    from .mnist_files import fashion_mnist, mnist

__all__ = [
    "Dataset",
    "Examples",
    "Loader",
    "augment",
    "balanced",
    "batches",
    "check_whole",
    "circles",
    "digits",
    "fashion_mnist",
    "image_folder",
    "mnist",
    "moons",
    "one_hot",
    "read_idx",
    "spirals",
    "xor",
]


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


_LATER = {
    **dict.fromkeys(("fashion_mnist", "mnist"), "mnist_files"),
    "image_folder": "folder",
    "read_idx": "idx",
}


def __getattr__(name: str) -> Any:
    """What reads files, and may download them, is loaded when it is first asked for: `import nn` stays fast."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_LATER[name]}", __package__), name)
