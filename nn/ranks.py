"""The processes that mpiexec started, called ranks: how many there are, which one leads, and how they fail together."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, TypeVar

from tinygrad_edu import DataError, TinygradEduError, missing_extra

__all__ = ["leads", "rank_0_first", "rows", "several", "together", "world"]

T = TypeVar("T")

STARTED = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")  # how MPICH's and Intel's mpiexec, and Open MPI's, tell the number
PATIENCE = 1.5  # seconds that other ranks leave to rank 0 to report the error that all of them have
DELIVERY = 0.5  # seconds that mpiexec has to pass a message on, once it has read it: Abort ends mpiexec too


def world() -> Any:
    """MPI.COMM_WORLD, where mpiexec started more than one process; otherwise None.

    MissingExtraError without mpi4py, DataError where it belongs to another MPI than mpiexec: without these errors
    every process would train alone, and all of them the same.
    """
    started = next((int(os.environ[name]) for name in STARTED if name in os.environ), 1)
    if started == 1:
        return None
    purpose = f"training on the {started} processes that mpiexec started"
    try:
        MPI: Any = import_module("mpi4py.MPI")
    except ImportError:
        raise missing_extra("mpi4py", "mpi", purpose) from None
    except RuntimeError as error:  # mpi4py is there, and found no libmpi
        raise missing_extra("mpich", "mpi", purpose) from error
    if MPI.COMM_WORLD.size != started:
        library = MPI.Get_library_version().split("\n")[0].strip("\0 ")
        raise DataError(
            f"mpiexec started {started} processes, and mpi4py sees {MPI.COMM_WORLD.size}: it uses {library}.  "
            "Take the mpiexec of that MPI: the one that pip put beside python"
        )
    return MPI.COMM_WORLD


def several(comm: Any) -> bool:
    """Are there other ranks?  DataError if comm is neither None nor a communicator."""
    if comm is not None and not all(hasattr(comm, name) for name in ("Allreduce", "bcast", "Abort", "rank", "size")):
        raise DataError(f"comm is a communicator of mpi4py, as MPI.COMM_WORLD, not {comm!r:.60}")
    return comm is not None and comm.size > 1


def leads(comm: Any) -> bool:
    """Is this rank 0, the one of all ranks that prints, judges and saves, or the only one?"""
    return comm is None or bool(comm.rank == 0)


@contextmanager
def together(comm: Any) -> Iterator[None]:
    """A rank that fails says why and ends all ranks, which would wait for it for ever.  One rank: nothing special."""
    if not several(comm):
        yield
        return
    try:
        yield
    except _Ended:  # reported further inside
        raise
    except BaseException as error:
        _report(error, comm.rank, comm.size)
        comm.Abort(1)
        raise _Ended(1) from None  # where Abort comes back, before it ends this process too


class _Ended(SystemExit):
    """All ranks are being ended."""


def _report(error: BaseException, rank: int, size: int) -> None:
    """Print which rank failed, and why; where it happened too, unless the error explains itself."""
    import traceback

    if rank > 0:  # a wrong argument is wrong on every rank: rank 0 says so, once, and ends the others before they do
        time.sleep(PATIENCE)
    if isinstance(error, KeyboardInterrupt):
        text = f"rank {rank} of {size} was interrupted; what was learned is in the newest checkpoint, if there is one\n"
    else:
        where = () if isinstance(error, TinygradEduError | OSError) else traceback.format_exception(error)
        text = "".join(where) + f"rank {rank} of {size} failed: {type(error).__name__}: {error}\n"
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.write(text if stream is sys.stderr else "")
            stream.flush()
            _read(stream)
    time.sleep(DELIVERY)


def _read(stream: Any, longest: float = 10.0) -> None:
    """Wait until mpiexec has read what was printed: Abort ends it, and what it has not read is lost."""
    try:
        from fcntl import ioctl
        from stat import S_ISFIFO
        from termios import FIONREAD

        end = stream.fileno()
        pipe = S_ISFIFO(os.fstat(end).st_mode)
    except (ImportError, OSError, ValueError):  # Windows; a stream that is no file, or closed: there is nothing to ask
        return
    deadline = time.monotonic() + longest
    unread = bytearray(4)  # the C int that FIONREAD writes: bytes in the pipe
    while pipe and time.monotonic() < deadline and ioctl(end, FIONREAD, unread) == 0 and any(unread):
        time.sleep(0.01)


def rank_0_first(comm: Any, get: Callable[[], T]) -> T:
    """get() on rank 0, then on the others: what rank 0 downloads, they find."""
    if comm is None:
        return get()
    if comm.rank > 0:
        comm.barrier()
    got = get()
    if comm.rank == 0:
        comm.barrier()
    return got


def rows(n: int, rank: int, size: int) -> slice:
    """The rows of a mini-batch of n that are this rank's: as many as the others have, or one more or less.

    >>> [rows(10, rank, 4) for rank in range(4)]
    [slice(0, 3, None), slice(3, 6, None), slice(6, 8, None), slice(8, 10, None)]
    """
    each, more = divmod(n, size)  # the first `more` ranks have one more
    first = rank * each + min(rank, more)
    return slice(first, first + each + (rank < more))
