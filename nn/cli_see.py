"""The commands that show: step, draw, universal and digit."""

from __future__ import annotations

import argparse
import sys
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError, ShapeError, Tensor, draw

from . import data
from .checkpoint import load
from .cli_common import FAILED, OK, Parser, add_command, add_data, chosen_data, make_folder, real, whole
from .costs import CrossEntropyLoss, QuadraticCost
from .layers import Linear, Sequential
from .module import Module

__all__ = ["add_see", "backpropagated", "digit_page", "traced", "universal_page"]

PICTURES = (".svg", ".png", ".pdf", ".gv", ".dot", ".txt")
PAGES = (".html", ".htm")

# What `universal` approximates, on [-3, 3].  Names from this list only: text from outside is never evaluated.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sin": np.sin,
    "cos": np.cos,
    "step": lambda x: np.heaviside(x, 0.5),
    "bump": lambda x: np.exp(-4 * x**2),
    "abs": np.abs,
    "parabola": lambda x: x**2 / 9,
    "line": lambda x: x / 3,
}


# ---- the commands ----------------------------------------------------------------------------------------


def draw_model(args: argparse.Namespace) -> int:
    """Draw the graph of backpropagation of a saved model for one example."""
    _check_suffix(args.out, PICTURES)
    net, _, example = _model_and_example(args)
    make_folder(Path(args.out).parent)
    print(backpropagated(net, cost_of(net), example).save(args.out))
    return OK


def step(args: argparse.Namespace) -> int:
    """Step through backpropagation for one example of a saved model, operation by operation: a page, or text."""
    if args.text and (args.open or args.out is not None):
        raise DataError("--text prints to the terminal: leave out --out and --open, or leave out --text")
    out = _check_suffix(args.out or "backprop.html", PAGES)
    net, _, example = _model_and_example(args)
    steps = traced(net, cost_of(net), example, args.eta)
    if args.text:
        print(steps)
        return OK
    return _save(steps, out, args.open)


def universal(args: argparse.Namespace) -> int:
    """Approximate a function with sigmoid neurons by hand: a page with a slider for every weight and bias."""
    out = _check_suffix(args.out, PAGES)
    return _save(universal_page(args.function, args.hidden), out, args.open)


def digit(args: argparse.Namespace) -> int:
    """Draw a digit and see what every neuron of a saved model makes of it: a page."""
    out = _check_suffix(args.out, PAGES)
    net, dataset, _ = _model_and_example(args)
    return _save(digit_page(net, dataset), out, args.open)


# ---- what they show; train leaves the same ---------------------------------------------------------------


def backpropagated(net: Module, cost: Module, example: data.Examples) -> Any:
    """The drawing of one example's graph, with the gradients of all in it."""
    c = cost(net(Tensor(example.x)), Tensor(example.y))
    before = {p: p.grad for p in net.parameters()}
    net.zero_grad()
    c.backward(retain_grads=True)
    drawing = draw(c)
    for p, g in before.items():
        p.grad = g
    return drawing


def traced(net: Module, cost: Module, example: data.Examples, eta: float | None = None) -> Any:
    """The steps of backpropagation for one example; with eta, those of the update too."""
    from tinygrad_edu import trace

    x, y = Tensor(example.x), Tensor(example.y)
    title = f"Backpropagation for a test example: a {example.labels[0]}"
    return trace(lambda: cost(net(x), y), model=net, eta=eta, title=title)


def universal_page(function: str = "sin", hidden: int = 2) -> Any:
    """The page on which a sum of sigmoid neurons is fitted to a function of the list."""
    from tinygrad_edu import universal

    def f(x: Any) -> Any:
        return FUNCTIONS[function](x)

    f.__name__ = function  # the page calls it so
    return universal(f=f, hidden=hidden)


def digit_page(net: Module, dataset: data.Dataset, history: Any = None) -> Any:
    """The page on which digits are drawn for the network."""
    from .digit_page import draw_digit_page

    return draw_digit_page(net, dataset.test, history)


# ---- what is read and written ----------------------------------------------------------------------------


def _model_and_example(args: argparse.Namespace) -> tuple[Module, data.Dataset, data.Examples]:
    """The saved model, the digits, and the chosen test example, all fitting together."""
    if not Path(args.model).is_file():
        raise DataError(f"there is no model file {args.model}")
    net = load(args.model).eval()  # as in use: nothing is dropped, running statistics are used
    dataset = chosen_data(args)
    examples = dataset.test
    number = getattr(args, "example", 0)
    if not 0 <= number < len(examples):
        raise DataError(f"--example: {dataset.name} has test examples 0 … {len(examples) - 1}, not {number}")
    first = next((m for m in net.modules() if any(isinstance(t, Tensor) for _, t in m.children())), None)
    if isinstance(first, Linear) and first.weight.shape[1] != examples.x.shape[1]:
        raise ShapeError(
            f"{args.model} takes {first.weight.shape[1]} inputs, and {dataset.name} has {examples.x.shape[1]}: "
            f"was it trained on other data?  Write --data {'digits' if args.data == 'mnist' else 'mnist'}"
        )
    return net, dataset, examples[number : number + 1]


def cost_of(net: Module) -> Module:
    """The quadratic cost for a network that ends in an activation, cross-entropy for one that ends in logits."""
    last = [m for m in net.modules() if not isinstance(m, Sequential)][-1:]
    return CrossEntropyLoss() if last and isinstance(last[0], Linear) else QuadraticCost()


def _check_suffix(out: str, suffixes: Sequence[str]) -> str:
    """The file to write to, before any work."""
    if Path(out).suffix.lower() not in suffixes:
        raise DataError(f"--out: the suffix is one of {' '.join(suffixes)}, not {out!r}")
    return out


def _save(page: Any, out: str, show: bool) -> int:
    """Write the page and say where; open it if that is asked for."""
    make_folder(Path(out).parent)
    page.save(out)
    print(out)
    if show and not webbrowser.open(Path(out).resolve().as_uri()):
        print(f"tinygrad-edu: no web browser was found: open {out} yourself", file=sys.stderr)
        return FAILED
    return OK


# ---- what may be said to them ----------------------------------------------------------------------------


def add_see(commands: Any) -> None:
    """The four subcommands and what may be said to them."""
    _add_step(commands)
    _add_draw(commands)
    _add_universal(commands)
    _add_digit(commands)


def _add_draw(commands: Any) -> None:
    p = add_command(
        commands,
        "draw",
        draw_model,
        "draw the graph of backpropagation for one example",
        ["tinygrad-edu draw runs/…/model.safetensors --example 3 --out graph.svg"],
    )
    _add_model(p)
    _add_example(p)
    p.add_argument(
        "--out", default="graph.svg", metavar="FILE", help=".svg, .png, .pdf, .gv or .txt (default: graph.svg)"
    )


def _add_step(commands: Any) -> None:
    p = add_command(
        commands,
        "step",
        step,
        "step through backpropagation, operation by operation",
        [
            "tinygrad-edu step runs/…/model.safetensors --example 3 --open",
            "tinygrad-edu step runs/…/model.safetensors --eta 3  the update too",
            "tinygrad-edu step runs/…/model.safetensors --text   here, without a page",
        ],
    )
    _add_model(p)
    _add_example(p)
    p.add_argument("--eta", type=real(0), help="learning rate: the update w - eta dC/dw is shown too")
    p.add_argument("--text", action="store_true", help="print the steps here, and write no page")
    _add_page(p, None, "backprop.html")


def _add_universal(commands: Any) -> None:
    p = add_command(
        commands,
        "universal",
        universal,
        "approximate a function with sigmoid neurons, by hand",
        ["tinygrad-edu universal --open", "tinygrad-edu universal --function bump --hidden 2 --out bump.html"],
    )
    p.add_argument("--function", choices=sorted(FUNCTIONS), default="sin", help="what to approximate (default: sin)")
    p.add_argument("--hidden", type=whole(1, 20), default=2, metavar="N", help="hidden neurons, 1 to 20 (default: 2)")
    _add_page(p, "universal.html", "universal.html")


def _add_digit(commands: Any) -> None:
    p = add_command(
        commands,
        "digit",
        digit,
        "draw a digit and see what every neuron makes of it",
        ["tinygrad-edu digit runs/…/model.safetensors --data mnist --open"],
    )
    _add_model(p)
    _add_page(p, "digit.html", "digit.html")


def _add_model(p: Parser | argparse.ArgumentParser) -> None:
    p.add_argument("model", help="a model.safetensors that train left")
    add_data(p)


def _add_example(p: argparse.ArgumentParser) -> None:
    p.add_argument("--example", type=whole(0), default=0, help="number of the test example (default: 0)")


def _add_page(p: argparse.ArgumentParser, default: str | None, said: str) -> None:
    p.add_argument("--out", default=default, metavar="FILE", help=f"the page, .html (default: {said})")
    p.add_argument("--open", action="store_true", help="open the page in a web browser")
