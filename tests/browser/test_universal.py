"""The universal-approximation playground in the browser: its numbers are Python's, and it never breaks quietly."""

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_edu.visual.universal import universal


def numbers(tab: Any) -> tuple[dict[str, float], dict[str, float]]:
    """Every parameter (and the cost, C) and every derivative, in full, from the table."""
    if not tab.evaluate("document.getElementById('table').open"):
        tab.click("#table summary")
        tab.wait_for_selector("#cells tr")
    rows = tab.evaluate("[...document.querySelectorAll('#cells tr')].map(r => [...r.cells].map(c => c.textContent))")
    return {r[1]: float(r[2]) for r in rows}, {r[1]: float(r[3]) for r in rows if r[3]}


def until(tab: Any, condition: str) -> None:
    """Wait for a condition; asked from outside, for the page's policy forbids eval."""
    for _ in range(1200):
        if tab.evaluate(condition):
            return
        tab.wait_for_timeout(50)
    raise AssertionError(f"waited in vain for {condition}")


STEPS = "Number(document.getElementById('steps').textContent.replace(',', ''))"


def from_python(page: Any) -> dict[str, Any]:
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])


def arrays(p: dict[str, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w, b, v of the table's parameters."""
    n = sum(name.startswith("b") for name in p)
    return tuple(
        np.array([p[f"{letter}{k + 1 + offset}"] for k in range(n)])
        for letter, offset in (("w", 0), ("b", 0), ("w", n))
    )


def f(x: np.ndarray, w: np.ndarray, b: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (1 / (1 + np.exp(-(np.outer(x, w) + b)))) @ v


def cost(x: np.ndarray, y: np.ndarray, *parameters: np.ndarray) -> float:
    return float(((f(x, *parameters) - y) ** 2).mean() / 2)


def slopes(x: np.ndarray, y: np.ndarray, p: dict[str, float], h: float = 1e-6) -> dict[str, float]:
    """dC/dp by central differences: no derivative formula in it."""
    return {
        name: (cost(x, y, *arrays({**p, name: p[name] + h})) - cost(x, y, *arrays({**p, name: p[name] - h}))) / (2 * h)
        for name in p
        if name != "C"
    }


X = np.linspace(-3, 3, 41)


@pytest.mark.parametrize("hidden", [1, 2, 20])
def test_the_numbers_are_pythons(view: Any, hidden: int) -> None:
    page = universal(np.sin, hidden, rng=3)
    tab = view(page)
    assert "✓ agrees with Python" in tab.inner_text("#badge")
    values, gradients = numbers(tab)
    check, start = from_python(page)["check"], from_python(page)["start"]
    assert values.pop("C") == pytest.approx(check["cost"], abs=1e-12)
    assert np.array_equal(arrays(values), [start[name][:hidden] for name in "wbv"])
    assert np.allclose(arrays(gradients), [check[name] for name in "wbv"], rtol=0, atol=1e-12)
    assert gradients == pytest.approx(slopes(X, np.sin(X), values), abs=1e-8)


def test_a_page_that_disagrees_with_python_says_so(view: Any) -> None:
    page = universal()
    wrong = page.html.replace('"check":{"cost":', '"check":{"cost":1')
    tab = view(wrong)
    assert tab.inner_text("#badge").startswith("✗ does not agree with Python")
    assert "bad" in tab.get_attribute("#badge", "class")


def test_a_slider_changes_curve_cost_and_gradients_together(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    before, _ = numbers(tab)
    for words, key in (("w 1, weight", "PageDown"), ("b 2, bias", "ArrowLeft"), ("w 3, weight", "PageUp")):
        tab.locator(f'input[type=range][aria-label^="{words}"]').press(key)
    p, gradients = numbers(tab)
    assert all(p[name] != before[name] for name in ("w1", "b2", "w3", "C"))
    assert p["w2"] == before["w2"]
    assert p["C"] == pytest.approx(cost(X, np.sin(X), *arrays(p)), abs=1e-12)
    assert gradients == pytest.approx(slopes(X, np.sin(X), p), abs=1e-8)
    target, total = (
        np.array(re.findall(r"([\d.]+) ([\d.-]+)", tab.get_attribute(f"path.{name}", "d")), float)[:, 1]
        for name in ("target", "sum")
    )
    x = np.linspace(-3, 3, len(total))
    slope, level = np.polyfit(np.sin(x), target, 1)  # what one unit is in pixels, from the target's curve
    assert slope < 0
    assert np.abs(slope * f(x, *arrays(p)) + level - total).max() < 0.2
    bars = tab.evaluate("[...document.querySelectorAll('.bar i')].map(b => b.className)")
    assert bars == ["minus" if gradients[name] < 0 else "plus" for name in ("w1", "b1", "w3", "w2", "b2", "w4")]


def test_the_number_box_takes_numbers_only(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    box = tab.locator('input[type=number][aria-label^="b 1"]')
    box.fill("1.2345678")
    assert numbers(tab)[0]["b1"] == 1.2345678
    for bad in ("", "1e300"):
        box.fill(bad)
        assert box.get_attribute("aria-invalid") == "true"
        assert numbers(tab)[0]["b1"] == 1.2345678
        box.blur()
        assert box.input_value() == "1.235"


def test_one_step_is_the_update_of_the_lecture(view: Any) -> None:
    tab = view(universal(np.sin, 4, eta=0.3))
    (p, g), _ = numbers(tab), tab.click("#step")
    after, _ = numbers(tab)
    assert {name: after[name] for name in g} == pytest.approx({name: p[name] - 0.3 * g[name] for name in g}, abs=1e-12)
    assert tab.inner_text("#steps") == "1"


def test_play_learns_and_reset_is_the_same_start_but_a_new_seed_is_not(view: Any) -> None:
    tab = view(universal(np.sin, 3))
    start = numbers(tab)
    tab.click("#play")
    until(tab, f"{STEPS} >= 200")
    tab.click("#play")
    learned, _ = numbers(tab)
    assert learned["C"] < start[0]["C"] / 5
    assert learned["C"] == pytest.approx(cost(X, np.sin(X), *arrays(learned)), abs=1e-12)
    tab.click("#reset")
    assert numbers(tab) == start
    tab.click("#seed")
    seed = numbers(tab)
    assert seed[0]["w1"] != start[0]["w1"]
    tab.click("#step")
    assert numbers(tab) != seed
    tab.click("#reset")
    assert numbers(tab) == seed
    tab.click("#python")
    assert numbers(tab) == start


def test_a_quick_pause_and_play_is_not_twice_as_fast(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    counted = tab.evaluate(
        """() => new Promise((done) => {
            for (let i = 0; i < 3; i++) document.getElementById("play").click();  // play, pause, play
            let frames = 0;
            const count = () => (++frames < 20 ? requestAnimationFrame(count)
                : done(Number(document.getElementById("steps").textContent)));
            requestAnimationFrame(count);
        })"""
    )
    assert 190 <= counted <= 210  # ten steps a frame


def test_a_huge_eta_is_told_and_never_shows_nan(view: Any) -> None:
    tab = view(universal(np.sin, 5))
    tab.fill("#eta", "1000000")
    tab.click("#play")
    tab.wait_for_selector("#note.bad")
    assert "Diverging" in tab.inner_text("#note")
    assert "Play" in tab.inner_text("#play")
    for _ in range(60):
        tab.click("#step")
    assert "no finite number" in tab.inner_text("#note")
    assert all(np.isfinite(x) for part in numbers(tab) for x in part.values())
    assert not re.search("NaN|∞|Infinity|undefined", tab.inner_text("body"))
    assert "NaN" not in tab.content().split('id="data"')[0]
    tab.click("#reset")
    assert tab.is_hidden("#note")


def test_presets_are_a_step_a_bump_and_stairs(view: Any) -> None:
    tab = view(universal(np.sin, 12))
    tab.click("#stairs-preset")
    stairs = numbers(tab)[0]
    assert len(arrays(stairs)[0]) == 12
    assert stairs["C"] < 2e-3
    assert "Each neuron is a step" in tab.inner_text("#note")
    assert stairs["C"] == pytest.approx(cost(X, np.sin(X), *arrays(stairs)), abs=1e-12)
    tab.locator("#hidden").press("End")
    assert numbers(tab)[0]["C"] < stairs["C"] / 2
    tab.click("#step-preset")
    step = f(np.array([-2.5, -1, 0, 1, 2.5]), *arrays(numbers(tab)[0]))
    assert step == pytest.approx([0, 0, 0.5, 1, 1], abs=1e-6)
    tab.click("#bump-preset")
    bump = f(np.array([-2.5, -2, 0, 2, 2.5]), *arrays(numbers(tab)[0]))
    assert bump == pytest.approx([0, 0, 1, 0, 0], abs=1e-5)
    assert tab.input_value("#target") == "bump"
    assert numbers(tab)[0]["C"] < 1e-3


def test_more_neurons_keep_the_first_ones(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    tab.click("#step")
    before = arrays(numbers(tab)[0])
    tab.locator("#hidden").press("ArrowRight")
    more = arrays(numbers(tab)[0])
    assert all(np.array_equal(now[:2], old) and len(now) == 3 for now, old in zip(more, before, strict=True))
    assert tab.locator(".neuron").count() == 3


def test_saturated_neurons_are_told(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    assert tab.is_hidden("#note")
    for k in (1, 2):
        tab.locator(f'input[type=number][aria-label^="w {k},"]').fill("500")
        tab.locator(f'input[type=number][aria-label^="b {k},"]').fill("37")  # s = -0.074, between two examples
    assert "All neurons are saturated" in tab.inner_text("#note")
    _, gradients = numbers(tab)
    assert max(abs(gradients[name]) for name in ("w1", "b1", "w2", "b2")) < 1e-6
    assert tab.locator(".flat:has-text('saturated')").count() == 2


@pytest.mark.parametrize("target", ["sine", "step", "bump", "hat", "two", "parabola", "python"])
def test_every_target_has_its_cost(view: Any, target: str) -> None:
    u = X / 3
    y = {
        "sine": np.sin(np.pi * u),
        "step": np.heaviside(np.round(u, 9), 0.5),
        "bump": np.heaviside(np.round(0.4 - np.abs(u), 9), 0.5),
        "hat": np.maximum(0, 1 - np.abs(u) / 0.6),
        "two": np.heaviside(np.round(0.2 - np.abs(u + 0.5), 9), 0.5)
        + 0.6 * np.heaviside(np.round(0.2 - np.abs(u - 0.4), 9), 0.5),
        "parabola": u**2,
        "python": np.cos(X),
    }[target]
    tab = view(universal(np.cos, 3))
    tab.select_option("#target", "hat")
    tab.select_option("#target", target)
    p, _ = numbers(tab)
    assert p["C"] == pytest.approx(cost(X, y, *arrays(p)), abs=1e-12)


def test_a_target_is_drawn_with_the_pointer_or_the_keys(view: Any) -> None:
    tab = view(universal(lambda x: 0 * x, 2))
    tab.click("#draw")
    before = numbers(tab)[0]
    tab.locator("#plot").scroll_into_view_if_needed()
    box = tab.locator("#plot").bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 40)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 40, steps=5)
    tab.mouse.up()
    drawn = numbers(tab)[0]
    dots = tab.evaluate("[...document.querySelectorAll('.dot')].map(d => Number(d.getAttribute('cy')))")
    assert min(dots) == dots[20] < dots[0] == dots[-1]
    assert drawn["C"] != before["C"]
    tab.locator("#pen-x").press("Home")
    tab.locator("#pen-y").press("End")
    assert numbers(tab)[0]["C"] != drawn["C"]
    dots = tab.evaluate("[...document.querySelectorAll('.dot')].map(d => Number(d.getAttribute('cy')))")
    assert dots[0] == min(dots)
    mine = numbers(tab)[0]["C"]
    tab.select_option("#target", "hat")
    tab.select_option("#target", "drawn")
    assert numbers(tab)[0]["C"] == mine


def test_the_mark_of_a_step_can_be_dragged(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    before = numbers(tab)[0]
    tab.locator("#plot").scroll_into_view_if_needed()
    mark = tab.locator(".mark .grip").first.bounding_box()
    tab.mouse.move(mark["x"] + 5, mark["y"] + 8)
    tab.mouse.down()
    tab.mouse.move(mark["x"] + 105, mark["y"] + 8, steps=4)
    tab.mouse.up()
    p = numbers(tab)[0]
    changed = {name for name in p if p[name] != before[name]}
    assert changed == {"b1", "C"}
    assert -p["b1"] / p["w1"] > -before["b1"] / before["w1"] + 0.5


def test_a_walk_by_keyboard_alone(view: Any) -> None:
    tab = view(universal(np.sin, 2))
    what = "(e => e.id || e.getAttribute('aria-label') || e.textContent.trim())(document.activeElement)"
    visited: list[str] = []
    for _ in range(80):
        tab.keyboard.press("Tab")
        if tab.evaluate("document.activeElement === document.body"):  # past the end
            break
        here = tab.evaluate(what)
        assert tab.evaluate("document.activeElement.matches(':focus-visible')")
        if here == "play" and "play" not in visited:
            tab.keyboard.press("Space")
            until(tab, f"{STEPS} > 20")
            tab.keyboard.press("Space")
            assert "Play" in tab.inner_text("#play")
        if here == "hidden":
            tab.keyboard.press("ArrowRight")
            assert tab.inner_text("#count") == "3"
        if here == "target":
            tab.keyboard.press("b")  # as in "bump"
            assert tab.input_value("#target") == "bump"
        if here.startswith("b 1") and "number" in here:
            tab.keyboard.press("ArrowUp")
        if here == "Table of all numbers" and here not in visited:
            tab.keyboard.press("Enter")
            until(tab, "document.querySelectorAll('#cells tr').length === 10")  # written when the browser says: opened
        visited.append(here)
    wanted = "theme target draw hidden step-preset bump-preset stairs-preset play step reset seed"
    assert {*wanted.split(), "eta", "speed", "python", "log", "copy", "save"} <= set(visited)
    for name in ("w 1", "b 1", "w 4", "w 3", "b 3", "w 6"):
        assert sum(here.startswith(name + ",") for here in visited) >= 2  # the slider and its box


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("hidden", [2, 20])
def test_axe_finds_nothing_serious(view: Any, findings: Any, dark: bool, hidden: int) -> None:
    tab = view(universal(np.sin, hidden), dark=dark)
    assert findings(tab) == []
    tab.click("#draw")
    numbers(tab)  # opens the table
    tab.locator('input[type=number][aria-label^="b 1,"]').focus()
    assert findings(tab) == []
    tab.fill("#eta", "100000")
    tab.click("#play")
    tab.wait_for_selector("#note.bad")
    assert findings(tab) == []


@pytest.mark.parametrize("width", [640, 390])  # 640: a window of 1280 at 200 % zoom
def test_a_narrow_page_scrolls_down_only(view: Any, width: int) -> None:
    tab = view(universal(np.sin, 20, title="W" * 10_000), width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width


HOSTILE = "</script><img src=x onerror=alert(1)>\u202e\ud800 ]]> <!-- \x00 \u2028 $&"


def test_a_hostile_title_and_name_are_text(view: Any) -> None:
    def wave(x: Any) -> Any:
        return np.sin(x)

    wave.__name__ = HOSTILE
    page = universal(wave, title=HOSTILE)
    tab = view(page)
    assert "</script><img src=x onerror=alert(1)>" in tab.inner_text("h1")
    assert tab.locator("img").count() == 0
    assert "✓" in tab.inner_text("#badge")
    assert "<img" in tab.locator("#target option").first.inner_text()
    assert "<img" not in page.svg


def test_in_a_sandboxed_frame(view: Any) -> None:
    frame = f'<iframe sandbox="allow-scripts allow-downloads" srcdoc="{escape(universal().html)}"></iframe>'
    tab = view(f"<!DOCTYPE html><meta charset='utf-8'><title>notebook</title>{frame}")
    inside = tab.frame_locator("iframe")
    assert "✓ agrees with Python" in inside.locator("#badge").inner_text()
    inside.locator("#step").click()
    assert inside.locator("#steps").inner_text() == "1"


def test_the_table_as_csv(view: Any, tmp_path: Path) -> None:
    tab = view(universal(np.sin, 2))
    with tab.expect_download() as download:
        values, gradients = numbers(tab)
        tab.click("#save")
    download.value.save_as(tmp_path / "u.csv")
    head, *rows = [line.split(",") for line in (tmp_path / "u.csv").read_text().splitlines()]
    assert head == ["neuron", "parameter", "value", "dC/dp"]
    assert {r[1]: float(r[2]) for r in rows} == values
    assert {r[1]: float(r[3]) for r in rows if r[3]} == gradients


def test_twenty_neurons_stay_smooth(view: Any) -> None:
    page = universal(np.sin, 20)
    assert len(page.html.encode()) < 150_000
    tab = view(page, still=False)
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})  # the thread's own work, whatever else runs

    def work() -> float:
        return {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}["TaskDuration"]

    before = work()
    tab.click("#play")
    until(tab, f"{STEPS} >= 300")
    tab.click("#play")
    frames = tab.evaluate(STEPS) / 10  # ten steps a frame
    assert (work() - before) / frames < 0.05
