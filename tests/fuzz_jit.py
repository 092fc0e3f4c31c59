"""Random programs under jit, against the same programs without.

    python -m tests.fuzz_jit -n 20000 --seed 1                      # NumPy executor: equal to the last bit
    python -m tests.fuzz_jit -n 20000 --seed 1 --executor c         # C executor: equal to rounding, see jit_rounding
    python -m tests.fuzz_jit -n 20000 --seed 1 --shard 0/2 --seconds 600

Leaves that want a gradient are parameters, the others arguments.  A program runs forward, backward, and takes a step of
an optimizer; it is called six times, or three times and then scanned.  Half of the programs get the same numbers in the
first calls, as a warm-up does: what is frozen then shows only afterwards.  Half of them return every value, the others
the last ones only, so that more is fused.  One in seven is wide (--wide 1: all of
them): its arrays have as many entries as vector loops need, and some of its arguments are integers or conditions.
Values, gradients, parameters and the optimizer's state are compared, and the errors too.  Program k of a seed is the
same whatever the rest.  Each mismatch is printed as the smallest script found that shows it.  The last line is
"N programs, M mismatches …"; the exit code is 1 if there are any.

For C, 50 programs are compiled as one text, which saves time, after they have run by NumPy.  Wide ones, and every
fourth batch of the others, are compiled as jit does it, with -O3, the others with -O1 (--effort for another one).
"""

import argparse
import os
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import zip_longest
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "tinygrad_edu"))

import numpy as np
from interpreters import quiet
from jit_batches import Batch
from jit_rounding import beyond_rounding, flat, looks_equal, noise, raised, same_form
from program_choices import Rolled, uneven
from program_ops import OPS, bound, compiled
from programs import Leaf, Program, generate, laid_out, script, shrink

import tinygrad_edu as te
from nn import optim
from tinygrad_edu import JitError, Tensor, jit

CALLS = 6
SCANNED = 6  # steps of a scan
TOGETHER = 50  # programs that are compiled as one text
OPTIMIZERS: list[Any] = [
    None,
    lambda params: optim.SGD(params, lr=0.125),
    lambda params: optim.SGD(params, lr=0.05, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda params: optim.Adam(params, lr=0.01),
    lambda params: optim.RMSprop(params, lr=0.01, momentum=0.5, centered=True),
]


class Case:
    """A program, and how it is called: precision, optimizer, and the numbers of every call."""

    def __init__(self, program: Program, seed: int, k: int, wide: bool = False) -> None:
        rng = np.random.default_rng([seed, k, 1])
        self.program, self.name = program, f"program {k} of seed {seed}"
        self.dtype = np.dtype(rng.choice(["f8", "f8", "f4"]))
        self.make = OPTIMIZERS[rng.integers(len(OPTIMIZERS))]
        self.zero = bool(rng.random() < 0.75)  # zero_grad() in every step
        self.warm = bool(rng.random() < 0.5)  # the first calls have the same numbers
        self.how = int(rng.integers(3))  # other numbers: shuffled, moved, or made anew
        self.entropy = int(rng.integers(2**62))
        self.bare = bool(rng.random() < 0.5)  # only the last values are returned
        self.scanned = bool(rng.random() < 0.25) and bool(self.plain())  # the calls after the third are a scan
        self.wide = wide
        self.of_arguments = np.dtype(rng.choice(["i8", "i4", "?"])) if wide and rng.random() < 0.25 else self.dtype

    def with_program(self, program: Program) -> "Case":
        other = object.__new__(Case)
        other.__dict__.update(self.__dict__, program=program)
        other.scanned = self.scanned and bool(other.plain())
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
        dtype = self.dtype if self._leaf(i).requires_grad else self.of_arguments
        return array if array.dtype == dtype else array.astype(dtype)

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


Given = Callable[[dict[int, Any]], dict[int, Any]]


def outcome(case: Case, executor: str | None, given: Given = lambda arrays: arrays, check: bool = True) -> list[Any]:
    """What all calls gave and left behind; an error is the last entry.  given: what is to be done with the numbers."""
    program, tracked, plain = case.program, case.tracked(), case.plain()
    first = given({i: case.array(i) for i in tracked})
    parameters = [Tensor(first[i], requires_grad=True) for i in tracked]
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
        return [*(values[r] for r in program.roots), *([] if case.bare else (v.detach() for v in values))]

    run: Any = jit(step, executor=executor, check=check) if executor else step
    found: list[Any] = []
    for call in range(3 if case.scanned else CALLS):
        numbers = given(case.numbers(call))
        for p, i in zip(parameters, tracked, strict=True):
            p.assign(numbers[i])
        try:
            arguments = [numbers[i] if executor else Tensor(numbers[i]) for i in plain]
            values = run(*arguments)
        except JitError:
            raise
        except Exception as error:
            return [*found, type(error).__name__]
        found += [[v._data for v in values], *_left(parameters, optimizer)]
    if case.scanned:
        rows = [given(case.numbers(call)) for call in range(3, 3 + SCANNED)]
        stacks = [np.stack([row[i].astype(row[i].dtype.newbyteorder("=")) for row in rows]) for i in plain]
        try:
            if executor:
                values = run.scan(*stacks)
            else:
                steps = [[v.data for v in run(*(Tensor(stack[k]) for stack in stacks))] for k in range(SCANNED)]
                values = [Tensor(np.stack(column)) for column in zip(*steps, strict=True)]
        except JitError:
            raise
        except Exception as error:
            return [*found, type(error).__name__]
        found += [[v._data for v in values], *_left(parameters, optimizer)]
    return found


def _left(parameters: list[Tensor], optimizer: Any) -> list[Any]:
    """Parameters, gradients, and the optimizer's state."""
    state = [] if optimizer is None else [s[name] for _, s in sorted(optimizer.state.items()) for name in s]
    gradients = [None if p.grad is None else p.grad._data for p in parameters]
    return [[p._data for p in parameters], gradients, [np.asarray(s) for s in state]]


def exactly(expected: Any, found: Any) -> str | None:
    """Where it is another number, be it by the last bit; None: nowhere."""
    for x, y in zip(flat(expected), flat(found), strict=True):
        a, b = np.asarray(x[1]), np.asarray(y[1])
        if a.dtype.kind in "fiub" and not np.array_equal(a, b, equal_nan=a.dtype.kind == "f"):
            return f"{x[0]}: {a!r:.200} and {b!r:.200}"
    return None


def roundings(case: Case, expected: Any) -> list[tuple[Any, Any, float]]:
    """What rounding errors do to this program: pairs of runs of the plain engine, and a factor; see jit_rounding."""
    moved = []
    for k in range(4):
        with noise(np.random.default_rng([case.entropy, 1_000 + k])):
            moved.append(outcome(case, "numpy", check=False))
    single, double = np.dtype("f4"), np.dtype("f8")
    other = outcome(case, None, lambda arrays: raised(arrays, double if case.dtype == single else single))
    if case.dtype == single:
        return [(run, other, 1.0) for run in (expected, *moved)]
    finer = float(np.finfo(double).eps / np.finfo(single).eps)
    return [(expected, other, finer), *((run, expected, 1.0) for run in moved)]


@np.errstate(all="ignore")
def mismatch(
    case: Case, executor: str, tally: Counter[str] | None = None, exact: bool = False
) -> tuple[str, str] | None:
    """(kind, message) of what jit does otherwise, if exact by the last bit; None if nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(case, None)
        try:
            found = outcome(case, executor)
        except JitError as error:
            if " reads a value while jit records" in str(error):
                return "refused", f"{error}"
            if executor == "numpy" or exact or " from the program, and " not in str(error):
                return "JitError", f"{error}"
            found = outcome(case, executor, check=False)  # does the check of the first run refuse rounding errors?
            if same_form(expected, found) or beyond_rounding(expected, found, roundings(case, expected)):
                return "JitError", f"{error}"
            return "refused", "the check of the first run reads a value"
        if message := same_form(expected, found):
            return "value", message
        if exact or executor == "numpy":
            message = exactly(expected, found)
            if message and case.wide:  # BLAS adds in another order if a matrix lies in memory in another way
                message = beyond_rounding(expected, found, roundings(case, expected))
        elif looks_equal(expected, found):
            return None
        else:
            message = beyond_rounding(expected, found, roundings(case, expected))
            if tally is not None and message is None:
                tally["by rounding"] += 1
    return ("value", message) if message else None


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
    parser.add_argument("--wide", type=int, default=7, metavar="N", help="one program in N is wide")
    parser.add_argument("--effort", help="of the C compiler: -O0 to -O3")
    parser.add_argument("--shrink", type=int, default=3, help="of the same kind, so many are shrunk")
    given = parser.parse_args(words)
    shard, shards = map(int, given.shard.split("/"))

    numbers = range(shard, given.n, shards) if given.only is None else [given.only]
    with tempfile.TemporaryDirectory(prefix="fuzz_jit_") as folder:  # thousands of programs are not to be kept
        os.environ["TINYGRAD_EDU_CACHE"] = folder
        return fuzz(given, numbers)


def is_wide(k: int, one_in: int) -> bool:
    return (k - 3) % one_in == 0


def batches(numbers: Any, together: int, one_in: int) -> Iterator[list[int]]:
    """Some numbers at a time; where many are compiled together, the wide ones are together."""
    group = together * one_in if together > 1 else 1
    for start in range(0, len(numbers), group):
        some = sorted(numbers[start : start + group], key=lambda k: is_wide(k, one_in))
        yield from (some[i : i + together] for i in range(0, len(some), together))


def cases(given: Any, numbers: Any) -> Iterator[tuple[Case, Any, Any]]:
    """The programs, and for each what NumPy did otherwise, while the C was collected, and the context to run it in: for
    C, with the library that its batch was compiled to."""
    together = TOGETHER if given.executor == "c" else 1
    for n, some in enumerate(batches(numbers, together, given.wide)):
        batch = Batch()
        found: list[Case] = []
        by_numpy: list[Any] = []
        for k in some:
            rolled, wide = Rolled(np.random.default_rng([given.seed, k])), is_wide(k, given.wide)
            program = generate(rolled, 6 if wide else 12, kinks=k % 3 == 2, empty=k % 20 == 19, wide=wide)
            found.append(Case(program, given.seed, k, wide))
            if given.executor == "c":
                with batch.collecting():
                    by_numpy.append(mismatch(found[-1], "c", exact=True))
        batch.compile(given.effort or ("-O3" if n % 4 == 3 or found[-1].wide else "-O1"))
        for case, broken in zip_longest(found, by_numpy):
            yield case, broken, batch.compiled() if given.executor == "c" else nullcontext()


def fuzz(given: Any, numbers: Any) -> int:
    """Runs them, and says what was found."""
    kinds: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    tally: Counter[str] = Counter()
    count, start = 0, time.perf_counter()
    for case, broken, context in cases(given, numbers):
        if time.perf_counter() - start > given.seconds:
            break
        count += 1
        with context:
            broken = broken or mismatch(case, given.executor, tally)
        if broken is None:
            continue
        kind, message = broken
        if kind == "refused":
            refused[message.split(" reads a value")[0]] += 1
            continue
        kinds[kind] += 1
        print(f"\n# {case.name}: {kind}: {message}", flush=True)
        if kinds[kind] <= given.shrink:
            report(case, kind, given.executor)
    seconds = time.perf_counter() - start
    which = ", ".join(f"{n} × {kind}" for kind, n in kinds.items())
    said = ", ".join(f"{n} × {how}" for how, n in refused.items()) or "none"
    total = f"{count} programs, {sum(kinds.values())} mismatches{f' ({which})' if kinds else ''}"
    print(
        f"{total}; executor {given.executor}, seed {given.seed}, shard {given.shard}, {count / seconds:.0f} a second; "
        f"{tally['by rounding']} differ by the rounding errors of the program; refused, and said so: {said}"
    )
    return 1 if kinds else 0


if __name__ == "__main__":
    sys.exit(main())
