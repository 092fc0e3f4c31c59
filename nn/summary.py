"""What a network and its training look like at a glance: tables and a curve, in the terminal and in a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_edu import Tensor
from tinygrad_edu.visual.text import literal, number

from .layers import Activation, Linear, Sequential
from .module import Module
from .plot import accuracies, accuracy_range

if TYPE_CHECKING:
    from .train import History

__all__ = ["history_html", "html", "table"]

HEAD = ("layer", "output", "parameters", "|dC/dw|", "|dC/db|")
FONT = "font-family:system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;font-size:13px;line-height:1.45"
BLUE, ORANGE = "#2F7FD1", "#D9730D"  # readable on white and on black


class _Row(NamedTuple):
    """One line of the table: a module, or a Tensor that a learner's module holds."""

    depth: int
    layer: str
    output: str = ""
    parameters: str = ""
    dw: str = ""
    db: str = ""


def table(net: Module) -> str:
    """The network as text, for print(net): layer, output shape, parameters, size of the gradient.

    |dC/dw| = sqrt(sum_ij (dC/dw_ij)^2), after backward(); S is the number of examples in the batch.
    """
    if not _holds_anything(net):
        return repr(net)
    rows, total, notes = _summary(net)
    lines = [HEAD, *(("  " * r.depth + r.layer, *r[2:]) for r in rows), ("total", "", total, "", "")]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    just = (str.ljust, str.ljust, str.rjust, str.rjust, str.rjust)
    text = ["  ".join(f(cell, w) for f, cell, w in zip(just, line, widths, strict=True)).rstrip() for line in lines]
    rule = "─" * max(map(len, text))
    return "\n".join([text[0], rule, *text[1:-1], rule, text[-1], *notes])


def html(net: Module) -> str:
    """The same for a notebook."""
    if not _holds_anything(net):
        return f"<code>{escape(literal(repr(net), 200))}</code>"
    rows, total, notes = _summary(net)
    line = "border-bottom:1px solid #98A2B3"
    align = ("left", "left", "right", "right", "right")

    def cells(tag: str, values: Sequence[str], style: str = "", depth: int = 0) -> str:
        indent = [f"padding:2px 12px 2px {4 + 16 * depth}px"] + ["padding:2px 12px 2px 4px"] * 4
        return "".join(
            f'<{tag} style="text-align:{a};{pad};{style}">{escape(value)}</{tag}>'
            for value, a, pad in zip(values, align, indent, strict=True)
        )

    body = "".join(f"<tr>{cells('td', r[1:], depth=r.depth)}</tr>" for r in rows)
    below = "".join(f"<div>{escape(note)}</div>" for note in notes)
    return (
        f'<div style="{FONT}"><table style="border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums">'
        f"<thead><tr>{cells('th', HEAD, line)}</tr></thead><tbody>{body}</tbody>"
        f"<tfoot><tr>{cells('th', ('total', '', total, '', ''), 'border-top:1px solid #98A2B3')}</tr></tfoot></table>"
        f'<div style="opacity:.75;margin-top:4px">{below}</div></div>'
    )


def _holds_anything(net: Module) -> bool:
    return any(True for _ in net.children())


def _summary(net: Module) -> tuple[list[_Row], str, list[str]]:
    """The rows, how many parameters there are, and what has to be said below."""
    rows = list(_Walk().rows("", net, 0, _inputs(net)))
    learned = net.parameters()
    fixed = {id(t): t.size for _, t in net.named_tensors() if not t.requires_grad}
    notes = []
    if fixed:
        notes.append(f"besides {sum(fixed.values()):,} numbers that are not learned")
    if any(p.grad is None for p in learned):
        notes.append("—: not computed.  backward() of a cost finds it")
    return rows, f"{sum(p.size for p in learned):,}", notes


class _Walk:
    """From module to module; what was counted once is shared the second time."""

    def __init__(self) -> None:
        self.counted: set[int] = set()
        self.inside: list[Module] = []
        self.size: int | None = None  # numbers that come out of the last module, where that is known

    def rows(self, name: str, m: Module, depth: int, size: int | None) -> Iterator[_Row]:
        """The row of a module, and of what it holds; `size` numbers go in."""
        self.inside.append(m)
        children = list(m.children())
        tensors = {n: t for n, t in children if isinstance(t, Tensor)}
        modules = [(n, c) for n, c in children if isinstance(c, Module) and all(c is not o for o in self.inside)]
        plain = tensors.keys() <= {"weight", "bias"}
        chain = isinstance(m, Sequential) and type(m).forward is Sequential.forward
        out = m.weight.shape[0] if isinstance(m, Linear) else size if isinstance(m, Activation) else None
        row = _Row(depth, f"{literal(name)}: {_what(m)}" if name else _what(m), _shape(out))
        if tensors and plain:
            row = row._replace(parameters=self._count(*tensors.values()))
            row = row._replace(dw=_norm(tensors.get("weight")), db=_norm(tensors.get("bias")))
        yield row
        for n, t in () if plain else tensors.items():
            yield _Row(depth + 1, literal(n), str(t.shape), self._count(t), _norm(t))
        self.size = size
        for n, child in modules:
            yield from self.rows(n, child, depth + 1, self.size if chain else None)
        self.inside.pop()
        if not chain:
            self.size = out

    def _count(self, *tensors: Tensor) -> str:
        """How many numbers are learned here for the first time."""
        learned = [t for t in tensors if t.requires_grad]
        new = [t for t in learned if id(t) not in self.counted]
        self.counted |= {id(t) for t in learned}
        return f"{sum(t.size for t in new):,}" if new else "shared" if learned else "fixed"


def _inputs(net: Module) -> int | None:
    """How many numbers go into the network, where its first layer says so."""
    first = next((m for m in net.modules() if not isinstance(m, Sequential)), None)
    return first.weight.shape[1] if isinstance(first, Linear) else None


def _what(m: Module) -> str:
    """How it was made, in one line."""
    container = _holds_anything(m) and type(m).__repr__ is Module.__repr__
    return literal(type(m).__name__) if container else literal(repr(m), 60)


def _shape(size: int | None) -> str:
    return "" if size is None else f"(S, {size})"


def _norm(t: Tensor | None) -> str:
    """The length of the gradient as one vector; — if it is not computed."""
    if t is None or not t.requires_grad:
        return ""
    return "—" if t.grad is None else number(float(np.linalg.norm(t.grad.data.astype(np.float64))), 4)


# ---- a history in a notebook -----------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 460.0, 190.0, 54.0, 54.0, 26.0, 34.0
DOTTED = "1 4"


def history_html(history: History) -> str:
    """The last epoch of a training in numbers, and the curves as SVG."""
    if not history.epochs:
        return "no epochs yet"
    last = history.epochs[-1]
    words = [f"epoch {last.number}", f"cost {last.cost:.4f}"]
    if last.validation_cost is not None:
        words.append(f"validation {last.validation_cost:.4f}")
    if last.validation_accuracy is not None:
        words[-1] += f" ({100 * last.validation_accuracy:.1f} %)"
    if last.accuracy is not None:
        words.append(f"test {last.right}/{last.tested} ({100 * last.accuracy:.1f} %)")
    words.append(f"{last.seconds:.1f} s" if last.number else "before training")
    if history.interrupted:
        words.append("interrupted: what was learned is kept")
    curves = _curves(history) if len(history.epochs) > 1 else ""
    return f'<div style="{FONT}"><div>{" · ".join(words)}</div>{curves}</div>'


def _curves(history: History) -> str:
    """Cost, and test accuracy where there is one, epoch by epoch; those of the validation examples dotted."""
    costs = [(e.number, e.cost) for e in history.epochs]
    validated = [(e.number, e.validation_cost) for e in history.epochs if e.validation_cost is not None]
    highest = max((c for _, c in costs + validated if math.isfinite(c)), default=0.0) or 1.0
    first, end = costs[0][0], max(costs[-1][0], costs[0][0] + 1)
    right = {kind: found for kind in ("test", "validation") if (found := accuracies(history, kind))}
    dashes = {"test": "6 3", "validation": DOTTED}
    bottom = HEIGHT - BOTTOM
    about = f"cost {number(costs[0][1], 4)} to {number(costs[-1][1], 4)}"
    parts = [
        f'<path d="M{LEFT:g} {TOP:g}V{bottom:g}H{WIDTH - RIGHT:g}" fill="none" stroke="#98A2B3"/>',
        _line(costs, (first, end), (0.0, highest), BLUE, ""),
        _label("cost C", LEFT, TOP - 10, "start", BLUE),
        _label(number(highest, 3), LEFT - 6, TOP + 4, "end", BLUE),
        _label("0", LEFT - 6, bottom + 4, "end", BLUE),
        _label(str(first), LEFT, bottom + 17),
        _label(str(end), WIDTH - RIGHT, bottom + 17),
        _label("epoch; dotted: validation" if validated else "epoch", (LEFT + WIDTH - RIGHT) / 2, bottom + 17),
    ]
    if validated:
        about += f", of the validation examples {number(validated[0][1], 4)} to {number(validated[-1][1], 4)}"
        parts.append(_line(validated, (first, end), (0.0, highest), BLUE, f' stroke-dasharray="{DOTTED}"'))
    if right:
        ranges = [accuracy_range([p for _, p in found]) for found in right.values()]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
        for kind, found in right.items():
            about += f", {kind} accuracy {found[0][1]:.1f} % to {found[-1][1]:.1f} %"
            parts.append(_line(found, (first, end), (low, high), ORANGE, f' stroke-dasharray="{dashes[kind]}"'))
        parts += [
            _label("test accuracy, dashed" if "test" in right else "accuracy", WIDTH - RIGHT, TOP - 10, "end", ORANGE),
            _label(f"{high:g} %", WIDTH - RIGHT + 6, TOP + 4, "start", ORANGE),
            _label(f"{low:g} %", WIDTH - RIGHT + 6, bottom + 4, "start", ORANGE),
        ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}" height="{HEIGHT:g}" viewBox="0 0 {WIDTH:g} '
        f'{HEIGHT:g}" role="img" aria-label="{escape(about)}" style="display:block;max-width:100%;margin-top:6px" '
        f'font-family="Helvetica,Arial,sans-serif"><title>{escape(about)}</title>{"".join(parts)}</svg>'
    )


def _line(
    points: Sequence[tuple[float, float]], xs: tuple[float, float], ys: tuple[float, float], color: str, dash: str
) -> str:
    """A curve in the frame; what lies below it is cut off at its lower edge."""

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - xs[0]) / (xs[1] - xs[0]) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - ys[0]) / (ys[1] - ys[0]) * (HEIGHT - BOTTOM - TOP),
        )

    known = [p for p in points if math.isfinite(p[1])]
    parts = []
    for (x0, y0), (x1, y1) in pairwise(known):
        if y0 < ys[0] < y1:  # comes from below
            x0, y0 = x0 + (ys[0] - y0) / (y1 - y0) * (x1 - x0), ys[0]
        if min(y0, y1) >= ys[0]:
            (u0, v0), (u1, v1) = at(x0, y0), at(x1, y1)
            parts.append(f"M{u0:.1f} {v0:.1f}L{u1:.1f} {v1:.1f}")
    path = _joined(parts)
    dots = "".join('<circle cx="{:.1f}" cy="{:.1f}" r="2"/>'.format(*at(*p)) for p in known if p[1] >= ys[0])
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2"{dash}/><g fill="{color}">{dots}</g>'


def _joined(parts: list[str]) -> str:
    """Pieces of a curve as one path: a piece that starts where the last one ended goes on with it."""
    path, end = "", ""
    for part in parts:
        start, _, stop = part[1:].partition("L")
        path += f"L{stop}" if start == end else part
        end = stop
    return path


def _label(text: str, x: float, y: float, anchor: str = "middle", color: str = "currentColor") -> str:
    return f'<text x="{x:g}" y="{y:g}" font-size="11" text-anchor="{anchor}" fill="{color}">{escape(text)}</text>'
