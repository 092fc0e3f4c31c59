"""The laws of the op table: each holds for every row.  And a planted mistake in any row is caught."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import laws
import numpy as np
import pytest
from all_cases import CASES
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from laws import few
from op_cases import Call, Case

from tinygrad_edu import TABLE, GradientError, Op, Tensor, backprop

DIFFERENTIABLE = [name for name, op in TABLE.items() if op.differentiable]
CONSTANT = [name for name, op in TABLE.items() if not op.differentiable]
every_row = pytest.mark.parametrize("name", sorted(set(TABLE) & set(CASES)))
differentiable_rows = pytest.mark.parametrize("name", [name for name in DIFFERENTIABLE if name in CASES])


def test_every_row_has_a_case() -> None:
    assert set(CASES) == set(TABLE), "give the new row a case in a cases_*.py: what to draw, and a second forward"


# ---- values ----------------------------------------------------------------------------------------------


@every_row
@few
@given(st.data())
def test_forward_is_right(name: str, data: st.DataObject) -> None:
    laws.forward_is_right(TABLE[name], CASES[name].forward, data.draw(CASES[name].calls))


@every_row
@few
@given(st.data())
def test_recording_changes_no_bit(name: str, data: st.DataObject) -> None:
    laws.recording_changes_nothing(TABLE[name], data.draw(CASES[name].calls))


@pytest.mark.parametrize("name", CONSTANT)
@few
@given(st.data())
def test_without_a_derivative_nothing_is_tracked(name: str, data: st.DataObject) -> None:
    call = data.draw(CASES[name].calls)
    z = TABLE[name](*(Tensor(a, requires_grad=a.dtype.kind == "f") for a in call.arrays), **call.params)
    assert (z.requires_grad, z.op, z.inputs) == (False, None, ())


@differentiable_rows
@few
@given(st.data())
def test_D1_float32_stays_float32(name: str, data: st.DataObject) -> None:
    call = data.draw(CASES[name].calls)
    if name == "astype":
        call.params["dtype"] = np.dtype(np.float32)
    laws.float32_stays_float32(TABLE[name], call)


# ---- derivatives -----------------------------------------------------------------------------------------


@differentiable_rows
@few
@given(st.data())
def test_first_derivative_is_right(name: str, data: st.DataObject) -> None:
    laws.first_derivative_is_right(TABLE[name], CASES[name].forward, data.draw(CASES[name].calls))


@differentiable_rows
@settings(max_examples=few.max_examples // 2)
@given(st.data())
def test_second_derivative_is_right(name: str, data: st.DataObject) -> None:
    laws.second_derivative_is_right(TABLE[name], CASES[name].forward, data.draw(CASES[name].calls))


@differentiable_rows
@few
@given(st.data())
def test_the_two_readings_agree(name: str, data: st.DataObject) -> None:
    laws.readings_agree(TABLE[name], data.draw(CASES[name].calls))


@differentiable_rows
@few
@given(st.data())
def test_a_gradient_has_shape_dtype_and_type_of_its_tensor(name: str, data: st.DataObject) -> None:
    laws.gradients_fit(TABLE[name], data.draw(CASES[name].calls))


@differentiable_rows
@few
@given(st.data())
def test_twice_the_seed_is_twice_the_gradient(name: str, data: st.DataObject) -> None:
    laws.twice_the_seed_is_twice_the_gradient(TABLE[name], data.draw(CASES[name].calls))


@differentiable_rows
@few
@given(st.data())
def test_A7_a_second_sweep_doubles_the_gradient(name: str, data: st.DataObject) -> None:
    laws.a_second_sweep_doubles_the_gradient(TABLE[name], data.draw(CASES[name].calls))


@differentiable_rows
@few
@given(st.data())
def test_A8_A9_no_memory_is_shared_and_nothing_is_changed(name: str, data: st.DataObject) -> None:
    laws.nothing_is_shared(TABLE[name], data.draw(CASES[name].calls))


# ---- the table itself ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", TABLE)
def test_a_row_is_named_explained_and_unique(name: str) -> None:
    op = TABLE[name]
    assert op.name == name
    assert op.formula
    assert repr(op) == f"<op {name}: {op.formula}>"


@pytest.mark.parametrize("name", [name for name, op in TABLE.items() if not op.view])
@few
@given(st.data())
def test_only_a_view_shares_memory_with_its_input(name: str, data: st.DataObject) -> None:
    call = data.draw(CASES[name].calls)
    z = np.asarray(TABLE[name](*call.arrays, **call.params))
    assert not any(np.shares_memory(z, a) for a in call.arrays)


# ---- tests of the tests: a planted mistake is caught -----------------------------------------------------


def fails(law: Callable[..., None], op: Op, case: Case, second: bool = True) -> bool:
    """Does the law find one of 40 drawn calls in which this row is wrong?"""

    @settings(max_examples=40, derandomize=True, database=None, phases=[Phase.generate], report_multiple_bugs=False)
    @given(case.calls)
    def run(call: Call) -> None:
        law(op, case.forward, call) if second else law(op, call)

    try:
        run()
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
        assert fails(laws.first_derivative_is_right, row, CASES[name])


@differentiable_rows
def test_T1_a_rule_wrong_in_the_second_order_only_is_caught(name: str) -> None:
    if name not in ZERO_SLOPE:
        for row in with_rules(TABLE[name], cut):
            assert not fails(laws.first_derivative_is_right, row, CASES[name])
            assert fails(laws.second_derivative_is_right, row, CASES[name])


@differentiable_rows
def test_T1_readings_that_differ_are_caught(name: str) -> None:
    def differs(rule: Callable[..., Any]) -> Callable[..., Any]:
        return lambda g, *args, **params: rule(g * (1 + 1e-12) if isinstance(g, Tensor) else g, *args, **params)

    if name not in ZERO_SLOPE:
        for row in with_rules(TABLE[name], differs):
            assert fails(laws.readings_agree, row, CASES[name], second=False)


SYMMETRIC = {"add", "floor_divide"}  # both rules are the same


@pytest.mark.parametrize("name", [n for n in DIFFERENTIABLE if not callable(TABLE[n].vjps) and len(TABLE[n].vjps) > 1])
def test_T1_swapped_rules_are_caught(name: str) -> None:
    *first, a, b = TABLE[name].vjps
    swapped = replace(TABLE[name], vjps=(*first, b, a))
    assert fails(laws.first_derivative_is_right, swapped, CASES[name]) is (name not in SYMMETRIC)


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
    assert fails(laws.first_derivative_is_right, replace(softmax, vjps=(rule,)), CASES["softmax"])
    assert not fails(laws.first_derivative_is_right, replace(softmax, vjps=(right,)), CASES["softmax"])


def test_T1_parts_of_the_wrong_input_are_caught() -> None:
    rule = TABLE["concatenate"].vjps

    def swapped(g: Any, z: Any, *xs: Any, axis: int) -> list[Any]:
        return rule(g, z, *xs, axis=axis)[::-1]

    row = replace(TABLE["concatenate"], vjps=swapped)
    assert fails(laws.first_derivative_is_right, row, CASES["concatenate"])


@pytest.mark.parametrize(
    "name", [n for n in DIFFERENTIABLE if TABLE[n].elementwise and len(TABLE[n].vjps) > 1] + ["broadcast_to", "linear"]
)
def test_T1_a_dropped_unbroadcast_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backprop, "_fitted", lambda g, x: g)
    assert fails(laws.first_derivative_is_right, TABLE[name], CASES[name])


@differentiable_rows
def test_T1_a_rule_that_returns_its_seed_as_a_view_shares_no_memory(name: str) -> None:
    """The sweep copies what a rule hands through: planted here, it would show in the leaf's gradient."""
    keeps_g = with_rules(TABLE[name], lambda rule: lambda g, z, *xs, **params: rule(g, z, *xs, **params)[...])
    for row in keeps_g:
        assert not fails(laws.nothing_is_shared, row, CASES[name], second=False)
