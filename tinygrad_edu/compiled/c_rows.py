"""Rows that are picked by an array of integers, and rows that are added to those places."""

from __future__ import annotations

import math

from .c_loops import Text, index
from .c_lower import Step
from .c_memory import contiguous
from .c_types import literal

__all__ = ["gathered", "scattered"]


def gathered(step: Step) -> Text:
    """out[i] = x[rows[i]], or x[rows[i], columns[i]]"""
    x = step.inputs[0]
    count = len(step.reads)
    text = Text(fails=True)
    _picked(step, text, x.shape)
    text.reads[x.home] = text.writes[step.out.home] = None
    depth, variables = _inner(text, x.shape[count:])
    place = index((math.prod(x.shape[count:]), *contiguous(x.shape[count:])), ["i", *variables])
    chosen = [f"at{k}" for k in range(count)]
    text.add(
        depth, f"{step.out.home.name}[{place}] = {x.home.name}[{index(x.strides, [*chosen, *variables], x.offset)}];"
    )
    text.add(1, "}")
    return text


def scattered(step: Step) -> Text:
    """out = 0; out[rows[i]] += g[i]"""
    g, out, rows = step.inputs[0], step.out, step.reads[0]
    count = len(step.reads)
    text = Text(fails=True)
    text.add(1, f"for (int i = 0; i < {out.size}; i++) {out.home.name}[i] = {literal(0, out.dtype)};")
    _picked(step, text, out.shape)
    text.reads[g.home] = text.writes[out.home] = None
    depth, variables = _inner(text, out.shape[count:])
    place = index(out.strides, [*(f"at{k}" for k in range(count)), *variables])
    strides = g.along((*rows.shape, *out.shape[count:]))
    from_g = index(strides, [*_axes(rows.shape), *variables], g.offset)
    text.add(depth, f"{out.home.name}[{place}] += {g.home.name}[{from_g}];")
    text.add(1, "}")
    return text


def _axes(shape: tuple[int, ...]) -> list[str]:
    """The indices that the number i counts."""
    if len(shape) == 1:
        return ["i"]
    return [f"(i / {s} % {n})" for n, s in zip(shape, contiguous(shape), strict=True)]


def _picked(step: Step, text: Text, shape: tuple[int, ...]) -> None:
    """The loop over the places; negative indices count from the end, and others that do not exist are an error."""
    text.add(1, f"for (int i = 0; i < {step.reads[0].size}; i++) {{")
    for k, (rows, length) in enumerate(zip(step.reads, shape, strict=False)):
        text.reads[rows.home] = None
        place = index(rows.strides, _axes(rows.shape), rows.offset)
        text.add(2, f"int64_t at{k} = {rows.home.name}[{place}];")
        text.add(2, f"if (at{k} < -{length} || at{k} >= {length}) {{")
        text.add(3, f"((int64_t *)memory)[0] = at{k}, ((int64_t *)memory)[1] = {k};  /* for the message */")
        text.add(3, "return 1;")
        text.add(2, "}")
        text.add(2, f"if (at{k} < 0) at{k} += {length};")


def _inner(text: Text, shape: tuple[int, ...]) -> tuple[int, list[str]]:
    """The loops over the entries that each place names."""
    variables = list("jklmnabcdefgh"[: len(shape)])
    for d, (j, n) in enumerate(zip(variables, shape, strict=True)):
        text.add(d + 2, f"for (int {j} = 0; {j} < {n}; {j}++)")
    return len(shape) + 2, variables
