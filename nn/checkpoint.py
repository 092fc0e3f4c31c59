"""A model in one file: its values and its architecture, as safetensors with a checksum, never pickle."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tinygrad_edu import DataError, Tensor

from . import layers
from .module import Module
from .safefile import finite, pack, strict_json, unpack, write_whole

__all__ = ["load", "save"]

_FORMAT = "tinygrad_edu/model/1"
_KNOWN = frozenset(("format", "architecture", "tied", "frozen"))


def save(path: str | os.PathLike[str], net: Module) -> Path:
    """Write the network's values and architecture to a file; whole, or not at all.

    The file appears under its name only when everything is on the disk; an older one stays until then.
    """
    if not isinstance(net, Module):
        raise TypeError(f"save(path, net) takes the file first, then the network: got {net!r:.60} as the network")
    state = net.state_dict()
    finite(state)
    first: dict[int, str] = {}
    tied = {name: first[id(t)] for name, t in net.named_tensors() if first.setdefault(id(t), name) != name}
    frozen = [name for name, t in net.named_tensors() if not t.requires_grad]
    text = {"format": _FORMAT, "architecture": json.dumps(net.config())}
    if tied:
        text["tied"] = json.dumps(tied)
    if frozen:
        text["frozen"] = json.dumps(frozen)
    written = pack(state, text)
    again = type(_read(written, path))  # what could not be loaded is not saved
    if type(net) is not again and (type(net), again) != (layers.MLP, layers.Sequential):
        raise DataError(f"a model file cannot hold a {type(net).__name__}: only modules of nn.  Use its state_dict()")
    write_whole(path, written, "the model")
    return Path(path)


def load(path: str | os.PathLike[str]) -> Module:
    """The network that `save` wrote to the file: its layers and its values."""
    return _read(Path(path).read_bytes(), path)


def _read(raw: bytes, path: str | os.PathLike[str]) -> Module:
    """The network in the bytes of a model file."""
    try:
        state, text = unpack(raw, _KNOWN, needs_checksum=False)  # the first version wrote none
    except DataError as error:
        raise DataError(f"{path} is not a model file: {error}") from error
    if text.get("format") != _FORMAT:
        raise DataError(f"{path} holds {text.get('format', 'no format')!r:.80}, and not {_FORMAT!r}")
    try:
        net = layers.rebuild(strict_json(text["architecture"]), state)
        for name, first in strict_json(text.get("tied", "{}")).items():
            _tie(net, name, first)
        for name, t in net.named_tensors():
            if name in state and state[name].dtype != t.dtype:
                raise DataError(f"{name!r} has dtype {state[name].dtype}, and its layer {t.dtype}")
        net.load_state_dict(state)
        frozen = strict_json(text.get("frozen", "[]"))
        for name, t in net.named_tensors():
            t.requires_grad = name not in frozen
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"{path} describes a network that cannot be built: {error}") from error
    return net


def _tie(net: Module, name: str, first: str) -> None:
    """Make net's parameter `name` the same Tensor as `first`."""
    (owner, attribute, old), (_, _, shared) = _owner(net, name), _owner(net, first)
    if old.shape != shared.shape:
        raise DataError(f"{name!r} and {first!r} cannot be tied: shapes {old.shape} and {shared.shape}")
    setattr(owner, attribute, shared)


def _owner(net: Module, path: str) -> tuple[Module, str, Tensor]:
    """The module that holds the Tensor of this name, the attribute, and the Tensor."""
    *places, attribute = path.split(".")
    owner = net
    for place in places:
        owner = dict(owner.children())[place]
        if not isinstance(owner, Module):
            raise DataError(f"{path!r} cannot be tied")
    t = vars(owner).get(attribute)
    if not isinstance(t, Tensor):
        raise DataError(f"{path!r} cannot be tied")
    return owner, attribute, t
