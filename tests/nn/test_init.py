"""First values: what each init says of their mean, spread and range, in layers, and on Tensors by PyTorch's names."""

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nn
from nn import init, layers
from nn.init import INITS, as_generator, first_values, init_linear
from tinygrad_edu import ShapeError, Tensor


def uneven(*shape: int) -> np.ndarray:
    """Fixed numbers without a symmetry that a swapped or transposed value would keep."""
    return 1 + (7919 * np.arange(np.prod(shape, dtype=int)) % 13).reshape(shape) / 8


# ---- by name, in layers ----------------------------------------------------------------------------------

N_IN, N_OUT = 400, 300  # 120,000 weights
SPREAD = {  # standard deviation of weights and of biases
    "standard_normal": (1.0, 1.0),
    "scaled_normal": (1 / math.sqrt(N_IN), 1.0),
    "uniform": (1 / math.sqrt(3 * N_IN), 1 / math.sqrt(3 * N_IN)),
    "zeros": (0.0, 0.0),
    "xavier_uniform": (math.sqrt(2 / (N_IN + N_OUT)), 0.0),
    "xavier_normal": (math.sqrt(2 / (N_IN + N_OUT)), 0.0),
    "kaiming_uniform": (math.sqrt(2 / N_IN), 0.0),
    "kaiming_normal": (math.sqrt(2 / N_IN), 0.0),
    "orthogonal": (1 / math.sqrt(N_IN), 0.0),
}


def test_every_init_is_named_after_what_it_does():
    assert list(INITS) == list(SPREAD)


@pytest.mark.parametrize("name", SPREAD)
def test_first_values_have_the_mean_and_spread_of_their_init(name):
    """Within 4 standard errors: of the mean sd/sqrt(n), of the deviation at most sd/sqrt(2n)."""
    for values, sd in zip(init_linear(name, N_OUT, N_IN, 20180101), SPREAD[name], strict=True):
        n = values.size
        assert abs(values.mean()) <= 4 * sd / math.sqrt(n)
        assert abs(values.std() - sd) <= 4 * sd / math.sqrt(2 * n)


@pytest.mark.parametrize("name", SPREAD)
def test_first_values_have_the_shapes_of_weight_and_bias(name):
    w, b = init_linear(name, 3, 5, 0)
    assert (w.shape, b.shape) == ((3, 5), (3,))


@pytest.mark.parametrize("name", ["standard_normal", "scaled_normal"])
def test_normal_values_have_normal_tails_and_uniform_ones_end_at_their_bound(name):
    w, _ = init_linear(name, N_OUT, N_IN, 3)
    beyond_two = np.mean(np.abs(w) > 2 * SPREAD[name][0])
    assert abs(beyond_two - 0.0455) < 4 * math.sqrt(0.0455 * 0.9545 / w.size)
    w, b = init_linear("uniform", N_OUT, N_IN, 3)
    bound = 1 / math.sqrt(N_IN)
    assert 0.9999 * bound < np.abs(w).max() <= bound
    assert 0.95 * bound < np.abs(b).max() <= bound


def test_layers_start_from_the_init_that_they_name():
    for name in INITS:
        layer = nn.Linear(5, 3, init=name, rng=4, dtype=np.float64)
        w, b = init_linear(name, 3, 5, 4)
        assert_array_equal(layer.weight.data, w)
        assert_array_equal(layer.bias.data, b)
    assert nn.Linear(5, 3, rng=4).weight.tolist() == nn.Linear(5, 3, init="uniform", rng=4).weight.tolist()
    assert nn.MLP([5, 3], rng=4)[0].weight.tolist() == nn.MLP([5, 3], init="standard_normal", rng=4)[0].weight.tolist()


def test_every_layer_of_a_net_gets_its_own_draws():
    net = nn.MLP([3, 3, 3], rng=0)
    assert net[0].weight.tolist() != net[2].weight.tolist()
    assert net[0].bias.tolist() != net[2].bias.tolist()


@pytest.mark.parametrize("name", [name for name in INITS if SPREAD[name][1]])
def test_same_seed_same_parameters_and_another_seed_others(name):
    def values(rng):
        return {k: v.tobytes() for k, v in nn.MLP([4, 3, 2], init=name, rng=rng).state_dict().items()}

    assert values(11) == values(11) == values(np.random.default_rng(11))
    assert not values(11).items() & values(12).items()
    assert not values(None).items() & values(None).items()


def test_a_generator_is_drawn_on_and_not_copied():
    rng = np.random.default_rng(0)
    assert as_generator(rng) is rng
    first, second = nn.Linear(3, 2, rng=rng), nn.Linear(3, 2, rng=rng)
    assert first.weight.tolist() != second.weight.tolist()


def test_e12_numpys_global_generator_is_not_touched():
    def state():
        kind, keys, *rest = np.random.get_state()  # noqa: NPY002
        return kind, keys.tobytes(), *rest

    before = state()
    for rng in (None, 3):
        net = nn.MLP([4, 3, 2], rng=rng)
        x = np.zeros((6, 4), np.float32)
        examples = nn.Examples(x, nn.data.one_hot([0, 1] * 3, 2), np.array([0, 1] * 3))
        nn.fit(net, nn.QuadraticCost(), nn.optim.SGD(net.parameters(), 0.1), examples, 2, 2, rng=rng, progress=False)
    assert state() == before


def test_equal_first_values_stay_equal_for_ever():
    """init="zeros": every hidden neuron has the same gradient, so learning never tells them apart."""
    net = nn.MLP([3, 4, 2], init="zeros", rng=0, dtype=np.float64)
    optimizer = nn.optim.SGD(net.parameters(), 1.0)
    for _ in range(5):
        nn.train_step(net, nn.QuadraticCost(), optimizer, uneven(3, 3), uneven(3, 2) / 4)
    w = net[0].weight.data
    assert np.abs(w).max() > 1e-3
    assert_allclose(w, np.broadcast_to(w[0], w.shape), rtol=1e-14)


# ---- a window of inputs, rotations, functions ------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in INITS if name not in ("standard_normal", "zeros")])
def test_a_convolutions_neuron_has_a_window_of_inputs_from_each_channel(name):
    """fan_in is C_in kh kw, so that z of a convolution is as large as z of a linear layer with as many inputs."""
    out, channels, kh, kw = 300, 20, 4, 5
    w, b = first_values(name, (out, channels, kh, kw), True, 7)
    assert (w.shape, b.shape) == ((out, channels, kh, kw), (out,))
    fan_in, fan_out = channels * kh * kw, out * kh * kw
    sd = math.sqrt(2 / (fan_in + fan_out)) if "xavier" in name else SPREAD[name][0]  # N_IN is 400, too
    assert fan_in == N_IN
    assert abs(w.std() / sd - 1) < 4 / math.sqrt(2 * w.size)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (5, 5), (4, 2, 3)])
def test_orthogonal_rows_or_columns_are_at_right_angles(shape):
    w = init.orthogonal_(Tensor(np.zeros(shape)), gain=2.0, rng=0).data.reshape(shape[0], -1)
    product = w @ w.T if len(w) <= w.shape[1] else w.T @ w
    assert_allclose(product, 4 * np.eye(len(product)), atol=1e-13)


def test_orthogonal_prefers_no_direction():
    """The mean of many rotations is 0, and that of the squares 1/n: the signs of a QR are not left in."""
    draws = np.array([init.orthogonal_(Tensor(np.zeros((3, 3))), rng=seed).data for seed in range(2000)])
    assert np.abs(draws.mean(axis=0)).max() < 4 / math.sqrt(3 * 2000)
    assert_allclose((draws**2).mean(axis=0), 1 / 3, atol=0.03)


FUNCTIONS = ["uniform_", "normal_", "xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_"]


@pytest.mark.parametrize("name", [*FUNCTIONS, "orthogonal_"])
def test_a_function_gives_the_tensor_itself_new_values_from_its_seed(name):
    t = Tensor(np.zeros((4, 3), np.float32), requires_grad=True)
    f = getattr(init, name)
    assert f(t, rng=3) is t
    first = t.data.tobytes()
    assert (t.dtype, t.requires_grad, t.op) == (np.float32, True, None)
    assert f(t, rng=3).data.tobytes() == first
    assert f(t, rng=4).data.tobytes() != first


def test_constants():
    t = Tensor(np.zeros((2, 2), np.float32))
    assert init.constant_(t, 0.5).tolist() == [[0.5, 0.5]] * 2
    assert init.ones_(t).tolist() == [[1.0, 1.0]] * 2
    assert init.zeros_(t).tolist() == [[0.0, 0.0]] * 2


@pytest.mark.parametrize(
    ("make", "shapes"),
    [
        (lambda f: layers.Linear(3, 2, init=f), {"weight": (2, 3), "bias": (2,)}),
        (lambda f: layers.Conv2d(4, 6, (3, 2), groups=2, bias=False, init=f), {"weight": (6, 2, 3, 2)}),
        (lambda f: layers.Embedding(3, 2, init=f), {"weight": (3, 2)}),
        (lambda f: layers.LayerNorm(3, init=f), {"weight": (3,), "bias": (3,)}),
        (lambda f: layers.LSTM(3, 2, bias=False, init=f), {"weight_ih_l0": (8, 3), "weight_hh_l0": (8, 2)}),
        (
            lambda f: layers.MultiheadAttention(2, 1, init=f),
            {"in_proj_weight": (6, 2), "in_proj_bias": (6,), "out_proj.weight": (2, 2), "out_proj.bias": (2,)},
        ),
    ],
)
def test_a_function_can_be_the_init_and_is_asked_for_each_parameter(make, shapes):
    asked = {}

    def given(name, shape):
        asked[name] = shape
        return np.full(shape, 0.25)

    layer = make(given)
    assert asked == {name: p.shape for name, p in layer.named_parameters()} == shapes
    assert all((p.data == 0.25).all() for p in layer.parameters())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: init.xavier_uniform_(Tensor(np.zeros(3))), ShapeError, ["(3,)", "two axes|too few axes"]),
        (lambda: init.orthogonal_(Tensor(np.zeros(3))), ShapeError, ["(3,)"]),
        (lambda: init.kaiming_normal_(Tensor(np.zeros((3, 2))), mode="both"), ValueError, ["'both'", "fan_in"]),
        (lambda: init.kaiming_normal_(Tensor(np.zeros((3, 2))), nonlinearity="cos"), ValueError, ["'cos'", "relu"]),
        (lambda: layers.Conv2d(3, 2, 3, init="he"), ValueError, ["'he'", *INITS]),
    ],
)
def test_wrong_calls_say_what_was_given_and_what_there_is(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert any(w in str(caught.value) for w in word.split("|"))
