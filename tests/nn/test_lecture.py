"""The engine, which knows nothing of BP1-BP4, against the lecture's four equations derived by hand."""

import inspect
import types
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import nn
from nn import lecture
from tinygrad_edu import Tensor

RTOL, ATOL = 1e-12, 1e-13


@dataclass
class Case:
    """A network, a mini-batch and its targets, numbered as in the lecture: layer 1 is the input."""

    sizes: list[int]
    w: list[Any]
    b: list[Any]
    x: Any
    y: Any

    def __repr__(self) -> str:
        return f"Case(sizes={self.sizes}, S={len(self.x)}, x={self.x.tolist()})"


@st.composite
def cases(draw: st.DrawFn, widest: int = 16, deepest: int = 5, most: int = 8, least_deep: int = 1) -> Case:
    """Depth 1-5, widths 1-16, mini-batch 1-8; parameters from tame to saturating."""
    depth = draw(st.integers(least_deep, deepest))
    sizes = draw(st.lists(st.integers(1, widest), min_size=depth + 1, max_size=depth + 1))
    examples = draw(st.integers(1, most))
    scale = draw(st.sampled_from([1.0, 0.1, 3.0, 10.0]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    w = [None, None] + [scale * rng.standard_normal((n, m)) for m, n in pairwise(sizes)]
    b = [None, None] + [scale * rng.standard_normal(n) for n in sizes[1:]]
    x = rng.standard_normal((examples, sizes[0]))
    if draw(st.booleans()):
        y = np.eye(sizes[-1])[rng.integers(0, sizes[-1], examples)]
    else:
        y = rng.standard_normal((examples, sizes[-1]))
    return Case(sizes, w, b, x, y)


@dataclass
class Found:
    """What the engine found, in the lecture's terms: one array per layer from 2 to L."""

    cost: float
    delta: list[Any]
    dC_db: list[Any]
    dC_dw: list[Any]


def by_arrays(case: Case) -> Found:
    """The network of nn, in float64; delta^l is dC_x/dz^l, and C is the mean over S examples."""
    net = nn.MLP(case.sizes, dtype=np.float64, rng=0)
    linear = [m for m in net if isinstance(m, nn.Linear)]
    for layer, w, b in zip(linear, case.w[2:], case.b[2:], strict=True):
        layer.weight.assign(w)
        layer.bias.assign(b)
    a, zs = Tensor(case.x), []
    for module in net:
        a = module(a)
        if isinstance(module, nn.Linear):
            zs.append(a.retain_grad())
    c = nn.QuadraticCost()(a, Tensor(case.y))
    c.backward()
    examples = len(case.x)
    return Found(
        c.item(),
        [None, None] + [z.grad.data * examples for z in zs],
        [None, None] + [layer.bias.grad.data for layer in linear],
        [None, None] + [layer.weight.grad.data for layer in linear],
    )


def by_scalars(case: Case) -> Found:
    """The same network neuron by neuron from 0-d Tensors: one Tensor per weight, bias, z and a."""

    def leaves(values: Any) -> Any:
        return [leaves(v) for v in values] if isinstance(values, list) else Tensor(values, requires_grad=True)

    def gradients(tensors: Any) -> Any:
        return [gradients(t) for t in tensors] if isinstance(tensors, list) else tensors.grad.item()

    w = [None, None] + [leaves(p.tolist()) for p in case.w[2:]]
    b = [None, None] + [leaves(p.tolist()) for p in case.b[2:]]
    cost, zs = Tensor(0.0), [[] for _ in case.w]
    for x, y in zip(case.x.tolist(), case.y.tolist(), strict=True):
        a = x
        for l in range(2, len(w)):
            z = [
                sum((w_ij * a_j for w_ij, a_j in zip(w_i, a, strict=True)), b_i)
                for w_i, b_i in zip(w[l], b[l], strict=True)
            ]
            zs[l].append([z_i.retain_grad() for z_i in z])
            a = [z_i.sigmoid() for z_i in z]
        cost = cost + sum(0.5 * (a_i - y_i) ** 2 for a_i, y_i in zip(a, y, strict=True))
    cost = cost / len(case.x)
    cost.backward()
    return Found(
        cost.item(),
        [None, None] + [np.array(gradients(z)) * len(case.x) for z in zs[2:]],
        [None, None] + [np.array(gradients(b_l)) for b_l in b[2:]],
        [None, None] + [np.array(gradients(w_l)) for w_l in w[2:]],
    )


def check(case: Case, found: Found, hand: Any = lecture) -> None:
    """Every delta, bias and weight derivative that the engine found is the one derived by hand."""
    by_hand = hand.backpropagate(case.w, case.b, case.x, case.y)
    assert_allclose(found.cost, hand.cost(by_hand.a[-1], case.y), rtol=RTOL)
    for l in range(2, len(case.w)):
        assert_allclose(found.delta[l], by_hand.delta[l], RTOL, ATOL, err_msg=f"delta^{l}")
        assert_allclose(found.dC_db[l], by_hand.dC_db[l], RTOL, ATOL, err_msg=f"dC/db^{l}")
        assert_allclose(found.dC_dw[l], by_hand.dC_dw[l], RTOL, ATOL, err_msg=f"dC/dw^{l}")


@given(cases())
def test_engine_finds_the_four_equations(case):
    check(case, by_arrays(case))


@given(cases(widest=4, deepest=3, most=3))
def test_engine_finds_them_neuron_by_neuron(case):
    check(case, by_scalars(case))


@given(cases(), st.floats(0.01, 10))
def test_sgd_is_the_lectures_update(case, eta):
    """w <- w - eta dC/dw, b <- b - eta dC/db"""
    net = nn.MLP(case.sizes, dtype=np.float64, rng=0)
    for p, value in zip(
        net.parameters(), [p for l in range(2, len(case.w)) for p in (case.w[l], case.b[l])], strict=True
    ):
        p.assign(value)
    nn.train_step(net, nn.QuadraticCost(), nn.optim.SGD(net.parameters(), eta), case.x, case.y)
    w, b = lecture.update(case.w, case.b, lecture.backpropagate(case.w, case.b, case.x, case.y), eta)
    for layer, l in zip(net.layers[::2], range(2, len(w)), strict=True):
        assert_allclose(layer.weight.data, w[l], RTOL, ATOL)
        assert_allclose(layer.bias.data, b[l], RTOL, ATOL)


def test_one_neuron_worked_on_paper():
    """w = 1, b = 0, x = 0, y = 0: z = 0, a = 1/2, C = 1/8, delta = (1/2)(1/4) = 1/8, dC/dw = 0."""
    case = Case([1, 1], [None, None, np.ones((1, 1))], [None, None, np.zeros(1)], np.zeros((1, 1)), np.zeros((1, 1)))
    for found in (by_arrays(case), by_scalars(case)):
        assert (found.cost, found.delta[2], found.dC_db[2], found.dC_dw[2]) == (0.125, 0.125, 0.125, 0)
    check(case, by_arrays(case))


# ---- the test of the tests: a mistake planted in the equations must be caught ----------------------------

MISTAKES = {
    "BP1 without sigma'": ("(a[L] - y) * sigma_prime(z[L])", "(a[L] - y)"),
    "BP1 with the wrong sign": ("(a[L] - y) * sigma_prime(z[L])", "(y - a[L]) * sigma_prime(z[L])"),
    "BP1 without the 1/2 in the cost": (
        "(a[L] - y) * sigma_prime(z[L])",
        "2 * (a[L] - y) * sigma_prime(z[L])",
    ),
    "BP1 off by 1e-11": ("(a[L] - y) * sigma_prime(z[L])", "(1 + 1e-11) * (a[L] - y) * sigma_prime(z[L])"),
    "BP2 without sigma'": ("(delta[l] @ w[l]) * sigma_prime(z[l - 1])", "(delta[l] @ w[l])"),
    "BP2 with sigma'(a)": ("sigma_prime(z[l - 1])\n", "sigma_prime(a[l - 1])\n"),
    "BP2 with i and j interchanged": ("(delta[l] @ w[l])", "(delta[l] @ w[l].T)"),
    "BP3 summed over the batch": ("delta[l].mean(axis=0)", "delta[l].sum(axis=0)"),
    "BP3 of the layer before": ("delta[l].mean(axis=0)", "(delta[l] * a[l]).mean(axis=0)"),
    "BP4 with i and j interchanged": ("delta[l].T @ a[l - 1]", "(delta[l].T @ a[l - 1]).T"),
    "BP4 with a of the same layer": ("delta[l].T @ a[l - 1]", "delta[l].T @ a[l]"),
    "BP4 summed over the batch": ("delta[l].T @ a[l - 1] / S", "delta[l].T @ a[l - 1]"),
}


def lecture_with(old: str, new: str) -> types.ModuleType:
    source = inspect.getsource(lecture)
    assert source.count(old) == 1, f"{old!r} is not in nn/lecture.py exactly once"
    module = types.ModuleType("lecture_with_a_mistake")
    module.__dict__["__name__"] = lecture.__name__
    exec(compile(source.replace(old, new), "lecture_with_a_mistake", "exec"), module.__dict__)
    return module


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistake_is_caught(mistake):
    """In a network with equal layers, so that a transposed weight has the right shape."""
    rng = np.random.default_rng(7)
    w = [None, None] + [rng.standard_normal((3, 3)) for _ in range(3)]
    b = [None, None] + [rng.standard_normal(3) for _ in range(3)]
    case = Case([3] * 4, w, b, rng.standard_normal((5, 3)), rng.standard_normal((5, 3)))
    check(case, by_arrays(case))
    with pytest.raises(AssertionError):
        check(case, by_arrays(case), lecture_with(*MISTAKES[mistake]))
