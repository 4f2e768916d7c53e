"""Files of PyTorch weights: read exactly, and never run.

The files in `data/` were written by PyTorch 2.15 and safetensors 0.8 from one small state dict.
"""

import contextlib
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lus_keras.core.errors import DataError
from lus_keras.models.pretrained.torch_files import read_state

DATA = Path(__file__).parents[1] / "samples"
FILES = ("state.pth", "state_legacy.pth", "checkpoint.pth", "state.safetensors")
MATRIX = np.arange(12, dtype=np.float32).reshape(3, 4)
STATE = {
    "conv.weight": np.arange(4, dtype=np.float32).reshape(2, 2, 1, 1),
    "conv.bias": np.float32([-1, 0.5]),
    "bn.weight": np.float32([1, 1]),
    "bn.bias": np.float32([0, 0]),
    "bn.running_mean": np.float32([0, 0]),
    "bn.running_var": np.float32([1, 1]),
    "bn.num_batches_tracked": np.int64(0),
    "matrix": MATRIX,
    "transposed": MATRIX.T,
    "slice": np.float32([2, 4, 6]),
    "half": np.float16([0, 1, 2, 3]),
    "brain": np.float32([0, 0.5, 1, 1.5]),
    "double": np.float64([1 / 3]),
    "parameter": np.float32([3, 4]),
    "scalar": np.float32(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "flags": np.array([True, False]),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_pytorch_are_read_exactly(name):
    """Views (transposed, every second value), parameters, half and brain floats among them."""
    read = read_state(DATA / name)
    # A checkpoint leads to its weights by a key, which stands before their names.
    key = "state_dict/" if name == "checkpoint.pth" else ""
    assert all(given.startswith(key) for given in read)
    state = {given.removeprefix(key): values for given, values in read.items()}
    assert state.keys() == STATE.keys()
    for key, values in STATE.items():
        assert state[key].dtype == values.dtype, key
        np.testing.assert_array_equal(state[key], values, strict=isinstance(values, np.ndarray))


def test_arrays_of_numpy_are_read(tmp_path):
    np.savez(tmp_path / "state.npz", **STATE)
    state = read_state(tmp_path / "state.npz")
    assert state.keys() == STATE.keys()
    np.testing.assert_array_equal(state["matrix"], MATRIX)


# A tiny assembler of the serializer's language, protocol 2.


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def imported(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def tuple_of(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def storage(count: int, kind: str = "FloatStorage", key: str = "0") -> bytes:
    parts = (text("storage"), imported("torch", kind), text(key), text("cpu"), number(count))
    return tuple_of(*parts) + b"Q"


def tensor(stored: bytes, offset: int, shape: tuple, strides: tuple) -> bytes:
    sizes = [tuple_of(*map(number, values)) for values in (shape, strides)]
    arguments = tuple_of(stored, number(offset), *sizes, b"\x89", b"N")
    return imported("torch._utils", "_rebuild_tensor_v2") + arguments + b"R"


def state_program(value: bytes) -> bytes:
    return b"\x80\x02}" + text("w") + value + b"s."


def archive(path: Path, program: bytes, *, values: bytes = b"", **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("a/data.pkl", program)
        if values:
            target.writestr("a/data/0", values)
        for name, content in members.items():
            target.writestr(f"a/{name}", content)
    return path


SIX = np.arange(6, dtype="<f4").tobytes()


def test_a_view_is_offset_shape_and_strides_of_its_storage(tmp_path):
    """Values 0 … 5 from the second on, two rows of two, columns two apart: [[1, 3], [2, 4]]."""
    program = state_program(tensor(storage(6), 1, (2, 2), (1, 2)))
    state = read_state(archive(tmp_path / "w.pth", program, values=SIX))
    np.testing.assert_array_equal(state["w"], [[1, 3], [2, 4]])


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (5, (2,), (1,)),  # one value too many
        (0, (2, 2), (1, 6)),  # a stride out of the storage
        (0, (7,), (0,)),  # one value repeated
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (2, 2), (1,)),
    ],
)
def test_a_view_may_not_leave_its_storage_nor_repeat_it(tmp_path, offset, shape, strides):
    program = state_program(tensor(storage(6), offset, shape, strides))
    with pytest.raises(DataError, match="damaged"):
        read_state(archive(tmp_path / "w.pth", program, values=SIX))


@pytest.mark.parametrize("count", [5_000_000, 7])
def test_a_storage_must_be_as_long_as_announced(tmp_path, count):
    program = state_program(tensor(storage(count), 0, (6,), (1,)))
    with pytest.raises(DataError, match="'w' lies outside the values"):
        read_state(archive(tmp_path / "w.pth", program, values=SIX))


def plain(program: bytes, *values: bytes, count: int = 6) -> bytes:
    """The format before archives: magic, protocol, machine, state, keys, then values."""
    magic = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
    machine = b"\x80\x02}" + text("little_endian") + b"\x88s."
    head = magic + b"\x80\x02" + number(1001) + b"." + machine + program
    keys = b"\x80\x02]" + text("0") + b"a."
    return head + keys + struct.pack("<q", count) + b"".join(values)


def test_the_format_before_archives_is_checked_too(tmp_path):
    path, program = tmp_path / "w.pth", state_program(tensor(storage(6), 0, (6,), (1,)))
    path.write_bytes(plain(program, SIX))
    np.testing.assert_array_equal(read_state(path)["w"], np.arange(6))
    for content in (plain(program, SIX[:-1]), plain(program, SIX, count=5)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="'w' lies outside"):
            read_state(path)


def harmful(folder: Path) -> dict[str, tuple[bytes, str]]:
    """Programs that would create a file if they were run, and the word the refusal must hold."""
    command = tuple_of(text(f"touch {folder / 'harm'}"))
    evaluated = tuple_of(text(f"__import__('pathlib').Path({str(folder / 'harm')!r}).touch()"))
    return {
        "import": (imported("os", "system") + command + b"R", "os.system"),
        "late import": (
            text("builtins") + text("eval") + b"\x93" + evaluated + b"R",
            "builtins.eval",
        ),
        "instance": (b"(" + text(f"touch {folder / 'harm'}") + b"ios\nsystem\n", "INST"),
        "object": (b"(" + imported("torch", "Size") + b"o", "torch.Size"),
        "new object": (imported("collections", "OrderedDict") + b")\x81", "NEWOBJ"),
        "extension": (b"\x82\x01", "EXT1"),
        "other function": (
            imported("torch.storage", "_load_from_bytes") + tuple_of(text("x")) + b"R",
            "torch.storage._load_from_bytes",
        ),
    }


@pytest.mark.parametrize("name", harmful(Path()))
@pytest.mark.parametrize("pack", ["archive", "plain"])
def test_programs_that_run_code_are_refused_by_name(tmp_path, name, pack):
    value, word = harmful(tmp_path)[name]
    path = tmp_path / "w.pth"
    if pack == "archive":
        archive(path, state_program(value))
    else:
        path.write_bytes(plain(state_program(value), SIX))
    with pytest.raises(DataError, match=rf"{path.name}: refused: .*{word}"):
        read_state(path)
    assert not (tmp_path / "harm").exists()


def test_the_harmful_programs_would_do_harm(tmp_path):
    """Otherwise the test above would prove nothing."""
    import pickle

    for name in ("import", "late import", "instance"):
        with contextlib.suppress(Exception):
            pickle.loads(state_program(harmful(tmp_path)[name][0]))  # noqa: S301
        assert (tmp_path / "harm").exists(), name
        (tmp_path / "harm").unlink()


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        (b"\x80\x02}.", "contains no state dict"),
        (b"\x80\x02K\x01.", "contains no state dict"),
        (b"\x80\x02}", "damaged"),
        (b"", "damaged"),
        (b"\x80\x02ssss.", "damaged"),
        (state_program(storage(6, kind="FloatStorage")[:-1] + b"R"), "damaged"),
    ],
)
def test_programs_without_a_state_dict_are_refused(tmp_path, program, reason):
    with pytest.raises(DataError, match=reason):
        read_state(archive(tmp_path / "w.pth", program))


def test_archives_of_other_programs_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "other.pth", "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a/data.pkl", state_program(tensor(storage(6), 0, (6,), (1,))))
    (tmp_path / "text.pth").write_text("<html>captive portal</html>")
    (tmp_path / "none.pth").write_bytes(b"")
    program = state_program(tensor(storage(6), 0, (6,), (1,)))
    archive(tmp_path / "big.pth", program, values=SIX, byteorder=b"big")
    for name, reason in (
        ("other", "not one of torch.save"),
        ("text", "damaged, or not a PyTorch file"),
        ("none", "is empty"),
        ("big", "big-endian"),
        ("absent", "cannot be read"),
    ):
        with pytest.raises(DataError, match=rf"{name}.pth: .*{reason}"):
            read_state(tmp_path / f"{name}.pth")


def safetensors(header: object, values: bytes = SIX) -> bytes:
    text_of_header = json.dumps(header).encode()
    return struct.pack("<Q", len(text_of_header)) + text_of_header + values


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [6], "data_offsets": [0, 28]},
        {"dtype": "F32", "shape": [6], "data_offsets": [4, 28]},
        {"dtype": "F32", "shape": [5], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [-6], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [6], "data_offsets": [24, 0]},
        {"dtype": "F4", "shape": [6], "data_offsets": [0, 24]},
        {"dtype": ["F32"], "shape": [6], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [6], "data_offsets": [-24, 0]},
        {"dtype": "F32", "shape": [6], "data_offsets": [0, 24.0]},
        {"dtype": "F32", "shape": [6], "data_offsets": [0, 2**64]},
        {"dtype": "F64", "shape": [6], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": 6, "data_offsets": [0, 24]},
        {"dtype": "F32", "shape": [6]},
        [],
    ],
)
def test_safetensors_must_lie_within_their_file(tmp_path, entry):
    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors({"w": {"dtype": "F32", "shape": [6], "data_offsets": [0, 24]}}))
    np.testing.assert_array_equal(read_state(path)["w"], np.arange(6))
    path.write_bytes(safetensors({"w": entry}))
    with pytest.raises(DataError, match=r"w\.safetensors: (damaged|'w' is of type)"):
        read_state(path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 8,
        struct.pack("<Q", 9) + b"{}",
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2) + b"{]",
        struct.pack("<Q", 2) + b"\xff\xfe",
        safetensors([]),
        b"\2" + 9 * b"\0",
    ],
)
def test_safetensors_need_a_header(tmp_path, content):
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"w\.safetensors: damaged"):
        read_state(path)


@pytest.mark.parametrize("spans", [((0, 16), (8, 24)), ((0, 24), (0, 24)), ((0, 8), (16, 24))])
def test_safetensors_must_neither_overlap_nor_leave_gaps(tmp_path, spans):
    """One array would be given the numbers of another."""

    def header(*spans):
        return {
            name: {"dtype": "F32", "shape": [(end - start) // 4], "data_offsets": [start, end]}
            for name, (start, end) in zip("ab", spans, strict=True)
        }

    path = tmp_path / "w.safetensors"
    path.write_bytes(safetensors(header((0, 8), (8, 24))))
    assert {name: list(values) for name, values in read_state(path).items()} == {
        "a": [0, 1],
        "b": [2, 3, 4, 5],
    }
    path.write_bytes(safetensors(header(*spans)))
    with pytest.raises(DataError, match=r"w\.safetensors: damaged"):
        read_state(path)


def test_arrays_of_objects_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", w=np.array([{}], dtype=object))
    with pytest.raises(DataError, match="cannot be read as arrays"):
        read_state(tmp_path / "w.npz")
    with (tmp_path / "single.npz").open("wb") as stream:
        np.save(stream, MATRIX)
    with pytest.raises(DataError, match="single array"):
        read_state(tmp_path / "single.npz")
    with pytest.raises(DataError, match=r"w.h5: must end in one of \.npz, \.safetensors"):
        read_state(tmp_path / "w.h5")


@settings(max_examples=150, deadline=None)
@given(data=st.data(), name=st.sampled_from(FILES))
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path_factory, data, name):
    content = bytearray((DATA / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] = data.draw(st.integers(0, 255))
    length = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = tmp_path_factory.getbasetemp() / f"damaged{Path(name).suffix}"
    path.write_bytes(content[:length])
    try:
        arrays = read_state(path)
    except DataError as error:
        assert path.name in str(error)
    else:
        assert sum(values.nbytes for values in arrays.values()) <= 4 * len(content)
