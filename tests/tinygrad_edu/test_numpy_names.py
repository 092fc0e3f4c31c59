"""D14 NumPy speaks Tensor: each function in NumPy's namespace keeps the graph, or says that it cannot."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_edu import Tensor, assert_gradients
from tinygrad_edu.functions import numpys

A = np.array([[2.0, 0.5, 0.125], [0.25, 3.0, -1.0], [-0.5, 1.5, 4.0]])  # regular
S = A @ A.T  # symmetric, positive definite
V = np.array([0.25, 0.5, 1.5])  # rising
I = np.array([0, 2, 1])
MASK = np.array([True, False, True])


def leaf(data: Any) -> Tensor:
    return Tensor(data, requires_grad=True)


# Uses of a function of which we know nothing but its name; `t` makes a Tensor of an array, or leaves it.
USES: list[Callable[[Any, Any], Any]] = [
    lambda f, t: f(t(A)),
    lambda f, t: f(t(S)),
    lambda f, t: f(t(V)),
    lambda f, t: f(t(0.5)),
    lambda f, t: f(t(A), t(S)),
    lambda f, t: f(t(A), A),
    lambda f, t: f(A, t(A)),
    lambda f, t: f(t(V), t(V + 1)),
    lambda f, t: f(t(V), 0.5),
    lambda f, t: f(0.5, t(V)),
    lambda f, t: f(t(A), 1),
    lambda f, t: f(t(A), 0, 1),
    lambda f, t: f(t(A), (0, 1)),
    lambda f, t: f(t(A), (1, 0), 1),
    lambda f, t: f(t(A), (3, 3, 1)),
    lambda f, t: f(t(V), I),
    lambda f, t: f(I, t(V)),
    lambda f, t: f(MASK, t(V)),
    lambda f, t: f(t(A), axis=0),
    lambda f, t: f(t(A), axis=-1, keepdims=True),
    lambda f, t: f([t(A), t(S)]),
    lambda f, t: f((t(A), A)),
    lambda f, t: f([[t(A), A], [A, t(S)]]),
    lambda f, t: f([t(V), t(V)], 0),
    lambda f, t: f([MASK], [t(V)]),
    lambda f, t: f("ij->ji", t(A)),
    lambda f, t: f("ij,jk", t(A), A),
    lambda f, t: f(t(A), t(V), t(V)),
    lambda f, t: f(t(V), t(V), t(V)),
    lambda f, t: f(V, V, t(V)),
    lambda f, t: f(MASK, t(V), 0),
    lambda f, t: f(np.ones((2, 3)), 1, t(V)),
    lambda f, t: f(t(A), 2, t(V)),
]

LEFT_OUT = {  # what they do is not about the values of an array
    "show_config", "show_runtime", "info", "save", "savez", "savez_compressed", "savetxt", "load", "loadtxt",
    "genfromtxt", "fromfile", "fromregex", "fromstring", "get_include", "setbufsize", "seterr", "seterrcall",
    "set_printoptions", "printoptions", "nested_iters", "mintypecode", "test",
}  # fmt: skip
NAMES = [
    pytest.param(getattr(module, name), id=f"{module.__name__}.{name}")
    for module in (np, np.linalg, np.fft)
    for name in dir(module)
    if name not in LEFT_OUT
    and not name.startswith("_")
    and callable(getattr(module, name))
    and not isinstance(getattr(module, name), type)
]
ANSWERS = {  # without a derivative: truth values, places, counts, and what only has the shape of its input
    "all", "any", "argmax", "argmin", "argsort", "argwhere", "count_nonzero", "equal", "greater", "greater_equal",
    "isfinite", "isinf", "isnan", "less", "less_equal", "logical_and", "logical_not", "logical_or", "logical_xor",
    "nonzero", "flatnonzero", "not_equal", "searchsorted", "signbit", "empty_like", "ones_like", "zeros_like",
}  # fmt: skip
PLAIN = {  # and here no Tensor at all
    "allclose", "array_equal", "array_equiv", "array_repr", "array_str", "can_cast", "isclose", "iscomplexobj", "isin",
    "isrealobj", "isscalar", "iterable", "may_share_memory", "ndim", "result_type", "shape", "shares_memory", "size",
}  # fmt: skip
OUT_OF_REACH = {  # NumPy does not ask the Tensor here: some use of it above is ...
    "angle": "a flag",
    "base_repr": "a number whose digits are wanted",
    "bmat": "ignored: it returns None for what it does not know",
    "compress": "a condition",
    "empty_like": "a model, and the entries are whatever was there before",
    "extract": "a condition",
    "format_float_positional": "a number to be printed",
    "format_float_scientific": "a number to be printed",
    "fromiter": "float() of each entry",
    "full_like": "a model, and the value is an array",
    "histogram": "a range",
    "histogram_bin_edges": "a range",
    "matrix_rank": "a tolerance",
    "nan_to_num": "a flag",
    "real_if_close": "a tolerance",
    "svd": "a flag",
    "trapezoid": "a distance, which is not used where there are coordinates",
    "tri": "a size",
    "tril_indices": "a size",
    "triu_indices": "a size",
    "unique": "a flag",
}
OF_THE_SYMMETRIC_PART = {"eigh", "eigvalsh"}  # NumPy reads the lower triangle of a matrix that is not symmetric


def parts(result: Any) -> Iterator[Any]:
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from parts(part)
    else:
        yield result


def outcome(call: Callable[[], Any]) -> Any:
    """The result, or the error."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return call()
        except Exception as error:
            return error


@pytest.mark.parametrize("function", NAMES)
def test_D14_a_numpy_function_keeps_the_graph_or_names_itself(function: Any) -> None:
    name = function.__name__
    answered = False
    for use in USES[1:2] if name in OF_THE_SYMMETRIC_PART else USES:
        result = outcome(lambda use=use: use(function, leaf))
        if isinstance(result, Exception):
            answered = answered or (isinstance(result, TypeError) and name in str(result))
            continue
        answered = True
        theirs = outcome(lambda use=use: use(function, np.array))
        if isinstance(theirs, Exception) or name in OUT_OF_REACH:
            continue
        tracked = False
        for mine, expected in zip(parts(result), parts(theirs), strict=True):
            assert not isinstance(mine, np.ndarray) or mine.dtype.kind != "O"
            if isinstance(mine, Tensor):
                tracked = tracked or mine.requires_grad
                np.testing.assert_allclose(mine.data, expected, rtol=1e-12, atol=1e-14)
            else:
                np.testing.assert_array_equal(mine, expected)
        assert tracked != (name in ANSWERS | PLAIN), USES.index(use)
    assert answered or all(no_tensor(use, function) for use in USES)


def no_tensor(use: Any, function: Any) -> bool:
    """Does NumPy refuse it in its own words, as an integer, a text, an option that it is not?"""
    return isinstance(outcome(lambda: use(function, leaf)), (TypeError, ValueError, AttributeError))


# ---- NumPy's rarer functions, which are not on the menu --------------------------------------------------

RARER: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "amax": (lambda x: np.amax(x, 0), [A]),
    "amin": (lambda x: np.amin(x, axis=1, keepdims=True), [A]),
    "around": (lambda x: np.around(x, 1), [A + 0.01]),
    "block": (lambda x, y: np.block([[x, y], [y, 2 * x]]), [A, S]),
    "block of vectors": (lambda x, y: np.block([x, y, 1.0]), [V, V]),
    "block of matrices and vectors": (lambda x, y: np.block([[x], [y]]), [A, V]),
    "cond": (np.linalg.cond, [A]),
    "cond 1": (lambda x: np.linalg.cond(x, 1), [A + 0.01]),
    "cond -2": (lambda x: np.linalg.cond(x, -2), [A]),
    "corrcoef": (np.corrcoef, [A]),
    "corrcoef of two": (lambda x, y: np.corrcoef(x, y)[0, 1], [V, A[0]]),
    "correlate": (np.correlate, [A[0], V[:2]]),
    "correlate full": (lambda x, y: np.correlate(x, y, "full"), [V[:2], A[0]]),
    "cov": (np.cov, [A]),
    "cov of a vector": (np.cov, [V]),
    "cov of columns": (lambda x: np.cov(x, rowvar=False, ddof=0), [A[:, :2]]),
    "cov of two": (lambda x, y: np.cov(x, y, bias=True), [A, V]),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, axis=1), [A]),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=-1, include_initial=True), [A]),
    "cumulative_sum of a vector": (np.cumulative_sum, [V]),
    "ediff1d": (np.ediff1d, [A]),
    "fix": (np.fix, [A + 0.01]),
    "interp": (lambda x, p, y: np.interp(x, p, y), [A + 0.01, V, V**2]),
    "nanstd": (lambda x: np.nanstd(np.where(x > 0, x, np.nan), 0), [A]),
    "nanvar": (lambda x: np.nanvar(np.where(x > 0, x, np.nan), ddof=1), [A]),
    "matrix_norm": (np.linalg.matrix_norm, [np.stack([A, S])]),
    "matrix_transpose": (np.matrix_transpose, [np.stack([A, S])[..., :2]]),
    "nancumprod": (lambda x: np.nancumprod(np.where(x > 0, x, np.nan), axis=0), [A]),
    "nancumsum": (lambda x: np.nancumsum(np.where(x > 0, x, np.nan)), [A]),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1), [np.stack([A, S])[..., :2]]),
    "rollaxis back": (lambda x: np.rollaxis(x, 0, 3), [np.stack([A, S])[..., :2]]),
    "select": (lambda x, y: np.select([x > 1, y > 1], [x, x * y], y), [A + 0.01, S]),
    "vander": (np.vander, [V]),
    "vander rising": (lambda x: np.vander(x, 5, increasing=True), [V]),
    "vector_norm": (lambda x: np.linalg.vector_norm(x, axis=(0, 2), keepdims=True), [np.stack([A, S])]),
    "vector_norm of all": (np.linalg.vector_norm, [A]),
}


@pytest.mark.parametrize("name", RARER)
def test_a_rarer_function_has_numpys_values_and_is_differentiable_twice(name: str) -> None:
    function, arrays = RARER[name]
    y = function(*map(leaf, arrays))
    expected = function(*arrays)
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-15)
    assert_gradients(lambda *xs: function(*xs) + 0 * xs[0].sum(), *arrays, order=2)


def test_every_rarer_function_is_tested() -> None:
    assert set(numpys.__all__) <= {name.split()[0] for name in RARER}


@pytest.mark.parametrize("m", range(1, 6))
@pytest.mark.parametrize("n", range(1, 6))
def test_convolutions_of_every_length(m: int, n: int) -> None:
    a, v = np.arange(1.0, m + 1), np.arange(2.0, n + 2) ** 2
    for mode in ("full", "same", "valid"):
        np.testing.assert_allclose(np.convolve(leaf(a), v, mode).data, np.convolve(a, v, mode), rtol=1e-14)
        np.testing.assert_allclose(np.correlate(a, leaf(v), mode).data, np.correlate(a, v, mode), rtol=1e-14)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.diff(t(A), 2, 0),
        lambda t: np.diff(t(A), prepend=0.0, append=t(A)),
        lambda t: np.diff(t(A), 0),
        lambda t: np.gradient(t(A), 0.5)[1],
        lambda t: np.gradient(t(A), t(V), V**2)[0],
        lambda t: np.gradient(A, t(V), axis=1),
        lambda t: np.trapezoid(t(A), t(V)),
        lambda t: np.trapezoid(A, t(A.cumsum(0)), axis=0),
        lambda t: np.trapezoid(V, dx=t(0.5)),
        lambda t: np.interp(A, t(V), V**2),
        lambda t: np.interp(t(A), t(V), t(V**2), left=7.0, right=-7.0),
        lambda t: np.interp(t(0.75), V, V**2),
        lambda t: np.interp(t([np.nan, 1.0]), V[:2], V[:2]),
        lambda t: np.polyval(t(V), t(A)),
        lambda t: np.polyval([1.0, 2.0], t(A)),
        lambda t: np.linalg.norm(t(A), "nuc"),
        lambda t: np.linalg.norm(t(A), -2, keepdims=True),
        lambda t: np.linalg.norm(t(np.stack([A, S])), 2, (0, 2)),
        lambda t: np.linalg.eigh(t(S)).eigenvectors,
        lambda t: np.linalg.eigvalsh(np.stack([t(S), S])),
        lambda t: np.linalg.svdvals(t(A[:2])),
        lambda t: np.nanvar(t([1.0, np.nan, 3.0, 7.0]), ddof=1),
        lambda t: np.nanmax(t([[np.nan, 2.0], [np.nan, 3.0]]), axis=0),
        lambda t: np.nanstd(t([[np.nan, 2.0], [np.nan, 3.0]]), 0),
    ],
)
def test_values_are_numpys(call: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of NumPy: nothing but NaN
        mine, theirs = call(leaf), call(np.array)
    assert mine.requires_grad
    np.testing.assert_allclose(mine.data, theirs, rtol=1e-13, atol=1e-15)


def test_interp_at_its_points_has_the_slope_to_the_right() -> None:
    x = leaf([-1.0, 0.0, 1.0, 3.0, 4.0])
    np.interp(x, [0.0, 1.0, 3.0], [0.0, 5.0, 7.0]).sum().backward()
    assert x.grad.tolist() == [0, 5, 1, 1, 0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda t: np.quantile(V, t), "no derivative in the share q"),
        (lambda t: np.percentile(V, t), "no derivative in the share q"),
        (lambda t: np.gradient(t), "1 axes"),
        (lambda t: np.gradient(t[None]), "two entries"),
        (lambda t: np.gradient(leaf(A), 1.0, 2.0, 3.0), "one for each of 2 axes"),
        (lambda t: np.gradient(leaf(A), edge_order=2), "edge_order=1"),
        (lambda t: np.interp(t, V, V[:2]), "of one length"),
        (lambda t: np.interp(t, V, V, period=1.0), "no period"),
        (lambda t: np.convolve(leaf(A), V), "two vectors"),
        (lambda t: np.convolve(leaf(V), V, "wrong"), "full"),
        (lambda t: np.polyval(leaf(A), t), "as a vector"),
        (lambda t: np.linalg.eigh(leaf(V)), "square matrix"),
        (lambda t: np.linalg.svdvals(leaf(V)), "needs a matrix"),
        (lambda t: np.linalg.norm(leaf(A), 3), "nuc"),
        (lambda t: np.cumulative_sum(leaf(A)), "which axis"),
        (lambda t: np.select([V > 1], []), "."),
    ],
)
def test_what_does_not_fit_is_explained(call: Any, said: str) -> None:
    with pytest.raises((ValueError, TypeError), match=said):
        call(leaf(0.5))


@pytest.mark.parametrize("question", [lambda t: np.shape(a=t), lambda t: np.allclose(1.0, 1.0, atol=t)])
def test_a_question_with_a_tensor_as_a_keyword_is_answered(question: Any) -> None:
    assert question(leaf(0.5)) in ((), True)


# ---- ndarray's methods -----------------------------------------------------------------------------------

METHODS: dict[str, tuple[Any, ...]] = {  # with these arguments
    "astype": (np.float32,), "clip": (0.0, 1.0), "compress": ([True, False, True], 1), "dot": (S,), "repeat": (2, 1),
    "reshape": (9,), "swapaxes": (0, 1), "take": ([0, 2], 1), "transpose": (1, 0), "round": (1,), "sum": (0,),
    "mean": (1,), "max": (0,), "min": (0,), "prod": (0,), "cumsum": (1,), "cumprod": (1,), "argsort": (0,),
    "argmax": (1,), "argmin": (1,), "all": (0,), "any": (0,), "diagonal": (1,), "trace": (1,),
}  # fmt: skip
NO_METHODS = {
    "argpartition", "base", "byteswap", "ctypes", "data", "device", "dump", "dumps", "fill", "flags", "flat",
    "getfield", "item", "itemsize", "nbytes", "partition", "put", "resize", "setfield", "setflags", "sort", "strides",
    "to_device", "tobytes", "tofile", "view", "choose", "conj", "conjugate", "copy", "imag", "real", "searchsorted",
}  # fmt: skip  # memory, writing, complex numbers; np.sort(t), np.choose(t, …), np.searchsorted(t, …) are functions


@pytest.mark.parametrize("name", sorted(n for n in dir(np.ndarray) if not n.startswith("_") and n not in NO_METHODS))
def test_a_method_of_ndarray_is_one_of_tensor(name: str) -> None:
    expected, mine = getattr(A, name), getattr(leaf(A), name)
    if callable(expected) and name not in ("T", "mT"):
        expected, mine = expected(*METHODS.get(name, ())), mine(*METHODS.get(name, ()))
    for m, e in zip(parts(mine), parts(expected), strict=True):
        m = m.data if isinstance(m, Tensor) else m
        np.testing.assert_array_equal(m, e)
