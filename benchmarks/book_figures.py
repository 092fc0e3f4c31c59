"""The book's first table on MNIST, over several seeds: mean, spread and best of the test accuracy.

    TINYGRAD_EDU_MNIST=folder python -m benchmarks.book_figures --seeds 5 --sizes 784,30,10 --sizes 784,100,10

Sigmoid, quadratic cost, eta 3, mini-batch 10, first 50,000 training images, standard normal parameters,
as in Nielsen, Neural Networks and Deep Learning, chapter 1, whose figures stand beside ours.
"""

import argparse
import statistics
import time

import numpy as np

import nn

BOOK = {(784, 30, 10): 95.42, (784, 100, 10): 96.59}


def run(sizes: list[int], seed: int, epochs: int, data: nn.Dataset) -> tuple[list[float], list[float]]:
    """Test accuracy (%) after every epoch, and the seconds that each epoch trained."""
    rng = np.random.default_rng(seed)
    net = nn.MLP(sizes, rng=rng)
    history = nn.fit(
        net, nn.QuadraticCost(), nn.optim.SGD(net.parameters(), 3.0), data, epochs, 10, rng=rng, progress=False
    )
    return [100 * p for p in history.accuracies[1:]], [epoch.seconds for epoch in history.epochs[1:]]


def main() -> None:
    """Print one line per run and one table row per network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", action="append", metavar="N,N,N")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--data-dir")
    args = parser.parse_args()
    data = nn.data.mnist(args.data_dir)
    rows = []
    for text in args.sizes or ["784,30,10", "784,100,10"]:
        sizes = [int(n) for n in text.split(",")]
        last, best, seconds = [], [], []
        for seed in range(1, args.seeds + 1):
            begun = time.perf_counter()
            accuracies, epoch_seconds = run(sizes, seed, args.epochs, data)
            last.append(accuracies[-1])
            best.append(max(accuracies))
            seconds += epoch_seconds
            print(
                f"{'-'.join(map(str, sizes))} seed {seed}: last epoch {last[-1]:.2f} %, best epoch {best[-1]:.2f} %, "
                f"{time.perf_counter() - begun:.0f} s",
                flush=True,
            )
        spread = statistics.stdev(last) if len(last) > 1 else 0.0
        rows.append(
            f"| {'-'.join(map(str, sizes))} | {statistics.mean(last):.2f} ± {spread:.2f} | {max(last):.2f} | "
            f"{statistics.mean(best):.2f} | {max(best):.2f} | {BOOK.get(tuple(sizes), '—')} | "
            f"{statistics.median(seconds):.2f} |"
        )
    heads = ["network", "last epoch, mean ± sd (%)", "best", "best epoch, mean", "best", "book's best", "s/epoch"]
    print("\n| " + " | ".join(heads) + " |")
    print("|---|---|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
