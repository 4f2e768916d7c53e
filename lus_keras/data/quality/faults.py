"""Rules that derive problems and remedies from one or several inspections."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lus_keras.data.identity import near_copies
from lus_keras.data.manifest import Video
from lus_keras.data.video import Inspection
from lus_keras.data.video.formats import SUFFIXES
from lus_keras.data.video.integrity import REMEDY, losses

Level = Literal["error", "warning", "note"]

DARK = 10
STILL = 0.1
UNEVEN = 1.5
USUAL_FPS = (5.0, 120.0)


@dataclass(frozen=True)
class Problem:
    """One problem or remark.

    Attributes:
        code: Short name, such as `truncated`.
        level: "error": unusable without correction; "warning": to be inspected; "note": handled
            automatically.
        other: Name of the similar video, if similarity is the problem.
    """

    code: str
    level: Level
    cause: str
    remedy: str
    other: str = ""

    @classmethod
    def of_sentences(cls, code: str, level: Level, text: str) -> "Problem":
        """A problem from a message of this package, whose last sentence is the remedy."""
        cause, _, remedy = text.rstrip(". ").rpartition(". ")
        return cls(code, level, f"{cause}.", f"{remedy}.") if cause else cls(code, level, text, "")


def problems_of(
    seen: Inspection, path: str, video: Video | None, *, min_seconds: float
) -> Iterator[Problem]:
    """Problems of one decodable video.

    Args:
        seen: Inspection of the video.
        path: Path of the file.
        video: Manifest row, if any.
        min_seconds: Shorter videos are reported.

    Yields:
        Problems, the most severe first.
    """
    yield from _integrity(seen, video)
    yield from _picture(seen, min_seconds)
    yield from _row(seen, video) if video else ()
    suffix = Path(path).suffix.lower()
    if seen.container in SUFFIXES and suffix not in SUFFIXES[seen.container]:
        yield Problem(
            "misnamed", "warning",
            f"is named {suffix or 'without suffix'}, but contains {seen.container}.",
            f"It is decoded anyway; rename it to {SUFFIXES[seen.container][0]}.",
        )  # fmt: skip
    # Lost frames leave gaps, which would only repeat the same problem.
    yield from () if seen.corrupt_frames else _timing(seen)


def _integrity(seen: Inspection, video: Video | None) -> Iterator[Problem]:
    declared, frames = seen.declared_frames, seen.frames
    if video and video.sha256 and video.sha256 != seen.sha256:
        yield Problem(
            "sha256", "error",
            f"sha256 is {seen.sha256[:12]}…, the manifest states {video.sha256[:12]}….",
            "Copy the file again, or correct the manifest if it was replaced on purpose.",
        )  # fmt: skip
    found = list(losses(frames, declared, seen.corrupt_frames, seen.cut_short))
    for loss in found:
        yield Problem(loss.code, "error", loss.cause, REMEDY)
    if declared and frames != declared and not found:
        yield Problem(
            "header-count", "note",
            f"the header states {declared} frames, {frames} decode.",
            "Nothing: headers often differ, because of edit lists, dropped frames or streaming.",
        )  # fmt: skip
    for code, text in seen.doubts:
        yield Problem.of_sentences(code, "warning", text)
    for note in seen.notes:
        yield Problem("reading", "note", note, "Nothing: it is always read this way.")


def _picture(seen: Inspection, min_seconds: float) -> Iterator[Problem]:
    if seen.brightest < DARK or seen.contrast < DARK:
        yield Problem(
            "blank", "error",
            f"is blank: gray values differ by {seen.contrast} at most and reach {seen.brightest} "
            "of 255.",
            "Export it again, or exclude it.",
        )  # fmt: skip
    elif seen.frames > 1 and seen.change < STILL:
        yield Problem(
            "frozen", "warning",
            f"all {seen.frames} frames are identical.",
            "Check it; exclude it if it was frozen.",
        )  # fmt: skip
    if seen.duration_s < min_seconds:
        yield Problem(
            "too-short", "warning",
            f"lasts {seen.duration_s:.2f} s, less than {min_seconds:g} s.",
            "It yields no clip of that length: exclude it, or use shorter clips.",
        )  # fmt: skip


def _timing(seen: Inspection) -> Iterator[Problem]:
    uneven = seen.longest_s > UNEVEN * seen.median_s or seen.median_s > UNEVEN * seen.shortest_s
    if seen.frames > 1 and uneven:
        yield Problem(
            "variable-rate", "note",
            f"frames are {seen.shortest_s:.3f} to {seen.longest_s:.3f} s apart, "
            f"{seen.median_s:.3f} s mostly.",
            "Nothing: frames are placed by their time stamps.",
        )  # fmt: skip
    if seen.frames > 1 and not USUAL_FPS[0] <= seen.fps <= USUAL_FPS[1]:
        yield Problem(
            "odd-rate", "warning",
            f"runs at {seen.fps:.4g} frames per second.",
            "Compare its duration with the source; re-mux it with the true rate if it is wrong.",
        )  # fmt: skip


def _row(seen: Inspection, video: Video) -> Iterator[Problem]:
    """Contradictions between manifest and file."""
    if video.roi is not None:
        x, y, width, height = video.roi
        if x + width > seen.width or y + height > seen.height:
            yield Problem(
                "roi", "error",
                f"the region of interest {video.roi} (x, y, w, h) extends beyond the frame of "
                f"{seen.width}×{seen.height}.",
                "Correct the manifest.",
            )  # fmt: skip
    beyond = [end for _, end in video.segments or () if end > seen.duration_s + seen.median_s]
    if beyond:
        yield Problem(
            "segments", "error",
            f"a segment ends at {max(beyond):g} s, the video at {seen.duration_s:.2f} s.",
            "Correct the manifest, or check whether another file was annotated.",
        )  # fmt: skip


Who = tuple[str, str | None]


def copies(seen: Mapping[int, Inspection], who: Sequence[Who]) -> Iterator[tuple[int, Problem]]:
    """Duplicate videos: identical bytes, or similar first frames.

    Args:
        seen: Inspections by index of the video.
        who: Name and patient (None if unknown) of every video.

    Yields:
        Index of a video and its problem.
    """
    by_hash: dict[str, list[int]] = defaultdict(list)
    for number, inspection in seen.items():
        by_hash[inspection.sha256].append(number)
    for group in by_hash.values():
        for number in group if len(group) > 1 else ():
            yield number, _same_bytes(number, [other for other in group if other != number], who)
    firsts = [group[0] for group in by_hash.values()]
    fingerprints = {number: seen[number].fingerprint for number in firsts}
    for number, other in near_copies(fingerprints, [patient for _, patient in who]):
        yield number, Problem(
            "alike", "warning",
            f"its first frame is similar to that of {who[other][0]}{_of(who[other][1])}.",
            "Check both (--pairs): if one is a copy, give both the same patient, or remove one.",
            who[other][0],
        )  # fmt: skip


def _same_bytes(number: int, others: Sequence[int], who: Sequence[Who]) -> Problem:
    names = ", ".join(f"{who[other][0]}{_of(who[other][1])}" for other in others)
    patient = who[number][1]
    leak = patient is not None and any(who[other][1] != patient for other in others)
    return Problem(
        "duplicate", "error" if leak else "warning",
        f"has the same content as {names}.",
        "One patient would be in both training and test set: correct the patients, or remove one."
        if leak else "Remove one; otherwise it counts twice.",
    )  # fmt: skip


def _of(patient: str | None) -> str:
    return "" if patient is None else f" (patient {patient!r})"
