"""Known files: found in a folder, else fetched from mirrors, unpacked within bounds, verified, kept."""

import gzip
import io
import os
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tinygrad_edu import DataError, missing_extra

if TYPE_CHECKING:
    import urllib3

__all__ = ["KnownFile", "cache_folder", "contents", "download", "keep", "locate", "unpacked"]

MAX_REDIRECTS = 5
SLOWEST = 10_000  # bytes per second; a mirror that drips below this is given up
CHUNK = 1 << 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class KnownFile:
    """A file whose bytes are known in advance: the name and the size of the uncompressed file, and a SHA-256."""

    name: str
    size: int
    sha256: str
    packed: bool = False  # the SHA-256 is that of the .gz, where its authors published no other; so the .gz is kept

    @property
    def kept_name(self) -> str:
        """The name under which a download is kept."""
        return f"{self.name}.gz" if self.packed else self.name

    @property
    def largest_body(self) -> int:
        """What an honest mirror sends at most: gzip adds a few bytes per block to data it cannot shrink."""
        return self.size + self.size // 1000 + 1024


# --- where a file lies ----------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where downloads are kept on this machine for this user."""
    try:
        from platformdirs import user_cache_dir
    except ImportError:
        return Path.home() / ".cache" / "tinygrad_edu"
    return Path(user_cache_dir("tinygrad_edu"))


def locate(home: Path, files: Sequence[KnownFile], mirrors: Sequence[str], *, own: bool, advice: str) -> list[Path]:
    """The path of each known file in a folder; what is missing is downloaded into it first.

    A folder of the user's `own` is trusted: its files may hold other data of the same format, but then
    nothing is downloaded beside them, for two data sets would mix. In the cache a file that is not the known
    one is damaged, and counts as missing. No mirrors: no download. `advice` ends the DataError about a lack.
    """
    paths = {known: find(home, known) for known in files}
    if own and all(paths.values()):  # nothing to verify: spares the hashing, 0.2 s for MNIST
        return [path for path in paths.values() if path]
    faults = {known: stranger(path, known) if path else "not found" for known, path in paths.items()}
    missing = [known for known in files if paths[known] is None or (faults[known] and not own)]
    if missing and not mirrors:
        what = "".join(f"\n  {known.name}: {faults[known]}" for known in missing)
        raise DataError(f"The folder {home} does not hold all files:{what}\n{advice}")
    for known in files:
        if missing and faults[known] and known not in missing:
            raise DataError(
                f"{home} holds no {missing[0].name}, and {paths[known]} is other data ({faults[known]}), "
                "so a download would mix two data sets.  Add the missing files, or give an empty folder."
            )
    for known in sorted(missing, key=lambda known: known.size):  # small first: what cannot work fails at once
        target = paths[known] = home / known.kept_name
        try:
            data = download(known, mirrors)
        except DataError as error:
            raise DataError(f"{error}\n{advice}") from error
        try:
            keep(data, target)
        except DataError:  # Windows: another process has put the same bytes there and is reading them
            if stranger(target, known):
                raise
    return [path for path in paths.values() if path]


def find(home: Path, known: KnownFile) -> Path | None:
    """The file under a name in use: train-images-idx3-ubyte, train-images.idx3-ubyte, either with .gz."""
    names = (known.name, known.name.replace("-idx", ".idx"))
    paths = [home / f"{name}{ending}" for name in names for ending in ("", ".gz")]
    there = [path for path in paths if os.path.isfile(path)]
    if len(there) > 1:
        there.sort(key=lambda path: stranger(path, known) != "")  # a good copy before a damaged one
    return there[0] if there else None


def stranger(path: Path, known: KnownFile) -> str:
    """Why a file does not hold the known bytes; '' if it does."""
    try:
        with path.open("rb") as file:
            contents(file, known)
    except (DataError, OSError) as error:
        return str(error)
    return ""


# --- what is inside a file ------------------------------------------------------------------------


def unpacked(file: io.BufferedReader) -> io.BufferedIOBase:
    """The bytes inside, gzip or not: the first two bytes decide, whatever the name says."""
    return gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file


def contents(file: io.BufferedReader, known: KnownFile) -> bytes:
    """The uncompressed bytes of a file, DataError if not the known ones; expands size + 1 bytes at most."""
    if known.packed:
        body = file.read(known.largest_body + 1)
        check_digest(body, known)
        file = io.BufferedReader(io.BytesIO(body))
    try:
        data = unpacked(file).read(known.size + 1)
    except (EOFError, OSError, zlib.error) as error:  # OSError: BadGzipFile, and a disk that fails
        raise DataError(f"damaged gzip data ({type(error).__name__}: {error})") from error
    if len(data) != known.size:
        count = f"more than {known.size:,}" if len(data) > known.size else f"{len(data):,}"
        raise DataError(f"{count} bytes that begin with {data[:16]!r}, needed {known.size:,} bytes of {known.name}")
    if not known.packed:
        check_digest(data, known)
    return data


def check_digest(data: bytes, known: KnownFile) -> None:
    """DataError if these are not the bytes that were hashed."""
    from hashlib import sha256  # slow to import

    digest = sha256(data).hexdigest()
    if digest != known.sha256:
        raise DataError(f"wrong bytes: SHA-256 is {digest}, needed {known.sha256} for {known.kept_name}")


# --- from a mirror to memory ----------------------------------------------------------------------


def download(known: KnownFile, mirrors: Sequence[str], *, patience: float = 30.0, retries: int = 2) -> bytes:
    """The verified bytes of `known` to keep, uncompressed unless it is kept packed, from the first mirror with them.

    A mirror is the address of a folder that holds `<name>.gz`. One that does not connect, or answers 5xx, is
    asked `retries` times more with growing pauses; one that is silent for `patience` seconds, drips, or sends
    other bytes is given up for the next. DataError lists what each mirror answered.
    """
    import logging  # slow to import

    try:
        from urllib3.exceptions import HTTPError
    except ImportError as error:
        raise missing_extra("urllib3", "data", f"downloading {known.name}") from error
    answers = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{known.name}.gz"
        logging.getLogger(__name__).info("downloading %s", url)
        try:
            body = fetch(url, known.largest_body, patience=patience, retries=retries)
            data = contents(io.BufferedReader(io.BytesIO(body)), known)
            return body if known.packed else data
        except (ValueError, OSError, HTTPError) as error:  # ValueError: DataError, and addresses that do not parse
            answers.append(f"\n  {url}: {error}")
    raise DataError(f"No mirror gave {known.name}. They answered:{''.join(answers) or ' nothing, the list is empty'}")


def fetch(url: str, largest: int, *, patience: float, retries: int) -> bytes:
    """The body behind an address: at most `largest` bytes; redirects never lead from https to http."""
    check_address(url)
    for _ in range(MAX_REDIRECTS + 1):
        with connections(url, patience, retries) as pool:
            response = pool.request("GET", url, redirect=False, preload_content=False, decode_content=False)
            with response:
                location = response.get_redirect_location()
                if not location:
                    return read_body(response, largest, patience)
        url = next_address(url, location)
    raise DataError(f"more than {MAX_REDIRECTS} redirects")


def connections(url: str, patience: float, retries: int) -> "urllib3.PoolManager":
    """urllib3 with our timeouts and retries, through the proxy that the system names, if any."""
    from urllib.request import getproxies, proxy_bypass  # slow to import: only when something is fetched

    import urllib3

    timeout = urllib3.Timeout(connect=min(10.0, patience), read=patience)
    retry = urllib3.Retry(
        connect=retries,
        status=retries,
        read=0,  # silent once: the next mirror is the better bet
        other=0,
        backoff_factor=patience / 60,
        status_forcelist=(429, 500, 502, 503, 504),
        raise_on_status=False,
        respect_retry_after_header=False,  # a mirror must not send us to sleep for a day
    )
    address = urlsplit(url)
    proxy = getproxies().get(address.scheme)
    if proxy and not is_loopback(url) and not proxy_bypass(address.netloc):
        return urllib3.ProxyManager(proxy, timeout=timeout, retries=retry)
    return urllib3.PoolManager(timeout=timeout, retries=retry)


def read_body(response: "urllib3.BaseHTTPResponse", largest: int, patience: float) -> bytes:
    """The body of a good answer; DataError if it is no good answer, too long, or drips."""
    if response.status != 200:
        raise DataError(f"HTTP status {response.status}")
    start = time.monotonic()
    body = bytearray()
    while piece := response.read1(CHUNK):  # read1: what has arrived, so that the clock below is looked at
        body += piece
        if len(body) > largest:
            raise DataError(f"more than {largest:,} bytes")
        elapsed = time.monotonic() - start
        if elapsed > patience and len(body) < SLOWEST * elapsed:
            raise DataError(f"too slow: {len(body):,} bytes in {elapsed:.1f} s")
    return bytes(body)


def is_loopback(url: str) -> bool:
    """True for an address on this very machine."""
    return urlsplit(url).hostname in LOOPBACK


def check_address(url: str) -> None:
    """https, or http on this very machine; anything else is a DataError."""
    scheme = urlsplit(url).scheme
    if scheme != "https" and not (scheme == "http" and is_loopback(url)):
        raise DataError(f"only https addresses are used, not {url!r}")


def next_address(url: str, location: str) -> str:
    """Where a redirect leads; DataError if that is less safe than where it came from."""
    target = urljoin(url, location)
    check_address(target)
    if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
        raise DataError(f"redirects from https to {target!r}")
    return target


# --- from memory to disk --------------------------------------------------------------------------


def keep(data: bytes, path: Path) -> None:
    """Write a file so that its name only ever holds all of `data`; DataError if the folder does not let us.

    Other name, write, fsync, rename, fsync of the folder: a crash leaves the old state or the new.
    """
    own_name = f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part"  # two processes never share it
    part = path.with_name(own_name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        raise DataError(
            f"Cannot write {path.name} into the folder {path.parent} ({error.strerror or error}).  "
            "Give a folder that you may write to."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink()
    with suppress(OSError):  # Windows cannot open a folder, and needs no fsync of it
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
