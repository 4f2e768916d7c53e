"""The contract of a paper: files, configuration, networks and tables fit together."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from lus_keras import papers
from lus_keras.core import config
from lus_keras.core.environment import start_tensorflow
from lus_keras.models import builders

start_tensorflow()
import keras  # noqa: E402

ROOT = Path(__file__).parents[2]
# Options of builders that count layers, channels or units; cut, a network fits into a test.
COUNTS = {"filters", "attention_filters", "width", "blocks", "dense_units", "lstm_units"}
# What a preset may change: amounts, widths, and how fast moving averages forget with few steps.
SCALE = {
    *("clip.size", "clip.fps", "clip.frames", "clip.stride", "clip.tile_step"),
    *("fit.epochs", "fit.precision", "fit.batch_size", "split.folds", "model.bn_momentum"),
    *("model.filters", "model.width"),
    # What a few steps need beside fewer of everything; printed with its reason in every run.
    *("clip.scaling", "fit.learning_rate", "fit.schedule"),
    *("clip.per_video", "options.samples", "options.frames", "options.step"),
}


# A text without authors or DOI, and a student's report that was never published elsewhere.
WITHOUT_DOI = {"sliding", "severity"}


@pytest.fixture(params=papers.names())
def name(request):
    return request.param


def test_every_package_has_a_configuration_and_every_configuration_a_package():
    modules = {path.parent.name for path in (ROOT / "lus_keras" / "papers").glob("*/__init__.py")}
    configurations = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
    assert modules == configurations == set(papers.names())


def test_a_paper_cites_a_doi_and_has_every_preset(name):
    for preset in config.PRESETS:
        settings = config.load(name, preset)
        assert re.fullmatch(r"10\.\d{4,9}/\S+", settings.doi) or name in WITHOUT_DOI
    assert settings.doi in (importlib.import_module(f"lus_keras.papers.{name}").__doc__ or "")


def changes(name, preset, variant=""):
    """Fields that a preset changes; `transfer` is not the paper's."""
    paper = config.load(name, "paper", (), variant).experiment()
    ours = config.load(name, preset, (), variant).experiment()
    return {
        f"{section}.{key}"
        for section, values in ours.items()
        if isinstance(values, dict) and section != "transfer"
        for key in {*values, *paper[section]}
        if values.get(key) != paper[section].get(key)
    }


def test_quick_and_smoke_change_amounts_and_what_few_steps_need(name):
    """Amounts of data and of training; the cohorts are amounts throughout."""
    for preset in ("quick", "smoke"):
        changed = changes(name, preset)
        assert {field for field in changed if not field.startswith("cohort.")} <= SCALE


def test_overnight_changes_only_the_size_of_clips_and_steps_that_no_paper_states(name):
    """Networks, cohort, optimizer and epochs are the paper's, in every variant."""
    settings = config.load(name)
    steps = {"fit.batch_size", "fit.learning_rate"}
    free = {field for field in steps if settings.choices[field].label == "X"}
    clips = {"clip.size", "clip.fps", "clip.frames", "clip.stride", "fit.precision"}
    for variant in ("", *settings.variants):
        assert changes(name, "overnight", variant) <= clips | free


@pytest.mark.parametrize("preset", [name for name in config.PRESETS if name != "paper"])
def test_every_field_that_a_preset_changes_is_labeled_with_its_reason(name, preset):
    settings = config.load(name, preset)
    for variant in ("", *settings.variants):
        for field in changes(name, preset, variant):
            assert re.search(rf"\b{preset}\b", settings.choices[field].why), f"{variant}: {field}"


def test_targets_name_networks_of_the_paper(name):
    paper, settings = papers.get(name), config.load(name)
    known = {
        "",
        *settings.models,
        *settings.entries(),
        *(f"{variant}/" for variant in settings.variants),
    }
    assert {entry for entries in paper.targets.values() for entry in entries} <= known
    assert "table1" in paper.targets
    assert paper.architecture in (*paper.targets, "")


def test_tables_and_figures_are_there_for_every_target(name):
    paper = papers.get(name)
    results = papers.results(name)
    made = {*results.tables, *results.figures, paper.architecture}
    assert {target.replace("-", "_") for target in paper.targets} <= made
    published = set(config.load(name).published) - {"source", "corrections"}
    assert published <= made


def variant_of(name, model_name):
    """A variant that trains a network, if the paper's targets name it in variants alone."""
    entries = [entry for entries in papers.get(name).targets.values() for entry in entries]
    variants = [entry.rpartition("/") for entry in sorted(entries, key=len)]
    return next(variant for variant, _, model in variants if model == model_name)


def tiny(name, *overrides, variant=""):
    """A paper's smallest settings: preset smoke, at most four frames, little of everything.

    What the networks of a paper do not have in common, such as their depth, stays as it is.
    """
    settings = config.load(name, "smoke", (), variant)
    changes = [f"clip.{key}={min(getattr(settings.clip, key), 4)}" for key in ("frames", "stride")]
    found = [inspect.signature(builders()[model]).parameters for model in settings.models]
    for key in sorted(COUNTS):
        defaults = {options[key].default for options in found if key in options}
        if len(defaults) == 1:
            value = settings.model.get(key, *defaults)
            few = (
                [min(each, 4) for each in value]
                if isinstance(value, list | tuple)
                else min(value, 4)
            )
            changes.append(f"model.{key}={few}")
    return config.load(name, "smoke", [*changes, *overrides], variant)


def test_every_network_ends_in_features_and_logits_and_takes_a_step(name):
    paper = papers.get(name)
    for model_name in config.load(name).models:
        settings = tiny(name, variant=variant_of(name, model_name))
        clips = np.random.default_rng(0).random((2, *settings.clip.shape))
        model = paper.build(model_name, settings)
        # A network may stand behind layers that bring its input into shape.
        core = model.layers[-1] if isinstance(model.layers[-1], keras.Model) else model
        assert core.layers[-1].name == "logits"
        assert any(layer.name == "features" for layer in core.layers)
        # Op by op: tracing a graph for one step takes longer than the step; runs trace theirs.
        model.compile(
            "adam", paper.loss(settings), metrics=paper.metrics(settings), run_eagerly=True
        )
        history = model.fit(clips, np.array([0, 1]), verbose=0).history
        assert all(np.isfinite(values).all() for values in history.values())
        probabilities = paper.decode(model.predict(clips, verbose=0))
        assert probabilities.shape == (2, len(settings.labels))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)


def test_one_logit_decodes_to_two_probabilities():
    """z = ln 3: sigmoid 3/4."""
    probabilities = papers.get("bline").decode(np.array([[np.log(3)]]))
    np.testing.assert_allclose(probabilities, [[1 / 4, 3 / 4]])


def test_sigmoid_head_learns_with_its_own_loss():
    paper = papers.get("bline")
    settings = tiny("bline", "model.head=sigmoid1")
    assert isinstance(paper.loss(settings), keras.losses.BinaryCrossentropy)
    model = paper.build("c2d_a", settings)
    model.compile("sgd", paper.loss(settings), metrics=paper.metrics(settings), jit_compile=False)
    clips = np.random.default_rng(0).random((2, *settings.clip.shape))
    result = model.evaluate(clips, np.array([0, 1]), verbose=0, return_dict=True)
    logits = model.predict(clips, verbose=0)[:, 0]
    assert result["accuracy"] == np.mean((logits > 0) == [False, True])
