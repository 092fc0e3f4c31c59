"""Random programs: graphs of leaves and operations, one instruction a line, that three interpreters can run.

A program is in SSA form: instruction i makes value i from earlier values.  Printed, it is a script.
One generator draws them all; it asks for its choices, so that hypothesis (which shrinks what fails) and a
seeded NumPy generator (which is fast) can both give them.

The operations are in program_ops.py, their settings in program_choices.py, their NumPy in program_references.py.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from program_choices import Choices, Drawn, Shape, uneven
from program_ops import BOUNDED, NONZERO, OPS, POSITIVE, S, called
from program_references import apart, well_conditioned

Array = np.ndarray
MARGIN = 1 / 64  # how far programs without kinks stay away from one
LARGEST = 100.0  # beyond it, a tanh follows
ENTRIES = 64  # no value has more
WIDE_MARGIN, WIDE_ENTRIES = 1e-5, 8192  # the same for wide programs


# ---- a program -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Leaf:
    """An array that the program starts from."""

    data: Array
    requires_grad: bool = True
    layout: str = "C"


@dataclass(frozen=True, eq=False)
class Step:
    """OPS[name], in one of its spellings, applied to earlier values."""

    name: str
    operands: tuple[int, ...]
    params: dict[str, Any] = field(default_factory=dict)
    spelling: int = 0


@dataclass(frozen=True, eq=False)
class Program:
    steps: tuple[Leaf | Step, ...]
    roots: tuple[int, ...]  # backward() starts from each of them

    def __repr__(self) -> str:
        """What hypothesis shows of a failing example: a script that runs."""
        return "\n" + script(self)

    @property
    def leaves(self) -> list[int]:
        return [i for i, step in enumerate(self.steps) if isinstance(step, Leaf)]

    def used(self) -> list[int]:
        """The instructions that lead to a root, in order."""
        found = set(self.roots)
        for i in reversed(range(len(self.steps))):
            step = self.steps[i]
            if i in found and isinstance(step, Step):
                found.update(step.operands)
        return sorted(found)

    def tracked(self) -> list[bool]:
        """Which values have a gradient: those with a path of derivatives to a leaf that wants one."""
        found: list[bool] = []
        for step in self.steps:
            if isinstance(step, Leaf):
                found.append(step.requires_grad)
            else:
                blocked = OPS[step.name].blocked
                found.append(any(found[j] for k, j in enumerate(step.operands) if k not in blocked))
        return found

    def wanted(self) -> list[int]:
        """The leaves that backward() from the roots must find a gradient for."""
        tracked = self.tracked()
        reached = {r for r in self.roots if tracked[r]}
        for i in reversed(range(len(self.steps))):
            step = self.steps[i]
            if i in reached and isinstance(step, Step):
                blocked = OPS[step.name].blocked
                reached.update(j for k, j in enumerate(step.operands) if k not in blocked and tracked[j])
        return [i for i in self.leaves if i in reached]


LAYOUTS = {  # how the array of a leaf lies in memory, as a script makes it
    "C": "{}",
    "F": "np.asfortranarray({})",
    "every other": "np.repeat({}, 2, axis=-1)[..., ::2]",
    "backwards": "np.flip(np.flip({}).copy())",
    "read-only": "np.broadcast_to({0}, np.shape({0}))",
    "big-endian": "np.array({}, '>f8')",
}


def laid_out(leaf: Leaf) -> Array:
    """A fresh array with the values of the leaf, laid out as it says."""
    data, layout = leaf.data, leaf.layout
    if layout == "F":
        return np.array(data, order="F")
    if layout == "every other" and data.ndim:
        return np.repeat(data, 2, axis=-1)[..., ::2]
    if layout == "backwards":
        return np.flip(np.flip(data).copy())
    if layout == "read-only":
        return np.broadcast_to(data.copy(), data.shape)
    if layout == "big-endian":
        return data.astype(">f8")
    return data.copy()


# ---- printing --------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """A value as Python source."""
    if isinstance(value, np.ndarray):
        empty = "" if value.size else f".reshape({value.shape})"
        return f"np.array({_with_names(value.tolist())}, dtype=np.{value.dtype.name}){empty}"
    if isinstance(value, tuple):
        return "(" + "".join(shown(v) + ", " for v in value) + ")"
    return "..." if value is Ellipsis else _with_names(value)


def _with_names(value: Any) -> str:
    return repr(value).replace("nan", "np.nan").replace("inf", "np.inf")


class _Named(ast.NodeTransformer):
    """The operands and settings of an expression, replaced by what they are."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.values:
            return ast.parse(self.values[node.id], mode="eval").body
        return node


def expression(step: Step) -> str:
    """The step as the source of an expression over v0, v1 …"""
    spec = OPS[step.name]
    names = [f"v{i}" for i in step.operands]
    values = {"xs": f"[{', '.join(names)}]"} if spec.arity is None else dict(zip("xyz", names, strict=False))
    tree = ast.parse(spec.spellings[step.spelling], mode="eval")
    return ast.unparse(_Named(values | {k: shown(v) for k, v in step.params.items()}).visit(tree))


def script(program: Program, expected: dict[int, Any] | None = None) -> str:
    """A script that runs the program; `expected` gradients are printed beside those found."""
    lines = ["import numpy as np", "import tinygrad_edu as te", ""]
    for i, step in enumerate(program.steps):
        if isinstance(step, Leaf):
            layout = step.layout if step.data.ndim or step.layout != "every other" else "C"
            plain = shown(step.data)
            lines.append(f"v{i} = te.Tensor({LAYOUTS[layout].format(plain)}, requires_grad={step.requires_grad})")
        else:
            lines.append(f"v{i} = {expression(step)}")
    tracked = program.tracked()
    for n, r in enumerate(program.roots):
        seed = f"(1 + (7919 * np.arange({n}, {n} + v{r}.size) % 13) / 8).reshape(v{r}.shape)"
        lines.append(f"v{r}.backward({seed})" if tracked[r] else f"print(v{r})")
    for i in program.leaves:
        lines.append(f"print('v{i}.grad', v{i}.grad)")
        if expected and i in expected:
            lines[-1] += f"  # expected: {shown(np.asarray(expected[i]).tolist())}"
    return "\n".join(lines)


# ---- the generator ---------------------------------------------------------------------------------------

SIDES = (2, 3, 1)
WIDE = (7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 257, *SIDES)  # around the lengths of a processor's vectors
OFTEN = ("where", "relu", "elu", "leaky_relu", "clip", "maximum", "minimum", "absolute", "sign", "equal")  # conditions
OFTEN += ("softmax", "log_softmax", "linear", "conv1d", "conv2d")
SPECIAL = (0.0, 1.0, -0.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 0.5)  # for programs with kinks


class Builder:
    """A program as it grows, with its values, so that guards are instructions too and nothing is thrown away."""

    def __init__(self, choices: Choices, kinks: bool = False, wide: bool = False) -> None:
        self.choices, self.kinks, self.wide = choices, kinks, wide
        self.margin, self.entries = (WIDE_MARGIN, WIDE_ENTRIES) if wide else (MARGIN, ENTRIES)
        self.steps: list[Leaf | Step] = []
        self.values: list[Array] = []

    def leaf(self, shape: Shape, tracked: bool) -> int:
        c, size = self.choices, int(np.prod(shape))
        if self.wide:
            steps = 8 if self.kinks else 8192  # coarse ones meet at the kinks
            data = np.array(c.numbers(size, -3 * steps, 3 * steps)) / steps
            if self.kinks:
                data[c.numbers(min(size, 2), 0, size - 1)] = c.pick(SPECIAL)
        elif self.kinks:
            data = np.array([SPECIAL[i] for i in c.numbers(size, 0, len(SPECIAL) - 1)], dtype=np.float64)
        else:
            data = np.array(c.numbers(size, -24, 24), dtype=np.float64) / 8
        return self.add(Leaf(data.reshape(shape), tracked, c.pick(tuple(LAYOUTS))), data.reshape(shape))

    def add(self, step: Leaf | Step, value: Any) -> int:
        self.steps.append(step)
        self.values.append(np.asarray(value))
        return len(self.steps) - 1

    def emit(self, name: str, *operands: int, **params: Any) -> int:
        """An instruction that no guard is needed for."""
        value = OPS[name].reference(*(self.values[i] for i in operands), **params)
        return self.add(Step(name, operands, params), value)

    def into(self, domain: str | None, i: int) -> int:
        """Value i brought into the domain of the next operation, by further instructions."""
        if domain is None or self.kinks:
            return i
        x = self.values[i]
        if domain == BOUNDED:
            return i if np.max(np.abs(x), initial=0) <= 3 else self.emit("tanh", i)
        if domain == POSITIVE and np.min(x, initial=1) >= 1 / 8:
            return i
        if domain == NONZERO and apart(x) >= 1 / 8:
            return i
        if domain == "inside":  # strictly between -1 and 1
            return (
                i
                if np.max(np.abs(x), initial=0) <= 7 / 8
                else self.emit("multiply_number", self.emit("tanh", i), c=0.875)
            )
        if domain in (POSITIVE, NONZERO):
            return self.emit("add_number", self.emit("multiply", i, i), c=0.125)
        if domain == "above one":
            return self.emit("add_number", self.into(POSITIVE, i), c=1)
        if domain == "square":
            return i if x.shape[-1] == x.shape[-2] else self.emit("matmul_transposed", i, i)
        if domain == "regular" and x.shape[-1] == x.shape[-2] and well_conditioned(x):
            return i
        if domain == "full rank" and well_conditioned(x):
            return i
        if domain in ("regular", "full rank", "positive definite"):  # x xᵀ + 1
            i = self.into(BOUNDED, i)
            one = self.add(Leaf(np.eye(x.shape[-2]), False), np.eye(x.shape[-2]))
            return self.emit("add", self.emit("matmul_transposed", i, i), one)
        raise KeyError(domain)

    def operands(self, spec: S) -> list[int]:
        """Earlier values, often the last one, often one of them twice; sometimes new leaves."""
        c, n = self.choices, len(self.steps)
        able = [i for i in range(n) if spec.takes(self.values[i].shape)]
        if not able:
            return []
        first = able[-1] if c.below(4 if self.wide else 2) else c.pick(able)
        shape = self.values[first].shape
        if spec.fresh and not c.rarely():
            return [first, *(self.leaf(s, tracked=not c.rarely()) for s in spec.fresh(c, shape))]
        count = 1 + c.below(3) if spec.arity is None else spec.arity
        others: list[int] = []
        fitting = [i for i in range(n) if spec.fits(shape, self.values[i].shape)] if count > 1 else []
        for _ in range(count - 1):
            if not fitting:
                return []
            others.append(first if first in fitting and c.rarely() else c.pick(fitting))
        return [first, *others]

    def attempt(self, name: str) -> bool:
        c, spec = self.choices, OPS[name]
        ids = self.operands(spec)
        params = spec.params(c, *(self.values[i].shape for i in ids)) if ids and spec.params else {}
        if not ids or params is None:
            return False
        ids = [self.into(spec.domain[k] if k < len(spec.domain) else None, i) for k, i in enumerate(ids)]
        try:
            if spec.kink and not self.kinks and self.distance(spec, ids, params) < self.margin:
                shape = self.values[ids[0]].shape
                offsets = Leaf((uneven(shape) + np.arange(int(np.prod(shape))).reshape(shape)) / 37, False)
                ids[0] = self.emit("add", ids[0], self.add(offsets, offsets.data))
                if self.distance(spec, ids, params) < self.margin:
                    return False
            value = np.asarray(called(spec.reference, spec, [self.values[i] for i in ids], params))
        except (ValueError, IndexError, TypeError):  # shapes that do not fit
            return False
        peak = np.max(np.abs(value), initial=0)
        if value.size > self.entries or not (self.kinks or peak < 1e6):
            return False
        made = self.add(Step(name, tuple(ids), params, c.below(len(spec.spellings))), value)
        if peak > LARGEST and not self.kinks:
            self.emit("tanh", made)
        return True

    def distance(self, spec: S, ids: list[int], params: dict[str, Any]) -> float:
        return spec.kink(*(self.values[i] for i in ids), **params) if spec.kink else np.inf


@np.errstate(all="ignore")
def generate(
    choices: Choices,
    max_steps: int = 12,
    kinks: bool = False,
    empty: bool = False,
    names: Sequence[str] | None = None,
    wide: bool = False,
) -> Program:
    """Draw a program: leaves whose shapes broadcast, operations on them, one root or two."""
    c, b = choices, Builder(choices, kinks, wide)
    names = (wide_names() if wide else tuple(OPS)) if names is None else names
    if kinks:  # a shape that depends on values, which the references do not know beside NaN
        names = [name for name in names if name != "nonzero"]
    whole = wide_shape(c) if wide else [c.pick((*SIDES, 0) if empty else SIDES) for _ in range(c.below(4))]
    if wide:
        b.leaf(tuple(whole), tracked=True)
    for i in range(1 + c.below(3)):
        part = whole[c.below(len(whole) + 1) :]
        b.leaf(tuple(1 if c.rarely(3) else n for n in part), tracked=i == 0 or not c.rarely())
    for _ in range(1 + c.below(max_steps)):
        if wide and c.rarely():  # two layers: their gradients are fused with that of what is between them
            b.attempt("linear"), b.attempt(c.pick(OFTEN)), b.attempt("linear")
        elif not b.attempt(c.pick(names)) and not b.attempt(c.pick(names)):
            b.emit("tanh", len(b.steps) - 1)
    last = len(b.steps) - 1
    return Program(tuple(b.steps), (last, c.below(last + 1)) if c.rarely() else (last,))


def wide_shape(c: Choices) -> list[int]:
    """One to four sides, most of them wide."""
    sides = [c.pick(WIDE) for _ in range(1 + c.below(4))]
    while int(np.prod(sides)) > WIDE_ENTRIES // 4:
        sides[c.below(len(sides))] = c.pick(WIDE)
    return sides


def wide_names() -> list[str]:
    """Operations that vector loops are made of, half of them as in a network; no linear algebra, which LAPACK does."""
    linear_algebra = {"square", "regular", "full rank", "positive definite"}
    slow = ("kron", "svdvals", "norm_by_singular_values", "quantiles", "convolve")
    names = [name for name, spec in OPS.items() if name not in slow and not linear_algebra.intersection(spec.domain)]
    return names + len(names) // len(OFTEN) * list(OFTEN)


@st.composite
def programs(draw: st.DrawFn, **settings: Any) -> Program:
    """The same programs, drawn and shrunk by hypothesis."""
    return generate(Drawn(draw), **settings)


# ---- calls that may be wrong ------------------------------------------------------------------------------


def wild(c: Choices) -> tuple[str, list[Array], dict[str, Any]]:
    """A spelling, arrays and settings that need not fit together: NumPy says whether they do."""
    spec = OPS[c.pick(tuple(OPS))]
    count = 1 + c.below(3) if spec.arity is None else spec.arity
    shapes = [tuple(c.pick((2, 3, 1, 0)) for _ in range(c.below(4)))]
    while len(shapes) < count:
        shapes.append(c.pick(shapes) if c.below(2) else tuple(c.pick((2, 3, 1, 0)) for _ in range(c.below(4))))
    fit = spec.takes(shapes[0]) and all(spec.fits(shapes[0], shape) for shape in shapes[1:])
    params = spec.params(c, *(shapes if fit else [(2, 2, 2)] * count)) if spec.params else {}
    if params is None:
        params = spec.params(c, *[(2, 2)] * count) if spec.params else {}
    for name in params or {}:
        if c.below(2):
            few = tuple(c.below(9) - 4 for _ in range(c.below(4)))
            options = {"axis": (c.below(9) - 4, few), "axes": (few,), "shape": (few,), "key": (few, c.below(9) - 4)}
            params[name] = c.pick(options.get(name, (params[name],)))
    arrays = [np.array(c.numbers(int(np.prod(s)), 1, 24), dtype=np.float64).reshape(s) / 8 for s in shapes]
    return c.pick(spec.spellings), arrays, {"spec": spec, **(params or {})}


# ---- making a failing program small ----------------------------------------------------------------------


def pruned(program: Program) -> Program:
    """Without the instructions that lead to no root."""
    used = program.used()
    place = {old: new for new, old in enumerate(used)}
    steps = [program.steps[i] for i in used]
    steps = [s if isinstance(s, Leaf) else replace(s, operands=tuple(place[j] for j in s.operands)) for s in steps]
    return Program(tuple(steps), tuple(place[r] for r in program.roots))


def smaller_programs(program: Program, values: Sequence[Array]) -> Iterator[Program]:
    """Programs that are a little simpler, the boldest first."""
    steps, roots = program.steps, program.roots
    if len(roots) > 1:
        yield from (Program(steps, (r,)) for r in roots)
    for i in reversed(range(len(steps))):
        step = steps[i]
        if isinstance(step, Leaf):
            continue
        for j in step.operands:
            if roots == (i,):
                yield Program(steps, (j,))
            elif values[i].shape == values[j].shape:  # what used i now uses j
                moved = [
                    s if isinstance(s, Leaf) else replace(s, operands=tuple(j if k == i else k for k in s.operands))
                    for s in steps
                ]
                yield Program(tuple(moved), tuple(j if r == i else r for r in roots))
        for tracked in (False, True):  # the value itself, instead of how it was made
            yield Program((*steps[:i], Leaf(np.array(values[i]), tracked), *steps[i + 1 :]), roots)
        if step.spelling:
            yield Program((*steps[:i], replace(step, spelling=0), *steps[i + 1 :]), roots)
    for i in program.leaves:
        leaf = steps[i]
        assert isinstance(leaf, Leaf)
        simpler = [replace(leaf, layout="C")] if leaf.layout != "C" else []
        simpler += [replace(leaf, requires_grad=False)] if leaf.requires_grad else []
        whole = np.round(leaf.data) + 0.0
        simpler += [
            replace(leaf, data=d) for d in (np.ones_like(leaf.data), whole) if d.tobytes() != leaf.data.tobytes()
        ]
        if not np.all(leaf.data == 1):
            yield from (Program((*steps[:i], s, *steps[i + 1 :]), roots) for s in simpler)
        else:
            yield from (Program((*steps[:i], s, *steps[i + 1 :]), roots) for s in simpler[:-1] if s.data is leaf.data)


def shrink(program: Program, fails: Callable[[Program], bool], values_of: Callable[[Program], list[Array]]) -> Program:
    """A smaller program that still fails; `fails` must be false for programs that cannot run."""
    best = pruned(program)
    if not fails(best):
        return program
    for _ in range(400):
        for candidate in smaller_programs(best, values_of(best)):
            candidate = pruned(candidate)
            if fails(candidate):
                best = candidate
                break
        else:
            return best
    return best
