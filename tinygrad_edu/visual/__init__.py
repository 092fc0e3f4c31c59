"""Pictures of the recorded graph."""

from .draw import Drawing, draw

__all__ = ["Drawing", "draw"]
