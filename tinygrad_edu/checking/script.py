"""A program of at most 15 lines that shows a failed check again."""

from __future__ import annotations

import base64
import sys
import zlib
from itertools import repeat
from operator import is_
from typing import Any

import numpy as np
import numpy.typing as npt

from ..op import Op
from ..ops import TABLE

__all__ = ["script_of_numbers", "script_of_op"]

Array = npt.NDArray[Any]

HEAD = "import numpy as np\nfrom numpy import inf, nan\n\n"
NO_OPS = sys.stdlib_module_names | {"numpy"}  # most modules by far
FOOT = "print(report)\nassert report.ok"


def script_of_op(op: Op, arrays: list[Array], params: dict[str, Any], order: int, compared: list[Any]) -> str:
    """The op at the values that it had, checked alone; an op that no import finds, by the numbers it gave."""
    where = _found(op)
    if where is None and (order == 2 or op.name not in TABLE):
        return script_of_numbers(compared)
    names = [c.name for c in compared]
    called = ["xyzuvw"[i] if i < 6 else f"x{i}" for i in range(len(arrays))]
    settings = "".join(f", {key}={_code(value)}" for key, value in params.items())
    if len(called) <= 5:
        lines = [f"{name} = {_code(a)}" for name, a in zip(called, arrays, strict=True)]
    else:
        lines = [f"{', '.join(called)} = {', '.join(map(_code, arrays))}"]
    f = f"lambda {', '.join(names)}: op({', '.join(called)}{settings})"
    imports = "from tinygrad_edu import TABLE\nfrom tinygrad_edu.checking import "
    if where is not None:
        start = f"{imports}check_gradients\n{where}\n"
        end = f"report = check_gradients({f}, {', '.join(names)}, order={order})\n"
    else:
        mine = ", ".join(_code(c.mine) for c in compared)
        start = f'{imports}compare\n\nop = TABLE["{op.name}"]\n'
        lines.append(f"mine = [{mine}]  # what the rule gave")
        end = f"report = compare(mine, {f}, {', '.join(names)})\n"
    return HEAD[:-1] + start + "\n".join(lines) + "\n" + end + FOOT


def script_of_numbers(compared: list[Any]) -> str:
    """The gradients that were found, and the numeric ones."""
    if not compared:
        return ""
    mine = ", ".join(_code(c.mine) for c in compared)
    numeric = ", ".join(_code(c.numeric) for c in compared)
    names = ", ".join(repr(c.name) for c in compared)
    return (
        f"{HEAD}from tinygrad_edu.checking import compare\n\nmine = [{mine}]\nnumeric = [{numeric}]\n"
        f"report = compare(mine, numeric, names=[{names}])\n{FOOT}"
    )


def _found(op: Op) -> str | None:
    """The line that finds this very op: in the table, or as a global of a module that can be imported."""
    if TABLE.get(op.name) is op:
        return f'\nop = TABLE["{op.name}"]'
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in NO_OPS:
            continue
        file, things = getattr(module, "__file__", None), dict(getattr(module, "__dict__", {}))
        if file and True in map(
            is_, things.values(), repeat(op)
        ):  # a hundred thousand things: not one by one in Python
            key = next(key for key, thing in things.items() if thing is op)
            if name == "__main__":
                return f"import runpy\n\nop = runpy.run_path({file!r})[{key!r}]"
            return f"from {name} import {key} as op\n" if name.split(".")[0] in sys.modules else None
    return None


def _code(value: Any) -> str:
    """Python for a setting or an array; the exact numbers."""
    if isinstance(value, np.ndarray):
        if value.size > 400:
            packed = base64.b64encode(zlib.compress(np.ascontiguousarray(value).tobytes(), 9)).decode()
            unpacked = f"__import__('zlib').decompress(__import__('base64').b64decode('{packed}'))"
            return f"np.frombuffer({unpacked}, '{value.dtype.str}').reshape({value.shape})"
        if value.size == 0:
            return f"np.zeros({value.shape}, '{value.dtype.str}')"
        kind = "" if value.dtype in (np.float64, np.bool_, np.int64) else f", '{value.dtype.str}'"
        return f"np.array({value.tolist()}{kind})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_code, value))}{',' * (len(value) == 1)})"
    if isinstance(value, list):
        return f"[{', '.join(map(_code, value))}]"
    if isinstance(value, np.dtype):
        return f"np.dtype('{value.str}')"
    if isinstance(value, np.generic):
        return repr(value.item())
    return "..." if value is Ellipsis else repr(value)
