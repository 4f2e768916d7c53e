"""A folder's results stay what they are, or are added to; never silently replaced."""

import csv
import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
from lus_keras.cli import main  # noqa: E402
from lus_keras.inference.append import merged_sanity  # noqa: E402


def predict(trained, out, *more):
    words = ["predict", trained.run, *more, "--fold", "0", "--no-pictures", "--out", out]
    return CliRunner().invoke(main, [str(word) for word in words])


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def held(trained, tmp_path):
    """Results of the first two videos of a manifest: one patient."""
    videos = [video.video for video in trained.videos]
    out = tmp_path / "out"
    result = predict(trained, out, *videos[:2], "--manifest", trained.manifest)
    assert result.exit_code == 0, result.output
    return out


def test_other_videos_are_refused_and_the_same_ones_are_not(trained, held):
    before = {path.name: path.read_bytes() for path in held.iterdir()}
    third = trained.videos[2].video
    result = predict(trained, held, third)
    assert result.exit_code == 2
    assert f"{held}: contains results of 2 videos." in result.output and "--append" in result.output
    again = [video.video for video in trained.videos[:2]]
    assert predict(trained, held, *again, "--manifest", trained.manifest).exit_code == 0
    assert {path.name: path.read_bytes() for path in held.iterdir()} == before


def test_append_gives_what_one_command_would_have_given(trained, held, tmp_path):
    """Patients too: the second one's videos come in two parts."""
    videos = [video.video for video in trained.videos]
    manifest = ("--manifest", trained.manifest)
    for part in (videos[2:3], videos[3:4]):
        assert predict(trained, held, *part, *manifest, "--append").exit_code == 0
    assert predict(trained, tmp_path / "whole", *videos[:4], *manifest).exit_code == 0
    for name in ("predictions.csv", "videos.csv", "attention.csv"):
        assert rows(held / name) == rows(tmp_path / "whole" / name), name
    found, expected = (
        json.loads((folder / "predictions.json").read_text())
        for folder in (held, tmp_path / "whole")
    )
    assert found["videos"] == expected["videos"]
    for one, other in zip(found["patients"], expected["patients"], strict=True):
        np.testing.assert_allclose(one["probabilities"], other["probabilities"], atol=1e-8)
    assert [row["patient_id"] for row in rows(held / "patients.csv")] == ["p0", "p1"]


def test_another_video_of_the_same_id_is_refused(trained, held, tmp_path):
    copy = tmp_path / "elsewhere" / "v0.avi"
    copy.parent.mkdir()
    shutil.copy(trained.videos[0].video, copy)
    result = predict(trained, held, copy, "--append")
    assert result.exit_code == 2
    assert f"contains another video with the id 'v0': {trained.videos[0].video}" in result.output


def test_explanations_do_not_go_where_predictions_are(trained, held):
    words = ["explain", trained.run, trained.videos[0].video, "--method", "vanilla", "--out", held]
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == 2
    assert "contains results of `predict`" in result.output


def test_the_mean_over_explained_clips_is_of_all_of_them():
    """0.2 and 0.4 of two videos; the second is explained anew with 0.6: (0.2 + 0.6) / 2."""

    def said(**values):
        clips = [{"video_id": k, "random_weights": {"vanilla": v}} for k, v in values.items()]
        return {"clips": clips, "mean": {}}

    found = merged_sanity(said(a=0.2, b=0.4), said(b=0.6, c=None))
    assert [clip["video_id"] for clip in found["clips"]] == ["a", "b", "c"]
    assert found["mean"] == {"vanilla": pytest.approx(0.4)}
