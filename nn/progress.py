"""What a training says while it runs: a line per epoch, and a bar on a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .history import Epoch

__all__ = ["bar", "duration", "line", "speaker"]


def line(epoch: Epoch, epochs: int, rest: str) -> str:
    """epoch  1/30  cost 0.0712  test  9129/10000 (91.3 %)   0.4 s  67,000/s  left 12 s: 80 columns."""
    parts = [f"epoch {epoch.number:{len(str(epochs))}d}/{epochs}  cost {epoch.cost:.4f}"]
    if epoch.validation_cost is not None:
        parts.append(f"validation {epoch.validation_cost:.4f}")
    if epoch.validation_accuracy is not None:
        parts[-1] += f" ({100 * epoch.validation_accuracy:.1f} %)"
    if epoch.accuracy is not None:
        parts.append(f"test {epoch.right:{len(str(epoch.tested))}d}/{epoch.tested} ({100 * epoch.accuracy:.1f} %)")
    return "  ".join([*parts, " " + rest])


def duration(seconds: float) -> str:
    """12 s, and above ten minutes 12 min, above ten hours 12 h."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 10 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def speaker(progress: bool | Callable[[str], None]) -> Callable[[str], None]:
    """Where the lines go: to the terminal, nowhere, or to a function."""
    if callable(progress):
        return progress
    return (lambda line: print(line, flush=True)) if progress else (lambda line: None)


def bar(mini_batches: Iterable[Any], total: int | None, number: int, epochs: int, progress: Any) -> Iterable[Any]:
    """A progress bar on a terminal, where tqdm is installed; the line per epoch comes either way."""
    if progress is not True or sys.stderr is None or not sys.stderr.isatty():  # None: as under pythonw
        return mini_batches
    try:
        from tqdm import tqdm
    except ImportError:
        return mini_batches
    return counted(
        mini_batches,
        tqdm(desc=f"epoch {number}/{epochs}", total=total, unit=" examples", unit_scale=True, leave=False),
    )


def counted(mini_batches: Iterable[Any], bar: Any) -> Iterator[Any]:
    """The mini-batches, while the bar counts their examples."""
    with bar:
        for x, y in mini_batches:
            yield x, y
            bar.update(len(x))
