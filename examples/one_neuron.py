"""One neuron, taken apart: its backpropagation by the engine and by hand.

The neuron with two inputs:  z = w1 x1 + w2 x2 + b,   a = sigma(z),   cost C = (a - y)^2 / 2.
By the chain rule:           delta = dC/dz = (a - y) sigma'(z),   dC/dw1 = delta x1,   dC/db = delta.

Run:    .venv/bin/python examples/one_neuron.py
Prints: delta and the three derivatives, found by backward() and by the formulas above; then "ok".
Writes: runs/examples/one_neuron.svg, the graph that backward() walked through.
"""

import math
from pathlib import Path

from tinygrad_edu import Tensor, draw, sigmoid

# Data, and what is to be learned.  Every one of them is a single number.
x1, x2, y = Tensor(0.6, name="x1"), Tensor(0.9, name="x2"), Tensor(1.0, name="y")
w1 = Tensor(0.8, requires_grad=True, name="w1")
w2 = Tensor(-0.5, requires_grad=True, name="w2")
b = Tensor(0.1, requires_grad=True, name="b")

# Feed forward.  Every operation is recorded while it is computed.
z = w1 * x1 + w2 * x2 + b
a = sigmoid(z)
error = a - y
C = error**2 / 2
for name, t in {"z": z, "a": a, "error": error, "C": C}.items():
    t.name = name

# Backward: from C to every w and b, in one sweep.  It keeps the gradients of leaves only, unless asked for all:
# dC/dz is the lecture's delta.
C.backward(retain_grads=True)

# The same by hand, in plain Python.
by_hand_a = 1 / (1 + math.exp(-(0.8 * 0.6 - 0.5 * 0.9 + 0.1)))
delta = (by_hand_a - 1.0) * by_hand_a * (1 - by_hand_a)  # sigma'(z) = a (1 - a)
rows = [
    ("delta  = dC/dz ", z.grad.item(), delta),
    ("dC/dw1 = delta x1", w1.grad.item(), delta * 0.6),
    ("dC/dw2 = delta x2", w2.grad.item(), delta * 0.9),
    ("dC/db  = delta ", b.grad.item(), delta),
]
print(f"z = {z.item():.4f}   a = sigma(z) = {a.item():.4f}   C = {C.item():.6f}\n")
print(f"{'':18s} {'backward()':>12s} {'by hand':>12s}")
for what, engine, by_hand in rows:
    print(f"{what:18s} {engine:12.8f} {by_hand:12.8f}")

folder = Path("runs/examples")
folder.mkdir(parents=True, exist_ok=True)
draw(C).save(folder / "one_neuron.svg")
print(f"\nThe graph: {folder / 'one_neuron.svg'}")

worst = max(abs(engine / by_hand - 1) for _, engine, by_hand in rows)
if not worst < 1e-14:
    raise SystemExit(f"failed: backward() and the hand formula differ by a factor of 1 + {worst:.1e}")
print("ok: four derivatives, and the engine agrees with the hand formula in all of them")
