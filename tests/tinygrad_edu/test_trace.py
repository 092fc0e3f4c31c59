"""A trace is the run itself: its numbers are the engine's, its formulas are the rules, its steps the lecture's."""

import json
from importlib import resources
from itertools import pairwise
from typing import Any

import laws
import numpy as np
import pytest
from all_cases import CASES
from hypothesis import given
from hypothesis import strategies as st
from interpreters import eager
from program_choices import Rolled, uneven
from programs import generate

import nn
import tinygrad_edu.visual
from nn import lecture
from tinygrad_edu import TABLE, Tensor, custom, sigmoid
from tinygrad_edu.errors import DrawingError, DtypeError, GradientError
from tinygrad_edu.visual.explain import text
from tinygrad_edu.visual.symbolic import passed_part
from tinygrad_edu.visual.trace import Trace, trace

DIFFERENTIABLE = sorted(name for name, op in TABLE.items() if op.differentiable)


# ---- graphs to trace ---------------------------------------------------------------------------------------


def network(sizes=(3, 4, 2), batch=1, seed=0, dtype=np.float64):
    """The lecture's network: cost, module, x and y."""
    rng = np.random.default_rng(seed)
    layers = [layer for m, n in pairwise(sizes) for layer in (nn.Linear(m, n, rng=rng, dtype=dtype), nn.Sigmoid())]
    net = nn.Sequential(*layers)
    x, y = rng.random((batch, sizes[0])).astype(dtype), rng.random((batch, sizes[-1])).astype(dtype)
    return nn.QuadraticCost()(net(x), y), net, x, y


def fan_out():
    """C = 3 w + 4 w: two parts of one gradient, 0, 3, 7."""
    w = Tensor(2.0, requires_grad=True, name="w")
    return w * 3 + w * 4


def random_cost(k: int) -> tuple[Any, list[Any]] | None:
    """A random program made one number, and its values; None if it has no derivative."""
    program = generate(Rolled(np.random.default_rng([4, k])))
    values = eager(program)
    roots = [values[r] for r in program.roots if values[r].requires_grad]
    if not roots:
        return None
    parts = [(root * uneven(root.shape)).sum() for root in roots]
    return sum(parts[1:], parts[0]) * 1.0, values


def array(a: dict[str, Any]) -> Any:
    return np.array([float(v) for v in a["data"]]).reshape(a["shape"])


def by_id(t: Trace) -> dict[str, Any]:
    return {node["id"]: node for node in t.data["nodes"]}


def by_symbol(t: Trace) -> dict[str, Any]:
    return {n["symbol"]["base"] + str(n["symbol"].get("layer", "")): n for n in t.data["nodes"]}


# ---- the contract --------------------------------------------------------------------------------------------


def checked(t: Trace) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((resources.files(tinygrad_edu.visual) / "trace.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(json.dumps(t.data, allow_nan=False)))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_fits_the_schema(batch, dtype):
    cost, net, _, _ = network(batch=batch, dtype=dtype)
    checked(trace(cost, model=net, eta=3.0))


def test_large_arrays_fit_the_schema():
    cost, net, _, _ = network((200, 30, 10))
    t = trace(cost, model=net)
    checked(t)
    w = next(n for n in t.data["nodes"] if n["role"] == "w" and n["layer"] == 2)
    assert "data" not in w["value"]
    assert np.shape(w["value"]["thumb"]) == (30, 32)
    assert np.array_equal(w["value"]["rows"]["5"], net[0].weight.data[5])
    cost.backward()
    assert np.array_equal(w["grad"]["cols"]["199"], net[0].weight.grad.data[:, 199])


@pytest.mark.parametrize("k", range(40))
def test_random_graphs_fit_the_schema(k):
    made = random_cost(k)
    if made:
        checked(trace(made[0]))


def test_the_schema_finds_a_mistake():
    jsonschema = pytest.importorskip("jsonschema")
    t = trace(fan_out())
    t.data["steps"][0]["phase"] = "sideways"
    with pytest.raises(jsonschema.ValidationError):
        checked(t)


# ---- numbers: those of the engine, to the bit -----------------------------------------------------------------


@pytest.mark.parametrize("k", range(60))
def test_every_number_is_the_engines(k):
    made = random_cost(k)
    if made is None:
        return
    cost, values = made
    for i, value in enumerate(values):
        value.name = f"value{i}"
    t = trace(cost)
    assert all(value.grad is None for value in values)
    cost.backward(retain_grads=True)
    named = {node["name"]: node for node in t.data["nodes"]}
    for value in values:
        node = named.get(value.name)
        if node is not None:
            assert np.array_equal(array(node["value"]), value.data, equal_nan=True)
            if value.grad is not None:
                assert np.array_equal(array(node["grad"]), value.grad.data, equal_nan=True)
    assert_parts_add_up(t)


def assert_parts_add_up(t: Trace) -> None:
    """before + add = after, from 0 to the gradient, for every node; and a part is what its formula gives."""
    held: dict[str, Any] = {}
    nodes = by_id(t)
    for step in t.data["steps"]:
        if step["write"] != "grad":
            continue
        node = nodes[step["node"]]
        before = array(step["before"]) if "before" in step else np.zeros(node["shape"])
        assert np.array_equal(before, held.get(step["node"], np.zeros(node["shape"])), equal_nan=True)
        after = array(step.get("after") or node["grad"])
        assert np.array_equal(before + array(step.get("add") or node["grad"]), after, equal_nan=True)
        held[step["node"]] = after
    for key, last in held.items():
        assert np.array_equal(last, array(nodes[key]["grad"]), equal_nan=True)


def test_fan_out_is_a_step_each():
    t = trace(fan_out())
    w = next(n["id"] for n in t.data["nodes"] if n["name"] == "w")
    steps = [s for s in t.data["steps"] if s["node"] == w]
    got = [(s.get("before", {"data": [0]})["data"][0], s.get("after", {"data": [7.0]})["data"][0]) for s in steps]
    assert [pair[0] for pair in got] + [got[-1][1]] in ([0, 3, 7], [0, 4, 7])


def test_depth_looks_back_so_far_and_its_parts_add_up():
    x = Tensor(0.5, requires_grad=True, name="x")
    deep = x
    for _ in range(6):
        deep = sigmoid(deep) * x
    t = trace(deep * 1.0, depth=3)
    checked(t)
    assert len(t.data["nodes"]) < 8
    values = {n["symbol"]["text"]: n["value"] for n in t.data["nodes"]}
    from_x = [s for s in t.data["steps"] if s["node"] == by_symbol(t)["x"]["id"]]
    assert [("via" in s, "add" in s) for s in from_x] == [(True, True), (False, True)]  # shown, and beyond
    assert array(from_x[0]["after"]) == array(from_x[1]["before"]) == array(values["v₂"])
    total = array(from_x[1]["before"]) + array(from_x[1]["add"])
    assert np.isclose(total, array(by_symbol(t)["x"]["grad"]), rtol=1e-14)
    assert "beyond depth" in str(t)


def test_trace_changes_nothing():
    cost, net, _, _ = network()
    before = [(p.data.copy(), p.grad) for p in net.parameters()]
    trace(cost, model=net, eta=3.0)
    for (data, grad), p in zip(before, net.parameters(), strict=True):
        assert np.array_equal(data, p.data)
        assert p.grad is grad is None
    cost.backward()
    kept = [p.grad.data.copy() for p in net.parameters()]
    trace(cost, model=net)
    assert all(np.array_equal(g, p.grad.data) for g, p in zip(kept, net.parameters(), strict=True))


# ---- the lecture's four equations ------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 3])
def test_it_is_BP1_to_BP4(batch):
    cost, net, x, y = network((5, 7, 4, 3), batch=batch)
    t = trace(cost, model=net, eta=3.0)
    w = [None, None, *(net[i].weight.data for i in (0, 2, 4))]
    b = [None, None, *(net[i].bias.data for i in (0, 2, 4))]
    hand = lecture.backpropagate(w, b, x, y)
    nodes = by_symbol(t)
    for l in (2, 3, 4):
        close(nodes[f"z{l}"]["grad"], hand.delta[l] / batch)  # C is the mean: dC/dz is delta/S
        close(nodes[f"b{l}"]["grad"], hand.dC_db[l])
        close(nodes[f"w{l}"]["grad"], hand.dC_dw[l])
    names = {node["id"]: name for name, node in nodes.items()}
    found = [(s["eqno"], names[s["node"]]) for s in t.data["steps"] if s["eqno"]]
    assert [f for f in found if f[0] in ("BP1", "BP2")] == [("BP1", "z4"), ("BP2", "z3"), ("BP2", "z2")]
    assert {f for f in found if f[0] in ("BP3", "BP4")} == {
        (e, f"{p}{l}") for e, p in (("BP3", "b"), ("BP4", "w")) for l in (2, 3, 4)
    }
    new_w, new_b = lecture.update(w, b, hand, 3.0)
    for step in t.data["steps"]:
        if step["phase"] == "update":
            name = names[step["node"]]
            close(step["after"], (new_w if name[0] == "w" else new_b)[int(name[1:])])


def close(found: Any, expected: Any) -> None:
    assert np.allclose(array(found), expected, rtol=0, atol=1e-14)


def test_the_phases_come_in_the_lectures_order():
    cost, net, _, _ = network()
    order = ["forward", "seed", "error", "backward", "derivative", "update"]
    places = [order.index(s["phase"]) for s in trace(cost, model=net, eta=0.1).data["steps"]]
    assert places == sorted(places)
    assert set(places) == set(range(6))


# ---- formulas: each evaluates to the numbers of its rule ----------------------------------------------------------


class Unwritten(Exception):
    """A formula with something in it that has no value in text: an array of constants, a slice."""


def evaluate(tree: Any, value: Any, gradient: Any) -> Any:
    """The tree read with the op table."""
    match tree:
        case ["grad", key]:
            return gradient[key]
        case ["dsigma", key]:
            a = TABLE["sigmoid"].forward(value[key])
            return a * (1 - a)
        case ["array" | "setting", *_]:
            raise Unwritten
        case [str(name), *parts]:
            inputs = [evaluate(p, value, gradient) for p in parts if not is_setting(p)]
            if name == "concatenate" and not all(np.ndim(x) for x in inputs):
                raise Unwritten  # a 0 that stands for an array of zeros
            return TABLE[name].forward(*inputs, **{p[0]: setting(p[1]) for p in parts if is_setting(p)})
        case str(key) if key in value:
            return value[key]
        case "NaN" | "Infinity" | "-Infinity":
            return float(tree)
    return tree


def is_setting(part: Any) -> bool:
    return (
        isinstance(part, list)
        and len(part) == 2
        and isinstance(part[0], str)
        and part[0] not in (*TABLE, "grad", "dsigma")
    )


def setting(value: Any) -> Any:
    match value:
        case ["tuple", *entries]:
            return tuple(setting(v) for v in entries)
        case ["setting", "Ellipsis"]:
            return ...
        case ["setting", text] if text.startswith("dtype("):
            return np.dtype(text[7:-2])
        case ["setting", text] if text.startswith("slice("):
            return slice(*(None if v == "None" else int(v) for v in text[6:-1].split(", ")))
        case ["setting", *_] | ["array", *_]:
            raise Unwritten
    return value


def undone(part: Any, shape: tuple[int, ...]) -> Any:
    """What ["sum_to", part] means: the sum over what broadcasting repeated."""
    part = np.asarray(part)
    part = part.sum(axis=tuple(range(part.ndim - len(shape))))
    return part.sum(axis=tuple(d for d, n in enumerate(shape) if n == 1 and part.shape[d] != 1), keepdims=True)


def value_of_part(tree: Any, shape: tuple[int, ...], value: Any, gradient: Any) -> Any:
    inner = tree[1] if isinstance(tree, list) and tree[0] == "sum_to" else tree
    return undone(
        np.broadcast_to(
            evaluate(inner, value, gradient), np.broadcast_shapes(np.shape(evaluate(inner, value, gradient)), shape)
        ),
        shape,
    )


@pytest.mark.parametrize("name", DIFFERENTIABLE)
@laws.few
@given(st.data())
def test_every_row_reads_on_symbols(name, data):
    """What a rule passes on, written as a formula, evaluates to what it passes on."""
    call = data.draw(CASES[name].calls)
    inputs = laws.tensors(TABLE[name], call)
    z = TABLE[name](*inputs, **call.params)
    if z.op is None:
        return
    ids = {x: f"n{i}" for i, x in enumerate([*inputs, z])}
    g = uneven(z.shape)
    for i, x in enumerate(z.inputs):
        if not isinstance(x, Tensor) or not x.requires_grad or not (callable(z.op.vjps) or z.op.vjps[i]):
            continue
        tree = passed_part(z, i, ids)
        json.dumps(tree)
        rule = z.op.vjps
        with np.errstate(all="ignore"):
            truth = (
                rule(g, z.data, *z._arrays, **z.params)[i]
                if callable(rule)
                else rule[i](g, z.data, *z._arrays, **z.params)
            )
            try:
                found = value_of_part(tree, x.shape, {k: t.data for t, k in ids.items()}, {ids[z]: g})
            except Unwritten:
                continue
        expected = undone(np.broadcast_to(truth, np.broadcast_shapes(np.shape(truth), x.shape)), x.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("k", range(40))
def test_the_formulas_of_random_graphs_give_their_numbers(k):
    made = random_cost(k)
    if made is None:
        return
    t = trace(made[0])
    nodes = by_id(t)
    value, gradient = ({key: array(n[what]) for key, n in nodes.items() if n[what]} for what in ("value", "grad"))
    edges = {(e["from"], e["to"], e["slot"]): e for e in t.data["edges"]}
    checked_parts = 0
    for step in t.data["steps"]:
        if step["write"] != "grad" or step["phase"] == "seed":
            continue
        node, part = nodes[step["node"]], edges[step["node"], step["via"], step["slot"]]["part"]
        try:
            with np.errstate(all="ignore"):
                found = value_of_part(part, tuple(node["shape"]), value, gradient)
        except Unwritten:
            continue
        expected = array(step.get("add") or node["grad"])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * max(1, np.abs(expected).max(initial=0)))
        checked_parts += 1
    assert checked_parts


# ---- arguments, limits, names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: trace(3.0), DtypeError, "takes the cost"),
        (lambda: trace(Tensor([1.0, 2.0], requires_grad=True) * 2), GradientError, "shape (2,)"),
        (lambda: trace(Tensor(1.0) * 2), GradientError, "no graph"),
        (lambda: trace(fan_out(), depth=0), DrawingError, "depth"),
        (lambda: trace(fan_out(), eta=float("nan")), DrawingError, "learning rate"),
        (lambda: trace(fan_out()).save("page.txt"), DrawingError, ".html"),
    ],
)
def test_wrong_use_is_explained(call, error, words):
    with pytest.raises(error, match=words.replace("(", r"\(").replace(")", r"\)")):
        call()


def test_above_5000_nodes_it_names_three_ways_out():
    w = Tensor(0.5, requires_grad=True)
    t = w
    for _ in range(5001):
        t = t * 1.0
    with pytest.raises(DrawingError) as caught:
        trace(t)
    assert all(words in str(caught.value) for words in ("one example", "hold arrays", "depth="))
    assert len(trace(t, depth=20).data["nodes"]) == 21


def test_a_function_is_traced_with_its_lines():
    def cost():
        w = Tensor(3.0, requires_grad=True, name="w")
        return w * 5

    t = trace(cost)
    sources = [n["src"] for n in t.data["nodes"] if n["kind"] == "op"]
    assert [(s["file"], s["text"]) for s in sources] == [("test_trace.py", "return w * 5")]  # no folder, no home


HOSTILE = ["</script><img onerror=alert(1)>", "<lambda>", "\u202eevil", "x" * 10_000, "שלום", "\x00\n\ud800", "NaN", ""]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_any_name_is_data(name):
    w = Tensor(float("nan"), requires_grad=True, name=name or None)
    t = trace(w * float("inf"), title=name)
    checked(t)
    assert len(t.data["nodes"][0]["name"]) <= 80
    assert "\n" not in t.data["nodes"][0]["symbol"]["text"]
    assert text(t.data)


def test_a_mini_batch_says_S():
    cost, net, _, _ = network(batch=3)
    words = str(trace(cost, model=net))
    assert "δ⁽³⁾/S" in words
    assert "S = 3 examples" in words


def test_the_bundle_of_a_notebook():
    bundle = trace(fan_out())._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html", "image/svg+xml"}
    assert 'sandbox="allow-scripts' in bundle["text/html"]


@pytest.mark.parametrize("name", ["square", "sigmoid", "add", "grad", "call", "n0"])
def test_an_op_of_the_users_own_is_written_by_its_name_and_never_as_ours(name):
    cube = custom(lambda x: x**3, lambda g, z, x: g * 3 * x**2, name=name)
    cost = cube(Tensor(2.0, requires_grad=True, name="x"))
    told = text(trace(cost).data)
    assert f"C = {name}(x) = {name}(2) = 8\n" in told
    assert "∂C/∂x = ∂C/∂C · 3 · x^2 = 1 · 3 · 2^2 = 12" in told
