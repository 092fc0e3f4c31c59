"""net.draw(): every weight has its arrow, with the right ends, sign and width; what is not computed is not zero."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nn
from nn.diagram import Diagram
from nn.diagram_svg import MINUS, NOTHING, PLUS
from nn.module import Module
from tinygrad_edu import DrawingError, ShapeError, Tensor, no_grad, tanh

SVG = "{http://www.w3.org/2000/svg}"


def net(*sizes: int, **settings) -> nn.MLP:
    return nn.MLP(sizes, rng=0, dtype=np.float64, **settings)


def learned(one: nn.MLP) -> nn.MLP:
    n_in, n_out = one[0].weight.shape[1], one[-2].weight.shape[0]
    nn.QuadraticCost()(one(Tensor(np.full((1, n_in), 0.5))), Tensor(np.ones((1, n_out)))).backward()
    return one


def parsed(d: Diagram) -> ET.Element:
    return ET.fromstring(d.svg)


def texts(d: Diagram) -> list[str]:
    return [e.text for e in parsed(d).iter(f"{SVG}text")]


def arrows(d: Diagram) -> dict[str, dict]:
    """Title ("from x₁ to a₂: 0.5") to what the arrow looks like."""
    found: dict[str, dict] = {}
    for g in parsed(d).iter(f"{SVG}g"):
        title, path = g.find(f"{SVG}title"), g.find(f"{SVG}path")
        if title is not None and path is not None:
            x0, y0, x1, y1 = map(float, re.findall(r"-?[\d.]+", path.get("d")))
            found[title.text] = {
                "ends": ((x0, y0), (x1, y1)),
                "color": path.get("stroke"),
                "dash": path.get("stroke-dasharray"),
                "width": float(path.get("stroke-width")),
            }
    return found


def circles(d: Diagram) -> dict[str, tuple[float, float, str]]:
    """Title of a neuron to the centre and fill of its circle."""
    found = {}
    for g in parsed(d).iter(f"{SVG}g"):
        circle = g.find(f"{SVG}circle")
        if circle is not None:
            found[g.find(f"{SVG}title").text] = (float(circle.get("cx")), float(circle.get("cy")), circle.get("fill"))
    return found


# ---- arrows ----------------------------------------------------------------------------------------------


def test_every_weight_is_an_arrow_from_neuron_j_to_neuron_i():
    one = net(3, 2)
    one[0].weight.assign([[1.0, -2.0, 3.0], [-4.0, 0.0, 0.5]])
    drawn = arrows(one.draw())
    assert len(drawn) == 6
    expected = {(i, j): v for (i, j), v in np.ndenumerate(one[0].weight.data)}
    names = "₁₂₃"
    centres = list(circles(one.draw()).values())
    for (i, j), value in expected.items():
        arrow = drawn[f"from x{names[j]} to a{names[i]}: {value:g}".replace("-", "−")]
        start, end = np.array(centres[j][:2]), np.array(centres[3 + i][:2])
        assert np.linalg.norm(arrow["ends"][0] - start) == pytest.approx(17, abs=0.2)
        assert np.linalg.norm(arrow["ends"][1] - end) < 35
        assert arrow["color"] == (NOTHING if value == 0 else PLUS if value > 0 else MINUS)
        assert (arrow["dash"] is None) == (value > 0)
        assert arrow["width"] == pytest.approx(0.8 + 3.4 * abs(value) / 4, abs=0.01)
    assert drawn["from x₁ to a₂: −4"]["dash"] != drawn["from x₂ to a₂: 0"]["dash"]


def test_strong_arrows_lie_on_top():
    widths = [a["width"] for a in arrows(net(4, 5, 3).draw()).values()]
    assert widths == sorted(widths)


def test_the_widest_arrow_is_named():
    one = net(2, 2)
    one[0].weight.assign([[1.0, -2.5], [0.5, 0.0]])
    assert "width: |w| up to 2.5" in texts(one.draw())


def test_few_weights_have_their_numbers_and_biases_stand_above_the_neurons():
    one = net(2, 2)
    one[0].weight.assign([[1.0, -2.5], [0.5, 0.0]])
    one[0].bias.assign([0.25, -0.75])
    shown = texts(one.draw())
    assert {"+1", "−2.5", "+0.5", "0", "+0.25", "−0.75"} <= set(shown)
    many = net(5, 4)
    assert len([t for t in texts(many.draw()) if re.fullmatch(r"[+−][\d.]+", t)]) == 4  # the biases alone


def test_layers_and_shapes_are_labelled_with_the_lectures_symbols():
    shown = texts(net(2, 3, 1, activation="tanh", output="linear").draw())
    assert {"layer 1", "layer 2", "layer 3", "a⁽¹⁾ = x", "a⁽²⁾ = tanh z⁽²⁾", "a⁽³⁾ = z⁽³⁾"} <= set(shown)
    assert {"w⁽²⁾ (3, 2)", "b⁽²⁾ (3,)", "w⁽³⁾ (1, 3)", "2 neurons", "1 neuron"} <= set(shown)
    assert {"x₁", "x₂", "a₁", "a₂", "a₃"} <= set(shown)
    assert "no bias" in texts(nn.Sequential(nn.Linear(2, 2, bias=False, rng=0)).draw())


# ---- many neurons ----------------------------------------------------------------------------------------


def test_of_many_neurons_the_first_six_and_the_last_two_are_drawn():
    d = net(784, 30, 10).draw()
    shown = texts(d)
    assert [t for t in shown if t.startswith("x")] == ["x₁", "x₂", "x₃", "x₄", "x₅", "x₆", "x₇₈₃", "x₇₈₄"]
    assert "784" in shown
    assert "30" in shown
    assert len(circles(d)) == 8 + 8 + 10
    assert len(arrows(d)) == 8 * 8 + 8 * 10
    assert "of more than 16 neurons: the first 6 and the last 2" in shown


@pytest.mark.parametrize(("n", "drawn"), [(16, 16), (17, 8)])
def test_sixteen_are_few(n, drawn):
    assert len(circles(net(n, 1).draw())) == drawn + 1


def test_the_last_neurons_show_their_own_numbers():
    one = net(20, 1)
    one[0].weight.assign(np.arange(1.0, 21.0)[None])
    drawn = arrows(one.draw())
    assert {"from x₁ to a₁: 1", "from x₁₉ to a₁: 19", "from x₂₀ to a₁: 20"} <= set(drawn)
    assert len(drawn) == 8


# ---- an example ------------------------------------------------------------------------------------------


def test_an_example_fills_the_neurons_with_its_activities():
    one = net(2, 3, 1)
    x = [0.3, -0.8]
    d = one.draw(x)
    a = one[1](one[0](Tensor([x]))).data[0]
    for i in range(3):
        titles = [t for t in circles(d) if t.startswith(f"neuron {i + 1} of layer 2")]
        assert f"= {a[i]:.3g}" in titles[0]
    assert f"{a[0]:.2f}" in texts(d)
    assert "−0.80" in texts(d)
    fills = {t[:19]: fill for t, (_, _, fill) in circles(d).items()}
    assert fills["neuron 1 of layer 1"] != fills["neuron 2 of layer 1"]
    assert {fill for _, _, fill in circles(one.draw()).values()} == {"white"}
    assert d.svg == one.draw(Tensor([x])).svg == one.draw(np.array(x)).svg


def test_an_example_changes_nothing_in_the_network():
    one = net(2, 3, 1)
    one.draw([1.0, 2.0])
    assert all(p.grad is None for p in one.parameters())
    assert one.training


def test_more_than_one_example_is_a_teaching_error():
    with pytest.raises(ShapeError, match=r"one example of 3 numbers; got shape \(5, 3\).*net.draw\(x\[0\]\)"):
        net(3, 2).draw(np.zeros((5, 3)))
    with pytest.raises(ShapeError, match=r"one example of 3 numbers; got shape \(2,\)"):
        net(3, 2).draw([1, 2])


# ---- gradients -------------------------------------------------------------------------------------------


def test_before_backward_gradients_are_not_computed_and_never_zeros():
    d = net(2, 3, 1).draw(gradients=True)
    assert any("not computed" in t for t in texts(d))
    assert "—, not computed" in d.table()
    assert {a["color"] for a in arrows(d).values()} == {NOTHING}
    assert {a["dash"] for a in arrows(d).values()} == {None}  # a dotted line would be zero
    assert not any("0" in t.partition(":")[2] for t in arrows(d))
    assert "zero" not in texts(d)


def test_after_backward_the_arrows_are_the_gradients():
    one = learned(net(2, 2))
    d = one.draw(gradients=True)
    drawn = arrows(d)
    g = one[0].weight.grad.data
    for (i, j), value in np.ndenumerate(g):
        title = f"from x{'₁₂'[j]} to a{'₁₂'[i]}: {value:.3g}".replace("-", "−")
        assert drawn[title]["width"] == pytest.approx(0.8 + 3.4 * abs(value) / np.abs(g).max(), abs=0.01)
    assert any(f"dC/db {one[0].bias.grad.data[0]:.3g}".replace("-", "−") in t for t in circles(d))
    assert any(t.startswith("width: |dC/dw|") for t in texts(d))
    assert not any("not computed" in t for t in texts(d))


# ---- text ------------------------------------------------------------------------------------------------


def test_the_table_has_the_same_numbers():
    one = net(2, 2)
    one[0].weight.assign([[1.0, -2.5], [0.5, 0.0]])
    one[0].bias.assign([0.25, -0.75])
    assert one.draw([0.0, 0.0]).table().splitlines() == [
        "layer 1: a⁽¹⁾ = x, 2 neurons",
        "  neuron  a",
        "      x₁  0",
        "      x₂  0",
        "",
        "layer 2: a⁽²⁾ = σ(z⁽²⁾), 2 neurons; w⁽²⁾ (2, 2), b⁽²⁾ (2,)",
        "  neuron      a      b  w from x₁  w from x₂",
        "      a₁  0.562   0.25          1       −2.5",
        "      a₂  0.321  −0.75        0.5          0",
    ]


def test_the_table_of_a_large_layer_says_what_is_left_out():
    table = net(784, 30).draw().table()
    assert "⋮" in table
    assert re.search(r"w from x₆\s+…\s+w from x₇₈₃", table)
    assert max(map(len, table.splitlines())) < 140


# ---- files and the notebook ------------------------------------------------------------------------------


def test_save_svg_and_txt(tmp_path):
    d = net(2, 3, 1).draw()
    assert d.save(tmp_path / "new" / "net.svg") == str(tmp_path / "new" / "net.svg")
    assert (tmp_path / "new" / "net.svg").read_text(encoding="utf-8") == d.svg
    d.save(str(tmp_path / "net.TXT"))
    assert (tmp_path / "net.TXT").read_text(encoding="utf-8") == d.table() + "\n"


@pytest.mark.parametrize("name", ["net.png", "net.pdf", "net"])
def test_another_format_is_a_teaching_error(tmp_path, name):
    with pytest.raises(DrawingError, match=r"\.svg or \.txt.*" + name):
        net(2, 1).draw().save(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_the_notebook_gets_the_picture_and_its_table():
    d = net(2, 3, 1).draw()
    assert d._repr_mimebundle_() == {"text/plain": d.table(), "image/svg+xml": d.svg}
    assert d._repr_mimebundle_(include=["text/plain"]) == {"text/plain": d.table()}
    assert d._repr_mimebundle_(exclude=["text/plain"]) == {"image/svg+xml": d.svg}
    assert repr(d) == "<Diagram of MLP 2-3-1>"
    assert repr(net(2, 3, 1).draw(gradients=True)) == "<Diagram of MLP 2-3-1, gradients>"


def test_a_diagram_stays_as_it_was():
    one = net(2, 1)
    d = one.draw()
    before = d.svg
    with no_grad():
        one[0].weight.assign([[9.0, 9.0]])
    assert d.svg == before != one.draw().svg


# ---- other networks --------------------------------------------------------------------------------------


class Free(Module):
    def forward(self, x):
        return x


class Skip(nn.Sequential):
    """A Sequential that computes something else."""

    def forward(self, x):
        return x + super().forward(x)


def test_nested_and_single_layers_can_be_drawn():
    nested = nn.Sequential(nn.Sequential(nn.Linear(2, 3, rng=0), nn.Tanh()), nn.Sequential(nn.Linear(3, 1, rng=0)))
    assert "Sequential 2-3-1" in repr(nested.draw())
    assert "Linear 2-3" in repr(nn.Linear(2, 3, rng=0).draw())


UNDRAWABLE = {
    "a Free": lambda: nn.Sequential(nn.Linear(2, 2), Free()),
    "a Skip": lambda: Skip(nn.Linear(2, 2)),
    "no Linear layer": lambda: nn.Sequential(),
    "one more activation": lambda: nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.ReLU()),
    "has one more": lambda: nn.Sequential(nn.Tanh(), nn.Linear(2, 2)),
    "QuadraticCost": lambda: nn.QuadraticCost(),
}


@pytest.mark.parametrize("reason", UNDRAWABLE)
def test_another_network_is_a_teaching_error(reason):
    with pytest.raises(DrawingError, match=reason) as error:
        UNDRAWABLE[reason]().draw()
    assert "nn.MLP([2, 3, 1])" in str(error.value)
    assert "tinygrad_edu.draw(cost)" in str(error.value)


def test_layers_that_do_not_fit_are_named():
    with pytest.raises(DrawingError, match=r"Linear\(2, 3\) does not fit before Linear\(4, 1\)"):
        nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)).draw()


def test_an_activation_of_ones_own_is_drawn_under_its_name():
    Swish = type("Swish<b>&", (nn.Tanh,), {"function": tanh})
    d = nn.Sequential(nn.Linear(1, 1, rng=0), Swish()).draw([1.0])
    assert "a⁽²⁾ = Swish<b>&(z⁽²⁾)" in texts(d)


@pytest.mark.parametrize("name", ["</svg><script>alert(1)</script>", '" onload="x', "\u202eabc", "a" * 10**4])
def test_hostile_names_are_inert(name):
    one = type(name, (nn.Sequential,), {})(nn.Linear(2, 2, rng=0))
    one[0].weight.name = name
    d = one.draw()
    assert {e.tag for e in parsed(d).iter()} <= {
        f"{SVG}{t}" for t in ("svg", "rect", "text", "g", "title", "path", "polygon", "circle")
    }
    assert "script" not in {e.tag for e in parsed(d).iter()}
    assert all(not key.startswith("on") for e in parsed(d).iter() for key in e.attrib)
    assert len(d.svg) < 20_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, 1e-320])
def test_strange_weights_can_be_drawn_and_are_counted(value):
    one = net(2, 2)
    one[0].weight.assign([[1.0, value], [0.5, 0.0]])
    d = one.draw()
    assert "nan" not in re.sub(r">[^<]*<", "><", d.svg)
    assert "inf" not in re.sub(r">[^<]*<", "><", d.svg)
    strange = not np.isfinite(value)
    assert any(t.startswith("NaN or infinite: 1 of the weights") for t in texts(d)) == strange
    with np.errstate(all="ignore"):
        parsed(one.draw([1.0, np.nan]))


def test_a_picture_needs_no_program_and_stays_small(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert len(net(784, 16, 16, 10).draw(np.zeros(784)).svg) < 200_000
