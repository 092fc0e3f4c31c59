"""Layers from their configs: how a file becomes a network again, by one table and never by eval or import."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu import DataError

from ..module import Module
from .activations import ACTIVATIONS, Identity, LogSoftmax, Softmax
from .attention import MultiheadAttention
from .base import Layer
from .containers import ModuleList, Residual, Sequential
from .conv import AvgPool1d, AvgPool2d, Conv1d, Conv2d, Flatten, MaxPool1d, MaxPool2d, Unflatten
from .dropout import Dropout
from .embedding import Embedding
from .linear import Linear
from .norm import BatchNorm1d, BatchNorm2d, LayerNorm
from .recurrent import LSTM

__all__ = ["LAYERS", "rebuild"]

LAYERS: dict[str, type[Layer]] = {
    cls.__name__: cls
    for cls in (
        *(Linear, Conv1d, Conv2d, MaxPool1d, MaxPool2d, AvgPool1d, AvgPool2d, Flatten, Unflatten),
        *(Dropout, BatchNorm1d, BatchNorm2d, LayerNorm, Embedding, LSTM, MultiheadAttention),
        *ACTIVATIONS.values(),
        *(Softmax, LogSoftmax, Identity),
    )
}
"""Every layer that a file of a model can name; beside them Sequential, ModuleList and Residual, made of layers."""

_CONTAINERS = {"Sequential": ("layers",), "ModuleList": ("layers",), "Residual": ("module",)}
_DEEPEST = 50
_RENAMED = {"Linear": {"n_in": "in_features", "n_out": "out_features"}}  # files of the first versions


def rebuild(config: Mapping[str, Any], state: Mapping[str, Any], prefix: str = "") -> Module:
    """The module that a config describes, with the values, and the dtype, that the state has under the prefix."""
    if prefix.count(".") > _DEEPEST:
        raise DataError(f"modules are inside each other more than {_DEEPEST} deep")
    kind = config["type"]
    renamed = _RENAMED.get(kind, {})
    settings = {renamed.get(k, k): v for k, v in config.items() if k != "type"}
    known: tuple[str, ...] = _CONTAINERS.get(kind, ())
    if not known and kind not in LAYERS:
        raise DataError(f"there is no module {kind!r}")
    known = known or LAYERS[kind].settings
    if settings.keys() != set(known) or len(settings) != len(config) - 1:
        raise DataError(f"{kind} has the settings {sorted(known)}, not {sorted(config.keys() - {'type'})}")
    if kind == "Residual":
        return Residual(rebuild(settings["module"], state, f"{prefix}module."))
    if "layers" in settings:
        inside = [rebuild(c, state, f"{prefix}{i}.") for i, c in enumerate(settings["layers"])]
        return Sequential(*inside) if kind == "Sequential" else ModuleList(inside)

    def saved(name: str, shape: tuple[int, ...]) -> Any:
        """The layer's first values are those in the file: nothing is made that the file does not hold."""
        value = state[prefix + name]
        if value.shape != shape:
            raise DataError(f"{prefix}{name} has shape {value.shape}, which is not its layer's")
        return value

    if "init" not in inspect.signature(LAYERS[kind]).parameters:
        return LAYERS[kind](**settings)
    mine = [name for name, value in state.items() if name.startswith(prefix) and value.dtype.kind == "f"]
    dtype = state[min(mine, key=lambda name: ("weight" not in name, name))].dtype if mine else np.float32
    return LAYERS[kind](**settings, init=saved, dtype=dtype)  # type: ignore[call-arg]
