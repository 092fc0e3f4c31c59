"""Random networks of every kind against the four equations by hand: some of those of tests/fuzz_networks.py."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[1] / "fuzz_networks.py"
spec = importlib.util.spec_from_file_location("fuzz_networks", PATH)
fuzz = importlib.util.module_from_spec(spec)
sys.modules["fuzz_networks"] = fuzz  # dataclasses look their module up
spec.loader.exec_module(fuzz)


def test_random_networks_agree_with_the_equations_by_hand() -> None:
    assert [k for k in range(300) if fuzz.mismatch(fuzz.network(2026, k))] == []


def test_in_float32_too() -> None:
    assert [k for k in range(200) if fuzz.mismatch(fuzz.network(2026, k, tame=True), np.float32)] == []


def test_they_are_of_every_kind() -> None:
    nets = [fuzz.network(2026, k) for k in range(300)]
    assert {s for net in nets for s in net.s} == {"sigmoid", "tanh", "relu", "none"}
    assert {net.cost for net in nets} == {"quadratic", "cross-entropy"}
    assert {len(net.w) for net in nets} == {1, 2, 3, 4, 5}
    assert any(net.tied for net in nets)
    assert any(b is None for net in nets for b in net.b)


WRONG = {"sigmoid": lambda a: a, "tanh": lambda a: 1 - a, "relu": lambda a: 1.0 * (a >= 0), "none": lambda a: 0 * a}


@pytest.mark.parametrize("s", WRONG)
def test_a_wrong_slope_is_seen(s: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fuzz.SLOPE, s, WRONG[s])
    nets = [net for k in range(100) if s in (net := fuzz.network(2026, k)).s and net.cost == "quadratic"]
    assert sum(fuzz.mismatch(net) is not None for net in nets) > len(nets) / 2
