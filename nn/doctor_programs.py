"""What `tinygrad-edu doctor` finds of programs outside of Python: dot, a C compiler, browsers."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import webbrowser

from tinygrad_edu.visual import dot

from .doctor_packages import TIMEOUT, Finding

__all__ = ["found_browser", "found_chromium", "found_compiler", "found_dot"]


def found_dot() -> Finding:
    """The program `dot`, tried with a graph."""
    trouble = ""
    try:
        dot.run("digraph { a -> b }", "svg")
    except dot.DotFailed as failure:
        trouble = str(failure)
    gives = "lays out drawings; .png and .pdf"
    without = "drawings in a plainer layout, as .svg"
    return _program("dot", "dot", ["-V"], gives, without, _from_the_system("graphviz"), trouble)


def found_compiler() -> Finding:
    names = [name for name in ("cc", "gcc", "clang", "cl") if shutil.which(name)]
    name = names[0] if names else "cc"
    install = {"darwin": "xcode-select --install", "win32": "winget install LLVM.LLVM"}.get(sys.platform)
    words = ["--version"] if name != "cl" else []
    return _program(
        "C compiler",
        name,
        words,
        "compiles what jit writes",
        "jit with NumPy, slower",
        install or _from_the_system("gcc"),
    )


def found_chromium() -> Finding:
    names = [
        name
        for name in ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome")
        if shutil.which(name)
    ]
    return _program(
        "Chromium",
        names[0] if names else "chromium",
        ["--version"],
        "shows the pages to the tests",
        "everything but the tests of the pages",
        _from_the_system("chromium"),
    )


def _program(
    name: str, command: str, words: list[str], gives: str, without: str, install: str, trouble: str = ""
) -> Finding:
    """A program on the PATH, and the version that it says."""
    path = shutil.which(command)
    version = ""
    if path is not None:
        try:
            done = subprocess.run(
                [path, *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT,
                check=False,
            )
            said = done.stdout.decode(errors="replace")
            version = (re.findall(r"\d+(?:\.\d+)+", said) or [""])[0]
            if done.returncode != 0:
                trouble = trouble or f"{path} failed with exit status {done.returncode}"
        except (OSError, subprocess.TimeoutExpired) as error:
            trouble = trouble or f"{path} could not be run ({type(error).__name__})"
    state = "missing" if path is None else "broken" if trouble else "ok"
    return Finding(
        name, "program", False, state, version, gives, without, install, trouble if state == "broken" else ""
    )


def found_browser() -> Finding:
    """The program that --open shows pages with."""
    state, trouble = "ok", ""
    try:
        webbrowser.get()
    except webbrowser.Error:
        state = "missing"
    except Exception as error:
        state, trouble = "broken", f"{type(error).__name__}: {error}"
    without = "pages are written all the same; open them on another computer"
    return Finding(
        "web browser", "program", False, state, "", "shows pages: --open", without, _from_the_system("firefox"), trouble
    )


def _from_the_system(package: str) -> str:
    """The command that installs a program here."""
    for manager, command in (
        ("apt-get", "sudo apt-get install"),
        ("dnf", "sudo dnf install"),
        ("pacman", "sudo pacman -S"),
        ("brew", "brew install"),
        ("winget", "winget install"),
        ("conda", "conda install -c conda-forge"),
    ):
        if shutil.which(manager):
            return f"{command} {package}"
    return "see https://graphviz.org/download" if package == "graphviz" else f"from your system's programs: {package}"
