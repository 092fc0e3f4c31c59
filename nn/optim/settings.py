"""The settings of a group of parameters: learning rate, momentum and the like, checked where they are written."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tinygrad_edu import DtypeError

__all__ = ["SETTINGS", "Group"]

# name: smallest value allowed, and the first one above that is not
_RANGES = {
    "lr": (0.0, math.inf),
    "momentum": (0.0, math.inf),
    "dampening": (-math.inf, math.inf),
    "weight_decay": (0.0, math.inf),
    "alpha": (0.0, 1.0),
    "eps": (0.0, math.inf),
    "lr_decay": (0.0, math.inf),
    "initial_accumulator_value": (0.0, math.inf),
}
_SWITCHES = frozenset(("nesterov", "centered", "amsgrad", "maximize"))
SETTINGS = frozenset((*_RANGES, *_SWITCHES, "betas"))


class Group(dict[str, Any]):
    """Parameters that share their settings: {"params": [w, b], "lr": 0.1, ...}.

    A setting is checked when it is written, and becomes a Python number then: np.float64(0.1) would turn
    float32 parameters into float64.  Other entries are yours.
    """

    @classmethod
    def of(cls, entries: Mapping[str, Any]) -> Group:
        """A group with these entries, checked."""
        group = cls()
        group.update(entries)
        return group

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, _checked(name, value))

    def update(self, *given: Any, **more: Any) -> None:
        """As dict.update, with the same checks."""
        for name, value in dict(*given, **more).items():
            self[name] = value

    def __ior__(self, given: Any) -> Group:  # type: ignore[override,misc]
        self.update(given)
        return self

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.items() if name != "params")
        return f"{len(self.get('params', ()))} parameters: {settings}"


def _checked(name: str, value: Any) -> Any:
    """The setting as a Python number; an error that says what it may be."""
    if name in _RANGES:
        return _number(name, value, *_RANGES[name])
    if name in _SWITCHES:
        if not isinstance(value, bool | np.bool_):
            raise DtypeError(f"{name} is True or False: got {value!r:.60}")
        return bool(value)
    if name == "betas":
        try:
            first, second = value
        except (TypeError, ValueError):
            raise DtypeError(f"betas are two numbers, as (0.9, 0.999): got {value!r:.60}") from None
        return _number("betas[0]", first, 0.0, 1.0), _number("betas[1]", second, 0.0, 1.0)
    return value.item() if isinstance(value, np.generic) else value


def _number(name: str, value: Any, low: float, above: float) -> float:
    """The value as a float, low <= value < above, and finite."""
    words = "0 or more" if low == 0 else "finite"
    if above != math.inf:
        words += f" and below {above:g}"
    try:
        fits = bool(low <= value < above) and np.ndim(value) == 0
    except (TypeError, ValueError):
        fits = None
    if fits is None or np.ndim(value) != 0:
        raise DtypeError(f"{name} is one number, {words}: got {value!r:.60}") from None
    if not fits or not math.isfinite(value):
        raise ValueError(f"{name} is a number, {words}: got {value}")
    return float(value)
