"""explain(cost): the four steps of backpropagation as text, one line per step, with symbols and numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .notation import infix
from .text import literal, number

__all__ = ["explain", "text"]

HEADS = {
    "forward": "1. Feed forward",
    "seed": "2. The error at the output (BP1)",
    "error": "2. The error at the output (BP1)",
    "backward": "3. Back-propagate the error (BP2)",
    "derivative": "4. The derivatives (BP3, BP4)",
    "update": "5. The update: w <- w - eta dC/dw",
}
PLAIN_HEADS = HEADS | {
    "seed": "2. Backward: the chain rule, from the cost to the leaves",
    "error": "2. Backward: the chain rule, from the cost to the leaves",
    "backward": "2. Backward: the chain rule, from the cost to the leaves",
    "derivative": "3. The derivatives: what reaches the leaves",
    "update": "4. The update: w <- w - eta dC/dw",
}


def explain(cost: Any, model: Any = None, *, eta: float | None = None, depth: int | None = None) -> str:
    """The run of backpropagation that starts at `cost`, as text; the arguments are those of `trace`.

    >>> from tinygrad_edu import Tensor, explain
    >>> w, x = Tensor(3.0, requires_grad=True, name="w"), Tensor(2.0, name="x")
    >>> print(explain((w * x - 5) ** 2 / 2))
    Backpropagation of C
    <BLANKLINE>
    1. Feed forward
       v₁ = w · x = 3 · 2 = 6
       v₂ = v₁ - 5 = 6 - 5 = 1
       v₃ = v₂^2 = 1^2 = 1
       C = v₃ / 2 = 1 / 2 = 0.5
    <BLANKLINE>
    2. Backward: the chain rule, from the cost to the leaves
       ∂C/∂C = 1
       ∂C/∂v₃ = ∂C/∂C / 2 = 1 / 2 = 0.5
       ∂C/∂v₂ = ∂C/∂v₃ · (2 · v₂) = 0.5 · (2 · 1) = 1
       ∂C/∂v₁ = ∂C/∂v₂ = 1
    <BLANKLINE>
    3. The derivatives: what reaches the leaves
       ∂C/∂w = ∂C/∂v₁ · x = 1 · 2 = 2
    """
    from .trace import trace

    return text(trace(cost, model, eta=eta, depth=depth).data)


def text(data: dict[str, Any]) -> str:
    """A recorded run as text."""
    return "\n".join(_Text(data).lines())


class _Text:
    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.nodes = {n["id"]: n for n in data["nodes"]}
        self.edges = {(e["from"], e["to"], e["slot"]): e for e in data["edges"]}

    def lines(self) -> Iterator[str]:
        yield self.data["title"]
        heads = HEADS if any(step["eqno"] for step in self.data["steps"]) else PLAIN_HEADS
        head = None
        for step in self.data["steps"]:
            if heads[step["phase"]] != head:
                head = heads[step["phase"]]
                yield ""
                yield head
            yield f"   {self.line(step)}"
        if self.data["meta"]["examples"] > 1 and heads is HEADS:
            yield ""
            examples = f"S = {self.data['meta']['examples']} examples"
            yield f"C is the mean over the {examples} of the mini-batch: ∂C/∂z is δ/S."

    def line(self, step: dict[str, Any]) -> str:
        node = self.nodes[step["node"]]
        if step["phase"] == "forward":
            return self._equation(self.symbol(node["id"]), node["eq"], node["value"])
        if step["phase"] == "seed":
            return f"{self.gradient(node['id'])} = {shown(node['grad'])}"
        if step["phase"] == "update":
            name = self.symbol(node["id"])
            rule, was, now = f"{name} <- {name} - eta ∂C/∂{name}", shown(node["value"]), shown(step["after"])
            if "…" in was + now:  # ranges do not add up
                return f"{rule}: from {was} to {now}"
            return f"{rule} = {was} - eta · {shown(node['grad'])} = {now}"
        if "via" not in step:
            becomes = f"so {shown(step['before'])} becomes {shown(node['grad'])}"
            return f"{self.gradient(node['id'])} += {shown(step['add'])} from operations beyond depth, {becomes}"
        edge = self.edges[step["node"], step["via"], step["slot"]]
        mark = f"   ({step['eqno']})" if step["eqno"] else ""
        if "add" not in step:
            return self._equation(self.gradient(node["id"]), edge["part"], node["grad"]) + mark
        before = shown(step["before"]) if "before" in step else "0"
        after = shown(step["after"] if "after" in step else node["grad"])
        added = self._equation("", edge["part"], step["add"])
        return f"{self.gradient(node['id'])} += {added.removeprefix(' = ')}, so {before} becomes {after}{mark}"

    def _equation(self, left: str, tree: Any, value: dict[str, Any]) -> str:
        """left = the formula = the formula with numbers = the value; nothing said twice."""
        symbols = infix(tree, self.symbol, self.gradient)
        numbers = infix(tree, self.number, self.gradient_number)
        parts = [left, literal(symbols, 70), literal(numbers, 70), shown(value)]
        kept = [p for i, p in enumerate(parts) if i == 0 or p != parts[i - 1]]
        if numbers != symbols and not self._all_numbers(tree):
            kept = [p for p in kept if p != parts[2]]
        return " = ".join(kept)

    def _all_numbers(self, tree: Any) -> bool:
        """Does the formula speak of single numbers only?"""
        if isinstance(tree, str):
            return not self.nodes.get(tree, {"shape": [1]})["shape"]
        if isinstance(tree, list):
            return all(self._all_numbers(part) for part in tree[2 if tree[0] == "call" else 1 :])
        return True

    # ---- how a Tensor is written ---------------------------------------------------------------------

    def symbol(self, key: str) -> str:
        text: str = self.nodes[key]["symbol"]["text"] if key in self.nodes else key
        return text if " " not in text else f"[{text}]"

    def gradient(self, key: str) -> str:
        node = self.nodes[key]
        symbol = node["symbol"]
        if node["role"] == "z" and "layer" in symbol:
            mean = "/S" if self.data["meta"]["examples"] > 1 else ""
            return symbol["text"].replace(symbol["base"], "δ", 1) + mean
        return f"∂C/∂{self.symbol(key)}"

    def number(self, key: str) -> str:
        return self._number(key, "value") or self.symbol(key)

    def gradient_number(self, key: str) -> str:
        return self._number(key, "grad") or self.gradient(key)

    def _number(self, key: str, what: str) -> str:
        node = self.nodes.get(key)
        if node is None or node["shape"] or node[what] is None:
            return ""
        return shown(node[what])


def shown(a: dict[str, Any]) -> str:
    """An array as text: a number, up to four entries, or the range."""
    if "data" not in a:
        stats = a["stats"]
        return f"{number(stats['min'], 4)} … {number(stats['max'], 4)}" if "min" in stats else "all NaN"
    entries = [float(v) + 0.0 for v in a["data"]]  # + 0.0: no -0
    if not a["shape"]:
        return number(entries[0], 4)
    if not entries:
        return "no entries"
    if len(entries) <= 4:
        return _nested([number(v, 4) for v in entries], a["shape"])
    known = [v for v in entries if v == v]
    return f"{number(min(known), 4)} … {number(max(known), 4)}" if known else "all NaN"


def _nested(entries: list[str], shape: list[int]) -> str:
    if len(shape) == 1:
        return f"[{', '.join(entries)}]"
    step = len(entries) // shape[0]
    return f"[{', '.join(_nested(entries[i : i + step], shape[1:]) for i in range(0, len(entries), step))}]"
