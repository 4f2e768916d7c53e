"""Simulated cohorts as files."""

import csv
import json

import numpy as np
import pytest

from lus_keras.data.manifest import read_manifest
from lus_keras.data.video import read_video
from lus_keras.simulation import SIM_VERSION, plan_cohort, simulate_video, write_cohort

COHORT = {"patients": 4, "videos": 8, "seed": 1, "duration_s": 0.5}
SIZE = {"height": 120, "width": 160}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return write_cohort("bline", tmp_path_factory.mktemp("cohort"), **COHORT, **SIZE)


def test_manifest_reads_back_with_every_video(manifest):
    videos = read_manifest(manifest, labels=["b_lines", "segments"])
    plans = plan_cohort("bline", **COHORT)
    assert [video.video_id for video in videos] == [plan.video_id for plan in plans]
    assert {video.video.rsplit(".", 1)[1] for video in videos} == {"avi", "mp4"}
    for video, plan in zip(videos, plans, strict=True):
        expected = simulate_video(plan, **SIZE).video
        assert (video.b_lines, video.segments) == (expected.b_lines, expected.segments)
        assert (video.roi, video.fps) == (expected.roi, expected.fps)


def test_files_hold_the_rendered_frames(manifest):
    plans = {plan.video_id: plan for plan in plan_cohort("bline", **COHORT)}
    for video in read_manifest(manifest):
        decoded = read_video(video.video)
        frames = simulate_video(plans[video.video_id], **SIZE).frames
        assert decoded.frames.shape == frames.shape
        np.testing.assert_allclose(decoded.times_s, np.arange(15) / 30, atol=1e-4)
        assert np.abs(decoded.frames.astype(float) - frames).mean() < 2


def test_truth_tables_agree_with_the_segments(manifest):
    for video in read_manifest(manifest):
        path = manifest.parent / "truth" / f"{video.video_id}.csv"
        with path.open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == 15
        for index, row in enumerate(rows):
            inside = any(start <= index / 30 < end for start, end in video.segments)
            assert int(row["b_line"]) == inside
            assert (int(row["n_b_lines"]) > 0) == inside
            assert not inside or float(row["contrast_db"]) >= 3


def test_description_suffices_to_make_the_cohort_again(manifest):
    described = json.loads((manifest.parent / "cohort.json").read_text())
    assert described == {
        "sim_version": SIM_VERSION,
        "task": "bline",
        "difficulty": 1.0,
        "fps": 30.0,
        "probe": "convex",
        "crop": "screen",
        **COHORT,
        **SIZE,
    }


def test_files_do_not_depend_on_the_number_of_workers(manifest, tmp_path):
    parallel = write_cohort("bline", tmp_path, **COHORT, **SIZE, workers=2)
    assert parallel.read_text() == manifest.read_text()
