"""The sweep and the graph: accumulation, seeds, lifetime, grad mode, derivatives of derivatives."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import laws
import numpy as np
import pytest
from laws import assert_same_bits, uneven

from tinygrad_edu import (
    TABLE,
    DtypeError,
    GradientError,
    ShapeError,
    Tensor,
    concatenate,
    draw,
    exp,
    grad,
    is_grad_enabled,
    maximum,
    no_grad,
    stack,
    tanh,
    value_and_grad,
    where,
)
from tinygrad_edu.graph import toposort


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


# ---- A: accumulation -------------------------------------------------------------------------------------


def test_A1_a_value_used_twice_on_two_levels() -> None:
    a = leaf(1.0)
    b = a + a
    (b + b).backward()
    assert a.grad.item() == 4


def test_A2_two_paths_of_different_length() -> None:
    x = leaf(2.0)
    y = 3 * x
    (2 * y + 5 * y).backward()
    assert x.grad.item() == 21


@pytest.mark.parametrize(
    ("f", "slope"), [(lambda x: x * x, 6), (lambda x: x - x, 0), (lambda x: x / x, 0), (lambda x: maximum(x, x), 1)]
)
def test_A3_both_operands_are_the_same(f: Any, slope: float) -> None:
    x = leaf(3.0)
    f(x).backward()
    assert x.grad.item() == slope


def test_A3_the_same_vector_on_both_sides_of_a_product() -> None:
    x = leaf([1.0, 2.0])
    (x @ x).backward()
    assert x.grad.tolist() == [2, 4]


def test_A4_the_shares_of_a_tie_with_oneself_sum_to_one() -> None:
    x = leaf(3.0)
    stack([x, x]).max().backward()
    assert x.grad.item() == 1


def test_A5_a_passed_on_gradient_is_not_written_to() -> None:
    a = leaf(np.ones(5))
    b = a + 1
    c = b + 1.5
    d = a + b
    (d + c).backward(np.ones(5))
    assert a.grad.tolist() == [3] * 5


def test_A6_A7_a_second_sweep_doubles_the_leaves_and_nothing_else() -> None:
    x = leaf(1.0)
    y = (3 * x).retain_grad()
    z = 2 * y
    z.backward()
    assert (x.grad.item(), y.grad.item(), z.grad) == (6, 2, None)
    z.backward()
    assert (x.grad.item(), y.grad.item(), z.grad) == (12, 4, None)  # as in PyTorch: what is retained is added up


def test_A8_gradients_of_a_sum_are_independent() -> None:
    x, y = leaf(np.ones(3)), leaf(np.ones(3))
    (x + y).backward(uneven((3,)))
    x.grad *= 0
    x.grad.assign([7, 7, 7])
    assert y.grad.tolist() == uneven((3,)).tolist()


@pytest.mark.parametrize("create_graph", [False, True])
def test_A8_A9_no_two_gradients_are_the_same_object(create_graph: bool) -> None:
    x, y = leaf(np.ones(3)), leaf(np.ones(3))
    z = (x + y).retain_grad()
    seed = Tensor(uneven((3,)))
    z.backward(seed, create_graph=create_graph)
    found = [x.grad, y.grad, z.grad, seed]
    assert len({id(g) for g in found}) == 4
    if not create_graph:
        assert not any(np.shares_memory(g.data, h.data) for g in found for h in found if g is not h)


@pytest.mark.parametrize("view", [lambda x: x.reshape(6), lambda x: x.T.reshape(6), lambda x: x.reshape(6)[::-1]])
def test_A8_the_gradient_of_a_view_is_no_view(view: Any) -> None:
    x, y = leaf(np.ones((2, 3))), leaf(np.ones(6))
    (2 * (view(x) + y)).backward(uneven((6,)))
    assert not np.shares_memory(x.grad.data, y.grad.data)


def test_A9_the_seed_is_not_the_gradient() -> None:
    y = leaf(np.zeros(3))
    g = np.ones(3)
    y.backward(g)
    y.grad += 1
    assert g.tolist() == [1, 1, 1]
    g[:] = 9
    assert y.grad.tolist() == [2, 2, 2]


def test_A9_a_gradient_kept_from_before_stays_what_it_was() -> None:
    x = leaf([1.0, 2.0])
    y = (x * x).sum()
    y.backward()
    before = x.grad
    y.backward()
    assert (before.tolist(), x.grad.tolist()) == ([2, 4], [4, 8])


# ---- A10: seeds ------------------------------------------------------------------------------------------


def test_A10_a_vector_needs_a_seed() -> None:
    with pytest.raises(GradientError, match=r"one number.*\(3,\).*\.sum\(\).*np\.ones\(\(3,\)\)"):
        (leaf(np.ones(3)) * 2).backward()


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_A10_a_single_entry_needs_none(shape: tuple[int, ...]) -> None:
    x = leaf(np.ones(shape))
    (x * 2).backward()
    assert_same_bits(x.grad.data, np.full(shape, 2.0))


@pytest.mark.parametrize("seed", [1.0, [1.0], np.ones((1, 3)), np.ones(2), Tensor(1.0)], ids=repr)
def test_A10_a_seed_is_never_broadcast(seed: Any) -> None:
    x = leaf(np.ones(3))
    with pytest.raises(ShapeError, match=r"seed.*\(3,\)"):
        (x * 2).backward(seed)
    assert x.grad is None


@pytest.mark.parametrize("seed", ["a", [1j, 1, 1], None])
def test_A10_a_seed_is_made_of_real_numbers(seed: Any) -> None:
    with pytest.raises((DtypeError, GradientError)):
        (leaf(np.ones(3)) * 2).backward(seed)


@pytest.mark.parametrize("seed", [[1, 2], np.array([1.0, 2.0]), Tensor([1.0, 2.0])], ids=repr)
def test_A10_a_seed_takes_the_dtype_of_what_it_starts_from(seed: Any) -> None:
    x = leaf(np.ones(2, np.float32))
    (x * 2).backward(seed)
    assert_same_bits(x.grad.data, np.array([2, 4], np.float32))


# ---- A11, A12: size --------------------------------------------------------------------------------------

CHAIN = """
import resource, sys, threading, time
import numpy as np
from tinygrad_edu import Tensor
sys.setrecursionlimit(100)

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def chain(n=1_000_000):
    start, before = time.process_time(), resident()
    x = y = Tensor(1.0, requires_grad=True)
    for _ in range(n):
        y = y + 1
    size = (resident() - before) / n
    y.backward()
    assert (y.item(), x.grad.item()) == (n + 1, 1)
    del y
    print(f"{size:.0f} bytes a node, {time.process_time() - start:.1f} s of CPU", flush=True)

resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, 8 << 20))
threading.stack_size(8 << 20)
thread = threading.Thread(target=chain)
thread.start()
thread.join()
print("freed")
"""


def run(script: str, **environment: str) -> str:
    """What a Python of its own prints for the script."""
    paths = os.pathsep.join([p for p in sys.path if p])
    env = {**os.environ, "PYTHONPATH": paths, **environment}
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_A11_a_chain_of_a_million_nodes() -> None:
    printed = run(CHAIN)
    print(printed)  # 274 bytes a node, 5.1 s of CPU
    size, seconds = (float(printed.split()[i]) for i in (0, 4))
    assert size <= 600
    assert seconds < 20
    assert printed.endswith("freed\n")


def test_A11_a_long_chain_needs_no_recursion() -> None:
    x = y = leaf(1.0)
    for _ in range(10 * sys.getrecursionlimit()):
        y = y + 1
    y.backward()
    del y
    assert x.grad.item() == 1


def test_A12_a_diamond_of_a_million_million_paths_is_visited_once() -> None:
    x = y = leaf(1.0)
    for _ in range(40):
        y = y + y
    assert len(toposort(y)) == 40
    y.backward()
    assert x.grad.item() == 2**40
    assert draw(y).source.count("\n") < 1000  # nor by the walk of a picture
    y.zero_grad()


@pytest.mark.parametrize("join", [concatenate, stack, lambda xs: sum(xs, start=Tensor(0.0))])
def test_a_wide_fan_in_takes_linear_time(join: Any) -> None:
    def seconds(width: int) -> float:
        x = leaf([1.0])
        y = join([x * 1 for _ in range(width)])
        start = time.process_time()
        y.backward(uneven(y.shape))
        return time.process_time() - start

    assert seconds(5000) < 20 * min(seconds(500) for _ in range(3)) + 0.1  # not 100 times as long


def test_toposort_comes_to_a_tensor_after_all_that_was_made_from_it() -> None:
    x = leaf(1.0)
    a = x * 2
    b = a + x
    c = a * b
    order = toposort(c + a)
    assert [t.op.name for t in order] == ["add", "multiply", "add", "multiply"]
    assert [t for t in order if t is b or t is a] == [b, a]


# ---- A13 … A20: who gets a gradient ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "f",
    [
        lambda c, x: stack([c, x]),
        lambda c, x: concatenate([c.reshape(1), x.reshape(1)]),
        lambda c, x: where(c > 0, x, c),
        lambda c, x: c * x,
        lambda c, x: c + x * c,
    ],
)
def test_A13_a_constant_beside_it_hides_no_gradient(f: Any) -> None:
    c, x = Tensor(2.0), leaf(3.0)
    y = f(c, x)
    y.backward(uneven(y.shape))
    assert x.grad.item() != 0
    assert c.grad is None


def test_A14_the_mean_of_a_square() -> None:
    t = leaf([1.0, 2.0, 3.0])
    (t * t).mean().backward()
    np.testing.assert_allclose(t.grad.data, [2 / 3, 4 / 3, 2], rtol=1e-15)


def test_A14_a_condition_has_no_derivative_and_says_so() -> None:
    with pytest.raises(GradientError, match="where has no derivative"):
        where(leaf([1.0, 0.0]), 1.0, 2.0).sum().backward()


def test_A15_setting_a_gradient_replaces_it() -> None:
    t = leaf([1.0, 2.0])
    (t * t).sum().backward()
    t.grad = [5, 6]
    assert_same_bits(t.grad.data, np.array([5.0, 6.0]))
    t.grad = None
    assert t.grad is None


@pytest.mark.parametrize(
    ("value", "error"), [([1.0], ShapeError), (1.0, ShapeError), ([1j, 1j], DtypeError), ("ab", DtypeError)]
)
def test_A15_a_gradient_that_does_not_fit_is_refused(value: Any, error: type[Exception]) -> None:
    t = leaf([1.0, 2.0])
    with pytest.raises(error):
        t.grad = value
    assert t.grad is None


def test_A15_a_gradient_that_was_set_shares_no_memory() -> None:
    t, g = leaf([1.0, 2.0]), np.ones(2)
    t.grad = g
    g[:] = 9
    assert t.grad.tolist() == [1, 1]


def test_A15_what_needs_no_gradient_takes_none() -> None:
    with pytest.raises(GradientError, match="does not require"):
        Tensor(1.0).grad = 1.0


def test_A16_zero_grad_forgets() -> None:
    t = leaf(2.0)
    y = t * t
    y.backward()
    t.zero_grad()
    assert t.grad is None
    y.backward()
    assert t.grad.item() == 4


def test_A17_a_graph_is_freed_with_its_root() -> None:
    gc.disable()
    try:
        x = leaf([1.0, 2.0])
        inner = tanh(x * 2)
        loss = (inner * inner).sum()
        loss.backward()
        watch = weakref.ref(inner)
        del inner
        assert watch() is not None
        del loss
        assert watch() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("create_graph", [False, True])
def test_A17_nothing_is_left_for_the_garbage_collector(create_graph: bool) -> None:
    def step() -> None:
        x = leaf([[1.0, 2.0], [3.0, 4.0]])
        y = exp(x @ x.T - x.max(axis=0))[[0, 0]].sum()
        y.backward(create_graph=create_graph)
        x.zero_grad()  # with create_graph, x and its gradient hold each other until then

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


HASHES = """
import numpy as np
from tinygrad_edu import Tensor, exp
x = Tensor(np.linspace(-1, 1, 7), requires_grad=True)
y = sum((exp(x * k) / (k + 0.1) for k in range(20)), start=x)
(y * y).mean().backward()
print(x.grad.data.tobytes().hex())
"""


def test_A18_hash_seeds_change_no_bit() -> None:
    assert len({run(HASHES, PYTHONHASHSEED=seed) for seed in ("0", "1", "7919")}) == 1


def test_A20_there_is_no_graph() -> None:
    for t in (Tensor(1.0), Tensor(1.0) * 2, leaf(1.0).detach(), leaf(1.0) > 0):
        with pytest.raises(GradientError, match="no graph"):
            t.backward()


def test_A20_a_root_that_is_a_leaf() -> None:
    x = leaf([1.0, 2.0])
    x.backward([1.0, 1.5])
    assert x.grad.tolist() == [1, 1.5]


def test_A20_only_a_leaf_can_be_told_to_require_one() -> None:
    with pytest.raises(GradientError, match="detach"):
        (leaf(1.0) * 2).requires_grad = False


def test_A20_a_leaf_beside_the_graph_gets_none() -> None:
    x, other = leaf(1.0), leaf(1.0)
    (x * 2).backward()
    assert other.grad is None


def test_A20_retaining_needs_a_gradient() -> None:
    with pytest.raises(GradientError, match="retain"):
        (Tensor(1.0) * 2).retain_grad()


def test_detach_stops_the_gradient() -> None:
    x = leaf(3.0)
    (x * x.detach()).backward()
    assert x.grad.item() == 3


def test_A22_an_interrupted_sweep_leaves_nothing_half_done() -> None:
    def interrupt(*_: Any) -> Any:
        raise KeyboardInterrupt

    broken = replace(TABLE["exp"], vjps=(interrupt,))
    x, w = leaf(2.0), leaf(3.0)
    with pytest.raises(KeyboardInterrupt):
        (w * broken(x * w)).backward()
    assert (x.grad, w.grad) == (None, None)
    (w * x).backward()
    assert (x.grad.item(), w.grad.item()) == (3, 2)


def test_a_rule_is_not_asked_for_a_gradient_that_nobody_needs() -> None:
    def unwanted(*_: Any) -> Any:
        raise AssertionError("computed for nothing")

    x = leaf(2.0)
    replace(TABLE["multiply"], vjps=(TABLE["multiply"].vjps[0], unwanted))(x, Tensor(3.0)).backward()
    assert x.grad.item() == 3


# ---- A19: grad mode --------------------------------------------------------------------------------------


def test_A19_the_mode_is_restored_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), no_grad():
        1 / 0  # noqa: B018
    assert is_grad_enabled()


def test_A19_nested_and_used_again() -> None:
    quiet = no_grad()
    with quiet:
        with quiet, no_grad():
            assert not is_grad_enabled()
        assert not is_grad_enabled()
    assert is_grad_enabled()


def test_A19_as_a_decorator_it_nests_too() -> None:
    @no_grad()
    def countdown(n: int) -> Tensor:
        return countdown(n - 1) if n else leaf(1.0) * 2

    assert not countdown(3).requires_grad
    assert is_grad_enabled()


def test_A19_a_decorated_generator_records_nothing() -> None:
    @no_grad()
    def values() -> Iterator[Tensor]:
        yield leaf(1.0) * 2

    (value,) = values()
    assert not value.requires_grad
    assert is_grad_enabled()


def test_A19_another_thread_has_its_own_mode() -> None:
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append(is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_A19_another_task_has_its_own_mode(run_async) -> None:
    async def quiet() -> bool:
        with no_grad():
            await asyncio.sleep(0)
            return is_grad_enabled()

    async def loud() -> bool:
        await asyncio.sleep(0)
        return is_grad_enabled()

    async def both() -> list[bool]:
        return await asyncio.gather(quiet(), loud())

    assert run_async(both()) == [False, True]


def test_inside_no_grad_a_leaf_can_still_be_made_and_swept() -> None:
    x = leaf(2.0)
    y = x * x
    with no_grad():
        y.backward()
        assert leaf(1.0).requires_grad
    assert x.grad.item() == 4


def test_threads_compute_what_one_thread_computes() -> None:
    def work(seed: int, out: dict[int, Any]) -> None:
        x = leaf(np.random.default_rng(seed).normal(size=(8, 8)))
        for _ in range(20):
            x.zero_grad()
            (tanh(x @ x.T) * uneven((8, 8))).sum().backward()
        out[seed] = x.grad.data

    alone: dict[int, Any] = {}
    together: dict[int, Any] = {}
    for seed in range(4):
        work(seed, alone)
    threads = [threading.Thread(target=work, args=(seed, together)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed in range(4):
        assert_same_bits(alone[seed], together[seed])


# ---- derivatives of derivatives --------------------------------------------------------------------------


def test_the_gradient_is_a_graph_again() -> None:
    x = leaf(2.0)
    (x**4).backward(create_graph=True)
    first, x.grad = x.grad, None
    first.backward(create_graph=True)
    second, x.grad = x.grad, None
    second.backward()
    assert (first.item(), second.item(), x.grad.item()) == (32, 48, 48)


def test_without_create_graph_it_is_a_constant() -> None:
    x = leaf(2.0)
    (x**4).backward()
    assert (x.grad.op, x.grad.requires_grad) == (None, False)


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (lambda x: x**3, [8, 12, 12, 6, 0]),
        (lambda x: 1 / x, [1 / 2, -1 / 4, 1 / 4, -3 / 8, 3 / 4]),
        (lambda x: exp(-x), [np.exp(-2.0) * (-1) ** k for k in range(5)]),
        (lambda x: x * 0 + 5, [5, 0, 0, 0]),
    ],
)
def test_grad_of_grad_of_grad(f: Any, derivatives: list[float]) -> None:
    for expected in derivatives:
        y = f(2.0)
        assert (y if isinstance(y, float) else y.item()) == pytest.approx(expected, rel=1e-14)
        f = grad(f)


def test_a_derivative_inside_a_derivative() -> None:
    assert grad(lambda x: x * grad(lambda y: x * y * y)(3.0))(2.0).item() == 24  # x · 6x = 6x², 12x


def test_grad_is_partial_in_what_is_closed_over() -> None:
    x = leaf(3.0)
    assert grad(lambda y: y * x)(x).item() == 3  # not 6: x, from outside, stays what it is


def test_grad_is_partial_in_an_argument_given_twice() -> None:
    x = leaf(3.0)
    first, second = grad(lambda a, b: a * b * b, argnums=(0, 1))(x, x)
    assert (first.item(), second.item()) == (9, 18)
    assert grad(lambda a, b: a * b * b)(x, x).item() == 9


def test_the_gradient_of_a_given_tensor_is_part_of_its_graph() -> None:
    x = leaf(3.0)
    grad(lambda y: y**3)(x * 2).backward()  # 3 (2x)², 24x
    assert x.grad.item() == 72


def test_grad_leaves_the_gradients_of_its_arguments_alone() -> None:
    x, w = leaf(3.0), leaf(2.0)
    grad(lambda y: y * w)(x)
    assert (x.grad, w.grad) == (None, None)


def test_grad_works_inside_no_grad() -> None:
    with no_grad():
        assert grad(lambda x: x**3)(2.0).item() == 12  # not 0, for recording was switched off outside


def test_value_and_grad_of_several_arguments() -> None:
    value, (dx, dy) = value_and_grad(lambda x, y, *, k: k * x * y * y, argnums=(0, -1))(2.0, 3.0, k=5)
    assert (value.item(), dx.item(), dy.item()) == (90, 45, 60)


def test_grad_of_what_does_not_depend_on_it_is_zero() -> None:
    g = grad(lambda x, y: y * y)([1.0, 2.0], Tensor(3.0))
    assert_same_bits(g.data, np.zeros(2))


@pytest.mark.parametrize("f", [lambda x: x * np.ones(3), lambda x: 1.0, lambda x: None])
def test_grad_needs_one_number(f: Any) -> None:
    with pytest.raises(GradientError, match="one number"):
        grad(f)(2.0)


def test_D9_a_first_derivative_uses_the_values_of_the_time() -> None:
    x, w = leaf(2.0), leaf(3.0)
    y = x * w * w
    with no_grad():
        x += 100
        w.assign(0.0)
    y.backward()
    assert (y.item(), x.grad.item(), w.grad.item()) == (18, 9, 12)


def test_D9_a_second_derivative_would_mix_old_and_new_and_raises() -> None:
    w = leaf(3.0, name="W2")
    y = w * w
    w.assign(5.0)
    with pytest.raises(GradientError, match=r"W2.*changed after multiply"):
        y.backward(create_graph=True)
    assert w.grad is None


def test_D9_the_same_values_again_are_no_change() -> None:
    w = leaf([3.0, np.nan])
    y = (w * w).sum()
    w.assign([3.0, np.nan])
    y.backward(create_graph=True)
    assert w.grad.data[0] == 6


def test_D9_a_derivative_made_before_the_change_stays_true() -> None:
    w = leaf(3.0)
    (w**3).backward(create_graph=True)
    first = w.grad
    w.zero_grad()
    w.assign(5.0)
    first.backward()
    assert w.grad.item() == 18


def test_reading_on_tensors_adds_to_a_gradient_that_is_there() -> None:
    x = leaf(2.0)
    y = x**3
    y.backward()
    y.backward(create_graph=True)
    assert x.grad.item() == 24
    before, x.grad = x.grad, None
    before.backward()
    assert x.grad.item() == 12


def test_retained_gradients_equal_the_gradients_of_a_leaf_put_in_their_place() -> None:
    x = leaf(uneven((2, 3)))
    inner = (x @ x.T).retain_grad()
    (tanh(inner / 32) * uneven((2, 2), start=3)).sum().backward()
    fresh = leaf(inner)
    (tanh(fresh / 32) * uneven((2, 2), start=3)).sum().backward()
    assert_same_bits(inner.grad.data, fresh.grad.data)


def test_T2_a_list_of_gradients_is_compared_to_its_end() -> None:
    with pytest.raises(AssertionError):
        laws.assert_close([1.0, 2.0], [1.0])


def test_retain_grads_keeps_the_gradient_of_all_on_the_way() -> None:
    x = Tensor(3.0, requires_grad=True)
    y = x * x
    z = 5 * y
    z.backward(retain_grads=True)
    assert [t.grad.item() for t in (z, y, x)] == [1, 5, 30]
