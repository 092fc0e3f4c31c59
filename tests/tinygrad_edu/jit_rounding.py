"""How far may a program that is equal to rounding be off?  No further than the plain one is, by its own rounding.

`beyond_rounding(expected, found, others)`: `others` are pairs (a, b, factor) of runs of the same program by the plain
engine that differ by rounding alone: in float32 and in float64, or with every operation off by a rounding error.
Their distance is what this program makes of rounding errors, be it well-conditioned or not.  `found` may be off by
WIDER times as much, and by ULPS rounding errors of the largest number beside it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinygrad_edu.compiled import version
from tinygrad_edu.compiled.numpy_executor import NumPyExecutor
from tinygrad_edu.compiled.program import Derived, Program, Value

__all__ = ["beyond_rounding", "flat", "looks_equal", "noise", "raised", "same_form"]

WIDER = 10
ULPS = 16
CLEAR = 64  # rounding errors, relative to the largest number of an array, that nobody has to look into


def flat(found: Any, path: str = "") -> list[tuple[str, Any]]:
    """(where, what) for everything in lists of lists."""
    if isinstance(found, list):
        return [pair for i, part in enumerate(found) for pair in flat(part, f"{path}[{i}]")]
    return [(path, found)]


def same_form(expected: Any, found: Any) -> str | None:
    """How `found` has other parts, shapes or dtypes than `expected`; None if it has not."""
    a, b = flat(expected), flat(found)
    if [path for path, _ in a] != [path for path, _ in b]:
        return f": {len(a)} and {len(b)} parts: {a[-1]!r:.100} and {b[-1]!r:.100}"
    for (path, x), (_, y) in zip(a, b, strict=True):
        if isinstance(x, str) or x is None:
            if type(x) is not type(y) or x != y:
                return f"{path}: {x!r:.100} and {y!r:.100}"
        elif type(x) is not type(y) or np.shape(x) != np.shape(y) or np.asarray(x).dtype != np.asarray(y).dtype:
            return f"{path}: {x!r:.100} and {y!r:.100}"
    return None


def distance(a: Any, b: Any) -> Any:
    """|a - b|, entry by entry; infinite where only one is a number, 0 where both are the same."""
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind not in "f":
        return np.where(x == y, 0.0, np.inf)
    x, y = x.astype(np.float64), y.astype(np.float64)
    with np.errstate(all="ignore"):
        d = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
    return np.where(np.isnan(d), np.inf, d)


def size(a: Any) -> float:
    """The largest finite number in an array."""
    x = np.abs(np.asarray(a, dtype=np.float64))
    return float(np.max(x, where=np.isfinite(x), initial=0.0))


def _ulp(a: Any) -> float:
    x = np.asarray(a)
    return float(np.finfo(x.dtype).eps) if x.dtype.kind == "f" else 0.0


def looks_equal(expected: Any, found: Any) -> bool:
    """Is it within a few rounding errors of each array's largest number?  Then there is nothing to look into."""
    pairs = zip(flat(expected), flat(found), strict=True)
    return all(
        bool(np.all(distance(x, y) <= CLEAR * _ulp(x) * size(x)))
        for (_, x), (_, y) in pairs
        if x is not None and not isinstance(x, str)
    )


def beyond_rounding(expected: Any, found: Any, others: list[tuple[Any, Any, float]]) -> str | None:
    """Where `found` is off by more than the rounding errors of the program explain; None: nowhere."""
    noise = [(flat(a), flat(b), factor) for a, b, factor in others]
    for k, ((path, x), (_, y)) in enumerate(zip(flat(expected), flat(found), strict=True)):
        if x is None or isinstance(x, str):
            continue
        allowed = np.full(np.shape(x), ULPS * _ulp(x) * size(x))
        for a, b, factor in noise:
            if (
                len(a) != len(b)
                or len(a) <= k
                or np.shape(a[k][1]) != np.shape(x)
                or a[k][1] is None
                or b[k][1] is None
            ):
                return None  # the plain program itself does something else after a rounding error
            d = distance(a[k][1], b[k][1])
            finite = d[np.isfinite(d)]
            moved = float(finite.max()) if finite.size else 0.0
            allowed = allowed + np.where(np.isfinite(d), WIDER * factor * moved, np.inf)
        off = distance(x, y) > allowed
        if np.any(off):
            return f"{path}: {x!r:.300} and {y!r:.300}, allowed are {np.min(allowed):.2g}"
    return None


@contextmanager
def noise(rng: np.random.Generator) -> Iterator[None]:
    """Inside, jit's NumPy executor is off by a rounding error or two at every operation that rounds."""

    class Noisy(NumPyExecutor):
        def __init__(self, program: Program) -> None:
            self.program = program
            self._run = lambda *given: _run(program, rng, *given)

    before = version.NumPyExecutor
    version.NumPyExecutor = Noisy  # type: ignore[misc]
    try:
        yield
    finally:
        version.NumPyExecutor = before  # type: ignore[misc]


# Their results are given numbers, or counts, or have no rounding error: where two are equal, they stay so.
_EXACT_NAMES = (
    "max min maximum minimum fmax fmin relu where absolute fabs negative positive sign floor ceil trunc rint heaviside "
    "copysign clip astype getitem setitem reshape transpose broadcast_to identity concatenate windows max_pool sort "
    "argmax argmin full_like zeros_like equal not_equal less less_equal greater greater_equal isnan isinf isfinite "
    "signbit logical_and logical_or logical_not logical_xor all any argsort take_along_axis put_along_axis"
)
_PRODUCTS = ("matmul", "linear", "conv", "conv_dx", "conv_dw")
_EXACT = frozenset(_EXACT_NAMES.split())


def _run(program: Program, rng: np.random.Generator, arguments: Any, reads: Any, draws: Any) -> list[Any]:
    """A run of the program, operation by operation; what one is given, and what it gives, is moved a little."""
    places = [*program.arguments, *(v for v, _ in program.reads), *(v for v, _ in program.draws)]
    values: dict[Any, Any] = dict(zip(places, [*arguments, *reads, *draws], strict=True))
    values.update((v, v.sample) for v in program.constants)

    def setting(p: Any) -> Any:
        if isinstance(p, tuple):
            return tuple(map(setting, p))
        return p.make(values[p.source]) if isinstance(p, Derived) else p

    for step in program.code:
        words = [values[x] if isinstance(x, Value) else x for x in step.inputs]
        words = [x.item() if w and isinstance(x, np.generic) else x for x, w in zip(words, step.weak, strict=True)]
        rounds = step.op.name not in _EXACT
        if rounds:
            words = [_moved(x, rng) for x in words]
        z = step.op.forward(*words, **{key: setting(p) for key, p in step.params.items()})
        if step.op.name in _PRODUCTS and not all(np.isfinite(x).all() for x in words):
            z = z * np.nan  # BLAS leaves out products with 0, be it 0 times infinity; and C takes zeros around an image
        z = _moved(z, rng) if rounds else z
        values[step.out] = z[()] if isinstance(z, np.ndarray) else z
    return [np.array(values[v])[()] for v in program.kept()]


def _moved(x: Any, rng: np.random.Generator) -> Any:
    """The same numbers, off by a rounding error."""
    if not isinstance(x, (np.ndarray, np.floating)) or x.dtype.kind != "f":
        return x
    return (x * (1 + np.finfo(x.dtype).eps * rng.uniform(-1, 1, x.shape))).astype(x.dtype)


def raised(arrays: dict[int, Any], dtype: Any) -> dict[int, Any]:
    """The same numbers in another precision, in the same order of memory."""
    new = {}
    for i, array in arrays.items():
        new[i] = np.empty_like(array, dtype=dtype) if array.dtype.kind == "f" else array
        if array.dtype.kind == "f":
            new[i][...] = array
    return new
