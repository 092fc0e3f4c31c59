"""What is drawn for a random program: choices by hypothesis or by NumPy, and the settings of the operations.

A function of settings is given the choices and the shapes of the operands; it returns the settings by name, or
None where the operation does not fit the shapes.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

Array = np.ndarray
Shape = tuple[int, ...]


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


def uneven(shape: Shape, start: int = 0) -> Array:
    """A cotangent that no symmetry can hide behind: v[i] = 1 + (7919 i mod 13) / 8."""
    i = np.arange(start, start + int(np.prod(shape)))
    return (1 + (7919 * i % 13) / 8).reshape(shape)


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


def wide(x: Shape) -> bool:
    """Is it an array of a wide program?  Others have no more than 64 entries."""
    return int(np.prod(x)) > 64


def second_factor(c: Choices, x: Shape) -> list[Shape]:
    """What x can be multiplied by from the left: a vector, a matrix, a stack of matrices."""
    inner, columns = x[-1] if x else 1, (17, 64) if wide(x) else (2, 3)
    return [c.pick(((inner, columns[0]), (inner,), (inner, columns[1]), (2, inner, 1)))]


def layer(c: Choices, x: Shape) -> list[Shape]:
    n_out = c.pick((16, 8, 33) if wide(x) else (2, 1, 3))
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
        out = groups * c.pick((4, 9) if wide(x) else (1, 2))
        return [(out, channels // groups, *(c.pick((3, 1) if wide(x) else (1, 2)) for _ in range(dims))), (out,)]

    return shapes


def strides(dims: int) -> Callable[..., dict[str, Any]]:
    def params(c: Choices, x: Shape, w: Shape, *bias: Shape) -> dict[str, Any]:
        rolls = {name: tuple(low + c.below(2) for _ in range(dims)) for name, low in GEOMETRY.items()}
        return {**rolls, "groups": x[-dims - 1] // w[1]}

    return params


GEOMETRY = {"stride": 1, "pad": 0, "dil": 1}


def pooled(dims: int, dilated: bool) -> Callable[..., dict[str, Any]]:
    def params(c: Choices, x: Shape) -> dict[str, Any]:
        size = tuple(1 + c.below(min(3 if wide(x) else 2, n)) for n in x[-dims:])
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
