"""What the commands of the command line share: exit codes, words that several of them take, and folders to write to."""

from __future__ import annotations

import argparse
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tinygrad_edu import DataError

from . import data

__all__ = [
    "FAILED",
    "INTERRUPTED",
    "OK",
    "WRONG_USE",
    "Parser",
    "add_command",
    "add_data",
    "chosen_data",
    "make_folder",
    "real",
    "whole",
]

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


class Parser(argparse.ArgumentParser):
    """One clear line for wrong use, then exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USE, f"{self.prog}: {message}.  See {self.prog} --help\n")


def add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str, examples: Sequence[str]
) -> argparse.ArgumentParser:
    """A subcommand, described by the docstring of the function that runs it."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=_wrapped(run.__doc__ or ""),
        epilog="\n  ".join(["example:" if len(examples) == 1 else "examples:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run)
    return parser


def _wrapped(text: str) -> str:
    """Paragraphs in lines of 78 columns."""
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return "\n\n".join(textwrap.fill(p, 78, break_on_hyphens=False) for p in paragraphs)


# ---- numbers ---------------------------------------------------------------------------------------------


def whole(low: int, high: int | None = None) -> Callable[[str], int]:
    """The type of an option: a whole number from low to high."""
    described = f"a whole number, {low} or more" if high is None else f"a whole number from {low} to {high}"
    return _number(int, low, math.inf if high is None else high, described)


def real(low: float) -> Callable[[str], float]:
    """The type of an option: a finite number, `low` or more."""
    return _number(float, low, math.inf, f"a number, {low:g} or more")


def named(text: str) -> str:
    """The type of an option: a path; an empty one would be the folder that one is in."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: write . for this folder")
    return text


def _number(kind: Callable[[str], Any], low: float, high: float, described: str) -> Callable[[str], Any]:
    def number(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not (low <= value <= high and value < math.inf):
            raise argparse.ArgumentTypeError(f"it is {described}, not {text!r}")
        return value

    return number


# ---- the digits ------------------------------------------------------------------------------------------


def add_data(parser: argparse.ArgumentParser) -> None:
    """--data and --data-dir."""
    parser.add_argument(
        "--data", choices=("digits", "mnist"), default="digits", help="which digits (default: digits, embedded)"
    )
    parser.add_argument("--data-dir", metavar="FOLDER", help="where the four MNIST files lie (default: downloaded)")


def chosen_data(args: argparse.Namespace) -> data.Dataset:
    """The digits that --data and --data-dir name."""
    if args.data == "digits":
        if args.data_dir is not None:
            raise DataError("--data-dir is for MNIST: write --data mnist too, or leave it out")
        return data.digits()
    if args.data_dir is not None and not Path(args.data_dir).is_dir():
        raise DataError(f"--data-dir: there is no folder {args.data_dir}.  Make it first to download MNIST into it")
    return data.mnist(args.data_dir)


# ---- where results go ------------------------------------------------------------------------------------


def make_folder(folder: Path, option: str = "--out") -> None:
    """Make the folder, and try it: DataError if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".can-this-be-written"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise DataError(
            f"cannot write to the folder {folder}: {error.strerror}.  Choose another with {option}"
        ) from None
