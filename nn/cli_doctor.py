"""The command `tinygrad-edu doctor`: what is installed here, and what works without what is not."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import textwrap
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tinygrad_edu import __version__

from .cli_common import FAILED, OK, add_command
from .doctor_facts import about_blas, about_cache, about_mnist, about_threads
from .doctor_packages import BROWSER_TESTS, PACKAGES, Finding, found_package, found_python
from .doctor_programs import found_browser, found_chromium, found_compiler, found_dot

__all__ = ["add_doctor", "doctor"]

WIDTH = 80


def doctor(args: argparse.Namespace) -> int:
    """Say what is installed, what works without what is not, and the command that installs it.

    The exit code is 0 unless something that is required is missing, too old or broken.
    """
    packages = [*PACKAGES, BROWSER_TESTS] if _in_a_checkout() else [*PACKAGES]
    with ThreadPoolExecutor() as pool:  # each import waits in a process of its own
        found = [found_python(), *pool.map(found_package, packages), found_dot(), found_browser(), found_compiler()]
        if _in_a_checkout():
            found.append(found_chromium())
    healthy = all(f.state == "ok" for f in found if f.required)
    facts = {"MNIST": about_mnist(), "cache": about_cache(), "BLAS": about_blas(), "threads": about_threads()}
    if args.json:
        print(json.dumps(_report(found, facts, healthy), indent=2))
    else:
        print("\n".join(_table(found, facts, healthy)))
    return OK if healthy else FAILED


def _in_a_checkout() -> bool:
    """Is this the source with its tests?  Only they need a browser that Python drives."""
    return (Path(__file__).parents[1] / "tests" / "browser").is_dir()


# ---- what is said ----------------------------------------------------------------------------------------


def _report(found: list[Finding], facts: dict[str, Any], healthy: bool) -> dict[str, Any]:
    """The same as the table, for programs."""
    report = {
        "schema": "tinygrad_edu/doctor/1",
        "ok": healthy,
        "tinygrad_edu": __version__,
        "system": _system(),
        "found": [asdict(f) for f in found],
        "facts": facts,
    }
    return _everywhere(report, _without_home)


def _table(found: list[Finding], facts: dict[str, Any], healthy: bool) -> Iterable[str]:
    """At most 80 columns, and ASCII: this must come out on every terminal."""
    yield f"tinygrad_edu {__version__}, {_system()}"
    for title, chosen in (
        ("required", [f for f in found if f.required]),
        ("optional packages", [f for f in found if not f.required and f.kind == "package"]),
        ("programs", [f for f in found if f.kind == "program"]),
    ):
        yield ""
        yield f"{title:23s} {'version':14s} what it gives"
        for f in chosen:
            yield f"  {f.state:7s} {f.name:13s} {f.version[:14] or '-':14s} {f.gives}"
            if f.state != "ok":
                if f.trouble:
                    yield from _hanging("trouble", f.trouble)
                yield from _hanging("works without it", f.without)
                yield from _hanging("to get it", f.install)
    yield ""
    yield "data and arithmetic"
    for name, fact in facts.items():
        yield from _hanging(name, fact["said"], 2)
    yield ""
    wrong = [f.name for f in found if f.required and f.state != "ok"]
    lacking = [f.name for f in found if not f.required and f.state != "ok"]
    if not healthy:
        yield from _hanging("NOT READY", f"{', '.join(wrong)} is required", 0)
    elif lacking:
        yield from _hanging("ready", f"all that is required works; optional, and not here: {', '.join(lacking)}", 0)
    else:
        yield "ready: everything is here"


def _hanging(name: str, text: str, indent: int = 10) -> list[str]:
    """`name: text` in lines of 80 columns, those after the first further in."""
    clean = " ".join(_without_home(text).split())[:600].encode("ascii", "backslashreplace").decode()
    lines = textwrap.wrap(
        f"{name}: {clean}",
        WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + 4),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines


def _system() -> str:
    return f"{platform.system()} {platform.machine()}"


def _without_home(text: str) -> str:
    """The home directory as ~: what is printed here is sent to others."""
    home = os.path.expanduser("~").rstrip("/\\")
    return re.sub(re.escape(home) + r"(?![\w.-])", "~", text) if home else text


def _everywhere(value: Any, change: Callable[[str], str]) -> Any:
    """value with every text in it changed."""
    if isinstance(value, dict):
        return {key: _everywhere(v, change) for key, v in value.items()}
    if isinstance(value, list):
        return [_everywhere(v, change) for v in value]
    return change(value) if isinstance(value, str) else value


# ---- what may be said to it ------------------------------------------------------------------------------


def add_doctor(commands: Any) -> None:
    """The subcommand and what may be said to it."""
    p = add_command(
        commands,
        "doctor",
        doctor,
        "say what is installed, and what works without the rest",
        ["tinygrad-edu doctor", "tinygrad-edu doctor --json    for programs, and to send with a question"],
    )
    p.add_argument("--json", action="store_true", help="the same as JSON")
