"""What a paper costs on paper, for every paper: the command builds all of their networks."""

import math

import pytest
from click.testing import CliRunner

from lus_keras import papers
from lus_keras.benchmark import cost as costing
from lus_keras.benchmark.cost import cost_rows, costs
from lus_keras.cli import main
from lus_keras.core import config


@pytest.fixture
def counted(monkeypatch):
    """10⁹ operations a clip of any network; building them all would take minutes."""
    monkeypatch.setattr(costing, "_forward_flops", lambda *_: 10**9)


@pytest.mark.parametrize("paper", papers.names())
def test_every_network_that_is_trained_is_counted_once(counted, paper):
    found = list(costs(paper, "smoke"))
    entries = {entry for needed in papers.get(paper).targets.values() for entry in needed}
    elsewhere = {
        entry
        for entry in entries
        if "/" in entry
        and (transfer := config.load(paper, "smoke", (), entry.rpartition("/")[0]).transfer)
        and (transfer.train_on or transfer.pretrain)
    }
    networks = {entry for entry in entries if entry.rpartition("/")[2]} - elsewhere
    assert [cost.network for cost in found] == [e for e in entries_in_order(paper) if e in networks]
    for cost in found:
        assert cost.clips >= 1
        # A gray level of one frame of every video, at the least.
        assert cost.disk_bytes >= cost.videos * 16 * 16
        assert cost.memory_gb > 0.8
        assert 0 < cost.cpu_seconds < 600


def entries_in_order(paper):
    targets = papers.get(paper).targets
    return list(dict.fromkeys(entry for needed in targets.values() for entry in needed))


def test_costs_of_the_paper_preset_worked_by_hand():
    """298 videos of four clips each; five folds of four fifths, mirrored, for 60 epochs."""
    found = {cost.network: cost for cost in costs("bline", "paper")}
    cost = found["c2d_lstm_a"]
    assert (cost.videos, cost.clips) == (298, 1192)
    assert cost.disk_bytes == 298 * 120 * 64 * 64
    seen = 1192 * 4 * 2 * 60
    assert cost.training_flops == pytest.approx(3 * cost.forward_flops * seen)
    assert cost.cpu_seconds == pytest.approx(seen * 30 * 64 * 64 * 290e-9)
    assert math.isclose(cost.memory_gb, 0.8 + (200 * 4 * 20 * 30 * 64 * 64 + 20 * 2149330) / 1e9)


def test_hours_at_a_rate_by_hand(counted):
    """10⁹ operations forward at 10⁹ a second: three seconds a clip, forward and back."""
    (cost, *_) = costs("bline", "smoke")
    rows = cost_rows([cost], 1.0)
    assert rows[0][-1] == "hours at 1 GFLOP/s"
    assert float(rows[1][-1]) == pytest.approx(cost.training_flops / 1e9 / 3600, rel=0.01)
    assert cost.training_flops % 3e9 == 0


def test_the_command_prints_a_table_of_equal_rows(counted):
    result = CliRunner().invoke(main, ["cost", "--paper", "severity"], catch_exceptions=False)
    assert result.exit_code == 0
    table = [line.split(" | ") for line in result.output.splitlines() if line.startswith("|")]
    assert len({len(row) for row in table}) == 1
    assert {row[1] for row in table[2:]} == set(config.PRESETS)
