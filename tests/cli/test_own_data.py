"""From what a user has to a table, by the lines that the documentation gives."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.data.manifest import read_manifest
from lus_keras.data.video import write_video

PAGE = Path(__file__).parents[2] / "docs" / "own-data.md"
FAULTS = PAGE.with_name("faults.md")
# One network: what is shown is that the lines run, and all four take minutes.
NARROW = "--model c2d_lstm_a"
SHIM = """#!/bin/sh
if [ "$1" = reproduce ]; then set -- "$@" {narrow}; fi
exec "{python}" -m lus_keras.cli "$@"
"""
FINDING, CLIP = "1", "2"


def via_project(path, marks):
    """Writes a VIA 3 project as its annotator saves it.

    `marks` is `{file name: segments in seconds, or None for "no B-lines"}`.
    """
    attributes = {
        FINDING: {"aname": "finding", "anchor_id": "FILE1_Z2_XY0", "type": 4}
        | {"desc": "", "options": {"0": "B-line"}, "default_option_id": ""},
        CLIP: {"aname": "clip", "anchor_id": "FILE1_Z0_XY0", "type": 3}
        | {"desc": "", "options": {"0": "non-B-line", "1": "B-line"}, "default_option_id": ""},
    }
    files, views, metadata = {}, {}, {}
    for number, (name, segments) in enumerate(marks.items(), start=1):
        fid = str(number)
        files[fid] = {"fid": fid, "fname": name, "type": 4, "loc": 1, "src": ""}
        views[fid] = {"fid_list": [fid]}
        mark = {"vid": fid, "flg": 0, "xy": []}
        metadata[f"{fid}_clip"] = {**mark, "z": [], "av": {CLIP: "1" if segments else "0"}}
        for place, segment in enumerate(segments or ()):
            metadata[f"{fid}_s{place}"] = {**mark, "z": list(segment), "av": {FINDING: "0"}}
    project = {"pname": "demo", "creator": "hand", "created": 0, "vid_list": list(views)}
    project["data_format_version"] = "3.1.1"
    content = {"project": project, "config": {"file": {"loc_prefix": {}}, "ui": {}}}
    content |= {"attribute": attributes, "file": files, "view": views, "metadata": metadata}
    path.write_text(json.dumps(content))
    return path


def block_after(heading, language):
    """The first block of a language in a section of the page."""
    section = PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2]
    blocks = [block.partition("\n") for block in section.split("```")[1::2]]
    return next(text for named, _, text in blocks if named == language)


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """The page's lines, run by a shell in a folder of twelve AVIs and a VIA project."""
    folder = tmp_path_factory.mktemp("user")
    rng, marks = np.random.default_rng(0), {}
    (folder / "videos").mkdir()
    for number in range(12):
        name = f"sim-p{number // 2:03d}-e{number % 2 + 1}-z{number % 2 * 2 + 5:02d}"
        frames = rng.integers(0, 160, (60, 48, 64)).astype(np.uint8)
        if number % 2:
            frames[12:42, 10:, 28:34] = 230
        write_video(folder / "videos" / f"{name}.avi", frames, 30, "mjpeg")
        # Annotated as MP4, as browsers play no AVI.
        marks[f"{name}.mp4"] = [(0.4, 1.4)] if number % 2 else None
    via_project(folder / "project.json", marks)
    command = folder / "bin" / "lus-keras"
    command.parent.mkdir()
    command.write_text(SHIM.format(python=sys.executable, narrow=NARROW))
    command.chmod(0o755)
    lines = block_after("From a folder of AVIs and a VIA project to Table 1", "bash")
    paths = os.pathsep.join([str(command.parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", lines],
        cwd=folder,
        env={**os.environ, "PATH": paths},
        capture_output=True,
        text=True,
        timeout=500,
    )
    return folder, lines, done


def test_the_pages_lines_take_a_user_from_avis_and_a_via_project_to_table_1(followed):
    folder, lines, done = followed
    assert done.returncode == 0, done.stderr
    assert len(lines.splitlines()) < 10
    assert "runs/manifest-smoke/report/tables/bline_table1.csv" in done.stdout
    rows = json.loads((folder / "runs/manifest-smoke/report/results.json").read_text())["rows"]
    cells = {
        row["metric"]: row for row in rows if (row["table"], row["row"]) == ("table1", "c2d_lstm_a")
    }
    assert cells["f1"]["published"] == 0.81 and cells["f1"]["value"] is not None
    assert (cells["f1"]["n_patients"], cells["f1"]["n_folds"]) == (6, 2)


def test_the_page_shows_what_the_import_prints(followed):
    shown = block_after("From a folder of AVIs and a VIA project to Table 1", "")
    assert len(shown.splitlines()) == 4 and shown in followed[2].stdout


def test_the_manifest_says_what_was_annotated(followed):
    videos = read_manifest(followed[0] / "manifest.csv")
    assert [video.segments for video in videos] == [(), ((0.4, 1.4),)] * 6
    assert [video.b_lines for video in videos] == [0, 1] * 6
    assert [video.patient_id for video in videos[:3]] == ["sim-p000", "sim-p000", "sim-p001"]


def test_every_test_that_the_page_on_faults_names_is_there():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", FAULTS.read_text(encoding="utf-8"))
    tests = Path(__file__).parents[1]
    texts = {
        name: "".join(path.read_text(encoding="utf-8") for path in tests.rglob(name))
        for name, _ in named
    }
    absent = [f"{name}::{test}" for name, test in named if f"def {test}(" not in texts[name]]
    assert len(named) > 40 and absent == []


# Two of the public videos; what is annotated here is invented, only their names are used.


@pytest.fixture(scope="module")
def blues(load_public):
    videos = load_public("covid-blues").videos
    by_patient = {video.patient_id: Path(video.video) for video in videos}
    if len(by_patient) < 2:
        pytest.skip(
            "LUS_KERAS_DATA holds no COVID-BLUES: a VIA project of real videos is NOT tested"
        )
    one, other = list(by_patient.values())[:2]
    return one.parent, one, other


@pytest.mark.real_data
def test_a_via_project_of_two_real_videos_gives_table_2(blues, tmp_path):
    root, one, other = blues
    segments = {one.name: [(0.2, 0.8), (0.7, 0.9)], other.name: [(0.1, 0.5), (1.0, 1.4)]}
    project = via_project(tmp_path / "project.json", segments)
    manifest, out = tmp_path / "blues.csv", tmp_path / "run"
    pattern = r"patient_(?P<patient>\d+)_(?P<zone>[LR]\d)(_\d)?"
    made = invoke(
        *("data", "import-via", project, one, other),
        *("--out", manifest, "--root", root, "--patient", pattern),
    )
    assert made.exit_code == 0, made.output
    videos = {Path(video.video).name: video for video in read_manifest(manifest, root=root)}
    assert videos[one.name].segments == ((0.2, 0.9),)
    assert videos[other.name].segments == ((0.1, 0.5), (1.0, 1.4))
    done = invoke(
        *("reproduce", "table2", "--data", manifest, "--root", root, "--preset", "smoke"),
        *("--paper", "bline", "--out", out, *NARROW.split()),
    )
    assert done.exit_code == 0, done.output
    rows = json.loads((out / "report" / "results.json").read_text())["rows"]
    localised = [row for row in rows if (row["table"], row["row"]) == ("table2", "c2d_lstm_a")]
    assert len(localised) == 4
    for row in localised:
        assert 0 <= row["value"] <= 100 and row["n_patients"] == 2 and row["published"]
    with (out / "bline" / "blues" / "c2d_lstm_a" / "fold_0" / "predictions.csv").open() as stream:
        tested = {row["patient_id"] for row in csv.DictReader(stream)}
    assert len(tested) == 1


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])
