"""Nested lists, tuples and dicts: what functions take and return, seen as a list of leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .errors import DtypeError, ShapeError

__all__ = ["leaves", "mapped", "paired", "rebuilt"]


def leaves(tree: Any) -> list[Any]:
    """What is in the tree, from left to right; dicts in the order of their keys' insertion."""
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in leaves(branch)]
    if isinstance(tree, (list, tuple)):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree]


def rebuilt(tree: Any, new: Sequence[Any]) -> Any:
    """A tree of the same form with other leaves."""
    rest = iter(new)
    made = _rebuilt(tree, rest)
    if next(rest, rest) is not rest:
        raise DtypeError(f"more leaves than the {len(leaves(tree))} places of {tree!r:.60}")
    return made


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with function(leaf) in place of each leaf."""
    return rebuilt(tree, [function(leaf) for leaf in leaves(tree)])


def paired(tree: Any, other: Any) -> list[tuple[Any, Any]]:
    """Each leaf of the tree with what stands in its place in `other`, which may go on below."""
    if isinstance(tree, dict):
        if not isinstance(other, dict) or tree.keys() != other.keys():
            raise ShapeError(f"a dict with the keys {list(tree)} is needed here: got {other!r:.80}")
        return [pair for key in tree for pair in paired(tree[key], other[key])]
    if isinstance(tree, (list, tuple)):
        if not isinstance(other, (list, tuple)) or len(tree) != len(other):
            raise ShapeError(f"a {type(tree).__name__} of {len(tree)} is needed here: got {other!r:.80}")
        return [pair for branch, twig in zip(tree, other, strict=True) for pair in paired(branch, twig)]
    return [(tree, other)]


def _rebuilt(tree: Any, rest: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _rebuilt(branch, rest) for key, branch in tree.items()}
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a named tuple
        return type(tree)(*(_rebuilt(branch, rest) for branch in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)(_rebuilt(branch, rest) for branch in tree)
    return next(rest)
