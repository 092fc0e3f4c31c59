"""Clipping: by hand, what is not finite, and all gradients or none."""

import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose

import nn.utils
from nn.clip import clip_grad_norm_, clip_grad_value_
from nn.optim import SGD
from tinygrad_edu import DtypeError, GradientError, Tensor


def with_grad(grad, dtype=np.float64):
    p = Tensor(np.zeros(np.shape(grad)), requires_grad=True, dtype=dtype)
    p.grad = grad
    return p


def grads(ps):
    return [None if p.grad is None else p.grad.tolist() for p in ps]


def test_the_norm_is_over_all_parameters_together():
    """(3, 4) and 12: the norm is 13."""
    ps = [with_grad([3.0, 4.0]), with_grad(12.0), Tensor(1.0, requires_grad=True)]
    assert clip_grad_norm_(ps, 1.0).item() == 13.0
    assert_allclose(ps[0].grad.data, np.array([3, 4]) / (13 + 1e-6), rtol=1e-15)
    assert_allclose(ps[1].grad.item(), 12 / (13 + 1e-6), rtol=1e-15)
    assert ps[2].grad is None


@pytest.mark.parametrize(("norm_type", "norm"), [(1, 19.0), (2.0, 13.0), (math.inf, 12.0), (np.inf, 12.0)])
def test_norms_by_hand(norm_type, norm):
    ps = [with_grad([-3.0, 4.0]), with_grad([[-12.0]])]
    assert_allclose(clip_grad_norm_(ps, 1e9, norm_type).item(), norm, rtol=1e-15)


def test_gradients_that_are_small_enough_stay_bit_for_bit():
    ps = [with_grad([0.3, -0.4]), with_grad(0.1)]
    before = [p.grad for p in ps]
    clip_grad_norm_(ps, 1.0)
    assert all(p.grad is g for p, g in zip(ps, before, strict=True))


def test_e11_gradients_of_zero_and_none_at_all():
    ps = [with_grad([0.0, 0.0])]
    assert clip_grad_norm_(ps, 1.0).item() == 0.0
    assert clip_grad_norm_(ps, 0.0).item() == 0.0
    assert grads(ps) == [[0.0, 0.0]]
    assert clip_grad_norm_([], 1.0).item() == 0.0
    assert clip_grad_norm_([Tensor(1.0, requires_grad=True)], 1.0).item() == 0.0
    assert clip_grad_norm_([with_grad(np.zeros((0, 3)))], 1.0).item() == 0.0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("norm_type", [1.0, 2.0, math.inf])
def test_e11_what_is_not_finite_is_reported_and_raises_if_wanted(bad, norm_type):
    ps = [with_grad([1.0, bad]), with_grad(2.0)]
    before = [p.grad for p in ps]
    with pytest.raises(GradientError, match=r"norm of the gradients is (nan|inf).*unchanged"):
        clip_grad_norm_(ps, 1.0, norm_type, error_if_nonfinite=True)
    assert all(p.grad is g for p, g in zip(ps, before, strict=True))
    norm = clip_grad_norm_(ps, 1.0, norm_type).item()
    expected = [math.nan, math.nan, math.nan] if math.isnan(bad) else [0.0, math.nan, 0.0]
    np.testing.assert_equal(norm, abs(bad))
    np.testing.assert_equal([*ps[0].grad.tolist(), ps[1].grad.item()], expected)


@pytest.mark.parametrize("size", [1e30, 1e-30])
def test_a_norm_in_float32_neither_overflows_nor_underflows(size):
    ps = [with_grad(np.full((2, 2), size), np.float32)]
    norm = clip_grad_norm_(ps, size)
    assert norm.dtype == np.float32
    assert_allclose(norm.item(), 2 * size, rtol=1e-6)
    assert ps[0].grad.dtype == np.float32
    if size > 1:
        assert_allclose(ps[0].grad.data, size / 2, rtol=1e-6)


def test_a_norm_that_float32_cannot_hold_is_inf_and_the_gradients_are_clipped():
    ps = [with_grad(np.full(100, 3e38), np.float32)]
    assert clip_grad_norm_(ps, 100.0).item() == math.inf
    assert_allclose(ps[0].grad.data, 10.0, rtol=1e-6)


def test_d18_a_tied_parameter_counts_once():
    p = with_grad([3.0, 4.0])
    assert clip_grad_norm_([p, p], 2.5).item() == 5.0
    assert_allclose(p.grad.data, [1.5, 2.0], rtol=1e-6)


def test_one_parameter_or_a_generator_may_be_given():
    p = with_grad([3.0, 4.0])
    assert clip_grad_norm_(p, 10.0).item() == 5.0
    assert clip_grad_norm_((q for q in [p]), 10.0).item() == 5.0
    clip_grad_value_(p, 1.0)
    assert p.grad.tolist() == [1.0, 1.0]


def test_by_value_every_entry_is_cut_off():
    ps = [with_grad([-3.0, 0.5, math.nan, math.inf]), with_grad(-7.0), Tensor(1.0, requires_grad=True)]
    assert clip_grad_value_(ps, 2.0) is None
    np.testing.assert_equal(grads(ps), [[-2.0, 0.5, math.nan, 2.0], -2.0, None])


@given(
    g=hnp.arrays(np.float64, st.integers(1, 6), elements=st.integers(-24, 24).map(lambda k: k / 8)),
    max_norm=st.floats(0.01, 10),
    p=st.sampled_from([1.0, 2.0, 3.0, math.inf]),
)
def test_afterwards_the_norm_is_at_most_max_norm_and_the_direction_is_the_same(g, max_norm, p):
    t = with_grad(g)
    norm = clip_grad_norm_([t], max_norm, p).item()
    assert_allclose(norm, np.linalg.norm(g, p), rtol=1e-14)
    assert np.linalg.norm(t.grad.data, p) <= max_norm * (1 + 1e-14)
    assert_allclose(t.grad.data * max(norm, max_norm), g * min(max(norm, max_norm), max_norm) * 1.0, rtol=1e-3)
    assert np.linalg.norm(t.grad.data, p) >= min(norm, max_norm) * (1 - 1e-3)


def test_a_step_takes_the_clipped_gradient_and_the_old_array_stays():
    p = with_grad([3.0, 4.0])
    old = p.grad.data
    clip_grad_norm_([p], 5e-6)
    SGD([p], lr=1.0).step()
    assert old.tolist() == [3.0, 4.0]
    assert_allclose(p.data, [-3e-6, -4e-6], rtol=1e-6)


@pytest.mark.parametrize("clip", [clip_grad_norm_, clip_grad_value_])
def test_ctrl_c_anywhere_leaves_all_gradients_clipped_or_none(clip):
    def fresh():
        return [with_grad([3.0, 4.0]), with_grad(12.0)]

    done = fresh()
    clip(done, 1.0)
    n, torn, left = 0, [], 1

    def trace(frame, event, arg):
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    while left <= 0 or n == 0:
        n += 1
        ps, left = fresh(), n
        sys.settrace(trace)
        try:
            clip(ps, 1.0)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        if grads(ps) not in (grads(fresh()), grads(done)):
            torn.append(n)
    assert n > 100
    assert torn == []


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda p: clip_grad_norm_(p, "1"), DtypeError, "max_norm is one number"),
        (lambda p: clip_grad_norm_(p, -1.0), ValueError, "max_norm"),
        (lambda p: clip_grad_norm_(p, math.nan), ValueError, "max_norm"),
        (lambda p: clip_grad_norm_(p, [1.0, 2.0]), DtypeError, "max_norm"),
        (lambda p: clip_grad_norm_(p, 1.0, 0), ValueError, "norm_type is above 0"),
        (lambda p: clip_grad_norm_(p, 1.0, -2), ValueError, "norm_type"),
        (lambda p: clip_grad_norm_(3, 1.0), DtypeError, r"net\.parameters\(\)"),
        (lambda p: clip_grad_norm_([np.ones(2)], 1.0), DtypeError, r"net\.parameters\(\)"),
        (lambda p: clip_grad_value_(p, None), DtypeError, "clip_value"),
        (lambda p: clip_grad_value_(p, -1), ValueError, "clip_value"),
    ],
)
def test_a_wrong_argument_is_explained_and_changes_nothing(wrong, error, words):
    p = with_grad([3.0, 4.0])
    with pytest.raises(error, match=words):
        wrong([p])
    assert p.grad.tolist() == [3.0, 4.0]


def test_swapped_imports_find_it():
    assert nn.utils.clip_grad_norm_ is clip_grad_norm_
    assert nn.utils.clip_grad_value_ is clip_grad_value_
