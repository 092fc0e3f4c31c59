"""A Tensor as a Python object: construction, values that cannot change, dtypes, NumPy, indexing, copies."""

import copy
import datetime
import math
import operator
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import assert_same_bits, uneven
from op_cases import eighths, keys, scattered, shapes

from tinygrad_edu import DtypeError, GradientError, ShapeError, Tensor, clip, no_grad, stack, where

f32 = np.float32


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


# ---- construction ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (2.0, np.float64),
        (2, np.int64),
        (True, np.bool),
        ([1.0, 2], np.float64),
        ((1, 2), np.int64),
        (range(3), np.int64),
        (f32(2), f32),
        (np.ones(2, np.float16), np.float16),
        (np.ones(2, np.uint8), np.uint8),
        ([], np.float64),
    ],
)
def test_construction_keeps_numpys_dtypes(data: Any, dtype: Any) -> None:
    t = Tensor(data)
    assert t.dtype == dtype
    assert t.shape == np.shape(data)
    assert np.array_equal(t.data, np.asarray(data))


@pytest.mark.parametrize(
    "data",
    [
        None,
        "2.0",
        b"2",
        ["a", 1],
        [None, 1.0],
        object(),
        {1.0, 2.0},
        1j,
        np.ones(2, complex),
        datetime.datetime(2024, 1, 1),
        np.datetime64("2024-01-01"),
        2**70,
        np.array([object()]),
    ],
    ids=lambda data: type(data).__name__,  # not what it says: an address differs from process to process
)
def test_D12_what_is_no_number_is_refused(data: Any) -> None:
    with pytest.raises(DtypeError, match=r"numbers"):
        Tensor(data)


def test_D12_a_ragged_list_is_refused() -> None:
    with pytest.raises(ShapeError, match="rectangular"):
        Tensor([[1.0, 2.0], [3.0]])


@pytest.mark.parametrize("nested", [lambda t: [t, t], lambda t: [[1.0, t]], lambda t: (t,)])
def test_D14_a_list_of_tensors_names_stack(nested: Callable[[Tensor], Any]) -> None:
    with pytest.raises(DtypeError, match="stack"):
        Tensor(nested(leaf(1.0)))


@pytest.mark.parametrize("data", [2, [1, 2], True, np.ones(2, np.uint8)])
def test_D11_only_real_numbers_require_gradients(data: Any) -> None:
    with pytest.raises(DtypeError, match=r"only real numbers have gradients.*Tensor\(2\.0\)"):
        leaf(data)
    with pytest.raises(DtypeError, match="only real numbers have gradients"):
        Tensor(data).requires_grad = True


def test_D11_an_integer_can_require_one_as_a_real_number() -> None:
    assert leaf([1, 2], dtype=f32).dtype == f32


def test_D11_small_integers_wrap_as_in_NumPy() -> None:
    z = Tensor(np.array([5], np.uint8)) - np.array([10], np.uint8)
    assert (z.tolist(), z.dtype) == ([251], np.uint8)


def test_D11_a_result_of_integers_requires_no_gradient() -> None:
    t = leaf([1.5, 2.5]).astype(int)
    assert t.dtype.kind == "i"
    assert not t.requires_grad


@pytest.mark.parametrize("dtype", [complex, str, object, "datetime64[s]"])
def test_D12_astype_to_what_is_no_number_is_refused(dtype: Any) -> None:
    with pytest.raises(DtypeError):
        leaf([1.5]).astype(dtype)
    with pytest.raises(DtypeError):
        Tensor([1.5], dtype=dtype)


@given(st.data())
def test_D7_layout_and_byte_order_of_the_source_do_not_matter(data: st.DataObject) -> None:
    a = data.draw(eighths(data.draw(shapes(min_dims=1))))
    frozen = a.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(a), np.repeat(a, 2, axis=0)[::2], a[::-1].copy()[::-1], a.astype(">f8"), frozen):
        x = leaf(same)
        assert x.dtype.isnative
        assert_same_bits(np.ascontiguousarray(x.data), a)
        (x * x).backward(uneven(x.shape))
        assert_same_bits(np.ascontiguousarray(x.grad.data), uneven(a.shape) * a + uneven(a.shape) * a)


def test_a_tensor_of_a_tensor_is_a_new_leaf() -> None:
    t = leaf([1.0, 2.0]) * 2
    u = Tensor(t, requires_grad=True)
    assert u.op is None
    assert not np.shares_memory(u.data, t.data)


# ---- values cannot change --------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [2.0, [1.0, 2.0]])
def test_data_is_read_only(value: Any) -> None:
    t = leaf(value)
    with pytest.raises(ValueError, match="read-only"):
        t.data[...] = 9
    with pytest.raises(TypeError, match="cannot be written"):
        t[...] = 9


def test_D8_construction_copies() -> None:
    a = np.ones(3)
    t = leaf(a)
    y = (t * t).sum()
    a[:] = 0
    y.backward()
    assert t.grad.tolist() == [2, 2, 2]


def test_D8_an_operand_is_copied() -> None:
    a = np.array([1.0, 2.0])
    t = leaf([1.0, 1.0])
    y = t * a
    a[:] = 0
    y.backward([1.0, 1.5])
    assert t.grad.tolist() == [1, 3]


def test_D8_an_index_is_copied() -> None:
    key = np.array([0, 1])
    t = leaf([1.0, 2.0, 3.0])
    y = t[key]
    key[:] = 2
    y.backward([1.0, 1.5])
    assert t.grad.tolist() == [1, 1.5, 0]


def test_D8_the_ends_of_a_slice_are_copied() -> None:
    start = np.array(1)
    t = leaf([1.0, 2.0, 3.0])
    y = t[start:]
    start[...] = 0
    y.backward([1.0, 1.5])
    assert t.grad.tolist() == [0, 1, 1.5]


def test_D8_the_bounds_of_clip_are_copied() -> None:
    low = np.zeros(3)
    t = leaf([1.0, 2.0, 3.0])
    y = clip(t, low, 9.0)
    low[:] = 5
    y.backward([1.0, 1.5, 2.0])
    assert t.grad.tolist() == [1, 1.5, 2]


@pytest.mark.parametrize("view", [lambda x: x[0:2], lambda x: x.reshape(3, 1), lambda x: x.T, lambda x: x[::-1][1:]])
def test_D10_a_view_cannot_be_written_to_either(view: Callable[[Tensor], Tensor]) -> None:
    x = leaf([1.0, 2.0, 3.0])
    v = view(x)
    y = x * x
    with pytest.raises(ValueError, match="read-only"):
        v.data[:] = 9
    with pytest.raises(ValueError, match="read-only"):
        v.data += 9  # type: ignore[misc]
    with pytest.raises(GradientError, match="only leaves"):
        v.assign(9 + v.data)
    v.numpy()[:] = 9  # a copy
    y.backward([1.0, 1.5, 2.0])
    assert (x.tolist(), y.tolist(), x.grad.tolist()) == ([1, 2, 3], [1, 4, 9], [2, 6, 12])


def test_D10_a_view_taken_before_the_update_keeps_the_old_values() -> None:
    x = leaf([1.0, 2.0, 3.0])
    v = x[0:2]
    y = v * v
    x.assign([7.0, 8.0, 9.0])
    y.backward([1.0, 1.5])
    assert (v.tolist(), x.grad.tolist()) == ([1, 2], [2, 6, 0])


def test_copy_False_shares() -> None:
    a = np.ones(3)
    assert np.shares_memory(Tensor(a, copy=False).data, a)


def test_numpy_is_a_copy_of_your_own() -> None:
    t = leaf([1.0, 2.0])
    t.numpy()[:] = 9
    assert t.tolist() == [1, 2]


# ---- assign: the only write ------------------------------------------------------------------------------


@pytest.mark.parametrize("write", [Tensor.assign, lambda w, v: setattr(w, "data", v)])
@pytest.mark.parametrize("values", [[3.0, 4.0], np.array([3, 4]), Tensor([3.0, 4.0], dtype=f32)])
def test_a_leaf_takes_new_values_in_its_own_dtype(write: Any, values: Any) -> None:
    w = leaf([1.0, 2.0])
    write(w, values)
    assert w.tolist() == [3, 4]
    assert (w.dtype, w.requires_grad, w.op) == (np.float64, True, None)


def test_assign_copies() -> None:
    a = np.ones(2)
    w = leaf([1.0, 2.0]).assign(a)
    a[:] = 9
    assert w.tolist() == [1, 1]


@pytest.mark.parametrize("value", [1.0, [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_assign_never_broadcasts(value: Any) -> None:
    with pytest.raises(ShapeError, match=r"assign to W .*\(2,\)"):
        leaf([1.0, 2.0], name="W").assign(value)


def test_assign_of_fractions_to_integers_is_refused() -> None:
    with pytest.raises(DtypeError, match=r"int64.*float64"):
        Tensor([1, 2]).assign([0.5, 1.5])


def test_assign_to_a_result_is_refused() -> None:
    with pytest.raises(GradientError, match=r"multiply.*only leaves"):
        (leaf(2.0) * 2).assign(1.0)


UPDATES = [(operator.iadd, 5.0), (operator.isub, 1.0), (operator.imul, 6.0), (operator.itruediv, 1.5)]


@pytest.mark.parametrize(("update", "result"), UPDATES)
@pytest.mark.parametrize("shape", [(), (2,)])
def test_D22_an_update_in_place_keeps_the_parameter(update: Any, result: float, shape: tuple[int, ...]) -> None:
    w = v = leaf(np.full(shape, 3.0, f32))
    with no_grad():
        w = update(w, Tensor(np.full(shape, 2.0)))
    assert w is v
    assert (w.op, w.requires_grad, w.dtype) == (None, True, f32)
    assert np.all(w.data == result)


@pytest.mark.parametrize(("update", "result"), [*UPDATES, (operator.ipow, 9.0)])
def test_D22_while_recording_an_update_in_place_of_a_parameter_is_refused(update: Any, result: float) -> None:
    w = leaf(3.0, name="w")
    with pytest.raises(GradientError, match=r"no_grad\(\)"):
        update(w, 2.0)
    assert w.item() == 3


def test_D22_a_power_in_place_keeps_the_parameter() -> None:
    w = v = leaf(3.0)
    with no_grad():
        w **= 2
    assert w is v


@pytest.mark.parametrize("start", [lambda: Tensor(3.0), lambda: leaf(3.0) * 1])
def test_D22_of_what_is_no_parameter_it_is_a_new_name(start: Callable[[], Tensor]) -> None:
    x = y = start()
    x += 1
    assert (x.item(), y.item()) == (4, 3)


def test_the_learners_own_loop() -> None:
    w = leaf([1.0, 2.0])
    for _ in range(3):
        w.zero_grad()
        ((w - 3) ** 2).sum().backward()
        with no_grad():
            w -= 0.25 * w.grad
    assert w.tolist() == [3 - 2 / 8, 3 - 1 / 8]


# ---- dtypes: float32 stays float32 -----------------------------------------------------------------------

NARROW_BESIDE = [
    2.0,
    3,
    True,
    np.float64(2),
    np.int64(3),
    np.bool(True),
    np.array(2.0),
    np.array(3),
    Tensor(2.0),
    Tensor(3),
]
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, np.maximum, np.minimum]


@pytest.mark.parametrize("op", ARITHMETIC)
@pytest.mark.parametrize(
    ("shape", "beside"),
    [((3,), b) for b in NARROW_BESIDE]
    + [((), b) for b in NARROW_BESIDE if not (isinstance(b, Tensor) and b.dtype == np.float64)],  # NumPy's rules
)
def test_D1_a_number_beside_it_widens_nothing(op: Any, beside: Any, shape: tuple[int, ...]) -> None:
    if isinstance(beside, Tensor) and shape == () and beside.dtype == np.float64:
        pytest.skip("two real numbers in Tensors: NumPy's rules")
    for arrange in (lambda t: (t, beside), lambda t: (beside, t)):
        t = leaf(np.full(shape, 1.5, f32))
        z = op(*arrange(t))
        assert z.dtype == f32
        z.backward(uneven(shape, f32))
        assert t.grad.dtype == f32


@pytest.mark.parametrize("op", [operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne])
@pytest.mark.parametrize("beside", NARROW_BESIDE, ids=repr)
def test_a_comparison_is_an_untracked_bool(op: Any, beside: Any) -> None:
    for z in (op(leaf([1.5, 2.0]), beside), op(beside, leaf([1.5, 2.0]))):
        assert isinstance(z, Tensor)
        assert (z.dtype, z.requires_grad) == (np.bool, False)


@pytest.mark.parametrize("other", [0.0, np.float64(0), np.array(0.0), leaf(f32(1))], ids=repr)
def test_D2_where_keeps_a_single_float32(other: Any) -> None:
    mask = np.array([True, False])
    assert where(mask, leaf(f32(2)), other).dtype == f32


def test_D2_a_mask_beside_a_single_float32() -> None:
    assert (leaf(f32(2)) * np.array([True, False])).dtype == f32


def test_D2_a_mask_of_real_numbers_widens_no_gradient() -> None:
    x = leaf(np.array([1, -2, 3], f32))
    (x * np.where(x > 0, 1.0, 0.0)).backward(uneven((3,)))
    assert x.grad.dtype == f32
    assert x.grad.tolist() == (uneven((3,)) * [1, 0, 1]).tolist()


def test_D2_a_count_widens_nothing() -> None:
    x = leaf(np.array([1, 2, 3], f32))
    y = x / (x > 1).sum()
    y.backward(uneven((3,), f32))
    assert (y.dtype, x.grad.dtype) == (f32, f32)


@pytest.mark.parametrize("bound", [np.float64(2), np.array(2.0), 2, Tensor(2.0)], ids=repr)
def test_D1_the_bounds_of_clip_widen_nothing(bound: Any) -> None:
    assert clip(leaf(np.ones(3, f32)), 0.0, bound).dtype == f32


@pytest.mark.parametrize("other", [1.0, np.float64(1), np.array(1.0)], ids=repr)
def test_D1_a_number_in_a_stack_widens_nothing(other: Any) -> None:
    assert stack([leaf(f32(2)), other]).dtype == f32


def test_D3_the_builtin_sum_widens_nothing() -> None:
    assert sum([leaf(f32(1)), leaf(f32(2))]).dtype == f32


def test_D5_a_mean_of_float16_does_not_overflow() -> None:
    x = Tensor(np.full(100, 60000, np.float16))
    assert x.mean().item() == 60000
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert x.sum().item() == np.inf


@pytest.mark.parametrize("make", [lambda x: x + x, lambda x: x.sum(), lambda x: x * 2, lambda x: np.float64(2) * x])
def test_D6_the_data_of_a_single_number_is_an_array(make: Callable[[Tensor], Tensor]) -> None:
    x = leaf(3.0)
    y = make(x)
    y.backward()
    for a in (x.data, y.data, x.grad.data):
        assert (type(a), a.shape) == (np.ndarray, ())


def test_a_gradient_of_another_dtype_comes_back_in_its_own() -> None:
    x, w = leaf(np.ones(3, f32)), leaf(np.full(3, 2.0))
    (x * w).backward(uneven((3,)))
    assert (x.grad.dtype, w.grad.dtype) == (f32, np.float64)


# ---- NumPy's functions and left operands -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "value", "gradient"),
    [
        (lambda t: np.float64(2) * t, [2, 4, 6], [2, 3, 4]),
        (lambda t: np.ones(3) * t, [1, 2, 3], [1, 1.5, 2]),
        (lambda t: np.array([1, 2, 3]) - t, [0, 0, 0], [-1, -1.5, -2]),
        (lambda t: [1.0, 2.0, 3.0] * t, [1, 4, 9], [1, 3, 6]),
        (lambda t: np.add(t, 1), [2, 3, 4], [1, 1.5, 2]),
        (lambda t: (np.float64(2) < t) * t, [0, 0, 3], [0, 0, 2]),
        (lambda t: np.array([[0, 1, 2], [3, 4, 5], [0, 0, 1]]) @ t, [8, 26, 3], [4.5, 7, 11.5]),
    ],
)
def test_D13_numpy_on_the_left_keeps_the_graph(make: Any, value: Any, gradient: Any) -> None:
    t = leaf([1.0, 2.0, 3.0])
    y = make(t)
    assert isinstance(y, Tensor)
    assert y.tolist() == value
    y.backward([1, 1.5, 2])
    assert t.grad.tolist() == gradient


@pytest.mark.parametrize("function", [np.exp, np.tanh, np.sqrt, np.log, np.abs, np.negative, np.sign])
def test_D14_numpys_functions_keep_the_graph(function: Any) -> None:
    t = leaf([1.0, 2.0])
    y = function(t)
    assert isinstance(y, Tensor)
    assert y.requires_grad
    assert_same_bits(y.data, function(t.data))


@pytest.mark.parametrize(
    "call",
    [
        lambda np, t: np.sum(t, axis=0),
        lambda np, t: np.mean(t, axis=1, keepdims=True),
        lambda np, t: np.max(t),
        lambda np, t: np.min(t, 1),
        lambda np, t: np.reshape(t, (3, 2)),
        lambda np, t: np.transpose(t),
        lambda np, t: np.transpose(t, axes=(1, 0)),
        lambda np, t: np.broadcast_to(t, (4, 2, 3)),
        lambda np, t: np.concatenate([t, t], axis=1),
        lambda np, t: np.concatenate([t, t], axis=None),
        lambda np, t: np.stack([t, t], -1),
        lambda np, t: np.where(t > 1, t, 0),
        lambda np, t: np.clip(t, 0.5, 1.5),
        lambda np, t: np.matmul(t, t.T),
        lambda np, t: np.maximum(t, 1),
    ],
)
def test_D14_numpys_functions_of_arrays_keep_the_graph(call: Any) -> None:
    a = np.arange(6.0).reshape(2, 3) / 2
    y = call(np, leaf(a))
    assert isinstance(y, Tensor)
    assert y.requires_grad
    assert_same_bits(y.data, call(np, a))


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda a, t: np.add(a, t, out=a), "out"),
        (lambda a, t: operator.iadd(a, t), "out"),
        (lambda a, t: np.nextafter(t, 1), "nextafter"),
        (lambda a, t: np.add.reduce(t), "reduce"),
        (lambda a, t: np.histogram(t), "histogram"),
        (lambda a, t: np.fft.fft(t), "fft"),
        (lambda a, t: np.linalg.eigvals(t), "eigvals"),
        (lambda a, t: np.sum(t, dtype=f32), "dtype"),
        (lambda a, t: np.array([t, t]), "stack"),
        (lambda a, t: np.asarray(t), "t.data"),
        (lambda a, t: np.array([t[0], t[1]]), "stack"),
        (lambda a, t: a.dot(t), "t.data"),
    ],
)
def test_D14_a_graph_is_never_lost_silently(call: Any, name: str) -> None:
    with pytest.raises(TypeError, match=name):
        call(np.ones(2), leaf([1.0, 2.0]))


def test_an_untracked_tensor_becomes_an_array() -> None:
    t = Tensor([1.0, 2.0])
    a = np.asarray(t)
    a[:] = 9
    assert type(a) is np.ndarray
    assert t.tolist() == [1, 2]


# ---- as a Python object ----------------------------------------------------------------------------------


def test_D15_a_number_leaves_the_graph() -> None:
    t = leaf([[2.5]])
    assert (float(t), int(t), t.item(), f"{t:.2f}") == (2.5, 2, 2.5, "2.50")
    assert math.exp(leaf(0.0)) == 1
    assert type(t.item()) is float


@pytest.mark.parametrize("use", [float, int, Tensor.item, bool, lambda t: f"{t:.2f}"])
def test_D15_D16_three_numbers_are_not_one(use: Any) -> None:
    with pytest.raises(ValueError, match=r"\(3,\)"):
        use(leaf([1.0, 2.0, 3.0]))


def test_D16_the_truth_of_one_number() -> None:
    assert leaf(2.0)
    assert not leaf([0.0])
    assert 0 < leaf(0.5) < 1


def test_D16_a_chain_of_comparisons_of_many_is_an_error() -> None:
    with pytest.raises(ValueError, match="true"):
        assert 0 < leaf([0.5, 0.2]) < 1


def test_only_an_integer_is_an_index() -> None:
    assert [10, 20, 30][Tensor(1)] == 20
    with pytest.raises(TypeError, match="integer"):
        [10, 20][Tensor(1.0)]


def test_D17_tensors_are_keys_by_identity() -> None:
    t, u = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    assert {t: "t", u: "u"}[u] == "u"
    assert len({t, u, t}) == 2
    assert t in [t, u]
    assert [t, u].index(t) == 0


@pytest.mark.parametrize("other", [None, "a", object()])
def test_D17_nothing_else_equals_a_tensor(other: Any) -> None:
    assert (leaf([1.0]) == other) is False
    assert (leaf([1.0]) != other) is True


def test_B18_a_single_number_has_no_length() -> None:
    t = leaf(3.0)
    with pytest.raises(TypeError, match="no length"):
        len(t)
    with pytest.raises(TypeError, match="looped"):
        iter(t)
    assert (t[None].shape, t[...].shape, t[()].shape) == ((1,), (), ())


def test_D21_a_loop_stops() -> None:
    t = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert [row.tolist() for row in t] == t.tolist()
    assert len(t) == 2
    with pytest.raises(IndexError):
        t[2]
    assert 3.0 in leaf([1.0, 3.0])


@pytest.mark.parametrize("other", ["a", None, object(), 1j])
def test_arithmetic_with_what_is_no_number_is_a_TypeError(other: Any) -> None:
    with pytest.raises(TypeError):
        leaf(1.0) + other
    with pytest.raises(TypeError):
        other * leaf(1.0)


def test_a_tensor_cannot_be_subclassed() -> None:
    with pytest.raises(TypeError, match="subclassed"):
        type("Mine", (Tensor,), {})


# ---- repr ------------------------------------------------------------------------------------------------


def test_repr_shows_no_gradient_before_there_is_one() -> None:
    x = leaf(2.0, name="x")
    y = x * x
    assert repr(x) == "Tensor(2, grad=—, name='x')"
    assert repr(y) == "Tensor(4, grad=—, op=multiply)"
    y.backward()
    assert repr(x) == "Tensor(2, grad=4, name='x')"
    assert repr(Tensor(2.0)) == "Tensor(2)"


def test_repr_of_arrays() -> None:
    assert repr(leaf([1.0, 2.0])) == "Tensor([1., 2.], shape=(2,), grad=—)"
    assert repr(Tensor(np.zeros((0, 3)))) == "Tensor([], shape=(0, 3))"


LARGE = [np.arange(5000.0), np.ones(20, bool), np.arange(20), np.full((5, 5), np.nan), np.ones(20, f32)]


@pytest.mark.parametrize("data", [*LARGE, np.full(20, 1e308), np.array([np.inf, -np.inf] * 10)], ids=str)
def test_D20_repr_of_a_large_array_is_a_summary(data: Any) -> None:
    text = repr(Tensor(data))
    assert len(text) < 200
    assert f"shape={data.shape}" in text
    assert "\n" not in text


def test_str_and_format_without_a_specification_are_the_repr() -> None:
    t = leaf([1.0, 2.0])
    assert f"{t}" == str(t) == repr(t)


# ---- copies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
@pytest.mark.parametrize("value", [2.0, [1.0, 2.0]])
def test_D19_a_copy_of_a_leaf_has_its_gradient_and_is_independent(duplicate: Any, value: Any) -> None:
    t = leaf(value, name="w", dtype=f32)
    (t * t).sum().backward()
    u = duplicate(t)
    assert repr(u) == repr(t)
    assert (u.requires_grad, u.name, u.dtype, u.grad.dtype) == (True, "w", f32, f32)
    assert not np.shares_memory(u.data, t.data)
    assert not np.shares_memory(u.grad.data, t.grad.data)


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_D19_a_copy_of_a_result_leaves_the_graph(duplicate: Any) -> None:
    u = duplicate(leaf([1.0, 2.0]) * 2)
    assert (u.tolist(), u.op, u.requires_grad) == ([2, 4], None, False)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))])
def test_D18_tied_tensors_stay_tied(duplicate: Any) -> None:
    t = leaf([1.0])
    a, b = duplicate([t, t])
    assert a is b


def test_D20_a_deep_graph_is_not_dragged_along() -> None:
    t = leaf(1.0)
    for _ in range(100_000):
        t = t + 1
    assert len(pickle.dumps(t)) < 1000
    assert copy.deepcopy(t).item() == 100_001


# ---- indexing --------------------------------------------------------------------------------------------


@given(st.data())
def test_B20_an_index_means_what_it_means_to_numpy(data: st.DataObject) -> None:
    a = data.draw(eighths(data.draw(shapes())))
    key = data.draw(keys(a.shape))
    x = leaf(a)
    y = x[key]
    assert_same_bits(y.data, np.asarray(a[key]))
    seed = uneven(y.shape)
    y.backward(seed)
    np.testing.assert_allclose(x.grad.data, scattered(seed, key=key, shape=a.shape), rtol=1e-14)


@pytest.mark.parametrize(
    ("key", "gradient"),
    [
        ([0, 0, 2], [11, 0, 100]),  # B19
        (np.array([-3, 0, -1]), [11, 0, 100]),
        (Tensor([0, 0, 2]), [11, 0, 100]),
        ((Tensor([0, 0, 2]),), [11, 0, 100]),
        (slice(None, None, -1), [100, 10, 1]),
        ([True, False, True], [1, 0, 10]),
        (Tensor([True, False, True]), [1, 0, 10]),
        ([], [0, 0, 0]),
        ([False] * 3, [0, 0, 0]),
        (1, [0, 1, 0]),
        (np.int64(1), [0, 1, 0]),
        (Tensor(1), [0, 1, 0]),
        (np.array(-2), [0, 1, 0]),
        (True, [1, 10, 100]),
        (False, [0, 0, 0]),
        ((None, [2, 2, 2]), [0, 0, 111]),
        (range(3), [1, 10, 100]),
        ((..., slice(1, None)), [0, 1, 10]),
    ],
    ids=str,
)
def test_B19_B20_the_gradient_of_an_index_is_added_where_it_was_taken(key: Any, gradient: Any) -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x[key]
    y.backward(np.array([1.0, 10.0, 100.0])[: y.size].reshape(y.shape))
    assert x.grad.tolist() == gradient


def test_B20_a_single_number_can_be_masked() -> None:
    x = leaf(3.0)
    x[x > 0].backward([2.0])
    assert x.grad.item() == 2


@pytest.mark.parametrize("key", [3, -4, [0, 3], (0, 0), 1.0, [0.5], Tensor(1.0), "a", [True, False]], ids=str)
def test_B20_an_index_that_does_not_exist(key: Any) -> None:
    with pytest.raises(IndexError):
        leaf([1.0, 2.0, 3.0])[key]
