"""Functions that turn a function into its derivative.

They take and return numbers, arrays, Tensors, and nested lists, tuples and dicts of them.  What they return
has a graph, so every one of them can be applied again, to any order; and they can be mixed with backward().
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

import numpy as np

from .backprop import backprop
from .errors import DtypeError, GradientError, ShapeError
from .functions import reshape, stack, sum
from .graph import differentiating, recording, toposort
from .ops.shape import identity
from .tensor import Tensor
from .tree import leaves, mapped, paired, rebuilt

__all__ = ["grad", "hessian", "hvp", "jacobian", "jvp", "value_and_grad", "vjp"]

Argnums = int | tuple[int, ...]


def value_and_grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns f(*args), one number, and its gradient in the arguments numbered `argnums`.

    has_aux=True is for an f that returns (number, anything else): the result is ((number, else), gradient).

    >>> value_and_grad(lambda x: x**3)(2.0)
    (Tensor(8), Tensor(12))
    """

    @wraps(f)
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        with _recording() as finish:
            inputs, trees = _variables(args, argnums)
            result = f(*inputs, **kwargs)
            y, aux = _pair(result) if has_aux else (result, None)
            if not isinstance(y, Tensor) or y.size != 1:
                raise GradientError(f"grad(f) needs an f that returns one number as a Tensor: it returned {y!r:.80}")
            seed = Tensor(np.ones(y.shape, y.dtype))
            gradients = [_gradients([(y, seed)], tree) for tree in trees]
            g = gradients[0] if isinstance(argnums, int) else tuple(gradients)
            return finish(((y, aux), g) if has_aux else (y, g), trees)

    return value_and_gradient


def grad(f: Callable[..., Any], argnums: Argnums = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that returns the gradient of f; with has_aux=True, (gradient, what else f returned).

    >>> grad(grad(lambda x: x**3))(2.0).item()
    12.0
    """
    both = value_and_grad(f, argnums, has_aux)

    @wraps(f)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, g = both(*args, **kwargs)
        return (g, value[1]) if has_aux else g

    return gradient


def vjp(f: Callable[..., Any], *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f(*args), and the function u -> uᵀ J, the vector-Jacobian product: one gradient for every argument.

    u has the form of f's result.  One call of f serves any number of u.
    """
    with _recording() as finish:
        inputs, trees = _variables(args, tuple(range(len(args))))
        y = f(*inputs)
        _check_outputs(y)

    def pullback(u: Any) -> tuple[Any, ...]:
        with _recording() as done:
            pairs = _matched(y, u, "the vector of a pullback")
            return done(tuple(_gradients(pairs, tree) for tree in trees), trees)

    return finish(y, trees), pullback


def jvp(f: Callable[..., Any], args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """f(*args), and the derivative J v along the tangents v: how the result moves when the arguments do.

    Found by the reverse sweep alone: u -> uᵀ J is linear in u, and its transpose is v -> J v.
    """
    with _recording() as finish:
        inputs, trees = _variables(args, tuple(range(len(args))))
        y = f(*inputs)
        _check_outputs(y)
        probes = [Tensor(np.zeros(t.shape, t.dtype), requires_grad=True) for t in leaves(y)]
        pulled = _gradients(list(zip(leaves(y), probes, strict=True)), trees)
        pairs = _matched(pulled, list(tangents), "the tangents")
        return finish((y, rebuilt(y, leaves(_gradients(pairs, probes)))), [trees, probes])


def jacobian(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns dy_i/dx_j for an f from one Tensor to one: of shape y.shape + x.shape.

    One reverse sweep for every entry of y.  With a tuple of argnums: one Jacobian for each argument.
    """

    @wraps(f)
    def jacobians(*args: Any, **kwargs: Any) -> Any:
        with _recording() as finish:
            inputs, trees = _variables(args, argnums)
            y = f(*inputs, **kwargs)
            if not isinstance(y, Tensor):
                raise GradientError(f"jacobian(f) needs an f that returns one Tensor: it returned {y!r:.80}")
            rows = []
            for i in range(y.size):
                unit = np.zeros(y.size, y.dtype)
                unit[i] = 1
                rows.append([_gradients([(y, Tensor(unit.reshape(y.shape)))], tree) for tree in trees])
            found = [_stacked([row[k] for row in rows], tree, y.shape) for k, tree in enumerate(trees)]
            return finish(found[0] if isinstance(argnums, int) else tuple(found), trees)

    return jacobians


def hessian(f: Callable[..., Any], argnum: int = 0) -> Callable[..., Any]:
    """A function that returns d²f/dx_i dx_j of an f that returns one number: of shape x.shape + x.shape.

    >>> hessian(lambda x: x[0] * x[1] ** 2)([3.0, 2.0]).tolist()
    [[0.0, 4.0], [4.0, 6.0]]
    """

    @wraps(f)
    def second(*args: Any, **kwargs: Any) -> Any:
        arguments = list(args)
        arguments[argnum] = _as_variable_tree(args[argnum])  # a list of numbers is one vector here
        return jacobian(grad(f, argnum), argnum)(*arguments, **kwargs)

    return second


def hvp(f: Callable[..., Any], args: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, ...]:
    """The Hessian of f, which returns one number, times v, without the Hessian: d/dx <grad f(x), v>."""
    n = tuple(range(len(args)))

    def along(*xs: Any) -> Any:
        pairs = _matched(grad(f, n)(*xs), tangents, "the tangents")
        return _inner(pairs)

    return grad(along, n)(*args)


# ---- from arguments to variables and back -----------------------------------------------------------------


@contextmanager
def _recording() -> Iterator[Callable[..., Any]]:
    """Record, also inside no_grad(); gives the function through which results are handed out.

    They are detached inside no_grad(), and where no Tensor that the caller knows is behind them: then the graph
    could never be used, and a long computation would drag it along.
    """
    mode, outer = recording.get(), differentiating.get()
    recording.set(mode or True)
    differentiating.set(True)
    try:
        yield lambda tree, trees=(): tree if mode and _known_behind(tree, trees) else mapped(_detached, tree)
    finally:
        recording.set(mode)
        differentiating.set(outer)


def _known_behind(tree: Any, trees: Any) -> bool:
    """Is there a Tensor behind the results that requires a gradient, besides the variables made here?"""
    own = set(leaves(trees))
    for t in leaves(tree):
        if isinstance(t, Tensor) and t.requires_grad:
            for node in toposort(t, until=own) or [t]:
                for x in node.inputs or (node,):
                    if isinstance(x, Tensor) and x.requires_grad:
                        if x.op is None and x not in own:
                            return True
                        if x in own and x.op is not None:  # a copy of something that the caller tracks
                            return True
    return False


def _detached(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) else leaf


def _variables(args: tuple[Any, ...], argnums: Argnums) -> tuple[list[Any], list[Any]]:
    """The arguments, those in argnums as variables of their own: the derivative is in this argument alone."""
    wanted = (argnums,) if isinstance(argnums, int) else argnums
    inputs = list(args)
    for i in wanted:
        if not -len(args) <= i < len(args):
            raise GradientError(f"argnums names argument {i}, and there are {len(args)}")
        inputs[i] = mapped(_variable, _as_variable_tree(args[i]))
    return inputs, [inputs[i] for i in wanted]


def _as_variable_tree(x: Any) -> Any:
    """A list of plain numbers is a vector, as everywhere else; lists of Tensors or arrays are trees."""
    if isinstance(x, (list, tuple)) and x and all(isinstance(v, (int, float)) for v in leaves(x)):
        return Tensor(x)
    return x


def _variable(x: Any) -> Tensor:
    t = x if isinstance(x, Tensor) else Tensor(x)
    if t.dtype.kind != "f":
        if not isinstance(x, (int, np.integer)) or isinstance(x, bool):
            raise DtypeError(f"only real numbers have derivatives: got {t.dtype}.  Write 2.0 instead of 2")
        t = Tensor(float(x))
    return identity(t) if t.requires_grad else Tensor(t, requires_grad=True, copy=False)


def _gradients(pairs: list[tuple[Tensor, Any]], tree: Any) -> Any:
    """The gradients of sum <y, u> over the pairs, in the form of the tree of variables; zero where none leads."""
    variables = leaves(tree)
    total: dict[Tensor, Any] = {}
    for y, u in pairs:
        if y.requires_grad:
            for x, g in backprop(y, u, create_graph=True, wanted=variables).items():
                total[x] = total[x] + g if x in total else g
    return rebuilt(tree, [total[x] if x in total else Tensor(np.zeros(x.shape, x.dtype)) for x in variables])


def _matched(y: Any, u: Any, what: str) -> list[tuple[Tensor, Tensor]]:
    """The leaves of y with those of u, which has the same form and shapes."""
    pairs = []
    for t, v in paired(y, u):
        given = v if isinstance(v, Tensor) else Tensor(v)
        if given.shape != t.shape:
            raise ShapeError(f"{what} must have the shape {t.shape}: got {given.shape}")
        pairs.append((t, given if given.dtype == t.dtype else given.astype(t.dtype)))
    return pairs


def _inner(pairs: list[tuple[Tensor, Tensor]]) -> Any:
    total: Any = 0.0
    for t, v in pairs:
        total = total + sum(t * v)
    return total


def _stacked(rows: list[Any], tree: Any, shape: tuple[int, ...]) -> Any:
    """One gradient for every entry of y -> one array of shape y.shape + x.shape, for every variable."""
    columns = zip(*(leaves(row) for row in rows), strict=True)
    made = [reshape(stack(column), shape + column[0].shape) for column in columns]
    if not rows:
        made = [Tensor(np.zeros(shape + x.shape, x.dtype)) for x in leaves(tree)]
    return rebuilt(tree, made)


def _pair(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise GradientError(f"has_aux=True needs an f that returns (number, anything else): it returned {result!r:.80}")
    return result


def _check_outputs(y: Any) -> None:
    for t in leaves(y):
        if not isinstance(t, Tensor):
            raise GradientError(f"f must return Tensors: it returned {t!r:.80}")
