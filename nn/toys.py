"""Toy sets: points in the plane, two or more classes that no straight line separates."""

from __future__ import annotations

import math

import numpy as np

from tinygrad_edu import DataError

from .examples import Array, Examples, check_whole, one_hot
from .init import Seed, as_generator

__all__ = ["circles", "moons", "spirals", "xor"]


def moons(n: int = 500, *, noise: float = 0.1, rng: Seed = None) -> Examples:
    """n points on two half circles that reach into each other: (cos t, sin t) and (1 - cos t, 1/2 - sin t)."""
    rng, labels = _begin(n, 2, noise, rng)
    t = rng.uniform(0, math.pi, n)
    upper, lower = (np.cos(t), np.sin(t)), (1 - np.cos(t), 0.5 - np.sin(t))
    return _examples(np.where(labels == 0, upper, lower).T, labels, 2, noise, rng)


def circles(n: int = 500, *, factor: float = 0.5, noise: float = 0.05, rng: Seed = None) -> Examples:
    """n points on a circle of radius 1 (class 0) and on one of radius `factor` inside it (class 1)."""
    rng, labels = _begin(n, 2, noise, rng)
    if not 0 <= factor < 1:
        raise DataError(f"circles: factor, the inner radius, is at least 0 and below 1, not {factor!r}")
    t, radius = rng.uniform(0, 2 * math.pi, n), np.where(labels == 0, 1.0, factor)
    return _examples(_polar(radius, t), labels, 2, noise, rng)


def spirals(n: int = 500, *, classes: int = 2, turns: float = 1.0, noise: float = 0.02, rng: Seed = None) -> Examples:
    """n points on spiral arms from the centre to radius 1, one arm per class, each `turns` times around."""
    check_whole(classes, 2, None, "spirals: classes, the arms,")
    rng, labels = _begin(n, classes, noise, rng)
    radius = np.sqrt(rng.uniform(0, 1, n))  # the root: as dense outside as inside
    angle = 2 * math.pi * (turns * radius + labels / classes)
    return _examples(_polar(radius, angle), labels, classes, noise, rng)


def xor(n: int = 500, *, noise: float = 0.0, rng: Seed = None) -> Examples:
    """n points in the square [-1, 1]^2; class 1 where the signs of the two coordinates differ."""
    rng, _ = _begin(n, 2, noise, rng)
    x = rng.uniform(-1, 1, (n, 2))
    labels = (x[:, 0] * x[:, 1] < 0).astype(np.int64)
    return _examples(x, labels, 2, noise, rng)


def _begin(n: int, classes: int, noise: float, rng: Seed) -> tuple[np.random.Generator, Array]:
    """The generator, and as many labels of each class as of any other, give or take one, mixed."""
    check_whole(n, 1, None, "n, the number of points,")
    if not 0 <= noise < math.inf:
        raise DataError(f"noise, a standard deviation, is 0 or more, not {noise!r}")
    rng = as_generator(rng)
    return rng, rng.permutation(np.arange(n) % classes)


def _polar(radius: Array, angle: Array) -> Array:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _examples(x: Array, labels: Array, classes: int, noise: float, rng: np.random.Generator) -> Examples:
    x = (x + noise * rng.standard_normal(x.shape)).astype(np.float32)
    return Examples(x, one_hot(labels, classes), labels)
