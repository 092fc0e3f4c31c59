"""A picture as DOT, and the program `dot` that lays it out."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from html import escape
from typing import Any

from ..errors import MissingExtraError
from . import theme
from .picture import Box, Picture

__all__ = ["DotFailed", "graphviz", "run", "source"]

TIMEOUT = 30.0
"""Seconds after which `dot` is taken to hang."""

_STARTS = {"svg": (b"<?xml", b"<svg"), "png": (b"\x89PNG",), "pdf": (b"%PDF",)}


class DotFailed(Exception):
    """`dot` gave no picture; the message says why."""


def graphviz() -> Any:
    """The package `graphviz`: imported when something is drawn, for `import tinygrad_edu` needs NumPy alone."""
    try:
        import graphviz as package
    except ImportError:
        raise MissingExtraError(
            "draw() needs the package 'graphviz', which is not installed.  Install it with: pip install graphviz"
        ) from None
    return package


def source(picture: Picture) -> str:
    """The picture in DOT.  Nodes are called n0, n1, …: names stand in the labels only."""
    gv = graphviz()
    flat = picture.direction in ("LR", "RL")
    graph = gv.Digraph(
        "computation",
        graph_attr={
            "rankdir": picture.direction,
            "nodesep": "0.22" if flat else "0.3",
            "ranksep": "0.42",
            "pad": "0.15",
            "bgcolor": "white",
            "fontname": theme.FONT,
        },
        node_attr={
            "fontname": theme.FONT,
            "fontsize": "10",
            "margin": "0.09,0.05",
            "height": "0",
            "width": "0",
        },
        edge_attr={"fontname": theme.FONT, "color": theme.ARROW, "penwidth": "0.9", "arrowsize": "0.55"},
    )
    for layer, members in picture.layers().items():
        name, fill = picture.frame(layer)
        with graph.subgraph(name=f"cluster_{layer}") as cluster:
            cluster.attr(
                label=gv.escape(name),
                labeljust="r",
                fontsize="11",
                fontcolor=theme.QUIET,
                style="filled,rounded",
                fillcolor=fill,
                color=theme.LAYER_LINE,
                margin="10",
            )
            for i in members:
                _node(cluster, i, picture.boxes[i], gv)
    for i, box in enumerate(picture.boxes):
        if box.layer is None:
            _node(graph, i, box, gv)
    if picture.caption:
        graph.attr(label=gv.escape(picture.caption), labelloc="b", labeljust="l", fontsize="9", fontcolor=theme.QUIET)
    for (i, j), label in zip(picture.arrows, picture.labels, strict=True):
        start, end = picture.boxes[i], picture.boxes[j]
        graph.edge(
            f"n{i}",
            f"n{j}",
            **({"label": f"<{_font(label, 8, theme.GRADIENT)}>"} if label else {}),
            weight="12" if start.kind == "operation" else "1",  # the main flow straight, the leaves from the side
            minlen="2" if start.layer != end.layer else "1",  # room for the leaves between two layers
        )
    for i, j in picture.back:  # turned round, so that `dot` takes it for one of the flow
        graph.edge(f"n{j}", f"n{i}", dir="back", style="dashed", color=theme.BACK, weight="0")
    text: str = graph.source
    return text


def _node(graph: Any, i: int, box: Box, gv: Any) -> None:
    look = theme.LOOKS[box.kind]
    graph.node(
        f"n{i}",
        label=f"<{_table(box)}>",
        tooltip=gv.escape(box.hint),
        shape="note" if look.shape == "note" else "box",
        style="filled,rounded" if look.shape == "round" else "filled",
        fillcolor=theme.ROOT_FILL if box.root else look.fill,
        color=theme.ROOT_LINE if box.root else look.line,
        penwidth=str(1.4 if box.root else look.thick),
        **({"peripheries": "2"} if box.root else {}),
    )


def _table(box: Box) -> str:
    return "".join(
        [
            f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2" COLOR="{theme.LAYER_LINE}">',
            *(f"<TR>{cells}</TR>" if cells != "<HR/>" else cells for cells in _lines(box)),
            "</TABLE>",
        ]
    )


def _lines(box: Box) -> Iterator[str]:
    """The rows of a label, in Graphviz's own small HTML: every text is escaped."""
    title = f'<FONT POINT-SIZE="13" COLOR="{theme.INK}"><B>{_literal(box.symbol)}</B></FONT>'
    if box.name:
        title += f'<FONT COLOR="{theme.INK}"> {_literal(box.name)}</FONT>'
    yield f'<TD ALIGN="LEFT">{title}</TD><TD WIDTH="12"></TD><TD ALIGN="RIGHT">{_font(box.what, 9)}</TD>'
    if box.formula:
        yield f'<TD ALIGN="LEFT" COLSPAN="3"><I>{_font("= " + box.formula, 10)}</I></TD>'
    if box.rows:
        yield "<HR/>"
    for label, value in box.rows:
        number = _font(value, 10, theme.ink(label, value))
        yield f'<TD ALIGN="LEFT">{_font(label, 9)}</TD><TD></TD><TD ALIGN="RIGHT">{number}</TD>'


def _font(text: str, size: float, color: str = theme.QUIET) -> str:
    if not text:
        return ""
    return f'<FONT POINT-SIZE="{size}" COLOR="{color}">{_literal(text)}</FONT>'


def _literal(text: str) -> str:
    """Text that means itself: no tags, no entities, and no \\N, which stands for the node's own id."""
    return escape(text).replace("\\", "\\\\")


# ---- the program -----------------------------------------------------------------------------------------


def run(text: str, format: str) -> bytes:
    """What `dot` makes of DOT text; DotFailed if it is not there, crashes, hangs or gives something else."""
    program = shutil.which("dot")
    if program is None:
        raise DotFailed("the program `dot` is not installed")
    command = [program, f"-T{format}", *(["-Gdpi=150"] if format == "png" else [])]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
    except OSError as error:
        raise DotFailed(f"`dot` could not be started ({error.strerror})") from None
    try:
        out, err = process.communicate(text.encode(), timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise DotFailed(f"`dot` had not finished after {TIMEOUT:g} seconds") from None
    finally:
        _stop(process)
    if process.returncode != 0:
        said = " ".join(err.decode(errors="replace").split())
        raise DotFailed(f"`dot` failed with exit status {process.returncode} ({said[:200]})")
    if not out or not out.startswith(_STARTS.get(format, b"")):
        raise DotFailed(f"`dot` gave no {format}")
    return out


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the program and all that it started, if it is still running."""
    if process.returncode is None:
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
