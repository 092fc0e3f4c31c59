"""XOR: the smallest task that one layer cannot learn, learned by a 2-2-1 network.

Nothing of `nn` is used: the parameters are Tensors, and the training loop is the lecture's
update rule, written out:  w <- w - eta dC/dw,  b <- b - eta dC/db.

Run:    .venv/bin/python examples/xor.py
Prints: the cost on the way, the four answers of the trained network, then "ok".
"""

import numpy as np

from tinygrad_edu import Tensor, no_grad, sigmoid

# The whole task, one example a row: the answer is 1 if exactly one of the two inputs is 1.
x = Tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])  # (4, 2)
y = Tensor([[0.0], [1.0], [1.0], [0.0]])  # (4, 1)

# Layers are numbered as in the lecture: the input is layer 1.  w2[i, j] goes from neuron j to neuron i.
rng = np.random.default_rng(3)
w2 = Tensor(rng.standard_normal((2, 2)), requires_grad=True, name="w2")
b2 = Tensor(rng.standard_normal(2), requires_grad=True, name="b2")
w3 = Tensor(rng.standard_normal((1, 2)), requires_grad=True, name="w3")
b3 = Tensor(rng.standard_normal(1), requires_grad=True, name="b3")

eta = 5.0
for step in range(5001):
    a2 = sigmoid(x @ w2.T + b2)  # (4, 2) -> (4, 2)
    a3 = sigmoid(a2 @ w3.T + b3)  # (4, 2) -> (4, 1)
    C = ((a3 - y) ** 2).sum() / (2 * len(x))
    if step % 100 == 0:
        print(f"step {step:4d}   C = {C.item():.5f}")
    if np.all(abs(a3.data - y.data) < 0.1):
        break
    for p in (w2, b2, w3, b3):
        p.grad = None  # backward() adds to what is there, so begin with nothing
    C.backward()
    with no_grad():  # an update is no part of the graph
        w2 -= eta * w2.grad
        b2 -= eta * b2.grad
        w3 -= eta * w3.grad
        b3 -= eta * b3.grad

print(f"\nafter {step} steps:\n\n x1  x2   wanted   answer   hidden neurons")
for (x1, x2), wanted, answer, hidden in zip(x.data, y.data[:, 0], a3.data[:, 0], a2.data, strict=True):
    print(f"  {x1:.0f}   {x2:.0f}   {wanted:6.0f}   {answer:6.2f}   {hidden.round(2)}")

right = int(np.sum(a3.data.round() == y.data))
if right != 4:
    raise SystemExit(f"failed: only {right} of the 4 answers are right")
print("\nok: all four answers are right")
