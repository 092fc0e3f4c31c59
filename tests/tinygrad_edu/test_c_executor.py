"""The C executor: every op against NumPy, whole steps, scans, the compiler and its cache."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from all_cases import CASES
from hypothesis import HealthCheck, given, settings
from op_cases import Call

from tinygrad_edu import TABLE
from tinygrad_edu.compiled import c_compile
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
        settings = {key: p.make(p.source.sample) if isinstance(p, Derived) else p for key, p in params.items()}
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

    @settings(max_examples=how_many, database=None, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
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


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_op(name: str) -> None:
    b = Builder()
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
    assert b.program.results
    b.check()


SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 3.0, 1e-30, -100.0, 100.0, 88.0, -87.5, 1e30, np.inf, -np.inf, np.nan]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("name", sorted(name for name, op in TABLE.items() if op.elementwise))
def test_nan_and_infinities(name: str, dtype: str) -> None:
    op, b = TABLE[name], Builder()
    x = np.array(SPECIAL, dtype)
    count = len(op.vjps)
    params: dict[str, Any] = {
        "clip": {"lo": -1.0, "hi": 2.0},
        "astype": {"dtype": np.dtype("f4")},
        "isclose": {"rtol": 1e-5, "atol": 1e-8, "equal_nan": False},
    }.get(name, {})
    inputs = [b.argument(x.reshape([-1 if k == j else 1 for k in range(count)])) for j in range(count)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            b.result(b.do(name, *inputs, **params))
    except TypeError:
        pytest.skip("not of real numbers")
    b.check()
