"""Monitor: which layers learn, which do not, and why, layer by layer and in plain words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, Tensor

from .callbacks import Callback, Run
from .examples import Examples, check_whole
from .module import Module

__all__ = ["LayerState", "Monitor", "look"]

Array = npt.NDArray[Any]

SATURATED = 0.01  # a neuron is saturated if its |sigma'(z)|, the mean over the examples, is below
MANY = 0.1  # of a layer's neurons: from here on it is said
FADED = 1e-3  # of the size of the output's delta
TOO_FAST, TOO_SLOW = 0.1, 1e-6  # update / weight; about 1e-3 is healthy


@dataclass(frozen=True)
class LayerState:
    """How well one layer of weights can learn, on some examples.  Layers are numbered as in the lecture, from 2.

    slope   |sigma'(z_i)| of each neuron i, mean over the examples (for pictures: also over the places); None if the
            layer is linear.  Every error is multiplied by it on its way back (BP1, BP2)
    delta   size of delta = dC_x/dz: root mean square over neurons and examples
    update  |w_after - w_before| / |w_before| of the last update, |.| the root of the sum of squares; None before one

    An output neuron with the right answers is saturated too; in trouble are those with wrong ones.
    """

    layer: int
    neurons: int
    slope: Array | None
    delta: float
    update: float | None
    relu: bool
    is_output: bool
    wrong: Array | bool = True  # of the output layer: which neurons miss y by half of its mean, or more

    @property
    def saturated(self) -> int:
        """How many neurons have |sigma'| below 0.01."""
        return 0 if self.slope is None else int(np.sum(self.slope < SATURATED))

    @property
    def stuck(self) -> int:
        """How many of those still had something to learn."""
        return 0 if self.slope is None else int(np.sum((self.slope < SATURATED) & self.wrong))

    def __str__(self) -> str:
        slope = "linear" if self.slope is None else f"σ′ {self.slope.mean():.3f}, {self.saturated} saturated"
        update = "" if self.update is None else f"  update/weight {self.update:.1e}"
        return f"layer {self.layer}: {self.neurons} neurons  {slope}  delta {self.delta:.1e}{update}"

    def troubles(self, output_delta: float) -> Iterator[tuple[str, str]]:
        """What is wrong with it, as a kind and a sentence that says what to try."""
        name = f"layer {self.layer}"
        if self.stuck >= max(1, MANY * self.neurons):
            if self.relu:
                what, advice = "are dead (their z is never positive)", "a smaller learning rate or LeakyReLU"
            else:
                what = f"are saturated (their mean sigma' < {SATURATED})"
                advice = "a cross-entropy cost or init='scaled_normal'" if self.is_output else "init='scaled_normal'"
            yield (
                "saturated",
                f"{name}: {self.stuck} of {self.neurons} neurons {what}: they hardly learn; try {advice}",
            )
        if not self.is_output and self.delta < FADED * output_delta:
            yield (
                "faded",
                f"{name}: its delta is {self.delta / output_delta:.0e} of the output's: the error fades on its way "
                f"back; try init='scaled_normal', ReLU, or fewer layers",
            )
        if self.update is not None and self.update > TOO_FAST:
            part = f"{100 * self.update:.0f} %"
            yield "fast", f"{name}: an update changes its weights by {part}; try a smaller learning rate, or clip_norm"
        if self.update is not None and self.update < TOO_SLOW:
            part = f"{self.update:.0e} of their size"
            yield (
                "slow",
                f"{name}: an update changes its weights by {part}: it hardly learns; try a larger learning rate",
            )


def look(net: Module, cost: Module, examples: Examples, before: Sequence[Array] | None = None) -> list[LayerState]:
    """The state of every layer of weights, on these examples.  Network, gradients and generators stay as they are.

    before  the values that net.parameters() had before the last update, for update/weight

    Layers are found by the lecture's symbols on the Tensors: z and a, which Linear, convolutions and activations
    write on what they compute.  A network without any: an empty list.
    """
    if len(examples) == 0:
        raise DataError("there are no examples to look at")
    gradients = [(t, t.grad) for _, t in net.named_tensors()]
    modes = [(module, module.training) for module in net.modules()]
    net.eval()  # Dropout draws nothing, BatchNorm counts nothing
    try:
        c = cost(net(Tensor(examples.x, copy=False)), Tensor(examples.y, copy=False))
        zs, activities = _symbols(c)
        for z in zs.values():
            z.retain_grad()
        c.backward()
        deltas = {l: _size(z.grad) * len(examples) for l, z in zs.items()}  # C is a mean: dC/dz = delta / N
        slopes = {l: _slope(zs[l], a, zs) for l, a in activities.items() if l in zs}
    finally:
        for t, gradient in gradients:
            t.grad = gradient
        for module, mode in modes:
            module.training = mode
    updates = _updates(net, before)
    return [
        LayerState(
            layer=l,
            neurons=z.shape[_neurons(z)],
            slope=slopes.get(l),
            delta=deltas[l],
            update=updates.get(l),
            relu=l in activities and _made_by(activities[l]) == "relu",
            is_output=l == max(zs),
            wrong=_wrong(activities.get(l), examples) if l == max(zs) else True,
        )
        for l, z in sorted(zs.items())
    ]


def _made_by(t: Tensor) -> str:
    return "" if t.op is None else t.op.name


def _symbols(c: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
    """The z and the a = sigma(z) of every layer that C was computed from; softmax is no sigma of one neuron."""
    zs: dict[int, Tensor] = {}
    activities: dict[int, Tensor] = {}
    seen: set[int] = set()
    waiting: list[Any] = [c]
    while waiting:
        t = waiting.pop()
        if isinstance(t, Tensor) and id(t) not in seen:
            seen.add(id(t))
            waiting += t.inputs
            if t.role is not None and t.requires_grad and t.op is not None:
                symbol, layer = t.role
                if symbol == "z":
                    zs.setdefault(layer, t)
                elif symbol == "a" and "softmax" not in _made_by(t):
                    activities.setdefault(layer, t)
    return zs, activities


def _neurons(z: Tensor) -> int:
    """The axis of the neurons: pictures (N, channels, rows, columns) have a neuron for each channel, at all places."""
    return 1 if z.ndim == 4 else z.ndim - 1


def _slope(z: Tensor, a: Tensor, zs: Mapping[int, Tensor]) -> Array | None:
    """|sigma'(z)| of each neuron: a neuron's activity depends on its own z alone, so dsum(a)/dz is sigma'(z)."""
    for other in zs.values():
        other.grad = None
    a.sum().backward()
    if z.grad is None:
        return None
    axes = tuple(axis for axis in range(z.ndim) if axis != _neurons(z))
    return np.asarray(np.abs(z.grad.data).mean(axis=axes))


def _wrong(a: Tensor | None, examples: Examples) -> Array | bool:
    """Which output neurons miss y by half of its mean, or more: so does one that always says 0."""
    if a is None or a.shape != examples.y.shape:
        return True
    missed = np.abs(a.data - examples.y).mean(axis=0)
    return np.asarray(missed >= 0.5 * np.abs(examples.y).mean(axis=0))


def _size(g: Tensor | None) -> float:
    return 0.0 if g is None else float(np.sqrt(np.mean(np.square(g.data))))


def _updates(net: Module, before: Sequence[Array] | None) -> dict[int, float]:
    """|w_after - w_before| / |w_before| of the weights of each layer."""
    found = {}
    for p, old in zip(net.parameters(), before or (), strict=bool(before)):
        if p.role is not None and p.role[0] == "w" and (size := float(np.linalg.norm(old))) > 0:
            found[p.role[1]] = float(np.linalg.norm(p.data - old)) / size
    return found


class Monitor(Callback):
    """Looks at every layer after each epoch: sigma', delta, update/weight; and says once what is wrong with it.

    examples  what to look at; None: the first `most` training examples
    most      of them, at most
    say       False: only the history has the figures: epoch.notes["layer 2 saturated"] (a share of the neurons),
              "layer 2 slope", "layer 2 delta", "layer 2 update"

    states    what the last look found, a LayerState for each layer
    """

    def __init__(self, examples: Examples | None = None, *, most: int = 200, say: bool = True) -> None:
        check_whole(most, 1, None, "Monitor: most, the examples to look at,")
        self.examples, self.most, self.say = examples, most, say
        self.states: list[LayerState] = []
        self._said: set[tuple[int, str]] = set()
        self._run: Run | None = None
        self._saved: dict[int, float] = {}  # update/weight of a last update that was made before a checkpoint

    def on_fit_begin(self, run: Run) -> None:
        """Is there anything to look at?"""
        self._run = run
        if self.examples is None and run.examples is None:
            raise DataError("Monitor has no examples to look at: write Monitor(examples)")

    def on_epoch_end(self, run: Run) -> None:
        """Look, note, and say what is new."""
        examples: Any = run.examples if self.examples is None else self.examples
        before = run.updates[-1].before if run.updates else None
        self.states = look(run.net, run.cost, examples[: self.most], before)
        output = self.states[-1].delta if self.states else 0.0
        for state in self.states:
            name = f"layer {state.layer}"
            update = state.update if before is not None else self._saved.get(state.layer)
            figures = {"delta": state.delta, "update": update}
            if state.slope is not None:
                figures |= {"slope": float(state.slope.mean()), "saturated": state.saturated / state.neurons}
            run.last.notes.update({f"{name} {what}": value for what, value in figures.items() if value is not None})
            for kind, sentence in state.troubles(output):
                if self.say and (state.layer, kind) not in self._said:
                    run.say(sentence)
                self._said.add((state.layer, kind))

    def state_dict(self) -> dict[str, Any]:
        """The last update's size, for an epoch whose last update was made before the checkpoint."""
        updates = self._saved
        if self._run is not None and self._run.updates:
            updates = _updates(self._run.net, self._run.updates[-1].before)
        return {"updates": updates, "said": sorted(self._said)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what state_dict gave."""
        updates = {int(layer): float(ratio) for layer, ratio in state["updates"].items()}
        said = {(int(layer), str(kind)) for layer, kind in state["said"]}
        self._saved, self._said = updates, said
