"""benchmarks.reproduce: each row is trained once per seed, what is done is not done again, a failure stays alone."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nn
from benchmarks.reproduce import plots, report, training
from benchmarks.reproduce.__main__ import main
from benchmarks.reproduce.experiments import EXPERIMENTS, GROUPS, Experiment, Setting, short
from benchmarks.reproduce.runner import Results, Task, run, tasks

ROOT = Path(__file__).parents[2]
SMALL = Setting("784-5-10", "cross-entropy", 0.5, epochs=3, images=50)


def row(name: str, setting: Setting = SMALL, **more: object) -> Experiment:
    return Experiment(name, "hidden", name, setting, **more)  # type: ignore[arg-type]


def lines(folder: Path) -> list[dict]:
    path = folder / "results.jsonl"
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    return [entry for entry in found if "task" in entry]


# ---- the rows ------------------------------------------------------------------------------------------


def test_each_row_has_a_name_of_its_own_and_a_group():
    names = [experiment.name for experiment in EXPERIMENTS]
    groups = [group.name for group in GROUPS]
    assert len(set(names + groups)) == len(names + groups)
    assert {experiment.group for experiment in EXPERIMENTS} == set(groups)


def test_the_book_s_numbers_are_those_of_the_lecture():
    books = {experiment.name: experiment.book for experiment in EXPERIMENTS}
    lecture = {
        **{"hidden-30": 95.42, "hidden-100": 96.59, "entropy-30": 95.49, "entropy-100": 96.82, "l2-100-60": 98.04},
        **{"conv-1": 98.78, "conv-2": 99.06, "conv-relu": 99.23, "conv-dropout": 99.60},
    }
    assert {name: books[name] for name in lecture} == lecture


def test_fewer_images_mean_as_many_updates_and_the_same_decay():
    for experiment in EXPERIMENTS:
        if experiment.group == "images":
            s = experiment.setting
            assert s.epochs * s.images == 30 * 50_000
            assert s.epochs == 30 * s.every
            assert s.lmbda / s.images == pytest.approx(5 / 50_000)


def test_tasks_come_once_seed_by_seed_and_not_more_than_a_row_allows():
    rows = [row("a"), row("same setting"), row("few", replace(SMALL, eta=1.0), seeds=1)]
    found = tasks(rows, 2, "digits")
    assert [(task.setting.eta, task.seed) for task in found] == [(0.5, 1), (1.0, 1), (0.5, 2)]


@pytest.mark.parametrize("setting", [{"eta": 3.0}, {"lmbda": 1.0}, {"images": 51}, {"shift": 1}, {"init": "zeros"}])
def test_a_result_is_found_by_the_whole_setting(setting):
    assert Task(SMALL, 1, "digits").key() != Task(replace(SMALL, **setting), 1, "digits").key()
    assert len({Task(SMALL, seed, data).key() for seed in (1, 2) for data in ("digits", "MNIST")}) == 4


# ---- one training --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("net", "numbers"),
    [
        ("784-30-10", 785 * 30 + 31 * 10),
        ("dense", 785 * 100 + 101 * 10),
        ("conv", 26 * 20 + (20 * 12 * 12 + 1) * 100 + 101 * 10),
        ("conv-conv", 26 * 20 + (25 * 20 + 1) * 40 + (40 * 4 * 4 + 1) * 100 + 101 * 10),
        ("conv-conv-dropout", 26 * 20 + (25 * 20 + 1) * 40 + (40 * 4 * 4 + 1) * 1000 + 1001 * 10),
    ],
)
def test_networks_are_the_book_s(net, numbers):
    made = training.network(Setting(net, "softmax", 0.1), np.random.default_rng(0))
    assert sum(p.size for p in made.parameters()) == numbers
    x = np.zeros((2, 784) if net[0] == "7" else (2, 1, 28, 28), np.float32)
    assert made(x).shape == (2, 10)


def test_the_quadratic_cost_gets_activities_and_the_others_logits():
    x = np.zeros((1, 784), np.float32)
    for cost, bounded in (("quadratic", True), ("cross-entropy", False)):
        net = training.network(replace(SMALL, cost=cost), np.random.default_rng(0))
        for p in net.parameters():
            p.assign(np.ones(p.shape, p.dtype))
        assert (net(x).data.max() <= 1) == bounded


def test_l2_decays_weights_by_lambda_over_n_and_no_bias(monkeypatch):
    seen = []

    class Spy(nn.optim.SGD):
        def __init__(self, groups, lr):
            super().__init__(groups, lr)
            seen.extend(self.param_groups)

    monkeypatch.setattr(nn.optim, "SGD", Spy)
    training.train(replace(SMALL, lmbda=2.0, epochs=1), 1, training.load("digits"))
    assert {(p.ndim, group["weight_decay"]) for group in seen for p in group["params"]} == {(2, 2.0 / 50), (1, 0.0)}


def test_a_training_depends_on_its_seed_alone_and_looks_when_told():
    data = training.load("digits")
    first, again, other = (training.train(replace(SMALL, epochs=4, every=2), seed, data) for seed in (1, 1, 2))
    assert first["epochs"] == [2, 4]
    assert len(first["test"]) == len(first["validation"]) == 2
    assert (
        [first["test"], first["validation"]]
        == [again["test"], again["validation"]]
        != [other["test"], other["validation"]]
    )
    assert all(0 <= p <= 100 for p in first["test"])
    assert first["test"][-1] > 1


def test_a_process_whose_command_is_gone_ends(monkeypatch):
    class Ended(BaseException):
        pass

    def end(code: int) -> None:
        raise Ended

    monkeypatch.setattr(os, "_exit", end)
    for alive in (True, False):
        parent = SimpleNamespace(is_alive=lambda alive=alive: alive)
        monkeypatch.setattr("multiprocessing.parent_process", lambda parent=parent: parent)
        with nullcontext() if alive else pytest.raises(Ended):
            training.train(replace(SMALL, epochs=1), 1, training.load("digits"))


def test_the_digits_are_framed_as_mnist():
    data = training.load("digits")
    small = nn.data.digits()
    pictures = data.train.x.reshape(-1, 28, 28)
    assert pictures.dtype == np.float32
    assert data.validation is not None
    assert len(data.train) + len(data.validation) == len(small.train)
    np.testing.assert_array_equal(pictures[:, 3:26:3, 3:26:3].reshape(-1, 64), small.train.x[:1200])
    assert pictures[:, :2].max() == pictures[:, -2:].max() == pictures[..., :2].max() == pictures[..., -2:].max() == 0


# ---- what is counted -----------------------------------------------------------------------------------


def stored(experiment: Experiment, results: Results, seed: int, test: list[float], validation: list[float]) -> None:
    epochs = list(range(1, 1 + len(test)))
    key = Task(experiment.setting, seed, "digits").key()
    results.add(task=key, epochs=epochs, test=test, validation=validation, seconds=2.0)


@pytest.mark.parametrize(
    ("counted", "on", "numbers"),
    [
        ("best", "test", [93.0, 96.0]),
        ("last", "test", [92.0, 96.0]),
        ("first", "test", [90.0, 95.0]),
        ("best", "validation", [88.0, 87.0]),
        ("last", "validation", [86.0, 81.0]),
        ("chosen", "test", [90.0, 95.0]),  # validation is best after the first epoch: 88 and 87
    ],
)
def test_counted_as_the_book_counts(tmp_path, counted, on, numbers):
    experiment, results = row("a", counted=counted, on=on, book=95.5), Results(tmp_path / "results.jsonl")
    stored(experiment, results, 1, [90.0, 93.0, 92.0], [88.0, 87.0, 86.0])
    stored(experiment, results, 2, [95.0, 94.0, 96.0], [87.0, 85.0, 81.0])
    (mine,) = report.rows([experiment], tasks([experiment], 3, "digits"), results)
    assert mine.counted() == numbers
    assert mine.missing == 1
    a, b = numbers
    cells = mine.cells()
    assert cells[4] == f"{(a + b) / 2:.2f} ± {abs(a - b) / 2**0.5:.2f}"  # of two, the sample's deviation
    assert cells[5] == f"{max(numbers):.2f}"
    assert cells[6].startswith("95.5 (")


def test_one_run_has_no_spread():
    assert report.spread([95.0]) == "95.00"


def test_the_table_goes_between_its_marks_again_and_again():
    begin, end = report.MARKS
    document = f"before\n{begin}\nold\n{end}\nafter\n"
    once = report.between(document, "| new |\n")
    assert once == f"before\n{begin}\n\n| new |\n\n{end}\nafter\n"
    assert report.between(once, "| new |\n") == once
    for wrong in ("no marks", f"{end}\n{begin}", document + document):
        with pytest.raises(ValueError, match="once each"):
            report.between(wrong, "")


# ---- the command ---------------------------------------------------------------------------------------


def test_a_second_run_trains_only_what_is_missing(tmp_path, capsys, monkeypatch):
    words = ["--short", "--jobs", "1", "--folder", str(tmp_path)]
    assert main(words, [row("a")]) == 0
    trained = []
    monkeypatch.setattr(training, "train", lambda s, seed, data: trained.append(s) or pytest.fail("not again"))
    assert main(words, [row("a")]) == 0
    assert trained == []
    assert len(lines(tmp_path)) == 1
    assert "1 of 1 trainings are there already" in capsys.readouterr().out
    monkeypatch.undo()
    assert main(words, [row("a"), row("b", replace(SMALL, eta=1.0))]) == 0
    assert len(lines(tmp_path)) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_row_that_fails_says_so_and_the_others_go_on(tmp_path, jobs):
    rows = [row("wrong", replace(SMALL, net="no net")), row("right"), row("also right", replace(SMALL, eta=1.0))]
    results = Results(tmp_path / "results.jsonl")
    todo = tasks(rows, 1, "digits")
    run(todo, results, jobs)
    wrong, *right = report.rows(rows, todo, results)
    assert all(len(mine.runs) == 1 and not mine.failures for mine in right)
    assert "there is no net 'no net'" in wrong.failures[0]
    assert "failed: ValueError" in wrong.cells()[2]
    assert "| failed: ValueError" in report.markdown([wrong, *right], ["facts"])
    again = Results(tmp_path / "results.jsonl")
    assert again.failures == results.failures
    assert len(again.done) == 2


def test_failures_make_the_command_fail_and_are_tried_again(tmp_path, capsys, monkeypatch):
    words = ["--short", "--jobs", "1", "--folder", str(tmp_path)]
    with monkeypatch.context() as broken:
        broken.setattr(training, "train", lambda *_: 1 / 0)
        assert main(words, [row("a")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().out
    assert main(words, [row("a")]) == 0
    assert "ZeroDivisionError" not in capsys.readouterr().out


def test_a_line_that_was_broken_off_costs_its_training_only(tmp_path):
    path = tmp_path / "results.jsonl"
    results, a, b = Results(path), row("a"), row("b", replace(SMALL, eta=1.0))
    stored(a, results, 1, [90.0], [90.0])
    with path.open("a", encoding="utf-8") as file:
        file.write('{"task": "half of')
    results = Results(path)
    stored(b, results, 1, [91.0], [91.0])
    assert {entry["test"][0] for entry in Results(path).done.values()} == {90.0, 91.0}


def test_ctrl_c_stores_no_half_training(tmp_path, monkeypatch):
    monkeypatch.setattr(nn, "fit", lambda *_, **__: nn.train.History(interrupted=True))
    assert main(["--short", "--jobs", "1", "--folder", str(tmp_path)], [row("a")]) == 130
    assert lines(tmp_path) == []


def test_report_trains_nothing_and_writes_between_the_marks(tmp_path):
    document = tmp_path / "docs" / "page.md"
    document.parent.mkdir()
    document.write_text("\n".join(("before", *report.MARKS, "after")), encoding="utf-8")
    words = ["--short", "--folder", str(tmp_path), "--report", "--markdown", str(document)]
    assert main(words, [row("a")]) == 0
    assert lines(tmp_path) == []
    assert "not run" in document.read_text(encoding="utf-8")
    stored(short(row("a")), Results(tmp_path / "results.jsonl"), 1, [90.0, 91.25], [90.0, 92.0])
    assert main(words, [row("a")]) == 0
    text = document.read_text(encoding="utf-8")
    assert "91.25" in text
    assert text.startswith("before")
    assert text.endswith("after")
    for name in ("overview", "hidden"):
        picture = document.parent / "images" / f"reproduce-{name}.png"
        assert picture.read_bytes()[:4] == b"\x89PNG"
        assert f"images/{picture.name}" in text


def test_plots_of_curves_of_different_lengths_and_of_sizes(tmp_path):
    results = Results(tmp_path / "results.jsonl")
    rows = [
        row("short", book=95.0),
        row("long", replace(SMALL, epochs=400), book=80.0),
        replace(row("few"), group="images"),
        replace(row("many", replace(SMALL, images=1000)), group="images"),
    ]
    for experiment, looks in zip(rows, (3, 400, 3, 3), strict=True):
        for seed in (1, 2):
            stored(experiment, results, seed, [90.0 + seed] * looks, [90.0] * looks)
    table = report.rows(rows, tasks(rows, 2, "digits"), results)
    drawn = plots.draw(tmp_path, table, "digits")
    assert sorted(path.name for path in drawn) == ["hidden.png", "images.png", "overview.png"]


def test_the_short_form_says_so_in_table_and_plots_and_the_whole_one_does_not(tmp_path):
    whole = [
        row("500", replace(SMALL, images=500), book=95.0),
        replace(row("50,000", replace(SMALL, images=50_000)), group="images"),
    ]
    for shortened in (False, True):
        rows = [short(r) for r in whole] if shortened else whole
        results = Results(tmp_path / f"{shortened}.jsonl")
        for experiment in rows:
            stored(experiment, results, 1, [90.0, 91.0, 92.0], [90.0] * 3)
        table = report.rows(rows, tasks(rows, 1, "digits"), results)
        report.write(tmp_path, table, ["facts"])
        text = (tmp_path / "table.md").read_text(encoding="utf-8")
        assert [line for line in text.splitlines() if line.startswith("#")] == (
            [
                "# Does everything run? The short form of the book's trainings",
                "### Hidden neurons (chapter 1): short form",
                "### Training images (chapter 3): short form",
            ]
            if shortened
            else ["# The book, reproduced", "### Hidden neurons (chapter 1)", "### Training images (chapter 3)"]
        )
        assert ("**short form: the small digits" in text) == ("not compared" in text) == shortened
        assert (GROUPS[0].text in text) == ("and the book's" in text) == (not shortened)
        groups = {group.name: group for group in GROUPS}
        curves, along = (
            plots.curves(groups["hidden"], table[:1], "digits"),
            plots.along(groups["images"], table[1:], "digits"),
        )
        for fig in (curves, along):
            assert fig.axes[0].get_title("left").endswith(", short form: no result") == shortened
        ax = plots.overview(table, "digits").axes[0]
        assert ("short form: no result" in ax.get_xlabel()) == shortened
        assert ax.get_legend().get_title().get_text() == ("short form: no result" if shortened else "")
        assert ("the book" in [text.get_text() for text in ax.get_legend().get_texts()]) == (not shortened)
        assert ("1,200" in [text.get_text() for text in ax.texts]) == shortened  # and not 50,000, which they are not
        assert json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))["short"] == shortened


# A row of each group, and those of which something is known; CI has a stage of its own that trains all rows.
SOME = ["hidden-30", "eta-0.001", "eta-100", "entropy-100", "l2-few", "init-scaled", "depth-2", "images-100", "conv-1"]


@pytest.mark.slow
def test_the_short_form_from_an_interrupt_to_its_end(tmp_path):
    """Ctrl-C in the middle, with two processes; the same command then does the rest, and every row has its numbers."""
    assert {e.group for e in EXPERIMENTS if e.name in SOME} == {group.name for group in GROUPS}
    command = [sys.executable, "-m", "benchmarks.reproduce", "--short", "--folder", str(tmp_path)]
    command += [word for name in SOME for word in ("--only", name)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, start_new_session=True, **quiet) as first:
        until = time.monotonic() + 240
        while not lines(tmp_path) and first.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        os.killpg(first.pid, signal.SIGINT)  # as the terminal does: to all of its processes
        said, _ = first.communicate(timeout=240)
    assert first.returncode == 130, said
    done = lines(tmp_path)
    assert 0 < len(done) < len(SOME)
    assert all("test" in entry for entry in done)

    second = subprocess.run(command, timeout=300, check=False, **quiet)
    assert second.returncode == 0, second.stdout
    assert f"{len(done)} of " in second.stdout
    assert lines(tmp_path)[: len(done)] == done
    whole = json.loads((tmp_path / "table.json").read_text(encoding="utf-8"))
    assert [r["name"] for r in whole["rows"]] == SOME
    assert all(len(r["last"]) == 1 and not r["failures"] for r in whole["rows"])
    accuracy = {r["name"]: r["last"][0] for r in whole["rows"]}
    assert accuracy["entropy-100"] > 90
    assert accuracy["eta-0.001"] < 30
    assert accuracy["eta-100"] < 30
    table = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert all(f"### {group.title}" in table and (tmp_path / f"{group.name}.png").exists() for group in GROUPS)
