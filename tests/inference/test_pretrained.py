"""Networks by name: the numbers of their run, offline, and nothing that was changed."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.core.environment import start_tensorflow

start_tensorflow()
import lus_keras  # noqa: E402
from lus_keras.cli import main  # noqa: E402
from lus_keras.core.errors import ConfigError, DataError, RunError  # noqa: E402
from lus_keras.core.files import sha256_of  # noqa: E402
from lus_keras.data.pipeline import network_input  # noqa: E402
from lus_keras.inference.predict import load_models, predict_video  # noqa: E402
from lus_keras.inference.predict.load import build_network  # noqa: E402
from lus_keras.inference.pretrained import _differences, register  # noqa: E402
from lus_keras.models.pretrained import registry  # noqa: E402

NAME = "bline/tiny"


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def registered(trained):
    """Folder of the entry that the command line wrote."""
    result = invoke("export", trained.run, "--fold", 1, "--as", NAME)
    assert result.exit_code == 0, result.output
    return registry.user_root() / NAME


def test_a_name_predicts_what_its_run_predicts(trained, registered):
    """Half precision keeps 11 bits of each kernel: probabilities to about a hundredth."""
    row = trained.videos[1]
    expected = predict_video(load_models(trained.run, fold=1), row)
    found = predict_video(load_models(NAME), row)
    assert found.clip_ids == expected.clip_ids
    assert np.ptp(expected.probabilities) > 1e-3
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=5e-3)
    result = invoke("predict", NAME, row.video, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    assert said["folds"] == ["fold_1"]
    np.testing.assert_allclose(said["videos"][0]["probabilities"], found.mean, atol=1e-6)


def test_the_entry_holds_what_the_run_recorded(trained, registered):
    entry = json.loads((registered / "entry.json").read_text())
    run = json.loads((trained.run / "run.json").read_text())
    results = json.loads((trained.run / "report" / "results.json").read_text())["rows"]
    assert entry["recipe"]["command"] == run["papers"]["bline"]["command"]
    (measured,) = entry["measured"]
    assert all(row in results for row in measured["rows"])
    assert {row["row"] for row in measured["rows"]} == {"c2d_lstm_a"}
    assert "roc_auc" in {row["metric"] for row in measured["rows"]}
    (file,) = entry["files"]
    assert file["sha256"] == sha256_of(registered / file["name"])
    card = (registered / "card.md").read_text()
    assert "For research only" in card and "| table1 | roc_auc |" in card


def test_a_card_says_how_good_a_network_is_on_other_data(trained, tmp_path):
    """Its numbers are those that `predict` wrote; a folder about another network is refused."""
    out, root = tmp_path / "out", tmp_path / "weights"
    arguments = ("--manifest", trained.manifest, "--no-pictures", "--out", out)
    assert invoke("predict", trained.run, *arguments).exit_code == 0
    export = ("export", trained.run, "--as", NAME, "--into", root, "--measured", out)
    assert invoke(*export).exit_code == 0
    entry = json.loads((root / NAME / "entry.json").read_text())
    said = json.loads((out / "metrics.json").read_text())
    assert list(entry["measured"][1]["rows"]) == said["rows"]
    assert "On `manifest`, which it was not trained on:" in (root / NAME / "card.md").read_text()
    (out / "metrics.json").write_text(json.dumps({**said, "model": "bline/c2d_a"}))
    refused = invoke(*export)
    assert refused.exit_code != 0
    assert f"{out}: has no results of bline/c2d_lstm_a" in refused.output


def test_kernels_are_stored_in_half_precision_and_vectors_in_single(registered):
    arrays = registry.read_safetensors(registered / "fold_1.safetensors")
    assert {values.dtype.name for values in arrays.values() if values.ndim > 1} == {"float16"}
    assert {values.dtype.name for values in arrays.values() if values.ndim < 2} == {"float32"}
    large = registry.halved({"a": np.array([[1e5, 1.0]], np.float32)})["a"]
    np.testing.assert_array_equal(large, [[1e5, 1.0]])


def test_python_gets_a_keras_model_with_its_contract(trained, registered):
    model = lus_keras.load_pretrained(NAME)
    assert model.contract["labels"] == ["non-B-line", "B-line"]
    assert "For research only" in model.contract["use"]
    assert lus_keras.list_pretrained()[NAME].parameters == model.count_params()
    models = load_models(NAME)
    clips = np.random.default_rng(0).integers(0, 256, (2, 4, 16, 16, 1), dtype=np.uint8)
    length = np.full(2, 4)
    logits = model.predict(np.asarray(network_input(clips, length, models.clip)), verbose=0)
    np.testing.assert_allclose(logits, models.predict(clips, length)["logits"], atol=1e-5)


def test_a_file_that_was_changed_is_refused(registered, tmp_path, monkeypatch):
    """One bit of the last weight."""
    shutil.copytree(registered, tmp_path / NAME)
    monkeypatch.setenv("LUS_KERAS_WEIGHTS", str(tmp_path))
    path = tmp_path / NAME / "fold_1.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"fold_1.safetensors: sha256 is not that of entry.json"):
        load_models(NAME)
    path.unlink()
    with pytest.raises(DataError, match=r"fold_1.safetensors: cannot be read"):
        load_models(NAME)


def test_names_that_are_not_there_are_named_with_what_is(registered):
    result = invoke("predict", "bline/tinny", "exam.mp4")
    assert result.exit_code == 4
    assert f"Did you mean '{NAME}'?" in result.output
    with pytest.raises(ConfigError, match=r"has no fold_0. It has: fold_1"):
        load_models(NAME, fold=0)
    for name in ("tiny", "../bline/tiny", "bline/../tiny", "/bline/tiny", "bline/"):
        assert not registry.is_registered(name)
        with pytest.raises(ConfigError, match="--as"):
            registry.check_name(name)


def test_list_names_it_with_its_numbers(registered, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    output = invoke("list").output
    line = next(line for line in output.splitlines() if NAME in line)
    assert "manifest: roc_auc" in line and "4 patients" in line and "yours" in line


def test_a_recipe_without_weights_makes_the_same_weights_again(
    trained, registered, tmp_path, monkeypatch
):
    before = {p.name: p.read_bytes() for p in registered.glob("*.safetensors")}
    monkeypatch.setenv("LUS_KERAS_WEIGHTS", str(tmp_path))
    models = load_models(trained.run, fold=1)
    register(models, NAME, weights=False)
    with pytest.raises(ConfigError, match=f"lus-keras pretrain {NAME}"):
        load_models(NAME)
    monkeypatch.setenv("LUS_KERAS_CACHE", str(tmp_path / "cache"))
    result = invoke("pretrain", NAME, "--fold", 1)
    assert result.exit_code == 0, result.output
    assert {p.name: p.read_bytes() for p in (tmp_path / NAME).glob("*.safetensors")} == before


def test_numbers_are_of_a_report_and_half_precision_must_not_change_what_is_said(trained, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(trained.run, run)
    (run / "report" / "results.json").unlink()
    with pytest.raises(RunError, match=r"run: has no results of bline/c2d_lstm_a"):
        register(load_models(run), "bline/other")
    models = load_models(trained.run, fold=0)
    weights = [np.asarray(weight) for weight in models.networks[0].weights]
    weights[-2] = weights[-2] * 20
    stored = {str(number): values for number, values in enumerate(weights)}
    with pytest.raises(RunError, match=r"half precision \(float16\) changes"):
        _differences(models, {"fold_0.safetensors": stored})


def test_a_backbone_is_what_training_starts_from(trained_severity, tmp_path, monkeypatch):
    """The convolutions of the run's AlexNet, rounded to half precision; all else stays."""
    monkeypatch.setenv("LUS_KERAS_WEIGHTS", str(tmp_path))
    models = load_models(trained_severity.run, fold=0)
    register(models, "severity/alexnet", backbone=True)
    with pytest.raises(ConfigError, match=r"options.weights=severity/alexnet"):
        load_models("severity/alexnet")
    fresh = build_network(models.description)
    expected = {layer.name: layer.get_weights() for layer in models.networks[0].layers}
    kept = {layer.name: layer.get_weights() for layer in fresh.layers}
    loaded = lus_keras.load_torch_weights(fresh, "severity/alexnet")
    assert len(loaded.loaded) == 10
    for layer in fresh.layers:
        wanted = expected if layer.name.startswith("backbone_conv") else kept
        for found, values in zip(layer.get_weights(), wanted[layer.name], strict=True):
            np.testing.assert_allclose(found, values, rtol=1e-3, atol=1e-6)


def test_what_ships_is_whole_small_and_made_by_a_recipe_that_anyone_can_run():
    shipped = [found for name in registry.names() if (found := registry.find(name)).ships]
    assert sum(found.size for found in shipped) <= 12e6
    for found in shipped:
        for file in found.entry.files:
            assert registry.read_arrays(found, file)
        command = found.entry.recipe.command
        assert command.startswith("lus-keras reproduce ") and "--data" not in command
        assert "For research only" in (found.folder / registry.CARD).read_text()
    assert (registry.SHIPPED / "README.md").is_file()
