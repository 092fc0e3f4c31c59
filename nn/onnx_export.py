"""ONNX: a network as a file that other programs run, without Python and without us (onnx.ai)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError, DtypeError, ShapeError, Tensor, __version__, missing_extra, no_grad

from . import layers
from .layers.base import whole
from .module import Module
from .onnx_layers import RESHAPED, UNCHANGED, WRITE, Graph, place
from .safefile import finite, write_whole

__all__ = ["export_onnx"]

OPSET = 17  # the operators of 2022: old enough for runtimes in use, and float64 where 13 has float32 alone
IR_VERSION = 8  # the file format of that year
LARGEST = 2**31 - 2**24  # bytes of parameters: a protobuf file ends at 2 GiB


def export_onnx(path: str | os.PathLike[str], net: Module, input_shape: int | Sequence[int]) -> Path:
    """Write what the network computes in use (eval) to an ONNX file; whole, or not at all.

    net          layers of nn in Sequential (or MLP) and Residual; all but LSTM and MultiheadAttention
    input_shape  of one example, without the batch axis: (1, 28, 28) for x (N, 1, 28, 28)

    The file has one input "x" (N, *input_shape) and one output "y" (N, …); N is any number.  Parameters keep the
    names and shapes of the state_dict.  x has their dtype, float32 or float64, and int64 where the first layer is
    an Embedding.  ONNX holds BatchNorm's eps, alpha and negative_slope in float32, also in a float64 network, and
    onnxruntime runs no convolution, mean pooling, ELU, GELU or Softplus in float64.  A row of an Embedding that is
    not there is an error here; ONNX counts -1, -2, … from the end.

    DataError for a module that has no counterpart in ONNX, ShapeError for an input_shape that does not fit or a
    layer that mixes the examples of a batch, DtypeError for parameters of several dtypes, MissingExtraError
    without the package onnx.

    To run it:  onnxruntime.InferenceSession(path).run(["y"], {"x": x})
    """
    if not isinstance(net, Module):
        raise TypeError(f"export_onnx takes a module, as nn.MLP([784, 30, 10]), not {net!r:.60}")
    graph = Graph(_onnx(), net)
    shape = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else (input_shape,)
    shape = tuple(whole("export_onnx", "every size in input_shape", n) for n in shape)
    finite(net.state_dict())
    modes = [(m, m.training) for m in net.modules()]
    net.eval()
    try:
        with no_grad(), np.errstate(all="ignore"):
            written = _model(graph, net, shape).SerializeToString()
    finally:
        for m, mode in modes:
            m.training = mode
    write_whole(path, written, "the ONNX file")
    return Path(path)


def _onnx() -> Any:
    try:
        return import_module("onnx")
    except ImportError as error:
        raise missing_extra("onnx", "onnx", "nn.export_onnx()") from error


def _model(graph: Graph, net: Module, shape: tuple[int, ...]) -> Any:
    """The checked ONNX model of the network."""
    kind = np.dtype(np.int64) if _takes_indices(net) else graph.dtype
    zeros = [Tensor(np.zeros((n, *shape), kind)) for n in (2, 3)]  # two batches show which axis is the batch
    y, results = _add(graph, net, "", "x", zeros)
    if y == "x":
        graph.node("Identity", "x")
    graph.nodes[-1].output[0] = "y"
    helper = graph.onnx.helper
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(t.dtype), ["N", *t.shape[1:]])
        for name, t in (("x", zeros[0]), ("y", results[0]))
    ]
    if sum(array.nbytes for array in graph.arrays.values()) > LARGEST:
        raise DataError("an ONNX file holds less than 2 GiB of parameters: this network has more")
    arrays = [graph.onnx.numpy_helper.from_array(array, name) for name, array in graph.arrays.items()]
    model = helper.make_model(
        helper.make_graph(graph.nodes, type(net).__name__, ends[:1], ends[1:], arrays),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="tinygrad_edu",
        producer_version=__version__,
    )
    helper.set_model_props(model, {"tinygrad_edu_version": __version__})  # where runtimes show it
    graph.onnx.checker.check_model(model, full_check=True)
    return model


def _add(graph: Graph, m: Module, path: str, x: str, batches: list[Tensor]) -> tuple[str, list[Tensor]]:
    """Write module m, whose input has the name x; the name of its output, and what it makes of the batches."""
    inside = path + "." if path else ""
    if isinstance(m, layers.Sequential) and type(m).forward is layers.Sequential.forward:
        for i, inner in enumerate(m):
            x, batches = _add(graph, inner, f"{inside}{i}", x, batches)
        return x, batches
    if type(m) is layers.Residual:
        f, results = _add(graph, m.module, f"{inside}module", x, batches)
        if results[0].shape != batches[0].shape:
            raise ShapeError(
                f"export_onnx: Residual, {place(path)}, adds x and f(x), which need one shape: "
                f"got x {batches[0].shape}, f(x) {results[0].shape}, for a batch of 2"
            )
        graph.path = path
        return graph.node("Add", x, f), results
    write = WRITE.get(type(m))
    if write is None:
        raise DataError(
            f"export_onnx: {type(m).__name__}, {place(path)}, has no counterpart in ONNX here.  "
            f"Build the network of {', '.join(cls.__name__ for cls in WRITE)} in Sequential and Residual"
        )
    results = _results(m, path, batches)
    graph.path = path
    return write(graph, m, x, results[0].shape), results


def _takes_indices(net: Module) -> bool:
    """Does the input go to an Embedding?"""
    containers = (layers.Sequential, layers.Residual)
    works = (m for m in net.modules() if not isinstance(m, containers + UNCHANGED + RESHAPED))
    return isinstance(next(works, None), layers.Embedding)


def _results(m: Module, path: str, batches: list[Tensor]) -> list[Tensor]:
    """What the layer makes of batches of 2 and 3 examples: the same number of examples, each of the same shape."""
    try:
        results = [m(x) for x in batches]
    except (ShapeError, DtypeError) as error:
        raise type(error)(f"export_onnx: {m!r}, {place(path)}, does not fit what it gets: {error}") from error
    (a, b), (x, _) = results, batches
    one = a.shape[1:]
    if (a.shape, b.shape) != ((2, *one), (3, *one)):
        raise ShapeError(
            f"export_onnx: {m!r}, {place(path)}, mixes the examples of a batch, or takes x {x.shape} for a single "
            f"example: its output is {a.shape}.  An exported network has the batch as its first axis everywhere"
        )
    return results
