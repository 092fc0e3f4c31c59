"""Tensor: a value that remembers how it was made."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn, final

import numpy as np
import numpy.typing as npt
from numpy import ndarray

from .backprop import backprop
from .capture import captures, capturing
from .errors import DtypeError, GradientError, ShapeError, TinygradEduError, dtype_error, shape_error
from .graph import is_grad_enabled, no_grad, recording, toposort
from .op import Op
from .operators import Operators
from .values import PYTHONS, as_array, cast, is_fraction, summary, weakened

__all__ = ["Tensor"]

Array = npt.NDArray[Any]
_NO_PARAMS: dict[str, Any] = {}


# ---- recording -------------------------------------------------------------------------------------------

_new = object.__new__


def record(op: Op, inputs: tuple[Any, ...], params: dict[str, Any] = _NO_PARAMS) -> Tensor:
    """Run an op on the values of its inputs; remember how, if a gradient may be asked for.

    The inputs that are no Tensors: a number stays as it is, an array becomes a constant Tensor.
    """
    if len(inputs) > op.most:  # NumPy would take one more for out=, and write into it
        raise TypeError(f"{op.name} takes {op.most} inputs, and got {len(inputs)}")
    arrays = []
    tracked = False
    for x in inputs:
        if type(x) is Tensor:
            arrays.append(x._data)
            tracked = tracked or x._requires_grad
        elif type(x) in PYTHONS:
            arrays.append(x)
        else:
            return record(op, tuple([_operand(op, x) for x in inputs]), params)
    if op.elementwise and len(arrays) > 1 and not type(arrays[0]) is type(arrays[1]) is type(arrays[-1]):
        arrays = weakened(arrays) if op.name != "where" else [arrays[0], *weakened(arrays[1:])]  # not the condition
    try:
        z = op.forward(*arrays, **params)
    except TinygradEduError:  # explains itself
        raise
    except ValueError as error:
        raise shape_error(op.name, _named_shapes(op, inputs)) or error from None
    except TypeError as error:
        raise dtype_error(op.name, {x.dtype.kind for x in inputs if isinstance(x, Tensor)}) or error from None
    if type(z) is ndarray and z.ndim == 0:
        z = z[()]
    t: Tensor = _new(Tensor)
    t._data = z
    t._grad = t._notes = t.role = None
    if tracked and op.differentiable and (mode := recording.get()):
        t._requires_grad = True
        t.op = op
        t.inputs = inputs
        t._arrays = tuple(arrays)
        t.params = params
        if mode is not True:
            mode.made(t)
    else:
        t._requires_grad = False
        t.op = None
        t.inputs = t._arrays = ()
        t.params = _NO_PARAMS
    if captures and (capture := capturing()):
        capture.instruction(op, inputs, arrays, params, t)
    return t


@final
class Tensor(Operators):
    """An array, or a single number (0-d), that remembers the operations which made it.

    Tensor(data, requires_grad=False, dtype=None, name=None, copy=True)

    data           a number, (nested) list or array of numbers; bool, integer or real, never complex or text
    requires_grad  should backward() find dC/d(this)?  Only for real numbers: DtypeError otherwise
    dtype          NumPy's rules if not given: Python's floats become float64, an array keeps its dtype
    name           shown in pictures and messages
    copy           False: share the memory of `data`; you promise not to write to it any more

    The values cannot be written to: what the graph has seen stays true.  `assign` gives a leaf new values.

    >>> x = Tensor(2.0, requires_grad=True, name="x")
    >>> y = x * x + 3 * x
    >>> y.backward()
    >>> y.item(), x.grad.item()
    (10.0, 7.0)
    """

    __slots__ = (
        "__weakref__",
        "_arrays",
        "_data",
        "_grad",
        "_notes",
        "_requires_grad",
        "inputs",
        "op",
        "params",
        "role",
    )

    _data: Any  # an array, or for 0-d a NumPy scalar, whose arithmetic is ten times faster
    _arrays: tuple[Any, ...]  # the values of the inputs at the time
    _grad: Tensor | None
    _notes: dict[str, Any] | None  # the rarely used: name, retain_grad, hooks
    params: dict[str, Any]  # the settings of the op
    role: tuple[str, int] | None
    """Its symbol in the lecture and its layer, as ("z", 2); layers of `nn` set it, pictures group by it."""

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: npt.DTypeLike | None = None,
        name: str | None = None,
        copy: bool = True,
    ) -> None:
        array = as_array(data, dtype, copy)
        self._data = array if array.ndim else array[()]
        self._arrays = self.inputs = ()
        self._grad = self._notes = self.op = self.role = None
        self.params = _NO_PARAMS
        self._requires_grad = False
        self.requires_grad = requires_grad
        if name is not None:
            self.name = name
        if captures and (capture := capturing()):
            capture.created(self, data)

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Tensor cannot be subclassed: write functions of Tensors, or an nn.Module that holds some")

    # ---- the value -----------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The values, as an array that cannot be written to."""
        if captures:
            self._leaves(".data")
        array: Array = self._data if type(self._data) is ndarray else np.array(self._data)
        array.setflags(write=False)  # array.flags.writeable = False does the same in twice the time
        return array

    @data.setter
    def data(self, value: Any) -> None:
        self.assign(value)

    def assign(self, value: Any, copy: bool = True) -> Tensor:
        """Give a leaf new values of the same shape; the only write there is.  Recorded graphs keep the old ones.

        copy=False shares the memory of `value`: you promise not to write to it any more.
        """
        if self.op is not None:
            raise GradientError(
                f"{self._called()} was made by {self.op.name}: only leaves can be assigned.  Compute a new one instead"
            )
        if captures and (capture := capturing()):
            value = capture.assigning(self, value)
        old = self._data
        if not copy and type(value) is ndarray is type(old) and value.shape == old.shape and value.dtype is old.dtype:
            self._data = value.view()  # the usual case of an optimizer
            return self
        new = as_array(value, None, copy)
        if new.shape != self.shape:
            raise ShapeError(f"assign to {self._called()} of shape {self.shape} needs the same shape, got {new.shape}")
        new = cast(new, self.dtype, "values assigned to " + self._called())
        self._data = new if new.ndim else new[()]
        return self

    def numpy(self) -> Array:
        """A copy of the values as a NumPy array of your own; leaves the graph."""
        if captures:
            self._leaves(".numpy()")
        return np.array(self._data)

    def tolist(self) -> Any:
        """The values as nested Python lists; leaves the graph."""
        if captures:
            self._leaves(".tolist()")
        return self._data.tolist()

    def detach(self) -> Tensor:
        """The same values without the graph: a new leaf that needs no gradient."""
        t = wrapped(self._data)
        if captures and (capture := capturing()):
            capture.alias(t, self)
        return t

    def _leaves(self, how: str) -> None:
        """The values are about to leave the world of Tensors, in this way: jit cannot record that."""
        if (capture := capturing()) is not None:
            capture.escaped(self, how)

    # ---- the gradient --------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Does backward() find a gradient for this, or pass one through it?"""
        if captures and (capture := capturing()):
            capture.asked_for_gradient(self)
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if self.op is not None:
            raise GradientError(f"{self._called()} was made by {self.op.name}: use detach() to leave the graph")
        if wanted and self.dtype.kind != "f":
            raise DtypeError(
                f"only real numbers have gradients: {self._called()} has dtype {self.dtype}.  "
                f"Write Tensor(2.0) instead of Tensor(2), or dtype=np.float64"
            )
        self._requires_grad = bool(wanted)

    @property
    def grad(self) -> Tensor | None:
        """dC/d(this), of the same shape and dtype, once backward() has found it; None before."""
        if captures and (capture := capturing()):
            capture.grad_read(self)
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if captures and (capture := capturing()):
            capture.grad_written(self)
        if value is None:
            self._grad = None
            return
        if not self._requires_grad:
            raise GradientError(f"{self._called()} does not require a gradient: Tensor(..., requires_grad=True)")
        if isinstance(value, Tensor) and value.shape == self.shape and value.dtype == self.dtype:
            self._grad = value if value.op is not None else value.detach()
        else:
            self._grad = wrapped(self._conforming(value, "the gradient"))

    def zero_grad(self) -> None:
        """Forget the gradient; the next backward() starts afresh."""
        self.grad = None

    def retain_grad(self) -> Tensor:
        """Let backward() keep the gradient of this Tensor, although it is not a leaf."""
        if not self._requires_grad:
            raise GradientError(f"{self._called()} does not require a gradient: there is none to retain")
        self._note("retain_grad", True)
        return self

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> Callable[[], None]:
        """Call hook(g) with the gradient of this Tensor whenever backward() has found it; returns how to remove it.

        A hook that returns a Tensor replaces the gradient, here and for all that led here.
        """
        if not self._requires_grad:
            raise GradientError(f"{self._called()} does not require a gradient: there is none to see")
        if not callable(hook):
            raise DtypeError(f"a hook is a function of the gradient, not {hook!r:.60}")
        hooks = (self._notes or {}).get("hooks", {})
        key = object()
        hooks[key] = hook
        self._note("hooks", hooks)
        return lambda: hooks.pop(key, None) and None

    def backward(self, seed: Any = None, *, create_graph: bool = False, retain_grads: bool = False) -> None:
        """Find dC/dx for every leaf x that led to this number C, and add it to x.grad.

        seed          for a Tensor that is not a single number: dC/d(this), of the same shape
        create_graph  make the gradients part of a graph, so that they can be differentiated again
        retain_grads  keep the gradient of every Tensor on the way too, as retain_grad() does for one
        """
        if not self._requires_grad:
            raise GradientError(
                f"backward() found no graph behind {self._called()}: nothing that led to it has requires_grad=True, "
                f"or it was computed inside no_grad()"
            )
        data = self._data
        if seed is None:
            if data.size != 1:
                ones = f"np.ones({self.shape})"
                raise GradientError(
                    f"backward() starts from one number, but {self._called()} has shape {self.shape}.  "
                    f"Use a cost, or .sum() or .mean(); or give a seed: {self._called()}.backward({ones})"
                )
            start = data.dtype.type(1) if not data.ndim else np.ones(data.shape, data.dtype)
        else:
            start = self._conforming(seed, "the seed of backward()")
        keep = toposort(self) if retain_grads else ()
        if not create_graph and not (captures and capturing()):
            _deliver(backprop(self, start, keep), start)
            return
        if not create_graph:  # for jit: the rules are read on Tensors, so that it sees them, and make no graph
            with no_grad():
                seed = seed if isinstance(seed, Tensor) and seed.dtype == self.dtype else wrapped(start)
                _deliver(backprop(self, seed.detach(), keep, create_graph=True), seed)
            return
        root = seed if isinstance(seed, Tensor) and seed.dtype == self.dtype else wrapped(start)
        mode = recording.get()
        recording.set(mode or True)  # also inside no_grad(): a graph was asked for
        try:
            _deliver(backprop(self, root, keep, create_graph), root)
        finally:
            recording.set(mode)

    def _conforming(self, value: Any, what: str) -> Array:
        """A copy of `value` in the shape and dtype of this Tensor; another shape is an error, never broadcast."""
        array = as_array(value)
        if array.shape != self.shape:
            raise ShapeError(f"{what} must have the shape of {self._called()}, {self.shape}: got {array.shape}")
        array = cast(array, self.dtype, what)
        return array if array.ndim else array[()]

    # ---- names ---------------------------------------------------------------------------------------

    def _note(self, key: str, value: Any) -> None:
        if self._notes is None:
            self._notes = {}
        self._notes[key] = value

    @property
    def name(self) -> str | None:
        """What pictures and messages call it."""
        return self._notes.get("name") if self._notes else None

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise DtypeError(f"a name is text: got {name!r}")
        self._note("name", name)

    def _called(self) -> str:
        """How messages call it: by its name, by its symbol in the lecture, as w2, or as "this Tensor"."""
        return self.name or "".join(map(str, self.role or ())) or "this Tensor"

    def __repr__(self) -> str:
        parts = [summary(self._data)]
        if self._requires_grad:
            parts.append("grad=" + ("—" if self._grad is None else summary(self._grad._data)))
        if self.op is not None:
            parts.append(f"op={self.op.name}")
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        return f"Tensor({', '.join(parts)})"

    def _repr_html_(self) -> str:  # for notebooks; pictures are loaded when they are first asked for
        html: str = import_module("tinygrad_edu.visual.heat").html(self)
        return html

    # ---- operators: see operators.py ------------------------------------------------------------------

    _apply = staticmethod(record)  # type: ignore[assignment]  # without `self`: one call less for every op

    __hash__ = object.__hash__  # by identity, so that Tensors can be keys; == compares entry by entry

    def _updated(self, name: str, new: Tensor) -> Tensor:
        """w -= y: inside no_grad() a parameter takes the new values; elsewhere it is w = w - y."""
        if self.op is not None or not self._requires_grad:
            return new
        if is_grad_enabled():
            w = self.name or "w"
            raise GradientError(
                f"{w} {name}= … would replace a Tensor whose gradient is wanted by a computed one.  "
                f"To update it: with no_grad(): {w} {name}= …   To compute: v = {w} {name} …"
            )
        return self.assign(new if captures else new._data, copy=False)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if captures:
            self._leaves("np.array(t)")
        if self._requires_grad:
            raise DtypeError(
                f"a NumPy array would lose the graph of {self._called()}.  To leave the graph on purpose: t.data "
                f"or t.numpy().  To join Tensors: stack([t1, t2])"
            )
        return np.array(self._data, dtype=dtype)

    # ---- copies: the values and the gradient, not the graph ------------------------------------------

    def __reduce__(self) -> Any:
        grad = None if self._grad is None else self._grad.data
        leaf = self.op is None and self._requires_grad
        return _restored, (self.numpy(), leaf, grad if leaf else None, self.name, self.role)


def wrapped(data: Any) -> Tensor:
    """A leaf around values that nobody else writes to."""
    t: Tensor = _new(Tensor)
    t._data = data if data.ndim else data[()]
    t._grad = t._notes = t.op = t.role = None
    t._requires_grad = False
    t.inputs = t._arrays = ()
    t.params = _NO_PARAMS
    return t


def _operand(op: Op, x: Any) -> Any:
    """A Tensor or a Python number: what an op can be recorded with."""
    if type(x) in PYTHONS or isinstance(x, Tensor):
        return x
    if isinstance(x, (np.ndarray, np.generic, list, tuple)):
        array = as_array(x)
        if not array.ndim and not isinstance(x, (list, tuple)):
            return array.item()
        t = wrapped(array)
        if captures and isinstance(x, np.ndarray) and (capture := capturing()):
            capture.outside_array(t, x)
        return t
    if is_fraction(x):
        return float(x)
    hint = ".  Write float(x)" if hasattr(x, "__float__") else ""
    raise DtypeError(f"{op.name} takes Tensors, arrays and numbers, not {type(x).__name__}: {x!r:.60}{hint}")


def _deliver(gradients: dict[Any, Any], seed: Any) -> None:
    """Add each gradient to its Tensor's .grad.  No two of them share memory, nor one and the seed."""
    given, sums = {id(seed)}, []
    capture = capturing() if captures else None
    for t, g in gradients.items():
        if capture is not None:
            capture.grad_read(t)
            capture.grad_written(t)
        if type(g) is Tensor:  # read on Tensors: part of a graph
            alone = g if id(g) not in given else g * 1
            given.add(id(g))
            sums.append((t, t._grad, alone if t._grad is None else t._grad + alone))
            continue
        if t._grad is not None:
            g = t._grad._data + g
        elif type(g) is ndarray and (g.base is not None or id(g) in given):
            g = g.copy()
        else:
            given.add(id(g))
        sums.append((t, t._grad, wrapped(g)))
    try:
        for t, _, g in sums:
            t._grad = g
    except BaseException:  # Ctrl-C in the middle: as if nothing had been
        for t, old, _ in sums:
            t._grad = old
        raise


_OPERANDS = {"where": ("condition", "x", "y"), "linear": ("x", "w", "b")}


def _named_shapes(op: Op, inputs: tuple[Any, ...]) -> list[tuple[str, tuple[int, ...]]]:
    """How messages call the operands: by their names, or by their places."""
    places = ("left", "right") if len(inputs) == 2 else _OPERANDS.get(op.name, ())
    names = [x._called() if isinstance(x, Tensor) else repr(x) for x in inputs]
    for i, name in enumerate(names):
        if name == "this Tensor":
            names[i] = places[i] if i < len(places) else f"input {i + 1}"
    return [(name, x.shape if isinstance(x, Tensor) else ()) for name, x in zip(names, inputs, strict=True)]


def _restored(
    array: Array, requires_grad: bool, grad: Array | None, name: str | None, role: tuple[str, int] | None
) -> Tensor:
    """A copied or unpickled Tensor: a leaf."""
    t = Tensor(array, requires_grad, name=name, copy=False)
    t.grad, t.role = grad, role
    return t
