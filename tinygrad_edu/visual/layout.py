"""Where the boxes of a picture go, for those who have no `dot`: ranks, few crossings, straight arrows.

The method of Sugiyama in its plain form.  u runs along the computation, v across it; every step is
deterministic and none is recursive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from .ranking import SWEEPS, chains, ordered, ranks

__all__ = ["Frame", "Layout", "place"]

Point = tuple[float, float]
Frame = tuple[float, float, float, float]  # u and v of two opposite corners

BETWEEN_RANKS, BETWEEN_BOXES, BETWEEN_ARROWS, PAD = 52.0, 17.0, 8.0, 10.0


@dataclass
class Layout:
    """Centres of the boxes, the way of each arrow, a frame round each layer, the whole extent."""

    centres: list[Point]
    routes: list[list[Point]]
    frames: dict[int, Frame]
    extent: Frame


def place(
    sizes: Sequence[Point], arrows: Sequence[tuple[int, int]], layers: Sequence[int | None], room: float = 0.0
) -> Layout:
    """Lay out boxes of the given sizes (along u, along v), each listed after those that it was made from.

    room: how much a label on an arrow needs along u.
    """
    of_boxes = ranks(len(sizes), arrows, layers)
    ways, of_bends = chains(of_boxes, arrows)
    rank = of_boxes + of_bends
    links = [pair for way in ways for pair in pairwise(way)]
    heights = [v for _, v in sizes] + [0.0] * len(of_bends)
    outside = [int(layer is None) for layer in layers] + [0] * len(of_bends)
    members: dict[int, list[int]] = {}
    for i, layer in enumerate(layers):
        if layer is not None:
            members.setdefault(layer, []).append(i)
    rows = ordered(rank, links, outside)
    across = _across(rows, links, heights, len(sizes))
    _clear(rows, across, heights, members, rank, outside)
    columns = _columns(rows, sizes, BETWEEN_RANKS + room)
    centres = [((columns[r][0] + columns[r][1]) / 2, across[i]) for i, r in enumerate(of_boxes)]
    rects = [(u - a / 2, v - b / 2, u + a / 2, v + b / 2) for (u, v), (a, b) in zip(centres, sizes, strict=True)]
    frames = _frames(members, rects)
    routes = _routes(ways, rank, columns, rects, across)
    points = [p for route in routes for p in route]
    us = [u for u, _ in points] + [u for r in (*rects, *frames.values()) for u in (r[0], r[2])]
    vs = [v for _, v in points] + [v for r in (*rects, *frames.values()) for v in (r[1], r[3])]
    return Layout(centres, routes, frames, (min(us), min(vs), max(us), max(vs)))


# ---- across ----------------------------------------------------------------------------------------------


def _across(rows: list[list[int]], links: list[tuple[int, int]], heights: list[float], boxes: int) -> list[float]:
    """Coordinates in the given order: each box as near to the middle of its neighbours as there is room.

    What was computed pulls harder than a leaf, and a bend harder still: the main flow is straight.
    """
    across = [0.0] * len(heights)
    for row in rows:
        for i, j in pairwise(row):
            across[j] = across[i] + _apart(heights[i], heights[j])
        middle = (across[row[0]] + across[row[-1]]) / 2
        for i in row:
            across[i] -= middle
    computed = {j for _, j in links}
    near: list[list[tuple[int, float]]] = [[] for _ in heights]
    for i, j in links:
        pull = 8.0 if i >= boxes and j >= boxes else 4.0 if i in computed else 1.0
        near[i].append((j, pull))
        near[j].append((i, pull))
    pulls = [sum(pull for _, pull in links) or 0.1 for links in near]
    for sweep in range(2 * SWEEPS):
        for row in rows if sweep % 2 else rows[::-1]:
            wanted = [sum(across[j] * pull for j, pull in near[i]) / pulls[i] if near[i] else across[i] for i in row]
            gaps = [_apart(heights[i], heights[j]) for i, j in pairwise(row)]
            for i, v in zip(row, _spread(wanted, gaps, [pulls[i] for i in row]), strict=True):
                across[i] = v
    return across


def _apart(a: float, b: float) -> float:
    """The least distance of two centres; a bend has no height."""
    return (a + b) / 2 + (BETWEEN_BOXES if a or b else BETWEEN_ARROWS)


def _spread(wanted: list[float], gaps: list[float], pulls: list[float]) -> list[float]:
    """The positions nearest to those wanted (least squares) that keep the gaps: pool adjacent violators."""
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []  # of each pool the mean, the pull, how many
    for w, offset, pull in zip(wanted, offsets, pulls, strict=True):
        mean, size = w - offset, 1
        while pools and pools[-1][0] >= mean:
            m, p, s = pools.pop()
            mean, pull, size = (m * p + mean * pull) / (p + pull), p + pull, s + size
        pools.append((mean, pull, size))
    means = [mean for mean, _, size in pools for _ in range(size)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _clear(
    rows: list[list[int]],
    across: list[float],
    heights: list[float],
    members: dict[int, list[int]],
    rank: list[int],
    outside: list[int],
) -> None:
    """Move what is in no layer below the layer that it stands beside."""
    for inside in members.values():
        bottom = max(across[i] + heights[i] / 2 for i in inside) + PAD + BETWEEN_BOXES
        for row in rows[min(rank[i] for i in inside) : max(rank[i] for i in inside) + 1]:
            free = bottom
            for i in row:
                if outside[i]:
                    across[i] = max(across[i], free + heights[i] / 2)
                    free = across[i] + heights[i] / 2 + BETWEEN_BOXES


# ---- along -----------------------------------------------------------------------------------------------


def _columns(rows: list[list[int]], sizes: Sequence[Point], apart: float) -> list[Point]:
    """From where to where each rank extends."""
    columns = []
    u = 0.0
    for row in rows:
        wide = max((sizes[i][0] for i in row if i < len(sizes)), default=0.0)
        columns.append((u, u + wide))
        u += wide + apart
    return columns


def _frames(members: dict[int, list[int]], rects: list[Frame]) -> dict[int, Frame]:
    """A frame round each layer; none where a stranger would be inside."""
    frames = {}
    for layer, inside in members.items():
        corners = list(zip(*(rects[i] for i in inside), strict=True))
        u0, v0 = min(corners[0]) - PAD, min(corners[1]) - PAD
        u1, v1 = max(corners[2]) + PAD, max(corners[3]) + PAD
        mine = set(inside)
        strangers = [r for i, r in enumerate(rects) if i not in mine]
        if not any(r[0] < u1 and r[2] > u0 and r[1] < v1 and r[3] > v0 for r in strangers):
            frames[layer] = (u0, v0, u1, v1)
    return frames


def _routes(
    ways: list[list[int]], rank: list[int], columns: list[Point], rects: list[Frame], across: list[float]
) -> list[list[Point]]:
    """From the end of one box, past the boxes on the way, to the start of another; arrivals side by side."""
    routes: list[list[Point]] = []
    arrivals: dict[int, list[int]] = {}
    for k, way in enumerate(ways):
        start, *bends, end = way
        route = [(rects[start][2], across[start]), (columns[rank[start]][1], across[start])]
        for i in bends:
            route += [(columns[rank[i]][0], across[i]), (columns[rank[i]][1], across[i])]
        routes.append(route)
        arrivals.setdefault(end, []).append(k)
    for end, arriving in arrivals.items():
        _, v0, _, v1 = rects[end]
        step = min(14.0, (v1 - v0) / (len(arriving) + 1))
        for slot, k in enumerate(sorted(arriving, key=lambda k: routes[k][-1][1])):
            v = across[end] + (slot - (len(arriving) - 1) / 2) * step
            routes[k] += [(columns[rank[end]][0], v), (rects[end][0], v)]
    return routes
