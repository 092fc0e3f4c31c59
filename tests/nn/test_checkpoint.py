"""Model files: what is saved is what is loaded, whole or not at all, and whatever is wrong is a DataError."""

import errno
import hashlib
import json
import os
import stat
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    pytest.importorskip("safetensors")
import safetensors.numpy

import nn
from nn import checkpoint, safefile
from nn.module import Module
from tinygrad_edu import DataError, MissingExtraError, Tensor


def values(net: Module) -> dict[str, tuple]:
    return {name: (value.dtype, value.shape, value.tobytes()) for name, value in net.state_dict().items()}


def small() -> Module:
    return nn.Sequential(nn.Linear(2, 1, rng=0), nn.Sigmoid())


# ---- there and back --------------------------------------------------------------------------------------

NETS = {
    "the lecture's": lambda: nn.MLP([5, 4, 3], rng=1),
    "float64": lambda: nn.MLP([5, 4, 3], rng=1, dtype=np.float64),
    "mixed": lambda: nn.Sequential(nn.Linear(3, 2, rng=0, dtype=np.float64), nn.Linear(2, 3, rng=0, dtype=np.float16)),
    "without bias": lambda: nn.Sequential(nn.Linear(3, 2, bias=False, rng=0), nn.ReLU(), nn.Linear(2, 1, rng=0)),
    "nested": lambda: nn.Sequential(nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh()), nn.Sequential(nn.Sequential())),
    "one layer": lambda: nn.Linear(3, 2, rng=0),
    "an activation": lambda: nn.Sigmoid(),
    "nothing": lambda: nn.Sequential(),
}


@pytest.mark.parametrize("name", NETS)
def test_the_loaded_network_is_the_saved_one_bit_for_bit(tmp_path, name):
    net = NETS[name]()
    path = nn.save(tmp_path / "net.safetensors", net)
    assert path == tmp_path / "net.safetensors"
    loaded = nn.load(path)
    assert values(loaded) == values(net)
    assert loaded.config() == net.config()
    assert repr(loaded).replace("Sequential", "") == repr(net).replace("MLP", "").replace("Sequential", "")
    assert [p.requires_grad for p in loaded.parameters()] == [True] * len(net.parameters())


def test_the_loaded_network_answers_and_learns_as_the_saved_one(tmp_path):
    net = nn.MLP([5, 4, 3], "tanh", output="linear", rng=1)
    loaded = nn.load(nn.save(tmp_path / "net", net))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((7, 5)).astype(np.float32), np.eye(3, dtype=np.float32)[rng.integers(0, 3, 7)]
    assert loaded(Tensor(x)).data.tobytes() == net(Tensor(x)).data.tobytes()
    for n in (net, loaded):
        nn.train_step(n, nn.CrossEntropyLoss(), nn.optim.SGD(n.parameters(), 0.5), x, y)
    assert values(loaded) == values(net)


def test_extreme_values_survive(tmp_path):
    net = nn.Linear(3, 2, rng=0)
    tiny, huge = np.float32(1e-45), np.finfo(np.float32).max
    net.load_state_dict({"weight": np.array([[0.0, -0.0, tiny], [-tiny, huge, -huge]], np.float32), "bias": [1, -1]})
    assert values(nn.load(nn.save(tmp_path / "net", net))) == values(net)


def test_d18_tied_weights_are_still_tied_after_loading(tmp_path):
    layer = nn.Linear(2, 2, rng=0)
    net = nn.Sequential(layer, nn.Sigmoid(), layer)
    loaded = nn.load(nn.save(tmp_path / "net", net))
    assert values(loaded) == values(net)
    assert loaded[0].weight is loaded[2].weight
    assert len(loaded.parameters()) == 2


def test_the_file_is_a_safetensors_file_that_others_can_read(tmp_path):
    net = nn.MLP([3, 2], rng=0)
    state = safetensors.numpy.load_file(nn.save(tmp_path / "net.safetensors", net))
    assert {name: value.tobytes() for name, value in state.items()} == {
        name: value.tobytes() for name, value in net.state_dict().items()
    }


def test_one_network_is_one_file_byte_for_byte(tmp_path):
    files = {nn.save(tmp_path / str(k), nn.MLP([3, 2], rng=0)).read_bytes() for k in range(16)}
    assert len(files) == 1


def test_saving_changes_nothing_and_loading_draws_no_random_numbers(tmp_path):
    net = nn.MLP([3, 2], rng=0)
    before = values(net)
    path = nn.save(tmp_path / "net", net)
    assert values(net) == before
    assert nn.load(path) is not net
    raw = path.read_bytes()
    nn.load(path)
    assert path.read_bytes() == raw


def test_g10_saving_over_the_file_just_loaded_keeps_the_arrays(tmp_path):
    path = nn.save(tmp_path / "net", nn.MLP([3, 2], rng=0))
    loaded = nn.load(path)
    before = values(loaded)
    nn.save(path, nn.MLP([3, 2], rng=1))
    assert values(loaded) == before
    assert values(nn.load(path)) == values(nn.MLP([3, 2], rng=1))


class Own(Module):
    """A learner's module that says how it was made, but is none that a file can name."""

    def __init__(self) -> None:
        self.gain = Tensor([1.0], requires_grad=True)

    def forward(self, x):
        return x * self.gain

    def config(self):
        return {"type": "Own"}


class Doubled(nn.Sequential):
    """A learner's Sequential that computes something else."""

    def forward(self, x):
        return 2 * super().forward(x)


def with_nan() -> Module:
    net = nn.Linear(2, 1, rng=0)
    net.bias.assign([np.nan])
    return net


@pytest.mark.parametrize("make", [Own, with_nan], ids=["a learner's module", "NaN"])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, make):
    path = nn.save(tmp_path / "net", small())
    before = path.read_bytes()
    with pytest.raises((DataError, TypeError)):
        nn.save(path, make())
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net"]


def test_a_learners_kind_of_sequential_is_not_saved_as_another_one(tmp_path):
    net, x = Doubled(nn.Linear(2, 1, rng=0)), Tensor([[0.5, 1.0]])
    try:
        loaded = nn.load(nn.save(tmp_path / "net", net))
    except (DataError, TypeError):
        return
    assert loaded(x).tolist() == net(x).tolist()


# ---- the file on the disk --------------------------------------------------------------------------------


@pytest.fixture
def umask():
    """Sets the umask, and puts it back."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_of_any_new_file(tmp_path, umask, mask, mode):
    umask(mask)
    path = nn.save(tmp_path / "net", small())
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert umask(0o022) == mask  # save left it as it was


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_an_older_file_keeps_its_permissions(tmp_path, umask):
    path = nn.save(tmp_path / "net", small())
    path.chmod(0o600)
    nn.save(path, small())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="symbolic links")
def test_a_link_keeps_pointing_to_the_file_that_is_replaced(tmp_path):
    (tmp_path / "store").mkdir()
    target = nn.save(tmp_path / "store" / "net-1", small())
    link = tmp_path / "latest"
    link.symlink_to(target)
    other = nn.MLP([3, 2], rng=0)
    nn.save(link, other)
    assert link.is_symlink()
    assert values(nn.load(target)) == values(other)


@pytest.mark.parametrize("name", ["n" * 255, "数" * 85, "a b.safetensors", ".hidden", "-x"], ids=lambda n: n[:3])
def test_every_name_that_the_folder_allows_is_allowed(tmp_path, name):
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("the file system does not allow the name")
    net = small()
    assert values(nn.load(nn.save(tmp_path / name, net))) == values(net)


def test_a_path_may_be_text_and_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nn.save("net.safetensors", small())
    assert values(nn.load("net.safetensors")) == values(small())


def fails_at_call(n: int, function, error: BaseException):
    """The function, but its n-th call raises."""
    calls = 0

    def failing(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == n:
            raise error
        return function(*args, **kwargs)

    return failing


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("where", ["fsync", "replace", "chmod", "open", "write"])
def test_when_saving_fails_the_older_file_stays_and_nothing_else(tmp_path, monkeypatch, where, code):
    path = nn.save(tmp_path / "net.safetensors", small())
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, where, fails_at_call(1, getattr(os, where), OSError(code, os.strerror(code))))
        with pytest.raises(OSError, match="cannot save the model") as caught:
            nn.save(path, nn.MLP([3, 2], rng=0))
    assert str(path) in str(caught.value)
    assert os.strerror(code) in str(caught.value)
    assert caught.value.errno == code  # what a program asks for
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.safetensors"]


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_ctrl_c_while_saving_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch, where):
    path = nn.save(tmp_path / "net.safetensors", small())
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, where, fails_at_call(1, getattr(os, where), KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            nn.save(path, nn.MLP([3, 2], rng=0))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["net.safetensors"]


def test_the_new_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Or a power cut could leave an empty file under it."""
    path = nn.save(tmp_path / "net", small())
    before, order = path.read_bytes(), []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle):
        order.append("fsync")
        if stat.S_ISREG(os.fstat(handle).st_mode):
            assert os.fstat(handle).st_size > 200  # all of it, flushed
            assert path.read_bytes() == before
        return fsync(handle)

    def noted_replace(source, target):
        order.append("replace")
        assert Path(source).parent == path.parent  # one file system
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    nn.save(path, nn.MLP([30, 20], rng=0))
    assert order[:2] == ["fsync", "replace"]


@pytest.mark.parametrize("where", ["no such folder/net", "a file/net", "folder"])
def test_a_place_where_no_file_can_be_says_so(tmp_path, where):
    (tmp_path / "a file").touch()
    (tmp_path / "folder").mkdir()
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(OSError, match="cannot save the model") as caught:
        nn.save(tmp_path / where, small())
    assert str(tmp_path / where) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == before


def test_loading_what_is_not_there_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing here"):
        nn.load(tmp_path / "nothing here")


def test_without_safetensors_the_error_says_what_to_install(tmp_path, monkeypatch):
    path = nn.save(tmp_path / "net", small())
    monkeypatch.setitem(sys.modules, "safetensors", None)
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    for use in (lambda: nn.load(path), lambda: nn.save(path, small())):
        with pytest.raises(MissingExtraError, match=r"\.\[train\]"):
            use()


# ---- what is no model file -------------------------------------------------------------------------------


def written(path: Path, config: object, state: dict | None = None, form: str = "tinygrad_edu/model/1") -> Path:
    """A file with any architecture and any values, by the library alone."""
    state = small().state_dict() if state is None else state
    architecture = config if isinstance(config, str) else json.dumps(config)
    path.write_bytes(safetensors.numpy.save(state, {"format": form, "architecture": architecture}))
    return path


def raw_file(path: Path, header: bytes, data: bytes = b"") -> Path:
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    return path


def parts(path: Path) -> tuple[dict, bytes]:
    """The header and the values of a safetensors file."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    return json.loads(raw[8:start]), raw[start:]


LINEAR = {"type": "Linear", "in_features": 2, "out_features": 1, "bias": True}
CONFIG = {"type": "Sequential", "layers": [LINEAR, {"type": "Sigmoid"}]}


def test_the_files_written_here_are_such_as_save_writes_but_for_the_checksum(tmp_path):
    mine, saved = parts(written(tmp_path / "a", CONFIG)), parts(nn.save(tmp_path / "b", small()))
    assert len(saved[0]["__metadata__"].pop("sha256")) == 64
    assert mine == saved


OLD_LINEAR = {"type": "Linear", "n_in": 2, "n_out": 1, "bias": True}


@pytest.mark.parametrize("linear", [LINEAR, OLD_LINEAR], ids=["no checksum", "older names too"])
def test_a_file_of_the_first_version_is_still_read(tmp_path, linear):
    path = written(tmp_path / "net", {"type": "Sequential", "layers": [linear, {"type": "Sigmoid"}]})
    assert values(nn.load(path)) == values(small())


def test_the_checksum_is_that_of_the_file_with_zeros_in_its_place(tmp_path):
    raw = nn.save(tmp_path / "net", small()).read_bytes()
    found = parts(tmp_path / "net")[0]["__metadata__"]["sha256"].encode()
    assert raw.count(found) == 1
    assert hashlib.sha256(raw.replace(found, b"0" * 64)).hexdigest().encode() == found


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\0", b"\x80\x04N.", b"PK\x03\x04" + bytes(100), b"<!DOCTYPE html><html></html>", bytes(8)),
        *(b"\xff" * 8, struct.pack("<Q", 2**62), struct.pack("<Q", 2) + b"{]", struct.pack("<Q", 4) + b"\xff{}\xff"),
        *(struct.pack("<Q", 2) + b"[]", struct.pack("<Q", 200_000) + b"[" * 200_000),
    ],
    ids=lambda content: repr(content[:12]),
)
def test_g7_what_is_no_safetensors_file_is_an_error_that_names_the_file(tmp_path, content):
    path = tmp_path / "net.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        nn.load(path)
    assert str(path) in str(caught.value)


def test_a_file_cut_at_any_length_is_an_error(tmp_path):
    raw = nn.save(tmp_path / "whole", small()).read_bytes()
    path = tmp_path / "cut"
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        with pytest.raises(DataError, match="not a model file"):
            nn.load(path)


def test_a_file_with_something_behind_its_end_is_an_error(tmp_path):
    path = nn.save(tmp_path / "net", small())
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(DataError, match="not a model file"):
        nn.load(path)


@pytest.mark.parametrize("form", ["tinygrad_edu/model/2", "pt", ""])
def test_another_format_is_named(tmp_path, form):
    path = written(tmp_path / "net", CONFIG, form=form)
    with pytest.raises(DataError, match="tinygrad_edu/model/1") as caught:
        nn.load(path)
    assert str(path) in str(caught.value)
    assert repr(form) in str(caught.value)


@pytest.mark.parametrize("metadata", [None, {}, {"format": "tinygrad_edu/model/1"}])
def test_weights_without_an_architecture_are_no_model(tmp_path, metadata):
    path = tmp_path / "net"
    path.write_bytes(safetensors.numpy.save(small().state_dict(), metadata))
    with pytest.raises(DataError) as caught:
        nn.load(path)
    assert str(path) in str(caught.value)


def test_metadata_that_is_null_is_an_error(tmp_path):
    with pytest.raises(DataError):
        nn.load(raw_file(tmp_path / "net", b'{"__metadata__":null}'))


LIES = {
    "in_features": {**LINEAR, "in_features": 3},
    "out_features": {**LINEAR, "out_features": 2},
    "inputs and outputs interchanged": {**LINEAR, "in_features": 1, "out_features": 2},
    "a huge layer": {**LINEAR, "in_features": 10**15},
    "a number with a fraction": {**LINEAR, "in_features": 2.5},
    "a number as text": {**LINEAR, "in_features": "2"},
    "a negative number": {**LINEAR, "in_features": -2},
    "no bias": {**LINEAR, "bias": False},
    "no in_features": {"type": "Linear", "out_features": 1, "bias": True},
    "no type": {"in_features": 2, "out_features": 1, "bias": True},
    "an unknown setting": {**LINEAR, "scale": 3},
    "a setting of ours": {**LINEAR, "init": "zeros"},
    "a generator": {**LINEAR, "rng": {"a": 1}},
    "an unknown module": {"type": "Convolution"},
    "a name of Python": {"type": "__class__"},
    "the base class": {"type": "Module"},
    "a type that is a list": {"type": []},
    "a type that is null": {"type": None},
    "a list": [],
    "a number": 3,
    "null": None,
    "text": "Linear",
    "no layers": {"type": "Sequential"},
    "layers that are a number": {"type": "Sequential", "layers": 3},
    "layers that are text": {"type": "Sequential", "layers": "ab"},
    "layers that are an object": {"type": "Sequential", "layers": {"0": LINEAR}},
}


def test_files_of_the_first_versions_are_read(tmp_path):
    """They said n_in and n_out where the layer now has PyTorch's names."""
    old = {"type": "Linear", "n_in": 2, "n_out": 1, "bias": True}
    assert values(nn.load(written(tmp_path / "net", {**CONFIG, "layers": [old, {"type": "Sigmoid"}]}))) == values(
        small()
    )
    for mixed in ({**old, "in_features": 2}, {**old, "n_in": 3}):
        with pytest.raises(DataError):
            nn.load(written(tmp_path / "net", {**CONFIG, "layers": [mixed, {"type": "Sigmoid"}]}))


@pytest.mark.parametrize("lie", LIES)
def test_an_architecture_that_lies_is_an_error_that_names_the_file(tmp_path, lie):
    config = {"type": "Sequential", "layers": [LIES[lie], {"type": "Sigmoid"}]}
    path = written(tmp_path / "net", config)
    with pytest.raises(DataError) as caught:
        nn.load(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("config", [{"type": "Sigmoid", "slope": 7}, {"type": "Sequential", "layers": [], "times": 2}])
def test_a_setting_that_nothing_here_knows_is_an_error_and_not_passed_over(tmp_path, config):
    with pytest.raises(DataError):
        nn.load(written(tmp_path / "net", config, {}))


@pytest.mark.parametrize(
    "text",
    ["", "{", "NaN", "[]", "3", "null", '"Linear"', "{}", '{"type":"Sequential","layers":[' * 50_000, "[" * 200_000],
    ids=lambda text: repr(text[:12]),
)
def test_g8_an_architecture_that_is_none_is_an_error(tmp_path, text):
    path = written(tmp_path / "net", text)
    with pytest.raises(DataError) as caught:
        nn.load(path)
    assert str(path) in str(caught.value)


def test_g8_sequentials_in_each_other_without_end_are_an_error(tmp_path):
    """So many that JSON can still be read, but modules made of them could not be walked through."""
    depth = sys.getrecursionlimit() // 2 - 100
    path = written(tmp_path / "net", '{"type":"Sequential","layers":[' * depth + "]}" * depth, {})
    with pytest.raises(DataError):
        nn.load(path)


WRONG_STATE = {
    "missing": (lambda s: s.pop("0.bias"), "0.bias"),
    "unknown": (lambda s: s.update({"1.scale": np.ones(2, np.float32)}), "1.scale"),
    "shape": (lambda s: s.update({"0.bias": np.ones(2, np.float32)}), "0.bias"),
    "NaN": (lambda s: s.update({"0.bias": np.array([np.nan], np.float32)}), "0.bias"),
    "infinity": (lambda s: s.update({"0.weight": np.full((1, 2), np.inf, np.float32)}), "0.weight"),
    "integers": (lambda s: s.update({"0.weight": np.ones((1, 2), np.int64)}), ""),
    "an integer bias": (lambda s: s.update({"0.bias": np.ones(1, np.int32)}), "0.bias"),
    "another precision": (lambda s: s.update({"0.bias": np.ones(1, np.float64)}), "0.bias"),
    "bools": (lambda s: s.update({"0.weight": np.ones((1, 2), bool)}), ""),
    "a wider bias": (lambda s: s.update({"0.bias": np.array([1e300])}), "0.bias"),
}


@pytest.mark.parametrize("case", WRONG_STATE)
def test_e5_values_that_do_not_fit_are_an_error_that_names_the_file_and_the_key(tmp_path, case):
    change, key = WRONG_STATE[case]
    state = small().state_dict()
    change(state)
    path = written(tmp_path / "net", CONFIG, state)
    with pytest.raises(DataError) as caught:
        nn.load(path)
    assert key in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "X32"])
def test_a_dtype_that_numpy_does_not_have_is_an_error(tmp_path, dtype):
    size = {"BF16": 2, "F8_E4M3": 1, "X32": 4}[dtype]
    header = {
        "__metadata__": {"format": "tinygrad_edu/model/1", "architecture": json.dumps({**LINEAR, "bias": False})},
        "weight": {"dtype": dtype, "shape": [1, 2], "data_offsets": [0, 2 * size]},
    }
    with pytest.raises(DataError):
        nn.load(raw_file(tmp_path / "net", json.dumps(header).encode(), bytes(2 * size)))


@pytest.mark.parametrize("name", ["../../escaped", "/tmp/escaped", "a\0b", ""])
def test_g11_a_name_in_the_file_is_never_a_path(tmp_path, name):
    state = small().state_dict() | {name: np.ones(1, np.float32)}
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    with pytest.raises(DataError):
        nn.load(written(folder / "net", CONFIG, state))
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["net", "one", "two"]


def test_g9_loading_imports_no_pickle(tmp_path):
    """In a process of its own, where importing it fails once everything else is there."""
    path = nn.save(tmp_path / "net", small())
    program = (
        "import sys, nn, safetensors.numpy, numpy as np\n"
        "for name in list(sys.modules):\n"
        "    if name.split('.')[0].lstrip('_') in ('pickle', 'cPickle', 'dill', 'cloudpickle'):\n"
        "        del sys.modules[name]\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0].lstrip('_') in ('pickle', 'dill', 'cloudpickle'):\n"
        "            raise AssertionError(name + ' was imported')\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"print(nn.load({str(path)!r})[0].weight.tolist())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == f"{small()[0].weight.tolist()}\n"


def test_g9_the_source_names_nothing_that_runs_code_from_a_file():
    source = Path(checkpoint.__file__).read_text()
    for word in ("import pickle", "eval(", "exec(", "allow_pickle", "__import__"):
        assert word not in source


# ---- one bit or byte that changed ------------------------------------------------------------------------


def flips(raw: bytes):
    """Every file that differs in one byte: by each single bit, and by all of them."""
    for place in range(len(raw)):
        for mask in (*(1 << bit for bit in range(8)), 0xFF):
            yield place, raw[:place] + bytes([raw[place] ^ mask]) + raw[place + 1 :]


def test_every_changed_byte_is_noticed():
    raw = safefile.pack(small().state_dict(), {"format": "tinygrad_edu/model/1", "architecture": json.dumps(CONFIG)})
    assert checkpoint._read(raw, "whole").config() == small().config()
    passed = []
    for place, changed in flips(raw):
        try:
            checkpoint._read(changed, "changed")
        except DataError:
            continue
        passed.append(place)
    assert passed == []


def test_a_changed_byte_of_a_file_without_a_checksum_is_a_data_error_or_loads_and_nothing_else(tmp_path):
    """Never another exception, and outside the values never another network than the one that was saved."""
    net = small()
    raw = written(tmp_path / "whole", CONFIG).read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    x = Tensor([[0.5, -1.0]])
    other, escaped = [], []
    for place, changed in flips(raw):
        try:
            loaded = checkpoint._read(changed, "changed")
        except DataError:
            continue
        except Exception as error:
            escaped.append((place, type(error).__name__, str(error)))
            continue
        if place < start and (repr(loaded), loaded(x).tolist()) != (repr(net), net(x).tolist()):
            other.append((place, raw[max(0, place - 20) : place + 1], repr(loaded)))
    assert escaped == []
    assert other == []
