"""Each layer against PyTorch's in float64: values, all gradients, names and shapes, weights both ways, wrong sizes."""

import inspect
import os
import warnings

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("torch")
import torch

from nn import init, layers
from nn.module import Module
from tinygrad_edu import Tensor

RTOL = 1e-12  # of the largest entry: both sum the same numbers, in another order


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def difference(ours, theirs) -> float:
    """The largest difference, in units of the largest entry where that is above 1."""
    theirs = theirs.detach().numpy()
    ours = np.asarray(ours.data if isinstance(ours, Tensor) else ours)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    if not theirs.size:
        return 0.0
    return float(np.max(np.abs(ours - theirs)) / max(1.0, np.max(np.abs(theirs))))


def pair(name: str, args: tuple, settings: dict) -> tuple[Module, torch.nn.Module]:
    """Our layer and theirs with the same values, which are no first values: theirs were loaded from noise."""
    kind = getattr(layers, name)
    learns = {"dtype": np.float64} if "dtype" in inspect.signature(kind).parameters else {}
    ours, theirs = kind(*args, **settings, **learns), getattr(torch.nn, name)(*args, **settings).double()
    state = {
        k: torch.as_tensor(np.abs(numbers(*v.shape, seed=i)) + 0.1 if k.endswith("var") else numbers(*v.shape, seed=i))
        if v.is_floating_point()
        else v
        for i, (k, v) in enumerate(theirs.state_dict().items())
    }
    theirs.load_state_dict(state)
    ours.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    return ours, theirs


def flat(outputs) -> list:
    """All the Tensors of a (nested) tuple."""
    if isinstance(outputs, (tuple, list)):
        return [t for part in outputs for t in flat(part)]
    return [] if outputs is None else [outputs]


def compare(ours: Module, theirs: torch.nn.Module, inputs: list, settings: dict | None = None) -> float:
    """The largest difference of outputs, gradients of inputs and parameters, and values after the call."""
    settings = settings or {}
    learn = [np.asarray(x).dtype.kind == "f" for x in inputs]
    mine = [Tensor(x, requires_grad=g) for x, g in zip(inputs, learn, strict=True)]
    other = [torch.tensor(x, requires_grad=g) for x, g in zip(inputs, learn, strict=True)]
    found = flat(ours(*mine, **settings))
    torchs = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}
    expected = flat(theirs(*other, **torchs))
    assert len(found) == len(expected)
    worst = max(difference(f, e) for f, e in zip(found, expected, strict=True))
    cotangents = [numbers(*e.shape, seed=7 + i) for i, e in enumerate(expected)]
    sum((f * g).sum() for f, g in zip(found, cotangents, strict=True)).backward()
    torch.autograd.backward(expected, [torch.tensor(g) for g in cotangents])
    for m, o in zip(mine, other, strict=True):
        if m.requires_grad:
            worst = max(worst, difference(m.grad, o.grad))
    gradients = {name: p.grad for name, p in theirs.named_parameters()}
    assert set(gradients) == {name for name, _ in ours.named_parameters()}
    for name, p in ours.named_parameters():
        worst = max(worst, difference(p.grad, gradients[name]))
    for name, value in theirs.state_dict().items():
        worst = max(worst, difference(ours.state_dict()[name], value))
    return worst


IMAGE, ODD = (2, 3, 9, 7), (1, 4, 8, 5)
CASES = {  # name of the layer, its arguments, its settings, the shapes of x
    "linear": ("Linear", (4, 3), {}, [(5, 4), (4,), (2, 3, 4), (0, 4)]),
    "linear without bias": ("Linear", (4, 3), {"bias": False}, [(5, 4), (2, 3, 4)]),
    "conv1d": ("Conv1d", (3, 5, 4), {"stride": 2, "padding": 1}, [(2, 3, 11), (3, 10)]),
    "conv1d dilated": ("Conv1d", (4, 6, 3), {"dilation": 2, "groups": 2, "bias": False}, [(2, 4, 9)]),
    "conv2d": ("Conv2d", (3, 5, 3), {}, [IMAGE, (3, 9, 7)]),
    "conv2d odd": ("Conv2d", (4, 6, (3, 2), (2, 1), (1, 0), (1, 2)), {"groups": 2}, [ODD]),
    "conv2d same": ("Conv2d", (3, 2, 4), {"padding": "same"}, [IMAGE]),
    "conv2d depthwise": ("Conv2d", (3, 6, 3, 1, 1), {"groups": 3, "bias": False}, [IMAGE]),
    "maxpool1d": ("MaxPool1d", (3, 2, 1), {}, [(2, 3, 11), (3, 10)]),
    "maxpool2d": ("MaxPool2d", (2,), {}, [IMAGE, (3, 9, 7)]),
    "maxpool2d odd": ("MaxPool2d", ((3, 2), (2, 1), (1, 0), (1, 2)), {}, [IMAGE]),
    "avgpool1d": ("AvgPool1d", (3, 2, 1), {}, [(2, 3, 11)]),
    "avgpool2d": ("AvgPool2d", (2,), {}, [IMAGE, (3, 9, 7)]),
    "avgpool2d odd": ("AvgPool2d", ((3, 2), (2, 1), (1, 0)), {"count_include_pad": False}, [IMAGE]),
    "flatten": ("Flatten", (), {}, [IMAGE, (2, 3)]),
    "unflatten": ("Unflatten", (1, (3, -1)), {}, [(2, 12), (2, 6, 2)]),
    "flatten some": ("Flatten", (0, 2), {}, [IMAGE]),
    "batchnorm1d": ("BatchNorm1d", (3,), {}, [(5, 3), (2, 3, 4)]),
    "batchnorm1d mean of all": ("BatchNorm1d", (3, 1e-3, None), {}, [(5, 3)]),
    "batchnorm1d without memory": ("BatchNorm1d", (3,), {"affine": False, "track_running_stats": False}, [(5, 3)]),
    "batchnorm2d": ("BatchNorm2d", (3,), {"momentum": 0.3}, [IMAGE, (1, 3, 2, 1)]),
    "layernorm": ("LayerNorm", (4,), {}, [(5, 4), (2, 3, 4), (4,)]),
    "layernorm of an image": ("LayerNorm", ((9, 7), 1e-2), {"bias": False}, [IMAGE]),
    "layernorm without values": ("LayerNorm", (4,), {"elementwise_affine": False}, [(5, 4)]),
    "lstm": ("LSTM", (3, 4), {}, [(5, 2, 3), (5, 3)]),
    "lstm deep": ("LSTM", (3, 2, 3), {"batch_first": True, "bidirectional": True}, [(2, 5, 3), (4, 3)]),
    "lstm without bias": ("LSTM", (3, 4, 2), {"bias": False}, [(1, 2, 3)]),
    **{f"{name} {settings}": (name, (), settings, [(3, 4), (2, 1, 5)]) for name, settings in [
        *[(n, {}) for n in ("Sigmoid", "Tanh", "ReLU", "LeakyReLU", "ELU", "GELU", "SiLU", "Softplus", "Identity")],
        ("LeakyReLU", {"negative_slope": 0.3}), ("ELU", {"alpha": 0.5}), ("GELU", {"approximate": "tanh"}),
        ("Softplus", {"beta": 2.0, "threshold": 1.0}), ("Softmax", {"dim": 1}), ("Softmax", {"dim": -1}),
        ("LogSoftmax", {"dim": 0}), ("LogSoftmax", {"dim": -1}),
    ]},
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")  # PyTorch's, about its speed
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("case", CASES)
def test_a_layer_has_pytorchs_values_and_gradients(case, mode):
    name, args, settings, shapes = CASES[case]
    for shape in shapes:
        ours, theirs = pair(name, args, settings)
        getattr(ours, mode)()
        getattr(theirs, mode)()
        for seed in (1, 2):  # twice: what the first call left behind counts
            ours.zero_grad()
            theirs.zero_grad()
            assert compare(ours, theirs, [numbers(*shape, seed=seed)]) <= RTOL


ACTIVATIONS = [case for case, (_, args, _, shapes) in CASES.items() if not args and shapes == [(3, 4), (2, 1, 5)]]


@pytest.mark.parametrize("case", ACTIVATIONS)
def test_activations_at_kinks_and_far_out(case):
    name, _, settings, _ = CASES[case]
    ours, theirs = pair(name, (), settings)
    z = np.array([[0.0, -0.0, 1e-300, -1e-300, 20.0, 10.0], [40.0, -40.0, 800.0, -800.0, 1e4, -1e4]])
    assert compare(ours, theirs, [z]) <= RTOL


@pytest.mark.parametrize("case", CASES)
def test_names_shapes_and_dtypes_of_the_state_are_pytorchs_and_weights_go_both_ways(case):
    name, args, settings, _ = CASES[case]
    ours, theirs = getattr(layers, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)
    state = ours.state_dict()
    expected = {k: (tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in theirs.state_dict().items()}
    assert {k: (v.shape, str(v.dtype)) for k, v in state.items()} == expected
    assert list(state) == list(expected)
    theirs.load_state_dict({k: torch.as_tensor(v) for k, v in state.items()})
    for k, v in theirs.state_dict().items():
        assert v.numpy().tobytes() == state[k].tobytes()
    fresh = getattr(layers, name)(*args, **settings)
    fresh.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    assert {k: v.tobytes() for k, v in fresh.state_dict().items()} == {k: v.tobytes() for k, v in state.items()}


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_embedding(padding_idx):
    ours, theirs = pair("Embedding", (7, 3, padding_idx), {})
    assert ours.padding_idx == theirs.padding_idx
    for x in ([[0, 2, 6], [6, 6, 2]], [3], np.zeros((2, 0), int)):
        ours.zero_grad()
        theirs.zero_grad()
        assert compare(ours, theirs, [np.array(x)]) <= RTOL


MASKS = {
    "nothing": {},
    "causal": {"attn_mask": np.triu(np.ones((4, 5), bool), 1)},
    "for each head": {"attn_mask": np.random.default_rng(3).random((6, 4, 5)) > 0.7},
    "added": {"attn_mask": numbers(4, 5)},
    "padding": {"key_padding_mask": np.array([[False] * 5, [False] * 3 + [True] * 2])},
    "both": {
        "attn_mask": np.eye(4, 5) > 0,
        "key_padding_mask": np.array([[False] * 5, [False] * 3 + [True] * 2]),
        "average_attn_weights": False,
    },
    "no weights": {"need_weights": False},
}


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("mask", MASKS)
def test_multihead_attention(mask, bias, batch_first):
    ours, theirs = pair("MultiheadAttention", (6, 3), {"bias": bias, "batch_first": batch_first})
    inputs = [numbers(4, 2, 6), numbers(5, 2, 6, seed=1), numbers(5, 2, 6, seed=2)]
    if batch_first:
        inputs = [np.swapaxes(x, 0, 1) for x in inputs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch deprecates a mask of bools beside one of numbers
        assert compare(ours, theirs, inputs, MASKS[mask]) <= RTOL
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_multihead_attention_of_one_sequence():
    ours, theirs = pair("MultiheadAttention", (6, 2), {})
    assert compare(ours, theirs, [numbers(4, 6), numbers(5, 6, seed=1), numbers(5, 6, seed=2)]) <= RTOL


def test_lstm_that_starts_from_a_state():
    for settings, shape, state in (
        ({"num_layers": 2}, (5, 3, 4), (2, 3, 6)),
        ({"bidirectional": True}, (5, 4), (2, 6)),
    ):
        ours, theirs = pair("LSTM", (4, 6), settings)
        x, h, c = numbers(*shape), numbers(*state, seed=1), numbers(*state, seed=2)
        mine = [Tensor(t, requires_grad=True) for t in (x, h, c)]
        other = [torch.tensor(t, requires_grad=True) for t in (x, h, c)]
        found, expected = flat(ours(mine[0], tuple(mine[1:]))), flat(theirs(other[0], tuple(other[1:])))
        assert max(map(difference, found, expected)) <= RTOL
        (found[0] * numbers(*found[0].shape, seed=5)).sum().backward()
        expected[0].backward(torch.tensor(numbers(*found[0].shape, seed=5)))
        assert max(difference(m.grad, o.grad) for m, o in zip(mine, other, strict=True)) <= RTOL


# ---- what is wrong here is wrong there -------------------------------------------------------------------

WRONG = {
    "linear": ("Linear", (4, 3), {}, (5, 3)),
    "conv2d channels": ("Conv2d", (3, 5, 3), {}, (2, 4, 9, 7)),
    "conv2d too small": ("Conv2d", (3, 5, 3), {}, (2, 3, 2, 7)),
    "conv2d axes": ("Conv2d", (3, 5, 3), {}, (9, 7)),
    "conv1d axes": ("Conv1d", (3, 5, 3), {}, (2, 3, 9, 7)),
    "maxpool2d too small": ("MaxPool2d", (3,), {}, (2, 3, 2, 7)),
    "maxpool2d padding": ("MaxPool2d", (3, 1, 2), {}, (2, 3, 9, 9)),
    "batchnorm1d channels": ("BatchNorm1d", (3,), {}, (5, 4)),
    "batchnorm1d axes": ("BatchNorm1d", (3,), {}, (5, 3, 2, 2)),
    "batchnorm1d of one example": ("BatchNorm1d", (3,), {}, (1, 3)),
    "batchnorm2d axes": ("BatchNorm2d", (3,), {}, (5, 3)),
    "batchnorm2d of one number": ("BatchNorm2d", (3,), {}, (1, 3, 1, 1)),
    "layernorm": ("LayerNorm", ((3, 4),), {}, (4, 3)),
    "lstm inputs": ("LSTM", (3, 4), {}, (5, 2, 4)),
    "lstm axes": ("LSTM", (3, 4), {}, (5, 2, 2, 3)),
    "softmax": ("Softmax", (2,), {}, (3, 4)),
    "flatten": ("Flatten", (2,), {}, (3, 4)),
}


@pytest.mark.parametrize("case", WRONG)
def test_sizes_that_do_not_fit_are_an_error_in_both(case):
    name, args, settings, shape = WRONG[case]
    ours, theirs = getattr(layers, name)(*args, **settings), getattr(torch.nn, name)(*args, **settings)
    x = numbers(*shape).astype(np.float32)
    with pytest.raises((ValueError, RuntimeError, IndexError)):
        theirs(torch.tensor(x))
    with pytest.raises(ValueError, match=r"\d"):
        ours(Tensor(x))


UNMAKEABLE = [
    ("Conv2d", (3, 4, 3), {"groups": 2}),
    ("Conv2d", (3, 4, 3, 2), {"padding": "same"}),
    ("Conv2d", (3, 4, 3), {"padding": "full"}),
    ("MultiheadAttention", (6, 4), {}),
    ("Dropout", (1.5,), {}),
    ("Dropout", (-0.1,), {}),
    ("Embedding", (4, 2, 4), {}),
    ("LSTM", (3, 0), {}),
]


@pytest.mark.parametrize(("name", "args", "settings"), UNMAKEABLE)
def test_settings_that_make_no_sense_are_an_error_in_both(name, args, settings):
    for place in (torch.nn, layers):
        with pytest.raises((ValueError, TypeError, AssertionError)):
            getattr(place, name)(*args, **settings)


def test_ties_in_maxpool_are_shared_here_and_go_to_the_first_there():
    """The documented difference: the policy of max."""
    x = Tensor(np.ones((1, 1, 2, 2)), requires_grad=True)
    layers.MaxPool2d(2)(x).sum().backward()
    assert x.grad.tolist() == [[[[0.25, 0.25], [0.25, 0.25]]]]


# ---- first values ----------------------------------------------------------------------------------------


def test_gains_are_pytorchs():
    for name in ("linear", "conv1d", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
    assert init.calculate_gain("leaky_relu", 0.3) == pytest.approx(torch.nn.init.calculate_gain("leaky_relu", 0.3))


DRAWS = {
    "xavier_uniform_": [{}, {"gain": 2.0}],
    "xavier_normal_": [{}, {"gain": 2.0}],
    "kaiming_uniform_": [{}, {"a": 0.5}, {"mode": "fan_out", "nonlinearity": "relu"}, {"nonlinearity": "tanh"}],
    "kaiming_normal_": [{}, {"a": 0.5}, {"mode": "fan_out", "nonlinearity": "relu"}, {"nonlinearity": "tanh"}],
    "uniform_": [{}, {"a": -2.0, "b": 0.5}],
    "normal_": [{}, {"mean": 1.0, "std": 0.25}],
    "orthogonal_": [{}, {"gain": 3.0}],
}


@pytest.mark.parametrize("shape", [(150, 300), (40, 60, 5, 3)])
@pytest.mark.parametrize("name", DRAWS)
def test_first_values_have_pytorchs_mean_spread_and_range(name, shape):
    n = int(np.prod(shape))
    for settings in DRAWS[name]:
        ours = getattr(init, name)(Tensor(np.zeros(shape)), **settings, rng=5).data
        theirs = getattr(torch.nn.init, name)(torch.zeros(shape, dtype=torch.float64), **settings).numpy()
        spread = theirs.std()
        assert abs(ours.mean() - theirs.mean()) < 6 * spread / np.sqrt(n)
        assert abs(ours.std() / spread - 1) < 6 / np.sqrt(n)
        if "uniform" in name:
            assert ours.max() == pytest.approx(theirs.max(), abs=1e-3 * spread)
            assert ours.min() == pytest.approx(theirs.min(), abs=1e-3 * spread)


DEFAULTS = [
    ("Linear", (40, 300)),
    ("Conv1d", (20, 100, 5)),
    ("Conv2d", (10, 60, 5)),
    ("Embedding", (200, 50)),
    ("LSTM", (20, 50)),
    ("MultiheadAttention", (60, 3)),
    ("BatchNorm2d", (5,)),
    ("LayerNorm", (5,)),
]


@pytest.mark.parametrize(("name", "args"), DEFAULTS)
def test_layers_start_as_pytorchs_do(name, args):
    ours, theirs = getattr(layers, name)(*args).state_dict(), getattr(torch.nn, name)(*args).state_dict()
    for key, value in theirs.items():
        value = value.numpy()
        spread = value.std()
        assert abs(ours[key].mean() - value.mean()) <= 6 * spread / np.sqrt(value.size)
        assert abs(ours[key].std() - spread) <= 6 * spread / np.sqrt(value.size)
        if spread and value.size > 1000 and name != "Embedding":
            assert np.abs(ours[key]).max() == pytest.approx(np.abs(value).max(), rel=0.01)
