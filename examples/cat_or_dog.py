"""Is this a cat or a dog?  Two networks look at a folder of pictures, and each says what it has learned.

The folder has one subfolder per class, with PNG or JPEG files inside: pets/cat/1.jpg, pets/dog/1.jpg, ...  Where
it has train/ and test/ with the classes in each, those are used; else a fifth of the pictures is kept for the test.

The lecture's kind of network, 3072-100-2 with sigmoids, sees a row of numbers.  The convolutional one sees where
they lie: the same 3 x 3 detectors everywhere, so that an ear is an ear wherever it is.

Run:    .venv/bin/python examples/cat_or_dog.py                     coloured shapes made on the spot, seconds
        .venv/bin/python examples/cat_or_dog.py pets                your pictures
        .venv/bin/python examples/cat_or_dog.py pets --best         with augmentation and dropout, 25 epochs
Prints: one line per epoch, what each network has learned in words and numbers, then "ok".
Needs:  make train, or pip install -e '.[images]'
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

import nn
from nn.data import Dataset, Loader, augment
from nn.layers import BatchNorm2d, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from nn.metrics import recall_score
from nn.optim import Adam
from nn.optim.lr_scheduler import CosineAnnealingLR
from tinygrad_edu import DataError

SIDE = 32  # pixels


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, help="pictures, one subfolder per class; none: shapes")
    parser.add_argument("--epochs", type=int, help="passes over the pictures; 6, and 25 with --best")
    parser.add_argument("--best", action="store_true", help="train the convolutional network for what it can reach")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    epochs = args.epochs or (25 if args.best else 6)
    if args.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            draw_shapes(Path(folder), np.random.default_rng(args.seed))
            data, enough = nn.data.image_folder(folder, (SIDE, SIDE)), 0.9
    else:
        data = nn.data.image_folder(args.folder, (SIDE, SIDE))
        enough = 1.1 / len(data.classes)  # clearly better than guessing
    print(f"{len(data.train):,} pictures to learn from, {len(data.test):,} to test: {' or '.join(data.classes)}?")

    found = {}
    if not args.best:
        found["sigmoid"] = lecture(data.flat(), epochs, args.seed)
    found["convolutional"] = convolutional(data, epochs, args.seed, best=args.best)
    reached = max(found.values())
    if not reached > enough:
        raise SystemExit(f"failed: {reached:.1%} of the test pictures are right, expected more than {enough:.0%}")
    parts = ", ".join(f"{name} {accuracy:.1%}" for name, accuracy in found.items())
    print(f"\nok: right on test pictures: {parts} (guessing: {1 / len(data.classes):.0%})")


def lecture(data: Dataset, epochs: int, seed: int) -> float:
    """The lecture's kind: every pixel to every hidden neuron, sigmoids, quadratic cost; Adam, as the other one."""
    mean = data.train.x.mean()  # subtracted, so that not all inputs are positive: sigmoids learn better
    train, test = (replace(part, x=part.x - mean) for part in (data.train, data.test))
    data = replace(data, train=train, test=test)
    rng = np.random.default_rng(seed)
    sizes = [data.train.x.shape[1], 100, len(data.classes)]
    net = nn.MLP(sizes, init="scaled_normal", rng=rng)
    print(f"\nSigmoid network {'-'.join(map(str, sizes))}")
    nn.fit(net, nn.QuadraticCost(), Adam(net.parameters(), lr=0.001), data, epochs, 32, rng=rng)
    return what_it_learned(net, data)


def convolutional(data: Dataset, epochs: int, seed: int, *, best: bool) -> float:
    """Three 3 x 3 convolutions of 16, 32 and 64 channels, each followed by ReLU and max-pooling, then one linear layer.

    best: also batch norm, dropout, a learning rate that falls, and pictures that are mirrored and moved.
    """
    rng = np.random.default_rng(seed)
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64)):
        layers += [Conv2d(before, after, 3, padding=1, rng=rng)]  # (S, before, H, W) -> (S, after, H, W)
        layers += [BatchNorm2d(after)] if best else []
        layers += [ReLU(), MaxPool2d(2)]  # -> (S, after, H/2, W/2)
    layers += [Flatten(), Dropout(0.25, rng=rng)] if best else [Flatten()]
    net = nn.Sequential(*layers, Linear(64 * (SIDE // 8) ** 2, len(data.classes), rng=rng))
    print("\nConvolutional network 16-32-64" + (", with augmentation and dropout" if best else ""))
    changed = augment.Chain(augment.Flip(), augment.Crop(3, border="mirror")) if best else None
    loader = Loader(data.train, 32, augment=changed, prefetch=2 if best else 0, rng=rng)
    optimizer = Adam(net.parameters(), lr=0.002 if best else 0.001)
    schedule = CosineAnnealingLR(optimizer, epochs) if best else None
    nn.fit(net, nn.CrossEntropyLoss(), optimizer, loader, epochs, test=data.test, schedule=schedule)
    return what_it_learned(net, data)


def what_it_learned(net: nn.Module, data: Dataset) -> float:
    """Say it in words and numbers; the accuracy on the test pictures."""
    test, seen = data.test, nn.accuracy(net, data.train)
    said = nn.predict(net, test.x)
    accuracy = float(np.mean(said == test.labels))
    count = sum(p.data.size for p in net.parameters())
    print(f"It has {count:,} numbers to learn with.  Right: {seen:.1%} of the pictures it learned from, and")
    by_heart = "; the difference was learned by heart." if seen - accuracy > 0.05 else ": it knows this in general."
    print(f"{accuracy:.1%} of {len(test):,} that it had never seen{by_heart}")
    for i, recall in enumerate(recall_score(test.labels, said, len(data.classes))):
        there, taken = np.sum(test.labels == i), np.sum(said == i)
        print(f"  {data.classes[i]}: there are {there}, it finds {recall:.0%} of them, and says it {taken} times")
    moved = augment.shift(test.images().x, 0, 4, border="edge").reshape(test.x.shape)
    still = np.mean(nn.predict(net, moved) == test.labels)
    print(f"  With the test pictures moved 4 pixels to the right it is right on {still:.1%}")
    return accuracy


def draw_shapes(folder: Path, rng: np.random.Generator) -> None:
    """Bright discs and crosses of all colours, anywhere on dark ground: only the shape tells."""
    from PIL import Image

    row, column = np.mgrid[:SIDE, :SIDE]
    for part, n in (("train", 400), ("test", 100)):
        for kind in ("cross", "disc"):
            (folder / part / kind).mkdir(parents=True)
            for i in range(n):
                size = rng.uniform(6, 10)
                y, x = (abs(axis - rng.uniform(size, SIDE - size)) for axis in (row, column))
                disc, cross = y**2 + x**2 < (0.8 * size) ** 2, (np.minimum(y, x) < size / 4) & (np.maximum(y, x) < size)
                inside = (disc if kind == "disc" else cross)[:, :, None]
                picture = np.where(inside, rng.uniform(100, 255, 3), rng.uniform(0, 100, 3))
                noisy = (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)
                Image.fromarray(noisy).save(folder / part / kind / f"{i:03}.png")


if __name__ == "__main__":
    try:
        main()
    except DataError as error:  # a folder that is not as described above
        raise SystemExit(f"failed: {error}") from None
