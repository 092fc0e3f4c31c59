"""The C executor: every op against NumPy, whole steps, scans, the compiler and its cache."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from all_cases import CASES
from hypothesis import HealthCheck, given, settings
from op_cases import Call

import nn
import tinygrad_edu as te
from tinygrad_edu import TABLE, Op
from tinygrad_edu.compiled import c_cache, c_compile, c_executor
from tinygrad_edu.compiled.c_compile import CompileError
from tinygrad_edu.compiled.c_executor import CExecutor
from tinygrad_edu.compiled.program import Derived, Instruction, Place, Program, Value
from tinygrad_edu.values import weakened

pytestmark = pytest.mark.tools


@pytest.fixture(autouse=True, scope="session")
def _compiler() -> None:
    try:
        c_compile.compiler()
    except CompileError as error:
        pytest.skip(str(error))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


class Builder:
    """Writes a Program by hand: op after op, on sample arrays."""

    def __init__(self) -> None:
        self.program = Program()
        self.count = 0
        self.arguments: list[Any] = []
        self.reads: list[Any] = []
        self.draws: list[Any] = []

    def value(self, sample: Any, name: str = "", number: bool = False) -> Value:
        sample = sample if np.ndim(sample) else np.asarray(sample)[()]
        v = Value(self.count, sample, name, number)
        self.count += 1
        return v

    def argument(self, sample: Any) -> Value:
        v = self.value(sample)
        self.program.arguments.append(v)
        self.arguments.append(v.sample)
        return v

    def read(self, sample: Any, key: Any, number: bool = False) -> Value:
        v = self.value(sample, str(key), number)
        self.program.reads.append((v, Place(key, str(key), lambda: sample, lambda new: None)))
        self.reads.append(sample)
        return v

    def draw(self, sample: Any) -> Value:
        v = self.value(sample)
        self.program.draws.append((v, lambda: sample))
        self.draws.append(v.sample)
        return v

    def constant(self, sample: Any) -> Value:
        v = self.value(sample)
        self.program.constants.append(v)
        return v

    def do(self, name: str, *inputs: Any, **params: Any) -> Value:
        """A line of the program, and its value."""
        op = TABLE[name]
        arrays = [(x.sample.item() if x.number else x.sample) if isinstance(x, Value) else x for x in inputs]
        if op.elementwise and len(arrays) > 1 and not type(arrays[0]) is type(arrays[1]) is type(arrays[-1]):
            arrays = weakened(arrays) if op.name != "where" else [arrays[0], *weakened(arrays[1:])]
        settings = {key: setting(p) for key, p in params.items()}
        with np.errstate(all="ignore"):
            z = op.forward(*arrays, **settings)
        weak = tuple(type(a) in (float, int, bool) for a in arrays)
        out = self.value(z)
        out.number = not out.shape and all(not isinstance(x, Value) or x.number for x in inputs)
        self.program.code.append(Instruction(op, inputs, params, out, weak))
        return out

    def write(self, key: Any, v: Value | None) -> None:
        self.program.writes.append((Place(key, str(key), lambda: None, lambda new: None), v))

    def result(self, *values: Value) -> None:
        self.program.results += values

    def run(self) -> list[Any]:
        return CExecutor(self.program).run(self.arguments, self.reads, self.draws)

    def check(self) -> CExecutor:
        """The program in C gives what the samples are."""
        executor = CExecutor(self.program)
        before = [np.array(a) for a in (*self.arguments, *self.reads, *self.draws)]
        for _ in range(2):
            found = executor.run(self.arguments, self.reads, self.draws)
            for v, z in zip(self.program.kept(), found, strict=True):
                same(z, v.sample, self._who(v))
        for a, b in zip((*self.arguments, *self.reads, *self.draws), before, strict=True):
            np.testing.assert_array_equal(np.asarray(a), b, "an input was written to")
        return executor

    def _who(self, v: Value) -> str:
        for step in self.program.code:
            if step.out is v:
                inputs = [(x.dtype, x.shape, x.sample) if isinstance(x, Value) else x for x in step.inputs]
                return f"{step.op.name} {step.params} of {inputs}"
        return repr(v)


def setting(p: Any) -> Any:
    if isinstance(p, tuple):
        return tuple(map(setting, p))
    return p.make(p.source.sample) if isinstance(p, Derived) else p


def same(z: Any, expected: Any, who: str = "") -> None:
    """Equal to rounding, in shape and in dtype."""
    z, expected = np.asarray(z), np.asarray(expected)
    assert z.shape == expected.shape, who
    assert z.dtype == expected.dtype, who
    if z.dtype.kind != "f":
        np.testing.assert_array_equal(z, expected, who)
        return
    rtol = 1e-5 if z.dtype == np.float32 else 1e-12
    with np.errstate(all="ignore"):
        finite = np.abs(expected[np.isfinite(expected)])
        scale = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(z, expected, rtol=rtol, atol=rtol * min(scale, 10.0) * 0.1, err_msg=who)


# ---- every op ----------------------------------------------------------------------------------------------------


def calls_of(name: str, how_many: int) -> list[Call]:
    """Calls as the tests of the op table draw them."""
    found: list[Call] = []

    @settings(
        max_examples=how_many, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck)
    )
    @given(CASES[name].calls)
    def draw(call: Call) -> None:
        found.append(call)

    draw()
    return found


def turned(x: Any) -> Any:
    """The same entries, in memory in the other order."""
    return np.array(x, order="F") if x.ndim else x


def as_single(x: Any) -> Any:
    return x.astype(np.float32) if x.dtype == np.float64 else x


def groups(names: list[str], size: int) -> list[list[str]]:
    """Ops that are tested in one program: to compile takes longer than to run."""
    return [names[k : k + size] for k in range(0, len(names), size)]


@pytest.mark.parametrize("names", groups(sorted(TABLE), 8), ids="-".join)
def test_every_op(names: list[str]) -> None:
    b = Builder()
    for name in names:
        before = len(b.program.results)
        for k, call in enumerate(calls_of(name, 24)):
            change: Callable[[Any], Any] = (lambda x: x, as_single, turned, lambda x: turned(as_single(x)))[k % 4]
            arrays = [change(a) for a in call.arrays]
            values = [b.argument(a) if k % 3 else b.constant(a) for a in arrays]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    b.result(b.do(name, *values, **call.params))
            except (np.linalg.LinAlgError, TypeError, ValueError):
                continue  # NumPy refuses
        assert len(b.program.results) > before, name
    b.check()


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, 1e-30, -100.0, 100.0, 88.0, -87.5, 1e30, np.inf, -np.inf, np.nan]
ELEMENTWISE = sorted(name for name, op in TABLE.items() if op.elementwise)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("names", groups(ELEMENTWISE, 16), ids="-".join)
def test_nan_and_infinities(names: list[str], dtype: str) -> None:
    x, b = np.array(SPECIAL, dtype), Builder()
    settings: dict[str, dict[str, Any]] = {
        "clip": {"lo": -1.0, "hi": 2.0},
        "astype": {"dtype": np.dtype("f4")},
        "isclose": {"rtol": 1e-5, "atol": 1e-8, "equal_nan": False},
    }
    for name in names:
        count = len(TABLE[name].vjps)
        inputs = [b.argument(x.reshape([-1 if k == j else 1 for k in range(count)])) for j in range(count)]
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                b.result(b.do(name, *inputs, **settings.get(name, {})))
        except TypeError:
            assert name.startswith(("bitwise", "invert"))  # not of real numbers
    b.check()


def test_an_op_of_ones_own_is_run_as_it_is_whatever_its_name() -> None:
    b = Builder()
    x = b.argument(np.arange(3.0))
    for name in ("relu", "identity", "noise */ int x;"):
        own = Op(name, lambda x: x - 7, (None,), "x - 7", elementwise=True)
        out = b.value(own.forward(x.sample))
        b.program.code.append(Instruction(own, (x,), {}, out, (False,)))
        b.result(out)
    b.check()


@pytest.mark.parametrize(("dtype", "limit"), [("f4", 2.5e-7), ("f8", 6e-16)])
def test_the_exponential_is_exact_to_rounding(dtype: str, limit: float) -> None:
    edge = 87.0 if dtype == "f4" else 708.0
    x = np.linspace(-edge, edge, 100_001).astype(dtype)
    b = Builder()
    b.result(b.do("exp", b.argument(x)), b.do("sigmoid", b.program.arguments[0]))
    y, s = b.run()
    exact = np.exp(x.astype(np.longdouble))
    assert np.max(np.abs(y / exact - 1)) < limit
    assert np.max(np.abs(s * (1 + 1 / exact) - 1)) < 2 * limit


def test_precisions_mix_as_in_numpy() -> None:
    rng = np.random.default_rng(5)
    b = Builder()
    x, w = b.argument(rng.standard_normal((5, 4))), b.argument(rng.standard_normal((3, 4)).astype("f4"))
    bias, half = b.argument(rng.standard_normal(3).astype("f4")), b.argument(rng.standard_normal(4).astype("f2"))
    b.result(b.do("linear", x, w, bias), b.do("matmul", x, b.do("transpose", w, axes=(1, 0))), b.do("add", x, half))
    b.result(b.do("quadratic_cost", w, b.do("astype", w, dtype=np.dtype("f8"))), b.do("multiply", half, half))
    b.check()


@pytest.mark.parametrize("blas", [True, False])
def test_large_products(blas: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not blas:
        monkeypatch.setattr(c_executor, "_blas", dict)
    elif not c_executor._blas():
        pytest.skip("this NumPy has another BLAS")
    rng = np.random.default_rng(6)
    b = Builder()
    for dtype in ("f4", "f8"):
        x, w = (
            b.argument(rng.standard_normal((130, 140)).astype(dtype) / 12),
            b.argument(rng.standard_normal((110, 140)).astype(dtype) / 12),
        )
        turned_w = b.do("transpose", w, axes=(1, 0))
        z = b.do("matmul", x, turned_w)
        b.result(z, b.do("relu", z), b.do("matmul", b.do("transpose", z, axes=(1, 0)), x))
        b.result(b.do("linear", x, w, b.argument(np.ones(110, dtype))), b.do("matmul", turned_w, w))
        b.result(b.do("matmul", b.do("getitem", x, key=(slice(None), slice(None, None, -1))), turned_w))
        stack = b.argument(rng.standard_normal((3, 120, 100)).astype(dtype))
        b.result(b.do("matmul", stack, b.do("transpose", stack, axes=(0, 2, 1))))
        thin = b.argument(rng.standard_normal((6, 40)).astype(dtype))
        wide = b.argument(rng.standard_normal((900, 40)).astype(dtype))
        b.result(b.do("matmul", thin, b.do("transpose", wide, axes=(1, 0))))
        b.result(
            b.do(
                "exp",
                b.do(
                    "matmul",
                    thin,
                    b.do("transpose", b.argument(rng.standard_normal((3000, 40)).astype(dtype)), axes=(1, 0)),
                ),
            )
        )
    executor = b.check()
    assert ("gemm(101" in executor.source) == blas


def test_names_cannot_become_code() -> None:
    b = Builder()
    x = b.argument(np.arange(3.0))
    x.name = "*/ #error \\ ??/ \ud800"
    out = b.do("exp", x)
    out.name = "*/ } int main() {"
    b.program.name = "*/ #include <stdio.h>\n"
    b.result(out)
    b.check()


def test_threads_take_turns() -> None:
    b = lecture_step((30, 20, 10), 8)
    executor = CExecutor(b.program)
    expected = executor.run(b.arguments, b.reads, [])
    wrong: list[Any] = []

    def work() -> None:
        for _ in range(200):
            found = executor.run(b.arguments, b.reads, [])
            wrong.extend(1 for a, z in zip(found, expected, strict=True) if not np.array_equal(a, z))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_layouts_and_views() -> None:
    """Images in all orders of their axes, windows, reshapes that move, keys with steps, None and negative numbers."""
    rng = np.random.default_rng(4)
    b = Builder()
    x = b.argument(rng.standard_normal((3, 4, 5, 2)).astype("f4"))
    for axes in [(3, 1, 0, 2), (2, 1, 3, 0), (0, 1, 2, 3), (1, 0, 3, 2)]:
        y = b.do("transpose", x, axes=axes)
        z = b.do("exp", b.do("add", y, 1))
        b.result(z, b.do("sum", z, axis=(0, 2), keepdims=False), b.do("max", z, axis=(1,), keepdims=True))
        b.result(b.do("reshape", z, shape=(-1, 4)), b.do("softmax", z, axis=(1, 2)), b.do("relu", b.do("negative", y)))
    for key in [
        (slice(None, None, -1), 1),
        (None, Ellipsis, slice(1, 4, 2), -1),
        (slice(2, 0, -1), slice(3, 3)),
        (0, 1, 2, 1),
    ]:
        part = b.do("getitem", x, key=key)
        b.result(part, b.do("multiply", part, part))
    b.result(x, b.do("setitem", x, 7.0, key=(slice(None), 2)), b.do("scatter_add", x, key=(1,), shape=(2, 3, 4, 5, 2)))
    b.check()


def test_whole_numbers_wrap_and_truth_values() -> None:
    b = Builder()
    n = b.argument(np.array([1, -2, 3, 2**62, -(2**63)], np.int64))
    small = b.argument(np.array([0, 1, 200, 255], np.uint8))
    truth = b.argument(np.array([True, False, True, False, True]))
    for name in ("add", "subtract", "multiply", "maximum", "minimum", "bitwise_and", "less", "equal"):
        b.result(b.do(name, n, n), b.do(name, n, 3))
        if name != "subtract":
            b.result(b.do(name, truth, truth))
    b.result(b.do("add", small, small), b.do("multiply", small, 3), b.do("negative", n), b.do("absolute", n))
    b.result(b.do("divide", n, n), b.do("divide", small, 2), b.do("astype", small, dtype=np.dtype("f4")))
    b.result(b.do("sum", truth, axis=(0,), keepdims=False), b.do("sum", n, axis=(0,), keepdims=True))
    b.result(
        b.do("where", truth, n, 0),
        b.do("where", truth, 1.5, n),
        b.do("invert", truth),
        b.do("astype", n, dtype=np.dtype(bool)),
    )
    b.check()


def test_single_numbers_are_weak_beside_arrays() -> None:
    b = Builder()
    x = b.argument(np.array([1.0, 2.0], "f4"))
    lr, steps = b.read(0.1, "lr", number=True), b.read(3, "steps", number=True)
    power = b.do("power", lr, steps)
    b.result(b.do("multiply", lr, x), b.do("add", x, steps), b.do("multiply", power, x), power)
    b.result(b.do("divide", b.constant(np.float32(2)), x), b.do("subtract", 1, lr))
    executor = b.check()
    first, *_ = executor.run(b.arguments, [0.5, 4], [])
    np.testing.assert_array_equal(first, np.array([0.5, 1.0], "f4"))


@pytest.mark.parametrize("dtype", [np.float16, np.longdouble])
def test_a_result_that_c_has_no_number_for(dtype: Any) -> None:
    """An argument that is returned, and a value that is returned twice, are copied: here by NumPy."""
    w = te.Tensor(np.ones((3, 4), dtype))

    def f(x: Any) -> Any:
        y = te.exp(x)
        return x, w, x.T, y, y.detach(), y[::2]

    run = te.jit(f, executor="c")
    for k in range(4):
        x = (np.arange(12).reshape(3, 4) / 4 - k).astype(dtype)
        for found, expected in zip(run(x), f(te.Tensor(x)), strict=True):
            assert found.dtype == dtype
            np.testing.assert_array_equal(found.data, expected.data)
    assert run.executor_name == "c"
    for found, expected in zip(run.scan(x[None]), f(te.Tensor(x)), strict=True):
        np.testing.assert_array_equal(found.data[0], expected.data)


# ---- a step of the lecture's network -------------------------------------------------------------------------------


def lecture_step(sizes: tuple[int, ...], examples: int, dtype: str = "f4") -> Builder:
    """Forward, backward by BP1 to BP4, and w <- w - eta dC/dw."""
    rng = np.random.default_rng(0)
    b = Builder()
    x = b.argument(rng.random((examples, sizes[0])).astype(dtype))
    y = b.argument(rng.random((examples, sizes[-1])).astype(dtype))
    eta = b.read(0.5, "eta", number=True)
    layers = []
    for l, (n_in, n_out) in enumerate(pairwise(sizes), 2):
        w = b.read((rng.standard_normal((n_out, n_in)) / 10).astype(dtype), f"w{l}")
        layers.append((w, b.read(rng.standard_normal(n_out).astype(dtype), f"b{l}")))
    a = [x]
    for w, bias in layers:
        a.append(b.do("sigmoid", b.do("linear", a[-1], w, bias)))
    b.result(b.do("quadratic_cost", a[-1], y))
    delta = b.do("multiply", b.do("subtract", a[-1], y), 1 / examples)
    for l in reversed(range(len(layers))):
        w, bias = layers[l]
        delta = b.do("multiply", delta, b.do("multiply", a[l + 1], b.do("subtract", 1, a[l + 1])))
        dw = b.do("matmul", b.do("transpose", delta, axes=(1, 0)), a[l])
        db = b.do("sum", delta, axis=(0,), keepdims=False)
        below = b.do("matmul", delta, w)
        for name, value, slope in ((f"w{l + 2}", w, dw), (f"b{l + 2}", bias, db)):
            b.write(name, b.do("subtract", value, b.do("multiply", eta, slope)))
            b.write(f"{name}.grad", slope)
        delta = below
    return b


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("sizes", [(784, 30, 10), (2, 2, 1), (1, 1), (65, 33, 17, 3), (300, 1, 7)])
@pytest.mark.parametrize("examples", [1, 10, 7])
def test_a_training_step(sizes: tuple[int, ...], examples: int, dtype: str) -> None:
    executor = lecture_step(sizes, examples, dtype).check()
    assert "part_1" not in executor.source  # all of it in C


def test_a_scan_is_run_after_run_to_the_last_bit() -> None:
    b = lecture_step((20, 9, 4), 5)
    executor, n = CExecutor(b.program), 7
    rng = np.random.default_rng(2)
    xs, ys = rng.random((n, 5, 20)).astype("f4"), rng.random((n, 5, 4)).astype("f4")
    reads, costs = list(b.reads), []
    slots, kept = [place.key for _, place in b.program.reads], [p.key for p, v in b.program.writes if v is not None]
    for t in range(n):
        cost, *written = executor.run([xs[t], ys[t]], reads, [])
        costs.append(cost)
        for i, key in enumerate(slots):
            if key in kept:
                reads[i] = written[kept.index(key)]
    for count in (n, n - 1, 1):
        (stacked,), last = executor.scan(count, [xs[:count], ys[:count]], b.reads, [], {})
        np.testing.assert_array_equal(stacked, np.array(costs[:count]))
        assert last[0] == costs[count - 1]
    (_, final) = executor.scan(n, [xs, ys], b.reads, [], {})
    for a, z in zip(final, [cost, *written], strict=True):
        np.testing.assert_array_equal(a, z)
    half, _ = executor.scan(n, [np.asfortranarray(xs), ys], b.reads, [], {0: np.full(n, 0.5)})
    np.testing.assert_array_equal(half[0], np.array(costs))


def test_a_scan_with_host_steps_draws_and_swapped_places() -> None:
    b = Builder()
    x, noise = b.argument(np.ones(3)), b.draw(np.zeros(3))
    p, q = b.read(np.array([1.0, 2.0, 3.0]), "p"), b.read(np.array([4.0, 5.0, 6.0]), "q")
    b.result(b.do("add", b.do("cumsum", b.do("add", p, x), axis=0, reverse=False), noise))
    b.write("p", q)
    b.write("q", p)
    executor = b.check()
    rows, (_, new_p, new_q) = executor.scan(3, [np.ones((3, 3))], b.reads, [np.arange(9.0).reshape(3, 3)], {})
    np.testing.assert_array_equal(new_p, b.reads[1])
    np.testing.assert_array_equal(new_q, b.reads[0])
    np.testing.assert_array_equal(rows[0][1], np.cumsum(b.reads[1] + 1) + np.arange(3, 6))


def test_results_are_new_and_stay_as_they_are() -> None:
    b = Builder()
    x = b.argument(np.arange(4.0))
    b.result(b.do("multiply", x, 2.0), x, x, b.do("reshape", x, shape=(2, 2)))
    executor = CExecutor(b.program)
    kept = []
    for k in range(6):
        found = executor.run([np.arange(4.0) + k], [], [])
        kept.append((k, found[0], found[0][1:3], found[1]))
        if k % 2:
            del found
    for k, double, part, copy in kept:
        np.testing.assert_array_equal(double, 2 * (np.arange(4.0) + k))
        np.testing.assert_array_equal(part, double[1:3])
        np.testing.assert_array_equal(copy, np.arange(4.0) + k)
        assert double.flags.writeable
    only_a_view = executor.run([np.arange(4.0)], [], [])[0][::2]
    for k in range(3):
        executor.run([np.full(4, float(k))], [], [])
    np.testing.assert_array_equal(only_a_view, [0.0, 4.0])


def test_an_index_that_does_not_exist_is_an_error() -> None:
    b = Builder()
    x, rows = b.argument(np.arange(12.0).reshape(4, 3)), b.argument(np.array([0, -1, 3]))
    columns = b.constant(np.array([0, 1, 2]))
    b.result(
        b.do("getitem", x, key=Derived(rows, np.array)),
        b.do("getitem", x, key=(Derived(rows, np.array), columns.sample)),
    )
    b.result(b.do("scatter_add", b.program.results[0], key=Derived(rows, np.array), shape=(4, 3)))
    executor = b.check()
    assert "part_1" not in executor.source
    for bad in (4, -5, 2**40):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds for axis 0 with size 4"):
            executor.run([b.arguments[0], np.array([0, bad, 1])], [], [])
    checked = Builder()
    x, rows = checked.argument(np.arange(3.0)), checked.argument(np.array([2, 0]))

    def only_positive(values: Any) -> Any:
        if (values < 0).any():
            raise IndexError("counts from 0")
        return np.array(values)

    checked.result(checked.do("getitem", x, key=Derived(rows, only_positive)))
    executor = checked.check()
    with pytest.raises(IndexError, match="counts from 0"):
        executor.run([checked.arguments[0], np.array([-1, 0])], [], [])
    (found,), _ = executor.scan(2, [np.arange(6.0).reshape(2, 3), np.array([[0, 0], [2, 1]])], [], [], {})
    np.testing.assert_array_equal(found, [[0, 0], [5, 4]])


def test_an_array_of_another_form_is_refused() -> None:
    b = lecture_step((4, 3), 2)
    executor = CExecutor(b.program)
    with pytest.raises(ValueError, match="compiled for shape"):
        executor.run([np.ones((3, 4), "f4"), b.arguments[1]], b.reads, [])
    with pytest.raises(ValueError, match="compiled for shape"):
        executor.run([np.ones((2, 4), "f8"), b.arguments[1]], b.reads, [])
    with pytest.raises(ValueError, match="2 times shape"):
        executor.scan(2, [np.ones((3, 2, 4), "f4"), b.arguments[1]], b.reads, [], {})
    turned_round = np.asfortranarray(b.arguments[0])
    for a, z in zip(
        executor.run([turned_round, b.arguments[1]], b.reads, []), executor.run(b.arguments, b.reads, []), strict=True
    ):
        np.testing.assert_array_equal(a, z)


def test_thousands_of_single_numbers() -> None:
    rng = np.random.default_rng(0)
    b = Builder()
    values = [b.read(np.float64(x), f"w{k}") for k, x in enumerate(rng.standard_normal(50))]
    for _ in range(3000):
        i, j = rng.integers(0, len(values), 2)
        z = b.do("multiply", b.do("tanh", values[i]), values[j])
        values.append(b.do("add", z, 0.5))
    b.result(values[-1], values[200])
    for k, v in enumerate(values[:50]):
        b.write(f"w{k}", b.do("subtract", v, b.do("multiply", 0.1, values[-1 - k])))
    b.check()


# ---- the compiler and its cache ------------------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "programs"
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(folder))
    monkeypatch.setattr(c_cache, "_of_this_process", [])
    return folder


def tiny(number: float = 1.0) -> Builder:
    b = Builder()
    b.result(b.do("add", b.argument(np.arange(3.0)), number))
    return b


def test_the_second_time_nothing_is_compiled(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny().check()
    assert cache.stat().st_mode & 0o777 == 0o700
    calls: list[Any] = []
    monkeypatch.setattr(c_compile, "_called", lambda command: calls.append(command))
    tiny().check()
    assert not calls
    assert not [p for p in cache.iterdir() if p.name.startswith("new_")]


@pytest.mark.parametrize("damage", ["cut", "changed", "gone", "note"])
def test_a_damaged_library_is_made_again(cache: Path, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    b = tiny(2.0)
    b.check()
    copy = cache.parent / "copy"  # under a name that this process has not loaded yet
    shutil.copytree(cache, copy)
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(copy))
    (library,), (note,) = copy.glob("*.so"), [p for p in copy.iterdir() if not p.suffix]
    whole = library.read_bytes()
    if damage == "cut":
        library.write_bytes(whole[:1000])
    elif damage == "changed":
        library.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "gone":
        library.unlink()
    else:
        note.write_bytes(b"\xff\x00 no checksum")
    commands: list[Any] = []
    real = c_compile._called
    monkeypatch.setattr(c_compile, "_called", lambda command: (commands.append(command), real(command))[1])
    b.check()
    assert commands


def test_the_cache_may_be_named_by_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", "~/programs")
    assert c_cache.cache_folder() == tmp_path / "programs"


def test_the_programs_that_were_used_last_are_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(c_cache, "_MOST", 3)
    builders = [tiny(float(k)) for k in range(20, 24)]
    for k, b in enumerate(builders[:3]):
        b.check()
        for path in cache.iterdir():  # an hour ago
            os.utime(path, (1e9 + k, 1e9 + min(k, path.stat().st_mtime - 1e9)))
    assert len(list(cache.glob("*.so"))) == 3
    left_behind, at_work = cache / "new_left", cache / "new_at_work"
    left_behind.mkdir()
    at_work.mkdir()
    os.utime(left_behind, (1e9, 1e9))
    builders[0].check()  # asked for once more: now the second one is the oldest
    builders[3].check()
    assert len(list(cache.glob("*.so"))) == 3
    assert not left_behind.exists()
    assert at_work.exists()
    commands: list[Any] = []
    real = c_compile._called
    monkeypatch.setattr(c_compile, "_called", lambda command: (commands.append(command), real(command))[1])
    builders[0].check()
    builders[3].check()
    assert not commands
    builders[1].check()
    assert commands


def test_the_kept_programs_are_no_more_than_some_bytes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny(30.0).check()
    (library,) = cache.glob("*.so")
    monkeypatch.setattr(c_cache, "_MOST_BYTES", int(2.5 * library.stat().st_size))
    for k in range(31, 36):
        tiny(float(k)).check()
    assert 1 <= len(list(cache.glob("*.so"))) <= 2


def test_a_library_that_another_process_deletes_meanwhile_is_made_again(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    b = tiny(40.0)
    b.check()
    real, gone = ctypes.CDLL, []

    def deleted(name: Any, *args: Any, **more: Any) -> Any:
        if not gone and str(name).startswith(str(cache)):
            gone.append(name)
            Path(name).unlink()
            raise OSError(f"{name}: no such file")
        return real(name, *args, **more)

    monkeypatch.setattr(c_compile.ctypes, "CDLL", deleted)
    b.check()
    assert gone


def test_a_folder_of_others_is_not_used(cache: Path) -> None:
    cache.mkdir(mode=0o777)
    cache.chmod(0o777)
    with pytest.warns(RuntimeWarning, match=r"programs can be written to by others"):
        tiny(3.0).check()
    assert not list(cache.iterdir())
    tiny(4.0).check()  # it is said once


def test_a_link_to_a_folder_of_others_is_not_used(cache: Path) -> None:
    (cache.parent / "open").mkdir()
    (cache.parent / "open").chmod(0o777)
    cache.symlink_to(cache.parent / "open")
    with pytest.warns(RuntimeWarning, match="can be written to by others"):
        tiny(5.0).check()
    assert not list((cache.parent / "open").iterdir())


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_that_somebody_else_owns_is_not_used(cache: Path) -> None:
    cache.mkdir()
    os.chown(cache, 12345, 12345)
    with pytest.warns(RuntimeWarning, match="belongs to somebody else"):
        tiny(6.0).check()


def test_no_folder_can_be_made(cache: Path) -> None:
    cache.write_text("a file is in the way")
    with pytest.warns(RuntimeWarning, match="cannot be made"):
        tiny(7.0).check()


def test_the_disk_is_full(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_text

    def full(path: Path, *args: Any, **kwargs: Any) -> int:
        if str(path).startswith(str(cache)):
            raise OSError(28, "No space left on device")
        return real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.warns(RuntimeWarning, match="No space left"):
        tiny(8.0).check()
    monkeypatch.setattr(c_compile, "_made", lambda *args: full(cache))
    with pytest.raises(CompileError, match=r"^the compiled program cannot be written to .*No space left"):
        tiny(9.0).check()


@pytest.mark.parametrize(
    ("compiler", "message"),
    [
        ("no-such-compiler", r"^CC='no-such-compiler' names a compiler that is not there$"),
        ("'", r"^CC=.* is not a command$"),
        ("false", r"^the C compiler false failed: it says nothing$"),
    ],
)
def test_a_compiler_that_does_not_work(
    cache: Path, monkeypatch: pytest.MonkeyPatch, compiler: str, message: str
) -> None:
    monkeypatch.setenv("CC", compiler)
    with pytest.raises(CompileError, match=message):
        tiny(10.0).check()


def test_there_is_no_compiler(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", str(cache))
    monkeypatch.setattr(c_compile.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CompileError, match=r"^no C compiler was found: install gcc or clang, or pip install ziglang$"):
        tiny(11.0).check()


def test_a_failing_compiler_is_quoted(cache: Path) -> None:
    with pytest.raises(CompileError, match=r"failed: .*error: .*"):
        c_compile.compiled("this is no C")


def test_two_processes_at_once(cache: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.path.insert(0, sys.argv[2])\n"
        "from test_c_executor import lecture_step\n"
        "lecture_step((5, 4, 3), 2).check()"
    )
    root = Path(__file__).parents[2]
    words = [sys.executable, "-c", code, str(root), str(Path(__file__).parent)]
    running = [
        subprocess.Popen(words, stderr=subprocess.PIPE, env={**os.environ, "TINYGRAD_EDU_CACHE": str(cache)})
        for _ in range(3)
    ]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()


# ---- memory --------------------------------------------------------------------------------------------------------

CHECKED = """
import sys
sys.path[:0] = sys.argv[1:3]
import numpy as np
from tinygrad_edu.compiled import c_compile, c_executor
checks = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-sanitize=alignment -O1"
c_compile._FLAGS = (*c_compile._FLAGS, *checks.split())
from test_c_executor import calls_of, lecture_step, turned, Builder
from tinygrad_edu import TABLE
import warnings
warnings.simplefilter("ignore")
for sizes, examples in [((784, 30, 10), 10), ((33, 17, 3), 7), ((1, 1), 1), ((100, 9), 3)]:
    lecture_step(sizes, examples).check()
    lecture_step(sizes, examples, "f8").check()
b = Builder()
for name in sys.argv[3:]:
    for k, call in enumerate(calls_of(name, 6)):
        values = [b.argument(turned(a) if k % 2 else a) for a in call.arrays]
        try:
            b.result(b.do(name, *values, **call.params))
        except (TypeError, ValueError):
            pass
b.check()
print("clean")
"""
PICKED = [
    "getitem",
    "scatter_add",
    "setitem",
    "concatenate",
    "matmul",
    "linear",
    "sum",
    "max",
    "softmax",
    "conv",
    "conv_dx",
]
PICKED += [
    "conv_dw",
    "max_pool",
    "top_places",
    "reshape",
    "transpose",
    "where",
    "add",
    "log_softmax",
    "quadratic_cost",
    "windows",
]


@pytest.mark.slow
def test_no_access_out_of_bounds(cache: Path) -> None:
    """With the compiler's own checks of every access: -fsanitize=address,undefined."""
    command = c_compile.compiler()
    found = subprocess.run(
        [*command, "-print-file-name=libasan.so"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not Path(found).is_absolute() or not Path(found).exists():
        pytest.skip("the compiler has no address sanitizer")
    env = {
        **os.environ,
        "LD_PRELOAD": str(Path(found).resolve()),
        "ASAN_OPTIONS": "detect_leaks=0",
        "TINYGRAD_EDU_CACHE": str(cache),
    }
    root = Path(__file__).parents[2]
    words = [sys.executable, "-c", CHECKED, str(root), str(Path(__file__).parent), *PICKED]
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "clean"


# ---- as NumPy does it ------------------------------------------------------------------------------------------------


def same_bits(f: Any, *args: Any) -> None:
    """Is it, sign of zero and all, what the function gives without jit?"""
    run = te.jit(f)
    for _ in range(4):
        with np.errstate(invalid="ignore", divide="ignore"):
            found, expected = run(*args).data, f(*map(te.Tensor, args)).data
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))
    assert run.executor_name == "c"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_root_of_minus_infinity_and_of_minus_zero(dtype: Any) -> None:
    """NumPy takes sqrt for x ** 0.5, but of a single number pow: the two differ at -inf and at -0."""
    x = np.array([-np.inf, -0.0, 0.0, 4.0, np.inf, np.nan], dtype)
    same_bits(lambda x: x**0.5, x)
    for n in (0.5, 2.0, -0.5):
        same_bits(lambda x, n: x**n, x, dtype(n))
        same_bits(lambda x, n: x**n, x, np.array([n], dtype))
    for one in (x[:1].reshape(())[()], x[1:2].reshape(())[()]):
        same_bits(lambda x: x**0.5, one)
        same_bits(lambda x: te.float_power(x, 0.5), one)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "k", "n"), [(1, 1, 1), (2, 3, 1), (1, 3, 4), (3, 40, 5), (5, 2, 17), (20, 33, 9)])
def test_a_sum_of_zeros_is_plus_zero(m: int, k: int, n: int, dtype: Any) -> None:
    """NumPy's sums begin with 0, and 0 + -0 is 0: else 1 / (x @ y) would be another infinity."""
    x, y = np.full((m, k), -0.0, dtype), np.ones((k, n), dtype)
    same_bits(lambda x, y: x @ y, x, y)
    same_bits(lambda x, y: x @ y.T, x, np.ascontiguousarray(y.T))
    if k > 1:  # two single numbers are multiplied, and not summed
        same_bits(lambda x, y: te.linear(x, y, te.Tensor(np.full(n, -0.0, dtype))), x, np.ascontiguousarray(y.T))


def test_a_zero_whose_sign_nobody_knows_is_no_fault() -> None:
    """NumPy's fmax(0, -0) is the one or the other, by the place in the array: the first run is not held to it."""
    f = te.jit(lambda x, y: te.arctan2(te.fmax(x, y), -1.0))
    x, y = np.zeros(16, np.float32), np.full(16, -0.0, np.float32)
    assert np.signbit(np.fmax(x, y)).tolist() != np.signbit(np.fmax(x[:1], y[:1])).tolist() * 16
    for _ in range(4):
        assert np.allclose(np.abs(f(x, y).data), np.pi)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["elu", "silu", "relu", "leaky_relu", "softplus", "gelu", "log_sigmoid"])
@pytest.mark.parametrize(("m", "n"), [(8, 16), (10, 30), (3, 5), (4, 64)])
def test_gradients_of_layers_that_are_wide_enough_for_vectors(name: str, m: int, n: int, dtype: Any) -> None:
    """gcc 12 gave wrong ones for ELU between two layers: it loaded v[i] under a condition, in a vector loop."""
    rng = np.random.default_rng(1)
    activation = getattr(te, name)
    w, v = (te.Tensor(rng.standard_normal(s).astype(dtype), requires_grad=True) for s in ((n, 12), (4, n)))
    b, c = (te.Tensor(rng.standard_normal(k).astype(dtype)) for k in (n, 4))

    def step(x: Any) -> Any:
        w.grad = v.grad = None
        te.log_softmax(te.linear(activation(te.linear(x, w, b)), v, c), 1)[:, 0].sum().backward()
        return w.grad, v.grad

    run = te.jit(step, check=False)
    for _ in range(4):
        x = rng.standard_normal((m, 12)).astype(dtype)
        for found, expected in zip(run(x), step(te.Tensor(x)), strict=True):
            tolerance = 1e-4 if dtype == np.float32 else 1e-11
            np.testing.assert_allclose(found.data, expected.data, rtol=tolerance, atol=tolerance)
    assert run.executor_name == "c"


def test_the_gradient_under_two_conditions_that_share_a_part() -> None:
    """Program 785 of seed 500 of tests/fuzz_jit.py, which gcc 12 got wrong with -O3 and jump threading."""
    rng = np.random.default_rng(1)
    w = te.Tensor(rng.standard_normal((2, 1, 3)), requires_grad=True)

    def step(x: Any) -> Any:
        w.grad = None
        z = te.where((x == w) | (x < w), w, 2 * x)
        z.backward(np.arange(1.0, 19.0).reshape(2, 3, 3))
        optimizer.step()
        return z, w.grad, w.detach()

    for make in (nn.optim.SGD, nn.optim.Adam):
        found: list[Any] = []
        for kind in ("plain", "c"):
            w.assign(np.full((2, 1, 3), 0.25))
            optimizer = make([w], lr=0.01)
            run = te.jit(step, check=False) if kind == "c" else step
            draws = np.random.default_rng(2)
            xs = [draws.standard_normal((2, 3, 3)) for _ in range(8)]
            found.append([[t.data for t in run(x if kind == "c" else te.Tensor(x))] for x in xs])
        for a, b in zip(*found, strict=True):
            for expected, result in zip(a, b, strict=True):
                np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)


def test_random_wide_programs(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A few of those that `python -m tests.fuzz_jit --executor c --wide 1` tries by the hundred."""
    spec = importlib.util.spec_from_file_location("fuzz_jit", Path(__file__).parents[1] / "fuzz_jit.py")
    assert spec is not None
    assert spec.loader is not None
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    failed = fuzz.main(["--executor", "c", "--wide", "1", "-n", "12", "--seed", "9"])
    assert not failed, capsys.readouterr().out


# ---- the text is for people ------------------------------------------------------------------------------------------


def test_every_loop_is_headed_by_all_of_its_operations() -> None:
    f = te.jit(lambda x, w: te.log_softmax(te.linear(x, w, te.Tensor(np.ones(4))), 1).exp().sum())
    for _ in range(3):
        f(np.ones((3, 5)), np.ones((4, 5)))
    kernels = re.findall(r"/\* (v[^/]*?) \*/\nKERNEL[^{]*{(.*?)\n}", f.source, re.DOTALL)
    assert len(kernels) >= 5
    for comment, body in kernels:
        for local in re.findall(r"const \w+ (v\d+)\w*_i =", body):
            assert f"{local} " in comment
            assert re.search(rf"{local} .*: .*(3×|4|a number)", comment)
    parts = "\n".join(comment for comment, _ in kernels)
    for word in ("linear", "log_softmax", "here its max", "here its subtract, exp, sum", "here its log", "sum("):
        assert word in parts


def test_a_loop_of_very_many_operations_names_each_of_them() -> None:
    def f(x: Any) -> Any:
        for k in range(90):
            x = x * (1 + k / 100)
        return x

    run = te.jit(f)
    for _ in range(3):
        run(2.0)
    comment = re.search(r"/\* (v1 = multiply.*?) \*/", run.source, re.DOTALL)
    assert comment is not None
    assert comment[1].count("= multiply") == 90
