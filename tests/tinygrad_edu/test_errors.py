"""Errors teach: what was given, what was needed, what to write instead."""

from typing import Any

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import DtypeError, GradientError, ShapeError, Tensor, TinygradEduError, errors


def leaf(data: Any, **settings: Any) -> Tensor:
    return Tensor(data, requires_grad=True, **settings)


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.ShapeError, ValueError),
        (errors.DtypeError, TypeError),
        (errors.GradientError, RuntimeError),
        (errors.DataError, ValueError),
        (errors.TrainingError, ArithmeticError),
        (errors.MissingExtraError, ImportError),
    ],
)
def test_each_error_is_one_that_people_would_catch(error: type[Exception], builtin: type[Exception]) -> None:
    assert issubclass(error, TinygradEduError)
    assert issubclass(error, builtin)


def test_every_error_is_in_the_menu_of_errors() -> None:
    defined = {n for n, c in vars(errors).items() if isinstance(c, type) and issubclass(c, TinygradEduError)}
    assert defined <= set(errors.__all__)


# ---- the messages of the design --------------------------------------------------------------------------


def test_matmul_names_the_operands_and_proposes_the_transpose() -> None:
    x, w = Tensor(np.ones((10, 784)), name="x"), leaf(np.ones((30, 784)), name="W")
    with pytest.raises(ShapeError) as caught:
        x @ w
    assert str(caught.value) == (
        "matmul needs equal inner sizes: x (10, 784) @ W (30, 784): 784 != 30.  Did you mean x @ W.T ?"
    )


def test_matmul_proposes_the_other_transpose() -> None:
    with pytest.raises(ShapeError, match=r"\(4, 2\) @ .*\(4, 3\): 2 != 4\..*Did you mean left\.T @ right \?"):
        leaf(np.ones((4, 2))) @ leaf(np.ones((4, 3)))


def test_matmul_proposes_nothing_that_would_not_work() -> None:
    with pytest.raises(ShapeError) as caught:
        leaf(np.ones((4, 2))) @ leaf(np.ones((5, 3)))
    assert "Did you mean" not in str(caught.value)


def test_matmul_of_stacks_names_the_axes_that_do_not_fit() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 4, 5\).*\(3, 5, 4\).*2 != 3"):
        leaf(np.ones((2, 4, 5))) @ np.ones((3, 5, 4))


@pytest.mark.parametrize("shapes", [((3,), (4,)), ((2, 3), (2,)), ((3,), (4, 2))])
def test_matmul_of_vectors_that_do_not_fit(shapes: Any) -> None:
    a, b = shapes
    with pytest.raises(ShapeError, match=f"{a[-1]} != {b[-2] if len(b) > 1 else b[-1]}"):
        leaf(np.ones(a)) @ leaf(np.ones(b))


def test_backward_asks_for_one_number_and_shows_a_seed() -> None:
    a = leaf(np.ones((10, 10)), name="a")
    with pytest.raises(GradientError) as caught:
        a.backward()
    assert str(caught.value) == (
        "backward() starts from one number, but a has shape (10, 10).  "
        "Use a cost, or .sum() or .mean(); or give a seed: a.backward(np.ones((10, 10)))"
    )


# ---- the others ------------------------------------------------------------------------------------------

x, w, i = leaf(np.ones((2, 3)), name="x"), leaf(np.ones((2, 2)), name="W"), Tensor([1, 2], name="i")


@pytest.mark.parametrize(
    ("use", "error", "says"),
    [
        (lambda: x + w, ShapeError, ["add", "x (2, 3)", "W (2, 2)", "broadcast", "3 != 2"]),
        (lambda: x * np.ones(4), ShapeError, ["multiply", "x (2, 3)", "(4,)", "3 != 4"]),
        (lambda: np.ones(4) - x, ShapeError, ["subtract", "x (2, 3)", "(4,)", "4 != 3"]),
        (lambda: te.where(x > 0, np.ones(4), x), ShapeError, ["where", "(4,)", "x (2, 3)"]),
        (lambda: te.concatenate([x, w], axis=0), ShapeError, ["concatenate", "x (2, 3)", "W (2, 2)"]),
        (lambda: te.concatenate([x, leaf([1.0])]), ShapeError, ["concatenate", "x (2, 3)", "(1,)"]),
        (lambda: te.stack([x, w]), ShapeError, ["stack", "(2, 3)", "(2, 2)"]),
        (lambda: te.linear(x, w, [1.0, 2.0]), ShapeError, ["linear", "(2, 3)", "(2, 2)", "(n_out, n_in)"]),
        (lambda: te.linear(x, [[1.0] * 3], [1.0, 2.0]), ShapeError, ["linear", "(1, 3)", "(2,)"]),
        (lambda: x.reshape(4, 2), ShapeError, ["reshape", "(2, 3)", "6", "(4, 2)"]),
        (lambda: x.reshape(-1, 4), ShapeError, ["reshape", "(2, 3)", "(-1, 4)"]),
        (lambda: x.transpose(0), ShapeError, ["transpose", "(2, 3)"]),
        (lambda: x.broadcast_to(4, 3), ShapeError, ["broadcast_to", "(2, 3)", "(4, 3)"]),
        (lambda: x.broadcast_to(3), ShapeError, ["broadcast_to", "(2, 3)", "(3,)"]),
        (lambda: x.sum(axis=2), ShapeError, ["axis 2", "2 axes", "-2 … 1"]),
        (lambda: leaf([1.0]).mT, ShapeError, ["two axes", "(1,)"]),
        (lambda: x @ 2.0, ShapeError, ["(2, 3)", "x * y"]),
        (lambda: te.clip(x, 2, 1), ShapeError, ["lo <= hi", "lo=2", "hi=1"]),
        (lambda: te.quadratic_cost(x, np.ones(4)), ShapeError, ["quadratic_cost", "(2, 3)", "(4,)"]),
        (lambda: x.item(), ShapeError, ["one entry", "x", "(2, 3)"]),
        (lambda: x.assign([1.0]), ShapeError, ["assign", "x", "(2, 3)", "(1,)"]),
        (lambda: i.assign([0.5, 1]), DtypeError, ["i", "int64", "float64"]),
        (lambda: x.backward(1.0), ShapeError, ["seed", "x", "(2, 3)", "()"]),
        (lambda: x.assign("ab"), DtypeError, ["numbers"]),
        (lambda: setattr(i, "requires_grad", True), DtypeError, ["i has dtype int64", "Tensor(2.0)"]),
        (lambda: setattr(x, "grad", [1.0]), ShapeError, ["gradient", "x", "(2, 3)", "(1,)"]),
        (lambda: setattr(i, "grad", [1, 1]), GradientError, ["i", "requires_grad=True"]),
        (lambda: setattr(x, "name", 3), DtypeError, ["text", "3"]),
        (lambda: Tensor([[1], [1, 2]]), ShapeError, ["rectangular"]),
        (lambda: Tensor([x]), DtypeError, ["stack"]),
        (lambda: (x * 2).assign(1.0), GradientError, ["multiply", "leaves"]),
        (lambda: setattr(x * 2, "requires_grad", False), GradientError, ["multiply", "detach()"]),
        (lambda: i.backward(), GradientError, ["i", "requires_grad=True", "no_grad()"]),
        (lambda: i.retain_grad(), GradientError, ["i", "retain"]),
        (lambda: x.__isub__(1), GradientError, ["x -= …", "with no_grad(): x -= …", "v = x - …"]),
        (lambda: x.__setitem__(0, 1), TypeError, ["t.at_set(key, value)", "t.assign"]),
        (lambda: bool(x), ValueError, ["(2, 3)", ".any()"]),
        (lambda: np.nextafter(x, 1), DtypeError, ["np.nextafter", "t.data"]),
        (lambda: np.add.accumulate(x), DtypeError, ["np.add.accumulate", "t.data"]),
        (lambda: np.asarray(x), DtypeError, ["graph of x", "t.numpy()", "stack"]),
        (lambda: x + "a", TypeError, ["add", "str", "'a'"]),
        (lambda: x[0.5], IndexError, []),
        (lambda: x[Tensor(0.5)], IndexError, ["integers", "float64"]),
        (lambda: te.grad(lambda t: t)(x), GradientError, ["one number", "(2, 3)"]),
        (lambda: x.softmax(axis=5), ShapeError, ["axis 5"]),
        (lambda: np.ones(4) @ x, ShapeError, ["4 != 2"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_message_says_what_was_given_needed_and_to_do(use: Any, error: type[Exception], says: list[str]) -> None:
    with pytest.raises(error) as caught:
        use()
    for words in says:
        assert words in str(caught.value)


def test_a_lecture_symbol_stands_for_a_tensor_without_a_name() -> None:
    t = leaf([1.0, 2.0])
    t.role = ("w", 2)
    with pytest.raises(GradientError, match="w2 has shape"):
        t.backward()


def test_a_missing_package_names_the_extra() -> None:
    error = te.missing_extra("matplotlib", "plot", "the cost curve")
    assert isinstance(error, te.MissingExtraError)
    assert str(error) == (
        "the cost curve needs the package 'matplotlib', which is not installed.  "
        "Install the extra 'plot' in the folder of tinygrad_edu: pip install -e '.[plot]'"
    )


def test_a_row_is_not_data() -> None:
    import pickle

    with pytest.raises(TypeError, match="name it instead of pickling"):
        pickle.dumps(te.exp)
