"""Loader: each epoch once through, and a resume anywhere gives exactly what was left."""

import copy
import gc
import json
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nn import data
from nn.data import Examples, Loader, batches, one_hot
from tinygrad_edu import DataError


def pairs(n: int, n_in: int = 4, image_shape=(2, 2)) -> Examples:
    """Examples in which x[i, 0] = i, so that a row tells who it is."""
    x = np.zeros((n, n_in), np.float32)
    x[:, 0] = np.arange(n)
    labels = np.arange(n) * 7 % 10
    return Examples(x, one_hot(labels), labels, image_shape)


def same(one, other) -> bool:
    """Bit for bit, shapes and dtypes too."""
    one, other = list(one), list(other)
    return len(one) == len(other) and all(
        a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()
        for left, right in zip(one, other, strict=True)
        for a, b in zip(left, right, strict=True)
    )


def jitter(x, rng):
    """An augmentation of which every bit depends on the generator."""
    return x + rng.standard_normal(x.shape).astype(x.dtype)


def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "nn.data.Loader"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert threads() == []


# --- an epoch -------------------------------------------------------------------------------------


@given(n=st.integers(0, 30), size=st.integers(1, 40), drop=st.booleans(), prefetch=st.integers(0, 3))
def test_E9_each_example_once_and_the_rest_in_the_last_batch(n, size, drop, prefetch):
    if drop and 0 < n < size:
        with pytest.raises(DataError, match=f"batch_size={n}"):
            Loader(pairs(n), size, drop_last=True)
        return
    loader = Loader(pairs(n), size, rng=0, drop_last=drop, prefetch=prefetch)
    for _ in range(2):
        epoch = list(loader)
        rest = [] if drop or not n % size else [n % size]
        assert [len(x) for x, _ in epoch] == [size] * (n // size) + rest
        assert len(loader) == len(epoch)
        seen = [int(i) for x, _ in epoch for i in x[:, 0]]
        assert len(set(seen)) == len(seen) == (n // size * size if drop else n)
        for x, y in epoch:  # x and y stay together
            assert y.argmax(axis=1).tolist() == [int(i) * 7 % 10 for i in x[:, 0]]
    assert loader.epoch == 2


def test_the_order_is_that_of_batches_epoch_after_epoch():
    """So that figures published with the one hold with the other."""
    loader, rng = Loader(pairs(25), 4, rng=5), np.random.default_rng(5)
    for _ in range(3):
        assert same(loader, batches(pairs(25), 4, rng))


def test_without_shuffling_examples_come_as_they_stand_and_nothing_is_drawn():
    rng = np.random.default_rng(1)
    before = copy.deepcopy(rng.bit_generator.state)
    assert same(Loader(pairs(7), 3, shuffle=False, rng=rng), batches(pairs(7), 3))
    assert rng.bit_generator.state == before


@pytest.mark.parametrize("augment", [None, jitter])
@pytest.mark.parametrize(
    "make", [lambda e, augment: batches(e, 3), lambda e, augment: Loader(e, 3, shuffle=False, augment=augment)]
)
def test_a_mini_batch_that_is_a_part_of_the_examples_cannot_be_written_to(make, augment):
    examples = pairs(7)
    mine = examples.x.copy(), examples.y.copy()
    for x, y in make(examples, augment):
        for part, whole in ((x, examples.x), (y, examples.y)):
            if np.shares_memory(part, whole):
                with pytest.raises(ValueError, match="read-only"):
                    part += 1
            else:
                part += 1
    assert same([(examples.x, examples.y)], [mine])
    assert examples.x.flags.writeable
    assert examples.y.flags.writeable
    x, _ = next(iter(Loader(examples, 3, rng=0)))
    x += 1  # a copy, and the reader's own
    assert same([(examples.x, examples.y)], [mine])


def test_epochs_and_seeds_differ_and_one_seed_repeats():
    a, b, c = Loader(pairs(40), 8, rng=0), Loader(pairs(40), 8, rng=0), Loader(pairs(40), 8, rng=1)
    first, second = list(a), list(a)
    assert not same(first, second)
    assert same(first, b)
    assert not same(first, c)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"batch_size": 0}, ["batch_size", "at least 1", "0"]),
        ({"batch_size": 2.0}, ["batch_size", "2.0"]),
        ({"prefetch": -1}, ["prefetch", "-1"]),
        ({"sampler": [1, 2]}, ["sampler", "function"]),
        ({"augment": "shift"}, ["augment", "function"]),
        ({"examples": data.Dataset("d", pairs(3), None, pairs(1))}, ["Dataset", "data.train"]),
        ({"examples": [1, 2]}, ["list"]),
    ],
)
def test_what_is_wrong_is_said_at_once(change, words):
    with pytest.raises(DataError) as caught:
        Loader(**{"examples": pairs(5), **change})
    for word in words:
        assert word in str(caught.value)


# --- sampler --------------------------------------------------------------------------------------


def test_a_sampler_says_which_rows_in_which_order():
    loader = Loader(pairs(5), 2, sampler=lambda n, rng: np.arange(n)[::-1], rng=0)
    assert [x[:, 0].tolist() for x, _ in loader] == [[4, 3], [2, 1], [0]]


@pytest.mark.parametrize("rows", [[0, 1, 2], [0, 1, 2, 5, 3], [0, -1, 1, 2, 3], [0.0, 1, 2, 3, 4], "rows"])
def test_a_sampler_that_gives_other_rows_is_named(rows):
    with pytest.raises(DataError, match="5 row numbers, from 0 to 4"):
        list(Loader(pairs(5), sampler=lambda n, rng: rows))


def test_balanced_draws_a_rare_class_as_often_as_the_others():
    labels = np.array([0] * 900 + [1] * 100)
    examples = Examples(np.zeros((1000, 1), np.float32), one_hot(labels, 2), labels)
    loader = Loader(examples, 100, sampler=data.balanced(labels), rng=0)
    part = np.mean([y[:, 1].mean() for _ in range(20) for _, y in loader])
    assert abs(part - 0.5) < 4 * 0.5 / np.sqrt(20_000)
    with pytest.raises(DataError, match="1000 labels"):
        list(Loader(pairs(5), sampler=data.balanced(labels)))
    with pytest.raises(DataError, match="no labels"):
        data.balanced([])


# --- augmentation ---------------------------------------------------------------------------------


def test_flat_pictures_reach_the_augmentation_as_pictures_and_return_flat():
    shapes = []

    def noted(x, rng):
        shapes.append(x.shape)
        return x[:, ::-1]

    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    examples = Examples(x, one_hot([0, 1, 2]), np.arange(3), (2, 2))
    (got, _), (last, _) = Loader(examples, 2, shuffle=False, augment=noted)
    assert shapes == [(2, 2, 2), (1, 2, 2)]
    assert got.tolist() == [[2, 3, 0, 1], [6, 7, 4, 5]]
    assert last.tolist() == [[10, 11, 8, 9]]


def test_an_augmentation_that_writes_into_its_input_leaves_the_examples_alone():
    examples = pairs(6)
    before = examples.x.copy()

    def careless(x, rng):
        x += 1
        return x

    ((x, _),) = Loader(examples, 6, shuffle=False, augment=careless)
    assert np.array_equal(examples.x, before)
    assert np.array_equal(x, before + 1)


@pytest.mark.parametrize("result", [lambda x: x[:1], lambda x: x.astype(np.float64), lambda x: x.tolist()])
def test_an_augmentation_that_makes_something_else_is_named(result):
    with pytest.raises(DataError, match="augment made"):
        list(Loader(pairs(4), 4, augment=lambda x, rng: result(x)))


def test_an_augmentation_changes_the_inputs_and_not_the_order():
    plain = [y for _, y in Loader(pairs(20), 6, rng=3)]
    changed = [y for _, y in Loader(pairs(20), 6, rng=3, augment=jitter)]
    assert all(np.array_equal(a, b) for a, b in zip(plain, changed, strict=True))


# --- E4: to go on later ---------------------------------------------------------------------------

KINDS = {
    "plain": {},
    "augmented": {"augment": jitter},
    "in a thread": {"augment": jitter, "prefetch": 2},
    "as they stand": {"shuffle": False, "augment": jitter},
    "sampler": {"sampler": lambda n, rng: rng.integers(0, n, n)},
    "drop_last": {"drop_last": True, "augment": jitter},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", range(13), ids="after {} batches".format)
def test_E4_a_resume_gives_exactly_what_was_left(kind, stop):
    """At every place of three epochs, their ends included; through JSON, as a file would keep it."""
    make = KINDS[kind]
    whole = Loader(pairs(17), 4, rng=11, **make)
    uninterrupted = [list(whole) for _ in range(4)]
    loader, seen, state = Loader(pairs(17), 4, rng=11, **make), 0, None
    while state is None:
        if seen == stop:
            state = loader.state_dict()
            break
        for _ in loader:
            seen += 1
            if seen == stop:
                state = loader.state_dict()
                break
    resumed = Loader(pairs(17), 4, rng=999, **make)
    resumed.load_state_dict(json.loads(json.dumps(state)))
    per_epoch = len(whole)
    epoch, cursor = divmod(stop, per_epoch)
    if cursor == 0 and stop:  # the loop has not asked for more yet: nothing is left of this epoch
        epoch, cursor = epoch - 1, per_epoch
    assert (resumed.epoch, resumed.cursor) == (epoch, cursor)
    assert same(resumed, uninterrupted[epoch][cursor:])
    for later in range(epoch + 1, 4):
        assert same(resumed, uninterrupted[later])


def test_E4_between_epochs_the_next_one_is_another_order():
    loader = Loader(pairs(30), 10, rng=2)
    first = list(loader)
    state = loader.state_dict()
    assert (state["epoch"], state["cursor"], state["under_way"]) == (1, 0, False)
    resumed = Loader(pairs(30), 10, rng=7)
    resumed.load_state_dict(state)
    second = list(resumed)
    assert not same(second, first)
    assert same(second, loader)


def test_E4_a_state_can_be_loaded_twice_and_into_the_loader_it_came_from():
    loader = Loader(pairs(30), 7, rng=2, augment=jitter)
    steps = iter(loader)
    next(steps)
    state = loader.state_dict()
    rest = list(steps)
    for _ in range(2):
        loader.load_state_dict(state)
        assert same(loader, rest)


def test_E4_a_resume_is_the_state_of_a_resume():
    """A checkpoint after a resume, still in the same epoch."""
    loader = Loader(pairs(30), 5, rng=2, augment=jitter)
    everything = list(Loader(pairs(30), 5, rng=2, augment=jitter))
    for k in range(6):
        other = Loader(pairs(30), 5, rng=k, augment=jitter)
        other.load_state_dict(loader.state_dict())
        assert other.state_dict() == loader.state_dict() or k == 0
        assert same([next(iter(other))], [everything[k]])
        loader = other


def test_E4_a_generator_shared_with_another_goes_on_as_it_was():
    """The other's own state, restored after the loader's, stays."""

    def run(loader, rng, most):
        return [(x, y, rng.random(3)) for _, (x, y) in zip(range(most), loader, strict=False)]

    rng = np.random.default_rng(0)
    loader = Loader(pairs(20), 5, rng=rng, augment=jitter)
    run(loader, rng, 2)
    state, shared = loader.state_dict(), copy.deepcopy(rng.bit_generator.state)
    rng2 = np.random.default_rng(1)
    other = Loader(pairs(20), 5, rng=rng2, augment=jitter)
    other.load_state_dict(state)
    rng2.bit_generator.state = shared
    whole = np.random.default_rng(0)
    wanted = run(Loader(pairs(20), 5, rng=whole, augment=jitter), whole, 4)
    assert same(run(other, rng2, 2), wanted[2:])


def test_a_loop_left_early_begins_a_new_epoch():
    loader = Loader(pairs(20), 5, rng=4)
    first = next(iter(loader))
    assert (loader.epoch, loader.cursor) == (0, 1)
    again = list(loader)
    assert len(again) == 4
    assert loader.epoch == 2
    assert not same([first], again[:1])


def test_two_loops_at_once_do_not_mix():
    loader = Loader(pairs(20), 5, rng=4, augment=jitter)
    whole = Loader(pairs(20), 5, rng=4, augment=jitter)
    a, b = iter(loader), iter(loader)
    mixed = [(next(a), next(b)) for _ in range(4)]
    assert same([x for x, _ in mixed], whole)
    assert same([x for _, x in mixed], whole)
    assert loader.cursor == 4  # of the one that began last
    assert list(a) == []
    assert loader.cursor == 4


def states():
    good = Loader(pairs(20), 5, rng=4).state_dict()
    under_way = Loader(pairs(20), 5, rng=4)
    next(iter(under_way))
    middle = under_way.state_dict()
    return {
        "no dict": 3,
        "nothing": {},
        "unknown key": {**good, "more": 1},
        "other examples": {**good, "examples": 21},
        "other batch size": {**good, "batch_size": 6},
        "cursor beyond": {**middle, "cursor": 5},
        "cursor negative": {**middle, "cursor": -1},
        "cursor between epochs": {**good, "cursor": 1},
        "cursor no number": {**middle, "cursor": "1"},
        "epoch": {**good, "epoch": 1.5},
        "rng": {**middle, "rng": {"bit_generator": "MT19937"}},
        "rng empty": {**good, "rng": {}},
        "rng none": {**good, "rng": None},
        "rng text": {**middle, "rng": {**middle["rng"], "state": {"state": "a", "inc": 1}}},
    }


@pytest.mark.parametrize("name", states())
def test_E5_a_state_that_does_not_fit_changes_nothing(name):
    loader, twin = (Loader(pairs(20), 5, rng=8, augment=jitter) for _ in range(2))
    next(iter(loader)), next(iter(twin))
    before = loader.state_dict()
    with pytest.raises(DataError):
        loader.load_state_dict(states()[name])
    assert loader.state_dict() == before
    assert same(loader, twin)


# --- the thread -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ahead", [1, 2, 5, 100])
def test_prefetch_gives_the_same_numbers(ahead):
    for augment in (None, jitter):
        plain = Loader(pairs(33), 4, rng=1, augment=augment)
        threaded = Loader(pairs(33), 4, rng=1, augment=augment, prefetch=ahead)
        for _ in range(2):
            assert same(plain, threaded)


def test_prefetch_works_ahead_and_not_further():
    made = []

    def noted(x, rng):
        made.append(len(x))
        return x

    steps = iter(Loader(pairs(40), 2, augment=noted, prefetch=3))
    next(steps)
    deadline = time.monotonic() + 5
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(made) == 4  # the one handed out, and three ahead
    steps.close()


def failing(at: int, error: BaseException):
    count = []

    def augment(x, rng):
        count.append(0)
        if len(count) == at:
            raise error
        return x

    return augment


@pytest.mark.parametrize("prefetch", [0, 1, 4])
def test_an_exception_comes_in_its_turn(prefetch):
    loader = Loader(pairs(20), 2, augment=failing(4, ZeroDivisionError("in the augmentation")), prefetch=prefetch)
    seen = []
    with pytest.raises(ZeroDivisionError, match="in the augmentation"):
        seen.extend(loader)
    assert len(seen) == loader.cursor == 3


def test_a_loop_left_by_break_exception_or_return_leaves_no_thread():
    loader = Loader(pairs(50), 2, prefetch=3)
    for _ in loader:
        break
    assert threads() == []

    def returns():
        for batch in loader:
            return batch

    returns()
    assert threads() == []

    def interrupted():
        for _ in loader:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert threads() == []


def test_an_iterator_that_nobody_holds_leaves_no_thread():
    steps = iter(Loader(pairs(50), 2, prefetch=3))
    next(steps)
    assert threads() == ["nn.data.Loader"]
    del steps
    gc.collect()
    assert threads() == []


def test_an_iterator_in_a_cycle_of_garbage_leaves_no_thread():
    holder = {"steps": iter(Loader(pairs(50), 2, prefetch=3))}
    holder["self"] = holder
    next(holder["steps"])
    del holder
    gc.collect()
    assert threads() == []


def test_an_iterator_that_was_never_asked_has_no_thread():
    steps = iter(Loader(pairs(50), 2, prefetch=3))
    assert threads() == []
    del steps


SCRIPT = """
import _thread, threading, time, numpy as np
from nn.data import Loader, Examples, one_hot
labels = np.zeros(50, int)
examples = Examples(np.zeros((50, 1), np.float32), one_hot(labels), labels)
def slow(x, rng):
    time.sleep(0.2)
    return x
try:
    threading.Timer(0.3, _thread.interrupt_main).start()
    for _ in Loader(examples, 1, augment=slow, prefetch=2):
        pass
except KeyboardInterrupt:
    print("stopped", [t.name for t in threading.enumerate() if t.name == "nn.data.Loader"])
held = iter(Loader(examples, 1, prefetch=2))
next(held)
print("end")
"""


def test_ctrl_c_while_waiting_leaves_no_thread_and_a_held_iterator_does_not_keep_the_program_alive():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=300)
    assert done.stdout.splitlines() == ["stopped []", "end"], done.stderr
    assert done.returncode == 0
    assert done.stderr == ""


def test_E12_neither_global_generator_is_touched():
    import random

    before = random.getstate()
    list(Loader(pairs(20), 3, augment=data.augment.Chain(data.augment.Shift(1), data.augment.Flip()), prefetch=2))
    assert random.getstate() == before  # NumPy's: the fixture globals_untouched of every test
