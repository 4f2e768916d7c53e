"""Temperature and operating point, of logits whose answers are known."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import log_loss

from lus_keras.core import config
from lus_keras.core.errors import ConfigError
from lus_keras.evaluation.metrics import log_loss_of
from lus_keras.experiments.training.calibration import calibrate
from lus_keras.papers.base import each_apart, to_probabilities


def drawn(temperature, count=6000, outputs=2):
    """Labels drawn by the probabilities of logits, and these logits times the temperature."""
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (count, outputs))
    chances = to_probabilities(logits)
    labels = (rng.random((count, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    return logits * temperature, np.minimum(labels, outputs - 1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("outputs", [2, 4])
def test_the_temperature_that_labels_were_drawn_with_is_found(temperature, outputs):
    logits, labels = drawn(temperature, outputs=outputs)
    said = calibrate(logits, labels, to_probabilities)
    assert said["temperature"] == pytest.approx(temperature, rel=0.1)
    before, after = said["log_loss"]
    assert after <= before == pytest.approx(log_loss(labels, to_probabilities(logits)))
    assert (said["threshold"] is None) == (outputs != 2)


def test_one_logit_and_labels_apart_are_calibrated_too():
    logits, labels = drawn(2.0)
    single = logits[:, 1:] - logits[:, :1]
    assert calibrate(single, labels, to_probabilities)["temperature"] == pytest.approx(2, rel=0.1)
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, (6000, 3))
    shown = (rng.random(values.shape) < each_apart(values)).astype(int)
    said = calibrate(values * 2, shown, each_apart)
    assert said["temperature"] == pytest.approx(2, rel=0.1)
    assert said["threshold"] is None


def test_the_operating_point_lies_between_the_scores_it_parts():
    """Negatives at 0.1, 0.2, 0.6; positives at 0.5, 0.7, 0.9: Youden is highest at 0.35 (2/3)."""
    chances = np.array([0.1, 0.2, 0.6, 0.5, 0.7, 0.9])
    labels = np.array([0, 0, 0, 1, 1, 1])
    logits = np.log(chances / (1 - chances))[:, None]
    said = calibrate(logits, labels, lambda values: to_probabilities(logits))
    assert said["threshold"] == pytest.approx(0.35)
    assert (said["sensitivity"], said["specificity"]) == pytest.approx((1.0, 2 / 3))
    alone = calibrate(logits, np.ones(6, int), to_probabilities)
    assert alone["threshold"] is None


def test_log_loss_by_hand():
    assert log_loss_of([0, 1], [[0.5, 0.5], [0.75, 0.25]]) == pytest.approx(math.log(8) / 2)
    assert log_loss_of([[1, 0]], [[0.5, 0.5]]) == pytest.approx(math.log(2))


def test_it_needs_patients_to_validate_on_and_leaves_other_runs_as_they_are():
    with pytest.raises(ConfigError, match=r"fit.calibrate: temperature needs validation patients"):
        config.load("bline", overrides=["fit.calibrate=temperature"])
    words = ["fit.calibrate=temperature", "split.scheme=holdout", "split.validation_fraction=0.2"]
    assert config.load("bline", overrides=words).experiment()["fit"]["calibrate"] == "temperature"
    assert config.load("bline").experiment()["fit"]["calibrate"] == "none"


def test_a_calibrated_run_predicts_and_exports_calibrated(tmp_path, trained, tensorflow):
    """What is written, predicted and exported divides by the same temperature."""
    from click.testing import CliRunner

    from lus_keras.cli import main
    from lus_keras.evaluation.run_record import read_predictions
    from lus_keras.inference.export import export_models
    from lus_keras.inference.predict import load_models, predict_video

    settings = ("clip.frames=4", "clip.stride=3", "clip.size=[16, 16]", "model.dense_units=6")
    settings += ("model.filters=[3, 4]", "fit.epochs=3", "fit.learning_rate=0.02")
    settings += ("split.scheme=holdout", "split.validation_fraction=0.4", "split.repeats=1")
    words = [
        "reproduce",
        "bline/table1",
        "bline/robustness",
        "--data",
        str(trained.manifest),
        "--preset",
        "smoke",
    ]
    words += ["--model", "c2d_lstm_a", "--set", "fit.calibrate=temperature"]
    words += [f"--set={text}" for text in settings]
    result = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, result.output
    models = load_models(tmp_path / "run")
    (said,) = models.calibrations
    assert said["patients"] >= 1 and said["temperature"] != 1.0
    written = read_predictions(models.folders[0] / "predictions.csv").set_index("clip_id")
    compared = 0
    for row in trained.videos:
        found = predict_video(models, row)
        expected = to_probabilities(found.logits / said["temperature"])
        np.testing.assert_allclose(found.probabilities, expected, rtol=1e-6)
        for clip_id, chances in zip(found.clip_ids, found.probabilities, strict=True):
            if clip_id in written.index:
                assert chances[1] == pytest.approx(written.loc[clip_id, "p_1"], abs=1e-5)
                compared += 1
    assert compared == len(written)
    undisturbed = np.load(models.folders[0] / "robustness.npz")
    np.testing.assert_allclose(
        undisturbed["none"][:, 1], written.loc[undisturbed["clip_id"], "p_1"], atol=1e-5
    )
    _, gaps = export_models(models, tmp_path / "out", format="keras")
    assert gaps["probabilities"] <= 1e-5
    contract = json.loads((tmp_path / "out" / "contract.json").read_text())
    assert contract["calibration"] == [said]
