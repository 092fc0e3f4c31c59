"""Linear algebra composed of rows: NumPy's values, exact derivatives, and errors that teach."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import laws
import numpy as np
import pytest
from cases_linalg import any_square, cofactors, expanded, inverse, positive_definite, regular, root, square, systems
from hypothesis import given
from hypothesis import strategies as st
from laws import assert_close, assert_same_bits, few, uneven
from op_cases import NONZERO_SIDES, SIDES, Call, Case, broadcastable, eighths, shapes

import tinygrad_edu.functions.linear_algebra as la
import tinygrad_edu.functions.products as pr
from tinygrad_edu import DtypeError, ShapeError, Tensor
from tinygrad_edu.functions.einsum import einsum


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


# ---- what to draw ----------------------------------------------------------------------------------------


@st.composite
def sums(draw: st.DrawFn) -> Call:
    """Subscripts in all of NumPy's forms: repeated letters, "...", sizes of 1 that stretch, one to three operands."""
    sizes = {letter: draw(NONZERO_SIDES) for letter in "abcB"}
    hidden = draw(shapes(max_dims=2, sides=NONZERO_SIDES))
    terms, arrays = [], []
    for _ in range(draw(st.integers(1, 3))):
        letters = draw(st.lists(st.sampled_from("abcB"), max_size=3))
        shape = [1 if letters.count(c) == 1 and draw(st.integers(0, 4)) == 0 else sizes[c] for c in letters]
        if draw(st.booleans()):
            at = draw(st.integers(0, len(letters)))
            (more,) = draw(broadcastable(1, st.just(hidden)))
            letters, shape = [*letters[:at], "...", *letters[at:]], [*shape[:at], *more, *shape[at:]]
        terms.append("".join(letters))
        arrays.append(draw(eighths(tuple(shape))))
    subscripts = ",".join(terms)
    if draw(st.booleans()):
        kept = draw(st.permutations(sorted({c for c in subscripts if c.isalpha()})))
        kept = kept[: draw(st.integers(0, len(kept)))]
        if "..." in subscripts:
            kept.insert(draw(st.integers(0, len(kept))), "...")
        subscripts += "->" + "".join(kept)
    return Call(tuple(arrays), {"subscripts": subscripts})


@st.composite
def paired(draw: st.DrawFn) -> Call:
    """Arrays for tensordot, with the summed axes anywhere and counted from either end."""
    common = draw(shapes(max_dims=2))
    only = [draw(shapes(max_dims=2)) for _ in "ab"]
    places: list[list[int]] = []
    arrays = []
    for more in only:
        n = len(common) + len(more)
        order = draw(st.permutations(range(n)))
        shape = [0] * n
        for k, size in zip(order, (*common, *more), strict=True):
            shape[k] = size
        arrays.append(draw(eighths(tuple(shape))))
        places.append([k - n * draw(st.integers(0, 1)) for k in order[: len(common)]])
    return Call(tuple(arrays), {"axes": places})


@st.composite
def pairs(draw: st.DrawFn, min_dims: int = 0) -> Call:
    """Two arrays of any shapes."""
    a, b = (draw(shapes(min_dims=min_dims, max_dims=2)) for _ in "ab")
    return Call((draw(eighths(a)), draw(eighths(b))))


@st.composite
def same_last(draw: st.DrawFn, second: bool = False) -> Call:
    """Arrays whose last axes, or the last of a and the last but one of b, are equally long."""
    n = draw(SIDES)
    a, b = (draw(shapes(max_dims=2)) for _ in "ab")
    of_b = (*b[:-1], n, b[-1]) if second and b else (*b, n)
    return Call((draw(eighths((*a, n))), draw(eighths(of_b))))


@st.composite
def as_many(draw: st.DrawFn) -> Call:
    shape = draw(shapes())
    return Call((draw(eighths(shape)), draw(eighths(tuple(draw(st.permutations(shape)))))))


@st.composite
def stacked(draw: st.DrawFn, of_x: str, of_y: str) -> Call:
    """Stacks that broadcast, of vectors "n" or matrices "mn"."""
    a, b = draw(broadcastable(2, shapes(max_dims=2)))
    size = {c: draw(SIDES) for c in of_x + of_y}
    return Call((draw(eighths((*a, *map(size.get, of_x)))), draw(eighths((*b, *map(size.get, of_y))))))


@st.composite
def threes(draw: st.DrawFn) -> Call:
    """Vectors of three entries, along an axis of their own in each array."""
    a, b = draw(broadcastable(2, shapes(max_dims=2)))
    i, j = draw(st.integers(0, len(a))), draw(st.integers(0, len(b)))
    axes = {"axisa": i - (len(a) + 1) * draw(st.integers(0, 1)), "axisb": j}
    c = draw(st.integers(-1, max(len(a), len(b))))
    return Call(
        (draw(eighths((*a[:i], 3, *a[i:]))), draw(eighths((*b[:j], 3, *b[j:])))),
        axes | {"axisc": c},
    )


@st.composite
def chains(draw: st.DrawFn) -> Call:
    sizes = draw(st.lists(SIDES, min_size=3, max_size=6))
    xs = [draw(eighths(pair, limit=8)) for pair in pairwise(sizes)]
    if sizes[0] == 1 and draw(st.booleans()):
        xs[0] = xs[0][0]
    if sizes[-1] == 1 and draw(st.booleans()):
        xs[-1] = xs[-1][:, 0]
    return Call(tuple(xs))


@st.composite
def matrices(draw: st.DrawFn, min_dims: int = 2, max_dims: int = 4, key: str = "k") -> Call:
    shape = draw(shapes(min_dims=min_dims, max_dims=max_dims))
    return Call((draw(eighths(shape)),), {key: draw(st.integers(-4, 4))})


@st.composite
def diagonals(draw: st.DrawFn) -> Call:
    call = draw(matrices(key="offset"))
    n = call.arrays[0].ndim
    i, j = draw(st.permutations(range(n)))[:2]
    return Call(call.arrays, call.params | {"axis1": i - n * draw(st.integers(0, 1)), "axis2": j})


@st.composite
def powers(draw: st.DrawFn) -> Call:
    call = draw(square())
    return Call(call.arrays, {"n": draw(st.integers(-3, 5))})


# ---- the same functions, written a second time -----------------------------------------------------------


def repeated(x: Any, n: int) -> Any:
    z = np.eye(x.shape[-1]) + 0 * x
    for _ in range(abs(n)):
        z = np.einsum("...ij,...jk->...ik", z, x if n > 0 else inverse(x))
    return z


def right_angled(a: Any, b: Any, axisa: int, axisb: int, axisc: int) -> Any:
    a, b = np.moveaxis(a, axisa, 0), np.moveaxis(b, axisb, 0)
    a, b = (np.moveaxis(x, 0, -1) for x in (a, b))
    parts = [a[..., i] * b[..., j] - a[..., j] * b[..., i] for i, j in ((1, 2), (2, 0), (0, 1))]
    return np.moveaxis(np.array(parts), 0, axisc)


def all_pairs(a: Any, b: Any) -> Any:
    return np.array([x * y for x in np.ravel(a) for y in np.ravel(b)]).reshape(np.size(a), np.size(b))


def chained(*xs: Any) -> Any:
    z = xs[0]
    for x in xs[1:]:
        z = np.einsum("...j,j...->...", z, x) if x.ndim == 1 else np.einsum("...j,jk->...k", z, x)
    return z


def on_diagonal(v: Any, k: int) -> Any:
    n = v.size + abs(k)
    z = np.zeros((n, n), v.dtype)
    for i, value in enumerate(v.flat):
        z[i + max(-k, 0), i + max(k, 0)] = value
    return z


def of_diagonal(x: Any, offset: int, axis1: int, axis2: int) -> Any:
    x = np.moveaxis(x, (axis1, axis2), (0, 1))
    entries = [x[i, i + offset] for i in range(x.shape[0]) if 0 <= i + offset < x.shape[1]]
    return np.moveaxis(np.array(entries, dtype=x.dtype).reshape(len(entries), *x.shape[2:]), 0, -1)


def kept_where(below: bool) -> Callable[..., Any]:
    def function(x: Any, k: int) -> Any:
        z = np.zeros((*x.shape[:-1], *x.shape[-1:]) if x.ndim > 1 else x.shape * 2, x.dtype)
        for i, j in np.ndindex(z.shape[-2:]):
            if (j - i <= k) if below else (j - i >= k):
                z[..., i, j] = x[..., i, j] if x.ndim > 1 else x[j]
        return z

    return function


def vector_solution(a: Any, b: Any) -> Any:
    return np.einsum("...ij,j->...i", inverse(a), b)


FUNCTIONS: dict[str, tuple[Callable[..., Any], Case]] = {
    "einsum": (
        lambda *xs, subscripts: einsum(subscripts, *xs),
        Case(sums(), lambda *xs, subscripts: np.einsum(subscripts, *xs)),
    ),
    "tensordot": (pr.tensordot, Case(paired(), lambda a, b, axes: np.tensordot(a, b, axes))),
    "inner": (pr.inner, Case(same_last(), lambda a, b: np.einsum("xk,yk->xy", *map(rows, (a, b))).reshape(ends(a, b)))),
    "dot": (pr.dot, Case(same_last(second=True), np.dot)),
    "vdot": (pr.vdot, Case(as_many(), lambda a, b: np.sum(np.ravel(a) * np.ravel(b)))),
    "outer": (pr.outer, Case(pairs(), all_pairs)),
    "kron": (pr.kron, Case(pairs(), np.kron)),
    "matvec": (pr.matvec, Case(stacked("mn", "n"), lambda x, y: np.einsum("...mn,...n->...m", x, y))),
    "vecmat": (pr.vecmat, Case(stacked("m", "mn"), lambda x, y: np.einsum("...m,...mn->...n", x, y))),
    "vecdot": (pr.vecdot, Case(stacked("n", "n"), lambda x, y: np.einsum("...n,...n->...", x, y))),
    "cross": (pr.cross, Case(threes(), right_angled)),
    "multi_dot": (lambda *xs: pr.multi_dot(xs), Case(chains(), chained)),
    "diagonal": (la.diagonal, Case(diagonals(), of_diagonal)),
    "trace": (la.trace, Case(diagonals(), lambda x, **axes: of_diagonal(x, **axes).sum(-1))),
    "diag of a vector": (la.diag, Case(matrices(1, 1), on_diagonal)),
    "diag of a matrix": (la.diag, Case(matrices(2, 2), lambda x, k: of_diagonal(x, k, 0, 1))),
    "diagflat": (la.diagflat, Case(matrices(0, 3), on_diagonal)),
    "tril": (la.tril, Case(matrices(1, 3), kept_where(below=True))),
    "triu": (la.triu, Case(matrices(1, 3), kept_where(below=False))),
    "solve": (la.solve, Case(systems(), lambda a, b: np.einsum("...ij,...jk->...ik", inverse(a), b))),
    "solve for a vector": (
        la.solve,
        Case(systems().map(lambda c: Call((c.arrays[0], vector_of(c.arrays[1])))), vector_solution),
    ),
    "matrix_power": (la.matrix_power, Case(powers(), repeated)),
    "det": (la.det, Case(any_square(), expanded)),
    "sign of slogdet": (lambda x: la.slogdet(x).sign * la.det(x), Case(square(), lambda x: expanded(x) * sign(x))),
    "slogdet": (lambda x: la.slogdet(x).logabsdet, Case(square(), lambda x: np.log(expanded(x) * sign(x)))),
    "cholesky": (la.cholesky, Case(square(positive_definite), root)),
    "upper cholesky": (
        lambda x: la.cholesky(x, upper=True),
        Case(square(positive_definite), lambda x: np.swapaxes(root(x), -1, -2)),
    ),
}


def rows(x: Any) -> Any:
    return x.reshape(int(np.prod(x.shape[:-1])), x.shape[-1])


def ends(a: Any, b: Any) -> tuple[int, ...]:
    return a.shape[:-1] + b.shape[:-1]


def vector_of(b: Any) -> Any:
    """One of the right-hand sides of a stack."""
    return np.concatenate([rows(np.swapaxes(b, -1, -2)), np.ones((1, b.shape[-2]))])[0]


def sign(x: Any) -> Any:
    return np.where(np.real(expanded(x)) < 0, -1.0, 1.0)


test_B11_D1_the_laws_hold = laws.hold_for(FUNCTIONS)


# ---- einsum ----------------------------------------------------------------------------------------------


def test_einsum_of_numbers_instead_of_letters() -> None:
    x, y = uneven((2, 3)), uneven((3, 4), start=5)
    assert_close(einsum(leaf(x), [0, 1], y, [1, 2]).data, x @ y)
    assert_close(einsum(x, [0, 1], leaf(y), [1, 2], [2, 0]).data, (x @ y).T)
    assert_close(einsum(leaf(x), [..., 1], y, [1, 2], [2, ...]).data, (x @ y).T)


def test_einsum_takes_the_smallest_product_first() -> None:
    """ab,cd,bc: the first two alone would fill n^4 entries, 800 MB here."""
    x = leaf(np.ones((100, 100)))
    z = einsum("ab,cd,bc->ad", x, x, x)
    assert z.data[3, 4] == 10_000
    assert max(t.size for t in walk(z)) == 10_000


def walk(t: Any) -> list[Any]:
    return [t, *(u for x in t.inputs if isinstance(x, Tensor) for u in walk(x))]


@pytest.mark.parametrize("kind", ["bool", "int8", "uint8", "int64"])
def test_einsum_of_integers_is_numpys(kind: str) -> None:
    x = np.array([[3, 2], [1, 250]], dtype=np.int64).astype(kind)
    for subscripts in ("ij->i", "ij->", "ii", "ij,jk", "ij,ij->ij"):
        xs = [x] * (1 + subscripts.count(","))
        assert_same_bits(einsum(subscripts, *xs), np.einsum(subscripts, *xs))
        assert_same_bits(einsum(subscripts, *map(Tensor, xs)).data, np.einsum(subscripts, *xs))


def test_D1_a_number_beside_float32_widens_nothing() -> None:
    x = leaf(np.ones((2, 3)), dtype=np.float32)
    for z in (einsum(",ij->ij", 2.5, x), einsum("ij,,->ji", x, 2.5, np.float64(2)), pr.outer(x, 2.5), pr.outer(2.5, x)):
        assert z.dtype == np.float32
    for function in (pr.dot, pr.inner, pr.kron):
        for z in (function(x, 2.5), function(2.5, x), function(x, np.float64(2.5))):
            assert_same_bits(z.data, np.full((2, 3), 2.5, np.float32))


@pytest.mark.parametrize(
    ("subscripts", "given", "message"),
    [
        ("ij->ik", [(2, 3)], "names 'k', which no operand has"),
        ("ij->iij", [(2, 3)], "names 'i' twice"),
        ("i", [(2, 3)], r"shape \(2, 3\) has 2 axes, and 'i' names 1"),
        ("ijk", [(2, 3)], "has 2 axes, and 'ijk' names 3"),
        ("...ijk", [(2, 3)], "has 2 axes"),
        ("i,j", [(2,)], "names 2 operands, and got 1"),
        ("i1", [(2, 2)], "'1' is no letter"),
        ("i.j", [(2, 2)], "'.' is no letter"),
        ("i...j...", [(2, 2)], "'.' is no letter"),
        ("ij-j", [(2, 2)], "'-' is no letter"),
        ("ij->->j", [(2, 2)], "no letter"),
        ("...i->i", [(2, 2)], "must have it too"),
        ("ii->i", [(2, 3)], "diagonal 'i'.*2 != 3|'i' are of unequal size"),
        ("ii->i", [(1, 3)], "1 != 3"),
        ("ij,jk", [(2, 3), (4, 2)], "'j' are of unequal size, 3 and 4"),
        ("...,...->...", [(2, 3), (3, 3)], "unequal size"),
    ],
)
def test_einsum_refuses_what_numpy_refuses(subscripts: str, given: list[Any], message: str) -> None:
    xs = [np.ones(shape) for shape in given]
    with pytest.raises(ValueError, match=r"."):
        np.einsum(subscripts, *xs)
    with pytest.raises(ShapeError, match=message):
        einsum(subscripts, *map(leaf, xs))


@pytest.mark.parametrize("subscripts", ["...i->i", "ij->ji", "i...->...", "ba", "aB,Bc", " i j , j k "])
def test_einsum_takes_what_numpy_takes(subscripts: str) -> None:
    ndim = 1 if subscripts == "...i->i" else 2
    xs = [uneven((3,) * ndim, start=k) for k in range(1 + subscripts.count(","))]
    assert_close(einsum(subscripts, *map(leaf, xs)).data, np.einsum(subscripts, *xs))


@few
@given(sums())
def test_second_derivatives_of_einsum_are_right(call: Call) -> None:
    laws.second_derivative_is_right(
        lambda *xs, subscripts: einsum(subscripts, *xs), lambda *xs, subscripts: np.einsum(subscripts, *xs), call
    )


# ---- products --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_tensordot_over_a_number_of_axes(axes: int) -> None:
    a, b = uneven((2, 3, 2)), uneven((3, 2, 4) if axes == 2 else (2, 4), start=3)
    assert_close(pr.tensordot(leaf(a), b, axes).data, np.tensordot(a, b, axes))
    assert_close(pr.tensordot(a, b, (1, 0) if axes == 2 else ([], [])), np.tensordot(a, b, (1, 0) if axes == 2 else 0))


@few
@given(threes())
def test_cross_is_numpys(call: Call) -> None:
    assert_close(pr.cross(*call.arrays, **call.params), np.cross(*call.arrays, **call.params))


def test_cross_names_three_axes_at_once() -> None:
    a, b = uneven((3, 2)), uneven((3, 2), start=4)
    assert_close(pr.cross(leaf(a), b, axis=0).data, np.cross(a, b, axis=0))


def test_vecdot_along_another_axis() -> None:
    a, b = uneven((3, 2)), uneven((3, 2), start=4)
    assert_close(pr.vecdot(leaf(a), b, axis=0).data, np.vecdot(a, b, axis=0))


@few
@given(chains())
def test_multi_dot_is_numpys(call: Call) -> None:
    xs = list(call.arrays)
    assert_close(pr.multi_dot(xs), np.linalg.multi_dot(xs))


def test_multi_dot_multiplies_in_the_cheapest_order() -> None:
    """(10, 100) (100, 5) (5, 50): 7,500 multiplications from the left, 75,000 from the right."""
    xs = [leaf(np.ones(shape)) for shape in ((10, 100), (100, 5), (5, 50))]
    assert pr.multi_dot(xs).inputs[0].shape == (10, 5)
    assert pr.multi_dot([x.T for x in xs[::-1]]).inputs[0].shape == (50, 5)


WRONG_SHAPES = [
    (pr.dot, [(2, 3), (2, 3)], "dot needs equal sizes.*3 != 2"),
    (pr.inner, [(2, 3), (2, 2)], "3 != 2"),
    (pr.vdot, [(2, 3), (4,)], "6 != 4"),
    (lambda a, b: pr.tensordot(a, b, 3), [(2, 3), (2, 3)], "must have as many"),
    (lambda a, b: pr.tensordot(a, b, ((0, 1), (0,))), [(2, 3), (2, 3)], "pairs of axes"),
    (lambda a, b: pr.tensordot(a, b, 1), [(2, 3), (1, 3)], "3 != 1"),
    (lambda a, b: pr.tensordot(a, b, (5, 0)), [(2, 3), (1, 3)], "axis 5 does not exist"),
    (pr.cross, [(2,), (2,)], r"three entries.*a\[0\] \* b\[1\]"),
    (pr.matvec, [(3,), (3,)], "a vector has one axis"),
    (pr.vecmat, [(3,), (3,)], "a vector has one axis"),
    (pr.vecdot, [(3,), ()], "a vector has one axis"),
    (pr.vecdot, [(3,), (1,)], "3 != 1"),
    (lambda *xs: pr.multi_dot(xs), [(3, 3)], "two matrices at least"),
    (lambda *xs: pr.multi_dot(xs), [(3, 3), (3,), (3, 3)], "vectors at the ends"),
    (lambda *xs: pr.multi_dot(xs), [(3, 3), (2, 3), (3, 3)], "3 != 2"),
    (la.diagonal, [(3,)], "needs a matrix"),
    (la.trace, [()], "needs a matrix"),
    (lambda x: la.diagonal(x, axis1=1, axis2=-1), [(3, 3)], "twice"),
    (la.diag, [(2, 2, 2)], "vector or a matrix"),
    (la.tril, [()], "needs a matrix"),
    *[
        (f, [shape], "square matrix")
        for f in (la.inv, la.det, la.slogdet, la.cholesky)
        for shape in ((2, 3), (3,), (), (4, 2, 3))
    ],
    (lambda x: la.matrix_power(x, 2), [(2, 3)], "square matrix"),
    (la.solve, [(2, 3), (2,)], "square matrix"),
    (la.solve, [(3, 3), (2,)], r"a \(3, 3\), b \(2,\)"),
    (la.solve, [(3, 3), ()], r"b \(\)"),
    (la.solve, [(5, 3, 3), (5, 3)], r"b\[..., None\]"),
    (la.solve, [(5, 3, 3), (4, 3, 2)], "stacks.* do not broadcast"),
    (la.pinv, [(3,)], "needs a matrix"),
]


@pytest.mark.parametrize(("function", "given", "message"), WRONG_SHAPES)
def test_shapes_that_do_not_fit(function: Any, given: list[Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        function(*(leaf(np.ones(shape)) for shape in given))


# ---- inverses, determinants, factors ---------------------------------------------------------------------


SINGULAR = np.array([[[2.0, 1.0], [1.0, 1.0]], [[1.0, 2.0], [2.0, 4.0]]])


@pytest.mark.parametrize(
    "function", [la.inv, lambda a: la.solve(a, np.ones((2, 5))), lambda a: la.matrix_power(a, -2), la.cholesky]
)
@pytest.mark.parametrize("given", [SINGULAR[1], SINGULAR])
def test_a_singular_matrix_is_named(function: Any, given: Any) -> None:
    place = r" \[1\] of the stack" if given.ndim == 3 else ""
    for a in (given, leaf(given)):
        with pytest.raises(np.linalg.LinAlgError, match=rf"the matrix{place} is (singular|not positive definite)"):
            function(a)
    with pytest.raises(ValueError, match=r"np.eye\(2\)"):
        function(leaf(given))


def test_what_is_not_positive_definite_is_measured() -> None:
    with pytest.raises(np.linalg.LinAlgError, match=r"smallest eigenvalue is -1, .*symmetric"):
        la.cholesky(leaf([[0.0, 1.0], [1.0, 0.0]]))
    with pytest.raises(np.linalg.LinAlgError, match=r"\[1\] of the stack has entries that are NaN"):
        la.cholesky(leaf([[[1.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [0.0, np.nan]]]))


def test_C9_the_logarithm_of_a_determinant_of_0() -> None:
    a = leaf(SINGULAR[1])
    sign, logabsdet = la.slogdet(a)
    assert (sign.item(), logabsdet.item()) == (0, -np.inf)
    assert not sign.requires_grad
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        logabsdet.backward()


@pytest.mark.parametrize(
    "rank", [[[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]], np.outer([1.0, 2, 3], [2.0, 1, 1]), np.zeros((3, 3))]
)
def test_C13_the_slope_of_a_determinant_of_0_is_the_matrix_of_cofactors(rank: Any) -> None:
    """As prod([0, 2, 3]) has the slope [6, 0, 0]; only the slope's slope needs an inverse, and says so."""
    a = leaf(rank)
    la.det(a).backward(3.0)
    np.testing.assert_allclose(a.grad.data, 3 * cofactors(a.data), rtol=1e-13, atol=1e-13)
    a.zero_grad()
    la.det(a).backward(create_graph=True)
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        a.grad[0, 0].backward()


WITH_NAN = np.array([[[np.nan, 1.0], [1.0, 1.0]], [[2.0, 1.0], [1.0, 1.0]]])


@pytest.mark.parametrize(
    "function", [la.inv, lambda a: la.solve(a, np.eye(2)), lambda a: la.slogdet(a).logabsdet, la.det, la.cholesky]
)
def test_a_matrix_with_NaN_spoils_no_other(function: Any) -> None:
    a, b = leaf(WITH_NAN), leaf(WITH_NAN[1])
    z, y = function(a), function(b)
    seed = uneven(z.shape)
    z.backward(seed)
    y.backward(seed[1])
    assert np.isnan(z.data[0]).any()
    assert np.isnan(a.grad.data[0]).any()
    assert_close(z.data[1], y.data, rtol=1e-14)
    assert_close(a.grad.data[1], b.grad.data, rtol=1e-14)


@few
@given(square(positive_definite), st.data())
def test_cholesky_along_symmetric_changes(call: Call, data: st.DataObject) -> None:
    """<gradient, v> is the slope along a symmetric v, which NumPy's own factor shows; and the gradient is symmetric."""
    a = leaf(call.arrays[0])
    v = data.draw(eighths(a.shape))
    v = v + v.mT
    z = la.cholesky(a)
    seed = uneven(z.shape)
    z.backward(seed)
    h = 1e-4
    near, far = (np.linalg.cholesky(a.data + k * h * v) - np.linalg.cholesky(a.data - k * h * v) for k in (1, 2))
    expected = np.sum(seed * (8 * near - far) / (12 * h))
    assert np.sum(a.grad.data * v) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert_close(a.grad.data, a.grad.data.mT, rtol=1e-14)


def test_cholesky_reads_the_lower_triangle_only() -> None:
    a = np.array([[4.0, 77.0], [2.0, 5.0]])
    assert la.cholesky(leaf(a)).tolist() == [[2, 0], [1, 2]]
    assert la.cholesky(leaf(a), upper=True).tolist() == [[2, 1], [0, 2]]


@pytest.mark.parametrize("shape", [(2, 3), (3, 2), (3, 3)])
def test_pinv_of_less_than_full_rank_along_the_same_rank(shape: tuple[int, int]) -> None:
    """a = u vᵀ stays of rank 1 when u and v move: there the derivative is right."""
    u, v = uneven((shape[0], 1)), uneven((1, shape[1]), start=2)
    du, dv = uneven(u.shape, start=4), uneven(v.shape, start=9)
    a = leaf(u @ v)
    z = la.pinv(a, rcond=1e-8)
    assert_close(z.data, np.linalg.pinv(u @ v, 1e-8))
    seed = uneven(z.shape, start=1)
    z.backward(seed)

    def moved(h: float) -> Any:
        return np.linalg.pinv((u + h * du) @ (v + h * dv), 1e-8)

    slope = np.sum(seed * (moved(1e-5) - moved(-1e-5))) / 2e-5
    assert np.sum(a.grad.data * (du @ v + u @ dv)) == pytest.approx(slope, rel=1e-7)


def test_C10_a_matrix_to_the_power_0_has_slope_0() -> None:
    a = leaf([[np.inf, 1.0], [2.0, 3.0]])
    z = la.matrix_power(a, 0)
    z.backward(uneven((2, 2)))
    assert z.tolist() == [[1, 0], [0, 1]]
    assert a.grad.tolist() == [[0, 0], [0, 0]]
    with pytest.raises(TypeError):
        la.matrix_power(a, 0.5)


def test_C15_a_triangle_is_selected_not_multiplied() -> None:
    x = leaf([[1.0, np.inf], [np.nan, 2.0]])
    assert la.triu(x).tolist() == [[1, np.inf], [0, 2]]
    la.tril(x, -1).backward([[0.0, np.nan], [3.0, np.inf]])
    assert x.grad.tolist() == [[0, 0], [3, 0]]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32])
@pytest.mark.parametrize("function", [la.tril, la.triu, la.diag, la.diagflat, la.diagonal])
def test_parts_keep_their_dtype(function: Any, dtype: Any) -> None:
    x = np.array([[1, 2], [3, 4]], dtype)
    assert_same_bits(function(x), getattr(np, function.__name__)(x))
    assert_same_bits(function(Tensor(x)).data, getattr(np, function.__name__)(x))


def test_half_precision_is_refused() -> None:
    a = leaf(np.eye(2), dtype=np.float16)
    for function in (la.inv, la.det, la.slogdet, la.cholesky, la.pinv, lambda a: la.solve(np.eye(2), a)):
        with pytest.raises(DtypeError, match=r"astype\(np.float32\)"):
            function(a)


def test_lists_are_matrices() -> None:
    assert_close(la.inv([[2, 0], [0, 4]]), np.array([[0.5, 0], [0, 0.25]]))
    assert_close(la.solve([[2, 0], [0, 4]], leaf([2.0, 4.0])).data, np.array([1.0, 1.0]))
    assert la.det([[1, 2], [3, 5]]) == pytest.approx(-1)


@few
@given(st.data())
def test_an_inverse_undoes(data: st.DataObject) -> None:
    """a x = b for the x of solve, whose gradient is that of inv(a) @ b."""
    a, b = data.draw(regular((2,), 3)), data.draw(eighths((2, 3, 2)))
    x, y = leaf(a), leaf(b)
    z = la.solve(x, y)
    assert_close(a @ z.data, b, rtol=1e-13)
    seed = uneven(z.shape)
    z.backward(seed)
    u, v = leaf(a), leaf(b)
    (la.inv(u) @ v).backward(seed)
    assert_close(x.grad.data, u.grad.data)
    assert_close(y.grad.data, v.grad.data)


def test_the_second_derivative_of_det_near_a_singular_matrix_is_refused_and_not_wrong() -> None:
    a = np.array([[0.604195074182194, 0.17310478699249698], [0.17310478699249698, 0.04959535183281183]])
    t = Tensor(a, requires_grad=True)
    la.det(t).backward(create_graph=True)
    slope = t.grad
    np.testing.assert_allclose(
        slope.data, [[a[1, 1], -a[1, 0]], [-a[0, 1], a[0, 0]]], rtol=1e-12
    )  # the cofactors are right
    with pytest.raises(np.linalg.LinAlgError, match="nearly"):
        slope[0, 0].backward()
