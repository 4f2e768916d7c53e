"""POCUS is read as its source publishes it: several formats, still images, a license a file.

The layout is imitated here with generated pictures and made-up rows; the tests marked `real_data`
read the public files if `LUS_KERAS_DATA` points at them.
"""

import csv
from collections import Counter

import cv2
import numpy as np
import pytest

from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import DataError
from lus_keras.data import datasets, video
from lus_keras.data.cache import FrameSpec
from lus_keras.data.cache.load import load_item
from lus_keras.data.clips import class_of, index_clips, is_labeled
from lus_keras.data.datasets import pocus
from lus_keras.data.manifest import read_manifest, write_manifest
from lus_keras.data.video import write_video

FRAME = ClipConfig(unit="frame", fps=None, frames=1, per_video=4, size=(16, 16))
COLUMNS = [*pocus.REQUIRED, "Lung Severity Score", "URL (Video Name)"]
NO_SIGN = dict.fromkeys(pocus.SIGN_COLUMNS, "0")


def row(name, patient, *, kind="video", probe="convex", license="CC BY 4.0", **marks):
    """A row of the table; `b_lines="1"` and the like are the marks."""
    named = {sign: column for column, sign in pocus.SIGN_COLUMNS.items()}
    return {
        "Current location": "data/somewhere/else",
        "Filename": name,
        "License": license,
        "Type": kind,
        "Probe": probe,
        "Patient ID / Name": patient,
        **NO_SIGN,
        **{named[sign]: mark for sign, mark in marks.items()},
    }


def pixels(count=5, size=24):
    """A speckled disc on black, which differs from frame to frame."""
    y, x = np.mgrid[:size, :size]
    disc = np.hypot(x - size / 2, y - size / 2) < size / 2
    gray = np.random.default_rng(size).integers(60, 200, (count, size, size))
    return (gray * disc).astype(np.uint8)


@pytest.fixture
def copy(tmp_path):
    """Function that writes the table and the files of rows, and returns the folder."""
    folder = tmp_path / "pocus"

    def write(rows, endings):
        for cells, ending in zip(rows, endings, strict=True):
            if not ending:
                continue
            path = folder / f"pocus_{cells['Type'].lower()}s" / cells["Probe"].lower()
            path.mkdir(parents=True, exist_ok=True)
            path = path / (cells["Filename"] + ending)
            if cells["Type"].lower() == "image":
                encoded = cv2.imencode(ending.lower(), pixels(1)[0])[1]
                path.write_bytes(encoded.tobytes())
            else:
                plain = path.with_suffix(ending.lower())
                write_video(plain, pixels(), 25, codec="mpeg4")
                plain.rename(path)
        with (folder / "dataset_metadata.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return folder

    return write


MINIATURE = (
    (row("Cov_a", "010", b_lines="1"), ".avi"),
    (row("Reg_b", "2", a_lines="1", probe="Linear"), ".MP4"),
    (row("Pneu_c", "3", kind="Image", effusion="1", license="CC BY-NC -SA 3.0"), ".JPG"),
    (row("Pneu_d", "3", kind="image", consolidation="1"), ".png"),
    (row("Pneu_e", "4", effusion="1", consolidation="1"), ".avi"),
    (row("Reg_f", "5"), ".avi"),
    (row("Reg_g", "6", a_lines="1", effusion="https://example.org"), ".avi"),
)


@pytest.fixture
def miniature(copy):
    rows, endings = zip(*MINIATURE, strict=True)
    return copy(rows, endings)


def test_one_sign_is_the_label_and_ids_stay_text(miniature):
    found = {item.video_id: item for item in datasets.load("pocus", root=miniature).videos}
    assert {name: item.sign for name, item in found.items()} == {
        "convex_Cov_a": "b_lines",
        "linear_Reg_b": "a_lines",
        "convex_Pneu_c": "effusion",
        "convex_Pneu_d": "consolidation",
        "convex_Pneu_e": None,
        "convex_Reg_f": None,
        "convex_Reg_g": None,
    }
    assert found["convex_Cov_a"].patient_id == "010" and found["convex_Cov_a"].b_lines == 1
    assert found["convex_Reg_g"].b_lines == 0
    assert found["convex_Pneu_c"].license == "CC BY-NC-SA 3.0"


def test_what_has_not_one_sign_is_named_with_the_reason(miniature):
    notes = "\n".join(datasets.load("pocus", root=miniature).notes)
    assert "1 with more than one sign: convex_Pneu_e." in notes
    assert "1 with none of the four signs: convex_Reg_f." in notes
    assert "1 with a sign that is not marked 0 or 1: convex_Reg_g." in notes
    assert "1 a_lines, 1 b_lines, 1 consolidation, 1 effusion" in notes
    assert "5 videos and 2 still images of 6 patients" in notes


def test_every_file_whose_four_marks_are_known_has_its_signs(miniature):
    """None of them is a label; a cell that is neither 0 nor 1 is none."""
    data = datasets.load("pocus", root=miniature)
    assert {item.video_id: item.signs for item in data.videos} == {
        "convex_Cov_a": ("b_lines",),
        "linear_Reg_b": ("a_lines",),
        "convex_Pneu_c": ("effusion",),
        "convex_Pneu_d": ("consolidation",),
        "convex_Pneu_e": ("effusion", "consolidation"),
        "convex_Reg_f": (),
        "convex_Reg_g": None,
    }
    assert (
        "as the multi-label option needs: 6 files, 1 a_lines, 1 b_lines, 2 effusion, "
        "2 consolidation, 1 none of them, 1 several."
    ) in "\n".join(data.notes)


def test_a_manifest_of_the_files_keeps_their_signs(miniature):
    """Effusion and consolidation are bits 2 and 3: 4 + 8 = 12."""
    videos = datasets.load("pocus", root=miniature).videos
    path = miniature / "manifest.csv"
    write_manifest(videos, path)
    found = read_manifest(path)
    assert [video.signs for video in found] == [video.signs for video in videos]
    known = [video for video in found if is_labeled(video, "signs")]
    assert [class_of(video, "signs") for video in known] == [2, 1, 4, 8, 12, 0]


def test_licenses_are_counted_and_a_file_without_one_is_left_out(copy):
    rows = [
        row("Cov_a", "1", b_lines="1"),
        row("Cov_b", "2", b_lines="1", license="CC BY-NC 4.0"),
        row("Cov_c", "3", b_lines="1", license="all rights reserved"),
        row("Cov_d", "4", b_lines="1", license=""),
    ]
    data = datasets.load("pocus", root=copy(rows, [".avi"] * 4))
    assert [item.video_id for item in data.videos] == ["convex_Cov_a", "convex_Cov_b"]
    assert data.license == "CC BY 4.0 (1 files); CC BY-NC 4.0 (1 files)"
    notes = "\n".join(data.notes)
    assert "no Creative Commons license, but 'all rights reserved': Cov_c." in notes
    assert "no Creative Commons license, but 'nothing': Cov_d." in notes


@pytest.mark.parametrize(
    ("text", "license"),
    [
        ("CC BY-NC -SA 4.0", "CC BY-NC-SA 4.0"),
        ("CC BY 2.0", "CC BY 2.0"),
        ("CC BY-NC-ND 4.0", "CC BY-NC-ND 4.0"),
        ("CC", ""),
        ("not CC BY 4.0", ""),
        ("", ""),
    ],
)
def test_licenses_are_spelled_as_creative_commons_does(text, license):
    assert pocus.license_of(text) == license


def test_rows_and_files_without_their_counterpart_are_told(copy):
    rows = [row("Cov_a", "1", b_lines="1"), row("Cov_b", "2"), row("Cov_a", "3"), row("Cov_e", "")]
    folder = copy(rows, [".avi", "", "", ".avi"])
    (folder / "pocus_videos" / "convex" / "stranger.mp4").touch()
    data = datasets.load("pocus", root=folder)
    assert [(item.video_id, item.patient_id) for item in data.videos] == [("convex_Cov_a", "1")]
    notes = "\n".join(data.notes)
    assert "no such file here: Cov_b." in notes
    assert "a second row for the same file: Cov_a." in notes
    assert "no patient id, so a split by patient is impossible: Cov_e." in notes
    assert "no row in dataset_metadata.csv, so no license is known: stranger.mp4." in notes


def test_a_table_without_its_columns_and_a_folder_without_files_are_refused(copy):
    folder = copy([row("Cov_a", "1")], [".avi"])
    (folder / "dataset_metadata.csv").write_text("Filename,Label\nCov_a,COVID\n")
    with pytest.raises(DataError, match=r"Missing: .*License.*Patient ID / Name"):
        datasets.load("pocus", root=folder)
    other = copy([row("Cov_b", "1")], [""])
    with pytest.raises(DataError, match="contains no file"):
        datasets.load("pocus", root=other)


def test_every_format_gives_frames_and_a_still_image_gives_one(miniature):
    items = [item for item in datasets.load("pocus", root=miniature).videos if item.sign]
    loaded = [load_item(item, FrameSpec((16, 16), None, "none")) for item in items]
    counts = [len(frames) for frames, _ in loaded]
    assert counts == [5, 5, 1, 1]
    assert all(frames.shape[1:] == (16, 16, 1) and frames.std() > 10 for frames, _ in loaded)
    index = index_clips(items, counts, [(16, 16)] * 4, FRAME, "sign")
    assert Counter(index.video_id.tolist()) == {
        "convex_Cov_a": 4, "linear_Reg_b": 4, "convex_Pneu_c": 1, "convex_Pneu_d": 1,
    }  # fmt: skip
    assert index.label.tolist() == [1] * 4 + [0] * 4 + [2, 3]


def test_a_lossless_image_is_decoded_to_its_pixels(tmp_path):
    path = tmp_path / "still.png"
    path.write_bytes(cv2.imencode(".png", pixels(1)[0])[1].tobytes())
    decoded = video.read_video(path)
    np.testing.assert_array_equal(decoded.frames, pixels(1))
    assert video.probe(path).container == "png_pipe"


# The public files themselves; the numbers are those of the 72 files at hand.


@pytest.fixture(scope="module")
def real(load_public):
    return load_public("pocus")


@pytest.mark.real_data
def test_real_labels_are_those_counted_in_the_table(real):
    if len(real.videos) != 72:
        pytest.skip(f"another copy: {len(real.videos)} files instead of 72")
    signs = Counter(item.sign for item in real.videos)
    assert signs == {None: 35, "consolidation": 16, "b_lines": 9, "a_lines": 6, "effusion": 6}
    several = [item.signs for item in real.videos if item.signs is not None]
    assert len(several) == 64 and several.count(()) == 21
    assert Counter(sign for signs in several for sign in signs) == {
        "a_lines": 7, "b_lines": 10, "effusion": 10, "consolidation": 22,
    }  # fmt: skip
    assert Counter(map(len, several)) == {0: 21, 1: 37, 2: 6}
    assert len({item.patient_id for item in real.videos}) == 53
    assert sum("pocus_images" in item.video for item in real.videos) == 22
    assert Counter(item.license for item in real.videos) == {
        "CC BY-NC 4.0": 39, "CC BY 4.0": 15, "CC BY-NC-SA 4.0": 15, "CC BY 2.0": 2,
        "CC BY-NC-SA 3.0": 1,
    }  # fmt: skip


@pytest.mark.real_data
def test_real_signs_are_the_columns_of_the_table(real):
    """Marks are counted in the file itself, row by row, whatever the adapter makes of them."""
    with (real.root / "dataset_metadata.csv").open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    marked = [row for row in rows if all(row[column] in "01" and row[column] != ""
                                         for column in pocus.SIGN_COLUMNS)]  # fmt: skip
    several = [item.signs for item in real.videos if item.signs is not None]
    assert len(several) == len(marked)
    for column, sign in pocus.SIGN_COLUMNS.items():
        assert sum(sign in signs for signs in several) == sum(row[column] == "1" for row in marked)


@pytest.mark.real_data
def test_every_real_file_of_one_sign_decodes(real):
    containers = Counter()
    for item in real.videos:
        if item.sign:
            containers[video.probe(item.video).container] += 1
            _, first = next(video.iter_frames(item.video))
            assert first.std() > 1
    if len(real.videos) == 72:
        assert set(containers) == {"avi", "gif", "jpeg_pipe", "mov"}
