"""A zoo of videos made at test time: every container and codec that is met, whole and damaged.

Every frame carries its own number in its pixels, as eight columns of black or white blocks, so the
order and the loss of frames can be read off what was decoded.
"""

import random
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np

HEIGHT, WIDTH, FRAMES = 64, 128, 40


@dataclass(frozen=True)
class Species:
    """How a member of the zoo is written.

    `times_ms` are the times of display where they are not even.
    """

    name: str
    suffix: str
    codec: str
    pixel_format: str
    fps: int = 25
    times_ms: tuple[int, ...] | None = None
    tag: str | None = None


def _uneven():
    """20 and 100 ms by turns, as two GIF delays whose mean rate is 16.67 fps."""
    return tuple(int(t) for t in np.concatenate([[0], np.cumsum([20, 100] * FRAMES)])[:FRAMES])


SPECIES = {
    species.name: species
    for species in (
        *(Species(f"avi-mjpeg-{r}", ".avi", "mjpeg", "yuvj420p", r) for r in (25, 30, 54)),
        *(
            Species(f"avi-xvid-{r}", ".avi", "mpeg4", "yuv420p", r, tag="XVID")
            for r in (25, 30, 54)
        ),
        *(Species(f"mp4-h264-{r}", ".mp4", "libx264", "yuv420p", r) for r in (25, 30, 54)),
        *(Species(f"mov-mjpeg-{r}", ".mov", "mjpeg", "yuvj420p", r) for r in (25, 54)),
        Species("mov-h264-30", ".mov", "libx264", "yuv420p", 30),
        *(Species(f"mpeg1-{r}", ".mpg", "mpeg1video", "yuv420p", r) for r in (25, 30)),
        *(Species(f"mpeg2-{r}", ".mpeg", "mpeg2video", "yuv420p", r) for r in (25, 30)),
        Species("gif-25", ".gif", "gif", "gray", 25),
        Species("gif-uneven", ".gif", "gif", "gray", 100, _uneven()),
        Species("mov-uneven", ".mov", "libx264", "yuv420p", 1000, _uneven()),
        Species("mp4-uneven", ".mp4", "mpeg4", "yuv420p", 1000, _uneven()),
    )
    if species.codec in av.codecs_available
}


def coded_frames(count, height=HEIGHT, width=WIDTH):
    """`(count, height, width)` uint8; bit k of a frame's number is the k-th eighth of the width."""
    bits = np.arange(count)[:, None] >> np.arange(8) & 1
    columns = np.repeat(bits * 200 + 20, width // 8, axis=1).astype(np.uint8)
    return np.repeat(columns[:, None], height, axis=1)


def numbers(frames):
    """Inverse of `coded_frames`, for any size."""
    columns = frames.mean(axis=1)
    blocks = columns.reshape(len(frames), 8, -1).mean(axis=2)
    return ((blocks > 120) << np.arange(8)).sum(axis=1).tolist()


def times_s(species):
    """When each frame is shown, in seconds."""
    if species.times_ms is None:
        return np.arange(FRAMES) / species.fps
    return np.array(species.times_ms) / 1000


def breed(species, path):
    """Writes a whole member of the zoo and returns its path."""
    clock = Fraction(1, species.fps)
    shown = np.round(times_s(species) * species.fps).astype(int)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(species.codec, rate=species.fps)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, species.pixel_format
        if species.tag:
            stream.codec_context.codec_tag = species.tag
        for pixels, pts in zip(coded_frames(FRAMES), shown, strict=True):
            picture = av.VideoFrame.from_ndarray(pixels, format="gray")
            picture.pts, picture.time_base = int(pts), clock
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def truncated(data, tenth):
    """The first `tenth` tenths of the bytes."""
    return data[: len(data) * tenth // 10]


def flipped(data, seed, count=200, keep=64):
    """`data` with `count` bytes changed, none of the first `keep`."""
    draw, damaged = random.Random(seed), bytearray(data)
    for _ in range(count):
        damaged[draw.randrange(keep, len(damaged))] ^= draw.randrange(1, 256)
    return bytes(damaged)


def with_a_lost_frame(data):
    """An AVI whose frame in the middle is zeroes, so that one fewer decodes."""
    damaged = bytearray(data)
    start = damaged.index(b"00dc", len(damaged) // 2)
    length = int.from_bytes(damaged[start + 4 : start + 8], "little")
    damaged[start + 8 : start + 8 + length] = bytes(length)
    return bytes(damaged)
