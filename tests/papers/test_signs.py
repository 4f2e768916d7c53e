"""The paper on four signs: network options, weights of the user, protocol, table and figures.

A run of a tiny network on a small simulated cohort is made once, through the command line.
"""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from fake_run import revouch
from sklearn import metrics as sk

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import keras  # noqa: E402

from lus_keras import build_model, papers  # noqa: E402
from lus_keras.cli import main  # noqa: E402
from lus_keras.core import config  # noqa: E402
from lus_keras.core.errors import ConfigError, DataError  # noqa: E402
from lus_keras.core.style import png_bytes  # noqa: E402
from lus_keras.data.manifest import SIGNS  # noqa: E402
from lus_keras.evaluation.run_record import read_run  # noqa: E402
from lus_keras.evaluation.run_record.settings import Settings  # noqa: E402
from lus_keras.evaluation.tables.drawings import mistakes_drawing  # noqa: E402
from lus_keras.evaluation.tables.multiclass import mistakes  # noqa: E402
from lus_keras.experiments.report import write_report  # noqa: E402
from lus_keras.layers import BatchNormalization  # noqa: E402
from lus_keras.models.pretrained.torch_weights import to_torch_state  # noqa: E402
from lus_keras.papers.signs import (  # noqa: E402
    build,
    copy_keras_weights,
    tables,
)
from lus_keras.papers.signs.pictures import figure1, figure2  # noqa: E402

pytestmark = pytest.mark.usefixtures("shallow_resnet152")
TINY = ("clip.size=[32, 32]", "model.width=4")
COHORT = ("cohort.patients=20", "cohort.videos=32", "cohort.duration_s=1.0")
SMALL = (*TINY, *COHORT, "fit.precision=float32")
SIGNS_PAPER = papers.get("signs")


def reproduce(out: Path, *overrides: str, target: str = "signs/table1"):
    options = [part for override in (*SMALL, *overrides) for part in ("--set", override)]
    arguments = ["reproduce", target, "--preset", "smoke", *options, "--out", str(out)]
    return CliRunner().invoke(main, arguments)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, and what it printed."""
    out = tmp_path_factory.mktemp("signs") / "run"
    result = reproduce(out, "fit.epochs=2")
    assert result.exit_code == 0, result.output
    return out, result.output


def predictions_of(out: Path) -> pd.DataFrame:
    (path,) = out.rglob("predictions.csv")
    return pd.read_csv(path, dtype={"patient_id": str})


def cells_of(out: Path) -> dict:
    rows = json.loads((out / "report" / "results.json").read_text())["rows"]
    return {(cell["row"], cell["metric"]): cell for cell in rows}


# The network


def test_moving_averages_forget_as_told():
    def momenta(**options):
        model = build_model("resnet152", input_shape=(32, 32, 3), **options)
        return {layer.momentum for layer in model.layers if isinstance(layer, BatchNormalization)}

    small = {"blocks": (1, 1, 1, 1), "width": 4}
    assert momenta(**small) == {0.9}
    assert momenta(**small, bn_momentum=0.5) == {0.5}


def test_every_preset_has_the_depth_of_resnet152_and_all_but_quick_its_width():
    for preset in config.PRESETS:
        settings = config.load("signs", preset)
        assert "blocks" not in settings.model
        assert settings.model["width"] == (16 if preset == "quick" else 64)
        assert settings.models["resnet152"].parameters == 58_303_428
        assert settings.clip.channels == 3 and settings.clip.shape[2] == 3


def test_every_setting_the_paper_does_not_print_is_labeled_so():
    settings = config.load("signs")
    values = settings.experiment()
    stated = {"unit", "frames", "fps", "stride", "min_frames", "tile", "tile_step", "tile_rows"}
    stated |= {"padding", "short"}  # single frames have no length
    open_ones = {f"clip.{key}" for key in values["clip"] if key not in {*stated, "colour"}}
    open_ones |= {f"fit.{key}" for key in ("optimizer", "learning_rate", "batch_size", "epochs")}
    open_ones |= {"fit.select", "fit.augment", "split.validation_fraction", "options.weights"}
    for field in open_ones:
        choice = settings.choices[field]
        assert choice.label == "X" and "invented" in choice.why, field
    assert settings.fit.select == "val_accuracy" and settings.split.scheme == "holdout"


def test_decoding_is_a_softmax():
    """Logits ln 1, ln 2, ln 3, ln 4 stand as 1 : 2 : 3 : 4."""
    found = SIGNS_PAPER.decode(np.log([[1.0, 2.0, 3.0, 4.0]]))
    np.testing.assert_allclose(found, [[0.1, 0.2, 0.3, 0.4]], rtol=1e-12)


# Weights


def with_weights(path, *overrides):
    return config.load("signs", "smoke", [*TINY, f"options.weights={path}", *overrides])


def test_a_torchvision_file_fills_all_but_the_head(tmp_path):
    """ImageNet's head of 1,000 classes has no place among four signs."""
    keras.utils.set_random_seed(1)
    shape = (32, 32, 3)
    imagenet = build_model(
        "resnet152", input_shape=shape, blocks=(1, 1, 1, 1), width=4, num_outputs=1000
    )
    path = tmp_path / "resnet152.npz"
    np.savez(path, **to_torch_state(imagenet))
    keras.utils.set_random_seed(2)
    model = build("resnet152", with_weights(path))
    assert model.get_layer("logits").kernel.shape == (128, 4)
    for layer in imagenet.layers[:-1]:
        for ours, theirs in zip(
            model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def named_layers(*sizes, prefix="conv"):
    frame = x = keras.Input((4,))
    for number, size in enumerate(sizes):
        x = keras.layers.Dense(size, name=f"{prefix}{number}")(x)
    return keras.Model(frame, keras.layers.Dense(len(sizes), name="logits")(x))


def test_a_keras_file_fills_layers_by_name_and_names_what_differs(tmp_path):
    given, path = named_layers(3, 5), tmp_path / "given.keras"
    given.save(path)
    model = named_layers(3, 5)
    before = model.get_layer("logits").get_weights()
    assert copy_keras_weights(model, path) == ["conv0", "conv1"]
    np.testing.assert_array_equal(model.layers[1].kernel, given.layers[1].kernel)
    np.testing.assert_array_equal(model.get_layer("logits").get_weights()[0], before[0])
    with pytest.raises(DataError, match=r"'conv1' has shapes \[\(3, 5\).*\(3, 6\)"):
        copy_keras_weights(named_layers(3, 6), path)
    with pytest.raises(DataError, match="has no layer 'stem0'"):
        copy_keras_weights(named_layers(3, prefix="stem"), path)
    path.write_bytes(b"no archive")
    with pytest.raises(DataError, match="cannot be read as a Keras model"):
        copy_keras_weights(model, path)


def test_a_file_that_does_not_suit_the_variant_is_refused(tmp_path):
    for name, overrides in (("a.keras", ()), ("a.pth", ("model.variant=v1",))):
        (tmp_path / name).touch()
        with pytest.raises(ConfigError, match=r"options\.weights: must be null or a file ending"):
            build("resnet152", with_weights(tmp_path / name, *overrides))
    with pytest.raises(DataError, match="is not a file"):
        build("resnet152", with_weights(tmp_path / "absent.pth"))
    with pytest.raises(ConfigError, match="Received 3"):
        build("resnet152", with_weights(3))
    with pytest.raises(ConfigError, match=r"unknown key 'options\.wieghts'"):
        build("resnet152", config.load("signs", "smoke", [*TINY, "options.wieghts=a"]))


# Figures of the simulator


def test_figure_1_shows_the_signs_and_figure_2_the_steps_of_this_run():
    settings = Settings.model_validate(config.load("signs", "smoke").experiment())
    targets = SimpleNamespace(targets=["figure1", "figure2"])
    asked = SimpleNamespace(record=targets, seed=0, settings=settings)
    assert figure1(SimpleNamespace(record=SimpleNamespace(targets=None), seed=0)) is None
    signs = [axes.get_title() for axes in figure1(asked).figure.axes]
    assert [title.partition(": ")[2] for title in signs] == list(tables.CLASSES.values())
    steps = {axes.get_title(): axes.images[0].get_array() for axes in figure2(asked).figure.axes}
    assert [title[0] for title in steps] == list("123456")
    cut, masked, small = (steps[name] for name in ("3: cropped", "4: masked", "5: resized"))
    assert masked.shape == cut.shape < steps["1: as stored"].shape
    assert small.shape == settings.clip.size == (32, 32)
    # What is masked is black, the rest as it was.
    changed = masked != cut
    assert (masked[changed] == 0).all()


# The run


def test_frames_of_a_patient_stand_on_one_side(run):
    """20 patients: a fifth, 4, are tested; a tenth of the others, 2, choose the epoch."""
    out, _ = run
    (fold,) = json.loads((out / "split.json").read_text())["papers"]["signs"]["folds"]
    sides = [set(fold[side]) for side in ("train", "test", "validation")]
    assert [len(side) for side in sides] == [14, 4, 2]
    assert len(set.union(*sides)) == 20
    tested = predictions_of(out)
    assert set(tested["patient_id"]) == sides[1]
    assert (tested.groupby("video_id").size() == 4).all()
    assert (tested.groupby("video_id")["y_true"].nunique() == 1).all()


def test_the_table_is_that_of_the_predictions(run):
    out, printed = run
    table = predictions_of(out)
    truth = table["y_true"]
    answer = table[[f"p_{number}" for number in range(4)]].to_numpy().argmax(1)
    cells = cells_of(out)
    for number, sign in enumerate(SIGNS):
        binary = (truth == number, answer == number)
        assert cells[sign, "recall"]["value"] == pytest.approx(100 * sk.recall_score(*binary))
        assert cells[sign, "f1"]["value"] == pytest.approx(100 * sk.f1_score(*binary))
        assert cells[sign, "accuracy"]["value"] == pytest.approx(100 * sk.accuracy_score(*binary))
    total = {metric: cells["total", metric] for metric in ("accuracy", "recall", "kappa")}
    assert total["accuracy"]["value"] == pytest.approx(100 * sk.accuracy_score(truth, answer))
    assert total["recall"]["value"] == pytest.approx(
        100 * sk.balanced_accuracy_score(truth, answer)
    )
    assert total["kappa"]["value"] == pytest.approx(sk.cohen_kappa_score(truth, answer), abs=1e-12)
    assert total["accuracy"]["baseline"] == pytest.approx(
        100 * truth.value_counts().max() / len(truth)
    )
    assert [total[metric]["published"] for metric in total] == [90.70, 90.70, 0.8737]
    assert "Classification of four signs" in printed and "0.8737" in printed


def test_weights_open_choices_and_inconsistencies_are_printed(run):
    out, printed = run
    assert "[X] options.weights = None: invented" in printed
    report = (out / "report" / "report.md").read_text()
    assert "Initial weights: random." in report
    assert "equals the mean recall (90.695 %)" in report
    assert "swaps the totals" in report


def test_a_table_is_rebuilt_from_predictions_alone(run, tmp_path):
    out, _ = run
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    shutil.rmtree(copy / "report")
    for weights in copy.rglob("*.h5"):
        weights.unlink()
    write_report(copy)
    for name in ("results.json", "report.md"):
        assert (copy / "report" / name).read_text() == (out / "report" / name).read_text()


def test_the_most_confident_mistakes_are_kept_and_shown(run):
    out, _ = run
    model = read_run(out)[1]["signs"].model("resnet152")
    table = predictions_of(out).set_index("clip_id")
    chances = table[[f"p_{number}" for number in range(4)]].to_numpy()
    wrong = table.assign(sure=chances.max(1))[chances.argmax(1) != table["y_true"]]
    surest = wrong.sort_values("sure", ascending=False).drop_duplicates("video_id")
    assert len(surest) > 1
    pictures = mistakes(model, tables.CLASSES)
    assert [picture.caption for picture in pictures] == list(surest.index[:12])
    assert pictures[0].pixels.shape == (32, 32)
    drawn = mistakes_drawing("mistakes", "", "", pictures).figure
    drawn.suptitle("SIMULATED DATA", x=0.99, ha="right", fontsize=8, color="#8a1c1c")
    written = (out / "report" / "figures" / "signs_mistakes.png").read_bytes()
    assert written == png_bytes(drawn)


def test_classes_that_no_tested_frame_shows_are_null(run, tmp_path):
    """As in COVID-BLUES: A-lines and B-lines alone."""
    out, _ = run
    copy = tmp_path / "copy"
    shutil.copytree(out, copy)
    (path,) = copy.rglob("predictions.csv")
    table = pd.read_csv(path, dtype=str)
    table[table["y_true"].isin(["0", "1"])].to_csv(path, index=False)
    revouch(path.parent)
    write_report(copy)
    cells = cells_of(copy)
    for metric in ("precision", "specificity", "f1", "recall", "accuracy", "roc_auc"):
        for sign in SIGNS[2:]:
            assert cells[sign, metric]["value"] is None
            assert cells[sign, metric]["ci_low"] is None
            assert cells[sign, metric]["note"] == "n/a: no test frame of this class"
        assert (
            cells["a_lines", metric]["published"] == cells_of(out)["a_lines", metric]["published"]
        )
    recalls = [cells[sign, "recall"]["value"] for sign in SIGNS[:2]]
    assert cells["total", "recall"]["value"] == pytest.approx(np.mean(recalls))


def test_dividing_images_is_an_option_and_labeled_as_leaking(tmp_path):
    result = reproduce(tmp_path / "run", "split.scheme=image", "cohort.videos=20")
    assert result.exit_code == 0, result.output
    assert "LEAKAGE" in result.output
    (fold,) = json.loads((tmp_path / "run" / "split.json").read_text())["papers"]["signs"]["folds"]
    videos = [{name.partition("@")[0] for name in fold[side]} for side in ("train", "test")]
    assert videos[0] & videos[1]
    assert "LEAKAGE" in (tmp_path / "run" / "report" / "report.md").read_text()
