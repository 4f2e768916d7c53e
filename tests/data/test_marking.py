"""Regions of interest that are given on the command line."""

import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.data.manifest import read_manifest, write_manifest


@pytest.fixture
def manifest(make_videos, tmp_path):
    """Three videos of 24×32 pixels without a region."""
    path = tmp_path / "m.csv"
    write_manifest(make_videos(3, sliding=1), path)
    return path


def mark(manifest, *options):
    out = manifest.with_name("new.csv")
    done = CliRunner().invoke(main, ["data", "mark", str(manifest), "--out", str(out), *options])
    return done, out


def rois(path):
    return [row.roi for row in read_manifest(path)]


def test_given_boxes_are_entered_and_the_others_named(manifest):
    done, out = mark(manifest, "--roi", "v00=0,0,32,24", "--roi", "v02=1,2,3,4")
    assert done.exit_code == 0, done.output
    assert rois(out) == [(0, 0, 32, 24), None, (1, 2, 3, 4)]
    assert "2 of 3 videos" in done.output and "Without: v01" in done.output
    done, out = mark(out, "--roi", "v00=5,5,5,5")
    assert rois(out) == [(5, 5, 5, 5), None, (1, 2, 3, 4)]
    assert rois(manifest) == [None] * 3


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("v9=1,2,3,4", 2, "no video 'v9'"),
        ("v00=1,2,3", 2, "must be x,y,w,h"),
        ("1,2,3,4", 2, "write VIDEO_ID=x,y,w,h"),
        ("v00=20,0,13,5", 3, "extends beyond the image of 32×24"),
    ],
)
def test_a_wrong_box_is_refused_and_nothing_is_written(manifest, given, code, said):
    done, out = mark(manifest, "--roi", given)
    assert done.exit_code == code
    assert said in done.output
    assert not out.exists()
