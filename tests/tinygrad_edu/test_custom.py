"""custom: an op with a derivative of one's own works everywhere, and a wrong derivative never stays silent."""

import math
import pickle
from typing import Any

import numpy as np
import pytest
from laws import assert_close, assert_same_bits, uneven

from tinygrad_edu import (
    DtypeError,
    GradientCheckError,
    GradientError,
    ShapeError,
    Tensor,
    assert_gradients,
    check_gradients,
    checkpoint,
    custom,
    exp,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    vjp,
    where,
)

Array = np.ndarray
X = np.array([[1.0, -3.0, 0.5], [-0.25, 2.0, 4.0]])


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


def function(x: Array) -> Any:
    return x / (1 + abs(x))


def rule(g: Any, z: Any, x: Any) -> Any:
    return g / (1 + abs(x)) ** 2


softsign = custom(function, rule, name="softsign", formula="x / (1 + |x|)")
product = custom(lambda x, y: x * y, lambda g, z, x, y: g * y, lambda g, z, x, y: g * x, name="product")
together = custom(lambda x, y: x @ y, lambda g, z, x, y: (g @ y.mT, x.mT @ g), name="together")
powered = custom(lambda x, *, n=2: x**n, lambda g, z, x, *, n=2: g * n * x ** (n - 1), name="powered")
total = custom(lambda *xs: sum(xs[1:], xs[0]), lambda g, z, *xs: [g] * len(xs), name="total")
summed = custom(lambda x: x.sum(), lambda g, z, x: g * np.ones(x.shape), name="summed")


# ---- right rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "inputs"),
    [
        (softsign, [X]),
        (softsign, [2.0]),
        (product, [X, X + 1]),
        (product, [X[:, :1], X[0]]),  # each is broadcast
        (product, [2.0, X]),
        (together, [X, X.T + 1]),
        (powered, [X]),
        (lambda x: powered(x, n=3), [X]),
        (total, [X]),
        (total, [X, 2 * X, X[0], 3.0]),
        (summed, [X]),
        (lambda x: softsign(x * product(x, 3.0)), [X]),
    ],
)
def test_a_right_rule_is_right_to_second_order(op: Any, inputs: list[Any]) -> None:
    assert_gradients(op, *inputs, order=2)


def test_every_transform_takes_it() -> None:
    x = X[0]
    slope, curve = 1 / (1 + abs(x)) ** 2, -2 * np.sign(x) / (1 + abs(x)) ** 3
    _, pull = vjp(softsign, x)
    assert_close(pull(x)[0].data, x * slope)
    assert_close(jvp(softsign, (x,), (x,))[1].data, x * slope)
    assert_close(jacobian(softsign)(x).data, np.diag(slope))
    assert_close(hessian(lambda x: softsign(x).sum())(x).data, np.diag(curve))
    assert_close(hvp(lambda x: softsign(x).sum(), (x,), (x,))[0].data, x * curve)
    assert grad(grad(grad(softsign)))(2.0).item() == pytest.approx(6 / 81)
    t = leaf(x)
    checkpoint(softsign, t).backward(x)
    assert_close(t.grad.data, x * slope)


def test_on_arrays_numbers_lists_and_without_recording() -> None:
    assert_same_bits(softsign(X), function(X))
    assert softsign(1.0) == 0.5
    assert_same_bits(softsign([1.0, -3.0]), np.array([0.5, -0.75]))
    with no_grad():
        assert softsign(leaf(X)).op is None
    assert not softsign(Tensor(X)).requires_grad


def test_D1_float32_stays_float32() -> None:
    x = leaf(X, dtype=np.float32)
    z = softsign(x)
    z.backward(uneven(z.shape, np.float32))
    assert z.dtype == x.grad.dtype == np.float32


def test_an_input_without_a_derivative() -> None:
    at = np.array([0, 2])
    picked = custom(lambda x, i: x[i], lambda g, z, x, i: (np.eye(len(x))[:, i.data if grads(i) else i] @ g, None))
    assert_gradients(lambda x: picked(x, at), X[0], order=2)
    masked = custom(lambda c, x: x * c, None, lambda g, z, c, x: g * c, name="masked")
    assert_gradients(lambda x: masked(X > 0, x), X, order=2)
    with pytest.raises(GradientError, match="masked has no derivative in its input"):
        masked(leaf(X), X).sum().backward()


def grads(x: Any) -> bool:
    return isinstance(x, Tensor)


def test_A8_A9_nothing_is_shared_or_written_to() -> None:
    buffer, gradient = np.empty(3), np.empty(3)

    def f(x: Array) -> Array:
        return np.multiply(x, 2, out=buffer)

    op = custom(f, lambda g, z, x: np.multiply(g, 2, out=gradient))
    x = leaf([1.0, 2.0, 3.0])
    z = op(x)
    z.backward(np.ones(3))
    buffer[:] = gradient[:] = 9
    assert (z.tolist(), x.grad.tolist()) == ([2, 4, 6], [2, 2, 2])
    same = custom(lambda x: x, lambda g, z, x: g)
    seed = np.ones(3)
    y = same(x)
    x.zero_grad()
    y.backward(seed)
    assert not any(np.shares_memory(a, b) for a, b in ((y.data, x.data), (x.grad.data, seed)))


def test_A9_a_rule_that_uses_one_buffer_again() -> None:
    """Two gradients wait for the sweep at the same time."""
    buffer = np.empty(3)
    op = custom(lambda x: 2 * x, lambda g, z, x: np.multiply(g, 2, out=buffer))
    x = leaf([1.0, 2.0, 3.0])
    y = x * 1.0
    (op(y) * 10 + op(y * 3.0) + op(y) * 100).sum().backward()
    assert x.grad.tolist() == [226, 226, 226]


def test_on_complex_arrays_it_just_computes() -> None:
    """So that the complex step can be used to check it."""
    assert product(np.array([1.0 + 2.0j]), np.array([3.0]))[0] == 3 + 6j
    assert check_gradients(product, X, X + 1).method == "complex step"


@pytest.mark.parametrize("at", ["x", "g", "z"])
def test_A9_the_graph_cannot_be_written_to(at: str) -> None:
    def f(x: Array) -> Array:
        if at == "x":
            x += 1
        return x * 2

    def derivative(g: Array, z: Array, x: Array) -> Array:
        if at == "g":
            g *= 2
        if at == "z":
            z *= 2
        return 2 * g

    with pytest.raises(ValueError, match="read-only"):
        custom(f, derivative)(leaf(X)).sum().backward()


@pytest.mark.parametrize("name", ['"', "\\", "<b>&amp;", "a\nb", "", "∂x/∂y", "x" * 500, "{|}", "יישום"])
def test_a_hostile_name_can_be_drawn(name: str) -> None:
    from tinygrad_edu import draw

    op = custom(function, rule, name=name, formula=name)
    assert "<svg" in draw(op(leaf(X)).sum()).pipe("svg", encoding="utf-8")


def test_it_is_called_as_its_function_is() -> None:
    assert custom(function, rule).name == "function"
    assert custom(lambda x: x, rule).name == "custom"
    assert repr(softsign) == "<op softsign: x / (1 + |x|)>"


def test_D20_a_pickle_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"softsign.*name it instead of pickling"):
        pickle.dumps(softsign)
    assert pickle.loads(pickle.dumps(softsign(leaf(X)))).op is None


# ---- wrong rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda g, z, x: -rule(g, z, x), "wrong sign"),
        (lambda g, z, x: 2 * rule(g, z, x), "missing 1/2"),
        (lambda g, z, x: 0 * g, "No gradient arrives"),
        (lambda g, z, x: rule(g, z, x) + 0.125, "constant was added"),
        (lambda g, z, x: g * z, "ratio"),
        (lambda g, z, x: rule(np.ones(np.shape(x)), z, x), "softsign"),  # the cotangent forgotten
    ],
)
def test_T1_a_wrong_rule_is_caught_and_named(wrong: Any, said: str) -> None:
    op = custom(function, wrong, name="softsign")
    report = check_gradients(lambda x: (op(x) ** 2).sum(), X)
    assert not report.ok
    assert report.op == "softsign"
    assert said in str(report)
    with pytest.raises(GradientCheckError, match="op: softsign"):
        assert_gradients(op, X)


def test_T1_swapped_rules_are_caught() -> None:
    op = custom(lambda x, y: x * y, lambda g, z, x, y: g * x, lambda g, z, x, y: g * y, name="swapped")
    report = check_gradients(op, X, X + 1)
    assert (report.ok, report.op) == (False, "swapped")
    assert "changed places" in str(report)


@pytest.mark.parametrize(
    ("derivative", "error", "said"),
    [
        (lambda g, z, x, y: g, GradientError, r"must return 2 gradients.*it returned 1"),
        (lambda g, z, x, y: (g, g, g), GradientError, r"must return 2 gradients.*it returned 3"),
        (lambda g, z, x, y: (g, None), GradientError, r"input 1 is None.*0 \* x"),
        (lambda g, z, x, y: None, GradientError, "must return 2 gradients"),
        (lambda g, z, x, y: (g, g.sum()), ShapeError, r"input 1 must have the shape .*\(2, 3\): it has \(\)"),
        (lambda g, z, x, y: (g, g.T), ShapeError, r"input 1 must have the shape .*\(2, 3\): it has \(3, 2\)"),
        (lambda g, z, x, y: (g, np.stack([g, g])), ShapeError, r"it has \(2, 2, 3\)"),
        (lambda g, z, x, y: (g, "wrong"), DtypeError, "real numbers"),
        (lambda g, z, x, y: (g, 1j * g), DtypeError, "real numbers, not complex128"),
        (lambda g, z, x: (g, g), GradientError, "mine failed: TypeError"),
        (lambda g, z, x, y: (g, x.wrong), GradientError, "mine failed: AttributeError"),
    ],
)
def test_what_is_no_gradient_is_an_error_that_names_the_op(derivative: Any, error: type, said: str) -> None:
    op = custom(lambda x, y: x * y, derivative, name="mine")
    x, y = leaf(X), leaf(X)
    with pytest.raises(error, match=r"(?s)the derivative of mine.*" if said[0] != "m" else r"(?s)") as caught:
        op(x, y).sum().backward()
    caught.match(said)
    assert x.grad is None  # nothing half done
    assert y.grad is None


def test_None_for_a_single_number_that_has_a_gradient() -> None:
    op = custom(lambda x, y: x * y, lambda g, z, x, y: (g * y, None), name="mine")
    assert_gradients(lambda x: op(x, 2.0), 3.0)  # a constant needs none
    with pytest.raises(GradientError, match="the derivative of mine in its input 1 is None"):
        op(leaf(3.0), leaf(2.0)).backward()


def test_one_rule_for_each_input() -> None:
    with pytest.raises(TypeError, match="product has 2 rules, one for each input, and got 1"):
        product(leaf(X))
    short = custom(lambda x, y: x * y, lambda g, z, x, y: g[0], lambda g, z, x, y: g, name="short")
    with pytest.raises(ShapeError, match=r"short in its input 0 .*\(2, 3\): it has \(3,\)"):
        short(leaf(X), X).sum().backward()


def test_what_is_summed_by_accident() -> None:
    """x (3,) -> z (2, 3) is no broadcasting of the inputs, so a gradient of z's shape is not summed."""
    op = custom(lambda x: np.stack([x, 2 * x]), lambda g, z, x: g, name="doubled")
    with pytest.raises(ShapeError, match=r"doubled in its input 0 .*\(3,\): it has \(2, 3\)"):
        op(leaf(X[0])).sum().backward()


@pytest.mark.parametrize(
    ("f", "error", "said"),
    [
        (lambda x: Tensor(x), GradientError, "mine: f works on plain arrays, and returned a Tensor"),
        (lambda x: None, DtypeError, "mine: f must return one array"),
        (lambda x: "text", DtypeError, "mine: f must return one array"),
        (lambda x: x > 0, DtypeError, "mine: f must return one array of real numbers, not bool"),
        (lambda x: 1j * x, DtypeError, "not complex128"),
    ],
)
def test_a_function_that_returns_no_array(f: Any, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        custom(f, rule, name="mine")(leaf(X))


@pytest.mark.parametrize(
    "arguments", [(), (function,), (function, None), (None, rule), (function, 3), (function, rule, 3)]
)
def test_what_is_no_definition(arguments: Any) -> None:
    with pytest.raises(TypeError, match="custom"):
        custom(*arguments)


# ---- the derivative of the derivative ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "derivative",
    [
        lambda g, z, x: g * np.exp(np.asarray(x)),
        lambda g, z, x: g * np.array(z),
        lambda g, z, x: np.asarray(g.data) * np.exp(np.asarray(x.data)),
        lambda g, z, x: g * np.exp(x, out=None, dtype=float),
        lambda g, z, x: np.frompyfunc(lambda v: v, 1, 1)(g),
        lambda g, z, x: np.fft.ifft(g).real,
    ],
)
def test_a_rule_that_cannot_be_read_on_tensors_says_so(derivative: Any) -> None:
    op = custom(np.exp, as_array_or(derivative), name="mine")
    x = leaf(X)
    op(x).sum().backward()
    assert_close(x.grad.data, np.exp(X))
    x.zero_grad()
    with pytest.raises(GradientError, match=r"the derivative of mine.*read on Tensors"):
        op(x).sum().backward(create_graph=True)
    with pytest.raises(GradientError, match="derivative of mine"):
        hessian(lambda x: op(x).sum())(X[0])


def as_array_or(derivative: Any) -> Any:
    """Right on arrays; on Tensors, what is to be tested."""
    return lambda g, z, x: derivative(g, z, x) if isinstance(g, Tensor) else g * z


def test_a_single_number_does_not_leave_the_graph_unseen() -> None:
    op = custom(lambda x: np.exp(x), lambda g, z, x: g * math.exp(x), name="mine")
    assert_gradients(op, 0.5)
    z = op(leaf(0.5))
    with pytest.raises(GradientError, match=r"mine cannot be read on Tensors.*float"):
        z.backward(create_graph=True)
    float(leaf(0.5))  # outside, as ever


@pytest.mark.parametrize("constant", [lambda x: x.detach(), lambda x: x.data, lambda x: x.numpy()])
def test_values_that_leave_the_graph_on_purpose_are_found_by_the_check(constant: Any) -> None:
    op = custom(np.exp, lambda g, z, x: g * exp(constant(x) if isinstance(x, Tensor) else x), name="mine")
    assert check_gradients(op, X).ok
    report = check_gradients(op, X, order=2)
    assert not report.ok
    assert report.op == "mine"
    assert "outside the graph" in str(report)


def test_a_straight_through_estimator() -> None:
    """A derivative that is another one on purpose: steps that pass the gradient on."""
    step = custom(lambda x: np.where(x > 0, 1.0, 0.0), lambda g, z, x: g * where(abs(x) < 1, 1.0, 0.0), name="step")
    x = leaf([0.5, -0.5, 3.0])
    step(x).backward([1.0, 2.0, 3.0])
    assert x.grad.tolist() == [1, 2, 0]
    assert not check_gradients(step, [0.5, -0.5]).ok
