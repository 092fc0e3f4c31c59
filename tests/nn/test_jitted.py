"""fit(..., jit=True): the same training, or the plain one and a line that says why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nn
from nn.training import chunks


def examples(n: int = 96, seed: int = 1) -> nn.Examples:
    """Points in a square, in three classes."""
    rng = np.random.default_rng(seed)
    x = rng.random((n, 5), dtype=np.float32)
    labels = (x[:, 0] + x[:, 1] > 1).astype(int) + (x[:, 2] > 0.5)
    return nn.Examples(x, np.eye(3, dtype=np.float32)[labels], labels)


def trained(jit: bool | str, epochs: int = 4, **settings: Any) -> tuple[nn.Module, Any, nn.History, list[str]]:
    """A network after some epochs, and what fit said; 96 = 9 mini-batches of 10 and one of 6."""
    said: list[str] = []
    dropout = nn.Dropout(0.2, rng=3)
    net = nn.Sequential(nn.Linear(5, 8, rng=1), nn.Sigmoid(), dropout, nn.Linear(8, 3, rng=2))
    optimizer = nn.optim.Adam(net.parameters(), lr=0.02)
    history = nn.fit(
        net, nn.CrossEntropyLoss(), optimizer, examples(), epochs, 10, rng=5, progress=said.append, jit=jit, **settings
    )
    return net, optimizer, history, said


def same(a: nn.Module, b: nn.Module, exact: bool) -> bool:
    pairs = [(p.data, q.data) for p, q in zip(a.parameters(), b.parameters(), strict=True)]
    return all(np.array_equal(p, q) if exact else np.allclose(p, q, atol=1e-4) for p, q in pairs)


@pytest.mark.parametrize("executor", ["numpy", pytest.param("c", marks=pytest.mark.tools)])
def test_the_network_is_that_of_the_plain_training(executor: str) -> None:
    plain, _, history, _ = trained(False)
    net, _, jitted, said = trained("numpy" if executor == "numpy" else True)
    assert same(plain, net, exact=executor == "numpy")
    assert not any("without jit" in line for line in said), said
    costs = [[e.cost for e in h.epochs] for h in (history, jitted)]
    np.testing.assert_allclose(costs[1], costs[0], rtol=0 if executor == "numpy" else 1e-4)


def test_callbacks_see_every_update() -> None:
    class Count(nn.Callback):
        steps = 0

        def on_batch_end(self, run: Any) -> None:
            self.steps += 1

    count = Count()
    plain, _, _, _ = trained(False)
    net, _, _, _ = trained("numpy", callbacks=[count])
    assert count.steps == 4 * 10
    assert same(plain, net, exact=True)


def test_what_cannot_be_recorded_goes_on_plain_with_one_line_and_the_same_numbers() -> None:
    class Sceptical(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(5, 3, rng=1)
            self.drop = nn.Dropout(0.3, rng=2)

        def forward(self, x: Any) -> Any:
            z = self.drop(self.inner(x))
            return z if z.detach()[0, 0].item() < 1e9 else -z

    nets, lines = [], []
    for jit in (False, True):
        net, said = Sceptical(), []
        nn.fit(
            net, nn.CrossEntropyLoss(), nn.optim.SGD(net.parameters(), lr=0.5, momentum=0.9), examples(), 3, 10,
            rng=5, progress=said.append, jit=jit,
        )  # fmt: skip
        nets.append(net)
        lines.append([line for line in said if "without jit" in line])
    assert same(*nets, exact=True)
    assert lines[0] == []
    assert len(lines[1]) == 1
    assert "item" in lines[1][0]


def test_a_cost_that_is_not_finite_ends_it_as_without_jit() -> None:
    from tinygrad_edu import TrainingError

    net = nn.Sequential(nn.Linear(5, 8, rng=1), nn.ReLU(), nn.Linear(8, 3, rng=2))
    before = [p.numpy() for p in net.parameters()]
    with pytest.raises(TrainingError):
        nn.fit(
            net, nn.MSELoss(), nn.optim.SGD(net.parameters(), lr=1e12), examples(), 5, 10, rng=1, progress=False,
            jit="numpy",
        )  # fmt: skip
    assert all(np.isfinite(p.data).all() for p in net.parameters())
    assert all(np.array_equal(b, p.data) for b, p in zip(before, net.parameters(), strict=True))


@pytest.mark.parametrize("rate", [30.0, 1e4, 1e12])
def test_its_error_names_the_step_and_the_operation_as_without_jit(rate: float) -> None:
    """Also in the middle of a scan: the steps are then done one by one."""
    from tinygrad_edu import TrainingError

    said = []
    for jit in (False, "numpy"):
        net = nn.Sequential(nn.Linear(5, 8, rng=1), nn.ReLU(), nn.Linear(8, 3, rng=2))
        optimizer = nn.optim.SGD(net.parameters(), lr=rate)
        with pytest.raises(TrainingError, match=r"made (inf|nan)") as caught:
            nn.fit(net, nn.MSELoss(), optimizer, examples(500), 5, 10, rng=1, progress=False, jit=jit)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_ctrl_c_keeps_what_was_learned() -> None:
    class Stop(nn.Callback):
        def on_epoch_end(self, run: Any) -> None:
            if run.epoch == 2:
                raise KeyboardInterrupt

    _, _, history, said = trained("numpy", callbacks=[Stop()])
    assert history.interrupted
    assert any("interrupted" in line for line in said)


def test_a_checkpoint_goes_on_bit_for_bit(tmp_path: Any) -> None:
    whole, _, _, _ = trained("numpy", epochs=4)
    trained("numpy", epochs=2, checkpoint=tmp_path)
    net, _, _, said = trained("numpy", epochs=4, checkpoint=tmp_path)
    assert any("goes on from" in line for line in said)
    assert same(whole, net, exact=True)


def test_chunks_keep_order_and_shapes_and_leave_the_last_alone() -> None:
    batches = [(np.full((n, 2), i), np.zeros(n)) for i, n in enumerate([4, 4, 4, 4, 4, 3])]
    found = [[int(x[0, 0]) for x, _ in chunk] for chunk in chunks(batches, 3)]
    assert found == [[0, 1, 2], [3, 4], [5]]
    assert [[int(x[0, 0]) for x, _ in c] for c in chunks(batches[:5], 3)] == [[0, 1, 2], [3], [4]]
    assert [len(c) for c in chunks(batches, 1)] == [1] * 6
    assert list(chunks([], 3)) == []
