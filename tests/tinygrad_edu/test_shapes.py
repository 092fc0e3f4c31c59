"""Functions that move entries about: shapes, joining, repeating, indexing; each against NumPy's own."""

from collections.abc import Callable
from typing import Any

import laws
import numpy as np
import pytest
from cases_shape import written
from hypothesis import given
from hypothesis import strategies as st
from laws import assert_same_bits, uneven
from op_cases import NONZERO_SIDES, Call, Case, broadcastable, eighths, keys, scattered, shapes

from tinygrad_edu import DtypeError, ShapeError, Tensor
from tinygrad_edu.functions import indexing, joining, repeating
from tinygrad_edu.functions import shapes as shaping
from tinygrad_edu.ops.shape import getitem, scatter_add, setitem


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


def gradients(y: Tensor, seed: Any, *inputs: Tensor) -> list[Any]:
    y.backward(seed)
    return [x.grad.tolist() for x in inputs]


# ---- what to draw ----------------------------------------------------------------------------------------

Draw = Callable[[st.DrawFn, tuple[int, ...]], dict[str, Any]]


def nothing(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {}


@st.composite
def calls(draw: st.DrawFn, settings: Draw = nothing, min_dims: int = 0, sides: Any = NONZERO_SIDES) -> Call:
    """One array, and settings that fit its shape."""
    shape = draw(shapes(min_dims=min_dims, sides=sides))
    return Call((draw(eighths(shape)),), settings(draw, shape))


@st.composite
def several(draw: st.DrawFn, min_dims: int = 0, max_dims: int = 3) -> Call:
    """One to three arrays of one shape."""
    shape = draw(shapes(min_dims=min_dims, max_dims=max_dims))
    return Call(tuple(draw(eighths(shape)) for _ in range(draw(st.integers(1, 3)))))


@st.composite
def lines(draw: st.DrawFn) -> Call:
    settings = {"indexing": draw(st.sampled_from(("xy", "ij"))), "sparse": draw(st.booleans())}
    return Call(tuple(draw(eighths(draw(shapes(max_dims=1)))) for _ in range(draw(st.integers(1, 3)))), settings)


@st.composite
def stretched(draw: st.DrawFn) -> Call:
    return Call(tuple(draw(eighths(s)) for s in draw(broadcastable(draw(st.integers(1, 3))))))


def axis(draw: st.DrawFn, shape: tuple[int, ...]) -> int:
    return draw(st.integers(-len(shape), len(shape) - 1))


def axes(draw: st.DrawFn, shape: tuple[int, ...]) -> tuple[int, ...]:
    chosen = draw(st.permutations(range(len(shape))))[: draw(st.integers(0, len(shape)))]
    return tuple(k - len(shape) * draw(st.integers(0, 1)) for k in chosen)


def one_axis(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"axis": axis(draw, shape)}


def an_axis_or_none(draw: st.DrawFn, shape: tuple[int, ...]) -> Any:
    return axis(draw, shape) if shape and draw(st.booleans()) else None


def squeezed(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    ones = [i for i, n in enumerate(shape) if n == 1]
    return {"axis": draw(st.sampled_from([None, tuple(ones), *ones, *(i - len(shape) for i in ones)]))}


def expanded(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    one = draw(st.integers(-len(shape) - 1, len(shape)))
    return {"axis": draw(st.sampled_from([one, (one,), (0, len(shape) + 1), (-1, 0)]))}


def moved(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    source, n = axes(draw, shape), len(shape)
    return {"source": source, "destination": tuple(draw(st.permutations(range(n))))[: len(source)]}


def flipped(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"axis": draw(st.sampled_from([None, axes(draw, shape), *range(len(shape))]))}


def rolled(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    where = draw(st.sampled_from([None, axes(draw, shape), *range(len(shape))]))
    several = isinstance(where, tuple) and len(where) > 0 and draw(st.booleans())
    one = st.integers(-7, 7)
    return {"shift": tuple(draw(one) for _ in where) if several else draw(one), "axis": where}


def turned(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"k": draw(st.integers(-5, 5)), "axes": tuple(draw(st.permutations(range(len(shape)))))[:2]}


def repeated(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    where = an_axis_or_none(draw, shape)
    n = int(np.prod(shape)) if where is None else shape[where]
    times = st.integers(0, 3)
    each = st.lists(times, min_size=n, max_size=n).map(np.array)
    return {"repeats": draw(times | each), "axis": where}


def tiled(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"reps": draw(st.integers(0, 3) | st.lists(st.integers(0, 3), max_size=4).map(tuple))}


def padded(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    one = st.integers(0, 4)
    widths = [draw(one), (draw(one), draw(one)), tuple((draw(one), draw(one)) for _ in shape)]
    mode = draw(st.sampled_from(("constant", "constant", "edge", "reflect", "symmetric", "wrap")))
    found = {"pad_width": draw(st.sampled_from(widths if shape else [0, (0, 0)])), "mode": mode}
    if mode == "constant" and draw(st.booleans()):
        found["constant_values"] = draw(st.sampled_from([2.5, (1.5, -3)]))
    return found


def cut(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    places = sorted(draw(st.lists(st.integers(-5, 5), max_size=3)))
    return {"indices_or_sections": draw(st.sampled_from([1, 2, 3, 5, places])), "axis": axis(draw, shape)}


def cut_evenly(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    k = axis(draw, shape)
    return {"indices_or_sections": draw(st.sampled_from([1, shape[k]])), "axis": k}


def places(draw: st.DrawFn, shape: tuple[int, ...], n: int, beyond: int = 0) -> Any:
    size = int(np.prod(shape))
    which = st.integers(-n - beyond, n - 1 + beyond)
    return np.array(draw(st.lists(which, min_size=size, max_size=size)), dtype=int).reshape(shape)


def taken(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    where = an_axis_or_none(draw, shape)
    mode = draw(st.sampled_from(("raise", "wrap", "clip")))
    n = int(np.prod(shape)) if where is None else shape[where]
    picked = places(draw, draw(shapes(max_dims=2)), n, 9 * (mode != "raise"))
    return {"indices": picked, "axis": where, "mode": mode}


def taken_along(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    k = axis(draw, shape)
    picked = [draw(st.sampled_from([1, n])) for n in shape]
    picked[k] = draw(st.integers(0, 4))
    return {"indices": places(draw, tuple(picked), shape[k]), "axis": k}


def compressed(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    where = an_axis_or_none(draw, shape)
    n = int(np.prod(shape)) if where is None else shape[where]
    return {"condition": draw(st.lists(st.booleans(), max_size=n)), "axis": where}


def extracted(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"condition": draw(eighths(shape)) > 0}


def deleted(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    where = an_axis_or_none(draw, shape)
    n = int(np.prod(shape)) if where is None else shape[where]
    one, many = places(draw, (), n), places(draw, (3,), n)
    mask = np.arange(n) % 2 == 0
    return {"obj": draw(st.sampled_from([int(one), many, many.tolist(), [], slice(0, None, 2), mask])), "axis": where}


@st.composite
def insertions(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1, sides=NONZERO_SIDES))
    k = an_axis_or_none(draw, shape)
    n = int(np.prod(shape)) if k is None else shape[k]
    kind = draw(st.sampled_from(["number", "slab", "places", "one place"]))
    if kind == "number":
        obj: Any = draw(st.integers(-n, n))
        values = draw(eighths(()))
    elif kind == "slab":
        obj = draw(st.integers(-n, n))
        values = draw(eighths(() if k is None else (*shape[: k % len(shape)], *shape[k % len(shape) + 1 :])))
    else:
        obj = draw(st.lists(st.integers(-n, n), min_size=1, max_size=1 if kind == "one place" else 3))
        room = list(shape) if k is not None else [n]
        room[k or 0] = len(obj) if kind == "places" else draw(st.integers(1, 3))
        values = draw(eighths(tuple(room)))
    return Call((draw(eighths(shape)), values), {"obj": obj, "axis": k})


@st.composite
def chosen(draw: st.DrawFn) -> Call:
    where, *choices = draw(broadcastable(4))
    mode = draw(st.sampled_from(("raise", "wrap", "clip")))
    index = places(draw, where, 3, 4)
    index = index % 3 if mode == "raise" else index
    return Call(tuple(draw(eighths(s)) for s in choices), {"index": index, "mode": mode})


@st.composite
def tables(draw: st.DrawFn) -> Call:
    shape = draw(shapes(min_dims=1, sides=NONZERO_SIDES))
    return Call((draw(eighths(shape)),), {"indices": places(draw, draw(shapes(max_dims=2)), shape[0]) % shape[0]})


@st.composite
def changes(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    key = draw(keys(shape))
    (part,) = draw(broadcastable(1, st.just(np.zeros(shape)[key].shape)))
    ones = (1,) * draw(st.integers(0, 2)) if len(part) == np.zeros(shape)[key].ndim else ()
    return Call((draw(eighths(shape)), draw(eighths((*ones, *part)))), {"key": key})


def fitting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The second forward takes values without the 1s in front."""

    def second(x: Any, y: Any, *, key: Any) -> Any:
        room = np.zeros(x.shape)[key].shape
        return function(x, y.reshape(y.shape[max(0, y.ndim - len(room)) :]), key)

    return second


def added(x: Any, y: Any, key: Any) -> Any:
    room = np.zeros(x.shape)[key].shape
    return x + scattered(y + np.zeros(room), key=key, shape=x.shape)


# ---- all of them -----------------------------------------------------------------------------------------


def all_of(parts: Any) -> Any:
    """Several outputs as one vector."""
    if isinstance(parts, (list, tuple)):
        return np.concatenate([np.ravel(p) for p in parts]) if not has_tensor(parts) else joined(parts)
    return parts


def has_tensor(parts: Any) -> bool:
    return any(isinstance(p, Tensor) for p in parts)


def joined(parts: Any) -> Any:
    return joining.concatenate([shaping.ravel(p) for p in parts])


FUNCTIONS: dict[str, tuple[Callable[..., Any], Case]] = {}


def same(
    name: str, calls: Any, ours: Callable[..., Any] | None = None, numpys: Callable[..., Any] | None = None
) -> None:
    """Our function of this name gives what NumPy's does."""
    mine = ours or next(getattr(m, name) for m in (shaping, joining, repeating, indexing) if hasattr(m, name))
    theirs = numpys or getattr(np, name)
    FUNCTIONS[name] = (
        lambda *xs, **settings: all_of(mine(*xs, **settings)),
        Case(calls, lambda *xs, **settings: all_of(theirs(*xs, **settings))),
    )


def listed(name: str, calls: Any) -> None:
    """The same, for a function of a list of arrays."""
    mine = getattr(joining, name)
    same(name, calls, lambda *xs, **settings: mine(xs, **settings), lambda *xs, **kw: getattr(np, name)(xs, **kw))


def swapped(draw: st.DrawFn, shape: tuple[int, ...]) -> dict[str, Any]:
    return {"axis1": axis(draw, shape), "axis2": axis(draw, shape)}


same("ravel", calls())
same("squeeze", calls(squeezed))
same("expand_dims", calls(expanded))
same("swapaxes", calls(swapped, 1))
same("moveaxis", calls(moved))
same("atleast_1d", stretched())
same("atleast_2d", stretched())
same("atleast_3d", stretched())
same("flip", calls(flipped))
same("fliplr", calls(min_dims=2))
same("flipud", calls(min_dims=1))
same("roll", calls(rolled, 1))
same("rot90", calls(turned, 2))
same("broadcast_arrays", stretched())
same("meshgrid", lines())
same("repeat", calls(repeated))
same("tile", calls(tiled))
same("pad", calls(padded))
same("split", calls(cut_evenly, 1))
same("array_split", calls(cut, 1))
for name, least in [("hsplit", 1), ("vsplit", 2), ("dsplit", 3)]:
    same(name, calls(lambda draw, shape: {"indices_or_sections": [1]}, least))
listed("hstack", several())
listed("vstack", several())
listed("dstack", several())
listed("column_stack", several(max_dims=2))
same("append", stretched().filter(lambda c: len(c.arrays) == 2))
same("unstack", calls(one_axis, 1), numpys=lambda x, axis: [*np.moveaxis(x, axis, 0)])
same("take", calls(taken))
same("take_along_axis", calls(taken_along, 1))
same("compress", calls(compressed), lambda x, condition, axis: indexing.compress(condition, x, axis),
     lambda x, condition, axis: np.compress(condition, x, axis))  # fmt: skip
same("extract", calls(extracted), lambda x, condition: indexing.extract(condition, x),
     lambda x, condition: np.extract(condition, x))  # fmt: skip
same("choose", chosen(), lambda *xs, index, mode: indexing.choose(index, xs, mode=mode),
     lambda *xs, index, mode: np.choose(index, xs, mode=mode))  # fmt: skip
same("delete", calls(deleted, 1), lambda x, obj, axis: indexing.delete(x, obj, axis))
same("insert", insertions(), lambda x, v, obj, axis: indexing.insert(x, obj, v, axis),
     lambda x, v, obj, axis: np.insert(x.astype(np.result_type(x, v)), obj, v, axis))  # fmt: skip
same("embedding", tables(), numpys=lambda x, indices: np.tensordot(np.eye(len(x))[indices], x, 1))
same(
    "at_set", changes(), lambda x, y, key: indexing.at_set(x, key, y), fitting(lambda x, y, key: written(x, y, key=key))
)
same("at_add", changes(), lambda x, y, key: indexing.at_add(x, key, y), fitting(added))

test_B19_B20_B23_D1_the_laws_hold = laws.hold_for(FUNCTIONS)


@pytest.mark.parametrize("name", ["atleast_1d", "atleast_2d", "atleast_3d", "meshgrid", "broadcast_arrays"])
def test_several_outputs_have_NumPys_shapes(name: str) -> None:
    xs = [np.arange(3.0), np.float64(2), np.arange(3.0)]
    mine = next(getattr(m, name) for m in (shaping, repeating) if hasattr(m, name))
    assert [y.shape for y in mine(*map(leaf, xs))] == [y.shape for y in getattr(np, name)(*xs)]


# ---- B18 … B20: reading ----------------------------------------------------------------------------------

A = np.arange(24.0).reshape(2, 3, 4)
MASK = A[:, :, 0] % 8 == 0
READ: list[Any] = [
    (),
    ...,
    None,
    (..., None),
    (None, ..., None, 1),
    np.newaxis,
    (MASK, None),
    (MASK, slice(1, None, 2)),
    (slice(None), np.array([True, False, True])),
    (np.array([True, False]), slice(None), np.array([True, False, False, False])),
    ([0, 1], slice(None), [1, 1]),
    (slice(None), [0, 0, 2], None, [[1], [3]]),
    ((0, 1),),
    ([0, 1], (1, 2)),
    [[0, 1], [1, 0]],
    [[True, False, True], [False, False, True]],
    [],
    ([], []),
    np.zeros((0, 3), int),
    np.zeros((2, 3), bool),
    True,
    False,
    (True, 0),
    np.True_,
    np.bool_(False),
    np.array(True),
    (np.array(1), np.int8(-1)),
    np.array([1, 0], np.uint8),
    range(2),
    (range(2), range(1, 3)),
    A > 4,
    -1,
    (slice(None, None, -1), slice(5, 0, -2)),
    (slice(10, 20),),
]


@pytest.mark.parametrize("key", READ, ids=repr)
@pytest.mark.parametrize("as_tensors", [False, True], ids=["arrays", "Tensors"])
def test_B18_B20_every_index_that_NumPy_knows(key: Any, as_tensors: bool) -> None:
    x = leaf(A)
    y = x[with_tensors(key) if as_tensors else key]
    assert_same_bits(y.data, A[key])
    seed = uneven(y.shape)
    for create_graph in (False, True):
        x.zero_grad()
        y.backward(seed, create_graph=create_graph)
        expected = np.zeros(A.shape)
        np.add.at(expected, key, seed)
        assert_same_bits(x.grad.data, expected)


def with_tensors(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(with_tensors(k) for k in key)
    return Tensor(key) if isinstance(key, (np.ndarray, np.generic)) and np.size(key) else key


@pytest.mark.parametrize("key", [None, ..., (), (None, None), True, False, np.array(True), (..., None)], ids=repr)
def test_B18_an_index_of_a_single_number(key: Any) -> None:
    x = leaf(3.0)
    y = x[key]
    assert_same_bits(y.data, np.asarray(np.array(3.0)[key]))
    y.backward(uneven(y.shape))
    assert_same_bits(x.grad.data, np.array(1.0 if y.size else 0.0))


@pytest.mark.parametrize(
    "key",
    [2, -3, (0, 3), [0, 2], [[0], [-3]], (0, 0, 0, 0), (..., ...), [True], [0.0], 0.0, "x", MASK[:, :2],
     ([0, 1], [0, 1, 2])],
    ids=repr,
)  # fmt: skip
def test_B20_an_index_out_of_range_or_of_another_kind(key: Any) -> None:
    for x in (leaf(A), Tensor(A)):
        with pytest.raises(IndexError):
            x[key]
        with pytest.raises(IndexError):
            indexing.at_set(x, key, 0.0)
        with pytest.raises(IndexError):
            indexing.at_add(x, key, 0.0)


@pytest.mark.parametrize("use", [lambda t, k: t[k], lambda t, k: indexing.at_add(t, k, t[k]), indexing.take])
def test_D8_an_index_is_copied(use: Any) -> None:
    found = []
    for spoil in (False, True):
        t, key = leaf([1.0, 2.0, 3.0]), np.array([0, 0])
        y = use(t, key)
        if spoil:
            key[:] = 2
        y.backward(uneven(y.shape))
        found.append(t.grad.tolist())
    assert found[0] == found[1]


@given(st.data())
def test_B19_rows_of_a_table_are_added_as_add_at_does(data: st.DataObject) -> None:
    """A large gradient takes faster paths; they give the same bits."""
    n, d = data.draw(st.integers(1, 5)), data.draw(st.integers(30, 60))
    index = places(data.draw, data.draw(st.sampled_from([(4,), (2, 3), (7, 1)])), n)
    for dtype in (np.float32, np.float64):
        g = np.sin(np.arange(index.size * d)).reshape(*index.shape, d).astype(dtype)
        expected = np.zeros((n, d), dtype)
        np.add.at(expected, index, g)
        assert_same_bits(scatter_add(g, key=index, shape=(n, d)), expected)
        along = (slice(None), index)
        turned = np.moveaxis(g, -1, 0)
        expected_along = np.zeros((d, n), dtype)
        np.add.at(expected_along, along, turned)
        assert_same_bits(scatter_add(turned, key=along, shape=(d, n)), expected_along)
        assert_same_bits(scatter_add(np.asfortranarray(g), key=index.astype(np.int8), shape=(n, d)), expected)
        with pytest.raises(IndexError):
            scatter_add(g, key=0 * index + n, shape=(n, d))


# ---- B21: writing ----------------------------------------------------------------------------------------


def test_B21_values_with_more_axes_than_their_place() -> None:
    x, v = leaf(np.zeros((2, 3))), leaf(np.ones((1, 1, 3)))
    seed = uneven((2, 3))
    assert gradients(indexing.at_set(x, 1, v), seed, x, v) == [[seed[0].tolist(), [0] * 3], [[seed[1].tolist()]]]
    assert v.grad.shape == (1, 1, 3)


def test_B21_what_was_used_before_keeps_its_values() -> None:
    x = leaf([1.0, 2.0, 3.0])
    y = x * x
    z = indexing.at_set(x, 0, 7.0)
    assert (x.tolist(), z.tolist()) == ([1, 2, 3], [7, 2, 3])
    assert gradients((y * z).sum(), None, x) == [[2 * 1 * 7, 3 * 2 * 2, 3 * 3 * 3]]


@pytest.mark.parametrize(
    ("key", "values", "z", "dx", "dv"),
    [
        ([0, 0, 2], [5.0, 6.0, 7.0], [6, 2, 7], [0, 10, 0], [0, 1, 100]),
        ([2, 0, 2, 2], [5.0, 6.0, 7.0, 8.0], [6, 2, 8], [0, 10, 0], [0, 1, 0, 100]),
        ([-1, 2], [5.0, 6.0], [1, 2, 6], [1, 10, 0], [0, 100]),
        ([1, 1], 5.0, [1, 5, 3], [1, 0, 100], 10),  # one value for both: it is the last one too
        (slice(1), [5.0], [5, 2, 3], [0, 10, 100], [1]),
        ([True, False, True], [5.0, 6.0], [5, 2, 6], [0, 10, 0], [1, 100]),
        ([], np.zeros(0), [1, 2, 3], [1, 10, 100], []),
        (False, 5.0, [1, 2, 3], [1, 10, 100], 0),
    ],
    ids=str,
)
def test_B21_the_last_value_for_a_place_stays_and_has_its_gradient(
    key: Any, values: Any, z: Any, dx: Any, dv: Any
) -> None:
    for create_graph in (False, True):
        x, v = leaf([1.0, 2.0, 3.0]), leaf(values)
        y = indexing.at_set(x, key, v)
        assert y.tolist() == z
        y.backward([1.0, 10.0, 100.0], create_graph=create_graph)
        assert (x.grad.tolist(), v.grad.tolist()) == (dx, dv)


@pytest.mark.parametrize("order", ["C", "F"])
def test_B21_which_one_is_last_does_not_depend_on_memory(order: Any) -> None:
    key, values = np.array([[0, 1], [1, 0]], order=order), np.array([[1.0, 2.0], [3.0, 4.0]], order=order)
    for one in (order, "C"):
        x, v = leaf([0.0, 0.0]), leaf(np.array(values, order=one))
        y = indexing.at_set(x, key, v)
        assert y.tolist() == [4, 3]
        assert gradients(y, [1, 10], v) == [[[0, 0], [10, 1]]]


def test_B21_at_add_adds_all() -> None:
    x, v = leaf([1.0, 2.0, 3.0]), leaf([10.0, 20.0, 30.0])
    y = indexing.at_add(x, [0, 0, 2], v)
    assert y.tolist() == [31, 2, 33]
    assert gradients(y, [1, 10, 100], x, v) == [[1, 10, 100], [1, 1, 100]]


def test_B21_the_value_may_be_the_array_itself() -> None:
    x = leaf([1.0, 2.0, 3.0])
    assert gradients(indexing.at_set(x, slice(None, None, -1), x), [1, 10, 100], x) == [[100, 10, 1]]


def test_B21_a_single_number_can_be_replaced() -> None:
    for key in ((), ..., np.array(True)):
        x, v = leaf(1.0), leaf(2.0)
        y = indexing.at_set(x, key, v)
        assert (y.item(), gradients(y, 3.0, x, v)) == (2, [0, 3])
        assert indexing.at_add(x, key, v).item() == 3


@pytest.mark.parametrize("write", [indexing.at_set, indexing.at_add])
def test_B21_values_that_do_not_fit(write: Any) -> None:
    x = leaf(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"\(2,\) do not fit into x\[key\] of shape \(3,\)"):
        write(x, 0, np.ones(2))
    with pytest.raises(ShapeError, match="do not fit"):
        write(x, 0, np.ones((2, 3)))
    with pytest.raises(DtypeError, match="astype"):
        write(Tensor([1, 2]), 0, 0.5)


@pytest.mark.parametrize("write", [indexing.at_set, indexing.at_add])
@pytest.mark.parametrize("value", [2.0, np.float64(2), np.array([2.0]), Tensor(2.0), Tensor([2.0]), 2, True], ids=repr)
def test_D1_written_values_take_the_dtype_of_what_is_there(write: Any, value: Any) -> None:
    x = leaf(np.ones(3), dtype=np.float32)
    y = write(x, [0, 2], value)
    assert y.dtype == np.float32
    y.backward(uneven((3,), np.float32))
    assert x.grad.dtype == np.float32


def test_D1_a_written_float64_has_a_float64_gradient() -> None:
    x, v = leaf(np.ones(3), dtype=np.float32), leaf(2.0)
    indexing.at_set(x, 0, v).backward(uneven((3,), np.float32))
    assert v.grad.dtype == np.float64


def test_C15_writing_is_not_multiplying() -> None:
    x = leaf([np.inf, np.nan, 2.0])
    y = indexing.at_set(x, [0, 1], [5.0, np.inf])
    assert y.tolist() == [5, np.inf, 2]
    assert gradients(y, [np.inf, np.nan, 8], x) == [[0, 0, 8]]


def test_a_second_derivative_through_reading_and_writing() -> None:
    x, v = leaf([1.0, 2.0, 3.0]), leaf([4.0, 5.0])
    y = indexing.at_set(x, [0, 0], v)  # [v1, x1, x2]
    (y**3).backward(uneven((3,)), create_graph=True)
    first = (x.grad * [1.0, 2.0, 3.0]).sum() + (v.grad * [5.0, 7.0]).sum()
    x.zero_grad()
    v.zero_grad()
    first.backward()
    u = uneven((3,))
    assert x.grad.tolist() == [0, 2 * u[1] * 6 * 2, 3 * u[2] * 6 * 3]
    assert v.grad.tolist() == [0, 7 * u[0] * 6 * 5]


@pytest.mark.parametrize("layout", ["C", "F", "reversed"])
@pytest.mark.parametrize("key", READ, ids=repr)
def test_B21_D7_every_index_can_be_written_to(key: Any, layout: str) -> None:
    data = A[::-1] if layout == "reversed" else np.array(A, order=layout)  # type: ignore[call-overload]
    room = A[key].shape
    x, v = leaf(data, copy=False), leaf(-1 - np.arange(np.zeros(room).size).reshape(room) / 8)
    assert_same_bits(indexing.at_set(x, key, v).data, written(data, v.data, key=key))
    y = indexing.at_add(x, key, v)
    assert_same_bits(y.data, data + scattered(v.data, key=key, shape=A.shape))
    seed = uneven(A.shape)
    y.backward(seed)
    assert_same_bits(v.grad.data, np.asarray(seed[key]))


# ---- B23: padding, and the rest by table -----------------------------------------------------------------


def test_B23_no_padding_on_one_side() -> None:
    x = leaf(np.ones((2, 2)))
    seed = uneven((2, 3))
    y = repeating.pad(x, ((0, 0), (1, 0)))
    assert y.tolist() == [[0, 1, 1]] * 2
    assert gradients(y, seed, x) == [seed[:, 1:].tolist()]


def test_B23_padding_of_some_axes() -> None:
    assert repeating.pad(leaf(np.ones((2, 2))), {-1: (1, 2)}).shape == (2, 5)
    assert repeating.pad(leaf(np.ones((2, 2))), {0: 1}).shape == (4, 2)


def test_an_entry_that_is_repeated_gets_the_sum() -> None:
    x = leaf([1.0, 2.0])
    assert gradients(repeating.repeat(x, [2, 1]), [1, 10, 100], x) == [[11, 100]]
    x = leaf([1.0, 2.0])
    assert gradients(repeating.tile(x, 2), [1, 10, 100, 1000], x) == [[101, 1010]]
    x = leaf([1.0, 2.0, 3.0])
    assert gradients(repeating.pad(x, (2, 0), "reflect"), [1, 10, 100, 1000, 10000], x) == [[100, 1010, 10001]]


def test_embedding_is_one_hot_times_the_table() -> None:
    w = leaf(uneven((4, 3)))
    index = [[1, 1], [3, 0]]
    y = indexing.embedding(w, index)
    assert y.shape == (2, 2, 3)
    one_hot = np.eye(4)[index]
    seed = uneven((2, 2, 3))
    assert gradients(y, seed, w) == [np.einsum("abn,abd->nd", one_hot, seed).tolist()]


@pytest.mark.parametrize("index", [[4], [-1], [[0, 1], [2, 9]], 4])
def test_an_embedding_of_a_row_that_does_not_exist(index: Any) -> None:
    with pytest.raises(IndexError, match=r"4 rows, 0 … 3; there is no row (4|-1|9)"):
        indexing.embedding(leaf(np.ones((4, 3))), index)


@pytest.mark.parametrize(
    "x", [[0.0, 2.0, 0.0, -1.0], [[0.0, 1.0], [2.0, 0.0]], [False, True], np.zeros((0, 2)), [np.nan, 0.0]], ids=repr
)
def test_found_places_are_whole_numbers_without_a_graph(x: Any) -> None:
    a = np.array(x)
    t = Tensor(a, requires_grad=a.dtype.kind == "f")
    for mine, theirs in zip(indexing.nonzero(t), np.nonzero(a), strict=True):
        assert_same_bits(mine.data, theirs)
        assert not mine.requires_grad
    assert_same_bits(indexing.flatnonzero(t).data, np.flatnonzero(a))
    assert_same_bits(indexing.argwhere(t).data, np.argwhere(a))
    np.testing.assert_array_equal(t[indexing.nonzero(t)].data, a[np.nonzero(a)])


@pytest.mark.parametrize("name", ["zeros_like", "ones_like", "full_like", "empty_like"])
@pytest.mark.parametrize("settings", [{}, {"dtype": np.int32}, {"shape": (4,)}, {"shape": 3}, {"shape": ()}], ids=repr)
@pytest.mark.parametrize("data", [[1.0, np.nan], [[1, 2]], 2.5, np.float32([1])], ids=repr)
def test_constants_in_the_shape_of_a_tensor(name: str, settings: Any, data: Any) -> None:
    value = [7] if name == "full_like" else []
    t = Tensor(data, requires_grad=np.array(data).dtype.kind == "f")
    found = getattr(repeating, name)(t, *value, **settings)
    assert (type(found), found.requires_grad) == (Tensor, False)
    expected = getattr(np, name if name != "empty_like" else "zeros_like")(np.array(data), *value, **settings)
    assert_same_bits(found.data, expected)


def test_a_constant_has_a_gradient_in_its_value_only() -> None:
    x, v = leaf(np.ones((2, 2))), leaf(3.0)
    y = repeating.full_like(x, v)
    assert gradients(y, [[1, 10], [100, 1000]], v) == [1111]
    assert x.grad is None


@pytest.mark.parametrize(
    ("use", "error", "says"),
    [
        (lambda x: shaping.squeeze(x, 0), ShapeError, r"axis 0 of \(2, 3\) has 2 entries"),
        (lambda x: shaping.squeeze(x, 2), ShapeError, "axis 2 does not exist"),
        (lambda x: shaping.expand_dims(x, 3), ShapeError, "axis 3 does not exist"),
        (lambda x: shaping.expand_dims(x, (0, 0)), ShapeError, "twice"),
        (lambda x: shaping.moveaxis(x, (0, 1), 0), ShapeError, "2 axes cannot move to 1"),
        (lambda x: shaping.swapaxes(x, 0, 5), ShapeError, "axis 5 does not exist"),
        (lambda x: shaping.fliplr(x[0]), ShapeError, r"2 axes.*\(3,\)"),
        (lambda x: shaping.rot90(x, 1, (0, 0)), ShapeError, "twice"),
        (lambda x: shaping.rot90(x, 1, (0,)), ShapeError, "two axes"),
        (lambda x: shaping.roll(x, (1, 2), (0, 1, 0)), ShapeError, "2 shifts for 3 axes"),
        (lambda x: repeating.broadcast_arrays(x, np.ones(2)), ShapeError, r"\(2, 3\), \(2,\) do not broadcast"),
        (lambda x: repeating.meshgrid(x), ShapeError, r"vectors.*\(2, 3\)"),
        (lambda x: repeating.meshgrid(x[0], indexing="yx"), ShapeError, "'xy' or 'ij'"),
        (lambda x: repeating.repeat(x, [1, 2], 1), ShapeError, "or 3 of them"),
        (lambda x: repeating.repeat(x, -1), ShapeError, "at least 0"),
        (lambda x: repeating.repeat(x, 1.5), DtypeError, "integers"),
        (lambda x: repeating.tile(x, -1), ShapeError, "at least 0"),
        (lambda x: repeating.pad(x, -1), ShapeError, "at least 0"),
        (lambda x: repeating.pad(x, ((1, 1), (2, 2), (3, 3))), ShapeError, r"2 axes of \(2, 3\)"),
        (lambda x: repeating.pad(x, 1.5), ShapeError, "widths are"),
        (lambda x: repeating.pad(x, 1, "mean"), ShapeError, "mode is 'constant', 'edge'"),
        (lambda x: repeating.pad(x[:0], 1, "edge"), ShapeError, "no entry"),
        (lambda x: joining.split(x, 2, 1), ShapeError, "3 entries along axis 1 are not 2 parts.*array_split"),
        (lambda x: joining.split(x, 0), ShapeError, "one part at least"),
        (lambda x: joining.vsplit(x[0], 1), ShapeError, r"vsplit needs 2 axes.*\(3,\)"),
        (lambda x: joining.unstack(x[0, 0]), ShapeError, "single number"),
        (lambda x: joining.hstack([]), ShapeError, "hstack needs at least one"),
        (lambda x: joining.vstack([x, x[:, :2]]), ShapeError, r"\(2, 3\).*\(2, 2\)"),
        (lambda x: indexing.take(x, [0.5]), DtypeError, "integers"),
        (lambda x: indexing.take(x, [True]), DtypeError, r"x\[mask\]"),
        (lambda x: indexing.take(x, 9), IndexError, "9"),
        (lambda x: indexing.take(x, 0, mode="nearest"), ShapeError, "'raise', 'wrap' or 'clip'"),
        (lambda x: indexing.take_along_axis(x, [0], 0), ShapeError, r"x \(2, 3\), indices \(1,\)"),
        (lambda x: indexing.take_along_axis(x, [[0, 1]], 0), ShapeError, "equal sizes"),
        (lambda x: indexing.compress([[True]], x), ShapeError, "vector of conditions"),
        (lambda x: indexing.choose([2], [x, x]), IndexError, "0 … 1"),
        (lambda x: indexing.delete(x, 9), IndexError, "9"),
        (lambda x: indexing.insert(x, 9, 0.0), IndexError, "9"),
        (lambda x: indexing.nonzero(x[0, 0]), ShapeError, "1 axes"),
    ],
)  # fmt: skip
def test_errors_say_what_was_given_and_what_is_needed(use: Any, error: Any, says: str) -> None:
    with pytest.raises(error, match=says):
        use(leaf(np.ones((2, 3))))


def test_adjoint_pairs() -> None:
    """<scatter_add(g), x> = <g, getitem(x)>, for every key above."""
    x = np.cos(A)
    for key in READ:
        g = uneven(x[key].shape)
        np.testing.assert_allclose(np.vdot(scatter_add(g, key=key, shape=x.shape), x), np.vdot(g, getitem(x, key=key)))
        assert_same_bits(setitem(x, getitem(x, key=key), key=key), x)
