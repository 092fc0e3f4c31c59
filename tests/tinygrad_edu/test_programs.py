"""Random programs: the engine beside plain NumPy's complex step, beside PyTorch if installed, and beside laws.

`python -m tests.fuzz_graphs` runs the same programs by the hundred thousand.
"""

import ast
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from interpreters import (
    backward,
    by_torch,
    check,
    check_kinks,
    directions,
    eager,
    failure,
    parity,
    quiet,
    reference,
    seeds,
    where_pytorch_differs,
)
from program_choices import Drawn, Rolled, uneven
from program_ops import AT_INFINITE_GRADIENTS, METHODS_NOT_IN_PROGRAMS, NOT_IN_PROGRAMS, OPS, TORCH_DIFFERS
from programs import (
    LAYOUTS,
    SPECIAL,
    Leaf,
    Program,
    Step,
    generate,
    laid_out,
    programs,
    pruned,
    script,
    shrink,
    wild,
)

import tinygrad_edu as te
from tinygrad_edu import TABLE, Op, Tensor
from tinygrad_edu.operators import Operators

some = settings(max_examples=max(20, settings.default.max_examples // 2))
nan, inf = np.nan, np.inf


def rolled(k: int, **options: Any) -> Program:
    return generate(Rolled(np.random.default_rng([2026, k])), **options)


# ---- programs against second voices and laws --------------------------------------------------------------


@given(programs())
@settings(max_examples=settings.default.max_examples)
def test_programs_agree_with_the_complex_step_and_obey_the_laws(program: Program) -> None:
    with quiet():
        check(program)


@some
@given(programs(max_steps=5, empty=True))
def test_programs_with_empty_arrays(program: Program) -> None:
    with quiet():
        check(program)


@some
@given(programs(max_steps=5))
def test_second_derivatives_of_programs(program: Program) -> None:
    with quiet():
        check(program, second=True)


@some
@given(programs(kinks=True, max_steps=8))
def test_at_kinks_the_laws_hold_and_the_two_readings_agree(program: Program) -> None:
    with quiet():
        check_kinks(program)


@pytest.mark.parametrize("k", range(60))
def test_programs_that_numpy_draws(k: int) -> None:
    """As the fuzz command draws them."""
    with quiet():
        check(rolled(k, empty=k % 20 == 19), second=k % 4 == 0)


@some
@given(st.integers(0, 2**32))
def test_numpys_errors_are_ours(k: int) -> None:
    """The same expression on Tensors and on arrays: the same values, or an error from both."""
    call = wild(Rolled(np.random.default_rng(k)))
    assert parity(*call) is None or any(known(*call) for known in ERRORS_DIFFER.values())


ERRORS_DIFFER: dict[str, Callable[..., bool]] = {  # where NumPy and we differ on what is an error, on purpose
    "NumPy takes axis 0 and -1 of a single number": lambda spelling, arrays, params: (
        "axis" in params and any(a.ndim == 0 for a in arrays)
    ),
    "NumPy reads any negative size as -1": lambda spelling, arrays, params: min(params.get("shape") or (0,)) < -1,
    "x.reshape() makes a single number": lambda spelling, arrays, params: params.get("shape") == (),
    "round() is for single numbers": lambda spelling, arrays, params: spelling.startswith("round("),
    "vectors in the plane have a cross": lambda spelling, arrays, params: spelling.startswith("np.cross"),
    "np.full_like drops the axes of a single entry": lambda spelling, arrays, params: (
        spelling.startswith("np.full_like") and arrays[1].ndim > arrays[0].ndim
    ),
    "a mean of nothing is NaN, its median and its largest entry do not exist": lambda spelling, arrays, params: (
        any(word in spelling for word in ("average", "median", "quantile", "percentile", "norm"))
        and any(a.size == 0 for a in arrays)
    ),
    "there is nothing to take, in as many rows": lambda spelling, arrays, params: (
        "take(" in spelling and arrays[0].size == 0
    ),
    "one axis in a tuple is an axis": lambda spelling, arrays, params: isinstance(params.get("axis"), tuple),
}


@some
@given(programs(), st.randoms(use_true_random=False))
def test_instructions_that_do_not_depend_on_each_other_may_change_places(program: Program, random: Any) -> None:
    waiting, order = set(range(len(program.steps))), []
    while waiting:
        ready = [i for i in sorted(waiting) if not waiting & set(getattr(program.steps[i], "operands", ()))]
        order.append(random.choice(ready))
        waiting.remove(order[-1])
    place = {old: new for new, old in enumerate(order)}
    moved = Program(
        tuple(
            s if isinstance(s, Leaf) else Step(s.name, tuple(place[j] for j in s.operands), s.params, s.spelling)
            for s in (program.steps[i] for i in order)
        ),
        tuple(place[r] for r in program.roots),
    )
    with quiet():
        values, others = eager(program), eager(moved)
        given_, g = backward(program, values, seeds(program, values)), backward(moved, others, seeds(moved, others))
    assert set(g) == {place[i] for i in given_}
    for i, expected in given_.items():
        scale = np.max(np.abs(expected), initial=1.0)
        np.testing.assert_allclose(g[place[i]], expected, rtol=1e-12, atol=1e-10 * scale)


@some
@given(programs(max_steps=6))
def test_D1_float32_programs_stay_float32(program: Program) -> None:
    if any(isinstance(s, Step) and (s.name in ("astype", "interp") or "a" in s.params) for s in program.steps):
        return  # an array of float64 beside it widens, by NumPy's rules; so do the points of interp, a list
    arrays = {i: laid_out(s).astype(np.float32) for i, s in enumerate(program.steps) if isinstance(s, Leaf)}
    with quiet():
        values = eager(program, arrays)
        grads = backward(program, values, seeds(program, values))
    assert {t.dtype for t in values} == {np.dtype(np.float32)}
    assert {g.dtype for g in grads.values()} <= {np.dtype(np.float32)}


# ---- PyTorch, the optional voice --------------------------------------------------------------------------


@some
@given(programs())
def test_programs_agree_with_pytorch(program: Program) -> None:
    pytest.importorskip("torch")
    with quiet():
        check(program, torch=True)


@some
@given(programs(kinks=True, max_steps=8))
def test_at_kinks_programs_agree_with_pytorch(program: Program) -> None:
    pytest.importorskip("torch")
    with quiet():
        check_kinks(program, torch=True)


@pytest.mark.parametrize("name", TORCH_DIFFERS)
def test_where_pytorch_differs_it_still_does(name: str) -> None:
    """The table of divergences is not stale: ours is the policy, theirs is still another."""
    pytest.importorskip("torch")
    differs = TORCH_DIFFERS[name]
    operands, params = differs.at
    assert np.any(differs.where(*map(np.array, operands), **params))
    places = tuple(range(len(operands)))
    program = Program((*(Leaf(np.array(x)) for x in operands), Step(name, places, params)), (len(operands),))
    with quiet():
        values = eager(program)
        grads = backward(program, values, seeds(program, values))
        their_values, their_grads = by_torch(program)
    ours = [values[-1].data, *(grads[i] for i in program.leaves)]
    theirs = [their_values[-1], *(their_grads[i] for i in program.leaves)]
    for found, expected in zip([*ours, *theirs], [*differs.ours, *differs.theirs], strict=True):
        np.testing.assert_array_equal(found, expected)
    assert not all(np.array_equal(a, b, equal_nan=True) for a, b in zip(differs.ours, differs.theirs, strict=True))


@pytest.mark.parametrize("name", AT_INFINITE_GRADIENTS)
def test_where_pytorch_differs_at_infinite_gradients_it_still_does(name: str) -> None:
    pytest.importorskip("torch")
    operand, params, expected, their_expected = AT_INFINITE_GRADIENTS[name]
    steps = Leaf(np.array(operand)), Leaf(np.array(inf), False), Step(name, (0,), params), Step("multiply", (1, 2))
    program = Program(steps, (3,))
    with quiet():
        values = eager(program)
        ours, theirs = backward(program, values, seeds(program, values)), by_torch(program)
        assert where_pytorch_differs(program, values)
    np.testing.assert_array_equal(ours[0], expected)
    np.testing.assert_array_equal(theirs[1][0], their_expected)
    assert not np.array_equal(expected, their_expected, equal_nan=True)


# ---- the registry -----------------------------------------------------------------------------------------


def written() -> tuple[set[str], set[str]]:
    """The names after `te.` and after an operand, in all spellings; operators by their method."""
    operators = {
        ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.Pow: "pow", ast.MatMult: "matmul",
        ast.Mod: "mod", ast.FloorDiv: "floordiv", ast.USub: "neg", ast.UAdd: "pos", ast.Invert: "invert",
        ast.BitAnd: "and", ast.BitOr: "or", ast.Gt: "gt", ast.GtE: "ge", ast.Lt: "lt", ast.LtE: "le",
        ast.Eq: "eq", ast.NotEq: "ne",
    }  # fmt: skip
    functions, methods = set(), set()
    for spec in OPS.values():
        for spelling in spec.spellings:
            for node in ast.walk(ast.parse(spelling)):
                if isinstance(node, ast.Attribute):
                    of = node.value.id if isinstance(node.value, ast.Name) else ast.unparse(node.value)
                    if of == "te":
                        functions.add(node.attr)
                    elif of not in ("np", "np.linalg"):
                        methods.add(node.attr)
                elif isinstance(node, (ast.BinOp, ast.UnaryOp)):
                    methods.add(f"__{operators[type(node.op)]}__")
                elif isinstance(node, ast.Compare):
                    methods.add(f"__{operators[type(node.ops[0])]}__")
                elif isinstance(node, ast.Subscript):
                    methods.add("__getitem__")
                elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    methods.add(f"__{node.func.id}__")
    return functions, methods


def test_every_public_differentiable_function_is_in_programs() -> None:
    public = {
        name
        for name in te.__all__
        if name not in ("draw", "TABLE")  # draw is loaded late
        and callable(getattr(te, name))
        and not isinstance(getattr(te, name), type)
        and (not isinstance(getattr(te, name), Op) or getattr(te, name).differentiable)
    }
    functions, _ = written()
    missing = public - functions - set(NOT_IN_PROGRAMS)
    assert not missing, f"give {sorted(missing)} a line in OPS (program_ops.py), or a reason in NOT_IN_PROGRAMS"
    assert functions <= set(te.__all__)
    stale = set(NOT_IN_PROGRAMS) - set(te.__all__) | set(NOT_IN_PROGRAMS) & functions
    assert not stale, f"{sorted(stale)} in NOT_IN_PROGRAMS: does not exist, or is in a program"


def test_every_method_of_a_tensor_is_in_programs() -> None:
    public = {name for name in (*vars(Tensor), *vars(Operators)) if not name.startswith("_")}
    _, methods = written()
    missing = public - methods - set(METHODS_NOT_IN_PROGRAMS)
    assert not missing, f"spell {sorted(missing)} in OPS (program_ops.py), or give a reason in METHODS_NOT_IN_PROGRAMS"
    stale = set(METHODS_NOT_IN_PROGRAMS) - public
    assert not stale, f"{sorted(stale)} in METHODS_NOT_IN_PROGRAMS does not exist"


def test_every_operator_is_in_programs() -> None:
    _, methods = written()
    arithmetic = {"add", "sub", "mul", "truediv", "pow", "matmul", "mod", "floordiv"}
    arithmetic |= {"neg", "pos", "abs", "round", "getitem"}
    choosing = {"gt", "lt", "le", "ge", "eq", "ne", "and", "or", "invert"}
    assert {f"__{name}__" for name in arithmetic | choosing} <= methods


UNREACHED = {  # rows that no program's graph holds, and why
    "cofactor": "the rule of det makes it",
    "conv_dw": "a rule of conv makes it",
    "conv_dx": "a rule of conv makes it",
    "fold": "the rule of windows makes it",
    "identity": "grad() alone makes it",
    "recurrence": "the rule of cumprod makes it",
    "share_back": "the rule of share_out makes it",
    "share_out": "the rule of max_pool makes it",
}


def rows_of(values: list[Tensor]) -> set[str]:
    """The rows in the graph of these values."""
    found, waiting, seen = set(), list(values), set()
    while waiting:
        t = waiting.pop()
        if isinstance(t, Tensor) and t.op is not None and id(t) not in seen:
            seen.add(id(t))
            found.add(t.op.name)
            waiting.extend(t.inputs)
    return found


def test_programs_reach_every_row_every_layout_and_every_spelling() -> None:
    rows, layouts, spellings, again = set(), set(), set(), set()
    for k in range(2500):
        program = rolled(k)
        for step in program.steps:
            if isinstance(step, Leaf):
                layouts.add(step.layout)
            else:
                spellings.add((step.name, step.spelling))
                if len(set(step.operands)) < len(step.operands):
                    again.add(step.name)
        if k < 600:
            with quiet():
                values = eager(program)
            rows |= rows_of(values)
    differentiable = {name for name, op in TABLE.items() if op.differentiable}
    assert differentiable - rows == set(UNREACHED), "no program reaches these rows, or one does"
    assert layouts == set(LAYOUTS)
    assert spellings == {(name, i) for name, spec in OPS.items() for i in range(len(spec.spellings))}
    assert again >= {name for name, spec in OPS.items() if spec.arity == 2 and not spec.fresh and not spec.kink}, (
        "no operand twice"
    )


@pytest.mark.parametrize("name", OPS)
def test_each_operation_alone(name: str) -> None:
    """The generator does draw it, and it is right, also where it stands alone."""
    found = 0
    for k in range(400):
        program = generate(Rolled(np.random.default_rng([7, k])), max_steps=2, names=[name])
        if any(isinstance(s, Step) and s.name == name for s in program.steps):
            found += 1
            with quiet():
                check(program, second=found == 1)
        if found == 6:
            return
    pytest.fail(f"drawn {found} times only: does the reference of {name!r} raise?")


# ---- kinks: one operation beside the policy, written entry by entry -----------------------------------------


def each(slope: Callable[..., float]) -> Callable[..., list[Any]]:
    """The policy of an operation that works entry by entry."""
    return lambda g, *xs: [g * np.vectorize(slope, otypes=[float])(*xs)]


def shares(g: Any, x: Any, best: Callable[..., Any]) -> list[Any]:
    """The entries that tie share equally; a NaN is its own extremum."""
    hit = np.array([bool(np.isnan(v)) for v in x]) if any(np.isnan(x)) else x == best(x)
    return [np.where(hit, g / hit.sum(), 0)]


def halves(sign: int) -> Callable[..., list[Any]]:
    def policy(g: Any, x: Any, y: Any) -> list[Any]:
        first = np.select([sign * x > sign * y, sign * x < sign * y, x == y], [1, 0, 0.5], 1)
        return [g * first, g * np.select([x == y, np.isnan(x) | np.isnan(y)], [0.5, 1], 1 - first)]

    return policy


POLICY: dict[str, tuple[Callable[..., Any], Callable[..., list[Any]]]] = {
    "relu": (te.relu, each(lambda x: 0 if x <= 0 else 1)),
    "absolute": (te.absolute, each(lambda x: nan if x != x else (x > 0) - (x < 0))),
    "sign": (te.sign, each(lambda x: 0)),
    "sqrt": (te.sqrt, each(lambda x: nan if not x >= 0 else np.copysign(inf, x) if x == 0 else 0.5 / x**0.5)),
    "log": (te.log, each(lambda x: np.copysign(inf, x) if x == 0 else 1 / x)),
    "clip": (lambda x: te.clip(x, 0.0, 1.0), each(lambda x: 0 if x <= 0 or x >= 1 else 1)),
    "power 0": (lambda x: x**0, each(lambda x: 0)),
    "max": (te.max, lambda g, x: shares(g, x, max)),
    "min": (te.min, lambda g, x: shares(g, x, min)),
    "maximum": (te.maximum, halves(1)),
    "minimum": (te.minimum, halves(-1)),
    "clip between": (lambda x, y: te.clip(x, y), halves(1)),
}
LINEAR = ("relu", "absolute", "clip", "max", "min", "maximum", "minimum")  # in pieces
specials = st.lists(st.sampled_from(SPECIAL), min_size=1, max_size=5)


@pytest.mark.parametrize("name", POLICY)
@settings(max_examples=max(20, settings.default.max_examples // 6))
@given(specials, st.data())
@example([0.0, -0.0, 1.0, 1.0, nan], None)
def test_at_kinks_the_slope_is_the_policy(name: str, values: list[float], data: st.DataObject | None) -> None:
    f, policy = POLICY[name]
    count = 2 if policy.__name__ == "policy" else 1
    same = st.lists(st.sampled_from(SPECIAL), min_size=len(values), max_size=len(values))
    arrays = [np.array(values), *(np.array(data.draw(same) if data else values) for _ in range(count - 1))]
    tensors = [Tensor(a, requires_grad=True) for a in arrays]
    with quiet():
        z = f(*tensors)
        g = uneven(z.shape)
        z.backward(g)
        expected = policy(g, *arrays)
    for t, e in zip(tensors, expected, strict=True):
        np.testing.assert_allclose(t.grad.data, e, rtol=1e-15, atol=0)


@pytest.mark.parametrize("name", LINEAR)
@settings(max_examples=max(20, settings.default.max_examples // 6))
@given(st.lists(st.integers(-2, 2), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_at_kinks_slopes_lie_between_one_sided_ones_and_follow_their_entries(
    name: str, values: list[int], random: Any
) -> None:
    f, policy = POLICY[name]
    other = [random.randint(-2, 2) for _ in values]
    arrays = [np.array(v, dtype=float) for v in (values, other)][: 2 if policy.__name__ == "policy" else 1]

    def run(*xs: Any) -> tuple[Any, list[Any]]:
        ts = [Tensor(x, requires_grad=True) for x in xs]
        z = f(*ts)
        z.backward(np.ones(z.shape) if z.ndim else 1.0)  # shares of 1: they are to sum to 1
        return z.data.sum(), [t.grad.data for t in ts]

    middle, grads = run(*arrays)
    for k, a in enumerate(arrays):
        for i in range(a.size):
            sides = []
            for h in (1 / 1024, -1 / 1024):
                moved = [x.copy() for x in arrays]
                moved[k][i] += h
                sides.append((run(*moved)[0] - middle) / h)
            assert min(sides) <= grads[k][i] <= max(sides)
    if name in ("max", "min"):
        assert grads[0].sum() == pytest.approx(1, rel=1e-15)
    if name in ("maximum", "minimum"):
        np.testing.assert_array_equal(grads[0] + grads[1], 1)
    order = list(range(len(values)))
    random.shuffle(order)
    _, permuted = run(*(a[order] for a in arrays))
    for g, h in zip(grads, permuted, strict=True):
        np.testing.assert_array_equal(g[order], h)


# ---- tests of the tests -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["multiply", "tanh", "sum", "matmul", "softmax", "transpose"])
def test_T1_a_wrong_rule_is_found_and_shrunk(name: str) -> None:
    """Off by 1e-8 in one rule: some program shows it, and the smallest script holds that operation alone."""
    op, rules = TABLE[name], TABLE[name].vjps
    wrong = tuple(lambda *args, rule=rule, **params: rule(*args, **params) * (1 + 1e-8) for rule in rules)
    object.__setattr__(op, "vjps", wrong)
    try:
        drawn = (rolled(k, names=[name, "multiply", "tanh", "sum", "stack"]) for k in range(500))  # of all: too rare
        program = next(q for q in drawn if failure(q))
        small = shrink(program, lambda q: failure(q) is not None, lambda q: [np.asarray(v) for v in reference(q)])
        assert failure(small)
        steps = [s for s in small.steps if isinstance(s, Step)]
        assert len(steps) <= 2, script(small)
    finally:
        object.__setattr__(op, "vjps", rules)
    assert failure(small) is None


@pytest.mark.parametrize("k", range(0, 40, 4))
def test_a_printed_program_is_the_program(k: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Run as a script, it has the same values and gradients."""
    program = pruned(rolled(k, empty=k == 36))
    with quiet():
        values = eager(program)
        grads = backward(program, values, seeds(program, values))
        names: dict[str, Any] = {}
        exec(script(program), names)
    for i, t in enumerate(values):
        np.testing.assert_array_equal(names[f"v{i}"].data, t.data, strict=True)
    for i, g in grads.items():
        np.testing.assert_array_equal(names[f"v{i}"].grad.data, g, strict=True)
    assert capsys.readouterr().out.count("grad") >= len(grads)


def test_both_sources_of_choices_draw_from_one_generator() -> None:
    @settings(max_examples=20)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        assert generate(Drawn(data.draw)).used()

    run()
    assert script(rolled(3)) == script(rolled(3))
    assert len({script(rolled(k)) for k in range(50)}) == 50


def test_directions_cover_every_entry_of_a_small_program() -> None:
    program = Program((Leaf(np.ones((2, 3))), Step("tanh", (0,))), (1,))
    assert sum(d[0] for d in directions(program)).tolist() == np.ones((2, 3)).tolist()
    large = Program((Leaf(np.ones((9, 9))), Step("tanh", (0,))), (1,))
    assert len(directions(large)) == 2


def test_reference_forwards_accept_complex_numbers() -> None:
    for k, name in itertools.product(range(40), OPS):
        program = generate(Rolled(np.random.default_rng([9, k])), max_steps=1, names=[name])
        leaves = {i: program.steps[i].data + 0j for i in program.leaves}
        with quiet():
            real, complex_ = reference(program), reference(program, leaves)
        for a, b in zip(real, complex_, strict=True):
            if a is not None:
                np.testing.assert_allclose(np.real(b), a, rtol=1e-12, atol=1e-13)
