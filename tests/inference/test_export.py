"""Exported models: the same numbers without this package, or no export at all."""

import importlib.util
import json
import subprocess
import sys
import textwrap
from dataclasses import replace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras.cli import main  # noqa: E402
from lus_keras.core.config import ClipConfig  # noqa: E402
from lus_keras.core.errors import ConfigError, RunError  # noqa: E402
from lus_keras.data.video import iter_resampled  # noqa: E402
from lus_keras.data.video.resample import resized  # noqa: E402
from lus_keras.inference import export  # noqa: E402
from lus_keras.inference.checks import check_format  # noqa: E402
from lus_keras.inference.export import check, graph, write  # noqa: E402
from lus_keras.inference.export.card import _metrics, model_card  # noqa: E402
from lus_keras.inference.predict import Ensemble, load_models, predict_video  # noqa: E402
from lus_keras.inference.predict.find import Description  # noqa: E402
from lus_keras.inference.predict.stream import stream_clips  # noqa: E402
from lus_keras.models.predictor import predictor_of  # noqa: E402
from lus_keras.papers.base import each_apart, to_probabilities  # noqa: E402

SERVE = """
import sys, json, numpy as np
sys.modules["lus_keras"] = None
import tensorflow as tf
serve = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
with np.load(sys.argv[2]) as archive:
    given = {name: archive[name] for name in archive.files}
found = {}
for name, clips in given.items():
    for key, value in serve(clips=tf.constant(clips)).items():
        found[name + "/" + key] = value.numpy()
np.savez(sys.argv[3], **found)
"""


@pytest.fixture(scope="module")
def models(trained):
    return load_models(trained.run)


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "bline" / "1"
    result = CliRunner().invoke(main, ["export", str(trained.run), "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert f"  {out / 'contract.json'}" in result.output
    return out


def test_exported_folds_run_without_this_package_on_clips_of_any_size(
    trained, models, exported, tmp_path
):
    """Clips as they are stored, and the same clips as they are cut from the file, unscaled."""
    row = trained.videos[1]
    expected = predict_video(models, row)
    stored = np.stack([piece.pixels for piece in stream_clips(row, models.clip)])
    frames = np.stack(list(iter_resampled(row.video, fps=30.0, box=(8, 6, 48, 36))))[..., None]
    whole = np.stack([frames[cut.first : cut.first + 4] for cut in expected.cuts])
    assert whole.shape[1:] == (4, 36, 48, 1)
    np.savez(tmp_path / "in.npz", stored=stored, one=stored[:1], whole=whole)
    paths = [str(exported), str(tmp_path / "in.npz"), str(tmp_path / "out.npz")]
    subprocess.run([sys.executable, "-c", textwrap.dedent(SERVE), *paths], check=True)
    with np.load(tmp_path / "out.npz") as archive:
        found = {name: archive[name] for name in archive.files}
    for name in ("probabilities", "logits", "attention"):
        values = getattr(expected, name)
        np.testing.assert_allclose(found[f"stored/{name}"], values, atol=1e-5)
        np.testing.assert_allclose(found[f"one/{name}"], values[:1], atol=1e-5)
        # Resizing inside may be a gray level off OpenCV's.
        np.testing.assert_allclose(found[f"whole/{name}"], values, atol=1e-3)


def test_contract_says_what_to_give_and_what_comes(exported, models):
    said = json.loads((exported / "contract.json").read_text())
    assert said["labels"] == ["non-B-line", "B-line"]
    assert said["input"]["shape"] == [None, 4, None, None, 1]
    assert (said["input"]["dtype"], said["input"]["frames_per_second"]) == ("uint8", 30.0)
    assert said["input"]["crop"] == "sector"
    assert set(said["outputs"]) == {"probabilities", "logits", "attention"}
    assert max(said["check"]["found"][name] for name in said["outputs"]) <= 1e-5
    from lus_keras.core.files import sha256_of

    assert said["sha256"]["saved_model.pb"] == sha256_of(exported / "saved_model.pb")


def test_model_card_tells_data_metrics_license_and_use(exported, trained):
    card = (exported / "model_card.md").read_text()
    results = json.loads((trained.run / "report" / "results.json").read_text())["rows"]
    brier = next(r for r in results if (r["row"], r["metric"]) == ("c2d_lstm_a", "brier"))
    assert "4 patients, 8 videos" in card
    assert "at 30.0 frames per second. Outputs: `probabilities`" in card
    assert f"| table1 | brier | {brier['value']:.3f} |" in card
    assert "For research only" in card
    assert "MIT" in card
    assert str(trained.run) not in card


def test_names_in_a_model_card_are_shown_and_do_not_act():
    row = {"paper": "bline", "table": "table1", "row": "c2d_a", "metric": "<img src=x> | f1"}
    numbers = {"value": 0.5, "baseline": None, "n_patients": 3, "ci_low": None, "ci_high": None}
    card = _metrics([row | numbers], "c2d_a")
    assert "<img" not in card and r"| &lt;img src=x> \| f1 |" in card


def test_card_of_a_network_without_its_run_says_what_is_not_known(models, tmp_path, exported):
    said = json.loads((exported / "contract.json").read_text())
    card = model_card(replace(models, folders=(tmp_path / "fold_0",)), said)
    assert "run.json` was not found in the folder of the network" in card
    assert "results.json` was not found in the folder of the network" in card


@pytest.mark.parametrize("file_format", ["keras", "onnx"])
def test_other_formats_give_the_same_numbers(models, tmp_path, file_format):
    """The check compares them; an ensemble and one fold."""
    if file_format == "onnx" and not importlib.util.find_spec("tf2onnx"):
        pytest.skip("tf2onnx is not installed")
    files, found = export.export_models(models, tmp_path / "out", format=file_format)
    assert {path.suffix for path in files} == {".json", ".md", ".py", f".{file_format}"}
    assert 0 <= found["probabilities"] <= 1e-5


@pytest.mark.parametrize("gap", [0.0, 3e-5])
def test_an_export_that_differs_is_refused_and_leaves_nothing(models, tmp_path, monkeypatch, gap):
    """The other process is stood for by the graph itself, its attention off by a little."""

    def run(name, folder, inputs):
        found = {}
        for key, clips in inputs.items():
            outputs = graph.compute(clips, models)
            found |= {f"{key}/{output}": value.numpy() for output, value in outputs.items()}
        found["larger/attention"][0, 0] += gap
        return found

    monkeypatch.setattr(write, "write_format", lambda *arguments: None)
    monkeypatch.setattr(check, "_run", run)
    if not gap:
        assert export.export_models(models, tmp_path / "out")[1]["attention"] <= 1e-5
        return
    with pytest.raises(RunError, match=r"out: .* differs from the network: attention by 3e-05 .al"):
        export.export_models(models, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_loaded_is_refused_with_the_cause(models, tmp_path, monkeypatch):
    monkeypatch.setitem(check.CHECKS, "keras", "import no_such_module")
    with pytest.raises(RunError, match=r"fresh process: ModuleNotFoundError: .*no_such_module"):
        check.check_export("keras", models, tmp_path)


def test_a_folder_of_something_else_is_not_replaced(models, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="contains files that are not an export"):
        export.export_models(models, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_unknown_formats_and_missing_packages_are_named(models, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match=r"unknown format 'h5'.*saved_model, onnx, keras"):
        export.export_models(models, tmp_path / "out", format="h5")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"tf2onnx, onnx, onnxruntime not installed.*\[onnx\]"):
        check_format("onnx")


@pytest.mark.parametrize("size", [(16, 16), (480, 640), (33, 47), (31, 200), (17, 16)])
def test_resizing_by_area_is_within_one_gray_level_of_opencv(size):
    frames = np.random.default_rng(0).integers(0, 256, (3, *size, 3), dtype=np.uint8)
    expected = [cv2.resize(frame, (16, 16), interpolation=cv2.INTER_AREA) for frame in frames]
    found = graph.resize(frames, (16, 16)).numpy()
    assert np.abs(found - expected).max() <= 1
    assert np.mean(found != expected) < 0.01
    if size == (16, 16):
        np.testing.assert_array_equal(found, frames)


@pytest.mark.parametrize("size", [(9, 40), (40, 9), (5, 7)])
def test_resizing_where_a_side_grows_is_linear_as_in_training(size):
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 1), dtype=np.uint8)
    expected = [cv2.resize(f, (16, 12), interpolation=cv2.INTER_LINEAR) for f in frames]
    found = graph.resize(frames, (12, 16)).numpy()[..., 0]
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("size", [(9, 40), (48, 64), (31, 17)])
def test_antialiased_resizing_is_within_one_gray_level_of_training(size):
    frames = np.random.default_rng(0).integers(0, 256, (2, *size, 3), dtype=np.uint8)
    expected = [resized(frame, (12, 16), antialias=True) for frame in frames]
    found = graph.resize(frames, (12, 16), antialias=True).numpy()
    assert np.abs(found - expected).max() <= 1


def test_rows_of_a_picture_of_two_grays_are_weighed_by_their_share():
    """Three rows 0, 90, 240 to two: (0 + 90/2) / 1.5 = 30 and (90/2 + 240) / 1.5 = 190."""
    frame = np.array([0, 90, 240], np.uint8).reshape(1, 3, 1, 1)
    np.testing.assert_array_equal(graph.resize(frame, (2, 1)).numpy().ravel(), [30, 190])


def mean_logit(shape):
    """Network whose one logit is the mean of its input."""
    values = keras.Input(shape)
    mean = keras.layers.Flatten()(values)
    logits = keras.layers.Dense(1, kernel_initializer="ones", use_bias=False, name="logits")(mean)
    logits = keras.layers.Rescaling(1 / np.prod(shape), name="mean")(logits)
    return keras.Model(values, logits)


def ensemble(clip, *networks):
    description = Description.model_validate(
        {
            **{"schema": 1, "paper": "bline", "variant": "", "model": "c2d_a", "options": {}},
            **{"labels": ["no", "yes"], "clip": clip.model_dump()},
        }
    )
    return Ensemble(description, (), networks, tuple(map(predictor_of, networks)))


def test_frames_that_a_video_lacks_are_zero_after_scaling_and_surplus_ones_are_left_out():
    """White frames are 1: two of four give a mean of 1/2, six of four a mean of 1."""
    clip = ClipConfig(unit="video", fps=10.0, frames=4, size=(6, 6), channels=3)
    models = ensemble(clip, mean_logit((4, 6, 6, 3)))
    for given, mean in ((2, 0.5), (6, 1.0)):
        clips = np.full((1, given, 12, 12, 1), 255, np.uint8)
        found = graph.compute(clips, models)
        np.testing.assert_allclose(found["logits"], [[mean]], rtol=1e-6)
        positive = 1 / (1 + np.exp(-mean))
        np.testing.assert_allclose(found["probabilities"], [[1 - positive, positive]], rtol=1e-6)


def test_single_frames_keep_their_axis_of_time_outside_and_lose_it_inside():
    clip = ClipConfig(unit="frame", fps=None, frames=1, size=(6, 6), channels=3, colour=True)
    models = ensemble(clip, mean_logit((6, 6, 3)), mean_logit((6, 6, 3)))
    assert graph.input_shape(models) == (None, 1, None, None, 3)
    found = graph.compute(np.full((2, 1, 8, 8, 3), 51, np.uint8), models)
    np.testing.assert_allclose(found["logits"], [[0.2], [0.2]], rtol=1e-6)


@pytest.mark.parametrize(("outputs", "multilabel"), [(1, False), (4, False), (1, True), (4, True)])
def test_the_graph_decodes_as_the_papers_do(outputs, multilabel):
    logits = np.linspace(-5, 7, 3 * outputs, dtype=np.float32).reshape(3, outputs)
    expected = (each_apart if multilabel else to_probabilities)(logits)
    placeholder = keras.Input((outputs,))
    held = keras.Model(placeholder, graph.probabilities(placeholder, multilabel))
    for found in (graph.probabilities(logits, multilabel), held(logits)):
        np.testing.assert_allclose(found, expected, atol=1e-6)
