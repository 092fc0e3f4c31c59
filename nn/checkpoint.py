"""A model in one file: its values and its architecture, as safetensors, never pickle."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError, missing_extra

from . import layers
from .module import Module

__all__ = ["load", "save"]

_FORMAT = "tinygrad_edu/model/1"
_DEEPEST = 50


def save(path: str | os.PathLike[str], net: Module) -> Path:
    """Write the network's values and architecture to a file; whole, or not at all.

    The file appears under its name only when everything is on the disk; an older one stays until then.
    """
    import tempfile  # slow to import

    st = _safetensors()
    state = net.state_dict()
    for name, value in state.items():
        if not np.isfinite(value).all():
            raise DataError(f"{name!r} holds NaN or infinity: nothing was saved")
    first: dict[int, str] = {}
    tied = {name: first[id(t)] for name, t in net.named_tensors() if first.setdefault(id(t), name) != name}
    frozen = [name for name, t in net.named_tensors() if not t.requires_grad]
    metadata = {"format": _FORMAT, "architecture": json.dumps(net.config())}
    if tied:
        metadata["tied"] = json.dumps(tied)
    if frozen:
        metadata["frozen"] = json.dumps(frozen)
    written = _sorted_header(st.save(state, metadata))
    again = type(_read(written, path))  # what could not be loaded is not saved
    if type(net) is not again and (type(net), again) != (layers.MLP, layers.Sequential):
        raise DataError(f"a model file cannot hold a {type(net).__name__}: only modules of nn.  Use its state_dict()")
    given, path = Path(path), Path(os.path.realpath(path))  # where a link points to
    try:
        handle, temporary = tempfile.mkstemp(prefix=".saving.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, f"cannot save the model to {path}: {error.strerror}") from error
    return given


def load(path: str | os.PathLike[str]) -> Module:
    """The network that `save` wrote to the file: its layers and its values."""
    return _read(Path(path).read_bytes(), path)


def _read(raw: bytes, path: str | os.PathLike[str]) -> Module:
    """The network in the bytes of a model file."""
    st = _safetensors()
    try:
        state = st.load(raw)
        size = int.from_bytes(raw[:8], "little")
        metadata = json.loads(raw[8 : 8 + size]).get("__metadata__") or {}
    except Exception as error:  # the library has no common base class for what can be wrong with a file
        raise DataError(f"{path} is not a model file: {error}") from error
    if metadata.get("format") != _FORMAT:
        raise DataError(f"{path} holds {metadata.get('format', 'no format')!r}, and not {_FORMAT!r}")
    try:
        net = _built(json.loads(metadata["architecture"]), state)
        for name, first in json.loads(metadata.get("tied", "{}")).items():
            _tie(net, name, first)
        for name, t in net.named_tensors():
            if name in state and state[name].dtype != t.dtype:
                raise DataError(f"{name!r} has dtype {state[name].dtype}, and its layer {t.dtype}")
        net.load_state_dict(state)
        for name, t in net.named_tensors():
            t.requires_grad = name not in json.loads(metadata.get("frozen", "[]"))
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataError(f"{path} describes a network that cannot be built: {error}") from error
    return net


def _tie(net: Any, name: str, first: str) -> None:
    """Make net's parameter `name` the same Tensor as `first`."""
    owners = []
    for path in (name, first):
        *places, attribute = path.split(".")
        if attribute not in ("weight", "bias"):
            raise DataError(f"{path!r} cannot be tied")
        owner = net
        for place in places:
            owner = owner[int(place)]
        owners.append((owner, attribute))
    (owner, attribute), (source, other) = owners
    setattr(owner, attribute, getattr(source, other))


def _sorted_header(raw: bytes) -> bytes:
    """The file with its metadata in alphabetical order: one network is one file, byte for byte."""
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + raw[8 + size :]


def _built(config: dict[str, Any], state: dict[str, Any], prefix: str = "") -> Module:
    """The module that a config describes, with the dtype that its values have."""
    settings = {k: v for k, v in config.items() if k != "type"}
    kind = config["type"]
    known = {"Sequential": {"layers"}, "Linear": {"n_in", "n_out", "bias"}}.get(kind, set())
    if settings.keys() != known:
        raise DataError(f"{kind} has the settings {sorted(known)}, not {sorted(settings)}")
    if prefix.count(".") > _DEEPEST:
        raise DataError(f"modules are inside each other more than {_DEEPEST} deep")
    if kind == "Sequential":
        return layers.Sequential(*(_built(c, state, f"{prefix}{i}.") for i, c in enumerate(settings["layers"])))
    if kind == "Linear":
        dtype = state[f"{prefix}weight"].dtype
        if state[f"{prefix}weight"].shape != (settings["n_out"], settings["n_in"]):
            raise DataError(f"{prefix}weight has shape {state[f'{prefix}weight'].shape}, which is not its layer's")
        return layers.Linear(**settings, init="zeros", dtype=dtype)
    activations = {cls.__name__: cls for cls in layers.ACTIVATIONS.values()}
    if kind not in activations:
        raise DataError(f"there is no module {kind!r}")
    return activations[kind]()


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError:
        raise missing_extra("safetensors", "train", "a model file") from None
    return safetensors.numpy


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
