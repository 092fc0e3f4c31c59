"""What every test of both packages shares: how hard hypothesis searches, and what a test leaves untouched."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: a sum in another order has other bits

import asyncio
import shutil
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

from tinygrad_edu import is_grad_enabled

settings.register_profile("dev", max_examples=30, deadline=None)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],  # that would be the machine
)  # the same examples every time: a pull request never fails by chance
settings.register_profile(
    "mutants", max_examples=10, deadline=None, derandomize=True, database=None
)  # short: it runs once for every mistake that `make mutants` plants
settings.register_profile(
    "nightly",
    max_examples=20_000,
    deadline=None,
    print_blob=True,
    stateful_step_count=100,
    database=DirectoryBasedExampleDatabase(".hypothesis/nightly"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(autouse=True)
def globals_untouched() -> Iterator[None]:
    """A test ends with recording switched on, and NumPy's global random generator where it was."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    errors = np.geterr()
    yield
    np.seterr(**errors)  # a test of Ctrl-C may have stopped NumPy inside its own np.errstate
    assert is_grad_enabled(), "the test left recording switched off"
    after_name, after_keys, *after_rest = np.random.get_state()  # noqa: NPY002
    assert (name, rest) == (after_name, after_rest), "the test moved NumPy's global random generator"
    assert np.array_equal(keys, after_keys), "the test moved NumPy's global random generator"


@pytest.fixture
def run_async() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """asyncio.run in a thread of its own: the browser of other tests keeps a loop running in this one."""

    def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(asyncio.run, coroutine).result()

    return run


@pytest.fixture
def require_tool() -> Callable[[str], str]:
    """require_tool("dot") -> its path; without the program the test skips, or fails where CI says it must run."""

    def require(name: str) -> str:
        path = shutil.which(name)
        if path is None and os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
            pytest.fail(f"TINYGRAD_EDU_REQUIRE_TOOLS=1, but the program {name!r} is not on the PATH")
        return path or pytest.skip(f"needs the program {name!r}")

    return require
