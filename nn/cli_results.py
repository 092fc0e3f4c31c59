"""What `tinygrad-edu train` leaves in its folder: the model, pictures and pages."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tinygrad_edu import DataError

from . import data, plot
from .checkpoint import save
from .cli_common import make_folder
from .cli_see import backpropagated, digit_page, traced, universal_page
from .history import History
from .metrics import accuracy
from .module import Module

__all__ = ["LOST", "holds_a_model", "output_folder", "results"]

Writer = Callable[[Path], Any]
LOST = "{} holds a model already, which would be lost.  Choose another folder with --out"


def results(folder: Path, net: Module, cost: Module, dataset: data.Dataset, history: History, eta: float) -> list[str]:
    """Write the model first, then say how good it is, then write the rest; what could not be made."""
    model = save(folder / "model.safetensors", net)  # now: Ctrl-C may come again
    _say_the_result(net, dataset, history)
    _say("model", model)
    pictures = _pictures(net, cost, dataset, history, eta)
    return [what for what, name, write in pictures if not _made(what, folder / name, write)]


def _say_the_result(net: Module, dataset: data.Dataset, history: History) -> None:
    """How long and how fast, and how good the network is now and was at best; by whole epochs, of which none may be."""
    seconds = sum(epoch.seconds for epoch in history.epochs)
    seen = sum(epoch.examples for epoch in history.epochs)
    how_long = "stopped early" if history.interrupted else f"trained for {seconds:.1f} s in all"
    rate = f" ({seen / seconds:,.0f} examples/s)" if seconds else ""
    print(f"{how_long}{rate}, test accuracy {100 * accuracy(net, dataset.test):.2f} %")
    if history.epochs:
        best = max(history.epochs, key=lambda epoch: epoch.accuracy or 0.0)
        print(f"best epoch: {best.number}, {100 * (best.accuracy or 0.0):.2f} %")


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


# ---- the folder ------------------------------------------------------------------------------------------


def holds_a_model(folder: Path) -> bool:
    return (folder / "model.safetensors").exists()


def output_folder(out: str | None, name: str, again: bool = False) -> Path:
    """The folder for the results, made and tried before the training: a new one in runs/ if none is given.

    again  the training was begun before, so that a model in the folder may be its own (see SameCommand)
    """
    if out is not None:
        folder = Path(out)
        if holds_a_model(folder) and not again:
            raise DataError(LOST.format(folder))
    else:
        stem = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
        folder, k = stem, 2
        while folder.exists():
            folder, k = stem.with_name(f"{stem.name}-{k}"), k + 1
    make_folder(folder)
    return folder
