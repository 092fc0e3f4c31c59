"""The command line: what it leaves, what it says, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    for needed in ("sklearn", "safetensors", "matplotlib"):
        pytest.importorskip(needed)

import nn
from nn import cli, cli_results, cli_see, cli_train, data
from tinygrad_edu import TABLE

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
FILES = [
    *("backprop.html", "confusion.png", "curves.png", "digit.html", "graph.svg", "mistakes.png"),
    *("model.safetensors", "universal.html"),
]
ROOT = Path(nn.__file__).parents[1]
QUICK = ["train", "--epochs", "1", "--sizes", "64,10", "--batch", "100"]

# Without `dot` the drawing is plainer, and says so.
pytestmark = pytest.mark.filterwarnings("ignore:.*[Gg]raphviz:UserWarning")


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """An empty folder to be in, and no network: what is missing is never fetched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGRAD_EDU_MNIST", raising=False)
    monkeypatch.setitem(data.mnist.__kwdefaults__, "mirrors", ())


def run(*argv: str) -> int:
    """The exit code, whether it is returned or raised."""
    try:
        return cli.main(argv)
    except SystemExit as done:
        return done.code
    except KeyboardInterrupt:  # which would end all of the tests
        pytest.fail("Ctrl-C went through main()")


def wrong_use(capsys, *argv: str) -> str:
    """Runs a command that must end with exit code 2 and one line on stderr; that line."""
    code = run(*argv)
    out, err = capsys.readouterr()
    assert code == WRONG_USE
    assert out == ""
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    assert err.startswith("tinygrad-edu")
    return err


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A folder with a model that two epochs on the digits have left."""
    folder = tmp_path_factory.mktemp("trained")
    assert run("train", "--epochs", "2", "--seed", "3", "--out", str(folder)) == OK
    return folder


# ---- train -----------------------------------------------------------------------------------------------


def test_train_in_a_process_of_its_own_leaves_a_model_with_the_accuracy_that_it_printed(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "nn", "train", "--epochs", "2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == OK, done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert re.fullmatch(r"digits-64-30-10-\d{8}-\d{6}", folder.name)
    assert sorted(p.name for p in folder.iterdir()) == FILES
    assert all(p.stat().st_size > 0 for p in folder.iterdir())
    for path in folder.iterdir():
        assert str(path.relative_to(tmp_path)) in done.stdout
    printed = float(re.search(r"test accuracy ([\d.]+) %", done.stdout)[1])
    test = data.digits().test
    net = nn.load(folder / "model.safetensors")
    assert f"{100 * nn.accuracy(net, test):.2f}" == f"{printed:.2f}"
    assert printed > 50  # of ten classes, after two epochs
    counted = re.findall(r"epoch (\d)/2 .* (\d+)/360 ", done.stdout)
    assert [int(number) for number, _ in counted] == [0, 1, 2]
    assert int(counted[-1][1]) == round(360 * nn.accuracy(net, test))
    if "graphviz" not in done.stderr.lower():
        assert done.stderr == ""


def test_train_says_first_what_it_trains_on_what_and_how(capsys, tmp_path):
    assert run(*QUICK, "--out", str(tmp_path / "out"), "--eta", "0.5", "--seed", "7") == OK
    data_used, how, *lines = capsys.readouterr().out.splitlines()
    for word in ("digits", "1,437", "360"):
        assert word in data_used
    for word in ("64-10", "sigmoid", "quadratic", "eta 0.5", "mini-batch 100", "seed 7"):
        assert word in how
    assert lines[0].startswith("epoch 0/1")
    names = ["model.safetensors", "curves.png", "confusion.png", "mistakes.png", "graph.svg"]
    names += ["backprop.html", "universal.html", "digit.html"]
    assert [line.split()[-1] for line in lines[-8:]] == [str(tmp_path / "out" / name) for name in names]


def test_the_files_are_a_model_and_pictures(trained):
    assert repr(nn.load(trained / "model.safetensors")[0]) == "Linear(64, 30)"
    for name in ("curves.png", "confusion.png", "mistakes.png"):
        assert (trained / name).read_bytes().startswith(b"\x89PNG\r\n")
    assert "<svg" in (trained / "graph.svg").read_text(encoding="utf-8")


def test_the_same_seed_is_the_same_model_and_another_seed_another(monkeypatch, tmp_path):
    nets = []
    monkeypatch.setattr(cli_train, "results", lambda folder, net, cost, dataset, history, eta: nets.append(net) or [])

    def values(seed: str) -> dict[str, bytes]:
        assert run(*QUICK, "--seed", seed, "--out", str(tmp_path)) == OK
        return {name: value.tobytes() for name, value in nets[-1].state_dict().items()}

    assert values("1") == values("1")
    assert not values("1").items() & values("2").items()


def test_every_option_reaches_the_training(monkeypatch, tmp_path):
    seen = {}
    monkeypatch.setattr(cli_train, "results", lambda folder, net, cost, dataset, history, eta: [])

    def fit(net, cost, optimizer, dataset, epochs, batch, **rest):
        seen.update(net=net, cost=cost, optimizer=optimizer, epochs=epochs, batch=batch)
        return nn.fit(net, cost, optimizer, dataset, 0, batch, **rest, progress=False)

    monkeypatch.setattr(cli_train, "fit", fit)
    options = "--sizes 64,7,10 --activation tanh --cost cross-entropy --init scaled_normal --eta 0.25"
    more = "--momentum 0.5 --weight-decay 0.125 --batch 32 --epochs 4 --seed 9"
    assert run("train", *options.split(), *more.split(), "--out", str(tmp_path)) == OK
    expected = nn.MLP([64, 7, 10], "tanh", output="linear", init="scaled_normal", rng=9)
    assert repr(seen["net"]) == repr(expected)
    assert seen["net"][0].weight.data.tobytes() == expected[0].weight.data.tobytes()
    assert isinstance(seen["cost"], nn.CrossEntropyLoss)
    group = seen["optimizer"].param_groups[0]
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.25, 0.5, 0.125)
    assert (seen["epochs"], seen["batch"]) == (4, 32)


def test_the_lectures_settings_are_the_default():
    args = cli._parser().parse_args(["train"])
    chosen = (args.data, args.activation, args.cost, args.init, args.eta, args.batch, args.epochs)
    assert chosen == ("digits", "sigmoid", "quadratic", "standard_normal", 3.0, 10, 30)
    assert (args.momentum, args.weight_decay) == (0, 0)


def test_two_runs_in_one_second_have_two_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(cli_results.time, "strftime", lambda form: "20180101-000000")
    monkeypatch.setattr(cli_train, "results", lambda folder, net, cost, dataset, history, eta: [])
    for _ in range(3):
        assert run(*QUICK) == OK
    name = "digits-64-10-20180101-000000"
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == [name, f"{name}-2", f"{name}-3"]


def test_without_dot_the_graph_is_drawn_all_the_same(monkeypatch, trained, tmp_path):
    (tmp_path / "no programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    with pytest.warns(UserWarning, match="[Gg]raphviz"):
        assert run("draw", str(trained / "model.safetensors"), "--out", "g.svg") == OK
    assert "<svg" in (tmp_path / "g.svg").read_text(encoding="utf-8")


def test_drawing_the_graph_leaves_gradients_as_they_were():
    net = nn.MLP([4, 3, 2], rng=0)
    net[0].weight.grad = np.ones((3, 4))
    examples = nn.Examples(np.ones((1, 4), np.float32), data.one_hot([1], 2), np.array([1]))
    drawing = cli_see.backpropagated(net, nn.QuadraticCost(), examples)
    assert net[0].weight.grad.tolist() == np.ones((3, 4)).tolist()
    assert [p.grad is None for p in net.parameters()] == [False, True, True, True]
    assert hasattr(drawing, "save")


# ---- draw ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "begins"), [("g.svg", b"<"), ("g.gv", b""), ("new folder/g.svg", b"<")])
def test_draw_leaves_the_drawing_and_prints_where(capsys, trained, tmp_path, name, begins):
    path = tmp_path / name
    assert run("draw", str(trained / "model.safetensors"), "--example", "3", "--out", str(path)) == OK
    assert capsys.readouterr().out == f"{path}\n"
    assert path.read_bytes().startswith(begins)
    text = path.read_text(encoding="utf-8")
    assert len(text) > 1000
    for symbol in ("w", "b", "z", "a", "x", "y"):
        assert symbol in text


def test_draw_of_another_example_is_another_drawing(trained, tmp_path):
    texts = []
    for example in ("0", "1"):
        assert run("draw", str(trained / "model.safetensors"), "--example", example, "--out", "g.gv") == OK
        texts.append((tmp_path / "g.gv").read_text(encoding="utf-8"))
    assert texts[0] != texts[1]


def test_draw_does_not_change_the_model_file(trained):
    before = (trained / "model.safetensors").read_bytes()
    assert run("draw", str(trained / "model.safetensors"), "--out", "g.gv") == OK
    assert (trained / "model.safetensors").read_bytes() == before


def test_draw_takes_cross_entropy_for_a_network_that_ends_in_logits(monkeypatch, tmp_path):
    costs = []
    monkeypatch.setattr(cli_see, "backpropagated", lambda net, cost, example: costs.append(cost) or Nothing())
    logits, activities = nn.MLP([64, 10], output="linear", rng=0), nn.MLP([64, 10], rng=0)
    nested = nn.Sequential(nn.Sequential(nn.Linear(64, 10, rng=0)))
    for net in (logits, activities, nested, nn.Linear(64, 10, rng=0)):
        assert run("draw", str(nn.save(tmp_path / "net", net))) == OK
    assert [type(cost).__name__ for cost in costs] == [
        *("CrossEntropyLoss", "QuadraticCost", "CrossEntropyLoss", "CrossEntropyLoss")
    ]


class Nothing:
    def save(self, path):
        return str(path)


@pytest.mark.parametrize("example", ["360", "1000000"])
def test_draw_of_an_example_that_does_not_exist_says_which_do(capsys, trained, example):
    line = wrong_use(capsys, "draw", str(trained / "model.safetensors"), "--example", example)
    assert "0 … 359" in line
    assert example in line


def test_draw_of_a_file_that_is_no_model_is_wrong_use(capsys, tmp_path):
    path = tmp_path / "no model.safetensors"
    path.write_text("hello")
    assert str(path) in wrong_use(capsys, "draw", str(path))


def test_draw_of_a_file_that_is_not_there_names_it(capsys):
    assert "nothing.safetensors" in wrong_use(capsys, "draw", "nothing.safetensors")


def test_draw_of_a_model_for_other_data_says_both_sizes(capsys, tmp_path):
    line = wrong_use(capsys, "draw", str(nn.save(tmp_path / "net", nn.MLP([5, 10], rng=0))))
    assert "64" in line
    assert "5" in line


def test_draw_of_a_network_without_layers_is_one_line(capsys, tmp_path):
    """Its output is its input: 64 outputs for 10 classes."""
    assert "(1, 64)" in wrong_use(capsys, "draw", str(nn.save(tmp_path / "net", nn.Sequential())))


def test_draw_into_a_format_that_does_not_exist_says_which_do(capsys, trained):
    assert ".svg" in wrong_use(capsys, "draw", str(trained / "model.safetensors"), "--out", "graph.docx")
    assert not Path("graph.docx").exists()


# ---- help ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "example"),
    [
        (["--help"], "tinygrad-edu train --data mnist"),
        (["train", "--help"], "tinygrad-edu train --data mnist --data-dir ~/mnist --sizes 784,30,10"),
        (["draw", "--help"], "model.safetensors --example 3 --out graph.svg"),
    ],
)
def test_help_shows_an_example(capsys, argv, example):
    assert run(*argv) == OK
    out, err = capsys.readouterr()
    assert example in out
    assert err == ""


COMMANDS = ["train", "step", "draw", "universal", "digit", "check", "ops", "doctor"]


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_describes_and_its_examples_can_be_parsed_and_it_fits_80_columns(capsys, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    assert run(*([command] if command else []), "--help") == OK
    out, err = capsys.readouterr()
    assert err == ""
    assert max(map(len, out.splitlines())) <= 80
    examples = re.findall(r"^  tinygrad-edu (.*?)(?: {2,}.*)?$", out, re.MULTILINE)
    assert examples
    for example in examples:
        args = cli._parser().parse_args(example.split())
        assert command is None or cli._parser().parse_args([command, *example.split()[1:]]).run == args.run


def test_the_help_names_every_command_and_exit_code(capsys):
    assert run("--help") == OK
    out = capsys.readouterr().out
    assert re.findall(r"^    (\w+)", out, re.MULTILINE) == COMMANDS
    assert "0 ok, 1 failed, 2 wrong use, 130 interrupted" in out


def test_version_is_the_packages(capsys):
    import tinygrad_edu

    assert run("--version") == OK
    assert capsys.readouterr().out == f"tinygrad-edu {tinygrad_edu.__version__}\n"


# ---- wrong use -------------------------------------------------------------------------------------------

WRONG = {
    "no command": ([], ["command"]),
    "unknown command": (["tarin"], ["tarin", "train", "draw"]),
    "unknown option": (["train", "--lr", "1"], ["--lr"]),
    "shortened option": (["train", "--epoch", "1"], ["--epoch"]),
    "sizes that are no numbers": (["train", "--sizes", "64,thirty,10"], ["64,thirty,10", "784,30,10"]),
    "one size": (["train", "--sizes", "64"], ["'64'", "784,30,10"]),
    "no neurons": (["train", "--sizes", "64,0,10"], ["64,0,10"]),
    "negative neurons": (["train", "--sizes", "64,-3,10"], ["64,-3,10"]),
    "empty sizes": (["train", "--sizes", ""], ["784,30,10"]),
    "eta nan": (["train", "--eta", "nan"], ["--eta", "nan"]),
    "eta infinite": (["train", "--eta", "inf"], ["--eta", "inf"]),
    "eta negative": (["train", "--eta=-1"], ["--eta", "-1"]),
    "eta that is no number": (["train", "--eta", "fast"], ["--eta", "fast"]),
    "momentum nan": (["train", "--momentum", "nan"], ["--momentum"]),
    "epochs negative": (["train", "--epochs=-1"], ["--epochs", "-1"]),
    "half an epoch": (["train", "--epochs", "0.5"], ["--epochs", "0.5"]),
    "empty mini-batch": (["train", "--batch", "0"], ["--batch", "0"]),
    "seed negative": (["train", "--seed=-1"], ["--seed", "-1"]),
    "unknown data": (["train", "--data", "cats"], ["cats", "digits", "mnist"]),
    "unknown activation": (["train", "--activation", "softsign"], ["softsign", "sigmoid", "tanh", "relu"]),
    "unknown cost": (["train", "--cost", "hinge"], ["hinge", "quadratic", "cross-entropy"]),
    "unknown init": (["train", "--init", "ones"], ["ones", "standard_normal", "zeros"]),
    "sizes of other data": (["train", "--sizes", "784,30,10"], ["64", "10", "784,30,10", "--sizes"]),
    "outputs of other data": (["train", "--sizes", "64,30,3"], ["64", "10", "64,30,3"]),
    "draw nothing": (["draw"], ["model"]),
    "draw a negative example": (["draw", "m", "--example=-1"], ["--example", "-1"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_one_line_and_exit_code_2(capsys, tmp_path, case):
    argv, words = WRONG[case]
    line = wrong_use(capsys, *argv)
    for word in words:
        assert word in line
    assert os.listdir(tmp_path) == []  # and nothing was begun


def test_a_folder_without_mnist_says_which_four_files_to_put_there(capsys, tmp_path):
    assert run("train", "--data", "mnist", "--data-dir", str(tmp_path)) == WRONG_USE
    out, err = capsys.readouterr()
    assert out == ""
    assert str(tmp_path) in err.splitlines()[0]
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        assert f"{name}-ubyte.gz" in err
    assert list(tmp_path.iterdir()) == []


def test_a_data_folder_that_does_not_exist_is_not_made_for_a_typing_error(capsys, tmp_path):
    assert "there is no folder" in wrong_use(capsys, "train", "--data", "mnist", "--data-dir", str(tmp_path / "typo"))
    assert list(tmp_path.iterdir()) == []


def test_a_model_that_is_there_is_not_overwritten(capsys, trained):
    before = (trained / "model.safetensors").read_bytes()
    assert "holds a model already" in wrong_use(capsys, "train", "--epochs", "1", "--out", str(trained))
    assert (trained / "model.safetensors").read_bytes() == before


def test_drawing_a_model_of_other_data_says_which_data(capsys, tmp_path):
    path = nn.save(tmp_path / "m.safetensors", nn.MLP([784, 2, 10], rng=0))
    assert "--data mnist" in wrong_use(capsys, "draw", str(path), "--out", str(tmp_path / "g.gv"))


@pytest.mark.parametrize("command", ["train", "draw"])
def test_an_out_below_a_file_is_wrong_use_before_any_training(capsys, trained, tmp_path, command):
    (tmp_path / "a file").touch()
    argv = [*QUICK] if command == "train" else ["draw", str(trained / "model.safetensors")]
    line = wrong_use(capsys, *argv, "--out", str(tmp_path / "a file" / "out" / "g.gv"))
    assert str(tmp_path / "a file" / "out") in line
    assert "--out" in line


def test_an_out_that_is_a_file_is_wrong_use_before_any_training(capsys, tmp_path):
    (tmp_path / "a file").write_text("mine")
    assert str(tmp_path / "a file") in wrong_use(capsys, *QUICK, "--out", str(tmp_path / "a file"))
    assert (tmp_path / "a file").read_text() == "mine"


def test_a_network_larger_than_any_memory_is_one_line(capsys, tmp_path):
    code = run("train", "--sizes", "64,1000000000000,10", "--out", str(tmp_path / "out"))
    err = capsys.readouterr().err
    assert code in (FAILED, WRONG_USE)
    assert len(err.splitlines()) == 1, err


# ---- other ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["safetensors", "matplotlib"])
def test_a_missing_package_is_said_before_the_training_and_not_after_it(capsys, monkeypatch, tmp_path, package):
    for name in [name for name in sys.modules if name.split(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, package, None)
    assert run(*QUICK, "--out", str(tmp_path / "out")) == FAILED
    out, err = capsys.readouterr()
    assert "pip install" in err
    assert len(err.splitlines()) == 1
    assert "epoch" not in out


def test_training_that_diverges_fails_in_one_line_without_warnings(tmp_path):
    """In a process of its own, where a NumPy warning would be a line on stderr."""
    argv = "train --epochs 3 --cost cross-entropy --activation relu --eta 1e30 --out out"
    done = subprocess.run(
        [sys.executable, "-m", "nn", *argv.split()],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == FAILED
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "learning rate" in done.stderr


class Interrupting(nn.QuadraticCost):
    """Ctrl-C at the k-th mini-batch; the first call is the look before training."""

    at = 5

    def __init__(self) -> None:
        self.calls = 0

    def forward(self, a, y):
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return super().forward(a, y)


def test_ctrl_c_in_training_keeps_the_model_and_ends_with_130(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cli_train, "QuadraticCost", Interrupting)
    assert run("train", "--epochs", "5", "--out", str(tmp_path / "out")) == INTERRUPTED
    out, err = capsys.readouterr()
    assert "interrupted in epoch 1, example 30 of 1437" in out
    assert "stopped early, test accuracy" in out
    assert "Traceback" not in out + err
    assert sorted(os.listdir(tmp_path / "out")) == FILES
    printed = re.findall(r"test accuracy ([\d.]+) %", out)
    net = nn.load(tmp_path / "out" / "model.safetensors")
    accuracy = f"{100 * nn.accuracy(net, data.digits().test):.2f}"
    assert printed in ([], [accuracy])  # that of the model that was left, or none


LONG = ["train", "--sizes", "64,10", "--batch", "3", "--epochs", "20", "--checkpoint", "run"]
HEEDS_CTRL_C = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "  # also if in the background
)


WAITS_FOR_IT = (  # in its tenth checkpoint: on a busy machine the training could be over before the signal comes
    "import itertools, time; from nn.resume import Checkpoint; save, count = Checkpoint.save, itertools.count(1); "
    "Checkpoint.save = lambda *a, **k: (save(*a, **k), next(count) < 10 or time.sleep(300))[0]; "
)


def ended_early(*more: str, by: int) -> int:
    """The exit code of a training in a process of its own, which gets a signal after its third checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDS_CTRL_C + WAITS_FOR_IT + "from nn.cli import main; sys.exit(main())", *LONG, *more],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 240
    while time.monotonic() < until:
        if process.poll() is not None or len(list(Path("run").glob("step-*.safetensors"))) > 2:
            break
        time.sleep(0.005)
    process.send_signal(by)
    return process.wait(timeout=120)


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
@pytest.mark.parametrize(("signal_name", "code"), [("SIGKILL", -9), ("SIGINT", INTERRUPTED)])
def test_the_same_command_goes_on_from_the_checkpoint_bit_for_bit(signal_name, code, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cli_results, "_pictures", lambda *args: [])
    assert run(*LONG[:-2], "--out", "unbroken") == OK
    assert ended_early("--out", "out", by=getattr(signal, signal_name)) == code
    files = sorted(Path("run").glob("step-*.safetensors"))
    assert len(files) == 3  # the last ones
    before = int(files[-1].stem.removeprefix("step-")) // 479  # updates in an epoch
    assert 3 <= before < 20, "it had ended before the signal came"
    capsys.readouterr()
    assert run(*LONG, "--out", "out") == OK
    out = capsys.readouterr().out
    assert f"goes on from {files[-1]}: epoch {before}," in out
    assert re.findall(r"epoch +(\d+)/20", out)[0] == str(before + 1)
    assert Path("out/model.safetensors").read_bytes() == Path("unbroken/model.safetensors").read_bytes()
    assert run(*LONG, "--out", "out") == OK  # it is over: nothing is done again
    assert "epoch 20/20" not in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--out", "--checkpoint"])
def test_a_folder_without_a_name_is_not_the_one_that_one_is_in(capsys, option, tmp_path):
    assert "it is empty: write ." in wrong_use(capsys, "train", option, "")
    assert list(tmp_path.iterdir()) == []


def test_data_dir_without_mnist_is_no_silent_training_on_other_digits(capsys, tmp_path):
    assert "write --data mnist too" in wrong_use(capsys, "train", "--data-dir", str(tmp_path))


def test_a_checkpoint_goes_on_only_as_what_it_was(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(cli_results, "_pictures", lambda *args: [])
    first = [*QUICK, "--checkpoint", "run", "--keep", "2"]
    assert run(*first, "--out", "mine") == OK
    assert run(*QUICK, "--out", "other") == OK
    for option, value, was in [
        *[("--eta", "1", "3.0"), ("--momentum", "0.5", "0.0"), ("--weight-decay", "0.1", "0.0"), ("--seed", "2", "1")],
        *[("--init", "uniform", "standard_normal"), ("--batch", "50", "100"), ("--activation", "tanh", "sigmoid")],
        *[("--cost", "cross-entropy", "quadratic"), ("--sizes", "64,5,10", "64,10")],
    ]:
        capsys.readouterr()
        assert run(*first, option, value, "--out", "mine") == WRONG_USE
        said = capsys.readouterr().err
        assert re.search(
            rf"had {option} {was}, and now it is {option} {value}(\.0)?\.  Write the same options", said
        ), said
    assert run(*first, "--out", "other") == WRONG_USE
    assert "other holds a model already" in capsys.readouterr().err
    assert run(*first, "--epochs", "4", "--out", "mine") == OK  # on and on
    assert len(list(Path("run").iterdir())) == 2


def test_a_checkpoint_of_another_program_is_no_training_of_the_command(capsys, tmp_path):
    net = nn.MLP([64, 10], rng=1)
    nn.fit(
        net, nn.QuadraticCost(), nn.optim.SGD(net.parameters()), data.digits(), 1, 200, progress=False, checkpoint="run"
    )
    assert run(*QUICK, "--checkpoint", "run", "--out", "mine") == WRONG_USE
    said = capsys.readouterr().err
    assert "of another program: it goes on" in said
    assert "another --checkpoint folder" in said


def test_a_checkpoint_of_the_first_version_goes_on(capsys, monkeypatch, tmp_path):
    """It did not remember the name of the data."""
    monkeypatch.setattr(cli_results, "_pictures", lambda *args: [])
    state_dict = cli_train.SameCommand.state_dict
    old = lambda self: (s := state_dict(self), s["asked"].pop("data"))[0]  # noqa: E731
    with monkeypatch.context() as context:
        context.setattr(cli_train.SameCommand, "state_dict", old)
        assert run(*QUICK, "--checkpoint", "run", "--out", "mine") == OK
    assert run(*QUICK, "--checkpoint", "run", "--out", "mine", "--epochs", "4") == OK
    assert "goes on from" in capsys.readouterr().out


def test_ctrl_c_anywhere_else_ends_with_130_and_one_word(capsys, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    monkeypatch.setattr(data, "digits", interrupt)
    assert run("train") == INTERRUPTED
    assert capsys.readouterr() == ("", "interrupted\n")


def test_ops_lists_every_row_with_its_formula(capsys):
    assert run("ops") == OK
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + len(TABLE)
    for line, op in zip(lines[1:], TABLE.values(), strict=False):
        assert line.startswith(op.name)
        assert line.endswith(op.formula)
