"""Test clips of a run for the report's viewer: frames, frame weights, labels, predictions."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from lus_keras.core.style import PALETTE
from lus_keras.evaluation.metrics import minmax
from lus_keras.evaluation.metrics.scores import probability_columns
from lus_keras.evaluation.report.sprites import Sprite, make_sprite, mask_source
from lus_keras.evaluation.run_record import Example, ModelRun, PaperRun

MOST_CLIPS = 6
# Interval of clips at the frame rate of their files; and the shortest that browsers can display.
PLAYED_MS, SHORTEST_MS = 100, 33


@dataclass(frozen=True)
class Curve:
    """Frame weights of one network at the frames shown, rescaled to 0 … 1 over the clip."""

    label: str
    colour: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class ViewedClip:
    """A clip as the viewer shows it.

    Attributes:
        truth: Label of the clip.
        answers: For each network its printed name, predicted class, and that class's probability.
        frames: Numbers of the frames shown within the clip, from 1.
        seconds: Their times from the start of the clip; empty if the frame rate is unknown.
        total: Number of frames of the clip.
        annotated: 1 or 0, -1 if unknown, for each frame shown; empty without frame-level truth.
        mask: Printed name of a network and its spatial masks as a `data:` address, arranged like
            the frames of `sprite`; None without masks.
    """

    id: str
    clip_id: str
    patient_id: str
    truth: str
    answers: tuple[tuple[str, str, float], ...]
    sprite: Sprite
    frames: tuple[int, ...]
    seconds: tuple[float, ...]
    total: int
    annotated: tuple[int, ...]
    curves: tuple[Curve, ...]
    mask: tuple[str, str] | None = None

    @property
    def first(self) -> int:
        """Index of the frame shown first: the highest weight of the last curve, or the middle."""
        if not self.curves:
            return len(self.frames) // 2
        return int(np.argmax(self.curves[-1].values))

    @property
    def named_curves(self) -> list[tuple[str, tuple[float, ...]]]:
        """Printed names of the networks with their frame weights."""
        return [(curve.label, curve.values) for curve in self.curves]

    @property
    def colours(self) -> dict[str, str]:
        """Color of each curve, by the printed name of its network."""
        return {curve.label: curve.colour for curve in self.curves}

    @property
    def interval_ms(self) -> int:
        """Time between frames when the clip is played, in milliseconds."""
        if len(self.seconds) < 2:
            return PLAYED_MS
        return max(round(1000 * (self.seconds[1] - self.seconds[0])), SHORTEST_MS)


@dataclass(frozen=True)
class _Kept:
    """A test clip of a network that was saved with its frames."""

    model: ModelRun
    example: Example
    chances: NDArray[np.float64]
    truth: int
    patient_id: str


def viewed_clips(
    run: PaperRun, labels: Mapping[str, str], most: int = MOST_CLIPS
) -> list[ViewedClip]:
    """Selects test clips that were saved with their frames, alternating between classes.

    A clip that several networks were tested on is included once.

    Args:
        labels: Printed names of the networks, by their names.
        most: Largest number of clips.

    Returns:
        The clips; empty for a paper on single frames, or if no frames were saved.
    """
    shared: dict[tuple[str, bytes], list[_Kept]] = {}
    for model in run.models.values():
        for kept in _kept(model):
            # Tiles of two sizes may have one id.
            frames = kept.example.frames
            digest = hashlib.sha256(repr(frames.shape).encode() + frames.tobytes()).digest()
            shared.setdefault((kept.example.clip_id, digest), []).append(kept)
    by_class: dict[int, list[list[_Kept]]] = {}
    for group in shared.values():
        by_class.setdefault(group[0].truth, []).append(group)
    turns = zip_longest(*(_over_folds(by_class[truth]) for truth in sorted(by_class)))
    chosen = [group for turn in turns for group in turn if group][:most]
    return [
        _viewed(run, labels, group, f"clip-{run.paper}-{number}")
        for number, group in enumerate(chosen, start=1)
    ]


def _kept(model: ModelRun) -> Iterator[_Kept]:
    if model.predictions is None:
        return
    rows = model.predictions.set_index(["fold", "clip_id"])
    chances = probability_columns(model.predictions)
    for example in model.examples:
        key = (example.fold, example.clip_id)
        if len(example.frames) > 1 and key in rows.index:
            row = rows.loc[[key]].iloc[0]
            numbers = row[chances].to_numpy(np.float64)
            yield _Kept(model, example, numbers, int(row["y_true"]), str(row["patient_id"]))


def _over_folds(groups: Sequence[list[_Kept]]) -> list[list[_Kept]]:
    """The first of every fold, then the second of every fold, and so on, for different patients."""
    folds: dict[int, list[list[_Kept]]] = {}
    for group in groups:
        folds.setdefault(group[0].example.fold, []).append(group)
    return [group for turn in zip_longest(*folds.values()) for group in turn if group]


def _viewed(
    run: PaperRun, labels: Mapping[str, str], group: Sequence[_Kept], id_: str
) -> ViewedClip:
    example = group[0].example
    sprite = make_sprite(example.frames)
    places = sprite.shown * example.step
    classes = run.record.labels
    annotated: NDArray[np.int8] = np.zeros(0, np.int8)
    curves: list[Curve] = []
    mask = None
    for kept in group:
        label = labels.get(kept.model.name, kept.model.name)
        if mask is None and kept.example.masks is not None:
            mask = label, mask_source(kept.example.masks, sprite)
        found = _attention(kept)
        if found is None:
            continue
        weights, truth = found
        values = tuple(round(float(value), 4) for value in minmax(weights[None])[0][places])
        curves.append(Curve(label, PALETTE[len(curves) % len(PALETTE)], values))
        annotated = truth[places]
    # 0 for clips that keep the rate of their files.
    fps = run.settings_of(group[0].model.name).clip.fps
    return ViewedClip(
        id=id_,
        clip_id=example.clip_id,
        patient_id=group[0].patient_id,
        truth=_class_name(classes, group[0].truth),
        answers=tuple(
            (
                labels.get(kept.model.name, kept.model.name),
                _class_name(classes, int(kept.chances.argmax())),
                float(kept.chances.max()),
            )
            for kept in group
        ),
        sprite=sprite,
        frames=tuple((places + 1).tolist()),
        seconds=tuple(round(float(place / fps), 3) for place in places) if fps else (),
        total=example.length,
        annotated=tuple(annotated.tolist()) if (annotated >= 0).any() else (),
        curves=tuple(curves),
        mask=mask,
    )


def _attention(kept: _Kept) -> tuple[NDArray[np.float32], NDArray[np.int8]] | None:
    stored = kept.model.attention
    if stored is None:
        return None
    own = (stored.folds == kept.example.fold) & (stored.clip_ids == kept.example.clip_id)
    found = np.flatnonzero(own)
    return (stored.weights[found[0]], stored.truth[found[0]]) if len(found) else None


def _class_name(names: Sequence[str], number: int) -> str:
    return names[number] if number < len(names) else f"class {number}"
