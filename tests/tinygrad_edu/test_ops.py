"""The laws of the op table: each holds for every row.  And a planted mistake in any row is caught."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import laws
import numpy as np
import pytest
from all_cases import CASES
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from laws import few
from op_cases import Call

from tinygrad_edu import TABLE, GradientError, Op, Tensor, backprop

DIFFERENTIABLE = [name for name, op in TABLE.items() if op.differentiable]
every_row = pytest.mark.parametrize("name", sorted(set(TABLE) & set(CASES)))
differentiable_rows = pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name in CASES])


def test_every_row_has_a_case() -> None:
    assert set(CASES) == set(TABLE), "give the new row a case in a cases_*.py: what to draw, and a second forward"


# ---- the laws --------------------------------------------------------------------------------------------


@every_row
@few
@given(st.data())
def test_A7_A8_A9_D1_the_laws_hold(name: str, data: st.DataObject) -> None:
    """One drawn call for all laws: to draw takes longer than to check."""
    op, second, call = TABLE[name], CASES[name].forward, data.draw(CASES[name].calls)
    laws.forward_is_right(op, second, call)
    laws.recording_changes_nothing(op, call)
    if not op.view:
        laws.values_are_not_the_inputs(op, call)
    if not op.differentiable:
        laws.nothing_is_tracked(op, call)
        return
    laws.first_derivative_is_right(op, second, call)
    laws.readings_agree(op, call)
    laws.gradients_fit(op, call)
    laws.twice_the_seed_is_twice_the_gradient(op, call)
    laws.a_second_sweep_doubles_the_gradient(op, call)
    laws.nothing_is_shared(op, call)
    narrow = {"dtype": np.dtype(np.float32)} if name == "astype" else {}
    laws.float32_stays_float32(op, Call(call.arrays, call.params | narrow))


@differentiable_rows
@settings(max_examples=few.max_examples // 2)
@given(st.data())
def test_second_derivative_is_right(name: str, data: st.DataObject) -> None:
    laws.second_derivative_is_right(TABLE[name], CASES[name].forward, data.draw(CASES[name].calls))


# ---- the table itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLE)
def test_a_row_is_named_explained_and_unique(name: str) -> None:
    op = TABLE[name]
    assert op.name == name
    assert op.formula
    assert repr(op) == f"<op {name}: {op.formula}>"


# ---- tests of the tests: a planted mistake is caught -----------------------------------------------------


@cache
def drawn(name: str) -> list[Call]:
    """40 calls of a row, for all its planted mistakes: to draw takes longer than to check."""
    calls: list[Call] = []

    @settings(max_examples=40, derandomize=True, database=None, phases=[Phase.generate])
    @given(CASES[name].calls)
    def collect(call: Call) -> None:
        calls.append(call)

    collect()
    return calls


def fails(law: Callable[..., None], op: Op, second: bool = True) -> bool:
    """Does the law find one of 40 drawn calls in which this row is wrong?"""
    try:
        for call in drawn(op.name):
            law(op, CASES[op.name].forward, call) if second else law(op, call)
    except (
        AssertionError,
        ValueError,
        TypeError,
        AttributeError,
        IndexError,
        GradientError,
    ):  # wrong shapes stop early
        return True
    return False


def with_rules(op: Op, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> list[Op]:
    """The row once for each of its rules, with that rule changed."""
    if callable(op.vjps):
        whole = op.vjps

        def changed(g: Any, z: Any, *xs: Any, **params: Any) -> list[Any]:
            return [change(_part(whole, i))(g, z, *xs, **params) for i in range(len(xs))]

        return [replace(op, vjps=changed)]
    rules = list(op.vjps)
    return [
        replace(op, vjps=(*rules[:i], change(rule), *rules[i + 1 :]))
        for i, rule in enumerate(rules)
        if rule is not None
    ]


def _part(whole: Callable[..., Any], i: int) -> Callable[..., Any]:
    return lambda *args, **params: whole(*args, **params)[i]


def scaled(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **params: rule(*args, **params) * (1 + 1e-8)


def flipped(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **params: -rule(*args, **params)


def shifted(rule: Callable[..., Any]) -> Callable[..., Any]:
    return lambda g, *args, **params: rule(g, *args, **params) + 1e-8 * g


def cut(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The right numbers, but no graph behind them: wrong in the second order only."""
    return lambda *args, **params: rule(*(Tensor(a) if isinstance(a, Tensor) else a for a in args), **params)


ZERO_SLOPE = {
    "sign",
    "floor",
    "ceil",
    "trunc",
    "rint",
    "floor_divide",
    "heaviside",
    "copysign",
}  # neither a factor nor a sign can be seen there


@pytest.mark.parametrize("mistake", [scaled, flipped])
@differentiable_rows
def test_T1_a_wrong_rule_is_caught(name: str, mistake: Callable[..., Any]) -> None:
    for row in with_rules(TABLE[name], shifted if name in ZERO_SLOPE else mistake):
        assert fails(laws.first_derivative_is_right, row)


@differentiable_rows
def test_T1_a_rule_wrong_in_the_second_order_only_is_caught(name: str) -> None:
    if name not in ZERO_SLOPE:
        for row in with_rules(TABLE[name], cut):
            assert not fails(laws.first_derivative_is_right, row)
            assert fails(laws.second_derivative_is_right, row)


@differentiable_rows
def test_T1_readings_that_differ_are_caught(name: str) -> None:
    def differs(rule: Callable[..., Any]) -> Callable[..., Any]:
        return lambda g, *args, **params: rule(g * (1 + 1e-12) if isinstance(g, Tensor) else g, *args, **params)

    if name not in ZERO_SLOPE:
        for row in with_rules(TABLE[name], differs):
            assert fails(laws.readings_agree, row, second=False)


SYMMETRIC = {"add", "floor_divide"}  # both rules are the same


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if not callable(TABLE[n].vjps) and len(TABLE[n].vjps) > 1])
def test_T1_swapped_rules_are_caught(name: str) -> None:
    *first, a, b = TABLE[name].vjps
    swapped = replace(TABLE[name], vjps=(*first, b, a))
    assert fails(laws.first_derivative_is_right, swapped) is (name not in SYMMETRIC)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, y, dot: y * (g + dot),
        lambda g, y, dot: -y * (g - dot),
        lambda g, y, dot: y * (dot - g),
        lambda g, y, dot: y * g,
        lambda g, y, dot: g - y * dot,
    ],
)
def test_T4_a_wrong_sign_inside_softmax_is_caught(wrong: Callable[..., Any]) -> None:
    """With a cotangent of ones the gradient is y (1 - 1) = 0: then some wrong signs look right."""

    def rule(g: Any, y: Any, x: Any, *, axis: Any) -> Any:
        return wrong(g, y, TABLE["sum"](g * y, axis=axis, keepdims=True))

    def right(g: Any, y: Any, x: Any, *, axis: Any) -> Any:
        return y * (g - TABLE["sum"](g * y, axis=axis, keepdims=True))

    softmax = TABLE["softmax"]
    assert fails(laws.first_derivative_is_right, replace(softmax, vjps=(rule,)))
    assert not fails(laws.first_derivative_is_right, replace(softmax, vjps=(right,)))


def test_T1_parts_of_the_wrong_input_are_caught() -> None:
    rule = TABLE["concatenate"].vjps

    def swapped(g: Any, z: Any, *xs: Any, axis: int) -> list[Any]:
        return rule(g, z, *xs, axis=axis)[::-1]

    row = replace(TABLE["concatenate"], vjps=swapped)
    assert fails(laws.first_derivative_is_right, row)


@pytest.mark.parametrize(
    "name", [n for n in DIFFERENTIABLE if TABLE[n].elementwise and len(TABLE[n].vjps) > 1] + ["broadcast_to", "linear"]
)
def test_T1_a_dropped_unbroadcast_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backprop, "_fitted", lambda g, x: g)
    assert fails(laws.first_derivative_is_right, TABLE[name])


@differentiable_rows
def test_T1_a_rule_that_returns_its_seed_as_a_view_shares_no_memory(name: str) -> None:
    """The sweep copies what a rule hands through: planted here, it would show in the leaf's gradient."""
    keeps_g = with_rules(TABLE[name], lambda rule: lambda g, z, *xs, **params: rule(g, z, *xs, **params)[...])
    for row in keeps_g:
        assert not fails(laws.nothing_is_shared, row, second=False)
