"""A model in one file: its values and its architecture, as safetensors, never pickle."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from tinygrad_edu import DataError, missing_extra

from . import layers
from .module import Module

__all__ = ["load", "save"]

_FORMAT = "tinygrad_edu/model/1"


def save(path: str | os.PathLike[str], net: Module) -> Path:
    """Write the network's values and architecture to a file; whole, or not at all.

    The file appears under its name only when everything is on the disk; an older one stays until then.
    """
    st = _safetensors()
    metadata = {"format": _FORMAT, "architecture": json.dumps(net.config())}
    written: bytes = st.save(net.state_dict(), metadata)
    path = Path(path)
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:100]}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise type(error)(f"cannot save the model to {path}: {error.strerror}") from error
    return path


def load(path: str | os.PathLike[str]) -> Module:
    """The network that `save` wrote to the file: its layers and its values."""
    st = _safetensors()
    raw = Path(path).read_bytes()
    try:
        state = st.load(raw)
        size = int.from_bytes(raw[:8], "little")
        metadata = json.loads(raw[8 : 8 + size]).get("__metadata__", {})
    except Exception as error:  # the library has no common base class for what can be wrong with a file
        raise DataError(f"{path} is not a model file: {error}") from error
    if metadata.get("format") != _FORMAT:
        raise DataError(f"{path} holds {metadata.get('format', 'no format')!r}, and not {_FORMAT!r}")
    try:
        net = _built(json.loads(metadata["architecture"]), state)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path} describes a network that cannot be built: {error}") from error
    net.load_state_dict(state)
    return net


def _built(config: dict[str, Any], state: dict[str, Any], prefix: str = "") -> Module:
    """The module that a config describes, with the dtype that its values have."""
    settings = {k: v for k, v in config.items() if k != "type"}
    kind = config["type"]
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
