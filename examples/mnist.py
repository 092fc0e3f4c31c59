"""Handwritten digits: the lecture's network 784-30-10 learns MNIST by stochastic gradient descent.

MNIST is used if its four files are on this computer: in the folder that the environment variable
TINYGRAD_EDU_MNIST names, or in the cache (`tinygrad-edu train --data mnist` puts it there).  If not,
a 64-30-10 network learns the 1,797 small digits that scikit-learn brings along.

Run:    .venv/bin/python examples/mnist.py
Prints: one line per epoch (cost, and right answers on test images the network has never seen), then "ok".
"""

import numpy as np

import nn
from tinygrad_edu import DataError

try:
    data, epochs, enough = nn.data.mnist(download=False), 10, 0.93
except DataError:
    print("MNIST is not on this computer, so the small digits stand in for it.")
    print("To download it (11 MB): tinygrad-edu train --data mnist\n")
    data, epochs, enough = nn.data.digits(), 30, 0.93

pixels = data.train.x.shape[1]  # 28 x 28 = 784 for MNIST, 8 x 8 = 64 for the small digits
rng = np.random.default_rng(1)  # one seed for the first weights and the order of the examples
net = nn.MLP([pixels, 30, 10], rng=rng)
cost = nn.QuadraticCost()
optimizer = nn.optim.SGD(net.parameters(), lr=3.0)  # eta = 3
print(f"{data.name}: {len(data.train):,} training and {len(data.test):,} test images, network {pixels}-30-10")
history = nn.fit(net, cost, optimizer, data, epochs=epochs, batch_size=10, rng=rng)

counts = nn.metrics.confusion_matrix(data.test.labels, nn.predict(net, data.test.x))
np.fill_diagonal(counts, 0)
is_digit, taken_for = np.unravel_index(counts.argmax(), counts.shape)
print(f"\nmost frequent mistake: a {is_digit} taken for a {taken_for}, {counts.max()} times")

reached = history.accuracies[-1]
if not reached > enough:
    raise SystemExit(f"failed: {reached:.1%} of the test images are right, expected more than {enough:.0%}")
print(f"ok: {reached:.1%} of the test images are right (chance: 10%)")
