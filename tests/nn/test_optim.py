"""Optimizers: hand-worked steps, one step for one parameter, and all of them or none."""

import copy
import json
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import nn
from nn.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from tinygrad_edu import DataError, DtypeError, GradientError, Tensor, TrainingError

ALL = [
    (SGD, {"lr": 0.1, "weight_decay": 0.01}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.1, "weight_decay": 0.01}),
    (SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (RMSprop, {"momentum": 0.9, "centered": True, "weight_decay": 0.01}),
    (Adagrad, {"lr_decay": 0.1, "weight_decay": 0.01, "initial_accumulator_value": 0.1}),
    (Adam, {"amsgrad": True, "weight_decay": 0.01}),
    (AdamW, {}),
]
every = pytest.mark.parametrize(("kind", "settings"), ALL, ids=lambda v: getattr(v, "__name__", None) or ",".join(v))


def leaf(value, dtype=np.float64) -> Tensor:
    return Tensor(value, requires_grad=True, dtype=dtype)


def with_grad(value, grad, dtype=np.float64) -> Tensor:
    p = leaf(value, dtype)
    p.grad = grad
    return p


def state(optimizer: Optimizer) -> list[object]:
    """All that a step may change, bit for bit."""
    slots = {i: {k: np.asarray(v).tobytes() for k, v in s.items()} for i, s in optimizer.state.items()}
    return [*(p.data.tobytes() for p in optimizer.parameters), slots]


# ---- the equation ----------------------------------------------------------------------------------------


def test_the_lectures_update_is_w_minus_eta_times_the_gradient():
    p = with_grad([[1.0, -2.0], [0.5, 3.0]], [[0.5, 1.0], [-2.0, 0.25]])
    SGD([p], lr=0.5).step()
    assert p.tolist() == [[0.75, -2.5], [1.5, 2.875]]


def test_e1_momentum_worked_by_hand():
    """v = 1, p = 1 - 0.1;  v = 0.9 + 1 = 1.9, p = 0.9 - 0.19."""
    p = with_grad(1.0, 1.0)
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    optimizer.step()
    assert_allclose(p.item(), 0.9, rtol=1e-15)
    optimizer.step()
    assert_allclose(p.item(), 0.71, rtol=1e-15)


def test_e1_weight_decay_leaves_the_gradient_unchanged():
    p = with_grad([1.0, -2.0], [0.5, 0.25])
    optimizer = SGD([p], lr=0.1, momentum=0.9, weight_decay=0.5)
    for _ in range(3):
        optimizer.step()
    assert p.grad.tolist() == [0.5, 0.25]


def test_three_steps_with_momentum_and_weight_decay_worked_by_hand():
    """lr 1/2, momentum 1/2, weight decay 1/4, p = 4, gradients 1, -1, 2: all exact in binary.

    g = 1 + 1 = 2,            v = 2,               p = 4 - 1 = 3
    g = -1 + 3/4 = -1/4,      v = 1 - 1/4 = 3/4,   p = 3 - 3/8 = 21/8
    g = 2 + 21/32 = 85/32,    v = 3/8 + 85/32 = 97/32,   p = 21/8 - 97/64 = 71/64
    """
    p = leaf(4.0)
    optimizer = SGD([p], lr=0.5, momentum=0.5, weight_decay=0.25)
    found = []
    for g in (1.0, -1.0, 2.0):
        p.grad = g
        optimizer.step()
        found.append(p.item())
    assert found == [3, 21 / 8, 71 / 64]


def test_weight_decay_alone_shrinks_by_one_minus_lr_times_decay():
    p = with_grad([8.0, -4.0], [0.0, 0.0])
    optimizer = SGD([p], lr=0.5, weight_decay=0.5)
    optimizer.step()
    optimizer.step()
    assert p.tolist() == [8 * 0.75**2, -4 * 0.75**2]


def test_every_parameter_has_a_velocity_of_its_own():
    p, q = with_grad(1.0, 1.0), with_grad(1.0, -2.0)
    optimizer = SGD([p, q], lr=0.25, momentum=0.5)
    optimizer.step()
    optimizer.step()
    assert (p.item(), q.item()) == (1 - 0.25 - 0.375, 1 + 0.5 + 0.75)


def test_the_learning_rate_may_change_between_steps():
    p = with_grad(1.0, 1.0)
    optimizer = SGD([p], lr=0.5)
    optimizer.step()
    optimizer.lr = 0.25
    optimizer.step()
    optimizer.lr = 0.0
    optimizer.step()
    assert p.item() == 0.25


# ---- which parameters ------------------------------------------------------------------------------------


def test_d18_a_parameter_listed_twice_is_stepped_once():
    p, q = with_grad(1.0, 1.0), with_grad(2.0, 1.0)
    optimizer = SGD([p, q, p], lr=0.5, momentum=0.5)
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 1.5)
    assert len(optimizer.parameters) == len(optimizer.velocity) == 2


def test_d18_a_tied_weight_gets_the_sum_of_both_gradients_in_one_step():
    """C = 1.7 w^2 x by two layers that share w: dC/dw = 3.4 w x."""
    first, second = (nn.Linear(1, 1, bias=False, rng=0, dtype=np.float64) for _ in range(2))
    second.weight = first.weight
    net = nn.Sequential(first, second)
    first.weight.assign([[3.0]])
    (net(Tensor([[2.0]])) * 1.7).sum().backward()
    SGD(net.parameters(), lr=0.1).step()
    assert first.weight is second.weight
    assert_allclose(first.weight.item(), 3 - 0.1 * 3.4 * 3 * 2, rtol=1e-15)


def test_e6_a_parameter_without_a_gradient_stays_as_it_is():
    p, q = with_grad(1.0, 1.0), leaf(5.0)
    optimizer = SGD([q, p], lr=0.5, momentum=0.9, weight_decay=0.1)
    optimizer.step()
    assert q.item() == 5.0
    assert optimizer.velocity[0] is None
    assert p.item() == 1 - 0.5 * 1.1


def test_e6_a_gradient_of_zero_still_steps_by_momentum():
    p = with_grad(1.0, 1.0)
    optimizer = SGD([p], lr=0.5, momentum=0.5)
    optimizer.step()
    p.grad = 0.0
    optimizer.step()
    assert p.item() == 0.5 - 0.25


def test_zero_grad_clears_every_parameter_and_moves_none():
    ps = [with_grad(1.0, 1.0), with_grad([2.0, 3.0], [1.0, 1.0]), leaf(4.0)]
    optimizer = SGD(ps, lr=0.5)
    optimizer.zero_grad()
    assert [p.grad for p in ps] == [None] * 3
    optimizer.step()
    assert [p.tolist() for p in ps] == [1.0, [2.0, 3.0], 4.0]


def test_parameters_may_come_from_a_generator():
    net = nn.MLP([2, 2], rng=0)
    assert len(SGD((p for p in net.parameters()), lr=0.1).parameters) == 2


# ---- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nothing", [[], iter([]), nn.Sigmoid().parameters()])
def test_no_parameters_is_an_error_that_says_where_to_get_them(nothing):
    with pytest.raises(ValueError, match=r"net\.parameters\(\)"):
        SGD(nothing, lr=0.1)


@pytest.mark.parametrize("wrong", [Tensor(1.0), leaf(1.0) * 2, np.ones(2), "weight"])
def test_a23_what_cannot_learn_is_refused(wrong):
    """Not tracked, not a leaf, not a Tensor."""
    with pytest.raises(GradientError, match="leaves that require a gradient"):
        SGD([leaf(1.0), wrong], lr=0.1)


@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["lr", "momentum", "weight_decay"])
def test_settings_are_finite_and_not_negative(name, value):
    with pytest.raises(ValueError, match=name):
        SGD([leaf(1.0)], **{"lr": 0.1, name: value})


# ---- all or none -----------------------------------------------------------------------------------------


def test_a_step_that_fails_leaves_everything_unchanged():
    """The last parameter overflows, which is an error here: the ones before it have not moved either."""
    ps = [with_grad(1.0, 1.0), with_grad([1.0, 2.0], [1.0, 1.0]), with_grad(1e300, 1e300)]
    optimizer = SGD(ps, lr=0.5, momentum=0.5)
    optimizer.step()
    before = state(optimizer)
    optimizer.lr = 1e300
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        optimizer.step()
    assert state(optimizer) == before


def interrupted_at(n: int, f) -> bool:
    """Call f, with Ctrl-C at its n-th bytecode instruction; False if it has no n-th one."""
    left = n

    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        f()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def torn_by_ctrl_c(fresh, act) -> tuple[int, list[int]]:
    """The number of instructions of act(optimizer), and at which of them Ctrl-C leaves neither all done nor none."""
    none = state(fresh())
    done = fresh()
    act(done)
    n, torn = 0, []
    while True:
        n += 1
        optimizer = fresh()
        if not interrupted_at(n, lambda optimizer=optimizer: act(optimizer)):
            return n, torn
        if state(optimizer) not in (none, state(done)):
            torn.append(n)


def stepped(kind, settings, steps=1) -> Optimizer:
    ps = [with_grad([1.0, 2.0], [1.0, -1.0]), with_grad(3.0, 1.0), leaf(4.0)]
    optimizer = kind(ps, **settings)
    for _ in range(steps):
        optimizer.step()
    return optimizer


@every
@pytest.mark.parametrize("steps", [0, 1])
def test_ctrl_c_anywhere_in_a_step_leaves_all_parameters_moved_or_none(kind, settings, steps):
    n, torn = torn_by_ctrl_c(lambda: stepped(kind, settings, steps), lambda optimizer: optimizer.step())
    assert n > 100
    assert torn == []


# ---- precision, old graphs -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_d4_float32_stays_float32_whatever_the_settings_are(shape):
    """As from a schedule: np.cos gives np.float64."""
    p = with_grad(np.full(shape, 1.0), np.full(shape, 0.5), np.float32)
    optimizer = SGD([p], lr=np.float64(0.1), momentum=np.float64(0.9), weight_decay=np.array(0.01))
    for k in range(5):
        optimizer.lr = 0.1 * (1 + np.cos(np.pi * k / 5)) / 2
        optimizer.step()
        assert p.dtype == np.float32
        assert np.asarray(optimizer.velocity[0]).dtype == np.float32
    assert p.shape == shape


def test_d4_a_schedule_in_numpy_moves_as_one_in_python():
    def run(kind) -> bytes:
        values, gradients = np.random.default_rng(0).standard_normal((2, 1000)).astype(np.float32)
        p = with_grad(values, gradients, np.float32)
        optimizer = SGD([p], lr=kind(0.1), momentum=kind(0.9))
        for k in range(10):
            optimizer.lr = kind(0.1 / (k + 1))
            optimizer.step()
        return p.data.tobytes()

    assert run(float) == run(np.float64) == run(np.array)


def test_d9_a_graph_made_before_the_step_keeps_the_old_values():
    """C = 1.7 w^2 at w = 3: dC/dw = 10.2, also when w has moved since."""
    w = with_grad(3.0, 1.0)
    c = 1.7 * w * w
    optimizer = SGD([w], lr=0.5)
    optimizer.step()
    w.grad = None
    c.backward()
    assert w.item() == 2.5
    assert_allclose(w.grad.item(), 10.2, rtol=1e-15)


def test_d9_arrays_taken_before_the_step_keep_the_old_values():
    w = with_grad([3.0, 4.0], [1.0, 1.0])
    before, grad = w.data, w.grad
    optimizer = SGD([w], lr=0.5, momentum=0.5)
    for _ in range(3):
        optimizer.step()
    assert before.tolist() == [3.0, 4.0]
    assert grad.tolist() == [1.0, 1.0]


def test_a_gradient_accumulated_after_the_step_does_not_reach_back_into_the_velocity():
    w = leaf([3.0, 4.0])
    optimizer = SGD([w], lr=0.5, momentum=0.5)
    (w * [1.0, 2.0]).sum().backward()
    optimizer.step()
    (w * [10.0, 20.0]).sum().backward()
    assert w.grad.tolist() == [11.0, 22.0]
    assert optimizer.velocity[0].tolist() == [1.0, 2.0]


# ---- the other optimizers, by hand -----------------------------------------------------------------------


def test_nesterov_looks_ahead_along_the_velocity():
    """g = 1 twice, momentum 1/2: v = 1, step 1 + 1/2; v = 3/2, step 1 + 3/4."""
    p = with_grad(4.0, 1.0)
    optimizer = SGD([p], lr=1.0, momentum=0.5, nesterov=True)
    optimizer.step()
    assert p.item() == 2.5
    optimizer.step()
    assert p.item() == 0.75


def test_dampening_holds_back_every_gradient_but_the_first():
    p = with_grad(4.0, 1.0)
    optimizer = SGD([p], lr=1.0, momentum=0.5, dampening=0.75)
    optimizer.step()
    assert p.item() == 3.0
    optimizer.step()  # v = 1/2 + 1/4
    assert p.item() == 2.25


def test_adagrad_by_hand():
    """g = 3, then 4: r = 9, 25; steps 3/3 and 4/5, the second with half the rate."""
    p = with_grad(1.0, 3.0)
    optimizer = Adagrad([p], lr=0.5, lr_decay=1.0, eps=0.0)
    optimizer.step()
    assert p.item() == 0.5
    p.grad = 4.0
    optimizer.step()
    assert_allclose(p.item(), 0.5 - 0.25 * 0.8, rtol=1e-15)


def test_eps_is_added_to_the_root():
    """g = 3 and eps = 1: 3 / (3 + 1)."""
    for optimizer in (Adagrad([with_grad(1.0, 3.0)], 1.0, eps=1.0), Adam([with_grad(1.0, 3.0)], 1.0, eps=1.0)):
        optimizer.step()
        assert_allclose(optimizer.parameters[0].item(), 0.25, rtol=1e-14)


def test_rmsprop_by_hand():
    """alpha = 1/2, g = 2: r = 2, then 3; the steps 2 / sqrt(r)."""
    p = with_grad(1.0, 2.0)
    optimizer = RMSprop([p], lr=0.5, alpha=0.5, eps=0.0)
    optimizer.step()
    assert_allclose(p.item(), 1 - 2**-0.5, rtol=1e-15)
    optimizer.step()
    assert_allclose(p.item(), 1 - 2**-0.5 - 3**-0.5, rtol=1e-15)


def test_centered_rmsprop_divides_by_the_standard_deviation():
    """alpha = 1/2, g = 2: r = 2, q = 1, r - q^2 = 1."""
    p = with_grad(1.0, 2.0)
    RMSprop([p], lr=0.25, alpha=0.5, eps=0.0, centered=True).step()
    assert p.item() == 0.5


@pytest.mark.parametrize("g", [1.0, -3.0, 1e-3])
def test_e2_adams_first_step_is_lr_whatever_the_gradient(g):
    p = with_grad(0.0, g)
    Adam([p], lr=0.1).step()
    assert_allclose(p.item(), -0.1 * np.sign(g) / (1 + 1e-8 / abs(g)), rtol=1e-13)


def test_e2_decay_of_adamw_is_of_the_weight_and_of_adam_in_the_gradient():
    p, q = with_grad(1.0, 1.0), with_grad(1.0, 1.0)
    AdamW([p], lr=0.1, weight_decay=0.1).step()
    Adam([q], lr=0.1, weight_decay=0.1).step()
    assert_allclose(p.item() - 0.89, 1e-9, rtol=1e-6)
    assert_allclose(q.item() - 0.9, 0.1 * 1e-8 / 1.1, rtol=1e-6)


def test_amsgrad_never_forgets_the_largest_gradient():
    p, q = with_grad(0.0, 100.0), with_grad(0.0, 100.0)
    plain, ams = Adam([p], betas=(0.0, 0.5)), Adam([q], betas=(0.0, 0.5), amsgrad=True)
    for g in [100.0] + 40 * [1.0]:
        p.grad = q.grad = g
        plain.step()
        ams.step()
    assert -p.item() > 0.03
    assert -q.item() < 0.002


@every
def test_e1_the_gradient_is_unchanged(kind, settings):
    p = with_grad([1.0, -2.0], [0.5, 0.25])
    optimizer = kind([p], **{**settings, "weight_decay": 0.5})
    for _ in range(3):
        optimizer.step()
    assert p.grad.tolist() == [0.5, 0.25]


@every
def test_maximize_is_a_step_with_minus_the_gradient(kind, settings):
    p, q = with_grad([1.0, 2.0], [0.5, -0.25]), with_grad([1.0, 2.0], [-0.5, 0.25])
    up, down = kind([p], **settings, maximize=True), kind([q], **settings)
    for _ in range(3):
        up.step()
        down.step()
    assert p.tolist() == q.tolist()


@every
def test_e6_without_a_gradient_nothing_moves_and_nothing_is_remembered(kind, settings):
    p, q = with_grad(1.0, 1.0), leaf(5.0)
    optimizer = kind([q, p], **settings)
    optimizer.step()
    assert q.item() == 5.0
    assert 0 not in optimizer.state
    before = state(optimizer)
    p.grad = None
    optimizer.step()
    assert state(optimizer) == before


@every
def test_d18_a_tied_parameter_steps_once_with_every_optimizer(kind, settings):
    p, q = with_grad([1.0, 2.0], [1.0, -1.0]), with_grad([1.0, 2.0], [1.0, -1.0])
    tied, once = kind([p, p, p], **settings), kind([q], **settings)
    for _ in range(3):
        tied.step()
        once.step()
    assert p.tolist() == q.tolist()
    assert state(tied) == state(once)


def test_a_gradient_that_is_nan_spoils_its_own_entry_only():
    for kind, settings in ALL:
        p = with_grad([1.0, 2.0], [np.nan, 1.0])
        kind([p], **settings).step()
        assert np.isnan(p.data).tolist() == [True, False]


@every
def test_e7_training_that_breaks_down_leaves_the_optimizer_of_the_epoch_before(kind, settings):
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, 20)
    data = nn.Examples(100 * rng.standard_normal((20, 4)), nn.data.one_hot(labels, 2), labels)
    net = nn.MLP([4, 3, 2], "relu", output="linear", rng=1)
    optimizer = kind(net.parameters(), **{**settings, "lr": 1e-5})
    cost = nn.CrossEntropyLoss()
    nn.fit(net, cost, optimizer, data, 1, 10, rng=0, progress=False)
    before = state(optimizer)
    optimizer.lr = 1e38
    with pytest.raises(TrainingError, match="before this epoch"):
        nn.fit(net, cost, optimizer, data, 3, 10, rng=0, progress=False)
    assert state(optimizer) == before


# ---- groups and settings ---------------------------------------------------------------------------------


def test_groups_have_settings_of_their_own():
    p, q = with_grad(1.0, 1.0), with_grad(1.0, 1.0)
    optimizer = SGD([{"params": [p]}, {"params": q, "lr": 0.25, "weight_decay": 1.0}], lr=0.5)
    optimizer.step()
    assert (p.item(), q.item()) == (0.5, 1 - 0.25 * 2)
    optimizer.param_groups[1]["lr"] = 1.0
    optimizer.step()
    assert (p.item(), q.item()) == (0.0, 0.5 - 1.5)


def test_a_group_may_be_added_later():
    p, q = with_grad(1.0, 1.0), with_grad(1.0, 1.0)
    optimizer = SGD([p], lr=0.5, momentum=0.5)
    optimizer.step()
    optimizer.add_param_group({"params": [q], "lr": 0.25})
    optimizer.step()
    assert (p.item(), q.item()) == (1 - 0.5 - 0.75, 0.75)
    assert [v.item() for v in optimizer.velocity] == [1.5, 1.0]


def test_lr_is_that_of_all_groups():
    optimizer = SGD([{"params": [leaf(1.0)]}, {"params": [leaf(1.0)], "lr": 0.25}], lr=0.5)
    assert optimizer.lr == 0.5
    optimizer.lr = 0.125
    assert [group["lr"] for group in optimizer.param_groups] == [0.125, 0.125]


def test_a_parameter_in_two_groups_is_refused():
    p = leaf(1.0)
    with pytest.raises(ValueError, match="two groups"):
        SGD([{"params": [p]}, {"params": [leaf(1.0), p]}], lr=0.5)
    optimizer = SGD([p], lr=0.5)
    with pytest.raises(ValueError, match="two groups"):
        optimizer.add_param_group({"params": [p]})
    assert len(optimizer.param_groups) == len(optimizer.parameters) == 1


def test_what_is_no_list_of_parameters_is_explained():
    for wrong in (leaf(1.0), nn.Linear(2, 2), 3):
        with pytest.raises((DtypeError, GradientError), match=r"parameters\(\)|leaves"):
            SGD(wrong)
    for unordered in ({leaf(1.0)}, [{"params": frozenset([leaf(1.0)])}]):
        with pytest.raises(DtypeError, match="a set has another order"):
            SGD(unordered)
    with pytest.raises(DtypeError, match="group is a dict"):
        SGD([leaf(1.0)]).add_param_group([leaf(1.0)])
    with pytest.raises(GradientError, match="leaves"):
        SGD([{"params": [leaf(1.0)]}, leaf(2.0)])
    with pytest.raises(ValueError, match="no setting 'momentum'"):
        Adam([{"params": [leaf(1.0)], "momentum": 0.9}])
    for momentum, dampening in ((0.0, 0.0), (0.9, 0.1)):
        with pytest.raises(ValueError, match="nesterov"):
            SGD([leaf(1.0)], momentum=momentum, dampening=dampening, nesterov=True)


@pytest.mark.parametrize("write", ["item", "update", "or"])
def test_a_setting_is_checked_and_becomes_pythons_when_it_is_written(write):
    group = Adam([leaf(1.0)]).param_groups[0]

    def put(name, value):
        if write == "item":
            group[name] = value
        elif write == "update":
            group.update({name: value})
        else:
            group.__ior__({name: value})

    for name, value, error in [
        ("lr", "0.1", DtypeError),
        ("lr", np.array([0.1]), DtypeError),
        ("lr", -1, ValueError),
        ("eps", np.nan, ValueError),
        ("betas", 0.9, DtypeError),
        ("betas", (0.9,), DtypeError),
        ("betas", (0.9, 1.0), ValueError),
        ("betas", (None, 0.9), DtypeError),
        ("amsgrad", 1, DtypeError),
    ]:
        before = group[name]
        with pytest.raises(error, match=name):
            put(name, value)
        assert group[name] is before
    for name, value in [("lr", np.float64(0.1)), ("lr", np.array(0.1)), ("lr", np.float32(0.5)), ("mine", np.int64(3))]:
        put(name, value)
        assert type(group[name]) in (float, int)
        assert group[name] == value
    put("betas", [np.float64(0.5), 0])
    assert group["betas"] == (0.5, 0.0)
    assert {type(b) for b in group["betas"]} == {float}


def test_repr_tells_the_settings():
    assert repr(SGD([leaf(1.0)], 0.5)).startswith("SGD(1 parameters: lr=0.5, momentum=0.0")


def test_an_optimizer_of_your_own_names_its_settings():
    class Nameless(Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": 0.1, "rho": 0.5})

        def update(self, w, g, s, lr):
            return w - lr * g, s

    with pytest.raises(DtypeError, match=r"update\(self, w, g, s, lr, rho\)"):
        Nameless([leaf(1.0)])


# ---- float32 ---------------------------------------------------------------------------------------------


class Watched(np.ndarray):
    """An array that notes the dtype of everything that is computed with it."""

    seen: set = set()  # noqa: RUF012

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        plain = [x.view(np.ndarray) if isinstance(x, Watched) else x for x in inputs]
        if out is not None:
            kwargs["out"] = tuple(x.view(np.ndarray) for x in out)
        z = getattr(ufunc, method)(*plain, **kwargs)
        self.seen.add(z.dtype)
        return z.view(Watched)


@every
def test_d4_no_float64_array_in_1000_float32_steps(kind, settings):
    rng = np.random.default_rng(0)
    p = with_grad(rng.standard_normal((3, 2)), np.ones((3, 2)), np.float32)
    optimizer = kind([p], **{k: np.float64(v) if isinstance(v, float) else v for k, v in settings.items()})
    Watched.seen = set()
    for k in range(1000):
        p.grad = rng.standard_normal((3, 2)).astype(np.float32)
        optimizer.lr = np.float64(0.01) * (1 + np.cos(k / 300))
        w, g = p.data.view(Watched), p.grad.data.view(Watched)
        values = {name: value for name, value in optimizer.param_groups[0].items() if name in optimizer.defaults}
        optimizer.update(w, g, optimizer.state.get(0, {}), **values)
        optimizer.step()
        dtypes = {p.dtype, *(v.dtype for name, v in optimizer.state.get(0, {}).items() if name != "step")}
        assert dtypes == {np.dtype(np.float32)}
    assert Watched.seen == {np.dtype(np.float32)}


# ---- to save and to load ---------------------------------------------------------------------------------


def random_steps(optimizer, rng, steps):
    for _ in range(steps):
        for p in optimizer.parameters:
            p.grad = None if rng.random() < 0.2 else rng.standard_normal(p.shape)
        optimizer.step()


def twins(kind, settings, dtype=np.float64, **others):
    shapes = [(2, 3), (3,), ()]

    def make(values):
        ps = [leaf(np.full(shape, 0.5), dtype) for shape in shapes]
        return kind([{"params": ps[:2]}, {"params": ps[2:], "lr": 0.02}], **values)

    return make(settings), make({**settings, **others})


@every
@given(seed=st.integers(0, 10**6), before=st.integers(0, 4), after=st.integers(1, 4), dtype=st.sampled_from("fd"))
def test_e3_a_run_that_was_saved_goes_on_bit_for_bit(kind, settings, seed, before, after, dtype):
    """Also where the second optimizer was made with other settings, and through JSON, which writes tuples as lists."""
    one, two = twins(kind, settings, np.dtype(dtype), weight_decay=0.3, lr=0.7)
    rng = np.random.default_rng(seed)
    random_steps(one, rng, before)
    saved = one.state_dict()
    saved["param_groups"] = json.loads(json.dumps(saved["param_groups"]))
    saved["state"] = {str(i): s for i, s in saved["state"].items()}
    for p, q in zip(one.parameters, two.parameters, strict=True):
        q.assign(p.data)
    two.load_state_dict(saved)
    assert state(two) == state(one)
    other = copy.deepcopy(rng)
    random_steps(one, rng, after)
    random_steps(two, other, after)
    assert state(two) == state(one)
    assert repr(one) == repr(two)


@every
def test_a_saved_state_is_a_copy(kind, settings):
    one, two = twins(kind, settings)
    random_steps(one, np.random.default_rng(0), 3)
    saved = one.state_dict()
    two.load_state_dict(saved)
    held = state(one), state(two)
    for s in saved["state"].values():
        for name, value in s.items():
            if name != "step":
                assert type(value) is np.ndarray
                value[...] = 7.0
    assert (state(one), state(two)) == held


@every
def test_copies_and_pickles_are_independent_and_go_on_alike(kind, settings):
    optimizer, _ = twins(kind, settings)
    random_steps(optimizer, np.random.default_rng(0), 3)
    for other in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert state(other) == state(optimizer)
        here = copy.deepcopy(optimizer)
        random_steps(other, np.random.default_rng(1), 2)
        random_steps(here, np.random.default_rng(1), 2)
        assert state(other) == state(here) != state(optimizer)
        assert other.param_groups[0]["params"][0] is other.parameters[0]


def damaged(saved):
    """Every way to be the state of something else: (what the error names, the state)."""

    def put(value, *path):
        new = copy.deepcopy(saved)
        place = new
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        return new

    def without(*path):
        new = copy.deepcopy(saved)
        place = new
        for key in path[:-1]:
            place = place[key]
        del place[path[-1]]
        return new

    v = saved["state"][0]["exp_avg_sq"]
    yield "dict", None
    yield "param_groups", without("param_groups")
    yield "param_groups", without("state")
    yield "groups with", put(saved["param_groups"][:1], "param_groups")
    yield "groups with", put([0], "param_groups", 0, "params")
    yield "no 'betas'", without("param_groups", 1, "betas")
    yield "has 'momentum'", put(0.9, "param_groups", 0, "momentum")
    yield "group 1: lr", put(-1.0, "param_groups", 1, "lr")
    yield "group 0: betas", put([0.9], "param_groups", 0, "betas")
    yield "numbered 0 to 2", put(saved["state"][0], "state", 3)
    yield "numbered 0 to 2", put(saved["state"][0], "state", -1)
    yield "numbered 0 to 2", put(saved["state"][0], "state", "weight")
    yield "numbered 0 to 2", put(None, "state", 0)
    yield "holds step, exp_avg,", without("state", 0, "exp_avg_sq")
    yield "momentum_buffer", put(v, "state", 0, "momentum_buffer")
    yield r"state\[0\]\['exp_avg_sq'\] has shape \(3, 2\)", put(v.T, "state", 0, "exp_avg_sq")
    yield "has shape", put(v[:, :1], "state", 0, "exp_avg_sq")
    yield "dtype float32", put(v.astype(np.float32), "state", 0, "exp_avg_sq")
    yield "dtype <U", put("text", "state", 0, "exp_avg_sq")
    yield "NaN or infinity", put(v * np.nan, "state", 0, "exp_avg_sq")
    yield "NaN or infinity", put(v * np.inf, "state", 0, "exp_avg_sq")
    yield "counts steps", put(-1, "state", 0, "step")
    yield "counts steps", put(1.5, "state", 0, "step")


def test_e5_the_state_of_another_model_is_refused_and_nothing_changes():
    one, two = twins(Adam, {})
    for optimizer, seed in ((one, 0), (two, 1)):
        random_steps(optimizer, np.random.default_rng(seed), 9)
    before, settings = state(two), repr(two)
    for words, wrong in damaged(one.state_dict()):
        with pytest.raises(DataError, match=words):
            two.load_state_dict(wrong)
        assert state(two) == before
        assert repr(two) == settings


def test_e5_the_state_of_another_kind_of_optimizer_is_refused():
    for kind, settings in ALL:
        for other, more in ALL:
            if kind is not other and {kind, other} != {Adam, AdamW}:
                one, two = stepped(kind, settings), stepped(other, more)
                with pytest.raises(DataError):
                    two.load_state_dict(one.state_dict())


def test_a_setting_that_was_switched_on_later_is_saved_and_loaded():
    for name, value in (("momentum", 0.9), ("momentum", 0.0)):
        one, two = (SGD([with_grad(1.0, 1.0)], lr=0.1, momentum=0.5) for _ in range(2))
        one.step()
        one.param_groups[0][name] = value
        two.load_state_dict(one.state_dict())
        assert state(two)[1] == state(one)[1]
        one.step()
        two.step()
        assert state(two)[1] == state(one)[1]


def test_ctrl_c_anywhere_in_loading_leaves_all_or_nothing():
    saved = stepped(Adam, {"lr": 0.5}, 3).state_dict()

    def state_and_settings(optimizer):
        return [state(optimizer), repr(optimizer)]

    def fresh():
        return stepped(Adam, {"lr": 0.1}, 1)

    none, done = fresh(), fresh()
    done.load_state_dict(saved)
    n, torn = 0, []
    while True:
        n += 1
        optimizer = fresh()
        if not interrupted_at(n, lambda optimizer=optimizer: optimizer.load_state_dict(saved)):
            break
        if state_and_settings(optimizer) not in (state_and_settings(none), state_and_settings(done)):
            torn.append(n)
    assert n > 100
    assert torn == []
