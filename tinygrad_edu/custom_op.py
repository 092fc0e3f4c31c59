"""custom: an op of your own, a function of arrays and its derivative, which is checked at every use."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from .errors import DtypeError, GradientError, ShapeError
from .graph import differentiating
from .op import Op, Traced

__all__ = ["custom"]


def custom(f: Callable[..., Any], *vjps: Callable[..., Any] | None, name: str | None = None, formula: str = "") -> Op:
    """An op from a function of arrays, z = f(x, y, …), and its derivative: used like any other, on Tensors and arrays.

    f        takes arrays (single numbers: NumPy scalars), which it may not write to, and returns one real array;
             settings are keywords, and the rules get them too
    vjps     one rule for each input: (g, z, x, y, …) -> g · dz/dx, None where there is no derivative; or
             a single rule for all inputs, which returns a tuple.  g = dC/dz has the shape of z, what a rule
             returns that of its input; where f broadcasts its inputs, it may stay broadcast
    name     what messages and pictures call it: that of f, if it has one
    formula  what pictures show, as "x / (1 + |x|)"

    A rule is read on arrays, and on Tensors where a derivative of the derivative is asked for: write it with
    operators, functions of tinygrad_edu, or NumPy's.  Values that leave the graph on purpose (x.data, x.detach(),
    x.item()) are constants there.  assert_gradients(op, inputs…, order=2) finds a wrong rule, and such a constant.

    >>> import numpy as np
    >>> from tinygrad_edu import assert_gradients, custom, grad
    >>> softsign = custom(
    ...     lambda x: x / (1 + abs(x)),
    ...     lambda g, z, x: g / (1 + abs(x)) ** 2,
    ...     name="softsign", formula="x / (1 + |x|)")
    >>> softsign(np.array([1.0, -3.0]))
    array([ 0.5 , -0.75])
    >>> grad(softsign)(1.0).item(), grad(grad(softsign))(1.0).item()
    (0.25, -0.25)
    >>> assert_gradients(softsign, [1.0, -3.0], order=2).ok
    True
    """
    if not all(map(callable, (f, *filter(None, vjps)))) or not any(vjps):
        raise TypeError(
            "custom(f, rule, …) takes a function and its derivative: a rule (g, z, x, …) -> g · dz/dx for each input, "
            f"None where there is none; or one rule for all, which returns a tuple.  Got {f!r:.60} and {vjps!r:.60}"
        )
    found = getattr(f, "__name__", "custom").replace("<lambda>", "custom")
    op_name = found if name is None else name

    @wraps(f)
    def forward(*inputs: Any, **settings: Any) -> Any:
        if len(vjps) > 1 and len(inputs) != len(vjps):
            raise TypeError(f"{op_name} has {len(vjps)} rules, one for each input, and got {len(inputs)} inputs")
        return _value(op_name, f(*map(_frozen, inputs), **settings), inputs)

    def one(i: int, rule: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(rule)
        def vjp(g: Any, z: Any, *inputs: Any, **settings: Any) -> Any:
            return _part(op_name, i, _read(op_name, rule, g, z, inputs, settings), g, inputs)

        return vjp

    (rule, *_) = vjps

    def all_at_once(g: Any, z: Any, *inputs: Any, **settings: Any) -> Any:
        given = _read(op_name, rule, g, z, inputs, settings)
        parts = given if isinstance(given, (tuple, list)) else (given,)
        if len(parts) != len(inputs):
            raise GradientError(
                f"the derivative of {op_name} must return {_count(len(inputs), 'gradient')}, one for each input, as a "
                f"tuple: it returned {len(parts)}"
            )
        return [_part(op_name, i, part, g, inputs) for i, part in enumerate(parts)]

    each = tuple(one(i, rule) if rule else None for i, rule in enumerate(vjps))
    return _Custom(op_name, forward, each if len(vjps) > 1 else all_at_once, formula)


class _Custom(Op):
    """An op whose settings are taken as they are when it is used: an array among them is copied."""

    __slots__ = ()

    def __call__(self, *inputs: Any, **settings: Any) -> Any:
        own = {k: _frozen(v.copy()) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
        return Op.__call__(self, *inputs, **own)


def _frozen(x: Any) -> Any:
    """x, but an array that cannot be written to: what the graph has seen stays true."""
    if not isinstance(x, np.ndarray):
        return x if isinstance(x, (np.generic, float, int)) else _frozen(np.asarray(x))
    view = x.view()
    view.flags.writeable = False
    return view


def _value(name: str, z: Any, inputs: tuple[Any, ...]) -> Any:
    """What f returned, as an array of our own."""
    if isinstance(z, Traced):
        raise GradientError(
            f"{name}: f works on plain arrays, and returned a Tensor.  Tensors that it uses must be its inputs, or "
            f"their gradients would be lost"
        )
    array = np.array(z)
    kinds = {np.asarray(x).dtype.kind for x in inputs}
    if array.dtype.kind not in ("fc" if "c" in kinds else "f" if "f" in kinds else "fiub"):
        raise DtypeError(f"{name}: f must return one array of real numbers, not {array.dtype}: {z!r:.60}")
    return array[()]


def _read(name: str, rule: Any, g: Any, z: Any, inputs: tuple[Any, ...], settings: dict[str, Any]) -> Any:
    """What the rule returns; an error in it says where it comes from."""
    on_tensors = isinstance(g, Traced)
    before = differentiating.set(differentiating.get() or on_tensors)  # there, float(x) is an error
    try:
        if on_tensors:
            return rule(g, z, *inputs, **settings)
        return rule(_frozen(g), _frozen(z), *map(_frozen, inputs), **settings)
    except (TypeError, AttributeError) as error:
        if not on_tensors:
            raise GradientError(f"the derivative of {name} failed: {type(error).__name__}: {error}") from error
        raise GradientError(
            f"the derivative of {name} cannot be read on Tensors, which a derivative of the derivative needs: write it "
            f"with operators, functions of tinygrad_edu, or NumPy's.  {type(error).__name__}: {error}"
        ) from error
    finally:
        differentiating.reset(before)


def _part(name: str, i: int, part: Any, g: Any, inputs: tuple[Any, ...]) -> Any:
    """The gradient that a rule returned for input i, if it can be one."""
    x, what = inputs[i], f"the derivative of {name} in its input {i}"
    number = type(x) in (float, int, bool)  # Python's own: a constant
    if part is None:
        if number or x.dtype.kind != "f":  # nobody will ask for its gradient
            return None
        raise GradientError(f"{what} is None: return its gradient, zeros if z does not depend on it: 0 * x")
    if isinstance(g, Traced):
        if not isinstance(part, Traced):
            raise GradientError(
                f"{what}, read on Tensors, is no Tensor but {type(part).__name__}: it left the graph, and a derivative "
                f"of the derivative would be wrong.  It must be computed from g"
            )
    else:
        part = np.array(part)[()]  # a copy: it may be g itself, or x
    shape = () if number else x.shape
    if part.dtype.kind not in "fiub":
        raise DtypeError(f"{what} must be real numbers, not {part.dtype}")
    if part.shape != shape and not (part.shape == g.shape == _broadcast(inputs)):
        raise ShapeError(f"{what} must have the shape of that input, {shape}: it has {part.shape}")
    return part


def _broadcast(inputs: tuple[Any, ...]) -> tuple[int, ...] | None:
    """The shape that the inputs broadcast to, if they do."""
    try:
        return np.broadcast_shapes(*(getattr(x, "shape", ()) for x in inputs))
    except ValueError:
        return None


def _count(n: int, thing: str) -> str:
    return f"{n} {thing}{'s' * (n != 1)}"
