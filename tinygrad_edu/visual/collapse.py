"""A picture with its layers folded: one box for each, and one for several alike in a row."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from ..errors import DrawingError
from .picture import Box, Picture

__all__ = ["collapse"]


def collapse(picture: Picture, wanted: Any) -> Picture:
    """The picture with each of the wanted layers as one box (True: all of them).

    Layers in a row that are alike, operation for operation and shape for shape, become one box "× N".
    """
    members = picture.layers()
    if wanted is True:
        wanted = list(members)
    elif not isinstance(wanted, Collection) or not all(l in members for l in wanted):
        there = ", ".join(map(str, members)) or "none"
        raise DrawingError(f"collapse is True, or some of the layers that there are ({there}); got {wanted!r:.60}")
    runs: list[list[int]] = []
    for layer in sorted(wanted):
        if runs and layer == runs[-1][-1] + 1 and _like(picture, members[layer]) == _like(picture, members[layer - 1]):
            runs[-1].append(layer)
        else:
            runs.append([layer])
    into = {i: k for k, run in enumerate(runs) for layer in run for i in members[layer]}
    folded = [_folded(picture, run, members) for run in runs]
    # Boxes stay in the order of the computation: a folded layer stands where its last member stood.
    last = {k: max(i for i in into if into[i] == k) for k in range(len(runs))}
    boxes: list[Box] = []
    place: dict[int, int] = {}
    for i, box in enumerate(picture.boxes):
        if i not in into:
            place[i] = len(boxes)
            boxes.append(box)
        elif last[into[i]] == i:
            place |= dict.fromkeys((j for j in into if into[j] == into[i]), len(boxes))
            boxes.append(folded[into[i]])
    arrows: dict[tuple[int, int], str] = {}
    for (i, j), label in zip(picture.arrows, picture.labels, strict=True):
        if place[i] != place[j]:
            arrows[place[i], place[j]] = "" if i in into or j in into else label
    return replace(picture, boxes=tuple(boxes), arrows=tuple(arrows), labels=tuple(arrows.values()))


def _like(picture: Picture, members: list[int]) -> list[tuple[str, str]]:
    """What makes two layers alike: their kinds of boxes and shapes."""
    return [(box.what, dict(box.rows).get("shape", "")) for box in (picture.boxes[i] for i in members)]


def _folded(picture: Picture, run: list[int], members: dict[int, list[int]]) -> Box:
    """One box for the layers of a run: what they do, their parameters, and the last one's activity and error."""
    boxes = [picture.boxes[i] for i in members[run[-1]]]
    first = [picture.boxes[i] for i in members[run[0]]]
    done = [box.what for box in boxes if box.kind == "operation"]
    rows = []
    for box in first:
        if box.kind == "parameter":
            rows.append((box.symbol, " ".join(dict(box.rows).get("shape", "()").split())))
            rows += [(f"{box.symbol} {label}", v) for label, v in box.rows if label == "after the update"]
    for box in boxes:
        if box.kind == "operation":
            rows += [(label, v) for label, v in box.rows if label.startswith("gradient δ")]
    rows += [(f"value {boxes[-1].symbol}", v) for label, v in boxes[-1].rows if label == "value"]
    many = f"layers {run[0]} … {run[-1]}" if len(run) > 1 else f"layer {run[0]}"
    return Box(
        kind="layer",
        symbol=many,
        name=f"× {len(run)}" if len(run) > 1 else "",
        what=" → ".join(done[:4]) + (" → …" if len(done) > 4 else ""),
        formula="",
        rows=tuple(rows),
        layer=None,
        hint=f"{many}, folded: {len(first) * len(run)} nodes",
        root=any(box.root for box in boxes),
    )
