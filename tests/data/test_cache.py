"""Every video is decoded once; whatever happens meanwhile, a store is whole or is not there."""

import errno
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lus_keras.core.errors import DataError, LeakageError, VideoError
from lus_keras.core.files import cache_root, sha256_of
from lus_keras.core.sandbox import Limits
from lus_keras.data.cache import FrameSpec, load_item, open_store, verify
from lus_keras.data.cache import build as build_module
from lus_keras.data.cache.load import write_stored
from lus_keras.data.video import write_video
from lus_keras.simulation import plan_cohort, simulate_video
from lus_keras.simulation.dataset import sources

SPEC = FrameSpec(size=(24, 32), fps=30.0, crop="none")


@pytest.fixture
def decoded(monkeypatch):
    """Ids of the videos that were decoded, in order."""
    ids, load_all = [], build_module.load_all

    def counting(items, *arguments):
        ids.extend(item.video_id for item in items)
        return load_all(items, *arguments)

    monkeypatch.setattr(build_module, "load_all", counting)
    return ids


def leftovers(cache):
    """Whatever is in the cache beside locks and whole stores."""
    paths = (cache / "frames").iterdir()
    return [p.name for p in paths if p.suffix != ".lock" and not (p / "index.json").exists()]


def test_a_store_holds_all_frames_one_video_after_another(cache, make_videos):
    videos = make_videos(3)
    store = open_store(videos, SPEC)
    frames = store.frames()
    assert frames.shape == (18, 24, 32, 1)
    assert store.sizes == ((24, 32),) * 3
    assert frames.dtype == np.uint8
    assert store.counts == (6, 6, 6)
    assert store.videos == tuple(videos)
    expected = np.concatenate([10 * v + np.arange(6) for v in range(3)])
    np.testing.assert_array_equal(
        frames, np.broadcast_to(expected[:, None, None, None], (18, 24, 32, 1))
    )


def test_frames_are_mapped_and_not_loaded(cache, make_videos):
    frames = open_store(make_videos(2), SPEC).frames()
    assert isinstance(frames, np.memmap)
    assert not frames.flags.writeable


def test_videos_are_decoded_once(cache, make_videos, decoded):
    videos = make_videos(3)
    first = open_store(videos, SPEC)
    assert decoded == ["v00", "v01", "v02"]
    second = open_store(videos, SPEC)
    assert decoded == ["v00", "v01", "v02"]
    assert second == first


def test_a_corrected_label_decodes_nothing_and_is_seen(cache, make_videos, decoded):
    videos = make_videos(2, b_lines=0)
    key = open_store(videos, SPEC).key
    relabeled = [replace(video, b_lines=1, patient_id="x", segments=()) for video in videos]
    store = open_store(relabeled, SPEC)
    assert store.key == key
    assert len(decoded) == 2
    assert store.videos == tuple(relabeled)


def test_a_moved_file_is_not_decoded_again(cache, make_videos, decoded, tmp_path):
    videos = make_videos(2)
    key = open_store(videos, SPEC).key
    shutil.move(tmp_path / "videos", tmp_path / "elsewhere")
    moved = [replace(v, video=v.video.replace("videos", "elsewhere")) for v in videos]
    assert open_store(moved, SPEC).key == key
    assert len(decoded) == 2


def test_the_key_follows_all_that_pixels_depend_on(cache, make_videos):
    videos = make_videos(2)
    other = [replace(videos[0], video=videos[1].video, patient_id="p0"), videos[1]]
    keys = [
        open_store(items, spec).key
        for items, spec in [
            (videos, SPEC),
            (videos, replace(SPEC, size=(12, 16))),
            (videos, replace(SPEC, fps=15.0)),
            (videos, replace(SPEC, crop="sector")),
            (videos, replace(SPEC, channels=3)),
            (videos[::-1], SPEC),
            (videos[:1], SPEC),
            ([replace(videos[0], roi=(0, 0, 8, 8)), videos[1]], SPEC),
            (other, SPEC),
        ]
    ]
    assert len(set(keys)) == len(keys)


def test_a_changed_file_is_decoded_anew(cache, make_videos, decoded):
    videos = make_videos(1)
    before = open_store(videos, SPEC).frames()[0, 0, 0, 0]
    Path(videos[0].video).write_bytes(Path(make_videos(2)[1].video).read_bytes())
    after = open_store(videos, SPEC).frames()[0, 0, 0, 0]
    assert (before, after) == (0, 10)
    assert len(decoded) == 2


def test_a_file_that_is_not_the_manifests_is_refused(cache, make_videos):
    videos = make_videos(3)
    hashed = [replace(video, sha256=sha256_of(video.video)) for video in videos]
    open_store(hashed, SPEC)
    wrong = [replace(video, sha256="0" * 64) for video in hashed[:2]]
    with pytest.raises(DataError, match="does not match the manifest") as caught:
        open_store([*wrong, hashed[2]], SPEC)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        video.video for video in wrong
    ]


def test_one_file_under_two_patients_is_a_leak(cache, make_videos):
    videos = make_videos(4)
    shutil.copy(videos[0].video, videos[3].video)
    with pytest.raises(LeakageError) as caught:
        open_store(videos, SPEC)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("video 'v00': patient 'p0' has the same file as 'p1'")
    shutil.copy(videos[0].video, videos[1].video)
    shutil.copy(videos[2].video, videos[3].video)
    assert open_store(videos, SPEC).frames().shape[0] == 24


def test_all_bad_videos_are_listed_at_once(cache, make_videos):
    videos = make_videos(4)
    for number in (1, 3):
        Path(videos[number].video).write_text("hello")
    with pytest.raises(VideoError) as caught:
        open_store([videos[i] for i in (0, 2, 1)] + [replace(videos[3], patient_id="p0")], SPEC)
    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == [videos[1].video, videos[3].video]
    assert lines[2].startswith("2 of 4 videos cannot be decoded completely. Fix or exclude them")
    assert leftovers(cache) == []


def test_all_missing_files_are_listed_at_once(cache, make_videos):
    videos = make_videos(3)
    for number in (0, 2):
        Path(videos[number].video).unlink()
    with pytest.raises(VideoError) as caught:
        open_store(videos, SPEC)
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        videos[0].video,
        videos[2].video,
    ]


def test_a_set_without_a_video_is_refused(cache):
    with pytest.raises(DataError, match="no video"):
        open_store([], SPEC)


def test_progress_counts_to_the_number_of_videos(cache, make_videos):
    seen = []
    videos = make_videos(3)
    open_store(videos, SPEC, progress=lambda *step: seen.append(step))
    open_store(videos, SPEC, progress=lambda *step: seen.append(step))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_one_and_two_processes_store_the_same_bytes(cache, make_videos, monkeypatch):
    """20 videos are enough for two processes; two of them are bad the second time."""
    videos = make_videos(20)
    one = open_store(videos, SPEC, workers=1)
    content = [(one.path / name).read_bytes() for name in ("frames.u8", "index.json")]
    shutil.rmtree(one.path)
    two = open_store(videos, SPEC, workers=2)
    assert [(two.path / name).read_bytes() for name in ("frames.u8", "index.json")] == content
    for number in (4, 17):
        Path(videos[number].video).write_text(f"no video {number}")
    with pytest.raises(VideoError) as caught:
        open_store(videos, SPEC, workers=2)
    told = str(caught.value).splitlines()[:-1]
    assert ["v04" in line or "v17" in line for line in told] == [True] * 2


def _misbehave(text):
    """Decodes in the child as always, but for two videos: one kills the child, one never ends."""
    name = Path(json.loads(text)["video"]["video"]).stem
    if name == "v01":
        os.kill(os.getpid(), signal.SIGSEGV)
    while name == "v02":
        pass
    return write_stored(text)


def test_a_decoder_that_crashes_or_hangs_costs_a_message_that_names_the_video(
    cache, make_videos, monkeypatch
):
    monkeypatch.setattr(build_module, "write_stored", _misbehave)
    monkeypatch.setattr(build_module, "LIMITS", Limits(cpu_s=1))
    videos = make_videos(4)
    store = open_store(videos, SPEC, on_bad="skip")
    assert [video.video_id for video in store.videos] == ["v00", "v03"]
    assert [video.video_id for video, _ in store.skipped] == ["v01", "v02"]
    crashed, hung = (problem for _, problem in store.skipped)
    assert crashed.startswith(f"{videos[1].video}: crashed the process that decoded it (SIGSEGV)")
    assert hung.startswith(f"{videos[2].video}: took more than 1 s of processor time.")


def _die(item, spec):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_rendering_becomes_an_error_that_names_where(cache, monkeypatch):
    monkeypatch.setattr(build_module, "FEW_ITEMS", 2)
    monkeypatch.setattr(build_module, "load_item", _die)
    plans = plan_cohort("bline", patients=2, videos=4, seed=0, duration_s=0.2)
    with pytest.raises(DataError, match=r"or one of the \d after it: the process that rendered it"):
        open_store(sources(plans), SPEC, workers=2)
    assert leftovers(cache) == []


def _open_in_process(videos, root, go, queue):
    os.environ["LUS_KERAS_CACHE"] = root
    decodes, load_all = [], build_module.load_all
    build_module.load_all = lambda items, *rest: decodes.extend(items) or load_all(items, *rest)
    go.wait()
    store = open_store(videos, SPEC)
    queue.put((len(decodes), store.key, int(store.frames().sum())))


def test_two_processes_that_start_together_build_once(cache, make_videos):
    context = multiprocessing.get_context("spawn")
    videos, go, queue = make_videos(6), context.Event(), context.Queue()
    arguments = (videos, str(cache), go, queue)
    processes = [context.Process(target=_open_in_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    go.set()
    results = [queue.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()
    assert sorted(result[0] for result in results) == [0, 6]
    assert results[0][1:] == results[1][1:]


KILLED = """
import os, signal
from lus_keras.data import cache
from lus_keras.data.cache import build as module
def load(items, *rest, load_all=module.load_all):
    for number, loaded in enumerate(load_all(items, *rest)):
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        yield loaded
module.load_all = load
cache.open_store(plan, cache.FrameSpec((24, 32), 30.0, "none"))
"""


def test_a_killed_build_leaves_no_store_and_the_next_call_clears_up(cache, make_videos, decoded):
    videos = make_videos(3)
    script = f"from lus_keras.data.manifest import Video\nplan = {videos!r}\n{KILLED}"
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    assert len(leftovers(cache)) == 1
    store = open_store(videos, SPEC)
    assert decoded == ["v00", "v01", "v02"]
    assert store.frames()[-1, 0, 0, 0] == 25
    assert leftovers(cache) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_build_leaves_nothing(cache, make_videos, monkeypatch, error):
    load_all = build_module.load_all

    def interrupted(*arguments):
        yield next(load_all(*arguments))
        raise error

    videos = make_videos(3)
    with monkeypatch.context() as patch:
        patch.setattr(build_module, "load_all", interrupted)
        with pytest.raises(error):
            open_store(videos, SPEC)
    assert [path.suffix for path in (cache / "frames").iterdir()] == [".lock"]
    assert open_store(videos, SPEC).frames().shape[0] == 18


@pytest.mark.parametrize("at", ["frames", "index"])
def test_a_full_disk_is_a_clear_error_and_leaves_nothing(cache, make_videos, monkeypatch, at):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    videos = make_videos(2)
    with monkeypatch.context() as patch:
        if at == "frames":
            patch.setattr(build_module.np, "ascontiguousarray", full)
        else:
            patch.setattr(build_module, "write_file", full)
        with pytest.raises(DataError, match=r"cannot be written \(No space left.*LUS_KERAS_CACHE"):
            open_store(videos, SPEC)
    assert [path.suffix for path in (cache / "frames").iterdir()] == [".lock"]
    assert open_store(videos, SPEC).frames().shape[0] == 12


FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
from lus_keras.data import cache
from lus_keras.core.errors import DataError
try:
    cache.open_store(plan, cache.FrameSpec((24, 32), 30.0, "none"))
except DataError as error:
    print(error)
"""


def test_a_write_that_the_system_refuses_is_a_clear_error(cache, make_videos):
    """No file may exceed 4,000 bytes; the frames of a video need 4,608."""
    script = f"from lus_keras.data.manifest import Video\nplan = {make_videos(2)!r}\n{FULL}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, timeout=60, text=True
    )
    assert "the cache cannot be written (File too large)" in done.stdout, done.stderr
    assert leftovers(cache) == []


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path, make_videos, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LUS_KERAS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(DataError, match=r"cannot be written \(Not a directory\)"):
        open_store(make_videos(1), SPEC)


def test_too_little_space_is_told_before_anything_is_rendered(cache, monkeypatch, decoded):
    """Two videos of 15 frames of 16×16 need 7,680 bytes."""
    usage = namedtuple("usage", "total used free")
    plans = plan_cohort("bline", patients=2, videos=2, seed=0, duration_s=0.5)
    spec = FrameSpec((16, 16), 30.0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 7_679))
    with pytest.raises(DataError, match=r"the cache needs 0\.00 GB, 0\.00 GB are free"):
        open_store(sources(plans), spec)
    assert decoded == []
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 7_680))
    assert open_store(sources(plans), spec).frames().nbytes == 7_680


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: (store / "index.json").write_text(""),
        lambda store: (store / "index.json").write_text("[]"),
        lambda store: (store / "index.json").write_text('{"version": 1}'),
        lambda store: (store / "index.json").unlink(),
        lambda store: (store / "frames.u8").unlink(),
        lambda store: os.truncate(store / "frames.u8", 100),
        lambda store: _edit(store / "index.json", lambda index: index.update(version=0)),
        lambda store: _edit(store / "index.json", lambda index: index["videos"].pop()),
        lambda store: _edit(store / "index.json", lambda index: index.pop("fingerprint")),
        lambda store: _edit(store / "index.json", lambda index: index["videos"][0].pop("video")),
    ],
)
def test_a_damaged_store_is_built_anew(cache, make_videos, decoded, damage):
    videos = make_videos(2)
    store = open_store(videos, SPEC)
    content = (store.path / "frames.u8").read_bytes()
    damage(store.path)
    again = open_store(videos, SPEC)
    assert len(decoded) == 4
    assert again == store
    assert (again.path / "frames.u8").read_bytes() == content
    open_store(videos, SPEC)
    assert len(decoded) == 4


@pytest.mark.parametrize("place", [0, 5000, -1])
def test_frames_that_were_overwritten_are_decoded_anew_with_a_warning(
    cache, make_videos, decoded, place
):
    """The size is as it was; one bit of one pixel is enough."""
    videos = make_videos(3)
    store = open_store(videos, SPEC)
    frames = store.path / "frames.u8"
    whole = frames.read_bytes()
    changed = bytearray(whole)
    changed[place] ^= 1
    frames.write_bytes(changed)
    with pytest.warns(UserWarning, match="contains frames that differ from those written"):
        open_store(videos, SPEC)
    assert frames.read_bytes() == whole
    assert len(decoded) == 6


def test_a_store_of_another_version_is_replaced_without_a_word(cache, make_videos, decoded):
    """The decoder's counts as well: another one may decode to other pixels."""
    videos = make_videos(2)
    index = open_store(videos, SPEC).path / "index.json"
    content = index.read_text()
    for change in (
        lambda mark: mark.update(lus_keras="0.0.9"),
        lambda mark: mark["versions"].update(av="1.0"),
    ):
        _edit(index, lambda found, change=change: change(found["fingerprint"]))
        open_store(videos, SPEC)
        assert index.read_text() == content
    assert len(decoded) == 6


def test_a_store_that_lies_under_the_name_of_another_is_never_taken(cache, make_videos, decoded):
    """Both have two videos of one size: nothing but its index tells whose frames it holds."""
    videos, others = make_videos(2), make_videos(4)[2:]
    store, other = open_store(videos, SPEC), open_store(others, SPEC)
    assert store.key != other.key and store.frames().shape == other.frames().shape
    expected = other.frames().copy()
    assert not np.array_equal(store.frames(), expected)
    shutil.rmtree(other.path)
    shutil.copytree(store.path, other.path)
    with pytest.warns(
        UserWarning, match=rf"was made with different data: {store.key}, not {other.key}"
    ):
        np.testing.assert_array_equal(open_store(others, SPEC).frames(), expected)


def _reshape(index):
    """As many bytes, other pictures."""
    for entry in index["videos"]:
        entry["size"] = entry["size"][::-1]


EDITS = {
    "size": _reshape,
    "hashes": lambda index: [entry.pop("sha256") for entry in index["videos"]],
    "hash": lambda index: index["videos"][0].update(sha256="0" * 64),
    "label": lambda index: index["videos"][1]["video"].update(b_lines="yes"),
    "order": lambda index: index["videos"].reverse(),
    "left out": lambda index: index["bad"].update({"1": "gone"}) or index["videos"].pop(),
    "settings": lambda index: index["fingerprint"]["settings"].update(fps=1.0),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_index_that_was_edited_is_never_taken(cache, make_videos, decoded, edit):
    """Also by a process that has read the store before, and where only the index changed."""
    videos = make_videos(2)
    store = open_store(videos, SPEC)
    expected, path = store.frames().copy(), store.path / "index.json"
    content = json.loads(path.read_text())
    EDITS[edit](content)
    path.write_text(json.dumps(content))
    with pytest.warns(UserWarning, match="has an edited index"):
        again = open_store(videos, SPEC, on_bad="skip")
    assert again == store and len(decoded) == 4
    np.testing.assert_array_equal(again.frames(), expected)


def test_a_store_whose_index_has_no_hash_is_replaced_without_a_word(cache, make_videos, decoded):
    videos = make_videos(2)
    path = open_store(videos, SPEC).path / "index.json"
    content = json.loads(path.read_text())
    path.write_text(json.dumps({key: content[key] for key in content if key != "sha256"}))
    open_store(videos, SPEC)
    assert json.loads(path.read_text()) == content and len(decoded) == 4


@pytest.mark.parametrize("name", ["frames.u8", "index.json"])
def test_parts_of_two_stores_that_were_swapped_are_never_taken(cache, make_videos, name):
    """Both hold two videos of one size, so that only contents tell them apart."""
    sets = make_videos(2), make_videos(4)[2:]
    stores = [open_store(videos, SPEC) for videos in sets]
    expected = [store.frames().copy() for store in stores]
    one, other = (store.path / name for store in stores)
    parts = one.read_bytes(), other.read_bytes()
    assert len(parts[0]) == len(parts[1]) or name == "index.json"
    one.write_bytes(parts[1])
    other.write_bytes(parts[0])
    for videos, frames in zip(sets, expected, strict=True):
        with pytest.warns(UserWarning, match="Its videos are decoded again"):
            np.testing.assert_array_equal(open_store(videos, SPEC).frames(), frames)


@pytest.mark.parametrize("damage", ["overwritten", "truncated", "replaced", "removed"])
def test_frames_that_change_once_they_are_open_are_not_read(cache, make_videos, damage):
    """Training opens the store at every batch, in processes that did not verify it."""
    store, other = open_store(make_videos(2), SPEC), open_store(make_videos(4)[2:], SPEC)
    worker = replace(store)
    frames = store.path / "frames.u8"
    whole = frames.read_bytes()
    if damage == "overwritten":
        frames.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    elif damage == "truncated":
        os.truncate(frames, len(whole) - 1)
    elif damage == "replaced":
        shutil.copy(other.path / "frames.u8", frames)
    else:
        frames.unlink()
    for opened in (store, worker):
        for read in (opened.views, opened.frames):
            with pytest.raises(DataError, match=f"{store.path}: the cache changed while it was"):
                read()
    # The same bytes, written anew, are as good.
    frames.write_bytes(whole)
    assert worker.views()(1)[0, 0, 0, 0] == store.frames()[6, 0, 0, 0] == 10


def test_frames_are_hashed_once_a_process(cache, make_videos, monkeypatch):
    videos = make_videos(2)
    open_store(videos, SPEC)
    open_store(videos, SPEC)
    monkeypatch.setattr(verify, "math", None)  # needed to read the frames again, and only there
    assert open_store(videos, SPEC).counts == (6, 6)


def _edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    content["sha256"] = verify.index_hash(content)
    path.write_text(json.dumps(content))


def test_a_region_of_interest_is_cropped_to_unless_nothing_is(make_videos):
    """The lower right quarter is bright: cropped to it, all is."""
    video = replace(make_videos(1)[0], roi=(16, 12, 16, 12))
    pixels = np.zeros((2, 24, 32), np.uint8)
    pixels[:, 12:, 16:] = 200
    write_video(video.video, pixels, 30.0, codec="rawvideo")
    cropped, _ = load_item(video, FrameSpec((12, 16), 30.0, "sector"))
    whole, _ = load_item(video, FrameSpec((24, 32), 30.0, "none"))
    assert (cropped == 200).all()
    np.testing.assert_array_equal(whole[..., 0], pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_lies_outside_the_sector_is_masked(make_videos, channels):
    """A triangle with a bright word in the corner of its box: only the word is blackened."""
    video = make_videos(1)[0]
    y, x = np.mgrid[:48, :64]
    pixels = np.repeat(100 * (abs(x - 32) < 8 + y / 2)[None].astype(np.uint8), 2, axis=0)
    pixels[:, 2:8, 10:16] = 200
    write_video(video.video, pixels, 30.0, codec="rawvideo")
    spec = FrameSpec((48, 63), 30.0, "sector", channels)
    plain, _ = load_item(video, spec)
    masked, _ = load_item(video, replace(spec, mask=True))
    assert masked.shape == plain.shape == (2, 48, 63, channels)
    assert plain.max() == 200 and masked.max() == 100
    np.testing.assert_array_equal(masked[:, 20:], plain[:, 20:])


def test_color_has_three_channels_and_gray_one(make_videos):
    video = make_videos(1)[0]
    gray, _ = load_item(video, SPEC)
    color, _ = load_item(video, replace(SPEC, channels=3))
    assert gray.shape == (6, 24, 32, 1)
    np.testing.assert_array_equal(color, np.repeat(gray, 3, axis=-1))


def test_a_plan_is_rendered_with_its_measured_labels(cache):
    plans = plan_cohort("bline", patients=2, videos=3, seed=3, duration_s=0.5)
    store = open_store(sources(plans), FrameSpec((16, 16), 30.0))
    view = store.views()
    for number, (plan, video) in enumerate(zip(plans, store.videos, strict=True)):
        simulated = simulate_video(plan, height=16, width=16, crop="sector")
        assert video == simulated.video
        np.testing.assert_array_equal(view(number)[..., 0], simulated.frames)
    assert open_store(sources(plans), FrameSpec((16, 16), 30.0)).videos == store.videos


@pytest.mark.parametrize(("fps", "frames"), [(30.0, range(12)), (15.0, range(0, 12, 2))])
def test_a_rendered_video_is_resampled_as_a_file_is(fps, frames):
    """0.4 s at 30 fps are 12 frames; at 15 fps every second of them."""
    (plan,) = plan_cohort("bline", patients=1, videos=1, seed=0, duration_s=0.4)
    rendered = simulate_video(plan, height=16, width=16, crop="sector").frames
    stored, _ = load_item(*sources([plan]), FrameSpec((16, 16), fps))
    np.testing.assert_array_equal(stored[..., 0], rendered[list(frames)])


def test_the_cache_is_where_the_variable_says(monkeypatch, tmp_path):
    monkeypatch.setenv("LUS_KERAS_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("LUS_KERAS_CACHE")
    assert cache_root().name == "lus_keras"
