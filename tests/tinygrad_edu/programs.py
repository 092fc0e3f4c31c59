"""Random programs: graphs of leaves and operations, one instruction a line, that three interpreters can run.

A program is in SSA form: instruction i makes value i from earlier values.  Printed, it is a script.
One generator draws them all; it asks for its choices, so that hypothesis (which shrinks what fails) and a
seeded NumPy generator (which is fast) can both give them.

`OPS` says how each operation is written in tinygrad_edu, in plain NumPy for complex numbers, and in PyTorch.
A new function is one line there: `"exp2": S("te.exp2(x), np.exp2(x)", lambda x: np.exp(x * np.log(2)), "torch.exp2(x)")`.
"""

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray
Shape = tuple[int, ...]
MARGIN = 1 / 64  # how far programs without kinks stay away from one
LARGEST = 100.0  # beyond it, a tanh follows
ENTRIES = 64  # no value has more


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


def uneven(shape: Shape, start: int = 0) -> Array:
    """A cotangent that no symmetry can hide behind: v[i] = 1 + (7919 i mod 13) / 8."""
    i = np.arange(start, start + int(np.prod(shape)))
    return (1 + (7919 * i % 13) / 8).reshape(shape)


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


def bound(spec: "S", operands: Sequence[Any]) -> dict[str, Any]:
    """The operands by the names that expressions know them by: x, y, z, or xs for any number of them."""
    return {"xs": list(operands)} if spec.arity is None else dict(zip("xyz", operands, strict=False))


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


# ---- one operation ---------------------------------------------------------------------------------------


def _apart(*arrays: Any) -> float:
    """The smallest distance of an entry from 0."""
    return min((float(np.min(np.abs(a), initial=np.inf)) for a in arrays), default=np.inf)


def _fits(x: Shape, y: Shape) -> bool:
    """Do they broadcast?"""
    return all(n == m or 1 in (n, m) for n, m in zip(x[::-1], y[::-1], strict=False))


class S:
    """How one operation is drawn, written and known by its second implementations.

    spellings  in tinygrad_edu, with x, y, z (or xs) and settings; several, separated by ` ; `
    reference  in NumPy, on complex arrays, sharing no code with the engine
    torch      in PyTorch; "" where it has no such function
    params     (choices, *shapes) -> settings, or None where the operation does not fit the shapes
    domain     for each operand: what must be done to it first, see Builder.into
    kink       (*arrays, **settings) -> how far from the nearest kink
    fresh      (choices, shape of x) -> shapes of new leaves for the other operands
    takes      which shapes x may have
    fits       which shapes go together with that of x
    blocked    operands that have no derivative
    """

    def __init__(
        self,
        spellings: str,
        reference: Callable[..., Any],
        torch: str = "",
        params: Callable[..., dict[str, Any] | None] | None = None,
        domain: tuple[str | None, ...] = (),
        kink: Callable[..., float] | None = None,
        fresh: Callable[..., list[Shape]] | None = None,
        takes: Callable[[Shape], bool] = lambda x: True,
        fits: Callable[[Shape, Shape], bool] = _fits,
        blocked: tuple[int, ...] = (),
    ) -> None:
        self.spellings = tuple(part.strip() for part in spellings.split(" ; "))
        names = {node.id for node in ast.walk(ast.parse(self.spellings[0])) if isinstance(node, ast.Name)}
        self.arity = None if "xs" in names else 3 if "z" in names else 2 if "y" in names else 1
        self.reference, self.torch, self.params, self.domain = reference, torch, params, domain
        self.kink, self.fresh, self.takes, self.fits, self.blocked = kink, fresh, takes, fits, blocked


@cache
def compiled(source: str, names: tuple[str, ...], namespace: Callable[[], dict[str, Any]]) -> Callable[..., Any]:
    """The expression as a function of its operands and settings."""
    return eval(f"lambda {', '.join(names)}: {source}", namespace())  # our own table, read once


# ---- settings to draw ------------------------------------------------------------------------------------


class Choices:
    """Where the generator's choices come from; the first of several is the simplest."""

    def below(self, n: int) -> int:
        raise NotImplementedError

    def numbers(self, count: int, low: int, high: int) -> list[int]:
        raise NotImplementedError

    def pick(self, options: Sequence[Any]) -> Any:
        return options[self.below(len(options))]

    def rarely(self, one_in: int = 4) -> bool:
        return self.below(one_in) == one_in - 1

    def order(self, n: int) -> list[int]:
        rest, found = list(range(n)), []
        while rest:
            found.append(rest.pop(self.below(len(rest))))
        return found


class Drawn(Choices):
    """By hypothesis."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def below(self, n: int) -> int:
        return self.draw(st.integers(0, n - 1)) if n > 1 else 0

    def numbers(self, count: int, low: int, high: int) -> list[int]:
        return self.draw(st.lists(st.integers(low, high), min_size=count, max_size=count))


class Rolled(Choices):
    """By a NumPy generator, many at a time."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.dice: Iterator[int] = iter(())

    def below(self, n: int) -> int:
        for roll in self.dice:
            return roll % n
        self.dice = iter(self.rng.integers(0, 2**40, 128).tolist())
        return self.below(n)

    def numbers(self, count: int, low: int, high: int) -> list[int]:
        return self.rng.integers(low, high + 1, count).tolist()


def _places(c: Choices, n: int) -> tuple[int, ...]:
    """Some of n axes, in any order, some counted from the end."""
    some = [i for i in range(n) if c.below(2)]
    return tuple(some[i] - n * c.below(2) for i in c.order(len(some)))


def axes(c: Choices, x: Shape) -> dict[str, Any]:
    n = len(x)
    axis = [None, c.below(n) - n * c.below(2) if n else (), _places(c, n)][c.below(3)]
    return {"axis": axis, "keepdims": bool(c.below(2))}


def along(c: Choices, x: Shape) -> dict[str, Any] | None:
    """One axis or several, for what keeps them all."""
    axis = axes(c, x)["axis"]
    return {"axis": (-1 if x else ()) if axis is None else axis}


def one_axis(extra: int = 0) -> Callable[..., dict[str, Any] | None]:
    def params(c: Choices, *shapes: Shape) -> dict[str, Any] | None:
        n = len(shapes[0]) + extra
        return {"axis": c.below(n) - n * c.below(2)} if n else None

    return params


def number(*options: Any) -> Callable[..., dict[str, Any]]:
    return lambda c, *shapes: {"c": c.pick(options)}


def constant(c: Choices, x: Shape) -> dict[str, Any]:
    """An array that is no Tensor, of a shape that broadcasts with x."""
    shape = tuple(1 if c.rarely() else n for n in x[c.below(len(x) + 1) :])
    size = int(np.prod(shape))
    return {"a": np.array(c.numbers(size, -24, 24), dtype=np.float64).reshape(shape) / 8}


def bounds(c: Choices, x: Shape) -> dict[str, Any]:
    lo, hi = sorted(c.numbers(2, -16, 16))
    return {"lo": c.pick((lo / 8, None)), "hi": c.pick((hi / 8, None))}


def other_shape(c: Choices, x: Shape) -> dict[str, Any]:
    sizes = [*x, *[1] * c.below(3)]
    shape = tuple(sizes[i] for i in c.order(len(sizes)))
    if shape and c.below(2) and 0 not in shape:
        k = c.below(len(shape))
        shape = (*shape[:k], -1, *shape[k + 1 :])
    return {"shape": shape}


def permutation(c: Choices, x: Shape) -> dict[str, Any]:
    return {"axes": tuple(i - len(x) * c.below(2) for i in c.order(len(x)))}


def larger_shape(c: Choices, x: Shape) -> dict[str, Any]:
    return {"shape": (*c.pick(((), (1,), (2,))), *(c.pick((1, 3)) if n == 1 else n for n in x))}


def key(c: Choices, x: Shape) -> dict[str, Any]:
    """NumPy's indexing: integers, slices, None, ..., boolean and integer arrays, several at a time."""
    if c.rarely(6):
        return {"key": np.array(c.numbers(int(np.prod(x)), 0, 1), dtype=bool).reshape(x)}
    parts: list[Any] = []
    picked = tuple(c.pick((2, 1, 3)) for _ in range(c.below(3)))
    for n in x[: c.below(len(x) + 1)]:
        kind = c.below(4)
        if kind == 3:
            parts.append(None)
        if n == 0 or kind in (0, 3):
            lo, hi = c.below(n + 1), c.below(n + 1)
            parts.append(
                c.pick((slice(None), slice(None, None, -1), slice(min(lo, hi), max(lo, hi)), slice(lo - n, None, 2)))
            )
        elif kind == 1:
            parts.append(c.below(2 * n) - n)
        else:
            entries = c.numbers(int(np.prod(picked)), -n, n - 1)
            parts.append(np.array(entries, dtype=np.intp).reshape(picked))
    if c.below(2):
        parts.append(...)
    return {"key": tuple(parts)}


def at_least(dims: int, axes: int = 0) -> Callable[..., dict[str, Any] | None]:
    """Only for arrays with so many axes, none of them empty."""
    return lambda c, x, *others: {} if len(x) >= dims and 0 not in x[:axes] else None


def second_factor(c: Choices, x: Shape) -> list[Shape]:
    """What x can be multiplied by from the left: a vector, a matrix, a stack of matrices."""
    inner = x[-1] if x else 1
    return [c.pick(((inner, 2), (inner,), (inner, 3), (2, inner, 1)))]


def layer(c: Choices, x: Shape) -> list[Shape]:
    n_out = c.pick((2, 1, 3))
    return [(n_out, x[-1] if x else 1), (n_out,)]


def along_one(c: Choices, x: Shape) -> dict[str, Any]:
    """One axis, or None for the flattened array."""
    return {"axis": c.pick((None, *range(-len(x), len(x))))}


def both(*params: Callable[..., dict[str, Any] | None]) -> Callable[..., dict[str, Any] | None]:
    """The settings of all of them, or None if one of them has none."""

    def joined(c: Choices, *shapes: Shape) -> dict[str, Any] | None:
        found = [p(c, *shapes) for p in params]
        return None if None in found else {k: v for f in found if f is not None for k, v in f.items()}

    return joined


def of(**options: Sequence[Any]) -> Callable[..., dict[str, Any]]:
    return lambda c, *shapes: {name: c.pick(values) for name, values in options.items()}


def places(c: Choices, x: Shape) -> dict[str, Any] | None:
    """Indices along an axis, some from the end, some twice."""
    axis = c.below(len(x))
    n = x[axis]
    return {"idx": c.numbers(1 + c.below(3), -n, n - 1), "axis": axis - len(x) * c.below(2)} if n else None


def largest_few(c: Choices, x: Shape) -> dict[str, Any] | None:
    axis = c.below(len(x)) if x else 0
    return {"k": c.below(x[axis] + 1), "axis": axis - len(x) * c.below(2)} if x else None


def mask(c: Choices, x: Shape) -> dict[str, Any]:
    return {"mask": np.array(c.numbers(int(np.prod(x)), 0, 1), dtype=bool).reshape(x)}


def mask_along(c: Choices, x: Shape) -> dict[str, Any]:
    axis = along_one(c, x)["axis"]
    n = int(np.prod(x)) if axis is None else x[axis]
    return {"mask": [bool(k) for k in c.numbers(n, 0, 1)], "axis": axis}


def cuts(c: Choices, x: Shape) -> dict[str, Any]:
    """Parts of one size, or places to cut at."""
    axis = c.below(len(x))
    n = x[axis]
    equal = [k for k in (1, 2, 3) if n % k == 0]
    return {"parts": c.pick((c.pick(equal), sorted(c.numbers(2, 0, n)))), "axis": axis}


def widths(*modes: str) -> Callable[..., dict[str, Any]]:
    def params(c: Choices, x: Shape) -> dict[str, Any]:
        return {"w": tuple((c.below(3), c.below(2)) for _ in x), "mode": c.pick(modes)}

    return params


def shrunk_shape(c: Choices, x: Shape) -> dict[str, Any]:
    """A shape that broadcasts to x."""
    return {"to": tuple(1 if c.rarely() else n for n in x[c.below(len(x) + 1) :])}


def two_places(c: Choices, x: Shape) -> dict[str, Any]:
    n = len(x)
    return {"i": c.below(n) - n * c.below(2), "j": c.below(n) - n * c.below(2)}


def letters(c: Choices, *shapes: Shape) -> dict[str, Any] | None:
    """Axes by letters: some run together, some are summed, the result's in any order."""
    sizes: dict[str, int] = {}
    terms = []
    for shape in shapes:
        term = ""
        for n in shape:
            same = [k for k, m in sizes.items() if m == n]
            letter = c.pick(same) if same and c.below(2) else "ijklmnopqrst"[len(sizes)]
            sizes[letter] = n
            term += letter
        terms.append(term)
    kept = [k for k in sizes if c.below(2)]
    result = "".join(kept[i] for i in c.order(len(kept)))
    large = np.prod([max(n, 1) for n in sizes.values()]) > 2000
    return None if large else {**dict(zip(("s", "t"), terms, strict=False)), "out": result}


def filters(dims: int) -> Callable[[Choices, Shape], list[Shape]]:
    """Weights and biases that fit to an image."""

    def shapes(c: Choices, x: Shape) -> list[Shape]:
        channels = x[-dims - 1]
        groups = channels if c.rarely() else 1
        out = groups * c.pick((1, 2))
        return [(out, channels // groups, *(c.pick((1, 2)) for _ in range(dims))), (out,)]

    return shapes


def strides(dims: int) -> Callable[..., dict[str, Any]]:
    def params(c: Choices, x: Shape, w: Shape, *bias: Shape) -> dict[str, Any]:
        rolls = {name: tuple(low + c.below(2) for _ in range(dims)) for name, low in GEOMETRY.items()}
        return {**rolls, "groups": x[-dims - 1] // w[1]}

    return params


GEOMETRY = {"stride": 1, "pad": 0, "dil": 1}


def pooled(dims: int, dilated: bool) -> Callable[..., dict[str, Any]]:
    def params(c: Choices, x: Shape) -> dict[str, Any]:
        size = tuple(1 + c.below(min(2, n)) for n in x[-dims:])
        stride = tuple(1 + c.below(2) for _ in size)
        more = {"dil": tuple(1 + c.below(2) for _ in size)} if dilated else {"pads": bool(c.below(2))}
        return {"size": size, "stride": stride, "pad": tuple(c.below(k // 2 + 1) for k in size), **more}

    return params


def image(dims: int) -> Callable[[Shape], bool]:
    return lambda x: len(x) in (dims + 1, dims + 2) and 0 not in x


def square(x: Shape) -> bool:
    return len(x) > 1 and x[-1] == x[-2]


def axes_at_least(n: int) -> Callable[[Shape], bool]:
    return lambda x: len(x) >= n


def no_other(x: Shape, y: Shape) -> bool:
    """Only fresh leaves go together with x."""
    return False


def equal(x: Shape, y: Shape) -> bool:
    return x == y


def any_shape(x: Shape, y: Shape) -> bool:
    return True


# ---- in plain NumPy, for complex numbers too -------------------------------------------------------------


def logistic(x: Any) -> Any:
    e = np.exp(np.where(np.real(x) < 0, x, -x))
    return np.where(np.real(x) < 0, e, 1) / (1 + e)


def larger(x: Any, y: Any) -> Any:
    return np.where(np.real(x) > np.real(y), x, y)


def smaller(x: Any, y: Any) -> Any:
    return np.where(np.real(x) < np.real(y), x, y)


def groups(x: Array, axis: Any) -> tuple[Array, Shape]:
    """The axes that stay in front, all others flattened behind them; and the shape with 1s for these."""
    n = np.ndim(x)
    gone = {k % n for k in ((axis,) if isinstance(axis, int) else axis)} if axis is not None else set(range(n))
    kept = [i for i in range(n) if i not in gone]
    flat = np.transpose(x, (*kept, *sorted(gone))).reshape(*(np.shape(x)[i] for i in kept), -1 if np.size(x) else 0)
    return flat, tuple(1 if i in gone else m for i, m in enumerate(np.shape(x)))


def mean(x: Any, axis: Any, keepdims: bool) -> Any:
    flat, ones = groups(np.asarray(x), axis)
    y = np.add.reduce(flat, axis=-1) / np.float64(np.size(x) / max(1, int(np.prod(flat.shape[:-1]))))
    return y.reshape(ones) if keepdims else y


def top(x: Any, axis: Any, keepdims: bool, sign: int = 1) -> Any:
    flat, ones = groups(np.asarray(x), axis)
    best = np.argmax(sign * np.real(flat), axis=-1)
    y = np.take_along_axis(flat, best[..., None], -1)[..., 0]
    return y.reshape(ones) if keepdims else y


def gap(sign: int) -> Callable[..., float]:
    """How far the second largest entry is from the largest."""

    def between(x: Any, axis: Any, keepdims: bool) -> float:
        flat = np.sort(sign * groups(np.asarray(x), axis)[0], axis=-1)
        return _apart(flat[..., -1] - flat[..., -2]) if flat.shape[-1] > 1 else np.inf

    return between


def log_sum_exp(x: Any, axis: Any, keepdims: bool) -> Any:
    peak = np.max(np.real(x), axis=axis, keepdims=True)
    y = np.log(np.sum(np.exp(x - peak), axis=axis, keepdims=True)) + peak
    return y if keepdims else np.squeeze(y, axis=tuple(range(np.ndim(x))) if axis is None else axis)


def softmax(x: Any, axis: Any) -> Any:
    e = np.exp(x - np.max(np.real(x), axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def whole_power(x: Any, c: int) -> Any:
    y = 1 + 0 * x
    for _ in range(abs(c)):
        y = y * x
    return y if c >= 0 else 1 / y


def clipped(x: Any, lo: Any, hi: Any) -> Any:
    x = x if lo is None else larger(x, lo)
    return x if hi is None else smaller(x, hi)


def squared_distance(x: Any, y: Any) -> Any:
    if np.shape(x) != np.shape(y):
        raise ValueError("shapes")
    return np.sum((x - y) ** 2) / (2 * (np.shape(x)[0] if np.ndim(x) > 1 else 1))


def weighted_input(x: Any, y: Any, z: Any) -> Any:
    if np.ndim(x) == 0 or np.ndim(y) != 2 or np.shape(x)[-1] != np.shape(y)[1] or np.shape(z) != np.shape(y)[:1]:
        raise ValueError("shapes")
    return np.einsum("...j,ij->...i", x, y) + z


def well_conditioned(x: Array) -> bool:
    return bool(x.size) and bool(np.all(np.isfinite(x))) and float(np.max(np.linalg.cond(x))) < 50


def from_steps(x: Any, shift: float = 0) -> float:
    """How far from the nearest whole number, after a shift."""
    return _apart(x - shift - np.round(x - shift))


def whole(x: Any) -> Any:
    """The whole part of a quotient, downwards."""
    return np.floor(np.real(x))


def sine(x: Any) -> Any:
    t = np.tan(x / 2)
    return 2 * t / (1 + t * t)


def error_function(x: Any) -> Any:
    """2/√π e^(-x²) Σ 2^n x^(2n+1) / (2n+1)!!: all terms have one sign, so none cancel."""
    term = total = x
    for n in range(1, 120):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(np.pi) * np.exp(-x * x) * total


def cube_root(x: Any) -> Any:
    sign = np.where(np.real(x) < 0, -1, 1)
    return sign * np.exp(np.log(sign * x) / 3)


def cardinal_sine(x: Any) -> Any:
    """Viète's product cos(πx/2) cos(πx/4) cos(πx/8) …"""
    y = 1 + 0 * x
    for n in range(1, 50):
        y = y * np.cos(np.pi * x / 2**n)
    return y


def angle(y: Any, x: Any) -> Any:
    flat = np.abs(np.real(y)) < np.abs(np.real(x))
    near = np.arctan(y / np.where(flat, x, 1)) + np.where(np.real(x) < 0, np.pi, 0) * np.where(np.real(y) < 0, -1, 1)
    steep = np.where(np.real(y) < 0, -1, 1) * np.pi / 2 - np.arctan(x / np.where(flat, 1, y))
    return np.where(flat, near, steep)


def angle_kink(y: Any, x: Any) -> float:
    """The origin, and the line left of it where the angle jumps."""
    return _apart(np.hypot(x, y), np.where(x < 0, y, 1))


def soft_larger(x: Any, y: Any, base: float = np.e) -> Any:
    first = np.real(x) > np.real(y)
    high, low = np.where(first, x, y), np.where(first, y, x)  # in a tie one each
    part = np.exp((low - high) * np.log(base))
    return high + 2 * np.arctanh(part / (2 + part)) / np.log(base)  # log(1 + part), to the last bit of a small part


def magnitude(x: Any) -> Any:
    return larger(x, -x)


def grouped(combine: Callable[[Any], Any]) -> Callable[..., Any]:
    """combine(all entries of a group, along the last axis), for every group of entries that differ in `axis` only."""

    def function(x: Any, axis: Any, keepdims: bool, **settings: Any) -> Any:
        flat, ones = groups(np.asarray(x), axis)
        y = np.asarray(combine(flat, **settings))
        return y.reshape(ones) if keepdims else y

    return function


def products(x: Any) -> Any:
    y = np.ones(x.shape[:-1], dtype=x.dtype)
    for i in range(x.shape[-1]):
        y = y * x[..., i]
    return y


def variances(x: Any, ddof: int) -> Any:
    n = x.shape[-1]
    if n <= ddof:
        raise ValueError("too few")
    return np.sum((x - np.sum(x, axis=-1, keepdims=True) / n) ** 2, axis=-1) / (n - ddof)


def quantiles(x: Any, q: float) -> Any:
    line = np.take_along_axis(x, np.argsort(np.real(x), axis=-1, kind="stable"), -1)
    at = q * (line.shape[-1] - 1)
    low = int(at)
    if at == low:
        return line[..., low]
    return line[..., low] + (at - low) * (line[..., low + 1] - line[..., low])


def neighbours(x: Any, axis: Any, **others: Any) -> float:
    """How far the nearest two entries of a group are from each other."""
    return _apart(np.diff(np.sort(groups(np.asarray(x), axis)[0], axis=-1), axis=-1))


def vector_norms(x: Any, p: float) -> Any:
    if np.isinf(p):
        return top(magnitude(x), -1, False, 1 if p > 0 else -1)
    return np.sum(magnitude(x) ** p if p else 1.0 * (np.real(x) != 0), axis=-1) ** (1 / (p or 1))


def norm_kink(x: Any, p: float, axis: Any, keepdims: bool) -> float:
    return min(_apart(x), neighbours(np.abs(x), axis) if np.isinf(p) else np.inf)


def matrix_norm(x: Any, p: Any, axis: Any, keepdims: bool) -> Any:
    if p == "fro":
        return grouped(lambda v: np.sqrt(np.sum(v * v, axis=-1)))(x, axis, keepdims)
    i, j = axis if abs(p) == 1 else axis[::-1]
    y = top(np.sum(magnitude(x), axis=i, keepdims=True), j, True, 1 if p > 0 else -1)
    return y if keepdims else np.squeeze(y, axis=axis)


def matrix_norm_kink(x: Any, p: Any, axis: Any, keepdims: bool) -> float:
    if p == "fro":
        return _apart(np.sqrt(np.sum(x * x, axis=axis)))
    i, j = axis if abs(p) == 1 else axis[::-1]
    return min(_apart(x), neighbours(np.sum(np.abs(x), axis=i, keepdims=True), j))


def running(step: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def function(x: Any, axis: Any) -> Any:
        x = np.asarray(x)
        lines = np.ravel(x) if axis is None else np.moveaxis(x, axis, 0)
        found: list[Any] = []
        for entry in lines:
            found.append(step(found[-1], entry) if found else entry)
        y = np.array(found, dtype=x.dtype).reshape(lines.shape)
        return y if axis is None else np.moveaxis(y, 0, axis)

    return function


def in_order(x: Any, axis: Any, falling: bool = False) -> Any:
    x, axis = (np.ravel(x), 0) if axis is None else (x, axis)
    return np.take_along_axis(x, np.argsort((-1 if falling else 1) * np.real(x), axis=axis, kind="stable"), axis)


def order_kink(x: Any, axis: Any, **others: Any) -> float:
    return neighbours(np.ravel(x), 0) if axis is None else neighbours(x, axis)


def set_at(x: Any, places: Any, value: Any) -> Any:
    """One entry after the other, in reading order."""
    flat = np.array(np.ravel(x), dtype=np.result_type(x, value))
    for i, v in zip(np.ravel(places), np.ravel(value + np.zeros(np.shape(places))), strict=True):
        flat[i] = v
    return flat.reshape(np.shape(x))


def add_at(x: Any, places: Any, value: Any) -> Any:
    flat = np.array(np.ravel(x), dtype=np.result_type(x, value))
    for i, v in zip(np.ravel(places), np.ravel(value + np.zeros(np.shape(places))), strict=True):
        flat[i] += v
    return flat.reshape(np.shape(x))


def numbered(x: Any) -> Any:
    """The places of the entries of x."""
    return np.arange(np.size(x)).reshape(np.shape(x))


def kept(x: Any, mask: Any, axis: Any) -> Any:
    if axis is None:
        return kept(np.ravel(x), mask, 0)
    return np.take(x, [k for k, holds in enumerate(mask) if holds] or np.zeros(0, dtype=int), axis)


def framed(x: Any, w: Any, mode: str) -> Any:
    z = np.full([a + n + b for (a, b), n in zip(w, np.shape(x), strict=True)], 0.5, dtype=np.asarray(x).dtype)
    for place in np.ndindex(np.shape(x)):
        z[tuple(a + k for (a, _), k in zip(w, place, strict=True))] = x[place]
    return z


def contracted(x: Any, y: Any, n: int) -> Any:
    """The last n axes of x with the first n of y."""
    m = np.ndim(x) - n
    if np.shape(x)[m:] != np.shape(y)[:n]:
        raise ValueError("sizes")
    first, second = [*range(m + n)], [*range(m, m + np.ndim(y))]
    return np.einsum(x, first, y, second, first[:m] + second[n:])


def chosen(xs: Any, idx: Any) -> Any:
    return np.array([xs[k][place] for place, k in np.ndenumerate(idx)], dtype=np.result_type(*xs)).reshape(idx.shape)


def put_between(x: Any, at: Any, value: Any, axis: Any) -> Any:
    before, after = np.split(x, [at], axis)
    return np.concatenate([before, value, after], axis)


def diagonal_of(x: Any, k: int) -> Any:
    found = [x[i, i + k] for i in range(np.shape(x)[0]) if 0 <= i + k < np.shape(x)[1]]
    return np.stack(found, -1) if found else np.zeros((*np.shape(x)[2:], 0), dtype=np.asarray(x).dtype)


def on_diagonal(x: Any, k: int) -> Any:
    x = np.ravel(x)
    z = np.zeros((x.size + abs(k),) * 2, dtype=x.dtype)
    for i, v in enumerate(x):
        z[i - min(k, 0), i + max(k, 0)] = v
    return z


def triangle(x: Any, k: int, sign: int) -> Any:
    x = np.asarray(x)
    rows, columns = np.ogrid[: x.shape[-2:][0], : x.shape[-1]]
    return x * (sign * (columns - rows - k) >= 0)


def turned_round(x: Any, axis: Any) -> Any:
    for k in range(np.ndim(x)) if axis is None else (axis,) if isinstance(axis, int) else axis:
        x = np.take(x, np.arange(np.shape(x)[k])[::-1], k)
    return x


def rolled_by(x: Any, shift: int, axis: Any) -> Any:
    if axis is None:
        return rolled_by(np.ravel(x), shift, 0).reshape(np.shape(x))
    n = np.shape(x)[axis]
    return np.take(x, (np.arange(n) - shift) % max(n, 1), axis)


def kronecker(x: Any, y: Any) -> Any:
    n = max(np.ndim(x), np.ndim(y))
    x, y = np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)), np.reshape(y, (1,) * (n - np.ndim(y)) + np.shape(y))
    z = np.multiply.outer(x, y)
    order = [k for i in range(n) for k in (i, n + i)]
    return z.transpose(order).reshape([a * b for a, b in zip(x.shape, y.shape, strict=True)])


def right_angles(x: Any, y: Any) -> Any:
    if np.shape(x)[-1] != 3 or np.shape(y)[-1] != 3:
        raise ValueError("three")
    levi = np.zeros((3, 3, 3))
    levi[[0, 1, 2], [1, 2, 0], [2, 0, 1]] = 1
    levi[[0, 1, 2], [2, 0, 1], [1, 2, 0]] = -1
    return np.einsum("kij,...i,...j->...k", levi, x, y)


def minor(x: Any, i: int, j: int) -> Any:
    return np.delete(np.delete(x, i, axis=-2), j, axis=-1)


def determinant(x: Any) -> Any:
    """det x = sum_j (-1)^j x_0j det(x without row 0 and column j)"""
    n = np.shape(x)[-1]
    if np.shape(x)[-2] != n or n > 4:
        raise ValueError("square, and small: n! products")
    if n == 0:
        return np.ones(np.shape(x)[:-2], dtype=x.dtype)
    return sum((-1) ** j * x[..., 0, j] * determinant(minor(x, 0, j)) for j in range(n))


def inverse(x: Any) -> Any:
    d = np.asarray(determinant(x))
    if not np.all(np.isfinite(x)) or _apart(d) < 1e-9:
        raise ValueError("singular")
    z = np.zeros(np.shape(x), dtype=x.dtype)
    for i, j in np.ndindex(np.shape(x)[-2:]):
        z[..., j, i] = (-1) ** (i + j) * determinant(minor(x, i, j))
    return z / d[..., None, None]


def by_inverse(x: Any, y: Any) -> Any:
    n = np.shape(x)[-1]
    if np.shape(y)[-2 if np.ndim(y) > 1 else 0] != n:
        raise ValueError("sizes")
    return np.matmul(inverse(x), y)


def pseudo_inverse(x: Any) -> Any:
    t = np.swapaxes(x, -1, -2)
    tall = np.shape(x)[-2] >= np.shape(x)[-1]
    return np.einsum("...ij,...jk->...ik", *((inverse(np.matmul(t, x)), t) if tall else (t, inverse(np.matmul(x, t)))))


def cholesky_factor(x: Any) -> Any:
    """Of (x + xᵀ) / 2, entry by entry."""
    t = np.swapaxes(x, -1, -2)
    if np.shape(x) != np.shape(t) or not np.allclose(np.real(x), np.real(t)):
        raise ValueError("symmetric")
    x = (x + t) / 2
    z = np.zeros(np.shape(x), dtype=x.dtype)
    for i in range(np.shape(x)[-1]):
        for j in range(i + 1):
            rest = x[..., i, j] - np.sum(z[..., i, :j] * z[..., j, :j], axis=-1)
            if i == j and not np.min(np.real(rest), initial=1) > 1e-9:
                raise ValueError("positive")
            z[..., i, j] = np.sqrt(rest) if i == j else rest / z[..., j, j]
    return z


def matrix_powers(x: Any, n: int) -> Any:
    if np.shape(x)[-1] != np.shape(x)[-2]:
        raise ValueError("square")
    if n < 0:
        return matrix_powers(inverse(x), -n)
    y = np.eye(np.shape(x)[-1]) + 0 * x
    for _ in range(n):
        y = np.einsum("...ij,...jk->...ik", y, x)
    return y


def windows(x: Any, size: Any, stride: Any, pad: Any, dil: Any, fill: float = 0) -> Any:
    """The entries of each window: (…, H, W) -> (…, H', W', all in one)."""
    d = len(size)
    rest = np.ndim(x) - d
    x = np.pad(x, [(0, 0)] * rest + [(p, p) for p in pad], constant_values=fill)
    for k in range(d):
        starts = np.arange(0, x.shape[rest] - dil[k] * (size[k] - 1), stride[k])
        if not starts.size:
            raise ValueError("no window")
        x = np.take(x, starts[:, None] + dil[k] * np.arange(size[k]), rest)
        x = np.moveaxis(x, (rest, rest + 1), (-2, -1))  # windows and their entries go to the end
    x = np.transpose(x, (*range(rest), *range(rest, rest + 2 * d, 2), *range(rest + 1, rest + 2 * d, 2)))
    return x.reshape(*x.shape[: rest + d], -1)


def convolved(x: Any, w: Any, bias: Any, stride: Any, pad: Any, dil: Any, groups: int) -> Any:
    d = np.ndim(w) - 2
    out, each = w.shape[:2]
    if x.shape[-d - 1] != groups * each or out % groups:
        raise ValueError("channels")
    p = np.moveaxis(windows(x, w.shape[2:], stride, pad, dil), -d - 2, -1)  # (…, H', W', entries, channels)
    z = [
        np.einsum("...ec,ce->...", p[..., o // (out // groups) * each :][..., :each], w[o].reshape(each, -1)) + bias[o]
        for o in range(out)
    ]
    return np.stack(z, -d - 1)


def highest(x: Any, size: Any, stride: Any, pad: Any, dil: Any) -> Any:
    return top(windows(x, size, stride, pad, dil, -np.inf), -1, False)


def highest_kink(x: Any, size: Any, stride: Any, pad: Any, dil: Any) -> float:
    found = np.sort(windows(x, size, stride, pad, dil, -np.inf), axis=-1)
    return _apart(found[..., -1] - found[..., -2]) if found.shape[-1] > 1 else np.inf


def average_of(x: Any, size: Any, stride: Any, pad: Any, pads: bool) -> Any:
    once = (1,) * len(size)
    count = np.sum(windows(np.ones(np.shape(x)), size, stride, pad, once, float(pads)), axis=-1)
    return np.sum(windows(x, size, stride, pad, once), axis=-1) / count


# ---- the registry: a new function is one line --------------------------------------------------------------

POSITIVE, NONZERO, BOUNDED = "positive", "nonzero", "bounded"
# fmt: off
# ruff: noqa: E501
OPS: dict[str, S] = {
    # entry by entry
    "tanh": S("te.tanh(x) ; x.tanh() ; np.tanh(x)", np.tanh, "torch.tanh(x)"),
    "add": S("x + y ; np.add(x, y)", lambda x, y: x - (-y), "x + y"),
    "subtract": S("x - y ; np.subtract(x, y)", lambda x, y: x + (-y), "x - y"),
    "multiply": S("x * y ; np.multiply(x, y)", lambda x, y: y * x, "x * y"),
    "divide": S("x / y ; np.divide(x, y)", lambda x, y: x * (1 / y), "x / y", domain=(None, NONZERO)),
    "power": S("x ** y ; np.power(x, y)", lambda x, y: np.exp(y * np.log(x)), "x ** y", domain=(POSITIVE, BOUNDED)),
    "negative": S("-x ; np.negative(x)", lambda x: 0 - x, "-x"),
    "positive": S("+x ; te.positive(x) ; np.positive(x)", lambda x: x, "+x"),
    "square": S("te.square(x) ; x.square() ; np.square(x) ; x * x ; x ** 2", lambda x: x * x, "x * x"),
    "exp": S("te.exp(x) ; x.exp() ; np.exp(x)", np.exp, "torch.exp(x)", domain=(BOUNDED,)),
    "log": S("te.log(x) ; x.log() ; np.log(x)", np.log, "torch.log(x)", domain=(POSITIVE,)),
    "sqrt": S("te.sqrt(x) ; x.sqrt() ; np.sqrt(x)", lambda x: np.exp(np.log(x) / 2), "torch.sqrt(x)", domain=(POSITIVE,)),
    "sin": S("te.sin(x) ; x.sin() ; np.sin(x)", sine, "torch.sin(x)"),
    "cos": S("te.cos(x) ; x.cos() ; np.cos(x)", lambda x: 1 - 2 * np.sin(x / 2) ** 2, "torch.cos(x)"),
    "tan": S("te.tan(x) ; np.tan(x)", np.tan, "torch.tan(x)", kink=lambda x: _apart(np.cos(x)) / 8),
    "arcsin": S("te.arcsin(x) ; np.arcsin(x)", np.arcsin, "torch.arcsin(x)", domain=("inside",)),
    "arccos": S("te.arccos(x) ; np.arccos(x)", np.arccos, "torch.arccos(x)", domain=("inside",)),
    "arctan": S("te.arctan(x) ; np.arctan(x)", np.arctan, "torch.arctan(x)"),
    "sinh": S("te.sinh(x) ; np.sinh(x)", np.sinh, "torch.sinh(x)", domain=(BOUNDED,)),
    "cosh": S("te.cosh(x) ; np.cosh(x)", lambda x: (np.exp(x) + np.exp(-x)) / 2, "torch.cosh(x)", domain=(BOUNDED,)),
    "arcsinh": S("te.arcsinh(x) ; np.arcsinh(x)", np.arcsinh, "torch.arcsinh(x)"),
    "arccosh": S("te.arccosh(x) ; np.arccosh(x)", lambda x: np.log(x + np.sqrt(x - 1) * np.sqrt(x + 1)), "torch.arccosh(x)", domain=("above one",)),
    "arctanh": S("te.arctanh(x) ; np.arctanh(x)", np.arctanh, "torch.arctanh(x)", domain=("inside",)),
    "exp2": S("te.exp2(x) ; np.exp2(x)", lambda x: np.exp(x * np.log(2)), "torch.exp2(x)", domain=(BOUNDED,)),
    "expm1": S("te.expm1(x) ; np.expm1(x)", lambda x: 2 * np.exp(x / 2) * np.sinh(x / 2), "torch.expm1(x)", domain=(BOUNDED,)),
    "log1p": S("te.log1p(x) ; np.log1p(x)", lambda x: 2 * np.arctanh(x / (2 + x)), "torch.log1p(x)", domain=("inside",)),
    "log2": S("te.log2(x) ; np.log2(x)", lambda x: np.log(x) / np.log(2), "torch.log2(x)", domain=(POSITIVE,)),
    "log10": S("te.log10(x) ; np.log10(x)", lambda x: np.log(x) / np.log(10), "torch.log10(x)", domain=(POSITIVE,)),
    "cbrt": S("te.cbrt(x) ; np.cbrt(x)", cube_root, "torch.sign(x) * torch.abs(x) ** (1 / 3)", domain=(NONZERO,)),
    "reciprocal": S("te.reciprocal(x) ; np.reciprocal(x)", lambda x: 1 / x, "torch.reciprocal(x)", domain=(NONZERO,)),
    "deg2rad": S("te.deg2rad(x) ; np.deg2rad(x)", lambda x: x * np.pi / 180, "torch.deg2rad(x)"),
    "radians": S("te.radians(x) ; np.radians(x)", lambda x: x * np.pi / 180, "torch.deg2rad(x)"),
    "rad2deg": S("te.rad2deg(x) ; np.rad2deg(x)", lambda x: x / np.pi * 180, "torch.rad2deg(x)"),
    "degrees": S("te.degrees(x) ; np.degrees(x)", lambda x: x / np.pi * 180, "torch.rad2deg(x)"),
    "erf": S("te.erf(x)", error_function, "torch.erf(x)", domain=(BOUNDED,)),
    "sinc": S("te.sinc(x) ; np.sinc(x)", cardinal_sine, "torch.sinc(x)"),
    "softplus": S("te.softplus(x)", lambda x: soft_larger(x, 0 * x), "torch.logaddexp(x, 0 * x)"),
    "log_sigmoid": S("te.log_sigmoid(x)", lambda x: -soft_larger(-x, 0 * x), "torch.nn.functional.logsigmoid(x)"),
    "silu": S("te.silu(x)", lambda x: x * logistic(x), "torch.nn.functional.silu(x)"),
    "gelu": S("te.gelu(x)", lambda x: x * (1 + error_function(x / np.sqrt(2))) / 2, "torch.nn.functional.gelu(x)", domain=(BOUNDED,)),
    "gelu_tanh": S("te.gelu(x, 'tanh') ; te.gelu(x, approximate='tanh')", lambda x: x * logistic(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)), "torch.nn.functional.gelu(x, approximate='tanh')", domain=(BOUNDED,)),
    "leaky_relu": S("te.leaky_relu(x, c)", lambda x, c: np.where(np.real(x) <= 0, c, 1) * x, "torch.nn.functional.leaky_relu(x, c)", of(c=(0.01, 0.5)), kink=lambda x, c: _apart(x)),
    "elu": S("te.elu(x, c)", lambda x, c: np.where(np.real(x) <= 0, c * (np.exp(smaller(x, 0 * x)) - 1), x), "torch.nn.functional.elu(x, c)", of(c=(1.0, 0.5)), kink=lambda x, c: _apart(x)),
    "fabs": S("te.fabs(x) ; np.fabs(x)", magnitude, "torch.abs(x)", kink=_apart),
    "floor": S("te.floor(x) ; np.floor(x)", whole, "torch.floor(x)", kink=from_steps),
    "ceil": S("te.ceil(x) ; np.ceil(x)", lambda x: -whole(-x), "torch.ceil(x)", kink=from_steps),
    "trunc": S("te.trunc(x) ; np.trunc(x)", lambda x: np.where(np.real(x) < 0, -whole(-x), whole(x)), "torch.trunc(x)", kink=from_steps),
    "rint": S("te.rint(x) ; np.rint(x) ; te.round(x) ; x.round() ; round(x)", lambda x: whole(x + 0.5), "torch.round(x)", kink=lambda x: from_steps(x, 0.5)),
    "round": S("te.round(x, n) ; x.round(n) ; np.round(x, n) ; round(x, n)", lambda x, n: whole(x * 10.0**n + 0.5) / 10.0**n, "torch.round(x, decimals=n)", of(n=(1, -1)), kink=lambda x, n: from_steps(x * 10.0**n, 0.5)),
    "float_power": S("te.float_power(x, y) ; np.float_power(x, y)", lambda x, y: np.exp(y * np.log(x)), "torch.float_power(x, y)", domain=(POSITIVE, BOUNDED)),
    "hypot": S("te.hypot(x, y) ; np.hypot(x, y)", lambda x, y: np.sqrt(x * x + y * y), "torch.hypot(x, y)", kink=lambda x, y: _apart(np.hypot(x, y))),
    "arctan2": S("te.arctan2(x, y) ; np.arctan2(x, y)", angle, "torch.arctan2(x, y)", kink=angle_kink),
    "logaddexp": S("te.logaddexp(x, y) ; np.logaddexp(x, y)", soft_larger, "torch.logaddexp(x, y)"),
    "logaddexp2": S("te.logaddexp2(x, y) ; np.logaddexp2(x, y)", lambda x, y: soft_larger(x, y, 2.0), "torch.logaddexp2(x, y)"),
    "xlogy": S("te.xlogy(x, y)", lambda x, y: x * np.log(y), "torch.xlogy(x, y)", domain=(None, POSITIVE)),
    "remainder": S("te.remainder(x, y) ; x % y ; np.remainder(x, y) ; np.mod(x, y)", lambda x, y: x - y * whole(np.real(x) / np.real(y)), "torch.remainder(x, y)", domain=(None, NONZERO), kink=lambda x, y: from_steps(x / y)),
    "fmod": S("te.fmod(x, y) ; np.fmod(x, y)", lambda x, y: x - y * np.trunc(np.real(x) / np.real(y)), "torch.fmod(x, y)", domain=(None, NONZERO), kink=lambda x, y: from_steps(x / y)),
    "floor_divide": S("te.floor_divide(x, y) ; x // y ; np.floor_divide(x, y)", lambda x, y: whole(np.real(x) / np.real(y)), "torch.floor(x / y)", domain=(None, NONZERO), kink=lambda x, y: from_steps(x / y)),
    "heaviside": S("te.heaviside(x, y) ; np.heaviside(x, y)", lambda x, y: 1.0 * (np.real(x) > 0) + 0 * y, "0.0 * y + (x > 0) + 0.0 * torch.sign(x)", kink=lambda x, y: _apart(x)),
    "copysign": S("te.copysign(x, y) ; np.copysign(x, y)", lambda x, y: np.where((np.real(x) > 0) == (np.real(y) > 0), x, -x), "torch.copysign(x, y)", kink=lambda x, y: _apart(x, y)),
    "fmax": S("te.fmax(x, y) ; np.fmax(x, y)", larger, "torch.fmax(x, y)", kink=lambda x, y: _apart(x - y)),
    "fmin": S("te.fmin(x, y) ; np.fmin(x, y)", smaller, "torch.fmin(x, y)", kink=lambda x, y: _apart(x - y)),
    "nan_to_num": S("te.nan_to_num(te.where(x > 0, x, np.nan), nan=c) ; np.nan_to_num(np.where(x > 0, x, np.nan), nan=c)", lambda x, c: np.where(np.real(x) > 0, x, c), "torch.where(x > 0, x, c)", of(c=(0.0, -1.5)), kink=lambda x, c: _apart(x)),
    "isclose": S("te.where(te.isclose(x, y, 0.25, 0.5), x, y) ; np.where(~(te.isclose(x, y, 0.25, 0.5)), y, x)", lambda x, y: np.where(np.abs(np.real(x - y)) <= 0.5 + 0.25 * np.abs(np.real(y)), x, y), "torch.where(torch.abs(x - y) <= 0.5 + 0.25 * torch.abs(y), x, y)", kink=lambda x, y: _apart(np.abs(x - y) - 0.5 - 0.25 * np.abs(y))),
    "equal": S("te.where((x == y) | (x < y), y, 2 * x) ; te.where(~(x != y) | (x < y), y, 2 * x)", lambda x, y: np.where(np.real(x) <= np.real(y), y, x + x), "torch.where(x <= y, y, x + x)", kink=lambda x, y: _apart(x - y)),
    "sigmoid": S("te.sigmoid(x) ; x.sigmoid()", logistic, "torch.sigmoid(x)"),
    "relu": S("te.relu(x) ; x.relu()", lambda x: x * (np.real(x) > 0), "torch.relu(x)", kink=_apart),
    "absolute": S("abs(x) ; te.absolute(x) ; x.abs() ; np.abs(x)", lambda x: larger(x, -x), "torch.abs(x)", kink=_apart),
    "sign": S("te.sign(x) ; np.sign(x)", lambda x: 1.0 * (np.real(x) > 0) - 1.0 * (np.real(x) < 0), "torch.sign(x)", kink=_apart),
    "maximum": S("te.maximum(x, y) ; np.maximum(x, y)", larger, "torch.maximum(x, y)", kink=lambda x, y: _apart(x - y)),
    "minimum": S("te.minimum(x, y) ; np.minimum(x, y)", smaller, "torch.minimum(x, y)", kink=lambda x, y: _apart(x - y)),
    "where": S("te.where(x > 0, y, z) ; te.where(0 < x, y, z) ; np.where((x > 0) & (x >= 0), y, z) ; te.where((x > 0) & ~(x <= 0), y, z)", lambda x, y, z: np.where(np.real(x) > 0, y, z), "torch.where(x > 0, y, z)", kink=lambda x, y, z: _apart(x), blocked=(0,)),
    "clip": S("te.clip(x, lo, hi) ; x.clip(lo, hi) ; np.clip(x, lo, hi)", clipped, "torch.clip(x, lo, hi) if (lo, hi) != (None, None) else x", bounds, kink=lambda x, lo, hi: _apart(*(x - b for b in (lo, hi) if b is not None))),
    "clip_between": S("te.clip(x, y, z)", lambda x, y, z: smaller(larger(x, y), z), "torch.minimum(torch.maximum(x, y), z)", kink=lambda x, y, z: _apart(x - y, larger(x, y) - z)),
    # beside a number or an array that is no Tensor
    "add_number": S("x + c ; c + x", lambda x, c: x - (-c), "x + c", number(0.125, 1, -2.5, True)),
    "subtract_number": S("x - c", lambda x, c: x + (-c), "x - c", number(1, 0.5)),
    "number_subtract": S("c - x", lambda x, c: -(x - c), "c - x", number(1, 0.5)),
    "multiply_number": S("x * c ; c * x ; np.float64(c) * x", lambda x, c: x * c, "x * c", number(2, 0.875, -0.5)),
    "divide_number": S("x / c", lambda x, c: x * (1 / c), "x / c", number(2, -0.75)),
    "number_divide": S("c / x", lambda x, c: c * (1 / x), "c / x", number(1, -1.5), domain=(NONZERO,)),
    "power_number": S("x ** c ; np.power(x, c)", whole_power, "x ** c", number(3, 2, 1, 0)),
    "inverse_power": S("x ** c", whole_power, "x ** c", number(-1, -2), domain=(NONZERO,)),
    "root": S("x ** c", lambda x, c: np.exp(c * np.log(x)), "x ** c", number(0.5, -1.5), domain=(POSITIVE,)),
    "number_power": S("c ** x", lambda x, c: np.exp(x * np.log(c)), "c ** x", number(2, 0.5), domain=(BOUNDED,)),
    "array_multiply": S("x * a ; a * x", lambda x, a: a * x, "x * torch.tensor(a)", constant),
    "array_subtract": S("a - x ; np.subtract(a, x)", lambda x, a: a + (-x), "torch.tensor(a) - x", constant),
    # along axes
    "sum": S("te.sum(x, axis, keepdims) ; x.sum(axis, keepdims=keepdims) ; np.sum(x, axis=axis, keepdims=keepdims)", lambda x, axis, keepdims: np.add.reduce(x, axis=axis, keepdims=keepdims), "total(x, axis, keepdims)", axes),
    "mean": S("te.mean(x, axis, keepdims) ; x.mean(axis, keepdims=keepdims) ; np.mean(x, axis=axis, keepdims=keepdims)", mean, "x.mean(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0", axes),
    "max": S("te.max(x, axis, keepdims) ; x.max(axis, keepdims=keepdims) ; np.max(x, axis=axis, keepdims=keepdims)", top, "x.amax(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0", axes, kink=gap(1)),
    "min": S("te.min(x, axis, keepdims) ; x.min(axis, keepdims=keepdims) ; np.min(x, axis=axis, keepdims=keepdims)", lambda x, axis, keepdims: top(x, axis, keepdims, -1), "x.amin(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0", axes, kink=gap(-1)),
    "logsumexp": S("te.logsumexp(x, axis, keepdims) ; x.logsumexp(axis, keepdims)", log_sum_exp, "lse(x, axis, keepdims)", axes),
    "softmax": S("te.softmax(x, axis) ; x.softmax(axis)", softmax, "joint(torch.softmax, x, axis)", along),
    "log_softmax": S("te.log_softmax(x, axis) ; x.log_softmax(axis)", lambda x, axis: x - log_sum_exp(x, axis, True), "joint(torch.log_softmax, x, axis)", along),
    "prod": S("te.prod(x, axis, keepdims) ; x.prod(axis, keepdims=keepdims) ; np.prod(x, axis=axis, keepdims=keepdims)", grouped(products), "grouped(lambda v: v.prod(-1), x, axis, keepdims)", axes, domain=(BOUNDED,)),
    "ptp": S("te.ptp(x, axis, keepdims) ; x.ptp(axis, keepdims=keepdims) ; np.ptp(x, axis=axis, keepdims=keepdims)", lambda x, axis, keepdims: top(x, axis, keepdims) - top(x, axis, keepdims, -1), "grouped(lambda v: v.amax(-1) - v.amin(-1), x, axis, keepdims)", axes, kink=lambda x, axis, keepdims: min(gap(1)(x, axis, keepdims), gap(-1)(x, axis, keepdims))),
    "var": S("te.var(x, axis, keepdims, ddof=ddof) ; x.var(axis, keepdims=keepdims, ddof=ddof) ; np.var(x, axis=axis, keepdims=keepdims, ddof=ddof)", grouped(variances), "grouped(lambda v: v.var(-1, correction=ddof), x, axis, keepdims)", both(axes, of(ddof=(0, 1)))),
    "std": S("te.std(x, axis, keepdims, ddof=ddof) ; x.std(axis, keepdims=keepdims, ddof=ddof) ; np.std(x, axis=axis, keepdims=keepdims, ddof=ddof)", grouped(lambda x, ddof: np.sqrt(variances(x, ddof))), "grouped(lambda v: v.std(-1, correction=ddof), x, axis, keepdims)", both(axes, of(ddof=(0, 1))), kink=lambda x, axis, keepdims, ddof: _apart(grouped(variances)(x, axis, keepdims, ddof=0))),
    "nansum": S("te.nansum(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nansum(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: np.sum(np.where(np.real(x) > 0, x, 0), axis=-1)), "total(torch.where(x > 0, x, 0.0), axis, keepdims)", axes, kink=lambda x, axis, keepdims: _apart(x)),
    "nanmean": S("te.nanmean(te.where(x > 0, x, np.nan), axis, keepdims) ; np.nanmean(np.where(x > 0, x, np.nan), axis=axis, keepdims=keepdims)", grouped(lambda x: np.sum(np.where(np.real(x) > 0, x, 0), axis=-1) / np.sum(np.real(x) > 0, axis=-1)), "total(torch.where(x > 0, x, 0.0), axis, keepdims) / total(1.0 * (x > 0), axis, keepdims)", axes, kink=lambda x, axis, keepdims: _apart(x)),
    "average": S("te.average(x, axis, y, keepdims=keepdims) ; np.average(x, axis, y, keepdims=keepdims)", lambda x, y, axis, keepdims: np.sum(x * y, axis=axis, keepdims=keepdims) / np.sum(y, axis=axis, keepdims=keepdims), "total(x * y, axis, keepdims) / total(y, axis, keepdims)", lambda c, x, y: axes(c, x), domain=(None, POSITIVE), fits=equal),
    "average_of_lines": S("te.average(x, axis, a) ; np.average(x, axis, a)", lambda x, axis, a: np.tensordot(x, a, (axis, 0)) / np.sum(a), "", lambda c, x: {**(one_axis()(c, x) or {}), "a": np.array([0.5, 2.0, 1.0])[: x[-1]]}, takes=lambda x: bool(x) and 0 not in x and set(x) == {x[-1]} and x[-1] <= 3),
    "norm": S("te.norm(x, None, axis, keepdims) ; x.norm(axis=axis, keepdims=keepdims)", grouped(lambda x: np.sqrt(np.sum(x * x, axis=-1))), "grouped(lambda v: torch.linalg.vector_norm(v, 2, -1), x, axis, keepdims)", axes, kink=lambda x, axis, keepdims: _apart(np.sqrt(np.sum(x * x, axis=axis)))),
    "norm_of_vectors": S("te.norm(x, p, axis, keepdims) ; x.norm(p, axis, keepdims) ; np.linalg.norm(x, p, axis, keepdims)", grouped(vector_norms), "grouped(lambda v: torch.linalg.vector_norm(v, p, -1) + 0 * v.sum(-1), x, axis, keepdims)", both(one_axis(), of(p=(2, 1, 3, np.inf, -np.inf, 0, 1.5, 0.5), keepdims=(False, True))), kink=norm_kink),
    "norm_of_matrices": S("te.norm(x, p, axis, keepdims) ; x.norm(p, axis, keepdims) ; np.linalg.norm(x, p, axis, keepdims)", matrix_norm, "torch.linalg.matrix_norm(x, p, axis, keepdim=keepdims)", of(axis=((0, 1), (1, 0), (-1, 0)), p=("fro", 1, -1, np.inf, -np.inf), keepdims=(False, True)), kink=matrix_norm_kink, takes=axes_at_least(2)),
    "cumsum": S("te.cumsum(x, axis) ; x.cumsum(axis) ; np.cumsum(x, axis=axis)", running(lambda y, x: y + x), "x.reshape(-1).cumsum(0) if axis is None else x.cumsum(axis)", along_one),
    "cumprod": S("te.cumprod(x, axis) ; x.cumprod(axis) ; np.cumprod(x, axis=axis)", running(lambda y, x: y * x), "x.reshape(-1).cumprod(0) if axis is None else x.cumprod(axis)", along_one, domain=(BOUNDED,)),
    "all": S("te.where(te.all(x > 0, axis, True), x, -x) ; te.where((x > 0).all(axis, True), x, -x) ; np.where(np.all(x > 0, axis=axis, keepdims=True), x, -x)", lambda x, axis, keepdims: np.where(np.min(np.real(x), axis=axis, keepdims=True, initial=1) > 0, x, -x), "torch.where(grouped(lambda v: (v > 0).all(-1), x, axis, True), x, -x)", axes, kink=lambda x, axis, keepdims: _apart(x)),
    "any": S("te.where(te.any(x > 0, axis, True), x, -x) ; te.where((x > 0).any(axis, True), x, -x) ; np.where(np.any(x > 0, axis=axis, keepdims=True), x, -x)", lambda x, axis, keepdims: np.where(np.max(np.real(x), axis=axis, keepdims=True, initial=-1) > 0, x, -x), "torch.where(grouped(lambda v: (v > 0).any(-1), x, axis, True), x, -x)", axes, kink=lambda x, axis, keepdims: _apart(x)),
    "count_nonzero": S("te.where(te.count_nonzero(x > 0, axis, True) > 1, x, -x) ; np.where(np.count_nonzero(x > 0, axis=axis, keepdims=True) > 1, x, -x)", lambda x, axis, keepdims: np.where(np.sum(np.real(x) > 0, axis=axis, keepdims=True) > 1, x, -x), "torch.where(grouped(lambda v: (v > 0).sum(-1), x, axis, True) > 1, x, -x)", axes, kink=lambda x, axis, keepdims: _apart(x)),
    # in order
    "sort": S("te.sort(x, axis) ; np.sort(x, axis=axis)", in_order, "x.reshape(-1).sort()[0] if axis is None else x.sort(axis)[0]", along_one, kink=order_kink),
    "sort_falling": S("te.sort(x, axis, descending=True)", lambda x, axis: in_order(x, axis, True), "x.reshape(-1).sort(descending=True)[0] if axis is None else x.sort(axis, True)[0]", along_one, kink=order_kink),
    "argsort": S("te.take_along_axis(x, te.argsort(x, axis), axis) ; te.take_along_axis(x, x.argsort(axis), axis) ; np.take_along_axis(x, np.argsort(x, axis=axis), axis)", in_order, "x.reshape(-1).sort()[0] if axis is None else x.sort(axis)[0]", along_one, kink=order_kink),
    "argmax": S("te.take_along_axis(x, te.argmax(x, axis, True), axis) ; te.take_along_axis(x, x.argmax(axis, True), axis) ; np.take_along_axis(x, np.argmax(x, axis=axis, keepdims=True), axis)", lambda x, axis: top(x, axis, True), "x.amax(axis, True)", one_axis(), kink=lambda x, axis: gap(1)(x, axis, True)),
    "argmin": S("te.take_along_axis(x, te.argmin(x, axis, True), axis) ; te.take_along_axis(x, x.argmin(axis, True), axis) ; np.take_along_axis(x, np.argmin(x, axis=axis, keepdims=True), axis)", lambda x, axis: top(x, axis, True, -1), "x.amin(axis, True)", one_axis(), kink=lambda x, axis: gap(-1)(x, axis, True)),
    "topk": S("te.topk(x, k, axis)[0]", lambda x, k, axis: np.take(in_order(x, axis, True), range(k), axis), "x.topk(k, axis)[0]", largest_few, kink=order_kink),
    "topk_smallest": S("te.topk(x, k, axis, largest=False)[0]", lambda x, k, axis: np.take(in_order(x, axis), range(k), axis), "x.topk(k, axis, False)[0]", largest_few, kink=order_kink),
    "median": S("te.median(x, axis, keepdims) ; np.median(x, axis=axis, keepdims=keepdims)", grouped(lambda x: quantiles(x, 0.5)), "grouped(lambda v: v.quantile(0.5, -1), x, axis, keepdims)", axes, kink=neighbours),
    "quantile": S("te.quantile(x, q, axis, keepdims) ; np.quantile(x, q, axis=axis, keepdims=keepdims)", grouped(quantiles), "grouped(lambda v: v.quantile(q, -1), x, axis, keepdims)", both(axes, of(q=(0.25, 0.6, 0.0, 1.0))), kink=neighbours),
    "quantiles": S("te.quantile(x, [0.25, 0.6], axis) ; np.quantile(x, [0.25, 0.6], axis=axis)", lambda x, axis: np.stack([grouped(quantiles)(x, axis, False, q=q) for q in (0.25, 0.6)]), "torch.stack([x.quantile(q, axis) for q in (0.25, 0.6)])", one_axis(), kink=neighbours),
    "percentile": S("te.percentile(x, q, axis, keepdims) ; np.percentile(x, q, axis=axis, keepdims=keepdims)", grouped(lambda x, q: quantiles(x, q / 100)), "grouped(lambda v: v.quantile(q / 100, -1), x, axis, keepdims)", both(axes, of(q=(25, 60))), kink=neighbours),
    "searchsorted": S("te.where(te.searchsorted([0.0, 1.0], x) == 1, x, -x)", lambda x: np.where((np.real(x) > 0) & (np.real(x) <= 1), x, -x), "torch.where((x > 0) & (x <= 1), x, -x)", kink=lambda x: _apart(x, x - 1)),
    # products and costs
    "matmul": S("x @ y ; te.matmul(x, y) ; np.matmul(x, y)", np.matmul, "x @ y", fresh=second_factor, fits=lambda x, y: bool(x and y) and x[-1] == y[-2 if len(y) > 1 else 0]),
    "matmul_transposed": S("x @ y.mT", lambda x, y: np.einsum("...ij,...kj->...ik", x, y), "x @ y.mT", at_least(2), fits=lambda x, y: len(x) > 1 and len(y) > 1 and x[-1] == y[-1]),
    "array_matmul": S("a @ x", lambda x, a: np.matmul(a, x), "torch.tensor(a) @ x", lambda c, x: {"a": uneven((2, x[-2] if len(x) > 1 else x[0]))} if x else None),
    "linear": S("te.linear(x, y, z)", weighted_input, "x @ y.T + z", fresh=layer),
    "linear_without_bias": S("te.linear(x, y)", lambda x, y: weighted_input(x, y, np.zeros(np.shape(y)[:1])), "x @ y.T", fresh=lambda c, x: layer(c, x)[:1]),
    "inner": S("te.inner(x, y) ; np.inner(x, y)", lambda x, y: np.tensordot(x, y, (-1, -1)), "torch.inner(x, y)", fits=lambda x, y: bool(x and y) and x[-1] == y[-1], takes=axes_at_least(1)),
    "vdot": S("te.vdot(x, y) ; np.vdot(x, y)", lambda x, y: np.sum(np.ravel(x) * np.ravel(y)), "(x.reshape(-1) * y.reshape(-1)).sum()", fits=lambda x, y: np.prod(x) == np.prod(y)),
    "outer": S("te.outer(x, y) ; np.outer(x, y)", lambda x, y: np.multiply.outer(np.ravel(x), np.ravel(y)), "torch.outer(x.reshape(-1), y.reshape(-1))", fits=any_shape),
    "kron": S("te.kron(x, y) ; np.kron(x, y)", kronecker, "torch.kron(x, y)", fits=any_shape),
    "tensordot": S("te.tensordot(x, y, n) ; np.tensordot(x, y, n)", contracted, "torch.tensordot(x, y, n)", lambda c, x, y: {"n": max(k for k in range(min(len(x), len(y)) + 1) if x[len(x) - k :] == y[:k])}, fits=any_shape),
    "tensordot_pair": S("te.tensordot(x, y, (i, j)) ; np.tensordot(x, y, (i, j)) ; te.tensordot(x, y, ([i], [j]))", lambda x, y, i, j: contracted(np.moveaxis(x, i, -1), np.moveaxis(y, j, 0), 1), "torch.tensordot(x, y, ([i], [j]))", lambda c, x, y: {"i": c.below(len(x)) - len(x) * c.below(2), "j": c.below(len(y))}, takes=axes_at_least(1), fits=lambda x, y: bool(y)),
    "einsum": S("te.einsum(s + ',' + t + '->' + out, x, y) ; np.einsum(s + ',' + t + '->' + out, x, y) ; te.contract([x, y], [list(s), list(t)], list(out))", lambda x, y, s, t, out: np.einsum(s + "," + t + "->" + out, x, y), "torch.einsum(s + ',' + t + '->' + out, x, y)", letters, fits=any_shape),
    "einsum_alone": S("te.einsum(s + '->' + out, x) ; np.einsum(s + '->' + out, x)", lambda x, s, out: np.einsum(s + "->" + out, x), "torch.einsum(s + '->' + out, x)", letters),
    "einsum_dots": S("te.einsum('...i,...i', x, y) ; np.einsum('...i,...i', x, y)", lambda x, y: np.sum(x * y, axis=-1), "torch.einsum('...i,...i', x, y)", takes=axes_at_least(1), fits=lambda x, y: bool(y) and _fits(x, y) and x[-1] == y[-1]),
    "einsum_three": S("te.einsum('ij,kj,kl->il', x, y, x @ y.mT)", lambda x, y: np.matmul(np.matmul(x, y.T), np.matmul(x, y.T)), "x @ y.T @ x @ y.T", takes=lambda x: len(x) == 2 and x[0] == x[1], fits=equal),
    "matvec": S("te.matvec(x, y)", lambda x, y: np.einsum("...ij,...j->...i", x, y), "torch.einsum('...ij,...j->...i', x, y)", takes=axes_at_least(2), fresh=lambda c, x: [(*c.pick(((), x[:-2])), x[-1])], fits=lambda x, y: bool(y) and x[-1] == y[-1]),
    "vecmat": S("te.vecmat(y, x)", lambda x, y: np.einsum("...i,...ij->...j", y, x), "torch.einsum('...i,...ij->...j', y, x)", takes=axes_at_least(2), fresh=lambda c, x: [(*c.pick(((), x[:-2])), x[-2])], fits=lambda x, y: bool(y) and x[-2] == y[-1]),
    "vecdot": S("te.vecdot(x, y) ; np.vecdot(x, y)", lambda x, y: np.sum(x * y, axis=-1), "(x * y).sum(-1)", takes=axes_at_least(1), fits=lambda x, y: bool(y) and _fits(x, y) and x[-1] == y[-1]),
    "cross": S("te.cross(x, y) ; np.cross(x, y)", right_angles, "torch.linalg.cross(*torch.broadcast_tensors(x, y))", takes=lambda x: x[-1:] == (3,), fits=lambda x, y: y[-1:] == (3,) and _fits(x, y)),
    "multi_dot": S("te.multi_dot([x, y.T, y]) ; np.linalg.multi_dot([x, y.T, y])", lambda x, y: np.einsum("ij,kj,kl->il", x, y, y), "x @ y.T @ y", takes=lambda x: len(x) == 2, fits=lambda x, y: len(y) == 2 and x[1] == y[1]),
    # linear algebra
    "inv": S("te.inv(x) ; np.linalg.inv(x)", inverse, "torch.linalg.inv(x)", domain=("regular",), takes=axes_at_least(2)),
    "solve": S("te.solve(x, y) ; np.linalg.solve(x, y)", by_inverse, "torch.linalg.inv(x) @ y", domain=("regular",), takes=axes_at_least(2), fresh=lambda c, x: [(x[-2], *c.pick(((), (1,), (2,))))], fits=lambda x, y: bool(y) and y[-2 if len(y) > 1 else 0] == x[-2]),
    "pinv": S("te.pinv(x) ; np.linalg.pinv(x)", pseudo_inverse, "torch.linalg.pinv(x)", domain=("full rank",), takes=axes_at_least(2)),
    "det": S("te.det(x) ; np.linalg.det(x)", lambda x: determinant(x) + 0 * np.sum(x, axis=(-2, -1)), "torch.linalg.det(x)", domain=("square",), takes=axes_at_least(2)),
    "slogdet": S("te.slogdet(x)[0] * te.slogdet(x).logabsdet ; np.linalg.slogdet(x)[0] * np.linalg.slogdet(x)[1]", lambda x: np.where(np.real(determinant(x)) > 0, 1, -1) * np.log(magnitude(determinant(x))) + 0 * np.sum(x, axis=(-2, -1)), "torch.linalg.slogdet(x)[0].detach() * torch.linalg.slogdet(x)[1]", domain=("regular",), takes=axes_at_least(2)),
    "cholesky": S("te.cholesky(x) ; np.linalg.cholesky(x) ; te.cholesky(x, upper=True).mT", cholesky_factor, "torch.linalg.cholesky(x)", domain=("positive definite",), takes=axes_at_least(2)),
    "matrix_power": S("te.matrix_power(x, n) ; np.linalg.matrix_power(x, n)", matrix_powers, "torch.linalg.matrix_power(x, n) + 0 * x", of(n=(2, 3, 5, 1, 0)), domain=("square",), takes=axes_at_least(2)),
    "inverse_matrix_power": S("te.matrix_power(x, n) ; np.linalg.matrix_power(x, n)", matrix_powers, "torch.linalg.matrix_power(x, n)", of(n=(-1, -2)), domain=("regular",), takes=axes_at_least(2)),
    "diag": S("te.diag(x, k) ; np.diag(x, k)", lambda x, k: on_diagonal(x, k) if np.ndim(x) == 1 else diagonal_of(x, k), "torch.diag(x, k)", of(k=(0, 1, -1)), takes=lambda x: len(x) in (1, 2)),
    "diagflat": S("te.diagflat(x, k) ; np.diagflat(x, k)", on_diagonal, "torch.diagflat(x, k)", of(k=(0, 1, -1)), takes=lambda x: np.prod(x) < 8),
    "tril": S("te.tril(x, k) ; np.tril(x, k)", lambda x, k: triangle(x, k, -1), "torch.tril(x, k)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    "triu": S("te.triu(x, k) ; np.triu(x, k)", lambda x, k: triangle(x, k, 1), "torch.triu(x, k)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    # windows
    "conv1d": S("te.conv1d(x, y, z, stride, pad, dil, groups)", convolved, "torch.nn.functional.conv1d(x, y, z, stride, pad, dil, groups)", strides(1), takes=image(1), fresh=filters(1), fits=no_other),
    "conv2d": S("te.conv2d(x, y, z, stride, pad, dil, groups)", convolved, "torch.nn.functional.conv2d(x, y, z, stride, pad, dil, groups)", strides(2), takes=image(2), fresh=filters(2), fits=no_other),
    "conv2d_without_bias": S("te.conv2d(x, y, padding='same')", lambda x, y: convolved(np.pad(x, [(0, 0)] * (np.ndim(x) - 2) + [((k - 1) // 2, k // 2) for k in y.shape[2:]]), y, np.zeros(len(y)), (1, 1), (0, 0), (1, 1), 1), "torch.nn.functional.conv2d(x, y, padding='same')", takes=image(2), fresh=lambda c, x: [(2, x[-3], 2, 1)], fits=no_other),
    "max_pool1d": S("te.max_pool1d(x, size, stride, pad, dil)", highest, "torch.nn.functional.max_pool1d(x, size, stride, pad, dil)", pooled(1, True), kink=highest_kink, takes=image(1)),
    "max_pool2d": S("te.max_pool2d(x, size, stride, pad, dil)", highest, "torch.nn.functional.max_pool2d(x, size, stride, pad, dil)", pooled(2, True), kink=highest_kink, takes=image(2)),
    "avg_pool1d": S("te.avg_pool1d(x, size, stride, pad, count_include_pad=pads)", average_of, "torch.nn.functional.avg_pool1d(x, size, stride, pad, False, pads)", pooled(1, False), takes=image(1)),
    "avg_pool2d": S("te.avg_pool2d(x, size, stride, pad, count_include_pad=pads)", average_of, "torch.nn.functional.avg_pool2d(x, size, stride, pad, False, pads)", pooled(2, False), takes=image(2)),
    "quadratic_cost": S("te.quadratic_cost(x, y)", squared_distance, "((x - y) ** 2).sum() / (2 * (x.shape[0] if x.ndim > 1 else 1))", at_least(0, 9), fits=lambda x, y: x == y),
    # the same entries elsewhere
    "reshape": S("te.reshape(x, shape) ; x.reshape(*shape) ; x.reshape(shape) ; np.reshape(x, shape)", lambda x, shape: np.array(list(np.ravel(x)), dtype=np.asarray(x).dtype).reshape(shape), "x.reshape(shape)", other_shape),
    "flatten": S("x.flatten()", np.ravel, "x.reshape(-1)"),
    "transpose": S("te.transpose(x, axes) ; x.transpose(axes) ; te.transpose(x, axes=axes) ; np.transpose(x, axes)", lambda x, axes: np.moveaxis(x, axes, range(len(axes))), "x.permute(axes)", permutation),
    "T": S("x.T ; te.transpose(x) ; x.transpose()", lambda x: np.moveaxis(x, range(np.ndim(x)), range(np.ndim(x))[::-1]), "x.permute(tuple(range(x.ndim))[::-1])"),
    "mT": S("x.mT", lambda x: np.swapaxes(x, -1, -2), "x.mT", at_least(2)),
    "broadcast_to": S("te.broadcast_to(x, shape) ; x.broadcast_to(*shape) ; np.broadcast_to(x, shape)", lambda x, shape: x + np.zeros(shape), "x.broadcast_to(shape)", larger_shape),
    "concatenate": S("te.concatenate(xs, axis) ; np.concatenate(xs, axis=axis)", lambda xs, axis: np.concatenate(xs, axis), "torch.cat(xs, axis)", one_axis(), fits=lambda x, y: x == y),
    "concatenate_flat": S("te.concatenate(xs, axis=None)", lambda xs: np.concatenate([np.ravel(x) for x in xs]), "torch.cat([x.reshape(-1) for x in xs])", fits=lambda x, y: True),
    "stack": S("te.stack(xs, axis) ; np.stack(xs, axis=axis)", lambda xs, axis: np.stack(xs, axis), "torch.stack(xs, axis)", one_axis(1), fits=lambda x, y: x == y),
    "getitem": S("x[key]", lambda x, key: x[key], "x.reshape(-1)[torch.tensor(np.arange(x.numel()).reshape(x.shape)[key].copy())]", key),
    "rows": S("te.stack([row * row for row in x])", lambda x: x * x, "x * x", at_least(1, 1)),
    "ravel": S("te.ravel(x) ; x.ravel() ; np.ravel(x)", lambda x: np.reshape(x, (-1,)), "x.reshape(-1)"),
    "squeeze": S("te.squeeze(x) ; x.squeeze() ; np.squeeze(x)", lambda x: np.reshape(x, [n for n in np.shape(x) if n != 1]), "x.squeeze()"),
    "swapaxes": S("te.swapaxes(x, i, j) ; x.swapaxes(i, j) ; np.swapaxes(x, i, j)", lambda x, i, j: np.einsum(x, [{i % np.ndim(x): j % np.ndim(x), j % np.ndim(x): i % np.ndim(x)}.get(k, k) for k in range(np.ndim(x))], list(range(np.ndim(x)))), "x.transpose(i, j)", two_places, takes=axes_at_least(1)),
    "repeat": S("te.repeat(x, 2, axis) ; x.repeat(2, axis) ; np.repeat(x, 2, axis)", lambda x, axis: np.take(x, np.arange(2 * np.shape(x)[axis]) // 2, axis), "x.repeat_interleave(2, axis)", one_axis()),
    "take": S("te.take(x, idx, axis) ; x.take(idx, axis) ; np.take(x, idx, axis)", lambda x, idx, axis: np.stack([np.moveaxis(x, axis, 0)[k] for k in idx], axis), "x.index_select(axis, torch.tensor(idx) % x.shape[axis])", places, takes=axes_at_least(1)),
    "diagonal": S("te.diagonal(x, k) ; x.diagonal(k) ; np.diagonal(x, k)", diagonal_of, "x.diagonal(k)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    "trace": S("te.trace(x, k) ; x.trace(k) ; np.trace(x, k)", lambda x, k: np.sum(diagonal_of(x, k), axis=-1), "x.diagonal(k).sum(-1)", of(k=(0, 1, -1)), takes=axes_at_least(2)),
    "last_trace": S("te.trace(x, 0, -2, -1) ; np.linalg.trace(x)", lambda x: np.sum(diagonal_of(np.moveaxis(x, (-2, -1), (0, 1)), 0), axis=-1), "x.diagonal(0, -2, -1).sum(-1)", takes=axes_at_least(2)),
    "dot": S("te.dot(x, y) ; x.dot(y) ; np.dot(x, y)", lambda x, y: np.tensordot(x, y, (-1, 0)) if np.ndim(y) == 1 else np.tensordot(x, y, (-1, -2)), fresh=second_factor, fits=lambda x, y: bool(x and y) and x[-1] == y[-2 if len(y) > 1 else 0]),
    "expand_dims": S("te.expand_dims(x, axis) ; np.expand_dims(x, axis)", lambda x, axis: np.stack([x], axis), "x.unsqueeze(axis)", one_axis(1)),
    "atleast_1d": S("te.atleast_1d(x) ; np.atleast_1d(x)", lambda x: np.reshape(x, np.shape(x) or (1,)), "torch.atleast_1d(x)"),
    "atleast_2d": S("te.atleast_2d(x) ; np.atleast_2d(x)", lambda x: x + np.zeros((1, 1)), "torch.atleast_2d(x)"),
    "atleast_3d": S("te.atleast_3d(x) ; np.atleast_3d(x)", lambda x: x if np.ndim(x) > 2 else np.reshape(x, (*np.shape(x), 1) if np.ndim(x) == 2 else (1, -1, 1)), "torch.atleast_3d(x)"),
    "moveaxis": S("te.moveaxis(x, i, j) ; np.moveaxis(x, i, j)", lambda x, i, j: np.rollaxis(x, i, j % np.ndim(x) + (j % np.ndim(x) > i % np.ndim(x))), "x.moveaxis(i, j)", two_places, takes=axes_at_least(1)),
    "flip": S("te.flip(x, axis) ; np.flip(x, axis=axis)", lambda x, axis, keepdims: turned_round(x, axis), "x.flip(dims(x, axis))", axes),
    "fliplr": S("te.fliplr(x) ; np.fliplr(x)", lambda x: turned_round(x, 1), "x.flip(1)", takes=axes_at_least(2)),
    "flipud": S("te.flipud(x) ; np.flipud(x)", lambda x: turned_round(x, 0), "x.flip(0)", takes=axes_at_least(1)),
    "rot90": S("te.rot90(x, n, (i, j)) ; np.rot90(x, n, (i, j))", lambda x, n, i, j: np.rot90(x, n, (i, j)), "torch.rot90(x, n, (i, j))", of(n=(1, 2, 3, 0, -1), i=(0, -1), j=(1,)), takes=lambda x: len(x) > 2),
    "rot90_of_matrix": S("te.rot90(x) ; np.rot90(x)", lambda x: turned_round(np.swapaxes(x, 0, 1), 0), "torch.rot90(x)", takes=axes_at_least(2)),
    "roll": S("te.roll(x, n, axis) ; np.roll(x, n, axis)", lambda x, n, axis: rolled_by(x, n, axis), "x.roll(n) if axis is None else x.roll(n, axis)", both(along_one, of(n=(1, -1, 4, 0)))),
    "roll_axes": S("te.roll(x, (1, -1), (0, 1)) ; np.roll(x, (1, -1), (0, 1))", lambda x: rolled_by(rolled_by(x, 1, 0), -1, 1), "x.roll((1, -1), (0, 1))", takes=axes_at_least(2)),
    "tile": S("te.tile(x, n) ; np.tile(x, n)", lambda x, n: np.kron(np.ones(n), x), "x.tile(n if isinstance(n, tuple) else (n,))", of(n=(2, (2, 1), (1, 3), (2, 1, 2), 0)), takes=lambda x: 0 not in x),
    "pad": S("te.pad(x, w, mode) ; np.pad(x, w, mode)", lambda x, w, mode: np.pad(x, w, mode), "x.reshape(-1)[torch.tensor(np.pad(np.arange(x.numel()).reshape(x.shape), w, mode))]", widths("edge", "reflect", "symmetric", "wrap"), takes=lambda x: bool(x) and 0 not in x),
    "pad_constant": S("te.pad(x, w, mode, constant_values=0.5) ; np.pad(x, w, mode, constant_values=0.5)", framed, "torch.nn.functional.pad(x, [n for pair in w[::-1] for n in pair], value=0.5)", widths("constant"), takes=axes_at_least(1)),
    "repeat_each": S("te.repeat(x, [2, 0, 1][:x.shape[0]], 0) ; np.repeat(x, [2, 0, 1][:x.shape[0]], 0)", lambda x: np.take(x, [k for k, n in enumerate((2, 0, 1)[: len(x)]) for _ in range(n)], 0), "x.repeat_interleave(torch.tensor([2, 0, 1][:x.shape[0]]), 0)", takes=lambda x: bool(x) and 0 < x[0] <= 3),
    "broadcast_arrays": S("te.stack(te.broadcast_arrays(x, y)) ; np.stack(np.broadcast_arrays(x, y))", lambda x, y: np.stack([x + 0 * y, y + 0 * x]), "torch.stack(torch.broadcast_tensors(x, y))"),
    "meshgrid": S("te.stack(te.meshgrid(x.ravel(), y.ravel(), indexing=c)) ; np.stack(np.meshgrid(x.ravel(), y.ravel(), indexing=c))", lambda x, y, c: np.stack([z if c == "ij" else z.T for z in (np.multiply.outer(np.ravel(x), np.ones(np.size(y))), np.multiply.outer(np.ones(np.size(x)), np.ravel(y)))]), "torch.stack(torch.meshgrid(x.reshape(-1), y.reshape(-1), indexing=c))", of(c=("xy", "ij")), fits=any_shape),
    "full_like": S("te.full_like(x, y) ; np.full_like(x, y)", lambda x, y: np.broadcast_to(y, np.shape(x)) + np.zeros(np.shape(x)), "y.broadcast_to(x.shape)", fits=lambda x, y: _fits(x, y) and np.broadcast_shapes(x, y) == x, blocked=(0,)),
    "zeros_like": S("te.zeros_like(x) ; np.zeros_like(x) ; te.empty_like(x)", lambda x: np.zeros(np.shape(x)), "torch.zeros_like(x)", blocked=(0,)),
    "ones_like": S("te.ones_like(x) ; np.ones_like(x)", lambda x: np.ones(np.shape(x)), "torch.ones_like(x)", blocked=(0,)),
    "sum_to": S("te.sum_to(x, to)", lambda x, to: np.sum(np.sum(x, axis=tuple(range(np.ndim(x) - len(to)))), axis=tuple(k for k, n in enumerate(to) if n == 1), keepdims=True), "x.sum_to_size(to)", shrunk_shape),
    # joined and taken apart
    "append": S("te.append(x, y, axis) ; np.append(x, y, axis)", lambda x, y, axis: np.concatenate([x, y], axis), "torch.cat([x, y], axis)", lambda c, x, y: one_axis()(c, x), fits=equal),
    "append_flat": S("te.append(x, y) ; np.append(x, y)", lambda x, y: np.concatenate([np.ravel(x), np.ravel(y)]), "torch.cat([x.reshape(-1), y.reshape(-1)])", fits=any_shape),
    "hstack": S("te.hstack(xs) ; np.hstack(xs)", lambda xs: np.concatenate([np.ravel(x) if np.ndim(x) < 2 else x for x in xs], 0 if np.ndim(xs[0]) < 2 else 1), "torch.hstack(xs)", fits=equal),
    "vstack": S("te.vstack(xs) ; np.vstack(xs)", lambda xs: np.concatenate([np.reshape(x, (1, -1)) if np.ndim(x) < 2 else x for x in xs], 0), "torch.vstack(xs)", fits=equal),
    "dstack": S("te.dstack(xs) ; np.dstack(xs)", lambda xs: np.concatenate([np.reshape(x, (1, -1, 1)) if np.ndim(x) < 2 else x if np.ndim(x) > 2 else x[:, :, None] for x in xs], 2), "torch.dstack(xs)", fits=equal),
    "column_stack": S("te.column_stack(xs) ; np.column_stack(xs)", lambda xs: np.concatenate([np.reshape(x, (-1, 1)) if np.ndim(x) < 2 else x for x in xs], 1), "torch.column_stack(xs)", fits=equal),
    "split": S("te.concatenate(te.split(x, parts, axis)[::-1], axis) ; np.concatenate(np.split(x, parts, axis)[::-1], axis)", lambda x, parts, axis: np.concatenate(np.split(x, parts, axis)[::-1], axis), "torch.cat(x.tensor_split(parts, axis)[::-1], axis)", cuts, takes=axes_at_least(1)),
    "array_split": S("te.concatenate(te.array_split(x, 2, axis)[::-1], axis) ; np.concatenate(np.array_split(x, 2, axis)[::-1], axis)", lambda x, axis: rolled_by(x, np.shape(x)[axis] // 2, axis), "torch.cat(x.tensor_split(2, axis)[::-1], axis)", one_axis()),
    "hsplit": S("te.hstack(te.hsplit(x, [1])[::-1]) ; np.hstack(np.hsplit(x, [1])[::-1])", lambda x: rolled_by(x, -1, min(1, np.ndim(x) - 1)), "torch.hstack(x.hsplit([1])[::-1])", takes=axes_at_least(1)),
    "vsplit": S("te.vstack(te.vsplit(x, [1])[::-1]) ; np.vstack(np.vsplit(x, [1])[::-1])", lambda x: rolled_by(x, -1, 0), "torch.vstack(x.vsplit([1])[::-1])", takes=axes_at_least(2)),
    "dsplit": S("te.dstack(te.dsplit(x, [1])[::-1]) ; np.dstack(np.dsplit(x, [1])[::-1])", lambda x: rolled_by(x, -1, 2), "torch.dstack(x.dsplit([1])[::-1])", takes=axes_at_least(3)),
    "unstack": S("te.stack(te.unstack(x, axis=axis)[::-1], axis)", turned_round, "torch.stack(x.unbind(axis)[::-1], axis)", one_axis(), takes=lambda x: 0 not in x),
    # some of the entries (np.take of an empty array never returns with mode="wrap")
    "at_set": S("x.at_set(key, y[key]) ; te.at_set(x, key, y[key])", lambda x, y, key: set_at(x, numbered(x)[key], y[key]), "", lambda c, x, y: key(c, x), fits=equal),
    "at_set_number": S("x.at_set(key, y.mean()) ; te.at_set(x, key, y.mean())", lambda x, y, key: set_at(x, numbered(x)[key], np.sum(y) / np.size(y)), "", lambda c, x, y: key(c, x), fits=lambda x, y: 0 not in y),
    "at_add": S("x.at_add(key, y[key]) ; te.at_add(x, key, y[key])", lambda x, y, key: add_at(x, numbered(x)[key], y[key]), "", lambda c, x, y: key(c, x), fits=equal),
    "at_add_number": S("x.at_add(key, y.mean()) ; te.at_add(x, key, y.mean())", lambda x, y, key: add_at(x, numbered(x)[key], np.sum(y) / np.size(y)), "", lambda c, x, y: key(c, x), fits=lambda x, y: 0 not in y),
    "compress": S("x.compress(mask, axis) ; te.compress(mask, x, axis) ; np.compress(mask, x, axis)", kept, "x.reshape(-1)[torch.tensor(mask, dtype=bool)] if axis is None else x.index_select(axis, torch.tensor(np.flatnonzero(mask)))", mask_along),
    "extract": S("te.extract(mask, x) ; np.extract(mask, x)", lambda x, mask: x[mask], "x.reshape(-1)[torch.tensor(mask.ravel())]", mask, takes=axes_at_least(1)),
    "choose": S("te.choose(idx, xs) ; np.choose(idx, xs)", chosen, "torch.stack(xs).reshape(len(xs), -1)[torch.tensor(idx.ravel()), torch.arange(idx.size)].reshape(idx.shape)", lambda c, *shapes: {"idx": np.array(c.numbers(int(np.prod(shapes[0])), 0, len(shapes) - 1), dtype=np.int64).reshape(shapes[0])}, fits=equal),
    "take_flat": S("te.take(x, idx) ; x.take(idx) ; np.take(x, idx)", lambda x, idx: np.stack([np.ravel(x)[k] for k in idx]), "x.reshape(-1)[torch.tensor(idx)]", lambda c, x: {"idx": c.numbers(1 + c.below(3), -int(np.prod(x)), int(np.prod(x)) - 1)}, takes=lambda x: 0 not in x),
    "take_wrapped": S("te.take(x, [4, -7, 1], axis, mode=mode)", lambda x, axis, mode: np.stack([np.moveaxis(x, axis, 0)[k % np.shape(x)[axis] if mode == "wrap" else min(max(k, 0), np.shape(x)[axis] - 1)] for k in (4, -7, 1)], axis), "x.index_select(axis, torch.tensor([4, -7, 1]) % x.shape[axis] if mode == 'wrap' else torch.tensor([4, -7, 1]).clip(0, x.shape[axis] - 1))", both(one_axis(), of(mode=("wrap", "clip"))), takes=lambda x: 0 not in x),
    "take_along_axis": S("te.take_along_axis(x, idx, 0) ; np.take_along_axis(x, idx, 0)", lambda x, idx: x.reshape(len(x), -1)[idx.reshape(len(x), -1), np.arange(max(1, int(np.prod(np.shape(x)[1:]))))].reshape(np.shape(x)), "x.gather(0, torch.tensor(idx))", lambda c, x: {"idx": np.array(c.numbers(int(np.prod(x)), 0, x[0] - 1), dtype=np.int64).reshape(x)}, takes=lambda x: bool(x) and 0 not in x),
    "embedding": S("te.embedding(x, idx)", lambda x, idx: np.stack([x[k] for k in idx]), "x[torch.tensor(idx)]", lambda c, x: {"idx": c.numbers(1 + c.below(3), 0, x[0] - 1)}, takes=lambda x: bool(x) and x[0] > 0),
    "delete": S("te.delete(x, idx, axis) ; np.delete(x, idx, axis)", lambda x, idx, axis: np.compress([k not in idx and k - np.shape(x)[axis] not in idx for k in range(np.shape(x)[axis])], x, axis), "x.index_select(axis, torch.tensor(np.delete(np.arange(x.shape[axis]), idx)))", places, takes=axes_at_least(1)),
    "insert": S("te.insert(x, 1, y.mean(), axis) ; np.insert(x, 1, y.mean(), axis)", lambda x, y, axis: put_between(x, 1, np.full([1 if k == axis % np.ndim(x) else n for k, n in enumerate(np.shape(x))], np.sum(y) / np.size(y)), axis), "torch.cat([x.narrow(axis, 0, 1), y.mean().broadcast_to(x.narrow(axis, 0, 1).shape), x.narrow(axis, 1, x.shape[axis] - 1)], axis)", lambda c, x, y: one_axis()(c, x), takes=lambda x: 0 not in x, fits=lambda x, y: 0 not in y),
    "insert_flat": S("te.insert(x, 1, y.ravel()) ; np.insert(x, 1, y.ravel())", lambda x, y: put_between(np.ravel(x), 1, np.ravel(y), 0), "torch.cat([x.reshape(-1)[:1], y.reshape(-1), x.reshape(-1)[1:]])", takes=lambda x: 0 not in x, fits=lambda x, y: 0 not in y),
    "nonzero": S("x[te.nonzero(x > 0)] ; x[(x > 0).nonzero()] ; x[np.nonzero(x > 0)] ; te.take(x, te.flatnonzero(x > 0)) ; x[tuple(te.argwhere(x > 0).T)]", lambda x: np.ravel(x)[np.real(np.ravel(x)) > 0], "x.reshape(-1)[x.reshape(-1) > 0]", kink=_apart, takes=axes_at_least(1)),
    # the graph itself
    "detach": S("x.detach()", np.real, "x.detach()", blocked=(0,)),
    "astype": S("x.astype(np.float64)", lambda x: x, "x.to(torch.float64)"),
}
# fmt: on

TORCH_DIFFERS = {  # where the policy is not PyTorch's: here, there, at, our gradient, theirs; and why
    "clip": ("v.clip(0.0, 1.0)", "v.clip(0.0, 1.0)", [0.0, 1.0], [0, 0], [1, 1.25]),  # slope 0 at the bounds
    "max": ("v.max()", "v.amax()", [np.nan, 1.0], [1, 0], [np.nan, np.nan]),  # the NaN alone receives the gradient
    "min": ("v.min()", "v.amin()", [np.nan, 1.0], [1, 0], [np.nan, np.nan]),
    "absolute": ("abs(v)", "abs(v)", [np.nan, 1.0], [np.nan, 1.25], [0, 1.25]),  # NaN in, NaN out
    "sign": ("v * np.sign(v)", "v * v.sign()", [np.nan, 1.0], [np.nan, 1.25], [0, 1.25]),  # sign(NaN) is NaN, there 0
    "logsumexp": ("v.logsumexp(0)", "v.logsumexp(0)", [-np.inf, -np.inf], [0, 0], [np.nan, np.nan]),  # policy C17
    "softmax": ("v.softmax(0)[1]", "v.softmax(0)[1]", [np.inf, 0.0], [np.nan, np.nan], [np.nan, np.nan]),  # [NaN, 0]
    "log_softmax": ("v.log_softmax(0)[1]", "v.log_softmax(0)[1]", [np.inf, 0.0], [np.nan, 1], [np.nan, np.nan]),
}
TORCH_DIFFERS_IN_VALUES = {"softmax", "log_softmax"}  # entries beside +inf are 0 and -inf, there NaN
NUMPY_DIFFERS = {  # what NumPy itself does in another way there; left out where PyTorch listens at kinks
    "linear": "the dot of a single column skips 0 × inf",
    "power": "x ** 0.5 is sqrt(x) in arrays and pow in single numbers: NaN and inf at -inf",
    "root": "x ** 0.5 is sqrt(x) in arrays and pow in single numbers: NaN and inf at -inf",
}

NOT_IN_PROGRAMS = {  # public names, and why no program uses them
    "allclose": "answers with True or False: no Tensor",
    "assert_gradients": "takes a function, not Tensors: test_check.py",
    "check_gradients": "takes a function, not Tensors: test_check.py",
    "compare": "takes a function, not Tensors: test_check.py",
    "checkpoint": "takes a function, not Tensors",
    "draw": "makes a picture",
    "grad": "takes a function, not Tensors: test_transforms.py",
    "hessian": "takes a function, not Tensors: test_transforms.py",
    "hvp": "takes a function, not Tensors: test_transforms.py",
    "jacobian": "takes a function, not Tensors: test_transforms.py",
    "jvp": "takes a function, not Tensors: test_transforms.py",
    "value_and_grad": "takes a function, not Tensors: test_transforms.py",
    "vjp": "takes a function, not Tensors: test_transforms.py",
    "is_grad_enabled": "not an operation",
    "missing_extra": "not an operation",
    "no_grad": "not an operation; the state machine enters and leaves it",
}
METHODS_NOT_IN_PROGRAMS = {  # public methods and properties of Tensor, and why no program uses them
    "assign": "not an operation; in the state machine",
    "backward": "not an operation; every law calls it",
    "data": "not an operation",
    "dtype": "not an operation",
    "grad": "not an operation",
    "inputs": "not an operation",
    "item": "leaves the graph",
    "name": "not an operation",
    "ndim": "not an operation",
    "numpy": "leaves the graph",
    "op": "not an operation",
    "params": "not an operation",
    "register_hook": "not an operation: test_watching.py",
    "requires_grad": "not an operation",
    "retain_grad": "not an operation; in the state machine",
    "role": "not an operation",
    "shape": "not an operation",
    "size": "not an operation",
    "tolist": "leaves the graph",
    "zero_grad": "not an operation; in the state machine",
}


# ---- the generator ---------------------------------------------------------------------------------------

SIDES = (2, 3, 1)
SPECIAL = (0.0, 1.0, -0.0, -1.0, 2.0, np.inf, -np.inf, np.nan, 0.5)  # for programs with kinks


class Builder:
    """A program as it grows, with its values, so that guards are instructions too and nothing is thrown away."""

    def __init__(self, choices: Choices, kinks: bool = False) -> None:
        self.choices, self.kinks = choices, kinks
        self.steps: list[Leaf | Step] = []
        self.values: list[Array] = []

    def leaf(self, shape: Shape, tracked: bool) -> int:
        c, size = self.choices, int(np.prod(shape))
        if self.kinks:
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
        if domain == NONZERO and _apart(x) >= 1 / 8:
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
        first = able[-1] if c.below(2) else c.pick(able)
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
            if spec.kink and not self.kinks and self.distance(spec, ids, params) < MARGIN:
                shape = self.values[ids[0]].shape
                offsets = Leaf((uneven(shape) + np.arange(int(np.prod(shape))).reshape(shape)) / 37, False)
                ids[0] = self.emit("add", ids[0], self.add(offsets, offsets.data))
                if self.distance(spec, ids, params) < MARGIN:
                    return False
            value = np.asarray(called(spec.reference, spec, [self.values[i] for i in ids], params))
        except (ValueError, IndexError, TypeError):  # shapes that do not fit
            return False
        peak = np.max(np.abs(value), initial=0)
        if value.size > ENTRIES or not (self.kinks or peak < 1e6):
            return False
        made = self.add(Step(name, tuple(ids), params, c.below(len(spec.spellings))), value)
        if peak > LARGEST and not self.kinks:
            self.emit("tanh", made)
        return True

    def distance(self, spec: S, ids: list[int], params: dict[str, Any]) -> float:
        return spec.kink(*(self.values[i] for i in ids), **params) if spec.kink else np.inf


def called(f: Callable[..., Any], spec: S, values: Sequence[Any], params: dict[str, Any]) -> Any:
    return f(list(values), **params) if spec.arity is None else f(*values, **params)


@np.errstate(all="ignore")
def generate(
    choices: Choices, max_steps: int = 12, kinks: bool = False, empty: bool = False, names: Sequence[str] | None = None
) -> Program:
    """Draw a program: leaves whose shapes broadcast, operations on them, one root or two."""
    c, b = choices, Builder(choices, kinks)
    names = tuple(OPS) if names is None else names
    if kinks:  # a shape that depends on values, which the references do not know beside NaN
        names = [name for name in names if name != "nonzero"]
    whole = [c.pick((*SIDES, 0) if empty else SIDES) for _ in range(c.below(4))]
    for i in range(1 + c.below(3)):
        part = whole[c.below(len(whole) + 1) :]
        b.leaf(tuple(1 if c.rarely(3) else n for n in part), tracked=i == 0 or not c.rarely())
    for _ in range(1 + c.below(max_steps)):
        if not b.attempt(c.pick(names)) and not b.attempt(c.pick(names)):
            b.emit("tanh", len(b.steps) - 1)
    last = len(b.steps) - 1
    return Program(tuple(b.steps), (last, c.below(last + 1)) if c.rarely() else (last,))


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
