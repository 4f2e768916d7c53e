"""What a paper costs on paper, for every paper: the command builds all of their networks."""

import math

import pytest
from click.testing import CliRunner

from lus_keras import papers
from lus_keras.benchmark.cost import at_rate, costs
from lus_keras.cli import main
from lus_keras.core import config


@pytest.mark.parametrize("paper", papers.names())
def test_every_network_that_is_trained_is_counted_once(paper):
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
        assert cost.disk_bytes > 0
        assert cost.memory_gb > 0.8
        assert 0 < cost.cpu_seconds < 600
        assert at_rate(cost, 100.0).seconds == pytest.approx(cost.training_flops / 1e11)


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


def test_the_command_prints_a_table_of_equal_rows():
    result = CliRunner().invoke(main, ["cost", "--paper", "severity"], catch_exceptions=False)
    assert result.exit_code == 0
    table = [line.split(" | ") for line in result.output.splitlines() if line.startswith("|")]
    assert len({len(row) for row in table}) == 1
    assert {row[1] for row in table[2:]} == set(config.PRESETS)
