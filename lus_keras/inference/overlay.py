"""Figure 5 as a video: a clip beside its saliency maps, enlarged and labeled."""

import os
from collections.abc import Mapping
from pathlib import Path

import av
import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from lus_keras.data.video import write_video

# Small tiles are enlarged by an integer factor to at least this many pixels.
VISIBLE = 240
GAP, BAR = 8, 28
SIMULATED = "SIMULATED"
# Colors are in RGB, also for text drawn by OpenCV.
WHITE, RED = (235, 235, 235), (255, 90, 80)


def overlay_video(
    path: str | os.PathLike[str],
    frames: NDArray[np.uint8],
    maps: Mapping[str, NDArray[np.floating]],
    fps: float,
    *,
    simulated: bool = False,
) -> Path:
    """Writes a clip and its maps side by side, enlarged without smoothing.

    Args:
        path: File to create or replace. Its suffix is replaced by that of the container: `.mp4` if
            PyAV has an encoder for it, else `.avi`.
        frames: `(t, h, w)` uint8.
        maps: Title → `(t, h, w)` floats 0 … 1, drawn from left to right beside the clip.
        fps: Frames per second.
        simulated: Whether the video is labeled as simulated.

    Raises:
        ValueError: Maps and frames differ in shape.
    """
    wrong = {title: values.shape for title, values in maps.items() if values.shape != frames.shape}
    if wrong:
        raise ValueError(
            f"`maps` must have the shape of the frames, {frames.shape}. Received: {wrong}."
        )
    suffix, codec = container()
    path = Path(path).with_suffix(suffix)
    pictures = (overlay_frame(frames, maps, number, simulated) for number in range(len(frames)))
    write_video(path, pictures, fps, codec)
    return path


def container() -> tuple[str, str]:
    """Suffix and codec available in this PyAV; H.264 if possible, as browsers can play it."""
    for encoder, codec in (("libx264", "h264"), ("mpeg4", "mpeg4")):
        if encoder in av.codecs_available:
            return ".mp4", codec
    return ".avi", "mjpeg"


def overlay_frame(
    frames: NDArray[np.uint8],
    maps: Mapping[str, NDArray[np.floating]],
    number: int,
    simulated: bool,
) -> NDArray[np.uint8]:
    """One image `(H, W, 3)` uint8 RGB of even size: a frame and its maps in 0 … 1 by title."""
    table = np.round(255 * matplotlib.colormaps["inferno"](np.arange(256)))[:, :3].astype(np.uint8)
    gray = np.repeat(frames[number][..., None], 3, axis=-1)
    panels = {"input": gray} | {
        title: table[np.round(255 * np.clip(values[number], 0, 1)).astype(np.uint8)]
        for title, values in maps.items()
    }
    factor = -(-VISIBLE // min(frames.shape[1:]))
    columns = [_panel(title, picture, factor) for title, picture in panels.items()]
    gap = np.zeros((len(columns[0]), GAP, 3), np.uint8)
    row = np.concatenate([part for column in columns for part in (column, gap)][:-1], axis=1)
    foot = np.zeros((BAR, row.shape[1], 3), np.uint8)
    _write(foot, f"frame {number}", WHITE)
    if simulated:
        _write(foot, SIMULATED, RED, right=True)
    picture = np.concatenate([row, foot])
    return np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)))


def _panel(title: str, picture: np.ndarray, factor: int) -> np.ndarray:
    """An image enlarged without smoothing, below its title."""
    large = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    head = np.zeros((BAR, large.shape[1], 3), np.uint8)
    _write(head, title, WHITE)
    return np.concatenate([head, large])


def _write(bar: np.ndarray, text: str, color: tuple[int, int, int], right: bool = False) -> None:
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, 0.55
    (width, _), _ = cv2.getTextSize(text, font, scale, 1)
    x = bar.shape[1] - width - 4 if right else 4
    cv2.putText(bar, text, (x, BAR - 9), font, scale, color, 1, cv2.LINE_AA)
