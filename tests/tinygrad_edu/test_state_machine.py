"""Any order of creating, computing, going back, forgetting, copying and failing: beside a naive engine that recurses.

The model is written for reading: numbers in NumPy arrays, a closure for each local derivative, recursion along
every path.  It shares no code with the engine.
"""

import copy
import gc
import os
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from tinygrad_edu import GradientError, ShapeError, Tensor, no_grad, relu, tanh
from tinygrad_edu.graph import is_grad_enabled, toposort

Array = np.ndarray


# ---- the model -------------------------------------------------------------------------------------------


class Naive:
    """A value, what it was made from, and how a gradient goes back to each of these."""

    def __init__(self, data: Array, wants: bool = False, parents: list[tuple["Naive", Callable[[Array], Array]]] = ()):
        self.data = np.array(data, dtype=np.float64)
        self.parents = [(p, back) for p, back in parents if p.tracked] if Naive.recording else []
        self.wants, self.keeps = wants, False
        self.grad: Array | None = None

    recording = True

    @property
    def tracked(self) -> bool:
        return self.wants or bool(self.parents)

    @property
    def leaf(self) -> bool:
        return not self.parents

    def spread(self, g: Array, found: dict["Naive", Array]) -> None:
        """Send g along every path, one after the other: slow, and as plain as the chain rule."""
        found[self] = found.get(self, 0) + g
        for parent, back in self.parents:
            parent.spread(back(g), found)

    def backward(self, seed: Array) -> None:
        found: dict[Naive, Array] = {}
        self.spread(seed, found)
        for x, g in found.items():
            if x.leaf or x.keeps:
                x.grad = g if x.grad is None else x.grad + g

    def ancestors(self) -> set["Naive"]:
        return {self}.union(*(p.ancestors() for p, _ in self.parents))


def summed(g: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting between (), (2,), (3, 2)."""
    while g.ndim > len(shape):
        g = g.sum(0)
    return g


def joined(z: Array, x: Naive, dx: Any, y: Naive, dy: Any) -> Naive:
    def back(slope: Any, to: Naive) -> Callable[[Array], Array]:
        return lambda g: summed(g * slope, to.data.shape)

    return Naive(z, parents=[(x, back(dx, x)), (y, back(dy, y))])


def mapped(z: Array, x: Naive, slope: Any) -> Naive:
    return Naive(z, parents=[(x, lambda g: g * slope)])


BINARY: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Naive, Naive], Naive]]] = {
    "+": (lambda x, y: x + y, lambda x, y: joined(x.data + y.data, x, 1.0, y, 1.0)),
    "-": (lambda x, y: x - y, lambda x, y: joined(x.data - y.data, x, 1.0, y, -1.0)),
    "*": (lambda x, y: x * y, lambda x, y: joined(x.data * y.data, x, y.data, y, x.data)),
}
UNARY: dict[str, tuple[Callable[[Any], Any], Callable[[Naive], Naive]]] = {
    "neg": (lambda x: -x, lambda x: mapped(-x.data, x, -1.0)),
    "tanh": (tanh, lambda x: mapped(np.tanh(x.data), x, 1 - np.tanh(x.data) ** 2)),
    "relu": (relu, lambda x: mapped(np.maximum(x.data, 0), x, x.data > 0)),
    "half": (lambda x: x * 0.5, lambda x: mapped(x.data / 2, x, 0.5)),
    "sum": (lambda x: x.sum(), lambda x: Naive(x.data.sum(), parents=[(x, lambda g: np.full(x.data.shape, g))])),
}


def put(g: Array, key: Any, shape: tuple[int, ...]) -> Array:
    z = np.zeros(shape)
    z[key] += g
    return z


VIEWS: dict[str, tuple[Callable[[Any], Any], Callable[[Naive], Naive]]] = {
    "T": (lambda x: x.T, lambda x: Naive(x.data.T, parents=[(x, lambda g: g.T)])),
    "flatten": (
        lambda x: x.reshape(-1),
        lambda x: Naive(x.data.reshape(-1), parents=[(x, lambda g: g.reshape(x.data.shape))]),
    ),
    "last": (
        lambda x: x[..., None][-1:],
        lambda x: Naive(
            x.data[..., None][-1:], parents=[(x, lambda g: put(g, np.s_[-1:], (*x.data.shape, 1))[..., 0])]
        ),
    ),
}


# ---- the machine -----------------------------------------------------------------------------------------


class Pair:
    """A Tensor and the model's value; `del` lets both go."""

    def __init__(self, ours: Tensor, model: Naive) -> None:
        self.ours: Tensor | None = ours
        self.model: Naive | None = model


class Broken(Exception):
    pass


def raise_after(_: Tensor) -> None:
    raise Broken


EIGHTHS = st.integers(-16, 16).map(lambda k: k / 8)
SHAPES = st.sampled_from([(), (2,), (3, 2)])


class Engine(RuleBasedStateMachine):
    """Every value and every gradient is that of the model, and so is the number of Tensors that live."""

    pairs = Bundle("pairs")

    @initialize(target=pairs)
    def start(self) -> Any:
        Naive.recording = True
        self.all: list[Pair] = []
        self.modes: list[no_grad] = []
        self.born: dict[int, weakref.ref[Tensor]] = {}
        gc.disable()
        shapes: list[tuple[int, ...]] = [(), (2,), (3, 2), (3, 2)]
        arrays = [1.5 - np.arange(np.prod(shape)).reshape(shape) / 4 for shape in shapes]
        return multiple(*(self.keep(Tensor(a, requires_grad=i < 3), Naive(a, i < 3)) for i, a in enumerate(arrays)))

    def teardown(self) -> None:
        while getattr(self, "modes", None):
            self.leave()
        Naive.recording = True
        gc.enable()

    def keep(self, ours: Tensor, model: Naive) -> Pair:
        if not np.all(np.abs(model.data) < 1e6):  # large numbers would only test rounding
            ours, model = Tensor(1.0), Naive(np.array(1.0))
        for t in [ours, *toposort(ours)]:
            for x in (t, *t.inputs):
                if isinstance(x, Tensor) and id(x) not in self.born:
                    self.note(x)
        pair = Pair(ours, model)
        self.all.append(pair)
        return pair

    def note(self, x: Tensor) -> None:
        """Take it off the list of the living when it dies."""
        key, born = id(x), self.born
        born[key] = weakref.ref(x, lambda _: born.pop(key, None))

    # ---- making values

    @rule(target=pairs, shape=SHAPES, data=st.data(), wants=st.booleans())
    def create(self, shape: tuple[int, ...], data: st.DataObject, wants: bool) -> Pair:
        size = int(np.prod(shape))
        values = np.array(data.draw(st.lists(EIGHTHS, min_size=size, max_size=size))).reshape(shape)
        return self.keep(Tensor(values, requires_grad=wants), Naive(values, wants))

    @rule(target=pairs, name=st.sampled_from(sorted(BINARY)), x=pairs, y=pairs)
    def fuse(self, name: str, x: Pair, y: Pair) -> Any:
        f, model = BINARY[name]
        try:
            z = f(x.ours, y.ours)
        except ShapeError:
            with pytest.raises(ValueError, match="broadcast"):
                f(x.model.data, y.model.data)
            return multiple()
        if len(z.shape) > max(x.ours.ndim, y.ours.ndim) or z.shape not in (x.ours.shape, y.ours.shape):
            return multiple()
        if any(1 in p.shape and p.shape != z.shape for p in (x.ours, y.ours)):
            return multiple()  # stretched axes are test_broadcast.py's
        return self.keep(z, model(x.model, y.model))

    @rule(target=pairs, name=st.sampled_from(sorted(UNARY)), x=pairs)
    def map(self, name: str, x: Pair) -> Any:
        f, model = UNARY[name]
        return self.keep(f(x.ours), model(x.model))

    @rule(target=pairs, name=st.sampled_from(sorted(VIEWS)), x=pairs)
    def view(self, name: str, x: Pair) -> Any:
        if x.ours.ndim > 4 or (name == "last" and x.ours.ndim == 0):
            return multiple()
        f, model = VIEWS[name]
        return self.keep(f(x.ours), model(x.model))

    @rule(target=pairs, x=pairs)
    def detach(self, x: Pair) -> Any:
        return self.keep(x.ours.detach(), Naive(x.model.data))

    @rule(target=pairs, x=pairs)
    def deepcopy(self, x: Pair) -> Any:
        model = Naive(x.model.data, x.model.leaf and x.model.wants)
        model.grad = x.model.grad if model.wants else None
        return self.keep(copy.deepcopy(x.ours), model)

    # ---- going back

    @rule(x=pairs, factor=st.sampled_from([1.0, -0.5]))
    def backward(self, x: Pair, factor: float) -> None:
        seed = factor * (1 + np.arange(x.ours.size).reshape(x.ours.shape) / 8)
        if not x.model.tracked:
            with pytest.raises(GradientError):
                x.ours.backward(seed)
            return
        x.ours.backward(seed)
        x.model.backward(seed)

    @rule(x=pairs, y=pairs)
    def cost_and_back(self, x: Pair, y: Pair) -> None:
        """A cost of two values, backward() twice: the leaves receive it twice."""
        cost, model = (x.ours * x.ours).sum() + y.ours.sum(), None
        if x.model.tracked or y.model.tracked:
            square = BINARY["*"][1](x.model, x.model)
            model = BINARY["+"][1](UNARY["sum"][1](square), UNARY["sum"][1](y.model))
        if model is not None and model.tracked and np.all(np.abs(x.model.data) < 1e3):
            for _ in range(2):
                cost.backward()
                model.backward(np.array(1.0))

    @rule(x=pairs)
    def backward_with_a_wrong_seed(self, x: Pair) -> None:
        if x.model.tracked:
            with pytest.raises(ShapeError):
                x.ours.backward(np.ones((*x.ours.shape, 7)))

    @rule(x=pairs)
    def zero_grad(self, x: Pair) -> None:
        x.ours.zero_grad()
        x.model.grad = None

    @rule(x=pairs)
    def retain_grad(self, x: Pair) -> None:
        if x.model.tracked:
            x.ours.retain_grad()
            x.model.keeps = True
        else:
            with pytest.raises(GradientError):
                x.ours.retain_grad()

    # ---- changing

    @rule(x=pairs, step=EIGHTHS)
    def assign(self, x: Pair, step: float) -> None:
        """A leaf takes new values; what was recorded before keeps the old ones, in the model by its closures."""
        new = np.asarray(x.model.data / 2 + step)
        if x.model.leaf:
            x.ours.assign(new)
            x.model.data = new
        else:
            with pytest.raises(GradientError):
                x.ours.assign(new)

    @rule(x=pairs)
    def descend(self, x: Pair) -> None:
        """w -= eta * w.grad: the same object inside no_grad, an error outside."""
        if not (x.model.leaf and x.model.wants) or x.model.grad is None:
            return
        w = x.ours
        with no_grad():
            w -= 0.125 * w.grad
        assert w is x.ours
        x.model.data = x.model.data - 0.125 * x.model.grad
        if is_grad_enabled():
            with pytest.raises(GradientError):
                w -= 1.0

    @rule(x=pairs)
    def write_to_the_values(self, x: Pair) -> None:
        if x.ours.size:
            with pytest.raises(ValueError, match="read-only"):
                x.ours.data[...] = 9.0
            x.ours.numpy()[...] = 9.0  # a copy of one's own
            with pytest.raises(TypeError):
                x.ours[...] = 9.0

    # ---- recording

    @precondition(lambda self: len(self.modes) < 2)
    @rule()
    def enter(self) -> None:
        self.modes.append(no_grad())
        self.modes[-1].__enter__()
        Naive.recording = False

    @precondition(lambda self: self.modes)
    @rule()
    def leave(self) -> None:
        self.modes.pop().__exit__(None, None, None)
        Naive.recording = not self.modes

    @rule(x=pairs)
    def raise_inside(self, x: Pair) -> None:
        """An error inside no_grad, inside an operation, in the middle of a step: nothing stays behind."""
        before = is_grad_enabled()
        with pytest.raises(Broken), no_grad():
            raise_after(x.ours * 2)
        assert is_grad_enabled() is before
        with pytest.raises(ShapeError):
            _ = (x.ours * 2).reshape(7919)
        with pytest.raises(TypeError):
            _ = x.ours * "text"

    @precondition(lambda self: len(self.all) > 6)
    @rule(x=consumes(pairs))
    def let_go(self, x: Pair) -> None:
        self.all.remove(x)
        x.ours = x.model = None

    # ---- what holds after every step

    @invariant()
    def values_and_gradients_are_equal(self) -> None:
        for pair in self.all if hasattr(self, "all") else ():
            ours, model = pair.ours, pair.model
            np.testing.assert_allclose(ours.data, model.data, rtol=1e-12, atol=1e-12, strict=True)
            assert ours.requires_grad == model.tracked
            assert (ours.op is None) == model.leaf
            if model.grad is None:
                assert ours.grad is None
            else:
                scale = 1e-12 * np.max(np.abs(model.grad), initial=1.0)
                np.testing.assert_allclose(ours.grad.data, model.grad, rtol=1e-11, atol=scale, strict=True)

    @invariant()
    def recording_is_as_entered(self) -> None:
        assert is_grad_enabled() is not bool(getattr(self, "modes", ()))

    @invariant()
    def no_tensor_lives_longer_than_its_use(self) -> None:
        """With the garbage collector off: what no Tensor of ours leads to is gone."""
        needed: set[int] = set()
        for pair in self.all if hasattr(self, "all") else ():
            needed.add(id(pair.ours))
            for t in toposort(pair.ours):
                needed.update((id(t), *(id(x) for x in t.inputs if isinstance(x, Tensor))))
        assert set(getattr(self, "born", ())) <= needed


TestEngine = Engine.TestCase
nightly = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
TestEngine.settings = settings(
    max_examples=settings.default.max_examples, stateful_step_count=100 if nightly else 30, deadline=None
)


def test_the_model_itself_by_hand() -> None:
    x = Naive(np.array(3.0), wants=True)
    y = BINARY["*"][1](x, x)
    z = BINARY["+"][1](y, UNARY["half"][1](y))
    z.backward(np.array(2.0))
    assert x.grad == 2 * 1.5 * 2 * 3.0
