"""D17 Drawings of what jit has recorded: every operation once, in its phase, with the lecture's symbols."""

import itertools
import os
import re
import shutil
import xml.etree.ElementTree as ET
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from tinygrad_edu import DrawingError, JitError, Tensor, draw, fresh, grad, jit
from tinygrad_edu.visual import dot
from tinygrad_edu.visual.draw import Drawing
from tinygrad_edu.visual.picture import Box, Picture
from tinygrad_edu.visual.program import phases
from tinygrad_edu.visual.svg import svg


def lecture_step(optimizer: Any = nn.optim.SGD, returns: bool = True, sizes: tuple[int, ...] = (4, 3, 2)) -> Any:
    """The lecture's step, recorded."""
    net, cost = nn.MLP(sizes, rng=1, dtype=np.float64), nn.QuadraticCost()
    opt = optimizer(net.parameters(), lr=0.5)

    @jit(executor="numpy")
    def train_step(x: Any, y: Any) -> Any:
        c = cost(net(x), y)
        opt.zero_grad()
        c.backward()
        opt.step()
        return c if returns else None

    rng = np.random.default_rng(1)
    for _ in range(4):
        train_step(rng.random((5, sizes[0])), rng.random((5, sizes[-1])))
    return train_step


def picture(f: Any, **settings: Any) -> Picture:
    drawing = draw(f, **settings)
    assert isinstance(drawing, Drawing)
    return drawing._picture


def boxes(f: Any, **settings: Any) -> dict[str, Box]:
    found = {box.symbol: box for box in picture(f, **settings).boxes}
    assert len(found) == len(picture(f, **settings).boxes)  # no symbol stands for two values
    return found


def of_phase(f: Any, phase: str) -> set[str]:
    shown = picture(f)
    return {box.symbol for box in shown.boxes if box.layer is not None and shown.frames[box.layer] == phase}


# ---- what is shown -------------------------------------------------------------------------------------


def test_every_operation_of_the_program_is_one_box() -> None:
    step = lecture_step()
    shown = picture(step)
    operations = [box for box in shown.boxes if box.kind == "operation"]
    assert len(operations) == len(step.program.code)
    assert [box.what.split(",")[0] for box in operations] == [s.op.name for s in step.program.code]
    assert [box.symbol for box in picture(step.program).boxes if box.kind == "operation"] == [
        box.symbol for box in operations
    ]


def test_the_phases_of_the_lecture_step() -> None:
    step = lecture_step()
    assert of_phase(step, "forward") == {"z⁽²⁾", "a⁽²⁾", "z⁽³⁾", "a⁽³⁾", "C"}
    gradients = {f"∂C/∂{p}⁽{l}⁾" for p in "wb" for l in "²³"}
    assert gradients | {"δ⁽²⁾/S", "δ⁽³⁾/S", "σ'(z⁽²⁾)", "σ'(z⁽³⁾)"} <= of_phase(step, "backward")
    assert {f"new {p}⁽{l}⁾" for p in "wb" for l in "²³"} <= of_phase(step, "update")
    arrows = [(shown.boxes[i], shown.boxes[j]) for shown in [picture(step)] for i, j in shown.arrows]
    assert all(a.layer is None or b.layer is None or a.layer <= b.layer for a, b in arrows)


def test_the_four_equations_can_be_read_off() -> None:
    shown = boxes(lecture_step())
    assert shown["z⁽²⁾"].formula == "x w⁽²⁾ᵀ + b⁽²⁾"
    assert shown["δ⁽³⁾/S"].formula.endswith("· σ'(z⁽³⁾)")  # BP1
    back = next(box for box in shown.values() if box.formula == "(δ⁽³⁾/S) w⁽³⁾")  # BP2
    assert shown["δ⁽²⁾/S"].formula == f"{back.symbol} · σ'(z⁽²⁾)"
    assert shown["∂C/∂b⁽²⁾"].formula == "sum of (δ⁽²⁾/S)"  # BP3
    assert shown["∂C/∂w⁽²⁾"].formula == "(δ⁽²⁾/S)ᵀ x"  # BP4
    assert shown["∂C/∂w⁽²⁾"].rows == (("shape", "(3, 4)"), ("kept as", "w2.grad"))
    assert shown["w⁽²⁾"].rows == (("shape", "(3, 4)"), ("read", "at every run"), ("written", "at its end"))


def test_delta_belongs_to_its_layer() -> None:
    step = lecture_step(sizes=(4, 3, 3, 2))
    shown = picture(step)
    arrows = {(shown.boxes[i].symbol, shown.boxes[j].symbol) for i, j in shown.arrows}
    for layer, size in (("²", 3), ("³", 3), ("⁴", 2)):
        assert dict(boxes(step)[f"δ⁽{layer}⁾/S"].rows) == {"shape": f"(5, {size})"}
        assert (f"δ⁽{layer}⁾/S", f"∂C/∂b⁽{layer}⁾") in arrows
        assert (f"σ'(z⁽{layer}⁾)", f"δ⁽{layer}⁾/S") in arrows


def test_what_is_written_goes_back_where_it_was_read() -> None:
    shown = picture(lecture_step())
    pairs = {(shown.boxes[i].symbol, shown.boxes[j].symbol) for i, j in shown.back}
    assert pairs == {(f"new {p}⁽{l}⁾", f"{p}⁽{l}⁾") for p in "wb" for l in "²³"}
    assert "dashed: written back" in shown.caption


def test_a_cost_that_is_not_returned_has_its_phases_all_the_same() -> None:
    assert of_phase(lecture_step(returns=False), "forward") == {"z⁽²⁾", "a⁽²⁾", "z⁽³⁾", "a⁽³⁾"}


def test_single_numbers() -> None:
    w = Tensor(0.5, requires_grad=True, name="w")

    @jit(executor="numpy")
    def neuron(x: Any, y: Any) -> Any:
        c = ((w * x).sigmoid() - y) ** 2 / 2
        w.grad = None
        c.backward()
        assert w.grad is not None
        w.assign(w.detach() - 3.0 * w.grad)
        return c

    for x in (1.0, 2.0, 3.0):
        neuron(x, 0.5)
    shown = boxes(neuron)
    assert {"x", "y", "w", "C", "∂C/∂w", "new w"} <= set(shown)
    assert shown["C"].root
    assert shown["C"].rows == ()  # one number, a float64: nothing to say
    assert of_phase(neuron, "update") >= {"new w"}
    assert "C" in of_phase(neuron, "forward")


def test_a_function_without_gradients_has_no_phases() -> None:
    f = jit(lambda x, y: x * y + x, executor="numpy")
    for _ in range(3):
        f(1.0, 2.0)
    shown = picture(f)
    assert shown.frames == ()
    assert [box.formula for box in shown.boxes if box.formula] == ["x · y", "v₂ + x"]
    assert repr(draw(f)) == "<Drawing of <lambda>: 4 nodes, 4 arrows>"


def test_gradients_that_are_not_kept_are_in_the_update() -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")

    @jit(executor="numpy")
    def step(x: Any) -> Any:
        c = ((w * x) ** 2).sum()
        w.assign(w.detach() - 0.1 * grad(lambda v: ((v * x) ** 2).sum())(w))
        return c

    for _ in range(3):
        step(np.ones(2))
    assert phases(step.program)[1] == ("forward", "", "backward and update")
    assert of_phase(step, "backward and update") >= {"new w"}


def test_draws_and_constants() -> None:
    rng = np.random.default_rng(1)
    f = jit(lambda x: (x + fresh(lambda: rng.random(3))) * np.array([1.0, 2.0, 3.0]), executor="numpy")
    for _ in range(3):
        f(np.ones(3))
    kinds = {box.what: box for box in picture(f).boxes}
    assert ("drawn", "at every run") in kinds["random"].rows
    assert ("value", "[1, 2, 3]") in kinds["constant"].rows


# ---- large ones ----------------------------------------------------------------------------------------


def test_folded_phases() -> None:
    adam = lecture_step(nn.optim.Adam)
    n = len(adam.program.code)
    shown = boxes(adam, collapse=True)
    assert set(shown) == {
        "x", "y", "parameters", "settings", "optimizer state", "forward", "backward", "update",
    }  # fmt: skip
    counts = [int(shown[phase].what.split()[0]) for phase in ("forward", "backward", "update")]
    assert sum(counts) == n
    assert ("C, returned", "½ Σ (a⁽³⁾ - y)² / S") in shown["forward"].rows
    assert ("new exp_avg", "for 4 parameters") in shown["update"].rows
    assert dict(shown["settings"].rows).keys() == {"η lr", "β₁ betas[0]", "β₂ betas[1]", "ε eps"}
    whole = picture(adam, collapse=True)
    pairs = {(whole.boxes[i].symbol, whole.boxes[j].symbol) for i, j in whole.back}
    assert pairs == {("update", "parameters"), ("update", "optimizer state")}
    only = boxes(adam, collapse=["update"])
    assert "z⁽²⁾" in only
    assert "update" in only
    assert "backward" not in only
    assert set(boxes(adam)) == set(only)  # unasked, as it would have too many boxes
    assert len(boxes(adam, collapse=False)) > n


def test_too_large_ones_are_refused() -> None:
    step = lecture_step()
    with pytest.raises(DrawingError, match=r"limited to 10.*collapse=True.*max_nodes="):
        draw(step, collapse=False, max_nodes=10)
    with pytest.raises(DrawingError, match="'forward', 'backward', 'update'"):
        draw(step, collapse=["layer 2"])
    with pytest.raises(DrawingError, match="without values"):
        draw(step, phase="forward")


def test_before_it_is_recorded() -> None:
    with pytest.raises(JitError, match="nothing was recorded yet"):
        draw(jit(lambda x: x))


# ---- how it is drawn -----------------------------------------------------------------------------------


def test_both_renderers_show_all_of_it() -> None:
    step = lecture_step()
    for settings in itertools.product((None, True), ("LR", "RL", "TB", "BT")):
        shown = picture(step, collapse=settings[0], direction=settings[1])
        text = svg(shown)
        ET.fromstring(text)
        source = dot.source(shown)
        for box in shown.boxes:
            assert f">{escape(box.symbol)}</text>" in text
        assert text.count("stroke-dasharray") == len(shown.back) == source.count("dir=back")
        assert all(f">{name}</text>" in text for name in ("forward", "backward", "update"))


def test_dashed_arrows_are_inside_the_picture() -> None:
    root = ET.fromstring(svg(picture(lecture_step())))
    wide, high = (float(root.attrib[side]) for side in ("width", "height"))
    lines = [e.attrib["points"] for e in root.iter("{http://www.w3.org/2000/svg}polyline")]
    assert len(lines) == 4
    for x, y in (map(float, point.split(",")) for line in lines for point in line.split()):
        assert 0 < x < wide
        assert 0 < y < high - 14  # above the caption


def test_dot_draws_it(tmp_path: Any) -> None:
    if shutil.which("dot") is None:
        if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
            pytest.fail("the program `dot` is required and not installed")
        pytest.skip("the program `dot` is not installed")
    written = draw(lecture_step()).save(tmp_path / "step.svg")
    text = (tmp_path / "step.svg").read_text(encoding="utf-8")
    assert written.endswith("step.svg")
    assert all(word in text for word in ("forward", "backward", "update", "δ⁽²⁾/S", "stroke-dasharray"))


def test_the_table_names_the_phases() -> None:
    lines = draw(lecture_step()).table().splitlines()
    assert lines[0].split() == ["computed", "as", "phase", "shape"]
    assert any(line.startswith("∂C/∂b⁽³⁾") and "backward" in line and "kept as b3.grad" in line for line in lines)


def test_the_example_of_the_documentation() -> None:
    page = Path(__file__).parents[2] / "docs" / "jit.md"
    if not page.exists():
        pytest.skip("the documentation is not beside the tests")
    text = page.read_text(encoding="utf-8")
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    assert "@jit\n" in example
    names: dict[str, Any] = {}
    exec(example.replace("@jit\n", '@jit(executor="numpy")\n').partition("print(")[0], names)
    printed = str(names["train_step"].program).splitlines()
    shown = re.findall(r"```\n(program .*?)```", text, re.DOTALL)[0].splitlines()
    assert len(shown) > 20
    assert [line for line in shown if line.strip() != "…" and line not in printed] == []
    assert repr(names["train_step"]).split(",")[0] in example
    assert names["costs"].shape == (5000,)


# ---- jit shows itself ----------------------------------------------------------------------------------


def test_repr_of_a_function_under_jit() -> None:
    @jit(executor="numpy")
    def double(x: Any) -> Any:
        return 2 * x

    assert repr(double) == "<jit of double: not recorded yet>"
    assert "<details>" not in double._repr_html_()
    double(1.0)
    assert repr(double) == "<jit of double: recorded once, and once more before it is run>"
    with pytest.raises(JitError, match="call the function once more"):
        double.source  # noqa: B018
    double(2.0)
    assert repr(double) == "<jit of double: 1 operation, NumPy>"
    html = double._repr_html_()
    assert html.count("<details>") == 2
    assert "multiply(2, v0)" in html
    assert "&lt;jit of double" in html
