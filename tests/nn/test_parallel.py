"""Training on several ranks is the training on one: the same numbers, the same decisions, and it fails as a whole.

mpiexec -n 4 python tests/nn/test_parallel.py FOLDER CASE …    is what the tests start
"""

import os
import pickle
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

import nn
from nn import cli_results, layers, optim, schedule
from nn.callbacks import Callback, EarlyStopping
from nn.cli import main as main_of_nn
from nn.data import Loader, one_hot
from nn.parallel import Parallel
from nn.ranks import _read, rank_0_first, rows, several, together, world
from nn.resume import Checkpoint
from tinygrad_edu import DataError, MissingExtraError, Tensor

ROOT = Path(__file__).parents[2]


def examples(n: int = 63, dtype=np.float32, seed: int = 0) -> nn.Examples:
    """Points in space, in three classes."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, n)
    x = (np.eye(3)[labels] + 0.5 * rng.standard_normal((n, 3))).astype(dtype)
    return nn.Examples(x, one_hot(labels, 3).astype(dtype), labels)


# ---- what the ranks do: each case trains, and tells what came out ------------------------------------------


def told(net, optimizer, history) -> dict:
    """All that must be equal, without the seconds."""
    return {
        "net": net.state_dict(),
        "optimizer": {(i, k): np.array(v) for i, s in optimizer.state.items() for k, v in s.items()},
        "history": [{k: v for k, v in asdict(e).items() if k != "seconds"} for e in history.epochs],
        "stopped": history.stopped,
    }


def plain(comm, folder, *, size=10, cost=None, dtype=np.float32, output="sigmoid", n=63):
    """63 examples by 10: uneven parts, and a last mini-batch of 3, so that of four ranks one has nothing."""
    net = nn.MLP([3, 8, 3], output=output, rng=1, dtype=dtype)
    optimizer = optim.SGD(net.parameters(), 0.5, momentum=0.9)
    data = examples(n, dtype)
    cost = cost or nn.QuadraticCost()
    return told(
        net, optimizer, nn.fit(net, cost, optimizer, data, 3, size, test=data, rng=5, comm=comm, progress=False)
    )


def exact(comm, folder):
    """float64, clipped, with a schedule after every update."""
    net = nn.MLP([3, 8, 3], rng=1, dtype=np.float64)
    optimizer = optim.Adam(net.parameters(), 0.05)
    rate = schedule.OneCycleLR(optimizer, 0.1, total_steps=27)
    history = nn.fit(
        net, nn.QuadraticCost(), optimizer, examples(dtype=np.float64), 3, 7, rng=5, comm=comm, progress=False,
        clip_norm=0.05, schedule=rate,
    )  # fmt: skip
    return told(net, optimizer, history)


def tiny(comm, folder):
    """Mini-batches of two."""
    return plain(comm, folder, size=2, n=9)


def summed(comm, folder):
    """A cost that is a sum over the examples."""
    return plain(comm, folder, cost=nn.MSELoss(reduction="sum"), size=5)


def one_cost_each(comm, folder):
    """A mean over all entries, in float64."""
    return plain(comm, folder, cost=nn.MSELoss(), dtype=np.float64)


class Numbers(Loader):
    """Class numbers in place of one-hot answers."""

    def __iter__(self):
        for x, y in super().__iter__():
            yield x, y.argmax(axis=1)


def weighted(comm, folder):
    """A mean that counts some classes more: by the weights of the labels, not by their number."""
    net = nn.MLP([3, 8, 3], output="linear", rng=1, dtype=np.float64)
    optimizer = optim.SGD(net.parameters(), 0.3)
    loader = Numbers(examples(dtype=np.float64), 10, rng=3)
    cost = nn.CrossEntropyLoss(weight=Tensor(np.array([0.2, 1.0, 5.0])))
    return told(net, optimizer, nn.fit(net, cost, optimizer, loader, 2, comm=comm, progress=False))


def augmented(comm, folder):
    """Every rank makes the whole mini-batch, so that what is drawn for it is the same; a thread works ahead."""
    net = nn.MLP([3, 8, 3], rng=1, dtype=np.float64)
    optimizer = optim.SGD(net.parameters(), 0.3)

    def noisy(x, rng):
        return x + 0.1 * rng.standard_normal(x.shape)

    loader = Loader(examples(dtype=np.float64), 10, rng=3, augment=noisy, prefetch=2)
    return told(net, optimizer, nn.fit(net, nn.QuadraticCost(), optimizer, loader, 2, comm=comm, progress=False))


class Spare(layers.Sequential):
    """A network with a parameter that it does not use, and a frozen one."""

    def __init__(self):
        super().__init__(layers.Linear(3, 3, rng=1, dtype=np.float64))
        self.unused = Tensor(np.ones(2), requires_grad=True)
        self.frozen = Tensor(np.array([0.1, 1 / 3, np.pi]))
        self.scalar = Tensor(np.float64(2.0), requires_grad=True)

    def forward(self, x):
        return super().forward(x) * self.scalar + self.frozen


def unused(comm, folder):
    """A parameter without a gradient is left alone, although weight decay would shrink it."""
    net = Spare()
    optimizer = optim.SGD(net.parameters(), 0.1, weight_decay=0.1)
    history = nn.fit(net, nn.MSELoss(), optimizer, examples(dtype=np.float64), 2, 3, rng=1, comm=comm, progress=False)
    assert np.array_equal(net.unused.data, np.ones(2))
    assert np.array_equal(net.frozen.data, np.array([0.1, 1 / 3, np.pi]))
    return told(net, optimizer, history)


class Memory(Callback):
    """Counts, notes, and stops."""

    def __init__(self):
        self.calls = 0

    def on_batch_end(self, run):
        self.calls += 1

    def on_epoch_end(self, run):
        run.last.notes["calls"] = self.calls


def watched(comm, folder):
    """Validation, early stopping with the best network put back, a schedule that looks at the validation cost."""
    net = nn.MLP([3, 8, 3], rng=1, dtype=np.float64)
    optimizer = optim.SGD(net.parameters(), 8.0)
    memory, stop = Memory(), EarlyStopping(patience=2, path=folder / f"best-{0 if comm is None else comm.rank}")
    history = nn.fit(
        net, nn.QuadraticCost(), optimizer, examples(40, np.float64), 40, 10, comm=comm, progress=False, rng=2,
        validation=examples(20, np.float64, 1), callbacks=[memory, stop],
        schedule=schedule.ReduceLROnPlateau(optimizer, patience=0),
    )  # fmt: skip
    assert memory.calls == (0 if comm is not None and comm.rank else len(history.epochs[1:]) * 4)
    assert history.stopped
    return told(net, optimizer, history)


class Changing(Callback):
    """Turns every knob there is; of several ranks only rank 0 has it."""

    def __init__(self, loader):
        self.loader = loader

    def on_fit_begin(self, run):
        run.net[1].p = 0.0

    def on_batch_end(self, run):
        run.optimizer.lr *= 0.97

    def on_epoch_end(self, run):
        run.cost.delta *= 0.5
        run.optimizer.param_groups[0]["betas"] = (0.8, 0.9)
        self.loader.batch_size = 16
        run.net[0].bias.requires_grad = False


def changing(comm, folder):
    """What a callback of rank 0 changes, it changes on all: here the result shows what some rank did not get."""
    net = layers.Sequential(
        layers.Linear(3, 8, rng=1, dtype=np.float64),
        layers.Dropout(0.9, rng=2),
        layers.Linear(8, 3, rng=3, dtype=np.float64),
    )
    optimizer, cost = optim.Adam(net.parameters(), 0.1), nn.HuberLoss(delta=0.3)
    loader = Loader(examples(40, np.float64), 8, rng=3)
    history = nn.fit(net, cost, optimizer, loader, 3, comm=comm, progress=False, callbacks=[Changing(loader)])
    settings = [net[1].p, cost.delta, loader.batch_size, net[0].bias.requires_grad, optimizer.param_groups[0]["betas"]]
    return told(net, optimizer, history) | {"settings": settings, "lr": optimizer.lr}


SAME = [plain, exact, tiny, summed, one_cost_each, weighted, augmented, unused, watched, changing]


class Ear(layers.Layer):
    """Remembers what passes."""

    def __init__(self):
        self.heard = []

    def forward(self, x):
        if self.training:
            self.heard.append(np.array(x.data))
        return x

    def config(self):
        return {}


def dropping(comm, folder, epochs=3, checkpoint=None, seed=None):
    """Dropout that draws on the generator of the data, and one with its own; without a seed ranks begin differently."""
    rng = np.random.default_rng(seed)
    net = layers.Sequential(
        layers.Linear(3, 16, rng=rng),
        layers.Dropout(0.5, rng=rng),
        Ear(),
        layers.Dropout(0.2, rng=seed),
        layers.Linear(16, 3, rng=rng),
    )
    optimizer = optim.Adam(net.parameters(), 0.01)
    loader = Loader(examples(64), 8, rng=rng)
    history = nn.fit(
        net, nn.QuadraticCost(), optimizer, loader, epochs, comm=comm, progress=False, checkpoint=checkpoint
    )
    masks = [h == 0 for h in net[2].heard]
    return told(net, optimizer, history) | {"masks": masks, "rng": [rng.random(), net[3].rng.random()]}


def normal(comm, folder, epochs=3, checkpoint=None):
    """BatchNorm: each rank normalizes by its own rows; the running statistics are averaged."""
    net = layers.Sequential(
        layers.Linear(3, 4, rng=1, dtype=np.float64),
        layers.BatchNorm1d(4, dtype=np.float64),
        layers.Linear(4, 3, rng=2),  # float32 among float64
    )
    net.frozen = Tensor(np.array([0.1, 1 / 3]))
    optimizer = optim.SGD(net.parameters(), 0.1, momentum=0.5)
    history = nn.fit(
        net, nn.QuadraticCost(), optimizer, examples(64, np.float64), epochs, 8, rng=1, comm=comm, progress=False,
        checkpoint=checkpoint,
    )  # fmt: skip
    assert np.array_equal(net.frozen.data, np.array([0.1, 1 / 3]))
    return told(net, optimizer, history)


def statistics(comm, folder):
    """With learning rate 0 and momentum=None the running mean is that of the linear layer's outputs."""
    net = layers.Sequential(layers.Linear(3, 3, rng=1), layers.BatchNorm1d(3, momentum=None))
    optimizer = optim.SGD(net.parameters(), 0.0)
    data = examples(64)
    nn.fit(net, nn.QuadraticCost(), optimizer, data, 2, 8, comm=comm, progress=False)
    seen = int(net[1].num_batches_tracked.item())
    return {"found": net[1].running_mean.data, "wanted": net[0](Tensor(data.x)).data.mean(axis=0), "seen": seen}


def resumed(comm, folder):
    """A training that goes on from rank 0's checkpoint is the training that was never stopped."""
    mine = folder / f"rank-{0 if comm is None else comm.rank}"
    out = {"whole": dropping(comm, folder, 4, seed=3)}
    dropping(comm, folder, 2, mine / "d", seed=3)
    out["parts"] = dropping(comm, folder, 4, mine / "d", seed=3)
    for there in out.values():
        del there["masks"]  # of the epochs that this process saw
    out["whole normal"] = normal(comm, folder, 4, Checkpoint(mine / "n", every=3, keep=99))
    if (mine / "n").exists():  # rank 0's: back into the middle of the third epoch of 8 updates
        for path in Checkpoint(mine / "n").files:
            if path.name > "step-000000021.safetensors":
                path.unlink()
    out["parts normal"] = normal(comm, folder, 4, Checkpoint(mine / "n", every=3))
    out["folders"] = mine.exists()
    return out


# ---- those that fail -----------------------------------------------------------------------------------------


def failing(comm, folder, error=RuntimeError, rank=1):
    """The cost of one rank fails in the fifth mini-batch."""

    class Cost(nn.QuadraticCost):
        calls = 0

        def forward(self, a, y):
            self.calls += 1
            if self.calls == 5 and comm.rank == rank:
                raise error("planted mistake")
            return super().forward(a, y)

    return plain(comm, folder, cost=Cost())


def interrupted(comm, folder):
    """Ctrl-C on the last rank."""
    return failing(comm, folder, KeyboardInterrupt, comm.size - 1)


def first_fails(comm, folder):
    """A callback of rank 0 fails, while the others wait for it."""

    class Bad(Callback):
        def on_epoch_end(self, run):
            raise OSError("the disk is full")

    net = nn.MLP([3, 8, 3], rng=1)
    optimizer = optim.SGD(net.parameters(), 0.1)
    nn.fit(net, nn.QuadraticCost(), optimizer, examples(), 2, comm=comm, progress=False, callbacks=[Bad()])


def everywhere(comm, folder):
    """The same mistake on every rank."""
    net = nn.MLP([3, 8, 3], rng=1)
    nn.fit(net, nn.QuadraticCost(), optim.SGD(net.parameters(), 0.1), examples(), -1, comm=comm)


def diverging(comm, folder):
    """The cost becomes infinite."""
    net = layers.Sequential(layers.Linear(3, 3, rng=1))
    optimizer = optim.SGD(net.parameters(), 1e30)
    nn.fit(net, nn.MSELoss(), optimizer, examples(), 9, comm=comm, progress=False)


def other_data(comm, folder):
    """One rank has read other examples."""
    net = nn.MLP([3, 8, 3], rng=1)
    optimizer = optim.SGD(net.parameters(), 0.1)
    nn.fit(net, nn.QuadraticCost(), optimizer, examples(seed=comm.rank == 1), 2, comm=comm, progress=False)


def checkpoint_of_rank_0(comm, folder):
    """The others do not know when rank 0 saves."""
    net = nn.MLP([3, 8, 3], rng=1)
    optimizer, mine = optim.SGD(net.parameters(), 0.1), folder / "c" if comm.rank == 0 else None
    nn.fit(net, nn.QuadraticCost(), optimizer, examples(), 2, comm=comm, progress=False, checkpoint=mine)


def tampered(comm, folder):
    """A program that changes a parameter on one rank by the last bit."""

    class Cost(nn.QuadraticCost):
        def forward(self, a, y):
            if comm.rank == 1:
                net[0].bias.assign(np.nextafter(net[0].bias.data, np.float32(9)))
            return super().forward(a, y)

    net = nn.MLP([3, 8, 3], rng=1)
    optimizer = optim.SGD(net.parameters(), 0.1)
    nn.fit(net, Cost(), optimizer, examples(60), 2, comm=comm, progress=False)


def main(folder: Path, names: list[str]) -> None:
    """What one rank does."""
    from mpi4py import MPI

    comm = MPI.COMM_WORLD
    for name in names:
        (folder / f"{name}-{comm.rank}.pickle").write_bytes(pickle.dumps(globals()[name](comm, folder)))


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("error")
    main(Path(sys.argv[1]), sys.argv[2:])
    sys.exit()


# ---- how they are started ------------------------------------------------------------------------------------

ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("PMI", "OMPI", "MPI_"))},
    "PYTHONPATH": str(ROOT),
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",  # Open MPI alone wants these
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def mpiexec(ranks: int, *command, timeout: float = 240, **settings) -> subprocess.CompletedProcess:
    """Start the command on that many ranks; skips, or fails where CI says that it must run, without MPI."""
    beside = Path(sys.executable).parent
    program = shutil.which("mpiexec", path=f"{beside}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None or find_spec("mpi4py") is None:
        if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") == "1":
            pytest.fail("TINYGRAD_EDU_REQUIRE_TOOLS=1, but there is no mpiexec, or no mpi4py")
        pytest.skip("needs mpi4py and mpiexec: pip install -e '.[mpi]'")
    return subprocess.run(
        [program, "-n", str(ranks), *map(str, command)],
        capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT, check=False, **settings,
    )  # fmt: skip


OTHERS = [dropping, normal, statistics, resumed]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    """outcome(case, ranks) -> what every rank told; all cases run in one start."""
    known = {}

    def get(case, ranks):
        if ranks not in known:
            folder = tmp_path_factory.mktemp(f"ranks-{ranks}")
            names = [f.__name__ for f in SAME + OTHERS]
            known[ranks] = folder, mpiexec(ranks, sys.executable, "-m", "mpi4py", __file__, folder, *names)
        folder, done = known[ranks]
        assert done.returncode == 0, done.stderr[-3000:]
        return [pickle.loads((folder / f"{case.__name__}-{rank}.pickle").read_bytes()) for rank in range(ranks)]

    return get


def alike(one, other, rtol: float) -> None:
    """The same structure, and the same numbers to rounding; rtol 0: bit for bit."""
    assert type(one) is type(other)
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            alike(one[key], other[key], rtol)
    elif isinstance(one, list):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            alike(a, b, rtol)
    elif isinstance(one, float | np.ndarray):
        if isinstance(one, np.ndarray):
            assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert_allclose(one, other, rtol=rtol, atol=rtol)
    else:
        assert one == other


tools = pytest.mark.tools
RANKS = pytest.mark.parametrize("ranks", [1, 2, 4])


@tools
@RANKS
@pytest.mark.parametrize("case", SAME, ids=lambda f: f.__name__)
def test_the_result_is_that_of_one_process(case, ranks, outcome, tmp_path):
    alone = case(None, tmp_path)
    double = next(iter(alone["net"].values())).dtype == np.float64
    for there in outcome(case, ranks):
        alike(there, alone, 0 if ranks == 1 else 1e-10 if double else 2e-5)


@tools
@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("case", [*SAME, normal], ids=lambda f: f.__name__)
def test_all_ranks_end_with_the_same_bits(case, ranks, outcome):
    first, *others = outcome(case, ranks)
    for other in others:
        alike(other, first, 0)


@tools
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_drop_out_other_neurons_and_stay_equal(ranks, outcome):
    first, *others = outcome(dropping, ranks)
    for other in others:
        alike({k: v for k, v in other.items() if k != "masks"}, {k: v for k, v in first.items() if k != "masks"}, 0)
    for k in range(24):  # 3 epochs of 8 mini-batches
        masks = {there["masks"][k].tobytes() for there in (first, *others)}
        assert len(masks) == ranks


@tools
@RANKS
def test_running_statistics_are_the_mean_over_the_ranks(ranks, outcome):
    for there in outcome(statistics, ranks):
        assert_allclose(there["found"], there["wanted"], rtol=1e-5, atol=1e-6)
        assert there["seen"] == 16


@tools
@RANKS
def test_a_checkpoint_of_rank_0_is_gone_on_from_by_all(ranks, outcome):
    for rank, there in enumerate(outcome(resumed, ranks)):
        alike(there["parts"], there["whole"], 0)
        alike(there["parts normal"], there["whole normal"], 0)
        assert there["folders"] == (rank == 0)


FAILURES = [
    (failing, "rank 1 of 4 failed: RuntimeError: planted mistake", True),
    (interrupted, "rank 3 of 4 was interrupted", False),
    (first_fails, "rank 0 of 4 failed: OSError: the disk is full", False),
    (everywhere, "rank 0 of 4 failed: DataError: fit: epochs", False),
    (diverging, "of 4 failed: TrainingError: epoch", False),
    (other_data, "rank 1 of 4 failed: DataError: the setting is not as on rank 0", False),
    (checkpoint_of_rank_0, "failed: DataError: checkpoint is None here, and every None on rank 0", False),
    (tampered, "failed: TrainingError: after epoch 1, the network of rank 1 is not that of rank 0", False),
]


SEVERAL = (diverging, checkpoint_of_rank_0)  # more than one rank may say so before all are ended


@tools
@pytest.mark.parametrize(("case", "text", "traced"), FAILURES, ids=[f.__name__ for f, _, _ in FAILURES])
def test_a_rank_that_fails_ends_the_run_with_its_error(case, text, traced, tmp_path):
    begun = time.perf_counter()
    done = mpiexec(4, sys.executable, __file__, tmp_path, case.__name__, timeout=60)  # one that waits for ever fails
    assert done.returncode != 0
    assert text in done.stderr
    assert done.stderr.count("of 4 failed") + done.stderr.count("was interrupted") == 1 or case in SEVERAL
    assert ("Traceback" in done.stderr) == traced
    assert list(tmp_path.glob("*.pickle")) == []
    assert time.perf_counter() - begun < 50


@pytest.mark.parametrize("wait", [0.2, None], ids=["read late", "never read"])
def test_the_report_of_a_failure_waits_for_its_reader(wait):
    """Abort ends mpiexec, and what is still in the pipe with it: seen once in CI, with a busy machine."""
    pytest.importorskip("termios")
    source, end = os.pipe()
    reader = threading.Timer(wait or 0, os.read, (source, 100))
    with open(end, "w") as stream, open(source):
        stream.write("rank 3 of 4 failed")
        stream.flush()
        begun = time.perf_counter()
        if wait:
            reader.start()
        _read(stream, longest=30 if wait else 0.1)
        assert (wait or 0.1) <= time.perf_counter() - begun < 20
        if wait:
            reader.join()


def test_the_report_of_a_failure_does_not_wait_for_a_file(tmp_path):
    with (tmp_path / "log").open("w") as stream:
        stream.write("text")
        _read(stream, longest=1e9)
    _read(stream, longest=1e9)  # closed


COMMAND = ["train", "--epochs", "1", "--sizes", "64,12,10", "--batch", "7"]


@tools
def test_the_command_under_mpiexec(monkeypatch, tmp_path):
    program = [sys.executable, "-m", "nn"]
    done = mpiexec(2, *program, *COMMAND, "--out", tmp_path / "two", cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "seed 1, 2 ranks" in done.stdout
    assert done.stdout.count("epoch 1/1") == done.stdout.count("model.safetensors") == 1
    monkeypatch.setattr(cli_results, "_pictures", lambda *args: [])  # of this one only its numbers are wanted
    assert main_of_nn([*COMMAND, "--out", str(tmp_path / "one")]) == 0
    two, one = (nn.load(tmp_path / name / "model.safetensors").state_dict() for name in ("two", "one"))
    alike(two, one, 2e-4)
    again = mpiexec(2, *program, *COMMAND, "--out", tmp_path / "two", cwd=tmp_path)
    assert again.returncode != 0
    assert again.stderr.count("holds a model already") == 1


# ---- without MPI -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [0, 1, 3, 4, 10, 63])
@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_every_row_is_one_ranks(n, size):
    parts = [rows(n, rank, size) for rank in range(size)]
    assert [i for part in parts for i in range(n)[part]] == list(range(n))
    lengths = [len(range(n)[part]) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert lengths == sorted(lengths, reverse=True)  # rank 0 is never the one without


class Comm:
    """A communicator that remembers how it was ended."""

    def __init__(self, rank=0, size=2):
        self.rank, self.size, self.ended, self.said = rank, size, None, []

    def Abort(self, code):
        self.ended = code

    def Allreduce(self, one, out):
        self.said.append(one.copy())
        out[...] = 2 * one

    def bcast(self, value):
        return value

    def barrier(self):
        self.said.append("barrier")


def test_the_gradients_go_as_one_message():
    comm, net = Comm(), nn.MLP([3, 8, 3], rng=1)
    for p in net.parameters()[1:]:
        p.grad = Tensor(np.ones(p.shape, np.float32))
    Parallel(comm).all_reduce(net.parameters())
    (message,) = comm.said
    assert message.dtype == np.float32
    assert len(message) == 4 + 1 + sum(p.size for p in net.parameters())
    first, *others = net.parameters()
    assert first.grad is None
    for p in others:
        assert_allclose(p.grad.data, 2)


@pytest.mark.parametrize("comm", [True, "MPI.COMM_WORLD", 4, object()])
def test_what_is_no_communicator_is_refused(comm):
    net = nn.MLP([3, 3], rng=1)
    with pytest.raises(DataError, match="comm is a communicator of mpi4py"):
        nn.fit(net, nn.QuadraticCost(), optim.SGD(net.parameters(), 0.1), examples(), 1, comm=comm)


def test_one_rank_fails_as_ever(capsys):
    for comm in (None, Comm(size=1)):
        assert not several(comm)
        with pytest.raises(ZeroDivisionError), together(comm):
            raise ZeroDivisionError
        assert comm is None or comm.ended is None
    assert capsys.readouterr().err == ""


def test_of_many_ranks_all_are_ended(capsys):
    comm = Comm(rank=1, size=3)
    with pytest.raises(SystemExit), together(comm), together(comm):
        raise ZeroDivisionError("of 1")
    assert comm.ended == 1
    said = capsys.readouterr().err
    assert said.startswith("Traceback")
    assert said.endswith("rank 1 of 3 failed: ZeroDivisionError: of 1\n")
    assert said.count("rank 1") == 1


def test_rank_0_comes_first():
    for rank, order in ((0, ["get", "barrier"]), (1, ["barrier", "get"])):
        comm = Comm(rank=rank)
        rank_0_first(comm, lambda said=comm.said: said.append("get"))
        assert comm.said == order
    assert rank_0_first(None, lambda: 5) == 5


def test_without_mpiexec_there_is_one_process(monkeypatch):
    for name in ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert world() is None
    monkeypatch.setenv("PMI_SIZE", "1")
    assert world() is None


@pytest.mark.parametrize("name", ["PMI_SIZE", "OMPI_COMM_WORLD_SIZE"])
def test_without_mpi4py_ranks_do_not_train_alone(name, monkeypatch):
    monkeypatch.setenv(name, "4")
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", None)
    with pytest.raises(MissingExtraError, match=r"4 processes that mpiexec started needs .*'mpi4py'.*\[mpi\]"):
        world()


class OtherMPI:
    COMM_WORLD = Comm(size=1)

    @staticmethod
    def Get_library_version():
        return "Other MPI 1.0\nof somebody"


def test_an_mpiexec_of_another_MPI_is_found_out(monkeypatch):
    monkeypatch.setenv("PMI_SIZE", "4")
    monkeypatch.setattr("nn.ranks.import_module", lambda name: OtherMPI)
    with pytest.raises(DataError, match=r"started 4 processes, and mpi4py sees 1: it uses Other MPI 1\.0\.  Take"):
        world()
