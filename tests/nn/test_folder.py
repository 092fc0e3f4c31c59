"""image_folder: the pixels that were written, every bad file named, and a stranger's folder does no harm."""

import io
import os
import re
import struct
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from nn.data import image_folder
from nn.images import read_image
from tinygrad_edu import DataError


def pixels(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, values: np.ndarray, **settings) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path, **settings)
    return path


def cats_and_dogs(home: Path, n: int = 5, size: tuple[int, int] = (8, 6)) -> dict[str, list[np.ndarray]]:
    """n pictures of each class as PNG, which keeps every number."""
    kinds = {name: [pixels(*size, 3, seed=100 * k + i) for i in range(n)] for k, name in enumerate(("cat", "dog"))}
    for name, pictures in kinds.items():
        for i, picture in enumerate(pictures):
            save(home / name / f"{i}.png", picture)
    return kinds


# --- what is read ---------------------------------------------------------------------------------


def test_pixels_are_read_exactly_in_the_order_of_the_names(tmp_path):
    kinds = {part: cats_and_dogs(tmp_path / part, n) for part, n in (("train", 4), ("test", 2))}
    found = image_folder(tmp_path, (8, 6))
    assert found.classes == ("cat", "dog")
    assert found.name == tmp_path.name
    assert found.validation is None
    for part in ("train", "test"):
        examples = getattr(found, part)
        wanted = np.array([*kinds[part]["cat"], *kinds[part]["dog"]]).transpose(0, 3, 1, 2)
        assert examples.x.shape == wanted.shape
        assert examples.x.dtype == np.float32
        assert_array_equal(examples.x, wanted.astype(np.float32) / np.float32(255))
        assert examples.labels.tolist() == [0] * (len(wanted) // 2) + [1] * (len(wanted) // 2)
        assert examples.image_shape == (3, 8, 6)


def test_a_validation_set_inside_is_read_too(tmp_path):
    for part, n in (("train", 4), ("test", 2), ("val", 3)):
        cats_and_dogs(tmp_path / part, n)
    found = image_folder(tmp_path, (8, 6))
    assert [len(part) for part in (found.train, found.validation, found.test)] == [8, 6, 4]


def test_flat_and_grey_and_there_and_back(tmp_path):
    cats_and_dogs(tmp_path)
    colour, flat = image_folder(tmp_path, (8, 6)), image_folder(tmp_path, (8, 6), flat=True)
    assert flat.train.x.shape == (8, 144)
    assert_array_equal(flat.train.x.reshape(8, 3, 8, 6), colour.train.x)
    assert_array_equal(flat.images().train.x, colour.train.x)
    assert_array_equal(colour.flat().test.x, flat.test.x)
    grey = image_folder(tmp_path, (8, 6), grey=True)
    assert grey.train.x.shape == (8, 1, 8, 6)
    assert grey.train.image_shape == (8, 6)
    weights = np.array([0.299, 0.587, 0.114], np.float32)  # how bright red, green and blue look: ITU-R BT.601
    assert_allclose(grey.train.x[:, 0], np.einsum("ncij,c->nij", colour.train.x, weights), atol=0.51 / 255 + 1e-3)


def test_a_split_by_seed_takes_the_same_part_of_each_class(tmp_path):
    cats_and_dogs(tmp_path, 10)
    a, b, other = (image_folder(tmp_path, (8, 6), test=0.3, rng=seed) for seed in (1, 1, 2))
    assert np.bincount(a.train.labels).tolist() == [7, 7]
    assert np.bincount(a.test.labels).tolist() == [3, 3]
    assert_array_equal(a.test.x, b.test.x)
    assert not np.array_equal(a.test.x, other.test.x)
    everyone = np.concatenate([a.train.x, a.test.x]).reshape(20, -1)
    assert len(np.unique(everyone, axis=0)) == 20
    few = image_folder(tmp_path, (8, 6), test=0.001)
    assert np.bincount(few.test.labels).tolist() == [1, 1]
    most = image_folder(tmp_path, (8, 6), test=0.999)
    assert np.bincount(most.train.labels).tolist() == [1, 1]


def test_jpeg_is_nearly_what_was_written_and_the_name_does_not_matter(tmp_path):
    """A PNG called .jpg, a JPEG called .dat: what is in a file counts."""
    smooth = np.linspace(0, 255, 16 * 16).reshape(16, 16).astype(np.uint8)
    picture = np.stack([smooth, smooth.T, smooth[::-1]], axis=2)
    save(tmp_path / "a.dat", picture, format="JPEG", quality=95, subsampling=0)
    save(tmp_path / "b.jpg", picture, format="PNG")
    assert_allclose(read_image(tmp_path / "a.dat", (16, 16)), picture.transpose(2, 0, 1), atol=12)
    assert_array_equal(read_image(tmp_path / "b.jpg", (16, 16)), picture.transpose(2, 0, 1))


def test_other_proportions_keep_the_middle(tmp_path):
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, 10:20] = (255, 0, 0)  # the middle third is red
    got = read_image(save(tmp_path / "wide.png", wide), (10, 10))
    assert_array_equal(got[:, :, 1:-1], np.broadcast_to(np.array([255, 0, 0])[:, None, None], (3, 10, 8)))
    large = np.full((400, 300, 3), 77, np.uint8)
    assert set(read_image(save(tmp_path / "large.jpg", large), (32, 32)).ravel().tolist()) <= {76, 77, 78}


def test_grey_palette_transparent_16_bit_and_cmyk_files(tmp_path):
    grey = pixels(5, 5)
    assert_array_equal(read_image(save(tmp_path / "l.png", grey), (5, 5)), np.stack([grey] * 3))
    deep = np.arange(25, dtype=np.uint16).reshape(5, 5) * 2621
    assert_array_equal(read_image(save(tmp_path / "i16.png", deep), (5, 5), grey=True), deep // 257)
    see_through = np.zeros((5, 5, 4), np.uint8)  # black, and transparent but for one pixel
    see_through[2, 3, 3] = 255
    got = read_image(save(tmp_path / "rgba.png", see_through), (5, 5))
    assert got[:, 2, 3].tolist() == [0, 0, 0]
    assert np.sum(got == 255) == 24 * 3
    Image.fromarray(pixels(5, 5, 3)).quantize(4).save(tmp_path / "p.png")
    assert read_image(tmp_path / "p.png", (5, 5)).shape == (3, 5, 5)
    Image.fromarray(np.full((8, 8, 3), (200, 100, 50), np.uint8)).convert("CMYK").save(tmp_path / "cmyk.jpg")
    assert_allclose(read_image(tmp_path / "cmyk.jpg", (8, 8))[:, 4, 4], [200, 100, 50], atol=4)
    Image.fromarray(grey > 128).save(tmp_path / "1.png")
    assert_array_equal(read_image(tmp_path / "1.png", (5, 5), grey=True), (grey > 128) * 255)


def test_phone_pictures_are_turned_upright(tmp_path):
    picture = np.zeros((8, 8), np.uint8)
    picture[0] = 255  # bright above
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held a quarter turn
    got = read_image(save(tmp_path / "a.png", picture, exif=exif), (8, 8), grey=True)
    assert_array_equal(got, np.rot90(picture, -1))


def test_hidden_files_are_no_pictures_and_nested_folders_belong_to_their_class(tmp_path):
    cats_and_dogs(tmp_path)
    for name in (".DS_Store", "cat/.hidden.png", "cat/Thumbs.db", "dog/desktop.ini", "readme.txt", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    save(tmp_path / "dog" / "more" / "1.png", pixels(8, 6, 3, seed=9))
    found = image_folder(tmp_path, (8, 6))
    assert found.classes == ("cat", "dog")
    assert len(found.train) + len(found.test) == 11


# --- bad files ------------------------------------------------------------------------------------


def png_that_claims(width: int, height: int) -> bytes:
    """The head of a PNG of that size, which is honest about nothing else."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


def encoded(values: np.ndarray, format: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, format)
    return file.getvalue()


PNG, JPEG = encoded(pixels(40, 40, 3), "PNG"), encoded(pixels(40, 40, 3), "JPEG")
GIF = encoded(pixels(4, 4), "GIF")
BAD = {
    "empty": (b"", "no PNG or JPEG"),
    "text": (b"this is no picture", "no PNG or JPEG"),
    "web page": (b"<!DOCTYPE html><html>", "no PNG or JPEG"),
    "gif": (GIF, "no PNG or JPEG"),
    "png cut short": (PNG[: len(PNG) // 2], "truncated"),
    "jpeg cut short": (JPEG[: len(JPEG) // 2], "truncated"),
    "png of its head only": (PNG[:33], ""),
    "bomb": (png_that_claims(60_000, 60_000), "3600000000 pixels"),
    "bomb beyond Pillow's limit": (png_that_claims(2**31 - 1, 2**31 - 1), "ixels"),
    "large beyond ours": (png_that_claims(8_000, 7_000), "8000 x 7000 pixels, more than 50,000,000"),
    "fewer rows than claimed": (png_that_claims(100, 100), ""),
    "no pixels": (png_that_claims(0, 0), ""),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_or_left_out_with_a_warning(tmp_path, kind):
    cats_and_dogs(tmp_path)
    content, words = BAD[kind]
    (tmp_path / "dog" / "bad.png").write_bytes(content)
    with pytest.raises(DataError) as caught:
        image_folder(tmp_path, (8, 6))
    message = str(caught.value)
    assert str(tmp_path / "dog" / "bad.png") in message
    assert words in message
    assert "skip_bad=True" in message
    assert "1 in" in message
    with pytest.warns(UserWarning, match="1 in .* left out") as warned:
        found = image_folder(tmp_path, (8, 6), skip_bad=True)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    assert len(found.train) + len(found.test) == 10


def test_many_bad_files_are_counted(tmp_path):
    cats_and_dogs(tmp_path)
    for i in range(25):
        (tmp_path / "cat" / f"bad{i:02}.png").write_bytes(b"bad")
    with pytest.raises(DataError, match=r"25 in (.|\n)*bad09(.|\n)*and 15 more"):
        image_folder(tmp_path, (8, 6))


def read_or_named(path: Path, size: tuple[int, int]) -> None:
    try:
        got = read_image(path, size, largest=10_000)
    except DataError as error:
        message = str(error)
    else:
        assert (got.shape, got.dtype) == ((3, *size), np.uint8)
        return
    assert str(path) in message


def test_truncated_at_every_length_is_read_or_named(tmp_path):
    path = tmp_path / "a.png"
    for content in (encoded(pixels(3, 3, 3), "PNG"), encoded(pixels(8, 8), "JPEG")):
        for n in range(0, len(content), 3):
            path.write_bytes(content[:n])
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                read_or_named(path, (3, 3))


def test_flipped_bytes_are_read_or_named(tmp_path):
    """Pillow is made for hostile files; here only that nothing but a DataError comes out."""
    rng, path = np.random.default_rng(0), tmp_path / "a.png"
    for content in (encoded(pixels(6, 6, 3), "PNG"), encoded(pixels(8, 8, 3), "JPEG")):
        for _ in range(300):
            damaged = bytearray(content)
            for place in rng.integers(0, len(content), 2):
                damaged[place] ^= int(rng.integers(1, 256))
            path.write_bytes(damaged)
            read_or_named(path, (4, 4))


def test_the_largest_picture_is_ones_own_choice(tmp_path):
    path = save(tmp_path / "a.png", pixels(10, 10))
    read_image(path, largest=100)
    with pytest.raises(DataError, match="10 x 10 pixels, more than 99"):
        read_image(path, largest=99)


def test_links_that_loop_or_lead_nowhere_and_pipes_are_named(tmp_path):
    cats_and_dogs(tmp_path)
    (tmp_path / "cat" / "loop").symlink_to(tmp_path / "cat")
    (tmp_path / "dog" / "up").symlink_to(tmp_path)
    (tmp_path / "dog" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    os.mkfifo(tmp_path / "cat" / "pipe.png")
    with pytest.raises(DataError) as caught:
        image_folder(tmp_path, (8, 6))
    for name in ("cat/loop: a link that leads back", "dog/gone.png: a link that leads nowhere", "pipe.png: no file"):
        assert name in str(caught.value)
    with pytest.warns(UserWarning, match="left out"):
        image_folder(tmp_path, (8, 6), skip_bad=True)


def test_names_are_shown_inert(tmp_path):
    """A line end, an escape that clears the terminal, bytes that are no UTF-8."""
    cats_and_dogs(tmp_path)
    for name in (b"a\nb.png", b"\x1b[2J.png", b"\xff.png"):
        Path(os.fsdecode(os.fsencode(tmp_path / "cat") + b"/" + name)).write_bytes(b"bad")
    with pytest.raises(DataError, match="3 in") as caught:
        image_folder(tmp_path, (8, 6))
    message = str(caught.value)
    for shown in (r"a\nb.png", r"\x1b[2J.png", r"\udcff.png"):
        assert shown in message
    assert all(line.isprintable() and line.isascii() for line in message.splitlines())


def test_a_class_that_is_a_link_to_a_folder_is_a_class(tmp_path):
    cats_and_dogs(tmp_path / "elsewhere")
    for name in ("cat", "dog"):
        (tmp_path / "mine" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "mine" / name).symlink_to(tmp_path / "elsewhere" / name)
    assert len(image_folder(tmp_path / "mine", (8, 6)).train) == 8


# --- folders that are no data set -----------------------------------------------------------------


def layouts(home: Path):
    cats_and_dogs(home / "good")
    cats_and_dogs(home / "split" / "train")
    cats_and_dogs(home / "split" / "test")
    (home / "nothing").mkdir()
    save(home / "one class" / "cat" / "1.png", pixels(4, 4))
    save(home / "pictures only" / "1.png", pixels(4, 4))
    cats_and_dogs(home / "empty class")
    (home / "empty class" / "owl").mkdir()
    cats_and_dogs(home / "one picture")
    save(home / "one picture" / "owl" / "1.png", pixels(4, 4))
    cats_and_dogs(home / "beside")
    save(home / "beside" / "stray.JPG", pixels(4, 4), format="JPEG")
    for part in ("train", "test"):
        cats_and_dogs(home / "other classes" / part)
        cats_and_dogs(home / "empty in test" / part)
    (home / "other classes" / "train" / "cat").rename(home / "other classes" / "train" / "owl")
    for file in (home / "empty in test" / "test" / "dog").iterdir():
        file.unlink()
    (home / "file").write_text("file")
    cats_and_dogs(home / "no test" / "train")
    cats_and_dogs(home / "no test" / "validation")
    for part in ("train", "test", "val", "valid"):
        cats_and_dogs(home / "two validations" / part)


WRONG = {
    "nothing": ["0 subfolders", "cat/ and dog/"],
    "one class": ["1 subfolders"],
    "pictures only": ["0 subfolders"],
    "empty class": ["no picture", "owl"],
    "one picture": ["owl", "one picture"],
    "beside": ["stray.JPG", "beside the classes"],
    "other classes": ["'owl'", "'cat'"],
    "empty in test": ["no picture", "test/dog"],
    "file": ["cannot look into"],
    "no test": ["train/, validation/", "not both train/ and test/"],
    "two validations": ["two validation sets", "val/ and valid/"],
    "missing": ["cannot look into"],
}


@pytest.mark.parametrize("name", WRONG)
def test_a_folder_that_is_no_data_set_is_explained(tmp_path, name):
    layouts(tmp_path)
    with pytest.raises(DataError) as caught:
        image_folder(tmp_path / name, (8, 6))
    for word in WRONG[name]:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"size": 32}, {"size": (0, 8)}, {"size": (8, 8, 3)}, {"test": 0}, {"test": 1.0}, {"largest": 0}]
)
def test_wrong_settings_are_named(tmp_path, settings):
    cats_and_dogs(tmp_path)
    with pytest.raises(DataError, match=re.escape(next(iter(settings)))):
        image_folder(tmp_path, **settings)


def test_without_pillow_the_error_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"image_folder\(\).*pillow.*\.\[images\]"):
        image_folder(tmp_path)
