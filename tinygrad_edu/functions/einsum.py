"""Einstein's sum: name the axes; what is not named in the result is summed over."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ops import elementwise as e
from ..ops import linalg, reduce
from ..ops import shape as s
from .arguments import as_given
from .linear_algebra import diagonal

__all__ = ["contract", "einsum"]

Labels = list[Hashable]


def einsum(subscripts: Any, *operands: Any, optimize: Any = False) -> Any:
    """One letter for each axis; axes with one letter run together, and letters that the result lacks are summed.

    einsum("ij,jk->ik", x, y)   z_ik = sum_j x_ij y_jk, the matrix product
    einsum("ii", x)             sum_i x_ii: without "->" the result has the letters that occur once, sorted
    einsum("...i,i", x, y)      "..." stands for any number of axes, which broadcast
    einsum(x, [0, 1], [1, 0])   numbers instead of letters

    Two operands at a time, the smallest result first, whatever `optimize` says; the products are matrix products.
    """
    terms, output, xs = _parsed(subscripts, operands)
    xs = [as_given(x) for x in xs]
    return contract(xs, *_spelt_out(terms, output, [x.shape for x in xs]))


# ---- parse -----------------------------------------------------------------------------------------------


def _parsed(subscripts: Any, operands: Sequence[Any]) -> tuple[list[Labels], Labels | None, list[Any]]:
    """The labels of each operand, of the result if they are given, and the operands."""
    if isinstance(subscripts, str):
        left, arrow, right = subscripts.replace(" ", "").partition("->")
        terms = [_labels(term, subscripts) for term in left.split(",")]
        output = _labels(right, subscripts) if arrow else None
        xs = list(operands)
    else:
        mixed = [subscripts, *operands]
        output = list(mixed.pop()) if len(mixed) % 2 else None
        xs, terms = mixed[::2], [list(labels) for labels in mixed[1::2]]
    if len(terms) != len(xs):
        raise ShapeError(f"einsum {subscripts!r:.60} names {len(terms)} operands, and got {len(xs)}")
    return terms, output, xs


def _labels(term: str, subscripts: str) -> Labels:
    """ "i...j" -> ["i", ..., "j"]"""
    before, dots, after = term.partition("...")
    for letter in before + after:
        if not (letter.isascii() and letter.isalpha()):
            raise ShapeError(
                f"einsum {subscripts!r}: {letter!r} is no letter.  It takes letters, one '...' in each operand, "
                f"',' between operands and one '->', as in 'ij,jk->ik'"
            )
    return [*before, *([Ellipsis] if dots else []), *after]


# ---- plan ------------------------------------------------------------------------------------------------


def _spelt_out(
    terms: list[Labels], output: Labels | None, shapes: Sequence[tuple[int, ...]]
) -> tuple[list[Labels], Labels]:
    """The same labels without "...": its axes, counted from the right, are labels of their own."""
    most = 0
    spelt = []
    for i, (labels, shape) in enumerate(zip(terms, shapes, strict=True)):
        hidden = len(shape) - len(labels) + (Ellipsis in labels)
        if hidden < 0 or (hidden > 0 and Ellipsis not in labels):
            raise ShapeError(
                f"einsum: operand {i} of shape {shape} has {len(shape)} axes, and {_text(labels)} names "
                f"{len(labels) - (Ellipsis in labels)}.  '...' stands for those without a letter"
            )
        spelt.append(_filled(labels, hidden))
        most = max(most, hidden)
    every = [label for labels in spelt for label in labels]
    if output is None:
        once = {label for label in every if every.count(label) == 1 and not isinstance(label, tuple)}
        output = [Ellipsis, *sorted(once)]  # type: ignore[type-var]
    elif Ellipsis not in output and most:
        raise ShapeError(f"einsum: the operands have '...', and the result {_text(output)} must have it too")
    for label in output:
        if output.count(label) > 1:
            raise ShapeError(f"einsum: the result {_text(output)} names {label!r} twice")
        if label is not Ellipsis and label not in every:
            raise ShapeError(f"einsum: the result {_text(output)} names {label!r}, which no operand has")
    return spelt, _filled(output, most)


def _filled(labels: Labels, hidden: int) -> Labels:
    """Labels for "...": ("axis", 0) is its last axis."""
    if Ellipsis not in labels:
        return labels
    i = labels.index(Ellipsis)
    return [*labels[:i], *(("axis", k) for k in reversed(range(hidden))), *labels[i + 1 :]]


def _text(labels: Labels) -> str:
    return repr("".join("..." if label is Ellipsis else str(label) for label in labels))


# ---- apply -----------------------------------------------------------------------------------------------


def contract(xs: Sequence[Any], terms: Sequence[Labels], output: Labels) -> Any:
    """The product of the arrays, whose axes run together where their labels are equal, summed to the output's."""
    sizes = _sizes(xs, terms)
    left = [_distinct(x, labels, sizes) for x, labels in zip(xs, terms, strict=True)]
    left = [_summed(x, labels, _others(left, [i], output)) for i, (x, labels) in enumerate(left)]
    common = np.result_type(*(x.dtype for x in xs))
    while len(left) > 1:
        i, j = min(combinations(range(len(left)), 2), key=lambda pair: _size_of_product(left, pair, output, sizes))
        keep = _others(left, [i, j], output)
        left = [*(left[k] for k in range(len(left)) if k not in (i, j)), _product(*left[i], *left[j], keep, sizes)]
    ((z, labels),) = left
    z = _arranged(z, labels, output)
    return z if z.dtype == common or common.kind == "f" else e.astype(z, dtype=common)  # a sum widens integers


def _sizes(xs: Sequence[Any], terms: Sequence[Labels]) -> dict[Hashable, int]:
    """How long the axes of each label are; 1 stretches to the other's size."""
    sizes: dict[Hashable, int] = {}
    for x, labels in zip(xs, terms, strict=True):
        for label, n in zip(labels, x.shape, strict=True):
            if sizes.setdefault(label, n) == 1:
                sizes[label] = n
            elif n not in (1, sizes[label]):
                name = "..." if isinstance(label, tuple) else label
                shapes = ", ".join(f"{_text(t)}: {x.shape}" for x, t in zip(xs, terms, strict=True))
                raise ShapeError(
                    f"einsum: axes named {name!r} are of unequal size, {sizes[label]} and {n}, in {shapes}"
                )
    return sizes


def _others(left: Sequence[tuple[Any, Labels]], places: Sequence[int], output: Labels) -> set[Hashable]:
    """The labels that are still needed once the arrays at these places are multiplied."""
    return set(output).union(*(labels for k, (_, labels) in enumerate(left) if k not in places))


def _distinct(x: Any, labels: Labels, sizes: dict[Hashable, int]) -> tuple[Any, Labels]:
    """Each label once: a diagonal where it stood twice, and no axis where 1 would be stretched."""
    for label in dict.fromkeys(labels):
        while labels.count(label) > 1:
            i = labels.index(label)
            j = labels.index(label, i + 1)
            if x.shape[i] != x.shape[j]:
                raise ShapeError(
                    f"einsum: the diagonal {label!r} needs two axes of equal size: {x.shape[i]} != {x.shape[j]}"
                )
            x = diagonal(x, axis1=i, axis2=j)
            labels = [*labels[:i], *labels[i + 1 : j], *labels[j + 1 :], label]
    kept = [label for label, n in zip(labels, x.shape, strict=True) if n == sizes[label]]
    return _reshaped(x, tuple(sizes[label] for label in kept)), kept


def _summed(x: Any, labels: Labels, keep: set[Hashable]) -> tuple[Any, Labels]:
    """Summed over the labels that nobody else needs."""
    axis = tuple(i for i, label in enumerate(labels) if label not in keep)
    return (reduce.sum(x, axis=axis, keepdims=False) if axis else x), [label for label in labels if label in keep]


def _size_of_product(
    left: Sequence[tuple[Any, Labels]], pair: tuple[int, int], output: Labels, sizes: dict[Hashable, int]
) -> int:
    found = {label for k in pair for label in left[k][1]}
    return math.prod(sizes[label] for label in found & _others(left, pair, output))


def _product(
    x: Any, of_x: Labels, y: Any, of_y: Labels, keep: set[Hashable], sizes: dict[Hashable, int]
) -> tuple[Any, Labels]:
    """Two arrays as stacks of matrices:  (stack, rows, summed) @ (stack, summed, columns)."""
    stack = [label for label in of_x if label in of_y and label in keep]
    summed = [label for label in of_x if label in of_y and label not in keep]
    rows = [label for label in of_x if label not in of_y]
    columns = [label for label in of_y if label not in of_x]

    def shape(labels: Labels) -> tuple[int, ...]:
        return tuple(sizes[label] for label in labels)

    x, y = _arranged(x, of_x, [*stack, *rows, *summed]), _arranged(y, of_y, [*stack, *summed, *columns])
    if summed:
        m, k, n = (math.prod(shape(labels)) for labels in (rows, summed, columns))
        z = linalg.matmul(_reshaped(x, (*shape(stack), m, k)), _reshaped(y, (*shape(stack), k, n)))
    else:
        if of_x:  # a single number broadcasts by itself, and widens nothing while it is one
            x = _reshaped(x, (*x.shape, *(1 for _ in columns)))
        if of_y:
            y = _reshaped(y, (*shape(stack), *(1 for _ in rows), *shape(columns)))
        z = e.multiply(x, y)
    labels = [*stack, *rows, *columns]
    return _reshaped(z, shape(labels)), labels


def _arranged(x: Any, labels: Labels, order: Labels) -> Any:
    """The axes in another order."""
    return x if labels == order else s.transpose(x, axes=tuple(labels.index(label) for label in order))


def _reshaped(x: Any, shape: tuple[int, ...]) -> Any:
    return x if x.shape == shape else s.reshape(x, shape=shape)
