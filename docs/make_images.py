"""Draw the pictures of the README: python docs/make_images.py (needs dot)."""

from pathlib import Path

import numpy as np

import nn
from tinygrad_edu import Tensor, draw

FOLDER = Path(__file__).parent / "images"

# the README's first lines
x, w, b = Tensor(0.5, name="x"), Tensor(-2.0, requires_grad=True, name="w"), Tensor(1.0, requires_grad=True, name="b")
C = 0.5 * ((w * x + b).sigmoid() - 1) ** 2
C.backward(retain_grads=True)
draw(C).save(FOLDER / "neuron.png")

# what `make train` leaves
digits = nn.data.digits()
rng = np.random.default_rng(1)
net = nn.MLP([64, 30, 10], rng=rng)
opt = nn.optim.SGD(net.parameters(), lr=3.0)
history = nn.fit(net, nn.QuadraticCost(), opt, digits, epochs=30, batch_size=10, rng=rng, progress=False)
figure = nn.plot.figure((11, 4.2))
left, right = figure.subplots(1, 2)
history.plot(left)
nn.plot.confusion(net, digits.test, right)
figure.savefig(FOLDER / "training.png", dpi=80)
