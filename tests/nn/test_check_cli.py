"""The command `tinygrad-edu check`: every row has an example that shows a mistake in it, and how the command ends."""

import re
from dataclasses import replace

import numpy as np
import pytest

from nn import check_cli, cli
from nn.layers import ACTIVATIONS
from tinygrad_edu import TABLE

OK, FAILED, WRONG_USE = 0, 1, 2
ROWS = [name for name, op in TABLE.items() if op.differentiable]


def run(*argv: str) -> int:
    """The exit code, whether it is returned or raised."""
    try:
        return cli.main(["check", *argv])
    except SystemExit as done:
        return done.code


def wrong_use(capsys, *argv: str) -> str:
    """Runs a command that must end with exit code 2 and one line on stderr; that line."""
    code = run(*argv)
    out, err = capsys.readouterr()
    assert code == WRONG_USE
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("tinygrad-edu")
    return err


@pytest.fixture
def file(tmp_path, monkeypatch):
    """mine.py with right and wrong functions."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(
        "from dataclasses import replace\n"
        "import tinygrad_edu as te\n"
        "half = replace(te.TABLE['square'], name='half', vjps=(lambda g, y, x: g * x,))\n"
        "def cost(w, b):\n"
        "    return ((w.sum(1) + b).tanh() ** 2).sum()\n"
        "def wrong(x):\n"
        "    return half(x).sum()\n"
        "def detached(x):\n"
        "    return (x * x.numpy()).sum()\n"
        "def failing(x):\n"
        "    raise KeyError('no such thing')\n"
        "def number(x):\n"
        "    return 3\n"
    )
    return "mine.py"


# ---- all of it -------------------------------------------------------------------------------------------


def test_without_a_name_every_row_and_the_network_is_checked_to_second_order(capsys):
    assert run() == OK
    *lines, last = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(ROWS)]] == ROWS
    for line in lines:
        assert re.search(r" ok +[1-9]\d* entries, (complex step|central differences)$", line), line
    assert [line[:35].strip() for line in lines[len(ROWS) :]] == [
        f"4-6-3 {activation}, {cost}"
        for activation in sorted(ACTIVATIONS)
        for cost in ("QuadraticCost", "CrossEntropyLoss")
    ]
    assert last == f"{len(lines)} checked (first and second order): all gradients are right"


def with_mistake(op, place):
    """The row with 0.1 % and a little more in one of its rules."""
    rules = op.vjps

    def changed(part, x):
        return part * 1.001 + 1e-3 * x

    if callable(rules):

        def parts(g, z, *xs, **s):
            found = list(rules(g, z, *xs, **s))
            found[place] = changed(found[place], xs[place])
            return found

        return replace(op, vjps=parts)

    def rule(g, z, *xs, **s):
        return changed(rules[place](g, z, *xs, **s), xs[place])

    return replace(op, vjps=(*rules[:place], rule, *rules[place + 1 :]))


@pytest.mark.parametrize("name", ROWS)
def test_the_examples_of_a_row_show_a_mistake_in_each_of_its_rules(name):
    op = TABLE[name]
    inputs = range(2 if callable(op.vjps) else len(op.vjps))
    for place in [i for i in inputs if callable(op.vjps) or op.vjps[i] is not None]:
        reports = check_cli._of_op(with_mistake(op, place), 1, np.random.default_rng(1))
        assert len(reports) == len(check_cli.EXAMPLES.get(name, ([], [{}]))[1])
        assert not any(report.ok for report in reports)


def test_a_row_without_an_example_is_named(capsys, monkeypatch):
    monkeypatch.delitem(check_cli.EXAMPLES, "matmul")
    assert run("matmul", "exp") == OK
    first, second, last = capsys.readouterr().out.splitlines()
    assert "not checked" in first
    assert second.split()[:2] == ["exp", "ok"]
    assert last.startswith("1 checked")


# ---- names -----------------------------------------------------------------------------------------------


def test_ops_by_name_and_to_first_order(capsys):
    assert run("sigmoid", "matmul", "--order", "1", "--seed", "3") == OK
    first, second, last = capsys.readouterr().out.splitlines()
    assert first.split()[:2] == ["sigmoid", "ok"]
    assert second.split()[:2] == ["matmul", "ok"]
    assert last == "2 checked (first order): all gradients are right"


def test_a_wrong_row_is_explained_and_the_command_fails(capsys, monkeypatch):
    monkeypatch.setitem(TABLE, "tanh", replace(TABLE["tanh"], vjps=(lambda g, y, x: -g * (1 - y * y),)))
    assert run("exp", "tanh") == FAILED
    out = capsys.readouterr().out
    assert "dC/dx differs at x[" in out
    assert "wrong sign" in out
    assert "op: tanh" in out
    assert out.splitlines()[-1] == "2 checked (first and second order): 1 wrong"


def test_a_function_of_your_own(capsys, file):
    assert run(f"{file}:cost", "--shape", "3,4", "--shape", "3") == OK
    first, _ = capsys.readouterr().out.splitlines()
    assert first.split()[:4] == ["mine.py:cost", "ok", "15", "entries,"]


def test_a_wrong_function_of_your_own_is_explained_and_the_command_fails(capsys, file):
    assert run(f"{file}:wrong") == FAILED
    out = capsys.readouterr().out
    assert "ratio 0.500 in 12 of 12 entries" in out
    assert "op: half" in out
    assert run(f"{file}:detached", "--shape", "") == FAILED
    assert "outside the graph" in capsys.readouterr().out


# ---- wrong use: one line and exit code 2 -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["sigmoud"], "Did you mean sigmoid ?"),
        (["exp", "nothing like it"], "neither an op of the table nor FILE.py:FUNCTION"),
        (["argmax"], "argmax has no derivative"),
        (["absent.py:cost"], "there is no file 'absent.py'"),
        (["mine.py:absent"], "mine.py has no function 'absent'"),
        (["mine.py:cost"], "cost does not take 1 inputs: missing a required argument: 'b'.  Give --shape for each"),
        (["mine.py:failing"], "mine.py:failing itself fails: KeyError: 'no such thing'"),
        (["mine.py:number"], "must return a Tensor"),
        (["broken.py:cost"], "broken.py cannot be run: SyntaxError"),
        (["exp", "--shape", "3"], "--shape is for the inputs of your own function"),
        (["mine.py:wrong", "--shape", "3,x"], "write a shape as 3,4"),
        (["mine.py:wrong", "--shape", "-3"], "--shape"),
        (["--order", "3"], "--order"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "one"], "it is a whole number, 0 or more, not 'one'"),
    ],
)
def test_wrong_use(capsys, file, tmp_path, argv, words):
    (tmp_path / "broken.py").write_text("def cost(:\n")
    assert words in wrong_use(capsys, *argv)


def test_help_shows_examples(capsys):
    assert run("--help") == OK
    out = capsys.readouterr().out
    assert "examples:" in out
    assert "tinygrad-edu check my.py:cost --shape 3,4 --shape 4" in out
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    assert re.search(r"^ +check +compare gradients", capsys.readouterr().out, re.MULTILINE)
