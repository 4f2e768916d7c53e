"""What training does about files that are cut, damaged or short, and about folds that leak."""

import json
import shutil
import time

import numpy as np
import pytest
import zoo
from click.testing import CliRunner
from resampled import read_resampled

from lus_keras.cli import main
from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import DataError, VideoError
from lus_keras.data.cache import FrameSpec, open_store
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.clips import index_clips
from lus_keras.data.manifest import Video, read_manifest, write_manifest
from lus_keras.data.pipeline import make_batches, network_input
from lus_keras.data.video import write_video
from lus_keras.data.video.integrity import losses
from lus_keras.inference.predict.stream import stream_clips

SPEC = FrameSpec((16, 32), None, "none")
# These name no number of frames and no length, and players accept any end.
ENDLESS = (".mpg", ".mpeg")


# The zoo, through the cache that training reads


@pytest.fixture(scope="module")
def menagerie(tmp_path_factory):
    """Every species whole, misnamed, cut at six tenths, with flipped bytes, empty, and as text."""
    folder = tmp_path_factory.mktemp("menagerie")
    videos = []
    for species in zoo.SPECIES.values():
        whole = zoo.breed(species, folder / f"{species.name}-whole{species.suffix}")
        content = whole.read_bytes()
        wrong = ".avi" if species.suffix != ".avi" else ".mp4"
        forms = {
            f"misnamed{wrong}": content,
            f"cut{species.suffix}": zoo.truncated(content, 6),
            f"flipped{species.suffix}": zoo.flipped(content, 0),
            f"empty{species.suffix}": b"",
            f"text{species.suffix}": b"hello",
        }
        for name, form in forms.items():
            (folder / f"{species.name}-{name}").write_bytes(form)
        # One patient, as copies under two would be a leak.
        paths = [whole, *(folder / f"{species.name}-{name}" for name in forms)]
        videos += [Video(str(path), "p", path.name) for path in paths]
    return videos


@pytest.fixture(scope="module")
def kept(menagerie):
    """The store without what cannot be used, and the seconds that each video took."""
    ends = [time.perf_counter()]
    store = open_store(
        menagerie, SPEC, on_bad="skip", progress=lambda *_: ends.append(time.perf_counter())
    )
    return store, np.diff(ends)


def test_every_member_gives_its_frames_or_one_sentence_within_five_seconds(menagerie, kept):
    store, seconds = kept
    assert len(seconds) == len(menagerie) == len(store.videos) + len(store.skipped)
    # The first waits for the child to start.
    assert seconds[1:].max() < 5
    for video, problem in store.skipped:
        assert problem.startswith(f"{video.video}: ") and "\n" not in problem
        assert problem.split(". ")[-1].startswith(
            ("Copy", "Cut", "Re-mux", "Give another", "Convert")
        )


def test_whole_and_misnamed_members_are_learned_from_and_cut_ones_never(kept):
    store, _ = kept
    counts = dict(zip((v.video_id for v in store.videos), store.counts, strict=True))
    problems = {video.video_id: problem for video, problem in store.skipped}
    for species in zoo.SPECIES.values():
        named = [name for name in {**counts, **problems} if name.startswith(f"{species.name}-")]
        assert len(named) == 6
        for name in named:
            form = name.removeprefix(f"{species.name}-").partition(".")[0]
            if form in ("whole", "misnamed"):
                assert counts[name] == zoo.FRAMES
            elif form in ("empty", "text"):
                assert "is not a video" in problems[name]
            elif form == "cut" and species.suffix not in ENDLESS:
                assert name in problems


def test_all_that_cannot_be_used_are_named_at_once(menagerie, kept):
    store, _ = kept
    with pytest.raises(VideoError) as caught:
        open_store(menagerie, SPEC)
    *told, advice = str(caught.value).splitlines()
    assert told == [problem for _, problem in store.skipped]
    assert advice.startswith(
        f"{len(told)} of {len(menagerie)} videos cannot be decoded completely."
    )
    assert "lus-keras data check MANIFEST --fix" in advice and "data.on_bad=skip" in advice


def test_what_was_left_out_is_remembered(menagerie, kept):
    again = open_store(menagerie, SPEC, on_bad="skip", progress=lambda *_: pytest.fail("decoded"))
    assert again == kept[0]


def test_damaged_frames_are_named_by_number(tmp_path):
    whole = zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "v.avi")
    whole.write_bytes(zoo.with_a_lost_frame(whole.read_bytes()))
    with pytest.raises(VideoError, match=r"1 of 39 frames are damaged or follow a lost one: frame"):
        read_resampled(whole, fps=None, require_intact=True)
    assert len(read_resampled(whole, fps=None)) == 39


@pytest.mark.parametrize(("frames", "declared"), [(90, 100), (60, 100), (100, 90), (7, None)])
def test_what_a_header_counts_is_no_proof_of_a_loss(frames, declared):
    assert not [*losses(frames, declared, (), cut_short=False)]
    (loss,) = losses(frames, declared, (), cut_short=True)
    assert loss.code == "truncated" and f"{frames}" in loss.cause


def test_nothing_usable_is_an_error_even_if_bad_videos_are_left_out(tmp_path, cache):
    (tmp_path / "v.avi").write_text("hello")
    with pytest.raises(VideoError, match="1 of 1 videos cannot be decoded completely"):
        open_store([Video(str(tmp_path / "v.avi"), "p", "v")], SPEC, on_bad="skip")


# An AVI that states no rate


def test_a_rate_of_zero_is_never_guessed(tmp_path, cache):
    """Its frames stand where the manifest's rate puts them: 40 at 10 fps are 4 s."""
    path = zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "v.avi")
    content = bytearray(path.read_bytes())
    for name, offset, size in ((b"avih", 8, 4), (b"strh", 28, 8)):
        start = content.index(name) + offset
        content[start : start + size] = bytes(size)
    path.write_bytes(content)
    video, spec = Video(str(path), "p", "v"), FrameSpec((16, 32), 5.0, "none")
    with pytest.raises(VideoError, match=r"states a frame rate of 0.*column `fps`"):
        open_store([video], spec)
    keys = set()
    for fps, count in ((10.0, 20), (20.0, 10)):
        store = open_store([Video(str(path), "p", "v", fps=fps)], spec)
        assert store.counts == (count,)
        keys.add(store.key)
    assert len(keys) == 2
    rates = [
        read_resampled(path, fps=5.0, picture_fps=10.0),
        read_resampled(path, fps=None, picture_fps=1.0),
    ]
    assert [len(frames) for frames in rates] == [20, 40]


# Videos shorter than a clip

WINDOW = ClipConfig(fps=None, frames=8, stride=8, size=(16, 32), crop="none")


def changed(**settings):
    return ClipConfig(**{**WINDOW.model_dump(), **settings})


@pytest.fixture
def short(make_videos):
    """Two videos of 20 frames and one of 5, without a crop."""
    few = make_videos(3, frames=5, b_lines=0)[2]
    return [*make_videos(2, frames=20, b_lines=1), few]


def source_of(videos, clip):
    store = open_store(videos, FrameSpec(clip.size, clip.fps, clip.crop))
    index = index_clips(store.videos, store.counts, store.sizes, clip, "b_lines")
    return ClipSource((store,), index, clip)


def test_short_videos_are_dropped_padded_or_refused(short, cache):
    assert [len(source_of(short, changed(short=how)).index) for how in ("drop", "pad")] == [4, 5]
    with pytest.raises(DataError, match=r"video 'v02': has 5 frames; a clip needs 8\.") as caught:
        source_of(short, changed(short="error"))
    assert "Set clip.short to drop or pad" in str(caught.value)


@pytest.mark.parametrize("padding", ["zero", "last"])
@pytest.mark.parametrize("tiled", [False, True])
def test_a_padded_clip_is_the_same_in_training_and_prediction(short, cache, padding, tiled):
    tile = {"unit": "tile", "tile": (8, 16)} if tiled else {}
    clip = changed(short="pad", padding=padding, **tile)
    source = source_of(short, clip)
    rows = np.flatnonzero(source.index.video_id == "v02")
    stored = source.read(rows)
    pieces = list(stream_clips(short[2], clip))
    assert len(rows) == len(pieces) == (4 if tiled else 1)
    np.testing.assert_array_equal(stored, [piece.pixels for piece in pieces])
    assert source.index.length[rows].tolist() == [p.cut.length for p in pieces] == [5] * len(rows)
    values = np.asarray(network_input(stored, source.index.length[rows], clip))
    last = values[:, 4:5] if padding == "last" else 0 * values[:, 4:5]
    np.testing.assert_array_equal(values[:, 5:], np.repeat(last, 3, axis=1))


# The command: bad and short videos, and folds of one's own

SETTINGS = ("clip.frames=4", "clip.stride=4", "clip.size=[16, 16]", "clip.crop=none", "clip.fps=25")
NETWORK = ("model.filters=[2, 2]", "model.dense_units=4", "fit.epochs=1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Ten videos of five patients: 2 is cut, 3 is damaged, 9 too short; folds of 0-1 and 3-4."""
    folder = tmp_path_factory.mktemp("own")
    rng, videos = np.random.default_rng(0), []
    for number in range(10):
        frames = rng.integers(0, 200, (3 if number == 9 else 14, 32, 32)).astype(np.uint8)
        path = folder / f"v{number}.avi"
        write_video(path, frames, 25, codec="mjpeg")
        videos.append(Video(str(path), f"p{number // 2}", f"v{number}", b_lines=number % 2))
    content = (folder / "v2.avi").read_bytes()
    (folder / "v2.avi").write_bytes(zoo.truncated(content, 6))
    content = (folder / "v3.avi").read_bytes()
    (folder / "v3.avi").write_bytes(zoo.with_a_lost_frame(content))
    write_manifest(videos, folder / "m.csv")
    return folder


def reproduce(folder, *options):
    settings = [part for text in (*SETTINGS, *NETWORK) for part in ("--set", text)]
    arguments = ["reproduce", "bline/table1", "--data", folder / "m.csv", "--preset", "smoke"]
    arguments += ["--model", "c2d_lstm", *settings, *options]
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def folds(*pairs):
    """A split file as somebody writes it by hand: no hashes."""
    listed = [
        {"fold": number, "train": train.split(), "test": test.split()}
        for number, (train, test) in enumerate(pairs)
    ]
    split = {"scheme": "holdout", "seed": 0, "folds": listed}
    return json.dumps({"schema": 1, "papers": {"b_lines": split}})


def test_damaged_videos_stop_training_before_it_starts_and_are_all_named(folder, tmp_path):
    result = reproduce(folder, "--out", tmp_path / "run")
    assert result.exit_code == 3
    cut, damaged, advice = result.stderr.splitlines()
    assert f"{folder / 'v2.avi'}: the file is cut short:" in cut
    assert f"{folder / 'v3.avi'}: 1 of 13 frames are damaged" in damaged
    assert advice.startswith("2 of 10 videos cannot be decoded completely.")
    assert not list((tmp_path / "run").rglob("history.csv"))


@pytest.fixture(scope="module")
def without(folder, tmp_path_factory):
    """A run without the bad videos, on folds of one's own."""
    place = tmp_path_factory.mktemp("without")
    (place / "folds.json").write_text(folds(("p0 p4", "p3 p2"), ("p2 p3", "p0 p4")))
    options = ("--split", place / "folds.json", "--out", place / "run")
    seen = []

    def recorded(source, rows, *rest):
        seen.append(set(source.index.patient_id[rows]))
        return make_batches(source, rows, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lus_keras.experiments.training.fold.make_batches", recorded)
        return place, reproduce(folder, "--set", "data.on_bad=skip", *options), seen


def test_a_run_without_bad_videos_says_so_with_the_effect_on_n(without):
    place, result, _ = without
    assert result.exit_code == 0, result.output
    record = json.loads((place / "run" / "run.json").read_text())["papers"]["bline"]
    assert (record["data"]["videos"], record["data"]["patients"]) == (7, 4)
    sentences = (
        "2 of 10 videos cannot be decoded completely and are excluded (data.on_bad=skip): "
        "1 non-B-line, 1 B-line. 8 videos of 4 of 5 patients remain. "
        "v2: the file is cut short:",
        "1 videos are shorter or smaller than one clip and are excluded: 0 non-B-line, 1 B-line; "
        "0 patients have no other video. v9.",
        "14 of 98 frames, at the ends of 7 videos, do not fill a clip and are dropped.",
    )
    report = (place / "run" / "report" / "report.md").read_text()
    for sentence in sentences:
        assert sentence in report and sentence in result.stdout
    found = {fact["kind"]: fact for fact in record["data"]["facts"]}
    assert found["damaged"]["by_class"] == {"non-B-line": 1, "B-line": 1}
    assert found["without_clip"]["videos"] == ["v9"]
    assert (found["unused_frames"]["frames"], found["unused_frames"]["of"]) == (14, 98)
    assert str(place) not in json.dumps(record["data"]["facts"])


def test_own_folds_are_used_as_they_are(without):
    place, _, _ = without
    split = json.loads((place / "run" / "split.json").read_text())["papers"]["bline"]
    assert split["folds"][1] == {"fold": 1, "train": ["p2", "p3"], "test": ["p0", "p4"]}
    tested = (place / "run" / "bline" / "m" / "c2d_lstm" / "fold_1" / "predictions.csv").read_text()
    assert {line.split(",")[2] for line in tested.splitlines()[1:]} == {"p0", "p4"}
    assert "The 2 folds are the user's own" in (place / "run" / "report" / "report.md").read_text()
    assert "LEAKAGE" not in (place / "run" / "report" / "report.md").read_text()


def test_no_batch_holds_a_clip_of_a_patient_of_the_other_side(without):
    """One epoch and one prediction a fold; no patient of the data is in both."""
    assert without[2] == [{"p0", "p4"}, {"p2", "p3"}, {"p2", "p3"}, {"p0", "p4"}]


def test_folds_that_leak_are_an_error_that_names_the_patients(folder, without, tmp_path):
    own = tmp_path / "folds.json"
    own.write_text(folds(("p0 p2 p4", "p3 p2 p4")))
    result = reproduce(folder, "--split", own, "--set", "data.on_bad=skip", "--out", tmp_path / "r")
    assert result.exit_code == 3
    for patient in ("p2", "p4"):
        assert f"{own}: b_lines: fold 0: patient '{patient}' is in train and test." in result.stderr
    assert "--allow-leak" in result.stderr and not (tmp_path / "r").exists()
    assert reproduce(folder, "--allow-leak").exit_code == 2
    other = shutil.copytree(without[0] / "run", tmp_path / "other")
    own.write_text(folds(("p2 p4", "p3 p0")))
    result = reproduce(folder, "--split", own, "--set", "data.on_bad=skip", "--out", other)
    assert result.exit_code == 2 and "contains other folds than --split" in result.stderr
    own.write_text(folds(("p0", "p1 p2 p3 p4")))
    result = reproduce(folder, "--split", own, "--set", "data.on_bad=skip", "--out", tmp_path / "r")
    assert result.exit_code == 3 and "patient 'p1' is not in the data" in result.stderr


def test_own_folds_that_divide_clips_may_not_share_a_patient(folder, without, tmp_path):
    rows = [
        line.split(",")[:3]
        for path in (without[0] / "run").rglob("predictions.csv")
        for line in path.read_text().splitlines()[1:]
    ]
    clips = [clip for clip, _, _ in rows]
    fold = {"fold": 0, "train": clips[1:], "test": clips[:1], "unit": "clip"}
    own = tmp_path / "folds.json"
    split = {"scheme": "holdout", "seed": 0, "folds": [fold]}
    own.write_text(json.dumps({"schema": 1, "papers": {"b_lines": split}}))
    assert rows[0][2] in {patient for _, _, patient in rows[1:]}
    result = reproduce(folder, "--split", own, "--set", "data.on_bad=skip", "--out", tmp_path / "r")
    assert result.exit_code == 3
    said = f"--split: fold 0: clips of patient '{rows[0][2]}' are in train and test."
    assert said in result.stderr and "--allow-leak" in result.stderr
    assert not (tmp_path / "r" / "run.json").exists()
    assert not (tmp_path / "r" / "split.json").exists()


def test_a_leak_that_is_asked_for_marks_every_table(folder, tmp_path):
    own = tmp_path / "folds.json"
    own.write_text(folds(("p0 p2 p4", "p3 p2 p4")))
    options = ("--set", "data.on_bad=skip", "--out", tmp_path / "run")
    options += ("--set", "fit.select=test_loss")
    result = reproduce(folder, "--split", own, "--allow-leak", *options)
    assert result.exit_code == 0, result.output
    assert "LEAKAGE: the same patients are trained and tested on." in result.stdout
    assert "LEAKAGE: Table 1" in result.stdout
    report = (tmp_path / "run" / "report" / "report.md").read_text()
    tables = [line for line in report.splitlines() if line.startswith("### ") and "Table" in line]
    assert tables and all(line.startswith("### LEAKAGE: ") for line in tables)
    rows = json.loads((tmp_path / "run" / "report" / "results.json").read_text())["rows"]
    assert all("LEAKAGE" in row["note"] for row in rows if row["table"] == "table1")
    assert "OPTIMISTIC: the epoch was selected on the test clips." in report
    # The mark is in the run: it stays when the report is rebuilt, and the same command continues.
    assert CliRunner().invoke(main, ["report", str(tmp_path / "run")]).exit_code == 0
    assert (tmp_path / "run" / "report" / "report.md").read_text() == report


def test_the_clean_manifest_of_a_check_trains_without_a_word(folder, tmp_path):
    """What `data check --fix` leaves is what `on_bad=skip` leaves."""
    clean = folder / "clean.csv"
    arguments = ["data", "check", str(folder / "m.csv"), "--min-seconds", "0", "--fix", str(clean)]
    assert CliRunner().invoke(main, arguments).exit_code == 3
    videos = read_manifest(clean)
    clean.unlink()
    assert [video.video_id for video in videos] == [f"v{n}" for n in (0, 1, 4, 5, 6, 7, 8, 9)]
    spec = FrameSpec((16, 16), 25.0, "none")
    assert open_store(videos, spec).skipped == ()
