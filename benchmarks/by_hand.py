"""One training step by hand in NumPy, and in C: what everybody else is measured against."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .contestants import Batches, Contestant, Parameters, Unavailable, compiler, stacked

__all__ = ["FLAGS", "BookLoops", "C", "NumPy", "NumPyBuffers", "NumPyLayers"]


class NumPy(Contestant):
    """The lecture's equations for two layers as one writes them down; the parameters change in place."""

    name = "NumPy by hand"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        self.parameters = [p.copy() for p in parameters]
        self.eta = eta

    def step(self, x: Any, y: Any) -> Any:
        w2, b2, w3, b3 = self.parameters
        eta = self.eta / len(x)
        a2 = 1 / (1 + np.exp(-(x @ w2.T + b2)))  # (S, 784) -> (S, 30)
        a3 = 1 / (1 + np.exp(-(a2 @ w3.T + b3)))  # (S, 30) -> (S, 10)
        error = a3 - y
        flat = error.ravel()
        cost = (flat @ flat) * (0.5 / len(x))
        delta3 = error * (a3 * (1 - a3))
        delta2 = (delta3 @ w3) * (a2 * (1 - a2))
        w3 -= eta * (delta3.T @ a2)
        b3 -= eta * delta3.sum(axis=0)
        w2 -= eta * (delta2.T @ x)
        b2 -= eta * delta2.sum(axis=0)
        return cost

    def values(self) -> Parameters:
        return self.parameters


class NumPyLayers(NumPy):
    """The same for any number of layers."""

    def step(self, x: Any, y: Any) -> Any:
        eta, weights, biases = self.eta / len(x), self.parameters[::2], self.parameters[1::2]
        activations = [x]
        for w, b in zip(weights, biases, strict=True):
            activations.append(1 / (1 + np.exp(-(activations[-1] @ w.T + b))))
        error = activations[-1] - y
        flat = error.ravel()
        cost = (flat @ flat) * (0.5 / len(x))
        delta = error
        for l in reversed(range(len(weights))):
            a = activations[l + 1]
            delta = delta * (a * (1 - a))
            g_w, g_b = delta.T @ activations[l], delta.sum(axis=0)
            if l > 0:
                delta = delta @ weights[l]
            weights[l] -= eta * g_w
            biases[l] -= eta * g_b
        return cost


class NumPyBuffers(NumPy):
    """The same, with every result written into memory that was reserved once, and no name looked up twice."""

    name = "NumPy by hand, out= buffers"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        super().__init__(sizes, parameters, eta, examples)
        w2, b2, w3, b3 = self.parameters
        (a2, delta2, t2), (a3, delta3, t3) = (
            [np.empty((examples, n), np.float32) for _ in range(3)] for n in (len(b2), len(b3))
        )
        flat = delta3.ravel()  # a view
        w2T, w3T, delta2T, delta3T = w2.T, w3.T, delta2.T, delta3.T
        g_w2, g_b2, g_w3, g_b3 = (np.empty_like(p) for p in self.parameters)
        rate, half = np.float32(eta / examples), 0.5 / examples
        dot, add, subtract, multiply, divide = np.dot, np.add, np.subtract, np.multiply, np.divide
        exp, negative, sum_rows = np.exp, np.negative, np.add.reduce
        one = np.float32(1)

        def layer(x: Any, wT: Any, b: Any, a: Any) -> None:
            dot(x, wT, a)
            add(a, b, a)
            negative(a, a)
            exp(a, a)
            add(a, one, a)
            divide(one, a, a)

        def update(p: Any, gradient: Any) -> None:
            multiply(gradient, rate, gradient)
            subtract(p, gradient, p)

        def step(x: Any, y: Any) -> Any:
            layer(x, w2T, b2, a2)
            layer(a2, w3T, b3, a3)
            subtract(a3, y, delta3)
            cost = dot(flat, flat) * half
            subtract(one, a3, t3)
            multiply(t3, a3, t3)
            multiply(delta3, t3, delta3)
            dot(delta3, w3, delta2)
            subtract(one, a2, t2)
            multiply(t2, a2, t2)
            multiply(delta2, t2, delta2)
            dot(delta3T, a2, g_w3)
            update(w3, g_w3)
            sum_rows(delta3, 0, None, g_b3)
            update(b3, g_b3)
            dot(delta2T, x, g_w2)
            update(w2, g_w2)
            sum_rows(delta2, 0, None, g_b2)
            update(b2, g_b2)
            return cost

        self.step = step  # type: ignore[method-assign]


class BookLoops(NumPy):
    """As in the book's network.py: one example at a time, as a column; the gradients are summed in lists."""

    name = "per-example loops of the book"

    def step(self, x: Any, y: Any) -> Any:
        eta, cost = self.eta / len(x), 0.0
        nabla = [np.zeros_like(p) for p in self.parameters]
        for x_row, y_row in zip(x, y, strict=True):
            c, delta_nabla = self.backprop(x_row[:, None], y_row[:, None])
            nabla = [n + d for n, d in zip(nabla, delta_nabla, strict=True)]
            cost += c
        self.parameters = [p - eta * n for p, n in zip(self.parameters, nabla, strict=True)]
        return cost / len(x)

    def backprop(self, x: Any, y: Any) -> tuple[float, list[Any]]:
        """The cost and the gradient of one example."""
        w2, b2, w3, b3 = self.parameters
        a2 = 1 / (1 + np.exp(-(np.dot(w2, x) + b2[:, None])))  # (784, 1) -> (30, 1)
        a3 = 1 / (1 + np.exp(-(np.dot(w3, a2) + b3[:, None])))  # (30, 1) -> (10, 1)
        error = a3 - y
        delta3 = error * (a3 * (1 - a3))
        delta2 = np.dot(w3.T, delta3) * (a2 * (1 - a2))
        gradient = [np.dot(delta2, x.T), delta2[:, 0], np.dot(delta3, a2.T), delta3[:, 0]]
        return 0.5 * float(np.sum(error * error)), gradient


# ---- C ---------------------------------------------------------------------------------------------------

FLAGS = [
    "-O3",
    "-march=native",
    "-fno-math-errno",  # these five let sums be computed in another order; NaN and infinities stay what they are
    "-fno-trapping-math",
    "-fassociative-math",
    "-fno-signed-zeros",
    "-freciprocal-math",
]


class C(Contestant):
    """The equations in one C function over the whole epoch: by_hand.c."""

    name = "C by hand, whole epoch"

    def __init__(self, sizes: list[int], parameters: Parameters, eta: float, examples: int) -> None:
        cc = compiler()
        self.parameters = [p.copy() for p in parameters]
        n_in, hidden, n_out = sizes
        numbers = {"N_IN": n_in, "N_HIDDEN": hidden, "N_OUT": n_out, "S": examples}
        source = Path(__file__).with_name("by_hand.c")
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            library = Path(folder) / "by_hand.so"
            defined = [f"-D{name}={number}" for name, number in numbers.items()]
            command = [cc, *FLAGS, *defined, "-shared", "-fPIC", str(source), "-o", str(library), "-lm"]
            made = subprocess.run(command, capture_output=True, text=True)
            if made.returncode != 0:
                raise Unavailable(f"{cc} does not compile by_hand.c: {made.stderr.strip().splitlines()[0]}")
            self.function = ctypes.CDLL(str(library)).epoch
        array = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
        self.function.argtypes = [ctypes.c_long, ctypes.c_float, *[array] * 7]
        self.function.restype = None
        self.eta = eta

    def prepared(self, batches: Batches) -> Any:
        return stacked(batches)

    def epoch(self, prepared: Any) -> Any:
        xs, ys = prepared
        costs = np.empty(len(xs), np.float32)
        self.function(len(xs), self.eta, xs, ys, *self.parameters, costs)
        return costs

    def costs(self, prepared: Any) -> list[float]:
        costs: list[float] = self.epoch(prepared).tolist()
        return costs

    def values(self) -> Parameters:
        return self.parameters
