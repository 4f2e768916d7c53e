"""Frames come out in order, at their own times, or as one clear error.

Every frame made here carries its own number, so the order of decoding can be read off the pixels.
"""

import os
import time
import tracemalloc
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from resampled import read_resampled
from zoo import HEIGHT, WIDTH, coded_frames, numbers

from lus_keras.core.errors import VideoError
from lus_keras.data import video
from lus_keras.data.video.resample import resized

LOSSY = [(".avi", "mjpeg"), (".avi", "mpeg4"), (".mp4", "mpeg4"), (".mp4", "h264")]
LOSSLESS = [(".avi", "rawvideo"), (".avi", "ffv1"), (".mkv", "ffv1")]


def write_at(path, times_ms, codec="libx264", last_ms=40):
    """Writes coded frames at the given times, in milliseconds, in the order of display."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=1000, options={"video_track_timescale": "1000"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.codec_context.max_b_frames = 0
        durations = [*np.diff(times_ms).tolist(), last_ms]
        shown = dict(zip(times_ms, durations, strict=True))
        pictures = [
            av.VideoFrame.from_ndarray(pixels, format="gray")
            for pixels in coded_frames(len(times_ms))
        ]
        for picture, pts in zip(pictures, times_ms, strict=True):
            picture.pts, picture.time_base = pts, Fraction(1, 1000)
        packets = [packet for picture in [*pictures, None] for packet in stream.encode(picture)]
        for packet in packets:
            packet.duration = shown[packet.pts]
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def avi(tmp_path_factory):
    """MJPEG in AVI, 120 coded frames at 30 fps."""
    path = tmp_path_factory.mktemp("avi") / "whole.avi"
    video.write_video(path, coded_frames(120), 30, "mjpeg")
    return path


# Decoding


@pytest.mark.parametrize(("suffix", "codec"), LOSSY + LOSSLESS)
@pytest.mark.parametrize("fps", [25, 30, 54])
def test_every_frame_comes_once_in_order_at_its_time(tmp_path, suffix, codec, fps):
    path = tmp_path / f"v{suffix}"
    video.write_video(path, coded_frames(60), fps, codec)
    decoded = video.read_video(path)
    assert numbers(decoded.frames) == list(range(60))
    # Matroska's clock ticks once a millisecond.
    np.testing.assert_allclose(decoded.times_s, np.arange(60) / fps, atol=6e-4)
    assert decoded.duration_s == pytest.approx(60 / fps, abs=2e-3)
    assert decoded.corrupt_frames == ()
    assert decoded.declared_frames in (60, None)


@pytest.mark.parametrize(("suffix", "codec"), LOSSLESS)
@pytest.mark.parametrize("shape", [(3, 32, 48), (3, 32, 48, 3), (1, 31, 47)])
def test_lossless_codecs_give_back_every_pixel(tmp_path, suffix, codec, shape):
    frames = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    path = tmp_path / f"v{suffix}"
    video.write_video(path, frames, 25, codec)
    np.testing.assert_array_equal(video.read_video(path, grayscale=len(shape) == 3).frames, frames)


@pytest.mark.parametrize(("suffix", "codec"), LOSSY)
@pytest.mark.parametrize("channels", [(), (3,)])
def test_lossy_codecs_keep_the_whole_range_of_gray(tmp_path, suffix, codec, channels):
    """A ramp from 0 to 255 comes back within 3: no clipping to the television range 16 … 235."""
    ramp = np.linspace(0, 255, WIDTH).astype(np.uint8)
    frames = np.broadcast_to(
        ramp.reshape(1, 1, -1, *[1] * len(channels)), (5, 64, WIDTH, *channels)
    )
    path = tmp_path / f"v{suffix}"
    video.write_video(path, frames, 25, codec)
    decoded = video.read_video(path, grayscale=not channels).frames
    assert decoded.shape == frames.shape and decoded.dtype == np.uint8
    assert np.abs(decoded.astype(int) - frames).max() <= 3


@pytest.mark.parametrize("codec", ["ffv1", "mjpeg"])
def test_time_stamps_of_frames_are_written_as_given(tmp_path, codec):
    """The last frame is shown for the mean of 20 fps: 0.3 + 0.05 s."""
    times = [0, 0.03, 0.07, 0.2, 0.24, 0.3]
    video.write_video(tmp_path / "v.mkv", coded_frames(6), 20, codec, times_s=times)
    decoded = video.read_video(tmp_path / "v.mkv")
    np.testing.assert_allclose(decoded.times_s, times, atol=1e-9)
    assert decoded.duration_s == pytest.approx(0.35)
    assert numbers(decoded.frames) == list(range(6))


def test_time_stamps_need_a_container_that_keeps_them(tmp_path):
    with pytest.raises(VideoError, match=r"only \.mkv"):
        video.write_video(tmp_path / "v.avi", coded_frames(2), 20, "ffv1", times_s=[0, 1])


def test_rgb_channels_come_in_that_order(tmp_path):
    frames = np.zeros((2, 32, 32, 3), np.uint8)
    frames[..., 0] = 250
    path = tmp_path / "red.avi"
    video.write_video(path, frames, 25, "ffv1")
    assert video.read_video(path, grayscale=False).frames[0, 0, 0].tolist() == [250, 0, 0]


def test_iter_frames_yields_what_read_video_holds(avi):
    decoded = video.read_video(avi)
    times, frames = zip(*video.iter_frames(avi), strict=True)
    np.testing.assert_array_equal(decoded.times_s, times)
    np.testing.assert_array_equal(decoded.frames, frames)
    assert times[0] == 0


def test_variable_time_stamps_are_kept_and_start_at_zero(tmp_path):
    path = write_at(tmp_path / "vfr.mov", [200, 220, 320, 340, 440], last_ms=50)
    decoded = video.read_video(path)
    np.testing.assert_allclose(decoded.times_s, [0, 0.02, 0.12, 0.14, 0.24], atol=1e-9)
    assert decoded.duration_s == pytest.approx(0.29)
    assert numbers(decoded.frames) == [0, 1, 2, 3, 4]


def test_gif_delays_are_kept(tmp_path):
    """Delays of 20 and 100 ms; the mean rate would be 16.67 fps."""
    path = tmp_path / "v.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=100)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "gray"
        for pixels, pts in zip(coded_frames(4), [0, 2, 12, 14], strict=True):
            picture = av.VideoFrame.from_ndarray(pixels, format="gray")
            picture.pts, picture.time_base = pts, Fraction(1, 100)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    np.testing.assert_allclose(video.read_video(path).times_s, [0, 0.02, 0.12, 0.14])


def test_mpeg_frames_are_counted_by_decoding(tmp_path):
    """An MPEG program stream declares no number of frames."""
    path = tmp_path / "v.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for index, pixels in enumerate(coded_frames(40)):
            picture = av.VideoFrame.from_ndarray(pixels, format="gray")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    decoded = video.read_video(path)
    assert decoded.declared_frames is None
    assert numbers(decoded.frames) == list(range(40))
    np.testing.assert_allclose(decoded.times_s, np.arange(40) / 25, atol=1e-4)


def test_probe_tells_the_header(avi):
    assert video.probe(avi) == video.VideoInfo("avi", "mjpeg", WIDTH, HEIGHT, 30.0, 120)


# Damage and disguise


def test_an_avi_cut_in_half_gives_its_frames_and_what_it_declared(avi, tmp_path):
    """All MJPEG frames are alike in size, so half the file holds about half of the 120."""
    path = tmp_path / "cut.avi"
    path.write_bytes(avi.read_bytes()[: avi.stat().st_size // 2])
    decoded = video.read_video(path)
    assert decoded.declared_frames == 120
    assert 50 <= len(decoded.frames) <= 65
    assert numbers(decoded.frames[:-1]) == list(range(len(decoded.frames) - 1))


def test_bit_rot_is_reported_frame_by_frame(tmp_path):
    path = tmp_path / "rot.avi"
    noise = np.random.default_rng(0).integers(0, 256, (60, HEIGHT, WIDTH), np.uint8)
    video.write_video(path, noise, 30, "mpeg4")
    data = bytearray(path.read_bytes())
    for offset in range(len(data) // 2, len(data) * 3 // 4, 997):
        data[offset] ^= 0xFF
    path.write_bytes(data)
    decoded = video.read_video(path)
    assert decoded.corrupt_frames
    assert all(15 <= index < 60 for index in decoded.corrupt_frames)
    assert (np.diff(decoded.times_s) > 0).all()


def test_a_frame_that_is_lost_keeps_the_times_of_the_others_and_marks_the_next(avi, tmp_path):
    """The JPEG of frame 50 is zeroed."""
    data = bytearray(avi.read_bytes())
    start = data.index(b"movi")
    for _ in range(51):
        start = data.index(b"00dc", start) + 8
    size = int.from_bytes(data[start - 4 : start], "little")
    data[start : start + size] = bytes(size)
    path = tmp_path / "lost.avi"
    path.write_bytes(data)
    decoded = video.read_video(path)
    others = [k for k in range(120) if k != 50]
    assert numbers(decoded.frames) == others
    np.testing.assert_allclose(decoded.times_s, np.array(others) / 30)
    assert decoded.corrupt_frames == (50,)


def test_a_time_stamp_that_does_not_advance_is_replaced(tmp_path):
    """Times 0, 40, 40, 200 ms: the third becomes 40 ms plus one frame at the mean rate."""
    path = tmp_path / "stuck.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuvj420p"
        pictures = [av.VideoFrame.from_ndarray(p, format="gray") for p in coded_frames(4)]
        packets = [packet for picture in [*pictures, None] for packet in stream.encode(picture)]
        for dts, (packet, pts) in enumerate(zip(packets, [0, 40, 40, 200], strict=True)):
            packet.time_base = Fraction(1, 1000)
            packet.pts, packet.dts = pts, dts
            container.mux(packet)
    decoded = video.read_video(path)
    expected = [0, 0.04, 0.04 + 1 / video.probe(path).fps, 0.2]
    np.testing.assert_allclose(decoded.times_s, expected)
    assert numbers(decoded.frames) == [0, 1, 2, 3]


def error_of(path):
    """Message of the one line that the file is refused with, in well under five seconds."""
    start = time.perf_counter()
    with pytest.raises(VideoError) as caught:
        video.read_video(path)
    assert time.perf_counter() - start < 5
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and message.endswith(".")
    return message


@pytest.mark.parametrize("name", ["v.avi", "v.mp4"])
@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "0 bytes"),
        (b"hello, I am text", "it starts with b'hello"),
        (b"ffconcat version 1.0\nfile 'whole.avi'\n", "is not a video"),
        (b"#EXTM3U\n#EXTINF:1,\nwhole.avi\n", "is not a video"),
        (b"BM\x1a\x00\x00\x00", "is not a video"),
        (b"\x89PNG\r\n\x1a\n", "v."),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "v."),
        (b"RIFF\x00\x00\x00\x00AVI ", "cannot be opened as avi"),
        (b"\x00\x00\x00\x18ftypmp42", "index missing"),
        (b"GIF89a", "gif"),
        (b"\x1a\x45\xdf\xa3", "matroska"),
        (b"\x00\x00\x01\xba", "mpeg"),
    ],
)
def test_what_is_not_a_video_is_refused_whatever_its_name(avi, tmp_path, name, content, cause):
    (tmp_path / "whole.avi").write_bytes(avi.read_bytes())
    (tmp_path / name).write_bytes(content)
    assert cause in error_of(tmp_path / name)


def test_a_video_under_a_wrong_suffix_is_decoded_all_the_same(avi, tmp_path):
    path = tmp_path / "really_avi.mp4"
    path.write_bytes(avi.read_bytes())
    assert len(video.read_video(path).frames) == 120


def test_an_mp4_that_lost_its_index_is_refused_with_the_remedy(tmp_path):
    path = tmp_path / "v.mp4"
    video.write_video(path, coded_frames(60), 30, "h264")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "index missing" in (message := error_of(path)) and "re-mux" in message


def test_absent_folder_and_pipe_are_refused(tmp_path):
    assert "cannot be read" in error_of(tmp_path / "absent.avi")
    assert "not a regular file" in error_of(tmp_path)
    os.mkfifo(tmp_path / "pipe.avi")
    assert "not a regular file" in error_of(tmp_path / "pipe.avi")


def test_a_codec_that_is_not_on_the_list_is_refused(tmp_path):
    path = tmp_path / "v.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("huffyuv", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv422p"
        container.mux(stream.encode(av.VideoFrame(WIDTH, HEIGHT, "yuv422p")))
        container.mux(stream.encode())
    assert "codec huffyuv is not supported" in error_of(path)


def test_a_file_without_pictures_is_refused(tmp_path):
    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        sound.rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    assert "no video stream" in error_of(path)


@pytest.mark.parametrize(("width", "height"), [(8192, 4096), (65535, 65535)])
def test_giant_pictures_are_refused_before_they_are_decoded(avi, tmp_path, width, height):
    """The size stands in the AVI's bitmap header, and again in every JPEG (SOF0, height first)."""
    data = bytearray(avi.read_bytes())
    bitmap = data.index(b"strf") + 8
    data[bitmap + 4 : bitmap + 8] = width.to_bytes(4, "little")
    data[bitmap + 8 : bitmap + 12] = height.to_bytes(4, "little")
    size = HEIGHT.to_bytes(2, "big") + WIDTH.to_bytes(2, "big")
    huge = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    path = tmp_path / "giant.avi"
    path.write_bytes(bytes(data).replace(size + b"\x03", huge + b"\x03"))
    assert "4096²" in error_of(path)


def test_too_many_frames_are_refused(avi, monkeypatch):
    monkeypatch.setattr("lus_keras.data.video.decode.MAX_FRAMES", 100)
    assert "more than 100 frames" in error_of(avi)


def test_a_size_that_changes_is_refused_with_the_number_of_the_frame(tmp_path):
    path = tmp_path / "two_sizes.avi"
    halves = tmp_path / "a.mkv", tmp_path / "b.mkv"
    for half, (height, width) in zip(halves, [(64, 128), (48, 64)], strict=True):
        video.write_video(half, coded_frames(5, height, width), 25, "mjpeg")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.height, stream.width, stream.pix_fmt = 64, 128, "yuvj420p"
        for part, half in enumerate(halves):
            with av.open(str(half)) as source:
                for index, packet in enumerate(source.demux(video=0)):
                    if packet.size:
                        packet.pts = packet.dts = 5 * part + index
                        packet.time_base = Fraction(1, 25)
                        packet.stream = stream
                        container.mux(packet)
    assert "frame 5 is 64×48 after frames of 128×64" in error_of(path)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(data=st.data(), suffix=st.sampled_from([".avi", ".mp4", ".mkv"]))
def test_any_damage_gives_frames_or_a_video_error(tmp_path_factory, data, suffix):
    folder = tmp_path_factory.getbasetemp() / "damage"
    whole = folder / f"whole{suffix}"
    if not whole.exists():
        video.write_video(whole, coded_frames(20), 25, "mpeg4")
    damaged = bytearray(whole.read_bytes())
    for offset in data.draw(st.lists(st.integers(0, len(damaged) - 1), max_size=30)):
        damaged[offset] ^= data.draw(st.integers(1, 255))
    del damaged[data.draw(st.integers(0, len(damaged))) :]
    path = folder / f"damaged{suffix}"
    path.write_bytes(damaged)
    start = time.perf_counter()
    try:
        frames = read_resampled(path, fps=10, size=(8, 16))
        assert frames.shape[1:] == (8, 16)
    except VideoError as error:
        assert str(error).startswith(f"{path}: ")
    assert time.perf_counter() - start < 5


# Resampling


@pytest.mark.parametrize(
    ("times_s", "fps", "duration_s", "expected"),
    [
        # The example of the docstring; the fourth output is a tie.
        ([0, 0.04, 0.08, 0.12], 30, 0.16, [0, 1, 2, 2, 3]),
        # 54 → 30 fps: output k is nearest to frame 1.8 k = 0, 1.8, 3.6, 5.4, 7.2; round(5.0) = 5.
        (np.arange(9) / 54, 30, 9 / 54, [0, 2, 4, 5, 7]),
        # 60 → 30 fps: every second frame.
        (np.arange(6) / 60, 30, 0.1, [0, 2, 4]),
        # 10 → 20 fps: the odd outputs are ties and take the earlier frame.
        ([0, 0.1, 0.2], 20, 0.3, [0, 0, 1, 1, 2, 2]),
        # Variable rate at 10 fps: 0.1 is nearest to 0.12, 0.2 to 0.24, 0.3 is past the last.
        ([0, 0.02, 0.12, 0.14, 0.24], 10, 0.35, [0, 2, 4, 4]),
        # A frozen second: the frame is repeated.
        ([0, 1.0], 4, 1.25, [0, 0, 0, 1, 1]),
        ([0], 30, 0.01, [0]),
        ([0], 30, None, [0]),
        # Without a duration the last frame lasts as long as the median one, 0.1 s.
        ([0, 0.1, 0.2], 10, None, [0, 1, 2]),
    ],
)
def test_each_output_takes_the_frame_nearest_in_time(times_s, fps, duration_s, expected):
    indices = video.resample_indices(np.array(times_s), fps, duration_s=duration_s)
    assert indices.tolist() == expected


gaps = st.lists(st.floats(1e-3, 0.5), min_size=0, max_size=30)


@given(gaps, st.floats(1, 60), st.floats(1e-3, 0.5))
def test_resampling_keeps_the_duration_and_never_goes_back(gaps_s, fps, last_s):
    times_s = np.concatenate([[0], np.cumsum(gaps_s)])
    duration_s = times_s[-1] + last_s
    indices = video.resample_indices(times_s, fps, duration_s=duration_s)
    assert len(indices) == max(1, round(duration_s * fps))
    assert (np.diff(indices) >= 0).all() and indices[0] == 0
    outputs_s = np.arange(len(indices)) / fps
    chosen = np.abs(times_s[indices] - outputs_s)
    nearest = np.abs(times_s[:, None] - outputs_s).min(axis=0)
    np.testing.assert_allclose(chosen, nearest, atol=3e-6)


@pytest.mark.parametrize(("times_s", "fps"), [([], 30), ([0.0], 0), ([0.0], np.nan), ([0.0], -1)])
def test_resampling_refuses_nonsense(times_s, fps):
    with pytest.raises(ValueError, match="Received"):
        video.resample_indices(np.array(times_s), fps)


@pytest.mark.parametrize("fps", [4, 10, 25, 30, 60, 300])
def test_streaming_takes_the_same_frames_as_the_indices(tmp_path, fps):
    path = write_at(tmp_path / "vfr.mp4", [0, 20, 120, 140, 240, 241, 242, 300, 700], last_ms=30)
    decoded = video.read_video(path)
    indices = video.resample_indices(decoded.times_s, fps, duration_s=decoded.duration_s)
    np.testing.assert_array_equal(read_resampled(path, fps=fps), decoded.frames[indices])
    assert len(indices) == round(0.73 * fps)


def test_a_crowded_end_adds_no_output(tmp_path):
    """Frame 1 is nearest to 1.0 s, the 11th output, but 1.035 s at 10 fps are round(10.35) = 10."""
    path = write_at(tmp_path / "vfr.mp4", [0, 1000, 1020, 1030], last_ms=5)
    assert numbers(read_resampled(path, fps=10)) == [0] * 6 + [1] * 4


@pytest.mark.parametrize("source_fps", [25, 54])
def test_a_constant_rate_is_resampled_to_thirty(tmp_path, source_fps):
    """Output k shows frame k * source / 30, rounded with halves down."""
    path = tmp_path / "v.mp4"
    video.write_video(path, coded_frames(2 * source_fps), source_fps, "h264")
    shown = numbers(read_resampled(path, fps=30))
    assert shown == [
        min(int(np.ceil(k * source_fps / 30 - 0.5)), 2 * source_fps - 1) for k in range(60)
    ]


def test_cropping_comes_before_resizing(tmp_path):
    """The right half is white: a box on it is white all over, whatever the size."""
    frames = np.zeros((3, 40, 80), np.uint8)
    frames[:, :, 40:] = 255
    path = tmp_path / "v.avi"
    video.write_video(path, frames, 30, "ffv1")
    right = read_resampled(path, fps=30, box=(40, 0, 40, 20), size=(10, 16))
    assert right.shape == (3, 10, 16) and (right == 255).all()
    assert read_resampled(path, fps=30, box=(40, 0, 40, 20)).shape == (3, 20, 40)
    # Shrinking averages by area: two columns, one black, one white.
    assert read_resampled(path, fps=30, size=(1, 2))[0].tolist() == [[0, 255]]
    assert read_resampled(path, fps=30, size=(1, 1))[0, 0, 0] in (127, 128)
    assert read_resampled(path, fps=30, size=(80, 160), grayscale=False).shape == ((3, 80, 160, 3))


def triangles(taken, given):
    """`(given, taken)`: a triangle as wide as two pixels of the result, or of the picture."""
    step = taken / given
    centers = (np.arange(given)[:, None] + 0.5) * step - 0.5
    weights = np.maximum(1 - abs(centers - np.arange(taken)) / max(step, 1), 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("size", [(7, 11), (40, 13), (64, 90), (24, 32)])
def test_antialiased_resizing_weighs_with_triangles(size):
    """Within a gray level of the formula, in each color apart; other than by area."""
    picture = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    found = resized(picture, size, antialias=True)
    rows, columns = triangles(24, size[0]), triangles(32, size[1])
    expected = np.einsum("ij,jkc,lk->ilc", rows, picture.astype(float), columns)
    assert found.shape == (*size, 3)
    assert abs(found - expected).max() <= 1
    np.testing.assert_array_equal(found[..., 0], resized(picture[..., 0], size, antialias=True))
    if size == (7, 11):
        assert abs(found.astype(int) - resized(picture, size)).max() > 10


@pytest.mark.parametrize("box", [(0, 0, 129, 64), (-1, 0, 5, 5), (0, 60, 10, 5), (0, 0, 0, 5)])
def test_a_box_outside_the_frame_is_refused(avi, box):
    with pytest.raises(VideoError, match="must lie inside the frame of 128×64"):
        read_resampled(avi, fps=30, box=box)


def test_only_resized_frames_are_held(tmp_path):
    """300 frames of 480×640 are 92 MB; what is held stays below 5 MB."""
    path = tmp_path / "long.avi"
    still = np.full((480, 640), 90, np.uint8)
    video.write_video(path, (still for _ in range(300)), 30, "mjpeg")
    tracemalloc.start()
    read_resampled(path, fps=30, size=(48, 64))
    video.sector_box(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_time_stamps_that_leap_do_not_fill_the_memory(tmp_path):
    path = write_at(tmp_path / "leap.mkv", [0, 40, 1_000_000], codec="mpeg4")
    with pytest.raises(VideoError, match="exceed 20000 frames"):
        read_resampled(path, fps=30)


# Sector


def fan(height=240, width=320, center=(160, -20), radii=(40, 220), half_angle=0.6):
    """Speckled sector `(10, h, w)`, its mask, and text and a scale outside it."""
    y, x = np.mgrid[:height, :width]
    radius = np.hypot(x - center[0], y - center[1])
    inside = (radius > radii[0]) & (radius < radii[1])
    inside &= np.abs(np.arctan2(x - center[0], y - center[1])) < half_angle
    rng = np.random.default_rng(0)
    frames = (rng.rayleigh(40, (10, height, width)) * inside).clip(0, 255).astype(np.uint8)
    frames[:, 5:15, 5:35] = 220
    frames[:, 20:230:10, 312:318] = 255
    return frames, inside


def box_of(mask):
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    x, y = int(columns[0]), int(rows[0])
    return x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1


def test_the_sector_is_boxed_without_text_and_scale():
    frames, inside = fan()
    np.testing.assert_allclose(video.sector_box(frames), box_of(inside), atol=3)
    color = np.repeat(frames[..., None], 3, axis=3)
    assert video.sector_box(color) == video.sector_box(frames)


def test_a_shadow_does_not_split_the_sector():
    """A rib shadow blackens a third of the fan from the pleura down."""
    frames, inside = fan()
    frames[:, 80:, 140:180] = 0
    np.testing.assert_allclose(video.sector_box(frames), box_of(inside), atol=3)


def test_the_mask_holds_the_sector_and_no_text_even_inside_its_box():
    """The hull adds the arc above the fan; a word in the upper corner of the box is outside."""
    frames, inside = fan()
    frames[:, 60:70, 45:70] = 220
    mask = video.sector_mask(frames)
    x, y, w, h = video.sector_box(frames)
    assert x < 45 < x + w and y < 60 < y + h
    assert not mask[60:70, 45:70].any()
    assert not mask[5:15, 5:35].any() and not mask[20:230, 312:318].any()
    assert (mask | ~inside).mean() > 0.995
    assert video.box_of(mask) == (x, y, w, h)


def test_fluid_inside_the_sector_belongs_to_the_mask():
    frames, _ = fan()
    frames[:, 110:150, 130:190] = 0
    assert video.sector_mask(frames)[110:150, 130:190].all()


def test_without_a_sector_nothing_is_masked():
    assert video.sector_mask(np.zeros((2, 100, 200), np.uint8)).all()


def test_only_the_first_seconds_of_a_file_are_looked_at(tmp_path):
    frames, inside = fan()
    white = np.full_like(frames, 255)
    path = tmp_path / "v.avi"
    video.write_video(path, np.concatenate([frames, white]), 5, "mjpeg")
    np.testing.assert_allclose(video.sector_box(path), box_of(inside), atol=4)
    assert video.sector_box(path, seconds=3) == (0, 0, 320, 240)


def test_a_small_or_absent_sector_gives_the_whole_frame():
    frames = np.zeros((2, 100, 200), np.uint8)
    assert video.sector_box(frames) == (0, 0, 200, 100)
    frames[:, 10:40, 10:40] = 255
    assert video.sector_box(frames) == (0, 0, 200, 100)
    frames[:, 10:60, 10:60] = 255
    assert video.sector_box(frames) == (10, 10, 50, 50)


# Writing


def test_frames_may_come_one_by_one(tmp_path):
    path = tmp_path / "v.avi"
    video.write_video(path, iter(coded_frames(7)), 25, "ffv1")
    assert numbers(video.read_video(path).frames) == list(range(7))


@pytest.mark.parametrize(
    ("name", "frames", "fps", "codec", "cause"),
    [
        ("v.wmv", coded_frames(2), 25, "mjpeg", "suffix must be one of"),
        ("v.mp4", coded_frames(2), 25, "ffv1", "codec must be one of mpeg4, h264"),
        ("v.avi", coded_frames(2), 25, "xvid", "codec must be one of mjpeg"),
        ("v.avi", coded_frames(2), 0, "mjpeg", "`fps` must be positive"),
        ("v.avi", coded_frames(0), 25, "mjpeg", "must contain at least one frame"),
        ("v.avi", coded_frames(2).astype(float), 25, "mjpeg", "frame 0 must be uint8"),
        ("v.avi", [np.zeros((8, 8), "u1"), np.zeros((8, 9), "u1")], 25, "ffv1", "frame 1 must"),
        ("v.mp4", coded_frames(2, 63), 25, "h264", "even width and height"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(
    tmp_path, name, frames, fps, codec, cause
):
    with pytest.raises(VideoError, match=cause):
        video.write_video(tmp_path / name, frames, fps, codec)
    assert list(tmp_path.iterdir()) == []
