"""What people do with numbers and arrays, each one row or function: operators and ndarray's methods."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Number
from typing import Any, NoReturn, Self

import numpy as np
import numpy.typing as npt

from . import functions as f
from .capture import captures
from .errors import DtypeError, ShapeError
from .graph import differentiating
from .op import Op, Traced
from .ops import TABLE
from .ops import elementwise as e
from .ops.shape import getitem
from .values import as_dtype, frozen_key

__all__ = ["Operators"]


class Operators(Traced):
    """The operators and methods of a Tensor.  It says in `_apply` what happens when an op is used on it."""

    __slots__ = ()

    def _apply(self, op: Op, inputs: tuple[Any, ...], params: dict[str, Any] | None = None) -> Self:
        raise TypeError(f"{type(self).__name__} does not say what happens when an op is used on it: define _apply")

    def _updated(self, sign: str, new: Self) -> Self:
        return new

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError(f"{type(self).__name__} does not say which array it is: define __array__")

    def detach(self) -> Self:
        raise TypeError(f"{type(self).__name__} does not say what it is without its graph: define detach")

    def _called(self) -> str:
        return "this Tensor"

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

    def item(self) -> Any:
        """The single value as a Python number; leaves the graph."""
        if captures:
            self._leaves(".item()")
        if self.size != 1:
            raise ShapeError(f"only a Tensor with one entry is a number; {self._called()} has shape {self.shape}")
        return self._data.item()

    # ---- operators -----------------------------------------------------------------------------------

    # fmt: off
    def __add__(self, y: Any) -> Self: return self._apply(e.add, (self, y))
    def __radd__(self, x: Any) -> Self: return self._apply(e.add, (x, self))
    def __sub__(self, y: Any) -> Self: return self._apply(e.subtract, (self, y))
    def __rsub__(self, x: Any) -> Self: return self._apply(e.subtract, (x, self))
    def __mul__(self, y: Any) -> Self: return self._apply(e.multiply, (self, y))
    def __rmul__(self, x: Any) -> Self: return self._apply(e.multiply, (x, self))
    def __truediv__(self, y: Any) -> Self: return self._apply(e.divide, (self, y))
    def __rtruediv__(self, x: Any) -> Self: return self._apply(e.divide, (x, self))
    def __pow__(self, y: Any) -> Self: return self._apply(e.power, (self, y))
    def __rpow__(self, x: Any) -> Self: return self._apply(e.power, (x, self))
    def __matmul__(self, y: Any) -> Self: return f.matmul(self, y)
    def __rmatmul__(self, x: Any) -> Self: return f.matmul(x, self)
    def __neg__(self) -> Self: return self._apply(e.negative, (self,))
    def __pos__(self) -> Self: return self
    def __abs__(self) -> Self: return self._apply(e.absolute, (self,))
    def __lt__(self, y: Any) -> Self: return self._apply(e.less, (self, y))
    def __le__(self, y: Any) -> Self: return self._apply(e.less_equal, (self, y))
    def __gt__(self, y: Any) -> Self: return self._apply(e.greater, (self, y))
    def __ge__(self, y: Any) -> Self: return self._apply(e.greater_equal, (self, y))
    def __and__(self, y: Any) -> Self: return self._apply(e.bitwise_and, (self, y))
    def __rand__(self, x: Any) -> Self: return self._apply(e.bitwise_and, (x, self))
    def __or__(self, y: Any) -> Self: return self._apply(e.bitwise_or, (self, y))
    def __ror__(self, x: Any) -> Self: return self._apply(e.bitwise_or, (x, self))
    def __mod__(self, y: Any) -> Self: return self._apply(e.remainder, (self, y))
    def __rmod__(self, x: Any) -> Self: return self._apply(e.remainder, (x, self))
    def __floordiv__(self, y: Any) -> Self: return self._apply(e.floor_divide, (self, y))
    def __rfloordiv__(self, x: Any) -> Self: return self._apply(e.floor_divide, (x, self))
    def __round__(self, n: int | None = None) -> Self: return f.round(self, n or 0)
    def __invert__(self) -> Self: return self._apply(e.invert, (self,))

    # `w -= y` inside no_grad() gives a parameter new values; elsewhere it is w = w - y
    def __iadd__(self, y: Any) -> Self: return self._updated("+", self + y)
    def __isub__(self, y: Any) -> Self: return self._updated("-", self - y)
    def __imul__(self, y: Any) -> Self: return self._updated("*", self * y)
    def __itruediv__(self, y: Any) -> Self: return self._updated("/", self / y)
    def __ipow__(self, y: Any) -> Self: return self._updated("**", self**y)
    def __imatmul__(self, y: Any) -> Self: return self._updated("@", self @ y)
    # fmt: on

    def __eq__(self, y: object) -> Any:
        """Entry by entry, as in NumPy.  Are they the same Tensor?  Ask with `is`."""
        return self._apply(e.equal, (self, y)) if _is_numeric(y) else NotImplemented

    def __ne__(self, y: object) -> Any:
        return self._apply(e.not_equal, (self, y)) if _is_numeric(y) else NotImplemented

    # ---- entries -------------------------------------------------------------------------------------

    def __getitem__(self, key: Any) -> Self:
        """NumPy's indexing: integers, slices, None, ..., boolean and integer arrays."""
        return self._apply(getitem, (self,), {"key": frozen_key(key)})

    def __setitem__(self, key: Any, value: Any) -> NoReturn:
        raise TypeError(
            "the values of a Tensor cannot be written to, so that gradients stay true: compute a new one with "
            "t = t.at_set(key, value) or t.at_add(key, value), or give a leaf all its values: t.assign(values)"
        )

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("a single number (0-d Tensor) has no length")
        return len(self._data)

    def __iter__(self) -> Iterator[Self]:
        if self.ndim == 0:
            raise TypeError("a single number (0-d Tensor) cannot be looped over")
        return _rows(self)

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"is a Tensor of shape {self.shape} true?  Only one number can be: use (t > 0).data.all() or .any()"
            )
        if captures:
            self._leaves("if t (or while, and, or, not)")
        return bool(self._data)

    def __float__(self) -> float:
        if captures:
            self._leaves("float(t)")
        return float(self._outside_a_derivative())

    def __int__(self) -> int:
        return int(self._outside_a_derivative())

    def _outside_a_derivative(self) -> Any:
        """The single value.  It leaves the graph, which inside grad(f) would make a wrong derivative."""
        if self._requires_grad and differentiating.get():
            raise DtypeError(
                f"inside grad(f) the derivative would not see what becomes of float({self._called()}), as in "
                f"math.sin(x) or array[i] = x: use the functions of tinygrad_edu.  On purpose: x.item()"
            )
        return self.item()

    def __index__(self) -> int:
        if self.dtype.kind not in "iub":
            raise DtypeError(f"an index is an integer; {self._called()} has dtype {self.dtype}")
        return int(self.item())

    def __format__(self, spec: str) -> str:
        if captures and spec:
            self._leaves(f'f"{{t:{spec}}}"')
        return format(self.item(), spec) if spec else str(self)

    # ---- ndarray's methods ---------------------------------------------------------------------------

    # fmt: off
    def sin(self) -> Self: return self._apply(e.sin, (self,))
    def cos(self) -> Self: return self._apply(e.cos, (self,))
    def square(self) -> Self: return self._apply(e.square, (self,))
    def exp(self) -> Self: return self._apply(e.exp, (self,))
    def log(self) -> Self: return self._apply(e.log, (self,))
    def sqrt(self) -> Self: return self._apply(e.sqrt, (self,))
    def abs(self) -> Self: return self._apply(e.absolute, (self,))
    def tanh(self) -> Self: return self._apply(e.tanh, (self,))
    def sigmoid(self) -> Self: return self._apply(e.sigmoid, (self,))
    def relu(self) -> Self: return self._apply(e.relu, (self,))
    def clip(self, lo: Any = None, hi: Any = None) -> Self: return f.clip(self, lo, hi)
    def sum(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.sum(self, axis, keepdims)
    def mean(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.mean(self, axis, keepdims)
    def max(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.max(self, axis, keepdims)
    def min(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.min(self, axis, keepdims)
    def prod(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.prod(self, axis, keepdims)
    def ptp(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.ptp(self, axis, keepdims)
    def all(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.all(self, axis, keepdims)
    def any(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.any(self, axis, keepdims)
    def argmax(self, axis: int | None = None, keepdims: bool = False) -> Self: return f.argmax(self, axis, keepdims)
    def argmin(self, axis: int | None = None, keepdims: bool = False) -> Self: return f.argmin(self, axis, keepdims)
    def argsort(self, axis: int | None = -1) -> Self: return f.argsort(self, axis)
    def cumsum(self, axis: int | None = None) -> Self: return f.cumsum(self, axis)
    def cumprod(self, axis: int | None = None) -> Self: return f.cumprod(self, axis)
    def round(self, decimals: int = 0) -> Self: return f.round(self, decimals)
    def var(self, axis: f.Axis = None, keepdims: bool = False, *, ddof: int = 0) -> Self:
        return f.var(self, axis, keepdims, ddof=ddof)
    def std(self, axis: f.Axis = None, keepdims: bool = False, *, ddof: int = 0) -> Self:
        return f.std(self, axis, keepdims, ddof=ddof)
    def norm(self, ord: Any = None, axis: f.Axis = None, keepdims: bool = False) -> Self:
        return f.norm(self, ord, axis, keepdims)
    def logsumexp(self, axis: f.Axis = None, keepdims: bool = False) -> Self: return f.logsumexp(self, axis, keepdims)
    def softmax(self, axis: int = -1) -> Self: return f.softmax(self, axis)
    def log_softmax(self, axis: int = -1) -> Self: return f.log_softmax(self, axis)
    def reshape(self, *shape: Any) -> Self: return f.reshape(self, *shape)
    def flatten(self) -> Self: return f.reshape(self, -1)
    def transpose(self, *axes: Any) -> Self: return f.transpose(self, *axes)
    def broadcast_to(self, *shape: Any) -> Self: return f.broadcast_to(self, *shape)
    def ravel(self) -> Self: return f.ravel(self)
    def squeeze(self, axis: f.Axis = None) -> Self: return f.squeeze(self, axis)
    def swapaxes(self, axis1: int, axis2: int) -> Self: return f.swapaxes(self, axis1, axis2)
    def repeat(self, repeats: Any, axis: int | None = None) -> Self: return f.repeat(self, repeats, axis)
    def take(self, indices: Any, axis: int | None = None) -> Self: return f.take(self, indices, axis)
    def compress(self, condition: Any, axis: int | None = None) -> Self: return f.compress(condition, self, axis)
    def nonzero(self) -> tuple[Self, ...]: return f.nonzero(self)
    def at_set(self, key: Any, value: Any) -> Self: return f.at_set(self, key, value)
    def at_add(self, key: Any, value: Any) -> Self: return f.at_add(self, key, value)
    def dot(self, b: Any) -> Self: return f.dot(self, b)
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        return f.diagonal(self, offset, axis1, axis2)
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Self:
        return f.trace(self, offset, axis1, axis2)
    # fmt: on

    def astype(self, dtype: npt.DTypeLike) -> Self:
        """The same numbers in another dtype; the gradient comes back in this one's."""
        dtype = as_dtype(dtype)
        source = self if dtype.kind == "f" else self.detach()  # integers have no gradient
        return self._apply(e.astype, (source,), {"dtype": dtype})

    @property
    def T(self) -> Self:
        """All axes in reverse order."""
        return f.transpose(self)

    @property
    def mT(self) -> Self:
        """The transpose of a matrix, or of each matrix in a stack: the last two axes swapped."""
        n = self.ndim
        if n < 2:
            raise ShapeError(f"a matrix has two axes at least; {self._called()} has shape {self.shape}")
        return f.transpose(self, (*range(n - 2), n - 1, n - 2))

    # ---- NumPy's functions and left operands ---------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Self:
        """np.exp(t), np.ones(3) * t, np.float64(2) < t: the row of the same name, so the graph is kept."""
        if ufunc.signature is not None and method == "__call__" and "out" not in kwargs:  # of whole vectors or matrices
            ours = getattr(f, ufunc.__name__, None)
            if ours is not None:
                return ours(*inputs, **kwargs)
        op = TABLE.get(ufunc.__name__)
        if op is None or method != "__call__" or kwargs or ufunc.nin != len(inputs):
            raise _no_row(ufunc.__name__, method, kwargs)
        return self._apply(op, inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """np.sum(t), np.concatenate([t, u]): our function of the same name, so the graph is kept."""
        if function in (np.shape, np.ndim, np.size):
            plain = [getattr(x, "_data", x) for x in args]
            return function(*plain, **{key: getattr(x, "_data", x) for key, x in kwargs.items()})
        if function in _QUESTIONS:  # about the values, so no graph is needed
            plain = [_plain(x) for x in args]
            return function(*plain, **{key: _plain(x) for key, x in kwargs.items()})
        ours = getattr(f, function.__name__, None) if function.__module__ in ("numpy", "numpy.linalg") else None
        if ours is None:
            ours = TABLE.get(function.__name__)
        if ours is None:
            raise _no_row(function.__name__, "__call__", kwargs)
        if "out" in kwargs:
            raise _no_row(function.__name__, "__call__", {"out": None})
        if function in (np.linalg.trace, np.linalg.diagonal):  # unlike np.trace: of the last two axes
            kwargs = {**kwargs, "axis1": -2, "axis2": -1}
        return ours(*args, **kwargs)

    def __dlpack__(self, **kwargs: Any) -> Any:
        """For torch.from_dlpack(t.detach()) and the like: a copy of the values."""
        return np.array(self.__array__()).__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return np.empty(0).__dlpack_device__()


def _rows(t: Any) -> Iterator[Any]:
    """t[0], t[1] …  A row has a gradient as large as what it was taken from: of a long t, take those of its halves."""
    n = len(t)
    if n <= _FEW:
        yield from (t[i] for i in range(n))
    else:
        for half in (t[: n // 2], t[n // 2 :]):
            yield from _rows(half)


_FEW = 64


def _plain(x: Any) -> Any:
    """The array of a Tensor; everything else as it is."""
    if captures and isinstance(x, Operators):
        x._leaves("a question of NumPy")
    return np.asarray(x._data) if isinstance(x, Operators) else x


def _is_numeric(x: object) -> bool:
    return isinstance(x, (Traced, float, int, np.ndarray, np.generic, list, tuple, Number))


def _no_row(name: str, method: str, kwargs: dict[str, Any]) -> DtypeError:
    how = f".{method}" if method != "__call__" else ""
    settings = f" with {', '.join(kwargs)}=" if kwargs else ""
    return DtypeError(
        f"np.{name}{how}{settings} cannot be recorded on a Tensor (the op table has no such row).  "
        f"To leave the graph on purpose, use t.data"
    )


_QUESTIONS = frozenset(
    (np.shape, np.ndim, np.size, np.array_equal, np.array_equiv, np.allclose, np.isclose, np.result_type,
     np.can_cast, np.may_share_memory, np.shares_memory, np.array_repr, np.array_str, np.iscomplexobj, np.isrealobj)
)  # fmt: skip
