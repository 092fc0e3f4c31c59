"""A small convolutional network reads handwritten digits: each neuron sees one window, and all share their weights.

    image -> 16 detectors 5 x 5 -> ReLU -> max-pool 2 x 2 -> 32 detectors 3 x 3 -> ReLU -> max-pool 2 x 2
          -> one row of numbers -> dropout -> 10 logits

Run:    .venv/bin/python examples/digits_conv.py              the small digits, 8 x 8, in seconds
        .venv/bin/python examples/digits_conv.py folder       MNIST, 28 x 28, its four files in the folder, in minutes
Prints: the layers, a line per epoch (cost, and right answers on images never seen), then "ok".
"""

import sys

import numpy as np

import nn
from nn.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from nn.optim import Adam
from nn.optim.lr_scheduler import CosineAnnealingLR
from tinygrad_edu import DataError

try:
    if len(sys.argv) > 1:
        data, epochs, batch_size, enough = nn.data.mnist(sys.argv[1], download=False, validation=0), 5, 32, 0.99
    else:
        data, epochs, batch_size, enough = nn.data.digits(), 25, 16, 0.97
except DataError as error:
    raise SystemExit(f"failed: {error}") from None
data = data.images()  # x (N, 1, side, side): one channel, grey
side = data.train.x.shape[-1]

rng = np.random.default_rng(0)  # one seed for the first weights, the dropout and the order of the examples
net = nn.Sequential(
    Conv2d(1, 16, 5, padding=2, rng=rng),  # (S, 1, side, side) -> (S, 16, side, side)
    ReLU(),
    MaxPool2d(2),  # -> (S, 16, side/2, side/2)
    Conv2d(16, 32, 3, padding=1, rng=rng),
    ReLU(),
    MaxPool2d(2),  # -> (S, 32, side/4, side/4)
    Flatten(),  # -> (S, 32 side/4 side/4)
    Dropout(0.25, rng=rng),
    Linear(32 * (side // 4) ** 2, 10, rng=rng),  # logits: the softmax is part of the cost
)
print(f"{data.name}: {len(data.train):,} training and {len(data.test):,} test images of {side} x {side}")
print(*map(repr, net), sep="\n", end="\n\n")
optimizer = Adam(net.parameters(), lr=0.002)
schedule = CosineAnnealingLR(optimizer, epochs)  # the learning rate falls from 0.002 to 0
history = nn.fit(net, nn.CrossEntropyLoss(), optimizer, data, epochs, batch_size, rng=rng, schedule=schedule)

reached = history.accuracies[-1]
if not reached >= enough:
    raise SystemExit(f"failed: {reached:.2%} of the test images are right, expected {enough:.0%} at least")
count = sum(p.size for p in net.parameters())
print(f"ok: {reached:.2%} of the test images are right, by a network of {count:,} numbers")
