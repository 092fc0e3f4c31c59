"""One picture from a file, however it was made, by Pillow."""

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_edu import DataError, missing_extra

from .examples import Array

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["LARGEST", "pillow", "read_image", "shown"]

KINDS = ("PNG", "JPEG")  # what is read, by what is in the file and not by its name
LARGEST = 50_000_000  # pixels of one picture; a camera's largest has fewer, a bomb of 1 MB may have billions


def read_image(
    path: str | os.PathLike[str], size: tuple[int, int] = (32, 32), *, grey: bool = False, largest: int = LARGEST
) -> Array:
    """A PNG or JPEG file as bytes: (3, rows, columns), or grey (rows, columns).

    DataError names the file and what is wrong with it: no picture, cut short, more pixels than `largest`.
    """
    Image = pillow()
    rows, columns = size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a large picture, which is measured below, and of odd but good files
            with Image.open(path, formats=KINDS) as image:
                if image.width * image.height > largest:
                    raise DataError(f"{image.width} x {image.height} pixels, more than {largest:,}")
                image.draft("L" if grey else "RGB", (4 * columns, 4 * rows))  # a large JPEG is read coarsely: faster
                return _pixels(_upright(image), rows, columns, grey)
    except MemoryError:  # not the file's fault: it is within `largest`
        raise
    except Exception as error:  # what a decoder raises on damaged bytes is of many kinds
        kind = type(error).__name__
        why = "no PNG or JPEG picture" if kind == "UnidentifiedImageError" else str(error) or kind
        raise DataError(f"{shown(path)}: {why}") from error


def _upright(image: "Image") -> "Image":
    """Turned as the camera was held, which a JPEG file notes aside."""
    from PIL import ImageOps

    return ImageOps.exif_transpose(image)


def _pixels(image: "Image", rows: int, columns: int, grey: bool) -> Array:
    from PIL import Image, ImageOps

    if image.mode.startswith("I"):  # 16 bits: Pillow would cut off at 255
        image = Image.fromarray((np.asarray(image) // 257).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if grey else "RGB")
    if image.size != (columns, rows):
        image = ImageOps.fit(image, (columns, rows), Image.Resampling.BILINEAR)
    pixels = np.asarray(image)
    return pixels if grey else pixels.transpose(2, 0, 1)  # (rows, columns, 3) -> (3, rows, columns)


def pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise missing_extra("pillow", "images", "nn.data.image_folder()") from error
    return Image


def shown(path: str | os.PathLike[str]) -> str:
    """A path for a message: a name may hold line ends and what a terminal obeys."""
    text = os.fspath(path)
    return text if text.isprintable() else ascii(text)
