"""A trained network on videos: the numbers of its run, its files, errors that say why."""

import json
import shutil
from dataclasses import replace
from hashlib import sha256

import cv2
import fatal_decoder
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
from lus_keras.cli import main  # noqa: E402
from lus_keras.core.config import ClipConfig  # noqa: E402
from lus_keras.core.errors import ConfigError, RunError  # noqa: E402
from lus_keras.data.clips.cut import Cut  # noqa: E402
from lus_keras.data.manifest import Video  # noqa: E402
from lus_keras.data.video import count_resampled, probe, read_video  # noqa: E402
from lus_keras.evaluation.run_record import read_predictions  # noqa: E402
from lus_keras.inference.predict import (  # noqa: E402
    VideoPrediction,
    find,
    load_models,
    predict_video,
)
from lus_keras.inference.predict.metrics import video_metrics  # noqa: E402
from lus_keras.inference.predict.overlay import captioned, heat, overlay_frames  # noqa: E402
from lus_keras.inference.predict.strip import (  # noqa: E402
    AXIS,
    LEFT,
    MARGIN,
    RIGHT,
    SHADE,
    STRIP,
    curves,
)
from lus_keras.inference.predict.video import by_patient  # noqa: E402
from lus_keras.inference.predict.write import as_json, representative_caption  # noqa: E402
from lus_keras.inference.rows import as_video, told_apart  # noqa: E402


def fold_folder(trained, fold=0):
    return trained.run / "bline" / "manifest" / "c2d_lstm_a" / f"fold_{fold}"


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def models(trained):
    return load_models(trained.run)


def test_predictions_of_a_fold_are_those_of_its_run(trained):
    """Decoded again from the files, the clips of predictions.csv get its probabilities."""
    models = load_models(fold_folder(trained))
    written = read_predictions(fold_folder(trained) / "predictions.csv").set_index("clip_id")
    assert np.ptp(written["p_1"]) > 1e-3
    with np.load(fold_folder(trained) / "attention.npz") as stored:
        attention = dict(zip(stored["clip_id"].tolist(), stored["attention"], strict=True))
    compared = 0
    for row in trained.videos:
        found = predict_video(models, row)
        for clip_id, chances, weights in zip(
            found.clip_ids, found.probabilities, found.attention, strict=True
        ):
            if clip_id in written.index:
                np.testing.assert_allclose(chances[1], written.loc[clip_id, "p_1"], atol=1e-5)
                np.testing.assert_allclose(weights, attention[clip_id], atol=1e-5)
                compared += 1
    assert compared == len(written)


def test_each_file_of_a_network_is_hashed_once(trained, monkeypatch):
    hashed, hash_of = [], find.sha256_of
    monkeypatch.setattr(find, "sha256_of", lambda path: hashed.append(path) or hash_of(path))
    load_models(trained.run)
    names = ("model.json", "model.weights.h5")
    assert sorted(hashed) == sorted(
        fold_folder(trained, k) / name for k in (0, 1) for name in names
    )


def test_folds_are_averaged_and_videos_are_the_mean_of_their_clips(trained, models):
    row = trained.videos[1]
    both = predict_video(models, row)
    assert both.frames == count_resampled(row.video, fps=models.clip.fps)
    one, other = (predict_video(load_models(trained.run, fold=fold), row) for fold in (0, 1))
    assert np.abs(one.probabilities - other.probabilities).max() > 1e-3
    for name in ("probabilities", "attention", "logits"):
        mean = (getattr(one, name) + getattr(other, name)) / 2
        np.testing.assert_allclose(getattr(both, name), mean, atol=1e-6)
    np.testing.assert_allclose(both.mean, both.probabilities.mean(axis=0))


def prediction(probabilities, attention=None, starts=(0, 2), patient="p", masks=None):
    clip = ClipConfig(fps=10.0, frames=4, stride=2, size=(8, 8), crop="none")
    return VideoPrediction(
        video=Video("", patient, "v"),
        labels=("no", "yes"),
        clip=clip,
        cropped=False,
        cuts=tuple(Cut(first, 4, 0, 0, f"@{first:04d}") for first in starts),
        fps=10.0,
        frames=starts[-1] + 4,
        logits=np.zeros((len(starts), 2)),
        probabilities=np.array(probabilities),
        attention=attention,
        masks=masks,
    )


def test_the_representative_frame_has_the_highest_weight_of_the_clearest_clip():
    """Mean of "yes" is 0.7; clip 2, at frame 2, says it with 0.9; its third frame weighs most."""
    attention = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.6, 0.1]])
    found = prediction([[0.5, 0.5], [0.1, 0.9]], attention)
    assert (found.predicted, found.representative()) == (1, (1, 2 + 2))
    assert replace(found, attention=None).representative() == (1, 2 + 4 // 2)
    assert (found.start_s(1), found.end_s(1)) == pytest.approx((0.2, 0.6))


def test_patients_are_the_mean_of_their_videos_however_many_clips_these_have():
    """Videos of 0.8 (one clip) and 0.2 (two clips) make 0.5, not 0.4."""
    long = prediction([[0.8, 0.2], [0.8, 0.2]])
    short = prediction([[0.2, 0.8]], starts=(0,))
    other = prediction([[1.0, 0.0]], starts=(0,), patient="q")
    found = by_patient([long, other, short])
    assert list(found) == ["p", "q"]
    np.testing.assert_allclose(found["p"], [0.5, 0.5])


def test_curves_average_the_clips_that_hold_a_frame():
    """Clips of frames 0 … 3 and 6 … 9: none holds 4 and 5; attention is told in even weights."""
    attention = np.array([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0.0, 0.0]])
    found = curves(prediction([[0.9, 0.1], [0.2, 0.8]], attention, starts=(0, 6)))
    nan = np.nan
    np.testing.assert_allclose(found["probability"], [0.1] * 4 + [nan, nan] + [0.8] * 4)
    np.testing.assert_allclose(found["attention"], [1] * 4 + [nan, nan] + [2, 2, 0, 0])
    overlapping = curves(prediction([[0.9, 0.1], [0.2, 0.8]]))["probability"]
    np.testing.assert_allclose(overlapping, [0.1, 0.1, 0.45, 0.45, 0.8, 0.8])


def test_heat_lies_where_the_map_is_high():
    picture = np.full((20, 30, 3), 100, np.uint8)
    values = np.zeros((2, 2))
    values[0, 0] = 1
    shown = heat(picture, values).astype(int).sum(axis=-1)
    assert shown[0, 0] > shown[-1, -1]
    np.testing.assert_array_equal(heat(picture, values, opacity=0.0), picture)


def test_a_spatial_mask_is_drawn_on_the_box_the_network_sees(trained):
    row = trained.videos[0]
    masks = np.zeros((1, 4, 2, 2))
    masks[:, :, :, 1] = 1.0
    clip = ClipConfig(fps=25.0, frames=4, stride=4, size=(8, 8))
    found = replace(
        prediction([[0.5, 0.5]], starts=(0,), masks=masks), video=row, clip=clip, fps=25.0
    )
    plain = next(overlay_frames(replace(found, masks=None))).astype(int)
    drawn = np.abs(next(overlay_frames(found)).astype(int) - plain).sum(axis=-1)
    # 240 pixels for 64: the sector is columns 8 … 55, rows 6 … 41.
    scale = 240 / 64
    inside = drawn[round(10 * scale) : round(38 * scale)]
    assert drawn[: round(5 * scale)].max() == 0
    assert inside[:, : round(7 * scale)].max() == 0
    assert inside[:, round(45 * scale) : round(54 * scale)].mean() > 60


def tiled(row, starts=(0, 4)):
    """Two tiles of 8×8 side by side in each window, within a region of 30×20 at (10, 8)."""
    clip = ClipConfig(
        **{"fps": 25.0, "frames": 4, "stride": 4, "size": (48, 64), "crop": "roi"},
        **{"unit": "tile", "tile": (8, 8), "channels": 3},
    )
    cuts = tuple(Cut(first, 4, 0, x, f"@{first}+{x}") for first in starts for x in (0, 8))
    chances = np.tile([[1.0, 0.0], [0.0, 1.0]], (len(starts), 1))
    return replace(
        prediction(chances, starts=[0] * len(cuts)),
        **{"video": replace(row, roi=(10, 8, 30, 20)), "clip": clip, "cuts": cuts, "fps": 25.0},
        frames=20,
    )


def test_region_and_tiles_are_drawn_where_the_networks_look(trained):
    """240 pixels for 64, a factor of 3.75: the region is columns 38 … 149, rows 30 … 104."""
    frames = list(overlay_frames(tiled(trained.videos[0])))
    assert len(frames) == 20
    first, after = frames[0].astype(int), frames[10].astype(int)
    for picture in (first, after):
        np.testing.assert_array_equal(picture[104, 40:148], np.full((108, 3), 119))
        np.testing.assert_array_equal(picture[40:103, 149], np.full((63, 3), 119))
    # Tiles are 30 pixels: the first is white (0), the second blue (1); both end with frame 7.
    np.testing.assert_array_equal(first[45, 39], [255, 255, 255])
    np.testing.assert_array_equal(first[45, 69], [90, 160, 255])
    assert np.ptp(after[45, 69]) < 20
    # Columns right of the region are those of the video.
    plain = replace(tiled(trained.videos[0]), video=replace(trained.videos[0], roi=(0, 0, 64, 48)))
    np.testing.assert_array_equal(
        first[5:150, 155:190], next(overlay_frames(plain)).astype(int)[5:150, 155:190]
    )


def test_the_strip_lasts_as_long_as_the_video_and_shades_what_no_clip_holds(trained):
    """One clip, frames 0 … 3 of 20: its line ends at 3/19 of the axis; the mark goes on."""
    found = tiled(trained.videos[0], starts=(0,))
    strips = np.stack(list(overlay_frames(found)))[:, -STRIP + MARGIN : -AXIS].astype(int)
    length = 239 - LEFT - RIGHT
    blue = strips[19][..., 2] - strips[19][..., 0] > 80
    (columns,) = np.nonzero(blue.any(axis=0))
    assert columns.min() == LEFT
    assert columns.max() == pytest.approx(LEFT + 3 / 19 * length, abs=2)
    shaded = (strips[8] == SHADE).all(axis=-1).any(axis=0)
    (columns,) = np.nonzero(shaded)
    assert columns.min() == pytest.approx(LEFT + 3.5 / 19 * length, abs=2)
    assert columns.max() == pytest.approx(239 - RIGHT, abs=2)
    for number in (0, 8, 19):
        white = (strips[number] == 255).all(axis=-1).sum(axis=0)
        assert white.argmax() == LEFT + round(number / 19 * length)


def test_nothing_is_shaded_where_clips_hold_all_frames(trained):
    found = replace(tiled(trained.videos[0], starts=(0, 4)), frames=8)
    strip = next(overlay_frames(found))[-STRIP:]
    assert not (strip == SHADE).all(axis=-1).any()


def test_the_representative_frame_tells_its_time_and_weight():
    """Frame 4 of 10 a second, the third of four in its clip."""
    attention = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.2, 0.6, 0.1]])
    found = prediction([[0.5, 0.5], [0.1, 0.9]], attention)
    assert representative_caption(found) == [
        "0.40 s, frame 4: attention 0.600 (uniform: 0.250)",
        "P(yes) = 0.90 in its clip",
    ]
    assert "middle frame" in representative_caption(replace(found, attention=None))[0]


def test_a_caption_leaves_the_picture_as_it_is_and_fits_its_width():
    picture = np.full((30, 120, 3), 7, np.uint8)
    shown = captioned(picture, ["short", "a line that is a good deal wider than the picture is"])
    np.testing.assert_array_equal(shown[:30], picture)
    assert shown.shape == (70, 120, 3)
    assert shown[30:50].any() and shown[50:, :60].any() and not shown[50:, -2:].any()


def test_a_damaged_video_says_so_in_its_overlay(trained):
    found = tiled(trained.videos[0])
    marked, plain = (
        next(overlay_frames(each)).astype(int) for each in (replace(found, damage="cut"), found)
    )
    changed = np.abs(marked - plain).sum(axis=-1) > 0
    assert changed[:16, :90].any() and not changed[16:].any()


def test_files_hold_what_was_predicted(trained, models, tmp_path):
    video = trained.videos[1].video
    out = tmp_path / "out"
    result = invoke("predict", trained.run, video, "--manifest", trained.manifest, "--out", out)
    assert result.exit_code == 0, result.output
    found = predict_video(models, trained.videos[1])
    rows = pd.read_csv(out / "predictions.csv", dtype={"clip_id": str})
    assert rows["clip_id"].tolist() == found.clip_ids
    assert set(rows["patient_id"]) == {"p0"}
    np.testing.assert_allclose(rows[["p_0", "p_1"]], found.probabilities, rtol=1e-6)
    weights = pd.read_csv(out / "attention.csv")
    np.testing.assert_allclose(weights["weight"], found.attention.ravel(), rtol=1e-6)
    assert weights["time_s"].max() == pytest.approx(found.end_s(-1) - 1 / 30, abs=1e-4)
    told = json.loads((out / "predictions.json").read_text())
    clip, frame = found.representative()
    assert told["videos"][0]["representative_frame"]["frame"] == frame
    assert told["videos"][0]["representative_frame"]["clip_id"] == found.clip_ids[clip]
    assert pd.read_csv(out / "patients.csv")["patient_id"].tolist() == ["p0"]
    overlay = read_video(out / "v1_overlay.mp4", grayscale=False)
    # 20 frames at 25 fps are 24 at 30; 240 pixels wide, 180 high, and the strip.
    assert overlay.frames.shape == (24, 180 + STRIP, 240, 3)
    assert probe(out / "v1_overlay.mp4").fps == 30
    assert cv2.imread(str(out / "v1_representative.png")).std() > 10
    assert all(str(path) in result.output for path in out.iterdir())


def test_labeled_videos_are_scored_as_scikit_learn_scores_them(trained, models, tmp_path):
    """Without a label a video does not count; what an appended folder held is not scored."""
    from sklearn.metrics import accuracy_score, brier_score_loss, roc_auc_score

    out = tmp_path / "out"
    arguments = ("predict", trained.run, "--manifest", trained.manifest, "--no-pictures")
    result = invoke(*arguments, "--out", out)
    assert result.exit_code == 0, result.output
    manifest = pd.read_csv(trained.manifest, dtype=str).set_index("video_id")
    videos = pd.read_csv(out / "videos.csv").set_index("video_id")
    truth = manifest.loc[videos.index, "b_lines"].astype(int)
    said = json.loads((out / "metrics.json").read_text())
    value = {row["metric"]: row["value"] for row in said["rows"]}
    assert value["video_roc_auc"] == pytest.approx(roc_auc_score(truth, videos["p_1"]))
    assert value["video_brier"] == pytest.approx(brier_score_loss(truth, videos["p_1"]))
    called = (videos["p_1"] > videos["p_0"]).astype(int)
    assert value["video_accuracy"] == pytest.approx(accuracy_score(truth, called))
    (counts,) = {(row["n_patients"], row["n_videos"]) for row in said["rows"]}
    assert counts == (4, 8)
    assert all(row["ci_low"] <= row["value"] <= row["ci_high"] for row in said["rows"]
               if row["ci_low"] is not None and row["value"] is not None)  # fmt: skip
    known = [predict_video(models, row) for row in trained.videos[:3]]
    unknown = replace(known[0], video=replace(known[0].video, b_lines=None, segments=None))
    assert {row["n_videos"] for row in video_metrics(models, [unknown, *known[1:]])} == {2}
    assert video_metrics(models, [unknown]) == []
    assert invoke(*arguments, "--out", out, "--append").exit_code == 0
    assert not (out / "metrics.json").exists()


def test_json_is_all_that_is_printed(trained):
    result = invoke("predict", trained.run, "--manifest", trained.manifest, "--json")
    told = json.loads(result.stdout)
    assert [video["video_id"] for video in told["videos"]] == [f"v{n}" for n in range(8)]
    assert len(told["patients"]) == 4
    assert told["folds"] == ["fold_0", "fold_1"]
    for video in told["videos"]:
        assert sum(video["probabilities"]) == pytest.approx(1)
        assert sum(video["clips"][0]["attention"]) == pytest.approx(1, abs=1e-6)


@pytest.fixture
def exams(trained, tmp_path):
    """Three people, each with a `clip` in a folder of their own."""
    paths = [tmp_path / "exams" / f"patient{number}" / "clip.avi" for number in (1, 2, 3)]
    for number, path in enumerate(paths):
        path.parent.mkdir(parents=True)
        shutil.copy(trained.videos[number].video, path)
    return paths


def test_three_people_whose_files_share_a_name_stay_three(trained, models, exams, tmp_path):
    out = tmp_path / "out"
    result = invoke("predict", trained.run, *exams, "--out", out)
    assert result.exit_code == 0, result.output
    names = ["patient1/clip", "patient2/clip", "patient3/clip"]
    rows = pd.read_csv(out / "videos.csv")
    assert rows["video_id"].tolist() == rows["patient_id"].tolist() == names
    assert rows["video"].tolist() == [str(path) for path in exams]
    assert pd.read_csv(out / "patients.csv")["patient_id"].tolist() == names
    clips = pd.read_csv(out / "predictions.csv")
    assert sorted(set(clips["video"])) == [str(path) for path in exams]
    alone = [predict_video(models, path).mean for path in exams]
    np.testing.assert_allclose(rows[["p_0", "p_1"]], alone, rtol=1e-6)
    assert len(list(out.glob("*_overlay.mp4"))) == len(list(out.glob("*_representative.png"))) == 3
    told = as_json(models, [predict_video(models, path) for path in exams])
    assert [patient["patient_id"] for patient in told["patients"]] == names


def test_explanations_of_files_that_share_a_name_stay_apart(trained, exams, tmp_path):
    options = ("--method", "vanilla", "--out", tmp_path / "out")
    result = invoke("explain", trained.run, *exams, *options)
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*_sheet.png"))) == 3
    told = json.loads((tmp_path / "out" / "sanity.json").read_text())
    assert [clip["video"] for clip in told["clips"]] == [str(path) for path in exams]
    assert len({clip["patient_id"] for clip in told["clips"]}) == 3


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a/x.avi", "b/y.avi"], ["x", "y"]),
        (["a/x.avi", "b/x.avi", "c.avi"], ["a/x", "b/x", "c"]),
        (["a/x.avi", "a/x.mp4"], ["x.avi", "x.mp4"]),
        (["a/x.avi", "a/x.mp4", "b/x.avi"], ["a/x.avi", "a/x.mp4", "b/x"]),
        (["a/1/x.avi", "b/1/x.avi"], ["a/1/x", "b/1/x"]),
        (["x.avi", "a/x.avi"], ["x", "a/x"]),
    ],
)
def test_files_are_told_apart_by_their_folders_where_they_must_be(tmp_path, paths, names):
    rows = told_apart([as_video(tmp_path / path) for path in paths])
    assert [row.video_id for row in rows] == [row.patient_id for row in rows] == names


def test_good_videos_are_predicted_and_every_bad_one_is_named(trained, tmp_path):
    bad = [tmp_path / "a.avi", tmp_path / "b.avi"]
    bad[0].write_text("hello")
    result = invoke("predict", trained.run, *bad, trained.videos[0].video, "--out", tmp_path / "o")
    assert result.exit_code == 4
    assert "v0" in result.stdout
    assert "2 of 3 videos were excluded" in result.stderr
    assert "a.avi: is not a video" in result.stderr
    assert "b.avi: cannot be read" in result.stderr
    assert (tmp_path / "o" / "v0_overlay.mp4").is_file()


def test_a_video_that_kills_its_decoder_costs_a_line_and_the_others_are_finished(
    trained, tmp_path, monkeypatch
):
    monkeypatch.setattr("lus_keras.data.cache.stream._decode", fatal_decoder.decode)
    videos = [trained.videos[number].video for number in range(4)]
    out = tmp_path / "out"
    result = invoke("predict", trained.run, *videos, "--out", out)
    assert result.exit_code == 4, result.output
    count, first, second = result.stderr.strip().splitlines()
    assert count.endswith("2 of 4 videos were excluded; the others are complete:")
    crash = "crashed the process that decoded it (SIGSEGV). Copy the file again"
    assert first.startswith(f"{videos[1]}: {crash}")
    assert second.startswith(f"{videos[2]}: {crash}") and second.endswith("were not drawn.")
    assert pd.read_csv(out / "videos.csv")["video_id"].tolist() == ["v0", "v2", "v3"]
    assert {path.name for path in out.glob("*_overlay.mp4")} == {"v0_overlay.mp4", "v3_overlay.mp4"}
    assert json.loads((out / "predictions.json").read_text())["refused"] == [first, second]
    assert not list(out.glob(".tmp-*"))
    options = ("--method", "vanilla", "--out", tmp_path / "maps")
    result = invoke("explain", trained.run, *videos[:2], *options)
    assert result.exit_code == 4 and result.stderr.strip().splitlines()[1] == first
    assert len(list((tmp_path / "maps").glob("*_sheet.png"))) == 1


@pytest.fixture
def cut(trained, tmp_path):
    """The first video without its last three tenths: 14 of 20 frames and half of one are there."""
    content = (trained.manifest.parent / "v0.avi").read_bytes()
    path = tmp_path / "cut.avi"
    path.write_bytes(content[: len(content) * 7 // 10])
    return path


def test_a_damaged_video_is_left_out_and_the_others_are_predicted(trained, cut, tmp_path):
    out = tmp_path / "out"
    options = ("--no-pictures", "--out", out)
    result = invoke("predict", trained.run, cut, trained.videos[0].video, *options)
    assert result.exit_code == 4, result.output
    count, problem = result.stderr.strip().splitlines()
    assert count.endswith("1 of 2 videos were excluded; the others are complete:")
    assert problem.startswith(f"{cut}: the file is cut short: ")
    assert "of 20 frames decode" in problem and "Copy the file again from its source" in problem
    assert pd.read_csv(out / "videos.csv")["video_id"].tolist() == ["v0"]
    assert pd.read_csv(out / "videos.csv")["damage"].isna().all()
    assert json.loads((out / "predictions.json").read_text())["refused"] == [problem]
    alone = invoke("predict", trained.run, cut, "--json")
    assert (alone.exit_code, alone.stdout) == (3, "")


def test_what_is_left_of_a_damaged_video_is_predicted_if_asked_for(trained, models, cut, tmp_path):
    """Its clips are the first ones of the whole video, and every output says what is lost."""
    options = ("--damaged", "--out", tmp_path / "out")
    result = invoke("predict", trained.run, cut, *options)
    assert result.exit_code == 0, result.output
    assert result.stderr.startswith(f"Warning: {cut}: is damaged: the file is cut short: ")
    (told,) = json.loads((tmp_path / "out" / "predictions.json").read_text())["videos"]
    assert told["damage"] in result.stderr
    assert pd.read_csv(tmp_path / "out" / "videos.csv")["damage"].tolist() == [told["damage"]]
    found = predict_video(models, cut, damaged=True)
    whole = predict_video(models, trained.videos[0])
    # The last clip may hold the frame that is half there.
    count = len(found.cuts) - 1
    assert 1 <= count < len(whole.cuts) - 1
    np.testing.assert_allclose(found.probabilities[:count], whole.probabilities[:count], atol=1e-6)


def test_explain_leaves_damaged_videos_out_as_predict_does(trained, cut, tmp_path):
    options = ("--method", "vanilla", "--out", tmp_path / "out")
    result = invoke("explain", trained.run, cut, *options)
    assert result.exit_code == 3 and "the file is cut short" in result.stderr
    result = invoke("explain", trained.run, cut, "--damaged", *options)
    assert result.exit_code == 0 and "Warning" in result.stderr
    (clip,) = json.loads((tmp_path / "out" / "sanity.json").read_text())["clips"]
    assert "cut short" in clip["damage"]


def test_a_byte_that_changed_is_told_by_the_hash_of_the_manifest(trained, tmp_path):
    """Raw pixels hold no check sums."""
    content = bytearray((trained.manifest.parent / "v0.avi").read_bytes())
    whole = sha256(content).hexdigest()
    content[len(content) // 2] ^= 1
    (tmp_path / "v0.avi").write_bytes(content)
    manifest = tmp_path / "manifest.csv"
    manifest.write_text(f"video,patient_id,sha256\nv0.avi,p,{whole}\n")
    result = invoke("predict", trained.run, "--manifest", manifest, "--json")
    assert result.exit_code == 3
    assert (
        f"does not match the manifest, in which its sha256 starts with {whole[:8]}" in result.stderr
    )


def test_wrong_runs_are_told_in_a_line_with_their_exit_code(trained, tmp_path):
    video = trained.videos[0].video
    (tmp_path / "empty").mkdir()
    (tmp_path / "begun" / "fold_0").mkdir(parents=True)
    (tmp_path / "begun" / "fold_0" / "checkpoint_a.npz").touch()
    other = tmp_path / "other.csv"
    other.write_text(f"video,patient_id\n{trained.videos[1].video},p\n")
    cases = {
        (tmp_path / "none", video): (4, "is not a folder"),
        (tmp_path / "empty", video): (4, "contains no finished network. Train one"),
        (tmp_path / "begun", video): (4, "training is not finished"),
        (trained.run, video, "--paper", "sliding"): (
            2,
            "for --paper sliding. It contains: bline/c2",
        ),
        (trained.run, video, "--fold", 7): (2, "has no finished fold 7. It has: 0, 1."),
        (trained.run,): (2, "Give videos"),
        (trained.run, video, "--roi", "1,2"): (2, "`--roi` must be x,y,w,h"),
        (trained.run, video, "--manifest", other, "--root", "/"): (3, "has no row for"),
    }
    for arguments, (code, message) in cases.items():
        result = invoke("predict", *arguments)
        assert (result.exit_code, result.stdout) == (code, ""), result.output
        assert message in result.stderr, result.stderr
        assert len(result.stderr.strip().splitlines()) == 1


def test_a_run_of_several_networks_names_them(trained, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(trained.run, copy)
    network = copy / "bline" / "manifest" / "c2d_lstm_a"
    shutil.copytree(network, network.with_name("c2d_a"))
    path = network.with_name("c2d_a") / "fold_0"
    described = json.loads((path / "model.json").read_text()) | {"model": "c2d_a"}
    resign(path, described)
    shutil.rmtree(path.with_name("fold_1"))
    with pytest.raises(ConfigError, match=r"2 networks: bline/c2d_a, bline/c2d_lstm_a. Choose"):
        load_models(copy)
    for named in ("c2d_lstm_a", "bline/c2d_lstm_a"):
        assert load_models(copy, model=named).name == "bline/c2d_lstm_a"
    for wrong in ("signs/c2d_lstm_a", "line/c2d_lstm_a", "/c2d_lstm_a/"):
        with pytest.raises(ConfigError, match=f"contains no network for --model {wrong}"):
            load_models(copy, model=wrong)
    assert load_models(network).name == "bline/c2d_lstm_a"
    with pytest.raises(RunError, match="the weights do not match bline/c2d_a"):
        load_models(copy, model="c2d_a")


def resign(folder, described):
    """Writes model.json anew and lets DONE vouch for it."""
    from lus_keras.core.files import sha256_of

    (folder / "model.json").write_text(json.dumps(described))
    hashes = {name: sha256_of(folder / name) for name in ("model.json", "model.weights.h5")}
    (folder / "DONE").write_text(json.dumps({"sha256": hashes}))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"paper": "slidng"}, "unknown paper 'slidng'. Did you mean 'sliding'"),
        ({"model": "c2d_b"}, "cannot be built as model.json states .*c2d_b"),
        ({"options": {"depth": 3}}, "cannot be built as model.json states"),
        ({"schema": 2}, "model.json: cannot be used"),
        ({"clip": {}}, "model.json: cannot be used .'clip.fps': Field required"),
    ],
)
def test_a_description_that_cannot_be_built_is_refused(trained, tmp_path, changes, message):
    folder = tmp_path / "fold_0"
    shutil.copytree(fold_folder(trained), folder)
    resign(folder, json.loads((folder / "model.json").read_text()) | changes)
    with pytest.raises((RunError, ConfigError), match=message):
        load_models(folder)


def test_weights_that_done_does_not_vouch_for_are_not_loaded(trained, tmp_path):
    folder = tmp_path / "fold_0"
    shutil.copytree(fold_folder(trained), folder)
    with (folder / "model.weights.h5").open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(RunError, match=r"model.weights.h5 do not match their hashes in DONE"):
        load_models(folder)
    (folder / "DONE").unlink()
    with pytest.raises(RunError, match="is not a finished fold"):
        load_models(folder)


def test_a_video_without_a_rate_is_predicted_at_the_one_assumed(trained, models, tmp_path):
    """Its pictures one by one, at the rate of the video, give the video's numbers."""
    path = trained.videos[0].video
    for number, picture in enumerate(read_video(path).frames):
        Image.fromarray(picture).save(tmp_path / f"{number}.png")
    unknown = invoke("predict", trained.run, tmp_path, "--json")
    assert unknown.exit_code == 3
    assert "no time stamps" in unknown.stderr and "--assume-fps" in unknown.stderr
    result = invoke("predict", trained.run, tmp_path, "--assume-fps", probe(path).fps, "--json")
    assert result.exit_code == 0, result.output
    (told,) = json.loads(result.stdout)["videos"]
    expected = predict_video(models, trained.videos[0]).mean
    np.testing.assert_allclose(told["probabilities"], expected, atol=1e-5)
