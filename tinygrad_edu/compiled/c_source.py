"""Source: a program as C text, one function for each kernel, and one that calls them in order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .c_axes import ALONG_AXES
from .c_conv import CONVOLUTIONS
from .c_helpers import helpers
from .c_kernels import Kernel, kernels, planned
from .c_loops import Text, loops, moved
from .c_lower import Lowered, Step, lowered
from .c_matrices import MATRICES
from .c_memory import Home
from .c_moves import MOVES
from .c_products import blas, by_blas, product, vectors, weight_gradient
from .c_rows import gathered, scattered
from .c_types import Machine, name
from .program import Derived, Instruction, Program, Value

__all__ = ["RESERVED", "Plan", "planned_source"]

RESERVED = 64  # bytes at the start of the scratch memory, for what an error has to say
_MANY = 40  # pointers that a function takes as parameters; if there are more, it looks them up itself


@dataclass(eq=False)
class Plan:
    """The C text, and what one must know to call it.

    parts   the names of the C functions, and host steps between them, in order
    """

    it: Lowered
    source: str = ""
    nbytes: int = 0
    parts: list[Any] = field(default_factory=list)  # str, or Step
    failing: list[Step] = field(default_factory=list)  # error k is that of failing[k - 1]
    slots: int = 0
    statements: int = 0


def planned_source(program: Program, machine: Machine) -> Plan:
    """The program as C."""
    it = lowered(program, machine, ALONG_AXES | MATRICES | MOVES | CONVOLUTIONS)
    found = [k for k in kernels(it) if k.steps]
    plan = Plan(it)
    plan.nbytes = planned(it, found, RESERVED)
    plan.slots = len(it.inputs) + len(it.constants) + len(it.outputs)
    functions: list[str] = []
    calls: list[list[str]] = [[]]
    homes: dict[Home, None] = {}
    few = _few(it)
    for kernel in found:
        plan.statements += len(kernel.steps)
        if kernel.kind == "host":
            plan.parts += [f"part_{len(calls) - 1}", kernel.steps[0]]
            calls.append([])
            continue
        text = _text(kernel, machine)
        if not text.lines:
            continue
        function, call = _function(kernel, text, few, plan)
        functions.append(function)
        calls[-1] += call
        if few:
            homes |= text.reads | text.writes
    plan.parts.append(f"part_{len(calls) - 1}")
    body = "\n".join(functions)
    parts = "\n".join(_part(k, lines, it, few) for k, lines in enumerate(calls))
    scan = _scan(it) if len(calls) == 1 else ""
    whole = "\n".join(filter(None, [_head(program), vectors(body), blas(body), helpers(body), body, parts, scan]))
    plan.source = whole.encode("utf-8", "replace").decode()  # a name may be no text that can be written
    return plan


def _few(it: Lowered) -> bool:
    """Are there so few values that each one gets a pointer of its own?"""
    return len(it.inputs) + len(it.outputs) + len(it.steps) <= 400


def _text(kernel: Kernel, machine: Machine) -> Text:
    step = kernel.steps[0]
    if kernel.kind == "entries":
        return loops(kernel)
    if kernel.kind == "product":
        return product(kernel, machine)
    if kernel.kind == "blas":
        return by_blas(step)
    if kernel.kind == "conv_dw":
        return weight_gradient(step, machine)
    if kernel.kind == "moves":
        return moved(step)
    if kernel.kind == "gather":
        return gathered(step)
    return scattered(step)


# ---- functions -----------------------------------------------------------------------------------------------------


def _function(kernel: Kernel, text: Text, few: bool, plan: Plan) -> tuple[str, list[str]]:
    """A kernel as a C function, and the lines that call it."""
    writes = list(text.writes)
    reads = [h for h in text.reads if h not in text.writes]
    title = f"make_{writes[-1].name}" if writes else "make_nothing"
    needs_last = any(h.last_only for h in writes)
    result = "int" if text.fails else "void"
    lines = ["/* " + "\n   ".join(_comments(kernel)) + " */"]
    if few and len(reads) + len(writes) <= _MANY:
        words = [f"const {name(h.dtype)} *restrict {h.name}" for h in reads]
        words += [f"{name(h.dtype)} *restrict {h.name}" for h in writes]
        given = [h.name for h in (*reads, *writes)]
        declared: list[str] = []
    else:
        words, given = ["void *const *p", "char *memory"], ["p", "memory"]
        declared = [_declared(h, writable=h in text.writes) for h in (*reads, *writes)]
    if text.fails and "char *memory" not in words:
        words.append("char *memory")
        given.append("memory")
    if needs_last:
        words.append("int last")
        given.append("last")
    lines.append(f"KERNEL {result} {title}({_wrapped(words)})")
    lines += ["{", *(f"  {d}" for d in declared), *text.lines]
    call = f"{title}({', '.join(given)})"
    if text.fails:
        plan.failing.append(kernel.steps[0])
        lines.append("  return 0;")
        calls = [f"if ({call}) return {len(plan.failing)};"]
    else:
        calls = [f"{call};"]
    lines += ["}", ""]
    return "\n".join([*text.before, *lines]), calls


def _wrapped(words: list[str]) -> str:
    """Parameters, some in a line."""
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 100:
            lines.append(line)
            line = ""
        line += ("" if not line else ", ") + word
    return ",\n    ".join([*lines, line])


def _pointer(home: Home) -> str:
    """Where a home begins."""
    if home.slot is not None:
        return f"p[{home.slot}]"
    return f"({name(home.dtype)} *)(memory + {home.offset})"


def _declared(home: Home, writable: bool) -> str:
    constant = "" if writable else "const "
    return f"{constant}{name(home.dtype)} *{home.name} = {_pointer(home)};"


def _part(k: int, calls: list[str], it: Lowered, few: bool) -> str:
    """The kernels in order."""
    lines = [
        "/* One run.  p: where inputs, constants and results are; memory: for what is only needed in between;",
        "   last: is it the last run of a scan? */"
        if k == 0
        else "   the program goes on here after a step by NumPy */",
        f"int part_{k}(void *const *p, char *memory, int last)",
        "{",
    ]
    if few:
        seen = {h: None for x in it.inputs for h in [x.home]}
        seen |= {x.home: None for x, _ in it.constants} | {s.out.home: None for s in it.steps}
        used = {word for line in calls for word in line.replace("(", " ").replace(")", " ").replace(",", " ").split()}
        written = {s.out.home for s in it.steps}
        lines += [f"  {_declared(h, h in written)}" for h in seen if h.name in used]
    lines += [f"  {call}" for call in calls]
    lines += ["  return 0;", "}", ""]
    return "\n".join(lines)


def _scan(it: Lowered) -> str:
    """n runs in one call."""
    slots = len(it.inputs) + len(it.constants) + len(it.outputs)
    return f"""\
/* n runs, one after the other.  stride: how many bytes further the next run finds each value, or puts it.
   carried: pairs of places, read and written; what a run has written, the next one reads.  Two memories take turns:
   the result's own, and a spare one, so that the last run writes to the result. */
int scan(int64_t n, void **p, const int64_t *stride, int carried, const int64_t (*pairs)[2], void **spare, char *memory)
{{
  for (int64_t t = 0; t < n; t++) {{
    const int error = part_0(p, memory, t == n - 1);
    if (error) return error;
    for (int k = 0; k < {slots}; k++) p[k] = (char *)p[k] + stride[k];
    for (int k = 0; k < carried; k++) {{
      void *const written = p[pairs[k][1]];
      p[pairs[k][0]] = written;
      p[pairs[k][1]] = spare[k];
      spare[k] = written;
    }}
  }}
  return 0;
}}
"""


# ---- words for people ------------------------------------------------------------------------------------------------


def _head(program: Program) -> str:
    lines = _plain(str(program)).split("\n")
    if len(lines) > 300:
        lines = [*lines[:150], f"  … {len(lines) - 200} lines …", *lines[-50:]]
    text = "\n".join(f"   {line}".rstrip() for line in lines)
    return f"""\
/* What jit has recorded of {_plain(program.name)}, as C.

{text}
*/
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define KERNEL static __attribute__((noinline))  /* a function that stays one: its loop is not mixed with others */
"""


def _plain(text: str) -> str:
    """Text that does not end the comment it stands in."""
    return text.replace("*/", "* /")


def _comments(kernel: Kernel) -> list[str]:
    """The lines of the program that a kernel does; of those that take several loops, what it does of them."""
    parts: dict[Instruction, list[str]] = {}
    copies = []
    for step in kernel.steps:
        if step.part_of is None:
            copies.append(f"{step.out.home.name}: a copy, which is handed out")
        else:
            parts.setdefault(step.part_of, []).append(step.op)
    lines = []
    for i, ops in parts.items():
        whole = i.op.elementwise or ops == [i.op.name]
        lines.append(described(i) + ("" if whole else f"; here its {', '.join(dict.fromkeys(ops))}"))
    return [*lines, *copies]


def described(i: Instruction) -> str:
    """v4 = sigmoid(v3)   float32 10×30"""
    words = [f"{x!r}" for x in i.inputs]
    words += [f"{key}={_setting(p)}" for key, p in i.params.items()]
    inputs = [f"{x!r} {_shape(x)}" for x in i.inputs if isinstance(x, Value) and x.shape]
    origin = f"  from {', '.join(inputs)}" if inputs else ""
    called = f" ({i.out.name})" if i.out.name else ""
    text = f"{i.out!r}{called} = {i.op.name}({', '.join(words)}): {_shape(i.out)}{origin}"
    return _plain(text)


def _shape(v: Value) -> str:
    return "×".join(map(str, v.shape)) or "a number"


def _setting(p: Any) -> str:
    if isinstance(p, Derived):
        return repr(p.source)
    if isinstance(p, tuple):
        return f"({', '.join(map(_setting, p))})"
    return f"array{p.shape}" if hasattr(p, "shape") and p.shape else str(p)
