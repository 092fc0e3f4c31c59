"""kill -9 at random points of trainings with checkpoints: is every checkpoint readable, every resumed run the same?

    python -m tests.kill_training -n 1000 --seed 1

A child process trains and is killed; what it left is looked at, a copy of it is taken up and trained to the end, and
compared bit for bit with a training that nobody disturbed; then the next child goes on from it, and is killed too.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy: a process with threads should not be forked

import argparse
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import nn
from nn import layers, optim, schedule
from nn.callbacks import EarlyStopping
from nn.data import Loader, one_hot
from nn.examples import Examples
from nn.monitor import Monitor
from nn.resume import Checkpoint, load_checkpoint
from tinygrad_edu import DataError

VARIANTS = 6


def examples(n: int, seed: int) -> Examples:
    """Points in space, in three classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    x = (np.eye(3)[labels] + 0.3 * rng.standard_normal((n, 3))).astype(np.float32)
    return Examples(x, one_hot(labels, 3), labels)


def noisy(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """An augmentation."""
    return (x + 0.01 * rng.standard_normal(x.shape)).astype(x.dtype)


def training(variant: int, folder: Path | None, every: int = 3) -> list[Any]:
    """Train one of the variants to the end; its values, its optimizer's, its history (without the seconds)."""
    rng = np.random.default_rng(variant)
    net = layers.Sequential(
        layers.Linear(3, 16, rng=rng),
        layers.BatchNorm1d(16) if variant % 2 else layers.Identity(),
        layers.Sigmoid() if variant < 3 else layers.ReLU(),
        layers.Dropout(0.3, rng=rng if variant % 3 else 5),  # two of three share the generator of the data
        layers.Linear(16, 3, rng=rng),
    )
    optimizer: Any = [
        lambda p: optim.SGD(p, 0.1, momentum=0.9),
        lambda p: optim.Adam(p, 0.01),
        lambda p: optim.AdamW(p, 0.01, amsgrad=True),
        lambda p: optim.RMSprop(p, 0.01, momentum=0.5, centered=True),
        lambda p: optim.Adagrad(p, 0.1),
        lambda p: optim.SGD(p, 0.1),
    ][variant](net.parameters())
    epochs, data = 5, examples(80, variant)
    rates: Any = [
        lambda o: schedule.OneCycleLR(o, 0.1, total_steps=epochs * 20),
        lambda o: schedule.CosineAnnealingLR(o, epochs),
        lambda o: schedule.ReduceLROnPlateau(o, patience=0),
        lambda o: schedule.StepLR(o, 2),
        lambda o: None,
        lambda o: None,
    ][variant](optimizer)
    loader = Loader(data, 4, rng=rng, augment=noisy if variant == 4 else None, prefetch=2 if variant == 5 else 0)
    history = nn.fit(
        net,
        nn.CrossEntropyLoss(),
        optimizer,
        loader,
        epochs,
        validation=examples(20, 100),
        callbacks=[Monitor(), EarlyStopping("validation_cost", patience=4)],
        schedule=rates,
        clip_norm=1.0,
        checkpoint=None if folder is None else Checkpoint(folder, every=every, keep=2),
        progress=False,
    )
    values = [(name, value.dtype.str, value.tobytes()) for name, value in net.state_dict().items()]
    told = [{**asdict(epoch), "seconds": 0} for epoch in history.epochs]
    drawn = loader.rng.bit_generator.state, net[3].rng.bit_generator.state
    return [values, repr(optimizer.state_dict()), told, history.stopped, drawn]


def killed(variant: int, folder: Path, after: float) -> bool:
    """Train in a child that is killed after so many seconds; False if it was faster."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            training(variant, folder)
            status = 0
        finally:
            os._exit(status)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"the training of variant {variant} in {folder} failed by itself")
    return os.WIFSIGNALED(status)


def unreadable(folder: Path) -> list[str]:
    """The checkpoints in the folder that cannot be read."""
    bad = []
    for path in Checkpoint(folder).files:
        try:
            load_checkpoint(path)
        except DataError as error:
            bad.append(str(error))
    return bad


def main() -> int:
    """Kill n times."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1000, help="how many times to kill (default: 1,000)")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    expected, lasts = [], []
    for variant in range(VARIANTS):
        begun = time.perf_counter()
        with tempfile.TemporaryDirectory() as home:
            expected.append(training(variant, None))
            if training(variant, Path(home) / "run") != expected[-1]:
                print(f"variant {variant}: a training with checkpoints is not the one without")
                return 1
        lasts.append((time.perf_counter() - begun) / 2)
    count = {"kills": 0, "in the middle of a save": 0, "unreadable checkpoints": 0, "resumed trainings that differ": 0}
    begun, last = time.perf_counter(), 0
    while count["kills"] < args.n:
        variant = int(rng.integers(VARIANTS))
        with tempfile.TemporaryDirectory() as home:
            folder = Path(home) / "run"
            while count["kills"] < args.n and killed(variant, folder, float(rng.uniform(0, 0.8 * lasts[variant]))):
                look_at(folder, variant, expected[variant], count)
        if count["kills"] // 100 > last or count["kills"] == args.n:
            last = count["kills"] // 100
            rate = count["kills"] / (time.perf_counter() - begun)
            said = ", ".join(f"{number} {what}" for what, number in count.items())
            print(f"{said}; seed {args.seed}, {rate:.1f} kills/s", flush=True)
    return int(count["unreadable checkpoints"] + count["resumed trainings that differ"] > 0)


def look_at(folder: Path, variant: int, expected: list[Any], count: dict[str, int]) -> None:
    """Count what is wrong with what a killed training left; all of that training goes on in a copy of the folder."""
    count["kills"] += 1
    count["in the middle of a save"] += any(name.startswith(".saving.") for name in _names(folder))
    for error in unreadable(folder):
        count["unreadable checkpoints"] += 1
        print(f"kill {count['kills']}, variant {variant}: {error}")
    with tempfile.TemporaryDirectory() as home:
        copy = Path(home) / "copy"
        if folder.exists():
            shutil.copytree(folder, copy)
        same = training(variant, copy) == expected
        left = [name for name in _names(copy) if not name.endswith(".safetensors")]
        if not same or left:
            count["resumed trainings that differ"] += 1
            print(f"kill {count['kills']}, variant {variant}: another training: {not same}; left behind: {left}")


def _names(folder: Path) -> list[str]:
    return os.listdir(folder) if folder.exists() else []


if __name__ == "__main__":
    sys.exit(main())
