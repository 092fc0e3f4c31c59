"""The command `tinygrad-edu train`: train the lecture's network, and leave the model, pictures and pages."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError, ShapeError, missing_extra

from .callbacks import Callback
from .cli_common import FAILED, INTERRUPTED, OK, add_command, add_data, chosen_data, make_folder, named, real, whole
from .cli_results import LOST, holds_a_model, output_folder, results
from .costs import CrossEntropyLoss, QuadraticCost
from .init import INITS
from .layers import ACTIVATIONS, MLP
from .module import Module
from .optim import SGD
from .ranks import leads, rank_0_first, several, together, world
from .resume import Checkpoint
from .train import fit

__all__ = ["add_train", "train"]


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
        folder = output_folder(args.out, f"{args.data}-{'-'.join(map(str, sizes))}", again)
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
        same[0].compare(checkpoint.load())  # before fit does, which knows of no options
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
    lacking = results(folder, net, cost, dataset, history, args.eta)
    if history.interrupted:
        return INTERRUPTED
    return FAILED if lacking else OK


class SameCommand(Callback):
    """Remembers in the checkpoints what was asked for: a training goes on only where the same is asked for again."""

    def __init__(self, args: argparse.Namespace, sizes: list[int], folder: Path) -> None:
        names = ("data", "sizes", "activation", "cost", "init", "eta", "momentum", "weight_decay", "batch", "seed")
        self.asked = {name: getattr(args, name) for name in names} | {"sizes": ",".join(map(str, sizes))}
        self.folder = folder

    def compare(self, state: Mapping[str, Any] | None) -> None:
        """DataError if the state of a checkpoint is of another training."""
        if state is None:
            return
        if state.get("setting", {}).get("callbacks") != [type(self).__name__]:
            raise DataError(
                "the checkpoints in the folder --checkpoint are not of tinygrad-edu train, but of another program: "
                "it goes on from them.  To begin a training here, write another --checkpoint folder"
            )
        self.load_state_dict(state["callback 0"])

    def state_dict(self) -> dict[str, Any]:
        """What was asked for, and where the results go."""
        return {"asked": self.asked, "out": str(self.folder.absolute())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """DataError that names the option that differs, or the model of another training that would be lost."""
        for name, mine in self.asked.items():
            theirs = state["asked"].get(name, mine)  # the first versions did not remember the data
            if theirs != mine:
                option = f"--{name.replace('_', '-')}"
                raise DataError(
                    f"the training in the folder --checkpoint had {option} {theirs}, and now it is {option} {mine}.  "
                    "Write the same options to go on, or begin with another --checkpoint folder"
                )
        if holds_a_model(self.folder) and state["out"] != str(self.folder.absolute()):
            raise DataError(LOST.format(self.folder))


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
