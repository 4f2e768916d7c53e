"""Archives of arrays that announce more than they hold are refused before memory is taken."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from lus_keras.core.arrays import read_npz
from lus_keras.core.errors import DataError


def header(shape, dtype="<f4"):
    stream = io.BytesIO()
    fields = {"descr": dtype, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue()


def archive(path, content, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as written:
        written.writestr("w.npy", content)
    return path


def test_arrays_are_read_as_they_were_written(tmp_path):
    given = {"a": np.arange(6).reshape(2, 3), "b/c": np.ones((0, 4), np.float16)}
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "w.npz", **given)
        read = read_npz(tmp_path / "w.npz")
        assert list(read) == list(given)
        for name, values in given.items():
            np.testing.assert_array_equal(read[name], values)
            assert read[name].dtype == values.dtype


@pytest.mark.parametrize("shape", [(10**12,), (2**31, 2**31), (7,), (5,)])
def test_an_array_that_is_larger_or_smaller_than_its_bytes_is_refused(tmp_path, shape):
    path = archive(tmp_path / "w.npz", header(shape) + bytes(24))
    tracemalloc.start()
    with pytest.raises(
        DataError, match=r"w\.npz: 'w\.npy' declares more data than the file contains"
    ):
        read_npz(path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()


def test_what_is_no_archive_of_arrays_is_refused(tmp_path):
    np.save(tmp_path / "single.npy", np.ones(3))
    (tmp_path / "single.npy").rename(tmp_path / "w.npz")
    with pytest.raises(DataError, match="single array"):
        read_npz(tmp_path / "w.npz")
    (tmp_path / "w.npz").write_bytes(b"PK nothing")
    with pytest.raises(DataError, match="cannot be read as arrays"):
        read_npz(tmp_path / "w.npz")


def test_only_what_is_asked_for_is_read_and_what_lacks_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, state=np.array("x"), w0=np.ones(3))
    assert list(read_npz(path, ["state"])) == ["state"]
    with pytest.raises(DataError, match="w1"):
        read_npz(path, ["w1"])


@pytest.mark.parametrize(
    "content",
    [header((0, 10**30)), header((True, 3)) + bytes(12), b"\x93NUMPY\1\0\x80\0" + b"(" * 128],
    ids=["more than can be counted", "no number", "not Python"],
)
def test_headers_that_numpy_cannot_read_are_one_line(tmp_path, content):
    path = archive(tmp_path / "w.npz", content)
    with pytest.raises(
        DataError, match=r"w\.npz: cannot be read as arrays: .+ Copy or download it again\."
    ) as e:
        read_npz(path)
    assert "\n" not in str(e.value)
    assert len(str(e.value)) < 400


def test_an_archive_that_unpacks_to_a_multiple_of_itself_is_refused(tmp_path):
    """Each array fits its header, but all bytes are alike: 96 MB in less than 100 kB."""
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as written:
        for name in "abc":
            written.writestr(f"{name}.npy", header((8 << 20,)) + bytes(32 << 20))
    assert path.stat().st_size < 100e3
    tracemalloc.start()
    with pytest.raises(DataError, match=r"w\.npz: decompresses to 100,\d{3},\d{3} bytes"):
        read_npz(path)
    assert tracemalloc.get_traced_memory()[1] < 10e6
    tracemalloc.stop()
