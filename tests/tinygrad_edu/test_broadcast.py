"""Shapes: what was broadcast is summed back, whatever the axes; and the shape functions of the menu."""

from collections.abc import Callable
from typing import Any

import laws
import numpy as np
import pytest
from hypothesis import strategies as st
from laws import assert_same_bits, uneven
from op_cases import NONZERO_SIDES, Call, Case, distinct, eighths, layers, matrices, shapes

import tinygrad_edu as te
from tinygrad_edu import ShapeError, Tensor, exp, matmul, where


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


def gradients(y: Tensor, seed: Any, *inputs: Tensor) -> list[Any]:
    y.backward(seed)
    return [x.grad.tolist() for x in inputs]


# ---- B1 … B9: broadcasting -------------------------------------------------------------------------------


def test_B1_one_entry_beside_one_entry_of_more_axes() -> None:
    a, b = leaf([1.0]), leaf([[1.0, 1.0]])
    (a * b).sum().backward()
    assert_same_bits(a.grad.data, np.array([2.0]))


def test_B2_both_sides_are_stretched() -> None:
    a, b = leaf(np.ones((3, 1))), leaf(np.ones((1, 4)))
    seed = uneven((3, 4))
    assert gradients(a + b, seed, a, b) == [seed.sum(1, keepdims=True).tolist(), seed.sum(0, keepdims=True).tolist()]


def test_B3_a_single_number_beside_a_vector() -> None:
    w = leaf(2.0)
    (w * [1.0, 2.0, 3.0]).sum().backward()
    assert_same_bits(w.grad.data, np.array(6.0))
    assert type(w.grad.data) is np.ndarray  # and no NumPy scalar


@pytest.mark.parametrize("shape", [(4, 1), (1,), (), (1, 1)])
def test_B4_nothing_is_broadcast_to(shape: tuple[int, ...]) -> None:
    b = leaf(np.ones(shape))
    (np.ones((4, 0)) + b).sum().backward()
    assert_same_bits(b.grad.data, np.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 1, 3), (3, 3), (3,), (1, 1, 3)])
def test_B5_axes_are_added_and_stretched(shape: tuple[int, ...]) -> None:
    x = leaf(np.ones(3))
    seed = uneven(shape)
    assert gradients(x.broadcast_to(shape), seed, x) == [seed.reshape(-1, 3).sum(0).tolist()]


def test_B6_the_deviation_from_the_mean_has_no_mean() -> None:
    x = leaf([1.0, 2.0, 4.0, 9.0])
    (x - x.mean()).backward(np.ones(4))
    assert x.grad.tolist() == [0, 0, 0, 0]


def test_B7_where_sends_each_part_to_its_side() -> None:
    for swap, dx, dw in [(False, [1, 0, 1], 1), (True, [0, 1, 0], 2)]:
        x, w = leaf([1.0, 2.0, 3.0]), leaf(5.0)
        mask = [True, False, True]
        y = where(mask, w, x) if swap else where(mask, x, w)
        y.sum().backward()
        assert (x.grad.tolist(), w.grad.item()) == (dx, dw)


def test_B8_a_number_beside_a_vector_of_zeros() -> None:
    z = leaf(1.0)
    ((exp(z) - 0).sum() + (exp(z) - np.zeros(1000)).sum()).backward()
    assert z.grad.item() == pytest.approx(1001 * np.e, rel=1e-14)


def test_B9_a_broadcast_cannot_be_written_to() -> None:
    x = leaf(np.ones(3))
    y = x.broadcast_to(4, 3)
    assert y.shape == (4, 3)
    y.backward(np.ones((4, 3)))
    assert x.grad.tolist() == [4, 4, 4]
    with pytest.raises(ValueError, match="read-only"):
        y.data[0, 0] = 5


# ---- B10 … B12: matrix products --------------------------------------------------------------------------


def test_B10_a_vector_on_the_right() -> None:
    a, b = leaf(np.ones((2, 3))), leaf([1.0, 2.0, 3.0])
    assert gradients(a @ b, [1, 10], a, b) == [[[1, 2, 3], [10, 20, 30]], [11, 11, 11]]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3,), (3,)),
        ((3,), (2, 3, 4)),
        ((2, 4, 3), (3,)),
        ((2, 4, 3), (3, 5)),
        ((1, 4, 3), (2, 3, 5)),
        ((3,), (3, 1)),
    ],
)
def test_B11_gradients_have_the_shapes_of_the_operands(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    x, y = leaf(uneven(a)), leaf(uneven(b, start=5))
    z = x @ y
    assert_same_bits(z.data, np.asarray(x.data @ y.data))
    z.backward(uneven(z.shape, start=2))
    assert (x.grad.shape, y.grad.shape) == (a, b)
    # <v, Ju> = <J^T v, u>, for the product is linear in each of them
    for t, moved in ((x, uneven(a, start=7) @ y.data), (y, x.data @ uneven(b, start=7))):
        along = np.vdot(t.grad.data, uneven(t.shape, start=7))
        assert along == pytest.approx(np.vdot(uneven(z.shape, start=2), moved), rel=1e-14)


@st.composite
def products(draw: st.DrawFn) -> Call:
    """Everything that NumPy multiplies: a vector on either side, or both, or stacks."""
    call = draw(matrices())
    x, y = call.arrays
    if draw(st.booleans()):
        x = x.reshape(-1, x.shape[-1])[0] if x.size else np.zeros(x.shape[-1])
    if draw(st.booleans()):
        y = y[..., 0].reshape(-1, y.shape[-2])[0] if y.size else np.zeros(y.shape[-2])
    return Call((x, y))


def product(x: Any, y: Any) -> Any:
    left, right = "...ij" if x.ndim > 1 else "j", "...jk" if y.ndim > 1 else "j"
    kept = ("..." if x.ndim > 1 or y.ndim > 1 else "") + "i" * (x.ndim > 1) + "k" * (y.ndim > 1)
    return np.einsum(f"{left},{right}->{kept}", x, y)


def test_B12_no_inner_size_and_no_axes() -> None:
    a, b = leaf(np.ones((2, 0))), leaf(np.ones((0, 3)))
    y = a @ b
    assert y.tolist() == [[0] * 3] * 2
    y.backward(uneven((2, 3)))
    assert (a.grad.shape, b.grad.shape) == ((2, 0), (0, 3))
    with pytest.raises(ValueError, match=r"x \* y"):
        a @ 2.0


# ---- B13 … B18: the menu's functions, with NumPy's conveniences ------------------------------------------


@st.composite
def along(draw: st.DrawFn, values: Any = eighths, several: bool = True, sides: Any = NONZERO_SIDES) -> Call:
    """An array, and axis= and keepdims= in all the ways that NumPy understands."""
    shape = draw(shapes(sides=sides))
    n = len(shape)
    one = st.integers(-n, n - 1) if n else st.none()
    many = st.permutations(range(n)).map(lambda p: tuple(k - n * (k % 2) for k in p[: (n + 1) // 2]))
    return Call(
        (draw(values(shape)),),
        {"axis": draw(st.one_of(st.none(), one, many) if several else one), "keepdims": draw(st.booleans())},
    )


@st.composite
def along_one(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1, sides=NONZERO_SIDES))
    return Call((draw(eighths(shape)),), {"axis": draw(st.integers(-len(shape), len(shape) - 1))})


@st.composite
def stacks(draw: st.DrawFn) -> Call:
    shape = draw(shapes(max_dims=2))
    parts = tuple(draw(eighths(shape)) for _ in range(draw(st.integers(1, 3))))
    return Call(parts, {"axis": draw(st.integers(-len(shape) - 1, len(shape)))})


@st.composite
def turned(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    n = len(shape)
    order = tuple(k - n * draw(st.integers(0, 1)) for k in draw(st.permutations(range(n))))
    return Call((draw(eighths(shape)),), {"axes": order})


def ends(group: Any, largest: bool) -> Any:
    order = np.argsort(np.real(group))
    return group[order[-1 if largest else 0]]


def reduced(combine: Callable[[Any], Any]) -> Callable[..., Any]:
    def function(x: Any, *, axis: Any, keepdims: bool) -> Any:
        axes = np.arange(x.ndim)[slice(None) if axis is None else list(np.atleast_1d(np.array(axis, dtype=int)))]
        kept = [i for i in range(x.ndim) if i not in axes]
        shape = [1 if i in axes else x.shape[i] for i in range(x.ndim) if keepdims or i not in axes]
        groups = np.transpose(x, (*kept, *axes)).reshape(int(np.prod([x.shape[i] for i in kept])), -1)
        return np.array([combine(group) for group in groups]).reshape(shape)

    return function


def normalised(x: Any, *, axis: int) -> Any:
    return np.exp(x) / np.exp(x).sum(axis, keepdims=True)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Case]] = {
    "sum": (te.sum, Case(along(), reduced(sum))),
    "mean": (te.mean, Case(along(), reduced(lambda group: sum(group) / len(group)))),
    "max": (te.max, Case(along(distinct), reduced(lambda group: ends(group, largest=True)))),
    "min": (te.min, Case(along(distinct), reduced(lambda group: ends(group, largest=False)))),
    "logsumexp": (te.logsumexp, Case(along(), reduced(lambda group: np.log(sum(np.exp(group)))))),
    "softmax": (te.softmax, Case(along_one(), normalised)),
    "log_softmax": (te.log_softmax, Case(along_one(), lambda x, *, axis: np.log(normalised(x, axis=axis)))),
    "stack": (
        lambda *xs, axis: te.stack(xs, axis),
        Case(stacks(), lambda *xs, axis: np.moveaxis(np.array(xs), 0, axis)),
    ),
    "transpose": (
        lambda x, axes: te.transpose(x, *axes),
        Case(turned(), lambda x, axes: np.moveaxis(x, axes, range(x.ndim)) if axes else x),
    ),
    "matmul": (te.matmul, Case(products(), product)),
    "linear": (
        lambda x, w, b: te.linear(x, w, b),
        Case(layers(), lambda x, w, b: np.einsum("...j,ij->...i", x, w) + b),
    ),
    "linear of one example": (
        te.linear,
        Case(
            layers()
            .filter(lambda c: c.arrays[0].size)
            .map(lambda c: Call((c.arrays[0].reshape(-1, c.arrays[0].shape[-1])[0], *c.arrays[1:]))),
            lambda x, w, b: np.einsum("j,ij->i", x, w) + b,
        ),
    ),
}

test_B11_B14_B15_D1_the_laws_hold = laws.hold_for(FUNCTIONS)


def test_B13_the_gradient_is_transposed_back() -> None:
    x = leaf(np.ones((2, 2, 2)))
    seed = np.arange(8.0).reshape(2, 2, 2)
    assert gradients(x.transpose(2, 0, 1), seed, x) == [seed.transpose(1, 2, 0).tolist()]


@pytest.mark.parametrize("method", ["sum", "mean", "max", "min", "logsumexp", "softmax", "log_softmax"])
def test_a_method_is_the_function(method: str) -> None:
    x = leaf(uneven((2, 3)))
    assert_same_bits(getattr(x, method)(axis=1).data, getattr(te, method)(x, axis=1).data)


@pytest.mark.parametrize("axis", [2, -3, (0, 2)])
@pytest.mark.parametrize("function", [te.sum, te.mean, te.max, te.logsumexp, te.softmax])
def test_B14_an_axis_that_does_not_exist(function: Any, axis: Any) -> None:
    with pytest.raises(ShapeError, match=r"axis -?\d does not exist.* 2 axes"):
        function(leaf(np.ones((2, 3))), axis)


@pytest.mark.parametrize("axis", [(0, 0), (1, -1)])
def test_B14_an_axis_named_twice(axis: Any) -> None:
    with pytest.raises(ShapeError, match="twice"):
        leaf(np.ones((2, 3))).sum(axis)
    with pytest.raises(ShapeError, match="twice"):
        leaf(np.ones((2, 3))).transpose(axis)


@pytest.mark.parametrize(
    ("use", "shape"),
    [
        (lambda x: x.T, (4, 3, 2)),
        (lambda x: x.mT, (2, 4, 3)),
        (lambda x: x.transpose(1, 0, 2), (3, 2, 4)),
        (lambda x: x.transpose((1, 0, 2)), (3, 2, 4)),
        (lambda x: x.reshape(6, 4), (6, 4)),
        (lambda x: x.reshape((6, -1)), (6, 4)),
        (lambda x: x.reshape(-1), (24,)),
        (lambda x: x.flatten(), (24,)),
        (lambda x: x[:1, :1, :1].reshape(()), ()),
    ],
)
def test_shapes_in_all_spellings(use: Any, shape: tuple[int, ...]) -> None:
    assert use(leaf(np.ones((2, 3, 4)))).shape == shape


def test_B16_reductions_of_nothing() -> None:
    x = leaf(np.zeros((0, 3)))
    for method, value in ((x.sum, 0), (x.prod, 1)):
        x.zero_grad()
        y = method()
        assert y.item() == value
        y.backward(2.0)
        assert x.grad.shape == (0, 3)
    x.zero_grad()
    assert x.max(axis=1).shape == (0,)
    x.max(axis=1).backward(np.zeros(0))
    assert x.grad.shape == (0, 3)
    for method in (x.max, x.min, x.logsumexp):
        with pytest.raises(ShapeError, match=r"no entries.*\(0, 3\)"):
            method()
    with pytest.warns(RuntimeWarning, match="invalid"):
        assert np.isnan(x.mean().item())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [((0, 3), (0, -1)), ((0, 3), (1,)), ((2, 3), (5,)), ((2, 3), (-1, -1)), ((2, 3), (-2, 3)), ((2, 3), (4, -1))],
)
def test_B17_a_shape_that_does_not_fit(given: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    with pytest.raises(ShapeError, match="reshape"):
        leaf(np.zeros(given)).reshape(wanted)


# ---- B22: joining ----------------------------------------------------------------------------------------


def test_B22_unequal_parts_get_their_part() -> None:
    parts = [leaf(np.ones((2, n))) for n in (1, 0, 3)]
    seed = uneven((2, 4))
    te.concatenate(parts, axis=-1).backward(seed)
    assert [p.grad.tolist() for p in parts] == [seed[:, :1].tolist(), [[], []], seed[:, 1:].tolist()]


def test_B22_the_same_part_twice_gets_the_sum() -> None:
    x = leaf([1.0, 2.0])
    assert gradients(te.concatenate([x, x]), [1, 10, 100, 1000], x) == [[101, 1010]]
    y = leaf([1.0, 2.0])
    assert gradients(te.stack([y, y], axis=-1), [[1, 10], [100, 1000]], y) == [[11, 1100]]


@pytest.mark.parametrize("join", [te.concatenate, te.stack])
def test_B22_nothing_to_join(join: Any) -> None:
    with pytest.raises(ShapeError, match="at least one"):
        join([])


def test_B25_a_cost_of_a_column_and_a_row_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(4,\)"):
        te.quadratic_cost(leaf(np.ones((4, 1))), np.zeros(4))


def test_a_fused_row_equals_the_composed_one() -> None:
    x, w, b = (leaf(uneven(shape)) for shape in [(4, 3), (2, 3), (2,)])
    composed = matmul(x, w.T) + b
    fused = te.linear(x, w, b)
    np.testing.assert_allclose(fused.data, composed.data, rtol=1e-15)
    y = uneven((4, 2), start=5)
    found = []
    for cost in (te.quadratic_cost(fused, y), ((composed - y) ** 2).sum() / (2 * 4)):
        for t in (x, w, b):
            t.zero_grad()
        cost.backward()
        found.append([cost.data, *(t.grad.data for t in (x, w, b))])
    for a, c in zip(*found, strict=True):
        np.testing.assert_allclose(a, c, rtol=1e-14)
