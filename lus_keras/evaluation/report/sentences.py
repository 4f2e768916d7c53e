"""Facts about a run in words, the same in reports, model cards and the terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lus_keras.core.errors import LEAKAGE
from lus_keras.evaluation.run_record import facts
from lus_keras.evaluation.run_record.facts import Fact

LISTED = 10


def sentence(fact: Fact) -> str:
    """Puts a fact into words."""
    return _WORDS[type(fact)](fact)


def counted(classes: Mapping[str, int]) -> str:
    """Prints counts by class, such as `3 B-line, 0 non-B-line`."""
    return ", ".join(f"{count} {name}" for name, count in classes.items())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:LISTED]) + (", …" if names[LISTED:] else "")


def _damaged(fact: facts.DamagedVideos) -> str:
    lost = len(fact.problems)
    problems = "; ".join(f"{video}: {text}" for video, text in fact.problems.items())
    return (
        f"{lost} of {fact.videos_kept + lost} videos cannot be decoded completely and are excluded "
        f"(data.on_bad=skip): {counted(fact.by_class)}. {fact.videos_kept} videos of "
        f"{fact.patients_kept} of {fact.patients} patients remain. {problems}"
    )


def _unlabelled(fact: facts.UnlabelledVideos) -> str:
    return (
        f"{len(fact.videos)} videos have no label in '{fact.column}' and are excluded: "
        f"{_listed(fact.videos)}."
    )


def _without_clip(fact: facts.VideosWithoutClip) -> str:
    return (
        f"{len(fact.videos)} videos are shorter or smaller than one clip and are excluded: "
        f"{counted(fact.by_class)}; {fact.patients} patients have no other video. "
        f"{_listed(fact.videos)}."
    )


def _padded(fact: facts.PaddedVideos) -> str:
    return (
        f"{len(fact.videos)} videos of {fact.patients} patients are shorter than one clip and are "
        f"padded ({fact.padding}): {counted(fact.by_class)}. {_listed(fact.videos)}."
    )


def _cut(fact: facts.CutVideos) -> str:
    return (
        f"{fact.videos} videos are longer than {fact.frames} frames and are truncated; the "
        f"longest has {fact.longest} frames. Raise clip.frames to keep them whole."
    )


def _unused_frames(fact: facts.UnusedFrames) -> str:
    return (
        f"{fact.frames} of {fact.of} frames, at the ends of {fact.videos} videos, do not fill a "
        "clip and are dropped."
    )


def _learnt_elsewhere(fact: facts.LearntElsewhere) -> str:
    if fact.first:
        return f"Trained on {fact.dataset} videos first, then within the folds."
    return f"Trained on {fact.dataset} videos only."


def _other_protocol(fact: facts.OtherProtocol) -> str:
    changes = "; ".join(f"{c.setting} {c.value} (paper: {c.paper})" for c in fact.changes)
    return (
        f"Preset '{fact.preset}' is not the paper's protocol: {changes}. A claim tested at another "
        "scale says little about the paper's claim."
    )


_WORDS: dict[type, Callable[[Any], str]] = {
    facts.Remark: lambda fact: fact.text,
    facts.DamagedVideos: _damaged,
    facts.UnlabelledVideos: _unlabelled,
    facts.VideosWithoutClip: _without_clip,
    facts.PaddedVideos: _padded,
    facts.CutVideos: _cut,
    facts.UnusedFrames: _unused_frames,
    facts.LearntElsewhere: _learnt_elsewhere,
    facts.OwnFolds: lambda fact: f"The {fact.folds} folds are the user's own (--split).",
    facts.Leakage: lambda _: LEAKAGE,
    facts.ChosenOnTest: lambda _: "OPTIMISTIC: the epoch was selected on the test clips.",
    facts.OtherProtocol: _other_protocol,
}
