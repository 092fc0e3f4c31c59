"""The draw-a-digit page in a browser: its numbers are Python's, whatever is drawn, and a keyboard is enough."""

import csv
import html
import math
import os
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nn
from nn import digit_page, lecture
from nn.data import one_hot
from nn.digit_page import draw_digit_page, read_layers, reference
from nn.metrics import outputs
from tinygrad_edu import Tensor

pytestmark = pytest.mark.tools


# ---- networks and pages ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def digits() -> nn.Dataset:
    if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
        pytest.importorskip("sklearn")
    return nn.data.digits()


@pytest.fixture(scope="module")
def trained(digits: nn.Dataset) -> tuple[nn.MLP, nn.History]:
    net = nn.MLP([64, 30, 10], rng=0)
    optimizer = nn.optim.SGD(net.parameters(), 3.0)
    return net, nn.fit(net, nn.QuadraticCost(), optimizer, digits, 12, rng=1, progress=False)


@pytest.fixture(scope="module")
def page(digits, trained):
    return draw_digit_page(trained[0], digits, trained[1])


def large(side: int = 28, dtype: Any = np.float32, sizes=(30,), **more: Any) -> tuple[nn.MLP, nn.Examples]:
    """An untrained network for side x side pixels, and pictures of noise."""
    rng = np.random.default_rng(5)
    labels = np.arange(30) % 10
    examples = nn.Examples(
        rng.random((30, side * side)).astype(dtype), one_hot(labels, dtype=dtype), labels, (side, side)
    )
    return nn.MLP([side * side, *sizes, 10], rng=7, init="uniform", dtype=dtype, **more), examples


def numbers(tab: Any) -> dict[str, Any]:
    """Everything that "save as CSV" writes: {"z": {2: array, 3: array}, …, "C": number}."""
    with tab.expect_download() as waiting:
        tab.click("#csv")
    rows = list(csv.reader(Path(waiting.value.path()).read_text(encoding="utf-8").splitlines()))[1:]
    found: dict[str, Any] = {"C": next(float(row[4]) for row in rows if row[0] == "C")}
    for name, layer, *_, value in rows:
        if name not in ("C", "answer"):
            found.setdefault(name, {}).setdefault(int(layer), []).append(float(value.lstrip("'")))
    return {k: v if k == "C" else {l: np.array(x) for l, x in v.items()} for k, v in found.items()}


def by_hand(net: Any, x: np.ndarray, answer: int) -> tuple[float, lecture.Backpropagation]:
    """The lecture's equations, in float64."""
    layers = read_layers(net)
    w = [None, None, *(layer.w.astype(float) for layer in layers)]
    b = [None, None, *(layer.b.astype(float) for layer in layers)]
    y = one_hot([answer], dtype=np.float64)
    run = lecture.backpropagate(w, b, x[None].astype(float), y)
    return lecture.cost(run.a[-1], y), run


def choose_answer(tab: Any, k: int) -> None:
    tab.locator("#answers input").nth(k).check()


def thumb(tab: Any, row: int) -> Any:
    return tab.locator(f'.thumb[aria-label^="test example {row}:"]')


# ---- the numbers are Python's ----------------------------------------------------------------------------


def test_the_page_agrees_with_python_and_says_so(view, page):
    tab = view(page)
    said = tab.inner_text("#check")
    assert said.startswith("✓ agrees with Python: max difference ")
    assert "bad" not in (tab.get_attribute("#check", "class") or "")


@pytest.mark.parametrize("plant", ["reference", "found"])
def test_wrong_numbers_show_the_red_bar(view, digits, trained, monkeypatch, plant):
    name = "reference" if plant == "reference" else "outputs"
    right = getattr(digit_page, name)

    def wrong(*args):
        values = right(*args).copy()
        values[..., 3] += 0.01
        return values

    monkeypatch.setattr(digit_page, name, wrong)
    tab = view(draw_digit_page(trained[0], digits))
    assert tab.inner_text("#check").startswith("✗ This page does NOT agree with Python")
    assert tab.evaluate("getComputedStyle(document.getElementById('check')).backgroundColor") == "rgb(180, 35, 24)"


def test_a_sample_has_the_networks_outputs_and_the_lectures_errors(view, digits, trained, page):
    net, x = trained[0], digits.test.x
    tab = view(page)
    chosen = digit_page._samples(digits.test.labels, nn.predict(net, x), 10)
    assert tab.locator(".thumb").count() == len(chosen)
    choose_answer(tab, 7)
    for row in (chosen[3], chosen[-1]):
        thumb(tab, row).click()
        found = numbers(tab)
        cost, run = by_hand(net, x[row], 7)
        assert np.array_equal(found["x"][1], x[row])
        assert np.allclose(found["a"][3], outputs(net, x[row : row + 1])[0], rtol=1e-6, atol=1e-7)  # float32's own
        for l in (2, 3):
            for name, wanted in (("z", run.z), ("a", run.a), ("delta", run.delta)):
                assert np.allclose(found[name][l], wanted[l][0], rtol=1e-11, atol=1e-15), (name, l)
        assert math.isclose(found["C"], cost, rel_tol=1e-11)


ACTIVATIONS = [
    *[nn.Sigmoid(), nn.Tanh(), nn.ReLU(), nn.LeakyReLU(0.2), nn.LeakyReLU(), nn.ELU(0.7), nn.GELU(), nn.GELU("tanh")],
    *[nn.SiLU(), nn.Softplus(), nn.Softplus(2.5, 3.0), nn.Softmax()],
]


@pytest.mark.parametrize("cost", ["quadratic", "other"])
@pytest.mark.parametrize("f", ACTIVATIONS, ids=repr)
def test_every_activation_has_the_networks_activities_and_errors(view, f, cost):
    """Against backpropagation through the network itself: for one example dC/db is the error."""
    _, examples = large(8, np.float64)
    hidden = nn.Tanh() if isinstance(f, nn.Softmax) else f  # a softmax only at the end
    rng = np.random.default_rng(3)
    net = nn.Sequential(
        *[nn.Linear(64, 9, rng=rng, dtype=np.float64), hidden, nn.Linear(9, 7, rng=rng, dtype=np.float64), hidden],
        *[nn.Linear(7, 10, rng=rng, dtype=np.float64), f],
    )
    for p in net.parameters():
        p.assign(4 * p.data)  # into the bends, on both sides
    if cost == "other" and not isinstance(f, nn.Softmax):
        net = nn.Sequential(*list(net)[:-1])
    wanted_cost = nn.QuadraticCost() if cost == "quadratic" else None
    tab = view(draw_digit_page(net, examples, cost=wanted_cost))
    assert tab.inner_text("#check").startswith("✓ agrees with Python")
    choose_answer(tab, 3)
    for row in (4, 11):
        thumb(tab, row).click()
        found = numbers(tab)
        x, y = Tensor(examples.x[row : row + 1]), Tensor(one_hot([3], dtype=np.float64))
        out = net(x)
        if cost == "quadratic":
            c = nn.QuadraticCost()(out, y)
        else:
            c = -(out * y).sum().log() if isinstance(f, nn.Softmax) else nn.CrossEntropyLoss()(out, y)
        net.zero_grad()
        c.backward()
        assert np.allclose(found["a"][4], out.data[0], rtol=1e-12, atol=1e-14)
        assert math.isclose(found["C"], c.item(), rel_tol=1e-12)
        for l, linear in enumerate([m for m in net if isinstance(m, nn.Linear)], start=2):
            assert np.allclose(found["delta"][l], linear.bias.grad.data, rtol=1e-10, atol=1e-14), l
    for place in ("#forward", "#backward", "#cost", "#curve-of-f", "#out-help"):
        assert not {"NaN", "undefined"} & set(tab.inner_text(place).split())


@pytest.mark.parametrize(("l", "i"), [(2, 4), (3, 9)])
def test_a_neurons_contributions_and_derivatives(view, digits, trained, page, l, i):
    net = trained[0]
    tab = view(page)
    tab.locator("#bars" if l == 3 else "#hidden").locator("[role=option]").nth(i).click()
    found = numbers(tab)
    layer = read_layers(net)[l - 2]
    _, run = by_hand(net, found["x"][1], 7)
    below = run.a[l - 1][0]
    assert np.array_equal(found["w"][l], layer.w[i].astype(float))
    assert np.allclose(found["w x"][l], layer.w[i].astype(float) * below, rtol=1e-12, atol=1e-300)
    assert np.allclose(found["dC/dw"][l], run.dC_dw[l][i], rtol=1e-11, atol=1e-300)
    assert math.isclose(layer.b[i] + found["w x"][l].sum(), found["z"][l][i], rel_tol=1e-9)


def test_the_sum_that_is_shown_comes_out_by_hand(view, page):
    """b + plus - minus = z, added up from what is written, digit by digit; where it says ≈, all but the last digit."""
    tab, exact = view(page), 0
    for sample in range(0, 30, 7):
        tab.locator(".thumb").nth(sample).click()
        for neuron in range(0, 30, 3):
            tab.locator("#hidden [role=option]").nth(neuron).click()
            line = tab.locator("#forward > div").nth(1).text_content().split("(bias")[0].replace("−", "-")
            terms = re.fullmatch(r"\s*=(-?[\d.]+)\+([\d.]+)-([\d.]+)([=≈])(-?[\d.]+)\s*", line)
            b, plus, minus, z = (Decimal(terms[k]) for k in (1, 2, 3, 5))
            assert (b + plus - minus == z) is (terms[4] == "=")
            assert abs(b + plus - minus - z) <= 2 * Decimal(1).scaleb(z.as_tuple().exponent)
            exact += terms[4] == "="
    assert exact >= 45  # of 50


@pytest.mark.parametrize(
    ("picture", "quantity"),
    [("#pictures .frame >> nth=0", "w"), ("#pictures .frame >> nth=1", "w x"), ("#learn .frame", "dC/dw")],
)
def test_the_images_show_the_numbers(view, page, picture, quantity):
    """As strong as the number is large, blue for + and orange for -."""
    tab = view(page)
    values = numbers(tab)[quantity][2]
    read = "c => [...c.getContext('2d').getImageData(0, 0, 8, 8).data]"
    pixels = np.array(tab.locator(f"{picture} >> canvas").evaluate(read)).reshape(64, 4)
    assert np.abs(pixels[:, 3] - 255 * np.abs(values) / np.abs(values).max()).max() <= 0.5 + 1e-9
    strong = pixels[:, 3] > 40  # a canvas rounds the colour of what is nearly clear
    assert np.array_equal(pixels[strong, 2] > pixels[strong, 0], values[strong] > 0)


@pytest.mark.parametrize("side", [8, 28])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("activation", "output"), [("tanh", "linear"), ("relu", "sigmoid"), ("relu", "linear"), ("tanh", "tanh")]
)
def test_other_networks_have_the_engines_errors(view, side, dtype, activation, output):
    """The errors are the gradients with respect to z that the engine finds, for either cost."""
    net, examples = large(side, dtype, (12, 9), activation=activation, output=output)
    tab = view(draw_digit_page(net, examples))
    assert tab.inner_text("#check").startswith("✓")
    choose_answer(tab, 7)
    found = numbers(tab)
    exact = nn.MLP([side * side, 12, 9, 10], activation, output=output, dtype=np.float64)
    exact.load_state_dict({k: v.astype(np.float64) for k, v in net.state_dict().items()})
    zs, a = [], Tensor(found["x"][1][None])
    for module in exact:
        a = module(a)
        if isinstance(module, nn.Linear):
            a.retain_grad()
            zs.append(a)
    cost = nn.CrossEntropyLoss() if output == "linear" else nn.QuadraticCost()
    c = cost(a, Tensor(one_hot([7], dtype=np.float64)))
    c.backward()
    assert math.isclose(found["C"], c.item(), rel_tol=1e-11)
    for l, z in enumerate(zs, 2):
        assert np.allclose(found["z"][l], z.data[0], rtol=1e-10, atol=1e-13)
        assert np.allclose(found["delta"][l], z.grad.data[0], rtol=1e-9, atol=1e-14)


def test_a_network_without_hidden_layer(view, digits):
    tab = view(draw_digit_page(nn.Linear(64, 10, rng=0), digits))
    assert not tab.locator("#hidden-part").is_visible()
    assert tab.locator("#out-part .step").inner_text() == "3"
    assert list(numbers(tab)["delta"]) == [2]
    assert "linear, a = z" in tab.inner_text("#out-help")


# ---- drawing ---------------------------------------------------------------------------------------------

SIDE = 280


def ink(strokes: list[list[tuple[float, float]]], radius: float) -> np.ndarray:
    """The pad in Python: lines drawn with a round pen."""
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    pad = np.zeros((SIDE, SIDE))
    for points in strokes:
        for (x0, y0), (x1, y1) in zip([points[0], *points], points, strict=False):
            dx, dy = x1 - x0, y1 - y0
            length = dx * dx + dy * dy
            t = np.clip(((columns - x0) * dx + (rows - y0) * dy) / length, 0, 1) if length else 0.0
            distance = np.hypot(columns - x0 - t * dx, rows - y0 - t * dy)
            pad = np.maximum(pad, np.clip(radius + 0.5 - distance, 0, 1))
    return pad


def cells(start: float, step: float, n: int) -> np.ndarray:
    """cells[i, p]: the share of pixel p in cell i, from start + i step to start + (i + 1) step."""
    low = start + step * np.arange(n)[:, None]
    p = np.arange(SIDE)
    return np.clip(np.minimum(low + step, p + 1) - np.maximum(low, p), 0, None) / step


def raw(pad: np.ndarray, side: int) -> np.ndarray:
    across = cells(0, SIDE / side, side)
    return across @ pad @ across.T


def bounds(pad: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero((pad >= 0.5).any(1)), np.flatnonzero((pad >= 0.5).any(0))
    return rows[0], columns[0], rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0]


def centred(pad: np.ndarray, side: int) -> np.ndarray:
    """MNIST's way."""
    inner = round(20 / 28 * side)
    top, left, height, width = bounds(pad)
    step = max(height, width) / inner
    small = cells(top, step, inner) @ pad @ cells(left, step, inner).T
    where = np.arange(inner)
    down = math.floor(side / 2 - small.sum(1) @ where / small.sum() + 0.5)
    across = math.floor(side / 2 - small.sum(0) @ where / small.sum() + 0.5)
    out = np.zeros((side, side))
    for (r, c), v in np.ndenumerate(small):
        if 0 <= r + down < side and 0 <= c + across < side:
            out[r + down, c + across] = v
    return out


def counted(pad: np.ndarray, side: int) -> np.ndarray:
    """The way of the 8 x 8 digits."""
    top, left, height, width = bounds(pad)
    down = max(height, width) / 32
    across = max(down, width / 24)
    bitmap = (
        cells(top + height / 2 - 16 * down, down, 32) @ pad @ cells(left + width / 2 - 16 * across, across, 32).T
    ) >= 0.5
    return bitmap.reshape(8, 4, 8, 4).sum((1, 3)) / 16


def draw_with_keys(tab: Any, moves: str) -> list[tuple[float, float]]:
    """From the pen's place at (140, 70), with the pen down: u, d, l, r for the arrows.  The points of the stroke."""
    keys = {"u": ("ArrowUp", 0, -10), "d": ("ArrowDown", 0, 10), "l": ("ArrowLeft", -10, 0), "r": ("ArrowRight", 10, 0)}
    tab.focus("#pad")
    tab.keyboard.press("Space")
    points = [(140.0, 70.0)]
    for move in moves:
        key, dx, dy = keys[move]
        tab.keyboard.press(key)
        points.append((points[-1][0] + dx, points[-1][1] + dy))
    tab.keyboard.press("Space")
    return points


@pytest.mark.parametrize(
    ("side", "radius", "ways"), [(28, 11, (centred, raw)), (8, 16, (counted, raw)), (16, 11, (centred, raw))]
)
@pytest.mark.parametrize("moves", ["d" * 11 + "r" * 6, "l" * 4 + "d" * 9 + "r" * 8 + "d" * 3, "r" * 12 + "d", "", "r"])
def test_the_net_sees_what_python_makes_of_the_drawing(view, side, radius, ways, moves):
    net, examples = large(side)
    tab = view(draw_digit_page(net, examples))
    pad = ink([draw_with_keys(tab, moves)], radius)
    for k, way in enumerate(ways):
        tab.locator("#ways input").nth(k).check()
        found = numbers(tab)
        wanted = way(pad, side)
        assert np.abs(found["x"][1].reshape(side, side) - wanted).max() <= 1e-9
        assert np.allclose(found["a"][3], reference(read_layers(net), wanted.reshape(1, -1))[0], rtol=0, atol=1e-9)
    assert "Your drawing" in tab.inner_text("#source")


def test_two_arrow_keys_at_once_go_diagonally_and_shift_makes_small_steps(view):
    net, examples = large(28)
    tab = view(draw_digit_page(net, examples))
    tab.focus("#pad")
    tab.keyboard.press("Space")
    tab.keyboard.down("ArrowRight")
    tab.keyboard.down("ArrowDown")
    tab.keyboard.up("ArrowDown")
    tab.keyboard.up("ArrowRight")
    tab.keyboard.press("Shift+ArrowUp")
    tab.keyboard.press("Space")
    pad = ink([[(140, 70), (150, 70), (160, 80), (160, 78)]], 11)
    assert np.abs(numbers(tab)["x"][1].reshape(28, 28) - centred(pad, 28)).max() <= 1e-9


def test_drawing_undo_and_clear_with_the_mouse(view, digits, trained, page):
    tab = view(page)
    at_start = numbers(tab)["x"][1]
    assert "Test example number" in tab.inner_text("#source")

    def line(x0: float, y0: float, x1: float, y1: float) -> None:
        tab.locator("#ink").scroll_into_view_if_needed()
        pad = tab.locator("#ink").bounding_box()
        tab.mouse.move(pad["x"] + x0, pad["y"] + y0)
        tab.mouse.down()
        tab.mouse.move(pad["x"] + x1, pad["y"] + y1, steps=8)
        tab.mouse.up()

    line(80, 60, 200, 60)
    one = numbers(tab)
    assert not np.array_equal(one["x"][1], at_start)
    line(200, 60, 120, 230)
    two = numbers(tab)
    assert not np.array_equal(two["a"][3], one["a"][3])
    assert np.argmax(two["a"][3]) == 7  # a network that has learned knows it
    assert "Your drawing" in tab.inner_text("#source")
    tab.click("#clear")
    blank = numbers(tab)
    assert not blank["x"][1].any()
    assert "Nothing is drawn" in tab.inner_text("#source")
    wanted = reference(read_layers(trained[0]), np.zeros((1, 64)))[0]
    assert np.allclose(blank["a"][3], wanted, rtol=1e-12)
    for earlier in (two["x"][1], one["x"][1], at_start):  # undo the clearing, the second line, the first
        tab.click("#undo")
        assert np.array_equal(numbers(tab)["x"][1], earlier)
    tab.click("#undo")
    tab.click("#undo")  # nothing left: no harm
    assert tab.inner_text("#said") == "nothing to undo"


def test_drawing_with_a_finger(browser, page, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page.html, encoding="utf-8")
    context = browser.new_context(offline=True, has_touch=True)
    try:
        tab = context.new_page()
        tab.goto(path.as_uri())
        pad = tab.locator("#ink").bounding_box()
        tab.touchscreen.tap(pad["x"] + 100, pad["y"] + 100)
        tab.wait_for_selector("#source:has-text('Your drawing')")  # a touch is told to the page after the tap returns
    finally:
        context.close()


def test_drawing_changes_what_is_shown(view, page):
    tab = view(page)
    before = tab.inner_text("#bars"), tab.inner_text("#hidden"), tab.inner_text("#deltas"), tab.inner_text("#forward")
    draw_with_keys(tab, "dddddddd")
    after = tab.inner_text("#bars"), tab.inner_text("#hidden"), tab.inner_text("#deltas"), tab.inner_text("#forward")
    for old, new in zip(before, after, strict=True):
        assert old != new
    assert tab.inner_text("#said").startswith("largest output: ")
    tab.keyboard.press("u")
    assert tab.inner_text("#bars") == before[0]
    tab.keyboard.press("Delete")
    assert "Nothing is drawn" in tab.inner_text("#source")


# ---- a keyboard is enough --------------------------------------------------------------------------------


def test_everything_is_reached_with_the_keyboard_alone(view, page):
    tab = view(page)
    reached: list[str] = []
    for _ in range(80):
        tab.keyboard.press("Tab")
        place = tab.evaluate(
            "(() => { const e = document.activeElement; const list = e.closest('[role=listbox]');"
            "return e === document.body ? '' : e.id || (list ? list.getAttribute('aria-label') : '') || e.name "
            "|| e.getAttribute('aria-label') || e.tagName; })()"
        )
        if place == "":
            break
        reached.append(place)
    for wanted in ("theme", "pad", "undo", "clear", "way", "answer", "csv", "SUMMARY"):
        assert reached.count(wanted) == 1, wanted
    for wanted in (
        "hidden activities, layer 2",
        "output activities",
        "output errors, layer 3",
        "hidden errors, layer 2",
    ):
        assert reached.count(wanted) == 1, wanted  # a layer is one stop
    assert sum(name.startswith("test example") for name in reached) == tab.locator(".thumb").count()
    assert sum("Arrow keys look at" in name for name in reached) == 4


def test_choosing_a_neuron_with_the_keyboard(view, page):
    tab = view(page)
    tab.locator("#hidden [role=option][tabindex='0']").focus()
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowDown", "ArrowUp", "Enter"):
        tab.keyboard.press(key)
    assert tab.inner_text("#which") == "number 3 of layer 2"
    assert tab.locator("[aria-selected=true]").count() == 2  # its activity, its error
    assert tab.inner_text("#said").startswith("neuron 3 of layer 2: z = ")
    tab.keyboard.press("End")
    tab.keyboard.press("Space")
    assert tab.inner_text("#which") == "number 30 of layer 2"
    tab.locator("#bars [role=option]").nth(0).focus()
    tab.keyboard.press("End")
    tab.keyboard.press("Enter")
    assert tab.inner_text("#which") == "output 9 (neuron 10 of layer 3)"
    assert "One cell for each neuron of layer 2" in tab.inner_text("#pictures")


def test_arrow_keys_look_at_single_pixels(view, page):
    tab = view(page)
    found = numbers(tab)
    frame = tab.locator("#pictures .frame").nth(0)
    frame.focus()
    for key in ("ArrowRight", "ArrowUp"):
        tab.keyboard.press(key)
    text = tab.inner_text("#probe")
    row, column = 3, 4  # the middle, then one up, from 0
    w = found["w"][2].reshape(8, 8)[row, column]
    pixel = f"pixel {8 * row + column + 1} (row {row + 1}, column {column + 1})"  # counted from 1
    assert text.startswith(f"{pixel}: x = {found['x'][1].reshape(8, 8)[row, column]:.3g}; w = ")
    shown = text.split("w = ")[1].split(";")[0].replace("−", "-")
    assert math.isclose(float(shown), w, rel_tol=5e-3)
    assert tab.locator(".mark:visible").count() == 4
    tab.keyboard.press("Escape")
    assert tab.locator(".mark:visible").count() == 0


def test_the_answer_moves_with_the_arrow_keys(view, page):
    tab = view(page)
    tab.locator("#answers input:checked").focus()
    tab.keyboard.press("ArrowRight")
    assert tab.inner_text("#answer") == "8"
    assert tab.inner_text("#said").startswith("if the answer were 8: cost ")


# ---- looks, names, frames --------------------------------------------------------------------------------


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 640])
def test_axe_finds_nothing_serious(view, findings, page, dark, width):
    tab = view(page, dark=dark, width=width)
    tab.click("summary")
    tab.wait_for_selector("#table tr")  # written when the browser says: opened
    assert findings(tab) == []
    draw_with_keys(tab, "dd")
    assert findings(tab) == []


def test_axe_finds_nothing_serious_on_the_red_bar_and_a_wide_layer(view, findings, monkeypatch):
    monkeypatch.setattr(digit_page, "reference", lambda layers, x: np.full((len(x), 10), 2.0))
    net, examples = large(8, sizes=(150,), output="linear")
    assert findings(view(draw_digit_page(net, examples))) == []


@pytest.mark.parametrize("width", [1280, 1000, 800, 640, 400])
def test_nothing_sticks_out_sideways(view, page, width):
    """640 is 1280 at 200 % zoom."""
    tab = view(page, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


def test_the_theme_button_repaints_the_pictures(view, page):
    tab = view(page)
    brightest = """
        canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data
            .reduce((most, v, k) => k % 4 < 3 ? Math.max(most, v) : most, 0)"""
    assert tab.locator("#ink").evaluate(brightest) < 80  # dark ink
    tab.click("#theme")
    tab.click("#theme")
    for canvas in ("#seen canvas", ".thumb canvas >> nth=0"):
        assert tab.locator(canvas).evaluate(brightest) > 200


def test_the_training_is_told(view, digits, trained, page):
    tab = view(page)
    text = tab.inner_text("#training-text")
    assert text.startswith("12 epochs: ")
    assert f"{100 * trained[1].accuracies[-1]:.3g} %" in text
    assert tab.locator("#curve path").count() == 3
    assert not view(draw_digit_page(trained[0], digits)).locator("#training").is_visible()


def test_hostile_names(view, digits, trained):
    names = ["</script><img src=x onerror=alert(1)>", "<lambda>", "\u202eright to left", "=1+1", "y" * 10_000, *"56789"]
    title = "</title><script>alert(1)</script>" + "z" * 10_000
    tab = view(draw_digit_page(trained[0], digits, classes=names, title=title))
    tab.on("dialog", lambda d: pytest.fail("a script of the names ran"))
    assert tab.locator("img").count() == 0
    assert tab.locator("#bars .name").nth(1).inner_text() == "<lambda>"
    assert tab.inner_text("h1").startswith("</title><script>")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 1280
    numbers(tab)


def test_numbers_that_are_not_finite_are_shown_as_they_are(view):
    net, examples = large(8, output="linear")
    net[2].bias.assign(np.array([np.nan, np.inf, *[0] * 8], np.float32))
    tab = view(draw_digit_page(net, examples))
    assert tab.inner_text("#check").startswith("✓")
    assert "NaN" in tab.inner_text("#bars")


def test_in_a_sandboxed_frame(view, page):
    frame = f'<iframe sandbox="allow-scripts allow-downloads" width="1200" srcdoc="{html.escape(page.html)}"></iframe>'
    tab = view("<!DOCTYPE html><meta charset='utf-8'><title>t</title>" + frame)
    frame = tab.frames[1]
    frame.wait_for_selector("#check:not(:empty)")
    assert frame.inner_text("#check").startswith("✓")
    frame.locator(".thumb").nth(3).click()
    assert "Its label: 3." in frame.inner_text("#source")
    with tab.expect_download() as waiting:
        frame.click("#csv")
    assert Path(waiting.value.path()).read_text(encoding="utf-8").startswith("quantity,layer,neuron,from,value")


def test_it_opens_in_under_a_second(view):
    """A second of its own thread's work, whatever else the machine does at the time."""
    net, examples = large(28, sizes=(100,))
    tab = view(draw_digit_page(net, examples))
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    tab.reload()
    metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
    assert 0 < metrics["TaskDuration"] < 1


@pytest.mark.mnist
@pytest.mark.slow
def test_mnist_after_one_epoch(view):
    folder = os.environ.get("TINYGRAD_EDU_MNIST")
    if not folder:
        if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
            pytest.fail("TINYGRAD_EDU_MNIST must name the folder of MNIST's four files")
        pytest.skip("TINYGRAD_EDU_MNIST names no folder with MNIST's four files")
    data = nn.data.mnist(folder, download=False)
    net = nn.MLP([784, 30, 10], rng=0)
    nn.fit(net, nn.QuadraticCost(), nn.optim.SGD(net.parameters(), 3.0), data, 1, rng=1, progress=False)
    made = draw_digit_page(net, data)
    assert len(made.html.encode()) < 1_000_000
    tab = view(made)
    assert tab.inner_text("#check").startswith("✓")
    draw_with_keys(tab, "d" * 14)
    assert np.argmax(numbers(tab)["a"][3]) == 1  # a vertical line
