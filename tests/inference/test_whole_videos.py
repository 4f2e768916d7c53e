"""Predict, explain and export of networks that take whole videos or single frames."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
from lus_keras.cli import main  # noqa: E402
from lus_keras.data.video import iter_resampled, read_video  # noqa: E402
from lus_keras.evaluation.run_record import read_predictions  # noqa: E402
from lus_keras.inference.explain import STANDARD  # noqa: E402
from lus_keras.inference.export import graph  # noqa: E402
from lus_keras.inference.predict import load_models, predict_video  # noqa: E402
from lus_keras.inference.predict.overlay import CAPTION, STRIP, overlay_frames  # noqa: E402
from lus_keras.inference.predict.stream import stream_clips  # noqa: E402

pytestmark = pytest.mark.usefixtures("shallow_resnet152")


def invoke(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def fold_folder(run):
    (folder,) = Path(run).glob("*/manifest/*/fold_0")
    return folder


def compare_with_run(run, videos):
    """The clips of predictions.csv, decoded again from the files, get its probabilities."""
    models = load_models(run)
    written = read_predictions(fold_folder(run) / "predictions.csv").set_index("clip_id")
    columns = [f"p_{number}" for number in range(len(models.labels))]
    compared = 0
    for row in videos:
        found = predict_video(models, row)
        for clip_id, chances in zip(found.clip_ids, found.probabilities, strict=True):
            if clip_id in written.index:
                np.testing.assert_allclose(chances, written.loc[clip_id, columns], atol=1e-5)
                compared += 1
    assert compared == len(written) > 0
    return models


def check_padding(trained, padding):
    """Videos last 3 to 8 frames at 10 a second, clips have 6."""
    models = compare_with_run(trained.run, trained.videos)
    pieces = [next(stream_clips(row, models.clip)) for row in trained.videos]
    lengths = [piece.cut.length for piece in pieces]
    assert min(lengths) < 6 == max(lengths)
    short = pieces[lengths.index(min(lengths))]
    filled = short.pixels[short.cut.length :]
    expected = short.pixels[short.cut.length - 1] if padding == "last" else 0
    np.testing.assert_array_equal(filled, np.broadcast_to(expected, filled.shape))
    check_graph(models, trained.videos[3])


def check_graph(models, row):
    """The exported computation pads alike; at the networks' own size nothing is resized."""
    gray = graph.stored_channels(models) == 1
    read = iter_resampled(row.video, fps=10.0, size=(64, 64), grayscale=gray, antialias=not gray)
    frames = np.stack(list(read))
    found = graph.compute(frames[None, ..., None] if gray else frames[None], models)
    expected = predict_video(models, row)
    np.testing.assert_allclose(found["probabilities"], expected.probabilities, atol=1e-5)


def test_whole_videos_get_the_probabilities_of_their_run(trained_severity):
    check_padding(trained_severity, "zero")


def test_videos_padded_with_their_last_frame_get_them_too(trained_padded):
    check_padding(trained_padded, "last")


def test_single_frames_get_the_probabilities_of_their_run(trained_signs):
    models = compare_with_run(trained_signs.run, trained_signs.videos)
    found = predict_video(models, trained_signs.videos[1])
    assert [cut.length for cut in found.cuts] == [1] * 4
    np.testing.assert_allclose(found.mean, found.probabilities.mean(axis=0))


def test_a_whole_video_is_predicted_with_its_masks_drawn(trained_severity, tmp_path):
    row = trained_severity.videos[3]
    invoke("predict", trained_severity.run, row.video, "--out", tmp_path)
    told = json.loads((tmp_path / "predictions.json").read_text())
    (video,) = told["videos"]
    assert sum(video["probabilities"]) == pytest.approx(1)
    assert video["clips"][0]["frames"] == 5
    overlay = read_video(tmp_path / "v3_overlay.mp4", grayscale=False)
    assert len(overlay.frames) == 5
    models = load_models(trained_severity.run)
    found = predict_video(models, row, masks=True)
    assert found.masks.shape[:2] == (1, 6)
    plain = predict_video(models, row)
    drawn = [np.stack(list(overlay_frames(each))).astype(int) for each in (found, plain)]
    assert np.abs(drawn[0] - drawn[1])[:, :-STRIP].max() > 20
    np.testing.assert_array_equal(*(frames[:, -STRIP:] for frames in drawn))


def test_masks_of_clips_that_are_kept_are_those_of_their_frames(trained_severity):
    """One of 255 parts is what storing them costs."""
    with np.load(fold_folder(trained_severity.run) / "examples.npz") as stored:
        names, masks = stored["clip_id"].tolist(), stored["masks"]
        assert masks.dtype == np.uint8 and masks.shape[:2] == stored["frames"].shape[:2]
    models = load_models(trained_severity.run)
    for row in trained_severity.videos:
        if row.video_id in names:
            (expected,) = predict_video(models, row, masks=True).masks
            kept = masks[names.index(row.video_id)] / 255
            np.testing.assert_allclose(kept, expected, atol=0.51 / 255 + 1e-5)


def test_single_frames_are_predicted_with_the_frame_that_says_most(trained_signs, tmp_path):
    row = trained_signs.videos[2]
    invoke("predict", trained_signs.run, row.video, "--out", tmp_path)
    (video,) = json.loads((tmp_path / "predictions.json").read_text())["videos"]
    clips = video["clips"]
    best = np.argmax([c["probabilities"][np.argmax(video["probabilities"])] for c in clips])
    assert video["representative_frame"]["frame"] == clips[best]["first_frame"]
    assert (tmp_path / "v2_representative.png").is_file()
    assert len(read_video(tmp_path / "v2_overlay.mp4").frames) == 20


def explain(trained, out):
    """Explains a video; returns its sheets and its videos of maps."""
    result = invoke("explain", trained.run, trained.videos[3].video, "--samples", 2, "--out", out)
    assert all(method in result.output for method in STANDARD)
    return list(out.glob("*_sheet.png")), list(out.glob("*_maps.mp4"))


def test_maps_of_a_whole_video_are_of_the_frames_that_exist(trained_severity, tmp_path):
    """Five of six frames; image and three maps side by side, 320 × 240 pixels each as the file's
    4:3, over two lines."""
    (sheet,), (maps,) = explain(trained_severity, tmp_path)
    assert cv2.imread(str(sheet)).std() > 20  # neither blank nor white
    assert read_video(maps).frames.shape == (5, 240 + 2 * CAPTION, 4 * 320)


def test_maps_of_a_single_frame_are_a_picture(trained_signs, tmp_path):
    (sheet,), maps = explain(trained_signs, tmp_path)
    assert cv2.imread(str(sheet)).std() > 20  # neither blank nor white
    assert maps == []


def check_export(trained, frames, out):
    """The command compares the export with the networks in a process without this package."""
    invoke("export", trained.run, "--out", out)
    said = json.loads((out / "contract.json").read_text())
    assert max(said["check"]["found"][name] for name in said["outputs"]) <= 1e-5
    assert said["labels"] == list(load_models(trained.run).labels)
    channels = graph.stored_channels(load_models(trained.run))
    assert said["input"]["shape"] == [None, frames, None, None, channels]
    return said


def test_an_export_takes_whole_videos_and_says_how_it_pads_them(trained_padded, tmp_path):
    said = check_export(trained_padded, None, tmp_path / "out")
    assert "shorter ones padded with their last frame" in said["input"]["frames_note"]


def test_an_export_takes_single_frames(trained_signs, tmp_path):
    said = check_export(trained_signs, 1, tmp_path / "out")
    assert said["labels"] == ["A line", "B line", "pleural effusion", "lung consolidation"]
    assert said["input"]["frames_per_second"] is None
    card = (tmp_path / "out" / "model_card.md").read_text()
    assert "at the frame rate of the file. Outputs: `probabilities`" in card
