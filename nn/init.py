"""First values of the parameters, by name; and PyTorch's functions that give a Tensor its first values.

Sources: Glorot and Bengio (2010) for xavier, He et al. (2015) for kaiming, Saxe et al. (2013) for orthogonal.
fan_in is how many inputs a neuron has, fan_out how many neurons an input leads to: for a weight (n_out, n_in)
these are n_in and n_out; for a convolution's (C_out, C_in, kh, kw), C_in · kh · kw and C_out · kh · kw.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DtypeError, ShapeError, Tensor

__all__ = [
    "INITS",
    "Seed",
    "as_generator",
    "calculate_gain",
    "constant_",
    "first_values",
    "init_linear",
    "kaiming_normal_",
    "kaiming_uniform_",
    "normal_",
    "ones_",
    "orthogonal_",
    "uniform_",
    "xavier_normal_",
    "xavier_uniform_",
    "zeros_",
]

Seed: TypeAlias = "int | np.random.Generator | None"  # as text: np.random takes a while to load
"""A seed, a generator to draw on, or None for one that differs every time."""

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


def as_generator(rng: Seed) -> np.random.Generator:
    """The generator itself, or a new one from a seed; NumPy's global one is never touched."""
    if isinstance(rng, np.random.Generator):
        return rng
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        kind = DtypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"rng is a seed (a whole number, 0 or more), a generator or None, not {rng!r:.60}") from error


# ---- by name, for a layer: its weight and its bias -------------------------------------------------------


def standard_normal(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ N(0, 1), b ~ N(0, 1): the book's first network (Nielsen, chapter 1)."""
    return rng.standard_normal(shape), rng.standard_normal(shape[0])


def scaled_normal(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ N(0, 1) / sqrt(fan_in), b ~ N(0, 1): the book's better one (Nielsen, chapter 3), z stays of order 1."""
    return rng.standard_normal(shape) / np.sqrt(_fans(shape)[0]), rng.standard_normal(shape[0])


def uniform(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w, b ~ U(-1, 1) / sqrt(fan_in): PyTorch's default for linear and convolutional layers."""
    bound = 1 / np.sqrt(_fans(shape)[0])
    return rng.uniform(-bound, bound, shape), rng.uniform(-bound, bound, shape[0])


def xavier_uniform(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ U(-1, 1) sqrt(6 / (fan_in + fan_out)), b = 0: for tanh, signals keep their size both ways."""
    bound = math.sqrt(6 / sum(_fans(shape)))
    return rng.uniform(-bound, bound, shape), np.zeros(shape[0])


def xavier_normal(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ N(0, 1) sqrt(2 / (fan_in + fan_out)), b = 0."""
    return rng.standard_normal(shape) * math.sqrt(2 / sum(_fans(shape))), np.zeros(shape[0])


def kaiming_uniform(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ U(-1, 1) sqrt(6 / fan_in), b = 0: for ReLU, which silences half of the neurons."""
    bound = math.sqrt(6 / _fans(shape)[0])
    return rng.uniform(-bound, bound, shape), np.zeros(shape[0])


def kaiming_normal(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ N(0, 1) sqrt(2 / fan_in), b = 0."""
    return rng.standard_normal(shape) * math.sqrt(2 / _fans(shape)[0]), np.zeros(shape[0])


def orthogonal(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w is a random rotation, or a part of one, b = 0: no direction grows or shrinks."""
    return _rotation(shape, rng), np.zeros(shape[0])


def zeros(shape: Shape, rng: np.random.Generator) -> tuple[Array, Array]:
    """w = b = 0: all neurons of a layer stay equal for ever, which is worth seeing once."""
    return np.zeros(shape), np.zeros(shape[0])


INITS: dict[str, Callable[[Shape, np.random.Generator], tuple[Array, Array]]] = {
    f.__name__: f
    for f in (
        *(standard_normal, scaled_normal, uniform, zeros),
        *(xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal, orthogonal),
    )
}


def init_linear(name: str, n_out: int, n_in: int, rng: Seed) -> tuple[Array, Array]:
    """Weights (n_out, n_in) and biases (n_out,) drawn by the init of that name."""
    w, b = first_values(name, (n_out, n_in), True, rng)
    assert b is not None
    return w, b


def first_values(
    init: str | Callable[[str, Shape], Array], shape: Shape, bias: bool, rng: Seed, name: str = "weight"
) -> tuple[Array, Array | None]:
    """The first weight, of this shape, and bias (shape[0],) of a layer: by the name of an init, or by a function."""
    if callable(init):
        return init(name, shape), init("bias", shape[:1]) if bias else None
    if init not in INITS:
        raise ValueError(f"there is no init {init!r}: choose one of {', '.join(INITS)}")
    w, b = INITS[init](shape, as_generator(rng))
    return w, b if bias else None


# ---- PyTorch's functions: a Tensor gets new values, and is given back ------------------------------------


def uniform_(t: Tensor, a: float = 0.0, b: float = 1.0, *, rng: Seed = None) -> Tensor:
    """t ~ U(a, b)"""
    return t.assign(as_generator(rng).uniform(a, b, t.shape))


def normal_(t: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: Seed = None) -> Tensor:
    """t ~ N(mean, std²)"""
    return t.assign(as_generator(rng).normal(mean, std, t.shape))


def constant_(t: Tensor, val: float) -> Tensor:
    """t = val everywhere"""
    return t.assign(np.full(t.shape, val, t.dtype))


def zeros_(t: Tensor) -> Tensor:
    """t = 0"""
    return constant_(t, 0)


def ones_(t: Tensor) -> Tensor:
    """t = 1"""
    return constant_(t, 1)


def xavier_uniform_(t: Tensor, gain: float = 1.0, *, rng: Seed = None) -> Tensor:
    """t ~ U(-1, 1) gain sqrt(6 / (fan_in + fan_out))"""
    bound = gain * math.sqrt(6 / sum(_fans(t.shape)))
    return uniform_(t, -bound, bound, rng=rng)


def xavier_normal_(t: Tensor, gain: float = 1.0, *, rng: Seed = None) -> Tensor:
    """t ~ N(0, 1) gain sqrt(2 / (fan_in + fan_out))"""
    return normal_(t, 0, gain * math.sqrt(2 / sum(_fans(t.shape))), rng=rng)


Mode = Literal["fan_in", "fan_out"]


def kaiming_uniform_(
    t: Tensor, a: float = 0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Seed = None
) -> Tensor:
    """t ~ U(-1, 1) gain sqrt(3 / fan), with the fan of the mode and the gain of the nonlinearity; a: a leaky slope"""
    bound = math.sqrt(3) * _kaiming(t.shape, a, mode, nonlinearity)
    return uniform_(t, -bound, bound, rng=rng)


def kaiming_normal_(
    t: Tensor, a: float = 0, mode: Mode = "fan_in", nonlinearity: str = "leaky_relu", *, rng: Seed = None
) -> Tensor:
    """t ~ N(0, 1) gain / sqrt(fan), with the fan of the mode and the gain of the nonlinearity; a: a leaky slope"""
    return normal_(t, 0, _kaiming(t.shape, a, mode, nonlinearity), rng=rng)


def orthogonal_(t: Tensor, gain: float = 1, *, rng: Seed = None) -> Tensor:
    """t = gain times a random rotation, or a part of one: its rows, or its columns, are at right angles"""
    return t.assign(gain * _rotation(t.shape, as_generator(rng)))


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """How much larger weights have to be, so that a = f(z) is as large as z; param: the slope of a leaky ReLU."""
    gains = {
        **dict.fromkeys(("linear", "conv1d", "conv2d", "sigmoid"), 1.0),
        **{"tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4},
        "leaky_relu": math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2)),
    }
    if nonlinearity not in gains:
        raise ValueError(f"there is no gain for {nonlinearity!r}: choose one of {', '.join(gains)}")
    return gains[nonlinearity]


def _kaiming(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'mode is "fan_in" (forward, z keeps its size) or "fan_out" (backward): got {mode!r}')
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(shape)[mode == "fan_out"])


def _fans(shape: Shape) -> tuple[int, int]:
    """fan_in and fan_out of a weight."""
    if len(shape) < 2:
        raise ShapeError(f"fan_in and fan_out are those of a weight (n_out, n_in, …): shape {shape} has too few axes")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def _rotation(shape: Shape, rng: np.random.Generator) -> Array:
    """A random matrix (n_out, fan_in) with orthonormal rows or columns, all of them equally likely."""
    if len(shape) < 2:
        raise ShapeError(f"orthogonal needs a weight of two axes or more: got shape {shape}")
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q = q * np.sign(np.diag(r))  # else the signs would follow the algorithm
    return np.reshape(q if rows >= columns else q.T, shape)
