"""The simulator's acceptance checks: small ones run here, and what they measure with is tested."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from parameter_tables import parameter_tables, range_text
from sklearn.neighbors import KNeighborsClassifier

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError
from lus_keras.simulation import plan_cohort, simulate_video, validation
from lus_keras.simulation.parameters import Chance, Normal, Uniform
from lus_keras.simulation.validation import (
    appearance,
    basic,
    bline,
    findings,
    learning,
    sliding,
    view,
)
from lus_keras.simulation.validation.check import Finding

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize(
    ("number", "size"), [(2, 1.0), (7, 0.4), (9, 0.4), (13, 0.4)], ids=lambda value: str(value)
)
def test_quick_checks_pass(number, size):
    ((check, found),) = validation.run(validation.Settings(size=size), [number])
    assert check.number == number
    assert found.passed, found.measured


def test_fluid_is_dark_and_pleurae_approach():
    """Check 12 without its A-lines, whose period is short by half a row."""
    values = findings.check_signs(validation.Settings(size=0.3)).values
    assert values["dark"] >= 0.9
    assert values["highest_r"] < -0.8
    assert values["periodic"] >= 0.75


def test_checks_are_numbered_once_and_unknown_numbers_refused():
    assert [check.number for check in validation.CHECKS] == list(range(1, 16))
    with pytest.raises(ConfigError, match="must be 1 to 15"):
        list(validation.run(validation.Settings(), [16]))


def test_without_a_network_or_data_checks_are_skipped_with_the_reason(tmp_path):
    settings = validation.Settings(size=0.02, root=str(tmp_path))
    found = {check.number: f for check, f in validation.run(settings, [4, 10, 11, 14, 15])}
    assert {f.status for f in found.values()} == {"skipped"}
    assert "network" in found[4].measured
    assert "severity.csv" in found[10].measured
    assert "severity.csv" in found[11].measured


def test_a_network_that_knows_the_label_is_reported(monkeypatch):
    """Check 4 with a network that reads the class off a marked pixel: 1 in all three inputs."""
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    clips = rng.integers(0, 200, (60, sliding.FRAMES, 90, 90)).astype(np.uint8)
    clips[:, :, :2, :2] = 255 * labels[:, None, None, None]
    fake = sliding.Tiles(clips, labels, np.full(60, 8.0))
    monkeypatch.setattr(sliding, "twins", lambda pairs, seed: fake)

    def reads_the_corner(clips, labels, test, *, seed):
        corner = test[:, 0, 0, 0] / 255.0
        return np.stack([1 - corner, corner], axis=1)

    found = sliding.check_network(validation.Settings(train_and_score=reads_the_corner))
    assert found.values == {"clip": 1.0, "repeated": 1.0, "one": 1.0}
    assert found.passed is False


def test_check_four_scores_every_pair_by_a_network_that_has_not_seen_it(monkeypatch):
    """Each clip holds its own number; one network a fold and kind of input."""
    numbers = np.arange(60)
    clips = np.tile(numbers.astype(np.uint8)[:, None, None, None], (1, sliding.FRAMES, 90, 90))
    fake = sliding.Tiles(clips, numbers % 2, np.full(60, 8.0))
    monkeypatch.setattr(sliding, "twins", lambda pairs, seed: fake)
    calls = []

    def remember(clips, labels, test, *, seed):
        calls.append((clips[:, 0, 0, 0], test[:, 0, 0, 0]))
        np.testing.assert_array_equal(clips[:, 0, 0, 0] % 2, labels)
        return np.full((len(test), 2), 0.5)

    sliding.check_network(validation.Settings(train_and_score=remember))
    assert len(calls) == 3 * sliding.NETWORK_FOLDS
    for kind in range(3):
        folds = calls[kind * sliding.NETWORK_FOLDS :][: sliding.NETWORK_FOLDS]
        assert all(not set(seen // 2) & set(unseen // 2) for seen, unseen in folds)
        assert sorted(number for _, unseen in folds for number in unseen) == numbers.tolist()


def test_twins_differ_in_sliding_alone():
    """Same patient, probe and place; one lies still, the other's path is longer."""
    found = sliding.twins(3, seed=5)
    np.testing.assert_array_equal(found.sliding, [0, 1] * 3)
    still, moving = found.clips[::2].astype(float), found.clips[1::2].astype(float)
    assert (found.path_mm[1::2] > found.path_mm[::2]).all()
    np.testing.assert_allclose(still.mean((1, 2, 3)), moving.mean((1, 2, 3)), rtol=0.1)


def test_scores_come_from_models_that_have_not_seen_the_group():
    """Features that name the group give .5 by group, and 1 when rows are split."""
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(40), 10)
    labels = np.repeat(rng.permutation(np.arange(40) % 2), 10)
    features = np.repeat(rng.standard_normal((40, 4)), 10, axis=0)

    def nearest():
        return KNeighborsClassifier(1)

    by_group = learning.out_of_fold(nearest, features, labels, groups)
    by_row = learning.out_of_fold(nearest, features, labels, rng.permutation(400))
    assert learning.auc(labels, by_row, groups).value > 0.99
    assert abs(learning.auc(labels, by_group, groups).value - 0.5) < 0.3


def test_independence_by_hand():
    """χ² of 30/10 against 10/30 is 20, p = 7.7e-6; of equal halves 0, p = 1."""
    labels = ["a"] * 40 + ["b"] * 40
    assert basic.independence(labels, [0] * 30 + [1] * 10 + [0] * 10 + [1] * 30) == pytest.approx(
        7.74e-6, rel=0.01
    )
    assert basic.independence(labels, ([0] * 20 + [1] * 20) * 2) == pytest.approx(1)
    assert basic.independence(labels, [3] * 80) == 1


def test_files_that_name_the_class_are_noticed(monkeypatch):
    plan = plan_cohort("bline", patients=2, videos=2)[0]
    assert basic.same_files(plan)
    told = lambda plan: (".avi", plan.drawn)  # noqa: E731
    monkeypatch.setattr(basic, "container_of", told)
    assert not basic.same_files(plan)


def test_change_in_time_is_none_at_rest():
    rng = np.random.default_rng(2)
    still = np.repeat(rng.integers(0, 255, (1, 90, 90)), 15, axis=0).astype(np.uint8)
    assert sliding.change(still) == [0.0] * 16
    moving = np.stack([np.roll(still[0], 3 * t, axis=1) for t in range(15)])
    assert min(sliding.change(moving)) > 0.5
    assert sliding.texture(still[0]) == sliding.texture(still[7])


def test_bands_that_reach_the_bottom_stand_out():
    """A column bright at all depths scores above one that ends half way."""
    frames = np.full((2, 64, 64), 40, np.uint8)
    frames[0, 24:, 30:33] = 160
    frames[1, 24:40, 30:33] = 160
    reaching, ending = bline.frame_features(frames)
    assert reaching.shape == (18,)
    # Numbers 9 to 11 are the three highest bands seen at every depth.
    assert reaching[9:12].min() > ending[9:12].max()


def test_appearance_of_equal_sets_is_equal_and_gray_levels_add():
    """All pixels brighter by 10: 10 levels apart, the same spectrum."""
    rng = np.random.default_rng(3)
    frames = rng.integers(20, 200, (3, 350, 350)).astype(np.uint8)
    one, brighter = appearance.measure(frames), appearance.measure(frames + 10)
    assert set(appearance.distances(one, one).values()) == {0.0}
    found = appearance.distances(one, brighter)
    assert found["grey_levels"] == pytest.approx(10)
    assert found["mean_image"] == pytest.approx(10)
    assert found["psd_db"] == pytest.approx(0, abs=1e-9)


def test_waves_show_at_their_frequency():
    wave = 100 + 50 * np.sin(2 * np.pi * 35 * np.arange(350) / 350)
    frame = np.broadcast_to(wave, (1, 350, 350)).astype(np.uint8)
    assert appearance.measure(frame).radial_db.argmax() + 1 == pytest.approx(35, abs=1)


def test_the_view_is_a_square_in_the_frame_that_starts_at_the_probe():
    for task in ("bline", "sliding"):
        for plan in plan_cohort(task, patients=6, videos=6, duration_s=0.05):
            x, y, w, h = view.view_box(plan, 480, 640)
            assert w == h
            assert 0 <= x <= x + w <= 640
            assert 0 <= y <= y + h <= 480
            frames = simulate_video(plan, height=480, width=640).frames
            shown = view.cut(frames, (x, y, w, h), 100)
            assert shown.shape == (len(frames), 100, 100)
            # Skin is bright; the corner label and the depth scale lie outside.
            assert shown[:, 4:14, 40:60].mean() > 15


def test_command_prints_writes_and_fails_with_the_documented_code(tmp_path, monkeypatch):
    failing = dataclasses.replace(
        validation.CHECKS[1], run=lambda settings: Finding("nothing", False, {"x": 1.0})
    )
    monkeypatch.setattr(validation, "CHECKS", (validation.CHECKS[0], failing))
    path = tmp_path / "checks.json"
    arguments = ["data", "simulate-check", "--check", "2", "--no-network", "--json", str(path)]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 4
    assert "failed checks: 2." in done.output
    record = json.loads(path.read_text())["checks"][0]
    assert (record["check"], record["result"], record["values"]) == (2, "FAIL", {"x": 1.0})
    assert record["mark"] == "exact"


def test_the_page_holds_the_parameters_as_they_are_declared():
    assert parameter_tables() in (DOCS / "simulator-parameters.md").read_text(encoding="utf-8")


def test_ranges_are_written_by_kind():
    assert range_text(Uniform(3, 16)) == "3 … 16"
    assert range_text(Normal(27, 5, low=18, high=42)) == "27 ± 5, 18 … 42"
    assert range_text(Normal(0, 0.4)) == "0 ± 0.4"
    assert range_text(Chance(0.6)) == "probability 0.6"


def test_the_page_names_every_check_and_says_simulated():
    page = (DOCS / "simulator-checks.md").read_text(encoding="utf-8")
    assert "SIMULATED" in page and "SIMULATED" in (DOCS / "simulator.md").read_text()
    for check in validation.CHECKS:
        assert f"| {check.number} | {check.title} |" in page
