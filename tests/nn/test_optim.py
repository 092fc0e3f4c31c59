"""SGD: hand-worked steps, one step for one parameter, and all of them or none."""

import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nn
from nn.optim import SGD
from tinygrad_edu import GradientError, Tensor


def leaf(value, dtype=np.float64) -> Tensor:
    return Tensor(value, requires_grad=True, dtype=dtype)


def with_grad(value, grad, dtype=np.float64) -> Tensor:
    p = leaf(value, dtype)
    p.grad = grad
    return p


def state(optimizer: SGD) -> list[bytes]:
    """All that a step may change, bit for bit."""
    velocity = [None if v is None else np.asarray(v).tobytes() for v in optimizer.velocity]
    return [p.data.tobytes() for p in optimizer.parameters] + velocity


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


def interrupted_at(n: int, optimizer: SGD) -> bool:
    """Run a step, with Ctrl-C at the n-th line of Python in it; False if it has no n-th line."""
    left = n

    def trace(frame, event, arg):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        optimizer.step()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


def test_ctrl_c_anywhere_in_a_step_leaves_all_parameters_moved_or_none():
    def fresh() -> SGD:
        ps = [with_grad([1.0, 2.0], [1.0, -1.0]), with_grad(3.0, 1.0), with_grad([4.0], [2.0])]
        optimizer = SGD(ps, lr=0.5, momentum=0.5)
        optimizer.step()
        return optimizer

    optimizer = fresh()
    none = state(optimizer)
    optimizer.step()
    everything = state(optimizer)
    n, torn = 0, []
    while True:
        n += 1
        optimizer = fresh()
        if not interrupted_at(n, optimizer):
            break
        if state(optimizer) not in (none, everything):
            torn.append(n)
    assert n > 10
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
