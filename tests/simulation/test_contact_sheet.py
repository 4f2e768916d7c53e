"""Contact sheets: what the panels show, and that simulated frames are named so."""

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.evaluation.plots import png_bytes
from lus_keras.simulation import tasks
from lus_keras.simulation.contact_sheet import (
    Picture,
    contact_sheet,
    motion_strips,
    real_pictures,
    simulated_pictures,
)


def textured(shift):
    """12 frames with a bright line at row 60 over grain that moves by `shift` pixels a frame."""
    rng = np.random.default_rng(0)
    grain = rng.integers(20, 90, (350, 350)).astype(np.uint8)
    frames = np.stack([np.roll(grain, shift * t, axis=1) for t in range(12)])
    frames[:, 58:62] = 220
    return frames


def test_strips_of_a_lung_at_rest_are_bars():
    m_mode, x_t = motion_strips(textured(0))
    assert m_mode.shape == (90, 12)
    assert x_t.shape == (12, 350)
    assert np.ptp(m_mode, axis=1).max() == 0
    assert np.ptp(x_t, axis=0).max() == 0


def test_strips_of_a_sliding_lung_slant():
    """Each row of x-t is the one before, shifted by what the lung moved; M-mode is grain."""
    m_mode, x_t = motion_strips(textured(5))
    np.testing.assert_array_equal(x_t[1:], np.roll(x_t[:-1], 5, axis=1))
    assert np.ptp(m_mode[40:], axis=1).mean() > 20


@pytest.mark.parametrize("task", tasks.names())
def test_every_class_is_shown_and_named_simulated(task):
    pictures = simulated_pictures(task, per_class=1, seed=0)
    assert [p.group for p in pictures] == [f"SIMULATED: {c}" for c in tasks.get(task).CLASSES]
    assert {p.frame.shape for p in pictures} == {(350, 350)}
    assert {len(p.strips) for p in pictures} == {2 if task == "sliding" else 0}


def test_real_videos_are_grouped_by_label_one_a_patient(make_videos):
    """Four videos of two patients with one label: two pictures."""
    pictures = real_pictures(make_videos(4, b_lines=1), "bline", per_class=3)
    assert [p.group for p in pictures] == ["real: b_lines 1"] * 2
    assert [p.caption for p in pictures] == ["patient p0", "patient p1"]
    assert real_pictures(make_videos(2), "severity", per_class=1)[0].group == "real: unlabeled"


def test_the_sheet_says_what_is_simulated_and_is_repeatable():
    gray = np.full((350, 350), 40, np.uint8)
    gray[100:120] = 200
    simulated, real = Picture("SIMULATED: x", "p", gray), Picture("real: y", "q", gray)
    alone = contact_sheet("bline", [simulated], [], "")
    both = contact_sheet("bline", [simulated], [real], "some data")
    assert "SIMULATED" in alone.get_suptitle()
    assert "some data" in both.get_suptitle()
    titles = [axes.get_title() for axes in both.axes]
    assert "difference: 0.0 gray levels" in titles
    assert "mean image, SIMULATED" in titles
    again = contact_sheet("bline", [simulated], [real], "some data")
    assert png_bytes(both) == png_bytes(again)


def test_command_writes_a_png(tmp_path):
    path = tmp_path / "sheet.png"
    done = CliRunner().invoke(
        main, ["data", "sheet", "--task", "bline", "--per-class", "1", "--out", str(path)]
    )
    assert done.exit_code == 0, done.output
    assert path.read_bytes().startswith(b"\x89PNG")
    assert str(path) in done.output
