"""print(net) and the notebook's tables and curves: the shapes, the counts and the gradients are right."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

import nn
from nn.module import Module
from nn.train import Epoch, History
from tinygrad_edu import Tensor


def network() -> nn.MLP:
    return nn.MLP([784, 30, 10], rng=0)


class Scaled(Module):
    """A learner's module, with parameters of its own, fixed numbers, and a layer that is used twice."""

    def __init__(self):
        self.gain = Tensor([1.0, 2.0], requires_grad=True)
        self.fixed = Tensor([1.0, 2.0, 3.0])
        self.body = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, bias=False, rng=0))
        self.tied = self.body[0]
        self.self = self

    def forward(self, x):
        return self.body(x) * self.gain


def learn(net, n_in: int, n_out: int) -> None:
    nn.QuadraticCost()(net(Tensor(np.ones((2, n_in)))), Tensor(np.zeros((2, n_out)))).backward()


def rows(text: str) -> dict[str, list[str]]:
    """First column to the others."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return {first: rest for first, *rest in lines}


def html_rows(html: str) -> list[list[str]]:
    return [["".join(cell.itertext()) for cell in row] for row in ET.fromstring(html).iter("tr")]


# ---- the table -------------------------------------------------------------------------------------------


def test_print_shows_layer_output_parameters_and_the_total():
    assert str(network()).splitlines() == [
        "layer                 output   parameters  |dC/dw|  |dC/db|",
        "─" * 59,
        "MLP",
        "  0: Linear(784, 30)  (S, 30)      23,550        —        —",
        "  1: Sigmoid()        (S, 30)",
        "  2: Linear(30, 10)   (S, 10)         310        —        —",
        "  3: Sigmoid()        (S, 10)",
        "─" * 59,
        "total                              23,860",
        "—: not computed.  backward() of a cost finds it",
    ]


def test_repr_is_still_how_it_was_made():
    assert (
        repr(network()) == "MLP(\n  0: Linear(784, 30)\n  1: Sigmoid()\n  2: Linear(30, 10)\n  3: Sigmoid()\n)"
    )  # in the terminal; print(net) is the table


def test_after_backward_the_sizes_of_the_gradients_stand_there():
    net = nn.MLP([3, 2], rng=0)
    learn(net, 3, 2)
    layer = net[0]
    dw, db = (np.sqrt(np.sum(t.grad.data.astype(float) ** 2)) for t in (layer.weight, layer.bias))
    assert rows(str(net))["0: Linear(3, 2)"] == ["(S, 2)", "8", f"{dw:.4g}", f"{db:.4g}"]
    assert "not computed" not in str(net)
    net.zero_grad()
    assert rows(str(net))["0: Linear(3, 2)"] == ["(S, 2)", "8", "—", "—"]


def test_a_gradient_of_zero_is_zero_and_not_a_dash():
    net = nn.Linear(2, 1, rng=0)
    net.weight.grad, net.bias.grad = np.zeros((1, 2)), np.zeros(1)
    assert rows(str(net))["Linear(2, 1)"] == ["(S, 1)", "3", "0", "0"]


def test_a_learners_module_shows_what_it_holds_and_counts_shared_ones_once():
    net = Scaled()
    found = rows(str(net))
    assert found["gain"] == ["(2,)", "2", "—"]
    assert found["fixed"] == ["(3,)", "fixed"]
    assert found["0: Linear(3, 4)"] == ["(S, 4)", "16", "—", "—"]
    assert found["2: Linear(4, 2, bias=False)"] == ["(S, 2)", "8", "—"]
    assert found["tied: Linear(3, 4)"] == ["(S, 4)", "shared", "—", "—"]
    assert found["total"] == [str(sum(p.size for p in net.parameters()))] == ["26"]
    assert "besides 3 numbers that are not learned" in str(net)
    assert "self" not in str(net)


def test_an_activation_has_the_shape_of_what_goes_in():
    net = nn.Sequential(nn.Tanh(), nn.Linear(3, 5, rng=0), nn.Sequential(nn.ReLU(), nn.Tanh()), Scaled(), nn.Sigmoid())
    found = [re.split(r"\s{2,}", line.strip()) for line in str(net).splitlines()]
    assert [row for row in found if row[0].endswith("()")] == [
        ["0: Tanh()"],  # what goes in is not known
        ["0: ReLU()", "(S, 5)"],
        ["1: Tanh()", "(S, 5)"],
        ["1: ReLU()", "(S, 4)"],
        ["4: Sigmoid()"],  # after a learner's module
    ]


@pytest.mark.parametrize("module", [nn.Sigmoid(), nn.QuadraticCost(), Module()])
def test_a_module_that_holds_nothing_is_its_repr(module):
    assert str(module) == repr(module)
    assert repr(module) in module._repr_html_()


def test_an_empty_sequential_can_be_printed():
    assert str(nn.Sequential()) == "Sequential()"


def test_a_huge_gradient_does_not_overflow():
    net = nn.Linear(1, 1, rng=0)
    net.weight.grad = np.float32([[1e30]])
    assert rows(str(net))["Linear(1, 1)"][2] == "1e+30"


# ---- in a notebook ---------------------------------------------------------------------------------------


def test_the_notebook_gets_the_same_table():
    net = network()
    learn(net, 784, 10)
    shown = html_rows(net._repr_html_())
    text = [line for line in str(net).splitlines() if "─" not in line]
    assert len(shown) == len(text)
    for row, line in zip(shown, text, strict=True):
        assert [cell for cell in row if cell] == re.split(r"\s{2,}", line.strip())


HOSTILE = ["</table><script>alert(1)</script>", '"><img src=x onerror=y>', "\u202eabc", "a" * 10**4]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_inert(name):
    net = type(name, (Scaled,), {})()
    net.parts = {name: nn.Linear(2, 2, rng=0), "t": {name: Tensor(1.0, requires_grad=True)}}
    html = net._repr_html_()
    assert {e.tag for e in ET.fromstring(html).iter()} <= {
        "div", "table", "thead", "tbody", "tfoot", "tr", "th", "td"
    }  # fmt: skip
    assert len(html) < 12_000
    assert "\u202e" not in html + str(net)
    assert max(map(len, str(net).splitlines())) < 160


# ---- a history -------------------------------------------------------------------------------------------


def history(rates=(10.0, 91.0, 93.0, 95.0), costs=(0.5, 0.07, 0.05, 0.04), **settings) -> History:
    tested = [None if r is None else int(10 * r) for r in rates]
    epochs = zip(costs, tested, strict=True)
    return History([Epoch(k, c, r, 1000, 0.5, 20) for k, (c, r) in enumerate(epochs)], **settings)


def curves(html: str) -> dict[bool, list[tuple[float, float]]]:
    """Dashed or not, to the points of the path."""
    found = {}
    for path in ET.fromstring(html).iter("{http://www.w3.org/2000/svg}path"):
        if path.get("stroke-width") == "2":
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
            found[path.get("stroke-dasharray") is not None] = list(zip(numbers[::2], numbers[1::2], strict=True))
    return found


def test_a_history_shows_its_last_epoch_and_its_curves():
    html = history()._repr_html_()
    assert "epoch 3 · " in html
    assert "cost 0.0400" in html
    assert "test 950/1000 (95.0 %)" in html
    found = curves(html)
    assert len(found[False]) == 4
    top, bottom = 26.0, 156.0
    heights = [(bottom - y) / (bottom - top) for _, y in found[False]]
    np.testing.assert_allclose(heights, [1, 0.14, 0.1, 0.08], atol=1e-3)
    heights = [90 + 10 * (bottom - y) / (bottom - top) for _, y in found[True]]
    np.testing.assert_allclose(heights, [90, 91, 93, 95], atol=0.01)  # the first point is cut off at the lower edge
    first, second = found[True][0][0], found[True][1][0]
    left, right = found[False][0][0], found[False][1][0]
    assert second == right
    assert (first - left) / (right - left) == pytest.approx((90 - 10) / (91 - 10), abs=1e-3)


def test_a_history_without_tests_shows_the_cost_alone():
    html = history(rates=(None,) * 4)._repr_html_()
    assert list(curves(html)) == [False]
    assert "accuracy" not in html


def dotted(html: str) -> list[list[float]]:
    """The heights, from 0 to 1, of the dotted curves."""
    found = []
    for path in ET.fromstring(html).iter("{http://www.w3.org/2000/svg}path"):
        if path.get("stroke-dasharray") == "1 4":
            numbers = [float(n) for n in re.findall(r"-?[\d.]+", path.get("d"))]
            found.append([(156.0 - y) / 130 for y in numbers[1::2]])
    return found


@pytest.mark.parametrize("rates", [(10.0, 92.0, 93.0), (None,) * 3])
def test_a_history_shows_the_validation_examples_dotted(rates):
    shown = history(rates, (0.5, 0.2, 0.1))
    assert dotted(shown._repr_html_()) == []
    figures = zip(shown.epochs, [1.0, 0.5, 0.25], [5, 45, 46], strict=True)
    epochs = [replace(e, validation_cost=c, validation_right=r, validated=50) for e, c, r in figures]
    html = History(epochs)._repr_html_()
    cost, accuracy = dotted(html)
    np.testing.assert_allclose(cost, [1, 0.5, 0.25], atol=1e-3)
    np.testing.assert_allclose(accuracy[-2:], [0.5, 0.7], atol=1e-3)
    assert "validation 0.2500 (92.0 %)" in html
    assert "dotted: validation" in html
    text = str(History(epochs))
    assert text.splitlines()[2].startswith("epoch 2/2  cost 0.1000  validation 0.2500 (92.0 %)")


def test_a_history_as_text_is_a_line_per_epoch():
    assert str(History()) == "no epochs yet"
    lines = str(history(interrupted=True, stopped="enough")).splitlines()
    assert len(lines) == 6
    assert lines[0] == "epoch 0/3  cost 0.5000  test  100/1000 (10.0 %)   before training"
    assert lines[-2:] == ["interrupted: what was learned is kept", "stopped: enough"]


def test_a_history_of_no_or_one_epoch_has_no_curve():
    assert "no epochs" in History()._repr_html_()
    html = history((10.0,), (0.5,))._repr_html_()
    assert "before training" in html
    assert curves(html) == {}


def test_an_interrupted_history_says_so():
    assert "interrupted" in history(interrupted=True)._repr_html_()
    assert "interrupted" not in history()._repr_html_()


@pytest.mark.parametrize("costs", [(0.0, 0.0), (float("nan"), 0.5, 0.2), (float("inf"), float("nan")), (1e300, 1.0)])
def test_strange_costs_are_no_exception(costs):
    html = history((50.0,) * len(costs), costs)._repr_html_()
    assert ET.fromstring(html) is not None
    assert "nan" not in "".join(re.findall(r' d="[^"]*"| c[xy]="[^"]*"', html))


def test_a_history_needs_no_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    assert "<svg" in history()._repr_html_()
