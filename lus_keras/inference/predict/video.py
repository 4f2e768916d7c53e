"""Probabilities of clips, videos and patients."""

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from lus_keras.core.config import ClipConfig
from lus_keras.core.errors import VideoError
from lus_keras.data.cache import FrameSpec, hash_problem
from lus_keras.data.cache.stream import Found, look_at
from lus_keras.data.clips.cut import Cut
from lus_keras.data.manifest import Video
from lus_keras.data.video import sha256_of_video
from lus_keras.inference.predict.load import Ensemble
from lus_keras.inference.predict.stream import Piece, stream_clips
from lus_keras.inference.rows import as_video, told_apart

# Numbers that a batch of inputs may hold: 64 MB of float32.
MOST_VALUES = 1 << 24
# More are no faster and take more memory.
MOST_CLIPS = 8


@dataclass(frozen=True)
class VideoPrediction:
    """Predictions for one video.

    Attributes:
        video: Its manifest row, or one made from its path.
        cropped: Whether the video was treated as showing only the sector.
        cuts: Positions of the n clips, in frames at `fps`.
        fps: Frame rate of the clips in Hz; None if the file states none.
        frames: Number of frames of the video at that rate.
        logits: `(n, k)` float32, means over folds.
        probabilities: `(n, classes)` float64, means over folds; rows sum to 1, unless `multilabel`.
        attention: `(n, t)` float32 frame weights, means over folds; None without attention.
        masks: `(n, t, h', w')` float32 in 0 … 1; None unless requested and available.
        damage: Description of damage to the file; empty if it is intact.
        multilabel: Whether each label is predicted separately, so that none or several may apply.
    """

    video: Video
    labels: tuple[str, ...]
    clip: ClipConfig
    cropped: bool
    cuts: tuple[Cut, ...]
    fps: float | None
    frames: int
    logits: np.ndarray
    probabilities: np.ndarray
    attention: np.ndarray | None = None
    masks: np.ndarray | None = None
    damage: str = ""
    multilabel: bool = False

    @property
    def clip_ids(self) -> list[str]:
        """Ids of the clips, as in predictions.csv."""
        return [f"{self.video.video_id}{cut.suffix}" for cut in self.cuts]

    @property
    def mean(self) -> np.ndarray:
        """`(classes,)` probabilities of the video, means over its clips."""
        return self.probabilities.mean(axis=0)

    @property
    def predicted(self) -> int:
        """Predicted class of the video, or its most probable label; the first of equals."""
        return int(self.mean.argmax())

    @property
    def answer(self) -> str:
        """Name of the predicted class; with `multilabel`, all labels above 0.5, or `none`."""
        if not self.multilabel:
            return self.labels[self.predicted]
        said = [name for name, chance in zip(self.labels, self.mean, strict=True) if chance > 0.5]
        return ";".join(said) or "none"

    def start_s(self, number: int) -> float:
        """Start of a clip in seconds; NaN if the frame rate is unknown."""
        return self.cuts[number].first / self.fps if self.fps else math.nan

    def end_s(self, number: int) -> float:
        """End of a clip in seconds; NaN if the frame rate is unknown."""
        cut = self.cuts[number]
        return (cut.first + cut.length) / self.fps if self.fps else math.nan

    def representative(self) -> tuple[int, int]:
        """The clip with the highest probability of the video's class, and its frame of most weight.

        Returns:
            Index of the clip, and frame of the video at `fps` (without attention, the middle frame
            of the clip). Among equals, the first.
        """
        clip = int(self.probabilities[:, self.predicted].argmax())
        cut = self.cuts[clip]
        if self.attention is None:
            return clip, cut.first + cut.length // 2
        return clip, cut.first + int(self.attention[clip, : cut.length].argmax())


def predict_video(
    models: Ensemble,
    video: Video | str | os.PathLike[str],
    *,
    cropped: bool | None = None,
    masks: bool = False,
    damaged: bool = False,
) -> VideoPrediction:
    """Predicts every clip of a video, which is decoded once, a few clips at a time.

    Args:
        models: Networks from `load_models`.
        video: File, folder of images, or manifest row, whose region of interest, frame rate of
            images and ids are used.
        cropped: Whether the video shows only the sector; None is as in the training videos.
        masks: Whether spatial masks are kept, if the network has them.
        damaged: Whether a damaged file is predicted from what can be read of it.

    Raises:
        VideoError: The video cannot be decoded, is too short or too small for a clip, lacks a
            region of interest, is damaged, or does not match the hash in its manifest row.
    """
    row = video if isinstance(video, Video) else as_video(video)
    _check(row, models)
    found = Found()
    clip = models.clip
    cropped = models.description.cropped if cropped is None else cropped
    kept = {"logits", "probabilities", *models.watched} - (set() if masks else {"spatial_mask"})
    cuts: list[Cut] = []
    parts: dict[str, list[np.ndarray]] = {name: [] for name in kept}
    size = max(1, min(MOST_CLIPS, MOST_VALUES // math.prod(clip.shape)))
    stream = stream_clips(row, clip, cropped=cropped, damaged=damaged, found=found)
    while pieces := list(islice(stream, size)):
        outputs = _predict(models, pieces)
        cuts += [piece.cut for piece in pieces]
        for name in kept:
            parts[name].append(outputs[name])
    whole = {name: np.concatenate(values) for name, values in parts.items()}
    spatial = whole.get("spatial_mask")
    return VideoPrediction(
        video=row,
        labels=models.labels,
        clip=clip,
        cropped=cropped,
        cuts=tuple(cuts),
        fps=clip.fps or row.fps or look_at(row, FrameSpec.of(clip, cropped=True)).fps,
        frames=found.frames,
        logits=whole["logits"],
        probabilities=whole["probabilities"],
        attention=whole.get("attention"),
        masks=None if spatial is None else spatial[..., 0],
        damage=" ".join(found.lost),
        multilabel=models.description.multilabel,
    )


def _check(row: Video, models: Ensemble) -> None:
    if models.clip.crop == "roi" and row.roi is None:
        raise VideoError(
            f"{row.video}: has no region of interest, and {models.name} uses nothing else. Give "
            "--roi X,Y,W,H in pixels of the file, or mark it with `lus-keras data annotate` and "
            "give the --manifest."
        )
    # MJPEG and GIF hold no check sums: a changed byte may be told by the file's hash alone.
    problem = hash_problem(row, sha256_of_video(row.video)) if row.sha256 else None
    if problem:
        raise VideoError(problem)


def _predict(models: Ensemble, pieces: Sequence[Piece]) -> dict[str, np.ndarray]:
    clips = np.stack([piece.pixels for piece in pieces])
    return models.predict(clips, np.array([piece.cut.length for piece in pieces]))


def predictions_apart(predictions: Sequence[VideoPrediction]) -> list[VideoPrediction]:
    """Predictions with the ids of `told_apart`, in their order."""
    rows = told_apart([prediction.video for prediction in predictions])
    return [
        prediction if row is prediction.video else replace(prediction, video=row)
        for prediction, row in zip(predictions, rows, strict=True)
    ]


def by_patient(predictions: Iterable[VideoPrediction]) -> dict[str, np.ndarray]:
    """Patient id → `(classes,)` probabilities, means over the patient's videos."""
    videos: dict[str, list[np.ndarray]] = {}
    for prediction in predictions:
        videos.setdefault(prediction.video.patient_id, []).append(prediction.mean)
    return {patient: np.mean(values, axis=0) for patient, values in videos.items()}
