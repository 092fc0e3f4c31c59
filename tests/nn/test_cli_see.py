"""The commands that show, with stand-ins for the pages: what reaches them, what is written, and how it ends."""

import os
from pathlib import Path

import pytest

if os.environ.get("TINYGRAD_EDU_REQUIRE_TOOLS") != "1":
    for needed in ("sklearn", "safetensors"):
        pytest.importorskip(needed)

import numpy as np

import nn
from nn import cli, cli_results, cli_see, cli_train, data
from tinygrad_edu import Tensor, TinygradEduError

OK, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


class StandIn:
    """A page that notes where it is saved."""

    def __init__(self) -> None:
        self.saved: list[str] = []

    def save(self, path):
        Path(path).write_text("<!DOCTYPE html>", encoding="utf-8")
        self.saved.append(str(path))
        return str(path)

    def __str__(self) -> str:
        return "1. feed-forward\n2. the output error"


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """An empty folder to be in, and a web browser that opens nothing."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TINYGRAD_EDU_MNIST", raising=False)
    monkeypatch.setattr(cli_see.webbrowser, "open", lambda address: pytest.fail(f"{address} was opened unasked"))


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """The addresses that a web browser was asked to open."""
    addresses: list[str] = []
    monkeypatch.setattr(cli_see.webbrowser, "open", lambda address: addresses.append(address) or True)
    return addresses


@pytest.fixture
def model(tmp_path_factory) -> str:
    return str(nn.save(tmp_path_factory.mktemp("model") / "m.safetensors", nn.MLP([64, 5, 10], rng=0)))


@pytest.fixture
def pages(monkeypatch) -> dict[str, tuple]:
    """Stand-ins for the three pages, and what each was made of."""
    made: dict[str, tuple] = {}

    def stand_in(name):
        def make(*args):
            made[name] = args
            return StandIn()

        return make

    for name in ("traced", "universal_page", "digit_page"):
        monkeypatch.setattr(cli_see, name, stand_in(name))
    return made


def run(*argv: str) -> int:
    try:
        return cli.main(argv)
    except SystemExit as done:
        return done.code


def wrong_use(capsys, *argv: str) -> str:
    """The one line on stderr of a command that must end with exit code 2."""
    code = run(*argv)
    out, err = capsys.readouterr()
    assert (code, out) == (WRONG_USE, "")
    assert len(err.splitlines()) == 1, err
    return err


# ---- pages -----------------------------------------------------------------------------------------------

COMMANDS = {"step": "backprop.html", "universal": "universal.html", "digit": "digit.html"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("out", [None, "new folder/p.HTML", "p.htm"])
def test_a_page_is_written_and_its_path_printed_and_nothing_opened(capsys, pages, model, tmp_path, command, out):
    argv = [command, *([] if command == "universal" else [model]), *(["--out", out] if out else [])]
    assert run(*argv) == OK
    path = out or COMMANDS[command]
    assert capsys.readouterr() == (f"{path}\n", "")
    assert (tmp_path / path).is_file()


@pytest.mark.parametrize("command", COMMANDS)
def test_open_shows_the_page_in_a_web_browser(capsys, pages, opened, model, tmp_path, command):
    assert run(command, *([] if command == "universal" else [model]), "--open") == OK
    assert opened == [(tmp_path / COMMANDS[command]).as_uri()]
    assert capsys.readouterr().err == ""


def test_without_a_web_browser_open_says_so_and_leaves_the_page(capsys, pages, monkeypatch, tmp_path):
    monkeypatch.setattr(cli_see.webbrowser, "open", lambda address: False)
    assert run("universal", "--open") == FAILED
    out, err = capsys.readouterr()
    assert out == "universal.html\n"
    assert "no web browser" in err
    assert len(err.splitlines()) == 1
    assert (tmp_path / "universal.html").is_file()


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("out", ["page.txt", "page", "page.svg"])
def test_a_page_in_another_format_is_wrong_use_before_any_work(capsys, pages, model, tmp_path, command, out):
    line = wrong_use(capsys, command, *([] if command == "universal" else [model]), "--out", out)
    assert ".html" in line
    assert out in line
    assert pages == {}
    assert list(tmp_path.iterdir()) == []


# ---- step ------------------------------------------------------------------------------------------------


def test_step_traces_the_chosen_example_with_the_cost_that_fits(pages, model):
    assert run("step", model, "--example", "3", "--eta", "0.5") == OK
    net, cost, example, eta = pages["traced"]
    assert repr(net[0]) == "Linear(64, 5)"
    assert isinstance(cost, nn.QuadraticCost)
    assert example.x.tolist() == data.digits().test.x[3:4].tolist()
    assert eta == 0.5


def test_step_without_eta_has_no_update(pages, model):
    assert run("step", model) == OK
    assert pages["traced"][3] is None


def test_step_as_text_prints_the_steps_and_writes_nothing(capsys, pages, model, tmp_path):
    assert run("step", model, "--text") == OK
    assert capsys.readouterr() == ("1. feed-forward\n2. the output error\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("more", [["--open"], ["--out", "p.html"]])
def test_step_as_text_and_as_a_page_is_one_too_many(capsys, pages, model, more):
    assert "--text" in wrong_use(capsys, "step", model, "--text", *more)


@pytest.mark.parametrize("eta", ["nan", "-1", "fast"])
def test_step_with_an_eta_that_is_none(capsys, model, eta):
    assert eta in wrong_use(capsys, "step", model, f"--eta={eta}")


@pytest.mark.parametrize("command", ["step", "digit"])
def test_a_model_that_is_not_there_or_for_other_data_is_wrong_use(capsys, tmp_path, command):
    assert "nothing.safetensors" in wrong_use(capsys, command, "nothing.safetensors")
    other = nn.save(tmp_path / "other", nn.MLP([784, 2, 10], rng=0))
    assert "--data mnist" in wrong_use(capsys, command, str(other))


def test_step_of_an_example_that_does_not_exist_says_which_do(capsys, model):
    assert "0 … 359" in wrong_use(capsys, "step", model, "--example", "360")


# ---- universal -------------------------------------------------------------------------------------------


def test_universal_takes_a_function_of_the_list_and_a_number_of_neurons(pages):
    assert run("universal", "--function", "bump", "--hidden", "7") == OK
    assert pages["universal_page"] == ("bump", 7)
    assert run("universal") == OK
    assert pages["universal_page"] == ("sin", 2)


@pytest.mark.parametrize("function", ["__import__('os')", "x**2", "exp", ""])
def test_universal_evaluates_no_text(capsys, pages, function):
    line = wrong_use(capsys, "universal", "--function", function)
    assert "sin" in line
    assert "bump" in line
    assert pages == {}


@pytest.mark.parametrize("hidden", ["0", "21", "-1", "2.5", "two"])
def test_universal_has_1_to_20_hidden_neurons(capsys, hidden):
    line = wrong_use(capsys, "universal", f"--hidden={hidden}")
    assert "1 to 20" in line
    assert repr(hidden) in line


@pytest.mark.parametrize("name", cli_see.FUNCTIONS)
def test_the_functions_of_the_list_are_finite_numbers_near_one(name):
    y = cli_see.FUNCTIONS[name](np.linspace(-3, 3, 61))
    assert y.shape == (61,)
    assert np.isfinite(y).all()
    assert 0.9 <= np.abs(y).max() <= 3


# ---- digit -----------------------------------------------------------------------------------------------


def test_digit_takes_the_model_and_its_data(pages, model):
    assert run("digit", model) == OK
    net, dataset = pages["digit_page"]
    assert repr(net[0]) == "Linear(64, 5)"
    assert dataset.name == "digits"


# ---- draw ------------------------------------------------------------------------------------------------


def test_draw_prints_the_path_that_was_written_also_where_dot_is_missing(capsys, monkeypatch, model, tmp_path):
    """Without `dot` there is no PNG: the drawing is saved as SVG beside it."""
    (tmp_path / "no programs").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "no programs"))
    with pytest.warns(UserWarning, match="[Gg]raphviz"):
        assert run("draw", model, "--out", "g.png") == OK
    path = Path(capsys.readouterr().out.strip())
    assert path.suffix == ".svg"
    assert "<svg" in path.read_text(encoding="utf-8")


# ---- train: a picture that fails -------------------------------------------------------------------------

QUICK = ["train", "--epochs", "1", "--sizes", "64,10", "--batch", "100", "--out", "out"]


@pytest.fixture
def writers(monkeypatch):
    """Three things for train to leave; the second can be made to fail."""
    pytest.importorskip("matplotlib")
    errors: list[BaseException] = []

    def second(path):
        path.write_text("half")
        if errors:
            raise errors[0]

    pictures = [
        ("first", "first.txt", lambda path: path.write_text("1")),
        ("second", "second.txt", second),
        ("third", "third.txt", lambda path: path.write_text("3")),
    ]
    monkeypatch.setattr(cli_results, "_pictures", lambda net, cost, dataset, history, eta: pictures)
    return errors


@pytest.mark.parametrize("error", [ValueError("no\npicture"), MemoryError(), OSError(28, "No space"), ImportError("x")])
def test_a_picture_that_fails_costs_neither_the_model_nor_the_others(capsys, writers, error):
    writers.append(error)
    assert run(*QUICK) == FAILED
    out, err = capsys.readouterr()
    assert sorted(os.listdir("out")) == ["first.txt", "model.safetensors", "third.txt"]  # and half a picture is none
    assert len(err.splitlines()) == 1
    for word in ("second", os.path.join("out", "second.txt"), type(error).__name__):
        assert word in err
    assert "second" not in out
    assert nn.load(Path("out", "model.safetensors"))


def test_when_all_can_be_made_train_ends_with_0(writers):
    assert run(*QUICK) == OK
    assert sorted(os.listdir("out")) == ["first.txt", "model.safetensors", "second.txt", "third.txt"]


def test_the_model_is_written_and_said_before_the_first_picture(capsys, monkeypatch, writers):
    writers.append(KeyboardInterrupt())
    assert run(*QUICK) == INTERRUPTED
    out, err = capsys.readouterr()
    assert os.path.join("out", "model.safetensors") in out
    assert err == "interrupted\n"
    assert nn.load(Path("out", "model.safetensors"))


def test_ctrl_c_again_while_the_test_examples_are_looked_at_loses_no_model(monkeypatch, writers):
    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli_results, "accuracy", interrupt)
    assert run(*QUICK) == INTERRUPTED
    assert nn.load(Path("out", "model.safetensors"))


def test_ctrl_c_before_the_first_look_leaves_the_model_all_the_same(capsys, monkeypatch, writers):
    class Interrupting(nn.QuadraticCost):
        def forward(self, a, y):
            raise KeyboardInterrupt

    monkeypatch.setattr(cli_train, "QuadraticCost", Interrupting)
    assert run(*QUICK) == INTERRUPTED
    assert "interrupted in epoch 0" in capsys.readouterr().out
    assert nn.load(Path("out", "model.safetensors"))


# ---- the pages themselves --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS)
def test_the_real_page_is_one_html_file(model, tmp_path, command):
    assert run(command, *([] if command == "universal" else [model])) == OK
    page = (tmp_path / COMMANDS[command]).read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "Content-Security-Policy" in page


@pytest.mark.parametrize("name", cli_see.FUNCTIONS)
def test_the_real_page_of_a_function_is_named_after_it(name):
    assert name in cli_see.universal_page(name, 3).title


def test_the_real_steps_as_text_hold_the_cost(capsys, model):
    """C = 1/2 sum_i (a_i - y_i)^2 of the example."""
    net, example = nn.load(model), data.digits().test[2:3]
    c = nn.QuadraticCost()(net(Tensor(example.x)), Tensor(example.y)).item()
    assert run("step", model, "--example", "2", "--text") == OK
    assert f"{c:.4g}" in capsys.readouterr().out


def test_an_error_of_a_page_is_one_line(capsys, monkeypatch, model):
    def fail(*args):
        raise TinygradEduError("too many nodes")

    monkeypatch.setattr(cli_see, "traced", fail)
    assert "too many nodes" in wrong_use(capsys, "step", model)
