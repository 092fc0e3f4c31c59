"""Three spiral arms, one class each: what a network answers everywhere in the plane, not only at the points it saw.

A network without a hidden layer cuts the plane along straight lines and is lost.  Two hidden layers bend the lines.

Run:    .venv/bin/python examples/spiral.py           (a folder for the picture may follow)
Prints: the accuracy of both networks on points they have never seen, then "ok".
Writes: runs/examples/spiral.png, the decision regions: the colour is the answer, pale where it is uncertain.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import nn
from tinygrad_edu import softmax

COLOURS = np.array([[0x33, 0x66, 0xAA], [0xCC, 0x66, 0x33], [0x55, 0x88, 0x44]]) / 255  # blue, orange, green
train = nn.data.spirals(600, classes=3, noise=0.03, rng=0)
test = nn.data.spirals(300, classes=3, noise=0.03, rng=1)
axis = np.linspace(-1.2, 1.2, 240, dtype=np.float32)
grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)  # (240 * 240, 2): every place of the picture

figure = Figure(figsize=(10, 5.2), dpi=110, layout="constrained")
reached = []
for ax, sizes in zip(figure.subplots(1, 2), ([2, 3], [2, 32, 32, 3]), strict=True):
    name = "-".join(map(str, sizes))
    rng = np.random.default_rng(0)
    net = nn.MLP(sizes, "tanh", output="linear", init="xavier_uniform", rng=rng)
    optimizer = nn.optim.Adam(net.parameters(), lr=0.01)
    nn.fit(net, nn.CrossEntropyLoss(), optimizer, train, epochs=100, batch_size=50, rng=rng, progress=False)
    accuracy = nn.accuracy(net, test)
    reached.append(accuracy)
    print(f"{name:10s} {accuracy:6.1%} of {len(test)} new points are right")

    p = softmax(nn.metrics.outputs(net, grid), axis=1)  # (240 * 240, 3): how likely each class is there
    answer, sure = p.argmax(axis=1), 1.5 * p.max(axis=1, keepdims=True) - 0.5  # 0 where all three are as likely
    regions = 1 - 0.6 * sure * (1 - COLOURS[answer])  # from white, no idea, to the colour of the class
    ax.imshow(regions.reshape(240, 240, 3), extent=(-1.2, 1.2, -1.2, 1.2), origin="lower", interpolation="bilinear")
    ax.scatter(*test.x.T, s=14, c=COLOURS[test.labels], edgecolors="white", linewidths=0.5)
    ax.set(title=f"{name}: {accuracy:.0%} right", xlabel="$x_1$", ylabel="$x_2$")
path = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples") / "spiral.png"
path.parent.mkdir(parents=True, exist_ok=True)
figure.savefig(path)
print(f"The picture: {path}")

straight, bent = reached
if not (bent > 0.95 and straight < 0.7):
    raise SystemExit("failed: with hidden layers more than 95% should be right, and without them less than 70%")
print(f"ok: hidden layers bend the borders: {bent:.1%} right, and {straight:.1%} without them")
