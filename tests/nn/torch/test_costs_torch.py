"""Each cost against PyTorch's in float64: values and gradients, every reduction, weights, labels that are none."""

import os

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("torch")
import torch

from nn import costs, layers
from tinygrad_edu import Tensor

RTOL = 1e-12
REDUCTIONS = ("mean", "sum", "none")


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).standard_normal(shape)


def probabilities(*shape: int) -> np.ndarray:
    p = np.exp(2 * numbers(*shape, seed=3))
    return p / p.sum(axis=min(1, len(shape) - 1), keepdims=True)


def labels(classes: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(4).integers(0, classes, shape)


def settings_of(settings: dict, convert) -> dict:
    return {k: convert(v) if isinstance(v, np.ndarray) else v for k, v in settings.items()}


def difference(ours, theirs) -> float:
    theirs = theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    return float(np.max(np.abs(np.asarray(ours.data) - theirs)) / max(1.0, np.max(np.abs(theirs))))


def compare(name: str, settings: dict, a: np.ndarray, y: np.ndarray, learn_y: bool = False) -> float:
    """The largest difference of the cost and of its gradients, for an uneven cotangent."""
    ours = getattr(costs, name)(**settings)
    theirs = getattr(torch.nn, name)(**settings_of(settings, torch.tensor))
    mine, other = Tensor(a, requires_grad=True), torch.tensor(a, requires_grad=True)
    target, aim = Tensor(y, requires_grad=learn_y), torch.tensor(y, requires_grad=learn_y)
    c, expected = ours(mine, target), theirs(other, aim)
    g = numbers(*expected.shape, seed=9)
    (c * g).sum().backward()
    expected.backward(torch.tensor(g))
    worst = max(difference(c, expected), difference(mine.grad, other.grad))
    return max(worst, difference(target.grad, aim.grad)) if learn_y else worst


SHAPES = [(5, 3), (4,), (2, 3, 4), (1, 1), ()]
ENTRYWISE = [
    *[(name, {}) for name in ("MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss")],
    ("HuberLoss", {"delta": 0.3}),
    ("SmoothL1Loss", {"beta": 0.3}),
    ("SmoothL1Loss", {"beta": 0.0}),
]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "settings"), ENTRYWISE)
def test_costs_entry_by_entry(name, settings, reduction):
    for shape in SHAPES:
        a, y = numbers(*shape), numbers(*shape, seed=1)
        assert compare(name, {**settings, "reduction": reduction}, a, y, learn_y=True) <= RTOL


@pytest.mark.parametrize(("name", "settings"), ENTRYWISE)
def test_at_the_kinks_the_slope_is_pytorchs(name, settings):
    edge = settings.get("delta", settings.get("beta", 1.0))
    d = np.array([0.0, edge, -edge, 1.01 * edge, 0.99 * edge, 1.5, -1.5])
    assert compare(name, {**settings, "reduction": "sum"}, d, np.zeros(7), learn_y=True) <= RTOL


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, numbers(5, 3, seed=5) ** 2, numbers(3, seed=6) ** 2])
@pytest.mark.parametrize("pos_weight", [None, numbers(3, seed=7) ** 2])
def test_bce_with_logits(reduction, weight, pos_weight):
    settings = {"reduction": reduction, "weight": weight, "pos_weight": pos_weight}
    for y in (labels(2, 5, 3).astype(float), np.random.default_rng(1).random((5, 3))):
        assert compare("BCEWithLogitsLoss", settings, 3 * numbers(5, 3), y) <= RTOL


def test_bce_at_extreme_logits():
    z = np.array([-1000.0, -40.0, 0.0, 40.0, 1000.0])
    for y in (np.zeros(5), np.ones(5), np.full(5, 0.25)):
        assert compare("BCEWithLogitsLoss", {"reduction": "none"}, z, y) <= RTOL


CLASSES = [((5, 3), (5,)), ((1, 4), (1,)), ((2, 3, 4), (2, 4)), ((2, 3, 4, 2), (2, 4, 2)), ((3,), ())]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(reduction, smoothing, weighted):
    for shape, targets in CLASSES:
        n = shape[min(1, len(shape) - 1)]
        weight = numbers(n, seed=8) ** 2 if weighted else None
        settings = {"reduction": reduction, "label_smoothing": smoothing, "weight": weight}
        z = 3 * numbers(*shape)
        assert compare("CrossEntropyLoss", settings, z, labels(n, *targets)) <= RTOL
        assert compare("CrossEntropyLoss", settings, z, probabilities(*shape), learn_y=True) <= RTOL


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
def test_nll(reduction, weighted):
    for shape, targets in CLASSES:
        n = shape[min(1, len(shape) - 1)]
        settings = {"reduction": reduction, "weight": numbers(n, seed=8) ** 2 if weighted else None}
        assert compare("NLLLoss", settings, np.log(probabilities(*shape)), labels(n, *targets)) <= RTOL


@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")  # PyTorch's advice to take batchmean
@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize("reduction", [*REDUCTIONS, "batchmean"])
def test_kl_divergence(reduction, log_target):
    y = probabilities(5, 3)
    a, settings = np.log(probabilities(5, 3)[:, ::-1]), {"reduction": reduction, "log_target": log_target}
    assert compare("KLDivLoss", settings, a, np.log(y) if log_target else y, learn_y=True) <= RTOL
    if not log_target:
        assert compare("KLDivLoss", settings, a, labels(2, 5, 3).astype(float)) <= RTOL  # 0 log 0 is 0


def test_kl_divergence_of_what_is_no_probability():
    a, y = np.array([-1.0, -2.0, -3.0]), np.array([-0.1, 0.5, 1.0])
    with pytest.warns(RuntimeWarning, match="invalid value"):
        ours = costs.KLDivLoss(reduction="none")(Tensor(a), y)
    theirs = torch.nn.KLDivLoss(reduction="none")(torch.tensor(a), torch.tensor(y))
    np.testing.assert_allclose(ours.data, theirs.numpy(), rtol=RTOL)


def test_the_lectures_and_the_books_cost_by_pytorchs():
    """QuadraticCost is n/2 MSELoss, and SigmoidCrossEntropy n BCEWithLogitsLoss, with n outputs."""
    z, y = numbers(5, 3), labels(2, 5, 3).astype(float)
    for ours, theirs in (
        (costs.QuadraticCost(), lambda a, b: torch.nn.functional.mse_loss(a, b) * 3 / 2),
        (costs.SigmoidCrossEntropy(), lambda a, b: torch.nn.functional.binary_cross_entropy_with_logits(a, b) * 3),
        (
            lambda a, b: costs.SigmoidCrossEntropy()(a, b),
            lambda a, b: torch.nn.functional.binary_cross_entropy(torch.sigmoid(a), b, reduction="sum") / 5,
        ),
    ):
        mine, other = Tensor(z, requires_grad=True), torch.tensor(z, requires_grad=True)
        c, expected = ours(mine, Tensor(y)), theirs(other, torch.tensor(y))
        c.backward()
        expected.backward()
        assert max(difference(c, expected), difference(mine.grad, other.grad)) <= RTOL


WRONG = [
    ("CrossEntropyLoss", np.zeros((2, 3)), np.array([0, 3])),
    ("CrossEntropyLoss", np.zeros((2, 3)), np.array([0, -1])),
    ("CrossEntropyLoss", np.zeros((2, 3)), np.array([[0], [1]])),
    ("CrossEntropyLoss", np.zeros((2, 3)), np.array([0, 1, 2])),
    ("CrossEntropyLoss", np.zeros((2, 3)), np.array([0.0, 1.0])),
    ("CrossEntropyLoss", np.zeros((2, 3)), np.array([[0, 1, 2], [2, 1, 0]])),
    ("NLLLoss", np.zeros((2, 3)), np.array([0, 3])),
    ("NLLLoss", np.zeros((2, 3)), np.eye(3)[:2]),
    ("BCEWithLogitsLoss", np.zeros((4, 1)), np.zeros(4)),
]


@pytest.mark.parametrize(("name", "a", "y"), WRONG)
def test_targets_that_do_not_fit_are_an_error_in_both(name, a, y):
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        getattr(torch.nn, name)()(torch.tensor(a), torch.tensor(y))
    with pytest.raises(ValueError, match=r"\d"):
        getattr(costs, name)()(Tensor(a), y)


def test_a_program_of_the_common_part_runs_on_both():
    """The same lines with torch.nn and with ours: one network, five steps by hand, the same numbers."""
    x, y = numbers(6, 1, 6, 6), labels(3, 6)

    def program(nn, cost, tensor, data):
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
        )
        loss = cost.CrossEntropyLoss(label_smoothing=0.1)
        rng = np.random.default_rng(0)
        net.load_state_dict({k: data(k, v, rng) for k, v in net.state_dict().items()})
        values = []
        for _ in range(5):
            c = loss(net(tensor(x)), tensor(y))
            net.zero_grad()
            c.backward()
            values.append(c.item())
            gradient_step(net)
        return values

    def ours(k, v, rng):
        return v if v.dtype.kind == "i" else rng.random(v.shape)

    def gradient_step(net):
        for p in list(net.parameters()):
            if isinstance(p, Tensor):
                p.assign(p.data - 0.5 * p.grad.data)
            else:
                with torch.no_grad():
                    p -= 0.5 * p.grad

    class Double:
        """torch.nn in double precision."""

        def __getattr__(self, name):
            kind = getattr(torch.nn, name)
            return lambda *a, **k: kind(*a, **k).double()

    class Ours:
        def __getattr__(self, name):
            kind = getattr(layers, name)
            wide = {"dtype": np.float64} if name in ("Conv2d", "BatchNorm2d", "Linear") else {}
            return lambda *a, **k: kind(*a, **k, **wide)

    theirs = program(
        Double(),
        torch.nn,
        torch.tensor,
        lambda k, v, rng: v if not v.is_floating_point() else torch.tensor(rng.random(tuple(v.shape))),
    )
    np.testing.assert_allclose(program(Ours(), costs, Tensor, ours), theirs, rtol=1e-10)
