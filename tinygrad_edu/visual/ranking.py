"""Which rank a box is in, and in which order the boxes of a rank stand: long before any coordinate."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence

__all__ = ["SWEEPS", "chains", "ordered", "ranks"]

SWEEPS = 12
LONG = 40  # an arrow over more ranks than this is drawn straight


def ranks(n: int, arrows: Sequence[tuple[int, int]], layers: Sequence[int | None]) -> list[int]:
    """The longest path to each box; layers in bands one after the other; leaves next to what uses them."""
    inputs: list[list[int]] = [[] for _ in range(n)]
    outputs: list[list[int]] = [[] for _ in range(n)]
    for i, j in arrows:
        inputs[j].append(i)
        outputs[i].append(j)
    bands = sorted({layer for layer in layers if layer is not None})
    first = int(any(layers[i] is None and layers[j] is not None for i, j in arrows))
    floors = dict.fromkeys(bands, first)
    rank = [0] * n
    for _ in range(len(bands) + 1):  # a band rises until it is clear of the one before
        for j in range(n):
            layer = layers[j]
            floor = floors[layer] if layer is not None else 0
            rank[j] = max([floor, *(rank[i] + 1 + (layers[i] != layer) for i in inputs[j])])
        top = first
        before = dict(floors)
        for band in bands:
            floors[band] = max(floors[band], top)
            top = max([top, *(r + 1 for r, layer in zip(rank, layers, strict=True) if layer == band)])
        if floors == before:
            break
    for i in range(n):
        if not inputs[i] and outputs[i]:
            rank[i] = max(rank[i], min(rank[j] - 1 - (layers[i] != layers[j]) for j in outputs[i]))
    dense = {r: k for k, r in enumerate(sorted(set(rank)))}
    return [dense[r] for r in rank]


def chains(rank: list[int], arrows: Sequence[tuple[int, int]]) -> tuple[list[list[int]], list[int]]:
    """Each arrow as a chain with one bend in every rank that it passes; and the ranks of the bends."""
    found = []
    bends: list[int] = []
    for i, j in arrows:
        passed = range(rank[i] + 1, rank[j]) if rank[j] - rank[i] <= LONG else range(0)
        start = len(rank) + len(bends)
        found.append([i, *range(start, start + len(passed)), j])
        bends.extend(passed)
    return found, bends


def ordered(rank: list[int], links: list[tuple[int, int]], outside: list[int]) -> list[list[int]]:
    """The boxes and bends of each rank in an order with few crossings; what is in no layer comes last."""
    rows: list[list[int]] = [[] for _ in range(max(rank) + 1)]
    for i, r in enumerate(rank):
        rows[r].append(i)
    for row in rows:
        row.sort(key=lambda i: outside[i])
    near = _neighbours(rank, links)
    best, fewest = [list(row) for row in rows], _crossings(rows, rank, links)
    for sweep in range(SWEEPS):
        side = sweep % 2
        place = {i: float(k) for row in rows for k, i in enumerate(row)}
        for row in rows if side == 0 else rows[::-1]:
            middle = {i: _mean([place[j] for j in near[side][i]], place[i]) for i in row}
            row.sort(key=lambda i: (outside[i], middle[i]))
            place.update({i: float(k) for k, i in enumerate(row)})
        crossings = _crossings(rows, rank, links)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _neighbours(rank: list[int], links: list[tuple[int, int]]) -> tuple[list[list[int]], list[list[int]]]:
    before: list[list[int]] = [[] for _ in rank]
    after: list[list[int]] = [[] for _ in rank]
    for i, j in links:
        before[j].append(i)
        after[i].append(j)
    return before, after


def _crossings(rows: list[list[int]], rank: list[int], links: list[tuple[int, int]]) -> int:
    """How many links between two ranks cross: the inversions among their ends."""
    place = {i: k for row in rows for k, i in enumerate(row)}
    total = 0
    ends: list[list[tuple[int, int]]] = [[] for _ in rows]
    for i, j in links:
        ends[rank[i]].append((place[i], place[j]))
    for pairs in ends:
        seen: list[int] = []
        for _, end in sorted(pairs):
            total += len(seen) - bisect_right(seen, end)
            insort(seen, end)
    return total


def _mean(xs: list[float], otherwise: float) -> float:
    return sum(xs) / len(xs) if xs else otherwise
