"""A file is whole or untouched, whatever stops its writer."""

import hashlib

import pytest

from lus_keras.core.files import atomic_write, sha256_of


def test_a_finished_block_replaces_the_file_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "new" / "table.csv"
    for text in ("first", "second"):
        with atomic_write(path) as temporary_path:
            temporary_path.write_text(text)
        assert path.read_text() == text
    assert list(path.parent.iterdir()) == [path]


def test_an_error_in_the_block_keeps_the_old_file_and_removes_the_new(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="stop"), atomic_write(path) as temporary_path:
        temporary_path.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_can_be_read_until_the_block_ends(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with atomic_write(path) as temporary_path:
        temporary_path.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_block_that_writes_no_file_is_an_error(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), atomic_write(path):
        pass
    assert path.read_text() == "old"


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    """The inner writer ends first, so the outer one wins; neither sees the other's text."""
    path = tmp_path / "table.csv"
    with atomic_write(path) as outer:
        outer.write_text("outer")
        with atomic_write(path) as inner:
            assert inner != outer
            inner.write_text("inner")
        assert path.read_text() == "inner"
    assert path.read_text() == "outer"


@pytest.mark.parametrize("name", ["model.weights.h5", "clip.avi", "DONE"])
def test_the_temporary_name_ends_as_the_final_one(tmp_path, name):
    """Keras and FFmpeg choose their format by the suffix."""
    with atomic_write(tmp_path / name) as temporary_path:
        assert temporary_path.name.endswith(name)
        assert temporary_path.parent == tmp_path
        temporary_path.touch()


def test_a_full_disk_keeps_the_old_file(tmp_path):
    """A limit of 1,000 bytes a file stands in for a full disk."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "table.csv"
    path.write_text("old")
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limits[1]))
        with pytest.raises(OSError, match="too large"), atomic_write(path) as temporary_path:
            temporary_path.write_bytes(b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_sha256_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    content = bytes(range(256)) * 10_000
    path.write_bytes(content)
    assert sha256_of(path) == hashlib.sha256(content).hexdigest()
