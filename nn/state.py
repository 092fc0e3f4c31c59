"""What a part of a training remembers: its state as plain data, taken, given to another like it, and put back."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_edu import DataError

from .module import Module

__all__ = ["generators_of", "put_back", "restore", "state_of"]


def state_of(part: Any) -> Any:
    """What a part is to remember."""
    if isinstance(part, Module):
        generators = [g.bit_generator.state for g in generators_of(part)]
        return {"values": part.state_dict(), "generators": generators}
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state
    return part.state_dict() if hasattr(part, "state_dict") else part


def restore(part: Any, state: Any, name: str) -> None:
    """Give the part what it remembered; an error if that is not its own."""
    if isinstance(part, Module):
        values, generators = state["values"], generators_of(part)
        for key, t in part.named_tensors():
            if key in values and np.asarray(values[key]).dtype != t.dtype:
                raise DataError(f"{name}: {key!r} has dtype {values[key].dtype} in the file, and {t.dtype} here")
        part.load_state_dict(values)
        if len(state["generators"]) != len(generators):
            raise DataError(f"{name} draws on {len(generators)} generators, and had {len(state['generators'])}")
        for generator, drawn in zip(generators, state["generators"], strict=True):
            _set_generator(generator, drawn, name)
    elif isinstance(part, np.random.Generator):
        _set_generator(part, state, name)
    else:
        part.load_state_dict(state)


def put_back(part: Any, state: Any) -> None:
    """What restore changed is as before; also a network with NaN, which load_state_dict would refuse."""
    if isinstance(part, Module):
        for name, t in part.named_tensors():
            t.assign(state["values"][name])
        for generator, drawn in zip(generators_of(part), state["generators"], strict=True):
            generator.bit_generator.state = drawn
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    else:
        part.load_state_dict(state)


def generators_of(net: Module) -> list[np.random.Generator]:
    """The generators that modules draw on, each once."""
    found = [getattr(module, "rng", None) for module in net.modules()]
    return list({id(g): g for g in found if isinstance(g, np.random.Generator)}.values())


def _set_generator(generator: np.random.Generator, state: Any, name: str) -> None:
    """Set its state; DataError if it is none of this kind: NumPy itself would believe a place outside the buffer."""
    mine = generator.bit_generator.state
    if not _alike(mine, state):
        raise DataError(f"{name}: this is no state of the generator {mine['bit_generator']}: {state!r:.80}")
    generator.bit_generator.state = state


def _alike(mine: Any, given: Any) -> bool:
    """The same keys, kinds and shapes, and no number that could lead out of a buffer."""
    if isinstance(mine, dict):
        if not isinstance(given, dict) or mine.keys() != given.keys():
            return False
        buffer: Any = mine.get("key", mine.get("buffer", ()))
        place = given.get("pos", given.get("buffer_pos", 0))
        fits = isinstance(place, int) and 0 <= place <= len(buffer)
        return fits and all(_alike(value, given[key]) for key, value in mine.items())
    if isinstance(mine, np.ndarray):
        return isinstance(given, np.ndarray) and (mine.shape, mine.dtype) == (given.shape, given.dtype)
    if isinstance(mine, str):
        return bool(mine == given)
    return type(given) is int and 0 <= given < 1 << 128
