"""DICOM cines come out with their pixels and their time, and without a byte that identifies."""

import importlib.util
import itertools
import os
import re
import signal
import traceback
import tracemalloc
import warnings

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from lus_keras.cli import main
from lus_keras.core.errors import ConfigError, DataError
from lus_keras.data import video
from lus_keras.data.importers.dicom import DicomOptions, import_dicom
from lus_keras.data.importers.dicom_header import keyed_hash
from lus_keras.data.importers.dicom_pixels import decode_pixels
from lus_keras.data.manifest import read_manifest

pydicom = pytest.importorskip("pydicom")
NATIVE = pydicom.uid.ExplicitVRLittleEndian
JPEG = pydicom.uid.JPEGBaseline8Bit
CANARIES = ("SMITH", "JOHN", "MRN4711", "19700102", "StMary", "1.2.3.4.5")
HEIGHT, WIDTH = 60, 80
# Whole picture 80×60; region x 10 … 69, y 3 … 49; the banner of a tenth takes rows 0 … 5.
REGION = (10, 3, 60, 47)


def cine(count=5, seed=0):
    """`(count, 60, 80)` uint8 with a name burned in above, beside and below the region."""
    frames = np.random.default_rng(seed).integers(30, 200, (count, HEIGHT, WIDTH), np.uint8)
    for frame in frames:
        cv2.putText(frame, "SMITH", (0, 9), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 255, 1)
        frame[52:58, :40] = 255
        frame[20:30, 72:] = 255
    return frames


def region(box=REGION, spatial_format=1, data_type=1):
    item = pydicom.Dataset()
    item.RegionSpatialFormat, item.RegionDataType = spatial_format, data_type
    item.RegionLocationMinX0, item.RegionLocationMinY0 = box[0], box[1]
    item.RegionLocationMaxX1 = box[0] + box[2] - 1
    item.RegionLocationMaxY1 = box[1] + box[3] - 1
    return item


def write(path, frames=None, syntax=NATIVE, patient="MRN4711", number=1, drop=(), **changes):
    """Writes a file whose tags hold all canaries; `changes` are further elements."""
    frames = cine() if frames is None else frames
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.3.1"
    dataset.SOPInstanceUID = f"1.2.3.4.5.{number}"
    dataset.StudyInstanceUID = "1.2.3.4.5.99"
    dataset.PatientName, dataset.PatientID = "SMITH^JOHN", patient
    dataset.PatientBirthDate, dataset.InstitutionName = "19700102", "StMary"
    dataset.private_block(0x0011, "SMITH", create=True).add_new(1, "LO", "JOHN MRN4711")
    dataset.BurnedInAnnotation = "NO"
    dataset.FrameTime = "40"
    dataset.SequenceOfUltrasoundRegions = [region()]
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape[:3]
    dataset.SamplesPerPixel = 1 if frames.ndim == 3 else 3
    dataset.PhotometricInterpretation = "MONOCHROME2" if frames.ndim == 3 else "RGB"
    if frames.ndim == 4:
        dataset.PlanarConfiguration = 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset.PixelData = frames.tobytes()
    if syntax == JPEG:
        encoded = [cv2.imencode(".jpg", frame[..., ::-1])[1].tobytes() for frame in frames]
        dataset.PixelData = pydicom.encaps.encapsulate(encoded)
        dataset.PhotometricInterpretation = "YBR_FULL_422"
    for name, value in changes.items():
        setattr(dataset, name, value)
    for name in drop:
        delattr(dataset, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "secret" / "dicom.key"
    path.parent.mkdir()
    path.write_text("0123456789abcdef0123456789abcdef\n")
    return path


def run(tmp_path, key, *options):
    """The command on `in`, to `out`."""
    arguments = ["data", "import-dicom", str(tmp_path / "in"), "--out", str(tmp_path / "out")]
    return CliRunner().invoke(main, [*arguments, "--key", str(key), *options])


def identifying(text):
    return [canary for canary in CANARIES if canary.lower() in text.lower()]


# Pixels


@pytest.mark.parametrize("colors", [False, True])
def test_pixels_in_the_region_are_kept_and_all_others_are_black(tmp_path, key, colors):
    frames = cine()
    frames = np.stack([frames, frames // 2, frames], axis=-1) if colors else frames
    write(tmp_path / "in" / "a.dcm", frames)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    (row,) = read_manifest(done.manifest)
    decoded = video.read_video(row.video, grayscale=not colors).frames
    expected = np.zeros_like(frames)
    expected[:, 6:50, 10:70] = frames[:, 6:50, 10:70]
    np.testing.assert_array_equal(decoded, expected)
    assert row.roi == (10, 6, 60, 44)


def test_jpeg_of_brightness_and_color_becomes_rgb(tmp_path, key):
    """Smooth colors survive JPEG within a few gray levels."""
    ramp = np.linspace(0, 200, WIDTH).astype(np.uint8)
    frame = np.broadcast_to(ramp[None, :, None] * np.array([1, 0, 0], np.uint8), (HEIGHT, WIDTH, 3))
    write(tmp_path / "in" / "a.dcm", np.stack([frame] * 3), JPEG)
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video, grayscale=False).frames.astype(int)
    assert decoded.shape == (3, HEIGHT, WIDTH, 3)
    assert np.abs(decoded[:, 10:45, 20:60] - frame[10:45, 20:60]).max() <= 12
    assert decoded[:, :6].max() == 0


def test_a_picture_whose_zero_is_white_is_inverted(tmp_path, key):
    frames = cine()
    write(tmp_path / "in" / "a.dcm", frames, PhotometricInterpretation="MONOCHROME1")
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video).frames
    np.testing.assert_array_equal(decoded[:, 10:40, 20:60], 255 - frames[:, 10:40, 20:60])
    assert decoded[:, 55:].max() == 0


def colors_of(frames):
    """`(t, h, w, 3)` RGB, smooth from left to right, so that halved colors are nearly the same."""
    ramp = np.linspace(40, 200, WIDTH).astype(np.uint8)
    rgb = np.stack([ramp, ramp // 2, 255 - ramp], axis=-1)
    return np.broadcast_to(rgb, (frames, HEIGHT, WIDTH, 3)).copy()


def to_ybr(rgb):
    """Full-range YCbCr of JPEG."""
    ordered = [cv2.cvtColor(frame, cv2.COLOR_RGB2YCrCb)[..., [0, 2, 1]] for frame in rgb]
    return np.stack(ordered)


def halved(ybr):
    """4:2:2 as DICOM lays it out: of two pixels Y, Y, Cb, Cr."""
    pairs = np.stack([ybr[:, :, 0::2, 0], ybr[:, :, 1::2, 0], ybr[:, :, ::2, 1], ybr[:, :, ::2, 2]])
    return np.moveaxis(pairs, 0, -1)


@pytest.mark.parametrize(
    ("pixels", "changes", "note"),
    [
        (lambda rgb: rgb, {"PhotometricInterpretation": "YBR_FULL_422"}, True),
        (lambda rgb: halved(to_ybr(rgb)), {"PhotometricInterpretation": "YBR_FULL_422"}, False),
        (to_ybr, {"PhotometricInterpretation": "YBR_FULL"}, False),
        (lambda rgb: rgb.transpose(0, 3, 1, 2), {"PlanarConfiguration": 1}, False),
        # Tags left over from compressed originals, or of one channel.
        (lambda rgb: rgb, {"PhotometricInterpretation": "YBR_RCT"}, True),
        (lambda rgb: rgb, {"PhotometricInterpretation": "YBR_ICT"}, True),
        (lambda rgb: rgb, {"PhotometricInterpretation": "MONOCHROME2"}, True),
        # Words of two bytes, the second first; as single bytes they lie as they are.
        (lambda rgb: rgb, {"syntax": pydicom.uid.ExplicitVRBigEndian}, False),
    ],
)
def test_native_colors_are_those_that_were_stored(tmp_path, key, pixels, changes, note):
    rgb = colors_of(6)
    stored = np.ascontiguousarray(pixels(rgb)).tobytes()
    write(tmp_path / "in" / "a.dcm", rgb, PixelData=stored, **changes)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    decoded = video.read_video(done.videos[0].video, grayscale=False).frames.astype(int)
    assert decoded.shape == rgb.shape
    # YCbCr rounds, and of two neighbors one takes the color of the other.
    assert np.abs(decoded[:, 10:40, 20:60] - rgb[:, 10:40, 20:60]).max() <= 5
    assert any("read as RGB" in text for text in done.notes) == note


def test_words_of_a_big_endian_file_are_turned(tmp_path, key):
    frames = cine(4)
    path = write(tmp_path / "in" / "a.dcm", frames, pydicom.uid.ExplicitVRBigEndian)
    content = path.read_bytes()
    start = content.index(b"\x7f\xe0\x00\x10OB") + 4
    words = frames.reshape(-1, 2)[:, ::-1].tobytes()
    path.write_bytes(content[:start] + b"OW" + content[start + 2 : start + 8] + words)
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video).frames
    np.testing.assert_array_equal(decoded[:, 10:40, 20:60], frames[:, 10:40, 20:60])


@pytest.mark.parametrize("deep", [False, True])
def test_values_of_a_palette_become_its_colors(tmp_path, key, deep):
    frames = cine(3)
    table = {}
    for name, value in (("Red", 0), ("Green", 1), ("Blue", 2)):
        entries = np.roll(np.arange(256), 10 * value)
        table[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, 16 if deep else 8]
        table[f"{name}PaletteColorLookupTableData"] = (
            (entries * 257).astype("<u2").tobytes() if deep else entries.astype(np.uint8).tobytes()
        )
    write(tmp_path / "in" / "a.dcm", frames, PhotometricInterpretation="PALETTE COLOR", **table)
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video, grayscale=False).frames[:, 10:40, 20:60]
    kept = frames[:, 10:40, 20:60].astype(int)
    np.testing.assert_array_equal(decoded, np.stack([kept, kept - 10, kept - 20], -1) % 256)


@pytest.mark.parametrize("parts", [1, 3])
def test_a_video_inside_is_decoded(tmp_path, key, parts):
    """H.264, in one fragment or in several."""
    rgb = colors_of(6)
    video.write_video(tmp_path / "v.mkv", rgb, 25, "h264")
    stream = to_annex_b(tmp_path / "v.mkv")
    ends = np.linspace(0, len(stream), parts + 1).astype(int) // 2 * 2
    ends[-1] = len(stream)
    pieces = [stream[a:b] for a, b in itertools.pairwise(ends)]
    items = b"".join(pydicom.encaps.itemize_fragment(piece) for piece in pieces)
    write(
        tmp_path / "in" / "a.dcm",
        rgb,
        pydicom.uid.UID("1.2.840.10008.1.2.4.102"),
        PhotometricInterpretation="YBR_PARTIAL_420",
        PixelData=b"\xfe\xff\x00\xe0\0\0\0\0" + items,
    )
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video, grayscale=False).frames.astype(int)
    assert decoded.shape == rgb.shape
    assert np.abs(decoded[:, 10:40, 20:60] - rgb[:, 10:40, 20:60]).max() <= 12


def to_annex_b(path):
    """The bare H.264 stream of a file."""
    stream = b""
    with av.open(str(path)) as container:
        track = container.streams.video[0]
        turned = av.bitstream.BitStreamFilterContext("h264_mp4toannexb", track)
        for packet in container.demux(track):
            stream += b"".join(bytes(part) for part in turned.filter(packet))
    return stream + b"\0" * (len(stream) % 2)


@pytest.mark.parametrize("meta", [False, True])
def test_a_file_without_preamble_is_read(tmp_path, key, meta):
    path = write(tmp_path / "in" / "a.dcm")
    content = path.read_bytes()[132:]
    path.write_bytes(content if meta else content[content.index(b"\x08\0\x16\0") :])
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video).frames
    np.testing.assert_array_equal(decoded[:, 10:40, 20:60], cine()[:, 10:40, 20:60])


def test_the_contact_sheet_shows_the_brightest_value_of_each_pixel(tmp_path, key):
    """A flash in one frame of five must not escape the eye."""
    frames = np.full((5, HEIGHT, WIDTH), 10, np.uint8)
    frames[3, 20:40, 30:50] = 255
    write(tmp_path / "in" / "a.dcm", frames)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    (sheet,) = done.others
    page = cv2.imread(str(sheet), cv2.IMREAD_GRAYSCALE)
    assert page[30 * 6, 40 * 6] == 255
    assert page[15 * 6, 15 * 6] == 10
    assert page[2 * 6, 15 * 6] == 0


# Time


@pytest.mark.parametrize(
    ("elements", "drop", "times_ms"),
    [
        ({"FrameTimeVector": [7, 20, 100, 20, 40], "FrameTime": "40"}, (), [0, 20, 120, 140, 180]),
        ({"FrameTime": "40", "CineRate": "10"}, (), [0, 40, 80, 120, 160]),
        ({"CineRate": "20", "RecommendedDisplayFrameRate": "10"}, ["FrameTime"], range(0, 250, 50)),
        ({"RecommendedDisplayFrameRate": "10"}, ["FrameTime"], range(0, 500, 100)),
    ],
)
def test_time_is_taken_from_the_first_element_that_states_it(
    tmp_path, key, elements, drop, times_ms
):
    write(tmp_path / "in" / "a.dcm", drop=drop, **elements)
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    decoded = video.read_video(row.video)
    np.testing.assert_allclose(decoded.times_s * 1000, list(times_ms), atol=1e-3)
    np.testing.assert_array_equal(decoded.frames[:, 10:40, 20:60], cine()[:, 10:40, 20:60])


STEPS = [33.0] * 5
VECTOR, STEP = 0x00181065, 0x00181063


@pytest.mark.parametrize(
    ("elements", "rate", "note"),
    [
        # The pointer names the element that counts; what disagrees is said.
        (
            {"FrameTime": "66.667", "FrameTimeVector": STEPS, "FrameIncrementPointer": STEP},
            15,
            "FrameTime states 15 frames per second and is used; FrameTimeVector states 30.3",
        ),
        (
            {"FrameTime": "66.667", "FrameTimeVector": STEPS, "FrameIncrementPointer": VECTOR},
            1000 / 33,
            "FrameTimeVector states 30.3 frames per second and is used; FrameTime states 15",
        ),
        ({"FrameTime": "40", "CineRate": "15"}, 25, "FrameTime states 25.*CineRate states 15"),
        # A vector that is too short is no reason to refuse what else is stated.
        ({"FrameTime": "40", "FrameTimeVector": [0, 33.0, 33.0, 33.0]}, 25, None),
        ({"FrameTime": "0", "CineRate": "20"}, 20, None),
    ],
)
def test_the_frame_increment_pointer_decides(tmp_path, key, elements, rate, note):
    write(tmp_path / "in" / "a.dcm", **elements)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    times_s = video.read_video(done.videos[0].video).times_s
    np.testing.assert_allclose(times_s, np.arange(5) / rate, atol=1e-3)
    said = [text for text in done.notes if "is used" in text]
    assert (note is None) == (not said)
    assert note is None or re.search(note, said[0])


@pytest.mark.parametrize("vector", [STEPS, [0, 20]])
def test_the_rate_of_the_user_counts_before_all_others(tmp_path, key, vector):
    write(tmp_path / "in" / "a.dcm", FrameTimeVector=vector)
    options = DicomOptions(frame_rate=50)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key, options)
    times_s = video.read_video(done.videos[0].video).times_s
    np.testing.assert_allclose(times_s, np.arange(5) / 50, atol=1e-9)
    assert any("--frame-rate states 50" in note for note in done.notes)


def test_time_is_never_guessed(tmp_path, key):
    write(tmp_path / "in" / "a.dcm", drop=["FrameTime"])
    with pytest.raises(DataError, match=r"file 1 of 1.*states no frame rate.*--frame-rate"):
        import_dicom([tmp_path / "in"], tmp_path / "out", key)
    options = DicomOptions(frame_rate=50)
    (row,) = import_dicom([tmp_path / "in"], tmp_path / "out", key, options).videos
    np.testing.assert_allclose(video.read_video(row.video).times_s, np.arange(5) / 50, atol=1e-9)


# Nothing that identifies


def test_no_byte_and_no_line_identifies(tmp_path, key):
    """Names are in tags, private tags, file names, folders and burned in."""
    folder = tmp_path / "in" / "SMITH^JOHN"
    write(folder / "MRN4711.dcm", number=1, FrameTimeVector=[0, 20, 100, 20, 40])
    colors = np.stack([cine()] * 3, axis=-1)
    write(folder / "19700102.dcm", colors, JPEG, number=2)
    result = run(tmp_path, key)
    assert result.exit_code == 0, result.output
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(path.suffix for path in written) == [".avi", ".csv", ".mkv", ".png"]
    for path in written:
        assert identifying(path.read_bytes().decode("latin-1")) == [], path.name
        assert identifying(path.relative_to(tmp_path).as_posix()) == []
    assert identifying(result.output.replace(str(tmp_path), "")) == []
    assert "contact sheets" in result.output


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"drop": ["FrameTime"]}, "frame rate"),
        ({"drop": ["SequenceOfUltrasoundRegions"]}, "no region with tissue.*--region"),
        ({"patient": " "}, "PatientID is blank"),
        ({"patient": "Unknown"}, "PatientID is blank or a placeholder"),
        ({"patient": "?"}, "PatientID is blank or a placeholder"),
        ({"FrameTime": "0.04"}, "FrameTime states 2.5e\\+04 frames per second.*--frame-rate"),
        ({"FrameTime": "40000"}, "FrameTime states 0.025 frames per second"),
        ({"BitsStored": 7}, "8 bits, all of them used"),
        ({"PixelRepresentation": 1}, "unsigned"),
        # A third of the values would be taken for a frame.
        (
            {"PhotometricInterpretation": "MONOCHROME2", "NumberOfFrames": 15}
            | {"frames": np.zeros((5, 60, 80, 3), np.uint8)},
            "states 15 frames and contains 5",
        ),
        ({"NumberOfFrames": 4}, "states 4 frames and contains 5"),
        ({"NumberOfFrames": 6}, "states 6 frames and contains 5"),
        ({"Rows": 30_000, "Columns": 30_000}, "outside the range that can be decoded"),
        ({"BitsAllocated": 16}, "8 bits"),
        ({"FrameTimeVector": [0, 20], "drop": ["FrameTime"]}, "FrameTimeVector"),
        ({"PhotometricInterpretation": "HSV"}, "gray, RGB, YBR or palette colors"),
        ({"drop": ["PixelData"]}, "no pixels|damaged"),
        (
            {"syntax": JPEG, "NumberOfFrames": 4, "frames": np.zeros((5, 60, 80, 3), np.uint8)},
            "states 4 frames and contains 5",
        ),
    ],
)
def test_messages_name_the_cause_and_nobody(tmp_path, key, changes, cause):
    write(tmp_path / "in" / "SMITH.dcm", **changes)
    result = run(tmp_path, key)
    assert result.exit_code == 3, result.output
    assert re.search(cause, result.output), result.output
    assert "DICOM file 1 of 1" in result.output
    assert identifying(result.output) == []
    assert not (tmp_path / "out" / "manifest.csv").exists()


def test_without_the_extra_the_remedy_is_named(tmp_path, key, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pydicom" else find_spec(name)
    )
    write(tmp_path / "in" / "a.dcm")
    result = run(tmp_path, key)
    assert result.exit_code == 2 and "pip install 'lus-keras[dicom]'" in result.output


def test_a_deflated_file_is_not_inflated(tmp_path, key):
    """Also where the syntax stands far behind the start: 256 MB of zeros in 300 kB."""
    path = write(tmp_path / "in" / "a.dcm")
    dataset = pydicom.dcmread(path)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = bytes(10_000)
    dataset.file_meta.ImplementationVersionName = "x"
    dataset.PixelData = bytes(256 << 20)
    dataset.save_as(path)
    content = path.read_bytes()
    # The elements of the meta part in another order than theirs, which parsers read as well.
    syntax = content.index(b"\x02\0\x10\0UI")
    end = content.index(b"\x02\0\x12\0UI")
    info = content.index(b"\x02\0\x02\x01OB")
    meta_end = info + 12 + 10_000
    path.write_bytes(
        content[:syntax] + content[end:meta_end] + content[syntax:end] + content[meta_end:]
    )
    assert path.stat().st_size < 1e6
    tracemalloc.start()
    result = run(tmp_path, key)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()
    assert result.exit_code == 3
    assert "is deflated, which cannot be read" in result.output


def test_damaged_files_are_errors_that_quote_nothing(tmp_path, key):
    """Every cut and many flipped bytes: a whole import, or an error of ours."""
    whole = write(tmp_path / "in" / "a.dcm").read_bytes()
    rng = np.random.default_rng(0)
    damaged = [whole[:length] for length in range(132, 1400, 97)]
    for _ in range(40):
        content = bytearray(whole)
        for place in rng.integers(132, 1500, 3):
            content[place] = rng.integers(256)
        damaged.append(bytes(content))
    outcomes = set()
    for content in damaged:
        (tmp_path / "in" / "a.dcm").write_bytes(content)
        result = run(tmp_path, key, "--codec", "mjpeg")
        assert result.exit_code in (0, 3), (result.output, result.exception)
        assert identifying(result.output) == []
        outcomes.add(result.exit_code)
    assert outcomes == {0, 3}


@pytest.mark.parametrize("function", ["dcmread", "iter_pixels"])
def test_what_a_parser_says_is_never_repeated(tmp_path, key, monkeypatch, function):
    def fail(*_, **__):
        warnings.warn("SMITH^JOHN", UserWarning, stacklevel=1)
        raise ValueError("invalid value SMITH^JOHN")

    write(tmp_path / "in" / "a.dcm", np.stack([cine()] * 3, axis=-1), JPEG)
    monkeypatch.setattr(pydicom, function, fail)
    # In this process, as the child would not have the parser that fails.
    monkeypatch.setattr(
        "lus_keras.data.importers.dicom_pixels.stream_isolated",
        lambda work, text: work(text),
    )
    for debug in ([], ["--debug"]):
        arguments = [*debug, "data", "import-dicom", str(tmp_path / "in"), "--key", str(key)]
        result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "out")])
        # With --debug the whole traceback is shown, causes included.
        shown = result.output + "".join(traceback.format_exception(result.exception))
        assert "(ValueError" in shown
        assert identifying(shown) == []


# Ids


def test_ids_are_keyed_hashes_that_keep_patients_together(tmp_path, key):
    write(tmp_path / "in" / "a.dcm", number=1)
    write(tmp_path / "in" / "b.dcm", number=2)
    write(tmp_path / "in" / "c.dcm", number=3, patient="MRN4712", StudyInstanceUID="1.2.3.4.5.98")
    rows = import_dicom([tmp_path / "in"], tmp_path / "out", key).videos
    assert len({row.patient_id for row in rows}) == 2
    assert len({row.video_id for row in rows}) == 3
    assert [row.video_id for row in rows] == sorted(row.video_id for row in rows)
    secret = key.read_bytes().strip()
    assert keyed_hash(secret, "patient", "MRN4711") in {row.patient_id for row in rows}
    assert keyed_hash(secret, "patient", "1") != keyed_hash(secret, "exam", "1")
    assert keyed_hash(b"another" * 4, "patient", "MRN4711") not in {row.patient_id for row in rows}


def test_cines_that_share_an_id_are_kept_apart_and_copies_are_not(tmp_path, key):
    for name, seed in (("a", 0), ("b", 1), ("c", 0)):
        write(tmp_path / "in" / f"{name}.dcm", cine(seed=seed))
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    assert len({row.video_id for row in done.videos}) == 2
    shown = [video.read_video(row.video).frames[0, 10:40, 20:60] for row in done.videos]
    expected = [cine(seed=seed)[0, 10:40, 20:60] for seed in (0, 1)]
    assert sorted(pixels.tobytes() for pixels in shown) == sorted(p.tobytes() for p in expected)
    assert sum("SOPInstanceUID of another cine" in note for note in done.notes) == 2
    assert "Skipped: 1 × copy of another file." in done.notes


def test_one_study_of_two_patients_is_an_error_that_names_nobody(tmp_path, key):
    write(tmp_path / "in" / "a.dcm", number=1)
    write(tmp_path / "in" / "b.dcm", number=2, patient="MRN4711.0")
    write(tmp_path / "in" / "c.dcm", number=3, patient="MRN4799", StudyInstanceUID="1.2.3.98")
    done = run(tmp_path, key)
    assert done.exit_code == 3
    assert "DICOM file 1 of 3" in done.output and "DICOM file 2 of 3" in done.output
    assert "one study (StudyInstanceUID) is under 2 patient ids" in done.output
    assert "DICOM file 3 of 3" not in done.output and identifying(done.output) == []


def test_ids_are_compared_before_they_are_hashes(tmp_path, key):
    ids = ["MRN-4711", "MRN_4711", "mrn 4711.", "MRN4712"]
    for number, patient in enumerate(ids, start=1):
        uid = f"1.2.3.{number}"
        path = tmp_path / "in" / f"{number}.dcm"
        write(path, number=number, patient=patient, StudyInstanceUID=uid)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    told = next(note for note in done.notes if "are similar" in note)
    assert told.startswith("Warning: patient ids of 1 groups of files are similar")
    assert all(f"DICOM file {number} of 4" in told for number in (1, 2, 3))
    assert "DICOM file 4" not in told and identifying(told) == []
    assert len({row.patient_id for row in done.videos}) == 4


def test_one_id_of_several_people_is_warned_of(tmp_path, key):
    """Files from several archives, or without ids: `0` for everybody."""
    people = [{"PatientName": "SMITH^JOHN"}, {"PatientName": "Smith^John^^"}]
    people += [{"PatientName": "DOE^JANE"}, {"PatientName": "SMITH^JOHN", "patient": "1"}]
    for number, person in enumerate(people, start=1):
        given = {"patient": "0", "StudyInstanceUID": f"1.2.3.{number}"} | person
        write(tmp_path / "in" / f"{number}.dcm", number=number, **given)
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    told = next(note for note in done.notes if "several names" in note)
    assert told.startswith("Warning: 1 patient ids occur with several names")
    assert "DICOM file 3 of 4" in told and "DICOM file 4 of 4" not in told
    assert identifying(told) == []


def test_a_key_is_needed_and_never_shared(tmp_path, key):
    write(tmp_path / "in" / "a.dcm")
    with pytest.raises(ConfigError, match="Make one"):
        import_dicom([tmp_path / "in"], tmp_path / "out", tmp_path / "none.key")
    (tmp_path / "short.key").write_text("abc")
    with pytest.raises(ConfigError, match="16 bytes"):
        import_dicom([tmp_path / "in"], tmp_path / "out", tmp_path / "short.key")
    with pytest.raises(ConfigError, match="must not be inside the output folder"):
        import_dicom([tmp_path / "in"], key.parent, key)


# What is passed over


def test_other_objects_are_counted_not_imported(tmp_path, key):
    write(tmp_path / "in" / "a.dcm", number=1)
    write(tmp_path / "in" / "b.dcm", number=1)
    write(tmp_path / "in" / "c.dcm", number=3, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    write(tmp_path / "in" / "d.dcm", number=4, SequenceOfUltrasoundRegions=[region(data_type=3)])
    write(tmp_path / "in" / "e.dcm", cine(1), number=5)
    write(tmp_path / "in" / "DICOMDIR", number=6)
    (tmp_path / "in" / "report.pdf").write_text("%PDF")
    done = import_dicom([tmp_path / "in"], tmp_path / "out", key)
    assert len(done.videos) == 1
    notes = " ".join(done.notes)
    for what in ("no multi-frame ultrasound", "Doppler", "a single frame", "copy of another file"):
        assert f"1 × {what}" in notes


def test_a_file_without_region_is_masked_by_the_user_s(tmp_path, key):
    write(tmp_path / "in" / "a.dcm", drop=["SequenceOfUltrasoundRegions"])
    result = run(tmp_path, key, "--region", "20,10,30,20", "--banner", "0")
    assert result.exit_code == 0, result.output
    (row,) = read_manifest(tmp_path / "out" / "manifest.csv")
    assert row.roi == (20, 10, 30, 20)
    assert "removes part of the ultrasound region" not in result.output
    result = run(tmp_path, key, "--region", "20,10,30,20", "--banner", "0.25")
    assert read_manifest(tmp_path / "out" / "manifest.csv")[0].roi == (20, 15, 30, 15)
    assert (
        "The top 25% of the image is blacked out, which removes part of the ultrasound region of 1 "
        "videos"
    ) in result.output
    assert run(tmp_path, key, "--region", "20,10,30").exit_code == 2
    assert run(tmp_path, key, "--region", "20,10,300,20").exit_code == 3


def test_nothing_but_dicom_is_an_error(tmp_path, key):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("x")
    assert "none of 1 files is DICOM" in run(tmp_path, key).output


def _fatal(text):
    """Decodes in the child as always, but for one file, which kills it."""
    if "fatal" in text:
        os.kill(os.getpid(), signal.SIGSEGV)
    return decode_pixels(text)


def test_a_cine_that_kills_its_decoder_is_named_by_its_number(tmp_path, key, monkeypatch):
    monkeypatch.setattr("lus_keras.data.importers.dicom_pixels.decode_pixels", _fatal)
    write(tmp_path / "in" / "a.dcm")
    write(tmp_path / "in" / "fatal.dcm", number=2)
    with pytest.raises(DataError) as caught:
        import_dicom([tmp_path / "in"], tmp_path / "out", key)
    assert str(caught.value) == (
        "DICOM file 2 of 2, sorted by path: crashed the process that decoded it (SIGSEGV). Exclude "
        "it, or export it uncompressed."
    )
    assert not list((tmp_path / "out").rglob(".tmp-*"))
