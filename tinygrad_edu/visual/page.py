"""A page: one HTML file that works offline, loads nothing, and sends nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
from collections.abc import Container, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DrawingError

__all__ = ["Page", "page", "plain_json"]

LARGE = 1_000_000  # bytes: a page above it says so


class Page:
    """A finished page: save(path) writes the file, a notebook shows it, str() is the text of the same.

    html  the whole file;  text  its twin in words;  svg  a still picture of it, for a notebook's PDF ("" if none)
    """

    def __init__(self, title: str, html: str, text: str, svg: str = "", height: int = 720) -> None:
        self.title, self.html, self.text, self.svg, self.height = title, html, text, svg, height

    def __repr__(self) -> str:
        return f"<Page {self.title!r}: {len(self.html.encode()):,} bytes; .save('page.html') writes it>"

    def __str__(self) -> str:
        return self.text

    def save(self, path: str | os.PathLike[str]) -> str:
        """Write the page to a file that ends in .html; its path.  Says so if it is above 1 MB."""
        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise DrawingError(f"a page is saved as .html; got {target.name!r:.80}")
        data = self.html.encode()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        if len(data) > LARGE:
            print(f"{target}: {len(data) / 1e6:.1f} MB.  A smaller network, or fewer examples, make a smaller page")
        return str(target)

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None, **_: Any
    ) -> dict[str, str]:
        """For Jupyter: the text, a still picture, and the page in a frame that can reach nothing outside it."""
        bundle = {"text/plain": self.text, "text/html": self._frame()}
        if self.svg:
            bundle["image/svg+xml"] = self.svg
        return {
            mime: shown
            for mime, shown in bundle.items()
            if (not include or mime in include) and (not exclude or mime not in exclude)
        }

    def _frame(self) -> str:
        """The page laid over a line that is seen where frames are not shown (an untrusted notebook)."""
        hidden = "Interactive view hidden. Trust this notebook, or save the page: page.save('page.html')."
        return (
            f'<div style="position:relative;min-height:3em"><p>{hidden}</p>'
            f'<iframe title="{escape(self.title)}" sandbox="allow-scripts allow-downloads" '
            f'style="position:relative;margin-top:-3em;width:100%;height:{self.height}px;border:1px solid #8886;'
            f'border-radius:6px;background:#fff" srcdoc="{escape(self.html)}"></iframe></div>'
        )


def page(title: str, name: str, data: Mapping[str, Any], web: Any = None) -> str:
    """The HTML of the page `name`: common.{css,js}, `name`.{html,css} and the scripts in `name`/ around its data.

    web  the folder of the page's own files, if it is not ours: importlib.resources.files("nn") / "web"

    The policy in it (Content-Security-Policy) lets nothing run but the one script of the file, known by its
    hash, and nothing be loaded.  The data are a block of JSON, which is read and never run.
    """
    ours = resources.files(__package__) / "web"
    theirs = web or ours
    body = (theirs / f"{name}.html").read_text("utf-8")
    style = (ours / "common.css").read_text("utf-8") + (theirs / f"{name}.css").read_text("utf-8")
    script = '"use strict";\n(() => {\n' + "".join(_scripts(ours, theirs, name)) + "\n})();\n"
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; img-src data:; "
        f"base-uri 'none'; form-action 'none'"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n{body}"
        f'<script type="application/json" id="data">{_island(data)}</script>\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _scripts(ours: Any, theirs: Any, name: str) -> Iterator[str]:
    """common.js, and then the files of the folder `name` in the order of their numbers: 01-run.js, 02-formulas.js, …"""
    yield (ours / "common.js").read_text("utf-8")
    for file in sorted((theirs / name).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".js"):
            yield file.read_text("utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _island(data: Mapping[str, Any]) -> str:
    """JSON that no HTML parser can take for anything else."""
    text = json.dumps(plain_json(data), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for c in "<>&\u2028\u2029":
        text = text.replace(c, f"\\u{ord(c):04x}")
    return text.encode("utf-8", "backslashreplace").decode()


def plain_json(value: Any) -> Any:
    """value with arrays as nested lists and NaN, Infinity and -Infinity as text: what JSON can hold."""
    if isinstance(value, np.ndarray | np.generic):
        return plain_json(value.tolist())
    if isinstance(value, Mapping):
        return {str(k): plain_json(v) for k, v in value.items()}
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return [plain_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
