"""ONNX layer by layer: the nodes that each layer of nn becomes in the graph, and the arrays they need."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, DtypeError, Tensor

from . import layers
from .module import Module

__all__ = ["RESHAPED", "UNCHANGED", "WRITE", "Graph", "place"]

UNCHANGED = (layers.Identity, layers.Dropout)  # in use
RESHAPED = (layers.Flatten, layers.Unflatten)


class Graph:
    """The nodes of an ONNX graph, in the order of the calculation, and the arrays that they need."""

    def __init__(self, onnx: Any, net: Module) -> None:
        self.onnx = onnx
        self.dtype = _dtype(net)
        self.nodes: list[Any] = []
        self.arrays: dict[str, npt.NDArray[Any]] = {}
        self.path = ""  # of the layer at work
        self._names: dict[int, str] = {}
        for name, t in net.named_tensors():
            self._names.setdefault(id(t), name)  # a tied one is there once
        self._taken: set[str] = set()

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """One more operation; the name of its output."""
        output = self._name(op)
        self.nodes.append(self.onnx.helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def parameter(self, t: Tensor) -> str:
        """The name of a parameter or a buffer: the state_dict's."""
        name = self._names[id(t)]
        self.arrays[name] = t.data
        return name

    def constant(self, name: str, values: Any, dtype: npt.DTypeLike | None = None) -> str:
        """The name of an array that the formula needs, in the network's dtype unless said otherwise."""
        name = self._name(name)
        self.arrays[name] = np.asarray(values, dtype or self.dtype)
        return name

    def _name(self, ending: str) -> str:
        """A new name for a thing of this layer: "2.Mul", then "2.Mul_2", …"""
        name = first = f"{self.path}.{ending}" if self.path else ending
        count = 1
        while name in self._taken:
            count += 1
            name = f"{first}_{count}"
        self._taken.add(name)
        return name


def place(path: str) -> str:
    """Where a module is, for a message."""
    return f"module {path!r} of the network" if path else "the network itself"


def _dtype(net: Module) -> np.dtype[Any]:
    """The one dtype of the network's numbers."""
    found = {t.dtype: name for name, t in net.named_tensors() if t.dtype.kind == "f"}
    dtype = next(iter(found), np.dtype(np.float32))
    if len(found) > 1 or dtype not in (np.float32, np.float64):
        what = ", ".join(f"{name!r} {dtype}" for dtype, name in found.items())
        raise DtypeError(f"export_onnx needs parameters that are all float32, or all float64: got {what}")
    return dtype


# ---- the layers: each writes its formula, and says the name of its output --------------------------------


def _linear(g: Graph, m: Any, x: str, shape: tuple[int, ...]) -> str:
    w = g.parameter(m.weight)
    bias = [] if m.bias is None else [g.parameter(m.bias)]
    if len(shape) == 2:
        return g.node("Gemm", x, w, *bias, transB=1)
    z = g.node("MatMul", x, g.node("Transpose", w))
    return g.node("Add", z, *bias) if bias else z


def _each(value: Any, dims: int) -> list[int]:
    """A setting for each direction."""
    return list(value) if isinstance(value, tuple) else [value] * dims


def _conv(g: Graph, m: Any, x: str, shape: tuple[int, ...]) -> str:
    dims = m.dims
    dilations, kernel = _each(m.dilation, dims), list(m.weight.shape[2:])
    if isinstance(m.padding, str):
        lost = [d * (k - 1) if m.padding == "same" else 0 for d, k in zip(dilations, kernel, strict=True)]
        pads = [n // 2 for n in lost] + [n - n // 2 for n in lost]  # what is left over goes to the end
    else:
        pads = _each(m.padding, dims) * 2
    inputs = [x, *(g.parameter(t) for t in (m.weight, m.bias) if t is not None)]
    strides = _each(m.stride, dims)
    settings = {"kernel_shape": kernel, "strides": strides, "pads": pads, "dilations": dilations, "group": m.groups}
    return g.node("Conv", *inputs, **settings)


def _pool(g: Graph, m: Any, x: str, shape: tuple[int, ...]) -> str:
    kernel, strides, pads = (_each(value, m.dims) for value in (m.kernel_size, m.stride, m.padding))
    settings = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2}
    if isinstance(m, (layers.MaxPool1d, layers.MaxPool2d)):
        return g.node("MaxPool", x, **settings, dilations=_each(m.dilation, m.dims))
    return g.node("AveragePool", x, **settings, count_include_pad=int(m.count_include_pad))


def _reshape(g: Graph, m: Any, x: str, shape: tuple[int, ...]) -> str:
    return g.node("Reshape", x, g.constant("shape", [0, *shape[1:]], np.int64))  # 0: as it was


def _batch_norm(g: Graph, m: Any, x: str, shape: tuple[int, ...]) -> str:
    if m.running_mean is None:
        raise DataError(
            f"export_onnx: {m!r}, {place(g.path)}, keeps no running mean and variance: what it makes of an example "
            f"depends on the mini-batch.  Take track_running_stats=True"
        )
    n = m.num_features
    scale = g.constant("scale", np.ones(n)) if m.weight is None else g.parameter(m.weight)
    shift = g.constant("shift", np.zeros(n)) if m.bias is None else g.parameter(m.bias)
    running = g.parameter(m.running_mean), g.parameter(m.running_var)
    return g.node("BatchNormalization", x, scale, shift, *running, epsilon=m.eps)


def _layer_norm(g: Graph, m: Any, x: str, shape: tuple[int, ...]) -> str:
    axes = list(range(-len(m.normalized_shape), 0))  # in parts: LayerNormalization takes means in float32, always
    centred = g.node("Sub", x, g.node("ReduceMean", x, axes=axes, keepdims=1))
    var = g.node("ReduceMean", g.node("Mul", centred, centred), axes=axes, keepdims=1)
    y = g.node("Div", centred, g.node("Sqrt", g.node("Add", var, g.constant("eps", m.eps))))
    for op, t in (("Mul", m.weight), ("Add", m.bias)):
        y = y if t is None else g.node(op, y, g.parameter(t))
    return y


def _gelu(g: Graph, m: Any, z: str, shape: tuple[int, ...]) -> str:
    half, one = g.constant("half", 0.5), g.constant("one", 1)
    if m.approximate == "tanh":
        cube = g.node("Mul", g.node("Mul", z, z), z)
        u = g.node("Add", z, g.node("Mul", cube, g.constant("cubic", 0.044715)))
        s = g.node("Tanh", g.node("Mul", u, g.constant("scale", math.sqrt(2 / math.pi))))
    else:
        s = g.node("Erf", g.node("Mul", z, g.constant("scale", math.sqrt(0.5))))
    return g.node("Mul", z, g.node("Mul", half, g.node("Add", one, s)))


def _softplus(g: Graph, m: Any, z: str, shape: tuple[int, ...]) -> str:
    beta = g.constant("beta", m.beta)
    t = g.node("Mul", z, beta)
    above = g.node("Greater", t, g.constant("threshold", m.threshold))
    return g.node("Where", above, z, g.node("Div", g.node("Softplus", t), beta))


_Write = Callable[[Graph, Any, str, tuple[int, ...]], str]
WRITE: dict[type[Module], _Write] = {
    layers.Linear: _linear,
    **dict.fromkeys((layers.Conv1d, layers.Conv2d), _conv),
    **dict.fromkeys((layers.MaxPool1d, layers.MaxPool2d, layers.AvgPool1d, layers.AvgPool2d), _pool),
    **dict.fromkeys(RESHAPED, _reshape),
    **dict.fromkeys(UNCHANGED, lambda g, m, x, shape: x),
    **dict.fromkeys((layers.BatchNorm1d, layers.BatchNorm2d), _batch_norm),
    layers.LayerNorm: _layer_norm,
    layers.Embedding: lambda g, m, x, shape: g.node("Gather", g.parameter(m.weight), x),
    layers.Sigmoid: lambda g, m, x, shape: g.node("Sigmoid", x),
    layers.Tanh: lambda g, m, x, shape: g.node("Tanh", x),
    layers.ReLU: lambda g, m, x, shape: g.node("Relu", x),
    layers.LeakyReLU: lambda g, m, x, shape: g.node("LeakyRelu", x, alpha=m.negative_slope),
    layers.ELU: lambda g, m, x, shape: g.node("Elu", x, alpha=m.alpha),
    layers.GELU: _gelu,
    layers.SiLU: lambda g, m, x, shape: g.node("Mul", x, g.node("Sigmoid", x)),
    layers.Softplus: _softplus,
    layers.Softmax: lambda g, m, x, shape: g.node("Softmax", x, axis=m.dim),
    layers.LogSoftmax: lambda g, m, x, shape: g.node("LogSoftmax", x, axis=m.dim),
}
"""Every layer that can be exported, and who writes its (graph, layer, name of x, shape of the result) -> name of y."""
