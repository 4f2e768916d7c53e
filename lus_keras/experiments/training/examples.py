"""Test clips that are kept with their frames, for figures and for the report's clip viewer."""

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
# Of a whole video, which may last for minutes.
MOST_FRAMES = 60


def write_examples(
    folder: Path, source: ClipSource, rows: np.ndarray, masker: keras.Model | None = None
) -> list[str]:
    """Keeps the frames of a few test clips, spread evenly over those that qualify.

    Six that hold frames with and without the finding, where frames are annotated, and two of every
    class that none of them is of. Of clips longer than 60 frames, every second is kept, or third,
    and so on.

    Args:
        rows: `(n,)` rows of the test clips.
        masker: From clips to their spatial masks, where the network has them.

    Returns:
        Name of the file: `clip_id (m,)`, `frames (m, t, h, w)` uint8, `length (m,)` of the
        clip without padding, `step` from one frame to the next; both in frames of the clip;
        and `masks (m, t, h', w')` uint8, 255 for 1, where there is a masker.
        None if there is no test clip.
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
    # One clip at a time: a whole video is large, and of its frames few are kept.
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
    """Keeps the frames the network is surest of and wrong about, surest first, one of a video.

    Args:
        source: Clips of one frame, of all patients.
        rows: `(n,)` rows of the test clips.
        truth: `(n,)` classes of them, or `(n, labels)` of 0 or 1 where each label is a question of
            its own; the surest wrong answer to any of them counts then.
        probabilities: `(n, classes)`, or `(n, labels)`, of them.

    Returns:
        Name of the file, which is written even if there is none: a fold that is repeated must not
        keep another's.
    """
    if truth.ndim == 1:
        sure = probabilities.max(axis=1)
        wrong = np.flatnonzero(probabilities.argmax(axis=1) != truth)
    else:
        mistaken = wrong_answers(truth, probabilities)
        sure, wrong = mistaken.max(axis=1), np.flatnonzero(mistaken.any(axis=1))
    ordered = rows[wrong[np.argsort(-sure[wrong], kind="stable")]]
    # Frames of a video look alike: without this, one video fills the gallery.
    first_of_video = np.unique(source.index.video[ordered], return_index=True)[1]
    chosen = ordered[np.sort(first_of_video)[:MISTAKES]]
    frames = source.read(chosen)[..., 0]
    write_arrays(folder / FILE, clip_id=source.index.clip_id[chosen], frames=frames)
    return [FILE]


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    if len(rows) == 0:
        return rows
    return rows[np.unique(np.linspace(0, len(rows) - 1, count).astype(int))]
