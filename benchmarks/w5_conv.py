"""W5, a small convolutional net: 1 x 28 x 28, 8 and 16 channels of 3 x 3, ReLU, max-pool, linear; S = 64, Adam."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import nn

from .contestants import Batches, Contestant, JitC, JitNumPy, JitScan, Ours, Parameters, agree, installed
from .peers import PyTorch
from .report import Goal, Table, compared
from .timing import Settings, in_turns
from .w1_lecture_step import mini_batches

__all__ = ["run"]

S, LR = 64, 1e-3


class OursConv(Ours):
    """What the documentation tells people to write."""

    def __init__(self, parameters: Parameters) -> None:
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3),  # (S, 1, 28, 28) -> (S, 8, 26, 26)
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3),  # (S, 8, 13, 13) -> (S, 16, 11, 11)
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 5 * 5, 10),
        )
        self.net.load_state_dict(dict(zip(self.net.state_dict(), parameters, strict=True)))
        self.cost = nn.CrossEntropyLoss()
        self.optimizer = nn.optim.Adam(self.net.parameters(), lr=LR)


class OursConvJitNumPy(JitNumPy, OursConv):
    """The net's step under jit."""


class OursConvJitC(JitC, OursConv):
    """The net's step, in C."""


class OursConvJitScan(JitScan, OursConv):
    """The net's steps, in one call."""


class PyTorchConv(PyTorch):
    """Eager, with its own layers, cost and optimizer."""

    def __init__(self, parameters: Parameters) -> None:
        import torch
        from torch.nn import Conv2d, Flatten, Linear, MaxPool2d, ReLU

        self.torch = torch
        convolutions = (Conv2d(1, 8, 3), ReLU(), MaxPool2d(2), Conv2d(8, 16, 3), ReLU(), MaxPool2d(2))
        self.net = torch.nn.Sequential(*convolutions, Flatten(), Linear(16 * 5 * 5, 10))
        self.net.load_state_dict({k: torch.tensor(p) for k, p in zip(self.net.state_dict(), parameters, strict=True)})
        self.cross_entropy = torch.nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=LR)

    def cost(self, x: Any, y: Any) -> Any:
        return self.cross_entropy(self.net(x), y)


class JaxConv(Contestant):
    """Jitted step; the layers and Adam are written out, for JAX itself has none."""

    name = "JAX, jitted step"
    install = "jax"

    def __init__(self, parameters: Parameters) -> None:
        import jax
        import jax.numpy as jnp
        from jax import lax

        self.jax, self.jnp = jax, jnp
        self.parameters = [jnp.array(p) for p in parameters]
        zeros = [jnp.zeros_like(p) for p in self.parameters]
        self.state = (self.parameters, zeros, [jnp.zeros_like(p) for p in zeros], jnp.array(0.0))

        def layer(a: Any, w: Any, b: Any) -> Any:
            z = lax.conv_general_dilated(a, w, (1, 1), "VALID", dimension_numbers=("NCHW", "OIHW", "NCHW"))
            a = jax.nn.relu(z + b[:, None, None])
            return lax.reduce_window(a, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

        def cost(parameters: Parameters, x: Any, y: Any) -> Any:
            w1, b1, w2, b2, w3, b3 = parameters
            a = layer(layer(x, w1, b1), w2, b2).reshape(len(x), -1)
            return -(jax.nn.log_softmax(a @ w3.T + b3) * y).sum() / len(x)

        def step(state: Any, x: Any, y: Any) -> Any:
            parameters, ms, vs, t = state
            c, gradients = jax.value_and_grad(cost)(parameters, x, y)
            t = t + 1
            ms = [0.9 * m + 0.1 * g for m, g in zip(ms, gradients, strict=True)]
            vs = [0.999 * v + 0.001 * g * g for v, g in zip(vs, gradients, strict=True)]
            rate, root = LR / (1 - 0.9**t), jnp.sqrt(1 - 0.999**t)
            new = [p - rate * m / (jnp.sqrt(v) / root + 1e-8) for p, m, v in zip(parameters, ms, vs, strict=True)]
            return (new, ms, vs, t), c

        self.jitted = jax.jit(step, donate_argnums=0)

    def prepared(self, batches: Batches) -> Any:
        return [(self.jnp.array(x), self.jnp.array(y)) for x, y in batches]

    def step(self, x: Any, y: Any) -> Any:
        self.state, cost = self.jitted(self.state, x, y)
        return cost

    def epoch(self, prepared: Any) -> Any:
        super().epoch(prepared)
        self.jax.block_until_ready(self.state)

    def values(self) -> Parameters:
        return [np.array(p) for p in self.state[0]]


CONTESTANTS: list[Any] = [OursConv, OursConvJitNumPy, OursConvJitC, OursConvJitScan, PyTorchConv, JaxConv]
GOALS = [
    Goal(OursConv.name, PyTorchConv.name, 2.5, 1.2),
    Goal(OursConvJitC.name, PyTorchConv.name, 1.2, 0.8),
]


def first_parameters() -> Parameters:
    """Uniform in ±1 / sqrt(inputs of a neuron), as both libraries begin."""
    rng = np.random.default_rng(0)
    parameters = []
    for shape in ((8, 1, 3, 3), (16, 8, 3, 3), (10, 400)):
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        parameters += [rng.uniform(-bound, bound, s).astype(np.float32) for s in (shape, shape[:1])]
    return parameters


def run(settings: Settings) -> list[Table]:
    """Time per step."""
    rounds, count = (2 if settings.quick else 15), 10
    batches = [(x.reshape(S, 1, 28, 28), y) for x, y in mini_batches(count, S)]
    contestants, missing = installed(CONTESTANTS, first_parameters())
    threads = f"{settings.threads} thread{'s' if settings.threads > 1 else ''}"
    table = Table(
        f"W5: 1 x 28 x 28, 8 and 16 channels of 3 x 3, ReLU, max-pool, linear; cross-entropy, S = {S}, Adam, "
        f"{threads}; time per step",
        missing,
    )
    # Adam divides a gradient by its own size: where it is nothing but rounding, the step is not
    contestants = agree(contestants, batches, table.notes, steps=10, rtol=1e-3, atol=LR / 10)
    table.notes.append(f"{rounds} rounds of {count} steps each, in turns")
    epochs = {c.name: partial(c.epoch, c.prepared(batches)) for c in contestants}
    compared(table, in_turns(epochs, rounds, settings, warm_up=True), OursConv.name, GOALS, "ms", count)
    return [table]
