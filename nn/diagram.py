"""net.draw(): the network as circles and arrows, one arrow per weight, as SVG that needs no other program."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from tinygrad_edu import DrawingError
from tinygrad_edu.visual.text import literal, superscript

from .diagram_layers import Layer, activities_of, linear_layers, read_layers, short
from .diagram_svg import Picture
from .module import Module

__all__ = ["Diagram", "draw", "linear_layers"]


def draw(net: Module, x: Any = None, *, gradients: bool = False) -> Diagram:
    """The network as a picture: width and colour of an arrow are its weight's value.

    x          an example (n_in,): the neurons show their activities, the input first
    gradients  True: the arrows are dC/dw and the numbers dC/db, which backward() of a cost has found

    For MLP, and for Sequential of Linear layers with at most one activation after each: DrawingError otherwise.
    Of a layer with more than 16 neurons, the first six and the last two are drawn.  Neurons are counted from 1, as
    in the lecture: a₁ is a.data[..., 0].  In a notebook the result shows itself; elsewhere: .save("net.svg").
    """
    chain = linear_layers(net)
    activities = None if x is None else activities_of(chain, x)
    layers = list(read_layers(chain, activities, gradients))
    name = f"{literal(type(net).__name__)} {'-'.join(str(layer.size) for layer in layers)}"
    about = f"{name}, gradients" if gradients else name
    return Diagram(Picture(layers, gradients, activities is not None).svg(about), table_of(layers, gradients), about)


class Diagram:
    """A finished picture of a network; it holds text, and no Tensors."""

    def __init__(self, svg: str, table: str, about: str) -> None:
        self.svg = svg
        self._table = table
        self._about = about

    def __repr__(self) -> str:
        return f"<Diagram of {self._about}>"

    def table(self) -> str:
        """The picture as lines of text."""
        return self._table

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write a file in the format of its suffix: .svg, or .txt (a table).  Its path."""
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in (".svg", ".txt"):
            raise DrawingError(
                f"a network diagram is saved as .svg or .txt; got {target.name!r:.80}.  For .png or .pdf save the "
                f".svg, open it in a browser and print it, or convert it with Inkscape or rsvg-convert"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((self.svg if suffix == ".svg" else self.table() + "\n").encode())
        return str(target)

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None, **_: Any
    ) -> dict[str, str]:
        """The picture and its table, for Jupyter."""
        bundle = {"text/plain": self.table(), "image/svg+xml": self.svg}
        return {
            mime: shown
            for mime, shown in bundle.items()
            if (not include or mime in include) and (not exclude or mime not in exclude)
        }


# ---- the same as text ------------------------------------------------------------------------------------


def table_of(layers: list[Layer], gradients: bool) -> str:
    """A table for every layer: a row for each neuron, with its bias and the weights that lead to it."""
    lines = []
    for before, layer in pairwise([None, *layers]):
        assert layer is not None
        head = f"layer {layer.number}: {layer.rule}, {layer.size:,} neuron{'s' if layer.size > 1 else ''}"
        if before is not None:
            bias = f"b{superscript(layer.number)} ({layer.size},)" if layer.biased else "no bias"
            head += f"; w{superscript(layer.number)} ({layer.size}, {before.size}), {bias}"
        lines += [head, *("  " + row for row in _rows(before, layer, gradients)), ""]
    if gradients and any(layer.weight is None for layer in layers[1:]):
        lines.append("dC/dw: —, not computed.  backward() of a cost finds it")
    return "\n".join(lines).rstrip()


def _rows(before: Layer | None, layer: Layer, gradients: bool) -> Iterator[str]:
    """The lines of one layer; ⋮ and … stand for what is left out."""
    w, b = ("dC/dw", "dC/db") if gradients else ("w", "b")
    sources = [] if before is None else before.shown
    head = ["neuron"] + ["a"] * (layer.activity is not None) + [b] * layer.biased
    if before is not None:
        head += ["…" if j is None else f"{w} from {before.label(j)}" for j in sources]
    rows = [head]
    for i in layer.shown:
        if i is None:
            rows.append(["⋮"] + [""] * (len(head) - 1))
            continue
        row = [layer.label(i)]
        if layer.activity is not None:
            row.append(short(layer.activity[i]))
        if layer.biased:
            row.append("—" if layer.bias is None else short(layer.bias[i]))
        for j in sources:
            row.append("…" if j is None else "—" if layer.weight is None else short(layer.weight[i, j]))
        rows.append(row)
    if len(head) == 1:  # an input without an example: nothing but names
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.rjust, row, widths)).rstrip()
