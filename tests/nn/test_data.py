"""Data: what is read is what was written, and whatever is wrong is one DataError with file and field."""

import gzip
import hashlib
import io
import json
import os
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import data, download, mnist_files
from nn.data import Dataset, Examples, batches, one_hot
from nn.download import KnownFile
from nn.idx import read_idx
from tinygrad_edu import DataError


def packed(content: bytes) -> bytes:
    """gzip, without the time of day: the same bytes in every process."""
    return gzip.compress(content, mtime=0)


REAL_FOLDER = os.environ.get("TINYGRAD_EDU_MNIST")  # before the fixture below hides it


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tests see neither the user's data nor the user's cache nor a proxy."""
    for name in ("TINYGRAD_EDU_MNIST", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(mnist_files, "cache_folder", lambda: tmp_path / "cache")


def uneven(*shape: int) -> np.ndarray:
    """Bytes without a pattern that a transposed or shifted reading would keep."""
    return np.random.default_rng(7).integers(0, 256, shape, dtype=np.uint8)


def idx(values: np.ndarray) -> bytes:
    """The IDX file of an array, written independently of the reader."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.astype(np.uint8).tobytes()


def known(name: str, content: bytes) -> KnownFile:
    return KnownFile(name, len(content), hashlib.sha256(content).hexdigest())


@contextmanager
def bounded_memory(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < limit, f"{peak:,} bytes were taken, at most {limit:,} are allowed"


# --- one_hot, Examples, batches -------------------------------------------------------------------


def test_one_hot_by_hand() -> None:
    y = one_hot([2, 0, 1], classes=3)
    assert y.dtype == np.float32
    assert y.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    assert one_hot(np.array([9], np.uint8), dtype=np.float64).dtype == np.float64
    assert one_hot([]).shape == (0, 10)


@given(st.lists(st.integers(0, 6), max_size=20))
def test_one_hot_rows_sum_to_one_and_point_back(labels: list[int]) -> None:
    y = one_hot(labels, classes=7)
    assert y.argmax(axis=1).tolist() == labels
    assert y.sum() == len(labels) == np.count_nonzero(y)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ([1, 2, 10, 11], ["labels[2] = 10", "0 to 9"]),
        ([1, -1], ["labels[1] = -1", "0 to 9"]),
        (np.array([3, 255], np.uint8), ["labels[1] = 255"]),
        ([0.5, 1.0], ["float64", "0.5", "astype(np.int64)"]),
        ([True, False], ["bool"]),
        (["7"], ["0 to 9"]),
        (3, ["(N,)", "()"]),
        ([[1], [2]], ["(N,)", "(2, 1)"]),
    ],
)
def test_one_hot_names_the_first_bad_label(labels: object, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        one_hot(labels)  # type: ignore[arg-type]
    assert "one_hot" in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def pairs(n: int, n_in: int = 3) -> Examples:
    """Examples in which x[i, 0] = i, so that a row tells who it is."""
    x = np.zeros((n, n_in), np.float32)
    x[:, 0] = np.arange(n)
    labels = np.arange(n) * 7 % 10
    return Examples(x, one_hot(labels), labels)


def test_examples_len_repr_and_parts() -> None:
    examples = Examples(np.ones((5, 6), np.float32), one_hot([1, 2, 3, 4, 5]), np.arange(1, 6), (2, 3))
    assert len(examples) == 5
    assert repr(examples) == "Examples(N=5, x (5, 6) float32, y (5, 10), image_shape=(2, 3))"
    assert "image_shape" not in repr(pairs(2))
    assert examples[1:3].labels.tolist() == [2, 3]
    assert examples[1:3].image_shape == (2, 3)
    assert np.shares_memory(examples[1:3].x, examples.x)
    assert examples[np.array([4, 0, 4])].labels.tolist() == [5, 1, 5]
    assert examples[[4, 0, 4]].y.argmax(axis=1).tolist() == [5, 1, 5]
    assert examples[examples.labels > 3].labels.tolist() == [4, 5]
    assert len(examples[[]]) == len(examples[5:]) == 0
    with pytest.raises(IndexError):
        examples[[5]]


@pytest.mark.parametrize("index", [3, np.int64(3), (1, 2), (slice(2), 0), [[1], [2]]])
def test_examples_teach_how_to_index(index: object) -> None:
    with pytest.raises(DataError, match=r"examples\[3:4\]"):
        pairs(5)[index]  # type: ignore[index]


def test_examples_cannot_be_looped_over_by_accident() -> None:
    with pytest.raises(DataError, match="batches"):
        list(pairs(5))  # type: ignore[call-overload]


GOOD = pairs(4)


def with_entry(values: np.ndarray, where: tuple[int, int], entry: float) -> np.ndarray:
    changed = values.copy()
    changed[where] = entry
    return changed


@pytest.mark.parametrize(
    ("x", "y", "labels", "image_shape", "words"),
    [
        (with_entry(GOOD.x, (2, 1), np.nan), GOOD.y, GOOD.labels, None, ["x[2, 1] is nan"]),
        (with_entry(GOOD.x, (3, 2), np.inf), GOOD.y, GOOD.labels, None, ["x[3, 2] is inf"]),
        (with_entry(GOOD.x, (0, 0), -np.inf), GOOD.y, GOOD.labels, None, ["x[0, 0] is -inf"]),
        (GOOD.x, with_entry(GOOD.y, (1, 4), np.nan), GOOD.labels, None, ["y[1, 4] is nan"]),
        (GOOD.x[:3], GOOD.y, GOOD.labels, None, ["x has 3 rows", "y has 4", "labels has 4"]),
        (GOOD.x, GOOD.y[:2], GOOD.labels, None, ["x has 4 rows", "y has 2"]),
        (GOOD.x, GOOD.y, GOOD.labels[:1], None, ["labels has 1"]),
        (GOOD.x[0], GOOD.y, GOOD.labels, None, ["x is", "(N, n)", "(3,)"]),
        (GOOD.x[:, :0], GOOD.y, GOOD.labels, None, ["x is", "(4, 0)"]),
        (GOOD.x.tolist(), GOOD.y, GOOD.labels, None, ["x is", "a list"]),
        (GOOD.x, GOOD.labels, GOOD.labels, None, ["y is", "(4,)"]),
        (GOOD.x.astype(np.uint8), GOOD.y, GOOD.labels, None, ["uint8", "x.astype(np.float32)"]),
        (GOOD.x, GOOD.y, GOOD.y, None, ["labels is", "(4, 10)"]),
        (GOOD.x, GOOD.y, GOOD.labels.astype(float), None, ["float64", "astype(np.int64)"]),
        (GOOD.x, GOOD.y[:, :7], GOOD.labels, None, ["labels[1] = 7", "0 to 6"]),
        (GOOD.x, GOOD.y, GOOD.labels[::-1], None, ["labels[0] = 1", "number 0", "one_hot"]),
        (GOOD.x, GOOD.y, GOOD.labels, (2, 2), ["(2, 2)", "4 pixels", "3 numbers"]),
    ],
)
def test_examples_name_what_is_wrong(
    x: np.ndarray, y: np.ndarray, labels: np.ndarray, image_shape: tuple[int, ...] | None, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        Examples(x, y, labels, image_shape)
    for word in words:
        assert word in str(caught.value)


def test_examples_take_huge_finite_numbers_and_float64() -> None:
    x = np.full((3, 2), np.finfo(np.float32).max)
    examples = Examples(x, one_hot([1, 2, 3]), np.arange(1, 4))
    assert examples.x is x


def test_examples_as_rows_of_numbers_and_as_pictures() -> None:
    x = np.arange(48, dtype=np.float32).reshape(4, 12)
    colour = Examples(x, one_hot([0, 1, 2, 3]), np.arange(4), (3, 2, 2))
    grey = Examples(x, one_hot([0, 1, 2, 3]), np.arange(4), (3, 4))
    assert colour.images().x.shape == (4, 3, 2, 2)
    assert grey.images().x.shape == (4, 1, 3, 4)
    for examples in (colour, grey):
        there = examples.images()
        assert np.shares_memory(there.x, x)
        assert there[[2, 0]].x.shape == (2, *there.x.shape[1:])
        assert np.array_equal(there.images().flat().x, x)
        assert np.array_equal(there.flat().flat().x, x)
    assert len(colour[:0].images().flat()) == 0
    whole = Dataset("d", colour, None, colour[:2], ("a", "b", "c", "d"))
    assert whole.images().test.x.shape == (2, 3, 2, 2)
    assert whole.images().flat().classes == whole.classes
    assert whole.images().validation is None
    parts = Dataset("d", grey, grey[:1], grey[:2])
    assert parts.images().validation.x.shape == (1, 1, 3, 4)  # type: ignore[union-attr]
    with pytest.raises(DataError, match="no pictures"):
        pairs(3).images()
    bad = colour.images().x.copy()
    bad[1, 2, 0, 1] = np.nan
    with pytest.raises(DataError, match=r"x\[1, 2, 0, 1\] is nan"):
        Examples(bad, colour.y, colour.labels)


@given(n=st.integers(0, 40), size=st.integers(1, 50), seed=st.none() | st.integers(0, 2**32))
def test_batches_give_each_example_once_and_keep_the_rest(n: int, size: int, seed: int | None) -> None:
    examples = pairs(n)
    rngs = [None if seed is None else np.random.default_rng(seed) for _ in range(2)]
    epoch, again = (list(batches(examples, size, rng)) for rng in rngs)
    assert [len(x) for x, _ in epoch] == [size] * (n // size) + [n % size] * (n % size > 0)
    order = [int(i) for x, _ in epoch for i in x[:, 0]]
    assert sorted(order) == list(range(n))
    assert seed is not None or order == list(range(n))
    for (x, y), (x2, y2) in zip(epoch, again, strict=True):  # the same seed, the same order
        assert x.dtype == y.dtype == np.float32
        assert y.argmax(axis=1).tolist() == [int(i) * 7 % 10 for i in x[:, 0]]  # x and y stay together
        assert x.tobytes() == x2.tobytes()
        assert y.tobytes() == y2.tobytes()


def test_batches_differ_from_epoch_to_epoch_and_from_seed_to_seed() -> None:
    rng, other = np.random.default_rng(0), np.random.default_rng(1)
    epochs = [list(batches(pairs(50), 8, r)) for r in (rng, rng, other)]
    orders = [[int(i) for x, _ in epoch for i in x[:, 0]] for epoch in epochs]
    assert orders[0] != orders[1] != orders[2] != orders[0]


@pytest.mark.parametrize("size", [0, -1, 2.0, "10", None, True])
def test_batches_refuse_a_size_at_once(size: object) -> None:
    with pytest.raises(DataError, match="at least 1"):
        batches(pairs(5), size)  # type: ignore[arg-type]


def test_batches_refuse_a_seed_in_place_of_a_generator() -> None:
    with pytest.raises(DataError, match=r"default_rng\(seed\)"):
        batches(pairs(5), 2, 0)  # type: ignore[arg-type]


# --- digits ---------------------------------------------------------------------------------------


def test_digits_are_scikit_learns_split_once_for_ever() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    digits = data.digits()
    assert isinstance(digits, Dataset)
    assert (digits.name, digits.validation) == ("digits", None)
    assert (len(digits.train), len(digits.test)) == (1437, 360)
    assert digits.train.image_shape == (8, 8)
    assert digits.train.x.dtype == digits.train.y.dtype == np.float32
    assert digits.train.labels.dtype == np.int64
    assert (digits.train.x.min(), digits.train.x.max()) == (0, 1)
    x, labels = datasets.load_digits(return_X_y=True)
    wanted = np.column_stack([x, labels])
    parts = (digits.train, digits.test)
    found = np.concatenate([np.column_stack([part.x * 16, part.labels]) for part in parts])
    assert np.array_equal(found[np.lexsort(found.T)], wanted[np.lexsort(wanted.T)])
    assert digits.train.labels[:10].tolist() == [0, 4, 2, 3, 5, 1, 9, 3, 6, 8]
    assert np.bincount(digits.test.labels, minlength=10).min() >= 20  # every digit is asked for


def test_digits_without_scikit_learn_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"nn.data.digits\(\).*scikit-learn.*\.\[data\]"):
        data.digits()


# --- nn.idx: read_idx -----------------------------------------------------------------------------

IMAGES = uneven(2, 3, 4)
LABELS = np.array([5, 0, 4, 1, 9], np.uint8)


@pytest.mark.parametrize("values", [LABELS, IMAGES, uneven(20, 28, 28), uneven(1)])
@pytest.mark.parametrize("pack", [bytes, packed])
@pytest.mark.parametrize("name", ["file", "file.gz"])  # the content decides, not the name
def test_read_idx_returns_what_was_written(
    tmp_path: Path, values: np.ndarray, pack: Callable[[bytes], bytes], name: str
) -> None:
    (tmp_path / name).write_bytes(pack(idx(values)))
    for expected in (None, values.shape, (None,) * values.ndim):
        read = read_idx(tmp_path / name, expected_shape=expected)
        assert read.dtype == np.uint8
        assert read.shape == values.shape
        assert read.tobytes() == values.tobytes()
    assert read_idx(str(tmp_path / name)).tobytes() == values.tobytes()


def refused(tmp_path: Path, content: bytes, expected_shape: tuple[int | None, ...] | None = None) -> str:
    """The message of the DataError for a file with this content; it takes hardly any memory to get it."""
    path = tmp_path / "some-file"
    path.write_bytes(content)
    with bounded_memory(1_000_000), pytest.raises(DataError) as caught:
        read_idx(path, expected_shape=expected_shape)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("values", [LABELS, IMAGES])
@pytest.mark.parametrize("pack", [bytes, packed])
def test_G2_G3_truncated_at_every_length(tmp_path: Path, values: np.ndarray, pack: Callable[[bytes], bytes]) -> None:
    whole = pack(idx(values))
    for length in range(len(whole)):
        refused(tmp_path, whole[:length])


@pytest.mark.parametrize("pack", [bytes, packed])
def test_G1_a_lying_count_is_refused_before_memory_is_taken(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    lie = struct.pack(">4B3I", 0, 0, 8, 3, 0xFFFFFFFF, 28, 28) + bytes(4096)
    assert "data" in refused(tmp_path, pack(lie))
    assert "count: 4294967295, needed 60000" in refused(tmp_path, pack(lie), (60_000, 28, 28))
    overflow = struct.pack(">4B3I", 0, 0, 8, 3, 1 << 31, 1 << 31, 4)  # the product is 0 in 64 bits
    assert "data" in refused(tmp_path, pack(overflow))
    modest = struct.pack(">4B3I", 0, 0, 8, 3, 1_000_000, 28, 28) + bytes(4096)  # below `largest`, but not there
    assert "on disk" in refused(tmp_path, pack(modest))


@pytest.mark.parametrize("pack", [bytes, packed])
@pytest.mark.parametrize(
    ("content", "expected_shape", "field"),
    [
        (b"", None, "magic"),
        (b"\0\0\x08\x03\0\0\0\2\0\7", None, "rows: the file ends inside its header"),
        (idx(LABELS), (None, 28, 28), "magic: 1 axes, needed 3"),
        (idx(IMAGES), (None,), "magic: 3 axes, needed 1"),
        (b"\0\0\x08\0" + bytes(9), None, "magic: 0 axes"),
        (b"\0\0\x08\x02" + bytes(9), None, "magic: 2 axes"),
        (b"\0\0\x08\x04" + bytes(30), None, "magic: 4 axes"),
        (b"\0\0\x08\xff" + bytes(2000), None, "magic: 255 axes"),
        (b"\0\0\x08\x02" + bytes(9), (None, None), "magic: 2 axes"),
        (b"\0\0\x0c\x01" + idx(LABELS)[4:], None, "magic: type 0x0C"),
        (b"\0\0\x07\x01" + idx(LABELS)[4:], None, "magic: type 0x07"),
        (b"\x08\x01\0\0" + idx(LABELS)[4:], None, "magic"),
        (bytes(100), None, "magic: type 0x00"),
        (b"<!DOCTYPE html><html>", None, "web page"),
        (b"\n <html>", None, "web page"),
        (idx(LABELS) + b"\0", None, "data"),
        (idx(LABELS)[:-1], None, "data"),
        (idx(IMAGES) + b"junk", None, "data"),
        (idx(uneven(2, 27, 28)), (None, 28, 28), "rows: 27, needed 28"),
        (idx(uneven(2, 28, 29)), (None, 28, 28), "columns: 29, needed 28"),
        (idx(uneven(2, 28, 28)), (3, 28, 28), "count: 2, needed 3"),
        (idx(uneven(2, 28, 28))[:7] + b"\3" + idx(uneven(2, 28, 28))[8:], None, "data"),
        (idx(uneven(0)), None, "count: 0"),
        (idx(uneven(3, 0, 28)), None, "rows: 0"),
    ],
)
def test_G2_each_fault_names_file_and_field(
    tmp_path: Path,
    content: bytes,
    expected_shape: tuple[int | None, ...] | None,
    field: str,
    pack: Callable[[bytes], bytes],
) -> None:
    assert field in refused(tmp_path, pack(content), expected_shape)


def flipped(content: bytes, at: int, bit: int = 0) -> bytes:
    return content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]


@pytest.mark.parametrize(
    "content",
    [
        flipped(packed(idx(LABELS)), -8 + len(packed(idx(LABELS)))),  # the checksum
        flipped(packed(idx(LABELS)), -4 + len(packed(idx(LABELS)))),  # the length
        packed(idx(LABELS)) * 2,  # two members: the reader sees 26 bytes for 13
        packed(idx(LABELS)) + b"junk",
        packed(idx(LABELS))[:10] + b"\xff" * 20,  # no deflate data
        packed(b""),
        packed(packed(idx(LABELS))),
    ],
)
def test_G3_gzip_faults(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path, content)


def read_or_message(path: Path) -> np.ndarray | str:
    try:
        return read_idx(path)
    except DataError as error:
        return str(error)


def test_G3_every_bit_flip_of_a_gzip_file_is_harmless_or_refused(tmp_path: Path) -> None:
    path, content, harmless = tmp_path / "labels.gz", packed(idx(LABELS)), 0
    for at in range(len(content)):
        for bit in range(8):
            path.write_bytes(flipped(content, at, bit))
            found = read_or_message(path)
            if isinstance(found, str):
                assert str(path) in found
            else:
                assert found.tolist() == LABELS.tolist()
                harmless += 1
    assert harmless <= 8 * 10  # at most the time, the system and the flags in gzip's header


@given(st.data())
def test_read_idx_survives_any_bytes(tmp_path_factory: pytest.TempPathFactory, draw: st.DataObject) -> None:
    content = bytearray(draw.draw(st.sampled_from([idx(LABELS), idx(IMAGES), packed(idx(IMAGES))])))
    for _ in range(draw.draw(st.integers(1, 4))):
        start = draw.draw(st.integers(0, len(content)))
        content[start : start + draw.draw(st.integers(0, 4))] = draw.draw(st.binary(max_size=6))
    path = tmp_path_factory.getbasetemp() / "any-bytes"
    path.write_bytes(content)
    found = read_or_message(path)
    if isinstance(found, str):
        assert str(path) in found
    else:
        unpacked = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else bytes(content)
        assert idx(found) == unpacked  # what was accepted is the whole file, nothing more


def zeros_gz(header: bytes, count: int) -> bytes:
    """Gzip of a header and then about 10 MB of zeros `count` times: members in a row read as one file."""
    return packed(header) + packed(bytes(10_000_000)) * count


@pytest.mark.parametrize(
    "header",
    [
        b"",
        struct.pack(">4B3I", 0, 0, 8, 3, 20, 28, 28),  # honest about 20 images, then 10 GB
        struct.pack(">4B3I", 0, 0, 8, 3, 10_000_000_000 // 784, 28, 28),  # honest about 10 GB
    ],
)
def test_G4_a_bomb_is_not_expanded(tmp_path: Path, header: bytes) -> None:
    bomb = zeros_gz(header, 1000)  # 10 MB that expand to 10 GB
    start = time.process_time()  # whatever else the machine does at the time
    refused(tmp_path, bomb)
    assert time.process_time() - start < 3


def test_G4_largest_is_the_callers_choice(tmp_path: Path) -> None:
    path = tmp_path / "zeros.gz"
    path.write_bytes(packed(idx(np.zeros((100, 28, 28), np.uint8))))
    with pytest.raises(DataError, match="at most 78,415"):
        read_idx(path, largest=78_415)
    assert read_idx(path, largest=78_416).shape == (100, 28, 28)


def test_read_idx_without_a_file(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataError, match=path.name):
            read_idx(path)


# --- mnist() from a folder ------------------------------------------------------------------------


class Toy:
    """A small MNIST: 30 training and 12 test images, known to mnist() in place of the real one."""

    def __init__(self) -> None:
        self.images, self.labels = uneven(42, 28, 28), np.arange(42) * 7 % 10
        parts = [self.images[:30], self.labels[:30], self.images[30:], self.labels[30:]]
        names = [file.name for file in mnist_files.MNIST_FILES]
        self.content = {name: idx(part) for name, part in zip(names, parts, strict=True)}
        self.files = tuple(known(name, content) for name, content in self.content.items())

    def put(self, folder: Path, *, ending: str = "", rename: Callable[[str], str] = str) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.content.items():
            (folder / (rename(name) + ending)).write_bytes(packed(content) if ending else content)
        return folder

    def check(self, mnist: Dataset, validation: int = 10) -> None:
        cut, parts = 30 - validation, [mnist.train, mnist.validation, mnist.test]
        for part, rows in zip(parts, (slice(cut), slice(cut, 30), slice(30, 42)), strict=True):
            assert part is not None
            assert part.x.dtype == part.y.dtype == np.float32
            wanted = (self.images[rows].reshape(-1, 784) / 255).astype(np.float32)
            assert np.array_equal(part.x, wanted)
            assert np.array_equal(part.labels, self.labels[rows])
            assert np.array_equal(part.y, one_hot(self.labels[rows]))
            assert part.image_shape == (28, 28)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Toy:
    toy = Toy()
    monkeypatch.setattr(mnist_files, "MNIST_FILES", toy.files)
    return toy


@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("rename", [str, lambda name: name.replace("-idx", ".idx")])
def test_mnist_from_a_folder(tmp_path: Path, toy: Toy, ending: str, rename: Callable[[str], str]) -> None:
    folder = toy.put(tmp_path / "my data", ending=ending, rename=rename)
    toy.check(data.mnist(folder, validation=10, mirrors=["http://256.0.0.1/"]))
    toy.check(data.mnist(str(folder), validation=10, download=False))


def test_mnist_from_the_environment(tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINYGRAD_EDU_MNIST", str(toy.put(tmp_path / "env")))
    toy.check(data.mnist(validation=10, download=False))


def test_mnist_from_the_cache_works_offline(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    toy.put(mnist_files.cache_folder() / "mnist", ending=".gz")
    monkeypatch.setattr(socket, "socket", None)
    toy.check(data.mnist(validation=10))


def test_mnist_validation_is_a_choice(tmp_path: Path, toy: Toy) -> None:
    folder = toy.put(tmp_path)
    assert data.mnist(folder, validation=0).validation is None
    assert len(data.mnist(folder, validation=29).train) == 1
    for bad in (-1, 30, 10_000, 0.5, True):
        with pytest.raises(DataError, match="from 0 to 29"):
            data.mnist(folder, validation=bad)  # type: ignore[arg-type]


def test_mnist_takes_other_data_of_the_same_format(tmp_path: Path, toy: Toy) -> None:
    folder = toy.put(tmp_path)
    (folder / toy.files[2].name).write_bytes(idx(uneven(5, 28, 28)))
    (folder / toy.files[3].name).write_bytes(idx(LABELS))
    assert data.mnist(folder, validation=10).test.labels.tolist() == LABELS.tolist()


def test_fashion_mnist_is_read_from_a_folder_and_has_names(
    tmp_path: Path, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DataError, match=r"The folder .* does not hold all files"):
        data.fashion_mnist(download=False)
    folder = toy.put(tmp_path / "clothes", ending=".gz")
    with pytest.raises(DataError, match="holds MNIST, the digits"):  # by mistake
        data.fashion_mnist(folder)
    (folder / f"{toy.files[1].name}.gz").write_bytes(packed(idx((np.arange(30) + 3) % 10)))
    for where in (folder, None):
        found = data.fashion_mnist(where, validation=10)
        assert found.name == "Fashion-MNIST"
        assert found.classes[0] == "T-shirt"
        assert len(found.classes) == len(set(found.classes)) == 10
        assert found.train.labels.tolist() == [(i + 3) % 10 for i in range(20)]
        assert np.array_equal(found.test.labels, toy.labels[30:])
        monkeypatch.setenv("TINYGRAD_EDU_FASHION_MNIST", str(folder))
    (folder / f"{toy.files[2].name}.gz").unlink()
    with pytest.raises(DataError) as caught:
        data.fashion_mnist(folder, download=False)
    for words in (toy.files[2].name, "not found", "By hand", f"nn.data.fashion_mnist({str(folder)!r})"):
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("number", "values", "words"),
    [
        (1, np.arange(30) // 2, ["train-labels", "labels[20] = 10", "0 to 9"]),
        (1, np.arange(29) % 10, ["train-images", "count: 30 images", "29 labels"]),
        (3, uneven(12, 28, 28), ["t10k-labels", "magic"]),
        (2, uneven(12, 27, 28), ["t10k-images", "rows: 27, needed 28"]),
        (0, LABELS, ["train-images", "magic"]),
    ],
)
def test_G2_mnist_files_that_do_not_fit(
    tmp_path: Path, toy: Toy, number: int, values: np.ndarray, words: list[str]
) -> None:
    folder = toy.put(tmp_path)
    (folder / toy.files[number].name).write_bytes(idx(values))
    with pytest.raises(DataError) as caught:
        data.mnist(folder, validation=10)
    for word in words:
        assert word in str(caught.value)


def test_mnist_says_what_to_do_by_hand(tmp_path: Path, toy: Toy) -> None:
    folder = tmp_path / "my data"
    with pytest.raises(DataError) as caught:
        data.mnist(folder, download=False)
    message = str(caught.value)
    assert f"into the folder {folder}\n" in message
    assert f"nn.data.mnist({str(folder)!r})" in message
    assert f"tinygrad-edu train --data mnist --data-dir '{folder}'" in message
    for file in toy.files:
        assert f"{file.name}.gz\n" in message
    assert not folder.exists()


def test_the_cache_folder_does_not_need_platformdirs(monkeypatch: pytest.MonkeyPatch) -> None:
    platformdirs = pytest.importorskip("platformdirs")
    assert download.cache_folder() == Path(platformdirs.user_cache_dir("tinygrad_edu"))
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    assert download.cache_folder() == Path.home() / ".cache" / "tinygrad_edu"


# --- downloads from a server on this machine ------------------------------------------------------


class Mirror(ThreadingHTTPServer):
    """A mirror that answers a path with the function in `routes`, and remembers what it was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.routes: dict[str, Callable[[BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        self.over = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            server: Mirror

            def do_GET(self) -> None:
                self.server.asked.append(self.path)
                self.server.routes.get(self.path, status(404))(self)

            def log_message(self, *words: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that hangs up early is what these tests are about


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


Answer = Callable[[BaseHTTPRequestHandler], None]


def answer(body: bytes, code: int = 200, **headers: str) -> Answer:
    def respond(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content_Length": str(len(body)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return respond


def status(code: int) -> Answer:
    return answer(b"sorry", code, Retry_After="3600")


def redirect(target: str) -> Answer:
    return answer(b"", 302, Location=target)


def hang(handler: BaseHTTPRequestHandler) -> None:
    handler.server.over.wait(20)  # type: ignore[attr-defined]


def stall(handler: BaseHTTPRequestHandler) -> None:
    answer(BODY[:100], Content_Length=str(len(BODY)))(handler)
    hang(handler)


def drip(handler: BaseHTTPRequestHandler) -> None:
    answer(b"", Content_Length=str(len(BODY)))(handler)
    for i in range(len(BODY)):
        handler.wfile.write(BODY[i : i + 1])
        if handler.server.over.wait(0.05):  # type: ignore[attr-defined]
            return


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.over.is_set():  # type: ignore[attr-defined]
        handler.wfile.write(bytes(65536))


CONTENT = idx(uneven(100, 28, 28))
FILE = known("train-images-idx3-ubyte", CONTENT)
BODY = packed(CONTENT)


def fetched(mirrors: list[str]) -> bytes:
    return download.download(FILE, mirrors, patience=0.3)


FAULTS = {
    "wrong bytes": (answer(packed(CONTENT[::-1])), "SHA-256"),
    "one bit": (answer(packed(flipped(CONTENT, 5000))), "SHA-256"),
    "longer": (answer(packed(CONTENT + b"\0")), "more than 78,416 bytes"),
    "shorter": (answer(packed(CONTENT[:-1])), "78,415 bytes"),
    "empty": (answer(b""), "0 bytes"),
    "html": (answer(b"<!DOCTYPE html><title>Log in</title>"), "<!DOCTYPE html>"),
    "truncated gzip": (answer(BODY[:-9]), "EOFError"),
    "bad checksum": (answer(flipped(BODY, len(BODY) - 8)), "BadGzipFile"),
    "bit flip": (answer(BODY[:12] + b"\xff\xff\xff" + BODY[15:]), "damaged gzip"),
    "junk tail": (answer(BODY + b"junk"), "BadGzipFile"),
    "two members": (answer(BODY + packed(b"more")), "more than 78,416 bytes"),
    "bomb": (answer(packed(bytes(50_000_000))), "more than 78,416 bytes"),
    "endless": (endless, "more than 79,518 bytes"),
    "cut": (answer(BODY[:-20], Content_Length=str(len(BODY))), ""),
    "403": (status(403), "HTTP status 403"),
    "404": (status(404), "HTTP status 404"),
    "503": (status(503), "HTTP status 503"),
    "hang": (hang, "timed out"),
    "stall": (stall, "timed out"),
    "drip": (drip, "too slow"),
    "redirect to http": (redirect("http://example.invalid/file"), "only https"),
    "redirect to file": (redirect("file:///etc/passwd"), "only https"),
    "redirect to nonsense": (redirect("http://["), ""),
    "redirect in a circle": (redirect(f"/1/{FILE.name}.gz"), "redirects"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_G3_G4_G6_a_bad_mirror_is_given_up_for_the_next(mirror: Mirror, fault: str) -> None:
    pytest.importorskip("urllib3")
    bad, words = FAULTS[fault]
    mirror.routes = {f"/1/{FILE.name}.gz": bad, f"/2/{FILE.name}.gz": answer(BODY)}
    start = time.perf_counter()
    with bounded_memory(2_000_000):
        assert fetched([mirror.url + "1", mirror.url + "2/"]) == CONTENT
    asked = {"503": 3, "redirect in a circle": 6}.get(fault, 1)  # who is silent or wrong is not asked again
    assert mirror.asked == [f"/1/{FILE.name}.gz"] * asked + [f"/2/{FILE.name}.gz"]
    with pytest.raises(DataError) as caught:
        fetched([mirror.url + "1"])
    assert f"{mirror.url}1/{FILE.name}.gz: " in str(caught.value)
    assert words in str(caught.value)
    assert time.perf_counter() - start < 4  # a Retry-After of an hour is not obeyed


def test_a_good_mirror_may_redirect_or_send_the_file_unpacked(mirror: Mirror) -> None:
    pytest.importorskip("urllib3")
    mirror.routes = {
        f"/1/{FILE.name}.gz": redirect("/elsewhere"),
        "/elsewhere": redirect(mirror.url + "at/last"),
        "/at/last": answer(BODY, Content_Encoding="gzip", Content_Type="application/x-gzip"),
        f"/2/{FILE.name}.gz": answer(CONTENT),
    }
    assert fetched([mirror.url + "1"]) == fetched([mirror.url + "2"]) == CONTENT


def test_a_busy_mirror_is_asked_again(mirror: Mirror) -> None:
    pytest.importorskip("urllib3")
    answers = [status(503), status(503), answer(BODY)]
    mirror.routes = {f"/{FILE.name}.gz": lambda handler: answers.pop(0)(handler)}
    assert fetched([mirror.url]) == CONTENT
    assert answers == []


def test_a_connection_is_tried_again(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = pytest.importorskip("urllib3.util.connection")
    connect, faults = connection.create_connection, [OSError("no route"), OSError("no route")]

    def sometimes(*words: object, **more: object) -> socket.socket:
        if faults:
            raise faults.pop()
        return connect(*words, **more)

    monkeypatch.setattr(connection, "create_connection", sometimes)
    mirror.routes = {f"/{FILE.name}.gz": answer(BODY)}
    assert fetched([mirror.url]) == CONTENT
    assert faults == []


def closed_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/"


def test_no_network_lists_every_mirror_and_the_way_by_hand(toy: Toy, tmp_path: Path) -> None:
    pytest.importorskip("urllib3")
    mirrors = [closed_port(), "http://mirror.invalid/", "ftp://127.0.0.1/"]
    with pytest.raises(DataError) as caught:
        data.mnist(tmp_path / "new", mirrors=mirrors)
    message = str(caught.value)
    for words in (*mirrors, "refused", "only https", str(tmp_path / "new"), "--data-dir", "nn.data.mnist("):
        assert words in message
    for file in toy.files:
        assert f"{file.name}.gz" in message
    with pytest.raises(DataError, match="the list is empty"):
        fetched([])


@pytest.mark.parametrize(
    ("url", "location", "target"),
    [
        ("https://a.org/b/c.gz", "d.gz", "https://a.org/b/d.gz"),
        ("https://a.org/b/c.gz", "//e.org/c.gz", "https://e.org/c.gz"),
        ("https://a.org/b/c.gz", "http://a.org/b/c.gz", None),
        ("https://a.org/b/c.gz", "http://127.0.0.1/c.gz", None),
        ("https://a.org/b/c.gz", "HTTP://a.org/", None),
        ("http://127.0.0.1/c.gz", "http://127.0.0.1.evil.org/c.gz", None),
        ("http://127.0.0.1/c.gz", "http://127.0.0.1@evil.org/c.gz", None),
        ("http://127.0.0.1/c.gz", "https://a.org/c.gz", "https://a.org/c.gz"),
    ],
)
def test_G6_redirects_are_never_a_downgrade(url: str, location: str, target: str | None) -> None:
    if target is None:
        with pytest.raises(DataError, match="https"):
            download.next_address(url, location)
    else:
        assert download.next_address(url, location) == target


def test_the_real_mirrors_are_two_and_https() -> None:
    assert len(mnist_files.MIRRORS) >= 2
    assert all(url.startswith("https://") for url in mnist_files.MIRRORS + mnist_files.FASHION_MIRRORS)


def test_fashion_mnist_has_the_names_and_sizes_of_mnist_and_hashes_of_its_own() -> None:
    pairs = list(zip(mnist_files.MNIST_FILES, mnist_files.FASHION_FILES, strict=True))
    assert all((a.name, a.size) == (b.name, b.size) for a, b in pairs)
    assert len({file.sha256 for pair in pairs for file in pair}) == 8
    assert all(len(bytes.fromhex(file.sha256)) == 32 for file in mnist_files.FASHION_FILES)


def test_the_systems_proxy_is_used_but_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    urllib3 = pytest.importorskip("urllib3")
    monkeypatch.setenv("https_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("http_proxy", "http://proxy.invalid:3128")
    monkeypatch.setenv("no_proxy", "inside.invalid")
    kinds = {
        url: isinstance(download.connections(url, 1.0, 0), urllib3.ProxyManager)
        for url in ("https://a.org/", "https://inside.invalid/", "http://127.0.0.1:80/")
    }
    assert list(kinds.values()) == [True, False, False]


def test_without_urllib3_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "urllib3.exceptions", None)
    with pytest.raises(ImportError, match=r"urllib3.*\.\[data\]"):
        fetched(["http://127.0.0.1/"])


# --- downloads into a folder ----------------------------------------------------------------------


@pytest.fixture
def toy_mirror(toy: Toy, mirror: Mirror) -> Mirror:
    pytest.importorskip("urllib3")
    for name, content in toy.content.items():
        mirror.routes[f"/{name}.gz"] = answer(packed(content))
    return mirror


def test_mnist_downloads_once_and_then_works_offline(toy: Toy, toy_mirror: Mirror) -> None:
    home = mnist_files.cache_folder() / "mnist"
    for _ in range(2):
        toy.check(data.mnist(validation=10, mirrors=[toy_mirror.url]))
        assert {path.name: path.read_bytes() for path in home.iterdir()} == toy.content
        assert toy_mirror.asked == [f"/{file.name}.gz" for file in sorted(toy.files, key=lambda file: file.size)]
    toy.check(data.mnist(validation=10, download=False))
    if os.name == "posix":
        umask = os.umask(0)
        os.umask(umask)
        assert (home / toy.files[0].name).stat().st_mode & 0o777 == 0o666 & ~umask  # a class can share it


@pytest.fixture
def clothes(toy: Toy, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """A small Fashion-MNIST, of which only the hash of each .gz is known, and a mirror that has it."""
    pytest.importorskip("urllib3")
    names = [file.name for file in toy.files]
    parts = [255 - toy.images[:30], toy.labels[:30], 255 - toy.images[30:], toy.labels[30:]]
    content = {name: idx(part) for name, part in zip(names, parts, strict=True)}
    content[names[1]] = idx((np.arange(30) + 3) % 10)
    bodies = {f"{name}.gz": packed(text) for name, text in content.items()}
    files = tuple(
        KnownFile(name, len(content[name]), hashlib.sha256(bodies[f"{name}.gz"]).hexdigest(), packed=True)
        for name in names
    )
    monkeypatch.setattr(mnist_files, "FASHION_FILES", files)
    mirror.routes |= {f"/{name}": answer(body) for name, body in bodies.items()}
    return bodies


def test_fashion_mnist_is_downloaded_verified_and_kept_packed(clothes: dict[str, bytes], mirror: Mirror) -> None:
    home = mnist_files.cache_folder() / "fashion-mnist"
    for _ in range(2):
        found = data.fashion_mnist(validation=10, mirrors=[mirror.url])
        assert {path.name: path.read_bytes() for path in home.iterdir()} == clothes
        assert sorted(mirror.asked) == sorted(f"/{name}" for name in clothes)
        assert found.train.labels.tolist() == [(i + 3) % 10 for i in range(20)]
    name = mnist_files.FASHION_FILES[0].kept_name
    (home / name).write_bytes(flipped(clothes[name], 500))
    with pytest.raises(DataError, match=r"wrong bytes: SHA-256 .* for train-images-idx3-ubyte.gz"):
        data.fashion_mnist(validation=10, download=False)
    data.fashion_mnist(validation=10, mirrors=[mirror.url])
    assert (home / name).read_bytes() == clothes[name]


def test_other_clothes_from_a_mirror_are_refused(clothes: dict[str, bytes], mirror: Mirror) -> None:
    name = mnist_files.FASHION_FILES[3].kept_name
    mirror.routes[f"/{name}"] = answer(packed(idx(np.arange(12) % 10)))  # well-formed, and not those of the table
    with pytest.raises(DataError, match="SHA-256"):
        data.fashion_mnist(validation=10, mirrors=[mirror.url])
    mirror.routes[f"/{name}"] = answer(clothes[name])
    name = mnist_files.FASHION_FILES[0].kept_name
    mirror.routes[f"/{name}"] = answer(packed(bytes(10_000_000)))  # a bomb; its hash is looked at before it is unpacked
    with pytest.raises(DataError, match="SHA-256"), bounded_memory(4_000_000):
        data.fashion_mnist(validation=10, mirrors=[mirror.url])


def test_a_damaged_cache_is_fetched_again(toy: Toy, toy_mirror: Mirror) -> None:
    home = toy.put(mnist_files.cache_folder() / "mnist")
    (home / toy.files[0].name).write_bytes(flipped(toy.content[toy.files[0].name], 5000))
    with pytest.raises(DataError, match="train-images-idx3-ubyte: wrong bytes: SHA-256"):
        data.mnist(validation=10, download=False)
    toy.check(data.mnist(validation=10, mirrors=[toy_mirror.url]))
    assert toy_mirror.asked == [f"/{toy.files[0].name}.gz"]
    toy.check(data.mnist(validation=10, download=False))


def test_a_good_copy_beside_a_damaged_one_is_found(toy: Toy) -> None:
    home = toy.put(mnist_files.cache_folder() / "mnist", ending=".gz")
    (home / toy.files[1].name).write_bytes(b"damaged")
    toy.check(data.mnist(validation=10, download=False))


def test_a_folder_of_ones_own_is_completed_but_never_mixed(tmp_path: Path, toy: Toy, toy_mirror: Mirror) -> None:
    folder = toy.put(tmp_path / "part", ending=".gz")
    (folder / f"{toy.files[2].name}.gz").unlink()
    toy.check(data.mnist(folder, validation=10, mirrors=[toy_mirror.url]))
    assert toy_mirror.asked == [f"/{toy.files[2].name}.gz"]
    (folder / toy.files[2].name).unlink()
    (folder / f"{toy.files[3].name}.gz").write_bytes(packed(idx(LABELS)))
    before = sorted(path.name for path in folder.iterdir())
    with pytest.raises(DataError, match="mix two data sets"):
        data.mnist(folder, validation=10, mirrors=[toy_mirror.url])
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, toy: Toy, toy_mirror: Mirror) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"Cannot write .* into the folder .*below.*may write to"):
        data.mnist(tmp_path / "file" / "below", mirrors=[toy_mirror.url])
    assert len(toy_mirror.asked) == 1  # found out with the smallest file


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_full_or_read_only_disk_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    class FullDisk(io.BytesIO):
        def write(self, *words: object) -> int:
            raise OSError(28, "No space left on device")

    def fail(*words: object, **more: object) -> None:
        raise OSError(30, "Read-only file system")

    target, name = {"open": (Path, "open"), "write": (Path, "open")}.get(call, (os, call))
    monkeypatch.setattr(target, name, (lambda *words: FullDisk()) if call == "write" else fail)
    reason = "No space left on device" if call == "write" else "Read-only file system"
    with pytest.raises(DataError, match=reason):
        download.keep(b"new", path)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_bytes() == b"old"


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.keep(b"new", tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_another_process_may_have_been_faster(toy: Toy, toy_mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows refuses to replace a file that another process reads; then it is there already."""

    def refuse(source: Path, target: Path) -> None:
        Path(target).write_bytes(toy.content[Path(target).name])
        raise PermissionError(13, "Access is denied")

    monkeypatch.setattr(os, "replace", refuse)
    toy.check(data.mnist(validation=10, mirrors=[toy_mirror.url]))


@pytest.mark.skipif(os.name != "posix", reason="Windows cannot fsync a folder")
def test_G5_bytes_reach_the_disk_before_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace

    def recorded_fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        calls.append("fsync folder" if stat.S_ISDIR(status.st_mode) else f"fsync {status.st_size} bytes")
        fsync(descriptor)

    def recorded_replace(source: Path, target: Path) -> None:
        calls.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "replace", recorded_replace)
    download.keep(b"new", tmp_path / "file")
    assert calls == ["fsync 3 bytes", "replace", "fsync folder"]


CHILD = """
import json, os, sys
from nn import data, mnist_files
from nn.download import KnownFile
from nn.idx import read_idx
folder, url, dies_at, files = sys.argv[1], sys.argv[2], sys.argv[3], json.loads(sys.argv[4])
mnist_files.MNIST_FILES = tuple(KnownFile(*file) for file in files)
if dies_at:
    calls, original = [], getattr(os, dies_at)
    def die(*words):  # like kill -9: nothing is cleaned up
        calls.append(words)
        if len(calls) == 3:
            os._exit(9)
        return original(*words)
    setattr(os, dies_at, die)
data.mnist(folder, validation=10, mirrors=[url])
"""


def child(folder: Path, toy: Toy, mirror: Mirror, dies_at: str = "") -> "subprocess.Popen[bytes]":
    files = json.dumps([[file.name, file.size, file.sha256] for file in toy.files])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    words = [sys.executable, "-c", CHILD, str(folder), mirror.url, dies_at, files]
    root = Path(data.__file__).parents[1]
    return subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, cwd=root)


@pytest.mark.parametrize("dies_at", ["fsync", "replace"])
def test_G5_killed_while_writing_the_next_run_succeeds(
    tmp_path: Path, toy: Toy, toy_mirror: Mirror, dies_at: str
) -> None:
    process = child(tmp_path, toy, toy_mirror, dies_at)
    process.communicate(timeout=300)
    assert process.returncode == 9
    done = [path for path in tmp_path.iterdir() if path.name in toy.content]
    assert 0 < len(done) < 4
    for path in done:
        assert path.read_bytes() == toy.content[path.name]
    toy.check(data.mnist(tmp_path, validation=10, mirrors=[toy_mirror.url]))


def test_G5_processes_download_at_once(tmp_path: Path, toy: Toy, toy_mirror: Mirror) -> None:
    processes = [child(tmp_path, toy, toy_mirror) for _ in range(4)]
    while any(process.poll() is None for process in processes):
        for name, content in toy.content.items():  # a final name only ever holds verified bytes
            if (tmp_path / name).exists():
                assert (tmp_path / name).read_bytes() == content
        time.sleep(0.002)
    for process in processes:
        assert (process.communicate()[1], process.returncode) == (b"", 0)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == toy.content


def test_G5_threads_download_at_once(tmp_path: Path, toy: Toy, toy_mirror: Mirror) -> None:
    faults: list[BaseException] = []

    def run() -> None:
        try:
            toy.check(data.mnist(tmp_path, validation=10, mirrors=[toy_mirror.url]))
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == toy.content


# --- the real MNIST -------------------------------------------------------------------------------


@pytest.fixture
def real_folder() -> Path:
    if REAL_FOLDER:
        return Path(REAL_FOLDER)
    if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
        pytest.fail("TINYGRAD_EDU_MNIST must name the folder of MNIST's four files")
    pytest.skip("TINYGRAD_EDU_MNIST names no folder with MNIST's four files")


@pytest.mark.mnist
def test_real_mnist(real_folder: Path) -> None:
    with bounded_memory(2 * 70_000 * 784 * 4):  # x alone is 219,520,000 bytes
        mnist = data.mnist(real_folder, download=False)
    assert mnist.name == "MNIST"
    assert mnist.validation is not None
    assert [len(part) for part in (mnist.train, mnist.validation, mnist.test)] == [50_000, 10_000, 10_000]
    for part in (mnist.train, mnist.validation, mnist.test):
        assert part.x.shape == (len(part), 784)
        assert part.y.shape == (len(part), 10)
        assert part.x.dtype == part.y.dtype == np.float32
        assert part.labels.dtype == np.int64
        assert (part.x.min(), part.x.max()) == (0, 1)
        assert np.bincount(part.labels, minlength=10).min() > 800
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]
    assert mnist.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    assert round(float(mnist.train.x.mean(dtype=np.float64)), 2) == 0.13


@pytest.mark.mnist
def test_real_files_have_the_sizes_and_hashes_in_the_table(real_folder: Path) -> None:
    for file in mnist_files.MNIST_FILES:
        path = download.find(real_folder, file)
        assert path is not None
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.size, file.sha256)
        assert download.stranger(path, file) == ""
