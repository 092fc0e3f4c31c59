"""Checkpoints: where a training was, in one file, so that it can go on exactly there.

A checkpoint is a safetensors file: the arrays under their names ("net.values.0.weight", "optimizer.state.0.exp_avg")
and, as JSON text, everything else, with {"$array": name} in the place of each array.
"""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import DataError, DtypeError

from .examples import Examples, check_whole
from .module import Module
from .plain import flat, restored
from .safefile import finite, pack, strict_json, unpack, write_whole
from .state import put_back, restore, state_of

__all__ = ["Checkpoint", "Setting", "fingerprint", "load_checkpoint", "save_checkpoint"]

_FORMAT = "tinygrad_edu/checkpoint/1"
_KNOWN = frozenset(("format", "state"))
_NAME = re.compile(r"step-(\d{9,18})\.safetensors")
_WRONG = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


class Checkpoint:
    """The folder in which fit writes how far it is, so that a training that ended, however, can go on.

        nn.fit(net, cost, optimizer, data, 30, rng=0, checkpoint=nn.Checkpoint("run", every=1000))

    Run the same program again after Ctrl-C, kill -9 or a power cut: fit goes on from the newest checkpoint in the
    folder, and ends with the same network, bit for bit, as if nothing had happened.  A finished training is not done
    again; with more epochs it goes on.

    folder  is made if it is not there
    every   number of updates after which one is written, beside the one at the end of each epoch; None: only that
    keep    how many of the newest ones stay
    resume  False: begin from the start; an error if the folder holds checkpoints, of whatever training

    One file is one moment: step-000001234.safetensors, after 1234 updates.  What it holds besides the network: the
    optimizer, the schedule, the generators (also those of Dropout layers), the place in the data, the history and
    what callbacks remember.  It is written whole or not at all (see nn.safefile), and has a checksum.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, every: int | None = None, keep: int = 3, resume: bool = True
    ) -> None:
        if every is not None:
            check_whole(every, 1, None, "Checkpoint: every, the updates between two checkpoints,")
        check_whole(keep, 1, None, "Checkpoint: keep, the checkpoints that stay,")
        self.folder, self.every, self.keep, self.resume = Path(folder), every, keep, resume

    @property
    def files(self) -> list[Path]:
        """The checkpoints in the folder, oldest first."""
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        except NotADirectoryError:
            raise DataError(f"checkpoints go into a folder, and {self.folder} is a file") from None
        found = [(int(match[1]), name) for name in names if (match := _NAME.fullmatch(name))]
        return [self.folder / name for _, name in sorted(found)]

    def save(self, step: int, **parts: Any) -> Path:
        """Write the checkpoint after that many updates, then remove those that are too old."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = save_checkpoint(self.folder / f"step-{step:09d}.safetensors", **parts)
        for old in self.files[: -self.keep]:
            old.unlink(missing_ok=True)
        return path

    def load(self, **parts: Any) -> dict[str, Any] | None:
        """Give the parts the state in the newest checkpoint, and return the rest of it; None if there is none."""
        files = self.files
        if not files:
            return None
        if not self.resume:
            raise DataError(
                f"{self.folder} holds {len(files)} checkpoints of a training.  To go on with it, write "
                f'Checkpoint("{self.folder}", resume=True); to begin a new one, take another folder'
            )
        try:
            return load_checkpoint(files[-1], **parts)
        except _Damaged as error:
            older = f": fit goes on from {files[-2].name} then" if len(files) > 1 else ""
            raise DataError(f"{error}.  Remove the file{older}") from error


def save_checkpoint(path: str | os.PathLike[str], **parts: Any) -> Path:
    """Write the state of all parts to a file; whole, or not at all.

    A part is a Module, a np.random.Generator, anything with state_dict() and load_state_dict(), as an optimizer, a
    schedule or a Loader, or plain data: numbers, text, arrays, and lists and dicts of them.

        nn.save_checkpoint("here.safetensors", net=net, optimizer=optimizer, loader=loader, epoch=3)

    An array with NaN or infinity: DataError; what is no plain data: DtypeError; nothing is written then.
    """
    arrays: dict[str, Any] = {}
    tree = flat({name: state_of(part) for name, part in parts.items()}, arrays)
    finite(arrays)
    text = json.dumps(tree)
    try:
        strict_json(text)  # could it be read again?
    except DataError as error:
        raise DataError(f"this state could not be read again: {error}.  Nothing was saved") from error
    write_whole(path, pack(arrays, {"format": _FORMAT, "state": text}), "the checkpoint")
    return Path(path)


def load_checkpoint(path: str | os.PathLike[str], **parts: Any) -> dict[str, Any]:
    """Give the parts their state in the file; return the other ones as plain data.  All parts, or, on an error, none.

    state = nn.load_checkpoint("here.safetensors", net=net, optimizer=optimizer, loader=loader)
    state["epoch"]                                                                                 # 3

    DataError: no checkpoint, of another version, damaged, or of other parts: another network, another optimizer.
    """
    for name, part in parts.items():
        if not isinstance(part, np.random.Generator) and not hasattr(part, "load_state_dict"):
            raise DtypeError(f"{name} has no load_state_dict(), so a state cannot be given to it: {part!r:.60}")
    try:
        arrays, text = unpack(Path(path).read_bytes(), _KNOWN)
    except DataError as error:
        raise _Damaged(f"{path} is not a checkpoint that can be read: {error}") from error
    if text.get("format") != _FORMAT:
        raise DataError(f"{path} holds {text.get('format', 'no format')!r:.80}, and not {_FORMAT!r}")
    try:
        saved = restored(strict_json(text["state"]), arrays)
        if not isinstance(saved, dict):
            raise DataError("its state is no dict")
        if arrays:
            raise DataError(f"nothing says what its array {min(arrays)!r:.80} is")
    except _WRONG as error:
        raise DataError(f"{path} is not a checkpoint: {error}") from error
    # first what has a generator but is no network, as a Loader: it draws its epoch anew, maybe on one that others share
    order = sorted(parts, key=lambda name: isinstance(parts[name], Module) or not hasattr(parts[name], "rng"))
    before = {name: copy.deepcopy(state_of(parts[name])) for name in order}
    try:
        for name in order:
            if name not in saved:
                raise DataError(f"it has no {name!r}: it holds {', '.join(map(str, saved))}")
            restore(parts[name], saved[name], name)
    except BaseException as error:
        for name in order:
            put_back(parts[name], before[name])
        if isinstance(error, _WRONG):
            raise DataError(f"{path} does not fit: {error}") from error
        raise
    return {name: value for name, value in saved.items() if name not in parts}


class _Damaged(DataError):
    """The bytes of the file are not those that were written."""


# ---- is it the same training? ----------------------------------------------------------------------------


class Setting:
    """What cannot be changed where a training goes on: the kinds of its parts, and the data."""

    def __init__(self, kinds: dict[str, Any]) -> None:
        self.kinds = kinds

    def state_dict(self) -> dict[str, Any]:
        """The kinds."""
        return self.kinds

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """DataError that names what differs."""
        for name, mine in self.kinds.items():
            if state[name] != mine:
                raise DataError(
                    f"it is of a training with other {name}: {_difference(state[name], mine)}.  To begin anew with "
                    "what its network has learned, take another folder, and nn.load_checkpoint(this file, net=net)"
                )


def _difference(there: Any, here: Any) -> str:
    """What was there and is here; of dicts and lists the first entry that differs."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in (*here, *there):
            if there.get(name) != here.get(name):
                return f"{name} = {there.get(name)} there, {here.get(name)} here"
    if isinstance(there, list) and isinstance(here, list) and len(there) == len(here):
        there, here = next((a, b) for a, b in zip(there, here, strict=True) if a != b)
    return f"{there!r:.80} there, {here!r:.80} here"


def fingerprint(examples: Examples) -> str:
    """Number and checksum of the examples."""
    import hashlib

    digest = hashlib.sha256()
    for array in (examples.x, examples.y):
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return f"{len(examples)} examples {digest.hexdigest()[:16]}"
