"""Module: what it holds, under which names, and how its values come and go."""

import copy
import pickle
import re

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import nn
from nn.module import Module
from tinygrad_edu import DataError, Tensor


def uneven(*shape: int) -> np.ndarray:
    """Fixed numbers without a symmetry that a swapped or transposed value would keep."""
    return 1 + (7919 * np.arange(np.prod(shape, dtype=int)) % 13).reshape(shape) / 8


def bytes_of(net: Module) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in net.state_dict().items()}


class Tied(Module):
    """Two layers that share one weight, and have a bias each."""

    def __init__(self) -> None:
        self.first = nn.Linear(3, 3, rng=1, dtype=np.float64)
        self.second = nn.Linear(3, 3, rng=2, dtype=np.float64)
        self.second.weight = self.first.weight

    def forward(self, x):
        return self.second(self.first(x).tanh())


class Scaled(Module):
    """A module that holds a Tensor of its own, one that is not learned, and no Module."""

    def __init__(self) -> None:
        self.gain = Tensor([1.0, 2.0], requires_grad=True)
        self.shift = Tensor([0.5, 0.25])

    def forward(self, x):
        return x * self.gain + self.shift


class Branches(Module):
    """Modules in a list, a tuple, a dict and lists inside them, beside what is no module."""

    def __init__(self) -> None:
        self.layers = [nn.Linear(2, 3, rng=1), nn.Sigmoid(), nn.Linear(3, 2, bias=False, rng=2)]
        self.heads = {"up": nn.Linear(2, 1, rng=3), "down": [Scaled(), nn.Linear(2, 1, bias=False, rng=4)]}
        self.pair = (Tensor(1.0, requires_grad=True), "text", None, 3)
        self.note = "no module"


# ---- names -----------------------------------------------------------------------------------------------


def test_parameters_have_pytorchs_names_in_the_order_of_the_layers():
    names = [name for name, _ in nn.MLP([4, 3, 2], rng=0).named_parameters()]
    assert names == ["0.weight", "0.bias", "2.weight", "2.bias"]


def test_nested_modules_are_named_by_their_path():
    inner = nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh())
    net = nn.Sequential(inner, nn.Sequential(nn.Sequential(nn.Linear(2, 1, bias=False, rng=0))))
    assert [name for name, _ in net.named_parameters()] == ["0.0.weight", "0.0.bias", "1.0.0.weight"]


def test_modules_in_lists_tuples_and_dicts_are_found_under_their_places_and_keys():
    net = Branches()
    found = dict(net.named_parameters())
    assert list(found) == [
        *("layers.0.weight", "layers.0.bias", "layers.2.weight"),
        *("heads.up.weight", "heads.up.bias", "heads.down.0.gain", "heads.down.1.weight"),
        "pair.0",
    ]
    assert found["heads.down.1.weight"] is net.heads["down"][1].weight
    assert [t is p for t, p in zip(net.parameters(), found.values(), strict=True)] == [True] * len(found)


def test_what_is_not_learned_is_in_the_state_but_no_parameter():
    net = Scaled()
    assert [name for name, _ in net.named_parameters()] == ["gain"]
    assert list(net.state_dict()) == ["gain", "shift"]


def test_modules_yields_itself_then_each_module_once_in_order():
    shared = nn.Sigmoid()
    first, second = nn.Linear(2, 2, rng=0), nn.Linear(2, 2, rng=0)
    net = nn.Sequential(first, shared, nn.Sequential(second, shared))
    expected = [net, first, shared, net[2], second]
    found = list(net.modules())
    assert len(found) == len(expected)
    assert all(m is e for m, e in zip(found, expected, strict=True))


def test_tied_weight_is_one_parameter_with_two_names_in_the_state():
    net = Tied()
    assert [name for name, _ in net.named_parameters()] == ["first.weight", "first.bias", "second.bias"]
    assert len(net.parameters()) == 3
    assert list(net.state_dict()) == ["first.weight", "first.bias", "second.weight", "second.bias"]


def test_an_activity_that_a_module_remembers_is_no_parameter_of_it():
    """self.z = …, to look at it later: a computed Tensor can be neither learned nor loaded."""

    class Remembers(Module):
        def __init__(self) -> None:
            self.linear = nn.Linear(2, 2, rng=0)
            self.z = None

        def forward(self, x):
            self.z = self.linear(x)
            return self.z

    net = Remembers()
    state = net.state_dict()
    net(Tensor(uneven(1, 2)))
    assert [name for name, _ in net.named_parameters()] == ["linear.weight", "linear.bias"]
    net.load_state_dict(state)
    nn.optim.SGD(net.parameters(), lr=0.1)


def test_a_module_that_does_not_say_what_it_computes_is_a_teaching_error():
    with pytest.raises(TypeError, match=r"define forward\(self, x\)"):
        Module()(1)


def test_a_module_that_does_not_say_how_it_was_made_is_a_teaching_error():
    with pytest.raises(TypeError, match=r"Scaled .* define config\(self\)"):
        Scaled().config()


def test_a_call_passes_on_settings_by_name():
    class Powers(Module):
        def forward(self, x, *, power=2):
            return x**power

    assert Powers()(Tensor(3.0), power=3).item() == 27
    assert Powers()(Tensor(3.0)).item() == 9


def test_buffers_are_what_is_kept_and_not_learned_each_once():
    net = nn.Sequential(Scaled(), Scaled())
    net[1].shift = net[0].shift
    assert [name for name, _ in net.named_buffers()] == ["0.shift"]
    assert net.buffers()[0] is net[0].shift
    net[0].gain.requires_grad = False  # frozen
    assert [name for name, _ in net.named_buffers()] == ["0.gain", "0.shift"]


# ---- training or not, zero_grad --------------------------------------------------------------------------


def test_train_and_eval_reach_every_module_and_give_the_module_back():
    net = nn.Sequential(nn.Linear(2, 2, rng=0), nn.Sequential(nn.Sigmoid()), Branches())
    everything = list(net.modules())
    assert len(everything) == 11
    assert all(m.training for m in everything)
    assert net.eval() is net
    assert not any(m.training for m in everything)
    net.train(False)
    assert not any(m.training for m in everything)
    assert net.train() is net
    assert all(m.training for m in everything)


def test_eval_of_one_network_leaves_another_in_training():
    one, other = nn.MLP([2, 2], rng=0), nn.MLP([2, 2], rng=0)
    one.eval()
    assert not one[1].training
    assert all(m.training for m in other.modules())


def test_a16_zero_grad_clears_every_parameter():
    net = Branches()
    for p in net.parameters():
        (p * p).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert [p.grad for p in net.parameters()] == [None] * 8


def test_a23_parameters_of_every_layer_require_a_gradient():
    for net in (nn.Linear(2, 3, rng=0), nn.Linear(2, 3, bias=False, rng=0), nn.MLP([2, 3, 1], rng=0)):
        tensors = [t for _, t in net.named_tensors()]
        assert tensors
        assert all(t.requires_grad for t in tensors)
        assert len(net.parameters()) == len(tensors)


# ---- state -----------------------------------------------------------------------------------------------


def test_the_state_is_a_copy_so_changing_it_changes_nothing():
    net = nn.MLP([3, 2], rng=0)
    before = bytes_of(net)
    state = net.state_dict()
    for value in state.values():
        value[...] = 77  # the caller's own, so it can be written to
    assert bytes_of(net) == before


def test_changing_the_state_after_loading_it_changes_nothing():
    net = nn.MLP([3, 2], rng=0)
    state = {name: value + 1 for name, value in net.state_dict().items()}
    net.load_state_dict(state)
    loaded = bytes_of(net)
    for value in state.values():
        value[...] = 77
    assert bytes_of(net) == loaded


def test_state_goes_into_a_net_of_the_same_shape_bit_for_bit():
    one, other = nn.MLP([5, 4, 3], rng=1), nn.MLP([5, 4, 3], rng=2)
    assert bytes_of(one) != bytes_of(other)
    parameters = other.parameters()
    other.load_state_dict(one.state_dict())
    assert bytes_of(one) == bytes_of(other)
    assert all(p is q for p, q in zip(parameters, other.parameters(), strict=True))  # the optimizer's still


def test_state_may_hold_tensors_lists_and_another_precision():
    net = nn.Linear(2, 1, rng=0)
    net.load_state_dict({"weight": Tensor([[1.5, -2.0]], requires_grad=True), "bias": [3]})
    assert net.weight.dtype == net.bias.dtype == np.float32
    assert (net.weight.tolist(), net.bias.tolist()) == ([[1.5, -2.0]], [3.0])


def test_loading_keeps_tied_weights_tied():
    net, other = Tied(), Tied()
    other.load_state_dict({name: value + 0.5 for name, value in net.state_dict().items()})
    assert other.first.weight is other.second.weight
    assert_array_equal(other.first.weight.data, net.first.weight.data + 0.5)


W = uneven(2, 3).astype(np.float32)
B = uneven(2).astype(np.float32)
UNFIT = {
    "missing": ({"0.weight": W}, "missing", "0.bias"),
    "unknown": ({"0.weight": W, "0.bias": B, "1.scale": B}, "unknown", "1.scale"),
    "renamed": ({"0.weight": W, "0.b": B}, "missing", "0.bias"),
    "empty": ({}, "missing", "0.weight"),
    "transposed": ({"0.weight": W.T, "0.bias": B}, "shape", "0.weight"),
    "shape that would broadcast": ({"0.weight": W, "0.bias": B[:1]}, "shape", "0.bias"),
    "shape (n, 1) for (n,)": ({"0.weight": W, "0.bias": B[:, None]}, "shape", "0.bias"),
    "complex": ({"0.weight": W, "0.bias": B + 1j}, "dtype", "0.bias"),
    "text": ({"0.weight": W, "0.bias": np.array(["a", "b"])}, "dtype", "0.bias"),
    "objects": ({"0.weight": W, "0.bias": np.array([None, 1], dtype=object)}, "dtype", "0.bias"),
    "NaN": ({"0.weight": W, "0.bias": B * np.float32("nan")}, "NaN", "0.bias"),
    "infinity": ({"0.weight": W, "0.bias": np.array([np.inf, 0.0])}, "infinity", "0.bias"),
    "too large for float32": ({"0.weight": W, "0.bias": np.array([1e300, 0.0])}, "float32", "0.bias"),
    "ragged": ({"0.weight": [[1, 2, 3], [4]], "0.bias": B}, "", "0.weight"),
    "None": ({"0.weight": W, "0.bias": None}, "", "0.bias"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_e5_state_that_does_not_fit_names_the_key_and_changes_nothing(case):
    state, word, key = UNFIT[case]
    net = nn.MLP([3, 2], rng=0)
    before = bytes_of(net)
    with pytest.raises(DataError) as caught:
        net.load_state_dict(state)
    assert f"'{key}'" in str(caught.value)
    assert word in str(caught.value)
    assert bytes_of(net) == before


def test_e5_the_last_of_many_keys_can_still_undo_all():
    net, other = nn.MLP([3, 4, 4, 2], rng=0), nn.MLP([3, 4, 4, 2], rng=1)
    before, state = bytes_of(net), other.state_dict()
    state["4.bias"] = state["4.bias"] * np.nan
    with pytest.raises(DataError, match=r"'4\.bias' .*NaN"):
        net.load_state_dict(state)
    assert bytes_of(net) == before


def test_two_values_for_one_tied_weight_are_refused():
    """They were not tied where the state comes from: taking over either one would be wrong."""
    net = Tied()
    before, state = bytes_of(net), net.state_dict()
    state["second.weight"] = state["second.weight"] + 1
    with pytest.raises(DataError, match=r"second\.weight"):
        net.load_state_dict(state)
    assert bytes_of(net) == before


# ---- copies ----------------------------------------------------------------------------------------------

COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda net: pickle.loads(pickle.dumps(net))}


@pytest.mark.parametrize("way", COPIES)
def test_d19_a_copy_after_forward_and_backward_is_equal_and_independent(way):
    net = nn.MLP([3, 4, 2], rng=3, dtype=np.float64)
    x, y = Tensor(uneven(5, 3)), Tensor(uneven(5, 2))
    c = nn.QuadraticCost()(net(x), y) * 1.7
    c.backward()
    twin = COPIES[way](net)
    assert type(twin) is nn.MLP
    assert bytes_of(twin) == bytes_of(net)
    assert twin(x).data.tobytes() == net(x).data.tobytes()
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert p is not q
        assert q.requires_grad
        assert q.role == p.role
        assert q.grad.data.tobytes() == p.grad.data.tobytes()
        assert not np.shares_memory(p.data, q.data)
        assert not np.shares_memory(p.grad.data, q.grad.data)
    before = bytes_of(net), [p.grad.data.tobytes() for p in net.parameters()]
    twin.load_state_dict({name: value + 1 for name, value in twin.state_dict().items()})
    twin.zero_grad()
    nn.QuadraticCost()(twin(x), y).backward()
    assert (bytes_of(net), [p.grad.data.tobytes() for p in net.parameters()]) == before


@pytest.mark.parametrize("way", COPIES)
def test_d18_d19_a_copy_keeps_tied_weights_tied_and_apart_from_the_original(way):
    net = Tied()
    (net(Tensor(uneven(2, 3))) * uneven(2, 3)).sum().backward()
    twin = COPIES[way](net)
    assert twin.first.weight is twin.second.weight
    assert twin.first.weight is not net.first.weight
    assert len(twin.parameters()) == 3


@pytest.mark.parametrize("way", COPIES)
def test_a_copy_keeps_modes_and_leaves_the_graph_behind(way):
    """What a module remembers of a computation comes along as values, not as the graph behind them."""
    net = nn.MLP([2, 2], rng=0)
    net.eval()
    net.remembered = net(Tensor(uneven(1, 2)))
    twin = COPIES[way](net)
    assert not any(m.training for m in twin.modules())
    assert twin.remembered.op is None
    assert twin.remembered.tolist() == net.remembered.tolist()


# ---- repr ------------------------------------------------------------------------------------------------


def test_repr_shows_the_layers_with_their_places():
    net = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Sigmoid(), nn.Sequential(nn.Linear(3, 2, bias=False, rng=0)))
    assert repr(net) == (
        "Sequential(\n  0: Linear(4, 3)\n  1: Sigmoid()\n  2: Sequential(\n    0: Linear(3, 2, bias=False)\n  )\n)"
    )


def test_repr_of_a_learners_module_names_what_it_holds():
    assert re.fullmatch(r"Scaled\(\n  gain: Tensor\(.*\)\n  shift: Tensor\(.*\)\n\)", repr(Scaled()))


@pytest.mark.parametrize("module", [nn.QuadraticCost(), nn.CrossEntropyLoss(), nn.Tanh(), nn.ReLU(), Module()])
def test_repr_of_a_module_that_holds_nothing_is_its_name(module):
    assert repr(module) == f"{type(module).__name__}()"
