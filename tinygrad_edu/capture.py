"""The jit's ear: while it captures a function, every operation is written down, and what would be frozen is named.

Nothing here costs time otherwise: `captures` is empty, and that is all that the engine asks.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

__all__ = ["captures", "capturing"]

captures: list[Any] = []
"""The captures that are going on, in all threads."""


def capturing() -> Any:
    """The capture that is going on in this thread, or None."""
    if captures:
        me = get_ident()
        for capture in reversed(captures):
            if capture.thread == me:
                return capture
    return None
