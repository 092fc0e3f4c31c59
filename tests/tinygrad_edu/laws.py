"""What must hold for every function that is differentiated: each law is a check that raises AssertionError.

A law takes the function, its second implementation (if it needs one) and one drawn call, so that test_ops.py can
also run it on rows with a planted mistake, and see it fail.  `hold_for` makes a test of them all.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from op_cases import Call, Case

from tinygrad_edu import Tensor, no_grad

Array = np.ndarray
STEP = 1e-20  # so small that f(x + i STEP) has no rounding error in its imaginary part

few = settings(max_examples=max(6, settings.default.max_examples // 8))  # for each of the many rows


def uneven(shape: tuple[int, ...], dtype: Any = np.float64, start: int = 0) -> Array:
    """A cotangent that no symmetry can hide behind: v[i] = 1 + (7919 i mod 13) / 8."""
    i = np.arange(start, start + int(np.prod(shape)))
    return (1 + (7919 * i % 13) / 8).reshape(shape).astype(dtype)


def has_rule(op: Any, i: int) -> bool:
    """Is there a derivative in input i?  (What is composed of rows has one everywhere.)"""
    rules = getattr(op, "vjps", None)
    return rules is None or callable(rules) or rules[i] is not None


def tensors(op: Any, call: Call) -> list[Tensor]:
    """The call's arrays as Tensors; those that a derivative exists in require it."""
    return [Tensor(a, requires_grad=a.dtype.kind == "f" and has_rule(op, i)) for i, a in enumerate(call.arrays)]


def gradients(op: Any, call: Call, factor: float = 1, create_graph: bool = False) -> list[Array | None]:
    """What backward() finds for the inputs, from an uneven seed."""
    inputs = tensors(op, call)
    z = op(*inputs, **call.params)
    z.backward(factor * uneven(z.shape, z.dtype), create_graph=create_graph)
    return [None if x.grad is None else x.grad.data for x in inputs]


def slopes(f: Callable[[list[Array]], Any], arrays: list[Array], i: int) -> Array:
    """df/d(arrays[i]) of a real number f, entry by entry, by the complex step."""
    found = np.zeros(arrays[i].shape)
    for entry in np.ndindex(arrays[i].shape):
        moved = arrays[i].astype(complex)
        moved[entry] += 1j * STEP
        found[entry] = np.imag(f([*arrays[:i], moved, *arrays[i + 1 :]])) / STEP
    return found


def assert_close(actual: Any, expected: Any, rtol: float = 1e-10) -> None:
    """Equal shapes, and equal to rounding, measured on the largest entry."""
    assert np.shape(actual) == np.shape(expected)
    scale = np.max(np.abs(expected), initial=1e-3)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


def assert_same_bits(actual: Any, expected: Any) -> None:
    """Equal shape, dtype and bits; NaN equals NaN, and -0 is not 0."""
    a, b = np.asarray(actual), np.asarray(expected)
    assert (a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes())


# ---- the laws --------------------------------------------------------------------------------------------


def forward_is_right(op: Any, second: Callable[..., Any], call: Call) -> None:
    """The values are those of the second implementation, from Tensors and from plain arrays."""
    expected = second(*call.arrays, **call.params)
    assert_close(op(*tensors(op, call), **call.params).data, expected, rtol=1e-13)
    assert_close(op(*call.arrays, **call.params), expected, rtol=1e-13)


def first_derivative_is_right(op: Any, second: Callable[..., Any], call: Call) -> None:
    """backward() finds v . df/dx; the complex step of the second implementation knows the answer."""

    def weighted(arrays: list[Array]) -> Any:
        z = np.asarray(second(*arrays, **call.params))
        return np.sum(uneven(z.shape) * z)

    for i, g in enumerate(gradients(op, call)):
        if call.arrays[i].dtype.kind == "f" and has_rule(op, i):
            assert_close(g, slopes(weighted, list(call.arrays), i))
        else:
            assert g is None


def second_derivative_is_right(op: Any, second: Callable[..., Any], call: Call) -> None:
    """The gradient of <u, gradient of C> is the slope of C's gradient along u, for the cost C = <v, f^2 + f>.

    f^2 makes the seed of the rule depend on x too.  The slope of the gradient is a central
    difference of fourth order, between gradients that are exact: the complex step again.
    """
    inputs = tensors(op, call)
    tracked = [i for i, x in enumerate(inputs) if x.requires_grad]
    along = {i: uneven(call.arrays[i].shape, start=i + 1) for i in tracked}
    z = op(*inputs, **call.params)
    (uneven(z.shape, z.dtype) * z * (z + 1)).sum().backward(create_graph=True)
    slope = sum(((inputs[i].grad * along[i]).sum() for i in tracked), start=Tensor(0.0))
    for x in inputs:
        x.zero_grad()
    if slope.requires_grad:
        slope.backward()

    def cost(arrays: list[Array]) -> Any:
        z = np.asarray(second(*arrays, **call.params))
        return np.sum(uneven(z.shape) * z * (z + 1))

    def moved(step: float) -> list[Array]:
        return [np.asarray(a + step * along[i]) if i in along else a for i, a in enumerate(call.arrays)]

    for k in tracked:
        h = 1 / 4096
        near = slopes(cost, moved(h), k) - slopes(cost, moved(-h), k)
        far = slopes(cost, moved(2 * h), k) - slopes(cost, moved(-2 * h), k)
        found = np.zeros(inputs[k].shape) if inputs[k].grad is None else inputs[k].grad.data
        assert_close(found, (8 * near - far) / (12 * h), rtol=1e-6)


def readings_agree(op: Any, call: Call) -> None:
    """Read on arrays or on Tensors, the rules give the same numbers."""
    for a, b in zip(gradients(op, call), gradients(op, call, create_graph=True), strict=True):
        if a is None:
            assert b is None
        else:
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, rtol=1e-15, atol=0)


def gradients_fit(op: Any, call: Call) -> None:
    """A gradient has the shape, dtype and type of what it is the gradient of."""
    for a, g in zip(call.arrays, gradients(op, call), strict=True):
        if g is not None:
            assert (type(g), g.shape, g.dtype) == (np.ndarray, a.shape, a.dtype)


def twice_the_seed_is_twice_the_gradient(op: Any, call: Call) -> None:
    """vjp(2 v) = 2 vjp(v), to the last bit."""
    for once, twice in zip(gradients(op, call), gradients(op, call, factor=2), strict=True):
        if once is not None:
            assert_same_bits(2 * once, twice)


def nothing_is_shared(op: Any, call: Call) -> None:
    """Gradients share no memory with each other, the seed, the values; and none of these has changed."""
    inputs = tensors(op, call)
    z = op(*inputs, **call.params)
    seed = uneven(z.shape, z.dtype)
    others = [seed, z.data, *(x.data for x in inputs), *call.arrays]
    before = [a.tobytes() for a in others]
    z.backward(seed)
    found = [x.grad.data for x in inputs if x.grad is not None]
    assert [a.tobytes() for a in others] == before
    for i, g in enumerate(found):
        assert not any(np.shares_memory(g, a) for a in (*found[:i], *others))


def values_are_not_the_inputs(op: Any, call: Call) -> None:
    """The values share no memory with the inputs; only a view's may."""
    z = np.asarray(op(*call.arrays, **call.params))
    assert not any(np.shares_memory(z, a) for a in call.arrays)


def nothing_is_tracked(op: Any, call: Call) -> None:
    """A row without a derivative leaves no graph behind."""
    z = op(*(Tensor(a, requires_grad=a.dtype.kind == "f") for a in call.arrays), **call.params)
    assert (z.requires_grad, z.op, z.inputs) == (False, None, ())


def recording_changes_nothing(op: Any, call: Call) -> None:
    """The values are the same bits with and without recording, and without it nothing is tracked."""
    inputs = tensors(op, call)
    with no_grad():
        free = op(*inputs, **call.params)
    if not any(free is x for x in inputs):  # as flatten of a vector may be
        assert not free.requires_grad
        assert free.op is None
    assert_same_bits(free.data, op(*inputs, **call.params).data)


def a_second_sweep_doubles_the_gradient(op: Any, call: Call) -> None:
    """backward() adds to the gradients that are there, to the last bit."""
    inputs = tensors(op, call)
    z = op(*inputs, **call.params)
    z.backward(uneven(z.shape, z.dtype))
    once = [None if x.grad is None else x.grad.data for x in inputs]
    z.backward(uneven(z.shape, z.dtype))
    for x, g in zip(inputs, once, strict=True):
        if g is not None:
            assert_same_bits(x.grad.data, 2 * g)


def float32_stays_float32(op: Any, call: Call) -> None:
    """From float32 come float32 values and float32 gradients."""
    narrow = Call(tuple(a.astype(np.float32) if a.dtype.kind == "f" else a for a in call.arrays), call.params)
    inputs = tensors(op, narrow)
    z = op(*inputs, **narrow.params)
    assert z.dtype == np.float32
    assert np.asarray(op(*narrow.arrays, **narrow.params)).dtype == np.float32
    z.backward(uneven(z.shape, np.float32))
    assert {x.grad.dtype for x in inputs if x.grad is not None} == {np.dtype(np.float32)}


# ---- all of them -----------------------------------------------------------------------------------------

Functions = dict[str, tuple[Callable[..., Any], Case]]


def hold_for(functions: Functions) -> Callable[..., None]:
    """A test that the laws hold for every function of a table: test_the_laws_hold = laws.hold_for(FUNCTIONS)."""

    @pytest.mark.parametrize("name", functions)
    @few
    @given(st.data())
    def test(name: str, data: st.DataObject) -> None:
        function, case = functions[name]
        call = data.draw(case.calls)
        forward_is_right(function, case.forward, call)
        first_derivative_is_right(function, case.forward, call)
        readings_agree(function, call)
        gradients_fit(function, call)
        twice_the_seed_is_twice_the_gradient(function, call)
        a_second_sweep_doubles_the_gradient(function, call)
        nothing_is_shared(function, call)
        recording_changes_nothing(function, call)
        float32_stays_float32(function, call)

    return test


def hold_in_second_order(functions: Functions) -> Callable[..., None]:
    """A test of the second derivatives, for functions that are more than rows in a row."""

    @pytest.mark.parametrize("name", functions)
    @few
    @given(st.data())
    def test(name: str, data: st.DataObject) -> None:
        function, case = functions[name]
        second_derivative_is_right(function, case.forward, data.draw(case.calls))

    return test
