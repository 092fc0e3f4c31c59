"""The benchmarks' own machinery: who computes something else is not timed, and figures are reported as measured."""

from functools import partial

import numpy as np
import pytest

from benchmarks import instructions, machine
from benchmarks.by_hand import BookLoops, C, NumPy, NumPyBuffers, NumPyLayers
from benchmarks.contestants import Contestant, Ours, OursTrainStep, Unavailable, agree, first_parameters, installed
from benchmarks.report import Goal, Table, compared
from benchmarks.timing import Settings, in_turns
from benchmarks.w1_lecture_step import ETA, SIZES, S, mini_batches


def contestants(*classes):
    there, missing = installed(classes, SIZES, first_parameters(SIZES), ETA, S)
    assert missing == []
    return there


def test_ours_and_numpy_by_hand_agree():
    notes = []
    there = agree(
        contestants(Ours, OursTrainStep, NumPy, NumPyLayers, NumPyBuffers, BookLoops), mini_batches(5, S), notes
    )
    assert there[0].name == "tinygrad_edu"
    assert len(there) == 6
    assert "all 6 have the same costs" in notes[-1]


@pytest.mark.tools
def test_c_by_hand_agrees(require_tool):
    require_tool("cc")
    assert len(agree(contestants(Ours, C), mini_batches(5, S), [])) == 2


class Hasty(NumPy):
    """Forgets the last bias."""

    name = "hasty"

    def step(self, x, y):
        kept = self.parameters[3].copy()
        cost = super().step(x, y)
        self.parameters[3][:] = kept
        return cost


class Wide(NumPy):
    name = "wide"

    def __init__(self, *args):
        super().__init__(*args)
        self.parameters = [p.astype(np.float64) for p in self.parameters]


def test_who_computes_something_else_is_an_error():
    with pytest.raises(AssertionError, match="costs of hasty"):
        agree(contestants(Ours, Hasty), mini_batches(5, S), [])
    with pytest.raises(AssertionError, match="wide left float32"):
        agree(contestants(Ours, Wide), mini_batches(5, S), [])
    with pytest.raises(ValueError, match="at least 5 steps"):  # jit runs its recording from the third on
        agree(contestants(Ours, NumPy), mini_batches(4, S), [], steps=4)


def test_who_cannot_run_is_skipped_with_the_reason():
    class Away(Contestant):
        name, install = "away", "away-package"

        def __init__(self, *args):
            import away_package_that_does_not_exist  # noqa: F401

    class Broken(Contestant):
        name = "broken"

        def __init__(self, *args):
            raise Unavailable("there is no compiler")

    there, missing = installed([NumPy, Away, Broken], SIZES, first_parameters(SIZES), ETA, S)
    assert [c.name for c in there] == ["NumPy by hand"]
    assert "pip install away-package" in missing[0]
    assert missing[1] == "broken is skipped: there is no compiler"


def test_ratios_are_formed_within_a_round():
    """The machine was twice as slow in the second round: both took twice as long, and the ratio is what it is."""
    table = Table("work")
    seconds = {"ours": [1.0, 2.0, 1.0], "theirs": [4.0, 8.0, 4.0]}
    compared(table, seconds, "ours", [Goal("ours", "theirs", 0.3, 0.2), Goal("ours", "absent", 1, 1)], "s")
    assert table.rows[0][:4] == ("ours", "1 s", "1–1.5", "1.00")
    assert table.rows[1][3:] == ("4.00", "4.00–4.00")
    assert table.goals == [("ours", "theirs", "0.25", "0.25–0.25", "0.3", "0.2", "reached")]
    assert "| ours | theirs | 0.25 |" in table.markdown()
    assert Goal("a", "b", 0.3, 0.2).verdict(0.31) == "MISSED"


def test_everybody_has_his_turn_in_every_round():
    turns = []
    steps = {name: partial(turns.append, name) for name in "abc"}
    seconds = in_turns(steps, 2, Settings())
    assert turns == [*"abc", *"bca", *"cab"]  # the first round is not counted
    assert [len(times) for times in seconds.values()] == [2, 2, 2]


def test_the_kernels_that_you_chose_are_left_to_you(monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    assert machine.environment(2)["OPENBLAS_CORETYPE"] == "Haswell"
    monkeypatch.delenv("OPENBLAS_CORETYPE")
    monkeypatch.setattr(machine, "_widest", lambda: "avx2")
    assert "OPENBLAS_CORETYPE" not in machine.environment(1)
    monkeypatch.setattr(machine, "_widest", lambda: "avx512f")
    assert machine.environment(1)["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert machine.environment(1)["OMP_NUM_THREADS"] == "1"


def test_more_than_ten_percent_more_instructions_are_told(capsys):
    stored = {"a + b": {"instructions": 1000, "operations": 1}, "W1 step": {"instructions": 1000, "operations": 5}}
    counts = {"a + b": {"instructions": 1101, "operations": 1}, "W1 step": {"instructions": 1099, "operations": 5}}
    assert instructions.report(counts, stored) == ["a + b"]
    assert "+10.1%" in capsys.readouterr().out


def test_the_plot_is_drawn(tmp_path):
    pytest.importorskip("matplotlib")
    from benchmarks.plot import draw

    table = Table("work")
    compared(table, {"tinygrad_edu": [1.0, 2.0, 1.0], "theirs": [4.0, 8.0, 4.0]}, "tinygrad_edu", unit="s")
    draw([table, table, table], ["a machine"], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
    with pytest.raises(SystemExit, match="nothing to draw"):
        draw([Table("empty")], [], tmp_path / "empty.png")
