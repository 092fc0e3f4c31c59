"""The gradient check is checked itself: mistakes planted in every row are found and named, and nothing else is."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from all_cases import CASES
from hypothesis import Phase, given, settings
from op_cases import Call

import nn
import tinygrad_edu as te
from nn import lecture
from tinygrad_edu import TABLE, Op, Tensor, backprop
from tinygrad_edu.checking import Report, assert_gradients, check_gradients, compare
from tinygrad_edu.checking.diagnosis import CAUSES, likely_cause, ratios
from tinygrad_edu.errors import GradientCheckError, GradientError

ROOT = Path(te.__file__).parent.parent
ROWS = [name for name, op in TABLE.items() if op.differentiable and name in CASES]
ZERO_SLOPE = {"sign", "floor", "ceil", "trunc", "rint", "floor_divide", "heaviside"}
FLAT = {("copysign", 1)}  # nor there along one of the inputs
SYMMETRIC_INPUT = {"cholesky"}  # reads one triangle, and has the gradient of symmetric matrices

every_row = pytest.mark.parametrize("name", ROWS)
planted_rows = pytest.mark.parametrize("name", [n for n in ROWS if n not in ZERO_SLOPE | SYMMETRIC_INPUT])


DEEP = settings.default.max_examples > 1000  # the nightly profile
ENOUGH = 1000 if DEEP else 3  # calls in which a planted mistake shows, for each rule


@cache
def drawn(name: str, count: int) -> list[Call]:
    """Always the same calls of a row."""
    calls: list[Call] = []

    @settings(max_examples=count, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
    @given(CASES[name].calls)
    def collect(call: Call) -> None:
        calls.append(call)

    collect()
    return calls


def tracked(op: Op, call: Call) -> list[int]:
    def has_rule(i: int) -> bool:
        return callable(op.vjps) or op.vjps[i] is not None

    return [i for i, a in enumerate(call.arrays) if a.dtype.kind == "f" and has_rule(i)]


def checked(op: Op, call: Call, **how: Any) -> Report | None:
    """The check of one call of a row; None if there is nothing to check."""
    places = tracked(op, call)
    if not places:
        return None

    def f(*xs: Any) -> Any:
        arrays = list(call.arrays)
        for i, x in zip(places, xs, strict=True):
            arrays[i] = (x + x.mT) / 2 if op.name in SYMMETRIC_INPUT else x
        return op(*arrays, **call.params)

    return check_gradients(f, *(call.arrays[i] for i in places), **how)


def with_rule(op: Op, i: int, change: Callable[..., Any]) -> Op:
    """The row with one rule changed: change(part, z, x) is what the rule of x gives."""
    rules = op.vjps
    if callable(rules):

        def parts(g: Any, z: Any, *xs: Any, **params: Any) -> list[Any]:
            found = list(rules(g, z, *xs, **params))
            found[i] = change(found[i], z, xs[i])
            return found

        return replace(op, vjps=parts)

    def one(g: Any, z: Any, *xs: Any, **params: Any) -> Any:
        return change(rules[i](g, z, *xs, **params), z, xs[i])

    return replace(op, vjps=(*rules[:i], one, *rules[i + 1 :]))


SQUARE = np.array([[0.3, 0.9, 1.4], [0.5, 0.8, 0.2], [1.1, 0.6, 0.7]])
OBLONG = SQUARE[:2]


def matrices_of(name: str, array: Any) -> list[Call]:
    """An elementwise row at matrices without any symmetry."""
    if name == "broadcast_to":
        return [Call((SQUARE,), {"shape": (2, 3, 3)})]
    if not TABLE[name].elementwise:
        return []
    (call, *_) = drawn(name, 3)
    params = {"lo": 0.1, "hi": 3.0} if name == "clip" else call.params
    for first in (0.6 * array, array + 1):
        arrays = [first * (1 + 0.3 * i) + 0.05 * i for i in range(len(call.arrays))]
        if call.arrays[0].dtype.kind == "b":
            arrays[0] = np.array([[True, True, False], [False, True, False], [True, False, True]])[: len(array)]
        with np.errstate(all="ignore"):
            if np.all(np.isfinite(TABLE[name](*arrays, **params))):
                return [Call(tuple(arrays), params)]
    return []


def places_of(op: Op) -> list[int]:
    rules = 1 if callable(op.vjps) else len(op.vjps)
    return [i for i in range(rules) if (callable(op.vjps) or op.vjps[i] is not None) and (op.name, i) not in FLAT]


def causes(name: str, change: Callable[..., Any], first: Callable[..., Any] | None = None) -> list[str]:
    """What the check says of some calls of the row in which a mistake shows; each of the rules has one in turn.

    first    first(x, z): the calls to begin with, seen from the input whose rule is wrong and from the output
    """
    found = []
    for i in places_of(TABLE[name]):
        before = len(found)
        calls = [*matrices_of(name, SQUARE), *drawn(name, 14)]
        if first is not None:
            calls.sort(key=lambda call, i=i: not first(call.arrays[i], TABLE[name](*call.arrays, **call.params)))
        for call in calls:
            if len(found) >= before + ENOUGH:
                break
            report = checked(with_rule(TABLE[name], i, change), call)
            if report is not None and not report.ok:
                assert report.cause is not None
                assert report.op == name
                found.append(report.cause.kind)
        assert len(found) > before, f"the mistake in rule {i} of {name} was not found"
    return found


def most(kinds: list[str]) -> str:
    return max(sorted(set(kinds)), key=kinds.count)


# ---- nothing is accused falsely --------------------------------------------------------------------------


@every_row
@pytest.mark.parametrize("order", [1, 2])
def test_no_row_is_falsely_accused(name: str, order: int) -> None:
    for call in drawn(name, 14):
        report = checked(TABLE[name], call, order=order)
        assert report is None or report.ok, report


@every_row
def test_no_row_is_falsely_accused_in_float32(name: str) -> None:
    for call in drawn(name, 14)[:5]:
        arrays = tuple(a.astype(np.float32) if a.dtype.kind == "f" else a for a in call.arrays)
        report = checked(TABLE[name], Call(arrays, call.params))
        assert report is None or (report.ok and "float32 values were checked in float64" in report.notes), report


# ---- T1: planted mistakes --------------------------------------------------------------------------------


@planted_rows
@pytest.mark.parametrize(("factor", "kind"), [(1.001, "scaled"), (-1, "sign"), (2, "missing 1/2"), (0.5, "half")])
def test_T1_a_wrong_factor_is_found_and_named(name: str, factor: float, kind: str) -> None:
    kinds = causes(name, lambda part, z, x: part * factor)
    assert most(kinds) == kind
    assert set(kinds) <= {kind, "swapped"}  # where both operands have opposite gradients, either may be the mistake


def test_T1_a_slope_where_there_is_none() -> None:
    assert causes("sign", lambda part, z, x: part + x)


@planted_rows
def test_T1_a_sum_over_the_batch_instead_of_the_mean_is_found_and_named(name: str) -> None:
    def is_batch(x: Any, z: Any) -> bool:
        return np.shape(x)[:1] > (2,) or np.shape(z)[:1] == (3,)

    kinds = causes(name, lambda part, z, x: part * (x.shape[0] if len(x.shape) and x.shape[0] > 2 else 3), is_batch)
    assert most([k for k in kinds if k != "scaled"]) == "batch"  # scaled: where no size is 3


SYMMETRIC_GRADIENT = {"eigvalsh", "eigvectors"}  # its transpose is itself


@pytest.mark.parametrize("name", [n for n in ROWS if n not in ZERO_SLOPE | SYMMETRIC_INPUT | SYMMETRIC_GRADIENT])
@pytest.mark.parametrize("array", [SQUARE, OBLONG], ids=["square", "oblong"])
def test_T1_a_transposed_gradient_is_found_and_named(name: str, array: Any) -> None:
    found = 0
    op = TABLE[name]
    for i in places_of(op):
        before = found
        row = with_rule(op, i, lambda part, z, x: part.mT if len(part.shape) > 1 else part)
        for call in [*matrices_of(name, array), *drawn(name, 14)]:
            if found > before and not DEEP:
                break
            report = checked(row, call)
            if report is not None and not report.ok:
                assert report.cause is not None
                assert report.op == name
                found += report.cause.kind == "transposed"
    assert found > 0


BINARY = [
    n
    for n in ROWS
    if n not in ZERO_SLOPE | {"copysign"}
    and not callable(TABLE[n].vjps)
    and len(TABLE[n].vjps) > 1
    and None not in TABLE[n].vjps[-2:]
]


@pytest.mark.parametrize("name", [n for n in BINARY if n != "add"])  # both rules of add are the same
def test_T1_swapped_operands_are_found_and_named(name: str) -> None:
    op = TABLE[name]
    *first, a, b = op.vjps
    row = replace(op, vjps=(*first, b, a))
    kinds = []
    for call in drawn(name, 40):
        if len(kinds) >= 3 * ENOUGH:
            break
        report = checked(row, call)
        if report is not None and not report.ok:
            assert report.cause is not None
            kinds.append(report.cause.kind)
    assert most(kinds) == "swapped", kinds


@pytest.mark.parametrize("name", [n for n in BINARY if TABLE[n].elementwise] + ["broadcast_to", "linear"])
def test_T1_a_dropped_unbroadcast_is_found_and_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backprop, "_fitted", lambda g, x: g)
    kinds = []
    for call in drawn(name, 40):
        if len(kinds) >= 3 * ENOUGH:
            break
        report = checked(TABLE[name], call)
        if report is not None and not report.ok:
            assert report.cause is not None
            kinds.append(report.cause.kind)
    assert most(kinds) == "broadcast", kinds


def cut(rule: Callable[..., Any]) -> Callable[..., Any]:
    """The right numbers, but no graph behind them."""
    return lambda *args, **params: rule(*(Tensor(a) if isinstance(a, Tensor) else a for a in args), **params)


@planted_rows
def test_T1_a_mistake_in_the_second_order_only_is_found_and_named(name: str) -> None:
    op = TABLE[name]
    rows = [replace(op, vjps=cut(op.vjps))] if callable(op.vjps) else []
    if not rows:
        rows = [replace(op, vjps=tuple(cut(r) if k == i else r for k, r in enumerate(op.vjps))) for i in places_of(op)]
    for row in rows:
        kinds = []
        for call in drawn(name, 14):
            if len(kinds) >= ENOUGH:
                break
            both = checked(row, call, order=2)
            if both is not None and not both.ok:
                assert both.cause is not None
                assert both.order == 2  # so the first order was right
                assert both.op == name
                kinds.append(both.cause.kind)
        assert set(kinds) == {"second order"}


def test_T1_a_rule_that_gives_other_numbers_on_tensors() -> None:
    op = TABLE["exp"]
    row = replace(op, vjps=(lambda g, y, x: g * y * (2 if isinstance(g, Tensor) else 1),))
    assert check_gradients(row, [0.3, 1.0]).ok
    report = check_gradients(row, [0.3, 1.0], order=2)
    assert report.cause is not None
    assert report.cause.kind == "readings"
    assert not report.ok


def test_T1_a_rule_that_raises() -> None:
    def broken(g: Any, y: Any, x: Any) -> Any:
        raise ZeroDivisionError("no such thing")

    report = check_gradients(replace(TABLE["exp"], vjps=(broken,)), [0.3, 1.0])
    assert "ZeroDivisionError: no such thing" in str(report)
    assert not report.ok


# ---- a network, and what else people check ---------------------------------------------------------------


def network() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(3)
    net = nn.MLP([4, 3, 2], rng=rng)
    x, y = rng.random((5, 4)), np.eye(2)[[0, 1, 1, 0, 1]]
    return net, x, y


@pytest.mark.parametrize("order", [1, 2])
def test_a_network_is_right(order: int) -> None:
    net, x, y = network()
    before = net.state_dict()
    report = check_gradients(lambda: nn.QuadraticCost()(net(x), y), parameters=net, order=order)
    assert report.ok, report
    assert [c.name for c in report.compared] == ["w2", "b2", "w3", "b3"]
    assert sum(c.checked for c in report.compared) == 4 * 3 + 3 + 3 * 2 + 2
    after = net.state_dict()
    assert all(np.array_equal(before[k], after[k]) and before[k].dtype == after[k].dtype for k in before)
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize(
    "given",
    [lambda net: net.parameters(), lambda net: net.named_parameters(), lambda net: dict(net.named_parameters())],
    ids=["list", "pairs", "dict"],
)
def test_parameters_in_every_form(given: Any) -> None:
    net, x, y = network()
    assert check_gradients(lambda x, y: nn.QuadraticCost()(net(x), y), x, y, parameters=given(net)).ok


def test_the_message_of_the_design() -> None:
    _, other = TABLE["quadratic_cost"].vjps
    wrong = replace(TABLE["quadratic_cost"], vjps=(lambda g, c, a, y: g * (a - y) * (2 / len(a)), other))
    net, x, y = network()
    with pytest.raises(GradientCheckError) as caught:
        assert_gradients(lambda: wrong(net(x), y), parameters=net)
    message = str(caught.value)
    assert message.startswith("dC/dw3 differs at w3[") or message.startswith("dC/d")
    assert "(ratio 2.000 in " in message
    assert "A constant ratio of 2 often means a missing 1/2 in the cost" in message
    assert "op: quadratic_cost" in message
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, GradientError)


def test_the_op_is_named_in_the_middle_of_a_network() -> None:
    wrong = replace(TABLE["sigmoid"], vjps=(lambda g, y, x: -g * y * (1 - y),))
    net, x, y = network()
    report = check_gradients(lambda: ((net[2](wrong(net[0](x))) - y) ** 2).mean(), parameters=net)
    assert report.op == "sigmoid"
    assert report.cause is not None
    assert report.cause.kind == "sign"


def test_parameters_come_back_after_an_error() -> None:
    net, x, _ = network()
    before, calls = net.state_dict(), 0

    def fails_late() -> Any:
        nonlocal calls
        calls += 1
        if calls == 7:
            raise KeyboardInterrupt
        return net(x).sum()

    with pytest.raises(KeyboardInterrupt):
        check_gradients(fails_late, parameters=net)
    assert all(np.array_equal(before[k], v) and before[k].dtype == v.dtype for k, v in net.state_dict().items())


def test_a_part_outside_the_graph() -> None:
    report = check_gradients(lambda x: x * x + x * Tensor(x.data), np.array([0.3, -1, 2]))
    assert report.cause is not None
    assert report.cause.kind == "detached"
    assert not report


def test_large_inputs_are_drawn_from_and_the_rest_is_checked_together() -> None:
    x = np.random.default_rng(0).normal(size=2000)
    report = check_gradients(lambda x: (x * x).sum(), x, entries=20)
    assert report.ok
    assert report.compared[0].checked == 20

    def one_is_wrong(g: Any, y: Any, x: Any) -> Any:
        slope = 2 * x
        slope[1234] *= 3
        return g * slope

    square = Op("square", lambda x: x * x, (one_is_wrong,), "x²", elementwise=True)
    report = check_gradients(square, x, entries=20)
    assert not report.ok
    assert report.worst is not None
    assert report.worst[1] == (1234,)


def test_settings_and_kinds_of_input() -> None:
    assert check_gradients(lambda x, k: x * k, 2.0, 3).compared[0].name == "x"
    a, b = Tensor(2.0, requires_grad=True, name="alpha"), Tensor(3.0)
    assert [c.name for c in check_gradients(lambda x, y: x * y, a, b).compared] == ["alpha"]
    assert [c.name for c in check_gradients(lambda x, y: x * y, 2.0, 3.0, names=["p", "q"]).compared] == ["p", "q"]
    with pytest.raises(ValueError, match="order"):
        check_gradients(te.exp, 1.0, order=3)
    with pytest.raises(GradientError, match="nothing to check"):
        check_gradients(te.exp, 1)
    with pytest.raises(GradientError, match="must return a Tensor"):
        check_gradients(lambda x: x.item() * 2, 1.0)
    with te.no_grad():
        assert check_gradients(te.exp, 1.0, order=2).ok


def test_a_function_that_is_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    report = check_gradients(lambda x: x * rng.random(), 1.0)
    assert report.cause is not None
    assert report.cause.kind == "not deterministic"
    assert not report.ok


# ---- the differences know what they do not know ----------------------------------------------------------


@pytest.mark.parametrize("f", [te.relu, te.absolute, lambda x: te.maximum(x, 0.0), lambda x: te.clip(x, 0.0, 5.0)])
@pytest.mark.parametrize("order", [1, 2])
def test_a_kink_is_called_a_kink(f: Any, order: int) -> None:
    report = check_gradients(f, [0.0, 1.0, -2.0], order=order)
    assert report.ok
    assert report.cause is not None
    assert report.cause.kind == "kink"
    assert report.compared[0].kinks.tolist() == [True, False, False] or order == 2
    assert "kink" in str(report)


@pytest.mark.parametrize("near", [1e-9, 1e-6, 1e-4])
def test_close_to_a_kink_nothing_is_accused(near: float) -> None:
    assert check_gradients(lambda x: x.relu() * 3, [near, -near, 1.0]).ok


def test_a_wrong_slope_at_a_kink_is_wrong() -> None:
    row = replace(TABLE["relu"], vjps=(lambda g, y, x: g * np.where(x < 0, 0, np.where(x == 0, 7, 1)),))
    report = check_gradients(row, [0.0, 1.0])
    assert not report.ok


def test_a_kink_that_cancels_is_a_special_point() -> None:
    report = check_gradients(lambda x: x.relu() - (-x).relu(), [0.0, 1.0])  # f = x, and backward() says 0 at 0
    assert report.cause is not None
    assert report.cause.kind == "special point"
    assert not report.ok


def test_the_edge_of_a_domain_is_not_reliable_and_not_a_mistake() -> None:
    report = check_gradients(te.sqrt, [0.0, 4.0])
    assert report.ok
    assert report.compared[0].unreliable.tolist() == [True, False]
    assert check_gradients(te.sqrt, [0.0]).cause.kind == "unreliable"  # type: ignore[union-attr]


def test_complex_numbers_are_used_where_they_are_right_only() -> None:
    assert check_gradients(te.exp, [1.0]).method == "complex step"
    assert check_gradients(lambda x: x.exp(), [1.0]).method == "central differences"
    assert check_gradients(te.absolute, [1.0, -2.0]).ok
    assert check_gradients(lambda x: x * te.absolute(x), [1.0, -2.0]).method == "central differences"
    forgotten = replace(TABLE["absolute"], vjps=(lambda g, y, x: g * 0 * x,))  # as the complex step believes, too
    assert not check_gradients(lambda x: x * forgotten(x), [1.0, -2.0]).ok


def test_float32_inside_is_said_and_not_accused() -> None:
    report = check_gradients(lambda x: x.astype(np.float32).exp(), [0.3, 1.0])
    assert report.ok
    assert "3 digits" in str(report)
    row = replace(TABLE["exp"], vjps=(lambda g, y, x: 2 * g * y,))
    assert not check_gradients(lambda x: row(x.astype(np.float32)), [0.3, 1.0]).ok


# ---- by hand ---------------------------------------------------------------------------------------------


def by_hand() -> tuple[Any, Any, Any, Any, Callable[..., float]]:
    rng = np.random.default_rng(1)
    w = [None, None, rng.normal(size=(3, 3)), rng.normal(size=(2, 3))]
    b = [None, None, rng.normal(size=3), rng.normal(size=2)]
    x, y = rng.random((5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]

    def cost(w2: Any, w3: Any) -> float:
        return lecture.cost(lecture.feed_forward([None, None, w2, w3], b, x)[1][-1], y)

    return w, b, x, y, cost


@pytest.mark.parametrize(
    ("mistake", "kind"),
    [
        (lambda d: d, None),
        (lambda d: 2 * d, "missing 1/2"),
        (lambda d: -d, "sign"),
        (lambda d: 5 * d, "batch"),
        (lambda d: d / 5, "averaged"),
        (lambda d: d.T, "transposed"),
        (lambda d: 1.01 * d, "scaled"),
        (lambda d: 0 * d, "zero"),
        (lambda d: d + 0.5, "shift"),
        (lambda d: d + np.where(np.arange(d.size).reshape(d.shape) == 4, 0.3, 0), "some entries"),
        (lambda d: d * np.linspace(1, 2, d.size).reshape(d.shape), "unknown"),
        (lambda d: d / np.zeros_like(d), "nan"),
        (lambda d: d[0], "shape"),
    ],
)
def test_a_derivation_by_hand_of_the_four_equations(mistake: Any, kind: str | None) -> None:
    w, b, x, y, cost = by_hand()
    right = lecture.backpropagate(w, b, x, y).dC_dw[2:]
    with np.errstate(all="ignore"):
        report = compare([mistake(right[0]), right[1]], cost, w[2], w[3])
    assert (report.cause.kind if report.cause else None) == kind
    assert report.ok is (kind is None)
    if kind in ("missing 1/2", "sign"):
        assert "dC/dw2 differs at w2[" in str(report)


def test_biases_by_hand_with_the_mean_forgotten() -> None:
    w, b, x, y, _ = by_hand()
    delta = lecture.backpropagate(w, b, x, y).delta[3]

    def cost(b3: Any) -> float:
        return lecture.cost(lecture.feed_forward(w, [*b[:3], b3], x)[1][-1], y)

    assert compare(delta, cost, b[3]).cause.kind == "not averaged"  # type: ignore[union-attr]
    assert compare(delta.sum(0), cost, b[3]).cause.kind == "batch"  # type: ignore[union-attr]
    assert compare(delta.mean(0), cost, b[3]).ok


def test_by_hand_with_tensors_and_with_given_numbers() -> None:
    x = np.array([1.0, 2.0, 3.0])
    assert compare(2 * x, lambda x: (x * x).sum(), x).ok
    assert compare(x.exp() if False else np.exp(x), lambda x: x.exp().sum(), x).ok  # a method that arrays lack
    report = compare(2 * x, x, names=["w"])
    assert report.cause is not None
    assert report.cause.kind == "missing 1/2"


def test_numeric_slopes_made_in_float32_scatter() -> None:
    x = np.random.default_rng(0).normal(size=40)
    h = np.float32(1e-4)
    steps = [(np.float32(v) + h, np.float32(v)) for v in x]
    numeric = np.array([(np.exp(a) - np.exp(c)) / h for a, c in steps])
    report = compare(np.exp(x), numeric)
    assert report.cause is not None
    assert report.cause.kind == "float32 step"


def test_ratios_count_what_agrees() -> None:
    r = ratios(np.array([2.0, 4.0, 3.0, 0.0]), np.array([1.0, 2.0, 3.0, 0.0]))
    assert (r.value, r.agreeing, r.count) == (2, 2, 3)
    assert str(r) == "ratio 2.000 in 2 of 3 entries"


def test_every_cause_can_be_said() -> None:
    words = dict.fromkeys(("ratio", "also", "size", "name", "other", "shape", "given", "wrong", "count", "error"), "…")
    for text in CAUSES.values():
        assert text.format(shift=1.0, **words).strip()
    assert likely_cause([np.ones(2)], [np.full(2, 3.0)], [True], 0, ["w"]).kind == "scaled"


# ---- the script ------------------------------------------------------------------------------------------


def run(script: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, env=environment)


@pytest.mark.parametrize(
    "name", ["sigmoid", "matmul", "getitem", "concatenate", "where", "logsumexp", "quadratic_cost"]
)
def test_the_script_is_short_runs_and_shows_the_failure(name: str) -> None:
    row = with_rule(TABLE[name], places_of(TABLE[name])[-1], lambda part, z, x: part * 2)
    report = next(r for call in drawn(name, 40) if (r := checked(row, call)) is not None and not r.ok)
    assert 0 < len(report.script.splitlines()) <= 15
    done = run(report.script)
    assert done.returncode == 1, done
    assert "AssertionError" in done.stderr
    assert "A constant ratio of 2 often means" in done.stdout


def test_the_script_of_a_row_of_the_table_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(TABLE["tanh"], vjps=(lambda g, y, x: g * (1 - y),))
    monkeypatch.setitem(TABLE, "tanh", wrong)
    report = check_gradients(wrong, [0.3, 1.0])
    assert 'op = TABLE["tanh"]' in report.script
    assert len(report.script.splitlines()) <= 15
    assert run(report.script).returncode == 0  # there the row is right
    plant = "from dataclasses import replace\nfrom tinygrad_edu import TABLE\n"
    plant += 'TABLE["tanh"] = replace(TABLE["tanh"], vjps=(lambda g, y, x: g * (1 - y),))\n'
    done = run(plant + report.script)
    assert done.returncode == 1
    assert "op: tanh" in done.stdout


@pytest.mark.parametrize("size", [3, 1000])
def test_the_script_without_an_op_or_with_large_arrays(size: int) -> None:
    x = np.random.default_rng(0).normal(size=size)
    for f in (
        lambda x: x * Tensor(x.data),
        replace(TABLE["exp"], vjps=(lambda g, y, x: -g * y,)),
    ):
        report = check_gradients(f, x)
        done = run(report.script)
        assert len(report.script.splitlines()) <= 15
        assert done.returncode == 1, done.stderr
        assert "differs at" in done.stdout


def test_the_script_of_the_second_order() -> None:
    row = replace(TABLE["exp"], vjps=(cut(TABLE["exp"].vjps[0]),))
    report = check_gradients(row, [0.3, 1.0], order=2)
    assert run(report.script).returncode == 1
