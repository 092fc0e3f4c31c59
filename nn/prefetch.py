"""A thread that works ahead, and ends when nobody needs it any more."""

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from queue import SimpleQueue

__all__ = ["made_ahead"]

T = TypeVar("T")


def made_ahead(make: Callable[[int], T], numbers: range, ahead: int) -> Iterator[T]:
    """make(k) for each number; a thread makes up to `ahead` of them before they are asked for.

    What make raises is raised here, in its turn.  The thread ends with the loop, however that ends.
    """
    from queue import SimpleQueue  # slow to import

    ready: SimpleQueue[T | BaseException] = SimpleQueue()
    room = threading.Semaphore(ahead)
    stopped = threading.Event()
    worker = threading.Thread(
        target=_work, args=(make, numbers, ready, room, stopped), name="nn.data.Loader", daemon=True
    )
    try:
        worker.start()
        for _ in numbers:
            batch = ready.get()
            if isinstance(batch, BaseException):
                raise batch
            room.release()
            yield batch
    finally:  # also where the loop was left, and where nobody holds this iterator any more
        stopped.set()
        room.release()
        if worker.is_alive() and worker is not threading.current_thread():  # the collector may run this anywhere
            worker.join()


def _work(
    make: Callable[[int], T],
    numbers: range,
    ready: "SimpleQueue[T | BaseException]",
    room: threading.Semaphore,
    stopped: threading.Event,
) -> None:
    """What the thread does.  It holds nothing that leads to the iterator, so that an abandoned one is collected."""
    try:
        for k in numbers:
            room.acquire()
            if stopped.is_set():
                return
            ready.put(make(k))
    except BaseException as error:
        ready.put(error)
