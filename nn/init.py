"""First values of the parameters, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["INITS", "Seed", "as_generator", "init_linear"]

Seed = int | np.random.Generator | None
"""A seed, a generator to draw on, or None for one that differs every time."""

Array = npt.NDArray[Any]


def as_generator(rng: Seed) -> np.random.Generator:
    """The generator itself, or a new one from a seed; NumPy's global one is never touched."""
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)


def standard_normal(n_out: int, n_in: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ N(0, 1), b ~ N(0, 1): the book's first network (Nielsen, chapter 1)."""
    return rng.standard_normal((n_out, n_in)), rng.standard_normal(n_out)


def scaled_normal(n_out: int, n_in: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """w ~ N(0, 1) / sqrt(n_in), b ~ N(0, 1): the book's better one (Nielsen, chapter 3), z stays of order 1."""
    return rng.standard_normal((n_out, n_in)) / np.sqrt(n_in), rng.standard_normal(n_out)


def uniform(n_out: int, n_in: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """w, b ~ U(-1, 1) / sqrt(n_in): PyTorch's default for linear layers."""
    bound = 1 / np.sqrt(n_in)
    return rng.uniform(-bound, bound, (n_out, n_in)), rng.uniform(-bound, bound, n_out)


def zeros(n_out: int, n_in: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """w = b = 0: all neurons of a layer stay equal for ever, which is worth seeing once."""
    return np.zeros((n_out, n_in)), np.zeros(n_out)


INITS: dict[str, Callable[[int, int, np.random.Generator], tuple[Array, Array]]] = {
    f.__name__: f for f in (standard_normal, scaled_normal, uniform, zeros)
}


def init_linear(name: str, n_out: int, n_in: int, rng: Seed) -> tuple[Array, Array]:
    """Weights (n_out, n_in) and biases (n_out,) drawn by the init of that name."""
    if name not in INITS:
        raise ValueError(f"there is no init {name!r}: choose one of {', '.join(INITS)}")
    return INITS[name](n_out, n_in, as_generator(rng))
