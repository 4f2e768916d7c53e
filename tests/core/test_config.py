"""A configuration is read as people mean it, and whatever is wrong with it is said at once."""

import re
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.core import config
from lus_keras.core.errors import ConfigError

QUICK = settings(deadline=None, max_examples=40, derandomize=True)


@pytest.fixture(scope="module")
def bline():
    return resources.files("lus_keras.configs").joinpath("bline.yaml").read_text("utf-8")


def problems_of(*overrides, text=None, preset="paper"):
    with pytest.raises(ConfigError) as caught:
        if text is None:
            config.load("bline", preset, overrides)
        else:
            config.parse(text, source="x.yaml", preset=preset, overrides=overrides)
    assert caught.value.exit_code == 2
    return str(caught.value).splitlines()


@pytest.mark.parametrize("preset", config.PRESETS)
@pytest.mark.parametrize("paper", config.papers())
def test_every_preset_of_every_paper_is_valid(paper, preset):
    assert config.load(paper, preset).paper == paper


@pytest.mark.parametrize("paper", config.papers())
def test_presets_leave_the_protocol_alone(paper):
    """They change scale: never what is a clip, a label, a class or a comparison."""
    full = config.load(paper)
    for preset in config.PRESETS:
        small = config.load(paper, preset)
        for field in ("labels", "label_column", "localisation", "claims", "published"):
            assert getattr(small, field) == getattr(full, field)
        assert small.split.scheme == full.split.scheme
        # Clips overlap as the paper's do, however many frames per second they have.
        ours, theirs = small.clip, full.clip
        assert ours.stride * theirs.frames == theirs.stride * ours.frames or ours.unit == "video"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("70:30", "70:30"),
        ("1e-4", 0.0001),
        ("no", "no"),
        ("on", "on"),
        ("010", 10),
        ("0o10", 8),
        ("true", True),
        ("'1'", "1"),
        ("[a, 1]", ["a", 1]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
        ("a: 1", {"a": 1}),
        ("", None),
        ("2024-01-31x", "2024-01-31x"),
        ("a=b", "a=b"),
    ],
)
def test_values_are_read_as_yaml_1_2(text, value):
    read = config.load("bline", overrides=[f"model.extra={text}"]).model["extra"]
    assert read == value
    assert type(read) is type(value)


def test_numbers_of_a_file_are_read_as_yaml_1_2(bline):
    changed = bline.replace("learning_rate: 1.0e-4", "learning_rate: 1e-3")
    assert config.parse(changed, source="x.yaml", preset="paper").fit.learning_rate == 0.001
    changed = bline.replace("labels: [non-B-line, B-line]", "labels: [no, yes]")
    assert config.parse(changed, source="x.yaml", preset="paper").labels == ("no", "yes")


@pytest.mark.parametrize(
    ("override", "key", "nearest", "known"),
    [
        ("manifst=1", "manifst", None, "paper, title"),
        ("clipp.fps=1", "clipp", "clip", "paper, title"),
        ("fit.epohcs=1", "fit.epohcs", "epochs", "optimizer, learning_rate"),
        ("localisation.alfas=[1]", "localisation.alfas", "alphas", "threshold, population"),
        ("models.c2d_a.titel=x", "models.c2d_a.titel", "title", "title, parameters"),
        (
            "choices={fit.epochs: {wy: x, why: y, label: P}}",
            "choices.fit.epochs.wy",
            "why",
            "label",
        ),
        ("claims=[{idd: x}]", "claims.0.idd", "id", "id, text, better"),
    ],
)
def test_an_unknown_key_at_any_depth_is_named_with_the_nearest_known(override, key, nearest, known):
    problem = next(line for line in problems_of(override) if "unknown key" in line)
    assert problem.startswith(f"--set {override}: unknown key '{key}'.")
    assert ("Did you mean" in problem) == (nearest is not None)
    assert nearest is None or f"Did you mean '{nearest}'?" in problem
    assert f"Known: {known}" in problem


WRONG = [
    ("fit.epochs=true", "fit.epochs", "a whole number", "true"),
    ("fit.epochs='10'", "fit.epochs", "a whole number", "'10'"),
    ("fit.epochs=1.5", "fit.epochs", "a whole number", "1.5"),
    ("fit.epochs=", "fit.epochs", "a whole number", "nothing"),
    ("fit.epochs=0", "fit.epochs", "greater than 0", "0"),
    ("fit.learning_rate=fast", "fit.learning_rate", "a number", "'fast'"),
    ("clip.fps=.inf", "clip.fps", "a finite number", "inf"),
    ("clip.fps=.nan", "clip.fps", "a finite number", "nan"),
    ("clip.size=64", "clip.size", "a list", "64"),
    ("clip.size=[64]", "clip.size.1", "given", "nothing"),
    ("clip.size=[64, 0]", "clip.size.1", "greater than 0", "0"),
    ("clip.size=[64, '64']", "clip.size.1", "a whole number", "'64'"),
    ("clip.size=[1, 2, 3]", "clip.size", "a list of 2", "[1, 2, 3]"),
    ("clip.channels=2", "clip.channels", "1 or 3", "2"),
    ("clip.crop=no", "clip.crop", "'sector', 'none' or 'roi'", "'no'. Did you mean 'none'?"),
    ("clip.crop=3", "clip.crop", "'sector', 'none' or 'roi'", "3"),
    ("clip.min_frames=31", "clip.min_frames", "at most clip.frames, 30", "31"),
    (
        "split.scheme=70:30",
        "split.scheme",
        "'kfold', 'holdout', 'as_published' or 'image'",
        "'70:30'",
    ),
    ("split.folds=1", "split.folds", "at least 2", "1"),
    ("split.seed=-1", "split.seed", "at least 0", "-1"),
    ("split.seed=4294967296", "split.seed", "at most 4294967295", "4294967296"),
    ("split.test_fraction=1", "split.test_fraction", "less than 1.0", "1"),
    ("localisation.alphas=[0.1, 2]", "localisation.alphas.1", "at most 1.0", "2"),
    ("labels=[no, 010]", "labels.1", "text", "10"),
    ("labels=no", "labels", "a list", "'no'"),
    ("title=3", "title", "text", "3"),
    ("fit=3", "fit", "a mapping of keys", "3"),
    ("fit=", "fit", "a mapping of keys", "nothing"),
    ("models=3", "models", "a mapping of keys", "3"),
]


@pytest.mark.parametrize(("override", "place", "rule", "received"), WRONG)
def test_a_wrong_value_names_place_rule_and_what_came(override, place, rule, received):
    (problem,) = problems_of(override)
    # What lacks was brought in by nobody.
    absent = received == "nothing" and rule == "given"
    source = "configs/bline.yaml" if absent else f"--set {override}"
    end = "" if received.endswith("?") else "."
    assert problem == f"{source}: {place}: must be {rule}. Received {received}{end}"


@pytest.mark.parametrize("override", [case[0] for case in WRONG] + ["claims=[{idd: 1}]", "a.b=1"])
def test_messages_are_free_of_the_checkers_jargon(override):
    text = "\n".join(problems_of(override))
    assert not re.search(r"pydantic|https?:|Input should|instance of|NoneType|_type\b", text)


def test_a_key_left_out_is_named_with_the_file(bline):
    text = bline.replace("  batch_size: 20\n", "")
    assert problems_of(text=text)[0] == ("x.yaml: fit.batch_size: must be given. Received nothing.")


def test_a_duplicate_key_is_an_error_with_line_and_column(bline):
    lines = bline.splitlines(keepends=True)
    number = next(i for i, line in enumerate(lines) if line.startswith("  epochs:"))
    lines.insert(number + 1, "  epochs: 61\n")
    (problem,) = problems_of(text="".join(lines))
    assert problem.startswith(f"x.yaml, line {number + 2}, column 3: not valid YAML:")
    assert 'duplicate key "epochs"' in problem


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\n\tb: 2", "x.yaml, line 2, column 1: not valid YAML: "),
        ("a: [1", "x.yaml, line 1, column 6: not valid YAML: "),
        ("a: !!python/name:os.system x", "x.yaml, line 1, column 4: not valid YAML: "),
        ("a: 1\n---\nb: 2\n", "x.yaml, line 2, column 1: not valid YAML: "),
        ("a: \x00", "x.yaml: not valid YAML: "),
        ("", "x.yaml: must be a mapping of keys. Received nothing."),
        ("- 1", "x.yaml: must be a mapping of keys. Received [1]."),
        (
            "a: 1",
            "x.yaml: presets: must be a mapping of paper, overnight, quick, smoke. "
            "Received nothing.",
        ),
        ("presets: {papr: {}}", "x.yaml: unknown key 'presets.papr'. Did you mean 'paper'?"),
        ("presets: {paper: 3}", "x.yaml: presets.paper: must be a mapping of keys. Received 3."),
        ("presets: {quick: {}}", "x.yaml: presets: must contain 'paper'. Received quick."),
    ],
)
def test_a_text_that_is_no_configuration_is_named_with_its_place(text, place):
    assert problems_of(text=text)[0].startswith(place)


@pytest.mark.parametrize("override", ["fit.epochs", "=3", "fit..epochs=3", ".=1", ""])
def test_an_override_must_be_key_and_value(override):
    (problem,) = problems_of(override)
    assert problem == f"--set {override}: must be KEY=VALUE, such as fit.epochs=10."


def test_all_problems_are_listed_at_once():
    lines = problems_of(
        "fit.epochs=0", "cohort.difficulty=9", "oops", "clip.sise=3", "fit.epohcs=1"
    )
    assert len(lines) == 5
    for part in (
        "fit.epochs: ",
        "cohort.difficulty: ",
        "--set oops: ",
        "'clip.sise'",
        "'fit.epohcs'",
    ):
        assert sum(part in line for line in lines) == 1


def test_the_first_ten_problems_are_listed_and_the_rest_counted():
    lines = problems_of(*(f"key{number}=1" for number in range(13)))
    assert len(lines) == 11
    assert lines[-1] == "… and 3 more."


def test_a_problem_names_the_preset_that_brought_it_in(bline):
    text = bline.replace("    fit: {epochs: 1}\n", "    fit: {epochs: 0}\n")
    (problem,) = problems_of(text=text, preset="smoke")
    assert problem.startswith("x.yaml: presets.smoke: fit.epochs: must be greater than 0.")
    assert config.parse(text, source="x.yaml", preset="paper").fit.epochs == 60


def test_choices_and_claims_must_name_what_exists(bline):
    text = bline.replace("  clip.frames: {label: P", "  clip.framse: {label: P")
    text = text.replace("worse: c2d_a,", "worse: c2d_b,", 1)
    choice, claim = problems_of(text=text)
    assert choice == (
        "x.yaml: choices: 'clip.framse' must be a field of the configuration. Correct the name."
    )
    assert claim.startswith(
        "x.yaml: claims.0.worse: unknown model 'c2d_b'. Did you mean 'c2d_a'? "
        "Known: c2d_a, c3d_a, c2d_lstm, c2d_lstm_a, "
        "scratch/c2d_lstm_a, simulated/c2d_lstm_a, tuned/c2d_lstm_a, additive/c2d_lstm_a, "
        "paper_size/c2d_lstm_a, "
    )


def test_a_choice_may_label_a_field_left_at_its_default(bline):
    text = bline.replace("choices:\n", "choices:\n  split.test_fraction: {label: X, why: y}\n")
    choices = config.parse(text, source="x.yaml", preset="paper").labeled_choices()
    assert choices[0] == {"field": "split.test_fraction", "value": 0.3, "label": "X", "why": "y"}


def test_overrides_come_after_the_preset_and_the_last_one_wins():
    assert config.load("bline", "smoke").fit.epochs == 1
    assert config.load("bline", "smoke", ["fit.epochs=7"]).fit.epochs == 7
    assert config.load("bline", "smoke", ["fit.epochs=7", "fit={epochs: 8}"]).fit.epochs == 8


def test_a_nested_override_changes_only_what_it_names():
    plain = config.load("bline")
    changed = config.load("bline", overrides=["model={filters: [8, 8]}", "fit={epochs: 2}"])
    assert changed.model == {**plain.model, "filters": [8, 8]}
    assert changed.fit == plain.fit.model_copy(update={"epochs": 2})


def test_an_override_changes_one_variant_or_all():
    step = ["variants.all_30x30.set.clip.tile_step=[90, 90]"]
    assert config.load("sliding", "quick", step, "all_30x30").clip.tile_step == (90, 90)
    assert config.load("sliding", "quick", step, "2_30x30").clip.tile_step == (30, 60)
    both = [*step, "clip.tile_step=[45, 45]"]
    assert config.load("sliding", "quick", both, "all_30x30").clip.tile_step == (45, 45)


def test_labeled_choices_show_the_values_in_force():
    choices = config.load("bline", overrides=["fit.epochs=2"]).labeled_choices()
    values = {choice["field"]: choice["value"] for choice in choices}
    assert values["fit.epochs"] == 2
    assert values["clip.size"] == [64, 64]
    assert {choice["label"] for choice in choices} <= set(config.LABELS)


@pytest.mark.parametrize(
    ("override", "decides"),
    [
        ("clip.stride=30", True),
        ("split.seed=1", True),
        ("model.dropout=0.3", True),
        ("fit.epochs=61", True),
        ("localisation.threshold=0.4", True),
        ("cohort.difficulty=2.0", True),
        ("title=Other", False),
        ("models.c2d_a.ns_per_pixel=1.0", False),
    ],
)
def test_the_experiment_is_what_decides_the_numbers(override, decides):
    changed = config.load("bline", overrides=[override]).experiment()
    assert (changed != config.load("bline").experiment()) == decides


def test_settings_of_networks_are_held_to_what_is_handed_in_with_all_else():
    def check(model):
        return [f"unknown key 'model.{key}'." for key in model if key == "x"]

    with pytest.raises(ConfigError) as error:
        config.load("bline", overrides=["model.x=1", "fit.epohcs=2"], check_model=check)
    said = str(error.value)
    assert "--set model.x=1: unknown key 'model.x'." in said
    assert "--set fit.epohcs=2: unknown key 'fit.epohcs'." in said


def test_an_unknown_paper_or_preset_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match=r"unknown paper 'blin'\. Did you mean 'bline'\?"):
        config.load("blin")
    with pytest.raises(ConfigError, match=r"unknown preset 'quik'\. Did you mean 'quick'\?"):
        config.load("bline", "quik")


def test_a_configuration_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        config.load("bline").fit.epochs = 3


@QUICK
@given(st.text(max_size=40), st.text(max_size=12))
def test_any_text_is_read_or_refused_in_our_words(value, key):
    """Whatever is typed after --set ends in a configuration or in a `ConfigError`."""
    for override in (f"fit.epochs={value}", f"model.x={value}", f"clip.{key}={value}", value):
        try:
            config.load("bline", overrides=[override])
        except ConfigError as error:
            assert "pydantic" not in str(error)


@QUICK
@given(
    st.integers(0, 9_000),
    st.integers(0, 20),
    st.text(alphabet="[]{}:,#&*!|>'\"%@` \n\tab1", max_size=6),
)
def test_a_file_with_a_damaged_place_is_read_or_refused_in_our_words(bline, start, length, noise):
    text = bline[:start] + noise + bline[start + length :]
    try:
        config.parse(text, source="x.yaml", preset="smoke")
    except ConfigError as error:
        assert str(error).startswith("x.yaml")
