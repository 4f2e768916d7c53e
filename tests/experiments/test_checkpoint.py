"""The last whole checkpoint is found again, whatever became of the other file."""

import os
import resource
import signal
import zipfile

import numpy as np
import pytest

from lus_keras.experiments import checkpoint
from lus_keras.experiments.checkpoint import NAMES, Checkpoint


def state(epoch, size=3):
    rng = np.random.default_rng(epoch)
    return Checkpoint(
        epoch=epoch,
        weights=[rng.normal(size=(size, 4)).astype(np.float32), np.zeros((), np.float32)],
        optimizer=[np.array(epoch * 7, np.int64), rng.normal(size=size)],
        history=[{"epoch": i + 1, "loss": 1 / (i + 1), "note": "ä"} for i in range(epoch)],
    )


def assert_same(found, expected):
    assert found is not None
    assert (found.epoch, found.history) == (expected.epoch, expected.history)
    for ours, theirs in (
        (found.weights, expected.weights),
        (found.optimizer, expected.optimizer),
    ):
        assert [(a.dtype, a.shape) for a in ours] == [(a.dtype, a.shape) for a in theirs]
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture
def saved(tmp_path):
    """Folder with the checkpoints of epochs 4 and 5, and their files, older one first."""
    for epoch in (4, 5):
        checkpoint.save(tmp_path, state(epoch))
    return tmp_path, tmp_path / NAMES[0], tmp_path / NAMES[1]


def test_a_saved_state_is_loaded_bit_by_bit(tmp_path):
    checkpoint.save(tmp_path / "fold_0", state(1))
    assert_same(checkpoint.load(tmp_path / "fold_0"), state(1))


def test_without_a_checkpoint_there_is_none(tmp_path):
    assert checkpoint.load(tmp_path) is None
    assert checkpoint.load(tmp_path / "no folder") is None


def test_the_newest_is_loaded_and_the_one_before_is_kept(saved):
    folder, older, newer = saved
    assert_same(checkpoint.load(folder), state(5))
    assert sorted(folder.iterdir()) == [older, newer]
    checkpoint.save(folder, state(6))
    assert_same(checkpoint.load(folder), state(6))
    older.unlink()
    assert_same(checkpoint.load(folder), state(5))


def test_values_that_are_not_finite_are_kept_bit_by_bit(tmp_path):
    saved = Checkpoint(1, [np.array([np.nan, np.inf, -0.0])], [], [{"loss": float("inf")}])
    checkpoint.save(tmp_path, saved)
    found = checkpoint.load(tmp_path)
    assert found.history == saved.history
    assert found.weights[0].tobytes() == saved.weights[0].tobytes()


def test_a_newest_file_cut_at_any_byte_gives_the_one_before(saved):
    folder, _, newer = saved
    content = newer.read_bytes()
    for length in range(len(content)):
        newer.write_bytes(content[:length])
        assert checkpoint.load(folder).epoch == 4
    newer.write_bytes(content)
    assert_same(checkpoint.load(folder), state(5))


def test_a_newest_file_with_any_byte_changed_is_whole_or_passed_over(saved):
    """A byte that no number depends on may change; a number never does."""
    folder, _, newer = saved
    content = newer.read_bytes()
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 0xFF
        newer.write_bytes(changed)
        found = checkpoint.load(folder)
        assert_same(found, state(found.epoch))


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 1000, b"PK\x03\x04", b"garbage", b"\x80\x04\x95pickle", b"\x93NUMPY"]
)
def test_a_newest_file_of_something_else_gives_the_one_before(saved, content):
    folder, older, newer = saved
    newer.write_bytes(content)
    assert_same(checkpoint.load(folder), state(4))
    older.write_bytes(content)
    assert checkpoint.load(folder) is None


def test_an_archive_that_lacks_an_array_is_passed_over(saved):
    folder, _, newer = saved
    with zipfile.ZipFile(newer) as whole:
        members = {name: whole.read(name) for name in whole.namelist() if name != "o1.npy"}
    with zipfile.ZipFile(newer, "w") as part:
        for name, content in members.items():
            part.writestr(name, content)
    assert checkpoint.load(folder).epoch == 4


@pytest.fixture
def small_disk():
    """No file may exceed 20,000 bytes meanwhile: the system's writes fail as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_write_that_fails_leaves_both_checkpoints_and_nothing_else(saved, small_disk):
    folder, older, newer = saved
    with pytest.raises(OSError, match="File too large"):
        checkpoint.save(folder, state(6, size=5_000))
    assert sorted(folder.iterdir()) == [older, newer]
    assert_same(checkpoint.load(folder), state(5))
    newer.unlink()
    assert_same(checkpoint.load(folder), state(4))


def test_there_is_no_pickle_in_the_file(saved):
    """Every member is an array of numbers or text, its header says so."""
    _, _, newer = saved
    with zipfile.ZipFile(newer) as archive:
        assert set(archive.namelist()) == {f"{n}.npy" for n in ("state", "w0", "w1", "o0", "o1")}
    with np.load(newer, allow_pickle=False) as arrays:
        assert {arrays[name].dtype.kind for name in arrays} == {"U", "f", "i"}


def test_a_file_with_a_pickle_is_not_read(saved, tmp_path):
    """Were the pickle loaded, it would make a folder."""
    folder, _, newer = saved

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "evil"),)

    np.savez(newer, state=np.array([Evil()], dtype=object))
    assert checkpoint.load(folder).epoch == 4
    assert not (tmp_path / "evil").exists()


def test_removing_leaves_no_checkpoint_and_no_half_of_one(saved):
    folder, _, _ = saved
    (folder / f".tmp-123-abc-{NAMES[0]}").write_text("half")
    (folder / "history.csv").touch()
    checkpoint.remove(folder)
    checkpoint.remove(folder)
    assert list(folder.iterdir()) == [folder / "history.csv"]
