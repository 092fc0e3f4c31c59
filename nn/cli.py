"""The command line: tinygrad-edu train | step | draw | universal | digit | check | ops | doctor."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence

from tinygrad_edu import TABLE, MissingExtraError, TinygradEduError, TrainingError, __version__

from .check_cli import add_check
from .cli_common import FAILED, INTERRUPTED, OK, WRONG_USE, Parser, add_command
from .cli_doctor import add_doctor
from .cli_see import add_see
from .cli_train import add_train

__all__ = ["main"]


def list_ops(args: argparse.Namespace) -> int:
    """List the op table: every primitive, its formula, and the inputs in which it has a derivative."""
    print(f"{'op':22s} {'derivative in':16s} formula")
    for op in TABLE.values():
        ways = "every input" if callable(op.vjps) else " ".join(str(i) for i, v in enumerate(op.vjps) if v) or "none"
        print(f"{op.name:22s} {ways:16s} {op.formula}")
    print(f"{len(TABLE)} ops; inputs counted from 0")
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="tinygrad-edu",
        description="Train the lecture's network on digits, see backpropagation, and check it.",
        epilog="examples:\n"
        "  tinygrad-edu train               64-30-10 on the embedded digits, in seconds\n"
        "  tinygrad-edu train --data mnist  784-30-10 on MNIST\n"
        "  tinygrad-edu step runs/…/model.safetensors --open\n"
        "  tinygrad-edu check               every gradient against differences\n"
        "  tinygrad-edu doctor              what is installed here\n"
        "\n"
        "exit codes: 0 ok, 1 failed, 2 wrong use, 130 interrupted",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"tinygrad-edu {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True, parser_class=Parser)
    add_train(commands)
    add_see(commands)
    add_check(commands)
    add_command(commands, "ops", list_ops, "list the op table", ["tinygrad-edu ops"])
    add_doctor(commands)
    return parser


def _flush() -> None:
    """Write what was printed now, while it can still be reported that it cannot be written: to a full disk, say."""
    if sys.stdout is None:  # as under pythonw
        return
    try:
        sys.stdout.flush()
    except OSError:
        sys.stdout = None  # nothing more can be said
        raise


def _beyond_control(error: Exception) -> bool:
    """Is it the machine, as with a full disk, and not a file that was named wrongly?"""
    named_wrongly = (FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError, PermissionError)
    return isinstance(error, OSError) and not isinstance(error, named_wrongly)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 ok, 1 failed, 2 wrong use, 130 interrupted."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no … or η shows ? instead
    args = _parser().parse_args(argv)
    try:
        result: int = args.run(args)
        _flush()
    except (TrainingError, MissingExtraError, MemoryError) as error:
        print(f"tinygrad-edu: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # as in: tinygrad-edu train | head
        sys.stdout = None  # nothing more can be said
        return FAILED
    except (TinygradEduError, OSError) as error:
        print(f"tinygrad-edu: {error}", file=sys.stderr)
        return FAILED if _beyond_control(error) else WRONG_USE
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    return result
