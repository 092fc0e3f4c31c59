"""ONNX files: onnx.checker takes them, and a runtime that knows nothing of us computes what the network does."""

import math
import os
import re
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
import onnx
import onnx.reference
import onnx.reference.op_run
import onnxruntime

from nn import layers, onnx_export
from nn.layers import (
    ELU,
    GELU,
    LSTM,
    MLP,
    AvgPool1d,
    AvgPool2d,
    BatchNorm1d,
    BatchNorm2d,
    Conv1d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    ModuleList,
    MultiheadAttention,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
    Unflatten,
)
from nn.metrics import outputs
from nn.module import Module
from nn.onnx_export import export_onnx
from nn.onnx_layers import WRITE
from tinygrad_edu import DataError, DtypeError, MissingExtraError, ShapeError, Tensor, __version__

NOT_IN_FLOAT64 = {"Conv", "AveragePool", "Elu", "Softplus", "Erf"}  # of onnxruntime on the CPU
EPS = 2.0**-16  # which float32 holds exactly: ONNX has BatchNorm's eps, and LeakyReLU's slope, in float32


class Erf(onnx.reference.op_run.OpRun):
    """ONNX's own computes in float32."""

    op_domain = ""

    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (np.vectorize(math.erf, otypes=[x.dtype])(x),)


def stirred(net: Module, seed: int = 0) -> Module:
    """The network with all values different from the first ones, also those of normalizations."""
    rng = np.random.default_rng(seed)
    for name, t in net.named_tensors():
        if t.dtype.kind == "f":
            noise = rng.uniform(-0.3, 0.3, t.shape)
            t.assign((np.abs(t.data + noise) + 0.2 if name.endswith("running_var") else t.data + noise).astype(t.dtype))
    return net


def examples(n: int, shape: tuple[int, ...], dtype: Any, seed: int = 0) -> np.ndarray:
    return (2 * np.random.default_rng([seed, n]).standard_normal((n, *shape))).astype(dtype)


def run(path: Path, x: np.ndarray) -> np.ndarray:
    """What the file computes; float64 operators that onnxruntime lacks are run by ONNX's own definition of them."""
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    if x.dtype == np.float64 and NOT_IN_FLOAT64 & {node.op_type for node in model.graph.node}:
        with np.errstate(all="ignore"):
            return onnx.reference.ReferenceEvaluator(model, new_ops=[Erf]).run(["y"], {"x": x})[0]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if x.dtype == np.float64:  # up to 1.23 at least, it fuses z sigmoid(z) to an operator that it has in float32 alone
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": x})[0]


def check(tmp_path: Path, net: Module, *batches: np.ndarray) -> onnx.ModelProto:
    """The file's outputs are the network's, for every batch: to 1e-5 in float32, to 1e-12 in float64."""
    path = export_onnx(tmp_path / "net.onnx", net, batches[0].shape[1:])
    for x in batches:
        expected, y = outputs(net, x), run(path, x)
        assert y.dtype == expected.dtype
        assert y.shape == expected.shape
        tolerance = 1e-5 if y.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max()))
    return onnx.load(path)


# ---- each layer ------------------------------------------------------------------------------------------

ONE = {
    "Linear": (Linear, (5, 3), {}, (5,)),
    "Linear without bias": (Linear, (5, 3, False), {}, (5,)),
    "Linear of sequences": (Linear, (5, 3), {}, (4, 5)),
    "Linear of sequences, no bias": (Linear, (5, 3, False), {}, (2, 4, 5)),
    "Conv1d": (Conv1d, (3, 4, 3), {}, (3, 9)),
    "Conv1d, all settings": (Conv1d, (4, 6, 3, 2, 2, 2, 2, False), {}, (4, 11)),
    "Conv1d, same": (Conv1d, (2, 3, 4), {"padding": "same", "dilation": 3}, (2, 12)),
    "Conv2d": (Conv2d, (1, 4, 3), {}, (1, 6, 7)),
    "Conv2d, all settings": (Conv2d, (4, 6, (3, 2), (2, 1), (1, 2), (1, 3), 2, False), {}, (4, 7, 8)),
    "Conv2d, same": (Conv2d, (2, 3, (2, 4)), {"padding": "same"}, (2, 5, 6)),
    "Conv2d, valid": (Conv2d, (2, 3, 2), {"padding": "valid", "stride": (1, 2)}, (2, 5, 6)),
    "MaxPool1d": (MaxPool1d, (2,), {}, (3, 7)),
    "MaxPool1d, all settings": (MaxPool1d, (3, 2, 1, 2), {}, (3, 9)),
    "MaxPool2d": (MaxPool2d, (2,), {}, (3, 7, 6)),
    "MaxPool2d, all settings": (MaxPool2d, ((3, 2), (2, 1), (1, 0), (1, 3)), {}, (2, 7, 8)),
    "AvgPool1d": (AvgPool1d, (3, 2, 1), {}, (3, 8)),
    "AvgPool1d without padding": (AvgPool1d, (3, 2, 1), {"count_include_pad": False}, (3, 8)),
    "AvgPool2d": (AvgPool2d, ((2, 3),), {}, (3, 7, 6)),
    "AvgPool2d, all settings": (AvgPool2d, ((3, 2), (1, 2), 1), {"count_include_pad": False}, (2, 7, 8)),
    "Flatten": (Flatten, (), {}, (2, 3, 4)),
    "Flatten some": (Flatten, (2, 3), {}, (2, 3, 4)),
    "Flatten none": (Flatten, (1, 1), {}, (2, 3)),
    "Unflatten": (Unflatten, (1, (2, -1, 1)), {}, (6,)),
    "Unflatten the last": (Unflatten, (-1, (2, 3)), {}, (4, 6)),
    "Dropout": (Dropout, (0.5,), {}, (3,)),
    "Identity": (Identity, (), {}, (3,)),
    "BatchNorm1d": (BatchNorm1d, (3, EPS), {}, (3,)),
    "BatchNorm1d of sequences": (BatchNorm1d, (3, EPS), {"affine": False}, (3, 4)),
    "BatchNorm2d": (BatchNorm2d, (3, EPS), {}, (3, 4, 2)),
    "LayerNorm": (LayerNorm, (4,), {}, (4,)),
    "LayerNorm of two axes": (LayerNorm, ((3, 4), 0.1), {"bias": False}, (2, 3, 4)),
    "LayerNorm, plain": (LayerNorm, (4,), {"elementwise_affine": False}, (3, 4)),
    "Sigmoid": (Sigmoid, (), {}, (3, 2)),
    "Tanh": (Tanh, (), {}, (3,)),
    "ReLU": (ReLU, (), {}, (3,)),
    "LeakyReLU": (LeakyReLU, (0.125,), {}, (3,)),
    "LeakyReLU, falling": (LeakyReLU, (-2,), {}, (3,)),
    "ELU": (ELU, (1.5,), {}, (3,)),
    "GELU": (GELU, (), {}, (3,)),
    "GELU, tanh": (GELU, ("tanh",), {}, (3,)),
    "SiLU": (SiLU, (), {}, (3,)),
    "Softplus": (Softplus, (), {}, (3,)),
    "Softplus, both settings": (Softplus, (2.5, 1), {}, (30,)),
    "Softmax": (Softmax, (), {}, (3, 4)),
    "Softmax over channels": (Softmax, (1,), {}, (3, 4)),
    "LogSoftmax": (LogSoftmax, (-2,), {}, (3, 4)),
}


def test_every_layer_is_tested() -> None:
    assert {kind for kind, *_ in ONE.values()} | {Embedding} == set(WRITE)
    assert set(layers.LAYERS.values()) - set(WRITE) == {LSTM, MultiheadAttention}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ONE)
def test_a_layer_in_the_runtime_is_the_layer(tmp_path: Path, name: str, dtype: type) -> None:
    kind, arguments, settings, shape = ONE[name]
    layer = kind(*arguments, **settings, **({"dtype": dtype} if "dtype" in signature(kind).parameters else {}))
    if not any(layer.named_tensors()):
        layer.held = Tensor(np.zeros(1, dtype))  # which says the network's dtype, as its neighbours would
    check(tmp_path, stirred(layer), *(examples(n, shape, dtype) for n in (3, 1, 8)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(), (4,), (2, 3)])
def test_an_embedding_takes_indices(tmp_path: Path, shape: tuple[int, ...], dtype: type) -> None:
    net = Sequential(Identity(), Dropout(), Embedding(7, 3, 0, rng=0, dtype=dtype), Linear(3, 2, rng=0, dtype=dtype))
    rng = np.random.default_rng(0)
    model = check(tmp_path, stirred(net), *(rng.integers(0, 7, (n, *shape)) for n in (3, 1, 8)))
    assert model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.INT64


@pytest.mark.parametrize("far", [30.0, 1e4, 1e30])
@pytest.mark.parametrize("kind", [Sigmoid, Tanh, ReLU, LeakyReLU, ELU, GELU, SiLU, Softplus, Softmax, LogSoftmax])
def test_far_out_an_activation_is_the_same(tmp_path: Path, kind: type, far: float) -> None:
    with np.errstate(over="ignore"):
        check(tmp_path, Sequential(kind()), np.array([[far, -far, 0, 1], [1, 2, far, far]], np.float32))


def test_gelu_by_tanh_overflows_in_its_cube_alone(tmp_path: Path) -> None:
    check(tmp_path, GELU("tanh"), np.array([[1e30, -1e30, 30, -30, 5]], np.float32))


# ---- networks --------------------------------------------------------------------------------------------


def activation(rng: np.random.Generator) -> Module:
    others = (lambda: LeakyReLU(2**-4), lambda: GELU("tanh"))
    kinds = (Sigmoid, Tanh, ReLU, ELU, GELU, SiLU, Softplus, Identity, Dropout, *others)
    return kinds[rng.integers(len(kinds))]()


def dense(rng: np.random.Generator, n: int, dtype: type) -> tuple[list[Module], int]:
    """Some layers for x (N, n), and the size of what they make."""
    made: list[Module] = []
    for _ in range(rng.integers(1, 5)):
        choice = rng.integers(5)
        if choice < 2:
            m = int(rng.integers(1, 9))
            made.append(Linear(n, m, bool(rng.random() < 0.8), rng=rng, dtype=dtype))
            n = m
        elif choice == 2:
            made.append(BatchNorm1d(n, EPS, affine=bool(rng.random() < 0.7), dtype=dtype))
        elif choice == 3:
            made.append(LayerNorm(n, 0.3, dtype=dtype))
        else:
            made.append(Residual(Sequential(Linear(n, n, rng=rng, dtype=dtype), activation(rng))))
        made.append(activation(rng))
    return made, n


def convolutional(rng: np.random.Generator, shape: tuple[int, ...], dtype: type) -> tuple[list[Module], int]:
    """Some layers for x (N, *shape), of signals or images, then Flatten; and the size of what they make."""
    dims = len(shape) - 1
    conv, norm = ((Conv1d, BatchNorm1d), (Conv2d, BatchNorm2d))[dims - 1]
    largest, mean = ((MaxPool1d, AvgPool1d), (MaxPool2d, AvgPool2d))[dims - 1]

    def each(low: int, high: int) -> Any:
        """One number, or one for each direction."""
        n = tuple(int(k) for k in rng.integers(low, high, dims))
        return n if rng.random() < 0.5 else n[0]

    made: list[Module] = []
    x = Tensor(np.zeros((1, *shape), dtype))
    for _ in range(rng.integers(1, 5)):
        c, choice = x.shape[1], rng.integers(6)
        groups = c if rng.random() < 0.3 else 1
        out, bias = groups * int(rng.integers(1, 4)), bool(rng.random() < 0.8)
        if choice == 0:
            layer = conv(c, out, each(1, 4), each(1, 3), each(0, 3), each(1, 3), groups, bias, rng=rng, dtype=dtype)
        elif choice == 1:
            layer = conv(c, out, each(1, 5), padding="same", dilation=each(1, 3), groups=groups, rng=rng, dtype=dtype)
        elif choice == 2:
            padding = each(0, 2) if dtype == np.float32 else 0  # ONNX's own MaxPool fails at padding
            layer = largest(each(2, 4), each(1, 4), padding, each(1, 3))
        elif choice == 3:
            layer = mean(each(2, 4), each(1, 4), each(0, 2), count_include_pad=bool(rng.random() < 0.5))
        elif choice == 4:
            layer = norm(c, EPS, dtype=dtype)
        else:
            layer = Residual(Sequential(conv(c, c, 3, padding=1, rng=rng, dtype=dtype), activation(rng)))
        try:
            y = layer.eval()(x)
        except ShapeError:  # the window is larger than what is left of the image
            continue
        if y.size <= 2000:
            x = y
            made += [layer, activation(rng)]
    return [*made, Flatten()], x.size


def random_net(seed: int, dtype: type) -> tuple[Module, tuple[int, ...]]:
    rng = np.random.default_rng(seed)
    kind = seed % 4  # rows; signals; images; rows of pixels
    if kind == 0:
        n = int(rng.integers(1, 9))
        made, n_out = dense(rng, n, dtype)
        return Sequential(*made, Linear(n_out, 3, rng=rng, dtype=dtype), Softmax()), (n,)
    shape = (int(rng.integers(1, 5)), *(int(n) for n in rng.integers(4, 11, 1 if kind == 1 else 2)))
    made, n = convolutional(rng, shape, dtype)
    more, n = dense(rng, n, dtype)
    net = Sequential(Sequential(*made), *more, Linear(n, 3, rng=rng, dtype=dtype))
    if kind == 3:
        return Sequential(Unflatten(1, shape), net), (int(np.prod(shape)),)
    return net, shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(40))
def test_a_random_network_in_the_runtime_is_the_network(tmp_path: Path, seed: int, dtype: type) -> None:
    net, shape = random_net(seed, dtype)
    check(tmp_path, stirred(net, seed), *(examples(n, shape, dtype, seed) for n in (4, 1, 7)))


@pytest.mark.parametrize("activation", layers.ACTIVATIONS)
def test_the_lectures_network(tmp_path: Path, activation: str) -> None:
    net = MLP([784, 30, 10], activation, rng=1)
    model = check(tmp_path, net, np.random.default_rng(0).random((5, 784), np.float32))
    ops = [node.op_type for node in model.graph.node]
    assert ops.count("Gemm") == 2
    if activation == "sigmoid":
        assert ops == ["Gemm", "Sigmoid", "Gemm", "Sigmoid"]


# ---- what is in the file ---------------------------------------------------------------------------------


def test_names_shapes_and_values_are_the_state_dicts(tmp_path: Path) -> None:
    net = stirred(
        Sequential(Conv1d(2, 3, 2), BatchNorm1d(3), Residual(Sequential(Linear(4, 4), LayerNorm(4))), Flatten())
    )
    model = onnx.load(export_onnx(tmp_path / "net.onnx", net, (2, 5)))
    arrays = {a.name: onnx.numpy_helper.to_array(a) for a in model.graph.initializer}
    state = net.state_dict()
    assert set(state) - set(arrays) == {"1.num_batches_tracked"}
    assert set(arrays) - set(state) == {"2.module.1.eps", "3.shape"}
    for name in set(state) & set(arrays):
        assert arrays[name].dtype == state[name].dtype
        np.testing.assert_array_equal(arrays[name], state[name], strict=True)


def test_a_node_has_the_name_of_its_layer(tmp_path: Path) -> None:
    net = Sequential(GELU("tanh"), Residual(Sequential(Linear(3, 3), Tanh())), ReLU())
    model = onnx.load(export_onnx(tmp_path / "net.onnx", net, (3,)))
    names = [node.name for node in model.graph.node]
    assert names[:3] == ["0.Mul", "0.Mul_2", "0.Mul_3"]
    assert names[-4:] == ["1.module.0.Gemm", "1.module.1.Tanh", "1.Add", "2.Relu"]
    assert [list(node.output) for node in model.graph.node] == [[name] for name in names[:-1]] + [["y"]]


def test_what_the_checker_refuses_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(model: onnx.ModelProto, full_check: bool) -> None:
        raise onnx.checker.ValidationError(f"{full_check} {model.graph.name}")

    monkeypatch.setattr(onnx.checker, "check_model", refuse)
    with pytest.raises(onnx.checker.ValidationError, match="True MLP"):
        export_onnx(tmp_path / "net.onnx", MLP([4, 3]), (4,))
    assert os.listdir(tmp_path) == []


def test_the_file_says_who_wrote_it_and_what_it_takes(tmp_path: Path) -> None:
    path = export_onnx(str(tmp_path / "net.onnx"), MLP([4, 3], rng=0), 4)
    assert path == tmp_path / "net.onnx"
    model = onnx.load(path)
    assert (model.producer_name, model.producer_version) == ("tinygrad_edu", __version__)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert session.get_modelmeta().custom_metadata_map == {"tinygrad_edu_version": __version__}
    (x,), (y,) = session.get_inputs(), session.get_outputs()
    assert (x.name, x.shape, x.type) == ("x", ["N", 4], "tensor(float)")
    assert (y.name, y.shape, y.type) == ("y", ["N", 3], "tensor(float)")


def test_the_same_network_makes_the_same_bytes(tmp_path: Path) -> None:
    net = random_net(3, np.float32)[0]
    size = random_net(3, np.float32)[1]
    files = [export_onnx(tmp_path / name, net, size).read_bytes() for name in ("a.onnx", "b.onnx")]
    assert files[0] == files[1]


def test_a_layer_used_twice_is_there_once(tmp_path: Path) -> None:
    shared, again = Linear(3, 3, rng=0), Linear(3, 3, rng=1)
    again.weight = shared.weight  # tied
    net = Sequential(shared, Softplus(), shared, Softplus(), again)
    model = check(tmp_path, net, examples(4, (3,), np.float32))
    names = [a.name for a in model.graph.initializer if a.name.split(".")[1] in ("weight", "bias")]
    assert sorted(names) == ["0.bias", "0.weight", "4.bias"]


def test_a_subclass_that_only_fills_a_Sequential_is_one(tmp_path: Path) -> None:
    class Net(Sequential):
        def __init__(self) -> None:
            super().__init__(Linear(3, 2, rng=0), Tanh())

    assert check(tmp_path, Net(), examples(4, (3,), np.float32)).graph.name == "Net"


@pytest.mark.parametrize("net", [Sequential(), Identity(), Residual(Identity()), Sequential(Dropout(), Sequential())])
def test_a_network_of_nothing(tmp_path: Path, net: Module) -> None:
    check(tmp_path, net, examples(4, (3,), np.float32))


# ---- what the export leaves as it was --------------------------------------------------------------------


def test_training_goes_on_as_if_nothing_had_been(tmp_path: Path) -> None:
    net = Sequential(Linear(3, 3, rng=0), BatchNorm1d(3), Dropout(rng=4))
    net[1].eval()
    state, drawn = net.state_dict(), net[2].rng.bit_generator.state
    export_onnx(tmp_path / "net.onnx", net, (3,))
    assert [m.training for m in net.modules()] == [True, True, False, True]
    assert net[2].rng.bit_generator.state == drawn
    for name, value in net.state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    with pytest.raises(ShapeError):
        export_onnx(tmp_path / "net.onnx", net, (4,))
    assert [m.training for m in net.modules()] == [True, True, False, True]


def test_a_failing_disk_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = export_onnx(tmp_path / "net.onnx", MLP([3, 2], rng=0), (3,))
    before = path.read_bytes()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as m:
        m.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=r"cannot save the ONNX file to .*net\.onnx"):
            export_onnx(path, MLP([3, 2], rng=1), (3,))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.onnx"]


# ---- what cannot be exported -----------------------------------------------------------------------------


class Own(Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Doubled(Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


class Steep(ReLU):
    def activity(self, z: Tensor) -> Tensor:
        return super().activity(z) * 2


REFUSED = {
    "own module": (Own(), (3,), DataError, "Own, the network itself, has no counterpart"),
    "inside": (Sequential(Tanh(), Residual(Own())), (3,), DataError, "Own, module '1.module' of the network"),
    "own forward": (Sequential(Doubled(Tanh())), (3,), DataError, "Doubled, module '0'"),
    "own activity": (Sequential(Steep()), (3,), DataError, "Steep, module '0'"),
    "LSTM": (Sequential(LSTM(3, 2)), (4, 3), DataError, "LSTM, module '0'"),
    "attention": (MultiheadAttention(4, 2), (4, 4), DataError, "MultiheadAttention, the network itself"),
    "list": (ModuleList([Tanh()]), (3,), DataError, "ModuleList, the network itself"),
    "no statistics": (BatchNorm1d(3, track_running_stats=False), (3,), DataError, "keeps no running mean"),
    "wrong size": (MLP([4, 3, 2]), (5,), ShapeError, r"Linear(4, 3), module '0' of the network, does not fit"),
    "wrong size later": (Sequential(Linear(4, 3), Linear(2, 1)), (4,), ShapeError, "Linear(2, 1), module '1'"),
    "joins the batch": (Sequential(Flatten(0)), (3,), ShapeError, "Flatten(start_dim=0), module '0'"),
    "cuts the batch": (Sequential(Unflatten(0, (-1, 1, 2))), (3,), ShapeError, "Unflatten(0, (-1, 1, 2)), module '0'"),
    "batch is a neuron": (Linear(2, 3), (), ShapeError, "Linear(2, 3), the network itself"),
    "batch is a channel": (Conv1d(2, 2, 1), (4,), ShapeError, "Conv1d(2, 2, 1), the network itself"),
    "normalized batch": (LayerNorm((2, 3)), (3,), ShapeError, "LayerNorm((2, 3)), the network itself"),
    "residual": (Residual(Linear(3, 1)), (3,), ShapeError, "Residual, the network itself, adds x and f(x)"),
    "text": (MLP([4, 3]), "4", DtypeError, "input_shape is a whole number: got"),
    "no size": (MLP([4, 3]), (None, 4), DtypeError, "input_shape is a whole number: got"),
    "any size": (MLP([4, 3]), (-1, 4), ShapeError, "input_shape is 1 or more: got"),
    "two dtypes": (
        Sequential(Linear(2, 2), Linear(2, 2, dtype=np.float64)),
        (2,),
        DtypeError,
        "all float32, or all float64: got '0.bias' float32, '1.bias' float64",
    ),
    "half": (MLP([4, 3], dtype=np.float16), (4,), DtypeError, "float16"),
    "no module": (lambda x: x, (4,), TypeError, "takes a module, as nn.MLP"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_exported_is_named(tmp_path: Path, name: str) -> None:
    net, shape, kind, message = REFUSED[name]
    with pytest.raises(kind, match=re.escape(message)):
        export_onnx(tmp_path / "net.onnx", net, shape)
    assert os.listdir(tmp_path) == []


def test_what_is_not_finite_is_not_exported(tmp_path: Path) -> None:
    net = Linear(2, 1)
    net.weight.assign(np.array([[1, np.nan]], np.float32))
    with pytest.raises(DataError, match="'weight' holds NaN"):
        export_onnx(tmp_path / "net.onnx", net, (2,))


def test_a_network_too_large_for_the_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_export, "LARGEST", 4 * (4 * 3 + 3) - 1)
    with pytest.raises(DataError, match="less than 2 GiB"):
        export_onnx(tmp_path / "net.onnx", MLP([4, 3]), (4,))
    monkeypatch.setattr(onnx_export, "LARGEST", 4 * (4 * 3 + 3))
    export_onnx(tmp_path / "net.onnx", MLP([4, 3]), (4,))


def test_without_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=re.escape("pip install -e '.[onnx]'")):
        export_onnx(tmp_path / "net.onnx", MLP([4, 3]), (4,))
