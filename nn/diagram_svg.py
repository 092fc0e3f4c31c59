"""The picture of net.draw(): where everything is, how it looks, and the SVG of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from itertools import pairwise

import numpy as np

from tinygrad_edu.visual.heat import colour
from tinygrad_edu.visual.text import superscript

from .diagram_layers import FIRST, LAST, MOST, Array, Layer, short

__all__ = ["Picture"]

INK, QUIET, OUTLINE, NOTHING = "#1B1F24", "#5B6473", "#475467", "#98A2B3"
PLUS, MINUS = "#1F5FA8", "#B54708"  # told apart by dashes as well: minus is dashed
FONT = "Helvetica,Arial,'DejaVu Sans',sans-serif"

RADIUS, GAP, MARGIN, HEAD, LINE = 17.0, 150.0, 26.0, 74.0, 17.0
LABELLED = 12  # up to so many arrows between two layers have their numbers written on them


class Picture:
    """Where everything is, and how it looks."""

    def __init__(self, layers: list[Layer], gradients: bool, filled: bool) -> None:
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
                    what = f"from {before.label(j)} to {layer.label(i)}: " + ("—" if value is None else short(value))
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
            what += f", {layer.label(i)} = {short(a)}"
            rows.append(f"{a:.2f}".replace("-", "−") if abs(a) < 100 else f"{a:.0e}".replace("e+", "e"))
        if layer.bias is not None:
            what += f", {'dC/db' if self.gradients else 'bias'} {short(layer.bias[i])}"
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
            yield _text(f"width: {w} up to {short(self.largest)}", x, y, 11, INK, "start")

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
    return ("+" if value > 0 else "") + short(value)


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
