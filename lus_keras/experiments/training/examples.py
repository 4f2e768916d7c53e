"""Test clips stored with their frames, for figures and for the clip viewer of the report."""

from pathlib import Path

import keras
import numpy as np

from lus_keras.core.multilabel import wrong_answers
from lus_keras.data.clip_source import ClipSource
from lus_keras.data.pipeline import make_batches
from lus_keras.experiments.training.masks import write_arrays

FILE = "examples.npz"
EXAMPLES = 6
OF_A_CLASS = 2
MISTAKES = 12
# Largest number of frames stored per clip; a whole video may last for minutes.
MOST_FRAMES = 60


def write_examples(
    folder: Path, source: ClipSource, rows: np.ndarray, masker: keras.Model | None = None
) -> list[str]:
    """Stores the frames of a few test clips, spread evenly over the eligible ones.

    Six clips contain frames with and without the finding, if frames are annotated; two clips are
    added of every class not among them. Of clips longer than 60 frames, every second or third frame
    is stored, and so on.

    Args:
        folder: Folder of the fold.
        rows: `(n,)` rows of the test clips.
        masker: Model from clips to spatial masks, if the network has them.

    Returns:
        A list with the name of the file, empty if there is no test clip. The file contains
        `clip_id (m,)`, `frames (m, t, h, w)` uint8, `length (m,)` of the clip without padding and
        `step` between stored frames, both in frames of the clip, and with a masker
        `masks (m, t, h', w')` uint8, 255 for 1.
    """
    truth = source.index.truth[rows]
    mixed = rows[(truth.max(axis=1) == 1) & (truth.min(axis=1) == 0)]
    chosen = _spread(mixed, EXAMPLES)
    labels = source.index.label
    for label in np.setdiff1d(labels[rows], labels[chosen]):
        chosen = np.append(chosen, _spread(rows[labels[rows] == label], OF_A_CLASS))
    if len(chosen) == 0:
        return []
    step = -(-source.index.frames // MOST_FRAMES)
    # One clip at a time: a whole video is large, and only few of its frames are kept.
    frames = np.concatenate([source.read([row])[:, ::step, ..., 0] for row in chosen])
    masks = {}
    if masker is not None:
        masks["masks"] = np.concatenate([_masks(masker, source, row, step) for row in chosen])
    write_arrays(
        folder / FILE,
        clip_id=source.index.clip_id[chosen],
        frames=frames,
        length=source.index.length[chosen],
        step=np.int64(step),
        **masks,
    )
    return [FILE]


def _masks(masker: keras.Model, source: ClipSource, row: int, step: int) -> np.ndarray:
    batches = make_batches(source, np.array([row]), np.zeros(1, bool), 1)
    masks = masker.predict(batches, verbose=0)[:, ::step, ..., 0]
    return np.round(255 * masks.astype(np.float32)).astype(np.uint8)


def write_mistakes(
    folder: Path, source: ClipSource, rows: np.ndarray, truth: np.ndarray, probabilities: np.ndarray
) -> list[str]:
    """Stores the frames with the most confident wrong predictions, at most one per video.

    Args:
        folder: Folder of the fold.
        source: Clips of one frame, of all patients.
        rows: `(n,)` rows of the test clips.
        truth: `(n,)` classes, or `(n, labels)` of 0 or 1 for independent labels, of which the most
            confident wrong prediction counts.
        probabilities: `(n, classes)` or `(n, labels)`.

    Returns:
        A list with the name of the file, whose frames are in descending order of confidence. The
        file is also written without frames, so that a repeated fold does not keep an older one.
    """
    if truth.ndim == 1:
        sure = probabilities.max(axis=1)
        wrong = np.flatnonzero(probabilities.argmax(axis=1) != truth)
    else:
        mistaken = wrong_answers(truth, probabilities)
        sure, wrong = mistaken.max(axis=1), np.flatnonzero(mistaken.any(axis=1))
    ordered = rows[wrong[np.argsort(-sure[wrong], kind="stable")]]
    # Frames of a video look alike: without this limit, one video could fill the gallery.
    first_of_video = np.unique(source.index.video[ordered], return_index=True)[1]
    chosen = ordered[np.sort(first_of_video)[:MISTAKES]]
    frames = source.read(chosen)[..., 0]
    write_arrays(folder / FILE, clip_id=source.index.clip_id[chosen], frames=frames)
    return [FILE]


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    if len(rows) == 0:
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
