"""A Tensor in a notebook: its value and its gradient as heat-maps.  HTML with SVG inside, no scripts, no styles.

Blue is positive and orange negative, which all eyes can tell apart; zero is near white.  Letters take the colour
of the page, so that it reads on light and on dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .text import literal, number, superscript

__all__ = ["LEVELS", "blocks", "colour", "html"]

Array = npt.NDArray[Any]

MOST = 32  # cells in a row or a column; more are averaged in blocks
MOST_OF_SLICE = 16  # the same for each slice of an array of three or more axes
SLICES = 4
WITH_NUMBERS = 8  # up to so many rows and columns have their numbers written in the cells
HUGE = 1e290  # sums of larger numbers may overflow
SIZE = 256  # of a map, in pixels; of a slice, half as much

ZERO = (0xF4, 0xF5, 0xF7)
PLUS = ((0x86, 0xB0, 0xDE), (0x17, 0x4F, 0x94))  # half way, and the largest
MINUS = ((0xEE, 0xA9, 0x78), (0xA8, 0x3F, 0x04))
INK = "#1B1F24"
NO_NUMBER = "#FFFFFF"
LEVELS = 16  # of each sign

MEANING = {"x": "input", "w": "weights", "b": "biases", "z": "weighted inputs", "a": "activities", "y": "target"}
FONT = "font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;line-height:1.45"


def html(t: Any) -> str:
    """The Tensor `t` for a notebook: what it is, its value, its gradient."""
    name = escape(literal(t.name or ""))
    symbol = escape(_symbol(t.role))
    head = " ".join(f"<b>{word}</b>" for word in dict.fromkeys((symbol, name)) if word) or "<b>Tensor</b>"
    facts = [f"shape {t.shape}", str(t.dtype), *_origin(t)]
    parts = [_panel("value", t.data)]
    if t.grad is not None:
        parts.append(_panel("gradient", t.grad.data))
    else:
        parts.append(f'<div><div>gradient</div><div style="opacity:.75">{_no_gradient(t)}</div></div>')
    return (
        f'<div style="{FONT}"><div>{head} <span style="opacity:.75">{escape(" · ".join(facts))}</span></div>'
        f'<div style="display:flex;flex-wrap:wrap;gap:12px 36px;margin-top:6px">{"".join(parts)}</div></div>'
    )


def _symbol(role: tuple[str, int] | None) -> str:
    if role is None:
        return ""
    base, layer = role
    if base == "cost":
        return "C"
    return literal(f"{base}{superscript(layer)}" if layer else base, 12)


def _origin(t: Any) -> Iterator[str]:
    if t.role is not None and t.role[0] in MEANING:
        yield MEANING[t.role[0]] + (f" of layer {t.role[1]}" if t.role[1] else "")
    if t.op is not None:
        yield f"made by {literal(t.op.name)}"


def _no_gradient(t: Any) -> str:
    if not t.requires_grad:
        return "—, not asked for: requires_grad=False"
    if t.op is not None:
        return "—, not computed<br>retain_grad() before backward() keeps it"
    return "—, not computed<br>backward() of the cost finds it"


# ---- one map ---------------------------------------------------------------------------------------------


def _panel(title: str, array: Array) -> str:
    """An array: a single number as text, more as a picture with its scale."""
    if array.ndim == 0:
        return f"<div><div>{title}</div><div><b>{escape(number(array[()]))}</b></div></div>"
    if array.size == 0:
        return f"<div><div>{title}</div><div>no entries</div></div>"
    slices, note = _slices(array)
    highest = _largest(np.concatenate([cells.ravel() for cells in slices]))
    span = _range(array)
    about = f"{title}, shape {array.shape}: {span}"
    size = SIZE if array.ndim <= 2 else SIZE // 2
    maps = "".join(_map(cells, highest, about, size) for cells in slices)
    notes = [span, *_strange(array), note]
    lines = "".join(f"<div>{escape(line)}</div>" for line in notes if line)
    return (
        f'<div><div>{title}</div><div style="display:flex;flex-wrap:wrap;gap:8px;margin:3px 0">{maps}</div>'
        f'{_scale(highest)}<div style="font-size:12px;opacity:.75">{lines}</div></div>'
    )


def _slices(array: Array) -> tuple[list[Array], str]:
    """The cells of each map that is drawn, and in words what they are."""
    if array.ndim <= 2:
        table = np.atleast_2d(array)
        cells = blocks(table, MOST)
        return [cells], _reduced(array.shape, table.shape, cells.shape)
    stack = array.reshape(-1, *array.shape[-2:])
    shown = [blocks(table, MOST_OF_SLICE) for table in stack[:SLICES]]
    which = "the only 2-d slice" if len(stack) == 1 else f"the first {len(shown)} of {len(stack):,} 2-d slices"
    note = _reduced(array.shape[-2:], array.shape[-2:], shown[0].shape)
    return shown, f"{which}, t[{', '.join('0' * (array.ndim - 2))}] first" + (f"; {note}" if note else "")


def _reduced(shape: tuple[int, ...], table: tuple[int, ...], cells: tuple[int, ...]) -> str:
    """ "32 x 30 of 784 x 30, block means"; nothing if every entry has its own cell."""
    if table == cells:
        return ""
    return f"{' x '.join(map(str, cells[-len(shape) :]))} of {' x '.join(map(str, shape))}, block means"


def blocks(table: Array, most: int) -> Array:
    """A table (m, n) as at most (most, most) cells of float64, each the mean of a block of neighbours.

    A block that holds a NaN is NaN, so that none is hidden.
    """
    with np.errstate(all="ignore"):
        top = _largest(table)
        cells = table / top if top > HUGE else table  # so that no sum overflows
        for axis, size in enumerate(table.shape):
            if size > most:
                parts = np.split(cells, np.arange(1, most) * size // most, axis=axis)
                cells = np.stack([part.mean(axis=axis, dtype=np.float64) for part in parts], axis=axis)
        return cells.astype(np.float64) * (top if top > HUGE else 1.0)


def _finite(array: Array) -> Array:
    """The finite entries; the array itself, without a copy, if all are."""
    finite = np.isfinite(array)
    return array if finite.all() else array[finite]


def _largest(array: Array) -> float:
    """The largest size of a finite entry; 0 if there is none."""
    known = _finite(array)
    return max(abs(float(known.max())), abs(float(known.min()))) if known.size else 0.0


def colour(share: float) -> str:
    """The colour of a value as its share in [-1, 1] of the largest one: orange over near white to blue; NaN white."""
    if math.isnan(share):
        return NO_NUMBER
    half, full = PLUS if share > 0 else MINUS
    level = math.ceil(min(1.0, abs(share)) * LEVELS) / LEVELS
    low, high, part = (ZERO, half, 2 * level) if level <= 0.5 else (half, full, 2 * level - 1)
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in zip(low, high, strict=True))


class _Grid(NamedTuple):
    """Where the cells are: rows, columns, and the size of each."""

    rows: int
    columns: int
    width: float
    height: float
    numbers: bool


def _grid(cells: Array, size: int) -> _Grid:
    rows, columns = cells.shape
    if rows <= WITH_NUMBERS and columns <= WITH_NUMBERS:
        return _Grid(rows, columns, 54, 26, True)
    side = max(8, min(22, size // max(rows, columns)))
    return _Grid(rows, columns, side, side if min(rows, columns) > 2 else max(side, 18), False)


def _map(cells: Array, highest: float, about: str, size: int) -> str:
    """Cells (m, n) as SVG of about `size` pixels; the value `highest` has the full colour."""
    grid = _grid(cells, size)
    w, h = grid.columns * grid.width, grid.rows * grid.height
    strips = "".join(f'<path stroke="{c}" d="{d}"/>' for c, d in _strips(cells, highest).items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w + 2:g}" height="{h + 2:g}" viewBox="-1 -1 {w + 2:g} '
        f'{h + 2:g}" role="img" aria-label="{escape(about)}"><title>{escape(about)}</title>'
        f'<g transform="scale({grid.width:g} {grid.height:g})" fill="none" shape-rendering="crispEdges">{strips}</g>'
        f"{''.join(_marks(cells, highest, grid))}"
        f'<rect x="-.5" y="-.5" width="{w + 1:g}" height="{h + 1:g}" fill="none" stroke="#98A2B3"/></svg>'
    )


def _strips(cells: Array, highest: float) -> dict[str, str]:
    """For each colour one path of horizontal strips as thick as a row: neighbours of a colour are one strip."""
    paths: dict[str, list[str]] = {}
    for i, row in enumerate(cells.tolist()):
        colours = [colour(value / (highest or 1.0)) for value in row]
        start = 0
        for j in range(1, len(row) + 1):
            if j == len(row) or colours[j] != colours[start]:
                paths.setdefault(colours[start], []).append(f"M{start} {i}.5h{j - start}")
                start = j
    return {c: "".join(path) for c, path in paths.items()}


def _marks(cells: Array, highest: float, grid: _Grid) -> Iterator[str]:
    """What the colour alone does not say: numbers in few cells; in many, NaN crossed out and infinities marked."""
    w, h = grid.width, grid.height
    if grid.numbers:
        for (i, j), value in np.ndenumerate(cells):
            dark = not math.isnan(value) and (math.isinf(value) or abs(value) > 0.55 * highest)
            yield (
                f'<text x="{(j + 0.5) * w:g}" y="{(i + 0.5) * h + 4:g}" text-anchor="middle" font-size="11" '
                f'font-family="Helvetica,Arial,sans-serif" fill="{"#FFFFFF" if dark else INK}">'
                f"{_short(value)}</text>"
            )
        return
    crosses, pluses, minuses = [], [], []
    s = round(min(w, h) * 0.5)
    for i, j in np.argwhere(~np.isfinite(cells)):
        x, y = round((j + 0.5) * w - s / 2), round((i + 0.5) * h - s / 2)
        if np.isnan(cells[i, j]):
            crosses.append(f"M{x} {y}l{s} {s}m0-{s}l-{s} {s}")
        else:
            minuses.append(f"M{x} {y + s / 2:g}h{s}")
            if cells[i, j] > 0:
                pluses.append(f"M{x + s / 2:g} {y}v{s}")
    for color, marks in (("#98A2B3", crosses), ("#FFFFFF", minuses + pluses)):
        if marks:
            yield f'<path fill="none" stroke="{color}" stroke-width="1.5" d="{"".join(marks)}"/>'


def _short(value: float) -> str:
    """A number of a cell: three digits, at most eight letters."""
    return number(value, 3).replace("-", "−").replace("inf", "∞").replace("nan", "NaN").replace("e+", "e")


# ---- the numbers beside it -------------------------------------------------------------------------------


def _scale(highest: float) -> str:
    """The bar of colours with its numbers."""
    steps = 2 * LEVELS + 1
    bar = "".join(
        f'<path stroke="{colour((k - LEVELS) / LEVELS)}" d="M{k * 4} 5h4"/>' for k in (range(steps) if highest else ())
    )
    if not bar:
        return ""
    end = escape(_short(highest))
    about = f"colours from −{end}, orange, over 0 to {end}, blue"
    width = steps * 4
    text = '<text y="23" font-size="11" font-family="Helvetica,Arial,sans-serif" fill="currentColor"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + 60}" height="27" viewBox="-30 0 {width + 60} 27" '
        f'role="img" aria-label="{about}" style="display:block;margin-left:-8px">'
        f'<g fill="none" stroke-width="10" shape-rendering="crispEdges">{bar}</g>'
        f'{text} text-anchor="middle" x="2">−{end}</text>{text} text-anchor="middle" x="{width / 2:g}">0</text>'
        f'{text} text-anchor="middle" x="{width - 2}">+{end}</text></svg>'
    )


def _range(array: Array) -> str:
    """min, mean and max of the finite entries."""
    known = _finite(array)
    if not known.size:
        return "no finite entry"
    top = _largest(known)
    mean = np.mean(known / top) * top if top > HUGE else np.mean(known, dtype=np.float64)
    return f"min {number(known.min(), 4)}, mean {number(mean, 4)}, max {number(known.max(), 4)}".replace("-", "−")


def _strange(array: Array) -> Iterator[str]:
    """How many entries are no finite numbers."""
    if array.dtype.kind != "f":
        return
    counts = {"NaN": np.isnan(array), "+∞": array == np.inf, "−∞": array == -np.inf}
    found = [f"{int(where.sum()):,} {what}" for what, where in counts.items() if where.any()]
    if found:
        yield f"besides: {', '.join(found)}"
