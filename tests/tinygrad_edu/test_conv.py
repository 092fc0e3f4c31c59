"""Convolution and pooling: against loops over every window, against PyTorch, by hand, and their messages."""

from collections.abc import Callable
from itertools import product
from typing import Any

import laws
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from laws import assert_same_bits, uneven
from op_cases import Array, Call, Case, distinct, eighths

from tinygrad_edu import DtypeError, ShapeError, Tensor
from tinygrad_edu.functions.conv import avg_pool1d, avg_pool2d, conv1d, conv2d, max_pool1d, max_pool2d
from tinygrad_edu.ops.conv import conv, fold, max_pool, windows


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


# ---- a second implementation: loops over every output and every entry of its window ----------------------


def numbers(value: Any, dims: int) -> tuple[int, ...]:
    return value if isinstance(value, tuple) else (value,) * dims


def borders(padding: Any, size: Any, dilation: Any) -> list[int]:
    """The padding at the front of each side; "same" puts the larger half at the end."""
    if padding == "same":
        return [d * (k - 1) // 2 for k, d in zip(size, dilation, strict=True)]
    return [0] * len(size) if padding == "valid" else list(numbers(padding, len(size)))


def seen(shape: Any, size: Any, stride: Any, padding: Any, dilation: Any) -> list[list[tuple[Any, Any]]]:
    """For each window the pairs (entry of the kernel, place in x), for those places that are inside x."""
    front = borders(padding, size, dilation)
    total = [d * (k - 1) if padding == "same" else 2 * f for k, d, f in zip(size, dilation, front, strict=True)]
    sides = zip(shape, total, size, stride, dilation, strict=True)
    counts = [(n + t - d * (k - 1) - 1) // s + 1 for n, t, k, s, d in sides]
    found = []
    for a in np.ndindex(*counts):
        pairs = []
        for i in np.ndindex(*size):
            at = tuple(s * p + d * q - f for s, p, d, q, f in zip(stride, a, dilation, i, front, strict=True))
            if all(0 <= q < n for q, n in zip(at, shape, strict=True)):
                pairs.append((i, at))
        found.append(pairs)
    return [counts, *found]


def convolved(
    x: Array, w: Array, b: Any = None, *, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Array:
    dims = w.ndim - 2
    size, outputs, own = w.shape[2:], w.shape[0], w.shape[1]
    batch = x.reshape(-1, *x.shape[-dims - 1 :]) if x.size else x.reshape(0, *x.shape[-dims - 1 :])
    counts, *found = seen(x.shape[-dims:], size, numbers(stride, dims), padding, numbers(dilation, dims))
    z = np.zeros((len(batch), outputs, len(found)), np.result_type(x, w, 0.0 if b is None else b))
    for o in range(outputs):
        first = o // (outputs // groups) * own
        for q, pairs in enumerate(found):
            for (i, at), c in product(pairs, range(own)):
                z[:, o, q] += w[(o, c, *i)] * batch[(slice(None), first + c, *at)]
        z[:, o] += 0 if b is None else b[o]
    return z.reshape(*x.shape[: -dims - 1], outputs, *counts)


def pooled(combine: Callable[[list[Any]], Any]) -> Callable[..., Array]:
    def forward(
        x: Array, *, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, **more: Any
    ) -> Array:
        dims = x.ndim - 2
        size = numbers(kernel_size, dims)
        steps = numbers(kernel_size if stride is None else stride, dims)
        counts, *found = seen(x.shape[2:], size, steps, padding, numbers(dilation, dims))
        z = np.zeros((*x.shape[:2], len(found)), x.dtype)
        whole = int(np.prod(size))
        for n, c in np.ndindex(x.shape[:2]):
            for q, pairs in enumerate(found):
                z[n, c, q] = combine([x[(n, c, *at)] for _, at in pairs], whole, **more)
        return z.reshape(*x.shape[:2], *counts)

    return forward


def mean(entries: list[Any], whole: int, count_include_pad: bool = True) -> Any:
    return sum(entries) / (whole if count_include_pad else len(entries))


# ---- what is drawn ---------------------------------------------------------------------------------------


@st.composite
def geometry(draw: st.DrawFn, dims: int, pool: bool = False) -> tuple[Any, tuple[int, ...], tuple[int, ...]]:
    """Settings, the kernel's size and the image's."""
    size = tuple(draw(st.integers(1, 3 if dims == 1 else 2)) for _ in range(dims))
    dilation = tuple(draw(st.sampled_from((1, 1, 2))) for _ in range(dims))
    rest = [draw(st.integers(0, 2)) for _ in range(dims)]
    sides = tuple(d * (k - 1) + 1 + r for k, d, r in zip(size, dilation, rest, strict=True))
    stride = draw(st.sampled_from((1, 2, tuple(range(1, dims + 1)))))
    pairs = tuple(draw(st.integers(0, k // 2 if pool else 2)) for k in size)
    padding = draw(st.sampled_from((0, pairs, pairs) if pool else (0, 1, pairs, "same", "valid")))
    settings = {"stride": 1 if padding == "same" else stride, "padding": padding, "dilation": dilation}
    return settings, size, sides


@st.composite
def convolutions(draw: st.DrawFn, dims: int) -> Call:
    settings, size, sides = draw(geometry(dims))
    groups, inputs, outputs = draw(st.tuples(st.sampled_from((1, 1, 2)), st.integers(1, 2), st.integers(1, 2)))
    batch = draw(st.sampled_from(((1,), (2,), (), (0,))))
    x = draw(eighths((*batch, groups * inputs, *sides)))
    w = draw(eighths((groups * outputs, inputs, *size)))
    b = (draw(eighths((groups * outputs,))),) if draw(st.booleans()) else ()
    return Call((x, w, *b), settings | {"groups": groups})


@st.composite
def poolings(draw: st.DrawFn, dims: int, average: bool) -> Call:
    settings, size, sides = draw(geometry(dims, pool=True))
    if average:
        settings["count_include_pad"] = draw(st.booleans())
        del settings["dilation"]
    shape = (draw(st.integers(0, 2)), draw(st.integers(1, 2)), *sides)
    return Call((draw((eighths if average else distinct)(shape)),), settings | {"kernel_size": size})


LARGEST = pooled(lambda entries, whole: max(entries, key=np.real))

FUNCTIONS: dict[str, tuple[Callable[..., Any], Case]] = {
    "conv1d": (conv1d, Case(convolutions(1), convolved)),
    "conv2d": (conv2d, Case(convolutions(2), convolved)),
    "max_pool1d": (max_pool1d, Case(poolings(1, average=False), LARGEST)),
    "max_pool2d": (max_pool2d, Case(poolings(2, average=False), LARGEST)),
    "avg_pool1d": (avg_pool1d, Case(poolings(1, average=True), pooled(mean))),
    "avg_pool2d": (avg_pool2d, Case(poolings(2, average=True), pooled(mean))),
}

every_function = pytest.mark.parametrize("name", FUNCTIONS)
test_D1_the_laws_hold = laws.hold_for(FUNCTIONS)
test_second_derivatives_are_right = laws.hold_in_second_order(FUNCTIONS)


# ---- PyTorch, the second voice ---------------------------------------------------------------------------


@every_function
@laws.few
@given(st.data())
def test_PyTorch_agrees(name: str, data: st.DataObject) -> None:
    torch = pytest.importorskip("torch")
    function, case = FUNCTIONS[name]
    call = data.draw(case.calls)
    if not call.arrays[0].size or (name.startswith("conv") and call.params["padding"] == "same"):
        return  # PyTorch refuses empty batches, and warns of even kernels; the loops have seen both
    found = []
    for f, make in (
        (function, leaf),
        (getattr(torch.nn.functional, name), lambda a: torch.tensor(a, requires_grad=True)),
    ):
        inputs = [make(a) for a in call.arrays]
        z = f(*inputs, **call.params)
        seed = uneven(tuple(z.shape))
        z.backward(seed if f is function else torch.tensor(seed))
        found.append([np.array(v.detach().tolist()) for v in (z, *(x.grad for x in inputs))])
    for ours, theirs in zip(*found, strict=True):
        laws.assert_close(ours, theirs)


# ---- by hand ---------------------------------------------------------------------------------------------


def test_a_convolution_by_hand() -> None:
    x = leaf([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]]])
    w, b = leaf([[[[1.0, 0.0], [0.0, -2.0]]]]), leaf([10.0])
    z = conv2d(x, w, b)
    assert z.tolist() == [[[[1 - 10 + 10, 2 - 12 + 10], [4 - 16 + 10, 5 - 18 + 10]]]]
    z.backward([[[[1, 10], [100, 1000]]]])
    assert x.grad.tolist() == [[[[1, 10, 0], [100, 1000 - 2, -20], [0, -200, -2000]]]]
    assert w.grad.tolist() == [[[[5421, 6532], [8754, 9865]]]]
    assert b.grad.tolist() == [1111]


def test_the_kernel_is_not_flipped() -> None:
    assert conv1d([[[1.0, 2.0, 4.0]]], [[[1.0, 10.0]]]).tolist() == [[[21, 42]]]


def test_fold_is_the_adjoint_of_windows() -> None:
    settings: Any = {"stride": (2, 1), "dilation": (1, 2)}
    x = uneven((6, 2, 7, 3))
    w = windows(x, size=(3, 2), **settings)
    u = uneven(w.shape, start=5)
    assert np.sum(u * w) == np.sum(fold(u, shape=x.shape, **settings) * x)


def test_windows_are_a_view_that_cannot_be_written_to() -> None:
    x = uneven((5, 2, 5, 3))
    w = windows(x, size=(3, 3), stride=(1, 1), dilation=(1, 1))
    assert np.shares_memory(w, x)
    assert not w.flags.writeable


def test_the_order_in_memory_changes_no_bit() -> None:
    x, w = uneven((4, 2, 6, 6)), uneven((3, 2, 3, 3))
    for function in (lambda x: conv2d(x, w, padding=1), lambda x: max_pool2d(x, 2), lambda x: avg_pool2d(x, 3, 1, 1)):
        for other in (np.asfortranarray(x), x.transpose(1, 2, 3, 0).copy().transpose(3, 0, 1, 2)):
            assert_same_bits(function(other), function(x))


def test_a_kernel_as_large_as_the_image_is_a_linear_layer() -> None:
    x, w, b = uneven((4, 2, 3, 3)), uneven((5, 2, 3, 3)), uneven((5,))
    np.testing.assert_allclose(conv2d(x, w, b)[:, :, 0, 0], x.reshape(4, -1) @ w.reshape(5, -1).T + b, rtol=1e-14)


# ---- C3, C5: ties, NaN and the border --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "settings", "seed", "shares"),
    [
        ([2.0, 2.0, 1.0, 1.0], {"kernel_size": 2}, [3, 5], [1.5, 1.5, 2.5, 2.5]),
        ([0.0, -0.0, 0.0, -1.0], {"kernel_size": 4}, [3], [1, 1, 1, 0]),
        ([1.0, 2.0, 2.0, 1.0], {"kernel_size": 3, "stride": 1}, [3, 5], [0, 4, 4, 0]),  # windows that overlap
        ([1.0, 2.0, 9.0], {"kernel_size": 2}, [3], [0, 3, 0]),  # the last is in no window
        ([-3.0, -4.0, -5.0], {"kernel_size": 3, "stride": 2, "padding": 1}, [3, 5], [3, 5, 0]),
        ([-np.inf, -np.inf, 1.0], {"kernel_size": 3, "stride": 2, "padding": 1}, [3, 5], [1.5, 1.5, 5]),
        ([np.nan, 1.0, 1.0, 1.0], {"kernel_size": 2}, [3, 5], [3, 0, 2.5, 2.5]),  # C5: a NaN is its own largest
        ([1.0, 0.0, 0.0, 1.0], {"kernel_size": 2}, [np.inf, 5], [np.inf, 0, 0, 5]),  # C15: chosen, not multiplied
    ],
)
def test_C3_C5_C15_ties_share_equally(values: Any, settings: Any, seed: Any, shares: Any) -> None:
    """A documented difference: PyTorch gives all of the gradient to the first of the largest."""
    for create_graph in (False, True):
        x = leaf([[values]])
        max_pool1d(x, **settings).backward([[seed]], create_graph=create_graph)
        assert x.grad.tolist() == [[shares]]
        x = leaf([[values]])
        max_pool2d(
            x.reshape(1, 1, -1, 1), **{k: (v, 1 if k != "padding" else 0) for k, v in settings.items()}
        ).backward(np.reshape(seed, (1, 1, -1, 1)), create_graph=create_graph)
        assert x.grad.tolist() == [[shares]]


@given(st.data())
def test_C3_shares_of_a_window_sum_to_its_gradient(data: st.DataObject) -> None:
    x = leaf(data.draw(eighths((2, 2, 5, 4), limit=1)))
    y = max_pool2d(x, (3, 2), stride=data.draw(st.sampled_from((1, 2))), padding=(1, 1))
    seed = uneven(y.shape)
    y.backward(seed)
    np.testing.assert_allclose(x.grad.data.sum(axis=(2, 3)), seed.sum(axis=(2, 3)), rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, bool])
def test_the_border_is_never_the_largest(dtype: Any) -> None:
    x = Tensor(np.zeros((1, 1, 3, 3), dtype))
    y = max_pool2d(x, 3, 1, 1)
    assert y.dtype == dtype
    assert not y.data.any()


def test_NaN_in_NaN_out() -> None:
    x = leaf([[[np.nan, 1.0, 2.0, 3.0]]])
    for y in (max_pool1d(x, 2), avg_pool1d(x, 2), conv1d(x, np.ones((1, 1, 2)), stride=2)):
        assert np.isnan(y.data).tolist() == [[[True, False]]]


def test_more_ties_than_a_byte_counts() -> None:
    x = leaf(np.zeros((1, 1, 20, 20), np.float32))
    max_pool2d(x, 20).backward(np.full((1, 1, 1, 1), 400.0))
    assert_same_bits(x.grad.data, np.ones((1, 1, 20, 20), np.float32))


NO_PAD = ((0, 0), (0, 0))


def composed_conv(x: Any, w: Any) -> Any:
    """The windows as columns of one matrix, and a matrix product."""
    columns = windows(x, size=w.shape[2:], stride=(2, 1), dilation=(1, 2))
    down, channels, kh, kw, across, batch = columns.shape
    z = w.reshape(len(w), -1) @ columns.reshape(down, channels * kh * kw, across * batch)
    return z.reshape(down, len(w), across, batch)


@pytest.mark.parametrize(
    ("fused", "composed"),
    [
        (
            lambda x, w: conv(x, w, stride=(2, 1), dilation=(1, 2), groups=1),
            composed_conv,
        ),
        (
            lambda x, w: max_pool(x, size=(2, 3), stride=(2, 1), dilation=(1, 2), pad=NO_PAD),
            lambda x, w: windows(x, size=(2, 3), stride=(2, 1), dilation=(1, 2)).max(axis=(2, 3)),
        ),
    ],
    ids=["conv", "max_pool"],
)
def test_a_fused_row_equals_the_composed_one(fused: Any, composed: Any) -> None:
    found = []
    for f in (fused, composed):
        x, w = leaf(np.round(uneven((6, 3, 6, 2)))), leaf(uneven((4, 3, 2, 3)))  # rounded: ties
        z = f(x, w)
        z.backward(uneven(z.shape, start=3))
        found.append([z.data, *(t.grad.data for t in (x, w) if t.grad is not None)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


# ---- errors teach ----------------------------------------------------------------------------------------

x4, x3 = np.ones((2, 4, 5, 6)), np.ones((2, 4, 6))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: conv2d(x4, np.ones((3, 2, 3, 3))), r"x \(2, 4, 5, 6\) has 4 channels.* needs 4 .*\(3, 2, 3, 3\)"),
        (lambda: conv2d(np.ones((2, 6, 5, 4)), np.ones((3, 4, 3, 3))), r"x.transpose\(0, 3, 1, 2\)"),
        (lambda: conv2d(x4, np.ones((4, 4, 3, 3)), groups=2), r"needs 4 / 2 = 2 in its second axis"),
        (lambda: conv2d(x4, np.ones((6, 2, 3, 3)), groups=4), r"groups=4 does not divide .*4 .* 6 .*such as 2"),
        (lambda: conv2d(x4, np.ones((6, 2, 3, 3)), groups=0), "groups=0"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), np.ones(4)), r"one bias for each of the 3 .*\(3,\): got \(4,\)"),
        (lambda: conv2d(x4, np.ones((3, 4, 6, 3))), r"window of 6 x 3 .* x, 5 x 6, or 5 x 6 with its padding"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), dilation=4, padding=1), r"window of 9 x 9 .* 7 x 8 with"),
        (lambda: conv2d(np.ones((5, 6)), np.ones((3, 1, 3, 3))), r"x.reshape\(1, \*x.shape\)"),
        (lambda: conv2d(np.ones((1, 2, 4, 5, 6)), np.ones((3, 4, 3, 3))), r"ends in 3d"),
        (lambda: conv2d(x4, np.ones((3, 4))), r"weight \(C_out, C_in/groups, kh, kw\): got weight \(3, 4\)"),
        (lambda: conv1d(x4, np.ones((3, 4, 3))), r"ends in 2d"),
        (lambda: conv1d(x3, np.ones((3, 4, 7))), r"window of 7 .* x, 6, or 6 with"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), padding="full"), r"or 'same' or 'valid': got 'full'"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), stride=2, padding="same"), r"'same' needs stride 1"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), stride=0), r"stride .* from 1 upwards: got 0"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), padding=-1), r"padding .* from 0 upwards: got -1"),
        (lambda: conv2d(x4, np.ones((3, 4, 3, 3)), stride=(1, 1, 1)), r"stride .* 2 of them"),
        (lambda: max_pool2d(x4, 6), r"window of 6 x 6 .* does not fit"),
        (lambda: max_pool2d(x4, 2, padding=2), r"more than half of the kernel 2.* Use 1 at the most"),
        (lambda: max_pool2d(x4, 2, padding="same"), r"padding is a number or 2 of them: got 'same'"),
        (lambda: avg_pool2d(np.ones((64, 784)), 2), r"x.reshape\(-1, 1, 28, 28\)"),
        (lambda: avg_pool1d(x3, 0), r"the kernel's size .* from 1 upwards"),
    ],
)
def test_errors_teach(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


@pytest.mark.parametrize("call", [lambda: max_pool2d(x4, 2.0), lambda: conv1d(x3, np.ones((3, 4, 3)), stride=1.5)])
def test_sizes_are_integers(call: Callable[[], Any]) -> None:
    with pytest.raises(DtypeError, match="made of integers"):
        call()
