"""Universal approximation: sums of sigmoids come close to any continuous function (Cybenko 1989).

1. Two sigmoids make a bump:  f(x) = w3 sigma(b1 + w1 x) + w4 sigma(b2 + w2 x).
2. Bumps side by side, each as high as the function is there, make the function: no learning needed.
3. Gradient descent finds sums of its own: with 2, 5 and 20 hidden neurons the error falls.

Run:    .venv/bin/python examples/universal_approximation.py
Prints: the largest error of every approximation, then "ok".
Writes: runs/examples/universal_approximation.png, one panel for each of the three.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import nn
from tinygrad_edu import Tensor, sigmoid


def target(x):
    """The function to be approximated on [0, 1]."""
    return np.sin(2 * np.pi * x) / 2 + np.sin(6 * np.pi * x) / 5 + x / 2


GREY, ORANGE, BLUE = "#999999", "#cc6633", "#3366aa"
grid = np.linspace(0, 1, 201)
x, y = Tensor(grid.reshape(-1, 1)), Tensor(target(grid).reshape(-1, 1))  # (201, 1): one example a row
errors = {}
figure = Figure(figsize=(13, 4.8), dpi=110, layout="constrained")
one, built, learned = figure.subplots(1, 3)

# 1. A bump: one steep sigmoid goes up at x = 0.4, a second one comes down again at x = 0.6.
w1, b1, w3 = Tensor(60.0), Tensor(-60 * 0.4), Tensor(1.0)
w2, b2, w4 = Tensor(60.0), Tensor(-60 * 0.6), Tensor(-1.0)
up, down = w3 * sigmoid(b1 + w1 * x), w4 * sigmoid(b2 + w2 * x)
one.plot(grid, (up + down).data, color="black", lw=2.5, label="their sum: a bump")
one.plot(grid, up.data, "--", color=BLUE, lw=2, label="$w_3\\,σ(b_1 + w_1 x)$")
one.plot(grid, down.data, "--", color=ORANGE, lw=2, label="$w_4\\,σ(b_2 + w_2 x)$")
one.set_title("1. two sigmoids make a bump")

# 2. Bump i stands at x_i, is as wide as the distance h to the next one, and as high as the function there.
for n, color in ((5, ORANGE), (20, BLUE)):
    h, f = 1 / n, Tensor(np.zeros(x.shape))
    for x_i in np.arange(-0.5, n + 1) * h:  # the first and the last one stand just outside of [0, 1]
        up, down = sigmoid(4 / h * (x - x_i + h / 2)), sigmoid(4 / h * (x - x_i - h / 2))
        bump = target(x_i) * up - target(x_i) * down
        f = f + bump
        if n == 20:
            built.fill_between(grid, bump.data[:, 0], color=color, alpha=0.25, lw=0)
    errors[f"{n} bumps"] = error = np.max(abs(f.data - y.data))
    built.plot(grid, f.data, color=color, lw=2, label=f"{n} bumps, error {error:.2f}", zorder=3)
built.set_title("2. bumps make a function")

# 3. All weights and biases follow the gradient of the cost.  At the start the n sigmoids stand side by side.
for n, color in ((2, GREY), (5, ORANGE), (20, BLUE)):
    net = nn.Sequential(nn.Linear(1, n, dtype=float), nn.Sigmoid(), nn.Linear(n, 1, rng=1, dtype=float))
    net[0].weight.assign(np.full((n, 1), 20.0))
    net[0].bias.assign(-20 * (np.arange(n) + 0.5) / n)
    optimizer = nn.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    for _ in range(4000):
        nn.train_step(net, nn.QuadraticCost(), optimizer, x.data, y.data)
    errors[f"{n} neurons"] = error = np.max(abs(net(x).data - y.data))
    learned.plot(grid, net(x).data, color=color, lw=2, label=f"{n} neurons, error {error:.2f}", zorder=3)
learned.set_title("3. gradient descent finds sums of its own")

for ax in (built, learned):
    ax.plot(grid, y.data, color="black", alpha=0.2, lw=7, label="the function")
    ax.set_ylim(-0.3, 0.8)
for ax in (one, built, learned):
    ax.set(xlabel="x", xlim=(0, 1))
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
path = Path("runs/examples/universal_approximation.png")
path.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(path)

for what, error in errors.items():
    print(f"{what:10s} largest error {error:.3f}")
print(f"The picture: {path}")
if not (errors["20 bumps"] < 0.05 < errors["5 bumps"]):
    raise SystemExit("failed: 20 bumps should come closer to the function than 0.05, and 5 bumps should not")
if not (errors["20 neurons"] < 0.05 < errors["5 neurons"] < errors["2 neurons"]):
    raise SystemExit("failed: more neurons should come closer, and 20 of them closer than 0.05")
print("ok: more bumps or more neurons, smaller error; 20 of either come closer than 0.05")
