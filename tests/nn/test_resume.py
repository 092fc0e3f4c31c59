"""Checkpoints: a training that goes on is the training that was never stopped; and every fault leaves a whole file."""

import errno
import hashlib
import importlib.util
import itertools
import json
import os
import shutil
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("safetensors")

import nn
from nn import layers, optim, safefile, schedule
from nn.callbacks import Callback, EarlyStopping, KeepBest
from nn.data import Loader
from nn.monitor import Monitor
from nn.plain import flat, restored
from nn.resume import Checkpoint, Setting, load_checkpoint, save_checkpoint
from tinygrad_edu import DataError, DtypeError, TrainingError

spec = importlib.util.spec_from_file_location("kill_training", Path(__file__).parents[1] / "kill_training.py")
kill_training = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kill_training)
examples, training = kill_training.examples, kill_training.training

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # fork, where a runner has threads
FILES = Path(__file__).parent / "files"  # one of each version; they stay for ever


def parts(seed: int = 1, sizes=(3, 4, 3), kind=optim.Adam):
    """A network with a Dropout, an optimizer that has made a step, a schedule, a loader in its second mini-batch."""
    net = layers.Sequential(
        layers.Linear(sizes[0], sizes[1], rng=seed), layers.Dropout(0.5, rng=seed), layers.Linear(*sizes[1:], rng=seed)
    )
    optimizer = kind(net.parameters(), 0.01)
    loader = Loader(examples(12, seed), 3, rng=seed)
    for k, (x, y) in enumerate(loader):
        nn.train_step(net, nn.CrossEntropyLoss(), optimizer, x[:, : sizes[0]], y)
        if k == 1:
            break
    return {"net": net, "optimizer": optimizer, "schedule": schedule.StepLR(optimizer, 3), "loader": loader}


def seen(which) -> str:
    """All that the parts remember."""
    net = which["net"]
    values = [(name, v.dtype.str, v.tobytes()) for name, v in net.state_dict().items()]
    others = [repr(which[name].state_dict()) for name in ("optimizer", "schedule", "loader") if name in which]
    return repr((values, [str(m.rng.bit_generator.state) for m in net.modules() if hasattr(m, "rng")], others))


# ---- there and back --------------------------------------------------------------------------------------


def test_e3_all_parts_are_as_they_were_bit_for_bit(tmp_path):
    one = parts()
    path = save_checkpoint(tmp_path / "here", **one, epoch=3, note="text", numbers=(1, 2.5, None, True))
    other = parts(seed=2)
    assert seen(other) != seen(one)
    rest = load_checkpoint(path, **other)
    assert rest == {"epoch": 3, "note": "text", "numbers": (1, 2.5, None, True)}
    assert seen(other) == seen(one)
    one_batch, other_batch = next(iter(one["loader"])), next(iter(other["loader"]))
    del one_batch, other_batch
    rests = [[x.tobytes() for x, _ in which["loader"]] for which in (one, other)]
    assert len(rests[0]) == 4  # the epoch that was left above is over


def test_the_rest_of_the_epoch_follows(tmp_path):
    one = parts()
    path = save_checkpoint(tmp_path / "here", **one)
    other = parts(seed=2)
    other["loader"] = Loader(examples(12, 1), 3, rng=99)
    load_checkpoint(path, **other)
    order = np.random.default_rng(1).permutation(12)
    data = examples(12, 1)
    assert [x.tobytes() for x, _ in other["loader"]] == [data.x[order[k : k + 3]].tobytes() for k in (6, 9)]


def test_e3_settings_that_differ_from_the_constructor_are_loaded_too(tmp_path):
    one = parts()
    one["optimizer"].param_groups[0].update(lr=0.5, betas=(0.5, 0.6), eps=1e-3)
    other = parts(seed=2)
    load_checkpoint(save_checkpoint(tmp_path / "here", **one), **other)
    group = other["optimizer"].param_groups[0]
    assert (group["lr"], group["betas"], group["eps"]) == (0.5, (0.5, 0.6), 1e-3)


@pytest.mark.parametrize("kind", [np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_every_generator_goes_on_where_it_was(tmp_path, kind):
    one, other = np.random.Generator(kind(1)), np.random.Generator(kind(2))
    one.integers(10, size=7, dtype=np.int32)  # half of a draw is left over
    load_checkpoint(save_checkpoint(tmp_path / "here", rng=one), rng=other)
    assert other.standard_normal(1000).tobytes() == one.standard_normal(1000).tobytes()


@pytest.mark.parametrize("first", ["net", "rng"])
def test_a_generator_that_a_loader_and_others_share_is_restored_once_and_rightly(tmp_path, first):
    def shared(seed):
        rng = np.random.default_rng(seed)
        other = layers.Sequential(layers.Dropout(0.5, rng=rng)) if first == "net" else rng
        return {first: other, "loader": Loader(examples(12, 1), 3, rng=rng)}, rng

    one, rng = shared(1)
    next(iter(one["loader"]))
    rng.random(5)
    other, second = shared(2)
    load_checkpoint(save_checkpoint(tmp_path / "here", **one), **other)
    assert second.bit_generator.state == rng.bit_generator.state


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.tuples(inside, inside)
        | st.dictionaries(st.text() | st.integers(), inside, max_size=3)
    ),
    max_leaves=8,
)


@given(TREES)
def test_plain_data_goes_there_and_back(tree):
    arrays: dict = {}
    text = json.dumps(flat(tree, arrays))
    again = restored(json.loads(text), arrays)
    assert repr(again) == repr(tree)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "i1", "i8", "u2", "u8", "?", ">f8"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 0, 3), (2, 3)])
def test_arrays_go_there_and_back(tmp_path, dtype, shape):
    array = (np.arange(6)[: int(np.prod(shape))] % 2).reshape(shape).astype(dtype)
    found = load_checkpoint(save_checkpoint(tmp_path / "here", a=array, b=array[..., :1] if shape else array))["a"]
    assert (found.shape, found.dtype, found.tolist()) == (shape, array.dtype.newbyteorder("="), array.tolist())
    assert found.flags.writeable
    assert found.base is None  # it keeps no file in memory


@pytest.mark.parametrize("thing", [object(), {1, 2}, 1j, np.array([None]), np.array(["a"]), b"bytes", lambda: 1])
def test_what_is_no_plain_data_is_refused_and_nothing_is_written(tmp_path, thing):
    with pytest.raises(DtypeError, match="a checkpoint holds"):
        save_checkpoint(tmp_path / "here", thing=[thing])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_an_array_that_is_not_finite_is_not_saved(tmp_path, bad):
    one = parts()
    one["net"][0].weight.assign(np.full((4, 3), bad))
    with pytest.raises(DataError, match=r"net\.values\.0\.weight.*nothing was saved"):
        save_checkpoint(tmp_path / "here", **one)
    assert os.listdir(tmp_path) == []


def test_one_moment_is_one_file_byte_for_byte(tmp_path):
    assert len({save_checkpoint(tmp_path / str(k), **parts()).read_bytes() for k in range(8)}) == 1


# ---- e4: a training that goes on -------------------------------------------------------------------------


@pytest.fixture
def quick_disk(monkeypatch):
    """Nothing is brought from the memory to the disk: for tests of what is in the files."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


class Break(Callback):
    """Ends the program, as it were, after so many updates."""

    def __init__(self, at: int) -> None:
        self.at = at

    def on_batch_end(self, run):
        if run.step == self.at:
            raise RuntimeError("the power is gone")


@pytest.mark.parametrize("variant", range(kill_training.VARIANTS))
def test_e4_a_training_that_is_stopped_anywhere_ends_as_if_nothing_had_happened(
    tmp_path, variant, monkeypatch, quick_disk
):
    """Three optimizers, schedules, Dropout, BatchNorm, augmentation, prefetching, early stopping: 100 updates."""
    expected = training(variant, None)
    whole = tmp_path / "whole"
    every_step = {}
    save = Checkpoint.save

    def keeping(self, step, **its):
        path = save(self, step, **its)
        every_step[step] = path.read_bytes()  # at the end of an epoch the second one of that step
        return path

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", keeping)
        assert training(variant, whole, every=1) == expected
    assert sorted(every_step) == list(range(1, len(every_step) + 1))
    assert len(Checkpoint(whole).files) == 2
    for step in (1, 13, 20, 21, len(every_step) - 1, len(every_step)):
        folder = tmp_path / str(step)
        folder.mkdir()
        (folder / f"step-{step:09d}.safetensors").write_bytes(every_step[step])
        assert training(variant, folder) == expected, step


def test_e4_between_the_last_update_of_an_epoch_and_its_end(tmp_path, monkeypatch, quick_disk):
    """The checkpoint of update 20, of which an epoch has 20, before the epoch is over; in the last one too."""
    expected = training(0, None)
    save, kept = Checkpoint.save, {}

    def first_one(self, step, **its):
        path = save(self, step, **its)
        kept.setdefault(step, path.read_bytes())
        return path

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", first_one)
        training(0, tmp_path / "run", every=1)
    for step in (20, 60, 100):
        folder = tmp_path / str(step)
        folder.mkdir()
        (folder / f"step-{step:09d}.safetensors").write_bytes(kept[step])
        assert training(0, folder) == expected, step


def digits_run(folder, epochs=2, callbacks=(), batch=10, lr=3.0, every=None, data=None, said=None, **settings):
    net = nn.MLP([3, 5, 3], rng=1)
    optimizer = optim.SGD(net.parameters(), lr)
    checkpoint = None if folder is None else Checkpoint(folder, every=every)
    data = examples(50, 0) if data is None else data
    history = nn.fit(
        net,
        nn.QuadraticCost(),
        optimizer,
        data,
        epochs,
        batch,
        rng=0,
        callbacks=callbacks,
        checkpoint=checkpoint,
        progress=False if said is None else said.append,
        **settings,
    )
    return [v.tobytes() for v in net.state_dict().values()], history.costs


def test_a_finished_training_is_not_done_again_and_can_be_made_longer(tmp_path):
    longer = digits_run(None, epochs=4)
    short = digits_run(tmp_path / "run", epochs=2)
    said: list[str] = []
    assert digits_run(tmp_path / "run", epochs=2, said=said) == short
    assert len(said) == 2
    assert "nothing to train: 2 epochs are done" in said[1]
    assert "goes on from" in said[0]
    assert digits_run(tmp_path / "run", epochs=4) == longer


def test_ctrl_c_and_the_same_program_again(tmp_path):
    class Interrupt(Callback):
        def on_batch_end(self, run):
            if run.step == 8 and not (tmp_path / "once").exists():
                (tmp_path / "once").touch()
                raise KeyboardInterrupt

    expected = digits_run(None)
    assert digits_run(tmp_path / "run", every=3, callbacks=[Interrupt()]) != expected
    assert digits_run(tmp_path / "run", every=3, callbacks=[Interrupt()]) == expected


def test_the_last_ones_stay(tmp_path):
    net = nn.MLP([3, 3], rng=1)
    for keep, every, left in ((1, None, [10]), (2, None, [5, 10]), (3, 2, [6, 8, 10]), (99, 3, [3, 5, 6, 9, 10])):
        folder = tmp_path / f"{keep} {every}"
        checkpoint = Checkpoint(folder, every=every, keep=keep)
        nn.fit(
            *(net, nn.QuadraticCost(), optim.SGD(net.parameters(), 0.1), examples(50, 0), 2),
            rng=0,
            checkpoint=checkpoint,
            progress=False,
        )
        assert sorted(os.listdir(folder)) == [f"step-{step:09d}.safetensors" for step in left]


def test_other_files_in_the_folder_stay(tmp_path):
    names = {"notes.txt", "model.safetensors", "step-1.safetensors", "step-000000001.safetensors.old"}
    for name in names:
        (tmp_path / name).write_text("mine")
    digits_run(tmp_path)
    assert names < set(os.listdir(tmp_path))


def test_resume_false_does_not_touch_another_training(tmp_path):
    digits_run(tmp_path / "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    net = nn.MLP([3, 5, 3], rng=1)
    with pytest.raises(DataError, match="resume=True"):
        nn.fit(
            *(net, nn.QuadraticCost(), optim.SGD(net.parameters(), 0.1), examples(50, 0), 2),
            checkpoint=Checkpoint(tmp_path / "run", resume=False),
        )
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch": 5}, "batch_size"),
        ({"data": examples(50, 3)}, "other data"),
        ({"clip_norm": 1.0}, "other clip_norm"),
        ({"callbacks": [Monitor()]}, "other callbacks"),
        ({"data": examples(51, 0)}, "examples = 51"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_another_training_is_not_taken_for_this_one(tmp_path, change, named):
    digits_run(tmp_path / "run")
    with pytest.raises(DataError, match=named) as caught:
        digits_run(tmp_path / "run", epochs=3, **change)
    assert "step-000000010.safetensors" in str(caught.value)


def test_e5_a_state_that_does_not_fit_names_the_key_and_changes_nothing(tmp_path):
    path = save_checkpoint(tmp_path / "here", **parts())
    cases = {
        "0.weight": parts(2, sizes=(2, 4, 3)),
        "2.weight": parts(2, sizes=(3, 4, 3)) | {"net": nn.Sequential(layers.Linear(3, 4, rng=1))},
        "momentum_buffer|kind of optimizer|'momentum'": parts(2, kind=lambda p, lr: optim.SGD(p, lr, momentum=0.9)),
        "Loader": parts(2) | {"loader": Loader(examples(13, 1), 3, rng=1)},
        "generator": parts(2) | {"loader": Loader(examples(12, 1), 3, rng=np.random.Generator(np.random.SFC64(1)))},
        "no 'other'": parts(2) | {"other": np.random.default_rng(3)},
        "dtype": parts(2) | {"net": _double()},
    }
    for named, other in cases.items():
        if "net" in other and "dtype" not in named and len(other["net"]) == 3:
            before = seen({k: v for k, v in other.items() if k != "other"})
        else:
            before = None
        with pytest.raises(DataError, match=named) as caught:
            load_checkpoint(path, **other)
        assert str(path) in str(caught.value)
        if before is not None:
            assert seen({k: v for k, v in other.items() if k != "other"}) == before, named


def _double():
    return layers.Sequential(
        layers.Linear(3, 4, rng=1, dtype=np.float64), layers.Dropout(0.5, rng=1), layers.Linear(4, 3, rng=1)
    )


def test_loading_that_is_interrupted_changes_nothing(tmp_path, monkeypatch):
    path, other = save_checkpoint(tmp_path / "here", **parts()), parts(seed=2)
    before = seen(other)
    load = type(other["schedule"]).load_state_dict
    calls = []

    def interrupted(self, state):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return load(self, state)

    monkeypatch.setattr(type(other["schedule"]), "load_state_dict", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load_checkpoint(path, **other)
    assert seen(other) == before


def test_e7_a_network_that_breaks_down_leaves_the_checkpoints_of_a_sound_one(tmp_path):
    with pytest.raises(TrainingError), np.errstate(all="ignore"):
        digits_run(tmp_path / "run", epochs=9, every=1, callbacks=[_Spoil()])
    files = Checkpoint(tmp_path / "run").files
    assert [path.name for path in files] == [f"step-{step:09d}.safetensors" for step in (5, 6, 7)]
    for path in files:
        load_checkpoint(path)


class _Spoil(Callback):
    def on_batch_end(self, run):
        if run.step == 8:
            run.net[0].weight.assign(run.net[0].weight.data * np.inf)


def test_a_part_without_a_state_is_explained(tmp_path):
    class Own:
        def __init__(self, parameters):
            self.parameters = parameters

        def zero_grad(self):
            pass

        def step(self):
            pass

    net = nn.MLP([3, 3], rng=1)
    with pytest.raises(DataError, match="state_dict"):
        nn.fit(net, nn.QuadraticCost(), Own(net.parameters()), examples(9, 0), 1, checkpoint=tmp_path / "run")
    with pytest.raises(DtypeError, match="load_state_dict"):
        load_checkpoint(tmp_path / "x", own=3)


# ---- faults: the disk ------------------------------------------------------------------------------------

CALLS = ["open", "write", "fsync", "close", "replace", "listdir"]


def failing(function, n, do):
    """The function, but the n-th call does something else before, or instead."""
    calls = 0

    def other(*args, **kwargs):
        nonlocal calls
        calls += 1
        return do(function, *args, **kwargs) if calls == n else function(*args, **kwargs)

    return other


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("call", CALLS)
def test_a_disk_that_fails_at_any_call_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, call, code):
    monkeypatch.setattr(safefile, "_AT_A_TIME", 700)  # so that there are several writes
    old, new = parts(1), parts(2)
    path = save_checkpoint(tmp_path / "here", **old)
    raws = {path.read_bytes(), save_checkpoint(tmp_path / "new", **new).read_bytes()}
    (tmp_path / "new").unlink()
    errors = 0
    for n in range(1, 100):
        save_checkpoint(path, **old)

        def fails(function, *args, **kwargs):
            if call == "close":
                function(*args, **kwargs)  # as POSIX has it: closed all the same
            raise OSError(code, os.strerror(code))

        with monkeypatch.context() as patch:
            patch.setattr(os, call, failing(getattr(os, call), n, fails))
            try:
                save_checkpoint(path, **new)
            except OSError as error:
                errors += 1
                found = error
            else:
                break
            assert found.errno == code
            assert str(path) in str(found)
            assert path.read_bytes() in raws
            assert os.listdir(tmp_path) == ["here"]
        load_checkpoint(path, **parts(3))
    assert errors >= {"write": 4, "open": 2, "fsync": 2, "close": 2}.get(call, 1)
    assert seen_in(path) == seen(new)


def seen_in(path) -> str:
    other = parts(3)
    other["loader"] = Loader(examples(12, 1), 3, rng=0)
    load_checkpoint(path, **other)
    return seen(other)


def test_ctrl_c_at_any_line_leaves_the_old_file_or_the_new_one_and_no_other(tmp_path):
    """KeyboardInterrupt from the n-th line of safefile that runs, for every n."""
    old, new = parts(1), parts(2)
    path = save_checkpoint(tmp_path / "here", **old)
    first, second = path.read_bytes(), save_checkpoint(tmp_path / "new", **new).read_bytes()
    (tmp_path / "new").unlink()
    for n in range(1, 1000):
        path.write_bytes(first)
        lines = 0

        def tracer(frame, event, _, n=n):
            nonlocal lines
            if frame.f_code.co_filename != safefile.__file__:
                return None
            if event == "line":
                lines += 1
                if lines == n:
                    raise KeyboardInterrupt
            return tracer

        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            save_checkpoint(path, **new)
            break
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert path.read_bytes() in (first, second), n
        assert os.listdir(tmp_path) == ["here"], n
    assert 20 < n < 999


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("when", "call"), [*itertools.product(["before", "after"], CALLS[:-1]), ("half", "write")])
def test_a_process_that_dies_at_any_stage_leaves_the_old_file_or_the_new_one(tmp_path, call, when):
    """os._exit around each call; the next save removes what it left behind."""
    old, new = parts(1), parts(2)
    path = save_checkpoint(tmp_path / "here", **old)
    raws = [path.read_bytes(), save_checkpoint(tmp_path / "new", **new).read_bytes()]
    (tmp_path / "new").unlink()
    orphans = 0
    for n in range(1, 20):
        save_checkpoint(path, **old)

        def dies(function, *args, **kwargs):
            if when == "half":
                function(args[0], bytes(args[1])[: len(args[1]) // 2])
            elif when == "after":
                function(*args, **kwargs)
            os._exit(9)

        child = os.fork()
        if child == 0:
            safefile._AT_A_TIME = 700
            setattr(os, call, failing(getattr(os, call), n, dies))
            try:
                save_checkpoint(path, **new)
            finally:
                os._exit(0)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        assert path.read_bytes() in raws
        orphans += len(os.listdir(tmp_path)) - 1
        assert seen_in(path) in (seen(old), seen(new))
        save_checkpoint(path, **new)
        assert os.listdir(tmp_path) == ["here"]
    assert 1 < n < 19
    assert orphans > 0 or call != "write"


def test_the_order_on_the_disk_is_write_sync_close_rename_sync_of_the_folder(tmp_path, monkeypatch):
    """A power cut cannot be tried here; this order survives one."""
    calls = []
    for call in CALLS[1:5]:
        original = getattr(os, call)

        def noted(*args, function=original, call=call, **kwargs):
            if call in ("fsync", "close"):
                kind = "folder" if stat.S_ISDIR(os.fstat(args[0]).st_mode) else "file"
                calls.append(f"{call} {kind}")
            else:
                calls.append(call)
            return function(*args, **kwargs)

        monkeypatch.setattr(os, call, noted)
    save_checkpoint(tmp_path / "here", **parts())
    assert calls == ["write", "fsync file", "close file", "replace", "fsync folder", "close folder"]


def test_what_living_processes_write_stays_and_what_dead_ones_left_goes(tmp_path):
    here = safefile._this_computer()
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    names = {
        f".saving.{here}.{done.pid}.{'0' * 16}": False,
        f".saving.{here}.{os.getpid()}.{'0' * 16}": True,
        f".saving.{here}.1.{'0' * 16}": True,
        f".saving.{'0' * 8}.{done.pid}.{'0' * 16}": True,  # another computer's, on a shared disk
        f".saving.{'0' * 8}.{done.pid}.{'1' * 16}": False,  # but of long ago
        ".saving.mine": True,
        "saving": True,
    }
    for name in names:
        (tmp_path / name).touch()
    os.utime(tmp_path / f".saving.{'0' * 8}.{done.pid}.{'1' * 16}", (0, 0))
    save_checkpoint(tmp_path / "here", a=1)
    assert set(os.listdir(tmp_path)) == {"here", *(name for name, stays in names.items() if stays)}


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_read_only_folder_says_so(tmp_path):
    folder = tmp_path if os.geteuid() else Path("/proc/self/net")  # root may write everywhere, but not there
    if folder == tmp_path:
        folder.chmod(0o500)
    with pytest.raises(OSError, match="cannot save the checkpoint"):
        save_checkpoint(folder / "here", a=1)
    assert not (folder / "here").exists()


def test_places_where_no_checkpoint_can_be_say_so(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    for where in ("missing/here", "file/here", "folder"):
        with pytest.raises(OSError, match="cannot save the checkpoint") as caught:
            save_checkpoint(tmp_path / where, a=1)
        assert str(tmp_path / where) in str(caught.value)
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder"]
    with pytest.raises((DataError, OSError), match="file"):
        digits_run(tmp_path / "file")


def test_a_link_stays_a_link_and_a_mode_a_mode(tmp_path):
    (tmp_path / "store").mkdir()
    target = save_checkpoint(tmp_path / "store" / "one", a=1)
    target.chmod(0o640)
    (tmp_path / "link").symlink_to(target)
    save_checkpoint(tmp_path / "link", a=2)
    assert (tmp_path / "link").is_symlink()
    assert load_checkpoint(target) == {"a": 2}
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_two_processes_may_save_at_once(tmp_path):
    children = []
    for k in range(4):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                for _ in range(20):
                    save_checkpoint(tmp_path / "here", a=k)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 4
    assert load_checkpoint(tmp_path / "here")["a"] in range(4)
    assert os.listdir(tmp_path) == ["here"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_kill_9_while_training(tmp_path):
    """A few of what python -m tests.kill_training does a thousand times."""
    expected = training(1, None)
    kills = 0
    for after in (0.02, 0.05, 0.1, 0.15):
        kills += kill_training.killed(1, tmp_path / "run", after)
        assert kill_training.unreadable(tmp_path / "run") == []
    assert kills > 0
    assert training(1, tmp_path / "run") == expected


def test_ctrl_c_in_the_middle_of_a_checkpoint_of_fit(tmp_path, monkeypatch):
    expected = digits_run(None)

    def interrupt(function, *args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing(os.replace, 3, interrupt))
        digits_run(tmp_path / "run", every=2)
    assert [path.name[:14] for path in sorted((tmp_path / "run").iterdir())] == ["step-000000002", "step-000000004"]
    assert digits_run(tmp_path / "run", every=2) == expected


@pytest.mark.slow
def test_ctrl_c_at_any_line_of_fit_leaves_whole_steps_and_checkpoints_that_go_on(tmp_path, quick_disk):
    """KeyboardInterrupt from every 701st line of nn that runs; then the same program again."""
    steps: set[bytes] = set()

    def run(folder, tracer=None):
        net = layers.Sequential(layers.Linear(3, 4, rng=1), layers.Dropout(0.5, rng=2), layers.Linear(4, 3, rng=3))
        optimizer = optim.Adam(net.parameters(), 0.1)

        class Values(Callback):
            def on_batch_end(self, run):
                steps.add(values(net))

        history = None
        before = sys.gettrace()
        sys.settrace(tracer)
        try:
            history = nn.fit(
                *(net, nn.CrossEntropyLoss(), optimizer, examples(20, 0), 2, 5),
                rng=0,
                validation=examples(5, 1),
                callbacks=[Values()] if tracer is None else [Callback()],
                checkpoint=Checkpoint(folder, every=3),
                progress=False,
            )
        except KeyboardInterrupt:  # before the training began, or in its last line
            pass
        finally:
            sys.settrace(before)
        return values(net), history

    def values(net):
        return b"".join(value.tobytes() for value in net.state_dict().values())

    def interrupted(folder, n):
        lines = 0

        def tracer(frame, event, _):
            nonlocal lines
            if not frame.f_code.co_filename.startswith(str(Path(nn.__file__).parent)):
                return None
            if event == "line":
                lines += 1
                if lines == n:
                    raise KeyboardInterrupt
            return tracer

        return run(folder, tracer)

    begin = values(layers.Sequential(layers.Linear(3, 4, rng=1), layers.Linear(4, 3, rng=3)))
    expected, history = run(tmp_path / "whole")
    steps.add(begin)
    caught = 0
    for n in range(1, 100_000, 701):
        folder = tmp_path / str(n)
        found, told = interrupted(folder, n)
        if told is not None and not told.interrupted:
            assert found == expected
            break
        caught += told is not None
        assert found in steps, n
        assert [path for path in folder.glob("*") if not path.name.startswith("step-")] == [], n
        again, history_again = interrupted(folder, -1)
        assert again == expected, n
        assert history_again.costs == history.costs, n
    assert caught > 5


def test_a_full_disk_ends_fit_and_fit_goes_on_when_there_is_room(tmp_path, monkeypatch):
    expected = digits_run(None)

    def full(function, *args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", failing(os.write, 3, full))
        with pytest.raises(OSError, match="No space left"):
            digits_run(tmp_path / "run", every=2)
    assert digits_run(tmp_path / "run", every=2) == expected


# ---- faults: the file ------------------------------------------------------------------------------------


def tiny(path: Path) -> Path:
    return save_checkpoint(path, net=nn.Sequential(layers.Linear(1, 1, rng=0)), epoch=3)


def test_every_byte_that_changes_is_noticed(tmp_path):
    """Every bit of every byte, and all of its bits at once; the file has a few hundred bytes."""
    path = tiny(tmp_path / "here")
    raw, known, passed = path.read_bytes(), frozenset(("format", "state")), []
    for place in range(len(raw)):
        for mask in (*(1 << bit for bit in range(8)), 0xFF):
            changed = raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]
            try:
                safefile.unpack(changed, known)
            except DataError:
                continue
            passed.append((place, mask))
    assert passed == []
    path.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))
    with pytest.raises(DataError, match="here is not a checkpoint that can be read: it is damaged"):
        load_checkpoint(path)


def test_every_length_but_the_whole_is_noticed(tmp_path):
    raw = tiny(tmp_path / "whole").read_bytes()
    path = tmp_path / "cut"
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(DataError, match="cut"):
            load_checkpoint(path)
    path.write_bytes(raw + b"\0")
    with pytest.raises(DataError, match="cut"):
        load_checkpoint(path)


def test_a_damaged_newest_one_is_named_and_the_one_before_offered(tmp_path):
    digits_run(tmp_path / "run")
    newest, before = Checkpoint(tmp_path / "run").files[::-1]
    raw = bytearray(newest.read_bytes())
    raw[-1] ^= 1
    newest.write_bytes(raw)
    with pytest.raises(DataError, match=rf"{newest.name}.*damaged.*Remove the file.*{before.name}"):
        digits_run(tmp_path / "run")
    newest.unlink()
    assert digits_run(tmp_path / "run") == digits_run(None)


def signed(path: Path, state: str, arrays=None, form: str = "tinygrad_edu/checkpoint/1") -> Path:
    """A file with a right checksum, whatever it says."""
    path.write_bytes(safefile.pack(arrays or {}, {"format": form, "state": state}))
    return path


@pytest.mark.parametrize("form", ["tinygrad_edu/checkpoint/2", "tinygrad_edu/checkpoint/0", "tinygrad_edu/model/1", ""])
def test_another_version_is_named(tmp_path, form):
    with pytest.raises(DataError, match="tinygrad_edu/checkpoint/1") as caught:
        load_checkpoint(signed(tmp_path / "here", "{}", form=form))
    assert repr(form) in str(caught.value)


def test_a_checkpoint_of_the_first_version_is_read():
    net = nn.Sequential(layers.Linear(2, 1, rng=9), layers.Dropout(0.5, rng=9))
    optimizer, rng = optim.Adam(net.parameters(), 0.5), np.random.default_rng(9)
    path = FILES / "checkpoint-1.safetensors"
    assert load_checkpoint(path, net=net, optimizer=optimizer, rng=rng) == {"epoch": 3, "pair": (1, 2.5)}
    assert net[0].weight.tolist() == [[0.5, -0.25]]
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.75)
    assert optimizer.state[0]["step"] == 1
    assert rng.bit_generator.state == np.random.default_rng(1).bit_generator.state
    assert net[1].rng.bit_generator.state == np.random.default_rng(2).bit_generator.state


@pytest.mark.parametrize("name", ["model-1-without-checksum", "model-1"])
def test_a_model_of_the_first_version_is_read(name):
    net = nn.load(FILES / f"{name}.safetensors")
    assert repr(net) == repr(nn.Sequential(layers.Linear(2, 1, rng=0), layers.Sigmoid()))
    assert (net[0].weight.tolist(), net[0].bias.tolist()) == ([[0.5, -0.25]], [2.0])


PLACES = [
    {"epoch": 7},
    {"epoch": -1},
    {"epoch": 1.0},
    {"step": True},
    {"seen": "10"},
    {"lr": [1]},
    {"total": None, "seconds": -1.0},
    {"history": {"epochs": []}},
    {"history": {"epochs": [{}]}},
    {"history": {"epochs": 3}},
    {"history": {}},
]


@pytest.mark.parametrize("lie", PLACES, ids=str)
def test_a_place_in_the_training_that_is_none_is_an_error_and_changes_nothing(tmp_path, lie):
    """The checksum is right, and the place wrong."""
    digits_run(tmp_path / "run")
    path = Checkpoint(tmp_path / "run").files[-1]
    arrays, text = safefile.unpack(path.read_bytes(), frozenset(("format", "state")))
    state = json.loads(text["state"])
    state["run"].update(lie)
    signed(path, json.dumps(state), arrays)
    said: list[str] = []
    with pytest.raises(DataError, match=path.name):
        digits_run(tmp_path / "run", epochs=3, said=said)
    assert said == []


def test_a_model_is_no_checkpoint_and_a_checkpoint_no_model(tmp_path):
    with pytest.raises(DataError):
        load_checkpoint(nn.save(tmp_path / "model", nn.MLP([2, 2], rng=0)))
    with pytest.raises(DataError):
        nn.load(tiny(tmp_path / "here"))


HOSTILE = [
    *("", "{", "[]", "3", "null", "NaN", '{"a":NaN}', '{"a":Infinity}', '{"a":-Infinity}', '{"a":1e999}'),
    *('{"a":1,"a":2}', '{"a":{"b":1,"b":2}}', '{"a":"\\ud800"}', '{"a":' + "9" * 5000 + "}", "[" * 100_000),
    *('{"a":' * 10_000, '{"a":' + "[" * 200 + "]" * 200 + "}", '{"a":{"$array":"none"}}', '{"a":{"$array":3}}'),
    *('{"a":{"$float":"1"}}', '{"a":{"$tuple":3}}', '{"a":{"$pairs":[[1]]}}', '{"a":{"$pairs":[[[],1]]}}'),
    *(
        '{"a":{"$array":"x"},"b":{"$array":"x"}}',
        '{"a":1}',
        '{"a":{"$pairs":3}}',
        '{"a":{"$other":1}}',
        '{"a":{"$array":[1]}}',
        '{"a":{"$float":[]}}',
    ),
]


@pytest.mark.parametrize("state", HOSTILE, ids=lambda state: repr(state[:20]))
def test_g8_a_hostile_state_is_an_error_that_names_the_file(tmp_path, state):
    path = signed(tmp_path / "here", state, {"x": np.ones(2)})
    with pytest.raises(DataError) as caught:
        load_checkpoint(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


def hostile_header(header: bytes, data: bytes = b"") -> bytes:
    """A file with this header, and, where the header has a place for it, the right checksum."""
    raw = len(header).to_bytes(8, "little") + header + data
    return raw.replace(b"0" * 64, hashlib.sha256(raw).hexdigest().encode(), 1)


META = b'"__metadata__":{"format":"tinygrad_edu/checkpoint/1","state":"{}","sha256":"' + b"0" * 64 + b'"}'
HEADERS = [
    *(b"", b"{}", b"[]", b"{", b"\xff\xfe", b'{"a":1}', b'{"__metadata__":null}', b'{"__metadata__":{"format":1}}'),
    *(
        b"{" + META + b"," + META + b"}",
        b"{" + META + b" " * safefile.LONGEST_HEADER + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 5000 + b"}",
    ),
    b"{" + META + b',"a":{"dtype":"F32","shape":[1e0],"data_offsets":[0,4]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,-4]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[2,18446744073709551614],"data_offsets":[0,4]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}',
    b"{" + META + b',"a":{"dtype":"F99","shape":[1],"data_offsets":[0,4]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}',
    b"{" + META + b',"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],'
    b'"data_offsets":[2,6]}}',
    b"{" + META + b',"\\ud800":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
]


def test_the_header_that_the_hostile_ones_are_made_from_is_a_good_one(tmp_path):
    header = b"{" + META + b',"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    (tmp_path / "here").write_bytes(hostile_header(header, bytes(4)))
    with pytest.raises(DataError, match="nothing says what its array 'a' is"):  # the checksum was right
        load_checkpoint(tmp_path / "here")


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: repr(header[-30:]))
def test_g7_g8_a_hostile_header_is_an_error(tmp_path, header):
    for data in (b"", bytes(4), bytes(8)):
        (tmp_path / "here").write_bytes(hostile_header(header, data))
        with pytest.raises(DataError, match="here"):
            load_checkpoint(tmp_path / "here")
        with pytest.raises(DataError, match="here"):
            nn.load(tmp_path / "here")


@pytest.mark.parametrize("raw", [b"\x80\x04N.", b"PK\x03\x04" + bytes(99), b"\x93NUMPY" + bytes(99), b"\x1f\x8b" * 50])
def test_g9_a_pickle_or_npz_is_refused(tmp_path, raw):
    (tmp_path / "here").write_bytes(raw)
    with pytest.raises(DataError):
        load_checkpoint(tmp_path / "here")


def test_a_generators_place_outside_of_its_buffer_is_refused(tmp_path):
    """NumPy would believe it, and read whatever is in memory there."""
    for kind, name in ((np.random.MT19937, "pos"), (np.random.Philox, "buffer_pos")):
        for place in (-1, 700, 10**6, 10**30, 1.0, True):
            state = kind(1).state
            inner = state["state"] if name == "pos" else state
            inner[name] = place
            rng = np.random.Generator(kind(1))
            before = repr(rng.bit_generator.state)
            with pytest.raises(DataError, match="no state of the generator"):
                load_checkpoint(save_checkpoint(tmp_path / "here", rng=state), rng=rng)
            assert repr(rng.bit_generator.state) == before


def test_bounded_memory_for_lies_about_sizes(tmp_path):
    path = tmp_path / "here"
    path.write_bytes((2**40).to_bytes(8, "little") + bytes(1000))
    tracemalloc.start()
    with pytest.raises(DataError):
        load_checkpoint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


WHOLE = safefile.pack({"net.values.0.weight": np.ones((1, 1), np.float32)}, {"format": "tinygrad_edu/checkpoint/1",
    "state": '{"net":{"values":{"0.weight":{"$array":"net.values.0.weight"}},"generators":[]}}'})  # fmt: skip


@given(st.data())
def test_fuzzed_files_are_read_or_refused_and_nothing_else(tmp_path_factory, data):
    """Cut, spliced and overwritten files; those with a right checksum and wrong JSON too."""
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    raw = bytearray(WHOLE)
    if data.draw(st.booleans()):
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(raw) - 1))
            raw[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    else:
        words = st.sampled_from([*'{}[]:,"1', '"$array"', '"$pairs"', '"net"', "1e9", "-", "null", "true", '"values"'])
        text = data.draw(st.lists(words, max_size=12).map("".join) | TREES.map(lambda tree: json.dumps(flat(tree, {}))))
        raw = bytearray(safefile.pack({}, {"format": "tinygrad_edu/checkpoint/1", "state": text.replace("\0", "")}))
    path.write_bytes(raw)
    net = nn.Sequential(layers.Linear(1, 1, False, rng=0))
    for use in (lambda: load_checkpoint(path), lambda: load_checkpoint(path, net=net), lambda: nn.load(path)):
        said = ""
        try:
            use()
        except DataError as error:
            said = str(error)
        assert not said or str(path) in said


# ---- the best one ----------------------------------------------------------------------------------------


def test_callbacks_remember_across_a_stop(tmp_path):
    def run(folder, at=None):
        callbacks = [EarlyStopping("cost", 3), KeepBest("cost", restore=False)]
        if at is not None:
            callbacks.append(Break(at))
        else:
            callbacks.append(Break(-1))
        return digits_run(folder, epochs=6, every=2, callbacks=callbacks)

    expected = run(None)
    with pytest.raises(RuntimeError, match="power"):
        run(tmp_path / "run", at=13)
    assert run(tmp_path / "run") == expected


def test_copies_of_the_folder_go_on_too(tmp_path):
    digits_run(tmp_path / "run", epochs=1)
    shutil.copytree(tmp_path / "run", tmp_path / "copy")
    assert digits_run(tmp_path / "copy") == digits_run(tmp_path / "run")


# ---- what could not be read again, and what differs ------------------------------------------------------


def test_text_that_could_not_be_read_again_is_not_saved(tmp_path):
    with pytest.raises(DataError, match=r"could not be read again.*Nothing was saved"):
        save_checkpoint(tmp_path / "here", text="half a character: \ud800")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("there", "here", "said"),
    [
        ("SGD", "Adam", "'SGD' there, 'Adam' here"),
        ({"lr": "0.1", "momentum": "0"}, {"lr": "0.1", "momentum": "0.9"}, "momentum = 0 there, 0.9 here"),
        ({"lr": "0.1"}, {}, "lr = 0.1 there, None here"),
        (["Linear(4, 3)", "Tanh()"], ["Linear(4, 3)", "ReLU()"], r"'Tanh\(\)' there, 'ReLU\(\)' here"),
        (["Tanh()"], [], r"\['Tanh\(\)'\] there, \[\] here"),
    ],
)
def test_a_setting_names_what_differs(there, here, said):
    with pytest.raises(DataError, match=f"other thing: {said}.*nn.load_checkpoint"):
        Setting({"thing": here}).load_state_dict({"thing": there})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_device_stays_a_device(tmp_path):
    """Root may replace /dev/null by a file, which then fills the disk of everybody."""
    os.mkfifo(tmp_path / "pipe")
    os.symlink(tmp_path / "pipe", tmp_path / "link")
    for name in ("pipe", "link"):
        with pytest.raises(OSError, match="a device or a pipe"):
            nn.save(tmp_path / name, nn.MLP([2, 2], rng=0))
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["link", "pipe"]


@pytest.mark.parametrize("what", ["activation", "lr", "dropout"])
def test_a_checkpoint_of_another_network_of_the_same_shapes_is_refused(tmp_path, what):
    """It would go on with another network, or with the old learning rate, and say nothing."""
    labels = np.arange(12) % 3
    data = nn.Examples(np.eye(3, dtype=np.float32)[labels], np.eye(3, dtype=np.float32)[labels], labels)

    def train(epochs, change=None):
        f = layers.Tanh() if change == "activation" else layers.Sigmoid()
        net = layers.Sequential(
            layers.Linear(3, 3, rng=0), f, layers.Dropout(0.2 if change == "dropout" else 0.1, rng=0)
        )
        sgd = optim.SGD(net.parameters(), 0.5 if change == "lr" else 0.1)
        rates = schedule.LinearLR(sgd, 0.5, total_iters=3)
        return nn.fit(
            net, nn.QuadraticCost(), sgd, data, epochs, rng=0, progress=False, schedule=rates, checkpoint=tmp_path
        )

    train(2)
    said = {"activation": r"'Sigmoid\(\)' there, 'Tanh\(\)' here", "lr": "lr = 0.1 there, 0.5 here", "dropout": "there"}
    with pytest.raises(DataError, match=said[what]):
        train(3, what)
    assert len(train(3).epochs) == 4
