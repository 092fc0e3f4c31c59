"""A page to draw digits on, that shows what a trained network makes of them: draw_digit_page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tinygrad_edu import DataError, DrawingError, Tensor, no_grad
from tinygrad_edu.visual.page import Page, page
from tinygrad_edu.visual.text import literal

from .costs import CrossEntropyLoss, QuadraticCost
from .data import Dataset, Examples
from .layers import ELU, GELU, Activation, LeakyReLU, Linear, ReLU, Sequential, Sigmoid, SiLU, Softmax, Softplus, Tanh
from .metrics import outputs
from .module import Module
from .train import History

__all__ = ["draw_digit_page"]

Array = npt.NDArray[Any]
FUNCTIONS: dict[type[Activation], str] = {
    **{Sigmoid: "sigmoid", Tanh: "tanh", ReLU: "relu", LeakyReLU: "leaky relu", ELU: "elu"},
    **{GELU: "gelu", SiLU: "silu", Softplus: "softplus", Softmax: "softmax"},
}
SAMPLES, MISTAKES = 20, 10  # at most so many examples travel with the page


class Layer(NamedTuple):
    """One layer: a = f(z), z = b + W a of the layer before."""

    w: Array  # (n_out, n_in)
    b: Array  # (n_out,)
    f: str = "linear"  # or one of FUNCTIONS
    module: Activation | None = None  # that computes f; None: linear

    @property
    def settings(self) -> dict[str, Any]:
        """What its f was made with, as {"negative_slope": 0.01}."""
        return {} if self.module is None else {name: getattr(self.module, name) for name in self.module.settings}


def draw_digit_page(
    net: Module,
    test_data: Dataset | Examples,
    history: History | None = None,
    *,
    cost: Module | None = None,
    classes: Sequence[str] | None = None,
    title: str | None = None,
) -> Page:
    """One HTML file with the network in it: draw a digit and see every activity, weight and error.

    net        Linear layers and activations, one after the other, trained or not; a Softmax only at the end
    test_data  square pictures in [0, 1]: nn.data.digits(), nn.data.mnist(), or examples with an image_shape
    history    what fit returned, for the curve of the training
    cost       the cost of "what if the answer were 7?": QuadraticCost(), or CrossEntropyLoss(), which is meant
               where the outputs are linear; where a Softmax makes them, -log a of the answer is meant
    classes    the names of the outputs; "0", "1", … if not given

    The parameters travel as they are, float32 or float64, and the page computes with them in float64.  When
    it opens, it computes the outputs for its samples again and compares them with those found here.
    Other layers, sizes that do not fit, no image_shape: DrawingError or DataError.

        draw_digit_page(net, nn.data.digits(), history).save("digits.html")
    """
    layers = read_layers(net)
    examples = _pictures(test_data, layers)
    names = _names(classes, layers)
    kind = _cost(cost, layers)
    if history is not None and not isinstance(history, History):
        raise DataError(f"history is what nn.fit returned, or None, not a {type(history).__name__}")
    found = outputs(net, examples.x)
    said = np.argmax(found, axis=1)
    chosen = _samples(examples.labels, said, len(names))
    sizes = "-".join(str(n) for n in [layers[0].w.shape[1], *(len(layer.b) for layer in layers)])
    title = literal(f"Draw a digit: {sizes}" if title is None else title, 80)
    right = int(np.sum(said == examples.labels))
    assert examples.image_shape is not None
    data = {
        "title": title,
        "sizes": sizes,
        "side": examples.image_shape[0],
        "classes": names,
        "cost": kind,
        "dtype": str(layers[0].w.dtype),
        "layers": [_travelling(layer) for layer in layers],
        "test": {"right": right, "of": len(examples)},
        "samples": {
            "x": packed(examples.x[chosen]),
            "rows": chosen,
            "labels": examples.labels[chosen],
            "said": said[chosen],
            "reference": packed(reference(layers, examples.x[chosen])),  # in float64, as the page computes
            "found": packed(found[chosen]),  # by the network itself, in its own dtype
        },
        "history": _training(history),
    }
    html = page(title, "digit", data, web=resources.files("nn") / "web")
    text = _text(title, layers, examples, history, chosen, found, names)
    still = _still(title, examples, chosen[0], found[chosen[0]], names, _sums(layers))
    return Page(title, html, text, still, height=900)


# ---- what is given, checked ------------------------------------------------------------------------------


def read_layers(net: Module) -> list[Layer]:
    """The layers of the network as arrays; DrawingError names what is not a Linear or activation layer."""
    modules = list(_flat(net, "net"))
    layers: list[Layer] = []
    for i, (path, module) in enumerate(modules):
        before = modules[i - 1][1] if i else None
        if isinstance(module, Linear) and type(module).forward is Linear.forward:
            w = module.weight.data
            b = np.zeros(len(w), w.dtype) if module.bias is None else module.bias.data
            if layers and w.shape[1] != len(layers[-1].b):
                raise DrawingError(
                    f"the layers do not fit together: {path} = {module!r} takes {w.shape[1]} numbers, "
                    f"and the layer before it has {len(layers[-1].b)} neurons"
                )
            layers.append(Layer(w, b))
        elif isinstance(module, Softmax) and (i < len(modules) - 1 or module.dim not in (-1, 1)):
            raise DrawingError(
                f"{path} = {module!r}: the page shows a Softmax of all outputs at the end of the network, nowhere else"
            )
        elif type(module) in FUNCTIONS and isinstance(before, Linear):
            layers[-1] = layers[-1]._replace(f=FUNCTIONS[type(module)], module=module)
        elif type(module) in FUNCTIONS:
            raise DrawingError(
                f"{path} = {module!r} does not come right after a Linear layer: the page needs z = b + w x"
            )
        else:
            raise DrawingError(
                f"the page shows networks of Linear layers and activations, one after the other, as "
                f"nn.MLP([64, 30, 10]); but {path} is {_described(module)}.  "
                f"It knows {', '.join(known.__name__ for known in FUNCTIONS)}"
            )
    if not layers:
        raise DrawingError("this network has no layers: nothing to show.  Take nn.MLP([64, 30, 10])")
    return layers


def _flat(module: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The modules inside, in the order of the signal."""
    if isinstance(module, Sequential) and type(module).forward is Sequential.forward:
        for i, inner in enumerate(module):
            yield from _flat(inner, f"{path}[{i}]")
    else:
        yield path, module


def _described(module: object) -> str:
    own = isinstance(module, Sequential | Linear)  # a subclass that computes in its own way
    return f"a {type(module).__name__} with a forward() of its own" if own else f"a {type(module).__name__}"


def _pictures(data: Any, layers: list[Layer]) -> Examples:
    """The test examples, if they are pictures that the pad can make and the network takes."""
    examples = data.test if isinstance(data, Dataset) else data
    if not isinstance(examples, Examples):
        raise DataError(f"test_data is a nn.Dataset or nn.Examples, not a {type(data).__name__}")
    shape, n_in, n_out = examples.image_shape, layers[0].w.shape[1], len(layers[-1].b)
    if shape is None:
        raise DataError(
            "these examples have no image_shape, so the page cannot know which pixel is where.  "
            "Write nn.Examples(x, y, labels, image_shape=(28, 28))"
        )
    if len(shape) != 2 or shape[0] != shape[1] or not 2 <= shape[0] <= 64:
        raise DataError(f"the pad makes square grey pictures of 2 x 2 to 64 x 64 pixels: image_shape is {shape}")
    if len(examples) == 0:
        raise DataError("there are no test examples: the page needs one at least, to check itself with")
    if examples.x.shape[1] != n_in or examples.y.shape[1] != n_out:
        raise DataError(
            f"the network has {n_in} inputs and {n_out} outputs, but the examples have {examples.x.shape[1]} "
            f"pixels and {examples.y.shape[1]} classes.  Take the data that the network was trained on"
        )
    low, high = float(examples.x.min()), float(examples.x.max())
    if low < 0 or high > 1:
        raise DataError(
            f"the pad draws pixels from 0 (paper) to 1 (ink), but x goes from {low:.4g} to {high:.4g}: "
            f"a network trained on that would not know what is drawn.  Bring x into [0, 1], and train again"
        )
    return examples


def _names(classes: Sequence[str] | None, layers: list[Layer]) -> list[str]:
    n = len(layers[-1].b)
    if classes is None:
        return [str(i) for i in range(n)]
    if isinstance(classes, str) or len(classes) != n or not all(isinstance(c, str) for c in classes):
        raise DataError(f"classes is a list of {n} names, one for each output: got {classes!r:.80}")
    return [literal(c, 24) or str(i) for i, c in enumerate(classes)]


def _cost(cost: Module | None, layers: list[Layer]) -> str:
    """C_x, as the page calls it: log-likelihood is -log a_answer of a Softmax, cross-entropy that with the Softmax."""
    if cost is None:
        return {"linear": "cross-entropy", "softmax": "log-likelihood"}.get(layers[-1].f, "quadratic")
    if isinstance(cost, QuadraticCost):
        return "quadratic"
    if isinstance(cost, CrossEntropyLoss) and layers[-1].f == "softmax":
        raise DataError(
            "CrossEntropyLoss has a softmax inside already, so this network has two.  Leave out its Softmax, or leave "
            "out cost=: then the cost is -log a of the answer"
        )
    if isinstance(cost, CrossEntropyLoss):
        return "cross-entropy"
    raise DataError(f"cost is nn.QuadraticCost() or nn.CrossEntropyLoss(), not a {type(cost).__name__}")


# ---- what travels ----------------------------------------------------------------------------------------


def packed(array: Array) -> dict[str, str]:
    """The very numbers: base64 of little-endian float32, or of float64 where the array has more digits."""
    dtype = "<f4" if array.dtype.itemsize <= 4 else "<f8"
    return {"dtype": dtype, "data": base64.b64encode(array.astype(dtype).tobytes()).decode()}


def _travelling(layer: Layer) -> dict[str, Any]:
    return {"w": packed(layer.w), "b": packed(layer.b), "f": layer.f, "settings": layer.settings}


def reference(layers: list[Layer], x: Array) -> Array:
    """The outputs a^L for x (S, n_1), from the same parameters, computed in float64."""
    a = x.astype(np.float64)
    for w, b, _, f in layers:
        z = a @ w.astype(np.float64).T + b
        with no_grad():
            a = z if f is None else f(Tensor(z, copy=False)).data
    return a


def _sums(layers: list[Layer]) -> str:
    return "they sum to 1" if layers[-1].f == "softmax" else "they need not sum to 1"


def _samples(labels: Array, said: Array, classes: int) -> list[int]:
    """Rows of the test data: the first of each class, the second of each, …, and then the first mistakes."""
    rank = np.zeros(len(labels), int)  # how many of its class came before
    for c in range(classes):
        mine = labels == c
        rank[mine] = np.arange(mine.sum())
    first = np.lexsort((labels, rank))[:SAMPLES]
    chosen: list[int] = first.tolist()
    wrong = np.setdiff1d(np.flatnonzero(said != labels), first)[:MISTAKES]
    return chosen + [int(i) for i in wrong]


def _training(history: History | None) -> dict[str, Any] | None:
    if history is None or not history.epochs:
        return None
    return {
        "epochs": [epoch.number for epoch in history.epochs],
        "costs": history.costs,
        "accuracies": [epoch.accuracy for epoch in history.epochs],
        "interrupted": history.interrupted,
    }


# ---- the same in words, and as a still picture -----------------------------------------------------------


def _text(
    title: str,
    layers: list[Layer],
    examples: Examples,
    history: History | None,
    chosen: list[int],
    found: Array,
    names: list[str],
) -> str:
    """Architecture, test accuracy, and the table of the samples with their outputs."""
    said = np.argmax(found, axis=1)
    right = int(np.sum(said == examples.labels))
    rows, columns = examples.image_shape or (0, 0)
    parts = [f"{layers[0].w.shape[1]} inputs ({rows} x {columns} pixels)"]
    parts += [f"{len(layer.b)} {layer.f} neurons" for layer in layers]
    lines = [title, "", "network    " + " -> ".join(parts)]
    lines.append(f"test       {right} of {len(examples)} right ({100 * right / len(examples):.1f} %)")
    if history is not None and history.epochs:
        costs = history.costs
        lines.append(f"training   {history.epochs[-1].number} epochs, cost {costs[0]:.4g} -> {costs[-1]:.4g}")
    lines += ["", f"Output activities a^{len(layers) + 1} of the page's test examples; {_sums(layers)}.", ""]
    table = [("example", "is", "largest", *names)]
    table += [(str(i), names[examples.labels[i]], names[said[i]], *(f"{a:.3f}" for a in found[i])) for i in chosen]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines += ["  ".join(map(str.rjust, row, widths)) for row in table]
    return "\n".join(lines)


def _still(title: str, examples: Examples, row: int, a: Array, names: list[str], sums: str) -> str:
    """One test example, and the output activities as bars: SVG."""
    side = (examples.image_shape or (1, 1))[0]
    x = examples.x[row].reshape(side, side)
    pixel, left, line = 200 / side, 300, 220 / max(len(names), 1)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="600" height="300" viewBox="0 0 600 300" '
        f'font-family="Helvetica,Arial,sans-serif" font-size="12" role="img" aria-label="{escape(title)}">',
        '<rect width="600" height="300" fill="white"/>',
        f'<text x="20" y="26" font-size="14" font-weight="bold" fill="#1b1f24">{escape(title)}</text>',
        '<rect x="19.5" y="44.5" width="201" height="201" fill="none" stroke="#d9dee5"/>',
    ]
    for i, j in np.argwhere(x > 0):
        at = f'x="{20 + j * pixel:.2f}" y="{45 + i * pixel:.2f}" width="{pixel:.2f}" height="{pixel:.2f}"'
        parts.append(f'<rect {at} fill="#1b1f24" fill-opacity="{x[i, j]:.3f}" shape-rendering="crispEdges"/>')
    parts.append(
        f'<text x="20" y="286" fill="#5b6473">test example {row}, which is {escape(names[examples.labels[row]])}</text>'
    )
    numbers = np.nan_to_num(a.astype(float), posinf=0, neginf=0)
    low, high = min(0.0, float(numbers.min())), max(1.0, float(numbers.max()))
    zero = left + 220 * -low / (high - low)
    for i, value in enumerate(numbers):
        y, end = 45 + i * line, zero + 220 * value / (high - low)
        begin, wide = min(zero, end), abs(end - zero)
        middle, tall = y + line / 2 + 4, max(line - 5, 1)
        parts.append(f'<text x="{left - 8}" y="{middle:.1f}" text-anchor="end">{escape(names[i])}</text>')
        colour = "#1f5fa8" if value >= 0 else "#b54708"
        at = f'x="{begin:.2f}" y="{y + 2:.1f}" width="{wide:.2f}" height="{tall:.1f}"'
        parts.append(f'<rect {at} fill="{colour}"/>')
        parts.append(f'<text x="{left + 230}" y="{middle:.1f}" fill="#5b6473">{a[i]:.3f}</text>')
    parts.append(f'<text x="{left}" y="286" fill="#5b6473">output activities; {sums}</text>')
    return "\n".join([*parts, "</svg>", ""])
