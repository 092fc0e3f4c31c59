"""What somebody who tried to break the engine found: each of these was silently wrong once."""

import asyncio
import math
import re
import threading
import time
from array import array
from collections import deque
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_edu as te
from tinygrad_edu import DtypeError, ShapeError, Tensor, grad, is_grad_enabled, no_grad


@pytest.mark.parametrize("function", [math.sin, float, int])
def test_a_number_does_not_leave_the_graph_unseen_inside_grad(function):
    with pytest.raises(DtypeError, match="item"):
        grad(lambda x: x * function(x))(2.0)
    with pytest.raises(ValueError, match="array element"):  # NumPy's word for it
        grad(lambda x: x * np.zeros(1).__setitem__(0, x))(2.0)
    assert float(Tensor(2.0, requires_grad=True)) == 2  # D15: outside it may


def test_float_works_again_after_grad_even_if_f_raised():
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: 1 / 0)(2.0)
    assert float(Tensor(2.0, requires_grad=True)) == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, np.uint64])
def test_the_slope_along_an_exponent_is_as_exact_as_its_dtype(dtype):
    n = Tensor(3.0, requires_grad=True)
    ((np.array([3], dtype) ** n) * np.array([2.0])).sum().backward()
    assert_allclose(n.grad.data, 2 * 27 * math.log(3), rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint64])
def test_an_unsigned_exponent_of_zero_does_not_wrap(dtype):
    x = Tensor([2.0, 0.0], requires_grad=True)
    ((x ** np.array([0, 0], dtype)) * np.array([1.0, 2.0])).sum().backward()
    assert x.grad.tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, np.int64, bool])
def test_integers_do_not_wrap_in_sigmoid_and_softmax(dtype):
    x = np.array([0, 1], dtype)
    exact = x.astype(float)
    assert_allclose(te.sigmoid(Tensor(x)).data, te.sigmoid(exact))
    for f in (te.softmax, te.log_softmax, te.logsumexp):
        assert_allclose(f(Tensor(x)).data, f(exact))
    assert_allclose(te.softmax(Tensor(np.array([-100, 100], np.int8))).data, [0, 1], atol=1e-80)


def test_the_quadratic_cost_of_integers_does_not_wrap():
    assert te.quadratic_cost(Tensor(np.array([200], np.uint8)), np.array([0], np.uint8)).item() == 20000
    assert te.quadratic_cost(np.array([100, 100], np.int8), np.array([-100, -100], np.int8)) == 40000
    assert te.quadratic_cost(0.5, Tensor(1.0, requires_grad=True)).item() == 0.125


def test_the_quadratic_cost_of_many_half_precision_examples_does_not_overflow():
    ones = np.ones((100_000, 1), np.float16)
    cost = te.quadratic_cost(Tensor(ones), 0 * ones)
    assert (cost.item(), cost.dtype) == (0.5, np.float16)


def test_a_seed_keeps_its_graph_in_second_order():
    x, s = Tensor(2.0, requires_grad=True), Tensor(1.0, requires_grad=True)
    (x * x * x).backward(s, create_graph=True)
    x.grad.backward()
    assert s.grad.item() == 12


def test_a_graph_that_is_asked_for_is_made_inside_no_grad_too():
    x = Tensor(2.0, requires_grad=True)
    y = x**3
    with no_grad():
        y.backward(create_graph=True)
        assert not is_grad_enabled()
    first, x.grad = x.grad, None
    first.backward()
    assert x.grad.item() == 12


class Place:
    """An index that can change."""

    at = 0

    def __index__(self) -> int:
        return self.at


def test_D8_a_key_of_any_kind_is_copied():
    places = [deque([0, 1]), array("l", [0, 1])]
    for key in places:
        x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = x[key]
        key.reverse()
        (y * np.array([1.0, 10.0])).sum().backward()
        assert x.grad.tolist() == [1, 10, 0]
    place, x = Place(), Tensor([1.0, 2.0], requires_grad=True)
    y = x[place] * 3
    place.at = 1
    y.backward()
    assert x.grad.tolist() == [3, 0]


def test_A19_a_decorated_coroutine_records_nothing(run_async):
    @no_grad()
    async def mode() -> bool:
        await asyncio.sleep(0)
        return is_grad_enabled()

    async def both() -> tuple[bool, bool]:
        return await mode(), is_grad_enabled()

    assert run_async(both()) == (False, True)


def test_A19_an_async_generator_is_refused():
    async def steps() -> Any:
        yield 1

    with pytest.raises(TypeError, match="async generator"):
        no_grad()(steps)


def test_A19_a_decorated_generator_gets_what_is_sent_thrown_and_closed_inside():
    seen: list[Any] = []

    @no_grad()
    def steps() -> Any:
        try:
            try:
                seen.append((yield "first"))
            except ValueError:
                seen.append(("caught", is_grad_enabled()))
            yield "second"
        finally:
            seen.append(("closed", is_grad_enabled()))

    g = steps()
    assert next(g) == "first"
    assert is_grad_enabled()
    assert g.throw(ValueError) == "second"
    g.close()
    assert seen == [("caught", False), ("closed", False)]
    assert is_grad_enabled()


def test_A19_one_no_grad_object_serves_two_threads():
    shared, modes, first, second = no_grad(), {}, threading.Event(), threading.Event()

    def a() -> None:
        with no_grad():
            with shared:
                first.set()
                second.wait(10)
            modes["a"] = is_grad_enabled()

    def b() -> None:
        first.wait(10)
        with shared:
            second.set()
        modes["b"] = is_grad_enabled()

    threads = [threading.Thread(target=f) for f in (a, b)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert modes == {"a": False, "b": True}


@pytest.mark.parametrize(
    ("data", "dtype"),
    [("1", float), (["1", "2"], float), (np.array(["2024"], "M8[Y]"), float), (1j, float), ([1.7], int)],
)
def test_a_dtype_does_not_let_in_what_is_refused_without_one(data, dtype):
    with pytest.raises(DtypeError):
        Tensor(data, dtype=dtype)


def test_a_masked_array_is_refused_and_not_stripped_of_its_mask():
    with pytest.raises(DtypeError, match="mask"):
        Tensor(np.ma.array([1.0, 2.0], mask=[True, False]))


def test_an_in_place_matrix_product_keeps_the_parameter():
    w = Tensor(np.eye(2), requires_grad=True)
    same = w
    with no_grad():
        w @= np.array([[0.0, 1.0], [1.0, 0.0]])
    assert w is same
    assert w.tolist() == [[0, 1], [1, 0]]


def test_the_callers_own_array_stays_writable():
    mine = np.ones(3)
    t = Tensor(mine, copy=False)
    assert not t.data.flags.writeable
    mine[0] = 5  # a broken promise, but the caller's own
    assert mine[0] == 5


def test_gradient_descent_with_grad_does_not_drag_its_history_along():
    x = Tensor(3.0)
    for _ in range(50):
        x = x - 0.1 * grad(lambda x: x * x)(x)
    assert x.op is None  # a leaf: nothing that anyone could use is behind it
    assert x.item() == pytest.approx(3 * 0.8**50)


def test_the_products_of_stacks_with_one_matrix_sum_their_gradients_as_one_product():
    x, w = np.arange(24.0).reshape(2, 3, 4) / 8, Tensor(np.arange(20.0).reshape(5, 4) / 16, requires_grad=True)
    v = (1 + (7919 * np.arange(30) % 13) / 8).reshape(2, 3, 5)
    for product in (lambda: te.linear(x, w), lambda: te.matmul(x, w.T), lambda: te.linear(x, w, np.zeros(5))):
        w.grad = None
        (product() * v).sum().backward()
        assert_allclose(w.grad.data, np.einsum("abi,abj->ij", v, x))


# ---- found in the audit of the catalogue -----------------------------------------------------------------


def test_a_fraction_is_a_number():
    t = Tensor([0.5, 2.0], requires_grad=True)
    half = Fraction(1, 2)
    assert (t == half).tolist() == [True, False]
    assert (half != t).tolist() == [False, True]
    ((half * t + half / t) * [1.0, 1.5]).sum().backward()
    assert t.grad.tolist() == [0.5 - 2, (0.5 - 0.125) * 1.5]
    assert (Tensor(half).item(), Tensor(half).dtype) == (0.5, np.float64)
    assert (Tensor(np.float32(0.5)) + half).dtype == np.float32
    assert (np.float32([1.0]) * Tensor(np.float32([2.0])) * half).dtype == np.float32


@pytest.mark.parametrize("number", [Decimal("0.5"), 0.5 + 0j])
def test_a_number_that_is_not_taken_is_refused_and_not_unequal(number):
    for use in (lambda: Tensor(0.5) == number, lambda: Tensor(0.5) != number, lambda: Tensor(0.5) + number):
        with pytest.raises(DtypeError, match=type(number).__name__):
            use()
    with pytest.raises(DtypeError, match=r"Write float\(x\)"):
        Tensor(0.5) * Decimal("0.5")


@pytest.mark.parametrize("condition", [np.float32([1.0, 0.0]), np.float64([1.0, 0.0]), np.array([1, 0]), [True, False]])
def test_the_condition_of_where_has_no_part_in_the_dtype(condition):
    x, y = (Tensor(np.float32(v), requires_grad=True) for v in (1.5, 2.5))
    for c in (condition, Tensor(condition)):
        z = te.where(c, x, y)
        assert (z.tolist(), z.dtype) == ([1.5, 2.5], np.float32)
        assert te.where(c, x, 2.0).dtype == te.where(c, 2, y).dtype == np.float32
        assert te.where(c, Tensor(np.ones(2, np.float32)), np.float64(3)).dtype == np.float32
        assert te.where(c, Tensor(1.5), Tensor(2.5)).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_C10_the_slope_of_x_to_the_power_0_at_the_smallest_numbers(dtype):
    least = np.finfo(dtype).smallest_subnormal
    for n in (0, Tensor(0.0), Tensor([0.0, 0.0, 0.0]), Tensor([0.0, 0.0, 0.0], requires_grad=True)):
        x = Tensor(np.array([least, 3 * least, 1.0], dtype), requires_grad=True)
        (x**n).backward(np.array([1.0, 1.5, 2.0]))
        assert x.grad.tolist() == [0, 0, 0]
        x = Tensor(least, requires_grad=True)  # 1 / x overflows
        (x ** (n if isinstance(n, int) else Tensor(0.0))).backward()
        assert x.grad.item() == 0


@pytest.mark.parametrize("create_graph", [False, True])
def test_D5_sums_inside_of_half_precision_do_not_overflow(create_graph):
    x = Tensor(np.zeros(70_000, np.float16), requires_grad=True)
    y = te.logsumexp(x)
    assert (y.item(), y.dtype) == (np.float16(math.log(70_000)), np.float16)
    y.backward(create_graph=create_graph)
    assert_allclose(x.grad.data.astype(float), 1 / 70_000, rtol=1e-2)
    seed = (1 + (7919 * np.arange(70_000) % 13) / 8).astype(np.float16)  # whose sum is beyond the largest float16
    away = seed.astype(float) - seed.mean(dtype=float)
    for f, value, gradient in (
        (te.softmax, 1 / 70_000, away / 70_000),
        (te.log_softmax, -math.log(70_000), away),
    ):
        z = f(x)
        assert_allclose(z.data.astype(float), value, rtol=1e-2)
        x.zero_grad()
        z.backward(seed, create_graph=create_graph)
        assert (z.dtype, x.grad.dtype) == (np.float16, np.float16)
        assert_allclose(x.grad.data.astype(float), gradient, rtol=1e-2, atol=1e-2 * np.abs(gradient).max())


def test_a_loop_over_the_rows_takes_linear_time():
    def seconds(n: int) -> float:
        t = Tensor(np.ones((n, 50)), requires_grad=True)
        y = sum((row * row).sum() for row in t)
        start = time.process_time()
        y.backward()
        return time.process_time() - start

    assert seconds(8000) < 20 * min(seconds(800) for _ in range(3)) + 0.1  # not 100 times as long


@pytest.mark.parametrize("n", [0, 1, 2, 64, 65, 130, 1001])
def test_a_loop_gives_every_row_and_its_gradient(n):
    t = Tensor(np.arange(2.0 * n).reshape(n, 2), requires_grad=True)
    rows = list(t)
    assert [row.tolist() for row in rows] == t.tolist()
    if n:
        sum((row * row).sum() * k for k, row in enumerate(rows, 1)).backward()
        assert_allclose(t.grad.data, 2 * t.data * np.arange(1, n + 1)[:, None])
    if 0 < n <= 64:
        assert all(row.inputs[0] is t for row in rows)  # in a picture a row comes from t itself


def test_a_tensor_hides_nowhere_in_a_list():
    t = Tensor(1.0)
    itself: list[Any] = []
    itself.append(itself)
    for data in ([1.0, t], [[1.0], [t]], ([1.0], [[[t]]]), [(t,)]):
        with pytest.raises(DtypeError, match="stack"):
            Tensor(data)
    with pytest.raises((ShapeError, DtypeError)):
        Tensor(itself)


@pytest.mark.parametrize(
    ("use", "says"),
    [
        (lambda: Tensor([True]) - Tensor([False]), r"subtract is not for truth values.*astype\(float\)"),
        (lambda: -Tensor(True), r"negative is not for truth values.*~x"),
        (lambda: Tensor([1.0]) & 1, r"bitwise_and.*\(x > 0\) & \(x < 1\)"),
        (lambda: ~Tensor(1.0), "invert.*truth values"),
        (lambda: Tensor([1.0]).astype("foo"), "no dtype 'foo'.*np.float64"),
        (lambda: Tensor(1.0, dtype="foo"), "no dtype 'foo'.*np.float64"),
    ],
)
def test_numpys_words_about_dtypes_are_explained(use, says):
    with pytest.raises(DtypeError, match=says):
        use()


def test_operands_without_a_name_are_named_by_their_side():
    y = Tensor(np.ones(2), name="y")
    for use, says in [
        (lambda: y + Tensor(np.ones(3)), r"y \(2,\) and right \(3,\)"),
        (lambda: Tensor(np.ones(3)) * y, r"left \(3,\) and y \(2,\)"),
        (lambda: te.where(np.ones(4), y, np.ones(3)), r"condition \(4,\) and y \(2,\)"),
        (lambda: te.where(np.ones(2), np.ones(3), y), r"x \(3,\) and y \(2,\)"),
        (lambda: te.concatenate([y, np.ones((2, 2))]), r"y \(2,\), right \(2, 2\)"),
        (lambda: te.concatenate([y, y, np.ones((2, 2))]), r"input 3 \(2, 2\)"),
    ]:
        with pytest.raises(ShapeError, match=says):
            use()


# ---- found by the breaker of the second round ------------------------------------------------------------


def test_one_input_too_many_is_no_place_to_write_the_result_to():
    w = Tensor([5.0, 6.0], requires_grad=True)
    cost = (w * w).sum()
    for op in (te.exp, te.sqrt, te.isnan):
        with pytest.raises(TypeError, match="takes 1 inputs, and got 2"):
            op(Tensor([0.0, 0.0]), w)
    cost.backward()
    assert w.data.tolist() == [5.0, 6.0]
    assert w.grad.data.tolist() == [10.0, 12.0]


def test_an_array_among_the_settings_of_a_custom_op_is_copied():
    a = np.array([3.0, 3.0])
    scaled = te.custom(lambda x, *, a: x * a, lambda g, z, x, *, a: g * a)
    x = Tensor([2.0, 1.0], requires_grad=True)
    y = scaled(x, a=a).sum()
    a[:] = 100
    y.backward()
    assert x.grad.data.tolist() == [3.0, 3.0]


def test_interp_at_infinity_at_ties_and_with_falling_points():
    fp = Tensor([1.0, 2.0, 5.0], requires_grad=True)
    np.interp(Tensor([0.5, np.inf], requires_grad=True), [0.0, 1, 2], fp).sum().backward()
    assert fp.grad.data.tolist() == [0.5, 0.5, 1.0]
    assert np.interp(Tensor([1.0]), [0.0, 1.0, 1.0], [0.0, 1.0, 5.0]).tolist() == [5.0]
    with pytest.raises(ShapeError, match="rising"):
        np.interp(Tensor([2.0]), [3.0, 2.0, 1.0], [0.0, 1.0, 5.0])


def test_cov_with_more_degrees_than_observations_explains_itself():
    with pytest.raises(ShapeError, match="ddof"):
        np.cov(Tensor(np.ones((2, 3)), requires_grad=True), ddof=4)


def test_pictures_of_infinities_leaves_and_endless_formulas():
    x = Tensor([1.0, 2.0], requires_grad=True, name="x")
    assert "∞" in te.explain(te.maximum(x, -np.inf).sum())
    assert len(te.draw(te.log_sigmoid(x).sum()).table()) > 0
    assert "∂C/∂C = 1" in te.explain(Tensor(3.0, requires_grad=True))

    def rule(g, z, x):
        y = x
        for _ in range(60):
            y = y * x + y
        return g * y

    assert "derivative(" in te.explain(te.custom(lambda x: x * 1.0, rule)(Tensor(0.1, requires_grad=True)))


def test_a_table_shows_the_value_that_the_graph_has_seen():
    w = Tensor(3.0, requires_grad=True, name="w")
    c = w * 2
    w.assign(10.0)
    assert re.search(r"^w .* 3 ", te.draw(c).table(), re.M)


def test_a_tall_array_makes_no_tall_page():
    x = Tensor(np.ones((20_000, 1)), requires_grad=True)
    assert len(str(te.trace((x * 2).sum()).data)) < 100_000
