"""Tensor: a value that remembers how it was made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NoReturn, final

import numpy as np
import numpy.typing as npt

from . import functions as f
from .backprop import backprop
from .errors import DtypeError, GradientError, ShapeError, shape_error
from .graph import is_grad_enabled
from .op import Op, Traced
from .ops import TABLE, linalg
from .ops import elementwise as e
from .ops.shape import take
from .values import as_array, cast, frozen_key, summary, weakened

__all__ = ["Tensor"]

Array = npt.NDArray[Any]
_NUMBERS = frozenset((float, int, bool))
_NO_PARAMS: dict[str, Any] = {}


@final
class Tensor(Traced):
    """An array, or a single number (0-d), that remembers the operations which made it.

    Tensor(data, requires_grad=False, dtype=None, name=None, copy=True)

    data           a number, (nested) list or array of numbers; bool, integer or real, never complex or text
    requires_grad  should backward() find dC/d(this)?  Only for real numbers: DtypeError otherwise
    dtype          NumPy's rules if not given: Python numbers become float64, an array keeps its dtype
    name           shown in pictures and messages
    copy           False: share the memory of `data`; you promise not to write to it any more

    The values cannot be written to: what the graph has seen stays true.  `assign` gives a leaf new values.

    >>> x = Tensor(2.0, requires_grad=True, name="x")
    >>> y = x * x + 3 * x
    >>> y.backward()
    >>> y.item(), x.grad.item()
    (10.0, 7.0)
    """

    __slots__ = ("__weakref__", "_arrays", "_data", "_grad", "_notes", "_requires_grad", "inputs", "op", "params")

    _data: Any  # an array, or for 0-d a NumPy scalar, whose arithmetic is ten times faster
    _arrays: tuple[Any, ...]  # the values of the inputs at the time
    _grad: Tensor | None
    _notes: dict[str, Any] | None  # the rarely used: name, role and layer in the lecture, retain_grad
    params: dict[str, Any]  # the settings of the op

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
        self._grad = self._notes = self.op = None
        self.params = _NO_PARAMS
        self._requires_grad = False
        self.requires_grad = requires_grad
        if name is not None:
            self.name = name

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Tensor cannot be subclassed: write functions of Tensors, or an nn.Module that holds some")

    # ---- the value -----------------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The values, as an array that cannot be written to."""
        view: Array = np.array(self._data) if type(self._data) is not np.ndarray else self._data.view()
        view.flags.writeable = False
        return view

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
        old = self._data
        if not copy and type(value) is type(old) and value.shape == old.shape and value.dtype == old.dtype:
            self._data = value  # the usual case of an optimizer
            return self
        new = as_array(value, None, copy)
        if new.shape != self.shape:
            raise ShapeError(f"assign to {self._called()} of shape {self.shape} needs the same shape, got {new.shape}")
        new = cast(new, self.dtype, "values assigned to " + self._called())
        self._data = new if new.ndim else new[()]
        return self

    def numpy(self) -> Array:
        """A copy of the values as a NumPy array of your own; leaves the graph."""
        return np.array(self._data)

    def item(self) -> Any:
        """The single value as a Python number; leaves the graph."""
        if self.size != 1:
            raise ShapeError(f"only a Tensor with one entry is a number; {self._called()} has shape {self.shape}")
        return self._data.item()

    def tolist(self) -> Any:
        """The values as nested Python lists; leaves the graph."""
        return self._data.tolist()

    def detach(self) -> Tensor:
        """The same values without the graph: a new leaf that needs no gradient."""
        return _wrap(self._data)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many entries along each axis; () for a single number."""
        return self._data.shape

    @property
    def ndim(self) -> int:
        """How many axes; 0 for a single number."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """How many entries."""
        return self._data.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The NumPy dtype of the entries."""
        return self._data.dtype

    # ---- the gradient --------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Does backward() find a gradient for this, or pass one through it?"""
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
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            self._grad = None
            return
        if not self._requires_grad:
            raise GradientError(f"{self._called()} does not require a gradient: Tensor(..., requires_grad=True)")
        if isinstance(value, Tensor) and value.shape == self.shape and value.dtype == self.dtype:
            self._grad = value
        else:
            self._grad = _wrap(self._conforming(value, "the gradient"))

    def zero_grad(self) -> None:
        """Forget the gradient; the next backward() starts afresh."""
        self._grad = None

    def retain_grad(self) -> Tensor:
        """Let backward() keep the gradient of this Tensor, although it is not a leaf."""
        if not self._requires_grad:
            raise GradientError(f"{self._called()} does not require a gradient: there is none to retain")
        self._note("retain_grad", True)
        return self

    def backward(self, seed: Any = None, *, create_graph: bool = False) -> None:
        """Find dC/dx for every leaf x that led to this number C, and add it to x.grad.

        seed          for a Tensor that is not a single number: dC/d(this), of the same shape
        create_graph  make the gradients part of a graph, so that they can be differentiated again
        """
        if not self._requires_grad:
            raise GradientError(
                f"backward() found no graph behind {self._called()}: nothing that led to it has requires_grad=True, "
                f"or it was computed inside no_grad()"
            )
        if seed is None:
            if self.size != 1:
                ones = f"np.ones({self.shape})"
                raise GradientError(
                    f"backward() starts from one number, but {self._called()} has shape {self.shape}.  "
                    f"Use a cost, or give a seed: {self._called()}.backward({ones})"
                )
            start = self.dtype.type(1)
            start = start if not self.ndim else np.full(self.shape, start)
        else:
            start = self._conforming(seed, "the seed of backward()")
        _deliver(backprop(self, _wrap(start) if create_graph else start, create_graph=create_graph), taken=start)

    def _conforming(self, value: Any, what: str) -> Array:
        """A copy of `value` in the shape and dtype of this Tensor; another shape is an error, never broadcast."""
        array = as_array(value)
        if array.shape != self.shape:
            raise ShapeError(f"{what} must have the shape of {self._called()}, {self.shape}: got {array.shape}")
        array = cast(array, self.dtype, what)
        return array if array.ndim else array[()]

    # ---- names ---------------------------------------------------------------------------------------

    def _note(self, key: str, value: Any) -> None:
        self._notes = {**(self._notes or {}), key: value}

    @property
    def name(self) -> str | None:
        """What pictures and messages call it."""
        return self._notes.get("name") if self._notes else None

    @name.setter
    def name(self, name: str | None) -> None:
        if name is not None and not isinstance(name, str):
            raise DtypeError(f"a name is text: got {name!r}")
        self._note("name", name)

    @property
    def role(self) -> tuple[str, int] | None:
        """Its symbol in the lecture and its layer, as ("z", 2); layers of `nn` set it, pictures group by it."""
        return self._notes.get("role") if self._notes else None

    @role.setter
    def role(self, role: tuple[str, int] | None) -> None:
        self._note("role", role)

    def _called(self) -> str:
        return self.name or "this Tensor"

    def __repr__(self) -> str:
        parts = [summary(self._data)]
        if self._requires_grad:
            parts.append("grad=" + ("—" if self._grad is None else summary(self._grad._data)))
        if self.op is not None:
            parts.append(f"op={self.op.name}")
        if self.name is not None:
            parts.append(f"name={self.name!r}")
        return f"Tensor({', '.join(parts)})"

    # ---- operators -----------------------------------------------------------------------------------

    def _apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
        return record(op, inputs, params)

    # fmt: off
    def __add__(self, y: Any) -> Tensor: return record(e.add, (self, y))
    def __radd__(self, x: Any) -> Tensor: return record(e.add, (x, self))
    def __sub__(self, y: Any) -> Tensor: return record(e.subtract, (self, y))
    def __rsub__(self, x: Any) -> Tensor: return record(e.subtract, (x, self))
    def __mul__(self, y: Any) -> Tensor: return record(e.multiply, (self, y))
    def __rmul__(self, x: Any) -> Tensor: return record(e.multiply, (x, self))
    def __truediv__(self, y: Any) -> Tensor: return record(e.divide, (self, y))
    def __rtruediv__(self, x: Any) -> Tensor: return record(e.divide, (x, self))
    def __pow__(self, y: Any) -> Tensor: return record(e.power, (self, y))
    def __rpow__(self, x: Any) -> Tensor: return record(e.power, (x, self))
    def __matmul__(self, y: Any) -> Tensor: return f.matmul(self, y)
    def __rmatmul__(self, x: Any) -> Tensor: return f.matmul(x, self)
    def __neg__(self) -> Tensor: return record(e.negative, (self,))
    def __pos__(self) -> Tensor: return self
    def __abs__(self) -> Tensor: return record(e.absolute, (self,))
    def __lt__(self, y: Any) -> Tensor: return record(e.less, (self, y))
    def __le__(self, y: Any) -> Tensor: return record(e.less_equal, (self, y))
    def __gt__(self, y: Any) -> Tensor: return record(e.greater, (self, y))
    def __ge__(self, y: Any) -> Tensor: return record(e.greater_equal, (self, y))
    def __and__(self, y: Any) -> Tensor: return record(e.logical_and, (self, y))
    def __rand__(self, x: Any) -> Tensor: return record(e.logical_and, (x, self))
    def __or__(self, y: Any) -> Tensor: return record(e.logical_or, (self, y))
    def __ror__(self, x: Any) -> Tensor: return record(e.logical_or, (x, self))
    def __invert__(self) -> Tensor: return record(e.logical_not, (self,))
    # fmt: on

    def __eq__(self, y: object) -> Any:
        """Entry by entry, as in NumPy.  Are they the same Tensor?  Ask with `is`."""
        return record(e.equal, (self, y)) if _is_numeric(y) else NotImplemented

    def __ne__(self, y: object) -> Any:
        return record(e.not_equal, (self, y)) if _is_numeric(y) else NotImplemented

    __hash__ = object.__hash__  # by identity, so that Tensors can be keys

    def _updated(self, name: str, new: Callable[[Tensor, Any], Tensor], y: Any) -> Tensor:
        """w -= y: inside no_grad() a parameter takes the new values; elsewhere it is w = w - y."""
        if self.op is not None or not self._requires_grad:
            return new(self, y)
        if is_grad_enabled():
            w = self.name or "w"
            raise GradientError(
                f"{w} {name}= … would replace a Tensor whose gradient is wanted by a computed one.  "
                f"To update it: with no_grad(): {w} {name}= …   To compute: v = {w} {name} …"
            )
        return self.assign(new(self, y), copy=False)

    # fmt: off
    def __iadd__(self, y: Any) -> Tensor: return self._updated("+", Tensor.__add__, y)
    def __isub__(self, y: Any) -> Tensor: return self._updated("-", Tensor.__sub__, y)
    def __imul__(self, y: Any) -> Tensor: return self._updated("*", Tensor.__mul__, y)
    def __itruediv__(self, y: Any) -> Tensor: return self._updated("/", Tensor.__truediv__, y)
    # fmt: on

    # ---- entries -------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Tensor:
        """NumPy's indexing: integers, slices, None, ..., boolean and integer arrays."""
        return record(take, (self,), {"key": frozen_key(key)})

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            "the values of a Tensor cannot be written to, so that gradients stay true: compute a new one, as with "
            "where(mask, new, old), or give a leaf all its values: t.assign(values)"
        )

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a single number (0-d Tensor) has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("a single number (0-d Tensor) cannot be looped over")
        return (self[i] for i in range(len(self._data)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"is a Tensor of shape {self.shape} true?  Only one number can be: use (t > 0).data.all() or .any()"
            )
        return bool(self._data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise DtypeError(f"an index is an integer; {self._called()} has dtype {self.dtype}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        return format(self.item(), spec) if spec else str(self)

    # ---- ndarray's methods ---------------------------------------------------------------------------

    # fmt: off
    def exp(self) -> Tensor: return record(e.exp, (self,))
    def log(self) -> Tensor: return record(e.log, (self,))
    def sqrt(self) -> Tensor: return record(e.sqrt, (self,))
    def abs(self) -> Tensor: return record(e.absolute, (self,))
    def tanh(self) -> Tensor: return record(e.tanh, (self,))
    def sigmoid(self) -> Tensor: return record(e.sigmoid, (self,))
    def relu(self) -> Tensor: return record(e.relu, (self,))
    def clip(self, lo: Any = None, hi: Any = None) -> Tensor: return f.clip(self, lo, hi)
    def sum(self, axis: f.Axis = None, keepdims: bool = False) -> Tensor: return f.sum(self, axis, keepdims)
    def mean(self, axis: f.Axis = None, keepdims: bool = False) -> Tensor: return f.mean(self, axis, keepdims)
    def max(self, axis: f.Axis = None, keepdims: bool = False) -> Tensor: return f.max(self, axis, keepdims)
    def min(self, axis: f.Axis = None, keepdims: bool = False) -> Tensor: return f.min(self, axis, keepdims)
    def logsumexp(self, axis: f.Axis = None, keepdims: bool = False) -> Tensor: return f.logsumexp(self, axis, keepdims)
    def softmax(self, axis: int = -1) -> Tensor: return f.softmax(self, axis)
    def log_softmax(self, axis: int = -1) -> Tensor: return f.log_softmax(self, axis)
    def reshape(self, *shape: Any) -> Tensor: return f.reshape(self, *shape)
    def flatten(self) -> Tensor: return f.reshape(self, -1)
    def transpose(self, *axes: Any) -> Tensor: return f.transpose(self, *axes)
    def broadcast_to(self, *shape: Any) -> Tensor: return f.broadcast_to(self, *shape)
    # fmt: on

    def astype(self, dtype: npt.DTypeLike) -> Tensor:
        """The same numbers in another dtype; the gradient comes back in this one's."""
        return record(e.astype, (self,), {"dtype": np.dtype(dtype)})

    @property
    def T(self) -> Tensor:
        """All axes in reverse order."""
        return f.transpose(self)

    @property
    def mT(self) -> Tensor:
        """The transpose of a matrix, or of each matrix in a stack: the last two axes swapped."""
        n = self.ndim
        if n < 2:
            raise ShapeError(f"a matrix has two axes at least; {self._called()} has shape {self.shape}")
        return f.transpose(self, (*range(n - 2), n - 1, n - 2))

    # ---- NumPy's functions and left operands ---------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Tensor:
        """np.exp(t), np.ones(3) * t, np.float64(2) < t: the row of the same name, so the graph is kept."""
        if ufunc is np.matmul and method == "__call__" and not kwargs:
            return f.matmul(*inputs)
        op = TABLE.get(ufunc.__name__)
        if op is None or method != "__call__" or kwargs or len(op.vjps) != len(inputs):
            raise _no_row(ufunc.__name__, method, kwargs)
        return record(op, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """np.sum(t), np.concatenate([t, u]): our function of the same name, so the graph is kept."""
        ours = getattr(f, function.__name__, None) if function.__module__ == "numpy" else None
        if ours is None or function.__name__.startswith("_"):
            raise _no_row(function.__name__, "__call__", kwargs)
        return ours(*args, **kwargs)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        if self._requires_grad:
            raise DtypeError(
                f"a NumPy array would lose the graph of {self._called()}.  To leave the graph on purpose: t.data "
                f"or t.numpy().  To join Tensors: stack([t1, t2])"
            )
        array = np.array(self._data, dtype=dtype)
        return array

    # ---- copies: the values and the gradient, not the graph ------------------------------------------

    def __reduce__(self) -> Any:
        grad = None if self._grad is None else self._grad.data
        notes = {k: v for k, v in (self._notes or {}).items() if k != "retain_grad"}
        leaf = self.op is None and self._requires_grad
        return _restored, (self.numpy(), leaf, grad if leaf else None, notes or None)


# ---- recording -------------------------------------------------------------------------------------------

_new = object.__new__


def record(op: Op, inputs: tuple[Any, ...], params: dict[str, Any] = _NO_PARAMS) -> Tensor:
    """Run an op on the values of its inputs; remember how, if a gradient may be asked for.

    The inputs that are no Tensors: a number stays as it is, an array becomes a constant Tensor.
    """
    arrays = []
    tracked = False
    for x in inputs:
        if type(x) is Tensor:
            arrays.append(x._data)
            tracked = tracked or x._requires_grad
        elif type(x) in _NUMBERS:
            arrays.append(x)
        else:
            return record(op, tuple([_operand(op, x) for x in inputs]), params)
    if op.elementwise and len(arrays) > 1 and not type(arrays[0]) is type(arrays[1]) is type(arrays[-1]):
        arrays = weakened(arrays)
    try:
        z = op.forward(*arrays, **params)
    except ValueError as error:
        raise shape_error(op.name, _named_shapes(inputs)) or error from None
    if type(z) is np.ndarray and z.ndim == 0:
        z = z[()]
    t: Tensor = _new(Tensor)
    t._data = z
    t._grad = t._notes = None
    if tracked and op.differentiable and is_grad_enabled():
        t._requires_grad = True
        t.op = op
        t.inputs = inputs
        t._arrays = tuple(arrays)
        t.params = params
    else:
        t._requires_grad = False
        t.op = None
        t.inputs = t._arrays = ()
        t.params = _NO_PARAMS
    return t


def _wrap(data: Any) -> Tensor:
    """A leaf around values that nobody else writes to."""
    t: Tensor = _new(Tensor)
    t._data = data if data.ndim else data[()]
    t._grad = t._notes = t.op = None
    t._requires_grad = False
    t.inputs = t._arrays = ()
    t.params = _NO_PARAMS
    return t


def _operand(op: Op, x: Any) -> Any:
    """A Tensor or a Python number: what an op can be recorded with."""
    if type(x) in _NUMBERS or isinstance(x, Tensor):
        return x
    if isinstance(x, (np.ndarray, np.generic, list, tuple)):
        array = as_array(x)
        return _wrap(array) if array.ndim or isinstance(x, (list, tuple)) else array.item()
    raise DtypeError(f"{op.name} takes Tensors, arrays and numbers, not {type(x).__name__}: {x!r:.60}")


def _deliver(gradients: dict[Any, Any], taken: Any) -> None:
    """Add each gradient to its Tensor's .grad.  No two of them share memory, nor one and the seed."""
    given = {id(taken)}
    sums = []
    for t, g in gradients.items():
        if isinstance(g, Tensor):  # read on Tensors: part of a graph
            sums.append((t, g if t._grad is None else t._grad + g))
            continue
        if t._grad is not None:
            g = t._grad._data + g
        elif type(g) is np.ndarray and (g.base is not None or id(g) in given):
            g = g.copy()
        given.add(id(g))
        sums.append((t, _wrap(g)))
    for t, g in sums:
        t._grad = g


def _no_row(name: str, method: str, kwargs: dict[str, Any]) -> TypeError:
    how = f".{method}" if method != "__call__" else ""
    settings = f" with {', '.join(kwargs)}=" if kwargs else ""
    return DtypeError(
        f"np.{name}{how}{settings} cannot be recorded on a Tensor (the op table has no such row).  "
        f"To leave the graph on purpose, use t.data"
    )


def _named_shapes(inputs: tuple[Any, ...]) -> list[tuple[str, tuple[int, ...]]]:
    """How messages call the operands: by their names, or as x, y."""
    letters = "xyzuvw"
    return [
        ((isinstance(x, Tensor) and x.name) or letters[i % 6], x.shape if isinstance(x, Tensor) else ())
        for i, x in enumerate(inputs)
    ]


def _is_numeric(x: object) -> bool:
    return isinstance(x, (Tensor, float, int, np.ndarray, np.generic, list, tuple))


def _restored(array: Array, requires_grad: bool, grad: Array | None, notes: dict[str, Any] | None) -> Tensor:
    """A copied or unpickled Tensor: a leaf."""
    t = Tensor(array, requires_grad, copy=False)
    t.grad = grad
    t._notes = notes
    return t
