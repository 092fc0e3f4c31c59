"""Threads, tasks, interpreters with other settings: the same numbers, and no mode that leaks."""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Tensor, grad, is_grad_enabled, no_grad


def descent(seed: int) -> bytes:
    """The parameters after 200 steps of gradient descent on a small net."""
    rng = np.random.default_rng(seed)
    w, v = (Tensor(rng.standard_normal(s), requires_grad=True) for s in ((5, 3), (1, 5)))
    x, y = rng.standard_normal((8, 3)), rng.standard_normal((8, 1))
    for _ in range(200):
        w.grad = v.grad = None
        (((x @ w.T).tanh() @ v.T - y) ** 2).mean().backward()
        with no_grad():
            w -= 0.1 * w.grad
            v -= 0.1 * v.grad
    return w.data.tobytes() + v.data.tobytes()


def test_8_threads_find_what_one_after_the_other_finds():
    serial = [descent(seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(descent, range(8))) == serial


def test_A19_the_mode_of_a_thread_is_its_own():
    inside, seen = threading.Event(), threading.Event()
    modes: list[bool] = []

    def other() -> None:
        inside.wait(10)
        modes.append(is_grad_enabled())
        with no_grad():
            modes.append(is_grad_enabled())
            seen.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        assert seen.wait(10)
        assert not is_grad_enabled()
    thread.join()
    assert modes == [True, False]
    assert is_grad_enabled()


def test_A19_the_mode_of_a_task_is_its_own(run_async):
    async def without(turns: list[Any]) -> None:
        with no_grad():
            for _ in range(3):
                turns.append(("without", is_grad_enabled()))
                await asyncio.sleep(0)

    async def with_graph(turns: list[Any]) -> None:
        for _ in range(3):
            turns.append(("with", is_grad_enabled()))
            await asyncio.sleep(0)

    async def both() -> list[Any]:
        turns: list[Any] = []
        await asyncio.gather(without(turns), with_graph(turns))
        return turns

    turns = run_async(both())
    assert turns == [("without", False), ("with", True)] * 3  # they did take turns


def test_a_graph_of_one_thread_can_be_swept_by_another():
    x = Tensor(3.0, requires_grad=True)
    y = x * x
    with ThreadPoolExecutor(1) as pool:
        pool.submit(y.backward).result()
    assert x.grad.item() == 6


SCRIPT = """
import gc, sys, warnings
gc.disable()
sys.path.insert(0, {here!r})
from test_robustness import descent
print(descent(3).hex())
"""


@pytest.mark.parametrize("options", [[], ["-O"], ["-OO"], ["-W", "error"]], ids=str)
@pytest.mark.parametrize("hash_seed", ["0", "12345"])
def test_A18_every_interpreter_finds_the_same_bits(options, hash_seed):
    here = os.path.dirname(__file__)
    env = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, *options, "-c", SCRIPT.format(here=here)], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == descent(3).hex()


def test_a_keyboard_interrupt_in_grad_restores_the_mode():
    def interrupted(x: Tensor) -> Tensor:
        raise KeyboardInterrupt

    with no_grad():
        with pytest.raises(KeyboardInterrupt):
            grad(interrupted)(1.0)
        assert not is_grad_enabled()
    assert is_grad_enabled()
