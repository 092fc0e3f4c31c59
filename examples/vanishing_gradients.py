"""Vanishing gradients, measured: how large is the error delta^l in the first layers of a deep network?

    delta^l = (w^(l+1)T delta^(l+1)) * sigma'(z^l)                            (BP2)

sigma' is at most 1/4, so that every sigmoid layer on the way back makes delta smaller, unless the weights are large.
tanh' reaches 1, relu' is 0 or 1: with weights of the right size delta keeps its size.

Run:    .venv/bin/python examples/vanishing_gradients.py
Prints: |delta^l|, the root mean square over 100 digits and 50 neurons, for 1 to 6 hidden layers; then "ok".
"""

import numpy as np

import nn
from tinygrad_edu import Tensor

KINDS = {  # the activation, how steep it is at most, and how large the first weights are
    "sigmoid, +-1/sqrt(n)": ("sigmoid", 1 / 4, "uniform"),  # PyTorch's default: U(-1, 1) / sqrt(n)
    "sigmoid, N(0, 1/n)": ("sigmoid", 1 / 4, "scaled_normal"),  # the book's better one
    "tanh, Xavier": ("tanh", 1, "xavier_uniform"),  # Glorot and Bengio 2010
    "ReLU, He": ("relu", 1, "kaiming_uniform"),  # He et al. 2015
}
digits = nn.data.digits().train[:100]
x, y = Tensor(digits.x - digits.x.mean()), Tensor(digits.y)


def deltas(activation, steepest, init, hidden):
    """|delta^l| of the hidden layers, the first one first.  On the way, what follows from BP2 is checked."""
    net = nn.MLP([64, *[50] * hidden, 10], activation, output="linear", init=init, rng=0)
    a, z, w = x, [], []
    for module in net:
        a = module(a)
        if isinstance(module, nn.Linear):
            z.append(a)  # (100, 50), and in the last layer (100, 10)
            w.append(module.weight.data)
    nn.CrossEntropyLoss()(a, y).backward(retain_grads=True)
    delta = [100 * t.grad.data for t in z]  # dC/dz; times 100, for C is the mean over 100 digits
    for i in range(hidden):
        most = np.linalg.norm(w[i + 1], 2) * np.linalg.norm(delta[i + 1]) * steepest
        if not np.linalg.norm(delta[i]) <= 1.0001 * most:
            raise SystemExit("failed: |delta^l| > |w^(l+1)| |delta^(l+1)| max sigma', which contradicts BP2")
    return [np.sqrt(np.mean(d**2)) for d in delta[:-1]]


shrinks = {}
for kind, setting in KINDS.items():
    print(f"\n{kind:22s}" + "".join(f"layer {layer}  " for layer in range(2, 8)) + "first / last")
    for hidden in range(1, 7):
        sizes = deltas(*setting, hidden)
        shrinks[kind] = sizes[0] / sizes[-1]  # with six hidden layers, at last
        row = "".join(f"{size:<9.1e}" for size in sizes)
        print(f"  hidden layers: {hidden}     {row:54s}{shrinks[kind]:.1e}")

plain, larger, tanh, relu = shrinks.values()
if not (plain < 1e-3 and larger < 1e-2):
    raise SystemExit("failed: six sigmoid layers should make delta a thousand times smaller, or a hundred times")
if not (0.2 < tanh < 5 and 0.2 < relu < 5):
    raise SystemExit("failed: tanh and ReLU, with weights of the right size, should keep the size of delta")
print("\nBack from the last of six hidden layers to the first, delta shrinks to this part of its size:")
print(f"ok: {plain:.0e} with sigmoids, {larger:.0e} with larger weights; {tanh:.1f} with tanh, {relu:.1f} with ReLU")
