"""Random networks, each held against the four equations of backpropagation worked out by hand in NumPy.

    python -m tests.fuzz_networks -n 10000 --seed 1
    python -m tests.fuzz_networks -n 10000 --seed 1 --float32     # against float64, at 2e-5 times the depth

Depth 1-5, width 1-16, mini-batch 1-8; sigmoid, tanh, ReLU or none in each layer; quadratic cost or
cross-entropy of softmax; with and without biases; sometimes one layer used twice (tied weights).
Network k of a seed is the same whatever the rest.  The exit code is 1 if there are mismatches.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import nn
from tinygrad_edu import Tensor

RTOL, ATOL = 1e-12, 1e-13


@dataclass
class Net:
    """What is drawn: parameters, activations, a mini-batch, a cost.  Layer l of the lecture is entry l - 2."""

    w: list[Any]
    b: list[Any]  # an entry is None: no bias
    s: list[str]
    x: Any
    y: Any
    cost: str
    tied: bool  # the last two layers are one


def network(seed: int, k: int, tame: bool = False) -> Net:
    """Network k of a seed; tame: with weights of the size 1/√n_in, so that nothing is saturated."""
    rng = np.random.default_rng([seed, k])
    depth = int(rng.integers(1, 6))
    sizes = [int(n) for n in rng.integers(1, 17, depth + 1)]
    tied = depth >= 2 and rng.random() < 0.2
    if tied:
        sizes[-1] = sizes[-2] = sizes[-3]
    scale = rng.choice([1.0, 0.3, 3.0])
    w = [(scale if not tame else m**-0.5) * rng.standard_normal((n, m)) for m, n in pairwise(sizes)]
    b = [scale * rng.standard_normal(n) if rng.random() < 0.8 else None for n in sizes[1:]]
    s = [str(rng.choice(["sigmoid", "tanh", "relu", "none"])) for _ in w]
    if tied:
        w[-1], b[-1] = w[-2], b[-2]
    cost = str(rng.choice(["quadratic", "cross-entropy"]))
    if cost == "cross-entropy":
        s[-1] = "none"
    x = rng.standard_normal((int(rng.integers(1, 9)), sizes[0]))
    one_hot = np.eye(sizes[-1])[rng.integers(0, sizes[-1], len(x))]
    y = rng.standard_normal((len(x), sizes[-1])) if cost == "quadratic" and rng.random() < 0.5 else one_hot
    return Net(w, b, s, x, y, cost, tied)


# ---- by hand ---------------------------------------------------------------------------------------------

ACTIVITY = {
    "sigmoid": lambda z: np.exp(np.minimum(z, 0)) / (1 + np.exp(-np.abs(z))),
    "tanh": np.tanh,
    "relu": lambda z: z * (z > 0),
    "none": lambda z: z,
}
SLOPE = {  # in terms of the activity, as the lecture has sigma' = sigma (1 - sigma)
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
    "relu": lambda a: 1.0 * (a > 0),
    "none": lambda a: np.ones_like(a),
}


def by_hand(net: Net) -> list[Any]:
    """[C, delta^2 / S, dC/dw^2, dC/db^2, delta^3 / S, …]: tied layers have their derivatives added."""
    a = [net.x]
    for w, b, s in zip(net.w, net.b, net.s, strict=True):
        z = a[-1] @ w.T + (0 if b is None else b)
        a.append(ACTIVITY[s](z))
    S = len(net.x)
    if net.cost == "quadratic":
        cost = 0.5 * ((a[-1] - net.y) ** 2).sum() / S
        delta = (a[-1] - net.y) / S * SLOPE[net.s[-1]](a[-1])  # BP1
    else:
        high = z - z.max(axis=1, keepdims=True)
        log_p = high - np.log(np.exp(high).sum(axis=1, keepdims=True))
        cost = -(net.y * log_p).sum() / S
        delta = (np.exp(log_p) - net.y) / S  # sum_i y_i = 1
    deltas = [delta]
    for l in range(len(net.w) - 1, 0, -1):
        deltas.insert(0, (deltas[0] @ net.w[l]) * SLOPE[net.s[l - 1]](a[l]))  # BP2
    dw = [d.T @ a_before for d, a_before in zip(deltas, a, strict=False)]  # BP4
    db = [d.sum(axis=0) for d in deltas]  # BP3
    if net.tied:
        dw[-1] = dw[-2] = dw[-1] + dw[-2]
        db[-1] = db[-2] = db[-1] + db[-2]
    found = [cost]
    for d, gw, gb, b in zip(deltas, dw, db, net.b, strict=True):
        found += [d, gw] if b is None else [d, gw, gb]
    return found


# ---- by the engine ---------------------------------------------------------------------------------------

MODULES = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def by_engine(net: Net, dtype: Any = np.float64) -> list[Any]:
    """The same, by nn and backward()."""
    layers = [
        nn.Linear(w.shape[1], w.shape[0], bias=b is not None, dtype=dtype) for w, b in zip(net.w, net.b, strict=True)
    ]
    for layer, w, b in zip(layers, net.w, net.b, strict=True):
        layer.weight.assign(w.astype(dtype))
        if b is not None:
            layer.bias.assign(b.astype(dtype))
    if net.tied:
        layers[-1] = layers[-2]
    a, zs = Tensor(net.x.astype(dtype)), []
    for layer, s in zip(layers, net.s, strict=True):
        z = layer(a).retain_grad()
        zs.append(z)
        a = MODULES[s]()(z) if s != "none" else z
    cost = (nn.QuadraticCost() if net.cost == "quadratic" else nn.CrossEntropyLoss())(a, net.y.astype(dtype))
    cost.backward()
    found = [cost.data]
    for z, layer in zip(zs, layers, strict=True):
        found += [z.grad.data, layer.weight.grad.data]
        found += [] if layer.bias is None else [layer.bias.grad.data]
    return found


def mismatch(net: Net, dtype: Any = np.float64) -> str | None:
    """What differs, by how much; None if nothing does."""
    rtol, atol = (RTOL, ATOL) if dtype == np.float64 else (2e-5 * len(net.w), 2e-6)
    for i, (mine, theirs) in enumerate(zip(by_engine(net, dtype), by_hand(net), strict=True)):
        scale = max(1.0, float(np.max(np.abs(theirs))))  # sums of terms of both signs: as exact as their largest
        if mine.shape != np.shape(theirs) or not np.allclose(mine, theirs, rtol, atol * scale):
            return f"entry {i}: {mine!r:.200} by the engine, {theirs!r:.200} by hand"
    return None


def main() -> int:
    """Try n networks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=10_000, help="how many networks (default: 10,000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--float32", action="store_true", help="the engine in float32")
    args = parser.parse_args()
    begun, wrong = time.perf_counter(), 0
    for k in range(args.n):
        net = network(args.seed, k, tame=args.float32)
        found = mismatch(net, np.float32 if args.float32 else np.float64)
        if found is not None:
            wrong += 1
            print(f"network {k} of seed {args.seed}: {[w.shape for w in net.w]} {net.s} {net.cost}: {found}")
    rate = args.n / (time.perf_counter() - begun)
    print(f"{args.n} networks, {wrong} mismatches; seed {args.seed}, {rate:.0f} networks/s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
