"""Matrix products: small ones as loops over blocks whose sums stay in registers, large ones by NumPy's own BLAS.

A block is `rows` x `columns` of the result.  Where y's rows lie in order, a vector is a piece of a row of the result,
and grows by x[i, k] times a piece of row k of y.  Where both run along k, as in x wᵀ, a vector is a piece of the sum.
The last block of a row or column overlaps the one before it, so that no entries are left over: they are computed
twice, and are the same.
"""

from __future__ import annotations

import math
import re

from .c_kernels import Kernel
from .c_loops import Body, Text, index, sum_of
from .c_lower import Step
from .c_matrices import layout
from .c_memory import Cell, contiguous
from .c_types import Machine, name

__all__ = ["blas", "by_blas", "product", "vectors", "weight_gradient"]

_PANEL = 4096  # entries of a result that are kept on the stack


def vectors(body: str) -> str:
    """The vector types that the text uses."""
    lines = []
    for kind in ("float", "double"):
        for lanes in (2, 4, 8, 16):
            if re.search(rf"\b{kind}_x{lanes}\b", body):
                nbytes = lanes * (4 if kind == "float" else 8)
                size = f"vector_size({nbytes}), aligned({nbytes // lanes}), may_alias"
                lines.append(f"typedef {kind} {kind}_x{lanes} __attribute__(({size}));  /* {lanes} numbers at once */")
    if "SUM_OF_PRODUCTS" in body:
        lines += ["", _ATTRIBUTE]
    return "\n".join(lines)


_ATTRIBUTE = """\
/* Numbers may be multiplied and added in one step, here and nowhere else.  A sum begins with 0: 0 + -0 is 0. */
#ifdef __clang__
#define SUM_OF_PRODUCTS __attribute__((noinline))
#define IN_ONE_STEP _Pragma("clang fp contract(fast)")
#else
#define SUM_OF_PRODUCTS __attribute__((noinline, optimize("fp-contract=fast")))
#define IN_ONE_STEP
#endif
"""


def product(kernel: Kernel, machine: Machine) -> Text:
    """z = x y, and what is done with each entry of z while it is at hand."""
    step = kernel.steps[0]
    x, y = step.inputs
    batch, (m, n) = kernel.space[:-2], kernel.space[-2:]
    inner_axes = step.params.get("inner", 1)
    inner = x.shape[x.ndim - inner_axes :]
    k = math.prod(inner)
    text = Text()
    text.reads[x.home] = text.reads[y.home] = None
    dot = len(inner) == 1 and x.strides[-1] == y.strides[-2] == 1 and not (y.strides[-1] == 1 and n > 1) and k >= 32
    most = machine.vector // x.dtype.itemsize
    lanes = _lanes(k if dot else n, most)
    rows, columns = _block(m, n if dot else -(-n // lanes), machine.sums, dot)
    wide = columns if dot else min(columns * lanes, n)
    whole = dot and m * n <= _PANEL  # the result is finished at once,
    panel = dot and not whole and rows * n <= _PANEL  # or some rows at a time; or else block by block
    step_z = n if whole or panel else wide
    block = f"block_{step.out.home.name}"
    if dot:
        text.before.append(_dot_block(block, x, y, rows, columns, lanes, step_z))
    else:
        text.before.append(_row_block(block, x, y, inner, rows, columns, lanes))

    variables = [f"b{d}" for d in range(len(batch))]
    depth = len(batch) + 1
    for d, (b, length) in enumerate(zip(variables, batch, strict=True)):
        text.add(d + 1, f"for (int {b} = 0; {b} < {length}; {b}++) {{")
    along_x, along_y = x.along((*batch, m, *inner)), y.along((*batch, *inner, n))
    first = len(batch)
    from_x = index(along_x[: first + 1], [*variables, "r"], x.offset)
    from_y = index((*along_y[:first], along_y[-1]), [*variables, "c"], y.offset)
    over_rows = _blocks("r", "row", m, rows)
    over_columns = _blocks("c", "col", n, wide)
    outer, inner_loop = (over_rows, over_columns) if panel else (over_columns, over_rows)
    declared = f"{name(x.dtype)} z[{m if whole else rows} * {step_z}];"
    if whole:
        text.add(depth, declared)
    for line in outer:
        text.add(depth, line)
    middle = depth + (len(outer) > 1)
    if panel:
        text.add(middle, declared)
    for line in inner_loop:
        text.add(middle, line)
    deep = middle + (len(inner_loop) > 1)
    if not whole and not panel:
        text.add(deep, declared)
    to = f"&z[{n}*r + c]" if whole else "&z[c]" if panel else "z"
    text.add(deep, f"{block}(&{x.home.name}[{from_x}], &{y.home.name}[{from_y}], {to});")
    if not whole and not panel:
        _finish(kernel, text, deep, variables, (rows, wide), "r + p", "c + q", f"z[{wide}*p + q]")
    if deep > middle:
        text.add(middle, "}")
    if panel:
        _finish(kernel, text, middle, variables, (rows, n), "r + p", "q", f"z[{n}*p + q]")
    if middle > depth:
        text.add(depth, "}")
    if whole:
        _finish(kernel, text, depth, variables, (m, n), "p", "q", f"z[{n}*p + q]")
    for d in range(len(batch), 0, -1):
        text.add(d, "}")
    return text


def _blocks(first: str, counter: str, length: int, size: int) -> list[str]:
    """The loop over the blocks; none if there is one block."""
    if length <= size:
        return [f"const int {first} = 0;"]
    return [
        f"for (int {counter} = 0; {counter} < {length}; {counter} += {size}) {{",
        f"  {_first(first, counter, length, size)}",
    ]


def _first(short: str, counter: str, length: int, size: int) -> str:
    """Where a block begins; the last one ends with the matrix."""
    if length % size == 0:
        return f"const int {short} = {counter};"
    return f"const int {short} = {counter} < {length - size} ? {counter} : {length - size};"


def _finish(
    kernel: Kernel, text: Text, depth: int, batch: list[str], size: tuple[int, int], i: str, j: str, entry: str
) -> None:
    """Each entry of the result at hand: the steps that follow in this kernel, and what is stored."""
    step = kernel.steps[0]
    home = step.out.home
    over = f"for (int p = 0; p < {size[0]}; p++)", f"for (int q = 0; q < {size[1]}; q++)"
    if home.last_only:  # in a loop of its own: a condition inside would cost more than the product
        text.writes[home] = None
        place = index(contiguous(kernel.space), [*batch, f"({i})", f"({j})"])
        text.add(depth, "if (last)")
        text.add(depth + 1, over[0])
        text.add(depth + 2, f"{over[1]} {home.name}[{place}] = {entry};")
        if len(kernel.steps) == 1:
            return
    text.add(depth, over[0])
    text.add(depth + 1, f"{over[1]} {{")
    text.add(depth + 2, f"const int i = {i}, j = {j};")
    places = {x: list(x.along(kernel.space)) for s in kernel.steps[1:] for x in s.cells()}
    places.update((s.out, list(contiguous(kernel.space))) for s in kernel.steps)
    body = Body(kernel, text, places, [*batch, "i", "j"])
    text.add(depth + 2, f"const {name(step.out.dtype)} {step.out.home.name}_i = {entry};")
    for line in body.loads():
        text.add(depth + 2, line)
    for s in kernel.steps:
        if s is not step:
            text.add(depth + 2, body.statement(s))
        stored = None if s is step and home.last_only else body.stored(s)
        if stored:
            text.add(depth + 2, stored)
    text.add(depth + 1, "}")


def _lanes(n: int, most: int) -> int:
    """The largest power of 2 that is no more than n."""
    return min(most, 1 << (n.bit_length() - 1))


def _block(m: int, vectors: int, sums: int, dot: bool) -> tuple[int, int]:
    """How many rows and vectors of columns in a block: as few loads for as many sums as registers allow."""
    best = (math.inf, 1, 1)
    for rows in range(1, min(m, sums) + 1):
        for columns in range(1, min(vectors, sums // rows) + 1):
            blocks = -(-m // rows) * -(-vectors // columns)
            work = rows * columns + 0.6 * (rows + columns) + (0.3 if dot else 0)
            latency = max(0.0, 8 - rows * columns)  # sums that wait for each other
            best = min(best, (blocks * (work + latency), rows, columns))
    return best[1], best[2]


def _row_block(block: str, x: Cell, y: Cell, inner: tuple[int, ...], rows: int, columns: int, lanes: int) -> str:
    """Pieces of rows of the result grow by x[i, k] times row k of y."""
    t, n, axes = name(x.dtype), y.shape[-1], len(inner)
    ks = ["k", "l", "m", "o"][:axes]
    vector = t if lanes == 1 else f"{t}_x{lanes}"
    wide = min(columns * lanes, n)
    column = _times(lanes, "q") if columns * lanes <= n else f"(q < {columns - 1} ? {lanes}*q : {n - lanes})"
    along = zip(y.strides[y.ndim - 1 - axes : -1], ks, strict=True)
    of_y = sum_of([*(_times(s, k) for s, k in along), column if columns > 1 else ""])
    along = zip(x.strides[x.ndim - axes :], ks, strict=True)
    of_x = sum_of([_times(x.strides[x.ndim - axes - 1], "p"), *(_times(s, k) for s, k in along)])
    loops = "".join(f"\n  for (int {k} = 0; {k} < {length}; {k}++)" for k, length in zip(ks, inner, strict=True))
    to = sum_of([_times(wide, "p"), column if columns > 1 else ""])
    return f"""\
/* {rows} rows of x times {wide} columns of y, {lanes} at a time */
SUM_OF_PRODUCTS static void {block}(const {t} *restrict x, const {t} *restrict y, {t} *restrict z)
{{
  IN_ONE_STEP
  {vector} sum[{rows}][{columns}];
  memset(sum, 0, sizeof sum);{loops} {{
    {vector} piece[{columns}];
    for (int q = 0; q < {columns}; q++) piece[q] = *(const {vector} *)(y + {of_y});
    for (int p = 0; p < {rows}; p++)
      for (int q = 0; q < {columns}; q++) sum[p][q] += x[{of_x}] * piece[q];
  }}
  for (int p = 0; p < {rows}; p++)
    for (int q = 0; q < {columns}; q++) *({vector} *)(z + {to}) = sum[p][q];
}}
"""


def _dot_block(block: str, x: Cell, y: Cell, rows: int, columns: int, lanes: int, step_z: int) -> str:
    """Each entry of the result is a sum over k, taken {lanes} at a time."""
    t, k = name(x.dtype), x.shape[-1]
    vector = f"{t}_x{lanes}"
    full = k // lanes * lanes
    term = f"x[{_plus(x.strides[-2], 'p')}k] * y[{_plus(y.strides[-1], 'q')}k]"
    rest = f"\n      for (int k = {full}; k < {k}; k++) all += {term};" if full < k else ""
    return f"""\
/* {rows} rows of x times {columns} columns of y, {lanes} products at a time */
SUM_OF_PRODUCTS static void {block}(const {t} *restrict x, const {t} *restrict y, {t} *restrict z)
{{
  IN_ONE_STEP
  {vector} sum[{rows}][{columns}];
  memset(sum, 0, sizeof sum);
  for (int k = 0; k < {full}; k += {lanes})
    for (int q = 0; q < {columns}; q++) {{
      const {vector} piece = *(const {vector} *)(y + {_plus(y.strides[-1], "q")}k);
      for (int p = 0; p < {rows}; p++) sum[p][q] += *(const {vector} *)(x + {_plus(x.strides[-2], "p")}k) * piece;
    }}
  for (int p = 0; p < {rows}; p++)
    for (int q = 0; q < {columns}; q++) {{
{_total(t, lanes)}{rest}
      z[{step_z}*p + q] = all;
    }}
}}
"""


def _total(t: str, lanes: int) -> str:
    """all = the sum over the lanes of sum[p][q]: halves are added until one number is left."""
    lines, vector = [], "sum[p][q]"
    while lanes > 4:
        lanes //= 2
        half = f"((const {t}_x{lanes} *)&{vector})"
        vector = f"sum_{lanes}"
        lines.append(f"const {t}_x{lanes} {vector} = {half}[0] + {half}[1];")
    if lanes == 4:
        lines.append(f"{t} all = ({vector}[0] + {vector}[2]) + ({vector}[1] + {vector}[3]);")
    else:
        lines.append(f"{t} all = {vector}[0] + {vector}[1];" if lanes == 2 else f"{t} all = {vector};")
    return "\n".join(f"      {line}" for line in lines)


def _times(stride: int, variable: str) -> str:
    return "" if not stride else variable if stride == 1 else f"{stride}*{variable}"


def _plus(stride: int, variable: str) -> str:
    """`784*p + `, or nothing"""
    return f"{_times(stride, variable)} + " if stride else ""


_BLAS = """\
/* NumPy's own BLAS, for large products: z = x y */
static void (*{f}gemm)(int order, int turn_x, int turn_y, int64_t rows, int64_t columns, int64_t inner, {t} one,
    const {t} *x, int64_t step_x, const {t} *y, int64_t step_y, {t} zero, {t} *z, int64_t step_z);
void use_{f}gemm(void *function) {{ {f}gemm = function; }}
"""


def blas(body: str) -> str:
    """What the text needs to call BLAS."""
    kinds = [("s", "float"), ("d", "double")]
    return "\n".join(_BLAS.format(f=f, t=t) for f, t in kinds if f" {f}gemm(" in body)


def by_blas(step: Step) -> Text:
    """z = x y by NumPy's BLAS: row-major (101), each matrix as it is (111) or turned (112)."""
    x, y = step.inputs
    z = step.out
    (m, n), k = z.shape[-2:], x.shape[-1]
    batch = z.shape[:-2]
    text = Text()
    text.reads[x.home] = text.reads[y.home] = text.writes[z.home] = None
    variables = [f"b{d}" for d in range(len(batch))]
    for d, (b, length) in enumerate(zip(variables, batch, strict=True)):
        text.add(d + 1, f"for (int {b} = 0; {b} < {length}; {b}++)")
    words = []
    for cell, shape in ((x, (*batch, m, k)), (y, (*batch, k, n)), (z, z.shape)):
        turn, step_of = layout(cell) or (111, n)
        place = index(cell.along(shape)[:-2], variables, cell.offset)
        words.append((turn, f"{cell.home.name} + {place}" if place != "0" else cell.home.name, step_of))
    (turn_x, from_x, step_x), (turn_y, from_y, step_y), (_, to, step_z) = words
    call = "sgemm" if x.dtype.itemsize == 4 else "dgemm"
    size = f"{turn_x}, {turn_y}, {m}, {n}, {k}"
    text.add(len(batch) + 1, f"{call}(101, {size}, 1, {from_x}, {step_x}, {from_y}, {step_y}, 0, {to}, {step_z});")
    return text


def weight_gradient(step: Step, machine: Machine) -> Text:
    """z[o, c, i, j] = sum over a, b, n of g[a, o, b, n] x[s a + d i, c, t b + e j, n]"""
    g, x = step.inputs
    (s, t), (d, e), groups, (kh, kw) = (step.params[key] for key in ("stride", "dilation", "groups", "size"))
    (down, all_o, across, n), z = g.shape, step.out
    own, o = x.shape[1] // groups, all_o // groups
    length = across * n if t == 1 else n  # numbers that lie in order, in g and in x
    rows = max(r for r in range(1, o + 1) if o % r == 0 and r * kw <= max(machine.sums, kw))
    lanes = _lanes(length, machine.vector // x.dtype.itemsize)
    text = Text()
    text.reads[g.home] = text.reads[x.home] = text.writes[z.home] = None
    block, kind = f"block_{z.home.name}", name(z.dtype)
    text.before.append(
        _adding_block(block, kind, rows, kw, lanes, length, g.strides[1], e * x.strides[2], own * kh * kw)
    )
    text.add(1, f"for (int i = 0; i < {z.size}; i++) {z.home.name}[i] = 0;")
    loops = [
        ("a", down, 1),
        *([("b", across, 1)] if t != 1 else []),
        ("h", groups, 1),
        ("c", own, 1),
        ("i", kh, 1),
        ("o", o, rows),
    ]
    loops = [loop for loop in loops if loop[1] > loop[2]]
    for depth, (v, stop, step_by) in enumerate(loops):
        text.add(depth + 1, f"for (int {v} = 0; {v} < {stop}; {v} += {step_by})")
    present = {v for v, _, _ in loops}

    def place(**strides: int) -> str:
        return sum_of([_times(stride, v) for v, stride in strides.items() if v in present])

    at_g = place(a=g.strides[0], b=g.strides[2], h=o * g.strides[1], o=g.strides[1])
    at_x = place(a=s * x.strides[0], b=t * x.strides[2], h=own * x.strides[1], c=x.strides[1], i=d * x.strides[0])
    at_z = place(h=o * own * kh * kw, c=kh * kw, i=kw, o=own * kh * kw)
    text.add(len(loops) + 1, f"{block}(&{g.home.name}[{at_g}], &{x.home.name}[{at_x}], &{z.home.name}[{at_z}]);")
    return text


def _adding_block(
    block: str, t: str, rows: int, columns: int, lanes: int, length: int, of_g: int, of_x: int, of_z: int
) -> str:
    """Sums along rows of g and x, added to z."""
    vector = t if lanes == 1 else f"{t}_x{lanes}"
    full = length // lanes * lanes
    rest = f"\n      for (int k = {full}; k < {length}; k++) all += g[{_plus(of_g, 'p')}k] * x[{_plus(of_x, 'q')}k];"
    return f"""\
/* {rows} output channels times {columns} weights of a row: {length} products each */
SUM_OF_PRODUCTS static void {block}(const {t} *restrict g, const {t} *restrict x, {t} *restrict z)
{{
  IN_ONE_STEP
  {vector} sum[{rows}][{columns}];
  memset(sum, 0, sizeof sum);
  for (int k = 0; k < {full}; k += {lanes})
    for (int q = 0; q < {columns}; q++) {{
      const {vector} piece = *(const {vector} *)(x + {_plus(of_x, "q")}k);
      for (int p = 0; p < {rows}; p++) sum[p][q] += *(const {vector} *)(g + {_plus(of_g, "p")}k) * piece;
    }}
  for (int p = 0; p < {rows}; p++)
    for (int q = 0; q < {columns}; q++) {{
{_total(t, lanes)}{rest if full < length else ""}
      z[{_plus(of_z, "p")}q] += all;
    }}
}}
"""
