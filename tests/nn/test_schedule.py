"""Schedules: their values by hand, which one is in charge, and runs that go on after a pause."""

import copy
import json
import math
import pickle
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import nn.optim.lr_scheduler
from nn import schedule
from nn.optim import SGD, Adagrad, Adam
from nn.schedule import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from tinygrad_edu import DataError, DtypeError, Tensor


def optimizer(*rates, kind=SGD, **settings):
    return kind([{"params": [Tensor(1.0, requires_grad=True)], "lr": lr} for lr in rates or (1.0,)], **settings)


def rates(plan, steps):
    """lr(0) ... lr(steps) of the first group, as the optimizer has it."""
    found = [plan.optimizer.param_groups[0]["lr"]]
    for _ in range(steps):
        plan.step()
        found.append(plan.optimizer.param_groups[0]["lr"])
    return found


# ---- by hand ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda o: ConstantLR(o, 0.5, 2), [0.5, 0.5, 1, 1]),
        (lambda o: LinearLR(o, 0.25, 1.0, 3), [0.25, 0.5, 0.75, 1, 1]),
        (lambda o: LinearLR(o, 1.0, 0.0, 2), [1, 0.5, 0, 0]),
        (lambda o: StepLR(o, 2, 0.5), [1, 1, 0.5, 0.5, 0.25]),
        (lambda o: MultiStepLR(o, [3, 1], 0.5), [1, 0.5, 0.5, 0.25, 0.25]),
        (lambda o: ExponentialLR(o, 0.5), [1, 0.5, 0.25, 0.125]),
        (lambda o: CosineAnnealingLR(o, 2), [1, 0.5, 0, 0.5, 1]),
        (lambda o: CosineAnnealingLR(o, 2, 0.5), [1, 0.75, 0.5, 0.75, 1]),
        (lambda o: LambdaLR(o, lambda t: 1 / (1 + t)), [1, 1 / 2, 1 / 3]),
        (lambda o: SequentialLR(o, [LinearLR(o, 0.5, 1.0, 2), StepLR(o, 1, 0.5)], [2]), [0.5, 0.75, 1, 0.5, 0.25]),
        (lambda o: SequentialLR(o, [ConstantLR(o, 0.5, 9), ExponentialLR(o, 0.5)], [2]), [0.5, 0.5, 1, 0.5, 0.25]),
    ],
)
def test_a_schedule_by_hand(make, expected):
    assert_allclose(rates(make(optimizer()), len(expected) - 1), expected, rtol=1e-15, atol=1e-16)


def test_one_cycle_by_hand():
    """8 steps, peak at 0.5 * 8 - 1 = 3, end at 7; from 2/4 up to 2, down to 0.5/5."""
    o = optimizer(momentum=0.5)
    plan = OneCycleLR(o, 2.0, 8, pct_start=0.5, anneal_strategy="linear", div_factor=4, final_div_factor=5)
    found, momentum = [], []
    for _ in range(8):
        found.append(o.param_groups[0]["lr"])
        momentum.append(o.param_groups[0]["momentum"])
        plan.step()
    assert_allclose(found, [0.5, 1, 1.5, 2, 1.525, 1.05, 0.575, 0.1], rtol=1e-14)
    assert_allclose(momentum, [0.95, 0.95 - 0.1 / 3, 0.95 - 0.2 / 3, 0.85, 0.875, 0.9, 0.925, 0.95], rtol=1e-14)


def test_one_cycle_ends():
    plan = OneCycleLR(optimizer(), 1.0, 5, anneal_strategy="linear")
    for _ in range(5):
        plan.step()
    assert_allclose(plan.get_last_lr(), [1 / 25 / 1e4], rtol=1e-12)  # after the last mini-batch it stays there
    with pytest.raises(ValueError, match="5 steps: this is step 6"):
        plan.step()
    assert plan.last_epoch == 5


def test_one_cycle_moves_beta1_of_adam():
    o = optimizer(kind=Adam)
    plan = OneCycleLR(o, 1.0, 10, pct_start=0.5)
    assert o.param_groups[0]["betas"] == (0.95, 0.999)
    for _ in range(4):
        plan.step()
    assert_allclose(o.param_groups[0]["betas"], (0.85, 0.999), rtol=1e-15)


def test_plateau_by_hand():
    """Patience 1: the second bad value in a row halves; then two values are not looked at."""
    o = optimizer()
    plan = ReduceLROnPlateau(o, factor=0.5, patience=1, cooldown=2, threshold=0)
    found = []
    for cost in [3, 2, 2, 2, 9, 9, 9, 9, 1, 1, math.nan]:
        plan.step(cost)
        found.append(o.param_groups[0]["lr"])
    assert found == [1, 1, 1, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.25]
    assert plan.best == 1
    plan.step(-math.inf)
    assert plan.best == 1


def test_plateau_stops_at_the_smallest_rate_and_leaves_tiny_changes():
    o = optimizer(1.0, 1e-8)
    plan = ReduceLROnPlateau(o, factor=0.1, patience=0, min_lr=[0.05, 0.0])
    for _ in range(5):
        plan.step(1.0)
    assert plan.get_last_lr() == [0.05, 1e-8]


def test_groups_keep_their_ratio():
    o = optimizer(1.0, 0.25)
    plan = CosineAnnealingLR(o, 4)
    for _ in range(3):
        plan.step()
        assert_allclose(o.param_groups[1]["lr"], o.param_groups[0]["lr"] / 4, rtol=1e-15)
    assert plan.get_last_lr() == [group["lr"] for group in o.param_groups]


def test_the_optimizer_follows():
    """lr 1, 1/2, 1/4 with the gradient 1."""
    p = Tensor(2.0, requires_grad=True)
    p.grad = 1.0
    o = SGD([p], lr=1.0)
    plan = ExponentialLR(o, 0.5)
    for _ in range(3):
        o.step()
        plan.step()
    assert p.item() == 2 - 1.75


def test_a_schedule_in_numpy_leaves_pythons_numbers():
    o = optimizer()
    plan = LambdaLR(o, lambda t: np.float64(0.5) ** t)
    plan.step()
    assert type(o.param_groups[0]["lr"]) is type(plan.get_last_lr()[0]) is float
    with pytest.raises(ValueError, match="lr is a number"):
        LambdaLR(o, lambda t: -1.0)


@given(
    t=st.integers(0, 60),
    base=st.floats(1e-3, 10),
    make=st.sampled_from(
        [
            lambda o: ConstantLR(o),
            lambda o: LinearLR(o, 0.1, total_iters=9),
            lambda o: StepLR(o, 7),
            lambda o: MultiStepLR(o, [5, 9]),
            lambda o: ExponentialLR(o, 0.9),
            lambda o: CosineAnnealingLR(o, 25),
            lambda o: OneCycleLR(o, 1.0, 61, three_phase=True),
        ]
    ),
)
def test_a_schedule_stays_between_0_and_its_first_rate_and_depends_on_t_alone(t, base, make):
    plan, again = make(optimizer(base)), make(optimizer(base))
    top = 1.0 if isinstance(plan, OneCycleLR) else base
    for _ in range(t):
        plan.step()
        assert 0 <= plan.get_last_lr()[0] <= top * (1 + 1e-15)
    assert plan.last_epoch == t
    assert again.at(t, again.base_lrs[0], 0) == plan.get_last_lr()[0]


# ---- one optimizer, one schedule -------------------------------------------------------------------------


def test_only_the_schedule_made_last_may_step():
    o = optimizer()
    first, second = ExponentialLR(o, 0.5), StepLR(o, 1)
    with pytest.raises(ValueError, match=r"ExponentialLR\.step\(\).*made later.*SequentialLR"):
        first.step()
    second.step()
    assert_allclose(o.lr, 0.1)
    third = ReduceLROnPlateau(o)
    with pytest.raises(ValueError, match="made later"):
        second.step()
    third.step(1.0)


def test_a_schedule_inside_a_sequence_does_not_step_on_its_own():
    o = optimizer()
    inner = ExponentialLR(o, 0.5)
    SequentialLR(o, [inner], [])
    with pytest.raises(ValueError, match="made later"):
        inner.step()


def test_the_first_rate_is_that_before_all_schedules():
    o = optimizer(0.5)
    ExponentialLR(o, 0.5).step()
    assert o.lr == 0.25
    StepLR(o, 3)
    assert o.lr == 0.5


def test_a_group_that_comes_later_needs_a_schedule_that_knows_it():
    o = optimizer()
    plan = StepLR(o, 1)
    o.add_param_group({"params": [Tensor(1.0, requires_grad=True)]})
    with pytest.raises(ValueError, match="make the schedule after add_param_group"):
        plan.step()


def test_fit_is_told_when_to_step_and_a_checkpoint_does_not_hold_it():
    plan = StepLR(optimizer(), 3)
    assert not plan.per_batch
    assert OneCycleLR(optimizer(), 1.0, 10).per_batch
    plan.per_batch = True
    StepLR(optimizer(), 3).load_state_dict(plan.state_dict())


# ---- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda o: StepLR(None, 1), DtypeError, "needs an optimizer"),
        (lambda o: LambdaLR("SGD", abs), DtypeError, "needs an optimizer"),
        (lambda o: OneCycleLR(None, 1.0, 10), DtypeError, "needs an optimizer"),
        (lambda o: StepLR(o, 0), ValueError, "step_size is 1 or more"),
        (lambda o: StepLR(o, 1.5), DtypeError, "whole number"),
        (lambda o: StepLR(o, 1, -0.1), ValueError, "gamma"),
        (lambda o: StepLR(o, 1, "0.1"), DtypeError, "gamma is one number"),
        (lambda o: ConstantLR(o, 1.5), ValueError, "factor is a number, 0 or more, 1 at most"),
        (lambda o: LinearLR(o, 0.0), ValueError, "start_factor is above 0"),
        (lambda o: CosineAnnealingLR(o, 0), ValueError, "T_max"),
        (lambda o: ExponentialLR(o, math.nan), ValueError, "gamma"),
        (lambda o: MultiStepLR(o, [-1]), ValueError, "milestone"),
        (lambda o: LambdaLR(o, 0.5), DtypeError, "function of t"),
        (lambda o: LambdaLR(o, [abs, abs]), ValueError, "2 entries.*1 groups"),
        (lambda o: OneCycleLR(o, 1.0), ValueError, "total_steps, or epochs"),
        (lambda o: OneCycleLR(o, 1.0, 10, pct_start=2), ValueError, "pct_start"),
        (lambda o: OneCycleLR(o, 1.0, 10, anneal_strategy="sin"), ValueError, "anneal_strategy"),
        (lambda o: OneCycleLR(optimizer(kind=Adagrad), 1.0, 10), ValueError, "no momentum to cycle"),
        (lambda o: OneCycleLR(o, [1.0, 2.0], 10), ValueError, "max_lr has 2"),
        (lambda o: OneCycleLR(o, 1.0, 10, div_factor=0), ValueError, "div_factor"),
        (lambda o: ReduceLROnPlateau(o, "best"), ValueError, "mode"),
        (lambda o: ReduceLROnPlateau(o, factor=1.0), ValueError, "factor is below 1"),
        (lambda o: SequentialLR(o, [], []), ValueError, "0 schedules"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)], [3]), ValueError, "1 schedules have 0 milestones"),
        (lambda o: SequentialLR(o, [StepLR(o, 1)] * 3, [4, 3]), ValueError, "go up"),
        (lambda o: SequentialLR(o, [ReduceLROnPlateau(o)], []), ValueError, "follow t"),
        (lambda o: SequentialLR(o, [StepLR(optimizer(), 1)], []), ValueError, "another optimizer"),
        (LRScheduler, TypeError, "define at"),
    ],
)
def test_a_wrong_setting_is_explained(make, error, words):
    with pytest.raises(error, match=words):
        make(optimizer())


# ---- to save and to load ---------------------------------------------------------------------------------

MAKERS = {
    "constant": lambda o: ConstantLR(o, 0.5, 4),
    "linear": lambda o: LinearLR(o, 0.1, 1.0, 6),
    "step": lambda o: StepLR(o, 3),
    "multi": lambda o: MultiStepLR(o, [2, 7]),
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "cosine": lambda o: CosineAnnealingLR(o, 12),
    "lambda": lambda o: LambdaLR(o, lambda t: 0.9**t),
    "cycle": lambda o: OneCycleLR(o, 1.0, 30),
    "sequence": lambda o: SequentialLR(o, [LinearLR(o, 0.1, 1.0, 5), CosineAnnealingLR(o, 12)], [5]),
    "sequences": lambda o: SequentialLR(o, [MAKERS["sequence"](o), StepLR(o, 3)], [8]),
    "plateau": lambda o: ReduceLROnPlateau(o, patience=1, cooldown=1),
}
COSTS = [5.0, 4.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 1.0, 1.0]


def go(plan, costs):
    found = []
    for cost in costs:
        plan.step(cost) if isinstance(plan, ReduceLROnPlateau) else plan.step()
        found.append([dict(group, params=None) for group in plan.optimizer.param_groups])
    return found


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("before", [0, 1, 5, 9])
def test_e3_a_run_that_was_saved_goes_on_bit_for_bit(name, before):
    """Through JSON: the state is plain numbers, text and lists."""
    one, two = (MAKERS[name](optimizer(0.5, 0.1)) for _ in range(2))
    go(one, COSTS[:before])
    saved = json.loads(json.dumps(one.state_dict(), allow_nan=False))
    two.optimizer.load_state_dict(one.optimizer.state_dict())
    two.load_state_dict(saved)
    assert two.state_dict() == one.state_dict()
    assert go(two, COSTS[before:]) == go(one, COSTS[before:])


def test_e3_what_was_saved_wins_over_the_constructor():
    one, two = StepLR(optimizer(), 3, 0.5), StepLR(optimizer(), 4, 0.1)
    two.load_state_dict(one.state_dict())
    assert rates(two, 7) == rates(one, 7)


@pytest.mark.parametrize("name", MAKERS)
def test_a_saved_state_is_a_copy(name):
    plan = MAKERS[name](optimizer())
    saved = plan.state_dict()
    again = copy.deepcopy(saved)
    go(plan, COSTS[:6])
    assert saved == again


@pytest.mark.parametrize("name", MAKERS)
def test_copies_go_on_alike_and_stay_in_charge(name):
    plan = MAKERS[name](optimizer(0.5, 0.1))
    go(plan, COSTS[:3])
    other = copy.deepcopy(plan)
    assert other.optimizer is not plan.optimizer
    assert go(other, COSTS[3:]) == go(plan, COSTS[3:])
    if name != "lambda":
        pickled = pickle.loads(pickle.dumps(plan))
        assert pickled.state_dict() == plan.state_dict()
        go(pickled, [1.0])


@pytest.mark.parametrize("name", MAKERS)
def test_e5_the_state_of_another_schedule_is_refused_and_nothing_changes(name):
    plan = MAKERS[name](optimizer(0.5, 0.1))
    go(plan, COSTS[:3])
    before = plan.state_dict()
    wrong = [None, [], {}, {**before, "more": 1}, {k: v for k, v in before.items() if k != "last_epoch"}]
    wrong += [{**before, "last_epoch": bad} for bad in (-1, 1.5, "3", True, None, math.nan)]
    wrong += [{**before, "base_lrs": bad} for bad in ([0.5], [0.5, "0.1"], 0.5, [0.5, math.nan])]
    wrong += [MAKERS[other](optimizer(0.5, 0.1)).state_dict() for other in MAKERS if other != name]
    if "schedulers" in before:
        inside = before["schedulers"]
        wrong += [{**before, "schedulers": inside[:1]}, {**before, "schedulers": [*inside[:-1], {}]}]
    for state in wrong:
        with pytest.raises(DataError, match="state of"):
            plan.load_state_dict(state)
        assert plan.state_dict() == before


def test_ctrl_c_anywhere_in_loading_leaves_all_or_nothing():
    saved = MAKERS["sequence"](optimizer())
    go(saved, COSTS)
    saved, none = saved.state_dict(), MAKERS["sequence"](optimizer()).state_dict()
    left = n = 0
    torn = []

    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    while left <= 0:
        n += 1
        plan, left = MAKERS["sequence"](optimizer()), n
        sys.settrace(trace)
        try:
            plan.load_state_dict(saved)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        if plan.state_dict() not in (none, saved):
            torn.append(n)
    assert n > 100
    assert torn == []


def test_groups_may_have_functions_of_their_own():
    plan = LambdaLR(optimizer(1.0, 1.0), [lambda t: 0.5**t, lambda t: 0.25**t])
    plan.step()
    assert plan.get_last_lr() == [0.5, 0.25]


def test_swapped_imports_find_the_schedules():
    for name in schedule.__all__:
        assert getattr(nn.optim.lr_scheduler, name) is getattr(schedule, name)
        assert schedule.__all__ == sorted(schedule.__all__, key=schedule.__all__.index)
