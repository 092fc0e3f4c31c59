"""net.draw(): the network as circles and arrows, one arrow per weight, as SVG that needs no other program."""

from __future__ import annotations

import math
import os
from collections.abc import Container, Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DrawingError, ShapeError, Tensor, no_grad
from tinygrad_edu.visual.heat import colour
from tinygrad_edu.visual.text import literal, number, subscript, superscript

from .layers import Activation, Linear, ReLU, Sequential, Sigmoid, Tanh
from .module import Module

__all__ = ["Diagram", "draw", "linear_layers"]

Array = npt.NDArray[Any]

MOST = 16  # neurons of a layer that are all drawn; of more, the first and the last
FIRST, LAST = 6, 2

INK, QUIET, OUTLINE, NOTHING = "#1B1F24", "#5B6473", "#475467", "#98A2B3"
PLUS, MINUS = "#1F5FA8", "#B54708"  # told apart by dashes as well: minus is dashed
FONT = "Helvetica,Arial,'DejaVu Sans',sans-serif"

RADIUS, GAP, MARGIN, HEAD, LINE = 17.0, 150.0, 26.0, 74.0, 17.0
LABELLED = 12  # up to so many arrows between two layers have their numbers written on them


def draw(net: Module, x: Any = None, *, gradients: bool = False) -> Diagram:
    """The network as a picture: width and colour of an arrow are its weight's value.

    x          an example (n_in,): the neurons show their activities, the input first
    gradients  True: the arrows are dC/dw and the numbers dC/db, which backward() of a cost has found

    For MLP, and for Sequential of Linear layers with at most one activation after each: DrawingError otherwise.
    Of a layer with more than 16 neurons, the first six and the last two are drawn.  Neurons are counted from 1, as
    in the lecture: a₁ is a.data[..., 0].  In a notebook the result shows itself; elsewhere: .save("net.svg").
    """
    chain = linear_layers(net)
    activities = None if x is None else _activities(chain, x)
    layers = list(_layers(chain, activities, gradients))
    name = f"{literal(type(net).__name__)} {'-'.join(str(layer.size) for layer in layers)}"
    about = f"{name}, gradients" if gradients else name
    return Diagram(_Picture(layers, gradients, activities is not None).svg(about), _table(layers, gradients), about)


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


# ---- what there is to draw -------------------------------------------------------------------------------

Pair = tuple[Linear, Activation | None]


@dataclass(frozen=True)
class _Layer:
    """A column of neurons, and what leads to it."""

    number: int
    size: int
    rule: str  # a⁽²⁾ = σ(z⁽²⁾)
    weight: Array | None = None  # (size, size before): the values, or the gradient; None: not computed, or input
    bias: Array | None = None
    biased: bool = False
    activity: Array | None = None

    @property
    def shown(self) -> list[int | None]:
        """The neurons that are drawn, None for those left out."""
        if self.size <= MOST:
            return list(range(self.size))
        return [*range(FIRST), None, *range(self.size - LAST, self.size)]

    def label(self, i: int) -> str:
        return f"{'x' if self.number == 1 else 'a'}{subscript(i + 1)}"


def linear_layers(net: Module, purpose: str = "net.draw() draws") -> list[Pair]:
    """The Linear layers, each with the activation after it; DrawingError for another network, naming the purpose."""
    chain: list[Pair] = []
    for m in _flat(net):
        if isinstance(m, Linear) and type(m).forward is Linear.forward:
            if chain and chain[-1][0].weight.shape[0] != m.weight.shape[1]:
                before, after = chain[-1][0], m
                raise DrawingError(f"{before!r} does not fit before {after!r}: its outputs are the next one's inputs")
            chain.append((m, None))
        elif isinstance(m, Activation) and chain and chain[-1][1] is None:
            chain[-1] = (chain[-1][0], m)
        else:
            where = "has one more activation" if isinstance(m, Activation) else f"has a {_name(m)}"
            raise _undrawable(purpose, f"this {_name(net)} {where}")
    if not chain:
        raise _undrawable(purpose, f"this {_name(net)} has no Linear layer")
    return chain


def _flat(net: Module) -> Iterator[Module]:
    """The modules in the order of the signal, without the Sequentials around them."""
    if isinstance(net, Sequential) and type(net).forward is Sequential.forward:
        for m in net:
            yield from _flat(m)
    else:
        yield net


def _undrawable(purpose: str, reason: str) -> DrawingError:
    return DrawingError(
        f"{purpose} networks of Linear layers with at most one activation after each, as nn.MLP([2, 3, 1]); "
        f"{reason}.  Any computation can be drawn by its cost: tinygrad_edu.draw(cost)"
    )


def _name(m: Module) -> str:
    return literal(type(m).__name__)


def _activities(chain: list[Pair], x: Any) -> list[Array]:
    """The activities of every layer for one example."""
    array = (x.data if isinstance(x, Tensor) else Tensor(x).data).astype(np.float64)
    n_in = chain[0][0].weight.shape[1]
    if array.size != n_in:
        hint = "  One example of a batch: net.draw(x[0])" if array.ndim > 1 and array.size % n_in == 0 else ""
        raise ShapeError(f"net.draw(x) needs one example of {n_in} numbers; got shape {array.shape}.{hint}")
    found = [array.reshape(n_in)]
    with no_grad():
        a = Tensor(found[0].reshape(1, n_in).astype(chain[0][0].weight.dtype), copy=False)
        for linear, activation in chain:
            z = linear(a)
            a = z if activation is None else activation(z)
            found.append(a.data.reshape(-1))
    return found


def _layers(chain: list[Pair], activities: list[Array] | None, gradients: bool) -> Iterator[_Layer]:
    of: Iterator[Array | None] = repeat(None) if activities is None else iter(activities)
    yield _Layer(1, chain[0][0].weight.shape[1], f"a{superscript(1)} = x", activity=next(of))
    for l, (linear, activation) in enumerate(chain, start=2):
        b = linear.bias
        yield _Layer(
            l,
            linear.weight.shape[0],
            f"a{superscript(l)} = {_rule(activation, f'z{superscript(l)}')}",
            _numbers(linear.weight, gradients),
            None if b is None else _numbers(b, gradients),
            b is not None,
            next(of),
        )


def _rule(activation: Activation | None, z: str) -> str:
    """The activation in the lecture's symbols."""
    if activation is None:
        return z
    known = {Sigmoid: f"σ({z})", Tanh: f"tanh {z}", ReLU: f"max({z}, 0)"}
    return known.get(type(activation), f"{literal(type(activation).__name__, 16)}({z})")


def _numbers(t: Tensor, gradients: bool) -> Array | None:
    """The values, or the gradient; None if it is not computed."""
    shown = t.grad if gradients else t
    return None if shown is None else shown.data.astype(np.float64)


def _short(value: float) -> str:
    return number(value, 3).replace("-", "−").replace("inf", "∞").replace("nan", "NaN")


# ---- the picture -----------------------------------------------------------------------------------------


class _Picture:
    """Where everything is, and how it looks."""

    def __init__(self, layers: list[_Layer], gradients: bool, filled: bool) -> None:
        self.layers = layers
        self.gradients = gradients
        self.filled = filled
        most = max(len(layer.shown) for layer in layers)
        self.step = 74.0 if most <= 4 else 60.0 if most <= 6 else 48.0  # from a neuron to the next below
        self.height = HEAD + most * self.step
        self.places = list(self._places())
        self.width = max(self.places[-1] + RADIUS + 70, 430.0)
        self.largest = max((_largest(self._drawn(i)) for i in range(1, len(layers))), default=0.0)
        self.brightest = max(1.0, *(_largest(layer.activity) for layer in layers))

    def _places(self) -> Iterator[float]:
        """The x of every layer: further apart where there are more or labelled arrows."""
        x = MARGIN + 44
        yield x
        for before, layer in pairwise(self.layers):
            arrows = len(before.shown) * len(layer.shown)
            x += 2 * RADIUS + GAP + (50 if arrows <= LABELLED else min(60, arrows))
            yield x

    def _drawn(self, place: int) -> Array | None:
        """The weights of the arrows that are drawn into the layer at this place."""
        before, layer = self.layers[place - 1 : place + 1]
        if layer.weight is None:
            return None
        rows, columns = ([i for i in one.shown if i is not None] for one in (layer, before))
        return layer.weight[np.ix_(rows, columns)]

    def at(self, place: int, slot: int) -> tuple[float, float]:
        """The centre of a circle."""
        empty = (self.height - HEAD) / self.step - len(self.layers[place].shown)
        return self.places[place], HEAD + (slot + 0.5 + empty / 2) * self.step

    # ---- elements ------------------------------------------------------------------------------------

    def svg(self, about: str) -> str:
        """The whole picture."""
        notes = list(self._notes())
        w, h = self.width, self.height + 34 + LINE * len(notes) - (0 if notes else 8)
        arrows, labels = self._arrows()
        body = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.0f} {h:.0f}" '
            f'font-family="{FONT}" role="img" aria-label="Network {escape(about)}">',
            f'<rect width="{w:.0f}" height="{h:.0f}" rx="8" fill="white"/>',
            *self._heads(),
            *arrows,
            *(self._neuron(p, s, i) for p, layer in enumerate(self.layers) for s, i in enumerate(layer.shown)),
            *labels,
            *self._legend(),
            *(_text(note, MARGIN, self.height + 34 + k * LINE, 11, QUIET, "start") for k, note in enumerate(notes)),
        ]
        return "\n".join([*body, "</svg>", ""])

    def _heads(self) -> Iterator[str]:
        """Above each layer its number and rule; above the arrows, the shapes of their weights."""
        for x, layer in zip(self.places, self.layers, strict=True):
            yield _text(f"layer {layer.number}", x, 22, 13, INK, more=' font-weight="bold"')
            yield _text(layer.rule, x, 40, 12, INK)
            yield _text(f"{layer.size:,} neuron{'s' if layer.size > 1 else ''}", x, 57, 11, QUIET)
        for (x0, before), (x1, layer) in pairwise(zip(self.places, self.layers, strict=True)):
            x, l = (x0 + x1) / 2, superscript(layer.number)
            yield _text(f"w{l} ({layer.size}, {before.size})", x, 22, 11, QUIET)
            yield _text(f"b{l} ({layer.size},)" if layer.biased else "no bias", x, 38, 11, QUIET)

    def _arrows(self) -> tuple[list[str], list[str]]:
        """One per weight, the strongest on top; and their numbers, where they are few."""
        arrows: list[tuple[float, str]] = []
        labels: list[str] = []
        for place in range(1, len(self.layers)):
            before, layer = self.layers[place - 1 : place + 1]
            taken: list[tuple[float, float]] = []
            few = len(before.shown) * len(layer.shown) <= LABELLED
            for s0, j in enumerate(before.shown):
                for s1, i in enumerate(layer.shown):
                    if i is None or j is None:
                        continue
                    value = None if layer.weight is None else float(layer.weight[i, j])
                    ends = self.at(place - 1, s0), self.at(place, s1)
                    what = f"from {before.label(j)} to {layer.label(i)}: " + ("—" if value is None else _short(value))
                    arrows.append(self._arrow(*ends, value, what))
                    if few and value is not None:
                        labels.append(_label(*ends, value, taken))
        return [arrow for _, arrow in sorted(arrows, key=lambda one: one[0])], labels

    def _arrow(
        self, start: tuple[float, float], end: tuple[float, float], value: float | None, what: str
    ) -> tuple[float, str]:
        """How strong it is in [0, 1], and its line and head."""
        share = 0.0 if value is None or math.isnan(value) else min(1.0, abs(value) / (self.largest or 1.0))
        color, dash = _look(value)
        thick = 0.8 + 3.4 * share
        length = math.dist(start, end)
        u, v = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        size = 5 + 1.6 * thick
        x0, y0 = start[0] + RADIUS * u, start[1] + RADIUS * v
        x1, y1 = end[0] - (RADIUS + 1.5) * u, end[1] - (RADIUS + 1.5) * v
        x2, y2, half = x1 - size * u, y1 - size * v, size * 0.38
        head = f"{x1:.1f},{y1:.1f} {x2 - half * v:.1f},{y2 + half * u:.1f} {x2 + half * v:.1f},{y2 - half * u:.1f}"
        clear = 0.8 if value is None else 0.3 + 0.7 * share
        return share, (
            f'<g opacity="{clear:.2f}"><title>{escape(what)}</title><path d="M{x0:.1f},{y0:.1f} '
            f'L{x2:.1f},{y2:.1f}" stroke="{color}" stroke-width="{thick:.2f}"{dash}/>'
            f'<polygon points="{head}" fill="{color}"/></g>'
        )

    def _neuron(self, place: int, slot: int, i: int | None) -> str:
        """A circle with its symbol, its activity if there is one, and its bias above."""
        layer, (x, y) = self.layers[place], self.at(place, slot)
        if i is None:
            dots = "".join(f'<circle cx="{x:.1f}" cy="{y + d:.1f}" r="1.8" fill="{QUIET}"/>' for d in (-8, 0, 8))
            return dots + _text(f"{layer.size:,}", x + 9, y + 4, 11, QUIET, "start")
        fill, ink, what, rows = "white", INK, f"neuron {i + 1} of layer {layer.number}", [layer.label(i)]
        if layer.activity is not None:
            a = float(layer.activity[i])
            fill = colour(a / self.brightest)
            ink = "white" if abs(a) > 0.55 * self.brightest else INK
            what += f", {layer.label(i)} = {_short(a)}"
            rows.append(f"{a:.2f}".replace("-", "−") if abs(a) < 100 else f"{a:.0e}".replace("e+", "e"))
        if layer.bias is not None:
            what += f", {'dC/db' if self.gradients else 'bias'} {_short(layer.bias[i])}"
        parts = [
            f"<g><title>{escape(what)}</title>",
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{RADIUS:.0f}" fill="{fill}" stroke="{OUTLINE}" stroke-width="1.2"/>',
            _text(rows[0], x, y + (4 if len(rows) == 1 else -1), 12 if len(rows) == 1 else 11, ink),
            *(_text(row, x, y + 10, 9, ink) for row in rows[1:]),
        ]
        if layer.bias is not None:
            value = float(layer.bias[i])
            parts.append(_text(_signed(value), x, y - RADIUS - 4, 10, _look(value)[0], more=HALO))
        return "".join([*parts, "</g>"])

    # ---- below ---------------------------------------------------------------------------------------

    def _legend(self) -> Iterator[str]:
        if all(layer.weight is None for layer in self.layers[1:]):
            return
        y, x = self.height + 12, MARGIN
        for value, word in ((1.0, "positive"), (-1.0, "negative"), (0.0, "zero")):
            color, dash = _look(value)
            yield f'<path d="M{x:.0f},{y - 4:.0f} h34" stroke="{color}" stroke-width="2.2"{dash}/>'
            yield _text(word, x + 40, y, 11, INK, "start")
            x += 104
        if self.largest:
            w = "|dC/dw|" if self.gradients else "|w|"
            yield _text(f"width: {w} up to {_short(self.largest)}", x, y, 11, INK, "start")

    def _notes(self) -> Iterator[str]:
        later = self.layers[1:]
        if self.gradients and any(layer.weight is None for layer in later):
            yield "dC/dw: —, not computed.  backward() of a cost finds it"
        words = []
        if any(layer.bias is not None for layer in later):
            words.append(f"above a neuron: {'dC/db' if self.gradients else 'its bias b'}")
        if self.filled:
            words.append("inside: its activity a for the example")
        if words:
            yield "; ".join(words)
        if any(None in layer.shown for layer in self.layers):
            yield f"of more than {MOST} neurons: the first {FIRST} and the last {LAST}"
        strange = sum(int(np.sum(~np.isfinite(layer.weight))) for layer in later if layer.weight is not None)
        if strange:
            yield f"NaN or infinite: {strange:,} of the {'gradients' if self.gradients else 'weights'}; NaN is dotted"


HALO = ' stroke="white" stroke-width="3" paint-order="stroke" stroke-linejoin="round"'


def _look(value: float | None) -> tuple[str, str]:
    """Colour and dashes: minus is dashed; zero and NaN are dotted; what is not computed is a plain grey line."""
    if value is None:
        return NOTHING, ""
    if value == 0 or math.isnan(value):
        return NOTHING, ' stroke-dasharray="1.5 3.5"'
    return (PLUS, "") if value > 0 else (MINUS, ' stroke-dasharray="7 3.5"')


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + _short(value)


def _label(start: tuple[float, float], end: tuple[float, float], value: float, taken: list[tuple[float, float]]) -> str:
    """The number of an arrow, on it where there is room."""
    text = _signed(value)
    half = 3.0 * len(text) + 2
    places = [
        (start[0] + t * (end[0] - start[0]), start[1] + t * (end[1] - start[1]))
        for t in (0.34, 0.26, 0.42, 0.5, 0.58, 0.66)
    ]
    free = (p for p in places if all(abs(p[0] - x) > 2 * half + 4 or abs(p[1] - y) > 13 for x, y in taken))
    x, y = next(free, places[0])
    taken.append((x, y))
    paper = f'<rect x="{x - half:.1f}" y="{y - 6:.1f}" width="{2 * half:.1f}" height="12" rx="3" fill="white"/>'
    return paper + _text(text, x, y + 3.5, 10, _look(value)[0])


def _largest(values: Array | None) -> float:
    """The largest size of a finite entry."""
    return 0.0 if values is None else float(np.abs(values[np.isfinite(values)]).max(initial=0))


def _text(text: str, x: float, y: float, size: float, color: str, anchor: str = "middle", more: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}" fill="{color}" text-anchor="{anchor}"{more}>'
        f"{escape(text)}</text>"
    )


# ---- the same as text ------------------------------------------------------------------------------------


def _table(layers: list[_Layer], gradients: bool) -> str:
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


def _rows(before: _Layer | None, layer: _Layer, gradients: bool) -> Iterator[str]:
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
            row.append(_short(layer.activity[i]))
        if layer.biased:
            row.append("—" if layer.bias is None else _short(layer.bias[i]))
        for j in sources:
            row.append("…" if j is None else "—" if layer.weight is None else _short(layer.weight[i, j]))
        rows.append(row)
    if len(head) == 1:  # an input without an example: nothing but names
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.rjust, row, widths)).rstrip()
