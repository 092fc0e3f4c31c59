"""jit against the same function without: what may never be frozen, mixed up or lost."""

from __future__ import annotations

import copy
import functools
import gc
import importlib.util
import io
import math
import os
import pickle
import random
import threading
import tracemalloc
import weakref
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
import tinygrad_edu as te
from nn import optim
from tinygrad_edu import (
    AnomalyError,
    DtypeError,
    GradientError,
    JitError,
    Op,
    ShapeError,
    Tensor,
    capturing,
    checkpoint,
    detect_anomaly,
    fresh,
    grad,
    guard,
    hessian,
    is_grad_enabled,
    jvp,
    no_grad,
    value_and_grad,
    vjp,
)
from tinygrad_edu.compiled import JitWarning
from tinygrad_edu.tensor import record

jit = functools.partial(te.jit, executor="numpy")
THREE = np.array([1.0, 2.0, 3.0])


def parameter(value: Any) -> Tensor:
    return Tensor(value, requires_grad=True)


def warm(f: Any, *args: Any, **kwargs: Any) -> Any:
    """Call it until it is replayed."""
    for _ in range(3):
        result = f(*args, **kwargs)
    return result


def replays(f: Any, *args: Any, **kwargs: Any) -> bool:
    """Is the next call a replay?  (Nothing is recorded.)"""
    recorded = []
    f.on_record = lambda: recorded.append(1)
    f(*args, **kwargs)
    f.on_record = None
    return not recorded


@pytest.fixture(params=["numpy", "c"])
def executor(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if request.param == "c":
        from tinygrad_edu.compiled import c_compile

        try:
            c_compile.compiler()
        except c_compile.CompileError as error:
            if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
                pytest.fail(f"TINYGRAD_EDU_REQUIRE_TOOLS=1, but {error}")
            pytest.skip(str(error))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path_factory.getbasetemp() / "jit-cache"))
        yield request.param


def close(a: Any, b: Any, executor: str = "numpy") -> None:
    a, b = np.asarray(a), np.asarray(b)
    if executor == "numpy":
        np.testing.assert_array_equal(a, b, strict=True)
    else:
        np.testing.assert_allclose(
            a, b, rtol=1e-5 if a.dtype == np.float32 else 1e-12, atol=1e-6 if a.dtype == np.float32 else 1e-13
        )


# ---- the catalogue ---------------------------------------------------------------------------------------

RATE = 2.0


def scaled(x: Any) -> Any:
    return x * RATE


@pytest.mark.parametrize("schedule", [True, False])
def test_F1_the_learning_rate_and_the_count_of_steps_are_never_frozen(executor: str, schedule: bool) -> None:
    """F1: a Python constant changes between calls."""

    def trained(kind: str | None) -> Any:
        w = parameter(np.linspace(-1, 1, 5))
        optimizer = optim.Adam([w], lr=0.1)
        decay = nn.schedule.ExponentialLR(optimizer, 0.9)

        def step(x: Any) -> Any:
            cost = (w * x - 1).square().sum()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            if schedule:
                decay.step()
            return cost

        run = step if kind is None else te.jit(step, executor=kind)
        costs = []
        for k in range(12):
            if not schedule:
                optimizer.lr = 0.1 / (k + 1)
            costs.append(run(Tensor(np.arange(5.0) + k)).item())
        assert optimizer.state[0]["step"] == 12
        return costs, w.data, optimizer.lr

    for a, b in zip(trained(None), trained(executor), strict=True):
        close(a, b, executor)


def test_F1_a_number_that_the_function_looks_up_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """F1: global numbers, closures, numbers in lists, of helpers and of nested functions under jit."""
    here = globals()
    inner = jit(lambda x: x * RATE)
    factor, several, named = 2.0, [2.0, 0.0], {"a": 2.0}
    functions = {
        "global": (jit(lambda x: x * RATE), lambda v: monkeypatch.setitem(here, "RATE", v)),
        "deeper": (jit(lambda x: (lambda: (lambda: x * RATE)())()), lambda v: monkeypatch.setitem(here, "RATE", v)),
        "helper": (jit(lambda x: scaled(x)), lambda v: monkeypatch.setitem(here, "RATE", v)),
        "partial": (jit(functools.partial(scaled)), lambda v: monkeypatch.setitem(here, "RATE", v)),
        "nested": (jit(lambda x: inner(x)), lambda v: monkeypatch.setitem(here, "RATE", v)),
        "list": (jit(lambda x: x * several[0]), lambda v: several.__setitem__(0, v)),
        "dict": (jit(lambda x: x * named["a"]), lambda v: named.__setitem__("a", v)),
    }

    def set_factor(value: float) -> None:
        nonlocal factor
        factor = value

    functions["closure"] = jit(lambda x: x * factor), set_factor
    for name, (f, change) in functions.items():
        assert warm(f, 1.0).item() == 2.0, name
        change(7.0)
        assert [f(1.0).item() for _ in range(3)] == [7.0] * 3, name
        change(2.0)
        assert f(3.0).item() == 6.0, name
        assert replays(f, 3.0), name


def test_F1_numbers_are_told_apart_by_type_and_sign() -> None:
    """F1: 1 is not 1.0, 0.0 not -0.0, and NaN is NaN."""
    number: Any = 1
    f = jit(lambda x: x * number)
    assert warm(f, np.arange(3)).dtype.kind == "i"
    number = 1.0
    assert f(np.arange(3)).dtype == np.float64
    number = 0.0
    warm(f, THREE)
    number = -0.0
    assert np.signbit(f(THREE).data).all()
    number = math.nan
    warm(f, THREE)
    assert replays(f, THREE)


def test_F2_results_that_are_kept_stay_as_they_were(executor: str) -> None:
    """F2: buffers are used again, results are not."""
    f = te.jit(lambda x: (x.sum(), x * 2, x + x.sum()), executor=executor)
    kept = [f(np.full(40, k + 1.0)) for k in range(8)]
    for k, (total, twice, plus) in enumerate(kept):
        close(total.data, 40.0 * (k + 1), executor)
        close(twice.data, np.full(40, 2.0 * (k + 1)), executor)
        close(plus.data, np.full(40, 41.0 * (k + 1)), executor)


def test_F3_a_branch_that_flips_is_recorded_anew() -> None:
    """F3: the branch looks at a flag, a mode, an int."""
    net = nn.Sequential(nn.Linear(3, 3, rng=1), nn.Dropout(0.5, rng=2))
    f = jit(lambda x, flag: net(x) * (2 if flag else 3))
    x = np.ones((2, 3), np.float32)
    net.eval()
    plain = net(Tensor(x)).data
    for flag, factor in [
        (True, 2),
        (True, 2),
        (True, 2),
        (False, 3),
        (1, 2),
        (0, 3),
        (False, 3),
        (False, 3),
        (True, 2),
    ]:
        close(f(x, flag).data, plain * factor)
    net.train()
    assert any((f(x, True).data == 0).any() for _ in range(9))
    net.eval()
    close(f(x, True).data, plain * 2)
    assert replays(f, x, True)


def test_F3_what_python_does_besides_happens_while_it_is_recorded() -> None:
    """F3: print and append in the body.  To change what it looks up at every call is refused, with its name."""
    out = io.StringIO()
    seen: list[Any] = []

    @jit
    def printing(x: Any) -> Any:
        print("recorded")
        return x + 1

    with redirect_stdout(out):
        assert [printing(float(k)).item() for k in range(5)] == [1, 2, 3, 4, 5]
    assert out.getvalue() == "recorded\n" * 2

    @jit
    def appending(x: Any) -> Any:
        seen.append(len(seen))
        return x + len(seen)

    assert appending(0.0).item() == 1
    with pytest.raises(JitError, match="changes seen outside of its Tensors"):
        appending(0.0)

    longer = list(range(200))

    @jit
    def appending_more(x: Any) -> Any:
        longer.append(0)
        return x

    appending_more(0.0)
    with pytest.raises(JitError, match="changes longer"):
        appending_more(0.0)


def test_F3_what_is_made_once_at_the_first_call_is_right() -> None:
    """F3: a cache."""
    cache: dict[str, Any] = {}

    @jit
    def cached(x: Any) -> Any:
        if "two" not in cache:
            cache["two"] = 2.0
        return x * cache["two"]

    assert [cached(float(k)).item() for k in range(6)] == [0, 2, 4, 6, 8, 10]
    assert cached.executor_name


def test_F3_a_branch_on_a_value_is_refused() -> None:
    """F3: where(…) is the branch that can be recorded."""
    with pytest.raises(JitError, match=r"if t .*test_jit.py:\d+.*where\(condition, a, b\)"):
        jit(lambda x: x if x > 0 else -x)(1.0)
    f = jit(lambda x: te.where(x > 0, x, -x))
    assert [f(v).item() for v in (1.0, 2.0, -3.0, 4.0, -5.0)] == [1, 2, 3, 4, 5]


def test_F4_shapes_dtypes_and_keywords_may_change_at_any_call(executor: str) -> None:
    """F4: the last partial batch, float32 after float64, arguments by name and in another order."""
    w = parameter(np.arange(4.0))

    def f(x: Any, y: Any = 1.0, *, scale: Any = 1.0) -> Any:
        return ((x - y) * w * scale).sum(axis=0)

    g = te.jit(f, executor=executor)
    rng = np.random.default_rng(1)
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    for _ in range(4):
        for rows in (5, 5, 2):
            x, y = rng.random((rows, 4)), rng.random((rows, 4))
            calls += [((x, y), {}), ((y, x), {}), ((x,), {"y": y}), ((), {"y": y, "x": x}), ((), {"x": x, "y": y})]
            calls += [((x.astype(np.float32), y), {"scale": 0.5}), ((x, 2.0), {"scale": rng.random()}), ((x,), {})]
    for args, kwargs in calls:
        as_tensors = [Tensor(a) for a in args], {k: Tensor(v) for k, v in kwargs.items()}
        close(g(*args, **kwargs).data, f(*as_tensors[0], **as_tensors[1]).data, executor)


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "F": np.asfortranarray,
    "transposed": lambda x: np.ascontiguousarray(x.T).T,
    "every other": lambda x: np.repeat(x, 2, axis=-1)[:, ::2],
    "backwards": lambda x: x[::-1, ::-1].copy()[::-1, ::-1],
    "broadcast": lambda x: np.broadcast_to(x[:1], x.shape),
    "read-only": lambda x: np.frombuffer(x.tobytes()).reshape(x.shape),
    "big-endian": lambda x: x.astype(">f8"),
    "one row": lambda x: x[:1][::-1],
    "one column, backwards": lambda x: x[::-1, :1],
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_F4_arrays_in_any_order_of_memory(layout: str, executor: str) -> None:
    """F4: strided, F-ordered, read-only, big-endian arguments: first in C order, then so, and the other way round."""

    def f(x: Any) -> Any:
        return np.sinh(x), x.sum(axis=0), (x * x) @ x.T, np.exp(x) / x.sum(), x[::-1].reshape(-1)

    rng = np.random.default_rng(2)
    for first_plain in (True, False):
        g = te.jit(f, executor=executor)
        for k in range(6):
            x = LAYOUTS[layout](rng.random((17, 5)))
            x = np.array(x, np.float64, order="C") if (k < 3) == first_plain else x
            before = x.copy()
            for a, b in zip(g(x), f(Tensor(x)), strict=True):
                close(a.data, b.data, executor)
            assert (x == before).all()


def test_F5_aliases_among_arguments_and_results(executor: str) -> None:
    """F5: f(x, x); results fed back as arguments; an argument, a view, a constant as a result."""
    f = te.jit(lambda x, y: (x + y, x, y.T, x * 1, Tensor([7.0])), executor=executor)
    x = np.arange(4.0).reshape(2, 2)
    for k in range(5):
        total, same, turned, once, seven = f(x, x)
        close(total.data, 2 * x, executor)
        for t, expected in ((same, x), (turned, x.T), (once, x), (seven, [7.0])):
            assert t.tolist() == np.asarray(expected).tolist()
            assert not np.shares_memory(t.data, x)
        kept = same.tolist()
        x[0, 0] = 100 + k
        assert same.tolist() == kept
    value = Tensor(np.ones((2, 2)))
    expected = np.ones((2, 2))
    for _ in range(6):
        value = f(value, value)[0]
        expected = expected + expected
        close(value.data, expected, executor)
    g = te.jit(lambda a, b: a * 10 + b, executor=executor)
    assert [g(float(k), float(k + 1)).item() for k in range(5)] == [10.0 * k + k + 1 for k in range(5)]


READS: dict[str, Callable[[Any], Any]] = {
    "float": float,
    "int": int,
    "bool": bool,
    "complex": complex,
    "math": math.sqrt,
    "item": lambda t: t.item(),
    "numpy": lambda t: t.numpy(),
    "data": lambda t: t.data,
    "tolist": lambda t: t.tolist(),
    "np.array": np.array,
    "np.asarray": np.asarray,
    "np.float64": np.float64,
    "np.full": lambda t: np.full(3, t),
    "index of a list": lambda t: [1, 2, 3][t.astype(int)],
    "range": lambda t: range(t.astype(int)),
    "slice": lambda t: (t * np.ones(3))[: t.astype(int)],
    "number as index": lambda t: (t * np.ones(3))[t.astype(int)],
    "shape": lambda t: (t * np.ones(1)).reshape(t.astype(int)),
    "mask": lambda t: (t * np.ones(3))[t * np.ones(3) > 0],
    "mask of an array": lambda t: np.ones(3)[t * np.ones(3) > 0],
    "argwhere": lambda t: te.nonzero(t * np.ones(3)),
    "f-string": lambda t: f"{t:.3f}",
    "np.allclose": lambda t: np.allclose(t, 1),
    "np.array_equal": lambda t: np.array_equal(t, t),
    "assert_allclose": lambda t: np.testing.assert_allclose(t, t),
    "in": lambda t: t in [1, 2],
    "sorted": lambda t: sorted([t, t + 1]),
    "max of two": lambda t: max(t, t + 1),
    "== as a branch": lambda t: 1 if t == 1.0 else 0,
    "pickle": pickle.dumps,
    "deepcopy": copy.deepcopy,
    "roll by it": lambda t: np.roll(np.arange(3.0) * t, t.astype(int)),
    "repeat by it": lambda t: np.repeat(t * np.ones(2), t.astype(int)),
}


@pytest.mark.parametrize("how", READS)
def test_F6_a_value_that_is_read_while_recording_raises_and_names_the_line(how: str) -> None:
    """F6: float, bool, item, numpy, data, tolist, np.array, index, mask, format, allclose."""
    line = READS[how].__code__.co_firstlineno if hasattr(READS[how], "__code__") else None

    def f(t: Any) -> Any:
        READS[how](t)
        return t * 2

    own = f.__code__.co_firstlineno + 1
    lines = {f"test_jit.py:{own}", f"test_jit.py:{line}"}
    g = jit(f)
    for _ in range(2):
        with pytest.raises(JitError) as caught:
            g(1.0)
        message = str(caught.value)
        assert any(here in message for here in lines), message
        assert capturing() is None
    READS[how](Tensor(1.0))  # and outside it is allowed


def test_F7_dropout_draws_the_stream_of_the_eager_step() -> None:
    """F7: five replays, five masks, those of the eager stream; also by scan."""
    x = np.ones((4, 50), np.float32)
    layers = [nn.Sequential(nn.Dropout(0.4, rng=3), nn.Dropout(0.2, rng=4)) for _ in range(3)]
    expected = [layers[0](Tensor(x)).data for _ in range(12)]
    f, g = jit(lambda x: layers[1](x)), jit(lambda x: layers[2](x))
    found = [f(x).data for _ in range(12)]
    close(np.array(found), np.array(expected))
    assert len({a.tobytes() for a in found}) == 12
    close(g.scan(np.stack([x] * 12)).data, np.array(expected))


class Scaler:
    def __init__(self, w: float) -> None:
        self.w, self.shift = Tensor(w), 0.0

    @jit
    def step(self, x: Any) -> Any:
        return self.w * x + self.shift

    @staticmethod
    @jit
    def plain(x: Any) -> Any:
        return x * 3

    def __call__(self, x: Any) -> Any:
        return self.w * x


class Louder(Scaler):
    @jit
    def step(self, x: Any) -> Any:
        return 10 * super().step(x)


def test_F8_instances_share_nothing() -> None:
    """F8: two instances, one decorated method: 10 and 15."""
    a, b, c = Scaler(2.0), Scaler(3.0), Louder(2.0)
    for _ in range(4):
        assert (a.step(5.0).item(), b.step(5.0).item(), c.step(5.0).item()) == (10.0, 15.0, 100.0)
    a.shift = 1.0
    assert (a.step(5.0).item(), b.step(5.0).item()) == (11.0, 15.0)
    assert Scaler.step(b, 5.0).item() == 15.0
    assert a.step.scan(THREE).tolist() == [3.0, 5.0, 7.0]
    assert b.step.scan(THREE).tolist() == [3.0, 6.0, 9.0]
    assert warm(Scaler.plain, 2.0).item() == 6.0 == warm(a.plain, 2.0).item()
    gone = weakref.ref(a)
    del a
    gc.collect()
    assert gone() is None


def test_F9_new_values_modes_and_layers_are_seen(executor: str) -> None:
    """F9: load_state_dict, assign, eval(), another parameter, another layer, another setting after the recording."""
    net = nn.Sequential(nn.Linear(3, 4, rng=1), nn.LeakyReLU(), nn.Dropout(0.5, rng=2), nn.Linear(4, 2, rng=3))
    net.eval()
    f = te.jit(lambda x: net(x), executor=executor)
    x = np.random.default_rng(5).standard_normal((6, 3)).astype(np.float32)

    def agrees() -> None:
        for _ in range(3):
            close(f(x).data, net(Tensor(x)).data, executor)

    agrees()
    net.load_state_dict({name: value * 2 for name, value in net.state_dict().items()})
    agrees()
    assert replays(f, x)
    net.layers[0].weight.data = np.asfortranarray(net.layers[0].weight.data - 1)  # in another order of memory
    agrees()
    assert replays(f, x)
    net.layers[0].weight = parameter(np.ones((4, 3), np.float32))
    agrees()
    net.layers[1] = nn.Tanh()
    agrees()
    net.layers[1] = nn.LeakyReLU(0.5)
    agrees()
    net.layers[1].negative_slope = 0.25
    agrees()
    net.layers.append(nn.Sigmoid())
    agrees()
    net.layers[2].p = 0.0
    net.train()
    agrees()


def test_F9_a_frozen_parameter_stays() -> None:
    """F9: requires_grad = False after the recording, and True again."""
    a, b = parameter(1.0), parameter(2.0)
    optimizer = optim.SGD([a, b], lr=0.25)

    @jit
    def step(x: Any) -> None:
        optimizer.zero_grad()
        (a * b * x).backward()
        optimizer.step()

    warm(step, 0.5)
    b.requires_grad = False
    before = a.item(), b.item()
    warm(step, 0.5)
    assert b.item() == before[1]
    assert a.item() != before[0]
    b.requires_grad = True
    step(0.5)
    assert b.item() != before[1]


OPTIMIZERS: dict[str, Callable[[Any], Any]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.01),
    "Adam": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_F10_lazy_state_missing_gradients_and_sums_over_calls(name: str) -> None:
    """F10: state made in the first step; grads None, then there; a parameter unused in some steps; no zero_grad."""

    def train(under_jit: bool) -> Any:
        a, b, unused = parameter(np.ones(3)), parameter(np.float64(0.5)), parameter(np.ones(2))
        optimizer = OPTIMIZERS[name]([a, b, unused])

        def forward(x: Any, with_b: bool) -> None:
            ((a * x).sum() * (b if with_b else 2.0)).backward()

        def update() -> None:
            optimizer.step()
            optimizer.zero_grad()

        f, g = (jit(forward), jit(update)) if under_jit else (forward, update)
        rng = np.random.default_rng(1)
        for k in range(100):
            f(Tensor(rng.standard_normal(3)), k % 3 > 0)
            if k % 4 < 2:
                f(Tensor(rng.standard_normal(3)), True)  # added to what is there
            g()
        assert unused.grad is None
        assert 2 not in optimizer.state
        return [a.data, b.data, optimizer.state_dict()["state"]]

    trained = train(False), train(True)
    close(trained[0][0], trained[1][0])
    close(trained[0][1], trained[1][1])
    np.testing.assert_equal(trained[0][2], trained[1][2])


def test_F10_changed_settings_groups_and_states_are_seen() -> None:
    """F10: betas, lr set to 0 and back, weight_decay switched on, add_param_group, load_state_dict."""

    def train(under_jit: bool) -> Any:
        a, b = parameter(np.ones(3)), parameter(np.ones(2))
        optimizer = optim.Adam([a], lr=0.1)

        def step(x: Any) -> Any:
            cost = ((a * x).sum() - b.sum()).square()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            return cost

        f = jit(step) if under_jit else step
        rng = np.random.default_rng(2)
        saved: Any = None
        for k in range(60):
            if k == 10:
                optimizer.param_groups[0]["betas"] = (0.8, 0.9)
            if k in (15, 20):
                optimizer.lr = 0.0 if k == 15 else 0.05
            if k == 25:
                optimizer.param_groups[0]["weight_decay"] = 0.1
            if k == 30:
                saved = optimizer.state_dict()
            if k == 35:
                optimizer.load_state_dict(saved)
            if k == 40:
                optimizer.add_param_group({"params": [b], "lr": 0.01})
            if k == 50:
                optimizer.state = {}
            if k == 55:
                optimizer.param_groups[0]["amsgrad"] = True
            if k == 58:
                optimizer.param_groups[0]["amsgrad"] = False
            f(Tensor(rng.standard_normal(3)))
        return [a.data, b.data, optimizer.state_dict()]

    trained = train(False), train(True)
    close(trained[0][0], trained[1][0])
    close(trained[0][1], trained[1][1])
    np.testing.assert_equal(trained[0][2], trained[1][2])


def test_F10_two_steps_of_an_optimizer_in_one_call() -> None:
    """F10: the second step of a run goes on from the state that the first has made."""

    def trained(wrap: Any) -> Any:
        w = parameter(np.ones(2))
        optimizer = optim.Adam([w], lr=0.1)

        def step(x: Any) -> Any:
            for _ in range(2):
                optimizer.zero_grad()
                (w * w * x).sum().backward()
                optimizer.step()
            return w.detach()

        f = wrap(step)
        return [f(Tensor(float(k))).tolist() for k in range(1, 8)], optimizer.state[0]["step"]

    assert trained(jit) == trained(lambda f: f)


def test_F1_a_setting_that_is_changed_to_and_fro_inside_is_refused() -> None:
    """F1: every run would read the learning rate of its start."""
    w = parameter(1.0)
    optimizer = optim.SGD([w], lr=0.1)

    @jit
    def step(x: Any) -> None:
        optimizer.zero_grad()
        (w * x).backward()
        optimizer.lr = 0.2
        optimizer.step()
        optimizer.lr = 0.1

    with pytest.raises(JitError, match="lr is changed inside"):
        step(1.0)


def test_F11_an_error_while_recording_leaves_nothing_behind() -> None:
    """F11: an exception in the recording: parameters, gradients and state as before; the next call works."""
    w = parameter(1.0)
    optimizer = optim.Adam([w], lr=0.1)
    fail = [True]

    @jit
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).backward()
        optimizer.step()
        if fail:
            raise RuntimeError("in the middle")
        return w * x

    for _ in range(2):
        with pytest.raises(RuntimeError, match="in the middle"):
            step(2.0)
        assert (w.item(), w.grad, optimizer.state, capturing()) == (1.0, None, {}, None)
        assert is_grad_enabled()
    fail.clear()
    assert warm(step, 2.0).item() < 2.0
    assert optimizer.state[0]["step"] == 3


def test_F11_a_function_under_jit_calls_another() -> None:
    """F11: nested: it becomes part of the outer program, and stays usable alone."""
    w = parameter(3.0)
    inner = jit(lambda x: w * x)
    outer = jit(lambda x: (inner(x) + inner(x + 1), grad(lambda y: inner(y) ** 2)(x)))
    for k in range(5):
        total, slope = outer(float(k))
        assert (total.item(), slope.item()) == (3.0 * k + 3.0 * (k + 1), 18.0 * k)
        assert inner(float(k)).item() == 3.0 * k
    fresh_inner = jit(lambda x: x * 2)
    warm(jit(lambda x: fresh_inner(x)), 1.0)
    assert warm(fresh_inner, 4.0).item() == 8.0


def test_F11_threads_share_one_function() -> None:
    """F11: two threads, one jit; and each its own.  Another thread's work is not recorded."""
    f = jit(lambda x: (x * 2).sum())
    problems: list[Any] = []
    start = threading.Barrier(4)

    def work(number: float) -> None:
        try:
            own = jit(lambda x: x + number)
            start.wait()
            for k in range(60):
                n = 3 + k % 3
                assert f(np.full(n, number)).item() == 2 * n * number
                assert own(float(k)).item() == k + number
                assert (Tensor(number) * k).item() == number * k
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(float(i),)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert problems == []


def test_F11_another_thread_may_read_values_meanwhile() -> None:
    """F11: what another thread does while one records is its own affair."""
    inside, done = threading.Event(), threading.Event()
    found = []

    def outside() -> None:
        inside.wait()
        found.append((Tensor(2.0) * 3).item())
        done.set()

    thread = threading.Thread(target=outside)
    thread.start()

    def f(x: Any) -> Any:
        inside.set()
        done.wait()
        return x * 2

    g = jit(f)
    assert [g(1.0).item() for _ in range(4)] == [2.0] * 4
    thread.join()
    assert found == [6.0]
    assert len(g.program.code) == 1


# ---- asyncio, protocols -----------------------------------------------------------------------------------


def test_tasks_of_asyncio_share_one_function(run_async: Any) -> None:
    import asyncio

    f = jit(lambda x: x * x)

    async def work(k: int) -> list[float]:
        found = []
        for i in range(5):
            found.append(f(float(k + i)).item())
            await asyncio.sleep(0)
        return found

    async def main() -> Any:
        return await asyncio.gather(*(work(k) for k in range(3)))

    assert run_async(main()) == [[float((k + i) ** 2) for i in range(5)] for k in range(3)]


async def coroutine(x: Any) -> Any:
    return x


def generator(x: Any) -> Any:
    yield x


@pytest.mark.parametrize("f", [coroutine, generator])
def test_a_coroutine_or_generator_is_refused(f: Any) -> None:
    with pytest.raises(DtypeError, match="not one with `async` or `yield`"):
        jit(f)
    with pytest.raises(DtypeError, match="jit takes a function"):
        jit(3)


def test_lambdas_partials_methods_and_callable_objects() -> None:
    scaler = Scaler(2.0)
    for f in (lambda x: x * 2, functools.partial(lambda a, x: a * x, 2.0), scaler, scaler.__call__, np.add):
        g = jit(f)
        args = (1.5, 1.5) if f is np.add else (1.5,)
        assert warm(g, *args).item() == 3.0
        assert g.program.code
    weight = functools.partial(lambda a, x: a * x, parameter(2.0))
    assert warm(jit(weight), 1.5).item() == 3.0
    g = jit(scaler)
    warm(g, 1.0)
    scaler.w = Tensor(5.0)
    assert g(1.0).item() == 5.0


@jit
def module_level(x: Any) -> Any:
    return x * 2


class Holder(nn.Module):
    def __init__(self) -> None:
        self.w = parameter(2.0)
        self.run = jit(self.compute)

    def compute(self, x: Any) -> Any:
        return self.w * x

    @jit
    def method(self, x: Any) -> Any:
        return self.w * x


def test_copies_record_for_themselves() -> None:
    assert copy.copy(module_level) is copy.deepcopy(module_level) is module_level
    first = Holder()
    warm(first.run, 1.0)
    warm(first.method, 1.0)
    second = copy.deepcopy(first)
    second.w.assign(5.0)
    for _ in range(3):
        assert (first.run(1.0).item(), second.run(1.0).item()) == (2.0, 5.0)
        assert (first.method(1.0).item(), second.method(1.0).item()) == (2.0, 5.0)
    third = copy.copy(first)
    third.w = parameter(7.0)
    for _ in range(3):
        assert (first.method(1.0).item(), third.method(1.0).item()) == (2.0, 7.0)
    assert first.method is first.method is not third.method


# ---- arguments and results ---------------------------------------------------------------------------------


def test_nested_arguments_and_results() -> None:
    w = parameter(2.0)

    @jit
    def f(batch: Any, pair: Any, flag: bool = False) -> Any:
        y = batch["x"] * pair[0][1]
        return {"sum": y.sum(), "list": [y, y, w, 3, "text", None], "nested": {"same": (y, batch["x"])}}

    for k in range(5):
        x = np.arange(3.0) + k
        found = f({"x": x, "n": 3}, [(1.0, float(k)), "name"])
        assert found["sum"].item() == (x * k).sum()
        assert found["list"][2:] == [w, 3, "text", None] or found["list"][2] is w
        assert (
            found["list"][0].tolist()
            == found["list"][1].tolist()
            == found["nested"]["same"][0].tolist()
            == (x * k).tolist()
        )
        assert found["nested"]["same"][1].tolist() == x.tolist()
    assert f({"n": 3, "x": x}, [(1.0, 2.0), "name"])["sum"].item() == x.sum() * 2  # another order is another form


def test_a_result_that_is_a_parameter_is_that_parameter() -> None:
    w = parameter(2.0)
    f = jit(lambda x: (w, w * x))
    for _ in range(4):
        assert f(1.0)[0] is w


def test_what_is_returned_besides_tensors_may_not_differ() -> None:
    count = iter(range(9))
    f = jit(lambda x: (x, next(count)))
    f(1.0)
    with pytest.raises(JitError, match="returned something besides Tensors"):
        f(1.0)


def test_a_gradient_through_a_result_raises() -> None:
    w = parameter(2.0)
    f = jit(lambda x: w * x)
    for _ in range(4):
        y = f(3.0)
        assert y.requires_grad
        with pytest.raises(GradientError, match="no graph"):
            y.backward()
        with pytest.raises(GradientError, match="no graph"):
            (y * 2).backward()
        assert not y.detach().requires_grad
        with pytest.raises(GradientError, match="graph behind it"):
            f(y * 2)
    with no_grad():
        assert f(Tensor(1.0) * 2).item() == 4.0


def test_an_argument_that_wants_a_gradient_is_a_parameter_and_one_made_inside_is_not() -> None:
    w = parameter(np.ones(3))

    @jit
    def f(w: Any, x: Any) -> Any:
        w.grad = None
        (w * x).sum().backward()
        return w.grad

    @jit
    def of_the_input(x: Any) -> Any:
        x = Tensor(x, requires_grad=True)
        (x * x).sum().backward()
        return x.grad

    @jit
    def of_a_copy(x: Any) -> Any:
        v = w.detach()
        v.requires_grad = True
        (v * v * x).sum().backward()
        return v.grad

    for k in range(9):
        assert f(w, THREE * k).tolist() == w.grad.tolist() == (THREE * k).tolist()
        assert of_the_input(THREE * k).tolist() == (2 * THREE * k).tolist()
        assert of_a_copy(THREE * k).tolist() == (2 * THREE * k).tolist()
    assert all(replays(g, *args) for g, args in ((f, (w, THREE)), (of_the_input, (THREE,)), (of_a_copy, (THREE,))))


def test_assignments_are_written_and_those_to_what_is_the_runs_own_are_not() -> None:
    a, b = Tensor(1.0), Tensor(2.0)

    @jit
    def swap(x: Any) -> Any:
        own = a.detach()
        own.assign(own + x)
        total = Tensor(np.zeros(()))
        total.assign(total + x)
        a.assign(b)
        b.assign(own)
        return total

    x, y = 1.0, 2.0
    for k in range(9):
        assert swap(float(k)).item() == k
        x, y = y, x + k
        assert (a.item(), b.item()) == (x, y)
    assert replays(swap, 1.0)
    for _ in range(2):
        with pytest.raises(JitError, match=r"an argument is assigned \(test_jit.py:\d+\).*Return the new values"):
            jit(lambda x: x.assign(x * 2))(1.0)


def test_tied_tensors_and_two_functions_of_one_parameter() -> None:

    def trained(wrap: Any) -> Any:
        first, second = nn.Linear(4, 4, rng=1, dtype=np.float64), nn.Linear(4, 4, rng=2, dtype=np.float64)
        second.weight = first.weight
        params = [*first.parameters(), *second.parameters()]
        a, b = optim.SGD(params, lr=0.1), optim.Adam(params, lr=0.01)

        def step(optimizer: Any, x: Any) -> Any:
            cost = second(np.tanh(first(x))).square().mean()
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
            return cost

        f, g = wrap(functools.partial(step, a)), wrap(functools.partial(step, b))
        rng = np.random.default_rng(3)
        costs = [h(Tensor(rng.standard_normal((5, 4)))).item() for _ in range(12) for h in (f, g)]
        return [*costs, *(p.data for p in params)]

    for x, y in zip(trained(lambda f: f), trained(jit), strict=True):
        close(x, y)


# ---- what looks at the graph --------------------------------------------------------------------------------


def test_transforms_inside() -> None:
    rng = np.random.default_rng(4)
    matrix = rng.standard_normal((3, 3))

    def cost(x: Any) -> Any:
        return (np.tanh(matrix @ x) * x).sum()

    def hvp(x: Any, v: Any) -> Any:
        return jvp(grad(cost), (x,), (v,))[1]

    functions: dict[str, Callable[[Any, Any], Any]] = {
        "grad": lambda x, v: grad(cost)(x),
        "value_and_grad": lambda x, v: value_and_grad(cost)(x),
        "vjp": lambda x, v: vjp(lambda y: np.tanh(matrix @ y), x)[1](v),
        "jvp": lambda x, v: jvp(lambda y: np.tanh(matrix @ y), (x,), (v,)),
        "hessian": lambda x, v: hessian(cost)(x),
        "hvp": hvp,
        "grad of grad": lambda x, v: grad(lambda y: (grad(cost)(y) * v).sum())(x),
    }
    for name, f in functions.items():
        g = jit(f)
        for k in range(5):
            x, v = (rng.standard_normal(3) if k > 2 else np.ones(3) for _ in range(2))
            for a, b in zip(te.tree.leaves(g(x, v)), te.tree.leaves(f(Tensor(x), Tensor(v))), strict=True):
                np.testing.assert_allclose(a.data, b.data, rtol=1e-13, atol=1e-14, err_msg=name)
        assert replays(g, x, v), name


def test_transforms_of_a_function_under_jit_run_it_without() -> None:
    """Its results have no graph: the derivative must not silently be 0."""
    f = jit(lambda x: (x * x).sum())
    for _ in range(4):
        assert grad(f)(Tensor(THREE)).tolist() == [2.0, 4.0, 6.0]
        assert jvp(f, (Tensor(THREE),), (Tensor(THREE),))[1].item() == 28.0
        assert hessian(f)(Tensor(THREE)).tolist() == (2 * np.eye(3)).tolist()
        assert f(THREE).item() == 14.0
    assert replays(f, THREE)


def test_create_graph_checkpoint_and_retained_gradients() -> None:
    w = parameter(np.array([0.5, -0.25]))

    def second_order(x: Any) -> Any:
        w.grad = None
        (w * w * w * x).sum().backward(create_graph=True)
        slope = w.grad
        w.grad = None
        (slope * slope).sum().backward()
        return w.grad

    def recomputed(x: Any) -> Any:
        w.grad = None
        h = (w * x).retain_grad()
        checkpoint(lambda h: np.exp(np.sin(h)), h).sum().backward()
        return w.grad, h.grad

    for f in (second_order, recomputed):
        g = jit(f)
        for k in range(6):
            x = np.array([1.0, 2.0 + k])
            for a, b in zip(te.tree.leaves(g(x)), te.tree.leaves(f(Tensor(x))), strict=True):
                np.testing.assert_allclose(a.data, b.data, rtol=1e-14)
        assert replays(g, x)


def test_hooks_are_recorded_and_a_new_one_is_noticed() -> None:
    w = parameter(2.0)

    @jit
    def f(x: Any) -> Any:
        w.grad = None
        (w * x).backward()
        return w.grad

    assert warm(f, 3.0).item() == 3.0
    remove = w.register_hook(lambda g: g * 10)
    assert [f(float(k)).item() for k in range(4)] == [0.0, 10.0, 20.0, 30.0]
    remove()
    assert f(3.0).item() == 3.0
    w.register_hook(lambda g: print(g.item()))
    with pytest.raises(JitError, match="reads a value"):
        f(3.0)


def test_ops_of_ones_own() -> None:
    twice = Op("2 x!", lambda x: 2 * x, (lambda g, z, x: 2 * g,), "2 x")
    other = Op("2 x!", lambda x: -2 * x, (lambda g, z, x: -2 * g,), "-2 x")
    w = parameter(THREE)

    def f(x: Any) -> Any:
        w.grad = None
        y = record(twice, (w * x,)) + record(other, (w,))
        y.sum().backward()
        return y, w.grad

    g = jit(f)
    for k in range(5):
        for a, b in zip(g(THREE * k), f(Tensor(THREE * k)), strict=True):
            close(a.data, b.data)
    rng = np.random.default_rng(0)
    drawing = Op("noise", lambda x: x + rng.random(), (lambda g, z, x: g,), "x + random")
    h = jit(lambda x: record(drawing, (x,)))
    h(THREE)
    with pytest.raises(JitError, match=r"draw at random.*fresh\(lambda"):
        h(THREE)


def test_detect_anomaly_around_runs_without_jit_and_inside_is_refused() -> None:
    w = parameter(1.0)
    f = jit(lambda x: np.log(w * x))
    warm(f, 1.0)
    with detect_anomaly():
        assert f(1.0).item() == 0.0
        with pytest.raises(AnomalyError, match="log made -inf"), np.errstate(divide="ignore"):
            f(0.0)
        with pytest.raises(AnomalyError, match="log made -inf"), np.errstate(divide="ignore"):
            f.scan(np.zeros(3))

    def inside(x: Any) -> Any:
        with detect_anomaly():
            return np.log(w * x)

    with pytest.raises(JitError, match="put it around the call"):
        jit(inside)(1.0)


def test_no_grad_around_and_inside() -> None:
    w = parameter(2.0)
    f = jit(lambda x: w * x)
    for _ in range(4):
        assert f(1.0).requires_grad
        with no_grad():
            assert not f(1.0).requires_grad

    @jit
    def inside(x: Any) -> Any:
        with no_grad():
            nonlocal_w = w.detach() * x
            w.assign(w + x)
        return nonlocal_w

    assert [inside(1.0).item() for _ in range(5)] == [2.0, 3.0, 4.0, 5.0, 6.0]


# ---- what comes from outside ---------------------------------------------------------------------------------


def test_a_draw_is_made_at_every_run_and_a_plain_one_is_found_out() -> None:
    rng, again = np.random.default_rng(1), np.random.default_rng(1)
    f = jit(lambda x: x + fresh(lambda: rng.random(3)) * fresh(lambda: rng.random()))
    for _ in range(6):
        close(f(THREE).data, THREE + again.random(3) * again.random())
    for made in (lambda x: x + Tensor(rng.random(3)), lambda x: x + rng.random(), lambda x: x[rng.integers(0, 3, 2)]):
        g = jit(made)
        with pytest.raises(JitError, match=r"for ever.*fresh\(lambda"):
            warm(g, THREE)
    counter = iter(range(9))
    for looked_up in (lambda x: x + Tensor(np.full(3, next(counter))), lambda x: x * next(counter)):
        with pytest.raises(JitError, match=r"test_jit.py:\d+.*for ever"):
            warm(jit(looked_up), THREE)
    sizes = iter((3, 3, 3, 4))
    k = jit(lambda x: x + fresh(lambda: np.ones(next(sizes))).sum())
    warm(k, 1.0)
    with pytest.raises(JitError, match=r"gave shape \(4,\)"):
        k(1.0)


def test_attributes_that_the_code_names_may_change() -> None:
    scaler = Scaler(2.0)
    f = jit(lambda x: scaler.step(x) + scaler.shift)
    assert warm(f, 1.0).item() == 2.0
    scaler.shift = 1.0
    assert f(1.0).item() == 4.0
    scaler.w = Tensor(10.0)
    assert f(1.0).item() == 12.0
    scaler.unused = 3  # type: ignore[attr-defined]
    warm(f, 1.0)
    scaler.unused = 4  # type: ignore[attr-defined]
    assert replays(f, 1.0)


class OwnSGD(optim.SGD):
    pass


@pytest.mark.parametrize("kind", [optim.SGD, OwnSGD])
def test_what_the_code_names_of_layers_and_optimizers_may_change(kind: Any) -> None:
    """A step written by hand reads optimizer.lr; p, training and attributes of one's own are read likewise."""
    w = parameter(1.0)
    optimizer = kind([w], lr=0.5)
    net = nn.Sequential(nn.Linear(1, 1), nn.Dropout(0.5))
    net.scale = 2.0  # type: ignore[attr-defined]
    inside = {"net": [net]}

    @jit
    def by_hand(x: Any) -> None:
        optimizer.zero_grad()
        (w * x).backward()
        with no_grad():
            w.assign(w - optimizer.lr * w.grad)

    warm(by_hand, 1.0)
    optimizer.lr = 0.0
    before = w.item()
    by_hand(1.0)
    assert w.item() == before
    group = jit(lambda x: x * optimizer.param_groups[0]["lr"])
    p, own = jit(lambda x: x * net[1].p), jit(lambda x: x * inside["net"][0].scale)
    mode = jit(lambda x: x * (2 if net.training else 3))
    found = [warm(f, 1.0).item() for f in (group, p, own, mode)]
    assert found == [0.0, 0.5, 2.0, 2.0]
    optimizer.lr, net[1].p, net.scale = 0.25, 0.75, 7.0  # type: ignore[attr-defined]
    net.eval()
    assert [f(1.0).item() for f in (group, p, own, mode)] == [0.25, 0.75, 7.0, 3.0]


def test_a_list_as_a_default_may_change_and_may_be_where_something_is_noted() -> None:
    factors = [2.0]

    @jit
    def f(x: Any, factors: Any = factors, log: Any = [], *, more: Any = factors) -> Any:  # noqa: B006
        log.append(1.0)
        return x * factors[0] * more[-1]

    assert warm(f, 1.0).item() == 4.0
    assert replays(f, 1.0)
    factors[0] = 3.0
    assert f(1.0).item() == 9.0
    factors.append(5.0)
    assert f(1.0).item() == 15.0


def test_an_array_that_is_read_and_used_by_numpy_too_may_change() -> None:
    """x * A is read at every run; A.sum() beside it is a number of the recording."""
    a, b, c = np.ones(3), np.array([0, 1, 2]), np.ones(3)

    class Picks(nn.Module):
        def __init__(self) -> None:
            self.places = np.array([2, 1])

        def forward(self, x: Any) -> Any:
            return x[self.places]

    net = Picks()
    f = jit(lambda x: x * a / a.sum() + x[b] * b)
    picked = jit(lambda x: net(x))
    read = jit(lambda x: x * c)
    for k in (1, 2):
        for g in (f, picked, read):
            warm(g, THREE)
        a[:], b[:], net.places[:] = [k, 2, 5], [2, 2, k], [0, k]
        np.testing.assert_array_equal(f(THREE).data, THREE * a / a.sum() + THREE[b] * b)
        np.testing.assert_array_equal(picked(THREE).data, THREE[net.places])
    for k in range(6):
        c[:] = k
        np.testing.assert_array_equal(read(THREE).data, THREE * k)
    assert replays(read, THREE)  # one whose numbers changed between two recordings is data
    c[:] = 7
    assert replays(read, THREE)


def test_a_setting_of_a_layer_that_changes_between_two_recordings_is_no_error() -> None:
    norm = nn.BatchNorm1d(2, dtype=np.float64)
    plain = copy.deepcopy(norm)
    f = jit(lambda x: norm(x))
    x = np.arange(6.0).reshape(3, 2)
    for k in range(8):
        if k in (1, 5):
            norm.momentum, norm.eps = plain.momentum, plain.eps = 0.5, float(k)
        np.testing.assert_array_equal(f(x + k).data, plain(Tensor(x + k)).data)
        np.testing.assert_array_equal(norm.running_mean.data, plain.running_mean.data)


def test_what_is_frozen_at_the_recording_may_be_learned_later() -> None:
    net = nn.Sequential(nn.Linear(1, 1, dtype=np.float64), nn.Linear(1, 1, dtype=np.float64))
    decay = jit(lambda x: x * sum((p * p).sum() for p in net.parameters()))
    for p in net[0].parameters():
        p.requires_grad = False
    warm(decay, 1.0)
    assert replays(decay, 1.0)
    net[0].weight.requires_grad = True
    close(decay(1.0).data, sum((p.data**2).sum() for p in net.parameters()))


def test_what_the_code_names_of_a_schedule_may_change() -> None:
    w = parameter(1.0)
    schedule = nn.schedule.ExponentialLR(optim.SGD([w], lr=0.5), 0.5)
    f = jit(lambda x: x * schedule.get_last_lr()[0] + schedule.last_epoch)
    assert warm(f, 1.0).item() == 0.5
    schedule.step()
    assert f(1.0).item() == 1.25


def test_the_forward_of_a_layer_is_called_without_the_layer() -> None:
    """jit(net.forward), and layer.forward(x) inside: training or not, its settings and its layers may change."""
    net = nn.Sequential(nn.ELU(0.5), nn.BatchNorm1d(2, dtype=np.float64))
    x = np.array([[-1.0, 2.0], [0.5, -3.0]])
    whole, first = jit(net.forward), jit(lambda x: net[0].forward(x))
    decay = jit(lambda x: x * sum((p * p).sum() for p in net.parameters()))
    for f in (whole, first):
        warm(f, x)
    warm(decay, 1.0)
    net.eval()
    net[0].alpha = 0.25
    np.testing.assert_array_equal(first(x).data, net[0](Tensor(x)).data)
    np.testing.assert_array_equal(whole(x).data, net(Tensor(x)).data)
    net[1].weight = parameter([3.0, 4.0])
    assert decay(1.0).item() == 25.0


def test_train_and_eval_inside() -> None:
    net = nn.Sequential(nn.Dropout(0.5, rng=1))

    def step(x: Any, training: bool) -> Any:
        net.train() if training else net.eval()
        return net(x)

    f = jit(step)
    for k in range(8):
        assert (f(np.ones(50), k % 2 == 0).data == 1).all() == (k % 2 == 1)


def test_attributes_by_text_and_all_at_once() -> None:
    class Config:
        def __init__(self) -> None:
            self.a, self.b = 2.0, 3.0

    @dataclass(slots=True)
    class Slots:
        a: float = 2.0
        b: float = 3.0

    def line(x: Any, a: Any, b: Any) -> Any:
        return a * x + b

    def matched(x: Any) -> Any:
        match config:
            case Config(a=2.0):
                return x * 2 + 3
        return x * 7 + 3

    names = ["a", "b"]
    config: Any = Config()
    slots = Slots()
    functions = [
        jit(lambda x: line(x, **vars(config))),
        jit(lambda x: line(x, **config.__dict__)),
        jit(lambda x: line(x, **asdict(slots))),
        jit(lambda x: line(x, *(getattr(config, name) for name in ("a", "b")))),
        jit(lambda x: line(x, *(getattr(config, name) for name in names))),
        jit(matched),
    ]
    assert [warm(f, 1.0).item() for f in functions] == [5.0] * 6
    config.a = slots.a = 7.0
    assert [f(1.0).item() for f in functions] == [10.0] * 6


def test_what_the_making_of_an_object_names_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    class Scales:
        def __init__(self) -> None:
            self.rate = RATE

    @dataclass
    class Adds:
        more: float = 1.0

        def __post_init__(self) -> None:
            self.more += RATE

    f = jit(lambda x: x * Scales().rate + Adds().more)
    assert warm(f, 1.0).item() == 5.0
    monkeypatch.setitem(globals(), "RATE", 7.0)
    assert f(1.0).item() == 15.0


def test_groups_that_the_code_names_are_not_looked_at_as_a_whole() -> None:
    """A schedule may go on, and the state grow, where the function walks over the groups."""
    w = parameter(np.ones(3))
    optimizer = optim.Adam([w], lr=0.5)
    schedule = nn.schedule.ExponentialLR(optimizer, 0.5)

    @jit
    def step(x: Any) -> Any:
        optimizer.zero_grad()
        (w * x).sum().backward()
        nn.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 1.0)
        optimizer.step()
        schedule.step()
        return x * len(optimizer.state)

    warm(step, THREE)
    assert replays(step, THREE)


def test_what_a_method_of_a_base_class_names_may_change() -> None:
    """By super(), and by the base class's own name."""
    k = {"k": 2.0}

    class First:
        scale = 2.0

        def step(self, x: Any) -> Any:
            return x * self.scale * k["k"]

    class Second(First):
        def step(self, x: Any) -> Any:
            return super().step(x) + 1

    class Third(Second):
        def step(self, x: Any) -> Any:
            return Second.step(self, x)

    for kind in (Second, Third):
        it = kind()
        f = jit(it.step)
        assert warm(f, 1.0).item() == 2.0 * k["k"] + 1
        it.scale = 5.0
        assert f(1.0).item() == 5.0 * k["k"] + 1
        k["k"] += 1.0
        assert f(1.0).item() == 5.0 * k["k"] + 1


def test_state_between_calls_is_never_stale() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            self.h = Tensor(np.zeros(2))

        def forward(self, x: Any) -> Any:
            self.h = np.tanh(self.h + x)
            return self.h

    plain, under_jit = Recurrent(), Recurrent()
    f = jit(lambda x: under_jit(x))

    def calls() -> None:
        for _ in range(12):
            close(f(0.5).data, plain(Tensor(0.5)).data)

    with pytest.raises(JitError, match=r"something else at every call|had other numbers in the next run"):
        calls()


def test_guards_of_ones_own() -> None:
    class Chosen:
        __slots__ = ("mode",)

    chosen = Chosen()
    chosen.mode = "sin"
    f = jit(lambda x: getattr(np, guard(lambda: chosen.mode))(x))
    assert warm(f, 1.0).item() == np.sin(1.0)
    chosen.mode = "cos"
    assert f(1.0).item() == np.cos(1.0)


def test_a_name_that_is_gone_is_an_error_of_python() -> None:
    globals()["PASSING"] = 2.0
    f = jit(lambda x: x * PASSING)  # type: ignore[name-defined]  # noqa: F821
    warm(f, 1.0)
    del globals()["PASSING"]
    with pytest.raises(NameError, match="PASSING"):
        f(1.0)


def test_a_counter_among_arguments_or_settings_warns_and_does_not_fill_the_memory() -> None:
    f = jit(lambda x, k: x * k)

    def calls() -> list[Any]:
        return [f(np.ones(3), k).tolist() for k in range(100)]

    with pytest.warns(JitWarning, match="again and again"):
        found = calls()
    assert found == [[k] * 3 for k in range(100)]
    assert sum(map(len, f._versions.values())) < 20
    n = 0
    counting = jit(lambda x: x * n)

    def counts() -> list[float]:
        nonlocal n
        found = []
        for n in range(100):  # noqa: B007  # what the function looks up
            found.append(counting(1.0).item())
        return found

    with pytest.warns(JitWarning, match="again and again"):
        found = counts()
    assert found == list(range(100))
    assert sum(map(len, counting._versions.values())) < 20


# ---- errors and interrupts at a replay ------------------------------------------------------------------------


def test_an_error_at_a_replay_writes_nothing() -> None:
    w = parameter(np.ones(3))
    optimizer = optim.Adam([w], lr=0.1)
    decay = nn.schedule.StepLR(optimizer, 1)

    @jit
    def step(i: Any) -> Any:
        optimizer.zero_grad()
        cost = w[i].sum()
        cost.backward()
        optimizer.step()
        decay.step()
        return cost

    warm(step, np.array([0, 1]))
    before = w.data, w.grad, optimizer.state_dict(), decay.last_epoch
    with pytest.raises(IndexError, match="out of bounds"):
        step(np.array([0, 5]))
    assert w.data is before[0] or (w.data == before[0]).all()
    assert w.grad is before[1]
    np.testing.assert_equal(optimizer.state_dict(), before[2])
    assert decay.last_epoch == before[3]
    step(np.array([2, 2]))
    assert optimizer.state[0]["step"] == 4


@pytest.mark.parametrize("when", range(9))
def test_ctrl_c_writes_all_or_nothing(when: int) -> None:
    """The interrupt comes at the n-th line of what stores the results; it is not swallowed."""
    import sys

    ws = [parameter(1.0) for _ in range(3)]
    optimizer = optim.SGD(ws, lr=0.5, momentum=0.5)
    decay = nn.schedule.StepLR(optimizer, 1)

    @jit
    def step(x: Any) -> None:
        optimizer.zero_grad()
        (ws[0] * x + ws[1] * x + ws[2] * x).backward()
        optimizer.step()
        decay.step()

    warm(step, 1.0)
    assert replays(step, 1.0)
    count = -1

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        if frame.f_code.co_name == "store" and "outside of" in frame.f_code.co_filename:
            if event == "line":
                count += 1
                if count == when:
                    raise KeyboardInterrupt
            return trace
        return trace if event == "call" else None

    sys.settrace(trace)
    try:
        with pytest.raises(KeyboardInterrupt):
            step(1.0)
    finally:
        sys.settrace(None)
    states = {(w.item(), float(optimizer.state[i]["momentum_buffer"])) for i, w in enumerate(ws)}
    assert len(states) == 1
    assert decay.last_epoch == 5


def test_ctrl_c_while_recording_leaves_nothing_behind() -> None:
    w = parameter(1.0)
    stop = [True]

    @jit
    def step(x: Any) -> None:
        with no_grad():
            w.assign(w - x)
        if stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        step(1.0)
    assert (w.item(), capturing()) == (1.0, None)


# ---- scan -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 3, 17])
@pytest.mark.parametrize("before", [0, 3])
def test_a_scan_is_a_loop(n: int, before: int, executor: str) -> None:
    """Carried parameters, optimizer state, schedule, dropout, batch norm: as calls one by one."""
    rng = np.random.default_rng(6)
    xs, ys = rng.standard_normal((before + n, 4, 3)), rng.integers(0, 2, (before + n, 4))

    def trained(scanned: bool) -> Any:
        net = nn.Sequential(
            nn.Linear(3, 5, bias=False, rng=1, dtype=np.float64),  # dC/db before a batch norm is noise
            nn.BatchNorm1d(5, dtype=np.float64),
            nn.Tanh(),
            nn.Dropout(0.25, rng=2),
            nn.Linear(5, 2, rng=3, dtype=np.float64),
        )
        optimizer = optim.Adam(net.parameters(), lr=0.05)
        cosine = nn.schedule.CosineAnnealingLR(optimizer, before + n)
        cost = nn.CrossEntropyLoss()

        def step(x: Any, y: Any) -> Any:
            c = cost(net(x), y)
            optimizer.zero_grad()
            c.backward()
            optimizer.step()
            cosine.step()
            return {"cost": c, "mean": x.mean(axis=0)}

        f = te.jit(step, executor=executor)
        for k in range(before):
            f(xs[k], ys[k])
        if scanned:
            stacked = f.scan(xs[before:], ys[before:])
            costs, means = stacked["cost"].data, stacked["mean"].data
        else:
            rows = [step(Tensor(xs[k]), Tensor(ys[k])) for k in range(before, before + n)]
            costs, means = (np.stack([r[name].data for r in rows]) for name in ("cost", "mean"))
        state = [v for s in optimizer.state.values() for v in s.values()]
        return [costs, means, optimizer.lr, cosine.last_epoch, *state, *(t.data for _, t in net.named_tensors())]

    for a, b in zip(trained(False), trained(True), strict=True):
        close(a, b, executor)


def test_a_scan_stacks_a_parameter_that_is_returned(executor: str) -> None:
    """One step returns the parameter itself; a scan, its values after every step."""
    for before in (0, 5):
        w = parameter(np.array([1.0, 2.0]))

        @functools.partial(te.jit, executor=executor)
        def step(x: Any, w: Tensor = w) -> Any:
            w.assign(w.detach() * x)
            return w, x

        for _ in range(before):
            step(np.array(1.0))
        values, xs = step.scan(np.array([2.0, 3.0, 1.0, 0.5, 4.0, 1.0]))
        np.testing.assert_array_equal(values.detach().data[:, 0], [2, 6, 6, 3, 12, 12])
        np.testing.assert_array_equal(xs.data, [2, 3, 1, 0.5, 4, 1])
        assert w.data.tolist() == [12, 24]
        with pytest.raises(GradientError, match="no graph"):
            values.sum().backward()


def test_what_an_action_changes_is_put_back_when_a_scan_fails() -> None:
    """Whoever asks for an action tells how to undo it: the engine knows nobody's attributes."""

    class Clock:
        time = 0

        def tick(self) -> None:
            if (capture := capturing()) is not None:
                capture.action(self.tick, self.moment)
            self.time += 1

        def moment(self) -> Any:
            time = self.time
            return lambda: setattr(self, "time", time)

    Clock.__module__ = "nn.clock"  # what a class of ours holds is not looked at
    clock, table = Clock(), Tensor(THREE)

    @jit
    def f(i: Any) -> Any:
        y = table[i].sum()
        clock.tick()
        return y

    for _ in range(4):
        f(np.array([0, 1]))
    before = clock.time
    f.scan(np.array([[0, 1], [1, 2]]))
    assert clock.time == before + 2
    with pytest.raises(IndexError):
        f.scan(np.array([[0, 1], [0, 2], [1, 7]]))
    assert clock.time == before + 3  # the first one is a call by itself, and done


def test_a_scan_adds_gradients_up_from_none() -> None:
    w = parameter(2.0)

    @jit
    def f(x: Any) -> Any:
        c = w * x
        c.backward()
        return c

    for _ in range(2):  # the program of the case without a gradient is trusted
        w.grad = None
        f(1.0)
    w.grad = None
    assert f.scan(THREE).tolist() == [2.0, 4.0, 6.0]
    assert w.grad.item() == 6.0
    assert f.scan(THREE).tolist() == [2.0, 4.0, 6.0]
    assert w.grad.item() == 12.0


def test_what_scan_does_not_take() -> None:
    f = jit(lambda x, y: x + y)
    for arrays in ((THREE, THREE[:2]), (np.ones((0, 2)), np.ones((0, 2))), (1.0, 2.0), (THREE, ["a", "b", "c"])):
        with pytest.raises(ShapeError, match="scan"):
            f.scan(*arrays)
    with pytest.raises((GradientError, JitError), match="graph"):
        f.scan(parameter(THREE) * 2, THREE)
    with pytest.raises(JitError, match="scan inside"):
        jit(lambda x: f.scan(x, x))(THREE)
    assert f.scan(Tensor(THREE), THREE.astype(np.float32)).tolist() == [2.0, 4.0, 6.0]


def test_scan_of_functions_that_return_nothing_numbers_or_several() -> None:
    w = Tensor(0.0)

    @jit
    def f(x: Any) -> Any:
        w.assign(w + x)

    assert f.scan(THREE) is None
    assert f.scan(THREE) is None
    assert w.item() == 12.0
    g = jit(lambda x: [x * 2, 3, (x, {"a": x.sum()})])
    doubled, three, (same, inner) = g.scan(np.arange(6.0).reshape(3, 2))
    assert (doubled.shape, three, same.shape, inner["a"].tolist()) == ((3, 2), 3, (3, 2), [1.0, 5.0, 9.0])
    assert not np.shares_memory(doubled.data, same.data)


# ---- memory ----------------------------------------------------------------------------------------------------


def test_a_thousand_replays_do_not_grow() -> None:
    net = nn.MLP([4, 8, 2], rng=1)
    optimizer = optim.Adam(net.parameters())

    @jit
    def step(x: Any, y: Any) -> Any:
        cost = nn.CrossEntropyLoss()(net(x), y)
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        return cost

    x, y = np.ones((3, 4), np.float32), np.array([0, 1, 1])
    for _ in range(20):
        step(x, y)
    gc.collect()
    tracemalloc.start()
    for _ in range(20):
        step(x, y)
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1000):
        step(x, y)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 2_000


def test_the_recordings_graph_and_the_model_are_freed() -> None:
    seen: list[Any] = []

    class Big(nn.Module):
        def __init__(self) -> None:
            self.w = parameter(np.ones(1000))

        def forward(self, x: Any) -> Any:
            h = np.exp(self.w * x)
            remember(h)
            return h.sum()

    def remember(h: Any, into: Any = seen) -> None:
        into.append(weakref.ref(h))

    net = Big()
    drop = nn.Dropout(0.5, rng=1)
    f = jit(lambda x: net(drop(x)))  # noqa: F821
    warm(f, np.ones(1000))
    gc.collect()
    assert len(seen) == 2
    assert [ref() for ref in seen] == [None, None]
    gone = weakref.ref(net)
    del net, f
    gc.collect()
    assert gone() is None


# ---- random programs --------------------------------------------------------------------------------------------


def test_random_programs(capsys: pytest.CaptureFixture[str]) -> None:
    """A few of those that `python -m tests.fuzz_jit` tries by the thousand."""
    spec = importlib.util.spec_from_file_location("fuzz_jit", Path(__file__).parents[1] / "fuzz_jit.py")
    assert spec is not None
    assert spec.loader is not None
    fuzz = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fuzz)
    failed = fuzz.main(["-n", "60", "--seed", "9"])
    assert not failed, capsys.readouterr().out


# ---- how it looks -----------------------------------------------------------------------------------------------


def test_program_source_and_what_is_not_there_yet() -> None:
    f = jit(lambda x: (x * 2).sum())
    with pytest.raises(JitError, match="nothing was recorded yet"):
        f.program  # noqa: B018
    warm(f, THREE)
    assert "multiply" in str(f.program)
    assert "def run" in f.source
    assert f.executor_name == "numpy"
    assert f.__name__ == "<lambda>"
    with pytest.raises(ValueError, match="executor is one of c, numpy"):
        te.jit(lambda x: x, executor="gpu")


def test_the_program_after_one_call_is_the_simplified_one() -> None:
    w = parameter(THREE)

    @jit
    def f(x: Any) -> Any:
        (w * w).exp()  # for nothing
        return (w * x).sum()

    f(2.0)
    first = str(f.program)
    assert "exp" not in first
    assert "read at every run" in first
    warm(f, 2.0)
    assert str(f.program) == first


def test_constants_are_in_the_order_of_the_function() -> None:
    """In another order, the C text would be another one in each process, and compiled anew."""

    @jit
    def f(x: Any) -> Any:
        for k in range(30):
            x = x + Tensor([1.0 * k, 2.0, 3.0])
        return x

    warm(f, THREE)
    numbers = [v.index for v in f.program.constants]
    assert len(numbers) == 30
    assert numbers == sorted(numbers)


def test_a_result_of_another_precision_is_compared_as_what_it_was_made_of(executor: str) -> None:
    """A float32 that becomes float64 keeps the rounding errors of float32."""
    numbers = np.random.default_rng(1).random((3, 1_000)).tolist()  # constants of the program
    f = te.jit(lambda x: (x + Tensor(numbers).astype(np.float32)).sum(1).astype(np.float64), executor=executor)
    for _ in range(4):
        result = f(np.zeros(1_000, np.float32)).data
        assert result.dtype == np.float64
        np.testing.assert_allclose(result, np.sum(numbers, axis=1), rtol=1e-5)


def test_a_warning_names_the_line_that_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    for call in (lambda f: warm(f, 1.0), lambda f: f.scan(np.ones(4))):
        with pytest.warns(JitWarning, match="with NumPy") as caught:
            call(te.jit(lambda x: x * 2))
        assert [Path(w.filename).name for w in caught] == ["test_jit.py"]


# ---- what changes outside ----------------------------------------------------------------------------------------

ONES: set[Any] = {1, 2}
MANY = [1.0] * 1_000
NAMED: dict[int, float] = dict.fromkeys(range(500), 1.0)
PLACES = np.arange(50_000)[::-1].copy()


def test_a_change_in_a_set_a_long_list_or_dict_and_a_large_index_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    large = np.arange(50_000.0)
    for f, x, change, back in (
        (lambda x: x * (1 in ONES), 2.0, lambda: (ONES.remove(1), ONES.add(7)), lambda: (ONES.remove(7), ONES.add(1))),
        (lambda x: x * MANY[700], 2.0, lambda: MANY.__setitem__(700, 5.0), lambda: MANY.__setitem__(700, 1.0)),
        (lambda x: x * NAMED[300], 2.0, lambda: NAMED.update({300: 5.0}), lambda: NAMED.update({300: 1.0})),
        (lambda x: x[PLACES][0], large, lambda: PLACES.__setitem__(0, 3), lambda: PLACES.__setitem__(0, 49_999)),
    ):
        run = jit(f)
        warm(run, x)
        assert replays(run, x)
        before = f(Tensor(x)).item()
        change()
        try:
            assert f(Tensor(x)).item() != before
            assert run(x).item() == f(Tensor(x)).item()
        finally:
            back()
        assert run(x).item() == before


def test_a_long_list_with_equal_entries_is_the_same() -> None:
    numbers = [float(k) for k in range(500)]
    f = jit(lambda x: x * numbers[3])
    warm(f, 1.0)
    numbers[:] = [float(k) for k in range(500)]  # other objects
    assert replays(f, 1.0)


def test_draws_of_another_thread_are_its_own() -> None:
    """The common generators move on whoever draws."""
    stop, state = threading.Event(), np.random.get_state()  # noqa: NPY002

    def draw() -> None:
        while not stop.is_set():
            random.random()
            np.random.random()  # noqa: NPY002

    other = threading.Thread(target=draw)
    other.start()
    try:
        f = jit(lambda x: functools.reduce(lambda a, _: a + 1, range(300), x))
        assert warm(f, 1.0).item() == 301
        assert replays(f, 1.0)
        with pytest.raises(JitError, match="drew a number"):
            warm(jit(lambda x: x if random.random() < 2 else -x), 1.0)
    finally:
        stop.set()
        other.join()
    with pytest.raises(JitError, match="drew a number"):  # nobody else is there: it was the function, wherever it drew
        warm(jit(lambda x: x if _coin() else -x), 1.0)
    np.random.set_state(state)  # noqa: NPY002


def _coin() -> Any:
    return eval("__import__('random').random() < 2")  # a name that no search finds


def test_what_is_looked_up_is_not_touched() -> None:
    """An object that makes something of every attribute that is asked for, as pytest.mark does."""

    class Touchy:
        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"{name} was asked for")

    touchy = Touchy()
    f = jit(lambda x: x + (0 if touchy is None else 1))
    assert [f(float(k)).item() for k in range(4)] == [1, 2, 3, 4]


def test_indices_to_be_checked_are_a_tensor() -> None:
    with pytest.raises(DtypeError, match=r"not array\(\[3, 1\]\): checked_index\(Tensor\(labels\), …\)"):
        te.checked_index(np.array([3, 1]), lambda a: None)


def test_stacked_inputs_of_a_layer_have_the_same_last_bits() -> None:
    """The rule's product of a stack: one product, recorded or not."""
    rng = np.random.default_rng(0)
    net, x = nn.MLP([9, 17, 100], rng=1), rng.standard_normal((32, 2, 9)).astype(np.float32)

    def slope(x: Any) -> Any:
        net.zero_grad()
        (net(x) ** 3).sum().backward()
        return net[0].weight.grad

    plain, f = slope(x).data, jit(slope)
    warm(f, x)
    np.testing.assert_array_equal(f(x).data, plain)


@pytest.mark.parametrize("kept", [{"k": 2.0}, [[2.0]], {"k": [2.0]}, [{"k": 2.0}], (2.0, [2.0])], ids=repr)
def test_what_is_inside_of_what_a_layer_holds_may_change(kept: Any) -> None:
    """guard_object looks at the entries of its lists; of what is deeper inside the look-up has to ask."""

    def inner(x: Any) -> Any:
        while isinstance(x, (list, tuple, dict)):
            parts = x.values() if isinstance(x, dict) else x
            deeper = next((part for part in parts if not isinstance(part, float)), None)
            if deeper is None:
                return x
            x = deeper
        return x

    class Scales(nn.Module):
        def __init__(self) -> None:
            self.kept = copy.deepcopy(kept)

        def forward(self, x: Any) -> Any:
            found = inner(self.kept)
            return x * (found["k"] if isinstance(found, dict) else found[0])

    net = Scales()
    f = jit(lambda x: net(x))
    warm(f, THREE)
    place = inner(net.kept)
    place["k" if isinstance(place, dict) else 0] = 5.0
    np.testing.assert_array_equal(f(THREE).data, THREE * 5.0)
