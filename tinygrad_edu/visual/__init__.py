"""Pictures of the recorded graph, and pages on which backpropagation can be stepped through."""

from .draw import Drawing, draw
from .explain import explain
from .page import Page, page
from .trace import Trace, trace
from .universal import universal

__all__ = ["Drawing", "Page", "Trace", "draw", "explain", "page", "trace", "universal"]
