"""What a plan refuses, before anything is decoded or trained."""

import shutil

import pytest
from click.testing import CliRunner

from lus_keras import papers
from lus_keras.cli import main
from lus_keras.core import config
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.evaluation.run_record import vouch
from lus_keras.evaluation.run_record.facts import Remark
from lus_keras.experiments.reproduce import Request, plan
from lus_keras.experiments.reproduce.record import _protocol_facts
from lus_keras.experiments.reproduce.request import check_engine


@pytest.fixture
def manifest(tmp_path):
    """Videos with a label each and no annotated frame."""
    videos = []
    for number in range(4):
        (tmp_path / f"v{number}.avi").touch()
        path = str(tmp_path / f"v{number}.avi")
        videos.append(Video(path, f"p{number}", f"v{number}", b_lines=number % 2))
    write_manifest(videos, tmp_path / "manifest.csv")
    return str(tmp_path / "manifest.csv")


def test_tables_of_annotated_frames_are_refused_where_no_frame_is_annotated(manifest):
    targets = ("bline/table1", "bline/table2", "bline/representative-frame")
    with pytest.raises(DataError, match=r"annotated frames, which representative-frame and table2"):
        plan(Request(targets, data=manifest))
    (planned,) = plan(Request(("bline/table1",), data=manifest))
    assert planned.targets == ("table1",)


def test_all_leaves_them_out_and_says_so(manifest):
    (planned,) = plan(Request(("bline/all",), data=manifest))
    assert {"table1", "figure1"} <= set(planned.targets)
    assert not {"table2", "representative-frame"} & set(planned.targets)
    remarks = [fact.text for fact in planned.data.facts if isinstance(fact, Remark)]
    assert any("table2" in text for text in remarks)


def test_the_default_preset_is_quick_and_the_papers_own_is_asked_for():
    words = ["reproduce", "bline/table1", "--dry-run"]
    quick, paper = (
        CliRunner().invoke(main, [*words, *more]).output for more in ([], ["--preset", "paper"])
    )
    assert "runs/simulated-quick" in quick and "1 epoch" in quick
    assert "60 epochs" in paper and "time: about" in paper


def test_tensorboard_that_is_not_installed_is_told_before_training(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="--log tensorboard: not installed"):
        check_engine(Request(targets=("table1",), log="tensorboard"))
    check_engine(Request(targets=("table1",)))


@pytest.mark.parametrize(
    ("paper", "override", "said"),
    [
        ("bline", "options.x=1", "unknown key 'options.x'."),
        (
            "severity",
            "options.weight=a.pth",
            "'options.weight'. Did you mean 'weights'?",
        ),
        ("severity", "options.sord.gap=1.0", "unknown key 'options.sord.gap'."),
        ("severity", "options.sord.scale=0.0", "options.sord.scale: must be greater than 0."),
        (
            "severity",
            "options.class_weights=[1, 2]",
            "must be null, 4 numbers (one per score), or ",
        ),
        ("severity", "options.class_weights=balance", "or balanced. Received 'balance'."),
        ("signs", "options.weights=3", "options.weights: must be text. Received 3."),
        ("sliding", "options.engine=slow", "options.engine: must be 'fast' or 'tf-keras-vis'."),
        ("sliding", "options.order=mean_ab", "Received 'mean_ab'. Did you mean 'mean_abs'?"),
        ("sliding", "options.explained=sliding", "must be 'predicted', 'absent' or 'present'."),
        ("sliding", "options.samples=0", "options.samples: must be greater than 0. Received 0."),
    ],
)
def test_options_are_checked_before_anything_is_planned(paper, override, said):
    words = ["reproduce", "--paper", paper, "--dry-run", "table1", "--set", override]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2
    assert f"--set {override}: " in result.output and said in result.output


@pytest.mark.parametrize(
    ("paper", "override", "code", "said"),
    [
        ("severity", "options.weights=absent.pth", 3, "absent.pth is not a file"),
        ("signs", "options.weights=weights.txt", 2, "options.weights: must be null or a file"),
        ("sliding", "model.num_outputs=3", 2, "model.num_outputs: must be 1 or 2"),
        ("severity", "model.lstm_init=zeros", 2, "must be 'uniform', 'glorot' or 'orthogonal'"),
    ],
)
def test_what_no_section_can_tell_is_checked_as_early(paper, override, code, said):
    words = ["reproduce", "--paper", paper, "--dry-run", "table1", "--set", override]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code and said in result.output


@pytest.mark.usefixtures("tensorflow")
def test_parameters_are_counted_where_the_papers_own_network_is_built():
    """Not where a setting or the size that the count is of has been changed."""
    bline = papers.get("bline")
    wrong = "models.c2d_a.parameters=2114931"
    with pytest.raises(ConfigError, match=r"parameters: must be 2,114,930, .* Received 2,114,931"):
        bline.network("c2d_a", config.load("bline", overrides=[wrong]))
    for change in ("clip.size=[32, 32]", "model.dense_units=128"):
        bline.network("c2d_a", config.load("bline", overrides=[wrong, change]))
    sliding, wrong = papers.get("sliding"), "models.mmode_resnet18.parameters=1"
    tile = ["clip.frames=16", "clip.tile=[48, 1]"]  # Any size: the network pools over all of it.
    with pytest.raises(ConfigError, match=r"parameters: must be 11,186,625"):
        sliding.network("mmode_resnet18", config.load("sliding", overrides=[wrong, *tile]))


def test_the_protocol_of_a_run_lists_only_changes_that_have_an_effect():
    """Nothing is learned from another data set, whose settings the preset changes too."""
    request = Request(("table1",), ("bline",), preset="smoke")
    (fact,) = _protocol_facts(plan(request)[0], request)
    changed = {change.setting: change.value for change in fact.changes}
    assert changed["clip.size"] == "[16, 16]"
    assert not any(setting.startswith(("transfer.", "cohort.")) for setting in changed)
    request = Request(("results",), ("severity",), preset="smoke")
    (fact,) = _protocol_facts(plan(request)[0], request)
    # As the configuration has it.
    assert ("1.0", "null") in {(c.value, c.paper) for c in fact.changes if c.setting == "clip.fps"}


FOLDERS = {"c2d_a": "simulated/c2d_a", "c2d_lstm_a": "simulated/c2d_lstm_a"}
FOLDERS["spatial/c2d_lstm_a"] = "simulated-spatial/c2d_lstm_a"


@pytest.fixture
def archive(tmp_path):
    """A run directory whose folds are finished and hold no weights."""
    for network in FOLDERS.values():
        for fold in range(2):
            folder = tmp_path / "run" / "bline" / network / f"fold_{fold}"
            folder.mkdir(parents=True)
            (folder / "model.json").write_text("{}")
            vouch(folder, ["model.json"])
    return tmp_path / "run"


def test_weights_that_an_archive_lacks_are_told_when_planned_all_at_once(archive):
    with pytest.raises(ConfigError, match="is missing, although the fold is finished") as told:
        plan(Request(("bline/localization",), out=archive))
    *lines, advice = str(told.value).splitlines()
    needed = papers.get("bline").targets["localization"]
    assert sorted(lines) == sorted(
        f"{archive / 'bline' / FOLDERS[name] / 'fold_0' / 'model.weights.h5'}: is missing, "
        "although the fold is finished; localization of bline needs it."
        for name in needed
    )
    assert "--out" in advice


def test_archives_serve_targets_that_need_no_weights_or_whose_maps_they_hold(archive):
    plan(Request(("bline/table1",), out=archive))
    plan(Request(("bline/localization",), out=archive, fold=1))
    for folder in archive.glob("bline/*/*/fold_0"):
        (folder / "localization.npz").touch()
        vouch(folder, ["model.json", "localization.npz"])
    plan(Request(("bline/localization",), out=archive))


def test_weights_that_every_seed_lacks_are_told_before_the_first_is_trained(archive):
    several = archive.parent / "several"
    for seed in (0, 1):
        shutil.copytree(archive, several / f"seed_{seed}")
    with pytest.raises(ConfigError) as told:
        plan(Request(("bline/localization",), out=several, seeds=2))
    needed = papers.get("bline").targets["localization"]
    assert str(told.value).count("model.weights.h5: is missing") == 2 * len(set(needed))
