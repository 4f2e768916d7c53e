"""Default cohorts beside what the papers print, and the lung point."""

import csv
import dataclasses
from collections import Counter

import numpy as np
import pytest

from lus_keras.core.errors import ConfigError
from lus_keras.data.manifest import read_manifest
from lus_keras.simulation import dataset as simulated
from lus_keras.simulation import measure_truth, plan_cohort, simulate_video, tasks, write_cohort
from lus_keras.simulation.render import BeamSpace
from lus_keras.simulation.scene import build_scene
from lus_keras.simulation.video import realized

SMALL = {"height": 240, "width": 320}


def clips_by_class(plans):
    """2 s clips without overlap in videos without and with sliding."""
    clips = {"no_sliding": 0, "sliding": 0}
    for plan in plans:
        clips[plan.drawn] += plan.frames // round(2 * plan.fps)
    return clips["no_sliding"], clips["sliding"]


def lengths_of(plans, drawn):
    return np.sort([plan.duration_s for plan in plans if plan.drawn == drawn])


@pytest.mark.parametrize("seed", range(5))
def test_sliding_is_the_papers_by_class(seed):
    """48 videos, 28 with sliding of 3-18 s and 115 clips, 20 without of 2-11 s and 48 clips."""
    plans = plan_cohort("sliding", seed=seed, lengths_by_class=True)
    assert [sum(p.drawn == drawn for p in plans) for drawn in ("sliding", "no_sliding")] == [28, 20]
    assert clips_by_class(plans) == (48, 115)
    present, absent = lengths_of(plans, "sliding"), lengths_of(plans, "no_sliding")
    assert np.rint([present[0], present[-1]]).tolist() == [3, 18]
    assert np.rint([absent[0], absent[-1]]).tolist() == [2, 11]
    assert len({plan.patient for plan in plans}) == 48
    assert {(p.height, p.width) for p in plans} == {(480, 640), (480, 854)}
    assert {p.fps for p in plans} == {30.0, 54.0}


def test_sliding_lengths_tell_nothing_by_default():
    """The same 48 lengths and 163 clips, dealt to both classes alike."""
    blind, by_class = (
        [plan_cohort("sliding", seed=seed, lengths_by_class=value) for seed in range(40)]
        for value in (False, True)
    )
    for one, other in zip(blind, by_class, strict=True):
        assert sorted(p.duration_s for p in one) == sorted(p.duration_s for p in other)
        assert sum(clips_by_class(one)) == 163
        assert [p.drawn for p in one] == [p.drawn for p in other]
    difference = [
        [lengths_of(c, "sliding").mean() - lengths_of(c, "no_sliding").mean() for c in cohorts]
        for cohorts in (blind, by_class)
    ]
    assert abs(np.mean(difference[0])) < 0.7
    assert np.mean(difference[1]) > 3


def test_severity_is_the_papers():
    """Figure 4: 28 27 13 26 12 14 28 14 28 28 28 videos a patient; Table I: 45/45/101/55."""
    plans = plan_cohort("severity", seed=3)
    videos = np.bincount([plan.patient for plan in plans])
    assert sorted(videos) == [12, 13, 14, 14, 26, 27, 28, 28, 28, 28, 28]
    scores = [sum(plan.drawn == f"score_{k}" for plan in plans) for k in range(4)]
    assert scores == [45, 45, 101, 55]
    assert (min(p.frames for p in plans), max(p.frames for p in plans)) == (82, 252)
    assert {plan.probe for plan in plans} == {"convex"}
    other = plan_cohort("severity", patients=11, videos=247)
    assert sorted(np.bincount([plan.patient for plan in other])) != sorted(videos)


def test_signs_are_the_papers():
    """1388/1375/1384/1398 images, four of a video but for two; smaller cohorts have whole ones."""
    plans = plan_cohort("signs", seed=1)
    images = Counter()
    for plan in plans:
        images[plan.drawn] += plan.frames
    assert images == {"a_lines": 1388, "b_lines": 1375, "effusion": 1384, "consolidation": 1398}
    assert Counter(plan.frames for plan in plans) == {4: 1385, 3: 1, 2: 1}
    smaller = plan_cohort("signs", patients=40, videos=80)
    assert {(plan.frames, plan.redraws) for plan in smaller} == {(4, 0)}


def test_videos_of_a_counted_class_show_it():
    """The labels are measured: B-lines that cannot be seen are drawn anew, all else stays."""
    plans = [plan for plan in plan_cohort("signs") if plan.drawn == "b_lines"]
    once = [dataclasses.replace(plan, redraws=0) for plan in plans]
    hidden = next(n for n, plan in enumerate(once) if measure_truth(plan).sign != "b_lines")
    assert measure_truth(plans[hidden]).sign == "b_lines"
    assert realized(plans[0]) == once[0]


def test_bline_is_the_papers():
    plans = plan_cohort("bline")
    assert (len(plans), len({plan.patient for plan in plans})) == (298, 60)
    assert {(p.frames, p.fps, p.height, p.width) for p in plans} == {(120, 30.0, 480, 640)}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "sliding", "lung_point_share": 1.5}, "between 0 and 1"),
        ({"task": "bline", "lung_point_share": 0.5}, "only to the task sliding"),
        ({"task": "severity", "lengths_by_class": True}, "only to the task sliding"),
    ],
)
def test_options_of_sliding_are_refused_elsewhere(options, message):
    with pytest.raises(ConfigError, match=message):
        plan_cohort(**options)


@pytest.fixture(scope="module")
def lung_points():
    plans = plan_cohort("sliding", patients=60, videos=60, seed=4, duration_s=2.0, fps=15)
    return [dataclasses.replace(plan, drawn="lung_point") for plan in plans[:20]]


def test_no_lung_point_unless_asked_for():
    plans = plan_cohort("sliding", patients=40, videos=80, duration_s=1.0)
    asked = plan_cohort("sliding", patients=40, videos=80, duration_s=1.0, lung_point_share=0.5)
    assert {plan.drawn for plan in plans} == {"sliding", "no_sliding"}
    changed = [(a.drawn, b.drawn) for a, b in zip(plans, asked, strict=True) if a != b]
    assert set(changed) == {("no_sliding", "lung_point")}
    absent = sum(plan.drawn == "no_sliding" for plan in plans)
    assert 0.3 < len(changed) / absent < 0.7


def test_lung_points_have_no_label_and_a_place(lung_points):
    """The place follows lung and chest wall, and is in view most of the time."""
    seen = []
    for plan in lung_points:
        truth, scene = measure_truth(plan), build_scene(plan, 96, 128)
        assert truth.sliding is None
        assert truth.columns[-1] == "lung_point"
        place = (scene.lung_point.edge_mm + scene.motion.wall_mm) / scene.acquisition.half_width_mm
        inside = np.abs(place) <= 1
        np.testing.assert_array_equal(np.isnan(truth.lung_point), ~inside)
        np.testing.assert_allclose(truth.lung_point[inside], place[inside])
        np.testing.assert_allclose(
            np.diff(scene.lung_point.edge_mm), np.diff(scene.motion.lung_mm), atol=1e-12
        )
        seen.append(inside.mean())
    assert np.mean(seen) > 0.9


def test_a_lung_slides_on_one_side_of_its_point_only(lung_points):
    """Beside the edge's whole path: like the sliding video on one side, at rest on the other."""
    for plan in lung_points[:6]:
        scene = build_scene(plan, 192, 256)
        shares = [
            scene.lung_point.lung_share(scene.acquisition.lateral_mm, t)[0] for t in range(30)
        ]
        lung, air = np.min(shares, axis=0) > 1 - 1e-6, np.max(shares, axis=0) < 1e-6
        beside, whole = (
            BeamSpace(build_scene(dataclasses.replace(plan, drawn=drawn), 192, 256))
            for drawn in ("lung_point", "sliding")
        )
        resting = [beside._lung(t)[:, air] for t in range(30)]
        for t in range(30):
            np.testing.assert_allclose(
                beside._lung(t)[:, lung], whole._lung(t)[:, lung], rtol=1e-3, atol=1e-5
            )
            np.testing.assert_allclose(resting[t], resting[0], rtol=1e-3, atol=1e-5)
        assert air.any()
        assert lung.any()


def test_lung_points_change_nothing_but_the_lung(lung_points):
    for plan in lung_points[:4]:
        scene, other = (
            build_scene(dataclasses.replace(plan, drawn=drawn), 48, 64)
            for drawn in ("lung_point", "no_sliding")
        )
        for name in ("wall", "window", "reverberation", "lung", "noise", "gain", "contact"):
            np.testing.assert_array_equal(getattr(scene, name), getattr(other, name))
        np.testing.assert_array_equal(scene.motion.wall_mm, other.motion.wall_mm)


def test_cohort_with_lung_points_as_files(tmp_path):
    settings = {"patients": 4, "videos": 8, "seed": 1, "duration_s": 0.2, "lung_point_share": 1.0}
    videos = read_manifest(write_cohort("sliding", tmp_path, **settings, **SMALL))
    plans = plan_cohort("sliding", **settings)
    assert {video.sliding for video in videos} == {None, 1}
    for video, plan in zip(videos, plans, strict=True):
        assert (video.sliding is None) == (plan.drawn == "lung_point")
        with (tmp_path / "truth" / f"{video.video_id}.csv").open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert ("lung_point" in rows[0]) == (plan.drawn == "lung_point")
        assert len(rows) == simulate_video(plan, **SMALL).frames.shape[0]


def test_the_description_of_the_cohorts_is_that_of_the_simulator():
    said = simulated.SAID.cohorts
    assert set(said) == set(tasks.names())
    for name, cohort in said.items():
        own = tasks.get(name).COHORT
        ours = (own.patients, own.videos, own.probe)
        assert (cohort.patients, cohort.videos, cohort.probe) == ours, name
