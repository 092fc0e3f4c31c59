"""Three voices for one program: the engine, plain NumPy with the complex step, and (if installed) PyTorch.

`check` holds a program against all of them and against the laws that need no second voice; what fails is a
`Mismatch` that names the law.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import accumulate
from typing import Any

import numpy as np
from program_choices import uneven
from program_ops import AT_INFINITE_GRADIENTS, OPS, TORCH_DIFFERS, UNSTEADY, bound, called, compiled
from program_references import well_conditioned
from programs import Leaf, Program, Step, laid_out

import tinygrad_edu as te
from tinygrad_edu import GradientError, Tensor, no_grad

Array = np.ndarray
STEP = 1e-20  # so small that f(x + i STEP) has no rounding error in its imaginary part
RTOL, ATOL = 1e-10, 1e-12


class Mismatch(AssertionError):
    """A law that a program breaks."""

    def __init__(self, law: str, message: str) -> None:
        super().__init__(f"{law}: {message}")
        self.law = law


# ---- E: the engine ---------------------------------------------------------------------------------------


def _ours() -> dict[str, Any]:
    return {"te": te, "np": np}


def eager(program: Program, arrays: dict[int, Array] | None = None) -> list[Tensor]:
    """Every value of the program, as Tensors."""
    values: list[Tensor] = []
    for i, step in enumerate(program.steps):
        if isinstance(step, Leaf):
            array = laid_out(step) if arrays is None else arrays[i]
            values.append(Tensor(array, requires_grad=step.requires_grad))
            continue
        spec = OPS[step.name]
        named = bound(spec, [values[j] for j in step.operands]) | step.params
        values.append(compiled(spec.spellings[step.spelling], tuple(named), _ours)(*named.values()))
    return values


def seeds(program: Program, values: Sequence[Any], factor: float = 1) -> list[Array]:
    return [factor * uneven(values[r].shape, start=n) for n, r in enumerate(program.roots)]


def backward(program: Program, values: list[Tensor], given: list[Array]) -> dict[int, Array]:
    """The gradients of the leaves, from every root."""
    for r, seed in zip(program.roots, given, strict=True):
        if values[r].requires_grad:
            values[r].backward(seed)
    return found_in(program, values)


def found_in(program: Program, values: list[Tensor]) -> dict[int, Array]:
    return {i: t.grad.data for i in program.leaves if (t := values[i]).grad is not None}


# ---- N: plain NumPy --------------------------------------------------------------------------------------


def reference(
    program: Program, leaves: dict[int, Array] | None = None, noise: np.random.Generator | None = None
) -> list[Any]:
    """Every value that leads to a root, from the second implementations.

    noise: every result, and every slope of a step, is off by a few rounding errors, to see how far these are
    carried.  (1 - y^2, the slope of tanh at y near 1, is off by a rounding error of 1, not of itself.)
    """
    values: list[Any] = [None] * len(program.steps)
    for i in program.used():
        step = program.steps[i]
        if isinstance(step, Leaf):
            values[i] = step.data if leaves is None or i not in leaves else leaves[i]
            continue
        spec = OPS[step.name]
        values[i] = called(spec.reference, spec, [values[j] for j in step.operands], step.params)
        if noise is not None:
            moving = largest([np.imag(values[j]) for j in step.operands])
            values[i] = values[i] * (1 + 4e-16 * noise.standard_normal(np.shape(values[i])))
            if moving:
                values[i] = values[i] + 4e-16j * moving * noise.standard_normal(np.shape(values[i]))
    return values


def cost(program: Program, values: list[Any]) -> Any:
    """sum <seed, root>: what the gradients are of."""
    return sum(np.sum(uneven(np.shape(values[r]), start=n) * values[r]) for n, r in enumerate(program.roots))


def along(program: Program, direction: dict[int, Array], noise: np.random.Generator | None = None) -> float:
    """The slope of the cost when the leaves move in a direction, by the complex step: exact to rounding."""
    moved = {i: leaf_data(program, i) + 1j * STEP * d for i, d in direction.items()}
    return float(np.imag(cost(program, reference(program, moved, noise)))) / STEP


def leaf_data(program: Program, i: int) -> Array:
    leaf = program.steps[i]
    assert isinstance(leaf, Leaf)
    return leaf.data


def directions(program: Program, most: int = 64) -> list[dict[int, Array]]:
    """One for every entry of the leaves; for more than `most` entries two that move them all."""
    wanted = program.wanted()
    shapes = {i: leaf_data(program, i).shape for i in wanted}
    if sum(int(np.prod(s)) for s in shapes.values()) > most:
        rng = np.random.default_rng(len(program.steps))
        return [{i: rng.standard_normal(s) for i, s in shapes.items()} for _ in range(2)]
    found = []
    for i, shape in shapes.items():
        for entry in np.ndindex(shape):
            unit = np.zeros(shape)
            unit[entry] = 1
            found.append({i: unit})
    return found


# ---- T: PyTorch ------------------------------------------------------------------------------------------


@cache
def _theirs() -> dict[str, Any]:
    import torch

    torch.set_num_threads(1)

    def dims(x: Any, axis: Any) -> tuple[int, ...]:
        axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
        return tuple(k % x.ndim for k in axes)

    def total(x: Any, axis: Any, keepdims: bool) -> Any:
        return x.sum(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x + 0  # for torch, () is all axes

    def lse(x: Any, axis: Any, keepdims: bool) -> Any:
        return x.logsumexp(dims(x, axis), keepdim=keepdims) if dims(x, axis) else x[..., None].logsumexp(-1)

    def joint(f: Callable[..., Any], x: Any, axis: Any) -> Any:
        """f along several axes as if they were one."""
        gone = dims(x, axis)
        order = [*(k for k in range(x.ndim) if k not in gone), *gone]
        moved = x.permute(order)
        sizes = [x.shape[k] for k in order if k not in gone]
        back = [order.index(k) for k in range(x.ndim)]
        return f(moved.reshape(*sizes, -1 if x.numel() else 0), -1).reshape(moved.shape).permute(back)

    def grouped(f: Callable[..., Any], x: Any, axis: Any, keepdims: bool) -> Any:
        """f of all entries along the axes, which stand behind each other in the last axis."""
        gone = dims(x, axis)
        kept = [k for k in range(x.ndim) if k not in gone]
        size = int(np.prod([x.shape[k] for k in gone]))
        y = f(x.permute([*kept, *gone]).reshape(*(x.shape[k] for k in kept), size))
        return y.reshape([1 if k in gone else n for k, n in enumerate(x.shape)]) if keepdims else y

    def quantile(v: Any, q: float) -> Any:
        """Along the last axis; PyTorch's own makes NaN of equal infinities, and takes any of the entries that tie."""
        line = torch.sort(v, stable=True, dim=-1)[0]
        low = int(q * (v.shape[-1] - 1))
        part = q * (v.shape[-1] - 1) - low
        y = (1 - part) * line[..., low] + part * line[..., low + 1] if part else line[..., low]
        return torch.where(torch.isnan(line[..., -1]), line[..., -1], y)

    class Taken(torch.autograd.Function):
        """Ours in place of theirs; the gradient goes on to theirs."""

        @staticmethod
        def forward(ctx: Any, theirs: Any, ours: Any) -> Any:
            return ours

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g, None

    def running_product(x: Any, axis: int) -> Any:
        """Step by step; the slope of PyTorch's is divided by x, and inf / inf is NaN."""
        return torch.stack(list(accumulate(x.unbind(axis), torch.mul)), axis) if x.shape[axis] else x + 0

    helpers = {"dims": dims, "total": total, "lse": lse, "joint": joint, "grouped": grouped}
    helpers |= {"quantile": quantile, "running_product": running_product}
    return {"torch": torch, "np": np, "take": Taken.apply, **helpers}


def by_torch(program: Program, ours: list[Tensor] | None = None) -> tuple[list[Any], dict[int, Array]] | None:
    """The values and gradients that PyTorch finds; None where it has no such function.

    ours: the values that the next steps go on from.  At kinks a rounding error, and the sign of a 0, decide on
    which side a value is; every step is to find the same, but from the same.
    """
    torch, take = _theirs()["torch"], _theirs()["take"]
    values: list[Any] = [None] * len(program.steps)
    found: list[Any] = [None] * len(program.steps)
    for i in program.used():
        step = program.steps[i]
        if isinstance(step, Leaf):
            values[i] = found[i] = torch.tensor(step.data, dtype=torch.float64, requires_grad=step.requires_grad)
            continue
        spec = OPS[step.name]
        if not spec.torch:
            return None
        named = bound(spec, [values[j] for j in step.operands]) | step.params
        values[i] = found[i] = compiled(spec.torch, tuple(named), _theirs)(*named.values())
        if ours is not None and found[i].shape == ours[i].shape:
            values[i] = take(found[i], torch.tensor(np.array(ours[i].data, order="C")))
    for n, r in enumerate(program.roots):
        if values[r].requires_grad:
            values[r].backward(torch.tensor(uneven(tuple(values[r].shape), start=n)), retain_graph=True)
    grads = {i: v.grad.numpy() for i in program.leaves if (v := values[i]) is not None and v.grad is not None}
    return [None if v is None else v.detach().numpy() for v in found], grads


# ---- the laws --------------------------------------------------------------------------------------------


class Tally:
    """How often a difference was blamed on rounding errors that the program itself makes large."""

    def __init__(self) -> None:
        self.graphs = self.ill_conditioned = self.unreliable = self.without_torch = self.left_out = 0


def same_bits(law: str, a: Any, b: Any) -> None:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype or a.tobytes() != b.tobytes():
        raise Mismatch(law, f"{a!r} != {b!r}")


def is_close(a: Any, b: Any, scale: float, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Equal to rounding, NaN and infinities in the same places."""
    with np.errstate(all="ignore"):
        off = np.abs(np.asarray(a) - b) > rtol * np.abs(b) + atol * scale
        return not np.any(off & (np.asarray(a) != b) | (np.isnan(a) != np.isnan(b)))


def largest(arrays: Any) -> float:
    return max((float(np.max(np.abs(a), initial=0)) for a in arrays), default=0.0)


def wobble(compute: Callable[[np.random.Generator], Any]) -> Any:
    """How far the second voice itself moves when each of its steps is off by a few rounding errors."""
    results = [np.asarray(compute(np.random.default_rng(k))) for k in range(4)]
    return 100 * np.max([np.abs(r - results[0]) for r in results], axis=0)


def check(program: Program, torch: bool = False, second: bool = False, tally: Tally | None = None) -> None:
    """Hold a program without kinks against the second voices and the laws."""
    tally = tally or Tally()
    values, grads = engine_laws(program)
    expected = reference(program)
    for i in program.used():
        a, b = values[i].data, np.asarray(expected[i])
        if a.shape != b.shape:
            raise Mismatch("values", f"v{i} has shape {a.shape}, expected {b.shape}")
        made_from = [expected[j] for j in getattr(program.steps[i], "operands", ())]
        if not is_close(a, b, largest([b, *made_from]), 1e-12, 1e-13):
            doubt = wobble(lambda rng, i=i: reference(program, noise=rng)[i])
            if np.any(np.abs(a - b) > doubt + 1e-12 * np.abs(b)):
                raise Mismatch("values", f"v{i} is {a}, expected {b}")
            tally.ill_conditioned += 1
    scale = max(largest(grads.values()), 1e-3)
    for d in directions(program):
        a = sum(float(np.sum(grads[i] * u)) for i, u in d.items())
        b = along(program, d)
        if not is_close(a, b, scale):
            if not abs(a - b) <= wobble(lambda rng, d=d: along(program, d, rng)):
                raise Mismatch("complex step", f"slope along v{', v'.join(map(str, d))} is {a}, expected {b}")
            tally.ill_conditioned += 1
    if torch:
        against_torch(program, values, grads, tally)
    if second:
        second_order(program, values, tally)


def engine_laws(program: Program) -> tuple[list[Tensor], dict[int, Array]]:
    """What must hold without a second voice; also at kinks."""
    arrays = {i: laid_out(leaf) for i, leaf in enumerate(program.steps) if isinstance(leaf, Leaf)}
    before = {i: a.tobytes() for i, a in arrays.items()}
    tracked, wanted = program.tracked(), program.wanted()

    values = eager(program, arrays)
    for i, t in enumerate(values):
        if t.requires_grad != tracked[i]:
            raise Mismatch("tracking", f"v{i}.requires_grad is {t.requires_grad}, expected {tracked[i]}")
    given = seeds(program, values)
    _untracked_roots_raise(program, values, given)
    seed_bytes = [s.tobytes() for s in given]
    data_bytes = [t.data.tobytes() for t in values]
    grads = backward(program, values, given)

    if sorted(grads) != wanted:
        raise Mismatch("which gradients", f"of leaves {sorted(grads)}, expected {wanted}")
    for i, g in grads.items():
        t = values[i]
        if type(t.grad) is not Tensor or type(g) is not np.ndarray or (g.shape, g.dtype) != (t.shape, t.dtype):
            raise Mismatch("fit", f"v{i}.grad is {t.grad!r} of {g.dtype} for {t!r} of {t.dtype}")
    others = [*given, *arrays.values(), *(t.data for t in values)]
    raw = {i: np.asarray(values[i].grad._data) for i in grads}
    for n, (i, g) in enumerate(raw.items()):
        for other in (*list(raw.values())[:n], *others):
            if np.may_share_memory(g, other) and np.shares_memory(g, other):
                raise Mismatch("shared memory", f"v{i}.grad shares memory")
    if {i: a.tobytes() for i, a in arrays.items()} != before or [s.tobytes() for s in given] != seed_bytes:
        raise Mismatch("inputs unchanged", "an input array or a seed was written to")
    if [t.data.tobytes() for t in values] != data_bytes:
        raise Mismatch("values unchanged", "backward() changed a value")

    once = {i: g.copy() for i, g in grads.items()}
    if len(program.roots) == 1:
        for i, g in backward(program, values, given).items():
            same_bits("second backward doubles", g, 2 * once[i])

    again = eager(program)
    for i, t in enumerate(again):
        same_bits(f"rerun, value v{i}", t.data, values[i].data)
    for i, g in backward(program, again, seeds(program, again)).items():
        same_bits(f"rerun, gradient of v{i}", g, once[i])
    for i in grads:
        again[i].zero_grad()
    for i, g in backward(program, again, seeds(program, again, 2)).items():
        same_bits(f"vjp(2v) = 2 vjp(v) for v{i}", g, 2 * once[i])

    with no_grad():
        free = eager(program)
    for i, t in enumerate(free):
        if any(t is free[j] for j in program.leaves):  # +x is x
            continue
        if t.requires_grad or t.op is not None:
            raise Mismatch("no_grad records nothing", f"v{i} is {t!r}")
        same_bits(f"no_grad, value v{i}", t.data, values[i].data)
    return values, once


def _untracked_roots_raise(program: Program, values: list[Tensor], given: list[Array]) -> None:
    for r, seed in zip(program.roots, given, strict=True):
        if not values[r].requires_grad:
            try:
                values[r].backward(seed)
            except GradientError:
                continue
            raise Mismatch("a root without graph raises", f"v{r}")


def against_torch(
    program: Program, values: list[Tensor], grads: dict[int, Array], tally: Tally, kinks: bool = False
) -> None:
    """The same values and gradients, NaN and infinities in the same places."""
    found = by_torch(program, values if kinks else None)
    if found is None:
        tally.without_torch += 1
        return
    theirs, their_grads = found
    scales: dict[int, float] = {}  # the largest number that a value was made from
    for i in program.used():
        if values[i].shape != theirs[i].shape:
            raise Mismatch("torch values", f"v{i} has shape {values[i].shape}, torch {theirs[i].shape}")
        made_from = [scales[j] for j in getattr(program.steps[i], "operands", ())]
        scales[i] = scale = max(largest([theirs[i][np.isfinite(theirs[i])]]), *made_from, 0.0)
        if not is_close(values[i].data, theirs[i], scale, 1e-12, 1e-13):
            doubt = wobble(lambda rng, i=i: reference(program, noise=rng)[i])
            if not np.all(np.abs(values[i].data - theirs[i]) <= doubt):
                raise Mismatch("torch values", f"v{i} is {values[i].data}, torch {theirs[i]}")
    if set(their_grads) != set(grads):
        raise Mismatch("torch which gradients", f"{sorted(grads)}, torch {sorted(their_grads)}")
    scale = max(largest(g[np.isfinite(g)] for g in their_grads.values()), 1e-3)
    for i, g in grads.items():
        if not is_close(g, their_grads[i], scale):
            entries = [{i: unit} for unit in np.eye(g.size).reshape(g.size, *g.shape)]
            doubt = np.array([wobble(lambda rng, d=d: along(program, d, rng)) for d in entries]).reshape(g.shape)
            if not np.all(np.abs(g - their_grads[i]) <= doubt):
                raise Mismatch("torch gradients", f"v{i}.grad is {g}, torch {their_grads[i]}")


def second_order(program: Program, values: list[Tensor], tally: Tally) -> None:
    """<u, H w> by differentiating the gradient again, against slopes of complex-step slopes.

    The cost is sum <seed, z (z + 1)> over the roots: z^2 makes the seed of every rule depend on the leaves.
    """
    wanted = [i for i in program.wanted() if leaf_data(program, i).size]
    detached = any(isinstance(s, Step) and s.name == "detach" for s in program.steps)
    if detached or not wanted:  # a constant for the engine, which the differences would move
        return
    dets = [values[s.operands[0]].data for s in program.steps if isinstance(s, Step) and s.name == "det"]
    if not all(map(well_conditioned, dets)):  # "the slope's slope needs an inverse", says det
        tally.unreliable += 1
        return
    u = {i: uneven(leaf_data(program, i).shape, start=i) - 1.75 for i in wanted}
    w = {i: uneven(leaf_data(program, i).shape, start=i + 5) - 1.75 for i in wanted}
    fresh = eager(program)
    total = Tensor(0.0)
    for n, r in enumerate(program.roots):
        total = total + (uneven(fresh[r].shape, start=n) * fresh[r] * (fresh[r] + 1)).sum()
    total.backward(create_graph=True)
    slope = Tensor(0.0)
    for i in wanted:
        slope = slope + (fresh[i].grad * w[i]).sum()
    for i in wanted:
        fresh[i].zero_grad()
    if slope.requires_grad:
        slope.backward()
    parts = [np.sum(fresh[i].grad.data * u[i]) for i in wanted if fresh[i].grad is not None]
    actual = float(sum(parts))

    def slope_at(t: float) -> float:
        moved = {i: leaf_data(program, i) + t * w[i] + 1j * STEP * u[i] for i in wanted}
        z = reference(program, moved)
        quadratic = sum(
            np.sum(uneven(np.shape(z[r]), start=n) * z[r] * (z[r] + 1)) for n, r in enumerate(program.roots)
        )
        return float(np.imag(quadratic)) / STEP

    def second_at(h: float) -> float:
        d1, d2, d3 = (slope_at(k * h) - slope_at(-k * h) for k in (1, 2, 3))
        return (45 * d1 - 9 * d2 + d3) / (60 * h)

    coarse, fine = second_at(2.0**-9), second_at(2.0**-10)
    scale = max(sum(abs(p) for p in parts), abs(slope_at(0.0)), 1e-3)
    if abs(actual - fine) > 1e-8 * abs(fine) + 1e-9 * scale + 1e-12 * largest(t.data for t in values):
        if abs(coarse - fine) > 1e-9 * abs(fine) + 1e-10 * scale:
            tally.unreliable += 1  # the differences themselves do not agree
        else:
            raise Mismatch("second order", f"<u, H w> is {actual}, expected {fine}")


@contextmanager
def quiet() -> Iterator[None]:
    """NaN and infinities are right in places, as are means of nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def check_kinks(program: Program, torch: bool = False, tally: Tally | None = None) -> None:
    """Hold a program with ties, zeros, infinities and NaN against the laws, and against PyTorch."""
    try:
        values, grads = engine_laws(program)
    except np.linalg.LinAlgError:
        return  # a singular matrix, or one with NaN
    read_twice = eager(program)
    for r, seed in zip(program.roots, seeds(program, read_twice), strict=True):
        if read_twice[r].requires_grad:
            read_twice[r].backward(seed, create_graph=True)
    for i, g in found_in(program, read_twice).items():
        if not is_close(g, grads[i], largest([grads[i][np.isfinite(grads[i])]]), 1e-12, 1e-13):
            raise Mismatch("the two readings", f"v{i}.grad is {grads[i]} on arrays, {g} on Tensors")
    tally = tally or Tally()
    if torch and where_pytorch_differs(program, values):
        tally.left_out += 1
    elif torch:
        against_torch(program, values, grads, tally, kinks=True)


def where_pytorch_differs(program: Program, values: list[Tensor]) -> bool:
    """Does a step of the program come to a point where PyTorch is known to do something else?"""
    known = {name: differs.where for name, differs in TORCH_DIFFERS.items()}
    for name, (where, _) in UNSTEADY.items():
        known[name] = where
    for step in (program.steps[i] for i in program.used()):
        if isinstance(step, Step) and step.name in known:
            arrays = [values[j].data for j in step.operands]
            if np.any(called(known[step.name], OPS[step.name], arrays, step.params)):
                return True
    again = eager(program)
    asked = [again[i] for i in program.used() if getattr(program.steps[i], "name", "") in AT_INFINITE_GRADIENTS]
    for t in asked:
        if t.requires_grad:
            t.retain_grad()
    backward(program, again, seeds(program, again))
    return any(t.grad is not None and not np.all(np.isfinite(t.grad.data)) for t in asked)


def parity(spelling: str, arrays: list[Array], params: dict[str, Any]) -> tuple[str, str] | None:
    """The same expression on Tensors and on NumPy's arrays: both give the same values, or both an error."""
    spec, settings = params["spec"], {k: v for k, v in params.items() if k != "spec"}
    if "te." in spelling or "detach" in spelling:
        return None
    outcomes = []
    with quiet():
        for operands in ([Tensor(a) for a in arrays], arrays):
            named = bound(spec, operands) | settings
            try:
                outcomes.append(compiled(spelling, tuple(named), _ours)(*named.values()))
            except AttributeError:
                return None  # an array has no such method
            except Exception as error:
                outcomes.append(error)
    ours, numpys = outcomes
    call = f"{spelling} of {[a.shape for a in arrays]} with {settings}"
    if isinstance(ours, Exception) != isinstance(numpys, Exception):
        return f"error parity of {spelling}", f"{call}: {ours!r:.150}, NumPy {numpys!r:.150}"
    if isinstance(ours, Exception):
        if not isinstance(ours, (ValueError, TypeError, IndexError)):
            return "error class", f"{call}: {ours!r}"
    elif ours.shape != np.shape(numpys) or not is_close(ours.data, numpys, largest([numpys]), 1e-13, 1e-13):
        return f"values of {spelling}", f"{call}: {ours!r}, NumPy {numpys!r}"
    return None


def failure(program: Program, kinks: bool = False, **settings: Any) -> tuple[str, str] | None:
    """The law that the program breaks and how; None if it breaks none, also where it cannot run at all."""
    try:
        with quiet():
            reference(program)
    except Exception:
        return None
    try:
        with quiet():
            (check_kinks if kinks else check)(program, **settings)
    except Mismatch as mismatch:
        return mismatch.law, str(mismatch)
    except Exception as error:
        return type(error).__name__, f"{type(error).__name__}: {error}"
    return None
