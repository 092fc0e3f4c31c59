"""The draw-a-digit page as Python makes it: what travels, its words, its picture, and what it refuses."""

import base64
import json
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nn
from nn.data import one_hot
from nn.digit_page import draw_digit_page, packed, read_layers, reference
from nn.metrics import outputs
from nn.module import Module
from tinygrad_edu import DataError, DrawingError


def pictures(n: int = 40, side: int = 8, classes: int = 10, seed: int = 0) -> nn.Examples:
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return nn.Examples(rng.random((n, side * side), np.float32), one_hot(labels, classes), labels, (side, side))


def island(page) -> dict:
    """The data in the page."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.S)[1])


def unpacked(block: dict) -> np.ndarray:
    return np.frombuffer(base64.b64decode(block["data"]), block["dtype"])


# ---- what travels ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "code"), [(np.float32, "<f4"), (np.float64, "<f8")])
def test_the_parameters_travel_bit_for_bit(dtype, code):
    net = nn.MLP([64, 12, 10], rng=3, dtype=dtype)
    data = island(draw_digit_page(net, pictures()))
    sent = [unpacked(layer[name]) for layer in data["layers"] for name in "wb"]
    for block, p in zip(sent, net.parameters(), strict=True):
        assert block.dtype == np.dtype(code)
        assert block.tobytes() == p.data.tobytes()
    assert data["dtype"] == np.dtype(dtype).name


def test_a_half_precision_array_travels_exactly():
    values = np.array([0.1, -3.3], np.float16)
    assert np.array_equal(unpacked(packed(values)), values)


@pytest.mark.parametrize(
    "activation", ["sigmoid", "tanh", "relu", "linear", "leaky_relu", "elu", "gelu", "silu", "softplus"]
)
def test_the_reference_is_the_network_in_float64(activation):
    net = nn.MLP([64, 9, 7, 10], activation, rng=1, init="uniform", dtype=np.float64)
    x = pictures().x.astype(np.float64)
    assert np.allclose(reference(read_layers(net), x), outputs(net, x), rtol=1e-13, atol=1e-13)


def test_the_samples_are_two_of_each_class_and_then_mistakes():
    examples = pictures(200)
    net = nn.MLP([64, 10], rng=0)
    samples = island(draw_digit_page(net, examples))["samples"]
    assert samples["labels"][:20] == [*range(10), *range(10)]
    assert samples["rows"][:20] == [*range(20)]
    said = np.argmax(outputs(net, examples.x), axis=1)
    wrong = [i for i in np.flatnonzero(said != examples.labels) if i >= 20][:10]
    assert samples["rows"][20:] == wrong
    assert len(wrong) == 10
    assert samples["said"] == said[samples["rows"]].tolist()
    assert np.array_equal(unpacked(samples["x"]).reshape(-1, 64), examples.x[samples["rows"]])
    assert np.array_equal(unpacked(samples["found"]).reshape(-1, 10), outputs(net, examples.x)[samples["rows"]])


def test_fewer_examples_than_samples_and_a_class_that_has_none():
    page = draw_digit_page(nn.MLP([64, 10], rng=0), pictures(3))
    assert island(page)["samples"]["rows"] == [0, 1, 2]


def test_sequentials_in_sequentials_and_a_single_layer_and_no_bias():
    inner = nn.Sequential(nn.Linear(64, 5, rng=0), nn.Tanh())
    net = nn.Sequential(inner, nn.Linear(5, 10, bias=False, rng=1))
    assert [(layer.w.shape, layer.f) for layer in read_layers(net)] == [((5, 64), "tanh"), ((10, 5), "linear")]
    assert np.array_equal(read_layers(net)[1].b, np.zeros(10))
    assert island(draw_digit_page(nn.Linear(64, 10, rng=0), pictures()))["layers"][0]["f"] == "linear"


def test_the_history_travels_and_is_told():
    net, data = nn.MLP([64, 10], rng=0), pictures(50)
    optimizer = nn.optim.SGD(net.parameters(), 1.0)
    history = nn.fit(net, nn.QuadraticCost(), optimizer, data, 2, test=data, rng=0, progress=False)
    page = draw_digit_page(net, data, history)
    assert island(page)["history"] == {
        "epochs": [0, 1, 2],
        "costs": history.costs,
        "accuracies": history.accuracies,
        "interrupted": False,
    }
    assert "training   2 epochs" in page.text
    assert island(draw_digit_page(net, data))["history"] is None
    assert island(draw_digit_page(net, data, nn.History()))["history"] is None


@pytest.mark.parametrize(
    ("output", "cost", "kind"),
    [
        (None, None, "quadratic"),
        ("linear", None, "cross-entropy"),
        ("linear", nn.QuadraticCost(), "quadratic"),
        (None, nn.CrossEntropyLoss(), "cross-entropy"),
    ],
)
def test_the_cost_is_cross_entropy_where_the_outputs_are_linear_unless_told(output, cost, kind):
    net = nn.MLP([64, 10], output=output, rng=0)
    assert island(draw_digit_page(net, pictures(), cost=cost))["cost"] == kind


def test_a_softmax_at_the_end_has_the_log_likelihood_and_not_two_softmaxes():
    net = nn.Sequential(nn.Linear(64, 10, rng=0), nn.Softmax())
    page = draw_digit_page(net, pictures())
    assert island(page)["cost"] == "log-likelihood"
    assert island(draw_digit_page(net, pictures(), cost=nn.QuadraticCost()))["cost"] == "quadratic"
    assert "they sum to 1" in page.text
    assert "they sum to 1" in page.svg
    with pytest.raises(DataError, match="a softmax inside already"):
        draw_digit_page(net, pictures(), cost=nn.CrossEntropyLoss())


# ---- words and picture -----------------------------------------------------------------------------------


def test_the_words_have_architecture_accuracy_and_outputs():
    net, data = nn.MLP([64, 30, 10], rng=0), pictures(360)
    page = draw_digit_page(net, nn.Dataset("noise", data, None, data))
    right = int(np.sum(nn.predict(net, data.x) == data.labels))
    assert "64 inputs (8 x 8 pixels) -> 30 sigmoid neurons -> 10 sigmoid neurons" in page.text
    assert f"{right} of 360 right ({100 * right / 360:.1f} %)" in page.text
    row = island(page)["samples"]["rows"][4]
    line = next(words for words in map(str.split, page.text.splitlines()) if words[:1] == [str(row)])
    assert line[3:] == [f"{a:.3f}" for a in outputs(net, data.x[row : row + 1])[0]]


def test_the_still_picture_is_one_svg_without_anything_active():
    page = draw_digit_page(nn.MLP([64, 10], rng=0), pictures(), title="<&\"'>", classes=["<b>&", *"abcdefghi"])
    root = ET.fromstring(page.svg)
    names = {node.tag.rpartition("}")[2] for node in root.iter()}
    assert names == {"svg", "rect", "text"}
    assert "<b>&" in {node.text for node in root.iter()}


def test_outputs_that_are_not_finite_still_make_a_page():
    net = nn.MLP([64, 10], output="linear", rng=0)
    net[0].bias.assign(np.full(10, np.nan, np.float32))
    page = draw_digit_page(net, pictures())
    assert "nan" in page.text
    ET.fromstring(page.svg)


@pytest.mark.parametrize("output", [None, "linear"])
def test_no_output_is_called_a_chance(output):
    page = draw_digit_page(nn.MLP([64, 10], output=output, rng=0), pictures())
    for text in (page.html, page.text, page.svg):
        assert not re.search(r"confiden|probab|certain", text, re.I)


def test_sizes():
    page = draw_digit_page(nn.MLP([784, 30, 10], rng=0), pictures(60, 28))
    assert len(page.html.encode()) < 1_000_000
    empty = re.sub(r'(id="data">).*?(</script>)', r"\1\2", page.html, flags=re.S)
    assert len(empty.encode()) < 150_000


def test_names_are_made_safe():
    hostile = ["</script><img src=x onerror=alert(1)>", "\u202eabc", "", "x" * 10_000, *"456789"]
    page = draw_digit_page(
        nn.MLP([64, 10], rng=0), pictures(), classes=hostile, title="</title><script>alert(1)</script>"
    )
    assert page.html.count("<script") == 2
    assert "<img" not in page.html
    classes = island(page)["classes"]
    assert classes[1:3] == ["abc", "2"]
    assert max(map(len, classes)) <= 24


# ---- what it refuses -------------------------------------------------------------------------------------


class Dropout(Module):
    def forward(self, x):
        return x


class Twice(nn.Linear):
    def forward(self, x):
        return super().forward(x) * 2


class Backwards(nn.Sequential):
    def forward(self, x):
        return x


NETS = [
    (nn.Sequential(nn.Linear(64, 10), Dropout()), r"net\[1\] is a Dropout"),
    (nn.Sequential(Twice(64, 10)), r"net\[0\] is a Twice with a forward\(\) of its own"),
    (Backwards(nn.Linear(64, 10)), r"net is a Backwards with a forward\(\) of its own"),
    (nn.Sequential(nn.Sigmoid(), nn.Linear(64, 10)), r"net\[0\] = Sigmoid\(\) does not come right after a Linear"),
    (nn.Sequential(nn.Linear(64, 10), nn.ReLU(), nn.Tanh()), r"net\[2\] = Tanh\(\) does not come right after"),
    (nn.Sequential(nn.Linear(64, 5), nn.Linear(6, 10)), r"net\[1\] = Linear\(6, 10\) takes 6 numbers.* 5 neurons"),
    (nn.Sequential(nn.Linear(64, 10), nn.LogSoftmax()), r"net\[1\] is a LogSoftmax.*It knows Sigmoid, .*, Softmax"),
    (nn.Sequential(nn.Linear(64, 9), nn.Softmax(), nn.Linear(9, 10)), r"net\[1\] = Softmax.*at the end"),
    (nn.Sequential(nn.Linear(64, 10), nn.Softmax(dim=0)), r"net\[1\] = Softmax\(dim=0\).*of all outputs"),
    (nn.Sequential(), "no layers"),
    ("net", "net is a str"),
]


@pytest.mark.parametrize(("net", "said"), NETS)
def test_other_networks_are_refused_by_name(net, said):
    with pytest.raises(DrawingError, match=said):
        draw_digit_page(net, pictures())


def without_shape() -> nn.Examples:
    e = pictures()
    return nn.Examples(e.x, e.y, e.labels)


def shaped(*shape: int) -> nn.Examples:
    e = pictures()
    return nn.Examples(e.x, e.y, e.labels, shape)


def scaled(factor: float, shift: float) -> nn.Examples:
    e = pictures()
    return nn.Examples(e.x * np.float32(factor) + np.float32(shift), e.y, e.labels, (8, 8))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (without_shape(), "no image_shape.*image_shape="),
        (shaped(4, 16), r"square grey pictures.*\(4, 16\)"),
        (shaped(8, 8, 1), r"square grey pictures.*\(8, 8, 1\)"),
        (pictures()[:0], "no test examples"),
        (pictures(side=28), "64 inputs and 10 outputs.*784 pixels and 10 classes"),
        (pictures(classes=4), "10 outputs.*4 classes"),
        (scaled(2, -1), "from 0 .*to 1 .*x goes from -"),
        (scaled(16, 0), "Bring x into"),
        (np.zeros((3, 64)), "not a ndarray"),
    ],
)
def test_data_that_make_no_page_are_refused(data, said):
    with pytest.raises(DataError, match=said):
        draw_digit_page(nn.MLP([64, 10], rng=0), data)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"history": [1, 2]}, "history is what nn.fit returned.*list"),
        ({"classes": ["a"]}, "10 names"),
        ({"classes": "0123456789"}, "10 names"),
        ({"classes": list(range(10))}, "10 names"),
        ({"cost": nn.Sigmoid()}, "not a Sigmoid"),
    ],
)
def test_what_else_is_wrong_is_said(more, said):
    with pytest.raises(DataError, match=said):
        draw_digit_page(nn.MLP([64, 10], rng=0), pictures(), **more)
