"""A run of backpropagation on its way into data: what is watched while it happens, and the nodes, edges and steps."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..backprop import backprop
from ..errors import DrawingError
from ..graph import Watcher, toposort
from ..op import Traced
from .arrays import arr, json_number, written
from .picture import layers_of, symbols_of
from .symbolic import head, local_derivative, passed_part
from .text import literal

__all__ = ["Lines", "Recorder"]

MOST_NODES = 5_000
_PACKAGE = str(Path(__file__).parents[1])


class Lines(Watcher):
    """Takes note of the line of the program that made each Tensor."""

    def __init__(self) -> None:
        self.of: dict[Any, tuple[str, int]] = {}

    def made(self, t: Any) -> None:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        self.of[t] = (frame.f_code.co_filename, frame.f_lineno)
        super().made(t)


class _Parts(Watcher):
    """Takes note of every part of a gradient that the sweep passes on."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, int, Any, Any]] = []  # from t, by the rule of its i-th input, to x, this part
        self.uses: dict[Any, int] = {}

    def passed(self, t: Any, x: Any, part: Any) -> None:
        i = self.uses.get(t, -1) + 1  # x may be an input of t twice
        while t.inputs[i] is not x:
            i += 1
        self.uses[t] = i
        self.all.append((t, i, x, np.array(part)))
        super().passed(t, x, part)


@dataclass
class Recorder:
    """One graph on its way into data."""

    cost: Any
    model: Any
    lines: Lines

    def record(self, eta: float | None, depth: int | None, title: str | None) -> dict[str, Any]:
        within = self._within(depth)
        made = [t for t in toposort(self.cost) if t in within]
        self.inner = {t for t in made if all(x in within for x in t.inputs if isinstance(x, Traced))}
        tensors = list(dict.fromkeys(self._forward(made)))
        if len(tensors) > MOST_NODES:
            raise DrawingError(
                f"this graph has {len(tensors):,} nodes, and a trace is limited to {MOST_NODES:,}.  Trace one example "
                f"instead of a batch; compute with Tensors that hold arrays instead of single numbers; or look "
                f"back only some operations: trace(cost, depth=20)"
            )
        self.ids = {t: f"n{i}" for i, t in enumerate(tensors)}
        self.symbols = symbols_of(tensors, self._names(), self.cost)
        arrows = [(x, t) for t in tensors if t in self.inner for x in t.inputs if isinstance(x, Traced)]
        index = {t: i for i, t in enumerate(tensors)}
        self.layer = dict(zip(tensors, layers_of(tensors, [(index[x], index[t]) for x, t in arrows]), strict=True))
        self.values = {t: np.asarray(t._data) for t in tensors}
        for t in self.inner:  # what the graph has seen, where a leaf was assigned since
            self.values |= {x: np.asarray(a) for x, a in zip(t.inputs, t._arrays, strict=True) if isinstance(x, Traced)}
        self.parts = _Parts()
        seed = np.ones(self.cost.shape, self.cost.dtype)[()]
        with self.parts:
            self.grads = backprop(self.cost, seed, keep=toposort(self.cost))
        return {
            "schema": "tinygrad_edu/trace/1",
            "title": literal(title or f"Backpropagation of {self.symbols[self.cost]}", 80),
            "notation": "lecture" if any(t.role for t in tensors) else "code",
            "root": self.ids[self.cost],
            "meta": self._meta(tensors, eta),
            "groups": [
                {"id": f"layer{l}", "label": f"layer {l}", "parent": None, "layer": l}
                for l in sorted({l for l in self.layer.values() if l is not None})
            ],
            "nodes": [self._node(t) for t in tensors],
            "edges": [e for t in tensors if t in self.inner for e in self._edges(t)],
            "steps": [*self._steps_forward(tensors), *self._steps_backward(), *self._steps_update(tensors, eta)],
        }

    # ---- which Tensors -------------------------------------------------------------------------------

    def _within(self, depth: int | None) -> set[Any]:
        """The Tensors that at most `depth` operations separate from the cost; all, if it is None."""
        found, ring = {self.cost}, [self.cost]
        distance = 0
        while ring and (depth is None or distance < depth):
            ring = list(dict.fromkeys(x for t in ring for x in t.inputs if isinstance(x, Traced) and x not in found))
            found.update(ring)
            distance += 1
        return found

    def _forward(self, made: list[Any]) -> Iterator[Any]:
        """Each Tensor after those it was made from; a leaf where it is first used."""
        for t in reversed(made):
            if t in self.inner:
                for x in t.inputs:
                    if isinstance(x, Traced) and (x.op is None or x not in self.inner):
                        yield x
            yield t
        if not made:
            yield self.cost

    def _names(self) -> dict[Any, str]:
        """The names that the model has for its Tensors."""
        named = getattr(self.model, "named_tensors", None)
        return {} if named is None else {t: name for name, t in named()}

    def _meta(self, tensors: list[Any], eta: float | None) -> dict[str, Any]:
        z = [t for t in tensors if self._role(t) == "z"]
        batch = z[0].shape[0] if z and z[0].ndim > 1 else 1
        return {"examples": batch, "eta": eta, "layers": self._network(tensors)}

    def _network(self, tensors: list[Any]) -> list[dict[str, Any]]:
        """For each layer of a network made of arrays: how many neurons, and which nodes are its w, b, z, a."""
        by_layer: dict[int, dict[str, Any]] = {}
        for t in tensors:
            role = self._role(t)
            if role in ("x", "w", "b", "z", "a"):
                layer = by_layer.setdefault(t.role[1], {"layer": t.role[1]})
                if role in layer:
                    return []  # neuron by neuron, or the same layer twice: there is no one array to show
                layer[role] = self.ids[t]
                if role in ("x", "z", "a"):
                    layer["neurons"] = t.shape[-1] if t.ndim else 1
        layers = [by_layer[l] for l in sorted(by_layer)]
        return layers if len(layers) > 1 and all("neurons" in layer for layer in layers) else []

    @staticmethod
    def _role(t: Any) -> str:
        known = ("x", "w", "b", "z", "a", "y", "cost")
        return t.role[0] if t.role is not None and t.role[0] in known else "other"

    # ---- nodes and edges -----------------------------------------------------------------------------

    def _node(self, t: Any) -> dict[str, Any]:
        symbol, layer = self.symbols[t], self.layer[t]
        made = t in self.inner and t.op is not None
        grad = self.grads.get(t)
        node: dict[str, Any] = {
            "id": self.ids[t],
            "kind": "op" if made else "leaf" if t.requires_grad else "const",
            "role": self._role(t),
            "symbol": written(symbol),
            "name": literal(t.name or self._names().get(t, "") or "", 80),
            "shape": list(t.shape),
            "dtype": str(t.dtype),
            "value": arr(self.values[t]),
            "grad": None if grad is None else arr(np.asarray(grad)),
        }
        if layer is not None:
            node |= {"layer": layer, "group": f"layer{layer}"}
        if made:
            settings = [[k, literal(repr(v), 40)] for k, v in t.params.items()]
            inputs = [self.ids[x] if isinstance(x, Traced) else json_number(x) for x in t.inputs]
            node |= {"op": t.op.name, "formula": t.op.formula, "eq": [*head(t.op), *inputs, *settings]}
        elif t.op is not None:  # computed by what depth= leaves out
            node["op"] = t.op.name
        if t in self.lines.of:
            file, line = self.lines.of[t]
            text = literal(linecache.getline(file, line), 200)
            node["src"] = {"file": literal(Path(file).name, 80), "line": line, "text": text}
        return node

    def _edges(self, t: Any) -> Iterator[dict[str, Any]]:
        for i, x in enumerate(t.inputs):
            if not isinstance(x, Traced):
                continue
            edge: dict[str, Any] = {"from": self.ids[x], "to": self.ids[t], "slot": i}
            if x._requires_grad and (callable(t.op.vjps) or t.op.vjps[i] is not None):
                local = local_derivative(t, i, self.ids)
                edge["part"] = passed_part(t, i, self.ids)
                if local is not None:
                    edge |= {"local": local[0], "localValue": arr(np.asarray(local[1]))}
            yield edge

    # ---- steps ---------------------------------------------------------------------------------------

    def _steps_forward(self, tensors: list[Any]) -> Iterator[dict[str, Any]]:
        for t in tensors:
            if t in self.inner and t.op is not None:
                yield {"phase": "forward", "eqno": "", "node": self.ids[t], "write": "value"}

    def _steps_backward(self) -> Iterator[dict[str, Any]]:
        """One for each part that is added to a gradient.  The first part of a node says no `before`, which was 0,
        and the last one no `after`, which is the node's gradient; a single part says nothing: it is the gradient.
        """
        yield {"phase": "seed", "eqno": "", "node": self.ids[self.cost], "write": "grad", "via": self.ids[self.cost]}
        inside = [p for p in self.parts.all if p[0] in self.inner and p[2] in self.ids]
        last = {x: k for k, (_, _, x, _) in enumerate(inside)}
        beyond: dict[Any, Any] = {}
        for t, _, x, part in self.parts.all:
            if x in last and t not in self.inner:
                beyond[x] = beyond.get(x, 0) + np.broadcast_to(part, x.shape)
        errors = self._output_side()
        done: dict[Any, Any] = {}
        steps = []
        for k, (t, i, x, part) in enumerate(inside):
            leaf = x not in self.inner or x.op is None
            phase = "derivative" if leaf else "error" if x in errors else "backward"
            role, equation = self._role(x), ""
            if role in ("w", "b"):
                equation = {"w": "BP4", "b": "BP3"}[role]
            elif role == "z" and not leaf:
                equation = "BP1" if phase == "error" else "BP2"
            step: dict[str, Any] = {"phase": phase, "eqno": equation, "node": self.ids[x], "write": "grad"}
            step |= {"via": self.ids[t], "slot": i}
            part = np.broadcast_to(part, x.shape)
            if x in done:
                step["before"] = arr(done[x])
            done[x] = part if x not in done else done[x] + part
            if "before" in step:
                step["add"] = arr(part)
            hooked = last[x] == k and x not in beyond and x._notes is not None and "hooks" in x._notes
            if last[x] != k or x in beyond or hooked:
                step["add"], step["after"] = arr(part), arr(done[x])
            steps.append(step)
            if last[x] == k and x in beyond:  # no `via`: it comes from operations that depth= leaves out
                rest = {key: step[key] for key in ("phase", "eqno", "node", "write")}
                steps.append(rest | {"before": arr(done[x]), "add": arr(beyond[x])})
        for phase in ("error", "backward", "derivative"):
            yield from (step for step in steps if step["phase"] == phase)

    def _output_side(self) -> set[Any]:
        """The z of the last layer, and what was made from it: where the error at the output is computed."""
        z = [t for t in self.ids if self._role(t) == "z" and t in self.inner]
        last = max((t.role[1] for t in z), default=None)
        found = {t for t in z if t.role[1] == last}
        for t in self.ids:  # in the order of the computation
            if t in self.inner and any(x in found for x in t.inputs if isinstance(x, Traced)):
                found.add(t)
        return found

    def _steps_update(self, tensors: list[Any], eta: float | None) -> Iterator[dict[str, Any]]:
        if eta is None:
            return
        for t in tensors:
            if t.op is None and t.requires_grad and t in self.grads:
                change = -eta * self.grads[t]
                step = {"phase": "update", "eqno": "", "node": self.ids[t], "write": "value"}
                yield step | {"add": arr(np.asarray(change)), "after": arr(np.asarray(self.values[t] + change))}
