"""A network that solves a differential equation: the swing of a weight on a spring, without one example to learn from.

    u''(t) = -u(t),   u(0) = 1,   u'(0) = 0,   for 0 <= t <= 2 pi;   the exact solution is cos t

The trial solution  u(t) = 1 + t^2 / (1 + t^2) N(t),  with N a small network, starts right whatever N is.  The cost is
how far it is from the equation, the mean of (u'' + u)^2 over 64 times: a derivative of second order in t, which is
then differentiated once more, in all weights.  (Lagaris, Likas and Fotiadis 1998)

Run:    .venv/bin/python examples/differential_equation.py
Prints: the cost and the error while it learns, u beside cos t, then "ok".
"""

import math

import numpy as np

import nn
from tinygrad_edu import Tensor, grad

rng = np.random.default_rng(0)
net = nn.MLP([1, 24, 24, 1], "tanh", output="linear", init="xavier_uniform", rng=rng, dtype=np.float64)


def u(t):
    """The trial solution: (S, 1) -> (S, 1).  The network sees times between -1 and 1."""
    return 1 + t**2 / (1 + t**2) * net(t / math.pi - 1)


# u(t_i) depends on t_i alone, so the gradient of the sum of all u(t_i) is the list of all u'(t_i).  And once more.
velocity = grad(lambda t: u(t).sum())
acceleration = grad(lambda t: velocity(t).sum())

UPDATES = 3000
times = Tensor(np.linspace(0, 2 * math.pi, 64).reshape(-1, 1))
exact = np.cos(times.data)
optimizer = nn.optim.Adam(net.parameters(), lr=0.02)
schedule = nn.optim.lr_scheduler.CosineAnnealingLR(optimizer, UPDATES)
for update in range(UPDATES + 1):
    cost = ((acceleration(times) + u(times)) ** 2).mean()
    if update % 500 == 0:
        error = np.max(abs(u(times).data - exact))
        print(f"update {update:4d}   mean (u'' + u)^2 = {cost.item():.1e}   largest |u - cos t| = {error:.1e}")
    optimizer.zero_grad()
    cost.backward()
    optimizer.step()
    schedule.step()

between = Tensor(rng.uniform(0, 2 * math.pi, (1000, 1)))  # times that it was not trained at
print("\n     t        u(t)       cos t")
for t in range(7):
    print(f"  {t:4d}  {u(Tensor([[float(t)]])).item():10.6f}  {math.cos(t):10.6f}")
errors = {
    "u": np.max(abs(u(between).data - np.cos(between.data))),
    "u'": np.max(abs(velocity(between).data + np.sin(between.data))),
    "u''": np.max(abs(acceleration(between).data + np.cos(between.data))),
}
print("largest errors at 1,000 times in between: " + ", ".join(f"{name} {e:.1e}" for name, e in errors.items()))
if not (errors["u"] < 0.005 and max(errors.values()) < 0.05):
    raise SystemExit("failed: u should come closer to cos t than 0.005, and u' and u'' than 0.05 to its derivatives")
print(f"ok: the network swings as cos t, to {errors['u']:.0e}; it was told the equation and the start, nothing else")
