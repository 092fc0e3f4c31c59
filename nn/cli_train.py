"""The command `tinygrad-edu train`: train the lecture's network, and leave the model, pictures and pages."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError, ShapeError, missing_extra

from . import data, plot
from .callbacks import Callback
from .checkpoint import save
from .cli_common import FAILED, INTERRUPTED, OK, add_command, add_data, chosen_data, make_folder, named, real, whole
from .cli_see import backpropagated, digit_page, traced, universal_page
from .costs import CrossEntropyLoss, QuadraticCost
from .init import INITS
from .layers import ACTIVATIONS, MLP
from .metrics import accuracy
from .module import Module
from .optim import SGD
from .ranks import leads, rank_0_first, several, together, world
from .resume import Checkpoint
from .train import History, fit

__all__ = ["add_train", "train"]

Writer = Callable[[Path], Any]


def train(args: argparse.Namespace) -> int:
    """Train the lecture's network; leave the model, pictures and pages in a folder.

    Ctrl-C ends the training early: what was learned until then is left all the same (on several ranks: the newest
    checkpoint alone).

    With --checkpoint FOLDER the training is written there after every epoch. The same command, after Ctrl-C or worse,
    goes on from the newest checkpoint, and ends as if nothing had happened; with more --epochs it goes on further.

    Started as mpiexec -n 4 tinygrad-edu train …, four processes share the work (docs/parallel.md).
    """
    comm = world()
    with together(comm):
        return _train(args, comm)


def _train(args: argparse.Namespace, comm: Any) -> int:
    """What each rank does; one of them, where there are several, prints and saves."""
    for package, extra in (("safetensors", "train"), ("matplotlib", "plot")):  # now, and not after the training
        try:
            importlib.import_module(package)
        except ImportError:
            raise missing_extra(package, extra, "tinygrad-edu train") from None
    dataset = rank_0_first(comm, lambda: chosen_data(args))
    n_in, n_out = dataset.train.x.shape[1], dataset.train.y.shape[1]
    sizes = args.sizes or [n_in, 30, n_out]
    if (sizes[0], sizes[-1]) != (n_in, n_out):
        raise ShapeError(
            f"{dataset.name} has {n_in} inputs and {n_out} outputs: write --sizes {n_in},…,{n_out}, "
            f"not {','.join(map(str, sizes))}"
        )
    checkpoint = None if args.checkpoint is None else Checkpoint(args.checkpoint, keep=args.keep)
    again = checkpoint is not None and bool(checkpoint.files)
    folder = Path()  # of rank 0 alone
    if leads(comm):
        folder = _output_folder(args.out, f"{args.data}-{'-'.join(map(str, sizes))}", again)
    rng = np.random.default_rng(args.seed)
    quadratic = args.cost == "quadratic"
    output = args.activation if quadratic else "linear"
    net = MLP(sizes, args.activation, output=output, init=args.init, rng=rng)
    cost: Module = QuadraticCost() if quadratic else CrossEntropyLoss()
    optimizer = SGD(net.parameters(), args.eta, args.momentum, weight_decay=args.weight_decay)
    ranks = f", {comm.size} ranks" if several(comm) else ""
    if leads(comm):
        print(
            f"{dataset.name}: {len(dataset.train):,} training and {len(dataset.test):,} test examples\n"
            f"network {'-'.join(map(str, sizes))}, {args.activation}, {args.cost} cost, "
            f"eta {args.eta:g}, mini-batch {args.batch}, seed {args.seed}{ranks}",
            flush=True,
        )
    same = [] if checkpoint is None else [SameCommand(args, sizes, folder)]
    if checkpoint is not None and leads(comm):
        make_folder(checkpoint.folder, "--checkpoint")
    history = fit(
        net,
        cost,
        optimizer,
        dataset,
        args.epochs,
        args.batch,
        rng=rng,
        callbacks=same,
        checkpoint=checkpoint,
        comm=comm,
        jit=args.jit,
    )
    if not leads(comm):
        return OK
    lacking = _results(folder, net, cost, dataset, history, args.eta)
    if history.interrupted:
        return INTERRUPTED
    return FAILED if lacking else OK


class SameCommand(Callback):
    """Remembers in the checkpoints what was asked for: a training goes on only where the same is asked for again."""

    def __init__(self, args: argparse.Namespace, sizes: list[int], folder: Path) -> None:
        names = ("activation", "cost", "init", "eta", "momentum", "weight_decay", "batch", "seed")
        self.asked = {"sizes": ",".join(map(str, sizes)), **{name: getattr(args, name) for name in names}}
        self.folder = folder

    def state_dict(self) -> dict[str, Any]:
        """What was asked for, and where the results go."""
        return {"asked": self.asked, "out": str(self.folder.absolute())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """DataError that names the option that differs, or the model of another training that would be lost."""
        for name, mine in self.asked.items():
            if state["asked"][name] != mine:
                option = f"--{name.replace('_', '-')}"
                raise DataError(
                    f"its training had {option} {state['asked'][name]}, and now it is {option} {mine}.  "
                    "Write the same options to go on, or begin with another --checkpoint folder"
                )
        if _holds_a_model(self.folder) and state["out"] != str(self.folder.absolute()):
            raise DataError(_LOST.format(self.folder))


def _say_the_result(net: Module, dataset: data.Dataset, history: History) -> None:
    """How long and how fast, and how good the network is now and was at best; by whole epochs, of which none may be."""
    seconds = sum(epoch.seconds for epoch in history.epochs)
    seen = sum(epoch.examples for epoch in history.epochs)
    how_long = "stopped early" if history.interrupted else f"trained for {seconds:.1f} s"
    rate = f" ({seen / seconds:,.0f} examples/s)" if seconds else ""
    print(f"{how_long}{rate}, test accuracy {100 * accuracy(net, dataset.test):.2f} %")
    if history.epochs:
        best = max(history.epochs, key=lambda epoch: epoch.accuracy or 0.0)
        print(f"best epoch: {best.number}, {100 * (best.accuracy or 0.0):.2f} %")


# ---- what it leaves --------------------------------------------------------------------------------------


def _pictures(
    net: Module, cost: Module, dataset: data.Dataset, history: History, eta: float
) -> list[tuple[str, str, Writer]]:
    """What it is, the name of its file, and what writes it."""
    example = dataset.test[:1]
    return [
        ("curves", "curves.png", lambda path: _savefig(plot.curves(history).figure, path)),
        ("confusion matrix", "confusion.png", lambda path: _savefig(plot.confusion(net, dataset.test).figure, path)),
        ("mistakes", "mistakes.png", lambda path: _savefig(plot.mistakes(net, dataset.test), path)),
        ("graph", "graph.svg", lambda path: backpropagated(net, cost, example).save(path)),
        ("backpropagation", "backprop.html", lambda path: traced(net, cost, example, eta).save(path)),
        ("approximation", "universal.html", lambda path: universal_page().save(path)),
        ("draw a digit", "digit.html", lambda path: digit_page(net, dataset, history).save(path)),
    ]


def _results(folder: Path, net: Module, cost: Module, dataset: data.Dataset, history: History, eta: float) -> list[str]:
    """Write the model first, then say how good it is, then write the rest; what could not be made."""
    model = save(folder / "model.safetensors", net)  # now: Ctrl-C may come again
    _say_the_result(net, dataset, history)
    _say("model", model)
    pictures = _pictures(net, cost, dataset, history, eta)
    return [what for what, name, write in pictures if not _made(what, folder / name, write)]


def _savefig(figure: Any, path: Path) -> None:
    figure.savefig(path)


def _say(what: str, path: Path) -> None:
    print(f"  {what:16s} {path}", flush=True)


def _made(what: str, path: Path, write: Writer) -> bool:
    """Was it written?  If not, say why: one picture that fails must not cost the others."""
    try:
        write(path)
    except Exception as error:
        path.unlink(missing_ok=True)  # half a picture
        why = " ".join(str(error).split())
        print(f"tinygrad-edu: {what}: {path} could not be made: {type(error).__name__}: {why}", file=sys.stderr)
        return False
    _say(what, path)
    return True


_LOST = "{} holds a model already, which would be lost.  Choose another folder with --out"


def _holds_a_model(folder: Path) -> bool:
    return (folder / "model.safetensors").exists()


def _output_folder(out: str | None, name: str, again: bool = False) -> Path:
    """The folder for the results, made and tried before the training: a new one in runs/ if none is given.

    again  the training was begun before, so that a model in the folder may be its own (see SameCommand)
    """
    if out is not None:
        folder = Path(out)
        if _holds_a_model(folder) and not again:
            raise DataError(_LOST.format(folder))
    else:
        stem = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder, k = stem, 2
        while folder.exists():
            folder, k = stem.with_name(f"{stem.name}-{k}"), k + 1
    make_folder(folder)
    return folder


# ---- what may be said to it ------------------------------------------------------------------------------


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(n) for n in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) < 2 or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"write the numbers of neurons as 784,30,10, not {text!r}")
    return sizes


def add_train(commands: Any) -> None:
    """The subcommand and what may be said to it."""
    p = add_command(
        commands,
        "train",
        train,
        "train a network; leaves model, pictures and pages in runs/",
        [
            "tinygrad-edu train",
            "tinygrad-edu train --data mnist --data-dir ~/mnist --sizes 784,30,10",
            "tinygrad-edu train --cost cross-entropy --activation tanh --eta 0.1",
        ],
    )
    add_data(p)
    p.add_argument("--sizes", type=_sizes, metavar="N,N,N", help="neurons per layer (default: inputs,30,10)")
    p.add_argument(
        "--activation",
        choices=sorted(ACTIVATIONS),
        default="sigmoid",
        metavar="NAME",
        help=f"of every layer: {', '.join(sorted(ACTIVATIONS))} (default: sigmoid)",
    )
    p.add_argument(
        "--cost",
        choices=("quadratic", "cross-entropy"),
        default="quadratic",
        help="the lecture's, or softmax cross-entropy, which leaves out the last activation (default: quadratic)",
    )
    p.add_argument(
        "--init",
        choices=sorted(INITS),
        default="standard_normal",
        metavar="NAME",
        help=f"first parameters: {', '.join(sorted(INITS))} (default: standard_normal)",
    )
    p.add_argument("--eta", type=real(0), default=3.0, help="learning rate (default: 3)")
    p.add_argument("--momentum", type=real(0), default=0.0, help="(default: 0)")
    p.add_argument(
        "--weight-decay", type=real(0), default=0.0, help="the book's lambda / N, on biases too (default: 0)"
    )
    p.add_argument("--batch", type=whole(1), default=10, help="examples per mini-batch (default: 10)")
    p.add_argument("--epochs", type=whole(0), default=30, help="times through the data (default: 30)")
    p.add_argument("--seed", type=whole(0), default=1, help="the same seed, the same run (default: 1)")
    p.add_argument(
        "--out", type=named, metavar="FOLDER", help="where to leave the results (default: a new folder in runs/)"
    )
    p.add_argument(
        "--checkpoint",
        type=named,
        metavar="FOLDER",
        help="write the training there after every epoch, or go on from there",
    )
    p.add_argument(
        "--jit", action="store_true", help="record the update, and run it as C (or NumPy, without a compiler)"
    )
    p.add_argument("--keep", type=whole(1), default=3, help="how many of the newest checkpoints stay (default: 3)")
