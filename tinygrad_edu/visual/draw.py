"""draw(t): a picture of the graph that led to t."""

from __future__ import annotations

import inspect
import math
import os
import tempfile
import warnings
from collections.abc import Collection, Container
from pathlib import Path
from typing import Any

from ..compiled.calling import Jit
from ..compiled.program import Program
from ..errors import DrawingError, DtypeError
from ..tensor import Tensor
from . import dot, program
from .collapse import collapse as collapsed
from .picture import Picture, read
from .svg import svg
from .text import is_real

__all__ = ["Drawing", "draw"]

PHASES = ("forward", "backward", "update")
DIRECTIONS = ("LR", "RL", "TB", "BT")

HOW_TO_GET_DOT = (
    "For the full drawing install Graphviz: apt install graphviz, brew install graphviz, conda install graphviz "
    "or winget install graphviz; see https://graphviz.org/download"
)


def draw(
    t: Tensor | Jit | Program,
    *,
    phase: str = "backward",
    eta: float | None = None,
    collapse: bool | Collection[int] | Collection[str] | None = None,
    local: bool | None = None,
    direction: str | None = None,
    max_nodes: int = 500,
) -> Drawing:
    """A picture of the computation that led to `t`: values forward, gradients backward, layer by layer.

    t          usually the cost; after t.backward() the gradients are shown as well.  Or a function under jit, or its
               program: what was recorded, in its phases; then `phase`, `eta` and `local` have no meaning
    phase      "forward": values alone; "backward": gradients too; "update": also each w - eta dC/dw
    eta        the learning rate of the update
    collapse   True: a box for each layer, alike ones in a row as "× N"; or the numbers of the layers to fold.  Of a
               program: a box for each phase, or their names; if not told, the last ones where there are many boxes
    local      the local derivatives on the arrows; if not told, where there are at most 60 arrows
    direction  where the computation flows: "LR" to the right (if not told), "TB" down (if not told, of a program),
               "RL", "BT"
    max_nodes  DrawingError above it: nobody can read such a picture

    In a notebook the result shows itself; elsewhere: draw(cost).save("cost.svg"), or .view().
    Inside, gradients are there if retain_grad() was called before backward().

    >>> from tinygrad_edu import Tensor
    >>> w, x = Tensor(3.0, requires_grad=True, name="w"), Tensor(2.0, name="x")
    >>> cost = (w * x - 5) ** 2 / 2
    >>> draw(cost)
    <Drawing of C: 6 nodes, 5 arrows>
    """
    if not isinstance(t, (Tensor, Jit, Program)):
        raise DtypeError(
            f"draw() draws the graph that led to a Tensor, usually the cost; got {type(t).__name__}.  It draws a "
            f"function under jit as well"
        )
    if direction is None:
        direction = "LR" if isinstance(t, Tensor) else "TB"
    if direction not in DIRECTIONS:
        raise DrawingError(f"direction is one of {', '.join(DIRECTIONS)}; got {direction!r:.60}")
    if not isinstance(t, Tensor):
        if phase != "backward" or eta is not None or local is not None:
            raise DrawingError("a program is drawn whole and without values: phase, eta and local are for a Tensor")
        recorded, arguments = (t, ()) if isinstance(t, Program) else (t.program, _arguments(t.function))
        return Drawing(program.read(recorded, direction, max_nodes, collapse, arguments))
    if phase not in PHASES:
        raise DrawingError(f"phase is one of {', '.join(PHASES)}; got {phase!r:.60}")
    if (phase == "update") != (eta is not None):
        raise DrawingError('the update needs its learning rate, and is shown in its phase: phase="update", eta=3.0')
    if eta is not None and not (is_real(eta) and math.isfinite(eta)):
        raise DrawingError(f"eta is the learning rate, a finite number; got {eta!r:.40}")
    few = max_nodes if not collapse else max(max_nodes, 5_000)  # what is folded is counted after it
    picture = read(t, direction, few, forward=phase == "forward", local=local, eta=eta)
    if collapse is not None and collapse is not False:
        picture = collapsed(picture, collapse)
        if len(picture.boxes) > max_nodes:
            raise DrawingError(f"this graph has {len(picture.boxes):,} nodes after folding, the limit is {max_nodes:,}")
    return Drawing(picture)


def _arguments(function: Any) -> tuple[str, ...]:
    """The names of its arguments."""
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # a function that does not say
        return ()


class Drawing:
    """A finished picture, used like a Digraph of the package `graphviz`; it holds text, and no Tensors.

    `dot` lays it out where it is installed; elsewhere we do, more plainly, and say so once.
    """

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._rendered: dict[str, bytes] = {}
        self._failed: str | None = None  # why there is no picture by `dot`
        self._warned = False
        self.source = dot.source(picture)

    def __repr__(self) -> str:
        count = f"{len(self._picture.boxes)} nodes, {len(self._picture.arrows)} arrows"
        return f"<Drawing of {self._picture.subject}: {count}>"

    def __str__(self) -> str:
        return self.source

    def table(self) -> str:
        """The picture as lines of text."""
        return self._picture.table()

    # ---- rendering -----------------------------------------------------------------------------------

    def _by_dot(self, format: str) -> bytes | None:
        """By `dot`; None if it cannot.  What failed once is not tried again."""
        if format not in self._rendered and self._failed is None:
            try:
                self._rendered[format] = dot.run(self.source, format)
            except dot.DotFailed as failure:
                self._failed = str(failure)
        return self._rendered.get(format)

    def _by_us(self) -> bytes:
        if "ours" not in self._rendered:
            self._rendered["ours"] = svg(self._picture).encode()
        return self._rendered["ours"]

    def _warn(self, instead: str = "this drawing has a plainer layout") -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(f"{self._failed}: {instead}.  {HOW_TO_GET_DOT}", UserWarning, stacklevel=2)

    def pipe(self, format: str | None = None, *, encoding: str | None = None) -> Any:
        """The picture as bytes, or as text with an encoding: svg if not told, png, pdf and what `dot` knows."""
        format = _known(format or "svg")
        data = self._by_dot(format)
        if data is None and format == "svg":
            data = self._by_us()
            self._warn()
        if data is None:
            raise DrawingError(f"{self._failed}, and {format} needs it; svg does not.  {HOW_TO_GET_DOT}")
        return data.decode(encoding) if encoding else data

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write a file in the format of its suffix: .svg .png .pdf, .dot .gv (DOT), .txt (a table).  Its path.

        Without `dot`, .png and .pdf are written as SVG, in a file with .svg appended.
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix in (".dot", ".gv"):
            return _write(target, self.source.encode())
        if suffix == ".txt":
            return _write(target, (self.table() + "\n").encode())
        if suffix not in (".svg", ".png", ".pdf"):
            raise DrawingError(f"the suffix is one of .svg .png .pdf .dot .gv .txt; got {target.name!r:.80}")
        return self._save(target, suffix[1:])

    def _save(self, target: Path, format: str) -> str:
        data = self._by_dot(format)
        if data is not None:
            return _write(target, data)
        if format == "svg":
            self._warn()
            return _write(target, self._by_us())
        instead = target.with_name(target.name + ".svg")
        self._warned = False  # another file than was asked for: always said
        self._warn(f"{format} needs it, so the drawing was saved as {instead.name!r}")
        return _write(instead, self._by_us())

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        *,
        outfile: str | os.PathLike[str] | None = None,
    ) -> str:
        """Write the DOT source to `filename` and the picture to `filename`.`format`; the path of the picture.

        As in `graphviz`; cleanup=True leaves out the source, outfile= names the picture, and `format` is svg
        if not told.
        """
        if outfile is not None:
            target = Path(directory or "", outfile)
            name = Path(directory or "", filename) if filename is not None else target.with_suffix(".gv")
            format = _known(format or target.suffix[1:].lower() or "svg")
        else:
            name = Path(directory or "", filename or "computation.gv")
            format = _known(format or "svg")
            target = name.with_name(f"{name.name}.{format}")
        written = self._save(target, format)
        if not cleanup:
            _write(name, self.source.encode())
        if view:
            _open(written)
        return written

    def view(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        cleanup: bool = False,
    ) -> str:
        """Render and open the picture with the program that your system has for it; its path."""
        if filename is None and directory is None:
            directory = tempfile.mkdtemp(prefix="tinygrad_edu-")
        return self.render(filename, directory, view=True, cleanup=cleanup)

    # ---- in a notebook -------------------------------------------------------------------------------

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None, **_: Any
    ) -> dict[str, str]:
        """The picture and its table, for Jupyter.  Never an exception: a display must not end a computation."""
        bundle = {"text/plain": repr(self)}
        try:
            bundle["text/plain"] = self.table()
            data = self._by_dot("svg")
            bundle["image/svg+xml"] = (self._by_us() if data is None else data).decode()
            if data is None:
                self._warn()
        except Exception as error:  # a warning may have been made an error: the picture is there all the same
            if not isinstance(error, UserWarning):
                bundle["text/plain"] += f"\n(no picture: {type(error).__name__}: {error})"
        return {
            mime: shown
            for mime, shown in bundle.items()
            if (not include or mime in include) and (not exclude or mime not in exclude)
        }


def _known(format: str) -> str:
    if format not in dot.graphviz().FORMATS:
        raise DrawingError(f"{format!r:.60} is no format that `dot` writes: svg, png and pdf are")
    return format


def _write(target: Path, data: bytes) -> str:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    return str(target)


def _open(path: str) -> None:
    try:
        dot.graphviz().view(path)
    except Exception as error:
        raise DrawingError(f"the drawing is in {path!r}, but no program to show it was found: {error}") from None
