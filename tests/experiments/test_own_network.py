"""A network of twenty lines outside the package: its row, its report, its predict, its export."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import lus_keras  # noqa: E402
from lus_keras.cli import main  # noqa: E402
from lus_keras.core import config  # noqa: E402
from lus_keras.core.errors import ConfigError  # noqa: E402
from lus_keras.core.files import sha256_of  # noqa: E402
from lus_keras.evaluation.run_record import read_predictions  # noqa: E402
from lus_keras.inference.predict import load_models, predict_video  # noqa: E402
from lus_keras.papers.own import from_file, from_function, outputs_of, with_networks  # noqa: E402

MINE = """
import keras
from keras import layers


def build_tiny(*, input_shape, num_outputs):
    clip = keras.Input(input_shape)
    x = layers.GlobalAveragePooling3D()(layers.Rescaling(4.0)(clip))
    x = layers.Dense(3, activation="tanh", name="features")(x)
    return keras.Model(clip, layers.Dense(num_outputs, name="logits")(x))
"""
SETTINGS = ("clip.frames=4", "clip.stride=3", "clip.size=[16, 16]", "fit.epochs=2")


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.fixture(scope="module")
def run(trained, mine):
    """The run of the paper's network, continued with one of the user's beside it."""
    words = ["--data", trained.manifest, "--preset", "smoke", "--model", "c2d_lstm_a"]
    out = mine.parent / "run"
    words += [*(f"--set={text}" for text in SETTINGS), "--out", out]
    for more in ([], ["--network", f"{mine}:build_tiny", "--model", "build_tiny"]):
        result = invoke("reproduce", "bline/table1", *words, *more)
        assert result.exit_code == 0, result.output
    return out


def test_it_has_a_row_beside_the_papers_and_a_claim(run, mine):
    record = json.loads((run / "run.json").read_text())["papers"]["bline"]
    assert record["networks"]["build_tiny"] == {
        "file": str(mine),
        "function": "build_tiny",
        "sha256": sha256_of(mine),
        "parameters": (1 * 3 + 3) + (3 * 2 + 2),
    }
    rows = json.loads((run / "report" / "results.json").read_text())["rows"]
    values = {row["row"]: row["value"] for row in rows if row["metric"] == "brier"}
    assert None not in (values["build_tiny"], values["c2d_lstm_a"])
    claim = next(row for row in rows if row["row"] == "build_tiny_over_c2d_lstm_a")
    assert claim["n_patients"] == 4
    for name in ("index.html", "report.md", "tables/bline_table1.tex"):
        assert "tiny" in (run / "report" / name).read_text(), name


def test_its_predictions_come_back_without_its_file(run, trained, mine, tmp_path):
    """Predict builds it from model.json; what is said of the fold's clips is what was written."""
    folder = run / "bline" / "manifest" / "build_tiny" / "fold_0"
    written = read_predictions(folder / "predictions.csv").set_index("clip_id")["p_1"]
    source = mine.read_text()
    mine.unlink()
    try:
        models = load_models(run, model="build_tiny", fold=0)
        found = {
            clip_id: chances[1]
            for row in trained.videos
            for predicted in [predict_video(models, row)]
            for clip_id, chances in zip(predicted.clip_ids, predicted.probabilities, strict=True)
        }
        np.testing.assert_allclose(
            [found[clip_id] for clip_id in written.index], written, atol=1e-5
        )
        result = invoke(
            *("export", run, "--model", "build_tiny", "--out", tmp_path / "out"),
            *("--format", "keras"),
        )
        assert result.exit_code == 0, result.output
    finally:
        mine.write_text(source)
    assert "| table1 | brier |" in (tmp_path / "out" / "model_card.md").read_text()


def test_a_function_that_changed_is_not_mixed_with_what_it_was(run, trained, mine):
    words = ["--data", trained.manifest, "--preset", "smoke", "--model", "build_tiny"]
    words += [*(f"--set={text}" for text in SETTINGS), "--out", run]
    source = mine.read_text()
    mine.write_text(source.replace("Dense(3", "Dense(4"))
    result = invoke("reproduce", "bline/table1", *words, "--network", f"{mine}:build_tiny")
    mine.write_text(source)
    assert result.exit_code == 2
    assert "bline: the function build_tiny has changed since its network was trained" in (
        result.output
    )


def flat(*, input_shape):
    """One logit a class of the mean gray level."""
    import keras

    clip = keras.Input(input_shape)
    mean = keras.layers.GlobalAveragePooling3D()(clip)
    return keras.Model(clip, keras.layers.Dense(2, name="logits")(mean))


def test_python_gets_a_table_with_intervals(trained, tmp_path):
    table = lus_keras.evaluate(
        flat,
        paper="bline",
        data=str(trained.manifest),
        preset="smoke",
        overrides=SETTINGS,
        out=tmp_path / "run",
    )
    own = table[table["row"] == "flat"].set_index("metric")
    assert own.loc["accuracy", "n_patients"] == 4
    low, value, high = own.loc["brier", ["ci_low", "value", "ci_high"]]
    assert low <= value <= high
    assert table.attrs["run"] == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return 3", r"must return a keras.Model. Received int"),
        ("return model(3, 'logits')", r"must return logits of shape .*, 2\). Received \(None, 3\)"),
        ("return model(2, 'last')", r"must have a last layer named 'logits'"),
        ("return model(2, 'logits', 'softmax')", r"must return logits, without a softmax"),
        ("raise KeyError('x')", r"raised KeyError: 'x'"),
    ],
)
def test_what_does_not_suit_is_refused_with_what_is_wanted(tmp_path, body, reason):
    path = tmp_path / "mine.py"
    path.write_text(
        "import keras\n\n\ndef build(*, input_shape):\n"
        "    def model(outputs, name, activation=None):\n"
        "        clip = keras.Input(input_shape)\n"
        "        mean = keras.layers.GlobalAveragePooling3D()(clip)\n"
        "        dense = keras.layers.Dense(outputs, activation=activation, name=name)\n"
        f"        return keras.Model(clip, dense(mean))\n    {body}\n"
    )
    settings = config.load("bline", "smoke")
    with pytest.raises(ConfigError, match=rf"--network .*mine.py:build: {reason}"):
        with_networks(settings, [from_file(f"{path}:build")])


def test_names_files_and_papers_are_checked(tmp_path):
    for spec in ("mine.py", "mine:build", f"{tmp_path / 'none.py'}:build"):
        with pytest.raises(ConfigError, match="--network"):
            from_file(spec)
    with pytest.raises(ConfigError, match="must be a function defined by `def`"):
        from_function(lambda input_shape: None)
    known = {name: outputs_of(config.load(name)) for name in config.papers()}
    assert known == {"bline": 2, "severity": 4, "signs": 4, "sliding": 1}
