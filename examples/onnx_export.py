"""ONNX: a network that was trained here computes the same elsewhere, in a runtime that knows nothing of us.

A small convolutional network learns the 1,797 digits that scikit-learn brings along; export_onnx writes it to
a file, and onnxruntime, a program in C++, reads the digits with it.  What is compared: every output, to 1e-5.

Run:    .venv/bin/pip install -e '.[train,onnx]' && .venv/bin/python examples/onnx_export.py
Prints: the operations in the file, and the largest difference, then "ok"; without the packages, what to install.
"""

from pathlib import Path

import numpy as np

import nn
from nn.metrics import outputs
from nn.onnx_export import export_onnx

try:
    import onnx
    import onnxruntime
except ImportError as error:
    print(f"skipped: this example needs {error.name}.  Install it with: .venv/bin/pip install -e '.[onnx]'")
    raise SystemExit(0) from None

rng = np.random.default_rng(1)
net = nn.Sequential(
    nn.Unflatten(1, (1, 8, 8)),  # rows of 64 pixels -> images with one channel
    nn.Conv2d(1, 8, 3, padding=1, rng=rng),
    nn.BatchNorm2d(8),
    nn.ReLU(),
    nn.MaxPool2d(2),  # (N, 8, 8, 8) -> (N, 8, 4, 4)
    nn.Flatten(),
    nn.Dropout(0.2, rng=rng),
    nn.Linear(8 * 4 * 4, 10, rng=rng),
)
data = nn.data.digits()
optimizer = nn.optim.SGD(net.parameters(), lr=0.1)
nn.fit(net, nn.CrossEntropyLoss(), optimizer, data, epochs=3, batch_size=20, rng=rng)

folder = Path("runs/examples")
folder.mkdir(parents=True, exist_ok=True)
path = export_onnx(folder / "digits.onnx", net, (64,))

print(f"\n{path}, {path.stat().st_size:,} bytes:")
for node in onnx.load(path).graph.node:
    print(f"  {node.output[0]:22} = {node.op_type}({', '.join(node.input)})")

session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
x = np.asarray(data.test.x, np.float32)
theirs = session.run(["y"], {"x": x})[0]  # (N, 10)
ours = outputs(net, x)

difference = float(abs(theirs - ours).max() / abs(ours).max())
right = float(np.mean(theirs.argmax(axis=1) == data.test.labels))
print(f"\nonnxruntime reads {right:.1%} of {len(x)} test images; largest difference from ours: {difference:.1e}")
if not (difference < 1e-5 and right > 0.9):
    raise SystemExit("failed: the difference should be below 1e-5, and more than 90% of the images right")
print("ok: the exported network computes what ours does")
