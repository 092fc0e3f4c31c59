"""Optimizers, schedules and clipping against PyTorch in float64; run as a program it prints the differences."""

import math
import os
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import clip, optim, schedule
from tinygrad_edu import Tensor, sigmoid

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
    import torch  # fails where CI says that it must run
else:
    torch = pytest.importorskip("torch")

TOLERANCE = 1e-12
STEPS = 60
SHAPES = [(4, 3), (4,), (), (2, 1, 3)]

OPTIMIZERS = [
    ("SGD", {}),
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.05, "nesterov": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.5, "dampening": 0.5, "weight_decay": 0.05, "maximize": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-6, "weight_decay": 0.05}),
    ("RMSprop", {"momentum": 0.9}),
    ("RMSprop", {"centered": True}),
    ("RMSprop", {"centered": True, "momentum": 0.8, "alpha": 0.95, "weight_decay": 0.05, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.05}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.05, "weight_decay": 0.05, "initial_accumulator_value": 0.3, "eps": 1e-6}),
    ("Adagrad", {"maximize": True}),
    *[
        (name, settings)
        for name in ("Adam", "AdamW")
        for settings in (
            {},
            {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-5},
            {"lr": 0.05, "weight_decay": 0.1},
            {"lr": 0.05, "amsgrad": True},
            {"lr": 0.05, "betas": (0.5, 0.7), "weight_decay": 0.05, "amsgrad": True, "maximize": True},
        )
    ],
]
cases = pytest.mark.parametrize(("name", "settings"), OPTIMIZERS, ids=lambda v: v if isinstance(v, str) else repr(v))


def pair(name, groups, settings):
    """Our optimizer and PyTorch's, on parameters with the same values: groups of (arrays, own settings)."""
    ours, theirs = [], []
    for arrays, own in groups:
        ours.append({"params": [Tensor(a, requires_grad=True) for a in arrays], **own})
        theirs.append({"params": [torch.tensor(a, requires_grad=True) for a in arrays], **own})
    mine, other = getattr(optim, name)(ours, **settings), getattr(torch.optim, name)(theirs, **settings)
    return mine, other, [p for group in theirs for p in group["params"]]


def apart(mine, theirs) -> float:
    """The largest difference of any value, in units of max(1, value)."""
    worst = 0.0
    for p, q in zip(mine, theirs, strict=True):
        a, b = np.asarray(p.data), q.detach().numpy()
        assert a.shape == b.shape
        assert np.isfinite(b).all()
        worst = max(worst, float(np.max(np.abs(a - b) / np.maximum(1, np.abs(b)), initial=0.0)))
    return worst


def random_gradients(name, settings, seed=0, steps=STEPS):
    """Steps with random gradients, some missing, some 0, of sizes from 1e-4 to 1e4."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in SHAPES]
    own = {"lr": 0.03, "weight_decay": 0.02}
    mine, other, theirs = pair(name, [(arrays[:2], {}), (arrays[2:], own)], settings)
    worst = 0.0
    for _ in range(steps):
        for p, q in zip(mine.parameters, theirs, strict=True):
            g = rng.standard_normal(p.shape) * 10 ** rng.uniform(-4, 4) * (rng.random() > 0.1)
            missing = rng.random() < 0.1
            p.grad, q.grad = (None, None) if missing else (g, torch.tensor(g))
        mine.step()
        other.step()
        worst = max(worst, apart(mine.parameters, theirs))
    return worst


def small_net(name, settings, seed=1, steps=20):
    """A 3-5-2 net of sigmoids with the quadratic cost, whose gradients come from each engine itself.

    Not more than 20 steps: where RMSprop comes near a minimum it divides small gradients by their size, and rounding
    grows with them.  PyTorch's own two runs, with 1e-17 added to the gradients of one, are 2e-12 apart after 30 steps.
    """
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape) for shape in ((5, 3), (5,), (2, 5), (2,))]
    x, y = rng.standard_normal((8, 3)), rng.random((8, 2))
    mine, other, theirs = pair(name, [(arrays, {})], settings)
    worst = 0.0
    for _ in range(steps):
        w1, b1, w2, b2 = mine.parameters
        mine.zero_grad()
        (((sigmoid(sigmoid(Tensor(x) @ w1.T + b1) @ w2.T + b2) - y) ** 2).sum() / 16).backward()
        v1, c1, v2, c2 = theirs
        other.zero_grad()
        z = torch.sigmoid(torch.sigmoid(torch.tensor(x) @ v1.T + c1) @ v2.T + c2)
        (((z - torch.tensor(y)) ** 2).sum() / 16).backward()
        mine.step()
        other.step()
        worst = max(worst, apart(mine.parameters, theirs))
    return worst


@cases
def test_steps_with_random_gradients(name, settings):
    assert random_gradients(name, settings) <= TOLERANCE


@cases
def test_training_of_a_small_net(name, settings):
    assert small_net(name, settings) <= TOLERANCE


@given(seed=st.integers(0, 10**6), case=st.sampled_from(OPTIMIZERS))
def test_steps_with_any_gradients(seed, case):
    assert random_gradients(*case, seed=seed, steps=5) <= TOLERANCE


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW"])
def test_defaults_and_their_order_are_pytorchs(name):
    mine, other, _ = pair(name, [([np.ones(2)], {})], {})
    for setting, value in mine.defaults.items():
        assert other.defaults[setting] == value
    code, theirs = (getattr(m, name).__init__.__code__ for m in (optim, torch.optim))
    positional = code.co_varnames[2 : code.co_argcount]
    assert positional == theirs.co_varnames[2 : 2 + len(positional)]


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "Adam", "AdamW"])
def test_a_state_has_pytorchs_names_and_shapes(name):
    """But for the step count, a number here and a Tensor there; RMSprop has none here."""
    settings = {"momentum": 0.9} if name == "SGD" else {}
    mine, other, theirs = pair(name, [([np.ones((2, 3)), np.ones(3)], {})], settings)
    for p, q in zip(mine.parameters, theirs, strict=True):
        p.grad, q.grad = np.ones(p.shape), torch.ones(p.shape, dtype=torch.float64)
    mine.step()
    other.step()
    ours, state = mine.state_dict(), other.state_dict()
    assert ours.keys() == state.keys()
    for i, s in state["state"].items():
        assert {k: np.shape(v) for k, v in ours["state"][i].items()} == {k: tuple(v.shape) for k, v in s.items()}
    assert [g["params"] for g in ours["param_groups"]] == [g["params"] for g in state["param_groups"]]


# ---- schedules -------------------------------------------------------------------------------------------

SCHEDULES = [
    ("ConstantLR", {}),
    ("ConstantLR", {"factor": 0.2, "total_iters": 17}),
    ("LinearLR", {}),
    ("LinearLR", {"start_factor": 0.01, "end_factor": 0.8, "total_iters": 23}),
    ("StepLR", {"step_size": 7}),
    ("StepLR", {"step_size": 1, "gamma": 0.97}),
    ("MultiStepLR", {"milestones": [30, 4, 30, 80]}),
    ("MultiStepLR", {"milestones": [5, 50], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.95}),
    ("CosineAnnealingLR", {"T_max": 30}),
    ("CosineAnnealingLR", {"T_max": 100, "eta_min": 0.001}),
    ("CosineAnnealingLR", {"T_max": 1}),
    ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    ("LambdaLR", {"lr_lambda": [lambda t: 0.9**t, lambda t: math.cos(t / 100)]}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 101}),
    ("OneCycleLR", {"max_lr": [0.3, 0.7], "epochs": 4, "steps_per_epoch": 30, "anneal_strategy": "linear"}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 150, "three_phase": True, "pct_start": 0.4, "div_factor": 10.0}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 101, "base_momentum": 0.7, "max_momentum": [0.9, 0.8]}),
    ("OneCycleLR", {"max_lr": 0.3, "total_steps": 101, "cycle_momentum": False, "final_div_factor": 10.0}),
]


def schedule_difference(make, steps=100, name="SGD", **settings):
    """The largest difference of lr, momentum and beta1, in units of max(lr, 1e-3), over 100 steps and two groups."""
    groups = [([np.ones(2)], {}), ([np.ones(3)], {"lr": 0.02})]
    mine, other, _ = pair(name, groups, {"lr": 0.5, **settings})
    ours, theirs = make(schedule, mine), make(torch.optim.lr_scheduler, other)
    worst = 0.0
    for k in range(steps + 1):
        for a, b in zip(mine.param_groups, other.param_groups, strict=True):
            for what in ("lr", "momentum"):
                if what in a:
                    worst = max(worst, abs(a[what] - b[what]) / max(abs(b[what]), 1e-3))
            if "betas" in a:
                worst = max(worst, max(abs(u - v) for u, v in zip(a["betas"], b["betas"], strict=True)))
        assert ours.get_last_lr() == [group["lr"] for group in mine.param_groups]
        assert ours.last_epoch == theirs.last_epoch == k
        if k < steps:
            other.step()
            ours.step()
            theirs.step()
    return worst


def named(v):
    """The same in every process: without the address of a function."""
    return v if isinstance(v, str) else re.sub(" at 0x[0-9a-f]+", "", repr(v))[:60]


@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
@pytest.mark.parametrize(
    ("name", "settings"),
    SCHEDULES,
    ids=lambda v: v if isinstance(v, str) else re.sub(" at 0x[0-9a-f]+", "", repr(v))[:60],
)
def test_a_schedule_over_100_steps_and_two_groups(name, settings, optimizer):
    assert schedule_difference(lambda m, o: getattr(m, name)(o, **settings), name=optimizer) <= TOLERANCE


def warm_up_then_cosine(m, o):
    return m.SequentialLR(o, [m.LinearLR(o, 0.1, total_iters=5), m.CosineAnnealingLR(o, 90, 0.001)], [5])


def three_in_turn(m, o):
    return m.SequentialLR(o, [m.ConstantLR(o, 0.5, 3), m.StepLR(o, 6), m.ExponentialLR(o, 0.9)], [10, 40])


@pytest.mark.parametrize("make", [warm_up_then_cosine, three_in_turn])
def test_schedules_in_turn(make):
    assert schedule_difference(make) <= TOLERANCE


@given(data=st.data())
def test_any_schedule_of_steps(data):
    whole, part = st.integers(1, 40), st.floats(0.01, 1)
    name, strategies = data.draw(
        st.sampled_from(
            [
                ("ConstantLR", {"factor": part, "total_iters": whole}),
                ("LinearLR", {"start_factor": part, "end_factor": part, "total_iters": whole}),
                ("StepLR", {"step_size": whole, "gamma": part}),
                ("MultiStepLR", {"milestones": st.lists(whole, max_size=4), "gamma": part}),
                ("CosineAnnealingLR", {"T_max": whole, "eta_min": st.floats(0, 0.02)}),
            ]
        )
    )
    settings = {k: data.draw(s) for k, s in strategies.items()}
    assert schedule_difference(lambda m, o: getattr(m, name)(o, **settings), steps=45) <= TOLERANCE


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("threshold_mode", ["rel", "abs"])
@pytest.mark.parametrize("rest", [{}, {"patience": 2, "cooldown": 3, "factor": 0.5, "min_lr": [0.004, 0.001]}], ids=str)
def test_plateau_over_100_values(mode, threshold_mode, rest):
    groups = [([np.ones(2)], {}), ([np.ones(3)], {"lr": 0.02})]
    mine, other, _ = pair("SGD", groups, {"lr": 0.5})
    settings = {"mode": mode, "threshold_mode": threshold_mode, "threshold": 0.01, **rest}
    ours = schedule.ReduceLROnPlateau(mine, **settings)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(other, **settings)
    rng, seen = np.random.default_rng(3), set()
    for k in range(100):
        value = 1 / (1 + k / 30) + 0.1 * rng.standard_normal() if k % 17 else math.nan
        ours.step(value)
        theirs.step(value)
        for a, b in zip(ours.get_last_lr(), theirs.get_last_lr(), strict=True):
            assert math.isclose(a, b, rel_tol=TOLERANCE)
        seen.add(ours.get_last_lr()[0])
    assert len(seen) > 2


# ---- clipping --------------------------------------------------------------------------------------------


def with_gradients(arrays):
    ours = [Tensor(np.zeros(a.shape), requires_grad=True) for a in arrays]
    theirs = [torch.zeros(a.shape, dtype=torch.float64, requires_grad=True) for a in arrays]
    for p, q, a in zip(ours, theirs, arrays, strict=True):
        p.grad, q.grad = a, torch.tensor(a)
    return ours, theirs


def clip_difference(max_norm, norm_type, size=1.0, seed=0):
    rng = np.random.default_rng(seed)
    ours, theirs = with_gradients([size * rng.standard_normal(shape) for shape in SHAPES])
    mine = clip.clip_grad_norm_(ours, max_norm, norm_type)
    other = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    worst = abs(mine.item() - other.item()) / max(1, other.item())
    return max(worst, apart([p.grad for p in ours], [q.grad for q in theirs]))


@pytest.mark.parametrize("norm_type", [2.0, 1.0, 3.5, 0.5, math.inf])
@pytest.mark.parametrize("max_norm", [0.0, 0.5, 2, 1e6, math.inf])
@pytest.mark.parametrize("size", [1e-6, 1.0, 1e6])
def test_clipping_by_norm(max_norm, norm_type, size):
    assert clip_difference(max_norm, norm_type, size) <= TOLERANCE


def test_clipping_by_value():
    rng = np.random.default_rng(0)
    ours, theirs = with_gradients([rng.standard_normal(shape) for shape in SHAPES])
    clip.clip_grad_value_(ours, 0.4)
    torch.nn.utils.clip_grad_value_(theirs, 0.4)
    assert apart([p.grad for p in ours], [q.grad for q in theirs]) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_e11_clipping_what_is_not_finite(bad):
    ours, theirs = with_gradients([np.array([1.0, bad, -2.0]), np.array([3.0, 0.0])])
    mine, other = clip.clip_grad_norm_(ours, 1.0), torch.nn.utils.clip_grad_norm_(theirs, 1.0)
    np.testing.assert_array_equal(mine.item(), other.item())
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(p.grad.data, q.grad.numpy())


if __name__ == "__main__":
    for name, settings in OPTIMIZERS:
        print(f"{name:8s} {random_gradients(name, settings):.1e} {small_net(name, settings):.1e}  {settings}")
    for name, settings in SCHEDULES:
        print(f"{name:18s} {schedule_difference(lambda m, o: getattr(m, name)(o, **settings)):.1e}  {settings}")  # noqa: B023
    for make in (warm_up_then_cosine, three_in_turn):
        print(f"{make.__name__:18s} {schedule_difference(make):.1e}")
    norms = (2.0, 1.0, 3.5, 0.5, math.inf)
    print(f"clip_grad_norm_    {max(clip_difference(0.5, p, size) for p in norms for size in (1e-6, 1, 1e6)):.1e}")
