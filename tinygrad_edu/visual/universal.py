"""universal(f): a page on which two sigmoids make a bump, and twenty nearly anything."""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataError, DrawingError, DtypeError, ShapeError
from ..ops.elementwise import sigmoid
from ..tensor import Tensor
from . import theme
from .page import Page, page

__all__ = ["universal"]

Array = npt.NDArray[Any]

MOST = 20  # hidden neurons
FINE = 241  # points of the curves
LARGEST = 1e6  # of |f(x)|: beyond it gradient descent has no use for any eta a student would try
GOLDEN = (math.sqrt(5) - 1) / 2  # k · GOLDEN mod 1 spreads any number of points evenly


def universal(
    f: Callable[..., Any] = np.sin,
    hidden: int = 2,
    *,
    domain: tuple[float, float] = (-3.0, 3.0),
    samples: int = 41,
    eta: float = 0.2,
    rng: np.random.Generator | int | None = 1,
    title: str | None = None,
) -> Page:
    """A page to play on: sums of sigmoids approximate f, by hand or by gradient descent.

    For two hidden neurons: f_{w,b}(x) = w₃ σ(b₁ + w₁ x) + w₄ σ(b₂ + w₂ x), the slide's; in general, with n,

        f_{w,b}(x) = sum_k w_{n+k} σ(b_k + w_k x)        C = 1/N sum_x 1/2 (f_{w,b}(x) - f(x))²

    f        the target: takes an array, or one number, and returns as many
    hidden   the number n of hidden neurons, 1 to 20; it can be changed on the page
    domain   (from, to): where x lies
    samples  N: the training examples are (x, f(x)) at N evenly spaced x
    eta      the learning rate at the start
    rng      a seed or a generator: the parameters at the start
    title    the page's heading

    The page does its own arithmetic; it holds the cost and the gradients that our engine finds at the start,
    and compares.  save(path) writes it, a notebook shows it, str() is the same in words.

    DtypeError if f is no function of numbers, ShapeError if it returns another shape, DataError if it fails or
    is not finite; DrawingError for any other argument.  After G. Cybenko, "Approximation by superpositions of
    a sigmoidal function" (1989).

    >>> universal(np.sin, hidden=2).title
    'Universal approximation of sin'
    """
    if not callable(f):
        raise DtypeError(f"f is a function, as np.sin or lambda x: x**2; got {type(f).__name__}")
    n = _whole("hidden", hidden, 1, MOST)
    count = _whole("samples", samples, 2, 1000)
    lo, hi = _domain(domain)
    if not _finite(eta) or not 0 < eta <= 1e6:
        raise DrawingError(f"eta, the learning rate, is a number above 0, such as 0.2; got {eta!r:.60}")
    if title is not None and not isinstance(title, str):
        raise DtypeError(f"title is text; got {type(title).__name__}")
    name = _name(f)
    heading = _printable(title) if title else f"Universal approximation of {name}"

    x, fine = np.linspace(lo, hi, count), np.linspace(lo, hi, FINE)
    values = _values(f, np.concatenate([x, fine]))
    y, y_fine = values[:count], values[count:]
    w, b, v = _start(lo, hi, float(np.abs(y).max()) or 1.0, np.random.default_rng(rng))
    cost, (dw, db, dv) = _learn(x, y, w[:n], b[:n], v[:n])
    data = {
        "title": heading,
        "name": name,
        "domain": [lo, hi],
        "x": x,
        "y": y,
        "fine": {"x": fine, "y": y_fine},
        "hidden": n,
        "eta": float(eta),
        "start": {"name": f"Python's, rng={rng}" if isinstance(rng, int) else "Python's", "w": w, "b": b, "v": v},
        "check": {"cost": cost, "w": dw, "b": db, "v": dv},
    }
    words = _text(heading, lo, hi, count, n, (w, b, v), cost, (dw, db, dv))
    picture = _svg(heading, name, (x, y), (fine, y_fine), (w[:n], b[:n], v[:n]), cost)
    return Page(heading, page(heading, "universal", data), words, picture, height=900)


# ---- what is asked for ---------------------------------------------------------------------------------------


def _finite(x: Any) -> bool:
    return isinstance(x, int | float | np.integer | np.floating) and not isinstance(x, bool) and math.isfinite(x)


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if not _finite(value) or value != int(value) or not least <= value <= most:
        raise DrawingError(f"{name} is a whole number from {least} to {most}; got {value!r:.60}")
    return int(value)


def _domain(domain: Any) -> tuple[float, float]:
    try:
        lo, hi = domain
    except (TypeError, ValueError):
        lo = hi = None
    if not (_finite(lo) and _finite(hi)):
        raise DrawingError(f"domain is two finite numbers (from, to), such as (-3, 3); got {domain!r:.80}")
    lo, hi = float(lo), float(hi)
    if not lo < hi:
        raise DrawingError(f"domain is (from, to) with from < to; got ({lo:g}, {hi:g}): write ({hi:g}, {lo:g})?")
    if not 1e-3 * max(abs(lo), abs(hi), 1e-3) <= hi - lo <= 1e6:
        raise DrawingError(f"domain ({lo:g}, {hi:g}) is too narrow or too wide to draw: take one such as (-3, 3)")
    return lo, hi


def _name(f: Any) -> str:
    name = getattr(f, "__name__", None)
    return _printable(name)[:40] if isinstance(name, str) and name != "<lambda>" else "f"


def _printable(text: str) -> str:
    """Text that every format can hold: no control characters, no half characters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _values(f: Callable[..., Any], x: Array) -> Array:
    """f at every x: asked for all at once, else for one number after the other, as math.sin wants it."""
    with np.errstate(all="ignore"):
        try:
            at_once = np.asarray(f(x))
        except Exception:  # made for single numbers: whatever it says then is raised
            at_once = None
        if at_once is not None and at_once.shape == x.shape:
            y = at_once
        else:
            y = np.array([_at(f, float(point), at_once) for point in x])
    if y.dtype.kind not in "fiub":
        raise DtypeError(f"f must return real numbers; at x = {x[0]:g} it returned {y.flat[0]!r:.60}")
    y = y.astype(float)
    bad = ~(np.abs(y) <= LARGEST)
    if bad.any():
        i = int(np.argmax(bad))
        where = f"f({x[i]:g}) is {y[i]:g}"
        if math.isfinite(y[i]):
            raise DataError(f"{where}: too large to learn.  Divide f, so that it stays near 1")
        raise DataError(f"{where}; f must be finite in the whole domain.  Choose another one: domain=(from, to)")
    return y


def _at(f: Callable[..., Any], x: float, at_once: Array | None) -> Any:
    """f at one number; at_once is what it made of an array, None if it failed there."""
    try:
        y = np.asarray(f(x))
    except Exception as error:
        if at_once is not None and at_once.shape:
            raise ShapeError(
                f"f returns one number for each x: for N numbers at once it returned shape {at_once.shape}, not (N,)"
            ) from error
        raise DataError(
            f"f failed at x = {x:g}: {type(error).__name__}: {error!s:.120}.  "
            f"f takes a number, or an array of numbers, of the domain"
        ) from error
    if y.shape != ():
        raise ShapeError(f"f returns one number for each x: f({x:g}) has shape {y.shape}, not ()")
    return y[()]


# ---- the start, and what our engine says of it -----------------------------------------------------------------


def _start(lo: float, hi: float, size: float, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """w, b, v of 20 neurons, of which the first n are used: every step s = -b/w inside the domain."""
    s = lo + (hi - lo) * ((rng.random() + GOLDEN * np.arange(MOST)) % 1)
    w = rng.choice([-1.0, 1.0], MOST) * rng.uniform(12, 24, MOST) / (hi - lo)
    return w, -w * s, size * rng.choice([-1.0, 1.0], MOST) * rng.uniform(0.5, 1, MOST)


def _learn(x: Array, y: Array, w: Array, b: Array, v: Array) -> tuple[float, tuple[Array, ...]]:
    """The quadratic cost, and dC/dw, dC/db, dC/dv."""
    p = [Tensor(values, requires_grad=True) for values in (w, b, v)]
    a = sigmoid(Tensor(x[:, None]) * p[0] + p[1])
    cost = ((a @ p[2] - Tensor(y)) ** 2).mean() / 2
    cost.backward()
    return cost.item(), tuple(t.grad.numpy() for t in p if t.grad is not None)


# ---- in words, and as a still picture --------------------------------------------------------------------------


def _text(title: str, lo: float, hi: float, count: int, n: int, params: Any, cost: float, gradients: Any) -> str:
    terms = [f"w{n + k} σ(b{k} + w{k} x)" for k in range(1, n + 1)]
    if n > 4:
        terms[2:-1] = ["…"]
    rows = [(f"{p}{k + 1}", i, k) for k in range(n) for i, p in enumerate("wb")]
    rows += [(f"w{n + k + 1}", 2, k) for k in range(n)]
    width = max(len(name) for name, _, _ in rows)
    lines = [
        title,
        f"f_wb(x) = {' + '.join(terms)},  x from {lo:g} to {hi:g}",
        f"C = <1/2 (f_wb(x) - f(x))²> over {count} training examples = {cost:.6g}",
        "",
        f"{'':{width}}  {'value':>12}  {'dC/d·':>12}",
        *(f"{name:{width}}  {params[i][k]:12.6g}  {gradients[i][k]:+12.6g}" for name, i, k in rows),
        "",
        "steps at s = -b/w: " + ", ".join(f"{-params[1][k] / params[0][k]:.4g}" for k in range(n)),
    ]
    return "\n".join(lines)


DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 2", "12 4")


def _svg(title: str, name: str, points: Any, target: Any, params: Any, cost: float) -> str:
    """Target, sum, the part of every neuron and its step, as they are at the start."""
    (x, y), (fine, y_fine), (w, b, v) = points, target, params
    parts = v * np.asarray(sigmoid.forward(np.outer(fine, w) + b))
    total = parts.sum(axis=1)
    top, bottom = max(0.0, y_fine.max(), total.max()), min(0.0, y_fine.min(), total.min())
    pad = 0.12 * (top - bottom or 1.0)
    top, bottom = top + pad, bottom - pad
    left, right, head, foot = 50.0, 700.0, 50.0, 330.0

    def at(px: Array, py: Array) -> str:
        u = left + (px - fine[0]) / (fine[-1] - fine[0]) * (right - left)
        t = np.clip(foot - (py - bottom) / (top - bottom) * (foot - head), head - 8, foot + 8)
        return " ".join(f"{i:.1f},{j:.1f}" for i, j in zip(u, t, strict=True))

    def line(px: Any, py: Any, look: str) -> str:
        return f'<polyline points="{at(np.asarray(px), np.asarray(py))}" fill="none" {look}/>'

    def words(px: float, py: float, text: str, size: int = 11, more: str = "") -> str:
        return f'<text x="{px:.1f}" y="{py:.1f}" font-size="{size}" fill="{theme.INK}"{more}>{escape(text)}</text>'

    body = [
        words(left, 24, title if len(title) <= 90 else title[:89] + "…", 15, ' font-weight="bold"'),
        words(left, 41, f"{len(w)} hidden neurons, cost C = {cost:.4g}"),
        line([fine[0], fine[-1]], [0, 0], f'stroke="{theme.LAYER_LINE}"'),
        line([fine[0], fine[-1]], [bottom, bottom], f'stroke="{theme.QUIET}"'),
        line(fine, y_fine, 'stroke="#C6CCD6" stroke-width="7"'),
    ]
    for px in np.linspace(fine[0], fine[-1], 7):
        u = float(at(np.array([px]), np.array([0.0])).split(",")[0])
        body.append(words(u, foot + 16, f"{px:.3g}".replace("-", "−"), 10, ' text-anchor="middle"'))
    for py in (bottom + pad, 0.0, top - pad):
        t = float(at(fine[:1], np.array([py])).split(",")[1])
        body.append(words(left - 6, t + 4, f"{py:.3g}".replace("-", "−"), 10, ' text-anchor="end"'))
    for k in range(len(w)):
        dash = DASHES[k % len(DASHES)]
        body.append(line(fine, parts[:, k], f'stroke="{theme.QUIET}" stroke-width="1.2" stroke-dasharray="{dash}"'))
        s = -b[k] / w[k]
        body.append(line([s, s], [bottom, bottom + pad / 2], f'stroke="{theme.ROOT_LINE}" stroke-width="1.5"'))
        u = float(at(np.array([s]), np.array([0.0])).split(",")[0])
        body.append(words(u + 3, foot - 4, str(k + 1), 9))
    body.append(line(fine, total, 'stroke="#1F5FA8" stroke-width="2.5"'))
    body += [
        f'<circle cx="{c.split(",")[0]}" cy="{c.split(",")[1]}" r="1.8" fill="{theme.INK}"/>' for c in at(x, y).split()
    ]
    legend = f"wide grey: target {name}, dots: training examples; blue: the sum; thin: each neuron; marks: steps -b/w"
    body.append(words(left, foot + 38, legend))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="740" height="385" '
        f'viewBox="0 0 740 385" font-family="{theme.FONT}" role="img" aria-label="{escape(title)}">\n'
        '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(body) + "\n</svg>\n"
    )
