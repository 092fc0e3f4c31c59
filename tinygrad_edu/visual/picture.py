"""What a drawing shows: a box for every Tensor, an arrow for every use of one.  Text only, no Tensors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..errors import DrawingError
from ..graph import toposort
from ..op import Traced
from .formula import Symbol, formula
from .notation import infix
from .symbolic import local_derivative, passed_part
from .text import literal, number, plain, subscript, values
from .theme import LAYER_FILL, PHASE_FILLS

__all__ = ["Box", "Picture", "layers_of", "read", "symbols_of"]

NOT_COMPUTED = "—, not computed"
NOT_KEPT = "— (retain_grad() keeps it)"
NOT_WANTED = "—, not asked for"
OUTSIDE = ("x", "y", "cost")  # the roles that belong to no layer
COLUMNS = (
    "shape",
    "value",
    "value now",
    "gradient",
    "after the update",
)  # of the table; those that are empty are left out
FEW = 60  # arrows: up to so many have their local derivatives written on them unasked


@dataclass(frozen=True)
class Box:
    """One Tensor, as it is shown."""

    kind: Literal["data", "parameter", "operation", "layer"]
    symbol: str
    name: str  # what its owner calls it, where that differs from the symbol
    what: str  # the name of the op, or the kind
    formula: str
    rows: tuple[tuple[str, str], ...]  # shape, value, gradient
    layer: int | None
    hint: str  # the rule of the op in general, shown on hover
    root: bool


@dataclass(frozen=True)
class Picture:
    """Boxes in the order of the computation, and arrows from input to output."""

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[int, int], ...]
    direction: str
    labels: tuple[str, ...]  # of each arrow: the local derivative, "" where none is shown
    back: tuple[tuple[int, int], ...] = ()  # arrows against the flow, which are dashed: what is written back
    frames: tuple[str, ...] = ()  # what the frames are called, where they are not layers but phases
    title: str = ""  # of what it is a picture, where that is no Tensor
    remarks: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Of what it is a picture."""
        return self.title or next(box.symbol for box in self.boxes if box.root)

    def frame(self, layer: int) -> tuple[str, str]:
        """What stands on the frame round these boxes, and its colour."""
        return (self.frames[layer], PHASE_FILLS[layer]) if self.frames else (f"layer {layer}", LAYER_FILL)

    @property
    def caption(self) -> str:
        """What a reader has to know to read it; "" if nothing."""
        if self.remarks:
            return "  ·  ".join(self.remarks)
        shown = [value for box in self.boxes for _, value in box.rows]
        says = []
        if any(self.labels):
            says.append("on the arrows: local derivatives")
        if any(re.search(r"\bg\b", label) for label in self.labels):
            says[-1] += ", or what is passed back of the gradient g of the box ahead"
        says += ["a … b: from the smallest entry to the largest"] * any(" … " in value for value in shown)
        return "  ·  ".join(says)

    def layers(self) -> dict[int, list[int]]:
        """The boxes that belong to each layer, from the first layer to the last."""
        found: dict[int, list[int]] = {}
        for i, box in enumerate(self.boxes):
            if box.layer is not None:
                found.setdefault(box.layer, []).append(i)
        return dict(sorted(found.items()))

    def table(self) -> str:
        """The same as lines of text."""
        head = ("", "computed as", "phase" if self.frames else "layer", *COLUMNS)
        whole = [head, *(_line(box, self.frames) for box in self.boxes)]
        seen = [k for k, column in enumerate(zip(*whole, strict=True)) if k < 3 or any(column[1:])]
        lines = [[line[k] for k in seen] for line in whole]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def _line(box: Box, frames: tuple[str, ...]) -> tuple[str, ...]:
    cells = dict.fromkeys(COLUMNS, "")
    others = []  # what a folded layer holds
    for label, value in box.rows:
        column = label if label in cells else label.split()[0]
        if column in cells:
            cells[column] = value
        else:
            others.append(f"{label} {value}")
    name = f"{box.symbol} {box.name}".strip()
    inside = ", ".join([*([box.formula] if box.formula else []), *others])
    how = f"{box.what}: {inside}" if inside else box.what
    frame = "" if box.layer is None else frames[box.layer] if frames else str(box.layer)
    return (name, how, frame, *cells.values())


def read(
    root: Any,
    direction: str,
    max_nodes: int,
    *,
    forward: bool = False,
    local: bool | None = False,
    eta: float | None = None,
) -> Picture:
    """The picture of the graph that led to `root`.

    forward: without gradients; local: with local derivatives on the arrows (None: if they are few);
    eta: with what each parameter is after the update.
    """
    made = toposort(root)
    tensors = list(dict.fromkeys(_forward(made, root)))
    if len(tensors) > max_nodes:
        raise DrawingError(
            f"this graph has {len(tensors):,} nodes, and a drawing is limited to {max_nodes:,}, so that it can be "
            f"read.  Draw one example instead of a batch; compute with Tensors that hold arrays instead of single "
            f"numbers; fold the layers of a network: draw(t, collapse=True); or allow more: "
            f"draw(t, max_nodes={len(tensors)})"
        )
    index = {t: i for i, t in enumerate(tensors)}
    uses = [(t, i) for t in tensors for i, x in enumerate(t.inputs) if isinstance(x, Traced)]
    arrows = [(index[t.inputs[i]], index[t]) for t, i in uses]
    layers = layers_of(tensors, arrows)
    symbols = symbols_of(tensors, cost=root if root.op is not None and root.size == 1 else None)
    used = {x: a for t in made for x, a in zip(t.inputs, t._arrays, strict=True) if isinstance(x, Traced)}
    swept = any(t.grad is not None for t in tensors)
    boxes = []
    for t, layer in zip(tensors, layers, strict=True):
        rows = _rows(t, symbols[t], used.get(t, t._data), swept, eta)
        shown = tuple(row for row in rows if not (forward and row[0].startswith("gradient")))
        boxes.append(_box(t, symbols, layer, shown, t is root))
    labels = [""] * len(arrows)
    if local or (local is None and not forward and len(arrows) <= FEW):
        labels = [_local(t, i, symbols) for t, i in uses]
    return Picture(tuple(boxes), tuple(arrows), direction, tuple(labels))


def _forward(made: list[Any], root: Any) -> Iterator[Any]:
    """Every Tensor after those it was made from; a leaf where it is first used."""
    for t in reversed(made):
        for x in t.inputs:
            if isinstance(x, Traced) and x.op is None:
                yield x
        yield t
    if not made:
        yield root


# ---- one box ---------------------------------------------------------------------------------------------


def _box(t: Any, symbols: dict[Any, Symbol], layer: int | None, rows: tuple[tuple[str, str], ...], root: bool) -> Box:
    symbol = symbols[t]
    name = literal(t.name or "")
    again = (str(symbol), symbol.base, f"{symbol.base}{symbol.layer}", f"{symbol.base}{plain(symbol.below)}")
    what, how, hint = ("parameter", "", "") if t.requires_grad else ("data", "", "")
    if t.op is not None:
        axis = t.params.get("axis")
        what = literal(t.op.name if axis is None else f"{t.op.name}, axis {str(axis).strip('(,)')}")
        how = formula(t.op, [symbols[x] if isinstance(x, Traced) else x for x in t.inputs], t.params)
        hint = literal(f"{t.op.name}: {t.op.formula}", 80)
    return Box(
        kind="operation" if t.op is not None else "parameter" if t.requires_grad else "data",
        symbol=str(symbol),
        name="" if name in again else name,
        what=what,
        formula=how,
        rows=rows,
        layer=layer,
        hint=hint or ("requires_grad=True: learned" if t.requires_grad else "requires_grad=False: given"),
        root=root,
    )


def _rows(t: Any, symbol: Symbol, used: Any, swept: bool, eta: float | None) -> Iterator[tuple[str, str]]:
    """The shape of an array; the value that the graph has seen; the gradient, or why there is none; the update."""
    if t.ndim:
        plain = t.dtype == np.float64
        yield "shape", f"{t.shape}" if plain else f"{t.shape} {t.dtype}"
    yield "value", values(np.asarray(used))
    if used is not t._data and not np.array_equal(used, t._data, equal_nan=t.dtype.kind == "f"):
        yield "value now", values(t.data)  # assigned since: the graph keeps what it has seen
    delta = symbol.base == "z" and symbol.layer is not None
    mean = "/S" if t.ndim > 1 and t.shape[0] > 1 else ""  # C is the mean of C_x over the mini-batch
    label = f"gradient {symbol._replace(base='δ')}{mean}" if delta else "gradient"
    kept = t.op is None or "retain_grad" in (t._notes or {})
    if t.grad is not None:
        yield label, values(t.grad.data)
        if eta is not None and t.op is None:
            yield (
                "after the update",
                values(np.asarray(used - eta * t.grad.data)),
            )  # as trace has it: of the value that the graph has seen
    elif not t.requires_grad:
        yield label, NOT_WANTED
    else:
        yield label, NOT_COMPUTED if kept or not swept else NOT_KEPT


def _local(t: Any, i: int, symbols: dict[Any, Symbol]) -> str:
    """What the arrow from the i-th input to t multiplies: dt/dx as a number, or as a formula if that is short.

    Where an entry depends on several, what is passed back is written instead: g w, with g = dC/dt.
    """
    x = t.inputs[i]
    if not x.requires_grad or not (callable(t.op.vjps) or t.op.vjps[i] is not None):
        return ""
    ids = {x: f"n{k}" for k, x in enumerate([t, *(y for y in t.inputs if isinstance(y, Traced))])}
    names = {key: str(symbols[y]) for y, key in ids.items()}
    derivative = local_derivative(t, i, ids)
    if derivative is not None and not t.ndim:
        return number(derivative[1][()], 4)
    tree = passed_part(t, i, ids) if derivative is None else derivative[0]
    text = infix(tree, names.__getitem__, lambda key: "g")
    return text if len(text) <= 18 and all(symbols[y].short for y in ids) else ""


# ---- names and layers ------------------------------------------------------------------------------------


def _role(t: Any) -> tuple[str, int] | None:
    """The symbol and the layer that `nn` gave it."""
    match t.role:
        case (str(symbol), int(layer)) if literal(symbol):
            return literal(symbol, 12), layer
    return None


def symbols_of(tensors: list[Any], names: Mapping[Any, str] | None = None, cost: Any = None) -> dict[Any, Symbol]:
    """The lecture's symbol, else the name, else C for the cost, else v₁, v₂, … in the order of the computation.

    Where several have one role, neuron by neuron, the name tells them apart: w21 in layer 3 is w³₂₁.
    """
    symbols = {}
    unnamed = 0
    holders = Counter(role for t in tensors if (role := _role(t)) is not None)
    for t in tensors:
        role, name = _role(t), literal(t.name or (names or {}).get(t, ""))
        if role is not None and (holders[role] == 1 or not name):
            base, layer = role
            symbols[t] = Symbol("C" if base == "cost" else base, None if base in OUTSIDE else layer)
        elif role is not None and re.fullmatch(re.escape(role[0]) + "[0-9]{1,4}", name):
            base, layer = role
            symbols[t] = Symbol(base, None if base in OUTSIDE else layer, subscript(int(name[len(base) :])))
        elif name:
            symbols[t] = Symbol(name)
        elif t is cost:
            symbols[t] = Symbol("C")
        else:
            unnamed += 1
            symbols[t] = Symbol("v", None, subscript(unnamed))
    return symbols


def layers_of(tensors: list[Any], arrows: list[tuple[int, int]]) -> list[int | None]:
    """The layer of each Tensor: that of its role, else of the nearest Tensor with a role that it leads to.

    x, y and the cost belong to no layer, nor does what leads to them, nor data without a role.
    """
    far = len(tensors)
    nearest: list[tuple[int, int | None]] = [(far, None)] * far  # how many arrows away, its layer
    outputs: list[list[int]] = [[] for _ in tensors]
    for i, j in arrows:
        outputs[i].append(j)
    for i in reversed(range(far)):
        role = _role(tensors[i])
        if role is not None:
            nearest[i] = (0, None if role[0] in OUTSIDE else role[1])
        elif tensors[i].requires_grad:
            steps, layer = min((nearest[j] for j in outputs[i]), key=lambda n: n[0], default=(far, None))
            nearest[i] = (steps + 1, layer)
    return [layer for _, layer in nearest]
