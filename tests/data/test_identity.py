"""One person under two ids, one video under two patients: told once, with a count and examples."""

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lus_keras.core.suggestions import groups_alike, spelling_key
from lus_keras.data import quality
from lus_keras.data.cache import FrameSpec, open_store
from lus_keras.data.cache.copies import copies_warning
from lus_keras.data.datasets import manifest_file
from lus_keras.data.identity import near_copies, warning_of_ids
from lus_keras.data.importers.table import import_table
from lus_keras.data.manifest import Video, read_manifest
from lus_keras.data.video import write_video

SPELLINGS = [
    ("12", "12.0"),
    ("12", "12.00"),
    ("P-1", "P_1"),
    ("P-1", "P1"),
    ("P 01", "p1"),
    ("PO1", "P01"),
    ("1O", "10"),
    ("COVID-OO1", "COVID-001"),
    ("José", "Jose"),
    ("Müller", "MÃ¼ller"),
    ("Øst", "Ost"),
    ("Р1", "P1"),
    ("Α1", "A1"),
    ("p1.", "p1"),
    ("'001", "001"),
    ("p\u200b1", "p1"),
    ("１２", "12"),
    ("Pl", "P1"),
    ("pI2", "p12"),
    ("l2", "12"),
    ("P-|1", "P-11"),
    ("Іl01", "1101"),
]


@pytest.mark.parametrize("pair", SPELLINGS)
def test_two_spellings_of_one_patient_are_warned_of(pair):
    told = warning_of_ids(pair)
    assert "are similar" in told and all(repr(name) in told for name in pair)


@pytest.mark.parametrize(
    "ids",
    [
        ("1-12", "11-2"),
        ("1-11", "11-1"),
        ("p1", "p10"),
        ("12", "120"),
        ("12.5", "125"),
        ("p1", "p2"),
        ("Ali", "Ail"),
        ("case II", "case I"),
        ("Bill 1", "Bill 2"),
        ("sim-p000", "sim-p001"),
        [f"p{number:03d}" for number in range(1000)],
        [f"{site}-{number}" for site in range(1, 12) for number in range(1, 30)],
    ],
)
def test_patients_that_differ_bring_no_warning(ids):
    assert warning_of_ids(ids) == ""


@given(
    st.text(st.characters(categories=["L", "N"]), min_size=1),
    st.sampled_from(["{}.", "'{}", " {} ", "{}\u200b"]),
)
def test_what_spreadsheets_add_makes_no_second_patient(name, change):
    assert spelling_key(change.format(name)) == spelling_key(name)


@given(st.lists(st.text(max_size=4), unique=True))
def test_groups_are_of_different_names_and_none_is_in_two(names):
    groups = groups_alike(names)
    members = [name for group in groups for name in group]
    assert len(set(members)) == len(members) and set(members) <= set(names)
    assert all(len(group) > 1 for group in groups)


def test_ids_that_a_spreadsheet_rounded_are_warned_of():
    assert "rounded, such as '1.2E+10'" in warning_of_ids(["1.2E+10", "p"])


def test_thousands_of_twins_are_one_line_with_a_count(tmp_path):
    ids = [f"{number}{suffix}" for number in range(1000, 3000) for suffix in ("", ".0")]
    told = warning_of_ids(ids)
    assert "(2000 groups of 4000 ids)" in told and "and 1995 more" in told
    assert len(told) < 400
    rows = [f"v{number}.avi,{name}" for number, name in enumerate(ids[:40])]
    (tmp_path / "m.csv").write_text("\n".join(["video,patient_id", *rows]))
    items = quality.find_target(tmp_path / "m.csv").items
    alike = [p for item in items for p in item.problems if p.code == "patients-alike"]
    assert len(alike) == 1 and "(20 groups of 40 ids)" in alike[0].cause


def test_spellings_are_told_at_import_and_before_training(tmp_path):
    rows = ["video,patient_id,b_lines", "a.avi,12.0,1", "b.avi,12,0"]
    (tmp_path / "s.csv").write_text("\n".join(rows))
    for name in ("a.avi", "b.avi"):
        (tmp_path / name).touch()
    assert "'12' and '12.0'" in import_table(tmp_path / "s.csv", tmp_path / "m.csv").warning
    with pytest.warns(UserWarning, match=r"'12' and '12\.0'"):
        read_manifest(tmp_path / "m.csv")
    with pytest.warns(UserWarning, match="are similar"):
        data = manifest_file.load(tmp_path / "m.csv")
    assert "'12' and '12.0'" in " ".join(data.notes)


def picture(seed, size=(60, 80)):
    """A blurred random picture, which survives being encoded anew."""
    noise = np.random.default_rng(seed).integers(0, 256, (8, 10)).astype(np.uint8)
    return cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)


def video(path, seed, patient, codec="mjpeg", brighter=0):
    frames = np.stack([np.clip(picture(seed).astype(int) + brighter, 0, 255)] * 6)
    write_video(path, frames.astype(np.uint8), 30.0, codec)
    return Video(str(path), patient, path.stem)


def test_copies_under_two_patients_are_found_in_the_frames_that_are_trained_on(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("LUS_KERAS_CACHE", str(tmp_path / "cache"))
    videos = [video(tmp_path / f"v{seed}.avi", seed, f"p{seed}") for seed in range(6)]
    spec = FrameSpec((32, 32), 30.0, "none", 1, False)
    assert copies_warning(open_store(videos, spec)) == ""
    copy = video(tmp_path / "copy.mp4", 2, "p9", "mpeg4", brighter=3)
    own = video(tmp_path / "own.mp4", 3, "p3", "mpeg4", brighter=3)
    told = copies_warning(open_store([*videos, copy, own], spec))
    assert told.startswith("1 pairs of videos of two patients")
    assert "'v2' (patient 'p2') and 'copy' (patient 'p9')" in told


@given(st.integers(2, 60))
def test_many_copies_are_one_warning(count):
    pairs = list(near_copies(dict.fromkeys(range(count), "f0" * 32), list(map(str, range(count)))))
    assert len(pairs) == count * (count - 1) // 2
    assert not list(near_copies(dict.fromkeys(range(count), "f0" * 32), ["p"] * count))
    assert not list(
        near_copies(dict.fromkeys(range(count), "00" * 32), list(map(str, range(count))))
    )
