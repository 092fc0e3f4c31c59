"""Drawings: what they show is what the Tensors hold, whatever the names are, with `dot` and without."""

import os
import re
import shutil
import subprocess
import sys
import time
import warnings
import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from tinygrad_edu import Tensor, concatenate, linear, quadratic_cost, sigmoid
from tinygrad_edu.errors import DrawingError, DtypeError, MissingExtraError
from tinygrad_edu.op import Op
from tinygrad_edu.visual import Drawing, dot, draw
from tinygrad_edu.visual.layout import place
from tinygrad_edu.visual.picture import Box, read
from tinygrad_edu.visual.svg import svg
from tinygrad_edu.visual.trace import trace

SVG = "{http://www.w3.org/2000/svg}"


def neuron(backward=True, retain=True):
    """a = sigma(w1 x1 + w2 x2 + b), cost = (a - y)^2 / 2, number by number; and its Tensors by name."""
    given = {"w1": 0.5, "w2": -0.3, "b": 0.3}
    t = {name: Tensor(v, requires_grad=True, name=name) for name, v in given.items()}
    t |= {name: Tensor(v, name=name) for name, v in {"x1": 1.0, "x2": 2.0, "y": 1.0}.items()}
    t["p1"] = t["w1"] * t["x1"]
    t["z"] = t["p1"] + t["w2"] * t["x2"] + t["b"]
    t["a"] = sigmoid(t["z"])
    t["cost"] = (t["a"] - t["y"]) ** 2 / 2
    for name in ("z", "a", "cost"):
        t[name].name = name
        if retain:
            t[name].retain_grad()
    if backward:
        t["cost"].backward()
    return t


def network(sizes=(3, 4, 2), batch=1, seed=0):
    """The lecture's network on arrays, with the roles that `nn` sets; its Tensors by role."""
    rng = np.random.default_rng(seed)
    t = {("x", 1): Tensor(rng.random((batch, sizes[0])))}
    a = t["x", 1]
    for layer, (n_in, n_out) in enumerate(pairwise(sizes), start=2):
        w = t["w", layer] = Tensor(rng.standard_normal((n_out, n_in)), requires_grad=True)
        b = t["b", layer] = Tensor(rng.standard_normal(n_out), requires_grad=True)
        z = t["z", layer] = linear(a, w, b).retain_grad()
        a = t["a", layer] = sigmoid(z)
    t["y", layer] = Tensor(rng.random((batch, sizes[-1])))
    t["cost", layer] = quadratic_cost(a, t["y", layer])
    for role, tensor in t.items():
        tensor.role = role
    t["cost", layer].backward()
    return t


def boxes(t) -> dict[str, Box]:
    return {box.symbol: box for box in read(t, "LR", 500).boxes}


def rows(box: Box) -> dict[str, str]:
    return dict(box.rows)


def texts(svg: str | bytes) -> list[str]:
    return ["".join(e.itertext()) for e in ET.fromstring(svg).iter(f"{SVG}text")]


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


@pytest.fixture
def real_dot():
    if shutil.which("dot") is None:
        if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
            pytest.fail("the program `dot` is required and not installed")
        pytest.skip("the program `dot` is not installed")


@pytest.fixture
def fake_dot(monkeypatch, tmp_path):
    """Put a `dot` of one's own in front."""

    def put(script):
        program = tmp_path / "bin" / "dot"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return put


# ---- contents --------------------------------------------------------------------------------------------


def test_every_tensor_has_its_value_and_gradient():
    t = neuron()
    shown = boxes(t["cost"])
    for name in ("w1", "w2", "b", "z", "a", "cost"):
        assert rows(shown[name]) == {"value": f"{t[name].item():.6g}", "gradient": f"{t[name].grad.item():.6g}"}
    source = draw(t["cost"]).source
    for name in ("w1", "w2", "b", "z", "a", "cost"):
        label = re.search(rf"<B>{name}</B>.*</TABLE>", source)[0]
        assert f">{t[name].item():.6g}<" in label
        assert f">{t[name].grad.item():.6g}<" in label


def test_arrows_go_from_input_to_output():
    t = neuron()
    picture = read(t["cost"], "LR", 500)
    index = {box.symbol: i for i, box in enumerate(picture.boxes)}
    assert len(picture.boxes) == 6 + 8
    assert (index["z"], index["a"]) in picture.arrows
    assert (index["y"], index["v₄"]) in picture.arrows
    assert all(i < j for i, j in picture.arrows)
    x = Tensor(3.0, requires_grad=True)
    assert read(x * x, "LR", 500).arrows == ((0, 1), (0, 1))  # used twice: two arrows


def test_formulas_have_their_own_operands():
    t = neuron()
    formulas = {s: box.formula for s, box in boxes(t["cost"]).items() if box.formula}
    assert formulas == {
        "v₁": "w1 · x1",
        "v₂": "w2 · x2",
        "v₃": "v₁ + v₂",
        "z": "v₃ + b",
        "a": "1 / (1 + e^-z)",
        "v₄": "a - y",
        "v₅": "v₄ ^ 2",  # the number is folded in
        "cost": "v₅ / 2",
    }
    net = boxes(network()["cost", 3])
    assert net["z⁽²⁾"].formula == "x w⁽²⁾ᵀ + b⁽²⁾"
    assert net["a⁽²⁾"].formula == "1 / (1 + e^-z)"  # not e^-z⁽²⁾: it would read as a square
    assert net["C"].formula == "½ Σ (a⁽³⁾ - y)² / S"
    x = Tensor(2.0, requires_grad=True, name="x")
    long = Tensor(2.0, name="a name of many words")
    assert boxes(x * -1)["C"].formula == "x · (-1)"
    assert boxes(x - long)["C"].formula == "x - y"  # letters, where a name does not fit
    assert boxes(concatenate([x.reshape(1), x.reshape(1)]))["v₃"].formula == "inputs joined along an axis"
    assert boxes(x.clip(0, 1.5))["C"].formula == "min(max(x, 0), 1.5)"
    nameless = Op("twice", lambda x, y: x * y, (lambda g, z, x, y: g * y, None))
    assert boxes(nameless(x, 2))["C"].formula == "twice(x, 2)"


def test_a_cost_without_name_is_C_as_in_a_trace():
    x = Tensor(2.0, requires_grad=True)
    cost = (x * 3) ** 2
    assert list(boxes(cost)) == [n["symbol"]["text"] for n in trace(cost).data["nodes"]] == ["v₁", "v₂", "C"]
    assert list(boxes(x)) == ["v₁"]  # nothing was computed
    assert list(boxes(Tensor([1.0, 2.0], requires_grad=True) * 3)) == ["v₁", "v₂"]  # not one number: no cost


def test_general_rule_is_shown_on_hover():
    source = draw(neuron()["cost"]).source
    assert 'tooltip="multiply: x · y"' in source
    assert 'tooltip="power: x ^ y"' in source or 'tooltip="power: x ^ n"' in source


def test_gradients_that_are_not_there_are_never_zero():
    before = boxes(neuron(backward=False)["cost"])
    for name in ("w1", "b", "z", "v₁", "cost"):
        assert rows(before[name])["gradient"] == "—, not computed"
    assert rows(before["x1"])["gradient"] == "—, not asked for"
    after = boxes(neuron(retain=False)["cost"])
    for name in ("z", "a", "v₁", "cost"):
        assert rows(after[name])["gradient"] == "— (retain_grad() keeps it)"
    t = neuron()
    for name in ("w1", "w2", "b", "z", "a", "cost"):
        t[name].zero_grad()
    assert rows(boxes(t["cost"])["z"])["gradient"] == "—, not computed"


def test_delta_is_the_gradient_of_z():
    t = network()
    delta = t["z", 2].grad.data[0]
    listed = ", ".join(f"{d:.4g}" for d in delta)
    assert rows(boxes(t["cost", 3])["z⁽²⁾"])["gradient δ⁽²⁾"] == f"[[{listed}]]"


def test_arrays_show_shape_and_range():
    t = network(batch=5)
    shown = rows(boxes(t["cost", 3])["w⁽²⁾"])
    w = t["w", 2]
    assert shown["shape"] == "(4, 3)"
    assert shown["value"] == f"{w.data.min():.4g} … {w.data.max():.4g}"
    assert shown["gradient"] == f"{w.grad.data.min():.4g} … {w.grad.data.max():.4g}"
    assert "shape" not in rows(boxes(t["cost", 3])["C"])
    special = {
        "all 2": np.full(9, 2.0),
        "all NaN": np.full(9, np.nan),
        "0 … inf, and 1 NaN": np.array([0, 1, 2, 3, np.inf, np.nan]),
        "no entries": np.zeros((0, 3)),
        "False … True": np.array([True, False] * 3),
        "[[1, 2]]": np.array([[1, 2]]),
    }
    for text, array in special.items():
        (box,) = boxes(Tensor(array)).values()
        assert rows(box)["value"] == text
    assert rows(boxes(Tensor(np.zeros(9, np.float32)))["v₁"])["shape"] == "(9,) float32"


def test_the_value_is_the_one_that_was_used():
    t = neuron()
    t["w1"].assign(7.0)
    shown = rows(boxes(t["cost"])["w1"])
    assert shown["value"] == "0.5"
    assert shown["value now"] == "7"


def test_parameters_data_and_the_cost_look_different():
    source = draw(neuron()["cost"]).source
    look = {}
    for name in ("w1", "x1", "z", "cost"):
        line = next(line for line in source.splitlines() if f"<B>{name}</B>" in line)
        look[name] = dict(re.findall(r'(shape|style|fillcolor|peripheries|penwidth)="?([^" \]]+)', line))
    assert look["w1"]["fillcolor"] != look["x1"]["fillcolor"] != look["z"]["fillcolor"] != look["cost"]["fillcolor"]
    assert look["w1"]["shape"] != look["x1"]["shape"]
    assert look["w1"]["style"] != look["z"]["style"]
    assert look["cost"]["peripheries"] == "2"
    shown = boxes(neuron()["cost"])
    assert [shown[name].what for name in ("w1", "x1", "z")] == ["parameter", "data", "add"]
    assert [name for name, box in shown.items() if box.root] == ["cost"]


def test_layers_are_clusters():
    t = network()
    shown = boxes(t["cost", 3])
    assert {s: box.layer for s, box in shown.items()} == {
        "x": None, "w⁽²⁾": 2, "b⁽²⁾": 2, "z⁽²⁾": 2, "a⁽²⁾": 2, "w⁽³⁾": 3, "b⁽³⁾": 3, "z⁽³⁾": 3, "a⁽³⁾": 3,
        "y": None, "C": None,
    }  # fmt: skip
    source = draw(t["cost", 3]).source
    for layer in (2, 3):
        cluster = re.search(rf"subgraph cluster_{layer} {{(.*?)\n\t}}", source, re.DOTALL)[1]
        assert f'label="layer {layer}"' in cluster
        assert set(re.findall(r"<B>(.*?)</B>", cluster)) == {f"{s}⁽{'..²³'[layer]}⁾" for s in "wbza"}


def test_operations_without_a_role_belong_to_the_layer_they_lead_to():
    t = neuron()
    t["z"].role, t["a"].role = ("z", 2), ("a", 2)
    shown = boxes(t["cost"])
    assert [s for s, box in shown.items() if box.layer == 2] == ["w1", "v₁", "w2", "v₂", "v₃", "b", "z⁽²⁾", "a⁽²⁾"]


def test_the_name_tells_apart_what_shares_a_role():
    one, two = (Tensor(v, requires_grad=True, name=f"w2{v:.0f}") for v in (1.0, 2.0))
    one.role = two.role = ("w", 3)
    assert list(boxes(one * two)) == ["w⁽³⁾₂₁", "w⁽³⁾₂₂", "C"]
    alone = Tensor(1.0, name="weight")
    alone.role = ("w", 3)
    (box,) = boxes(alone).values()
    assert (box.symbol, box.name) == ("w⁽³⁾", "weight")
    alone.role = "nonsense"
    assert list(boxes(alone)) == ["weight"]


def test_a_leaf_and_any_shape_can_be_drawn():
    assert draw(Tensor(1.0)).source.count("n0") == 1
    t = Tensor(np.ones((3, 3)), requires_grad=True) * 2
    assert "(3, 3)" in draw(t).source


def test_the_table_says_the_same():
    table = draw(neuron()["cost"]).table().splitlines()
    assert len(table) == 1 + 14
    assert table[-1].split() == ["cost", "divide:", "v₅", "/", "2", *rows(boxes(neuron()["cost"])["cost"]).values()]


# ---- laws ------------------------------------------------------------------------------------------------


def test_the_same_graph_gives_the_same_source(no_dot):
    one, two = (draw(network()["cost", 3]) for _ in range(2))
    assert one.source == two.source
    assert svg(one._picture) == svg(two._picture)


def test_the_source_does_not_depend_on_the_hash_seed():
    code = (
        "from tinygrad_edu import Tensor; from tinygrad_edu.visual import draw\n"
        "from tinygrad_edu.visual.svg import svg\n"
        "ts = [Tensor(float(i), requires_grad=True, name=f'n{i}') for i in range(9)]\n"
        "c = sum(t * u for t in ts for u in ts[:4]); c.backward()\n"
        "d = draw(c); print(d.source, svg(d._picture))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_nodes_have_our_own_ids():
    source = draw(network()["cost", 3]).source
    ids = re.findall(r"^\t+(\w+) \[label=", source, re.MULTILINE)
    assert sorted(ids, key=lambda n: int(n[1:])) == [f"n{i}" for i in range(11)]


def test_wrong_arguments_are_explained():
    with pytest.raises(DtypeError, match="a Tensor, usually the cost; got float"):
        draw(1.0)
    with pytest.raises(DrawingError, match="LR, RL, TB, BT"):
        draw(Tensor(1.0), direction="up")


def test_too_large_a_graph_names_the_ways_out():
    t = Tensor(1.0, requires_grad=True)
    for _ in range(500):
        t = t + 1
    with pytest.raises(DrawingError, match="501 nodes") as error:
        draw(t)
    for way in ("one example", "arrays", "max_nodes=501"):
        assert way in str(error.value)
    assert repr(draw(t, max_nodes=501)) == "<Drawing of C: 501 nodes, 500 arrows>"


def test_a_deep_chain_needs_no_recursion():
    t = x = Tensor(1.0, requires_grad=True, name="x")
    for _ in range(3000):
        t = t * x
    drawing = draw(t, max_nodes=10_000)
    assert drawing.source.count("->") == 6000
    assert len(list(ET.fromstring(svg(drawing._picture)).iter(f"{SVG}g"))) == 3001


# ---- any name --------------------------------------------------------------------------------------------

HOSTILE = {
    "<lambda> <map>": "<lambda> <map>",
    "<b>bold</b>": "<b>bold</b>",
    "</script><img onerror=alert(1)>": "</script><img onerror=alert(1)>",
    "ends with \\": "ends with \\",
    "\\N \\G \\l": "\\N \\G \\l",
    "\\\\N\\": "\\\\N\\",
    '"];x[URL=': '"];x[URL=',
    "&amp; &#60; &nope;": "&amp; &#60; &nope;",
    "two\nlines\r\n\tand a tab": "two lines and a tab",
    "\x1b[31mred\x1b[0m \x00\x07\ufffe\ud800": "[31mred[0m",
    "שלום عالم": "שלום عالم",
    "\u202eflipped\u2066": "flipped",
    "%s {x|y} <p1>": "%s {x|y} <p1>",
    "-->]]><!--": "-->]]><!--",
    "层 é 🎲": "层 é 🎲",
    "x" * 10**6: "x" * 39 + "…",
}


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_any_name_is_one_literal_text(name, no_dot):
    t = Tensor(2.0, requires_grad=True, name=name) * 3
    drawing = draw(t)
    with pytest.warns(UserWarning, match="not installed"):
        shown = texts(drawing.pipe("svg"))
    assert shown.count(HOSTILE[name]) == 1
    assert len(shown) == 3 + 2 * 2 + 3 + 2 * 2 - 1 + 2  # two boxes, a local derivative, the caption; no text more


@pytest.mark.tools
@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_any_name_is_one_literal_text_for_dot(name, real_dot):
    t = Tensor(2.0, requires_grad=True, name=name) * 3
    plain = draw(Tensor(2.0, requires_grad=True, name="x") * 3)
    shown = [text.replace("\xa0", " ") for text in texts(draw(t).pipe("svg"))]
    assert shown.count(HOSTILE[name]) == 1
    assert len(shown) == len(texts(plain.pipe("svg")))


def test_an_empty_name_is_no_name():
    for name in ("", " \n", "\x00"):
        assert list(boxes(Tensor(1.0, name=name))) == ["v₁"]


@pytest.mark.tools
def test_hostile_roles_and_ops(real_dot):
    strange = Op('<"];x[URL=', lambda x: x + 1, (lambda g, y, x: g,), "\\N <x> & \n")
    t = strange(Tensor(1.0, requires_grad=True))
    t.role = ('"<&\\', 2)
    shown = texts(draw(t).pipe("svg"))
    assert '"<&\\⁽²⁾' in shown
    assert '<"];x[URL=' in shown


# ---- with dot, and without -------------------------------------------------------------------------------


@pytest.mark.tools
def test_dot_renders_each_format(real_dot, tmp_path):
    drawing = draw(network()["cost", 3])
    assert "δ⁽²⁾" in " ".join(texts(drawing.pipe("svg")))
    assert drawing.pipe("png").startswith(b"\x89PNG")
    assert drawing.pipe("pdf").startswith(b"%PDF")
    assert drawing.pipe("svg", encoding="utf-8").startswith("<?xml")
    for suffix, start in {
        ".svg": b"<?xml",
        ".PNG": b"\x89PNG",
        ".pdf": b"%PDF",
        ".gv": b"digraph",
        ".dot": b"digraph",
    }.items():
        path = drawing.save(tmp_path / "new" / f"net{suffix}")
        with open(path, "rb") as file:
            assert file.read().startswith(start)
    assert drawing.render(tmp_path / "g", format="png", cleanup=True) == str(tmp_path / "g.png")
    assert sorted(os.listdir(tmp_path)) == ["g.png", "new"]
    drawing.render("h.gv", tmp_path)
    assert (tmp_path / "h.gv").read_text(encoding="utf-8") == drawing.source
    assert (tmp_path / "h.gv.svg").exists()
    assert drawing.render(outfile=tmp_path / "o.pdf", cleanup=True) == str(tmp_path / "o.pdf")


def test_without_dot_there_is_an_svg_and_one_warning(no_dot, tmp_path):
    drawing = draw(network()["cost", 3])
    with pytest.warns(UserWarning, match="Graphviz") as caught:
        image = drawing.pipe("svg")
    assert len(caught) == 1
    drawing.pipe("svg")  # a second warning would be an error here
    drawing.save(tmp_path / "net.svg")
    drawing._repr_mimebundle_()
    assert (tmp_path / "net.svg").read_bytes() == image
    shown = texts(image)
    for box in drawing._picture.boxes:
        for text in (box.symbol, box.what, *(value for _, value in box.rows)):
            assert text in shown
    assert "layer 2" in shown


def test_without_dot_a_png_becomes_an_svg_beside_it(no_dot, tmp_path):
    drawing = draw(neuron()["cost"])
    with pytest.warns(UserWarning, match=r"saved as 'net\.png\.svg'"):
        path = drawing.save(tmp_path / "net.png")
    assert path == str(tmp_path / "net.png.svg")
    assert os.listdir(tmp_path) == ["net.png.svg"]
    with pytest.raises(DrawingError, match="png needs it; svg does not"):
        drawing.pipe("png")
    assert drawing.save(tmp_path / "net.txt").endswith("net.txt")
    with pytest.raises(DrawingError, match="the suffix is one of"):
        drawing.save(tmp_path / "net.doc")
    with pytest.raises(DrawingError, match="no format that `dot` writes"):
        drawing.pipe("svg -o/etc/passwd")


@pytest.mark.parametrize(
    ("script", "reason"),
    {
        "echo 'Error: syntax' >&2; exit 3": r"exit status 3 \(Error: syntax\)",
        "kill -SEGV $$": "exit status -11",
        "echo nonsense": "gave no svg",
        "exit 0": "gave no svg",
    }.items(),
)
@pytest.mark.skipif(os.name != "posix", reason="shell scripts stand in for dot")
def test_a_dot_that_fails_is_replaced(script, reason, fake_dot):
    fake_dot(script)
    with pytest.warns(UserWarning, match=reason) as caught:
        assert "cost" in texts(draw(neuron()["cost"]).pipe("svg"))
    assert len(caught) == 1


@pytest.mark.skipif(os.name != "posix", reason="shell scripts stand in for dot")
def test_a_dot_that_hangs_is_stopped_with_its_children(fake_dot, monkeypatch):
    fake_dot("sleep 60 & sleep 60")
    monkeypatch.setattr(dot, "TIMEOUT", 0.3)
    start = time.monotonic()
    drawing = draw(neuron()["cost"])
    with pytest.warns(UserWarning, match=r"not finished after 0\.3 seconds"):
        assert "cost" in texts(drawing.pipe("svg"))
    assert "image/svg+xml" in drawing._repr_mimebundle_()  # not tried a second time
    assert time.monotonic() - start < 10


def test_the_notebook_never_sees_an_exception(no_dot, monkeypatch):
    drawing = draw(neuron()["cost"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    assert "cost" in texts(bundle["image/svg+xml"])
    assert set(drawing._repr_mimebundle_(include=["text/plain"])) == {"text/plain"}
    assert set(drawing._repr_mimebundle_(exclude=["text/plain"])) == {"image/svg+xml"}

    def broken(*_):
        raise RuntimeError("no more")

    monkeypatch.setattr(Drawing, "_by_dot", broken)
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "RuntimeError: no more" in bundle["text/plain"]


def test_view_opens_what_was_written(no_dot, monkeypatch, tmp_path):
    import graphviz

    opened = []
    monkeypatch.setattr(graphviz, "view", opened.append)
    with pytest.warns(UserWarning, match="plainer layout"):
        path = draw(neuron()["cost"]).view(tmp_path / "v.gv", cleanup=True)
    assert opened == [path]
    assert path == str(tmp_path / "v.gv.svg")


def test_the_package_graphviz_is_named_if_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(MissingExtraError, match="pip install graphviz"):
        draw(Tensor(1.0))


def test_importing_the_pictures_does_not_import_graphviz():
    code = "import sys, tinygrad_edu.visual; assert 'graphviz' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- our own layout --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_boxes_never_overlap_and_arrows_go_forward(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    sizes = [(float(a), float(b)) for a, b in rng.integers(20, 200, (n, 2))]
    arrows = [(int(i), j) for j in range(1, n) for i in rng.integers(0, j, rng.integers(0, 4))]
    layers = [int(i) if i > 0 else None for i in np.sort(rng.integers(-3, 4, n))]
    found = place(sizes, arrows, layers)
    rects = [(u - a / 2, v - b / 2, u + a / 2, v + b / 2) for (u, v), (a, b) in zip(found.centres, sizes, strict=True)]
    for i, r in enumerate(rects):
        assert found.extent[0] <= r[0]
        assert found.extent[3] >= r[3]
        for s in rects[:i]:
            assert r[2] <= s[0] or s[2] <= r[0] or r[3] <= s[1] + 1e-6 or s[3] <= r[1] + 1e-6
        for layer, f in found.frames.items():
            assert layers[i] == layer or not (r[0] < f[2] and f[0] < r[2] and r[1] < f[3] and f[1] < r[3])
    for (i, j), route in zip(arrows, found.routes, strict=True):
        assert route[0][0] == pytest.approx(rects[i][2])
        assert route[-1][0] == pytest.approx(rects[j][0])
        assert all(p[0] <= q[0] for p, q in pairwise(route))


@pytest.mark.parametrize("direction", ["LR", "RL", "TB", "BT"])
def test_each_direction_flows_its_way(direction):
    picture = read(neuron()["cost"], direction, 500)
    assert f"rankdir={direction}" in draw(neuron()["cost"], direction=direction).source
    shown = {e.text: (float(e.get("x")), float(e.get("y"))) for e in ET.fromstring(svg(picture)).iter(f"{SVG}text")}
    axis = 0 if direction in ("LR", "RL") else 1
    order = [shown[name][axis] for name in ("z", "a", "cost")]
    assert order == sorted(order, reverse=direction in ("RL", "BT"))


# ---- phases, local derivatives, folded layers ---------------------------------------------------------------


def labels(picture) -> dict[tuple[str, str], str]:
    """The labels of the arrows, by the symbols of their ends."""
    symbols = [box.symbol for box in picture.boxes]
    return {(symbols[i], symbols[j]): label for (i, j), label in zip(picture.arrows, picture.labels, strict=True)}


def test_the_local_derivatives_stand_on_the_arrows():
    t = neuron()
    found = labels(draw(t["cost"])._picture)
    assert found["w2", "v₂"] == "2"  # d(w2 x2)/dw2 = x2
    assert found["x2", "v₂"] == ""  # data: nothing is passed back
    assert float(found["z", "a"]) == pytest.approx(t["a"].item() * (1 - t["a"].item()), rel=1e-3)
    t = network()
    found = labels(draw(t["cost", 3])._picture)
    assert found["z⁽²⁾", "a⁽²⁾"] == "σ'(z⁽²⁾)"
    assert found["a⁽²⁾", "z⁽³⁾"] == "g w⁽³⁾"
    assert found["w⁽³⁾", "z⁽³⁾"] == "gᵀ a⁽²⁾"
    assert found["b⁽³⁾", "z⁽³⁾"] == "Σ g"


def test_local_derivatives_multiply_to_the_gradient():
    x = Tensor(0.7, requires_grad=True, name="x")
    y = (3 * x).tanh().exp().sqrt()
    y.backward()
    product = np.prod([float(label) for label in draw(y)._picture.labels])
    assert product == pytest.approx(x.grad.item(), rel=1e-3)


def test_labels_are_left_out_of_large_pictures_unless_asked_for():
    t = x = Tensor(1.0, requires_grad=True)
    for _ in range(61):
        t = t * 0.5
    assert not any(draw(t)._picture.labels)
    assert set(draw(t, local=True)._picture.labels) == {"0.5"}
    assert not any(draw(x * 2, local=False)._picture.labels)


@pytest.mark.parametrize("by", ["dot", "us"])
def test_labels_and_caption_are_in_the_picture(by, require_tool, monkeypatch, tmp_path):
    if by == "dot":
        require_tool("dot")
    else:
        monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
        warnings.simplefilter("ignore")
    shown = " ".join(texts(draw(network()["cost", 3]).pipe("svg")))
    assert "g w⁽³⁾" in shown
    assert "on the arrows: local derivatives" in shown
    assert "from the smallest entry to the largest" in shown


def test_phases():
    t = neuron()
    forward = draw(t["cost"], phase="forward")._picture
    assert not any(label.startswith("gradient") for box in forward.boxes for label, _ in box.rows)
    assert not any(forward.labels)
    update = {box.symbol: rows(box) for box in draw(t["cost"], phase="update", eta=2.0)._picture.boxes}
    new = t["w1"].item() - 2 * t["w1"].grad.item()
    assert float(update["w1"]["after the update"]) == pytest.approx(new, rel=1e-5)
    assert "after the update" not in update["x1"]
    for wrong in ({"phase": "sideways"}, {"phase": "update"}, {"eta": 3.0}):
        with pytest.raises(DrawingError):
            draw(t["cost"], **wrong)


def test_layers_fold_into_boxes_and_alike_ones_into_one():
    cost = network((3, 4, 4, 4, 2))["cost", 5]
    shown = {box.symbol: box for box in draw(cost, collapse=True)._picture.boxes}
    assert sorted(shown) == ["C", "layer 2", "layer 5", "layers 3 … 4", "x", "y"]
    assert shown["layers 3 … 4"].name == "× 2"
    assert shown["layer 2"].name == ""
    assert rows(shown["layer 2"])["w⁽²⁾"] == "(4, 3)"
    assert "gradient δ⁽⁴⁾" in rows(shown["layers 3 … 4"])
    picture = draw(cost, collapse=True)._picture
    ends = [(picture.boxes[i].symbol, picture.boxes[j].symbol) for i, j in picture.arrows]
    assert ("layer 2", "layers 3 … 4") in ends
    assert ("layer 5", "C") in ends
    assert all(i < j for i, j in picture.arrows)
    one = {box.symbol for box in draw(cost, collapse=[3])._picture.boxes}
    assert {"layer 3", "z⁽²⁾", "z⁽⁴⁾"} <= one
    assert "z⁽³⁾" not in one
    for wrong in ([9], "layer 2", 3.5):
        with pytest.raises(DrawingError):
            draw(cost, collapse=wrong)


def test_folding_makes_a_large_graph_small_enough():
    cost = network((2,) * 102)["cost", 102]
    with pytest.raises(DrawingError, match="collapse=True"):
        draw(cost, max_nodes=100)
    assert len(draw(cost, collapse=True, max_nodes=100)._picture.boxes) == 4


@pytest.mark.parametrize(
    "how",
    [
        {"phase": "forward"},
        {"phase": "backward"},
        {"phase": "update", "eta": 3.0},
        {"collapse": True},
        {"collapse": True, "phase": "forward"},
        {"collapse": True, "phase": "update", "eta": 3.0},
    ],
    ids=str,
)
def test_every_drawing_shows_itself_in_a_notebook_and_as_a_table(how, require_tool):
    require_tool("dot")
    drawing = draw(network()["cost", 3], **how)
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "image/svg+xml"}
    assert bundle["text/plain"] == drawing.table()
    head = drawing.table().splitlines()[0]
    assert ("gradient" in head) == (how.get("phase") != "forward")
    assert ("after the update" in drawing.table()) == (how.get("phase") == "update")
    assert "(4, 3)" in drawing.table()  # the shape of w, also in a folded layer
