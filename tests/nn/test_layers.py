"""Layers: the lecture's equations entry by entry, its numbering, what training changes, files, and gradients."""

import copy
import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import nn
from nn import layers
from nn.init import INITS
from tinygrad_edu import DataError, DtypeError, ShapeError, Tensor, assert_gradients, no_grad


def uneven(*shape: int) -> np.ndarray:
    """Fixed numbers without a symmetry that a swapped or transposed value would keep."""
    return 1 + (7919 * np.arange(np.prod(shape, dtype=int)) % 13).reshape(shape) / 8


def by_loop(layer: nn.Linear, x: np.ndarray) -> np.ndarray:
    """z_i = b_i + sum_j w_ij x_j for one example, in Python floats."""
    w, b = layer.weight.tolist(), layer.bias.tolist() if layer.bias is not None else [0.0] * layer.weight.shape[0]
    return np.array([b[i] + math.fsum(w[i][j] * float(x[j]) for j in range(len(x))) for i in range(len(b))])


# ---- Linear ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (1, 4), (5, 4), (2, 3, 4), (0, 4)])
def test_linear_is_the_lectures_weighted_input_entry_by_entry(shape, bias):
    layer = nn.Linear(4, 3, bias=bias, rng=5, dtype=np.float64)
    x = uneven(*shape)
    z = layer(Tensor(x)).data
    assert z.shape == (*shape[:-1], 3)
    for place in np.ndindex(*shape[:-1]):
        assert_allclose(z[place], by_loop(layer, x[place]), rtol=1e-15)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (5, 4), (2, 3, 4)])
def test_linears_derivatives_are_the_sums_over_all_examples(shape, bias):
    """C = sum g z gives dC/dw_ij = sum_x g_i x_j, dC/db_i = sum_x g_i, dC/dx_j = sum_i g_i w_ij."""
    layer = nn.Linear(4, 3, bias=bias, rng=5, dtype=np.float64)
    x = Tensor(uneven(*shape), requires_grad=True)
    g = uneven(*shape[:-1], 3)[..., ::-1] - 2
    (layer(x) * g).sum().backward()
    rows, gs = x.data.reshape(-1, 4), g.reshape(-1, 3)
    w = layer.weight.data
    for i in range(3):
        for j in range(4):
            expected = math.fsum(gs[n, i] * rows[n, j] for n in range(len(rows)))
            assert_allclose(layer.weight.grad.data[i, j], expected, rtol=1e-14)
        if bias:
            assert_allclose(layer.bias.grad.data[i], math.fsum(gs[:, i]), rtol=1e-14)
    for n, j in np.ndindex(*rows.shape):
        expected = math.fsum(gs[n, i] * w[i, j] for i in range(3))
        assert_allclose(x.grad.data.reshape(-1, 4)[n, j], expected, rtol=1e-13)


def test_weight_ij_leads_from_neuron_j_to_neuron_i():
    layer = nn.Linear(3, 2, rng=0, dtype=np.float64)
    assert layer.weight.shape == (2, 3)
    assert layer.bias.shape == (2,)
    layer.load_state_dict({"weight": [[0, 0, 7], [0, 0, 0]], "bias": [0.5, 0.25]})  # only w_02 is there
    assert layer(Tensor([1.0, 1.0, 2.0])).tolist() == [14.5, 0.25]


def test_linear_without_bias_has_one_parameter_and_says_so():
    layer = nn.Linear(3, 2, bias=False, rng=0)
    assert layer.bias is None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert repr(layer) == "Linear(3, 2, bias=False)"
    assert layer.config() == {"type": "Linear", "in_features": 3, "out_features": 2, "bias": False}


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu"])
def test_float32_stays_float32_forward_and_backward(activation, bias):
    net = nn.Sequential(nn.Linear(4, 3, bias=bias, rng=0), nn.layers.ACTIVATIONS[activation]())
    x = Tensor(uneven(5, 4).astype(np.float32), requires_grad=True)
    a = net(x)
    (a * uneven(5, 3).astype(np.float32)).sum().backward()
    assert a.dtype == np.float32
    assert [t.dtype for t in net.parameters()] == [np.float32] * (1 + bias)
    assert [t.grad.dtype for t in [x, *net.parameters()]] == [np.float32] * (2 + bias)


def test_layers_are_float32_unless_told_otherwise():
    assert {p.dtype for p in nn.MLP([3, 2, 1], rng=0).parameters()} == {np.dtype(np.float32)}
    assert {p.dtype for p in nn.MLP([3, 2, 1], rng=0, dtype=np.float64).parameters()} == {np.dtype(np.float64)}


@pytest.mark.parametrize("given", [list, np.array, Tensor], ids=["list", "array", "Tensor"])
@pytest.mark.parametrize(
    "net",
    [
        nn.Linear(2, 2, rng=0),
        nn.Linear(2, 2, bias=False, rng=0),
        nn.Sigmoid(),
        nn.Sequential(nn.Tanh(), nn.Linear(2, 2, rng=0)),
        nn.MLP([2, 3, 2], rng=0),
    ],
    ids=["Linear", "Linear without bias", "Sigmoid", "activation first", "MLP"],
)
def test_lists_arrays_and_tensors_are_the_same_input(net, given):
    x = [[0.5, -1.25], [2.0, 0.125]]
    out = net(given(x))
    assert isinstance(out, Tensor)
    assert_array_equal(out.data, net(Tensor(x)).data)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3), ()])
def test_linear_given_another_number_of_inputs_names_both_shapes(shape, bias):
    with pytest.raises(ShapeError) as caught:
        nn.Linear(4, 2, bias=bias, rng=0)(Tensor(np.zeros(shape)))
    assert str(shape) in str(caught.value)
    assert "(2, 4)" in str(caught.value) or "(4, 2)" in str(caught.value)


@pytest.mark.parametrize(("n_in", "n_out"), [(0, 2), (2, 0), (-1, 2)])
def test_a_layer_without_neurons_is_an_error(n_in, n_out):
    with pytest.raises(ShapeError, match=f"in_features={n_in}, out_features={n_out}"):
        nn.Linear(n_in, n_out)


# ---- activations -----------------------------------------------------------------------------------------

Z = np.array([[-3.0, -0.5, 0.0], [0.25, 1.0, 30.0]])
ACTIVITIES = {
    nn.Sigmoid: (lambda z: 1 / (1 + math.exp(-z)), lambda z: 1 / (2 + math.exp(z) + math.exp(-z))),
    nn.Tanh: (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
    nn.ReLU: (lambda z: max(z, 0.0), lambda z: float(z > 0)),
}


@pytest.mark.parametrize("kind", ACTIVITIES, ids=lambda kind: kind.__name__)
def test_activation_and_its_slope_neuron_by_neuron(kind):
    f, slope = ACTIVITIES[kind]
    z = Tensor(Z, requires_grad=True)
    a = kind()(z)
    g = uneven(*Z.shape) - 1.5
    (a * g).sum().backward()
    assert_allclose(a.data, np.vectorize(f)(Z), rtol=1e-15)
    assert_allclose(z.grad.data, g * np.vectorize(slope)(Z), rtol=1e-12, atol=1e-16)


# ---- Sequential ------------------------------------------------------------------------------------------


def graph_roles(t: Tensor) -> list[tuple[str, int]]:
    """The roles of all that led to t, from the input to the output, each Tensor once."""
    seen, order = set(), []

    def visit(t: Tensor) -> None:
        if id(t) not in seen:
            seen.add(id(t))
            for x in t.inputs:
                if isinstance(x, Tensor):
                    visit(x)
            order.append(t.role)

    visit(t)
    return order


def test_layers_are_numbered_as_in_the_lecture():
    x = Tensor(uneven(1, 3))
    a = nn.MLP([3, 4, 2], rng=0)(x)
    assert graph_roles(a) == [
        *[("x", 1), ("w", 2), ("b", 2), ("z", 2), ("a", 2)],
        *[("w", 3), ("b", 3), ("z", 3), ("a", 3)],
    ]


def test_a_learners_own_name_and_role_of_the_input_stay():
    net = nn.MLP([2, 1], rng=0)
    named, given = Tensor(uneven(1, 2), name="picture"), Tensor(uneven(1, 2))
    given.role = ("a", 7)
    net(named)
    net(given)
    assert (named.name, named.role) == ("picture", None)
    assert given.role == ("a", 7)


def test_one_activation_object_used_twice_gets_both_numbers():
    act = nn.Sigmoid()
    a = nn.Sequential(nn.Linear(2, 3, rng=0), act, nn.Linear(3, 1, rng=0), act)(Tensor(uneven(1, 2)))
    assert [role for role in graph_roles(a) if role and role[0] == "a"] == [("a", 2), ("a", 3)]


def test_layers_in_a_sequential_in_a_sequential_are_counted_on():
    inner = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Sigmoid())
    a = nn.Sequential(inner, nn.Linear(3, 1, rng=0), nn.Sigmoid())(Tensor(uneven(1, 2)))
    assert [role for role in graph_roles(a) if role and role[0] == "z"] == [("z", 2), ("z", 3)]
    assert [role for role in graph_roles(a) if role and role[0] == "a"] == [("a", 2), ("a", 3)]


def test_layers_taken_into_another_net_leave_the_first_ones_numbers():
    net = nn.MLP([2, 3, 1], rng=0)
    before = graph_roles(net(Tensor(uneven(1, 2))))
    nn.Sequential(*net.layers[2:])(Tensor(uneven(1, 3)))
    assert graph_roles(net(Tensor(uneven(1, 2)))) == before


def test_sequential_runs_its_modules_in_order_and_is_a_sequence_of_them():
    modules = [nn.Linear(2, 3, rng=0, dtype=np.float64), nn.Tanh(), nn.Linear(3, 2, rng=1, dtype=np.float64)]
    net = nn.Sequential(*modules)
    x = Tensor(uneven(4, 2))
    assert_array_equal(net(x).data, modules[2](modules[1](modules[0](x))).data)
    assert len(net) == 3
    assert list(net) == modules
    assert (net[0], net[-1]) == (modules[0], modules[2])


def test_an_empty_sequential_gives_back_its_input():
    x = Tensor(uneven(2))
    assert nn.Sequential()(x) is x


@pytest.mark.parametrize("wrong", [[nn.Sigmoid()], nn.Sigmoid, "sigmoid", None], ids=["list", "class", "text", "None"])
def test_sequential_of_what_is_no_module_says_what_to_write(wrong):
    with pytest.raises(TypeError, match=r"nn\.Sigmoid\(\)"):
        nn.Sequential(nn.Linear(2, 2, rng=0), wrong)


# ---- MLP -------------------------------------------------------------------------------------------------


def kinds(net: nn.Sequential) -> list[str]:
    return [repr(m) for m in net]


def test_mlp_is_the_lectures_network():
    assert kinds(nn.MLP([784, 30, 10], rng=0)) == ["Linear(784, 30)", "Sigmoid()", "Linear(30, 10)", "Sigmoid()"]


def test_mlp_takes_the_activation_and_another_for_the_output():
    assert kinds(nn.MLP([4, 3, 2], "tanh", rng=0)) == ["Linear(4, 3)", "Tanh()", "Linear(3, 2)", "Tanh()"]
    assert kinds(nn.MLP([4, 3, 2], "relu", output="linear", rng=0)) == ["Linear(4, 3)", "ReLU()", "Linear(3, 2)"]
    assert kinds(nn.MLP([4, 2], "relu", output="tanh", rng=0)) == ["Linear(4, 2)", "Tanh()"]
    assert kinds(nn.MLP((4, 3, 2), "linear", rng=0)) == ["Linear(4, 3)", "Linear(3, 2)"]


def test_mlp_computes_the_lectures_activities_layer_by_layer():
    net = nn.MLP([3, 4, 2], rng=8, dtype=np.float64)
    x = uneven(3) - 1.5
    a = x
    for layer in net.layers[::2]:
        a = np.array([1 / (1 + math.exp(-z)) for z in by_loop(layer, a)])
    assert_allclose(net(Tensor(x)).data, a, rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nn.MLP([784]), ShapeError, ["[784]", "[784, 30, 10]"]),
        (lambda: nn.MLP([]), ShapeError, ["[]", "[784, 30, 10]"]),
        (lambda: nn.MLP([3, 0, 2]), ShapeError, ["out_features=0"]),
        (lambda: nn.MLP([3, 2], "sigmoyd"), ValueError, ["'sigmoyd'", "sigmoid", "tanh", "relu", "linear"]),
        (lambda: nn.MLP([3, 2], output="softmax"), ValueError, ["'softmax'", "linear"]),
        (lambda: nn.MLP([3, 2], init="normal"), ValueError, ["'normal'", *INITS]),
        (lambda: nn.Linear(3, 2, init=""), ValueError, ["''", *INITS]),
    ],
)
def test_wrong_settings_say_what_was_given_and_what_there_is(make, error, words):
    with pytest.raises(error) as caught:
        make()
    for word in words:
        assert word in str(caught.value)


def test_inside_no_grad_layers_compute_the_same_and_record_nothing():
    net = nn.MLP([3, 4, 2], rng=0)
    x = Tensor(uneven(2, 3).astype(np.float32))
    with no_grad():
        a = net(x)
    assert a.op is None
    assert not a.requires_grad
    assert a.data.tobytes() == net(x).data.tobytes()


# ---- all layers: how they were made, files, float32 ------------------------------------------------------

IMAGES, ROWS, SIGNALS, WORDS = (2, 4, 6, 6), (5, 4), (3, 4, 7), (3, 2)
EVERY = {  # a layer, and the shape of its input
    "Linear(4, 3)": (lambda: layers.Linear(4, 3), ROWS),
    "Linear(4, 3, bias=False)": (lambda: layers.Linear(4, 3, False), ROWS),
    "Conv1d(4, 2, 3, padding='same')": (lambda: layers.Conv1d(4, 2, 3, padding="same"), SIGNALS),
    "Conv2d(4, 6, (3, 2), stride=2, groups=2)": (lambda: layers.Conv2d(4, 6, [3, 2], 2, groups=2), IMAGES),
    "MaxPool1d(2, stride=2)": (lambda: layers.MaxPool1d(2), SIGNALS),
    "MaxPool2d((2, 3), stride=1, padding=1)": (lambda: layers.MaxPool2d((2, 3), 1, 1), IMAGES),
    "AvgPool1d(2, stride=2)": (lambda: layers.AvgPool1d(2), SIGNALS),
    "AvgPool2d(3, stride=3, count_include_pad=False)": (lambda: layers.AvgPool2d(3, count_include_pad=False), IMAGES),
    "Flatten()": (lambda: layers.Flatten(), IMAGES),
    "Flatten(start_dim=2)": (lambda: layers.Flatten(2), IMAGES),
    "Unflatten(1, (2, -1))": (lambda: layers.Unflatten(1, [2, -1]), ROWS),
    "Dropout(p=0.25)": (lambda: layers.Dropout(0.25), ROWS),
    "BatchNorm1d(4)": (lambda: layers.BatchNorm1d(4), SIGNALS),
    "BatchNorm2d(4, momentum=None)": (lambda: layers.BatchNorm2d(4, momentum=None), IMAGES),
    "BatchNorm1d(4, affine=False)": (lambda: layers.BatchNorm1d(4, affine=False), ROWS),
    "LayerNorm((6, 6), bias=False)": (lambda: layers.LayerNorm([6, 6], bias=False), IMAGES),
    "Embedding(7, 3, padding_idx=6)": (lambda: layers.Embedding(7, 3, -1), WORDS),
    "LSTM(4, 3, num_layers=2, bidirectional=True)": (lambda: layers.LSTM(4, 3, 2, bidirectional=True), ROWS),
    "MultiheadAttention(4, 2, batch_first=True)": (lambda: layers.MultiheadAttention(4, 2, batch_first=True), ROWS),
    **{
        repr(make()): (make, ROWS)
        for make in (
            *layers.ACTIVATIONS.values(),
            *(lambda: layers.LeakyReLU(0.2), lambda: layers.GELU("tanh"), lambda: layers.Softplus(2)),
            *(layers.Softmax, lambda: layers.LogSoftmax(0), layers.Identity),
        )
    },
}


def call(layer: nn.Module, x: np.ndarray) -> Tensor:
    """One Tensor from every layer, in use."""
    if isinstance(layer, layers.MultiheadAttention):
        return layer(x, x, x)[0]
    y = layer(x)
    return y[0] if isinstance(y, tuple) else y


def input_of(layer: nn.Module, shape: tuple[int, ...], dtype=np.float32) -> np.ndarray:
    x = uneven(*shape)
    return (x * 8).astype(int) % 7 if isinstance(layer, layers.Embedding) else (x - 1.6).astype(dtype)


def test_every_layer_is_here():
    made = {type(make()).__name__ for make, _ in EVERY.values()}
    assert made == set(layers.LAYERS)
    others = {"ACTIVATIONS", "LAYERS", "Activation", "Layer", "MLP", "ModuleList", "Residual", "Sequential", "rebuild"}
    assert set(layers.__all__) - made == others


@pytest.mark.parametrize("name", EVERY)
def test_repr_is_how_a_layer_was_made(name):
    make, _ = EVERY[name]
    assert repr(make()) == name
    again = eval(name, vars(layers))
    assert again.config() == make().config()


@pytest.mark.parametrize("name", EVERY)
def test_a_saved_layer_is_loaded_with_its_settings_values_and_buffers(tmp_path, name):
    pytest.importorskip("safetensors")
    make, shape = EVERY[name]
    net = nn.Sequential(layers.Residual(layers.Identity()), layers.ModuleList([make()]), make())
    x = input_of(net[2], shape)
    if not isinstance(net[2], layers.Dropout):
        call(net[2], x)  # in training: what a layer has seen is saved, too
    net.eval()
    loaded = nn.load(nn.save(tmp_path / "net", net)).eval()
    assert loaded.config() == net.config()
    assert {k: (v.dtype, v.tobytes()) for k, v in loaded.state_dict().items()} == {
        k: (v.dtype, v.tobytes()) for k, v in net.state_dict().items()
    }
    assert [p.requires_grad for _, p in loaded.named_tensors()] == [p.requires_grad for _, p in net.named_tensors()]
    assert call(loaded[2], x).data.tobytes() == call(net[2], x).data.tobytes()


@pytest.mark.parametrize("name", EVERY)
def test_a_copy_of_a_layer_computes_the_same_and_is_independent(name):
    make, shape = EVERY[name]
    layer = make()
    x = input_of(layer, shape)
    for copied in (copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))):
        twin = copied(layer)
        assert call(twin, x).data.tobytes() == call(layer, x).data.tobytes()  # Dropout: the same generator, copied
        mine = {id(t) for _, t in layer.named_tensors()}
        assert not mine & {id(t) for _, t in twin.named_tensors()}


@pytest.mark.parametrize("name", EVERY)
def test_every_layer_stays_in_float32(name):
    make, shape = EVERY[name]
    layer = make()
    x = Tensor(input_of(layer, shape))
    x.requires_grad = x.dtype.kind == "f"
    y = call(layer, x)
    (y * uneven(*y.shape).astype(np.float32)).sum().backward()
    waiting, seen = [y], set()
    while waiting:  # every number on the way, and not the ends alone
        t = waiting.pop()
        if isinstance(t, Tensor) and id(t) not in seen:
            seen.add(id(t))
            assert t.dtype != np.float64, t.op
            waiting += t.inputs
    assert {p.grad.dtype for p in [x, *layer.parameters()] if p.requires_grad} <= {np.dtype(np.float32)}


LIES = {
    "more channels than the file has": (layers.Conv2d(2, 2, 1), {"in_channels": 10**12}),
    "a kernel as large as the memory": (layers.Conv2d(2, 2, 1), {"kernel_size": 10**6}),
    "a kernel that is text": (layers.Conv2d(2, 2, 1), {"kernel_size": "1"}),
    "groups": (layers.Conv2d(2, 2, 1), {"groups": 2}),
    "more features": (layers.BatchNorm1d(2), {"num_features": 10**15}),
    "no memory": (layers.BatchNorm1d(2), {"track_running_stats": False}),
    "a probability that is none": (layers.Dropout(), {"p": float("nan")}),
    "more rows": (layers.Embedding(2, 2), {"num_embeddings": 10**15}),
    "another shape": (layers.LayerNorm(2), {"normalized_shape": [2, 10**9]}),
    "more layers": (layers.LSTM(2, 2), {"num_layers": 10**5}),
    "larger layers": (layers.LSTM(2, 2), {"hidden_size": 10**9}),
    "heads": (layers.MultiheadAttention(4, 2), {"num_heads": 3}),
    "a larger one": (layers.MultiheadAttention(4, 2), {"embed_dim": 10**9}),
    "a setting too few": (layers.Softmax(), {"dim": None}),
    "a setting too many": (layers.Softmax(), {"axis": 1}),
    "a pool that is empty": (layers.MaxPool2d(2), {"kernel_size": 0}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_config_that_lies_about_a_layer_is_an_error_before_memory_is_asked_for(lie):
    layer, wrong = LIES[lie]
    state = layer.state_dict()
    with pytest.raises((ValueError, TypeError, KeyError)):  # which nn.load makes a DataError of
        layers.rebuild({k: v for k, v in (layer.config() | wrong).items() if v is not None}, state).load_state_dict(
            state
        )


def test_a_learners_own_layer_is_not_saved_as_ours():
    class Linear2(layers.Linear):
        def forward(self, x):
            return 2 * super().forward(x)

    with pytest.raises(DataError, match="Linear2"):
        layers.rebuild(nn.Sequential(Linear2(2, 2)).config(), {})


# ---- numbers of layers on the way through layers without a symbol ----------------------------------------


def test_a_convolutional_net_is_numbered_through_pooling_norms_dropout_and_flatten():
    net = nn.Sequential(
        layers.Conv2d(1, 2, 3, rng=0),
        layers.BatchNorm2d(2),
        nn.ReLU(),
        layers.MaxPool2d(2),
        layers.Dropout(0.5, rng=0),
        layers.Flatten(),
        nn.Linear(8, 3, rng=0),
        nn.Sigmoid(),
    )
    for mode in (True, False):
        a = net.train(mode)(Tensor(uneven(2, 1, 6, 6), True, dtype=np.float32))
        found = [role for role in graph_roles(a) if role]
        assert [role for role in found if role[0] in "zawb"] == [
            *[("w", 2), ("b", 2), ("z", 2), ("a", 2), ("w", 3), ("b", 3), ("z", 3), ("a", 3)]
        ]
        assert {role for role in found if role[0] not in "zawb"} == {
            ("x", 1),
            ("n", 2),
            ("p", 2),
            ("f", 2),
            *([("d", 2)] if mode else []),
        }
        with no_grad():
            net(Tensor(uneven(2, 1, 6, 6).astype(np.float32)))
        assert (net[0].weight.role, net[6].weight.role) == (("w", 2), ("w", 3))


# ---- Dropout ---------------------------------------------------------------------------------------------


def test_e10_dropout_in_training_is_zero_or_scaled_and_the_gradient_has_the_same_mask():
    x = Tensor(np.ones((200, 50)), requires_grad=True)
    y = layers.Dropout(0.25, rng=0)(x)
    y.sum().backward()
    assert set(np.unique(y.data)) == {0.0, 1 / 0.75}
    assert_array_equal(x.grad.data, y.data)
    assert abs((y.data == 0).mean() - 0.25) < 4 * math.sqrt(0.25 * 0.75 / 10_000)


def test_e10_dropout_in_use_is_the_identity_and_draws_nothing():
    layer = layers.Dropout(0.5, rng=0)
    layer.eval()
    before = layer.rng.bit_generator.state
    x = Tensor(uneven(3, 4))
    assert layer(x) is x
    assert layer.rng.bit_generator.state == before
    layer.train()
    layer(x)
    assert layer.rng.bit_generator.state != before


def test_e10_nothing_dropped_draws_nothing_and_all_dropped_is_zero_without_nan():
    x = Tensor(np.array([1.0, -2.0, np.inf]), requires_grad=True)
    none = layers.Dropout(0.0, rng=0)
    before = none.rng.bit_generator.state
    assert_array_equal(none(x).data, x.data)
    assert none.rng.bit_generator.state == before
    y = layers.Dropout(1.0)(x)
    y.sum().backward()
    assert y.tolist() == x.grad.tolist() == [0.0, 0.0, 0.0]


def test_e10_dropout_follows_its_seed_and_not_numpys():
    x = Tensor(np.ones(100))
    one, other = layers.Dropout(rng=3), layers.Dropout(rng=3)
    first = one(x)
    assert_array_equal(first.data, other(x).data)
    assert (one(x).data != first.data).any()
    assert (layers.Dropout(rng=4)(x).data != first.data).any()


def test_e8_a_look_at_the_outputs_that_fails_leaves_every_layer_in_training():
    net = nn.Sequential(layers.BatchNorm1d(2), layers.Dropout(0.5), nn.Linear(2, 1))
    net[2].eval()
    with pytest.raises(ShapeError):
        nn.predict(net, np.zeros((3, 5), np.float32))
    assert [m.training for m in net] == [True, True, False]


# ---- normalization ---------------------------------------------------------------------------------------


def test_e13_batchnorm_makes_mean_0_and_variance_1_and_remembers_both():
    layer = layers.BatchNorm1d(3, dtype=np.float64)
    x = uneven(8, 3) ** 2
    y = layer(x).data
    assert_allclose(y.mean(axis=0), 0, atol=1e-14)
    assert_allclose(y.var(axis=0), 1, rtol=1e-4)  # eps
    assert_allclose(layer.running_mean.data, 0.1 * x.mean(axis=0), rtol=1e-14)
    assert_allclose(layer.running_var.data, 0.9 + 0.1 * x.var(axis=0, ddof=1), rtol=1e-14)  # the unbiased one
    assert layer.num_batches_tracked.item() == 1


def test_e13_in_use_the_memory_is_used_and_frozen_and_each_example_stands_alone():
    layer = layers.BatchNorm1d(3, dtype=np.float64)
    for seed in range(3):
        layer(np.random.default_rng(seed).standard_normal((6, 3)) * [1, 2, 3])
    layer.eval()
    before = {k: v.tobytes() for k, v in layer.state_dict().items()}
    x = uneven(4, 3)
    whole = layer(x).data
    expected = (x - layer.running_mean.data) / np.sqrt(layer.running_var.data + 1e-5)
    assert_allclose(whole, expected, rtol=1e-14)
    assert_array_equal(np.concatenate([layer(x[i : i + 1]).data for i in range(4)]), whole)
    assert {k: v.tobytes() for k, v in layer.state_dict().items()} == before


def test_e13_one_number_a_channel_has_no_variance_in_training():
    for layer, shape in ((layers.BatchNorm1d(3), (1, 3)), (layers.BatchNorm2d(3), (1, 3, 1, 1))):
        with pytest.raises(ShapeError, match=r"net\.eval\(\)"):
            layer(np.ones(shape, np.float32))
        assert layer.num_batches_tracked.item() == 0
        assert layer.eval()(np.ones(shape, np.float32)).shape == shape


def test_e13_all_three_gradients_of_batchnorm():
    g, b = uneven(3) - 1, uneven(3) / 2
    seed = uneven(4, 3)[::-1] - 1.3

    def f(x, gamma, beta):
        layer = layers.BatchNorm1d(3, dtype=np.float64)
        layer.weight, layer.bias = gamma, beta
        return (layer(x) * seed).sum()

    assert_gradients(f, uneven(4, 3), g, b)


def test_running_statistics_are_buffers_and_no_parameters():
    net = nn.Sequential(nn.Linear(2, 3), layers.BatchNorm1d(3))
    assert [name for name, _ in net.named_parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    buffers = ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert [name for name, _ in net.named_buffers()] == buffers
    assert [t is b for t, (_, b) in zip(net.buffers(), net.named_buffers(), strict=True)] == [True] * 3
    assert set(buffers) < set(net.state_dict())


# ---- gradients by differences, and layers by hand --------------------------------------------------------


def test_gradients_of_attention_lstm_and_convolution_by_the_complex_step_or_differences():
    x = uneven(2, 3, 4) - 1.5
    attention = layers.MultiheadAttention(4, 2, rng=0, dtype=np.float64)
    lstm = layers.LSTM(4, 3, 2, rng=0, dtype=np.float64)
    conv = layers.Conv1d(3, 2, 2, rng=0, dtype=np.float64)
    norm = layers.LayerNorm(4, dtype=np.float64)
    for f in (lambda t: attention(t, t, t)[0], lambda t: lstm(t)[0], conv, norm):
        assert_gradients(lambda t, f=f: (f(t) * uneven(*f(t).shape)).sum(), x)


def test_an_lstm_step_by_hand():
    """One cell, one number: sigma(f) c + sigma(i) tanh(g), and sigma(o) tanh(c)."""
    lstm = layers.LSTM(1, 1, dtype=np.float64)
    w, u = [0.5, -0.25, 1.0, 2.0], [0.1, 0.2, 0.3, 0.4]
    b = [0.3, -0.2, 0.1, -0.1]
    state = {"weight_ih_l0": np.c_[w], "weight_hh_l0": np.c_[u], "bias_ih_l0": b, "bias_hh_l0": np.zeros(4)}
    lstm.load_state_dict(state)
    h = c = 0.0
    for x in (0.7, -1.5):
        i, f, g, o = (w[k] * x + u[k] * h + b[k] for k in range(4))
        s = [1 / (1 + math.exp(-z)) for z in (i, f, o)]
        c = s[1] * c + s[0] * math.tanh(g)
        h = s[2] * math.tanh(c)
    output, (hn, cn) = lstm([[0.7], [-1.5]])
    assert_allclose([output.data[1, 0], hn.item(), cn.item()], [h, h, c], rtol=1e-14)


def test_dropout_between_the_layers_of_an_lstm_is_in_training_alone():
    lstm, x = layers.LSTM(3, 4, 2, dropout=0.5, rng=0), uneven(5, 2, 3).astype(np.float32)
    assert (lstm(x)[0].data != lstm(x)[0].data).any()
    lstm.eval()
    assert_array_equal(lstm(x)[0].data, lstm(x)[0].data)
    all_dropped, alone = layers.LSTM(3, 4, 2, dropout=1.0, rng=0), layers.LSTM(3, 4, dropout=1.0, rng=0)
    assert (all_dropped(x)[0].data != 0).all()  # never in what comes out of the last layer
    assert (alone(x)[0].data != 0).all()


def test_attention_that_is_causal_does_not_see_what_comes_later():
    layer = layers.MultiheadAttention(4, 2, batch_first=True, rng=0, dtype=np.float64)
    x = uneven(1, 5, 4) - 1.5
    y, weights = layer(x, x, x, is_causal=True)
    assert_array_equal(np.triu(weights.data[0], 1), 0)
    later = x.copy()
    later[0, 3:] += 1
    z, _ = layer(later, later, later, is_causal=True)
    assert_array_equal(z.data[0, :3], y.data[0, :3])
    assert (z.data[0, 3:] != y.data[0, 3:]).any()


def test_residual_adds_what_goes_in():
    layer = nn.Linear(3, 3, rng=0, dtype=np.float64)
    x = uneven(2, 3)
    assert_array_equal(layers.Residual(layer)(x).data, x + layer(x).data)
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(2, 2\)"):
        layers.Residual(nn.Linear(3, 2))(uneven(2, 3).astype(np.float32))


def test_a_module_list_is_named_by_places_and_has_no_forward():
    class Twice(nn.Module):
        def __init__(self) -> None:
            self.parts = layers.ModuleList([nn.Linear(2, 2, rng=0)]).append(nn.Linear(2, 2, rng=1))

        def forward(self, x):
            for part in self.parts:
                x = part(x)
            return x

    net = Twice()
    assert list(net.state_dict()) == ["parts.0.weight", "parts.0.bias", "parts.1.weight", "parts.1.bias"]
    assert len(net.parts) == 2
    assert isinstance(net.parts[:1], layers.ModuleList)
    assert net(np.zeros((1, 2), np.float32)).shape == (1, 2)
    with pytest.raises(TypeError, match="forward"):
        net.parts(1)


def test_a_slice_of_a_sequential_is_one():
    net = nn.MLP([3, 4, 2], rng=0)
    head = net[:-1]
    assert type(head) is nn.Sequential
    assert list(head) == net.layers[:-1]


# ---- Embedding, and tied weights -------------------------------------------------------------------------


def test_a_row_that_is_picked_twice_gets_both_gradients_and_the_padding_none():
    layer = layers.Embedding(4, 2, padding_idx=0, rng=0, dtype=np.float64)
    assert layer.weight.data[0].tolist() == [0.0, 0.0]
    g = uneven(2, 3, 2)
    (layer([[1, 3, 0], [1, 1, 0]]) * g).sum().backward()
    assert_allclose(layer.weight.grad.data, [[0, 0], g[0, 0] + g[1, 0] + g[1, 1], [0, 0], g[0, 1]], rtol=1e-15)


@pytest.mark.parametrize(("x", "error"), [([0, 4], IndexError), ([-1], IndexError), ([0.0], DtypeError)])
def test_an_index_that_names_no_row_is_an_error(x, error):
    with pytest.raises(error):
        layers.Embedding(4, 2)(x)


def test_d18_a_tied_embedding_is_one_parameter_steps_once_and_stays_tied(tmp_path):
    """The table that reads the words also writes them: Linear(d, n) has the shape of Embedding(n, d)."""
    pytest.importorskip("safetensors")
    net = nn.Sequential(layers.Embedding(5, 3, rng=0), nn.Tanh(), nn.Linear(3, 5, bias=False, rng=1))
    net[2].weight = net[0].weight
    assert len(net.parameters()) == 1
    assert list(net.state_dict()) == ["0.weight", "2.weight"]
    before = net[0].weight.data
    (net([1, 2]) * uneven(2, 5).astype(np.float32)).sum().backward()
    gradient = net[0].weight.grad.data
    nn.optim.SGD(net.parameters(), 0.5).step()
    assert_allclose(net[0].weight.data, before - np.float32(0.5) * gradient, rtol=1e-6)
    for twin in (copy.deepcopy(net), nn.load(nn.save(tmp_path / "net", net))):
        assert twin[0].weight is twin[2].weight
        assert twin[0].weight is not net[0].weight
        assert_array_equal(twin[2].weight.data, net[2].weight.data)


def test_d18_a_tie_inside_a_residual_survives_the_file(tmp_path):
    pytest.importorskip("safetensors")
    net = nn.Sequential(layers.Residual(nn.Sequential(nn.Linear(3, 3))), nn.Linear(3, 3))
    net[1].weight = net[0].module[0].weight
    loaded = nn.load(nn.save(tmp_path / "net", net))
    assert loaded[1].weight is loaded[0].module[0].weight
    assert loaded[1].bias is not loaded[0].module[0].bias


# ---- wrong inputs and settings ---------------------------------------------------------------------------

WRONG = {
    "rows into a convolution": (lambda: layers.Conv2d(1, 2, 3)(np.zeros((5, 784))), ["(5, 784)", "reshape"]),
    "channels last": (lambda: layers.Conv2d(3, 2, 3)(np.zeros((2, 9, 9, 3))), ["transpose(0, 3, 1, 2)"]),
    "kernel": (lambda: layers.Conv2d(3, 2, 0), ["kernel_size=0"]),
    "kernel of three": (lambda: layers.Conv2d(3, 2, (1, 2, 3)), ["(1, 2, 3)"]),
    "groups": (lambda: layers.Conv2d(4, 6, 3, groups=4), ["groups=4", "as 2"]),
    "batchnorm": (lambda: layers.BatchNorm2d(3)(np.zeros((2, 4, 5, 5))), ["(N, 3, H, W)", "(2, 4, 5, 5)"]),
    "layernorm": (lambda: layers.LayerNorm(3)(np.zeros((2, 4))), ["(3,)", "(2, 4)"]),
    "lstm": (lambda: layers.LSTM(3, 2)(np.zeros((5, 2, 4))), ["(L, N, input_size)", "(5, 2, 4)"]),
    "lstm state": (lambda: layers.LSTM(3, 2)(np.zeros((5, 2, 3)), (np.zeros((1, 2)),) * 2), ["(1, 2, 2)", "(1, 2)"]),
    "heads": (lambda: layers.MultiheadAttention(6, 4), ["num_heads=4", "embed_dim=6"]),
    "keys": (lambda: layers.MultiheadAttention(4, 2)(*[np.zeros(s) for s in ((2, 4), (3, 5), (3, 5))]), ["(3, 5)"]),
    "mask": (
        lambda: layers.MultiheadAttention(4, 2)(*[np.zeros((3, 4))] * 3, attn_mask=np.zeros((2, 2))),
        ["attn_mask", "(3, 3)", "(2, 2)"],
    ),
    "nothing to look at": (
        lambda: layers.MultiheadAttention(4, 2)(*[np.ones((2, 4))] * 3, attn_mask=np.eye(2, 2) < 2),
        ["nothing to look at", "all True"],
    ),
    "dropout": (lambda: layers.Dropout(1.5), ["p=1.5", "between 0 and 1"]),
    "dropout NaN": (lambda: layers.Dropout(math.nan), ["p=nan"]),
    "padding_idx": (lambda: layers.Embedding(4, 2, 4), ["padding_idx=4", "0 … 3"]),
    "unflatten": (lambda: layers.Unflatten(1, (1, 3, 3))(np.zeros((2, 8))), ["9 numbers", "(2, 8)"]),
    "unflatten axis": (lambda: layers.Unflatten(2, (1, 3, 3))(np.zeros((2, 9))), ["axis 2", "(2, 9)"]),
    "flatten": (lambda: layers.Flatten()(np.zeros(3)), ["(3,)", "x[None]"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_input_or_setting_says_what_was_given_and_what_is_needed(case):
    make, words = WRONG[case]
    with pytest.raises(ValueError, match=r"\S") as caught:
        make()
    for word in words:
        assert word in str(caught.value)
