"""Random programs under jit, against the same programs without.

    python -m tests.fuzz_jit -n 20000 --seed 1                      # NumPy executor: equal to the last bit
    python -m tests.fuzz_jit -n 20000 --seed 1 --executor c         # C executor: equal to rounding
    python -m tests.fuzz_jit -n 20000 --seed 1 --shard 0/2 --seconds 600

Leaves that want a gradient are parameters, the others arguments.  A program runs forward, backward, and takes a step of
an optimizer; it is called six times.  Half of the programs get the same numbers in the first calls, as a warm-up does:
what is frozen then shows only afterwards.  Values, gradients, parameters and the optimizer's state are compared, and
the errors too.  Program k of a seed is the same whatever the rest.  Each mismatch is printed as the smallest script
found that shows it.  The last line is "N programs, M mismatches …"; the exit code is 1 if there are any.
"""

import argparse
import os
import sys
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "tinygrad_edu"))

import numpy as np
from interpreters import quiet
from program_choices import Rolled, uneven
from program_ops import OPS, bound, compiled
from programs import Leaf, Program, generate, laid_out, script, shrink

import tinygrad_edu as te
from nn import optim
from tinygrad_edu import JitError, Tensor, jit

CALLS = 6
OPTIMIZERS: list[Any] = [
    None,
    lambda params: optim.SGD(params, lr=0.125),
    lambda params: optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda params: optim.Adam(params, lr=0.01),
    lambda params: optim.RMSprop(params, lr=0.01, momentum=0.5, centered=True),
]


class Case:
    """A program, and how it is called: precision, optimizer, and the numbers of every call."""

    def __init__(self, program: Program, seed: int, k: int) -> None:
        rng = np.random.default_rng([seed, k, 1])
        self.program, self.name = program, f"program {k} of seed {seed}"
        self.dtype = np.dtype(rng.choice(["f8", "f8", "f4"]))
        self.make = OPTIMIZERS[rng.integers(len(OPTIMIZERS))]
        self.zero = bool(rng.random() < 0.75)  # zero_grad() in every step
        self.warm = bool(rng.random() < 0.5)  # the first calls have the same numbers
        self.how = int(rng.integers(3))  # other numbers: shuffled, moved, or made anew
        self.entropy = int(rng.integers(2**62))

    def with_program(self, program: Program) -> "Case":
        other = object.__new__(Case)
        other.__dict__.update(self.__dict__, program=program)
        return other

    def tracked(self) -> list[int]:
        return [i for i in self.program.leaves if self._leaf(i).requires_grad]

    def plain(self) -> list[int]:
        return [i for i in self.program.leaves if not self._leaf(i).requires_grad]

    def _leaf(self, i: int) -> Leaf:
        leaf = self.program.steps[i]
        assert isinstance(leaf, Leaf)
        return leaf

    def array(self, i: int) -> Any:
        """Leaf i as its layout says, in this precision."""
        array = laid_out(self._leaf(i))
        return (
            array
            if array.dtype == self.dtype
            else array.astype(array.dtype.newbyteorder("=").kind + str(self.dtype.itemsize))
        )

    def numbers(self, call: int) -> dict[int, Any]:
        """All leaves for one call."""
        given = {i: self.array(i) for i in self.program.leaves}
        if call == 0 or (self.warm and call < 3):
            return given
        rng = np.random.default_rng([self.entropy, call])
        for i, array in given.items():
            if self.how == 0:
                new = rng.permutation(array.flatten()).reshape(array.shape)
            elif self.how == 1:
                new = array + rng.integers(-4, 5, array.shape) / 16
            else:
                new = rng.standard_normal(array.shape)
            if array.size and self._is_eye(array):
                continue  # the 1 that keeps a matrix regular
            moved = np.empty_like(array)  # in the same layout
            moved[...] = new
            given[i] = moved
        return given

    @staticmethod
    def _is_eye(array: Any) -> bool:
        return array.ndim >= 2 and array.shape[-1] == array.shape[-2] and bool((array == np.eye(array.shape[-1])).all())


def forward(program: Program, leaves: dict[int, Tensor]) -> list[Tensor]:
    """Every value of the program."""
    values: list[Tensor] = []
    for i, step in enumerate(program.steps):
        if isinstance(step, Leaf):
            values.append(leaves[i])
            continue
        spec = OPS[step.name]
        named = bound(spec, [values[j] for j in step.operands]) | step.params
        values.append(
            compiled(spec.spellings[step.spelling], tuple(named), lambda: {"te": te, "np": np})(*named.values())
        )
    return values


def outcome(case: Case, executor: str | None) -> list[Any]:
    """What all calls gave and left behind; an error is the last entry."""
    program, tracked, plain = case.program, case.tracked(), case.plain()
    parameters = [Tensor(case.array(i), requires_grad=True) for i in tracked]
    optimizer = case.make(parameters) if case.make and parameters else None

    def step(*arguments: Tensor) -> list[Tensor]:
        leaves = dict(zip(tracked, parameters, strict=True)) | dict(zip(plain, arguments, strict=True))
        values = forward(program, leaves)
        if case.zero:
            for p in parameters:
                p.grad = None
        for n, r in enumerate(program.roots):
            if values[r].requires_grad:
                values[r].backward(uneven(values[r].shape, start=n).astype(values[r].dtype))
        if optimizer is not None:
            optimizer.step()
        return [*(values[r] for r in program.roots), *(v.detach() for v in values)]

    run: Any = jit(step, executor=executor) if executor else step
    found: list[Any] = []
    for call in range(CALLS):
        numbers = case.numbers(call)
        for p, i in zip(parameters, tracked, strict=True):
            p.assign(numbers[i])
        try:
            arguments = [numbers[i] if executor else Tensor(numbers[i]) for i in plain]
            values = run(*arguments)
        except JitError:
            raise
        except Exception as error:
            return [*found, type(error).__name__]
        found.append([v._data for v in values])
        found.append([p._data for p in parameters])
        found.append([None if p.grad is None else p.grad._data for p in parameters])
        if optimizer is not None:
            found.append([np.asarray(s[name]) for _, s in sorted(optimizer.state.items()) for name in s])
    return found


def differs(a: Any, b: Any, tolerance: float) -> str | None:
    """How b is not a; None if it is."""
    if isinstance(a, list):
        if not isinstance(b, list) or len(a) != len(b):
            return f"{a!r:.60} and {b!r:.60}"
        return next(
            (f"[{i}]{d}" for i, (x, y) in enumerate(zip(a, b, strict=True)) if (d := differs(x, y, tolerance))), None
        )
    if isinstance(a, str) or a is None:
        return None if a == b else f": {a!r:.60} and {b!r:.60}"
    x, y = np.asarray(a), np.asarray(b)
    if type(a) is not type(b) or x.shape != y.shape or x.dtype != y.dtype:
        return f": {type(a).__name__} {x.shape} {x.dtype}, and {type(b).__name__} {y.shape} {y.dtype}"
    if not tolerance or x.dtype.kind != "f":
        same = np.array_equal(x, y, equal_nan=x.dtype.kind == "f")
    else:
        scale = float(np.max(np.abs(x), where=np.isfinite(x), initial=0))
        same = np.allclose(x, y, tolerance, tolerance * max(scale, 1), equal_nan=True)
    return None if same else f": {x!r:.200} and {y!r:.200}"


@np.errstate(all="ignore")
def mismatch(case: Case, executor: str) -> tuple[str, str] | None:
    """(kind, message) of what jit does otherwise; None if nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(case, None)
        try:
            found = outcome(case, executor)
        except JitError as error:
            kind = "refused" if " reads a value while jit records" in str(error) else "JitError"
            return kind, f"{error}"
    tolerance = 0.0 if executor == "numpy" else 1e-9 if case.dtype == np.float64 else 1e-3
    if message := differs(expected, found, tolerance):
        return "value", message
    return None


def report(case: Case, kind: str, executor: str) -> None:
    def fails(program: Program) -> bool:
        try:
            broken = mismatch(case.with_program(program), executor)
        except Exception:  # a program that cannot run
            return False
        return broken is not None and broken[0] == kind

    def values_of(program: Program) -> list[Any]:
        leaves = {i: Tensor(step.data) for i, step in enumerate(program.steps) if isinstance(step, Leaf)}
        return [np.asarray(v._data) for v in forward(program, leaves)]

    with quiet():
        small = shrink(case.program, fails, values_of)
        print(script(small))
    print(f"# {case.dtype}, zero_grad {case.zero}, warm {case.warm}, numbers {case.how}:")
    print("#", mismatch(case.with_program(small), executor), flush=True)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_jit", description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=1000, help="programs in all shards together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shard", default="0/1", help="i/k: only programs i, i + k, i + 2k …")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after this long")
    parser.add_argument("--executor", default="numpy", choices=("numpy", "c"))
    parser.add_argument("--only", type=int, help="only the program with this number")
    given = parser.parse_args(words)
    shard, shards = map(int, given.shard.split("/"))

    kinds: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    count, start = 0, time.perf_counter()
    for k in range(shard, given.n, shards) if given.only is None else [given.only]:
        if time.perf_counter() - start > given.seconds:
            break
        count += 1
        rolled = Rolled(np.random.default_rng([given.seed, k]))
        case = Case(generate(rolled, kinks=k % 3 == 2, empty=k % 20 == 19), given.seed, k)
        broken = mismatch(case, given.executor)
        if broken is None:
            continue
        kind, message = broken
        if kind == "refused":
            refused[message.split(" reads a value")[0]] += 1
            continue
        kinds[kind] += 1
        print(f"\n# {case.name}: {kind}: {message}", flush=True)
        if kinds[kind] <= 3:  # of the same kind, three are shrunk
            report(case, kind, given.executor)
    seconds = time.perf_counter() - start
    which = ", ".join(f"{n} × {kind}" for kind, n in kinds.items())
    said = ", ".join(f"{n} × {how}" for how, n in refused.items()) or "none"
    total = f"{count} programs, {sum(kinds.values())} mismatches{f' ({which})' if kinds else ''}"
    print(
        f"{total}; executor {given.executor}, seed {given.seed}, shard {given.shard}, {count / seconds:.0f} a second; "
        f"refused, and said so: {said}"
    )
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
