"""What a plan refuses, before anything is decoded or trained."""

import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data.manifest import Video, write_manifest
from lus_keras.evaluation.run_record.facts import Remark
from lus_keras.experiments.reproduce import Request, plan
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
