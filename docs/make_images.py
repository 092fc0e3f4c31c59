"""Draw the pictures of the README: python docs/make_images.py (needs dot)."""

from pathlib import Path

import nn
from tinygrad_edu import Tensor, draw

FOLDER = Path(__file__).parent / "images"

# the README's first lines
x, w, b = Tensor(0.5, name="x"), Tensor(-2.0, requires_grad=True, name="w"), Tensor(1.0, requires_grad=True, name="b")
z = w * x + b
a = z.sigmoid()
C = 0.5 * (a - 1) ** 2
z.name, a.name, C.name = "z", "a", "C"
C.backward(retain_grads=True)
draw(C).save(FOLDER / "neuron.png")

# what `make train` leaves
digits = nn.data.digits()
net = nn.MLP([64, 30, 10], rng=1)
history = nn.fit(net, nn.QuadraticCost(), nn.optim.SGD(net.parameters(), 3.0), digits, 30, 10, rng=1, progress=False)
figure = nn.plot.figure((11, 4.2))
left, right = figure.subplots(1, 2)
history.plot(left)
nn.plot.confusion(net, digits.test, right)
figure.savefig(FOLDER / "training.png", dpi=80)
