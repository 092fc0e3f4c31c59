"""A Tensor in a notebook: the heat-maps show its numbers, signs, NaN and infinities, and no name can break them."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_edu import Tensor, sigmoid
from tinygrad_edu.visual.heat import LEVELS, blocks, colour

LIMIT = 60_000  # bytes
HOSTILE = ["</script><img src=x onerror=alert(1)>", "\"'><svg onload=x>", "<lambda>", "\u202egnp.exe", "a" * 10**4, "&"]


def parsed(t: Tensor) -> ET.Element:
    """The HTML, which is well-formed XML but for <br>."""
    return ET.fromstring(t._repr_html_().replace("<br>", "<br/>"))


def words(t: Tensor) -> str:
    return " ".join(" ".join(parsed(t).itertext()).split())


def svgs(t: Tensor) -> list[ET.Element]:
    return [e for e in parsed(t).iter() if e.tag.endswith("}svg") and not e.get("aria-label", "").startswith("colours")]


def cells(svg: ET.Element) -> dict[tuple[int, int], str]:
    """Row and column to colour, read from the strips."""
    found = {}
    for path in svg.iter("{http://www.w3.org/2000/svg}path"):
        for j, i, n in re.findall(r"M(\d+) (\d+)\.5h(\d+)", path.get("d", "")):
            if path.get("stroke-width") is None:
                found |= {(int(i), int(j) + k): path.get("stroke") for k in range(int(n))}
    return found


def numbers(svg: ET.Element) -> list[str]:
    return [e.text for e in svg.iter("{http://www.w3.org/2000/svg}text")]


def bluish(color: str) -> bool:
    return int(color[5:7], 16) > int(color[1:3], 16)


# ---- what is said ----------------------------------------------------------------------------------------


def test_value_and_gradient_stand_side_by_side_with_their_scales():
    w = Tensor([[1.0, -2.0], [0.0, 4.0]], requires_grad=True, name="w")
    (w * w).sum().backward()
    value, gradient = svgs(w)
    assert numbers(value) == ["1", "−2", "0", "4"]
    assert numbers(gradient) == ["2", "−4", "0", "8"]
    assert "min −2, mean 0.75, max 4" in words(w)
    assert "min −4, mean 1.5, max 8" in words(w)
    assert "w shape (2, 2) · float64" in words(w)


def test_before_backward_the_gradient_is_not_computed_and_never_zero():
    w = Tensor([1.0, 2.0], requires_grad=True)
    a = sigmoid(w)
    for t in (w, a):
        assert "—, not computed" in words(t)
        assert len(svgs(t)) == 1
    assert "retain_grad()" in words(a)
    assert "retain_grad()" not in words(w)
    assert "made by sigmoid" in words(a)


def test_data_says_that_no_gradient_was_asked_for():
    assert "—, not asked for" in words(Tensor([1.0, 2.0]))


def test_a_single_number_is_a_number():
    x = Tensor(2.0, requires_grad=True, name="x")
    (3 * x).backward()
    assert svgs(x) == []
    assert words(x) == "x shape () · float64 value 2 gradient 3"


def test_the_role_is_said_in_the_lectures_words():
    w = Tensor(np.ones((2, 3)), requires_grad=True, name="first")
    w.role = ("w", 2)
    assert words(w).startswith("w⁽²⁾ first shape (2, 3) · float64 · weights of layer 2")
    cost = Tensor(1.0)
    cost.role = ("cost", 0)
    assert words(cost).startswith("C shape ()")


@pytest.mark.parametrize("shape", [(0,), (0, 3), (2, 0, 4)])
def test_an_empty_array_says_so(shape):
    assert "no entries" in words(Tensor(np.zeros(shape)))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float32])
def test_every_dtype_can_be_shown(dtype):
    t = Tensor(np.array([[0, 1], [1, 1]], dtype=dtype))
    assert numbers(svgs(t)[0]) == ["0", "1", "1", "1"]
    assert str(np.dtype(dtype)) in words(t)


# ---- colours ---------------------------------------------------------------------------------------------


def test_colours_tell_the_sign_and_the_size():
    shares = np.linspace(0, 1, 2 * LEVELS + 1)[1:]
    for share in shares:
        assert bluish(colour(share))
        assert not bluish(colour(-share))

    def light(share: float) -> int:
        return sum(int(colour(share)[k : k + 2], 16) for k in (1, 3, 5))

    for sign in (1, -1):
        lights = [light(sign * share) for share in [0, *shares]]
        assert lights == sorted(lights, reverse=True)
        assert len(set(lights)) == LEVELS + 1
    assert colour(7.0) == colour(np.inf) == colour(1.0)
    assert colour(-np.inf) == colour(-1.0)


def test_each_cell_has_the_colour_of_its_entry():
    rng = np.random.default_rng(0)
    array = rng.standard_normal((9, 20))
    found = cells(svgs(Tensor(array))[0])
    top = np.abs(array).max()
    assert found == {(i, j): colour(array[i, j] / top) for i, j in np.ndindex(9, 20)}


def test_zeros_have_the_colour_of_zero_and_no_scale():
    t = Tensor(np.zeros((9, 9)))
    assert set(cells(svgs(t)[0]).values()) == {colour(0.0)}
    assert "colours from" not in t._repr_html_()


def test_nan_is_crossed_out_and_infinities_are_marked_and_counted():
    array = np.ones((9, 9))
    array[0, :2], array[1, 0], array[2, :3] = np.nan, np.inf, -np.inf
    t = Tensor(array)
    assert "besides: 2 NaN, 1 +∞, 3 −∞" in words(t)
    assert "min 1, mean 1, max 1" in words(t)
    marks = {p.get("stroke"): p.get("d") for p in svgs(t)[0].iter() if p.get("stroke-width") == "1.5"}
    assert marks["#98A2B3"].count("M") == 2
    assert marks["#FFFFFF"].count("h") == 4
    assert marks["#FFFFFF"].count("v") == 1
    found = cells(svgs(t)[0])
    assert found[0, 0] == "#FFFFFF"
    assert found[1, 0] == colour(1)
    assert found[2, 0] == colour(-1)


def test_nan_and_infinities_are_written_where_there_are_numbers():
    assert numbers(svgs(Tensor([np.nan, np.inf, -np.inf, 1.0]))[0]) == ["NaN", "∞", "−∞", "1"]
    assert "no finite entry" in words(Tensor([np.nan, np.inf]))


# ---- large arrays ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "size", "said"),
    [
        ((784, 30), (32, 30), "32 x 30 of 784 x 30, block means"),
        ((30, 784), (30, 32), "30 x 32 of 30 x 784, block means"),
        ((100,), (1, 32), "32 of 100, block means"),
        ((32, 32), (32, 32), None),
    ],
)
def test_large_arrays_are_reduced_and_say_so(shape, size, said):
    t = Tensor(np.random.default_rng(0).standard_normal(shape))
    (svg,) = svgs(t)
    assert set(cells(svg)) == set(np.ndindex(*size))
    assert ("block means" in words(t)) == (said is not None)
    assert (said or "") in words(t)


@given(hnp.array_shapes(min_dims=2, max_dims=2, max_side=70), st.integers(1, 40))
def test_blocks_are_means_of_neighbours(shape, most):
    table = np.random.default_rng(0).standard_normal(shape)
    found = blocks(table, most)
    assert found.shape == (min(shape[0], most), min(shape[1], most))
    cut = [
        np.array_split(np.arange(n), [k * n // m for k in range(1, m)]) for n, m in zip(shape, found.shape, strict=True)
    ]
    expected = [[table[np.ix_(rows, columns)].mean() for columns in cut[1]] for rows in cut[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def test_a_block_with_a_nan_is_nan():
    table = np.zeros((64, 64))
    table[5, 9] = np.nan
    assert np.argwhere(np.isnan(blocks(table, 32))).tolist() == [[2, 4]]


@pytest.mark.parametrize("size", [1e308, 1e-310])
def test_extreme_numbers_do_not_overflow(size):
    t = Tensor(np.full((70, 70), size))
    assert f"mean {size:.4g}".replace("-", "−") in words(t)
    assert set(cells(svgs(t)[0]).values()) == {colour(1)}


def test_of_many_axes_the_first_slices_are_shown():
    array = np.random.default_rng(0).standard_normal((6, 3, 28, 28))
    t = Tensor(array)
    assert len(svgs(t)) == 4
    assert "the first 4 of 18 2-d slices, t[0, 0] first; 16 x 16 of 28 x 28, block means" in words(t)
    thumbs = [blocks(table, 16) for table in array.reshape(-1, 28, 28)[:4]]
    top = max(np.abs(thumb).max() for thumb in thumbs)
    for svg, thumb in zip(svgs(t), thumbs, strict=True):
        assert cells(svg)[3, 5] == colour(thumb[3, 5] / top)
    assert "the only 2-d slice" in words(Tensor(np.ones((1, 3, 3))))


def largest() -> list[Tensor]:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal((500, 500)), np.full((32, 32), np.nan), rng.standard_normal((5, 40, 40))]
    mixed = rng.standard_normal((32, 32))
    mixed[::2, ::2] = np.nan
    mixed[1::2, ::2] = np.inf
    tensors = []
    for array in [*arrays, mixed]:
        t = Tensor(array, requires_grad=True)
        t.grad = array
        tensors.append(t)
    return tensors


@pytest.mark.parametrize("i", range(4))
def test_the_html_stays_small(i):
    assert len(largest()[i]._repr_html_().encode()) < LIMIT


# ---- hostile names, any array ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_inert(name):
    t = Tensor([[1.0, 2.0]], requires_grad=True, name=name)
    t.role = (name, 2)
    tags = {e.tag.rpartition("}")[2] for e in parsed(t).iter()}
    assert tags <= {"div", "b", "span", "br", "svg", "title", "g", "path", "rect", "text"}
    assert "\u202e" not in t._repr_html_()
    assert len(t._repr_html_()) < 5000


def test_there_are_no_scripts_and_nothing_is_loaded():
    for t in largest():
        html = t._repr_html_().lower()
        assert "<script" not in html
        assert "<style" not in html
        assert " id=" not in html
        assert not re.search(r"(href|src)\s*=|url\(", html)


@given(hnp.arrays(st.sampled_from([np.float64, np.float32, np.int64, bool]), hnp.array_shapes(min_dims=0, max_dims=4)))
def test_any_array_can_be_shown(array):
    t = Tensor(array)
    before = array.copy()
    assert ET.fromstring(t._repr_html_().replace("<br>", "<br/>")) is not None
    np.testing.assert_array_equal(t.data, before)


# ---- repr ------------------------------------------------------------------------------------------------


def test_repr_says_value_gradient_op_and_name():
    a = sigmoid(Tensor(0.5, requires_grad=True))
    a.name = "a"
    assert repr(a) == "Tensor(0.622459, grad=—, op=sigmoid, name='a')"
    long = repr(Tensor(np.arange(100.0)))
    assert long == "Tensor([0, 1, 2, …], shape=(100,), float64, min 0, mean 49.5, max 99)"
