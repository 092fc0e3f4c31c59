"""Backpropagation by hand: the lecture's four equations beside the gradients of the autodiff engine.

The engine has never heard of BP1-BP4: it knows the derivatives of single operations and the chain rule.
`nn.lecture` holds the four equations, written out in plain NumPy.  Both compute the error
delta^l = dC_x/dz^l and the derivatives dC/db^l, dC/dw^l for one mini-batch of real digits.

Run:    .venv/bin/python examples/backprop_by_hand.py
Prints: for every layer the largest entry of each, and the largest difference; then "ok".
"""

import numpy as np

import nn
from tinygrad_edu import Tensor

batch = nn.data.digits().train[:10]
x, y = batch.x.astype(np.float64), batch.y.astype(np.float64)  # (10, 64), (10, 10)
S = len(x)
sizes = [64, 30, 20, 10]
net = nn.MLP(sizes, rng=1, dtype=np.float64)
L = len(sizes)  # the lecture counts the input as layer 1, so the output is layer L

# The engine: feed forward through the layers, keep every z, then one backward sweep.
z = [None, None]
a = Tensor(x)
for linear, sigmoid in zip(net[0::2], net[1::2], strict=True):
    z.append(linear(a).retain_grad())
    a = sigmoid(z[-1])
C = nn.QuadraticCost()(a, Tensor(y))
C.backward()

# By hand: BP1-BP4 on the same numbers.  Places 0 and 1 stay empty, for layers 2 ... L have parameters.
w = [None, None] + [linear.weight.data for linear in net[0::2]]
b = [None, None] + [linear.bias.data for linear in net[0::2]]
hand = nn.lecture.backpropagate(w, b, x, y)

# C is a mean over S examples, so the engine's dC/dz is delta / S: delta belongs to the cost of one example.
rows = []
for l in range(L, 1, -1):
    linear = net[2 * (l - 2)]
    rule = "BP1" if l == L else "BP2"
    rows += [
        (f"{rule}  delta{l}", S * z[l].grad.data, hand.delta[l]),
        (f"BP3  dC/db{l}", linear.bias.grad.data, hand.dC_db[l]),
        (f"BP4  dC/dw{l}", linear.weight.grad.data, hand.dC_dw[l]),
    ]

print(f"network {'-'.join(map(str, sizes))}, mini-batch of {S} digits, cost {C.item():.6f} ", end="")
print(f"(by hand {nn.lecture.cost(hand.a[L], y):.6f})\n")
print(f"{'':12s} {'shape':>9s} {'largest entry':>14s} {'difference':>11s} {'relative':>9s}")
worst = 0.0
for what, engine, by_hand in rows:
    largest, difference = np.max(abs(by_hand)), np.max(abs(engine - by_hand))
    worst = max(worst, difference / largest)
    print(f"{what:12s} {by_hand.shape!s:>9s} {largest:14.6f} {difference:11.1e} {difference / largest:9.1e}")

if not worst < 1e-12:
    raise SystemExit(f"failed: engine and lecture differ by {worst:.1e} of the largest entry, more than 1e-12")
print(f"\nok: the engine finds BP1-BP4 by itself; largest relative difference {worst:.1e}")
