"""The same training step in other libraries, each as its own documentation writes it."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np

from .contestants import Batches, Contestant, Parameters, Unavailable, stacked

__all__ = [
    "Autograd",
    "Jax",
    "JaxScan",
    "MyGrad",
    "PyTorch",
    "TinyGrad",
    "TorchCompile",
    "TorchCompileStep",
]

# ---- PyTorch ---------------------------------------------------------------------------------------------


class PyTorch(Contestant):
    """Eager, with its own layers and optimizer."""

    name = "PyTorch eager"
    install = "torch==2.13.0"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        import torch

        self.torch = torch
        layers: list[Any] = []
        for n_in, n_out in pairwise(sizes):
            layers += [torch.nn.Linear(n_in, n_out), torch.nn.Sigmoid()]
        self.net = torch.nn.Sequential(*layers)
        self.net.load_state_dict({k: torch.tensor(p) for k, p in zip(self.net.state_dict(), parameters, strict=True)})
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=eta)

    def prepared(self, batches: Batches) -> Any:
        return [(self.torch.from_numpy(x), self.torch.from_numpy(y)) for x, y in batches]

    def cost(self, x: Any, y: Any) -> Any:
        error = self.net(x) - y
        return (error * error).sum() * (0.5 / len(x))

    def step(self, x: Any, y: Any) -> Any:
        cost = self.cost(x, y)
        self.optimizer.zero_grad()
        cost.backward()
        self.optimizer.step()
        return cost

    def values(self) -> Parameters:
        return [p.detach().numpy() for p in self.net.parameters()]


class TorchCompile(PyTorch):
    """torch.compile around the network and its cost; optimizer and backward() are called as always."""

    name = "PyTorch, torch.compile"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        super().__init__(sizes, parameters, eta, examples)
        self.cost = self.torch.compile(self.cost)  # type: ignore[method-assign]
        self.rehearse(sizes, examples)

    def rehearse(self, sizes: list[int], examples: int) -> None:
        """Compile now, with an answer that is right: the error is nothing, and no parameter moves."""
        x = self.torch.zeros((examples, sizes[0]))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it warns of Python's and of its own future
                y = self.net(x).detach()
                self.step(x, y)
        except Exception as error:  # whatever is missing: a compiler, Python's headers, an unsupported version
            lines = str(error).strip().splitlines() or [""]
            raise Unavailable(f"torch.compile cannot compile here: {type(error).__name__}: {lines[0]}") from error


class TorchCompileStep(TorchCompile):
    """torch.compile around the whole step, with torch.autograd.grad and the updates written out: its fastest form."""

    name = "PyTorch, torch.compile, whole step"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        PyTorch.__init__(self, sizes, parameters, eta, examples)
        torch, parameters = self.torch, list(self.net.parameters())
        whole_cost = self.cost

        def step(x: Any, y: Any) -> Any:
            cost = whole_cost(x, y)
            gradients = torch.autograd.grad(cost, parameters)
            with torch.no_grad():
                for p, g in zip(parameters, gradients, strict=True):
                    p.sub_(g, alpha=eta)
            return cost.detach()

        if not hasattr(torch._dynamo.config, "trace_autograd_ops"):
            raise Unavailable("this PyTorch cannot compile torch.autograd.grad")
        torch._dynamo.config.trace_autograd_ops = True
        self.step = torch.compile(step, fullgraph=True)  # type: ignore[method-assign]
        self.rehearse(sizes, examples)


# ---- JAX -------------------------------------------------------------------------------------------------


class Jax(Contestant):
    """One jitted step per call; the memory of the old parameters is given away (donated) for the new ones."""

    name = "JAX, jitted step"
    install = "jax"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        import jax
        import jax.numpy as jnp

        self.jax, self.jnp = jax, jnp
        self.parameters = [jnp.array(p) for p in parameters]

        def cost(parameters: Parameters, x: Any, y: Any) -> Any:
            a = x
            for w, b in zip(parameters[::2], parameters[1::2], strict=True):
                a = jax.nn.sigmoid(a @ w.T + b)
            error = a - y
            return (error * error).sum() * (0.5 / len(x))

        def step(parameters: Parameters, batch: tuple[Any, Any]) -> tuple[Parameters, Any]:
            c, gradients = jax.value_and_grad(cost)(parameters, *batch)
            return [p - eta * g for p, g in zip(parameters, gradients, strict=True)], c

        self.jitted = jax.jit(step, donate_argnums=0)
        self.scanned = jax.jit(lambda parameters, xs, ys: jax.lax.scan(step, parameters, (xs, ys)), donate_argnums=0)

    def prepared(self, batches: Batches) -> Any:
        return [(self.jnp.array(x), self.jnp.array(y)) for x, y in batches]

    def step(self, x: Any, y: Any) -> Any:
        self.parameters, cost = self.jitted(self.parameters, (x, y))
        return cost

    def epoch(self, prepared: Any) -> Any:
        super().epoch(prepared)
        self.jax.block_until_ready(self.parameters)  # its calls return before they are computed

    def values(self) -> Parameters:
        return [np.array(p) for p in self.parameters]


class JaxScan(Jax):
    """lax.scan: the whole epoch is one call."""

    name = "JAX, lax.scan"

    def prepared(self, batches: Batches) -> Any:
        xs, ys = stacked(batches)
        return self.jnp.array(xs), self.jnp.array(ys)

    def epoch(self, prepared: Any) -> Any:
        self.parameters, costs = self.jax.block_until_ready(self.scanned(self.parameters, *prepared))
        return costs

    def costs(self, prepared: Any) -> list[float]:
        costs: list[float] = np.asarray(self.epoch(prepared)).tolist()
        return costs


# ---- on NumPy --------------------------------------------------------------------------------------------


class MyGrad(Contestant):
    """Its memory guard, which locks arrays while they are in a graph, is switched off: that is its fast setting."""

    name = "MyGrad"
    install = "mygrad"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        import mygrad
        from mygrad.nnet.activations import sigmoid

        mygrad.turn_memory_guarding_off()
        self.tensor, self.sigmoid = mygrad.tensor, sigmoid
        self.parameters = [mygrad.tensor(p) for p in parameters]
        self.eta = eta

    def prepared(self, batches: Batches) -> Any:
        return [(self.tensor(x, constant=True), self.tensor(y, constant=True)) for x, y in batches]

    def step(self, x: Any, y: Any) -> Any:
        a = x
        for w, b in zip(self.parameters[::2], self.parameters[1::2], strict=True):
            a = self.sigmoid(a @ w.T + b)
        error = a - y
        cost = (error * error).sum() * np.float32(0.5 / len(x))  # a Python float would make the cost float64
        cost.backward()
        for p in self.parameters:
            p.data -= self.eta * p.grad
            p.null_grad()
        return cost

    def values(self) -> Parameters:
        return [p.data for p in self.parameters]


class Autograd(Contestant):
    """HIPS autograd: the gradient of a function of plain arrays."""

    name = "HIPS autograd"
    install = "autograd"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        import autograd
        import autograd.numpy as anp

        self.parameters = [p.copy() for p in parameters]
        self.eta = eta

        def cost(parameters: Parameters, x: Any, y: Any) -> Any:
            a = x
            for w, b in zip(parameters[::2], parameters[1::2], strict=True):
                a = 1 / (1 + anp.exp(-(anp.dot(a, w.T) + b)))
            error = a - y
            return anp.sum(error * error) * (0.5 / len(x))

        self.value_and_grad = autograd.value_and_grad(cost)

    def step(self, x: Any, y: Any) -> Any:
        cost, gradients = self.value_and_grad(self.parameters, x, y)
        for p, g in zip(self.parameters, gradients, strict=True):
            p -= self.eta * g
        return cost

    def values(self) -> Parameters:
        return self.parameters


# ---- tinygrad --------------------------------------------------------------------------------------------


class TinyGrad(Contestant):
    """tinygrad under its TinyJit, on the processor; it compiles its kernels with clang."""

    name = "tinygrad, TinyJit"
    install = "tinygrad"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        import tinygrad

        self.tinygrad = tinygrad
        try:
            self.parameters = [tinygrad.Tensor(p).realize() for p in parameters]
            for p in self.parameters:
                p.requires_grad = True
            optimizer = tinygrad.nn.optim.SGD(self.parameters, lr=eta)

            def step(x: Any, y: Any) -> Any:
                with tinygrad.Context(TRAINING=1):
                    a = x
                    for w, b in zip(self.parameters[::2], self.parameters[1::2], strict=True):
                        a = (a @ w.T + b).sigmoid()
                    error = a - y
                    cost = (error * error).sum() * (0.5 / x.shape[0])
                    optimizer.zero_grad()
                    cost.backward()
                    return cost.realize(*optimizer.schedule_step())

            (self.parameters[0] + 1).numpy()  # compiles a first kernel
        except Exception as error:  # no clang, or a device that it cannot open
            raise Unavailable(f"tinygrad cannot compile here (it needs clang): {error}") from error
        self.step = tinygrad.TinyJit(step)  # type: ignore[method-assign]

    def prepared(self, batches: Batches) -> Any:
        tensor = self.tinygrad.Tensor
        return [(tensor(x).realize(), tensor(y).realize()) for x, y in batches]

    def epoch(self, prepared: Any) -> Any:
        super().epoch(prepared)
        self.tinygrad.Device[self.tinygrad.Device.DEFAULT].synchronize()

    def values(self) -> Parameters:
        return [p.numpy() for p in self.parameters]
