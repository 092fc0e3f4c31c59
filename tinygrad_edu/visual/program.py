"""A program of jit as a picture: what it reads, its forward, backward and update, and what it writes back."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ..compiled.program import Instruction, Place, Program, Value
from ..errors import DrawingError
from .formula import Symbol, formula
from .picture import OUTSIDE, Box, Picture
from .text import literal, subscript, values

__all__ = ["PHASES", "phases", "read"]

PHASES = ("forward", "backward", "update")
MANY = 45  # boxes: above, phases are folded unasked
_ROLES = ("x", "y", "w", "b", "z", "a", "d", "e", "f", "h", "n", "p", "r", "cost")  # the symbols that `nn` gives: z2
_GREEK = {"lr": "η", "eps": "ε", "momentum": "μ", "weight_decay": "λ"}  # settings, as in the lecture and the papers


class _Known(Symbol):
    """A symbol that can stand in a formula, whatever its letters."""

    @property
    def short(self) -> bool:
        return True


# ---- phases ----------------------------------------------------------------------------------------------


def phases(program: Program) -> tuple[list[int], tuple[str, ...]]:
    """For each instruction 0, 1 or 2; and what these phases are called.

    The program does not say which is which, but what each leads to does: forward, to the cost that is returned and
    to what the layers named; backward, further, to the gradients that are kept; update, to neither.
    """
    at = {step.out: i for i, step in enumerate(program.code)}
    written = {v for _, v in program.writes}
    gradients = {v for place, v in program.writes if v is not None and _is_gradient(place)}
    toward = _behind(program, at, gradients)
    returned = sorted({at[v] for v in program.results if v in at and v not in gradients})
    named = [step.out for step in program.code if step.out.name and step.out not in written]
    forward = _behind(program, at, [*(program.code[i].out for i in returned[:1]), *named])
    start = min(toward - forward, default=len(program.code))  # the sweep comes after all of the forward phase
    forward |= _behind(program, at, [program.code[i].out for i in returned if i < start])
    found = [0 if i in forward else 1 if i in toward else 2 for i in range(len(program.code))]
    if not gradients and forward and 2 in found:
        return found, ("forward", "", "backward and update")  # as with w.assign(w - eta * grad(cost)(w))
    if not forward and 1 in found:
        return found, ("", "forward and backward", "update")
    return found, PHASES


def _behind(program: Program, at: dict[Value, int], ends: Iterable[Value]) -> set[int]:
    """The instructions that these Values come from."""
    found: set[int] = set()
    ahead = [at[v] for v in ends if v in at]
    while ahead:
        i = ahead.pop()
        if i not in found:
            found.add(i)
            ahead += [at[v] for v in program.code[i].needs() if v in at]
    return found


def _is_gradient(place: Place) -> bool:
    return isinstance(place.key, tuple) and place.key[0] == "grad"


# ---- the picture -----------------------------------------------------------------------------------------


def read(
    program: Program,
    direction: str,
    max_nodes: int,
    collapse: bool | Collection[Any] | None = None,
    arguments: Sequence[str] = (),
) -> Picture:
    """The picture of a program; `arguments` are the names of the function's arguments, where they are known.

    collapse  True: a box for each phase; or their names; None: the update where there are too many boxes, else all
    """
    found, names = phases(program)
    there = [k for k in range(3) if k in found]
    if collapse is None:
        for fold in (set(), {2} & set(there), set(there)):
            picture = _picture(program, direction, found, names, fold, arguments)
            if len(picture.boxes) <= MANY:
                break
    else:
        if not isinstance(collapse, bool) and not all(k in [names[p] for p in there] for k in collapse):
            words = ", ".join(repr(names[p]) for p in there)
            raise DrawingError(
                f"collapse is True, or some of the phases of the program ({words}); got {collapse!r:.60}"
            )
        fold = {k for k in there if collapse is True or (collapse and names[k] in collapse)}
        picture = _picture(program, direction, found, names, fold, arguments)
    if len(picture.boxes) > max_nodes:
        raise DrawingError(
            f"this program gives {len(picture.boxes):,} boxes, and a drawing is limited to {max_nodes:,}, so that it "
            f"can be read.  Fold its phases: draw(f, collapse=True); or allow more: "
            f"draw(f, max_nodes={len(picture.boxes)})"
        )
    return picture


def _picture(
    program: Program,
    direction: str,
    found: list[int],
    names: tuple[str, ...],
    fold: set[int],
    arguments: Sequence[str],
) -> Picture:
    symbols = _symbols(program, arguments)
    numbers = {v: v.sample.item() for v in program.constants if not v.shape}
    code = sorted(zip(found, program.code, strict=True), key=lambda one: one[0])
    several = len(set(found)) > 1
    boxes: list[Box] = []
    where: dict[Value, int] = {}
    for key, group in _outside(program, code, fold, numbers).items():
        where |= dict.fromkeys(group, len(boxes))
        boxes.append(_together(key, group, symbols) if key in _KINDS else _leaf(group[0], program, symbols))
    for k, step in code:
        if k in fold:
            steps = [s for p, s in code if p == k]
            if step is steps[0]:
                where |= dict.fromkeys((s.out for s in steps), len(boxes))
                boxes.append(_phase(names[k], steps, program, symbols, numbers))
        else:
            where[step.out] = len(boxes)
            layer = k if several else symbols[step.out].layer
            boxes.append(_operation(step, program, symbols, numbers, layer))
    arrows: dict[tuple[int, int], int] = {}
    for k, step in code:
        for v in step.needs():
            if v in where and where[v] != where[step.out]:
                pair = where[v], where[step.out]
                arrows[pair] = 1 if k in fold or boxes[pair[0]].kind == "layer" else arrows.get(pair, 0) + 1
    home = {place.key: v for v, place in program.reads}
    back = [(where[v], where[home[p.key]]) for p, v in program.writes if v in where and p.key in home]
    back = list(dict.fromkeys((i, j) for i, j in back if i != j))
    remarks = ["double outline: returned"] * any(box.root for box in boxes)
    remarks += ["dashed: written back when the run is over"] * bool(back)
    return Picture(
        tuple(boxes),
        tuple(pair for pair, n in arrows.items() for _ in range(n)),
        direction,
        ("",) * sum(arrows.values()),
        back=tuple(back),
        frames=names if several else (),
        title=literal(program.name),
        remarks=tuple(remarks),
    )


_KINDS = ("parameters", "optimizer state", "settings", "gradients", "from outside", "random draws", "constants")


def _outside(
    program: Program, code: list[tuple[int, Instruction]], fold: set[int], numbers: dict[Value, Any]
) -> dict[Any, list[Value]]:
    """What comes from outside, box by box; several of a kind share one if only folded phases use them."""
    open_ = {v for k, step in code if k not in fold for v in step.needs()}
    boxes: dict[Any, list[Value]] = {v: [v] for v in program.arguments}
    kinds = [(v, _kind(v, place)) for v, place in program.reads]
    kinds += [(v, "random draws") for v, _ in program.draws] + [(v, "constants") for v in program.constants]
    for v, kind in kinds:
        if v not in numbers:
            boxes.setdefault(v if v in open_ or not fold else kind, []).append(v)
    for kind in _KINDS:
        if len(boxes.get(kind, ())) == 1:
            (v,) = boxes.pop(kind)
            boxes[v] = [v]
    return boxes


def _kind(v: Value, place: Place) -> str:
    if _is_gradient(place):
        return "gradients"
    if place.owner is not None:
        return "parameters" if place.owner.requires_grad else "from outside"
    return "settings" if v.number and " of " not in place.name else "optimizer state"


# ---- boxes -----------------------------------------------------------------------------------------------


def _shape(v: Value) -> str:
    shape = f"{v.shape}" if v.shape else "one number"
    return shape if v.dtype == np.float64 else f"{shape} {v.dtype}"


def _shape_row(v: Value) -> list[tuple[str, str]]:
    """As elsewhere: of an array, its shape; of a number nothing, if it is a float64."""
    return [("shape", _shape(v))] if v.shape or v.dtype != np.float64 else []


def _leaf(v: Value, program: Program, symbols: dict[Value, Symbol]) -> Box:
    """A value from outside."""
    rows = _shape_row(v)
    place = next((place for read, place in program.reads if read is v), None)
    kind, name = "data", ""
    if place is not None:
        what = {"parameters": "parameter", "settings": "setting", "gradients": "gradient"}.get(
            _kind(v, place), "outside"
        )
        kind = "parameter" if what == "parameter" else "data"
        rows.append(("read", "at every run"))
        name = place.name if place.owner is None else literal(place.owner.name or "")
        if any(p.key == place.key for p, _ in program.writes):
            rows.append(("written", "at its end"))
    elif v in program.arguments:
        what = "argument"
    elif any(v is drawn for drawn, _ in program.draws):
        what = "random"
        rows.append(("drawn", "at every run"))
    else:
        what = "constant"
        rows.append(("value", values(np.asarray(v.sample))))
    symbol = str(symbols[v])
    known = (symbol, f"{symbols[v].base}{symbols[v].layer}")
    return Box(
        kind="parameter" if kind == "parameter" else "data",
        symbol=symbol,
        name="" if name in known else literal(name),
        what=what,
        formula="",
        rows=tuple(rows),
        layer=None,
        hint=f"{v!r} of the program",
        root=v in program.results,
    )


def _together(kind: str, group: list[Value], symbols: dict[Value, Symbol]) -> Box:
    """Several of a kind from outside, in one box."""
    rows: list[tuple[str, str]]
    if kind == "optimizer state":
        count = Counter(v.name.partition(" of ")[0] for v in group)
        rows = [(name, _for(n)) for name, n in count.items()]
    else:
        rows = [(" ".join((str(symbols[v]), v.name if v.number else "")).strip(), _shape(v)) for v in group]
    return Box(
        kind="parameter" if kind == "parameters" else "data",
        symbol=kind,
        name="",
        what={"constants": "", "random draws": "drawn at every run"}.get(kind, "read at every run"),
        formula="",
        rows=_few(rows),
        layer=None,
        hint=", ".join(map(repr, group[:20])),
        root=False,
    )


def _operation(
    step: Instruction, program: Program, symbols: dict[Value, Symbol], numbers: dict[Value, Any], layer: int | None
) -> Box:
    kept = [place for place, v in program.writes if v is step.out]
    axis = step.params.get("axis")
    rows = _shape_row(step.out)
    rows += [("kept as", literal(place.name)) for place in kept if _is_gradient(place) and place.name[0] != "."]
    rows += [("becomes", literal(place.name)) for place in kept if not _is_gradient(place)]
    return Box(
        kind="operation",
        symbol=_bare(symbols[step.out]),
        name="",
        what=literal(step.op.name if axis is None else f"{step.op.name}, axis {str(axis).strip('(,)')}"),
        formula=_formula(step, symbols, numbers),
        rows=tuple(rows),
        layer=layer,
        hint=literal(f"{step.out!r} of the program, from {step.line}; {step.op.name}: {step.op.formula}", 100),
        root=step.out in program.results,
    )


def _formula(step: Instruction, symbols: dict[Value, Symbol], numbers: dict[Value, Any]) -> str:
    operands = [numbers.get(x, symbols[x]) if isinstance(x, Value) else x for x in step.inputs]
    if symbols[step.out].base.endswith("ᵀ"):
        return ""  # the symbol says it
    return formula(step.op, operands, step.params)


def _phase(
    name: str, steps: list[Instruction], program: Program, symbols: dict[Value, Symbol], numbers: dict[Value, Any]
) -> Box:
    """A folded phase: how many operations, and what they find."""
    kept = {v: place for place, v in program.writes if v is not None and v not in program.results}
    rows: list[tuple[str, str]] = []
    state: Counter[str] = Counter()  # which nobody wants to read one by one
    since: list[Instruction] = []
    for step in steps:
        v = step.out
        since.append(step)
        if v in kept and kept[v].owner is None:
            state[kept[v].name.partition(" of ")[0]] += 1
        elif v in kept:
            rows.append((_bare(symbols[v]), _shape(v)))
        elif v.name or v in program.results:
            done = [s.op.name for s in since if not s.op.view]
            alone = len(since) == 1 and not step.op.view
            how = _formula(step, symbols, numbers) if alone else " → ".join(done or [step.op.name])
            rows.append((_bare(symbols[v]) + ", returned" * (v in program.results), how))
        else:
            continue
        since = []
    rows = [*_few(rows), *((f"new {word}", _for(n)) for word, n in state.items())]
    count = f"{len(steps)} operations" if len(steps) > 1 else "1 operation"
    return Box(
        kind="layer",
        symbol=name or "program",
        name="",
        what=count,
        formula="",
        rows=tuple(rows),
        layer=None,
        hint=f"{name}: {count}, folded",
        root=False,
    )


def _for(n: int) -> str:
    return f"for {n} parameters" if n > 1 else "for one parameter"


def _few(rows: list[tuple[str, str]], most: int = 12) -> tuple[tuple[str, str], ...]:
    return tuple(rows) if len(rows) <= most else (*rows[: most - 1], ("…", f"and {len(rows) - most + 1} more"))


# ---- symbols ---------------------------------------------------------------------------------------------


def _symbols(program: Program, arguments: Sequence[str]) -> dict[Value, Symbol]:
    """The lecture's symbols, else names, else the program's own numbers: v12 is v₁₂."""
    symbols: dict[Value, Symbol] = {}
    taken: set[str] = set()

    def put(v: Value, *wanted: Symbol | None) -> None:
        for symbol in wanted:
            if symbol is not None and str(symbol) not in taken:
                break
        else:
            symbol = Symbol("v", None, subscript(v.index))
        symbols[v] = symbol
        taken.add(str(symbol))

    gradients = any(_is_gradient(place) for place, _ in program.writes)
    cost = [v for v in program.results[:1] if gradients and not v.shape and not v.name]
    for v in cost:
        put(v, Symbol("C"))
    for k, v in enumerate(program.arguments):
        given = literal(arguments[k], 12) if len(arguments) == len(program.arguments) else ""
        put(v, _named(v.name), Symbol(given) if given else None, Symbol("arg", None, subscript(k)))
    for v, place in program.reads:
        if place.owner is None:
            put(v, _setting(place) if v.number else None)
        else:
            own = _owner(place)
            put(v, _Known(f"∂C/∂{own}") if own and _is_gradient(place) else own)
    known = {id(place.owner): symbols[v] for v, place in program.reads if not _is_gradient(place)}
    new: dict[Value, Symbol] = {}
    for place, w in program.writes:
        own = known.get(id(place.owner)) if place.owner is not None else None
        if w is None or w in symbols or own is None:
            continue
        if _is_gradient(place):
            put(w, _Known(f"∂C/∂{own}"))
        else:
            new[w] = _Known(f"new {own}")
    maker = {step.out: step for step in program.code}
    for symbol, d in _errors(program):
        put(d, symbol)
    for step in program.code:
        if step.out not in symbols:
            put(step.out, _derived(step, maker, symbols), new.get(step.out), _named(step.out.name))
    for v in (*program.constants, *(v for v, _ in program.draws)):
        put(v)
    return symbols


def _named(name: str) -> Symbol | None:
    """The symbol of a name: z2 is z⁽²⁾."""
    if match := re.fullmatch(rf"({'|'.join(_ROLES)})(\d{{1,3}})", name):
        return _role(match[1], int(match[2]))
    return Symbol(literal(name)) if literal(name) else None


def _role(base: str, layer: int) -> Symbol:
    return Symbol("C" if base == "cost" else base, None if base in OUTSIDE else layer)


def _owner(place: Place) -> Symbol | None:
    """The symbol of the Tensor that a place belongs to."""
    match place.owner.role:
        case (str(base), int(layer)) if literal(base):
            return _role(literal(base, 12), layer)
    return Symbol(name) if (name := literal(place.owner.name or "")) else None


def _setting(place: Place) -> Symbol:
    """A setting of the optimizer: lr is η, betas are β₁ and β₂."""
    if place.name.startswith("betas") and isinstance(place.key[-1], int):
        return _Known("β" + subscript(place.key[-1] + 1))
    return _Known(_GREEK.get(place.name, literal(place.name)))


def _errors(program: Program) -> Iterable[tuple[Symbol, Value]]:
    """δ: the value whose sum over the mini-batch is ∂C/∂b, for a layer z = x wᵀ + b.  Divided by S, as C is a mean."""
    shapes = {v.name: v.shape for v in (step.out for step in program.code)}
    kept = {v: place.owner.role for place, v in program.writes if v is not None and _is_gradient(place)}
    for step in program.code:
        match kept.get(step.out):
            case ("b", int(layer)) if step.op.name == "sum":
                d = step.inputs[0]
                if isinstance(d, Value) and d.shape == shapes.get(f"z{layer}") and not d.name:
                    delta = str(Symbol("δ", layer))
                    yield _Known(f"({delta}/S)" if d.shape[0] > 1 else delta), d


def _derived(step: Instruction, maker: dict[Value, Instruction], symbols: dict[Value, Symbol]) -> Symbol | None:
    """a (1 - a), with a = σ(z), is σ'(z); the transpose of what has a symbol is that symbol with a T."""
    match step.op.name, step.inputs:
        case "multiply", (Value() as a, Value() as other) if a in maker and other in maker:
            first, second = maker[a], maker[other]
            if first.op.name == "sigmoid" and second.op.name == "subtract" and second.inputs == (1, a):
                return _Known(f"σ'({symbols[first.inputs[0]]})")
        case "transpose", (Value() as x,) if _turned(step.params.get("axes")) and not symbols[x].below:
            return _Known(f"{symbols[x]}ᵀ")
    return None


def _turned(axes: Any) -> bool:
    """Rows become columns, and nothing else?"""
    return axes in ((1, 0), (-1, -2))


def _bare(symbol: Symbol) -> str:
    """As it stands alone: δ/S, which is (δ/S) in a formula."""
    text = str(symbol)
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text
