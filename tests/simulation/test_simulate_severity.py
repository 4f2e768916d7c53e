"""The simulated severity cohort: shares, realized scores, leaks, and whether scores can be seen."""

import csv
import dataclasses
import json

import numpy as np
import pytest
from ranks import rank_auc

from lus_keras.data.manifest import read_manifest
from lus_keras.simulation import measure_truth, plan_cohort, simulate_video, write_cohort
from lus_keras.simulation.allocation import allocate_classes, draw_lengths, quotas
from lus_keras.simulation.consolidation import Consolidation
from lus_keras.simulation.export import container_of
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.pleural_defects import PleuralDefects
from lus_keras.simulation.scene import build_scene
from lus_keras.simulation.severity import SeverityTruth
from lus_keras.simulation.tasks import severity

SMALL = {"height": 64, "width": 64, "crop": "sector"}


def drawn_score(plan):
    return severity.CLASSES.index(plan.drawn)


def truth_of(white, depth, b_lines, frames=10):
    """A truth in which every frame shows the same."""
    return SeverityTruth(
        b_line_frames=np.full(frames, b_lines),
        n_b_lines=np.zeros(frames, int),
        contrast_db=np.zeros((0, frames)),
        beam_position=np.zeros((0, frames)),
        kind=(),
        fps=10.0,
        white_fraction=np.full(frames, white),
        consolidation_mm=np.full(frames, depth),
    )


@pytest.fixture(scope="module")
def cohort():
    """The paper's cohort with videos of 2 s, measured but not rendered: `[(plan, truth), …]`."""
    plans = plan_cohort("severity", duration_s=2.0, fps=10)
    return [(plan, measure_truth(plan)) for plan in plans]


@pytest.fixture(scope="module")
def short_plans():
    return plan_cohort("severity", patients=4, videos=12, seed=2, duration_s=0.5)


def test_default_cohort_is_the_papers():
    """246 videos of 11 patients, scores 45/45/101/55, lengths exactly those of the paper."""
    plans = plan_cohort("severity")
    assert len({plan.patient_id for plan in plans}) == 11
    assert tuple(np.bincount([drawn_score(plan) for plan in plans])) == severity.SHARES
    lengths, videos = np.unique([plan.frames for plan in plans], return_counts=True)
    assert tuple(zip(lengths.tolist(), videos.tolist(), strict=True)) == severity.LENGTHS
    assert len({plan.video_id for plan in plans}) == sum(videos) == 246


def test_given_length_and_rate_are_kept():
    plans = plan_cohort("severity", patients=2, videos=5, duration_s=1.5, fps=20)
    assert {plan.frames for plan in plans} == {30}
    drawn = plan_cohort("severity", patients=2, videos=5, fps=50)
    assert all(82 * 2 <= plan.frames <= 252 * 2 for plan in drawn)


def test_scores_of_one_patient_are_correlated():
    """Two videos of a patient agree more often than two of the cohort, which do in 29 %."""
    agreement = []
    for seed in range(10):
        plans = plan_cohort("severity", seed=seed)
        for patient in range(11):
            share = np.bincount([drawn_score(p) for p in plans if p.patient == patient])
            pairs = share.sum() * (share.sum() - 1)
            agreement.append((share * (share - 1)).sum() / pairs)
    assert 0.34 <= np.mean(agreement) <= 0.60


def test_quotas_give_each_class_its_share():
    """246 by the paper's scores are those; 7 by (1, 1, 8): each one, the rest to the third."""
    assert tuple(quotas(246, severity.SHARES)) == severity.SHARES
    assert tuple(quotas(7, (1, 1, 8))) == (1, 1, 5)
    assert tuple(quotas(2, (1, 1, 8))) == (0, 0, 2)


def test_dealt_classes_and_lengths_add_up():
    rng = np.random.default_rng(0)
    dealt = allocate_classes(np.array([3, 1, 6]), (1, 1, 2), rng)
    assert [len(classes) for classes in dealt] == [3, 1, 6]
    assert sorted(np.bincount(np.concatenate(dealt))) == [2, 3, 5]
    assert sorted(draw_lengths(((5, 2), (9, 1)), 3, rng)) == [5, 5, 9]
    assert set(draw_lengths(((5, 2), (9, 1)), 50, rng)) == {5, 9}


@pytest.mark.parametrize(
    ("white", "depth", "b_lines", "score"),
    [
        (0.0, 0.0, False, 0),
        (0.0, 2.9, False, 0),
        (0.4, 0.0, True, 1),
        (0.5, 3.0, False, 2),
        (0.5, 9.0, True, 2),
        (0.51, 0.0, True, 3),
    ],
)
def test_realized_score_follows_the_worst_finding(white, depth, b_lines, score):
    truth = truth_of(white, depth, b_lines)
    assert truth.score == score
    seen = {"b_lines": int(b_lines), "segments": truth.segments}
    assert severity.labels(truth) == {"severity": score, **seen}
    assert (len(truth.segments) > 0) == b_lines


def test_drawn_scores_are_realized(cohort):
    """At least 90 % as drawn, none off by more than a step; whiter with every score."""
    drawn = np.array([drawn_score(plan) for plan, _ in cohort])
    realized = np.array([truth.score for _, truth in cohort])
    assert np.mean(drawn == realized) >= 0.90
    assert np.abs(drawn - realized).max() <= 1
    assert set(realized) == {0, 1, 2, 3}
    white = np.array([np.quantile(truth.white_fraction, 0.9) for _, truth in cohort])
    medians = [np.median(white[drawn == score]) for score in range(4)]
    assert medians[0] == 0
    assert medians[0] < medians[1] < medians[2] < medians[3]


def test_healthy_lungs_show_nothing(cohort):
    for plan, truth in cohort:
        if plan.drawn == "score_0":
            assert not truth.b_line_frames.any()
            assert truth.white_fraction.max() == truth.consolidation_mm.max() == 0
            assert set(truth.kind) <= {"z_line"}


def test_same_seed_gives_equal_pixels(short_plans):
    for plan in short_plans[:4]:
        first, again = simulate_video(plan, **SMALL), simulate_video(plan, **SMALL)
        np.testing.assert_array_equal(first.frames, again.frames)
        assert first.video == again.video
        assert first.video.severity == measure_truth(plan).score


def test_truth_does_not_depend_on_the_image(short_plans):
    for plan in short_plans[:3]:
        truth, alone = simulate_video(plan, height=240, width=320).truth, measure_truth(plan)
        np.testing.assert_array_equal(truth.white_fraction, alone.white_fraction)
        np.testing.assert_array_equal(truth.consolidation_mm, alone.consolidation_mm)


def test_scores_change_nothing_but_the_lung(short_plans):
    """Wall, window, noise, gain, motion and lookalikes are the same bits, so are the files."""
    shared = ("wall", "window", "trap_speckle", "noise", "gain", "contact")
    for plan in short_plans[:4]:
        others = [dataclasses.replace(plan, drawn=drawn) for drawn in severity.CLASSES]
        scenes = [build_scene(other, 48, 64) for other in others]
        for other, scene in zip(others[1:], scenes[1:], strict=True):
            for name in shared:
                np.testing.assert_array_equal(getattr(scene, name), getattr(scenes[0], name))
            np.testing.assert_array_equal(scene.motion.lung_mm, scenes[0].motion.lung_mm)
            z_lines = [s.artifacts.position_mm[~s.artifacts.is_trap] for s in (scene, scenes[0])]
            np.testing.assert_array_equal(*z_lines)
            assert container_of(other) == container_of(plan)


def test_length_and_container_tell_nothing_of_the_score():
    """Spread of class shares between the halves stays within chance: χ²(3) < 11.34 (p > .01)."""
    plans = [plan for seed in range(4) for plan in plan_cohort("severity", seed=seed)]
    traits = {
        "length": [plan.frames > 200 for plan in plans],
        "container": [container_of(plan)[0] == ".avi" for plan in plans],
        "zone": [int(plan.zone) <= 6 for plan in plans],
    }
    scores = np.array([drawn_score(plan) for plan in plans])
    for name, trait in traits.items():
        table = np.array([np.bincount(scores[np.array(trait) == v], minlength=4) for v in (0, 1)])
        expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
        assert ((table - expected) ** 2 / expected).sum() < 11.34, name


def lung_features(video):
    """Twelve numbers of a video: bands and ripples under the pleura, and brightness by depth."""
    frames = np.sqrt(video.frames[::3].astype(np.float32))
    deep, high = frames[:, 32:58, 10:54], frames[:, 12:58, 26:38]
    columns = deep.mean(1)
    bands = columns - columns.mean(1, keepdims=True)
    profile = high.mean(2)
    ripple = profile[:, 1:-1] - (profile[:, :-2] + profile[:, 2:]) / 2
    values = [
        *(columns.mean(), bands.std(), bands.max(1).mean(), np.quantile(columns, 0.1)),
        *(ripple.max(1).mean(), ripple.std(), profile[:, :10].max(1).mean(), frames[:, :10].mean()),
        *(
            frames[:, 10:20].std(),
            frames[:, 20:32].mean(),
            deep[:, -8:].mean(),
            columns.std(0).mean(),
        ),
    ]
    return [*values, 1.0]


def test_scores_can_be_seen_by_a_linear_model_across_patients():
    """One against the rest, on unseen patients: AUC .94/.75/.85/.91, chance .50."""
    plans = plan_cohort("severity", patients=40, videos=200, seed=7, duration_s=0.6, fps=10)
    videos = [simulate_video(plan, **SMALL) for plan in plans]
    features = np.array([lung_features(video) for video in videos])
    scores = np.array([video.video.severity for video in videos])
    fold = np.array([plan.patient % 5 for plan in plans])
    features[:, :-1] = (features[:, :-1] - features[:, :-1].mean(0)) / features[:, :-1].std(0)
    predicted = np.zeros((len(plans), 4))
    for k in range(5):
        x, y = features[fold != k], np.eye(4)[scores[fold != k]]
        weights = np.linalg.solve(x.T @ x + 3 * np.eye(x.shape[1]), x.T @ y)
        predicted[fold == k] = features[fold == k] @ weights
    aucs = [rank_auc(scores == score, predicted[:, score]) for score in range(4)]
    assert np.all(np.array(aucs) >= (0.88, 0.65, 0.76, 0.84)), np.round(aucs, 3)


def test_indentations_shift_and_darken_the_line():
    """At the middle all of it, one SD away exp(-1/2) of it, far away nothing."""
    one, other = (
        PleuralDefects(*(np.array([v]) for v in values))
        for values in ((0.0, 2.0, 1.0, 6.0), (80.0, 1.0, 0.5, 3.0))
    )
    defects, places = one.joined(other), np.array([0.0, 2.0, 40.0, 80.0])
    np.testing.assert_allclose(defects.shift_mm(places), [1, np.exp(-0.5), 0, 0.5], atol=1e-9)
    np.testing.assert_allclose(defects.fading_db(places), [6, 6 * np.exp(-0.5), 0, 3], atol=1e-9)


def test_consolidations_lie_under_the_pleura_and_end_at_their_sides(short_plans):
    acquisition = Acquisition.of(short_plans[0], 96, 128)
    solid = Consolidation(np.zeros(1), np.full(1, 8.0), np.full(1, 10.0), -30.0, -6.0)
    places = np.linspace(-20, 20, 81)
    thickness, mask = solid.thickness_mm(acquisition, places), solid.mask(acquisition, places)
    assert thickness[np.abs(places) >= 8].max() == 0
    assert 5 < thickness.max() <= 20
    depth = acquisition.row_depth_mm[:, 0] - acquisition.pleura_mm
    assert mask[depth < -4].max(initial=0) < 0.01
    assert mask[depth > thickness.max() + 6].max() < 0.01
    assert mask[np.argmin(np.abs(depth - 3)), 40] > 0.9


@pytest.mark.parametrize("workers", [1, 2])
def test_cohort_is_written_with_scores_and_their_measures(tmp_path, workers):
    size = {"patients": 2, "videos": 4, "seed": 3, "duration_s": 0.4}
    manifest = write_cohort("severity", tmp_path, **size, height=64, width=64, workers=workers)
    described = json.loads((tmp_path / "cohort.json").read_text())
    assert (described["task"], described["duration_s"]) == ("severity", 0.4)
    videos = read_manifest(manifest, labels=["severity"])
    for video, plan in zip(videos, plan_cohort("severity", **size), strict=True):
        truth = measure_truth(plan)
        assert (video.severity, video.b_lines) == (truth.score, int(truth.b_line_frames.any()))
        assert len(video.segments) == len(truth.segments)
        with (tmp_path / "truth" / f"{video.video_id}.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        white = [float(row["white_fraction"]) for row in rows]
        np.testing.assert_allclose(white, truth.white_fraction, atol=1e-4)
        assert "consolidation_mm" in rows[0]
