"""Whatever becomes of a file, it gives its frames or one clear error: no crash, no silent loss."""

import os
import socket
import time
from fractions import Fraction

import av
import numpy as np
import pytest
import zoo

from lus_keras.core.errors import VideoError
from lus_keras.data import video
from lus_keras.data.manifest import Video
from lus_keras.data.quality.faults import problems_of
from lus_keras.data.video.formats import SUFFIXES
from lus_keras.data.video.truncation import is_cut_short

# These name no number of frames, so that one lost within is not missed.
UNCOUNTED = {".mpg", ".mpeg", ".gif"}


@pytest.fixture(scope="session", params=zoo.SPECIES)
def member(request, tmp_path_factory):
    """One species and a whole file of it."""
    species = zoo.SPECIES[request.param]
    folder = tmp_path_factory.mktemp("zoo")
    return species, zoo.breed(species, folder / f"{species.name}{species.suffix}")


def outcome(path, content):
    """Frames that decode, or None for a typed error of one line; either within five seconds."""
    path.write_bytes(content)
    start = time.perf_counter()
    try:
        decoded = video.read_video(path)
    except VideoError as error:
        assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        decoded = None
    assert time.perf_counter() - start < 5
    if decoded is not None:
        assert (np.diff(decoded.times_s) > 0).all() and decoded.times_s[0] == 0
        assert decoded.duration_s > decoded.times_s[-1]
    return decoded


def found(path, row=None):
    """Codes of what a check says of a file that decodes."""
    return {p.code for p in problems_of(video.inspect_video(path), str(path), row, min_seconds=0)}


def test_a_whole_file_gives_every_frame_at_its_time(member):
    species, path = member
    decoded = video.read_video(path)
    assert zoo.numbers(decoded.frames) == list(range(zoo.FRAMES))
    np.testing.assert_allclose(decoded.times_s, zoo.times_s(species), atol=1e-4)
    assert found(path) == ({"variable-rate"} if species.times_ms else set())


@pytest.mark.parametrize("tenth", range(10))
def test_a_file_cut_anywhere_gives_its_first_frames_and_says_so(member, tenth, tmp_path):
    _, whole = member
    path = tmp_path / whole.name
    decoded = outcome(path, zoo.truncated(whole.read_bytes(), tenth))
    if decoded is None:
        return
    shown = zoo.numbers(decoded.frames)
    # The last frame may be half there.
    assert shown[:-1] == list(range(len(shown) - 1))
    # Where a cut falls between two packets of an MPEG, its last picture is damaged.
    assert found(path) & {"truncated", "corrupt"}
    assert whole.suffix in UNCOUNTED or "truncated" in found(path)


@pytest.mark.parametrize("seed", range(4))
def test_flipped_bytes_are_told_by_the_hash_if_by_nothing_else(member, seed, tmp_path):
    """1, 7, 49 and 200 bytes: MJPEG and GIF hold no check sums, so pixels may change unnoticed."""
    _, whole = member
    path = tmp_path / whole.name
    decoded = outcome(path, zoo.flipped(whole.read_bytes(), seed, min(7**seed, 200)))
    if decoded is not None:
        row = Video(str(path), "p", "v", sha256=video.inspect_video(whole).sha256)
        assert "sha256" in found(path, row)
        missing = zoo.FRAMES - len(decoded.frames)
        told = {"truncated", "corrupt", "header-count"}
        assert missing <= 0 or whole.suffix in UNCOUNTED or found(path) & told


def test_an_empty_file_is_refused(member, tmp_path):
    _, whole = member
    path = tmp_path / whole.name
    path.touch()
    with pytest.raises(VideoError, match="0 bytes"):
        video.inspect_video(path)


def test_a_misnamed_file_is_decoded_the_same_and_told(member, tmp_path):
    _, whole = member
    wrong = ".avi" if whole.suffix != ".avi" else ".mp4"
    path = tmp_path / f"wrong{wrong}"
    path.write_bytes(whole.read_bytes())
    np.testing.assert_array_equal(video.read_video(path).frames, video.read_video(whole).frames)
    assert "misnamed" in found(path) and "misnamed" not in found(whole)
    assert whole.suffix in SUFFIXES[video.probe(whole).container]


def test_a_pixel_format_that_changes_is_converted_picture_by_picture(tmp_path):
    """Five frames with halved color, then five with full color, in one stream."""
    path, clock = tmp_path / "v.avi", Fraction(1, 25)
    frames = zoo.coded_frames(10)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = zoo.HEIGHT, zoo.WIDTH, "yuvj420p"
        for half, pixel_format in enumerate(("yuvj420p", "yuvj444p")):
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.height, encoder.width, encoder.pix_fmt = zoo.HEIGHT, zoo.WIDTH, pixel_format
            encoder.time_base = clock
            for number in range(5 * half, 5 * half + 5):
                picture = av.VideoFrame.from_ndarray(frames[number], format="gray")
                picture.pts, picture.time_base = number, clock
                for packet in encoder.encode(picture.reformat(format=pixel_format)):
                    packet.stream, packet.time_base = stream, clock
                    packet.pts = packet.dts = number
                    container.mux(packet)
    with av.open(str(path)) as container:
        formats = {picture.format.name for picture in container.decode(video=0)}
    assert formats == {"yuvj420p", "yuvj444p"}
    assert zoo.numbers(video.read_video(path).frames) == list(range(10))
    assert found(path) == set()


def riff(length, bytes_there):
    return b"RIFF" + length.to_bytes(4, "little") + bytes(bytes_there)


def packet(length, bytes_there, code=b"\xe0"):
    return b"\0\0\1" + code + length.to_bytes(2, "big") + bytes(bytes_there)


# Headers of packs: MPEG-1, MPEG-2 with two bytes of stuffing; the end of a program.
PACK = b"\0\0\1\xba\x21" + bytes(7)
PACK_2 = b"\0\0\1\xba\x44" + bytes(8) + b"\xfa\xff\xff"
END = b"\0\0\1\xb9"


def box(length, bytes_there, wide=b""):
    return length.to_bytes(4, "big") + b"mdat" + wide + bytes(bytes_there)


GIF = b"GIF89a" + bytes(7)
# Place and size, length of the code, one block of two bytes, the empty block.
GIF_IMAGE = b"\x2c" + bytes(9) + b"\x02" + b"\x02ab" + b"\0"
PIPED = b"RIFF\xff\xff\xff\xffAVI LIST\xff\xff\xff\xffmovi"
EBML = b"\x1a\x45\xdf\xa3\x80"
SEGMENT_OF_4 = b"\x18\x53\x80\x67\x84"
OPEN_SEGMENT = b"\x18\x53\x80\x67\x01\xff\xff\xff\xff\xff\xff\xff"


def chunk(length, held):
    """A chunk of an AVI that states `length` bytes and holds `held`."""
    return b"00dc" + length.to_bytes(4, "little") + bytes(held)


@pytest.mark.parametrize(
    ("container", "content", "cut"),
    [
        ("avi", riff(10, 10), False),
        ("avi", riff(10, 9), True),
        # Odd lengths are padded, though some writers leave the last pad out.
        ("avi", riff(9, 10) + riff(4, 4), False),
        ("avi", riff(9, 9), False),
        # Large files hold several chunks; one recorder crashed before it wrote the length.
        ("avi", riff(10, 10) + riff(10, 3), True),
        ("avi", riff(0, 50), False),
        ("avi", riff(10, 10) + b"JUNKJUNKJUNK", False),
        ("mov", box(20, 12) + box(12, 4), False),
        ("mov", box(20, 12) + box(12, 3), True),
        ("mov", box(1, 8, (24).to_bytes(8, "big")), False),
        ("mov", box(1, 7, (24).to_bytes(8, "big")), True),
        ("mov", box(0, 50), False),
        ("gif", GIF + b";", False),
        ("gif", GIF + b";\0\0", False),
        ("gif", GIF + b";bytes that a mail program added", False),
        ("gif", GIF, True),
        ("gif", GIF + GIF_IMAGE + b";", False),
        ("gif", GIF + GIF_IMAGE[:-1], True),
        ("gif", GIF + GIF_IMAGE[:-3], True),
        # A writer into a pipe cannot go back to fill in a length; chunks still have theirs.
        ("avi", riff(0xFFFFFFFF, 50), False),
        ("avi", PIPED + chunk(8, 8), False),
        ("avi", PIPED + chunk(8, 8) + chunk(8, 7), True),
        # What stands behind the last box is no box.
        ("mov", box(20, 12) + b"garbage garbage garbage", False),
        ("matroska", EBML + SEGMENT_OF_4 + b"1234", False),
        ("matroska", EBML + SEGMENT_OF_4 + b"123", True),
        ("matroska", EBML + OPEN_SEGMENT + b"\xec\x84" + b"1234", False),
        ("matroska", EBML + OPEN_SEGMENT + b"\xec\x84" + b"123", True),
        ("mpegts", (b"\x47" + bytes(187)) * 3, False),
        ("mpegts", (b"\x47" + bytes(187)) * 3 + b"\x47" + bytes(50), True),
        ("mpeg", b"anything", False),
        ("mpeg", PACK + packet(9, 9), False),
        ("mpeg", PACK + packet(9, 8), True),
        ("mpeg", PACK + packet(9, 9) + packet(4, 4, b"\xbe") + END, False),
        ("mpeg", PACK_2 + packet(9, 9) + PACK_2 + packet(300, 299), True),
        ("mpeg", PACK_2 + packet(9, 9) + PACK_2[:9], True),
        ("mpeg", PACK_2 + packet(9, 9) + PACK_2[:-1], True),
        ("mpeg", PACK + packet(9, 9)[:5], True),
        # What follows need not be a packet; nothing tells a cut between two.
        ("mpeg", PACK + packet(9, 9) + b"\0\0\0\0\0", False),
        ("mpeg", PACK + packet(9, 9) + END + b"tail of a recorder", False),
        # Longer than what is read: the chain starts at a pack near the end.
        ("mpeg", PACK + (packet(2042, 2042) + PACK) * 200 + packet(9, 3), True),
        ("mpeg", PACK + (packet(2042, 2042) + PACK) * 200 + packet(9, 9), False),
    ],
)
def test_a_file_is_cut_short_if_its_own_lengths_say_so(tmp_path, container, content, cut):
    path = tmp_path / "file"
    path.write_bytes(content)
    assert is_cut_short(path, container) is cut


def test_an_mpeg_cut_between_two_packets_is_told_by_its_last_picture(tmp_path):
    """The muxer's packs are of 2048 bytes: the first one ends within frame 32."""
    whole = zoo.breed(zoo.SPECIES["mpeg1-25"], tmp_path / "whole.mpg")
    path = tmp_path / "cut.mpg"
    path.write_bytes(whole.read_bytes()[:2048])
    seen = video.inspect_video(path)
    assert not seen.cut_short
    assert seen.corrupt_frames == (seen.frames - 1,)
    assert 30 < seen.frames < zoo.FRAMES


# What must never be opened


@pytest.mark.parametrize(
    "name",
    [
        "http://127.0.0.1:9/a.avi",
        "rtsp://127.0.0.1:9/a",
        "concat:whole.avi|whole.avi",
        "file:whole.avi",
        "subfile,,start,0,end,0,,:whole.avi",
        "lavfi:testsrc",
        "testsrc",
        "frame%03d.png",
        "frame%03d.avi",
        "whole\0.avi",
    ],
)
def test_protocols_and_patterns_are_names_of_files_that_are_not_there(tmp_path, monkeypatch, name):
    zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "whole.avi")
    (tmp_path / "frame001.avi").write_bytes((tmp_path / "whole.avi").read_bytes())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VideoError, match="cannot be read"):
        video.read_video(name)


def test_a_percent_sign_in_a_name_is_only_a_percent_sign(tmp_path):
    path = tmp_path / "frame%03d.avi"
    zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "frame001.avi").rename(path)
    assert len(video.read_video(path).frames) == zoo.FRAMES


@pytest.mark.parametrize(
    "script",
    [
        "ffconcat version 1.0\nfile whole.avi\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nwhole.avi\n#EXT-X-ENDLIST\n",
        "[playlist]\nFile1=whole.avi\n",
        "<MPD><BaseURL>whole.avi</BaseURL></MPD>",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\n",
    ],
)
@pytest.mark.parametrize("suffix", [".avi", ".mp4", ".gif"])
def test_scripts_that_name_other_files_are_refused(tmp_path, script, suffix):
    zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "whole.avi")
    path = tmp_path / f"script{suffix}"
    path.write_text(script)
    with pytest.raises(VideoError, match="is not a video"):
        video.read_video(path)


def test_devices_sockets_and_pipes_are_refused_without_reading(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.avi")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.avi")
        for name in ("/dev/zero", "pipe.avi", "socket.avi"):
            with pytest.raises(VideoError, match="not a regular file"):
                video.read_video(name)


def test_a_file_beyond_the_limit_of_bytes_is_refused(tmp_path, monkeypatch):
    path = zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "v.avi")
    monkeypatch.setattr("lus_keras.data.video.formats.MAX_BYTES", path.stat().st_size - 1)
    with pytest.raises(VideoError, match="GB are decoded"):
        video.read_video(path)


def test_a_video_beyond_the_limit_of_time_is_refused(tmp_path, monkeypatch):
    path = zoo.breed(zoo.SPECIES["avi-mjpeg-25"], tmp_path / "v.avi")
    monkeypatch.setattr("lus_keras.data.video.decode.MAX_SECONDS", 1)
    with pytest.raises(VideoError, match="frame 26 is shown at 1 s; at most 1 s"):
        video.read_video(path)
