"""The reference of all keys is made from the code; a user's file lies over the paper's."""

import importlib.util
from pathlib import Path

import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core import config
from lus_keras.core.errors import ConfigError

HOOK = Path(__file__).parents[2] / ".ci" / "reference.py"


def test_every_key_of_every_paper_stands_on_the_page():
    pytest.importorskip("mkdocs")
    spec = importlib.util.spec_from_file_location("reference", HOOK)
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    page = hook.keys()
    for paper in config.papers():
        settings = config.load(paper)
        for section in ("data", "clip", "split", "fit", "cohort", "transfer", "model", "options"):
            values = getattr(settings, section)
            for key in values if isinstance(values, dict) else type(values).model_fields:
                assert f"| `{section}.{key}` |" in page


def write(tmp_path, text):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    return path


def test_a_file_lies_over_paper_and_preset_and_under_set(tmp_path):
    """Epochs: the paper's 60, the preset's 1, the file's 7, in smoke 3, by hand 5."""
    path = write(tmp_path, "fit: {epochs: 7, batch_size: 9}\npresets: {smoke: {fit: {epochs: 3}}}")
    loaded = {preset: config.load("bline", preset, file=path).fit for preset in ("quick", "smoke")}
    assert [fit.epochs for fit in loaded.values()] == [7, 3]
    assert [fit.batch_size for fit in loaded.values()] == [9, 9]
    assert config.load("bline", "smoke", ["fit.epochs=5"], file=path).fit.epochs == 5
    assert config.load("bline", "quick", file=path).fit.schedule == "cosine"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("fit: {epoch: 3}", r"my.yaml: unknown key 'fit.epoch'. Did you mean 'epochs'"),
        ("fit: {epochs: many}", r"my.yaml: fit.epochs: must be a whole number. Received 'many'"),
        ("clip: {min_frames: 31}", r"my.yaml: clip.min_frames: must be at most clip.frames, 30"),
        ("paper: sliding", r"my.yaml: paper: is 'sliding', and 'bline' is requested"),
        ("presets: {fast: {}}", r"my.yaml: unknown key 'presets.fast'"),
        ("[1, 2]", r"my.yaml: must be a mapping of keys"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_with_the_file(tmp_path, text, reason):
    with pytest.raises(ConfigError, match=reason):
        config.load("bline", file=write(tmp_path, text))
    with pytest.raises(ConfigError, match=r"--config .*none.yaml: cannot be read"):
        config.load("bline", file=tmp_path / "none.yaml")


def test_a_contradiction_is_blamed_on_what_was_set_by_hand():
    """Neither key alone is wrong; the paper's file has only one of them."""
    with pytest.raises(ConfigError, match=r"^--set clip.min_frames=31: clip.min_frames: must be"):
        config.load("bline", overrides=["clip.min_frames=31"])
    with pytest.raises(
        ConfigError, match=r"^--set fit.select=val_loss: fit.select: val_loss needs"
    ):
        config.load("bline", overrides=["fit.select=val_loss"])


def test_a_seed_given_twice_is_an_error_that_points_to_seeds():
    words = ["reproduce", "bline/table1", "--dry-run", "--preset", "smoke"]
    result = CliRunner().invoke(main, [*words, "--seed", "1", "--seed", "2", "--seed", "3"])
    assert result.exit_code == 2
    assert "--seed: was given 3 times (1, 2, 3)." in result.output
    assert "--seeds 3" in result.output
    assert "seed4" in CliRunner().invoke(main, [*words, "--seed", "4"]).output


def test_a_file_and_a_network_are_for_one_paper(tmp_path):
    path = write(tmp_path, "fit: {epochs: 7}")
    words = ["reproduce", "table1", "--dry-run", "--preset", "smoke", "--config", str(path)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert "--config: applies to one paper. Choose it with --paper" in result.output
    assert "7 epochs" in CliRunner().invoke(main, [*words, "--paper", "bline"]).output
