"""The command line: tinygrad-edu train | draw | check."""

from __future__ import annotations

import argparse
import importlib
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from tinygrad_edu import (
    TABLE,
    DataError,
    MissingExtraError,
    ShapeError,
    Tensor,
    TinygradEduError,
    TrainingError,
    __version__,
    draw,
    missing_extra,
)

from . import data, plot
from .check_cli import add_check
from .checkpoint import load, save
from .costs import CrossEntropyLoss, QuadraticCost
from .init import INITS
from .layers import ACTIVATIONS, MLP, Linear, Sequential
from .metrics import accuracy
from .module import Module
from .optim import SGD
from .train import History, fit

__all__ = ["main"]

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


# ---- the commands ----------------------------------------------------------------------------------------


def train(args: argparse.Namespace) -> int:
    """Train the lecture's network and leave the model and pictures in a folder."""
    for package, extra in (("safetensors", "train"), ("matplotlib", "plot")):  # now, and not after the training
        try:
            importlib.import_module(package)
        except ImportError:
            raise missing_extra(package, extra, "tinygrad-edu train") from None
    dataset = _dataset(args)
    n_in, n_out = dataset.train.x.shape[1], dataset.train.y.shape[1]
    sizes = args.sizes or [n_in, 30, n_out]
    if (sizes[0], sizes[-1]) != (n_in, n_out):
        raise ShapeError(
            f"{dataset.name} has {n_in} inputs and {n_out} outputs: write --sizes {n_in},…,{n_out}, "
            f"not {','.join(map(str, sizes))}"
        )
    folder = _output_folder(args.out, f"{args.data}-{'-'.join(map(str, sizes))}")
    rng = np.random.default_rng(args.seed)
    quadratic = args.cost == "quadratic"
    output = args.activation if quadratic else "linear"
    net = MLP(sizes, args.activation, output=output, init=args.init, rng=rng)
    cost: Module = QuadraticCost() if quadratic else CrossEntropyLoss()
    optimizer = SGD(net.parameters(), args.eta, args.momentum, args.weight_decay)
    print(
        f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test examples, "
        f"network {'-'.join(map(str, sizes))}, {args.activation}, {args.cost} cost, "
        f"eta {args.eta:g}, mini-batch {args.batch}, seed {args.seed}"
    )
    begun = time.perf_counter()
    history = fit(net, cost, optimizer, dataset, args.epochs, args.batch, rng=rng)
    print(f"trained in {time.perf_counter() - begun:.1f} s", end="")
    print(f", test accuracy {100 * accuracy(net, dataset.test):.2f} %", end="")
    best = max(history.epochs, key=lambda epoch: epoch.accuracy or 0.0)
    print(f" (best epoch: {best.number}, {100 * (best.accuracy or 0.0):.2f} %)")
    for what, path in _results(folder, net, cost, dataset, history):
        print(f"  {what:16s} {path}")
    return INTERRUPTED if history.interrupted else OK


def draw_model(args: argparse.Namespace) -> int:
    """Draw the graph of backpropagation of a saved model for one example."""
    if not Path(args.model).is_file():
        raise DataError(f"there is no model file {args.model}")
    if Path(args.out).suffix not in (".svg", ".png", ".pdf", ".gv", ".dot", ".txt"):
        raise DataError(f"--out: the suffix is one of .svg .png .pdf .gv .dot .txt, not {args.out!r}")
    net = load(args.model)
    dataset = _dataset(args)
    examples = dataset.test
    if not 0 <= args.example < len(examples):
        raise DataError(f"--example: {dataset.name} has test examples 0 … {len(examples) - 1}, not {args.example}")
    sizes = [m.weight.shape for m in net.modules() if isinstance(m, Linear)]
    if sizes and sizes[0][1] != examples.x.shape[1]:
        raise ShapeError(
            f"{args.model} takes {sizes[0][1]} inputs, and {dataset.name} has {examples.x.shape[1]}: "
            f"was it trained on other data?  Write --data {'digits' if args.data == 'mnist' else 'mnist'}"
        )
    cost = _cost_of(net)
    path = Path(args.out)
    _check_folder(path.parent)
    backpropagated(net, cost, examples[args.example : args.example + 1]).save(path)
    print(path)
    return OK


def backpropagated(net: Module, cost: Module, example: data.Examples) -> Any:
    """The drawing of one example's graph, with the gradients of all in it."""
    x = Tensor(example.x)
    y = Tensor(example.y)
    c = cost(net(x), y)
    before = {p: p.grad for p in net.parameters()}
    net.zero_grad()
    c.backward(retain_grads=True)
    drawing = draw(c)
    for p, g in before.items():
        p.grad = g
    return drawing


def _dataset(args: argparse.Namespace) -> data.Dataset:
    if args.data == "digits":
        return data.digits()
    if args.data_dir is not None and not Path(args.data_dir).is_dir():
        raise DataError(f"--data-dir: there is no folder {args.data_dir}.  Make it first to download MNIST into it")
    return data.mnist(args.data_dir)


def list_ops(args: argparse.Namespace) -> int:
    """List the op table: every primitive, its formula, and the inputs in which it has a derivative."""
    print(f"{'op':22s} {'derivative in':16s} formula")
    for op in TABLE.values():
        ways = "every input" if callable(op.vjps) else " ".join(str(i) for i, v in enumerate(op.vjps) if v) or "none"
        print(f"{op.name:22s} {ways:16s} {op.formula}")
    print(f"{len(TABLE)} ops; inputs counted from 0")
    return OK


def _cost_of(net: Module) -> Module:
    """The quadratic cost for a network that ends in an activation, cross-entropy for one that ends in logits."""
    last = [m for m in net.modules() if not isinstance(m, Sequential)][-1:]
    return CrossEntropyLoss() if last and isinstance(last[0], Linear) else QuadraticCost()


def _results(
    folder: Path, net: Module, cost: Module, dataset: data.Dataset, history: History
) -> list[tuple[str, Path]]:
    """Write the model and the pictures; what was written where."""
    written = [("model", save(folder / "model.safetensors", net))]
    plots: list[tuple[str, str, Callable[[], Any]]] = [
        ("curves", "curves.png", lambda: plot.curves(history).figure),
        ("confusion matrix", "confusion.png", lambda: plot.confusion(net, dataset.test).figure),
        ("mistakes", "mistakes.png", lambda: plot.mistakes(net, dataset.test)),
    ]
    for what, name, make in plots:
        make().savefig(folder / name)
        written.append((what, folder / name))
    drawing = backpropagated(net, cost, dataset.test[:1])
    drawing.save(folder / "graph.svg")
    written.append(("graph", folder / "graph.svg"))
    return written


def _output_folder(out: str | None, name: str) -> Path:
    """The folder for the results, made and tried before the training: a new one in runs/ if none is given."""
    if out is not None:
        folder = Path(out)
        if (folder / "model.safetensors").exists():
            raise DataError(f"{folder} holds a model already, which would be lost.  Choose another folder with --out")
    else:
        stem = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder, k = stem, 2
        while folder.exists():
            folder, k = stem.with_name(f"{stem.name}-{k}"), k + 1
    _check_folder(folder)
    return folder


def _check_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".can-this-be-written"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise DataError(f"cannot write to the folder {folder}: {error.strerror}.  Choose another with --out") from None


# ---- what may be said ------------------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    """One clear line for wrong use, then exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"{self.prog}: {message}.  See {self.prog} --help\n")


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(n) for n in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) < 2 or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"write the numbers of neurons as 784,30,10, not {text!r}")
    return sizes


def _number(kind: Callable[[str], Any], low: float, described: str) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not low <= value < math.inf:
            raise argparse.ArgumentTypeError(f"it is {described}, not {text!r}")
        return value

    return number


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tinygrad-edu",
        description="Train the lecture's network on handwritten digits, see backpropagation, and check it.",
        epilog="examples:\n"
        "  tinygrad-edu train                       64-30-10 on the embedded digits, in seconds\n"
        "  tinygrad-edu train --data mnist          784-30-10 on MNIST\n"
        "  tinygrad-edu draw runs/…/model.safetensors\n"
        "  tinygrad-edu check                       every gradient against differences of values",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"tinygrad-edu {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True, parser_class=_Parser)
    _add_train(commands)
    _add_draw(commands)
    add_check(commands)
    p = commands.add_parser(
        "ops",
        help="list the op table",
        description=list_ops.__doc__,
        epilog="example:\n  tinygrad-edu ops",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    p.set_defaults(run=list_ops)
    return parser


def _add_data(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--data", choices=("digits", "mnist"), default="digits", help="which digits (default: digits, embedded)"
    )
    p.add_argument("--data-dir", metavar="FOLDER", help="where the four MNIST files lie (default: downloaded)")


def _add_train(commands: Any) -> None:
    positive = _number(int, 1, "a whole number, 1 or more")
    real = _number(float, 0, "a number, 0 or more")
    p = commands.add_parser(
        "train",
        help="train a network; leaves the model and pictures in runs/",
        description=train.__doc__,
        epilog="examples:\n"
        "  tinygrad-edu train\n"
        "  tinygrad-edu train --data mnist --data-dir ~/mnist --sizes 784,30,10 --eta 3 --batch 10 --epochs 30\n"
        "  tinygrad-edu train --cost cross-entropy --activation tanh --init scaled_normal --eta 0.1",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    _add_data(p)
    p.add_argument("--sizes", type=_sizes, metavar="N,N,N", help="neurons per layer (default: inputs,30,10)")
    p.add_argument("--activation", choices=sorted(ACTIVATIONS), default="sigmoid", help="(default: sigmoid)")
    p.add_argument(
        "--cost",
        choices=("quadratic", "cross-entropy"),
        default="quadratic",
        help="the lecture's, or softmax cross-entropy, which leaves out the last activation (default: quadratic)",
    )
    p.add_argument(
        "--init", choices=sorted(INITS), default="standard_normal", help="first parameters (default: standard_normal)"
    )
    p.add_argument("--eta", type=real, default=3.0, help="learning rate (default: 3)")
    p.add_argument("--momentum", type=real, default=0.0, help="(default: 0)")
    p.add_argument("--weight-decay", type=real, default=0.0, help="the book's lambda / N, on biases too (default: 0)")
    p.add_argument("--batch", type=positive, default=10, help="examples per mini-batch (default: 10)")
    p.add_argument(
        "--epochs", type=_number(int, 0, "a whole number"), default=30, help="times through the data (default: 30)"
    )
    p.add_argument(
        "--seed", type=_number(int, 0, "a whole number"), default=1, help="the same seed, the same run (default: 1)"
    )
    p.add_argument("--out", metavar="FOLDER", help="where to leave the results (default: a new folder in runs/)")
    p.set_defaults(run=train)


def _add_draw(commands: Any) -> None:
    p = commands.add_parser(
        "draw",
        help="draw the graph of backpropagation for one example",
        description=draw_model.__doc__,
        epilog="example:\n  tinygrad-edu draw runs/digits-64-30-10-…/model.safetensors --example 3 --out graph.svg",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    p.add_argument("model", help="a model.safetensors that train left")
    _add_data(p)
    p.add_argument(
        "--example", type=_number(int, 0, "a whole number"), default=0, help="number of the test example (default: 0)"
    )
    p.add_argument(
        "--out", default="graph.svg", metavar="FILE", help=".svg, .png, .pdf, .gv or .txt (default: graph.svg)"
    )
    p.set_defaults(run=draw_model)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 ok, 1 failed, 2 wrong use, 130 interrupted."""
    args = _parser().parse_args(argv)
    try:
        result: int = args.run(args)
    except (TrainingError, MissingExtraError, MemoryError) as error:
        print(f"tinygrad-edu: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # as in: tinygrad-edu train | head
        sys.stdout = None  # nothing more can be said
        return FAILED
    except (TinygradEduError, OSError) as error:
        print(f"tinygrad-edu: {error}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return result
