"""preprocess.py of an export: from a video to the model's input with NumPy and OpenCV only.

Sector detection, resampling and cutting of clips are copied from this package when the file is
written, so that both implementations stay identical.
"""

import ast
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from lus_keras.data.cache.load import scaled_box
from lus_keras.data.cache.spec import FrameSpec
from lus_keras.data.clips.cut import spaced_frames, tiles, windows
from lus_keras.data.video import resample, sector
from lus_keras.data.video.formats import MAX_FRAMES
from lus_keras.inference.predict import Ensemble

FILE = "preprocess.py"
HEAD = '''"""Converts a video to the input of the exported model in this folder; see contract.json.

python preprocess.py exam.mp4 clips.npy [X,Y,W,H]     region of interest in pixels of the file

Needs NumPy and OpenCV (opencv-python-headless). For research only. Written by lus_keras.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
'''
BODY = '''

def _frames(video):
    """Yields each frame's time in seconds from the first, and a function for its BGR pixels."""
    capture = cv2.VideoCapture(str(video))
    if not capture.isOpened():
        raise ValueError(f"{video}: OpenCV cannot open it.")
    rate, number, first_s, last_s = capture.get(cv2.CAP_PROP_FPS), 0, None, -math.inf
    while capture.grab():
        time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
        first_s = time_s if first_s is None else first_s
        time_s -= first_s
        if time_s <= last_s:  # no usable time stamps
            time_s = number / rate
        yield time_s, lambda: capture.retrieve()[1]
        number, last_s = number + 1, time_s
    capture.release()
    if not number:
        raise ValueError(f"{video}: contains no frame that OpenCV can decode.")


def _grey(pixels):
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)


def _resized(pixels, said):
    """Resizes as in training: bilinear with antialiasing, or by area (linear if a side grows)."""
    size = said["size"]
    if pixels.shape[:2] == tuple(size):
        return pixels
    if said["resize"] == "bilinear":
        return _antialiased(_antialiased(pixels, size[1], 1), size[0], 0)
    grows = size[0] > pixels.shape[0] or size[1] > pixels.shape[1]
    method = cv2.INTER_LINEAR if grows else cv2.INTER_AREA
    return cv2.resize(pixels, (size[1], size[0]), interpolation=method)


def _antialiased(pixels, count, axis):
    """Resizes one axis to `count` pixels like Pillow's BILINEAR, to within one gray level."""
    step = pixels.shape[axis] / count
    if step == 1:
        return pixels
    middles = (np.arange(count)[:, None] + 0.5) * step
    far = np.abs(np.arange(pixels.shape[axis]) + 0.5 - middles) / max(step, 1.0)
    weights = np.maximum(1.0 - far, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    values = np.moveaxis(np.tensordot(weights, pixels.astype(np.float64), (1, axis)), 0, axis)
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def read_frames(video, said, roi=None):
    """Frames (t, h, w, c) uint8 with the frame rate, crop and size of training.

    Args:
        video: Path of a file that OpenCV can decode.
        said: The section "preprocessing" of contract.json.
        roi: Region of interest (x, y, w, h) in pixels of the file.
    """
    times_s, beginning = [], []
    for time_s, pixels in _frames(video):
        times_s.append(time_s)
        if said["crop"] == "sector" and time_s < 2.0:
            beginning.append(_grey(pixels()))
    box = region = inside = None
    if said["crop"] == "sector":
        shown = np.stack(beginning)
        box = tuple(roi) if roi else sector_box(shown)
        if said["mask"]:
            x, y, w, h = box
            cut = sector_mask(shown)[y : y + h, x : x + w].astype(np.uint8)
            inside = cv2.resize(cut, said["size"][::-1], interpolation=cv2.INTER_NEAREST)
    if said["crop"] == "roi" and roi is None:
        raise ValueError("This model requires a region of interest: give X,Y,W,H.")
    chosen = range(len(times_s))
    if said["fps"]:
        chosen = resample_indices(np.array(times_s), said["fps"]).tolist()
    counts = np.bincount(chosen, minlength=len(times_s))
    kept = []
    for (_, pixels), count in zip(_frames(video), counts):
        if not count:
            continue
        frame = pixels()
        if said["crop"] == "roi":
            region = scaled_box(tuple(roi), frame.shape[:2], said["size"])
        frame = frame[..., ::-1] if said["colour"] else _grey(frame)
        if box is not None:
            x, y, w, h = box
            frame = frame[y : y + h, x : x + w]
        frame = _resized(np.ascontiguousarray(frame), said)
        if region is not None:
            x, y, w, h = region
            frame = frame[y : y + h, x : x + w]
        frame = frame[..., None] if frame.ndim == 2 else frame
        kept += [frame if inside is None else frame * inside[..., None]] * int(count)
    return np.stack(kept)


def read_clips(video, roi=None):
    """Clips (n, t, h, w, c) uint8 of a video: the input of the model in this folder.

    Args:
        video: Path of a file that OpenCV can decode.
        roi: Region of interest (x, y, w, h) in pixels of the file.
    """
    contract = Path(__file__).with_name("contract.json").read_text("utf-8")
    said = json.loads(contract)["preprocessing"]
    frames = read_frames(video, said, roi)
    length = said["frames"]
    if said["unit"] == "video":
        return frames[None, :length]
    if said["unit"] == "frame":
        return frames[spaced_frames(len(frames), said["per_video"])][:, None]
    if len(frames) < length and said["short"] == "pad":
        filling = frames[-1] if said["padding"] == "last" else np.zeros_like(frames[-1])
        frames = np.concatenate([frames, np.stack([filling] * (length - len(frames)))])
    corners = [(0, 0)]
    height, width = frames.shape[1:3]
    if said["unit"] == "tile":
        height, width = said["tile"]
        step = said["tile_step"] or said["tile"]
        corners = list(tiles(frames.shape[1:3], said["tile"], step, said["tile_rows"]))
    clips = [
        frames[first : first + length, y : y + height, x : x + width]
        for first in windows(len(frames), length, said["stride"])
        for y, x in corners
    ]
    if not clips:
        raise ValueError(f"{video}: is too short or too small for one clip of {length} frames.")
    return np.stack(clips)


if __name__ == "__main__":
    region = [int(number) for number in sys.argv[3].split(",")] if len(sys.argv) > 3 else None
    np.save(sys.argv[2], read_clips(sys.argv[1], region))
'''


def source() -> str:
    """Text of preprocess.py, the same for all models; settings of a model are in contract.json."""
    functions: list[Callable[..., Any]] = [
        *(resample.resample_indices, resample._count_outputs),
        *(scaled_box, windows, spaced_frames, tiles),
    ]
    constants = f"_TIE_S = {resample._TIE_S!r}\nMAX_FRAMES = {MAX_FRAMES!r}\n"
    imports, found = _standing_alone(sector)
    parts = [constants, found, *(inspect.getsource(function) for function in functions)]
    needed = sorted({*imports, "import math", "import cv2", "import numpy as np"})
    copied = "\n\n".join(part.strip("\n") + "\n" for part in parts)
    return HEAD + "\n".join(needed) + "\n\n" + copied + BODY


def _standing_alone(module: ModuleType) -> tuple[list[str], str]:
    """Third-party imports of a module, and its text without imports and docstring."""
    text = inspect.getsource(module)
    lines, imports = text.splitlines(), []
    for node in ast.parse(text).body:
        outer = isinstance(node, ast.Import | ast.ImportFrom)
        if not outer and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            continue
        span = slice(node.lineno - 1, node.end_lineno)
        said = "\n".join(lines[span])
        if outer and getattr(node, "module", "") != "__future__" and "lus_keras" not in said:
            imports.append(said)
        lines[span] = [""] * len(lines[span])
    return imports, "\n".join(lines)


def preprocessing(models: Ensemble) -> dict[str, Any]:
    """Section "preprocessing" of contract.json: how clips are cut, and the crop still to apply."""
    spec = FrameSpec.of(models.clip, cropped=models.description.cropped)
    return {**models.clip.model_dump(mode="json"), "crop": spec.crop, "mask": spec.mask}
