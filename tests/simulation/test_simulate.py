"""The simulated B-line cohort as its users meet it: plans, pixels, truth, lookalikes, leaks."""

import copy
import dataclasses
import subprocess
import sys
import time
import types

import cv2
import numpy as np
import pytest
from ranks import rank_auc

from lus_keras.core.errors import ConfigError
from lus_keras.simulation import (
    SIM_VERSION,
    measure_truth,
    plan_cohort,
    simulate_cohort,
    simulate_video,
)
from lus_keras.simulation import tasks as sim_tasks
from lus_keras.simulation.display import overlay
from lus_keras.simulation.export import container_of
from lus_keras.simulation.geometry import Acquisition
from lus_keras.simulation.scene import build_scene
from lus_keras.simulation.video import measure_speed

SMALL = {"height": 64, "width": 64, "crop": "sector"}
OTHER = {"b_lines": "no_b_lines", "no_b_lines": "b_lines"}


def with_other_class(plan):
    return dataclasses.replace(plan, drawn=OTHER[plan.drawn])


@pytest.fixture(scope="module")
def cohort():
    """The paper's cohort, measured but not rendered: `[(plan, truth), …]`."""
    return [(plan, measure_truth(plan)) for plan in plan_cohort("bline")]


@pytest.fixture(scope="module")
def short_plans():
    return plan_cohort("bline", patients=6, videos=12, seed=2, duration_s=1.0)


def test_default_cohort_has_the_papers_size(cohort):
    plans = [plan for plan, _ in cohort]
    assert len(plans) == 298
    assert len({plan.patient_id for plan in plans}) == 60
    assert len({plan.video_id for plan in plans}) == len({plan.exam_id for plan in plans}) == 298
    assert {plan.frames for plan in plans} == {120}
    assert all(plan.video_id == f"{plan.exam_id}-z{int(plan.zone):02d}" for plan in plans)
    assert plans[0].exam_id == "sim-p000-e1"


def test_half_of_the_videos_are_drawn_with_b_lines(cohort):
    assert 0.42 <= np.mean([plan.drawn == "b_lines" for plan, _ in cohort]) <= 0.58


def test_classes_of_one_patient_are_correlated():
    """Two videos of a patient agree in 2/3 of cases under Beta(1, 1), in 1/2 if independent."""
    agreement = []
    for seed in range(20):
        plans = plan_cohort("bline", patients=60, videos=120, seed=seed)
        for patient in range(60):
            drawn = [plan.drawn == "b_lines" for plan in plans if plan.patient == patient]
            agreement += [a == b for i, a in enumerate(drawn) for b in drawn[i + 1 :]]
    assert 0.58 <= np.mean(agreement) <= 0.75


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("patients", "videos"), [(1, 2), (2, 2), (3, 7)])
def test_both_classes_occur_in_the_smallest_cohorts(patients, videos, seed):
    plans = plan_cohort("bline", patients=patients, videos=videos, seed=seed)
    assert {plan.drawn for plan in plans} == {"b_lines", "no_b_lines"}
    assert {plan.patient for plan in plans} == set(range(patients))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"task": "blines"}, "`task` must be one of"),
        ({"patients": 0}, "`patients` must be at least 1"),
        ({"patients": 5, "videos": 4}, "one each"),
        ({"seed": -1}, "`seed` must not be negative"),
        ({"difficulty": -0.5}, "`difficulty` must be between"),
        ({"duration_s": 0}, "`duration_s` must be positive"),
        ({"fps": -30}, "`fps` must be positive"),
    ],
)
def test_wrong_plans_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        plan_cohort(**{"task": "bline", **wrong})


@pytest.mark.parametrize("wrong", [{"height": 8}, {"width": 5000}, {"crop": "cone"}])
def test_wrong_sizes_are_refused(wrong, short_plans):
    with pytest.raises(ConfigError, match="must be"):
        simulate_video(short_plans[0], **{**SMALL, **wrong})


def test_same_seed_gives_equal_pixels_in_any_order(short_plans):
    forward = {video.plan.video_id: video for video in simulate_cohort(short_plans, **SMALL)}
    for plan in reversed(copy.deepcopy(short_plans)):
        again = simulate_video(plan, **SMALL)
        np.testing.assert_array_equal(again.frames, forward[plan.video_id].frames)
        np.testing.assert_array_equal(
            again.truth.contrast_db, forward[plan.video_id].truth.contrast_db
        )


def test_the_global_random_state_is_neither_used_nor_changed(short_plans):
    np.random.seed(0)  # noqa: NPY002
    first = simulate_video(short_plans[0], **SMALL).frames
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    np.testing.assert_array_equal(simulate_video(short_plans[0], **SMALL).frames, first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_patients_videos_and_seeds_differ(short_plans):
    changed = [{"patient": 99}, {"index": 99}, {"seed": 99}]
    plans = [short_plans[0], *(dataclasses.replace(short_plans[0], **c) for c in changed)]
    frames = [simulate_video(plan, **SMALL).frames.astype(float) for plan in plans]
    for i, first in enumerate(frames):
        for second in frames[i + 1 :]:
            assert np.abs(first - second).mean() > 2


def test_the_scanner_belongs_to_the_patient(short_plans):
    plan = short_plans[0]
    sibling = dataclasses.replace(plan, index=plan.index + 1)
    stranger = dataclasses.replace(plan, patient=plan.patient + 1)
    of = [Acquisition.of(p, 96, 128) for p in (plan, sibling, stranger)]
    assert of[0].patient == of[1].patient != of[2].patient
    assert of[0].video != of[1].video


@pytest.mark.parametrize(("fps", "duration_s", "frames"), [(25, 2.0, 50), (29.97, 1.0, 30)])
def test_frames_follow_duration_and_rate(fps, duration_s, frames):
    plan = plan_cohort("bline", patients=1, videos=1, fps=fps, duration_s=duration_s)[0]
    video = simulate_video(plan, height=48, width=80)
    assert video.frames.shape == (frames, 48, 80)
    assert video.frames.dtype == np.uint8
    assert video.truth.b_line_frames.shape == video.truth.n_b_lines.shape == (frames,)
    assert video.truth.contrast_db.shape == video.truth.beam_position.shape
    assert video.truth.contrast_db.shape == (len(video.truth.kind), frames)
    assert video.video.fps == fps


def test_one_frame_is_a_video():
    plan = plan_cohort("bline", patients=1, videos=1, duration_s=0.01)[0]
    assert simulate_video(plan, **SMALL).frames.shape == (1, 64, 64)


def test_b_videos_are_positive_and_mostly_mixed(cohort):
    """Of the videos drawn with B-lines: ≥ 95 % show them, 60-95 % on and off, median .4-.75."""
    shares = np.array([t.b_line_frames.mean() for p, t in cohort if p.drawn == "b_lines"])
    positive = shares[shares > 0]
    assert len(shares) >= 125
    assert len(positive) / len(shares) >= 0.95
    assert 0.60 <= np.mean(positive < 1) <= 0.95
    assert 0.40 <= np.median(positive) <= 0.75


def test_videos_without_traps_have_no_positive_frame(cohort):
    without = [truth for plan, truth in cohort if plan.drawn == "no_b_lines"]
    assert len(without) >= 125
    assert sum(truth.b_line_frames.sum() for truth in without) == 0
    assert sum("z_line" in truth.kind for truth in without) > 0.85 * len(without)


def test_counts_and_contrast_agree_with_the_frames(cohort):
    for _, truth in cohort[:60]:
        np.testing.assert_array_equal(truth.n_b_lines > 0, truth.b_line_frames)
        strongest = truth.contrast_db[:, truth.b_line_frames].max(0, initial=0)
        assert (strongest >= 3).all()
        seen = truth.contrast_db > 0
        assert np.abs(truth.beam_position[seen]).max(initial=0) <= 1


def test_harder_cohorts_show_less():
    shares = []
    for difficulty in (0.0, 1.0, 2.0):
        plans = plan_cohort("bline", patients=20, videos=60, seed=4, difficulty=difficulty)
        truths = [measure_truth(plan) for plan in plans if plan.drawn == "b_lines"]
        shares.append(np.mean([truth.b_line_frames.mean() for truth in truths]))
    assert shares[0] > shares[1] > shares[2]


def test_truth_does_not_depend_on_the_image(short_plans):
    for plan in short_plans[:3]:
        small = simulate_video(plan, **SMALL).truth
        large = simulate_video(plan, height=480, width=640, crop="screen").truth
        alone = measure_truth(plan)
        for truth in (large, alone):
            np.testing.assert_array_equal(truth.b_line_frames, small.b_line_frames)
            np.testing.assert_array_equal(truth.contrast_db, small.contrast_db)


def test_positive_frames_differ_from_the_same_video_without_b_lines():
    """Deep in the sector, removing the B-lines darkens positive frames, and hardly the others."""
    darker, labels = [], []
    for plan in plan_cohort("bline", patients=12, videos=40, seed=8, duration_s=2.0):
        if plan.drawn == "b_lines":
            video = simulate_video(plan, **SMALL)
            without = simulate_video(with_other_class(plan), **SMALL)
            lost = video.frames.astype(float) - without.frames
            darker.append(lost[:, 36:56].mean(1).max(1))
            labels.append(video.truth.b_line_frames)
    assert rank_auc(np.concatenate(labels), np.concatenate(darker)) >= 0.97


def test_a_b_line_is_where_the_truth_says():
    """At the most visible moment, the brightest change lies within 6 % of the sector's width."""
    errors = []
    for plan in plan_cohort("bline", patients=10, videos=40, seed=9, duration_s=1.0):
        truth = measure_truth(plan)
        if not truth.b_line_frames.any():
            continue
        k, t = np.unravel_index(truth.contrast_db.argmax(), truth.contrast_db.shape)
        acquisition = Acquisition.of(plan, 96, 128)
        video = simulate_video(plan, **SMALL)
        lost = (
            video.frames[t].astype(float)
            - simulate_video(with_other_class(plan), **SMALL).frames[t]
        )
        angle = truth.beam_position[k, t] * acquisition.half_angle
        radius = acquisition.patient.probe_radius_mm + 0.75 * acquisition.depth_mm
        outer = acquisition.patient.probe_radius_mm + acquisition.depth_mm
        x = radius * np.sin(angle) / (2 * outer * np.sin(acquisition.half_angle)) + 0.5
        top = acquisition.patient.probe_radius_mm * np.cos(acquisition.half_angle)
        row = int(64 * (radius * np.cos(angle) - top) / (outer - top))
        errors.append(abs(lost[row - 3 : row + 4].mean(0).argmax() / 64 - x))
    assert len(errors) >= 15
    assert np.mean(np.array(errors) < 0.06) >= 0.9


def test_labels_change_nothing_but_the_lung(short_plans):
    """Wall, ribs, noise, gain, motion, lung texture and lookalikes are the same bits."""
    shared = ("wall", "window", "lung", "trap_speckle", "noise", "gain", "contact")
    for plan in short_plans:
        scene, other = (build_scene(p, 48, 64) for p in (plan, with_other_class(plan)))
        for name in shared:
            np.testing.assert_array_equal(getattr(scene, name), getattr(other, name), err_msg=name)
        np.testing.assert_array_equal(scene.motion.lung_mm, other.motion.lung_mm)
        z_lines = [s.artifacts.position_mm[~s.artifacts.is_trap] for s in (scene, other)]
        np.testing.assert_array_equal(*z_lines)


def test_labels_change_nothing_above_the_pleura(short_plans):
    for plan in short_plans[:4]:
        frames, other = (simulate_video(p, **SMALL).frames for p in (plan, with_other_class(plan)))
        acquisition = Acquisition.of(plan, 96, 128)
        outer = acquisition.patient.probe_radius_mm + acquisition.depth_mm
        top = acquisition.patient.probe_radius_mm * np.cos(acquisition.half_angle)
        shallow = acquisition.patient.probe_radius_mm + 0.6 * acquisition.pleura_mm
        last = int(64 * (shallow - top) / (outer - top))
        middle = slice(26, 38)
        np.testing.assert_array_equal(frames[:, :last, middle], other[:, :last, middle])


def test_files_and_display_tell_nothing_of_the_label(cohort):
    """Size, length, rate, roi, container and text are the same for either class."""
    for plan, _ in cohort[:40]:
        other = with_other_class(plan)
        assert (plan.frames, plan.fps, plan.video_id) == (other.frames, other.fps, other.video_id)
        assert container_of(plan) == container_of(other)
        texts = [overlay(Acquisition.of(p, 96, 128), 240, 320) for p in (plan, other)]
        np.testing.assert_array_equal(*texts)


@pytest.mark.parametrize("trait", ["container", "annotations", "zone"])
def test_traits_are_independent_of_the_measured_label(cohort, trait):
    """χ² of a 2×2 table stays under 6.63 (p > .01)."""
    values = {
        "container": lambda plan: container_of(plan)[0] == ".avi",
        "annotations": lambda plan: Acquisition.of(plan, 96, 128).patient.has_annotations > 0,
        "zone": lambda plan: int(plan.zone) <= 6,
    }
    # One video a patient: videos of a patient share scanner and pathology and are no evidence.
    first = [(plan, truth) for plan, truth in cohort if trait != "annotations" or plan.index == 0]
    table = np.zeros((2, 2))
    for plan, truth in first:
        table[int(truth.b_line_frames.any()), int(values[trait](plan))] += 1
    expected = np.outer(table.sum(1), table.sum(0)) / table.sum()
    assert ((table - expected) ** 2 / expected).sum() < 6.63


def test_manifest_row_holds_the_measured_labels(short_plans):
    for plan in short_plans:
        video = simulate_video(plan, **SMALL)
        row = video.video
        assert row.video == ""
        assert row.b_lines == int(video.truth.b_line_frames.any())
        assert row.segments == video.truth.segments
        assert (row.patient_id, row.exam_id) == (plan.patient_id, plan.exam_id)
        assert (row.video_id, row.zone) == (plan.video_id, plan.zone)
        assert row.roi == video.roi == (0, 0, 64, 64)
        assert row.source == f"simulated, version {SIM_VERSION}"


def test_the_box_holds_the_sector_and_nothing_lies_outside_but_text(short_plans):
    for plan in short_plans[:4]:
        video = simulate_video(dataclasses.replace(plan, duration_s=0.1), height=240, width=320)
        x, y, w, h = video.roi
        assert 0 <= x <= x + w <= 320
        assert 0 <= y <= y + h <= 240
        outside = video.frames.copy()
        outside[:, y - 1 : y + h + 1, x - 1 : x + w + 1] = 0
        text = overlay(Acquisition.of(plan, 96, 128), 240, 320)
        assert text.any()
        assert outside[:, text == 0].max() <= 8


def test_small_frames_are_area_averages_of_larger_ones(short_plans):
    """64 px is 128 px averaged over 2×2, so no beam is skipped."""
    small = simulate_video(short_plans[0], **SMALL).frames[5].astype(float)
    large = simulate_video(short_plans[0], height=128, width=128, crop="sector").frames[5]
    blocks = large.reshape(64, 2, 64, 2).mean((1, 3))
    assert np.abs(small - blocks).max() <= 0.75


def test_one_hand_feature_does_not_solve_the_task():
    """The strongest vertical band tells frames apart, but far from perfectly: AUC .70-.95."""
    scores, labels = [], []
    for plan in plan_cohort("bline", patients=30, videos=120, seed=11, duration_s=0.5):
        video = simulate_video(plan, **SMALL)
        deep = np.sqrt(video.frames[::5, 30:58].astype(np.float32)).mean(1)
        bands = deep - cv2.GaussianBlur(deep, (37, 1), 6)
        scores.append(bands[:, 6:58].max(1))
        labels.append(video.truth.b_line_frames[::5])
    auc = rank_auc(np.concatenate(labels), np.concatenate(scores))
    assert 0.70 <= auc <= 0.95


def test_rendering_leaves_opencv_threads_as_they_were(short_plans):
    threads = cv2.getNumThreads()
    simulate_video(short_plans[0], **SMALL)
    assert cv2.getNumThreads() == threads


def test_import_is_light():
    code = (
        "import sys, cv2; n = cv2.getNumThreads(); import lus_keras.simulation; "
        "assert cv2.getNumThreads() == n; "
        "assert not {'tensorflow', 'keras', 'sklearn', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_speed_is_frames_by_time_of_the_processor(monkeypatch):
    """Two videos of 120 frames in 3 seconds: 80 a second; a warm-up does not count."""
    monkeypatch.setattr(time, "process_time", iter((10.0, 13.0)).__next__)
    still = types.SimpleNamespace(frames=np.zeros((120, 16, 16), np.uint8))
    monkeypatch.setattr("lus_keras.simulation.video.simulate_video", lambda *_, **__: still)
    assert measure_speed(videos=2) == 80


def test_every_task_module_keeps_the_contract():
    assert {"bline", "sliding"} <= set(sim_tasks.names())
    functions = ("draw_motion", "draw_pathology", "measure", "labels", "region")
    for name in sim_tasks.names():
        module = sim_tasks.get(name)
        for attribute in ("COHORT", "CLASSES", *functions):
            assert hasattr(module, attribute), f"{name}.{attribute}"
