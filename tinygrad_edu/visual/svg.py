"""A picture as SVG without `dot`: our own layout, written with plain elements that need no script or style."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from . import theme
from .layout import Frame, Layout, Point, place
from .picture import Box, Picture
from .text import width

__all__ = ["svg"]

TITLE, LINE, PAD, GAP, MARGIN = 20.0, 15.0, 9.0, 14.0, 14.0
HEAD = 16.0  # for "layer 2", above the boxes
FOOT = 14.0  # for the caption, below them
FREE, TRACK = 16.0, 5.0  # between the boxes and what is led round them, and between two of these


def svg(picture: Picture) -> str:
    """The picture as one SVG document."""
    sizes = [_size(box) for box in picture.boxes]
    flat = picture.direction in ("LR", "RL")
    layers = [box.layer for box in picture.boxes]
    room = max((width(label, 8) for label in picture.labels), default=0.0) if flat else 0.0
    layout = place(sizes if flat else [(b, a) for a, b in sizes], picture.arrows, layers, room)
    back = _back(picture.back, layout, sizes if flat else [(b, a) for a, b in sizes])
    turn = _Turn(layout, picture.direction, bool(picture.caption))
    w, h = turn.size
    about = f"Graph of the computation of {picture.subject}: {len(picture.boxes)} nodes"
    body = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.1f} {h:.1f}" '
        f'font-family="{theme.FONT}" role="img" aria-label="{escape(about)}">',
        '<rect width="100%" height="100%" fill="white"/>',
        *(_frame(*picture.frame(layer), turn.rect(frame)) for layer, frame in layout.frames.items()),
        *(turn.arrow(route) for route in layout.routes),
        *(turn.back(route) for route in back),
        *(turn.label(*one) for one in zip(layout.routes, picture.labels, strict=True) if one[1]),
    ]
    for i, (box, centre, size) in enumerate(zip(picture.boxes, layout.centres, sizes, strict=True)):
        x, y = turn.point(centre)
        body += [f'<g id="n{i}">', *_box(box, x - size[0] / 2, y - size[1] / 2, *size), "</g>"]
    if picture.caption:
        body.append(_text(picture.caption, MARGIN, h - 6, 9, theme.QUIET))
    return "\n".join([*body, "</svg>", ""])


def _back(arrows: Sequence[tuple[int, int]], layout: Layout, sizes: Sequence[Point]) -> list[list[Point]]:
    """The ways of arrows against the flow: round the outside, each on its own track.  The layout becomes larger."""
    if not arrows:
        return []
    u0, v0, u1, v1 = layout.extent
    routes = []
    for k, (i, j) in enumerate(arrows):
        (from_u, from_v), (to_u, to_v) = layout.centres[i], layout.centres[j]
        start, end = from_u + sizes[i][0] / 2, to_u - sizes[j][0] / 2
        down, up, side = start + FREE + TRACK * k, end - FREE - TRACK * k, v1 + FREE + TRACK * k
        routes.append([(start, from_v), (down, from_v), (down, side), (up, side), (up, to_v), (end, to_v)])
    us = [u for route in routes for u, _ in route]
    layout.extent = min(u0, *us), v0, max(u1, *us), v1 + FREE + TRACK * len(arrows)
    return routes


class _Turn:
    """From along and across to right and down, for each of the four directions."""

    def __init__(self, layout: Layout, direction: str, caption: bool) -> None:
        self.direction = direction
        self.u0, self.v0, self.u1, self.v1 = layout.extent
        size = (self.u1 - self.u0 + 2 * MARGIN, self.v1 - self.v0 + 2 * MARGIN)
        self.head = HEAD if layout.frames else 0.0
        w, h = size if direction in ("LR", "RL") else size[::-1]
        self.size = w, h + self.head + (FOOT if caption else 0.0)

    def point(self, p: Point) -> Point:
        u = (self.u1 - p[0] if self.direction in ("RL", "BT") else p[0] - self.u0) + MARGIN
        v = p[1] - self.v0 + MARGIN
        x, y = (u, v) if self.direction in ("LR", "RL") else (v, u)
        return x, y + self.head

    def rect(self, frame: Frame) -> Frame:
        (x0, y0), (x1, y1) = self.point(frame[:2]), self.point(frame[2:])
        return min(x0, x1), min(y0, y1) - HEAD, max(x0, x1), max(y0, y1)

    def arrow(self, route: list[Point]) -> str:
        """A curve that leaves and arrives along u, and its head."""
        path = []
        (u0, v0), *rest = route
        tip = rest[-1]
        rest[-1] = (tip[0] - 6, tip[1])
        path.append("M " + self._at(u0, v0))
        for u, v in rest:
            middle = (u0 + u) / 2
            path.append(f"C {self._at(middle, v0)} {self._at(middle, v)} {self._at(u, v)}")
            u0, v0 = u, v
        head = f"{self._at(*tip)} {self._at(tip[0] - 7, tip[1] - 3)} {self._at(tip[0] - 7, tip[1] + 3)}"
        return (
            f'<path d="{" ".join(path)}" fill="none" stroke="{theme.ARROW}" stroke-width="0.9"/>'
            f'<polygon points="{head}" fill="{theme.ARROW}"/>'
        )

    def back(self, route: list[Point]) -> str:
        """Straight and dashed, and its head."""
        u, v = route[-1]
        points = " ".join(self._at(*p) for p in [*route[:-1], (u - 6, v)])
        head = f"{self._at(u, v)} {self._at(u - 7, v - 3)} {self._at(u - 7, v + 3)}"
        return (
            f'<polyline points="{points}" fill="none" stroke="{theme.BACK}" stroke-width="0.9" stroke-dasharray="5,3"/>'
            f'<polygon points="{head}" fill="{theme.BACK}"/>'
        )

    def label(self, route: list[Point], text: str) -> str:
        """What is written on an arrow: where it arrives, so that those of one box stand side by side."""
        x, y = self.point(route[-1])
        dx, dy, anchor = {
            "LR": (-9, -3, "end"),
            "RL": (9, -3, "start"),
            "TB": (4, -10, "start"),
            "BT": (4, 14, "start"),
        }[self.direction]
        return _text(text, x + dx, y + dy, 8, theme.GRADIENT, f' text-anchor="{anchor}"')

    def _at(self, u: float, v: float) -> str:
        return "{:.1f},{:.1f}".format(*self.point((u, v)))


# ---- one box ---------------------------------------------------------------------------------------------


def _size(box: Box) -> Point:
    name = width(" " + box.name, 10) if box.name else 0
    title = width(box.symbol, 13, bold=True) + name + GAP + width(box.what, 9)
    rows = [width(label, 9) + GAP + width(value, 10) for label, value in box.rows]
    formula = width("= " + box.formula, 10) if box.formula else 0
    lines = len(box.rows) + bool(box.formula)
    return max([title, formula, *rows]) + 2 * PAD, TITLE + lines * LINE + 4 + PAD


def _box(box: Box, x: float, y: float, w: float, h: float) -> Iterator[str]:
    """The outline and the lines of text, as in the label for `dot`."""
    look = theme.LOOKS[box.kind]
    line = theme.ROOT_LINE if box.root else look.line
    fill = theme.ROOT_FILL if box.root else look.fill
    round_ = ' rx="7"' if look.shape == "round" else ""
    stroke = f'stroke="{line}" stroke-width="{1.4 if box.root else look.thick}"'
    yield f"<title>{escape(box.hint)}</title>"
    if box.root:
        yield _rect((x - 4, y - 4, w + 8, h + 8), f'{round_} fill="none" {stroke}')
    if look.shape == "note":
        fold = f"M {x:.1f},{y:.1f} h {w - 8:.1f} l 8,8 v {h - 8:.1f} h {-w:.1f} z m {w - 8:.1f},0 v 8 h 8"
        yield f'<path d="{fold}" fill="{fill}" {stroke}/>'
    else:
        yield _rect((x, y, w, h), f'{round_} fill="{fill}" {stroke}')
    left, right, base = x + PAD, x + w - PAD, y + TITLE - 2
    yield _text(box.symbol, left, base, 13, theme.INK, ' font-weight="bold"')
    if box.name:
        yield _text(box.name, left + width(box.symbol + " ", 13, bold=True), base, 10, theme.INK)
    yield _text(box.what, right, base, 9, theme.QUIET, ' text-anchor="end"')
    if box.formula:
        base += LINE
        yield _text("= " + box.formula, left, base, 10, theme.QUIET, ' font-style="italic"')
    if box.rows:
        yield f'<path d="M {left:.1f},{base + 5.5:.1f} H {right:.1f}" stroke="{theme.LAYER_LINE}" stroke-width="0.8"/>'
    base += 4
    for label, value in box.rows:
        base += LINE
        color = theme.ink(label, value)
        yield _text(label, left, base, 9, theme.QUIET)
        yield _text(value, right, base, 10, color, ' text-anchor="end"')


def _text(text: str, x: float, y: float, size: float, color: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}"{more}>{escape(text)}</text>'


def _rect(at: Frame, more: str) -> str:
    x, y, w, h = at
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}"{more}/>'


def _frame(name: str, fill: str, at: Frame) -> str:
    x0, y0, x1, y1 = at
    look = f' rx="8" fill="{fill}" stroke="{theme.LAYER_LINE}"'
    return _rect((x0, y0, x1 - x0, y1 - y0), look) + _text(name, x0 + 10, y0 + 17, 11, theme.QUIET)
