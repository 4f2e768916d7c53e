"""Videos are read as every player shows them: which way up, from when on, and to their end."""

import io
import json
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import ExifTags, Image, ImageOps
from resampled import read_resampled

from lus_keras.cli import main
from lus_keras.core.errors import VideoError
from lus_keras.data import video
from lus_keras.data.importers.timing import fit_segment, measure
from lus_keras.data.quality.faults import problems_of
from lus_keras.data.video.orientation import Orientation

HEIGHT, WIDTH = 48, 64


def pictures(count=6):
    """`(count, 48, 64)` uint8, a bright corner at the top left, darker from picture to picture."""
    frames = np.full((count, HEIGHT, WIDTH), 60, np.uint8)
    frames[:, :24, :32] = 220
    frames[:, :24, 32:] = 120
    return frames - 2 * np.arange(count, dtype=np.uint8)[:, None, None]


def write_turned(path, degrees=0, matrix=None):
    """An MP4 whose display matrix turns its pictures; degrees are counted against the clock."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        if matrix is None:
            stream.set_display_rotation(degrees)
        else:
            stream.set_display_matrix(matrix)
        for frame in pictures():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_a_display_matrix_turns_pictures_boxes_and_sizes(tmp_path, quarters):
    path = write_turned(tmp_path / "v.mp4", 90 * quarters)
    expected = np.stack([np.rot90(frame, quarters) for frame in pictures()])
    decoded = video.read_video(path)
    assert decoded.frames.shape == expected.shape
    assert np.abs(decoded.frames.astype(int) - expected).max() <= 12
    info = video.probe(path)
    assert (info.height, info.width) == expected.shape[1:]
    assert any("rotated" in note for note in info.notes) == bool(quarters)
    box = (0, 0, info.width // 2, info.height // 2)
    cut = read_resampled(path, fps=None, box=box)
    np.testing.assert_array_equal(cut, decoded.frames[:, : box[3], : box[2]])
    seen = video.inspect_video(path)
    assert (seen.height, seen.width) == expected.shape[1:]
    assert measure(path).width == info.width


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), Orientation()),
        ((-1, 0, 0, 1), Orientation(flip_columns=True)),
        ((0, 1, 1, 0), Orientation(transposed=True)),
        # Scaled, or turned by other than a quarter, as no browser shows it.
        ((65536, 3, -2, 65536), Orientation()),
        ((46341, 46341, -46341, 46341), Orientation()),
        ((0, 0, 0, 0), Orientation()),
    ],
)
def test_a_matrix_is_a_quarter_turn_a_mirror_image_or_nothing(matrix, expected):
    assert Orientation.of_matrix(*matrix) == expected


@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_exif_turns_pictures_as_pillow_does(tmp_path, suffix, value):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = value
    options = {"quality": 95} if suffix == ".jpg" else {}
    for number, frame in enumerate(pictures(3)):
        Image.fromarray(frame).save(tmp_path / f"{number}{suffix}", exif=exif, **options)
    # Pillow turns a TIFF once more by itself: the truth is taken from a PNG.
    reference = io.BytesIO()
    Image.fromarray(pictures(3)[-1]).save(reference, "PNG", exif=exif)
    with Image.open(reference) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    decoded = video.read_video(tmp_path, picture_fps=10).frames
    assert np.abs(decoded[-1].astype(int) - expected).max() <= 3
    info = video.probe(tmp_path)
    assert (info.height, info.width) == expected.shape


def write_late(path, late_s, codec="aac"):
    """A video of 30 frames per second whose sound starts at 0 and whose picture starts later."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=30)
        picture.height, picture.width, picture.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        sound = container.add_stream(codec, rate=48000)
        for number in range(60):
            silence = av.AudioFrame("fltp", "mono", 1024)
            silence.planes[0].update(bytes(4096))
            silence.sample_rate, silence.pts = 48000, 1024 * number
            silence.time_base = Fraction(1, 48000)
            container.mux(sound.encode(silence))
        container.mux(sound.encode())
        for number, frame in enumerate(np.repeat(pictures(), 5, axis=0)):
            shown = av.VideoFrame.from_ndarray(frame, format="gray")
            shown.pts, shown.time_base = number + round(30 * late_s), Fraction(1, 30)
            container.mux(picture.encode(shown))
        container.mux(picture.encode())
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_segments_count_from_the_sound_where_it_starts_first(tmp_path, suffix):
    path = write_late(tmp_path / f"v{suffix}", 0.8)
    length = measure(path)
    assert length.offset_s == pytest.approx(0.8, abs=0.002)
    # Frames are counted from the first; 1.0 … 1.5 s on the player's clock is frames 6 … 20.
    assert length.times_s[0] == 0
    assert fit_segment((1.0, 1.5), length) == pytest.approx((0.2, 0.7), abs=0.002)
    assert fit_segment((0.2, 1.8), length) == pytest.approx((0, 1.0), abs=0.04)
    with pytest.raises(ValueError, match=r"extends beyond the video.*from 0\.80\d s on"):
        fit_segment((0.1, 0.5), length)
    assert any("after its sound" in text for text in video.inspect_video(path).notes)


def test_sound_that_starts_with_the_picture_changes_nothing(tmp_path):
    length = measure(write_late(tmp_path / "v.mp4", 0))
    assert length.offset_s == 0


def codes(path):
    seen = video.inspect_video(path)
    return {(p.code, p.level) for p in problems_of(seen, str(path), None, min_seconds=0)}


def rebuilt(content, change):
    """An AVI whose chunks of pictures are what `change` makes of (number, content)."""
    start, end = content.index(b"movi") + 4, content.index(b"idx1")
    chunks, index, place, number = b"", b"", start, 0
    while place < end:
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        held = change(number, content[place + 8 : place + 8 + length])
        size = len(held).to_bytes(4, "little")
        index += b"00dc" + (16).to_bytes(4, "little") + (4 + len(chunks)).to_bytes(4, "little")
        index += size
        chunks += b"00dc" + size + held + bytes(len(held) % 2)
        place, number = place + 8 + length + length % 2, number + 1
    head = bytearray(content[:start])
    head[-8:-4] = (4 + len(chunks)).to_bytes(4, "little")
    whole = bytes(head) + chunks + b"idx1" + len(index).to_bytes(4, "little") + index
    return whole[:4] + (len(whole) - 8).to_bytes(4, "little") + whole[8:]


def test_frames_without_content_are_shown_longer_and_no_loss(tmp_path):
    path = tmp_path / "v.avi"
    video.write_video(path, pictures(12), 30)
    path.write_bytes(rebuilt(path.read_bytes(), lambda n, held: b"" if n in (3, 4, 9) else held))
    decoded = video.read_video(path)
    shown = [n for n in range(12) if n not in (3, 4, 9)]
    np.testing.assert_allclose(decoded.times_s, np.array(shown) / 30, atol=1e-6)
    found = codes(path)
    assert ("header-count", "note") in found
    assert not {code for code, _ in found} & {"truncated", "corrupt"}
    assert len(read_resampled(path, fps=30, require_intact=True)) == 12


@pytest.mark.parametrize("stated", [2 * 12, 13, 0xFFFFFFFF])
def test_a_header_that_counts_otherwise_proves_no_loss(tmp_path, stated):
    path = tmp_path / "v.avi"
    video.write_video(path, pictures(12), 30)
    content = bytearray(path.read_bytes())
    for place in (content.index(b"avih") + 24, content.index(b"strh") + 40):
        content[place : place + 4] = stated.to_bytes(4, "little")
    path.write_bytes(content)
    assert len(read_resampled(path, fps=30, require_intact=True)) == 12
    assert "truncated" not in {code for code, _ in codes(path)}


def test_an_index_that_points_past_the_end_is_a_loss(tmp_path):
    """An MP4 with its index in front, whose last box has its length mended."""
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "2"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for frame in pictures(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    content = path.read_bytes()
    box = content.rindex(b"mdat") - 4
    cut = content[: box + (len(content) - box) // 2]
    path.write_bytes(cut[:box] + (len(cut) - box).to_bytes(4, "big") + cut[box + 4 :])
    assert ("truncated", "error") in codes(path)


@pytest.mark.parametrize(
    ("suffix", "codec"), [(".ts", "mpeg2video"), (".wmv", "wmv2"), (".flv", "flv1")]
)
def test_other_containers_are_decoded_and_found_in_folders(tmp_path, suffix, codec):
    from lus_keras.data.importers.naming import find_videos

    path = tmp_path / f"v{suffix}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options={"qscale": "2"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for frame in pictures(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    decoded = video.read_video(path).frames
    assert decoded.shape == (12, HEIGHT, WIDTH)
    assert np.abs(decoded.astype(int) - pictures(12)).max() <= 16
    assert find_videos([tmp_path]) == [path]


def test_a_png_of_several_pictures_is_a_video_at_its_own_times(tmp_path):
    from lus_keras.data.importers.naming import find_videos

    path = tmp_path / "v.apng"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("apng", rate=25)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "gray"
        for frame in pictures(12):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    decoded = video.read_video(path)
    np.testing.assert_array_equal(decoded.frames, pictures(12))
    np.testing.assert_allclose(decoded.times_s, np.arange(12) / 25)
    assert find_videos([tmp_path]) == [path]


def test_a_picture_of_webp_is_not_taken_for_avi(tmp_path):
    path = tmp_path / "v.webp"
    Image.new("L", (32, 24)).save(path)
    with pytest.raises(VideoError, match=r"v\.webp: files of type \.webp are not decoded"):
        video.probe(path)


def test_a_kind_that_is_not_decoded_is_found_and_named_with_what_to_do(tmp_path):
    from lus_keras.data.importers.naming import find_videos

    path = tmp_path / "v.rm"
    path.write_bytes(b".RMF" + bytes(100))
    assert find_videos([tmp_path]) == [path]
    with pytest.raises(VideoError, match=r"v\.rm: files of type \.rm.*Convert it to MP4"):
        video.probe(path)


def test_pictures_predicted_from_later_ones_keep_their_times_in_avi(tmp_path):
    path = tmp_path / "v.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": "2", "crf": "10"})
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for frame in pictures(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        container.mux(stream.encode())
    decoded = video.read_video(path)
    assert np.abs(decoded.frames.astype(int) - pictures(20)).max() <= 8
    np.testing.assert_allclose(np.diff(decoded.times_s), 1 / 25, atol=1e-6)


@pytest.mark.parametrize(("bits", "shift"), [(12, 4), (16, 8), (8, 0), (10, 2)])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_deep_pictures_are_scaled_by_the_bits_they_use(tmp_path, suffix, bits, shift):
    frames = np.stack([np.full((HEIGHT, WIDTH), 40 + 60 * n, np.uint8) for n in range(4)])
    for number, frame in enumerate(frames):
        assert cv2.imwrite(str(tmp_path / f"{number}{suffix}"), frame.astype(np.uint16) << shift)
    np.testing.assert_array_equal(video.read_video(tmp_path, picture_fps=9).frames, frames)
    assert video.probe(tmp_path).notes == (
        f"its images use {bits} of 16 bits; gray values are scaled to those used.",
    )


@pytest.mark.parametrize("suffix", [".bmp", ".tif", ".tiff", ".BMP"])
def test_bitmaps_and_tiffs_are_read(tmp_path, suffix):
    for number, frame in enumerate(pictures(3)):
        cv2.imwrite(str(tmp_path / f"{number}{suffix}"), frame)
    decoded = video.read_video(tmp_path, picture_fps=9).frames
    assert np.abs(decoded.astype(int) - pictures(3)).max() <= 1


def test_a_tiff_of_several_pages_is_refused(tmp_path):
    first, *others = [Image.fromarray(frame) for frame in pictures(3)]
    first.save(tmp_path / "1.tif", save_all=True, append_images=others)
    with pytest.raises(VideoError, match="contains 3 pages"):
        video.read_video(tmp_path, picture_fps=9)


def write_streams(path, *, aspect=None, sizes=((HEIGHT, WIDTH),)):
    """An MP4 of several video streams, whose pixels have a shape."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (height, width) in enumerate(sizes):
            stream = container.add_stream("mpeg4", rate=25)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            streams.append((stream, np.full((height, width), 60 + 90 * number, np.uint8)))
        for number in range(30):
            for stream, picture in streams:
                frame = picture.copy()
                frame[number, :30] = 220
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
        for stream, _ in streams:
            container.mux(stream.encode())
    return path


SECOND = ((HEIGHT, WIDTH), (32, 32))


@pytest.mark.parametrize(
    ("options", "kind", "cause", "remedy"),
    [
        (
            {"aspect": Fraction(4, 3)},
            "pixel-aspect",
            "(4:3): players show 64×48 as 85×48",
            "setsar",
        ),
        (
            {"aspect": Fraction(1, 2)},
            "pixel-aspect",
            "(1:2): players show 64×48 as 32×48",
            "setsar",
        ),
        ({"sizes": SECOND}, "streams", "the first, 64×48, is read, not 32×32", "-map 0:v:1"),
    ],
)
def test_what_a_header_says_and_reading_does_not_follow_is_warned_of(
    tmp_path, options, kind, cause, remedy
):
    folder = tmp_path / "videos"
    folder.mkdir()
    for name in ("a.mp4", "b.mp4"):
        write_streams(folder / name, **options)
    write_streams(folder / "plain.mp4", aspect=Fraction(1, 1))
    seen = video.inspect_video(folder / "a.mp4")
    assert (seen.height, seen.width) == (HEIGHT, WIDTH)
    (found,) = [p for p in problems_of(seen, "a.mp4", None, min_seconds=1) if p.level == "warning"]
    assert found.code == kind and cause in found.cause and remedy in found.remedy
    assert not video.inspect_video(folder / "plain.mp4").doubts
    rows = "".join(f"{name},p{name[0]}\n" for name in ("a.mp4", "b.mp4", "plain.mp4"))
    (tmp_path / "labels.csv").write_text("video,patient_id\n" + rows)
    arguments = ["data", "import-table", str(tmp_path / "labels.csv"), str(folder), "--out"]
    done = CliRunner().invoke(main, [*arguments, str(tmp_path / "m.csv")])
    assert done.exit_code == 0, done.output
    (warning,) = done.stderr.splitlines()
    assert warning.startswith(f"Warning: {folder / 'a.mp4'}: ")
    assert cause in warning and remedy in warning
    assert warning.endswith(f"The same applies to 1 more: {folder / 'b.mp4'}.")


def test_a_check_in_a_child_hands_doubts_on(tmp_path):
    write_streams(tmp_path / "a.mp4", aspect=Fraction(4, 3))
    done = CliRunner().invoke(main, ["data", "check", str(tmp_path), "--json"])
    (found,) = json.loads(done.stdout)["videos"][0]["problems"]
    assert (found["code"], found["level"]) == ("pixel-aspect", "warning")
    assert done.exit_code == 0
