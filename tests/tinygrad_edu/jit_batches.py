"""Many programs of the C executor compiled as one text: to start the compiler takes longer than most of them do."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_edu.compiled import c_executor
from tinygrad_edu.compiled.c_compile import CompileError, compiled

__all__ = ["Batch"]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_FUNCTION = re.compile(r"^(?!#|typedef)[A-Za-z][^\n;(]*?\b(\w+)\(", re.MULTILINE)


class Batch:
    """The libraries of some programs, by their C text.

    with batch.collecting(): run(…)    notes the texts that the executor wants compiled; NumPy takes over
    batch.compile("-O1")               compiles them all
    with batch.compiled(): run(…)      takes what is there; another text is compiled by itself
    """

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}
        self.library: Any = None
        self.alone = 0  # texts that were compiled by themselves

    @contextmanager
    def collecting(self) -> Iterator[None]:
        def collect(source: str, effort: str = "") -> Any:
            self.texts.setdefault(source, len(self.texts))
            raise CompileError("later, with others")

        with _instead(collect):
            yield

    def compile(self, effort: str) -> None:
        if self.texts:
            self.library = compiled("\n".join(_renamed(text, k) for text, k in self.texts.items()), effort)

    @contextmanager
    def compiled(self) -> Iterator[None]:
        def look(source: str, effort: str = "-O3") -> Any:
            if self.library is not None and source in self.texts:
                return _Part(self.library, self.texts[source])
            self.alone += 1
            return compiled(source, effort)

        with _instead(look):
            yield


class _Part:
    """The functions of one program in the library of all."""

    def __init__(self, library: Any, k: int) -> None:
        self.library, self.k = library, k

    def __getattr__(self, name: str) -> Any:
        return getattr(self.library, f"{name}_of_{self.k}")


def _renamed(source: str, k: int) -> str:
    """The text with names of its own for all of its functions."""
    text = _COMMENT.sub("", source)
    names = set(_FUNCTION.findall(text))
    return re.sub(rf"\b({'|'.join(sorted(names))})(?=\()", rf"\1_of_{k}", text)


@contextmanager
def _instead(function: Callable[..., Any]) -> Iterator[None]:
    before = c_executor.compiled
    c_executor.compiled = function  # type: ignore[assignment]
    try:
        yield
    finally:
        c_executor.compiled = before
