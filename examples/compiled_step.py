"""The lecture's training step as C: what jit makes of it, read from top to bottom.

A step of training is the same few formulas again and again, with other numbers: forward, backward (BP1 to BP4), and
the update rule w <- w - eta dC/dw.  jit writes the formulas down once, as a program of single operations, and turns
the program into C: loops over numbers in memory, which the machine can do without Python.  Here a 4-3-2 network is
small enough to be read in full.

Run:    .venv/bin/python examples/compiled_step.py
Prints: the program, parts of the C with explanations, then "ok" after 200 steps in C and in Python gave the same.
"""

import time

import numpy as np

import nn
from tinygrad_edu import Tensor, jit

S = 5  # examples in a mini-batch
rng = np.random.default_rng(1)
xs = rng.random((200, S, 4), dtype=np.float32)  # 200 mini-batches
ys = rng.random((200, S, 2), dtype=np.float32)


def make_step():
    """A new network, and the function that trains it: one step."""
    net = nn.MLP([4, 3, 2], rng=np.random.default_rng(2))
    cost = nn.QuadraticCost()
    optimizer = nn.optim.SGD(net.parameters(), lr=1.0)

    def train_step(x, y):
        C = cost(net(x), y)
        optimizer.zero_grad()
        C.backward()
        optimizer.step()
        return C

    return net, train_step


# ---- 1. record ---------------------------------------------------------------------------------------------

net, train_step = make_step()
fast_step = jit(train_step)
costs = [fast_step(Tensor(x), Tensor(y)).item() for x, y in zip(xs[:3], ys[:3], strict=True)]

print("1. The first two calls ran as usual, and jit wrote down what they did.  v0, v1, ... are values; the layer's")
print("   own names (z2, a2, ...) stand at the end of a line:\n")
print(fast_step.program)

# ---- 2. the C ----------------------------------------------------------------------------------------------

print(
    "\n2. This is some of what the C compiler got.  Each function is one loop, under a comment with the lines it does."
)
print("   What only one loop needs is a variable inside it, and never goes to memory:\n")


def function_with(words):
    """The function of the C text that has these words, with the comment above it."""
    for part in fast_step.source.split("\n}\n"):
        text = part[part.rfind("\n/* ") + 1 :]
        if words in text:
            return text + "\n}\n"
    raise SystemExit(f"failed: the C has no {words!r}")


print("The first product, x w2^T.  Its sums stay in the processor while they grow (p: example, q: neuron):\n")
print(function_with("4_product("))
print(
    "What becomes of each sum: z2 = x w2^T + b2, a2 = sigmoid(z2), and sigma'(z2) = a2 (1 - a2) for BP2, all at once:\n"
)
print(function_with("(a2) = sigmoid"))
print("BP4 and the update of w2 at once: the gradient is used while it is at hand.  (It is stored for the caller only")
print("after the last of many steps, `if (last)`.)\n")
print(function_with("(w2) = add"))
print("And all functions in order, which is the whole training step:\n")
print(function_with("part_0("))

# ---- 3. an epoch in one call ---------------------------------------------------------------------------------

print("3. scan goes through all mini-batches in one call: a `for` loop in C around the step.\n")
start = time.perf_counter()
rest = fast_step.scan(xs[3:], ys[3:])
in_c = time.perf_counter() - start
costs += rest.tolist()

same_net, plain_step = make_step()
start = time.perf_counter()
expected = [plain_step(Tensor(x), Tensor(y)).item() for x, y in zip(xs, ys, strict=True)]
in_python = time.perf_counter() - start
each, each_in_python = 1e6 * in_c / len(rest), 1e6 * in_python / len(xs)
print(f"   {len(rest)} steps took {each:.1f} µs each; in Python {each_in_python:.0f} µs each\n")

differences = [
    float(np.max(abs(a.data - b.data))) for a, b in zip(net.parameters(), same_net.parameters(), strict=True)
]
if not (max(differences) < 1e-5 and np.allclose(costs, expected, rtol=1e-4)):
    raise SystemExit(f"failed: the parameters differ by {max(differences):.1e}")
print(f"ok: 200 steps in C and in Python agree, C went from {costs[0]:.4f} to {costs[-1]:.4f}")
