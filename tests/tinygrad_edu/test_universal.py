"""universal(): what the page is given, its twin in words, its still picture, and errors that teach."""

import json
import math
import re
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import DataError, DrawingError, DtypeError, ShapeError, TinygradEduError
from tinygrad_edu.visual.universal import universal


def given(page: Any) -> dict[str, Any]:
    """The data inside the page."""
    return json.loads(re.search(r'id="data">(.*?)</script>', page.html, re.DOTALL)[1])


def cost(x: Any, y: Any, w: Any, b: Any, v: Any) -> float:
    f = sum(vk / (1 + np.exp(-(bk + wk * np.asarray(x)))) for wk, bk, vk in zip(w, b, v, strict=True))
    return float(((f - np.asarray(y)) ** 2).mean() / 2)


@pytest.mark.parametrize("hidden", [1, 2, 7, 20])
def test_cost_and_gradients_are_those_of_the_formula(hidden: int) -> None:
    data = given(universal(np.cos, hidden, domain=(0, 2), samples=17, rng=5))
    x, y = np.linspace(0, 2, 17), np.cos(np.linspace(0, 2, 17))
    assert np.array_equal(data["x"], x)
    assert np.array_equal(data["y"], y)
    p = {name: np.array(data["start"][name][:hidden]) for name in "wbv"}
    assert data["check"]["cost"] == pytest.approx(cost(x, y, **p), abs=1e-14)
    for name in "wbv":
        for k in range(hidden):
            step = np.where(np.arange(hidden) == k, 1e-6, 0)
            up, down = (cost(x, y, **{**p, name: p[name] + s}) for s in (step, -step))
            assert data["check"][name][k] == pytest.approx((up - down) / 2e-6, abs=1e-8)


def test_every_step_starts_inside_the_domain_and_the_first_neurons_do_not_depend_on_hidden() -> None:
    for rng in range(20):
        start = given(universal(np.sin, 2, domain=(-1, 4), rng=rng))["start"]
        s = -np.array(start["b"]) / start["w"]
        assert len(s) == 20
        assert ((s > -1) & (s < 4)).all()
        assert start == given(universal(np.sin, 20, domain=(-1, 4), rng=rng))["start"]


def test_the_same_rng_is_the_same_page() -> None:
    assert universal(rng=4).html == universal(rng=4).html != universal(rng=5).html
    assert given(universal(rng=np.random.default_rng(4)))["start"]["w"] == given(universal(rng=4))["start"]["w"]


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (np.sin, "sin"),
        (math.sin, "sin"),
        (te.sin, "f"),
        (lambda x: math.sin(x) if x > -9 else 0, "f"),
        (lambda x: te.sin(te.Tensor(x)), "f"),
    ],
)
def test_functions_of_arrays_of_numbers_and_of_tensors(f: Any, name: str) -> None:
    page = universal(f)
    data = given(page)
    assert np.allclose(data["y"], np.sin(data["x"]), rtol=1e-15)
    assert page.title in (f"Universal approximation of {name}", "Universal approximation of sin")


def test_constants_and_booleans_are_functions_too() -> None:
    assert set(given(universal(lambda x: 1))["y"]) == {1}
    assert set(given(universal(lambda x: x > 0))["y"]) == {0, 1}
    assert given(universal(lambda x: 0 * x))["check"]["cost"] > 0


def test_the_twin_in_words_lists_function_parameters_cost_and_gradients() -> None:
    page = universal(np.sin, 2)
    data = given(page)
    assert "f_wb(x) = w3 σ(b1 + w1 x) + w4 σ(b2 + w2 x),  x from -3 to 3" in str(page)
    assert f"{data['check']['cost']:.6g}" in str(page)
    rows = {m[0]: (float(m[1]), float(m[2])) for m in re.findall(r"^([wb]\d)\s+(\S+)\s+(\S+)$", str(page), re.M)}
    start, check = data["start"], data["check"]
    names = {"w1": ("w", 0), "w2": ("w", 1), "b1": ("b", 0), "b2": ("b", 1), "w3": ("v", 0), "w4": ("v", 1)}
    assert rows.keys() == names.keys()
    for row, (name, k) in names.items():
        assert rows[row] == pytest.approx((start[name][k], check[name][k]), rel=1e-5)
    assert "w21 σ(b1 + w1 x) + w22 σ(b2 + w2 x) + … + w40 σ(b20 + w20 x)" in str(universal(hidden=20))


@pytest.mark.parametrize("hidden", [1, 20])
def test_the_still_picture_is_well_formed_svg(hidden: int) -> None:
    svg = ElementTree.fromstring(universal(np.sin, hidden, title="a < b & c").svg)
    curves = svg.findall("{*}polyline")
    assert len(curves) == 2 + 2 + 2 * hidden  # zero, axis; target, sum; a curve and a mark for each neuron
    assert svg.attrib["aria-label"] == "a < b & c"


@pytest.mark.parametrize(
    ("wrong", "error", "says"),
    [
        ({"f": 3}, DtypeError, "f is a function, as np.sin"),
        ({"f": lambda x: x[:3]}, ShapeError, r"shape \(3,\), not \(N,\)"),
        ({"f": lambda x: [1, 2]}, ShapeError, r"f\(-3\) has shape \(2,\)"),
        ({"f": np.log}, DataError, r"f\(-3\) is nan.*domain=\(from, to\)"),
        ({"f": lambda x: 1 / x}, DataError, r"f\(0\) is inf"),
        ({"f": math.log}, DataError, "f failed at x = -3: ValueError: math domain error"),
        ({"f": lambda x: {}[x]}, DataError, "f failed at x = -3: KeyError"),
        ({"f": lambda x: 1e9 * x}, DataError, "too large to learn"),
        ({"f": lambda x: None}, DtypeError, "real numbers.*None"),
        ({"f": lambda x: 1j * x}, DtypeError, "real numbers"),
        ({"f": lambda x: "one"}, DtypeError, "real numbers.*'one'"),
        ({"hidden": 0}, DrawingError, "whole number from 1 to 20; got 0"),
        ({"hidden": 21}, DrawingError, "whole number from 1 to 20; got 21"),
        ({"hidden": 2.5}, DrawingError, "whole number from 1 to 20; got 2.5"),
        ({"hidden": True}, DrawingError, "got True"),
        ({"hidden": "2"}, DrawingError, "got '2'"),
        ({"samples": 1}, DrawingError, "samples is a whole number from 2"),
        ({"domain": (3, -3)}, DrawingError, r"from < to.*write \(-3, 3\)"),
        ({"domain": 3}, DrawingError, "two finite numbers"),
        ({"domain": (0, math.inf)}, DrawingError, "two finite numbers"),
        ({"domain": ("a", "b")}, DrawingError, "two finite numbers"),
        ({"domain": (1, 1 + 1e-9)}, DrawingError, "too narrow"),
        ({"eta": 0}, DrawingError, "a number above 0"),
        ({"eta": math.nan}, DrawingError, "a number above 0"),
        ({"title": 3}, DtypeError, "title is text"),
    ],
)
def test_what_cannot_be_drawn_is_explained(wrong: dict[str, Any], error: type[TinygradEduError], says: str) -> None:
    with pytest.raises(error, match=says):
        universal(**wrong)


def test_the_errors_of_f_keep_their_cause() -> None:
    with pytest.raises(DataError) as caught:
        universal(math.log)
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("title", ["</script><img src=x onerror=alert(1)>", "\ud800\x00\u202e", "x" * 10_000, "$&"])
def test_a_hostile_title_stays_text(title: str, tmp_path: Any) -> None:
    page = universal(title=title)
    assert "<img" not in page.html
    assert "<img" not in page.svg
    ElementTree.fromstring(page.svg)
    page.save(tmp_path / "page.html")


def test_the_page_is_small() -> None:
    assert len(universal(hidden=20).html.encode()) < 150_000
