"""The command `tinygrad-edu check`: are the gradients of the ops, of the network, of your function right?"""

from __future__ import annotations

import argparse
import inspect
import runpy
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_edu import TABLE, DataError, Op, Report, TinygradEduError, check_gradients

from .cli_common import FAILED, OK, add_command, whole
from .costs import CrossEntropyLoss, QuadraticCost
from .layers import ACTIVATIONS, MLP

__all__ = ["add_check", "check"]

Checks = Iterator[tuple[str, list[Report]]]

# Sizes of the numbers, and do they have both signs?  Every op is smooth in one of them: tanh; log, sqrt; arccosh.
RANGES = ((0.25, 0.75, True), (0.25, 0.75, False), (1.25, 1.75, False))
MATRIX = (3, 4)  # each input of an elementwise op

# For every other op, and for those with settings: the shapes of the inputs, and the settings, once or several times.
_windows: dict[str, Any] = {"stride": (2, 1), "dilation": (1, 2)}
_images: dict[str, Any] = {**_windows, "groups": 2}
_pool: dict[str, Any] = {**_windows, "pad": ((1, 0), (0, 1))}
_ways: list[dict[str, Any]] = [{"axis": 0, "reverse": False}, {"axis": 1, "reverse": True}]
_axes: list[dict[str, Any]] = [{"axis": (0,), "keepdims": True}, {"axis": (0, 1), "keepdims": False}]
EXAMPLES: dict[str, tuple[list[tuple[int, ...]], list[dict[str, Any]]]] = {
    "clip": ([MATRIX], [{"lo": -0.5, "hi": 0.5}]),
    "astype": ([MATRIX], [{"dtype": np.dtype(np.float64)}]),
    "reshape": ([MATRIX], [{"shape": (2, 6)}]),
    "transpose": ([(2, 3, 4)], [{"axes": (1, 2, 0)}]),
    "broadcast_to": ([(3, 1)], [{"shape": (2, 3, 4)}]),
    "identity": ([MATRIX], [{}]),
    "getitem": ([MATRIX], [{"key": (slice(None), 1)}, {"key": np.array([2, 0, 2])}]),
    "scatter_add": ([MATRIX], [{"key": (..., 1), "shape": (3, 4, 2)}, {"key": np.array([2, 0, 2]), "shape": MATRIX}]),
    "setitem": ([MATRIX, (4,)], [{"key": 1}, {"key": np.array([2, 0, 2])}]),
    "concatenate": ([MATRIX, (2, 4)], [{"axis": 0}]),
    **{name: ([MATRIX], _axes) for name in ("sum", "max", "min", "logsumexp", "prod")},
    "norm": ([MATRIX], [{**axes, "p": p} for axes, p in zip(_axes, (2.0, 3.0), strict=True)]),
    **{name: ([MATRIX], [{"axis": (1,)}]) for name in ("softmax", "log_softmax")},
    **{name: ([MATRIX], _ways) for name in ("cumsum", "cumprod")},
    "recurrence": ([MATRIX, MATRIX], _ways),
    "matmul": ([(2, 3, 4), (4, 2)], [{}]),
    "linear": ([(5, 4), (3, 4), (3,)], [{}]),
    **{name: ([(3, 3)], [{}]) for name in ("inv", "cofactor", "det", "logabsdet", "cholesky")},
    **{name: ([(3, 3)], [{"which": slice(None)}, {"which": slice(1, None)}]) for name in ("eigvalsh", "eigvectors")},
    "solve": ([(3, 3), (3, 2)], [{}]),
    "pinv": ([(4, 3)], [{"rcond": None}]),
    "windows": ([(5, 2, 4, 2)], [{**_windows, "size": (3, 2)}]),
    "fold": ([(2, 2, 3, 2, 2, 2)], [{**_windows, "shape": (5, 2, 4, 2)}]),
    "conv": ([(5, 2, 4, 2), (4, 1, 3, 2)], [_images]),
    "conv_dx": ([(2, 4, 2, 2), (4, 1, 3, 2)], [{**_images, "shape": (5, 2, 4, 2)}]),
    "conv_dw": ([(2, 4, 2, 2), (5, 2, 4, 2)], [{**_images, "size": (3, 2)}]),
    "max_pool": ([(4, 2, 3, 2)], [{**_pool, "size": (3, 2)}]),
    "share_out": ([(2, 2, 2, 2), (3, 2, 2, 2, 2, 2)], [{**_pool, "pad": ((0, 0), (0, 0)), "shape": (5, 2, 4, 2)}]),
    "share_back": ([(5, 2, 4, 2), (3, 2, 2, 2, 2, 2)], [{**_pool, "pad": ((0, 0), (0, 0))}]),
    "quadratic_cost": ([(5, 3), (5, 3)], [{}]),
}


def _regular(a: Any) -> Any:
    """Far from a matrix without an inverse."""
    return a + 3 * np.eye(3)


# The first input that these ops need is made of the matrix of numbers on the way.
PREPARED: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("inv", "cofactor", "det", "logabsdet", "solve"), _regular),
    "cholesky": lambda a: _regular((a + a.mT) / 2),  # symmetric, also where a single entry of a is changed
}


def check(args: argparse.Namespace) -> int:
    """Compare backpropagation with differences of values, to second order, and explain what differs.

    Without a name: every op of the table and the lecture's network.  With names: those ops only, or the functions
    in your files, as cost.py:cost; such a function takes arrays of the given shapes and returns a Tensor.
    """
    rng = np.random.default_rng(args.seed)
    checked = failed = 0
    for name, reports in _checks(args.what, args.shape, args.order, rng):
        wrong = [report for report in reports if not report.ok]
        said = "WRONG" if wrong else "ok" if reports else "not checked: nn/check_cli.py has no example of it"
        checked, failed = checked + bool(reports), failed + bool(wrong)
        entries = sum(c.checked - int(c.unreliable.sum()) for report in reports for c in report.compared)
        print(f"{name:34s} {said:6s}" + (f"{entries:4d} entries, {reports[0].method}" if reports else ""))
        for report in wrong:
            print(f"\n{report}\n")
    orders = "first order" if args.order == 1 else "first and second order"
    print(f"{checked} checked ({orders}): " + (f"{failed} wrong" if failed else "all gradients are right"))
    return FAILED if failed else OK


def _checks(what: list[str], shapes: list[Any], order: int, rng: Any) -> Checks:
    """What was asked for, each with its reports; all names are looked up before the first check."""
    functions = {name: _function(name, shapes) for name in what if ":" in name}
    ops = {name: _op(name) for name in what or [n for n, op in TABLE.items() if op.differentiable] if ":" not in name}
    if shapes and not functions:
        raise DataError("check: --shape is for the inputs of your own function, as in my.py:cost --shape 3,4")
    for name in what or ops:
        if name in functions:
            yield name, [_of_function(name, functions[name], shapes, order, rng)]
        else:
            yield name, _of_op(ops[name], order, rng)
    if not what:
        yield from _of_networks(order, rng)


def _of_networks(order: int, rng: Any) -> Checks:
    """The lecture's network, with every activation and both costs."""
    x, y = rng.random((5, 4)), np.eye(3)[rng.integers(0, 3, 5)]
    for activation in sorted(ACTIVATIONS):
        for cost, output in ((QuadraticCost(), activation), (CrossEntropyLoss(), "linear")):
            net = MLP([4, 6, 3], activation, output=output, rng=rng)

            def f(net: Any = net, cost: Any = cost) -> Any:
                return cost(net(x), y)

            yield f"4-6-3 {activation}, {type(cost).__name__}", [check_gradients(f, parameters=net, order=order)]


# ---- an op -----------------------------------------------------------------------------------------------


def _op(name: str) -> Op:
    """The row of the table."""
    if name in TABLE and TABLE[name].differentiable:
        return TABLE[name]
    if name in TABLE:
        raise DataError(f"check: {name} has no derivative to be checked")
    close = get_close_matches(name, [n for n, op in TABLE.items() if op.differentiable], 1)
    hint = f"  Did you mean {close[0]} ?" if close else ""
    raise DataError(f"check: {name!r} is neither an op of the table nor FILE.py:FUNCTION.{hint}")


def _of_op(op: Op, order: int, rng: Any) -> list[Report]:
    """The op at its examples; nothing if there is none."""
    if op.name not in EXAMPLES and not op.elementwise:
        return []
    shapes, several = EXAMPLES.get(op.name) or ([MATRIX] * len(op.vjps), [{}])  # type: ignore[arg-type]
    found = (_in_its_domain(op, shapes, settings, order, rng) for settings in several)
    return [report for report in found if report is not None]


def _in_its_domain(op: Op, shapes: Any, settings: dict[str, Any], order: int, rng: Any) -> Report | None:
    """The check of one call of the op, at random numbers for which its value is finite."""
    rules = op.vjps
    places = [i for i in range(len(shapes)) if callable(rules) or rules[i] is not None]
    prepared = PREPARED.get(op.name, lambda x: x)
    for low, high, signed in RANGES:
        arrays = [rng.uniform(low, high, s) * (rng.choice([-1, 1], s) if signed else 1) for s in shapes]
        # what has no derivative is a choice: some entries, one at least along the first axis
        arrays = [a if i in places else a >= a.mean(axis=0) for i, a in enumerate(arrays)]

        def f(*xs: Any, arrays: Any = arrays) -> Any:
            values = list(arrays)
            for i, x in zip(places, xs, strict=True):
                values[i] = x
            return op(prepared(values[0]), *values[1:], **settings)

        with np.errstate(all="ignore"):
            if not np.all(np.isfinite(f(*(arrays[i] for i in places)))):
                continue
        return check_gradients(f, *(arrays[i] for i in places), order=order, names=["xyzu"[i] for i in places])
    return None


# ---- a function of the user ------------------------------------------------------------------------------


def _of_function(name: str, f: Callable[..., Any], shapes: list[Any], order: int, rng: Any) -> Report:
    values = [rng.uniform(*RANGES[0][:2], size=shape) for shape in shapes or [MATRIX]]
    try:
        return check_gradients(f, *values, order=order)
    except TinygradEduError:
        raise
    except Exception as error:
        raise DataError(f"check: {name} itself fails: {type(error).__name__}: {error}") from error


def _function(name: str, shapes: list[Any]) -> Callable[..., Any]:
    """The function FUNCTION of FILE.py, which takes as many inputs as there are shapes."""
    path, _, called = name.rpartition(":")
    if not Path(path).is_file():
        raise DataError(f"check: there is no file {path!r} for {name!r}")
    try:
        f = runpy.run_path(path).get(called)
    except Exception as error:
        raise DataError(f"check: {path} cannot be run: {type(error).__name__}: {error}") from error
    if not callable(f):
        raise DataError(f"check: {path} has no function {called!r}")
    try:
        inspect.signature(f).bind(*(shapes or [MATRIX]))
    except TypeError as error:
        raise DataError(
            f"check: {called} does not take {len(shapes) or 1} inputs: {error}.  Give --shape for each"
        ) from error
    except ValueError:  # no signature is known
        pass
    function: Callable[..., Any] = f
    return function


# ---- what may be said ------------------------------------------------------------------------------------


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(n) for n in text.split(",") if n)
    except ValueError:
        shape = (-1,)
    if any(n < 0 for n in shape):
        raise argparse.ArgumentTypeError(f"write a shape as 3,4, and a single number as '', not {text!r}")
    return shape


def add_check(commands: Any) -> None:
    """The subcommand and what may be said to it."""
    p = add_command(
        commands,
        "check",
        check,
        "compare gradients with differences, and explain errors",
        [
            "tinygrad-edu check                                   every op, and the network",
            "tinygrad-edu check sigmoid matmul                    two ops",
            "tinygrad-edu check my.py:cost --shape 3,4 --shape 4  your function, two arrays",
        ],
    )
    p.add_argument("what", nargs="*", metavar="OP|FILE.py:FUNCTION", help="(default: everything)")
    p.add_argument("--shape", action="append", type=_shape, default=[], help="of one input; may be repeated")
    p.add_argument("--order", type=int, choices=(1, 2), default=2, help="of the derivatives (default: 2)")
    p.add_argument("--seed", type=whole(0), default=1, help="of the random inputs (default: 1)")
