"""The stepper: a recorded run as a page on which backpropagation is walked through, forward and back.

Here is what is computed before the page is opened: where every box goes, at two levels, and a still picture.
The page itself is web/stepper.{html,css} and the scripts in web/stepper/.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from ..ops import TABLE
from . import dot, layout, theme
from .explain import shown, text
from .page import Page, page
from .ranking import ranks
from .text import width

if TYPE_CHECKING:
    from .trace import Trace

__all__ = ["stepper"]

HIGH, NARROW, ARRAY, WIDE = 64.0, 108.0, 146.0, 210.0  # a box in the page's pixels
VISIBLE = 200  # nodes shown at once; a larger graph opens by layer
CHUNK = 100  # nodes behind one closed box, at most
PATIENT = 600  # boxes, and ranks that arrows pass, up to which `dot` is asked: beyond, it takes its time

Point = tuple[float, float]


def stepper(trace: Trace) -> Page:
    """The page of a recorded run; `Trace.page()` is the same.

    The graph is laid out at two levels, by operation (up to 200 nodes) and by layer, by `dot` if it is there and by
    our own layout if not; the page draws both alike.
    """
    data = trace.data
    levels = {"operation": _by_operation(data), "layer": _by_layer(data)}
    rows = sorted(name for name, op in TABLE.items() if op.elementwise)
    html = page(data["title"], "stepper", {"trace": data, "levels": levels, "elementwise": rows})
    return Page(data["title"], html, text(data), _still(data, levels), height=860)


# ---- where the boxes go ------------------------------------------------------------------------------------


@dataclass
class Placed:
    """Boxes as (x, y, width, height) of their upper left corners, arrows as SVG paths and their middles."""

    boxes: list[tuple[float, float, float, float]]
    paths: list[str]
    middles: list[Point]
    size: Point


def _place(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]], layers: Sequence[int | None]) -> Placed:
    """By `dot`, else by us."""
    rank = ranks(len(sizes), arrows, layers)
    if len(sizes) + sum(max(0, rank[j] - rank[i] - 1) for i, j in arrows) <= PATIENT:
        try:
            return _by_dot(sizes, arrows, layers)
        except (dot.DotFailed, ValueError, IndexError):  # not there, or not the output we know
            pass
    return _by_us(sizes, arrows, layers)


def _by_dot(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]], layers: Sequence[int | None]) -> Placed:
    lines = [
        "digraph {",
        "rankdir=LR; nodesep=0.22; ranksep=0.62;",
        'node [shape=box, fixedsize=true, label=""]; edge [dir=none];',
    ]
    lines += [f"n{i} [width={w / 72:.3f}, height={h / 72:.3f}];" for i, (w, h) in enumerate(sizes)]
    for layer in sorted({layer for layer in layers if layer is not None}):
        members = " ".join(f"n{i};" for i, own in enumerate(layers) if own == layer)
        lines.append(f"subgraph cluster_{layer} {{ margin=14; {members} }}")
    inputs = {j for _, j in arrows}
    lines += [f"n{i}:e -> n{j}:w [weight={8 if i in inputs else 1}];" for i, j in arrows]
    rows = dot.run("\n".join([*lines, "}"]), "plain").decode().splitlines()
    top = float(rows[0].split()[3])
    boxes: list[Any] = [None] * len(sizes)
    found: dict[tuple[str, str], list[list[Point]]] = {}
    for row in rows:
        words = row.split()
        if words[0] == "node":
            i = int(words[1][1:])
            w, h = sizes[i]
            boxes[i] = (float(words[2]) * 72 - w / 2, (top - float(words[3])) * 72 - h / 2, w, h)
        elif words[0] == "edge":
            n = int(words[3])
            at = [float(v) for v in words[4 : 4 + 2 * n]]
            curve = [(x * 72, (top - y) * 72) for x, y in zip(at[::2], at[1::2], strict=True)]
            found.setdefault((words[1], words[2]), []).append(curve)
    curves = [found[f"n{i}", f"n{j}"].pop(0) for i, j in arrows]
    curves = _arriving(boxes, arrows, curves)
    paths = [f"M{_at(c[0])}C{' '.join(map(_at, c[1:]))}" for c in curves]
    return _shifted(boxes, paths, [_middle(c) for c in curves], (float(rows[0].split()[2]) * 72, top * 72))


def _arriving(boxes: Any, arrows: Sequence[tuple[int, int]], curves: list[list[Point]]) -> list[list[Point]]:
    """The curves ending side by side at the left of a box; from the box just before it, a plain S."""
    slots: dict[int, list[int]] = {}
    for k, (_, j) in enumerate(arrows):
        slots.setdefault(j, []).append(k)
    found = list(curves)
    for j, arriving in slots.items():
        x, y, _, h = boxes[j]
        arriving.sort(key=lambda k: boxes[arrows[k][0]][1])
        for slot, k in enumerate(arriving):
            end = y + h / 2 + (slot - (len(arriving) - 1) / 2) * min(13.0, h / (len(arriving) + 1))
            bx, by, bw, bh = boxes[arrows[k][0]]
            start, half = (bx + bw, by + bh / 2), (x - bx - bw) / 2
            if 0 < half < 40:
                found[k] = [start, (start[0] + half, start[1]), (start[0] + half, end), (x, end)]
            else:
                found[k] = [*curves[k][:-2], (curves[k][-2][0], end), (x, end)]
    return found


def _by_us(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]], layers: Sequence[int | None]) -> Placed:
    placed = layout.place(sizes, arrows, layers)
    x0, y0, x1, y1 = placed.extent
    boxes = [(x - w / 2 - x0, y - h / 2 - y0, w, h) for (x, y), (w, h) in zip(placed.centres, sizes, strict=True)]
    routes = [[(x - x0, y - y0) for x, y in route] for route in placed.routes]
    paths = [_smooth(route) for route in routes]
    return _shifted(boxes, paths, [_halfway(route) for route in routes], (x1 - x0, y1 - y0))


def _shifted(boxes: Any, paths: list[str], middles: list[Point], size: Point) -> Placed:
    boxes = [tuple(round(v, 1) for v in box) for box in boxes]
    middles = [(round(x, 1), round(y, 1)) for x, y in middles]
    return Placed(boxes, paths, middles, (round(size[0], 1), round(size[1], 1)))


def _at(p: Point) -> str:
    return f"{p[0]:.1f},{p[1]:.1f}"


def _smooth(route: list[Point]) -> str:
    """Level where it leaves and arrives at a rank, an S between the ranks."""
    path, here = f"M{_at(route[0])}", route[0]
    for x, y in route[1:]:
        middle = (here[0] + x) / 2
        path += f"L{_at((x, y))}" if y == here[1] else f"C{_at((middle, here[1]))} {_at((middle, y))} {_at((x, y))}"
        here = (x, y)
    return path


def _middle(curve: list[Point]) -> Point:
    """The middle of the middle piece of a row of Bézier curves."""
    start = 3 * ((len(curve) - 1) // 6)
    weights = (0.125, 0.375, 0.375, 0.125)
    p = curve[start : start + 4]
    return sum(w * x for w, (x, _) in zip(weights, p, strict=True)), sum(
        w * y for w, (_, y) in zip(weights, p, strict=True)
    )


def _halfway(route: list[Point]) -> Point:
    k = len(route) // 2
    return (route[k - 1][0] + route[k][0]) / 2, (route[k - 1][1] + route[k][1]) / 2


# ---- the two levels ----------------------------------------------------------------------------------------


def _size(node: dict[str, Any]) -> Point:
    """Wide enough for the symbol, the name of the op, and a number."""
    symbol = node["symbol"]
    title = width(symbol["base"] + str(symbol.get("layer", "")) + symbol.get("below", ""), 15)
    return min(
        max(NARROW if not node["shape"] else ARRAY, title + width(node.get("op", "parameter"), 9.5) + 22), WIDE
    ), HIGH


def _by_operation(data: dict[str, Any]) -> dict[str, Any] | None:
    """Every node and every edge; None if there are too many to be seen."""
    if len(data["nodes"]) > VISIBLE:
        return None
    return _level(data, [n["id"] for n in data["nodes"]])


def _level(data: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """The nodes of these ids, and the edges between them."""
    nodes = {n["id"]: n for n in data["nodes"]}
    index = {key: i for i, key in enumerate(ids)}
    edges = [k for k, e in enumerate(data["edges"]) if e["from"] in index and e["to"] in index]
    arrows = [(index[data["edges"][k]["from"]], index[data["edges"][k]["to"]]) for k in edges]
    layers = [nodes[key].get("layer") for key in ids]
    one = len(set(layers)) == 1  # a frame round everything says nothing
    placed = _place([_size(nodes[key]) for key in ids], arrows, [None] * len(ids) if one else layers)
    return {
        "size": placed.size,
        "boxes": dict(zip(ids, placed.boxes, strict=True)),
        "paths": {str(k): path for k, path in zip(edges, placed.paths, strict=True)},
        "middles": {str(k): middle for k, middle in zip(edges, placed.middles, strict=True)},
        "frames": [] if one else _frames(placed, layers),
    }


def _frames(placed: Placed, layers: list[int | None]) -> list[dict[str, Any]]:
    """A frame round each layer; none where a stranger would be inside."""
    frames = []
    for layer in sorted({layer for layer in layers if layer is not None}):
        inside = [b for b, own in zip(placed.boxes, layers, strict=True) if own == layer]
        x0, y0 = min(b[0] for b in inside) - 12, min(b[1] for b in inside) - 12
        x1, y1 = max(b[0] + b[2] for b in inside) + 12, max(b[1] + b[3] for b in inside) + 12
        others = [b for b, own in zip(placed.boxes, layers, strict=True) if own != layer]
        if not any(x < x1 and x + w > x0 and y < y1 and y + h > y0 for x, y, w, h in others):
            frames.append({"layer": layer, "box": [round(v, 1) for v in (x0, y0, x1 - x0, y1 - y0)]})
    return frames


def _by_layer(data: dict[str, Any]) -> dict[str, Any]:
    """A box for each layer, and for what belongs to none; each box has a layout of its own inside."""
    members: dict[str, list[str]] = {}
    labels: dict[str, str] = {g["id"]: g["label"] for g in data["groups"]}
    loose = [n["id"] for n in data["nodes"] if n.get("group") is None]
    for n in data["nodes"]:
        group = n.get("group")
        if group is not None:
            members.setdefault(group, []).append(n["id"])
        elif len(loose) > CHUNK:
            members.setdefault("loose", []).append(n["id"])
        else:
            members[n["id"]] = [n["id"]]
    labels["loose"] = "operations"
    boxes: dict[str, dict[str, Any]] = {}
    for key, ids in members.items():
        for k in range(0, len(ids), CHUNK):
            part = ids[k : k + CHUNK]
            own = key if len(ids) <= CHUNK else f"{key}-{k // CHUNK}"
            label = labels.get(key, "") + ("" if len(ids) <= CHUNK else f" {k + 1}–{k + len(part)}")
            boxes[own] = {"label": label, "members": part, "open": None if len(part) == 1 else _level(data, part)}
    names = sorted(boxes, key=lambda own: int(boxes[own]["members"][0][1:]))
    home = {key: i for i, own in enumerate(names) for key in boxes[own]["members"]}
    pairs = {(home[e["from"]], home[e["to"]]) for e in data["edges"]}
    nodes = {n["id"]: n for n in data["nodes"]}
    sizes = [_size(nodes[own]) if own in nodes else (176.0, 74.0) for own in names]
    placed = _place(sizes, sorted((i, j) for i, j in pairs if i < j), [None] * len(names))
    for own, box in zip(names, placed.boxes, strict=True):
        boxes[own]["box"] = box
    return {"size": placed.size, "groups": [{"id": own, **boxes[own]} for own in names]}


# ---- a still picture, for a notebook's PDF -------------------------------------------------------------------


def _still(data: dict[str, Any], levels: dict[str, Any]) -> str:
    """The graph at the end of the run: every value and every gradient."""
    level = levels["operation"]
    if level is None:
        return ""
    w, h = level["size"][0] + 24, level["size"][1] + 40
    body = [f'<rect width="{w:g}" height="{h:g}" fill="white"/>', _words(12, 20, data["title"], 13, theme.INK, "bold")]
    body.append('<g transform="translate(12 30)">')
    frame_look = f'fill="{theme.LAYER_FILL}" stroke="{theme.LAYER_LINE}"'
    body += [
        f'<rect x="{x}" y="{y}" width="{bw}" height="{bh}" rx="10" {frame_look}/>'
        for x, y, bw, bh in (frame["box"] for frame in level["frames"])
    ]
    body += [f'<path d="{d}" fill="none" stroke="{theme.ARROW}"/>' for d in level["paths"].values()]
    for node in data["nodes"]:
        x, y, bw, bh = level["boxes"][node["id"]]
        look = theme.LOOKS[{"leaf": "parameter", "const": "data", "op": "operation"}[node["kind"]]]
        body.append(
            f'<rect x="{x}" y="{y}" width="{bw}" height="{bh}" rx="7" fill="{look.fill}" stroke="{look.line}"/>'
        )
        body.append(_words(x + 8, y + 18, node["symbol"]["text"], 13, theme.INK, "bold"))
        body.append(_words(x + 8, y + 37, shown(node["value"]), 10, theme.INK))
        if node["grad"] is not None:
            body.append(_words(x + 8, y + 54, f"∂C/∂· {shown(node['grad'])}", 10, theme.GRADIENT))
    size = f'width="{w:g}" height="{h:g}" viewBox="0 0 {w:g} {h:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="{theme.FONT}">{"".join(body)}</g></svg>'


def _words(x: float, y: float, words: str, size: int, ink: str, weight: str = "normal") -> str:
    style = f'font-size="{size}" font-weight="{weight}" fill="{ink}"'
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'
